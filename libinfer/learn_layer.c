#include "learn_layer.h"
#include "context.h"
#include "learn_kernels.h"
#include "learn_sums.h"

#include <string.h>

float *learn_take(struct learn_plan *plan, size_t n) {
    plan->floats += SCRATCH_ROUND(n);
    return plan->memory ? scratch_take(plan->memory, n) : NULL;
}

/* ------------------------------------------------------------------- memory */
static size_t query_rows(struct learn_shape shape) {
    return shape.first_only ? shape.sequences : shape.sequences * shape.length;
}

static void plan_attend(const struct learn_layer *layer, const struct learn_attend *attend,
                        struct learn_shape shape, bool cross, struct learn_plan *plan,
                        struct learn_attend_kept *kept) {
    size_t dim = layer->dim, rows = shape.sequences * shape.length, queries = query_rows(shape);
    kept->normed = learn_take(plan, rows * dim);
    if (shape.first_only) kept->first = learn_take(plan, queries * dim);
    if (cross || shape.first_only) {
        kept->q = learn_take(plan, queries * dim);
        kept->kv = learn_take(plan, rows * 2 * dim);
        kept->q_stride = dim;
        kept->kv_stride = 2 * dim;
    } else {
        kept->q = learn_take(plan, rows * 3 * dim);
        kept->kv = kept->q ? kept->q + dim : NULL;
        kept->q_stride = kept->kv_stride = 3 * dim;
    }
    kept->weights = learn_take(plan, layer->heads * queries * shape.length);
    kept->attended = learn_take(plan, queries * dim);
    if (attend->scale) kept->branch = learn_take(plan, queries * dim);
    kept->sum = learn_take(plan, queries * dim);
}

void learn_layer_plan(const struct learn_layer *layer, struct learn_shape shape,
                      struct learn_plan *plan, struct learn_layer_kept *kept) {
    size_t rows = query_rows(shape);
    *kept = (struct learn_layer_kept){0};
    plan_attend(layer, &layer->self, shape, false, plan, &kept->self);
    if (layer->decoder) plan_attend(layer, &layer->cross, shape, true, plan, &kept->cross);
    kept->normed = learn_take(plan, rows * layer->dim);
    kept->before = learn_take(plan, rows * layer->ff);
    kept->hidden = learn_take(plan, rows * layer->ff);
    if (layer->scale) kept->branch = learn_take(plan, rows * layer->dim);
    kept->y = learn_take(plan, rows * layer->dim);
}

void learn_layer_plan_work(const infer *ctx, const struct learn_layer *layer,
                           struct learn_shape shape, struct learn_plan *plan,
                           struct learn_layer_work *work) {
    size_t rows = shape.sequences * shape.length;
    work->branch = learn_take(plan, rows * layer->dim);
    work->back = learn_take(plan, rows * layer->dim);
    work->split = learn_take(plan, rows * 3 * layer->dim);
    work->hidden = learn_take(plan, rows * layer->ff);
    work->attention = learn_take(plan, learn_attention_work(ctx, shape.length, shape.length));
    work->norm = learn_take(plan, learn_norm_work(layer->dim));
}

/* -------------------------------------------------------------------- masks */
enum place { SELF_WEIGHTS, SELF_END, CROSS_WEIGHTS, CROSS_END, HIDDEN, MLP_END, PLACES };

static struct learn_mask mask_at(const struct learn_run *run, const struct learn_layer *layer,
                                 enum place place) {
    const struct learn_mask step = {run->p, run->key, 0};
    size_t row = (size_t)layer->number * PLACES + place;
    return (struct learn_mask){run->p, learn_mask_row(&step, row), run->first};
}

static void drop_row(const struct learn_run *run, const struct learn_mask *mask, size_t row,
                     const float *x, size_t n, float *y) {
    size_t rows = run->shape.first_only ? 1 : run->shape.length; /* of a sequence */
    run->ctx->kernels->learn->dropout(learn_mask_row(mask, mask->first * rows + row), mask->p, x, n,
                                      y);
}

/* ------------------------------------------------------------------ branches */
/* sum = x + drop(scale * branch), row by row; x has row stride `stride`. */
static void add_branch(const struct learn_run *run, const struct learn_mask *mask,
                       const float *scale, float *branch, const float *x, size_t stride, size_t dim,
                       float *sum) {
    size_t rows = query_rows(run->shape);
#pragma omp parallel for num_threads(run->ctx->threads) schedule(static) if (rows * dim > 16384)
    for (size_t i = 0; i < rows; i++) {
        float *row = branch + i * dim;
        if (mask->p > 0) drop_row(run, mask, i, row, dim, row);
        memcpy(sum + i * dim, x + i * stride, dim * sizeof *sum);
        run->ctx->kernels->add_scaled(row, scale, dim, sum + i * dim);
    }
}

/* The gradient of `branch`: the sum's own, or through mask or scale into `into`. */
static const float *branch_back(const struct learn_run *run, const struct learn_mask *mask,
                                const float *scale, float *dscale, const float *branch,
                                const float *gradient, size_t dim, float *into) {
    const struct learn_kernel_table *k = run->ctx->kernels->learn;
    size_t rows = query_rows(run->shape);
    if (mask->p > 0) {
#pragma omp parallel for num_threads(run->ctx->threads) schedule(static) if (rows * dim > 16384)
        for (size_t i = 0; i < rows; i++)
            drop_row(run, mask, i, gradient + i * dim, dim, into + i * dim);
        gradient = into;
    }
    if (!scale) return gradient;
    for (size_t i = 0; i < rows; i++) /* in order, as all rows add to dscale */
        k->scale_backward(branch + i * dim, scale, gradient + i * dim, dim, into + i * dim, dscale);
    return into;
}

/* Rows [from, from + n) of the weights. */
static struct learn_linear slice(const struct learn_linear *of, size_t from, size_t n) {
    return (struct learn_linear){
        .weight = of->weight + from * of->in,
        .bias = of->bias + from,
        .dweight = of->dweight ? of->dweight + from * of->in : NULL,
        .dbias = of->dbias ? of->dbias + from : NULL,
        .in = of->in,
        .out = n,
    };
}

static struct learn_attention attention_of(const struct learn_run *run,
                                           const struct learn_layer *layer,
                                           const struct learn_attend_kept *kept,
                                           struct learn_mask mask) {
    return (struct learn_attention){
        .dim = layer->dim,
        .heads = layer->heads,
        .sequences = run->shape.sequences,
        .queries = run->shape.first_only ? 1 : run->shape.length,
        .keys = run->shape.length,
        .q = kept->q,
        .k = kept->kv,
        .v = kept->kv + layer->dim,
        .q_stride = kept->q_stride,
        .kv_stride = kept->kv_stride,
        .mask = mask,
    };
}

/* ----------------------------------------------------------------- attention */
static void project(const struct learn_run *run, const struct learn_layer *layer,
                    const struct learn_attend *attend, const float *memory,
                    const struct learn_attend_kept *kept) {
    const infer *ctx = run->ctx;
    size_t dim = layer->dim, rows = run->shape.sequences * run->shape.length;
    const float *asking = kept->normed;
    if (!memory && !run->shape.first_only) {
        learn_linear_forward(ctx, &attend->in, asking, rows, kept->q, kept->q_stride);
        return;
    }
    if (run->shape.first_only) {
        for (size_t i = 0; i < run->shape.sequences; i++)
            memcpy(kept->first + i * dim, kept->normed + i * run->shape.length * dim,
                   dim * sizeof *kept->first);
        asking = kept->first;
    }
    struct learn_linear query = slice(&attend->in, 0, dim), rest = slice(&attend->in, dim, 2 * dim);
    learn_linear_forward(ctx, &query, asking, query_rows(run->shape), kept->q, dim);
    learn_linear_forward(ctx, &rest, memory ? memory : kept->normed, rows, kept->kv, 2 * dim);
}

static void attend_forward(const struct learn_run *run, const struct learn_layer *layer,
                           const struct learn_attend *attend, enum place place, const float *x,
                           const float *memory, const struct learn_attend_kept *kept,
                           const struct learn_layer_work *work) {
    size_t dim = layer->dim, rows = run->shape.sequences * run->shape.length;
    learn_norm_forward(run->ctx, &attend->norm, layer->eps, dim, x, rows, kept->normed);
    project(run, layer, attend, memory, kept);
    struct learn_attention what = attention_of(run, layer, kept, mask_at(run, layer, place));
    learn_attention_forward(run->ctx, &what, kept->weights, work->attention, kept->attended);
    float *branch = kept->branch ? kept->branch : work->branch;
    learn_linear_forward(run->ctx, &attend->out, kept->attended, query_rows(run->shape), branch,
                         dim);
    struct learn_mask end = mask_at(run, layer, place + 1);
    add_branch(run, &end, attend->scale, branch, x,
               run->shape.first_only ? run->shape.length * dim : dim, dim, kept->sum);
}

/* From the gradients in work->split to work->back, that of the norm's output. */
static void project_back(const struct learn_run *run, const struct learn_layer *layer,
                         const struct learn_attend *attend, const float *memory,
                         const struct learn_attend_kept *kept, const struct learn_layer_work *work,
                         float *dmemory) {
    const infer *ctx = run->ctx;
    size_t dim = layer->dim, rows = run->shape.sequences * run->shape.length;
    size_t queries = query_rows(run->shape);
    if (!memory && !run->shape.first_only) {
        learn_linear_backward(ctx, &attend->in, kept->normed, rows, work->split, 3 * dim,
                              work->back, false);
        return;
    }
    struct learn_linear query = slice(&attend->in, 0, dim), rest = slice(&attend->in, dim, 2 * dim);
    const float *dq = work->split, *dkv = work->split + queries * dim;
    if (memory) {
        learn_linear_backward(ctx, &rest, memory, rows, dkv, 2 * dim, dmemory, true);
        learn_linear_backward(ctx, &query, kept->normed, rows, dq, dim, work->back, false);
        return;
    }
    learn_linear_backward(ctx, &rest, kept->normed, rows, dkv, 2 * dim, work->back, false);
    learn_linear_backward(ctx, &query, kept->first, queries, dq, dim, NULL, false);
    learn_product(ctx, queries, dim, dim, 1, (struct learn_matrix){dq, dim, false},
                  (struct learn_matrix){query.weight, dim, false}, true, work->back,
                  run->shape.length * dim);
}

/* From the gradient of kept->sum to those of the projections, in work->split. */
static void attend_back(const struct learn_run *run, const struct learn_layer *layer,
                        const struct learn_attend *attend, enum place place, bool whole,
                        const struct learn_attend_kept *kept, const struct learn_layer_work *work,
                        const float *gradient) {
    size_t dim = layer->dim, queries = query_rows(run->shape);
    struct learn_mask end = mask_at(run, layer, place + 1);
    const float *dbranch = branch_back(run, &end, attend->scale, attend->dscale, kept->branch,
                                       gradient, dim, work->branch);
    learn_linear_backward(run->ctx, &attend->out, kept->attended, queries, dbranch, dim, work->back,
                          false);
    struct learn_attention what = attention_of(run, layer, kept, mask_at(run, layer, place));
    float *dk = work->split + (whole ? dim : queries * dim);
    learn_attention_backward(run->ctx, &what, kept->weights, work->back, work->attention,
                             work->split, dk, dk + dim);
}

/* gradient: of kept->sum; the branch's part of x's is added to dx, which may be gradient. */
static void attend_backward(const struct learn_run *run, const struct learn_layer *layer,
                            const struct learn_attend *attend, enum place place, const float *x,
                            const float *memory, const struct learn_attend_kept *kept,
                            const struct learn_layer_work *work, const float *gradient, float *dx,
                            float *dmemory) {
    size_t dim = layer->dim, rows = run->shape.sequences * run->shape.length;
    bool whole = !memory && !run->shape.first_only;
    attend_back(run, layer, attend, place, whole, kept, work, gradient);
    project_back(run, layer, attend, memory, kept, work, dmemory);
    learn_norm_backward(run->ctx, &attend->norm, layer->eps, dim, x, rows, work->back, dx,
                        work->norm);
}

/* ----------------------------------------------------------------------- MLP */
static void mlp_forward(const struct learn_run *run, const struct learn_layer *layer,
                        const float *x, const struct learn_layer_kept *kept,
                        const struct learn_layer_work *work) {
    const infer *ctx = run->ctx;
    size_t dim = layer->dim, ff = layer->ff, rows = query_rows(run->shape);
    learn_norm_forward(ctx, &layer->norm, layer->eps, dim, x, rows, kept->normed);
    learn_linear_forward(ctx, &layer->up, kept->normed, rows, kept->before, ff);
    struct learn_mask mask = mask_at(run, layer, HIDDEN), end = mask_at(run, layer, MLP_END);
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * ff > 16384)
    for (size_t i = 0; i < rows; i++) {
        float *row = kept->hidden + i * ff;
        ctx->kernels->activate(layer->activation, kept->before + i * ff, NULL, ff, row);
        if (mask.p > 0) drop_row(run, &mask, i, row, ff, row);
    }
    float *branch = kept->branch ? kept->branch : work->branch;
    learn_linear_forward(ctx, &layer->down, kept->hidden, rows, branch, dim);
    add_branch(run, &end, layer->scale, branch, x, dim, dim, kept->y);
}

static void mlp_backward(const struct learn_run *run, const struct learn_layer *layer,
                         const float *x, const struct learn_layer_kept *kept,
                         const struct learn_layer_work *work, float *gradient) {
    const infer *ctx = run->ctx;
    size_t dim = layer->dim, ff = layer->ff, rows = query_rows(run->shape);
    struct learn_mask mask = mask_at(run, layer, HIDDEN), end = mask_at(run, layer, MLP_END);
    const float *dbranch = branch_back(run, &end, layer->scale, layer->dscale, kept->branch,
                                       gradient, dim, work->branch);
    learn_linear_backward(ctx, &layer->down, kept->hidden, rows, dbranch, dim, work->hidden, false);
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * ff > 16384)
    for (size_t i = 0; i < rows; i++) {
        float *row = work->hidden + i * ff;
        if (mask.p > 0) drop_row(run, &mask, i, row, ff, row);
        ctx->kernels->learn->activate_backward(layer->activation, kept->before + i * ff, row, ff,
                                               row);
    }
    learn_linear_backward(ctx, &layer->up, kept->normed, rows, work->hidden, ff, work->back, false);
    learn_norm_backward(ctx, &layer->norm, layer->eps, dim, x, rows, work->back, gradient,
                        work->norm);
}

/* --------------------------------------------------------------------- layers */
const float *learn_layer_forward(const struct learn_run *run, const struct learn_layer *layer,
                                 const float *x, const float *memory, struct learn_layer_kept *kept,
                                 const struct learn_layer_work *work) {
    kept->x = x;
    kept->memory = memory;
    attend_forward(run, layer, &layer->self, SELF_WEIGHTS, x, NULL, &kept->self, work);
    x = kept->self.sum;
    if (memory) {
        attend_forward(run, layer, &layer->cross, CROSS_WEIGHTS, x, memory, &kept->cross, work);
        x = kept->cross.sum;
    }
    mlp_forward(run, layer, x, kept, work);
    return kept->y;
}

void learn_layer_backward(const struct learn_run *run, const struct learn_layer *layer,
                          const struct learn_layer_kept *kept, const struct learn_layer_work *work,
                          float *gradient, float *dx, float *dmemory) {
    const float *memory = kept->memory;
    size_t dim = layer->dim, rows = run->shape.sequences * run->shape.length;
    mlp_backward(run, layer, memory ? kept->cross.sum : kept->self.sum, kept, work, gradient);
    if (memory)
        attend_backward(run, layer, &layer->cross, CROSS_WEIGHTS, kept->self.sum, memory,
                        &kept->cross, work, gradient, gradient, dmemory);
    if (dx) {
        size_t stride = run->shape.first_only ? run->shape.length * dim : dim;
        memset(dx, 0, rows * dim * sizeof *dx);
        for (size_t i = 0; i < query_rows(run->shape); i++)
            memcpy(dx + i * stride, gradient + i * dim, dim * sizeof *dx);
    }
    attend_backward(run, layer, &layer->self, SELF_WEIGHTS, kept->x, NULL, &kept->self, work,
                    gradient, dx ? dx : gradient, NULL);
}

void learn_layer_plan_sums(const struct learn_layer *layer, struct learn_shape shape,
                           struct learn_plan *plan, struct learn_layer_work *work) {
    work->sums = learn_take(
        plan, learn_sums_work(layer->dim, 3 * layer->dim, shape.sequences, shape.length));
}

void learn_layer_backward_sums(const struct learn_run *run, const struct learn_layer *layer,
                               const struct learn_layer_kept *kept,
                               const struct learn_layer_work *work, float *gradient, float *sums) {
    struct learn_shape shape = run->shape;
    const struct learn_sums what = {.ctx = run->ctx,
                                    .norm = &layer->self.norm,
                                    .linear = &layer->self.in,
                                    .eps = layer->eps,
                                    .sequences = shape.sequences,
                                    .length = shape.length,
                                    .x = kept->x,
                                    .y = kept->self.q,
                                    .dy = work->split,
                                    .beside = gradient};
    mlp_backward(run, layer, kept->self.sum, kept, work, gradient);
    attend_back(run, layer, &layer->self, SELF_WEIGHTS, true, &kept->self, work, gradient);
    learn_sums_backward(&what, work->sums, sums);
}
