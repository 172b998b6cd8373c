/* The kernels in plain C with libm: slow, and the oracle of the others. Sums are in double. */
#include "learn_kernels.h"

#include <math.h>

static void gemm(size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                 const float *b, size_t ldb, int transposed, float beta, float *c, size_t ldc) {
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t p = 0; p < k; p++)
                sum += (double)a[i * lda + p] * (double)b[transposed ? j * ldb + p : p * ldb + j];
            double before = beta != 0 ? (double)beta * (double)c[i * ldc + j] : 0;
            c[i * ldc + j] = (float)((double)alpha * sum + before);
        }
    }
}

static double activate_one(enum infer_activation act, double x) {
    switch (act) {
    case INFER_IDENTITY: break;
    case INFER_RELU:
        return x < 0 ? 0 : x; /* NaN stays */
    /* 1 + erf(z) = erfc(-z), which keeps its digits where erf comes near -1. */
    case INFER_GELU: return 0.5 * x * erfc(-x * 0.70710678118654752440);
    case INFER_QUICK_GELU: return x / (1 + exp(-(double)1.702F * x));
    case INFER_MISH: return x * tanh(log1p(exp(x)));
    }
    return x;
}

static void activate(enum infer_activation act, const float *x, const float *bias, size_t n,
                     float *y) {
    for (size_t i = 0; i < n; i++) {
        float sum = bias ? x[i] + bias[i] : x[i];
        y[i] = (float)activate_one(act, (double)sum);
    }
}

static void layernorm(const float *x, const float *weight, const float *bias, float eps, size_t n,
                      float *y) {
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean);
    double scale = 1 / sqrt(var / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(((double)x[i] - mean) * scale * (double)weight[i] + (double)bias[i]);
}

static void softmax(float *x, size_t n) {
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) max = fmax(max, (double)x[i]);
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - max);
    for (size_t i = 0; i < n; i++) x[i] = (float)(exp((double)x[i] - max) / sum);
}

static void add_scaled(const float *x, const float *scale, size_t n, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((double)y[i] + (scale ? (double)scale[i] : 1) * (double)x[i]);
}

static void normalize(float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    double norm = sqrt(sum);
    if (norm < 1e-12) norm = 1e-12;
    for (size_t i = 0; i < n; i++) x[i] = (float)((double)x[i] / norm);
}

static void fourier(const float *b, size_t n, double u, double v, float *y) {
    const double two_pi = 6.28318530717958647693;
    for (size_t i = 0; i < n; i++) {
        double turns = (double)b[2 * i] * u + (double)b[2 * i + 1] * v;
        double angle = two_pi * (turns - rint(turns));
        y[i] = (float)cos(angle);
        y[n + i] = (float)sin(angle);
    }
}

const struct infer_kernel_table *infer_kernels_plain(void) {
    static const struct infer_kernel_table table = {
        .name = "plain",
        .gemm = gemm,
        .activate = activate,
        .layernorm = layernorm,
        .softmax = softmax,
        .add_scaled = add_scaled,
        .normalize = normalize,
        .fourier = fourier,
        .learn = &learn_kernels_plain,
    };
    return &table;
}
