/* context.h - inside libgallery: the context, errors, and how they travel. */
#ifndef GALLERY_CONTEXT_H
#define GALLERY_CONTEXT_H

#include "gallery.h"

struct gallery_context {
    int threads;
    char message[1024];
};

/* Sets the context's text and returns status, so that a failure is one statement:
 *     return gallery_fail(ctx, GALLERY_EFORMAT, "%s: layer %s: ...", path, name); */
int gallery_fail(gallery_context *ctx, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "PATH: <errno text>", and what to do about it, where that is known. */
int gallery_fail_errno(gallery_context *ctx, const char *path);
int gallery_fail_memory(gallery_context *ctx, size_t bytes);
const char *gallery_advice(int number);

/* Tells the compiler that a failure is never GALLERY_OK, so that it sees which variables are set.
 */
static inline int gallery_failed(int status) {
    return status == GALLERY_OK ? GALLERY_EUSAGE : status;
}
#define gallery_fail(...) gallery_failed(gallery_fail(__VA_ARGS__))
#define gallery_fail_errno(ctx, path) gallery_failed(gallery_fail_errno(ctx, path))
#define gallery_fail_memory(ctx, bytes) gallery_failed(gallery_fail_memory(ctx, bytes))

/* Forward a status: from a function without, and with, a cleanup label `done` and an int `status`.
 */
#define GALLERY_TRY(call)                                  \
    do {                                                   \
        int try_status_ = (call);                          \
        if (try_status_ != GALLERY_OK) return try_status_; \
    } while (0)
#define GALLERY_GO(call)                     \
    do {                                     \
        status = (call);                     \
        if (status != GALLERY_OK) goto done; \
    } while (0)

#endif
