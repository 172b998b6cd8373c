#include "grid.h"
#include "area.h"
#include "boxes.h"
#include "context.h"
#include "geodesy.h"
#include "order.h"
#include "reach.h"
#include "region.h"
#include "sample.h"
#include "seen.h"
#include "source.h"
#include "thin.h"

#include <cpl_conv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX 64
#define PROGRESS 65536 /* points of one feature between signs of life */
#define THINS 2

enum kind { POINTS, LINES, POLYGONS, KINDS };

struct part { /* a point, a line, or a polygon */
    size_t vertex, end, rings;
};

struct gallery_grid {
    gallery_context *ctx;
    gallery_grid_setup setup;
    gallery_seen seen;    /* unsorted */
    gallery_order *order; /* sorted */
    gallery_region *clip;
    gallery_thin *thin[THINS];    /* one after the other; NULL: none more */
    unsigned long long at[THINS]; /* how many points they were asked for */
    unsigned line;                /* tells the line at hand from others, 16 bits */
    gallery_boxes *boxes;         /* of the source at hand, with setup.boxes */
    gallery_grid_counts *counts;
    unsigned long long made, handed_on;    /* points in all */
    unsigned long long own, single, close; /* of the shard: made, single, dropped by `thin` */
    unsigned *kept_types;                  /* of each field to keep: bits of the types seen */

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

/* What is read, if not what is made. */
static enum kind kind_read(const gallery_grid *grid) {
    return grid->setup.boxes ? POINTS : kind_wanted(grid);
}

/* -------------------------------------------------------------------- opening */

/* What a gallery takes for a tag. */
static int check_tag(gallery_context *ctx, const char *tag) {
    bool plain = true;
    for (const char *c = tag; c && *c; c++) plain &= (unsigned char)*c >= 32 && *c != 127;
    if (!tag || (*tag && plain && strlen(tag) <= 127)) return GALLERY_OK;
    return gallery_fail(ctx, GALLERY_EUSAGE,
                        "--tag: a tag has 1 to 127 bytes and no control characters");
}

static int check_thinning(gallery_context *ctx, const gallery_grid_setup *setup) {
    bool dedupe = setup->dedupe_m != 0, distance = setup->min_distance_m != 0;
    if (dedupe && !(setup->dedupe_m > 0 && setup->dedupe_m <= GALLERY_GRID_DEDUPE_MOST_M &&
                    setup->dedupe_deg >= 0 && setup->dedupe_deg <= 90))
        return gallery_fail(ctx, GALLERY_EUSAGE, "--dedupe %g, --dedupe-heading %g: out of range",
                            setup->dedupe_m, setup->dedupe_deg);
    if (distance && !(setup->min_distance_m >= GALLERY_GRID_LEAST_M &&
                      setup->min_distance_m <= GALLERY_GRID_MOST_M))
        return gallery_fail(ctx, GALLERY_EUSAGE, "--min-distance %g: out of range",
                            setup->min_distance_m);
    if ((dedupe || distance) && !setup->sorted)
        return gallery_fail(ctx, GALLERY_EUSAGE,
                            "%s needs all points in order: not with --unsorted",
                            dedupe ? "--dedupe" : "--min-distance");
    return GALLERY_OK;
}

static int check_boxes(gallery_context *ctx, const gallery_grid_setup *setup) {
    const gallery_grid_boxes *b = setup->boxes;
    if (!b) return GALLERY_OK;
    if (setup->mode != GALLERY_GRID_AREA)
        return gallery_fail(ctx, GALLERY_EUSAGE, "--bbox-of has no effect without --area");
    if (!(b->clip_percent >= 0 && b->clip_percent < 50))
        return gallery_fail(ctx, GALLERY_EUSAGE, "--clip-percentile: %g is not between 0 and 50",
                            b->clip_percent);
    if (!(b->pad_deg >= 0 && b->pad_deg <= 90))
        return gallery_fail(ctx, GALLERY_EUSAGE, "--pad: %g is not between 0 and 90", b->pad_deg);
    return GALLERY_OK;
}

static int check_setup(gallery_context *ctx, const gallery_grid_setup *setup) {
    const char *keep = setup->boxes ? "--by" : "--keep";
    static const char *const own[] = {"id", "kind", "heading", "source", "error", "end"};
    if (setup->mode < GALLERY_GRID_ROADS || setup->mode > GALLERY_GRID_POINTS || !setup->take)
        return gallery_fail(ctx, GALLERY_EUSAGE, "no mode, or nothing to take the points");
    if (setup->mode != GALLERY_GRID_POINTS &&
        !(setup->spacing_m >= GALLERY_GRID_LEAST_M && setup->spacing_m <= GALLERY_GRID_MOST_M))
        return gallery_fail(ctx, GALLERY_EUSAGE, "a spacing of %g m is not between %g and %g",
                            setup->spacing_m, GALLERY_GRID_LEAST_M, GALLERY_GRID_MOST_M);
    GALLERY_TRY(check_boxes(ctx, setup));
    if (setup->mode != GALLERY_GRID_AREA && (setup->hex || setup->buffer_m != 0))
        return gallery_fail(ctx, GALLERY_EUSAGE, "%s has no effect without --area",
                            setup->hex ? "--hex" : "--buffer");
    if (!(setup->buffer_m >= 0 && setup->buffer_m <= GALLERY_GRID_MOST_M))
        return gallery_fail(ctx, GALLERY_EUSAGE, "a buffer of %g m is not between 0 and %g",
                            setup->buffer_m, GALLERY_GRID_MOST_M);
    if (setup->mode != GALLERY_GRID_ROADS && (setup->both_ways || setup->dedupe_m != 0))
        return gallery_fail(ctx, GALLERY_EUSAGE, "%s has no effect without --roads",
                            setup->both_ways ? "--both-ways" : "--dedupe");
    GALLERY_TRY(check_thinning(ctx, setup));
    if (setup->shard > setup->shards || (setup->shards && !setup->shard))
        return gallery_fail(ctx, GALLERY_EUSAGE, "there is no shard %u of %u", setup->shard,
                            setup->shards);
    GALLERY_TRY(check_tag(ctx, setup->tag));
    GALLERY_TRY(gallery_reach_check_options(ctx, setup));
    for (const char *const *name = setup->keep; name && *name; name++) {
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            if (!strcmp(*name, own[i]))
                return gallery_fail(ctx, GALLERY_EUSAGE,
                                    "%s: '%s' is a property that points have already", keep, *name);
        if (setup->tag && !strcmp(*name, "tag"))
            return gallery_fail(ctx, GALLERY_EUSAGE, "%s: 'tag' is what --tag sets", keep);
        if (!**name || strpbrk(*name, "\r\n,"))
            return gallery_fail(ctx, GALLERY_EUSAGE, "%s: '%s' is no field's name", keep, *name);
    }
    return GALLERY_OK;
}

/* Of this thread only, so that grids in other threads do not see it. */
static void set_config(const gallery_grid *grid, bool on) {
    for (const char *const *pair = grid->setup.config; pair && *pair; pair++) {
        size_t n = strcspn(*pair, "=");
        char *key = strndup(*pair, n);
        if (key) CPLSetThreadLocalConfigOption(key, on ? *pair + n + 1 : NULL);
        free(key);
    }
}

/* Half a spacing, and what rounding to the grid of coordinates adds. */
static int open_thins(gallery_grid *grid) {
    const gallery_grid_setup *setup = &grid->setup;
    const gallery_thin_rule lanes = {.distance_m = setup->dedupe_m,
                                     .along_m = setup->spacing_m * 0.5 + 0.02,
                                     .tolerance_deg = setup->dedupe_deg};
    const gallery_thin_rule disks = {.distance_m = setup->min_distance_m, .seed = setup->seed};
    size_t n = 0;
    if (setup->dedupe_m > 0) GALLERY_TRY(gallery_thin_open(grid->ctx, &lanes, &grid->thin[n++]));
    if (setup->min_distance_m > 0)
        GALLERY_TRY(gallery_thin_open(grid->ctx, &disks, &grid->thin[n++]));
    return GALLERY_OK;
}

int gallery_grid_open(gallery_context *ctx, const gallery_grid_setup *setup, gallery_grid **out) {
    int status = GALLERY_OK;
    *out = NULL;
    GALLERY_TRY(check_setup(ctx, setup));
    if (setup->srs) GALLERY_TRY(gallery_source_check_srs(ctx, setup->srs));
    gallery_grid *grid = calloc(1, sizeof *grid);
    if (!grid) return gallery_fail_memory(ctx, sizeof *grid);
    grid->ctx = ctx;
    grid->setup = *setup;
    set_config(grid, true);
    size_t fields = 0;
    while (setup->keep && setup->keep[fields]) fields++;
    grid->kept_types = calloc(fields + 1, sizeof *grid->kept_types);
    if (!grid->kept_types) status = gallery_fail_memory(ctx, fields + 1);
    if (setup->sorted && status == GALLERY_OK) status = gallery_order_open(ctx, 0, &grid->order);
    if (status == GALLERY_OK) status = open_thins(grid);
    if (setup->clip && status == GALLERY_OK)
        status = gallery_region_open(ctx, setup->clip, setup->allow_net, &grid->clip);
    if (status == GALLERY_OK)
        *out = grid;
    else
        gallery_grid_close(grid);
    return status;
}

void gallery_grid_close(gallery_grid *grid) {
    if (!grid) return;
    gallery_seen_free(&grid->seen);
    gallery_order_close(grid->order);
    gallery_region_close(grid->clip);
    for (int i = 0; i < THINS; i++) gallery_thin_close(grid->thin[i]);
    gallery_boxes_close(grid->boxes);
    set_config(grid, false);
    free(grid->xy);
    free(grid->ends);
    free(grid->parts);
    free(grid->kept_types);
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

static void note_types(gallery_grid *grid, const json_t *kept) {
    for (size_t i = 0; kept && grid->setup.keep[i]; i++) {
        const json_t *value = json_object_get(kept, grid->setup.keep[i]);
        if (!value || json_is_null(value)) continue;
        enum gallery_grid_type type = json_is_integer(value) ? GALLERY_GRID_INTEGER
                                      : json_is_real(value)  ? GALLERY_GRID_REAL
                                                             : GALLERY_GRID_TEXT;
        grid->kept_types[i] |= 1U << type;
    }
}

enum gallery_grid_type gallery_grid_keep_type(const gallery_grid *grid, size_t i) {
    switch (grid->kept_types[i]) {
    case 1 << GALLERY_GRID_INTEGER: return GALLERY_GRID_INTEGER;
    case 1 << GALLERY_GRID_REAL:
    case 1 << GALLERY_GRID_REAL | 1 << GALLERY_GRID_INTEGER: return GALLERY_GRID_REAL;
    default: return GALLERY_GRID_TEXT;
    }
}

/* `,"source":"PATH","name":"Aeulestrasse"}` */
static int set_constant(gallery_grid *grid, const char *source, json_t *kept) {
    json_t *object = json_object();
    json_t *name = json_string(source);
    if (!name) name = json_string("?"); /* a path that is not UTF-8 cannot be JSON */
    if (!object || json_object_set_new(object, "source", name)) {
        json_decref(object);
        return gallery_fail_memory(grid->ctx, strlen(source));
    }
    bool ok = true;
    note_types(grid, kept);
    if (grid->setup.tag) {
        json_t *tag = json_string(grid->setup.tag);
        if (!tag) {
            json_decref(object);
            return gallery_fail(grid->ctx, GALLERY_EUSAGE, "--tag: it is no UTF-8");
        }
        ok = !json_object_set_new(object, "tag", tag);
    }
    ok = ok && (!kept || !json_object_update(object, kept));
    grid->constant.length = 0;
    gallery_text_add_json(&grid->constant, object);
    json_decref(object);
    if (!ok || grid->constant.failed) return gallery_fail_memory(grid->ctx, strlen(source));
    grid->constant.at[0] = ',';
    if (!grid->order) return GALLERY_OK;
    return gallery_order_text(grid->order, grid->constant.at, grid->constant.length);
}

/* --------------------------------------------------------------------- points */

/* Degrees from north in hundredths, [0, 36000). */
static uint32_t heading_of(double azimuth_deg) {
    int h = (int)lround(azimuth_deg * 100) % 36000;
    return (uint32_t)(h < 0 ? h + 36000 : h);
}

/* An entry's value is the heading; for --dedupe with the line below it. */
static uint32_t value_of(const gallery_grid *grid, double azimuth_deg) {
    if (grid->setup.mode != GALLERY_GRID_ROADS) return 0;
    uint32_t heading = heading_of(azimuth_deg);
    return grid->setup.dedupe_m > 0 ? heading << 16 | grid->line : heading;
}

static uint32_t heading_in(const gallery_grid *grid, uint32_t value) {
    return grid->setup.dedupe_m > 0 ? value >> 16 : value;
}

/* Without zeros at the end. */
static size_t write_heading(uint32_t heading, char *out) {
    size_t n = 0;
    uint32_t whole = heading / 100, rest = heading % 100;
    if (whole >= 100) out[n++] = (char)('0' + whole / 100);
    if (whole >= 10) out[n++] = (char)('0' + whole / 10 % 10);
    out[n++] = (char)('0' + whole % 10);
    if (rest) {
        out[n++] = '.';
        out[n++] = (char)('0' + rest / 10);
        if (rest % 10) out[n++] = (char)('0' + rest % 10);
    }
    return n;
}

/* constant: as set_constant makes it. */
static int write_properties(gallery_grid *grid, uint32_t heading, const char *constant,
                            size_t length) {
    static const char *const begin[] = {"{\"kind\":\"point\"",
                                        "{\"kind\":\"road\",\"heading\":", "{\"kind\":\"area\""};
    enum kind kind = kind_wanted(grid);
    size_t n = strlen(begin[kind]);
    GALLERY_TRY(reserve(grid->ctx, &grid->text, &grid->text_room, PREFIX_MAX + length + 1, 1));
    memcpy(grid->text, begin[kind], n);
    if (kind == LINES) n += write_heading(heading, grid->text + n);
    memcpy(grid->text + n, constant, length);
    grid->text[n + length] = '\0';
    return GALLERY_OK;
}

static int hand_on(gallery_grid *grid, const gallery_order_entry *entry) {
    gallery_point point = {.id = entry->id};
    gallery_point_from_id(entry->id, &point.lon_deg, &point.lat_deg);
    for (uint32_t turn = 0; turn <= (grid->setup.both_ways ? 18000 : 0); turn += 18000) {
        uint32_t heading = (heading_in(grid, entry->value) + turn) % 36000;
        GALLERY_TRY(write_properties(grid, heading, entry->text, entry->length));
        point.properties = grid->text;
        grid->handed_on++;
        GALLERY_TRY(grid->setup.take(grid->setup.user, &point));
    }
    return GALLERY_OK;
}

/* Ground belongs to a shard in squares of 2^15 steps of 1e-7 degrees, 365 m: small enough that
 * shards of a town are of a size, large enough that a shard's points are neighbours. */
#define SHARD_SHIFT 30

/* The squares are spread by SplitMix64's finaliser. */
static bool in_shard(const gallery_grid *grid, uint64_t id) {
    uint64_t x = (id >> SHARD_SHIFT) + UINT64_C(0x9e3779b97f4a7c15);
    if (grid->setup.shards < 2) return true;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return x % grid->setup.shards + 1 == grid->setup.shard;
}

static bool is_in_clip(const gallery_grid *grid, uint64_t id) {
    double lon_deg, lat_deg;
    return gallery_point_from_id(id, &lon_deg, &lat_deg) &&
           gallery_region_holds(grid->clip, lon_deg, lat_deg);
}

static int take_unsorted(gallery_grid *grid, const gallery_order_entry *entry) {
    if (grid->setup.mode != GALLERY_GRID_POINTS) {
        bool repeated;
        if (!gallery_seen_add(&grid->seen, entry->id, &repeated))
            return gallery_fail_memory(grid->ctx, sizeof entry->id * grid->seen.count * 4);
        if (repeated) {
            grid->counts->repeated++;
            return GALLERY_OK;
        }
    }
    grid->counts->points++;
    GALLERY_TRY(hand_on(grid, entry));
    return grid->setup.limit && grid->handed_on >= grid->setup.limit ? GALLERY_END : GALLERY_OK;
}

static int take_point(void *user, double lon_deg, double lat_deg, double azimuth_deg) {
    gallery_grid *grid = user;
    gallery_order_entry entry;
    if (!gallery_point_locate(lon_deg, lat_deg, &entry.id))
        return gallery_fail(grid->ctx, GALLERY_EVALUE, "%s: %g, %g is not on the Earth",
                            grid->place, lon_deg, lat_deg);
    if (grid->clip && !is_in_clip(grid, entry.id)) {
        grid->counts->clipped++;
        return GALLERY_OK;
    }
    bool own = in_shard(grid, entry.id);
    if (++grid->made % PROGRESS == 0 && grid->setup.progress)
        grid->setup.progress(grid->setup.user, grid->made);
    grid->own += own;
    if (!own && !grid->thin[0]) return GALLERY_OK;
    entry.value = value_of(grid, azimuth_deg);
    if (grid->order) return gallery_order_add(grid->order, entry.id, entry.value);
    entry.text = grid->constant.at;
    entry.length = grid->constant.length;
    return take_unsorted(grid, &entry);
}

/* ----------------------------------------------------------------- geometries */

static int add_vertices(gallery_grid *grid, OGRGeometryH geometry) {
    int n = OGR_G_GetPointCount(geometry);
    if (n <= 0) return GALLERY_OK;
    GALLERY_TRY(reserve(grid->ctx, &grid->xy, &grid->vertex_room, grid->vertex_count + (size_t)n,
                        2 * sizeof *grid->xy));
    GALLERY_TRY(gallery_feature_vertices(grid->ctx, grid->place, geometry,
                                         grid->xy + 2 * grid->vertex_count));
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
    if (kind != kind_read(grid)) return GALLERY_OK;
    if (kind != POLYGONS) {
        GALLERY_TRY(add_ring(grid, geometry, &part));
    } else {
        for (int i = 0; i < OGR_G_GetGeometryCount(geometry); i++)
            GALLERY_TRY(add_ring(grid, OGR_G_GetGeometryRef(geometry, i), &part));
        const char *wrong = grid->projected ? gallery_area_unwrap(grid->xy + 2 * part.vertex,
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

/* 16 bits of FNV-1a over the vertices, so that it does not depend on what was read before. One pair
 * of lines in 65,536 passes for one line, whose points --dedupe leaves beside one another. */
static unsigned hash_line(const double *xy, size_t n) {
    const unsigned char *bytes = (const unsigned char *)xy;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < 2 * n * sizeof *xy; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return (unsigned)(hash ^ hash >> 16 ^ hash >> 32 ^ hash >> 48) & 0xffff;
}

static int sample_part(gallery_grid *grid, const struct part *part) {
    double *xy = grid->xy + 2 * part->vertex;
    const size_t *ends = grid->ends + part->end;
    const gallery_grid_setup *s = &grid->setup;
    const gallery_area_setup area = {s->spacing_m, s->buffer_m, s->hex, grid->projected};
    switch (s->mode) {
    case GALLERY_GRID_ROADS:
        if (grid->setup.dedupe_m > 0) grid->line = hash_line(xy, ends[0]);
        return gallery_sample_line(xy, gallery_sample_compact(xy, ends[0]), s->spacing_m,
                                   take_point, grid, &grid->counts->length_m);
    case GALLERY_GRID_AREA:
        return gallery_sample_area(grid->ctx, xy, ends, part->rings, &area, take_point, grid);
    default: return ends[0] ? take_point(grid, xy[0], xy[1], 0) : GALLERY_OK;
    }
}

/* ------------------------------------------------------------------------ boxes */

/* A region's points share the values of all fields to keep. */
static bool has_region(const gallery_grid *grid, const json_t *kept) {
    for (const char *const *name = grid->setup.keep; name && *name; name++) {
        const json_t *value = json_object_get(kept, *name);
        const char *text = json_string_value(value);
        if (!value || json_is_null(value) || (text && !*text)) return false;
    }
    return true;
}

static int add_to_region(gallery_grid *grid, const json_t *kept) {
    char *name = kept ? json_dumps(kept, JSON_COMPACT | JSON_SORT_KEYS) : strdup("{}");
    int status = name ? GALLERY_OK : gallery_fail_memory(grid->ctx, 1);
    for (size_t i = 0; status == GALLERY_OK && i < grid->part_count; i++) {
        const struct part *part = &grid->parts[i];
        const double *xy = grid->xy + 2 * part->vertex;
        if (grid->ends[part->end]) status = gallery_boxes_add(grid->boxes, name, xy[0], xy[1]);
    }
    free(name);
    return status;
}

static int sample_box(gallery_grid *grid, const char *path, size_t i) {
    const gallery_grid_setup *s = &grid->setup;
    const gallery_area_setup area = {s->spacing_m, s->buffer_m, s->hex, false};
    const size_t corners = 4;
    const char *name;
    gallery_box b;
    gallery_boxes_get(grid->boxes, i, s->boxes->clip_percent, s->boxes->pad_deg, &name, &b);
    const double xy[] = {b.west, b.south, b.east, b.south, b.east, b.north, b.west, b.north};
    json_t *kept = json_loads(name, 0, NULL);
    int status =
        kept ? set_constant(grid, path, s->keep ? kept : NULL) : gallery_fail_memory(grid->ctx, 1);
    json_decref(kept);
    if (status != GALLERY_OK) return status;
    return gallery_sample_area(grid->ctx, xy, &corners, 1, &area, take_point, grid);
}

/* After the last of the source's points. */
static int sample_boxes(gallery_grid *grid, const char *path) {
    grid->place = path;
    grid->counts->regions = gallery_boxes_count(grid->boxes);
    for (size_t i = 0; i < grid->counts->regions; i++) {
        GALLERY_TRY(sample_box(grid, path, i));
        if (grid->setup.progress) grid->setup.progress(grid->setup.user, grid->made);
    }
    return GALLERY_OK;
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
    if (grid->boxes && grid->part_count && !has_region(grid, feature->kept)) {
        grid->counts->unnamed++;
        grid->part_count = 0;
    } else if (grid->part_count)
        grid->counts->used++;
    else
        grid->counts->other++;
    return GALLERY_OK;
}

static int sample_feature(gallery_grid *grid, const char *source, const gallery_feature *feature) {
    if (grid->boxes) return add_to_region(grid, feature->kept);
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
        if (grid->setup.progress) grid->setup.progress(grid->setup.user, grid->made);
    }
}

/* Why there is not one point. */
static int fail_empty(gallery_grid *grid, const char *path, const gallery_grid_counts *n,
                      unsigned long long filtered) {
    enum kind kind = kind_read(grid);
    const char *name = kind_names[kind], *where = grid->setup.where  ? " that fits --where"
                                                  : grid->setup.spat ? " that touches -spat"
                                                                     : "";
    if (!n->features && filtered)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY,
                            "%s: none of %llu features%s is a road by its tag `highway`: see "
                            "--highway",
                            path, filtered, where);
    if (!n->features)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY, "%s: no feature%s", path, where);
    if (n->unnamed && n->used == 0)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY, "%s: no point has the fields of --by", path);
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
    if (n->clipped)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY,
                            "%s: none of %llu points lies inside the polygons of -clip", path,
                            n->clipped);
    if (kind == POLYGONS || grid->boxes)
        return gallery_fail(grid->ctx, GALLERY_EEMPTY,
                            "%s: no point of the grid lies inside the %s: is a spacing of %g m too "
                            "wide?",
                            path, grid->boxes ? "boxes" : name, grid->setup.spacing_m);
    return gallery_fail(grid->ctx, GALLERY_EEMPTY, "%s: no %s that have a length", path, name);
}

char *gallery_grid_source_name(const char *path) {
    return gallery_reach_shown(path);
}

int gallery_grid_read(gallery_grid *grid, const char *path, gallery_grid_counts *total) {
    gallery_grid_counts counts = {0};
    gallery_source *source = NULL;
    char *shown = gallery_reach_shown(path);
    if (!shown) return gallery_fail_memory(grid->ctx, strlen(path));
    const char *name = strcmp(path, "-") ? shown : "standard input";
    unsigned long long made = grid->made;
    grid->counts = &counts;
    memset(grid->found, 0, sizeof grid->found);
    int status = set_constant(grid, shown, NULL);
    if (status != GALLERY_OK) goto done;
    if (grid->setup.boxes) GALLERY_GO(gallery_boxes_open(grid->ctx, &grid->boxes));
    GALLERY_GO(gallery_source_open(grid->ctx, path, &grid->setup, &source));
    GALLERY_GO(read_features(grid, source, shown));
    if (grid->boxes) GALLERY_GO(sample_boxes(grid, shown));
    if (grid->made == made)
        status = fail_empty(grid, name, &counts, gallery_source_filtered(source));
done:
    gallery_source_close(source);
    gallery_boxes_close(grid->boxes);
    free(shown);
    grid->boxes = NULL;
    grid->counts = NULL;
    grid->place = NULL;
    if (total) {
        total->features += counts.features;
        total->used += counts.used;
        total->other += counts.other;
        total->no_geometry += counts.no_geometry;
        total->broken += counts.broken;
        total->points += counts.points;
        total->close += counts.close;
        total->clipped += counts.clipped;
        total->regions += counts.regions;
        total->unnamed += counts.unnamed;
        total->repeated += counts.repeated;
        total->length_m += counts.length_m;
    }
    return status;
}

/* -------------------------------------------------------------------- finishing */

static int begin(gallery_grid *grid) {
    bool unique = grid->setup.mode != GALLERY_GRID_POINTS || grid->thin[0];
    memset(grid->at, 0, sizeof grid->at);
    grid->single = grid->close = 0;
    return gallery_order_begin(grid->order, unique);
}

/* The next point that the first `thins` of grid->thin keep. */
static int next_kept(gallery_grid *grid, size_t thins, gallery_order_entry *entry) {
    for (;;) {
        size_t i = 0;
        GALLERY_TRY(gallery_order_next(grid->order, entry));
        bool own = in_shard(grid, entry->id);
        grid->single += own;
        while (i < thins && gallery_thin_keeps(grid->thin[i], grid->at[i]++)) i++;
        if (i == thins) return GALLERY_OK;
        grid->close += own;
    }
}

static int thin(gallery_grid *grid, size_t level) {
    gallery_order_entry entry;
    int status;
    GALLERY_TRY(begin(grid));
    while ((status = next_kept(grid, level, &entry)) == GALLERY_OK)
        GALLERY_TRY(gallery_thin_add(grid->thin[level], entry.id,
                                     heading_in(grid, entry.value) / 100.0, entry.value & 0xffff));
    if (status != GALLERY_END) return status;
    gallery_thin_finish(grid->thin[level]);
    return GALLERY_OK;
}

/* The next point to hand on. */
static int next_point(gallery_grid *grid, gallery_order_entry *entry) {
    size_t thins = 0;
    while (thins < THINS && grid->thin[thins]) thins++;
    do GALLERY_TRY(next_kept(grid, thins, entry));
    while (!in_shard(grid, entry->id));
    return GALLERY_OK;
}

static int count_points(gallery_grid *grid, unsigned long long *count) {
    gallery_order_entry entry;
    int status;
    GALLERY_TRY(begin(grid));
    for (*count = 0; (status = next_point(grid, &entry)) == GALLERY_OK;) ++*count;
    return status == GALLERY_END ? GALLERY_OK : status;
}

/* Of the points in order, number `at` of `count`, one in each of `limit` stretches of the same
 * length. */
static bool in_limit(unsigned long long limit, unsigned long long count, unsigned long long at) {
    if (!limit || limit >= count) return true;
    return (unsigned __int128)(at + 1) * limit / count > (unsigned __int128)at * limit / count;
}

int gallery_grid_finish(gallery_grid *grid, gallery_grid_counts *counts) {
    unsigned long long count = 0, limit = grid->setup.limit;
    gallery_order_entry entry;
    int status;
    if (!grid->order) return GALLERY_OK;
    for (size_t level = 0; level < THINS && grid->thin[level]; level++)
        GALLERY_TRY(thin(grid, level));
    if (limit) GALLERY_TRY(count_points(grid, &count));
    GALLERY_TRY(begin(grid));
    for (unsigned long long at = 0; (status = next_point(grid, &entry)) == GALLERY_OK; at++)
        if (in_limit(limit, count, at)) GALLERY_TRY(hand_on(grid, &entry));
    if (counts) {
        counts->points += grid->handed_on;
        counts->repeated += grid->own - grid->single;
        counts->close += grid->close;
    }
    return status == GALLERY_END ? GALLERY_OK : status;
}
