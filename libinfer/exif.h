/* exif.h - inside libinfer: where and when a photo was taken, from the EXIF that its decoder read.
 */
#ifndef INFER_EXIF_H
#define INFER_EXIF_H

#include "video.h"

struct exif {
    bool located;
    double lon_deg, lat_deg;
    char taken[48]; /* ISO 8601; "": not known */
};

/* Of the last frame. What is written in a wrong way is as if it were not there. */
void exif_read(const struct video *video, struct exif *exif);

/* The parts, for tests. "55:1, 41:1, 267:5" are degrees, minutes, seconds (EXIF 2.32, 4.6.6);
 * `ref` one of N, S, E, W. */
bool exif_angle(const char *text, const char *ref, double *deg);
void exif_time(const char *date, const char *clock, const char *original, const char *fraction,
               const char *offset, char taken[48]);

#endif
