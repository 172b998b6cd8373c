/* truth.h - where vt-frames' frames were taken: from a GPS track, the video's telemetry, EXIF or a
 * data set; and which frames are taken by distance. */
#ifndef VT_TRUTH_H
#define VT_TRUTH_H

#include "cli.h"
#include "libgallery/track.h"
#include "libinfer/media.h"

/* Why a frame has no truth: as of a track, and what a track is not asked. */
enum {
    TRUTH_UNTIMED = GALLERY_TRACK_ANSWERS, /* a photo without a time */
    TRUTH_UNKNOWN,                         /* nothing tells */
    TRUTH_REASONS
};

struct truth {
    const cli *c;
    infer *infer;
    gallery_context *context;
    /* what is asked for */
    const char *gps; /* file; NULL */
    bool none;       /* --no-gps */
    bool dataset;    /* it tells the truth: a source without a position is no mistake */
    bool offset_given, gap_given;
    double offset_s, gap_s, start_s; /* start_s: NaN if not given */
    double every_m, still_m;         /* 0: not by distance */
    /* what is known */
    gallery_track *given; /* of --gps */
    /* of the source in reading */
    const char *name;
    gallery_track *track; /* NULL: none */
    const double *places; /* of a data set's pictures, [n][2]; NULL */
    double begin_s;       /* what the track's clock says where the video begins */
    int answer;           /* of the last frame */
    double position[2], last[2];
    bool any; /* `last` is that of a frame which was taken */
    unsigned long long counts[TRUTH_REASONS], frames, skipped;
};

/* The functions print what went wrong and return false. */
bool truth_open(struct truth *t, const cli *c);
void truth_close(struct truth *t);

/* Before and after the frames of a source; path: its file, NULL if it has none. places: the truth
 * of each picture, where a data set tells it, and track, which is taken over, that of a video. */
bool truth_begin(struct truth *t, const infer_source *source, const char *path,
                 const double *places, gallery_track *track);
void truth_end(struct truth *t);

/* For infer_sampling.wants; user: the truth. */
bool truth_wants(void *user, const infer_frame *frame);

/* The truth of the frame that was wanted last; NULL: it has none. */
const double *truth_of_last(const struct truth *t);

#endif
