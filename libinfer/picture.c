/* A picture to a network's input, by the two recipes that models are trained with.
 *
 * Both resample in two passes, columns then rows, with a filter that is as wide as the reduction,
 * so nothing of a large picture is skipped. `stretch` is torchvision's antialiased bilinear on
 * floats; `crop` is Pillow's bicubic, rounded to 8 bits after each pass as Pillow does, since CLIP
 * has seen such pictures only. Only those columns and rows that survive the crop are computed.
 */
#include "context.h"
#include "modules.h"

#include <math.h>
#include <stdlib.h>

/* Of CLIP's and ImageNet's training pictures. */
const float picture_clip_mean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
const float picture_clip_std[3] = {0.26862954F, 0.26130258F, 0.27577711F};
const float picture_imagenet_mean[3] = {0.485F, 0.456F, 0.406F};
const float picture_imagenet_std[3] = {0.229F, 0.224F, 0.225F};

/* Pillow's fixed point: 8 bits of pixel, 2 of headroom for the filter's overshoot, 22 of weight. */
#define FIXED_BITS 22
#define FIXED_HALF (1 << (FIXED_BITS - 1))

struct filter {
    double support; /* half width at scale 1 */
    double (*at)(double x);
    int single; /* places and weights are rounded to float, see place() */
};

static double triangle(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* Keys' cubic convolution with a = -0.5. */
static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static const struct filter bilinear = {1, triangle, 1}, bicubic = {2, cubic, 0};

/* PyTorch works out where to sample in single precision, Pillow in double. Pixels of a fine pattern
 * differ by up to 1e-5 between the two, so each recipe follows its own. */
static double place(const struct filter *f, double x) {
    return f->single ? (float)x : x;
}

/* For each output place: the first input place, how many, and their weights. */
struct taps {
    int n, room;
    int *first, *count;
    float *weight;  /* [n][room] */
    int32_t *fixed; /* [n][room], times 2^FIXED_BITS */
};

static void taps_free(struct taps *t) {
    free(t->first);
    free(t->count);
    free(t->weight);
    free(t->fixed);
}

static void taps_fill(struct taps *t, int i, int at, int in, double scale, const struct filter *f,
                      double *w) {
    double stretch = scale < 1 ? 1 : scale, inverse = place(f, 1 / stretch);
    double center = place(f, scale * (at + 0.5)), support = place(f, f->support * stretch);
    int first = (int)(place(f, center - support) + 0.5);
    int end = (int)(place(f, center + support) + 0.5);
    double sum = 0;
    if (first < 0) first = 0;
    if (end > in) end = in;
    for (int k = 0; k < end - first; k++) {
        double x = place(f, first + k - center) + 0.5;
        w[k] = place(f, f->at(place(f, x * inverse)));
        sum = place(f, sum + w[k]);
    }
    for (int k = 0; k < end - first; k++) {
        double weight = sum == 0 ? w[k] : w[k] / sum;
        size_t to = (size_t)i * (size_t)t->room + (size_t)k;
        t->weight[to] = (float)weight;
        t->fixed[to] = (int32_t)(weight * (1 << FIXED_BITS) + (weight < 0 ? -0.5 : 0.5));
    }
    t->first[i] = first;
    t->count[i] = end - first;
}

/* The taps of n outputs from `begin` on, of the `out` that `in` inputs are resampled to. */
static int taps_make(infer *ctx, struct taps *t, int in, int out, int begin, int n,
                     const struct filter *f) {
    double scale = place(f, (double)in / out);
    double width = 2 * ceil(f->support * (scale < 1 ? 1 : scale)) + 1;
    *t = (struct taps){.n = n, .room = (int)width};
    size_t cells = (size_t)n * (size_t)t->room;
    t->first = malloc((size_t)n * sizeof *t->first);
    t->count = malloc((size_t)n * sizeof *t->count);
    t->weight = malloc(cells * sizeof *t->weight);
    t->fixed = malloc(cells * sizeof *t->fixed);
    double *scratch = malloc((size_t)t->room * sizeof *scratch);
    int status = INFER_OK;
    if (!t->first || !t->count || !t->weight || !t->fixed || !scratch)
        status = infer_fail_memory(ctx, cells * 8);
    else
        for (int i = 0; i < n; i++) taps_fill(t, i, begin + i, in, scale, f, scratch);
    free(scratch);
    return status;
}

static uint8_t clip8(int32_t x) {
    x >>= FIXED_BITS;
    return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

/* The input rows that the vertical taps read. */
static void rows_needed(const struct taps *vertical, int *first, int *n) {
    int last = vertical->n - 1;
    *first = vertical->first[0];
    *n = vertical->first[last] + vertical->count[last] - *first;
}

/* ------------------------------------------------------------------ stretch */

static void row_float(const uint8_t *row, const struct taps *t, float *out) {
    for (int x = 0; x < t->n; x++) {
        const float *w = t->weight + (size_t)x * (size_t)t->room;
        const uint8_t *p = row + 3 * (size_t)t->first[x];
        float r = 0, g = 0, b = 0;
        for (int k = 0; k < t->count[x]; k++, p += 3) {
            r += w[k] * ((float)p[0] / 255);
            g += w[k] * ((float)p[1] / 255);
            b += w[k] * ((float)p[2] / 255);
        }
        out[3 * x] = r;
        out[3 * x + 1] = g;
        out[3 * x + 2] = b;
    }
}

/* rows: float [][size][3], the first of which is input row `base`; sum: float [size * 3]. */
static void column_float(const float *rows, int base, const struct taps *t, int y, float *sum) {
    size_t stride = (size_t)t->n * 3;
    const float *w = t->weight + (size_t)y * (size_t)t->room;
    const float *row = rows + (size_t)(t->first[y] - base) * stride;
    for (size_t i = 0; i < stride; i++) sum[i] = 0;
    for (int k = 0; k < t->count[y]; k++, row += stride)
        for (size_t i = 0; i < stride; i++) sum[i] += w[k] * row[i];
}

/* One row of [0,1] RGB into the three planes. */
static void normalise(const float *row, int size, int y, const float mean[3], const float std[3],
                      float *out) {
    size_t plane = (size_t)size * (size_t)size;
    for (size_t c = 0; c < 3; c++)
        for (size_t x = 0; x < (size_t)size; x++) {
            float v = row[3 * x + c];
            v = v < 0 ? 0 : v > 1 ? 1 : v;
            out[c * plane + (size_t)y * (size_t)size + x] = (v - mean[c]) / std[c];
        }
}

static int stretch(infer *ctx, const infer_picture *p, int size, const float mean[3],
                   const float std[3], float *out) {
    struct taps across = {0}, down = {0};
    size_t stride = (size_t)size * 3, need = (size_t)p->height * stride * sizeof(float);
    float *rows = NULL, *sums = NULL;
    int status;
    INFER_GO(taps_make(ctx, &across, p->width, size, 0, size, &bilinear));
    INFER_GO(taps_make(ctx, &down, p->height, size, 0, size, &bilinear));
    rows = malloc(need);
    sums = malloc((size_t)size * stride * sizeof *sums);
    if (!rows || !sums) {
        status = infer_fail_memory(ctx, need);
        goto done;
    }
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
    for (int y = 0; y < p->height; y++)
        row_float(p->rgb + (size_t)y * (size_t)p->width * 3, &across, rows + (size_t)y * stride);
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
    for (int y = 0; y < size; y++) {
        column_float(rows, 0, &down, y, sums + (size_t)y * stride);
        normalise(sums + (size_t)y * stride, size, y, mean, std, out);
    }
done:
    free(rows);
    free(sums);
    taps_free(&across);
    taps_free(&down);
    return status;
}

/* --------------------------------------------------------------------- crop */

static void row_fixed(const uint8_t *row, const struct taps *t, uint8_t *out) {
    for (int x = 0; x < t->n; x++) {
        const int32_t *w = t->fixed + (size_t)x * (size_t)t->room;
        const uint8_t *p = row + 3 * (size_t)t->first[x];
        int32_t r = FIXED_HALF, g = FIXED_HALF, b = FIXED_HALF;
        for (int k = 0; k < t->count[x]; k++, p += 3) {
            r += w[k] * p[0];
            g += w[k] * p[1];
            b += w[k] * p[2];
        }
        out[3 * x] = clip8(r);
        out[3 * x + 1] = clip8(g);
        out[3 * x + 2] = clip8(b);
    }
}

/* rows: uint8 [][size][3], the first of which is input row `base`; out: float [size * 3], [0,1]. */
static void column_fixed(const uint8_t *rows, int base, const struct taps *t, int y, float *out) {
    size_t stride = (size_t)t->n * 3;
    const int32_t *w = t->fixed + (size_t)y * (size_t)t->room;
    const uint8_t *top = rows + (size_t)(t->first[y] - base) * stride;
    for (size_t i = 0; i < stride; i++) {
        int32_t sum = FIXED_HALF;
        for (int k = 0; k < t->count[y]; k++) sum += w[k] * top[(size_t)k * stride + i];
        out[i] = (float)clip8(sum) / 255;
    }
}

static int crop(infer *ctx, const infer_picture *p, int size, const float mean[3],
                const float std[3], float *out) {
    int64_t least = p->width < p->height ? p->width : p->height;
    /* Python's int(size * side / least), which the published processor computes. */
    int wide = (int)((double)((int64_t)size * p->width) / (double)least);
    int high = (int)((double)((int64_t)size * p->height) / (double)least);
    struct taps across = {0}, down = {0};
    size_t stride = (size_t)size * 3;
    uint8_t *rows = NULL;
    float *line = NULL;
    int status, base, n;
    INFER_GO(taps_make(ctx, &across, p->width, wide, (wide - size) / 2, size, &bicubic));
    INFER_GO(taps_make(ctx, &down, p->height, high, (high - size) / 2, size, &bicubic));
    rows_needed(&down, &base, &n);
    rows = malloc((size_t)n * stride);
    line = malloc((size_t)size * stride * sizeof *line);
    if (!rows || !line) {
        status = infer_fail_memory(ctx, (size_t)n * stride);
        goto done;
    }
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
    for (int y = 0; y < n; y++)
        row_fixed(p->rgb + (size_t)(base + y) * (size_t)p->width * 3, &across,
                  rows + (size_t)y * stride);
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
    for (int y = 0; y < size; y++) {
        column_fixed(rows, base, &down, y, line + (size_t)y * stride);
        normalise(line + (size_t)y * stride, size, y, mean, std, out);
    }
done:
    free(rows);
    free(line);
    taps_free(&across);
    taps_free(&down);
    return status;
}

/* ---------------------------------------------------------------------- both */

int picture_check_size(infer *ctx, int64_t width, int64_t height) {
    if (width < 1 || height < 1)
        return infer_fail(ctx, INFER_EFORMAT, "a picture of %lld x %lld pixels is empty",
                          (long long)width, (long long)height);
    if (width > PICTURE_MAX_SIDE || height > PICTURE_MAX_SIDE ||
        width * height > PICTURE_MAX_PIXELS)
        return infer_fail(ctx, INFER_EFORMAT,
                          "a picture of %lld x %lld pixels is too large: %d a side and %d in all "
                          "are the most",
                          (long long)width, (long long)height, PICTURE_MAX_SIDE,
                          PICTURE_MAX_PIXELS);
    return INFER_OK;
}

int picture_prepare(infer *ctx, const infer_picture *picture, enum infer_recipe recipe, int size,
                    const float mean[3], const float std[3], float *out) {
    INFER_TRY(picture_check_size(ctx, picture->width, picture->height));
    if (size < 1 || size > PICTURE_MAX_SIDE / 16)
        return infer_fail(ctx, INFER_EUSAGE, "a network input of %d x %d pixels", size, size);
    if (recipe == INFER_RECIPE_CROP) return crop(ctx, picture, size, mean, std, out);
    return stretch(ctx, picture, size, mean, std, out);
}
