#include "grid_options.h"
#include "libgallery/sink.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ROADS = 256,
    AREA,
    POINTS,
    HEX,
    BUFFER,
    BOTH_WAYS,
    DEDUPE,
    DEDUPE_HEADING,
    MIN_DISTANCE,
    SEED,
    BBOX_OF,
    BY,
    CLIP_PERCENTILE,
    PAD,
    WHERE,
    SQL,
    SPAT,
    CLIP,
    S_SRS,
    OO,
    CONFIG,
    HIGHWAY,
    KEEP,
    TAG,
    LIMIT,
    SHARD,
    UNSORTED,
    DRY_RUN,
    JSON,
    DIFF,
    ALLOW_NET,
    SKIP_ERRORS
};

static const struct cli_option options[] = {
    {ROADS, "roads", "M", "a point every M metres along lines, and at both ends"},
    {AREA, "area", "M", "a grid of M metres inside polygons"},
    {POINTS, "points", NULL, "points as they are"},
    {HEX, "hex", NULL, "with --area: a hexagonal grid, as dense as the square one"},
    {BUFFER, "buffer", "M", "with --area: also what is within M metres of a polygon"},
    {BOTH_WAYS, "both-ways", NULL, "with --roads: each point again with the opposite heading"},
    {DEDUPE, "dedupe", "M",
     "with --roads: merge lines that run beside one another within M metres"},
    {DEDUPE_HEADING, "dedupe-heading", "DEG", "how far headings may differ then (default: 30)"},
    {MIN_DISTANCE, "min-distance", "M", "a random choice of points, no two closer than M metres"},
    {SEED, "seed", "N", "another choice (default: 0)"},
    {BBOX_OF, "bbox-of", "POINTS", "with --area: the boxes of a source's points, no SOURCE"},
    {BY, "by", "FIELDS", "with --bbox-of: a box for each value of these fields, not one"},
    {CLIP_PERCENTILE, "clip-percentile", "P", "with --bbox-of: clip P percent at each end"},
    {PAD, "pad", "D", "with --bbox-of: boxes wider by D degrees on each side"},
    {'l', "layer", "LAYER", "read this layer only; may be repeated (default: all)"},
    {WHERE, "where", "EXPR", "only features that fit an SQL condition"},
    {SQL, "sql", "SELECT", "read what an SQL query gives, not layers"},
    {SPAT, "spat", "BOX", "only features that touch XMIN YMIN XMAX YMAX"},
    {CLIP, "clip", "SOURCE", "only points inside the polygons of another source"},
    {S_SRS, "s_srs", "SRS", "reference system of the sources, in place of their own"},
    {OO, "oo", "NAME=VALUE", "option of GDAL's driver; may be repeated"},
    {CONFIG, "config", "KEY=VALUE", "option of GDAL; may be repeated"},
    {HIGHWAY, "highway", "LIST", "only roads whose `highway` is in LIST, or any, or all lines"},
    {KEEP, "keep", "FIELDS", "fields that become properties, between commas"},
    {TAG, "tag", "NAME", "property `tag` of each point, for vt-embed"},
    {LIMIT, "limit", "N", "no more than N points, evenly thinned along the curve"},
    {SHARD, "shard", "I/N", "only the points of part I of N of the ground"},
    {'f', "format", "FORMAT", "GeoJSONSeq, GPKG, FlatGeobuf or CSV (default: by FILE's ending)"},
    {UNSORTED, "unsorted", NULL, "points as they come, not in the order of a curve"},
    {DIFF, "diff", NULL, "OLD NEW: the points that only one of two streams has"},
    {DRY_RUN, "dry-run", NULL, "print counts and lengths only"},
    {JSON, "json", NULL, "with --dry-run: as JSON"},
    {ALLOW_NET, "allow-net", NULL, "let GDAL read remote and virtual sources"},
    {SKIP_ERRORS, "skip-errors", NULL, "leave broken features out, and end with status 3"},
    {0}};

static const struct cli_spec spec = {
    .tool = "vt-grid",
    .summary = "Make points for a gallery from roads, areas or points in vector files.",
    .operands = "SOURCE...",
    .common = CLI_OUTPUT | CLI_PROGRESS,
    .options = options};

/* Copies the n characters to the end of a list that ends with NULL. */
static void append(char ***list, const char *name, size_t n) {
    size_t count = 0;
    while (*list && (*list)[count]) count++;
    char **grown = realloc(*list, (count + 2) * sizeof **list);
    if (!grown) abort();
    grown[count] = strndup(name, n);
    if (!grown[count]) abort();
    grown[count + 1] = NULL;
    *list = grown;
}

static void free_list(char **list) {
    for (char **name = list; name && *name; name++) free(*name);
    free(list);
}

static void set_mode(struct grid_options *o, enum gallery_grid_mode mode, const char *option,
                     const char *arg) {
    gallery_grid_setup *s = &o->setup;
    if (s->mode) cli_usage(&o->c, "only one of --roads, --area and --points can be given");
    s->mode = mode;
    if (arg)
        s->spacing_m = cli_number(&o->c, option, arg, GALLERY_GRID_LEAST_M, GALLERY_GRID_MOST_M);
}

static void add_fields(struct grid_options *o, const char *list) {
    for (;; list++) {
        size_t n = strcspn(list, ",");
        append(&o->keep, list, n);
        list += n;
        if (!*list) break;
    }
}

/* Four words, as ogr2ogr has them, or one with commas. */
static void set_spat(struct grid_options *o, const char *arg) {
    const char *values[4] = {arg};
    char *copy = strdup(arg), *rest = copy;
    if (!copy) abort();
    if (strchr(arg, ',')) {
        for (int i = 0; i < 4; i++) values[i] = strsep(&rest, ",");
        if (rest || !values[3]) cli_usage(&o->c, "-spat: '%s' is not four numbers", arg);
    } else if (!cli_values(&o->c, 3, values + 1)) {
        cli_usage(&o->c, "-spat needs four numbers: XMIN YMIN XMAX YMAX");
    }
    for (int i = 0; i < 4; i++) o->spat[i] = cli_number(&o->c, "-spat", values[i], -1e9, 1e9);
    if (o->spat[0] > o->spat[2] || o->spat[1] > o->spat[3])
        cli_usage(&o->c, "-spat: the order is XMIN YMIN XMAX YMAX");
    o->setup.spat = o->spat;
    free(copy);
}

/* KEY VALUE, as GDAL's programs have it, or KEY=VALUE. */
static void add_config(struct grid_options *o, const char *arg) {
    const char *value = NULL;
    char *pair = NULL;
    if (strchr(arg, '=')) {
        append(&o->config, arg, strlen(arg));
        return;
    }
    if (!cli_values(&o->c, 1, &value)) cli_usage(&o->c, "--config needs KEY=VALUE or KEY VALUE");
    if (asprintf(&pair, "%s=%s", arg, value) < 0) abort();
    append(&o->config, pair, strlen(pair));
    free(pair);
}

static void set_shard(struct grid_options *o, const char *arg) {
    size_t n = strcspn(arg, "/");
    if (!arg[n]) cli_usage(&o->c, "--shard: '%s' is not I/N, as in 2/8", arg);
    char *part = strndup(arg, n);
    if (!part) abort();
    o->setup.shards = (unsigned)cli_integer(&o->c, "--shard", arg + n + 1, 1, 1000000);
    o->setup.shard = (unsigned)cli_integer(&o->c, "--shard", part, 1, o->setup.shards);
    free(part);
}

static void take_box_option(struct grid_options *o, int key, const char *arg) {
    if (key == BBOX_OF) {
        if (o->bbox_of) cli_usage(&o->c, "--bbox-of can be given once");
        o->bbox_of = strdup(arg);
        if (!o->bbox_of) abort();
        return;
    }
    o->box_option = key == BY ? "--by" : key == PAD ? "--pad" : "--clip-percentile";
    if (key == BY)
        add_fields(o, arg);
    else if (key == PAD)
        o->boxes.pad_deg = cli_number(&o->c, "--pad", arg, 0, 90);
    else
        o->boxes.clip_percent = cli_number(&o->c, "--clip-percentile", arg, 0, 49.9);
}

/* The points are the source. */
static void set_boxes(struct grid_options *o) {
    if (!o->bbox_of) {
        if (o->box_option) cli_usage(&o->c, "%s has no effect without --bbox-of", o->box_option);
        return;
    }
    if (o->setup.mode != GALLERY_GRID_AREA)
        cli_usage(&o->c, "--bbox-of has no effect without --area");
    if (o->keeps) cli_usage(&o->c, "--keep has no effect with --bbox-of: --by keeps its fields");
    if (o->c.argc)
        cli_usage(&o->c, "--bbox-of names the source: '%s' is one more",
                  gallery_grid_source_name(o->c.argv[0]));
    o->c.argv = &o->bbox_of;
    o->c.argc = 1;
    o->setup.boxes = &o->boxes;
}

static void take_option(struct grid_options *o, int key, const char *arg) {
    gallery_grid_setup *s = &o->setup;
    switch (key) {
    case ROADS: set_mode(o, GALLERY_GRID_ROADS, "--roads", arg); break;
    case AREA: set_mode(o, GALLERY_GRID_AREA, "--area", arg); break;
    case POINTS: set_mode(o, GALLERY_GRID_POINTS, "--points", NULL); break;
    case HEX: s->hex = true; break;
    case BUFFER: s->buffer_m = cli_number(&o->c, "--buffer", arg, 0, GALLERY_GRID_MOST_M); break;
    case BOTH_WAYS: s->both_ways = true; break;
    case DEDUPE:
        s->dedupe_m =
            cli_number(&o->c, "--dedupe", arg, GALLERY_GRID_LEAST_M, GALLERY_GRID_DEDUPE_MOST_M);
        break;
    case DEDUPE_HEADING:
        s->dedupe_deg = cli_number(&o->c, "--dedupe-heading", arg, 0, 90);
        o->dedupe_heading = true;
        break;
    case MIN_DISTANCE:
        s->min_distance_m =
            cli_number(&o->c, "--min-distance", arg, GALLERY_GRID_LEAST_M, GALLERY_GRID_MOST_M);
        break;
    case SEED:
        s->seed = (unsigned long long)cli_integer(&o->c, "--seed", arg, 0, LONG_MAX);
        o->seed = true;
        break;
    case BBOX_OF:
    case BY:
    case CLIP_PERCENTILE:
    case PAD: take_box_option(o, key, arg); break;
    case 'l': append(&o->layers, arg, strlen(arg)); break;
    case WHERE: s->where = arg; break;
    case SQL: s->sql = arg; break;
    case SPAT: set_spat(o, arg); break;
    case CLIP: s->clip = arg; break;
    case S_SRS: s->srs = arg; break;
    case OO: append(&o->open_options, arg, strlen(arg)); break;
    case CONFIG: add_config(o, arg); break;
    case HIGHWAY:
        if (!*arg) cli_usage(&o->c, "--highway: no class in ''; any takes all of them");
        s->highway = arg;
        break;
    case KEEP:
        o->keeps = true;
        add_fields(o, arg);
        break;
    case TAG: s->tag = arg; break;
    case LIMIT:
        s->limit = (unsigned long long)cli_integer(&o->c, "--limit", arg, 1, LONG_MAX);
        break;
    case SHARD: set_shard(o, arg); break;
    case 'f': o->format = arg; break;
    case UNSORTED: s->sorted = false; break;
    case DIFF: o->diff = true; break;
    case DRY_RUN: o->dry_run = true; break;
    case JSON: o->json = true; break;
    case ALLOW_NET: s->allow_net = true; break;
    case SKIP_ERRORS: o->skip_errors = true; break;
    }
}

static void set_format(struct grid_options *o) {
    const char *name = o->format;
    bool is_file = o->c.output && strcmp(o->c.output, "-") != 0;
    if (name && !strcasecmp(name, "GeoJSONSeq")) {
        o->format = NULL;
        return;
    }
    o->format = gallery_sink_format(name, o->c.output);
    if (name && !o->format)
        cli_usage(&o->c, "-f: '%s' is none of GeoJSONSeq, GPKG, FlatGeobuf and CSV", name);
    if (!o->format) return;
    if (!is_file) cli_usage(&o->c, "-f %s needs a file: -o FILE", o->format);
    if (!o->setup.sorted) cli_usage(&o->c, "--unsorted has no place with %s", o->format);
    for (size_t i = 0; o->keep && o->keep[i]; i++)
        if ((o->setup.tag && !strcasecmp(o->keep[i], "tag")) ||
            gallery_sink_name_taken(o->format, (const char *const *)o->keep, o->keep[i]))
            cli_usage(&o->c, "%s: %s has a column '%s' already, in upper or lower case",
                      o->keeps ? "--keep" : "--by", o->format, o->keep[i]);
}

static void check_diff(const struct grid_options *o, bool grids) {
    if (grids) cli_usage(&o->c, "--diff makes no points: it takes no options that say which");
    if (o->c.argc != 2) cli_usage(&o->c, "--diff needs two streams: OLD NEW");
    if (gallery_sink_format(NULL, o->c.output))
        cli_usage(&o->c, "--diff writes GeoJSON lines: %s would not be one", o->c.output);
}

static void check_thinning(const struct grid_options *o) {
    const gallery_grid_setup *s = &o->setup;
    if (s->mode != GALLERY_GRID_ROADS && (s->both_ways || s->dedupe_m > 0))
        cli_usage(&o->c, "%s has no effect without --roads",
                  s->both_ways ? "--both-ways" : "--dedupe");
    if (s->both_ways && s->limit)
        cli_usage(&o->c, "only one of --both-ways and --limit can be given");
    if (o->dedupe_heading && !(s->dedupe_m > 0))
        cli_usage(&o->c, "--dedupe-heading has no effect without --dedupe");
    if (o->seed && !(s->min_distance_m > 0))
        cli_usage(&o->c, "--seed has no effect without --min-distance");
    if ((s->dedupe_m > 0 || s->min_distance_m > 0) && !s->sorted)
        cli_usage(&o->c, "%s needs all points in order: not with --unsorted",
                  s->dedupe_m > 0 ? "--dedupe" : "--min-distance");
}

static void check(const struct grid_options *o) {
    const gallery_grid_setup *s = &o->setup;
    bool from_stdin = false;
    if (!s->mode) cli_usage(&o->c, "one of --roads M, --area M and --points is needed");
    if (s->highway && s->mode != GALLERY_GRID_ROADS)
        cli_usage(&o->c, "--highway has no effect without --roads");
    if (s->mode != GALLERY_GRID_AREA && (s->hex || s->buffer_m != 0))
        cli_usage(&o->c, "%s has no effect without --area", s->hex ? "--hex" : "--buffer");
    check_thinning(o);
    if (s->sql && s->layers) cli_usage(&o->c, "only one of -sql and -l can be given");
    if (!o->c.argc) cli_usage(&o->c, "no source: name a file, or - for standard input");
    for (int i = 0; i < o->c.argc; i++) from_stdin |= !strcmp(o->c.argv[i], "-");
    if (from_stdin && s->clip && !strcmp(s->clip, "-"))
        cli_usage(&o->c, "standard input can be read only once");
}

void grid_options_parse(struct grid_options *o, int argc, char **argv) {
    const char *arg;
    o->setup.sorted = true;
    o->setup.dedupe_deg = 30;
    cli_start(&o->c, &spec, argc, argv, NULL);
    bool grids = false;
    for (int key; (key = cli_next(&o->c, &arg));) {
        take_option(o, key, arg);
        grids |= key != DIFF && key != DRY_RUN && key != JSON;
    }
    if (o->json && !o->dry_run) cli_usage(&o->c, "--json has no effect without --dry-run");
    if (o->diff) {
        check_diff(o, grids);
        return;
    }
    o->setup.layers = (const char *const *)o->layers;
    o->setup.keep = (const char *const *)o->keep;
    o->setup.open_options = (const char *const *)o->open_options;
    o->setup.config = (const char *const *)o->config;
    set_boxes(o);
    set_format(o);
    check(o);
}

void grid_options_free(struct grid_options *o) {
    free_list(o->layers);
    free_list(o->keep);
    free_list(o->open_options);
    free_list(o->config);
    free(o->bbox_of);
}
