/* The location encoder (VidTAG section 3.3; GeoCLIP, arXiv:2309.16020) in training. */
#include "context.h"
#include "learn_kernels.h"
#include "learn_modules.h"
#include "projection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct branch {
    const float *frequencies; /* [n][2], sigma included; a buffer */
    struct learn_linear layer[MODEL_MAX_LAYERS], head;
    float *features;                 /* [n][2 frequencies] */
    float *hidden[MODEL_MAX_LAYERS]; /* [n][hidden] after ReLU */
};

struct learn_points {
    struct learner *learner;
    size_t branches, frequencies, hidden, depth, out;
    struct branch branch[MODEL_MAX_BRANCHES];
    struct scratch memory;
    size_t n; /* of the latest forward */
    float *unit, *norms, *gradient, *back, *spare;
};

static void bind_branch(struct learn_points *p, size_t i) {
    struct branch *b = &p->branch[i];
    char prefix[40], name[24];
    snprintf(prefix, sizeof prefix, "location_encoder.LocEnc%d.", (int)i);
    b->frequencies = learn_parameter(p->learner, CATALOG_HEADS, "%scapsule.0.b", prefix).value;
    size_t in = 2 * p->frequencies;
    for (size_t k = 0; k < p->depth; k++) { /* 0 is the features; ReLUs have numbers too */
        snprintf(name, sizeof name, "capsule.%d", (int)(2 * k + 1));
        b->layer[k] = learn_bind_linear(p->learner, CATALOG_HEADS, prefix, name, in, p->hidden);
        in = p->hidden;
    }
    b->head = learn_bind_linear(p->learner, CATALOG_HEADS, prefix, "head.0", in, p->out);
}

int learn_points_open(struct learner *learner) {
    const struct location_config *c = &learner->config.location;
    struct learn_points *p = calloc(1, sizeof *p);
    if (!p) return infer_fail_memory(learner->ctx, sizeof *p);
    learner->points = p;
    p->learner = learner;
    p->branches = (size_t)c->branches;
    p->frequencies = (size_t)c->frequencies;
    p->hidden = (size_t)c->hidden;
    p->depth = (size_t)c->hidden_layers;
    p->out = (size_t)c->out;
    for (size_t i = 0; i < p->branches; i++) bind_branch(p, i);
    return INFER_OK;
}

void learn_points_close(struct learn_points *p) {
    if (!p) return;
    scratch_free(&p->memory);
    free(p);
}

size_t learn_points_out(const struct learner *learner) {
    return learner->points->out;
}

static void plan(struct learn_points *p, size_t n, struct learn_plan *plan) {
    for (size_t i = 0; i < p->branches; i++) {
        p->branch[i].features = learn_take(plan, n * 2 * p->frequencies);
        for (size_t k = 0; k < p->depth; k++)
            p->branch[i].hidden[k] = learn_take(plan, n * p->hidden);
    }
    p->unit = learn_take(plan, n * p->out);
    p->norms = learn_take(plan, n);
    p->gradient = learn_take(plan, n * p->out);
    p->back = learn_take(plan, n * p->hidden);
    p->spare = learn_take(plan, n * p->hidden);
}

/* ----------------------------------------------------------------- computing */
static void make_features(const struct learn_points *p, const double *lonlat, size_t n) {
    const infer *ctx = p->learner->ctx;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n > 64)
    for (size_t i = 0; i < n; i++) {
        double xy[2];
        projection_equal_earth(lonlat + 2 * i, xy);
        for (size_t k = 0; k < p->branches; k++)
            ctx->kernels->fourier(p->branch[k].frequencies, p->frequencies, xy[0], xy[1],
                                  p->branch[k].features + i * 2 * p->frequencies);
    }
}

static void branch_forward(const struct learn_points *p, const struct branch *b, size_t n,
                           float *out) {
    const infer *ctx = p->learner->ctx;
    const float *x = b->features;
    for (size_t k = 0; k < p->depth; k++) {
        float *y = b->hidden[k];
        learn_linear_forward(ctx, &b->layer[k], x, n, y, p->hidden);
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n * p->hidden > 16384)
        for (size_t i = 0; i < n; i++)
            ctx->kernels->activate(INFER_RELU, y + i * p->hidden, NULL, p->hidden,
                                   y + i * p->hidden);
        x = y;
    }
    learn_linear_forward(ctx, &b->head, x, n, out, p->out);
}

int learn_points_forward(struct learner *learner, const double *lonlat, size_t n, float *out) {
    struct learn_points *p = learner->points;
    if (!p) return infer_fail(learner->ctx, INFER_EUSAGE, "the learner has no location encoder");
    const infer *ctx = learner->ctx;
    struct learn_plan measure = {0}, cut = {.memory = &p->memory};
    plan(p, n, &measure);
    INFER_TRY(scratch_reserve(learner->ctx, &p->memory, measure.floats));
    plan(p, n, &cut);
    p->n = n;
    make_features(p, lonlat, n);
    for (size_t k = 0; k < p->branches; k++) {
        branch_forward(p, &p->branch[k], n, k ? p->gradient : p->unit);
        if (k) ctx->kernels->add_scaled(p->gradient, NULL, n * p->out, p->unit);
    }
    learn_normalize_forward(ctx, p->unit, n, p->out, p->norms);
    memcpy(out, p->unit, n * p->out * sizeof *out);
    return INFER_OK;
}

static void branch_backward(const struct learn_points *p, const struct branch *b) {
    const infer *ctx = p->learner->ctx;
    float *gradient = p->back, *next = p->spare;
    size_t n = p->n, width = p->hidden;
    learn_linear_backward(ctx, &b->head, b->hidden[p->depth - 1], n, p->gradient, p->out, gradient,
                          false);
    for (size_t k = p->depth; k-- > 0;) {
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n * width > 16384)
        for (size_t i = 0; i < n; i++)
            ctx->kernels->learn->activate_backward(INFER_RELU, b->hidden[k] + i * width,
                                                   gradient + i * width, width,
                                                   gradient + i * width);
        learn_linear_backward(ctx, &b->layer[k], k ? b->hidden[k - 1] : b->features, n, gradient,
                              width, k ? next : NULL, false);
        float *swap = gradient;
        gradient = next;
        next = swap;
    }
}

int learn_points_backward(struct learner *learner, const float *gradient) {
    struct learn_points *p = learner->points;
    if (!p || !p->n)
        return infer_fail(learner->ctx, INFER_EUSAGE, "backward without a forward before it");
    if (!learn_trains(learner, CATALOG_M_LOCATION)) return INFER_OK;
    memcpy(p->gradient, gradient, p->n * p->out * sizeof *gradient);
    learn_normalize_backward(learner->ctx, p->unit, p->norms, p->n, p->out, p->gradient);
    for (size_t k = 0; k < p->branches; k++) branch_backward(p, &p->branch[k]);
    return INFER_OK;
}
