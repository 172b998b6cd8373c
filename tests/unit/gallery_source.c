/* Sources: reference systems and axis orders, filters, kinds of geometry, broken input. The test
 * makes its own files with GDAL, in a scratch folder. */
#include "test.h"
#include "libgallery/geodesy.h"
#include "libgallery/grid.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>
#include <gdal.h>
#include <geodesic.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#define MOST 20000
#define OSM "../shared/data/osm/liechtenstein.osm.pbf"
#define SHP "../shared/data/shp/stockholm/edges.shp"

static char folder[] = "/tmp/vt-source-XXXXXX";
static char path_text[512];

static const char *in_folder(const char *name) {
    snprintf(path_text, sizeof path_text, "%s/%s", folder, name);
    return path_text;
}

/* ------------------------------------------------------------- what came out */

static struct {
    double lon, lat;
    uint64_t id;
} got[MOST];
static size_t got_count;
static char first[1024], last[1024], message[1024], problem[1024];
static size_t problems;
static gallery_grid_counts counts;

static int take(void *user, const gallery_point *point) {
    (void)user;
    if (got_count < MOST) {
        got[got_count].lon = point->lon_deg;
        got[got_count].lat = point->lat_deg;
        got[got_count].id = point->id;
    }
    if (!got_count++) snprintf(first, sizeof first, "%s", point->properties);
    snprintf(last, sizeof last, "%s", point->properties);
    return GALLERY_OK;
}

static void note_problem(void *user, const char *text) {
    (void)user;
    problems++;
    snprintf(problem, sizeof problem, "%s", text);
}

static size_t signs; /* of life */

static void count_sign(void *user, unsigned long long points) {
    (void)user;
    signs += points > 0;
}

static int read_twice(gallery_grid_setup setup, const char *path, int times) {
    gallery_context *ctx = NULL;
    gallery_grid *grid = NULL;
    got_count = problems = 0;
    *first = *last = *message = *problem = '\0';
    memset(&counts, 0, sizeof counts);
    if (!setup.take) setup.take = take;
    if (setup.mode != GALLERY_GRID_POINTS && setup.spacing_m == 0) setup.spacing_m = 20;
    if (gallery_context_open(1, &ctx)) return -1;
    int status = gallery_grid_open(ctx, &setup, &grid);
    for (int i = 0; i < times && !status; i++) status = gallery_grid_read(grid, path, &counts);
    if (!status) status = gallery_grid_finish(grid, &counts);
    snprintf(message, sizeof message, "%s", gallery_message(ctx));
    gallery_grid_close(grid);
    gallery_context_close(ctx);
    return status;
}

static int read_source(gallery_grid_setup setup, const char *path) {
    return read_twice(setup, path, 1);
}

/* ---------------------------------------------------------------- what goes in */

static OGRSpatialReferenceH srs_of(int epsg) {
    OGRSpatialReferenceH srs = epsg ? OSRNewSpatialReference(NULL) : NULL;
    if (srs) OSRImportFromEPSG(srs, epsg);
    if (srs) OSRSetAxisMappingStrategy(srs, OAMS_TRADITIONAL_GIS_ORDER);
    return srs;
}

/* WKT has no word for them: 777 stands for NaN, 778 for infinity. */
static void make_infinite(OGRGeometryH geometry) {
    for (int i = 0; i < OGR_G_GetGeometryCount(geometry); i++)
        make_infinite(OGR_G_GetGeometryRef(geometry, i));
    for (int i = 0; i < OGR_G_GetPointCount(geometry); i++) {
        double x = OGR_G_GetX(geometry, i);
        if (x == 777 || x == 778)
            OGR_G_SetPoint_2D(geometry, i, x == 777 ? (double)NAN : (double)INFINITY, 47);
    }
}

/* A layer "things" with a text field "name" and one feature per WKT, named "a", "b", ... */
static const char *make(const char *file, const char *driver, int epsg, const char *const *wkt) {
    const char *path = in_folder(file);
    OGRSpatialReferenceH srs = srs_of(epsg);
    GDALDatasetH dataset =
        GDALCreate(GDALGetDriverByName(driver), path, 0, 0, 0, GDT_Unknown, NULL);
    OGRLayerH layer = GDALDatasetCreateLayer(dataset, "things", srs, wkbUnknown, NULL);
    OGRFieldDefnH field = OGR_Fld_Create("name", OFTString);
    OGR_L_CreateField(layer, field, 1);
    OGR_Fld_Destroy(field);
    for (int i = 0; wkt[i]; i++) {
        char *text = (char *)wkt[i], name[2] = {(char)('a' + i), 0};
        OGRGeometryH geometry = NULL;
        OGR_G_CreateFromWkt(&text, srs, &geometry);
        if (geometry) make_infinite(geometry);
        OGRFeatureH feature = OGR_F_Create(OGR_L_GetLayerDefn(layer));
        if (geometry) OGR_F_SetGeometryDirectly(feature, geometry);
        OGR_F_SetFieldString(feature, 0, name);
        CHECK(OGR_L_CreateFeature(layer, feature) == OGRERR_NONE);
        OGR_F_Destroy(feature);
    }
    GDALClose(dataset);
    if (srs) OSRRelease(srs);
    return path;
}

static const char *write_file(const char *file, const char *text) {
    const char *path = in_folder(file);
    FILE *out = fopen(path, "w");
    if (out) {
        fputs(text, out);
        fclose(out);
    }
    return path;
}

/* ------------------------------------------------------------------------ CRS */

static void check_vaduz(int status) {
    CHECK(status == GALLERY_OK);
    if (status) printf("# %s\n", message);
    REQUIRE(got_count == 1);
    CHECK_NEAR(got[0].lon, 9.52, 1.5e-7);
    CHECK_NEAR(got[0].lat, 47.14, 1.5e-7);
    CHECK(got[0].id == gallery_point_id(got[0].lon, got[0].lat));
}

/* echo 47.14 9.52 | cs2cs -f %.6f EPSG:4326 EPSG:CODE; cs2cs prints the authority's order, files
 * hold east, north. In 31467 and 3035 the authority says north, east; in 2056 and 32632 east,
 * north. */
static const struct {
    int epsg;
    double x, y;
} vaduz[] = {{4326, 9.52, 47.14},
             {2056, 2757870.358715, 1223096.058978},
             {3857, 1059761.552352, 5964955.649844},
             {32632, 539429.875982, 5220853.151979},
             {31467, 3539522.880251, 5222502.242458},
             {3035, 4284559.475970, 2669722.621348}};

static void check_everywhere(const char *driver, const char *extension) {
    for (size_t i = 0; i < sizeof vaduz / sizeof *vaduz; i++) {
        char name[64], wkt[128];
        snprintf(name, sizeof name, "vaduz%d.%s", vaduz[i].epsg, extension);
        snprintf(wkt, sizeof wkt, "POINT (%.6f %.6f)", vaduz[i].x, vaduz[i].y);
        const char *path = make(name, driver, vaduz[i].epsg, (const char *[]){wkt, NULL});
        check_vaduz(read_source((gallery_grid_setup){.mode = GALLERY_GRID_POINTS}, path));
    }
}

TEST(crs_of_shapefiles) {
    check_everywhere("ESRI Shapefile", "shp");
}

TEST(crs_of_geopackages) {
    check_everywhere("GPKG", "gpkg");
}

TEST(crs_of_flatgeobuf) {
    check_everywhere("FlatGeobuf", "fgb");
}

/* GML writes coordinates in the authority's order if srsName is a URN. */
static const char *gml(const char *file, const char *srs, const char *position) {
    char text[2000];
    snprintf(text, sizeof text,
             "<?xml version=\"1.0\" encoding=\"utf-8\"?><ogr:FeatureCollection "
             "xmlns:ogr=\"http://ogr.maptools.org/\" xmlns:gml=\"http://www.opengis.net/gml\">"
             "<gml:featureMember><ogr:things fid=\"things.0\"><ogr:geometryProperty>"
             "<gml:Point srsName=\"%s\"><gml:pos>%s</gml:pos></gml:Point></ogr:geometryProperty>"
             "<ogr:name>a</ogr:name></ogr:things></gml:featureMember></ogr:FeatureCollection>",
             srs, position);
    return write_file(file, text);
}

TEST(crs_of_gml_in_the_authoritys_order) {
    static const char *const cases[][2] = {
        {"urn:ogc:def:crs:EPSG::4326", "47.14 9.52"},
        {"http://www.opengis.net/def/crs/EPSG/0/4326", "47.14 9.52"},
        {"urn:ogc:def:crs:OGC:1.3:CRS84", "9.52 47.14"},
        {"urn:ogc:def:crs:EPSG::2056", "2757870.358715 1223096.058978"},
        {"urn:ogc:def:crs:EPSG::31467", "5222502.242458 3539522.880251"},
        {"urn:ogc:def:crs:EPSG::3035", "2669722.621348 4284559.475970"},
        {"EPSG:4326", "9.52 47.14"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        snprintf(name, sizeof name, "axes%zu.gml", i);
        const char *path = gml(name, cases[i][0], cases[i][1]);
        check_vaduz(read_source((gallery_grid_setup){.mode = GALLERY_GRID_POINTS}, path));
    }
    snprintf(path_text, sizeof path_text, "%s/axes0.gfs", folder);
    CHECK(!test_have(path_text)); /* nothing is written beside a source */
}

TEST(crs_given) {
    gallery_grid_setup setup = {.mode = GALLERY_GRID_POINTS};
    const char *wkt[] = {"POINT (2757870.358715 1223096.058978)", NULL};
    const char *path = make("bare.shp", "ESRI Shapefile", 0, wkt);
    CHECK(read_source(setup, path) == GALLERY_ECRS);
    CHECK(strstr(message, "-s_srs") && strstr(message, "layer bare"));
    setup.srs = "EPSG:2056";
    check_vaduz(read_source(setup, path));
    setup.srs = "+proj=somerc +lat_0=46.9524055555556 +lon_0=7.43958333333333 +k_0=1 +x_0=2600000 "
                "+y_0=1200000 +ellps=bessel +towgs84=674.374,15.056,405.346,0,0,0,0 +units=m";
    check_vaduz(read_source(setup, path));
    setup.srs = "EPSG:4326"; /* in place of the file's own, and wrong */
    CHECK(read_source(setup, path) == GALLERY_ECRS);
    CHECK(strstr(message, "feature 0") && strstr(message, "not on the Earth"));
    static const char *const nonsense[] = {"EPSG:1", "nonsense", "", "http://example.org/4326"};
    for (int i = 0; i < 4; i++) {
        setup.srs = nonsense[i];
        CHECK(read_source(setup, path) == GALLERY_EUSAGE && strstr(message, "-s_srs"));
    }
    setup.srs = "EPSG:4326"; /* order of the axes is east, north here, too */
    path = make("bare2.shp", "ESRI Shapefile", 0, (const char *[]){"POINT (9.52 47.14)", NULL});
    check_vaduz(read_source(setup, path));
}

/* ------------------------------------------------------------------------ CSV */

TEST(csv_by_names_of_columns) {
    static const char *const texts[] = {
        "LAT,LON\n47.14,9.52\n", "lon,lat\n9.52,47.14\n", "Name,Longitude,Latitude\nx,9.52,47.14\n",
        "lng;lat\n9.52;47.14\n", "Y,X\n47.14,9.52\n",     "\xef\xbb\xbfLAT,LON\r\n47.14,9.52\r\n"};
    gallery_grid_setup setup = {.mode = GALLERY_GRID_POINTS};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_vaduz(read_source(setup, write_file("points.csv", texts[i])));
    CHECK(read_source(setup, write_file("bare.csv", "47.14,9.52\n47.15,9.53\n")) ==
          GALLERY_EFORMAT);
    CHECK(strstr(message, "bare.csv") && strstr(message, "longitude") && strstr(message, "line 1"));
    CHECK(read_source(setup, write_file("bad.csv", "LAT,LON\n47.1,9.5\n,9.5\n")) ==
          GALLERY_EFORMAT);
    CHECK(strstr(message, "feature 2"));
    CHECK(read_source(setup, write_file("word.csv", "LAT,LON\n47.1,9.5\nhere,9.5\n")) ==
          GALLERY_EFORMAT);
    CHECK(strstr(message, "feature 2"));
    CHECK(read_source(setup, write_file("range.csv", "LAT,LON\n151.2,-33.9\n")) == GALLERY_ECRS);
    CHECK(strstr(message, "151.2"));
    CHECK(read_source(setup, write_file("nan.csv", "LAT,LON\nnan,9\n")) != GALLERY_OK);
    setup.problem = note_problem;
    CHECK(read_source(setup, write_file("bad.csv", "LAT,LON\n47.1,9.5\n,9.5\n95,9\n47.2,9.5\n")) ==
          GALLERY_OK);
    CHECK(got_count == 2 && problems == 2 && counts.broken == 2 && counts.features == 4);
    setup.srs = "EPSG:2056";
    setup.problem = NULL;
    check_vaduz(
        read_source(setup, write_file("swiss.csv", "x,y\n2757870.358715,1223096.058978\n")));
}

/* ----------------------------------------------------------------- geometries */

static const char *const mixed[] = {
    "LINESTRING (9.5 47.1, 9.501 47.1)",
    "MULTILINESTRING ((9.5 47.2, 9.501 47.2), (9.5 47.3, 9.501 47.3))",
    "POINT (9.5 47.1)",
    "MULTIPOINT (9.6 47.1, 9.7 47.2)",
    "POLYGON ((9 47, 9.01 47, 9.01 47.01, 9 47.01, 9 47))",
    "MULTIPOLYGON (((8 47, 8.01 47, 8.01 47.01, 8 47.01, 8 47)), ((7 47, 7.01 47, 7.01 47.01, 7 "
    "47.01, 7 47)))",
    "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (1 2, 1.001 2), GEOMETRYCOLLECTION (POLYGON ((6 "
    "47, 6.01 47, 6.01 47.01, 6 47.01, 6 47))))",
    "LINESTRING EMPTY",
    "CIRCULARSTRING (9 46, 9.001 46.001, 9.002 46)",
    NULL};

TEST(geometries_of_each_kind) {
    const char *path = make("mixed.gpkg", "GPKG", 4326, mixed);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_POINTS};
    CHECK(read_source(setup, path) == GALLERY_OK);
    CHECK(got_count == 4 && counts.features == 9 && counts.used == 3 && counts.other == 5);
    CHECK(counts.no_geometry == 1);
    setup.mode = GALLERY_GRID_ROADS;
    setup.spacing_m = 1e6;
    CHECK(read_source(setup, path) == GALLERY_OK);
    CHECK(got_count == 2 * 5 && counts.used == 4 && counts.other == 4);
    setup.mode = GALLERY_GRID_AREA;
    setup.spacing_m = 100;
    CHECK(read_source(setup, path) == GALLERY_OK);
    CHECK(counts.used == 3);
    CHECK_NEAR((double)got_count, 4 * 84.4, 12); /* 0.01 by 0.01 degrees: 760 m by 1112 m */
}

TEST(geometries_3d) {
    static const char *const high[] = {"LINESTRING ZM (9.5 47.1 400 1, 9.501 47.1 500 2)", NULL};
    const char *path = make("high.gpkg", "GPKG", 4326, high);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .spacing_m = 1000};
    CHECK(read_source(setup, path) == GALLERY_OK && got_count == 2);
}

TEST(geometries_of_the_wrong_kind) {
    const char *path = make("wrong.shp", "ESRI Shapefile", 4326,
                            (const char *[]){"LINESTRING (9.5 47.1, 9.6 47.2)", NULL});
    gallery_grid_setup setup = {.mode = GALLERY_GRID_AREA};
    CHECK(read_source(setup, path) == GALLERY_EEMPTY);
    CHECK(strstr(message, "no polygons, but 1 lines, which --roads takes"));
    setup.mode = GALLERY_GRID_POINTS;
    CHECK(read_source(setup, path) == GALLERY_EEMPTY && strstr(message, "no points, but 1 lines"));
}

TEST(geometries_on_no_earth) {
    static const char *const lines[] = {"LINESTRING (9.5 47.1, 9.501 47.1)",
                                        "LINESTRING (9.5 47.1, 9.501 91)",
                                        "MULTILINESTRING ((1 1, 2 2), (9.5 47.1, 777 47))",
                                        "LINESTRING (9.5 47.1, 778 47.1)",
                                        "LINESTRING (9.5 47.1, 400 47.1)",
                                        "LINESTRING (9.5 47.2, 9.501 47.2)",
                                        NULL};
    const char *path = make("hostile.gpkg", "GPKG", 4326, lines);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .spacing_m = 1e5};
    CHECK(read_source(setup, path) == GALLERY_ECRS);
    CHECK(strstr(message, "layer things: feature 2") && strstr(message, "91"));
    CHECK(got_count == 2);
    setup.problem = note_problem;
    CHECK(read_source(setup, path) == GALLERY_OK);
    CHECK(strstr(problem, "400"));
    CHECK(got_count == 4 && problems == 4 && counts.broken == 4); /* none of a broken feature */
}

static uint64_t sum_of_ids(void) {
    uint64_t sum = 0;
    for (size_t i = 0; i < got_count && i < MOST; i++) sum += got[i].id;
    return sum;
}

/* Of the points of wider ground, the polygon as -clip holds those that its own grid has. */
static void check_clip(int epsg, OGRGeometryH polygon, const char *path, double spacing_m) {
    char *clip = strdup(path); /* make() has one place for paths */
    size_t count = got_count;
    uint64_t sum = sum_of_ids();
    OGRGeometryH wider = OGR_G_Buffer(polygon, 4 * spacing_m, 2);
    char *text = NULL;
    OGR_G_ExportToWkt(wider, &text);
    const char *const whole_earth = "POLYGON ((-180 -90, 180 -90, 180 90, -180 90, -180 -90))";
    bool world_map = epsg == 6933;
    const char *const features[] = {world_map ? whole_earth : text, NULL};
    const char *around = make("around.gpkg", "GPKG", world_map ? 4326 : epsg, features);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_AREA, .spacing_m = spacing_m, .clip = clip};
    CHECK(read_source(setup, around) == GALLERY_OK);
    CHECK(got_count == count && sum_of_ids() == sum && counts.clipped > 100);
    CPLFree(text);
    OGR_G_DestroyGeometry(wider);
    VSIUnlink(around);
    VSIUnlink(clip);
    free(clip);
}

/* Do the points fill the polygon in the plane, which has this area, and only that? */
static void check_plane(int epsg, const char *wkt, double area_m2, double spacing_m) {
    const char *const features[] = {wkt, NULL};
    const char *path = make("plane.gpkg", "GPKG", epsg, features);
    char *text = (char *)(uintptr_t)wkt;
    OGRGeometryH polygon = NULL;
    OGRSpatialReferenceH plane = srs_of(epsg), wgs84 = srs_of(4326);
    OGRCoordinateTransformationH back = OCTNewCoordinateTransformation(wgs84, plane);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_AREA, .spacing_m = spacing_m};
    CHECK(read_source(setup, path) == GALLERY_OK);
    CHECK(got_count <= MOST);
    CHECK_NEAR((double)got_count * spacing_m * spacing_m / area_m2, 1, 0.02);
    OGR_G_CreateFromWkt(&text, NULL, &polygon);
    OGRGeometryH wider = OGR_G_Buffer(polygon, 1, 8); /* what the cut edges stray */
    for (size_t i = 0; i < got_count; i++) {
        OGRGeometryH point = OGR_G_CreateGeometry(wkbPoint);
        double x = got[i].lon, y = got[i].lat;
        CHECK(OCTTransform(back, 1, &x, &y, NULL));
        OGR_G_SetPoint_2D(point, 0, x, y);
        CHECK(OGR_G_Contains(wider, point));
        OGR_G_DestroyGeometry(point);
    }
    check_clip(epsg, polygon, path, spacing_m);
    OGR_G_DestroyGeometry(wider);
    OGR_G_DestroyGeometry(polygon);
    OCTDestroyCoordinateTransformation(back);
    OSRRelease(plane);
    OSRRelease(wgs84);
}

TEST(polygons_in_planes) {
    /* Over the antimeridian in Fiji's grid, with a hole across it; around the poles in planes of
     * equal areas, with a hole beside the pole, and one around it. */
    check_plane(3460,
                "POLYGON ((1900000 3800000, 2200000 3800000, 2200000 4000000, 1900000 4000000, "
                "1900000 3800000),(2070000 3870000, 2170000 3870000, 2170000 3930000, 2070000 "
                "3930000, 2070000 3870000))",
                5.4e10, 2500);
    check_plane(3571,
                "POLYGON ((-150000 -100000, 100000 -100000, 100000 150000, -150000 150000, "
                "-150000 -100000))",
                6.25e10, 2500);
    check_plane(6932,
                "POLYGON ((-1e6 -1e6, 1e6 -1e6, 1e6 1e6, -1e6 1e6, -1e6 -1e6),(-1e5 -9e5, 3e5 "
                "-9e5, 3e5 -4e5, -1e5 -4e5, -1e5 -9e5))",
                3.8e12, 20000);
    check_plane(6932,
                "POLYGON ((-1e6 -1e6, 1e6 -1e6, 1e6 1e6, -1e6 1e6, -1e6 -1e6),(-1e5 -9e5, 3e5 "
                "-9e5, 3e5 4e5, -1e5 4e5, -1e5 -9e5))",
                3.48e12, 20000);
    /* the whole turn of a world map, and a little more */
    check_plane(6933,
                "POLYGON ((-17367530.45 -1e6, 17367530.45 -1e6, 17367530.45 1e6, -17367530.45 1e6, "
                "-17367530.45 -1e6))",
                6.947e13, 60000);
    check_plane(6933,
                "POLYGON ((-17367531 -1e6, 17367531 -1e6, 17367531 1e6, -17367531 1e6, "
                "-17367531 -1e6))",
                6.947e13, 60000);
    /* beside the antimeridian, and far from it */
    check_plane(6932, "POLYGON ((5e3 -9e5, 3e5 -9e5, 3e5 -4e5, 5e3 -4e5, 5e3 -9e5))", 1.475e11,
                5000);
    check_plane(3035, "POLYGON ((4e6 3e6, 4.3e6 3e6, 4.3e6 3.2e6, 4e6 3e6))", 3e10, 2000);
}

/* An edge may run beside the map although its ends lie on it: here from lobe to lobe of Goode's
 * interrupted one, over Greenland. Then only its ends count. */
TEST(polygon_over_the_gap_in_a_map) {
    static const char *const gap[] = {"POLYGON ((-10151969 8190698, 2032945 8190698, -71442 "
                                      "4452780, -8573679 4452780, -10151969 8190698))",
                                      NULL};
    const char *path = make("gap.gpkg", "GPKG", 3857, gap);
    gallery_grid_setup setup = {
        .mode = GALLERY_GRID_AREA, .spacing_m = 1e5, .srs = "+proj=igh +datum=WGS84"};
    CHECK(read_source(setup, path) == GALLERY_OK);
    double expected = 6371.0072 * 6371.0072 * (M_PI / 3) * 0.342020; /* 60 degrees, 40 to 80 */
    CHECK_NEAR((double)got_count * 1e4 / expected, 1, 0.02);
}

/* Around the whole Earth and on both hemispheres: which of the poles is inside? */
TEST(polygon_around_either_pole) {
    static const char *const ring[] = {
        "POLYGON ((-9e6 -1e6, 9e6 -1e6, 9e6 1.8e7, -9e6 1.8e7, -9e6 -1e6))", NULL};
    const char *path = in_folder("either.gpkg");
    OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
    OSRImportFromProj4(srs, "+proj=aeqd +lat_0=10 +lon_0=0 +datum=WGS84");
    GDALDatasetH dataset =
        GDALCreate(GDALGetDriverByName("GPKG"), path, 0, 0, 0, GDT_Unknown, NULL);
    OGRLayerH layer = GDALDatasetCreateLayer(dataset, "things", srs, wkbPolygon, NULL);
    OGRFeatureH feature = OGR_F_Create(OGR_L_GetLayerDefn(layer));
    OGRGeometryH geometry = NULL;
    char *text = (char *)(uintptr_t)ring[0];
    OGR_G_CreateFromWkt(&text, srs, &geometry);
    OGR_F_SetGeometryDirectly(feature, geometry);
    CHECK(OGR_L_CreateFeature(layer, feature) == OGRERR_NONE);
    OGR_F_Destroy(feature);
    GDALClose(dataset);
    OSRRelease(srs);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_AREA, .spacing_m = 1e5};
    CHECK(read_source(setup, path) == GALLERY_ECRS);
    CHECK(strstr(message, "layer things: feature 1: a polygon goes around the Earth"));
    CHECK(got_count == 0);
    setup.problem = note_problem;
    CHECK(read_source(setup, path) == GALLERY_EEMPTY && problems == 1 && counts.broken == 1);
}

/* -------------------------------------------------------------- what is written */

TEST(properties_are_json) {
    const char *text = "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\","
                       "\"properties\":{\"name\":\"a \\\"b\\\" \\\\ \\u00e4\\n\",\"lanes\":2,"
                       "\"w\":2.5,\"none\":null},\"geometry\":{\"type\":\"LineString\","
                       "\"coordinates\":[[9.5,47.1],[9.5,47.2]]}}]}";
    const char *path = write_file("props.geojson", text);
    const char *keep[] = {"name", "lanes", "w", "none", NULL};
    char expected[1024];
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .spacing_m = 1e6, .keep = keep};
    CHECK(read_source(setup, path) == GALLERY_OK);
    snprintf(expected, sizeof expected,
             "{\"kind\":\"road\",\"heading\":0,\"source\":\"%s\",\"name\":\"a \\\"b\\\" \\\\ "
             "\xc3\xa4\\n\",\"lanes\":2,\"w\":2.5}",
             path);
    CHECK_TEXT(first, expected);
    keep[0] = "nope";
    CHECK(read_source(setup, path) == GALLERY_EFORMAT && strstr(message, "no field 'nope'"));
    static const char *const own[] = {"id", "kind", "heading", "source", "", "a,b"};
    for (int i = 0; i < 6; i++) {
        keep[0] = own[i];
        CHECK(read_source(setup, path) == GALLERY_EUSAGE && strstr(message, "--keep"));
    }
}

TEST(headings) {
    static const struct {
        const char *line, *heading;
    } ways[] = {{"LINESTRING (0 0, 0 0.001)", "\"heading\":0,"},
                {"LINESTRING (0 0, 0.001 0)", "\"heading\":90,"},
                {"LINESTRING (0 0, 0 -0.001)", "\"heading\":180,"},
                {"LINESTRING (0 0, -0.001 0)", "\"heading\":270,"},
                {"LINESTRING (9.52 47.14, 9.6 47.2)", "\"heading\":42.25,"}, /* geod: 42.2496 */
                {"LINESTRING (0 0, -0.00000001 0.001)", "\"heading\":0,"}};  /* 359.999 */
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .spacing_m = 1e6};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char name[32];
        snprintf(name, sizeof name, "way%zu.gpkg", i);
        const char *path = make(name, "GPKG", 4326, (const char *[]){ways[i].line, NULL});
        CHECK(read_source(setup, path) == GALLERY_OK);
        CHECK(strstr(first, ways[i].heading) != NULL);
    }
}

TEST(repeated_points_come_once) {
    static const char *const cross[] = {
        "LINESTRING (9.5 47.1, 9.51 47.1)", "LINESTRING (9.51 47.1, 9.52 47.1)",
        "LINESTRING (9.51 47.1, 9.51 47.2)", "LINESTRING (9.5 47.1, 9.51 47.1)", NULL};
    const char *path = make("cross.gpkg", "GPKG", 4326, cross);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .spacing_m = 1e5};
    CHECK(read_twice(setup, path, 2) == GALLERY_OK);
    CHECK(got_count == 4 && counts.points == 4 && counts.repeated == 12);
    setup.mode = GALLERY_GRID_POINTS; /* as they are */
    path = make("twice.gpkg", "GPKG", 4326, (const char *[]){"POINT (1 2)", "POINT (1 2)", NULL});
    CHECK(read_source(setup, path) == GALLERY_OK && got_count == 2);
}

TEST(filters) {
    const char *path = make("mixed2.gpkg", "GPKG", 4326, mixed);
    const char *layers[] = {"things", NULL};
    gallery_grid_setup setup = {
        .mode = GALLERY_GRID_ROADS, .spacing_m = 1e6, .where = "name = 'a'"};
    setup.layers = layers;
    CHECK(read_source(setup, path) == GALLERY_OK && got_count == 2);
    setup.where = "name = 'zz'";
    CHECK(read_source(setup, path) == GALLERY_EEMPTY && strstr(message, "--where"));
    setup.where = "nope = 'a'";
    CHECK(read_source(setup, path) == GALLERY_EFORMAT && strstr(message, "--where"));
    setup.where = "name = = 'a'";
    CHECK(read_source(setup, path) == GALLERY_EFORMAT && strstr(message, "--where"));
    setup.where = NULL;
    layers[0] = "nope";
    CHECK(read_source(setup, path) == GALLERY_EFORMAT && strstr(message, "no layer 'nope'"));
    layers[0] = "things";
    setup.highway = "primary";
    CHECK(read_source(setup, path) == GALLERY_EFORMAT && strstr(message, "--highway"));
}

/* --------------------------------------------------------------------- damage */

static void cut(const char *path, long size) {
    CHECK(truncate(path, size) == 0);
}

TEST(damaged_files) {
    static const char *const lines[] = {"LINESTRING (9.5 47.1, 9.51 47.1)",
                                        "LINESTRING (9.5 47.2, 9.51 47.2)",
                                        "LINESTRING (9.5 47.3, 9.51 47.3)", NULL};
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS};
    CHECK(read_source(setup, in_folder("missing.shp")) == GALLERY_EIO);
    CHECK(strstr(message, "No such file"));
    CHECK(read_source(setup, "") == GALLERY_EIO);
    CHECK(read_source(setup, write_file("noise.shp", "no shapefile")) == GALLERY_EFORMAT);
    CHECK(read_source(setup, write_file("noise.txt", "hello")) == GALLERY_EFORMAT);
    CHECK(read_source(setup, write_file("empty.geojson", "")) == GALLERY_EFORMAT);
    const char *path = make("cut.shp", "ESRI Shapefile", 4326, lines);
    cut(path, 250);
    CHECK(read_source(setup, path) == GALLERY_EFORMAT && strstr(message, "cut.shp"));
    make("noshx.shp", "ESRI Shapefile", 4326, lines);
    unlink(in_folder("noshx.shx"));
    CHECK(read_source(setup, in_folder("noshx.shp")) == GALLERY_EFORMAT);
    CHECK(strstr(message, "noshx.sh"));
    make("nodbf.shp", "ESRI Shapefile", 4326, lines);
    unlink(in_folder("nodbf.dbf"));
    CHECK(read_source(setup, in_folder("nodbf.shp")) == GALLERY_OK); /* geometry is whole */
    path = make("cut.fgb", "FlatGeobuf", 4326, lines);
    cut(path, 500);
    CHECK(read_source(setup, path) == GALLERY_EFORMAT);
    path = make("cut.gpkg", "GPKG", 4326, lines);
    cut(path, 20000);
    CHECK(read_source(setup, path) == GALLERY_EFORMAT);
    path = make("cut.geojson", "GeoJSON", 4326, lines);
    cut(path, 400);
    CHECK(read_source(setup, path) == GALLERY_EFORMAT);
    const char *nothing[] = {NULL};
    path = make("none.gpkg", "GPKG", 4326, nothing);
    CHECK(read_source(setup, path) == GALLERY_EEMPTY && strstr(message, "no feature"));
}

TEST(sources_that_reach_elsewhere) {
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS};
    static const char *const remote[] = {
        "/vsicurl/http://127.0.0.1:9/x.shp", "/vsizip//vsicurl/http://127.0.0.1:9/x.zip",
        "/vsizip/vsicurl/127.0.0.1:9/x.zip", "/vsis3/b/x.gpkg",
        "http://127.0.0.1:9/x.geojson",      "ftp://127.0.0.1/x.gpkg",
        "WFS:http://127.0.0.1:9/",           "/vsicurl_streaming/http://x"};
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        CHECK(read_source(setup, remote[i]) == GALLERY_EIO && strstr(message, "--allow-net"));
    make("real.gpkg", "GPKG", 4326, mixed);
    char text[1000];
    snprintf(text, sizeof text,
             "<OGRVRTDataSource><OGRVRTLayer name=\"things\"><SrcDataSource>%s</SrcDataSource>"
             "</OGRVRTLayer></OGRVRTDataSource>",
             in_folder("real.gpkg"));
    const char *path = write_file("virtual.vrt", text);
    CHECK(read_source(setup, path) == GALLERY_EFORMAT && strstr(message, "--allow-net"));
    setup.allow_net = true;
    CHECK(read_source(setup, path) == GALLERY_OK && got_count > 10);
}

/* Numbers in a plane that GDAL takes for some place, or turns round the Earth until it is there:
 * infinity, for ever. */
TEST(numbers_that_no_map_has) {
    static const char *const srs[] = {"EPSG:3857", "EPSG:2056", "EPSG:3031", "EPSG:4267"};
    static const char *const wkt[][2] = {{"POINT (1e30 1)", NULL},
                                         {"POINT (1e9 1)", NULL},
                                         {"MULTIPOINT (100 100,1 -1e9)", NULL},
                                         {"POINT (778 1)", NULL},
                                         {"LINESTRING (100 100,777 1)", NULL}};
    for (size_t i = 0; i < sizeof wkt / sizeof *wkt; i++) {
        char file[32];
        snprintf(file, sizeof file, "huge%zu.fgb", i);
        const char *path = make(file, "FlatGeobuf", 0, wkt[i]);
        for (size_t k = 0; k < sizeof srs / sizeof *srs; k++) {
            gallery_grid_setup setup = {.mode = GALLERY_GRID_POINTS, .srs = srs[k]};
            if (i == 4) setup.mode = GALLERY_GRID_ROADS;
            CHECK(read_source(setup, path) == GALLERY_ECRS && got_count == 0);
            CHECK(strstr(message, "layer things: feature 0"));
        }
    }
    gallery_grid_setup zone = {.mode = GALLERY_GRID_POINTS,
                               .srs = "+proj=tmerc +lon_0=177 +x_0=60500000 +ellps=krass"};
    static const char *const far[] = {"POINT (60500000 0)", NULL};
    CHECK(read_source(zone, make("zone.fgb", "FlatGeobuf", 0, far)) == GALLERY_OK);
    CHECK(got_count == 1 && got[0].lon == 177 && got[0].lat == 0);
}

TEST(names_without_passwords) {
    static const char *const names[][2] = {
        {"roads.shp", "roads.shp"},
        {"a:b@c/password=x.shp", "a:b@c/password=x.shp"}, /* a file on this machine */
        {"PG:dbname=x", "PG:dbname=x"},
        {"PG:dbname=x password=y user=z", "PG:dbname=x user=z"},
        {"PG:password=y dbname=x", "PG:dbname=x"},
        {"PG:dbname=x password='a b\\' c'", "PG:dbname=x"},
        {"PG:dbname=x password=a\\ b sslpassword = c", "PG:dbname=x"},
        {"PG:password=a b c dbname = x", "PG:dbname = x"},
        {"PG:dbname=password", "PG:dbname=password"},
        {"pg:PASSWORD=y dbname=x", "pg:dbname=x"},
        {"PG:dbname=x password=", "PG:dbname=x"},
        {"PG:dbname=x password='", "PG:dbname=x"},
        {"postgresql://u:p@[::1]:5/x", "postgresql://u@[::1]:5/x"},
        {"postgresql://u:p/q?r@s@h:5/x", "postgresql://u@h:5/x"},
        {"postgresql://h:5/x?password=y&a=b", "postgresql://h:5/x?a=b"},
        {"postgresql://h:5/x?a=b&password=y", "postgresql://h:5/x?a=b"},
        {"PG:postgresql://u:p@h/x", "PG:postgresql://u@h/x"},
        {"/vsicurl/https://u:p@h/x:y@z.shp", "/vsicurl/https://u@h/x:y@z.shp"},
        {"https://h:80/a@b", "https://h:80/a@b"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = gallery_grid_source_name(names[i][0]);
        CHECK(name && !strcmp(name, names[i][1]));
        if (name && strcmp(name, names[i][1])) fprintf(stderr, "%s: %s\n", names[i][0], name);
        free(name);
    }
}

TEST(signs_of_life_within_a_feature) {
    static const char *const wkt[] = {"LINESTRING (9 47,9.02 47)", NULL};
    gallery_grid_setup setup = {
        .mode = GALLERY_GRID_ROADS, .spacing_m = 0.02, .sorted = true, .progress = count_sign};
    signs = 0;
    CHECK(read_source(setup, make("long.shp", "ESRI Shapefile", 4326, wkt)) == GALLERY_OK);
    CHECK(got_count > 65536 && signs == 2); /* at 65,536 points, and after the feature */
}

TEST(setups_that_make_no_sense) {
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS};
    static const double bad[] = {-1, NAN, INFINITY, 1e-9, 0.0099, 1.1e6};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setup.spacing_m = bad[i];
        CHECK(read_source(setup, "x") == GALLERY_EUSAGE);
    }
    CHECK(read_source((gallery_grid_setup){0}, "x") == GALLERY_EUSAGE);
}

static int refuse_third(void *user, const gallery_point *point) {
    (void)user;
    (void)point;
    return ++got_count == 3 ? GALLERY_EFULL : GALLERY_OK;
}

TEST(taker_stops_the_reading) {
    const char *path =
        make("long.gpkg", "GPKG", 4326, (const char *[]){"LINESTRING (0 0, 90 0)", NULL});
    gallery_grid_setup setup = {
        .mode = GALLERY_GRID_ROADS, .spacing_m = 0.01, .take = refuse_third};
    CHECK(read_source(setup, path) == GALLERY_EFULL && got_count == 3);
    setup.mode = GALLERY_GRID_AREA;
    path = make("world.gpkg", "GPKG", 4326,
                (const char *[]){"POLYGON ((-180 -90, 180 -90, 180 90, -180 90, -180 -90))", NULL});
    CHECK(read_source(setup, path) == GALLERY_EFULL && got_count == 3);
}

/* ------------------------------------------------------------------- real data */

static double length_of(OGRGeometryH line) {
    double sum = 0;
    for (int i = 1; i < OGR_G_GetPointCount(line); i++)
        sum += gallery_distance_m(OGR_G_GetX(line, i - 1), OGR_G_GetY(line, i - 1),
                                  OGR_G_GetX(line, i), OGR_G_GetY(line, i), NULL);
    return sum;
}

/* What GDAL reads by itself, with its own configuration and all at once, is what is sampled. */
static void count_ways(double spacing_m, size_t *ways, double *length_m, size_t *points) {
    *ways = *points = 0;
    *length_m = 0;
    GDALDatasetH dataset = GDALOpenEx(OSM, GDAL_OF_VECTOR, NULL, NULL, NULL);
    OGRLayerH from, lines = GDALDatasetGetLayerByName(dataset, "lines");
    OGR_L_SetAttributeFilter(lines, "highway IS NOT NULL");
    for (OGRFeatureH f; (f = GDALDatasetGetNextFeature(dataset, &from, NULL, NULL, NULL));) {
        if (from == lines) {
            double length = length_of(OGR_F_GetGeometryRef(f));
            *length_m += length;
            *points += (size_t)ceil((length - 1e-3) / spacing_m) + 1;
            ++*ways;
        }
        OGR_F_Destroy(f);
    }
    GDALClose(dataset);
}

TEST(osm_of_liechtenstein) {
    if (!test_have(OSM)) SKIP("no ../shared");
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .spacing_m = 20};
    size_t ways, points;
    double length_m;
    count_ways(20, &ways, &length_m, &points);
    CHECK(ways == 4658);
    CHECK_NEAR(length_m, 1141.49e3, 10); /* ogrinfo: SUM(ST_Length(geometry, 1)) */
    CHECK(read_source(setup, OSM) == GALLERY_OK);
    CHECK(counts.features == 1680); /* ogrinfo, WHERE highway IN (the drivable classes) */
    setup.highway = "any";
    CHECK(read_source(setup, OSM) == GALLERY_OK);
    CHECK(counts.features == 4658 && counts.used == 4658 && counts.other == 0);
    CHECK(counts.points + counts.repeated == points);
    setup.highway = "primary,secondary,primary_link";
    CHECK(read_source(setup, OSM) == GALLERY_OK);
    CHECK(counts.features == 123 + 140 + 3); /* ogrinfo: GROUP BY highway */
    setup.highway = NULL;
    setup.where = "tunnel = 'yes'"; /* a tag that GDAL's own configuration has no field for */
    CHECK(read_source(setup, OSM) == GALLERY_OK && counts.features > 0 && counts.features < 300);
    setup.where = NULL;
    setup.highway = "nope";
    CHECK(read_source(setup, OSM) == GALLERY_EEMPTY && strstr(message, "--highway"));
}

TEST(shapefile_of_stockholm) {
    if (!test_have(SHP)) SKIP("no ../shared");
    const char *keep[] = {"name", "osmid", NULL};
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .keep = keep};
    CHECK(read_source(setup, SHP) == GALLERY_OK);
    CHECK(counts.features == 1308 && counts.used == 1308);
    CHECK(got_count == counts.points && got_count > 4000);
    for (size_t i = 0; i < got_count && i < MOST; i++)
        CHECK(got[i].lon > 18.0293 && got[i].lon < 18.0732 && got[i].lat > 59.3347 &&
              got[i].lat < 59.3526);
}

/* ---------------------------------------------------------------------- order */

/* Length of the lines of a layer that have a `highway`, by PROJ's inverse problem alone. */
static double geod_length_m(const char *path, const char *name) {
    struct geod_geodesic earth;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    GDALDatasetH dataset = GDALOpenEx(path, GDAL_OF_VECTOR, NULL, NULL, NULL);
    OGRLayerH layer = GDALDatasetGetLayerByName(dataset, name);
    double sum_m = 0, length_m;
    OGR_L_SetAttributeFilter(layer, "highway is not null");
    for (OGRFeatureH feature; (feature = OGR_L_GetNextFeature(layer)); OGR_F_Destroy(feature)) {
        OGRGeometryH line = OGR_F_GetGeometryRef(feature);
        for (int i = 1; i < OGR_G_GetPointCount(line); i++) {
            geod_inverse(&earth, OGR_G_GetY(line, i - 1), OGR_G_GetX(line, i - 1),
                         OGR_G_GetY(line, i), OGR_G_GetX(line, i), &length_m, NULL, NULL);
            sum_m += length_m;
        }
    }
    GDALClose(dataset);
    return sum_m;
}

TEST(the_length_of_roads_is_geods) {
    const char *const files[][2] = {{OSM, "lines"}, {SHP, "edges"}};
    for (int i = 0; i < 2; i++) {
        if (access(files[i][0], R_OK)) SKIP("no ../shared");
        CHECK(!read_source((gallery_grid_setup){.mode = GALLERY_GRID_ROADS, .highway = "any"},
                           files[i][0]));
        double length_m = geod_length_m(files[i][0], files[i][1]);
        CHECK(length_m > 1e5);
        CHECK_NEAR(counts.length_m / length_m, 1, 1e-9);
    }
}

TEST(sorted_points_are_the_same) {
    static const char *const crossing[] = {"LINESTRING (9.5 47.1, 9.51 47.1)",
                                           "LINESTRING (9.51 47.1, 9.5 47.2)", NULL};
    const char *path = make("crossing.gpkg", "GPKG", 4326, crossing);
    gallery_grid_setup setup = {.mode = GALLERY_GRID_ROADS, .spacing_m = 10};
    CHECK(!read_twice(setup, path, 2));
    unsigned long long points = counts.points, repeated = counts.repeated;
    CHECK(points == got_count && points > 1000 && repeated == points + 2);
    setup.sorted = true;
    CHECK(!read_twice(setup, path, 2));
    CHECK(counts.points == points && got_count == points && counts.repeated == repeated);
    for (size_t i = 1; i < got_count; i++) CHECK(got[i - 1].id < got[i].id);
    setup.limit = 7;
    CHECK(!read_twice(setup, path, 2));
    CHECK(counts.points == 7 && got_count == 7);
    setup.sorted = false;
    CHECK(read_twice(setup, path, 2) == GALLERY_END);
    CHECK(got_count == 7);
    setup.shard = 2;
    CHECK(read_twice(setup, path, 1) == GALLERY_EUSAGE);
}

int main(void) {
    if (!mkdtemp(folder)) return 1;
    GDALAllRegister();
    CPLSetErrorHandler(CPLQuietErrorHandler);
    RUN(crs_of_shapefiles);
    RUN(crs_of_geopackages);
    RUN(crs_of_flatgeobuf);
    RUN(crs_of_gml_in_the_authoritys_order);
    RUN(crs_given);
    RUN(csv_by_names_of_columns);
    RUN(geometries_of_each_kind);
    RUN(geometries_3d);
    RUN(geometries_of_the_wrong_kind);
    RUN(geometries_on_no_earth);
    RUN(polygons_in_planes);
    RUN(polygon_over_the_gap_in_a_map);
    RUN(polygon_around_either_pole);
    RUN(properties_are_json);
    RUN(headings);
    RUN(repeated_points_come_once);
    RUN(filters);
    RUN(damaged_files);
    RUN(sources_that_reach_elsewhere);
    RUN(numbers_that_no_map_has);
    RUN(names_without_passwords);
    RUN(signs_of_life_within_a_feature);
    RUN(setups_that_make_no_sense);
    RUN(taker_stops_the_reading);
    RUN(osm_of_liechtenstein);
    RUN(shapefile_of_stockholm);
    RUN(the_length_of_roads_is_geods);
    RUN(sorted_points_are_the_same);
    CPLUnlinkTree(folder);
    return test_finish();
}
