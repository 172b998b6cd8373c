#include "compare.h"
#include "context.h"

#include <string.h>

struct side {
    gallery_walk *walk;
    gallery_item item;
    bool ended;
};

static int step(struct side *side) {
    int status = side->ended ? GALLERY_END : gallery_walk_next(side->walk, &side->item);
    side->ended = status == GALLERY_END;
    return side->ended ? GALLERY_OK : status;
}

static bool equal_texts(const char *a, const char *b) {
    return a && b ? !strcmp(a, b) : a == b;
}

static unsigned differences(const gallery_item *a, const gallery_item *b, size_t dim) {
    unsigned change = 0;
    if (a->embedding && b->embedding && memcmp(a->embedding, b->embedding, dim * sizeof(float)))
        change |= GALLERY_POINT_EMBEDDING;
    if (!equal_texts(a->properties, b->properties)) change |= GALLERY_POINT_ATTRIBUTES;
    if (strcmp(a->tags, b->tags)) change |= GALLERY_POINT_TAGS;
    return change;
}

static void count(gallery_comparison *c, unsigned change) {
    const unsigned both = GALLERY_POINT_EMBEDDING | GALLERY_POINT_ATTRIBUTES | GALLERY_POINT_TAGS;
    c->added += change == GALLERY_POINT_ADDED;
    c->removed += change == GALLERY_POINT_REMOVED;
    c->changed += (change & both) != 0;
    c->unchanged += !change;
    c->embeddings += (change & GALLERY_POINT_EMBEDDING) != 0;
    c->attributes += (change & GALLERY_POINT_ATTRIBUTES) != 0;
    c->tags += (change & GALLERY_POINT_TAGS) != 0;
}

static int check_encoders(gallery_context *ctx, const struct side sides[2], size_t *dim) {
    gallery_archive_info a, b;
    gallery_walk_describe(sides[0].walk, &a);
    gallery_walk_describe(sides[1].walk, &b);
    *dim = (size_t)a.setup.dim;
    if (strcmp(a.setup.location_id, b.setup.location_id) || a.setup.dim != b.setup.dim)
        return gallery_fail(ctx, GALLERY_EMISMATCH,
                            "the old one was made for location encoder %s, the new one for %s; "
                            "their embeddings cannot be compared",
                            a.setup.location_id, b.setup.location_id);
    return GALLERY_OK;
}

int gallery_compare(gallery_context *ctx, gallery_walk *old, gallery_walk *new,
                    gallery_compare_fn each, void *user, gallery_comparison *result) {
    struct side sides[2] = {{.walk = old}, {.walk = new}}, *a = sides, *b = sides + 1;
    size_t dim;
    *result = (gallery_comparison){0};
    GALLERY_TRY(check_encoders(ctx, sides, &dim));
    GALLERY_TRY(step(a));
    GALLERY_TRY(step(b));
    while (!a->ended || !b->ended) {
        bool from_old = !a->ended && (b->ended || a->item.id <= b->item.id);
        bool from_new = !b->ended && (a->ended || b->item.id <= a->item.id);
        unsigned change = !from_old   ? GALLERY_POINT_ADDED
                          : !from_new ? GALLERY_POINT_REMOVED
                                      : differences(&a->item, &b->item, dim);
        count(result, change);
        if (change && each && each(user, change, from_new ? &b->item : &a->item))
            return GALLERY_END;
        if (from_old) GALLERY_TRY(step(a));
        if (from_new) GALLERY_TRY(step(b));
    }
    return GALLERY_OK;
}
