/* nearest.h - inside libinfer: the best of many points for each of some embeddings. */
#ifndef INFER_NEAREST_H
#define INFER_NEAREST_H

#include "infer.h"

/* rows: [n][dim], points: [m][dim], unit rows, m > 0; best: [n], the point of the greatest dot
 * product, the first of several. INFER_ENOMEM. */
int nearest_find(infer *ctx, const float *rows, size_t n, const float *points, size_t m, size_t dim,
                 size_t *best);

/* Along a great circle, in metres; R = 6371.0088 km. */
double nearest_metres(const double a[2], const double b[2]);

/* Of n numbers, which are put in another order; the mean of the middle two if n is even. */
double nearest_median(double *x, size_t n);

#endif
