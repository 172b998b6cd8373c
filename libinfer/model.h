/* model.h - a model folder: import, load, and what a model computes.
 *
 * A model folder holds config.json (schemas/model.schema.json) and safetensors files that keep the
 * names of PyTorch and Hugging Face. vt-model(1) makes it, vt-model(5) describes it.
 */
#ifndef INFER_MODEL_H
#define INFER_MODEL_H

#include "infer.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct infer_model infer_model;

/* 8-bit RGB, rows from top to bottom, no padding between rows, display orientation. */
typedef struct infer_picture {
    int width, height;
    uint8_t *rgb; /* [height][width][3] */
} infer_picture;

enum infer_recipe {
    INFER_RECIPE_STRETCH =
        0,                /* whole frame to size x size, antialiased bilinear (VidTAG suppl. A) */
    INFER_RECIPE_CROP = 1 /* shortest edge to size, bicubic on 8 bits, centre crop (CLIP) */
};

/* The parts of a model; loading maps only the files that the parts asked for need. */
enum infer_part {
    INFER_PART_BACKBONES = 1, /* pictures to features */
    INFER_PART_FRAMES = 2,    /* features to frame embeddings: TempGeo and MLP, or GeoCLIP's MLP */
    INFER_PART_LOCATION = 4,  /* coordinates to point embeddings */
    INFER_PART_REFINER = 8    /* GeoRefiner */
};

typedef struct infer_model_info {
    const char *architecture; /* "vidtag" or "geoclip"; valid as long as the model */
    char backbone_id[17];     /* hex hash of the backbones and the picture recipe: features */
    char location_id[17];     /* of the location encoder: galleries */
    char model_id[17];        /* of the whole model: embeddings */
    unsigned parts;           /* enum infer_part: what the folder holds */
    int feature_dim;          /* 1792 for VidTAG, 768 for GeoCLIP */
    int embedding_dim;        /* 512; 0: backbones alone */
    int max_frames;           /* positions there are: the longest window; 0: no temporal module */
    int refiner_max_frames;   /* 0: no GeoRefiner */
    int picture_size;         /* 224 */
    enum infer_recipe recipe;
} infer_model_info;

/* What `vt-model import` takes; paths are a safetensors file, a .pth/.pt file, or a Hugging Face
 * folder with config.json. NULL: not given. */
typedef struct infer_import {
    const char *clip, *dinov2, *heads; /* VidTAG; heads NULL: backbones alone, for vt-frames */
    const char *image_mlp, *location, *logit_scale; /* GeoCLIP, with clip */
    int clip_heads, dinov2_heads;                   /* 0: from config.json, else 64 per head */
    int tempgeo_heads, refiner_heads;               /* 0: 8 */
    const char *recipe; /* "stretch", "crop"; NULL: the architecture's */
    const char *output; /* the folder to make */
    bool overwrite;     /* replace an existing model folder */
    bool half;          /* store float16 instead of float32 */
    FILE *unexpected;   /* where to list, one a line, tensors that no module takes; NULL: nowhere */
} infer_import;

/* Makes a model folder: whole or not at all. INFER_ETENSOR names the tensor that is missing or
 * mis-shaped, INFER_EFORMAT the file that is damaged, INFER_EEXIST an output that is there. */
int infer_model_import(infer *ctx, const infer_import *what);

/* Maps the weights that the parts (enum infer_part) need: float32 is used where it lies, other
 * types are converted into memory. Every tensor's name, type and shape in the mapped files is
 * checked; parts 0 maps and checks all files and computes nothing. INFER_EMODEL if a part asked for
 * is not there, INFER_EFORMAT or INFER_ETENSOR name the file and what is wrong with it. The context
 * must outlive the model; both belong to one thread at a time. */
int infer_model_load(infer *ctx, const char *folder, unsigned parts, infer_model **model);
void infer_model_close(infer_model *model);

/* Valid as long as the model. */
const infer_model_info *infer_model_describe(const infer_model *model);

/* Reads all weights of a folder and compares with the ids in its config.json: INFER_EFORMAT names
 * an id that differs, INFER_EVALUE a tensor with a number that is not finite. */
int infer_model_verify(infer *ctx, const char *folder);

/* Writes the architecture, sizes, parameter counts and ids as text, or as one JSON object.
 * INFER_EIO if `out` does not take it. */
int infer_model_print(infer_model *model, FILE *out, bool json);

/* Pictures to features (VidTAG section 3.1). out: float [n][feature_dim], unit rows for VidTAG; a
 * GeoCLIP feature is CLIP's projection as it comes. Needs INFER_PART_BACKBONES. */
int infer_pictures_encode(infer_model *model, const infer_picture *pictures, size_t n, float *out);

/* The same in two steps, for who gathers pictures that do not last. The first takes one picture
 * through the model's recipe to pixels: float [3][picture_size][picture_size], in [0, 1]; the
 * second computes the features of n of those, one after the other. */
int infer_picture_prepare(infer_model *model, const infer_picture *picture, float *pixels);
int infer_pixels_encode(infer_model *model, const float *pixels, size_t n, float *out);

/* Features of one source's frames, in order, to frame embeddings (section 3.2); n <= max_frames if
 * that is not 0. in: float [n][feature_dim]; out: float [n][embedding_dim], unit rows. Needs
 * INFER_PART_FRAMES. INFER_EVALUE names the row with a number that is not finite. */
int infer_frames_embed(infer_model *model, const float *features, size_t n, float *out);

/* Canonical WGS84 coordinates to point embeddings (section 3.3). in: double [n][2], lon and lat in
 * degrees; out: float [n][embedding_dim], unit rows. Needs INFER_PART_LOCATION. */
int infer_points_embed(infer_model *model, const double *lonlat, size_t n, float *out);

/* Frame embeddings and the GPS embeddings of their best points, in order, to refined embeddings
 * (section 3.4); n <= refiner_max_frames. All float [n][embedding_dim], unit rows. Needs
 * INFER_PART_REFINER. */
int infer_track_refine(infer_model *model, const float *frames, const float *gps, size_t n,
                       float *out);

#endif
