/* media.h - pictures from videos, picture folders and lists, through FFmpeg's libraries.
 *
 * A source is one video, or one folder, glob or list of pictures, in order. Its frames come with
 * presentation times, in display orientation, as full-range RGB by each stream's own matrix.
 */
#ifndef INFER_MEDIA_H
#define INFER_MEDIA_H

#include "infer.h"
#include "model.h"

typedef struct infer_source infer_source;

enum infer_every {
    INFER_EVERY_DEFAULT = 0, /* a second of a video; every picture of a folder or list */
    INFER_EVERY_SECONDS,     /* the first frame at or after each multiple of every_s */
    INFER_EVERY_FRAMES,      /* every n-th frame */
    INFER_COUNT              /* n frames, one from each of n equal cells (VidTAG suppl. A) */
};

typedef struct infer_sampling {
    enum infer_every mode;
    double every_s;
    long n;            /* frames between, or how many in all */
    double start_s;    /* presentation time to begin at; 0: the beginning */
    double duration_s; /* 0: to the end */
    bool network;      /* may FFmpeg open network protocols? */
} infer_sampling;

typedef struct infer_frame {
    long index;            /* of the frame among the source's sampled ones, from 0 */
    double t_s;            /* presentation time from the start of the stream; NaN for pictures */
    int status;            /* INFER_OK, or INFER_EDECODE: no picture, message says why */
    const char *message;   /* valid until the next call with the source */
    infer_picture picture; /* likewise */
} infer_frame;

/* Opens a video, a picture, a folder of pictures, or a glob pattern. "-" is a video on standard
 * input. INFER_EIO if it is not there, INFER_EFORMAT if nothing in it can be read. */
int infer_source_open(infer *ctx, const char *path, const infer_sampling *sampling,
                      infer_source **source);

/* Opens n pictures as one source. The names are copied. */
int infer_source_open_list(infer *ctx, const char *name, const char *const *paths, size_t n,
                           const infer_sampling *sampling, infer_source **source);
void infer_source_close(infer_source *source);

/* The source's name as records carry it; valid as long as the source. */
const char *infer_source_name(const infer_source *source);

/* The next frame, INFER_OK also for one that could not be decoded (frame->status says so);
 * INFER_END after the last. Any other status ends the source. */
int infer_source_next(infer_source *source, infer_frame *frame);

/* How many frames there will be, as far as the container says; -1: unknown. */
long infer_source_estimate(const infer_source *source);

#endif
