/* TempGeo (VidTAG section 3.2) and its MLP head (supplement B.2); GeoCLIP's image MLP alone. */
#include "context.h"
#include "modules.h"
#include "transformer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tempgeo {
    infer *ctx;
    size_t layers, dim; /* layers 0: no transformer */
    const float *positions;
    struct transformer_layer *layer;
    size_t depth, widest;
    enum infer_activation between;
    struct linear mlp[MODEL_MAX_MLP];
    struct scratch scratch;
};

static void bind_mlp(struct tempgeo *tempgeo, const infer_model *model,
                     const struct mlp_config *config, const char *prefix) {
    tempgeo->depth = (size_t)config->layers;
    for (size_t i = 0; i < tempgeo->depth; i++) {
        char weight[64], bias[64]; /* activations take every other number in nn.Sequential */
        snprintf(weight, sizeof weight, "%s.%d.weight", prefix, (int)(2 * i));
        snprintf(bias, sizeof bias, "%s.%d.bias", prefix, (int)(2 * i));
        tempgeo->mlp[i] = (struct linear){
            model_tensor(model, "heads", weight), model_tensor(model, "heads", bias),
            .in = (size_t)config->sizes[i], .out = (size_t)config->sizes[i + 1]};
        if (tempgeo->mlp[i].out > tempgeo->widest) tempgeo->widest = tempgeo->mlp[i].out;
    }
}

int tempgeo_bind(infer *ctx, const infer_model *model, const struct transformer_config *config,
                 const struct mlp_config *mlp, struct tempgeo **out) {
    *out = NULL;
    struct tempgeo *tempgeo = calloc(1, sizeof *tempgeo);
    if (!tempgeo) return infer_fail_memory(ctx, sizeof *tempgeo);
    tempgeo->ctx = ctx;
    tempgeo->dim = (size_t)mlp->sizes[0];
    bool geoclip = !strcmp(model->config.architecture, "geoclip");
    tempgeo->between = geoclip ? INFER_RELU : INFER_MISH;
    bind_mlp(tempgeo, model, mlp, geoclip ? "image_mlp" : "tempgeo.mlp");
    if (!config->present) {
        *out = tempgeo;
        return INFER_OK;
    }
    tempgeo->layers = (size_t)config->encoder_layers;
    tempgeo->layer = calloc(tempgeo->layers, sizeof *tempgeo->layer);
    if (!tempgeo->layer) {
        tempgeo_free(tempgeo);
        return infer_fail_memory(ctx, (size_t)config->encoder_layers * sizeof *tempgeo->layer);
    }
    tempgeo->positions = model_tensor(model, "heads", "tempgeo.pos_embedding.weight");
    for (size_t i = 0; i < tempgeo->layers; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "tempgeo.encoder.layers.%d", (int)i);
        transformer_bind(model, prefix, tempgeo->dim, (size_t)config->heads, (size_t)config->ff,
                         false, &tempgeo->layer[i]);
    }
    *out = tempgeo;
    return INFER_OK;
}

void tempgeo_free(struct tempgeo *tempgeo) {
    if (!tempgeo) return;
    scratch_free(&tempgeo->scratch);
    free(tempgeo->layer);
    free(tempgeo);
}

/* x: [n][dim] to out: [n][last], unit rows, by way of two buffers [n][widest]. */
static void forward_mlp(const struct tempgeo *tempgeo, const float *x, size_t n, float *one,
                        float *two, float *out) {
    const infer *ctx = tempgeo->ctx;
    for (size_t i = 0; i < tempgeo->depth; i++) {
        bool last = i + 1 == tempgeo->depth;
        float *y = last ? out : i % 2 ? two : one;
        struct linear_then act = {.activation = last ? INFER_IDENTITY : tempgeo->between};
        linear_forward(ctx, &tempgeo->mlp[i], x, n, &act, y);
        x = y;
    }
    size_t width = tempgeo->mlp[tempgeo->depth - 1].out;
    for (size_t i = 0; i < n; i++) ctx->kernels->normalize(out + i * width, width);
}

int tempgeo_forward(struct tempgeo *tempgeo, const float *features, size_t n, float *attended,
                    float *out) {
    infer *ctx = tempgeo->ctx;
    size_t count = n * tempgeo->dim, layer_work = 0;
    if (n == 0) return INFER_OK;
    if (tempgeo->layers) layer_work = transformer_work_size(ctx, tempgeo->layer, 1, n);
    INFER_TRY(scratch_reserve(ctx, &tempgeo->scratch,
                              SCRATCH_ROUND(count) + 2 * SCRATCH_ROUND(n * tempgeo->widest) +
                                  layer_work));
    float *x = scratch_take(&tempgeo->scratch, count);
    float *one = scratch_take(&tempgeo->scratch, n * tempgeo->widest);
    float *two = scratch_take(&tempgeo->scratch, n * tempgeo->widest);
    memcpy(x, features, count * sizeof *x);
    if (tempgeo->layers) {
        struct transformer_work work;
        transformer_work_take(ctx, tempgeo->layer, 1, n, &tempgeo->scratch, &work);
        ctx->kernels->add_scaled(tempgeo->positions, NULL, count, x);
        for (size_t i = 0; i < tempgeo->layers; i++)
            transformer_forward(ctx, &tempgeo->layer[i], x, 1, n, NULL, &work);
    }
    if (attended) memcpy(attended, x, count * sizeof *x);
    forward_mlp(tempgeo, x, n, one, two, out);
    return INFER_OK;
}
