/* rows.h - inside libgallery: what of a block's rows changes without their embeddings: their tags.
 *
 * A row without a tag is hidden: it is no point of the gallery. So new rows can be embedded long
 * before one small transaction shows them, and a row can go without its block being rewritten.
 */
#ifndef GALLERY_ROWS_H
#define GALLERY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GALLERY_FORMAT_VERSION 1
#define GALLERY_BLOCK_CAPACITY 256 /* points: a patch of ground, 256 KB of float16 */
#define GALLERY_TAGS_MAX 255       /* of one point */

struct gallery_tagset { /* numbers of tags in ascending order, as 2 bytes each, not aligned */
    const uint8_t *at;
    size_t n;
};

bool gallery_tagset_ordered(struct gallery_tagset set);
bool gallery_tagset_has(struct gallery_tagset set, uint16_t tag);
bool gallery_tagset_equal(struct gallery_tagset a, struct gallery_tagset b);
uint16_t gallery_tagset_get(struct gallery_tagset set, size_t i);
/* Into `room`, of a.n + b.n or set.n numbers. */
struct gallery_tagset gallery_tagset_union(struct gallery_tagset a, struct gallery_tagset b,
                                           uint8_t *room);
struct gallery_tagset gallery_tagset_without(struct gallery_tagset set, uint16_t tag,
                                             uint8_t *room);

struct gallery_rows { /* a view of an entry of `rows` */
    uint32_t count;
    bool attributes; /* an entry in `attrs` belongs to the block */
    struct gallery_tagset tags[GALLERY_BLOCK_CAPACITY];
};

/* Most bytes of an entry: every row with all the tags it can have. */
#define GALLERY_ROWS_MAX_BYTES \
    (24 + GALLERY_BLOCK_CAPACITY * (1 + 1 + 2 * (size_t)GALLERY_TAGS_MAX))

size_t gallery_rows_encode(const struct gallery_rows *rows, uint8_t *out);
/* NULL, or what is wrong; *status tells GALLERY_ECHECKSUM and GALLERY_EFORMAT apart. */
const char *gallery_rows_decode(const void *data, size_t size, size_t count,
                                struct gallery_rows *rows, int *status);

/* Rows that are points: those with a tag. */
size_t gallery_rows_visible(const struct gallery_rows *rows);

#endif
