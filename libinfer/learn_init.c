/* Fresh weights, as the constructors of the reference's PyTorch modules make them. */
#include "context.h"
#include "learn_modules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Numbers of one tensor: element i is a hash of (seed, name, i), whatever else is drawn. */
struct stream {
    struct learn_mask hash;
};

static struct stream stream_of(uint64_t seed, const char *name) {
    struct learn_mask hash = {.key = seed};
    for (; *name; name++) hash.key = learn_mask_row(&hash, (unsigned char)*name);
    return (struct stream){hash};
}

/* In (0, 1). */
static double uniform(const struct stream *s, size_t i) {
    return ((double)(learn_mask_row(&s->hash, i) >> 11) + 0.5) / 9007199254740992.0;
}

static void fill(float *x, size_t n, float value) {
    for (size_t i = 0; i < n; i++) x[i] = value;
}

static void fill_uniform(const struct stream *s, double bound, size_t n, float *x) {
    for (size_t i = 0; i < n; i++) x[i] = (float)(bound * (2 * uniform(s, i) - 1));
}

/* Box, Muller 1958. */
static void fill_normal(const struct stream *s, double deviation, size_t n, float *x) {
    for (size_t i = 0; i < n; i++) {
        double radius = sqrt(-2 * log(uniform(s, 2 * i)));
        x[i] = (float)(deviation * radius * cos(6.28318530717958647693 * uniform(s, 2 * i + 1)));
    }
}

static bool ends(const char *name, const char *with) {
    size_t n = strlen(name), k = strlen(with);
    return n >= k && !strcmp(name + n - k, with);
}

/* How many inputs the layer of this weight or bias has; 0 if it is none that has any. */
static size_t fan_in(const struct learner *learner, const struct catalog_entry *e) {
    if (e->ndim > 1) return (size_t)(e->count / e->shape[0]);
    char name[CATALOG_NAME + 8];
    snprintf(name, sizeof name, "%s", e->name);
    if (!ends(name, ".bias")) return 0;
    memcpy(name + strlen(name) - 5, ".weight", 8);
    const struct catalog_entry *weight = catalog_find(&learner->catalog, e->file, name);
    return weight && weight->ndim > 1 ? (size_t)(weight->count / weight->shape[0]) : 0;
}

/* Those that are neither a linear layer's nor a norm's; false if e is not one of them. */
static bool init_special(const struct catalog_entry *e, const struct stream *s, const double *sigma,
                         float *x) {
    const char *name = e->name, *branch = strstr(name, "LocEnc");
    size_t n = (size_t)e->count;
    int number;
    if (ends(name, ".capsule.0.b") && branch && sscanf(branch, "LocEnc%d", &number) == 1)
        fill_normal(s, sigma[number], n, x);
    else if (!strcmp(name, "logit_scale"))
        *x = 2.65926004F; /* ln(1 / 0.07) */
    else if (strstr(name, "mask_token") || ends(name, "in_proj_bias") ||
             ends(name, "out_proj.bias"))
        fill(x, n, 0); /* nn.MultiheadAttention's biases; the towers' begin so too */
    else if (ends(name, "in_proj_weight")) /* Xavier over all of [3 dim][dim] */
        fill_uniform(s, sqrt(6.0 / (double)(e->shape[0] + e->shape[1])), n, x);
    else if (strstr(name, "pos_embedding") || strstr(name, "position_embedding") ||
             strstr(name, "cls_token") || strstr(name, "class_embedding"))
        fill_normal(s, 0.02, n, x);
    else if (ends(name, ".lambda1"))
        fill(x, n, 1);
    else
        return false;
    return true;
}

void learn_init(struct learner *learner, unsigned modules, const double *sigma, uint64_t seed) {
    const struct learn_arena *a = &learner->arena;
#pragma omp parallel for num_threads(learner->ctx->threads) schedule(dynamic)
    for (size_t i = 0; i < a->tensors; i++) {
        const struct catalog_entry *e = a->tensor[i].entry;
        if (!(modules >> e->module & 1)) continue;
        float *x = a->value + a->tensor[i].offset;
        struct stream s = stream_of(seed, e->name);
        if (init_special(e, &s, sigma, x)) continue;
        size_t in = fan_in(learner, e);
        if (in) /* nn.Linear, nn.Conv2d */
            fill_uniform(&s, 1 / sqrt((double)in), (size_t)e->count, x);
        else /* a norm */
            fill(x, (size_t)e->count, ends(e->name, ".weight") ? 1 : 0);
    }
}
