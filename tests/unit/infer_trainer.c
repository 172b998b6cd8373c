/* The trainer on features that are a noisy function of the place: it learns to find places again,
 * goes on to the same bits after an interruption, on any number of threads, and keeps what is good
 * when something is not. */
#include "tests/unit/trainer_fixture.h"

#include <sys/resource.h>
#include <signal.h>

#include <xxhash.h>

/* ------------------------------------------------------------------- learning */

static int write_from(infer_trainer *t, const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", scratch, name);
    return infer_trainer_write(t, path, false, true);
}

/* The held-out drives lie among 700 places over 2 km: by chance the median error is a kilometre. */
TEST(it_learns_places) {
    infer_train_options o = small(1);
    infer_train_state s;
    infer_trainer *t;
    o.steps = 200;
    o.cosine = true;
    o.heldout = 0.2;
    o.every = 50;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK);
    infer_trainer_state(t, &s);
    double begin = s.loss;
    CHECK(fabs(begin - log(96)) < 1); /* 12 x 8 places, none known yet */
    CHECK(s.sources + s.heldout == SOURCES && s.heldout > 4 && s.shorter == 0);
    REQUIRE(run(t) == INFER_OK);
    infer_trainer_state(t, &s);
    CHECK(s.step == 200 && s.loss < begin - 1.2 && s.hits > 0.2);
    CHECK(s.best_error < 150 && s.best_error <= s.heldout_error && s.best_step % 50 == 0);
    REQUIRE(infer_trainer_write(t, first, false, true) == INFER_OK);
    infer_trainer_close(t);
    CHECK(infer_model_verify(ctx, first) == INFER_OK);
}

/* What was written finds the places again, through the tools' own calls. */
TEST(what_was_written_retrieves) {
    infer_model *m;
    struct cache *c;
    static float features[FRAMES * DIM], frames[FRAMES * 32], points[FRAMES * 32];
    double places[2 * FRAMES], here = 0, there = 0;
    REQUIRE(infer_model_load(ctx, first, INFER_PART_FRAMES | INFER_PART_LOCATION, &m) == INFER_OK);
    REQUIRE(cache_open(ctx, cache, NULL, &c) == INFER_OK);
    for (uint64_t i = 0; i < 8; i++) {
        REQUIRE(cache_feature(c, 40 + 2 * i, features + i * DIM) == INFER_OK);
        cache_truth(c, 40 + 2 * i, places + 2 * i);
    }
    for (uint64_t i = 8; i < 16; i++) cache_truth(c, 400 + 20 * i, places + 2 * i);
    REQUIRE(infer_frames_embed(m, features, 8, frames) == INFER_OK);
    REQUIRE(infer_points_embed(m, places, 16, points) == INFER_OK);
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 32; k++) {
            here += (double)(frames[i * 32 + k] * points[i * 32 + k]) / 8;
            there += (double)(frames[i * 32 + k] * points[(i + 8) * 32 + k]) / 8;
        }
    CHECK(here > 0.5 && here > there + 0.3);
    cache_close(c);
    infer_model_close(m);
}

TEST(a_refiner_is_trained_on_it) {
    for (int kind = 0; kind < 3; kind++) {
        infer_train_options o = small(2);
        infer_train_state s;
        infer_trainer *t;
        o.steps = 40;
        o.contrastive = kind > 0;
        o.noise = kind == 2 ? INFER_NOISE_OWN : INFER_NOISE_PUBLISHED;
        o.own_dropout = kind == 2 ? 0.2 : 0;
        o.jitter_least = (infer_length){5, true};
        o.jitter_most = (infer_length){60, true};
        o.shift = (infer_length){100, true};
        o.heldout = 0.2;
        o.every = 20;
        o.negatives = kind ? 32 : 0;
        REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
        REQUIRE(infer_trainer_step(t) == INFER_OK);
        infer_trainer_state(t, &s);
        double begin = s.loss;
        REQUIRE(run(t) == INFER_OK);
        infer_trainer_state(t, &s);
        CHECK(s.loss < 0.8 * begin);
        CHECK(isfinite(s.initial_m) && isfinite(s.heldout_error));
        REQUIRE(infer_trainer_write(t, out, false, true) == INFER_OK);
        infer_trainer_close(t);
        CHECK(infer_model_verify(ctx, out) == INFER_OK);
    }
}

static const float *tensor_of(struct weights *w, const char *name, uint64_t *count) {
    const struct weights_tensor *t = weights_find(w, name);
    *count = t ? t->count : 0;
    return t ? weights_f32(t) : NULL;
}

/* Frequencies tell places some metres apart: eleven bits would not do. */
TEST(half_keeps_the_frequencies) {
    infer_train_options o = small(1);
    infer_trainer *t;
    struct weights *w;
    char path[160];
    size_t exact = 0;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_write(t, out, true, true) == INFER_OK);
    snprintf(path, sizeof path, "%s/heads.safetensors", out);
    REQUIRE(weights_open(ctx, path, &w) == INFER_OK);
    for (size_t i = 0; i < weights_count(w); i++) {
        const struct weights_tensor *tensor = weights_at(w, i);
        const struct learn_tensor *from = learn_find(t->learner, CATALOG_HEADS, tensor->name);
        bool frequencies = strstr(tensor->name, "capsule.0.b") != NULL;
        CHECK(tensor->dtype == (frequencies ? WEIGHTS_F32 : WEIGHTS_F16));
        if (!frequencies) continue;
        CHECK(from && !memcmp(tensor->data, learn_arena(t->learner)->value + from->offset,
                              tensor->count * sizeof(float)));
        exact++;
    }
    CHECK(exact == 2);
    weights_close(w);
    infer_trainer_close(t);
}

/* Phase II changes GeoRefiner and nothing else. */
TEST(what_is_frozen_stays) {
    struct weights *a, *b;
    char path[160];
    infer_train_options o = small(2);
    REQUIRE(train(ctx, &o, out, NULL) == INFER_OK);
    snprintf(path, sizeof path, "%s/heads.safetensors", first);
    REQUIRE(weights_open(ctx, path, &a) == INFER_OK);
    snprintf(path, sizeof path, "%s/heads.safetensors", out);
    REQUIRE(weights_open(ctx, path, &b) == INFER_OK);
    CHECK(weights_count(b) > weights_count(a));
    for (size_t i = 0; i < weights_count(a); i++) {
        uint64_t n, m;
        const char *name = weights_at(a, i)->name;
        const float *x = tensor_of(a, name, &n), *y = tensor_of(b, name, &m);
        CHECK(x && y && n == m && !memcmp(x, y, n * sizeof *x));
    }
    weights_close(a);
    weights_close(b);
    for (int i = 0; i < 2; i++) {
        char one[160], other[160];
        snprintf(one, sizeof one, "%s/%s.safetensors", base, i ? "clip" : "dinov2");
        snprintf(other, sizeof other, "%s/%s.safetensors", out, i ? "clip" : "dinov2");
        CHECK(same_files(one, other));
    }
}

/* Before the first step they are the model's own. */
TEST(going_on_begins_with_the_models_heads) {
    char refined[128], same[128];
    snprintf(refined, sizeof refined, "%s/refined", scratch);
    infer_train_options o = small(2);
    REQUIRE(train(ctx, &o, refined, NULL) == INFER_OK);
    for (int phase = 1; phase <= 2; phase++) {
        infer_train_options p;
        infer_trainer *t;
        infer_train_defaults(phase, &p);
        p.caches = caches;
        p.cache_count = 1;
        p.frames = 8;
        p.steps = 1;
        p.go_on = true;
        p.model = phase == 1 ? first : refined;
        REQUIRE(infer_trainer_open(ctx, &p, &t) == INFER_OK);
        REQUIRE(write_from(t, "same", same) == INFER_OK);
        CHECK(same_heads(p.model, same));
        infer_trainer_close(t);
    }
}

TEST(frame_wise_heads_are_models_too) {
    infer_train_options o = small(1);
    infer_model *m;
    float features[2 * DIM] = {1}, both[64], alone[32];
    o.frame_wise = true;
    o.layers = o.heads = o.ff = 0;
    features[DIM + 3] = 1;
    REQUIRE(train(ctx, &o, out, NULL) == INFER_OK);
    REQUIRE(infer_model_load(ctx, out, INFER_PART_FRAMES, &m) == INFER_OK);
    CHECK(infer_model_describe(m)->max_frames == 0);
    REQUIRE(infer_frames_embed(m, features, 2, both) == INFER_OK);
    REQUIRE(infer_frames_embed(m, features + DIM, 1, alone) == INFER_OK);
    for (int i = 0; i < 32; i++) CHECK_NEAR(both[32 + i], alone[i], 1e-6);
    infer_model_close(m);
}

/* ----------------------------------------------------------- phase 0's held-out pairs */

#define PAIRS 40
#define SIDE 16
#define VIEW (SIDE * SIDE * 3)
static uint8_t views[PAIRS][2][VIEW];

/* A place is a few stripes of colour; its second view is darker and noisy. */
static bool make_pairs(const char *path) {
    static const char text[] = "{\"pictures\":{\"dtype\":\"U8\",\"shape\":[40,2,16,16,3],"
                               "\"data_offsets\":[0,61440]}}";
    const uint64_t length = sizeof text - 1;
    struct random_stream r;
    random_start(&r, 8, RANDOM_NOISE, 0);
    for (int i = 0; i < PAIRS; i++)
        for (int k = 0; k < VIEW; k++) {
            uint64_t stripe = random_mix((uint64_t)i, (uint64_t)(k / 3 % SIDE / 4 * 3 + k % 3));
            views[i][0][k] = (uint8_t)(40 + stripe % 160);
            views[i][1][k] = (uint8_t)(0.4 * views[i][0][k] + random_range(&r, 0, 150));
        }
    FILE *f = fopen(path, "w");
    bool ok = f && fwrite(&length, sizeof length, 1, f) && fwrite(text, length, 1, f) &&
              fwrite(views, sizeof views, 1, f);
    return (f && !fclose(f)) && ok;
}

static infer_train_options small_views(void) {
    static char path[128];
    static const char *paths[] = {path};
    infer_train_options o;
    snprintf(path, sizeof path, "%s/pairs", scratch);
    infer_train_defaults(0, &o);
    o.caches = paths;
    o.cache_count = 1;
    o.picture = SIDE;
    o.patch = 4;
    o.width = 16;
    o.depth = 1;
    o.heads = 2;
    o.projection = 8;
    o.batch = 6;
    o.steps = 30;
    o.rate = 3e-3;
    o.heldout = 0.5;
    o.every = 6;
    return o;
}

/* The pairs that are held out, in the order of their hashes. */
static size_t held_out(double share, size_t *pairs) {
    uint64_t hash[PAIRS];
    size_t n = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        hash[i] = XXH3_64bits(views[i], sizeof views[i]);
        if ((double)(hash[i] >> 11) * 0x1p-53 >= share) continue;
        size_t k = n++;
        for (; k > 0 && hash[pairs[k - 1]] > hash[i]; k--) pairs[k] = pairs[k - 1];
        pairs[k] = i;
    }
    return n;
}

/* dim numbers of the features, from `at` on: is a's own b the nearest of n? */
static size_t count_hits(const float *features, size_t row, size_t at, size_t dim, size_t n) {
    size_t hits = 0;
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        double most = -INFINITY;
        for (size_t k = 0; k < n; k++) {
            const float *a = features + 2 * i * row + at, *b = features + (2 * k + 1) * row + at;
            double dot = 0, norm = 0;
            for (size_t j = 0; j < dim; j++) {
                dot += (double)a[j] * (double)b[j];
                norm += (double)b[j] * (double)b[j];
            }
            if (dot / sqrt(norm) > most) {
                most = dot / sqrt(norm);
                best = k;
            }
        }
        hits += best == i;
    }
    return hits;
}

/* What a look said of the best weights is what the written model does. */
TEST(held_out_pairs_are_matched_as_the_model_matches_them) {
    infer_train_options o = small_views();
    infer_train_state s;
    infer_model *m;
    size_t pairs[PAIRS], hits = 0, seen = 0;
    static float features[12 * 24];
    REQUIRE(make_pairs(o.caches[0]));
    const size_t n = held_out(o.heldout, pairs);
    REQUIRE(train(ctx, &o, out, &s) == INFER_OK);
    CHECK(s.heldout == n && s.sources == PAIRS - n && n > 12 && n < 24);
    CHECK(s.step == 30 && s.best_step % 6 == 0 && s.best_error <= s.heldout_error);
    REQUIRE(infer_model_load(ctx, out, INFER_PART_BACKBONES, &m) == INFER_OK);
    REQUIRE(infer_model_describe(m)->feature_dim == 24);
    for (size_t group = 0; group < n / 6; group++) {
        infer_picture pictures[12];
        for (size_t i = 0; i < 12; i++)
            pictures[i] = (infer_picture){SIDE, SIDE, views[pairs[group * 6 + i / 2]][i % 2]};
        REQUIRE(infer_pictures_encode(m, pictures, 12, features) == INFER_OK);
        hits += count_hits(features, 24, 0, 8, 6) + count_hits(features, 24, 8, 16, 6);
        seen += 12;
    }
    CHECK_NEAR(1 - s.best_error, (double)hits / (double)seen, 1e-12);
    CHECK(s.best_error < 0.6); /* by chance 5 of 6 are missed */
    infer_model_close(m);
    o.heldout = 1e-9;
    CHECK(train(ctx, &o, NULL, NULL) == INFER_EVALUE);
    CHECK(strstr(infer_message(ctx), "of 40 pairs, 40 are to train on and 0 are held out"));
}

/* As hot as that all similarities are the same. */
TEST(temperature_divides_similarities) {
    infer_train_options o = small_views();
    infer_train_state s;
    o.steps = 1;
    o.heldout = 0;
    o.every = 0;
    o.temperature = 1e6;
    REQUIRE(make_pairs(o.caches[0]) && train(ctx, &o, NULL, &s) == INFER_OK);
    CHECK_NEAR(s.loss, log(6), 1e-5);
    CHECK_NEAR(s.scale, 1e-6, 1e-12);
}

/* Looks draw no numbers and leave no gradients: a look at each step changes nothing. A stop between
 * looks neither. */
TEST(looks_at_pairs_change_nothing) {
    infer_train_options o = small_views();
    infer_trainer *t;
    infer_train_state often, seldom;
    char *changed;
    o.steps = 10;
    o.every = 1;
    REQUIRE(make_pairs(o.caches[0]) && train(ctx, &o, NULL, &often) == INFER_OK);
    o.every = 10;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    for (int i = 0; i < 7; i++) REQUIRE(infer_trainer_step(t) == INFER_OK);
    REQUIRE(infer_trainer_save(t, state) == INFER_OK);
    infer_trainer_close(t);
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_resume(t, state, &changed) == INFER_OK && !changed);
    REQUIRE(run(t) == INFER_OK);
    infer_trainer_state(t, &seldom);
    infer_trainer_close(t);
    CHECK(often.loss == seldom.loss && often.heldout_error == seldom.heldout_error);
}

/* ------------------------------------------------------------ the same weights */

/* Interrupted after each kind of step, saved, and gone on with in another trainer. */
TEST(resuming_gives_the_same_bits) {
    char whole[128], parts[128];
    snprintf(whole, sizeof whole, "%s/whole", scratch);
    snprintf(parts, sizeof parts, "%s/parts", scratch);
    for (int phase = 1; phase <= 2; phase++) {
        infer_train_options o = small(phase);
        infer_train_state a, b;
        o.heldout = 0.2;
        o.every = 5;
        o.negatives = phase == 1 ? 16 : 0;
        REQUIRE(train(ctx, &o, whole, &a) == INFER_OK);
        unlink(state);
        for (int stop = 1; stop < 12; stop += 3) {
            infer_trainer *t;
            char *changed;
            REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
            if (stop > 1) REQUIRE(infer_trainer_resume(t, state, &changed) == INFER_OK);
            for (int i = 0; i < (stop == 1 ? 1 : 3); i++) CHECK(infer_trainer_step(t) == INFER_OK);
            REQUIRE(infer_trainer_save(t, state) == INFER_OK);
            infer_trainer_step(t); /* is lost */
            infer_trainer_close(t);
        }
        infer_trainer *t;
        char *changed;
        REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
        REQUIRE(infer_trainer_resume(t, state, &changed) == INFER_OK);
        CHECK(!changed);
        REQUIRE(run(t) == INFER_OK);
        infer_trainer_state(t, &b);
        REQUIRE(infer_trainer_write(t, parts, false, true) == INFER_OK);
        infer_trainer_close(t);
        CHECK(same_heads(whole, parts));
        CHECK(a.loss == b.loss && a.best_error == b.best_error && a.best_step == b.best_step);
    }
}

/* The best weights so far are older than a state, and part of it; so is for how long nothing has
 * improved. */
TEST(the_best_is_part_of_the_state) {
    infer_train_options o = small(1);
    infer_trainer *t, *again;
    char *changed, path[3][128];
    o.heldout = 0.2;
    o.every = 2;
    o.rate = 1e-9; /* nothing improves */
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    for (int i = 0; i < 7; i++) REQUIRE(infer_trainer_step(t) == INFER_OK);
    REQUIRE(t->s.best_step < 6 && t->bad_looks > 0);
    REQUIRE(infer_trainer_save(t, state) == INFER_OK);
    REQUIRE(write_from(t, "there", path[0]) == INFER_OK);
    REQUIRE(infer_trainer_open(ctx, &o, &again) == INFER_OK);
    REQUIRE(infer_trainer_resume(again, state, &changed) == INFER_OK);
    CHECK(again->bad_looks == t->bad_looks && again->s.best_step == t->s.best_step);
    REQUIRE(write_from(again, "here", path[1]) == INFER_OK);
    CHECK(same_heads(path[0], path[1]));
    free(t->best); /* it was not the last ones that were written */
    t->best = NULL;
    REQUIRE(write_from(t, "last", path[2]) == INFER_OK);
    CHECK(!same_heads(path[0], path[2]));
    infer_trainer_close(t);
    infer_trainer_close(again);
}

TEST(threads_do_not_matter) {
    char one[128], three[128];
    snprintf(one, sizeof one, "%s/one", scratch);
    snprintf(three, sizeof three, "%s/three", scratch);
    for (int phase = 1; phase <= 2; phase++) {
        infer_train_options o = small(phase);
        o.noise = INFER_NOISE_OWN;
        o.micro = phase == 1 ? 5 : 0;
        for (int i = 0; i < 2; i++) {
            infer *c;
            const infer_options threads = {.threads = i ? 3 : 1};
            REQUIRE(infer_open(&threads, &c) == INFER_OK);
            CHECK(train(c, &o, i ? three : one, NULL) == INFER_OK);
            infer_close(c);
        }
        CHECK(same_heads(one, three));
        o.seed = 1;
        REQUIRE(train(ctx, &o, three, NULL) == INFER_OK);
        CHECK(!same_heads(one, three));
    }
}

/* ---------------------------------------------------------------------- trouble */

/* A good state, then a rate that ends in no number (as large weights, or as infinite ones): the
 * good state stays, and a better rate goes on from it. */
TEST(a_rate_beyond_reason_keeps_the_last_good_state) {
    static const double rates[] = {1e13, 3e38};
    infer_train_options o = small(1);
    infer_trainer *t;
    infer_train_state s;
    char *changed;
    o.warmup = 0;
    o.steps = 50;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    for (int i = 0; i < 3; i++) REQUIRE(infer_trainer_step(t) == INFER_OK);
    REQUIRE(infer_trainer_save(t, state) == INFER_OK);
    infer_trainer_close(t);
    for (int i = 0; i < 2; i++) {
        int status;
        o.rate = rates[i];
        REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
        CHECK(infer_trainer_resume(t, state, &changed) == INFER_OK);
        CHECK_TEXT(changed, "--lr");
        free(changed);
        while ((status = infer_trainer_step(t)) == INFER_OK) {
        }
        CHECK(status == INFER_EVALUE);
        CHECK(strstr(infer_message(ctx), "is not a finite number at rate"));
        CHECK(infer_trainer_save(t, state) == INFER_EVALUE);
        CHECK(infer_trainer_resume(t, state, &changed) == INFER_OK);
        free(changed);
        infer_trainer_state(t, &s);
        CHECK(s.step == 3);
        CHECK(infer_trainer_save(t, state) == INFER_OK);
        infer_trainer_close(t);
    }
}

TEST(other_trainings_are_refused) {
    infer_train_options o = small(1);
    infer_trainer *t;
    char *changed;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK && infer_trainer_save(t, state) == INFER_OK);
    infer_trainer_close(t);
    const char *const names[] = {"seed", "batch", "dropout", "sigma", "dim", "validate"};
    for (int i = 0; i < 6; i++) {
        char expected[64];
        infer_train_options p = o;
        p.seed = i == 0;
        if (i == 1) p.batch = 11;
        if (i == 2) p.dropout = 0.2;
        if (i == 3) p.sigma[1] = 16384;
        if (i == 4) p.dim = 40;
        if (i == 5) p.heldout = 0.1;
        REQUIRE(infer_trainer_open(ctx, &p, &t) == INFER_OK);
        CHECK(infer_trainer_resume(t, state, &changed) == INFER_EVALUE);
        snprintf(expected, sizeof expected, "its %s differs", names[i]);
        CHECK(strstr(infer_message(ctx), expected));
        infer_trainer_close(t);
    }
}

/* Every bit that counts; the trainer is as it was. */
TEST(damaged_states_are_refused) {
    static char bytes[1 << 22];
    infer_train_options o = small(1);
    infer_trainer *t;
    infer_train_state s;
    char *changed, bad[128];
    const uint32_t nan = 0x7fc00000;
    snprintf(bad, sizeof bad, "%s/bad", scratch);
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK && infer_trainer_save(t, state) == INFER_OK);
    FILE *f = fopen(state, "r");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    REQUIRE(n > 4096 && n < sizeof bytes);
    fclose(f);
    for (int i = 0; i < 12; i++) {
        size_t length = i < 10 ? n * (size_t)i / 10 : n;
        f = fopen(bad, "w");
        REQUIRE(f);
        if (i == 10) memcpy(bytes + n / 2 / 4 * 4, &nan, 4);
        if (i == 11) memcpy(memmem(bytes, n, "vidtag-training", 15), "vidtag-trainer!", 15);
        CHECK(fwrite(bytes, 1, length, f) == length);
        fclose(f);
        CHECK(infer_trainer_resume(t, bad, &changed) != INFER_OK);
        CHECK(!changed);
    }
    CHECK(infer_trainer_resume(t, FIXTURES "/golden.safetensors", &changed) == INFER_EFORMAT);
    infer_trainer_state(t, &s);
    CHECK(s.step == 1);
    CHECK(infer_trainer_step(t) == INFER_OK);
    infer_trainer_close(t);
}

/* What was best since is no part of a state from before; a best error must be a number. */
TEST(a_state_from_before_the_first_look_forgets_it) {
    infer_train_options o = small(1);
    infer_trainer *t;
    infer_train_state s;
    char *changed, command[256];
    o.heldout = 0.2;
    o.every = 2;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK && infer_trainer_save(t, state) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK);
    infer_trainer_state(t, &s);
    CHECK(s.looked && isfinite(s.best_error) && t->best);
    REQUIRE(infer_trainer_resume(t, state, &changed) == INFER_OK);
    infer_trainer_state(t, &s);
    CHECK(s.step == 1 && isinf(s.best_error) && !t->best && !s.looked);
    snprintf(command, sizeof command, "sed -i 's/1 0 0 0 inf /1 0 0 0 nan /' '%s'", state);
    REQUIRE(system(command) == 0);
    CHECK(infer_trainer_resume(t, state, &changed) == INFER_EFORMAT);
    infer_trainer_close(t);
}

/* The old state stays, whole, and there is nothing beside it. */
TEST(a_full_disk_loses_nothing) {
    infer_train_options o = small(1);
    infer_trainer *t;
    char *changed, temporary[128];
    struct rlimit before, limit;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK && infer_trainer_save(t, state) == INFER_OK);
    REQUIRE(infer_trainer_step(t) == INFER_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 20000;
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK(infer_trainer_save(t, state) == INFER_EIO);
    CHECK(strstr(infer_message(ctx), state) && strstr(infer_message(ctx), "File too large"));
    CHECK(!strstr(infer_message(ctx), ".tmp"));
    char copy[160];
    snprintf(copy, sizeof copy, "%s/none", scratch);
    CHECK(infer_trainer_write(t, copy, false, false) == INFER_EIO);
    CHECK(access(copy, F_OK) != 0);
    setrlimit(RLIMIT_FSIZE, &before);
    snprintf(temporary, sizeof temporary, "%s.tmp", state);
    CHECK(access(temporary, F_OK) != 0);
    CHECK(infer_trainer_resume(t, state, &changed) == INFER_OK);
    CHECK(infer_trainer_write(t, copy, false, false) == INFER_OK);
    infer_trainer_close(t);
}

TEST(what_does_not_fit_is_named) {
    static const struct {
        const char *message;
        int status;
    } bad[] = {{"give a number of steps or of epochs", INFER_EUSAGE},
               {"is backbones alone; train its heads by phase 1 first", INFER_EMODEL},
               {"has no heads to go on from", INFER_EMODEL},
               {"9 frames a source, but TempGeo has positions for 8", INFER_EUSAGE},
               {"takes no negatives", INFER_EUSAGE},
               {"5 heads do not divide its width 128", INFER_EFORMAT},
               {"sizes are the model's own", INFER_EUSAGE},
               {"nothing to stop by", INFER_EUSAGE},
               {"has positions for 8", INFER_EUSAGE}};
    for (int i = 0; i < 9; i++) {
        infer_train_options o = small(i == 1 || i == 4 || i == 8 ? 2 : 1);
        infer_trainer *t;
        if (i == 0) o.epochs = 3;
        if (i == 1) o.model = base;
        if (i == 2) o.go_on = true;
        if (i == 3) o.frames = 9, o.max_frames = 8;
        if (i == 4) o.negatives = 5;
        if (i == 5) o.heads = 5;
        if (i == 6) o.model = first, o.go_on = true;
        if (i == 7) o.patience = 3;
        if (i == 8) o.frames = 9;
        CHECK(infer_trainer_open(ctx, &o, &t) == bad[i].status);
        CHECK(!t && strstr(infer_message(ctx), bad[i].message));
    }
}

TEST(it_stops_early_and_keeps_the_best) {
    infer_train_options o = small(1);
    infer_train_state s;
    o.steps = 60;
    o.rate = 1e-9; /* nothing improves */
    o.heldout = 0.2;
    o.every = 2;
    o.patience = 3;
    REQUIRE(train(ctx, &o, NULL, &s) == INFER_OK);
    CHECK(s.stopped && s.step < 60 && s.step - s.best_step == 6);
}

/* A model's own encoder as the beginning of another one's branches. */
TEST(location_branches_begin_with_released_ones) {
    char heads[160];
    infer_train_options o = small(1);
    infer_trainer *t;
    struct weights *w;
    uint64_t n;
    snprintf(heads, sizeof heads, "%s/heads.safetensors", first);
    o.location = heads;
    o.dim = o.location_hidden = o.frequencies = 0;
    o.branches = 3;
    o.sigma[0] = 512;
    o.sigma[1] = 8192;
    o.sigma[2] = 32768;
    REQUIRE(infer_trainer_open(ctx, &o, &t) == INFER_OK);
    REQUIRE(weights_open(ctx, heads, &w) == INFER_OK);
    static const int from[] = {0, 1, 1};
    static const float scale[] = {0.5f, 1, 4};
    for (int i = 0; i < 3; i++) {
        char name[96], source[96];
        for (int part = 0; part < 2; part++) {
            static const char *const parts[] = {"capsule.0.b", "capsule.3.weight"};
            snprintf(name, sizeof name, "location_encoder.LocEnc%d.%s", i, parts[part]);
            snprintf(source, sizeof source, "location_encoder.LocEnc%d.%s", from[i], parts[part]);
            const float *x = tensor_of(w, source, &n);
            const struct learn_tensor *tensor = learn_find(t->learner, CATALOG_HEADS, name);
            REQUIRE(x && tensor && tensor->entry->count == n);
            const float *y = learn_arena(t->learner)->value + tensor->offset;
            for (uint64_t k = 0; k < n; k++) CHECK(y[k] == (part ? x[k] : scale[i] * x[k]));
        }
    }
    weights_close(w);
    CHECK(infer_trainer_step(t) == INFER_OK);
    infer_trainer_close(t);
    o.frequencies = 7;
    CHECK(infer_trainer_open(ctx, &o, &t) == INFER_EUSAGE);
    CHECK(strstr(infer_message(ctx), "capsule.0.b has 24 rows, but 7 are asked for"));
}

int main(void) {
    if (!fixture_open()) return 1;
    RUN(it_learns_places);
    RUN(what_was_written_retrieves);
    RUN(a_refiner_is_trained_on_it);
    RUN(half_keeps_the_frequencies);
    RUN(what_is_frozen_stays);
    RUN(going_on_begins_with_the_models_heads);
    RUN(frame_wise_heads_are_models_too);
    RUN(held_out_pairs_are_matched_as_the_model_matches_them);
    RUN(temperature_divides_similarities);
    RUN(looks_at_pairs_change_nothing);
    RUN(resuming_gives_the_same_bits);
    RUN(the_best_is_part_of_the_state);
    RUN(threads_do_not_matter);
    RUN(a_rate_beyond_reason_keeps_the_last_good_state);
    RUN(other_trainings_are_refused);
    RUN(damaged_states_are_refused);
    RUN(a_state_from_before_the_first_look_forgets_it);
    RUN(a_full_disk_loses_nothing);
    RUN(what_does_not_fit_is_named);
    RUN(it_stops_early_and_keeps_the_best);
    RUN(location_branches_begin_with_released_ones);
    return fixture_close() ? test_finish() : 1;
}
