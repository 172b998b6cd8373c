/* walk.h - the points of a gallery or of an archive, one after another in order of their ids. */
#ifndef GALLERY_WALK_H
#define GALLERY_WALK_H

#include "archive.h"

typedef struct gallery_walk gallery_walk;

/* Opens the gallery or archive at `path` for reading. `embeddings`: hand them out, where there are
 * any. A gallery is read in one snapshot. */
int gallery_walk_open(gallery_context *ctx, const char *path, bool embeddings, gallery_walk **w);
void gallery_walk_close(gallery_walk *w);

/* Of a gallery, points: those with an embedding. */
void gallery_walk_describe(const gallery_walk *w, gallery_archive_info *info);

/* The next point, valid until the next call; GALLERY_END after the last. Else as gallery_each and
 * gallery_archive_next. */
int gallery_walk_next(gallery_walk *w, gallery_item *item);

#endif
