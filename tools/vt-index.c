/* vt-index - build, show, check, carry and compare galleries. */
#include "index.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { JSON = 256, EMBEDDINGS, POINTS_ONLY, RECORDS, DTYPE, TAG };

static const struct cli_option stat_options[] = {{JSON, "json", NULL, "print one JSON object"},
                                                 {0}};
static const struct cli_option dump_options[] = {
    {EMBEDDINGS, "embeddings", NULL, "with each point's embedding, tags, and the encoder's id"},
    {0}};
static const struct cli_option export_options[] = {
    {POINTS_ONLY, "points-only", NULL,
     "without embeddings, to be embedded again where they arrive"},
    {0}};
static const struct cli_option load_options[] = {
    {DTYPE, "dtype", "TYPE", "f16 or f32, of the embeddings (default: what they are)"}, {0}};
static const struct cli_option diff_options[] = {
    {RECORDS, "records", NULL, "write the points that differ instead of counts"}, {0}};

static const struct cli_option remove_options[] = {
    {TAG, "tag", "NAME", "the tag; points without another one are dropped"}, {0}};

enum command {
    BUILD,
    STAT,
    VERIFY,
    LIST,
    DUMP,
    LOAD,
    EXPORT,
    IMPORT,
    DIFF,
    MERGE,
    REMOVE,
    COMPACT,
    COMMANDS
};
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
    [LIST] = {.tool = "vt-index",
              .command = "list",
              .summary = "List all points: id, longitude, latitude, tags, with tabs between.",
              .operands = "",
              .common = CLI_GALLERY | CLI_OUTPUT | CLI_PROGRESS},
    [DUMP] = {.tool = "vt-index",
              .command = "dump",
              .summary = "Write all points of a gallery, in order of their ids.",
              .operands = "",
              .common = CLI_GALLERY | CLI_OUTPUT | CLI_PROGRESS,
              .options = dump_options},
    [LOAD] = {.tool = "vt-index",
              .command = "load",
              .summary = "Make a gallery of what dump --embeddings has written.",
              .operands = "[FILE...]",
              .common = CLI_GALLERY | CLI_PROGRESS,
              .options = load_options},
    [EXPORT] = {.tool = "vt-index",
                .command = "export",
                .summary = "Pack a gallery into an archive that can be carried anywhere.",
                .operands = "",
                .common = CLI_GALLERY | CLI_OUTPUT | CLI_PROGRESS,
                .options = export_options},
    [IMPORT] = {.tool = "vt-index",
                .command = "import",
                .summary = "Make a gallery of an archive, whole or not at all.",
                .operands = "FILE",
                .common = CLI_GALLERY | CLI_PROGRESS},
    [DIFF] = {.tool = "vt-index",
              .command = "diff",
              .summary = "Compare two galleries or archives.",
              .operands = "OLD NEW",
              .common = CLI_OUTPUT,
              .options = diff_options},
    [MERGE] = {.tool = "vt-index",
               .command = "merge",
               .summary = "Make one gallery of several, or of archives.",
               .operands = "GALLERY...",
               .common = CLI_GALLERY | CLI_PROGRESS},
    [REMOVE] = {.tool = "vt-index",
                .command = "remove",
                .summary = "Take a tag from all its points.",
                .operands = "",
                .common = CLI_GALLERY,
                .options = remove_options},
    [COMPACT] = {.tool = "vt-index",
                 .command = "compact",
                 .summary = "Give back the space of what has gone.",
                 .operands = "",
                 .common = CLI_GALLERY | CLI_THREADS | CLI_PROGRESS},
};

bool index_ok(const struct index_job *job, int status) {
    if (status == GALLERY_OK) return true;
    cli_error(&job->c, "%s", gallery_message(job->ctx));
    return false;
}

static bool show_progress(void *user, unsigned long long done, unsigned long long total) {
    struct index_job *job = user;
    job->done = done;
    cli_progress_show(&job->progress, done, total);
    return true;
}

static bool build(struct index_job *job) {
    unsigned long long built;
    if (!index_ok(job, gallery_open_writer(job->ctx, job->c.gallery, NULL, &job->g))) return false;
    cli_progress_start(&job->c, &job->progress, "blocks");
    int status = gallery_index_build(job->g, show_progress, job, &built);
    cli_progress_end(&job->progress, job->done);
    return index_ok(job, status);
}

static bool remove_tag(struct index_job *job) {
    gallery_changes changes;
    return index_ok(job, gallery_open_writer(job->ctx, job->c.gallery, NULL, &job->g)) &&
           index_ok(job, gallery_tag_remove(job->g, job->tag, &changes));
}

static bool compact(struct index_job *job) {
    if (!index_ok(job, gallery_open_writer(job->ctx, job->c.gallery, NULL, &job->g))) return false;
    cli_progress_start(&job->c, &job->progress, "blocks");
    int status = gallery_compact(job->g, show_progress, job);
    cli_progress_end(&job->progress, job->done);
    return index_ok(job, status);
}

/* ---------------------------------------------------------------------- stat */

/* How full blocks are, and which part of them the index does not know. */
static double fill_of(const gallery_info *info) {
    return info->blocks ? (double)info->points / (256.0 * (double)info->blocks) : 0;
}
static double staleness_of(const gallery_info *info) {
    return info->blocks ? (double)(info->blocks - info->indexed_blocks) / (double)info->blocks : 0;
}

static void print_quoted(const char *name) { /* no control characters are in it */
    putchar('"');
    for (; *name; name++) {
        if (*name == '"' || *name == '\\') putchar('\\');
        putchar(*name);
    }
    putchar('"');
}

static void print_text(const gallery_info *info, const gallery_tag_count *tags, size_t n) {
    printf("encoder     %s\n", info->setup.location_id);
    printf("embeddings  %d numbers, %s\n", info->setup.dim,
           info->setup.dtype == GALLERY_F16 ? "f16" : "f32");
    printf("points      %llu\n", info->points);
    printf("staged      %llu\n", info->staged);
    printf("blocks      %llu\n", info->blocks);
    printf("indexed     %llu\n", info->indexed_blocks);
    printf("hidden      %llu\n", info->hidden);
    printf("fill        %.4f\n", fill_of(info));
    printf("bytes       %llu\n", info->bytes);
    if (info->points)
        printf("extent      %.7f %.7f %.7f %.7f\n", info->west, info->south, info->east,
               info->north);
    for (size_t i = 0; i < n; i++)
        if (tags[i].name) printf("tag         %llu %s\n", tags[i].points, tags[i].name);
}

static void print_json(const gallery_info *info, const gallery_tag_count *tags, size_t n) {
    printf(
        "{\"format\":\"vidtag-gallery\",\"version\":1,\"location\":\"%s\",\"dim\":%d,"
        "\"dtype\":\"%s\",\"points\":%llu,\"staged\":%llu,\"blocks\":%llu,"
        "\"indexed_blocks\":%llu,\"hidden\":%llu,\"fill\":%.4f,\"staleness\":%.4f,\"bytes\":%llu,"
        "\"extent\":",
        info->setup.location_id, info->setup.dim, info->setup.dtype == GALLERY_F16 ? "f16" : "f32",
        info->points, info->staged, info->blocks, info->indexed_blocks, info->hidden, fill_of(info),
        staleness_of(info), info->bytes);
    if (info->points)
        printf("[%.7f,%.7f,%.7f,%.7f]", info->west, info->south, info->east, info->north);
    else
        printf("null");
    printf(",\"untagged\":%llu,\"tags\":{", tags->points);
    for (size_t i = 1; i < n; i++) {
        if (i > 1) putchar(',');
        print_quoted(tags[i].name);
        printf(":%llu", tags[i].points);
    }
    printf("}}\n");
}

static bool show(struct index_job *job) {
    gallery_info info;
    gallery_tag_count *tags;
    size_t n;
    if (!index_ok(job, gallery_open(job->ctx, job->c.gallery, &job->g)) ||
        !index_ok(job, gallery_stat(job->g, &info)) ||
        !index_ok(job, gallery_count_tags(job->g, &tags, &n)))
        return false;
    job->json ? print_json(&info, tags, n) : print_text(&info, tags, n);
    free(tags);
    if (!fflush(stdout) && !ferror(stdout)) return true;
    cli_refuse_write(&job->c, errno);
    return false;
}

/* -------------------------------------------------------------------- verify */

static bool verify(struct index_job *job) {
    char *text = NULL;
    size_t size;
    if (!index_ok(job, gallery_open(job->ctx, job->c.gallery, &job->g))) return false;
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
    return status == GALLERY_OK || (written ? false : index_ok(job, status));
}

static void parse(struct index_job *job, const struct cli_spec *which, int argc, char **argv) {
    const char *arg;
    cli *c = &job->c;
    cli_start(c, which, argc, argv, NULL);
    for (int key; (key = cli_next(c, &arg));) {
        job->json |= key == JSON;
        job->embeddings |= key == EMBEDDINGS;
        job->points_only |= key == POINTS_ONLY;
        job->records |= key == RECORDS;
        if (key == TAG) job->tag = arg;
        if (key != DTYPE) continue;
        job->dtype = !strcmp(arg, "f16") ? GALLERY_F16 : !strcmp(arg, "f32") ? GALLERY_F32 : 0;
        if (!job->dtype) cli_usage(c, "--dtype: '%s' is neither f16 nor f32", arg);
    }
}

struct operands {
    int least, most;
};

static void check_operands(const cli *c, struct operands n) {
    if (c->argc > n.most) cli_usage(c, "unexpected operand '%s'", c->argv[n.most]);
    if (c->argc < n.least) cli_usage(c, "an operand is missing: %s", c->spec->operands);
}

int main(int argc, char **argv) {
    static bool (*const run[COMMANDS])(struct index_job *) = {
        [BUILD] = build,         [STAT] = show,           [VERIFY] = verify,
        [LIST] = index_list,     [DUMP] = index_dump,     [LOAD] = index_load,
        [EXPORT] = index_export, [IMPORT] = index_import, [DIFF] = index_diff,
        [MERGE] = index_merge,   [REMOVE] = remove_tag,   [COMPACT] = compact};
    static const struct operands operands[COMMANDS] = {
        [LOAD] = {0, INT_MAX}, [IMPORT] = {1, 1}, [DIFF] = {2, 2}, [MERGE] = {1, INT_MAX}};
    struct index_job job = {0};
    int command = cli_command("vt-index", "Build, show, check, carry and compare galleries.",
                              commands, COMMANDS, argc, argv);
    parse(&job, commands + command, argc, argv);
    check_operands(&job.c, operands[command]);
    if (command != DIFF) cli_need_gallery(&job.c);
    if (command == REMOVE && !job.tag) cli_usage(&job.c, "--tag: which tag is to be removed?");
    if (gallery_context_open(job.c.threads, &job.ctx) != GALLERY_OK) {
        cli_error(&job.c, "out of memory");
        return CLI_FAILED;
    }
    bool ok = run[command](&job);
    gallery_close(job.g);
    gallery_context_close(job.ctx);
    return ok ? CLI_DONE : CLI_FAILED;
}
