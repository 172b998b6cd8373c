/* What model.h computes: checks the inputs, runs the modules. */
#include "context.h"
#include "modules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pictures whose pixels are in memory at once; as many as a tower takes in one batch. */
#define PICTURES ((size_t)8)

static int need(infer_model *model, const void *module, const char *name) {
    if (module) return INFER_OK;
    return infer_fail(model->ctx, INFER_EMODEL, "the model has no %s, or it was not loaded", name);
}

static int check_finite(infer *ctx, const char *what, const float *rows, size_t n, size_t dim) {
    for (size_t i = 0; i < n * dim; i++)
        if (!isfinite(rows[i]))
            return infer_fail(ctx, INFER_EVALUE, "%s: row %zu, value %zu is not a finite number",
                              what, i / dim, i % dim);
    return INFER_OK;
}

/* ----------------------------------------------------------------- pictures */
static int check_pictures(infer *ctx, const infer_picture *pictures, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!pictures[i].rgb || pictures[i].width <= 0 || pictures[i].height <= 0)
            return infer_fail(ctx, INFER_EVALUE, "picture %zu is empty", i);
    return INFER_OK;
}

/* One tower over some pictures. pixels: [n][3][size][size]; out: [n][dim]. */
static int encode(infer_model *model, struct vit *vit, const infer_picture *pictures, size_t n,
                  const float mean[3], const float std[3], float *pixels, float *out) {
    int size = model->config.picture_size;
    for (size_t i = 0; i < n; i++)
        INFER_TRY(picture_prepare(model->ctx, &pictures[i], model->config.recipe, size, mean, std,
                                  pixels + i * 3 * (size_t)size * (size_t)size));
    return vit_forward(vit, pixels, n, out);
}

/* GeoCLIP's feature is CLIP's projection as it comes; VidTAG's is both towers' side by side, to
 * unit length. towers: [n][clip] and then [n][dinov2]. */
static int encode_some(infer_model *model, const infer_picture *pictures, size_t n, float *pixels,
                       float *towers, float *out) {
    size_t clip = (size_t)model->config.clip.projection;
    size_t dino = model->dinov2 ? (size_t)model->config.dinov2.dim : 0;
    INFER_TRY(encode(model, model->clip, pictures, n, picture_clip_mean, picture_clip_std, pixels,
                     towers));
    if (model->dinov2)
        INFER_TRY(encode(model, model->dinov2, pictures, n, picture_imagenet_mean,
                         picture_imagenet_std, pixels, towers + n * clip));
    for (size_t i = 0; i < n; i++) {
        float *row = out + i * (clip + dino);
        memcpy(row, towers + i * clip, clip * sizeof *row);
        if (!model->dinov2) continue;
        memcpy(row + clip, towers + n * clip + i * dino, dino * sizeof *row);
        model->ctx->kernels->normalize(row, clip + dino);
    }
    return INFER_OK;
}

int infer_pictures_encode(infer_model *model, const infer_picture *pictures, size_t n, float *out) {
    infer *ctx = model->ctx;
    INFER_TRY(need(model, model->clip, "backbones"));
    INFER_TRY(check_pictures(ctx, pictures, n));
    size_t size = (size_t)model->config.picture_size, dim = (size_t)model->info.feature_dim;
    size_t batch = n < PICTURES ? n : PICTURES;
    size_t floats = batch * (3 * size * size + dim);
    float *pixels = malloc((floats ? floats : 1) * sizeof *pixels);
    if (!pixels) return infer_fail_memory(ctx, floats * sizeof *pixels);
    int status = INFER_OK;
    for (size_t i = 0; i < n && status == INFER_OK; i += PICTURES) {
        size_t some = n - i < PICTURES ? n - i : PICTURES;
        status = encode_some(model, pictures + i, some, pixels, pixels + batch * 3 * size * size,
                             out + i * dim);
    }
    free(pixels);
    if (status == INFER_OK) status = check_finite(ctx, "features", out, n, dim);
    return status;
}

/* ----------------------------------------------------------------- embeddings */
static int check_length(infer_model *model, const char *module, size_t n, int most) {
    if (most <= 0 || n <= (size_t)most) return INFER_OK;
    return infer_fail(model->ctx, INFER_EUSAGE,
                      "%zu frames at once, but %s has positions for %d: use windows", n, module,
                      most);
}

int infer_frames_embed(infer_model *model, const float *features, size_t n, float *out) {
    INFER_TRY(need(model, model->tempgeo, "part that embeds frames"));
    INFER_TRY(check_length(model, "TempGeo", n, model->info.max_frames));
    INFER_TRY(check_finite(model->ctx, "features", features, n, (size_t)model->info.feature_dim));
    INFER_TRY(tempgeo_forward(model->tempgeo, features, n, NULL, out));
    return check_finite(model->ctx, "frame embeddings", out, n, (size_t)model->info.embedding_dim);
}

int infer_points_embed(infer_model *model, const double *lonlat, size_t n, float *out) {
    INFER_TRY(need(model, model->location, "location encoder"));
    for (size_t i = 0; i < n; i++)
        if (!isfinite(lonlat[2 * i]) || !isfinite(lonlat[2 * i + 1]))
            return infer_fail(model->ctx, INFER_EVALUE,
                              "point %zu: longitude or latitude is not a finite number", i);
    INFER_TRY(location_forward(model->location, lonlat, n, NULL, out));
    return check_finite(model->ctx, "point embeddings", out, n, (size_t)model->info.embedding_dim);
}

int infer_track_refine(infer_model *model, const float *frames, const float *gps, size_t n,
                       float *out) {
    size_t dim = (size_t)model->info.embedding_dim;
    INFER_TRY(need(model, model->refiner, "GeoRefiner"));
    INFER_TRY(check_length(model, "GeoRefiner", n, model->info.refiner_max_frames));
    INFER_TRY(check_finite(model->ctx, "frame embeddings", frames, n, dim));
    INFER_TRY(check_finite(model->ctx, "GPS embeddings", gps, n, dim));
    INFER_TRY(refiner_forward(model->refiner, frames, gps, n, out));
    return check_finite(model->ctx, "refined embeddings", out, n, dim);
}
