#include "film.h"
#include "shapes.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct film {
    const char *path;
    AVFormatContext *container;
    AVCodecContext *encoder;
    AVStream *stream;
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *scaler;
    int width, height;
};

void film_time(char text[FILM_TIME_SIZE], int64_t time_ms) {
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char day[24];
    gmtime_r(&seconds, &parts);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, FILM_TIME_SIZE, "%s.%03dZ", day, (int)(time_ms % 1000));
}

static void must(const struct film *f, int status, const char *what) {
    char text[AV_ERROR_MAX_STRING_SIZE];
    if (status >= 0) return;
    av_strerror(status, text, sizeof text);
    world_die("%s: %s: %s", f->path, what, text);
}

/* Colours without loss where the encoder takes them, else 4:2:0. */
static enum AVPixelFormat choose_format(const AVCodec *codec) {
    static const enum AVPixelFormat wanted[] = {AV_PIX_FMT_RGB24, AV_PIX_FMT_BGR0,
                                                AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P};
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
        for (const enum AVPixelFormat *p = codec->pix_fmts; p && *p != AV_PIX_FMT_NONE; p++)
            if (*p == wanted[k]) return *p;
    return codec->pix_fmts ? codec->pix_fmts[0] : AV_PIX_FMT_YUV420P;
}

static void open_encoder(struct film *f, const AVCodec *codec, double fps) {
    AVCodecContext *e = f->encoder = avcodec_alloc_context3(codec);
    if (!e) world_die("out of memory for an encoder");
    e->width = f->width;
    e->height = f->height;
    e->pix_fmt = choose_format(codec);
    e->time_base = (AVRational){1, 1000};
    e->framerate = av_d2q(fps, 1000000);
    e->gop_size = 12;
    e->max_b_frames = 0;
    e->thread_count = 1;
    /* Constant quality: 3 of 31 is close to what the renderer drew. */
    e->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_QSCALE;
    e->global_quality = 3 * FF_QP2LAMBDA;
    if (f->container->oformat->flags & AVFMT_GLOBALHEADER) e->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (e->priv_data) av_opt_set(e->priv_data, "crf", "20", 0);
    must(f, avcodec_open2(e, codec, NULL), "the encoder cannot start");
}

static void open_pictures(struct film *f) {
    f->frame = av_frame_alloc();
    f->packet = av_packet_alloc();
    if (!f->frame || !f->packet) world_die("out of memory for a frame");
    f->frame->format = f->encoder->pix_fmt;
    f->frame->width = f->width;
    f->frame->height = f->height;
    must(f, av_frame_get_buffer(f->frame, 0), "no memory for a frame");
    f->scaler = sws_getContext(f->width, f->height, AV_PIX_FMT_RGB24, f->width, f->height,
                               f->encoder->pix_fmt, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT,
                               NULL, NULL, NULL);
    if (!f->scaler) world_die("%s: no conversion to the encoder's colours", f->path);
}

film *film_open(const char *path, const char *codec, int width, int height, double fps,
                int64_t start_ms) {
    struct film *f = world_zeros(1, sizeof *f);
    char began[FILM_TIME_SIZE];
    f->path = path;
    f->width = width;
    f->height = height;
    av_log_set_level(AV_LOG_ERROR);
    must(f, avformat_alloc_output_context2(&f->container, NULL, NULL, path), "no such container");
    const AVOutputFormat *format = f->container->oformat;
    const AVCodec *found =
        codec ? avcodec_find_encoder_by_name(codec)
              : avcodec_find_encoder(av_guess_codec(format, NULL, path, NULL, AVMEDIA_TYPE_VIDEO));
    if (!found) world_die("%s: FFmpeg has no encoder '%s' here", path, codec ? codec : "default");
    f->container->flags |= AVFMT_FLAG_BITEXACT;
    open_encoder(f, found, fps);
    f->stream = avformat_new_stream(f->container, NULL);
    if (!f->stream) world_die("out of memory for a stream");
    f->stream->time_base = f->encoder->time_base;
    f->stream->avg_frame_rate = f->encoder->framerate;
    must(f, avcodec_parameters_from_context(f->stream->codecpar, f->encoder), "wrong parameters");
    film_time(began, start_ms);
    av_dict_set(&f->container->metadata, "creation_time", began, 0);
    open_pictures(f);
    if (!(format->flags & AVFMT_NOFILE))
        must(f, avio_open(&f->container->pb, path, AVIO_FLAG_WRITE), "cannot be written");
    must(f, avformat_write_header(f->container, NULL), "cannot be written");
    return f;
}

static void drain(struct film *f) {
    int status;
    while ((status = avcodec_receive_packet(f->encoder, f->packet)) >= 0) {
        av_packet_rescale_ts(f->packet, f->encoder->time_base, f->stream->time_base);
        f->packet->stream_index = 0;
        must(f, av_interleaved_write_frame(f->container, f->packet), "cannot be written");
    }
    if (status != AVERROR(EAGAIN) && status != AVERROR_EOF) must(f, status, "cannot be encoded");
}

void film_add(struct film *f, const uint8_t *rgb, double time_s) {
    const uint8_t *planes[1] = {rgb};
    int strides[1] = {3 * f->width};
    must(f, av_frame_make_writable(f->frame), "no memory for a frame");
    sws_scale(f->scaler, planes, strides, 0, f->height, f->frame->data, f->frame->linesize);
    f->frame->pts = llround(time_s * 1000);
    f->frame->quality = f->encoder->global_quality;
    must(f, avcodec_send_frame(f->encoder, f->frame), "cannot be encoded");
    drain(f);
}

void film_close(struct film *f) {
    must(f, avcodec_send_frame(f->encoder, NULL), "cannot be encoded");
    drain(f);
    must(f, av_write_trailer(f->container), "cannot be written");
    if (!(f->container->oformat->flags & AVFMT_NOFILE))
        must(f, avio_closep(&f->container->pb), "cannot be written");
    sws_freeContext(f->scaler);
    av_frame_free(&f->frame);
    av_packet_free(&f->packet);
    avcodec_free_context(&f->encoder);
    avformat_free_context(f->container);
    free(f);
}

void film_track(const char *path, const char *name, const struct fix *fixes, size_t n,
                int64_t start_ms) {
    FILE *out = fopen(path, "w");
    if (!out) world_die("%s: %m", path);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<gpx version=\"1.1\" creator=\"world-drive\" "
            "xmlns=\"http://www.topografix.com/GPX/1/1\">\n<trk><name>%s</name><trkseg>\n",
            name);
    for (size_t i = 0; i < n; i++) {
        char time[FILM_TIME_SIZE];
        film_time(time, start_ms + llround(fixes[i].time_s * 1000));
        fprintf(out, "<trkpt lat=\"%.9f\" lon=\"%.9f\"><time>%s</time></trkpt>\n", fixes[i].lat_deg,
                fixes[i].lon_deg, time);
    }
    fputs("</trkseg></trk>\n</gpx>\n", out);
    if (ferror(out) | fclose(out)) world_die("%s: cannot be written", path);
}
