/* learn_sums.h - inside libinfer: backward through a norm and the projection after it where of the
 * input's gradient only the sums over sequences are wanted, as for learned positions under features
 * that are not trained. Back through the projection then goes a row per place in the sequence, not
 * one per row of the batch. One mean is a difference of products, and loses digits where the norm's
 * shift makes up nearly all of the projection's output.
 */
#ifndef INFER_LEARN_SUMS_H
#define INFER_LEARN_SUMS_H

#include "learn_product.h"

struct learn_sums {
    const infer *ctx;
    const struct learn_norm *norm;
    const struct learn_linear *linear; /* neither is frozen */
    float eps;
    size_t sequences, length;
    const float *x;      /* [rows][in]: the norm's input */
    const float *y;      /* [rows][out]: the projection's output */
    const float *dy;     /* [rows][out] */
    const float *beside; /* [rows][in]: what x's gradient has from other ways */
};

/* Floats of working memory. */
size_t learn_sums_work(size_t in, size_t out, size_t sequences, size_t length);

/* sums [length][in] += x's gradient, summed over the sequences; adds to the gradients of norm and
 * linear. */
void learn_sums_backward(const struct learn_sums *what, float *work, float *sums);

#endif
