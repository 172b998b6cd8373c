/* vit.h - inside libinfer: where CLIP's and DINOv2's towers differ: tensors' names, and what
 * follows from which are there.
 */
#ifndef INFER_VIT_H
#define INFER_VIT_H

#include "kernels.h"

/* Names of tensors; NULL where a tower has no such thing. Those below `layer` follow its prefix. */
struct vit_names {
    const char *class_token, *positions, *patch_weight, *patch_bias;
    const char *before; /* a norm between the embeddings and the layers */
    const char *layer;  /* prefix with the number */
    const char *norm1, *query, *key, *value, *out, *scale1;
    const char *norm2, *up, *down, *scale2;
    const char *after, *projection;
    enum infer_activation activation;
};

extern const struct vit_names vit_names_clip, vit_names_dinov2;

#endif
