/* bench.h - a benchmark is a program that checks what it times against the plain kernels first. */
#ifndef VT_BENCH_H
#define VT_BENCH_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of the fastest of three runs, after one to warm up. */
static inline double bench_best(void (*run)(void *), void *user) {
    double best = INFINITY;
    run(user);
    for (int i = 0; i < 3; i++) {
        double begun = bench_now();
        run(user);
        best = fmin(best, bench_now() - begun);
    }
    return best;
}

static inline void bench_report(const char *name, double value, const char *unit) {
    printf("%-34s %12.4g %s\n", name, value, unit);
}

/* Random numbers in (-scale, scale), the same at every run; ends the program for want of memory. */
static inline float *bench_random(size_t n, float scale) {
    static unsigned state = 1;
    float *x = malloc(n * sizeof *x);
    if (!x) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525U + 1013904223U;
        x[i] = scale * ((float)(state >> 8) / (float)(1 << 23) - 1);
    }
    return x;
}

#endif
