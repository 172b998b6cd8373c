/* trainer.h - inside libinfer: what the files of the trainer share. */
#ifndef INFER_TRAINER_H
#define INFER_TRAINER_H

#include "dataset.h"
#include "learn.h"
#include "noise.h"
#include "sampler.h"
#include "schedule.h"
#include "train.h"
#include "weights.h"

struct infer_trainer {
    infer *ctx;
    infer_train_options o;      /* with the published sizes in place of 0 */
    struct model_config base;   /* the model's that it begins with */
    struct model_config config; /* and of what is written */
    struct learner *learner;
    struct dataset data;
    struct sampler sampler;
    struct schedule schedule;
    struct noise noise;
    infer_train_state s;
    uint64_t bad_looks; /* in a row, without improvement */

    struct views *views; /* phase 0's pictures */

    /* Places that frames are looked up among: `own` given or drawn, then the held-out frames'. */
    double *points; /* [point_count][2] */
    size_t own, point_count;
    float *point_rows; /* [point_count][dim]; phase II: embedded once */

    /* One step's, or one look's, sources: [rows][...], rows = videos x frames. */
    size_t rows;
    size_t *index, *found;           /* [rows] */
    double *lonlat, *noisy;          /* [rows][2] */
    float *features;                 /* [rows][feature] */
    float *embeddings, *gps, *truth; /* [rows][dim]; phase II and looks */
    double *negatives;               /* [negatives][2] */
    float *negative_rows;            /* [negatives][dim] */
    double *errors, *errors_before;  /* of a look: [held-out frames] */
    size_t look_sources;             /* how many of those held out a look takes */

    float *best; /* [count]: the values of the best look; NULL: none yet */
};

static inline size_t trainer_dim(const infer_trainer *t) {
    return (size_t)t->config.mlp.sizes[t->config.mlp.layers];
}

/* trainer.c: what the next step's loss and gradient would be; INFER_EVALUE if they are not finite.
 */
int trainer_probe(infer_trainer *t);

/* train_views.c: phase 0. */
int trainer_views_configure(infer_trainer *t);
int trainer_views_open(infer_trainer *t);
void trainer_views_close(infer_trainer *t);
int trainer_views_learn(infer_trainer *t); /* one step's loss and gradients */
int trainer_views_look(infer_trainer *t);  /* the share of held-out pairs that are not matched */
uint64_t trainer_views_digest(const infer_trainer *t);

/* train_setup.c: sizes, weights to begin with. */
int trainer_configure(infer_trainer *t);
int trainer_make_learner(infer_trainer *t);

/* train_location.c: branches from a released location encoder. With sizes NULL only its sizes are
 * read, into o; else its weights go into the learner. */
int trainer_location_sizes(infer_trainer *t);
int trainer_location_load(infer_trainer *t);

/* train_look.c: points, and the error on held-out sources. */
int trainer_choose_points(infer_trainer *t);
int trainer_embed_points(infer_trainer *t, const double *lonlat, size_t n, float *rows);
int trainer_embed_frames(infer_trainer *t, size_t videos, double dropout);
int trainer_look(infer_trainer *t);

#endif
