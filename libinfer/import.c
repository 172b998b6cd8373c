/* import.c - weights that others published, made into a model folder.
 *
 * Sizes are read off the tensors, the catalog then says what must be there, and what is there is
 * written under canonical names. The ids are computed from the written files, so they hold for
 * exactly what a loader will see.
 */
#include "model.h"

#include "config.h"
#include "context.h"
#include "folder.h"
#include "foreign.h"
#include "identity.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define F16_MOST 65504.0f

struct import {
    infer *ctx;
    const infer_import *what;
    bool geoclip;
    struct foreign *sources[FOREIGN_KINDS];
    struct model_config config;
    struct catalog catalog;
    struct folder folder;
    float *buffer;
    uint64_t capacity;
};

/* -------------------------------------------------------------------- request */

static int fail_usage(struct import *im, const char *text) {
    return infer_fail(im->ctx, INFER_EUSAGE, "%s", text);
}

static int check_request(struct import *im) {
    const infer_import *w = im->what;
    bool geoclip = w->image_mlp || w->location || w->logit_scale;
    bool vidtag = w->heads || w->dinov2;
    if (!w->output) return fail_usage(im, "no output folder: give -o DIR");
    if (geoclip && vidtag)
        return fail_usage(im,
                          "--dinov2 and --heads make a VidTAG model, --image-mlp, --location and "
                          "--logit-scale a GeoCLIP model; give one or the other");
    if (geoclip ? !w->clip || !w->image_mlp || !w->location || !w->logit_scale
                : !w->clip || !w->dinov2)
        return fail_usage(im, geoclip ? "a GeoCLIP model needs --clip, --image-mlp, --location and "
                                        "--logit-scale"
                                      : "a VidTAG model needs --clip and --dinov2, and --heads "
                                        "to do more than vt-frames");
    if (!geoclip && !w->heads && (w->tempgeo_heads || w->refiner_heads))
        return fail_usage(im, "--tempgeo-heads and --refiner-heads have no effect without --heads");
    if (geoclip && (w->dinov2_heads || w->tempgeo_heads || w->refiner_heads))
        return fail_usage(im, "--dinov2-heads, --tempgeo-heads and --refiner-heads have no effect "
                              "on a GeoCLIP model");
    if (w->recipe && strcmp(w->recipe, "stretch") && strcmp(w->recipe, "crop"))
        return fail_usage(im, "--recipe is neither stretch nor crop");
    im->geoclip = geoclip;
    return folder_check(im->ctx, w->output, w->overwrite);
}

static int open_sources(struct import *im) {
    const infer_import *w = im->what;
    const char *const paths[FOREIGN_KINDS] = {
        [FOREIGN_CLIP] = w->clip,         [FOREIGN_DINOV2] = w->dinov2,
        [FOREIGN_HEADS] = w->heads,       [FOREIGN_IMAGE_MLP] = w->image_mlp,
        [FOREIGN_LOCATION] = w->location, [FOREIGN_LOGIT_SCALE] = w->logit_scale};
    for (int kind = 0; kind < FOREIGN_KINDS; kind++)
        if (paths[kind])
            INFER_TRY(
                foreign_open(im->ctx, (enum foreign_kind)kind, paths[kind], &im->sources[kind]));
    return INFER_OK;
}

/* ---------------------------------------------------------------------- sizes */

/* One side of the shape of a tensor that must be there. */
static int side(struct import *im, const struct foreign *f, const char *name, int ndim, int axis,
                int *out) {
    const struct foreign_tensor *t = foreign_find(f, name);
    char text[CATALOG_SHAPE_TEXT];
    if (!t)
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: tensor %s is missing", foreign_path(f),
                          name);
    if (t->tensor.ndim != ndim)
        return infer_fail(im->ctx, INFER_ETENSOR,
                          "%s: tensor %s has shape %s; %d dimensions are expected", t->path, name,
                          catalog_shape(t->tensor.shape, t->tensor.ndim, text), ndim);
    uint64_t size = t->tensor.shape[axis];
    if (size < 1 || size > INT32_MAX)
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: tensor %s has shape %s; that is no size",
                          t->path, name, catalog_shape(t->tensor.shape, t->tensor.ndim, text));
    *out = (int)size;
    return INFER_OK;
}

static int count_layers(struct import *im, const struct foreign *f, const char *prefix, int most,
                        int *out) {
    *out = foreign_layers(f, prefix);
    if (!*out)
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: holds no tensor %s0...", foreign_path(f),
                          prefix);
    if (*out > most)
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: tensors %sN... go beyond N = %d",
                          foreign_path(f), prefix, most - 1);
    return INFER_OK;
}

/* Positions are a square grid of patches and the class token. */
static int grid_of(struct import *im, const struct foreign *f, int positions, int patch, int *out) {
    int grid = (int)lround(sqrt(positions - 1.0));
    if (grid < 1 || grid > 4096 / patch || grid * grid + 1 != positions)
        return infer_fail(im->ctx, INFER_ETENSOR,
                          "%s: %d positions are not a square grid of patches and a class token",
                          foreign_path(f), positions);
    *out = grid * patch;
    return INFER_OK;
}

/* Head counts are in no tensor: an option, config.json, or the 64 per head of every published ViT.
 */
static int choose_heads(struct import *im, const struct foreign *f, const char *option, int given,
                        int dim, int *out) {
    const struct foreign_config *c = foreign_config(f);
    if (given && c->heads && given != c->heads)
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: num_attention_heads is %d, but %s says %d",
                          c->path, c->heads, option, given);
    *out = given ? given : c->heads ? c->heads : dim / 64;
    if (!given && !c->heads && dim % 64)
        return infer_fail(im->ctx, INFER_ETENSOR,
                          "%s: width %d is no multiple of 64, and no config.json says how many "
                          "attention heads there are: give %s",
                          foreign_path(f), dim, option);
    if (*out > 0 && dim % *out == 0) return INFER_OK;
    return infer_fail(im->ctx, INFER_ETENSOR, "%s: %d attention heads do not divide the width %d",
                      given || !c->heads ? foreign_path(f) : c->path, *out, dim);
}

static int check_setting(struct import *im, const struct foreign *f, const char *key, int said,
                         int found) {
    if (!said || said == found) return INFER_OK;
    return infer_fail(im->ctx, INFER_ETENSOR, "%s: %s is %d, but the tensors of %s make it %d",
                      foreign_config(f)->path, key, said, foreign_path(f), found);
}

/* config.json beside the weights must agree with them, and ask for nothing we do not compute. */
static int check_settings(struct import *im, const struct foreign *f, const char *activation,
                          double eps, struct vit_config *v) {
    const struct foreign_config *c = foreign_config(f);
    INFER_TRY(check_setting(im, f, "hidden_size", c->dim, v->dim));
    INFER_TRY(check_setting(im, f, "num_hidden_layers", c->layers, v->layers));
    INFER_TRY(check_setting(im, f, "intermediate_size", c->mlp, v->mlp));
    INFER_TRY(check_setting(im, f, "patch_size", c->patch_size, v->patch_size));
    INFER_TRY(check_setting(im, f, "image_size", c->image_size, v->image_size));
    if (v->projection)
        INFER_TRY(check_setting(im, f, "projection_dim", c->projection, v->projection));
    if (c->mlp_ratio > 0 && fabs(c->mlp_ratio * v->dim - v->mlp) >= 1)
        return infer_fail(im->ctx, INFER_ETENSOR,
                          "%s: mlp_ratio is %g, but the tensors of %s have %d for a width of %d",
                          c->path, c->mlp_ratio, foreign_path(f), v->mlp, v->dim);
    if (*c->hidden_act && strcmp(c->hidden_act, activation))
        return infer_fail(im->ctx, INFER_EFORMAT,
                          "%s: hidden_act is \"%s\"; only \"%s\" is supported", c->path,
                          c->hidden_act, activation);
    if (!isnan(c->eps) && !(c->eps > 0 && c->eps <= 0.01))
        return infer_fail(im->ctx, INFER_EFORMAT, "%s: layer_norm_eps is %g; that is no epsilon",
                          c->path, c->eps);
    v->eps = (float)(isnan(c->eps) ? eps : c->eps);
    return INFER_OK;
}

static int measure_clip(struct import *im) {
    const struct foreign *f = im->sources[FOREIGN_CLIP];
    struct vit_config *v = &im->config.clip;
    int positions;
    v->present = 1;
    INFER_TRY(side(im, f, "vision_model.embeddings.class_embedding", 1, 0, &v->dim));
    INFER_TRY(side(im, f, "vision_model.embeddings.patch_embedding.weight", 4, 3, &v->patch_size));
    INFER_TRY(side(im, f, "vision_model.embeddings.position_embedding.weight", 2, 0, &positions));
    INFER_TRY(side(im, f, "vision_model.encoder.layers.0.mlp.fc1.weight", 2, 0, &v->mlp));
    INFER_TRY(side(im, f, "visual_projection.weight", 2, 0, &v->projection));
    INFER_TRY(count_layers(im, f, "vision_model.encoder.layers.", MODEL_MAX_LAYERS, &v->layers));
    INFER_TRY(grid_of(im, f, positions, v->patch_size, &v->image_size));
    INFER_TRY(choose_heads(im, f, "--clip-heads", im->what->clip_heads, v->dim, &v->heads));
    return check_settings(im, f, "quick_gelu", 1e-5, v);
}

static int measure_dinov2(struct import *im) {
    const struct foreign *f = im->sources[FOREIGN_DINOV2];
    struct vit_config *v = &im->config.dinov2;
    int positions;
    v->present = 1;
    INFER_TRY(side(im, f, "embeddings.cls_token", 3, 2, &v->dim));
    INFER_TRY(side(im, f, "embeddings.patch_embeddings.projection.weight", 4, 3, &v->patch_size));
    INFER_TRY(side(im, f, "embeddings.position_embeddings", 3, 1, &positions));
    INFER_TRY(side(im, f, "encoder.layer.0.mlp.fc1.weight", 2, 0, &v->mlp));
    INFER_TRY(count_layers(im, f, "encoder.layer.", MODEL_MAX_LAYERS, &v->layers));
    INFER_TRY(grid_of(im, f, positions, v->patch_size, &v->image_size));
    INFER_TRY(choose_heads(im, f, "--dinov2-heads", im->what->dinov2_heads, v->dim, &v->heads));
    return check_settings(im, f, "gelu", 1e-6, v);
}

/* Both modules have 8 heads as published. */
static int choose_module_heads(struct import *im, const char *option, int given,
                               struct transformer_config *t) {
    t->heads = given ? given : 8;
    if (t->dim % t->heads == 0) return INFER_OK;
    return infer_fail(im->ctx, INFER_ETENSOR,
                      "%s: %d attention heads do not divide the width %d: give %s",
                      foreign_path(im->sources[FOREIGN_HEADS]), t->heads, t->dim, option);
}

static int measure_transformer(struct import *im, const char *module, bool decoder,
                               struct transformer_config *t) {
    const struct foreign *f = im->sources[FOREIGN_HEADS];
    char name[96];
    t->present = 1;
    snprintf(name, sizeof name, "%s.pos_embedding.weight", module);
    INFER_TRY(side(im, f, name, 2, 0, &t->max_frames));
    INFER_TRY(side(im, f, name, 2, 1, &t->dim));
    snprintf(name, sizeof name, "%s.encoder.layers.0.linear1.weight", module);
    INFER_TRY(side(im, f, name, 2, 0, &t->ff));
    snprintf(name, sizeof name, "%s.encoder.layers.", module);
    INFER_TRY(count_layers(im, f, name, MODEL_MAX_LAYERS, &t->encoder_layers));
    if (!decoder) return INFER_OK;
    snprintf(name, sizeof name, "%s.decoder.layers.", module);
    return count_layers(im, f, name, MODEL_MAX_LAYERS, &t->decoder_layers);
}

static int measure_mlp(struct import *im, const struct foreign *f, const char *prefix) {
    struct mlp_config *m = &im->config.mlp;
    int numbers;
    char name[64];
    m->present = 1;
    /* Layers are 0, 2, 4, ...: activations have the numbers between. */
    INFER_TRY(count_layers(im, f, prefix, 2 * MODEL_MAX_MLP - 1, &numbers));
    m->layers = (numbers + 1) / 2;
    for (int i = 0; i < m->layers; i++) {
        snprintf(name, sizeof name, "%s%d.weight", prefix, 2 * i);
        if (!i) INFER_TRY(side(im, f, name, 2, 1, &m->sizes[0]));
        INFER_TRY(side(im, f, name, 2, 0, &m->sizes[i + 1]));
    }
    return INFER_OK;
}

static int measure_location(struct import *im, const struct foreign *f) {
    struct location_config *l = &im->config.location;
    int numbers;
    l->present = 1;
    INFER_TRY(count_layers(im, f, "location_encoder.LocEnc", MODEL_MAX_BRANCHES, &l->branches));
    INFER_TRY(side(im, f, "location_encoder.LocEnc0.capsule.0.b", 2, 0, &l->frequencies));
    INFER_TRY(side(im, f, "location_encoder.LocEnc0.capsule.1.weight", 2, 0, &l->hidden));
    INFER_TRY(side(im, f, "location_encoder.LocEnc0.head.0.weight", 2, 0, &l->out));
    INFER_TRY(
        count_layers(im, f, "location_encoder.LocEnc0.capsule.", 2 * MODEL_MAX_LAYERS, &numbers));
    l->hidden_layers = numbers / 2; /* linear layers are 1, 3, 5, ... */
    return INFER_OK;
}

/* Without TempGeo the head looks at each frame alone. */
static int measure_tempgeo(struct import *im) {
    const struct foreign *f = im->sources[FOREIGN_HEADS];
    bool any = foreign_find(f, "tempgeo.pos_embedding.weight") ||
               foreign_layers(f, "tempgeo.encoder.layers.") ||
               !foreign_layers(f, "tempgeo.mlp."); /* no heads at all: say so */
    if (any) {
        INFER_TRY(measure_transformer(im, "tempgeo", false, &im->config.tempgeo));
        return choose_module_heads(im, "--tempgeo-heads", im->what->tempgeo_heads,
                                   &im->config.tempgeo);
    }
    if (im->what->tempgeo_heads)
        return infer_fail(im->ctx, INFER_EUSAGE,
                          "--tempgeo-heads has no effect: %s holds no TempGeo", foreign_path(f));
    return INFER_OK;
}

/* A model without GeoRefiner still queries; one tensor of it makes it due as a whole. */
static int measure_refiner(struct import *im) {
    const struct foreign *f = im->sources[FOREIGN_HEADS];
    bool any = foreign_find(f, "georefiner.pos_embedding.weight") ||
               foreign_layers(f, "georefiner.encoder.layers.") ||
               foreign_layers(f, "georefiner.decoder.layers.");
    if (any) {
        INFER_TRY(measure_transformer(im, "georefiner", true, &im->config.refiner));
        return choose_module_heads(im, "--refiner-heads", im->what->refiner_heads,
                                   &im->config.refiner);
    }
    if (im->what->refiner_heads)
        return infer_fail(im->ctx, INFER_EUSAGE,
                          "--refiner-heads has no effect: %s holds no GeoRefiner", foreign_path(f));
    return INFER_OK;
}

static int measure_heads(struct import *im) {
    if (im->geoclip) {
        INFER_TRY(measure_mlp(im, im->sources[FOREIGN_IMAGE_MLP], "image_mlp."));
        return measure_location(im, im->sources[FOREIGN_LOCATION]);
    }
    INFER_TRY(measure_dinov2(im));
    if (!im->what->heads) return INFER_OK;
    INFER_TRY(measure_tempgeo(im));
    INFER_TRY(measure_mlp(im, im->sources[FOREIGN_HEADS], "tempgeo.mlp."));
    INFER_TRY(measure_location(im, im->sources[FOREIGN_HEADS]));
    return measure_refiner(im);
}

static int measure(struct import *im) {
    struct model_config *c = &im->config;
    const char *recipe = im->what->recipe ? im->what->recipe : im->geoclip ? "crop" : "stretch";
    snprintf(c->architecture, sizeof c->architecture, "%s", im->geoclip ? "geoclip" : "vidtag");
    c->recipe = strcmp(recipe, "crop") ? INFER_RECIPE_STRETCH : INFER_RECIPE_CROP;
    INFER_TRY(measure_clip(im));
    INFER_TRY(measure_heads(im));
    c->picture_size = c->clip.image_size;
    for (int i = 0; i < CATALOG_FILES; i++)
        if (i == CATALOG_CLIP || (i == CATALOG_DINOV2 ? c->dinov2.present : c->mlp.present))
            snprintf(c->files[i], sizeof c->files[i], "%s.safetensors", catalog_file_names[i]);
    const infer_import *w = im->what;
    return config_check(im->ctx, im->geoclip ? w->image_mlp : w->heads ? w->heads : w->clip, c);
}

/* -------------------------------------------------------------------- tensors */

static const struct foreign *source_of(const struct import *im, const struct catalog_entry *e) {
    if (e->file == CATALOG_CLIP) return im->sources[FOREIGN_CLIP];
    if (e->file == CATALOG_DINOV2) return im->sources[FOREIGN_DINOV2];
    if (!im->geoclip) return im->sources[FOREIGN_HEADS];
    if (e->module == CATALOG_M_MLP) return im->sources[FOREIGN_IMAGE_MLP];
    if (e->module == CATALOG_M_LOCATION) return im->sources[FOREIGN_LOCATION];
    return im->sources[FOREIGN_LOGIT_SCALE];
}

/* A single number may be stored as [] or as [1]. */
static bool same_shape(const struct catalog_entry *e, const struct weights_tensor *t) {
    if (e->ndim == 0) return t->count == 1;
    return e->ndim == t->ndim && !memcmp(e->shape, t->shape, (size_t)e->ndim * sizeof *e->shape);
}

static int check_tensor(struct import *im, const struct catalog_entry *e) {
    const struct foreign *source = source_of(im, e);
    const struct foreign_tensor *t = foreign_find(source, e->name);
    char wanted[CATALOG_SHAPE_TEXT], found[CATALOG_SHAPE_TEXT];
    catalog_shape(e->shape, e->ndim, wanted);
    if (!t)
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: tensor %s %s is missing",
                          foreign_path(source), e->name, wanted);
    if (!same_shape(e, &t->tensor))
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: tensor %s has shape %s; %s is expected",
                          t->path, e->name, catalog_shape(t->tensor.shape, t->tensor.ndim, found),
                          wanted);
    if (!weights_dtype_is_float(t->tensor.dtype))
        return infer_fail(im->ctx, INFER_ETENSOR, "%s: tensor %s is of type %s, not floating point",
                          t->path, e->name, weights_dtype_name(t->tensor.dtype));
    return INFER_OK;
}

static int check_tensors(struct import *im) {
    for (size_t i = 0; i < im->catalog.n; i++) INFER_TRY(check_tensor(im, &im->catalog.entries[i]));
    for (int i = 0; im->what->unexpected && i < FOREIGN_KINDS; i++)
        if (im->sources[i])
            foreign_list_unexpected(im->sources[i], &im->catalog, im->what->unexpected);
    return INFER_OK;
}

/* The numbers in place, or converted into the buffer. */
static int values_of(struct import *im, const struct weights_tensor *t, const float **out) {
    *out = weights_f32(t);
    if (*out) return INFER_OK;
    if (t->count > im->capacity) {
        float *buffer = realloc(im->buffer, t->count * sizeof *buffer);
        if (!buffer) return infer_fail_memory(im->ctx, t->count * sizeof *buffer);
        im->buffer = buffer;
        im->capacity = t->count;
    }
    weights_copy_f32(t, im->buffer);
    *out = im->buffer;
    return INFER_OK;
}

static int check_values(struct import *im, const struct foreign_tensor *t, bool half,
                        const float *x) {
    uint64_t n = t->tensor.count, bad = identity_find_nonfinite(x, n);
    if (bad < n)
        return infer_fail(im->ctx, INFER_EVALUE, "%s: tensor %s: number %" PRIu64 " is not finite",
                          t->path, t->name, bad);
    for (uint64_t i = 0; half && i < n; i++)
        if (fabsf(x[i]) > F16_MOST)
            return infer_fail(im->ctx, INFER_EVALUE,
                              "%s: tensor %s: number %" PRIu64 " (%g) does not fit float16; import "
                              "without --half",
                              t->path, t->name, i, (double)x[i]);
    return INFER_OK;
}

static int append_tensors(struct import *im, enum catalog_file file,
                          struct safetensors_writer *writer) {
    for (size_t i = 0; i < im->catalog.n; i++) {
        const struct catalog_entry *e = &im->catalog.entries[i];
        if (e->file != file) continue;
        const struct foreign_tensor *t = foreign_find(source_of(im, e), e->name);
        const float *x;
        INFER_TRY(values_of(im, &t->tensor, &x));
        INFER_TRY(check_values(im, t, im->what->half && !catalog_is_exact(e), x));
        INFER_TRY(safetensors_append(writer, x, e->count));
    }
    return INFER_OK;
}

static struct safetensors_entry *entries_of(struct import *im, enum catalog_file file, size_t *n) {
    struct safetensors_entry *entries = calloc(im->catalog.n, sizeof *entries);
    *n = 0;
    for (size_t i = 0; entries && i < im->catalog.n; i++) {
        const struct catalog_entry *e = &im->catalog.entries[i];
        if (e->file != file) continue;
        struct safetensors_entry *s = &entries[(*n)++];
        s->name = e->name;
        s->dtype = im->what->half && !catalog_is_exact(e) ? WEIGHTS_F16 : WEIGHTS_F32;
        s->ndim = e->ndim;
        memcpy(s->shape, e->shape, sizeof e->shape);
    }
    return entries;
}

static int write_file(struct import *im, enum catalog_file file) {
    size_t n;
    int status;
    struct safetensors_writer *writer = NULL;
    struct safetensors_entry *entries = entries_of(im, file, &n);
    char *path = folder_file(im->folder.temporary, im->config.files[file]);
    INFER_GO(entries && path ? INFER_OK
                             : infer_fail_memory(im->ctx, im->catalog.n * sizeof *entries));
    INFER_GO(safetensors_create(im->ctx, path, entries, n, &writer));
    INFER_GO(append_tensors(im, file, writer));
    status = safetensors_finish(writer);
    writer = NULL;
done:
    if (writer) safetensors_abandon(writer);
    free(entries);
    free(path);
    return status;
}

/* --------------------------------------------------------------------- folder */

static int compute_ids(struct import *im) {
    struct weights *files[CATALOG_FILES] = {0};
    int status = INFER_OK;
    for (int i = 0; i < CATALOG_FILES && status == INFER_OK; i++) {
        if (!*im->config.files[i]) continue;
        char *path = folder_file(im->folder.temporary, im->config.files[i]);
        status = path ? weights_open(im->ctx, path, &files[i]) : infer_fail_memory(im->ctx, 64);
        free(path);
    }
    if (status == INFER_OK) status = identity_compute(im->ctx, &im->catalog, files, &im->config);
    for (int i = 0; i < CATALOG_FILES; i++) weights_close(files[i]);
    return status;
}

static void close_sources(struct import *im) {
    for (int i = 0; i < FOREIGN_KINDS; i++) {
        foreign_close(im->sources[i]);
        im->sources[i] = NULL;
    }
}

static int make_folder(struct import *im) {
    INFER_TRY(folder_begin(im->ctx, im->what->output, im->what->overwrite, &im->folder));
    for (int i = 0; i < CATALOG_FILES; i++)
        if (*im->config.files[i]) INFER_TRY(write_file(im, (enum catalog_file)i));
    close_sources(im); /* so that not both copies are mapped at once */
    INFER_TRY(compute_ids(im));
    char *path = folder_file(im->folder.temporary, "config.json");
    if (!path) return infer_fail_memory(im->ctx, 64);
    int status = config_write(im->ctx, path, &im->config);
    free(path);
    return status == INFER_OK ? folder_commit(&im->folder) : status;
}

int infer_model_import(infer *ctx, const infer_import *what) {
    struct import im = {.ctx = ctx, .what = what};
    int status;
    INFER_GO(check_request(&im));
    INFER_GO(open_sources(&im));
    INFER_GO(measure(&im));
    INFER_GO(catalog_build(ctx, &im.config, &im.catalog));
    INFER_GO(check_tensors(&im));
    INFER_GO(make_folder(&im));
done:
    if (status != INFER_OK) folder_name_place(&im.folder);
    folder_end(&im.folder);
    catalog_free(&im.catalog);
    close_sources(&im);
    free(im.buffer);
    return status;
}
