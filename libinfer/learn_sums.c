/* With unit rows u = (x - mean) / deviation, n = w u + b and y = W n + c, and for each row
 * g = w (W^T dy), the norm's input gets
 *     dx = (g - mean(g) - u mean(g u)) / deviation.
 * All but u is linear in dy, and both means are products of what is at hand:
 *     mean(g) = dy . W w / in,    mean(g u) = dy . (y - W b - c) / in,
 * so the sums of dx over sequences need W^T of the sums of dy / deviation only. The norm's own
 * gradients come from M = sum of dy u^T, of which W's is made too:
 *     dW = M w + (sum of dy) b^T,    dw = sum over outputs of W M,    db = W^T (sum of dy). */
#include "learn_sums.h"
#include "context.h"
#include "learn_kernels.h"
#include "learn_layer.h"

#include <math.h>
#include <string.h>

/* Weights' rows are taken in so many parts, whose sums are added in order. */
#define PARTS ((size_t)32)

struct work {
    float *unit;            /* [rows][in] */
    float *inverse;         /* [rows]: 1 / deviation */
    float *mean, *slope;    /* [rows]: mean(g) and mean(g u), over the deviation */
    float *ww, *wb;         /* [out]: W w, and W b + c */
    float *total;           /* [out]: sum of dy */
    float *weighted, *back; /* [length][out]: sums of dy / deviation; [length][in]: W^T of them */
    float *outer;           /* [out][in]: M */
    float *parts;           /* [PARTS][2][in] */
};

static void lay_out(size_t in, size_t out, size_t sequences, size_t length, struct learn_plan *plan,
                    struct work *w) {
    size_t rows = sequences * length;
    w->unit = learn_take(plan, rows * in);
    w->inverse = learn_take(plan, rows);
    w->mean = learn_take(plan, rows);
    w->slope = learn_take(plan, rows);
    w->ww = learn_take(plan, out);
    w->wb = learn_take(plan, out);
    w->total = learn_take(plan, out);
    w->weighted = learn_take(plan, length * out);
    w->back = learn_take(plan, length * in);
    w->outer = learn_take(plan, out * in);
    w->parts = learn_take(plan, PARTS * 2 * in);
}

size_t learn_sums_work(size_t in, size_t out, size_t sequences, size_t length) {
    struct learn_plan measure = {0};
    struct work w;
    lay_out(in, out, sequences, length, &measure, &w);
    return measure.floats;
}

/* y [n] += a x. */
static void add_times(float a, const float *restrict x, size_t n, float *restrict y) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static float standardize(const float *restrict x, size_t n, float eps, float *restrict unit) {
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean);
    double inverse = 1 / sqrt(var / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++) unit[i] = (float)(((double)x[i] - mean) * inverse);
    return (float)inverse;
}

static void multiply_norm(const struct learn_sums *s, const struct work *w) {
    const struct learn_linear *l = s->linear;
    const struct learn_kernel_table *k = s->ctx->kernels->learn;
#pragma omp parallel for num_threads(s->ctx->threads) schedule(static) if (l->out * l->in > 16384)
    for (size_t o = 0; o < l->out; o++) {
        const float *weight = l->weight + o * l->in;
        w->ww[o] = (float)k->dot(weight, s->norm->weight, l->in);
        w->wb[o] = (float)k->dot(weight, s->norm->bias, l->in) + (l->bias ? l->bias[o] : 0);
    }
}

static void find_means(const struct learn_sums *s, const struct work *w) {
    const struct learn_kernel_table *k = s->ctx->kernels->learn;
    size_t in = s->linear->in, out = s->linear->out, rows = s->sequences * s->length;
#pragma omp parallel for num_threads(s->ctx->threads) schedule(static) if (rows * out > 16384)
    for (size_t r = 0; r < rows; r++) {
        const float *dy = s->dy + r * out;
        double inverse = (double)standardize(s->x + r * in, in, s->eps, w->unit + r * in);
        double part = inverse / (double)in;
        w->inverse[r] = (float)inverse;
        w->mean[r] = (float)(part * k->dot(dy, w->ww, out));
        w->slope[r] = (float)(part * (k->dot(dy, s->y + r * out, out) - k->dot(dy, w->wb, out)));
    }
}

/* All of the sums but the part that goes through W. */
static void sum_sequences(const struct learn_sums *s, const struct work *w, float *sums) {
    size_t in = s->linear->in, out = s->linear->out;
    memset(w->weighted, 0, s->length * out * sizeof *w->weighted);
#pragma omp parallel for num_threads(s->ctx->threads) schedule(static) if (s->length * out > 4096)
    for (size_t t = 0; t < s->length; t++) {
        float mean = 0;
        for (size_t v = 0; v < s->sequences; v++) {
            size_t r = v * s->length + t;
            mean += w->mean[r];
            add_times(w->inverse[r], s->dy + r * out, out, w->weighted + t * out);
            add_times(-w->slope[r], w->unit + r * in, in, sums + t * in);
            add_times(1, s->beside + r * in, in, sums + t * in);
        }
        for (size_t j = 0; j < in; j++) sums[t * in + j] -= mean;
    }
}

static void add_outputs(const struct learn_sums *s, const struct work *w, size_t part) {
    const struct learn_linear *l = s->linear;
    const float *restrict scale = s->norm->weight, *restrict shift = s->norm->bias;
    float *restrict dscale = w->parts + part * 2 * l->in, *restrict dshift = dscale + l->in;
    memset(dscale, 0, 2 * l->in * sizeof *dscale);
    for (size_t o = l->out * part / PARTS; o < l->out * (part + 1) / PARTS; o++) {
        const float *restrict weight = l->weight + o * l->in, *restrict m = w->outer + o * l->in;
        float *restrict dweight = l->dweight + o * l->in, total = w->total[o];
        if (l->dbias) l->dbias[o] += total;
        for (size_t j = 0; j < l->in; j++) {
            dweight[j] += m[j] * scale[j] + total * shift[j];
            dscale[j] += weight[j] * m[j];
            dshift[j] += weight[j] * total;
        }
    }
}

static void learn_weights(const struct learn_sums *s, const struct work *w) {
    const struct learn_linear *l = s->linear;
    size_t rows = s->sequences * s->length;
    memset(w->total, 0, l->out * sizeof *w->total);
    learn_columns_sum(s->ctx, s->dy, rows, l->out, l->out, w->total);
    learn_product(s->ctx, l->out, l->in, rows, 1, (struct learn_matrix){s->dy, l->out, true},
                  (struct learn_matrix){w->unit, l->in, false}, false, w->outer, l->in);
#pragma omp parallel for num_threads(s->ctx->threads) schedule(static) if (l->out * l->in > 16384)
    for (size_t part = 0; part < PARTS; part++) add_outputs(s, w, part);
    for (size_t part = 0; part < PARTS; part++) {
        const float *dscale = w->parts + part * 2 * l->in;
        s->ctx->kernels->add_scaled(dscale, NULL, l->in, s->norm->dweight);
        s->ctx->kernels->add_scaled(dscale + l->in, NULL, l->in, s->norm->dbias);
    }
}

void learn_sums_backward(const struct learn_sums *s, float *work, float *sums) {
    const struct learn_linear *l = s->linear;
    struct scratch memory = {.data = work};
    struct learn_plan plan = {.memory = &memory};
    struct work w;
    lay_out(l->in, l->out, s->sequences, s->length, &plan, &w);
    multiply_norm(s, &w);
    find_means(s, &w);
    sum_sequences(s, &w, sums);
    learn_weights(s, &w);
    learn_product(s->ctx, s->length, l->in, l->out, 1,
                  (struct learn_matrix){w.weighted, l->out, false},
                  (struct learn_matrix){l->weight, l->in, false}, false, w.back, l->in);
    for (size_t t = 0; t < s->length; t++)
        s->ctx->kernels->add_scaled(w.back + t * l->in, s->norm->weight, l->in, sums + t * l->in);
}
