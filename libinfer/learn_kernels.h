/* learn_kernels.h - inside libinfer: the kernels that only training needs, beside kernels.h.
 *
 * Each infer_kernel_table points to one of these. As there, plain C in double is the oracle of the
 * vector ones (tests/unit/infer_learn_kernels.c), and each kernel runs on one thread.
 */
#ifndef INFER_LEARN_KERNELS_H
#define INFER_LEARN_KERNELS_H

#include "kernels.h"
#include "product.h"

#include <stdbool.h>

/* The factors of one step of Adam, as torch.optim.adam forms them. */
struct learn_adam_factors {
    float scale;        /* of the gradient */
    float beta1, keep1; /* keep is 1 - beta, rounded from double */
    float beta2, keep2;
    float step;  /* rate / (1 - beta1^t) */
    float root2; /* sqrt(1 - beta2^t) */
    float epsilon;
};

struct learn_kernel_table {
    /* c [m][n] (row stride ldc) = alpha * op(a) op(b) + beta * c; op is the transpose if asked for.
     * beta is 0 or 1. */
    void (*gemm)(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
                 const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
                 size_t ldc);

    /* A product of large matrices, on so many threads; false: not done, for want of memory. NULL
     * where gemm is all there is. */
    bool (*product)(const struct product *what, struct scratch *memory, int threads);

    /* dx [n] = dy [n] * act'(x [n]); dx may be dy. For ReLU x may be its output, as the sign is all
     * that counts. */
    void (*activate_backward)(enum infer_activation act, const float *x, const float *dy, size_t n,
                              float *dx);

    /* Of kernels.h's layernorm, for one row: dx += , dweight += , dbias +=. dweight and dbias may
     * both be NULL. */
    void (*layernorm_backward)(const float *x, const float *weight, float eps, size_t n,
                               const float *dy, float *dx, float *dweight, float *dbias);

    /* dp [n] = p [n] * (dp - p . dp): of softmax, given its output. */
    void (*softmax_backward)(const float *p, size_t n, float *dp);

    /* g [n] = (g - y (y . g)) / norm: of division by the norm, given the unit row y. */
    void (*normalize_backward)(const float *y, double norm, size_t n, float *g);

    /* Of y = scale * x: dx [n] = scale * dy, dscale [n] += x * dy; dscale may be NULL. */
    void (*scale_backward)(const float *x, const float *scale, const float *dy, size_t n, float *dx,
                           float *dscale);

    /* y [n] = keep ? x / (1 - p) : 0, where keep is a hash of (key, element) alone; y may be x. */
    void (*dropout)(uint64_t key, float p, const float *x, size_t n, float *y);

    /* One step of Adam on n parameters; the gradients become zero. */
    void (*adam)(const struct learn_adam_factors *with, size_t n, float *value, float *gradient,
                 float *first, float *second);

    double (*dot)(const float *x, const float *y, size_t n);

    /* The largest of x [n]; most [n] = max(most, x). */
    float (*max)(const float *x, size_t n);
    void (*max_each)(const float *x, size_t n, float *most);
    /* Sum of e^(x - shift), in double; sum [n] += e^(x - shift [n]). */
    double (*exp_sum)(const float *x, float shift, size_t n);
    void (*exp_sum_each)(const float *x, const float *shift, size_t n, double *sum);
    /* x [n] = factor * (e^(x - shift) + e^(x - shift_each [n])); shift_each NULL: the first alone.
     */
    void (*exp_mix)(float shift, const float *shift_each, float factor, size_t n, float *x);
};

extern const struct learn_kernel_table learn_kernels_plain;

/* The vector tables' gemm: OpenBLAS. Sizes and strides are at most INT_MAX. */
void learn_kernels_gemm_blas(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                             float alpha, const float *a, size_t lda, const float *b, size_t ldb,
                             float beta, float *c, size_t ldc);

/* The hash under dropout, for one element: 24 random bits. */
static inline uint32_t learn_mask_bits(uint32_t low, uint32_t high, uint32_t element) {
    uint32_t x = element ^ low;
    x ^= x >> 16;
    x *= 0x7feb352dU; /* Wellons' lowbias32, with the rest of the key between its two rounds */
    x ^= x >> 15;
    x += high;
    x *= 0x846ca68bU;
    return (x ^ x >> 16) >> 8;
}

/* An element stays if its bits are at least this. */
static inline uint32_t learn_mask_threshold(float p) {
    return (uint32_t)((double)p * 16777216.0 + 0.5);
}

#endif
