/* dataset.h - inside libinfer: the sources of one or several caches, to train on and to hold out.
 */
#ifndef INFER_DATASET_H
#define INFER_DATASET_H

#include "cache_read.h"
#include "random.h"

struct dataset_source {
    const struct cache *cache;
    struct cache_source in; /* it */
};

struct dataset {
    infer *ctx;
    struct cache **caches;
    size_t cache_count, dim;
    struct dataset_source *sources; /* those to train on, then those held out */
    size_t train, heldout;
    uint64_t frames; /* of the sources to train on */
};

/* What the caches must agree with. */
struct dataset_rules {
    const char *backbone; /* the model's */
    const char *model;    /* what messages call it */
    size_t dim;
    double heldout; /* the share of sources to hold out, by a hash of their names alone */
};

/* names: what messages call the caches; NULL: their paths. INFER_EVALUE: features of other
 * backbones; nothing left to train on or, where some should be, held out. */
int dataset_open(infer *ctx, const char *const *paths, const char *const *names, size_t n,
                 const struct dataset_rules *rules, struct dataset *data);
void dataset_close(struct dataset *data); /* safe on a zeroed struct */

/* Is a source of that name held out? It is with the same share in every data set. */
bool dataset_is_heldout(const char *name, double share);

/* How many of the sources to train on have fewer frames than that. */
size_t dataset_shorter(const struct dataset *data, size_t frames);

/* Frames of a source, by their places in it. features: [n][dim]; lonlat: [n][2]; either may be
 * NULL. INFER_EVALUE as cache_feature. */
int dataset_rows(const struct dataset *data, size_t source, const size_t *index, size_t n,
                 float *features, double *lonlat);

/* The places of n frames to train on, one drawn from each of n equal parts of them; where there are
 * fewer frames, of all. Returns how many. lonlat: [n][2]. */
size_t dataset_spread(const struct dataset *data, struct random_stream *r, size_t n,
                      double *lonlat);

/* A hash of what there is to train on. */
uint64_t dataset_digest(const struct dataset *data);

#endif
