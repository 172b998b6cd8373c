/* The losses of training and their gradients (VidTAG supplement B.1). */
#include "context.h"
#include "learn.h"
#include "learn_kernels.h"
#include "learn_product.h"
#include "scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Similarities are computed in blocks of whole rows; what fits one block is computed once. */
#define MOST_BYTES ((size_t)64 << 20)
#define COLUMNS ((size_t)256) /* that a thread takes at once */

struct blocks {
    size_t rows, columns, each, count; /* each: rows of a block */
};

static struct blocks cut_blocks(size_t rows, size_t columns, size_t most) {
    size_t each = (most ? most : MOST_BYTES) / sizeof(float) / columns;
    if (each < 1) each = 1;
    if (each > rows) each = rows;
    return (struct blocks){rows, columns, each, (rows + each - 1) / each};
}

static size_t block_rows(const struct blocks *b, size_t i) {
    return b->rows - i * b->each < b->each ? b->rows - i * b->each : b->each;
}

static void similarities(const infer *ctx, const float *a, const float *b, size_t rows,
                         size_t columns, size_t dim, double scale, float *s) {
    learn_product(ctx, rows, columns, dim, (float)scale, (struct learn_matrix){a, dim, false},
                  (struct learn_matrix){b, dim, true}, false, s, columns);
}

/* -------------------------------------------------------------- contrastive */
struct contrast {
    infer *ctx;
    struct learn_contrast *what;
    struct blocks blocks;
    double scale;
    float *s;                       /* [each][m] */
    float *row_lse;                 /* [n] ln of the sum of e^s over the row */
    float *column_max, *column_lse; /* [n]: further columns have no direction of their own */
    double *column_sum;             /* [n] */
    float *diagonal;                /* [n] */
    double *row_loss, *row_slope;   /* [n] */
};

static int contrast_reserve(struct contrast *c) {
    size_t n = c->what->n, floats = c->blocks.each * c->what->m + 4 * n + SCRATCH_LINE;
    size_t bytes = floats * sizeof(float), doubles = 3 * n * sizeof(double);
    c->s = malloc(bytes);
    c->column_sum = calloc(3 * n + 1, sizeof(double));
    if (!c->s || !c->column_sum) return infer_fail_memory(c->ctx, bytes + doubles);
    c->row_lse = c->s + c->blocks.each * c->what->m;
    c->column_max = c->row_lse + n;
    c->column_lse = c->column_max + n;
    c->diagonal = c->column_lse + n;
    c->row_loss = c->column_sum + n;
    c->row_slope = c->row_loss + n;
    for (size_t i = 0; i < n; i++) c->column_max[i] = -INFINITY;
    return INFER_OK;
}

static void contrast_free(struct contrast *c) {
    free(c->s);
    free(c->column_sum);
}

static void compute_block(const struct contrast *c, size_t block) {
    const struct learn_contrast *w = c->what;
    similarities(c->ctx, w->a + block * c->blocks.each * w->dim, w->b,
                 block_rows(&c->blocks, block), w->m, w->dim, c->scale, c->s);
}

/* The rows' sums, and whether a row's own is its largest. */
static size_t sum_rows(const struct contrast *c, size_t block) {
    const struct learn_kernel_table *k = c->ctx->kernels->learn;
    size_t from = block * c->blocks.each, rows = block_rows(&c->blocks, block), m = c->what->m;
    size_t hits = 0;
#pragma omp parallel for num_threads(c->ctx->threads) schedule(static) reduction(+ : hits)
    for (size_t i = 0; i < rows; i++) {
        const float *row = c->s + i * m;
        float most = k->max(row, m);
        double sum = k->exp_sum(row, most, m);
        c->diagonal[from + i] = row[from + i];
        hits += row[from + i] >= most;
        c->row_loss[from + i] = log(sum) + ((double)most - (double)row[from + i]);
        c->row_lse[from + i] = (float)(log(sum) + (double)most);
    }
    return hits;
}

/* Columns' sums go on over the blocks, rescaled where a later block has a larger maximum. */
static void sum_columns(const struct contrast *c, size_t block) {
    const struct learn_kernel_table *k = c->ctx->kernels->learn;
    size_t rows = block_rows(&c->blocks, block), m = c->what->m, n = c->what->n;
#pragma omp parallel for num_threads(c->ctx->threads) schedule(static)
    for (size_t at = 0; at < n; at += COLUMNS) {
        size_t some = n - at < COLUMNS ? n - at : COLUMNS;
        float before[COLUMNS], *most = c->column_max + at;
        memcpy(before, most, some * sizeof *most);
        for (size_t i = 0; i < rows; i++) k->max_each(c->s + i * m + at, some, most);
        for (size_t j = 0; j < some; j++)
            if (before[j] < most[j]) c->column_sum[at + j] *= exp((double)(before[j] - most[j]));
        for (size_t i = 0; i < rows; i++)
            k->exp_sum_each(c->s + i * m + at, most, some, c->column_sum + at);
    }
}

static double sum_losses(struct contrast *c) {
    double rows = 0, columns = 0;
    for (size_t i = 0; i < c->what->n; i++) {
        double lse = log(c->column_sum[i]);
        c->column_lse[i] = (float)(lse + (double)c->column_max[i]);
        rows += c->row_loss[i];
        columns += lse + ((double)c->column_max[i] - (double)c->diagonal[i]);
    }
    return 0.5 * (rows + columns) / (double)c->what->n;
}

/* s becomes the loss's gradient with respect to it: half of both softmaxes minus the identity, over
 * n. Its sum with s is the logit scale's. */
static void slope_rows(const struct contrast *c, size_t block) {
    const struct learn_kernel_table *k = c->ctx->kernels->learn;
    const struct learn_contrast *w = c->what;
    size_t from = block * c->blocks.each, rows = block_rows(&c->blocks, block);
    const float factor = (float)(0.5 / (double)w->n);
#pragma omp parallel num_threads(c->ctx->threads)
    {
        float *before = malloc(w->m * sizeof *before);
#pragma omp for schedule(static)
        for (size_t i = 0; i < rows; i++) {
            float *row = c->s + i * w->m;
            if (before) memcpy(before, row, w->m * sizeof *row);
            k->exp_mix(c->row_lse[from + i], c->column_lse, factor, w->n, row);
            k->exp_mix(c->row_lse[from + i], NULL, factor, w->m - w->n, row + w->n);
            row[from + i] -= 2 * factor;
            c->row_slope[from + i] = before ? k->dot(before, row, w->m) : (double)NAN;
        }
        free(before);
    }
}

/* The other two products, of s' columns by pieces. */
static void slope_products(const struct contrast *c, size_t block) {
    const struct learn_contrast *w = c->what;
    size_t from = block * c->blocks.each, rows = block_rows(&c->blocks, block);
    const struct learn_matrix s = {c->s, w->m, false}, turned = {c->s, w->m, true};
    if (w->gradient_a)
        learn_product(c->ctx, rows, w->dim, w->m, (float)c->scale, s,
                      (struct learn_matrix){w->b, w->dim, false}, false,
                      w->gradient_a + from * w->dim, w->dim);
    if (w->gradient_b)
        learn_product(c->ctx, w->m, w->dim, rows, (float)c->scale, turned,
                      (struct learn_matrix){w->a + from * w->dim, w->dim, false}, block > 0,
                      w->gradient_b, w->dim);
}

int learn_contrast_loss(infer *ctx, struct learn_contrast *what) {
    struct contrast c = {.ctx = ctx, .what = what, .scale = exp(what->log_scale)};
    if (!what->n || what->m < what->n)
        return infer_fail(ctx, INFER_EUSAGE, "a contrast of %zu rows with %zu", what->n, what->m);
    c.blocks = cut_blocks(what->n, what->m, what->most);
    int status = contrast_reserve(&c);
    if (status == INFER_OK) {
        what->hits = 0;
        for (size_t i = 0; i < c.blocks.count; i++) {
            compute_block(&c, i);
            what->hits += sum_rows(&c, i);
            sum_columns(&c, i);
        }
        what->loss = sum_losses(&c);
        what->gradient_log_scale = 0;
        for (size_t i = 0; i < c.blocks.count; i++) {
            if (c.blocks.count > 1) compute_block(&c, i);
            slope_rows(&c, i);
            slope_products(&c, i);
        }
        for (size_t i = 0; i < what->n; i++) what->gradient_log_scale += c.row_slope[i];
    }
    contrast_free(&c);
    return status;
}

/* -------------------------------------------------------------------- hinge */
/* What (S - I)^2 of n rows weighs: of the n (n - 1) / 2 elements of a triangle, and of the
 * diagonal.
 */
struct weights {
    double triangle, diagonal;
};

static struct weights weigh(size_t n, double alpha, double beta) {
    double size = (double)n;
    return (struct weights){n > 1 ? alpha / (size * (size - 1) / 2) : 0, beta / size};
}

/* s [columns], row `own` of S, becomes the gradient with respect to it. Returns its loss. */
static double hinge_row(float *s, size_t columns, size_t own, struct weights w) {
    double sum = 0, d = (double)s[own] - 1;
    const float slope = (float)(2 * w.triangle);
    for (size_t j = 0; j < columns; j++) {
        sum += (double)s[j] * (double)s[j];
        s[j] *= slope;
    }
    sum -= (d + 1) * (d + 1);
    s[own] = (float)(2 * w.diagonal * d);
    return w.triangle * sum + w.diagonal * d * d;
}

/* L of one term; gradient [n][dim] is overwritten, or NULL. */
static int hinge_term(infer *ctx, const float *refined, const float *truth, size_t n, size_t dim,
                      const struct learn_hinge *as, double *loss, float *gradient) {
    struct blocks blocks = cut_blocks(n, n, as->most);
    struct weights w = weigh(n, as->alpha, as->beta);
    size_t bytes = blocks.each * n * sizeof(float);
    float *s = malloc(bytes + 1);
    double *losses = calloc(n + 1, sizeof *losses);
    int status = s && losses ? INFER_OK : infer_fail_memory(ctx, bytes + n * sizeof *losses);
    for (size_t i = 0; i < blocks.count && status == INFER_OK; i++) {
        size_t from = i * blocks.each, rows = block_rows(&blocks, i);
        similarities(ctx, refined + from * dim, truth, rows, n, dim, 1, s);
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
        for (size_t r = 0; r < rows; r++) losses[from + r] = hinge_row(s + r * n, n, from + r, w);
        if (gradient)
            learn_product(ctx, rows, dim, n, 1, (struct learn_matrix){s, n, false},
                          (struct learn_matrix){truth, dim, false}, false, gradient + from * dim,
                          dim);
    }
    *loss = 0;
    for (size_t i = 0; i < n && status == INFER_OK; i++) *loss += losses[i];
    free(s);
    free(losses);
    return status;
}

/* mean [videos][dim]: the normalised mean of each video's frames; norms [videos] of the means. */
static void mean_frames(const infer *ctx, const float *x, const struct learn_hinge *w, float *mean,
                        float *norms) {
    const float each = 1 / (float)w->frames;
    for (size_t v = 0; v < w->videos; v++) {
        float *row = mean + v * w->dim;
        memset(row, 0, w->dim * sizeof *row);
        for (size_t t = 0; t < w->frames; t++)
            ctx->kernels->add_scaled(x + (v * w->frames + t) * w->dim, NULL, w->dim, row);
        for (size_t d = 0; d < w->dim; d++) row[d] *= each;
    }
    learn_normalize_forward(ctx, mean, w->videos, w->dim, norms);
}

/* gradient [videos][dim] of the means; a frame's share of it is added to w->gradient. */
static void mean_backward(const infer *ctx, const struct learn_hinge *w, float *gradient) {
    const float each = 1 / (float)w->frames;
    for (size_t i = 0; i < w->videos * w->dim; i++) gradient[i] *= each;
    for (size_t i = 0; i < w->videos * w->frames; i++)
        ctx->kernels->add_scaled(gradient + i / w->frames * w->dim, NULL, w->dim,
                                 w->gradient + i * w->dim);
}

int learn_hinge_loss(infer *ctx, struct learn_hinge *w) {
    size_t count = w->videos * w->dim;
    if (!w->videos || !w->frames) return infer_fail(ctx, INFER_EUSAGE, "a loss of no frames");
    float *memory = malloc((3 * count + w->videos) * sizeof *memory);
    if (!memory) return infer_fail_memory(ctx, (3 * count + w->videos) * sizeof *memory);
    float *refined = memory, *truth = refined + count, *back = truth + count, *norms = back + count;
    double frames = 0, videos = 0;
    int status = hinge_term(ctx, w->refined, w->truth, w->videos * w->frames, w->dim, w, &frames,
                            w->gradient);
    if (status == INFER_OK) {
        mean_frames(ctx, w->truth, w, truth, norms);
        mean_frames(ctx, w->refined, w, refined, norms);
        status = hinge_term(ctx, refined, truth, w->videos, w->dim, w, &videos,
                            w->gradient ? back : NULL);
    }
    if (status == INFER_OK) {
        w->loss = frames + videos;
        if (w->gradient) {
            learn_normalize_backward(ctx, refined, norms, w->videos, w->dim, back);
            mean_backward(ctx, w, back);
        }
    }
    free(memory);
    return status;
}
