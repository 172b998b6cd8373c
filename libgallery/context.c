#include "context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

int gallery_context_open(int threads, gallery_context **out) {
    *out = NULL;
    gallery_context *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return GALLERY_ENOMEM;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    ctx->threads = threads > 0 ? threads : cores > 0 ? (int)cores : 1;
    openblas_set_num_threads(1); /* the search splits its work itself: see search.c */
    *out = ctx;
    return GALLERY_OK;
}

void gallery_context_close(gallery_context *ctx) {
    free(ctx);
}

const char *gallery_message(const gallery_context *ctx) {
    return ctx->message;
}

const char *gallery_describe(int status) {
    switch ((enum gallery_status)status) {
    case GALLERY_OK: return "done";
    case GALLERY_END: return "nothing more to read";
    case GALLERY_EUSAGE: return "wrong use of the library";
    case GALLERY_EFORMAT: return "damaged, or not the format it should be";
    case GALLERY_ECRS: return "no usable coordinate reference system";
    case GALLERY_ECHECKSUM: return "a stored block is damaged";
    case GALLERY_EMISMATCH: return "made by another model";
    case GALLERY_EEMPTY: return "empty";
    case GALLERY_EVALUE: return "not a finite number";
    case GALLERY_EIO: return "input or output failed";
    case GALLERY_ENOMEM: return "out of memory";
    case GALLERY_EEXIST: return "exists already";
    case GALLERY_EBUSY: return "another writer is at work";
    case GALLERY_EFULL: return "full";
    }
    return "unknown status";
}

int(gallery_fail)(gallery_context *ctx, int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->message, sizeof ctx->message, format, args);
    va_end(args);
    return status;
}

const char *gallery_advice(int number) {
    switch (number) {
    case ENOSPC:
    case EDQUOT: return "; make room and run the same again";
    case EFBIG: return "; allow larger files (ulimit -f) and run the same again";
    case EIO: return "; see what the kernel says of the disk (dmesg), then run the same again";
    default: return "";
    }
}

int(gallery_fail_errno)(gallery_context *ctx, const char *path) {
    int number = errno;
    int status = number == ENOMEM                       ? GALLERY_ENOMEM
                 : number == EEXIST                     ? GALLERY_EEXIST
                 : number == ENOSPC || number == EDQUOT ? GALLERY_EFULL
                                                        : GALLERY_EIO;
    return gallery_fail(ctx, status, "%s: %s%s", path, strerror(number), gallery_advice(number));
}

int(gallery_fail_memory)(gallery_context *ctx, size_t bytes) {
    return gallery_fail(ctx, GALLERY_ENOMEM, "out of memory: %zu bytes were asked for", bytes);
}
