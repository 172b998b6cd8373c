/* modules.h - inside libinfer: the model's modules, their sizes and their weights.
 *
 * model.c reads config.json into `struct model_config` and finds tensors by their canonical names;
 * each module binds the pointers it needs once, when the model is loaded, and computes on them.
 * Canonical names: clip.* is without a prefix in clip.safetensors ("vision_model....",
 * "visual_projection.weight"), dinov2.safetensors holds Hugging Face's Dinov2Model names,
 * heads.safetensors "tempgeo.*", "location_encoder.*", "georefiner.*", "image_mlp.N.*",
 * "logit_scale".
 */
#ifndef INFER_MODULES_H
#define INFER_MODULES_H

#include "kernels.h"
#include "model.h"
#include "scratch.h"

#define MODEL_MAX_LAYERS 64  /* of one encoder */
#define MODEL_MAX_BRANCHES 8 /* of the location encoder */
#define MODEL_MAX_MLP 8

struct vit_config {
    int present;
    int image_size; /* of the position grid: image_size / patch_size squared */
    int patch_size, dim, layers, heads, mlp;
    int projection; /* CLIP; 0 for DINOv2 */
    float eps;
};
struct transformer_config { /* TempGeo, GeoRefiner */
    int present;
    int dim, heads, ff, max_frames;
    int encoder_layers, decoder_layers;
};
struct mlp_config { /* sizes[0] in, sizes[layers] out */
    int present;
    int layers, sizes[MODEL_MAX_MLP + 1];
};
struct location_config {
    int present;
    int branches, frequencies, hidden, hidden_layers, out; /* hidden_layers: 3 as published */
};
struct model_config {
    char architecture[16]; /* "vidtag", "geoclip" */
    enum infer_recipe recipe;
    int picture_size;
    struct vit_config clip, dinov2;
    struct transformer_config tempgeo, refiner;
    struct mlp_config mlp; /* TempGeo's head (Mish) or GeoCLIP's image MLP (ReLU) */
    struct location_config location;
    char backbone_id[17], location_id[17], model_id[17];
    char files[3][64]; /* in the folder, by enum catalog_file; "": none */
};

struct vit;
struct tempgeo;
struct location;
struct refiner;

/* The tensor of that canonical name, float32, row-major; model_load has checked that it is there.
 * `file` is "clip", "dinov2" or "heads". */
const float *model_tensor(const infer_model *model, const char *file, const char *name);

/* Each module: bind at load, run, free. They fail only for want of memory. Scratch memory belongs
 * to the module and grows to the largest batch it has seen. */
int vit_bind(infer *ctx, const infer_model *model, const struct vit_config *config,
             int picture_size, const char *file, struct vit **vit);
/* pixels: float [n][3][size][size], normalised; out: float [n][projection or dim]. */
int vit_forward(struct vit *vit, const float *pixels, size_t n, float *out);
void vit_free(struct vit *vit);

/* attended: float [n][dim], may be NULL; out: float [n][mlp out], unit rows. For GeoCLIP (config of
 * the transformer not present) the MLP alone. */
int tempgeo_bind(infer *ctx, const infer_model *model, const struct transformer_config *config,
                 const struct mlp_config *mlp, struct tempgeo **tempgeo);
int tempgeo_forward(struct tempgeo *tempgeo, const float *features, size_t n, float *attended,
                    float *out);
void tempgeo_free(struct tempgeo *tempgeo);

/* lonlat: double [n][2]; raw: float [n][out] before the norm, may be NULL; out: unit rows. */
int location_bind(infer *ctx, const infer_model *model, const struct location_config *config,
                  struct location **location);
int location_forward(struct location *location, const double *lonlat, size_t n, float *raw,
                     float *out);
void location_free(struct location *location);

int refiner_bind(infer *ctx, const infer_model *model, const struct transformer_config *config,
                 struct refiner **refiner);
int refiner_forward(struct refiner *refiner, const float *frames, const float *gps, size_t n,
                    float *out);
void refiner_free(struct refiner *refiner);

/* A picture through a recipe. out: float [3][size][size], normalised with mean and std. (picture.c)
 */
int picture_prepare(infer *ctx, const infer_picture *picture, enum infer_recipe recipe, int size,
                    const float mean[3], const float std[3], float *out);
/* Pictures beyond these sizes are refused before anything is allocated for them. */
#define PICTURE_MAX_SIDE 65535
#define PICTURE_MAX_PIXELS 210000000 /* phones make photos of 200 megapixels */
#define PICTURE_MAX_VIDEO (1 << 26)  /* of a frame, of which a decoder keeps many; 8K has 2^25 */
int picture_check_size(infer *ctx, int64_t width, int64_t height);
extern const float picture_clip_mean[3], picture_clip_std[3];
extern const float picture_imagenet_mean[3], picture_imagenet_std[3];

/* Inside struct infer_model, for forward.c (which holds the public calls of model.h that compute).
 */
struct infer_model {
    infer *ctx;
    struct model_config config;
    infer_model_info info;
    struct model_files *files; /* model.c's: open weights, converted tensors */
    struct vit *clip, *dinov2;
    struct tempgeo *tempgeo;
    struct location *location;
    struct refiner *refiner;
    struct scratch scratch; /* forward.c's, for pictures */
};

#endif
