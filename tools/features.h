/* features.h - what vt-frames does with one source: its frames to records with features, in batches
 * of pictures, in order, then the record that ends it. */
#ifndef VT_FEATURES_H
#define VT_FEATURES_H

#include "cli.h"
#include "libgallery/record.h"
#include "libinfer/media.h"
#include "libinfer/model.h"
#include "truth.h"

/* Pictures that wait for one call of the model: as many as it computes at once. */
#define FEATURES_BATCH 8

struct features_item {
    long index;
    double t_s;
    char *error; /* NULL: there are pixels */
    bool has_truth;
    double truth[2]; /* lon, lat */
};

struct features {
    const cli *c;
    infer *infer;
    infer_model *model;
    const infer_model_info *info;
    gallery_context *gallery;
    struct cli_output out;
    struct cli_progress progress;
    struct features_item items[FEATURES_BATCH];
    int n;
    float *pixels; /* [FEATURES_BATCH][3][size][size], of the items without an error */
    size_t pictures;
    float *features; /* [FEATURES_BATCH][feature_dim] */
    unsigned long long frames, expected;
    bool errors; /* some frame could not be decoded */
    bool go_on;  /* a source that cannot be read becomes an error record, and ends nothing */
    unsigned long long lost; /* sources that did */
};

/* Opens contexts, model and output. features_close also after a failure. The functions print what
 * went wrong and return false. */
bool features_open(struct features *f, const cli *c);
bool features_run(struct features *f, infer_source *source, const struct truth *truth);

/* A source of that name cannot be read, from its frame `frame` on: with go_on, a record says so and
 * the source ends; else, and where it is no fault of the source's, this fails. */
bool features_lose(struct features *f, const char *source, int status, const char *message,
                   long frame);

/* Commits the output if all went well, else leaves none. Returns the exit status. */
int features_close(struct features *f, bool ok);

#endif
