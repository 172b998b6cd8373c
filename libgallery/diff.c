#include "diff.h"
#include "context.h"
#include "geodesy.h"
#include "json.h"
#include "order.h"
#include "point_reader.h"

#include <stdlib.h>
#include <string.h>

/* Adds `,"KEY":VALUE`. Takes the value. */
static void add_member(gallery_text *text, const char *key, json_t *value) {
    gallery_text_add(text, ",\"", 2);
    gallery_text_add(text, key, strlen(key));
    gallery_text_add(text, "\":", 2);
    if (value)
        gallery_text_add_json(text, value);
    else
        text->failed = true;
    json_decref(value);
}

/* The tags, which the reader takes out of the properties, go back as they came or as a list. */
static void add_tags(gallery_text *text, const gallery_point_input *in) {
    if (in->names_n == 1) add_member(text, "tag", json_string(in->names[0]));
    if (in->names_n < 2) return;
    json_t *list = json_array();
    for (size_t i = 0; list && i < in->names_n; i++)
        if (json_array_append_new(list, json_string(in->names[i]))) text->failed = true;
    add_member(text, "tags", list);
}

/* A change of an earlier run says nothing about this one. */
static void add_without_change(gallery_text *text, const char *properties) {
    json_error_t error;
    json_t *object = json_loads(properties, 0, &error), *value;
    const char *key;
    if (!object) text->failed = true;
    json_object_foreach(object, key, value) {
        if (strcmp(key, "change") != 0) add_member(text, key, json_incref(value));
    }
    json_decref(object);
}

/* The members of the properties, each after a comma. */
static void set_members(gallery_text *text, const gallery_point_input *in) {
    const char *properties = in->point.properties;
    size_t length = properties ? strlen(properties) : 0;
    text->length = 0;
    if (length > 2 && strstr(properties, "\"change\"")) {
        add_without_change(text, properties);
    } else if (length > 2) {
        gallery_text_add(text, ",", 1);
        gallery_text_add(text, properties + 1, length - 2);
    }
    add_tags(text, in);
}

static int read_points(gallery_context *ctx, const char *path, gallery_order *order) {
    gallery_reader *reader;
    gallery_point_input in = {0};
    gallery_text text = {0};
    GALLERY_TRY(gallery_reader_open(ctx, path, &reader));
    int status;
    while ((status = gallery_point_next(ctx, reader, false, &in)) == GALLERY_OK) {
        set_members(&text, &in);
        if (text.failed) status = gallery_fail_memory(ctx, text.capacity * 2);
        if (status == GALLERY_OK) status = gallery_order_text(order, text.at, text.length);
        if (status == GALLERY_OK) status = gallery_order_add(order, in.point.id, 0);
        if (status != GALLERY_OK) break;
    }
    gallery_point_input_close(&in);
    free(text.at);
    gallery_reader_close(reader);
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* ------------------------------------------------------------------- comparing */

struct side {
    gallery_order *order;
    gallery_order_entry entry;
    bool ended;
    const char *change;
    unsigned long long count; /* of the points that the other side lacks */
};

struct compared {
    struct side old, new;
    gallery_text text;
    gallery_grid_fn take;
    void *user;
};

static int advance(struct side *side) {
    int status = gallery_order_next(side->order, &side->entry);
    side->ended = status == GALLERY_END;
    return side->ended ? GALLERY_OK : status;
}

static int hand_on(gallery_context *ctx, struct compared *c, struct side *side) {
    gallery_point point = {.id = side->entry.id};
    side->count++;
    c->text.length = 0;
    gallery_text_add(&c->text, side->change, strlen(side->change));
    gallery_text_add(&c->text, side->entry.text, side->entry.length);
    gallery_text_add(&c->text, "}", 2);
    if (c->text.failed) return gallery_fail_memory(ctx, c->text.capacity * 2);
    gallery_point_from_id(point.id, &point.lon_deg, &point.lat_deg);
    point.properties = c->text.at;
    GALLERY_TRY(c->take(c->user, &point));
    return advance(side);
}

static int compare(gallery_context *ctx, struct compared *c, unsigned long long *kept) {
    GALLERY_TRY(gallery_order_begin(c->old.order, true));
    GALLERY_TRY(gallery_order_begin(c->new.order, true));
    GALLERY_TRY(advance(&c->old));
    GALLERY_TRY(advance(&c->new));
    while (!c->old.ended || !c->new.ended) {
        if (!c->old.ended && !c->new.ended && c->old.entry.id == c->new.entry.id) {
            ++*kept;
            GALLERY_TRY(advance(&c->old));
            GALLERY_TRY(advance(&c->new));
        } else {
            bool removed = c->new.ended || (!c->old.ended && c->old.entry.id < c->new.entry.id);
            GALLERY_TRY(hand_on(ctx, c, removed ? &c->old : &c->new));
        }
    }
    return GALLERY_OK;
}

int gallery_diff(gallery_context *ctx, const char *old_path, const char *new_path,
                 gallery_grid_fn take, void *user, gallery_diff_counts *counts) {
    struct compared c = {.old = {.change = "{\"change\":\"removed\""},
                         .new = {.change = "{\"change\":\"added\""},
                         .take = take,
                         .user = user};
    unsigned long long kept = 0;
    int status;
    GALLERY_GO(gallery_order_open(ctx, GALLERY_ORDER_MEMORY / 2, &c.old.order));
    GALLERY_GO(gallery_order_open(ctx, GALLERY_ORDER_MEMORY / 2, &c.new.order));
    GALLERY_GO(read_points(ctx, old_path, c.old.order));
    GALLERY_GO(read_points(ctx, new_path, c.new.order));
    GALLERY_GO(compare(ctx, &c, &kept));
    if (counts) *counts = (gallery_diff_counts){c.new.count, c.old.count, kept};
done:
    gallery_order_close(c.old.order);
    gallery_order_close(c.new.order);
    free(c.text.at);
    return status;
}
