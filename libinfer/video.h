/* video.h - inside libinfer: the frames of one container, in presentation order, with the gaps.
 *
 * A frame that cannot be decoded is not silently missing: it comes as an event with its time, at
 * its place among the others, so that whoever samples can count it. Frames are the same whatever
 * the number of threads, in damaged videos too.
 */
#ifndef INFER_VIDEO_H
#define INFER_VIDEO_H

#include "container.h"
#include "model.h"

struct video;

struct video_event {
    double t_s; /* from the start of the stream */
    bool lost;  /* no picture: message says why, valid until the next call */
    bool cut;   /* the input broke off here: not a frame, but frames may be missing */
    const char *message;
};

/* Takes the container over, also when it fails. */
int video_open(infer *ctx, struct container *container, struct video **video);
void video_close(struct video *video);

/* INFER_OK, INFER_END, INFER_ENOMEM. */
int video_next(struct video *video, struct video_event *event);

/* The picture of the last event, converted only when asked for; valid until the next call.
 * INFER_EDECODE with the reason in the context. */
int video_picture(struct video *video, infer_picture *picture);

/* A member of the metadata that came with the last frame, such as EXIF's GPSLatitude; NULL. */
const char *video_metadata(const struct video *video, const char *key);

const struct container *video_container(const struct video *video);

#endif
