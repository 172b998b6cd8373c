/* The published recipe (VidTAG section 3, supplement A and B), step by step: what the trainer does
 * is held against the same step put together here, from the paper's own numbers. Gradients, losses,
 * draws and rates have tests of their own; this one is of what they are given. */
#include "tests/unit/trainer_fixture.h"

enum { VIDEOS = 12, LENGTH = 8, ROWS = VIDEOS * LENGTH, OUT = 32, STEPS = 7, EPOCH = 5 };

static struct {
    size_t index[LENGTH];
    float features[ROWS * DIM], frames[ROWS * OUT], gps[ROWS * OUT], truth[ROWS * OUT];
    double lonlat[ROWS * 2], noisy[ROWS * 2];
} step;

/* Small sizes, all else as published. */
static infer_train_options recipe(int phase) {
    infer_train_options o = small(phase), published;
    infer_train_defaults(phase, &published);
    o.rate = published.rate;
    o.warmup = published.warmup;
    o.seed = 6;
    o.steps = STEPS;
    return o;
}

static bool draw(infer_trainer *by_hand, const infer_train_options *o, uint64_t at) {
    struct sampler sampler;
    struct random_stream r;
    bool ok = sampler_open(ctx, o->seed, SOURCES, VIDEOS, &sampler) == INFER_OK;
    random_start(&r, o->seed, RANDOM_FRAMES, at);
    const size_t *sources = sampler_step(&sampler, at);
    for (size_t i = 0; ok && i < VIDEOS; i++) {
        sampler_frames(o->in_a_row ? SAMPLER_RUN : SAMPLER_CELLS, &r, FRAMES, LENGTH, step.index);
        ok = dataset_rows(&by_hand->data, sources[i], step.index, LENGTH,
                          step.features + i * LENGTH * DIM,
                          step.lonlat + 2 * i * LENGTH) == INFER_OK;
    }
    sampler_close(&sampler);
    return ok;
}

static double first_phase(struct learner *l, const infer_train_options *o, uint64_t at) {
    const struct learn_batch batch = {.videos = VIDEOS,
                                      .frames = LENGTH,
                                      .features = step.features,
                                      .lonlat = step.lonlat,
                                      .dropout = {0.1F, o->seed, at}};
    double loss = NAN;
    return learn_contrast_pass(l, &batch, &loss, NULL) == INFER_OK ? loss : (double)NAN;
}

/* Which of n places has the embedding that is nearest to a row. */
static size_t nearest(const infer_trainer *t, const float *row, size_t n) {
    size_t best = 0;
    double most = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        double dot = 0;
        for (size_t j = 0; j < OUT; j++) dot += (double)row[j] * (double)t->point_rows[k * OUT + j];
        if (dot > most) best = k;
        most = fmax(most, dot);
    }
    return best;
}

static void find_places(const infer_trainer *t) {
    for (size_t i = 0; i < ROWS; i++)
        memcpy(step.gps + i * OUT, t->point_rows + nearest(t, step.frames + i * OUT, t->own) * OUT,
               OUT * sizeof *step.gps);
}

static bool make_wrong(infer_trainer *t, const infer_train_options *o, uint64_t at) {
    const struct noise published = {0.1, {0.001, false}, {0.02, false}, {0.2, false}};
    struct random_stream r;
    if (o->noise == INFER_NOISE_OWN) {
        find_places(t);
        return true;
    }
    random_start(&r, o->seed, RANDOM_NOISE, at);
    for (size_t i = 0; i < VIDEOS; i++)
        noise_apply(&published, &r, step.lonlat + 2 * i * LENGTH, LENGTH,
                    step.noisy + 2 * i * LENGTH);
    return learn_points_forward(t->learner, step.noisy, ROWS, step.gps) == INFER_OK;
}

static double second_phase(infer_trainer *t, const infer_train_options *o, uint64_t at) {
    struct learner *l = t->learner;
    const struct learn_dropout mistakes = {(float)o->own_dropout, o->seed, at};
    const size_t scale = learn_find(l, CATALOG_HEADS, "logit_scale")->offset;
    const struct learn_refinement batch = {.videos = VIDEOS,
                                           .frames = LENGTH,
                                           .embeddings = step.frames,
                                           .gps = step.gps,
                                           .truth = step.truth,
                                           .dropout = {0.1F, o->seed, at},
                                           .contrastive = o->contrastive,
                                           .log_scale = (double)learn_arena(l)->value[scale],
                                           .alpha = 10,
                                           .beta = 1};
    double loss = NAN;
    bool ok = learn_frames_forward(l, step.features, VIDEOS, LENGTH, 0, &mistakes, step.frames) ==
                  INFER_OK &&
              make_wrong(t, o, at) &&
              learn_points_forward(l, step.lonlat, ROWS, step.truth) == INFER_OK &&
              learn_refine_pass(l, &batch, &loss) == INFER_OK;
    return ok ? loss : (double)NAN;
}

/* Both trainers begin alike; one of them only lends its learner. */
static void compare(const infer_train_options *o, double rate, double decay, double warmup) {
    infer_trainer *t, *by_hand;
    infer_train_state s;
    REQUIRE(infer_trainer_open(ctx, o, &t) == INFER_OK);
    REQUIRE(infer_trainer_open(ctx, o, &by_hand) == INFER_OK);
    const struct learn_arena *a = learn_arena(t->learner), *b = learn_arena(by_hand->learner);
    for (uint64_t at = 0; at < STEPS; at++) {
        double now = rate * pow(decay, (double)(at / EPOCH)) * fmin(1, ((double)at + 1) / warmup);
        REQUIRE(draw(by_hand, o, at) && infer_trainer_step(t) == INFER_OK);
        double loss =
            o->phase == 1 ? first_phase(by_hand->learner, o, at) : second_phase(by_hand, o, at);
        double norm = learn_gradient_norm(by_hand->learner);
        infer_trainer_state(t, &s);
        CHECK(s.loss == loss && s.norm == norm);
        CHECK_NEAR(s.rate / now, 1, 1e-12);
        const struct learn_adam adam = {s.rate, 0.9, 0.999, 1e-8};
        learn_adam_step(by_hand->learner, &adam, at + 1,
                        o->clip > 0 ? fmin(1, o->clip / (norm + 1e-6)) : 1);
        CHECK(!memcmp(a->value, b->value, a->count * sizeof *a->value));
    }
    CHECK(infer_trainer_step(t) == INFER_END);
    infer_trainer_close(t);
    infer_trainer_close(by_hand);
}

TEST(phase_1_is_as_published) {
    const infer_train_options o = recipe(1);
    compare(&o, 5e-5, 0.99, 1000);
}

TEST(phase_2_is_as_published) {
    const infer_train_options o = recipe(2);
    compare(&o, 1e-4, 0.95, 1);
}

TEST(what_else_there_is_of_phase_1) {
    infer_train_options o = recipe(1);
    o.in_a_row = true;
    o.clip = 0.5; /* less than any step's norm */
    o.rate = 1e-3;
    o.decay = 0.5;
    o.warmup = 3;
    compare(&o, 1e-3, 0.5, 3);
}

TEST(what_else_there_is_of_phase_2) {
    infer_train_options o = recipe(2);
    o.contrastive = true;
    compare(&o, 1e-4, 0.95, 1);
    o.noise = INFER_NOISE_OWN;
    o.own_dropout = 0.3;
    o.point_count = 300;
    compare(&o, 1e-4, 0.95, 1);
}

static double first_loss(const infer_train_options *o) {
    infer_trainer *t;
    infer_train_state s = {.loss = NAN};
    if (infer_trainer_open(ctx, o, &t) != INFER_OK) return NAN;
    if (infer_trainer_step(t) == INFER_OK) infer_trainer_state(t, &s);
    infer_trainer_close(t);
    return s.loss;
}

/* Places to keep away from, beside the step's own: each row's sum is of so many more. */
TEST(negatives_are_in_the_loss) {
    for (int phase = 1; phase <= 2; phase++) {
        infer_train_options o = recipe(phase);
        o.contrastive = phase == 2;
        double without = first_loss(&o);
        o.negatives = 4 * ROWS;
        CHECK(first_loss(&o) > without + 0.2);
    }
}

/* A cosine falls to nothing; epochs are passes over all sources. */
TEST(the_course_is_as_asked_for) {
    infer_train_options o = recipe(1);
    infer_trainer *t;
    infer_train_state s;
    o.cosine = true;
    o.warmup = 0;
    o.rate = 1e-3;
    o.steps = 0;
    o.epochs = 2;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    for (int at = 0; at < 2 * EPOCH; at++) {
        REQUIRE(infer_trainer_step(t) == INFER_OK);
        infer_trainer_state(t, &s);
        CHECK_NEAR(s.rate, 5e-4 * (1 + cos(M_PI * at / (2.0 * EPOCH))), 1e-12);
        CHECK(s.epoch == (uint64_t)(at + 1) / EPOCH && s.steps == 2 * EPOCH);
    }
    CHECK(infer_trainer_step(t) == INFER_END);
    infer_trainer_close(t);
}

/* By the haversine, R = 6371008.8 m. */
static double metres(const double *a, const double *b) {
    const double radian = M_PI / 180, lat = sin((b[1] - a[1]) * radian / 2),
                 lon = sin((b[0] - a[0]) * radian / 2);
    return 2 * 6371008.8 *
           asin(sqrt(lat * lat + cos(a[1] * radian) * cos(b[1] * radian) * lon * lon));
}

static double median(double *x, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && x[k - 1] > x[k]; k--) {
            double swap = x[k];
            x[k] = x[k - 1];
            x[k - 1] = swap;
        }
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* A look is what vt-query and vt-refine would find for the held-out sources. */
TEST(looks_are_of_the_refined_places) {
    infer_train_options o = recipe(2);
    infer_trainer *t;
    infer_train_state s;
    double before[SOURCES * LENGTH], after[SOURCES * LENGTH];
    size_t n = 0;
    o.heldout = 0.2;
    o.every = 2;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK && infer_trainer_step(t) == INFER_OK);
    infer_trainer_state(t, &s);
    REQUIRE(s.looked && s.heldout > 4);
    for (size_t i = 0; i < s.heldout; i++) {
        sampler_middles(SAMPLER_CELLS, FRAMES, LENGTH, step.index);
        REQUIRE(dataset_rows(&t->data, t->data.train + i, step.index, LENGTH, step.features,
                             step.lonlat) == INFER_OK);
        REQUIRE(learn_frames_forward(t->learner, step.features, 1, LENGTH, 0, NULL, step.frames) ==
                INFER_OK);
        for (size_t k = 0; k < LENGTH; k++) {
            size_t place = nearest(t, step.frames + k * OUT, t->point_count);
            before[n + k] = metres(t->points + 2 * place, step.lonlat + 2 * k);
            memcpy(step.gps + k * OUT, t->point_rows + place * OUT, OUT * sizeof *step.gps);
        }
        REQUIRE(learn_refiner_forward(t->learner, step.frames, step.gps, 1, LENGTH, 0, NULL,
                                      step.truth) == INFER_OK);
        for (size_t k = 0; k < LENGTH; k++, n++)
            after[n] = metres(t->points + 2 * nearest(t, step.truth + k * OUT, t->point_count),
                              step.lonlat + 2 * k);
    }
    CHECK_NEAR(s.initial_m, median(before, n), 1e-6);
    CHECK_NEAR(s.heldout_error, median(after, n), 1e-6);
    CHECK(fabs(s.initial_m - s.heldout_error) > 1);
    infer_trainer_close(t);
}

TEST(defaults_are_the_published_ones) {
    for (int phase = 1; phase <= 2; phase++) {
        infer_train_options o;
        infer_train_defaults(phase, &o);
        CHECK(o.batch == 128 && o.frames == 16 && o.micro == 0 && !o.in_a_row && !o.cosine);
        CHECK(o.dropout == 0.1 && o.clip == 0 && !o.negatives && !o.contrastive);
        CHECK(o.rate == (phase == 1 ? 5e-5 : 1e-4) && o.decay == (phase == 1 ? 0.99 : 0.95));
        CHECK(o.warmup == (phase == 1 ? 1000 : 0));
        CHECK(o.noise == INFER_NOISE_PUBLISHED && o.collapse == 0.1);
        CHECK(o.jitter_least.value == 0.001 && !o.jitter_least.metres);
        CHECK(o.jitter_most.value == 0.02 && !o.jitter_most.metres);
        CHECK(o.shift.value == 0.2 && !o.shift.metres);
    }
}

TEST(fresh_heads_have_the_published_sizes) {
    infer_train_options o;
    infer_trainer *t;
    infer_train_defaults(1, &o);
    o.caches = caches;
    o.cache_count = 1;
    o.model = base;
    o.steps = 1;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    const struct model_config *c = &t->config;
    const struct transformer_config *x = &c->tempgeo;
    CHECK(x->dim == DIM && x->encoder_layers == 2 && x->heads == 8 && x->ff == 2400);
    CHECK(c->mlp.layers == 3 && c->mlp.sizes[0] == DIM && c->mlp.sizes[1] == 1024);
    CHECK(c->mlp.sizes[2] == 768 && c->mlp.sizes[3] == 512);
    const struct location_config *l = &c->location;
    CHECK(l->branches == 3 && l->frequencies == 256 && l->hidden == 1024 && l->out == 512);
    CHECK(t->o.sigma[0] == 1 && t->o.sigma[1] == 8 && t->o.sigma[2] == 256);
    infer_trainer_close(t);
    o = recipe(2);
    o.heads = o.ff = 0;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    x = &t->config.refiner;
    CHECK(x->encoder_layers == 1 && x->decoder_layers == 2 && x->heads == 8 && x->ff == 2048);
    infer_trainer_close(t);
}

/* Another seed begins with other weights; the points to look in are as many as asked for. */
TEST(seeds_and_points_are_heard) {
    for (int phase = 1; phase <= 2; phase++) {
        infer_train_options o = recipe(phase);
        infer_trainer *t, *other;
        o.heldout = 0.2;
        o.point_count = 100;
        REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
        o.seed++;
        REQUIRE(infer_trainer_open(ctx, &o, &other) == INFER_OK);
        const struct learn_arena *a = learn_arena(t->learner), *b = learn_arena(other->learner);
        CHECK(memcmp(a->value, b->value, a->trained * sizeof *a->value) != 0);
        CHECK(t->own == 100 && t->point_count > 100);
        CHECK(memcmp(t->points, other->points, 200 * sizeof *t->points) != 0);
        infer_trainer_close(t);
        infer_trainer_close(other);
    }
}

int main(void) {
    if (!fixture_open()) return 1;
    infer_train_options o = recipe(1);
    if (train(ctx, &o, first, NULL) != INFER_OK) return 1;
    RUN(phase_1_is_as_published);
    RUN(phase_2_is_as_published);
    RUN(what_else_there_is_of_phase_1);
    RUN(what_else_there_is_of_phase_2);
    RUN(negatives_are_in_the_loss);
    RUN(the_course_is_as_asked_for);
    RUN(looks_are_of_the_refined_places);
    RUN(defaults_are_the_published_ones);
    RUN(fresh_heads_have_the_published_sizes);
    RUN(seeds_and_points_are_heard);
    return fixture_close() ? test_finish() : 1;
}
