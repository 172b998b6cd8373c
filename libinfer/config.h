/* config.h - inside libinfer: a model folder's config.json (schemas/model.schema.json).
 *
 * Reading is strict: every key must be there, unknown keys are refused, and every number is checked
 * against its range before anything is made of it.
 */
#ifndef INFER_CONFIG_H
#define INFER_CONFIG_H

#include "modules.h"

#define CONFIG_FORMAT "vidtag-model"
#define CONFIG_VERSION 1

/* path: of config.json itself. INFER_EFORMAT names path, key and reason. */
int config_read(infer *ctx, const char *path, struct model_config *config);

/* Writes and flushes to disk. */
int config_write(infer *ctx, const char *path, const struct model_config *config);

/* Ranges, and that the modules fit each other. `path` is only for the message. */
int config_check(infer *ctx, const char *path, const struct model_config *config);

/* true if path is a config.json of this format, whatever its version and the rest of it. */
bool config_is_model(const char *path);

/* "stretch", "crop"; "mish", "relu". */
const char *config_recipe_name(enum infer_recipe recipe);
const char *config_activation(const struct model_config *config);

/* A JSON file of at most 1 MiB as a jansson value (void, to keep its type out of here), or NULL
 * with the context's message set. INFER_EFORMAT, INFER_EIO. */
int config_load_json(infer *ctx, const char *path, void **json);

#endif
