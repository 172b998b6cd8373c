/* Every module's backward pass, with and without dropout, against central differences of its own
 * forward pass: in random directions through each tensor, with the plain kernels (whose sums are in
 * double), by the fourth-order formula, so that a large step leaves rounding far below. */
#include "tests/unit/learn_fixture.h"

#define MOST_OUT 4096

/* A model of every kind of part, so small that thousands of passes take a second. */
static const struct model_config small = {
    .architecture = "vidtag",
    .picture_size = 12,
    .clip = {.present = 1,
             .image_size = 12,
             .patch_size = 4,
             .dim = 12,
             .layers = 2,
             .heads = 3,
             .mlp = 20,
             .projection = 7,
             .eps = 1e-5F},
    .dinov2 = {.present = 1,
               .image_size = 16, /* positions 4 x 4, resized to 3 x 3 */
               .patch_size = 4,
               .dim = 10,
               .layers = 2,
               .heads = 2,
               .mlp = 24,
               .eps = 1e-6F},
    .tempgeo =
        {.present = 1, .dim = 18, .heads = 3, .ff = 22, .max_frames = 6, .encoder_layers = 2},
    .mlp = {.present = 1, .layers = 3, .sizes = {18, 14, 13, 8}},
    .location =
        {.present = 1, .branches = 4, .frequencies = 5, .hidden = 9, .hidden_layers = 3, .out = 8},
    .refiner = {.present = 1,
                .dim = 8,
                .heads = 2,
                .ff = 15,
                .max_frames = 6,
                .encoder_layers = 2,
                .decoder_layers = 2},
};
static const double sigma[4] = {1, 8, 256, 4096};
static const struct learn_dropout drop = {.p = 0.3F, .seed = 5, .step = 77};

static double noise(uint64_t *state) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (double)(*state >> 11) / 4503599627370496.0 - 1;
}

static void fill(float *x, size_t n, uint64_t seed, double scale) {
    for (size_t i = 0; i < n; i++) x[i] = (float)(scale * noise(&seed));
}

/* What is differentiated: a scalar of the learner's parameters, and its gradients. */
struct subject {
    infer *ctx;
    struct learner *learner;
    double (*value)(struct subject *);
    void (*learn)(struct subject *); /* adds to the gradients */
    enum catalog_module module;
    const struct learn_dropout *dropout;
    size_t micro;
};

/* A layer before a ReLU: units that are on, or off, for every input, so that no step crosses a
 * kink. */
static bool before_relu(const char *name) {
    return strstr(name, ".capsule.") || !strncmp(name, "image_mlp.0.", 12) ||
           !strncmp(name, "image_mlp.2.", 12);
}

static void settle(const struct catalog_entry *e, float *value) {
    for (size_t k = 0; k < e->count; k++)
        value[k] = e->ndim == 1 ? (k % 2 ? 4.0F : -4.0F) : value[k] / 2;
}

/* Norms and LayerScale away from 1 and 0, so that none is close to a no-op. */
static void roughen(struct learner *learner) {
    const struct learn_arena *a = learn_arena(learner);
    for (size_t i = 0; i < a->tensors; i++) {
        const struct catalog_entry *e = a->tensor[i].entry;
        float *value = a->value + a->tensor[i].offset;
        uint64_t state = 99 + i;
        if (!a->tensor[i].trained) continue;
        if (before_relu(e->name))
            settle(e, value);
        else if (e->ndim == 1 || strstr(e->name, "pos"))
            for (size_t k = 0; k < e->count; k++) value[k] += (float)(0.3 * noise(&state));
    }
}

static bool subject_open(struct subject *s, const struct model_config *config, unsigned modules) {
    infer_options options = {.threads = 1, .kernels = INFER_KERNELS_PLAIN};
    if (infer_open(&options, &s->ctx) != INFER_OK) return false;
    if (learn_open(s->ctx, config, modules, modules, &s->learner) != INFER_OK) return false;
    learn_init(s->learner, modules, sigma, 3);
    roughen(s->learner);
    return true;
}

static void subject_close(struct subject *s) {
    learn_close(s->learner);
    infer_close(s->ctx);
}

static double value_at(struct subject *s, size_t offset, const float *before, const float *d,
                       size_t n, double h) {
    float *value = learn_arena(s->learner)->value + offset;
    for (size_t i = 0; i < n; i++) value[i] = (float)((double)before[i] + h * (double)d[i]);
    double result = s->value(s);
    memcpy(value, before, n * sizeof *value);
    return result;
}

/* One direction through one tensor. */
static void check_direction(struct subject *s, const struct learn_tensor *t, const float *gradient,
                            uint64_t seed) {
    static float before[4096], d[4096];
    size_t n = t->entry->count, at = t->offset;
    const double h = 0.004;
    double slope = 0, size = 0;
    memcpy(before, learn_arena(s->learner)->value + at, n * sizeof *before);
    for (size_t i = 0; i < n; i++) {
        d[i] = noise(&seed) < 0 ? -1 : 1;
        slope += (double)d[i] * (double)gradient[at + i];
        size += (double)gradient[at + i] * (double)gradient[at + i];
    }
    double one = value_at(s, at, before, d, n, h) - value_at(s, at, before, d, n, -h);
    double two = value_at(s, at, before, d, n, 2 * h) - value_at(s, at, before, d, n, -2 * h);
    double difference = (8 * one - two) / (12 * h);
    double allowed = 1e-3 * (sqrt(size) + 0.1);
    CHECK(fabs(difference - slope) <= allowed);
    if (!(fabs(difference - slope) <= allowed) || getenv("VERBOSE"))
        printf("# %-60s difference %10.6f, gradient %10.6f, of norm %.4f\n", t->entry->name,
               difference, slope, sqrt(size));
}

static void check_all(struct subject *s) {
    static float gradient[65536];
    const struct learn_arena *a = learn_arena(s->learner);
    learn_clear(s->learner);
    s->learn(s);
    REQUIRE(a->trained <= 65536);
    memcpy(gradient, a->gradient, a->trained * sizeof *gradient);
    size_t moving = 0;
    for (size_t i = 0; i < a->tensors; i++) {
        const struct learn_tensor *t = &a->tensor[i];
        if (!t->trained) continue;
        REQUIRE(t->entry->count <= 4096);
        for (uint64_t k = 0; k < 2; k++) check_direction(s, t, gradient, 1000 * i + k);
        for (size_t k = 0; k < t->entry->count; k++) moving += gradient[t->offset + k] != 0;
    }
    CHECK((double)moving > 0.2 * (double)a->trained); /* not those of absent frames, or off */
}

/* ------------------------------------------------------------------- modules */
enum { VIDEOS = 3, FRAMES = 5, ROWS = VIDEOS * FRAMES, PICTURES = 3 };
static float input[2 * PICTURES * 3 * 16 * 16], other[ROWS * 18], weights[MOST_OUT], out[MOST_OUT];
static double lonlat[2 * (ROWS + 4)];

static double weighted(size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)weights[i] * (double)out[i];
    return sum;
}

static double frames_value(struct subject *s) {
    CHECK(learn_frames_forward(s->learner, input, VIDEOS, FRAMES, 7, s->dropout, out) == INFER_OK);
    return weighted((size_t)ROWS * 8);
}
static void frames_learn(struct subject *s) {
    frames_value(s);
    CHECK(learn_frames_backward(s->learner, weights) == INFER_OK);
}

static double points_value(struct subject *s) {
    CHECK(learn_points_forward(s->learner, lonlat, ROWS, out) == INFER_OK);
    return weighted((size_t)ROWS * 8);
}
static void points_learn(struct subject *s) {
    points_value(s);
    CHECK(learn_points_backward(s->learner, weights) == INFER_OK);
}

static double refiner_value(struct subject *s) {
    CHECK(learn_refiner_forward(s->learner, input, other, VIDEOS, FRAMES, 7, s->dropout, out) ==
          INFER_OK);
    return weighted((size_t)ROWS * 8);
}
static void refiner_learn(struct subject *s) {
    refiner_value(s);
    CHECK(learn_refiner_backward(s->learner, weights) == INFER_OK);
}

static double vit_value(struct subject *s) {
    CHECK(learn_vit_forward(s->learner, s->module, input, PICTURES, out) == INFER_OK);
    return weighted((size_t)PICTURES * (s->module == CATALOG_M_CLIP ? 7 : 10));
}
static void vit_learn(struct subject *s) {
    vit_value(s);
    CHECK(learn_vit_backward(s->learner, s->module, weights) == INFER_OK);
}

static void check_module(struct subject s, const struct model_config *config, unsigned modules) {
    REQUIRE(subject_open(&s, config, modules));
    check_all(&s);
    subject_close(&s);
}

TEST(tempgeo_and_mlp) {
    struct subject s = {.value = frames_value, .learn = frames_learn};
    check_module(s, &small, BIT(CATALOG_M_TEMPGEO) | BIT(CATALOG_M_MLP));
}
TEST(tempgeo_with_dropout) {
    struct subject s = {.value = frames_value, .learn = frames_learn, .dropout = &drop};
    check_module(s, &small, BIT(CATALOG_M_TEMPGEO) | BIT(CATALOG_M_MLP));
}
TEST(frame_wise_head) {
    struct model_config alone = small;
    struct subject s = {.value = frames_value, .learn = frames_learn};
    alone.tempgeo.present = 0;
    check_module(s, &alone, BIT(CATALOG_M_TEMPGEO) | BIT(CATALOG_M_MLP));
}
TEST(geoclip_mlp) {
    struct model_config geoclip = small;
    struct subject s = {.value = frames_value, .learn = frames_learn};
    geoclip.tempgeo.present = geoclip.refiner.present = geoclip.dinov2.present = 0;
    snprintf(geoclip.architecture, sizeof geoclip.architecture, "geoclip");
    check_module(s, &geoclip, BIT(CATALOG_M_MLP));
}
TEST(location_encoder) {
    struct subject s = {.value = points_value, .learn = points_learn};
    check_module(s, &small, BIT(CATALOG_M_LOCATION));
}
TEST(refiner) {
    struct subject s = {.value = refiner_value, .learn = refiner_learn};
    check_module(s, &small, BIT(CATALOG_M_REFINER));
}
TEST(refiner_with_dropout) {
    struct subject s = {.value = refiner_value, .learn = refiner_learn, .dropout = &drop};
    check_module(s, &small, BIT(CATALOG_M_REFINER));
}
/* quick_gelu, class token, the norm before the layers, the projection. */
TEST(clip) {
    struct subject s = {.value = vit_value, .learn = vit_learn, .module = CATALOG_M_CLIP};
    check_module(s, &small, BIT(CATALOG_M_CLIP));
}
/* LayerScale, the patches' bias, positions resized. */
TEST(dinov2) {
    struct subject s = {.value = vit_value, .learn = vit_learn, .module = CATALOG_M_DINOV2};
    check_module(s, &small, BIT(CATALOG_M_DINOV2));
}
TEST(dinov2_positions_as_they_are) {
    struct model_config as = small;
    struct subject s = {.value = vit_value, .learn = vit_learn, .module = CATALOG_M_DINOV2};
    as.picture_size = 16;
    check_module(s, &as, BIT(CATALOG_M_DINOV2));
}

/* -------------------------------------------------------------------- passes */
static double contrast_value(struct subject *s) {
    struct learn_batch batch = {.videos = VIDEOS,
                                .frames = FRAMES,
                                .micro = s->micro,
                                .features = input,
                                .lonlat = lonlat,
                                .negatives = lonlat + 2 * ROWS,
                                .extra = 4,
                                .dropout = drop};
    double loss = 0;
    size_t hits = 0;
    CHECK(learn_contrast_pass(s->learner, &batch, &loss, &hits) == INFER_OK);
    CHECK(hits <= ROWS);
    return loss;
}
static void contrast_learn(struct subject *s) {
    contrast_value(s);
}

static double refine_value(struct subject *s) {
    struct learn_refinement batch = {.videos = VIDEOS,
                                     .frames = FRAMES,
                                     .micro = s->micro,
                                     .embeddings = input,
                                     .gps = other,
                                     .truth = input + 300, /* not of unit length: does not matter */
                                     .dropout = drop,
                                     .alpha = 10,
                                     .beta = 1};
    double loss = 0;
    CHECK(learn_refine_pass(s->learner, &batch, &loss) == INFER_OK);
    batch.contrastive = true;
    batch.log_scale = 1.5;
    batch.negatives = input + 450;
    batch.extra = 3;
    double more = 0;
    CHECK(learn_refine_pass(s->learner, &batch, &more) == INFER_OK);
    return loss + more;
}
static void refine_learn(struct subject *s) {
    refine_value(s);
}

static double views_value(struct subject *s) {
    struct learn_views batch = {
        .module = s->module, .pixels = input, .n = PICTURES, .micro = s->micro, .log_scale = 1};
    double loss = 0;
    CHECK(learn_views_pass(s->learner, &batch, &loss, NULL) == INFER_OK);
    return loss;
}
static void views_learn(struct subject *s) {
    views_value(s);
}

/* With micro-batches that do not divide the batch; infer_learn.c has whole ones too. */
static void check_pass(struct subject s, unsigned modules) {
    s.micro = 2;
    check_module(s, &small, modules);
}

TEST(phase1_pass) {
    struct subject s = {.value = contrast_value, .learn = contrast_learn};
    check_pass(s, BIT(CATALOG_M_TEMPGEO) | BIT(CATALOG_M_MLP) | BIT(CATALOG_M_LOCATION) |
                      BIT(CATALOG_M_SCALE));
}
TEST(phase2_pass) {
    struct subject s = {.value = refine_value, .learn = refine_learn};
    check_pass(s, BIT(CATALOG_M_REFINER));
}
TEST(phase0_pass) {
    struct subject s = {.value = views_value, .learn = views_learn, .module = CATALOG_M_CLIP};
    check_pass(s, BIT(CATALOG_M_CLIP) | BIT(CATALOG_M_SCALE));
    s.module = CATALOG_M_DINOV2;
    check_pass(s, BIT(CATALOG_M_DINOV2));
}

int main(void) {
    uint64_t state = 8;
    fill(input, sizeof input / sizeof *input, 1, 1);
    fill(other, sizeof other / sizeof *other, 2, 1);
    fill(weights, MOST_OUT, 4, 1);
    for (size_t i = 0; i < ROWS + 4; i++) {
        lonlat[2 * i] = 9.5 + 0.01 * noise(&state);
        lonlat[2 * i + 1] = 47.1 + 0.01 * noise(&state);
    }
    RUN(tempgeo_and_mlp);
    RUN(tempgeo_with_dropout);
    RUN(frame_wise_head);
    RUN(geoclip_mlp);
    RUN(location_encoder);
    RUN(refiner);
    RUN(refiner_with_dropout);
    RUN(clip);
    RUN(dinov2);
    RUN(dinov2_positions_as_they_are);
    RUN(phase1_pass);
    RUN(phase2_pass);
    RUN(phase0_pass);
    return test_finish();
}
