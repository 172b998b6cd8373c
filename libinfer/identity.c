#include "identity.h"

#include "config.h"
#include "context.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct hasher {
    infer *ctx;
    const struct catalog *catalog;
    struct weights *const *files;
    XXH3_state_t *state;
    float *buffer; /* for tensors that are not float32 in place */
    uint64_t capacity;
};

/* Exponent bits all set: infinity or NaN, whatever the compiler makes of floating point. */
uint64_t identity_find_nonfinite(const float *x, uint64_t n) {
    const uint32_t exponent = 0x7f800000u;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        if ((bits & exponent) == exponent) return i;
    }
    return n;
}

static int values_of(struct hasher *h, const struct weights_tensor *t, const float **out) {
    *out = weights_f32(t);
    if (*out) return INFER_OK;
    if (t->count > h->capacity) {
        float *buffer = realloc(h->buffer, t->count * sizeof *buffer);
        if (!buffer) return infer_fail_memory(h->ctx, t->count * sizeof *buffer);
        h->buffer = buffer;
        h->capacity = t->count;
    }
    weights_copy_f32(t, h->buffer);
    *out = h->buffer;
    return INFER_OK;
}

static int hash_tensor(struct hasher *h, const struct catalog_entry *e) {
    const struct weights *file = h->files[e->file];
    const struct weights_tensor *t = weights_find(file, e->name);
    const float *x;
    INFER_TRY(values_of(h, t, &x));
    uint64_t bad = identity_find_nonfinite(x, t->count);
    if (bad < t->count)
        return infer_fail(h->ctx, INFER_EVALUE,
                          "%s: tensor %s: number %" PRIu64
                          " is not finite: the weights are damaged",
                          weights_path(file), e->name, bad);
    uint64_t ndim = (uint64_t)e->ndim;
    XXH3_64bits_update(h->state, e->name, strlen(e->name) + 1);
    XXH3_64bits_update(h->state, &ndim, sizeof ndim);
    XXH3_64bits_update(h->state, e->shape, (size_t)e->ndim * sizeof *e->shape);
    XXH3_64bits_update(h->state, x, t->count * sizeof *x);
    return INFER_OK;
}

/* The settings as text, then the tensors of the modules, in the catalog's order. */
static int hash_part(struct hasher *h, const char *settings, unsigned modules, char id[17]) {
    XXH3_64bits_reset(h->state);
    XXH3_64bits_update(h->state, settings, strlen(settings) + 1);
    for (size_t i = 0; i < h->catalog->n; i++) {
        const struct catalog_entry *e = &h->catalog->entries[i];
        if (modules & 1u << e->module) INFER_TRY(hash_tensor(h, e));
    }
    snprintf(id, 17, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(h->state));
    return INFER_OK;
}

static int hash_all(struct hasher *h, struct model_config *c) {
    char settings[256];
    const unsigned modules = catalog_modules_of(INFER_PART_FRAMES | INFER_PART_REFINER);
    snprintf(settings, sizeof settings,
             "backbone 1: %s %d; clip heads %d eps %.9g; dinov2 heads %d eps %.9g",
             config_recipe_name(c->recipe), c->picture_size, c->clip.heads, (double)c->clip.eps,
             c->dinov2.heads, (double)c->dinov2.eps);
    INFER_TRY(hash_part(h, settings, catalog_modules_of(INFER_PART_BACKBONES), c->backbone_id));
    INFER_TRY(hash_part(h, "location 1", catalog_modules_of(INFER_PART_LOCATION), c->location_id));
    snprintf(settings, sizeof settings, "model 1: %s; backbone %s; location %s; heads %d %d",
             c->architecture, c->backbone_id, c->location_id, c->tempgeo.heads, c->refiner.heads);
    return hash_part(h, settings, modules | 1u << CATALOG_M_SCALE, c->model_id);
}

int identity_compute(infer *ctx, const struct catalog *catalog,
                     struct weights *const files[CATALOG_FILES], struct model_config *config) {
    struct hasher h = {.ctx = ctx, .catalog = catalog, .files = files};
    h.state = XXH3_createState();
    if (!h.state) return infer_fail_memory(ctx, 576);
    int status = hash_all(&h, config);
    XXH3_freeState(h.state);
    free(h.buffer);
    return status;
}
