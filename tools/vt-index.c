/* vt-index - build, show, check and print a gallery. */
#include "cli.h"
#include "libgallery/geodesy.h"
#include "libgallery/record.h"
#include "libgallery/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { JSON = 256, EMBEDDINGS };

static const struct cli_option stat_options[] = {{JSON, "json", NULL, "print one JSON object"},
                                                 {0}};
static const struct cli_option dump_options[] = {
    {EMBEDDINGS, "embeddings", NULL, "with each point's embedding"}, {0}};

enum command { BUILD, STAT, VERIFY, DUMP, COMMANDS };
static const struct cli_spec commands[COMMANDS] = {
    [BUILD] = {.tool = "vt-index",
               .command = "build",
               .summary = "Bring the index up to date: only what changed is computed.",
               .operands = "",
               .common = CLI_GALLERY | CLI_THREADS | CLI_PROGRESS},
    [STAT] = {.tool = "vt-index",
              .command = "stat",
              .summary = "Show what a gallery holds.",
              .operands = "",
              .common = CLI_GALLERY,
              .options = stat_options},
    [VERIFY] = {.tool = "vt-index",
                .command = "verify",
                .summary = "Check every block, checksum and reference of a gallery.",
                .operands = "",
                .common = CLI_GALLERY | CLI_PROGRESS},
    [DUMP] = {.tool = "vt-index",
              .command = "dump",
              .summary = "Write all points of a gallery, in order of their ids.",
              .operands = "",
              .common = CLI_GALLERY | CLI_OUTPUT,
              .options = dump_options},
};

struct job {
    cli c;
    bool json, embeddings;
    gallery_context *ctx;
    gallery *g;
    size_t dim;
    struct cli_output out;
    struct cli_progress progress;
    unsigned long long done;
    int status; /* of writing */
};

static bool fail(const struct job *job, int status) {
    if (status == GALLERY_OK) return true;
    cli_error(&job->c, "%s", gallery_message(job->ctx));
    return false;
}

static bool show_progress(void *user, unsigned long long done, unsigned long long total) {
    struct job *job = user;
    job->done = done;
    cli_progress_show(&job->progress, done, total);
    return true;
}

static bool build(struct job *job) {
    unsigned long long built;
    if (!fail(job, gallery_open_writer(job->ctx, job->c.gallery, NULL, &job->g))) return false;
    cli_progress_start(&job->c, &job->progress, "blocks");
    int status = gallery_index_build(job->g, show_progress, job, &built);
    cli_progress_end(&job->progress, job->done);
    return fail(job, status);
}

/* ---------------------------------------------------------------------- stat */

static void print_text(const gallery_info *info) {
    printf("encoder     %s\n", info->setup.location_id);
    printf("embeddings  %d numbers, %s\n", info->setup.dim,
           info->setup.dtype == GALLERY_F16 ? "f16" : "f32");
    printf("points      %llu\n", info->points);
    printf("staged      %llu\n", info->staged);
    printf("blocks      %llu\n", info->blocks);
    printf("indexed     %llu\n", info->indexed_blocks);
    printf("bytes       %llu\n", info->bytes);
    if (info->points)
        printf("extent      %.7f %.7f %.7f %.7f\n", info->west, info->south, info->east,
               info->north);
}

static void print_json(const gallery_info *info) {
    printf("{\"format\":\"vidtag-gallery\",\"version\":1,\"location\":\"%s\",\"dim\":%d,"
           "\"dtype\":\"%s\",\"points\":%llu,\"staged\":%llu,\"blocks\":%llu,"
           "\"indexed_blocks\":%llu,\"bytes\":%llu,\"extent\":",
           info->setup.location_id, info->setup.dim,
           info->setup.dtype == GALLERY_F16 ? "f16" : "f32", info->points, info->staged,
           info->blocks, info->indexed_blocks, info->bytes);
    if (info->points)
        printf("[%.7f,%.7f,%.7f,%.7f]}\n", info->west, info->south, info->east, info->north);
    else
        printf("null}\n");
}

static bool show(struct job *job) {
    gallery_info info;
    if (!fail(job, gallery_open(job->ctx, job->c.gallery, &job->g)) ||
        !fail(job, gallery_stat(job->g, &info)))
        return false;
    job->json ? print_json(&info) : print_text(&info);
    if (!fflush(stdout) && !ferror(stdout)) return true;
    cli_error(&job->c, "%s: cannot write: %s", cli_output_name(&job->c), strerror(errno));
    return false;
}

/* -------------------------------------------------------------------- verify */

static bool verify(struct job *job) {
    char *text = NULL;
    size_t size;
    if (!fail(job, gallery_open(job->ctx, job->c.gallery, &job->g))) return false;
    FILE *report = open_memstream(&text, &size);
    if (!report) {
        cli_error(&job->c, "out of memory");
        return false;
    }
    cli_progress_start(&job->c, &job->progress, "blocks");
    int status = gallery_verify(job->g, report, show_progress, job);
    cli_progress_end(&job->progress, job->done);
    bool written = !fclose(report) && size;
    char *rest = text;
    for (char *line; written && (line = strsep(&rest, "\n")) && *line;)
        cli_error(&job->c, "%s", line);
    free(text);
    return status == GALLERY_OK || (written ? false : fail(job, status));
}

/* ---------------------------------------------------------------------- dump */

/* The point's line, read back as a record, and the vector added. */
static int write_with_embedding(struct job *job, const gallery_point *point, const float *x) {
    char *text = NULL;
    size_t size;
    gallery_record *record = NULL;
    FILE *line = open_memstream(&text, &size);
    if (!line) return GALLERY_ENOMEM;
    int status = gallery_point_write(job->ctx, point, line, false);
    if (fclose(line) && status == GALLERY_OK) status = GALLERY_ENOMEM;
    if (status == GALLERY_OK) status = gallery_record_parse(job->ctx, text, size, &record, NULL);
    if (status == GALLERY_OK && !gallery_record_set_vector(record, "embedding", x, job->dim))
        status = GALLERY_EVALUE;
    if (status == GALLERY_OK)
        status = gallery_record_write(job->ctx, record, job->out.file, job->out.flush);
    gallery_record_free(record);
    free(text);
    return status;
}

static int write_point(void *user, const gallery_point *point, const float *x) {
    struct job *job = user;
    job->status = x ? write_with_embedding(job, point, x)
                    : gallery_point_write(job->ctx, point, job->out.file, job->out.flush);
    return job->status != GALLERY_OK;
}

static bool dump(struct job *job) {
    gallery_info info;
    if (!fail(job, gallery_open(job->ctx, job->c.gallery, &job->g)) ||
        !fail(job, gallery_stat(job->g, &info)) || !cli_output_open(&job->c, &job->out))
        return false;
    job->dim = (size_t)info.setup.dim;
    int status = gallery_each(job->g, job->embeddings, write_point, job);
    if (job->status != GALLERY_OK)
        cli_error(&job->c, "%s: %s", cli_output_name(&job->c), gallery_message(job->ctx));
    bool ok =
        job->status == GALLERY_OK && fail(job, status) && cli_output_commit(&job->c, &job->out);
    cli_output_abandon(&job->out);
    return ok;
}

int main(int argc, char **argv) {
    struct job job = {0};
    const char *arg;
    int command = cli_command("vt-index", "Build, show, check and print a gallery.", commands,
                              COMMANDS, argc, argv);
    cli_start(&job.c, commands + command, argc, argv, NULL);
    for (int key; (key = cli_next(&job.c, &arg));) {
        job.json |= key == JSON;
        job.embeddings |= key == EMBEDDINGS;
    }
    if (job.c.argc) cli_usage(&job.c, "unexpected operand '%s'", *job.c.argv);
    cli_need_gallery(&job.c);
    if (gallery_context_open(job.c.threads, &job.ctx) != GALLERY_OK) {
        cli_error(&job.c, "out of memory");
        return CLI_FAILED;
    }
    static bool (*const run[COMMANDS])(struct job *) = {build, show, verify, dump};
    bool ok = run[command](&job);
    gallery_close(job.g);
    gallery_context_close(job.ctx);
    return ok ? CLI_DONE : CLI_FAILED;
}
