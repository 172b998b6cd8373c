#include "source.h"
#include "context.h"
#include "driver.h"
#include "reach.h"
#include "record.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <math.h>
#include <ogr_srs_api.h>
#include <stdlib.h>
#include <string.h>

#define CUT_EDGE_M 1000 /* longer edges of polygons in a plane are cut ... */
#define CUT_EDGES 1e5   /* ... into about as many, at most */
#define FARTHEST_M 1e8  /* from a plane's origin: beyond false eastings such as 6.05e7 */

struct layer {
    OGRLayerH handle;
    const char *name;
    OGRCoordinateTransformationH to_wgs84; /* NULL: it is WGS84 */
    double unit_m;                         /* of coordinates in a plane; 0: they are degrees */
    int highway;                           /* place of the field; -1: none */
    int *keep;                             /* places of the fields to keep; -1: none */
};

struct gallery_source {
    gallery_context *ctx;
    const char *address; /* as it was named */
    char *path;          /* for messages: without passwords; "standard input" for "-" */
    const gallery_grid_setup *setup;
    size_t keep_count;
    const char *highway; /* the values wanted; NULL: no filter; "": any */
    unsigned long long filtered;
    OGRSpatialReferenceH wgs84;
    OGRGeometryH spat; /* the box that features must touch; NULL */

    GDALDatasetH dataset;
    OGRLayerH result; /* of --sql */
    bool interleaved, is_csv;
    struct layer *layers;
    size_t layer_count, at;

    gallery_reader *reader; /* standard input */
    struct layer stream;
    gallery_record *record;

    OGRFeatureH feature; /* the last, and its geometry if that is not the feature's own */
    OGRGeometryH geometry;
    json_t *kept;
};

/* ------------------------------------------------------------------------ CRS */

static OGRSpatialReferenceH srs_new(void) {
    OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
    if (srs) OSRSetAxisMappingStrategy(srs, OAMS_TRADITIONAL_GIS_ORDER);
    return srs;
}

static int srs_from_text(gallery_context *ctx, const char *text, OGRSpatialReferenceH *srs) {
    gallery_complaint complaint;
    *srs = srs_new();
    if (!*srs) return gallery_fail_memory(ctx, 1);
    gallery_complaint_begin(&complaint);
    bool ok = !strstr(text, "://") && !strstr(text, "/vsi") &&
              OSRSetFromUserInput(*srs, text) == OGRERR_NONE;
    gallery_complaint_end();
    if (ok) return GALLERY_OK;
    OSRRelease(*srs);
    *srs = NULL;
    return gallery_fail(ctx, GALLERY_EUSAGE,
                        "-s_srs: '%s' is no reference system that PROJ knows%s%s", text,
                        complaint.failed ? ": " : "", complaint.text);
}

int gallery_source_check_srs(gallery_context *ctx, const char *text) {
    OGRSpatialReferenceH srs;
    GALLERY_TRY(srs_from_text(ctx, text, &srs));
    OSRRelease(srs);
    return GALLERY_OK;
}

/* Sets the way from `from` to WGS84. A layer's own reference system says itself in which order its
 * coordinates come; WGS84 here is longitude, latitude. */
static int layer_transform(gallery_source *s, struct layer *layer, OGRSpatialReferenceH from) {
    gallery_complaint complaint;
    if (OSRIsSame(from, s->wgs84)) return GALLERY_OK;
    layer->unit_m = OSRIsProjected(from) ? OSRGetLinearUnits(from, NULL) : 0;
    gallery_complaint_begin(&complaint);
    layer->to_wgs84 = OCTNewCoordinateTransformation(from, s->wgs84);
    gallery_complaint_end();
    if (layer->to_wgs84) return GALLERY_OK;
    return gallery_fail(s->ctx, GALLERY_ECRS,
                        "%s: layer %s: its reference system cannot be brought to WGS84: %s; name "
                        "the right one with -s_srs",
                        s->path, layer->name, complaint.text);
}

static int layer_reference(gallery_source *s, struct layer *layer) {
    OGRSpatialReferenceH from = NULL;
    int status;
    if (s->setup->srs) {
        GALLERY_TRY(srs_from_text(s->ctx, s->setup->srs, &from));
        status = layer_transform(s, layer, from);
        OSRRelease(from);
        return status;
    }
    from = layer->handle ? OGR_L_GetSpatialRef(layer->handle) : NULL;
    if (from) return layer_transform(s, layer, from);
    if (!layer->handle || s->is_csv) return GALLERY_OK; /* degrees, or the range check refuses */
    return gallery_fail(s->ctx, GALLERY_ECRS,
                        "%s: layer %s: no coordinate reference system; name it with -s_srs, for "
                        "example -s_srs EPSG:4326",
                        s->path, layer->name);
}

/* --------------------------------------------------------------------- layers */

static bool listed(const char *const *names, const char *name) {
    for (; names && *names; names++)
        if (!strcmp(*names, name)) return true;
    return false;
}

static const char *osm_layer(const gallery_grid_setup *setup) {
    return setup->mode == GALLERY_GRID_ROADS                   ? "lines"
           : setup->mode == GALLERY_GRID_AREA && !setup->boxes ? "multipolygons"
                                                               : "points";
}

static bool wanted(const gallery_source *s, OGRLayerH layer) {
    const char *name = OGR_L_GetName(layer);
    if (s->setup->layers) return listed(s->setup->layers, name);
    if (s->interleaved) return !strcmp(name, osm_layer(s->setup));
    return OGR_FD_GetGeomFieldCount(OGR_L_GetLayerDefn(layer)) > 0;
}

static int set_where(gallery_source *s, const struct layer *layer) {
    gallery_complaint complaint;
    if (!s->setup->where) return GALLERY_OK;
    gallery_complaint_begin(&complaint);
    OGRErr wrong = OGR_L_SetAttributeFilter(layer->handle, s->setup->where);
    gallery_complaint_end();
    if (wrong == OGRERR_NONE) return GALLERY_OK;
    return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: layer %s: --where: %s", s->path, layer->name,
                        complaint.failed ? complaint.text : "cannot be understood");
}

static int add_layer(gallery_source *s, OGRLayerH handle) {
    struct layer *layer = &s->layers[s->layer_count++];
    OGRFeatureDefnH fields = OGR_L_GetLayerDefn(handle);
    layer->handle = handle;
    layer->name = OGR_L_GetName(handle);
    layer->highway = OGR_FD_GetFieldIndex(fields, "highway");
    layer->keep = calloc(s->keep_count + 1, sizeof *layer->keep);
    if (!layer->keep) return gallery_fail_memory(s->ctx, s->keep_count * sizeof *layer->keep);
    for (size_t i = 0; i < s->keep_count; i++)
        layer->keep[i] = OGR_FD_GetFieldIndex(fields, s->setup->keep[i]);
    if (s->is_csv && !OGR_FD_GetGeomFieldCount(fields))
        return gallery_fail(s->ctx, GALLERY_EFORMAT,
                            "%s: line 1 has no columns for longitude (lon, lng, longitude or x) "
                            "and latitude (lat, latitude or y)",
                            s->path);
    GALLERY_TRY(set_where(s, layer));
    if (s->spat) OGR_L_SetSpatialFilter(handle, s->spat);
    return layer_reference(s, layer);
}

static int refuse_names(const gallery_source *s) {
    for (size_t i = 0; i < s->keep_count; i++) {
        bool found = false;
        for (size_t k = 0; k < s->layer_count; k++) found |= s->layers[k].keep[i] >= 0;
        if (!found)
            return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: %s: no field '%s'", s->path,
                                s->setup->boxes ? "--by" : "--keep", s->setup->keep[i]);
    }
    for (size_t k = 0; k < s->layer_count; k++)
        if (s->layers[k].highway >= 0) return GALLERY_OK;
    if (!s->setup->highway) return GALLERY_OK;
    return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: --highway: no field 'highway'", s->path);
}

/* Only reads: a database would do anything else that it is told. GeoPackages and databases have a
 * dialect of their own. */
static int run_sql(gallery_source *s) {
    const char *sql = s->setup->sql + strspn(s->setup->sql, " \t\r\n");
    bool own = gallery_driver_is(s->dataset, "GPKG") || gallery_reach_is_database(s->address);
    gallery_complaint complaint;
    GALLERY_TRY(gallery_reach_check_sql(s->ctx, s->path, sql, !own, s->setup->allow_net));
    gallery_complaint_begin(&complaint);
    s->result = GDALDatasetExecuteSQL(s->dataset, sql, NULL, NULL);
    gallery_complaint_end();
    if (!s->result)
        return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: -sql: %s", s->path,
                            complaint.failed ? complaint.text : "it gives no table");
    s->layers = calloc(1, sizeof *s->layers);
    if (!s->layers) return gallery_fail_memory(s->ctx, sizeof *s->layers);
    if (!OGR_FD_GetGeomFieldCount(OGR_L_GetLayerDefn(s->result)))
        return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: -sql: its table has no geometry",
                            s->path);
    s->interleaved = false;
    GALLERY_TRY(add_layer(s, s->result));
    return refuse_names(s);
}

static int choose_layers(gallery_source *s) {
    int count = GDALDatasetGetLayerCount(s->dataset);
    if (count <= 0)
        return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: no layer in it: empty, or damaged",
                            s->path);
    s->layers = calloc((size_t)count + 1, sizeof *s->layers);
    if (!s->layers) return gallery_fail_memory(s->ctx, (size_t)count * sizeof *s->layers);
    for (const char *const *name = s->setup->layers; name && *name; name++)
        if (!GDALDatasetGetLayerByName(s->dataset, *name))
            return gallery_fail(s->ctx, GALLERY_EFORMAT,
                                "%s: no layer '%s'; `ogrinfo %s` lists them", s->path, *name,
                                s->path);
    for (int i = 0; i < count; i++) {
        OGRLayerH layer = GDALDatasetGetLayer(s->dataset, i);
        if (layer && (s->is_csv || wanted(s, layer))) GALLERY_TRY(add_layer(s, layer));
    }
    if (!s->layer_count)
        return gallery_fail(s->ctx, GALLERY_EEMPTY, "%s: no layer with geometries", s->path);
    return refuse_names(s);
}

/* Spares the OSM driver the layers that nobody reads, above all the multipolygons. */
static void declare_interest(gallery_source *s) {
    gallery_text sql = {0};
    gallery_complaint complaint;
    for (size_t i = 0; i < s->layer_count; i++) {
        gallery_text_add(&sql, i ? "," : "SET interest_layers = ", i ? 1 : 22);
        gallery_text_add(&sql, s->layers[i].name, strlen(s->layers[i].name));
    }
    gallery_text_add(&sql, "", 1);
    gallery_complaint_begin(&complaint); /* where it fails, more is read than needed */
    if (!sql.failed) GDALDatasetExecuteSQL(s->dataset, sql.at, NULL, NULL);
    gallery_complaint_end();
    free(sql.at);
}

static int open_dataset(gallery_source *s) {
    GALLERY_TRY(gallery_driver_open(s->ctx, s->address, s->setup, &s->dataset));
    s->interleaved = gallery_driver_is(s->dataset, "OSM");
    s->is_csv = gallery_driver_is(s->dataset, "CSV");
    if (s->interleaved && s->setup->mode == GALLERY_GRID_ROADS && !s->setup->highway)
        s->highway = GALLERY_GRID_DRIVABLE;
    if (s->setup->sql) return run_sql(s);
    GALLERY_TRY(choose_layers(s));
    if (s->interleaved) declare_interest(s);
    return GALLERY_OK;
}

static int open_stream(gallery_source *s) {
    if (s->setup->where || s->setup->layers || s->setup->sql || s->setup->open_options)
        return gallery_fail(s->ctx, GALLERY_EUSAGE, "%s has no effect on standard input",
                            s->setup->where    ? "--where"
                            : s->setup->layers ? "--layer"
                            : s->setup->sql    ? "-sql"
                                               : "-oo");
    s->stream = (struct layer){.name = "stream"};
    GALLERY_TRY(gallery_reader_open(s->ctx, "-", &s->reader));
    return layer_reference(s, &s->stream);
}

static OGRGeometryH box_of(const double *b) {
    OGRGeometryH box = OGR_G_CreateGeometry(wkbPolygon), ring = OGR_G_CreateGeometry(wkbLinearRing);
    static const int corners[5][2] = {{0, 1}, {2, 1}, {2, 3}, {0, 3}, {0, 1}};
    if (!box || !ring) return NULL;
    for (int i = 0; i < 5; i++) OGR_G_AddPoint_2D(ring, b[corners[i][0]], b[corners[i][1]]);
    OGR_G_AddGeometryDirectly(box, ring);
    return box;
}

int gallery_source_open(gallery_context *ctx, const char *path, const gallery_grid_setup *setup,
                        gallery_source **out) {
    bool is_stream = !strcmp(path, "-");
    *out = NULL;
    gallery_source *s = calloc(1, sizeof *s);
    if (!s) return gallery_fail_memory(ctx, sizeof *s);
    s->ctx = ctx;
    s->address = path;
    s->path = is_stream ? strdup("standard input") : gallery_reach_shown(path);
    s->setup = setup;
    while (setup->keep && setup->keep[s->keep_count]) s->keep_count++;
    if (setup->highway && strcmp(setup->highway, "all"))
        s->highway = strcmp(setup->highway, "any") ? setup->highway : "";
    s->wgs84 = srs_new();
    int status = GALLERY_OK;
    if (!s->path) GALLERY_GO(gallery_fail_memory(ctx, strlen(path)));
    if (!s->wgs84 || OSRImportFromEPSG(s->wgs84, 4326) != OGRERR_NONE)
        GALLERY_GO(gallery_fail(ctx, GALLERY_ECRS,
                                "PROJ's database is not there: is the package proj-data "
                                "installed, and PROJ_DATA right?"));
    if (setup->spat && !(s->spat = box_of(setup->spat)))
        GALLERY_GO(gallery_fail_memory(ctx, sizeof *s));
    GALLERY_GO(is_stream ? open_stream(s) : open_dataset(s));
    *out = s;
done:
    if (status != GALLERY_OK) gallery_source_close(s);
    return status;
}

/* -------------------------------------------------------------------- reading */

static void forget_feature(gallery_source *s) {
    if (s->geometry) OGR_G_DestroyGeometry(s->geometry);
    if (s->feature) OGR_F_Destroy(s->feature);
    json_decref(s->kept);
    gallery_record_free(s->record);
    s->geometry = NULL;
    s->feature = NULL;
    s->kept = NULL;
    s->record = NULL;
}

void gallery_source_close(gallery_source *s) {
    if (!s) return;
    forget_feature(s);
    for (size_t i = 0; i < s->layer_count; i++) {
        OCTDestroyCoordinateTransformation(s->layers[i].to_wgs84);
        free(s->layers[i].keep);
    }
    free(s->layers);
    OCTDestroyCoordinateTransformation(s->stream.to_wgs84);
    gallery_reader_close(s->reader);
    if (s->spat) OGR_G_DestroyGeometry(s->spat);
    if (s->result) GDALDatasetReleaseResultSet(s->dataset, s->result);
    if (s->dataset) GDALClose(s->dataset);
    if (s->wgs84) OSRRelease(s->wgs84);
    free(s->path);
    free(s);
}

const char *gallery_source_name(const gallery_source *s) {
    return s->path;
}

unsigned long long gallery_source_filtered(const gallery_source *s) {
    return s->filtered;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == ':';
}

static bool has_word(const char *list, const char *word, size_t n) {
    for (const char *c = list; *c;) {
        size_t length = 0;
        while (is_word(c[length])) length++;
        if (length == n && !memcmp(c, word, n)) return true;
        c += length ? length : 1;
    }
    return false;
}

/* A value may be a list: "primary;service", or "['primary', 'service']" as OSMnx writes it. */
static bool passes(const gallery_source *s, const char *value) {
    if (!s->highway) return true;
    if (!value || !*value) return false;
    if (!*s->highway) return true;
    for (const char *c = value; *c;) {
        size_t n = 0;
        while (is_word(c[n])) n++;
        if (n && has_word(s->highway, c, n)) return true;
        c += n ? n : 1;
    }
    return false;
}

/* Text of any encoding: what is not UTF-8 is taken for Latin-1, as old shapefiles are. */
static json_t *text_value(const char *text) {
    json_t *value = json_string(text);
    if (value) return value;
    char *recoded = CPLRecode(text, CPL_ENC_ISO8859_1, CPL_ENC_UTF8);
    value = recoded ? json_string(recoded) : NULL;
    CPLFree(recoded);
    return value;
}

static json_t *field_value(OGRFeatureH feature, int field) {
    if (field < 0 || !OGR_F_IsFieldSetAndNotNull(feature, field)) return NULL;
    switch (OGR_Fld_GetType(OGR_F_GetFieldDefnRef(feature, field))) {
    case OFTInteger:
    case OFTInteger64: return json_integer(OGR_F_GetFieldAsInteger64(feature, field));
    case OFTReal: return json_real(OGR_F_GetFieldAsDouble(feature, field)); /* NULL if not finite */
    default: return text_value(OGR_F_GetFieldAsString(feature, field));
    }
}

/* The next feature of a layer that is read, and the layer; NULL after the last or at a failure. */
static OGRFeatureH fetch_feature(gallery_source *s, const gallery_complaint *complaint,
                                 const struct layer **layer) {
    if (!s->interleaved) {
        for (; s->at < s->layer_count; s->at++) {
            *layer = &s->layers[s->at];
            OGRFeatureH feature = OGR_L_GetNextFeature((*layer)->handle);
            if (feature || complaint->failed) return feature;
        }
        return NULL;
    }
    for (;;) {
        OGRLayerH from = NULL;
        OGRFeatureH feature = GDALDatasetGetNextFeature(s->dataset, &from, NULL, NULL, NULL);
        if (!feature) return NULL;
        *layer = NULL;
        for (size_t i = 0; i < s->layer_count; i++)
            if (s->layers[i].handle == from) *layer = &s->layers[i];
        if (*layer) return feature;
        OGR_F_Destroy(feature);
    }
}

static int keep_fields(gallery_source *s, const struct layer *layer) {
    if (!s->keep_count) return GALLERY_OK;
    s->kept = json_object();
    for (size_t i = 0; i < s->keep_count; i++) {
        json_t *value = field_value(s->feature, layer->keep[i]);
        if (value && json_object_set_new(s->kept, s->setup->keep[i], value))
            return gallery_fail_memory(s->ctx, 1);
    }
    return GALLERY_OK;
}

static double length_of(OGRGeometryH geometry) {
    double sum = 0;
    for (int i = 1; i < OGR_G_GetPointCount(geometry); i++)
        sum += hypot(OGR_G_GetX(geometry, i) - OGR_G_GetX(geometry, i - 1),
                     OGR_G_GetY(geometry, i) - OGR_G_GetY(geometry, i - 1));
    for (int i = 0; i < OGR_G_GetGeometryCount(geometry); i++)
        sum += length_of(OGR_G_GetGeometryRef(geometry, i));
    return sum;
}

/* What is straight in a plane is not in degrees: an edge of 1 km strays by less than 0.2 m up to
 * 80 degrees of latitude (length^2 / 8R * tan latitude). NULL: there is nothing to cut. */
static OGRGeometryH cut_edges(const gallery_source *s, const struct layer *layer) {
    if (s->setup->mode != GALLERY_GRID_AREA || layer->unit_m <= 0) return NULL;
    double length = length_of(s->geometry);
    double most = fmax(CUT_EDGE_M / layer->unit_m, length / CUT_EDGES);
    OGRGeometryH cut = isfinite(length) && length > most ? OGR_G_Clone(s->geometry) : NULL;
    if (cut) OGR_G_Segmentize(cut, most);
    return cut;
}

/* Numbers that no map has come back as some place or other, or keep GDAL turning round the Earth
 * for ever. */
static bool are_sane(OGRGeometryH geometry, double most) {
    for (int i = OGR_G_GetPointCount(geometry); i-- > 0;)
        if (!(fabs(OGR_G_GetX(geometry, i)) <= most && fabs(OGR_G_GetY(geometry, i)) <= most))
            return false;
    for (int i = OGR_G_GetGeometryCount(geometry); i-- > 0;)
        if (!are_sane(OGR_G_GetGeometryRef(geometry, i), most)) return false;
    return true;
}

static bool transform(gallery_source *s, const struct layer *layer) {
    if (!layer->to_wgs84) return true;
    if (!are_sane(s->geometry, FARTHEST_M / (layer->unit_m > 0 ? layer->unit_m : 1))) return false;
    OGRGeometryH cut = cut_edges(s, layer);
    if (cut && OGR_G_Transform(cut, layer->to_wgs84) == OGRERR_NONE) {
        OGR_G_DestroyGeometry(s->geometry);
        s->geometry = cut;
        return true;
    }
    /* An edge may leave the map, as along the rim of a world map, although its ends do not. */
    if (cut) OGR_G_DestroyGeometry(cut);
    return OGR_G_Transform(s->geometry, layer->to_wgs84) == OGRERR_NONE;
}

/* Takes curves and the layer's reference system out of the geometry. */
static int bring_to_wgs84(gallery_source *s, const struct layer *layer, gallery_feature *feature) {
    gallery_complaint complaint;
    if (!s->geometry) return GALLERY_OK;
    gallery_complaint_begin(&complaint);
    if (OGR_GT_IsNonLinear(OGR_G_GetGeometryType(s->geometry))) {
        OGRGeometryH linear = OGR_G_GetLinearGeometry(s->geometry, 0, NULL);
        OGR_G_DestroyGeometry(s->geometry);
        s->geometry = linear;
    }
    bool ok = s->geometry && transform(s, layer);
    gallery_complaint_end();
    feature->geometry = s->geometry;
    feature->projected = layer->unit_m > 0;
    if (ok) return GALLERY_OK;
    return gallery_fail(s->ctx, GALLERY_ECRS,
                        "%s: coordinates that its reference system cannot bring to WGS84",
                        feature->place);
}

static int next_of_dataset(gallery_source *s, gallery_feature *feature, bool *broken) {
    gallery_complaint complaint;
    const struct layer *layer = NULL;
    do {
        forget_feature(s);
        gallery_complaint_begin(&complaint);
        s->feature = fetch_feature(s, &complaint, &layer);
        gallery_complaint_end();
        if (!s->feature && !complaint.failed) return GALLERY_END;
        if (!s->feature)
            return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: damaged, cut off%s: %s", s->path,
                                s->setup->where ? ", or --where is wrong" : "", complaint.text);
        if (!s->highway ||
            (layer->highway >= 0 && passes(s, OGR_F_GetFieldAsString(s->feature, layer->highway))))
            break;
        s->filtered++;
    } while (!complaint.failed);
    snprintf(feature->place, sizeof feature->place, "%s: layer %s: feature %lld", s->path,
             layer->name, (long long)OGR_F_GetFID(s->feature));
    *broken = true;
    if (complaint.failed)
        return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: %s", feature->place, complaint.text);
    s->geometry = OGR_F_StealGeometry(s->feature);
    if (!s->geometry && s->is_csv)
        return gallery_fail(s->ctx, GALLERY_EFORMAT,
                            "%s: no numbers in the columns of longitude and latitude",
                            feature->place);
    GALLERY_TRY(keep_fields(s, layer));
    feature->kept = s->kept;
    return bring_to_wgs84(s, layer, feature);
}

static int geometry_from_json(gallery_source *s, const json_t *json, const char *place) {
    gallery_complaint complaint;
    if (!json_is_object(json)) return GALLERY_OK;
    char *text = json_dumps(json, JSON_COMPACT);
    if (!text) return gallery_fail_memory(s->ctx, 1);
    gallery_complaint_begin(&complaint);
    s->geometry = OGR_G_CreateGeometryFromJson(text);
    gallery_complaint_end();
    free(text);
    if (s->geometry && !complaint.failed) return GALLERY_OK;
    return gallery_fail(s->ctx, GALLERY_EFORMAT, "%s: not a GeoJSON geometry: %s", place,
                        complaint.failed ? complaint.text : "its type or coordinates are wrong");
}

static int keep_properties(gallery_source *s, const json_t *properties) {
    if (!s->keep_count) return GALLERY_OK;
    s->kept = json_object();
    for (size_t i = 0; i < s->keep_count; i++) {
        json_t *value = json_object_get(properties, s->setup->keep[i]);
        if (value && json_object_set(s->kept, s->setup->keep[i], value))
            return gallery_fail_memory(s->ctx, 1);
    }
    return GALLERY_OK;
}

static bool touches_box(const gallery_source *s) {
    gallery_complaint complaint; /* of odd geometries, which do not touch it */
    if (!s->spat) return true;
    gallery_complaint_begin(&complaint);
    bool touches = s->geometry && OGR_G_Intersects(s->geometry, s->spat);
    gallery_complaint_end();
    return touches;
}

static int next_of_stream(gallery_source *s, gallery_feature *feature, bool *broken) {
    const json_t *properties;
    do {
        forget_feature(s);
        int status = gallery_reader_next(s->reader, &s->record);
        *broken = status == GALLERY_EFORMAT;
        if (status != GALLERY_OK) return status;
        const json_t *record = gallery_record_json(s->record);
        properties = json_object_get(record, "properties");
        if (!passes(s, json_string_value(json_object_get(properties, "highway")))) {
            s->filtered++;
            continue;
        }
        *broken = true;
        snprintf(feature->place, sizeof feature->place, "%s:%llu", s->path,
                 gallery_reader_line(s->reader));
        GALLERY_TRY(geometry_from_json(s, json_object_get(record, "geometry"), feature->place));
        if (touches_box(s)) break;
    } while (true);
    GALLERY_TRY(keep_properties(s, properties));
    feature->kept = s->kept;
    return bring_to_wgs84(s, &s->stream, feature);
}

int gallery_source_next(gallery_source *s, gallery_feature *feature, bool *broken) {
    *feature = (gallery_feature){0};
    *broken = false;
    return s->reader ? next_of_stream(s, feature, broken) : next_of_dataset(s, feature, broken);
}

/* ------------------------------------------------------------------- vertices */

/* Rounding in a projection may leave a pole by a hair. */
#define POLE_TOLERANCE_DEG 1e-9

static int check_vertex(gallery_context *ctx, const char *place, double *xy) {
    if (!isfinite(xy[0]) || !isfinite(xy[1]))
        return gallery_fail(ctx, GALLERY_EVALUE, "%s: a coordinate is not a finite number", place);
    if (fabs(xy[1]) > 90 && fabs(xy[1]) <= 90 + POLE_TOLERANCE_DEG) xy[1] = copysign(90, xy[1]);
    if (fabs(xy[0]) <= 360 && fabs(xy[1]) <= 90) return GALLERY_OK;
    return gallery_fail(ctx, GALLERY_ECRS,
                        "%s: longitude %.10g, latitude %.10g is not on the Earth: axes swapped, or "
                        "another reference system (-s_srs)?",
                        place, xy[0], xy[1]);
}

int gallery_feature_vertices(gallery_context *ctx, const char *place, OGRGeometryH geometry,
                             double *xy) {
    int n = OGR_G_GetPointCount(geometry);
    if (n <= 0) return GALLERY_OK;
    OGR_G_GetPoints(geometry, xy, 2 * sizeof *xy, xy + 1, 2 * sizeof *xy, NULL, 0);
    for (int i = 0; i < n; i++) GALLERY_TRY(check_vertex(ctx, place, xy + 2 * i));
    return GALLERY_OK;
}
