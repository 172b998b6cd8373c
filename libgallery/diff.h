/* diff.h - what changed between two streams of points: a diff of the ground. */
#ifndef GALLERY_DIFF_H
#define GALLERY_DIFF_H

#include "grid.h"

typedef struct gallery_diff_counts {
    unsigned long long added, removed, kept;
} gallery_diff_counts;

/* Reads both streams (vt-stream(5)), in any order of their points and in bounded memory, and hands
 * on, in the order of ids, the points that only one of them has: with its properties, after
 * `change`, which is "added" or "removed". A point is its coordinate; of several in one stream, the
 * one with the smallest text of properties counts. A path "-" is standard input. counts, which may
 * be NULL, are set. GALLERY_EFORMAT and GALLERY_EIO name file and line. */
int gallery_diff(gallery_context *ctx, const char *old_path, const char *new_path,
                 gallery_grid_fn take, void *user, gallery_diff_counts *counts);

#endif
