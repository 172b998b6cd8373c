/* archive.h - a gallery as one file that can be carried anywhere and checked: .vtg.
 *
 * Unlike a gallery's own file, an archive is safe to read whatever its bytes are: each size is
 * bounded before anything is allocated, each block has a checksum, and a trailer covers the whole.
 * Format: schemas/archive.md.
 */
#ifndef GALLERY_ARCHIVE_H
#define GALLERY_ARCHIVE_H

#include "store.h"

#include <stdbool.h>
#include <stdio.h>

/* One point, with all that a gallery keeps of it. Everything is borrowed. */
typedef struct gallery_item {
    uint64_t id;
    double lon_deg, lat_deg;
    const char *properties; /* the text of a JSON object, or NULL */
    const char *tags;       /* names in ascending order, LF between them; the nameless is "" */
    const float *embedding; /* [dim]; NULL where there are none */
} gallery_item;

typedef struct gallery_archive_info {
    gallery_setup setup;
    bool embeddings;           /* false: points alone, for the encoder that setup names */
    unsigned long long points; /* as the header says; the end of the file proves it */
    unsigned long long staged; /* of a gallery: points without an embedding, which are left out */
} gallery_archive_info;

/* ------------------------------------------------------------------ writing
 * The same points give the same bytes. `out` must be at its start, and is not closed. */
typedef struct gallery_archive_writer gallery_archive_writer;
int gallery_archive_writer_open(gallery_context *ctx, FILE *out, const char *name,
                                const gallery_archive_info *info, gallery_archive_writer **w);
/* In ascending order of ids. */
int gallery_archive_writer_add(gallery_archive_writer *w, const gallery_item *item);
/* The rest, and the trailer. GALLERY_EUSAGE if there were not as many points as announced. */
int gallery_archive_writer_finish(gallery_archive_writer *w);
void gallery_archive_writer_close(gallery_archive_writer *w);

/* ------------------------------------------------------------------ reading
 * path "-": standard input. Memory stays under 32 MiB whatever the file says. */
typedef struct gallery_archive gallery_archive;
int gallery_archive_open(gallery_context *ctx, const char *path, gallery_archive **a);
/* Reads `in`, which it closes in the end, and calls it `name` in messages. */
int gallery_archive_read(gallery_context *ctx, FILE *in, const char *name, gallery_archive **a);
void gallery_archive_close(gallery_archive *a);
void gallery_archive_describe(const gallery_archive *a, gallery_archive_info *info);

/* The next point, in ascending order of ids, valid until the next call. GALLERY_END comes only
 * when the whole file has proved sound: before that, what was read is not to be trusted.
 * GALLERY_EFORMAT, GALLERY_ECHECKSUM, GALLERY_EVALUE: damaged. */
int gallery_archive_next(gallery_archive *a, gallery_item *item);

/* Does the file begin as an archive does? */
bool gallery_archive_recognise(const char *path);

#endif
