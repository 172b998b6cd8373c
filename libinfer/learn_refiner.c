/* GeoRefiner (VidTAG section 3.4) in training. */
#include "context.h"
#include "learn_modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct learn_refiner {
    struct learner *learner;
    size_t dim, encoders, decoders;
    struct learn_parameter positions;
    struct learn_layer layer[2 * MODEL_MAX_LAYERS]; /* [encoders + decoders] */
    struct scratch memory;
    struct learn_run run; /* the latest forward's */
    struct learn_layer_kept kept[2 * MODEL_MAX_LAYERS];
    struct learn_layer_work work;
    float *frames, *gps; /* [rows][dim], with positions */
    float *unit, *norms, *gradient, *dmemory;
};

/* Numbers tell its masks from TempGeo's. */
#define FIRST_NUMBER MODEL_MAX_LAYERS

int learn_refiner_open(struct learner *learner) {
    const struct transformer_config *c = &learner->config.refiner;
    struct learn_refiner *r = calloc(1, sizeof *r);
    if (!r) return infer_fail_memory(learner->ctx, sizeof *r);
    learner->refiner = r;
    r->learner = learner;
    r->dim = (size_t)c->dim;
    r->encoders = (size_t)c->encoder_layers;
    r->decoders = (size_t)c->decoder_layers;
    r->positions = learn_parameter(learner, CATALOG_HEADS, "georefiner.pos_embedding.weight");
    for (size_t i = 0; i < r->encoders + r->decoders; i++) {
        bool decoder = i >= r->encoders;
        char prefix[64];
        snprintf(prefix, sizeof prefix, "georefiner.%s.layers.%d.", decoder ? "decoder" : "encoder",
                 (int)(decoder ? i - r->encoders : i));
        learn_bind_layer(learner, prefix, c, decoder, &r->layer[i]);
        r->layer[i].number = FIRST_NUMBER + i;
    }
    return INFER_OK;
}

void learn_refiner_close(struct learn_refiner *r) {
    if (!r) return;
    scratch_free(&r->memory);
    free(r);
}

static void plan(struct learn_refiner *r, struct learn_shape shape, struct learn_plan *plan) {
    size_t rows = shape.sequences * shape.length;
    r->frames = learn_take(plan, rows * r->dim);
    r->gps = learn_take(plan, rows * r->dim);
    for (size_t i = 0; i < r->encoders + r->decoders; i++)
        learn_layer_plan(&r->layer[i], shape, plan, &r->kept[i]);
    learn_layer_plan_work(r->learner->ctx, r->layer, shape, plan, &r->work);
    r->unit = learn_take(plan, rows * r->dim);
    r->norms = learn_take(plan, rows);
    r->gradient = learn_take(plan, rows * r->dim);
    r->dmemory = learn_take(plan, rows * r->dim);
}

int learn_refiner_forward(struct learner *learner, const float *frames, const float *gps,
                          size_t videos, size_t length, size_t first,
                          const struct learn_dropout *dropout, float *out) {
    struct learn_refiner *r = learner->refiner;
    infer *ctx = learner->ctx;
    if (!r) return infer_fail(ctx, INFER_EUSAGE, "the learner has no GeoRefiner");
    if (length > (size_t)learner->config.refiner.max_frames)
        return infer_fail(ctx, INFER_EUSAGE, "%zu frames, but GeoRefiner has %d positions", length,
                          learner->config.refiner.max_frames);
    struct learn_shape shape = {.sequences = videos, .length = length};
    struct learn_plan measure = {0}, cut = {.memory = &r->memory};
    plan(r, shape, &measure);
    INFER_TRY(scratch_reserve(ctx, &r->memory, measure.floats));
    plan(r, shape, &cut);
    r->run = learn_run_begin(ctx, shape, first, dropout);
    learn_positions_forward(ctx, frames, r->positions.value, shape, r->dim, r->frames);
    learn_positions_forward(ctx, gps, r->positions.value, shape, r->dim, r->gps);
    const float *memory = r->frames, *x = r->gps;
    for (size_t i = 0; i < r->encoders; i++)
        memory = learn_layer_forward(&r->run, &r->layer[i], memory, NULL, &r->kept[i], &r->work);
    for (size_t i = r->encoders; i < r->encoders + r->decoders; i++)
        x = learn_layer_forward(&r->run, &r->layer[i], x, memory, &r->kept[i], &r->work);
    memcpy(r->unit, x, videos * length * r->dim * sizeof *x);
    learn_normalize_forward(ctx, r->unit, videos * length, r->dim, r->norms);
    memcpy(out, r->unit, videos * length * r->dim * sizeof *x);
    return INFER_OK;
}

int learn_refiner_backward(struct learner *learner, const float *gradient) {
    struct learn_refiner *r = learner->refiner;
    if (!r || !r->unit)
        return infer_fail(learner->ctx, INFER_EUSAGE, "backward without a forward before it");
    if (!learn_trains(learner, CATALOG_M_REFINER)) return INFER_OK;
    const infer *ctx = learner->ctx;
    size_t rows = r->run.shape.sequences * r->run.shape.length;
    memcpy(r->gradient, gradient, rows * r->dim * sizeof *gradient);
    memset(r->dmemory, 0, rows * r->dim * sizeof *gradient);
    learn_normalize_backward(ctx, r->unit, r->norms, rows, r->dim, r->gradient);
    for (size_t i = r->encoders + r->decoders; i-- > r->encoders;)
        learn_layer_backward(&r->run, &r->layer[i], &r->kept[i], &r->work, r->gradient, NULL,
                             r->dmemory);
    learn_positions_backward(ctx, r->gradient, r->run.shape, r->dim, r->positions.gradient);
    for (size_t i = r->encoders; i-- > 0;)
        learn_layer_backward(&r->run, &r->layer[i], &r->kept[i], &r->work, r->dmemory, NULL, NULL);
    learn_positions_backward(ctx, r->dmemory, r->run.shape, r->dim, r->positions.gradient);
    return INFER_OK;
}
