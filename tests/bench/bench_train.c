/* A full-size Phase I step (VidTAG supplement A) on 128 videos x 16 cached features: loss,
 * gradients and Adam, as the reference's `bench_torch.py train` times it. Dropout 0, as there, and
 * 0.1. */
#include "libinfer/context.h"
#include "libinfer/learn.h"
#include "tests/bench/bench.h"

#include <string.h>

enum { VIDEOS = 128, FRAMES = 16, DIM = 1792, STEPS = 5, BEST_OF = 3 };
#define ROWS ((size_t)VIDEOS * FRAMES)

static const struct model_config full = {
    .architecture = "vidtag",
    .tempgeo =
        {.present = 1, .dim = DIM, .heads = 8, .ff = 2400, .max_frames = 512, .encoder_layers = 2},
    .mlp = {.present = 1, .layers = 3, .sizes = {DIM, 1024, 768, 512}},
    .location = {.present = 1,
                 .branches = 3,
                 .frequencies = 256,
                 .hidden = 1024,
                 .hidden_layers = 3,
                 .out = 512},
};

/* Multiplications and additions of a step done plainly (Strassen's algorithm and sums over videos
 * do with less): forward, and twice that back, but for what has no gradient (features and
 * frequencies). */
static double work(void) {
    const double r = ROWS, layer = 4.0 * DIM * DIM + 2.0 * DIM * 2400 + 2.0 * FRAMES * DIM;
    const double mlp = 1792.0 * 1024 + 1024.0 * 768 + 768.0 * 512;
    const double branch = 512.0 * 1024 + 2 * 1024.0 * 1024 + 1024.0 * 512;
    return 2 * r * (3 * (2 * layer + mlp + 3 * branch) - 3 * 512.0 * 1024 + 3 * r * 512);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double step(struct learner *learner, struct learn_batch *batch, uint64_t number) {
    static const struct learn_adam adam = {5e-5, 0.9, 0.999, 1e-8};
    double loss, begun = bench_now();
    batch->dropout.step = number;
    if (learn_contrast_pass(learner, batch, &loss, NULL) != INFER_OK || !isfinite(loss)) exit(1);
    learn_adam_step(learner, &adam, number, 1);
    return bench_now() - begun;
}

/* Several steps, after one to warm up: the best of the first three, which is what bench_torch.py
 * reports, and the median of all. */
struct seconds {
    double best, median;
};

static struct seconds measure(struct learner *learner, struct learn_batch *batch) {
    static uint64_t number;
    double took[STEPS], best = INFINITY;
    step(learner, batch, ++number);
    for (int i = 0; i < STEPS; i++) {
        took[i] = step(learner, batch, ++number);
        if (i < BEST_OF && took[i] < best) best = took[i];
    }
    qsort(took, STEPS, sizeof *took, compare);
    return (struct seconds){best, took[STEPS / 2]};
}

static double *random_points(size_t n) {
    float *x = bench_random(2 * n, 30);
    double *lonlat = malloc(2 * n * sizeof *lonlat);
    if (!lonlat) exit(1);
    for (size_t i = 0; i < 2 * n; i++) lonlat[i] = 30 + (double)x[i];
    free(x);
    return lonlat;
}

int main(void) {
    const double sigma[] = {1, 8, 256};
    infer *ctx;
    struct learner *learner;
    const unsigned all = 1u << CATALOG_M_TEMPGEO | 1u << CATALOG_M_MLP | 1u << CATALOG_M_LOCATION |
                         1u << CATALOG_M_SCALE;
    if (infer_open(NULL, &ctx) != INFER_OK) return 1;
    if (learn_open(ctx, &full, all, all, &learner) != INFER_OK) return 1;
    learn_init(learner, all, sigma, 1);
    float *features = bench_random(ROWS * DIM, 1);
    for (size_t i = 0; i < ROWS; i++) ctx->kernels->normalize(features + i * DIM, DIM);
    double *lonlat = random_points(ROWS);
    struct learn_batch batch = {
        .videos = VIDEOS, .frames = FRAMES, .features = features, .lonlat = lonlat};
    struct seconds plain = measure(learner, &batch);
    bench_report("Phase I step, 128 x 16, best of three", plain.best, "s");
    bench_report("Phase I step, 128 x 16, median of five", plain.median, "s");
    bench_report("Phase I step, as plain products", 1e-9 * work() / plain.median, "GFLOP/s");
    batch.dropout = (struct learn_dropout){.p = 0.1F, .seed = 1};
    bench_report("Phase I step with dropout 0.1, median", measure(learner, &batch).median, "s");
    free(features);
    free(lonlat);
    learn_close(learner);
    infer_close(ctx);
    return 0;
}
