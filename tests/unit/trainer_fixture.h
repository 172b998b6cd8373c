/* trainer_fixture.h - what the tests of the trainer share: a cache of drives whose features are a
 * noisy function of the place, and small trainings on it. */
#ifndef VT_TRAINER_FIXTURE_H
#define VT_TRAINER_FIXTURE_H

#include "libinfer/cache_read.h"
#include "libinfer/context.h"
#include "libinfer/learn.h"
#include "libinfer/random.h"
#include "libinfer/train.h"
#include "libinfer/trainer.h"
#include "libinfer/weights.h"
#include "tests/unit/test.h"

#define TINY FIXTURES "/model-tiny"
#define DIM 128 /* of the tiny model's features */
#define SOURCES 60
#define FRAMES 20

static infer *ctx;
static char scratch[64], base[96], cache[96], state[96], first[96], out[96];
static const char *caches[] = {cache};

/* ----------------------------------------------------------------------- data */

/* Straight drives over 2 km; a feature mixes 24 waves of the place, and noise. */
static inline void feature_of(const float *mix, const double p[2], struct random_stream *r,
                              float *out_) {
    double norm = 0;
    for (int i = 0; i < DIM; i++) out_[i] = (float)(0.5 * random_normal(r));
    for (int k = 0; k < 24; k++) {
        const float *m = mix + k * (DIM + 3);
        double wave = cos((double)m[0] * p[0] + (double)m[1] * p[1] + (double)m[2]);
        for (int i = 0; i < DIM; i++) out_[i] += m[3 + i] * (float)wave;
    }
    for (int i = 0; i < DIM; i++) norm += (double)out_[i] * (double)out_[i];
    for (int i = 0; i < DIM; i++) out_[i] /= (float)sqrt(norm);
}

static inline int make_cache(const char *path, const char *backbone) {
    static float mix[24 * (DIM + 3)];
    float feature[DIM];
    struct random_stream r;
    infer_cache_writer *w;
    FILE *file = fopen(path, "w");
    random_start(&r, 5, RANDOM_NOISE, 0);
    for (int i = 0; i < 24 * (DIM + 3); i++)
        mix[i] = (float)(random_normal(&r) * (i % (DIM + 3) < 2 ? 2.5 : 1));
    int status = file ? infer_cache_create(ctx, file, path, backbone, DIM, false, &w) : INFER_EIO;
    for (int s = 0; s < SOURCES && status == INFER_OK; s++) {
        char name[32];
        double p[2] = {random_range(&r, -1, 1), random_range(&r, -1, 1)};
        double angle = random_range(&r, 0, 6.28);
        snprintf(name, sizeof name, "drive-%d", s);
        status = infer_cache_begin(w, name);
        for (int f = 0; f < FRAMES && status == INFER_OK; f++) {
            p[0] += 0.02 * cos(angle);
            p[1] += 0.02 * sin(angle);
            feature_of(mix, p, &r, feature);
            status = infer_cache_add(w, feature, 9.5 + 0.013 * p[0], 47.1 + 0.009 * p[1], f);
        }
    }
    if (status == INFER_OK) status = infer_cache_finish(w);
    if (file) {
        infer_cache_close(w);
        fclose(file);
    }
    return status;
}

static inline bool prepare(void) {
    infer_model *model;
    const infer_import what = {.clip = TINY "/clip", .dinov2 = TINY "/dinov2", .output = base};
    if (infer_model_import(ctx, &what) != INFER_OK ||
        infer_model_load(ctx, base, 0, &model) != INFER_OK)
        return false;
    char backbone[17];
    memcpy(backbone, infer_model_describe(model)->backbone_id, sizeof backbone);
    infer_model_close(model);
    return make_cache(cache, backbone) == INFER_OK;
}

static inline infer_train_options small(int phase) {
    infer_train_options o;
    infer_train_defaults(phase, &o);
    o.caches = caches;
    o.cache_count = 1;
    o.model = phase == 1 ? base : first;
    o.steps = 12;
    o.batch = 12;
    o.frames = 8;
    o.rate = 2e-3;
    o.warmup = 4;
    o.heads = 4;
    o.ff = 48;
    if (phase == 2) return o;
    o.layers = 1;
    o.dim = 32;
    o.mlp[0] = 64;
    o.mlp_count = 1;
    o.location_hidden = 48;
    o.frequencies = 24;
    o.sigma[0] = 1024;
    o.sigma[1] = 8192;
    o.branches = 2;
    return o;
}

static inline int run(infer_trainer *t) {
    int status;
    while ((status = infer_trainer_step(t)) == INFER_OK) {
    }
    return status == INFER_END ? INFER_OK : status;
}

/* Trains, writes the model to `path`, and gives the end's state. */
static inline int train(infer *c, const infer_train_options *o, const char *path,
                        infer_train_state *s) {
    infer_trainer *t;
    int status = infer_trainer_open(c, o, &t);
    if (status != INFER_OK) return status;
    status = run(t);
    if (s) infer_trainer_state(t, s);
    if (status == INFER_OK && path) status = infer_trainer_write(t, path, false, true);
    infer_trainer_close(t);
    return status;
}

static inline bool same_files(const char *a, const char *b) {
    char command[400];
    snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
    return system(command) == 0;
}

static inline bool same_heads(const char *a, const char *b) {
    char one[160], other[160];
    snprintf(one, sizeof one, "%s/heads.safetensors", a);
    snprintf(other, sizeof other, "%s/heads.safetensors", b);
    return same_files(one, other);
}

static inline bool fixture_open(void) {
    snprintf(scratch, sizeof scratch, "/tmp/vt-trainer-%d", (int)getpid());
    snprintf(base, sizeof base, "%s/base", scratch);
    snprintf(cache, sizeof cache, "%s/cache", scratch);
    snprintf(state, sizeof state, "%s/state", scratch);
    snprintf(first, sizeof first, "%s/first", scratch);
    snprintf(out, sizeof out, "%s/out", scratch);
    char command[96];
    snprintf(command, sizeof command, "mkdir '%s'", scratch);
    return !system(command) && infer_open(NULL, &ctx) == INFER_OK && prepare();
}

static inline bool fixture_close(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    infer_close(ctx);
    return !system(command);
}

#endif
