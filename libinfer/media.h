/* media.h - pictures from videos, picture folders and lists, through FFmpeg's libraries.
 *
 * A source is one video, or one folder, glob or list of pictures, in order. Its frames come with
 * presentation times, in display orientation, as full-range RGB by each stream's own matrix and
 * range. Where a stream does not name its matrix, pictures are BT.601, and videos BT.709 if they
 * are at least 1280 pixels wide or more than 576 high, else BT.601. Where it does not say where its
 * chroma samples lie, they lie in the middle of their luma samples. Alpha is left out.
 *
 * A source belongs to its context's thread. Opening one silences FFmpeg's log for the whole process
 * (av_log_set_level): there is no other way to keep it from printing.
 */
#ifndef INFER_MEDIA_H
#define INFER_MEDIA_H

#include "infer.h"
#include "model.h"

typedef struct infer_source infer_source;
struct infer_frame;

enum infer_every {
    INFER_EVERY_DEFAULT = 0, /* a second of a video; every picture of a folder or list */
    INFER_EVERY_SECONDS,     /* the first frame at or after each multiple of every_s */
    INFER_EVERY_FRAMES,      /* every n-th frame */
    INFER_COUNT              /* n frames, one from each of n equal cells (VidTAG suppl. A) */
};

typedef struct infer_sampling {
    enum infer_every mode;
    double every_s;
    long n;            /* every n-th frame, or how many in all; 1 or more */
    double start_s;    /* presentation time to begin at; multiples of every_s count from here */
    double duration_s; /* 0: to the end */
    bool network;      /* may FFmpeg open URLs, and playlists that name other files and hosts? */

    /* A frame that the above takes is given out only if this says so; NULL: all are. Of a video's
     * frame the picture is not there yet. Asked in order, once for each frame. */
    bool (*wants)(void *user, const struct infer_frame *frame);
    void *user;
} infer_sampling;

typedef struct infer_frame {
    long index;            /* of the frame among the source's sampled ones, from 0 */
    double t_s;            /* presentation time from the start of the stream; NaN for pictures */
    int status;            /* INFER_OK, or INFER_EDECODE: no picture, message says why */
    const char *message;   /* valid until the next call with the source */
    infer_picture picture; /* likewise; empty if status is not INFER_OK */

    /* Of a picture: its place in the list, from 0, and what its EXIF says, if anything. */
    long place;
    bool located; /* lon_deg, lat_deg: where it was taken, as written */
    double lon_deg, lat_deg;
    const char *taken; /* when: ISO 8601, with Z or an offset where EXIF tells; else NULL */
} infer_frame;

/* Opens a video, a picture, a folder of pictures (in natural order: 2 before 10; subfolders and
 * hidden files are left out), or a glob pattern. "-" is a video on standard input. sampling may be
 * NULL. INFER_EIO if it is not there, INFER_EFORMAT if nothing in it can be read, INFER_EUSAGE if
 * the sampling does not fit: pictures have no times; INFER_COUNT reads a file twice, so not a pipe.
 */
int infer_source_open(infer *ctx, const char *path, const infer_sampling *sampling,
                      infer_source **source);

/* The same, called `name` instead of `path`. */
int infer_source_open_as(infer *ctx, const char *name, const char *path,
                         const infer_sampling *sampling, infer_source **source);

/* Opens n pictures as one source, in the order given. The names are copied. name NULL: the
 * picture's own, or the folder that all of them are in. */
int infer_source_open_list(infer *ctx, const char *name, const char *const *paths, size_t n,
                           const infer_sampling *sampling, infer_source **source);

/* The same of the pictures that a text file names, one a line ("-": standard input). The source is
 * called as the file. */
int infer_source_open_names(infer *ctx, const char *path, const infer_sampling *sampling,
                            infer_source **source);
void infer_source_close(infer_source *source); /* NULL is fine */

/* Has the name an extension of picture files (jpg, png, ...)? The file is not looked at. */
bool infer_is_picture_name(const char *path);

/* The source's name as records carry it; valid as long as the source. */
const char *infer_source_name(const infer_source *source);

/* The next frame, INFER_OK also for one that could not be decoded (frame->status says so). Damaged
 * frames count in the sampling as if they were whole; where the input breaks off, a last frame says
 * so. INFER_END after the last. Any other status ends the source, INFER_EFORMAT among them: there
 * is not one frame, or none in the range. */
int infer_source_next(infer_source *source, infer_frame *frame);

/* How many frames there will be, as far as the container says; -1: unknown. */
long infer_source_estimate(const infer_source *source);

/* Of a video, as far as the container says: when it was made (ISO 8601; NULL: unknown), its length
 * (NaN: unknown), and whether it holds GoPro's telemetry. */
const char *infer_source_created(const infer_source *source);
double infer_source_length_s(const infer_source *source);
bool infer_source_has_telemetry(const infer_source *source);

/* Is it a list of pictures, which have no times? */
bool infer_source_is_pictures(const infer_source *source);

#endif
