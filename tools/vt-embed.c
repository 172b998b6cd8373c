/* vt-embed - put points and their embeddings into a gallery. */
#include "cli.h"
#include "libgallery/geodesy.h"
#include "libgallery/record.h"
#include "libgallery/store.h"
#include "libinfer/model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAGE_POINTS 8192 /* staged in one transaction */
#define STAGE_BYTES ((size_t)16 << 20)

enum { DTYPE = 256, BATCH, SKIP_ERRORS };

static const struct cli_option options[] = {
    {DTYPE, "dtype", "TYPE", "f16 or f32, of a new gallery's embeddings (default: f16)"},
    {BATCH, "batch", "N", "points to embed at once and commit together (default: 4096)"},
    {SKIP_ERRORS, "skip-errors", NULL, "leave broken records out, and end with status 3"},
    {0}};

static const struct cli_spec spec = {.tool = "vt-embed",
                                     .summary = "Put points and their embeddings into a gallery.",
                                     .operands = "[FILE...]",
                                     .common = CLI_MODEL | CLI_GALLERY | CLI_THREADS | CLI_PROGRESS,
                                     .options = options};

struct job {
    cli c;
    enum gallery_dtype dtype;
    size_t batch;
    bool skip_errors, embed_failed;
    infer *infer;
    infer_model *model;
    gallery_context *ctx;
    gallery *g;            /* NULL until the first point: a wrong input makes no gallery */
    gallery_point *points; /* [STAGE_POINTS], of the next transaction */
    size_t n, bytes;
    unsigned long long read, skipped;
    struct cli_progress progress;
};

static void parse(struct job *job, int argc, char **argv) {
    const char *arg;
    cli *c = &job->c;
    cli_start(c, &spec, argc, argv, infer_blas_wanted_core());
    for (int key; (key = cli_next(c, &arg));) {
        if (key == SKIP_ERRORS) job->skip_errors = true;
        if (key == BATCH) job->batch = (size_t)cli_integer(c, "--batch", arg, 1, 1 << 20);
        if (key == DTYPE) {
            job->dtype = !strcmp(arg, "f16") ? GALLERY_F16 : !strcmp(arg, "f32") ? GALLERY_F32 : 0;
            if (!job->dtype) cli_usage(c, "--dtype: '%s' is neither f16 nor f32", arg);
        }
    }
    cli_need_model(c);
    cli_need_gallery(c);
}

static bool fail(const struct job *job, int status) {
    if (status == GALLERY_OK) return true;
    const char *text = gallery_message(job->ctx);
    cli_error(&job->c, "%s", *text ? text : gallery_describe(status));
    return false;
}

static bool load(struct job *job) {
    infer_options threads = {.threads = job->c.threads};
    if (infer_open(&threads, &job->infer) != INFER_OK) {
        cli_error(&job->c, "out of memory");
        return false;
    }
    if (infer_model_load(job->infer, job->c.model, INFER_PART_LOCATION, &job->model) == INFER_OK)
        return true;
    cli_error(&job->c, "%s", infer_message(job->infer));
    return false;
}

static bool open_gallery(struct job *job) {
    const infer_model_info *info = infer_model_describe(job->model);
    gallery_setup setup = {.dim = info->embedding_dim, .dtype = job->dtype};
    memcpy(setup.location_id, info->location_id, sizeof setup.location_id);
    if (!fail(job, gallery_open_writer(job->ctx, job->c.gallery, &setup, &job->g))) return false;
    if (job->batch) gallery_set_batch(job->g, job->batch);
    return true;
}

static bool stage(struct job *job) {
    bool ok = !job->n || fail(job, gallery_stage(job->g, job->points, job->n));
    for (size_t i = 0; i < job->n; i++) free((char *)(uintptr_t)job->points[i].properties);
    job->n = job->bytes = 0;
    return ok;
}

/* NULL, or why the record is no point for a gallery. */
static const char *take(struct job *job, const gallery_record *record) {
    static const char *const but[] = {"id", NULL};
    gallery_point *p = job->points + job->n;
    char *text;
    if (gallery_record_kind(record) == GALLERY_RECORD_ERROR) return "an error record, not a point";
    if (gallery_record_kind(record) == GALLERY_RECORD_END) return "an end record, not a point";
    if (!gallery_record_point(record, &p->lon_deg, &p->lat_deg)) return "its geometry is no Point";
    if (!gallery_canonical(&p->lon_deg, &p->lat_deg))
        return "its coordinates are not longitude and latitude in degrees";
    if (!gallery_record_properties(record, but, &text)) return "out of memory";
    if (text && strlen(text) > GALLERY_PROPERTIES_MAX_BYTES) {
        free(text);
        return "its properties take more than 1 MiB";
    }
    p->id = gallery_point_id(p->lon_deg, p->lat_deg);
    p->properties = text;
    job->bytes += text ? strlen(text) : 0;
    job->n++;
    return NULL;
}

/* One record of the stream. *more: go on. */
static bool read_one(struct job *job, gallery_reader *reader, bool *more) {
    gallery_record *record = NULL;
    int status = gallery_reader_next(reader, &record);
    *more = status != GALLERY_END;
    if (!*more) return true;
    const char *wrong = status == GALLERY_OK ? take(job, record) : NULL;
    gallery_record_free(record);
    if (status == GALLERY_OK && !wrong) {
        cli_progress_show(&job->progress, ++job->read, 0);
        if (!job->g && !open_gallery(job)) return false;
        return (job->n < STAGE_POINTS && job->bytes < STAGE_BYTES) || stage(job);
    }
    if (wrong)
        cli_error(&job->c, "%s:%llu: %s", gallery_reader_name(reader), gallery_reader_line(reader),
                  wrong);
    else
        cli_error(&job->c, "%s", gallery_message(job->ctx));
    if (!job->skip_errors || (status != GALLERY_OK && status != GALLERY_EFORMAT)) return false;
    job->skipped++;
    return true;
}

static bool read_file(struct job *job, const char *path) {
    gallery_reader *reader;
    bool more = true, ok = fail(job, gallery_reader_open(job->ctx, path, &reader));
    while (ok && more) ok = read_one(job, reader, &more);
    gallery_reader_close(reader);
    return ok;
}

static bool read_all(struct job *job) {
    bool ok = true;
    cli_progress_start(&job->c, &job->progress, "points read");
    if (!job->c.argc) ok = read_file(job, "-");
    for (int i = 0; ok && i < job->c.argc; i++) ok = read_file(job, job->c.argv[i]);
    if (job->g) ok = stage(job) && ok; /* what came before an error is not lost */
    cli_progress_end(&job->progress, job->read);
    if (ok && !job->read) {
        cli_error(&job->c, "no points: the input holds no usable record");
        return false;
    }
    return ok;
}

static int embed_some(void *user, const double *lonlat, size_t n, float *out) {
    struct job *job = user;
    job->embed_failed = infer_points_embed(job->model, lonlat, n, out) != INFER_OK;
    return job->embed_failed;
}

static bool show_progress(void *user, unsigned long long done, unsigned long long total) {
    struct job *job = user;
    cli_progress_show(&job->progress, done, total);
    return true;
}

static void print_summary(const struct job *job, const gallery_changes *changes) {
    if (job->c.progress == CLI_PROGRESS_JSON && !job->c.quiet)
        fprintf(stderr,
                "{\"tool\":\"vt-embed\",\"added\":%llu,\"updated\":%llu,\"unchanged\":%llu,"
                "\"skipped\":%llu}\n",
                changes->added, changes->updated, changes->unchanged, job->skipped);
    else if (job->c.progress == CLI_PROGRESS_AUTO && isatty(STDERR_FILENO))
        cli_warn(&job->c, "%llu points added, %llu updated, %llu unchanged", changes->added,
                 changes->updated, changes->unchanged);
}

static bool embed(struct job *job) {
    gallery_changes changes;
    cli_progress_start(&job->c, &job->progress, "points");
    int status = gallery_embed_staged(job->g, embed_some, show_progress, job, &changes);
    cli_progress_end(&job->progress, changes.added + changes.updated + changes.unchanged);
    if (job->embed_failed) {
        cli_error(&job->c, "%s", infer_message(job->infer));
        return false;
    }
    if (!fail(job, status)) return false;
    print_summary(job, &changes);
    return true;
}

int main(int argc, char **argv) {
    struct job job = {0};
    parse(&job, argc, argv);
    job.points = calloc(STAGE_POINTS, sizeof *job.points);
    bool ok = job.points && gallery_context_open(job.c.threads, &job.ctx) == GALLERY_OK;
    if (!ok) cli_error(&job.c, "out of memory");
    ok = ok && load(&job) && read_all(&job) && embed(&job);
    gallery_close(job.g);
    for (size_t i = 0; i < job.n; i++) free((char *)(uintptr_t)job.points[i].properties);
    free(job.points);
    infer_model_close(job.model);
    infer_close(job.infer);
    gallery_context_close(job.ctx);
    return !ok ? CLI_FAILED : job.skipped ? CLI_PARTIAL : CLI_DONE;
}
