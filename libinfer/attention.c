#include "attention.h"
#include "context.h"
#include "kernels.h"

#include <math.h>
#include <omp.h>

/* A picture's 257 tokens are one block; 512 frames are two. */
#define BLOCK_QUERIES ((size_t)320)

static size_t block_count(size_t queries) {
    return (queries + BLOCK_QUERIES - 1) / BLOCK_QUERIES;
}

static size_t block_rows(size_t queries) {
    return queries < BLOCK_QUERIES ? queries : BLOCK_QUERIES;
}

size_t attention_scores(const infer *ctx, size_t queries, size_t keys) {
    return (size_t)ctx->threads * block_rows(queries) * keys;
}

/* One head's block of queries. The block of q is read before the same block of out is written. */
static void attend_block(const struct infer_kernel_table *kernels, const struct attention *what,
                         size_t sequence, size_t head, size_t first, size_t rows, float *scores,
                         float *out) {
    size_t dim = what->dim, width = dim / what->heads, keys = what->keys;
    size_t at = (sequence * what->queries + first) * dim + head * width;
    size_t key = sequence * keys * dim + head * width;
    float scale = (float)(1 / sqrt((double)width));
    kernels->gemm(rows, keys, width, scale, what->q + at, dim, what->k + key, dim, 1, 0, scores,
                  keys);
    for (size_t i = 0; i < rows; i++) kernels->softmax(scores + i * keys, keys);
    kernels->gemm(rows, width, keys, 1, scores, keys, what->v + key, dim, 0, 0, out + at, dim);
}

void attention_forward(const infer *ctx, const struct attention *what, float *scores, float *out) {
    size_t blocks = block_count(what->queries), each = block_rows(what->queries);
    size_t pieces = what->sequences * what->heads * blocks;
#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic) if (pieces > 1)
    for (size_t i = 0; i < pieces; i++) {
        size_t sequence = i / blocks / what->heads, head = i / blocks % what->heads;
        size_t first = what->queries * (i % blocks) / blocks;
        size_t last = what->queries * (i % blocks + 1) / blocks;
        float *mine = scores + (size_t)omp_get_thread_num() * each * what->keys;
        attend_block(ctx->kernels, what, sequence, head, first, last - first, mine, out);
    }
}
