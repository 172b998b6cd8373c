/* stage.c - points on their way into the gallery: staged, embedded, merged into blocks.
 *
 * A batch is read and embedded outside any write transaction, then merged within one that also
 * notes in the metadata how far it got: a crash loses at most a batch's computing, and a full map
 * costs nothing. The last batch empties the stage at once. Were the entries deleted one by one,
 * LMDB would write addresses of its memory into the file (it chains pages that a transaction wrote
 * and freed through their bytes 48 to 55, and reuses them as they are), and no two runs would make
 * the same bytes.
 */
#include "blocks.h"
#include "bytes.h"
#include "geodesy.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A batch ends early where its attributes take more. */
#define BATCH_TEXT_BYTES ((size_t)32 << 20)
/* ... or touch more blocks: LMDB keeps them in memory until it commits. */
#define BATCH_BLOCKS 512
#define TIDY_POINTS 8192
/* float32 sums of 512 squares stay well within it. */
#define UNIT_TOLERANCE 1e-4

/* --------------------------------------------------------------------- stage */

int gallery_check_point(gallery *g, const gallery_point *p) {
    double lon = p->lon_deg, lat = p->lat_deg;
    if (!gallery_canonical(&lon, &lat) || lon != p->lon_deg || lat != p->lat_deg)
        return gallery_fail(g->ctx, GALLERY_EVALUE, "%s: %.9g, %.9g is not a canonical coordinate",
                            g->path, p->lon_deg, p->lat_deg);
    if (p->id != gallery_point_id(lon, lat))
        return gallery_fail(g->ctx, GALLERY_EVALUE,
                            "%s: %016" PRIx64 " is not the id of %.7f, %.7f", g->path, p->id, lon,
                            lat);
    if (p->properties && strlen(p->properties) > GALLERY_PROPERTIES_MAX_BYTES)
        return gallery_fail(g->ctx, GALLERY_EVALUE,
                            "%s: point %.7f, %.7f has attributes of more than %zu bytes", g->path,
                            lon, lat, GALLERY_PROPERTIES_MAX_BYTES);
    return GALLERY_OK;
}

static int check_tags(gallery *g, const gallery_point *p) {
    bool ok = p->tags_n <= GALLERY_TAGS_MAX;
    for (size_t i = 0; ok && i < p->tags_n; i++)
        ok =
            (!i || p->tags[i] > p->tags[i - 1]) && (!p->tags[i] || gallery_tag_name(g, p->tags[i]));
    return ok ? GALLERY_OK
              : gallery_fail(g->ctx, GALLERY_EVALUE,
                             "%s: point %.7f, %.7f has tags out of order, unknown or more than %d",
                             g->path, p->lon_deg, p->lat_deg, GALLERY_TAGS_MAX);
}

int gallery_check_stageable(gallery *g, const gallery_point *p) {
    GALLERY_TRY(gallery_check_point(g, p));
    return check_tags(g, p);
}

struct staging {
    const gallery_point *points;
    size_t n;
    bool hidden;
};

/* A point's tags as stored: [GALLERY_TAGS_MAX] in `room`. */
static struct gallery_tagset tags_of(const gallery_point *p, bool hidden, uint8_t *room) {
    struct gallery_tagset set = {room, hidden ? 0 : p->tags_n ? p->tags_n : 1};
    gallery_put16(room, 0);
    for (size_t i = 0; i < p->tags_n; i++) gallery_put16(room + 2 * i, p->tags[i]);
    return set;
}

/* What is staged of the point already: its tags are added, and its attributes kept, in `text`,
 * which is to be freed, if it comes without any. One that is to stay hidden has none. */
static int take_staged(gallery *g, MDB_txn *txn, MDB_val *key, struct gallery_tagset *set,
                       uint8_t *room, size_t *length, char **text) {
    struct gallery_staged before;
    MDB_val value;
    double lon = 0, lat = 0;
    int status, rc = mdb_get(txn, g->stage_db, key, &value);
    if (rc == MDB_NOTFOUND) return GALLERY_OK;
    if (rc) return gallery_fail_store(g, rc);
    const char *wrong = gallery_stage_decode(value.mv_data, value.mv_size, &before, &status);
    if (wrong) return gallery_fail(g->ctx, status, "%s: %s", g->path, wrong);
    if (!*length && before.length && before.tags.n) {
        if (!(*text = strndup(before.text, before.length)))
            return gallery_fail_memory(g->ctx, before.length);
        *length = before.length;
    }
    *set = gallery_tagset_union(*set, before.tags, room);
    if (set->n <= GALLERY_TAGS_MAX) return GALLERY_OK;
    gallery_point_from_id(gallery_key_decode(key->mv_data), &lon, &lat);
    return gallery_fail(g->ctx, GALLERY_EVALUE, "%s: point %.7f, %.7f would have more than %d tags",
                        g->path, lon, lat, GALLERY_TAGS_MAX);
}

static int stage_one(gallery *g, MDB_txn *txn, const gallery_point *p, bool hidden) {
    size_t length = p->properties ? strlen(p->properties) : 0;
    char *before = NULL;
    uint8_t id[GALLERY_KEY_BYTES], own[2 * GALLERY_TAGS_MAX], both[4 * GALLERY_TAGS_MAX];
    struct gallery_tagset set = tags_of(p, hidden, own);
    gallery_key_encode(p->id, id);
    MDB_val key = {sizeof id, id};
    int status = take_staged(g, txn, &key, &set, both, &length, &before);
    if (status == GALLERY_OK) {
        MDB_val value = {gallery_stage_bytes(set, length), NULL};
        int rc = mdb_put(txn, g->stage_db, &key, &value, MDB_RESERVE);
        if (rc) status = gallery_fail_store(g, rc);
        if (!rc) gallery_stage_encode(set, before ? before : p->properties, length, value.mv_data);
    }
    free(before);
    return status;
}

static int stage_all(gallery *g, MDB_txn *txn, void *user) {
    const struct staging *s = user;
    for (size_t i = 0; i < s->n; i++) GALLERY_TRY(stage_one(g, txn, s->points + i, s->hidden));
    return GALLERY_OK;
}

int gallery_require_writer(gallery *g) {
    return g->writer
               ? GALLERY_OK
               : gallery_fail(g->ctx, GALLERY_EUSAGE, "%s: is open for reading only", g->path);
}

/* Some of what an interrupted run has embedded; *user: nothing is left of it. */
static int tidy_some(gallery *g, MDB_txn *txn, void *user) {
    bool *finished = user;
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id;
    int rc = mdb_cursor_open(txn, g->stage_db, &cursor), status = GALLERY_OK;
    if (rc) return gallery_fail_store(g, rc);
    *finished = false;
    for (int i = 0; status == GALLERY_OK && !*finished && i < TIDY_POINTS; i++) {
        status = gallery_cursor_get(g, cursor, MDB_FIRST, &id, &value);
        *finished = status == GALLERY_END || (status == GALLERY_OK && id >= g->meta.waiting);
        if (status == GALLERY_OK && !*finished) status = gallery_drop(g, txn, g->stage_db, id);
    }
    mdb_cursor_close(cursor);
    if (*finished) g->meta.waiting = 0;
    return *finished ? GALLERY_OK : status;
}

int gallery_stage_tidy(gallery *g) {
    bool finished = !g->meta.waiting;
    while (!finished) GALLERY_TRY(gallery_write(g, tidy_some, &finished));
    return GALLERY_OK;
}

static int stage(gallery *g, const gallery_point *points, size_t n, bool hidden) {
    GALLERY_TRY(gallery_require_writer(g));
    GALLERY_TRY(gallery_stage_tidy(g));
    for (size_t i = 0; i < n; i++) GALLERY_TRY(gallery_check_stageable(g, points + i));
    struct staging s = {points, n, hidden};
    return n ? gallery_write(g, stage_all, &s) : GALLERY_OK;
}

int gallery_stage(gallery *g, const gallery_point *points, size_t n) {
    return stage(g, points, n, false);
}

int gallery_stage_hidden(gallery *g, const gallery_point *points, size_t n) {
    return stage(g, points, n, true);
}

/* --------------------------------------------------------------------- batch */

#define KNOWN UINT32_MAX
#define UNION_MAX (2 * GALLERY_TAGS_MAX)

struct item { /* a staged point */
    uint64_t id;
    size_t text, length; /* its attributes in batch.texts; length 0: none */
    size_t tags, tags_n; /* as stored, in batch.texts */
    uint32_t row;        /* in batch.embeddings, or KNOWN */
};

struct group { /* items that go into the same block */
    size_t first, count;
    uint64_t key; /* the block's */
    bool exists;  /* false: the gallery has no blocks yet */
};

struct batch {
    size_t capacity, n, groups_n, new_n, text_size, text_capacity;
    struct item *items;   /* [capacity] */
    struct group *groups; /* [capacity] */
    char *texts;
    double *lonlat;     /* [capacity][2], of the new points */
    float *embeddings;  /* [capacity][dim] */
    uint8_t *converted; /* the same in the gallery's type */
    struct gallery_whole *whole;
    uint8_t *unions;          /* [GALLERY_BLOCK_CAPACITY][2 * UNION_MAX]: tags old and new */
    struct gallery_row *rows; /* of the merged group */
    gallery_changes changes;
};

static void batch_free(struct batch *b) {
    free(b->items);
    free(b->groups);
    free(b->texts);
    free(b->lonlat);
    free(b->embeddings);
    free(b->converted);
    gallery_whole_free(b->whole);
    free(b->unions);
    free(b->rows);
}

static int batch_make(gallery *g, struct batch *b) {
    size_t n = g->batch, dim = (size_t)g->meta.setup.dim;
    size_t bytes = gallery_dtype_bytes(g->meta.setup.dtype);
    if (n > SIZE_MAX / 8 / dim) return gallery_fail_memory(g->ctx, SIZE_MAX);
    *b = (struct batch){.capacity = n};
    b->items = malloc(n * sizeof *b->items);
    b->groups = malloc(n * sizeof *b->groups);
    b->lonlat = malloc(n * 2 * sizeof *b->lonlat);
    b->embeddings = malloc(n * dim * sizeof *b->embeddings);
    b->converted = malloc(n * dim * bytes);
    b->unions = malloc(GALLERY_BLOCK_CAPACITY * 2 * (size_t)UNION_MAX);
    b->rows = malloc((n + GALLERY_BLOCK_CAPACITY) * sizeof *b->rows);
    if (b->items && b->groups && b->lonlat && b->embeddings && b->converted && b->unions &&
        b->rows && gallery_whole_make(g, &b->whole) == GALLERY_OK)
        return GALLERY_OK;
    batch_free(b);
    return gallery_fail_memory(g->ctx, n * dim * (4 + bytes));
}

static int fail_staged(gallery *g, int status, uint64_t id, const char *wrong) {
    return gallery_fail(g->ctx, status, "%s: staged point %016" PRIx64 ": %s", g->path, id, wrong);
}

static size_t keep(struct batch *b, const void *bytes, size_t n) {
    size_t at = b->text_size;
    if (n) memcpy(b->texts + at, bytes, n);
    b->text_size += n;
    return at;
}

static int take_item(gallery *g, struct batch *b, uint64_t id, const MDB_val *value) {
    struct gallery_staged staged;
    int status;
    const char *wrong = gallery_stage_decode(value->mv_data, value->mv_size, &staged, &status);
    double lon, lat;
    if (!wrong && !gallery_point_from_id(id, &lon, &lat)) {
        wrong = "no point has this id";
        status = GALLERY_EFORMAT;
    }
    if (wrong) return fail_staged(g, status, id, wrong);
    if (value->mv_size > b->text_capacity - b->text_size) {
        size_t capacity = 2 * (b->text_size + value->mv_size);
        char *grown = realloc(b->texts, capacity);
        if (!grown) return gallery_fail_memory(g->ctx, capacity);
        b->texts = grown;
        b->text_capacity = capacity;
    }
    struct item *item = b->items + b->n++;
    *item = (struct item){.id = id, .length = staged.length, .tags_n = staged.tags.n, .row = KNOWN};
    item->tags = keep(b, staged.tags.at, 2 * staged.tags.n);
    item->text = keep(b, staged.text, staged.length);
    return GALLERY_OK;
}

static int read_stage(gallery *g, MDB_txn *txn, struct batch *b) {
    MDB_cursor *cursor;
    MDB_cursor_op op = MDB_SET_RANGE;
    MDB_val value;
    uint64_t id = g->meta.waiting;
    int rc = mdb_cursor_open(txn, g->stage_db, &cursor), status = GALLERY_OK;
    if (rc) return gallery_fail_store(g, rc);
    b->n = b->text_size = b->groups_n = b->new_n = 0;
    while (status == GALLERY_OK && b->n < b->capacity && b->text_size < BATCH_TEXT_BYTES) {
        status = gallery_cursor_get(g, cursor, op, &id, &value);
        if (status == GALLERY_OK) status = take_item(g, b, id, &value);
        op = MDB_NEXT;
    }
    mdb_cursor_close(cursor);
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* The block that an id belongs to: the last that begins at or before it, else the first; and where
 * the next one begins. GALLERY_END: there are no blocks. */
static int locate(gallery *g, MDB_cursor *cursor, uint64_t id, uint64_t *key, uint64_t *next,
                  MDB_val *value) {
    *key = id;
    int status = gallery_cursor_get(g, cursor, MDB_SET_RANGE, key, value);
    if (status == GALLERY_END)
        status = gallery_cursor_get(g, cursor, MDB_LAST, key, value);
    else if (status == GALLERY_OK && *key != id) {
        uint64_t after = *key;
        status = gallery_cursor_get(g, cursor, MDB_PREV, key, value);
        if (status == GALLERY_END) { /* before the first block */
            *key = after;
            status = gallery_cursor_get(g, cursor, MDB_FIRST, key, value);
        }
    }
    if (status != GALLERY_OK) return status;
    MDB_val unused;
    status = gallery_cursor_get(g, cursor, MDB_NEXT, next, &unused);
    if (status == GALLERY_END) *next = UINT64_MAX;
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* Marks as new the group's items that the block (ids, sorted) does not hold. */
static void mark_new(struct batch *b, const struct group *group, const uint64_t *ids, size_t n) {
    size_t at = 0;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        struct item *item = b->items + i;
        while (at < n && ids[at] < item->id) at++;
        if (at < n && ids[at] == item->id) continue;
        item->row = (uint32_t)b->new_n;
        gallery_point_from_id(item->id, b->lonlat + 2 * b->new_n, b->lonlat + 2 * b->new_n + 1);
        b->new_n++;
    }
}

static int make_group(gallery *g, MDB_cursor *cursor, struct batch *b, size_t first) {
    struct group *group = b->groups + b->groups_n++;
    struct gallery_block block;
    uint64_t ids[GALLERY_BLOCK_CAPACITY], next = UINT64_MAX;
    MDB_val value;
    *group = (struct group){.first = first, .exists = true};
    int status = locate(g, cursor, b->items[first].id, &group->key, &next, &value);
    size_t known = 0;
    if (status == GALLERY_OK) {
        GALLERY_TRY(gallery_block_view(g, group->key, &value, &block));
        GALLERY_TRY(gallery_block_check(g, group->key, &block));
        GALLERY_TRY(gallery_block_read_ids(g, group->key, &block, ids));
        known = block.count;
    } else if (status == GALLERY_END)
        group->exists = false;
    else
        return status;
    size_t end = first;
    while (end < b->n && (b->items[end].id < next || end == first)) end++;
    group->count = end - first;
    mark_new(b, group, ids, known);
    return GALLERY_OK;
}

static int read_batch(gallery *g, struct batch *b) {
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    GALLERY_TRY(gallery_read_begin(g, &txn));
    int status = read_stage(g, txn, b), rc;
    if (status == GALLERY_OK && (rc = mdb_cursor_open(txn, g->blocks_db, &cursor)))
        status = gallery_fail_store(g, rc);
    for (size_t i = 0; status == GALLERY_OK && i < b->n; i += b->groups[b->groups_n - 1].count) {
        if (b->groups_n == BATCH_BLOCKS) {
            b->n = i;
            break;
        }
        status = make_group(g, cursor, b, i);
    }
    if (cursor) mdb_cursor_close(cursor);
    gallery_read_end(g, txn);
    return status;
}

/* --------------------------------------------------------------------- embed */

static int check_embeddings(const gallery *g, const double *lonlat, size_t n,
                            const float *numbers) {
    size_t dim = (size_t)g->meta.setup.dim;
    double tolerance = g->restoring ? gallery_unit_tolerance(&g->meta.setup) : UNIT_TOLERANCE;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < dim; j++) sum += (double)numbers[i * dim + j] * numbers[i * dim + j];
        if (!(fabs(sqrt(sum) - 1) <= tolerance))
            return gallery_fail(g->ctx, GALLERY_EVALUE,
                                "%s: the embedding of %.7f, %.7f has length %g, not 1", g->path,
                                lonlat[2 * i], lonlat[2 * i + 1], sqrt(sum));
    }
    return GALLERY_OK;
}

int gallery_encode_points(const gallery *g, const double *lonlat, size_t n, const float *numbers,
                          uint8_t *out) {
    size_t all = n * (size_t)g->meta.setup.dim;
    GALLERY_TRY(check_embeddings(g, lonlat, n, numbers));
    if (g->meta.setup.dtype == GALLERY_F16)
        g->f16->encode(numbers, all, out);
    else
        memcpy(out, numbers, all * sizeof(float));
    return GALLERY_OK;
}

int gallery_embed_points(gallery *g, gallery_embed_fn embed, void *user, const double *lonlat,
                         size_t n, float *numbers, uint8_t *out) {
    if (!n) return GALLERY_OK;
    if (embed(user, lonlat, n, numbers))
        return gallery_fail(g->ctx, GALLERY_EUSAGE,
                            "%s: embedding failed; what was done is kept, for the same again",
                            g->path);
    return gallery_encode_points(g, lonlat, n, numbers, out);
}

/* --------------------------------------------------------------------- merge */

static struct gallery_tagset tags_of_item(const struct batch *b, const struct item *item) {
    return (struct gallery_tagset){(const uint8_t *)b->texts + item->tags, item->tags_n};
}

static struct gallery_row new_row(const gallery *g, const struct batch *b,
                                  const struct item *item) {
    size_t row = (size_t)g->meta.setup.dim * gallery_dtype_bytes(g->meta.setup.dtype);
    const double *lonlat = b->lonlat + 2 * (size_t)item->row;
    return (struct gallery_row){.id = item->id,
                                .lon = (int32_t)lround(lonlat[0] * 1e7),
                                .lat = (int32_t)lround(lonlat[1] * 1e7),
                                .bytes = b->converted + item->row * row,
                                .text = item->length ? b->texts + item->text : NULL,
                                .length = item->length,
                                .tags = tags_of_item(b, item)};
}

/* New attributes for a row; false if they are what it has, or none. A hidden row has none. */
static bool update_text(const struct batch *b, const struct item *item, struct gallery_row *row) {
    const char *text = item->length ? b->texts + item->text : NULL;
    if (!text && row->tags.n) return false;
    if (row->length == item->length && (!text || !memcmp(row->text, text, item->length)))
        return false;
    row->text = text;
    row->length = item->length;
    return true;
}

/* The item's tags beside the row's. */
static int update_tags(gallery *g, const struct batch *b, const struct item *item, uint8_t *room,
                       struct gallery_row *row, bool *changed) {
    struct gallery_tagset both = gallery_tagset_union(row->tags, tags_of_item(b, item), room);
    if (both.n > GALLERY_TAGS_MAX)
        return gallery_fail(g->ctx, GALLERY_EVALUE,
                            "%s: point %.7f, %.7f would have more than %d tags", g->path,
                            row->lon / 1e7, row->lat / 1e7, GALLERY_TAGS_MAX);
    *changed = both.n != row->tags.n;
    row->tags = both;
    return GALLERY_OK;
}

struct merged {
    size_t n;              /* of batch.rows */
    bool changed, has_new; /* something; rows that the block has not */
};

static int merge_known(gallery *g, struct batch *b, const struct item *item, size_t at,
                       struct merged *m) {
    struct gallery_row *row = b->rows + m->n++;
    *row = gallery_whole_row(b->whole, at);
    /* What is staged to be hidden leaves a point that is shown alone. */
    bool hidden = !row->tags.n, tags = false;
    bool text = (hidden || item->tags_n) && update_text(b, item, row);
    GALLERY_TRY(update_tags(g, b, item, b->unions + at * 2 * UNION_MAX, row, &tags));
    if (hidden && row->tags.n)
        b->changes.added++;
    else
        *(text || tags ? &b->changes.updated : &b->changes.unchanged) += 1;
    m->changed |= text || tags;
    return GALLERY_OK;
}

/* Merges the block's rows and items into b->rows, both in order of ids. */
static int merge(gallery *g, struct batch *b, const struct group *group, struct merged *m) {
    const struct gallery_whole *old = b->whole;
    size_t at = 0, end = group->first + group->count;
    *m = (struct merged){0};
    for (size_t i = group->first; i < end || at < old->block.count;) {
        const struct item *item = b->items + i;
        if (i == end || (at < old->block.count && old->ids[at] < item->id)) {
            b->rows[m->n++] = gallery_whole_row(old, at++);
            continue;
        }
        if (item->row != KNOWN) {
            b->rows[m->n++] = new_row(g, b, item);
            b->changes.added++;
            m->changed = m->has_new = true;
        } else
            GALLERY_TRY(merge_known(g, b, item, at++, m));
        i++;
    }
    return GALLERY_OK;
}

static int apply_group(gallery *g, MDB_txn *txn, struct batch *b, const struct group *group) {
    struct merged m;
    if (group->exists)
        GALLERY_TRY(gallery_whole_read(g, txn, group->key, true, b->whole));
    else
        gallery_whole_clear(b->whole);
    GALLERY_TRY(merge(g, b, group, &m));
    if (m.has_new)
        GALLERY_TRY(gallery_whole_replace(g, txn, b->whole, b->rows, m.n));
    else if (m.changed)
        GALLERY_TRY(gallery_whole_relabel(g, txn, b->whole, b->rows));
    return GALLERY_OK;
}

/* What is staged up to `last` waits no longer. */
static int leave_stage(gallery *g, MDB_txn *txn, uint64_t last) {
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id;
    int rc = mdb_cursor_open(txn, g->stage_db, &cursor);
    if (rc) return gallery_fail_store(g, rc);
    int status = gallery_cursor_get(g, cursor, MDB_LAST, &id, &value);
    mdb_cursor_close(cursor);
    if (status == GALLERY_OK && id > last) {
        g->meta.waiting = last + 1;
        return GALLERY_OK;
    }
    if (status != GALLERY_OK && status != GALLERY_END) return status;
    g->meta.waiting = 0;
    rc = mdb_drop(txn, g->stage_db, 0);
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

static int apply_batch(gallery *g, MDB_txn *txn, void *user) {
    struct batch *b = user;
    b->changes = (gallery_changes){0};
    for (size_t i = 0; i < b->groups_n; i++) GALLERY_TRY(apply_group(g, txn, b, b->groups + i));
    return leave_stage(g, txn, b->items[b->n - 1].id);
}

int gallery_stage_count(gallery *g, unsigned long long *staged) {
    MDB_txn *txn;
    MDB_stat stat;
    GALLERY_TRY(gallery_read_begin(g, &txn));
    int rc = mdb_stat(txn, g->stage_db, &stat);
    gallery_read_end(g, txn);
    *staged = rc ? 0 : stat.ms_entries;
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

int gallery_embed_staged(gallery *g, gallery_embed_fn embed, gallery_progress_fn progress,
                         void *user, gallery_changes *changes) {
    struct batch b;
    unsigned long long total, done = 0;
    *changes = (gallery_changes){0};
    GALLERY_TRY(gallery_require_writer(g));
    GALLERY_TRY(gallery_stage_tidy(g));
    GALLERY_TRY(gallery_stage_count(g, &total));
    GALLERY_TRY(batch_make(g, &b));
    int status = GALLERY_OK;
    for (;;) {
        GALLERY_GO(read_batch(g, &b));
        if (!b.n) break;
        GALLERY_GO(
            gallery_embed_points(g, embed, user, b.lonlat, b.new_n, b.embeddings, b.converted));
        GALLERY_GO(gallery_write(g, apply_batch, &b));
        changes->added += b.changes.added;
        changes->updated += b.changes.updated;
        changes->unchanged += b.changes.unchanged;
        done += b.n;
        if (progress && !progress(user, done, total)) {
            status = GALLERY_END;
            break;
        }
    }
done:
    batch_free(&b);
    return status;
}
