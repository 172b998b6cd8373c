/* pack.h - inside libgallery: the points of a gallery on their way into another file, in full
 * blocks: where they are the same, so are the blocks, whatever came before.
 */
#ifndef GALLERY_PACK_H
#define GALLERY_PACK_H

#include "blocks.h"

struct gallery_pack {
    gallery *to;
    size_t n, most, row_bytes;
    struct gallery_row *rows; /* [most]; complete after gallery_pack_settle */
    uint8_t *bytes;           /* [most][row_bytes], embeddings as `to` keeps them */
    struct gallery_packed *texts;
    uint8_t *store; /* tags and attributes */
    size_t stored, capacity;
    struct gallery_whole *none;
};

/* most: a multiple of GALLERY_BLOCK_CAPACITY. */
int gallery_pack_make(gallery *to, size_t most, struct gallery_pack **pack);
void gallery_pack_free(struct gallery_pack *pack);
void gallery_pack_clear(struct gallery_pack *pack);

/* Numbers of tags in the other file, by their number here. */
struct gallery_renumbering {
    uint16_t to[UINT16_MAX + 1];
};

/* Copies a row. bytes NULL: the embedding is put into pack->bytes later. */
int gallery_pack_add(struct gallery_pack *pack, const struct gallery_row *row,
                     const struct gallery_renumbering *tags);

/* To be written now: it is full, or its texts are many; and whole blocks in any case. */
bool gallery_pack_due(const struct gallery_pack *pack);

/* Makes the rows whole, and writes them as new blocks, the last of which may be a part. */
void gallery_pack_settle(struct gallery_pack *pack);
int gallery_pack_write(const struct gallery_pack *pack, MDB_txn *txn);

/* The names of all tags in order, and so numbered anew. The names are the gallery's; free the
 * array. */
int gallery_pack_tags(const gallery *from, struct gallery_tags *tags,
                      struct gallery_renumbering *numbers);

/* Writes the names, and what is staged, into `to` in place of what is there. */
int gallery_pack_rest(gallery *from, MDB_txn *source, const struct gallery_tags *tags,
                      const struct gallery_renumbering *numbers, gallery *to, MDB_txn *txn);

#endif
