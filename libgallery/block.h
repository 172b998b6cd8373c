/* block.h - inside libgallery: the bytes of every value in a gallery, written and read.
 *
 * schemas/gallery.md describes them. Values are little-endian, keys big-endian. The readers take
 * any bytes: they return NULL, or why the bytes are not what they should be. They read no memory
 * outside them, and what they hand out points into them.
 */
#ifndef GALLERY_BLOCK_H
#define GALLERY_BLOCK_H

#include "rows.h"
#include "store.h"

#include <stdbool.h>

#define GALLERY_DIM_MAX 8192
#define GALLERY_META_BYTES 128
#define GALLERY_KEY_BYTES 8
#define GALLERY_STAGE_HEADER 16
#define GALLERY_INDEX_HEADER 32

void gallery_key_encode(uint64_t id, uint8_t key[GALLERY_KEY_BYTES]);
uint64_t gallery_key_decode(const uint8_t key[GALLERY_KEY_BYTES]);

/* ---------------------------------------------------------------- metadata */

struct gallery_meta {
    gallery_setup setup;
    uint32_t capacity;       /* most points of a block */
    uint64_t points, blocks; /* how many there are */
    uint64_t hidden;         /* rows of blocks without a tag, which are no points */
    uint64_t waiting;        /* what is staged before this id has its embedding; 0: nothing has */
};

void gallery_meta_encode(const struct gallery_meta *meta, uint8_t out[GALLERY_META_BYTES]);
const char *gallery_meta_decode(const void *data, size_t size, struct gallery_meta *meta);

/* ------------------------------------------------------------------ blocks */

struct gallery_row { /* one point on its way into a block */
    uint64_t id;
    int32_t lon, lat;     /* 1e-7 degrees */
    const uint8_t *bytes; /* embedding as stored: [dim] of the block's dtype */
    const char *text;     /* attributes, NULL without; not terminated */
    size_t length;
    struct gallery_tagset tags; /* empty: hidden */
};

struct gallery_block { /* a view of a stored block */
    uint32_t count, dim;
    enum gallery_dtype dtype;
    uint64_t checksum;
    int32_t west, south, east, north; /* 1e-7 degrees */
    const uint8_t *data, *coordinates, *embeddings;
    size_t size;
};

size_t gallery_dtype_bytes(enum gallery_dtype dtype);
/* How far from 1 the length of a stored embedding may be. */
double gallery_unit_tolerance(const gallery_setup *setup);
size_t gallery_block_bytes(size_t count, size_t dim, enum gallery_dtype dtype);

/* Rows in order of ids, 1 to GALLERY_BLOCK_CAPACITY. out: gallery_block_bytes(). */
void gallery_block_encode(const struct gallery_row *rows, size_t count, const gallery_setup *setup,
                          uint8_t *out);

/* Checks header and size against `meta`; the checksum and the rest are checked apart, as they cost
 * a pass over the block. */
const char *gallery_block_decode(const void *data, size_t size, const struct gallery_meta *meta,
                                 struct gallery_block *block);
bool gallery_block_sound(const struct gallery_block *block); /* the checksum holds */

void gallery_block_coordinate(const struct gallery_block *block, size_t i, double *lon_deg,
                              double *lat_deg);
/* ids: [count]. NULL, or what is wrong: a coordinate off the Earth, the order, the first id. */
const char *gallery_block_ids(const struct gallery_block *block, uint64_t key, uint64_t *ids);

/* -------------------------------------------------------------- attributes */

/* Compressed texts of a block's rows. *out is the caller's to free. false: memory. */
bool gallery_attributes_encode(const struct gallery_row *rows, size_t count, uint8_t **out,
                               size_t *size);

struct gallery_attributes {
    uint8_t *raw; /* owned: lengths [count], then texts, not terminated */
    size_t count;
    const char **texts; /* owned; [count], NULL without attributes */
    size_t *lengths;    /* owned */
};

/* Unpacks. *status tells GALLERY_ECHECKSUM, GALLERY_EFORMAT and GALLERY_ENOMEM apart. */
const char *gallery_attributes_decode(const void *data, size_t size, size_t count,
                                      struct gallery_attributes *attributes, int *status);
void gallery_attributes_free(struct gallery_attributes *attributes);

/* ------------------------------------------------------------- stage, index */

struct gallery_staged {
    struct gallery_tagset tags; /* empty: to be embedded, but not yet shown */
    const char *text;           /* NULL without; not terminated */
    size_t length;
};

size_t gallery_stage_bytes(struct gallery_tagset tags, size_t length);
void gallery_stage_encode(struct gallery_tagset tags, const char *text, size_t length,
                          uint8_t *out);
const char *gallery_stage_decode(const void *data, size_t size, struct gallery_staged *staged,
                                 int *status);

struct gallery_patch { /* a view of an entry of the index */
    float radius;      /* every embedding of the block lies within it around the mean */
    uint64_t block_checksum;
    const uint8_t *mean; /* float [dim], not aligned */
};

size_t gallery_patch_bytes(size_t dim);
void gallery_patch_encode(const float *mean, size_t dim, float radius, uint64_t block_checksum,
                          uint8_t *out);
const char *gallery_patch_decode(const void *data, size_t size, size_t dim,
                                 struct gallery_patch *patch);

#endif
