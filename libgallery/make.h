/* make.h - a new gallery made of points that have their embeddings, or of points alone. It appears
 * under its name whole, when it is finished, or not at all. */
#ifndef GALLERY_MAKE_H
#define GALLERY_MAKE_H

#include "archive.h"

typedef struct gallery_maker gallery_maker;

/* GALLERY_EEXIST if there is something at `path`. `embeddings` false: the points are staged, for
 * gallery_embed_staged. */
int gallery_maker_open(gallery_context *ctx, const char *path, const gallery_setup *setup,
                       bool embeddings, gallery_maker **m);

/* A point that is there already gets the new attributes, if any come, and the new tags beside its
 * own, and keeps its embedding. */
int gallery_maker_add(gallery_maker *m, const gallery_item *item);

/* Puts the gallery in its place; the maker can then only be closed. GALLERY_EEXIST if something
 * has come there meanwhile. */
int gallery_maker_finish(gallery_maker *m);
void gallery_maker_close(gallery_maker *m);

#endif
