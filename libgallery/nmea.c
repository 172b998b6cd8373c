/* nmea.c - tracks in NMEA 0183: RMC tells time, date and position, GGA how good the fix is. */
#include "clock.h"
#include "context.h"
#include "tracks.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sentence has 82 characters; receivers exceed that, but not by much. */
#define MAX_LINE 1024
#define MAX_FIELDS 32
/* Above this dilution of precision a position is not relied on, as with GPMF's. */
#define MAX_DOP 5.0

struct nmea {
    gallery_track *track;
    int year, month, day; /* year 0: not known yet */
    double last_s;        /* of the day, of the last sentence with a time; NaN */
    bool rmc;             /* RMC tells positions, so GGA only says which are bad */
    unsigned long long undated;
};

/* The sentence between $ and *, if its checksum is right: the exclusive or of its characters. */
static char *check_sentence(char *line) {
    unsigned sum = 0, given;
    if (*line != '$') return NULL;
    char *star = strchr(line, '*');
    if (!star || !isxdigit((unsigned char)star[1]) || !isxdigit((unsigned char)star[2]) ||
        sscanf(star + 1, "%2x", &given) != 1)
        return NULL;
    for (char *at = line + 1; at < star; at++) sum ^= (unsigned char)*at;
    *star = '\0';
    return sum == given ? line + 1 : NULL;
}

static int split(char *text, char *fields[MAX_FIELDS]) {
    int n = 0;
    while (n < MAX_FIELDS) {
        fields[n++] = text;
        text += strcspn(text, ",");
        if (!*text) return n;
        *text++ = '\0';
    }
    return n;
}

static bool two_digits(const char *text, int *value) {
    if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1])) return false;
    *value = 10 * (text[0] - '0') + text[1] - '0';
    return true;
}

/* "hhmmss.sss" */
static bool read_time(const char *text, double *second_of_day) {
    int hour, minute;
    char *end;
    if (!two_digits(text, &hour) || !two_digits(text + 2, &minute) || hour > 23 || minute > 59 ||
        !isdigit((unsigned char)text[4]))
        return false;
    double second = strtod(text + 4, &end);
    *second_of_day = hour * 3600.0 + minute * 60.0 + second;
    return !*end && second >= 0 && second < 61;
}

/* "ddmmyy": GPS began in 1980. */
static bool read_date(struct nmea *n, const char *text) {
    int day, month, year;
    double unused;
    if (strlen(text) != 6 || !two_digits(text, &day) || !two_digits(text + 2, &month) ||
        !two_digits(text + 4, &year))
        return false;
    year += year < 80 ? 2000 : 1900;
    if (!gallery_clock_of(year, month, day, 0, &unused)) return false;
    n->year = year;
    n->month = month;
    n->day = day;
    return true;
}

/* "dddmm.mmmm" and a letter. */
static bool read_angle(const char *text, const char *side, const char *sides, double *deg) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isdigit((unsigned char)*text) || !*side || side[1] ||
        !strchr(sides, *side))
        return false;
    double whole = floor(v / 100), minutes = v - 100 * whole;
    *deg = (whole + minutes / 60) * (*side == sides[1] ? -1 : 1);
    return minutes < 60;
}

static int add_fix(struct nmea *n, double second_of_day, char **place, bool good) {
    double unix_s, lat = 0, lon = 0;
    if (!gallery_clock_of(n->year, n->month, n->day, second_of_day, &unix_s)) {
        gallery_track_leave_out(n->track);
        return GALLERY_OK;
    }
    if (good && (!read_angle(place[0], place[1], "NS", &lat) ||
                 !read_angle(place[2], place[3], "EW", &lon))) {
        gallery_track_leave_out(n->track);
        return GALLERY_OK;
    }
    return gallery_track_add(n->track, unix_s, lon, lat, good);
}

/* time, A or V, latitude, N, longitude, E, speed, course, date */
static int take_rmc(struct nmea *n, char **f, int count) {
    double second;
    if (count > 2 && !*f[1] && *f[2] == 'V') return GALLERY_OK; /* before it has the time */
    if (count < 10 || !read_time(f[1], &second) || !read_date(n, f[9])) {
        gallery_track_leave_out(n->track);
        return GALLERY_OK;
    }
    n->last_s = second;
    n->rmc = true;
    return add_fix(n, second, f + 3, *f[2] == 'A');
}

/* time, latitude, N, longitude, E, quality, satellites, dilution: no date, so it is of the day that
 * an RMC or ZDA has told, or of the next where the clock has passed midnight since. */
static int take_gga(struct nmea *n, char **f, int count) {
    double second;
    if (count > 6 && !*f[1] && *f[6] == '0') return GALLERY_OK; /* before it has the time */
    if (count < 9 || !read_time(f[1], &second)) {
        gallery_track_leave_out(n->track);
        return GALLERY_OK;
    }
    bool good = *f[6] && *f[6] != '0' && !(*f[8] && strtod(f[8], NULL) > MAX_DOP);
    if (!n->year) {
        n->undated++;
        return GALLERY_OK;
    }
    if (n->rmc && good) return GALLERY_OK;
    double day_s = n->last_s - second > 43200 ? 86400 : second - n->last_s > 43200 ? -86400 : 0;
    double unix_s;
    if (!gallery_clock_of(n->year, n->month, n->day, second, &unix_s)) return GALLERY_OK;
    if (!good) return gallery_track_add(n->track, unix_s + day_s, 0, 0, false);
    double lat, lon;
    if (!read_angle(f[2], f[3], "NS", &lat) || !read_angle(f[4], f[5], "EW", &lon)) {
        gallery_track_leave_out(n->track);
        return GALLERY_OK;
    }
    return gallery_track_add(n->track, unix_s + day_s, lon, lat, true);
}

/* time, day, month, year */
static void take_zda(struct nmea *n, char **f, int count) {
    double second, unused;
    int day, month;
    if (count < 5 || !read_time(f[1], &second) || !two_digits(f[2], &day) ||
        !two_digits(f[3], &month) || strlen(f[4]) != 4 ||
        !gallery_clock_of(atoi(f[4]), month, day, second, &unused)) {
        gallery_track_leave_out(n->track);
        return;
    }
    n->year = atoi(f[4]);
    n->month = month;
    n->day = day;
    n->last_s = second;
}

static int take_line(struct nmea *n, char *line) {
    char *fields[MAX_FIELDS], *sentence;
    line[strcspn(line, "\r\n")] = '\0';
    if (*line != '$') return GALLERY_OK; /* loggers write lines of their own */
    sentence = check_sentence(line);
    int count = sentence ? split(sentence, fields) : 0;
    if (!sentence || strlen(fields[0]) != 5) {
        if (!sentence) gallery_track_leave_out(n->track);
        return GALLERY_OK;
    }
    const char *type = fields[0] + 2; /* after the talker: GP, GN, GL, ... */
    if (!strcmp(type, "RMC")) return take_rmc(n, fields, count);
    if (!strcmp(type, "GGA")) return take_gga(n, fields, count);
    if (!strcmp(type, "ZDA")) take_zda(n, fields, count);
    return GALLERY_OK;
}

int gallery_track_read_nmea(gallery_context *ctx, const char *path, gallery_track *track) {
    struct nmea n = {.track = track, .last_s = NAN};
    char line[MAX_LINE];
    int status = GALLERY_OK;
    FILE *file = fopen(path, "re");
    if (!file) return gallery_fail_errno(ctx, path);
    bool whole = true; /* the last line ended */
    while (status == GALLERY_OK && fgets(line, sizeof line, file)) {
        bool begins = whole;
        whole = strchr(line, '\n') != NULL;
        if (begins) status = take_line(&n, line);
    }
    /* In a receiver's round the first comes before RMC: no more than a file without a date is
     * damaged. */
    for (; !n.year && n.undated; n.undated--) gallery_track_leave_out(track);
    if (status == GALLERY_OK && ferror(file)) status = gallery_fail_errno(ctx, path);
    fclose(file);
    return status;
}
