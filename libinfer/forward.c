/* What model.h computes: checks the inputs, runs the modules. */
#include "context.h"
#include "modules.h"
#include "scratch.h"

#include <math.h>
#include <stdbool.h>
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

int infer_picture_prepare(infer_model *model, const infer_picture *picture, float *pixels) {
    /* With mean 0 and deviation 1 the pixels come as they are; both towers normalise them later,
     * by the same arithmetic. */
    static const float zeros[3] = {0, 0, 0}, ones[3] = {1, 1, 1};
    INFER_TRY(need(model, model->clip, "backbones"));
    INFER_TRY(check_pictures(model->ctx, picture, 1));
    return picture_prepare(model->ctx, picture, model->config.recipe, model->config.picture_size,
                           zeros, ones, pixels);
}

/* Working memory for as many pictures as are computed at once. */
struct batch {
    float *plain, *pixels; /* [n][3][size][size], in [0,1] and as a tower takes them */
    float *clip, *dinov2;  /* [n][dim] */
};

static size_t pixels_of(const infer_model *model) {
    return 3 * (size_t)model->config.picture_size * (size_t)model->config.picture_size;
}

static int make_batch(infer_model *model, size_t n, bool plain, struct batch *batch) {
    if (n > PICTURES) n = PICTURES;
    size_t pixels = n * pixels_of(model), clip = n * (size_t)model->config.clip.projection;
    size_t dinov2 = model->dinov2 ? n * (size_t)model->config.dinov2.dim : 0;
    struct scratch *scratch = &model->scratch;
    INFER_TRY(scratch_reserve(model->ctx, scratch,
                              (plain ? 2 : 1) * SCRATCH_ROUND(pixels) + SCRATCH_ROUND(clip) +
                                  SCRATCH_ROUND(dinov2)));
    *batch = (struct batch){.pixels = scratch_take(scratch, pixels),
                            .clip = scratch_take(scratch, clip),
                            .dinov2 = scratch_take(scratch, dinov2)};
    if (plain) batch->plain = scratch_take(scratch, pixels);
    return INFER_OK;
}

static int run_tower(infer_model *model, struct vit *vit, const struct batch *batch,
                     const float *plain, size_t n, const float mean[3], const float std[3],
                     float *out) {
    size_t plane = (size_t)model->config.picture_size * (size_t)model->config.picture_size;
#pragma omp parallel for num_threads(model->ctx->threads) schedule(static)
    for (size_t i = 0; i < 3 * n; i++)
        for (size_t k = i * plane; k < (i + 1) * plane; k++)
            batch->pixels[k] = (plain[k] - mean[i % 3]) / std[i % 3];
    return vit_forward(vit, batch->pixels, n, out);
}

/* GeoCLIP's feature is CLIP's projection as it comes; VidTAG's is both towers' side by side, to
 * unit length. */
static int encode(infer_model *model, const float *plain, size_t n, const struct batch *batch,
                  float *out) {
    size_t clip = (size_t)model->config.clip.projection;
    INFER_TRY(run_tower(model, model->clip, batch, plain, n, picture_clip_mean, picture_clip_std,
                        model->dinov2 ? batch->clip : out));
    if (!model->dinov2) return INFER_OK;
    size_t dino = (size_t)model->config.dinov2.dim;
    INFER_TRY(run_tower(model, model->dinov2, batch, plain, n, picture_imagenet_mean,
                        picture_imagenet_std, batch->dinov2));
    for (size_t i = 0; i < n; i++) {
        float *row = out + i * (clip + dino);
        memcpy(row, batch->clip + i * clip, clip * sizeof *row);
        memcpy(row + clip, batch->dinov2 + i * dino, dino * sizeof *row);
        model->ctx->kernels->normalize(row, clip + dino);
    }
    return INFER_OK;
}

int infer_pixels_encode(infer_model *model, const float *pixels, size_t n, float *out) {
    size_t each = pixels_of(model), dim = (size_t)model->info.feature_dim;
    struct batch batch;
    INFER_TRY(need(model, model->clip, "backbones"));
    INFER_TRY(make_batch(model, n, false, &batch));
    for (size_t i = 0; i < n; i += PICTURES)
        INFER_TRY(encode(model, pixels + i * each, n - i < PICTURES ? n - i : PICTURES, &batch,
                         out + i * dim));
    return check_finite(model->ctx, "features", out, n, dim);
}

int infer_pictures_encode(infer_model *model, const infer_picture *pictures, size_t n, float *out) {
    size_t each = pixels_of(model), dim = (size_t)model->info.feature_dim;
    struct batch batch;
    INFER_TRY(need(model, model->clip, "backbones"));
    INFER_TRY(check_pictures(model->ctx, pictures, n));
    INFER_TRY(make_batch(model, n, true, &batch));
    for (size_t i = 0; i < n; i += PICTURES) {
        size_t some = n - i < PICTURES ? n - i : PICTURES;
        for (size_t k = 0; k < some; k++)
            INFER_TRY(infer_picture_prepare(model, &pictures[i + k], batch.plain + k * each));
        INFER_TRY(encode(model, batch.plain, some, &batch, out + i * dim));
    }
    return check_finite(model->ctx, "features", out, n, dim);
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
