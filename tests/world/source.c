/* Streets and buildings of any OGR source. */
#include "noise.h"
#include "shapes.h"

#include <gdal.h>
#include <math.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct layer_fields {
    OGRLayerH layer;
    OGRCoordinateTransformationH to_wgs84;
    int highway, building, height, levels, style, width, other; /* -1: none */
};

struct source {
    struct shapes *shapes; /* in degrees until all is read */
    const struct shapes_setup *setup;
    OGRSpatialReferenceH wgs84;
    struct layer_fields fields;
    bool has_highway, has_building; /* does any of the data set's layers have the field? */
    unsigned long long number;      /* features so far */
    struct point *line;             /* the line at hand */
    size_t line_capacity;
};

/* What a car may use; the rest of OSM's classes are paths, steps, tracks and plans. */
static double road_width_m(const char *highway) {
    static const struct {
        const char *name;
        double width_m;
    } classes[] = {
        {"motorway", 11},    {"trunk", 9},        {"primary", 8},        {"secondary", 7},
        {"tertiary", 7},     {"residential", 6},  {"service", 4},        {"living_street", 5},
        {"unclassified", 6}, {"pedestrian", 6},   {"road", 6},           {"motorway_link", 6},
        {"trunk_link", 6},   {"primary_link", 6}, {"secondary_link", 6}, {"tertiary_link", 6}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(highway, classes[i].name)) return classes[i].width_m;
    return 0;
}

static const char *text_of(OGRFeatureH f, int field) {
    if (field < 0 || !OGR_F_IsFieldSetAndNotNull(f, field)) return NULL;
    const char *text = OGR_F_GetFieldAsString(f, field);
    return *text ? text : NULL;
}

/* The number of a tag: a column of its own, or inside OSM's `other_tags`, "key"=>"value". NaN where
 * there is none. */
static double number_of(OGRFeatureH f, int field, int other, const char *key) {
    const char *text = text_of(f, field);
    char quoted[64];
    if (!text && (text = text_of(f, other))) {
        snprintf(quoted, sizeof quoted, "\"%s\"=>\"", key);
        text = strstr(text, quoted);
        if (text) text += strlen(quoted);
    }
    if (!text) return NAN;
    char *end;
    double value = strtod(text, &end);
    return end == text || !isfinite(value) ? NAN : value;
}

static double height_of(const struct source *s, OGRFeatureH f, enum building_kind kind,
                        uint64_t h) {
    static const double least[] = {5, 7, 12, 6, 3}, most[] = {9, 13, 22, 11, 10};
    double height = number_of(f, s->fields.height, s->fields.other, "height");
    if (height >= 1 && height <= 500) return height;
    double levels = number_of(f, s->fields.levels, s->fields.other, "building:levels");
    if (levels >= 1 && levels <= 150) return 3.1 * levels + 0.6;
    return noise_between(noise_of(h, 1), least[kind], most[kind]);
}

static enum building_kind kind_of(const char *building, uint64_t h) {
    static const struct {
        const char *names;
        enum building_kind kind;
    } kinds[] = {
        {" house detached terrace semidetached_house residential bungalow farm hut ", KIND_HOUSE},
        {" retail commercial shop supermarket kiosk hotel office ", KIND_SHOP},
        {" apartments tower dormitory school hospital university public civic ", KIND_BLOCK},
        {" industrial warehouse hall barn hangar factory ", KIND_HALL},
        {" shed garage garages roof carport church chapel ", KIND_OTHER}};
    char word[64];
    snprintf(word, sizeof word, " %.60s ", building ? building : "");
    for (size_t i = 0; building && i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(kinds[i].names, word)) return kinds[i].kind;
    return noise_unit(h) < 0.65 ? KIND_HOUSE : noise_unit(h) < 0.8 ? KIND_SHOP : KIND_BLOCK;
}

/* --------------------------------------------------------------- geometry */

/* The points of a line string, moved to WGS84 with the feature. */
static size_t take_points(struct source *s, OGRGeometryH line) {
    size_t n = (size_t)OGR_G_GetPointCount(line);
    if (n > s->line_capacity) {
        s->line_capacity = n;
        s->line = world_grow(s->line, n, sizeof *s->line);
    }
    for (size_t i = 0; i < n; i++)
        s->line[i] = (struct point){OGR_G_GetX(line, (int)i), OGR_G_GetY(line, (int)i)};
    return n;
}

/* With a box, only the runs of points inside it: a motorway that touches it may cross the country.
 */
static void take_street(struct source *s, OGRGeometryH line, double width_m) {
    size_t n = take_points(s, line), first = 0;
    const double *box = s->setup->spat;
    for (size_t i = 0; i <= n; i++) {
        const struct point *p = &s->line[i];
        if (i < n &&
            (!box || (p->x >= box[0] && p->x <= box[2] && p->y >= box[1] && p->y <= box[3])))
            continue;
        if (i - first > 1) shapes_add_street(s->shapes, s->line + first, i - first, width_m);
        first = i + 1;
    }
}

static void take_polygon(struct source *s, OGRGeometryH polygon, const struct building *like) {
    for (int r = 0; r < OGR_G_GetGeometryCount(polygon); r++) {
        size_t n = take_points(s, OGR_G_GetGeometryRef(polygon, r));
        shapes_add_building(s->shapes, s->line, n, r > 0, like);
    }
}

static void take_geometry(struct source *s, OGRGeometryH g, double width_m,
                          const struct building *like) {
    switch (wkbFlatten(OGR_G_GetGeometryType(g))) {
    case wkbLineString:
        if (width_m > 0) take_street(s, g, width_m);
        break;
    case wkbPolygon:
        if (like) take_polygon(s, g, like);
        break;
    case wkbMultiLineString:
    case wkbMultiPolygon:
    case wkbGeometryCollection:
        for (int i = 0; i < OGR_G_GetGeometryCount(g); i++)
            take_geometry(s, OGR_G_GetGeometryRef(g, i), width_m, like);
        break;
    default: break;
    }
}

static bool inside(const struct source *s, OGRGeometryH g) {
    OGREnvelope e;
    const double *box = s->setup->spat;
    OGR_G_GetEnvelope(g, &e);
    if (!isfinite(e.MinX + e.MaxX + e.MinY + e.MaxY)) return false;
    return !box || (e.MaxX >= box[0] && e.MinX <= box[2] && e.MaxY >= box[1] && e.MinY <= box[3]);
}

static void take_feature(struct source *s, OGRFeatureH f) {
    OGRGeometryH g = OGR_F_GetGeometryRef(f);
    const struct layer_fields *at = &s->fields;
    uint64_t h = noise_of(s->setup->seed, s->number++);
    if (!g || (at->to_wgs84 && OGR_G_Transform(g, at->to_wgs84) != OGRERR_NONE) || !inside(s, g))
        return;
    const char *highway = text_of(f, at->highway), *building = text_of(f, at->building);
    double width_m = highway ? road_width_m(highway) : s->has_highway ? 0 : 6;
    double own_width = number_of(f, at->width, at->other, "width");
    if (width_m > 0 && own_width >= 2 && own_width <= 60) width_m = own_width;
    bool built = building ? strcmp(building, "no") != 0 : !s->has_building;
    struct building like = {.kind = kind_of(building, h)};
    like.height_m = height_of(s, f, like.kind, h);
    double style = number_of(f, at->style, -1, "");
    like.style = s->setup->styles            ? noise_of(h, 2) % (uint64_t)s->setup->styles
                 : style >= 0 && style < 1e9 ? (uint64_t)style
                                             : noise_of(h, 3) | 1u << 31;
    take_geometry(s, g, width_m, built ? &like : NULL);
}

/* ------------------------------------------------------------------ layers */

static void enter_layer(struct source *s, const char *path, OGRLayerH layer) {
    OGRFeatureDefnH d = OGR_L_GetLayerDefn(layer);
    struct layer_fields *at = &s->fields;
    OGRSpatialReferenceH from = OGR_L_GetSpatialRef(layer);
    if (at->to_wgs84) OCTDestroyCoordinateTransformation(at->to_wgs84);
    *at = (struct layer_fields){.layer = layer,
                                .highway = OGR_FD_GetFieldIndex(d, "highway"),
                                .building = OGR_FD_GetFieldIndex(d, "building"),
                                .height = OGR_FD_GetFieldIndex(d, "height"),
                                .levels = OGR_FD_GetFieldIndex(d, "building:levels"),
                                .style = OGR_FD_GetFieldIndex(d, "style"),
                                .width = OGR_FD_GetFieldIndex(d, "width"),
                                .other = OGR_FD_GetFieldIndex(d, "other_tags")};
    if (!from)
        world_die("%s: layer %s has no coordinate reference system", path, OGR_L_GetName(layer));
    if (!OSRIsSame(from, s->wgs84) &&
        !(at->to_wgs84 = OCTNewCoordinateTransformation(from, s->wgs84)))
        world_die("%s: layer %s cannot be brought to WGS84", path, OGR_L_GetName(layer));
}

static void find_fields(struct source *s, GDALDatasetH data) {
    s->has_highway = s->has_building = false;
    for (int i = 0; i < GDALDatasetGetLayerCount(data); i++) {
        OGRFeatureDefnH d = OGR_L_GetLayerDefn(GDALDatasetGetLayer(data, i));
        s->has_highway |= OGR_FD_GetFieldIndex(d, "highway") >= 0;
        s->has_building |= OGR_FD_GetFieldIndex(d, "building") >= 0;
    }
}

static void read_one(struct source *s, const char *path) {
    GDALDatasetH data = GDALOpenEx(path, GDAL_OF_VECTOR | GDAL_OF_VERBOSE_ERROR, NULL, NULL, NULL);
    if (!data) world_die("%s: not a source that GDAL reads", path);
    OGRLayerH layer = NULL;
    OGRFeatureH f;
    find_fields(s, data);
    /* Layer by layer or mixed, as the driver has them: OSM extracts are read in one pass. */
    while ((f = GDALDatasetGetNextFeature(data, &layer, NULL, NULL, NULL))) {
        if (layer != s->fields.layer) enter_layer(s, path, layer);
        take_feature(s, f);
        OGR_F_Destroy(f);
    }
    s->fields.layer = NULL;
    GDALClose(data);
}

/* Degrees become metres about the middle of it all. */
static void lay_out(struct shapes *s) {
    shapes_bound(s);
    plane_open(&s->plane, (s->low.x + s->high.x) / 2, (s->low.y + s->high.y) / 2);
    for (size_t i = 0; i < s->points_n; i++) {
        struct point *p = &s->points[i];
        plane_from(&s->plane, p->x, p->y, &p->x, &p->y);
    }
    shapes_bound(s);
}

void shapes_read(struct shapes *s, const struct shapes_setup *setup) {
    struct source source = {.shapes = s, .setup = setup};
    *s = (struct shapes){0};
    GDALAllRegister();
    source.wgs84 = OSRNewSpatialReference(NULL);
    if (!source.wgs84 || OSRImportFromEPSG(source.wgs84, 4326) != OGRERR_NONE)
        world_die("PROJ knows no WGS84: its data files are missing");
    OSRSetAxisMappingStrategy(source.wgs84, OAMS_TRADITIONAL_GIS_ORDER);
    for (int i = 0; i < setup->paths_n; i++) read_one(&source, setup->paths[i]);
    if (source.fields.to_wgs84) OCTDestroyCoordinateTransformation(source.fields.to_wgs84);
    OSRDestroySpatialReference(source.wgs84);
    free(source.line);
    if (!s->streets_n) world_die("%s: no streets there", setup->paths[0]);
    lay_out(s);
}
