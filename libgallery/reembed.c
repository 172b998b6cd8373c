/* reembed.c - a gallery built anew for another location encoder, beside the old one.
 *
 * Both are walked in order of ids, some thousand points of the old one at a time. Where the new
 * file has just these points already, nothing is done; else they take the place of what it has
 * there, with the embeddings that it knows and those that it does not, and that is one commit. So
 * an interrupted run goes on where it stopped, and a gallery that was changed meanwhile costs what
 * has changed. At last the new file takes the gallery's name.
 */
#include "geodesy.h"
#include "pack.h"
#include "replace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBERS ((size_t)16 << 20) /* embedded at once, with large embeddings */

struct rebuild {
    gallery *from, *to;
    MDB_txn *source;
    struct gallery_whole *old, *new; /* blocks of both */
    struct gallery_pack *pack;       /* points that are to be between `begin` and `last` */
    struct gallery_pack *rest;       /* what a block of the new file holds behind `last` */
    struct gallery_tags tags;
    struct gallery_renumbering numbers;
    uint64_t begin, last;
    bool *known;      /* [most], of the pack: its embedding is there */
    bool same;        /* the new file has the very points */
    double *lonlat;   /* [most][2], of those to be embedded */
    float *floats;    /* [most][dim] */
    uint8_t *encoded; /* [most] rows */
    unsigned long long done;
};

static void rebuild_free(struct rebuild *r) {
    if (!r) return;
    gallery_whole_free(r->old);
    gallery_whole_free(r->new);
    gallery_pack_free(r->pack);
    gallery_pack_free(r->rest);
    free(r->tags.names);
    free(r->known);
    free(r->lonlat);
    free(r->floats);
    free(r->encoded);
    free(r);
}

static size_t points_at_once(const gallery *from, const gallery *to) {
    size_t most = NUMBERS / (size_t)to->meta.setup.dim;
    if (most > from->batch) most = from->batch;
    most = most / GALLERY_BLOCK_CAPACITY * GALLERY_BLOCK_CAPACITY;
    return most ? most : GALLERY_BLOCK_CAPACITY;
}

static int rebuild_make(gallery *from, gallery *to, struct rebuild **out) {
    size_t most = points_at_once(from, to), dim = (size_t)to->meta.setup.dim;
    struct rebuild *r = calloc(1, sizeof *r);
    int status = GALLERY_OK;
    *out = r;
    if (!r) return gallery_fail_memory(from->ctx, sizeof *r);
    r->from = from;
    r->to = to;
    GALLERY_TRY(gallery_whole_make(from, &r->old));
    GALLERY_TRY(gallery_whole_make(to, &r->new));
    GALLERY_TRY(gallery_pack_make(to, most, &r->pack));
    GALLERY_TRY(gallery_pack_make(to, GALLERY_BLOCK_CAPACITY, &r->rest));
    GALLERY_TRY(gallery_pack_tags(from, &r->tags, &r->numbers));
    r->known = malloc(most * sizeof *r->known);
    r->lonlat = malloc(2 * most * sizeof *r->lonlat);
    r->floats = malloc(most * dim * sizeof *r->floats);
    r->encoded = malloc(most * r->pack->row_bytes);
    if (!r->known || !r->lonlat || !r->floats || !r->encoded)
        status = gallery_fail_memory(from->ctx, most * dim * sizeof *r->floats);
    return status;
}

/* -------------------------------------------------------------- what is there */

static bool equal_rows(const struct gallery_row *a, const struct gallery_row *b) {
    return a->id == b->id && gallery_tagset_equal(a->tags, b->tags) && a->length == b->length &&
           (!a->length || !memcmp(a->text, b->text, a->length));
}

/* One block of the new file against the pack, from row *at on. */
static int compare_block(struct rebuild *r, size_t *at) {
    struct gallery_pack *p = r->pack;
    const struct gallery_whole *w = r->new;
    size_t left = p->n - *at, full = left < GALLERY_BLOCK_CAPACITY ? left : GALLERY_BLOCK_CAPACITY;
    r->same &= w->block.count == full;
    for (size_t i = 0; i < w->block.count; i++) {
        struct gallery_row row = gallery_whole_row(w, i);
        if (row.id > r->last) {
            r->same = false;
            GALLERY_TRY(gallery_pack_add(r->rest, &row, NULL));
            continue;
        }
        r->same &= *at < p->n && equal_rows(&row, p->rows + *at);
        while (*at < p->n && p->rows[*at].id < row.id) ++*at;
        if (*at == p->n || p->rows[*at].id != row.id) continue;
        memcpy(p->bytes + *at * p->row_bytes, row.bytes, p->row_bytes);
        r->known[(*at)++] = true;
    }
    return GALLERY_OK;
}

/* The next block of the new file that begins at or after *key, and no later than `last`;
 * GALLERY_END if there is none. */
static int next_block(struct rebuild *r, MDB_txn *txn, uint64_t *key, bool embeddings) {
    MDB_cursor *cursor;
    MDB_val value;
    int rc = mdb_cursor_open(txn, r->to->blocks_db, &cursor);
    if (rc) return gallery_fail_store(r->to, rc);
    int status = gallery_cursor_get(r->to, cursor, MDB_SET_RANGE, key, &value);
    mdb_cursor_close(cursor);
    if (status == GALLERY_OK && *key > r->last) status = GALLERY_END;
    return status == GALLERY_OK ? gallery_whole_read(r->to, txn, *key, embeddings, r->new) : status;
}

static int compare_range(struct rebuild *r) {
    MDB_txn *txn;
    uint64_t key = r->begin;
    size_t at = 0;
    int status;
    memset(r->known, 0, r->pack->n * sizeof *r->known);
    gallery_pack_clear(r->rest);
    r->same = true;
    GALLERY_TRY(gallery_read_begin(r->to, &txn));
    while ((status = next_block(r, txn, &key, true)) == GALLERY_OK) {
        GALLERY_GO(compare_block(r, &at));
        if (key++ == UINT64_MAX) break;
    }
done:
    gallery_read_end(r->to, txn);
    r->same &= at == r->pack->n;
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* ----------------------------------------------------------- what is to be there */

static int embed_unknown(struct rebuild *r, gallery_embed_fn embed, void *user) {
    struct gallery_pack *p = r->pack;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (r->known[i]) continue;
        gallery_point_from_id(p->rows[i].id, r->lonlat + 2 * n, r->lonlat + 2 * n + 1);
        n++;
    }
    GALLERY_TRY(gallery_embed_points(r->to, embed, user, r->lonlat, n, r->floats, r->encoded));
    for (size_t i = 0, j = 0; i < p->n; i++)
        if (!r->known[i])
            memcpy(p->bytes + i * p->row_bytes, r->encoded + p->row_bytes * j++, p->row_bytes);
    return GALLERY_OK;
}

static int write_range(gallery *to, MDB_txn *txn, void *user) {
    struct rebuild *r = user;
    uint64_t key = r->begin;
    int status;
    while ((status = next_block(r, txn, &key, false)) == GALLERY_OK)
        GALLERY_TRY(gallery_whole_replace(to, txn, r->new, NULL, 0));
    if (status != GALLERY_END) return status;
    GALLERY_TRY(gallery_pack_write(r->pack, txn));
    return gallery_pack_write(r->rest, txn);
}

/* The pack's points, which are all up to `last`. */
static int flush(struct rebuild *r, uint64_t last, gallery_embed_fn embed, void *user) {
    r->last = last;
    gallery_pack_settle(r->pack);
    GALLERY_TRY(compare_range(r));
    if (!r->same) {
        GALLERY_TRY(embed_unknown(r, embed, user));
        gallery_pack_settle(r->rest);
        GALLERY_TRY(gallery_write(r->to, write_range, r));
    }
    r->done += r->pack->n;
    r->begin = last + 1;
    gallery_pack_clear(r->pack);
    return GALLERY_OK;
}

static int take_block(struct rebuild *r, uint64_t key, gallery_embed_fn embed,
                      gallery_progress_fn progress, void *user) {
    GALLERY_TRY(gallery_whole_read(r->from, r->source, key, true, r->old));
    for (size_t i = 0; i < r->old->block.count; i++) {
        struct gallery_row row = gallery_whole_row(r->old, i);
        if (!row.tags.n) continue;
        row.bytes = NULL;
        GALLERY_TRY(gallery_pack_add(r->pack, &row, &r->numbers));
        if (!gallery_pack_due(r->pack)) continue;
        GALLERY_TRY(flush(r, row.id, embed, user));
        if (progress && !progress(user, r->done, r->from->meta.points)) return GALLERY_END;
    }
    return GALLERY_OK;
}

static int copy_rest(gallery *to, MDB_txn *txn, void *user) {
    const struct rebuild *r = user;
    return gallery_pack_rest(r->from, r->source, &r->tags, &r->numbers, to, txn);
}

static int rebuild_all(struct rebuild *r, gallery_embed_fn embed, gallery_progress_fn progress,
                       void *user) {
    MDB_cursor *cursor = NULL;
    MDB_val value;
    uint64_t key;
    bool stopped = false;
    GALLERY_TRY(gallery_read_begin(r->from, &r->source));
    int rc = mdb_cursor_open(r->source, r->from->blocks_db, &cursor);
    int status = rc ? gallery_fail_store(r->from, rc) : GALLERY_OK;
    while (status == GALLERY_OK && !stopped) {
        GALLERY_GO(gallery_cursor_get(r->from, cursor, MDB_NEXT, &key, &value));
        status = take_block(r, key, embed, progress, user);
        stopped = status == GALLERY_END;
    }
done:
    if (cursor) mdb_cursor_close(cursor);
    if (status == GALLERY_END && !stopped) {
        status = flush(r, UINT64_MAX, embed, user);
        if (status == GALLERY_OK) status = gallery_write(r->to, copy_rest, r);
    }
    gallery_read_end(r->from, r->source);
    return status;
}

/* ----------------------------------------------------------------------- files */

/* The file in the making: that of an interrupted run, or a new one if it is not for this setup, or
 * is damaged. No wider open than the gallery. */
static int open_beside(gallery *g, const char *real, const char *beside, const gallery_setup *setup,
                       gallery **to) {
    struct stat st;
    int status = gallery_open_alone(g->ctx, beside, setup, to);
    if (status == GALLERY_EMISMATCH || status == GALLERY_EFORMAT) {
        unlink(beside);
        status = gallery_open_alone(g->ctx, beside, setup, to);
    }
    if (status == GALLERY_OK && (stat(real, &st) || chmod(beside, st.st_mode & 07777)))
        status = gallery_fail_errno(g->ctx, g->path);
    return status;
}

int gallery_reembed(gallery *g, const gallery_setup *setup, gallery_embed_fn embed,
                    gallery_progress_fn progress, void *user, bool *rebuilt) {
    gallery_setup wanted = *setup;
    gallery *to = NULL;
    struct rebuild *r = NULL;
    char *beside = NULL;
    unsigned long long built;
    gallery_info info;
    *rebuilt = false;
    GALLERY_TRY(gallery_require_writer(g));
    if (!wanted.dtype) wanted.dtype = g->meta.setup.dtype;
    char *real = realpath(g->path, NULL);
    int status = real ? GALLERY_OK : gallery_fail_errno(g->ctx, g->path);
    if (real && asprintf(&beside, "%s-reembed", real) < 0) {
        beside = NULL;
        status = gallery_fail_memory(g->ctx, strlen(real));
    }
    if (status != GALLERY_OK) goto done;
    if (!strcmp(wanted.location_id, g->meta.setup.location_id) && wanted.dim == g->meta.setup.dim &&
        wanted.dtype == g->meta.setup.dtype) {
        if (unlink(beside) && errno != ENOENT) status = gallery_fail_errno(g->ctx, beside);
        goto done;
    }
    GALLERY_GO(gallery_stage_tidy(g));
    GALLERY_GO(gallery_stat(g, &info));
    GALLERY_GO(open_beside(g, real, beside, &wanted, &to));
    GALLERY_GO(rebuild_make(g, to, &r));
    GALLERY_GO(rebuild_all(r, embed, progress, user));
    if (info.indexed_blocks) GALLERY_GO(gallery_index_build(to, NULL, NULL, &built));
    GALLERY_GO(gallery_replace(g, real, to, beside));
    *rebuilt = true;
done:
    rebuild_free(r);
    gallery_close(to);
    free(beside);
    free(real);
    return status;
}
