/* archive_block.h - inside libgallery: the bytes of a .vtg archive, written and read.
 *
 * schemas/archive.md describes them. The readers take any bytes: they return NULL, or why the
 * bytes are not what they should be, and read nothing outside them.
 */
#ifndef GALLERY_ARCHIVE_BLOCK_H
#define GALLERY_ARCHIVE_BLOCK_H

#include "store.h"

#include <stdbool.h>

#define GALLERY_ARCHIVE_VERSION 1
#define GALLERY_ARCHIVE_HEADER 64
#define GALLERY_ARCHIVE_BLOCK_HEADER 24
#define GALLERY_ARCHIVE_TRAILER 40
#define GALLERY_ARCHIVE_POINTS 4096              /* of a block, at most */
#define GALLERY_ARCHIVE_RAW ((size_t)4 << 20)    /* bytes that a block unpacks to, at most */
#define GALLERY_ARCHIVE_PACKED ((size_t)5 << 20) /* and that it takes */
#define GALLERY_ARCHIVE_TAGS_MAX_BYTES 65535     /* the tags of one point, as text */
#define GALLERY_ARCHIVE_TAGS 255                 /* of one point, at most */
#define GALLERY_ARCHIVE_TAG_BYTES 127            /* of one name, at most */

struct gallery_archive_header {
    gallery_setup setup;
    bool embeddings;
    uint64_t points;
};
void gallery_archive_header_encode(const struct gallery_archive_header *header, uint8_t *out);
const char *gallery_archive_header_decode(const uint8_t *in, struct gallery_archive_header *header);

/* Rows on their way into a block. */
struct gallery_archive_rows {
    size_t n, dim, number; /* bytes of a number; 0: without embeddings */
    size_t capacity;       /* rows that fit by their embeddings */
    size_t text_bytes, tag_bytes;
    int32_t (*places)[2];   /* longitude, latitude in 1e-7 degrees */
    uint32_t *text_lengths; /* 0: none */
    uint16_t *tag_lengths;
    /* These grow: embeddings [n][dim] as stored; texts one behind the other, not terminated. */
    uint8_t *embeddings, *texts, *tags;
    size_t embeddings_capacity, texts_capacity, tags_capacity;
    uint8_t *raw, *packed; /* the block's bytes */
    size_t raw_capacity, packed_capacity;
};
/* false: memory. Free also after a failure. */
bool gallery_archive_rows_make(const struct gallery_archive_header *header,
                               struct gallery_archive_rows *rows);
void gallery_archive_rows_free(struct gallery_archive_rows *rows);

/* Is there room for one more with so much text? An empty block has room for any. */
bool gallery_archive_rows_fit(const struct gallery_archive_rows *rows, size_t text, size_t tags);

/* Appends a row; embedding as stored. false: memory. */
bool gallery_archive_rows_add(struct gallery_archive_rows *rows, const int32_t place[2],
                              const char *text, size_t text_length, const char *tags,
                              size_t tags_length, const uint8_t *embedding);

/* Header and packed rows into rows->packed; returns how many bytes, 0 if memory runs out. */
size_t gallery_archive_block_encode(struct gallery_archive_rows *rows);

/* The same of n rows that are laid out already. */
size_t gallery_archive_pack(struct gallery_archive_rows *rows, size_t n, const uint8_t *raw,
                            size_t size);

/* ------------------------------------------------------------------- reading */

struct gallery_archive_view { /* a block that was read, and the next of its points */
    size_t dim, number;       /* as in gallery_archive_rows */
    uint8_t *packed, *raw;    /* header and frame; what it unpacks to. They grow as needed */
    size_t packed_capacity, raw_capacity;
    size_t n, row;     /* points in all, and those read */
    size_t text, tags; /* where the next point's lie in raw */
    uint32_t lon, lat; /* the last point's, 1e-7 degrees, as two's complement */
};
void gallery_archive_view_free(struct gallery_archive_view *view);

/* A block's header: how many bytes follow it, for which there is room behind it in view->packed
 * then. */
const char *gallery_archive_block_measure(struct gallery_archive_view *view, const uint8_t *header,
                                          size_t *packed, int *status);
/* Unpacks what stands there. *status tells GALLERY_ECHECKSUM, GALLERY_EFORMAT and GALLERY_ENOMEM
 * apart. */
const char *gallery_archive_block_decode(struct gallery_archive_view *view, int *status);

struct gallery_archive_point { /* points into the view; not terminated */
    int32_t lon, lat;
    const char *text, *tags;
    size_t text_length, tags_length;
};
/* The next of the block; view->row counts it. embedding: as stored, NULL if not wanted. */
void gallery_archive_view_next(struct gallery_archive_view *view,
                               struct gallery_archive_point *point, uint8_t *embedding);

/* ------------------------------------------------------------------- trailer */

struct gallery_archive_totals {
    uint64_t points, blocks, bytes; /* bytes: before the trailer */
};
/* All but the last 8 bytes, the checksum of everything before them. */
void gallery_archive_trailer_encode(const struct gallery_archive_totals *totals, uint8_t *out);
const char *gallery_archive_trailer_decode(const uint8_t *in,
                                           const struct gallery_archive_totals *totals,
                                           uint64_t checksum);

/* NULL, or what is wrong with the names of a point's tags (gallery_item.tags). */
const char *gallery_archive_wrong_tags(const char *tags);

/* What stands at the start of an archive, a block and the trailer. */
bool gallery_archive_is_archive(const uint8_t start[8]);
bool gallery_archive_is_block(const uint8_t magic[4]);
bool gallery_archive_is_trailer(const uint8_t magic[4]);

#endif
