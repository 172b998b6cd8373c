#include "container.h"
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/avstring.h>

#define BUFFER_BYTES 65536

/* Formats that name other files or hosts for FFmpeg to open, and one that plays any text. */
static const char *const playlists[] = {
    "concat", "hls", "dash", "imf", "sdp", "rtsp", "webm_dash_manifest"};
static const char *const refused[] = {"tty", "image2", "lavfi", "alias_pix",
                                      "bin", "adf",    "xbin",  "idf"};

static bool is_one_of(const char *name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (av_match_name(list[i], name)) return true;
    return false;
}
#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof *(list))

/* ------------------------------------------------------------ our own input */

static int read_bytes(void *opaque, uint8_t *buffer, int size) {
    struct container *c = opaque;
    ssize_t n;
    do n = read(c->fd, buffer, (size_t)size);
    while (n < 0 && errno == EINTR);
    if (n < 0) return AVERROR(errno);
    if (n > 0) c->any = true;
    return n ? (int)n : AVERROR_EOF;
}

static int64_t seek_to(void *opaque, int64_t offset, int whence) {
    const struct container *c = opaque;
    struct stat st;
    if (whence & AVSEEK_SIZE) return fstat(c->fd, &st) ? AVERROR(errno) : st.st_size;
    off_t at = lseek(c->fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

static int refuse_nested(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                         AVDictionary **options) {
    (void)format, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EACCES);
}

static int open_descriptor(struct container *c, const char *path) {
    struct stat st;
    c->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
                              : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (c->fd < 0 || fstat(c->fd, &st)) return infer_fail_errno(c->ctx, c->path);
    if (S_ISDIR(st.st_mode)) return infer_fail(c->ctx, INFER_EIO, "%s: is a folder", c->path);
    c->seekable = S_ISREG(st.st_mode);
    c->again = c->seekable && strcmp(path, "-") != 0;
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    c->io = buffer ? avio_alloc_context(buffer, BUFFER_BYTES, 0, c, read_bytes, NULL,
                                        c->seekable ? seek_to : NULL)
                   : NULL;
    c->format = c->io ? avformat_alloc_context() : NULL;
    if (!c->format) {
        if (!c->io) av_free(buffer);
        return infer_fail_memory(c->ctx, BUFFER_BYTES);
    }
    c->format->pb = c->io;
    c->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    c->format->io_open = refuse_nested;
    return INFER_OK;
}

/* ------------------------------------------------------------------ opening */

static int fail_av(const struct container *c, int status, const char *what, int error) {
    char text[AV_ERROR_MAX_STRING_SIZE];
    if (error == AVERROR(ENOMEM)) return infer_fail_memory(c->ctx, 0);
    if (error == AVERROR_EOF)
        return infer_fail(c->ctx, status, "%s: %s: it is empty or breaks off", c->path, what);
    av_strerror(error, text, sizeof text);
    return infer_fail(c->ctx, status, "%s: %s: %s", c->path, what, text);
}

/* Names and extensions are not looked at: "%03d.png" is a file's name here, not a sequence. */
static int probe(struct container *c, const AVInputFormat **format) {
    int error = av_probe_input_buffer2(c->io, format, NULL, NULL, 0, 0);
    if (error < 0 && !c->any && c->io->error >= 0)
        return infer_fail(c->ctx, INFER_EFORMAT, "%s: it is empty", c->path);
    if (error == AVERROR_INVALIDDATA)
        return infer_fail(c->ctx, INFER_EFORMAT, "%s: not a video or picture that FFmpeg knows",
                          c->path);
    if (error < 0) return fail_av(c, INFER_EIO, "cannot be read", error);
    if (IS_ONE_OF((*format)->name, refused))
        return infer_fail(c->ctx, INFER_EFORMAT, "%s: not a video or picture", c->path);
    return INFER_OK;
}

static int open_url(struct container *c, const char *path) {
    c->seekable = c->again = false;
    int error = avformat_open_input(&c->format, path, NULL, NULL);
    return error < 0 ? fail_av(c, INFER_EIO, "cannot be opened", error) : INFER_OK;
}

static int open_file(struct container *c, const char *path, bool network) {
    const AVInputFormat *format = NULL;
    INFER_TRY(open_descriptor(c, path));
    INFER_TRY(probe(c, &format));
    if (IS_ONE_OF(format->name, playlists)) {
        if (!network)
            return infer_fail(c->ctx, INFER_EFORMAT,
                              "%s: a playlist (%s), which opens other files or hosts: this must be "
                              "allowed (--allow-net)",
                              c->path, format->name);
        avformat_free_context(c->format);
        c->format = NULL;
        return open_url(c, path);
    }
    int error = avformat_open_input(&c->format, NULL, format, NULL);
    return error < 0 ? fail_av(c, INFER_EFORMAT, "cannot be opened", error) : INFER_OK;
}

/* Looks into the streams, which may decode a frame: of no more pixels than we would take. */
static int find_streams(struct container *c) {
    unsigned n = c->format->nb_streams; /* it may find more */
    AVDictionary **options = n ? av_calloc(n, sizeof *options) : NULL;
    if (n && !options) return AVERROR(ENOMEM);
    for (unsigned i = 0; i < n; i++)
        av_dict_set_int(&options[i], "max_pixels", container_max_pixels(c), 0);
    int error = avformat_find_stream_info(c->format, options);
    for (unsigned i = 0; i < n; i++) av_dict_free(&options[i]);
    av_free(options);
    return error;
}

static int choose_stream(struct container *c) {
    int error = find_streams(c);
    if (error < 0) return fail_av(c, INFER_EFORMAT, "its streams cannot be read", error);
    int best = av_find_best_stream(c->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    /* The cover of a song is not a video. */
    if (best < 0 || (c->format->streams[best]->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return infer_fail(c->ctx, INFER_EFORMAT, "%s: no video or picture in it", c->path);
    /* Others are read only where container_is_cut() must see how far they go. */
    for (unsigned i = 0; i < c->format->nb_streams; i++)
        if ((int)i != best && av_match_name("mov", c->format->iformat->name))
            c->format->streams[i]->discard = AVDISCARD_ALL;
    c->stream = c->format->streams[best];
    const AVCodecParameters *p = c->stream->codecpar;
    if ((int64_t)p->width * p->height > container_max_pixels(c))
        return infer_fail(c->ctx, INFER_EFORMAT, "%s: its pictures of %d x %d pixels are too large",
                          c->path, p->width, p->height);
    return INFER_OK;
}

int container_open(infer *ctx, const char *path, bool network, struct container **out) {
    *out = NULL;
    struct container *c = calloc(1, sizeof *c);
    if (!c) return infer_fail_memory(ctx, sizeof *c);
    int status;
    c->ctx = ctx;
    c->fd = -1;
    c->network = network;
    c->path = strdup(strcmp(path, "-") ? path : "standard input");
    if (!c->path) {
        status = infer_fail_memory(ctx, strlen(path));
        goto done;
    }
    /* FFmpeg prints to stderr unless told, for the whole process, not to. */
    av_log_set_level(AV_LOG_QUIET);
    INFER_GO(network && strstr(path, "://") ? open_url(c, path) : open_file(c, path, network));
    INFER_GO(choose_stream(c));
    *out = c;
done:
    if (status != INFER_OK) container_close(c);
    return status;
}

void container_close(struct container *c) {
    if (!c) return;
    if (c->format) avformat_close_input(&c->format);
    if (c->io) {
        av_freep(&c->io->buffer);
        avio_context_free(&c->io);
    }
    if (c->fd >= 0) close(c->fd);
    free((char *)c->path);
    free(c);
}

/* ---------------------------------------------------------- what is in there */

bool container_is_picture(const struct container *c) {
    static const char *const brands[] = {"avif", "heic", "heix", "mif1"};
    const char *name = c->format->iformat->name;
    const AVDictionaryEntry *brand = av_dict_get(c->format->metadata, "major_brand", NULL, 0);
    size_t length = strlen(name);
    if (length > 5 && !strcmp(name + length - 5, "_pipe")) return true;
    return !strcmp(name, "gif") || !strcmp(name, "apng") ||
           (brand && IS_ONE_OF(brand->value, brands));
}

int container_telemetry(const struct container *c) {
    for (unsigned i = 0; i < c->format->nb_streams; i++)
        if (c->format->streams[i]->codecpar->codec_tag == MKTAG('g', 'p', 'm', 'd')) return (int)i;
    return -1;
}

int container_max_pixels(const struct container *c) {
    return container_is_picture(c) ? PICTURE_MAX_PIXELS : PICTURE_MAX_VIDEO;
}

double container_seconds(const struct container *c, int64_t timestamp) {
    if (timestamp == AV_NOPTS_VALUE) return NAN;
    int64_t start = c->stream->start_time == AV_NOPTS_VALUE ? 0 : c->stream->start_time;
    return ((double)timestamp - (double)start) * c->stream->time_base.num /
           c->stream->time_base.den;
}

int64_t container_packet_time(const struct container *c, const AVPacket *p) {
    if (p->flags & AV_PKT_FLAG_DISCARD) return AV_NOPTS_VALUE;
    /* VP8's alternate references are packets that are never shown (RFC 6386, 9.1). */
    if (c->stream->codecpar->codec_id == AV_CODEC_ID_VP8 && p->size > 0 && !(p->data[0] & 0x10))
        return AV_NOPTS_VALUE;
    return p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
}

double container_packet_end(const struct container *c, const AVPacket *p) {
    int64_t time = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
    if (time == AV_NOPTS_VALUE) return 0;
    int64_t duration = p->duration > 0 ? p->duration : 0;
    return ((double)time + (double)duration) *
           av_q2d(c->format->streams[p->stream_index]->time_base);
}

bool container_is_cut(const struct container *c, long packets, double end_s) {
    /* The index of an MP4 names every sample, of others the key frames. */
    if (packets < avformat_index_get_entries_count(c->stream)) return true;
    if (av_match_name("mov", c->format->iformat->name)) return false;
    /* A length in a header counts from 0 in some containers, from the start in others; muxers round
     * it. One that FFmpeg has guessed says nothing. */
    return c->format->duration_estimation_method == AVFMT_DURATION_FROM_STREAM && end_s > 0 &&
           end_s < (double)c->format->duration / AV_TIME_BASE - 1;
}

int container_count(struct container *c, double start_s, double end_s, long *frames) {
    AVPacket *packet = av_packet_alloc();
    if (!packet) return infer_fail_memory(c->ctx, sizeof *packet);
    *frames = 0;
    while (av_read_frame(c->format, packet) >= 0) {
        double t = packet->stream_index == c->stream->index
                       ? container_seconds(c, container_packet_time(c, packet))
                       : NAN;
        if (t > start_s - CONTAINER_TICK_S && t < end_s - CONTAINER_TICK_S) ++*frames;
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return INFER_OK;
}
