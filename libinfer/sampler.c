#include "sampler.h"

#include "context.h"

#include <stdlib.h>

/* Frame `at` of the cell: cells are as even as whole frames allow, and never empty. */
static void cell_of(size_t n, size_t T, size_t i, size_t *first, size_t *size) {
    size_t begin = i * n / T, end = (i + 1) * n / T;
    *first = begin;
    *size = end > begin ? end - begin : 1;
}

void sampler_frames(enum sampler_kind kind, struct random_stream *r, size_t n, size_t T,
                    size_t *index) {
    if (kind == SAMPLER_RUN && n >= T) {
        size_t first = (size_t)random_below(r, n - T + 1);
        for (size_t i = 0; i < T; i++) index[i] = first + i;
        return;
    }
    for (size_t i = 0; i < T; i++) {
        size_t first, size;
        cell_of(n, T, i, &first, &size);
        index[i] = first + (size_t)random_below(r, size);
    }
}

void sampler_middles(enum sampler_kind kind, size_t n, size_t T, size_t *index) {
    for (size_t i = 0; i < T; i++) {
        size_t first, size;
        cell_of(n, T, i, &first, &size);
        index[i] = kind == SAMPLER_RUN && n >= T ? (n - T) / 2 + i : first + size / 2;
    }
}

/* ------------------------------------------------------------------- sources */

static void shuffle(struct sampler *s, uint64_t epoch) {
    struct random_stream r;
    random_start(&r, s->seed, RANDOM_ORDER, epoch);
    for (size_t i = 0; i < s->n; i++) s->order[i] = i;
    random_permute(&r, s->order, s->n);
    s->epoch = epoch;
}

int sampler_open(infer *ctx, uint64_t seed, size_t n, size_t batch, struct sampler *s) {
    *s = (struct sampler){.seed = seed, .n = n, .batch = batch < n ? batch : n};
    if (!s->batch) return infer_fail(ctx, INFER_EUSAGE, "there is no source to sample from");
    s->order = calloc(n, sizeof *s->order);
    if (!s->order) return infer_fail_memory(ctx, n * sizeof *s->order);
    shuffle(s, 0);
    return INFER_OK;
}

void sampler_close(struct sampler *s) {
    free(s->order);
    *s = (struct sampler){0};
}

uint64_t sampler_steps(const struct sampler *s) {
    return s->n / s->batch;
}

const size_t *sampler_step(struct sampler *s, uint64_t step) {
    uint64_t epoch = step / sampler_steps(s);
    if (epoch != s->epoch) shuffle(s, epoch);
    return s->order + (size_t)(step % sampler_steps(s)) * s->batch;
}
