/* vt-eval: how far predicted tracks lie from the truth that their frames carry. */
#include "cli.h"
#include "eval_report.h"
#include "libgallery/stream.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THRESHOLDS = 256, FORMAT, PER_SOURCE, CENTERS, HIERARCHY, BOOTSTRAP, SEED };

static const struct cli_option options[] = {
    {THRESHOLDS, "thresholds", "LIST", "distances in km, or in m as 25m (default: 0.5,1,5,25)"},
    {FORMAT, "format", "FORMAT", "text (default), json or csv"},
    {PER_SOURCE, "per-source", NULL, "add the figures of each source"},
    {CENTERS, "centers", "CSV", "add city-level accuracies, by these cities' centres"},
    {HIERARCHY, "hierarchy", "CSV", "the cities' states, countries and continents"},
    {BOOTSTRAP, "bootstrap", "N", "add 95 % intervals, from N times resampled sources"},
    {SEED, "seed", "S", "number that the resampling starts from (default: 0)"},
    {0}};

static const struct cli_spec spec = {
    .tool = "vt-eval",
    .summary = "Compares predicted tracks with the truth that their frames carry.",
    .operands = "[FILE...]",
    .common = CLI_OUTPUT | CLI_PROGRESS,
    .options = options};

/* One operand is one stream. */
#define MAX_STREAMS 64

struct eval {
    cli c;
    gallery_context *ctx;
    gallery_evaluation_rules rules;
    enum report_format format;
    const char *centers, *hierarchy;
    bool per_source, seeded;
    struct report_stream streams[MAX_STREAMS];
    gallery_record *names[MAX_STREAMS]; /* own the streams' names */
    size_t count;
    struct cli_progress progress;
    unsigned long long frames;
};

/* ------------------------------------------------------------------- options */

static void add_threshold(struct eval *e, const char *text, size_t n) {
    gallery_threshold *t = &e->rules.thresholds[e->rules.threshold_count];
    char *end;
    if (e->rules.threshold_count == GALLERY_THRESHOLDS_MAX)
        cli_usage(&e->c, "--thresholds: more than %d", GALLERY_THRESHOLDS_MAX);
    if (!n || n > 12) cli_usage(&e->c, "--thresholds: '%.*s' is not a distance", (int)n, text);
    memcpy(t->name, text, n);
    t->name[n] = '\0';
    t->km = strtod(t->name, &end);
    bool metres = !strcmp(end, "m");
    if (end == t->name || (!metres && *end && strcmp(end, "km") != 0) || !(t->km > 0) ||
        !isfinite(t->km) || strpbrk(t->name, "xXpP +"))
        cli_usage(&e->c, "--thresholds: '%s' is not a distance such as 0.5, 5km or 25m", t->name);
    if (metres) t->km /= 1000;
    if (!*end) strcpy(end, "km");
    for (int i = 0; i < e->rules.threshold_count; i++)
        if (!strcmp(e->rules.thresholds[i].name, t->name))
            cli_usage(&e->c, "--thresholds: %s is given twice", t->name);
    e->rules.threshold_count++;
}

static void take_thresholds(struct eval *e, const char *list) {
    e->rules.threshold_count = 0;
    for (;;) {
        size_t n = strcspn(list, ",");
        add_threshold(e, list, n);
        if (!list[n]) return;
        list += n + 1;
    }
}

static enum report_format format_of(const cli *c, const char *text) {
    static const char *const names[] = {"text", "json", "csv"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i])) return (enum report_format)i;
    cli_usage(c, "--format: '%s' is not text, json or csv", text);
}

static void take_option(struct eval *e, int key, const char *arg) {
    const cli *c = &e->c;
    switch (key) {
    case THRESHOLDS: take_thresholds(e, arg); break;
    case FORMAT: e->format = format_of(c, arg); break;
    case PER_SOURCE: e->per_source = true; break;
    case CENTERS: e->centers = arg; break;
    case HIERARCHY: e->hierarchy = arg; break;
    case BOOTSTRAP:
        e->rules.replicates = (size_t)cli_integer(c, "--bootstrap", arg, 1, 1000000);
        break;
    default:
        e->rules.seed = (uint64_t)cli_integer(c, "--seed", arg, 0, INT64_MAX);
        e->seeded = true;
    }
}

static void check_options(struct eval *e) {
    if (!e->rules.threshold_count) take_thresholds(e, "0.5,1,5,25");
    if (e->hierarchy && !e->centers)
        cli_usage(&e->c, "--hierarchy has no effect without --centers");
    if (e->seeded && !e->rules.replicates)
        cli_usage(&e->c, "--seed has no effect without --bootstrap");
    if (e->c.argc > MAX_STREAMS) cli_usage(&e->c, "more than %d streams", MAX_STREAMS);
}

/* -------------------------------------------------------------------- stream */

static bool ok(const struct eval *e, int status) {
    if (status == GALLERY_ENOMEM)
        cli_error(&e->c, "out of memory");
    else if (status != GALLERY_OK)
        cli_error(&e->c, "%s", gallery_message(e->ctx));
    return status == GALLERY_OK;
}

static bool take_frame(struct eval *e, struct report_stream *s, const gallery_stream *stream,
                       const gallery_record *record) {
    double predicted[2], truth[2];
    long long frame = 0;
    const char *why;
    switch (gallery_record_truth(record, truth, &why)) {
    case GALLERY_OK: break;
    case GALLERY_END: gallery_evaluation_no_truth(s->evaluation); return true;
    default:
        gallery_record_integer(record, "frame", &frame);
        cli_error(&e->c, "%s: source '%.200s', frame %lld: its truth %s", s->name,
                  gallery_record_string(record, "source"), frame, why);
        return false;
    }
    gallery_stream_point(stream, predicted, predicted + 1);
    return ok(e, gallery_evaluation_frame(s->evaluation, predicted, truth));
}

static bool take_record(struct eval *e, struct report_stream *s, const gallery_stream *stream,
                        const gallery_record *record) {
    const char *source = gallery_record_string(record, "source");
    if (gallery_stream_began(stream) && !ok(e, gallery_evaluation_begin(s->evaluation, source)))
        return false;
    enum gallery_record_kind kind = gallery_record_kind(record);
    if (kind == GALLERY_RECORD_END) return ok(e, gallery_evaluation_end(s->evaluation));
    cli_progress_show(&e->progress, ++e->frames, 0);
    if (kind == GALLERY_RECORD_FEATURE) return take_frame(e, s, stream, record);
    gallery_evaluation_error(s->evaluation);
    return true;
}

static bool read_stream(struct eval *e, struct report_stream *s, gallery_stream *stream) {
    gallery_record *record;
    int status;
    while ((status = gallery_stream_next(stream, &record)) == GALLERY_OK) {
        bool good = take_record(e, s, stream, record);
        gallery_record_free(record);
        if (!good) return false;
    }
    if (status != GALLERY_END) return ok(e, status);
    status = gallery_evaluation_finish(s->evaluation, &s->all);
    if (status == GALLERY_OK) return true;
    cli_error(&e->c, "%s: %s", s->name, gallery_message(e->ctx));
    return false;
}

/* A file's name as UTF-8, which what we write is. */
static bool name_stream(struct eval *e, const char *path) {
    gallery_record *record = gallery_record_new();
    const char *name = strcmp(path, "-") ? path : "standard input";
    e->names[e->count] = record;
    if (!record || !gallery_record_set_string(record, "source", name)) return ok(e, GALLERY_ENOMEM);
    e->streams[e->count].name = gallery_record_string(record, "source");
    return true;
}

static bool run_stream(struct eval *e, const char *path) {
    const gallery_stream_rules rules = {.point = true};
    struct report_stream *s = &e->streams[e->count];
    gallery_stream *stream = NULL;
    bool good = name_stream(e, path);
    e->count++;
    good = good && ok(e, gallery_evaluation_open(e->ctx, &e->rules, &s->evaluation)) &&
           ok(e, gallery_stream_open(e->ctx, &path, 1, &rules, &stream)) &&
           read_stream(e, s, stream);
    gallery_stream_close(stream);
    return good;
}

/* What the figures would not tell of a stream. */
static void warn_left_out(const struct eval *e, const struct report_stream *s) {
    const gallery_figures *f = &s->all;
    if (f->empty)
        cli_warn(&e->c, "%s: %llu of %llu sources have no frame that counts, and are in no figure",
                 s->name, f->empty, f->sources + f->empty);
    if (f->repeated)
        cli_warn(&e->c, "%s: source '%.200s' comes more than once, and counts each time", s->name,
                 f->repeated);
}

/* Figures of different frames do not compare. */
static void warn_different(const struct eval *e, const struct report_stream *s) {
    const gallery_figures *first = &e->streams[0].all, *f = &s->all;
    if (f->frames != first->frames || f->sources != first->sources)
        cli_warn(&e->c,
                 "%s has %llu frames of %llu sources with truth, %s %llu of %llu: their "
                 "figures are not of the same frames",
                 e->streams[0].name, first->frames, first->sources, s->name, f->frames, f->sources);
    else if (f->digest != first->digest)
        cli_warn(&e->c,
                 "%s and %s have other sources, or their frames another truth: their figures are "
                 "not of the same frames",
                 e->streams[0].name, s->name);
}

/* ---------------------------------------------------------------------- main */

static bool run_streams(struct eval *e) {
    if (gallery_context_open(1, &e->ctx) != GALLERY_OK) return ok(e, GALLERY_ENOMEM);
    if (e->centers &&
        !ok(e, gallery_cities_open(e->ctx, e->centers, e->hierarchy, &e->rules.cities)))
        return false;
    if (!e->c.argc) return run_stream(e, "-");
    for (int i = 0; i < e->c.argc; i++)
        if (!run_stream(e, e->c.argv[i])) return false;
    return true;
}

static bool print(const struct eval *e) {
    const struct report report = {e->streams, e->count, e->per_source, e->rules.replicates > 0};
    struct cli_output out;
    if (!cli_output_open(&e->c, &out)) return false;
    report_print(&report, e->format, out.file);
    return cli_output_commit(&e->c, &out);
}

static int run(struct eval *e) {
    bool errors = false;
    cli_progress_start(&e->c, &e->progress, "frames");
    bool good = run_streams(e);
    cli_progress_end(&e->progress, e->frames);
    for (size_t i = 0; good && i < e->count; i++) {
        warn_left_out(e, &e->streams[i]);
        warn_different(e, &e->streams[i]);
    }
    good = good && print(e);
    for (size_t i = 0; i < e->count; i++) {
        errors |= e->streams[i].all.errors > 0;
        gallery_evaluation_close(e->streams[i].evaluation);
        gallery_record_free(e->names[i]);
    }
    gallery_cities_close(e->rules.cities);
    gallery_context_close(e->ctx);
    return !good ? CLI_FAILED : errors ? CLI_PARTIAL : CLI_DONE;
}

int main(int argc, char **argv) {
    static struct eval e; /* too large for a stack */
    const char *arg;
    cli_start(&e.c, &spec, argc, argv, NULL);
    for (int key; (key = cli_next(&e.c, &arg));) take_option(&e, key, arg);
    check_options(&e);
    return run(&e);
}
