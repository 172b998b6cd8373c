/* vt-grid - points for a gallery from geographic sources. */
#include "cli.h"
#include "libgallery/grid.h"
#include "libgallery/record.h"

#include <stdlib.h>
#include <string.h>

enum { ROADS = 256, AREA, POINTS, WHERE, S_SRS, HIGHWAY, KEEP, ALLOW_NET, SKIP_ERRORS };

static const struct cli_option options[] = {
    {ROADS, "roads", "M", "a point every M metres along lines, and at both ends"},
    {AREA, "area", "M", "a square grid of M metres inside polygons"},
    {POINTS, "points", NULL, "points as they are"},
    {'l', "layer", "LAYER", "read this layer only; may be repeated (default: all)"},
    {WHERE, "where", "EXPR", "only features that fit an SQL condition"},
    {S_SRS, "s_srs", "SRS", "reference system of the sources, in place of their own"},
    {HIGHWAY, "highway", "LIST", "only roads whose `highway` is in LIST, or any, or all lines"},
    {KEEP, "keep", "FIELDS", "fields that become properties, between commas"},
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
    unsigned long long points, broken;
    bool unwritten; /* the output, not a source, has failed */
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
    }
}

static int write_point(void *user, const gallery_point *point) {
    struct job *job = user;
    cli_progress_show(&job->progress, ++job->points, 0);
    int status = gallery_point_write(job->ctx, point, job->out.file, job->out.flush);
    job->unwritten = status != GALLERY_OK;
    return status;
}

static void report_broken(void *user, const char *message) {
    struct job *job = user;
    cli_error(&job->c, "%s", message);
    job->broken++;
}

static void parse(struct job *job, int argc, char **argv) {
    const char *arg;
    bool skip = false;
    cli_start(&job->c, &spec, argc, argv, NULL);
    for (int key; (key = cli_next(&job->c, &arg));) {
        take_option(job, key, arg);
        skip |= key == SKIP_ERRORS;
    }
    gallery_grid_setup *s = &job->setup;
    if (!s->mode) cli_usage(&job->c, "one of --roads M, --area M and --points is needed");
    if (s->highway && s->mode != GALLERY_GRID_ROADS)
        cli_usage(&job->c, "--highway has no effect without --roads");
    if (!job->c.argc) cli_usage(&job->c, "no source: name a file, or - for standard input");
    s->layers = (const char *const *)job->layers;
    s->keep = (const char *const *)job->keep;
    s->take = write_point;
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

static int read_sources(struct job *job) {
    gallery_grid *grid;
    int status = gallery_grid_open(job->ctx, &job->setup, &grid);
    for (int i = 0; status == GALLERY_OK && i < job->c.argc; i++) {
        gallery_grid_counts counts = {0};
        status = gallery_grid_read(grid, job->c.argv[i], &counts);
        if (status == GALLERY_OK) warn_left_out(job, job->c.argv[i], &counts);
    }
    gallery_grid_close(grid);
    return status;
}

int main(int argc, char **argv) {
    struct job job = {0};
    int result = CLI_FAILED;
    parse(&job, argc, argv);
    int status = gallery_context_open(1, &job.ctx);
    if (status != GALLERY_OK) {
        cli_error(&job.c, "%s", gallery_describe(status));
        return CLI_FAILED;
    }
    if (cli_output_open(&job.c, &job.out)) {
        cli_progress_start(&job.c, &job.progress, "points");
        status = read_sources(&job);
        cli_progress_end(&job.progress, job.points);
        if (status != GALLERY_OK)
            cli_error(&job.c, "%s%s%s", job.unwritten ? cli_output_name(&job.c) : "",
                      job.unwritten ? ": " : "", gallery_message(job.ctx));
        else if (cli_output_commit(&job.c, &job.out))
            result = job.broken ? CLI_PARTIAL : CLI_DONE;
        cli_output_abandon(&job.out);
    }
    gallery_context_close(job.ctx);
    free_list(job.layers);
    free_list(job.keep);
    return status == GALLERY_EUSAGE ? CLI_USAGE : result;
}
