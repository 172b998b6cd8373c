/* The location encoder (VidTAG section 3.3; GeoCLIP, arXiv:2309.16020): Equal Earth, random Fourier
 * features at several scales, an MLP for each, their sum. */
#include "context.h"
#include "linear.h"
#include "modules.h"
#include "projection.h"
#include "scratch.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A point's embedding has the same bits in whatever company it comes: then a gallery that was
 * interrupted, updated, or merged of parts equals one that was made at once. So points are computed
 * in whole tiles, which gives all products the same shape, and each point has a side: OpenBLAS's
 * kernels for Haswell and Zen take rows by the dozen, and the second six of a dozen come out
 * otherwise in the last bit. A point always lies in that six of a dozen which its coordinate says;
 * empty places compute what nobody reads. */
#define TILE ((size_t)384)
#define DOZEN ((size_t)12)
#define SIDE_OF_TILE (TILE / 2)
#define BATCH (4 * TILE) /* places computed at once: 19 MB of working memory; TILE 2^n */

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

/* ----------------------------------------------------------------------- tiles */

struct tiles { /* points on their places */
    double lonlat[2 * BATCH];
    size_t point[BATCH]; /* which one is there, or NOBODY */
    size_t used[2];      /* places, of each side */
    float *out, *raw;    /* [BATCH][out] */
};
#define NOBODY SIZE_MAX

static unsigned side_of(const double lonlat[2]) {
    double x[2] = {lonlat[0] + 0.0, lonlat[1] + 0.0}; /* -0 is 0 */
    uint64_t bits[2];
    memcpy(bits, x, sizeof bits);
    uint64_t mixed = (bits[0] ^ (bits[1] << 29 | bits[1] >> 35)) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93u;
    return (unsigned)(mixed >> 63);
}

static void empty(struct tiles *t) {
    memset(t->lonlat, 0, sizeof t->lonlat);
    for (size_t i = 0; i < BATCH; i++) t->point[i] = NOBODY;
    t->used[0] = t->used[1] = 0;
}

/* False if the point's side is full. */
static bool put(struct tiles *t, size_t point, const double lonlat[2]) {
    unsigned side = side_of(lonlat);
    size_t i = t->used[side], six = DOZEN / 2;
    if (i == BATCH / 2) return false;
    size_t place = i / six * DOZEN + side * six + i % six;
    memcpy(t->lonlat + 2 * place, lonlat, 2 * sizeof *lonlat);
    t->point[place] = point;
    t->used[side]++;
    return true;
}

static int forward_tiles(struct location *location, const struct tiles *t, float *raw, float *out) {
    size_t dim = location->out, row = dim * sizeof *out;
    size_t most = t->used[t->used[1] > t->used[0]];
    size_t end = (most + SIDE_OF_TILE - 1) / SIDE_OF_TILE * TILE, some = BATCH;
    for (size_t i = 0; i < end; i += some) {
        while (some > end - i) some /= 2;
        INFER_TRY(forward_batch(location, t->lonlat + 2 * i, some, raw ? t->raw + i * dim : NULL,
                                t->out + i * dim));
    }
    for (size_t i = 0; i < end; i++) {
        if (t->point[i] == NOBODY) continue;
        memcpy(out + t->point[i] * dim, t->out + i * dim, row);
        if (raw) memcpy(raw + t->point[i] * dim, t->raw + i * dim, row);
    }
    return INFER_OK;
}

int location_forward(struct location *location, const double *lonlat, size_t n, float *raw,
                     float *out) {
    size_t numbers = 2 * BATCH * location->out;
    int status = INFER_OK;
    struct tiles *t = malloc(sizeof *t);
    if (!t || !(t->out = malloc(numbers * sizeof *t->out))) {
        free(t);
        return infer_fail_memory(location->ctx, numbers * sizeof *out);
    }
    t->raw = t->out + BATCH * location->out;
    empty(t);
    for (size_t i = 0; i < n && status == INFER_OK; i++) {
        if (put(t, i, lonlat + 2 * i)) continue;
        status = forward_tiles(location, t, raw, out);
        empty(t);
        put(t, i, lonlat + 2 * i);
    }
    if (status == INFER_OK) status = forward_tiles(location, t, raw, out);
    free(t->out);
    free(t);
    return status;
}
