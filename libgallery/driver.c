#include "driver.h"
#include "context.h"
#include "reach.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Plain vector data. Not here: formats that name other sources (VRT, WFS), run code of their own
 * (SQLite's virtual tables), are converted by another program, or keep rasters. */
static const char *const formats[] = {"ESRI Shapefile", "GPKG",     "FlatGeobuf", "GeoJSON",
                                      "GeoJSONSeq",     "TopoJSON", "ESRIJSON",   "GPX",
                                      "LIBKML",         "KML",      "CSV",        "OSM",
                                      "PostgreSQL",     "GML",      "DXF",        "MapInfo File",
                                      "OpenFileGDB",    "OGR_GMT",  "JML",        NULL};

/* ----------------------------------------------------------------- complaints */

static void CPL_STDCALL collect(CPLErr level, CPLErrorNum number, const char *message) {
    gallery_complaint *complaint = CPLGetErrorHandlerUserData();
    bool no_effect = number == CPLE_NotSupported && strstr(message, " open option ");
    if ((level < CE_Failure && !no_effect) || complaint->failed) return;
    complaint->failed = true;
    snprintf(complaint->text, sizeof complaint->text, "%s", message);
    for (char *c = complaint->text; *c; c++)
        if (iscntrl((unsigned char)*c)) *c = ' ';
}

void gallery_complaint_begin(gallery_complaint *complaint) {
    *complaint = (gallery_complaint){0};
    CPLPushErrorHandlerEx(collect, complaint);
}

void gallery_complaint_end(void) {
    CPLPopErrorHandler();
}

/* ------------------------------------------------------------------------ OSM */

static char **add_once(char **names, const char *name) {
    return CSLFindString(names, name) < 0 ? CSLAddString(names, name) : names;
}

/* Every word outside of quotes: fields, and a few words of SQL, which hurt nobody. */
static char **add_words(char **names, const char *where) {
    char word[128];
    bool quoted = false;
    for (const char *c = where; c && *c;) {
        if (*c == '\'') quoted = !quoted;
        size_t n = quoted ? 0
                          : strspn(c, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_:");
        if (n && n < sizeof word) {
            memcpy(word, c, n);
            word[n] = '\0';
            names = add_once(names, word);
        }
        c += n ? n : 1;
    }
    return names;
}

/* The driver makes fields of the tags that its configuration names. Ours names those that the
 * filters and --keep ask for, so any tag will do. Returns the configuration's name in memory. */
static char *osm_configuration(const gallery_grid_setup *setup, const void *unique) {
    static const char *const kinds[] = {"points", "lines", "multipolygons", "multilinestrings",
                                        "other_relations"};
    char **names = CSLAddString(NULL, "name");
    names = add_once(names, "highway");
    for (int i = 0; setup->keep && setup->keep[i]; i++) names = add_once(names, setup->keep[i]);
    names = add_words(names, setup->where);
    names = add_words(names, setup->sql);
    int own = CSLFindString(names, "osm_id"), rest = CSLFindString(names, "other_tags");
    if (own >= 0) names = CSLRemoveStrings(names, own, 1, NULL);
    if ((rest = CSLFindString(names, "other_tags")) >= 0)
        names = CSLRemoveStrings(names, rest, 1, NULL);
    char *path = CPLStrdup(CPLSPrintf("/vsimem/vidtag-%p.ini", unique));
    VSILFILE *file = VSIFOpenL(path, "wb");
    if (file) {
        VSIFPrintfL(file, "closed_ways_are_polygons=aeroway,amenity,boundary,building,craft,"
                          "geological,historic,landuse,leisure,military,natural,office,place,shop,"
                          "sport,tourism,highway=platform,public_transport=platform\n"
                          "attribute_name_laundering=no\n");
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            VSIFPrintfL(file, "[%s]\nosm_id=yes\nother_tags=%s\nattributes=", kinds[k],
                        rest >= 0 ? "yes" : "no");
            for (int i = 0; names && names[i]; i++)
                VSIFPrintfL(file, "%s%s", i ? "," : "", names[i]);
            VSIFPrintfL(file, "\nunsignificant=created_by,converted_by,source,time,ele,"
                              "attribution\nignore=created_by,converted_by,source,time,ele,note,"
                              "todo,fixme,FIXME\n");
        }
        VSIFCloseL(file);
    }
    CSLDestroy(names);
    return path;
}

/* -------------------------------------------------------------------- opening */

static int explain(gallery_context *ctx, const char *path, const char *shown,
                   const gallery_grid_setup *setup, const gallery_complaint *complaint) {
    GDALDriverH driver = GDALIdentifyDriverEx(path, GDAL_OF_VECTOR, NULL, NULL);
    const char *name = driver ? GDALGetDriverShortName(driver) : NULL;
    if (name && !strcmp(name, "OGR_VRT") && !setup->allow_net)
        return gallery_fail(ctx, GALLERY_EFORMAT,
                            "%s: a virtual source (VRT), which can point anywhere; name the file "
                            "that it points to, or give --allow-net",
                            shown);
    if (name)
        return gallery_fail(ctx, GALLERY_EFORMAT,
                            "%s: the format %s is not read here; to convert: ogr2ogr out.gpkg %s",
                            shown, name, shown);
    if (complaint->failed)
        return gallery_fail(ctx, GALLERY_EFORMAT, "%s: %s", shown, complaint->text);
    return gallery_fail(ctx, GALLERY_EFORMAT, "%s: not a vector file that GDAL can read", shown);
}

/* Options of the drivers that need some. */
static char **open_options(const char *format, const char *configuration,
                           const gallery_grid_setup *setup) {
    char **options = NULL;
    if (!strcmp(format, "OSM")) options = CSLSetNameValue(options, "CONFIG_FILE", configuration);
    if (!strcmp(format, "CSV")) {
        options = CSLSetNameValue(options, "X_POSSIBLE_NAMES", "lon,lng,longitude,x");
        options = CSLSetNameValue(options, "Y_POSSIBLE_NAMES", "lat,latitude,y");
    }
    if (!strcmp(format, "GML")) { /* nothing is written beside the source, nothing fetched */
        options = CSLSetNameValue(options, "WRITE_GFS", "NO");
        options = CSLSetNameValue(options, "DOWNLOAD_SCHEMA", "NO");
    }
    for (const char *const *pair = setup->open_options; pair && *pair; pair++) {
        char *key = NULL;
        const char *value = CPLParseNameValue(*pair, &key);
        if (key) options = CSLSetNameValue(options, key, value);
        CPLFree(key);
    }
    return options;
}

static GDALDatasetH open_as(const char *path, GDALDriverH driver, const gallery_grid_setup *setup) {
    const char *only[] = {GDALGetDriverShortName(driver), NULL};
    char *configuration = NULL;
    if (!strcmp(only[0], "OSM")) configuration = osm_configuration(setup, setup);
    char **options = open_options(only[0], configuration, setup);
    GDALDatasetH dataset =
        GDALOpenEx(path, GDAL_OF_VECTOR | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, only,
                   (const char *const *)options, NULL);
    if (configuration) VSIUnlink(configuration);
    CPLFree(configuration);
    CSLDestroy(options);
    return dataset;
}

static GDALDriverH identify(const char *path, const gallery_grid_setup *setup) {
    return GDALIdentifyDriverEx(path, GDAL_OF_VECTOR, setup->allow_net ? NULL : formats, NULL);
}

/* Most agencies zip their shapefiles; GDAL itself looks only into those named .shp.zip. */
static bool is_zip(const char *path) {
    size_t n = strlen(path);
    return n > 4 && !strcasecmp(path + n - 4, ".zip") && strncmp(path, "/vsi", 4) != 0;
}

/* A seamless table of MapInfo is a list of other tables, wherever they are. GDAL looks at the same
 * line of it. */
static bool is_seamless(const char *path) {
    size_t n = strlen(path);
    if (n < 4 || strcasecmp(path + n - 4, ".tab") != 0) return false;
    char **lines = CSLLoad2(path, 10000, 4096, NULL);
    bool seamless = CSLPartialFindString(lines, "IsSeamless") >= 0;
    CSLDestroy(lines);
    return seamless;
}

static int refuse_seamless(gallery_context *ctx, const char *path, GDALDatasetH dataset) {
    char **files = GDALGetFileList(dataset);
    int status = GALLERY_OK;
    for (int i = 0; status == GALLERY_OK && files && files[i]; i++)
        if (is_seamless(files[i]))
            status = gallery_fail(ctx, GALLERY_EFORMAT,
                                  "%s: a seamless table, which can point anywhere; name the tables "
                                  "that it points to, or give --allow-net",
                                  path);
    CSLDestroy(files);
    return status;
}

static int open_driver(gallery_context *ctx, const char *path, const char *shown,
                       const gallery_grid_setup *setup, GDALDatasetH *dataset) {
    gallery_complaint complaint;
    gallery_complaint_begin(&complaint);
    if (!GDALGetDriverByName("ESRI Shapefile")) GDALAllRegister();
    char *within = is_zip(path) ? CPLStrdup(CPLSPrintf("/vsizip/%s", path)) : NULL;
    const char *name = path;
    GDALDriverH driver = identify(path, setup);
    if (!driver && within && (driver = identify(within, setup))) name = within;
    if (driver) *dataset = open_as(name, driver, setup);
    CPLFree(within);
    int status = GALLERY_OK;
    if (strstr(complaint.text, "connection info string")) /* it quotes a part, such as a password */
        snprintf(complaint.text, sizeof complaint.text,
                 "not NAME=VALUE and so on; a VALUE with spaces goes between ' '");
    if (!driver)
        status = explain(ctx, path, shown, setup, &complaint);
    else if (!*dataset || complaint.failed)
        status = gallery_fail(ctx, GALLERY_EFORMAT, "%s: %s", shown,
                              complaint.failed ? complaint.text : "cannot be opened");
    if (status == GALLERY_OK && !setup->allow_net && gallery_driver_is(*dataset, "MapInfo File"))
        status = refuse_seamless(ctx, path, *dataset);
    gallery_complaint_end();
    return status;
}

int gallery_driver_open(gallery_context *ctx, const char *path, const gallery_grid_setup *setup,
                        GDALDatasetH *dataset) {
    *dataset = NULL;
    GALLERY_TRY(gallery_reach_check_path(ctx, path, setup->allow_net));
    char *shown = gallery_reach_shown(path);
    if (!shown) return gallery_fail_memory(ctx, strlen(path));
    int status = open_driver(ctx, path, shown, setup, dataset);
    free(shown);
    if (status != GALLERY_OK && *dataset) GDALClose(*dataset);
    if (status != GALLERY_OK) *dataset = NULL;
    return status;
}

bool gallery_driver_is(GDALDatasetH dataset, const char *name) {
    return !strcmp(GDALGetDriverShortName(GDALGetDatasetDriver(dataset)), name);
}
