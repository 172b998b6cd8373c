/* The measures against oracles that share nothing with them: recursion over all couplings, sorting
 * of everything, replicates that are written out; and the tables they are read from. */
#include "libgallery/cities.h"
#include "libgallery/csv.h"
#include "libgallery/evaluation.h"
#include "libgallery/geodesy.h"
#include "libgallery/metrics.h"
#include "test.h"

static gallery_context *ctx;
static uint64_t seed;

static double uniform(double least, double most) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return least + (most - least) * (double)(seed >> 11) / 9007199254740992.0;
}

static void random_track(double *track, size_t n, double lon, double lat, double size) {
    for (size_t i = 0; i < n; i++) {
        track[2 * i] = lon + uniform(-size, size);
        track[2 * i + 1] = lat + uniform(-size, size);
    }
}

/* ------------------------------------------------------------------- measures */

TEST(great_circles) {
    const double zero[2] = {0, 0}, east[2] = {90, 0}, pole[2] = {37, 90}, other[2] = {-180, 0};
    double quarter = M_PI / 2 * GALLERY_EARTH_RADIUS_KM;
    CHECK_NEAR(gallery_haversine_km(zero, east), quarter, 1e-9);
    CHECK_NEAR(gallery_haversine_km(east, pole), quarter, 1e-9);
    CHECK_NEAR(gallery_haversine_km(zero, other), 2 * quarter, 1e-9);
    CHECK(gallery_haversine_km(east, east) == 0);
    for (int i = 0; i < 1000; i++) { /* the ellipsoid differs by 0.56 % at most */
        double a[2] = {uniform(-180, 180), uniform(-90, 90)};
        double b[2] = {uniform(-180, 180), uniform(-90, 90)};
        double km = gallery_distance_m(a[0], a[1], b[0], b[1], NULL) / 1000;
        CHECK_NEAR(gallery_haversine_km(a, b), km, 0.006 * km);
    }
}

/* The definition: the shortest of all couplings' longest leashes. */
static double all_couplings(const double *p, size_t i, size_t n, const double *t, size_t j,
                            size_t m) {
    double leash = gallery_haversine_km(p + 2 * i, t + 2 * j), rest = INFINITY;
    if (i + 1 == n && j + 1 == m) return leash;
    if (i + 1 < n) rest = fmin(rest, all_couplings(p, i + 1, n, t, j, m));
    if (j + 1 < m) rest = fmin(rest, all_couplings(p, i, n, t, j + 1, m));
    if (i + 1 < n && j + 1 < m) rest = fmin(rest, all_couplings(p, i + 1, n, t, j + 1, m));
    return fmax(leash, rest);
}

TEST(frechet_is_the_least_of_all_couplings) {
    double p[12], t[12], km, back;
    for (int i = 0; i < 400; i++) {
        size_t n = 1 + (size_t)uniform(0, 6), m = 1 + (size_t)uniform(0, 6);
        double lon = uniform(-180, 180), lat = uniform(-89, 89), size = i % 2 ? 1 : 1e-4;
        random_track(p, n, lon, lat, size);
        random_track(t, m, lon, lat, size);
        double oracle = all_couplings(p, 0, n, t, 0, m);
        CHECK(gallery_frechet_km(ctx, p, n, t, m, &km) == GALLERY_OK);
        CHECK_NEAR(km, oracle, 1e-9 * oracle + 1e-11);
        CHECK(gallery_frechet_km(ctx, t, m, p, n, &back) == GALLERY_OK);
        CHECK(km == back);
    }
    CHECK(gallery_frechet_km(ctx, p, 6, p, 6, &km) == GALLERY_OK && km == 0);
}

TEST(frechet_of_a_long_track) {
    enum { N = 3000 };
    double *p = malloc(N * 2 * sizeof *p), *t = malloc(N * 2 * sizeof *t), km;
    REQUIRE(p && t);
    for (int i = 0; i < N; i++) { /* two roads 0.01 degrees apart, one walked with a detour */
        p[2 * i] = t[2 * i] = i * 1e-4;
        t[2 * i + 1] = 0;
        p[2 * i + 1] = i == N / 2 ? 0.5 : 0.01;
    }
    CHECK(gallery_frechet_km(ctx, p, N, t, N, &km) == GALLERY_OK);
    CHECK_NEAR(km, 0.5 * M_PI / 180 * GALLERY_EARTH_RADIUS_KM, 1e-9);
    free(p);
    free(t);
}

TEST(range_and_video_error_by_hand) {
    /* The truth 2 x 1 degrees around (11, 60), the prediction 3 x 3 with its centroid at (13, 61).
     */
    const double truth[] = {10, 59.5, 12, 60.5, 11, 60}, predicted[] = {12, 59, 15, 62, 12, 62};
    double expected = (2 * 110.574 + 1 * 111.320 * cos(60 * M_PI / 180)) / 2;
    CHECK_NEAR(gallery_range_difference_km(predicted, truth, 3), expected, 1e-9);
    const double nearest[2] = {12, 62}, middle[2] = {11, 60};
    CHECK_NEAR(gallery_video_error_km(predicted, truth, 3), gallery_haversine_km(nearest, middle),
               1e-9);
}

TEST(the_antimeridian_is_nothing_special) {
    double p[20], t[20], p180[20], t180[20];
    for (int i = 0; i < 200; i++) {
        random_track(t, 10, 0, 40, 0.3);
        random_track(p, 10, 0.1, 40, 0.3);
        for (int k = 0; k < 10; k++) {
            p180[2 * k] = p[2 * k] + (p[2 * k] < 0 ? 180 : -180);
            t180[2 * k] = t[2 * k] + (t[2 * k] < 0 ? 180 : -180);
            p180[2 * k + 1] = p[2 * k + 1];
            t180[2 * k + 1] = t[2 * k + 1];
        }
        CHECK_NEAR(gallery_range_difference_km(p180, t180, 10),
                   gallery_range_difference_km(p, t, 10), 1e-9);
        CHECK_NEAR(gallery_video_error_km(p180, t180, 10), gallery_video_error_km(p, t, 10), 1e-9);
    }
}

/* ---------------------------------------------------------------- evaluations */

enum { SOURCES = 23, MOST = 40, REPLICATES = 200 };

static struct {
    size_t n;
    double predicted[2 * MOST], truth[2 * MOST], km[MOST], video_km;
} sources[SOURCES];

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, size_t n) {
    qsort(values, n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void make_sources(void) {
    for (int i = 0; i < SOURCES; i++) {
        size_t n = sources[i].n = i == 7 ? 0 : 1 + (size_t)uniform(0, MOST);
        random_track(sources[i].truth, n, 10, 50, 0.01);
        random_track(sources[i].predicted, n, 10, 50, i % 3 ? 0.01 : 0.2);
        for (size_t k = 0; k < n; k++)
            sources[i].km[k] =
                gallery_haversine_km(sources[i].predicted + 2 * k, sources[i].truth + 2 * k);
        if (n)
            sources[i].video_km = gallery_video_error_km(sources[i].predicted, sources[i].truth, n);
    }
}

static gallery_evaluation *evaluate(const gallery_evaluation_rules *rules) {
    gallery_evaluation *e;
    char name[16];
    if (gallery_evaluation_open(ctx, rules, &e)) abort();
    for (int i = 0; i < SOURCES; i++) {
        snprintf(name, sizeof name, "s%03d", SOURCES - 1 - i); /* against the order */
        CHECK(!gallery_evaluation_begin(e, name));
        for (size_t k = 0; k < sources[i].n; k++)
            CHECK(!gallery_evaluation_frame(e, sources[i].predicted + 2 * k,
                                            sources[i].truth + 2 * k));
        if (i == 7) gallery_evaluation_no_truth(e);
        if (i == 8) gallery_evaluation_error(e);
        CHECK(!gallery_evaluation_end(e));
    }
    return e;
}

/* Accuracy, median, video accuracy and video median of sources, each as often as it is listed. */
static void by_hand(const size_t *list, size_t count, double km, double out[4]) {
    static double frames[SOURCES * MOST], videos[SOURCES];
    size_t n = 0, within = 0, videos_within = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sources[list[i]].n; k++)
            within += (frames[n++] = sources[list[i]].km[k]) < km;
        videos_within += (videos[i] = sources[list[i]].video_km) < km;
    }
    out[0] = 100.0 * (double)within / (double)n;
    out[1] = median_of(frames, n);
    out[2] = 100.0 * (double)videos_within / (double)count;
    out[3] = median_of(videos, count);
}

TEST(all_figures_equal_those_by_hand) {
    const gallery_evaluation_rules rules = {.thresholds = {{1, "1km"}}, .threshold_count = 1};
    gallery_evaluation *e = evaluate(&rules);
    gallery_figures all, one;
    size_t list[SOURCES], n = 0;
    double expected[4];
    char name[48];
    for (size_t i = 0; i < SOURCES; i++)
        if (i != 7) list[n++] = i;
    by_hand(list, n, 1, expected);
    CHECK(gallery_evaluation_finish(e, &all) == GALLERY_OK);
    CHECK(all.sources == SOURCES - 1 && all.no_truth == 1 && all.errors == 1 && !all.no_frechet);
    for (int i = 0; i < 4; i++) CHECK_NEAR(all.value[i], expected[i], 1e-9);
    CHECK(gallery_evaluation_count(e) == 6);
    CHECK_TEXT(gallery_evaluation_name(e, 0, name), "frame_acc@1km");
    CHECK_TEXT(gallery_evaluation_name(e, 2, name), "video_acc@1km");
    CHECK_TEXT(gallery_evaluation_name(e, 5, name), "mrd_km");
    double frechet = 0;
    for (size_t i = 0; gallery_evaluation_source(e, i, &one); i++) {
        if (i == 7) {
            CHECK(!one.sources && one.no_truth == 1 && isnan(one.value[0]) && isnan(one.value[4]));
            continue;
        }
        by_hand(&i, 1, 1, expected);
        for (int k = 0; k < 4; k++) CHECK_NEAR(one.value[k], expected[k], 1e-9);
        frechet += one.value[4] / (SOURCES - 1);
    }
    CHECK_NEAR(all.value[4], frechet, 1e-9 * frechet);
    gallery_evaluation_close(e);
}

static uint64_t next_random(uint64_t *state) { /* SplitMix64, as published */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

TEST(intervals_equal_replicates_written_out) {
    const gallery_evaluation_rules rules = {
        .thresholds = {{1, "1km"}}, .threshold_count = 1, .replicates = REPLICATES, .seed = 5};
    gallery_evaluation *e = evaluate(&rules);
    gallery_figures all;
    static double values[4][REPLICATES];
    uint64_t state = 5;
    CHECK(gallery_evaluation_finish(e, &all) == GALLERY_OK);
    for (int r = 0; r < REPLICATES; r++) {
        size_t list[SOURCES - 1];
        double out[4];
        for (size_t i = 0; i < SOURCES - 1; i++) {
            size_t k = (size_t)((next_random(&state) >> 32) * (SOURCES - 1) >> 32);
            list[i] = SOURCES - 1 - k - (k >= SOURCES - 1 - 7); /* by name, without number 7 */
        }
        by_hand(list, SOURCES - 1, 1, out);
        for (int k = 0; k < 4; k++) values[k][r] = out[k];
    }
    for (int k = 0; k < 4; k++) { /* 0.025 * 199 = 4.975: between the 5th and 6th of 200 */
        double *v = values[k];
        qsort(v, REPLICATES, sizeof *v, ascending);
        CHECK_NEAR(all.low[k], v[4] + 0.975 * (v[5] - v[4]), 1e-9);
        CHECK_NEAR(all.high[k], v[194] + 0.025 * (v[195] - v[194]), 1e-9);
        CHECK(all.low[k] < all.value[k] && all.value[k] < all.high[k]);
    }
    gallery_evaluation_close(e);
}

TEST(nothing_to_compare_is_an_error) {
    const gallery_evaluation_rules rules = {.thresholds = {{1, "1km"}}, .threshold_count = 1};
    gallery_evaluation *e;
    gallery_figures all;
    REQUIRE(!gallery_evaluation_open(ctx, &rules, &e));
    CHECK(gallery_evaluation_finish(e, &all) == GALLERY_EEMPTY);
    CHECK(!gallery_evaluation_begin(e, "a"));
    gallery_evaluation_no_truth(e);
    CHECK(!gallery_evaluation_end(e));
    CHECK(gallery_evaluation_finish(e, &all) == GALLERY_EEMPTY);
    CHECK(strstr(gallery_message(ctx), "1 without truth"));
    gallery_evaluation_close(e);
}

/* -------------------------------------------------------------------- tables */

static char path[2][32];

static const char *write_table(int i, const char *text, size_t n) {
    strcpy(path[i], "/tmp/vt-table.XXXXXX");
    int fd = mkstemp(path[i]);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n || close(fd)) abort();
    return path[i];
}

/* The table's rows, fields in brackets; or what is wrong with it, without the file's name. */
static const char *rows_of(const char *text, size_t length, int columns) {
    static char out[512];
    gallery_csv *csv;
    size_t n = 0;
    int status = gallery_csv_open(ctx, write_table(0, text, length), &csv);
    out[0] = '\0';
    while (status == GALLERY_OK && (status = gallery_csv_next(csv)) == GALLERY_OK)
        for (int i = 0; i < columns && n < sizeof out - 64; i++)
            n += (size_t)snprintf(out + n, 64, "[%s]", gallery_csv_field(csv, i));
    if (status != GALLERY_END)
        snprintf(out, sizeof out, "%s", gallery_message(ctx) + strlen(path[0]));
    gallery_csv_close(csv);
    unlink(path[0]);
    return out;
}
#define ROWS(text, columns) rows_of(text, sizeof(text) - 1, columns)

TEST(tables_are_read_as_rfc_4180_says) {
    CHECK_TEXT(ROWS("a,b\n1,2\n", 2), "[1][2]");
    CHECK_TEXT(ROWS("\xef\xbb\xbf\"a\";b\r\n\r\n1;\"2;\"\"3\"\"\"\r\n;", 2), "[1][2;\"3\"][][]");
    CHECK_TEXT(ROWS("a\tb\n\"1\n\n2\"\t\"\"", 2), "[1\n\n2][]");
    CHECK_TEXT(ROWS("a,b\n", 2), "");
    CHECK_TEXT(ROWS("", 1), ": it is empty; a row that names the columns is expected");
    CHECK_TEXT(ROWS("a,b\n\n1,2\n3\n", 2), ":4: 1 fields, but the header names 2");
    CHECK_TEXT(ROWS("a\n\"1\n", 1), ":2: a quote is not closed");
    CHECK_TEXT(ROWS("a\n\"1\"2\n", 1), ":2: text after a closing quote");
    CHECK_TEXT(ROWS("a\n1\0002\n", 1), ":2: a NUL byte: not text");
    char *many = malloc(70000);
    REQUIRE(many);
    memset(many, ',', 70000);
    CHECK_TEXT(rows_of(many, 255, 1), "");
    CHECK_TEXT(rows_of(many, 256, 1), ":1: more than 256 columns");
    memset(many, 'a', 70000);
    CHECK_TEXT(rows_of(many, 70000, 1), ":1: the row is longer than 64 KiB");
    free(many);
}

static gallery_cities *cities_of(const char *centers, const char *hierarchy) {
    gallery_cities *cities;
    write_table(0, centers, strlen(centers));
    if (hierarchy) write_table(1, hierarchy, strlen(hierarchy));
    gallery_cities_open(ctx, path[0], hierarchy ? path[1] : NULL, &cities);
    unlink(path[0]);
    if (hierarchy) unlink(path[1]);
    return cities;
}

#define TOWNS "city,lat,lon\nAville,0,0\nBeton,0,1\nCelo,0,2\nDalo,0,179.9\n"

TEST(videos_go_where_most_frames_do) {
    const char *hierarchy = "city,state,country,continent\nDalo,S,N,X\nBeton,S,M,X\nAville,S,M,X\n"
                            "Celo,T,M,X\nElsewhere,U,O,Y\n";
    gallery_cities *c = cities_of(TOWNS, hierarchy);
    REQUIRE(c);
    CHECK(gallery_cities_count(c) == 4 && gallery_cities_has(c, GALLERY_CONTINENT));
    const double far_east[2] = {-179.9, 1}, between[2] = {0.4, 0};
    CHECK(gallery_cities_nearest(c, far_east) == 3);
    CHECK(gallery_cities_nearest(c, between) == 0);
    /* Two votes each for Beton and Celo: Beton's came first. The truth is Aville. */
    const double predicted[] = {1, 0, 2, 0, 2, 0.1, 1, 0.1, 0, 0};
    const double truth[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0};
    bool right[GALLERY_CITY_LEVELS];
    CHECK(!gallery_cities_judge(c, predicted, truth, 5, right));
    CHECK(!right[GALLERY_CITY] && right[GALLERY_STATE] && right[GALLERY_COUNTRY]);
    CHECK(!gallery_cities_judge(c, predicted + 2, truth, 2, right));
    CHECK(!right[GALLERY_STATE] && right[GALLERY_COUNTRY] && right[GALLERY_CONTINENT]);
    CHECK(!gallery_cities_judge(c, far_east, truth, 1,
                                right)); /* a state S, but of another country */
    CHECK(!right[GALLERY_STATE] && !right[GALLERY_COUNTRY] && right[GALLERY_CONTINENT]);
    CHECK(!gallery_cities_judge(c, truth + 8, predicted, 1, right) && right[GALLERY_CITY]);
    gallery_cities_close(c);
}

static const char *why_no_cities(const char *centers, const char *hierarchy) {
    gallery_cities *c = cities_of(centers, hierarchy);
    const char *colon = c ? NULL : strchr(gallery_message(ctx), ':');
    gallery_cities_close(c);
    return colon ? colon : "they are read";
}

TEST(wrong_cities_are_refused) {
    CHECK_TEXT(why_no_cities("city,lat\nA,1\n", NULL), ":1: no column is called lon|lng|longitude");
    CHECK_TEXT(why_no_cities("city,lat,lon\n", NULL), ":1: no city follows");
    CHECK_TEXT(why_no_cities("city,lat,lon\nA,x,1\n", NULL), ":2: lat: 'x' is not a number");
    CHECK_TEXT(why_no_cities("city,lat,lon\nA,120,7\n", NULL),
               ":2: longitude 7, latitude 120: not on the Earth; are the two swapped?");
    CHECK_TEXT(why_no_cities("city,lat,lon\n,1,1\n", NULL), ":2: a city without a name");
    CHECK(strstr(why_no_cities(TOWNS, "city,state\nAville,S\n"), ": 'Beton' of"));
    CHECK_TEXT(why_no_cities(TOWNS, "city,state\nAville,S\nAville,S\n"),
               ":3: this city is there twice");
    CHECK_TEXT(why_no_cities(TOWNS, "city,planet\nAville,S\n"),
               ":1: no column is called state, country or continent");
    CHECK(strstr(why_no_cities("city,lat,lon\nA,1,1\nA,2,2\n", "city,state\nA,S\n"),
                 "two cities are called 'A'"));
    CHECK(strstr(why_no_cities("city,state,lat,lon\nA,S,1,1\n", "city,state\nA,S\n"),
                 "has no effect"));
}

int main(void) {
    if (gallery_context_open(1, &ctx)) return 1;
    RUN(great_circles);
    RUN(frechet_is_the_least_of_all_couplings);
    RUN(frechet_of_a_long_track);
    RUN(range_and_video_error_by_hand);
    RUN(the_antimeridian_is_nothing_special);
    make_sources();
    RUN(all_figures_equal_those_by_hand);
    RUN(intervals_equal_replicates_written_out);
    RUN(nothing_to_compare_is_an_error);
    RUN(tables_are_read_as_rfc_4180_says);
    RUN(videos_go_where_most_frames_do);
    RUN(wrong_cities_are_refused);
    gallery_context_close(ctx);
    return test_finish();
}
