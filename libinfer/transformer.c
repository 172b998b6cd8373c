#include "transformer.h"
#include "attention.h"
#include "context.h"
#include "modules.h"

#include <stdio.h>
#include <string.h>

#define NORM_BLOCK ((size_t)16) /* rows that a thread takes at once */

size_t transformer_work_size(const infer *ctx, const struct transformer_layer *layer,
                             size_t sequences, size_t length) {
    size_t rows = sequences * length;
    return 4 * SCRATCH_ROUND(rows * layer->dim) + SCRATCH_ROUND(rows * layer->ff) +
           SCRATCH_ROUND(attention_scores(ctx, length, length));
}

void transformer_work_take(const infer *ctx, const struct transformer_layer *layer,
                           size_t sequences, size_t length, struct scratch *scratch,
                           struct transformer_work *work) {
    size_t rows = sequences * length;
    work->normed = scratch_take(scratch, rows * layer->dim);
    work->query = scratch_take(scratch, rows * layer->dim);
    work->key = scratch_take(scratch, rows * layer->dim);
    work->value = scratch_take(scratch, rows * layer->dim);
    work->hidden = scratch_take(scratch, rows * layer->ff);
    work->scores = scratch_take(scratch, attention_scores(ctx, length, length));
}

void transformer_norm_forward(const infer *ctx, const struct transformer_norm *norm, float eps,
                              size_t dim, const float *x, size_t rows, float *y) {
    size_t blocks = (rows + NORM_BLOCK - 1) / NORM_BLOCK;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (blocks > 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t end = b + 1 < blocks ? (b + 1) * NORM_BLOCK : rows;
        for (size_t i = b * NORM_BLOCK; i < end; i++)
            ctx->kernels->layernorm(x + i * dim, norm->weight, norm->bias, eps, dim, y + i * dim);
    }
}

/* x += scale * out(attend(q, k, v)), with queries from work->query and keys from `length` rows a
 * sequence. What is added passes through work->normed. */
static void attend_and_add(const infer *ctx, const struct transformer_layer *layer,
                           const struct transformer_attention *part, float *x, size_t sequences,
                           size_t queries, size_t length, const struct transformer_work *work) {
    struct attention what = {.dim = layer->dim,
                             .heads = layer->heads,
                             .sequences = sequences,
                             .queries = queries,
                             .keys = length,
                             .q = work->query,
                             .k = work->key,
                             .v = work->value};
    attention_forward(ctx, &what, work->scores, work->query);
    struct linear_then add = {.residual = x, .scale = part->scale};
    linear_forward(ctx, &part->out, work->query, sequences * queries, &add, work->normed);
}

static void forward_mlp(const infer *ctx, const struct transformer_layer *layer, float *x,
                        size_t rows, const struct transformer_work *work) {
    transformer_norm_forward(ctx, &layer->norm, layer->eps, layer->dim, x, rows, work->normed);
    struct linear_then act = {.activation = layer->activation};
    linear_forward(ctx, &layer->up, work->normed, rows, &act, work->hidden);
    struct linear_then add = {.residual = x, .scale = layer->scale};
    linear_forward(ctx, &layer->down, work->hidden, rows, &add, work->normed);
}

void transformer_forward(const infer *ctx, const struct transformer_layer *layer, float *x,
                         size_t sequences, size_t length, const float *memory,
                         const struct transformer_work *work) {
    size_t rows = sequences * length;
    const struct transformer_attention *self = &layer->self, *cross = &layer->cross;
    transformer_norm_forward(ctx, &self->norm, layer->eps, layer->dim, x, rows, work->normed);
    linear_forward(ctx, &self->query, work->normed, rows, NULL, work->query);
    linear_forward(ctx, &self->key, work->normed, rows, NULL, work->key);
    linear_forward(ctx, &self->value, work->normed, rows, NULL, work->value);
    attend_and_add(ctx, layer, self, x, sequences, length, length, work);
    if (memory) {
        transformer_norm_forward(ctx, &cross->norm, layer->eps, layer->dim, x, rows, work->normed);
        linear_forward(ctx, &cross->query, work->normed, rows, NULL, work->query);
        linear_forward(ctx, &cross->key, memory, rows, NULL, work->key);
        linear_forward(ctx, &cross->value, memory, rows, NULL, work->value);
        attend_and_add(ctx, layer, cross, x, sequences, length, length, work);
    }
    forward_mlp(ctx, layer, x, rows, work);
}

static void gather_first(const float *x, size_t sequences, size_t stride, size_t dim, float *out) {
    for (size_t i = 0; i < sequences; i++) memcpy(out + i * dim, x + i * stride, dim * sizeof *out);
}

void transformer_forward_first(const infer *ctx, const struct transformer_layer *layer,
                               const float *x, size_t sequences, size_t length, float *out,
                               const struct transformer_work *work) {
    size_t rows = sequences * length, dim = layer->dim;
    const struct transformer_attention *self = &layer->self;
    transformer_norm_forward(ctx, &self->norm, layer->eps, dim, x, rows, work->normed);
    linear_forward(ctx, &self->key, work->normed, rows, NULL, work->key);
    linear_forward(ctx, &self->value, work->normed, rows, NULL, work->value);
    gather_first(work->normed, sequences, length * dim, dim, out);
    linear_forward(ctx, &self->query, out, sequences, NULL, work->query);
    gather_first(x, sequences, length * dim, dim, out);
    attend_and_add(ctx, layer, self, out, sequences, 1, length, work);
    forward_mlp(ctx, layer, out, sequences, work);
}

/* ------------------------------------------------------- PyTorch's names */
static const float *tensor(const infer_model *model, const char *prefix, const char *name) {
    char full[320];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return model_tensor(model, "heads", full);
}

static struct linear bind_linear(const infer_model *model, const char *prefix, const char *name,
                                 size_t in, size_t out) {
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    return (struct linear){tensor(model, prefix, weight), tensor(model, prefix, bias), .in = in,
                           .out = out};
}

static struct transformer_norm bind_norm(const infer_model *model, const char *prefix,
                                         const char *name) {
    struct linear both = bind_linear(model, prefix, name, 0, 0);
    return (struct transformer_norm){both.weight, both.bias};
}

/* in_proj holds query, key and value one below the other. */
static struct transformer_attention bind_attention(const infer_model *model, const char *prefix,
                                                   const char *norm, const char *name, size_t dim) {
    char inner[192];
    snprintf(inner, sizeof inner, "%s.%s", prefix, name);
    const float *weight = tensor(model, inner, "in_proj_weight");
    const float *bias = tensor(model, inner, "in_proj_bias");
    return (struct transformer_attention){
        .norm = bind_norm(model, prefix, norm),
        .query = {weight, bias, dim, dim},
        .key = {weight + dim * dim, bias + dim, dim, dim},
        .value = {weight + 2 * dim * dim, bias + 2 * dim, dim, dim},
        .out = bind_linear(model, inner, "out_proj", dim, dim),
    };
}

void transformer_bind(const infer_model *model, const char *prefix, size_t dim, size_t heads,
                      size_t ff, bool decoder, struct transformer_layer *layer) {
    *layer = (struct transformer_layer){
        .dim = dim,
        .heads = heads,
        .ff = ff,
        .eps = 1e-5F,
        .activation = INFER_GELU,
        .self = bind_attention(model, prefix, "norm1", "self_attn", dim),
        .norm = bind_norm(model, prefix, decoder ? "norm3" : "norm2"),
        .up = bind_linear(model, prefix, "linear1", dim, ff),
        .down = bind_linear(model, prefix, "linear2", ff, dim),
    };
    if (decoder) layer->cross = bind_attention(model, prefix, "norm2", "multihead_attn", dim);
}
