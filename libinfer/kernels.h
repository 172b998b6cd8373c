/* kernels.h - inside libinfer: the table of kernels under every forward function.
 *
 * One implementation of each in plain C with libm is the oracle (kernels_plain.c); the others are
 * compared with it by tests. Each kernel runs on one thread: callers split rows into pieces whose
 * size does not depend on the number of threads, so results do not either.
 */
#ifndef INFER_KERNELS_H
#define INFER_KERNELS_H

#include "infer.h"

#include <stddef.h>

enum infer_activation {
    INFER_IDENTITY = 0,
    INFER_RELU,
    INFER_GELU,       /* exact: x/2 (1 + erf(x/sqrt 2)) */
    INFER_QUICK_GELU, /* x sigmoid(1.702 x), CLIP's */
    INFER_MISH        /* x tanh(ln(1 + e^x)) */
};

struct infer_kernel_table {
    const char *name; /* "plain", "avx2", "avx512" */

    /* c [m][n] (row stride ldc) = alpha * a [m][k] (lda) * op(b) + beta * c; op(b) is b^T with b
     * [n][k] (ldb) if transposed, else b [k][n]. beta is 0 or 1. */
    void (*gemm)(size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                 const float *b, size_t ldb, int transposed, float beta, float *c, size_t ldc);

    /* y [n] = act(x [n] + bias [n]); bias may be NULL, y may be x. */
    void (*activate)(enum infer_activation act, const float *x, const float *bias, size_t n,
                     float *y);

    /* y [n] = (x - mean) / sqrt(var + eps) * weight + bias, var without Bessel's correction (as
     * PyTorch's); y may be x. */
    void (*layernorm)(const float *x, const float *weight, const float *bias, float eps, size_t n,
                      float *y);

    /* x [n] = softmax(x). */
    void (*softmax)(float *x, size_t n);

    /* y [n] += scale [n] * x [n]; scale NULL: 1. (Residual and LayerScale.) */
    void (*add_scaled)(const float *x, const float *scale, size_t n, float *y);

    /* x [n] to unit length; zero stays zero (PyTorch's F.normalize, eps 1e-12). */
    void (*normalize)(float *x, size_t n);

    /* y [2][n] = cos, then sin, of 2 pi (b [n][2] . (u, v)). The turns are formed and reduced in
     * double: at sigma 256 they reach hundreds, and float would lose 5e-4 rad. */
    void (*fourier)(const float *b, size_t n, double u, double v, float *y);

    const struct learn_kernel_table *learn; /* those of training: learn_kernels.h */
};

/* NULL if this CPU or build does not have the set. */
const struct infer_kernel_table *infer_kernels_choose(enum infer_kernel_set set);

/* The tables; NULL where the compiler did not make the set. They say nothing of the CPU. */
const struct infer_kernel_table *infer_kernels_plain(void);
const struct infer_kernel_table *infer_kernels_avx2(void);
const struct infer_kernel_table *infer_kernels_avx512(void);

/* The vector tables' gemm: OpenBLAS. Sizes and strides are at most INT_MAX. */
void infer_kernels_gemm_blas(size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                             const float *b, size_t ldb, int transposed, float beta, float *c,
                             size_t ldc);

#endif
