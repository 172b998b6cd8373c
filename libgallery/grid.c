#include "grid.h"
#include "context.h"
#include "geodesy.h"
#include "sample.h"
#include "seen.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX 64

enum kind { POINTS, LINES, POLYGONS, KINDS };

struct part { /* a point, a line, or a polygon */
    size_t vertex, end, rings;
};

struct gallery_grid {
    gallery_context *ctx;
    gallery_grid_setup setup;
    gallery_seen seen;
    gallery_grid_counts *counts;

    /* the feature at hand: its vertices, where rings end counted from their part's first vertex */
    const char *place;
    bool projected; /* its polygons were drawn in a plane */
    double *xy;
    size_t *ends;
    struct part *parts;
    size_t vertex_count, vertex_room, end_count, end_room, part_count, part_room;
    unsigned long long found[KINDS]; /* geometries of the source */

    /* properties: the feature's part of the text, which does not change from point to point, and
     * the whole text of the point at hand */
    gallery_text constant;
    char *text;
    size_t text_room;
};

static const char *const kind_names[] = {"points", "lines", "polygons"};
static const char *const kind_options[] = {"--points", "--roads", "--area"};

static enum kind kind_wanted(const gallery_grid *grid) {
    return grid->setup.mode == GALLERY_GRID_ROADS  ? LINES
           : grid->setup.mode == GALLERY_GRID_AREA ? POLYGONS
                                                   : POINTS;
}

/* -------------------------------------------------------------------- opening */

static int check_setup(gallery_context *ctx, const gallery_grid_setup *setup) {
    static const char *const own[] = {"id", "kind", "heading", "source", "error", "end"};
    if (setup->mode < GALLERY_GRID_ROADS || setup->mode > GALLERY_GRID_POINTS || !setup->take)
        return gallery_fail(ctx, GALLERY_EUSAGE, "no mode, or nothing to take the points");
    if (setup->mode != GALLERY_GRID_POINTS &&
        !(setup->spacing_m >= GALLERY_GRID_LEAST_M && setup->spacing_m <= GALLERY_GRID_MOST_M))
        return gallery_fail(ctx, GALLERY_EUSAGE, "a spacing of %g m is not between %g and %g",
                            setup->spacing_m, GALLERY_GRID_LEAST_M, GALLERY_GRID_MOST_M);
    for (const char *const *name = setup->keep; name && *name; name++) {
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            if (!strcmp(*name, own[i]))
                return gallery_fail(ctx, GALLERY_EUSAGE,
                                    "--keep: '%s' is a property that points have already", *name);
        if (!**name || strpbrk(*name, "\r\n,"))
            return gallery_fail(ctx, GALLERY_EUSAGE, "--keep: '%s' is no field's name", *name);
    }
    return GALLERY_OK;
}

int gallery_grid_open(gallery_context *ctx, const gallery_grid_setup *setup, gallery_grid **out) {
    *out = NULL;
    GALLERY_TRY(check_setup(ctx, setup));
    if (setup->srs) GALLERY_TRY(gallery_source_check_srs(ctx, setup->srs));
    gallery_grid *grid = calloc(1, sizeof *grid);
    if (!grid) return gallery_fail_memory(ctx, sizeof *grid);
    grid->ctx = ctx;
    grid->setup = *setup;
    *out = grid;
    return GALLERY_OK;
}

void gallery_grid_close(gallery_grid *grid) {
    if (!grid) return;
    gallery_seen_free(&grid->seen);
    free(grid->xy);
    free(grid->ends);
    free(grid->parts);
    free(grid->constant.at);
    free(grid->text);
    free(grid);
}

/* Makes room for `count` elements; array: the address of any pointer. */
static int reserve(gallery_context *ctx, void *array, size_t *room, size_t count, size_t size) {
    void *memory;
    if (count <= *room) return GALLERY_OK;
    size_t more = count + count / 2 + 16;
    memcpy(&memory, array, sizeof memory);
    memory = more > SIZE_MAX / size ? NULL : realloc(memory, more * size);
    if (!memory) return gallery_fail_memory(ctx, more * size);
    memcpy(array, &memory, sizeof memory);
    *room = more;
    return GALLERY_OK;
}

/* ----------------------------------------------------------------- properties */

/* `,"source":"PATH","name":"Aeulestrasse"}` */
static int set_constant(gallery_grid *grid, const char *source, json_t *kept) {
    json_t *object = json_object();
    json_t *name = json_string(source);
    if (!name) name = json_string("?"); /* a path that is not UTF-8 cannot be JSON */
    if (!object || json_object_set_new(object, "source", name)) {
        json_decref(object);
        return gallery_fail_memory(grid->ctx, strlen(source));
    }
    bool ok = !kept || !json_object_update(object, kept);
    grid->constant.length = 0;
    gallery_text_add_json(&grid->constant, object);
    json_decref(object);
    if (!ok || grid->constant.failed) return gallery_fail_memory(grid->ctx, strlen(source));
    grid->constant.at[0] = ',';
    return reserve(grid->ctx, &grid->text, &grid->text_room, PREFIX_MAX + grid->constant.length + 1,
                   1);
}

/* Degrees from north in hundredths, without zeros at the end. */
static size_t write_heading(double azimuth_deg, char *out) {
    int h = (int)lround(azimuth_deg * 100), n = 0;
    h = (h + 36000) % 36000;
    char digits[8];
    int count = 0, whole = h / 100, rest = h % 100;
    do digits[count++] = (char)('0' + whole % 10);
    while (whole /= 10);
    while (count) out[n++] = digits[--count];
    if (rest) {
        out[n++] = '.';
        out[n++] = (char)('0' + rest / 10);
        if (rest % 10) out[n++] = (char)('0' + rest % 10);
    }
    return (size_t)n;
}

static const char *point_properties(gallery_grid *grid, double azimuth_deg) {
    static const char *const begin[] = {"{\"kind\":\"point\"",
                                        "{\"kind\":\"road\",\"heading\":", "{\"kind\":\"area\""};
    enum kind kind = kind_wanted(grid);
    size_t n = strlen(begin[kind]);
    memcpy(grid->text, begin[kind], n);
    if (kind == LINES) n += write_heading(azimuth_deg, grid->text + n);
    memcpy(grid->text + n, grid->constant.at, grid->constant.length);
    grid->text[n + grid->constant.length] = '\0';
    return grid->text;
}

static int take_point(void *user, double lon_deg, double lat_deg, double azimuth_deg) {
    gallery_grid *grid = user;
    gallery_point point = {.lon_deg = lon_deg, .lat_deg = lat_deg};
    if (!gallery_canonical(&point.lon_deg, &point.lat_deg))
        return gallery_fail(grid->ctx, GALLERY_EVALUE, "%s: %g, %g is not on the Earth",
                            grid->place, lon_deg, lat_deg);
    point.id = gallery_point_id(point.lon_deg, point.lat_deg);
    if (grid->setup.mode != GALLERY_GRID_POINTS) {
        bool repeated;
        if (!gallery_seen_add(&grid->seen, point.id, &repeated))
            return gallery_fail_memory(grid->ctx, sizeof point.id * grid->seen.count * 4);
        if (repeated) {
            grid->counts->repeated++;
            return GALLERY_OK;
        }
    }
    point.properties = point_properties(grid, azimuth_deg);
    grid->counts->points++;
    return grid->setup.take(grid->setup.user, &point);
}

/* ----------------------------------------------------------------- geometries */

/* Rounding in a projection may leave a pole by a hair. */
#define POLE_TOLERANCE_DEG 1e-9

static int check_vertex(gallery_grid *grid, double *xy) {
    if (!isfinite(xy[0]) || !isfinite(xy[1]))
        return gallery_fail(grid->ctx, GALLERY_EVALUE, "%s: a coordinate is not a finite number",
                            grid->place);
    if (fabs(xy[1]) > 90 && fabs(xy[1]) <= 90 + POLE_TOLERANCE_DEG) xy[1] = copysign(90, xy[1]);
    if (fabs(xy[0]) <= 360 && fabs(xy[1]) <= 90) return GALLERY_OK;
    return gallery_fail(grid->ctx, GALLERY_ECRS,
                        "%s: longitude %.10g, latitude %.10g is not on the Earth: axes swapped, or "
                        "another reference system (-s_srs)?",
                        grid->place, xy[0], xy[1]);
}

static int add_vertices(gallery_grid *grid, OGRGeometryH geometry) {
    int n = OGR_G_GetPointCount(geometry);
    if (n <= 0) return GALLERY_OK;
    GALLERY_TRY(reserve(grid->ctx, &grid->xy, &grid->vertex_room, grid->vertex_count + (size_t)n,
                        2 * sizeof *grid->xy));
    double *xy = grid->xy + 2 * grid->vertex_count;
    OGR_G_GetPoints(geometry, xy, 2 * sizeof *xy, xy + 1, 2 * sizeof *xy, NULL, 0);
    for (int i = 0; i < n; i++) GALLERY_TRY(check_vertex(grid, xy + 2 * i));
    grid->vertex_count += (size_t)n;
    return GALLERY_OK;
}

static int add_ring(gallery_grid *grid, OGRGeometryH geometry, struct part *part) {
    GALLERY_TRY(add_vertices(grid, geometry));
    GALLERY_TRY(
        reserve(grid->ctx, &grid->ends, &grid->end_room, grid->end_count + 1, sizeof *grid->ends));
    grid->ends[grid->end_count++] = grid->vertex_count - part->vertex;
    part->rings++;
    return GALLERY_OK;
}

static int add_part(gallery_grid *grid, OGRGeometryH geometry, enum kind kind) {
    struct part part = {grid->vertex_count, grid->end_count, 0};
    if (OGR_G_IsEmpty(geometry)) return GALLERY_OK;
    grid->found[kind]++;
    if (kind != kind_wanted(grid)) return GALLERY_OK;
    if (kind != POLYGONS) {
        GALLERY_TRY(add_ring(grid, geometry, &part));
    } else {
        for (int i = 0; i < OGR_G_GetGeometryCount(geometry); i++)
            GALLERY_TRY(add_ring(grid, OGR_G_GetGeometryRef(geometry, i), &part));
        const char *wrong = grid->projected
                                ? gallery_sample_unwrap(grid->xy + 2 * part.vertex,
                                                        grid->ends + part.end, part.rings)
                                : NULL;
        if (wrong)
            return gallery_fail(grid->ctx, GALLERY_ECRS, "%s: a polygon %s", grid->place, wrong);
    }
    GALLERY_TRY(reserve(grid->ctx, &grid->parts, &grid->part_room, grid->part_count + 1,
                        sizeof *grid->parts));
    grid->parts[grid->part_count++] = part;
    return GALLERY_OK;
}

/* GDAL's readers bound how deep collections nest. */
static int add_geometry(gallery_grid *grid, OGRGeometryH geometry) {
    switch (OGR_GT_Flatten(OGR_G_GetGeometryType(geometry))) {
    case wkbPoint: return add_part(grid, geometry, POINTS);
    case wkbLineString: return add_part(grid, geometry, LINES);
    case wkbPolygon:
    case wkbTriangle: return add_part(grid, geometry, POLYGONS);
    default: break;
    }
    for (int i = 0; i < OGR_G_GetGeometryCount(geometry); i++)
        GALLERY_TRY(add_geometry(grid, OGR_G_GetGeometryRef(geometry, i)));
    return GALLERY_OK;
}

static int sample_part(gallery_grid *grid, const struct part *part) {
    double *xy = grid->xy + 2 * part->vertex;
    const size_t *ends = grid->ends + part->end;
    double spacing_m = grid->setup.spacing_m;
    switch (grid->setup.mode) {
    case GALLERY_GRID_ROADS:
        return gallery_sample_line(xy, gallery_sample_compact(xy, ends[0]), spacing_m, take_point,
                                   grid);
    case GALLERY_GRID_AREA:
        return gallery_sample_area(grid->ctx, xy, ends, part->rings, grid->projected, spacing_m,
                                   take_point, grid);
    default: return ends[0] ? take_point(grid, xy[0], xy[1], 0) : GALLERY_OK;
    }
}

/* --------------------------------------------------------------------- reading */

/* Looks at the whole feature before the first of its points is handed on, so that a broken one
 * leaves none behind. */
static int look_at_feature(gallery_grid *grid, const gallery_feature *feature) {
    grid->place = feature->place;
    grid->projected = feature->projected;
    grid->vertex_count = grid->end_count = grid->part_count = 0;
    if (!feature->geometry || OGR_G_IsEmpty(feature->geometry)) {
        grid->counts->features++;
        grid->counts->no_geometry++;
        return GALLERY_OK;
    }
    GALLERY_TRY(add_geometry(grid, feature->geometry));
    grid->counts->features++;
    if (grid->part_count)
        grid->counts->used++;
    else
        grid->counts->other++;
    return GALLERY_OK;
}

static int sample_feature(gallery_grid *grid, const char *source, const gallery_feature *feature) {
    if (grid->setup.keep && grid->part_count)
        GALLERY_TRY(set_constant(grid, source, feature->kept));
    for (size_t i = 0; i < grid->part_count; i++) GALLERY_TRY(sample_part(grid, &grid->parts[i]));
    return GALLERY_OK;
}

/* A broken feature is left out if the caller wants to hear of it. */
static bool leave_out(gallery_grid *grid, int status) {
    bool broken = status == GALLERY_EFORMAT || status == GALLERY_ECRS || status == GALLERY_EVALUE;
    if (!broken || !grid->setup.problem) return false;
    grid->counts->features++;
    grid->counts->broken++;
    grid->setup.problem(grid->setup.user, gallery_message(grid->ctx));
    return true;
}

static int read_features(gallery_grid *grid, gallery_source *source, const char *path) {
    gallery_feature feature;
    for (;;) {
        bool broken;
        int status = gallery_source_next(source, &feature, &broken);
        if (status == GALLERY_END) return GALLERY_OK;
        if (status != GALLERY_OK) {
            if (broken && leave_out(grid, status)) continue;
            return status;
        }
        status = look_at_feature(grid, &feature);
        if (status != GALLERY_OK) {
            if (leave_out(grid, status)) continue;
            return status;
        }
        GALLERY_TRY(sample_feature(grid, path, &feature));
    }
}

/* Why there is not one point. */
static int fail_empty(gallery_grid *grid, const char *path, const gallery_grid_counts *n,
                      unsigned long long filtered) {
    enum kind kind = kind_wanted(grid);
    const char *name = kind_names[kind], *where = grid->setup.where ? " that fits --where" : "";
    if (!n->features && filtered)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY,
                            "%s: none of %llu features%s is a road by its tag `highway`: see "
                            "--highway",
                            path, filtered, where);
    if (!n->features)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY, "%s: no feature%s", path, where);
    if (n->used == 0 && n->other)
        for (int other = 0; other < KINDS; other++)
            if (grid->found[other])
                return gallery_fail(grid->ctx, GALLERY_EEMPTY,
                                    "%s: no %s, but %llu %s, which %s takes", path, name,
                                    grid->found[other], kind_names[other], kind_options[other]);
    if (n->broken == n->features)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY, "%s: every feature is broken", path);
    if (n->used == 0)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY, "%s: no feature has a geometry", path);
    if (kind == POLYGONS)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY,
                            "%s: no point of the grid lies inside the polygons: is a spacing of "
                            "%g m too wide?",
                            path, grid->setup.spacing_m);
    return gallery_fail(grid->ctx, GALLERY_EEMPTY, "%s: no %s that have a length", path, name);
}

int gallery_grid_read(gallery_grid *grid, const char *path, gallery_grid_counts *total) {
    gallery_grid_counts counts = {0};
    gallery_source *source = NULL;
    const char *name = strcmp(path, "-") ? path : "standard input";
    grid->counts = &counts;
    memset(grid->found, 0, sizeof grid->found);
    int status = set_constant(grid, path, NULL);
    if (status != GALLERY_OK) goto done;
    GALLERY_GO(gallery_source_open(grid->ctx, path, &grid->setup, &source));
    GALLERY_GO(read_features(grid, source, path));
    if (!counts.points && !counts.repeated)
        status = fail_empty(grid, name, &counts, gallery_source_filtered(source));
done:
    gallery_source_close(source);
    grid->counts = NULL;
    if (total) {
        total->features += counts.features;
        total->used += counts.used;
        total->other += counts.other;
        total->no_geometry += counts.no_geometry;
        total->broken += counts.broken;
        total->points += counts.points;
        total->repeated += counts.repeated;
    }
    return status;
}
