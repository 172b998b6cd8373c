#include "track.h"
#include "context.h"
#include "geodesy.h"
#include "tracks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fix {
    double time_s, lonlat[2];
    size_t order; /* of the file, where times are equal */
    bool good;
    bool paused; /* the recording paused before it */
};

struct gallery_track {
    gallery_context *ctx;
    char *name;
    enum gallery_track_clock clock;
    struct fix *fixes;
    size_t n, room;
    bool pause;
    unsigned long long left_out;
    /* once finished: fixes are the good ones, and why[i] is what lies between fix i - 1 and i */
    unsigned char *why;
};

/* --------------------------------------------------------------------- making */

int gallery_track_new(gallery_context *ctx, const char *name, enum gallery_track_clock clock,
                      gallery_track **out) {
    *out = NULL;
    gallery_track *t = calloc(1, sizeof *t);
    char *copy = strdup(name);
    if (!t || !copy) {
        free(t);
        free(copy);
        return gallery_fail_memory(ctx, sizeof *t);
    }
    *t = (gallery_track){.ctx = ctx, .name = copy, .clock = clock};
    *out = t;
    return GALLERY_OK;
}

void gallery_track_close(gallery_track *t) {
    if (!t) return;
    free(t->name);
    free(t->fixes);
    free(t->why);
    free(t);
}

static int refuse_place(const gallery_track *t, double time_s, double lon, double lat) {
    bool swapped = fabs(lon) <= 90 && fabs(lat) <= 180;
    return gallery_fail(t->ctx, GALLERY_EFORMAT,
                        "%s: longitude %g, latitude %g at %.3f s: not on the Earth%s", t->name, lon,
                        lat, time_s, swapped ? "; are the two swapped?" : "");
}

int gallery_track_add(gallery_track *t, double time_s, double lon_deg, double lat_deg, bool good) {
    struct fix fix = {.time_s = time_s, .lonlat = {lon_deg, lat_deg}, .order = t->n};
    if (!isfinite(time_s))
        return gallery_fail(t->ctx, GALLERY_EFORMAT, "%s: a time that is not finite", t->name);
    bool nowhere = lon_deg == 0 && lat_deg == 0;
    fix.good = good && !nowhere;
    if (fix.good && !gallery_canonical(fix.lonlat, fix.lonlat + 1))
        return refuse_place(t, time_s, lon_deg, lat_deg);
    if (t->n == GALLERY_TRACK_MAX_FIXES)
        return gallery_fail(t->ctx, GALLERY_EFORMAT, "%s: more than %zu positions", t->name,
                            GALLERY_TRACK_MAX_FIXES);
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 256;
        struct fix *fixes = realloc(t->fixes, room * sizeof *fixes);
        if (!fixes) return gallery_fail_memory(t->ctx, room * sizeof *fixes);
        t->fixes = fixes;
        t->room = room;
    }
    fix.paused = t->pause;
    t->pause = false;
    t->fixes[t->n++] = fix;
    return GALLERY_OK;
}

void gallery_track_pause(gallery_track *t) {
    t->pause = true;
}

void gallery_track_leave_out(gallery_track *t) {
    t->left_out++;
}

/* ------------------------------------------------------------------ finishing */

static int compare_fixes(const void *a, const void *b) {
    const struct fix *x = a, *y = b;
    if (x->time_s != y->time_s) return x->time_s < y->time_s ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static bool is_jump(const struct fix *a, const struct fix *b) {
    double seconds = b->time_s - a->time_s;
    double metres =
        gallery_distance_m(a->lonlat[0], a->lonlat[1], b->lonlat[0], b->lonlat[1], NULL);
    return metres > GALLERY_TRACK_WANDER_M + seconds * GALLERY_TRACK_MAX_SPEED_MPS;
}

/* Keeps the good fixes, of several at one time the first, and notes what lies before each. */
static void keep_good(gallery_track *t) {
    size_t kept = 0;
    unsigned char why = GALLERY_TRACK_FOUND;
    for (size_t i = 0; i < t->n; i++) {
        struct fix *fix = &t->fixes[i], *last = kept ? &t->fixes[kept - 1] : NULL;
        if (!fix->good) why = GALLERY_TRACK_NO_FIX;
        if (fix->paused && why == GALLERY_TRACK_FOUND) why = GALLERY_TRACK_GAP;
        if (!fix->good || (last && fix->time_s <= last->time_s)) continue;
        if (last && why == GALLERY_TRACK_FOUND && is_jump(last, fix)) why = GALLERY_TRACK_JUMP;
        t->why[kept] = why;
        t->fixes[kept++] = *fix;
        why = GALLERY_TRACK_FOUND;
    }
    t->n = kept;
}

static size_t next_jump(const gallery_track *t, size_t i) {
    while (i < t->n && t->why[i] != GALLERY_TRACK_JUMP) i++;
    return i;
}

/* A receiver that jumps away may stay there for some fixes before it jumps back: where it does so
 * for fewer fixes than it was here before and is here afterwards, all of those stray. */
static void mark_strays(gallery_track *t) {
    size_t before = 0, away = next_jump(t, 1);
    while (away < t->n) {
        size_t back = next_jump(t, away + 1), end = next_jump(t, back + 1), n = back - away;
        if (back < t->n && n < away - before && n < end - back &&
            !is_jump(&t->fixes[away - 1], &t->fixes[back]))
            memset(t->why + away + 1, GALLERY_TRACK_JUMP, n - 1);
        before = away;
        away = back;
    }
}

int gallery_track_finish(gallery_track *t) {
    size_t n = t->n;
    if (n) qsort(t->fixes, n, sizeof *t->fixes, compare_fixes);
    t->why = malloc(n ? n : 1);
    if (!t->why) return gallery_fail_memory(t->ctx, n);
    keep_good(t);
    mark_strays(t);
    if (t->n) return GALLERY_OK;
    if (n)
        return gallery_fail(t->ctx, GALLERY_EEMPTY,
                            "%s: none of its %zu positions has a fix (0, 0 is none)", t->name, n);
    return gallery_fail(t->ctx, GALLERY_EEMPTY, "%s: no positions in it%s", t->name,
                        t->left_out ? " that are whole and have a time" : "");
}

/* -------------------------------------------------------------------- reading */

enum { GPX, NMEA, CSV };

static int guess_format(gallery_context *ctx, const char *path, int *format) {
    char head[4096];
    FILE *file = fopen(path, "re");
    if (!file) return gallery_fail_errno(ctx, path);
    size_t n = fread(head, 1, sizeof head - 1, file);
    int number = ferror(file) ? errno : 0;
    fclose(file);
    errno = number;
    if (number) return gallery_fail_errno(ctx, path);
    head[n] = '\0';
    const char *at = head + (!strncmp(head, "\xef\xbb\xbf", 3) ? 3 : 0);
    at += strspn(at, " \t\r\n");
    /* Some loggers write a line of their own before the first sentence. */
    *format = *at == '<' ? GPX : *at == '$' || strstr(at, "\n$G") ? NMEA : CSV;
    return GALLERY_OK;
}

int gallery_track_read(gallery_context *ctx, const char *path, gallery_track **out) {
    gallery_track *t = NULL;
    int format, status;
    *out = NULL;
    GALLERY_TRY(guess_format(ctx, path, &format));
    status = format == CSV ? gallery_track_read_csv(ctx, path, &t)
                           : gallery_track_new(ctx, path, GALLERY_CLOCK_UTC, &t);
    if (status == GALLERY_OK && format == GPX) status = gallery_track_read_gpx(ctx, path, t);
    if (status == GALLERY_OK && format == NMEA) status = gallery_track_read_nmea(ctx, path, t);
    if (status == GALLERY_OK) status = gallery_track_finish(t);
    if (status == GALLERY_OK)
        *out = t;
    else
        gallery_track_close(t);
    return status;
}

/* --------------------------------------------------------------------- asking */

/* The first fix after the time; n: none. */
static size_t find_after(const gallery_track *t, double time_s) {
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->fixes[middle].time_s > time_s)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* What lies between fix i - 1 and fix i. */
static enum gallery_track_answer between(const gallery_track *t, size_t i, double gap_s) {
    enum gallery_track_answer why = (enum gallery_track_answer)t->why[i];
    bool gap = t->fixes[i].time_s - t->fixes[i - 1].time_s > gap_s;
    return why == GALLERY_TRACK_FOUND && gap ? GALLERY_TRACK_GAP : why;
}

/* Is fix i one that strays from those around it? */
static bool is_stray(const gallery_track *t, size_t i) {
    bool before = i > 0 && t->why[i] == GALLERY_TRACK_JUMP;
    bool after = i + 1 < t->n && t->why[i + 1] == GALLERY_TRACK_JUMP;
    return (before || after) && (before || i == 0) && (after || i + 1 == t->n);
}

/* A time that is so little beyond the ends that they hold for it. */
static double hold_ends(const gallery_track *t, double time_s) {
    double first_s = t->fixes[0].time_s, last_s = t->fixes[t->n - 1].time_s;
    if (time_s < first_s && time_s >= first_s - GALLERY_TRACK_EDGE_S) return first_s;
    if (time_s > last_s && time_s <= last_s + GALLERY_TRACK_EDGE_S) return last_s;
    return time_s;
}

enum gallery_track_answer gallery_track_at(const gallery_track *t, double time_s, double gap_s,
                                           double position[2]) {
    time_s = hold_ends(t, time_s);
    size_t after = find_after(t, time_s);
    if (!after) return GALLERY_TRACK_BEFORE;
    const struct fix *a = &t->fixes[after - 1], *b = a + 1;
    if (time_s == a->time_s) {
        if (is_stray(t, after - 1)) return GALLERY_TRACK_JUMP;
        memcpy(position, a->lonlat, sizeof a->lonlat);
        return GALLERY_TRACK_FOUND;
    }
    if (after == t->n) return GALLERY_TRACK_AFTER;
    enum gallery_track_answer why = between(t, after, gap_s);
    if (why == GALLERY_TRACK_FOUND)
        gallery_point_between(a->lonlat, b->lonlat, (time_s - a->time_s) / (b->time_s - a->time_s),
                              position);
    return why;
}

enum gallery_track_clock gallery_track_clock_of(const gallery_track *t) {
    return t->clock;
}
const char *gallery_track_name(const gallery_track *t) {
    return t->name;
}
void gallery_track_span(const gallery_track *t, double *first_s, double *last_s) {
    *first_s = t->fixes[0].time_s;
    *last_s = t->fixes[t->n - 1].time_s;
}
size_t gallery_track_count(const gallery_track *t) {
    return t->n;
}
unsigned long long gallery_track_left_out(const gallery_track *t) {
    return t->left_out;
}
