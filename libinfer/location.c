/* The location encoder (VidTAG section 3.3; GeoCLIP, arXiv:2309.16020): Equal Earth, random Fourier
 * features at several scales, an MLP for each, their sum. */
#include "context.h"
#include "linear.h"
#include "modules.h"
#include "projection.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points are computed in whole tiles, the last one filled up with its last point: so all products
 * have the same shape, and a point's embedding the same bits in whatever company it comes. A
 * gallery that was interrupted, or updated, then equals one that was made at once. A tile is whole
 * micro-tiles of OpenBLAS's kernels; those for Haswell and Zen round every second six rows of
 * theirs differently all the same, in the last bit. */
#define TILE ((size_t)384)
#define BATCH (4 * TILE) /* points computed at once: 19 MB of working memory; TILE 2^n */

struct branch {
    const float *frequencies; /* [n][2], sigma included */
    struct linear layer[MODEL_MAX_LAYERS];
    struct linear head;
};

struct location {
    infer *ctx;
    size_t branches, frequencies, hidden, depth, out;
    struct branch *branch;
    struct scratch scratch;
};

static struct linear bind_linear(const infer_model *model, size_t branch, const char *part,
                                 size_t number, size_t in, size_t out) {
    char weight[96], bias[96];
    const char *form = "location_encoder.LocEnc%zu.%s.%zu.%s";
    snprintf(weight, sizeof weight, form, branch, part, number, "weight");
    snprintf(bias, sizeof bias, form, branch, part, number, "bias");
    return (struct linear){model_tensor(model, "heads", weight), model_tensor(model, "heads", bias),
                           .in = in, .out = out};
}

static void bind_branch(struct location *location, const infer_model *model, size_t i) {
    struct branch *branch = &location->branch[i];
    char name[96];
    snprintf(name, sizeof name, "location_encoder.LocEnc%zu.capsule.0.b", i);
    branch->frequencies = model_tensor(model, "heads", name);
    size_t in = 2 * location->frequencies;
    for (size_t k = 0; k < location->depth; k++) { /* 0 is the features; ReLUs have numbers too */
        branch->layer[k] = bind_linear(model, i, "capsule", 2 * k + 1, in, location->hidden);
        in = location->hidden;
    }
    branch->head = bind_linear(model, i, "head", 0, in, location->out);
}

int location_bind(infer *ctx, const infer_model *model, const struct location_config *config,
                  struct location **out) {
    *out = NULL;
    struct location *location = calloc(1, sizeof *location);
    if (!location) return infer_fail_memory(ctx, sizeof *location);
    location->ctx = ctx;
    location->branches = (size_t)config->branches;
    location->frequencies = (size_t)config->frequencies;
    location->hidden = (size_t)config->hidden;
    location->depth = (size_t)config->hidden_layers;
    location->out = (size_t)config->out;
    location->branch = calloc(location->branches, sizeof *location->branch);
    if (!location->branch) {
        size_t bytes = location->branches * sizeof *location->branch;
        location_free(location);
        return infer_fail_memory(ctx, bytes);
    }
    for (size_t i = 0; i < location->branches; i++) bind_branch(location, model, i);
    *out = location;
    return INFER_OK;
}

void location_free(struct location *location) {
    if (!location) return;
    scratch_free(&location->scratch);
    free(location->branch);
    free(location);
}

/* features: [n][2 frequencies] */
static void make_features(const struct location *location, const struct branch *branch,
                          const double *lonlat, size_t n, float *features) {
    const infer *ctx = location->ctx;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (n > 64)
    for (size_t i = 0; i < n; i++) {
        double xy[2];
        projection_equal_earth(lonlat + 2 * i, xy);
        ctx->kernels->fourier(branch->frequencies, location->frequencies, xy[0], xy[1],
                              features + i * 2 * location->frequencies);
    }
}

static int forward_batch(struct location *location, const double *lonlat, size_t n, float *raw,
                         float *out) {
    infer *ctx = location->ctx;
    size_t wide =
        2 * location->frequencies > location->hidden ? 2 * location->frequencies : location->hidden;
    if (location->out > wide) wide = location->out;
    INFER_TRY(scratch_reserve(ctx, &location->scratch, 2 * SCRATCH_ROUND(n * wide)));
    float *x = scratch_take(&location->scratch, n * wide);
    float *y = scratch_take(&location->scratch, n * wide);

    memset(out, 0, n * location->out * sizeof *out);
    for (size_t i = 0; i < location->branches; i++) {
        const struct branch *branch = &location->branch[i];
        make_features(location, branch, lonlat, n, x);
        for (size_t k = 0; k < location->depth; k++) {
            struct linear_then act = {.activation = INFER_RELU};
            linear_forward(ctx, &branch->layer[k], x, n, &act, y);
            float *swap = x;
            x = y;
            y = swap;
        }
        struct linear_then sum = {.residual = out};
        linear_forward(ctx, &branch->head, x, n, &sum, y);
    }
    if (raw) memcpy(raw, out, n * location->out * sizeof *raw);
    for (size_t i = 0; i < n; i++) ctx->kernels->normalize(out + i * location->out, location->out);
    return INFER_OK;
}

/* The points left over from whole tiles. */
static int forward_rest(struct location *location, const double *lonlat, size_t n, float *raw,
                        float *out) {
    size_t row = location->out * sizeof *out;
    double *filled = malloc(TILE * 2 * sizeof *filled);
    float *outs = malloc(2 * TILE * row), *raws = outs ? outs + TILE * location->out : NULL;
    int status = filled && outs ? INFER_OK : infer_fail_memory(location->ctx, 2 * TILE * row);
    if (status == INFER_OK) {
        for (size_t i = 0; i < TILE; i++)
            memcpy(filled + 2 * i, lonlat + 2 * (i < n ? i : n - 1), 2 * sizeof *filled);
        status = forward_batch(location, filled, TILE, raws, outs);
    }
    if (status == INFER_OK) {
        memcpy(out, outs, n * row);
        if (raw) memcpy(raw, raws, n * row);
    }
    free(filled);
    free(outs);
    return status;
}

int location_forward(struct location *location, const double *lonlat, size_t n, float *raw,
                     float *out) {
    size_t some = BATCH;
    for (size_t i = 0; i < n; i += some) {
        while (some > n - i && some > TILE) some /= 2;
        float *raw_i = raw ? raw + i * location->out : NULL, *out_i = out + i * location->out;
        if (n - i < TILE) return forward_rest(location, lonlat + 2 * i, n - i, raw_i, out_i);
        INFER_TRY(forward_batch(location, lonlat + 2 * i, some, raw_i, out_i));
    }
    return INFER_OK;
}
