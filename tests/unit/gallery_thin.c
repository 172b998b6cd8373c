/* Thinning, compared with looking at every pair: no two that stay are too close, and whatever went
 * has one that stays close by. Blue noise by its density and its spectrum. */
#include "test.h"
#include "libgallery/geodesy.h"
#include "libgallery/thin.h"

#define MOST 300000

static struct point {
    uint64_t id;
    double lon, lat, heading;
    unsigned line;
    bool stays;
} * points;
static size_t count, most_held;
static unsigned seed = 11;
static double degree_north, degree_east; /* of a metre at 47 degrees */

static double uniform(void) {
    seed = seed * 1664525 + 1013904223;
    return (double)(seed >> 8) / (1 << 24);
}

static int by_id(const void *a, const void *b) {
    uint64_t x = ((const struct point *)a)->id, y = ((const struct point *)b)->id;
    return (x > y) - (x < y);
}

static void add(double lon, double lat, double heading, unsigned line) {
    struct point p = {.lon = lon, .lat = lat, .heading = heading, .line = line};
    CHECK(gallery_canonical(&p.lon, &p.lat));
    p.id = gallery_point_id(p.lon, p.lat);
    points[count++] = p;
}

/* Puts the points in order and each in once; returns how many stay. */
static size_t thin(gallery_thin_rule rule) {
    gallery_context *ctx;
    gallery_thin *t = NULL;
    size_t stay = 0, single = 0;
    qsort(points, count, sizeof *points, by_id);
    for (size_t i = 0; i < count; i++)
        if (!i || points[i].id != points[single - 1].id) points[single++] = points[i];
    count = single;
    if (gallery_context_open(1, &ctx)) return 0;
    CHECK(gallery_thin_open(ctx, &rule, &t) == GALLERY_OK);
    for (size_t i = 0; i < count; i++)
        CHECK(gallery_thin_add(t, points[i].id, points[i].heading, points[i].line) == GALLERY_OK);
    gallery_thin_finish(t);
    for (size_t i = 0; i < count; i++) stay += points[i].stays = gallery_thin_keeps(t, i);
    CHECK(!gallery_thin_keeps(t, count));
    most_held = gallery_thin_most(t);
    gallery_thin_close(t);
    gallery_context_close(ctx);
    return stay;
}

static bool is_close(const gallery_thin_rule *r, const struct point *p, const struct point *o) {
    double azimuth, pi = acos(-1);
    if (fabs(p->lat - o->lat) * 110e3 > hypot(r->distance_m, r->along_m)) return false;
    double apart_m = gallery_distance_m(p->lon, p->lat, o->lon, o->lat, &azimuth);
    if (r->along_m == 0) return apart_m < r->distance_m;
    double turn = fmod(fabs(p->heading - o->heading), 180),
           along = (azimuth - p->heading) * pi / 180;
    return p->line != o->line && fmin(turn, 180 - turn) <= r->tolerance_deg &&
           fabs(apart_m * cos(along)) <= r->along_m && fabs(apart_m * sin(along)) < r->distance_m;
}

static size_t check(gallery_thin_rule rule) {
    size_t stay = thin(rule), too_close = 0, without = 0;
    for (size_t i = 0; i < count; i++) {
        bool found = points[i].stays;
        for (size_t k = 0; k < count; k++) {
            if (k == i || !points[k].stays || (found && !points[i].stays)) continue;
            bool near = is_close(&rule, &points[i], &points[k]);
            found |= near;
            too_close += near && points[i].stays && is_close(&rule, &points[k], &points[i]);
        }
        without += !found;
    }
    CHECK(too_close == 0);
    CHECK(without == 0);
    return stay;
}

static void scatter(size_t n, double west, double south, double width, double height) {
    count = 0;
    for (size_t i = 0; i < n; i++) {
        double lon = west + width * uniform(), lat = south + height * uniform();
        add(lon, lat, floor(360 * uniform()), (unsigned)(4 * uniform()));
    }
}

TEST(disks_as_brute_force_does) {
    static const double boxes[][5] = {{9.5, 47, 0.02, 0.02, 60},      {179.99, -17, 0.02, 0.02, 60},
                                      {0, 89.98, 360, 0.02, 100},     {0, -90, 360, 0.01, 50},
                                      {-0.01, -0.01, 0.02, 0.02, 60}, {9.5, 47, 0.02, 0.02, 1e6},
                                      {-180, -90, 360, 180, 6e5},     {44.9, 22.4, 0.2, 0.2, 400}};
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        const double *b = boxes[i];
        scatter(2000, b[0], b[1], b[2], b[3]);
        size_t stay = check((gallery_thin_rule){.distance_m = b[4], .seed = i});
        CHECK(stay >= (b[4] > 9e5 ? 1 : 100) && stay < 1500);
    }
}

TEST(lanes_as_brute_force_does) {
    static const double boxes[][4] = {{9.5, 47, 0.02, 0.02},
                                      {179.99, -17, 0.02, 0.02},
                                      {0, 89.98, 360, 0.02},
                                      {-0.01, -0.01, 0.02, 0.02}};
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        for (double tolerance = 0; tolerance <= 90; tolerance += 30) {
            const double *b = boxes[i];
            scatter(2000, b[0], b[1], b[2], b[3]);
            size_t stay = check(
                (gallery_thin_rule){.distance_m = 60, .along_m = 90, .tolerance_deg = tolerance});
            CHECK(stay > 200 && (stay < 1990 || tolerance == 0));
        }
}

/* Two carriageways and a street across, of which the lanes' points are nowhere opposite each other:
 * all of one carriageway stays, whichever comes first, and the street. */
TEST(one_carriageway_stays) {
    const double east = 10 / 76057.0, north = 1 / 111171.0; /* degrees; 10 m, 1 m */
    for (int turned = 0; turned < 2; turned++) {
        size_t lanes[2] = {0}, across = 0;
        count = 0;
        for (int i = 0; i < 200; i++) {
            add(9.5 + i * east, 47 + (turned ? 14 * north : 0), 90, 7);
            add(9.5 + (i + 0.43) * east, 47 + (turned ? 0 : 14 * north), 270, 9);
            add(9.5 + 100 * east, 47 + (10 * i - 1000 + 3) * north, 0, 5);
        }
        CHECK(thin((gallery_thin_rule){.distance_m = 15, .along_m = 5.1, .tolerance_deg = 30}) ==
              400);
        for (size_t i = 0; i < count; i++)
            if (points[i].stays) ++*(points[i].line == 5 ? &across : &lanes[points[i].line == 9]);
        CHECK(across == 200 && lanes[0] == 200 && lanes[1] == 0);
    }
}

/* Power of the waves that are at least a twelfth of the side long; of points at random it is 1. */
static double power_of(double (*xy)[2], size_t n, double side) {
    const double turn = 2 * acos(-1) / side;
    double power = 0;
    int waves = 0;
    for (int u = 0; u <= 12; u += 2)
        for (int v = 0; v <= 12; v += 2) {
            double re = 0, im = 0;
            for (size_t i = 0; u + v && i < n; i++) {
                double phase = turn * (u * xy[i][0] + v * xy[i][1]);
                re += cos(phase), im += sin(phase);
            }
            power += (re * re + im * im) / (double)n;
            waves += u + v > 0;
        }
    return power / waves;
}

/* Of the points in a square of 2 km. Disks thrown at random until no other one fits in cover 0.547
 * of the plane (Feder 1980); what is far from the edges is measured. */
static void check_noise(double least, double most) {
    static double inside[4000][2];
    const double distance_m = 40, inset = 120, side = 2000 - 2 * inset, pi = acos(-1);
    size_t n = 0;
    CHECK(thin((gallery_thin_rule){.distance_m = distance_m, .seed = 5}) < 4000);
    for (size_t i = 0; i < count; i++) {
        double x = (points[i].lon - 9.5) / degree_east - inset;
        double y = (points[i].lat - 47) / degree_north - inset;
        if (!points[i].stays || fmin(x, y) < 0 || fmax(x, y) >= side || n == 4000) continue;
        inside[n][0] = x;
        inside[n++][1] = y;
    }
    double share = (double)n * pi / 4 * distance_m * distance_m / (side * side);
    CHECK(share > least && share < most);
    CHECK(power_of(inside, n, side) < 0.15);
}

TEST(blue_noise) {
    degree_north = 1 / (2 * gallery_distance_m(9.5, 47, 9.5, 47.5, NULL));
    degree_east = 1 / (2 * gallery_distance_m(9.5, 47, 10, 47, NULL));
    scatter(200000, 9.5, 47, 2000 * degree_east, 2000 * degree_north);
    check_noise(0.51, 0.56);
    count = 0; /* a grid of an eighth of the distance */
    for (int i = 0; i < 400; i++)
        for (int k = 0; k < 400; k++)
            add(9.5 + 5 * i * degree_east, 47 + 5 * k * degree_north, 0, 0);
    check_noise(0.52, 0.56);
}

/* Points are forgotten on the way, and another seed chooses other ones. */
TEST(window_is_small) {
    size_t same = 0, stay;
    scatter(200000, 9.5, 47, 1, 1);
    stay = thin((gallery_thin_rule){.distance_m = 100});
    CHECK(stay > 100000 && stay < 190000);
    CHECK(most_held < 10000);
    bool *before = calloc(count, sizeof *before);
    REQUIRE(before);
    for (size_t i = 0; i < count; i++) before[i] = points[i].stays;
    size_t other = thin((gallery_thin_rule){.distance_m = 100, .seed = 1});
    for (size_t i = 0; i < count; i++) same += before[i] == points[i].stays;
    CHECK(same < count * 9 / 10);
    CHECK_NEAR((double)other / (double)stay, 1, 0.02);
    free(before);
}

TEST(nothing_and_one) {
    gallery_context *ctx;
    gallery_thin *t = NULL;
    REQUIRE(gallery_context_open(1, &ctx) == GALLERY_OK);
    CHECK(gallery_thin_open(ctx, &(gallery_thin_rule){.distance_m = 1}, &t) == GALLERY_OK);
    CHECK(gallery_thin_add(t, UINT64_MAX, 0, 0) == GALLERY_EVALUE);
    gallery_thin_finish(t);
    CHECK(!gallery_thin_keeps(t, 0));
    gallery_thin_close(t);
    gallery_thin_close(NULL);
    gallery_context_close(ctx);
    count = 0;
    CHECK(thin((gallery_thin_rule){.distance_m = 1}) == 0);
    add(0, 90, 0, 0);
    CHECK(thin((gallery_thin_rule){.distance_m = 1}) == 1);
}

int main(void) {
    points = calloc(MOST, sizeof *points);
    if (!points) return 1;
    RUN(disks_as_brute_force_does);
    RUN(lanes_as_brute_force_does);
    RUN(one_carriageway_stays);
    RUN(blue_noise);
    RUN(window_is_small);
    RUN(nothing_and_one);
    free(points);
    return test_finish();
}
