#include "truth.h"

#include "libgallery/clock.h"
#include "libgallery/geodesy.h"
#include "libinfer/telemetry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool gallery_ok(const struct truth *t, int status) {
    if (status == GALLERY_ENOMEM)
        cli_error(t->c, "out of memory");
    else if (status != GALLERY_OK)
        cli_error(t->c, "%s", gallery_message(t->context));
    return status == GALLERY_OK;
}

static void warn_left_out(const struct truth *t, const gallery_track *track) {
    unsigned long long n = gallery_track_left_out(track);
    if (n)
        cli_warn(t->c,
                 "%s: %llu of its lines or points are damaged or have no time, and are left out",
                 gallery_track_name(track), n);
}

bool truth_open(struct truth *t, const cli *c) {
    t->c = c;
    infer_options threads = {.threads = 1};
    if (infer_open(&threads, &t->infer) != INFER_OK) return gallery_ok(t, GALLERY_ENOMEM);
    if (gallery_context_open(1, &t->context) != GALLERY_OK) return gallery_ok(t, GALLERY_ENOMEM);
    if (!t->gps) return true;
    if (!gallery_ok(t, gallery_track_read(t->context, t->gps, &t->given))) return false;
    warn_left_out(t, t->given);
    return true;
}

static void drop_track(struct truth *t) {
    if (t->track != t->given) gallery_track_close(t->track);
    t->track = NULL;
}

void truth_close(struct truth *t) {
    drop_track(t);
    gallery_track_close(t->given);
    gallery_context_close(t->context);
    infer_close(t->infer);
}

/* ------------------------------------------------------------------ finding one */

/* The file of the same name as the video, but for its ending: drive.mp4, drive.gpx. */
static char *find_beside(const char *path) {
    static const char *const endings[] = {"gpx", "GPX", "nmea", "NMEA", "csv", "CSV"};
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t n = dot && (!slash || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);
    char *name = malloc(n + 8);
    for (size_t i = 0; name && i < sizeof endings / sizeof *endings; i++) {
        snprintf(name, n + 8, "%.*s.%s", (int)n, path, endings[i]);
        if (strcmp(name, path) != 0 && !access(name, R_OK)) return name;
    }
    free(name);
    return NULL;
}

static bool read_beside(struct truth *t, const char *path) {
    int status = gallery_track_read(t->context, path, &t->track);
    if (status == GALLERY_OK) warn_left_out(t, t->track);
    if (status == GALLERY_OK) return true;
    cli_error(t->c, "%s (found beside %s; --no-gps leaves it aside)", gallery_message(t->context),
              t->name);
    return false;
}

/* A camera that never had a fix is no error: its frames have no truth. */
static bool track_of_fixes(struct truth *t, const infer_telemetry *telemetry) {
    int status = gallery_track_new(t->context, t->name, GALLERY_CLOCK_VIDEO, &t->track);
    for (size_t i = 0; status == GALLERY_OK && i < telemetry->n; i++) {
        const infer_fix *fix = &telemetry->fixes[i];
        bool good = fix->good && fabs(fix->lat_deg) <= 90 && fabs(fix->lon_deg) <= 180;
        status = gallery_track_add(t->track, fix->t_s, fix->lon_deg, fix->lat_deg, good);
    }
    if (status == GALLERY_OK) status = gallery_track_finish(t->track);
    if (status != GALLERY_EEMPTY) return gallery_ok(t, status);
    cli_warn(t->c, "%s: its telemetry has no position with a fix", t->name);
    drop_track(t);
    return true;
}

static bool read_telemetry(struct truth *t, const char *path) {
    infer_telemetry telemetry;
    if (infer_telemetry_read(t->infer, path, &telemetry) != INFER_OK) {
        cli_error(t->c, "%s: %s (--no-gps leaves it aside)", path, infer_message(t->infer));
        return false;
    }
    if (telemetry.damaged)
        cli_warn(t->c, "%s: %ld parts of its telemetry are damaged and left out", path,
                 telemetry.damaged);
    bool ok = !telemetry.n || track_of_fixes(t, &telemetry);
    infer_telemetry_free(&telemetry);
    return ok;
}

static bool find_track(struct truth *t, const infer_source *source, const char *path) {
    if (t->none) return true;
    if (t->given) {
        t->track = t->given;
        return true;
    }
    if (!path || infer_source_is_pictures(source)) return true;
    char *beside = find_beside(path);
    bool ok = true;
    if (beside)
        ok = read_beside(t, beside);
    else if (infer_source_has_telemetry(source))
        ok = read_telemetry(t, path);
    free(beside);
    return ok;
}

/* ----------------------------------------------------------------------- clocks */

/* A time on the track's clock. */
static const char *tell_time(const struct truth *t, double time_s, char text[GALLERY_CLOCK_TEXT]) {
    if (gallery_track_clock_of(t->track) == GALLERY_CLOCK_UTC)
        return gallery_clock_format(time_s, text);
    snprintf(text, GALLERY_CLOCK_TEXT, "%.3f s", time_s);
    return text;
}

/* By how much a video misses the track altogether, and what would bring it there. */
static bool check_overlap(const struct truth *t, double length_s) {
    double first_s, last_s, end_s = t->begin_s + (isnan(length_s) ? INFINITY : length_s);
    char begin[GALLERY_CLOCK_TEXT], first[GALLERY_CLOCK_TEXT], last[GALLERY_CLOCK_TEXT];
    bool utc = gallery_track_clock_of(t->track) == GALLERY_CLOCK_UTC;
    gallery_track_span(t->track, &first_s, &last_s);
    if (end_s >= first_s && t->begin_s <= last_s) return true;
    bool before = end_s < first_s;
    double by = before ? first_s - end_s : t->begin_s - last_s;
    cli_error(t->c,
              "%s: begins at %s, but %s tells positions from %s to %s only: it %s %.1f s too %s; "
              "--gps-offset%s sets the clock right",
              t->name, tell_time(t, t->begin_s, begin), gallery_track_name(t->track),
              tell_time(t, first_s, first), tell_time(t, last_s, last), before ? "ends" : "begins",
              by, before ? "early" : "late", utc ? " or --start-time" : "");
    return false;
}

/* A track whose times count from the video's start already. */
static bool check_video_clock(const struct truth *t, bool pictures) {
    const char *name = gallery_track_name(t->track);
    if (pictures)
        cli_error(t->c, "%s: its times count from a video's start, but %s are pictures", name,
                  t->name);
    else if (!isnan(t->start_s))
        cli_error(t->c, "%s: its times count from the video's start: --start-time has no effect",
                  name);
    return !pictures && isnan(t->start_s);
}

/* Each picture has its own time. */
static bool check_pictures(const struct truth *t) {
    if (isnan(t->start_s)) return true;
    cli_error(t->c, "%s: pictures have times of their own: --start-time has no effect", t->name);
    return false;
}

static bool set_clock(struct truth *t, const infer_source *source) {
    bool pictures = infer_source_is_pictures(source);
    t->begin_s = t->offset_s;
    if (gallery_track_clock_of(t->track) == GALLERY_CLOCK_VIDEO)
        return check_video_clock(t, pictures) &&
               (t->dataset || check_overlap(t, infer_source_length_s(source)));
    if (pictures) return check_pictures(t);
    const char *created = infer_source_created(source);
    double start_s = t->start_s;
    if (isnan(start_s) && (!created || !gallery_clock_parse(created, &start_s))) {
        cli_error(t->c,
                  "%s: does not say when it was made, so %s cannot be laid against it; give "
                  "--start-time",
                  t->name, gallery_track_name(t->track));
        return false;
    }
    t->begin_s = start_s + t->offset_s;
    return check_overlap(t, infer_source_length_s(source));
}

bool truth_begin(struct truth *t, const infer_source *source, const char *path,
                 const double *places, gallery_track *track) {
    drop_track(t);
    t->name = infer_source_name(source);
    t->places = places;
    t->any = false;
    t->frames = t->skipped = 0;
    memset(t->counts, 0, sizeof t->counts);
    t->track = track;
    if (!track && !places && !find_track(t, source, path)) return false;
    if (t->track && !set_clock(t, source)) return false;
    if (!t->track && !t->dataset && (t->offset_given || t->gap_given || !isnan(t->start_s))) {
        cli_error(t->c, "%s: no GPS track: --gps-offset, --gps-gap and --start-time have no effect",
                  t->name);
        return false;
    }
    if (t->track || places || infer_source_is_pictures(source) || !(t->every_m > 0)) return true;
    cli_error(t->c, "%s: no GPS: frames cannot be taken by distance; give --gps FILE", t->name);
    return false;
}

/* ----------------------------------------------------------------------- frames */

static int ask_track(struct truth *t, const infer_frame *frame) {
    double time_s = frame->t_s;
    if (isnan(time_s) && (!frame->taken || !gallery_clock_parse(frame->taken, &time_s)))
        return TRUTH_UNTIMED;
    return (int)gallery_track_at(t->track, time_s + t->begin_s, t->gap_s, t->position);
}

/* 0, 0 is what cameras and receivers write that had no fix. */
static bool is_nowhere(double lon_deg, double lat_deg) {
    return lon_deg == 0 && lat_deg == 0;
}

static int ask_exif(struct truth *t, const infer_frame *frame) {
    if (!frame->located) return TRUTH_UNKNOWN;
    if (is_nowhere(frame->lon_deg, frame->lat_deg)) return GALLERY_TRACK_NO_FIX;
    t->position[0] = frame->lon_deg;
    t->position[1] = frame->lat_deg;
    return gallery_canonical(t->position, t->position + 1) ? GALLERY_TRACK_FOUND : TRUTH_UNKNOWN;
}

static int locate(struct truth *t, const infer_frame *frame) {
    if (t->none) return TRUTH_UNKNOWN;
    if (t->places) {
        memcpy(t->position, t->places + 2 * frame->place, sizeof t->position);
        return is_nowhere(t->position[0], t->position[1]) ? GALLERY_TRACK_NO_FIX
                                                          : GALLERY_TRACK_FOUND;
    }
    return t->track ? ask_track(t, frame) : ask_exif(t, frame);
}

/* Is the frame as far from the last as it must be? Without a position nobody knows: it is taken,
 * but not where frames are taken by distance. */
static bool is_far(struct truth *t) {
    bool found = t->answer == GALLERY_TRACK_FOUND;
    double least_m = t->every_m > 0 ? t->every_m : t->still_m;
    if (!(least_m > 0)) return true;
    if (!found) return !(t->every_m > 0);
    if (t->any &&
        gallery_distance_m(t->last[0], t->last[1], t->position[0], t->position[1], NULL) < least_m)
        return false;
    memcpy(t->last, t->position, sizeof t->last);
    return t->any = true;
}

bool truth_wants(void *user, const infer_frame *frame) {
    struct truth *t = user;
    t->answer = locate(t, frame);
    t->counts[t->answer]++;
    t->frames++;
    bool wanted = is_far(t);
    t->skipped += !wanted;
    return wanted;
}

const double *truth_of_last(const struct truth *t) {
    return t->answer == GALLERY_TRACK_FOUND ? t->position : NULL;
}

/* ---------------------------------------------------------------------- summary */

void truth_end(struct truth *t) {
    static const char *const reasons[TRUTH_REASONS] = {
        "",          "before the track", "after the track", "in gaps", "without a fix",
        "at a jump", "without a time",   "without GPS"};
    char text[512] = "";
    size_t n = 0;
    unsigned long long missing = t->frames - t->counts[GALLERY_TRACK_FOUND];
    /* Photos and videos that never had GPS lack nothing. */
    bool asked =
        t->track || t->places || t->every_m > 0 || t->still_m > 0 || t->counts[GALLERY_TRACK_FOUND];
    if (t->none || !missing || !asked) return;
    for (int i = 1; i < TRUTH_REASONS; i++)
        if (t->counts[i])
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu %s", n ? ", " : "",
                                  t->counts[i], reasons[i]);
    cli_warn(t->c, "%s: %llu of %llu frames have no truth%s: %s", t->name, missing, t->frames,
             t->every_m > 0 ? " and are not taken" : "", text);
}
