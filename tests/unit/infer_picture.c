/* Pictures through both recipes, against what PyTorch and Pillow computed. */
#include "libinfer/context.h"
#include "libinfer/media.h"
#include "libinfer/modules.h"
#include "libinfer/weights.h"
#include "test.h"

static infer *ctx;

/* -------------------------------------------------------------------- golden */

static double worst_of(const float *a, const float *b, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d; /* a NaN stays */
    }
    return worst;
}

/* Every picture of the fixtures through one recipe, against one tensor [8][3][56][56]. */
static double compare(const char *name, enum infer_recipe recipe, const float mean[3],
                      const float std[3]) {
    struct weights *golden = NULL;
    infer_source *source = NULL;
    infer_frame f;
    static float out[3 * 56 * 56];
    size_t plane = sizeof out / sizeof *out;
    double worst = INFINITY;
    if (weights_open(ctx, FIXTURES "/golden.safetensors", &golden) == INFER_OK &&
        infer_source_open(ctx, FIXTURES "/frames", NULL, &source) == INFER_OK) {
        const struct weights_tensor *tensor = weights_find(golden, name);
        const float *want = tensor && tensor->count == 8 * plane ? weights_f32(tensor) : NULL;
        int n = 0;
        worst = 0;
        for (; want && infer_source_next(source, &f) == INFER_OK && n < 8; n++) {
            if (picture_prepare(ctx, &f.picture, recipe, 56, mean, std, out) != INFER_OK)
                worst = INFINITY;
            worst = fmax(worst, worst_of(out, want + (size_t)n * plane, plane));
        }
        if (n != 8) worst = INFINITY;
    }
    infer_source_close(source);
    weights_close(golden);
    return worst;
}

TEST(fixtures_agree_with_pytorch) {
    CHECK(compare("pixels.stretch.clip", INFER_RECIPE_STRETCH, picture_clip_mean,
                  picture_clip_std) <= 2e-6);
    CHECK(compare("pixels.stretch.dino", INFER_RECIPE_STRETCH, picture_imagenet_mean,
                  picture_imagenet_std) <= 2e-6);
    /* A step of 8 bits is 0.0146 here: this is equality of the 8-bit pictures. */
    CHECK(compare("pixels.crop.clip", INFER_RECIPE_CROP, picture_clip_mean, picture_clip_std) <=
          1e-6);
}

/* --------------------------------------------------------------- other shapes */

/* pixels_stretch and pixels_crop of the reference, on the pattern below: three values of the first,
 * and the FNV-1a hash of the second's 8-bit picture. */
static const struct shape {
    int width, height, size;
    float stretch[3];
    uint32_t crop;
} shapes[] = {
    {1, 1, 16, {-1.7922626f, -0.4764368f, 0.9371915f}, 0x06c4bec5u},
    {1, 1, 56, {-1.7922626f, -0.4764368f, 0.9371915f}, 0x0089ff85u},
    {1, 40, 16, {-1.6661851f, -0.1516688f, 0.7355250f}, 0xb4a3f8c5u},
    {1, 40, 56, {-1.7922626f, 0.1431699f, -0.1293135f}, 0xa5f7adc5u},
    {40, 1, 16, {-1.6157544f, 0.1911087f, 0.9866774f}, 0xa88bf3c5u},
    {40, 1, 56, {-1.7922626f, 0.7349041f, 0.6751363f}, 0xda7771e5u},
    {3, 2, 16, {-1.7922626f, -0.1971808f, 1.1824878f}, 0x60289a07u},
    {3, 2, 56, {-1.7922626f, -0.2052801f, 1.1596341f}, 0xc0c42b1cu},
    {224, 224, 16, {0.0426268f, 0.1582510f, 0.2794503f}, 0x558d2415u},
    {224, 224, 56, {-0.7353103f, 0.1876570f, 0.0730687f}, 0xf64efb06u},
    {300, 200, 16, {0.0256497f, 0.1542630f, 0.3079677f}, 0x41b317f9u},
    {300, 200, 56, {-0.5748659f, 0.3090430f, 0.3577299f}, 0x0c67fba1u},
    {200, 300, 16, {0.0818003f, 0.1671165f, 0.4041477f}, 0x90655376u},
    {200, 300, 56, {-0.5615918f, 0.2664593f, 0.6028293f}, 0x6c6fc089u},
    {500, 7, 16, {0.0942952f, 0.3391521f, 0.3950801f}, 0x263f81bdu},
    {500, 7, 56, {-0.2410696f, 0.2793099f, 0.3057515f}, 0x968e4137u},
    {1600, 1200, 16, {0.0751617f, 0.1361958f, 0.3558875f}, 0xf8211dd4u},
    {1600, 1200, 56, {0.0669071f, 0.1787805f, 0.3539380f}, 0x2eab2713u},
};

static infer_picture pattern(int width, int height) {
    infer_picture p = {width, height, malloc((size_t)width * (size_t)height * 3)};
    for (int y = 0; p.rgb && y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                p.rgb[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c] =
                    (uint8_t)((x * x * 7 + y * y * 5 + x * y * 3 + c * 85) % 256);
    return p;
}

static uint32_t hash_8bit(const float *v, int size) {
    uint32_t hash = 2166136261U;
    size_t plane = (size_t)size * (size_t)size;
    for (size_t i = 0; i < 3 * plane; i++) {
        double level = (double)v[i] * (double)picture_clip_std[i / plane] +
                       (double)picture_clip_mean[i / plane];
        hash = (hash ^ (uint32_t)lrint(level * 255)) * 16777619U;
    }
    return hash;
}

TEST(shapes_agree_with_pytorch_and_pillow) {
    static float out[3 * 56 * 56];
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        infer_picture p = pattern(s->width, s->height);
        size_t n = (size_t)s->size, q = n / 3;
        REQUIRE(p.rgb);
        CHECK(picture_prepare(ctx, &p, INFER_RECIPE_STRETCH, s->size, picture_clip_mean,
                              picture_clip_std, out) == INFER_OK);
        CHECK_NEAR(out[0], s->stretch[0], 2e-6);
        CHECK_NEAR(out[n * n + q * n + 2 * q], s->stretch[1], 2e-6);
        CHECK_NEAR(out[2 * n * n + (n - 1) * n + n / 2], s->stretch[2], 2e-6);
        CHECK(picture_prepare(ctx, &p, INFER_RECIPE_CROP, s->size, picture_clip_mean,
                              picture_clip_std, out) == INFER_OK);
        if (hash_8bit(out, s->size) != s->crop) {
            printf("# crop of %d x %d to %d differs\n", s->width, s->height, s->size);
            CHECK(false);
        }
        free(p.rgb);
    }
}

TEST(threads_do_not_matter) {
    static float one[3 * 56 * 56], many[3 * 56 * 56];
    infer_picture p = pattern(311, 207);
    int before = ctx->threads;
    REQUIRE(p.rgb);
    for (int recipe = 0; recipe < 2; recipe++) {
        ctx->threads = 1;
        CHECK(!picture_prepare(ctx, &p, (enum infer_recipe)recipe, 56, picture_clip_mean,
                               picture_clip_std, one));
        ctx->threads = 5;
        CHECK(!picture_prepare(ctx, &p, (enum infer_recipe)recipe, 56, picture_clip_mean,
                               picture_clip_std, many));
        CHECK(!memcmp(one, many, sizeof one));
    }
    ctx->threads = before;
    free(p.rgb);
}

TEST(absurd_sizes_are_refused) {
    uint8_t pixel[3] = {0};
    float out[3];
    const int sizes[][2] = {{0, 1}, {1, 0}, {-1, 5}, {65536, 1}, {1, 65536}, {14492, 14492}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        infer_picture p = {sizes[i][0], sizes[i][1], pixel};
        CHECK(picture_prepare(ctx, &p, INFER_RECIPE_STRETCH, 1, picture_clip_mean, picture_clip_std,
                              out) == INFER_EFORMAT);
    }
    CHECK_TEXT(infer_message(ctx), "a picture of 14492 x 14492 pixels is too large: 65535 a side "
                                   "and 210000000 in all are the most");
    infer_picture p = {1, 1, pixel};
    CHECK(picture_prepare(ctx, &p, INFER_RECIPE_CROP, 0, picture_clip_mean, picture_clip_std,
                          out) == INFER_EUSAGE);
    CHECK(picture_prepare(ctx, &p, INFER_RECIPE_CROP, 1, picture_clip_mean, picture_clip_std,
                          out) == INFER_OK);
}

int main(void) {
    if (infer_open(&(infer_options){.threads = 2}, &ctx) != INFER_OK) return 1;
    RUN(fixtures_agree_with_pytorch);
    RUN(shapes_agree_with_pytorch_and_pillow);
    RUN(threads_do_not_matter);
    RUN(absurd_sizes_are_refused);
    infer_close(ctx);
    return test_finish();
}
