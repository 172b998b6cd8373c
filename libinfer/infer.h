/* infer.h - the context of libinfer, the neural side of the toolkit: its errors, threads, kernels.
 *
 * libinfer reads weights and pictures and computes features, embeddings and refined tracks. It
 * knows no GDAL and no LMDB, never prints and never exits.
 *
 * Everything hangs on a context. A context and what was opened with it belong to one thread at a
 * time; different contexts are independent. A failed call returns a status and leaves a text that
 * names the file, tensor or frame in the context (infer_message).
 */
#ifndef INFER_INFER_H
#define INFER_INFER_H

#include <stddef.h>
#include <stdint.h>

/* Numbers are stable: they are grouped by who can help, and never renumbered. */
enum infer_status {
    INFER_OK = 0,
    INFER_END = 1, /* nothing more to read; not an error */
    /* misuse by the caller */
    INFER_EUSAGE = 10,
    /* bad input: bytes from outside */
    INFER_EFORMAT = 20, /* not the format it should be, or damaged */
    INFER_ETENSOR = 21, /* a tensor is missing, has the wrong shape or type */
    INFER_EMODEL = 22,  /* the model lacks the part that was asked for */
    INFER_EDECODE = 23, /* one frame cannot be decoded; the source goes on */
    INFER_EVALUE = 24,  /* NaN or infinity where a finite number is needed */
    /* the environment */
    INFER_EIO = 30,
    INFER_ENOMEM = 31,
    INFER_EEXIST = 32
};

/* Which implementation of the vector kernels runs. Plain C is the oracle of the others. */
enum infer_kernel_set {
    INFER_KERNELS_AUTO = 0, /* the best that this CPU runs */
    INFER_KERNELS_PLAIN = 1,
    INFER_KERNELS_AVX2 = 2,
    INFER_KERNELS_AVX512 = 3
};

typedef struct infer infer;

typedef struct infer_options {
    int threads; /* 0: as many as there are cores */
    enum infer_kernel_set kernels;
} infer_options;

/* Makes a context; options may be NULL. Sets OpenBLAS, for the whole process, to one thread a call:
 * the library splits work itself, in pieces that do not depend on the number of threads, so that
 * results do not either. INFER_EUSAGE for kernels that this CPU does not run, INFER_ENOMEM. */
int infer_open(const infer_options *options, infer **ctx);

/* Closes a context; models and sources opened with it must be closed before. NULL is fine. */
void infer_close(infer *ctx);

/* The text of the last error, never NULL; valid until the next call with this context. */
const char *infer_message(const infer *ctx);

/* What a status means, in a few words; a static string. */
const char *infer_describe(int status);

int infer_threads(const infer *ctx);

/* The kernels in use, as "avx512, OpenBLAS SkylakeX"; valid as long as the context. */
const char *infer_kernels(const infer *ctx);

/* The value that OPENBLAS_CORETYPE should have had when this process started, or NULL if OpenBLAS
 * runs the best kernels it has for this CPU (it does not know CPUs newer than itself and then takes
 * one with AVX-512 for a Haswell) or if the user has set the variable. A static string. */
const char *infer_blas_wanted_core(void);

#endif
