/* Whole passes: a batch's loss and gradients in memory bounded by micro-batches (GradCache, Gao,
 * Zhang, Han, Callan 2021, arXiv:2101.06983). */
#include "context.h"
#include "learn_modules.h"

#include <stdlib.h>
#include <string.h>

/* A part of the batch that is embedded, and whose embeddings get gradients, in micro-batches. */
struct side {
    struct learner *learner;
    size_t count, micro; /* micro-batches are of `micro` items, the last one of fewer */
    bool trained;
    /* Items [first, first + n) to their embeddings, and from their gradients. */
    int (*forward)(const struct side *side, size_t first, size_t n);
    int (*backward)(const struct side *side, size_t first);
    float *out, *gradient;
    const void *batch;
};

static size_t side_micro(size_t micro, size_t count) {
    return micro && micro < count ? micro : count;
}

static int side_embed(const struct side *side) {
    for (size_t i = 0; i < side->count; i += side->micro) {
        size_t n = side->count - i < side->micro ? side->count - i : side->micro;
        INFER_TRY(side->forward(side, i, n));
    }
    return INFER_OK;
}

static int side_learn(const struct side *side) {
    if (!side->trained) return INFER_OK;
    for (size_t i = 0; i < side->count; i += side->micro) {
        size_t n = side->count - i < side->micro ? side->count - i : side->micro;
        if (side->micro < side->count) INFER_TRY(side->forward(side, i, n));
        INFER_TRY(side->backward(side, i));
    }
    return INFER_OK;
}

/* --------------------------------------------------------------------- phase I */
static int frames_forward(const struct side *side, size_t first, size_t n) {
    const struct learn_batch *b = side->batch;
    struct learner *l = side->learner;
    size_t in = (size_t)l->config.mlp.sizes[0], out = learn_frames_out(l);
    return learn_frames_forward(l, b->features + first * b->frames * in, n, b->frames, first,
                                &b->dropout, side->out + first * b->frames * out);
}

static int frames_backward(const struct side *side, size_t first) {
    const struct learn_batch *b = side->batch;
    size_t out = learn_frames_out(side->learner);
    return learn_frames_backward(side->learner, side->gradient + first * b->frames * out);
}

static int points_forward(const struct side *side, size_t first, size_t n) {
    const double *lonlat = side->batch;
    size_t out = learn_points_out(side->learner);
    return learn_points_forward(side->learner, lonlat + 2 * first, n, side->out + first * out);
}

static int points_backward(const struct side *side, size_t first) {
    size_t out = learn_points_out(side->learner);
    return learn_points_backward(side->learner, side->gradient + first * out);
}

/* Loss of all embeddings, their gradients, and the logit scale's. */
static int contrast(struct learner *l, struct learn_contrast *what, double *loss, size_t *hits) {
    struct learn_parameter scale = {NULL, NULL};
    if (learn_has(l, CATALOG_M_SCALE)) {
        scale = learn_parameter(l, CATALOG_HEADS, "logit_scale");
        what->log_scale = (double)*scale.value;
    }
    INFER_TRY(learn_contrast_loss(l->ctx, what));
    if (scale.gradient) *scale.gradient += (float)what->gradient_log_scale;
    *loss = what->loss;
    if (hits) *hits = what->hits;
    return INFER_OK;
}

static int contrast_sides(struct side *a, struct side *b, struct learn_contrast *what, double *loss,
                          size_t *hits) {
    what->a = a->out;
    what->b = b->out;
    what->gradient_a = a->trained ? a->gradient : NULL;
    what->gradient_b = b->trained ? b->gradient : NULL;
    INFER_TRY(side_embed(a));
    INFER_TRY(side_embed(b));
    INFER_TRY(contrast(a->learner, what, loss, hits));
    INFER_TRY(side_learn(a));
    return side_learn(b);
}

/* Truth and further negatives as one array. */
static double *join_points(const struct learn_batch *batch, size_t n) {
    double *all = malloc((n + batch->extra) * 2 * sizeof *all);
    if (!all) return NULL;
    memcpy(all, batch->lonlat, n * 2 * sizeof *all);
    if (batch->extra) memcpy(all + 2 * n, batch->negatives, batch->extra * 2 * sizeof *all);
    return all;
}

int learn_contrast_pass(struct learner *l, const struct learn_batch *batch, double *loss,
                        size_t *hits) {
    if (!l->frames || !l->points || !learn_has(l, CATALOG_M_SCALE))
        return infer_fail(l->ctx, INFER_EUSAGE,
                          "phase I needs an MLP head, a location encoder and a logit scale");
    size_t n = batch->videos * batch->frames, m = n + batch->extra, dim = learn_frames_out(l);
    size_t micro = side_micro(batch->micro, batch->videos);
    INFER_TRY(
        scratch_reserve(l->ctx, &l->pass, 2 * SCRATCH_ROUND(n * dim) + 2 * SCRATCH_ROUND(m * dim)));
    double *points = join_points(batch, n);
    if (!points) return infer_fail_memory(l->ctx, m * 2 * sizeof *points);
    struct side frames = {.learner = l,
                          .count = batch->videos,
                          .micro = micro,
                          .trained =
                              learn_trains(l, CATALOG_M_MLP) || learn_trains(l, CATALOG_M_TEMPGEO),
                          .forward = frames_forward,
                          .backward = frames_backward,
                          .out = scratch_take(&l->pass, n * dim),
                          .gradient = scratch_take(&l->pass, n * dim),
                          .batch = batch};
    struct side gps = {.learner = l,
                       .count = m,
                       .micro = micro < batch->videos ? micro * batch->frames : m,
                       .trained = learn_trains(l, CATALOG_M_LOCATION),
                       .forward = points_forward,
                       .backward = points_backward,
                       .out = scratch_take(&l->pass, m * dim),
                       .gradient = scratch_take(&l->pass, m * dim),
                       .batch = points};
    struct learn_contrast what = {.n = n, .m = m, .dim = dim};
    int status = contrast_sides(&frames, &gps, &what, loss, hits);
    free(points);
    return status;
}

/* -------------------------------------------------------------------- phase II */
static int refine_forward(const struct side *side, size_t first, size_t n) {
    const struct learn_refinement *b = side->batch;
    size_t at = first * b->frames * (size_t)side->learner->config.refiner.dim;
    return learn_refiner_forward(side->learner, b->embeddings + at, b->gps + at, n, b->frames,
                                 first, &b->dropout, side->out + at);
}

static int refine_backward(const struct side *side, size_t first) {
    const struct learn_refinement *b = side->batch;
    size_t at = first * b->frames * (size_t)side->learner->config.refiner.dim;
    return learn_refiner_backward(side->learner, side->gradient + at);
}

static int refine_contrast(const struct side *side, const struct learn_refinement *batch,
                           size_t dim, float *targets, double *loss) {
    size_t n = batch->videos * batch->frames;
    struct learn_contrast what = {.a = side->out,
                                  .b = batch->truth,
                                  .n = n,
                                  .m = n + batch->extra,
                                  .dim = dim,
                                  .log_scale = batch->log_scale,
                                  .gradient_a = side->gradient};
    if (batch->extra) {
        memcpy(targets, batch->truth, n * dim * sizeof *targets);
        memcpy(targets + n * dim, batch->negatives, batch->extra * dim * sizeof *targets);
        what.b = targets;
    }
    INFER_TRY(learn_contrast_loss(side->learner->ctx, &what));
    *loss = what.loss;
    return INFER_OK;
}

static int refine_hinge(const struct side *side, const struct learn_refinement *batch, size_t dim,
                        double *loss) {
    struct learn_hinge what = {.refined = side->out,
                               .truth = batch->truth,
                               .videos = batch->videos,
                               .frames = batch->frames,
                               .dim = dim,
                               .alpha = batch->alpha,
                               .beta = batch->beta,
                               .gradient = side->gradient};
    INFER_TRY(learn_hinge_loss(side->learner->ctx, &what));
    *loss = what.loss;
    return INFER_OK;
}

int learn_refine_pass(struct learner *l, const struct learn_refinement *batch, double *loss) {
    if (!l->refiner) return infer_fail(l->ctx, INFER_EUSAGE, "phase II needs a GeoRefiner");
    size_t dim = (size_t)l->config.refiner.dim, count = batch->videos * batch->frames * dim;
    size_t targets = batch->extra ? count + batch->extra * dim : 0;
    INFER_TRY(scratch_reserve(l->ctx, &l->pass, 2 * SCRATCH_ROUND(count) + SCRATCH_ROUND(targets)));
    struct side side = {.learner = l,
                        .count = batch->videos,
                        .micro = side_micro(batch->micro, batch->videos),
                        .trained = learn_trains(l, CATALOG_M_REFINER),
                        .forward = refine_forward,
                        .backward = refine_backward,
                        .out = scratch_take(&l->pass, count),
                        .gradient = scratch_take(&l->pass, count),
                        .batch = batch};
    INFER_TRY(side_embed(&side));
    if (batch->contrastive)
        INFER_TRY(refine_contrast(&side, batch, dim, scratch_take(&l->pass, targets), loss));
    else
        INFER_TRY(refine_hinge(&side, batch, dim, loss));
    return side_learn(&side);
}

/* --------------------------------------------------------------------- phase 0 */
struct views {
    const struct learn_views *batch;
    float *norms; /* [2 n] of the backbone's results */
};

static int views_forward(const struct side *side, size_t first, size_t n) {
    const struct views *v = side->batch;
    struct learner *l = side->learner;
    size_t out = learn_vit_out(l, v->batch->module);
    float *rows = side->out + first * out;
    INFER_TRY(learn_vit_forward(l, v->batch->module, v->batch->pixels + first * learn_vit_pixels(l),
                                n, rows));
    learn_normalize_forward(l->ctx, rows, n, out, v->norms + first);
    return INFER_OK;
}

static int views_backward(const struct side *side, size_t first) {
    const struct views *v = side->batch;
    struct learner *l = side->learner;
    size_t out = learn_vit_out(l, v->batch->module), at = first * out;
    size_t n = side->count - first < side->micro ? side->count - first : side->micro;
    learn_normalize_backward(l->ctx, side->out + at, v->norms + first, n, out, side->gradient + at);
    return learn_vit_backward(l, v->batch->module, side->gradient + at);
}

int learn_views_pass(struct learner *l, const struct learn_views *batch, double *loss,
                     size_t *hits) {
    size_t n = batch->n, dim = learn_vit_out(l, batch->module);
    if (!dim) return infer_fail(l->ctx, INFER_EUSAGE, "the learner has no such backbone");
    INFER_TRY(
        scratch_reserve(l->ctx, &l->pass, 2 * SCRATCH_ROUND(2 * n * dim) + SCRATCH_ROUND(2 * n)));
    struct views views = {.batch = batch};
    struct side side = {.learner = l,
                        .count = 2 * n,
                        .micro = 2 * side_micro(batch->micro, n),
                        .trained = learn_trains(l, batch->module),
                        .forward = views_forward,
                        .backward = views_backward,
                        .out = scratch_take(&l->pass, 2 * n * dim),
                        .gradient = scratch_take(&l->pass, 2 * n * dim),
                        .batch = &views};
    views.norms = scratch_take(&l->pass, 2 * n);
    INFER_TRY(side_embed(&side));
    struct learn_contrast what = {.a = side.out,
                                  .b = side.out + n * dim,
                                  .n = n,
                                  .m = n,
                                  .dim = dim,
                                  .log_scale = batch->log_scale,
                                  .gradient_a = batch->look ? NULL : side.gradient,
                                  .gradient_b = batch->look ? NULL : side.gradient + n * dim};
    INFER_TRY(contrast(l, &what, loss, hits));
    return batch->look ? INFER_OK : side_learn(&side);
}
