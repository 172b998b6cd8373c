/* vt-grid - points for a gallery from geographic sources. */
#include "grid_options.h"
#include "libgallery/diff.h"
#include "libgallery/record.h"
#include "libgallery/sink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
    struct grid_options o;
    gallery_context *ctx;
    struct cli_output out;
    struct cli_progress progress;
    unsigned long long points;
    gallery_grid_counts counts; /* of all sources */
    bool unwritten;             /* the output, not a source, has failed */
    gallery_sink *sink;         /* with -f */
    const char **fields;        /* columns, and their types */
    enum gallery_grid_type *types;
};

static int write_point(void *user, const gallery_point *point) {
    struct job *job = user;
    job->points++;
    if (job->o.dry_run) return GALLERY_OK;
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
    cli_error(&((struct job *)user)->o.c, "%s", message);
}

static void warn_left_out(const struct job *job, const char *path,
                          const gallery_grid_counts *counts) {
    static const char *const names[] = {"", "lines", "polygons", "points"};
    char *shown = gallery_grid_source_name(strcmp(path, "-") ? path : "standard input");
    if (!shown) abort();
    path = shown;
    if (counts->other)
        cli_warn(&job->o.c, "%s: %llu of %llu features left out: they are no %s", path,
                 counts->other, counts->features,
                 job->o.setup.boxes ? "points" : names[job->o.setup.mode]);
    if (counts->unnamed)
        cli_warn(&job->o.c, "%s: %llu of %llu features left out: they lack a field of --by", path,
                 counts->unnamed, counts->features);
    if (counts->no_geometry)
        cli_warn(&job->o.c, "%s: %llu of %llu features left out: they have no geometry", path,
                 counts->no_geometry, counts->features);
    free(shown);
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
        fprintf(stdout, job->o.json ? "%s\"%s\":%llu" : "%s%-12s%14llu\n",
                !job->o.json ? ""
                : i          ? ","
                             : "{",
                lines[i].name, lines[i].count);
    if (job->o.setup.dedupe_m > 0 || job->o.setup.min_distance_m > 0)
        fprintf(stdout, job->o.json ? ",\"close\":%llu" : "close       %14llu\n", n->close);
    if (job->o.setup.clip)
        fprintf(stdout, job->o.json ? ",\"clipped\":%llu" : "clipped     %14llu\n", n->clipped);
    if (job->o.setup.boxes)
        fprintf(stdout,
                job->o.json ? ",\"regions\":%llu,\"unnamed\":%llu"
                            : "regions     %14llu\nunnamed     %14llu\n",
                n->regions, n->unnamed);
    if (job->o.json)
        fprintf(stdout, ",\"length_m\":%.3f}\n", n->length_m);
    else if (job->o.setup.mode == GALLERY_GRID_ROADS)
        fprintf(stdout, "%-12s%18.3f\n", "length_m", n->length_m);
}

static void add_counts(gallery_grid_counts *total, const gallery_grid_counts *n) {
    total->features += n->features;
    total->used += n->used;
    total->other += n->other;
    total->no_geometry += n->no_geometry;
    total->broken += n->broken;
    total->points += n->points;
    total->close += n->close;
    total->clipped += n->clipped;
    total->regions += n->regions;
    total->unnamed += n->unnamed;
    total->repeated += n->repeated;
    total->length_m += n->length_m;
}

/* The columns: what is known of the fields to keep once all sources are read. */
static int open_sink(struct job *job, const gallery_grid *grid) {
    size_t n = 0, kept = 0;
    while (job->o.keep && job->o.keep[kept]) kept++;
    job->fields = calloc(kept + 5, sizeof *job->fields);
    job->types = calloc(kept + 5, sizeof *job->types);
    if (!job->fields || !job->types) abort();
    job->fields[n++] = "kind";
    if (job->o.setup.mode == GALLERY_GRID_ROADS) {
        job->types[n] = GALLERY_GRID_REAL;
        job->fields[n++] = "heading";
    }
    job->fields[n++] = "source";
    if (job->o.setup.tag) job->fields[n++] = "tag";
    for (size_t i = 0; i < kept; i++) {
        job->types[n] = gallery_grid_keep_type(grid, i);
        job->fields[n++] = job->o.keep[i];
    }
    const gallery_sink_setup setup = {job->o.c.output, job->o.format, job->o.c.overwrite,
                                      job->fields, job->types};
    return gallery_sink_open(job->ctx, &setup, &job->sink);
}

static int read_sources(struct job *job) {
    gallery_grid *grid;
    int status = gallery_grid_open(job->ctx, &job->o.setup, &grid);
    for (int i = 0; status == GALLERY_OK && i < job->o.c.argc; i++) {
        gallery_grid_counts counts = {0};
        status = gallery_grid_read(grid, job->o.c.argv[i], &counts);
        if (status == GALLERY_OK) warn_left_out(job, job->o.c.argv[i], &counts);
        add_counts(&job->counts, &counts);
    }
    if (status == GALLERY_OK && job->o.format && !job->o.dry_run) status = open_sink(job, grid);
    if (status == GALLERY_OK) status = gallery_grid_finish(grid, &job->counts);
    if (status == GALLERY_OK && job->sink) status = gallery_sink_commit(job->sink);
    gallery_sink_close(job->sink);
    gallery_grid_close(grid);
    return status == GALLERY_END ? GALLERY_OK : status; /* --limit and --unsorted */
}

static int compare_streams(struct job *job) {
    gallery_diff_counts n = {0};
    char **path = job->o.c.argv;
    int status = gallery_diff(job->ctx, path[0], path[1], write_point, job, &n);
    if (status == GALLERY_OK && job->o.dry_run)
        printf(job->o.json ? "{\"added\":%llu,\"removed\":%llu,\"kept\":%llu}\n"
                           : "added       %14llu\nremoved     %14llu\nkept        %14llu\n",
               n.added, n.removed, n.kept);
    return status;
}

static int make_points(struct job *job) {
    int status = read_sources(job);
    if (status == GALLERY_OK && job->o.dry_run) print_counts(job);
    return status;
}

/* A pipe takes what comes at once; the default would be 4 KiB. */
#define BUFFER ((size_t)256 << 10)

static int run(struct job *job) {
    cli streams = job->o.c; /* what goes to a stream */
    if (job->o.dry_run || job->o.format) streams.output = NULL;
    if (job->o.format && !job->o.dry_run && !job->o.c.overwrite && !access(job->o.c.output, F_OK)) {
        cli_error(&job->o.c, "%s: exists already; --overwrite replaces it", job->o.c.output);
        return CLI_FAILED;
    }
    if (!cli_output_open(&streams, &job->out)) return CLI_FAILED;
    setvbuf(job->out.file, NULL, _IOFBF, BUFFER);
    cli_progress_start(&job->o.c, &job->progress, "points");
    int result = CLI_FAILED, status = job->o.diff ? compare_streams(job) : make_points(job);
    cli_progress_end(&job->progress, job->points);
    if (status != GALLERY_OK)
        cli_error(&job->o.c, "%s%s%s", job->unwritten ? cli_output_name(&job->o.c) : "",
                  job->unwritten ? ": " : "", gallery_message(job->ctx));
    else if (cli_output_commit(&job->o.c, &job->out))
        result = job->counts.broken ? CLI_PARTIAL : CLI_DONE;
    cli_output_abandon(&job->out);
    return status == GALLERY_EUSAGE ? CLI_USAGE : result;
}

int main(int argc, char **argv) {
    struct job job = {0};
    grid_options_parse(&job.o, argc, argv);
    job.o.setup.take = write_point;
    job.o.setup.progress = show_progress;
    job.o.setup.problem = job.o.skip_errors ? report_broken : NULL;
    job.o.setup.user = &job;
    int status = gallery_context_open(1, &job.ctx), result = CLI_FAILED;
    if (status == GALLERY_OK)
        result = run(&job);
    else
        cli_error(&job.o.c, "%s", gallery_describe(status));
    gallery_context_close(job.ctx);
    grid_options_free(&job.o);
    free(job.fields);
    free(job.types);
    return result;
}
