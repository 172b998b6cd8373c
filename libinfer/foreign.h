/* foreign.h - inside libinfer: weights as others publish them, seen under canonical names.
 *
 * A source is a safetensors or .pth file, or a Hugging Face folder (one file, or shards with an
 * index). Prefixes of wrappers and training checkpoints are taken off, FAIR's DINOv2 names are
 * translated and its fused attention matrix is cut into query, key and value.
 */
#ifndef INFER_FOREIGN_H
#define INFER_FOREIGN_H

#include "catalog.h"
#include "weights.h"

/* What a source is to give; each kind has its own prefixes and names. */
enum foreign_kind {
    FOREIGN_CLIP,
    FOREIGN_DINOV2,
    FOREIGN_HEADS,
    FOREIGN_IMAGE_MLP,
    FOREIGN_LOCATION,
    FOREIGN_LOGIT_SCALE,
    FOREIGN_KINDS
};

struct foreign_tensor {
    char name[CATALOG_NAME];      /* canonical */
    struct weights_tensor tensor; /* its name is the file's; maybe a part of the file's tensor */
    const char *path;             /* of the file that holds it */
};

/* What Hugging Face's config.json says; 0, "" or NaN where it says nothing. */
struct foreign_config {
    char path[4096]; /* "": there is none */
    char hidden_act[32];
    int heads, dim, layers, mlp, image_size, patch_size, projection;
    double eps, mlp_ratio;
};

struct foreign;

int foreign_open(infer *ctx, enum foreign_kind kind, const char *path, struct foreign **foreign);
void foreign_close(struct foreign *foreign);

/* As given. */
const char *foreign_path(const struct foreign *foreign);
const struct foreign_config *foreign_config(const struct foreign *foreign);

/* By canonical name; NULL if it is not there. */
const struct foreign_tensor *foreign_find(const struct foreign *foreign, const char *name);

/* How many layers there are: 1 + the greatest N of the names that start with "prefixN.". */
int foreign_layers(const struct foreign *foreign, const char *prefix);

/* Lists tensors that no entry of the catalog takes and that are not known to be beside the point
 * (CLIP's text tower, a checkpoint's optimizer), one a line. */
void foreign_list_unexpected(const struct foreign *foreign, const struct catalog *catalog,
                             FILE *out);

#endif
