/* Products and attention that are cut into pieces, against loops in double over the whole. */
#include "libinfer/attention.h"
#include "libinfer/context.h"
#include "libinfer/linear.h"
#include "tests/unit/test.h"

static const int thread_counts[] = {1, 2, 3, 5};

static float *noise(size_t n, uint32_t seed, float scale) {
    float *x = malloc(n * sizeof *x);
    if (!x) exit(1);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        x[i] = scale * (float)((double)(seed >> 8) / (1 << 23) - 1);
    }
    return x;
}

static infer *open_with(enum infer_kernel_set set, int threads) {
    infer *ctx = NULL;
    infer_options options = {.threads = threads, .kernels = set};
    return infer_open(&options, &ctx) == INFER_OK ? ctx : NULL;
}

/* ----------------------------------------------------------------- products */
struct product {
    size_t rows, in, out;
    float *weight, *bias, *scale, *x, *residual;
};

static struct product make_product(size_t rows, size_t in, size_t out) {
    return (struct product){rows,
                            in,
                            out,
                            .weight = noise(in * out, 1, 0.5F),
                            .bias = noise(out, 2, 1),
                            .scale = noise(out, 3, 1),
                            .x = noise(rows * in, 4, 1),
                            .residual = noise(rows * out, 5, 1)};
}

static void free_product(struct product *p) {
    free(p->weight);
    free(p->bias);
    free(p->scale);
    free(p->x);
    free(p->residual);
}

/* y and residual as linear_forward leaves them, in fresh memory. */
static void compute(const infer *ctx, const struct product *p, float **y, float **residual) {
    struct linear linear = {p->weight, p->bias, p->in, p->out};
    *y = noise(p->rows * p->out, 6, 1);
    *residual = noise(p->rows * p->out, 5, 1);
    struct linear_then then = {INFER_RELU, *residual, p->scale};
    linear_forward(ctx, &linear, p->x, p->rows, &then, *y);
}

static void check_product(const struct product *p, const float *y, const float *residual) {
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = 0; j < p->out; j++) {
            size_t at = i * p->out + j;
            double sum = (double)p->bias[j];
            for (size_t k = 0; k < p->in; k++)
                sum += (double)p->x[i * p->in + k] * (double)p->weight[j * p->in + k];
            sum = fmax(sum, 0);
            CHECK_NEAR((double)y[at], sum, 1e-5);
            CHECK_NEAR((double)residual[at], (double)p->residual[at] + (double)p->scale[j] * sum,
                       1e-5);
            if (test_bad) return;
        }
}

static void test_product(size_t rows, size_t in, size_t out) {
    struct product p = make_product(rows, in, out);
    for (enum infer_kernel_set set = INFER_KERNELS_PLAIN; set <= INFER_KERNELS_AVX512; set++) {
        float *first_y = NULL, *first_residual = NULL;
        for (size_t t = 0; t < 4; t++) {
            infer *ctx = open_with(set, thread_counts[t]);
            if (!ctx) break;
            float *y, *residual;
            compute(ctx, &p, &y, &residual);
            infer_close(ctx);
            if (t == 0) {
                check_product(&p, y, residual);
                first_y = y;
                first_residual = residual;
                continue;
            }
            CHECK(memcmp(y, first_y, rows * out * sizeof *y) == 0);
            CHECK(memcmp(residual, first_residual, rows * out * sizeof *y) == 0);
            free(y);
            free(residual);
        }
        free(first_y);
        free(first_residual);
    }
    free_product(&p);
}

TEST(one_piece) {
    test_product(1, 1, 1);
    test_product(7, 65, 33);
    test_product(257, 19, 48);
}

TEST(many_pieces) {
    test_product(1, 30, 2400);
    test_product(1285, 20, 17);
    test_product(1299, 21, 1103);
}

TEST(no_rows) {
    struct product p = make_product(1, 8, 8);
    infer *ctx = open_with(INFER_KERNELS_AUTO, 2);
    struct linear linear = {p.weight, NULL, 8, 8};
    float y = 5;
    linear_forward(ctx, &linear, p.x, 0, NULL, &y);
    CHECK(y == 5);
    infer_close(ctx);
    free_product(&p);
}

/* ----------------------------------------------------------------- attention */
/* Softmax of q k^T / sqrt(width), times v, for one row of q. out: [width] */
static void attend_row(const struct attention *a, size_t sequence, size_t query, size_t head,
                       double *out) {
    size_t width = a->dim / a->heads, at = head * width;
    const float *q = a->q + (sequence * a->queries + query) * a->dim + at;
    const float *k = a->k + sequence * a->keys * a->dim + at;
    const float *v = a->v + sequence * a->keys * a->dim + at;
    double sum = 0;
    for (size_t d = 0; d < width; d++) out[d] = 0;
    for (size_t i = 0; i < a->keys; i++) {
        double score = 0;
        for (size_t d = 0; d < width; d++) score += (double)q[d] * (double)k[i * a->dim + d];
        double weight = exp(score / sqrt((double)width));
        sum += weight;
        for (size_t d = 0; d < width; d++) out[d] += weight * (double)v[i * a->dim + d];
    }
    for (size_t d = 0; d < width; d++) out[d] /= sum;
}

static void check_attention(const struct attention *a, const float *out) {
    size_t width = a->dim / a->heads;
    double want[64];
    for (size_t s = 0; s < a->sequences; s++)
        for (size_t q = 0; q < a->queries; q++)
            for (size_t h = 0; h < a->heads; h++) {
                attend_row(a, s, q, h, want);
                const float *got = out + (s * a->queries + q) * a->dim + h * width;
                for (size_t d = 0; d < width; d++) CHECK_NEAR((double)got[d], want[d], 2e-6);
                if (test_bad) return;
            }
}

static float *attend(const infer *ctx, const struct attention *a, bool in_place) {
    size_t n = a->sequences * a->queries * a->dim;
    float *out = noise(n, 9, 1);
    float *scores = noise(attention_scores(ctx, a->queries, a->keys), 10, 1);
    struct attention what = *a;
    if (in_place) {
        memcpy(out, a->q, n * sizeof *out);
        what.q = out;
    }
    attention_forward(ctx, &what, scores, out);
    free(scores);
    return out;
}

static void test_attention(size_t sequences, size_t queries, size_t keys, size_t heads,
                           size_t width) {
    size_t dim = heads * width;
    float *q = noise(sequences * queries * dim, 1, 3), *k = noise(sequences * keys * dim, 2, 3);
    float *v = noise(sequences * keys * dim, 3, 1);
    struct attention a = {dim, heads, sequences, queries, keys, q, k, v};
    for (enum infer_kernel_set set = INFER_KERNELS_PLAIN; set <= INFER_KERNELS_AVX512; set++) {
        float *first = NULL;
        for (size_t t = 0; t < 4; t++) {
            infer *ctx = open_with(set, thread_counts[t]);
            if (!ctx) break;
            float *out = attend(ctx, &a, t % 2);
            infer_close(ctx);
            if (first) {
                CHECK(memcmp(out, first, sequences * queries * dim * sizeof *out) == 0);
                free(out);
            } else {
                check_attention(&a, out);
                first = out;
            }
        }
        free(first);
    }
    free(q);
    free(k);
    free(v);
}

TEST(attention) {
    test_attention(1, 1, 1, 1, 1);
    test_attention(3, 17, 17, 4, 20);
    test_attention(2, 5, 31, 3, 7);
    test_attention(2, 1, 257, 2, 64); /* a class token alone */
}

TEST(attention_in_blocks) {
    test_attention(1, 321, 100, 2, 8);
    test_attention(2, 701, 67, 1, 16);
}

int main(void) {
    RUN(one_piece);
    RUN(many_pieces);
    RUN(no_rows);
    RUN(attention);
    RUN(attention_in_blocks);
    return test_finish();
}
