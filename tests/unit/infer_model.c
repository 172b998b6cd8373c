/* Import, load and show: tiny models in every published form give one and the same model, and what
 * is wrong with a source or a folder is named. */
#include "test.h"

#include "libinfer/catalog.h"
#include "libinfer/context.h"
#include "libinfer/model.h"
#include "libinfer/modules.h"
#include "libinfer/weights.h"

#include <sys/stat.h>

#define TINY FIXTURES "/model-tiny"
#define MAX_ENTRIES 512

static infer *ctx;
static char scratch[64];

static const char *in_scratch(const char *name) {
    static char paths[8][160];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static void clean(void) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s' && mkdir '%s'", scratch, scratch);
    if (system(command)) exit(1);
}

/* How many things lie in the scratch folder. */
static int count_scratch(void) {
    char command[256];
    int n = -1;
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", scratch);
    FILE *p = popen(command, "r");
    if (p && fscanf(p, "%d", &n) != 1) n = -1;
    if (p) pclose(p);
    return n;
}

static infer_import tiny_import(void) {
    return (infer_import){.clip = TINY "/clip",
                          .dinov2 = TINY "/dinov2",
                          .heads = TINY "/heads.safetensors",
                          .tempgeo_heads = 4,
                          .refiner_heads = 4,
                          .output = in_scratch("model")};
}

/* -------------------------------------------------------- tensors to write anew */

struct store {
    struct safetensors_entry entries[MAX_ENTRIES];
    char names[MAX_ENTRIES][160];
    float *data[MAX_ENTRIES];
    size_t n;
};

static float *store_add(struct store *s, const char *name, int ndim, const uint64_t *shape) {
    if (s->n == MAX_ENTRIES) abort();
    struct safetensors_entry *e = &s->entries[s->n];
    uint64_t count = 1;
    *e = (struct safetensors_entry){.dtype = WEIGHTS_F32, .ndim = ndim};
    for (int i = 0; i < ndim; i++) count *= e->shape[i] = shape[i];
    snprintf(s->names[s->n], sizeof s->names[0], "%s", name);
    e->name = s->names[s->n];
    s->data[s->n] = calloc(count ? count : 1, sizeof(float));
    if (!s->data[s->n]) abort();
    return s->data[s->n++];
}

static void store_read(struct store *s, const char *path) {
    struct weights *w;
    if (weights_open(ctx, path, &w) != INFER_OK) abort();
    for (size_t i = 0; i < weights_count(w); i++) {
        const struct weights_tensor *t = weights_at(w, i);
        weights_copy_f32(t, store_add(s, t->name, t->ndim, t->shape));
    }
    weights_close(w);
}

static size_t store_find(const struct store *s, const char *name) {
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->entries[i].name, name)) return i;
    abort();
}

static void store_drop(struct store *s, size_t i) {
    free(s->data[i]);
    s->n--;
    for (; i < s->n; i++) {
        s->data[i] = s->data[i + 1];
        s->entries[i] = s->entries[i + 1];
        memcpy(s->names[i], s->names[i + 1], sizeof s->names[0]);
        s->entries[i].name = s->names[i];
    }
}

static void store_rename(struct store *s, size_t i, const char *name) {
    memmove(s->names[i], name, strlen(name) + 1);
}

static uint64_t store_count(const struct store *s, size_t i) {
    uint64_t count = 1;
    for (int d = 0; d < s->entries[i].ndim; d++) count *= s->entries[i].shape[d];
    return count;
}

static const char *store_write(struct store *s, const char *name) {
    const char *path = in_scratch(name);
    struct safetensors_writer *w;
    if (safetensors_create(ctx, path, s->entries, s->n, &w) != INFER_OK) abort();
    for (size_t i = 0; i < s->n; i++)
        if (safetensors_append(w, s->data[i], store_count(s, i)) != INFER_OK) abort();
    if (safetensors_finish(w) != INFER_OK) abort();
    return path;
}

static void store_free(struct store *s) {
    for (size_t i = 0; i < s->n; i++) free(s->data[i]);
    s->n = 0;
}

static struct store store; /* one at a time: it is large */

/* ------------------------------------------------------------------ good sources */

static bool import_ids(const infer_import *what, infer_model_info *info, char ids[3][17]) {
    infer_model *model;
    if (infer_model_import(ctx, what) != INFER_OK ||
        infer_model_load(ctx, what->output, 0, &model) != INFER_OK) {
        printf("# %s\n", infer_message(ctx));
        return false;
    }
    *info = *infer_model_describe(model);
    memcpy(ids[0], info->backbone_id, 17);
    memcpy(ids[1], info->location_id, 17);
    memcpy(ids[2], info->model_id, 17);
    infer_model_close(model);
    return true;
}

static char tiny_ids[3][17];

TEST(tiny_imports) {
    clean();
    infer_import what = tiny_import();
    infer_model_info info;
    REQUIRE(import_ids(&what, &info, tiny_ids));
    CHECK(info.feature_dim == 128 && info.embedding_dim == 64 && info.picture_size == 56);
    CHECK(info.max_frames == 64 && info.refiner_max_frames == 64);
    CHECK(info.parts == 15 && info.recipe == INFER_RECIPE_STRETCH);
    CHECK(infer_model_verify(ctx, what.output) == INFER_OK);
    CHECK(count_scratch() == 1);
}

/* The ids hang on the recipe, the head counts and the values, each where it matters. */
TEST(ids_follow_what_computes) {
    char ids[3][17];
    infer_model_info info;
    clean();
    infer_import what = tiny_import();
    what.recipe = "crop";
    REQUIRE(import_ids(&what, &info, ids));
    CHECK(strcmp(ids[0], tiny_ids[0]) && !strcmp(ids[1], tiny_ids[1]) &&
          strcmp(ids[2], tiny_ids[2]));
    what = tiny_import();
    what.output = in_scratch("heads");
    what.tempgeo_heads = 8;
    REQUIRE(import_ids(&what, &info, ids));
    CHECK(!strcmp(ids[0], tiny_ids[0]) && !strcmp(ids[1], tiny_ids[1]) &&
          strcmp(ids[2], tiny_ids[2]));
    store_read(&store, TINY "/heads.safetensors");
    store.data[store_find(&store, "location_encoder.LocEnc1.head.0.bias")][3] += 1e-6f;
    what = tiny_import();
    what.output = in_scratch("location");
    what.heads = store_write(&store, "heads.safetensors");
    store_free(&store);
    REQUIRE(import_ids(&what, &info, ids));
    CHECK(!strcmp(ids[0], tiny_ids[0]) && strcmp(ids[1], tiny_ids[1]) &&
          strcmp(ids[2], tiny_ids[2]));
}

/* FAIR's names, with the blocks in chunks or not, and query, key and value in one matrix. */
static void make_fair(const char *block_prefix) {
    static const char *const pairs[][2] = {
        {"embeddings.cls_token", "cls_token"},
        {"embeddings.mask_token", "mask_token"},
        {"embeddings.position_embeddings", "pos_embed"},
        {"embeddings.patch_embeddings.projection.weight", "patch_embed.proj.weight"},
        {"embeddings.patch_embeddings.projection.bias", "patch_embed.proj.bias"},
        {"layernorm.weight", "norm.weight"},
        {"layernorm.bias", "norm.bias"}};
    static const char *const inner[][2] = {{"attention.output.dense.", "attn.proj."},
                                           {"layer_scale1.lambda1", "ls1.gamma"},
                                           {"layer_scale2.lambda1", "ls2.gamma"}};
    static const char *const parts[] = {"query", "key", "value"};
    char name[160];
    store_read(&store, TINY "/dinov2/model.safetensors");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        store_rename(&store, store_find(&store, pairs[i][0]), pairs[i][1]);
    for (int layer = 0; layer < 2; layer++)
        for (int bias = 0; bias < 2; bias++) {
            const char *what = bias ? "bias" : "weight";
            uint64_t shape[2] = {240, 80}, part = bias ? 80 : 80 * 80;
            snprintf(name, sizeof name, "%s%d.attn.qkv.%s", block_prefix, layer, what);
            float *fused = store_add(&store, name, bias ? 1 : 2, shape);
            for (uint64_t p = 0; p < 3; p++) {
                snprintf(name, sizeof name, "encoder.layer.%d.attention.attention.%s.%s", layer,
                         parts[p], what);
                size_t at = store_find(&store, name);
                memcpy(fused + p * part, store.data[at], part * sizeof *fused);
                store_drop(&store, at);
            }
        }
    for (size_t i = 0; i < store.n; i++) {
        const char *rest = store.names[i];
        if (strncmp(rest, "encoder.layer.", 14)) continue;
        snprintf(name, sizeof name, "%s%c.%s", block_prefix, rest[14], rest + 16);
        for (int k = 0; k < 3; k++) {
            char *found = strstr(name, inner[k][0]);
            if (!found) continue;
            char tail[160];
            snprintf(tail, sizeof tail, "%s", found + strlen(inner[k][0]));
            snprintf(found, (size_t)(name + sizeof name - found), "%s%s", inner[k][1], tail);
        }
        store_rename(&store, i, name);
    }
}

TEST(fair_names_give_the_same_backbone) {
    static const char *const prefixes[] = {"blocks.", "blocks.0.", "backbone.blocks."};
    for (size_t i = 0; i < 3; i++) {
        char ids[3][17];
        infer_model_info info;
        clean();
        make_fair(prefixes[i]);
        infer_import what = tiny_import();
        what.dinov2 = store_write(&store, "fair.safetensors");
        what.dinov2_heads = 4; /* 80 wide: no multiple of 64 */
        store_free(&store);
        REQUIRE(import_ids(&what, &info, ids));
        CHECK_TEXT(ids[0], tiny_ids[0]);
        CHECK_TEXT(ids[2], tiny_ids[2]);
    }
}

TEST(wrappers_and_whole_checkpoints) {
    char ids[3][17], name[160], listed[4096] = "";
    infer_model_info info;
    const uint64_t shape[2] = {3, 2};
    clean();
    /* A full CLIPModel under DataParallel, with its text tower and an old buffer. */
    store_read(&store, TINY "/clip/model.safetensors");
    store_add(&store, "text_model.encoder.layers.0.mlp.fc1.weight", 2, shape);
    store_add(&store, "text_projection.weight", 2, shape);
    store_add(&store, "logit_scale", 0, shape);
    store_add(&store, "vision_model.embeddings.position_ids", 2, shape);
    store_add(&store, "vision_model.extra.weight", 2, shape);
    for (size_t i = 0; i < store.n; i++) {
        snprintf(name, sizeof name, "module.%s", store.names[i]);
        store_rename(&store, i, name);
    }
    infer_import what = tiny_import();
    what.clip = store_write(&store, "clip.safetensors");
    what.clip_heads = 4;
    store_free(&store);
    /* Heads in a training checkpoint, with backbones and an optimizer beside them. */
    store_read(&store, TINY "/heads.safetensors");
    for (size_t i = 0; i < store.n; i++) {
        snprintf(name, sizeof name, "model.%s", store.names[i]);
        store_rename(&store, i, name);
    }
    store_add(&store, "model.frame_encoder.clip.vision_model.x", 2, shape);
    store_add(&store, "optimizer.state.0.exp_avg", 2, shape);
    what.heads = store_write(&store, "checkpoint.safetensors");
    store_free(&store);
    what.unexpected = fmemopen(listed, sizeof listed, "w");
    REQUIRE(import_ids(&what, &info, ids));
    fclose(what.unexpected);
    CHECK_TEXT(ids[2], tiny_ids[2]);
    snprintf(name, sizeof name,
             "%s/clip.safetensors: tensor module.vision_model.extra.weight [3,2] is not used\n",
             scratch);
    CHECK_TEXT(listed, name);
}

TEST(half_rounds_and_is_another_model) {
    char ids[3][17];
    infer_model_info info;
    infer_model *model;
    clean();
    infer_import what = tiny_import();
    what.half = true;
    REQUIRE(import_ids(&what, &info, ids));
    CHECK(strcmp(ids[0], tiny_ids[0]) && strcmp(ids[1], tiny_ids[1]) &&
          strcmp(ids[2], tiny_ids[2]));
    CHECK(infer_model_verify(ctx, what.output) == INFER_OK);
    REQUIRE(infer_model_load(ctx, what.output, INFER_PART_LOCATION, &model) == INFER_OK);
    const float *b = model_tensor(model, "heads", "location_encoder.LocEnc0.head.0.bias");
    store_read(&store, TINY "/heads.safetensors");
    const float *source = store.data[store_find(&store, "location_encoder.LocEnc0.head.0.bias")];
    REQUIRE(b);
    for (int i = 0; i < 64; i++) CHECK(b[i] == weights_from_f16(weights_to_f16(source[i])));
    /* Frequencies stay exact: rounded, phases at sigma 256 would be off by half a radian. */
    b = model_tensor(model, "heads", "location_encoder.LocEnc2.capsule.0.b");
    source = store.data[store_find(&store, "location_encoder.LocEnc2.capsule.0.b")];
    CHECK(b && !memcmp(b, source, 64 * sizeof *b));
    store_free(&store);
    infer_model_close(model);
}

/* Only what was asked for is opened, and float32 is used where it lies in the map. */
TEST(load_maps_what_is_needed) {
    infer_model *model;
    clean();
    infer_import what = tiny_import();
    REQUIRE(infer_model_import(ctx, &what) == INFER_OK);
    CHECK(!unlink(in_scratch("model/clip.safetensors")));
    CHECK(infer_model_load(ctx, what.output, INFER_PART_BACKBONES, &model) == INFER_EIO);
    CHECK(!model);
    REQUIRE(infer_model_load(ctx, what.output, INFER_PART_LOCATION, &model) == INFER_OK);
    const char *tensor = "location_encoder.LocEnc2.head.0.weight";
    CHECK(model->location && !model->clip && !model->dinov2 && !model->tempgeo && !model->refiner);
    CHECK(model_tensor(model, "heads", tensor));
    CHECK(!model_tensor(model, "heads", "tempgeo.mlp.0.weight"));
    CHECK(!model_tensor(model, "heads", "no.such"));
    CHECK(!model_tensor(model, "clip", "visual_projection.weight"));
    const float *p = model_tensor(model, "heads", tensor);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool mapped = false;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long low, high;
        if (sscanf(line, "%lx-%lx", &low, &high) == 2 && (unsigned long)p >= low &&
            (unsigned long)p < high)
            mapped = strstr(line, "heads.safetensors") != NULL;
    }
    if (maps) fclose(maps);
    CHECK(mapped);
    infer_model_close(model);
    CHECK(infer_model_load(ctx, what.output, 64, &model) == INFER_EUSAGE);
}

/* -------------------------------------------------------------------- GeoCLIP */

#define GEOCLIP "../shared/data/geoclip"

static void add_linear(const char *name, uint64_t out, uint64_t in) {
    char full[160];
    const uint64_t shape[2] = {out, in};
    snprintf(full, sizeof full, "%s.weight", name);
    float *w = store_add(&store, full, 2, shape);
    for (uint64_t i = 0; i < out * in; i++)
        w[i] = (float)((i * 2654435761u) % 1000) * 1e-4f - 0.05f;
    snprintf(full, sizeof full, "%s.bias", name);
    store_add(&store, full, 1, shape);
}

/* A location encoder as GeoCLIP publishes it, with bare names. */
static const char *write_location(void) {
    char name[64];
    const uint64_t shape[2] = {16, 2};
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "LocEnc%d.capsule.0.b", i);
        float *b = store_add(&store, name, 2, shape);
        for (int j = 0; j < 32; j++) b[j] = (float)(j - 16) * 0.1f;
        for (int j = 1; j <= 5; j += 2) {
            snprintf(name, sizeof name, "LocEnc%d.capsule.%d", i, j);
            add_linear(name, 24, j == 1 ? 32 : 24);
        }
        snprintf(name, sizeof name, "LocEnc%d.head.0", i);
        add_linear(name, 512, 24);
    }
    const char *path = store_write(&store, "location.safetensors");
    store_free(&store);
    return path;
}

/* The tiny CLIP with a projection as wide as the released image MLP wants. */
static const char *write_wide_clip(void) {
    const uint64_t shape[2] = {768, 64};
    store_read(&store, TINY "/clip/model.safetensors");
    store_drop(&store, store_find(&store, "visual_projection.weight"));
    float *w = store_add(&store, "visual_projection.weight", 2, shape);
    for (int i = 0; i < 768 * 64; i++) w[i] = (float)(i % 97) * 1e-3f - 0.05f;
    const char *path = store_write(&store, "wide.safetensors");
    store_free(&store);
    return path;
}

TEST(geoclip_files_import) {
    if (!test_have(GEOCLIP "/image_encoder_mlp_weights.pth")) SKIP("no " GEOCLIP);
    char ids[3][17];
    infer_model_info info;
    infer_model *model;
    clean();
    infer_import what = {.clip = write_wide_clip(),
                         .image_mlp = GEOCLIP "/image_encoder_mlp_weights.pth",
                         .location = write_location(),
                         .logit_scale = GEOCLIP "/logit_scale_weights.pth",
                         .clip_heads = 4,
                         .output = in_scratch("geo")};
    REQUIRE(import_ids(&what, &info, ids));
    CHECK(info.feature_dim == 768 && info.embedding_dim == 512 && info.max_frames == 0);
    CHECK(info.recipe == INFER_RECIPE_CROP && info.parts == 7 && info.refiner_max_frames == 0);
    CHECK(infer_model_verify(ctx, what.output) == INFER_OK);
    CHECK(infer_model_load(ctx, what.output, INFER_PART_REFINER, &model) == INFER_EMODEL);
    char message[256];
    snprintf(message, sizeof message,
             "%s: this geoclip model has no GeoRefiner: GeoCLIP models have none", what.output);
    CHECK_TEXT(infer_message(ctx), message);
    REQUIRE(infer_model_load(ctx, what.output, INFER_PART_FRAMES | INFER_PART_LOCATION, &model) ==
            INFER_OK);
    const double lonlat[2] = {9.5, 47.1};
    static float out[512];
    CHECK(infer_points_embed(model, lonlat, 1, out) == INFER_OK);
    double norm = 0;
    for (int i = 0; i < 512; i++) norm += (double)out[i] * (double)out[i];
    CHECK_NEAR(norm, 1, 1e-5);
    infer_model_close(model);
    /* The wrong file in a place is named by the first tensor it lacks. */
    what.output = in_scratch("wrong");
    what.image_mlp = GEOCLIP "/logit_scale_weights.pth";
    CHECK(infer_model_import(ctx, &what) == INFER_ETENSOR);
    CHECK_TEXT(infer_message(ctx),
               GEOCLIP "/logit_scale_weights.pth: holds no tensor image_mlp.0...");
}

/* ---------------------------------------------------------------------- failures */

/* Imports heads as they are in the store, which must fail, leaving nothing. */
static void refuse_heads(int status, const char *expected) {
    char message[1100];
    infer_import what = tiny_import();
    what.heads = store_write(&store, "heads.safetensors");
    store_free(&store);
    int before = count_scratch();
    CHECK(infer_model_import(ctx, &what) == status);
    snprintf(message, sizeof message, "%s/heads.safetensors: %s", scratch, expected);
    CHECK_TEXT(infer_message(ctx), message);
    CHECK(count_scratch() == before);
}

TEST(bad_tensors_are_named) {
    const uint64_t wrong[2] = {96, 127};
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store_drop(&store, store_find(&store, "tempgeo.encoder.layers.1.norm2.bias"));
    refuse_heads(INFER_ETENSOR, "tensor tempgeo.encoder.layers.1.norm2.bias [128] is missing");
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store_drop(&store, store_find(&store, "tempgeo.encoder.layers.1.linear1.weight"));
    store_add(&store, "tempgeo.encoder.layers.1.linear1.weight", 2, wrong);
    refuse_heads(INFER_ETENSOR,
                 "tensor tempgeo.encoder.layers.1.linear1.weight has shape [96,127]; "
                 "[160,128] is expected");
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store.data[store_find(&store, "georefiner.decoder.layers.0.norm3.weight")][7] = NAN;
    refuse_heads(INFER_EVALUE,
                 "tensor georefiner.decoder.layers.0.norm3.weight: number 7 is not finite");
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store.data[store_find(&store, "logit_scale")][0] = INFINITY;
    refuse_heads(INFER_EVALUE, "tensor logit_scale: number 0 is not finite");
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store_drop(&store, store_find(&store, "tempgeo.pos_embedding.weight"));
    refuse_heads(INFER_ETENSOR, "tensor tempgeo.pos_embedding.weight is missing");
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store_add(&store, "module.logit_scale", 0, wrong);
    refuse_heads(INFER_ETENSOR, "tensors logit_scale and module.logit_scale are both logit_scale");
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store_add(&store, "tempgeo.encoder.layers.4000000.norm2.bias", 1, wrong);
    refuse_heads(INFER_ETENSOR, "tensors tempgeo.encoder.layers.N... go beyond N = 63");
    clean();
    store_read(&store, TINY "/heads.safetensors");
    store.data[store_find(&store, "tempgeo.mlp.0.bias")][5] = 70000;
    infer_import what = tiny_import();
    what.half = true;
    what.heads = store_write(&store, "heads.safetensors");
    store_free(&store);
    CHECK(infer_model_import(ctx, &what) == INFER_EVALUE);
    CHECK(strstr(infer_message(ctx),
                 "tensor tempgeo.mlp.0.bias: number 5 (70000) does not fit float16"));
}

TEST(without_refiner) {
    char ids[3][17];
    infer_model_info info;
    infer_model *model;
    clean();
    store_read(&store, TINY "/heads.safetensors");
    for (size_t i = store.n; i--;)
        if (!strncmp(store.names[i], "georefiner.", 11)) store_drop(&store, i);
    infer_import what = tiny_import();
    what.heads = store_write(&store, "heads.safetensors");
    store_free(&store);
    CHECK(infer_model_import(ctx, &what) == INFER_EUSAGE); /* --refiner-heads has no effect */
    what.refiner_heads = 0;
    REQUIRE(import_ids(&what, &info, ids));
    CHECK(info.parts == 7 && info.refiner_max_frames == 0);
    CHECK_TEXT(ids[0], tiny_ids[0]);
    CHECK_TEXT(ids[1], tiny_ids[1]);
    CHECK(infer_model_load(ctx, what.output, INFER_PART_REFINER, &model) == INFER_EMODEL);
    char message[256];
    snprintf(message, sizeof message,
             "%s: this vidtag model has no GeoRefiner; import heads that hold georefiner.* tensors",
             what.output);
    CHECK_TEXT(infer_message(ctx), message);
}

TEST(unsupported_dinov2_is_refused) {
    const uint64_t shape[3] = {1, 4, 80};
    static const struct {
        const char *tensor, *reason;
    } cases[] = {{"embeddings.register_tokens", "DINOv2 with register tokens is not supported"},
                 {"register_tokens", "DINOv2 with register tokens is not supported"},
                 {"blocks.0.mlp.w12.weight", "DINOv2 with a SwiGLU layer (giant) is not supported"},
                 {"encoder.layer.0.mlp.weights_in.bias", "DINOv2 with a SwiGLU layer (giant)"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clean();
        store_read(&store, TINY "/dinov2/model.safetensors");
        store_add(&store, cases[i].tensor, 3, shape);
        infer_import what = tiny_import();
        what.dinov2 = store_write(&store, "dinov2.safetensors");
        store_free(&store);
        CHECK(infer_model_import(ctx, &what) == INFER_ETENSOR);
        CHECK(strstr(infer_message(ctx), cases[i].reason));
        CHECK(count_scratch() == 1);
    }
}

TEST(verify_finds_changed_weights) {
    char message[256];
    clean();
    infer_import what = tiny_import();
    REQUIRE(infer_model_import(ctx, &what) == INFER_OK);
    const char *path = in_scratch("model/heads.safetensors");
    FILE *f = fopen(path, "r+b");
    REQUIRE(f);
    fseek(f, -400, SEEK_END);
    int byte = fgetc(f);
    fseek(f, -400, SEEK_END);
    fputc(byte ^ 1, f);
    fclose(f);
    CHECK(infer_model_verify(ctx, what.output) == INFER_EFORMAT);
    snprintf(message, sizeof message, "%s: config.json says model id %s, but the weights make it ",
             what.output, tiny_ids[2]);
    CHECK(!strncmp(infer_message(ctx), message, strlen(message)));
    infer_model *model;
    CHECK(infer_model_load(ctx, what.output, 0, &model) == INFER_OK);
    infer_model_close(model);
}

/* The catalog of the full-size model is the published checkpoints' list. */
TEST(catalog_is_the_published_list) {
    struct model_config c = {.architecture = "vidtag",
                             .clip = {1, 224, 14, 1024, 24, 16, 4096, 768, 1e-5f},
                             .dinov2 = {1, 518, 14, 1024, 24, 16, 4096, 0, 1e-6f},
                             .tempgeo = {1, 1792, 8, 2400, 512, 2, 0},
                             .refiner = {1, 512, 8, 2048, 512, 1, 2},
                             .mlp = {1, 3, {1792, 1024, 768, 512}},
                             .location = {1, 3, 256, 1024, 3, 512}};
    struct catalog catalog;
    REQUIRE(catalog_build(ctx, &c, &catalog) == INFER_OK);
    FILE *f = fopen(FIXTURES "/tensor_names.txt", "r");
    REQUIRE(f);
    char line[256], name[128], found[CATALOG_SHAPE_TEXT], shape[64];
    int section = 0, seen = 0;
    while (fgets(line, sizeof line, f)) {
        if (!strncmp(line, "## ", 3)) section = atoi(line + 3);
        if (*line == '#' || section == 3 || sscanf(line, "%100s %60s", name, shape) != 2) continue;
        if (section == 5) break;
        const struct catalog_entry *e = catalog_find(&catalog,
                                                     section == 1   ? CATALOG_CLIP
                                                     : section == 2 ? CATALOG_DINOV2
                                                                    : CATALOG_HEADS,
                                                     name);
        if (!e) printf("# %s is not in the catalog\n", name);
        CHECK(e);
        if (e) CHECK_TEXT(catalog_shape(e->shape, e->ndim, found), shape);
        seen++;
    }
    fclose(f);
    size_t clip = 0, dinov2 = 0, location = 0;
    for (size_t i = 0; i < catalog.n; i++) {
        clip += catalog.entries[i].file == CATALOG_CLIP;
        dinov2 += catalog.entries[i].file == CATALOG_DINOV2;
        location += catalog.entries[i].module == CATALOG_M_LOCATION;
    }
    CHECK(clip == 392 && dinov2 == 439 && location == 27);
    /* The list has the location encoder in section 3 and logit_scale in a comment. */
    CHECK((size_t)seen == catalog.n - location - 1);
    catalog_free(&catalog);
}

TEST(print_text_and_json) {
    char *text = NULL;
    size_t length;
    infer_model *model;
    clean();
    infer_import what = tiny_import();
    REQUIRE(infer_model_import(ctx, &what) == INFER_OK);
    REQUIRE(infer_model_load(ctx, what.output, 0, &model) == INFER_OK);
    FILE *f = open_memstream(&text, &length);
    CHECK(infer_model_print(model, f, false) == INFER_OK);
    fclose(f);
    /* Counted by PyTorch: sum(p.numel()) of the reference model's modules. */
    CHECK(strstr(text, "\nparameters    850753\n"));
    CHECK(strstr(text, infer_kernels(ctx)));
    free(text);
    f = fopen("/dev/full", "w");
    if (f) {
        CHECK(infer_model_print(model, f, true) == INFER_EIO);
        fclose(f);
    }
    infer_model_close(model);
}

int main(void) {
    snprintf(scratch, sizeof scratch, "/tmp/vt-model-test.%ld", (long)getpid());
    if (infer_open(NULL, &ctx) != INFER_OK) return 1;
    RUN(tiny_imports);
    RUN(ids_follow_what_computes);
    RUN(fair_names_give_the_same_backbone);
    RUN(wrappers_and_whole_checkpoints);
    RUN(half_rounds_and_is_another_model);
    RUN(load_maps_what_is_needed);
    RUN(geoclip_files_import);
    RUN(bad_tensors_are_named);
    RUN(without_refiner);
    RUN(unsupported_dinov2_is_refused);
    RUN(verify_finds_changed_weights);
    RUN(catalog_is_the_published_list);
    RUN(print_text_and_json);
    clean();
    rmdir(scratch);
    infer_close(ctx);
    return test_finish();
}
