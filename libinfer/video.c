#include "video.h"
#include "colour.h"
#include "modules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

/* Packets whose frames have not come out: more than any codec's delay with all its threads. */
#define MAX_PENDING 256
/* More threads than this only cost memory: each holds a frame. */
#define MAX_THREADS 16
/* After so many failed reads or decoder calls in a row nothing more will come. */
#define MAX_FAILURES 64

struct pending {
    int64_t time; /* in the stream's time base */
    bool damaged; /* the demuxer says that the packet is incomplete */
};

struct video {
    infer *ctx;
    struct container *container;
    struct colour *colour;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    struct pending pending[MAX_PENDING]; /* sorted by time */
    int pending_n;
    int errors;   /* of the decoder, not yet matched with a frame that is missing */
    int failures; /* in a row */
    double last_s;
    bool waiting; /* `frame` is decoded, its event not given yet */
    bool drained, ended, broke, cut_told;
    char message[256];
};

/* ------------------------------------------------------------------ opening */

static int open_decoder(struct video *v) {
    const AVCodecParameters *p = v->container->stream->codecpar;
    const AVCodec *decoder = avcodec_find_decoder(p->codec_id);
    if (!decoder)
        return infer_fail(v->ctx, INFER_EFORMAT, "%s: no decoder for %s", v->container->path,
                          avcodec_get_name(p->codec_id));
    v->codec = avcodec_alloc_context3(decoder);
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    v->colour = colour_new(v->ctx);
    if (!v->codec || !v->packet || !v->frame || !v->colour)
        return infer_fail_memory(v->ctx, sizeof *v->codec);
    int error = avcodec_parameters_to_context(v->codec, p);
    v->codec->pkt_timebase = v->container->stream->time_base;
    v->codec->thread_count = container_is_picture(v->container) ? 1
                             : v->ctx->threads < MAX_THREADS    ? v->ctx->threads
                                                                : MAX_THREADS;
    v->codec->max_pixels = PICTURE_MAX_PIXELS;
    v->codec->flags |= AV_CODEC_FLAG_BITEXACT; /* the same pixels on every CPU */
    v->codec->err_recognition |= AV_EF_CRCCHECK;
    if (error >= 0) error = avcodec_open2(v->codec, decoder, NULL);
    if (error == AVERROR(ENOMEM)) return infer_fail_memory(v->ctx, sizeof *v->codec);
    if (error < 0)
        return infer_fail(v->ctx, INFER_EFORMAT, "%s: its %s stream cannot be decoded",
                          v->container->path, decoder->name);
    return INFER_OK;
}

int video_open(infer *ctx, struct container *container, struct video **out) {
    *out = NULL;
    struct video *v = calloc(1, sizeof *v);
    if (!v) {
        container_close(container);
        return infer_fail_memory(ctx, sizeof *v);
    }
    v->ctx = ctx;
    v->container = container;
    v->last_s = NAN;
    int status = open_decoder(v);
    if (status == INFER_OK)
        *out = v;
    else
        video_close(v);
    return status;
}

void video_close(struct video *v) {
    if (!v) return;
    av_frame_free(&v->frame);
    av_packet_free(&v->packet);
    avcodec_free_context(&v->codec);
    colour_free(v->colour);
    container_close(v->container);
    free(v);
}

const struct container *video_container(const struct video *v) {
    return v->container;
}

/* ------------------------------------------------- packets that await a frame */

static void pending_remove(struct video *v, int i) {
    v->pending_n--;
    memmove(&v->pending[i], &v->pending[i + 1], (size_t)(v->pending_n - i) * sizeof *v->pending);
}

static void pending_add(struct video *v, const AVPacket *packet) {
    int64_t time = container_packet_time(v->container, packet);
    if (time == AV_NOPTS_VALUE) return;
    if (v->pending_n == MAX_PENDING) pending_remove(v, 0);
    int i = v->pending_n++;
    for (; i > 0 && v->pending[i - 1].time > time; i--) v->pending[i] = v->pending[i - 1];
    v->pending[i] = (struct pending){time, (packet->flags & AV_PKT_FLAG_CORRUPT) != 0};
}

/* The earliest packet before `time` whose frame did not come, if the decoder has complained: some
 * packets rightly make no frame (a second field, leading pictures of a cut stream). */
static bool pending_lost(struct video *v, int64_t time, int64_t *lost) {
    while (v->pending_n && v->pending[0].time < time) {
        *lost = v->pending[0].time;
        bool damaged = v->pending[0].damaged;
        pending_remove(v, 0);
        if (!v->errors && !damaged) continue;
        if (v->errors) v->errors--;
        return true;
    }
    return false;
}

static bool pending_take(struct video *v, int64_t time) {
    if (!v->pending_n || v->pending[0].time != time) return false;
    bool damaged = v->pending[0].damaged;
    pending_remove(v, 0);
    return damaged;
}

/* -------------------------------------------------------------------- events */

static void tell_lost(struct video *v, double t_s, const char *why, struct video_event *e) {
    snprintf(v->message, sizeof v->message, "the frame at %.3f s cannot be decoded: %s", t_s, why);
    *e = (struct video_event){.t_s = t_s, .lost = true, .message = v->message};
    v->last_s = t_s;
}

static void tell_cut(struct video *v, struct video_event *e) {
    double t_s = isnan(v->last_s) ? 0 : v->last_s;
    snprintf(v->message, sizeof v->message,
             "the input is damaged or breaks off after %.3f s; frames are missing", t_s);
    *e = (struct video_event){.t_s = t_s, .lost = true, .cut = true, .message = v->message};
}

/* Where a container gives no times, frames follow each other at its frame rate. */
static double frame_seconds(const struct video *v) {
    double t = container_seconds(v->container, v->frame->best_effort_timestamp);
    if (!isnan(t)) return t;
    AVRational rate = v->container->stream->avg_frame_rate;
    return isnan(v->last_s)
               ? 0
               : v->last_s + (rate.num > 0 && rate.den > 0 ? av_q2d(av_inv_q(rate)) : 0.04);
}

static void tell_frame(struct video *v, struct video_event *e) {
    int64_t time = v->frame->pts != AV_NOPTS_VALUE ? v->frame->pts : v->frame->pkt_dts;
    double t_s = frame_seconds(v);
    bool damaged = pending_take(v, time);
    v->waiting = false;
    if (damaged)
        tell_lost(v, t_s, "its data are incomplete", e);
    else if (v->frame->decode_error_flags || (v->frame->flags & AV_FRAME_FLAG_CORRUPT))
        tell_lost(v, t_s, "its data are damaged", e);
    else
        *e = (struct video_event){.t_s = t_s};
    v->last_s = t_s;
}

/* ------------------------------------------------------------------ decoding */

/* Gives the decoder the next packet of the stream, or the end. */
static int feed(struct video *v) {
    for (;;) {
        int error = av_read_frame(v->container->format, v->packet);
        if (error == AVERROR(ENOMEM)) return infer_fail_memory(v->ctx, 0);
        if (error < 0 && error != AVERROR_EOF && ++v->failures < MAX_FAILURES) {
            v->broke = true;
            continue;
        }
        if (error < 0) {
            v->drained = true;
            v->failures = 0;
            if (error != AVERROR_EOF) v->broke = true;
            avcodec_send_packet(v->codec, NULL);
            return INFER_OK;
        }
        v->failures = 0;
        bool ours = v->packet->stream_index == v->container->stream->index;
        if (ours) {
            pending_add(v, v->packet);
            if (avcodec_send_packet(v->codec, v->packet) < 0) v->errors++;
        }
        av_packet_unref(v->packet);
        if (ours) return INFER_OK;
    }
}

/* Until a frame waits or the stream has ended. */
static int decode(struct video *v) {
    while (!v->waiting && !v->ended) {
        int error = avcodec_receive_frame(v->codec, v->frame);
        if (!error)
            v->waiting = true;
        else if (error == AVERROR(EAGAIN) && !v->drained)
            INFER_TRY(feed(v));
        else if (error == AVERROR_EOF || error == AVERROR(EAGAIN) ||
                 (v->drained && ++v->failures > MAX_FAILURES))
            v->ended = true;
        else if (error == AVERROR(ENOMEM))
            return infer_fail_memory(v->ctx, 0);
        else
            v->errors++;
    }
    return INFER_OK;
}

int video_next(struct video *v, struct video_event *e) {
    INFER_TRY(decode(v));
    int64_t before = INT64_MAX, lost;
    if (v->waiting) before = v->frame->pts != AV_NOPTS_VALUE ? v->frame->pts : v->frame->pkt_dts;
    if (pending_lost(v, before, &lost)) {
        tell_lost(v, container_seconds(v->container, lost), "its data are damaged", e);
        return INFER_OK;
    }
    if (v->waiting) {
        tell_frame(v, e);
        return INFER_OK;
    }
    if (v->broke && !v->cut_told) {
        v->cut_told = true;
        tell_cut(v, e);
        return INFER_OK;
    }
    return INFER_END;
}

int video_picture(struct video *v, infer_picture *picture) {
    int status = colour_convert(v->colour, v->container, v->frame, picture);
    return status == INFER_EFORMAT ? INFER_EDECODE : status;
}
