/* Whether a region holds a point: against GEOS, and against the grid of the same polygon. */
#include "test.h"
#include "libgallery/region.h"
#include "libgallery/area.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <gdal.h>
#include <ogr_api.h>

#define COUNTRIES "../shared/data/regions/countries.geojson"

static gallery_context *ctx;

/* Every country against GEOS, for random points. */
static void check_country(OGRGeometryH geometry, unsigned *seed) {
    if (OGR_G_IsEmpty(geometry)) return; /* there is one */
    OGREnvelope e;
    OGR_G_GetEnvelope(geometry, &e);
    OGRPreparedGeometryH prepared = OGRCreatePreparedGeometry(geometry);
    OGRGeometryH point = OGR_G_CreateGeometry(wkbPoint);
    const char *path = "/vsimem/country.geojson";
    char *json = OGR_G_ExportToJson(geometry);
    VSIFCloseL(VSIFileFromMemBuffer(path, (GByte *)json, strlen(json), FALSE));
    gallery_region *region = NULL;
    CHECK(gallery_region_open(ctx, path, false, &region) == GALLERY_OK);
    size_t wrong = 0;
    for (int i = 0; region && i < 300; i++) {
        *seed = *seed * 1664525 + 1013904223;
        double lon = e.MinX - 0.1 + (e.MaxX - e.MinX + 0.2) * (*seed >> 8) / (1 << 24);
        *seed = *seed * 1664525 + 1013904223;
        double lat = e.MinY - 0.1 + (e.MaxY - e.MinY + 0.2) * (*seed >> 8) / (1 << 24);
        if (fabs(lon) > 180 || fabs(lat) > 90) continue;
        OGR_G_SetPoint_2D(point, 0, lon, lat);
        wrong += gallery_region_holds(region, lon, lat) !=
                 !!OGRPreparedGeometryIntersects(prepared, point);
    }
    CHECK(wrong == 0);
    gallery_region_close(region);
    VSIUnlink(path);
    CPLFree(json);
    OGR_G_DestroyGeometry(point);
    OGRDestroyPreparedGeometry(prepared);
}

TEST(regions_of_all_countries) {
    if (!test_have(COUNTRIES)) SKIP("no ../shared");
    GDALDatasetH dataset = GDALOpenEx(COUNTRIES, GDAL_OF_VECTOR, NULL, NULL, NULL);
    REQUIRE(dataset);
    OGRLayerH layer = GDALDatasetGetLayer(dataset, 0);
    unsigned seed = 7, countries = 0;
    for (OGRFeatureH f; (f = OGR_L_GetNextFeature(layer)); OGR_F_Destroy(f), countries++)
        check_country(OGR_F_GetGeometryRef(f), &seed);
    CHECK(countries == 516);
    GDALClose(dataset);
}

/* --------------------------------------------------- beside the grid of an area */

struct tally {
    const gallery_region *region;
    unsigned long long held, sum; /* sum: of the places of those held, so that others show */
};

static void add_to(struct tally *t, double lon, double lat) {
    t->held++;
    t->sum += (unsigned long long)((lon + 180) * 1e7 + 0.5) * 31 +
              (unsigned long long)((lat + 90) * 1e7 + 0.5) * 17;
}

static int take_all(void *user, double lon, double lat, double azimuth) {
    (void)azimuth;
    add_to(user, lon, lat);
    return GALLERY_OK;
}

static int take_held(void *user, double lon, double lat, double azimuth) {
    struct tally *t = user;
    (void)azimuth;
    if (gallery_region_holds(t->region, lon, lat)) add_to(t, lon, lat);
    return GALLERY_OK;
}

/* Of the points of the whole Earth, the region holds those that the polygon's grid has. */
static void check_as_area(const double *xy, const size_t *ends, size_t rings) {
    static const double world[] = {-180, -90, 180, -90, 180, 90, -180, 90};
    const size_t corners = 4;
    const gallery_area_setup setup = {.spacing_m = 5e4};
    const char *path = "/vsimem/area.geojson";
    char json[2000] = "{\"type\":\"Polygon\",\"coordinates\":[";
    size_t at = strlen(json);
    for (size_t r = 0, i = 0; r < rings; r++) {
        size_t first = i;
        for (; i < ends[r]; i++)
            at += (size_t)snprintf(json + at, sizeof json - at, "%s[%g,%g],", i == first ? "[" : "",
                                   xy[2 * i], xy[2 * i + 1]);
        at += (size_t)snprintf(json + at, sizeof json - at, "[%g,%g]]%s", xy[2 * first],
                               xy[2 * first + 1], r + 1 < rings ? "," : "]}");
    }
    VSIFCloseL(VSIFileFromMemBuffer(path, (GByte *)json, strlen(json), FALSE));
    gallery_region *region = NULL;
    REQUIRE(gallery_region_open(ctx, path, false, &region) == GALLERY_OK);
    struct tally grid = {0}, held = {.region = region};
    CHECK(gallery_sample_area(ctx, xy, ends, rings, &setup, take_all, &grid) == GALLERY_OK);
    CHECK(gallery_sample_area(ctx, world, &corners, 1, &setup, take_held, &held) == GALLERY_OK);
    CHECK(grid.held > 50 && held.held == grid.held && held.sum == grid.sum);
    gallery_region_close(region);
    VSIUnlink(path);
}

TEST(regions_hold_what_areas_have) {
    const double beyond[] = {171.3, -18.2, 193.1, -18.3, 194.7, -5.1, 171.2, -5.3};
    const double minus[] = {-188.7, -18.2, -166.9, -18.3, -165.3, -5.1, -188.8, -5.3};
    const double far[] = {350.3, 10.2, 359.9, 10.1, 359.8, 31.3, 300.1, 28.7};
    const double long_way[] = {178.3, -18.1, -177.2, -18.2, -177.1, -10.3, 178.4, -10.1};
    const double wide[] = {-170.1, -40.3, 170.2, -41.1, 165.3, 60.2, -150.2, 55.3};
    const double cap[] = {-180, -90, 180, -90, 180, -70.1, -180, -70.1};
    const double turn[] = {10.3, 50.1, 370.3 - 20, 50.1, 350.3, 70.2, 10.3, 70.2};
    const double bow[] = {0.1, 0.2, 40.3, 30.1, 40.2, 0.1, 0.3, 30.2};
    const double holed[] = {160.1, -30.2, 200.3, -30.2, 200.3, 20.1, 160.1, 20.1,
                            170.2, -20.1, 190.1, -20.1, 190.1, 10.2, 170.2, 10.2};
    const size_t four = 4, both[] = {4, 8};
    check_as_area(beyond, &four, 1);
    check_as_area(minus, &four, 1);
    check_as_area(far, &four, 1);
    check_as_area(long_way, &four, 1);
    check_as_area(wide, &four, 1);
    check_as_area(cap, &four, 1);
    check_as_area(turn, &four, 1);
    check_as_area(bow, &four, 1);
    check_as_area(holed, both, 2);
}

TEST(regions_need_polygons) {
    gallery_region *region = NULL;
    const char *path = "/vsimem/line.geojson";
    const char *json = "{\"type\":\"LineString\",\"coordinates\":[[0,0],[1,1],[0,1],[0,0]]}";
    VSIFCloseL(VSIFileFromMemBuffer(path, (GByte *)json, strlen(json), FALSE));
    CHECK(gallery_region_open(ctx, path, false, &region) == GALLERY_EEMPTY && !region);
    CHECK(strstr(gallery_message(ctx), "no polygons"));
    VSIUnlink(path);
}

int main(void) {
    if (gallery_context_open(1, &ctx)) return 1;
    GDALAllRegister();
    CPLSetErrorHandler(CPLQuietErrorHandler);
    RUN(regions_of_all_countries);
    RUN(regions_hold_what_areas_have);
    RUN(regions_need_polygons);
    gallery_context_close(ctx);
    return test_finish();
}
