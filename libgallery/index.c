/* index.c - the index: each block's mean embedding and the radius around it, which bound every
 * score of the block (search.c). A writer that changes a block drops its entry. */
#include "storage.h"

#include <math.h>
#include <stdlib.h>
#include <omp.h>

#define PATCHES 256 /* computed at once and committed together */

struct job {
    uint64_t id;
    struct gallery_block block; /* in the map of the transaction that found it */
    uint64_t checksum;
    bool sound;
    float radius;
};

struct build {
    struct job jobs[PATCHES];
    size_t n;
    float *means;   /* [PATCHES][dim] */
    float *scratch; /* [threads][GALLERY_BLOCK_CAPACITY][dim] */
    uint64_t from;  /* the key to go on at */
    bool finished;
    unsigned long long seen;
};

static void mean_of(const float *x, size_t n, size_t dim, float *mean) {
    for (size_t j = 0; j < dim; j++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += x[i * dim + j];
        mean[j] = (float)(sum / (double)n);
    }
}

/* The largest distance to the stored mean, rounded up: it must bound. */
static float radius_of(const float *x, size_t n, size_t dim, const float *mean) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < dim; j++) {
            double d = (double)x[i * dim + j] - mean[j];
            sum += d * d;
        }
        if (sum > most) most = sum;
    }
    return nextafterf((float)(sqrt(most) * (1 + 1e-9)), INFINITY);
}

static void compute(const gallery *g, struct job *job, float *x, float *mean) {
    job->sound = gallery_block_sound(&job->block);
    if (!job->sound) return;
    gallery_block_embeddings(g, &job->block, 0, job->block.count, x);
    mean_of(x, job->block.count, job->block.dim, mean);
    job->radius = radius_of(x, job->block.count, job->block.dim, mean);
}

static int find_jobs(gallery *g, MDB_txn *txn, MDB_cursor *cursor, struct build *b) {
    MDB_cursor_op op = MDB_SET_RANGE;
    MDB_val value;
    uint64_t id = b->from;
    b->n = 0;
    while (b->n < PATCHES) {
        struct job *job = b->jobs + b->n;
        struct gallery_patch patch;
        bool found;
        int status = gallery_cursor_get(g, cursor, op, &id, &value);
        if (status == GALLERY_END) {
            b->finished = true;
            return GALLERY_OK;
        }
        GALLERY_TRY(status);
        GALLERY_TRY(gallery_block_view(g, id, &value, &job->block));
        GALLERY_TRY(gallery_patch_read(g, txn, id, &job->block, &patch, &found));
        job->id = id;
        job->checksum = job->block.checksum;
        b->n += !found;
        b->seen++;
        b->from = id + 1;
        op = MDB_NEXT;
    }
    return GALLERY_OK;
}

static int compute_jobs(gallery *g, struct build *b) {
    size_t dim = (size_t)g->meta.setup.dim;
#pragma omp parallel for num_threads(g->ctx->threads) schedule(dynamic)
    for (size_t i = 0; i < b->n; i++) {
        float *x = b->scratch + (size_t)omp_get_thread_num() * GALLERY_BLOCK_CAPACITY * dim;
        compute(g, b->jobs + i, x, b->means + i * dim);
    }
    for (size_t i = 0; i < b->n; i++)
        if (!b->jobs[i].sound) return gallery_block_check(g, b->jobs[i].id, &b->jobs[i].block);
    return GALLERY_OK;
}

static int find_and_compute(gallery *g, struct build *b) {
    MDB_txn *txn;
    MDB_cursor *cursor;
    GALLERY_TRY(gallery_read_begin(g, &txn));
    int rc = mdb_cursor_open(txn, g->blocks_db, &cursor);
    int status = rc ? gallery_fail_store(g, rc) : find_jobs(g, txn, cursor, b);
    if (!rc) mdb_cursor_close(cursor);
    if (status == GALLERY_OK) status = compute_jobs(g, b);
    gallery_read_end(g, txn);
    return status;
}

static int store_patches(gallery *g, MDB_txn *txn, void *user) {
    const struct build *b = user;
    size_t dim = (size_t)g->meta.setup.dim;
    for (size_t i = 0; i < b->n; i++) {
        uint8_t bytes[GALLERY_KEY_BYTES];
        gallery_key_encode(b->jobs[i].id, bytes);
        MDB_val key = {sizeof bytes, bytes}, value = {gallery_patch_bytes(dim), NULL};
        int rc = mdb_put(txn, g->index_db, &key, &value, MDB_RESERVE);
        if (rc) return gallery_fail_store(g, rc);
        gallery_patch_encode(b->means + i * dim, dim, b->jobs[i].radius, b->jobs[i].checksum,
                             value.mv_data);
    }
    return GALLERY_OK;
}

static int build_all(gallery *g, struct build *b, gallery_progress_fn progress, void *user,
                     unsigned long long *built) {
    while (!b->finished) {
        GALLERY_TRY(find_and_compute(g, b));
        if (b->n) GALLERY_TRY(gallery_write(g, store_patches, b));
        *built += b->n;
        if (progress && !progress(user, b->seen, g->meta.blocks)) return GALLERY_END;
    }
    return GALLERY_OK;
}

int gallery_index_build(gallery *g, gallery_progress_fn progress, void *user,
                        unsigned long long *built) {
    size_t dim = (size_t)g->meta.setup.dim;
    size_t block = GALLERY_BLOCK_CAPACITY * dim * sizeof(float);
    *built = 0;
    if (!g->writer)
        return gallery_fail(g->ctx, GALLERY_EUSAGE, "%s: is open for reading only", g->path);
    struct build *b = calloc(1, sizeof *b);
    int status = GALLERY_ENOMEM;
    if (b && (b->means = malloc(PATCHES * dim * sizeof *b->means)) &&
        (b->scratch = malloc((size_t)g->ctx->threads * block)))
        status = build_all(g, b, progress, user, built);
    else
        gallery_fail_memory(g->ctx, (size_t)g->ctx->threads * block);
    if (b) {
        free(b->means);
        free(b->scratch);
    }
    free(b);
    return status;
}
