/* blocks.h - inside libgallery: a stored block read whole, and written anew. */
#ifndef GALLERY_BLOCKS_H
#define GALLERY_BLOCKS_H

#include "storage.h"

/* A block with all that belongs to it, copied out of the map, which moves while we write. */
struct gallery_whole {
    uint64_t key;
    struct gallery_block block; /* count 0: there is none */
    struct gallery_rows rows;
    struct gallery_attributes attributes;
    uint64_t ids[GALLERY_BLOCK_CAPACITY];
    uint8_t *copy, *rows_copy, *encoded; /* room for a block, and for its entry of tags */
};

int gallery_whole_make(gallery *g, struct gallery_whole **whole);
void gallery_whole_free(struct gallery_whole *whole);

/* Reads the block with this key; `embeddings` false leaves those out of the copy. */
int gallery_whole_read(gallery *g, MDB_txn *txn, uint64_t key, bool embeddings,
                       struct gallery_whole *whole);
void gallery_whole_clear(struct gallery_whole *whole); /* to one that is not there */
struct gallery_row gallery_whole_row(const struct gallery_whole *whole, size_t i);

/* Writes rows [n] in place of the block, as one or more, evenly filled, or none; the metadata in g
 * follow. */
int gallery_whole_replace(gallery *g, MDB_txn *txn, const struct gallery_whole *whole,
                          const struct gallery_row *rows, size_t n);

/* Writes new tags and attributes for the block's very rows. The block and its index stay. */
int gallery_whole_relabel(gallery *g, MDB_txn *txn, const struct gallery_whole *whole,
                          const struct gallery_row *rows);

int gallery_drop(gallery *g, MDB_txn *txn, MDB_dbi db, uint64_t id);

#endif
