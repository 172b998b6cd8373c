/* random.h - inside libinfer: the random numbers of training.
 *
 * A stream is named by seed, purpose and index, so that the numbers of step 7 can be had without
 * those of the steps before it: a training that resumes draws what an undisturbed one would have
 * drawn, and nothing of the generator needs saving.
 */
#ifndef INFER_RANDOM_H
#define INFER_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum random_purpose {
    RANDOM_ORDER = 1, /* of the sources in an epoch; index: the epoch */
    RANDOM_FRAMES,    /* which frames of a source; index: the step */
    RANDOM_NOISE,     /* of phase II's coordinates; index: the step */
    RANDOM_DROPOUT,   /* index: the step */
    RANDOM_WEIGHTS,   /* fresh ones; index: a hash of the tensor's name */
    RANDOM_POINTS,    /* which points stand for a gallery */
    RANDOM_VIEWS      /* phase 0: which pictures, and how they are changed; index: the step */
};

/* xoshiro256** (Blackman, Vigna 2018), seeded through splitmix64. */
struct random_stream {
    uint64_t state[4];
};

void random_start(struct random_stream *r, uint64_t seed, enum random_purpose purpose,
                  uint64_t index);
uint64_t random_bits(struct random_stream *r);
double random_unit(struct random_stream *r);                       /* [0, 1), 53 bits */
double random_range(struct random_stream *r, double a, double b);  /* [a, b) */
uint64_t random_below(struct random_stream *r, uint64_t n);        /* 0 to n - 1, unbiased; n > 0 */
double random_normal(struct random_stream *r);                     /* mean 0, deviation 1 */
void random_permute(struct random_stream *r, size_t *x, size_t n); /* Fisher and Yates */

/* A word that is as good as random, of two. */
uint64_t random_mix(uint64_t a, uint64_t b);

#endif
