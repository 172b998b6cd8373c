/* container.h - inside libinfer: a file opened by FFmpeg's demuxers, and its video stream.
 *
 * Local files are read through a descriptor of our own and told apart by content alone, so that no
 * name means anything to FFmpeg and no playlist opens other files.
 */
#ifndef INFER_CONTAINER_H
#define INFER_CONTAINER_H

#include "context.h"

#include <stdbool.h>

#include <libavformat/avformat.h>

struct container {
    infer *ctx;
    const char *path; /* "standard input" for "-"; owned */
    int fd;           /* -1: FFmpeg opened it */
    bool network;
    bool seekable;   /* a regular file */
    bool again;      /* it can be opened and read a second time */
    bool any;        /* has a byte come? */
    AVIOContext *io; /* ours; NULL if FFmpeg opened it */
    AVFormatContext *format;
    AVStream *stream; /* the video */
};

/* path "-" is standard input. network: URLs and playlists may be opened. INFER_EIO if it is not
 * there, INFER_EFORMAT if no demuxer knows it or it has no video. */
int container_open(infer *ctx, const char *path, bool network, struct container **container);
void container_close(struct container *container);

/* Does it hold one picture, or an animation of a picture format? */
bool container_is_picture(const struct container *container);

/* The number of the stream of GoPro's telemetry; -1: none. */
int container_telemetry(const struct container *container);

/* The most that a frame of it may have. */
int container_max_pixels(const struct container *container);

/* How many frames lie in [start_s, end_s), by reading all packets and decoding none. */
int container_count(struct container *container, double start_s, double end_s, long *frames);

/* Whether the input ended before the container says it should: `packets` of the video have come,
 * and the last of any stream ended at end_s. Containers without an index or a length cannot tell.
 */
bool container_is_cut(const struct container *container, long packets, double end_s);

/* Where a packet of any stream ends, in seconds of the container's clock; 0 if it does not say. */
double container_packet_end(const struct container *container, const AVPacket *packet);

/* Seconds from the start of the stream; NaN if timestamp is AV_NOPTS_VALUE. */
double container_seconds(const struct container *container, int64_t timestamp);

/* A packet's place in presentation order; AV_NOPTS_VALUE if it makes no frame or has no time. */
int64_t container_packet_time(const struct container *container, const AVPacket *packet);

/* Frames at times closer than this are the same: 1 us, FFmpeg's own clock. */
#define CONTAINER_TICK_S 1e-6

#endif
