/* Training's gradients, losses and Adam against PyTorch's, with every table of kernels and several
 * numbers of threads. */
#include "tests/unit/learn_fixture.h"

enum { VIDEOS = 4, FRAMES = 8, ROWS = VIDEOS * FRAMES, FUSED = 128, OUT = 64 };
#define PHASE1 \
    (BIT(CATALOG_M_TEMPGEO) | BIT(CATALOG_M_MLP) | BIT(CATALOG_M_LOCATION) | BIT(CATALOG_M_SCALE))
#define PHASE2 BIT(CATALOG_M_REFINER)

static void to_lonlat(const float *latlon, double *lonlat) {
    for (size_t i = 0; i < ROWS; i++) {
        lonlat[2 * i] = (double)latlon[2 * i + 1];
        lonlat[2 * i + 1] = (double)latlon[2 * i];
    }
}

/* Every trained tensor of the learner against the golden one of that name. */
static size_t compare_gradients(const struct learner *learner, const char *phase) {
    const struct learn_arena *arena = learn_arena(learner);
    size_t compared = 0;
    for (size_t i = 0; i < arena->tensors; i++) {
        const struct learn_tensor *t = &arena->tensor[i];
        char name[192];
        if (!t->trained) continue;
        snprintf(name, sizeof name, "train.%s.grad.%s", phase, t->entry->name);
        CHECK(close_to(name, arena->gradient + t->offset, expect(name, t->entry->count),
                       t->entry->count, 1e-4, 1e-3));
        compared++;
    }
    return compared;
}

static size_t golden_gradients(const char *phase) {
    char prefix[32];
    size_t n = 0;
    int length = snprintf(prefix, sizeof prefix, "train.%s.grad.", phase);
    for (size_t i = 0; i < weights_count(golden); i++)
        n += !strncmp(weights_at(golden, i)->name, prefix, (size_t)length);
    return n;
}

static struct learn_batch phase1_batch(const double *lonlat, size_t micro) {
    return (struct learn_batch){.videos = VIDEOS,
                                .frames = FRAMES,
                                .micro = micro,
                                .features = expect("train.fused", ROWS * FUSED),
                                .lonlat = lonlat};
}

/* What the reference computes in float64. The golden loss is float32's, whose phases at sigma 256
 * are 5e-4 rad off: it is 9.8e-7 from this, so that this is the one to agree with; and with that
 * one as far as it is right. */
static const double exact_phase1 = 3.7958935667580573;

static void check_phase1(struct learner *learner, size_t micro) {
    double lonlat[ROWS * 2], loss = 0;
    to_lonlat(expect("train.latlon", ROWS * 2), lonlat);
    struct learn_batch batch = phase1_batch(lonlat, micro);
    CHECK(learn_contrast_pass(learner, &batch, &loss, NULL) == INFER_OK);
    double want = (double)*expect("train.phase1.loss", 1);
    CHECK_NEAR(loss, exact_phase1, 1e-6 * want);
    CHECK_NEAR(loss, want, 1e-6 * want + fabs(want - exact_phase1));
    CHECK(compare_gradients(learner, "phase1") == golden_gradients("phase1"));
}

static const struct learn_adam published = {5e-5, 0.9, 0.999, 1e-8};

/* Weights after a step, where the golden gradient is zero or more than `least` of its tensor's
 * largest. */
static void check_after(const struct learner *learner, const char *tensor, double least) {
    const struct learn_tensor *t = learn_find(learner, CATALOG_HEADS, tensor);
    size_t n = t->entry->count, compared = 0;
    char name[192];
    snprintf(name, sizeof name, "train.phase1.grad.%s", tensor);
    const float *gradient = expect(name, n);
    snprintf(name, sizeof name, "train.phase1.after.%s", tensor);
    const float *want = expect(name, n), *got = learn_arena(learner)->value + t->offset;
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)gradient[i]));
    for (size_t i = 0; i < n; i++) {
        if (gradient[i] != 0 && fabs((double)gradient[i]) < least * largest) continue;
        CHECK_NEAR((double)got[i], (double)want[i], 1e-6);
        compared++;
    }
    CHECK((double)compared >= 0.999 * (double)n);
}

static void step_and_check(struct learner *learner, double least) {
    learn_adam_step(learner, &published, 1, 1);
    check_after(learner, "tempgeo.mlp.4.weight", least);
    check_after(learner, "location_encoder.LocEnc2.head.0.weight", least);
    check_after(learner, "logit_scale", least);
    size_t left = 0;
    for (size_t i = 0; i < learn_arena(learner)->trained; i++)
        left += learn_arena(learner)->gradient[i] != 0;
    CHECK(left == 0); /* cleared */
}

/* Adam's first step is the rate times the gradient's sign, so that of a gradient which is zero but
 * for rounding either sign is right: left out here, but not in adam_on_golden_gradients. */
static void check_step(struct learner *learner) {
    step_and_check(learner, 1e-5);
}

static bool phase1_agrees(enum infer_kernel_set set, size_t micro) {
    infer *ctx;
    struct learner *learner;
    if (!learner_open(set, 2, PHASE1, PHASE1, &ctx, &learner)) return false;
    check_phase1(learner, micro);
    check_step(learner);
    learner_close(ctx, learner);
    return true;
}

TEST(phase1_plain) {
    CHECK(phase1_agrees(INFER_KERNELS_PLAIN, 0));
}
TEST(phase1_avx2) {
    if (!phase1_agrees(INFER_KERNELS_AVX2, 0)) SKIP("this CPU has no AVX2");
}
TEST(phase1_avx512) {
    if (!phase1_agrees(INFER_KERNELS_AVX512, 0)) SKIP("this CPU has no AVX-512");
}
/* Micro-batches that divide the batch and that do not. */
TEST(phase1_micro_batches) {
    CHECK(phase1_agrees(INFER_KERNELS_AUTO, 2));
    CHECK(phase1_agrees(INFER_KERNELS_AUTO, 3));
    CHECK(phase1_agrees(INFER_KERNELS_AUTO, 1));
}

static bool adam_agrees(enum infer_kernel_set set) {
    infer *ctx;
    struct learner *learner;
    if (!learner_open(set, 2, PHASE1, PHASE1, &ctx, &learner)) return false;
    const struct learn_arena *arena = learn_arena(learner);
    for (size_t i = 0; i < arena->tensors; i++) {
        const struct learn_tensor *t = &arena->tensor[i];
        char name[192];
        if (!t->trained) continue;
        snprintf(name, sizeof name, "train.phase1.grad.%s", t->entry->name);
        memcpy(arena->gradient + t->offset, expect(name, t->entry->count),
               t->entry->count * sizeof(float));
    }
    step_and_check(learner, 0);
    learner_close(ctx, learner);
    return true;
}

TEST(adam_on_golden_gradients) {
    for (enum infer_kernel_set set = INFER_KERNELS_PLAIN; set <= INFER_KERNELS_AVX512; set++)
        CHECK(adam_agrees(set) || set != INFER_KERNELS_PLAIN);
}

static void embed(const char *latlon, float *frames, float *gps) {
    double lonlat[ROWS * 2];
    struct learner *learner;
    infer *ctx;
    to_lonlat(expect(latlon, ROWS * 2), lonlat);
    CHECK(learner_open(INFER_KERNELS_AUTO, 1, PHASE1, 0, &ctx, &learner));
    CHECK(learn_frames_forward(learner, expect("train.fused", 0), VIDEOS, FRAMES, 0, NULL,
                               frames) == INFER_OK);
    CHECK(learn_points_forward(learner, lonlat, ROWS, gps) == INFER_OK);
    learner_close(ctx, learner);
}

static bool phase2_agrees(enum infer_kernel_set set, size_t micro) {
    static float frames[ROWS * OUT], noisy[ROWS * OUT], truth[ROWS * OUT], refined[ROWS * OUT];
    infer *ctx;
    struct learner *learner;
    if (!learner_open(set, 2, PHASE2, PHASE2, &ctx, &learner)) return false;
    embed("train.latlon", frames, truth);
    embed("train.noisy", frames, noisy);
    CHECK(learn_refiner_forward(learner, frames, noisy, VIDEOS, FRAMES, 0, NULL, refined) ==
          INFER_OK);
    CHECK(close_to("refined", refined, expect("train.phase2.refined", ROWS * OUT), ROWS * OUT, 1e-5,
                   1e-4));
    struct learn_refinement batch = {.videos = VIDEOS,
                                     .frames = FRAMES,
                                     .micro = micro,
                                     .embeddings = frames,
                                     .gps = noisy,
                                     .truth = truth,
                                     .alpha = 10,
                                     .beta = 1};
    double loss = 0, want = (double)*expect("train.phase2.loss", 1);
    CHECK(learn_refine_pass(learner, &batch, &loss) == INFER_OK);
    CHECK_NEAR(loss, want, 1e-6 * want);
    CHECK(compare_gradients(learner, "phase2") == golden_gradients("phase2"));
    learner_close(ctx, learner);
    return true;
}

TEST(phase2_plain) {
    CHECK(phase2_agrees(INFER_KERNELS_PLAIN, 0));
}
TEST(phase2_avx2) {
    if (!phase2_agrees(INFER_KERNELS_AVX2, 0)) SKIP("this CPU has no AVX2");
}
TEST(phase2_avx512) {
    if (!phase2_agrees(INFER_KERNELS_AVX512, 0)) SKIP("this CPU has no AVX-512");
}
TEST(phase2_micro_batches) {
    CHECK(phase2_agrees(INFER_KERNELS_AUTO, 3));
}

int main(void) {
    if (!fixture_open()) return 1;
    RUN(phase1_plain);
    RUN(phase1_avx2);
    RUN(phase1_avx512);
    RUN(phase1_micro_batches);
    RUN(adam_on_golden_gradients);
    RUN(phase2_plain);
    RUN(phase2_avx2);
    RUN(phase2_avx512);
    RUN(phase2_micro_batches);
    fixture_close();
    return test_finish();
}
