/* compare.h - what has changed between two galleries or archives. */
#ifndef GALLERY_COMPARE_H
#define GALLERY_COMPARE_H

#include "walk.h"

enum gallery_change { /* of one point; the changes of one that stays are a sum */
                      GALLERY_POINT_ADDED = 1,
                      GALLERY_POINT_REMOVED = 2,
                      GALLERY_POINT_EMBEDDING = 4,
                      GALLERY_POINT_ATTRIBUTES = 8, /* as text */
                      GALLERY_POINT_TAGS = 16
};

typedef struct gallery_comparison {
    unsigned long long added, removed, changed, unchanged; /* points */
    unsigned long long embeddings, attributes, tags;       /* what has changed of the changed */
} gallery_comparison;

/* Compares all points, in order of ids. Calls `each` (which may be NULL) for those that differ, as
 * they are now, or were if removed; non-zero stops the work: GALLERY_END. Embeddings are compared
 * where both have them; GALLERY_EMISMATCH if those are of two encoders or sizes. */
typedef int (*gallery_compare_fn)(void *user, unsigned change, const gallery_item *item);
int gallery_compare(gallery_context *ctx, gallery_walk *old, gallery_walk *new,
                    gallery_compare_fn each, void *user, gallery_comparison *result);

#endif
