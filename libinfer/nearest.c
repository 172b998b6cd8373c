#include "nearest.h"

#include "context.h"
#include "kernels.h"

#include <math.h>
#include <stdlib.h>

#define ROWS ((size_t)64)
#define POINTS ((size_t)512)

/* One block of rows against all points, tile by tile; scores: [ROWS][POINTS]. */
static void find_block(const infer *ctx, const float *rows, size_t n, const float *points, size_t m,
                       size_t dim, float *scores, size_t *best) {
    float most[ROWS];
    for (size_t at = 0; at < m; at += POINTS) {
        size_t some = m - at < POINTS ? m - at : POINTS;
        ctx->kernels->gemm(n, some, dim, 1, rows, dim, points + at * dim, dim, 1, 0, scores,
                           POINTS);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < some; k++)
                if ((!at && !k) || scores[i * POINTS + k] > most[i]) {
                    most[i] = scores[i * POINTS + k];
                    best[i] = at + k;
                }
    }
}

int nearest_find(infer *ctx, const float *rows, size_t n, const float *points, size_t m, size_t dim,
                 size_t *best) {
    size_t blocks = (n + ROWS - 1) / ROWS;
    float *scores = malloc((blocks ? blocks : 1) * ROWS * POINTS * sizeof *scores);
    if (!scores) return infer_fail_memory(ctx, blocks * ROWS * POINTS * sizeof *scores);
#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic)
    for (size_t b = 0; b < blocks; b++) {
        size_t at = b * ROWS, some = n - at < ROWS ? n - at : ROWS;
        find_block(ctx, rows + at * dim, some, points, m, dim, scores + b * ROWS * POINTS,
                   best + at);
    }
    free(scores);
    return INFER_OK;
}

double nearest_metres(const double a[2], const double b[2]) {
    const double radians = 3.14159265358979323846 / 180;
    double y = sin((b[1] - a[1]) * radians / 2), x = sin((b[0] - a[0]) * radians / 2);
    double h = y * y + cos(a[1] * radians) * cos(b[1] * radians) * x * x;
    return 2 * 6371008.8 * asin(fmin(1, sqrt(h)));
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double nearest_median(double *x, size_t n) {
    if (!n) return NAN;
    qsort(x, n, sizeof *x, compare);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}
