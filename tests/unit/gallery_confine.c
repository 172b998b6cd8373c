/* Searches over several galleries, and confined ones, against brute force over all points. */
#include "store_fixture.h"

#include "libgallery/confine.h"

#define DIM 16
#define POINTS 6000
#define QUERIES 12
#define K 25

struct known { /* a point as gallery_each hands it out */
    gallery_hit hit;
    bool road;
    float x[DIM];
};

struct all {
    struct known *at;
    size_t n;
};

static char folder[64];
static gallery_context *ctx;
static uint16_t road;

static const char *in_folder(const char *name) {
    static char paths[4][128];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static int remember(void *user, const gallery_point *p, const float *x) {
    struct all *all = user;
    struct known *k = all->at + all->n++;
    *k = (struct known){.hit = {p->id, p->lon_deg, p->lat_deg, 0, 0}};
    for (size_t i = 0; i < p->tags_n; i++) k->road |= p->tags[i] == road && road;
    memcpy(k->x, x, sizeof k->x);
    return 0;
}

/* Points from `first` on, every third with a tag; half of the blocks indexed. */
static gallery *make_gallery(const char *name, size_t first, size_t n) {
    gallery *g;
    gallery_changes c;
    unsigned long long built;
    /* Whole streets share an embedding: many equal scores. */
    struct fixture_encoder e = {.dim = DIM, .cell_deg = 0.02};
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    gallery_point *points = fixture_points(POINTS, 3);
    if (!points || gallery_open_writer(ctx, in_folder(name), &setup, &g) != GALLERY_OK ||
        gallery_tag_make(g, "road", &road) != GALLERY_OK)
        abort();
    for (size_t i = 0; i < POINTS; i += 3) points[i].tags = &road, points[i].tags_n = 1;
    for (int half = 0; half < 2; half++) {
        size_t from = first + (half ? n / 2 : 0), to = first + (half ? n : n / 2);
        if (gallery_stage(g, points + from, to - from) != GALLERY_OK ||
            gallery_embed_staged(g, fixture_embed, NULL, &e, &c) != GALLERY_OK ||
            (!half && gallery_index_build(g, NULL, NULL, &built) != GALLERY_OK))
            abort();
    }
    gallery_close(g);
    free(points);
    if (gallery_open(ctx, in_folder(name), &g) != GALLERY_OK) abort();
    return g;
}

static struct all begin(gallery **whole) {
    struct all all = {.at = malloc(POINTS * sizeof *all.at)};
    fixture_folder(folder);
    if (!all.at || gallery_context_open(2, &ctx) != GALLERY_OK) abort();
    *whole = make_gallery("whole", 0, POINTS);
    if (gallery_each(*whole, true, remember, &all) != GALLERY_OK) abort();
    return all;
}
static void end(gallery *whole, struct all all) {
    gallery_close(whole);
    gallery_context_close(ctx);
    fixture_clean(folder);
    free(all.at);
}

static float *queries_of(struct all all) {
    static float q[QUERIES][DIM];
    uint64_t seed = 5;
    for (size_t i = 0; i < QUERIES; i++) {
        const float *x = all.at[(size_t)(fixture_random(&seed) * (double)all.n)].x;
        for (int j = 0; j < DIM; j++)
            q[i][j] = x[j] + (float)(i % 3) * 0.2f * (float)(fixture_random(&seed) - 0.5);
        fixture_unit(q[i], DIM);
    }
    return q[0];
}

static int better(const void *a, const void *b) {
    const gallery_hit *x = a, *y = b;
    if (x->exact != y->exact) return x->exact < y->exact ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

typedef bool (*holds_fn)(const struct known *k);

/* Are the hits those of brute force over the points that hold? Returns how many hold. */
static size_t compare(struct all all, holds_fn holds, gallery *const *galleries, size_t count) {
    static gallery_hit hits[QUERIES][K], expected[POINTS];
    const float *q = queries_of(all);
    size_t found = 0, wrong = 0, n = 0;
    int status = gallery_search_all(galleries, count, q, QUERIES, K, false, hits[0], &found);
    for (size_t i = 0; i < QUERIES; i++) {
        n = 0;
        for (size_t p = 0; p < all.n; p++) {
            if (!holds(all.at + p)) continue;
            expected[n] = all.at[p].hit;
            double sum = 0;
            for (int j = 0; j < DIM; j++) sum += (double)q[i * DIM + (size_t)j] * all.at[p].x[j];
            expected[n++].exact = sum;
        }
        qsort(expected, n, sizeof *expected, better);
        for (size_t j = 0; j < found && j < n; j++)
            wrong += hits[i][j].id != expected[j].id ||
                     hits[i][j].score != (float)expected[j].exact ||
                     hits[i][j].lon_deg != expected[j].lon_deg;
    }
    CHECK(status == (n ? GALLERY_OK : GALLERY_EEMPTY));
    CHECK(found == (n < K ? n : K));
    CHECK(wrong == 0);
    return n;
}

static bool any(const struct known *k) {
    (void)k;
    return true;
}

TEST(several_are_as_one) {
    gallery *whole, *parts[4];
    struct all all = begin(&whole);
    parts[0] = make_gallery("a", 0, 2500); /* they overlap */
    parts[1] = make_gallery("b", 2000, 2500);
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    REQUIRE(gallery_open_writer(ctx, in_folder("c"), &setup, parts + 2) == GALLERY_OK);
    parts[3] = make_gallery("d", 4490, POINTS - 4490);
    CHECK(compare(all, any, &whole, 1) == all.n);
    CHECK(compare(all, any, parts, 4) == all.n);
    gallery *turned[] = {parts[3], parts[2], parts[1], parts[0]};
    CHECK(compare(all, any, turned, 4) == all.n);
    /* Fewer points than are asked for; none at all. */
    gallery *few[2] = {make_gallery("e", 0, 10), make_gallery("f", 5, 10)};
    struct all some = {.at = malloc(20 * sizeof *some.at)};
    for (size_t i = 0; i < 2; i++) CHECK(gallery_each(few[i], true, remember, &some) == GALLERY_OK);
    static gallery_hit hits[K];
    size_t found;
    CHECK(gallery_search_all(few, 2, all.at->x, 1, K, false, hits, &found) == GALLERY_OK);
    CHECK(some.n == 20 && found == 15);
    gallery *none[] = {parts[2], parts[2]};
    CHECK(gallery_search_all(none, 2, all.at->x, 1, K, false, hits, &found) == GALLERY_EEMPTY);
    for (size_t i = 0; i < 4; i++) gallery_close(parts[i]);
    for (size_t i = 0; i < 2; i++) gallery_close(few[i]);
    free(some.at);
    end(whole, all);
}

/* ------------------------------------------------------------------ confined */

static gallery_confinement here;
static bool in_box(const struct known *k) {
    double lon = k->hit.lon_deg, lat = k->hit.lat_deg;
    bool across = here.west > here.east;
    return lat >= here.south && lat <= here.north &&
           (across ? lon >= here.west || lon <= here.east : lon >= here.west && lon <= here.east);
}
static bool on_road(const struct known *k) {
    return k->road;
}

/* Two towns of the fixture, around -169.9, -74.9 and 70.1, 37.1: a star with a hole, by even-odd.
 */
#define CORNERS 24
static double star[CORNERS + 1][2], hole[5][2] = {{-169.92, -74.92},
                                                  {-169.88, -74.92},
                                                  {-169.88, -74.88},
                                                  {-169.92, -74.88},
                                                  {-169.92, -74.92}};
static bool crosses(double (*ring)[2], size_t n, double lon, double lat) {
    bool inside = false;
    for (size_t i = 0; i < n; i++) {
        const double *a = ring[i], *b = ring[i + 1];
        if ((a[1] > lat) != (b[1] > lat) &&
            lon < (b[0] - a[0]) * (lat - a[1]) / (b[1] - a[1]) + a[0])
            inside = !inside;
    }
    return inside;
}
static bool in_star(const struct known *k) {
    return crosses(star, CORNERS, k->hit.lon_deg, k->hit.lat_deg) !=
           crosses(hole, 4, k->hit.lon_deg, k->hit.lat_deg);
}
static bool in_region(const struct known *k) { /* and the whole of another town */
    return in_star(k) || (k->hit.lon_deg > 60 && k->hit.lon_deg < 80);
}
static bool in_all(const struct known *k) {
    return in_region(k) && in_box(k) && on_road(k);
}

static void write_ring(FILE *f, double (*ring)[2], size_t n, double shift) {
    for (size_t i = 0; i <= n; i++)
        fprintf(f, "%s[%.17g,%.17g]", i ? "," : "", ring[i][0] + shift, ring[i][1]);
}

/* The star one turn further east, as some sources write what lies across the antimeridian. */
static void write_region(const char *path, double shift) {
    for (size_t i = 0; i <= CORNERS; i++) {
        double angle = 2 * 3.14159265358979 * (double)(i % CORNERS) / CORNERS + 0.01;
        double radius = i % 2 ? 0.05 : 0.12;
        star[i][0] = -169.9 + radius * cos(angle);
        star[i][1] = -74.9 + radius * sin(angle);
    }
    FILE *f = fopen(path, "w");
    if (!f) abort();
    fprintf(f, "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
               "\"coordinates\":[[");
    write_ring(f, star, CORNERS, shift);
    fprintf(f, "],[");
    write_ring(f, hole, 4, shift);
    fprintf(f, "]]}}\n{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
               "\"coordinates\":[[[60,30],[80,30],[80,45],[60,45],[60,30]]]}}\n");
    fclose(f);
}

TEST(confined_searches_are_exact) {
    gallery *g;
    struct all all = begin(&g);
    static const double boxes[][4] = {{-169.95, -75, -169.85, -74.9},
                                      {100, -80, -100, 80},
                                      {-180, -90, 180, 90},
                                      {-169.95, -74.95, -169.949, -74.949},
                                      {0, 0, 1, 1}};
    for (size_t i = 0; i < 5; i++) {
        here = (gallery_confinement){true,        boxes[i][0], boxes[i][1], boxes[i][2],
                                     boxes[i][3], NULL,        NULL};
        gallery_confine(g, &here);
        size_t n = compare(all, in_box, &g, 1);
        CHECK(i == 2 ? n == all.n : i >= 3 ? n < 20 : n > 0 && n < all.n);
    }
    here = (gallery_confinement){.tag = "road"};
    gallery_confine(g, &here);
    CHECK(compare(all, on_road, &g, 1) == POINTS / 3);
    for (int shifted = 0; shifted < 2; shifted++) {
        gallery_polygons *region;
        write_region(in_folder("region.geojsonl"), shifted ? 360 : 0);
        if (gallery_polygons_open(ctx, in_folder("region.geojsonl"), &region))
            printf("# %s\n", gallery_message(ctx));
        REQUIRE(region);
        here = (gallery_confinement){.region = region};
        gallery_confine(g, &here);
        size_t n = compare(all, in_region, &g, 1), stars = 0;
        for (size_t i = 0; i < all.n; i++) stars += in_star(all.at + i);
        printf("# %zu points in the region, %zu in the star\n", n, stars);
        CHECK(n > 900 && stars > 100 && n < all.n / 2);
        here = (gallery_confinement){true, -180, -74.9, 70.1, 80, region, "road"};
        gallery_confine(g, &here);
        CHECK(compare(all, in_all, &g, 1) > 50);
        gallery_confine(g, NULL);
        CHECK(compare(all, any, &g, 1) == all.n);
        gallery_polygons_close(region);
    }
    here = (gallery_confinement){.tag = "nothing"};
    gallery_confine(g, &here);
    size_t found;
    gallery_hit hit;
    CHECK(gallery_search(g, all.at->x, 1, 1, false, &hit, &found) == GALLERY_EEMPTY);
    end(g, all);
}

TEST(regions_that_are_none) {
    gallery *g;
    struct all all = begin(&g);
    gallery_polygons *region;
    CHECK(gallery_polygons_open(ctx, in_folder("missing"), &region) != GALLERY_OK && !region);
    static const char *const texts[] = {
        "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Point\","
        "\"coordinates\":[1,2]}}\n",
        "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
        "\"coordinates\":[[[0,0],[2,2],[2,0],[0,2],[0,0]]]}}\n"};
    static const int expected[] = {GALLERY_EEMPTY, GALLERY_EFORMAT};
    for (size_t i = 0; i < 2; i++) {
        FILE *f = fopen(in_folder("bad.geojsonl"), "w");
        fputs(texts[i], f);
        fclose(f);
        CHECK(gallery_polygons_open(ctx, in_folder("bad.geojsonl"), &region) == expected[i]);
        CHECK(!region && strstr(gallery_message(ctx), "bad.geojsonl"));
    }
    end(g, all);
}

int main(void) {
    RUN(several_are_as_one);
    RUN(confined_searches_are_exact);
    RUN(regions_that_are_none);
    return test_finish();
}
