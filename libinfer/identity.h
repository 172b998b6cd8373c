/* identity.h - inside libinfer: the ids of a model, hashes of what it computes with.
 *
 * XXH3 (64 bits) over the names, shapes and float32 values of the tensors, sorted by name, and over
 * the settings that no tensor shows: picture recipe and size, head counts, norm epsilons. The file
 * format and the source's naming do not matter; float16 storage does, as it changes the values.
 */
#ifndef INFER_IDENTITY_H
#define INFER_IDENTITY_H

#include "catalog.h"
#include "weights.h"

/* Fills config's three ids. files: by enum catalog_file, holding every tensor of the catalog with
 * its shape. INFER_EVALUE names the first tensor with a number that is not finite. */
int identity_compute(infer *ctx, const struct catalog *catalog,
                     struct weights *const files[CATALOG_FILES], struct model_config *config);

/* The index of the first number that is not finite, or n. */
uint64_t identity_find_nonfinite(const float *x, uint64_t n);

#endif
