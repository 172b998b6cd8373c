/* dump.h - points with their embeddings as text, and back: the records of vt-stream(5) with the
 * properties `gallery` (the encoder's id), `gallery_tags` (if there are any) and `embedding`. */
#ifndef GALLERY_DUMP_H
#define GALLERY_DUMP_H

#include "archive.h"
#include "record.h"

/* One point as one line; what its attributes have under those three names is left out. */
int gallery_item_write(gallery_context *ctx, const gallery_item *item, const gallery_setup *setup,
                       FILE *out, bool flush);

typedef struct gallery_loader gallery_loader;

/* dtype 0: float16 if that is what the first record's numbers are. */
int gallery_loader_open(gallery_context *ctx, enum gallery_dtype dtype, gallery_loader **l);
void gallery_loader_close(gallery_loader *l);

/* The point of a record, valid until the next call. The first one says what gallery they are for,
 * and the others must agree: GALLERY_EMISMATCH. GALLERY_EFORMAT, GALLERY_EVALUE: not such a record,
 * or with dtype 0 one that would lose digits. Messages do not name file and line. */
int gallery_loader_take(gallery_loader *l, const gallery_record *record, gallery_item *item);
const gallery_setup *gallery_loader_setup(const gallery_loader *l);

#endif
