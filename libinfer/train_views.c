/* Phase 0: small backbones from nothing, by place matching. Each of the two learns by itself, from
 * the same pictures, so that their outputs side by side are a feature. */
#include "trainer.h"

#include "config.h"
#include "context.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct views_file {
    struct weights *weights;
    const struct weights_tensor *pictures; /* U8 [n][2][height][width][3] */
};

/* Held-out pairs are looked at in groups as large as a step's batch, at most so many. */
#define LOOK_MOST ((size_t)4)

struct views {
    struct views_file *files;
    size_t count, pairs;
    size_t *order; /* [pairs]: those to train on, then those held out; NULL: none is */
    size_t train;
    size_t *now;   /* [batch]: the pairs of the step, or of a look's group */
    float *pixels; /* [2][batch][3][size][size] */
};

/* --------------------------------------------------------------------- sizes */

static void choose(int *value, int usual) {
    if (!*value) *value = usual;
}

int trainer_views_configure(infer_trainer *t) {
    infer_train_options *o = &t->o;
    struct model_config *c = &t->config;
    choose(&o->picture, 64);
    choose(&o->patch, 8);
    choose(&o->width, 64);
    choose(&o->depth, 3);
    choose(&o->heads, 4);
    choose(&o->ff, 4 * o->width);
    choose(&o->projection, o->width);
    struct vit_config vit = {.present = 1,
                             .image_size = o->picture,
                             .patch_size = o->patch,
                             .dim = o->width,
                             .layers = o->depth,
                             .heads = o->heads,
                             .mlp = o->ff};
    *c = (struct model_config){
        .recipe = INFER_RECIPE_STRETCH, .picture_size = o->picture, .clip = vit, .dinov2 = vit};
    snprintf(c->architecture, sizeof c->architecture, "vidtag");
    c->clip.projection = o->projection;
    c->clip.eps = 1e-5f;
    c->dinov2.eps = 1e-6f;
    snprintf(c->files[CATALOG_CLIP], sizeof c->files[0], "clip.safetensors");
    snprintf(c->files[CATALOG_DINOV2], sizeof c->files[0], "dinov2.safetensors");
    return config_check(t->ctx, "the sizes asked for", c);
}

/* ------------------------------------------------------------------- pictures */

static int open_file(infer_trainer *t, const char *path, struct views_file *f) {
    INFER_TRY(weights_open(t->ctx, path, &f->weights));
    const struct weights_tensor *p = weights_find(f->weights, "pictures");
    if (!p || p->dtype != WEIGHTS_U8 || p->ndim != 5 || p->shape[1] != 2 || p->shape[4] != 3 ||
        !p->count)
        return infer_fail(t->ctx, INFER_ETENSOR,
                          "%s: holds no tensor pictures U8 [n,2,height,width,3]: two views of each "
                          "place",
                          path);
    if (p->shape[2] > PICTURE_MAX_SIDE || p->shape[3] > PICTURE_MAX_SIDE)
        return infer_fail(t->ctx, INFER_ETENSOR, "%s: its pictures are too large", path);
    f->pictures = p;
    return INFER_OK;
}

static infer_picture picture_at(const struct views *v, size_t pair, size_t view) {
    const struct views_file *f = v->files;
    while (pair >= f->pictures->shape[0]) pair -= (size_t)f++->pictures->shape[0];
    const uint64_t *shape = f->pictures->shape;
    size_t bytes = (size_t)(shape[2] * shape[3] * 3);
    /* Nobody writes to it: the type is that of pictures which somebody decodes into. */
    return (infer_picture){(int)shape[3], (int)shape[2],
                           (uint8_t *)(uintptr_t)f->pictures->data + (2 * pair + view) * bytes};
}

struct hashed {
    uint64_t hash;
    size_t pair;
};

static int by_hash(const void *a, const void *b) {
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->pair > y->pair) - (x->pair < y->pair);
}

/* A pair has no name: it is held out by a hash of its pictures, whatever file it is in. In the
 * hash's order neighbours in a file are not neighbours in a group. */
static int hold_out(infer_trainer *t) {
    struct views *v = t->views;
    size_t heldout = 0;
    struct hashed *held = calloc(v->pairs, sizeof *held);
    v->order = calloc(v->pairs, sizeof *v->order);
    if (!held || !v->order) {
        free(held);
        return infer_fail_memory(t->ctx, v->pairs * sizeof *held);
    }
    for (size_t i = 0; i < v->pairs; i++) {
        const infer_picture first = picture_at(v, i, 0);
        uint64_t hash = XXH3_64bits(first.rgb, (size_t)first.width * (size_t)first.height * 6);
        if ((double)(hash >> 11) * 0x1p-53 < t->o.heldout)
            held[heldout++] = (struct hashed){hash, i};
        else
            v->order[v->train++] = i;
    }
    qsort(held, heldout, sizeof *held, by_hash);
    for (size_t i = 0; i < heldout; i++) v->order[v->train + i] = held[i].pair;
    free(held);
    t->data.heldout = heldout;
    if (v->train && heldout > 1) return INFER_OK;
    return infer_fail(t->ctx, INFER_EVALUE,
                      "of %zu pairs, %zu are to train on and %zu are held out; give more pairs, or "
                      "another share to hold out",
                      v->pairs, v->train, heldout);
}

int trainer_views_open(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    struct views *v = t->views = calloc(1, sizeof *v);
    if (!v) return infer_fail_memory(t->ctx, sizeof *v);
    v->files = calloc(o->cache_count + 1, sizeof *v->files);
    if (!v->files) return infer_fail_memory(t->ctx, o->cache_count * sizeof *v->files);
    for (; v->count < o->cache_count; v->count++) {
        struct views_file *f = &v->files[v->count];
        int status = open_file(t, o->caches[v->count], f);
        if (status != INFER_OK) {
            weights_close(f->weights);
            return status;
        }
        v->pairs += (size_t)f->pictures->shape[0];
    }
    v->train = o->heldout > 0 ? 0 : v->pairs;
    if (o->heldout > 0) INFER_TRY(hold_out(t));
    INFER_TRY(sampler_open(t->ctx, o->seed, v->train, o->batch, &t->sampler));
    size_t floats = 2 * t->sampler.batch * 3 * (size_t)o->picture * (size_t)o->picture;
    v->pixels = malloc(floats * sizeof *v->pixels);
    v->now = calloc(t->sampler.batch, sizeof *v->now);
    if (v->pixels && v->now) return INFER_OK;
    return infer_fail_memory(t->ctx, floats * sizeof *v->pixels);
}

void trainer_views_close(infer_trainer *t) {
    struct views *v = t->views;
    if (!v) return;
    for (size_t i = 0; i < v->count; i++) weights_close(v->files[i].weights);
    free(v->files);
    free(v->order);
    free(v->now);
    free(v->pixels);
    free(v);
}

/* All pictures: what is learned depends on every one. */
uint64_t trainer_views_digest(const infer_trainer *t) {
    uint64_t hash = t->views->count;
    for (size_t i = 0; i < t->views->count; i++) {
        const struct weights_tensor *p = t->views->files[i].pictures;
        hash = XXH3_64bits_withSeed(p->data, p->count, hash);
        hash = XXH3_64bits_withSeed(p->shape, 5 * sizeof *p->shape, hash);
    }
    return hash;
}

static int prepare(infer_trainer *t, size_t n, const float mean[3], const float std[3]) {
    const size_t floats = 3 * (size_t)t->o.picture * (size_t)t->o.picture;
    for (size_t i = 0; i < 2 * n; i++) {
        const infer_picture picture = picture_at(t->views, t->views->now[i / 2], i % 2);
        float *out = t->views->pixels + (i % 2 * n + i / 2) * floats;
        INFER_TRY(
            picture_prepare(t->ctx, &picture, t->config.recipe, t->o.picture, mean, std, out));
    }
    return INFER_OK;
}

/* The first n of the pairs `now`: loss and hits are the means of both backbones'. */
static int pass(infer_trainer *t, size_t n, bool look, double *loss, double *hits) {
    struct learn_views batch = {.pixels = t->views->pixels,
                                .n = n,
                                .micro = t->o.micro,
                                .log_scale = -log(t->o.temperature),
                                .look = look};
    double losses[2];
    size_t found[2];
    batch.module = CATALOG_M_CLIP;
    INFER_TRY(prepare(t, n, picture_clip_mean, picture_clip_std));
    INFER_TRY(learn_views_pass(t->learner, &batch, &losses[0], &found[0]));
    batch.module = CATALOG_M_DINOV2;
    INFER_TRY(prepare(t, n, picture_imagenet_mean, picture_imagenet_std));
    INFER_TRY(learn_views_pass(t->learner, &batch, &losses[1], &found[1]));
    *loss = (losses[0] + losses[1]) / 2;
    *hits = (double)(found[0] + found[1]) / (double)(2 * n);
    return INFER_OK;
}

int trainer_views_learn(infer_trainer *t) {
    struct views *v = t->views;
    const size_t *pairs = sampler_step(&t->sampler, t->s.step);
    for (size_t i = 0; i < t->sampler.batch; i++)
        v->now[i] = v->order ? v->order[pairs[i]] : pairs[i];
    return pass(t, t->sampler.batch, false, &t->s.loss, &t->s.hits);
}

int trainer_views_look(infer_trainer *t) {
    struct views *v = t->views;
    const size_t heldout = v->pairs - v->train;
    const size_t n = heldout < t->sampler.batch ? heldout : t->sampler.batch;
    const size_t groups = heldout / n < LOOK_MOST ? heldout / n : LOOK_MOST;
    double loss, hits, sum = 0;
    for (size_t i = 0; i < groups; i++, sum += hits) {
        memcpy(v->now, v->order + v->train + i * n, n * sizeof *v->now);
        INFER_TRY(pass(t, n, true, &loss, &hits));
    }
    t->s.heldout_error = 1 - sum / (double)groups;
    return INFER_OK;
}
