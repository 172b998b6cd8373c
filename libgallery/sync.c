/* sync.c - makes the points of a tag exactly those of an input, and takes tags away.
 *
 * The input is sorted beside the gallery and compared with it. New points are staged, embedded and
 * put into their blocks without a tag, so hidden, commit by commit; what was done survives an
 * interruption. Then one transaction gives and takes the tag everywhere: it writes the small
 * entries of tags and attributes and no block. Rows that nobody wants any more go afterwards.
 */
#include "blocks.h"
#include "bytes.h"
#include "geodesy.h"
#include "sorted.h"

#include <stdlib.h>
#include <string.h>

#define STAGE_POINTS 8192 /* in one transaction */
#define STAGE_BYTES ((size_t)16 << 20)
#define SWEEP_BLOCKS 256 /* written in one transaction */
#define SET_BYTES (2 * ((size_t)GALLERY_TAGS_MAX + 1))

struct gallery_sync {
    gallery *g;
    char *name;
    uint16_t tag;    /* 0: it is not there yet */
    bool to_nothing; /* the input is empty: the tag is taken away */
    struct gallery_sorted *input;
    struct gallery_sorted_entry next; /* of the input */
    bool ended;
    unsigned long long added; /* to the input */
    struct gallery_whole *whole;
    struct gallery_row rows[GALLERY_BLOCK_CAPACITY];
    uint8_t sets[GALLERY_BLOCK_CAPACITY][SET_BYTES];
    gallery_point *fresh; /* [STAGE_POINTS], not in the gallery */
    size_t fresh_n, fresh_bytes;
    gallery_changes changes;
    unsigned long long different;
};

/* ---------------------------------------------------------------------- input */

static char *folder_of(const char *path) {
    char *real = realpath(path, NULL), *slash = real ? strrchr(real, '/') : NULL;
    if (slash) slash[slash == real] = 0;
    return real;
}

int gallery_sync_open(gallery *g, const char *tag, size_t memory, gallery_sync **out) {
    *out = NULL;
    GALLERY_TRY(gallery_require_writer(g));
    const char *wrong = gallery_tag_wrong(tag);
    if (wrong) return gallery_fail(g->ctx, GALLERY_EVALUE, "%s: %s", g->path, wrong);
    char *folder = folder_of(g->path);
    gallery_sync *s = calloc(1, sizeof *s);
    int status = GALLERY_OK;
    if (!folder || !s || !(s->name = strdup(tag)) ||
        !(s->fresh = calloc(STAGE_POINTS, sizeof *s->fresh))) {
        status = gallery_fail_memory(g->ctx, sizeof *s);
        goto done;
    }
    s->g = g;
    GALLERY_GO(gallery_whole_make(g, &s->whole));
    status = gallery_sorted_open(g->ctx, folder, memory, &s->input);
done:
    free(folder);
    if (status == GALLERY_OK)
        *out = s;
    else
        gallery_sync_close(s);
    return status;
}

static void forget_fresh(gallery_sync *s) {
    for (size_t i = 0; i < s->fresh_n; i++) free((char *)(uintptr_t)s->fresh[i].properties);
    s->fresh_n = s->fresh_bytes = 0;
}

void gallery_sync_close(gallery_sync *s) {
    if (!s) return;
    forget_fresh(s);
    gallery_sorted_close(s->input);
    gallery_whole_free(s->whole);
    free(s->fresh);
    free(s->name);
    free(s);
}

int gallery_sync_add(gallery_sync *s, const gallery_point *point) {
    GALLERY_TRY(gallery_check_point(s->g, point));
    s->added++;
    return gallery_sorted_add(s->input, point->id, point->properties,
                              point->properties ? strlen(point->properties) : 0);
}

static int next_input(gallery_sync *s) {
    int status = gallery_sorted_next(s->input, &s->next);
    s->ended = status == GALLERY_END;
    return s->ended ? GALLERY_OK : status;
}

/* ----------------------------------------------------------------------- walk
 * Compares all blocks with the input. Without a transaction it finds what is to be done and stages
 * what is new; within one it does it. */

static int stage_fresh(gallery_sync *s) {
    int status = gallery_stage_hidden(s->g, s->fresh, s->fresh_n);
    forget_fresh(s);
    return status;
}

static int take_fresh(gallery_sync *s, const MDB_txn *txn) {
    gallery *g = s->g;
    gallery_point *p = s->fresh + s->fresh_n;
    if (txn) return gallery_fail(g->ctx, GALLERY_EUSAGE, "%s: a point was not embedded", g->path);
    *p = (gallery_point){.id = s->next.id};
    gallery_point_from_id(p->id, &p->lon_deg, &p->lat_deg);
    if (s->next.text && !(p->properties = strdup(s->next.text)))
        return gallery_fail_memory(g->ctx, s->next.length);
    s->fresh_n++;
    s->fresh_bytes += s->next.length;
    s->different++;
    if (s->fresh_n == STAGE_POINTS || s->fresh_bytes > STAGE_BYTES) GALLERY_TRY(stage_fresh(s));
    return next_input(s);
}

/* A row of the tag, as the input has it. */
static int give(gallery_sync *s, struct gallery_row *row, uint8_t *room, bool *changed) {
    uint8_t number[2];
    gallery_put16(number, s->tag);
    bool hidden = !row->tags.n, tagged = s->tag && gallery_tagset_has(row->tags, s->tag);
    /* A point that comes without attributes keeps its own; a hidden one has none. */
    bool text = (hidden || s->next.length) &&
                (row->length != s->next.length ||
                 (row->length && memcmp(row->text, s->next.text, row->length) != 0));
    if (text) {
        row->text = s->next.text;
        row->length = s->next.length;
    }
    if (!tagged)
        row->tags = gallery_tagset_union(row->tags, (struct gallery_tagset){number, 1}, room);
    if (row->tags.n > GALLERY_TAGS_MAX)
        return gallery_fail(s->g->ctx, GALLERY_EVALUE,
                            "%s: point %.7f, %.7f would have more than %d tags", s->g->path,
                            row->lon / 1e7, row->lat / 1e7, GALLERY_TAGS_MAX);
    *changed |= text || !tagged;
    if (hidden)
        s->changes.added++;
    else if (text || !tagged)
        s->changes.updated++;
    else
        s->changes.unchanged++;
    return GALLERY_OK;
}

static void take(gallery_sync *s, struct gallery_row *row, uint8_t *room, bool *changed) {
    if (!s->tag || !gallery_tagset_has(row->tags, s->tag)) return;
    row->tags = gallery_tagset_without(row->tags, s->tag, room);
    s->changes.removed++;
    *changed = true;
}

static int walk_block(gallery_sync *s, MDB_txn *txn) {
    struct gallery_whole *w = s->whole;
    bool changed = false;
    char *texts[GALLERY_BLOCK_CAPACITY]; /* the input's entry lives until the next one */
    size_t texts_n = 0;
    int status = GALLERY_OK;
    for (size_t i = 0; i < w->block.count; i++) {
        while (!s->ended && s->next.id < w->ids[i]) GALLERY_GO(take_fresh(s, txn));
        s->rows[i] = gallery_whole_row(w, i);
        if (s->ended || s->next.id != w->ids[i]) {
            take(s, s->rows + i, s->sets[i], &changed);
            continue;
        }
        GALLERY_GO(give(s, s->rows + i, s->sets[i], &changed));
        if (txn && s->rows[i].length && s->rows[i].text == s->next.text) {
            char *copy = texts[texts_n] = strdup(s->next.text);
            if (!copy) {
                status = gallery_fail_memory(s->g->ctx, s->next.length);
                goto done;
            }
            texts_n++;
            s->rows[i].text = copy;
        }
        GALLERY_GO(next_input(s));
    }
    s->different += changed;
    if (changed && txn) status = gallery_whole_relabel(s->g, txn, w, s->rows);
done:
    while (texts_n) free(texts[--texts_n]);
    return status;
}

/* The first block at or after `key`. */
static int read_block(gallery_sync *s, MDB_txn *within, uint64_t key, bool *found) {
    MDB_txn *txn = within;
    MDB_cursor *cursor;
    MDB_val value;
    if (!txn) GALLERY_TRY(gallery_read_begin(s->g, &txn));
    int rc = mdb_cursor_open(txn, s->g->blocks_db, &cursor);
    int status = rc ? gallery_fail_store(s->g, rc)
                    : gallery_cursor_get(s->g, cursor, MDB_SET_RANGE, &key, &value);
    if (!rc) mdb_cursor_close(cursor);
    *found = status == GALLERY_OK;
    if (*found) status = gallery_whole_read(s->g, txn, key, false, s->whole);
    if (!within) gallery_read_end(s->g, txn);
    return status == GALLERY_END ? GALLERY_OK : status;
}

static int walk(gallery_sync *s, MDB_txn *txn) {
    bool found = true;
    s->changes = (gallery_changes){0};
    s->different = 0;
    s->ended = true;
    if (!s->to_nothing) {
        GALLERY_TRY(gallery_sorted_rewind(s->input));
        GALLERY_TRY(next_input(s));
    }
    for (uint64_t key = 0;; key = s->whole->ids[s->whole->block.count - 1] + 1) {
        GALLERY_TRY(read_block(s, txn, key, &found));
        if (!found) break;
        GALLERY_TRY(walk_block(s, txn));
    }
    while (!s->ended) GALLERY_TRY(take_fresh(s, txn));
    return s->fresh_n ? stage_fresh(s) : GALLERY_OK;
}

static int walk_in(gallery *g, MDB_txn *txn, void *user) {
    (void)g;
    return walk(user, txn);
}

/* ---------------------------------------------------------------------- stage */

struct strip {
    uint16_t tag;
    bool drop; /* what has no other */
};

static int strip_one(gallery *g, MDB_txn *txn, const struct strip *strip, uint64_t id,
                     const MDB_val *value) {
    struct gallery_staged staged;
    uint8_t room[SET_BYTES], key_bytes[GALLERY_KEY_BYTES];
    int status;
    const char *wrong = gallery_stage_decode(value->mv_data, value->mv_size, &staged, &status);
    if (wrong) return gallery_fail(g->ctx, status, "%s: %s", g->path, wrong);
    if (!gallery_tagset_has(staged.tags, strip->tag)) return GALLERY_OK;
    staged.tags = gallery_tagset_without(staged.tags, strip->tag, room);
    if (strip->drop && !staged.tags.n) return gallery_drop(g, txn, g->stage_db, id);
    MDB_val key = {sizeof key_bytes, key_bytes},
            to = {gallery_stage_bytes(staged.tags, staged.length), NULL};
    uint8_t *copy = malloc(to.mv_size); /* the old value is the map's */
    if (!copy) return gallery_fail_memory(g->ctx, to.mv_size);
    gallery_stage_encode(staged.tags, staged.text, staged.length, copy);
    gallery_key_encode(id, key_bytes);
    to.mv_data = copy;
    int rc = mdb_put(txn, g->stage_db, &key, &to, 0);
    free(copy);
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

/* Takes a tag from what an earlier run has staged. */
static int strip_stage(gallery *g, MDB_txn *txn, void *user) {
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id = 0;
    int rc = mdb_cursor_open(txn, g->stage_db, &cursor), status;
    if (rc) return gallery_fail_store(g, rc);
    while ((status = gallery_cursor_get(g, cursor, MDB_SET_RANGE, &id, &value)) == GALLERY_OK) {
        GALLERY_GO(strip_one(g, txn, user, id, &value));
        if (id++ == UINT64_MAX) break;
    }
done:
    mdb_cursor_close(cursor);
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* ---------------------------------------------------------------------- sweep */

struct sweep {
    struct gallery_whole *whole;
    uint64_t keys[SWEEP_BLOCKS], from;
    size_t n;
    bool finished;
};

/* Worth writing anew: a quarter of it is hidden, or nothing is shown. */
static bool is_stale(const struct gallery_rows *rows) {
    size_t visible = gallery_rows_visible(rows);
    return !visible || (rows->count - visible) * 4 > rows->count;
}

static int find_stale(gallery *g, struct sweep *s) {
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val value;
    s->n = 0;
    GALLERY_TRY(gallery_read_begin(g, &txn));
    int rc = mdb_cursor_open(txn, g->blocks_db, &cursor);
    int status = rc ? gallery_fail_store(g, rc) : GALLERY_OK;
    while (status == GALLERY_OK && s->n < SWEEP_BLOCKS) {
        uint64_t id = s->from;
        struct gallery_block block;
        struct gallery_rows rows;
        status = gallery_cursor_get(g, cursor, MDB_SET_RANGE, &id, &value);
        if (status == GALLERY_OK) status = gallery_block_view(g, id, &value, &block);
        if (status == GALLERY_OK) status = gallery_rows_read(g, txn, id, &block, &rows);
        if (status != GALLERY_OK) break;
        if (is_stale(&rows)) s->keys[s->n++] = id;
        s->from = id + 1;
    }
    s->finished = status == GALLERY_END;
    if (!rc) mdb_cursor_close(cursor);
    gallery_read_end(g, txn);
    return s->finished ? GALLERY_OK : status;
}

static int sweep_found(gallery *g, MDB_txn *txn, void *user) {
    struct sweep *s = user;
    for (size_t i = 0; i < s->n; i++) {
        struct gallery_row rows[GALLERY_BLOCK_CAPACITY];
        size_t n = 0;
        GALLERY_TRY(gallery_whole_read(g, txn, s->keys[i], true, s->whole));
        for (size_t j = 0; j < s->whole->block.count; j++)
            if (s->whole->rows.tags[j].n) rows[n++] = gallery_whole_row(s->whole, j);
        GALLERY_TRY(gallery_whole_replace(g, txn, s->whole, rows, n));
    }
    return GALLERY_OK;
}

static int sweep(gallery *g, struct gallery_whole *whole) {
    struct sweep *s = calloc(1, sizeof *s);
    int status = s ? GALLERY_OK : gallery_fail_memory(g->ctx, sizeof *s);
    if (s) s->whole = whole;
    while (status == GALLERY_OK && !s->finished) {
        status = g->meta.hidden ? find_stale(g, s) : GALLERY_END;
        if (status == GALLERY_OK && s->n) status = gallery_write(g, sweep_found, s);
    }
    free(s);
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* ----------------------------------------------------------------------- whole */

int gallery_sync_run(gallery_sync *s, gallery_embed_fn embed, gallery_progress_fn progress,
                     void *user, gallery_changes *changes) {
    gallery *g = s->g;
    gallery_changes embedded;
    unsigned long long staged;
    *changes = (gallery_changes){0};
    if (!s->added)
        return gallery_fail(g->ctx, GALLERY_EEMPTY,
                            "%s: an input without points; vt-index remove takes a tag away",
                            g->path);
    if (gallery_tag_find(g, s->name, &s->tag) != GALLERY_OK) s->tag = 0;
    GALLERY_TRY(gallery_stage_tidy(g));
    GALLERY_TRY(gallery_stage_count(g, &staged));
    if (staged && s->tag)
        GALLERY_TRY(gallery_write(g, strip_stage, &(struct strip){.tag = s->tag}));
    GALLERY_TRY(walk(s, NULL));
    if (s->different || staged) {
        if (!s->tag) GALLERY_TRY(gallery_tag_make(g, s->name, &s->tag));
        GALLERY_TRY(gallery_embed_staged(g, embed, progress, user, &embedded));
        GALLERY_TRY(gallery_write(g, walk_in, s));
    }
    *changes = s->changes;
    return sweep(g, s->whole);
}

static int remove_tag(gallery *g, MDB_txn *txn, void *user) {
    gallery_sync *s = user;
    struct strip strip = {.tag = s->tag, .drop = true};
    GALLERY_TRY(strip_stage(g, txn, &strip));
    return walk(s, txn);
}

static int remove_name(gallery *g, MDB_txn *txn, void *user) {
    const gallery_sync *s = user;
    struct gallery_tags tags = g->tags;
    char *name = tags.names[s->tag - 1];
    tags.names[s->tag - 1] = NULL;
    int status = gallery_tags_write(g, txn, &tags);
    tags.names[s->tag - 1] = name;
    return status;
}

int gallery_tag_remove(gallery *g, const char *name, gallery_changes *changes) {
    gallery_sync *s;
    *changes = (gallery_changes){0};
    GALLERY_TRY(gallery_sync_open(g, name, 0, &s));
    s->to_nothing = true;
    int status = gallery_tag_find(g, name, &s->tag);
    if (status == GALLERY_OK) status = gallery_stage_tidy(g);
    if (status == GALLERY_OK) status = gallery_write(g, remove_tag, s);
    if (status == GALLERY_OK) {
        *changes = s->changes;
        status = sweep(g, s->whole);
    }
    /* Last of all, so that the same can be run again after an interruption. */
    if (status == GALLERY_OK) status = gallery_write(g, remove_name, s);
    if (status == GALLERY_OK) {
        free(g->tags.names[s->tag - 1]);
        g->tags.names[s->tag - 1] = NULL;
    }
    gallery_sync_close(s);
    return status;
}
