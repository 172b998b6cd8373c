/* Search against brute force in double precision over what gallery_each hands out. */
#include "store_fixture.h"

struct oracle {
    size_t n, capacity;
    int dim;
    uint64_t *ids;
    float *x;
};

static int oracle_add(void *user, const gallery_point *point, const float *embedding) {
    struct oracle *o = user;
    if (o->n == o->capacity) {
        o->capacity = o->capacity ? 2 * o->capacity : 1024;
        o->ids = realloc(o->ids, o->capacity * sizeof *o->ids);
        o->x = realloc(o->x, o->capacity * (size_t)o->dim * sizeof *o->x);
        if (!o->ids || !o->x) abort();
    }
    o->ids[o->n] = point->id;
    memcpy(o->x + o->n * (size_t)o->dim, embedding, (size_t)o->dim * sizeof *o->x);
    o->n++;
    return 0;
}

struct scored {
    double score;
    uint64_t id;
};

static int better(const void *a, const void *b) {
    const struct scored *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* true if `hits` are the oracle's first `found`. */
static bool agrees(const struct oracle *o, const float *q, const gallery_hit *hits, size_t found) {
    struct scored *all = malloc(o->n * sizeof *all);
    bool same = all != NULL;
    for (size_t i = 0; same && i < o->n; i++) {
        double sum = 0;
        for (int j = 0; j < o->dim; j++) sum += (double)q[j] * o->x[i * (size_t)o->dim + (size_t)j];
        all[i] = (struct scored){sum, o->ids[i]};
    }
    if (same) qsort(all, o->n, sizeof *all, better);
    for (size_t i = 0; same && i < found; i++)
        same = hits[i].id == all[i].id && hits[i].score == (float)all[i].score &&
               hits[i].id == gallery_point_id(hits[i].lon_deg, hits[i].lat_deg);
    free(all);
    return same;
}

enum index_state { NO_INDEX, HALF_INDEX, WHOLE_INDEX };

/* Moves the points of the westernmost town to the end; they are not indexed then, and only they and
 * a neighbour's are not. Returns how many others there are. */
static size_t move_town(gallery_point *points, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (points[i].lon_deg < -150) continue;
        gallery_point swap = points[kept];
        points[kept++] = points[i];
        points[i] = swap;
    }
    return kept;
}

static gallery *make_gallery(gallery_context *ctx, const char *path, size_t n, gallery_setup setup,
                             struct fixture_encoder *e, enum index_state index) {
    gallery *g;
    gallery_changes changes;
    unsigned long long built;
    gallery_point *points = fixture_points(n, 7);
    if (gallery_open_writer(ctx, path, &setup, &g) != GALLERY_OK) return NULL;
    size_t first = index == HALF_INDEX ? move_town(points, n) : n;
    bool ok = gallery_stage(g, points, first) == GALLERY_OK &&
              gallery_embed_staged(g, fixture_embed, NULL, e, &changes) == GALLERY_OK;
    if (ok && index != NO_INDEX) ok = gallery_index_build(g, NULL, NULL, &built) == GALLERY_OK;
    if (ok && first < n)
        ok = gallery_stage(g, points + first, n - first) == GALLERY_OK &&
             gallery_embed_staged(g, fixture_embed, NULL, e, &changes) == GALLERY_OK;
    if (ok) ok = gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK;
    gallery_close(g);
    free(points);
    return ok && gallery_open(ctx, path, &g) == GALLERY_OK ? g : NULL;
}

/* Queries beside some points, at some points, and anywhere. */
static float *make_queries(const struct oracle *o, size_t n) {
    size_t dim = (size_t)o->dim;
    float *q = malloc(n * dim * sizeof *q);
    uint64_t seed = 99;
    for (size_t i = 0; q && i < n; i++) {
        const float *x = o->x + (size_t)(fixture_random(&seed) * (double)o->n) * dim;
        double noise = (double)(i % 3) * 0.3;
        for (size_t j = 0; j < dim; j++)
            q[i * dim + j] = (float)(x[j] + noise * (fixture_random(&seed) - 0.5));
        fixture_unit(q + i * dim, o->dim);
        for (size_t j = 0; i % 4 == 1 && j < dim; j++) q[i * dim + j] *= 3; /* need not be units */
    }
    return q;
}

static void compare(size_t points, int dim, enum gallery_dtype dtype, double cell, double noise,
                    enum index_state index, size_t n, size_t k) {
    char folder[64], path[128];
    gallery_context *ctx;
    struct fixture_encoder e = {.dim = dim, .cell_deg = cell, .noise = noise};
    struct oracle o = {.dim = dim};
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    REQUIRE(gallery_context_open(2, &ctx) == GALLERY_OK);
    gallery *g = make_gallery(ctx, path, points, fixture_setup(dim, dtype), &e, index);
    if (!g) printf("# %s\n", gallery_message(ctx));
    REQUIRE(g);
    gallery_info info;
    CHECK(gallery_stat(g, &info) == GALLERY_OK);
    CHECK(index == NO_INDEX ? info.indexed_blocks == 0
          : index == WHOLE_INDEX
              ? info.indexed_blocks == info.blocks
              : info.indexed_blocks > info.blocks / 2 && info.indexed_blocks < info.blocks);
    CHECK(gallery_each(g, true, oracle_add, &o) == GALLERY_OK);
    float *queries = make_queries(&o, n);
    gallery_hit *hits = malloc(2 * n * k * sizeof *hits), *flat = hits + n * k;
    size_t found = 0, wanted = k < o.n ? k : o.n;
    CHECK(gallery_search(g, queries, n, k, false, hits, &found) == GALLERY_OK);
    CHECK(found == wanted);
    CHECK(gallery_search(g, queries, n, k, true, flat, &found) == GALLERY_OK);
    CHECK(found == wanted);
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        wrong += !agrees(&o, queries + i * (size_t)dim, hits + i * k, wanted);
        wrong += !agrees(&o, queries + i * (size_t)dim, flat + i * k, wanted);
    }
    CHECK(wrong == 0);
    free(hits);
    free(queries);
    free(o.ids);
    free(o.x);
    gallery_close(g);
    gallery_context_close(ctx);
    fixture_clean(folder);
}

TEST(flat_f32_is_brute_force) {
    compare(3000, 64, GALLERY_F32, 0, 1, NO_INDEX, 70, 10);
}
TEST(flat_f16_is_brute_force) {
    compare(3000, 61, GALLERY_F16, 0, 1, NO_INDEX, 65, 10);
}
TEST(indexed_smooth_is_brute_force) {
    compare(12000, 64, GALLERY_F32, 0, 0.02, WHOLE_INDEX, 70, 10);
}
TEST(indexed_f16_is_brute_force) {
    compare(12000, 64, GALLERY_F16, 0, 0.02, WHOLE_INDEX, 9, 25);
}
TEST(half_indexed_is_brute_force) {
    compare(9000, 48, GALLERY_F16, 0, 0.1, HALF_INDEX, 33, 7);
}
TEST(random_vectors_indexed_are_brute_force) {
    compare(5000, 32, GALLERY_F32, 0, 1e6, WHOLE_INDEX, 5, 40);
}
/* On a circle, some points of a block lie as far from its mean as its radius, straight towards a
 * query: a radius that is a little short loses them. */
TEST(points_on_the_rim_are_found) {
    compare(20000, 2, GALLERY_F32, 0, 1e6, WHOLE_INDEX, 40, 1);
    compare(20000, 3, GALLERY_F16, 0, 1e6, WHOLE_INDEX, 40, 3);
}
/* Scores that differ by less than a product in float32 errs. */
TEST(near_ties_are_scored_again) {
    compare(6000, 256, GALLERY_F32, 1000, 2e-6, WHOLE_INDEX, 12, 5);
    compare(6000, 256, GALLERY_F32, 1000, 2e-6, NO_INDEX, 12, 40);
}
TEST(ties_come_in_order_of_ids) {
    compare(6000, 24, GALLERY_F32, 0.05, 0, WHOLE_INDEX, 12, 300);
}
TEST(all_points_alike) {
    compare(4000, 16, GALLERY_F16, 1000, 0, WHOLE_INDEX, 3, 17);
}
TEST(more_wanted_than_there_are) {
    compare(37, 8, GALLERY_F32, 0, 1, WHOLE_INDEX, 4, 50);
}
TEST(one_point_one_query) {
    compare(1, 3, GALLERY_F16, 0, 1, NO_INDEX, 1, 1);
}

/* The same bytes for any number of threads. */
TEST(threads_do_not_matter) {
    char folder[64], path[128];
    struct fixture_encoder e = {.dim = 40, .noise = 0.05, .cell_deg = 0.01};
    enum { N = 20, K = 12 };
    static gallery_hit hits[3][N * K];
    float queries[N * 40];
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    memset(hits, 0, sizeof hits);
    uint64_t seed = 5;
    for (size_t i = 0; i < N * 40; i++) queries[i] = (float)(fixture_random(&seed) - 0.5);
    for (int i = 0; i < 3; i++) {
        gallery_context *ctx;
        gallery *g = NULL;
        size_t found;
        REQUIRE(gallery_context_open((int[]){1, 3, 8}[i], &ctx) == GALLERY_OK);
        if (i)
            CHECK(gallery_open(ctx, path, &g) == GALLERY_OK);
        else
            g = make_gallery(ctx, path, 5000, fixture_setup(40, GALLERY_F16), &e, HALF_INDEX);
        REQUIRE(g);
        CHECK(gallery_search(g, queries, N, K, false, hits[i], &found) == GALLERY_OK);
        gallery_close(g);
        gallery_context_close(ctx);
    }
    CHECK(!memcmp(hits[0], hits[1], sizeof hits[0]));
    CHECK(!memcmp(hits[0], hits[2], sizeof hits[0]));
    fixture_clean(folder);
}

TEST(refusals) {
    char folder[64], path[128];
    gallery_context *ctx;
    gallery *g;
    gallery_hit hit;
    size_t found;
    float query[4] = {1, 0, 0, 0};
    gallery_setup setup = fixture_setup(4, GALLERY_F16);
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    REQUIRE(gallery_context_open(1, &ctx) == GALLERY_OK);
    REQUIRE(gallery_open_writer(ctx, path, &setup, &g) == GALLERY_OK);
    CHECK(gallery_search(g, query, 1, 1, false, &hit, &found) == GALLERY_EEMPTY);
    gallery_close(g);
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_search(g, query, 1, 1, false, &hit, &found) == GALLERY_EEMPTY);
    CHECK(gallery_search(g, query, 1, 0, false, &hit, &found) == GALLERY_EUSAGE);
    gallery_close(g);
    struct fixture_encoder e = {.dim = 4, .noise = 1};
    REQUIRE((g = make_gallery(ctx, path, 300, setup, &e, NO_INDEX)));
    query[2] = NAN;
    CHECK(gallery_search(g, query, 1, 1, false, &hit, &found) == GALLERY_EVALUE);
    gallery_close(g);
    gallery_context_close(ctx);
    fixture_clean(folder);
}

int main(void) {
    RUN(flat_f32_is_brute_force);
    RUN(flat_f16_is_brute_force);
    RUN(indexed_smooth_is_brute_force);
    RUN(indexed_f16_is_brute_force);
    RUN(half_indexed_is_brute_force);
    RUN(random_vectors_indexed_are_brute_force);
    RUN(points_on_the_rim_are_found);
    RUN(near_ties_are_scored_again);
    RUN(ties_come_in_order_of_ids);
    RUN(all_points_alike);
    RUN(more_wanted_than_there_are);
    RUN(one_point_one_query);
    RUN(threads_do_not_matter);
    RUN(refusals);
    return test_finish();
}
