/* Canonical coordinates, ids along the Hilbert curve, distances. */
#include "test.h"
#include "libgallery/curve.h"
#include "libgallery/geodesy.h"

static uint64_t random_state = 88172645463325252u;
static uint64_t random_bits(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}
static double random_between(double least, double most) {
    return least + (most - least) * ((double)(random_bits() >> 11) * 0x1p-53);
}

/* The textbook's loop over single bits. */
static uint64_t textbook(uint32_t x, uint32_t y) {
    uint64_t d = 0;
    for (uint32_t s = 0x80000000u; s; s >>= 1) {
        unsigned rx = (x & s) != 0, ry = (y & s) != 0;
        d += (uint64_t)s * s * ((3 * rx) ^ ry);
        if (ry == 0) {
            if (rx) x = ~x, y = ~y;
            uint32_t t = x;
            x = y, y = t;
        }
    }
    return d;
}

static void check_canonical(double lon, double lat, double want_lon, double want_lat) {
    double x = lon, y = lat;
    CHECK(gallery_canonical(&x, &y));
    CHECK(x == want_lon && !signbit(x) == !signbit(want_lon));
    CHECK(y == want_lat && !signbit(y) == !signbit(want_lat));
    CHECK(gallery_canonical(&x, &y) && x == want_lon && y == want_lat); /* once more: no change */
}

TEST(canonical_form) {
    check_canonical(9.52, 47.14, 9.52, 47.14);
    check_canonical(180, 10, -180, 10);
    check_canonical(-180, 10, -180, 10);
    check_canonical(179.99999996, 0, -180, 0);
    check_canonical(179.99999994, 0, 179.9999999, 0);
    check_canonical(-180.00000004, 0, -180, 0);
    check_canonical(190.5, 0, -169.5, 0);
    check_canonical(-190.5, 0, 169.5, 0);
    check_canonical(360, 0, 0, 0);
    check_canonical(-360, 0, 0, 0);
    check_canonical(33, 90, 0, 90);
    check_canonical(-33, -90, 0, -90);
    check_canonical(33, 89.99999996, 0, 90);
    check_canonical(33, 89.9999999, 33, 89.9999999);
    check_canonical(-1e-9, -1e-9, 0.0, 0.0);
    check_canonical(1.00000005, -1.00000015, 1.0000001, -1.0000002);
}

TEST(canonical_refuses) {
    const double bad[][2] = {{NAN, 0},      {0, NAN},  {INFINITY, 0},   {0, -INFINITY},
                             {360.0001, 0}, {-361, 0}, {0, 90.0000001}, {0, -91}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double x = bad[i][0], y = bad[i][1];
        CHECK(!gallery_canonical(&x, &y));
        CHECK(!memcmp(&x, &bad[i][0], sizeof x) && !memcmp(&y, &bad[i][1], sizeof y));
    }
}

/* The double is the one that the coordinate's 7 decimals read as. */
TEST(canonical_is_what_text_says) {
    for (int i = 0; i < 100000; i++) {
        double x = random_between(-360, 360), y = random_between(-90, 90);
        char text[64];
        CHECK(gallery_canonical(&x, &y));
        snprintf(text, sizeof text, "%.7f %.7f", x, y);
        char *rest;
        CHECK(strtod(text, &rest) == x);
        CHECK(strtod(rest, NULL) == y);
    }
}

TEST(curve_is_hilberts) {
    const uint32_t edge[] = {0, 1, 2, 3, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu};
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            CHECK(gallery_curve_encode(edge[i], edge[j]) == textbook(edge[i], edge[j]));
    CHECK(gallery_curve_encode(0, 0) == 0);
    CHECK(gallery_curve_encode(0xffffffffu, 0) == UINT64_MAX);
    for (int i = 0; i < 20000; i++) {
        uint64_t r = random_bits();
        uint32_t x = (uint32_t)r, y = (uint32_t)(r >> 32), x2, y2;
        uint64_t d = gallery_curve_encode(x, y);
        CHECK(d == textbook(x, y));
        gallery_curve_decode(d, &x2, &y2);
        CHECK(x2 == x && y2 == y);
    }
}

/* Each step along the curve is one step on the grid: no jump, no cell twice. */
TEST(curve_is_adjacent) {
    for (int i = 0; i < 200; i++) {
        uint64_t start = i == 0   ? 0
                         : i == 1 ? UINT64_MAX - 1000
                         : i < 50 ? ((uint64_t)i << 58) - 500
                                  : random_bits() % (UINT64_MAX - 1000);
        uint32_t x, y;
        gallery_curve_decode(start, &x, &y);
        for (uint64_t d = start + 1; d != start + 1000; d++) {
            uint32_t x2, y2;
            gallery_curve_decode(d, &x2, &y2);
            uint32_t dx = x2 > x ? x2 - x : x - x2, dy = y2 > y ? y2 - y : y - y2;
            CHECK(dx + dy == 1);
            CHECK(gallery_curve_encode(x2, y2) == d);
            x = x2, y = y2;
        }
    }
}

TEST(id_is_one_to_one) {
    const double edge[][2] = {{-180, -89.9999999},
                              {179.9999999, 89.9999999},
                              {0, 90},
                              {0, -90},
                              {0, 0},
                              {-1e-7, 1e-7},
                              {-180, 0}};
    for (int i = 0; i < 50000; i++) {
        double x = i < 7 ? edge[i][0] : random_between(-180, 180);
        double y = i < 7 ? edge[i][1] : random_between(-90, 90);
        double x2, y2;
        CHECK(gallery_canonical(&x, &y));
        CHECK(gallery_point_from_id(gallery_point_id(x, y), &x2, &y2));
        CHECK(x == x2 && y == y2);
    }
    CHECK(gallery_point_id(9.52, 47.14) == textbook(1895200000u, 1371400000u));
}

TEST(id_refuses_what_is_no_point) {
    double x, y;
    CHECK(!gallery_point_from_id(UINT64_MAX, &x, &y));                           /* east of all */
    CHECK(!gallery_point_from_id(gallery_curve_encode(0, 1800000001u), &x, &y)); /* over a pole */
    CHECK(!gallery_point_from_id(gallery_curve_encode(5, 1800000000u), &x, &y)); /* a pole's twin */
    CHECK(!gallery_point_from_id(gallery_curve_encode(5, 0), &x, &y));
    CHECK(!gallery_point_from_id(gallery_curve_encode(3600000000u, 5), &x, &y));
    CHECK(gallery_point_from_id(gallery_curve_encode(3599999999u, 5), &x, &y));
    CHECK(gallery_point_from_id(gallery_curve_encode(1800000000u, 1800000000u), &x, &y));
}

TEST(id_text) {
    char text[17];
    uint64_t id = 0;
    gallery_id_format(0x0123456789abcdefu, text);
    CHECK_TEXT(text, "0123456789abcdef");
    CHECK(gallery_id_parse("0123456789abcdef", &id) && id == 0x0123456789abcdefu);
    CHECK(gallery_id_parse("FFFFFFFFFFFFFFFF", &id) && id == UINT64_MAX);
    const char *bad[] = {"",
                         "0",
                         "0123456789abcde",
                         "0123456789abcdef0",
                         "0123456789abcdeg",
                         "0x23456789abcdef",
                         " 123456789abcdef"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!gallery_id_parse(bad[i], &id));
}

/* Figures of `echo LAT1 LON1 LAT2 LON2 | geod +ellps=WGS84 -I -f %.9f -F %.4f` (PROJ). */
TEST(distances) {
    static const struct {
        double lat1, lon1, lat2, lon2, azimuth, distance_m;
    } geod[] = {{0, 0, 0, 1, 90, 111319.490793},
                {0, 0, 1, 0, 0, 110574.388558},
                {47.1, 9.5, 47.2, 9.6, 34.265209284, 13457.987016},
                {47.2, 9.6, 47.1, 9.5, 360 - 145.661477013, 13457.987016},
                {-33.9, 151.2, 51.5, -0.1, 360 - 40.786280424, 16990083.880122},
                {89, 0, 89, 180, 0, 223387.729828},
                {0, 179.5, 0, -179.5, 90, 111319.490793}};
    for (size_t i = 0; i < sizeof geod / sizeof *geod; i++) {
        double azimuth;
        CHECK_NEAR(
            gallery_distance_m(geod[i].lon1, geod[i].lat1, geod[i].lon2, geod[i].lat2, &azimuth),
            geod[i].distance_m, 1e-6);
        CHECK_NEAR(azimuth, geod[i].azimuth, 1e-9);
    }
    CHECK_NEAR(gallery_distance_m(9.5, 47.1, 9.5, 47.1, NULL), 0, 0);
}

int main(void) {
    RUN(canonical_form);
    RUN(canonical_refuses);
    RUN(canonical_is_what_text_says);
    RUN(curve_is_hilberts);
    RUN(curve_is_adjacent);
    RUN(id_is_one_to_one);
    RUN(id_refuses_what_is_no_point);
    RUN(id_text);
    RUN(distances);
    return test_finish();
}
