/* Boxes of regions: against numpy's percentiles, and over the antimeridian. */
#include "test.h"
#include "libgallery/boxes.h"

static gallery_context *ctx;

static gallery_box box_of(const double *lon, const double *lat, size_t n, double clip, double pad) {
    gallery_boxes *boxes = NULL;
    gallery_box box = {0};
    const char *name = NULL;
    CHECK(gallery_boxes_open(ctx, &boxes) == GALLERY_OK);
    for (size_t i = 0; boxes && i < n; i++)
        CHECK(gallery_boxes_add(boxes, "here", lon[i], lat[i]) == GALLERY_OK);
    CHECK(gallery_boxes_count(boxes) == 1);
    gallery_boxes_get(boxes, 0, clip, pad, &name, &box);
    CHECK_TEXT(name, "here");
    gallery_boxes_close(boxes);
    return box;
}

static double next(unsigned *seed) { /* [0, 1) */
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) / 16777216.0;
}

/* numpy.percentile(lon, [clip, 100 - clip]) and of lat, numpy 1.24, of the same points: the seed's
 * numbers in turn, lon = 9 + 2 * u, lat = 47 + u. */
TEST(boxes_have_the_percentiles_of_numpy) {
    static const struct {
        int n;
        unsigned seed;
        double clip;
        double west, south, east, north;
    } all[] = {
        {1, 1, 0, 9.47291100025177, 47.369270622730255, 9.47291100025177, 47.369270622730255},
        {1, 1, 12.5, 9.47291100025177, 47.369270622730255, 9.47291100025177, 47.369270622730255},
        {2, 2, 0, 9.3779006004333496, 47.459974408149719, 9.4736860990524292, 47.741899609565735},
        {2, 2, 0.5, 9.3783795279264446, 47.461384034156801, 9.4732071715593342, 47.740489983558653},
        {2, 2, 49, 9.4248354947566995, 47.598117756843564, 9.4267512047290793, 47.60375626087189},
        {7, 3, 0, 9.0678468942642212, 47.388494491577148, 10.74731707572937, 47.864940047264099},
        {7, 3, 0.5, 9.0752856326103206, 47.393360002636911, 10.733107783794402, 47.862751908302307},
        {7, 3, 12.5, 9.2538153529167175, 47.510132268071175, 10.392084777355194,
         47.810236573219299},
        {1000, 4, 0, 9.0062073469161987, 47.001108527183533, 10.999704122543335,
         47.999348878860474},
        {1000, 4, 0.5, 9.0126618582010263, 47.010427665412429, 10.991867737770081,
         47.993235783278941},
        {1000, 4, 12.5, 9.2646497786045074, 47.14520650357008, 10.778766945004463,
         47.888782285153866},
        {1000, 4, 49, 9.9593420612812036, 47.494848721027374, 9.9997233307361597,
         47.514273195266725}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        static double lon[1000], lat[1000];
        unsigned seed = all[i].seed;
        for (int k = 0; k < all[i].n; k++) {
            lon[k] = 9 + 2 * next(&seed);
            lat[k] = 47 + next(&seed);
        }
        gallery_box box = box_of(lon, lat, (size_t)all[i].n, all[i].clip, 0);
        CHECK_NEAR(box.west, all[i].west, 1e-14);
        CHECK_NEAR(box.east, all[i].east, 1e-14);
        CHECK_NEAR(box.south, all[i].south, 1e-14);
        CHECK_NEAR(box.north, all[i].north, 1e-14);
    }
}

TEST(boxes_are_padded) {
    const double lon[] = {9, 10, 11}, lat[] = {-89.5, -89, -88};
    gallery_box box = box_of(lon, lat, 3, 0, 1);
    CHECK(box.west == 8 && box.east == 12 && box.south == -90 && box.north == -87);
    box = box_of(lon, lat, 3, 25, 0.25); /* half way to the middle one */
    CHECK(box.west == 9.25 && box.east == 10.75 && box.south == -89.5 && box.north == -88.25);
}

/* The shortest interval, however the longitudes are written and whatever the order. */
TEST(boxes_over_the_antimeridian) {
    const double fiji[] = {-178.5, 177, 179.5, -179.75, 178}, lat[] = {-18, -17, -16, -18, -17};
    gallery_box box = box_of(fiji, lat, 5, 0, 0.5);
    CHECK(box.west == 176.5 && box.east == 182 && box.south == -18.5 && box.north == -15.5);
    const double turned[] = {181.5, -183, 179.5, 180.25, 178};
    box = box_of(turned, lat, 5, 0, 0.5);
    CHECK(box.west == 176.5 && box.east == 182);
    const double russia[] = {20, 40, 60, 90, 120, 150, -170};
    const double lats[] = {55, 55, 55, 55, 55, 55, 65};
    box = box_of(russia, lats, 7, 0, 0);
    CHECK(box.west == 20 && box.east == 190 && box.south == 55 && box.north == 65);
    const double edge[] = {180, 178, 179};
    box = box_of(edge, lat, 3, 0, 0);
    CHECK(box.west == 178 && box.east == 180);
    double dense[401], south[401]; /* with two outliers, cut where they end, not among the dense */
    for (int i = 0; i < 401; i++) {
        dense[i] = i < 200 ? 179 + i / 200.0 : -181 + i / 200.0;
        south[i] = -17;
    }
    dense[3] = 20, dense[4] = 30;
    box = box_of(dense, south, 401, 1.5, 0);
    CHECK_NEAR(box.west, 179.03, 1e-9); /* 6 from the western end are gone, of them 2 far away */
    CHECK_NEAR(box.east, 180.97, 1e-9);
}

/* What numpy has of -180 to 180 stands, where that is no more than half the Earth; an outlier on
 * the other side does not change how longitudes are counted. */
TEST(boxes_count_from_the_antimeridian) {
    double lon[200], lat[200];
    for (int i = 0; i < 200; i++) lon[i] = -120 + i * 0.01, lat[i] = 40;
    lon[7] = 170; /* 50 degrees west of there, but east in order */
    gallery_box box = box_of(lon, lat, 200, 0.5, 0);
    CHECK_NEAR(box.west, -120 + 0.995 * 0.01, 1e-12);
    CHECK_NEAR(box.east, lon[199] + 0.005 * (170 - lon[199]), 1e-10);
    lon[8] = -170;
    box = box_of(lon, lat, 200, 2, 0);
    CHECK(box.west > -120 && box.east < -118);
}

TEST(boxes_of_the_whole_turn) {
    double lon[] = {-180, -90, 0, 90}, lat[] = {-10, 0, 0, 10};
    gallery_box box = box_of(lon, lat, 4, 0, 0);
    CHECK(box.east - box.west == 270); /* any three quarters */
    box = box_of(lon, lat, 4, 0, 45);
    CHECK(box.west == -180 && box.east == 180 && box.south == -55 && box.north == 55);
}

TEST(boxes_of_many_regions) {
    gallery_boxes *boxes = NULL;
    REQUIRE(gallery_boxes_open(ctx, &boxes) == GALLERY_OK);
    for (int i = 0; i < 20000; i++) {
        char name[24];
        snprintf(name, sizeof name, "\"r\xC3\xA9gion %d\"", i % 500);
        CHECK(gallery_boxes_add(boxes, name, i % 500 / 4.0 + (i >= 10000), 10) == GALLERY_OK);
    }
    CHECK(gallery_boxes_count(boxes) == 500);
    for (size_t i = 0; i < 500; i++) {
        const char *name;
        gallery_box box;
        char expected[24];
        gallery_boxes_get(boxes, i, 0, 0, &name, &box);
        snprintf(expected, sizeof expected, "\"r\xC3\xA9gion %d\"", (int)i);
        CHECK_TEXT(name, expected);
        CHECK(box.west == (double)i / 4 && box.east == (double)i / 4 + 1);
    }
    gallery_boxes_close(boxes);
    gallery_boxes_close(NULL);
}

int main(void) {
    if (gallery_context_open(1, &ctx)) return 1;
    RUN(boxes_have_the_percentiles_of_numpy);
    RUN(boxes_are_padded);
    RUN(boxes_over_the_antimeridian);
    RUN(boxes_count_from_the_antimeridian);
    RUN(boxes_of_the_whole_turn);
    RUN(boxes_of_many_regions);
    gallery_context_close(ctx);
    return test_finish();
}
