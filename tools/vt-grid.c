/* vt-grid - points for a gallery from geographic sources. */
#include "cli.h"
#include "libgallery/diff.h"
#include "libgallery/grid.h"
#include "libgallery/record.h"
#include "libgallery/sink.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    ROADS = 256,
    AREA,
    POINTS,
    WHERE,
    S_SRS,
    HIGHWAY,
    KEEP,
    ALLOW_NET,
    SKIP_ERRORS,
    LIMIT,
    SHARD,
    UNSORTED,
    DRY_RUN,
    JSON,
    DIFF
};

static const struct cli_option options[] = {
    {ROADS, "roads", "M", "a point every M metres along lines, and at both ends"},
    {AREA, "area", "M", "a square grid of M metres inside polygons"},
    {POINTS, "points", NULL, "points as they are"},
    {'l', "layer", "LAYER", "read this layer only; may be repeated (default: all)"},
    {WHERE, "where", "EXPR", "only features that fit an SQL condition"},
    {S_SRS, "s_srs", "SRS", "reference system of the sources, in place of their own"},
    {HIGHWAY, "highway", "LIST", "only roads whose `highway` is in LIST, or any, or all lines"},
    {KEEP, "keep", "FIELDS", "fields that become properties, between commas"},
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

struct job {
    cli c;
    gallery_grid_setup setup;
    char **layers, **keep;
    size_t layer_count, keep_count;
    gallery_context *ctx;
    struct cli_output out;
    struct cli_progress progress;
    unsigned long long points;
    gallery_grid_counts counts; /* of all sources */
    bool unwritten;             /* the output, not a source, has failed */
    bool diff, dry_run, json;
    const char *format;  /* of OGR; NULL: GeoJSON lines */
    gallery_sink *sink;  /* with it */
    const char **fields; /* columns, and their types */
    enum gallery_grid_type *types;
};

/* Copies the n characters. */
static void append(char ***list, size_t *count, const char *name, size_t n) {
    char **grown = realloc(*list, (*count + 2) * sizeof **list);
    if (!grown) abort();
    grown[*count] = strndup(name, n);
    if (!grown[(*count)++]) abort();
    grown[*count] = NULL;
    *list = grown;
}

static void free_list(char **list) {
    for (char **name = list; name && *name; name++) free(*name);
    free(list);
}

static void set_mode(struct job *job, enum gallery_grid_mode mode, const char *option,
                     const char *arg) {
    gallery_grid_setup *s = &job->setup;
    if (s->mode) cli_usage(&job->c, "only one of --roads, --area and --points can be given");
    s->mode = mode;
    if (arg)
        s->spacing_m = cli_number(&job->c, option, arg, GALLERY_GRID_LEAST_M, GALLERY_GRID_MOST_M);
}

static void add_fields(struct job *job, const char *list) {
    for (;; list++) {
        size_t n = strcspn(list, ",");
        append(&job->keep, &job->keep_count, list, n);
        list += n;
        if (!*list) break;
    }
}

static void set_shard(struct job *job, const char *arg) {
    size_t n = strcspn(arg, "/");
    if (!arg[n]) cli_usage(&job->c, "--shard: '%s' is not I/N, as in 2/8", arg);
    char *part = strndup(arg, n);
    if (!part) abort();
    job->setup.shards = (unsigned)cli_integer(&job->c, "--shard", arg + n + 1, 1, 1000000);
    job->setup.shard = (unsigned)cli_integer(&job->c, "--shard", part, 1, job->setup.shards);
    free(part);
}

static void take_option(struct job *job, int key, const char *arg) {
    gallery_grid_setup *s = &job->setup;
    switch (key) {
    case ROADS: set_mode(job, GALLERY_GRID_ROADS, "--roads", arg); break;
    case AREA: set_mode(job, GALLERY_GRID_AREA, "--area", arg); break;
    case POINTS: set_mode(job, GALLERY_GRID_POINTS, "--points", NULL); break;
    case 'l': append(&job->layers, &job->layer_count, arg, strlen(arg)); break;
    case WHERE: s->where = arg; break;
    case S_SRS: s->srs = arg; break;
    case HIGHWAY: s->highway = arg; break;
    case KEEP: add_fields(job, arg); break;
    case ALLOW_NET: s->allow_net = true; break;
    case LIMIT:
        s->limit = (unsigned long long)cli_integer(&job->c, "--limit", arg, 1, LONG_MAX);
        break;
    case SHARD: set_shard(job, arg); break;
    case 'f': job->format = arg; break;
    case UNSORTED: s->sorted = false; break;
    case DIFF: job->diff = true; break;
    case DRY_RUN: job->dry_run = true; break;
    case JSON: job->json = true; break;
    }
}

static int write_point(void *user, const gallery_point *point) {
    struct job *job = user;
    job->points++;
    if (job->dry_run) return GALLERY_OK;
    if (job->sink) return gallery_sink_put(job->sink, point);
    int status = gallery_point_write(job->ctx, point, job->out.file, false);
    job->unwritten = status != GALLERY_OK;
    return status;
}

/* A reader of a pipe gets a feature's points before the next feature is read. */
static void show_progress(void *user, unsigned long long points) {
    struct job *job = user;
    cli_progress_show(&job->progress, points, 0);
    if (job->out.flush) fflush(job->out.file);
}

static void report_broken(void *user, const char *message) {
    cli_error(&((struct job *)user)->c, "%s", message);
}

static void set_format(struct job *job) {
    const char *name = job->format;
    bool is_file = job->c.output && strcmp(job->c.output, "-") != 0;
    if (name && !strcasecmp(name, "GeoJSONSeq")) {
        job->format = NULL;
        return;
    }
    job->format = gallery_sink_format(name, job->c.output);
    if (name && !job->format)
        cli_usage(&job->c, "-f: '%s' is none of GeoJSONSeq, GPKG, FlatGeobuf and CSV", name);
    if (!job->format) return;
    if (!is_file) cli_usage(&job->c, "-f %s needs a file: -o FILE", job->format);
    if (!job->setup.sorted) cli_usage(&job->c, "--unsorted has no place with %s", job->format);
}

static void check_diff(const struct job *job, bool grids) {
    if (grids) cli_usage(&job->c, "--diff makes no points: it takes no options that say which");
    if (job->c.argc != 2) cli_usage(&job->c, "--diff needs two streams: OLD NEW");
    if (!strcmp(job->c.argv[0], "-") && !strcmp(job->c.argv[1], "-"))
        cli_usage(&job->c, "--diff: only one of the two can be standard input");
    if (gallery_sink_format(NULL, job->c.output))
        cli_usage(&job->c, "--diff writes GeoJSON lines: %s would not be one", job->c.output);
}

static void parse(struct job *job, int argc, char **argv) {
    const char *arg;
    bool skip = false, grids = false;
    job->setup.sorted = true;
    cli_start(&job->c, &spec, argc, argv, NULL);
    for (int key; (key = cli_next(&job->c, &arg));) {
        take_option(job, key, arg);
        skip |= key == SKIP_ERRORS;
        grids |= key != DIFF && key != DRY_RUN && key != JSON;
    }
    if (job->json && !job->dry_run) cli_usage(&job->c, "--json has no effect without --dry-run");
    if (job->diff) {
        check_diff(job, grids);
        return;
    }
    gallery_grid_setup *s = &job->setup;
    if (!s->mode) cli_usage(&job->c, "one of --roads M, --area M and --points is needed");
    if (s->highway && s->mode != GALLERY_GRID_ROADS)
        cli_usage(&job->c, "--highway has no effect without --roads");
    set_format(job);
    if (!job->c.argc) cli_usage(&job->c, "no source: name a file, or - for standard input");
    s->layers = (const char *const *)job->layers;
    s->keep = (const char *const *)job->keep;
    s->take = write_point;
    s->progress = show_progress;
    s->problem = skip ? report_broken : NULL;
    s->user = job;
}

static void warn_left_out(const struct job *job, const char *path,
                          const gallery_grid_counts *counts) {
    static const char *const names[] = {"", "lines", "polygons", "points"};
    if (!strcmp(path, "-")) path = "standard input";
    if (counts->other)
        cli_warn(&job->c, "%s: %llu of %llu features left out: they are no %s", path, counts->other,
                 counts->features, names[job->setup.mode]);
    if (counts->no_geometry)
        cli_warn(&job->c, "%s: %llu of %llu features left out: they have no geometry", path,
                 counts->no_geometry, counts->features);
}

static void print_counts(const struct job *job) {
    const gallery_grid_counts *n = &job->counts;
    const struct {
        const char *name;
        unsigned long long count;
    } lines[] = {{"features", n->features},       {"used", n->used},     {"other", n->other},
                 {"no_geometry", n->no_geometry}, {"broken", n->broken}, {"points", n->points},
                 {"repeated", n->repeated}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fprintf(stdout, job->json ? "%s\"%s\":%llu" : "%s%-12s%14llu\n",
                !job->json ? ""
                : i        ? ","
                           : "{",
                lines[i].name, lines[i].count);
    if (job->json)
        fprintf(stdout, ",\"length_m\":%.3f}\n", n->length_m);
    else if (job->setup.mode == GALLERY_GRID_ROADS)
        fprintf(stdout, "%-12s%18.3f\n", "length_m", n->length_m);
}

static void add_counts(gallery_grid_counts *total, const gallery_grid_counts *n) {
    total->features += n->features;
    total->used += n->used;
    total->other += n->other;
    total->no_geometry += n->no_geometry;
    total->broken += n->broken;
    total->points += n->points;
    total->repeated += n->repeated;
    total->length_m += n->length_m;
}

/* The columns: what is known of the fields to keep once all sources are read. */
static int open_sink(struct job *job, const gallery_grid *grid) {
    size_t n = 0;
    job->fields = calloc(job->keep_count + 4, sizeof *job->fields);
    job->types = calloc(job->keep_count + 4, sizeof *job->types);
    if (!job->fields || !job->types) abort();
    job->fields[n++] = "kind";
    if (job->setup.mode == GALLERY_GRID_ROADS) {
        job->types[n] = GALLERY_GRID_REAL;
        job->fields[n++] = "heading";
    }
    job->fields[n++] = "source";
    for (size_t i = 0; i < job->keep_count; i++) {
        job->types[n] = gallery_grid_keep_type(grid, i);
        job->fields[n++] = job->keep[i];
    }
    const gallery_sink_setup setup = {job->c.output, job->format, job->c.overwrite, job->fields,
                                      job->types};
    return gallery_sink_open(job->ctx, &setup, &job->sink);
}

static int read_sources(struct job *job) {
    gallery_grid *grid;
    int status = gallery_grid_open(job->ctx, &job->setup, &grid);
    for (int i = 0; status == GALLERY_OK && i < job->c.argc; i++) {
        gallery_grid_counts counts = {0};
        status = gallery_grid_read(grid, job->c.argv[i], &counts);
        if (status == GALLERY_OK) warn_left_out(job, job->c.argv[i], &counts);
        add_counts(&job->counts, &counts);
    }
    if (status == GALLERY_OK && job->format && !job->dry_run) status = open_sink(job, grid);
    if (status == GALLERY_OK) status = gallery_grid_finish(grid, &job->counts);
    if (status == GALLERY_OK && job->sink) status = gallery_sink_commit(job->sink);
    gallery_sink_close(job->sink);
    gallery_grid_close(grid);
    return status == GALLERY_END ? GALLERY_OK : status; /* --limit and --unsorted */
}

static int compare_streams(struct job *job) {
    gallery_diff_counts n = {0};
    char **path = job->c.argv;
    int status = gallery_diff(job->ctx, path[0], path[1], write_point, job, &n);
    if (status == GALLERY_OK && job->dry_run)
        printf(job->json ? "{\"added\":%llu,\"removed\":%llu,\"kept\":%llu}\n"
                         : "added       %14llu\nremoved     %14llu\nkept        %14llu\n",
               n.added, n.removed, n.kept);
    return status;
}

static int make_points(struct job *job) {
    int status = read_sources(job);
    if (status == GALLERY_OK && job->dry_run) print_counts(job);
    return status;
}

/* A pipe takes what comes at once; the default would be 4 KiB. */
#define BUFFER ((size_t)256 << 10)

static int run(struct job *job) {
    cli streams = job->c; /* what goes to a stream */
    if (job->dry_run || job->format) streams.output = NULL;
    if (job->format && !job->dry_run && !job->c.overwrite && !access(job->c.output, F_OK)) {
        cli_error(&job->c, "%s: exists already; --overwrite replaces it", job->c.output);
        return CLI_FAILED;
    }
    if (!cli_output_open(&streams, &job->out)) return CLI_FAILED;
    setvbuf(job->out.file, NULL, _IOFBF, BUFFER);
    cli_progress_start(&job->c, &job->progress, "points");
    int result = CLI_FAILED, status = job->diff ? compare_streams(job) : make_points(job);
    cli_progress_end(&job->progress, job->points);
    if (status != GALLERY_OK)
        cli_error(&job->c, "%s%s%s", job->unwritten ? cli_output_name(&job->c) : "",
                  job->unwritten ? ": " : "", gallery_message(job->ctx));
    else if (cli_output_commit(&job->c, &job->out))
        result = job->counts.broken ? CLI_PARTIAL : CLI_DONE;
    cli_output_abandon(&job->out);
    return status == GALLERY_EUSAGE ? CLI_USAGE : result;
}

int main(int argc, char **argv) {
    struct job job = {0};
    parse(&job, argc, argv);
    int status = gallery_context_open(1, &job.ctx), result = CLI_FAILED;
    if (status == GALLERY_OK)
        result = run(&job);
    else
        cli_error(&job.c, "%s", gallery_describe(status));
    gallery_context_close(job.ctx);
    free_list(job.layers);
    free_list(job.keep);
    free(job.fields);
    free(job.types);
    return result;
}
