#include "random.h"

#include <math.h>

static uint64_t splitmix(uint64_t *x) {
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t random_mix(uint64_t a, uint64_t b) {
    uint64_t x = a;
    x = splitmix(&x) ^ b;
    return splitmix(&x);
}

void random_start(struct random_stream *r, uint64_t seed, enum random_purpose purpose,
                  uint64_t index) {
    uint64_t x = random_mix(random_mix(seed, (uint64_t)purpose), index);
    for (int i = 0; i < 4; i++) r->state[i] = splitmix(&x);
}

static uint64_t rotate(uint64_t x, int k) {
    return x << k | x >> (64 - k);
}

uint64_t random_bits(struct random_stream *r) {
    uint64_t *s = r->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double random_unit(struct random_stream *r) {
    return (double)(random_bits(r) >> 11) * 0x1p-53;
}

double random_range(struct random_stream *r, double a, double b) {
    return a + (b - a) * random_unit(r);
}

uint64_t random_below(struct random_stream *r, uint64_t n) {
    uint64_t least = (0 - n) % n; /* 2^64 mod n numbers are too many */
    for (;;) {
        uint64_t x = random_bits(r);
        if (x >= least) return x % n;
    }
}

/* Box and Muller; the second of the pair is not kept, so that a stream has no more state. */
double random_normal(struct random_stream *r) {
    double u = 1 - random_unit(r), v = random_unit(r);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

void random_permute(struct random_stream *r, size_t *x, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)random_below(r, i), swap = x[i - 1];
        x[i - 1] = x[j];
        x[j] = swap;
    }
}
