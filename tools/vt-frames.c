/* vt-frames - frames of videos and pictures to features, one record each. */
#include "cli.h"
#include "features.h"

#include <string.h>
#include <sys/stat.h>

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

struct run {
    cli c;
    infer_sampling sampling;
    const char *list;
    struct features features;
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

/* ------------------------------------------------------------------- sources */

static bool is_picture(const char *path) {
    struct stat st;
    return infer_is_picture_name(path) && !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* A source that was opened with that status. */
static bool run_source(struct run *r, int status, infer_source *source) {
    bool ok = status == INFER_OK;
    if (ok)
        ok = features_run(&r->features, source);
    else
        cli_error(&r->c, "%s", infer_message(r->features.infer));
    infer_source_close(source);
    return ok;
}

/* What a shell has made of one pattern comes as many operands: pictures that follow each other are
 * one source. */
static bool run_operands(struct run *r) {
    infer *ctx = r->features.infer;
    for (int i = 0, n; i < r->c.argc; i += n ? n : 1) {
        char *const *at = r->c.argv + i;
        infer_source *s;
        for (n = 0; i + n < r->c.argc && is_picture(at[n]);) n++;
        int status = n ? infer_source_open_list(ctx, NULL, (const char *const *)at, (size_t)n,
                                                &r->sampling, &s)
                       : infer_source_open(ctx, *at, &r->sampling, &s);
        if (!run_source(r, status, s)) return false;
    }
    return true;
}

static bool run_all(struct run *r) {
    infer_source *s;
    if (r->list) {
        int status = infer_source_open_names(r->features.infer, r->list, &r->sampling, &s);
        if (!run_source(r, status, s)) return false;
    }
    return run_operands(r);
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

int main(int argc, char **argv) {
    struct run r = {0};
    const char *arg;
    int key;
    cli_start(&r.c, &spec, argc, argv, infer_blas_wanted_core());
    while ((key = cli_next(&r.c, &arg))) take_option(&r, key, arg);
    check_operands(&r);
    cli_need_model(&r.c);
    bool ok = features_open(&r.features, &r.c) && run_all(&r);
    return features_close(&r.features, ok);
}
