/* learn_product.h - inside libinfer: matrix products of training, and the layers made of one:
 * linear and norm, forward and backward, on the context's threads. Work is split in pieces that
 * depend on the sizes alone, so results do not depend on the number of threads.
 */
#ifndef INFER_LEARN_PRODUCT_H
#define INFER_LEARN_PRODUCT_H

#include "kernels.h"
#include "product.h"

#include <stdbool.h>

/* nn.Linear and nn.LayerNorm with their gradients; those are NULL where the layer is frozen. */
struct learn_linear {
    const float *weight; /* [out][in] */
    const float *bias;   /* [out] or NULL */
    float *dweight, *dbias;
    size_t in, out;
};
struct learn_norm {
    const float *weight, *bias; /* [dim] */
    float *dweight, *dbias;
};

/* c [m][n] (row stride ldc) = alpha a b, plus c if `add`; a is [m][k], b [k][n] as read. */
void learn_product(const infer *ctx, size_t m, size_t n, size_t k, float alpha,
                   struct learn_matrix a, struct learn_matrix b, bool add, float *c, size_t ldc);

/* y [rows][out] = x [rows][in] W^T + bias; y has row stride ldy. */
void learn_linear_forward(const infer *ctx, const struct learn_linear *linear, const float *x,
                          size_t rows, float *y, size_t ldy);

/* Adds to dweight and dbias, unless frozen; dx [rows][in] = dy W, or += if `add`; dx NULL: not
 * wanted. dy has row stride ldy. */
void learn_linear_backward(const infer *ctx, const struct learn_linear *linear, const float *x,
                           size_t rows, const float *dy, size_t ldy, float *dx, bool add);

void learn_norm_forward(const infer *ctx, const struct learn_norm *norm, float eps, size_t dim,
                        const float *x, size_t rows, float *y);

/* x: what forward read; dx [rows][dim] += . work: learn_norm_work(dim) floats. */
void learn_norm_backward(const infer *ctx, const struct learn_norm *norm, float eps, size_t dim,
                         const float *x, size_t rows, const float *dy, float *dx, float *work);
size_t learn_norm_work(size_t dim);

/* Rows that a thread takes at once, where rows are computed one by one. */
#define LEARN_ROWS ((size_t)16)

/* sum [columns] += column sums of x [rows][columns], row stride ldx. */
void learn_columns_sum(const infer *ctx, const float *x, size_t rows, size_t columns, size_t ldx,
                       float *sum);

#endif
