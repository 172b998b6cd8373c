/* Areas on the globe: poles, the antimeridian, hexagons, buffers and countries, against GEOS, areas
 * from PROJ and formulas, and distances. */
#include "test.h"
#include "libgallery/area.h"
#include "libgallery/geodesy.h"
#include "libgallery/grid.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#define MOST 1000000
#define COUNTRIES "../shared/data/regions/countries.geojson"

static double (*taken)[2];
static size_t taken_count;
static gallery_context *ctx;

static int take(void *user, double lon, double lat, double azimuth) {
    (void)user;
    CHECK(azimuth == 0 && lon >= -180 && lon < 180 && fabs(lat) <= 90);
    if (taken_count == MOST) return GALLERY_END;
    taken[taken_count][0] = lon;
    taken[taken_count++][1] = lat;
    return GALLERY_OK;
}

static size_t sample(const double *xy, const size_t *ends, size_t rings, gallery_area_setup setup) {
    taken_count = 0;
    CHECK(gallery_sample_area(ctx, xy, ends, rings, &setup, take, NULL) == GALLERY_OK);
    return taken_count;
}

static size_t sample_ring(const double *xy, size_t n, double spacing_m) {
    return sample(xy, &n, 1, (gallery_area_setup){.spacing_m = spacing_m});
}

/* A ring that was drawn in a plane. */
static size_t sample_drawn(const double *xy, size_t n, double spacing_m) {
    double ring[2 * 64];
    if (n > 64) return 0;
    memcpy(ring, xy, 2 * n * sizeof *xy);
    CHECK(!gallery_area_unwrap(ring, &n, 1));
    return sample(ring, &n, 1, (gallery_area_setup){.spacing_m = spacing_m, .projected = true});
}

/* Area between two parallels, m2: the authalic latitude's formula (Snyder 3-12). */
static double zone_m2(double span, double south, double north) {
    const double f = GALLERY_WGS84_FLATTENING, e = sqrt(f * (2 - f)), b = 1 - e * e;
    const double rad = acos(-1) / 180, a = GALLERY_WGS84_AXIS_M;
    double q[2], lat[2] = {south, north};
    for (int i = 0; i < 2; i++) {
        double s = sin(lat[i] * rad);
        q[i] = b * (s / (1 - e * e * s * s) + atanh(e * s) / e);
    }
    return a * a / 2 * span * rad * (q[1] - q[0]);
}

/* ------------------------------------------------------- across the antimeridian */

typedef size_t sample_fn(const double *xy, size_t n, double spacing_m);

static void check_same(sample_fn *sample_a, const double *a, size_t na, sample_fn *sample_b,
                       const double *b, size_t nb, double spacing_m) {
    size_t n = sample_a(a, na, spacing_m);
    double(*first)[2] = malloc((n + 1) * sizeof *first);
    REQUIRE(first && n > 1000 && n < MOST);
    memcpy(first, taken, n * sizeof *first);
    CHECK(sample_b(b, nb, spacing_m) == n);
    CHECK(!memcmp(first, taken, n * sizeof *first));
    free(first);
}

/* The same ground, written in the ways that people write it. */
TEST(antimeridian_in_every_notation) {
    const double beyond[] = {178, -18, 183, -18, 184, -15, 178, -15};
    const double minus[] = {-182, -18, -177, -18, -176, -15, -182, -15};
    const double backward[] = {178, -15, 184, -15, 183, -18, 178, -18};
    const double jump[] = {178, -18, -177, -18, -176, -15, 178, -15};
    const double touching[] = {178, -18,  180, -18, -180, -18, -177,
                               -18, -176, -15, 180, -15,  178, -15};
    const double started[] = {180, -18, -177, -18, -176, -15, 178, -15, 178, -18};
    const double started_west[] = {-180, -15, 178, -15, 178, -18, -177, -18, -176, -15};
    const double twice[] = {178,  -18, 180,  -18, -180, -18, -177, -18,
                            -176, -15, -180, -15, 180,  -15, 178,  -15};
    check_same(sample_ring, beyond, 4, sample_ring, minus, 4, 2000);
    check_same(sample_ring, beyond, 4, sample_ring, backward, 4, 2000);
    check_same(sample_ring, beyond, 4, sample_drawn, jump, 4, 2000);
    check_same(sample_ring, beyond, 4, sample_drawn, minus, 4, 2000);
    check_same(sample_ring, beyond, 4, sample_drawn, touching, 7, 2000);
    check_same(sample_ring, beyond, 4, sample_drawn, started, 5, 2000);
    check_same(sample_ring, beyond, 4, sample_drawn, started_west, 5, 2000);
    check_same(sample_ring, beyond, 4, sample_drawn, twice, 8, 2000);
    for (size_t i = 0; i < taken_count; i++) CHECK(taken[i][0] >= 178 || taken[i][0] < -176);
    double m2 = 0; /* the eastern edge is a degree farther in the north */
    for (int i = 0; i < 300; i++)
        m2 += zone_m2(5 + (i + 0.5) / 300, -18 + i * 0.01, -17.99 + i * 0.01);
    CHECK_NEAR((double)taken_count / (m2 / 4e6), 1, 0.005);
}

/* As GeoJSON has it: an edge that jumps in longitude goes the long way. */
TEST(antimeridian_the_long_way) {
    const double jump[] = {178, -18, -177, -18, -177, -15, 178, -15};
    const double west[] = {-177, -18, 0, -18, 0, -15, -177, -15};
    const double east[] = {0, -18, 178, -18, 178, -15, 0, -15};
    size_t parts = sample_ring(west, 4, 1e4) + sample_ring(east, 4, 1e4);
    CHECK(parts > 100000 && sample_ring(jump, 4, 1e4) == parts);
    for (size_t i = 0; i < taken_count; i++) CHECK(taken[i][0] >= -177 && taken[i][0] < 178);
}

TEST(antimeridian_with_a_hole) {
    const double rings[] = {178, -18, 183, -18, 183, -15, 178, -15,
                            179, -17, 181, -17, 181, -16, 179, -16};
    const size_t ends[] = {4, 8};
    size_t whole = sample_ring(rings, 4, 2000), hole = sample_ring(rings + 8, 4, 2000);
    CHECK(hole > 5000 &&
          sample(rings, ends, 2, (gallery_area_setup){.spacing_m = 2000}) == whole - hole);
}

TEST(antimeridian_is_a_corner) { /* polygons that only touch it do not cross it */
    const double west[] = {179, 0, 180, 0, 180, 1, 179, 1};
    const double east[] = {-180, 0, -179, 0, -179, 1, -180, 1};
    const double saw[] = {179, 0, 180, 0.2, 179.5, 0.4, 180, 0.6, 179.5, 0.8, 180, 1, 179, 1};
    size_t n = sample_ring(west, 4, 200);
    CHECK_NEAR((double)n * 4e4 / zone_m2(1, 0, 1), 1, 0.005);
    for (size_t i = 0; i < n; i++) CHECK(taken[i][0] >= 179);
    n = sample_ring(east, 4, 200);
    CHECK_NEAR((double)n * 4e4 / zone_m2(1, 0, 1), 1, 0.005);
    for (size_t i = 0; i < n; i++) CHECK(taken[i][0] < -179);
    n = sample_ring(saw, 7, 500);
    CHECK_NEAR((double)n * 25e4 / zone_m2(0.7, 0, 1), 1, 0.01);
    for (size_t i = 0; i < n; i++) CHECK(taken[i][0] >= 179);
}

/* ------------------------------------------------------------------------ poles */

/* A cap: as the ring that a survey has, in both directions, as degrees have it with its edge along
 * the pole, and wider than usual. */
TEST(pole_in_every_notation) {
    double ring[2 * 24], back[2 * 24], plane[2 * 30];
    for (int i = 0; i < 24; i++) {
        ring[2 * i] = -172 + 15 * i;
        ring[2 * i + 1] = -70;
        back[2 * (23 - i)] = ring[2 * i];
        back[2 * (23 - i) + 1] = -70;
    }
    size_t n = 0;
    plane[2 * n] = -180, plane[2 * n++ + 1] = -90;
    plane[2 * n] = 180, plane[2 * n++ + 1] = -90;
    plane[2 * n] = 180, plane[2 * n++ + 1] = -70;
    for (int i = 23; i >= 0; i--) plane[2 * n] = ring[2 * i], plane[2 * n++ + 1] = -70;
    plane[2 * n] = -180, plane[2 * n++ + 1] = -70;
    const double box[] = {-180, -90, 180, -90, 180, -70, -180, -70};
    const double walked[] = {-180, -70, 180, -70, 180, -90, 90, -90, 0, -90, -90, -90, -180, -90};
    const double wide[] = {0, -90, 360, -90, 360, -70, 0, -70};
    CHECK_NEAR((double)sample_drawn(ring, 24, 5e4) * 25e8 / zone_m2(360, -90, -70), 1, 0.01);
    check_same(sample_drawn, ring, 24, sample_drawn, back, 24, 5e4);
    check_same(sample_drawn, ring, 24, sample_ring, plane, n, 5e4);
    check_same(sample_drawn, ring, 24, sample_ring, box, 4, 5e4);
    check_same(sample_drawn, ring, 24, sample_ring, walked, 7, 5e4);
    check_same(sample_drawn, ring, 24, sample_ring, wide, 4, 5e4);
    for (size_t i = 0; i < taken_count; i++) CHECK(taken[i][1] < -70);
}

TEST(pole_of_the_north_and_the_world) {
    const double cap[] = {0, 80, 120, 80, -120, 80};
    const double world[] = {-180, -90, 180, -90, 180, 90, -180, 90};
    const double wedge[] = {0, 80, 100, 80, 200, 80, 200, 90, 0, 90};
    CHECK_NEAR((double)sample_drawn(cap, 3, 1e4) * 1e8 / zone_m2(360, 80, 90), 1, 0.005);
    for (size_t i = 0; i < taken_count; i++) CHECK(taken[i][1] >= 80);
    CHECK_NEAR((double)sample_ring(world, 4, 1e5) * 1e10 / zone_m2(360, -90, 90), 1, 0.005);
    CHECK_NEAR((double)sample_ring(wedge, 5, 1e4) * 1e8 / zone_m2(200, 80, 90), 1, 0.005);
}

TEST(pole_with_a_hole_round_it) {
    double rings[] = {0, 60, 120, 60, -120, 60, 0, 75, 120, 75, -120, 75};
    const size_t ends[] = {3, 6};
    CHECK(!gallery_area_unwrap(rings, ends, 2));
    size_t n = sample(rings, ends, 2, (gallery_area_setup){.spacing_m = 1e4, .projected = true});
    CHECK_NEAR((double)n * 1e8 / zone_m2(360, 60, 75), 1, 0.005);
    for (size_t i = 0; i < n; i++) CHECK(taken[i][1] >= 60 && taken[i][1] <= 75);
}

/* ----------------------------------------------------------------------- grids */

/* Six neighbours at 1.0746 M, all points but those at the edge: away from where the number of
 * points in a row changes, which is half way between the zones' ends, here 8.4375 and 11.25. */
TEST(hexagons_have_six_neighbours) {
    const double box[] = {11.15, 46.9, 11.35, 46.9, 11.35, 47.1, 11.15, 47.1};
    const size_t end = 4;
    size_t n = sample(box, &end, 1, (gallery_area_setup){.spacing_m = 500, .hex = true}), inner = 0;
    const double side = 500 * sqrt(2 / sqrt(3));
    REQUIRE(n > 1000);
    for (size_t i = 0; i < n; i++) {
        if (fabs(taken[i][0] - 11.25) > 0.08 || fabs(taken[i][1] - 47) > 0.08) continue;
        int neighbours = 0;
        for (size_t k = 0; k < n; k++) {
            if (k == i || fabs(taken[k][1] - taken[i][1]) > 0.02) continue;
            double m = gallery_distance_m(taken[i][0], taken[i][1], taken[k][0], taken[k][1], NULL);
            if (m > 1.4 * side) continue;
            CHECK_NEAR(m / side, 1, 0.02);
            neighbours++;
        }
        CHECK(neighbours == 6);
        inner++;
    }
    CHECK(inner > 500);
}

/* No two points of squares are closer than M, nowhere, but for the rounding of the step. */
TEST(squares_keep_apart) {
    const double box[] = {-3, 59.5, 3, 59.5, 3, 60, -3, 60}; /* more than two zones */
    size_t n = sample_ring(box, 4, 2000), row = 0, below = 0;
    REQUIRE(n > 4000);
    double least = HUGE_VAL, most = 0;
    for (size_t i = 1; i < n; i++) {
        if (taken[i][1] != taken[i - 1][1]) below = row, row = i;
        if (row == 0) continue;
        double nearest = HUGE_VAL;
        for (size_t k = below; k < row; k++)
            nearest = fmin(nearest, gallery_distance_m(taken[i][0], taken[i][1], taken[k][0],
                                                       taken[k][1], NULL));
        least = fmin(least, nearest);
        if (fabs(taken[i][0]) < 2.9) most = fmax(most, nearest);
    }
    CHECK(least > 2000 * 0.998 && most < 2000 * 1.13); /* half a step aside: sqrt(1.25) */
}

TEST(grids_have_one_point_per_square) {
    static const double boxes[][4] = {{10.01, 10.43, -0.2, 0.21}, /* at the equator */
                                      {9.1, 9.7, 46.8, 47.2},
                                      {25.0, 26.1, 69.8, 70.2},
                                      {-70.3, -69.8, -33.7, -33.3}};
    static const double spacings[] = {100, 150};
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        for (int k = 0; k < 4; k++) {
            const double *b = boxes[i];
            const double xy[] = {b[0], b[2], b[1], b[2], b[1], b[3], b[0], b[3]};
            const size_t end = 4;
            gallery_area_setup setup = {.spacing_m = spacings[k / 2], .hex = k % 2};
            size_t n = sample(xy, &end, 1, setup);
            double expected = zone_m2(b[1] - b[0], b[2], b[3]) / setup.spacing_m / setup.spacing_m;
            CHECK_NEAR((double)n / expected, 1, 0.005);
        }
}

/* ---------------------------------------------------------------------- buffers */

static double distance_to_edge(const double *a, const double *b, double t, double lon, double lat) {
    return gallery_distance_m(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, lon, lat, NULL);
}

/* Distance to the ring's edges, which are straight in longitude and latitude: the nearest of a few
 * places of an edge, and what is nearest around that. */
static double distance_to_ring(const double *xy, size_t n, double lon, double lat) {
    enum { PLACES = 8 };
    double least = HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        const double *a = xy + 2 * i, *b = xy + 2 * ((i + 1) % n);
        double best = 0, at_best = HUGE_VAL;
        for (int k = 0; k <= PLACES; k++) {
            double d = distance_to_edge(a, b, (double)k / PLACES, lon, lat);
            if (d < at_best) at_best = d, best = (double)k / PLACES;
        }
        double low = fmax(best - 1.0 / PLACES, 0), high = fmin(best + 1.0 / PLACES, 1);
        for (int k = 0; k < 25; k++) {
            double third = (high - low) / 3;
            if (distance_to_edge(a, b, low + third, lon, lat) <
                distance_to_edge(a, b, high - third, lon, lat))
                high -= third;
            else
                low += third;
        }
        least = fmin(least, distance_to_edge(a, b, low, lon, lat));
    }
    return least;
}

static bool is_taken(double lon, double lat) {
    for (size_t i = 0; i < taken_count; i++)
        if (taken[i][0] == lon && taken[i][1] == lat) return true;
    return false;
}

/* part: of the buffer's width, by which it may be wrong. */
static void check_buffer(const double *xy, size_t n, double spacing_m, double buffer_m,
                         double part) {
    gallery_area_setup setup = {.spacing_m = spacing_m, .buffer_m = buffer_m};
    const size_t end = n;
    size_t inside = sample_ring(xy, n, spacing_m), wrong = 0;
    double(*core)[2] = malloc((inside + 1) * sizeof *core);
    REQUIRE(core);
    memcpy(core, taken, inside * sizeof *core);
    size_t count = sample(xy, &end, 1, setup);
    REQUIRE(count > inside + 50 && count < 20000);
    for (size_t i = 0; i < inside; i++) wrong += !is_taken(core[i][0], core[i][1]);
    CHECK(wrong == 0);
    /* nothing farther than the buffer */
    double slack = buffer_m * part + 0.01; /* coordinates are rounded */
    size_t k = 0;
    for (size_t i = 0; i < count; i++) {
        if (k < inside && taken[i][0] == core[k][0] && taken[i][1] == core[k][1]) {
            k++;
            continue;
        }
        CHECK(distance_to_ring(xy, n, taken[i][0], taken[i][1]) <= buffer_m + slack);
    }
    free(core);
    /* and everything that is nearer: a wider buffer has no more of it */
    double(*narrow)[2] = malloc(count * sizeof *narrow);
    REQUIRE(narrow);
    memcpy(narrow, taken, count * sizeof *narrow);
    setup.buffer_m = 1.5 * buffer_m;
    size_t wide = sample(xy, &end, 1, setup);
    CHECK(wide > count);
    for (size_t i = 0; i < wide; i++) {
        bool there = false;
        for (size_t j = 0; j < count && !there; j++)
            there = narrow[j][0] == taken[i][0] && narrow[j][1] == taken[i][1];
        if (!there) CHECK(distance_to_ring(xy, n, taken[i][0], taken[i][1]) >= buffer_m - slack);
    }
    free(narrow);
}

TEST(buffers_are_metric) {
    const double town[] = {9.5, 47.1, 9.52, 47.101, 9.515, 47.11, 9.508, 47.104, 9.5, 47.108};
    const double north[] = {25, 70, 25.1, 70.01, 25.05, 70.03};
    const double level[] = {-50, 63, -48, 63, -48, 63.01, -50, 63.01};
    const double over[] = {179.99, -17, 180.01, -17.005, 180.005, -16.98};
    const double polar[] = {10, 89.95, 100, 89.96, 170, 89.97, 240, 89.95, 320, 89.96};
    check_buffer(town, 5, 60, 300, 1e-4);
    check_buffer(town, 5, 400, 5000, 1e-4);
    check_buffer(town, 5, 7000, 100000, 1e-4);
    check_buffer(town, 5, 70000, 1000000, 1e-3);
    check_buffer(north, 3, 150, 1000, 1e-4);
    check_buffer(north, 3, 7000, 100000, 1e-4);
    check_buffer(level, 4, 2500, 20000, 1e-4);
    check_buffer(over, 3, 150, 1000, 1e-4);
    check_buffer(polar, 5, 500, 2000, 1e-4);
}

/* -------------------------------------------------------------------- countries */

static int take_point(void *user, const gallery_point *point) {
    (void)user;
    return take(NULL, point->lon_deg, point->lat_deg, 0);
}

static size_t sample_source(const char *path, const char *where, gallery_grid_setup setup) {
    gallery_grid *grid;
    setup.mode = GALLERY_GRID_AREA;
    setup.where = where;
    setup.take = take_point;
    taken_count = 0;
    if (gallery_grid_open(ctx, &setup, &grid)) return 0;
    CHECK(gallery_grid_read(grid, path, NULL) == GALLERY_OK);
    gallery_grid_close(grid);
    return taken_count;
}

static OGRGeometryH transformed(OGRGeometryH geometry, const char *from, const char *to) {
    OGRSpatialReferenceH srs[2] = {OSRNewSpatialReference(NULL), OSRNewSpatialReference(NULL)};
    for (int i = 0; i < 2; i++) {
        CHECK(OSRSetFromUserInput(srs[i], i ? to : from) == OGRERR_NONE);
        OSRSetAxisMappingStrategy(srs[i], OAMS_TRADITIONAL_GIS_ORDER);
    }
    OGRCoordinateTransformationH way = OCTNewCoordinateTransformation(srs[0], srs[1]);
    OGRGeometryH out = OGR_G_Clone(geometry);
    CHECK(way && OGR_G_Transform(out, way) == OGRERR_NONE);
    OCTDestroyCoordinateTransformation(way);
    OSRRelease(srs[0]);
    OSRRelease(srs[1]);
    return out;
}

/* On the ellipsoid, by PROJ's cylinder of equal areas, in which edges that are straight in degrees
 * are nearly so once they are short. */
static double area_m2(OGRGeometryH geometry) {
    OGRGeometryH dense = OGR_G_Clone(geometry);
    OGR_G_Segmentize(dense, 0.05);
    OGRGeometryH flat = transformed(dense, "EPSG:4326", "+proj=cea +datum=WGS84");
    double m2 = OGR_G_Area(flat);
    OGR_G_DestroyGeometry(flat);
    OGR_G_DestroyGeometry(dense);
    return m2;
}

static size_t count_outside(OGRGeometryH geometry) {
    OGRPreparedGeometryH prepared = OGRCreatePreparedGeometry(geometry);
    OGRGeometryH point = OGR_G_CreateGeometry(wkbPoint);
    size_t outside = 0;
    for (size_t i = 0; i < taken_count; i++) {
        OGR_G_SetPoint_2D(point, 0, taken[i][0], taken[i][1]);
        outside += !OGRPreparedGeometryIntersects(prepared, point);
    }
    OGR_G_DestroyGeometry(point);
    OGRDestroyPreparedGeometry(prepared);
    return outside;
}

/* No point outside of what GEOS takes for the country, and one for a square. */
static void check_country(OGRLayerH layer, const char *id, double spacing_m) {
    char where[32];
    snprintf(where, sizeof where, "id = '%s'", id);
    OGR_L_SetAttributeFilter(layer, where);
    OGRFeatureH feature = OGR_L_GetNextFeature(layer);
    REQUIRE(feature);
    OGRGeometryH geometry = OGR_F_GetGeometryRef(feature);
    double expected = area_m2(geometry) / spacing_m / spacing_m;
    for (int hex = 0; hex < 2; hex++) {
        gallery_grid_setup setup = {.spacing_m = spacing_m, .hex = hex};
        size_t n = sample_source(COUNTRIES, where, setup);
        CHECK(n > 10000 && n < MOST && count_outside(geometry) == 0);
        CHECK_NEAR((double)n / expected, 1, 0.005);
        for (size_t i = 0; i < n; i++) { /* its axes swapped, it would lie outside */
            double lon = taken[i][0];
            taken[i][0] = taken[i][1];
            taken[i][1] = lon;
        }
        CHECK(count_outside(geometry) > n / 2); /* some of Russia's are in Russia */
    }
    OGR_F_Destroy(feature);
}

TEST(countries_have_one_point_per_square) {
    if (!test_have(COUNTRIES)) SKIP("no ../shared");
    GDALDatasetH dataset = GDALOpenEx(COUNTRIES, GDAL_OF_VECTOR, NULL, NULL, NULL);
    REQUIRE(dataset);
    OGRLayerH layer = GDALDatasetGetLayer(dataset, 0);
    check_country(layer, "LI", 100);
    check_country(layer, "FJ", 7000);
    check_country(layer, "RU", 25000);
    GDALClose(dataset);
}

static void put_file(const char *path, const char *text) {
    VSILFILE *file = VSIFOpenL(path, "wb");
    REQUIRE(file);
    CHECK(VSIFWriteL(text, 1, strlen(text), file) == strlen(text));
    VSIFCloseL(file);
}

/* Capes and bays of Antarctica: cut at 180 and led along the pole, as degrees need it, and in polar
 * stereographic metres, where it is one ring about the pole. */
TEST(antarctica_holds_its_pole) {
    static const double coast[][2] = {{180, -84.4},  {160, -79},    {170, -71.5},  {140, -66.8},
                                      {110, -66.3},  {88, -66.7},   {75, -69.9},   {55, -66},
                                      {30, -69.5},   {0, -70},      {-20, -73.5},  {-40, -78},
                                      {-62, -75},    {-58, -63.4},  {-68, -68},    {-85, -73},
                                      {-110, -74.5}, {-145, -75.5}, {-158, -78.5}, {-180, -84.4}};
    const size_t n = sizeof coast / sizeof *coast;
    OGRGeometryH polygon = OGR_G_CreateGeometry(wkbPolygon);
    OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
    OGR_G_AddPoint_2D(ring, -180, -90);
    OGR_G_AddPoint_2D(ring, 180, -90);
    for (size_t i = 0; i < n; i++) OGR_G_AddPoint_2D(ring, coast[i][0], coast[i][1]);
    OGR_G_CloseRings(ring);
    OGR_G_AddGeometryDirectly(polygon, ring);
    char *json = OGR_G_ExportToJson(polygon);
    put_file("/vsimem/degrees.geojson", json);
    double expected = area_m2(polygon) / 1e8;
    size_t in_degrees =
        sample_source("/vsimem/degrees.geojson", NULL, (gallery_grid_setup){.spacing_m = 1e4});
    CHECK(expected > 120000); /* 12.5 million square kilometres, about */
    CHECK_NEAR((double)in_degrees / expected, 1, 0.005);
    CHECK(count_outside(polygon) == 0);
    OGRGeometryH shore = OGR_G_CreateGeometry(wkbPolygon);
    ring = OGR_G_CreateGeometry(wkbLinearRing);
    for (size_t i = 0; i < n; i++) OGR_G_AddPoint_2D(ring, coast[i][0], coast[i][1]);
    OGR_G_AddGeometryDirectly(shore, ring);
    OGR_G_Segmentize(shore, 0.05); /* so that edges are the same in both */
    OGRGeometryH metres = transformed(shore, "EPSG:4326", "EPSG:3031");
    CPLFree(json);
    json = OGR_G_ExportToJson(metres);
    put_file("/vsimem/metres.geojson", json);
    size_t in_metres = sample_source("/vsimem/metres.geojson", NULL,
                                     (gallery_grid_setup){.spacing_m = 1e4, .srs = "EPSG:3031"});
    CHECK_NEAR((double)in_metres / (double)in_degrees, 1, 2e-4);
    CPLFree(json);
    VSIUnlink("/vsimem/degrees.geojson");
    VSIUnlink("/vsimem/metres.geojson");
    OGR_G_DestroyGeometry(metres);
    OGR_G_DestroyGeometry(shore);
    OGR_G_DestroyGeometry(polygon);
}

/* Fiji's halves on both sides of the antimeridian, wider by 20 km: as many points as GEOS' buffer
 * of the whole has area, in azimuthal equidistant metres about the middle. */
TEST(countries_with_a_buffer) {
    if (!test_have(COUNTRIES)) SKIP("no ../shared");
    GDALDatasetH dataset = GDALOpenEx(COUNTRIES, GDAL_OF_VECTOR, NULL, NULL, NULL);
    REQUIRE(dataset);
    OGRLayerH layer = GDALDatasetGetLayer(dataset, 0);
    OGR_L_SetAttributeFilter(layer, "id = 'FJ'");
    OGRFeatureH feature = OGR_L_GetNextFeature(layer);
    REQUIRE(feature);
    OGRGeometryH geometry = OGR_G_Clone(OGR_F_GetGeometryRef(feature));
    OGR_G_Segmentize(geometry, 0.05);
    static const char middle[] = "+proj=aeqd +lat_0=-17.5 +lon_0=179 +datum=WGS84";
    OGRGeometryH flat = transformed(geometry, "EPSG:4326", middle);
    OGRGeometryH wide = OGR_G_Buffer(flat, 20000, 30);
    OGRGeometryH equal =
        transformed(wide, middle, "+proj=laea +lat_0=-17.5 +lon_0=179 +datum=WGS84");
    gallery_grid_setup setup = {.spacing_m = 4000, .sorted = false, .buffer_m = 20000};
    size_t n = sample_source(COUNTRIES, "id = 'FJ'", setup);
    CHECK_NEAR((double)n * 16e6 / OGR_G_Area(equal), 1, 0.002);
    setup.buffer_m = 0;
    CHECK(n > sample_source(COUNTRIES, "id = 'FJ'", setup) + 3000);
    OGR_G_DestroyGeometry(equal);
    OGR_G_DestroyGeometry(wide);
    OGR_G_DestroyGeometry(flat);
    OGR_G_DestroyGeometry(geometry);
    OGR_F_Destroy(feature);
    GDALClose(dataset);
}

int main(void) {
    taken = calloc(MOST, sizeof *taken);
    if (!taken || gallery_context_open(1, &ctx)) return 1;
    GDALAllRegister();
    CPLSetErrorHandler(CPLQuietErrorHandler);
    RUN(antimeridian_in_every_notation);
    RUN(antimeridian_the_long_way);
    RUN(antimeridian_with_a_hole);
    RUN(antimeridian_is_a_corner);
    RUN(pole_in_every_notation);
    RUN(pole_of_the_north_and_the_world);
    RUN(pole_with_a_hole_round_it);
    RUN(hexagons_have_six_neighbours);
    RUN(squares_keep_apart);
    RUN(grids_have_one_point_per_square);
    RUN(buffers_are_metric);
    RUN(countries_have_one_point_per_square);
    RUN(countries_with_a_buffer);
    RUN(antarctica_holds_its_pole);
    gallery_context_close(ctx);
    free(taken);
    return test_finish();
}
