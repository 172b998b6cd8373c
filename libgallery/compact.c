/* compact.c - a gallery copied into a file without gaps, which then takes its name.
 *
 * Readers of the old file go on with it. Both files share GALLERY-lock, where LMDB keeps the number
 * of the last transaction, by which readers choose between a file's two heads; so the new file's
 * heads get the numbers of the old one's, whose transactions are brought level first.
 */
#include "blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCKS 64 /* copied in one transaction */

struct copy {
    gallery *from, *to;
    MDB_txn *source;
    struct gallery_whole *wholes[BLOCKS], *none;
    struct gallery_row rows[BLOCKS * GALLERY_BLOCK_CAPACITY];
    size_t blocks_n, rows_n;
    unsigned long long done;
};

static int write_rows(gallery *to, MDB_txn *txn, void *user) {
    const struct copy *c = user;
    return gallery_whole_replace(to, txn, c->none, c->rows, c->rows_n);
}

static int flush(struct copy *c) {
    int status = c->rows_n ? gallery_write(c->to, write_rows, c) : GALLERY_OK;
    if (status != GALLERY_OK) /* the text is in our context already: it is the same one */
        return status;
    c->done += c->blocks_n;
    c->rows_n = c->blocks_n = 0;
    return GALLERY_OK;
}

static int copy_block(struct copy *c, uint64_t key) {
    struct gallery_whole *w = c->wholes[c->blocks_n++];
    GALLERY_TRY(gallery_whole_read(c->from, c->source, key, true, w));
    for (size_t i = 0; i < w->block.count; i++)
        if (w->rows.tags[i].n) c->rows[c->rows_n++] = gallery_whole_row(w, i);
    return c->blocks_n == BLOCKS ? flush(c) : GALLERY_OK;
}

static int copy_blocks(struct copy *c, gallery_progress_fn progress, void *user) {
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id;
    int rc = mdb_cursor_open(c->source, c->from->blocks_db, &cursor), status;
    if (rc) return gallery_fail_store(c->from, rc);
    while ((status = gallery_cursor_get(c->from, cursor, MDB_NEXT, &id, &value)) == GALLERY_OK) {
        GALLERY_GO(copy_block(c, id));
        if (!c->blocks_n && progress && !progress(user, c->done, c->from->meta.blocks)) break;
    }
done:
    mdb_cursor_close(cursor);
    if (status == GALLERY_OK) return GALLERY_END; /* stopped */
    return status == GALLERY_END ? flush(c) : status;
}

/* Tags keep their numbers, and what is staged stays so. */
static int copy_rest(gallery *to, MDB_txn *txn, void *user) {
    const struct copy *c = user;
    MDB_cursor *cursor;
    MDB_val key, value;
    if (c->from->tags.n) GALLERY_TRY(gallery_tags_write(to, txn, &c->from->tags));
    int rc = mdb_cursor_open(c->source, c->from->stage_db, &cursor);
    if (rc) return gallery_fail_store(c->from, rc);
    while (!(rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)))
        if ((rc = mdb_put(txn, to->stage_db, &key, &value, MDB_APPEND))) break;
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? GALLERY_OK : gallery_fail_store(to, rc);
}

static int copy_all(struct copy *c, gallery_progress_fn progress, void *user) {
    int status = GALLERY_OK;
    for (size_t i = 0; status == GALLERY_OK && i < BLOCKS; i++)
        status = gallery_whole_make(c->from, c->wholes + i);
    if (status == GALLERY_OK) status = gallery_whole_make(c->to, &c->none);
    if (status == GALLERY_OK) status = gallery_read_begin(c->from, &c->source);
    if (status == GALLERY_OK) {
        status = gallery_write(c->to, copy_rest, c);
        if (status == GALLERY_OK) status = copy_blocks(c, progress, user);
        gallery_read_end(c->from, c->source);
    }
    for (size_t i = 0; i < BLOCKS; i++) gallery_whole_free(c->wholes[i]);
    gallery_whole_free(c->none);
    return status;
}

/* ------------------------------------------------------------------------ heads */

static int last_transaction(gallery *g, uint64_t *number) {
    MDB_envinfo info;
    int rc = mdb_env_info(g->environment.env, &info);
    *number = info.me_last_txnid;
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

static int nothing(gallery *g, MDB_txn *txn, void *user) {
    (void)g;
    (void)txn;
    (void)user;
    return GALLERY_OK; /* gallery_write writes the metadata again */
}

/* Until the old file has had as many transactions as the new one. */
static int draw_level(gallery *from, gallery *to, uint64_t *number) {
    uint64_t need;
    GALLERY_TRY(last_transaction(to, &need));
    GALLERY_TRY(last_transaction(from, number));
    while (*number < need) {
        GALLERY_TRY(gallery_write(from, nothing, NULL));
        GALLERY_TRY(last_transaction(from, number));
    }
    return GALLERY_OK;
}

/* ------------------------------------------------------------------------ place */

static int place(gallery *from, gallery *to, const char *real) {
    char *beside = NULL, *folder = strdup(real);
    struct stat st;
    int status = GALLERY_OK, fd = -1;
    bool linked = false;
    if (!folder || asprintf(&beside, "%s-compact", real) < 0) {
        beside = NULL;
        status = gallery_fail_memory(from->ctx, strlen(real));
        goto done;
    }
    unlink(beside); /* what a crash may have left between the next two steps */
    int at = to->hidden.fd;
    if (stat(real, &st) || fchmod(at, st.st_mode & 07777) ||
        (fchown(at, st.st_uid, st.st_gid) && errno != EPERM) || fsync(at) ||
        (to->hidden.name ? link(to->hidden.name, beside)
                         : linkat(AT_FDCWD, to->hidden.reach, AT_FDCWD, beside, AT_SYMLINK_FOLLOW)))
        status = gallery_fail_errno(from->ctx, from->path);
    linked = status == GALLERY_OK;
    if (linked && rename(beside, real)) status = gallery_fail_errno(from->ctx, from->path);
    if (linked && status != GALLERY_OK) unlink(beside);
    if (status != GALLERY_OK) goto done;
    folder[strrchr(folder, '/') - folder + (strrchr(folder, '/') == folder)] = 0;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) status = gallery_fail_errno(from->ctx, from->path);
done:
    if (fd >= 0) close(fd);
    free(beside);
    free(folder);
    return status;
}

static int replace(gallery *from, gallery *to, const char *real) {
    uint64_t number;
    GALLERY_TRY(draw_level(from, to, &number));
    int rc = mdb_env_sync(to->environment.env, 1);
    if (!rc) rc = gallery_environment_extend(&to->environment);
    if (rc) return gallery_fail_store(to, rc);
    gallery_environment_close(&to->environment);
    GALLERY_TRY(gallery_environment_number(from->ctx, to->hidden.fd, from->path, number));
    return place(from, to, real);
}

int gallery_compact(gallery *g, gallery_progress_fn progress, void *user) {
    gallery *to = NULL;
    char *real = NULL, *beside = NULL;
    unsigned long long built;
    gallery_info info;
    struct copy *c = NULL;
    int status;
    GALLERY_GO(gallery_require_writer(g));
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
    status = replace(g, to, real);
done:
    gallery_close(to);
    free(beside);
    free(real);
    free(c);
    return status;
}
