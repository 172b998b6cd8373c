/* Every module against PyTorch's values, with every table of kernels and
 * several numbers of threads. */
#include "libinfer/context.h"
#include "libinfer/media.h"
#include "libinfer/modules.h"
#include "libinfer/weights.h"
#include "tests/unit/test.h"

#define TINY FIXTURES "/model-tiny"

static char folder[] = "/tmp/infer_modules.XXXXXX";
static char model_path[64];
static infer *main_ctx;
static struct weights *golden;

struct golden {
    const float *data;
    size_t rows, dim; /* dim: everything after the first */
};

static struct golden expect(const char *name) {
    const struct weights_tensor *tensor = weights_find(golden, name);
    const float *data = tensor ? weights_f32(tensor) : NULL;
    if (!data) {
        printf("# no tensor %s\n", name);
        exit(1);
    }
    return (struct golden){data, tensor->shape[0], tensor->count / tensor->shape[0]};
}

/* Within `absolute`, or 2e-5 of the tensor's root mean square where absolute is
 * 0. */
static void agree(const char *name, const float *got, double absolute) {
    struct golden want = expect(name);
    double worst = 0, squares = 0;
    for (size_t i = 0; i < want.rows * want.dim; i++) {
        double difference = fabs((double)got[i] - (double)want.data[i]);
        worst = !(difference <= worst) ? difference : worst; /* a NaN stays */
        squares += (double)want.data[i] * (double)want.data[i];
    }
    double limit = absolute > 0 ? absolute : 2e-5 * sqrt(squares / (double)(want.rows * want.dim));
    if (getenv("VERBOSE")) printf("# %-20s worst %.2e, limit %.2e\n", name, worst, limit);
    CHECK(worst <= limit);
    if (!(worst <= limit)) printf("# %s: off by %.3g, limit %.3g\n", name, worst, limit);
}

/* What one context computes of everything in the fixtures. */
struct outputs {
    float clip[8 * 48], dino[8 * 80], fused[8 * 128];
    float attended[8 * 128], frames[8 * 64];
    float raw[512 * 64], points[512 * 64];
    float query[8 * 64], refined[8 * 64];
};

static void compute_towers(infer_model *model, struct outputs *o) {
    CHECK(vit_forward(model->clip, expect("pixels.stretch.clip").data, 8, o->clip) == INFER_OK);
    CHECK(vit_forward(model->dinov2, expect("pixels.stretch.dino").data, 8, o->dino) == INFER_OK);
    for (size_t i = 0; i < 8; i++) {
        memcpy(o->fused + i * 128, o->clip + i * 48, 48 * sizeof(float));
        memcpy(o->fused + i * 128 + 48, o->dino + i * 80, 80 * sizeof(float));
        model->ctx->kernels->normalize(o->fused + i * 128, 128);
    }
}

static void to_lonlat(const struct golden *latlon, double *lonlat) {
    for (size_t i = 0; i < latlon->rows; i++) {
        lonlat[2 * i] = (double)latlon->data[2 * i + 1];
        lonlat[2 * i + 1] = (double)latlon->data[2 * i];
    }
}

static void compute_heads(infer_model *model, struct outputs *o) {
    CHECK(tempgeo_forward(model->tempgeo, expect("fused").data, 8, o->attended, o->frames) ==
          INFER_OK);
    static double lonlat[512 * 2];
    struct golden points = expect("gallery.latlon"), best = expect("query.latlon");
    to_lonlat(&points, lonlat);
    CHECK(location_forward(model->location, lonlat, points.rows, o->raw, o->points) == INFER_OK);
    to_lonlat(&best, lonlat);
    CHECK(location_forward(model->location, lonlat, best.rows, NULL, o->query) == INFER_OK);
    CHECK(refiner_forward(model->refiner, expect("tempgeo.frames").data, o->query, 8, o->refined) ==
          INFER_OK);
}

/* false if this CPU does not run the set. */
static bool compute_all(enum infer_kernel_set set, int threads, struct outputs *o) {
    infer *ctx;
    infer_model *model;
    infer_options options = {.threads = threads, .kernels = set};
    memset(o, 0, sizeof *o);
    if (infer_open(&options, &ctx) != INFER_OK) return false;
    if (infer_model_load(ctx, model_path, 15, &model) != INFER_OK) {
        printf("# %s\n", infer_message(ctx));
        CHECK(false);
    } else {
        compute_towers(model, o);
        compute_heads(model, o);
        infer_model_close(model);
    }
    infer_close(ctx);
    return true;
}

static void agree_with_pytorch(const struct outputs *o) {
    agree("clip", o->clip, 0);
    agree("dino", o->dino, 0);
    agree("fused", o->fused, 1e-5);
    agree("tempgeo.attended", o->attended, 0);
    agree("tempgeo.frames", o->frames, 1e-5);
    agree("gallery.unit.f64", o->points, 1e-5);
    agree("refine.embedding", o->refined, 1e-5);
}

static struct outputs some, other;

TEST(plain_agrees_with_pytorch) {
    REQUIRE(compute_all(INFER_KERNELS_PLAIN, 1, &some));
    agree_with_pytorch(&some);
}

TEST(avx2_agrees_with_pytorch) {
    if (!compute_all(INFER_KERNELS_AVX2, 1, &some)) SKIP("this CPU has no AVX2");
    agree_with_pytorch(&some);
}

TEST(avx512_agrees_with_pytorch) {
    if (!compute_all(INFER_KERNELS_AVX512, 1, &some)) SKIP("this CPU has no AVX-512");
    agree_with_pytorch(&some);
}

TEST(threads_change_no_bit) {
    static const int threads[] = {2, 3, 5};
    for (enum infer_kernel_set set = INFER_KERNELS_PLAIN; set <= INFER_KERNELS_AVX512; set++) {
        if (!compute_all(set, 1, &some)) continue;
        for (size_t i = 0; i < 3; i++) {
            REQUIRE(compute_all(set, threads[i], &other));
            CHECK(memcmp(&some, &other, sizeof some) == 0);
        }
    }
}

/* From the PNGs on, through the recipe; pictures of every frame are in memory, as vt-frames has
 * them. */
static size_t read_frames(infer_picture *pictures, size_t most) {
    infer_source *source;
    infer_sampling sampling = {.mode = INFER_EVERY_DEFAULT};
    size_t n = 0;
    if (infer_source_open(main_ctx, FIXTURES "/frames", &sampling, &source) != INFER_OK) return 0;
    for (infer_frame frame; n < most && infer_source_next(source, &frame) == INFER_OK; n++) {
        size_t bytes = (size_t)frame.picture.width * (size_t)frame.picture.height * 3;
        pictures[n] = frame.picture;
        pictures[n].rgb = malloc(bytes);
        if (!pictures[n].rgb) break;
        memcpy(pictures[n].rgb, frame.picture.rgb, bytes);
    }
    infer_source_close(source);
    return n;
}

TEST(pictures_to_refined_track) {
    infer_model *model;
    infer_picture pictures[9];
    static float features[8 * 128], frames[8 * 64], gps[8 * 64], refined[8 * 64];
    double lonlat[16];
    struct golden best = expect("query.latlon");
    size_t n = read_frames(pictures, 9);
    CHECK(n == 8);
    REQUIRE(n == 8 && infer_model_load(main_ctx, model_path, 15, &model) == INFER_OK);
    CHECK(infer_pictures_encode(model, pictures, 8, features) == INFER_OK);
    agree("fused", features, 1e-5);
    CHECK(infer_frames_embed(model, features, 8, frames) == INFER_OK);
    agree("tempgeo.frames", frames, 1e-5);
    to_lonlat(&best, lonlat);
    CHECK(infer_points_embed(model, lonlat, 8, gps) == INFER_OK);
    CHECK(infer_track_refine(model, frames, gps, 8, refined) == INFER_OK);
    agree("refine.embedding", refined, 1e-5);
    infer_model_close(model);
    for (size_t i = 0; i < n; i++) free(pictures[i].rgb);
}

/* One by one, and more than a batch holds. */
TEST(batches_do_not_matter) {
    infer_model *model;
    static float one[20 * 48], many[20 * 48], pixels[20 * 3 * 56 * 56];
    struct golden source = expect("pixels.stretch.clip");
    REQUIRE(infer_model_load(main_ctx, model_path, INFER_PART_BACKBONES, &model) == INFER_OK);
    for (size_t i = 0; i < 20; i++) {
        memcpy(pixels + i * source.dim, source.data + i % 8 * source.dim,
               source.dim * sizeof(float));
        CHECK(vit_forward(model->clip, pixels + i * source.dim, 1, one + i * 48) == INFER_OK);
    }
    CHECK(vit_forward(model->clip, pixels, 20, many) == INFER_OK);
    for (size_t i = 0; i < 20 * 48; i++) CHECK_NEAR((double)one[i], (double)many[i], 2e-5);
    CHECK(vit_forward(model->clip, pixels, 0, many) == INFER_OK);
    infer_model_close(model);
}

TEST(thousands_of_points) {
    enum { N = 5000 };
    infer_model *model;
    static double lonlat[N * 2];
    static float many[N * 64], one[64];
    REQUIRE(infer_model_load(main_ctx, model_path, INFER_PART_LOCATION, &model) == INFER_OK);
    for (size_t i = 0; i < N; i++) {
        lonlat[2 * i] = -180 + 360.0 * (double)i / N;
        lonlat[2 * i + 1] = 90 * sin((double)i);
    }
    REQUIRE(infer_points_embed(model, lonlat, N, many) == INFER_OK);
    /* The same bits alone and among others, wherever: galleries rely on it. */
    for (size_t i = 0; i < N; i += 123) {
        CHECK(infer_points_embed(model, lonlat + 2 * i, 1, one) == INFER_OK);
        CHECK(!memcmp(many + i * 64, one, sizeof one));
    }
    static float part[1300 * 64];
    CHECK(infer_points_embed(model, lonlat + 2 * 777, 1300, part) == INFER_OK);
    CHECK(!memcmp(many + 777 * 64, part, sizeof part));
    infer_model_close(model);
}

static unsigned draw(unsigned below, uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % below;
}

/* Random choices of random sizes in random order, with every set of kernels. */
static void embed_shuffled(enum infer_kernel_set set) {
    enum { N = 2500, DIM = 64 };
    infer *ctx = NULL;
    infer_model *model;
    infer_options options = {.threads = 2, .kernels = set};
    static double lonlat[N * 2], part[N * 2];
    static float all[N * DIM], out[N * DIM];
    static unsigned chosen[N];
    uint64_t state = 7;
    if (infer_open(&options, &ctx) != INFER_OK) return;
    REQUIRE(infer_model_load(ctx, model_path, INFER_PART_LOCATION, &model) == INFER_OK);
    for (size_t i = 0; i < N; i++) {
        lonlat[2 * i] = draw(3600000, &state) / 1e4 - 180;
        lonlat[2 * i + 1] = draw(1800000, &state) / 1e4 - 90;
    }
    REQUIRE(infer_points_embed(model, lonlat, N, all) == INFER_OK);
    for (size_t round = 0; round < (set == INFER_KERNELS_PLAIN ? 2 : 12); round++) {
        size_t n = 1 + draw(round % 3 ? 400 : N, &state);
        for (size_t i = 0; i < n; i++) {
            chosen[i] = draw(N, &state);
            memcpy(part + 2 * i, lonlat + 2 * chosen[i], 2 * sizeof *part);
        }
        CHECK(infer_points_embed(model, part, n, out) == INFER_OK);
        for (size_t i = 0; i < n; i++)
            CHECK(!memcmp(out + i * DIM, all + chosen[i] * DIM, DIM * sizeof *out));
    }
    infer_model_close(model);
    infer_close(ctx);
}

TEST(company_does_not_matter) {
    embed_shuffled(INFER_KERNELS_PLAIN);
    embed_shuffled(INFER_KERNELS_AVX2);
    embed_shuffled(INFER_KERNELS_AVX512);
}

TEST(inputs_are_checked) {
    infer_model *model;
    static float rows[65 * 128], out[65 * 64];
    double bad[4] = {9.5, 47.1, 9.5, (double)NAN};
    REQUIRE(infer_model_load(main_ctx, model_path, 15, &model) == INFER_OK);
    CHECK(infer_points_embed(model, bad, 2, out) == INFER_EVALUE);
    CHECK_TEXT(infer_message(main_ctx), "point 1: longitude or latitude is not a finite number");
    rows[2 * 128 + 5] = INFINITY;
    CHECK(infer_frames_embed(model, rows, 3, out) == INFER_EVALUE);
    CHECK_TEXT(infer_message(main_ctx), "features: row 2, value 5 is not a finite number");
    CHECK(infer_track_refine(model, rows, rows + 128, 5, out) == INFER_EVALUE);
    CHECK(infer_frames_embed(model, rows, 65, out) == INFER_EUSAGE);
    CHECK_TEXT(infer_message(main_ctx),
               "65 frames at once, but TempGeo has positions for 64: use windows");
    infer_picture none = {.width = 4, .height = 4};
    CHECK(infer_pictures_encode(model, &none, 1, out) == INFER_EVALUE);
    CHECK_TEXT(infer_message(main_ctx), "picture 0 is empty");
    infer_model_close(model);
}

TEST(a_part_not_loaded_is_named) {
    infer_model *model;
    float out[64], rows[128] = {0};
    REQUIRE(infer_model_load(main_ctx, model_path, INFER_PART_LOCATION, &model) == INFER_OK);
    CHECK(infer_frames_embed(model, rows, 1, out) == INFER_EMODEL);
    CHECK(infer_track_refine(model, rows, rows, 1, out) == INFER_EMODEL);
    CHECK_TEXT(infer_message(main_ctx), "the model has no GeoRefiner, or it was not loaded");
    infer_model_close(model);
}

/* ----------------------------------------------------------------- GeoCLIP */
enum { MLP_IN = 48, MLP_HIDDEN = 33, MLP_OUT = 64 };
static float mlp_numbers[MLP_HIDDEN * MLP_IN + MLP_HIDDEN + MLP_OUT * MLP_HIDDEN + MLP_OUT];

static bool write_image_mlp(const char *path) {
    const struct safetensors_entry entries[] = {{"0.weight", WEIGHTS_F32, 2, {MLP_HIDDEN, MLP_IN}},
                                                {"0.bias", WEIGHTS_F32, 1, {MLP_HIDDEN}},
                                                {"2.weight", WEIGHTS_F32, 2, {MLP_OUT, MLP_HIDDEN}},
                                                {"2.bias", WEIGHTS_F32, 1, {MLP_OUT}}};
    size_t count = sizeof mlp_numbers / sizeof *mlp_numbers;
    struct safetensors_writer *writer;
    for (size_t i = 0; i < count; i++) mlp_numbers[i] = (float)(0.3 * sin((double)(i * i % 9973)));
    if (safetensors_create(main_ctx, path, entries, 4, &writer) != INFER_OK) return false;
    const uint64_t sizes[] = {MLP_HIDDEN * MLP_IN, MLP_HIDDEN, MLP_OUT * MLP_HIDDEN, MLP_OUT};
    const float *data = mlp_numbers;
    for (size_t i = 0; i < 4; data += sizes[i++])
        if (safetensors_append(writer, data, sizes[i]) != INFER_OK) {
            safetensors_abandon(writer);
            return false;
        }
    return safetensors_finish(writer) == INFER_OK;
}

/* Linear, ReLU, Linear, to unit length, in double. */
static void image_mlp(const float *x, double *out) {
    const float *w0 = mlp_numbers, *b0 = w0 + MLP_HIDDEN * MLP_IN, *w2 = b0 + MLP_HIDDEN;
    const float *b2 = w2 + MLP_OUT * MLP_HIDDEN;
    double hidden[MLP_HIDDEN], squares = 0;
    for (size_t i = 0; i < MLP_HIDDEN; i++) {
        hidden[i] = (double)b0[i];
        for (size_t k = 0; k < MLP_IN; k++) hidden[i] += (double)w0[i * MLP_IN + k] * (double)x[k];
        hidden[i] = fmax(hidden[i], 0);
    }
    for (size_t i = 0; i < MLP_OUT; i++) {
        out[i] = (double)b2[i];
        for (size_t k = 0; k < MLP_HIDDEN; k++)
            out[i] += (double)w2[i * MLP_HIDDEN + k] * hidden[k];
        squares += out[i] * out[i];
    }
    for (size_t i = 0; i < MLP_OUT; i++) out[i] /= sqrt(squares);
}

static void check_geoclip(infer_model *model) {
    static float features[300 * MLP_IN], out[300 * MLP_OUT];
    double expected[MLP_OUT], lonlat[2] = {9.52, 47.14};
    struct golden clip = expect("clip");
    for (size_t i = 0; i < 300; i++) /* no positions: a source of any length */
        memcpy(features + i * MLP_IN, clip.data + i % 8 * MLP_IN, MLP_IN * sizeof(float));
    CHECK(infer_frames_embed(model, features, 300, out) == INFER_OK);
    for (size_t i = 0; i < 300; i++) {
        image_mlp(features + i * MLP_IN, expected);
        for (size_t d = 0; d < MLP_OUT; d++)
            CHECK_NEAR((double)out[i * MLP_OUT + d], expected[d], 1e-6);
    }
    CHECK(infer_points_embed(model, lonlat, 1, out) == INFER_OK);
    CHECK(infer_track_refine(model, out, out, 1, out) == INFER_EMODEL);
    infer_picture pictures[8];
    size_t n = read_frames(pictures, 8);
    REQUIRE(n == 8);
    CHECK(infer_pictures_encode(model, pictures, n, features) == INFER_OK);
    agree("clip", features, 0); /* the projection as it comes, not to unit length */
    for (size_t i = 0; i < n; i++) free(pictures[i].rgb);
}

TEST(geoclip) {
    char mlp[64], target[64];
    infer_model *model = NULL;
    snprintf(mlp, sizeof mlp, "%s/mlp.safetensors", folder);
    snprintf(target, sizeof target, "%s/geoclip", folder);
    infer_import what = {.clip = TINY "/clip",
                         .image_mlp = mlp,
                         .location = TINY "/heads.safetensors",
                         .logit_scale = TINY "/heads.safetensors",
                         .recipe = "stretch",
                         .output = target};
    REQUIRE(write_image_mlp(mlp));
    unsigned parts = INFER_PART_BACKBONES | INFER_PART_FRAMES | INFER_PART_LOCATION;
    bool loaded = infer_model_import(main_ctx, &what) == INFER_OK &&
                  infer_model_load(main_ctx, target, parts, &model) == INFER_OK;
    if (!loaded) printf("# %s\n", infer_message(main_ctx));
    REQUIRE(loaded);
    check_geoclip(model);
    infer_model_close(model);
}

static bool prepare(void) {
    if (!mkdtemp(folder)) return false;
    snprintf(model_path, sizeof model_path, "%s/model", folder);
    infer_import what = {.clip = TINY "/clip",
                         .dinov2 = TINY "/dinov2",
                         .heads = TINY "/heads.safetensors",
                         .tempgeo_heads = 4,
                         .refiner_heads = 4,
                         .output = model_path};
    if (infer_open(NULL, &main_ctx) != INFER_OK) return false;
    if (infer_model_import(main_ctx, &what) == INFER_OK &&
        weights_open(main_ctx, FIXTURES "/golden.safetensors", &golden) == INFER_OK)
        return true;
    printf("# %s\n", infer_message(main_ctx));
    return false;
}

static void clean_up(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) printf("# %s is left\n", folder);
    weights_close(golden);
    infer_close(main_ctx);
}

int main(void) {
    if (!prepare()) return 1;
    RUN(plain_agrees_with_pytorch);
    RUN(avx2_agrees_with_pytorch);
    RUN(avx512_agrees_with_pytorch);
    RUN(threads_change_no_bit);
    RUN(pictures_to_refined_track);
    RUN(batches_do_not_matter);
    RUN(thousands_of_points);
    RUN(company_does_not_matter);
    RUN(inputs_are_checked);
    RUN(geoclip);
    RUN(a_part_not_loaded_is_named);
    clean_up();
    return test_finish();
}
