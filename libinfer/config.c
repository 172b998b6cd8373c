#include "config.h"

#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#define MAX_FILE (1 << 20)

/* One table reads, checks and writes: a key, where it lies in its struct, and its range. The upper
 * bounds keep every product of two or three sizes far inside 64 bits. */
struct field {
    const char *key;
    size_t offset;
    double least, most;
    bool real; /* float, else int */
};
struct section {
    const char *name;
    size_t offset; /* in struct model_config; its first member is `int present` */
    const struct field *fields;
};

#define MAX_DIM 16384
#define VIT(member) offsetof(struct vit_config, member)
#define TRANSFORMER(member) offsetof(struct transformer_config, member)
#define LOCATION(member) offsetof(struct location_config, member)

#define VIT_FIELDS                                                                            \
    {"image_size", VIT(image_size), 1, 4096, false},                                          \
        {"patch_size", VIT(patch_size), 1, 256, false}, {"dim", VIT(dim), 1, MAX_DIM, false}, \
        {"layers", VIT(layers), 1, MODEL_MAX_LAYERS, false},                                  \
        {"heads", VIT(heads), 1, 1024, false}, {"mlp", VIT(mlp), 1, 131072, false}, {         \
        "eps", VIT(eps), 1e-12, 0.01, true                                                    \
    }

static const struct field clip_fields[] = {
    VIT_FIELDS, {"projection", VIT(projection), 1, MAX_DIM, false}, {0}};
static const struct field dinov2_fields[] = {VIT_FIELDS, {0}};

#define TRANSFORMER_FIELDS                                                                       \
    {"dim", TRANSFORMER(dim), 1, MAX_DIM, false}, {"heads", TRANSFORMER(heads), 1, 1024, false}, \
        {"ff", TRANSFORMER(ff), 1, 131072, false}, {                                             \
        "max_frames", TRANSFORMER(max_frames), 1, 1 << 20, false                                 \
    }

static const struct field tempgeo_fields[] = {
    TRANSFORMER_FIELDS, {"layers", TRANSFORMER(encoder_layers), 1, MODEL_MAX_LAYERS, false}, {0}};
static const struct field refiner_fields[] = {
    TRANSFORMER_FIELDS,
    {"encoder_layers", TRANSFORMER(encoder_layers), 1, MODEL_MAX_LAYERS, false},
    {"decoder_layers", TRANSFORMER(decoder_layers), 1, MODEL_MAX_LAYERS, false},
    {0}};
static const struct field location_fields[] = {
    {"branches", LOCATION(branches), 1, MODEL_MAX_BRANCHES, false},
    {"frequencies", LOCATION(frequencies), 1, MAX_DIM, false},
    {"hidden", LOCATION(hidden), 1, MAX_DIM, false},
    {"hidden_layers", LOCATION(hidden_layers), 1, MODEL_MAX_LAYERS, false},
    {"out", LOCATION(out), 1, MAX_DIM, false},
    {0}};

#define CONFIG(member) offsetof(struct model_config, member)
static const struct section sections[] = {
    {"clip", CONFIG(clip), clip_fields},          {"dinov2", CONFIG(dinov2), dinov2_fields},
    {"tempgeo", CONFIG(tempgeo), tempgeo_fields}, {"location", CONFIG(location), location_fields},
    {"refiner", CONFIG(refiner), refiner_fields},
};
#define SECTIONS (sizeof sections / sizeof *sections)

static const struct {
    const char *key;
    size_t offset;
} id_fields[] = {{"backbone", CONFIG(backbone_id)},
                 {"location", CONFIG(location_id)},
                 {"model", CONFIG(model_id)}};

static const char *const file_keys[] = {"clip", "dinov2", "heads"};

const char *config_recipe_name(enum infer_recipe recipe) {
    return recipe == INFER_RECIPE_CROP ? "crop" : "stretch";
}

static bool is_geoclip(const struct model_config *config) {
    return !strcmp(config->architecture, "geoclip");
}

const char *config_activation(const struct model_config *config) {
    return is_geoclip(config) ? "relu" : "mish";
}

static double field_value(const char *base, const struct field *f) {
    if (f->real) {
        float value;
        memcpy(&value, base + f->offset, sizeof value);
        return (double)value;
    }
    int value;
    memcpy(&value, base + f->offset, sizeof value);
    return value;
}

static int section_present(const struct model_config *config, const struct section *s) {
    int present;
    memcpy(&present, (const char *)config + s->offset, sizeof present);
    return present;
}

/* ------------------------------------------------------------------- checking */

static int check_field(infer *ctx, const char *path, const char *section, const struct field *f,
                       double value) {
    if (value >= f->least && value <= f->most) return INFER_OK;
    return infer_fail(ctx, INFER_EFORMAT, "%s: %s.%s is %.10g; it must be from %.10g to %.10g",
                      path, section, f->key, value, f->least, f->most);
}

static int check_ranges(infer *ctx, const char *path, const struct model_config *config) {
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct section *s = &sections[i];
        if (!section_present(config, s)) continue;
        const char *base = (const char *)config + s->offset;
        for (const struct field *f = s->fields; f->key; f++)
            INFER_TRY(check_field(ctx, path, s->name, f, field_value(base, f)));
    }
    const struct mlp_config *m = &config->mlp;
    if (m->present && (m->layers < 1 || m->layers > MODEL_MAX_MLP))
        return infer_fail(ctx, INFER_EFORMAT, "%s: mlp has %d layers; it must have 1 to %d", path,
                          m->layers, MODEL_MAX_MLP);
    static const struct field size = {"sizes", 0, 1, MAX_DIM, false};
    for (int i = 0; m->present && i <= m->layers; i++)
        INFER_TRY(check_field(ctx, path, "mlp", &size, m->sizes[i]));
    static const struct field picture = {"size", 0, 1, 4096, false};
    return check_field(ctx, path, "picture", &picture, config->picture_size);
}

/* Which modules each architecture has; TempGeo (without it a head looks at each frame alone) and
 * GeoRefiner are optional, and a model may be backbones alone, to be trained on. */
static int check_parts(infer *ctx, const char *path, const struct model_config *c) {
    bool vidtag = !is_geoclip(c);
    bool heads = !vidtag || c->mlp.present || c->location.present || c->tempgeo.present ||
                 c->refiner.present;
    const struct {
        const char *name;
        int present;
        bool wanted, allowed;
    } parts[] = {{"clip", c->clip.present, true, true},
                 {"dinov2", c->dinov2.present, vidtag, vidtag},
                 {"tempgeo", c->tempgeo.present, false, vidtag},
                 {"mlp", c->mlp.present, heads, true},
                 {"location", c->location.present, heads, true},
                 {"refiner", c->refiner.present, false, vidtag}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].wanted && !parts[i].present)
            return infer_fail(ctx, INFER_EFORMAT, "%s: a %s model needs \"%s\"", path,
                              c->architecture, parts[i].name);
        if (!parts[i].allowed && parts[i].present)
            return infer_fail(ctx, INFER_EFORMAT, "%s: a %s model has no \"%s\"", path,
                              c->architecture, parts[i].name);
    }
    return INFER_OK;
}

static int check_heads(infer *ctx, const char *path, const char *name, int present, int dim,
                       int heads) {
    if (!present || dim % heads == 0) return INFER_OK;
    return infer_fail(ctx, INFER_EFORMAT, "%s: %s: %d heads do not divide its width %d", path, name,
                      heads, dim);
}

static int check_pictures(infer *ctx, const char *path, const struct model_config *c) {
    const struct vit_config *vits[] = {&c->clip, &c->dinov2};
    for (int i = 0; i < 2; i++)
        if (vits[i]->present && vits[i]->image_size % vits[i]->patch_size)
            return infer_fail(ctx, INFER_EFORMAT,
                              "%s: %s: image size %d is not a multiple of patch size %d", path,
                              file_keys[i], vits[i]->image_size, vits[i]->patch_size);
    if (c->picture_size != c->clip.image_size)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: picture_size %d is not CLIP's image size %d, and CLIP's positions "
                          "are for that size alone",
                          path, c->picture_size, c->clip.image_size);
    if (c->dinov2.present && c->picture_size % c->dinov2.patch_size)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: picture size %d is not a multiple of DINOv2's patch size %d", path,
                          c->picture_size, c->dinov2.patch_size);
    return INFER_OK;
}

static int check_widths(infer *ctx, const char *path, const struct model_config *c) {
    if (!c->mlp.present) return INFER_OK;
    int feature = c->clip.projection + (c->dinov2.present ? c->dinov2.dim : 0);
    int embedding = c->mlp.sizes[c->mlp.layers];
    if (c->tempgeo.present && c->tempgeo.dim != feature)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: TempGeo takes features of %d numbers, but CLIP (%d) and DINOv2 (%d) "
                          "give %d",
                          path, c->tempgeo.dim, c->clip.projection, c->dinov2.dim, feature);
    if (c->mlp.sizes[0] != feature)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: the MLP takes %d numbers, but the features have %d", path,
                          c->mlp.sizes[0], feature);
    if (c->location.out != embedding)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: the location encoder gives %d numbers, the frames' MLP %d", path,
                          c->location.out, embedding);
    if (c->refiner.present && c->refiner.dim != embedding)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: GeoRefiner takes embeddings of %d numbers, but they have %d", path,
                          c->refiner.dim, embedding);
    return INFER_OK;
}

int config_check(infer *ctx, const char *path, const struct model_config *c) {
    INFER_TRY(check_parts(ctx, path, c));
    INFER_TRY(check_ranges(ctx, path, c));
    INFER_TRY(check_heads(ctx, path, "clip", c->clip.present, c->clip.dim, c->clip.heads));
    INFER_TRY(check_heads(ctx, path, "dinov2", c->dinov2.present, c->dinov2.dim, c->dinov2.heads));
    INFER_TRY(
        check_heads(ctx, path, "tempgeo", c->tempgeo.present, c->tempgeo.dim, c->tempgeo.heads));
    INFER_TRY(
        check_heads(ctx, path, "refiner", c->refiner.present, c->refiner.dim, c->refiner.heads));
    INFER_TRY(check_pictures(ctx, path, c));
    return check_widths(ctx, path, c);
}

/* -------------------------------------------------------------------- reading */

static int read_small(infer *ctx, const char *path, char **text, size_t *length) {
    int status = INFER_OK;
    *text = NULL;
    *length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        status = infer_fail_errno(ctx, path);
        goto done;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE) {
        status =
            infer_fail(ctx, INFER_EFORMAT, "%s: is not a file of at most %d bytes", path, MAX_FILE);
        goto done;
    }
    *text = malloc(MAX_FILE + 1);
    if (!*text) {
        status = infer_fail_memory(ctx, MAX_FILE + 1);
        goto done;
    }
    ssize_t got;
    while (*length < MAX_FILE && (got = read(fd, *text + *length, MAX_FILE - *length)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = infer_fail_errno(ctx, path);
            goto done;
        }
        *length += (size_t)got;
    }
done:
    if (fd >= 0) close(fd);
    if (status != INFER_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

int config_load_json(infer *ctx, const char *path, void **out) {
    char *text;
    size_t length;
    *out = NULL;
    INFER_TRY(read_small(ctx, path, &text, &length));
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (!json)
        return infer_fail(ctx, INFER_EFORMAT, "%s: line %d: not JSON: %s", path, error.line,
                          error.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return infer_fail(ctx, INFER_EFORMAT, "%s: is not a JSON object", path);
    }
    *out = json;
    return INFER_OK;
}

struct reader {
    infer *ctx;
    const char *path;
    json_t *root;
};

static int fail_key(struct reader *r, const char *section, const char *key, const char *what) {
    return infer_fail(r->ctx, INFER_EFORMAT, "%s: %s%s%s %s", r->path, section, *section ? "." : "",
                      key, what);
}

/* Every key of the object must be one of the names. */
static int check_known(struct reader *r, const char *section, json_t *object,
                       bool (*known)(const void *names, const char *key), const void *names) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (!known(names, key)) return fail_key(r, section, key, "is not a key of this format");
    }
    return INFER_OK;
}

static bool known_field(const void *names, const char *key) {
    for (const struct field *f = names; f->key; f++)
        if (!strcmp(f->key, key)) return true;
    return false;
}

static bool known_name(const void *names, const char *key) {
    for (const char *const *n = names; *n; n++)
        if (!strcmp(*n, key)) return true;
    return false;
}

static int read_number(struct reader *r, const char *section, json_t *value, const struct field *f,
                       double *out) {
    if (f->real ? !json_is_number(value) : !json_is_integer(value))
        return fail_key(r, section, f->key,
                        !value    ? "is missing"
                        : f->real ? "is not a number"
                                  : "is not a whole number");
    *out = json_number_value(value);
    return check_field(r->ctx, r->path, section, f, *out);
}

static int read_section(struct reader *r, const struct section *s, struct model_config *config) {
    json_t *object = json_object_get(r->root, s->name);
    if (!object) return INFER_OK;
    if (!json_is_object(object)) return fail_key(r, "", s->name, "is not an object");
    INFER_TRY(check_known(r, s->name, object, known_field, s->fields));
    char *base = (char *)config + s->offset;
    for (const struct field *f = s->fields; f->key; f++) {
        double value = 0;
        INFER_TRY(read_number(r, s->name, json_object_get(object, f->key), f, &value));
        if (f->real)
            memcpy(base + f->offset, &(float){(float)value}, sizeof(float));
        else
            memcpy(base + f->offset, &(int){(int)value}, sizeof(int));
    }
    memcpy(base, &(int){1}, sizeof(int));
    return INFER_OK;
}

static int read_text(struct reader *r, const char *section, json_t *object, const char *key,
                     char *out, size_t size) {
    json_t *value = json_object_get(object, key);
    if (!value) return fail_key(r, section, key, "is missing");
    const char *text = json_string_value(value);
    if (!text || strlen(text) >= size || strlen(text) != json_string_length(value))
        return fail_key(r, section, key, "is not a string of the right length");
    strcpy(out, text);
    return INFER_OK;
}

static int read_mlp(struct reader *r, struct model_config *config) {
    static const char *const keys[] = {"sizes", "activation", NULL};
    json_t *object = json_object_get(r->root, "mlp");
    if (!object) return INFER_OK;
    if (!json_is_object(object)) return fail_key(r, "", "mlp", "is not an object");
    INFER_TRY(check_known(r, "mlp", object, known_name, keys));
    char activation[16];
    INFER_TRY(read_text(r, "mlp", object, "activation", activation, sizeof activation));
    if (strcmp(activation, config_activation(config)))
        return infer_fail(r->ctx, INFER_EFORMAT, "%s: mlp.activation of a %s model must be \"%s\"",
                          r->path, config->architecture, config_activation(config));
    json_t *sizes = json_object_get(object, "sizes");
    size_t n = json_array_size(sizes);
    if (n < 2 || n > MODEL_MAX_MLP + 1)
        return fail_key(r, "mlp", "sizes", "is not a list of 2 to 9 whole numbers");
    static const struct field size = {"sizes", 0, 1, MAX_DIM, false};
    for (size_t i = 0; i < n; i++) {
        double value = 0;
        INFER_TRY(read_number(r, "mlp", json_array_get(sizes, i), &size, &value));
        config->mlp.sizes[i] = (int)value;
    }
    config->mlp.layers = (int)n - 1;
    config->mlp.present = 1;
    return INFER_OK;
}

static int read_ids(struct reader *r, struct model_config *config) {
    static const char *const keys[] = {"backbone", "location", "model", NULL};
    json_t *ids = json_object_get(r->root, "ids");
    if (!json_is_object(ids)) return fail_key(r, "", "ids", "is missing or not an object");
    INFER_TRY(check_known(r, "ids", ids, known_name, keys));
    for (int i = 0; i < 3; i++) {
        char *id = (char *)config + id_fields[i].offset;
        INFER_TRY(read_text(r, "ids", ids, id_fields[i].key, id, 17));
        if (strspn(id, "0123456789abcdef") != 16)
            return fail_key(r, "ids", id_fields[i].key, "is not 16 hexadecimal digits");
    }
    return INFER_OK;
}

/* Names stay inside the folder: a config that came from elsewhere must not point out of it. */
static int read_files(struct reader *r, struct model_config *config) {
    static const char *const keys[] = {"clip", "dinov2", "heads", NULL};
    json_t *files = json_object_get(r->root, "files");
    if (!json_is_object(files)) return fail_key(r, "", "files", "is missing or not an object");
    INFER_TRY(check_known(r, "files", files, known_name, keys));
    const int present[] = {1, config->dinov2.present, config->mlp.present};
    for (int i = 0; i < 3; i++) {
        if (!present[i]) continue;
        char *name = config->files[i];
        INFER_TRY(read_text(r, "files", files, file_keys[i], name, sizeof config->files[i]));
        if (!*name || *name == '.' || strchr(name, '/'))
            return fail_key(r, "files", file_keys[i], "is not a plain file name");
    }
    return INFER_OK;
}

static int read_format(struct reader *r) {
    json_t *format = json_object_get(r->root, "format");
    json_t *version = json_object_get(r->root, "version");
    if (!json_is_string(format) || strcmp(json_string_value(format), CONFIG_FORMAT))
        return infer_fail(r->ctx, INFER_EFORMAT,
                          "%s: \"format\" is not \"" CONFIG_FORMAT
                          "\": this is no model folder; vt-model import makes one",
                          r->path);
    if (!json_is_integer(version))
        return fail_key(r, "", "version", "is missing or not a whole number");
    if (json_integer_value(version) != CONFIG_VERSION)
        return infer_fail(r->ctx, INFER_EFORMAT,
                          "%s: format version %lld is not known to this program, which reads %d",
                          r->path, (long long)json_integer_value(version), CONFIG_VERSION);
    return INFER_OK;
}

static int read_head(struct reader *r, struct model_config *config) {
    static const char *const keys[] = {
        "format",  "version", "architecture", "recipe",  "picture_size", "clip",  "dinov2",
        "tempgeo", "mlp",     "location",     "refiner", "ids",          "files", NULL};
    INFER_TRY(check_known(r, "", r->root, known_name, keys));
    INFER_TRY(read_text(r, "", r->root, "architecture", config->architecture,
                        sizeof config->architecture));
    if (strcmp(config->architecture, "vidtag") && strcmp(config->architecture, "geoclip"))
        return fail_key(r, "", "architecture", "is neither \"vidtag\" nor \"geoclip\"");
    char recipe[16];
    INFER_TRY(read_text(r, "", r->root, "recipe", recipe, sizeof recipe));
    if (strcmp(recipe, "stretch") && strcmp(recipe, "crop"))
        return fail_key(r, "", "recipe", "is neither \"stretch\" nor \"crop\"");
    config->recipe = strcmp(recipe, "crop") ? INFER_RECIPE_STRETCH : INFER_RECIPE_CROP;
    json_t *size = json_object_get(r->root, "picture_size");
    if (!json_is_integer(size) || json_integer_value(size) < 1 || json_integer_value(size) > 4096)
        return fail_key(r, "", "picture_size", "is not a whole number from 1 to 4096");
    config->picture_size = (int)json_integer_value(size);
    return INFER_OK;
}

int config_read(infer *ctx, const char *path, struct model_config *config) {
    *config = (struct model_config){0};
    void *json;
    INFER_TRY(config_load_json(ctx, path, &json));
    struct reader r = {ctx, path, json};
    int status;
    INFER_GO(read_format(&r));
    INFER_GO(read_head(&r, config));
    for (size_t i = 0; i < SECTIONS; i++) INFER_GO(read_section(&r, &sections[i], config));
    INFER_GO(read_mlp(&r, config));
    INFER_GO(read_ids(&r, config));
    INFER_GO(read_files(&r, config));
    status = config_check(ctx, path, config);
done:
    json_decref(json);
    return status;
}

bool config_is_model(const char *path) {
    json_t *json = json_load_file(path, 0, NULL);
    const char *format = json_string_value(json_object_get(json, "format"));
    bool is = format && !strcmp(format, CONFIG_FORMAT);
    json_decref(json);
    return is;
}

/* -------------------------------------------------------------------- writing */

/* The shortest decimal that is this float: 1e-05, not 9.9999997473787516e-06. */
static double shortest(double value) {
    char text[40];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value) break;
    }
    return strtod(text, NULL);
}

static json_t *section_json(const struct model_config *config, const struct section *s) {
    json_t *object = json_object();
    const char *base = (const char *)config + s->offset;
    for (const struct field *f = s->fields; f->key; f++) {
        double value = field_value(base, f);
        json_object_set_new(object, f->key,
                            f->real ? json_real(shortest(value)) : json_integer((json_int_t)value));
    }
    return object;
}

static json_t *mlp_json(const struct model_config *config) {
    json_t *sizes = json_array();
    for (int i = 0; i <= config->mlp.layers; i++)
        json_array_append_new(sizes, json_integer(config->mlp.sizes[i]));
    return json_pack("{s:o, s:s}", "sizes", sizes, "activation", config_activation(config));
}

/* NULL for want of memory; jansson's setters pass a NULL on as a failure. */
static json_t *config_json(const struct model_config *c) {
    json_t *root = json_pack("{s:s, s:i, s:s, s:s, s:i}", "format", CONFIG_FORMAT, "version",
                             CONFIG_VERSION, "architecture", c->architecture, "recipe",
                             config_recipe_name(c->recipe), "picture_size", c->picture_size);
    int bad = root == NULL;
    for (size_t i = 0; i < SECTIONS; i++)
        if (section_present(c, &sections[i]))
            bad |= json_object_set_new(root, sections[i].name, section_json(c, &sections[i]));
    if (c->mlp.present) bad |= json_object_set_new(root, "mlp", mlp_json(c));
    json_t *ids = json_object(), *files = json_object();
    for (int i = 0; i < 3; i++)
        bad |= json_object_set_new(ids, id_fields[i].key,
                                   json_string((const char *)c + id_fields[i].offset));
    for (int i = 0; i < 3; i++)
        if (*c->files[i]) bad |= json_object_set_new(files, file_keys[i], json_string(c->files[i]));
    bad |= json_object_set_new(root, "ids", ids);
    bad |= json_object_set_new(root, "files", files);
    if (!bad) return root;
    json_decref(root);
    return NULL;
}

int config_write(infer *ctx, const char *path, const struct model_config *config) {
    json_t *json = config_json(config);
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    if (!text) return infer_fail_memory(ctx, MAX_FILE);
    int status = INFER_OK;
    FILE *file = fopen(path, "wxe");
    bool ok = file && fputs(text, file) >= 0 && fputc('\n', file) != EOF && !fflush(file) &&
              !fsync(fileno(file));
    if (!ok) status = infer_fail_errno(ctx, path);
    if (file && fclose(file) && ok) status = infer_fail_errno(ctx, path);
    free(text);
    return status;
}
