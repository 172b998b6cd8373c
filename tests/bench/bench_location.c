/* The location encoder of a real model: points per second. VT_BENCH_MODEL names its folder. */
#include "libinfer/context.h"
#include "libinfer/model.h"
#include "tests/bench/bench.h"

enum { POINTS = 8192 };

struct points {
    infer_model *model;
    double lonlat[2 * POINTS];
    float *out;
};

static void run(void *user) {
    struct points *p = user;
    if (infer_points_embed(p->model, p->lonlat, POINTS, p->out) != INFER_OK) exit(1);
}

/* A few points against the plain kernels. */
static int verify(const char *folder, const struct points *p, size_t dim) {
    infer_options options = {.kernels = INFER_KERNELS_PLAIN};
    infer *ctx;
    infer_model *model;
    float *want = bench_random(4 * dim, 0);
    double worst = 0;
    if (infer_open(&options, &ctx) != INFER_OK ||
        infer_model_load(ctx, folder, INFER_PART_LOCATION, &model) != INFER_OK ||
        infer_points_embed(model, p->lonlat, 4, want) != INFER_OK)
        exit(1);
    for (size_t i = 0; i < 4 * dim; i++)
        worst = fmax(worst, fabs((double)want[i] - (double)p->out[i]));
    free(want);
    infer_model_close(model);
    infer_close(ctx);
    return worst < 1e-5;
}

int main(void) {
    const char *folder = getenv("VT_BENCH_MODEL");
    infer *ctx;
    static struct points p;
    if (!folder) {
        printf("location encoder: not timed, VT_BENCH_MODEL is not set\n");
        return 0;
    }
    if (infer_open(NULL, &ctx) != INFER_OK) return 1;
    if (infer_model_load(ctx, folder, INFER_PART_LOCATION, &p.model) != INFER_OK) {
        fprintf(stderr, "bench: %s\n", infer_message(ctx));
        return 1;
    }
    size_t dim = (size_t)infer_model_describe(p.model)->embedding_dim;
    p.out = bench_random(POINTS * dim, 0);
    for (size_t i = 0; i < POINTS; i++) {
        p.lonlat[2 * i] = 9.4 + 1e-3 * (double)(i % 128);
        p.lonlat[2 * i + 1] = 47 + 1e-3 * (double)(i / 128);
    }
    run(&p);
    int right = verify(folder, &p, dim);
    if (right)
        bench_report("location encoder", POINTS / bench_best(run, &p), "points/s");
    else
        printf("location encoder: wrong, not timed\n");
    free(p.out);
    infer_model_close(p.model);
    infer_close(ctx);
    return !right;
}
