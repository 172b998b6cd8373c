/* vt-embed - put points and their embeddings into a gallery. */
#include "cli.h"
#include "libgallery/point_reader.h"
#include "libgallery/store.h"
#include "libinfer/model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAGE_POINTS 8192 /* staged in one transaction */
#define STAGE_BYTES ((size_t)16 << 20)

enum { TAG = 256, SYNC, REEMBED, DTYPE, BATCH, SKIP_ERRORS };

static const struct cli_option options[] = {
    {TAG, "tag", "NAME", "put the points under this tag, whatever their records say"},
    {SYNC, "sync", "NAME", "make the points of this tag exactly those of the input"},
    {REEMBED, "reembed", NULL, "rebuild the gallery for this model's location encoder"},
    {DTYPE, "dtype", "TYPE", "f16 or f32, of a new or rebuilt gallery's embeddings"},
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
    const char *tag, *sync_tag;
    enum gallery_dtype dtype;
    size_t batch;
    bool skip_errors, reembed, embed_failed;
    infer *infer;
    infer_model *model;
    gallery_context *ctx;
    gallery *g;         /* NULL until the first point: a wrong input makes no gallery */
    gallery_sync *sync; /* with --sync */
    gallery_point_input input;
    gallery_point *points; /* [STAGE_POINTS], of the next transaction */
    size_t n, bytes;
    unsigned long long read, skipped, done;
    struct cli_progress progress;
};

static void parse(struct job *job, int argc, char **argv) {
    const char *arg;
    cli *c = &job->c;
    cli_start(c, &spec, argc, argv, infer_blas_wanted_core());
    for (int key; (key = cli_next(c, &arg));) {
        if (key == SKIP_ERRORS) job->skip_errors = true;
        if (key == REEMBED) job->reembed = true;
        if (key == TAG) job->tag = arg;
        if (key == SYNC) job->sync_tag = arg;
        if (key == BATCH) job->batch = (size_t)cli_integer(c, "--batch", arg, 1, 1 << 20);
        if (key == DTYPE) {
            job->dtype = !strcmp(arg, "f16") ? GALLERY_F16 : !strcmp(arg, "f32") ? GALLERY_F32 : 0;
            if (!job->dtype) cli_usage(c, "--dtype: '%s' is neither f16 nor f32", arg);
        }
    }
    if (job->tag && job->sync_tag) cli_usage(c, "--tag and --sync exclude each other");
    if (job->sync_tag && job->skip_errors)
        cli_usage(c, "--sync takes no --skip-errors: it would drop the points of broken records");
    if (job->reembed && (job->tag || job->sync_tag || job->skip_errors))
        cli_usage(c, "--reembed takes no --tag, --sync or --skip-errors: points stay as they are");
    if (job->reembed && c->argc)
        cli_usage(c, "--reembed takes no input: '%s' is not for it", *c->argv);
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

static gallery_setup setup_of(const struct job *job) {
    const infer_model_info *info = infer_model_describe(job->model);
    gallery_setup setup = {.dim = info->embedding_dim, .dtype = job->dtype};
    memcpy(setup.location_id, info->location_id, sizeof setup.location_id);
    return setup;
}

static bool open_gallery(struct job *job) {
    gallery_setup setup = setup_of(job);
    if (!fail(job, gallery_open_writer(job->ctx, job->c.gallery, &setup, &job->g))) return false;
    if (job->batch) gallery_set_batch(job->g, job->batch);
    return !job->sync_tag || fail(job, gallery_sync_open(job->g, job->sync_tag, 0, &job->sync));
}

static void forget_points(struct job *job) {
    for (size_t i = 0; i < job->n; i++) {
        free((char *)(uintptr_t)job->points[i].properties);
        free((uint16_t *)(uintptr_t)job->points[i].tags);
    }
    job->n = job->bytes = 0;
}

static bool stage(struct job *job) {
    bool ok = !job->n || fail(job, gallery_stage(job->g, job->points, job->n));
    forget_points(job);
    return ok;
}

static int by_number(const void *a, const void *b) {
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* The numbers of the point's tags, in order and each once; none without any names. */
static bool number_tags(struct job *job, uint16_t **out, size_t *n) {
    const char *const *names = job->tag ? &job->tag : job->input.names;
    size_t names_n = job->tag ? 1 : job->input.names_n, kept = 0;
    *out = names_n ? calloc(names_n, sizeof **out) : NULL;
    if (names_n && !*out) {
        cli_error(&job->c, "out of memory");
        return false;
    }
    for (size_t i = 0; i < names_n; i++) {
        if (*names[i] && !fail(job, gallery_tag_make(job->g, names[i], *out + i))) {
            free(*out);
            return false;
        }
    }
    if (names_n) qsort(*out, names_n, sizeof **out, by_number);
    for (size_t i = 0; i < names_n; i++)
        if (!kept || (*out)[kept - 1] != (*out)[i]) (*out)[kept++] = (*out)[i];
    *n = kept;
    return true;
}

/* Keeps a point for the next transaction. */
static bool keep(struct job *job) {
    gallery_point *p = job->points + job->n;
    const char *text = job->input.point.properties;
    uint16_t *tags;
    if (!number_tags(job, &tags, &p->tags_n)) return false;
    *p = (gallery_point){.id = job->input.point.id,
                         .lon_deg = job->input.point.lon_deg,
                         .lat_deg = job->input.point.lat_deg,
                         .properties = text ? strdup(text) : NULL,
                         .tags = tags,
                         .tags_n = p->tags_n};
    job->n++;
    if (text && !p->properties) {
        cli_error(&job->c, "out of memory");
        return false;
    }
    job->bytes += text ? strlen(text) : 0;
    return (job->n < STAGE_POINTS && job->bytes < STAGE_BYTES) || stage(job);
}

/* One record of the stream. *more: go on. */
static bool read_one(struct job *job, gallery_reader *reader, bool *more) {
    int status = gallery_point_next(job->ctx, reader, false, &job->input);
    *more = status != GALLERY_END;
    if (!*more) return true;
    if (status == GALLERY_OK) {
        cli_progress_show(&job->progress, ++job->read, 0);
        if (!job->g && !open_gallery(job)) return false;
        return job->sync ? fail(job, gallery_sync_add(job->sync, &job->input.point)) : keep(job);
    }
    cli_error(&job->c, "%s", gallery_message(job->ctx));
    if (!job->skip_errors || status != GALLERY_EFORMAT) return false;
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

/* Points that wait, of an interrupted run or of an import, need no new ones to go on. */
static bool has_staged(struct job *job) {
    gallery_info info;
    if (job->sync_tag || access(job->c.gallery, F_OK)) return false;
    return open_gallery(job) && fail(job, gallery_stat(job->g, &info)) && info.staged;
}

static bool read_all(struct job *job) {
    bool ok = true;
    cli_progress_start(&job->c, &job->progress, "points read");
    if (!job->c.argc) ok = read_file(job, "-");
    for (int i = 0; ok && i < job->c.argc; i++) ok = read_file(job, job->c.argv[i]);
    if (job->g && !job->sync) ok = stage(job) && ok; /* what came before an error is not lost */
    cli_progress_end(&job->progress, job->read);
    if (ok && !job->read && !job->skipped && has_staged(job)) return true;
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
    job->done = done;
    cli_progress_show(&job->progress, done, total);
    return true;
}

static void print_summary(const struct job *job, const gallery_changes *changes) {
    if (job->c.progress == CLI_PROGRESS_JSON && !job->c.quiet)
        fprintf(stderr,
                "{\"tool\":\"vt-embed\",\"added\":%llu,\"updated\":%llu,\"unchanged\":%llu,"
                "\"removed\":%llu,\"skipped\":%llu}\n",
                changes->added, changes->updated, changes->unchanged, changes->removed,
                job->skipped);
    else if (job->c.progress == CLI_PROGRESS_AUTO && isatty(STDERR_FILENO))
        cli_warn(&job->c, "%llu points added, %llu updated, %llu unchanged, %llu removed",
                 changes->added, changes->updated, changes->unchanged, changes->removed);
}

static bool embed(struct job *job) {
    gallery_changes changes;
    cli_progress_start(&job->c, &job->progress, "points");
    int status = job->sync ? gallery_sync_run(job->sync, embed_some, show_progress, job, &changes)
                           : gallery_embed_staged(job->g, embed_some, show_progress, job, &changes);
    cli_progress_end(&job->progress, changes.added + changes.updated + changes.unchanged);
    if (job->embed_failed) {
        cli_error(&job->c, "%s", infer_message(job->infer));
        return false;
    }
    if (!fail(job, status)) return false;
    print_summary(job, &changes);
    return true;
}

static bool reembed(struct job *job) {
    gallery_setup setup = setup_of(job);
    bool rebuilt;
    if (!fail(job, gallery_open_writer(job->ctx, job->c.gallery, NULL, &job->g))) return false;
    if (job->batch) gallery_set_batch(job->g, job->batch);
    cli_progress_start(&job->c, &job->progress, "points");
    int status = gallery_reembed(job->g, &setup, embed_some, show_progress, job, &rebuilt);
    cli_progress_end(&job->progress, job->done);
    if (job->embed_failed) {
        cli_error(&job->c, "%s", infer_message(job->infer));
        return false;
    }
    if (!fail(job, status)) return false;
    if (!rebuilt && job->c.progress == CLI_PROGRESS_AUTO && isatty(STDERR_FILENO))
        cli_warn(&job->c, "%s: nothing to do: it is of this location encoder", job->c.gallery);
    return true;
}

int main(int argc, char **argv) {
    struct job job = {0};
    parse(&job, argc, argv);
    job.points = calloc(STAGE_POINTS, sizeof *job.points);
    bool ok = job.points && gallery_context_open(job.c.threads, &job.ctx) == GALLERY_OK;
    if (!ok) cli_error(&job.c, "out of memory");
    ok = ok && load(&job) && (job.reembed ? reembed(&job) : read_all(&job) && embed(&job));
    gallery_sync_close(job.sync);
    gallery_close(job.g);
    forget_points(&job);
    gallery_point_input_close(&job.input);
    free(job.points);
    infer_model_close(job.model);
    infer_close(job.infer);
    gallery_context_close(job.ctx);
    return !ok ? CLI_FAILED : job.skipped ? CLI_PARTIAL : CLI_DONE;
}
