/* Every table of kernels that this CPU runs against the plain one, which uses libm in double. */
#include "tests/unit/kernels_fixture.h"
#include "libinfer/kernels.h"

/* Distance in units of the last place of b; equal classes of NaN and infinity are 0 apart. */
static double ulps(float a, float b) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b) ? 0 : INFINITY;
    if (isinf(a) || isinf(b)) return a == b ? 0 : INFINITY;
    double unit = fabs((double)nextafterf(b, INFINITY) - (double)b);
    return fabs((double)a - (double)b) / unit;
}

static bool within(float got, float want, double tolerance) {
    if (!isfinite(want)) return ulps(got, want) == 0;
    return fabs((double)got - (double)want) <= tolerance;
}

static const size_t lengths[] = {1,  2,  3,  5,  7,  8,  9,  12, 15,  16,  17,
                                 23, 31, 32, 33, 48, 65, 66, 67, 257, 1792};
#define LENGTHS (sizeof lengths / sizeof *lengths)

/* ----------------------------------------------------------------- products */
static void compare_gemm(const struct infer_kernel_table *set, size_t m, size_t n, size_t k,
                         int transposed, float alpha, float beta) {
    static float a[70 * 80], b[80 * 90], got[70 * 80], want[70 * 80], size[70 * 80];
    size_t lda = k + 3, ldb = (transposed ? k : n) + 1, ldc = n + 2;
    fill(a, m * lda, (uint32_t)(m + n), 2);
    fill(b, (transposed ? n : k) * ldb, (uint32_t)(k + 7), 2);
    for (size_t i = 0; i < m * ldc; i++) got[i] = want[i] = beta != 0 ? 0.25F : NAN;
    for (size_t i = 0; i < m; i++) got[i * ldc + n] = got[i * ldc + n + 1] = GUARD;
    set->gemm(m, n, k, alpha, a, lda, b, ldb, transposed, beta, got, ldc);
    plain->gemm(m, n, k, alpha, a, lda, b, ldb, transposed, beta, want, ldc);
    for (size_t i = 0; i < m * lda; i++) a[i] = fabsf(a[i]);
    for (size_t i = 0; i < (transposed ? n : k) * ldb; i++) b[i] = fabsf(b[i]);
    plain->gemm(m, n, k, fabsf(alpha), a, lda, b, ldb, transposed, 0, size, ldc);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double bound = (double)FLT_EPSILON * ((double)size[i * ldc + j] * sqrt((double)k) + 1);
            CHECK(within(got[i * ldc + j], want[i * ldc + j], bound));
        }
        CHECK(got[i * ldc + n] == GUARD && got[i * ldc + n + 1] == GUARD);
    }
}

static void test_gemm(const struct infer_kernel_table *set) {
    static const size_t sizes[] = {1, 2, 3, 7, 16, 17, 33, 67};
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++)
            for (size_t l = 0; l < 8; l += 1 + (i + j) % 2)
                for (int transposed = 0; transposed < 2; transposed++) {
                    compare_gemm(set, sizes[i], sizes[j], sizes[l], transposed, 1, 0);
                    compare_gemm(set, sizes[i], sizes[j], sizes[l], transposed, -0.3F, 1);
                }
}

/* A NaN or infinity in an operand is in the product. */
static void test_gemm_is_honest(const struct infer_kernel_table *set) {
    for (size_t at = 0; at < 20; at += 3) {
        float a[20], b[20], c[1];
        for (size_t i = 0; i < 20; i++) a[i] = b[i] = 1;
        a[at] = NAN;
        set->gemm(1, 1, 20, 1, a, 20, b, 20, 1, 0, c, 1);
        CHECK(isnan(c[0]));
        a[at] = -INFINITY;
        set->gemm(1, 1, 20, 1, a, 20, b, 20, 1, 0, c, 1);
        CHECK(c[0] == -INFINITY);
    }
}

/* ----------------------------------------------------------------- activations */
static const struct {
    enum infer_activation act;
    const char *name;
    double ulps; /* quick GELU: more, where rounding 1.702 x is magnified by the exponential */
} activations[] = {{INFER_IDENTITY, "identity", 0},
                   {INFER_RELU, "relu", 0},
                   {INFER_GELU, "gelu", 4},
                   {INFER_QUICK_GELU, "quick gelu", 3},
                   {INFER_MISH, "mish", 4}};

static double activation_bound(size_t i, float x) {
    double magnified =
        activations[i].act == INFER_QUICK_GELU ? fmin(1.702 * fabs((double)x), 104) : 0;
    return activations[i].ulps + magnified;
}

static void compare_activation(const struct infer_kernel_table *set, size_t act, const float *x,
                               size_t n, double *worst) {
    static float got[MOST], want[MOST];
    set->activate(activations[act].act, x, NULL, n, got);
    plain->activate(activations[act].act, x, NULL, n, want);
    for (size_t i = 0; i < n; i++) {
        double off = ulps(got[i], want[i]);
        double end = (2 + fabs((double)x[i])) * (double)FLT_TRUE_MIN; /* where floats end */
        if (fabsf(x[i]) < 200 && within(got[i], want[i], end)) off = 0;
        if (fabsf(x[i]) < 8) *worst = fmax(*worst, off);
        CHECK(off <= activation_bound(act, x[i]));
        if (off > activation_bound(act, x[i]))
            printf("# %s %s(%.9g) is %.9g, not %.9g\n", set->name, activations[act].name,
                   (double)x[i], (double)got[i], (double)want[i]);
    }
}

static void test_activations(const struct infer_kernel_table *set) {
    static float x[MOST];
    for (size_t act = 0; act < sizeof activations / sizeof *activations; act++) {
        double worst = 0;
        for (int block = -120; block < 120; block++) { /* -120 to 120, evenly */
            for (size_t i = 0; i < MOST; i++) x[i] = (float)block + (float)i / MOST;
            compare_activation(set, act, x, MOST, &worst);
        }
        for (int exponent = -149; exponent < 128; exponent++) { /* every magnitude */
            fill(x, 64, (uint32_t)(exponent + 1000), ldexpf(1, exponent));
            compare_activation(set, act, x, 64, &worst);
        }
        float special[] = {0, -0.0F, INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX, FLT_MIN, -1e-45F};
        compare_activation(set, act, special, sizeof special / sizeof *special, &worst);
        if (getenv("VERBOSE"))
            printf("# %s %s: %.2f ulp at most for |x| < 8\n", set->name, activations[act].name,
                   worst);
    }
}

static void test_activation_rows(const struct infer_kernel_table *set) {
    static float x[MOST], bias[MOST], got[MOST], want[MOST];
    fill(x, MOST, 3, 3);
    fill(bias, MOST, 4, 1);
    for (size_t l = 0; l < LENGTHS; l++) {
        size_t n = lengths[l];
        memcpy(got, x, sizeof got);
        got[n] = GUARD;
        set->activate(INFER_GELU, got, bias, n, got); /* in place */
        plain->activate(INFER_GELU, x, bias, n, want);
        for (size_t i = 0; i < n; i++) CHECK(ulps(got[i], want[i]) <= 4);
        CHECK(got[n] == GUARD);
    }
}

/* ----------------------------------------------------------------- rows */
static void compare_layernorm(const struct infer_kernel_table *set, const float *x, size_t n) {
    static float weight[MOST], bias[MOST], zero[MOST], got[MOST], want[MOST], part[MOST];
    fill(weight, n, 5, 2);
    fill(bias, n, 6, 0.5F);
    memset(zero, 0, sizeof zero);
    memcpy(got, x, n * sizeof *x);
    got[n] = GUARD;
    set->layernorm(got, weight, bias, 1e-5F, n, got);
    plain->layernorm(x, weight, bias, 1e-5F, n, want);
    plain->layernorm(x, weight, zero, 1e-5F, n, part);
    for (size_t i = 0; i < n; i++)
        CHECK(within(got[i], want[i], 2e-7 * (fabs((double)part[i]) + fabs((double)bias[i]))));
    CHECK(got[n] == GUARD);
}

static void test_layernorm(const struct infer_kernel_table *set) {
    static float x[MOST];
    for (size_t l = 0; l < LENGTHS; l++) {
        static const float scales[] = {1, 1e-20F, 1e-42F, 1e4F, 1e30F};
        for (size_t s = 0; s < 5; s++) {
            fill(x, lengths[l], (uint32_t)l, scales[s]);
            compare_layernorm(set, x, lengths[l]);
        }
        for (size_t i = 0; i < lengths[l]; i++) x[i] = 1000 + (float)(i % 3); /* far from zero */
        compare_layernorm(set, x, lengths[l]);
        x[lengths[l] / 2] = NAN;
        compare_layernorm(set, x, lengths[l]);
        x[lengths[l] / 2] = INFINITY;
        compare_layernorm(set, x, lengths[l]);
    }
}

static void compare_softmax(const struct infer_kernel_table *set, const float *x, size_t n) {
    static float got[MOST], want[MOST];
    memcpy(got, x, n * sizeof *x);
    memcpy(want, x, n * sizeof *x);
    got[n] = GUARD;
    set->softmax(got, n);
    plain->softmax(want, n);
    float max = x[0];
    for (size_t i = 1; i < n; i++) max = fmaxf(max, x[i]);
    for (size_t i = 0; i < n; i++) { /* the exponential magnifies the rounding of x - max */
        double relative = 1e-6 + ldexp(fabs((double)x[i] - (double)max), -24);
        double bound = relative * (double)want[i] + 2 * (double)FLT_TRUE_MIN;
        CHECK(within(got[i], want[i], isnan(bound) ? 0 : bound));
    }
    CHECK(got[n] == GUARD);
}

static void test_softmax(const struct infer_kernel_table *set) {
    static float x[MOST];
    for (size_t l = 0; l < LENGTHS; l++) {
        size_t n = lengths[l];
        static const float scales[] = {1, 40, 1e4F, 1e38F, 1e-40F};
        for (size_t s = 0; s < 5; s++) {
            fill(x, n, (uint32_t)l, scales[s]);
            compare_softmax(set, x, n);
        }
        fill(x, n, (uint32_t)l, 3);
        x[n - 1] = -INFINITY; /* what a mask would write; alone it gives NaN, as in PyTorch */
        compare_softmax(set, x, n);
        x[0] = NAN;
        compare_softmax(set, x, n);
        x[0] = INFINITY;
        compare_softmax(set, x, n);
        for (size_t i = 0; i < n; i++) x[i] = -INFINITY;
        compare_softmax(set, x, n);
    }
}

static void test_add_scaled(const struct infer_kernel_table *set) {
    static float x[MOST], scale[MOST], got[MOST], want[MOST];
    for (size_t l = 0; l < LENGTHS; l++) {
        for (int scaled = 0; scaled < 2; scaled++) {
            size_t n = lengths[l];
            fill(x, n, 1, 3);
            fill(scale, n, 2, 2);
            fill(want, n, 3, 1);
            x[0] = l % 2 ? NAN : INFINITY;
            memcpy(got, want, n * sizeof *got);
            got[n] = GUARD;
            set->add_scaled(x, scaled ? scale : NULL, n, got);
            plain->add_scaled(x, scaled ? scale : NULL, n, want);
            for (size_t i = 0; i < n; i++) CHECK(ulps(got[i], want[i]) <= 1);
            CHECK(got[n] == GUARD);
        }
    }
}

static void compare_normalize(const struct infer_kernel_table *set, const float *x, size_t n) {
    static float got[MOST], want[MOST];
    memcpy(got, x, n * sizeof *x);
    memcpy(want, x, n * sizeof *x);
    got[n] = GUARD;
    set->normalize(got, n);
    plain->normalize(want, n);
    for (size_t i = 0; i < n; i++) CHECK(ulps(got[i], want[i]) <= 1);
    CHECK(got[n] == GUARD);
}

static void test_normalize(const struct infer_kernel_table *set) {
    static float x[MOST];
    for (size_t l = 0; l < LENGTHS; l++) {
        size_t n = lengths[l];
        static const float scales[] = {1, 0, 1e-13F, 1e-30F, 1e-42F, 1e30F, FLT_MAX};
        for (size_t s = 0; s < 7; s++) {
            fill(x, n, (uint32_t)l, scales[s]);
            compare_normalize(set, x, n);
        }
        x[n / 2] = NAN;
        compare_normalize(set, x, n);
        x[n / 2] = -INFINITY;
        compare_normalize(set, x, n);
    }
}

static void test_fourier(const struct infer_kernel_table *set) {
    static float b[2 * MOST], got[2 * MOST + 1], want[2 * MOST];
    double worst = 0;
    for (size_t l = 0; l < LENGTHS; l++) {
        size_t n = lengths[l];
        static const float sigmas[] = {0.01F, 1, 8, 256, 1e6F};
        for (size_t s = 0; s < 5; s++) {
            fill(b, 2 * n, (uint32_t)(l + s), sigmas[s]);
            b[0] = (float)s; /* whole, half and quarter turns */
            b[1] = 0;
            double u = s % 2 ? 0.25 : 0.931, v = s == 3 ? -0.5 : 0.317;
            got[2 * n] = GUARD;
            set->fourier(b, n, u, v, got);
            plain->fourier(b, n, u, v, want);
            for (size_t i = 0; i < 2 * n; i++) {
                worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
                CHECK(within(got[i], want[i], 2e-7));
            }
            CHECK(got[2 * n] == GUARD);
        }
    }
    if (getenv("VERBOSE")) printf("# %s fourier: %.2e at most\n", set->name, worst);
}

/* ----------------------------------------------------------------- */
static const struct {
    const char *name;
    void (*run)(const struct infer_kernel_table *set);
} tests[] = {{"gemm", test_gemm},
             {"gemm_is_honest", test_gemm_is_honest},
             {"activations", test_activations},
             {"activation_rows", test_activation_rows},
             {"layernorm", test_layernorm},
             {"softmax", test_softmax},
             {"add_scaled", test_add_scaled},
             {"normalize", test_normalize},
             {"fourier", test_fourier}};
static size_t now;

static void run_on(const struct infer_kernel_table *set) {
    if (!set) SKIP("this CPU, or this build, does not have it");
    tests[now].run(set);
}

TEST(avx2) {
    run_on(sets[0]);
}

TEST(avx512) {
    run_on(sets[1]);
}

TEST(choice) {
    CHECK(infer_kernels_choose(INFER_KERNELS_PLAIN) == plain);
    const struct infer_kernel_table *best = infer_kernels_choose(INFER_KERNELS_AUTO);
    CHECK(best == (sets[1] ? sets[1] : sets[0] ? sets[0] : plain));
    CHECK(infer_kernels_choose((enum infer_kernel_set)99) == NULL);
    infer *ctx = NULL;
    infer_options options = {.kernels = INFER_KERNELS_PLAIN};
    REQUIRE(infer_open(&options, &ctx) == INFER_OK);
    CHECK(strncmp(infer_kernels(ctx), "plain, OpenBLAS ", 16) == 0);
    infer_close(ctx);
    options.kernels = (enum infer_kernel_set)99;
    CHECK(infer_open(&options, &ctx) == INFER_EUSAGE && ctx == NULL);
}

/* The plain kernels themselves, at values known by hand. */
TEST(plain_is_right) {
    float x[4] = {0, 1, -1, 3}, y[4];
    plain->activate(INFER_GELU, x, NULL, 4, y);
    CHECK_NEAR((double)y[1], 0.8413447460685429, 6e-8); /* Phi(1) */
    CHECK_NEAR((double)y[2], -0.15865525393145707, 2e-8);
    plain->activate(INFER_QUICK_GELU, x, NULL, 4, y);
    CHECK_NEAR((double)y[1], 0.8457957659328212, 6e-8);
    plain->activate(INFER_MISH, x, NULL, 4, y);
    CHECK_NEAR((double)y[1], 0.8650983882673103, 6e-8);
    float one[4] = {1, 1, 1, 1}, zero[4] = {0};
    plain->layernorm((float[]){1, 2, 3, 4}, one, zero, 0, 4, y);
    CHECK_NEAR((double)y[3], 3 / sqrt(5), 1e-7);
    float z[2] = {0, 1.0986123F}; /* ln 3 */
    plain->softmax(z, 2);
    CHECK_NEAR((double)z[1], 0.75, 1e-7);
    float v[2] = {3, 4};
    plain->normalize(v, 2);
    CHECK_NEAR((double)v[1], 0.8, 1e-7);
    float c[2];
    plain->fourier((float[]){1, 2}, 1, 0.125, 0.0625, c); /* a quarter turn */
    CHECK_NEAR((double)c[0], 0, 1e-7);
    CHECK_NEAR((double)c[1], 1, 1e-7);
}

int main(void) {
    plain = infer_kernels_plain();
    sets[0] = infer_kernels_choose(INFER_KERNELS_AVX2);
    sets[1] = infer_kernels_choose(INFER_KERNELS_AVX512);
    RUN(plain_is_right);
    RUN(choice);
    for (now = 0; now < sizeof tests / sizeof *tests; now++) {
        printf("# %s\n", tests[now].name);
        RUN(avx2);
        RUN(avx512);
    }
    return test_finish();
}
