/* learn_layer.h - inside libinfer: transformer.h's pre-norm layer for training, forward and back.
 *
 *     x1 = x  + drop(scale * attend(norm1(x)))
 *     x2 = x1 + drop(attend(norm2(x1), memory))              decoders
 *     y  = x2 + drop(scale * down(drop(act(up(norm3(x2))))))
 *
 * PyTorch's TransformerEncoderLayer and -DecoderLayer with norm_first, dropout where they place it
 * (attention weights, each branch's end, after the activation); CLIP's and DINOv2's layers without
 * dropout, the latter with LayerScale.
 */
#ifndef INFER_LEARN_LAYER_H
#define INFER_LEARN_LAYER_H

#include "learn_attention.h"
#include "learn_product.h"
#include "scratch.h"

/* Working memory is laid out twice by the same code: once to measure, once to cut. */
struct learn_plan {
    struct scratch *memory; /* NULL while measuring */
    size_t floats;
};
/* NULL while measuring. */
float *learn_take(struct learn_plan *plan, size_t n);

struct learn_attend {
    struct learn_norm norm;
    struct learn_linear in; /* [3 dim][dim]: query, key, value one below the other */
    struct learn_linear out;
    const float *scale; /* [dim]: LayerScale; NULL: 1 */
    float *dscale;
};

struct learn_layer {
    size_t dim, heads, ff;
    float eps;
    enum infer_activation activation;
    bool decoder;
    struct learn_attend self, cross;
    struct learn_norm norm; /* before the MLP */
    struct learn_linear up, down;
    const float *scale;
    float *dscale;
    uint64_t number; /* among the model's layers: tells masks apart */
};

/* What all layers of one pass share. first_only: only each sequence's first row counts of the
 * result, as in a tower's last layer. */
struct learn_shape {
    size_t sequences, length;
    bool first_only;
};
struct learn_run {
    const infer *ctx;
    struct learn_shape shape;
    float p;      /* of dropout; 0: none */
    uint64_t key; /* of the step's masks */
    size_t first; /* the number of the first sequence in the whole batch */
};

/* Kept from forward for backward. */
struct learn_attend_kept {
    float *normed; /* [rows][dim] */
    float *first;  /* [sequences][dim], if first_only */
    float *q, *kv; /* in one [rows][3 dim], or two */
    size_t q_stride, kv_stride;
    float *weights;  /* [sequences][heads][queries][length] */
    float *attended; /* [query rows][dim] */
    float *branch;   /* [query rows][dim] before LayerScale; NULL without */
    float *sum;      /* [query rows][dim]: x1, x2 */
};
struct learn_layer_kept {
    const float *x, *memory;
    struct learn_attend_kept self, cross;
    float *normed; /* [query rows][dim] */
    float *before; /* [query rows][ff] before the activation */
    float *hidden; /* [query rows][ff] after it and its dropout */
    float *branch; /* as above */
    float *y;      /* [query rows][dim] */
};

/* Used by each layer in turn. */
struct learn_layer_work {
    float *branch, *back; /* [rows][dim] */
    float *split;         /* [rows][3 dim] */
    float *hidden;        /* [rows][ff] */
    float *attention, *norm;
    float *sums; /* of learn_layer_backward_sums */
};

void learn_layer_plan(const struct learn_layer *layer, struct learn_shape shape,
                      struct learn_plan *plan, struct learn_layer_kept *kept);
/* For layers of this one's sizes. */
void learn_layer_plan_work(const infer *ctx, const struct learn_layer *layer,
                           struct learn_shape shape, struct learn_plan *plan,
                           struct learn_layer_work *work);

/* More, for a layer that learn_layer_backward_sums is called of. */
void learn_layer_plan_sums(const struct learn_layer *layer, struct learn_shape shape,
                           struct learn_plan *plan, struct learn_layer_work *work);

/* x, memory: [sequences][length][dim], must stay until backward; memory NULL for an encoder.
 * Returns kept->y. */
const float *learn_layer_forward(const struct learn_run *run, const struct learn_layer *layer,
                                 const float *x, const float *memory, struct learn_layer_kept *kept,
                                 const struct learn_layer_work *work);

/* gradient [query rows][dim] is destroyed; it becomes the one of x where dx is NULL, else dx
 * [rows][dim] does (needed if first_only). dmemory [rows][dim] += ; NULL for an encoder. */
void learn_layer_backward(const struct learn_run *run, const struct learn_layer *layer,
                          const struct learn_layer_kept *kept, const struct learn_layer_work *work,
                          float *gradient, float *dx, float *dmemory);

/* The same for a whole encoder layer that is trained, where of x's gradient only the sums over
 * sequences are wanted: sums [length][dim] +=. gradient is destroyed. */
void learn_layer_backward_sums(const struct learn_run *run, const struct learn_layer *layer,
                               const struct learn_layer_kept *kept,
                               const struct learn_layer_work *work, float *gradient, float *sums);

#endif
