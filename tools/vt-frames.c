/* vt-frames - frames of videos and pictures to features, one record each. */
#include "cli.h"

#include "libgallery/record.h"
#include "libinfer/media.h"
#include "libinfer/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Pictures that are held for one call of the model: as many as it computes at once, and few if they
 * are large. */
#define BATCH 8
#define BATCH_BYTES ((size_t)96 << 20)

enum { KEY_EVERY = 256, KEY_EVERY_FRAMES, KEY_COUNT, KEY_START, KEY_DURATION, KEY_LIST, KEY_NET };

static const struct cli_option options[] = {
    {KEY_EVERY, "every", "TIME", "a frame each TIME of a video, such as 1s (default) or 200ms"},
    {KEY_EVERY_FRAMES, "every-frames", "N", "every N-th frame"},
    {KEY_COUNT, "count", "N", "N frames, one from each of N equal parts"},
    {KEY_START, "start", "TIME", "begin at this presentation time"},
    {KEY_DURATION, "duration", "TIME", "take so much of the video"},
    {KEY_LIST, "list", "FILE", "pictures named in FILE, one a line, are a source"},
    {KEY_NET, "allow-net", NULL, "open URLs, and playlists that name other files"},
    {0}};

static const struct cli_spec spec = {
    "vt-frames",
    NULL,
    "Computes a feature for each sampled frame of videos, picture folders and lists.",
    "SOURCE...",
    CLI_MODEL | CLI_OUTPUT | CLI_THREADS | CLI_PROGRESS,
    options};

struct item {
    long index;
    double t_s;
    char *error; /* NULL: there is a picture */
    infer_picture picture;
    size_t room; /* bytes that the picture's memory holds */
};

struct run {
    cli c;
    infer_sampling sampling;
    const char *list;
    infer *ctx;
    gallery_context *gallery;
    infer_model *model;
    const infer_model_info *info;
    struct cli_output out;
    struct cli_progress progress;
    struct item items[BATCH];
    int n;
    float *features; /* [BATCH][feature_dim] */
    unsigned long long frames, expected;
    bool errors;
};

/* ------------------------------------------------------------------- options */

static double every_seconds(const cli *c, const char *text) {
    size_t n = strlen(text);
    if (n > 1 && text[n - 1] == 'm')
        cli_usage(c,
                  "--every: '%s' would be metres, which is not there yet; write minutes as %.*smin",
                  text, (int)(n - 1), text);
    double every_s = cli_seconds(c, "--every", text);
    if (!(every_s > 0)) cli_usage(c, "--every: %s is not more than nothing", text);
    return every_s;
}

static void set_mode(struct run *r, enum infer_every mode) {
    if (r->sampling.mode != INFER_EVERY_DEFAULT && r->sampling.mode != mode)
        cli_usage(&r->c, "--every, --every-frames and --count exclude each other");
    r->sampling.mode = mode;
}

static void take_option(struct run *r, int key, const char *arg) {
    switch (key) {
    case KEY_EVERY:
        set_mode(r, INFER_EVERY_SECONDS);
        r->sampling.every_s = every_seconds(&r->c, arg);
        break;
    case KEY_EVERY_FRAMES:
        set_mode(r, INFER_EVERY_FRAMES);
        r->sampling.n = cli_integer(&r->c, "--every-frames", arg, 1, 1000000000);
        break;
    case KEY_COUNT:
        set_mode(r, INFER_COUNT);
        r->sampling.n = cli_integer(&r->c, "--count", arg, 1, 1000000000);
        break;
    case KEY_START: r->sampling.start_s = cli_seconds(&r->c, "--start", arg); break;
    case KEY_DURATION:
        r->sampling.duration_s = cli_seconds(&r->c, "--duration", arg);
        if (!(r->sampling.duration_s > 0)) cli_usage(&r->c, "--duration: %s is nothing", arg);
        break;
    case KEY_LIST:
        if (r->list) cli_usage(&r->c, "--list is given twice");
        r->list = arg;
        break;
    default: r->sampling.network = true;
    }
}

/* ------------------------------------------------------------------- records */

static bool fill(const struct run *r, gallery_record *record, const char *source,
                 const struct item *item, const float *feature) {
    bool ok = gallery_record_set_no_point(record) &&
              gallery_record_set_string(record, "source", source) &&
              gallery_record_set_integer(record, "frame", item->index) &&
              (isnan(item->t_s) ? gallery_record_set_null(record, "t")
                                : gallery_record_set_number(record, "t", item->t_s, 6));
    if (item->error) return ok && gallery_record_set_error(record, "decode", item->error);
    return ok && gallery_record_set_string(record, "backbone", r->info->backbone_id) &&
           gallery_record_set_vector(record, "feature", feature, (size_t)r->info->feature_dim);
}

static bool write_record(struct run *r, gallery_record *record, bool filled) {
    bool ok = record && filled;
    if (!ok)
        cli_error(&r->c, "out of memory");
    else if (gallery_record_write(r->gallery, record, r->out.file, r->out.flush) != GALLERY_OK) {
        cli_error(&r->c, "%s", gallery_message(r->gallery));
        ok = false;
    }
    gallery_record_free(record);
    return ok;
}

/* Computes what has been gathered, and writes it in order. */
static bool flush_batch(struct run *r, const char *source) {
    infer_picture pictures[BATCH];
    size_t n = 0;
    for (int i = 0; i < r->n; i++)
        if (!r->items[i].error) pictures[n++] = r->items[i].picture;
    if (n && infer_pictures_encode(r->model, pictures, n, r->features) != INFER_OK) {
        cli_error(&r->c, "%s: %s", source, infer_message(r->ctx));
        return false;
    }
    const float *feature = r->features;
    bool ok = true;
    for (int i = 0; ok && i < r->n; i++) {
        struct item *item = &r->items[i];
        gallery_record *record = gallery_record_new();
        ok = write_record(r, record, record && fill(r, record, source, item, feature));
        if (!item->error) feature += r->info->feature_dim;
        free(item->error);
        item->error = NULL;
    }
    r->frames += (unsigned)r->n;
    r->n = 0;
    cli_progress_show(&r->progress, r->frames, r->expected > r->frames ? r->expected : 0);
    return ok;
}

/* The source's picture lasts until its next frame: the batch needs a copy. */
static bool gather(struct run *r, const infer_frame *f) {
    struct item *item = &r->items[r->n];
    item->index = f->index;
    item->t_s = f->t_s;
    if (f->status != INFER_OK) {
        r->errors = true;
        item->error = strdup(f->message);
        r->n += item->error != NULL;
        return item->error != NULL;
    }
    size_t bytes = (size_t)f->picture.width * (size_t)f->picture.height * 3;
    if (item->room < bytes) {
        free(item->picture.rgb);
        item->picture.rgb = malloc(bytes);
        item->room = item->picture.rgb ? bytes : 0;
        if (!item->room) return false;
    }
    memcpy(item->picture.rgb, f->picture.rgb, bytes);
    item->picture.width = f->picture.width;
    item->picture.height = f->picture.height;
    r->n++;
    return true;
}

static bool is_full(const struct run *r) {
    size_t bytes = 0;
    for (int i = 0; i < r->n; i++) bytes += r->items[i].error ? 0 : r->items[i].room;
    return r->n == BATCH || bytes >= BATCH_BYTES;
}

/* ------------------------------------------------------------------- sources */

static bool run_source(struct run *r, infer_source *s) {
    const char *name = infer_source_name(s);
    long estimate = infer_source_estimate(s), frames = 0;
    r->expected = estimate > 0 ? r->frames + (unsigned long)estimate : 0;
    infer_frame f;
    int status;
    while ((status = infer_source_next(s, &f)) == INFER_OK) {
        frames++;
        if (!gather(r, &f)) {
            cli_error(&r->c, "out of memory");
            return false;
        }
        if (is_full(r) && !flush_batch(r, name)) return false;
    }
    if (status != INFER_END) {
        cli_error(&r->c, "%s", infer_message(r->ctx));
        return false;
    }
    if (!flush_batch(r, name)) return false;
    gallery_record *end = gallery_record_new_end(name, frames);
    return write_record(r, end, end != NULL);
}

static bool is_picture(const char *path) {
    struct stat st;
    return infer_is_picture_name(path) && !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* The folder that all the paths are in, for the name of what a shell's pattern expands to. */
static char *common_folder(char *const *paths, int n) {
    size_t length = strlen(paths[0]);
    for (int i = 1; i < n; i++)
        for (size_t k = 0; k < length; k++)
            if (paths[i][k] != paths[0][k]) length = k; /* also at the end of paths[i] */
    while (length && paths[0][length - 1] != '/') length--;
    while (length > 1 && paths[0][length - 1] == '/') length--;
    return length ? strndup(paths[0], length) : strdup(".");
}

static bool run_pictures(struct run *r, char *const *paths, int n) {
    infer_source *s = NULL;
    char *name = n > 1 ? common_folder(paths, n) : strdup(paths[0]);
    int status = name ? infer_source_open_list(r->ctx, name, (const char *const *)paths, (size_t)n,
                                               &r->sampling, &s)
                      : INFER_ENOMEM;
    bool ok = status == INFER_OK && run_source(r, s);
    if (status != INFER_OK) cli_error(&r->c, "%s", name ? infer_message(r->ctx) : "out of memory");
    infer_source_close(s);
    free(name);
    return ok;
}

static bool run_path(struct run *r, const char *path) {
    infer_source *s = NULL;
    bool ok = infer_source_open(r->ctx, path, &r->sampling, &s) == INFER_OK;
    if (ok)
        ok = run_source(r, s);
    else
        cli_error(&r->c, "%s", infer_message(r->ctx));
    infer_source_close(s);
    return ok;
}

/* Lines of a file, without the empty ones. NULL after a message. */
static char **read_list(const struct run *r, size_t *n) {
    FILE *in = strcmp(r->list, "-") ? fopen(r->list, "re") : stdin;
    char **lines = NULL, *line = NULL;
    size_t size = 0, room = 0;
    ssize_t length;
    bool memory = true;
    *n = 0;
    if (!in) {
        cli_error(&r->c, "%s: %s", r->list, strerror(errno));
        return NULL;
    }
    while (memory && (length = getline(&line, &size, in)) > 0) {
        while (length && strchr("\r\n", line[length - 1])) line[--length] = 0;
        if (!length) continue;
        if (*n == room) {
            char **more = realloc(lines, (room = room ? 2 * room : 64) * sizeof *lines);
            if (more) lines = more;
            memory = more != NULL;
        }
        if (memory) memory = (lines[*n] = strdup(line)) != NULL;
        *n += memory;
    }
    if (!memory)
        cli_error(&r->c, "out of memory");
    else if (ferror(in))
        cli_error(&r->c, "%s: %s", r->list, strerror(errno));
    else if (!*n)
        cli_error(&r->c, "%s: no pictures are listed", r->list);
    bool ok = memory && *n && !ferror(in);
    if (in != stdin) fclose(in);
    free(line);
    for (size_t i = 0; !ok && i < *n; i++) free(lines[i]);
    if (!ok) free(lines);
    return ok ? lines : NULL;
}

static bool run_list(struct run *r) {
    size_t n;
    char **paths = read_list(r, &n);
    if (!paths) return false;
    infer_source *s = NULL;
    bool ok = infer_source_open_list(r->ctx, r->list, (const char *const *)paths, n, &r->sampling,
                                     &s) == INFER_OK;
    if (ok)
        ok = run_source(r, s);
    else
        cli_error(&r->c, "%s", infer_message(r->ctx));
    infer_source_close(s);
    for (size_t i = 0; i < n; i++) free(paths[i]);
    free(paths);
    return ok;
}

static bool run_all(struct run *r) {
    if (r->list && !run_list(r)) return false;
    for (int i = 0; i < r->c.argc;) {
        int n = 0;
        while (i + n < r->c.argc && is_picture(r->c.argv[i + n])) n++;
        if (!(n ? run_pictures(r, r->c.argv + i, n) : run_path(r, r->c.argv[i]))) return false;
        i += n ? n : 1;
    }
    return true;
}

/* ---------------------------------------------------------------------- main */

static void check_operands(const struct run *r) {
    const cli *c = &r->c;
    bool listed = r->list && !strcmp(r->list, "-");
    if (!c->argc && !r->list) cli_usage(c, "no source: give videos, folders, pictures or --list");
    for (int i = 0; i < c->argc; i++) {
        if (listed && !strcmp(c->argv[i], "-"))
            cli_usage(c, "standard input cannot be both a list and a video");
        for (int k = 0; k < i; k++)
            if (!strcmp(c->argv[i], c->argv[k]))
                cli_usage(c, "%s: given twice; a stream has each source once", c->argv[i]);
    }
}

static bool open_all(struct run *r) {
    infer_options threads = {.threads = r->c.threads};
    if (infer_open(&threads, &r->ctx) != INFER_OK ||
        gallery_context_open(1, &r->gallery) != GALLERY_OK) {
        cli_error(&r->c, "out of memory");
        return false;
    }
    if (infer_model_load(r->ctx, r->c.model, INFER_PART_BACKBONES, &r->model) != INFER_OK) {
        cli_error(&r->c, "%s", infer_message(r->ctx));
        return false;
    }
    r->info = infer_model_describe(r->model);
    r->features = malloc((size_t)r->info->feature_dim * BATCH * sizeof *r->features);
    if (!r->features) cli_error(&r->c, "out of memory");
    return r->features && cli_output_open(&r->c, &r->out);
}

static void close_all(struct run *r) {
    for (int i = 0; i < BATCH; i++) {
        free(r->items[i].error);
        free(r->items[i].picture.rgb);
    }
    free(r->features);
    infer_model_close(r->model);
    gallery_context_close(r->gallery);
    infer_close(r->ctx);
}

int main(int argc, char **argv) {
    struct run r = {0};
    const char *arg;
    int key;
    cli_start(&r.c, &spec, argc, argv, infer_blas_wanted_core());
    while ((key = cli_next(&r.c, &arg))) take_option(&r, key, arg);
    check_operands(&r);
    cli_need_model(&r.c);
    bool ok = open_all(&r);
    if (ok) {
        cli_progress_start(&r.c, &r.progress, "frames");
        ok = run_all(&r);
        cli_progress_end(&r.progress, r.frames);
    }
    if (ok)
        ok = cli_output_commit(&r.c, &r.out);
    else
        cli_output_abandon(&r.out);
    close_all(&r);
    return !ok ? CLI_FAILED : r.errors ? CLI_PARTIAL : CLI_DONE;
}
