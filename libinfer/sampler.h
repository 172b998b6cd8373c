/* sampler.h - inside libinfer: which sources and which of their frames a training step sees. */
#ifndef INFER_SAMPLER_H
#define INFER_SAMPLER_H

#include "infer.h"
#include "random.h"

enum sampler_kind {
    SAMPLER_CELLS, /* one random frame of each of T equal parts of the source (VidTAG suppl. A) */
    SAMPLER_RUN    /* T frames in a row, from a random one on */
};

/* T frames of a source of n, in ascending order; where n is less than T, frames are repeated, as
 * evenly as it goes. index: [T]. */
void sampler_frames(enum sampler_kind kind, struct random_stream *r, size_t n, size_t T,
                    size_t *index);

/* The middles of the cells, or of the source: what is the same each time. */
void sampler_middles(enum sampler_kind kind, size_t n, size_t T, size_t *index);

/* The sources of each step: in every epoch all of them in another random order, `batch` a step;
 * those left over when less than a batch remains wait for another epoch. */
struct sampler {
    uint64_t seed;
    size_t n, batch;
    size_t *order; /* of the epoch below */
    uint64_t epoch;
};

/* batch is made n where there are fewer sources. INFER_ENOMEM. */
int sampler_open(infer *ctx, uint64_t seed, size_t n, size_t batch, struct sampler *sampler);
void sampler_close(struct sampler *sampler);

uint64_t sampler_steps(const struct sampler *sampler); /* in an epoch */

/* The sources of that step: [batch], valid until the next call. Any step at any time. */
const size_t *sampler_step(struct sampler *sampler, uint64_t step);

#endif
