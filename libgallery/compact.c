/* compact.c - a gallery copied into a file without gaps, which then takes its name. */
#include "pack.h"
#include "replace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCKS 64 /* copied in one transaction, of embeddings of up to */
#define BYTES ((size_t)64 << 20)

struct copy {
    gallery *from, *to;
    MDB_txn *source;
    struct gallery_whole *whole;
    struct gallery_pack *pack;
    struct gallery_tags tags;
    struct gallery_renumbering numbers;
    unsigned long long done;
};

static int write_rows(gallery *to, MDB_txn *txn, void *user) {
    const struct copy *c = user;
    (void)to;
    return gallery_pack_write(c->pack, txn);
}

static int flush(struct copy *c) {
    gallery_pack_settle(c->pack);
    /* an error's text is in our context already: it is the same one */
    if (c->pack->n) GALLERY_TRY(gallery_write(c->to, write_rows, c));
    gallery_pack_clear(c->pack);
    return GALLERY_OK;
}

static int copy_block(struct copy *c, uint64_t key) {
    struct gallery_whole *w = c->whole;
    GALLERY_TRY(gallery_whole_read(c->from, c->source, key, true, w));
    for (size_t i = 0; i < w->block.count; i++) {
        struct gallery_row row = gallery_whole_row(w, i);
        if (!row.tags.n) continue;
        GALLERY_TRY(gallery_pack_add(c->pack, &row, &c->numbers));
        if (gallery_pack_due(c->pack)) GALLERY_TRY(flush(c));
    }
    c->done++;
    return GALLERY_OK;
}

static int copy_blocks(struct copy *c, gallery_progress_fn progress, void *user) {
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id;
    int rc = mdb_cursor_open(c->source, c->from->blocks_db, &cursor), status;
    if (rc) return gallery_fail_store(c->from, rc);
    while ((status = gallery_cursor_get(c->from, cursor, MDB_NEXT, &id, &value)) == GALLERY_OK) {
        GALLERY_GO(copy_block(c, id));
        if (progress && !progress(user, c->done, c->from->meta.blocks)) break;
    }
done:
    mdb_cursor_close(cursor);
    if (status == GALLERY_OK) return GALLERY_END; /* stopped */
    return status == GALLERY_END ? flush(c) : status;
}

static int copy_rest(gallery *to, MDB_txn *txn, void *user) {
    const struct copy *c = user;
    return gallery_pack_rest(c->from, c->source, &c->tags, &c->numbers, to, txn);
}

static int copy_all(struct copy *c, gallery_progress_fn progress, void *user) {
    int status = GALLERY_OK;
    size_t block = gallery_block_bytes(GALLERY_BLOCK_CAPACITY, (size_t)c->to->meta.setup.dim,
                                       c->to->meta.setup.dtype);
    size_t most = block * BLOCKS <= BYTES ? BLOCKS : BYTES / block;
    GALLERY_GO(gallery_whole_make(c->from, &c->whole));
    GALLERY_GO(gallery_pack_make(c->to, most * GALLERY_BLOCK_CAPACITY, &c->pack));
    GALLERY_GO(gallery_pack_tags(c->from, &c->tags, &c->numbers));
    GALLERY_GO(gallery_read_begin(c->from, &c->source));
    status = gallery_write(c->to, copy_rest, c);
    if (status == GALLERY_OK) status = copy_blocks(c, progress, user);
    gallery_read_end(c->from, c->source);
done:
    gallery_whole_free(c->whole);
    gallery_pack_free(c->pack);
    free(c->tags.names);
    return status;
}

int gallery_compact(gallery *g, gallery_progress_fn progress, void *user) {
    gallery *to = NULL;
    char *real = NULL, *beside = NULL;
    unsigned long long built;
    gallery_info info;
    struct copy *c = NULL;
    int status;
    GALLERY_GO(gallery_require_writer(g));
    GALLERY_GO(gallery_stage_tidy(g));
    GALLERY_GO(gallery_stat(g, &info));
    real = realpath(g->path, NULL);
    c = calloc(1, sizeof *c);
    if (!real || !c || asprintf(&beside, "%s-compact", real) < 0) {
        beside = NULL;
        status =
            real ? gallery_fail_memory(g->ctx, sizeof *c) : gallery_fail_errno(g->ctx, g->path);
        goto done;
    }
    unlink(beside);
    GALLERY_GO(gallery_open_new(g->ctx, beside, &g->meta.setup, &to));
    mdb_env_set_flags(to->environment.env, MDB_NOSYNC, 1); /* once, at the end */
    *c = (struct copy){.from = g, .to = to};
    GALLERY_GO(copy_all(c, progress, user));
    if (info.indexed_blocks) GALLERY_GO(gallery_index_build(to, NULL, NULL, &built));
    status = gallery_replace(g, real, to, beside);
done:
    gallery_close(to);
    free(beside);
    free(real);
    free(c);
    return status;
}
