#include "storage.h"
#include "pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BATCH 4096

static const char meta_key[] = "gallery";

int gallery_fail_store(gallery *g, int code) {
    g->last_code = code;
    return gallery_fail_lmdb(g->ctx, g->path, code);
}

/* --------------------------------------------------------------- transactions */

int gallery_read_begin(gallery *g, MDB_txn **txn) {
    *txn = g->snapshot;
    if (*txn) return GALLERY_OK;
    int rc = gallery_environment_begin(&g->environment, MDB_RDONLY, txn);
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

void gallery_read_end(gallery *g, MDB_txn *txn) {
    if (txn && txn != g->snapshot) mdb_txn_abort(txn);
}

static int put_meta(MDB_txn *txn, MDB_dbi db, const struct gallery_meta *meta) {
    uint8_t bytes[GALLERY_META_BYTES];
    gallery_meta_encode(meta, bytes);
    MDB_val key = {sizeof meta_key - 1, (void *)(uintptr_t)meta_key};
    MDB_val value = {sizeof bytes, bytes};
    return mdb_put(txn, db, &key, &value, 0);
}

static int write_once(gallery *g, gallery_work_fn work, void *user) {
    MDB_txn *txn = NULL;
    g->last_code = 0;
    int rc = gallery_environment_begin(&g->environment, 0, &txn);
    if (rc) return gallery_fail_store(g, rc);
    int status = work(g, txn, user);
    if (status == GALLERY_OK && (rc = put_meta(txn, g->meta_db, &g->meta)))
        status = gallery_fail_store(g, rc);
    if (status != GALLERY_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    rc = gallery_environment_commit(&g->environment, txn);
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

int gallery_write(gallery *g, gallery_work_fn work, void *user) {
    struct gallery_meta before = g->meta;
    for (;;) {
        int status = write_once(g, work, user);
        if (status == GALLERY_OK) return status;
        g->meta = before;
        if (g->last_code != MDB_MAP_FULL) return status;
        GALLERY_TRY(gallery_environment_grow(g->ctx, g->path, &g->environment));
    }
}

/* ---------------------------------------------------------------- one value */

int gallery_fail_block(gallery *g, int status, uint64_t id, const char *wrong) {
    return gallery_fail(g->ctx, status,
                        "%s: block %016" PRIx64 ": %s; restore the gallery from a copy", g->path,
                        id, wrong);
}

int gallery_cursor_get(gallery *g, MDB_cursor *cursor, MDB_cursor_op op, uint64_t *id,
                       MDB_val *value) {
    uint8_t bytes[GALLERY_KEY_BYTES];
    MDB_val key = {sizeof bytes, bytes};
    if (op == MDB_SET_KEY || op == MDB_SET_RANGE) gallery_key_encode(*id, bytes);
    int rc = mdb_cursor_get(cursor, &key, value, op);
    if (rc == MDB_NOTFOUND) return GALLERY_END;
    if (rc) return gallery_fail_store(g, rc);
    if (key.mv_size != GALLERY_KEY_BYTES)
        return gallery_fail(g->ctx, GALLERY_EFORMAT, "%s: damaged: a key of %zu bytes", g->path,
                            key.mv_size);
    *id = gallery_key_decode(key.mv_data);
    return GALLERY_OK;
}

int gallery_block_view(gallery *g, uint64_t id, const MDB_val *value, struct gallery_block *block) {
    const char *wrong = gallery_block_decode(value->mv_data, value->mv_size, &g->meta, block);
    return wrong ? gallery_fail_block(g, GALLERY_EFORMAT, id, wrong) : GALLERY_OK;
}

int gallery_block_check(gallery *g, uint64_t id, const struct gallery_block *block) {
    if (gallery_block_sound(block)) return GALLERY_OK;
    return gallery_fail_block(g, GALLERY_ECHECKSUM, id, "does not match its checksum");
}

int gallery_block_read_ids(gallery *g, uint64_t key, const struct gallery_block *block,
                           uint64_t *ids) {
    const char *wrong = gallery_block_ids(block, key, ids);
    return wrong ? gallery_fail_block(g, GALLERY_EFORMAT, key, wrong) : GALLERY_OK;
}

static int get(gallery *g, MDB_txn *txn, MDB_dbi db, uint64_t id, MDB_val *value) {
    uint8_t bytes[GALLERY_KEY_BYTES];
    gallery_key_encode(id, bytes);
    MDB_val key = {sizeof bytes, bytes};
    int rc = mdb_get(txn, db, &key, value);
    if (rc == MDB_NOTFOUND) return GALLERY_END;
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

int gallery_block_get(gallery *g, MDB_txn *txn, uint64_t id, MDB_val *value) {
    int status = get(g, txn, g->blocks_db, id, value);
    return status == GALLERY_END ? gallery_fail_block(g, GALLERY_EFORMAT, id, "is missing")
                                 : status;
}

int gallery_rows_get(gallery *g, MDB_txn *txn, uint64_t id, MDB_val *value) {
    int status = get(g, txn, g->rows_db, id, value);
    return status == GALLERY_END ? gallery_fail_block(g, GALLERY_EFORMAT, id, "tags are missing")
                                 : status;
}

int gallery_rows_view(gallery *g, uint64_t id, const MDB_val *value,
                      const struct gallery_block *block, struct gallery_rows *rows) {
    int status;
    const char *wrong =
        gallery_rows_decode(value->mv_data, value->mv_size, block->count, rows, &status);
    return wrong ? gallery_fail_block(g, status, id, wrong) : GALLERY_OK;
}

int gallery_rows_read(gallery *g, MDB_txn *txn, uint64_t id, const struct gallery_block *block,
                      struct gallery_rows *rows) {
    MDB_val value;
    GALLERY_TRY(gallery_rows_get(g, txn, id, &value));
    return gallery_rows_view(g, id, &value, block, rows);
}

int gallery_attributes_read(gallery *g, MDB_txn *txn, uint64_t id, const struct gallery_rows *rows,
                            struct gallery_attributes *a) {
    MDB_val value;
    *a = (struct gallery_attributes){0};
    if (!rows->attributes) {
        a->count = rows->count;
        a->texts = calloc(rows->count, sizeof *a->texts);
        a->lengths = calloc(rows->count, sizeof *a->lengths);
        if (a->texts && a->lengths) return GALLERY_OK;
        gallery_attributes_free(a);
        return gallery_fail_memory(g->ctx, rows->count * sizeof *a->texts);
    }
    int status = get(g, txn, g->attributes_db, id, &value);
    if (status == GALLERY_END)
        return gallery_fail_block(g, GALLERY_EFORMAT, id, "attributes are missing");
    GALLERY_TRY(status);
    const char *wrong =
        gallery_attributes_decode(value.mv_data, value.mv_size, rows->count, a, &status);
    return wrong ? gallery_fail_block(g, status, id, wrong) : GALLERY_OK;
}

int gallery_patch_read(gallery *g, MDB_txn *txn, uint64_t id, const struct gallery_block *block,
                       struct gallery_patch *patch, bool *found) {
    MDB_val value;
    int status = get(g, txn, g->index_db, id, &value);
    *found = false;
    if (status == GALLERY_END) return GALLERY_OK;
    GALLERY_TRY(status);
    /* A damaged entry is no reason to fail: without it the block is searched in full. */
    *found = !gallery_patch_decode(value.mv_data, value.mv_size, block->dim, patch) &&
             patch->block_checksum == block->checksum;
    return GALLERY_OK;
}

void gallery_block_embeddings(const gallery *g, const struct gallery_block *block, size_t first,
                              size_t count, float *out) {
    size_t n = count * block->dim;
    const uint8_t *in = block->embeddings + first * block->dim * gallery_dtype_bytes(block->dtype);
    if (block->dtype == GALLERY_F16)
        g->f16->decode(in, n, out);
    else
        memcpy(out, in, n * sizeof *out);
}

/* --------------------------------------------------------------- open, close */

struct database {
    const char *name;
    size_t handle; /* where its handle lies in struct gallery */
};
static const struct database databases[] = {
    {"meta", offsetof(gallery, meta_db)},   {"blocks", offsetof(gallery, blocks_db)},
    {"rows", offsetof(gallery, rows_db)},   {"attrs", offsetof(gallery, attributes_db)},
    {"stage", offsetof(gallery, stage_db)}, {"index", offsetof(gallery, index_db)},
};
#define DATABASES (sizeof databases / sizeof *databases)

static int fill_new(MDB_txn *txn, void *user) {
    MDB_dbi db;
    for (size_t i = 0; i < DATABASES; i++) {
        int rc = mdb_dbi_open(txn, databases[i].name, MDB_CREATE, &db);
        if (!rc && !i) rc = put_meta(txn, db, user);
        if (rc) return rc;
    }
    return 0;
}

static bool is_usable(const gallery_setup *setup) {
    for (int i = 0; i < 16; i++)
        if (!strchr("0123456789abcdef", setup->location_id[i]) || !setup->location_id[i])
            return false;
    return !setup->location_id[16] && setup->dim > 0 && setup->dim <= GALLERY_DIM_MAX &&
           setup->dtype <= GALLERY_F32;
}

static int new_meta(gallery_context *ctx, const char *path, const gallery_setup *setup,
                    struct gallery_meta *meta) {
    *meta = (struct gallery_meta){.setup = *setup, .capacity = GALLERY_BLOCK_CAPACITY};
    if (!is_usable(setup))
        return gallery_fail(ctx, GALLERY_EUSAGE, "%s: no gallery can have this setup", path);
    if (!meta->setup.dtype) meta->setup.dtype = GALLERY_F16;
    return GALLERY_OK;
}

static int make(gallery_context *ctx, const char *path, const gallery_setup *setup) {
    struct gallery_meta meta;
    GALLERY_TRY(new_meta(ctx, path, setup, &meta));
    return gallery_environment_create(ctx, path, fill_new, &meta);
}

static int open_databases(gallery *g, MDB_txn *txn) {
    for (size_t i = 0; i < DATABASES; i++) {
        MDB_dbi *db = (MDB_dbi *)(void *)((char *)g + databases[i].handle);
        unsigned flags = 0;
        int rc = mdb_dbi_open(txn, databases[i].name, 0, db);
        if (!rc) rc = mdb_dbi_flags(txn, *db, &flags);
        if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE || (!rc && flags))
            return gallery_fail(g->ctx, GALLERY_EFORMAT, "%s: an LMDB file, but not a gallery",
                                g->path);
        if (rc) return gallery_fail_store(g, rc);
    }
    return GALLERY_OK;
}

static int read_meta(gallery *g, MDB_txn *txn) {
    MDB_val key = {sizeof meta_key - 1, (void *)(uintptr_t)meta_key}, value;
    int rc = mdb_get(txn, g->meta_db, &key, &value);
    if (rc && rc != MDB_NOTFOUND) return gallery_fail_store(g, rc);
    const char *wrong = rc ? "an LMDB file, but not a gallery"
                           : gallery_meta_decode(value.mv_data, value.mv_size, &g->meta);
    if (wrong) return gallery_fail(g->ctx, GALLERY_EFORMAT, "%s: %s", g->path, wrong);
    return gallery_tags_read(g, txn);
}

static const char *name_of(enum gallery_dtype dtype) {
    return dtype == GALLERY_F16 ? "f16" : "f32";
}

static int compare_setup(gallery *g, const gallery_setup *wanted) {
    const gallery_setup *is = &g->meta.setup;
    if (!wanted) return GALLERY_OK;
    if (strcmp(is->location_id, wanted->location_id))
        return gallery_fail(g->ctx, GALLERY_EMISMATCH,
                            "%s: made for location encoder %s, not for %s; use its model or "
                            "another gallery, or rebuild it for this model: vt-embed --reembed",
                            g->path, is->location_id, wanted->location_id);
    if (is->dim != wanted->dim)
        return gallery_fail(g->ctx, GALLERY_EMISMATCH, "%s: embeddings of %d numbers, not of %d",
                            g->path, is->dim, wanted->dim);
    if (wanted->dtype && is->dtype != wanted->dtype)
        return gallery_fail(g->ctx, GALLERY_EMISMATCH, "%s: keeps embeddings as %s, not as %s",
                            g->path, name_of(is->dtype), name_of(wanted->dtype));
    return GALLERY_OK;
}

/* A snapshot whose pages LMDB can be trusted with. Commits of others may outrun the look at it. */
#define ATTEMPTS 1000

static int begin_checked(gallery *g, MDB_txn **txn) {
    for (int i = 0; i < ATTEMPTS; i++) {
        int rc = gallery_environment_begin(&g->environment, MDB_RDONLY, txn);
        if (rc) return gallery_fail_store(g, rc);
        int status = gallery_pages_check(g->ctx, g->path, *txn, g->writer);
        if (status == GALLERY_OK) return status;
        mdb_txn_abort(*txn);
        *txn = NULL;
        if (status != GALLERY_END) return status;
    }
    return gallery_fail(g->ctx, GALLERY_EFORMAT,
                        "%s: damaged: its heads do not fit; restore it from a copy", g->path);
}

/* The handles of databases become the environment's when their first transaction commits. */
static int enter(gallery *g) {
    MDB_txn *txn = NULL;
    GALLERY_TRY(begin_checked(g, &txn));
    int status = open_databases(g, txn);
    if (status == GALLERY_OK) status = read_meta(g, txn);
    if (status != GALLERY_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    int rc = mdb_txn_commit(txn);
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

static int open_environment(gallery *g, const char *real) {
    GALLERY_TRY(gallery_environment_open(g->ctx, real, g->path, g->access, &g->environment));
    GALLERY_TRY(enter(g));
    if (g->writer) return GALLERY_OK;
    int rc = gallery_environment_begin(&g->environment, MDB_RDONLY, &g->snapshot);
    return rc ? gallery_fail_store(g, rc) : read_meta(g, g->snapshot);
}

static int open_at(gallery_context *ctx, const char *path, enum gallery_access access,
                   const gallery_setup *setup, gallery **out) {
    int status = GALLERY_OK;
    char *real = NULL;
    *out = NULL;
    gallery *g = calloc(1, sizeof *g);
    if (!g || !(g->path = strdup(path))) {
        free(g);
        return gallery_fail_memory(ctx, sizeof *g);
    }
    g->ctx = ctx;
    g->access = access;
    g->writer = access != GALLERY_READ;
    g->batch = BATCH;
    g->f16 = gallery_f16_choose();
    g->environment.lock_fd = g->hidden.fd = -1;
    real = realpath(path, NULL);
    if (!real && errno == ENOENT && setup) {
        GALLERY_GO(make(ctx, path, setup));
        real = realpath(path, NULL);
    }
    status = real ? GALLERY_OK : gallery_fail_errno(ctx, path);
    if (status == GALLERY_OK) status = open_environment(g, real);
    if (status == GALLERY_OK) status = compare_setup(g, setup);
    memcpy(g->location_id, g->meta.setup.location_id, sizeof g->location_id);
done:
    free(real);
    if (status == GALLERY_OK)
        *out = g;
    else
        gallery_close(g);
    return status;
}

int gallery_open(gallery_context *ctx, const char *path, gallery **g) {
    return open_at(ctx, path, GALLERY_READ, NULL, g);
}

int gallery_open_writer(gallery_context *ctx, const char *path, const gallery_setup *setup,
                        gallery **g) {
    return open_at(ctx, path, GALLERY_WRITE, setup, g);
}

int gallery_open_alone(gallery_context *ctx, const char *path, const gallery_setup *setup,
                       gallery **g) {
    return open_at(ctx, path, GALLERY_WRITE_ALONE, setup, g);
}

int gallery_open_new(gallery_context *ctx, const char *path, const gallery_setup *setup,
                     gallery **out) {
    struct gallery_meta meta;
    struct stat st;
    *out = NULL;
    GALLERY_TRY(new_meta(ctx, path, setup, &meta));
    if (!lstat(path, &st))
        return gallery_fail(ctx, GALLERY_EEXIST, "%s: exists already; choose another name", path);
    gallery *g = calloc(1, sizeof *g);
    if (!g || !(g->path = strdup(path))) {
        free(g);
        return gallery_fail_memory(ctx, sizeof *g);
    }
    g->ctx = ctx;
    g->writer = true;
    g->batch = BATCH;
    g->f16 = gallery_f16_choose();
    int status =
        gallery_environment_begin_hidden(ctx, path, fill_new, &meta, &g->hidden, &g->environment);
    if (status == GALLERY_OK) status = enter(g);
    if (status == GALLERY_OK)
        *out = g;
    else
        gallery_close(g);
    return status;
}

int gallery_publish(gallery *g) {
    return gallery_environment_show(g->ctx, g->path, &g->environment, &g->hidden);
}

void gallery_close(gallery *g) {
    if (!g) return;
    gallery_patches_free(g->patches);
    gallery_tags_free(&g->tags);
    if (g->snapshot) mdb_txn_abort(g->snapshot);
    gallery_environment_close(&g->environment);
    gallery_hidden_drop(&g->hidden);
    free(g->path);
    free(g);
}

int gallery_renew(gallery *g) {
    if (g->writer) return GALLERY_OK;
    gallery_patches_free(g->patches);
    g->patches = NULL;
    char *real = realpath(g->path, NULL);
    int status = real ? GALLERY_OK : gallery_fail_errno(g->ctx, g->path), rc = 0;
    if (real && gallery_environment_replaced(&g->environment, real)) {
        mdb_txn_abort(g->snapshot);
        g->snapshot = NULL;
        gallery_environment_close(&g->environment);
        status = open_environment(g, real);
    } else if (real) {
        rc = gallery_environment_renew(&g->environment, g->snapshot);
        status = rc ? gallery_fail_store(g, rc) : read_meta(g, g->snapshot);
    }
    free(real);
    if (status == GALLERY_OK && strcmp(g->location_id, g->meta.setup.location_id))
        status = gallery_fail(g->ctx, GALLERY_EMISMATCH,
                              "%s: was made for location encoder %s, and has been rebuilt for %s",
                              g->path, g->location_id, g->meta.setup.location_id);
    return status;
}

void gallery_set_batch(gallery *g, size_t points) {
    g->batch = points ? points : BATCH;
}

/* --------------------------------------------------------------------- stat */

static void widen(gallery_info *info, const struct gallery_block *b, bool first) {
    double box[4] = {b->west / 1e7, b->south / 1e7, b->east / 1e7, b->north / 1e7};
    if (first || box[0] < info->west) info->west = box[0];
    if (first || box[1] < info->south) info->south = box[1];
    if (first || box[2] > info->east) info->east = box[2];
    if (first || box[3] > info->north) info->north = box[3];
}

static int survey(gallery *g, MDB_txn *txn, gallery_info *info) {
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id;
    int rc = mdb_cursor_open(txn, g->blocks_db, &cursor), status;
    if (rc) return gallery_fail_store(g, rc);
    while ((status = gallery_cursor_get(g, cursor, MDB_NEXT, &id, &value)) == GALLERY_OK) {
        struct gallery_block block;
        struct gallery_patch patch;
        struct gallery_rows rows;
        bool indexed;
        GALLERY_GO(gallery_block_view(g, id, &value, &block));
        GALLERY_GO(gallery_patch_read(g, txn, id, &block, &patch, &indexed));
        GALLERY_GO(gallery_rows_read(g, txn, id, &block, &rows));
        size_t visible = gallery_rows_visible(&rows);
        if (visible) widen(info, &block, !info->points);
        info->blocks++;
        info->points += visible;
        info->hidden += block.count - visible;
        info->indexed_blocks += indexed;
    }
done:
    mdb_cursor_close(cursor);
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* Points that wait for their embedding. */
static int count_waiting(gallery *g, MDB_txn *txn, unsigned long long *n) {
    MDB_cursor *cursor;
    MDB_stat stat;
    MDB_val value;
    uint64_t id;
    int rc = mdb_stat(txn, g->stage_db, &stat), status = GALLERY_OK;
    if (!rc) rc = mdb_cursor_open(txn, g->stage_db, &cursor);
    if (rc) return gallery_fail_store(g, rc);
    *n = stat.ms_entries;
    while (*n && g->meta.waiting && status == GALLERY_OK) {
        status = gallery_cursor_get(g, cursor, MDB_NEXT, &id, &value);
        if (status == GALLERY_OK && id >= g->meta.waiting) break;
        *n -= status == GALLERY_OK;
    }
    mdb_cursor_close(cursor);
    return status == GALLERY_END ? GALLERY_OK : status;
}

int gallery_stat(gallery *g, gallery_info *info) {
    MDB_txn *txn;
    struct stat st;
    mdb_filehandle_t fd;
    *info = (gallery_info){.setup = g->meta.setup};
    GALLERY_TRY(gallery_read_begin(g, &txn));
    int status = survey(g, txn, info);
    if (status == GALLERY_OK) status = count_waiting(g, txn, &info->staged);
    int rc = mdb_env_get_fd(g->environment.env, &fd);
    if (!rc && fstat(fd, &st)) rc = errno;
    if (status == GALLERY_OK && rc) status = gallery_fail_store(g, rc);
    if (!rc) info->bytes = (unsigned long long)st.st_size;
    gallery_read_end(g, txn);
    return status;
}

static int count_block(gallery *g, MDB_txn *txn, uint64_t id, const MDB_val *value,
                       unsigned long long *counts) {
    struct gallery_block block;
    struct gallery_rows rows;
    GALLERY_TRY(gallery_block_view(g, id, value, &block));
    GALLERY_TRY(gallery_rows_read(g, txn, id, &block, &rows));
    for (size_t i = 0; i < rows.count; i++)
        for (size_t j = 0; j < rows.tags[i].n; j++) counts[gallery_tagset_get(rows.tags[i], j)]++;
    return GALLERY_OK;
}

static int count_blocks(gallery *g, MDB_txn *txn, unsigned long long *counts) {
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id;
    int rc = mdb_cursor_open(txn, g->blocks_db, &cursor), status = GALLERY_OK;
    if (rc) return gallery_fail_store(g, rc);
    while (status == GALLERY_OK) {
        status = gallery_cursor_get(g, cursor, MDB_NEXT, &id, &value);
        if (status == GALLERY_OK) status = count_block(g, txn, id, &value, counts);
    }
    mdb_cursor_close(cursor);
    return status == GALLERY_END ? GALLERY_OK : status;
}

int gallery_count_tags(gallery *g, gallery_tag_count **out, size_t *n) {
    MDB_txn *txn;
    unsigned long long *counts = calloc((size_t)UINT16_MAX + 1, sizeof *counts);
    gallery_tag_count *list = calloc(g->tags.n + 1, sizeof *list);
    *n = 0;
    *out = list;
    int status = counts && list ? gallery_read_begin(g, &txn)
                                : gallery_fail_memory(g->ctx, UINT16_MAX * sizeof *counts);
    if (status == GALLERY_OK) {
        status = count_blocks(g, txn, counts);
        gallery_read_end(g, txn);
    }
    for (size_t i = 0; status == GALLERY_OK && i <= g->tags.n; i++)
        if (!i || g->tags.names[i - 1])
            list[(*n)++] = (gallery_tag_count){i ? g->tags.names[i - 1] : NULL, counts[i]};
    free(counts);
    if (status == GALLERY_OK) return status;
    free(list);
    *out = NULL;
    return status;
}

/* --------------------------------------------------------------------- each */

struct listing { /* room for one block at a time */
    uint64_t ids[GALLERY_BLOCK_CAPACITY];
    float *embeddings; /* [GALLERY_BLOCK_CAPACITY][dim], or NULL if not wanted */
    char *text;        /* one point's attributes, terminated */
    uint64_t from;     /* the first point wanted */
    uint16_t tags[GALLERY_TAGS_MAX];
    struct gallery_rows rows;
    struct gallery_attributes attributes;
};

static int list_point(struct listing *l, const struct gallery_block *block, size_t i,
                      gallery_each_fn each, void *user) {
    gallery_point point = {.id = l->ids[i]};
    gallery_block_coordinate(block, i, &point.lon_deg, &point.lat_deg);
    if (l->attributes.texts[i]) {
        memcpy(l->text, l->attributes.texts[i], l->attributes.lengths[i]);
        l->text[l->attributes.lengths[i]] = 0;
        point.properties = l->text;
    }
    struct gallery_tagset tags = l->rows.tags[i];
    for (size_t j = 0; j < tags.n; j++) l->tags[j] = gallery_tagset_get(tags, j);
    point.tags = l->tags;
    point.tags_n = tags.n;
    return each(user, &point, l->embeddings ? l->embeddings + i * block->dim : NULL);
}

static int list_block(gallery *g, MDB_txn *txn, uint64_t id, const MDB_val *value,
                      struct listing *l, gallery_each_fn each, void *user) {
    struct gallery_block block;
    int status = GALLERY_OK;
    GALLERY_GO(gallery_block_view(g, id, value, &block));
    GALLERY_GO(gallery_block_check(g, id, &block));
    GALLERY_GO(gallery_block_read_ids(g, id, &block, l->ids));
    GALLERY_GO(gallery_rows_read(g, txn, id, &block, &l->rows));
    GALLERY_GO(gallery_attributes_read(g, txn, id, &l->rows, &l->attributes));
    if (l->embeddings) gallery_block_embeddings(g, &block, 0, block.count, l->embeddings);
    for (size_t i = 0; status == GALLERY_OK && i < block.count; i++)
        if (l->ids[i] >= l->from && l->rows.tags[i].n && list_point(l, &block, i, each, user))
            status = GALLERY_END;
done:
    gallery_attributes_free(&l->attributes);
    return status;
}

/* Where the listing begins: at the last block that begins at or before `from`. */
static int seek_block(gallery *g, MDB_cursor *cursor, uint64_t from, uint64_t *id, MDB_val *value) {
    if (!from) return gallery_cursor_get(g, cursor, MDB_FIRST, id, value);
    *id = from;
    int status = gallery_cursor_get(g, cursor, MDB_SET_RANGE, id, value);
    if (status == GALLERY_OK && *id == from) return status;
    if (status != GALLERY_OK && status != GALLERY_END) return status;
    status = gallery_cursor_get(g, cursor, status == GALLERY_OK ? MDB_PREV : MDB_LAST, id, value);
    return status == GALLERY_END ? gallery_cursor_get(g, cursor, MDB_FIRST, id, value) : status;
}

int gallery_each(gallery *g, bool embeddings, gallery_each_fn each, void *user) {
    return gallery_each_from(g, 0, embeddings, each, user);
}

int gallery_each_from(gallery *g, uint64_t from, bool embeddings, gallery_each_fn each,
                      void *user) {
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    MDB_val value;
    uint64_t id;
    GALLERY_TRY(gallery_read_begin(g, &txn));
    int status = GALLERY_OK;
    size_t floats = embeddings ? GALLERY_BLOCK_CAPACITY * (size_t)g->meta.setup.dim : 0;
    struct listing l = {.from = from,
                        .embeddings = floats ? malloc(floats * sizeof(float)) : NULL,
                        .text = malloc(GALLERY_PROPERTIES_MAX_BYTES + 1)};
    if (!l.text || (floats && !l.embeddings)) {
        status = gallery_fail_memory(g->ctx, floats * sizeof(float));
        goto done;
    }
    int rc = mdb_cursor_open(txn, g->blocks_db, &cursor);
    if (rc) status = gallery_fail_store(g, rc);
    if (!rc) status = seek_block(g, cursor, from, &id, &value);
    while (status == GALLERY_OK) {
        GALLERY_GO(list_block(g, txn, id, &value, &l, each, user));
        status = gallery_cursor_get(g, cursor, MDB_NEXT, &id, &value);
    }
    if (status == GALLERY_END) status = GALLERY_OK;
done:
    if (cursor) mdb_cursor_close(cursor);
    gallery_read_end(g, txn);
    free(l.embeddings);
    free(l.text);
    return status;
}
