/* train.h - training: the heads of a model on cached features, as published and otherwise.
 *
 * Phase 0 trains small backbones from nothing, by place matching: of two views of a place, under
 * other light and traffic, each is to be nearer to the other than to any other place (InfoNCE).
 * Phase I trains TempGeo, the MLP, the location encoder and the logit scale; phase II GeoRefiner
 * (VidTAG section 3, supplement A and B). A trainer takes one step at a time, so that its caller
 * decides when to save, to report and to stop. The same options, data and seed give the same
 * weights, bit for bit, whatever the number of threads and whether or not training was interrupted.
 */
#ifndef INFER_TRAIN_H
#define INFER_TRAIN_H

#include "infer.h"

#include <stdbool.h>

#define INFER_TRAIN_MLP_MAX 7      /* hidden layers of the frames' MLP */
#define INFER_TRAIN_BRANCHES_MAX 8 /* of the location encoder */

typedef struct infer_trainer infer_trainer;

enum infer_train_noise {
    INFER_NOISE_PUBLISHED = 0, /* jitter, one shift, and collapses (supplement B.1) */
    INFER_NOISE_OWN            /* what the model itself finds for the frames among the points */
};

/* A length on the ground: degrees on both axes, as published, or metres. */
typedef struct infer_length {
    double value;
    bool metres;
} infer_length;

typedef struct infer_train_options {
    int phase; /* 0, 1 or 2 */
    /* Data: caches (cache.h), and what messages call them (NULL: the paths). Phase 0: safetensors
     * files with `pictures` U8 [n][2][height][width][3], two views of each place. */
    const char *const *caches, *const *cache_names;
    size_t cache_count;
    /* The model whose backbones made the features; phase II also takes its trained heads. What is
     * trained starts fresh, or, with `go_on`, from the model's own. */
    const char *model;
    bool go_on;
    const char *location; /* weights of a location encoder to begin with, as GeoCLIP's; NULL */
    uint64_t seed;

    /* Sizes of what starts fresh; 0: the published ones. */
    bool frame_wise;                                   /* no TempGeo: each frame alone */
    int dim;                                           /* of an embedding */
    int layers, decoder_layers, heads, ff, max_frames; /* of TempGeo or GeoRefiner; max_frames 0:
                                                          `frames` */
    int mlp[INFER_TRAIN_MLP_MAX], mlp_count;
    int location_hidden, frequencies;
    double sigma[INFER_TRAIN_BRANCHES_MAX];
    int branches;

    /* Phase 0: pixels a side of a picture and of a patch, and of both backbones: width, layers,
     * CLIP's projection; `heads` and `ff` too. The temperature of the loss. */
    int picture, patch, width, depth, projection;
    double temperature;

    /* The course. */
    uint64_t steps, epochs; /* one of them is 0 */
    size_t batch, frames;   /* sources a step, frames of each */
    size_t micro;           /* sources in memory at once; 0: all */
    bool in_a_row;          /* frames that follow each other, not one of each part of the source */
    double rate, decay;
    bool cosine; /* else exponential: times decay after each epoch */
    uint64_t warmup;
    double clip; /* the gradient's norm at most; 0: as it is */
    double dropout;
    size_t negatives; /* phase I, contrastive phase II: further points a step */

    /* Phase II. */
    bool contrastive;
    enum infer_train_noise noise;
    double
        own_dropout; /* of phase I while it finds them: mistakes as frequent as on other footage */
    double collapse;
    infer_length jitter_least, jitter_most, shift;

    /* Sources (phase 0: pairs) held out, to measure the error and to stop where it no longer falls.
     */
    double heldout;           /* their share; 0: none */
    uint64_t every, patience; /* steps between two looks, 0: an epoch, at least 100; looks without
                                 improvement before it stops, 0: never */

    /* Points to look frames up in, lon and lat: a gallery's; NULL: the data's own. Copied. */
    const double *points;
    size_t point_count; /* without points: how many to take of the data's own */
} infer_train_options;

/* The published settings of a phase. */
void infer_train_defaults(int phase, infer_train_options *options);

/* Checks and loads everything; the strings of the options must outlive the trainer. INFER_EUSAGE:
 * options that do not fit; INFER_EMODEL, INFER_EVALUE, INFER_EFORMAT, INFER_ETENSOR: model or data
 * that do not. */
int infer_trainer_open(infer *ctx, const infer_train_options *options, infer_trainer **trainer);
void infer_trainer_close(infer_trainer *trainer); /* NULL is fine */

typedef struct infer_train_state {
    uint64_t step, steps; /* done, and in all */
    uint64_t epoch, epoch_steps;
    size_t sources, heldout, shorter; /* trained on; held out; of fewer frames than a step takes */
    uint64_t frames;
    double loss, rate, norm; /* of the last step; the norm before clipping */
    double scale;            /* exp(logit scale) */
    double hits;             /* the share of frames whose own place is the nearest; not phase II */
    double heldout_error;    /* at the last look: the median in metres; phase 0: the share of pairs
                                that were not matched; NaN: no look yet */
    double initial_m;        /* phase II: without GeoRefiner */
    double best_error;       /* the least so far */
    uint64_t best_step;
    bool looked;  /* the last step was followed by a look */
    bool stopped; /* it stopped early */
} infer_train_state;

void infer_trainer_state(const infer_trainer *trainer, infer_train_state *state);

/* One step; INFER_END when there is nothing more to do. INFER_EVALUE: the loss or the gradient is
 * not a finite number; the weights are then still those before the step. */
int infer_trainer_step(infer_trainer *trainer);

/* Writes all that an undisturbed run would have at this step into a file, whole or not at all,
 * replacing what is there. INFER_EVALUE, and nothing is replaced: the weights, or the next step's
 * loss, are not finite any more. */
int infer_trainer_save(infer_trainer *trainer, const char *path);

/* Goes on from such a file. INFER_EVALUE: it is of another training; the message names what
 * differs. Settings of rate and duration may differ: *changed, to be freed, then names them, else
 * it is NULL. */
int infer_trainer_resume(infer_trainer *trainer, const char *path, char **changed);

/* Keeps other trainings away from a state, which need not be there yet, by a lock on a file beside
 * it. INFER_EEXIST: another one has it. To be taken before a state is read, and released at the
 * end; what a killed process leaves behind locks nobody out. */
typedef struct infer_train_lock infer_train_lock;
int infer_train_lock_take(infer *ctx, const char *path, infer_train_lock **lock);
void infer_train_lock_release(infer_train_lock *lock); /* NULL is fine */

/* Makes the model folder: backbones as they were, heads as they are now, or as they were when the
 * held-out error was least. half: heads in float16. Whole or not at all. */
int infer_trainer_write(infer_trainer *trainer, const char *folder, bool half, bool overwrite);

/* Can the folder be made? INFER_EEXIST. */
int infer_trainer_check_output(infer *ctx, const char *folder, bool overwrite);

#endif
