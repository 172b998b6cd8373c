/* noise.h - numbers drawn from a seed: the same on every machine and in any order. */
#ifndef WORLD_NOISE_H
#define WORLD_NOISE_H

#include <math.h>
#include <stdint.h>

/* SplitMix64's finaliser. */
static inline uint64_t noise_mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* A number for thing `b` of family `a`; nothing is drawn from a sequence, so that threads share
 * none. */
static inline uint64_t noise_of(uint64_t a, uint64_t b) {
    return noise_mix(noise_mix(a + 0x9E3779B97F4A7C15u) + (b + 1) * 0x9E3779B97F4A7C15u);
}

/* In [0, 1). */
static inline double noise_unit(uint64_t h) {
    return (double)(h >> 11) * 0x1p-53;
}

static inline double noise_between(uint64_t h, double low, double high) {
    return low + (high - low) * noise_unit(h);
}

/* A sequence, where one thread draws all. */
struct noise {
    uint64_t seed, drawn;
};

static inline uint64_t noise_next(struct noise *n) {
    return noise_of(n->seed, n->drawn++);
}

static inline double noise_draw(struct noise *n, double low, double high) {
    return noise_between(noise_next(n), low, high);
}

#endif
