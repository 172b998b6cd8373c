#include "colour.h"
#include "modules.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

/* Everything that decides how a converter works: while it stays the same, so does the converter. */
struct kind {
    int width, height, format, matrix, full, chroma;
};

struct colour {
    infer *ctx;
    struct kind kind;
    struct SwsContext *sws;
    uint8_t *padded, *rgb; /* as swscale writes it; turned, if it must be */
    size_t padded_room, rgb_room;
};

/* How a coded picture becomes an upright one: columns and rows swapped, then mirrored. */
struct orientation {
    bool swap, flip_x, flip_y;
};

struct colour *colour_new(infer *ctx) {
    struct colour *c = calloc(1, sizeof *c);
    if (c) c->ctx = ctx;
    return c;
}

void colour_free(struct colour *c) {
    if (!c) return;
    sws_freeContext(c->sws);
    free(c->padded);
    free(c->rgb);
    free(c);
}

/* ------------------------------------------------------------- matrix, range */

/* Where the stream does not say: JPEG and its kin are BT.601 by their standard; video is what
 * players take it for, BT.709 above standard definition. */
static int matrix_of(const AVFrame *f, bool still) {
    switch (f->colorspace) {
    case AVCOL_SPC_BT709: return SWS_CS_ITU709;
    case AVCOL_SPC_FCC: return SWS_CS_FCC;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M: return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M: return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL: return SWS_CS_BT2020;
    case AVCOL_SPC_RGB:
    case AVCOL_SPC_UNSPECIFIED:
    case AVCOL_SPC_RESERVED:
        return !still && (f->width >= 1280 || f->height > 576) ? SWS_CS_ITU709 : SWS_CS_ITU601;
    default: return -1;
    }
}

/* Unmarked YUV is limited. Unmarked grey is full (PNG, JPEG), but for video codecs. */
static int is_full_range(const AVFrame *f, const AVPixFmtDescriptor *d, enum AVCodecID codec) {
    if (f->color_range != AVCOL_RANGE_UNSPECIFIED) return f->color_range == AVCOL_RANGE_JPEG;
    if (!strncmp(d->name, "yuvj", 4)) return 1;
    if (d->nb_components > 2 || codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC) return 0;
    return 1;
}

static int describe(struct colour *c, const struct container *container, const AVFrame *f,
                    struct kind *kind) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)f->format);
    INFER_TRY(picture_check_size(c->ctx, f->width, f->height));
    if (!d || !sws_isSupportedInput((enum AVPixelFormat)f->format))
        return infer_fail(c->ctx, INFER_EFORMAT, "pixels of the kind %s cannot be converted",
                          d ? d->name : "unknown");
    int chroma = d->log2_chroma_w || d->log2_chroma_h ? (int)f->chroma_location : 0;
    *kind = (struct kind){.width = f->width,
                          .height = f->height,
                          .format = f->format,
                          .matrix = matrix_of(f, container_is_picture(container)),
                          .full = is_full_range(f, d, container->stream->codecpar->codec_id),
                          .chroma = chroma};
    if (kind->matrix < 0)
        return infer_fail(c->ctx, INFER_EFORMAT, "the colour matrix %s cannot be converted",
                          av_color_space_name(f->colorspace));
    return INFER_OK;
}

/* ---------------------------------------------------------------- conversion */

static void place_chroma(struct SwsContext *sws, const struct kind *k) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)k->format);
    int x, y;
    if (avcodec_enum_to_chroma_pos(&x, &y, (enum AVChromaLocation)k->chroma)) return;
    if (d->log2_chroma_w == 1) av_opt_set_int(sws, "src_h_chr_pos", x, 0);
    if (d->log2_chroma_h == 1) av_opt_set_int(sws, "src_v_chr_pos", y, 0);
}

static int make_converter(struct colour *c, const struct kind *k) {
    if (c->sws && !memcmp(k, &c->kind, sizeof *k)) return INFER_OK;
    sws_freeContext(c->sws);
    c->sws = sws_alloc_context();
    if (!c->sws) return infer_fail_memory(c->ctx, 0);
    av_opt_set_int(c->sws, "srcw", k->width, 0);
    av_opt_set_int(c->sws, "srch", k->height, 0);
    av_opt_set_int(c->sws, "src_format", k->format, 0);
    av_opt_set_int(c->sws, "dstw", k->width, 0);
    av_opt_set_int(c->sws, "dsth", k->height, 0);
    av_opt_set_int(c->sws, "dst_format", AV_PIX_FMT_RGB24, 0);
    av_opt_set_int(c->sws, "src_range", k->full, 0);
    av_opt_set_int(c->sws, "dst_range", 1, 0);
    /* Interpolated chroma, rounded, and the same on every CPU. */
    av_opt_set_int(
        c->sws, "sws_flags",
        SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND | SWS_BITEXACT, 0);
    place_chroma(c->sws, k);
    const int *matrix = sws_getCoefficients(k->matrix);
    sws_setColorspaceDetails(c->sws, matrix, k->full, matrix, 1, 0, 1 << 16, 1 << 16);
    if (sws_init_context(c->sws, NULL, NULL) < 0) {
        sws_freeContext(c->sws);
        c->sws = NULL;
        return infer_fail(c->ctx, INFER_EFORMAT, "pixels of the kind %s cannot be converted",
                          av_get_pix_fmt_name((enum AVPixelFormat)k->format));
    }
    sws_setColorspaceDetails(c->sws, matrix, k->full, matrix, 1, 0, 1 << 16, 1 << 16);
    c->kind = *k;
    return INFER_OK;
}

static int make_room(infer *ctx, uint8_t **memory, size_t *room, size_t need) {
    if (*room >= need) return INFER_OK;
    free(*memory);
    *room = 0;
    *memory = malloc(need);
    if (!*memory) return infer_fail_memory(ctx, need);
    *room = need;
    return INFER_OK;
}

/* --------------------------------------------------------------- orientation */

/* Of a display matrix only quarter turns and mirrors are taken; other angles go to the nearest. */
static struct orientation from_matrix(const int32_t *m) {
    double a = m[0], b = m[1], c = m[3], d = m[4];
    if ((a < 0 ? -a : a) + (d < 0 ? -d : d) >= (b < 0 ? -b : b) + (c < 0 ? -c : c))
        return (struct orientation){false, a < 0, d < 0};
    return (struct orientation){true, c < 0, b < 0};
}

/* EXIF's numbers: where row 0 and column 0 of the stored picture are seen. */
static struct orientation from_exif(long number) {
    static const struct orientation table[9] = {
        [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
        [5] = {true, false, false}, [6] = {true, true, false}, [7] = {true, true, true},
        [8] = {true, false, true}};
    return number >= 1 && number <= 8 ? table[number] : table[0];
}

static struct orientation orientation_of(const struct container *container, const AVFrame *f) {
    const AVFrameSideData *side = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);
    size_t size = 0;
    const uint8_t *data =
        side ? side->data
             : av_stream_get_side_data(container->stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (side) size = side->size;
    int32_t matrix[9];
    if (data && size >= sizeof matrix) {
        memcpy(matrix, data, sizeof matrix);
        return from_matrix(matrix);
    }
    const AVDictionaryEntry *e = av_dict_get(f->metadata, "Orientation", NULL, 0);
    return from_exif(e ? strtol(e->value, NULL, 10) : 1);
}

/* One row of the upright picture, from rows of `stride` bytes. */
static void turn_row(const uint8_t *in, size_t stride, const struct kind *k, struct orientation o,
                     size_t y, size_t width, uint8_t *out) {
    size_t last_x = (size_t)k->width - 1, last_y = (size_t)k->height - 1;
    for (size_t x = 0; x < width; x++) {
        size_t from_x = o.swap ? y : x, from_y = o.swap ? x : y;
        if (o.swap ? o.flip_y : o.flip_x) from_x = last_x - from_x;
        if (o.swap ? o.flip_x : o.flip_y) from_y = last_y - from_y;
        memcpy(out + 3 * x, in + from_y * stride + 3 * from_x, 3);
    }
}

static int turn(struct colour *c, size_t stride, struct orientation o, infer_picture *p) {
    size_t row = (size_t)p->width * 3;
    INFER_TRY(make_room(c->ctx, &c->rgb, &c->rgb_room, row * (size_t)p->height));
    p->rgb = c->rgb;
#pragma omp parallel for num_threads(c->ctx->threads) schedule(static)
    for (int y = 0; y < p->height; y++)
        turn_row(c->padded, stride, &c->kind, o, (size_t)y, (size_t)p->width,
                 p->rgb + (size_t)y * row);
    return INFER_OK;
}

/* Takes out what is between the rows, in place: of a large picture there is one copy only. */
static void pack(const struct colour *c, size_t stride, infer_picture *p) {
    size_t row = (size_t)p->width * 3;
    p->rgb = c->padded;
    for (size_t y = 1; y < (size_t)p->height; y++)
        memmove(p->rgb + y * row, p->rgb + y * stride, row);
}

/* Of grey in 8 bits swscale takes every range for full. */
static void widen(uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int level = ((bytes[i] - 16) * 510 + 219) / 438;
        bytes[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

int colour_convert(struct colour *c, const struct container *container, const AVFrame *f,
                   infer_picture *picture) {
    struct kind kind;
    INFER_TRY(describe(c, container, f, &kind));
    INFER_TRY(make_converter(c, &kind));
    /* swscale may write past a row's end, up to its vectors' length. */
    size_t w = (size_t)f->width, h = (size_t)f->height, stride = (3 * w + 127) / 64 * 64;
    INFER_TRY(make_room(c->ctx, &c->padded, &c->padded_room, stride * h + 64));
    uint8_t *planes[4] = {c->padded};
    int strides[4] = {(int)stride};
    int rows = sws_scale(c->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes,
                         strides);
    if (rows != f->height)
        return infer_fail(c->ctx, INFER_EFORMAT, "its colours cannot be converted");
    if (f->format == AV_PIX_FMT_GRAY8 && !kind.full) widen(c->padded, stride * h);
    struct orientation o = orientation_of(container, f);
    *picture = (infer_picture){.width = o.swap ? f->height : f->width,
                               .height = o.swap ? f->width : f->height};
    if (o.swap || o.flip_x || o.flip_y) return turn(c, stride, o, picture);
    pack(c, stride, picture);
    return INFER_OK;
}
