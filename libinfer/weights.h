/* weights.h - inside libinfer: tensors in files that others made: safetensors, and PyTorch's .pth.
 *
 * Both are read as data only, from a read-only map; every offset is checked against the file before
 * it is used, and nothing is allocated in an amount that the file merely claims. Tensors come in
 * the file's order, none is left out: what cannot be represented is an error that names it.
 *
 * The map is shared with the file: a file that another process truncates while it is open kills the
 * reader with SIGBUS, as with every mapped file. Replace weights by renaming, never in place.
 * Numbers are little-endian in both formats and are used as they lie: little-endian hosts only.
 */
#ifndef INFER_WEIGHTS_H
#define INFER_WEIGHTS_H

#include "infer.h"

#include <stdbool.h>

#define WEIGHTS_MAX_DIMS 8
#define WEIGHTS_MAX_NAME 512       /* bytes */
#define WEIGHTS_MAX_TENSORS 200000 /* in one file; large published models have some thousand */

/* The first four are what models are made of. The others occur as buffers in training checkpoints
 * (masks, counters); they are listed and convert, so that a reader need not refuse the whole file.
 */
enum weights_dtype {
    WEIGHTS_F32,
    WEIGHTS_F16,
    WEIGHTS_BF16,
    WEIGHTS_I64,
    WEIGHTS_F64,
    WEIGHTS_I32,
    WEIGHTS_I16,
    WEIGHTS_I8,
    WEIGHTS_U8,
    WEIGHTS_BOOL
};

struct weights_tensor {
    const char *name; /* as in the file; nested dicts joined by '.'; "" for a bare tensor */
    enum weights_dtype dtype;
    int ndim;
    uint64_t shape[WEIGHTS_MAX_DIMS];
    uint64_t strides[WEIGHTS_MAX_DIMS]; /* in elements; row-major without gaps in safetensors */
    uint64_t count;                     /* of elements; never more than the file holds */
    const void *data;                   /* in the map; may be unaligned; NULL if count is 0 */
};

struct weights; /* one open file */

/* Maps the file and lists its tensors; chooses the reader by the file's first bytes. INFER_EIO if
 * it cannot be read, INFER_EFORMAT if it is neither format or damaged, INFER_ETENSOR if a tensor in
 * it is of a type that is not known. Tensors and names are valid until weights_close. */
int weights_open(infer *ctx, const char *path, struct weights **weights);
void weights_close(struct weights *weights); /* NULL is fine */

const char *weights_path(const struct weights *weights);
size_t weights_count(const struct weights *weights);
/* In the file's order; i < weights_count. */
const struct weights_tensor *weights_at(const struct weights *weights, size_t i);
/* NULL if there is none of that name. */
const struct weights_tensor *weights_find(const struct weights *weights, const char *name);

/* A string of a safetensors file's __metadata__; NULL if there is none of that key. Of many or very
 * long ones (WEIGHTS_MAX_METADATA, WEIGHTS_MAX_VALUE) the rest is left out. */
#define WEIGHTS_MAX_METADATA 64
#define WEIGHTS_MAX_VALUE 65536 /* bytes */
const char *weights_metadata(const struct weights *weights, const char *key);

/* The tensor in place if it is float32, row-major, and aligned; else NULL. */
const float *weights_f32(const struct weights_tensor *tensor);

/* Copies, converting to float32 and row-major order. out: float [count]. */
void weights_copy_f32(const struct weights_tensor *tensor, float *out);

/* "F32", as safetensors calls it. */
const char *weights_dtype_name(enum weights_dtype dtype);
size_t weights_dtype_size(enum weights_dtype dtype);
bool weights_dtype_is_float(enum weights_dtype dtype); /* F32, F16, BF16, F64 */

/* IEEE half precision: exact one way, to nearest, ties to even, the other. */
float weights_from_f16(uint16_t half);
uint16_t weights_to_f16(float value);

/* ------------------------------------------------------------------------------- for the readers
 * Each format's reader gets the mapped file and adds what it finds (safetensors.c, pth.c). */
int safetensors_read(infer *ctx, struct weights *weights);
int pth_read(infer *ctx, struct weights *weights);

const unsigned char *weights_bytes(const struct weights *weights, uint64_t *size);
/* Copies the tensor, its name too, and sets `count` from the shape. Checks the name (UTF-8 without
 * control characters) and the number of tensors; the rest is the reader's to check. */
int weights_add(infer *ctx, struct weights *weights, const struct weights_tensor *tensor);
/* Copies both; what is beyond the limits above is not kept. */
int weights_add_metadata(infer *ctx, struct weights *weights, const char *key, const char *value);
/* The product of the shape; false if it does not fit 64 bits. */
bool weights_elements(int ndim, const uint64_t *shape, uint64_t *count);
/* Row-major strides; only for a shape whose product is known to fit. */
void weights_row_major(int ndim, const uint64_t *shape, uint64_t *strides);
/* Bytes of the file in a message: cut to fit, and no byte that a terminal would act on. */
#define WEIGHTS_QUOTE 100
const char *weights_quote(char buffer[WEIGHTS_QUOTE], const void *text, size_t size);

/* ---------------------------------------------------------------------------- writing safetensors
 * All names and shapes first, then the data in the same order; nothing but a small buffer is held.
 */
#define SAFETENSORS_MAX_HEADER 100000000 /* bytes; the format's own limit */

struct safetensors_writer;
struct safetensors_entry {
    const char *name;
    enum weights_dtype dtype; /* F32 or F16: data is handed over as float32 either way; F64, I64 or
                                 U8: as it is (safetensors_append_raw) */
    int ndim;
    uint64_t shape[WEIGHTS_MAX_DIMS];
};
struct safetensors_text { /* of __metadata__ */
    const char *key, *value;
};
/* Makes the file, which must not exist (INFER_EEXIST), and writes the header, so that the data
 * begins at a multiple of 64 bytes. The writer keeps its own copy of the entries and the path; ctx
 * must outlive it. INFER_EUSAGE for entries that no safetensors file can hold. */
int safetensors_create(infer *ctx, const char *path, const struct safetensors_entry *entries,
                       size_t n, struct safetensors_writer **writer);
/* The same with metadata; texts end with key NULL, and may be NULL. */
int safetensors_create_with(infer *ctx, const char *path, const struct safetensors_entry *entries,
                            size_t n, const struct safetensors_text *texts,
                            struct safetensors_writer **writer);
/* The next `count` elements: a whole tensor, or a piece of one, never more than is left of it.
 * INFER_EVALUE, naming the tensor, for a finite number that is too large for float16. */
int safetensors_append(struct safetensors_writer *writer, const float *data, uint64_t count);
/* The same for a tensor of type F64, I64 or U8: the numbers as they are stored. */
int safetensors_append_raw(struct safetensors_writer *writer, const void *data, uint64_t count);
/* Flushes to disk, closes and frees; the file is only whole if this returns INFER_OK, else it is
 * removed. INFER_EUSAGE if data is missing. */
int safetensors_finish(struct safetensors_writer *writer);
/* Frees and removes the file; NULL is fine. */
void safetensors_abandon(struct safetensors_writer *writer);

#endif
