/* context.h - inside libinfer: the context, errors, and how they travel. */
#ifndef INFER_CONTEXT_H
#define INFER_CONTEXT_H

#include "infer.h"

struct infer_kernel_table;
struct scratch;

struct infer {
    int threads;
    const struct infer_kernel_table *kernels;
    struct scratch *packed; /* of a large product's operands */
    char kernels_name[64];
    char message[1024];
};

/* Sets the context's text and returns status, so that a failure is one statement:
 *     return infer_fail(ctx, INFER_EFORMAT, "%s: tensor %s: ...", path, name); */
int infer_fail(infer *ctx, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "PATH: <errno text>". */
int infer_fail_errno(infer *ctx, const char *path);
int infer_fail_memory(infer *ctx, size_t bytes);

/* Tells the compiler that a failure is never INFER_OK, so that it sees which variables are set. */
static inline int infer_failed(int status) {
    return status == INFER_OK ? INFER_EUSAGE : status;
}
#define infer_fail(...) infer_failed(infer_fail(__VA_ARGS__))
#define infer_fail_errno(ctx, path) infer_failed(infer_fail_errno(ctx, path))
#define infer_fail_memory(ctx, bytes) infer_failed(infer_fail_memory(ctx, bytes))

/* Forward a status: from a function without, and with, a cleanup label `done` and an int `status`.
 */
#define INFER_TRY(call)                                  \
    do {                                                 \
        int try_status_ = (call);                        \
        if (try_status_ != INFER_OK) return try_status_; \
    } while (0)
#define INFER_GO(call)                     \
    do {                                   \
        status = (call);                   \
        if (status != INFER_OK) goto done; \
    } while (0)

#endif
