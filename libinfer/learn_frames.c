/* TempGeo (VidTAG section 3.2) and the MLP head (supplement B.2), or an MLP head alone, in
 * training. */
#include "context.h"
#include "learn_kernels.h"
#include "learn_modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct learn_frames {
    struct learner *learner;
    size_t dim, layers, depth, out; /* layers 0: no transformer */
    struct learn_parameter positions;
    struct learn_layer layer[MODEL_MAX_LAYERS];
    struct learn_linear mlp[MODEL_MAX_MLP];
    enum infer_activation between;

    struct scratch memory;
    struct learn_run run; /* the latest forward's */
    struct learn_layer_kept kept[MODEL_MAX_LAYERS];
    struct learn_layer_work work;
    const float *features;
    float *x;                                            /* [rows][dim] with positions */
    float *before[MODEL_MAX_MLP], *after[MODEL_MAX_MLP]; /* [rows][out of i] */
    float *unit, *norms, *gradient;                      /* gradient, spare: [rows][widest] */
    float *spare;
};

static void bind_mlp(struct learn_frames *f, const struct mlp_config *config) {
    char prefix[16] = "tempgeo.mlp.";
    if (!strcmp(f->learner->config.architecture, "geoclip"))
        snprintf(prefix, sizeof prefix, "image_mlp.");
    f->depth = (size_t)config->layers;
    f->out = (size_t)config->sizes[config->layers];
    for (size_t i = 0; i < f->depth; i++) {
        char number[8]; /* activations take every other number in nn.Sequential */
        snprintf(number, sizeof number, "%d", (int)(2 * i));
        f->mlp[i] = learn_bind_linear(f->learner, CATALOG_HEADS, prefix, number,
                                      (size_t)config->sizes[i], (size_t)config->sizes[i + 1]);
    }
}

int learn_frames_open(struct learner *learner) {
    const struct model_config *c = &learner->config;
    struct learn_frames *f = calloc(1, sizeof *f);
    if (!f) return infer_fail_memory(learner->ctx, sizeof *f);
    learner->frames = f;
    f->learner = learner;
    f->dim = (size_t)c->mlp.sizes[0];
    f->between = strcmp(c->architecture, "geoclip") ? INFER_MISH : INFER_RELU;
    bind_mlp(f, &c->mlp);
    if (!learn_has(learner, CATALOG_M_TEMPGEO)) return INFER_OK;
    f->layers = (size_t)c->tempgeo.encoder_layers;
    f->positions = learn_parameter(learner, CATALOG_HEADS, "tempgeo.pos_embedding.weight");
    for (size_t i = 0; i < f->layers; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "tempgeo.encoder.layers.%d.", (int)i);
        learn_bind_layer(learner, prefix, &c->tempgeo, false, &f->layer[i]);
        f->layer[i].number = i;
    }
    return INFER_OK;
}

void learn_frames_close(struct learn_frames *f) {
    if (!f) return;
    scratch_free(&f->memory);
    free(f);
}

size_t learn_frames_out(const struct learner *learner) {
    return learner->frames->out;
}

/* -------------------------------------------------------------------- memory */
static void plan(struct learn_frames *f, struct learn_shape shape, struct learn_plan *plan) {
    size_t rows = shape.sequences * shape.length, widest = f->dim;
    if (f->layers) f->x = learn_take(plan, rows * f->dim);
    for (size_t i = 0; i < f->layers; i++) learn_layer_plan(&f->layer[i], shape, plan, &f->kept[i]);
    if (f->layers) {
        learn_layer_plan_work(f->learner->ctx, f->layer, shape, plan, &f->work);
        if (learn_trains(f->learner, CATALOG_M_TEMPGEO))
            learn_layer_plan_sums(f->layer, shape, plan, &f->work);
    }
    for (size_t i = 0; i < f->depth; i++) {
        if (f->mlp[i].out > widest) widest = f->mlp[i].out;
        if (i + 1 == f->depth) break;
        f->before[i] = learn_take(plan, rows * f->mlp[i].out);
        f->after[i] = learn_take(plan, rows * f->mlp[i].out);
    }
    f->unit = learn_take(plan, rows * f->out);
    f->norms = learn_take(plan, rows);
    f->gradient = learn_take(plan, rows * widest);
    f->spare = learn_take(plan, rows * widest);
}

static int reserve(struct learn_frames *f, struct learn_shape shape) {
    struct learn_plan measure = {0}, cut = {.memory = &f->memory};
    plan(f, shape, &measure);
    INFER_TRY(scratch_reserve(f->learner->ctx, &f->memory, measure.floats));
    plan(f, shape, &cut);
    return INFER_OK;
}

/* ----------------------------------------------------------------- computing */
static void mlp_forward(struct learn_frames *f, const float *x, size_t rows) {
    const infer *ctx = f->learner->ctx;
    for (size_t i = 0; i < f->depth; i++) {
        const struct learn_linear *linear = &f->mlp[i];
        bool last = i + 1 == f->depth;
        float *y = last ? f->unit : f->before[i];
        learn_linear_forward(ctx, linear, x, rows, y, linear->out);
        if (last) break;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * linear->out > 16384)
        for (size_t r = 0; r < rows; r++)
            ctx->kernels->activate(f->between, y + r * linear->out, NULL, linear->out,
                                   f->after[i] + r * linear->out);
        x = f->after[i];
    }
    learn_normalize_forward(ctx, f->unit, rows, f->out, f->norms);
}

int learn_frames_forward(struct learner *learner, const float *features, size_t videos,
                         size_t frames, size_t first, const struct learn_dropout *dropout,
                         float *out) {
    struct learn_frames *f = learner->frames;
    if (!f) return infer_fail(learner->ctx, INFER_EUSAGE, "the learner has no MLP head");
    if (f->layers && frames > (size_t)learner->config.tempgeo.max_frames)
        return infer_fail(learner->ctx, INFER_EUSAGE, "%zu frames, but TempGeo has %d positions",
                          frames, learner->config.tempgeo.max_frames);
    struct learn_shape shape = {.sequences = videos, .length = frames};
    INFER_TRY(reserve(f, shape));
    f->run = learn_run_begin(learner->ctx, shape, first, dropout);
    const float *x = f->features = features;
    if (f->layers) {
        learn_positions_forward(learner->ctx, x, f->positions.value, shape, f->dim, f->x);
        x = f->x;
    }
    for (size_t i = 0; i < f->layers; i++)
        x = learn_layer_forward(&f->run, &f->layer[i], x, NULL, &f->kept[i], &f->work);
    mlp_forward(f, x, videos * frames);
    memcpy(out, f->unit, videos * frames * f->out * sizeof *out);
    return INFER_OK;
}

/* To the gradient of the MLP's input, which is returned if it is wanted. */
static float *mlp_backward(struct learn_frames *f, const float *x, size_t rows, bool wanted) {
    const infer *ctx = f->learner->ctx;
    float *gradient = f->gradient, *next = f->spare;
    for (size_t i = f->depth; i-- > 0;) {
        const float *in = i ? f->after[i - 1] : x;
        size_t width = f->mlp[i].in;
        learn_linear_backward(ctx, &f->mlp[i], in, rows, gradient, f->mlp[i].out,
                              i || wanted ? next : NULL, false);
        float *swap = gradient;
        gradient = next;
        next = swap;
        if (!i) break;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * width > 16384)
        for (size_t r = 0; r < rows; r++)
            ctx->kernels->learn->activate_backward(f->between, f->before[i - 1] + r * width,
                                                   gradient + r * width, width,
                                                   gradient + r * width);
    }
    return gradient;
}

int learn_frames_backward(struct learner *learner, const float *gradient) {
    struct learn_frames *f = learner->frames;
    if (!f || !f->features)
        return infer_fail(learner->ctx, INFER_EUSAGE, "backward without a forward before it");
    size_t rows = f->run.shape.sequences * f->run.shape.length;
    bool deep = f->layers && learn_trains(learner, CATALOG_M_TEMPGEO);
    memcpy(f->gradient, gradient, rows * f->out * sizeof *gradient);
    learn_normalize_backward(learner->ctx, f->unit, f->norms, rows, f->out, f->gradient);
    const float *x = f->layers ? f->kept[f->layers - 1].y : f->features;
    float *back = mlp_backward(f, x, rows, deep);
    if (!deep) return INFER_OK;
    for (size_t i = f->layers; i-- > 1;)
        learn_layer_backward(&f->run, &f->layer[i], &f->kept[i], &f->work, back, NULL, NULL);
    learn_layer_backward_sums(&f->run, f->layer, f->kept, &f->work, back, f->positions.gradient);
    return INFER_OK;
}
