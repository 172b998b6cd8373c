#include "make.h"
#include "context.h"
#include "bytes.h"
#include "geodesy.h"
#include "pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Points that come in order of their ids, as out of a gallery or an archive, are written at once,
 * in full blocks. From the first one that does not on, all go through the stage. */

#define POINTS 4096                  /* written together */
#define NUMBERS ((size_t)4 << 20)    /* or fewer, with large embeddings */
#define TEXT_BYTES ((size_t)8 << 20) /* or long texts */

struct added {
    uint64_t id;
    size_t row; /* in numbers */
};

struct gallery_maker {
    gallery_context *ctx;
    gallery *g;
    bool embeddings;
    size_t dim, most, n;
    gallery_point *points; /* [most], each with its own properties */
    struct added *added;   /* [most], in order of ids while they are written */
    float *numbers;        /* [most][dim] */
    size_t text_size;
    uint16_t *tags;                  /* [most][GALLERY_TAGS_MAX] */
    char *names;                     /* of the last point: neighbours mostly have the same ... */
    uint16_t last[GALLERY_TAGS_MAX]; /* ... so their numbers are known */
    size_t last_n;
    struct gallery_pack *pack; /* NULL: through the stage */
    uint64_t last_id;          /* of the pack, or before it */
    bool any;                  /* there is such a point */
};

int gallery_maker_open(gallery_context *ctx, const char *path, const gallery_setup *setup,
                       bool embeddings, gallery_maker **out) {
    int status = GALLERY_OK;
    gallery_maker *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m) return gallery_fail_memory(ctx, sizeof *m);
    GALLERY_GO(gallery_open_new(ctx, path, setup, &m->g));
    m->ctx = ctx;
    m->embeddings = embeddings;
    m->dim = (size_t)setup->dim;
    m->most = NUMBERS / m->dim < POINTS ? NUMBERS / m->dim : POINTS;
    m->points = calloc(m->most, sizeof *m->points);
    m->added = malloc(m->most * sizeof *m->added);
    m->numbers = malloc((embeddings ? m->most * m->dim : 1) * sizeof *m->numbers);
    m->tags = malloc(m->most * GALLERY_TAGS_MAX * sizeof *m->tags);
    if (!m->points || !m->added || !m->numbers || !m->tags)
        status = gallery_fail_memory(ctx, m->most * m->dim * sizeof *m->numbers);
    gallery_set_batch(m->g, m->most);
    m->g->restoring = true;
    if (embeddings && status == GALLERY_OK) {
        size_t blocks = m->most / GALLERY_BLOCK_CAPACITY;
        status = gallery_pack_make(m->g, (blocks ? blocks : 1) * GALLERY_BLOCK_CAPACITY, &m->pack);
    }
done:
    if (status == GALLERY_OK)
        *out = m;
    else
        gallery_maker_close(m);
    return status;
}

static void forget(gallery_maker *m) {
    for (size_t i = 0; i < m->n; i++) free((char *)(uintptr_t)m->points[i].properties);
    m->n = m->text_size = 0;
}

void gallery_maker_close(gallery_maker *m) {
    if (!m) return;
    forget(m);
    gallery_pack_free(m->pack);
    gallery_close(m->g);
    free(m->points);
    free(m->added);
    free(m->numbers);
    free(m->tags);
    free(m->names);
    free(m);
}

/* --------------------------------------------------------------------- write */

static int by_id(const void *a, const void *b) {
    const struct added *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* "Embeds" by looking up what came with the points. */
static int look_up(void *user, const double *lonlat, size_t n, float *out) {
    const gallery_maker *m = user;
    for (size_t i = 0; i < n; i++) {
        uint64_t id = gallery_point_id(lonlat[2 * i], lonlat[2 * i + 1]);
        size_t low = 0, high = m->n; /* the first of those with this id */
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (m->added[middle].id < id)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == m->n || m->added[low].id != id) return 1;
        memcpy(out + i * m->dim, m->numbers + m->added[low].row * m->dim, m->dim * sizeof *out);
    }
    return 0;
}

/* A point that comes twice at once keeps its attributes if the second has none, as it would had it
 * come before. */
static void sort_points(gallery_maker *m) {
    for (size_t i = 0; i < m->n; i++) m->added[i] = (struct added){m->points[i].id, i};
    qsort(m->added, m->n, sizeof *m->added, by_id);
    for (size_t i = 1; i < m->n; i++) {
        gallery_point *first = m->points + m->added[i - 1].row;
        gallery_point *second = m->points + m->added[i].row;
        if (first->id != second->id || second->properties) continue;
        second->properties = first->properties;
        first->properties = NULL;
    }
}

static int write_points(gallery_maker *m) {
    gallery_changes changes;
    if (!m->n) return GALLERY_OK;
    sort_points(m);
    int status = gallery_stage(m->g, m->points, m->n);
    if (status == GALLERY_OK && m->embeddings)
        status = gallery_embed_staged(m->g, look_up, NULL, m, &changes);
    forget(m);
    return status;
}

/* ---------------------------------------------------------------------- in order */

static int write_rows(gallery *g, MDB_txn *txn, void *user) {
    (void)g;
    return gallery_pack_write(user, txn);
}

static int write_pack(gallery_maker *m) {
    gallery_pack_settle(m->pack);
    if (m->pack->n) GALLERY_TRY(gallery_write(m->g, write_rows, m->pack));
    gallery_pack_clear(m->pack);
    return GALLERY_OK;
}

static int pack_point(gallery_maker *m, const gallery_point *point, const float *embedding) {
    uint8_t tags[2 * GALLERY_TAGS_MAX];
    double lonlat[2] = {point->lon_deg, point->lat_deg};
    GALLERY_TRY(gallery_check_stageable(m->g, point));
    for (size_t i = 0; i < point->tags_n; i++) gallery_put16(tags + 2 * i, point->tags[i]);
    struct gallery_row row = {.id = point->id,
                              .lon = (int32_t)lround(point->lon_deg * 1e7),
                              .lat = (int32_t)lround(point->lat_deg * 1e7),
                              .text = point->properties,
                              .length = point->properties ? strlen(point->properties) : 0,
                              .tags = {tags, point->tags_n}};
    uint8_t *bytes = m->pack->bytes + m->pack->n * m->pack->row_bytes;
    GALLERY_TRY(gallery_encode_points(m->g, lonlat, 1, embedding, bytes));
    GALLERY_TRY(gallery_pack_add(m->pack, &row, NULL));
    m->last_id = point->id;
    m->any = true;
    return gallery_pack_due(m->pack) ? write_pack(m) : GALLERY_OK;
}

static int leave_order(gallery_maker *m) {
    GALLERY_TRY(write_pack(m));
    gallery_pack_free(m->pack);
    m->pack = NULL;
    return GALLERY_OK;
}

/* ----------------------------------------------------------------------- add */

/* The numbers in this gallery of the tags that are named. */
static int number_tags(gallery_maker *m, const char *names) {
    if (m->names && !strcmp(m->names, names)) return GALLERY_OK;
    free(m->names);
    m->last_n = 0;
    m->names = strdup(names);
    if (!m->names) return gallery_fail_memory(m->ctx, strlen(names));
    for (const char *name = m->names; name;) {
        char one[128];
        size_t length = strcspn(name, "\n");
        if (length >= sizeof one || m->last_n == GALLERY_TAGS_MAX)
            return gallery_fail(m->ctx, GALLERY_EVALUE, "%s: too many tags, or too long ones",
                                m->g->path);
        memcpy(one, name, length);
        one[length] = 0;
        uint16_t number = 0;
        if (length) GALLERY_TRY(gallery_tag_make(m->g, one, &number));
        size_t at = m->last_n++;
        for (; at && m->last[at - 1] > number; at--) m->last[at] = m->last[at - 1];
        m->last[at] = number;
        name = name[length] ? name + length + 1 : NULL;
    }
    return GALLERY_OK;
}

static int keep_point(gallery_maker *m, const gallery_item *item, gallery_point point) {
    char *text = item->properties ? strdup(item->properties) : NULL;
    if (item->properties && !text) return gallery_fail_memory(m->ctx, strlen(item->properties));
    uint16_t *tags = m->tags + m->n * GALLERY_TAGS_MAX;
    memcpy(tags, m->last, m->last_n * sizeof *tags);
    point.properties = text;
    point.tags = tags;
    m->points[m->n] = point;
    if (m->embeddings)
        memcpy(m->numbers + m->n * m->dim, item->embedding, m->dim * sizeof *m->numbers);
    m->n++;
    m->text_size += text ? strlen(text) : 0;
    return m->n < m->most && m->text_size < TEXT_BYTES ? GALLERY_OK : write_points(m);
}

int gallery_maker_add(gallery_maker *m, const gallery_item *item) {
    int status = number_tags(m, item->tags);
    if (status != GALLERY_OK) {
        free(m->names); /* half of them may be numbered */
        m->names = NULL;
        return status;
    }
    const gallery_point point = {.id = item->id,
                                 .lon_deg = item->lon_deg,
                                 .lat_deg = item->lat_deg,
                                 .properties = item->properties,
                                 .tags = m->last,
                                 .tags_n = m->last_n};
    if (m->pack && m->any && item->id <= m->last_id) GALLERY_TRY(leave_order(m));
    return m->pack ? pack_point(m, &point, item->embedding) : keep_point(m, item, point);
}

int gallery_maker_finish(gallery_maker *m) {
    if (m->pack) GALLERY_TRY(write_pack(m));
    GALLERY_TRY(write_points(m));
    return gallery_publish(m->g);
}
