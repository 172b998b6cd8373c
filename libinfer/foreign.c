#include "foreign.h"

#include "config.h"
#include "context.h"
#include "folder.h"
#include "foreign_names.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#define MAX_SHARDS 256

struct foreign {
    infer *ctx;
    enum foreign_kind kind;
    char *path;
    struct weights *files[MAX_SHARDS];
    size_t file_count;
    struct foreign_tensor *tensors; /* sorted by name */
    size_t n, capacity;
    struct foreign_config config;
};

/* -------------------------------------------------------------------- tensors */

/* Rows [i/n, (i+1)/n) of the tensor; unchanged if they cannot be cut so, which then shows as a
 * wrong shape. */
static void cut_rows(struct weights_tensor *t, int i, int n) {
    if (n < 2 || t->ndim < 1 || !t->count || t->shape[0] % (uint64_t)n) return;
    uint64_t rows = t->shape[0] / (uint64_t)n;
    t->data =
        (const char *)t->data + (uint64_t)i * rows * t->strides[0] * weights_dtype_size(t->dtype);
    t->shape[0] = rows;
    t->count /= (uint64_t)n;
}

static int add_tensor(struct foreign *f, const char *name, const struct weights_tensor *tensor,
                      const char *path) {
    if (f->n == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 256;
        struct foreign_tensor *tensors = realloc(f->tensors, capacity * sizeof *tensors);
        if (!tensors) return infer_fail_memory(f->ctx, capacity * sizeof *tensors);
        f->tensors = tensors;
        f->capacity = capacity;
    }
    struct foreign_tensor *t = &f->tensors[f->n++];
    *t = (struct foreign_tensor){.tensor = *tensor, .path = path};
    snprintf(t->name, sizeof t->name, "%s", name);
    return INFER_OK;
}

static int take_tensor(struct foreign *f, size_t file, const struct weights_tensor *t) {
    struct foreign_names names;
    const char *path = weights_path(f->files[file]);
    foreign_names_of(f->kind, t->name, &names);
    if (names.verdict == FOREIGN_REFUSED)
        return infer_fail(f->ctx, INFER_ETENSOR, "%s: tensor %s: %s", path, t->name, names.reason);
    if (names.verdict != FOREIGN_TAKEN) return INFER_OK;
    for (int i = 0; i < names.parts; i++) {
        struct weights_tensor part = *t;
        cut_rows(&part, i, names.parts);
        INFER_TRY(add_tensor(f, names.names[i], &part, path));
    }
    return INFER_OK;
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct foreign_tensor *)a)->name,
                  ((const struct foreign_tensor *)b)->name);
}

static int index_tensors(struct foreign *f) {
    for (size_t i = 0; i < f->file_count; i++)
        for (size_t j = 0; j < weights_count(f->files[i]); j++)
            INFER_TRY(take_tensor(f, i, weights_at(f->files[i], j)));
    if (f->n) qsort(f->tensors, f->n, sizeof *f->tensors, compare);
    for (size_t i = 1; i < f->n; i++)
        if (!strcmp(f->tensors[i - 1].name, f->tensors[i].name))
            return infer_fail(f->ctx, INFER_ETENSOR, "%s: tensors %s and %s are both %s", f->path,
                              f->tensors[i - 1].tensor.name, f->tensors[i].tensor.name,
                              f->tensors[i].name);
    return INFER_OK;
}

const struct foreign_tensor *foreign_find(const struct foreign *f, const char *name) {
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(f->tensors[mid].name, name);
        if (!order) return &f->tensors[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

int foreign_layers(const struct foreign *f, const char *prefix) {
    int layers = 0;
    size_t length = strlen(prefix);
    for (size_t i = 0; i < f->n; i++) {
        const char *name = f->tensors[i].name;
        if (strncmp(name, prefix, length) || !isdigit((unsigned char)name[length])) continue;
        char *end;
        long n = strtol(name + length, &end, 10);
        if (*end == '.' && n >= layers) layers = n < INT_MAX ? (int)n + 1 : INT_MAX;
    }
    return layers;
}

/* ---------------------------------------------------------------------- files */

static int open_file(struct foreign *f, const char *path) {
    if (f->file_count == MAX_SHARDS)
        return infer_fail(f->ctx, INFER_EFORMAT, "%s: has more than %d shards", f->path,
                          MAX_SHARDS);
    INFER_TRY(weights_open(f->ctx, path, &f->files[f->file_count]));
    f->file_count++;
    return INFER_OK;
}

static int open_in_folder(struct foreign *f, const char *name) {
    char *path = folder_file(f->path, name);
    if (!path) return infer_fail_memory(f->ctx, strlen(f->path) + strlen(name) + 2);
    int status = open_file(f, path);
    free(path);
    return status;
}

static int open_shard(struct foreign *f, const char *index, json_t *value, json_t *seen) {
    const char *name = json_string_value(value);
    if (!name || !*name || *name == '.' || strchr(name, '/'))
        return infer_fail(f->ctx, INFER_EFORMAT, "%s: names a shard that is no plain file name",
                          index);
    if (json_object_get(seen, name)) return INFER_OK;
    if (json_object_set_new(seen, name, json_true())) return infer_fail_memory(f->ctx, 64);
    return open_in_folder(f, name);
}

/* model.safetensors.index.json: {"weight_map": {tensor: file, ...}}. */
static int open_shards(struct foreign *f, const char *index) {
    void *loaded;
    INFER_TRY(config_load_json(f->ctx, index, &loaded));
    json_t *json = loaded, *map = json_object_get(json, "weight_map"), *seen = json_object();
    int status = INFER_OK;
    const char *tensor;
    json_t *file;
    if (!json_is_object(map) || !json_object_size(map))
        status = infer_fail(f->ctx, INFER_EFORMAT, "%s: has no weight_map", index);
    json_object_foreach(map, tensor, file) if (status == INFER_OK) status =
        open_shard(f, index, file, seen);
    json_decref(seen);
    json_decref(json);
    return status;
}

static int open_folder(struct foreign *f) {
    static const struct {
        const char *name;
        bool index;
    } candidates[] = {{"model.safetensors", false},
                      {"model.safetensors.index.json", true},
                      {"pytorch_model.bin", false},
                      {"pytorch_model.bin.index.json", true}};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        struct stat st;
        char *path = folder_file(f->path, candidates[i].name);
        if (!path) return infer_fail_memory(f->ctx, strlen(f->path) + 32);
        bool found = !stat(path, &st);
        int status = !found                ? INFER_OK
                     : candidates[i].index ? open_shards(f, path)
                                           : open_file(f, path);
        free(path);
        if (found) return status;
    }
    return infer_fail(f->ctx, INFER_EIO,
                      "%s: holds neither model.safetensors nor pytorch_model.bin", f->path);
}

/* --------------------------------------------------------------------- config */

static int take_int(struct foreign *f, json_t *json, const char *key, int *out) {
    json_t *value = json_object_get(json, key);
    if (!value || json_is_null(value)) return INFER_OK;
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || n > INT_MAX)
        return infer_fail(f->ctx, INFER_EFORMAT, "%s: %s is not a sensible number", f->config.path,
                          key);
    *out = (int)n;
    return INFER_OK;
}

static int take_settings(struct foreign *f, json_t *root) {
    struct foreign_config *c = &f->config;
    json_t *vision = json_object_get(root, "vision_config"); /* of a whole CLIPModel */
    json_t *json = json_is_object(vision) ? vision : root;
    INFER_TRY(take_int(f, json, "num_attention_heads", &c->heads));
    INFER_TRY(take_int(f, json, "hidden_size", &c->dim));
    INFER_TRY(take_int(f, json, "num_hidden_layers", &c->layers));
    INFER_TRY(take_int(f, json, "intermediate_size", &c->mlp));
    INFER_TRY(take_int(f, json, "image_size", &c->image_size));
    INFER_TRY(take_int(f, json, "patch_size", &c->patch_size));
    INFER_TRY(take_int(f, root, "projection_dim", &c->projection));
    const char *act = json_string_value(json_object_get(json, "hidden_act"));
    snprintf(c->hidden_act, sizeof c->hidden_act, "%s", act ? act : "");
    json_t *eps = json_object_get(json, "layer_norm_eps");
    c->eps = json_is_number(eps) ? json_number_value(eps) : NAN;
    c->mlp_ratio = json_number_value(json_object_get(json, "mlp_ratio"));
    if (json_is_true(json_object_get(json, "use_swiglu_ffn")))
        return infer_fail(f->ctx, INFER_EFORMAT,
                          "%s: use_swiglu_ffn: DINOv2 with a SwiGLU layer is not supported",
                          c->path);
    return INFER_OK;
}

/* A config that lies beside a file may belong to something else: its model_type decides. In a
 * folder that was named, it must fit. */
static int take_config(struct foreign *f, json_t *json, bool named) {
    const char *wanted = f->kind == FOREIGN_CLIP ? "clip" : "dinov2";
    const char *type = json_string_value(json_object_get(json, "model_type"));
    bool fits =
        type && (f->kind == FOREIGN_CLIP ? !strncmp(type, "clip", 4) : !strcmp(type, wanted));
    if (!fits && named)
        return infer_fail(f->ctx, INFER_EFORMAT,
                          "%s: model_type is \"%.40s\", and \"%s\" is needed", f->config.path,
                          type ? type : "", wanted);
    if (!fits) {
        f->config = (struct foreign_config){.eps = NAN};
        return INFER_OK;
    }
    return take_settings(f, json);
}

static int read_config(struct foreign *f, bool folder) {
    struct foreign_config *c = &f->config;
    struct stat st;
    const char *slash = strrchr(f->path, '/');
    int length = folder ? (int)strlen(f->path) : slash ? (int)(slash - f->path) : 0;
    c->eps = NAN;
    if (f->kind != FOREIGN_CLIP && f->kind != FOREIGN_DINOV2) return INFER_OK;
    int n = snprintf(c->path, sizeof c->path, "%.*s%sconfig.json", length, f->path,
                     folder || slash ? "/" : "");
    if (n < 0 || n >= (int)sizeof c->path || stat(c->path, &st)) {
        *c = (struct foreign_config){.eps = NAN};
        return INFER_OK;
    }
    void *json;
    INFER_TRY(config_load_json(f->ctx, c->path, &json));
    int status = take_config(f, json, folder);
    json_decref(json);
    return status;
}

/* ---------------------------------------------------------------------- public */

int foreign_open(infer *ctx, enum foreign_kind kind, const char *path, struct foreign **out) {
    struct stat st;
    *out = NULL;
    if (stat(path, &st)) return infer_fail_errno(ctx, path);
    struct foreign *f = calloc(1, sizeof *f);
    if (!f) return infer_fail_memory(ctx, sizeof *f);
    int status;
    f->ctx = ctx;
    f->kind = kind;
    f->path = strdup(path);
    INFER_GO(f->path ? INFER_OK : infer_fail_memory(ctx, strlen(path) + 1));
    INFER_GO(read_config(f, S_ISDIR(st.st_mode)));
    INFER_GO(S_ISDIR(st.st_mode) ? open_folder(f) : open_file(f, path));
    INFER_GO(index_tensors(f));
    *out = f;
    f = NULL;
done:
    foreign_close(f);
    return status;
}

void foreign_close(struct foreign *f) {
    if (!f) return;
    for (size_t i = 0; i < f->file_count; i++) weights_close(f->files[i]);
    free(f->tensors);
    free(f->path);
    free(f);
}

const char *foreign_path(const struct foreign *f) {
    return f->path;
}

const struct foreign_config *foreign_config(const struct foreign *f) {
    return &f->config;
}

static bool is_unexpected(const struct foreign *f, const struct catalog *catalog,
                          const char *name) {
    static const enum catalog_file file_of[FOREIGN_KINDS] = {
        CATALOG_CLIP, CATALOG_DINOV2, CATALOG_HEADS, CATALOG_HEADS, CATALOG_HEADS, CATALOG_HEADS};
    struct foreign_names names;
    foreign_names_of(f->kind, name, &names);
    if (names.verdict == FOREIGN_BESIDE) return false;
    return names.verdict != FOREIGN_TAKEN ||
           !catalog_find(catalog, file_of[f->kind], names.names[0]);
}

/* A name from outside may hold anything, and this goes to a terminal. */
static void print_name(FILE *out, const char *name) {
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
    }
}

void foreign_list_unexpected(const struct foreign *f, const struct catalog *catalog, FILE *out) {
    for (size_t i = 0; i < f->file_count; i++)
        for (size_t j = 0; j < weights_count(f->files[i]); j++) {
            const struct weights_tensor *t = weights_at(f->files[i], j);
            char shape[CATALOG_SHAPE_TEXT];
            if (!is_unexpected(f, catalog, t->name)) continue;
            fprintf(out, "%s: tensor ", weights_path(f->files[i]));
            print_name(out, t->name);
            fprintf(out, " %s is not used\n", catalog_shape(t->shape, t->ndim, shape));
        }
}
