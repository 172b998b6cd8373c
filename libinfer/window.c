#include "window.h"
#include "context.h"
#include "kernels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Rows are counted from the start of the source. Windows start at every multiple of `stride`, as
 * long as they are full; one more ends at the last row if none of them does. */
struct infer_window {
    infer *ctx;
    size_t length, stride, in_dim, out_dim;
    infer_window_fn fn;
    void *user;

    size_t pushed;   /* rows of this source so far */
    size_t computed; /* rows that some window has computed */
    size_t taken;
    size_t start; /* of the next window */
    bool finished;

    float *in; /* [2 length][in_dim], rows from in_first on; at least the last `length` */
    size_t in_first;
    float *one; /* [length][out_dim]: what fn makes */
    float *out; /* [out_capacity][out_dim], rows from `taken` to `computed` */
    bool *shared;
    size_t out_capacity;
};

static void restart(infer_window *window) {
    window->pushed = window->computed = window->taken = window->start = window->in_first = 0;
    window->finished = false;
}

int infer_window_open(infer *ctx, size_t length, size_t in_dim, size_t out_dim, infer_window_fn fn,
                      void *user, infer_window **out) {
    *out = NULL;
    if (!length || !in_dim || !out_dim)
        return infer_fail(ctx, INFER_EUSAGE, "a window needs a length and rows that are not empty");
    infer_window *window = calloc(1, sizeof *window);
    if (!window) return infer_fail_memory(ctx, sizeof *window);
    window->ctx = ctx;
    window->length = length;
    window->stride = length - length / 4;
    window->in_dim = in_dim;
    window->out_dim = out_dim;
    window->fn = fn;
    window->user = user;
    window->in = calloc(length, 2 * in_dim * sizeof *window->in);
    window->one = calloc(length, out_dim * sizeof *window->one);
    if (!window->in || !window->one) {
        infer_window_close(window);
        return infer_fail_memory(ctx, length * (2 * in_dim + out_dim) * sizeof(float));
    }
    *out = window;
    return INFER_OK;
}

void infer_window_close(infer_window *window) {
    if (!window) return;
    free(window->in);
    free(window->one);
    free(window->out);
    free(window->shared);
    free(window);
}

/* Room for rows up to `end`. A caller that takes what is final needs two windows at most. */
static int make_room(infer_window *window, size_t end) {
    size_t rows = end - window->taken;
    if (rows <= window->out_capacity) return INFER_OK;
    size_t capacity = rows + window->length;
    float *out = reallocarray(window->out, capacity, window->out_dim * sizeof *out);
    if (!out) return infer_fail_memory(window->ctx, capacity * window->out_dim * sizeof *out);
    window->out = out;
    bool *shared = realloc(window->shared, capacity * sizeof *shared);
    if (!shared) return infer_fail_memory(window->ctx, capacity * sizeof *shared);
    window->shared = shared;
    window->out_capacity = capacity;
    return INFER_OK;
}

/* Rows that earlier windows have computed: from them to the new one along a linear ramp. */
static void blend(infer_window *window, size_t start) {
    size_t dim = window->out_dim, rows = window->computed - start;
    for (size_t i = 0; i < rows; i++) {
        float weight = (float)(i + 1) / (float)(rows + 1);
        float *row = window->out + (start + i - window->taken) * dim;
        const float *new = window->one + i *dim;
        for (size_t d = 0; d < dim; d++) row[d] = (1 - weight) * row[d] + weight * new[d];
        window->shared[start + i - window->taken] = true;
    }
}

/* Computes the window of n rows at `start`, which leaves no row uncomputed before it. */
static int compute(infer_window *window, size_t start, size_t n) {
    size_t dim = window->out_dim, end = start + n;
    INFER_TRY(make_room(window, end));
    INFER_TRY(window->fn(window->user, window->in + (start - window->in_first) * window->in_dim, n,
                         window->one));
    blend(window, start);
    for (size_t i = window->computed; i < end; i++) {
        memcpy(window->out + (i - window->taken) * dim, window->one + (i - start) * dim,
               dim * sizeof *window->out);
        window->shared[i - window->taken] = false;
    }
    window->computed = end;
    window->start = start + window->stride;
    return INFER_OK;
}

int infer_window_push(infer_window *window, const float *row) {
    if (window->finished) {
        if (window->taken < window->computed)
            return infer_fail(window->ctx, INFER_EUSAGE,
                              "rows of the last source must be taken before the next one starts");
        restart(window);
    }
    size_t length = window->length, dim = window->in_dim;
    if (window->pushed - window->in_first == 2 * length) {
        memmove(window->in, window->in + length * dim, length * dim * sizeof *window->in);
        window->in_first += length;
    }
    memcpy(window->in + (window->pushed - window->in_first) * dim, row, dim * sizeof *row);
    window->pushed++;
    if (window->start + length > window->pushed) return INFER_OK;
    int status = compute(window, window->start, length);
    if (status != INFER_OK) restart(window);
    return status;
}

int infer_window_finish(infer_window *window) {
    size_t n = window->pushed < window->length ? window->pushed : window->length;
    int status = INFER_OK;
    if (!window->finished && window->computed < window->pushed)
        status = compute(window, window->pushed - n, n);
    if (status != INFER_OK)
        restart(window);
    else
        window->finished = true;
    return status;
}

/* Until the source ends, its last window may still begin at any of the last `length` rows. */
static size_t final_rows(const infer_window *window) {
    if (window->finished) return window->computed;
    return window->pushed > window->length ? window->pushed - window->length : 0;
}

size_t infer_window_take(infer_window *window, float *out, size_t capacity) {
    size_t dim = window->out_dim, ready = final_rows(window) - window->taken;
    size_t n = ready < capacity ? ready : capacity;
    size_t left = window->computed - window->taken - n;
    if (!n) return 0;
    for (size_t i = 0; i < n; i++)
        if (window->shared[i]) window->ctx->kernels->normalize(window->out + i * dim, dim);
    memcpy(out, window->out, n * dim * sizeof *out);
    memmove(window->out, window->out + n * dim, left * dim * sizeof *out);
    memmove(window->shared, window->shared + n, left * sizeof *window->shared);
    window->taken += n;
    return n;
}
