#include "learn_product.h"
#include "context.h"
#include "learn_kernels.h"

#include <string.h>

/* Every piece packs its rows of one operand and its columns of the other, so larger ones than
 * linear.c's: a product of 2048 x 1792 x 1792 runs 5 % faster in 4 x 2 pieces than in 4 x 4 (Zen 4,
 * SkylakeX kernels). Small products are cut further, down to what is worth a thread's waking, as a
 * demo's model has nothing but those. */
#define PIECE ((size_t)1024)
#define PIECE_LEAST ((size_t)32)
#define PIECE_ROUND ((size_t)16)
#define PIECE_WORTH 1e6 /* multiplications */
#define PIECES_WANTED ((size_t)8)

/* A product of large matrices has threads of its own kind, that share what they pack. */
#define LARGE ((size_t)512)

struct cut {
    size_t n, count;
};

static struct cut cut_evenly(size_t n) {
    size_t count = (n + PIECE / 2) / PIECE;
    return (struct cut){n, count < 2 ? 1 : count + count % 2};
}

static size_t piece_begin(struct cut cut, size_t i) {
    return i == cut.count ? cut.n : cut.n * i / cut.count / PIECE_ROUND * PIECE_ROUND;
}

static void cut_further(struct cut *down, struct cut *across, double work) {
    for (;;) {
        size_t pieces = down->count * across->count;
        struct cut *longer = down->n / down->count >= across->n / across->count ? down : across;
        if (pieces >= PIECES_WANTED || work < 2 * PIECE_WORTH * (double)pieces ||
            longer->n / longer->count < 2 * PIECE_LEAST)
            return;
        longer->count *= 2;
    }
}

static void compute_piece(const infer *ctx, const struct product *p, size_t row, size_t rows,
                          size_t column, size_t columns) {
    const float *a = p->a.data + (p->a.transposed ? row : row * p->a.stride);
    const float *b = p->b.data + (p->b.transposed ? column * p->b.stride : column);
    float *c = p->c + row * p->ldc + column;
    ctx->kernels->learn->gemm(p->a.transposed, p->b.transposed, rows, columns, p->k, p->alpha, a,
                              p->a.stride, b, p->b.stride, p->add ? 1 : 0, c, p->ldc);
    if (!p->bias) return;
    for (size_t i = 0; i < rows; i++)
        ctx->kernels->add_scaled(p->bias + column, NULL, columns, c + i * p->ldc);
}

static void compute(const infer *ctx, const struct product *p) {
    if (LARGE <= p->m && LARGE <= p->n && LARGE <= p->k && ctx->kernels->learn->product &&
        ctx->kernels->learn->product(p, ctx->packed, ctx->threads))
        return;
    double work = (double)p->m * (double)p->n * (double)p->k;
    struct cut down = cut_evenly(p->m), across = cut_evenly(p->n);
    cut_further(&down, &across, work);
    size_t pieces = down.count * across.count;
#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic) if (pieces > 1)
    for (size_t i = 0; i < pieces; i++) {
        size_t y = i % down.count, x = i / down.count;
        size_t row = piece_begin(down, y), column = piece_begin(across, x);
        compute_piece(ctx, p, row, piece_begin(down, y + 1) - row, column,
                      piece_begin(across, x + 1) - column);
    }
}

void learn_product(const infer *ctx, size_t m, size_t n, size_t k, float alpha,
                   struct learn_matrix a, struct learn_matrix b, bool add, float *c, size_t ldc) {
    struct product p = {
        .m = m, .n = n, .k = k, .alpha = alpha, .add = add, .a = a, .b = b, .c = c, .ldc = ldc};
    compute(ctx, &p);
}

/* --------------------------------------------------------------------- linear */
void learn_linear_forward(const infer *ctx, const struct learn_linear *linear, const float *x,
                          size_t rows, float *y, size_t ldy) {
    struct product p = {.m = rows,
                        .n = linear->out,
                        .k = linear->in,
                        .alpha = 1,
                        .a = {x, linear->in, false},
                        .b = {linear->weight, linear->in, true},
                        .bias = linear->bias,
                        .c = y,
                        .ldc = ldy};
    compute(ctx, &p);
}

void learn_linear_backward(const infer *ctx, const struct learn_linear *linear, const float *x,
                           size_t rows, const float *dy, size_t ldy, float *dx, bool add) {
    if (linear->dweight)
        learn_product(ctx, linear->out, linear->in, rows, 1, (struct learn_matrix){dy, ldy, true},
                      (struct learn_matrix){x, linear->in, false}, true, linear->dweight,
                      linear->in);
    if (linear->dbias) learn_columns_sum(ctx, dy, rows, linear->out, ldy, linear->dbias);
    if (dx)
        learn_product(ctx, rows, linear->in, linear->out, 1, (struct learn_matrix){dy, ldy, false},
                      (struct learn_matrix){linear->weight, linear->in, false}, add, dx,
                      linear->in);
}

#define COLUMNS ((size_t)64) /* their sums stay in registers' reach: 256 bytes */

void learn_columns_sum(const infer *ctx, const float *x, size_t rows, size_t columns, size_t ldx,
                       float *sum) {
    size_t pieces = (columns + COLUMNS - 1) / COLUMNS;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * columns > 65536)
    for (size_t i = 0; i < pieces; i++) {
        size_t at = i * COLUMNS, some = columns - at < COLUMNS ? columns - at : COLUMNS;
        float total[COLUMNS] = {0};
        for (size_t row = 0; row < rows; row++)
            ctx->kernels->add_scaled(x + row * ldx + at, NULL, some, total);
        ctx->kernels->add_scaled(total, NULL, some, sum + at);
    }
}

/* ----------------------------------------------------------------------- norm */
void learn_norm_forward(const infer *ctx, const struct learn_norm *norm, float eps, size_t dim,
                        const float *x, size_t rows, float *y) {
    size_t blocks = (rows + LEARN_ROWS - 1) / LEARN_ROWS;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * dim > 16384)
    for (size_t b = 0; b < blocks; b++) {
        size_t end = b + 1 < blocks ? (b + 1) * LEARN_ROWS : rows;
        for (size_t i = b * LEARN_ROWS; i < end; i++)
            ctx->kernels->layernorm(x + i * dim, norm->weight, norm->bias, eps, dim, y + i * dim);
    }
}

/* Weights' gradients are summed over this many parts of the rows, and then over the parts, in
 * order: however many threads took them. */
#define NORM_PARTS ((size_t)32)

size_t learn_norm_work(size_t dim) {
    return NORM_PARTS * 2 * dim;
}

void learn_norm_backward(const infer *ctx, const struct learn_norm *norm, float eps, size_t dim,
                         const float *x, size_t rows, const float *dy, float *dx, float *work) {
    bool sums = norm->dweight != NULL;
    if (sums) memset(work, 0, learn_norm_work(dim) * sizeof *work);
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * dim > 16384)
    for (size_t part = 0; part < NORM_PARTS; part++) {
        float *dweight = sums ? work + part * 2 * dim : NULL;
        float *dbias = sums ? dweight + dim : NULL;
        size_t end = rows * (part + 1) / NORM_PARTS;
        for (size_t i = rows * part / NORM_PARTS; i < end; i++)
            ctx->kernels->learn->layernorm_backward(x + i * dim, norm->weight, eps, dim,
                                                    dy + i * dim, dx + i * dim, dweight, dbias);
    }
    if (!sums) return;
    for (size_t part = 0; part < NORM_PARTS; part++) {
        ctx->kernels->add_scaled(work + part * 2 * dim, NULL, dim, norm->dweight);
        ctx->kernels->add_scaled(work + part * 2 * dim + dim, NULL, dim, norm->dbias);
    }
}
