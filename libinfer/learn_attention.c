#include "learn_attention.h"
#include "context.h"
#include "learn_kernels.h"
#include "scratch.h"

#include <math.h>
#include <omp.h>

/* Steele, Lea, Flood 2014: SplitMix64's mixer. */
uint64_t learn_mask_row(const struct learn_mask *mask, size_t row) {
    uint64_t z = mask->key + ((uint64_t)row + 1) * 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

size_t learn_attention_work(const infer *ctx, size_t queries, size_t keys) {
    return (size_t)ctx->threads * 2 * SCRATCH_ROUND(queries * keys);
}

/* One head of one sequence. */
struct head {
    size_t width, q, kv; /* offsets into q and into k, v */
    size_t weights, out; /* offsets */
    uint64_t first_row;  /* of the masks */
    float scale;
    float *one, *two; /* [queries][keys] each, this thread's */
};

static struct head find_head(const struct learn_attention *what, size_t i, float *work) {
    size_t sequence = i / what->heads, head = i % what->heads, width = what->dim / what->heads;
    size_t each = SCRATCH_ROUND(what->queries * what->keys);
    float *mine = work + (size_t)omp_get_thread_num() * 2 * each;
    return (struct head){
        .width = width,
        .q = sequence * what->queries * what->q_stride + head * width,
        .kv = sequence * what->keys * what->kv_stride + head * width,
        .weights = i * what->queries * what->keys,
        .out = sequence * what->queries * what->dim + head * width,
        .first_row = (what->mask.first * what->heads + i) * what->queries,
        .scale = (float)(1 / sqrt((double)width)),
        .one = mine,
        .two = mine + each,
    };
}

/* What of the weights is used: themselves, or dropped out into `into`. */
static const float *drop(const infer *ctx, const struct learn_attention *what,
                         const struct head *at, const float *weights, float *into) {
    if (what->mask.p <= 0) return weights;
    for (size_t i = 0; i < what->queries; i++)
        ctx->kernels->learn->dropout(learn_mask_row(&what->mask, at->first_row + i), what->mask.p,
                                     weights + i * what->keys, what->keys, into + i * what->keys);
    return into;
}

static void forward_head(const infer *ctx, const struct learn_attention *what, struct head at,
                         float *weights, float *out) {
    const struct learn_kernel_table *k = ctx->kernels->learn;
    size_t queries = what->queries, keys = what->keys;
    weights += at.weights;
    k->gemm(false, true, queries, keys, at.width, at.scale, what->q + at.q, what->q_stride,
            what->k + at.kv, what->kv_stride, 0, weights, keys);
    for (size_t i = 0; i < queries; i++) ctx->kernels->softmax(weights + i * keys, keys);
    const float *used = drop(ctx, what, &at, weights, at.one);
    k->gemm(false, false, queries, at.width, keys, 1, used, keys, what->v + at.kv, what->kv_stride,
            0, out + at.out, what->dim);
}

void learn_attention_forward(const infer *ctx, const struct learn_attention *what, float *weights,
                             float *work, float *out) {
    size_t heads = what->sequences * what->heads;
#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic, 8) if (heads > 1)
    for (size_t i = 0; i < heads; i++)
        forward_head(ctx, what, find_head(what, i, work), weights, out);
}

struct ways_back {
    const float *weights, *dout;
    float *dq, *dk, *dv;
};

/* With P = softmax(S), D = drop(P): dV = D^T dO, dP = drop(dO V^T), dS = P (dP - P . dP),
 * dQ = dS K scale, dK = dS^T Q scale. */
static void backward_head(const infer *ctx, const struct learn_attention *what, struct head at,
                          const struct ways_back *to) {
    const struct learn_kernel_table *k = ctx->kernels->learn;
    size_t queries = what->queries, keys = what->keys, dim = what->dim, kv = what->kv_stride;
    const float *weights = to->weights + at.weights, *dout = to->dout + at.out;
    const float *used = drop(ctx, what, &at, weights, at.one);
    k->gemm(true, false, keys, at.width, queries, 1, used, keys, dout, dim, 0, to->dv + at.kv, kv);
    k->gemm(false, true, queries, keys, at.width, 1, dout, dim, what->v + at.kv, kv, 0, at.two,
            keys);
    drop(ctx, what, &at, at.two, at.two);
    for (size_t i = 0; i < queries; i++)
        k->softmax_backward(weights + i * keys, keys, at.two + i * keys);
    k->gemm(false, false, queries, at.width, keys, at.scale, at.two, keys, what->k + at.kv, kv, 0,
            to->dq + at.q, what->q_stride);
    k->gemm(true, false, keys, at.width, queries, at.scale, at.two, keys, what->q + at.q,
            what->q_stride, 0, to->dk + at.kv, kv);
}

void learn_attention_backward(const infer *ctx, const struct learn_attention *what,
                              const float *weights, const float *dout, float *work, float *dq,
                              float *dk, float *dv) {
    const struct ways_back to = {weights, dout, dq, dk, dv};
    size_t heads = what->sequences * what->heads;
#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic, 8) if (heads > 1)
    for (size_t i = 0; i < heads; i++) backward_head(ctx, what, find_head(what, i, work), &to);
}
