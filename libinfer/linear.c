#include "linear.h"
#include "context.h"

#include <stdbool.h>

/* A piece is large enough for OpenBLAS to pack both operands well, and its product of at most 1 MB
 * stays in the second-level cache for what follows. */
#define PIECE_ROWS ((size_t)512)
#define PIECE_COLUMNS ((size_t)512)
#define PIECE_ROUND ((size_t)16) /* whole vectors and micro-tiles */
#define PARALLEL_FROM 1e6        /* multiplications that are worth waking threads for */

/* The nearest whole number of pieces, and an even one where there are several: cores come in even
 * numbers, and a last odd piece would leave one waiting. */
static size_t piece_count(size_t n, size_t target) {
    size_t count = (n + target / 2) / target;
    return count < 2 ? 1 : count + count % 2;
}

/* Where piece i of `count` about equal ones begins; piece `count` begins at n. */
static size_t piece_begin(size_t n, size_t count, size_t i) {
    return i == count ? n : n * i / count / PIECE_ROUND * PIECE_ROUND;
}

struct span {
    size_t row, rows, column, columns;
};

static void compute_piece(const struct infer_kernel_table *kernels, const struct linear *linear,
                          const float *x, const struct linear_then *then, float *y,
                          struct span at) {
    const float *bias = linear->bias ? linear->bias + at.column : NULL;
    const float *scale = then->scale ? then->scale + at.column : NULL;
    float *piece = y + at.row * linear->out + at.column;
    kernels->gemm(at.rows, at.columns, linear->in, 1, x + at.row * linear->in, linear->in,
                  linear->weight + at.column * linear->in, linear->in, 1, 0, piece, linear->out);
    for (size_t i = 0; i < at.rows; i++) {
        float *row = piece + i * linear->out;
        if (bias || then->activation != INFER_IDENTITY)
            kernels->activate(then->activation, row, bias, at.columns, row);
        if (then->residual)
            kernels->add_scaled(row, scale, at.columns,
                                then->residual + (at.row + i) * linear->out + at.column);
    }
}

void linear_forward(const infer *ctx, const struct linear *linear, const float *x, size_t rows,
                    const struct linear_then *then, float *y) {
    static const struct linear_then nothing = {.activation = INFER_IDENTITY};
    const struct linear_then *after = then ? then : &nothing;
    size_t down = piece_count(rows, PIECE_ROWS);
    size_t across = piece_count(linear->out, PIECE_COLUMNS);
    bool worth = (double)rows * (double)linear->in * (double)linear->out >= PARALLEL_FROM;
#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic) if (worth)
    for (size_t i = 0; i < down * across; i++) {
        size_t row = i % down, column = i / down; /* neighbours share a part of the weights */
        struct span at = {.row = piece_begin(rows, down, row),
                          .column = piece_begin(linear->out, across, column)};
        at.rows = piece_begin(rows, down, row + 1) - at.row;
        at.columns = piece_begin(linear->out, across, column + 1) - at.column;
        compute_piece(ctx->kernels, linear, x, after, y, at);
    }
}
