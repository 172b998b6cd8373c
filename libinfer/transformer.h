/* transformer.h - inside libinfer: the pre-norm layer that every transformer here is made of.
 *
 *     x = x + scale * attend(norm1(x))
 *     x = x + attend(norm2(x), memory)           decoders
 *     x = x + scale * mlp(norm3(x))
 *
 * It is CLIP's and DINOv2's layer (the latter with LayerScale), and PyTorch's TransformerEncoder-
 * and DecoderLayer with norm_first and batch_first, in eval mode.
 */
#ifndef INFER_TRANSFORMER_H
#define INFER_TRANSFORMER_H

#include "linear.h"
#include "model.h"
#include "scratch.h"

struct transformer_norm {
    const float *weight, *bias; /* [dim] */
};

struct transformer_attention {
    struct transformer_norm norm;
    struct linear query, key, value, out;
    const float *scale; /* [dim]: LayerScale; NULL: 1 */
};

struct transformer_layer {
    size_t dim, heads, ff;
    float eps; /* of the norms */
    enum infer_activation activation;
    struct transformer_attention self, cross; /* cross.out.weight NULL: an encoder layer */
    struct transformer_norm norm;             /* before the MLP */
    struct linear up, down;
    const float *scale; /* of the MLP, as above */
};

/* Working memory of one layer, used by all of a module's layers in turn. */
struct transformer_work {
    float *normed, *query, *key, *value; /* [rows][dim] */
    float *hidden;                       /* [rows][ff] */
    float *scores;
};

/* What to reserve, and how to cut it, for `sequences` sequences of `length` rows each; memories are
 * as long. */
size_t transformer_work_size(const infer *ctx, const struct transformer_layer *layer,
                             size_t sequences, size_t length);
void transformer_work_take(const infer *ctx, const struct transformer_layer *layer,
                           size_t sequences, size_t length, struct scratch *scratch,
                           struct transformer_work *work);

/* x: [sequences][length][dim], in place. memory: [sequences][length][dim] for a decoder, else NULL.
 */
void transformer_forward(const infer *ctx, const struct transformer_layer *layer, float *x,
                         size_t sequences, size_t length, const float *memory,
                         const struct transformer_work *work);

/* As transformer_forward for the last layer of a tower of which only each sequence's first row
 * counts. x: [sequences][length][dim] is left as it was; out: [sequences][dim]. */
void transformer_forward_first(const infer *ctx, const struct transformer_layer *layer,
                               const float *x, size_t sequences, size_t length, float *out,
                               const struct transformer_work *work);

/* y [rows][dim] = norm(x [rows][dim]), on the context's threads; y may be x. */
void transformer_norm_forward(const infer *ctx, const struct transformer_norm *norm, float eps,
                              size_t dim, const float *x, size_t rows, float *y);

/* Binds the layer that PyTorch calls PREFIX (as "tempgeo.encoder.layers.0"), in "heads". */
void transformer_bind(const infer_model *model, const char *prefix, size_t dim, size_t heads,
                      size_t ff, bool decoder, struct transformer_layer *layer);

#endif
