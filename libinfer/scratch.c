#include "scratch.h"
#include "context.h"

#include <stdlib.h>

int scratch_reserve(infer *ctx, struct scratch *scratch, size_t floats) {
    scratch->used = 0;
    if (floats <= scratch->capacity) return INFER_OK;
    if (floats > SIZE_MAX / sizeof(float) - SCRATCH_LINE) return infer_fail_memory(ctx, SIZE_MAX);
    size_t bytes = SCRATCH_ROUND(floats) * sizeof(float);
    scratch_free(scratch);
    scratch->data = aligned_alloc(SCRATCH_LINE * sizeof(float), bytes);
    if (!scratch->data) return infer_fail_memory(ctx, bytes);
    scratch->capacity = SCRATCH_ROUND(floats);
    return INFER_OK;
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
