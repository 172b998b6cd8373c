/* search.c - exact search for the points with the largest cosines.
 *
 * A product in float32 with every row of a block finds who may be among the first k; whoever lies
 * within the product's rounding error of the k-th best is scored again in double precision. So the
 * answer is that of a double-precision search, whatever the order in which blocks were visited:
 * for any number of threads, and with or without the index.
 *
 * The index bounds a block's scores: q.x = q.mean + q.(x - mean) <= q.mean + |q| radius. Blocks are
 * visited in rounds of descending bounds until none can reach the k-th best. What has no valid
 * entry is visited in the first round.
 */
#include "search.h"
#include "confined.h"
#include "geodesy.h"
#include "storage.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <omp.h>

#define QUERIES 64      /* searched together */
#define FIRST_ROUND 8   /* blocks per query; each round doubles it ... */
#define LAST_ROUND 4096 /* ... up to this */
#define SLACK 256       /* room for candidates beside the k kept */

/* ------------------------------------------------------------------ snapshot */

struct patch { /* a block in the reader's snapshot */
    uint64_t id;
    struct gallery_block block;
    const uint8_t *mean; /* NULL: no valid entry in the index */
    float radius;
    atomic_bool sound;                           /* its checksum has been verified */
    uint64_t shown[GALLERY_BLOCK_CAPACITY / 64]; /* rows that take part, a bit each */
};

struct gallery_patches {
    struct patch *all; /* [n] */
    size_t n, capacity, indexed, points;
};

static bool is_shown(const struct patch *p, size_t row) {
    return p->shown[row / 64] >> row % 64 & 1;
}

void gallery_patches_free(struct gallery_patches *patches) {
    if (!patches) return;
    free(patches->all);
    free(patches);
}

static int add_patch(gallery *g, MDB_txn *txn, uint64_t id, const MDB_val *value,
                     struct gallery_patches *p) {
    if (p->n == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 64;
        struct patch *grown = realloc(p->all, capacity * sizeof *grown);
        if (!grown) return gallery_fail_memory(g->ctx, capacity * sizeof *grown);
        p->all = grown;
        p->capacity = capacity;
    }
    struct patch *patch = p->all + p->n;
    struct gallery_patch entry;
    bool found;
    memset(patch, 0, sizeof *patch);
    patch->id = id;
    GALLERY_TRY(gallery_block_view(g, id, value, &patch->block));
    GALLERY_TRY(gallery_patch_read(g, txn, id, &patch->block, &entry, &found));
    if (found) {
        patch->mean = entry.mean;
        patch->radius = entry.radius;
    }
    struct gallery_rows rows;
    GALLERY_TRY(gallery_rows_read(g, txn, id, &patch->block, &rows));
    for (size_t i = 0; i < rows.count; i++)
        patch->shown[i / 64] |= (uint64_t)(rows.tags[i].n > 0) << i % 64;
    gallery_confine_rows(g, &patch->block, &rows, patch->shown);
    size_t shown = 0;
    for (size_t i = 0; i < sizeof patch->shown / sizeof *patch->shown; i++)
        shown += (size_t)__builtin_popcountll(patch->shown[i]);
    p->points += shown;
    p->n += shown > 0;
    p->indexed += shown && found;
    return GALLERY_OK;
}

static int list_patches(gallery *g, MDB_txn *txn, struct gallery_patches **out) {
    MDB_cursor *cursor;
    MDB_val value;
    uint64_t id;
    struct gallery_patches *p = calloc(1, sizeof *p);
    *out = p;
    if (!p) return gallery_fail_memory(g->ctx, sizeof *p);
    int rc = mdb_cursor_open(txn, g->blocks_db, &cursor), status = GALLERY_OK;
    if (rc) return gallery_fail_store(g, rc);
    while (status == GALLERY_OK) {
        status = gallery_cursor_get(g, cursor, MDB_NEXT, &id, &value);
        if (status == GALLERY_OK) status = add_patch(g, txn, id, &value, p);
    }
    mdb_cursor_close(cursor);
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* ---------------------------------------------------------------- candidates */

struct candidate {
    size_t patch, row;
    float score; /* in float32, within `error` of the exact one */
    double exact;
    uint64_t id;
    bool scored; /* exact and id are there */
};

struct top {               /* the best of one query so far, among what one thread has seen */
    struct candidate *all; /* [capacity] */
    size_t n;
    double threshold; /* who scores less in float32 is out */
};

struct visit {
    size_t patch, query;
};

struct search {
    const gallery *g;
    const struct gallery_patches *patches;
    const float *queries; /* [n][dim] */
    size_t n, k, dim, capacity;
    bool flat;
    int threads;
    double *norms, *errors;          /* [n]: of the query; of float32 scores against exact ones */
    struct top *tops;                /* [threads + 1][n]; the last: what all have seen */
    struct candidate *candidates;    /* [threads + 1][n][capacity]: where the tops lie */
    float *rows, *gathered, *scores; /* per thread: a block's [.][dim], [n][dim], [n][.] */
    float *bounds;                   /* [n][patches]; -infinity: visited, or not indexed */
    struct ranked *ranked;           /* [n][patches]: room to choose a round's blocks in */
    struct visit *visits;            /* [n][LAST_ROUND]: a round, in order of blocks */
    size_t *starts;                  /* [patches + 1]: where each block's visits begin */
    size_t *chosen;                  /* [n]: how many blocks of a query are in the round */
    atomic_size_t damaged;           /* the first block that cannot be used, or SIZE_MAX */
};

/* Products of two floats are exact in double, and the order is fixed: equal embeddings get equal
 * scores. */
static void score_exactly(const struct search *s, size_t query, struct candidate *c, float *row) {
    const struct patch *p = s->patches->all + c->patch;
    const float *q = s->queries + query * s->dim;
    double sum = 0, lon, lat;
    gallery_block_embeddings(s->g, &p->block, c->row, 1, row);
    for (size_t j = 0; j < s->dim; j++) sum += (double)q[j] * row[j];
    gallery_block_coordinate(&p->block, c->row, &lon, &lat);
    c->exact = sum;
    c->id = gallery_point_id(lon, lat);
    c->scored = true;
}

static int by_score(const void *a, const void *b) {
    float x = ((const struct candidate *)a)->score, y = ((const struct candidate *)b)->score;
    return (x < y) - (x > y);
}

static int by_exact(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->exact != y->exact) return x->exact < y->exact ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Drops who is out for sure; `fully`: or scores all exactly and keeps the first k. */
static void prune(const struct search *s, size_t query, struct top *top, float *row, bool fully) {
    if (top->n > s->k) {
        qsort(top->all, top->n, sizeof *top->all, by_score);
        double least = top->all[s->k - 1].score - 2 * s->errors[query];
        if (least > top->threshold) top->threshold = least;
        while (top->n > s->k && top->all[top->n - 1].score < least) top->n--;
    }
    if (!fully && top->n <= s->k + SLACK / 2) return;
    for (size_t i = 0; i < top->n; i++)
        if (!top->all[i].scored) score_exactly(s, query, top->all + i, row);
    qsort(top->all, top->n, sizeof *top->all, by_exact);
    if (top->n > s->k) top->n = s->k;
    if (top->n == s->k) {
        double least = top->all[s->k - 1].exact - s->errors[query];
        if (least > top->threshold) top->threshold = least;
    }
}

static void offer(const struct search *s, size_t query, struct top *top, size_t patch, size_t row,
                  float score, float *scratch) {
    if (score < top->threshold) return;
    if (top->n == s->capacity) {
        prune(s, query, top, scratch, false);
        if (score < top->threshold) return;
    }
    top->all[top->n++] = (struct candidate){.patch = patch, .row = row, .score = score};
}

/* -------------------------------------------------------------------- visits */

static void report_damage(struct search *s, size_t patch) {
    size_t least = atomic_load(&s->damaged);
    while (patch < least && !atomic_compare_exchange_weak(&s->damaged, &least, patch)) {
    }
}

static bool is_sound(struct search *s, size_t patch) {
    struct patch *p = s->patches->all + patch;
    if (atomic_load_explicit(&p->sound, memory_order_relaxed)) return true;
    if (gallery_block_sound(&p->block)) {
        atomic_store_explicit(&p->sound, true, memory_order_relaxed);
        return true;
    }
    report_damage(s, patch);
    return false;
}

/* One block for n of the queries; visits NULL: for all. */
static void visit_block(struct search *s, size_t patch, const struct visit *visits, size_t n) {
    size_t dim = s->dim, slot = (size_t)omp_get_thread_num();
    const struct gallery_block *block = &s->patches->all[patch].block;
    float *rows = s->rows + slot * GALLERY_BLOCK_CAPACITY * dim;
    float *scores = s->scores + slot * GALLERY_BLOCK_CAPACITY * s->n;
    float *gathered = s->gathered + slot * s->n * dim;
    if (!is_sound(s, patch)) return;
    gallery_block_embeddings(s->g, block, 0, block->count, rows);
    for (size_t i = 0; visits && i < n; i++)
        memcpy(gathered + i * dim, s->queries + visits[i].query * dim, dim * sizeof *gathered);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)block->count, (int)dim, 1,
                visits ? gathered : s->queries, (int)dim, rows, (int)dim, 0, scores,
                (int)block->count);
    for (size_t i = 0; i < n; i++) {
        size_t query = visits ? visits[i].query : i;
        struct top *top = s->tops + slot * s->n + query;
        for (size_t j = 0; j < block->count; j++) {
            float score = scores[i * block->count + j];
            if (!isfinite(score))
                report_damage(s, patch);
            else if (is_shown(s->patches->all + patch, j))
                offer(s, query, top, patch, j, score, rows);
        }
    }
}

static void visit_unindexed(struct search *s) {
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (size_t i = 0; i < s->patches->n; i++)
        if (s->flat || !s->patches->all[i].mean) visit_block(s, i, NULL, s->n);
}

/* Moves what the threads have found to the common top, whose threshold then binds them all. */
static void gather_tops(struct search *s, bool last) {
    struct top *common = s->tops + (size_t)s->threads * s->n;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (size_t q = 0; q < s->n; q++) {
        float *row = s->rows + (size_t)omp_get_thread_num() * GALLERY_BLOCK_CAPACITY * s->dim;
        for (int t = 0; t < s->threads; t++) {
            struct top *top = s->tops + (size_t)t * s->n + q;
            for (size_t i = 0; i < top->n; i++) {
                if (common[q].n == s->capacity) prune(s, q, common + q, row, false);
                common[q].all[common[q].n++] = top->all[i];
            }
            top->n = 0;
        }
        prune(s, q, common + q, row, last || common[q].n >= s->k);
        for (int t = 0; t < s->threads; t++)
            s->tops[(size_t)t * s->n + q].threshold = common[q].threshold;
    }
}

/* -------------------------------------------------------------------- rounds */

struct ranked {
    float bound;
    uint32_t patch;
};

/* Upper bounds of all blocks' scores, in pieces of blocks that do not depend on the threads. */
static void bound_blocks(struct search *s) {
    size_t n = s->patches->n, dim = s->dim;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (size_t from = 0; from < n; from += GALLERY_BLOCK_CAPACITY) {
        size_t slot = (size_t)omp_get_thread_num(), count = n - from;
        if (count > GALLERY_BLOCK_CAPACITY) count = GALLERY_BLOCK_CAPACITY;
        float *means = s->rows + slot * GALLERY_BLOCK_CAPACITY * dim;
        float *scores = s->scores + slot * GALLERY_BLOCK_CAPACITY * s->n;
        for (size_t i = 0; i < count; i++) {
            const uint8_t *mean = s->patches->all[from + i].mean;
            if (mean)
                memcpy(means + i * dim, mean, dim * sizeof *means);
            else
                memset(means + i * dim, 0, dim * sizeof *means);
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)s->n, (int)count, (int)dim, 1,
                    s->queries, (int)dim, means, (int)dim, 0, scores, (int)count);
        for (size_t q = 0; q < s->n; q++)
            for (size_t i = 0; i < count; i++) {
                const struct patch *p = s->patches->all + from + i;
                double bound = scores[q * count + i] + s->errors[q] + s->norms[q] * p->radius;
                s->bounds[q * n + from + i] = !p->mean          ? -INFINITY
                                              : isfinite(bound) ? nextafterf((float)bound, INFINITY)
                                                                : INFINITY;
            }
    }
}

/* Brings the `want` largest bounds to the front (Hoare's selection). */
static void select_largest(struct ranked *all, size_t n, size_t want) {
    size_t low = 0, high = n;
    while (high - low > 1 && want > low && want < high) {
        float pivot = all[low + (high - low) / 2].bound;
        size_t i = low, j = high - 1;
        for (;;) {
            while (all[i].bound > pivot) i++;
            while (all[j].bound < pivot) j--;
            if (i >= j) break;
            struct ranked swap = all[i];
            all[i++] = all[j];
            all[j--] = swap;
        }
        /* [low, i) >= pivot >= [i, high), and both are shorter unless i ends a run of equals */
        size_t cut = i > low ? i : low + 1;
        if (want < cut)
            high = cut;
        else
            low = cut;
    }
}

/* Chooses up to `most` blocks for each query: the largest bounds that reach its threshold. */
static size_t choose_blocks(struct search *s, size_t most) {
    const struct top *common = s->tops + (size_t)s->threads * s->n;
    size_t n = s->patches->n, total = 0;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (size_t q = 0; q < s->n; q++) {
        struct ranked *ranked = s->ranked + q * n;
        float *bounds = s->bounds + q * n;
        size_t m = 0;
        for (size_t i = 0; i < n; i++)
            if (bounds[i] > -INFINITY && !(bounds[i] < common[q].threshold))
                ranked[m++] = (struct ranked){bounds[i], (uint32_t)i};
        if (m > most) select_largest(ranked, m, most);
        s->chosen[q] = m < most ? m : most;
        for (size_t i = 0; i < s->chosen[q]; i++) bounds[ranked[i].patch] = -INFINITY;
    }
    for (size_t q = 0; q < s->n; q++) total += s->chosen[q];
    return total;
}

/* Sorts the round's visits by block, so that each block is read once. */
static void order_visits(struct search *s) {
    size_t n = s->patches->n, at = 0;
    memset(s->starts, 0, (n + 1) * sizeof *s->starts);
    for (size_t q = 0; q < s->n; q++)
        for (size_t i = 0; i < s->chosen[q]; i++) s->starts[s->ranked[q * n + i].patch]++;
    for (size_t i = 0; i <= n; i++) { /* counts to where each block's visits end ... */
        at += s->starts[i];
        s->starts[i] = at;
    }
    for (size_t q = s->n; q-- > 0;) /* ... and by filling from behind, to where they begin */
        for (size_t i = 0; i < s->chosen[q]; i++) {
            size_t patch = s->ranked[q * n + i].patch;
            s->visits[--s->starts[patch]] = (struct visit){patch, q};
        }
}

static void visit_indexed(struct search *s) {
    size_t most = FIRST_ROUND;
    bound_blocks(s);
    while (choose_blocks(s, most)) {
        order_visits(s);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
        for (size_t i = 0; i < s->patches->n; i++)
            if (s->starts[i] < s->starts[i + 1])
                visit_block(s, i, s->visits + s->starts[i], s->starts[i + 1] - s->starts[i]);
        gather_tops(s, false);
        if (most < LAST_ROUND) most *= 2;
    }
}

/* -------------------------------------------------------------------- search */

static void search_free(struct search *s) {
    free(s->norms);
    free(s->errors);
    free(s->tops);
    free(s->candidates);
    free(s->rows);
    free(s->gathered);
    free(s->scores);
    free(s->bounds);
    free(s->ranked);
    free(s->visits);
    free(s->starts);
    free(s->chosen);
}

/* Room for `n` queries at a time. */
static int search_make(gallery *g, struct search *s, size_t n) {
    size_t threads = (size_t)s->threads, tops = (threads + 1) * n, patches = s->patches->n;
    bool bounds = !s->flat && s->patches->indexed;
    s->norms = malloc(n * sizeof *s->norms);
    s->errors = malloc(n * sizeof *s->errors);
    s->tops = malloc(tops * sizeof *s->tops);
    s->candidates = s->capacity < SIZE_MAX / sizeof *s->candidates / tops
                        ? malloc(tops * s->capacity * sizeof *s->candidates)
                        : NULL;
    s->rows = malloc(threads * GALLERY_BLOCK_CAPACITY * s->dim * sizeof *s->rows);
    s->gathered = malloc(threads * n * s->dim * sizeof *s->gathered);
    s->scores = malloc(threads * GALLERY_BLOCK_CAPACITY * n * sizeof *s->scores);
    s->starts = malloc((patches + 1) * sizeof *s->starts);
    s->chosen = malloc(n * sizeof *s->chosen);
    if (bounds) {
        s->bounds = malloc(n * patches * sizeof *s->bounds);
        s->ranked = malloc(n * patches * sizeof *s->ranked);
        s->visits = malloc(n * LAST_ROUND * sizeof *s->visits);
    }
    if (s->norms && s->errors && s->tops && s->candidates && s->rows && s->gathered && s->scores &&
        s->starts && s->chosen && (!bounds || (s->bounds && s->ranked && s->visits)))
        return GALLERY_OK;
    return gallery_fail_memory(g->ctx, tops * s->capacity * sizeof *s->candidates);
}

static int measure_queries(gallery *g, struct search *s) {
    for (size_t q = 0; q < s->n; q++) {
        double sum = 0;
        for (size_t j = 0; j < s->dim; j++) {
            float x = s->queries[q * s->dim + j];
            sum += (double)x * x;
        }
        if (!isfinite(sum)) return gallery_fail(g->ctx, GALLERY_EVALUE, "a query is not finite");
        s->norms[q] = sqrt(sum) * (1 + 1e-9);
        /* Higham, Accuracy and Stability, 3.1: |fl(q.x) - q.x| <= n u |q||x| to first order, for
         * any order of summing; a row of float16 is up to 2^-11 longer than 1. */
        s->errors[q] = 1.1 * (double)(s->dim + 8) * 0x1p-24 * s->norms[q];
    }
    return GALLERY_OK;
}

static void reset_tops(struct search *s) {
    for (size_t i = 0; i < ((size_t)s->threads + 1) * s->n; i++)
        s->tops[i] = (struct top){.all = s->candidates + i * s->capacity, .threshold = -INFINITY};
}

static int fail_damaged(gallery *g, const struct search *s) {
    const struct patch *p = s->patches->all + s->damaged;
    GALLERY_TRY(gallery_block_check(g, p->id, &p->block));
    return gallery_fail(g->ctx, GALLERY_EVALUE,
                        "%s: block %016" PRIx64 ": an embedding is not finite", g->path, p->id);
}

/* Up to QUERIES queries; hits: [n][k]. */
static int search_some(gallery *g, struct search *s, gallery_hit *hits) {
    GALLERY_TRY(measure_queries(g, s));
    reset_tops(s);
    visit_unindexed(s);
    gather_tops(s, false);
    if (s->bounds) visit_indexed(s);
    gather_tops(s, true);
    if (s->damaged != SIZE_MAX) return fail_damaged(g, s);
    for (size_t q = 0; q < s->n; q++) {
        const struct top *top = s->tops + (size_t)s->threads * s->n + q;
        for (size_t i = 0; i < top->n; i++) {
            const struct candidate *c = top->all + i;
            gallery_hit *hit = hits + q * s->k + i;
            hit->id = c->id;
            hit->score = (float)c->exact;
            hit->exact = c->exact;
            gallery_block_coordinate(&s->patches->all[c->patch].block, c->row, &hit->lon_deg,
                                     &hit->lat_deg);
        }
    }
    return GALLERY_OK;
}

/* Hits come in rows of *found; the caller's are k wide. */
static void spread(gallery_hit *hits, size_t n, size_t found, size_t k) {
    for (size_t i = n; found < k && i-- > 1;)
        memmove(hits + i * k, hits + i * found, found * sizeof *hits);
}

static int search_in(gallery *g, struct search *s, const float *queries, size_t n,
                     gallery_hit *hits) {
    int status = search_make(g, s, n < QUERIES ? n : QUERIES);
    for (size_t from = 0; status == GALLERY_OK && from < n; from += QUERIES) {
        s->n = n - from < QUERIES ? n - from : QUERIES;
        s->queries = queries + from * s->dim;
        status = search_some(g, s, hits + from * s->k);
    }
    search_free(s);
    return status;
}

int gallery_search(gallery *g, const float *queries, size_t n, size_t k, bool flat,
                   gallery_hit *hits, size_t *found) {
    struct gallery_patches *patches = g->patches;
    MDB_txn *txn;
    *found = 0;
    if (!k) return gallery_fail(g->ctx, GALLERY_EUSAGE, "a search for no points at all");
    GALLERY_TRY(gallery_read_begin(g, &txn));
    int status = patches ? GALLERY_OK : list_patches(g, txn, &patches);
    size_t points = status == GALLERY_OK ? patches->points : 0;
    if (status == GALLERY_OK && !points)
        status =
            gallery_fail(g->ctx, GALLERY_EEMPTY,
                         g->confinement ? "%s: no point of the gallery is among those to search"
                                        : "%s: the gallery holds no points; vt-embed adds some",
                         g->path);
    if (status == GALLERY_OK) {
        size_t dim = (size_t)g->meta.setup.dim, least = k < points ? k : points;
        struct search s = {.g = g,
                           .patches = patches,
                           .k = least,
                           .dim = dim,
                           .flat = flat,
                           .capacity = least + SLACK,
                           .threads = g->ctx->threads};
        atomic_init(&s.damaged, SIZE_MAX);
        status = search_in(g, &s, queries, n, hits);
        if (status == GALLERY_OK) {
            spread(hits, n, least, k);
            *found = least;
        }
    }
    if (g->snapshot && status == GALLERY_OK)
        g->patches = patches;
    else {
        gallery_patches_free(patches);
        g->patches = NULL;
    }
    gallery_read_end(g, txn);
    return status;
}
