/* linear.h - inside libinfer: rows times a weight matrix, and what follows while it is in cache. */
#ifndef INFER_LINEAR_H
#define INFER_LINEAR_H

#include "kernels.h"

/* As PyTorch keeps it. */
struct linear {
    const float *weight; /* [out][in] */
    const float *bias;   /* [out] or NULL */
    size_t in, out;
};

/* What happens to a piece of the product before the next one: y = act(x W^T + bias), and if there
 * is a residual, residual += scale * y. */
struct linear_then {
    enum infer_activation activation;
    float *residual;    /* [rows][out] or NULL */
    const float *scale; /* [out]; NULL: 1 */
};

/* x: [rows][in], y: [rows][out], not overlapping; then may be NULL. Runs on the context's threads,
 * in pieces that depend on the sizes alone. */
void linear_forward(const infer *ctx, const struct linear *linear, const float *x, size_t rows,
                    const struct linear_then *then, float *y);

#endif
