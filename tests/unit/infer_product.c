/* Products of large matrices against sums in double, from operands that end where memory ends; what
 * chooses them; and the memory that they and the learner work in. */
#include "libinfer/context.h"
#include "libinfer/learn_kernels.h"
#include "libinfer/learn_product.h"
#include "libinfer/product.h"
#include "libinfer/scratch.h"
#include "tests/unit/test.h"

#include <cblas.h>
#include <float.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define NO_AVX512 "this CPU, or this build, has no AVX-512"

/* AddressSanitizer's allocator, too, says NULL where there is no memory. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static bool have_avx512;

/* ----------------------------------------------------------------- memory */
static void *must(void *memory) {
    if (memory && memory != MAP_FAILED) return memory;
    printf("# out of memory\n");
    exit(1);
}

#define FENCED ((size_t)7 << 20) /* numbers */
static float *fence[3];          /* operands end here: of a, of b, and the bias */

/* The end of memory behind which no page is: who reads on is ended by a signal. The sanitizers do
 * not watch vector loads. */
static float *make_fence(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = FENCED * sizeof(float);
    char *memory =
        must(mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mprotect(memory + bytes, page, PROT_NONE)) must(NULL);
    return (float *)(void *)memory + FENCED;
}

static float noise(uint32_t *state) {
    *state = *state * 1664525U + 1013904223U;
    return (float)((double)(*state >> 8) / (1 << 23) - 1);
}

static double *noise_in_double(size_t n, uint32_t seed) {
    double *x = must(malloc(n * sizeof *x));
    for (size_t i = 0; i < n; i++) x[i] = (double)noise(&seed);
    return x;
}

static float *noise_in_float(size_t n, uint32_t seed) {
    float *x = must(malloc(n * sizeof *x));
    for (size_t i = 0; i < n; i++) x[i] = noise(&seed);
    return x;
}

/* ----------------------------------------------------------------- oracle */
/* a [m][k], b [k][n], their product, and the lengths of a's rows and b's columns. The values are
 * floats, the sums double. */
struct sample {
    size_t m, n, k;
    double *a, *b, *ab, *rows, *columns;
};

static struct sample make_sample(size_t m, size_t n, size_t k) {
    struct sample s = {m, n, k, .a = noise_in_double(m * k, 1), .b = noise_in_double(k * n, 2)};
    s.ab = must(calloc(m * n, sizeof *s.ab));
    s.rows = must(calloc(m, sizeof *s.rows));
    s.columns = must(calloc(n, sizeof *s.columns));
    for (size_t i = 0; i < m; i++) {
        for (size_t l = 0; l < k; l++) s.rows[i] += s.a[i * k + l] * s.a[i * k + l];
        s.rows[i] = sqrt(s.rows[i]);
    }
    for (size_t l = 0; l < k; l++)
        for (size_t j = 0; j < n; j++) s.columns[j] += s.b[l * n + j] * s.b[l * n + j];
    for (size_t j = 0; j < n; j++) s.columns[j] = sqrt(s.columns[j]);
    return s;
}

static void multiply_in_loops(struct sample *s) {
    for (size_t i = 0; i < s->m; i++)
        for (size_t l = 0; l < s->k; l++)
            for (size_t j = 0; j < s->n; j++)
                s->ab[i * s->n + j] += s->a[i * s->k + l] * s->b[l * s->n + j];
}

static void multiply_in_blas(struct sample *s) {
    const blasint m = (blasint)s->m, n = (blasint)s->n, k = (blasint)s->k;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, s->a, k, s->b, n, 0, s->ab,
                n);
}

static void free_sample(struct sample *s) {
    free(s->a);
    free(s->b);
    free(s->ab);
    free(s->rows);
    free(s->columns);
}

/* ----------------------------------------------------------------- a product */
/* How the product of a sample is asked for. Gaps lie between the rows of a, b and c. */
struct how {
    bool transpose_a, transpose_b, add, bias;
    float alpha;
    size_t gap_a, gap_b, gap_c;
};

/* A matrix of so many rows and columns, as it is read, laid before `end`, NaN in the gaps. */
static struct learn_matrix lay(float *end, const double *x, size_t rows, size_t columns,
                               bool transposed, size_t gap) {
    size_t down = transposed ? columns : rows, across = transposed ? rows : columns;
    size_t stride = across + gap;
    float *data = end - ((down - 1) * stride + across);
    for (size_t i = 0; i < down; i++) {
        for (size_t j = 0; j < across; j++)
            data[i * stride + j] = (float)(transposed ? x[j * columns + i] : x[i * columns + j]);
        for (size_t j = across; i + 1 < down && j < stride; j++) data[i * stride + j] = NAN;
    }
    return (struct learn_matrix){data, stride, transposed};
}

/* A result with a row of guards before it and one behind. */
struct result {
    float *memory, *c;
    size_t ldc, count; /* of memory */
};

static struct result make_result(const struct sample *s, const struct how *how) {
    size_t ldc = s->n + how->gap_c, count = (s->m + 2) * ldc;
    struct result r = {noise_in_float(count, 3), NULL, ldc, count};
    r.c = r.memory + ldc;
    for (size_t i = 0; !how->add && i < s->m; i++) /* not to be read */
        for (size_t j = 0; j < s->n; j++) r.c[i * ldc + j] = NAN;
    return r;
}

static struct product ask(const struct sample *s, const struct how *how, const struct result *r) {
    float *bias = fence[2] - s->n;
    uint32_t seed = 4;
    for (size_t j = 0; j < s->n; j++) bias[j] = noise(&seed);
    return (struct product){.m = s->m,
                            .n = s->n,
                            .k = s->k,
                            .alpha = how->alpha,
                            .a = lay(fence[0], s->a, s->m, s->k, how->transpose_a, how->gap_a),
                            .b = lay(fence[1], s->b, s->k, s->n, how->transpose_b, how->gap_b),
                            .add = how->add,
                            .bias = how->bias ? bias : NULL,
                            .c = r->c,
                            .ldc = r->ldc};
}

/* What is packed before is NaN: who reads what was not packed gets that. */
static void spoil(struct scratch *memory) {
    if (memory->data) memset(memory->data, 0xff, memory->capacity * sizeof(float));
}

static void compute(const struct product *p, struct scratch *memory, int threads) {
    spoil(memory);
    CHECK(product_avx512(p, memory, threads));
}

/* ----------------------------------------------------------------- how exact it is */
/* Rounding errors as a random walk: each step of a sum of k products errs by up to UNIT times the
 * partial sum, evenly spread, so by a root of three less on the whole. Partial sums are those of a
 * walk to |row| |column| / sqrt(k), with half the variance, or lie on the way to a sum ab larger
 * than that: together UNIT sqrt((|row| |column|)^2 / 6 + k ab^2 / 9), of which 6 are allowed. One
 * level of Strassen adds four products, whose sums have together 3 times the variance. */
#define UNIT (DBL_EPSILON * (double)(1 << 28)) /* 2^-24, half a float's last place */
#define SUM_ERROR 6.0
#define STRASSEN_ERROR (6.0 * 1.7320508075688772)
#define NORM_ERROR 7e-7 /* as product.h says */

struct error {
    double square, size, worst; /* worst: as a part of what is allowed */
};

static void measure(struct error *e, double got, double product, double start, double allowed) {
    double want = product + start, d = fabs(got - want);
    double part = d / (allowed + 2 * UNIT * (fabs(start) + fabs(want)));
    e->square += d * d;
    e->size += product * product + start * start;
    e->worst = !(part <= e->worst) ? part : e->worst; /* a NaN stays */
}

/* Guards and gaps are as they were. */
static bool untouched(const struct sample *s, const struct result *r, const float *before) {
    bool good = true;
    for (size_t i = 0; i < r->count; i++) {
        bool inside = i >= r->ldc && i < r->count - r->ldc && i % r->ldc < s->n;
        good = good && (inside || r->memory[i] == before[i]);
    }
    return good;
}

static void check_result(const struct sample *s, const struct how *how, const struct product *p,
                         const struct result *r, const float *before, double allowed) {
    struct error e = {0};
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            double start = how->add    ? (double)before[(i + 1) * r->ldc + j]
                           : how->bias ? (double)p->bias[j]
                                       : 0;
            double ab = s->ab[i * s->n + j], both = s->rows[i] * s->columns[j];
            double error = UNIT * sqrt(both * both / 6 + (double)s->k * ab * ab / 9);
            double alpha = (double)how->alpha;
            measure(&e, (double)r->c[i * r->ldc + j], alpha * ab, start,
                    allowed * error * fabs(alpha));
        }
    CHECK(e.worst <= 1);
    CHECK(sqrt(e.square) <= NORM_ERROR * sqrt(e.size));
    CHECK(untouched(s, r, before));
    if (test_bad || getenv("VERBOSE"))
        printf("# %zu x %zu x %zu%s%s%s%s alpha %g: norm off by %.2e, worst %.2f of allowed\n",
               s->m, s->n, s->k, how->transpose_a ? " a^T" : "", how->transpose_b ? " b^T" : "",
               how->add ? " add" : "", how->bias ? " bias" : "", (double)how->alpha,
               sqrt(e.square / e.size), e.worst);
}

/* Of one operand: two parts, whole chunks of blocks, a pad for each panel of 12 rows or more. */
static size_t packed_at_most(size_t rows, size_t k) {
    return 2 * ((rows < 6144 ? rows : 6144) + 383) * ((k < 1344 ? k : 1344) + 3);
}

/* What was taken is what was held, and no more than product.h says. */
static void check_memory(const struct sample *s, const struct scratch *memory) {
    CHECK(memory->used <= memory->capacity);
    CHECK(memory->used <= packed_at_most(s->m, s->k) + packed_at_most(s->n, s->k));
}

/* Against the oracle, and on the other numbers of threads against the first. */
static void check_product(const struct sample *s, const struct how *how, double allowed,
                          struct scratch *memory, const int *threads, size_t counts) {
    struct result r = make_result(s, how);
    struct product p = ask(s, how, &r);
    size_t bytes = r.count * sizeof(float);
    float *before = must(malloc(bytes)), *first = must(malloc(bytes));
    memcpy(before, r.memory, bytes);
    compute(&p, memory, threads[0]);
    check_result(s, how, &p, &r, before, allowed);
    memcpy(first, r.memory, bytes);
    for (size_t t = 1; t < counts; t++) {
        memcpy(r.memory, before, bytes);
        compute(&p, memory, threads[t]);
        CHECK(!memcmp(r.memory, first, bytes));
    }
    check_memory(s, memory);
    free(before);
    free(first);
    free(r.memory);
}

/* ----------------------------------------------------------------- small ones */
/* In turn: kinds 0 to 8 are all of what is added and of alpha; gaps differ. */
static struct how turn(size_t count, bool transpose_a, bool transpose_b) {
    const float alphas[] = {1, 0.5F, -1.75F};
    return (struct how){.transpose_a = transpose_a,
                        .transpose_b = transpose_b,
                        .add = count % 3 == 1,
                        .bias = count % 3 == 2,
                        .alpha = alphas[count / 3 % 3],
                        .gap_a = count % 5,
                        .gap_b = count % 7,
                        .gap_c = count % 4 * 9};
}

static size_t turns;

static void check_all_transposes(size_t m, size_t n, size_t k, struct scratch *memory) {
    struct sample s = make_sample(m, n, k);
    multiply_in_loops(&s);
    for (int kind = 0; kind < 4; kind++) {
        const int threads[] = {1, 2 + (int)(turns / 4 % 2)};
        struct how how = turn(turns++, kind & 1, kind & 2);
        check_product(&s, &how, SUM_ERROR, memory, threads, 2);
    }
    free_sample(&s);
}

/* Around a tile, 12 x 32, a chunk of them, 48 x 128, and what is packed at once: 16 x 16, 4 steps
 * of the depth, and 8. */
TEST(small) {
    const size_t ms[] = {1, 11, 12, 13, 47, 49, 97, 129}, ks[] = {1, 3, 4, 9, 15, 16, 18, 129};
    const size_t ns[] = {1, 15, 16, 17, 31, 32, 33, 97, 129};
    struct scratch memory = {0};
    if (!have_avx512) SKIP(NO_AVX512);
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        for (size_t j = 0; j < sizeof ns / sizeof *ns; j++)
            for (size_t l = 0; l < sizeof ks / sizeof *ks && !test_bad; l++)
                check_all_transposes(ms[i], ns[j], ks[l], &memory);
    scratch_free(&memory);
}

/* A depth of more than 256 in sums of sums and of more than 1344 in parts, rows and columns of more
 * than 6144 in blocks; each with all three of what is added, as 4 turns are more than 3. */
TEST(long_ones) {
    const size_t sizes[][3] = {{13, 33, 256},  {13, 33, 257}, {13, 33, 1344}, {13, 35, 1345},
                               {25, 17, 2701}, {6144, 5, 9},  {6157, 33, 21}, {13, 6181, 20},
                               {12289, 1, 3},  {3, 12291, 2}};
    struct scratch memory = {0};
    if (!have_avx512) SKIP(NO_AVX512);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !test_bad; i++)
        check_all_transposes(sizes[i][0], sizes[i][1], sizes[i][2], &memory);
    scratch_free(&memory);
}

TEST(blocks_both_ways) {
    const int threads[] = {2};
    struct scratch memory = {0};
    struct sample s;
    if (!have_avx512) SKIP(NO_AVX512);
    s = make_sample(6146, 6177, 3);
    multiply_in_loops(&s);
    check_product(&s, &(struct how){.transpose_a = true, .bias = true, .alpha = 1}, SUM_ERROR,
                  &memory, threads, 1);
    free_sample(&s);
    scratch_free(&memory);
}

/* ----------------------------------------------------------------- large ones */
static void check_large(size_t m, size_t n, size_t k, struct how how, double allowed,
                        size_t counts) {
    const int threads[] = {2, 1, 3};
    struct scratch memory = {0};
    struct sample s = make_sample(m, n, k);
    multiply_in_blas(&s);
    check_product(&s, &how, allowed, &memory, threads, counts);
    free_sample(&s);
    scratch_free(&memory);
}

TEST(strassen) {
    if (!have_avx512) SKIP(NO_AVX512);
    check_large(1024, 1024, 1024, (struct how){.alpha = 1}, STRASSEN_ERROR, 1);
    check_large(
        1026, 1030, 1034,
        (struct how){
            .transpose_a = true, .bias = true, .alpha = -1.5F, .gap_a = 3, .gap_b = 1, .gap_c = 7},
        STRASSEN_ERROR, 3);
    check_large(1046, 1024, 1050,
                (struct how){.transpose_b = true, .add = true, .alpha = 0.5F, .gap_c = 2},
                STRASSEN_ERROR, 1);
    check_large(1024, 1098, 1038,
                (struct how){
                    .transpose_a = true, .transpose_b = true, .bias = true, .alpha = 1, .gap_b = 5},
                STRASSEN_ERROR, 1);
}

/* Parts of the depth that are large in rows and columns too, one after another in the same two
 * sets of panels: threads that overtake each other, and panels too small for their part. */
TEST(plain_in_parts) {
    if (!have_avx512) SKIP(NO_AVX512);
    check_large(384, 384, 2687, (struct how){.alpha = 1, .transpose_b = true}, SUM_ERROR, 3);
    check_large(517, 1023, 4701, (struct how){.alpha = 1, .add = true}, SUM_ERROR, 3);
}

/* Blocks of the most rows, and of the most columns, are one. */
TEST(widest_blocks) {
    if (!have_avx512) SKIP(NO_AVX512);
    check_large(12288, 3, 500, (struct how){.alpha = 1}, SUM_ERROR, 1);
    check_large(60, 6144, 70, (struct how){.alpha = 1}, SUM_ERROR, 1);
}

/* The halves of k, too, are cut: the bias is added once. */
TEST(strassen_in_parts) {
    if (!have_avx512) SKIP(NO_AVX512);
    check_large(1024, 1024, 2702, (struct how){.bias = true, .alpha = 0.5F, .gap_a = 1},
                STRASSEN_ERROR, 1);
}

/* A block of 3456 rows in halves, and behind it one of 2689, which has none. */
TEST(strassen_and_not) {
    if (!have_avx512) SKIP(NO_AVX512);
    check_large(6145, 1024, 1024, (struct how){.bias = true, .alpha = 1, .gap_c = 3},
                STRASSEN_ERROR, 1);
}

/* One odd size is enough for no halves. */
TEST(odd) {
    if (!have_avx512) SKIP(NO_AVX512);
    check_large(1025, 1024, 1024, (struct how){.alpha = 1, .add = true}, SUM_ERROR, 1);
    check_large(1024, 1025, 1026, (struct how){.alpha = 1, .bias = true}, SUM_ERROR, 1);
    check_large(1026, 1024, 1025, (struct how){.alpha = 2, .transpose_b = true}, SUM_ERROR, 1);
}

/* ----------------------------------------------------------------- who asks for them */
static infer *open_with(enum infer_kernel_set set, int threads) {
    infer *ctx = NULL;
    infer_options options = {.threads = threads, .kernels = set};
    return infer_open(&options, &ctx) == INFER_OK ? ctx : NULL;
}

static bool took_large(const infer *ctx) {
    return ctx->packed->capacity > 0;
}

/* Two sums in float, of which each may err. */
static void check_alike(const float *got, const float *want, size_t n) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)got[i] - (double)want[i];
        difference += d * d;
        size += (double)want[i] * (double)want[i];
    }
    CHECK(sqrt(difference) <= 2 * NORM_ERROR * sqrt(size));
    if (test_bad || getenv("VERBOSE")) printf("# off by %.2e\n", sqrt(difference / size));
}

enum { ROWS = 517, IN = 512, OUT = 523, GAP = 3, LDY = OUT + GAP };

/* A layer and what is computed of it. */
struct layer {
    float *weight, *bias, *x, *dy;
    float *y, *dweight, *dbias, *dx, *c;
};

static struct layer make_layer(void) {
    return (struct layer){
        .weight = noise_in_float((size_t)IN * OUT, 11),
        .bias = noise_in_float(OUT, 12),
        .x = noise_in_float((size_t)ROWS * IN, 13),
        .dy = noise_in_float((size_t)ROWS * LDY, 14),
        .y = noise_in_float((size_t)ROWS * LDY, 15),
        .dweight = noise_in_float((size_t)IN * OUT, 16),
        .dbias = noise_in_float(OUT, 17),
        .dx = noise_in_float((size_t)ROWS * IN, 18),
        .c = noise_in_float((size_t)ROWS * LDY, 19),
    };
}

static void free_layer(struct layer *l) {
    float *all[] = {l->weight, l->bias, l->x, l->dy, l->y, l->dweight, l->dbias, l->dx, l->c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void compute_layer(const infer *ctx, struct layer *l) {
    struct learn_linear linear = {l->weight, l->bias, l->dweight, l->dbias, IN, OUT};
    learn_linear_forward(ctx, &linear, l->x, ROWS, l->y, LDY);
    learn_linear_backward(ctx, &linear, l->x, ROWS, l->dy, LDY, l->dx, true);
    learn_product(ctx, ROWS, OUT, IN, -0.5F, (struct learn_matrix){l->x, IN, false},
                  (struct learn_matrix){l->weight, IN, true}, false, l->c, LDY);
}

/* Gaps are compared, too: they have the same noise. */
static void check_layers(const struct layer *got, const struct layer *want) {
    check_alike(got->y, want->y, (size_t)ROWS * LDY);
    check_alike(got->dweight, want->dweight, (size_t)IN * OUT);
    check_alike(got->dbias, want->dbias, OUT);
    check_alike(got->dx, want->dx, (size_t)ROWS * IN);
    check_alike(got->c, want->c, (size_t)ROWS * LDY);
}

static bool same_layers(const struct layer *a, const struct layer *b) {
    return !memcmp(a->y, b->y, (size_t)ROWS * LDY * sizeof(float)) &&
           !memcmp(a->dweight, b->dweight, (size_t)IN * OUT * sizeof(float)) &&
           !memcmp(a->dbias, b->dbias, OUT * sizeof(float)) &&
           !memcmp(a->dx, b->dx, (size_t)ROWS * IN * sizeof(float)) &&
           !memcmp(a->c, b->c, (size_t)ROWS * LDY * sizeof(float));
}

/* The sum of n products of numbers that lie so far apart. */
static double dot(const float *a, size_t step_a, const float *b, size_t step_b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i * step_a] * (double)b[i * step_b];
    return sum;
}

/* Some elements by their definition: both kinds of kernels are asked by the same functions. They
 * are about 8, and 35 at most; 1e-4 is 6 times their error, as above. */
static void check_definition(const struct layer *got, const struct layer *was) {
    for (size_t i = 0; i < 40; i++) {
        size_t row = i * 13 % ROWS, in = i * 37 % IN, out = i * 41 % OUT;
        const float *w = was->weight + out * IN;
        double xw = dot(was->x + row * IN, 1, w, 1, IN);
        double dyw = dot(was->dy + row * LDY, 1, was->weight + in, IN, OUT);
        double dyx = dot(was->dy + out, LDY, was->x + in, IN, ROWS);
        CHECK_NEAR((double)got->y[row * LDY + out], xw + (double)was->bias[out], 1e-4);
        CHECK_NEAR((double)got->c[row * LDY + out], -0.5 * xw, 1e-4);
        CHECK_NEAR((double)got->dx[row * IN + in], dyw + (double)was->dx[row * IN + in], 1e-4);
        CHECK_NEAR((double)got->dweight[out * IN + in], dyx + (double)was->dweight[out * IN + in],
                   1e-4);
    }
}

/* Products that set their result, with a bias or without, and that add to it. */
TEST(layers) {
    if (!have_avx512) SKIP(NO_AVX512);
    infer *plain = open_with(INFER_KERNELS_PLAIN, 2), *one = open_with(INFER_KERNELS_AVX512, 1);
    infer *three = open_with(INFER_KERNELS_AVX512, 3);
    struct layer want = make_layer(), got = make_layer(), again = make_layer();
    struct layer was = make_layer();
    REQUIRE(plain && one && three);
    compute_layer(plain, &want);
    compute_layer(one, &got);
    compute_layer(three, &again);
    check_layers(&got, &want);
    check_definition(&got, &was);
    CHECK(same_layers(&again, &got));
    CHECK(!took_large(plain) && took_large(one) && took_large(three));
    free_layer(&want);
    free_layer(&got);
    free_layer(&again);
    free_layer(&was);
    infer_close(plain);
    infer_close(one);
    infer_close(three);
}

/* From 512 on in all three. */
TEST(which_are_large) {
    const size_t sizes[][3] = {{511, 512, 512}, {512, 511, 512}, {512, 512, 511}, {512, 512, 512}};
    if (!have_avx512) SKIP(NO_AVX512);
    float *a = noise_in_float((size_t)512 * 512, 1), *c = noise_in_float((size_t)512 * 512, 2);
    struct learn_matrix of = {a, 512, false};
    for (size_t i = 0; i < 4; i++) {
        infer *ctx = open_with(INFER_KERNELS_AVX512, 2);
        learn_product(ctx, sizes[i][0], sizes[i][1], sizes[i][2], 1, of, of, false, c, 512);
        CHECK(took_large(ctx) == (i == 3));
        infer_close(ctx);
    }
    free(a);
    free(c);
}

/* ----------------------------------------------------------------- no memory */
/* No more of it than a MiB, which OpenMP takes from; half of what is packed of matrices of 512. And
 * as before. */
#define LEFT ((rlim_t)1 << 20)
static struct rlimit before_limit;

static void limit_memory(void) {
    unsigned long pages = 0;
    FILE *file = must(fopen("/proc/self/statm", "r"));
    if (fscanf(file, "%lu", &pages) != 1 || getrlimit(RLIMIT_AS, &before_limit)) must(NULL);
    fclose(file);
    rlim_t used = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
    struct rlimit little = {used + LEFT, before_limit.rlim_max};
    if (setrlimit(RLIMIT_AS, &little)) must(NULL);
}

static void unlimit_memory(void) {
    if (setrlimit(RLIMIT_AS, &before_limit)) must(NULL);
}

static bool memory_is_limited(void) {
    float *some = scratch_floats((size_t)2 * 512 * 512);
    free(some);
    return !some;
}

/* First of all, while the allocator has kept nothing. */
TEST(no_memory) {
    if (!have_avx512) SKIP(NO_AVX512);
    const size_t n = 512, count = n * n;
    infer *starved = open_with(INFER_KERNELS_AVX512, 1);
    float *a = noise_in_float(count, 1), *c = noise_in_float(count, 2);
    float *before = noise_in_float(count, 2), *want = noise_in_float(count, 3);
    struct learn_matrix of = {a, n, false};
    struct product p = {.m = n, .n = n, .k = n, .alpha = 1, .a = of, .b = of, .c = c, .ldc = n};
    struct scratch memory = {0};
    REQUIRE(starved);
    starved->kernels->learn->gemm(false, false, n, n, n, 1, a, n, a, n, 0, want, n);
    limit_memory();
    bool limited = memory_is_limited(), done = product_avx512(&p, &memory, 1);
    bool same = !memcmp(c, before, count * sizeof *c);
    learn_product(starved, n, n, n, 1, of, of, false, c, n);
    unlimit_memory();
    if (limited) {
        CHECK(!done && same && !memory.data && !memory.capacity);
        CHECK(!took_large(starved));
    }
    check_alike(c, want, count); /* without it, the other way */
    CHECK(product_avx512(&p, &memory, 1));
    check_alike(c, want, count);
    scratch_free(&memory);
    infer_close(starved);
    free(a);
    free(c);
    free(before);
    free(want);
    if (!limited) SKIP("memory cannot be limited here");
}

/* ----------------------------------------------------------------- scratch */
#define LINE (SCRATCH_LINE * sizeof(float))
#define HUGE_PAGE ((size_t)2 << 20)
#define LARGE_BLOCK (((size_t)8 << 20) / sizeof(float))

TEST(floats_are_aligned) {
    const size_t sizes[] = {1, 15, 16, 17, 1000, LARGE_BLOCK - 16, LARGE_BLOCK, LARGE_BLOCK + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float *x = scratch_floats(sizes[i]);
        REQUIRE(x);
        CHECK((uintptr_t)x % LINE == 0);
        if (sizes[i] >= LARGE_BLOCK) CHECK((uintptr_t)x % HUGE_PAGE == 0);
        memset(x, 1, sizes[i] * sizeof *x); /* all of it is ours */
        free(x);
    }
}

static const size_t too_many[] = {SIZE_MAX,
                                  SIZE_MAX - 15,
                                  SIZE_MAX / 4 + 1,
                                  SIZE_MAX / 4,
                                  SIZE_MAX / 4 - 15,
                                  SIZE_MAX / 4 - HUGE_PAGE / 4,
                                  SIZE_MAX / 4 - HUGE_PAGE / 4 - 1,
                                  SIZE_MAX / 4 - HUGE_PAGE,
                                  SIZE_MAX / 8};
#define TOO_MANY (sizeof too_many / sizeof *too_many)

TEST(too_many_floats) {
    for (size_t i = 0; i < TOO_MANY; i++) {
        float *x = scratch_floats(too_many[i]);
        CHECK(!x);
        free(x);
    }
}

static void check_use(struct scratch *s, size_t n) {
    size_t capacity = s->capacity;
    const float *data = s->data;
    REQUIRE(scratch_hold(s, 2 * SCRATCH_ROUND(n)));
    CHECK(s->used == 0 && s->capacity >= 2 * SCRATCH_ROUND(n));
    if (2 * SCRATCH_ROUND(n) <= capacity) CHECK(s->data == data && s->capacity == capacity);
    float *one = scratch_take(s, n), *two = scratch_take(s, n);
    CHECK(one == s->data && two == one + SCRATCH_ROUND(n));
    CHECK((uintptr_t)one % LINE == 0 && (uintptr_t)two % LINE == 0);
    CHECK(s->used == 2 * SCRATCH_ROUND(n));
    memset(one, 1, n * sizeof *one);
    memset(two, 2, n * sizeof *two);
}

TEST(scratch_grows) {
    struct scratch s = {0};
    const size_t sizes[] = {1, 17, 3, 100, 16, 5000, LARGE_BLOCK, 7, LARGE_BLOCK + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check_use(&s, sizes[i]);
    scratch_free(&s);
    CHECK(!s.data && !s.capacity && !s.used);
    CHECK(scratch_hold(&s, 0) && !s.used);
    check_use(&s, 9);
    CHECK(scratch_hold(&s, 0) && !s.used && s.data);
    scratch_free(&s);
}

TEST(scratch_refuses) {
    struct scratch s = {0};
    for (size_t i = 0; i < TOO_MANY; i++) {
        check_use(&s, 20);
        CHECK(!scratch_hold(&s, too_many[i]));
        CHECK(!s.used && !s.data == !s.capacity);
        check_use(&s, 30 + i);
    }
    scratch_free(&s);
}

TEST(scratch_says_so) {
    struct scratch s = {0};
    char want[96];
    infer *ctx = open_with(INFER_KERNELS_PLAIN, 1);
    REQUIRE(ctx);
    check_use(&s, 20);
    CHECK(scratch_reserve(ctx, &s, 1000) == INFER_OK && s.capacity >= 1000 && !s.used);
    for (size_t i = 0; i < TOO_MANY; i++) {
        size_t n = too_many[i];
        CHECK(scratch_reserve(ctx, &s, n) == INFER_ENOMEM);
        snprintf(want, sizeof want, "out of memory: %zu bytes were asked for",
                 n > SIZE_MAX / 4 ? SIZE_MAX : 4 * n);
        CHECK_TEXT(infer_message(ctx), want);
        check_use(&s, 20);
    }
    scratch_free(&s);
    infer_close(ctx);
}

int main(void) {
    have_avx512 = infer_kernels_choose(INFER_KERNELS_AVX512);
    for (size_t i = 0; i < 3; i++) fence[i] = make_fence();
    RUN(no_memory);
    RUN(small);
    RUN(long_ones);
    RUN(blocks_both_ways);
    RUN(strassen);
    RUN(plain_in_parts);
    RUN(widest_blocks);
    RUN(strassen_in_parts);
    RUN(strassen_and_not);
    RUN(odd);
    RUN(layers);
    RUN(which_are_large);
    RUN(floats_are_aligned);
    RUN(too_many_floats);
    RUN(scratch_grows);
    RUN(scratch_refuses);
    RUN(scratch_says_so);
    return test_finish();
}
