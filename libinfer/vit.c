/* CLIP's and DINOv2's towers: one forward over a description of where they differ. */
#include "context.h"
#include "modules.h"
#include "positions.h"
#include "transformer.h"
#include "vit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pictures computed as one batch: 2056 rows at 224 pixels fill the products well, and the working
 * memory stays below 80 MB. */
#define BATCH ((size_t)8)

const struct vit_names vit_names_clip = {
    .class_token = "vision_model.embeddings.class_embedding",
    .positions = "vision_model.embeddings.position_embedding.weight",
    .patch_weight = "vision_model.embeddings.patch_embedding.weight",
    .before = "vision_model.pre_layrnorm", /* the misspelling is the checkpoint's */
    .layer = "vision_model.encoder.layers.%d.",
    .norm1 = "layer_norm1",
    .query = "self_attn.q_proj",
    .key = "self_attn.k_proj",
    .value = "self_attn.v_proj",
    .out = "self_attn.out_proj",
    .norm2 = "layer_norm2",
    .up = "mlp.fc1",
    .down = "mlp.fc2",
    .after = "vision_model.post_layernorm",
    .projection = "visual_projection.weight",
    .activation = INFER_QUICK_GELU,
};

const struct vit_names vit_names_dinov2 = {
    .class_token = "embeddings.cls_token",
    .positions = "embeddings.position_embeddings",
    .patch_weight = "embeddings.patch_embeddings.projection.weight",
    .patch_bias = "embeddings.patch_embeddings.projection.bias",
    .layer = "encoder.layer.%d.",
    .norm1 = "norm1",
    .query = "attention.attention.query",
    .key = "attention.attention.key",
    .value = "attention.attention.value",
    .out = "attention.output.dense",
    .scale1 = "layer_scale1.lambda1",
    .norm2 = "norm2",
    .up = "mlp.fc1",
    .down = "mlp.fc2",
    .scale2 = "layer_scale2.lambda1",
    .after = "layernorm",
    .activation = INFER_GELU,
};

struct vit {
    infer *ctx;
    size_t size, patch, side, tokens; /* pixels, pixels, patches across, side^2 + 1 */
    size_t dim, out;
    float eps;
    struct linear patches, projection; /* projection.weight NULL: none */
    float *positions;                  /* [tokens][dim]; the first holds the class token too */
    struct transformer_norm before, after;
    size_t layers;
    struct transformer_layer *layer;
    struct scratch scratch;
};

/* What is added to every token, the class token itself included. */
static void make_positions(const struct vit *vit, const float *positions, size_t grid,
                           const float *class_token) {
    for (size_t d = 0; d < vit->dim; d++) vit->positions[d] = class_token[d] + positions[d];
    const float *patches = positions + vit->dim;
    if (grid == vit->side)
        memcpy(vit->positions + vit->dim, patches, grid * grid * vit->dim * sizeof *patches);
    else
        positions_resize(patches, grid, vit->side, vit->dim, vit->positions + vit->dim);
}

/* ----------------------------------------------------------------- binding */
struct binder {
    const infer_model *model;
    const char *file;
    char prefix[64];
};

static const float *tensor(const struct binder *binder, const char *name, const char *suffix) {
    char full[192];
    if (!name) return NULL;
    snprintf(full, sizeof full, "%s%s%s", binder->prefix, name, suffix);
    return model_tensor(binder->model, binder->file, full);
}

static struct linear bind_linear(const struct binder *binder, const char *name, size_t in,
                                 size_t out) {
    return (struct linear){tensor(binder, name, ".weight"), tensor(binder, name, ".bias"), .in = in,
                           .out = out};
}

static struct transformer_norm bind_norm(const struct binder *binder, const char *name) {
    return (struct transformer_norm){tensor(binder, name, ".weight"),
                                     tensor(binder, name, ".bias")};
}

static struct transformer_layer bind_layer(const struct binder *binder, const struct vit_names *as,
                                           const struct vit_config *config) {
    size_t dim = (size_t)config->dim, ff = (size_t)config->mlp;
    return (struct transformer_layer){
        .dim = dim,
        .heads = (size_t)config->heads,
        .ff = ff,
        .eps = config->eps,
        .activation = as->activation,
        .self = {.norm = bind_norm(binder, as->norm1),
                 .query = bind_linear(binder, as->query, dim, dim),
                 .key = bind_linear(binder, as->key, dim, dim),
                 .value = bind_linear(binder, as->value, dim, dim),
                 .out = bind_linear(binder, as->out, dim, dim),
                 .scale = tensor(binder, as->scale1, "")},
        .norm = bind_norm(binder, as->norm2),
        .up = bind_linear(binder, as->up, dim, ff),
        .down = bind_linear(binder, as->down, ff, dim),
        .scale = tensor(binder, as->scale2, ""),
    };
}

static void bind_tensors(struct vit *vit, struct binder *binder, const struct vit_names *as,
                         const struct vit_config *config) {
    vit->patches =
        (struct linear){tensor(binder, as->patch_weight, ""), tensor(binder, as->patch_bias, ""),
                        .in = 3 * vit->patch * vit->patch, .out = vit->dim};
    vit->before = bind_norm(binder, as->before);
    vit->after = bind_norm(binder, as->after);
    vit->projection =
        (struct linear){tensor(binder, as->projection, ""), NULL, .in = vit->dim, .out = vit->out};
    make_positions(vit, tensor(binder, as->positions, ""),
                   (size_t)(config->image_size / config->patch_size),
                   tensor(binder, as->class_token, ""));
    for (size_t i = 0; i < vit->layers; i++) {
        snprintf(binder->prefix, sizeof binder->prefix, as->layer, (int)i);
        vit->layer[i] = bind_layer(binder, as, config);
    }
}

int vit_bind(infer *ctx, const infer_model *model, const struct vit_config *config,
             int picture_size, const char *file, struct vit **out) {
    const struct vit_names *as = strcmp(file, "clip") == 0 ? &vit_names_clip : &vit_names_dinov2;
    *out = NULL;
    struct vit *vit = calloc(1, sizeof *vit);
    if (!vit) return infer_fail_memory(ctx, sizeof *vit);
    vit->ctx = ctx;
    vit->size = (size_t)picture_size;
    vit->patch = (size_t)config->patch_size;
    vit->side = vit->size / vit->patch;
    vit->tokens = vit->side * vit->side + 1;
    vit->dim = (size_t)config->dim;
    vit->out = as->projection ? (size_t)config->projection : vit->dim;
    vit->eps = config->eps;
    vit->layers = (size_t)config->layers;
    vit->layer = calloc(vit->layers, sizeof *vit->layer);
    vit->positions = calloc(vit->tokens, vit->dim * sizeof *vit->positions);
    if (!vit->layer || !vit->positions) {
        size_t bytes = vit->tokens * vit->dim * sizeof *vit->positions;
        vit_free(vit);
        return infer_fail_memory(ctx, bytes);
    }
    struct binder binder = {.model = model, .file = file};
    bind_tensors(vit, &binder, as, config);
    *out = vit;
    return INFER_OK;
}

void vit_free(struct vit *vit) {
    if (!vit) return;
    scratch_free(&vit->scratch);
    free(vit->layer);
    free(vit->positions);
    free(vit);
}

/* ----------------------------------------------------------------- computing */
/* One patch as a row, in the order of the convolution's weights. pixels: [3][size][size] of its
 * picture; out: [3][patch][patch]. */
static void gather_patch(const struct vit *vit, const float *pixels, size_t index, float *out) {
    size_t top = index / vit->side * vit->patch, left = index % vit->side * vit->patch;
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < vit->patch; y++, out += vit->patch)
            memcpy(out, pixels + (c * vit->size + top + y) * vit->size + left,
                   vit->patch * sizeof *out);
}

/* pixels to tokens x [n][tokens][dim], by way of patches [n * side^2][3 patch^2] and their
 * products [n * side^2][dim]. */
static void embed(const struct vit *vit, const float *pixels, size_t n, float *patches,
                  float *products, float *x) {
    size_t each = vit->tokens - 1, plane = 3 * vit->size * vit->size;
#pragma omp parallel for num_threads(vit->ctx->threads) schedule(static)
    for (size_t i = 0; i < n * each; i++)
        gather_patch(vit, pixels + i / each * plane, i % each, patches + i * vit->patches.in);
    linear_forward(vit->ctx, &vit->patches, patches, n * each, NULL, products);
#pragma omp parallel for num_threads(vit->ctx->threads) schedule(static)
    for (size_t i = 0; i < n * vit->tokens; i++) {
        size_t picture = i / vit->tokens, token = i % vit->tokens;
        float *row = x + i * vit->dim;
        memcpy(row, vit->positions + token * vit->dim, vit->dim * sizeof *row);
        if (token)
            vit->ctx->kernels->add_scaled(products + (picture * each + token - 1) * vit->dim, NULL,
                                          vit->dim, row);
    }
    if (vit->before.weight)
        transformer_norm_forward(vit->ctx, &vit->before, vit->eps, vit->dim, x, n * vit->tokens, x);
}

static int forward_batch(struct vit *vit, const float *pixels, size_t n, float *out) {
    size_t rows = n * vit->tokens, patches = (rows - n) * vit->patches.in;
    size_t all = SCRATCH_ROUND(rows * vit->dim) + SCRATCH_ROUND(n * vit->dim) +
                 SCRATCH_ROUND(patches) +
                 transformer_work_size(vit->ctx, vit->layer, n, vit->tokens);
    INFER_TRY(scratch_reserve(vit->ctx, &vit->scratch, all));
    struct transformer_work work;
    float *x = scratch_take(&vit->scratch, rows * vit->dim);
    float *first = scratch_take(&vit->scratch, n * vit->dim);
    float *columns = scratch_take(&vit->scratch, patches);
    transformer_work_take(vit->ctx, vit->layer, n, vit->tokens, &vit->scratch, &work);

    embed(vit, pixels, n, columns, work.normed, x);
    for (size_t i = 0; i + 1 < vit->layers; i++)
        transformer_forward(vit->ctx, &vit->layer[i], x, n, vit->tokens, NULL, &work);
    transformer_forward_first(vit->ctx, &vit->layer[vit->layers - 1], x, n, vit->tokens, first,
                              &work);
    float *normed = vit->projection.weight ? first : out;
    transformer_norm_forward(vit->ctx, &vit->after, vit->eps, vit->dim, first, n, normed);
    if (vit->projection.weight) linear_forward(vit->ctx, &vit->projection, normed, n, NULL, out);
    return INFER_OK;
}

int vit_forward(struct vit *vit, const float *pixels, size_t n, float *out) {
    size_t plane = 3 * vit->size * vit->size;
    for (size_t i = 0; i < n; i += BATCH) {
        size_t some = n - i < BATCH ? n - i : BATCH;
        INFER_TRY(forward_batch(vit, pixels + i * plane, some, out + i * vit->out));
    }
    return INFER_OK;
}
