/* Places to look frames up among, and the look itself: how far off the held-out sources are. */
#include "trainer.h"

#include "context.h"
#include "nearest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)512)     /* points embedded at once */
#define LOOK_MOST ((size_t)256) /* held-out sources that a look takes */

/* The held-out frames' own places are among those to be found: a gallery would hold them. */
static int add_heldout(infer_trainer *t) {
    const size_t T = t->o.frames;
    for (size_t i = 0; i < t->look_sources; i++) {
        const struct dataset_source *s = &t->data.sources[t->data.train + i];
        sampler_middles(t->o.in_a_row ? SAMPLER_RUN : SAMPLER_CELLS, (size_t)s->in.frames, T,
                        t->index);
        INFER_TRY(dataset_rows(&t->data, t->data.train + i, t->index, T, NULL,
                               t->points + 2 * (t->own + i * T)));
    }
    t->point_count = t->own + t->look_sources * T;
    return INFER_OK;
}

int trainer_choose_points(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    t->look_sources = t->data.heldout < LOOK_MOST ? t->data.heldout : LOOK_MOST;
    size_t extra = t->look_sources * o->frames;
    if (!o->point_count) return infer_fail(t->ctx, INFER_EUSAGE, "there are no points to look in");
    t->points = calloc(o->point_count + extra, 2 * sizeof *t->points);
    t->errors = calloc(2 * extra + 1, sizeof *t->errors);
    if (!t->points || !t->errors)
        return infer_fail_memory(t->ctx, (o->point_count + extra) * 2 * sizeof *t->points);
    t->errors_before = t->errors + extra;
    if (o->points) {
        memcpy(t->points, o->points, o->point_count * 2 * sizeof *t->points);
        t->own = t->point_count = o->point_count;
        return INFER_OK;
    }
    struct random_stream r;
    random_start(&r, o->seed, RANDOM_POINTS, 0);
    t->own = dataset_spread(&t->data, &r, o->point_count, t->points);
    return add_heldout(t);
}

int trainer_embed_points(infer_trainer *t, const double *lonlat, size_t n, float *rows) {
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t some = n - i < CHUNK ? n - i : CHUNK;
        INFER_TRY(
            learn_points_forward(t->learner, lonlat + 2 * i, some, rows + i * trainer_dim(t)));
    }
    return INFER_OK;
}

int trainer_embed_frames(infer_trainer *t, size_t videos, double dropout) {
    const size_t T = t->o.frames, micro = t->o.micro ? t->o.micro : 16;
    const struct learn_dropout drop = {(float)dropout, t->o.seed, t->s.step};
    for (size_t i = 0; i < videos; i += micro) {
        size_t some = videos - i < micro ? videos - i : micro;
        INFER_TRY(learn_frames_forward(t->learner, t->features + i * T * t->data.dim, some, T, i,
                                       dropout > 0 ? &drop : NULL,
                                       t->embeddings + i * T * trainer_dim(t)));
    }
    return INFER_OK;
}

/* ---------------------------------------------------------------------- looks */

static int measure(infer_trainer *t, const float *rows, size_t n, double *errors) {
    INFER_TRY(
        nearest_find(t->ctx, rows, n, t->point_rows, t->point_count, trainer_dim(t), t->found));
    for (size_t i = 0; i < n; i++)
        errors[i] = nearest_metres(t->points + 2 * t->found[i], t->lonlat + 2 * i);
    return INFER_OK;
}

/* The GPS embeddings of the places that were found, through GeoRefiner. */
static int refine(infer_trainer *t, size_t videos) {
    const size_t T = t->o.frames, dim = trainer_dim(t), micro = t->o.micro ? t->o.micro : 16;
    for (size_t i = 0; i < videos * T; i++)
        memcpy(t->gps + i * dim, t->point_rows + t->found[i] * dim, dim * sizeof *t->gps);
    for (size_t i = 0; i < videos; i += micro) {
        size_t some = videos - i < micro ? videos - i : micro, at = i * T * dim;
        INFER_TRY(learn_refiner_forward(t->learner, t->embeddings + at, t->gps + at, some, T, i,
                                        NULL, t->truth + at));
    }
    return INFER_OK;
}

static int look_at(infer_trainer *t, size_t first, size_t videos) {
    const size_t T = t->o.frames;
    for (size_t i = 0; i < videos; i++) {
        size_t source = t->data.train + first + i;
        sampler_middles(t->o.in_a_row ? SAMPLER_RUN : SAMPLER_CELLS,
                        (size_t)t->data.sources[source].in.frames, T, t->index);
        INFER_TRY(dataset_rows(&t->data, source, t->index, T, t->features + i * T * t->data.dim,
                               t->lonlat + 2 * i * T));
    }
    INFER_TRY(trainer_embed_frames(t, videos, 0));
    INFER_TRY(measure(t, t->embeddings, videos * T, t->errors + first * T));
    if (t->o.phase == 1) return INFER_OK;
    memcpy(t->errors_before + first * T, t->errors + first * T, videos * T * sizeof *t->errors);
    INFER_TRY(refine(t, videos));
    return measure(t, t->truth, videos * T, t->errors + first * T);
}

static int keep_best(infer_trainer *t) {
    const struct learn_arena *a = learn_arena(t->learner);
    if (!(t->s.heldout_error < t->s.best_error)) {
        t->bad_looks++;
        return INFER_OK;
    }
    if (!t->best) t->best = malloc(a->count * sizeof *t->best);
    if (!t->best) return infer_fail_memory(t->ctx, a->count * sizeof *t->best);
    memcpy(t->best, a->value, a->count * sizeof *t->best);
    t->s.best_error = t->s.heldout_error;
    t->s.best_step = t->s.step;
    t->bad_looks = 0;
    return INFER_OK;
}

static int look_for_places(infer_trainer *t) {
    const size_t n = t->look_sources, T = t->o.frames, batch = t->rows / T;
    if (t->o.phase == 1)
        INFER_TRY(trainer_embed_points(t, t->points, t->point_count, t->point_rows));
    for (size_t i = 0; i < n; i += batch) INFER_TRY(look_at(t, i, n - i < batch ? n - i : batch));
    t->s.heldout_error = nearest_median(t->errors, n * T);
    if (t->o.phase == 2) t->s.initial_m = nearest_median(t->errors_before, n * T);
    return INFER_OK;
}

int trainer_look(infer_trainer *t) {
    INFER_TRY(t->o.phase ? look_for_places(t) : trainer_views_look(t));
    INFER_TRY(keep_best(t));
    t->s.stopped = t->o.patience && t->bad_looks >= t->o.patience;
    t->s.looked = true;
    return INFER_OK;
}
