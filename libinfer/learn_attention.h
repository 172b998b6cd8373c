/* learn_attention.h - inside libinfer: softmax(q k^T / sqrt(head)) v and its way back, for many
 * sequences and heads, with PyTorch's dropout on the weights (nn.MultiheadAttention).
 */
#ifndef INFER_LEARN_ATTENTION_H
#define INFER_LEARN_ATTENTION_H

#include "infer.h"

/* Dropout at one place of the model: row r of it draws its mask from learn_mask_key(mask, r). */
struct learn_mask {
    float p; /* 0: none */
    uint64_t key;
    size_t first; /* the number of the first sequence in the whole batch */
};

uint64_t learn_mask_row(const struct learn_mask *mask, size_t row);

/* Rows of q, k, v and out have strides; heads lie side by side in a row. */
struct learn_attention {
    size_t dim, heads;
    size_t sequences, queries, keys; /* queries and keys of each sequence */
    const float *q, *k, *v;
    size_t q_stride, kv_stride;
    struct learn_mask mask;
};

/* Floats of working memory: for each thread, however many there are. */
size_t learn_attention_work(const infer *ctx, size_t queries, size_t keys);

/* weights: [sequences][heads][queries][keys], kept for backward, as softmax gives them. out:
 * [sequences][queries][dim]. */
void learn_attention_forward(const infer *ctx, const struct learn_attention *what, float *weights,
                             float *work, float *out);

/* dout: [sequences][queries][dim]. dq, dk, dv are overwritten and have q's and k's strides. */
void learn_attention_backward(const infer *ctx, const struct learn_attention *what,
                              const float *weights, const float *dout, float *work, float *dq,
                              float *dk, float *dv);

#endif
