/* attention.h - inside libinfer: softmax(q k^T / sqrt(head)) v for many sequences and heads. */
#ifndef INFER_ATTENTION_H
#define INFER_ATTENTION_H

#include "infer.h"

/* Heads lie side by side in a row: head h of a row is its floats [h * dim/heads ...]. */
struct attention {
    size_t dim, heads;
    size_t sequences, queries, keys; /* queries and keys of each sequence */
    const float *q;                  /* [sequences][queries][dim] */
    const float *k, *v;              /* [sequences][keys][dim] */
};

/* How many floats of scores it needs: a block of queries for each thread, however many there are.
 */
size_t attention_scores(const infer *ctx, size_t queries, size_t keys);

/* out: [sequences][queries][dim]; may be q itself. */
void attention_forward(const infer *ctx, const struct attention *what, float *scores, float *out);

#endif
