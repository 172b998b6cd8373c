/* product.h - inside libinfer: a product of two matrices, and the one for large ones. */
#ifndef INFER_PRODUCT_H
#define INFER_PRODUCT_H

#include "scratch.h"

#include <stddef.h>

/* A matrix as it lies: row r begins at data + r * stride. */
struct learn_matrix {
    const float *data;
    size_t stride;
    bool transposed; /* read as its transpose */
};

/* c [m][n] (row stride ldc) = alpha a b, plus c if `add`, plus bias [n] on each row unless it is
 * NULL; a is [m][k], b [k][n] as read. `add` and bias exclude each other. */
struct product {
    size_t m, n, k;
    float alpha;
    struct learn_matrix a, b;
    bool add;
    const float *bias;
    float *c;
    size_t ldc;
};

/* From this on, in all three sizes, Strassen's algorithm saves more than its sums cost. */
#define PRODUCT_STRASSEN ((size_t)1024)

/* The same product on so many threads, in AVX-512, of sizes above 0; results do not depend on how
 * many. Against the exact product, relative to the norm: 7e-7 at sizes of 2048; quarters of an
 * operand lend each other their errors, infinities and NaNs. False, and c as it was, if `memory`
 * cannot hold the packed operands: of each, little more than 2 x 6144 x 1344 numbers at most. */
bool product_avx512(const struct product *p, struct scratch *memory, int threads);

#endif
