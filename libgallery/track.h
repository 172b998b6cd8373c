/* track.h - where something was at any time: positions of a GPS receiver, and what lies between.
 *
 * A position between two fixes lies on the geodesic that joins them, in proportion to time. Where
 * the receiver had no fix, was silent for too long or seems to have jumped, there is no position.
 */
#ifndef GALLERY_TRACK_H
#define GALLERY_TRACK_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_track gallery_track;

enum gallery_track_clock {
    GALLERY_CLOCK_UTC,  /* times are Unix time, s */
    GALLERY_CLOCK_VIDEO /* times count from the start of a video, s */
};

/* From one fix to the next, faster than this is a jump: 360 km/h, and as much as a fix wanders by
 * itself in addition. */
#define GALLERY_TRACK_MAX_SPEED_MPS 100.0
#define GALLERY_TRACK_WANDER_M 20.0
/* Fixes further apart in time have a gap between them, unless the caller says otherwise. */
#define GALLERY_TRACK_GAP_S 10.0
/* A position holds for so long before the first and after the last fix: a video's last frames come
 * after the last of 18 fixes a second. */
#define GALLERY_TRACK_EDGE_S 0.1
#define GALLERY_TRACK_MAX_FIXES ((size_t)1 << 24)

/* A file: GPX (its track points), NMEA 0183 (RMC; GGA where a date is known), or CSV with columns
 * time (ISO 8601, or Unix time in s or ms) or t (seconds from a video's start), and lat, lon. Told
 * apart by content. GALLERY_EFORMAT names file and line; GALLERY_EEMPTY: not one position. */
int gallery_track_read(gallery_context *ctx, const char *path, gallery_track **track);

/* Or made of fixes, in any order. name: for messages. good false: the receiver had no fix then. */
int gallery_track_new(gallery_context *ctx, const char *name, enum gallery_track_clock clock,
                      gallery_track **track);
/* A position that is not on the Earth is an error; (0, 0), which receivers write without a fix, is
 * none; the time must be finite. */
int gallery_track_add(gallery_track *track, double time_s, double lon_deg, double lat_deg,
                      bool good);
/* A pause of the recording: nothing lies between the last fix and the next. */
void gallery_track_pause(gallery_track *track);
/* Nothing can be added any more. GALLERY_EEMPTY: no good fix. */
int gallery_track_finish(gallery_track *track);
void gallery_track_close(gallery_track *track);

enum gallery_track_answer {
    GALLERY_TRACK_FOUND,
    GALLERY_TRACK_BEFORE, /* the first fix */
    GALLERY_TRACK_AFTER,  /* the last */
    GALLERY_TRACK_GAP,    /* of the recording */
    GALLERY_TRACK_NO_FIX, /* of the receiver */
    GALLERY_TRACK_JUMP,   /* faster than anything on wheels */
    GALLERY_TRACK_ANSWERS
};

/* Where it was: position is lon, lat, canonical, and set if it was found. */
enum gallery_track_answer gallery_track_at(const gallery_track *track, double time_s, double gap_s,
                                           double position[2]);

enum gallery_track_clock gallery_track_clock_of(const gallery_track *track);
const char *gallery_track_name(const gallery_track *track);

/* Times of the first and last good fix. */
void gallery_track_span(const gallery_track *track, double *first_s, double *last_s);

/* Good fixes; and lines or points of the file that were left out, because they are damaged or have
 * no time. */
size_t gallery_track_count(const gallery_track *track);
unsigned long long gallery_track_left_out(const gallery_track *track);

#endif
