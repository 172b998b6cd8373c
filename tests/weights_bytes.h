/* weights_bytes.h - for tests and fuzzers of the weight readers: bytes as a file, and the property
 * that whatever a reader accepts is consistent. */
#ifndef VT_WEIGHTS_BYTES_H
#define VT_WEIGHTS_BYTES_H

#include "libinfer/weights.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Opens the bytes through a file in memory: *path_length is that of the path in messages. */
static inline int weights_open_bytes(infer *ctx, const void *bytes, size_t size,
                                     struct weights **weights, size_t *path_length) {
    char path[64];
    int file = memfd_create("bytes", MFD_CLOEXEC);
    if (file < 0) abort();
    for (size_t at = 0; at < size;) {
        ssize_t n = write(file, (const char *)bytes + at, size - at);
        if (n <= 0) abort();
        at += (size_t)n;
    }
    *path_length = (size_t)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int status = weights_open(ctx, path, weights);
    close(file);
    return status;
}

/* Every element of the tensor lies in the file (a map ends at a page, so the sanitizers would not
 * see it all), the count is the shape's product, and it is found by its name. */
static inline bool weights_tensor_is_consistent(const struct weights *weights, size_t i) {
    const struct weights_tensor *tensor = weights_at(weights, i);
    uint64_t size, last = 0, count = 1;
    const unsigned char *bytes = weights_bytes(weights, &size), *data = tensor->data;
    if (tensor->ndim < 0 || tensor->ndim > WEIGHTS_MAX_DIMS) return false;
    if (weights_find(weights, tensor->name) != tensor) return false;
    if (tensor->count == 0) return data == NULL;
    for (int d = 0; d < tensor->ndim; d++) {
        uint64_t step;
        if (__builtin_mul_overflow(count, tensor->shape[d], &count) ||
            __builtin_mul_overflow(tensor->shape[d] - 1, tensor->strides[d], &step) ||
            __builtin_add_overflow(last, step, &last))
            return false;
    }
    if (count != tensor->count || last > size) return false;
    uint64_t end = (last + 1) * weights_dtype_size(tensor->dtype);
    return data >= bytes && end <= size && (uint64_t)(data - bytes) <= size - end;
}

/* The same for all tensors, and converts each. */
static inline bool weights_are_consistent(const struct weights *weights) {
    for (size_t i = 0; i < weights_count(weights); i++) {
        const struct weights_tensor *tensor = weights_at(weights, i);
        if (!weights_tensor_is_consistent(weights, i)) return false;
        if (tensor->count > SIZE_MAX / sizeof(float)) return false;
        float *out = malloc(tensor->count * sizeof *out + 1);
        if (!out) return false;
        weights_copy_f32(tensor, out);
        free(out);
    }
    return true;
}

#endif
