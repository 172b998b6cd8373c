/* learn_modules.h - inside libinfer: a learner's modules, and how they find their parameters. */
#ifndef INFER_LEARN_MODULES_H
#define INFER_LEARN_MODULES_H

#include "learn.h"
#include "learn_layer.h"

struct learn_frames;
struct learn_points;
struct learn_refiner;
struct learn_vit;

struct learner {
    infer *ctx;
    struct model_config config;
    unsigned modules, train; /* bits 1 << enum catalog_module */
    struct catalog catalog;
    struct learn_arena arena;
    struct learn_tensor *tensor; /* the arena's */
    struct learn_frames *frames; /* each NULL without its module */
    struct learn_points *points;
    struct learn_refiner *refiner;
    struct learn_vit *clip, *dinov2;
    struct scratch pass; /* learn_pass.c's */
};

static inline bool learn_has(const struct learner *learner, enum catalog_module module) {
    return learner->modules >> module & 1;
}
static inline bool learn_trains(const struct learner *learner, enum catalog_module module) {
    return learner->train >> module & 1;
}

int learn_frames_open(struct learner *learner);
void learn_frames_close(struct learn_frames *frames);
int learn_points_open(struct learner *learner);
void learn_points_close(struct learn_points *points);
int learn_refiner_open(struct learner *learner);
void learn_refiner_close(struct learn_refiner *refiner);
int learn_vit_open(struct learner *learner, enum catalog_module module, struct learn_vit **vit);
void learn_vit_close(struct learn_vit *vit);

/* Embedding sizes. */
size_t learn_frames_out(const struct learner *learner);
size_t learn_points_out(const struct learner *learner);
size_t learn_vit_out(const struct learner *learner, enum catalog_module module);
size_t learn_vit_pixels(const struct learner *learner); /* floats of one picture */

/* A parameter by its name, printf-like; `gradient` is NULL if it is frozen. The name must exist. */
struct learn_parameter {
    float *value, *gradient;
};
struct learn_parameter learn_parameter(const struct learner *learner, enum catalog_file file,
                                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* PREFIX + NAME + ".weight", ".bias". */
struct learn_linear learn_bind_linear(const struct learner *learner, enum catalog_file file,
                                      const char *prefix, const char *name, size_t in, size_t out);
struct learn_norm learn_bind_norm(const struct learner *learner, enum catalog_file file,
                                  const char *prefix, const char *name);
/* The layer that PyTorch calls PREFIX (which ends in a dot), in heads. */
void learn_bind_layer(const struct learner *learner, const char *prefix,
                      const struct transformer_config *config, bool decoder,
                      struct learn_layer *layer);

/* A run without, or with, dropout. */
struct learn_run learn_run_begin(const infer *ctx, struct learn_shape shape, size_t first,
                                 const struct learn_dropout *dropout);

/* y [videos][length][dim] = x + positions; and the gradient of positions [length][dim]. */
void learn_positions_forward(const infer *ctx, const float *x, const float *positions,
                             struct learn_shape shape, size_t dim, float *y);
void learn_positions_backward(const infer *ctx, const float *gradient, struct learn_shape shape,
                              size_t dim, float *dpositions);

#endif
