#include "video.h"
#include "colour.h"
#include "modules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

/* Packets whose frames have not come out: more than any codec's delay with all its threads. */
#define MAX_PENDING 256
/* More threads than this only cost memory: each holds a frame, and all together so many pixels. */
#define MAX_THREADS 16
#define MAX_THREADS_PIXELS ((int64_t)1 << 28)
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
    long packets;    /* of the video */
    double end_s;    /* of the packet that ends last, of any stream */
    bool incomplete; /* the last packet of the video was damaged */
    bool waiting;    /* `frame` is decoded, its event not given yet */
    long given;      /* events so far */
    bool careful;    /* one thread, and damaged frames are concealed */
    bool drained, ended;
    bool broke;     /* the container complained, or ended too early */
    bool last_lost; /* if the last frame of all is damaged, the input may well break off there */
    bool cut_told;
    char message[256];
};

/* ------------------------------------------------------------------ opening */

/* Whose frames are large enough for threads to matter; other decoders of FFmpeg 5.1 were seen to
 * abort the process when damaged frames met threads. */
static bool has_safe_threads(enum AVCodecID id) {
    return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_VP9 ||
           id == AV_CODEC_ID_AV1;
}

static int threads_for(const infer *ctx, const AVCodecParameters *p) {
    int64_t pixels = (int64_t)p->width * p->height, most = MAX_THREADS;
    if (pixels > 0 && MAX_THREADS_PIXELS / pixels < most) most = MAX_THREADS_PIXELS / pixels;
    return ctx->threads < most ? ctx->threads : (int)most;
}

static int open_decoder(struct video *v) {
    const AVCodecParameters *p = v->container->stream->codecpar;
    const AVCodec *decoder = avcodec_find_decoder(p->codec_id);
    if (!decoder)
        return infer_fail(v->ctx, INFER_EFORMAT, "%s: no decoder for %s", v->container->path,
                          avcodec_get_name(p->codec_id));
    v->codec = avcodec_alloc_context3(decoder);
    if (!v->codec) return infer_fail_memory(v->ctx, sizeof *v->codec);
    int error = avcodec_parameters_to_context(v->codec, p);
    v->codec->pkt_timebase = v->container->stream->time_base;
    v->codec->thread_count = v->careful ? 1 : threads_for(v->ctx, p);
    v->codec->max_pixels = container_max_pixels(v->container);
    v->codec->flags |= AV_CODEC_FLAG_BITEXACT; /* the same pixels on every CPU */
    v->codec->err_recognition |= AV_EF_CRCCHECK;
    /* Half a JPEG is no picture (other formats say so anyway); of a video, see restart(). */
    if (!v->careful || (container_is_picture(v->container) && p->codec_id == AV_CODEC_ID_MJPEG))
        v->codec->err_recognition |= AV_EF_EXPLODE;
    if (error >= 0) error = avcodec_open2(v->codec, decoder, NULL);
    if (error == AVERROR(ENOMEM)) return infer_fail_memory(v->ctx, sizeof *v->codec);
    if (error < 0)
        return infer_fail(v->ctx, INFER_EFORMAT, "%s: its %s stream cannot be decoded",
                          v->container->path, decoder->name);
    return INFER_OK;
}

static int open_with(infer *ctx, struct container *container, bool careful, struct video **out) {
    *out = NULL;
    struct video *v = calloc(1, sizeof *v);
    if (!v) {
        container_close(container);
        return infer_fail_memory(ctx, sizeof *v);
    }
    v->ctx = ctx;
    v->container = container;
    v->last_s = NAN;
    v->careful = careful;
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    v->colour = colour_new(ctx);
    bool memory = v->packet && v->frame && v->colour;
    int status = memory ? open_decoder(v) : infer_fail_memory(ctx, sizeof *v);
    if (status == INFER_EFORMAT && !careful) { /* damaged from its first byte on */
        avcodec_free_context(&v->codec);
        v->careful = true;
        status = open_decoder(v);
    }
    if (status == INFER_OK)
        *out = v;
    else
        video_close(v);
    return status;
}

int video_open(infer *ctx, struct container *container, struct video **video) {
    bool careful = ctx->threads == 1 || !container->again ||
                   !has_safe_threads(container->stream->codecpar->codec_id);
    return open_with(ctx, container, careful, video);
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
 * packets rightly make no frame (a second field, leading pictures of a cut stream). With threads
 * complaints get lost, so each such packet is taken for one. */
static bool pending_lost(struct video *v, int64_t time, int64_t *lost) {
    while (v->pending_n && v->pending[0].time < time) {
        *lost = v->pending[0].time;
        bool damaged = v->pending[0].damaged;
        pending_remove(v, 0);
        if (!v->errors && !damaged && v->careful) continue;
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
    v->last_lost = true;
}

static void tell_cut(struct video *v, struct video_event *e) {
    double t_s = isnan(v->last_s) ? 0 : v->last_s;
    v->cut_told = true;
    snprintf(v->message, sizeof v->message,
             "the input is damaged or breaks off at %.3f s; frames may be missing", t_s);
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
    v->waiting = v->last_lost = false;
    if (damaged)
        tell_lost(v, t_s, "its data are incomplete", e);
    else if (v->frame->decode_error_flags || (v->frame->flags & AV_FRAME_FLAG_CORRUPT))
        tell_lost(v, t_s, "its data are damaged", e);
    else
        *e = (struct video_event){.t_s = t_s};
    v->last_s = t_s;
}

/* ------------------------------------------------------------------ decoding */

static void end_input(struct video *v, int error) {
    v->drained = true;
    if (error != AVERROR_EOF || v->incomplete ||
        container_is_cut(v->container, v->packets, v->end_s))
        v->broke = true;
    avcodec_send_packet(v->codec, NULL);
}

/* Gives the decoder the next packet of the stream, or the end. */
static int feed(struct video *v) {
    for (;;) {
        int error = av_read_frame(v->container->format, v->packet);
        if (error == AVERROR(ENOMEM)) return infer_fail_memory(v->ctx, 0);
        if (error < 0 && error != AVERROR_EOF && ++v->failures < MAX_FAILURES) {
            v->broke = true;
            continue;
        }
        v->failures = 0;
        if (error < 0) {
            end_input(v, error);
            return INFER_OK;
        }
        bool ours = v->packet->stream_index == v->container->stream->index;
        v->end_s = fmax(v->end_s, container_packet_end(v->container, v->packet));
        if (ours) {
            v->packets++;
            v->incomplete = v->packet->flags & AV_PKT_FLAG_CORRUPT;
            pending_add(v, v->packet);
            if (avcodec_send_packet(v->codec, v->packet) < 0) v->errors++;
        }
        av_packet_unref(v->packet);
        if (ours) return INFER_OK;
    }
}

static int next_event(struct video *v, struct video_event *e);

/* What decoders do about damage depends on how their threads raced, so with many threads they stop
 * at the first sign of it. Then the video is decoded again by one thread, up to where it was: what
 * was given out so far was whole, and is the same. */
static int restart(struct video *v) {
    struct video *again;
    struct container *container;
    INFER_TRY(container_open(v->ctx, v->container->path, v->container->network, &container));
    INFER_TRY(open_with(v->ctx, container, true, &again));
    long given = v->given;
    struct video swap = *v;
    *v = *again;
    *again = swap;
    video_close(again);
    while (v->given < given) {
        struct video_event e;
        int status = next_event(v, &e);
        if (status == INFER_END) break; /* the file has changed meanwhile */
        INFER_TRY(status);
    }
    return INFER_OK;
}

/* Until a frame waits, the stream has ended, or, unless careful, something is wrong. */
static int decode(struct video *v) {
    while (!v->waiting && !v->ended && (v->careful || !v->errors)) {
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

static int next_event(struct video *v, struct video_event *e) {
    INFER_TRY(decode(v));
    int64_t before = INT64_MAX, lost;
    if (v->waiting) before = v->frame->pts != AV_NOPTS_VALUE ? v->frame->pts : v->frame->pkt_dts;
    if (pending_lost(v, before, &lost))
        tell_lost(v, container_seconds(v->container, lost), "its data are damaged", e);
    else if (v->waiting)
        tell_frame(v, e);
    else if ((v->broke || v->last_lost) && !v->cut_told)
        tell_cut(v, e);
    else
        return INFER_END;
    v->given++;
    return INFER_OK;
}

int video_next(struct video *v, struct video_event *e) {
    int status = next_event(v, e);
    bool whole = status == INFER_OK ? !e->lost || e->cut : status == INFER_END;
    if (v->careful || status == INFER_ENOMEM || (whole && !v->errors)) return status;
    if (status == INFER_OK) v->given--;
    INFER_TRY(restart(v));
    return next_event(v, e);
}

const char *video_metadata(const struct video *v, const char *key) {
    const AVDictionaryEntry *entry = av_dict_get(v->frame->metadata, key, NULL, 0);
    return entry ? entry->value : NULL;
}

int video_picture(struct video *v, infer_picture *picture) {
    int status = colour_convert(v->colour, v->container, v->frame, picture);
    return status == INFER_EFORMAT ? INFER_EDECODE : status;
}
