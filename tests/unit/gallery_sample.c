/* Points along lines and inside polygons, against PROJ's geod, distances and GEOS. */
#include "test.h"
#include "libgallery/area.h"
#include "libgallery/geodesy.h"
#include "libgallery/seen.h"

#include <gdal.h>
#include <geodesic.h>
#include <ogr_api.h>

#define MOST 400000

static double (*taken)[3]; /* longitude, latitude, azimuth */
static size_t taken_count, stop_at;

static int take(void *user, double lon, double lat, double azimuth) {
    (void)user;
    if (taken_count == stop_at || taken_count == MOST) return GALLERY_END;
    taken[taken_count][0] = lon;
    taken[taken_count][1] = lat;
    taken[taken_count++][2] = azimuth;
    return GALLERY_OK;
}

static size_t sample_line(const double *xy, size_t n, double spacing_m) {
    taken_count = 0;
    stop_at = MOST + 1;
    CHECK(gallery_sample_line(xy, n, spacing_m, take, NULL, NULL) == GALLERY_OK);
    return taken_count;
}

static size_t sample_area(const double *xy, const size_t *ends, size_t rings, double spacing_m) {
    const gallery_area_setup setup = {.spacing_m = spacing_m};
    gallery_context *ctx;
    taken_count = 0;
    stop_at = MOST + 1;
    if (gallery_context_open(1, &ctx)) return 0;
    CHECK(gallery_sample_area(ctx, xy, ends, rings, &setup, take, NULL) == GALLERY_OK);
    gallery_context_close(ctx);
    return taken_count;
}

static double between(size_t i, size_t j) {
    return gallery_distance_m(taken[i][0], taken[i][1], taken[j][0], taken[j][1], NULL);
}

/* ----------------------------------------------------------------------- lines */

/* echo 47.14 9.52 42.249574921 S | geod +ellps=WGS84 -f %.9f, for S = 0, 2000, ... */
TEST(line_is_geods) {
    static const double geod[][2] = {{9.52, 47.14},
                                     {9.537731477, 47.153315143},
                                     {9.555471813, 47.166627508},
                                     {9.573221014, 47.179937094},
                                     {9.590979088, 47.193243898},
                                     {9.6, 47.2}};
    const double line[] = {9.52, 47.14, 9.6, 47.2};
    REQUIRE(sample_line(line, 2, 2000) == 6);
    for (int i = 0; i < 6; i++) {
        CHECK_NEAR(taken[i][0], geod[i][0], 2e-9); /* 9 decimals, and the azimuth's */
        CHECK_NEAR(taken[i][1], geod[i][1], 2e-9);
    }
    CHECK_NEAR(taken[0][2], 42.249574921, 1e-8);
    CHECK_NEAR(taken[3][2], 180 - 137.711400502, 1e-8); /* geod prints the way back */
    CHECK_NEAR(taken[5][2], 180 - 137.691755146, 1e-8);
}

/* Distances within 1 mm, the way's direction within 0.01 degrees, everywhere on the Earth. */
TEST(line_keeps_its_spacing) {
    static const double lines[][4] = {{0, 0, 0.1, 0.02},       {9.5, 47.1, 9.6, 47.2},
                                      {25, 70, 25.1, 70.01},   {179.95, 10, -179.95, 10.1},
                                      {10, 89.99, -170, 89.9}, {-70.1, -33.5, -70.2, -33.5},
                                      {5, 60, 5, 59.9}};
    static const double spacings[] = {7.3, 20, 1000};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (int k = 0; k < 3; k++) {
            const double *to = lines[i] + 2;
            size_t n = sample_line(lines[i], 2, spacings[k]);
            double length =
                gallery_distance_m(lines[i][0], lines[i][1], lines[i][2], lines[i][3], NULL);
            REQUIRE(n == (size_t)(length / spacings[k]) + 2);
            for (size_t j = 0; j + 2 < n; j++) CHECK_NEAR(between(j, j + 1), spacings[k], 1e-3);
            CHECK(between(n - 2, n - 1) < spacings[k]);
            for (size_t j = 0; j + 2 < n; j++) {
                double azimuth;
                gallery_distance_m(taken[j][0], taken[j][1], to[0], to[1], &azimuth);
                CHECK_NEAR(remainder(azimuth - taken[j][2], 360), 0, 0.01);
            }
            CHECK(taken[n - 1][0] == to[0] && taken[n - 1][1] == to[1]);
        }
}

/* The distance is counted over the vertices: each point lies on its segment, as far along the line
 * as it should. */
TEST(line_carries_over_vertices) {
    double line[2 * 500] = {0}, behind[500];
    behind[0] = 0;
    for (int i = 0; i < 500; i++) { /* segments of 1 to 60 m, with corners */
        double a = i * 0.7, step = 1e-5 + 5e-4 * fabs(sin(i * 1.3));
        line[2 * i] = i ? line[2 * i - 2] + step * cos(a) : 18.05;
        line[2 * i + 1] = i ? line[2 * i - 1] + step * 0.5 * sin(a) : 59.34;
        if (i)
            behind[i] = behind[i - 1] + gallery_distance_m(line[2 * i - 2], line[2 * i - 1],
                                                           line[2 * i], line[2 * i + 1], NULL);
    }
    size_t n = sample_line(line, 500, 20), segment = 1;
    REQUIRE(n == (size_t)(behind[499] / 20) + 2);
    for (size_t k = 0; k + 1 < n; k++) {
        double at = 20 * (double)k, azimuth;
        while (behind[segment] <= at) segment++;
        const double *from = line + 2 * segment - 2, *to = line + 2 * segment;
        double done = gallery_distance_m(from[0], from[1], taken[k][0], taken[k][1], NULL);
        double left = gallery_distance_m(taken[k][0], taken[k][1], to[0], to[1], &azimuth);
        CHECK_NEAR(behind[segment - 1] + done, at, 1e-3);
        CHECK_NEAR(done + left, behind[segment] - behind[segment - 1], 1e-3);
        if (left > 1) CHECK_NEAR(remainder(azimuth - taken[k][2], 360), 0, 0.01);
    }
}

/* Short segments are solved without PROJ, long ones in pieces: every point within a micrometre of
 * where geod puts it, the direction within 0.0001 degrees. */
TEST(line_agrees_with_geod) {
    static const double starts[][2] = {{9.5, 47.1}, {0, 0},         {-70, -33},
                                       {25, 70},    {-0.001, 60},   {100, 84.9},
                                       {10, -85},   {179.9999, 12}, {33, 88}};
    static const double lengths_m[] = {0.5, 3, 40, 700, 999, 1200, 20000};
    struct geod_geodesic earth;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    double worst_m = 0, worst_deg = 0, worst_length = 0;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        for (size_t k = 0; k < sizeof lengths_m / sizeof *lengths_m; k++)
            for (double azimuth = -180; azimuth < 180; azimuth += 7.5) {
                double line[4] = {starts[i][0], starts[i][1]}, back, length_m = 1;
                geod_direct(&earth, line[1], line[0], azimuth, lengths_m[k], &line[3], &line[2],
                            &back);
                taken_count = 0, stop_at = MOST + 1;
                CHECK(!gallery_sample_line(line, 2, lengths_m[k] / 97, take, NULL, &length_m));
                REQUIRE(taken_count == 98);
                worst_length = fmax(worst_length, fabs(length_m - 1 - lengths_m[k]));
                for (size_t j = 0; j < 98; j++) {
                    double lon, lat, at_m = lengths_m[k] / 97 * (double)j;
                    geod_direct(&earth, line[1], line[0], azimuth, at_m, &lat, &lon, &back);
                    worst_m =
                        fmax(worst_m, gallery_distance_m(lon, lat, taken[j][0], taken[j][1], NULL));
                    worst_deg = fmax(worst_deg, fabs(remainder(taken[j][2] - back, 360)) *
                                                    fmin(1, lengths_m[k]));
                }
            }
    CHECK_NEAR(worst_m, 0, 1e-6);
    CHECK_NEAR(worst_length, 0, 1e-6);
    CHECK_NEAR(worst_deg, 0,
               1e-4); /* times the length of short segments: coordinates have 16 digits */
}

/* One line of a file, at 20 m, before any rounding: worst[] is how far a point is from where geod
 * puts it, how far its distance to the one before is from 20 m along a segment, and its heading
 * from geod's. */
static void compare_line(const struct geod_geodesic *earth, double *xy, size_t n, double worst[3],
                         double total_m[2]) {
    double behind = 0, length = 0, at[2] = {0}, ahead = 0;
    size_t count = 0, end = 1, last = 0;
    taken_count = 0, stop_at = MOST + 1;
    n = gallery_sample_compact(xy, n);
    CHECK(!gallery_sample_line(xy, n, 20, take, NULL, &total_m[0]));
    for (; end < n; end++, behind += length) {
        const double *a = xy + 2 * end - 2, *b = xy + 2 * end;
        geod_inverse(earth, a[1], a[0], b[1], b[0], &length, &ahead, NULL);
        for (; count + 1 < taken_count && 20 * (double)count < behind + length; count++) {
            double lon, lat, heading, apart, *got = taken[count];
            geod_direct(earth, a[1], a[0], ahead, 20 * (double)count - behind, &lat, &lon,
                        &heading);
            geod_inverse(earth, lat, lon, got[1], got[0], &apart, NULL, NULL);
            worst[0] = fmax(worst[0], apart);
            worst[2] = fmax(worst[2], fabs(remainder(heading - got[2], 360)));
            if (count && last == end) {
                geod_inverse(earth, at[1], at[0], got[1], got[0], &apart, NULL, NULL);
                worst[1] = fmax(worst[1], fabs(apart - 20));
            }
            last = end;
            memcpy(at, got, sizeof at);
        }
    }
    total_m[1] += behind;
    CHECK(n < 2 || (count + 1 == taken_count && behind - 20 * (double)count <= 1e-3 &&
                    taken[count][0] == xy[2 * n - 2] && taken[count][1] == xy[2 * n - 1]));
}

TEST(lines_of_real_roads) {
    static const char *const files[][2] = {{"../shared/data/osm/liechtenstein.osm.pbf", "lines"},
                                           {"../shared/data/osm/andorra.osm.pbf", "lines"},
                                           {"../shared/data/shp/stockholm/edges.shp", "edges"}};
    struct geod_geodesic earth;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (access(files[i][0], R_OK)) SKIP("no ../shared/data");
        double worst[3] = {0}, total_m[2] = {0}, *xy = NULL;
        GDALDatasetH file = GDALOpenEx(files[i][0], GDAL_OF_VECTOR, NULL, NULL, NULL);
        REQUIRE(file);
        OGRLayerH layer = GDALDatasetGetLayerByName(file, files[i][1]);
        size_t lines = 0;
        for (OGRFeatureH f; (f = OGR_L_GetNextFeature(layer)); OGR_F_Destroy(f)) {
            OGRGeometryH line = OGR_F_GetGeometryRef(f);
            if (!line || OGR_GT_Flatten(OGR_G_GetGeometryType(line)) != wkbLineString) continue;
            int n = OGR_G_GetPointCount(line);
            double *more = realloc(xy, 2 * (size_t)n * sizeof *xy);
            if (!more) break;
            xy = more;
            OGR_G_GetPoints(line, xy, 2 * sizeof *xy, xy + 1, 2 * sizeof *xy, NULL, 0);
            compare_line(&earth, xy, (size_t)n, worst, total_m);
            lines++;
        }
        CHECK(lines > 1000 && total_m[1] > 1e5);
        CHECK_NEAR(total_m[0] / total_m[1], 1, 1e-9);
        CHECK_NEAR(worst[0], 0, 1e-6);
        CHECK_NEAR(worst[1], 0, 1e-6);
        CHECK_NEAR(worst[2], 0, 1e-4);
        free(xy);
        GDALClose(file);
    }
}

TEST(line_ends) {
    double twice[] = {9.5, 47.1, 9.5, 47.1, 9.501, 47.1, 9.501, 47.1, 9.501, 47.1};
    REQUIRE(gallery_sample_compact(twice, 5) == 2);
    double length = gallery_distance_m(9.5, 47.1, 9.501, 47.1, NULL);
    CHECK(sample_line(twice, 2, length / 4) == 5); /* a whole number of steps: the end once */
    CHECK(sample_line(twice, 2, length + 5) == 2);
    CHECK(sample_line(twice, 2, length - 0.0005) == 2);
    CHECK(sample_line(twice, 2, length - 0.01) == 3);
    CHECK(sample_line(twice, 1, 10) == 0);
    CHECK(sample_line(twice, 0, 10) == 0);
    double length_m = 0;
    taken_count = 0, stop_at = MOST + 1;
    CHECK(gallery_sample_line(twice, 2, 30, take, NULL, &length_m) == GALLERY_OK);
    CHECK_NEAR(length_m, length, 1e-8);
    taken_count = 0, stop_at = 3;
    CHECK(gallery_sample_line(twice, 2, 1, take, NULL, NULL) == GALLERY_END && taken_count == 3);
}

/* ----------------------------------------------------------------------- areas */

static OGRGeometryH polygon_of(const double *xy, const size_t *ends, size_t rings) {
    OGRGeometryH polygon = OGR_G_CreateGeometry(wkbPolygon);
    for (size_t i = 0, from = 0; i < rings; from = ends[i++]) {
        OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
        for (size_t k = from; k < ends[i]; k++) OGR_G_AddPoint_2D(ring, xy[2 * k], xy[2 * k + 1]);
        OGR_G_CloseRings(ring);
        OGR_G_AddGeometryDirectly(polygon, ring);
    }
    return polygon;
}

static void check_inside(const double *xy, const size_t *ends, size_t rings) {
    OGRGeometryH polygon = polygon_of(xy, ends, rings);
    OGRPreparedGeometryH prepared = OGRCreatePreparedGeometry(polygon);
    OGRGeometryH point = OGR_G_CreateGeometry(wkbPoint);
    size_t outside = 0;
    for (size_t i = 0; i < taken_count; i++) {
        OGR_G_SetPoint_2D(point, 0, taken[i][0], taken[i][1]);
        outside += !OGRPreparedGeometryIntersects(prepared, point);
    }
    CHECK(outside == 0);
    OGR_G_DestroyGeometry(point);
    OGRDestroyPreparedGeometry(prepared);
    OGR_G_DestroyGeometry(polygon);
}

/* `geod -a`'s area by quadrature: between two meridians, m2. */
static double zone_m2(double west, double east, double south, double north) {
    const int n = 4000;
    const double rad = acos(-1) / 180,
                 e2 = GALLERY_WGS84_FLATTENING * (2 - GALLERY_WGS84_FLATTENING);
    double sum = 0, step = (north - south) / n * rad;
    for (int i = 0; i < n; i++) {
        double s = sin((south + (north - south) * (i + 0.5) / n) * rad);
        double w = 1 - e2 * s * s;
        sum += cos(asin(s)) * (1 - e2) / (w * w) * step; /* N cos(lat) M / a2 */
    }
    return sum * (east - west) * rad * GALLERY_WGS84_AXIS_M * GALLERY_WGS84_AXIS_M;
}

TEST(area_has_one_point_per_square) {
    static const double boxes[][4] = {{10.01, 10.43, -0.2, 0.21},
                                      {9.1, 9.7, 46.8, 47.2},
                                      {25.0, 26.1, 69.8, 70.2},
                                      {-71, -70.6, -33.4, -33.1},
                                      {179.6, 180, 10, 10.4}};
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        const double *b = boxes[i];
        const double xy[] = {b[0], b[2], b[1], b[2], b[1], b[3], b[0], b[3], b[0], b[2]};
        const size_t end = 5;
        size_t n = sample_area(xy, &end, 1, 100);
        double expected = zone_m2(b[0], b[1], b[2], b[3]) / 1e4;
        CHECK_NEAR((double)n / expected, 1, 0.005);
        check_inside(xy, &end, 1);
    }
}

/* Rows are 100 m apart along the meridian. A row's points divide the Earth evenly, so many to each
 * of 256 zones as makes the step nearest to 100 m. */
TEST(area_is_metric) {
    const double xy[] = {9.1, 47, 9.3, 47, 9.3, 47.2, 9.1, 47.2};
    const size_t end = 4;
    size_t n = sample_area(xy, &end, 1, 100), rows = 1, begin = 0;
    REQUIRE(n > 1000);
    for (size_t i = 1; i < n; i++) {
        if (taken[i][1] == taken[i - 1][1]) {
            CHECK_NEAR(between(i - 1, i), 100, 50.0 / (40e4 * cos(0.824) / 256) + 0.012);
        } else {
            CHECK_NEAR(gallery_distance_m(0, taken[i - 1][1], 0, taken[i][1], NULL), 100, 0.012);
            double around = (double)(i - 1 - begin) * 360 / (taken[i - 1][0] - taken[begin][0]);
            CHECK_NEAR(around / 256, round(around / 256), 1e-3);
            begin = i;
            rows++;
        }
        double from_equator = gallery_distance_m(0, 0, 0, taken[i][1], NULL) / 100;
        CHECK_NEAR(from_equator, round(from_equator), 1e-4);
    }
    CHECK(rows == 222 || rows == 223); /* 22,236 m */
}

/* A town with a hole, cut in two by a ragged line: the halves share no point and miss none. */
TEST(area_of_neighbours_meets) {
    enum { CUT = 60 };
    double west[2 * (CUT + 4)], east[2 * (CUT + 4)];
    size_t n = 0;
    for (int i = 0; i <= CUT; i++, n++) {
        west[2 * n] = 9.5 + 0.02 * sin(i * 2.1);
        west[2 * n + 1] = 47 + 0.1 * i / CUT;
    }
    memcpy(east, west, 2 * n * sizeof *east);
    const double left[] = {9.4, 47.1, 9.4, 47}, right[] = {9.6, 47.1, 9.6, 47};
    memcpy(west + 2 * n, left, sizeof left);
    memcpy(east + 2 * n, right, sizeof right);
    n += 2;
    const double both[] = {9.4, 47, 9.6, 47, 9.6, 47.1, 9.4, 47.1};
    const size_t four = 4;
    gallery_seen seen = {0};
    bool before;
    size_t repeated = 0, whole = sample_area(both, &four, 1, 50), parts = 0;
    for (int side = 0; side < 2; side++) {
        parts += sample_area(side ? east : west, &n, 1, 50);
        check_inside(side ? east : west, &n, 1);
        for (size_t i = 0; i < taken_count; i++) {
            CHECK(gallery_seen_add(&seen, gallery_point_id(taken[i][0], taken[i][1]), &before));
            repeated += before;
        }
    }
    CHECK(parts == whole && repeated == 0 && whole > 60000);
    sample_area(both, &four, 1, 50);
    for (size_t i = 0; i < taken_count; i++) {
        CHECK(gallery_seen_add(&seen, gallery_point_id(taken[i][0], taken[i][1]), &before));
        CHECK(before);
    }
    gallery_seen_free(&seen);
}

/* Greenwich and the equator are a column and a row of the grid: their points lie on the edges. */
TEST(area_of_neighbours_on_the_grid) {
    const double whole[] = {-0.01, -0.01, 0.01, -0.01, 0.01, 0.01, -0.01, 0.01};
    const size_t end = 4;
    size_t parts = 0, all = sample_area(whole, &end, 1, 100);
    for (int i = 0; i < 4; i++) {
        double x = i & 1 ? 0 : -0.01, y = i & 2 ? 0 : -0.01;
        const double part[] = {x, y, x + 0.01, y, x + 0.01, y + 0.01, x, y + 0.01};
        parts += sample_area(part, &end, 1, 100);
    }
    CHECK(all == 529); /* (2 * 11 + 1)^2: 0.01 degrees are 1113 m, or 1106 m along the meridian */
    CHECK(parts == all);
}

TEST(area_leaves_holes_out) {
    const double xy[] = {9,    47,    9.2,  47,    9.2,  47.2,  9,    47.2,  9,    47,
                         9.05, 47.05, 9.15, 47.05, 9.15, 47.15, 9.05, 47.15, 9.05, 47.05};
    const size_t ends[] = {5, 10};
    size_t outer = sample_area(xy, ends, 1, 100), hole = 5;
    size_t inner = sample_area(xy + 10, &hole, 1, 100);
    size_t ring = sample_area(xy, ends, 2, 100);
    CHECK(inner > 8000 && ring == outer - inner);
    check_inside(xy, ends, 2);
}

TEST(area_over_the_antimeridian_and_at_the_pole) {
    const double over[] = {179.9, 10, 180.1, 10, 180.1, 10.1, 179.9, 10.1};
    const double west[] = {179.9, 10, 180, 10, 180, 10.1, 179.9, 10.1};
    const double east[] = {-180, 10, -179.9, 10, -179.9, 10.1, -180, 10.1};
    const double far[] = {-180.1, 10, -179.9, 10, -179.9, 10.1, -180.1, 10.1};
    const double pole[] = {-180, 89.99, 180, 89.99, 180, 90, -180, 90};
    const size_t end = 4;
    size_t n = sample_area(over, &end, 1, 100);
    for (size_t i = 0; i < n; i++) CHECK(taken[i][0] >= 179.9 || taken[i][0] < -179.9);
    CHECK(n == sample_area(west, &end, 1, 100) + sample_area(east, &end, 1, 100));
    CHECK(n == sample_area(far, &end, 1, 100));
    double expected = zone_m2(-180, 180, 89.99, 90) / 1e4;                   /* 392 */
    CHECK_NEAR((double)sample_area(pole, &end, 1, 100) / expected, 1, 0.05); /* few, so coarse */
}

TEST(area_of_nothing) {
    const double flat[] = {9, 47, 9.1, 47, 9.2, 47, 9, 47}, tiny[] = {0, 0, 1, 1e-320, 2, 0};
    const double two[] = {9, 47, 9.1, 47.1};
    const size_t ends[] = {4, 3, 2, 0};
    CHECK(sample_area(flat, &ends[0], 1, 10) == 0);
    CHECK(sample_area(two, &ends[2], 1, 10) == 0);
    CHECK(sample_area(two, &ends[3], 1, 10) == 0);
    CHECK(sample_area(two, NULL, 0, 10) == 0);
    for (size_t i = 0, n = sample_area(tiny, &ends[1], 1, 100); i < n; i++)
        CHECK(taken[i][0] >= 0 && taken[i][0] < 2 && taken[i][1] == 0);
}

/* ------------------------------------------------------------------------ seen */

TEST(seen_remembers) {
    gallery_seen set = {0};
    bool seen;
    for (uint64_t id = 0; id < 100000; id++) CHECK(gallery_seen_add(&set, id * id, &seen) && !seen);
    for (uint64_t id = 0; id < 100000; id++) CHECK(gallery_seen_add(&set, id * id, &seen) && seen);
    CHECK(gallery_seen_add(&set, 3, &seen) && !seen);
    gallery_seen_free(&set);
}

TEST(seen_is_bounded) {
    gallery_seen set = {.most = 5000};
    bool seen;
    size_t slots = 0;
    for (uint64_t id = 1; id < 200000; id++) {
        CHECK(gallery_seen_add(&set, id, &seen) && !seen);
        CHECK(gallery_seen_add(&set, id, &seen) && seen);
        slots = set.mask + 1;
    }
    CHECK(slots == 8192);
    gallery_seen_free(&set);
}

int main(void) {
    taken = calloc(MOST, sizeof *taken);
    if (!taken) return 1;
    GDALAllRegister();
    RUN(line_is_geods);
    RUN(line_keeps_its_spacing);
    RUN(line_carries_over_vertices);
    RUN(line_agrees_with_geod);
    RUN(lines_of_real_roads);
    RUN(line_ends);
    RUN(area_has_one_point_per_square);
    RUN(area_is_metric);
    RUN(area_of_neighbours_meets);
    RUN(area_of_neighbours_on_the_grid);
    RUN(area_leaves_holes_out);
    RUN(area_over_the_antimeridian_and_at_the_pole);
    RUN(area_of_nothing);
    RUN(seen_remembers);
    RUN(seen_is_bounded);
    free(taken);
    return test_finish();
}
