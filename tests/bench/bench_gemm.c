/* Rows times weights at the model's shapes: GFLOP/s on all cores. */
#include "libinfer/context.h"
#include "libinfer/linear.h"
#include "tests/bench/bench.h"

struct product {
    infer *ctx;
    struct linear linear;
    const float *x;
    size_t rows;
    float *y;
};

static void run(void *user) {
    struct product *p = user;
    struct linear_then act = {.activation = INFER_GELU};
    linear_forward(p->ctx, &p->linear, p->x, p->rows, &act, p->y);
}

/* Some numbers of every piece against the plain kernels. */
static int verify(const struct product *p) {
    const struct infer_kernel_table *plain = infer_kernels_plain();
    for (size_t i = 0; i < p->rows; i += 61)
        for (size_t j = 0; j < p->linear.out; j += 97) {
            float want;
            plain->gemm(1, 1, p->linear.in, 1, p->x + i * p->linear.in, p->linear.in,
                        p->linear.weight + j * p->linear.in, p->linear.in, 1, 0, &want, 1);
            plain->activate(INFER_GELU, &want, p->linear.bias + j, 1, &want);
            if (!(fabsf(p->y[i * p->linear.out + j] - want) <= 1e-4F * (1 + fabsf(want)))) return 0;
        }
    return 1;
}

static int bench(infer *ctx, const char *name, size_t rows, size_t in, size_t out) {
    float *weight = bench_random(in * out, 0.1F), *bias = bench_random(out, 1);
    float *x = bench_random(rows * in, 1), *y = bench_random(rows * out, 1);
    struct product p = {ctx, {weight, bias, in, out}, x, rows, y};
    run(&p);
    int right = verify(&p);
    if (right)
        bench_report(name, 2e-9 * (double)(rows * in * out) / bench_best(run, &p), "GFLOP/s");
    else
        printf("%s: wrong, not timed\n", name);
    free(weight);
    free(bias);
    free(x);
    free(y);
    return !right;
}

int main(void) {
    infer *ctx;
    if (infer_open(NULL, &ctx) != INFER_OK) return 1;
    printf("gemm     %s, %d threads\n", infer_kernels(ctx), infer_threads(ctx));
    const char *wanted = infer_blas_wanted_core();
    if (wanted) printf("gemm     would be faster with OPENBLAS_CORETYPE=%s\n", wanted);
    int wrong = bench(ctx, "gemm, ViT query, 8 pictures", 8 * 257, 1024, 1024);
    wrong += bench(ctx, "gemm, ViT MLP up, 8 pictures", 8 * 257, 1024, 4096);
    wrong += bench(ctx, "gemm, ViT MLP down, 8 pictures", 8 * 257, 4096, 1024);
    wrong += bench(ctx, "gemm, TempGeo FFN, 512 frames", 512, 1792, 2400);
    wrong += bench(ctx, "gemm, TempGeo FFN, 16 frames", 16, 1792, 2400);
    wrong += bench(ctx, "gemm, location, 2048 points", 2048, 1024, 1024);
    infer_close(ctx);
    return wrong > 0;
}
