#include "pack.h"
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES ((size_t)32 << 20)

struct gallery_packed { /* where in the store */
    size_t tags, text;
};

int gallery_pack_make(gallery *to, size_t most, struct gallery_pack **out) {
    struct gallery_pack *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p) return gallery_fail_memory(to->ctx, sizeof *p);
    p->to = to;
    p->most = most;
    p->row_bytes = (size_t)to->meta.setup.dim * gallery_dtype_bytes(to->meta.setup.dtype);
    p->rows = calloc(most, sizeof *p->rows);
    p->texts = calloc(most, sizeof *p->texts);
    p->bytes = malloc(most * p->row_bytes);
    int status = p->rows && p->texts && p->bytes
                     ? gallery_whole_make(to, &p->none)
                     : gallery_fail_memory(to->ctx, most * p->row_bytes);
    if (status == GALLERY_OK)
        *out = p;
    else
        gallery_pack_free(p);
    return status;
}

void gallery_pack_free(struct gallery_pack *p) {
    if (!p) return;
    gallery_whole_free(p->none);
    free(p->rows);
    free(p->texts);
    free(p->bytes);
    free(p->store);
    free(p);
}

void gallery_pack_clear(struct gallery_pack *p) {
    p->n = p->stored = 0;
}

/* ----------------------------------------------------------------------- rows */

static int by_number(const void *a, const void *b) {
    return gallery_get16(a) - gallery_get16(b);
}

/* The set under its new numbers, in `room`, of set.n numbers. */
static void renumber(struct gallery_tagset set, const struct gallery_renumbering *numbers,
                     uint8_t *room) {
    for (size_t i = 0; i < set.n; i++) {
        uint16_t tag = gallery_tagset_get(set, i);
        gallery_put16(room + 2 * i, numbers ? numbers->to[tag] : tag);
    }
    qsort(room, set.n, 2, by_number);
}

static int reserve(struct gallery_pack *p, size_t size) {
    if (size <= p->capacity - p->stored) return GALLERY_OK;
    size_t capacity = 2 * (p->stored + size);
    uint8_t *grown = realloc(p->store, capacity);
    if (!grown) return gallery_fail_memory(p->to->ctx, capacity);
    p->store = grown;
    p->capacity = capacity;
    return GALLERY_OK;
}

int gallery_pack_add(struct gallery_pack *p, const struct gallery_row *row,
                     const struct gallery_renumbering *numbers) {
    GALLERY_TRY(reserve(p, 2 * row->tags.n + row->length));
    struct gallery_packed *at = p->texts + p->n;
    at->tags = p->stored;
    if (row->tags.n) renumber(row->tags, numbers, p->store + at->tags);
    at->text = at->tags + 2 * row->tags.n;
    if (row->length) memcpy(p->store + at->text, row->text, row->length);
    p->stored = at->text + row->length;
    if (row->bytes) memcpy(p->bytes + p->n * p->row_bytes, row->bytes, p->row_bytes);
    p->rows[p->n++] = *row;
    return GALLERY_OK;
}

bool gallery_pack_due(const struct gallery_pack *p) {
    return p->n && p->n % GALLERY_BLOCK_CAPACITY == 0 &&
           (p->n == p->most || p->stored >= TEXT_BYTES);
}

void gallery_pack_settle(struct gallery_pack *p) {
    for (size_t i = 0; i < p->n; i++) {
        struct gallery_row *row = p->rows + i;
        row->bytes = p->bytes + i * p->row_bytes;
        row->tags.at = p->store + p->texts[i].tags;
        row->text = row->length ? (const char *)p->store + p->texts[i].text : NULL;
    }
}

int gallery_pack_write(const struct gallery_pack *p, MDB_txn *txn) {
    for (size_t i = 0, n; i < p->n; i += n) {
        n = p->n - i < GALLERY_BLOCK_CAPACITY ? p->n - i : GALLERY_BLOCK_CAPACITY;
        GALLERY_TRY(gallery_whole_replace(p->to, txn, p->none, p->rows + i, n));
    }
    return GALLERY_OK;
}

/* ----------------------------------------------------------------- tags, stage */

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int gallery_pack_tags(const gallery *from, struct gallery_tags *tags,
                      struct gallery_renumbering *numbers) {
    const struct gallery_tags *old = &from->tags;
    tags->n = 0;
    tags->names = calloc(old->n + 1, sizeof *tags->names);
    if (!tags->names) return gallery_fail_memory(from->ctx, (old->n + 1) * sizeof *tags->names);
    for (size_t i = 0; i < old->n; i++)
        if (old->names[i]) tags->names[tags->n++] = old->names[i];
    qsort(tags->names, tags->n, sizeof *tags->names, by_name);
    memset(numbers, 0, sizeof *numbers);
    for (size_t i = 0; i < old->n; i++) {
        char **at = old->names[i] ? bsearch(old->names + i, tags->names, tags->n,
                                            sizeof *tags->names, by_name)
                                  : NULL;
        if (at) numbers->to[i + 1] = (uint16_t)(at - tags->names + 1);
    }
    return GALLERY_OK;
}

static int copy_staged(gallery *from, const struct gallery_renumbering *numbers, gallery *to,
                       MDB_txn *txn, MDB_val *key, const MDB_val *value) {
    struct gallery_staged staged;
    uint8_t room[2 * GALLERY_TAGS_MAX];
    int status;
    const char *wrong = gallery_stage_decode(value->mv_data, value->mv_size, &staged, &status);
    if (wrong) return gallery_fail(from->ctx, status, "%s: %s", from->path, wrong);
    renumber(staged.tags, numbers, room);
    staged.tags.at = room;
    MDB_val out = {value->mv_size, NULL};
    int rc = mdb_put(txn, to->stage_db, key, &out, MDB_RESERVE | MDB_APPEND);
    if (rc) return gallery_fail_store(to, rc);
    gallery_stage_encode(staged.tags, staged.text, staged.length, out.mv_data);
    return GALLERY_OK;
}

int gallery_pack_rest(gallery *from, MDB_txn *source, const struct gallery_tags *tags,
                      const struct gallery_renumbering *numbers, gallery *to, MDB_txn *txn) {
    MDB_cursor *cursor;
    MDB_val key, value;
    if (tags->n || to->tags.n) GALLERY_TRY(gallery_tags_write(to, txn, tags));
    int rc = mdb_drop(txn, to->stage_db, 0), status = GALLERY_OK;
    if (rc) return gallery_fail_store(to, rc);
    if ((rc = mdb_cursor_open(source, from->stage_db, &cursor)))
        return gallery_fail_store(from, rc);
    while (status == GALLERY_OK && !(rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)))
        status = copy_staged(from, numbers, to, txn, &key, &value);
    mdb_cursor_close(cursor);
    if (status != GALLERY_OK) return status;
    return rc == MDB_NOTFOUND ? GALLERY_OK : gallery_fail_store(from, rc);
}
