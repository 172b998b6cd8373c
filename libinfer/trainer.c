/* Training, one step at a time. */
#include "trainer.h"

#include "config.h"
#include "context.h"
#include "folder.h"
#include "nearest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------- opening */

static int load_base(infer_trainer *t) {
    infer_model *model;
    INFER_TRY(infer_model_load(t->ctx, t->o.model, 0, &model));
    t->base = model->config;
    infer_model_close(model);
    return INFER_OK;
}

static int open_data(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    if (!o->phase) return trainer_views_open(t);
    const struct dataset_rules rules = {.backbone = t->base.backbone_id,
                                        .model = o->model,
                                        .dim =
                                            (size_t)(t->base.clip.projection + t->base.dinov2.dim),
                                        .heldout = o->heldout};
    INFER_TRY(dataset_open(t->ctx, o->caches, o->cache_names, o->cache_count, &rules, &t->data));
    return sampler_open(t->ctx, o->seed, t->data.train, o->batch, &t->sampler);
}

static void plan_course(infer_trainer *t) {
    infer_train_options *o = &t->o;
    uint64_t epoch = sampler_steps(&t->sampler);
    uint64_t steps = o->steps ? o->steps : o->epochs * epoch;
    t->schedule = (struct schedule){.kind = o->cosine ? SCHEDULE_COSINE : SCHEDULE_EXPONENTIAL,
                                    .rate = o->rate,
                                    .decay = o->decay,
                                    .warmup = o->warmup,
                                    .epoch = epoch,
                                    .steps = steps};
    t->noise = (struct noise){.collapse = o->collapse,
                              .jitter_least = {o->jitter_least.value, o->jitter_least.metres},
                              .jitter_most = {o->jitter_most.value, o->jitter_most.metres},
                              .shift = {o->shift.value, o->shift.metres}};
    if (o->heldout > 0 && !o->every) o->every = epoch > 100 ? epoch : 100;
    t->s = (infer_train_state){.steps = steps,
                               .epoch_steps = epoch,
                               .sources = o->phase ? t->data.train : t->sampler.n,
                               .heldout = t->data.heldout,
                               .shorter = o->phase ? dataset_shorter(&t->data, o->frames) : 0,
                               .frames = t->data.frames,
                               .heldout_error = NAN,
                               .initial_m = NAN,
                               .best_error = INFINITY};
}

static int make_rows(infer_trainer *t) {
    if (!t->o.phase) return INFER_OK;
    const size_t n = t->rows = t->sampler.batch * t->o.frames, dim = trainer_dim(t);
    t->index = calloc(n, sizeof *t->index);
    t->found = calloc(n, sizeof *t->found);
    t->lonlat = calloc(n, 2 * sizeof *t->lonlat);
    t->noisy = calloc(n, 2 * sizeof *t->noisy);
    t->features = calloc(n, t->data.dim * sizeof *t->features);
    t->embeddings = calloc(n, dim * sizeof *t->embeddings);
    t->gps = calloc(n, dim * sizeof *t->gps);
    t->truth = calloc(n, dim * sizeof *t->truth);
    t->negatives = calloc(t->o.negatives + 1, 2 * sizeof *t->negatives);
    t->negative_rows = calloc(t->o.negatives + 1, dim * sizeof *t->negative_rows);
    bool ok = t->index && t->found && t->lonlat && t->noisy && t->features && t->embeddings &&
              t->gps && t->truth && t->negatives && t->negative_rows;
    return ok ? INFER_OK : infer_fail_memory(t->ctx, n * (t->data.dim + 3 * dim) * sizeof(float));
}

/* Where frames are looked up at all; frozen points are embedded once. */
static int make_points(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    if (!o->phase) return INFER_OK;
    bool own = o->phase == 2 && o->noise == INFER_NOISE_OWN;
    if (!own && !o->negatives && !(o->heldout > 0)) return INFER_OK;
    INFER_TRY(trainer_choose_points(t));
    size_t bytes = t->point_count * trainer_dim(t) * sizeof *t->point_rows;
    t->point_rows = malloc(bytes);
    if (!t->point_rows) return infer_fail_memory(t->ctx, bytes);
    if (o->phase == 1) return INFER_OK;
    return trainer_embed_points(t, t->points, t->point_count, t->point_rows);
}

int infer_trainer_open(infer *ctx, const infer_train_options *options, infer_trainer **out) {
    int status;
    *out = NULL;
    infer_trainer *t = calloc(1, sizeof *t);
    if (!t) return infer_fail_memory(ctx, sizeof *t);
    t->ctx = ctx;
    t->o = *options;
    if (t->o.phase) INFER_GO(load_base(t));
    INFER_GO(trainer_configure(t));
    INFER_GO(open_data(t));
    plan_course(t);
    INFER_GO(make_rows(t));
    INFER_GO(trainer_make_learner(t));
    INFER_GO(make_points(t));
    *out = t;
    return INFER_OK;
done:
    infer_trainer_close(t);
    return status;
}

void infer_trainer_close(infer_trainer *t) {
    if (!t) return;
    void *owned[] = {t->points, t->point_rows, t->index,         t->found, t->lonlat,
                     t->noisy,  t->features,   t->embeddings,    t->gps,   t->truth,
                     t->errors, t->negatives,  t->negative_rows, t->best};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    learn_close(t->learner);
    trainer_views_close(t);
    sampler_close(&t->sampler);
    dataset_close(&t->data);
    free(t);
}

/* ---------------------------------------------------------------------- steps */

static int gather(infer_trainer *t) {
    if (!t->o.phase) return INFER_OK;
    const size_t T = t->o.frames;
    const size_t *sources = sampler_step(&t->sampler, t->s.step);
    struct random_stream r;
    random_start(&r, t->o.seed, RANDOM_FRAMES, t->s.step);
    for (size_t i = 0; i < t->sampler.batch; i++)
        sampler_frames(t->o.in_a_row ? SAMPLER_RUN : SAMPLER_CELLS, &r,
                       (size_t)t->data.sources[sources[i]].in.frames, T, t->index + i * T);
    for (size_t i = 0; i < t->sampler.batch; i++)
        INFER_TRY(dataset_rows(&t->data, sources[i], t->index + i * T, T,
                               t->features + i * T * t->data.dim, t->lonlat + 2 * i * T));
    return INFER_OK;
}

/* Points that no frame of the step was taken at. */
static void draw_negatives(infer_trainer *t) {
    const size_t dim = trainer_dim(t);
    struct random_stream r;
    random_start(&r, t->o.seed, RANDOM_POINTS, 1 + t->s.step);
    for (size_t i = 0; i < t->o.negatives; i++) {
        size_t at = (size_t)random_below(&r, t->own);
        memcpy(t->negatives + 2 * i, t->points + 2 * at, 2 * sizeof *t->negatives);
        if (t->o.phase == 2)
            memcpy(t->negative_rows + i * dim, t->point_rows + at * dim, dim * sizeof(float));
    }
}

static int first_phase(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    size_t hits = 0;
    draw_negatives(t);
    const struct learn_batch batch = {.videos = t->sampler.batch,
                                      .frames = o->frames,
                                      .micro = o->micro,
                                      .features = t->features,
                                      .lonlat = t->lonlat,
                                      .negatives = o->negatives ? t->negatives : NULL,
                                      .extra = o->negatives,
                                      .dropout = {(float)o->dropout, o->seed, t->s.step}};
    INFER_TRY(learn_contrast_pass(t->learner, &batch, &t->s.loss, &hits));
    t->s.hits = (double)hits / (double)t->rows;
    return INFER_OK;
}

static int own_mistakes(infer_trainer *t) {
    const size_t dim = trainer_dim(t);
    INFER_TRY(nearest_find(t->ctx, t->embeddings, t->rows, t->point_rows, t->own, dim, t->found));
    for (size_t i = 0; i < t->rows; i++)
        memcpy(t->gps + i * dim, t->point_rows + t->found[i] * dim, dim * sizeof *t->gps);
    return INFER_OK;
}

static int published_noise(infer_trainer *t) {
    const size_t T = t->o.frames;
    struct random_stream r;
    random_start(&r, t->o.seed, RANDOM_NOISE, t->s.step);
    for (size_t i = 0; i < t->sampler.batch; i++)
        noise_apply(&t->noise, &r, t->lonlat + 2 * i * T, T, t->noisy + 2 * i * T);
    return trainer_embed_points(t, t->noisy, t->rows, t->gps);
}

static int second_phase(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    bool own = o->noise == INFER_NOISE_OWN;
    INFER_TRY(trainer_embed_frames(t, t->sampler.batch, own ? o->own_dropout : 0));
    INFER_TRY(own ? own_mistakes(t) : published_noise(t));
    INFER_TRY(trainer_embed_points(t, t->lonlat, t->rows, t->truth));
    draw_negatives(t);
    const struct learn_tensor *scale = learn_find(t->learner, CATALOG_HEADS, "logit_scale");
    const struct learn_refinement batch = {
        .videos = t->sampler.batch,
        .frames = o->frames,
        .micro = o->micro,
        .embeddings = t->embeddings,
        .gps = t->gps,
        .truth = t->truth,
        .dropout = {(float)o->dropout, o->seed, t->s.step},
        .contrastive = o->contrastive,
        .log_scale = (double)learn_arena(t->learner)->value[scale->offset],
        .negatives = o->negatives ? t->negative_rows : NULL,
        .extra = o->negatives,
        .alpha = 10,
        .beta = 1};
    return learn_refine_pass(t->learner, &batch, &t->s.loss);
}

/* Weights stay as they are where the step would spoil them. */
static int check_step(infer_trainer *t) {
    if (isfinite(t->s.loss) && isfinite(t->s.norm)) return INFER_OK;
    learn_clear(t->learner);
    return infer_fail(
        t->ctx, INFER_EVALUE,
        "step %llu: the %s is not a finite number at rate %g; lower the rate, or clip "
        "the gradient",
        (unsigned long long)t->s.step + 1, isfinite(t->s.loss) ? "gradient" : "loss", t->s.rate);
}

static int learn(infer_trainer *t) {
    INFER_TRY(!t->o.phase       ? trainer_views_learn(t)
              : t->o.phase == 1 ? first_phase(t)
                                : second_phase(t));
    t->s.norm = learn_gradient_norm(t->learner);
    return check_step(t);
}

int trainer_probe(infer_trainer *t) {
    const infer_train_state before = t->s;
    if (t->s.stopped || t->s.step >= t->s.steps) return INFER_OK;
    int status = gather(t);
    /* Features that cannot be read say nothing of the weights. */
    status = status == INFER_OK ? learn(t) : INFER_OK;
    learn_clear(t->learner);
    t->s = before;
    return status;
}

int infer_trainer_step(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    const struct learn_adam adam = {schedule_rate(&t->schedule, t->s.step), 0.9, 0.999, 1e-8};
    if (t->s.stopped || t->s.step >= t->s.steps) return INFER_END;
    t->s.looked = false;
    t->s.rate = adam.rate;
    INFER_TRY(gather(t));
    INFER_TRY(learn(t));
    double clip = o->clip > 0 ? fmin(1, o->clip / (t->s.norm + 1e-6)) : 1;
    learn_adam_step(t->learner, &adam, t->s.step + 1, clip);
    t->s.step++;
    if (o->heldout > 0 && (t->s.step % o->every == 0 || t->s.step == t->s.steps))
        return trainer_look(t);
    return INFER_OK;
}

void infer_trainer_state(const infer_trainer *t, infer_train_state *state) {
    const struct learn_tensor *scale = learn_find(t->learner, CATALOG_HEADS, "logit_scale");
    *state = t->s;
    state->epoch = t->s.step / t->s.epoch_steps;
    state->scale =
        scale ? exp((double)learn_arena(t->learner)->value[scale->offset]) : 1 / t->o.temperature;
}
