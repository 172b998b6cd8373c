/* The kernels of training in plain C with libm: the oracle of the vector ones. Sums in double. */
#include "learn_kernels.h"

#include <cblas.h>
#include <math.h>

static void gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
                 const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                 size_t ldc) {
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t p = 0; p < k; p++)
                sum += (double)a[transpose_a ? p * lda + i : i * lda + p] *
                       (double)b[transpose_b ? j * ldb + p : p * ldb + j];
            double before = beta != 0 ? (double)beta * (double)c[i * ldc + j] : 0;
            c[i * ldc + j] = (float)((double)alpha * sum + before);
        }
    }
}

static double slope(enum infer_activation act, double x) {
    switch (act) {
    case INFER_IDENTITY: break;
    case INFER_RELU: return x > 0;
    case INFER_GELU: /* Phi(x) + x phi(x) */
        return 0.5 * erfc(-x * 0.70710678118654752440) +
               x * 0.39894228040143267794 * exp(-0.5 * x * x);
    case INFER_QUICK_GELU: {
        double s = 1 / (1 + exp(-(double)1.702F * x));
        return s + (double)1.702F * x * s * (1 - s);
    }
    case INFER_MISH: {
        double t = tanh(log1p(exp(x)));
        return t + x * (1 - t * t) / (1 + exp(-x));
    }
    }
    return 1;
}

static void activate_backward(enum infer_activation act, const float *x, const float *dy, size_t n,
                              float *dx) {
    for (size_t i = 0; i < n; i++) dx[i] = (float)((double)dy[i] * slope(act, (double)x[i]));
}

/* With u = (x - mean) / deviation and g = dy * weight: dx = (g - mean(g) - u mean(g u)) /
 * deviation.
 */
static void layernorm_backward(const float *x, const float *weight, float eps, size_t n,
                               const float *dy, float *dx, float *dweight, float *dbias) {
    double mean = 0, var = 0, g_mean = 0, gu_mean = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean);
    double scale = 1 / sqrt(var / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++) {
        double g = (double)dy[i] * (double)weight[i];
        g_mean += g / (double)n;
        gu_mean += g * ((double)x[i] - mean) * scale / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double u = ((double)x[i] - mean) * scale, g = (double)dy[i] * (double)weight[i];
        dx[i] = (float)((double)dx[i] + scale * (g - g_mean - u * gu_mean));
        if (dweight) dweight[i] += (float)((double)dy[i] * u);
        if (dbias) dbias[i] += dy[i];
    }
}

static double dot(const float *x, const float *y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

static void softmax_backward(const float *p, size_t n, float *dp) {
    double sum = dot(p, dp, n);
    for (size_t i = 0; i < n; i++) dp[i] = (float)((double)p[i] * ((double)dp[i] - sum));
}

static void normalize_backward(const float *y, double norm, size_t n, float *g) {
    double along = dot(y, g, n);
    for (size_t i = 0; i < n; i++) g[i] = (float)(((double)g[i] - (double)y[i] * along) / norm);
}

static void scale_backward(const float *x, const float *scale, const float *dy, size_t n, float *dx,
                           float *dscale) {
    for (size_t i = 0; i < n; i++) {
        if (dscale) dscale[i] += x[i] * dy[i];
        dx[i] = scale[i] * dy[i];
    }
}

static void dropout(uint64_t key, float p, const float *x, size_t n, float *y) {
    const uint32_t threshold = learn_mask_threshold(p);
    const float scale = 1 / (1 - p);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = learn_mask_bits((uint32_t)key, (uint32_t)(key >> 32), (uint32_t)i);
        y[i] = bits >= threshold ? x[i] * scale : 0;
    }
}

/* Each intermediate is a float, as in PyTorch, whose weights it must agree with. */
static void adam(const struct learn_adam_factors *with, size_t n, float *value, float *gradient,
                 float *first, float *second) {
    for (size_t i = 0; i < n; i++) {
        float g = gradient[i] * with->scale;
        first[i] = first[i] * with->beta1 + g * with->keep1;
        second[i] = second[i] * with->beta2 + g * g * with->keep2;
        float under = sqrtf(second[i]) / with->root2 + with->epsilon;
        value[i] -= with->step * (first[i] / under);
        gradient[i] = 0;
    }
}

static float max(const float *x, size_t n) {
    float most = -INFINITY;
    for (size_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

static void max_each(const float *x, size_t n, float *most) {
    for (size_t i = 0; i < n; i++) most[i] = x[i] > most[i] ? x[i] : most[i];
}

static double exp_sum(const float *x, float shift, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)shift);
    return sum;
}

static void exp_sum_each(const float *x, const float *shift, size_t n, double *sum) {
    for (size_t i = 0; i < n; i++) sum[i] += exp((double)x[i] - (double)shift[i]);
}

static void exp_mix(float shift, const float *shift_each, float factor, size_t n, float *x) {
    for (size_t i = 0; i < n; i++) {
        double sum = exp((double)x[i] - (double)shift);
        if (shift_each) sum += exp((double)x[i] - (double)shift_each[i]);
        x[i] = (float)((double)factor * sum);
    }
}

const struct learn_kernel_table learn_kernels_plain = {
    .gemm = gemm,
    .activate_backward = activate_backward,
    .layernorm_backward = layernorm_backward,
    .softmax_backward = softmax_backward,
    .normalize_backward = normalize_backward,
    .scale_backward = scale_backward,
    .dropout = dropout,
    .adam = adam,
    .dot = dot,
    .max = max,
    .max_each = max_each,
    .exp_sum = exp_sum,
    .exp_sum_each = exp_sum_each,
    .exp_mix = exp_mix,
};

void learn_kernels_gemm_blas(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                             float alpha, const float *a, size_t lda, const float *b, size_t ldb,
                             float beta, float *c, size_t ldc) {
    if (!m || !n) return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha,
                a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}
