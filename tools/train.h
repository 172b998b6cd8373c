/* train.h - what the files of vt-train share: its settings, and features from streams to caches. */
#ifndef VT_TRAIN_H
#define VT_TRAIN_H

#include "cli.h"
#include "libinfer/train.h"

struct train {
    cli c;
    infer_train_options o;
    const char *state, *log, *cache;
    char *own_state; /* OUTPUT.state, where none is given */
    infer_train_lock *lock;
    double save_every_s;
    bool half, skip_errors, f32;
    infer *infer;

    /* Caches to train from: the operands that are, and one made of the streams. */
    const char **paths, **names;
    size_t path_count;
    FILE *made; /* unnamed; NULL: none */
    char made_path[64];
    bool partial; /* records were left out */

    double *points; /* of the galleries */
    infer_trainer *trainer;
};

/* train_options.c: the table, and what it fills in. */
extern const struct cli_option train_options[];
void train_parse(struct train *t);

/* train_input.c: prints what went wrong and returns false. train_input sets paths and names: the
 * streams' features go into an unnamed file, or, with --cache, into that one. */
bool train_input(struct train *t);
bool train_points(struct train *t);
void train_input_close(struct train *t);

#endif
