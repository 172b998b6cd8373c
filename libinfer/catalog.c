#include "catalog.h"

#include "context.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const catalog_file_names[CATALOG_FILES] = {"clip", "dinov2", "heads"};
const char *const catalog_module_names[CATALOG_MODULES] = {
    "clip", "dinov2", "tempgeo", "mlp", "location", "refiner", "logit_scale"};

/* ------------------------------------------------------------------- building */

struct builder {
    struct catalog *catalog;
    enum catalog_file file;
    enum catalog_module module;
    char prefix[64];
    bool failed; /* for want of memory */
};

static void begin(struct builder *b, enum catalog_file file, enum catalog_module module) {
    b->file = file;
    b->module = module;
    b->prefix[0] = '\0';
}

/* Names added from now on start with this. */
__attribute__((format(printf, 2, 3))) static void prefix(struct builder *b, const char *format,
                                                         ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(b->prefix, sizeof b->prefix, format, args);
    va_end(args);
}

static struct catalog_entry *grow(struct builder *b) {
    struct catalog *c = b->catalog;
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 256;
        struct catalog_entry *entries = realloc(c->entries, capacity * sizeof *entries);
        if (!entries) {
            b->failed = true;
            return NULL;
        }
        c->entries = entries;
        c->capacity = capacity;
    }
    return &c->entries[c->n++];
}

/* One tensor; sizes that are 0 end the shape. */
static void add(struct builder *b, const char *name, int d0, int d1, int d2, int d3) {
    struct catalog_entry *e = grow(b);
    if (!e) return;
    const int sizes[CATALOG_DIMS] = {d0, d1, d2, d3};
    *e = (struct catalog_entry){.file = b->file, .module = b->module, .count = 1};
    snprintf(e->name, sizeof e->name, "%s%s", b->prefix, name);
    while (e->ndim < CATALOG_DIMS && sizes[e->ndim] > 0) {
        e->shape[e->ndim] = (uint64_t)sizes[e->ndim];
        e->count *= e->shape[e->ndim++]; /* config_check bounds every size: no overflow */
    }
}

static void add_pair(struct builder *b, const char *name, int out, int in) {
    char full[48];
    snprintf(full, sizeof full, "%s.weight", name);
    add(b, full, out, in, 0, 0);
    snprintf(full, sizeof full, "%s.bias", name);
    add(b, full, out, 0, 0, 0);
}

/* nn.Linear's weight [out][in] and bias; a norm's weight and bias. */
static void linear(struct builder *b, const char *name, int out, int in) {
    add_pair(b, name, out, in);
}
static void norm(struct builder *b, const char *name, int dim) {
    add_pair(b, name, dim, 0);
}

static int positions(const struct vit_config *c) {
    int grid = c->image_size / c->patch_size;
    return grid * grid + 1; /* and the class token */
}

static void clip(struct builder *b, const struct vit_config *c) {
    if (!c->present) return;
    begin(b, CATALOG_CLIP, CATALOG_M_CLIP);
    add(b, "visual_projection.weight", c->projection, c->dim, 0, 0);
    prefix(b, "vision_model.");
    add(b, "embeddings.class_embedding", c->dim, 0, 0, 0);
    add(b, "embeddings.patch_embedding.weight", c->dim, 3, c->patch_size, c->patch_size);
    add(b, "embeddings.position_embedding.weight", positions(c), c->dim, 0, 0);
    norm(b, "pre_layrnorm", c->dim); /* the misspelling is the checkpoints' */
    norm(b, "post_layernorm", c->dim);
    for (int i = 0; i < c->layers; i++) {
        prefix(b, "vision_model.encoder.layers.%d.", i);
        norm(b, "layer_norm1", c->dim);
        linear(b, "self_attn.q_proj", c->dim, c->dim);
        linear(b, "self_attn.k_proj", c->dim, c->dim);
        linear(b, "self_attn.v_proj", c->dim, c->dim);
        linear(b, "self_attn.out_proj", c->dim, c->dim);
        norm(b, "layer_norm2", c->dim);
        linear(b, "mlp.fc1", c->mlp, c->dim);
        linear(b, "mlp.fc2", c->dim, c->mlp);
    }
}

static void dinov2(struct builder *b, const struct vit_config *c) {
    if (!c->present) return;
    begin(b, CATALOG_DINOV2, CATALOG_M_DINOV2);
    add(b, "embeddings.cls_token", 1, 1, c->dim, 0);
    add(b, "embeddings.mask_token", 1, c->dim, 0, 0); /* unused here, but every checkpoint has it */
    add(b, "embeddings.position_embeddings", 1, positions(c), c->dim, 0);
    add(b, "embeddings.patch_embeddings.projection.weight", c->dim, 3, c->patch_size,
        c->patch_size);
    add(b, "embeddings.patch_embeddings.projection.bias", c->dim, 0, 0, 0);
    norm(b, "layernorm", c->dim);
    for (int i = 0; i < c->layers; i++) {
        prefix(b, "encoder.layer.%d.", i);
        norm(b, "norm1", c->dim);
        linear(b, "attention.attention.query", c->dim, c->dim);
        linear(b, "attention.attention.key", c->dim, c->dim);
        linear(b, "attention.attention.value", c->dim, c->dim);
        linear(b, "attention.output.dense", c->dim, c->dim);
        add(b, "layer_scale1.lambda1", c->dim, 0, 0, 0);
        norm(b, "norm2", c->dim);
        linear(b, "mlp.fc1", c->mlp, c->dim);
        linear(b, "mlp.fc2", c->dim, c->mlp);
        add(b, "layer_scale2.lambda1", c->dim, 0, 0, 0);
    }
}

/* torch.nn.MultiheadAttention: query, key and value in one matrix. */
static void attention(struct builder *b, const char *name, int dim) {
    char full[48];
    snprintf(full, sizeof full, "%s.in_proj_weight", name);
    add(b, full, 3 * dim, dim, 0, 0);
    snprintf(full, sizeof full, "%s.in_proj_bias", name);
    add(b, full, 3 * dim, 0, 0, 0);
    snprintf(full, sizeof full, "%s.out_proj", name);
    linear(b, full, dim, dim);
}

/* torch.nn.TransformerEncoderLayer, TransformerDecoderLayer. */
static void torch_layers(struct builder *b, const char *module, bool decoder,
                         const struct transformer_config *c) {
    int layers = decoder ? c->decoder_layers : c->encoder_layers;
    for (int i = 0; i < layers; i++) {
        prefix(b, "%s.%s.layers.%d.", module, decoder ? "decoder" : "encoder", i);
        attention(b, "self_attn", c->dim);
        if (decoder) attention(b, "multihead_attn", c->dim);
        linear(b, "linear1", c->ff, c->dim);
        linear(b, "linear2", c->dim, c->ff);
        norm(b, "norm1", c->dim);
        norm(b, "norm2", c->dim);
        if (decoder) norm(b, "norm3", c->dim);
    }
}

static void transformer(struct builder *b, enum catalog_module module, const char *name,
                        const struct transformer_config *c) {
    if (!c->present) return;
    begin(b, CATALOG_HEADS, module);
    prefix(b, "%s.", name);
    add(b, "pos_embedding.weight", c->max_frames, c->dim, 0, 0);
    torch_layers(b, name, false, c);
    torch_layers(b, name, true, c);
}

static void mlp(struct builder *b, const char *name, const struct mlp_config *c) {
    if (!c->present) return;
    begin(b, CATALOG_HEADS, CATALOG_M_MLP);
    prefix(b, "%s.", name);
    for (int i = 0; i < c->layers; i++) {
        char number[12];
        snprintf(number, sizeof number, "%d", 2 * i); /* activations lie between */
        linear(b, number, c->sizes[i + 1], c->sizes[i]);
    }
}

static void location(struct builder *b, const struct location_config *c) {
    if (!c->present) return;
    begin(b, CATALOG_HEADS, CATALOG_M_LOCATION);
    for (int i = 0; i < c->branches; i++) {
        prefix(b, "location_encoder.LocEnc%d.", i);
        add(b, "capsule.0.b", c->frequencies, 2, 0, 0);
        for (int j = 0; j < c->hidden_layers; j++) {
            char name[24];
            snprintf(name, sizeof name, "capsule.%d", 1 + 2 * j);
            linear(b, name, c->hidden, j ? c->hidden : 2 * c->frequencies);
        }
        linear(b, "head.0", c->out, c->hidden);
    }
}

static int compare(const void *a, const void *b) {
    const struct catalog_entry *x = a, *y = b;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return strcmp(x->name, y->name);
}

int catalog_build(infer *ctx, const struct model_config *config, struct catalog *catalog) {
    *catalog = (struct catalog){0};
    struct builder b = {.catalog = catalog};
    bool geoclip = !strcmp(config->architecture, "geoclip");
    clip(&b, &config->clip);
    dinov2(&b, &config->dinov2);
    transformer(&b, CATALOG_M_TEMPGEO, "tempgeo", &config->tempgeo);
    mlp(&b, geoclip ? "image_mlp" : "tempgeo.mlp", &config->mlp);
    location(&b, &config->location);
    transformer(&b, CATALOG_M_REFINER, "georefiner", &config->refiner);
    begin(&b, CATALOG_HEADS, CATALOG_M_SCALE);
    if (config->mlp.present) add(&b, "logit_scale", 0, 0, 0, 0);
    if (b.failed) {
        catalog_free(catalog);
        return infer_fail_memory(ctx, 2 * catalog->capacity * sizeof *catalog->entries);
    }
    qsort(catalog->entries, catalog->n, sizeof *catalog->entries, compare);
    return INFER_OK;
}

void catalog_free(struct catalog *catalog) {
    free(catalog->entries);
    *catalog = (struct catalog){0};
}

/* -------------------------------------------------------------------- reading */

const struct catalog_entry *catalog_find(const struct catalog *catalog, enum catalog_file file,
                                         const char *name) {
    struct catalog_entry key = {.file = file};
    if (snprintf(key.name, sizeof key.name, "%s", name) >= (int)sizeof key.name) return NULL;
    return bsearch(&key, catalog->entries, catalog->n, sizeof key, compare);
}

bool catalog_is_exact(const struct catalog_entry *e) {
    size_t n = strlen(e->name), suffix = strlen(".capsule.0.b");
    return n > suffix && !strcmp(e->name + n - suffix, ".capsule.0.b");
}

uint64_t catalog_parameters(const struct catalog *catalog, enum catalog_module module) {
    uint64_t sum = 0;
    for (size_t i = 0; i < catalog->n; i++)
        if (catalog->entries[i].module == module) sum += catalog->entries[i].count;
    return sum;
}

unsigned catalog_modules_of(unsigned parts) {
    unsigned modules = 0;
    if (parts & INFER_PART_BACKBONES) modules |= 1u << CATALOG_M_CLIP | 1u << CATALOG_M_DINOV2;
    if (parts & INFER_PART_FRAMES)
        modules |= 1u << CATALOG_M_TEMPGEO | 1u << CATALOG_M_MLP | 1u << CATALOG_M_SCALE;
    if (parts & INFER_PART_LOCATION) modules |= 1u << CATALOG_M_LOCATION;
    if (parts & INFER_PART_REFINER) modules |= 1u << CATALOG_M_REFINER;
    return modules;
}

const char *catalog_shape(const uint64_t *shape, int ndim, char *text) {
    size_t at = 0;
    text[at++] = '[';
    for (int i = 0; i < ndim; i++) /* 20 digits and a comma, 8 times at most */
        at += (size_t)sprintf(text + at, "%s%" PRIu64, i ? "," : "", shape[i]);
    memcpy(text + at, "]", 2);
    return text;
}
