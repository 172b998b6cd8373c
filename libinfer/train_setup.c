/* What a training begins with: the published settings, sizes, a learner and its weights. */
#include "trainer.h"

#include "config.h"
#include "context.h"
#include "folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void infer_train_defaults(int phase, infer_train_options *o) {
    bool first = phase == 1;
    *o = (infer_train_options){.phase = phase,
                               .temperature = 0.07,
                               .batch = 128,
                               .frames = 16,
                               .rate = !phase  ? 1e-3
                                       : first ? 5e-5
                                               : 1e-4,
                               .decay = !phase  ? 1
                                        : first ? 0.99
                                                : 0.95,
                               .warmup = first ? 1000 : 0,
                               .dropout = 0.1,
                               .collapse = 0.1,
                               .jitter_least = {0.001, false},
                               .jitter_most = {0.02, false},
                               .shift = {0.2, false},
                               .point_count = 4096};
}

/* ------------------------------------------------------------------- checking */

static int refuse(infer_trainer *t, const char *text) {
    return infer_fail(t->ctx, INFER_EUSAGE, "%s", text);
}

static int check_course(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    if (!o->steps == !o->epochs) return refuse(t, "give a number of steps or of epochs, not both");
    if (!o->batch || !o->frames) return refuse(t, "a step needs sources and frames");
    if (!(o->rate > 0) || !(o->decay > 0) || o->decay > 1 || !(o->clip >= 0))
        return refuse(t, "the rate must be above 0, the decay above 0 and at most 1");
    if (!(o->dropout >= 0 && o->dropout < 1) || !(o->own_dropout >= 0 && o->own_dropout < 1))
        return refuse(t, "a dropout must be at least 0 and below 1");
    if (!(o->heldout >= 0 && o->heldout < 1))
        return refuse(t, "the share to hold out must be at least 0 and below 1");
    if (!(o->heldout > 0) && (o->patience || o->every))
        return refuse(t, "without held-out sources there is nothing to stop by");
    if (!o->phase && !(o->temperature > 0)) return refuse(t, "the temperature must be above 0");
    if (o->phase == 2 && o->negatives && !o->contrastive)
        return refuse(t, "the published loss of phase II takes no negatives");
    return INFER_OK;
}

/* --------------------------------------------------------------------- sizes */

static void choose(int *value, int published) {
    if (!*value) *value = published;
}

static int new_tempgeo(infer_trainer *t) {
    infer_train_options *o = &t->o;
    struct transformer_config *c = &t->config.tempgeo;
    *c = (struct transformer_config){0};
    if (o->frame_wise) return INFER_OK;
    choose(&o->layers, 2);
    choose(&o->heads, 8);
    choose(&o->ff, 2400);
    choose(&o->max_frames, (int)o->frames);
    *c = (struct transformer_config){.present = 1,
                                     .dim = t->base.clip.projection + t->base.dinov2.dim,
                                     .heads = o->heads,
                                     .ff = o->ff,
                                     .max_frames = o->max_frames,
                                     .encoder_layers = o->layers};
    return INFER_OK;
}

static void new_mlp(infer_trainer *t) {
    static const int published[] = {1024, 768};
    infer_train_options *o = &t->o;
    struct mlp_config *c = &t->config.mlp;
    if (!o->mlp_count) {
        memcpy(o->mlp, published, sizeof published);
        o->mlp_count = 2;
    }
    *c = (struct mlp_config){.present = 1, .layers = o->mlp_count + 1};
    c->sizes[0] = t->base.clip.projection + t->base.dinov2.dim;
    memcpy(c->sizes + 1, o->mlp, (size_t)o->mlp_count * sizeof *o->mlp);
    c->sizes[c->layers] = o->dim;
}

static void new_location(infer_trainer *t) {
    static const double published[] = {1, 8, 256};
    infer_train_options *o = &t->o;
    choose(&o->location_hidden, 1024);
    choose(&o->frequencies, 256);
    if (!o->branches) {
        memcpy(o->sigma, published, sizeof published);
        o->branches = 3;
    }
    t->config.location = (struct location_config){.present = 1,
                                                  .branches = o->branches,
                                                  .frequencies = o->frequencies,
                                                  .hidden = o->location_hidden,
                                                  .hidden_layers = 3,
                                                  .out = o->dim};
}

static int new_refiner(infer_trainer *t) {
    infer_train_options *o = &t->o;
    choose(&o->layers, 1);
    choose(&o->decoder_layers, 2);
    choose(&o->heads, 8);
    choose(&o->ff, 2048);
    choose(&o->max_frames, (int)o->frames);
    t->config.refiner = (struct transformer_config){.present = 1,
                                                    .dim = (int)trainer_dim(t),
                                                    .heads = o->heads,
                                                    .ff = o->ff,
                                                    .max_frames = o->max_frames,
                                                    .encoder_layers = o->layers,
                                                    .decoder_layers = o->decoder_layers};
    return INFER_OK;
}

static int check_base(infer_trainer *t) {
    const struct model_config *b = &t->base;
    if (strcmp(b->architecture, "vidtag"))
        return infer_fail(t->ctx, INFER_EMODEL,
                          "%s: is a %s model; heads are trained on CLIP and DINOv2, which a VidTAG "
                          "model has",
                          t->o.model, b->architecture);
    if (t->o.phase == 2 && !b->mlp.present)
        return infer_fail(t->ctx, INFER_EMODEL,
                          "%s: is backbones alone; train its heads by phase 1 first", t->o.model);
    bool there = t->o.phase == 2 ? b->refiner.present : b->mlp.present;
    if (t->o.go_on && !there)
        return infer_fail(t->ctx, INFER_EMODEL, "%s: has no %s to go on from", t->o.model,
                          t->o.phase == 2 ? "GeoRefiner" : "heads");
    return INFER_OK;
}

static bool any_size(const infer_train_options *o) {
    return o->frame_wise || o->dim || o->layers || o->decoder_layers || o->heads || o->ff ||
           o->max_frames || o->mlp_count || o->location_hidden || o->frequencies || o->branches ||
           o->location;
}

/* Positions that no training step has seen would be noise. */
static int check_frames(infer_trainer *t) {
    const struct transformer_config *c[] = {&t->config.tempgeo, &t->config.refiner};
    for (int i = 0; i < 2; i++)
        if (c[i]->present && t->o.frames > (size_t)c[i]->max_frames)
            return infer_fail(t->ctx, INFER_EUSAGE,
                              "%zu frames a source, but %s has positions for %d", t->o.frames,
                              i ? "GeoRefiner" : "TempGeo", c[i]->max_frames);
    return INFER_OK;
}

int trainer_configure(infer_trainer *t) {
    infer_train_options *o = &t->o;
    INFER_TRY(check_course(t));
    if (!o->phase) return trainer_views_configure(t);
    INFER_TRY(check_base(t));
    t->config = t->base;
    snprintf(t->config.files[CATALOG_HEADS], sizeof t->config.files[0], "heads.safetensors");
    if (o->go_on) {
        if (any_size(o))
            return refuse(t, "sizes are the model's own when training goes on from it");
    } else if (o->phase == 1) {
        if (o->location) INFER_TRY(trainer_location_sizes(t));
        choose(&o->dim, 512);
        INFER_TRY(new_tempgeo(t));
        new_mlp(t);
        new_location(t);
    } else {
        INFER_TRY(new_refiner(t));
    }
    /* What phase I changes is what GeoRefiner was trained on. */
    if (o->phase == 1) t->config.refiner = (struct transformer_config){0};
    INFER_TRY(config_check(t->ctx, "the sizes asked for", &t->config));
    return check_frames(t);
}

/* -------------------------------------------------------------------- weights */

#define BIT(module) (1u << CATALOG_M_##module)
#define HEADS (BIT(TEMPGEO) | BIT(MLP) | BIT(LOCATION) | BIT(SCALE))

static int copy_weights(infer_trainer *t, unsigned modules, unsigned parts) {
    infer_model *model;
    INFER_TRY(infer_model_load(t->ctx, t->o.model, parts, &model));
    int status = learn_copy(t->learner, model, modules);
    infer_model_close(model);
    return status;
}

int trainer_make_learner(infer_trainer *t) {
    const infer_train_options *o = &t->o;
    bool first = o->phase == 1;
    if (!o->phase) {
        const unsigned both = BIT(CLIP) | BIT(DINOV2);
        INFER_TRY(learn_open(t->ctx, &t->config, both, both, &t->learner));
        learn_init(t->learner, both, NULL, o->seed);
        return INFER_OK;
    }
    unsigned frozen = first ? 0 : HEADS, trained = first ? HEADS : BIT(REFINER);
    unsigned parts = INFER_PART_FRAMES | INFER_PART_LOCATION;
    INFER_TRY(learn_open(t->ctx, &t->config, frozen | trained, trained, &t->learner));
    if (frozen) INFER_TRY(copy_weights(t, frozen, parts));
    if (o->go_on) return copy_weights(t, trained, first ? parts : INFER_PART_REFINER);
    learn_init(t->learner, trained, o->sigma, o->seed);
    return first && o->location ? trainer_location_load(t) : INFER_OK;
}
