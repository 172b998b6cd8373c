#include "context.h"
#include "kernels.h"
#include "scratch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cblas.h>

int infer_open(const infer_options *options, infer **out) {
    *out = NULL;
    infer *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return INFER_ENOMEM;
    ctx->packed = calloc(1, sizeof *ctx->packed);
    if (!ctx->packed) {
        free(ctx);
        return INFER_ENOMEM;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    ctx->threads = options && options->threads > 0 ? options->threads : cores > 0 ? (int)cores : 1;
    ctx->kernels = infer_kernels_choose(options ? options->kernels : INFER_KERNELS_AUTO);
    if (!ctx->kernels) {
        infer_close(ctx);
        return INFER_EUSAGE;
    }
    openblas_set_num_threads(1);
    snprintf(ctx->kernels_name, sizeof ctx->kernels_name, "%s, OpenBLAS %s", ctx->kernels->name,
             openblas_get_corename());
    *out = ctx;
    return INFER_OK;
}

void infer_close(infer *ctx) {
    if (!ctx) return;
    scratch_free(ctx->packed);
    free(ctx->packed);
    free(ctx);
}

const char *infer_message(const infer *ctx) {
    return ctx->message;
}

int infer_threads(const infer *ctx) {
    return ctx->threads;
}

const char *infer_kernels(const infer *ctx) {
    return ctx->kernels_name;
}

const char *infer_blas_wanted_core(void) {
#if defined(__x86_64__)
    if (getenv("OPENBLAS_CORETYPE")) return NULL;
    __builtin_cpu_init();
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    static const char *const good[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    if (!avx512) return NULL;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!strcasecmp(openblas_get_corename(), good[i])) return NULL;
    return "SkylakeX";
#else
    return NULL;
#endif
}

const char *infer_describe(int status) {
    switch ((enum infer_status)status) {
    case INFER_OK: return "done";
    case INFER_END: return "nothing more to read";
    case INFER_EUSAGE: return "wrong use of the library";
    case INFER_EFORMAT: return "damaged, or not the format it should be";
    case INFER_ETENSOR: return "a tensor is missing or has the wrong shape or type";
    case INFER_EMODEL: return "the model lacks a part";
    case INFER_EDECODE: return "a frame cannot be decoded";
    case INFER_EVALUE: return "not a finite number";
    case INFER_EIO: return "input or output failed";
    case INFER_ENOMEM: return "out of memory";
    case INFER_EEXIST: return "exists already";
    }
    return "unknown status";
}

int(infer_fail)(infer *ctx, int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->message, sizeof ctx->message, format, args);
    va_end(args);
    return status;
}

int(infer_fail_errno)(infer *ctx, const char *path) {
    int number = errno;
    int status = number == ENOMEM ? INFER_ENOMEM : number == EEXIST ? INFER_EEXIST : INFER_EIO;
    return infer_fail(ctx, status, "%s: %s", path, strerror(number));
}

int(infer_fail_memory)(infer *ctx, size_t bytes) {
    return infer_fail(ctx, INFER_ENOMEM, "out of memory: %zu bytes were asked for", bytes);
}
