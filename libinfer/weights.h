/* weights.h - inside libinfer: tensors in files that others made: safetensors, and PyTorch's .pth.
 *
 * Both are read as data only, from a read-only map; every offset is checked against the file before
 * it is used, and nothing is allocated in an amount that the file merely claims.
 */
#ifndef INFER_WEIGHTS_H
#define INFER_WEIGHTS_H

#include "infer.h"

#include <stdbool.h>

#define WEIGHTS_MAX_DIMS 8

enum weights_dtype { WEIGHTS_F32, WEIGHTS_F16, WEIGHTS_BF16, WEIGHTS_I64 };

struct weights_tensor {
    const char *name; /* as in the file; nested dicts joined by '.'; "" for a bare tensor */
    enum weights_dtype dtype;
    int ndim;
    uint64_t shape[WEIGHTS_MAX_DIMS];
    uint64_t strides[WEIGHTS_MAX_DIMS]; /* in elements; row-major without gaps in safetensors */
    uint64_t count;                     /* of elements */
    const void *data;                   /* in the map; may be unaligned */
};

struct weights; /* one open file */

/* Chooses the reader by the file's first bytes. */
int weights_open(infer *ctx, const char *path, struct weights **weights);
void weights_close(struct weights *weights);

const char *weights_path(const struct weights *weights);
size_t weights_count(const struct weights *weights);
const struct weights_tensor *weights_at(const struct weights *weights, size_t i);
const struct weights_tensor *weights_find(const struct weights *weights, const char *name);

/* The tensor in place if it is float32, row-major, and aligned; else NULL. */
const float *weights_f32(const struct weights_tensor *tensor);

/* Copies, converting to float32 and row-major order. out: float [count]. */
void weights_copy_f32(const struct weights_tensor *tensor, float *out);

const char *weights_dtype_name(enum weights_dtype dtype);

/* The readers behind weights_open; each owns its format (safetensors.c, pickle.c). */
int safetensors_open(infer *ctx, const char *path, struct weights **weights);
int pickle_open(infer *ctx, const char *path, struct weights **weights);

/* Writing safetensors: all names and shapes first, then the data in the same order. */
struct safetensors_writer;
struct safetensors_entry {
    const char *name;
    enum weights_dtype dtype; /* F32 or F16; data is handed over as float32 either way */
    int ndim;
    uint64_t shape[WEIGHTS_MAX_DIMS];
};
int safetensors_create(infer *ctx, const char *path, const struct safetensors_entry *entries,
                       size_t n, struct safetensors_writer **writer);
int safetensors_append(struct safetensors_writer *writer, const float *data, uint64_t count);
/* Flushes to disk and closes; the file is only whole if this returns INFER_OK. */
int safetensors_finish(struct safetensors_writer *writer);
void safetensors_abandon(struct safetensors_writer *writer);

#endif
