#include "scratch.h"
#include "context.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE ((size_t)2 << 20)       /* a huge page: x86-64, and AArch64 with pages of 4 kB */
#define HUGE_WORTH ((size_t)8 << 20) /* bytes from which less than a quarter is rounding */

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

float *scratch_floats(size_t floats) {
    if (floats > (SIZE_MAX - HUGE) / sizeof(float)) return NULL;
    size_t bytes = SCRATCH_ROUND(floats) * sizeof(float);
    if (bytes < HUGE_WORTH) return aligned_alloc(SCRATCH_LINE * sizeof(float), bytes);
    bytes = round_up(bytes, HUGE);
    float *data = aligned_alloc(HUGE, bytes);
#if defined(MADV_HUGEPAGE)
    if (data)
        (void)madvise(data, bytes, MADV_HUGEPAGE); /* without them it is as good, but slower */
#endif
    return data;
}

bool scratch_hold(struct scratch *scratch, size_t floats) {
    scratch->used = 0;
    if (floats <= scratch->capacity) return true;
    scratch_free(scratch);
    scratch->data = scratch_floats(floats);
    if (scratch->data) scratch->capacity = SCRATCH_ROUND(floats);
    return scratch->data;
}

int scratch_reserve(infer *ctx, struct scratch *scratch, size_t floats) {
    if (scratch_hold(scratch, floats)) return INFER_OK;
    bool countable = floats <= SIZE_MAX / sizeof(float);
    return infer_fail_memory(ctx, countable ? floats * sizeof(float) : SIZE_MAX);
}

float *scratch_take(struct scratch *scratch, size_t n) {
    float *taken = scratch->data + scratch->used;
    scratch->used += SCRATCH_ROUND(n);
    return taken;
}

void scratch_free(struct scratch *scratch) {
    free(scratch->data);
    *scratch = (struct scratch){0};
}
