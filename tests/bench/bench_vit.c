/* A layer of a ViT-L tower over 8 pictures, all of it: products, attention, norms, GELU. */
#include "libinfer/context.h"
#include "libinfer/transformer.h"
#include "tests/bench/bench.h"

#include <string.h>

enum { DIM = 1024, HEADS = 16, FF = 4096, TOKENS = 257, PICTURES = 8, LAYERS = 24, TOWERS = 2 };
#define ROWS ((size_t)PICTURES * TOKENS)

struct tower {
    infer *ctx;
    struct transformer_layer layer;
    struct transformer_work work;
    struct scratch scratch;
    float *x;
};

static struct linear random_linear(size_t in, size_t out) {
    return (struct linear){bench_random(in * out, 0.05F), bench_random(out, 0.1F), in, out};
}

static struct transformer_norm random_norm(void) {
    return (struct transformer_norm){bench_random(DIM, 1), bench_random(DIM, 0.1F)};
}

static void free_linear(struct linear *l) {
    free((void *)(uintptr_t)l->weight);
    free((void *)(uintptr_t)l->bias);
}

static void run(void *user) {
    struct tower *t = user;
    transformer_forward(t->ctx, &t->layer, t->x, PICTURES, TOKENS, NULL, &t->work);
}

/* The first picture's first rows against the plain kernels: one picture at a time is the same. */
static int verify(struct tower *t, const float *before) {
    infer_options options = {.kernels = INFER_KERNELS_PLAIN};
    enum { SHORT = 24 }; /* a whole picture would take minutes */
    float *plain = bench_random(SHORT * DIM, 0), *fast = bench_random(SHORT * DIM, 0);
    infer *ctx;
    if (infer_open(&options, &ctx) != INFER_OK) exit(1);
    memcpy(plain, before, SHORT * DIM * sizeof *plain);
    memcpy(fast, before, SHORT * DIM * sizeof *plain);
    struct scratch scratch = {0};
    struct transformer_work work;
    if (scratch_reserve(ctx, &scratch, transformer_work_size(ctx, &t->layer, 1, SHORT)) != INFER_OK)
        exit(1);
    transformer_work_take(ctx, &t->layer, 1, SHORT, &scratch, &work);
    transformer_forward(ctx, &t->layer, plain, 1, SHORT, NULL, &work);
    transformer_forward(t->ctx, &t->layer, fast, 1, SHORT, NULL, &t->work);
    double worst = 0;
    for (size_t i = 0; i < SHORT * DIM; i++)
        worst = fmax(worst, fabs((double)plain[i] - (double)fast[i]));
    scratch_free(&scratch);
    free(plain);
    free(fast);
    infer_close(ctx);
    return worst < 2e-4;
}

int main(void) {
    struct tower t = {0};
    if (infer_open(NULL, &t.ctx) != INFER_OK) return 1;
    t.layer = (struct transformer_layer){
        .dim = DIM, .heads = HEADS, .ff = FF, .eps = 1e-5F, .activation = INFER_GELU};
    t.layer.self.norm = random_norm();
    t.layer.norm = random_norm();
    struct linear *linears[] = {&t.layer.self.query, &t.layer.self.key, &t.layer.self.value,
                                &t.layer.self.out,   &t.layer.up,       &t.layer.down};
    for (size_t i = 0; i < 6; i++)
        *linears[i] = random_linear(i == 5 ? FF : DIM, i == 4 ? FF : DIM);
    size_t floats = transformer_work_size(t.ctx, &t.layer, PICTURES, TOKENS);
    if (scratch_reserve(t.ctx, &t.scratch, floats) != INFER_OK) return 1;
    transformer_work_take(t.ctx, &t.layer, PICTURES, TOKENS, &t.scratch, &t.work);
    t.x = bench_random(ROWS * DIM, 1);
    int right = verify(&t, t.x);
    if (right) {
        double seconds = bench_best(run, &t);
        double work = 2.0 * ROWS * (4.0 * DIM * DIM + 2.0 * DIM * FF + 2.0 * TOKENS * DIM);
        bench_report("ViT-L layer, 8 pictures", 1e-9 * work / seconds, "GFLOP/s");
        bench_report("both towers, from that", seconds * LAYERS * TOWERS / PICTURES, "s/frame");
    } else {
        printf("ViT-L layer: wrong, not timed\n");
    }
    for (size_t i = 0; i < 6; i++) free_linear(linears[i]);
    struct transformer_norm *norms[] = {&t.layer.self.norm, &t.layer.norm};
    for (size_t i = 0; i < 2; i++) {
        free((void *)(uintptr_t)norms[i]->weight);
        free((void *)(uintptr_t)norms[i]->bias);
    }
    free(t.x);
    scratch_free(&t.scratch);
    infer_close(t.ctx);
    return !right;
}
