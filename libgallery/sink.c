#include "sink.h"
#include "context.h"
#include "driver.h"
#include "geodesy.h"
#include "json.h"
#include "temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct format {
    const char *name, *ending;
    const char *option; /* of the layer */
};

static const struct format formats[] = {
    {"GPKG", ".gpkg", NULL}, {"FlatGeobuf", ".fgb", NULL}, {"CSV", ".csv", "GEOMETRY=AS_XY"}};

struct gallery_sink {
    gallery_context *ctx;
    gallery_sink_setup setup;
    char *folder, *file; /* where it is made */
    int lock;            /* of the folder */
    GDALDatasetH dataset;
    OGRLayerH layer;
    OGRFeatureH feature;
    bool in_transaction;
};

const char *gallery_sink_format(const char *name, const char *path) {
    size_t length = path ? strlen(path) : 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t n = strlen(formats[i].ending);
        if (name ? !strcasecmp(name, formats[i].name)
                 : length > n && !strcasecmp(path + length - n, formats[i].ending))
            return formats[i].name;
    }
    return NULL;
}

static const struct format *format_of(const char *name) {
    const struct format *format = formats;
    while (strcmp(format->name, name)) format++;
    return format;
}

bool gallery_sink_name_taken(const char *format, const char *const *fields, const char *name) {
    static const struct {
        const char *format, *name; /* NULL: of every format */
    } own[] = {{NULL, "id"},    {NULL, "kind"},   {NULL, "heading"}, {NULL, "source"},
               {"GPKG", "fid"}, {"GPKG", "geom"}, {"CSV", "X"},      {"CSV", "Y"}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if ((!own[i].format || !strcmp(own[i].format, format)) && !strcasecmp(own[i].name, name))
            return true;
    for (; *fields && *fields != name; fields++)
        if (!strcasecmp(*fields, name)) return true;
    return false;
}

/* -------------------------------------------------------------------- opening */

static int check_place(gallery_sink *sink) {
    struct stat st;
    const char *path = sink->setup.path;
    if (lstat(path, &st)) return errno == ENOENT ? GALLERY_OK : gallery_fail_errno(sink->ctx, path);
    if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return gallery_fail(sink->ctx, GALLERY_EIO, "%s: is no file, which %s needs", path,
                            sink->setup.format);
    if (sink->setup.overwrite) return GALLERY_OK;
    return gallery_fail(sink->ctx, GALLERY_EEXIST, "%s: exists already; --overwrite replaces it",
                        path);
}

static int make_folder(gallery_sink *sink, const struct format *format) {
    gallery_temporary_clean(sink->setup.path);
    errno = gallery_temporary_folder(sink->setup.path, &sink->folder, &sink->lock);
    if (errno) return gallery_fail_errno(sink->ctx, sink->setup.path);
    if (asprintf(&sink->file, "%s/points%s", sink->folder, format->ending) >= 0) return GALLERY_OK;
    sink->file = NULL;
    return gallery_fail_memory(sink->ctx, strlen(sink->folder));
}

static void add_field(gallery_sink *sink, const char *name, OGRFieldType type) {
    OGRFieldDefnH field = OGR_Fld_Create(name, type);
    OGR_L_CreateField(sink->layer, field, 0);
    OGR_Fld_Destroy(field);
}

static void make_layer(gallery_sink *sink, const struct format *format) {
    static const OGRFieldType types[] = {OFTString, OFTInteger64, OFTReal};
    char option[64], *options[] = {NULL, NULL};
    GDALDriverH driver = GDALGetDriverByName(format->name);
    OGRSpatialReferenceH wgs84 = OSRNewSpatialReference(NULL);
    OSRImportFromEPSG(wgs84, 4326);
    OSRSetAxisMappingStrategy(wgs84, OAMS_TRADITIONAL_GIS_ORDER);
    if (format->option) options[0] = strcpy(option, format->option);
    sink->dataset = driver ? GDALCreate(driver, sink->file, 0, 0, 0, GDT_Unknown, NULL) : NULL;
    sink->layer = sink->dataset
                      ? GDALDatasetCreateLayer(sink->dataset, "points", wgs84, wkbPoint, options)
                      : NULL;
    OSRRelease(wgs84);
    if (!sink->layer) return;
    add_field(sink, "id", OFTString);
    for (size_t i = 0; sink->setup.fields[i]; i++)
        add_field(sink, sink->setup.fields[i], types[sink->setup.types[i]]);
    sink->in_transaction = GDALDatasetTestCapability(sink->dataset, ODsCTransactions) &&
                           GDALDatasetStartTransaction(sink->dataset, 0) == OGRERR_NONE;
    sink->feature = OGR_F_Create(OGR_L_GetLayerDefn(sink->layer));
}

int gallery_sink_open(gallery_context *ctx, const gallery_sink_setup *setup, gallery_sink **out) {
    const struct format *format = format_of(setup->format);
    gallery_complaint complaint;
    *out = NULL;
    gallery_sink *sink = calloc(1, sizeof *sink);
    if (!sink) return gallery_fail_memory(ctx, sizeof *sink);
    sink->ctx = ctx;
    sink->setup = *setup;
    int status;
    GALLERY_GO(check_place(sink));
    GALLERY_GO(make_folder(sink, format));
    gallery_complaint_begin(&complaint);
    GDALAllRegister();
    make_layer(sink, format);
    gallery_complaint_end();
    if (!sink->feature || complaint.failed)
        status = gallery_fail(ctx, GALLERY_EIO, "%s: cannot be made: %s", setup->path,
                              complaint.failed ? complaint.text : "this GDAL lacks the format");
    if (status == GALLERY_OK) *out = sink;
done:
    if (status != GALLERY_OK) gallery_sink_close(sink);
    return status;
}

/* -------------------------------------------------------------------- writing */

static void set_text(OGRFeatureH feature, int field, json_t *value) {
    gallery_text text = {0};
    if (json_is_string(value)) {
        OGR_F_SetFieldString(feature, field, json_string_value(value));
        return;
    }
    gallery_text_add_json(&text, value);
    gallery_text_add(&text, "", 1);
    if (!text.failed) OGR_F_SetFieldString(feature, field, text.at);
    free(text.at);
}

static void set_field(gallery_sink *sink, int i, json_t *value) {
    int field = i + 1;
    enum gallery_grid_type type = sink->setup.types[i];
    if (!value || json_is_null(value))
        OGR_F_SetFieldNull(sink->feature, field);
    else if (type == GALLERY_GRID_INTEGER && json_is_integer(value))
        OGR_F_SetFieldInteger64(sink->feature, field, json_integer_value(value));
    else if (type == GALLERY_GRID_REAL && json_is_number(value))
        OGR_F_SetFieldDouble(sink->feature, field, json_number_value(value));
    else
        set_text(sink->feature, field, value);
}

static int fail_write(gallery_sink *sink, const gallery_complaint *complaint) {
    int number = errno ? errno : EIO; /* a driver's text may not say what the system said */
    bool known = !complaint->failed || (errno && *gallery_advice(number));
    return gallery_fail(sink->ctx, GALLERY_EIO, "%s: cannot be written: %s%s", sink->setup.path,
                        known ? strerror(number) : complaint->text, gallery_advice(number));
}

int gallery_sink_put(gallery_sink *sink, const gallery_point *point) {
    gallery_complaint complaint;
    json_error_t error;
    char id[17];
    json_t *properties = json_loads(point->properties ? point->properties : "{}", 0, &error);
    if (!properties) return gallery_fail_memory(sink->ctx, 1);
    gallery_id_format(point->id, id);
    gallery_complaint_begin(&complaint);
    errno = 0;
    OGR_F_SetFID(sink->feature, OGRNullFID);
    OGR_F_SetFieldString(sink->feature, 0, id);
    for (int i = 0; sink->setup.fields[i]; i++)
        set_field(sink, i, json_object_get(properties, sink->setup.fields[i]));
    OGRGeometryH geometry = OGR_G_CreateGeometry(wkbPoint);
    OGR_G_SetPoint_2D(geometry, 0, point->lon_deg, point->lat_deg);
    OGR_F_SetGeometryDirectly(sink->feature, geometry);
    OGRErr wrong = OGR_L_CreateFeature(sink->layer, sink->feature);
    gallery_complaint_end();
    json_decref(properties);
    return wrong == OGRERR_NONE && !complaint.failed ? GALLERY_OK : fail_write(sink, &complaint);
}

/* ------------------------------------------------------------------- finishing */

/* Returns false, and errno, if a byte of it is not on the disk. */
static bool sync_path(const char *path, int flags) {
    int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && !fsync(fd);
    if (fd >= 0) close(fd);
    return ok;
}

static bool sync_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? strdup(".") : strndup(path, slash > path ? (size_t)(slash - path) : 1);
    bool ok = folder && sync_path(folder, O_DIRECTORY);
    free(folder);
    return ok;
}

static void close_dataset(gallery_sink *sink) {
    if (sink->feature) OGR_F_Destroy(sink->feature);
    if (sink->dataset) GDALClose(sink->dataset);
    sink->feature = NULL;
    sink->dataset = NULL;
}

/* Drivers buffer, and not all say so when the last bytes fail: the file is counted again. */
static bool holds(const gallery_sink *sink, GIntBig count) {
    GDALDatasetH dataset = GDALOpenEx(sink->file, GDAL_OF_VECTOR, NULL, NULL, NULL);
    OGRLayerH layer = dataset ? GDALDatasetGetLayer(dataset, 0) : NULL;
    GIntBig found = 0;
    for (OGRFeatureH feature; layer && (feature = OGR_L_GetNextFeature(layer)); found++)
        OGR_F_Destroy(feature);
    if (dataset) GDALClose(dataset);
    return found == count;
}

static bool place(const gallery_sink *sink) {
    const char *path = sink->setup.path;
    if (!sync_path(sink->file, 0)) return false;
    if (sink->setup.overwrite ? rename(sink->file, path) : link(sink->file, path)) return false;
    if (sync_parent(path)) return true;
    int number = errno;
    if (!sink->setup.overwrite) unlink(path); /* or the same could not be run again */
    errno = number;
    return false;
}

int gallery_sink_commit(gallery_sink *sink) {
    gallery_complaint complaint;
    errno = 0;
    gallery_complaint_begin(&complaint);
    GIntBig count = OGR_L_GetFeatureCount(sink->layer, 1);
    bool ok = !sink->in_transaction || GDALDatasetCommitTransaction(sink->dataset) == OGRERR_NONE;
    close_dataset(sink);
    ok = ok && !complaint.failed && holds(sink, count);
    gallery_complaint_end();
    if (!ok || complaint.failed) return fail_write(sink, &complaint);
    return place(sink) ? GALLERY_OK : gallery_fail_errno(sink->ctx, sink->setup.path);
}

void gallery_sink_close(gallery_sink *sink) {
    gallery_complaint complaint;
    if (!sink) return;
    gallery_complaint_begin(&complaint);
    close_dataset(sink);
    gallery_complaint_end();
    if (sink->folder) {
        gallery_temporary_remove_folder(sink->folder);
        close(sink->lock);
    }
    free(sink->folder);
    free(sink->file);
    free(sink);
}
