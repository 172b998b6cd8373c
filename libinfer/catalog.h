/* catalog.h - inside libinfer: which tensors a model has, by name and shape.
 *
 * One generator says what belongs to a model of given sizes; import, load, the ids and the
 * parameter counts all go by its list, so that they cannot disagree.
 */
#ifndef INFER_CATALOG_H
#define INFER_CATALOG_H

#include "modules.h"

#include <stdbool.h>

#define CATALOG_NAME 112
#define CATALOG_DIMS 4

enum catalog_file { CATALOG_CLIP, CATALOG_DINOV2, CATALOG_HEADS, CATALOG_FILES };

enum catalog_module {
    CATALOG_M_CLIP,
    CATALOG_M_DINOV2,
    CATALOG_M_TEMPGEO,
    CATALOG_M_MLP,
    CATALOG_M_LOCATION,
    CATALOG_M_REFINER,
    CATALOG_M_SCALE,
    CATALOG_MODULES
};

struct catalog_entry {
    enum catalog_file file;
    enum catalog_module module;
    char name[CATALOG_NAME]; /* canonical, see modules.h */
    int ndim;
    uint64_t shape[CATALOG_DIMS];
    uint64_t count; /* of elements */
};

/* Sorted by file, then by the bytes of the name. */
struct catalog {
    struct catalog_entry *entries;
    size_t n, capacity;
};

/* "clip", "dinov2", "heads". */
extern const char *const catalog_file_names[CATALOG_FILES];
/* "clip", "dinov2", "tempgeo", "mlp", "location", "refiner", "logit_scale": as in config.json. */
extern const char *const catalog_module_names[CATALOG_MODULES];

/* The config's ranges must have been checked (config_check). INFER_ENOMEM only. */
int catalog_build(infer *ctx, const struct model_config *config, struct catalog *catalog);
void catalog_free(struct catalog *catalog);

/* NULL if the model has no such tensor. */
const struct catalog_entry *catalog_find(const struct catalog *catalog, enum catalog_file file,
                                         const char *name);

/* Must it stay float32 where the others are stored as float16? The location encoder's frequencies:
 * their rounding would turn phases by whole radians at sigma 256 and beyond. */
bool catalog_is_exact(const struct catalog_entry *entry);

/* How many numbers a module holds; 0 if the model has none. */
uint64_t catalog_parameters(const struct catalog *catalog, enum catalog_module module);

/* Which catalog_module bits (1 << module) the parts (enum infer_part) need. */
unsigned catalog_modules_of(unsigned parts);

/* "[64,3,14,14]"; "[]" for a scalar. text: at least CATALOG_SHAPE_TEXT bytes. */
#define CATALOG_SHAPE_TEXT 192
const char *catalog_shape(const uint64_t *shape, int ndim, char *text);

#endif
