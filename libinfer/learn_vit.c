/* CLIP's and DINOv2's towers in training (phase 0): vit.c with a way back. */
#include "context.h"
#include "learn_kernels.h"
#include "learn_modules.h"
#include "positions.h"
#include "vit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct learn_vit {
    struct learner *learner;
    enum catalog_module module;
    size_t size, patch, side, grid; /* pixels, pixels, patches across, positions across */
    size_t tokens, dim, out;
    float eps;
    struct learn_linear patches, projection; /* projection.weight NULL: none */
    struct learn_parameter class_token, positions;
    struct learn_norm before, after; /* before.weight NULL: none */
    size_t layers;
    struct learn_layer layer[MODEL_MAX_LAYERS];

    struct scratch memory;
    struct learn_run run; /* the latest forward's; the last layer has first_only */
    struct learn_layer_kept kept[MODEL_MAX_LAYERS];
    struct learn_layer_work work;
    size_t n;               /* of the latest forward */
    float *added;           /* [tokens][dim]: positions, and the class token */
    float *columns;         /* [n side^2][3 patch^2] */
    float *products;        /* [n side^2][dim] */
    float *embedded, *x;    /* [n tokens][dim] before and after the norm */
    float *normed;          /* [n][dim] */
    float *gradient;        /* [n tokens][dim] */
    float *first, *dnormed; /* [n][dim] */
};

/* ------------------------------------------------------------------- binding */
static struct learn_attend bind_attend(const struct learn_vit *v, enum catalog_file file,
                                       const struct vit_names *as, const char *prefix) {
    const struct learner *l = v->learner;
    struct learn_attend attend = {
        .norm = learn_bind_norm(l, file, prefix, as->norm1),
        /* key and value follow, as learn.c places them */
        .in = learn_bind_linear(l, file, prefix, as->query, v->dim, 3 * v->dim),
        .out = learn_bind_linear(l, file, prefix, as->out, v->dim, v->dim),
    };
    if (as->scale1) {
        struct learn_parameter scale = learn_parameter(l, file, "%s%s", prefix, as->scale1);
        attend.scale = scale.value;
        attend.dscale = scale.gradient;
    }
    return attend;
}

static void bind_layer(struct learn_vit *v, enum catalog_file file, const struct vit_names *as,
                       const struct vit_config *config, int number) {
    const struct learner *l = v->learner;
    struct learn_layer *layer = &v->layer[number];
    size_t ff = (size_t)config->mlp;
    char prefix[64];
    snprintf(prefix, sizeof prefix, as->layer, number);
    *layer = (struct learn_layer){
        .dim = v->dim,
        .heads = (size_t)config->heads,
        .ff = ff,
        .eps = config->eps,
        .activation = as->activation,
        .self = bind_attend(v, file, as, prefix),
        .norm = learn_bind_norm(l, file, prefix, as->norm2),
        .up = learn_bind_linear(l, file, prefix, as->up, v->dim, ff),
        .down = learn_bind_linear(l, file, prefix, as->down, ff, v->dim),
    };
    if (!as->scale2) return;
    struct learn_parameter scale = learn_parameter(l, file, "%s%s", prefix, as->scale2);
    layer->scale = scale.value;
    layer->dscale = scale.gradient;
}

static void bind_tensors(struct learn_vit *v, enum catalog_file file, const struct vit_names *as,
                         const struct vit_config *config) {
    const struct learner *l = v->learner;
    struct learn_parameter weight = learn_parameter(l, file, "%s", as->patch_weight);
    struct learn_parameter bias = {NULL, NULL}, projection = {NULL, NULL};
    if (as->patch_bias) bias = learn_parameter(l, file, "%s", as->patch_bias);
    if (as->projection) projection = learn_parameter(l, file, "%s", as->projection);
    v->patches = (struct learn_linear){
        weight.value, bias.value, weight.gradient, bias.gradient, 3 * v->patch * v->patch, v->dim};
    v->projection =
        (struct learn_linear){projection.value, NULL, projection.gradient, NULL, v->dim, v->out};
    v->class_token = learn_parameter(l, file, "%s", as->class_token);
    v->positions = learn_parameter(l, file, "%s", as->positions);
    if (as->before) v->before = learn_bind_norm(l, file, "", as->before);
    v->after = learn_bind_norm(l, file, "", as->after);
    for (int i = 0; i < config->layers; i++) bind_layer(v, file, as, config, i);
}

int learn_vit_open(struct learner *learner, enum catalog_module module, struct learn_vit **out) {
    bool clip = module == CATALOG_M_CLIP;
    const struct vit_config *c = clip ? &learner->config.clip : &learner->config.dinov2;
    const struct vit_names *as = clip ? &vit_names_clip : &vit_names_dinov2;
    struct learn_vit *v = calloc(1, sizeof *v);
    if (!v) return infer_fail_memory(learner->ctx, sizeof *v);
    *out = v;
    v->learner = learner;
    v->module = module;
    v->size = (size_t)learner->config.picture_size;
    v->patch = (size_t)c->patch_size;
    v->side = v->size / v->patch;
    v->grid = (size_t)(c->image_size / c->patch_size);
    v->tokens = v->side * v->side + 1;
    v->dim = (size_t)c->dim;
    v->out = as->projection ? (size_t)c->projection : v->dim;
    v->eps = c->eps;
    v->layers = (size_t)c->layers;
    bind_tensors(v, clip ? CATALOG_CLIP : CATALOG_DINOV2, as, c);
    return INFER_OK;
}

void learn_vit_close(struct learn_vit *v) {
    if (!v) return;
    scratch_free(&v->memory);
    free(v);
}

static struct learn_vit *find(const struct learner *learner, enum catalog_module module) {
    return module == CATALOG_M_CLIP     ? learner->clip
           : module == CATALOG_M_DINOV2 ? learner->dinov2
                                        : NULL;
}

size_t learn_vit_out(const struct learner *learner, enum catalog_module module) {
    const struct learn_vit *v = find(learner, module);
    return v ? v->out : 0;
}

size_t learn_vit_pixels(const struct learner *learner) {
    return 3 * (size_t)learner->config.picture_size * (size_t)learner->config.picture_size;
}

/* -------------------------------------------------------------------- memory */
static void plan(struct learn_vit *v, struct learn_shape shape, struct learn_plan *plan) {
    size_t n = shape.sequences, rows = n * v->tokens;
    v->added = learn_take(plan, v->tokens * v->dim);
    v->columns = learn_take(plan, (rows - n) * v->patches.in);
    v->products = learn_take(plan, (rows - n) * v->dim);
    v->embedded = learn_take(plan, rows * v->dim);
    v->x = v->before.weight ? learn_take(plan, rows * v->dim) : v->embedded;
    for (size_t i = 0; i < v->layers; i++) {
        shape.first_only = i + 1 == v->layers;
        learn_layer_plan(&v->layer[i], shape, plan, &v->kept[i]);
    }
    learn_layer_plan_work(v->learner->ctx, v->layer, shape, plan, &v->work);
    v->normed = learn_take(plan, n * v->dim);
    v->gradient = learn_take(plan, rows * v->dim);
    v->first = learn_take(plan, n * v->dim);
    v->dnormed = learn_take(plan, n * v->dim);
}

static int reserve(struct learn_vit *v, struct learn_shape shape) {
    struct learn_plan measure = {0}, cut = {.memory = &v->memory};
    plan(v, shape, &measure);
    INFER_TRY(scratch_reserve(v->learner->ctx, &v->memory, measure.floats));
    plan(v, shape, &cut);
    return INFER_OK;
}

/* ---------------------------------------------------------------- embeddings */
/* What is added to every token, the class token itself included. */
static void make_added(const struct learn_vit *v) {
    const float *patches = v->positions.value + v->dim;
    for (size_t d = 0; d < v->dim; d++)
        v->added[d] = v->class_token.value[d] + v->positions.value[d];
    if (v->grid == v->side)
        memcpy(v->added + v->dim, patches, v->grid * v->grid * v->dim * sizeof *patches);
    else
        positions_resize(patches, v->grid, v->side, v->dim, v->added + v->dim);
}

/* One patch as a row, in the order of the convolution's weights: [3][patch][patch]. */
static void gather_patch(const struct learn_vit *v, const float *pixels, size_t index, float *out) {
    size_t top = index / v->side * v->patch, left = index % v->side * v->patch;
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < v->patch; y++, out += v->patch)
            memcpy(out, pixels + (c * v->size + top + y) * v->size + left, v->patch * sizeof *out);
}

static void embed(const struct learn_vit *v, const float *pixels, size_t n) {
    const infer *ctx = v->learner->ctx;
    size_t each = v->tokens - 1, plane = 3 * v->size * v->size;
    make_added(v);
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n > 8)
    for (size_t i = 0; i < n * each; i++)
        gather_patch(v, pixels + i / each * plane, i % each, v->columns + i * v->patches.in);
    learn_linear_forward(ctx, &v->patches, v->columns, n * each, v->products, v->dim);
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n > 8)
    for (size_t i = 0; i < n * v->tokens; i++) {
        size_t picture = i / v->tokens, token = i % v->tokens;
        float *row = v->embedded + i * v->dim;
        memcpy(row, v->added + token * v->dim, v->dim * sizeof *row);
        if (token)
            ctx->kernels->add_scaled(v->products + (picture * each + token - 1) * v->dim, NULL,
                                     v->dim, row);
    }
    if (v->before.weight)
        learn_norm_forward(ctx, &v->before, v->eps, v->dim, v->embedded, n * v->tokens, v->x);
}

/* gradient: [n tokens][dim] of v->embedded. */
static void embed_backward(struct learn_vit *v, const float *gradient) {
    const infer *ctx = v->learner->ctx;
    size_t each = v->tokens - 1, dim = v->dim;
    memset(v->added, 0, v->tokens * dim * sizeof *v->added);
    learn_positions_backward(ctx, gradient, (struct learn_shape){v->n, v->tokens, false}, dim,
                             v->added);
    ctx->kernels->add_scaled(v->added, NULL, dim, v->class_token.gradient);
    ctx->kernels->add_scaled(v->added, NULL, dim, v->positions.gradient);
    if (v->grid == v->side)
        ctx->kernels->add_scaled(v->added + dim, NULL, each * dim, v->positions.gradient + dim);
    else
        positions_resize_backward(v->added + dim, v->grid, v->side, dim,
                                  v->positions.gradient + dim);
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (v->n > 8)
    for (size_t i = 0; i < v->n; i++)
        memcpy(v->products + i * each * dim, gradient + (i * v->tokens + 1) * dim,
               each * dim * sizeof *gradient);
    learn_linear_backward(ctx, &v->patches, v->columns, v->n * each, v->products, dim, NULL, false);
}

/* ----------------------------------------------------------------- computing */
int learn_vit_forward(struct learner *learner, enum catalog_module module, const float *pixels,
                      size_t n, float *out) {
    struct learn_vit *v = find(learner, module);
    if (!v) return infer_fail(learner->ctx, INFER_EUSAGE, "the learner has no such backbone");
    struct learn_shape shape = {.sequences = n, .length = v->tokens};
    INFER_TRY(reserve(v, shape));
    v->n = n;
    v->run = learn_run_begin(learner->ctx, shape, 0, NULL);
    embed(v, pixels, n);
    const float *x = v->x;
    for (size_t i = 0; i < v->layers; i++) {
        v->run.shape.first_only = i + 1 == v->layers;
        x = learn_layer_forward(&v->run, &v->layer[i], x, NULL, &v->kept[i], &v->work);
    }
    float *normed = v->projection.weight ? v->normed : out;
    learn_norm_forward(learner->ctx, &v->after, v->eps, v->dim, x, n, normed);
    if (v->projection.weight)
        learn_linear_forward(learner->ctx, &v->projection, normed, n, out, v->out);
    return INFER_OK;
}

int learn_vit_backward(struct learner *learner, enum catalog_module module, const float *gradient) {
    struct learn_vit *v = find(learner, module);
    if (!v || !v->n)
        return infer_fail(learner->ctx, INFER_EUSAGE, "backward without a forward before it");
    if (!learn_trains(learner, module)) return INFER_OK;
    const infer *ctx = learner->ctx;
    size_t rows = v->n * v->tokens;
    const float *dnormed = gradient;
    if (v->projection.weight) {
        learn_linear_backward(ctx, &v->projection, v->normed, v->n, gradient, v->out, v->dnormed,
                              false);
        dnormed = v->dnormed;
    }
    memset(v->first, 0, v->n * v->dim * sizeof *v->first);
    learn_norm_backward(ctx, &v->after, v->eps, v->dim, v->kept[v->layers - 1].y, v->n, dnormed,
                        v->first, v->work.norm);
    for (size_t i = v->layers; i-- > 0;) {
        bool last = i + 1 == v->layers;
        v->run.shape.first_only = last;
        learn_layer_backward(&v->run, &v->layer[i], &v->kept[i], &v->work,
                             last ? v->first : v->gradient, last ? v->gradient : NULL, NULL);
    }
    if (!v->before.weight) {
        embed_backward(v, v->gradient);
        return INFER_OK;
    }
    memset(v->work.branch, 0, rows * v->dim * sizeof *v->work.branch);
    learn_norm_backward(ctx, &v->before, v->eps, v->dim, v->embedded, rows, v->gradient,
                        v->work.branch, v->work.norm);
    embed_backward(v, v->work.branch);
    return INFER_OK;
}
