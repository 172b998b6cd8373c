#include "exif.h"
#include "media.h"
#include "modules.h"
#include "pictures.h"
#include "video.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Which frames are taken. Those that cannot be decoded are counted like the others. */
struct sampler {
    enum infer_every mode;
    double every_s, start_s, end_s;
    long n;
    long total; /* INFER_COUNT: frames in the range */
    long seen;  /* frames in the range so far */
    long next;  /* INFER_EVERY_SECONDS: the multiple that is due; INFER_COUNT: the cell */
};

struct infer_source {
    infer *ctx;
    char *name;
    struct sampler sampler;
    struct video *video;      /* a video, or the picture that was given out last */
    struct pictures pictures; /* empty: a video */
    size_t picture;           /* the next one */
    long index;
    long estimate;
    double last_s; /* of the video's frames, for a message */
    long unwanted; /* frames that were not given out, because nobody wanted them */
    bool (*wants)(void *user, const struct infer_frame *frame);
    void *user;
    bool network, ended;
    struct exif exif; /* of the last picture */
    char message[1024];
};

/* ------------------------------------------------------------------ sampling */

static int check_sampling(infer *ctx, const infer_sampling *s, struct sampler *out) {
    infer_sampling plain = {0};
    if (!s) s = &plain;
    bool seconds = s->mode == INFER_EVERY_SECONDS;
    if (seconds && !(s->every_s > 0 && isfinite(s->every_s)))
        return infer_fail(ctx, INFER_EUSAGE, "frames every %g s", s->every_s);
    if ((s->mode == INFER_EVERY_FRAMES || s->mode == INFER_COUNT) && (s->n < 1 || s->n > INT32_MAX))
        return infer_fail(ctx, INFER_EUSAGE, "%ld frames: 1 to %d can be asked for", s->n,
                          INT32_MAX);
    if (!(s->start_s >= 0 && isfinite(s->start_s)) ||
        !(s->duration_s >= 0 && isfinite(s->duration_s)))
        return infer_fail(ctx, INFER_EUSAGE, "a range from %g s, %g s long", s->start_s,
                          s->duration_s);
    *out = (struct sampler){.mode = s->mode,
                            .every_s = seconds ? s->every_s : 1,
                            .start_s = s->start_s,
                            .end_s = s->duration_s > 0 ? s->start_s + s->duration_s : INFINITY,
                            .n = s->n};
    return INFER_OK;
}

/* A cell's middle frame: cells are [cell * total / n, (cell + 1) * total / n). */
static bool is_middle(struct sampler *s, int64_t k) {
    if (s->total <= s->n) return true;
    if (s->next >= s->n || k < (2 * (int64_t)s->next + 1) * s->total / (2 * s->n)) return false;
    s->next++;
    return true;
}

static bool sampler_takes(struct sampler *s, double t_s) {
    double since = t_s - s->start_s + CONTAINER_TICK_S;
    if (since < 0 || t_s > s->end_s - CONTAINER_TICK_S) return false;
    long k = s->seen++;
    if (s->mode == INFER_EVERY_FRAMES) return k % s->n == 0;
    if (s->mode == INFER_COUNT) return is_middle(s, k);
    if (since < (double)s->next * s->every_s) return false;
    s->next = (long)fmin(since / s->every_s, 1e15) + 1;
    return true;
}

/* A list's picture of number k, when its pictures are sampled by number. */
static bool picture_taken(struct sampler *s, long k) {
    if (s->mode == INFER_EVERY_FRAMES) return k % s->n == 0;
    return s->mode != INFER_COUNT || is_middle(s, k);
}

static int check_list(const infer_source *s, const infer_sampling *sampling) {
    if (!sampling) return INFER_OK;
    if (sampling->mode == INFER_EVERY_SECONDS)
        return infer_fail(s->ctx, INFER_EUSAGE,
                          "%s: pictures have no times, so they cannot be taken by seconds; take "
                          "every n-th, or a number of them",
                          s->name);
    if (sampling->start_s > 0 || sampling->duration_s > 0)
        return infer_fail(s->ctx, INFER_EUSAGE,
                          "%s: pictures have no times, so a start or duration has no effect",
                          s->name);
    return INFER_OK;
}

/* ------------------------------------------------------------------- opening */

/* How many places 0, b, 2b, ... there are below a. */
static long places(double a, double b) {
    return a / b < 1e15 ? (long)ceil(a / b - CONTAINER_TICK_S) : -1;
}

static long estimate_video(const struct container *c, const struct sampler *s) {
    if (s->mode == INFER_COUNT) return s->total < s->n ? s->total : s->n;
    double length = c->stream->duration > 0
                        ? (double)c->stream->duration * av_q2d(c->stream->time_base)
                        : (double)c->format->duration / AV_TIME_BASE;
    double range = fmin(s->end_s, length) - s->start_s;
    if (!(range > 0)) return -1;
    if (s->mode != INFER_EVERY_FRAMES) return places(range, s->every_s);
    AVRational rate = c->stream->avg_frame_rate;
    return rate.num > 0 && rate.den > 0 ? places(range * av_q2d(rate), (double)s->n) : -1;
}

static long estimate_pictures(const infer_source *s) {
    long n = (long)s->pictures.n;
    if (s->sampler.mode == INFER_EVERY_FRAMES) return (n + s->sampler.n - 1) / s->sampler.n;
    return s->sampler.mode == INFER_COUNT && n > s->sampler.n ? s->sampler.n : n;
}

/* Counting reads the file once to its end, with a container of its own. */
static int count_frames(infer_source *s, const char *path, const struct container *opened) {
    struct container *c;
    if (!opened->again)
        return infer_fail(s->ctx, INFER_EUSAGE,
                          "%s: a number of frames can be taken from a file only: how many a stream "
                          "has is not known before its end",
                          opened->path);
    INFER_TRY(container_open(s->ctx, path, s->network, &c));
    int status = container_count(c, s->sampler.start_s, s->sampler.end_s, &s->sampler.total);
    container_close(c);
    return status;
}

static int open_video(infer_source *s, const char *path, const infer_sampling *sampling) {
    struct container *c;
    INFER_TRY(container_open(s->ctx, path, s->network, &c));
    if (container_is_picture(c)) {
        bool input = !strcmp(path, "-");
        if (input) { /* it cannot be opened again */
            container_close(c);
            return infer_fail(s->ctx, INFER_EFORMAT,
                              "standard input: a picture; only videos are read from a pipe");
        }
        container_close(c);
        INFER_TRY(check_list(s, sampling));
        return pictures_add(&s->pictures, path) ? INFER_OK : infer_fail_memory(s->ctx, 0);
    }
    int status = s->sampler.mode == INFER_COUNT ? count_frames(s, path, c) : INFER_OK;
    if (status != INFER_OK) {
        container_close(c);
        return status;
    }
    s->estimate = estimate_video(c, &s->sampler);
    return video_open(s->ctx, c, &s->video);
}

static int open_path(infer_source *s, const char *path, const infer_sampling *sampling) {
    struct stat st;
    bool url = strstr(path, "://") != NULL;
    if (!strcmp(path, "-")) return open_video(s, path, sampling);
    if (stat(path, &st)) {
        if (url && s->network) return open_video(s, path, sampling);
        if (url)
            return infer_fail(s->ctx, INFER_EUSAGE,
                              "%s: a network source, which must be allowed (--allow-net)", path);
        if (errno != ENOENT || !pictures_is_pattern(path)) return infer_fail_errno(s->ctx, path);
        INFER_TRY(check_list(s, sampling));
        return pictures_of_pattern(s->ctx, path, &s->pictures);
    }
    if (S_ISDIR(st.st_mode)) {
        INFER_TRY(check_list(s, sampling));
        return pictures_of_folder(s->ctx, path, &s->pictures);
    }
    return open_video(s, path, sampling);
}

static int source_new(infer *ctx, const char *name, const infer_sampling *sampling,
                      infer_source **out) {
    *out = NULL;
    infer_source *s = calloc(1, sizeof *s);
    if (!s) return infer_fail_memory(ctx, sizeof *s);
    int status;
    s->ctx = ctx;
    s->estimate = -1;
    s->last_s = NAN;
    s->network = sampling && sampling->network;
    if (sampling) {
        s->wants = sampling->wants;
        s->user = sampling->user;
    }
    s->name = strdup(name);
    status =
        s->name ? check_sampling(ctx, sampling, &s->sampler) : infer_fail_memory(ctx, strlen(name));
    if (status == INFER_OK)
        *out = s;
    else
        infer_source_close(s);
    return status;
}

static void pictures_ready(infer_source *s) {
    if (!s->pictures.n) return;
    s->sampler.total = (long)s->pictures.n;
    s->estimate = estimate_pictures(s);
}

int infer_source_open_as(infer *ctx, const char *name, const char *path,
                         const infer_sampling *sampling, infer_source **out) {
    infer_source *s;
    *out = NULL;
    INFER_TRY(source_new(ctx, name, sampling, &s));
    int status = open_path(s, path, sampling);
    if (status != INFER_OK) {
        infer_source_close(s);
        return status;
    }
    pictures_ready(s);
    *out = s;
    return INFER_OK;
}

int infer_source_open(infer *ctx, const char *path, const infer_sampling *sampling,
                      infer_source **out) {
    return infer_source_open_as(ctx, path, path, sampling, out);
}

/* A list that has been opened: what it is to sample, once its names are there. */
static int take_list(infer_source *s, const infer_sampling *sampling, const char *const *paths,
                     size_t n) {
    INFER_TRY(check_list(s, sampling));
    if (paths && !n)
        return infer_fail(s->ctx, INFER_EFORMAT, "%s: no pictures are listed", s->name);
    for (size_t i = 0; i < n; i++)
        if (!pictures_add(&s->pictures, paths[i]))
            return infer_fail_memory(s->ctx, n * sizeof *paths);
    if (!paths) INFER_TRY(pictures_of_list(s->ctx, s->name, &s->pictures));
    pictures_ready(s);
    return INFER_OK;
}

static int open_list(infer *ctx, const char *name, const char *const *paths, size_t n,
                     const infer_sampling *sampling, infer_source **out) {
    infer_source *s;
    INFER_TRY(source_new(ctx, name, sampling, &s));
    int status = take_list(s, sampling, paths, n);
    if (status == INFER_OK)
        *out = s;
    else
        infer_source_close(s);
    return status;
}

int infer_source_open_list(infer *ctx, const char *name, const char *const *paths, size_t n,
                           const infer_sampling *sampling, infer_source **out) {
    *out = NULL;
    if (name || n == 1) return open_list(ctx, name ? name : paths[0], paths, n, sampling, out);
    char *folder = pictures_common_folder(paths, n);
    int status = folder ? open_list(ctx, folder, paths, n, sampling, out)
                        : infer_fail_memory(ctx, n * sizeof *paths);
    free(folder);
    return status;
}

int infer_source_open_names(infer *ctx, const char *path, const infer_sampling *sampling,
                            infer_source **out) {
    *out = NULL;
    return open_list(ctx, path, NULL, 0, sampling, out);
}

void infer_source_close(infer_source *s) {
    if (!s) return;
    video_close(s->video);
    pictures_free(&s->pictures);
    free(s->name);
    free(s);
}

const char *infer_source_name(const infer_source *s) {
    return s->name;
}

long infer_source_estimate(const infer_source *s) {
    return s->estimate;
}

bool infer_source_is_pictures(const infer_source *s) {
    return s->pictures.n > 0;
}

const char *infer_source_created(const infer_source *s) {
    if (s->pictures.n) return NULL;
    const struct container *c = video_container(s->video);
    const AVDictionaryEntry *e = av_dict_get(c->format->metadata, "creation_time", NULL, 0);
    if (!e) e = av_dict_get(c->stream->metadata, "creation_time", NULL, 0);
    return e ? e->value : NULL;
}

double infer_source_length_s(const infer_source *s) {
    if (s->pictures.n) return NAN;
    const struct container *c = video_container(s->video);
    if (c->stream->duration > 0) return (double)c->stream->duration * av_q2d(c->stream->time_base);
    return c->format->duration > 0 ? (double)c->format->duration / AV_TIME_BASE : NAN;
}

bool infer_source_has_telemetry(const infer_source *s) {
    return !s->pictures.n && container_telemetry(video_container(s->video)) >= 0;
}

/* -------------------------------------------------------------------- frames */

static void begin_frame(infer_source *s, infer_frame *f, double t_s, int status) {
    *f = (infer_frame){.index = s->index, .t_s = t_s, .status = status, .message = s->message};
}

/* Is the frame given out? */
static bool give(infer_source *s, const infer_frame *f) {
    bool wanted = !s->wants || s->wants(s->user, f);
    if (wanted)
        s->index++;
    else
        s->unwanted++;
    return wanted;
}

/* The first frame of a picture's file. What is wrong with it, is its own: the list goes on. */
static int decode_picture(infer_source *s, const char *path, infer_picture *picture) {
    struct container *c;
    struct video_event e;
    struct stat st;
    video_close(s->video);
    s->video = NULL;
    /* A pipe among pictures would wait for ever. */
    if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return infer_fail(s->ctx, INFER_EDECODE, "%s: not a regular file", path);
    INFER_TRY(container_open(s->ctx, path, s->network, &c));
    if (!container_is_picture(c)) {
        container_close(c);
        return infer_fail(s->ctx, INFER_EDECODE,
                          "%s: a video, not a picture; give it as a source of its own", path);
    }
    INFER_TRY(video_open(s->ctx, c, &s->video));
    int status = video_next(s->video, &e);
    if (status == INFER_ENOMEM) return status;
    if (status == INFER_END || e.lost)
        return infer_fail(s->ctx, INFER_EDECODE,
                          "%s: damaged, or of more than %d megapixels: it cannot be decoded", path,
                          PICTURE_MAX_PIXELS / 1000000);
    status = video_picture(s->video, picture);
    if (status != INFER_EDECODE) return status;
    char why[512];
    snprintf(why, sizeof why, "%s", infer_message(s->ctx));
    return infer_fail(s->ctx, status, "%s: %s", path, why);
}

/* The picture of the list that is due, whether it is wanted or not. */
static int read_picture(infer_source *s, infer_frame *f) {
    infer_picture picture = {0};
    long place = (long)s->picture++;
    int status = decode_picture(s, s->pictures.paths[place], &picture);
    if (status == INFER_ENOMEM) return status;
    snprintf(s->message, sizeof s->message, "%s", status == INFER_OK ? "" : infer_message(s->ctx));
    begin_frame(s, f, NAN, status == INFER_OK ? INFER_OK : INFER_EDECODE);
    f->place = place;
    if (status != INFER_OK) return INFER_OK;
    f->picture = picture;
    exif_read(s->video, &s->exif);
    f->located = s->exif.located;
    f->lon_deg = s->exif.lon_deg;
    f->lat_deg = s->exif.lat_deg;
    f->taken = *s->exif.taken ? s->exif.taken : NULL;
    return INFER_OK;
}

static int end_unwanted(const infer_source *s, const char *name) {
    return infer_fail(s->ctx, INFER_EFORMAT,
                      "%s: none of its %ld frames is taken: not one has a position", name,
                      s->unwanted);
}

static int next_picture(infer_source *s, infer_frame *f) {
    do {
        while (s->picture < s->pictures.n && !picture_taken(&s->sampler, (long)s->picture))
            s->picture++;
        if (s->picture == s->pictures.n)
            return s->index || !s->unwanted ? INFER_END : end_unwanted(s, s->name);
        INFER_TRY(read_picture(s, f));
    } while (!give(s, f));
    return INFER_OK;
}

/* A source without a frame is a mistake: an error, not an empty answer. */
static int end_video(const infer_source *s) {
    const char *path = video_container(s->video)->path;
    if (s->index) return INFER_END;
    if (s->unwanted) return end_unwanted(s, path);
    if (isnan(s->last_s)) return infer_fail(s->ctx, INFER_EFORMAT, "%s: no frames in it", path);
    return infer_fail(s->ctx, INFER_EFORMAT, "%s: no frames from %g s on: the last is at %.3f s",
                      path, s->sampler.start_s, s->last_s);
}

static int next_event(infer_source *s, struct video_event *e, infer_frame *f) {
    for (;;) {
        int status = video_next(s->video, e);
        if (status == INFER_END) return end_video(s);
        INFER_TRY(status);
        if (!e->cut) s->last_s = e->t_s;
        if (e->t_s > s->sampler.end_s) return end_video(s);
        if (!e->cut && !sampler_takes(&s->sampler, e->t_s)) continue;
        snprintf(s->message, sizeof s->message, "%s", e->lost ? e->message : "");
        begin_frame(s, f, e->t_s, e->lost ? INFER_EDECODE : INFER_OK);
        if (give(s, f)) return INFER_OK;
        if (e->cut) { /* said whether it is wanted or not */
            s->index++;
            return INFER_OK;
        }
    }
}

static int next_of_video(infer_source *s, infer_frame *f) {
    struct video_event e;
    INFER_TRY(next_event(s, &e, f));
    if (e.lost) return INFER_OK;
    int status = video_picture(s->video, &f->picture);
    if (status != INFER_EDECODE) return status;
    snprintf(s->message, sizeof s->message, "the frame at %.3f s: %.900s", e.t_s,
             infer_message(s->ctx));
    f->status = status;
    f->picture = (infer_picture){0};
    return INFER_OK;
}

int infer_source_next(infer_source *s, infer_frame *f) {
    if (s->ended) return INFER_END;
    int status = s->pictures.n ? next_picture(s, f) : next_of_video(s, f);
    s->ended = status != INFER_OK;
    return status;
}
