/* verify.c - everything that can be checked about a stored gallery, each failure in a line. */
#include "storage.h"
#include "geodesy.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct audit {
    gallery *g;
    MDB_txn *txn;
    FILE *report;
    int status; /* of the first failure */
    char first[512];
    unsigned long long failures, blocks, points, hidden;
    float *x; /* [GALLERY_BLOCK_CAPACITY][dim] */
    uint64_t last_id;
    gallery_progress_fn progress;
    void *user;
};

__attribute__((format(printf, 3, 4))) static void note(struct audit *a, int status,
                                                       const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (a->report) fprintf(a->report, "%s: %s\n", a->g->path, line);
    if (!a->failures++) {
        a->status = status;
        memcpy(a->first, line, sizeof line);
    }
}

static void note_block(struct audit *a, int status, uint64_t id, const char *wrong) {
    note(a, status, "block %016" PRIx64 ": %s", id, wrong);
}

static int find(struct audit *a, MDB_dbi db, uint64_t id, MDB_val *value) {
    uint8_t bytes[GALLERY_KEY_BYTES];
    gallery_key_encode(id, bytes);
    MDB_val key = {sizeof bytes, bytes};
    int rc = mdb_get(a->txn, db, &key, value);
    if (rc && rc != MDB_NOTFOUND)
        note(a, GALLERY_EFORMAT, "%016" PRIx64 ": %s", id, mdb_strerror(rc));
    return rc;
}

static void audit_embeddings(struct audit *a, uint64_t id, const struct gallery_block *b) {
    double tolerance = gallery_unit_tolerance(&a->g->meta.setup);
    gallery_block_embeddings(a->g, b, 0, b->count, a->x);
    for (size_t i = 0; i < b->count; i++) {
        double sum = 0;
        for (size_t j = 0; j < b->dim; j++)
            sum += (double)a->x[i * b->dim + j] * a->x[i * b->dim + j];
        if (fabs(sqrt(sum) - 1) <= tolerance) continue;
        if (isfinite(sum))
            note(a, GALLERY_EFORMAT, "block %016" PRIx64 ": embedding %zu has length %g, not 1", id,
                 i, sqrt(sum));
        else
            note(a, GALLERY_EVALUE, "block %016" PRIx64 ": embedding %zu is not finite", id, i);
    }
}

static void audit_extent(struct audit *a, uint64_t id, const struct gallery_block *b) {
    double box[4] = {180, 90, -180, -90};
    for (size_t i = 0; i < b->count; i++) {
        double lon, lat;
        gallery_block_coordinate(b, i, &lon, &lat);
        box[0] = fmin(box[0], lon);
        box[1] = fmin(box[1], lat);
        box[2] = fmax(box[2], lon);
        box[3] = fmax(box[3], lat);
    }
    if (box[0] != b->west / 1e7 || box[1] != b->south / 1e7 || box[2] != b->east / 1e7 ||
        box[3] != b->north / 1e7)
        note_block(a, GALLERY_EFORMAT, id, "the extent is not that of its points");
}

static void audit_attributes(struct audit *a, uint64_t id, const struct gallery_rows *rows) {
    MDB_val value;
    struct gallery_attributes attributes;
    int status;
    int rc = find(a, a->g->attributes_db, id, &value);
    if (!rows->attributes || rc) {
        if (!rows->attributes && !rc)
            note_block(a, GALLERY_EFORMAT, id, "has attributes it does not know of");
        if (rows->attributes && rc == MDB_NOTFOUND)
            note_block(a, GALLERY_EFORMAT, id, "attributes are missing");
        return;
    }
    const char *wrong =
        gallery_attributes_decode(value.mv_data, value.mv_size, rows->count, &attributes, &status);
    if (wrong) note_block(a, status, id, wrong);
    gallery_attributes_free(&attributes);
}

static void audit_tags(struct audit *a, uint64_t id, struct gallery_tagset tags) {
    for (size_t i = 0; i < tags.n; i++) {
        uint16_t tag = gallery_tagset_get(tags, i);
        if (tag && !gallery_tag_name(a->g, tag))
            note_block(a, GALLERY_EFORMAT, id, "a point has a tag without a name");
    }
}

static void audit_rows(struct audit *a, uint64_t id, const struct gallery_block *b) {
    MDB_val value;
    struct gallery_rows rows;
    int status, rc = find(a, a->g->rows_db, id, &value);
    if (rc) {
        if (rc == MDB_NOTFOUND) note_block(a, GALLERY_EFORMAT, id, "tags are missing");
        return;
    }
    const char *wrong = gallery_rows_decode(value.mv_data, value.mv_size, b->count, &rows, &status);
    if (wrong) {
        note_block(a, status, id, wrong);
        a->points += b->count; /* most likely: one damage is one line */
        return;
    }
    size_t visible = gallery_rows_visible(&rows);
    a->points += visible;
    a->hidden += b->count - visible;
    for (size_t i = 0; i < b->count; i++) /* neighbours mostly share one set */
        if (!i || rows.tags[i].at != rows.tags[i - 1].at) audit_tags(a, id, rows.tags[i]);
    audit_attributes(a, id, &rows);
}

/* An entry of the index must be sound, made for this block, and hold all its embeddings. */
static void audit_patch(struct audit *a, uint64_t id, const struct gallery_block *b) {
    MDB_val value;
    struct gallery_patch patch;
    if (find(a, a->g->index_db, id, &value)) return;
    const char *wrong = gallery_patch_decode(value.mv_data, value.mv_size, b->dim, &patch);
    if (!wrong && patch.block_checksum != b->checksum) wrong = "index entry made for another block";
    for (size_t i = 0; !wrong && i < b->count; i++) {
        double sum = 0;
        for (size_t j = 0; j < b->dim; j++) {
            float mean;
            memcpy(&mean, patch.mean + 4 * j, sizeof mean);
            double d = (double)a->x[i * b->dim + j] - mean;
            sum += d * d;
        }
        if (!(sqrt(sum) <= patch.radius * (1 + 1e-9)))
            wrong = "index entry does not hold all its points";
    }
    if (wrong) note_block(a, GALLERY_EFORMAT, id, wrong);
}

static void audit_block(struct audit *a, uint64_t id, const MDB_val *value) {
    struct gallery_block b;
    uint64_t ids[GALLERY_BLOCK_CAPACITY];
    a->blocks++;
    const char *wrong = gallery_block_decode(value->mv_data, value->mv_size, &a->g->meta, &b);
    if (wrong) {
        note_block(a, GALLERY_EFORMAT, id, wrong);
        return;
    }
    audit_rows(a, id, &b);
    if (!gallery_block_sound(&b)) {
        note_block(a, GALLERY_ECHECKSUM, id, "does not match its checksum");
        return;
    }
    wrong = gallery_block_ids(&b, id, ids);
    if (!wrong && a->blocks > 1 && ids[0] <= a->last_id) wrong = "overlaps the block before it";
    if (wrong)
        note_block(a, GALLERY_EFORMAT, id, wrong);
    else
        a->last_id = ids[b.count - 1];
    audit_extent(a, id, &b);
    audit_embeddings(a, id, &b);
    audit_patch(a, id, &b);
}

static bool audit_goes_on(struct audit *a) {
    if (!a->progress || a->progress(a->user, a->blocks, a->g->meta.blocks)) return true;
    if (!a->failures) a->status = GALLERY_END;
    return false;
}

/* Walks one database; `each` sees every value, the walk what LMDB finds. */
static void audit_walk(struct audit *a, MDB_dbi db, const char *name,
                       void (*each)(struct audit *a, uint64_t id, const MDB_val *value)) {
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(a->txn, db, &cursor);
    if (rc) {
        note(a, GALLERY_EFORMAT, "%s: %s", name, mdb_strerror(rc));
        return;
    }
    while (!(rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))) {
        if (key.mv_size == GALLERY_KEY_BYTES)
            each(a, gallery_key_decode(key.mv_data), &value);
        else
            note(a, GALLERY_EFORMAT, "%s: a key of %zu bytes", name, key.mv_size);
        if (a->status == GALLERY_END || (each == audit_block && !audit_goes_on(a))) break;
    }
    mdb_cursor_close(cursor);
    if (rc && rc != MDB_NOTFOUND) note(a, GALLERY_EFORMAT, "%s: %s", name, mdb_strerror(rc));
}

static void audit_reference(struct audit *a, uint64_t id, const MDB_val *value) {
    MDB_val block;
    (void)value;
    if (find(a, a->g->blocks_db, id, &block) == MDB_NOTFOUND)
        note(a, GALLERY_EFORMAT,
             "%016" PRIx64 ": tags, attributes or index of a block that is not there", id);
}

static void audit_staged(struct audit *a, uint64_t id, const MDB_val *value) {
    struct gallery_staged staged;
    int status;
    double lon, lat;
    const char *wrong = gallery_stage_decode(value->mv_data, value->mv_size, &staged, &status);
    if (wrong)
        note(a, status, "%016" PRIx64 ": %s", id, wrong);
    else if (!gallery_point_from_id(id, &lon, &lat))
        note(a, GALLERY_EFORMAT, "%016" PRIx64 ": staged, but no point has this id", id);
}

static void audit_all(struct audit *a) {
    const struct gallery_meta *meta = &a->g->meta;
    audit_walk(a, a->g->blocks_db, "blocks", audit_block);
    if (a->status == GALLERY_END) return;
    audit_walk(a, a->g->rows_db, "rows", audit_reference);
    audit_walk(a, a->g->attributes_db, "attrs", audit_reference);
    audit_walk(a, a->g->index_db, "index", audit_reference);
    audit_walk(a, a->g->stage_db, "stage", audit_staged);
    if (a->blocks != meta->blocks || a->points != meta->points || a->hidden != meta->hidden)
        note(a, GALLERY_EFORMAT,
             "%llu points and %llu hidden rows in %llu blocks, but the metadata say %" PRIu64
             " and %" PRIu64 " in %" PRIu64,
             a->points, a->hidden, a->blocks, meta->points, meta->hidden, meta->blocks);
}

int gallery_verify(gallery *g, FILE *report, gallery_progress_fn progress, void *user) {
    struct audit a = {.g = g, .report = report, .progress = progress, .user = user};
    size_t floats = GALLERY_BLOCK_CAPACITY * (size_t)g->meta.setup.dim;
    a.x = malloc(floats * sizeof *a.x);
    if (!a.x) return gallery_fail_memory(g->ctx, floats * sizeof *a.x);
    int status = gallery_read_begin(g, &a.txn);
    if (status == GALLERY_OK) {
        audit_all(&a);
        gallery_read_end(g, a.txn);
        status = a.status;
        if (a.failures)
            gallery_fail(g->ctx, status, "%s: %s%s", g->path, a.first,
                         a.failures > 1 ? " (and more)" : "");
    }
    free(a.x);
    return status;
}
