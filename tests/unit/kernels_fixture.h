/* kernels_fixture.h - what the tests of kernels share: the tables to compare, and numbers. */
#ifndef VT_KERNELS_FIXTURE_H
#define VT_KERNELS_FIXTURE_H

#include "libinfer/context.h"
#include "tests/unit/test.h"

#include <float.h>

#define MOST 2048
#define GUARD 12345.5F /* behind results */

static const struct infer_kernel_table *plain;
static const struct infer_kernel_table *sets[2]; /* NULL: not on this CPU */

/* Numbers in (-1, 1), the same at every run. */
static inline float noise(uint32_t *state) {
    *state = *state * 1664525U + 1013904223U;
    return (float)((double)(*state >> 8) / (1 << 23) - 1);
}

static inline void fill(float *x, size_t n, uint32_t seed, float scale) {
    for (size_t i = 0; i < n; i++) x[i] = scale * noise(&seed);
}

#endif
