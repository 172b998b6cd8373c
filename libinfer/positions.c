#include "positions.h"

#include <math.h>

/* Keys' cubic convolution, A = -0.75 as PyTorch's F.interpolate has it. */
static void cubic_weights(double t, double w[4]) {
    const double a = -0.75;
    for (int i = 0; i < 4; i++) {
        double d = fabs(t + 1 - i);
        w[i] = d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
               : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                       : 0;
    }
}

/* Where output i of n reads among `from` inputs (align_corners false), clamped at the edges. */
static void cubic_taps(size_t i, size_t n, size_t from, size_t at[4], double w[4]) {
    double x = ((double)i + 0.5) * (double)from / (double)n - 0.5;
    double whole = floor(x);
    cubic_weights(x - whole, w);
    for (int k = 0; k < 4; k++) {
        double tap = whole + k - 1;
        at[k] = tap < 0 ? 0 : tap > (double)(from - 1) ? from - 1 : (size_t)tap;
    }
}

void positions_resize(const float *in, size_t from, size_t to, size_t dim, float *out) {
    for (size_t y = 0; y < to; y++) {
        size_t rows[4], columns[4];
        double down[4], across[4];
        cubic_taps(y, to, from, rows, down);
        for (size_t x = 0; x < to; x++) {
            cubic_taps(x, to, from, columns, across);
            float *row = out + (y * to + x) * dim;
            for (size_t d = 0; d < dim; d++) {
                double sum = 0;
                for (int j = 0; j < 4; j++)
                    for (int k = 0; k < 4; k++)
                        sum += down[j] * across[k] *
                               (double)in[(rows[j] * from + columns[k]) * dim + d];
                row[d] = (float)sum;
            }
        }
    }
}

void positions_resize_backward(const float *out, size_t from, size_t to, size_t dim, float *in) {
    for (size_t y = 0; y < to; y++) {
        size_t rows[4], columns[4];
        double down[4], across[4];
        cubic_taps(y, to, from, rows, down);
        for (size_t x = 0; x < to; x++) {
            cubic_taps(x, to, from, columns, across);
            const float *row = out + (y * to + x) * dim;
            for (int j = 0; j < 4; j++)
                for (int k = 0; k < 4; k++) {
                    float *tap = in + (rows[j] * from + columns[k]) * dim;
                    const float weight = (float)(down[j] * across[k]);
                    for (size_t d = 0; d < dim; d++) tap[d] += weight * row[d];
                }
        }
    }
}
