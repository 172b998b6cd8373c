#include "exif.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FFmpeg writes rationals as "NUMERATOR:DENOMINATOR", with commas between them. */
static bool read_rational(const char **at, double *value) {
    char *end;
    double numerator = strtod(*at, &end);
    if (end == *at) return false;
    while (isspace((unsigned char)*end)) end++;
    if (*end != ':') return false;
    *at = end + 1;
    double denominator = strtod(*at, &end);
    if (end == *at) return false;
    while (isspace((unsigned char)*end) || *end == ',') end++;
    *at = end;
    /* Some phones write 0/0 for no seconds. */
    *value = numerator == 0 ? 0 : numerator / denominator;
    return isfinite(*value) && *value >= 0;
}

static bool read_three(const char *text, double v[3]) {
    return read_rational(&text, v) && read_rational(&text, v + 1) && read_rational(&text, v + 2) &&
           !*text;
}

bool exif_angle(const char *text, const char *ref, double *deg) {
    double v[3];
    if (!text || !ref || !read_three(text, v) || !*ref || !strchr("NSEWnsew", *ref)) return false;
    bool latitude = strchr("NSns", *ref) != NULL, negative = strchr("SWsw", *ref) != NULL;
    *deg = v[0] + v[1] / 60 + v[2] / 3600;
    if (v[1] >= 60 || v[2] >= 60 || *deg > (latitude ? 90 : 180)) return false;
    if (negative) *deg = -*deg;
    return true;
}

/* "2019:11:18" to "2019-11-18". */
static bool is_date(const char *text) {
    static const char shape[] = "dddd:dd:dd";
    for (int i = 0; shape[i]; i++)
        if (shape[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i]) return false;
    return true;
}

static bool is_offset(const char *text) { /* "+02:00" */
    return text && (*text == '+' || *text == '-') && strlen(text) == 6 && text[3] == ':';
}

static bool is_digits(const char *text) {
    if (!text || !*text || strlen(text) > 9) return false;
    return strspn(text, "0123456789") == strlen(text);
}

void exif_time(const char *date, const char *clock, const char *original, const char *fraction,
               const char *offset, char taken[48]) {
    double v[3];
    *taken = '\0';
    if (date && clock && is_date(date) && read_three(clock, v) && v[0] < 24 && v[1] < 60 &&
        v[2] < 61)
        snprintf(taken, 48, "%.4s-%.2s-%.2sT%02.0f:%02.0f:%09.6fZ", date, date + 5, date + 8,
                 floor(v[0]), floor(v[1]), fmin(v[2], 59.999999));
    else if (original && is_date(original) && original[10] == ' ' && strlen(original) == 19)
        snprintf(taken, 48, "%.4s-%.2s-%.2sT%.8s%s%.9s%.6s", original, original + 5, original + 8,
                 original + 11, is_digits(fraction) ? "." : "", is_digits(fraction) ? fraction : "",
                 is_offset(offset) ? offset : "");
}

void exif_read(const struct video *video, struct exif *exif) {
    const char *status = video_metadata(video, "GPSStatus");
    bool is_void = status && *status == 'V'; /* the receiver had no fix */
    *exif = (struct exif){0};
    exif->located = !is_void &&
                    exif_angle(video_metadata(video, "GPSLatitude"),
                               video_metadata(video, "GPSLatitudeRef"), &exif->lat_deg) &&
                    exif_angle(video_metadata(video, "GPSLongitude"),
                               video_metadata(video, "GPSLongitudeRef"), &exif->lon_deg);
    exif_time(is_void ? NULL : video_metadata(video, "GPSDateStamp"),
              video_metadata(video, "GPSTimeStamp"), video_metadata(video, "DateTimeOriginal"),
              video_metadata(video, "SubSecTimeOriginal"),
              video_metadata(video, "OffsetTimeOriginal"), exif->taken);
}
