/* scratch.h - inside libinfer: a module's working memory, which only grows. */
#ifndef INFER_SCRATCH_H
#define INFER_SCRATCH_H

#include "infer.h"

#include <stdbool.h>

/* Unset memory for that many floats, aligned to a cache line; NULL: there is none. free() it. A
 * large block lies in huge pages where the system has some to lend: a training step reads gigabytes
 * row by row, and runs 7 % faster so (Zen 4, virtual machine). */
float *scratch_floats(size_t floats);

/* Starts as zeros; belongs to one module, and so to one thread at a time. */
struct scratch {
    float *data; /* aligned to a cache line */
    size_t capacity, used;
};

/* Makes room for that many floats, keeping nothing of what was there, and takes all back. An
 * INFER_ENOMEM leaves it usable. */
int scratch_reserve(infer *ctx, struct scratch *scratch, size_t floats);
/* The same where there is another way without; false for INFER_ENOMEM. */
bool scratch_hold(struct scratch *scratch, size_t floats);

/* The next n floats of what was reserved, aligned to a cache line: reserve SCRATCH_ROUND(n). */
float *scratch_take(struct scratch *scratch, size_t n);
void scratch_free(struct scratch *scratch);

#define SCRATCH_LINE ((size_t)16) /* floats in a cache line */
#define SCRATCH_ROUND(n) (((n) + SCRATCH_LINE - 1) / SCRATCH_LINE * SCRATCH_LINE)

#endif
