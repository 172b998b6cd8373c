/* vt-frames - frames of videos and pictures to features, one record each. */
#include "cli.h"
#include "features.h"
#include "libgallery/clock.h"
#include "libgallery/dataset.h"
#include "truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    KEY_EVERY = 256,
    KEY_EVERY_FRAMES,
    KEY_COUNT,
    KEY_START,
    KEY_DURATION,
    KEY_SKIP_STILL,
    KEY_GPS,
    KEY_NO_GPS,
    KEY_GPS_OFFSET,
    KEY_GPS_GAP,
    KEY_START_TIME,
    KEY_LIST,
    KEY_NET,
    KEY_DATASET,
    KEY_SPLIT,
    KEY_IDS,
    KEY_CENTERS
};

static const struct cli_option options[] = {
    {KEY_EVERY, "every", "STEP", "a frame each STEP: of time, 1s (default), or of the way, 5m"},
    {KEY_EVERY_FRAMES, "every-frames", "N", "every N-th frame"},
    {KEY_COUNT, "count", "N", "N frames, one from each of N equal parts"},
    {KEY_START, "start", "TIME", "begin at this presentation time"},
    {KEY_DURATION, "duration", "TIME", "take so much of the video"},
    {KEY_SKIP_STILL, "skip-still", "M", "leave out frames less than M metres from the last one"},
    {KEY_GPS, "gps", "FILE", "truth from this track: GPX, NMEA or CSV"},
    {KEY_NO_GPS, "no-gps", NULL, "no truth, whatever there is"},
    {KEY_GPS_OFFSET, "gps-offset", "S", "seconds that the track's clock is ahead of the video's"},
    {KEY_GPS_GAP, "gps-gap", "TIME", "longest time between positions to bridge (default: 10s)"},
    {KEY_START_TIME, "start-time", "TIME", "when the video begins, as 2026-04-14T09:30:00Z"},
    {KEY_LIST, "list", "FILE", "pictures named in FILE, one a line, are a source"},
    {KEY_NET, "allow-net", NULL, "open URLs, and playlists that name other files"},
    {KEY_DATASET, "dataset", "KIND", "SOURCE is the folder of msls, gama, bdd100k or cityguessr"},
    {KEY_SPLIT, "split", "NAME", "the data set's part, such as train or val"},
    {KEY_IDS, "ids", "FILE", "the videos of gama or bdd100k to take, `ID [COUNT]` a line"},
    {KEY_CENTERS, "centers", "CSV", "the centres of cityguessr's cities: city, lat, lon"},
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
    struct truth truth;
    gallery_dataset_setup dataset;
    const char *dataset_name; /* NULL: sources are what they are */
};

/* ------------------------------------------------------------------- options */

static double metres(const cli *c, const char *option, const char *text, size_t n) {
    char number[32], *end;
    snprintf(number, sizeof number, "%.*s", n < sizeof number ? (int)n : 0, text);
    double value = strtod(number, &end);
    if (end == number || *end || !isfinite(value) || !(value > 0))
        cli_usage(c, "%s: '%s' is not a distance in metres, more than nothing", option, text);
    return value;
}

static void set_mode(struct run *r, enum infer_every mode) {
    if (r->sampling.mode != INFER_EVERY_DEFAULT && r->sampling.mode != mode)
        cli_usage(&r->c, "--every, --every-frames and --count exclude each other");
    r->sampling.mode = mode;
}

/* By distance, every frame is looked at; by time, minutes are "min". */
static void set_every(struct run *r, const char *text) {
    size_t n = strlen(text);
    bool by_distance = n > 1 && text[n - 1] == 'm';
    if (by_distance && r->sampling.mode != INFER_EVERY_DEFAULT)
        cli_usage(&r->c, "--every, --every-frames and --count exclude each other");
    set_mode(r, by_distance ? INFER_EVERY_FRAMES : INFER_EVERY_SECONDS);
    if (by_distance) {
        r->sampling.n = 1;
        r->truth.every_m = metres(&r->c, "--every", text, n - 1);
        return;
    }
    r->sampling.every_s = cli_seconds(&r->c, "--every", text);
    if (!(r->sampling.every_s > 0)) cli_usage(&r->c, "--every: %s is not more than nothing", text);
}

static void take_gps_option(struct run *r, int key, const char *arg) {
    struct truth *t = &r->truth;
    switch (key) {
    case KEY_SKIP_STILL: t->still_m = metres(&r->c, "--skip-still", arg, strlen(arg)); break;
    case KEY_GPS: t->gps = arg; break;
    case KEY_NO_GPS: t->none = true; break;
    case KEY_GPS_OFFSET:
        t->offset_s = cli_number(&r->c, "--gps-offset", arg, -1e10, 1e10);
        t->offset_given = true;
        break;
    case KEY_GPS_GAP:
        t->gap_s = cli_seconds(&r->c, "--gps-gap", arg);
        t->gap_given = true;
        break;
    default:
        if (!gallery_clock_parse(arg, &t->start_s))
            cli_usage(&r->c, "--start-time: '%s' is not a time such as 2026-04-14T09:30:00Z", arg);
    }
}

static void set_dataset(struct run *r, const char *name) {
    static const struct {
        const char *name;
        enum gallery_dataset_kind kind;
    } kinds[] = {{"msls", GALLERY_MSLS},
                 {"gama", GALLERY_BDD100K}, /* selections of BDD100k's videos */
                 {"bdd100k", GALLERY_BDD100K},
                 {"cityguessr", GALLERY_CITYGUESSR}};
    r->dataset_name = name;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(name, kinds[i].name)) {
            r->dataset.kind = kinds[i].kind;
            return;
        }
    cli_usage(&r->c, "--dataset: '%s' is not msls, gama, bdd100k or cityguessr", name);
}

static void take_option(struct run *r, int key, const char *arg) {
    switch (key) {
    case KEY_EVERY: set_every(r, arg); break;
    case KEY_EVERY_FRAMES:
        if (r->truth.every_m > 0)
            cli_usage(&r->c, "--every, --every-frames and --count exclude each other");
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
    case KEY_NET: r->sampling.network = true; break;
    case KEY_DATASET: set_dataset(r, arg); break;
    case KEY_SPLIT: r->dataset.split = arg; break;
    case KEY_IDS: r->dataset.ids = arg; break;
    case KEY_CENTERS: r->dataset.centers = arg; break;
    default: take_gps_option(r, key, arg);
    }
}

/* ------------------------------------------------------------------- sources */

static bool is_picture(const char *path) {
    struct stat st;
    return infer_is_picture_name(path) && !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* What is known of a source beside its frames: the file it is, and a data set's truth. */
struct origin {
    const char *name; /* NULL: as its path */
    const char *path;
    const double *places;
    gallery_track *track;
};

/* A source that was opened with that status. */
static bool run_source(struct run *r, int status, infer_source *source,
                       const struct origin *origin) {
    bool ok = status == INFER_OK;
    if (ok) {
        ok = truth_begin(&r->truth, source, origin->path, origin->places, origin->track) &&
             features_run(&r->features, source, &r->truth);
        if (ok) truth_end(&r->truth);
    } else {
        gallery_track_close(origin->track);
        ok = features_lose(&r->features, origin->name, status, infer_message(r->features.infer), 0);
    }
    infer_source_close(source);
    return ok;
}

static bool run_dataset_source(struct run *r, const gallery_dataset_source *d) {
    const struct origin origin = {.name = d->name, .places = d->places, .track = d->track};
    infer *ctx = r->features.infer;
    infer_source *s;
    if (d->trouble) return features_lose(&r->features, d->name, INFER_EFORMAT, d->trouble, 0);
    if (d->video && !d->track) {
        bool left_out = r->truth.every_m > 0;
        cli_warn(&r->c, "%s: has no position with a fix%s", d->name,
                 left_out ? ", and is left out" : ": no frame has truth");
        r->features.errors |= left_out;
        if (left_out) return true;
    }
    int status = d->video ? infer_source_open_as(ctx, d->name, d->video, &r->sampling, &s)
                          : infer_source_open_list(ctx, d->name, d->paths, d->n, &r->sampling, &s);
    return run_source(r, status, s, &origin);
}

static bool run_dataset(struct run *r) {
    gallery_dataset *dataset;
    gallery_dataset_source source;
    unsigned long long sources = 0;
    bool ok = true;
    r->dataset.root = r->c.argv[0];
    r->features.go_on = r->truth.dataset = true;
    int status = gallery_dataset_open(r->truth.context, &r->dataset, &dataset);
    while (ok && status == GALLERY_OK &&
           (status = gallery_dataset_next(dataset, &source)) == GALLERY_OK) {
        sources++;
        ok = run_dataset_source(r, &source);
    }
    if (ok && status != GALLERY_END) {
        cli_error(&r->c, "%s", gallery_message(r->truth.context));
        ok = false;
    }
    if (ok && r->features.lost == sources) {
        cli_error(&r->c, "%s: of its %llu sources, none can be read", r->c.argv[0], sources);
        ok = false;
    }
    gallery_dataset_close(dataset);
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
        bool file = !n && strcmp(*at, "-") != 0 && !strstr(*at, "://");
        const struct origin origin = {.path = file ? *at : NULL};
        if (!run_source(r, status, s, &origin)) return false;
    }
    return true;
}

static bool run_all(struct run *r) {
    const struct origin origin = {0};
    infer_source *s;
    if (r->dataset_name) return run_dataset(r);
    if (r->list) {
        int status = infer_source_open_names(r->features.infer, r->list, &r->sampling, &s);
        if (!run_source(r, status, s, &origin)) return false;
    }
    return run_operands(r);
}

/* ---------------------------------------------------------------------- main */

static void check_gps(const struct run *r) {
    const struct truth *t = &r->truth;
    bool wanted = t->gps || t->offset_given || t->gap_given || !isnan(t->start_s) ||
                  t->every_m > 0 || t->still_m > 0;
    if (t->none && wanted)
        cli_usage(&r->c, "--no-gps and options that need GPS exclude each other");
    if (t->every_m > 0 && t->still_m > 0)
        cli_usage(&r->c, "--skip-still has no effect with --every by distance");
}

static void check_dataset(const struct run *r) {
    const cli *c = &r->c;
    const gallery_dataset_setup *d = &r->dataset;
    const struct truth *t = &r->truth;
    if (!r->dataset_name && (d->split || d->ids || d->centers))
        cli_usage(c, "--split, --ids and --centers have no effect without --dataset");
    if (!r->dataset_name) return;
    if (c->argc != 1 || r->list) cli_usage(c, "--dataset: give its folder, and nothing else");
    if (!d->split) cli_usage(c, "--dataset: which part of it? give --split");
    if (d->ids && d->kind != GALLERY_BDD100K)
        cli_usage(c, "--ids has no effect with --dataset %s", r->dataset_name);
    if (d->centers && d->kind != GALLERY_CITYGUESSR)
        cli_usage(c, "--centers has no effect with --dataset %s", r->dataset_name);
    if (!d->centers && d->kind == GALLERY_CITYGUESSR)
        cli_usage(c, "--dataset cityguessr: where are the cities? give --centers");
    if (t->gps || !isnan(t->start_s) || t->offset_given)
        cli_usage(c, "--gps, --gps-offset and --start-time have no effect with --dataset");
    if (t->gap_given && d->kind != GALLERY_BDD100K)
        cli_usage(c, "--gps-gap has no effect with --dataset %s", r->dataset_name);
}

static void check_operands(const struct run *r) {
    const cli *c = &r->c;
    check_gps(r);
    check_dataset(r);
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
    struct run r = {.truth = {.start_s = NAN, .gap_s = GALLERY_TRACK_GAP_S}};
    const char *arg;
    int key;
    cli_start(&r.c, &spec, argc, argv, infer_blas_wanted_core());
    while ((key = cli_next(&r.c, &arg))) take_option(&r, key, arg);
    check_operands(&r);
    cli_need_model(&r.c);
    r.sampling.wants = truth_wants;
    r.sampling.user = &r.truth;
    bool ok = truth_open(&r.truth, &r.c) && features_open(&r.features, &r.c) && run_all(&r);
    int status = features_close(&r.features, ok);
    truth_close(&r.truth);
    return status;
}
