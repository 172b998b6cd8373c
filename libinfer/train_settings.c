/* The settings of a training as text, one a line: what a state is held against before it goes on.
 */
#include "trainer.h"

#include "context.h"
#include "random.h"
#include "train_store.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

/* The names are those of vt-train's options, so that a message can say which one differs. */
struct text {
    char *at, *end;
};

__attribute__((format(printf, 2, 3))) static void line(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t room = (size_t)(text->end - text->at);
    int n = vsnprintf(text->at, room, format, args);
    va_end(args);
    if (n > 0) text->at += (size_t)n < room ? (size_t)n : room - 1;
}

static void sizes(struct text *text, const infer_trainer *t) {
    const struct transformer_config *c = t->o.phase == 1 ? &t->config.tempgeo : &t->config.refiner;
    line(text, "dim=%zu\n", trainer_dim(t));
    line(text, "frame-wise=%d\n", t->o.phase == 1 && !c->present);
    line(text, "layers=%d,%d\n", c->encoder_layers, c->decoder_layers);
    line(text, "heads=%d\nff=%d\nmax-frames=%d\n", c->heads, c->ff, c->max_frames);
    line(text, "mlp=");
    for (int i = 0; i < t->config.mlp.layers; i++) line(text, "%d ", t->config.mlp.sizes[i]);
    line(text, "\nlocation-hidden=%d\n", t->config.location.hidden);
    line(text, "frequencies=%d\nsigma=", t->config.location.frequencies);
    for (int i = 0; i < t->o.branches; i++) line(text, "%.17g ", t->o.sigma[i]);
    line(text, "\n");
}

static void length(struct text *text, const infer_length *l) {
    line(text, "%.17g%s ", l->value, l->metres ? "m" : "");
}

static void noise(struct text *text, const infer_train_options *o) {
    line(text, "phase2-loss=%s\n", o->contrastive ? "contrastive" : "published");
    line(text, "noise=%s\n", o->noise == INFER_NOISE_OWN ? "own" : "published");
    line(text, "noise-dropout=%.17g\nnoise-collapse=%.17g\n", o->own_dropout, o->collapse);
    line(text, "noise-jitter=");
    length(text, &o->jitter_least);
    length(text, &o->jitter_most);
    line(text, "\nnoise-shift=");
    length(text, &o->shift);
    line(text, "\n");
}

static void views(struct text *text, const infer_train_options *o) {
    line(text, "picture=%d\npatch=%d\nwidth=%d\ndepth=%d\n", o->picture, o->patch, o->width,
         o->depth);
    line(text, "heads=%d\nff=%d\nprojection=%d\n", o->heads, o->ff, o->projection);
    line(text, "batch=%zu\nmicro-batch=%zu\n", o->batch, o->micro);
    line(text, "temperature=%.17g\n", o->temperature);
    if (!(o->heldout > 0)) return;
    line(text, "validate=%.17g\nvalidate-every=%" PRIu64 "\n", o->heldout, o->every);
}

void train_settings_fixed(const infer_trainer *t, char *out, size_t size) {
    const infer_train_options *o = &t->o;
    struct text text = {out, out + size};
    uint64_t points = 0;
    if (o->points) points = XXH3_64bits(o->points, o->point_count * 2 * sizeof *o->points);
    line(&text, "phase=%d\n", o->phase);
    line(&text, "model=%s %d\n", t->base.model_id, o->go_on);
    line(&text, "data=%016" PRIx64 "\n",
         o->phase ? dataset_digest(&t->data) : trainer_views_digest(t));
    line(&text, "seed=%" PRIu64 "\n", o->seed);
    if (!o->phase) {
        views(&text, o);
        return;
    }
    sizes(&text, t);
    line(&text, "location=%s\n", o->location ? o->location : "");
    line(&text, "batch=%zu\nframes=%zu\nmicro-batch=%zu\n", o->batch, o->frames, o->micro);
    line(&text, "sampling=%s\n", o->in_a_row ? "row" : "cells");
    line(&text, "dropout=%.17g\nnegatives=%zu\n", o->dropout, o->negatives);
    noise(&text, o);
    line(&text, "validate=%.17g\nvalidate-every=%" PRIu64 "\n", o->heldout, o->every);
    line(&text, "points=%zu %016" PRIx64 "\n", o->point_count, points);
}

void train_settings_course(const infer_trainer *t, char *out, size_t size) {
    const infer_train_options *o = &t->o;
    struct text text = {out, out + size};
    line(&text, "steps=%" PRIu64 "\n", t->s.steps);
    line(&text, "lr=%.17g\ndecay=%.17g\n", o->rate, o->decay);
    line(&text, "schedule=%s\n", o->cosine ? "cosine" : "exponential");
    line(&text, "warmup=%" PRIu64 "\nclip-norm=%.17g\n", o->warmup, o->clip);
    line(&text, "patience=%" PRIu64 "\n", o->patience);
}

bool train_settings_compare(const char **here, const char **there, char *name, size_t size) {
    while (**here) {
        size_t a = strcspn(*here, "\n"), b = strcspn(*there, "\n");
        bool same = a == b && !memcmp(*here, *there, a);
        snprintf(name, size, "%.*s", (int)strcspn(*here, "=\n"), *here);
        *here += a + ((*here)[a] == '\n');
        *there += b + ((*there)[b] == '\n');
        if (!same) return false;
    }
    if (!**there) return true;
    snprintf(name, size, "%.*s", (int)strcspn(*there, "=\n"), *there);
    *there += strlen(*there);
    return false;
}
