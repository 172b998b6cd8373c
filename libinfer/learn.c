/* A learner: its arrays, which parameter lies where, and what its modules share. */
#include "context.h"
#include "learn_kernels.h"
#include "learn_modules.h"
#include "vit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- placing */
/* Frequencies of the location encoder and DINOv2's mask token are buffers here. */
static bool is_buffer(const char *name) {
    size_t n = strlen(name);
    return (n > 12 && !strcmp(name + n - 12, ".capsule.0.b")) || strstr(name, "mask_token");
}

static struct learn_tensor *find(const struct learner *learner, enum catalog_file file,
                                 const char *name) {
    const struct catalog_entry *e = catalog_find(&learner->catalog, file, name);
    if (!e) return NULL;
    for (size_t i = 0; i < learner->arena.tensors; i++)
        if (learner->tensor[i].entry == e) return &learner->tensor[i];
    return NULL;
}

#define UNPLACED SIZE_MAX

static size_t place(struct learn_tensor *tensor, bool trained, size_t at) {
    if (!tensor || tensor->trained != trained || tensor->offset != UNPLACED) return at;
    tensor->offset = at;
    return at + tensor->entry->count;
}

/* A tower's query, key and value lie one after the other without a gap, so that they are one matrix
 * as nn.MultiheadAttention's in_proj_weight is, and one product. */
static size_t place_tower(struct learner *learner, enum catalog_file file, int layers, bool trained,
                          size_t at) {
    const struct vit_names *as = file == CATALOG_CLIP ? &vit_names_clip : &vit_names_dinov2;
    for (int i = 0; i < 2 * layers; i++) {
        const char *const parts[] = {as->query, as->key, as->value};
        char prefix[64], name[CATALOG_NAME];
        snprintf(prefix, sizeof prefix, as->layer, i / 2);
        for (int k = 0; k < 3; k++) {
            snprintf(name, sizeof name, "%s%s.%s", prefix, parts[k], i % 2 ? "bias" : "weight");
            at = place(find(learner, file, name), trained, at);
        }
        at = SCRATCH_ROUND(at);
    }
    return at;
}

static size_t place_all(struct learner *learner, bool trained, size_t at) {
    const struct model_config *c = &learner->config;
    if (learn_has(learner, CATALOG_M_CLIP))
        at = place_tower(learner, CATALOG_CLIP, c->clip.layers, trained, at);
    if (learn_has(learner, CATALOG_M_DINOV2))
        at = place_tower(learner, CATALOG_DINOV2, c->dinov2.layers, trained, at);
    for (size_t i = 0; i < learner->arena.tensors; i++)
        at = SCRATCH_ROUND(place(&learner->tensor[i], trained, at));
    return at;
}

static int list_tensors(struct learner *learner) {
    const struct catalog *catalog = &learner->catalog;
    learner->tensor = calloc(catalog->n, sizeof *learner->tensor);
    if (!learner->tensor)
        return infer_fail_memory(learner->ctx, catalog->n * sizeof *learner->tensor);
    for (size_t i = 0; i < catalog->n; i++) {
        const struct catalog_entry *e = &catalog->entries[i];
        if (!learn_has(learner, e->module)) continue;
        learner->tensor[learner->arena.tensors++] = (struct learn_tensor){
            .entry = e,
            .offset = UNPLACED,
            .trained = learn_trains(learner, e->module) && !is_buffer(e->name)};
    }
    learner->arena.tensor = learner->tensor;
    return INFER_OK;
}

/* Zeros, aligned to a cache line; never of size 0. */
static int make_array(infer *ctx, size_t floats, float **array) {
    size_t bytes = (SCRATCH_ROUND(floats) + SCRATCH_LINE) * sizeof **array;
    *array = scratch_floats(bytes / sizeof **array);
    if (!*array) return infer_fail_memory(ctx, bytes);
    memset(*array, 0, bytes);
    return INFER_OK;
}

static int make_arrays(struct learner *learner) {
    struct learn_arena *a = &learner->arena;
    a->trained = place_all(learner, true, 0);
    a->count = place_all(learner, false, a->trained);
    INFER_TRY(make_array(learner->ctx, a->count, &a->value));
    INFER_TRY(make_array(learner->ctx, a->trained, &a->gradient));
    INFER_TRY(make_array(learner->ctx, a->trained, &a->first));
    return make_array(learner->ctx, a->trained, &a->second);
}

/* ------------------------------------------------------------------- opening */
static unsigned modules_of(const struct model_config *c) {
    unsigned modules = 1u << CATALOG_M_SCALE;
    if (c->clip.present) modules |= 1u << CATALOG_M_CLIP;
    if (c->dinov2.present) modules |= 1u << CATALOG_M_DINOV2;
    if (c->tempgeo.present) modules |= 1u << CATALOG_M_TEMPGEO;
    if (c->mlp.present) modules |= 1u << CATALOG_M_MLP;
    if (c->location.present) modules |= 1u << CATALOG_M_LOCATION;
    if (c->refiner.present) modules |= 1u << CATALOG_M_REFINER;
    return modules;
}

static int open_modules(struct learner *learner) {
    INFER_TRY(catalog_build(learner->ctx, &learner->config, &learner->catalog));
    INFER_TRY(list_tensors(learner));
    INFER_TRY(make_arrays(learner));
    if (learn_has(learner, CATALOG_M_MLP)) INFER_TRY(learn_frames_open(learner));
    if (learn_has(learner, CATALOG_M_LOCATION)) INFER_TRY(learn_points_open(learner));
    if (learn_has(learner, CATALOG_M_REFINER)) INFER_TRY(learn_refiner_open(learner));
    if (learn_has(learner, CATALOG_M_CLIP))
        INFER_TRY(learn_vit_open(learner, CATALOG_M_CLIP, &learner->clip));
    if (learn_has(learner, CATALOG_M_DINOV2))
        INFER_TRY(learn_vit_open(learner, CATALOG_M_DINOV2, &learner->dinov2));
    return INFER_OK;
}

int learn_open(infer *ctx, const struct model_config *config, unsigned modules, unsigned train,
               struct learner **out) {
    *out = NULL;
    struct learner *learner = calloc(1, sizeof *learner);
    if (!learner) return infer_fail_memory(ctx, sizeof *learner);
    learner->ctx = ctx;
    learner->config = *config;
    learner->modules = modules & modules_of(config);
    learner->train = train & learner->modules;
    int status = open_modules(learner);
    if (status == INFER_OK)
        *out = learner;
    else
        learn_close(learner);
    return status;
}

void learn_close(struct learner *learner) {
    if (!learner) return;
    learn_frames_close(learner->frames);
    learn_points_close(learner->points);
    learn_refiner_close(learner->refiner);
    learn_vit_close(learner->clip);
    learn_vit_close(learner->dinov2);
    scratch_free(&learner->pass);
    free(learner->arena.value);
    free(learner->arena.gradient);
    free(learner->arena.first);
    free(learner->arena.second);
    free(learner->tensor);
    catalog_free(&learner->catalog);
    free(learner);
}

const struct learn_arena *learn_arena(const struct learner *learner) {
    return &learner->arena;
}

const struct learn_tensor *learn_find(const struct learner *learner, enum catalog_file file,
                                      const char *name) {
    return find(learner, file, name);
}

int learn_copy(struct learner *learner, const infer_model *model, unsigned modules) {

    struct catalog theirs;
    INFER_TRY(catalog_build(learner->ctx, &model->config, &theirs));
    int status = INFER_OK;
    for (size_t i = 0; i < learner->arena.tensors && status == INFER_OK; i++) {
        const struct catalog_entry *e = learner->tensor[i].entry;
        if (!(modules & 1u << e->module)) continue;
        const struct catalog_entry *t = catalog_find(&theirs, e->file, e->name);
        const float *data = model_tensor(model, catalog_file_names[e->file], e->name);
        if (!t || !data || t->ndim != e->ndim || memcmp(t->shape, e->shape, sizeof t->shape))
            status = infer_fail(learner->ctx, INFER_EUSAGE,
                                "tensor %s: the model has it not, not loaded, or in another shape",
                                e->name);
        else
            memcpy(learner->arena.value + learner->tensor[i].offset, data, e->count * sizeof *data);
    }
    catalog_free(&theirs);
    return status;
}

/* ------------------------------------------------------------------- binding */
struct learn_parameter learn_parameter(const struct learner *learner, enum catalog_file file,
                                       const char *format, ...) {
    char name[CATALOG_NAME];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const struct learn_tensor *tensor = find(learner, file, name);
    if (!tensor) return (struct learn_parameter){NULL, NULL};
    return (struct learn_parameter){learner->arena.value + tensor->offset,
                                    tensor->trained ? learner->arena.gradient + tensor->offset
                                                    : NULL};
}

struct learn_linear learn_bind_linear(const struct learner *learner, enum catalog_file file,
                                      const char *prefix, const char *name, size_t in, size_t out) {
    struct learn_parameter w = learn_parameter(learner, file, "%s%s.weight", prefix, name);
    struct learn_parameter b = learn_parameter(learner, file, "%s%s.bias", prefix, name);
    return (struct learn_linear){w.value, b.value, w.gradient, b.gradient, in, out};
}

struct learn_norm learn_bind_norm(const struct learner *learner, enum catalog_file file,
                                  const char *prefix, const char *name) {
    struct learn_linear both = learn_bind_linear(learner, file, prefix, name, 0, 0);
    return (struct learn_norm){both.weight, both.bias, both.dweight, both.dbias};
}

static struct learn_attend bind_attend(const struct learner *learner, const char *prefix,
                                       const char *norm, const char *name, size_t dim) {
    const enum catalog_file file = CATALOG_HEADS;
    char inner[96];
    snprintf(inner, sizeof inner, "%s%s.", prefix, name);
    struct learn_parameter w = learn_parameter(learner, file, "%sin_proj_weight", inner);
    struct learn_parameter b = learn_parameter(learner, file, "%sin_proj_bias", inner);
    return (struct learn_attend){
        .norm = learn_bind_norm(learner, file, prefix, norm),
        .in = {w.value, b.value, w.gradient, b.gradient, dim, 3 * dim},
        .out = learn_bind_linear(learner, file, inner, "out_proj", dim, dim),
    };
}

void learn_bind_layer(const struct learner *learner, const char *prefix,
                      const struct transformer_config *config, bool decoder,
                      struct learn_layer *layer) {
    const enum catalog_file file = CATALOG_HEADS;
    size_t dim = (size_t)config->dim, ff = (size_t)config->ff;
    *layer = (struct learn_layer){
        .dim = dim,
        .heads = (size_t)config->heads,
        .ff = ff,
        .eps = 1e-5F, /* nn.LayerNorm's */
        .activation = INFER_GELU,
        .decoder = decoder,
        .self = bind_attend(learner, prefix, "norm1", "self_attn", dim),
        .norm = learn_bind_norm(learner, file, prefix, decoder ? "norm3" : "norm2"),
        .up = learn_bind_linear(learner, file, prefix, "linear1", dim, ff),
        .down = learn_bind_linear(learner, file, prefix, "linear2", ff, dim),
    };
    if (decoder) layer->cross = bind_attend(learner, prefix, "norm2", "multihead_attn", dim);
}

/* -------------------------------------------------------------------- shared */
struct learn_run learn_run_begin(const infer *ctx, struct learn_shape shape, size_t first,
                                 const struct learn_dropout *dropout) {
    struct learn_run run = {.ctx = ctx, .shape = shape, .first = first};
    if (!dropout || dropout->p <= 0) return run;
    const struct learn_mask seed = {.key = dropout->seed};
    run.p = dropout->p;
    run.key = learn_mask_row(&seed, dropout->step);
    return run;
}

void learn_positions_forward(const infer *ctx, const float *x, const float *positions,
                             struct learn_shape shape, size_t dim, float *y) {
    size_t rows = shape.sequences * shape.length;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * dim > 16384)
    for (size_t i = 0; i < rows; i++) {
        memcpy(y + i * dim, x + i * dim, dim * sizeof *y);
        ctx->kernels->add_scaled(positions + i % shape.length * dim, NULL, dim, y + i * dim);
    }
}

void learn_positions_backward(const infer *ctx, const float *gradient, struct learn_shape shape,
                              size_t dim, float *dpositions) {
    size_t rows = shape.sequences * shape.length;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (rows * dim > 16384)
    for (size_t t = 0; t < shape.length; t++)
        for (size_t s = 0; s < shape.sequences; s++)
            ctx->kernels->add_scaled(gradient + (s * shape.length + t) * dim, NULL, dim,
                                     dpositions + t * dim);
}

void learn_normalize_forward(const infer *ctx, float *x, size_t n, size_t dim, float *norms) {
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n * dim > 16384)
    for (size_t i = 0; i < n; i++) {
        float *row = x + i * dim;
        double norm = sqrt(ctx->kernels->learn->dot(row, row, dim));
        norms[i] = norm < 1e-12 ? 1e-12F : (float)norm;
        ctx->kernels->normalize(row, dim);
    }
}

void learn_normalize_backward(const infer *ctx, const float *y, const float *norms, size_t n,
                              size_t dim, float *gradient) {
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n * dim > 16384)
    for (size_t i = 0; i < n; i++)
        ctx->kernels->learn->normalize_backward(y + i * dim, (double)norms[i], dim,
                                                gradient + i * dim);
}
