/* storage.h - inside libgallery: an open gallery, and how its parts read and write it. */
#ifndef GALLERY_STORAGE_H
#define GALLERY_STORAGE_H

#include "block.h"
#include "context.h"
#include "environment.h"
#include "f16.h"
#include "store.h"

#include <lmdb.h>

struct gallery_tags { /* names of the tags 1 to n; NULL: a number that is free */
    size_t n;
    char **names;
};

struct gallery_patches; /* search.c: what a reader knows about its snapshot */

struct gallery {
    gallery_context *ctx;
    char *path; /* as the caller wrote it, for messages */
    struct gallery_environment environment;
    struct gallery_hidden hidden; /* of gallery_open_new, until it is closed */
    enum gallery_access access;
    bool writer;
    char location_id[17]; /* when it was opened */
    bool restoring;       /* embeddings come from a gallery: rounded already */
    MDB_dbi meta_db, blocks_db, rows_db, attributes_db, stage_db, index_db;
    MDB_txn *snapshot; /* a reader's, as long as it is open */
    struct gallery_meta meta;
    struct gallery_tags tags;
    size_t batch;
    int last_code; /* LMDB's answer to what failed last, so that a full map can be grown */
    const struct gallery_f16 *f16;
    struct gallery_patches *patches;
    const struct gallery_confinement *confinement; /* of searches; NULL: none */
};

void gallery_patches_free(struct gallery_patches *patches);

/* The names of tags: read into g->tags; written in a transaction; NULL, or what a name lacks. */
int gallery_tags_read(gallery *g, MDB_txn *txn);
int gallery_tags_write(gallery *g, MDB_txn *txn, const struct gallery_tags *tags);
void gallery_tags_free(struct gallery_tags *tags);
const char *gallery_tag_wrong(const char *name);

/* LMDB's code as our status and text. */
int gallery_fail_store(gallery *g, int code);

/* A transaction to read in: a reader's snapshot, a writer's newest. */
int gallery_read_begin(gallery *g, MDB_txn **txn);
void gallery_read_end(gallery *g, MDB_txn *txn);

/* Runs `work` in a transaction and commits it with g->meta; grows the map and runs it again where
 * it was full. `work` may run more than once; on failure nothing has changed. */
typedef int (*gallery_work_fn)(gallery *g, MDB_txn *txn, void *user);
int gallery_write(gallery *g, gallery_work_fn work, void *user);

int gallery_require_writer(gallery *g);

/* Opens for writing what no other process opens: `path` is a file in the making, beside another
 * gallery whose writer this process is. It is made if it is not there. */
int gallery_open_alone(gallery_context *ctx, const char *path, const gallery_setup *setup,
                       gallery **g);

/* Embeddings, checked, as the gallery keeps them. numbers: [n][dim] */
int gallery_encode_points(const gallery *g, const double *lonlat, size_t n, const float *numbers,
                          uint8_t *out);

/* The embeddings of n points, in `out` as the gallery keeps them. numbers: [n][dim] */
int gallery_embed_points(gallery *g, gallery_embed_fn embed, void *user, const double *lonlat,
                         size_t n, float *numbers, uint8_t *out);

/* GALLERY_EVALUE for what is no canonical point with its id. */
int gallery_check_point(gallery *g, const gallery_point *point);
int gallery_check_stageable(gallery *g, const gallery_point *point); /* and its tags */

/* Takes off the stage what an interrupted run has embedded. Who changes the stage does so first. */
int gallery_stage_tidy(gallery *g);
/* How many points are staged; after a tidy, how many wait for an embedding. */
int gallery_stage_count(gallery *g, unsigned long long *staged);

/* As gallery_stage, but the points get no tag: embedded, they stay hidden. */
int gallery_stage_hidden(gallery *g, const gallery_point *points, size_t n);

/* Moves a cursor over a database whose keys are ids. GALLERY_END after the last. For MDB_SET_KEY
 * and MDB_SET_RANGE *id says where to. */
int gallery_cursor_get(gallery *g, MDB_cursor *cursor, MDB_cursor_op op, uint64_t *id,
                       MDB_val *value);

/* A value of `blocks`, checked but for what costs a pass over it; and that, the checksum. */
int gallery_block_view(gallery *g, uint64_t id, const MDB_val *value, struct gallery_block *block);
int gallery_block_check(gallery *g, uint64_t id, const struct gallery_block *block);
int gallery_block_read_ids(gallery *g, uint64_t key, const struct gallery_block *block,
                           uint64_t *ids);

int gallery_fail_block(gallery *g, int status, uint64_t id, const char *wrong);
int gallery_block_get(gallery *g, MDB_txn *txn, uint64_t id, MDB_val *value);

/* A block's entry of tags: its bytes, those checked, and both. */
int gallery_rows_get(gallery *g, MDB_txn *txn, uint64_t id, MDB_val *value);
int gallery_rows_view(gallery *g, uint64_t id, const MDB_val *value,
                      const struct gallery_block *block, struct gallery_rows *rows);
int gallery_rows_read(gallery *g, MDB_txn *txn, uint64_t id, const struct gallery_block *block,
                      struct gallery_rows *rows);

/* A block's attributes; all NULL if it has none. */
int gallery_attributes_read(gallery *g, MDB_txn *txn, uint64_t id, const struct gallery_rows *rows,
                            struct gallery_attributes *attributes);

/* The index's entry of a block; found: there is one, and it was made for the block as it is. */
int gallery_patch_read(gallery *g, MDB_txn *txn, uint64_t id, const struct gallery_block *block,
                       struct gallery_patch *patch, bool *found);

/* Rows [first, first + count) of a block as floats. */
void gallery_block_embeddings(const gallery *g, const struct gallery_block *block, size_t first,
                              size_t count, float *out);

#endif
