#include "blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int gallery_whole_make(gallery *g, struct gallery_whole **out) {
    const gallery_setup *setup = &g->meta.setup;
    size_t block = gallery_block_bytes(GALLERY_BLOCK_CAPACITY, (size_t)setup->dim, setup->dtype);
    struct gallery_whole *whole = calloc(1, sizeof *whole);
    *out = whole;
    if (whole && (whole->copy = malloc(block)) && (whole->encoded = malloc(block)) &&
        (whole->rows_copy = malloc(GALLERY_ROWS_MAX_BYTES)))
        return GALLERY_OK;
    gallery_whole_free(whole);
    *out = NULL;
    return gallery_fail_memory(g->ctx, block);
}

void gallery_whole_clear(struct gallery_whole *whole) {
    gallery_attributes_free(&whole->attributes);
    whole->block = (struct gallery_block){0};
    whole->rows.count = 0;
}

void gallery_whole_free(struct gallery_whole *whole) {
    if (!whole) return;
    gallery_attributes_free(&whole->attributes);
    free(whole->copy);
    free(whole->rows_copy);
    free(whole->encoded);
    free(whole);
}

int gallery_whole_read(gallery *g, MDB_txn *txn, uint64_t key, bool embeddings,
                       struct gallery_whole *w) {
    MDB_val value;
    gallery_whole_clear(w);
    w->key = key;
    GALLERY_TRY(gallery_block_get(g, txn, key, &value));
    GALLERY_TRY(gallery_block_view(g, key, &value, &w->block));
    size_t size = embeddings ? w->block.size : (size_t)(w->block.embeddings - w->block.data);
    memcpy(w->copy, w->block.data, size);
    w->block.data = w->copy;
    w->block.coordinates = w->copy + (w->block.coordinates - (const uint8_t *)value.mv_data);
    w->block.embeddings = w->copy + (w->block.embeddings - (const uint8_t *)value.mv_data);
    if (embeddings) GALLERY_TRY(gallery_block_check(g, key, &w->block));
    GALLERY_TRY(gallery_block_read_ids(g, key, &w->block, w->ids));
    GALLERY_TRY(gallery_rows_get(g, txn, key, &value));
    if (value.mv_size > GALLERY_ROWS_MAX_BYTES)
        return gallery_fail_block(g, GALLERY_EFORMAT, key, "tags of an impossible size");
    memcpy(w->rows_copy, value.mv_data, value.mv_size);
    value.mv_data = w->rows_copy;
    GALLERY_TRY(gallery_rows_view(g, key, &value, &w->block, &w->rows));
    return gallery_attributes_read(g, txn, key, &w->rows, &w->attributes);
}

struct gallery_row gallery_whole_row(const struct gallery_whole *w, size_t i) {
    double lon, lat;
    gallery_block_coordinate(&w->block, i, &lon, &lat);
    size_t row = w->block.dim * gallery_dtype_bytes(w->block.dtype);
    return (struct gallery_row){.id = w->ids[i],
                                .lon = (int32_t)lround(lon * 1e7),
                                .lat = (int32_t)lround(lat * 1e7),
                                .bytes = w->block.embeddings + i * row,
                                .text = w->attributes.texts[i],
                                .length = w->attributes.lengths[i],
                                .tags = w->rows.tags[i]};
}

/* -------------------------------------------------------------------- writing */

static int put(gallery *g, MDB_txn *txn, MDB_dbi db, uint64_t id, const void *data, size_t size) {
    uint8_t bytes[GALLERY_KEY_BYTES];
    gallery_key_encode(id, bytes);
    MDB_val key = {sizeof bytes, bytes}, value = {size, (void *)(uintptr_t)data};
    int rc = mdb_put(txn, db, &key, &value, 0);
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

int gallery_drop(gallery *g, MDB_txn *txn, MDB_dbi db, uint64_t id) {
    uint8_t bytes[GALLERY_KEY_BYTES];
    gallery_key_encode(id, bytes);
    MDB_val key = {sizeof bytes, bytes};
    int rc = mdb_del(txn, db, &key, NULL);
    return rc && rc != MDB_NOTFOUND ? gallery_fail_store(g, rc) : GALLERY_OK;
}

/* The entries of `rows` and `attrs` under a key, replaced. */
static int write_labels(gallery *g, MDB_txn *txn, const struct gallery_row *rows, size_t n) {
    struct gallery_rows *labels = malloc(sizeof *labels);
    uint8_t *packed = malloc(GALLERY_ROWS_MAX_BYTES);
    size_t size;
    int status = GALLERY_ENOMEM;
    if (!labels || !packed) {
        status = gallery_fail_memory(g->ctx, GALLERY_ROWS_MAX_BYTES);
        goto done;
    }
    *labels = (struct gallery_rows){.count = (uint32_t)n};
    for (size_t i = 0; i < n; i++) {
        labels->tags[i] = rows[i].tags;
        labels->attributes |= rows[i].text != NULL;
    }
    GALLERY_GO(put(g, txn, g->rows_db, rows->id, packed, gallery_rows_encode(labels, packed)));
    if (!labels->attributes) {
        status = gallery_drop(g, txn, g->attributes_db, rows->id);
        goto done;
    }
    free(packed);
    packed = NULL;
    status = gallery_attributes_encode(rows, n, &packed, &size)
                 ? put(g, txn, g->attributes_db, rows->id, packed, size)
                 : gallery_fail_memory(g->ctx, n);
done:
    free(packed);
    free(labels);
    return status;
}

static void count_rows(gallery *g, const struct gallery_whole *w, const struct gallery_row *rows,
                       size_t n) {
    size_t before = gallery_rows_visible(&w->rows), now = 0;
    for (size_t i = 0; i < n; i++) now += rows[i].tags.n > 0;
    g->meta.points += now - before;
    g->meta.hidden += (n - now) - (w->rows.count - before);
}

int gallery_whole_replace(gallery *g, MDB_txn *txn, const struct gallery_whole *w,
                          const struct gallery_row *rows, size_t n) {
    const gallery_setup *setup = &g->meta.setup;
    size_t capacity = g->meta.capacity, parts = (n + capacity - 1) / capacity, from = 0;
    bool exists = w->block.count > 0;
    if (exists && !(n && rows->id == w->key)) { /* else it is written over */
        GALLERY_TRY(gallery_drop(g, txn, g->blocks_db, w->key));
        GALLERY_TRY(gallery_drop(g, txn, g->rows_db, w->key));
        GALLERY_TRY(gallery_drop(g, txn, g->attributes_db, w->key));
    }
    if (exists) GALLERY_TRY(gallery_drop(g, txn, g->index_db, w->key));
    for (size_t i = 0; i < parts; i++) {
        size_t to = n * (i + 1) / parts, count = to - from;
        gallery_block_encode(rows + from, count, setup, w->encoded);
        GALLERY_TRY(put(g, txn, g->blocks_db, rows[from].id, w->encoded,
                        gallery_block_bytes(count, (size_t)setup->dim, setup->dtype)));
        GALLERY_TRY(write_labels(g, txn, rows + from, count));
        from = to;
    }
    count_rows(g, w, rows, n);
    g->meta.blocks += parts - exists;
    return GALLERY_OK;
}

int gallery_whole_relabel(gallery *g, MDB_txn *txn, const struct gallery_whole *w,
                          const struct gallery_row *rows) {
    GALLERY_TRY(write_labels(g, txn, rows, w->block.count));
    count_rows(g, w, rows, w->block.count);
    return GALLERY_OK;
}
