#include "model.h"

#include "catalog.h"
#include "config.h"
#include "context.h"
#include "folder.h"
#include "identity.h"
#include "weights.h"

#include <stdlib.h>
#include <string.h>

struct model_files {
    char *folder;
    struct weights *weights[CATALOG_FILES]; /* NULL: not opened */
    struct catalog catalog;
    const float **data; /* by the catalog's entries; NULL: not asked for */
    float *converted;   /* what does not lie as float32 in a file, one allocation */
};

/* ---------------------------------------------------------------------- files */

static bool needs_file(const struct model_config *c, unsigned parts, enum catalog_file file) {
    if (!*c->files[file]) return false;
    if (!parts) return true;
    return parts & (file == CATALOG_HEADS ? ~(unsigned)INFER_PART_BACKBONES : INFER_PART_BACKBONES);
}

static int open_file(infer_model *m, enum catalog_file file) {
    char *path = folder_file(m->files->folder, m->config.files[file]);
    if (!path) return infer_fail_memory(m->ctx, strlen(m->files->folder) + 66);
    int status = weights_open(m->ctx, path, &m->files->weights[file]);
    free(path);
    return status;
}

static int check_tensor(infer_model *m, const struct catalog_entry *e) {
    const struct weights *file = m->files->weights[e->file];
    const struct weights_tensor *t = weights_find(file, e->name);
    char wanted[CATALOG_SHAPE_TEXT], found[CATALOG_SHAPE_TEXT];
    catalog_shape(e->shape, e->ndim, wanted);
    if (!t)
        return infer_fail(m->ctx, INFER_ETENSOR, "%s: tensor %s %s is missing", weights_path(file),
                          e->name, wanted);
    if (t->ndim != e->ndim || memcmp(t->shape, e->shape, (size_t)e->ndim * sizeof *e->shape))
        return infer_fail(m->ctx, INFER_ETENSOR,
                          "%s: tensor %s has shape %s; config.json makes it %s", weights_path(file),
                          e->name, catalog_shape(t->shape, t->ndim, found), wanted);
    if (!weights_dtype_is_float(t->dtype))
        return infer_fail(m->ctx, INFER_ETENSOR, "%s: tensor %s is of type %s, not floating point",
                          weights_path(file), e->name, weights_dtype_name(t->dtype));
    return INFER_OK;
}

static int check_strangers(infer_model *m, enum catalog_file file) {
    const struct weights *w = m->files->weights[file];
    for (size_t i = 0; i < weights_count(w); i++)
        if (!catalog_find(&m->files->catalog, file, weights_at(w, i)->name))
            return infer_fail(m->ctx, INFER_ETENSOR,
                              "%s: holds tensor %.100s, which config.json does not describe",
                              weights_path(w), weights_at(w, i)->name);
    return INFER_OK;
}

static int open_files(infer_model *m, unsigned parts) {
    struct model_files *f = m->files;
    INFER_TRY(catalog_build(m->ctx, &m->config, &f->catalog));
    for (int i = 0; i < CATALOG_FILES; i++)
        if (needs_file(&m->config, parts, (enum catalog_file)i))
            INFER_TRY(open_file(m, (enum catalog_file)i));
    for (size_t i = 0; i < f->catalog.n; i++)
        if (f->weights[f->catalog.entries[i].file])
            INFER_TRY(check_tensor(m, &f->catalog.entries[i]));
    for (int i = 0; i < CATALOG_FILES; i++)
        if (f->weights[i]) INFER_TRY(check_strangers(m, (enum catalog_file)i));
    return INFER_OK;
}

/* Points into the maps where float32 lies there, else into `converted`, or counts on without it.
 * Returns how many numbers `converted` must hold. */
static uint64_t place_data(infer_model *m, unsigned modules) {
    struct model_files *f = m->files;
    uint64_t at = 0;
    for (size_t i = 0; i < f->catalog.n; i++) {
        const struct catalog_entry *e = &f->catalog.entries[i];
        if (!(modules & 1u << e->module)) continue;
        const struct weights_tensor *t = weights_find(f->weights[e->file], e->name);
        f->data[i] = weights_f32(t);
        if (f->data[i]) continue;
        if (f->converted) {
            weights_copy_f32(t, f->converted + at);
            f->data[i] = f->converted + at;
        }
        at += (e->count + 15) / 16 * 16; /* each on a cache line of its own */
    }
    return at;
}

static int find_data(infer_model *m, unsigned parts) {
    struct model_files *f = m->files;
    const unsigned modules = catalog_modules_of(parts);
    f->data = calloc(f->catalog.n, sizeof *f->data);
    if (!f->data) return infer_fail_memory(m->ctx, f->catalog.n * sizeof *f->data);
    uint64_t n = place_data(m, modules);
    if (!n) return INFER_OK;
    f->converted = aligned_alloc(64, n * sizeof *f->converted);
    if (!f->converted) return infer_fail_memory(m->ctx, n * sizeof *f->converted);
    place_data(m, modules);
    return INFER_OK;
}

const float *model_tensor(const infer_model *model, const char *file, const char *name) {
    const struct model_files *f = model->files;
    for (int i = 0; i < CATALOG_FILES; i++) {
        if (strcmp(file, catalog_file_names[i])) continue;
        const struct catalog_entry *e = catalog_find(&f->catalog, (enum catalog_file)i, name);
        return e ? f->data[e - f->catalog.entries] : NULL;
    }
    return NULL;
}

/* -------------------------------------------------------------------- loading */

static void describe(infer_model *m) {
    const struct model_config *c = &m->config;
    infer_model_info *info = &m->info;
    info->architecture = c->architecture;
    memcpy(info->backbone_id, c->backbone_id, sizeof info->backbone_id);
    memcpy(info->location_id, c->location_id, sizeof info->location_id);
    memcpy(info->model_id, c->model_id, sizeof info->model_id);
    info->parts = INFER_PART_BACKBONES;
    if (c->mlp.present) info->parts |= INFER_PART_FRAMES | INFER_PART_LOCATION;
    if (c->refiner.present) info->parts |= INFER_PART_REFINER;
    info->feature_dim = c->clip.projection + (c->dinov2.present ? c->dinov2.dim : 0);
    info->embedding_dim = c->mlp.present ? c->mlp.sizes[c->mlp.layers] : 0;
    info->max_frames = c->tempgeo.present ? c->tempgeo.max_frames : 0;
    info->refiner_max_frames = c->refiner.present ? c->refiner.max_frames : 0;
    info->picture_size = c->picture_size;
    info->recipe = c->recipe;
}

static int check_parts(infer_model *m, unsigned parts) {
    const unsigned all =
        INFER_PART_BACKBONES | INFER_PART_FRAMES | INFER_PART_LOCATION | INFER_PART_REFINER;
    unsigned missing = parts & ~m->info.parts;
    if (!missing) return INFER_OK;
    if (missing & ~all)
        return infer_fail(m->ctx, INFER_EUSAGE, "unknown parts of a model: %#x", missing);
    if (!m->config.mlp.present)
        return infer_fail(m->ctx, INFER_EMODEL,
                          "%s: this model is backbones alone; vt-train gives it heads",
                          m->files->folder);
    return infer_fail(m->ctx, INFER_EMODEL, "%s: this %s model has no GeoRefiner%s",
                      m->files->folder, m->config.architecture,
                      strcmp(m->config.architecture, "geoclip")
                          ? "; import heads that hold georefiner.* tensors"
                          : ": GeoCLIP models have none");
}

static int bind(infer_model *m, unsigned parts) {
    const struct model_config *c = &m->config;
    if (parts & INFER_PART_BACKBONES) {
        INFER_TRY(vit_bind(m->ctx, m, &c->clip, c->picture_size, "clip", &m->clip));
        if (c->dinov2.present)
            INFER_TRY(vit_bind(m->ctx, m, &c->dinov2, c->picture_size, "dinov2", &m->dinov2));
    }
    if (parts & INFER_PART_FRAMES)
        INFER_TRY(tempgeo_bind(m->ctx, m, &c->tempgeo, &c->mlp, &m->tempgeo));
    if (parts & INFER_PART_LOCATION)
        INFER_TRY(location_bind(m->ctx, m, &c->location, &m->location));
    if (parts & INFER_PART_REFINER) INFER_TRY(refiner_bind(m->ctx, m, &c->refiner, &m->refiner));
    return INFER_OK;
}

static int load(infer_model *m, const char *folder, unsigned parts) {
    m->files = calloc(1, sizeof *m->files);
    if (!m->files) return infer_fail_memory(m->ctx, sizeof *m->files);
    m->files->folder = strdup(folder);
    char *path = folder_file(folder, "config.json");
    int status = path && m->files->folder ? config_read(m->ctx, path, &m->config)
                                          : infer_fail_memory(m->ctx, strlen(folder) + 13);
    free(path);
    INFER_TRY(status);
    describe(m);
    INFER_TRY(check_parts(m, parts));
    INFER_TRY(open_files(m, parts));
    INFER_TRY(find_data(m, parts));
    return bind(m, parts);
}

int infer_model_load(infer *ctx, const char *folder, unsigned parts, infer_model **out) {
    *out = NULL;
    infer_model *m = calloc(1, sizeof *m);
    if (!m) return infer_fail_memory(ctx, sizeof *m);
    m->ctx = ctx;
    int status = load(m, folder, parts);
    if (status == INFER_OK)
        *out = m;
    else
        infer_model_close(m);
    return status;
}

static void files_close(struct model_files *f) {
    if (!f) return;
    for (int i = 0; i < CATALOG_FILES; i++) weights_close(f->weights[i]);
    catalog_free(&f->catalog);
    free(f->data);
    free(f->converted);
    free(f->folder);
    free(f);
}

void infer_model_close(infer_model *m) {
    if (!m) return;
    vit_free(m->clip);
    vit_free(m->dinov2);
    tempgeo_free(m->tempgeo);
    location_free(m->location);
    refiner_free(m->refiner);
    scratch_free(&m->scratch);
    files_close(m->files);
    free(m);
}

const infer_model_info *infer_model_describe(const infer_model *model) {
    return &model->info;
}

/* ------------------------------------------------------------------- verifying */

static int compare_ids(infer_model *m, const struct model_config *fresh) {
    const struct {
        const char *name, *said, *found;
    } ids[] = {{"backbone", m->config.backbone_id, fresh->backbone_id},
               {"location", m->config.location_id, fresh->location_id},
               {"model", m->config.model_id, fresh->model_id}};
    for (int i = 0; i < 3; i++)
        if (strcmp(ids[i].said, ids[i].found))
            return infer_fail(
                m->ctx, INFER_EFORMAT,
                "%s: config.json says %s id %s, but the weights make it %s: import the "
                "model anew",
                m->files->folder, ids[i].name, ids[i].said, ids[i].found);
    return INFER_OK;
}

int infer_model_verify(infer *ctx, const char *folder) {
    infer_model *m;
    INFER_TRY(infer_model_load(ctx, folder, 0, &m));
    struct model_config fresh = m->config;
    int status = identity_compute(ctx, &m->files->catalog, m->files->weights, &fresh);
    if (status == INFER_OK) status = compare_ids(m, &fresh);
    infer_model_close(m);
    return status;
}
