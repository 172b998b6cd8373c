/* The kernels of training: the plain ones against differences of libm's functions and against what
 * they are the derivative of, the vector ones against the plain. */
#include "tests/unit/kernels_fixture.h"
#include "libinfer/learn_kernels.h"

static void fill_guarded(float *x, size_t n, uint32_t seed, float scale) {
    fill(x, n, seed, scale);
    x[n] = GUARD;
}

static const size_t lengths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 65, 67, 257, 1792};
#define LENGTHS (sizeof lengths / sizeof *lengths)

/* Element by element within `tolerance` of the largest, or of `least`, and the guard behind them
 * whole. */
static void agree_from(double least, const float *got, const float *want, size_t n,
                       double tolerance) {
    double largest = least, worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        largest = fmax(largest, fabs((double)want[i]));
        worst = !(d <= worst) ? d : worst;
    }
    CHECK(worst <= tolerance * largest);
    if (!(worst <= tolerance * largest))
        printf("# off by %.3g of %.3g, %zu numbers\n", worst, largest, n);
    CHECK(got[n] == GUARD);
}

static void agree(const float *got, const float *want, size_t n, double tolerance) {
    agree_from(0, got, want, n, tolerance);
}

/* ----------------------------------------------------------------- activations */
static double act_in_double(enum infer_activation act, double x) {
    switch (act) {
    case INFER_IDENTITY: return x;
    case INFER_RELU: return fmax(x, 0);
    case INFER_GELU: return 0.5 * x * erfc(-x * 0.70710678118654752440);
    case INFER_QUICK_GELU: return x / (1 + exp(-(double)1.702F * x));
    case INFER_MISH: return x * tanh(log1p(exp(x)));
    }
    return NAN;
}

TEST(slopes_are_differences) {
    const double h = 1e-3;
    for (int act = INFER_IDENTITY; act <= INFER_MISH; act++)
        for (float x = -12; x < 12; x += 0.037F) {
            const enum infer_activation a = (enum infer_activation)act;
            double z = (double)x, one = act_in_double(a, z + h) - act_in_double(a, z - h);
            double two = act_in_double(a, z + 2 * h) - act_in_double(a, z - 2 * h);
            float dy = 1, dx;
            if (act == INFER_RELU && fabs(z) < 2 * h) continue; /* the kink */
            plain->learn->activate_backward(a, &x, &dy, 1, &dx);
            CHECK_NEAR((double)dx, (8 * one - two) / (12 * h), 1e-7);
        }
}

TEST(slopes) {
    static float x[MOST], dy[MOST], got[MOST], want[MOST];
    for (size_t s = 0; s < 2 && sets[s]; s++)
        for (int act = INFER_IDENTITY; act <= INFER_MISH; act++)
            for (size_t l = 0; l < LENGTHS; l++) {
                size_t n = lengths[l];
                fill_guarded(x, n, (uint32_t)(n + 3), l % 2 ? 3 : 20);
                fill_guarded(dy, n, (uint32_t)n, 1);
                fill_guarded(got, n, 1, 1);
                plain->learn->activate_backward((enum infer_activation)act, x, dy, n, want);
                sets[s]->learn->activate_backward((enum infer_activation)act, x, dy, n, got);
                agree_from(1, got, want, n, 5e-7); /* absolute */
                sets[s]->learn->activate_backward((enum infer_activation)act, x, dy, n, dy);
                agree_from(1, dy, want, n, 5e-7); /* in place */
            }
}

/* Far out slopes are 0 or 1, and a NaN stays one: training must see it. */
TEST(slopes_at_the_ends) {
    float dy[4] = {1, 1, 1, 1}, x[4] = {-200, 200, -90, NAN}, dx[4];
    for (size_t s = 0; s < 3; s++) {
        const struct infer_kernel_table *set = s ? sets[s - 1] : plain;
        if (!set) continue;
        for (int act = INFER_GELU; act <= INFER_MISH; act++) {
            set->learn->activate_backward((enum infer_activation)act, x, dy, 4, dx);
            CHECK_NEAR((double)dx[0], 0, 1e-30);
            CHECK_NEAR((double)dx[1], 1, 1e-6);
            CHECK_NEAR((double)dx[2], 0, 1e-30);
            CHECK(isnan(dx[3]));
        }
    }
}

/* ----------------------------------------------------------------- rows */
TEST(layernorm_backward) {
    static float x[MOST], w[MOST], dy[MOST], got[3][MOST], want[3][MOST];
    for (size_t s = 0; s < 2 && sets[s]; s++)
        for (size_t l = 1; l < LENGTHS; l++) {
            size_t n = lengths[l];
            fill_guarded(x, n, 5, 2);
            for (size_t i = 0; i < n; i++) x[i] += 3;
            fill_guarded(w, n, 6, 1.5F);
            fill_guarded(dy, n, 7, 1);
            for (size_t k = 0; k < 3; k++) {
                fill_guarded(got[k], n, 8, 1);
                fill_guarded(want[k], n, 8, 1);
            }
            plain->learn->layernorm_backward(x, w, 1e-5F, n, dy, want[0], want[1], want[2]);
            sets[s]->learn->layernorm_backward(x, w, 1e-5F, n, dy, got[0], got[1], got[2]);
            for (size_t k = 0; k < 3; k++) agree(got[k], want[k], n, 2e-6);
            sets[s]->learn->layernorm_backward(x, w, 1e-5F, n, dy, got[0], NULL, NULL);
            agree(got[1], want[1], n, 2e-6); /* frozen: untouched */
        }
}

/* Directional derivatives of plain kernels' own forward functions, which round to float. */
static double along(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

enum row_function { LAYERNORM, SOFTMAX, NORMALIZE };

static double row_value(enum row_function f, const float *x, const float *d, float h,
                        const float *w, const float *r, size_t n) {
    static float y[MOST];
    for (size_t i = 0; i < n; i++) y[i] = x[i] + h * d[i];
    if (f == LAYERNORM) plain->layernorm(y, w, w, 1e-5F, n, y);
    if (f == SOFTMAX) plain->softmax(y, n);
    if (f == NORMALIZE) plain->normalize(y, n);
    return along(y, r, n);
}

static void row_backward(enum row_function f, const float *x, const float *w, const float *r,
                         size_t n, float *g) {
    static float y[MOST];
    memcpy(y, x, n * sizeof *y);
    memcpy(g, r, n * sizeof *g);
    if (f == LAYERNORM) {
        memset(g, 0, n * sizeof *g);
        plain->learn->layernorm_backward(x, w, 1e-5F, n, r, g, NULL, NULL);
    }
    if (f == SOFTMAX) {
        plain->softmax(y, n);
        plain->learn->softmax_backward(y, n, g);
    }
    if (f == NORMALIZE) {
        plain->normalize(y, n);
        plain->learn->normalize_backward(y, sqrt(along(x, x, n)), n, g);
    }
}

TEST(rows_are_differences) {
    static float x[MOST], d[MOST], w[MOST], r[MOST], g[MOST];
    const float h = 0.01F;
    for (int f = LAYERNORM; f <= NORMALIZE; f++)
        for (size_t n = 2; n < 40; n += 5) {
            enum row_function what = (enum row_function)f;
            fill_guarded(x, n, (uint32_t)n, 2);
            fill_guarded(d, n, (uint32_t)n + 1, 1);
            fill_guarded(w, n, (uint32_t)n + 2, 1);
            fill_guarded(r, n, (uint32_t)n + 3, 1);
            double one = row_value(what, x, d, h, w, r, n) - row_value(what, x, d, -h, w, r, n);
            double two =
                row_value(what, x, d, 2 * h, w, r, n) - row_value(what, x, d, -2 * h, w, r, n);
            row_backward(what, x, w, r, n, g);
            double slope = along(g, d, n);
            CHECK_NEAR(slope, (8 * one - two) / (12 * (double)h), 2e-4 * (1 + fabs(slope)));
        }
}

TEST(rows) {
    static float x[MOST], y[MOST], got[MOST], want[MOST], sum[MOST], sum_want[MOST];
    for (size_t s = 0; s < 2 && sets[s]; s++)
        for (size_t l = 0; l < LENGTHS; l++) {
            const struct learn_kernel_table *k = sets[s]->learn, *p = plain->learn;
            size_t n = lengths[l];
            fill_guarded(x, n, 11, 1);
            plain->softmax(x, n);
            fill_guarded(got, n, 12, 1);
            fill_guarded(want, n, 12, 1);
            p->softmax_backward(x, n, want);
            k->softmax_backward(x, n, got);
            agree(got, want, n, n > 1 ? 1e-6 : 1); /* alone it is 0 but for rounding */
            fill_guarded(y, n, 13, 1);
            double norm = sqrt(p->dot(y, y, n));
            plain->normalize(y, n);
            fill_guarded(got, n, 14, 1);
            fill_guarded(want, n, 14, 1);
            CHECK_NEAR(k->dot(y, got, n), p->dot(y, got, n), 1e-12);
            p->normalize_backward(y, norm, n, want);
            k->normalize_backward(y, norm, n, got);
            if (n > 1) agree(got, want, n, 1e-6);
            fill_guarded(x, n, 15, 1);
            fill_guarded(sum, n, 16, 1);
            fill_guarded(sum_want, n, 16, 1);
            p->scale_backward(x, y, want, n, want, sum_want);
            k->scale_backward(x, y, got, n, got, sum);
            agree(sum, sum_want, n, 1e-6);
        }
}

/* ----------------------------------------------------------------- products */
TEST(products) {
    static float a[60 * 60], b[60 * 60], got[60 * 60], want[60 * 60];
    for (size_t s = 0; s < 2 && sets[s]; s++)
        for (int kind = 0; kind < 8; kind++) {
            bool ta = kind & 1, tb = kind & 2;
            size_t m = 19, n = 33, k = 47, lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1;
            fill_guarded(a, 60 * 60 - 1, 21, 1);
            fill_guarded(b, 60 * 60 - 1, 22, 1);
            fill_guarded(got, 60 * 60 - 1, 23, 1);
            fill_guarded(want, 60 * 60 - 1, 23, 1);
            float beta = kind & 4 ? 1.0F : 0.0F;
            plain->learn->gemm(ta, tb, m, n, k, 0.5F, a, lda, b, ldb, beta, want, n + 3);
            sets[s]->learn->gemm(ta, tb, m, n, k, 0.5F, a, lda, b, ldb, beta, got, n + 3);
            agree(got, want, 60 * 60 - 1, 1e-6);
        }
}

/* The plain product with both transposes against its definition. */
TEST(plain_products) {
    const float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, -1, 2, 0, 3, 1};
    float c[4] = {100, 100, 100, 100};
    plain->learn->gemm(true, false, 2, 2, 3, 2, a, 2, b, 2, 1, c, 2); /* a^T [2][3], b [3][2] */
    CHECK(c[0] == 100 + 2 * (1 * 1 + 3 * 2 + 5 * 3) && c[1] == 100 + 2 * (-1 + 0 + 5));
    CHECK(c[2] == 100 + 2 * (2 * 1 + 4 * 2 + 6 * 3) && c[3] == 100 + 2 * (-2 + 0 + 6));
    plain->learn->gemm(false, true, 2, 2, 3, 1, a, 3, b, 3, 0, c, 2);
    CHECK(c[0] == 1 - 2 + 6 && c[1] == 0 + 6 + 3 && c[2] == 4 - 5 + 12 && c[3] == 0 + 15 + 6);
}

/* ----------------------------------------------------------------- dropout, Adam */
TEST(dropout) {
    static float x[MOST], got[MOST], want[MOST];
    size_t kept = 0, same = 0, rows = 400, n = 1792;
    for (size_t i = 0; i < n; i++) x[i] = 1;
    for (size_t r = 0; r < rows; r++) {
        plain->learn->dropout(0x9e3779b97f4a7c15U * (r + 1), 0.1F, x, n, want);
        for (size_t i = 0; i < n; i++) {
            CHECK(want[i] == 0 || want[i] == 1 / (1 - 0.1F));
            kept += want[i] != 0;
            same += (want[i] != 0) == (got[i] != 0); /* as in the row before */
        }
        memcpy(got, want, n * sizeof *got);
    }
    /* Six standard deviations of 0.9, and of 0.9^2 + 0.1^2. */
    double count = (double)(rows * n);
    CHECK_NEAR((double)kept / count, 0.9, 6 * sqrt(0.09 / count));
    CHECK_NEAR((double)same / count, 0.82, 6 * sqrt(0.82 * 0.18 / count) + 1e-3);
    for (size_t s = 0; s < 2 && sets[s]; s++)
        for (size_t l = 0; l < LENGTHS; l++) {
            fill_guarded(x, lengths[l], 31, 1);
            fill_guarded(got, lengths[l], 1, 1);
            fill_guarded(want, lengths[l], 1, 1);
            plain->learn->dropout(0x123456789abcdef1U * (l + 1), 0.3F, x, lengths[l], want);
            sets[s]->learn->dropout(0x123456789abcdef1U * (l + 1), 0.3F, x, lengths[l], got);
            CHECK(!memcmp(got, want, (lengths[l] + 1) * sizeof *got));
        }
}

TEST(adam) {
    static float got[4][MOST], want[4][MOST];
    struct learn_adam_factors with = {
        0.5F, 0.9F, (float)(1 - 0.9), 0.999F, (float)(1 - 0.999), 1e-3F, 0.0316F, 1e-8F};
    for (size_t s = 0; s < 2 && sets[s]; s++)
        for (size_t l = 0; l < LENGTHS; l++) {
            size_t n = lengths[l];
            for (uint32_t k = 0; k < 4; k++) {
                fill_guarded(got[k], n, 40 + k, 0.1F);
                for (size_t i = 0; k == 3 && i < n; i++) got[k][i] = fabsf(got[k][i]);
                memcpy(want[k], got[k], (n + 1) * sizeof(float));
            }
            plain->learn->adam(&with, n, want[0], want[1], want[2], want[3]);
            sets[s]->learn->adam(&with, n, got[0], got[1], got[2], got[3]);
            for (size_t k = 0; k < 4; k++) agree(got[k], want[k], n, 2e-7);
            for (size_t i = 0; i < n; i++) CHECK(got[1][i] == 0);
        }
}

/* ----------------------------------------------------------------- similarities */
TEST(exponentials) {
    static float x[MOST], shift[MOST], most[MOST], most_want[MOST], got[MOST], want[MOST];
    static double sum[MOST], sum_want[MOST];
    for (size_t s = 0; s < 2 && sets[s]; s++)
        for (size_t l = 0; l < LENGTHS; l++) {
            const struct learn_kernel_table *k = sets[s]->learn, *p = plain->learn;
            size_t n = lengths[l];
            fill_guarded(x, n, 51, 30);
            fill_guarded(shift, n, 52, 30);
            fill_guarded(most, n, 53, 30);
            fill_guarded(most_want, n, 53, 30);
            for (size_t i = 0; i < n; i++) sum[i] = sum_want[i] = 0.5;
            float top = p->max(x, n);
            CHECK(k->max(x, n) == top);
            k->max_each(x, n, most);
            p->max_each(x, n, most_want);
            agree(most, most_want, n, 0);
            double total = p->exp_sum(x, top, n);
            CHECK_NEAR(k->exp_sum(x, top, n), total, 2e-7 * total);
            k->exp_sum_each(x, most, n, sum);
            p->exp_sum_each(x, most, n, sum_want);
            for (size_t i = 0; i < n; i++) CHECK_NEAR(sum[i], sum_want[i], 1e-6 * sum_want[i]);
            memcpy(got, x, (n + 1) * sizeof *x);
            memcpy(want, x, (n + 1) * sizeof *x);
            k->exp_mix(top, most, 0.25F, n, got);
            p->exp_mix(top, most, 0.25F, n, want);
            agree(got, want, n, 5e-7);
        }
}

int main(void) {
    plain = infer_kernels_choose(INFER_KERNELS_PLAIN);
    sets[0] = infer_kernels_choose(INFER_KERNELS_AVX2);
    sets[1] = infer_kernels_choose(INFER_KERNELS_AVX512);
    if (!sets[0]) sets[0] = sets[1];
    RUN(slopes_are_differences);
    RUN(slopes);
    RUN(slopes_at_the_ends);
    RUN(layernorm_backward);
    RUN(rows_are_differences);
    RUN(rows);
    RUN(plain_products);
    RUN(products);
    RUN(dropout);
    RUN(adam);
    RUN(exponentials);
    return test_finish();
}
