#include "weights.h"
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "both formats are used as they lie");

struct by_name {
    const char *name;
    size_t at;
};

struct weights {
    char *path;
    unsigned char *bytes;
    uint64_t size;
    struct weights_tensor *tensors;
    size_t n, capacity;
    struct by_name *index; /* sorted by name; made when all are there */
    struct {
        char *key, *value;
    } metadata[WEIGHTS_MAX_METADATA];
    size_t metadata_count;
};

/* ------------------------------------------------------------------------------- types of numbers
 */
static const struct {
    const char *name;
    size_t size;
    bool is_float;
} dtypes[] = {
    [WEIGHTS_F32] = {"F32", 4, true},   [WEIGHTS_F16] = {"F16", 2, true},
    [WEIGHTS_BF16] = {"BF16", 2, true}, [WEIGHTS_I64] = {"I64", 8, false},
    [WEIGHTS_F64] = {"F64", 8, true},   [WEIGHTS_I32] = {"I32", 4, false},
    [WEIGHTS_I16] = {"I16", 2, false},  [WEIGHTS_I8] = {"I8", 1, false},
    [WEIGHTS_U8] = {"U8", 1, false},    [WEIGHTS_BOOL] = {"BOOL", 1, false},
};

const char *weights_dtype_name(enum weights_dtype dtype) {
    return dtypes[dtype].name;
}

size_t weights_dtype_size(enum weights_dtype dtype) {
    return dtypes[dtype].size;
}

bool weights_dtype_is_float(enum weights_dtype dtype) {
    return dtypes[dtype].is_float;
}

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float weights_from_f16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half & 0x7c00, rest = (uint32_t)(half & 0x7fff) << 13;
    if (exponent == 0x7c00) return float_of_bits(sign | 0x7f800000 | rest);
    if (exponent == 0) {
        /* A subnormal counts units of 2^-24, which float32 holds exactly. */
        float value = (float)(half & 0x3ff) * 0x1p-24f;
        return sign ? -value : value;
    }
    return float_of_bits(sign | (rest + ((127 - 15) << 23)));
}

uint16_t weights_to_f16(float value) {
    uint32_t bits = bits_of_float(value), size = bits & 0x7fffffff;
    uint32_t sign = bits >> 16 & 0x8000;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x1ff));
    if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to inf */
    if (size < 0x38800000) {
        /* Below 2^-14 a half counts units of 2^-24: those of a float32 in [0.5, 1), so that the
         * addition rounds as wanted. */
        return (uint16_t)(sign | (bits_of_float(float_of_bits(size) + 0.5f) - 0x3f000000));
    }
    size += 0xfff + (size >> 13 & 1);
    return (uint16_t)(sign | ((size - ((127 - 15) << 23)) >> 13));
}

/* ------------------------------------------------------------------------------ opening, closing
 */
static int weights_map(infer *ctx, const char *path, struct weights *weights) {
    int status = INFER_OK;
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang */
    if (file < 0) return infer_fail_errno(ctx, path);
    if (fstat(file, &about)) {
        status = infer_fail_errno(ctx, path);
    } else if (!S_ISREG(about.st_mode)) {
        status = infer_fail(ctx, INFER_EIO, "%s: not a regular file; weights are mapped", path);
    } else if (about.st_size == 0) {
        status = infer_fail(ctx, INFER_EFORMAT, "%s: the file is empty", path);
    } else {
        void *map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (map == MAP_FAILED) {
            status = infer_fail_errno(ctx, path);
        } else {
            weights->bytes = map;
            weights->size = (uint64_t)about.st_size;
        }
    }
    close(file);
    return status;
}

static bool begins_with(const struct weights *weights, const void *magic, size_t size) {
    return weights->size >= size && !memcmp(weights->bytes, magic, size);
}

/* A safetensors file has no magic: it is what is none of the others. Its header length could spell
 * a zip's magic, but a zip never has '{' at byte 8. */
static int weights_read(infer *ctx, struct weights *weights) {
    static const char zip[] = "PK\3\4", lfs[] = "version https://git-lfs";
    static const char legacy[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46"; /* torch's MAGIC_NUMBER */
    bool brace = weights->size > 8 && weights->bytes[8] == '{';
    if (!brace && begins_with(weights, zip, 4)) return pth_read(ctx, weights);
    if (begins_with(weights, legacy, 8))
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: written in torch.save's format from before PyTorch 1.6; re-save it "
                          "with a newer one: torch.save(torch.load(IN), OUT)",
                          weights->path);
    if (begins_with(weights, lfs, sizeof lfs - 1))
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: a Git LFS pointer, not the weights; fetch them: git lfs pull",
                          weights->path);
    return safetensors_read(ctx, weights);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct by_name *)a)->name, ((const struct by_name *)b)->name);
}

static int weights_make_index(infer *ctx, struct weights *weights) {
    weights->index = calloc(weights->n ? weights->n : 1, sizeof *weights->index);
    if (!weights->index) return infer_fail_memory(ctx, weights->n * sizeof *weights->index);
    for (size_t i = 0; i < weights->n; i++)
        weights->index[i] = (struct by_name){weights->tensors[i].name, i};
    qsort(weights->index, weights->n, sizeof *weights->index, compare_names);
    for (size_t i = 1; i < weights->n; i++)
        if (!compare_names(&weights->index[i - 1], &weights->index[i]))
            return infer_fail(ctx, INFER_EFORMAT, "%s: tensor %s is there twice", weights->path,
                              weights->index[i].name);
    return INFER_OK;
}

int weights_open(infer *ctx, const char *path, struct weights **out) {
    int status;
    *out = NULL;
    struct weights *weights = calloc(1, sizeof *weights);
    if (!weights) return infer_fail_memory(ctx, sizeof *weights);
    weights->path = strdup(path);
    if (!weights->path) {
        status = infer_fail_memory(ctx, strlen(path) + 1);
        goto done;
    }
    INFER_GO(weights_map(ctx, path, weights));
    INFER_GO(weights_read(ctx, weights));
    INFER_GO(weights_make_index(ctx, weights));
    *out = weights;
    return INFER_OK;
done:
    weights_close(weights);
    return status;
}

void weights_close(struct weights *weights) {
    if (!weights) return;
    for (size_t i = 0; i < weights->n; i++) free((char *)weights->tensors[i].name);
    free(weights->tensors);
    free(weights->index);
    for (size_t i = 0; i < weights->metadata_count; i++) {
        free(weights->metadata[i].key);
        free(weights->metadata[i].value);
    }
    if (weights->bytes) munmap(weights->bytes, weights->size);
    free(weights->path);
    free(weights);
}

/* ----------------------------------------------------------------------------------- for readers
 */
const unsigned char *weights_bytes(const struct weights *weights, uint64_t *size) {
    *size = weights->size;
    return weights->bytes;
}

bool weights_elements(int ndim, const uint64_t *shape, uint64_t *count) {
    *count = 1;
    bool fits = true;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0) return *count = 0, true;
        fits = !__builtin_mul_overflow(*count, shape[i], count) && fits;
    }
    return fits;
}

void weights_row_major(int ndim, const uint64_t *shape, uint64_t *strides) {
    uint64_t stride = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape[i] ? shape[i] : 1;
    }
}

const char *weights_quote(char buffer[WEIGHTS_QUOTE], const void *text, size_t size) {
    const unsigned char *bytes = text;
    size_t shown = size < WEIGHTS_QUOTE ? size : WEIGHTS_QUOTE - 4;
    for (size_t i = 0; i < shown; i++)
        buffer[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    memcpy(buffer + shown, "...", shown == size ? 0 : 4);
    if (shown == size) buffer[shown] = 0;
    return buffer;
}

/* The length of the UTF-8 sequence at s (RFC 3629), 0 for none or for a control character. */
static size_t utf8_step(const unsigned char *s) {
    if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] >= 0xa0, beyond = s[0] == 0xf4 && s[1] >= 0x90;
    bool control = s[0] == 0xc2 && s[1] < 0xa0;
    return overlong || surrogate || beyond || control ? 0 : n;
}

static bool name_is_good(const char *name) {
    const unsigned char *s = (const unsigned char *)name;
    for (size_t step; *s; s += step)
        if (!(step = utf8_step(s))) return false;
    return true;
}

static int weights_grow(infer *ctx, struct weights *weights) {
    if (weights->n < weights->capacity) return INFER_OK;
    size_t capacity = weights->capacity ? 2 * weights->capacity : 64;
    void *grown = realloc(weights->tensors, capacity * sizeof *weights->tensors);
    if (!grown) return infer_fail_memory(ctx, capacity * sizeof *weights->tensors);
    weights->tensors = grown;
    weights->capacity = capacity;
    return INFER_OK;
}

int weights_add(infer *ctx, struct weights *weights, const struct weights_tensor *tensor) {
    char quoted[WEIGHTS_QUOTE];
    size_t length = strlen(tensor->name);
    if (length > WEIGHTS_MAX_NAME || !name_is_good(tensor->name))
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: tensor %s: its name is longer than %d bytes, no UTF-8, or holds "
                          "control characters",
                          weights->path, weights_quote(quoted, tensor->name, length),
                          WEIGHTS_MAX_NAME);
    if (weights->n == WEIGHTS_MAX_TENSORS)
        return infer_fail(ctx, INFER_EFORMAT, "%s: more than %d tensors", weights->path,
                          WEIGHTS_MAX_TENSORS);
    INFER_TRY(weights_grow(ctx, weights));
    struct weights_tensor copy = *tensor;
    if (!weights_elements(copy.ndim, copy.shape, &copy.count))
        return infer_fail(ctx, INFER_EFORMAT, "%s: tensor %s: its shape is too large",
                          weights->path, tensor->name);
    if (!copy.count) copy.data = NULL;
    copy.name = strdup(tensor->name);
    if (!copy.name) return infer_fail_memory(ctx, length + 1);
    weights->tensors[weights->n++] = copy;
    return INFER_OK;
}

int weights_add_metadata(infer *ctx, struct weights *weights, const char *key, const char *value) {
    if (weights->metadata_count == WEIGHTS_MAX_METADATA || strlen(key) > WEIGHTS_MAX_NAME ||
        strlen(value) > WEIGHTS_MAX_VALUE)
        return INFER_OK;
    char *own_key = strdup(key), *own_value = strdup(value);
    if (!own_key || !own_value) {
        free(own_key);
        free(own_value);
        return infer_fail_memory(ctx, strlen(value) + 1);
    }
    weights->metadata[weights->metadata_count].key = own_key;
    weights->metadata[weights->metadata_count++].value = own_value;
    return INFER_OK;
}

/* --------------------------------------------------------------------------------------- reading
 */
const char *weights_metadata(const struct weights *weights, const char *key) {
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (!strcmp(weights->metadata[i].key, key)) return weights->metadata[i].value;
    return NULL;
}

const char *weights_path(const struct weights *weights) {
    return weights->path;
}

size_t weights_count(const struct weights *weights) {
    return weights->n;
}

const struct weights_tensor *weights_at(const struct weights *weights, size_t i) {
    return &weights->tensors[i];
}

const struct weights_tensor *weights_find(const struct weights *weights, const char *name) {
    struct by_name key = {name, 0};
    const struct by_name *found =
        bsearch(&key, weights->index, weights->n, sizeof key, compare_names);
    return found ? &weights->tensors[found->at] : NULL;
}

/* A dimension of one element is never stepped over: its stride says nothing. */
static bool is_row_major(const struct weights_tensor *tensor) {
    uint64_t strides[WEIGHTS_MAX_DIMS];
    weights_row_major(tensor->ndim, tensor->shape, strides);
    for (int i = 0; i < tensor->ndim; i++)
        if (tensor->shape[i] != 1 && tensor->strides[i] != strides[i]) return false;
    return true;
}

const float *weights_f32(const struct weights_tensor *tensor) {
    bool in_place = tensor->dtype == WEIGHTS_F32 && tensor->count > 0 && is_row_major(tensor) &&
                    (uintptr_t)tensor->data % _Alignof(float) == 0;
    return in_place ? tensor->data : NULL;
}

/* n elements, `step` bytes apart, of any alignment. */
#define CONVERT(type, expression)                  \
    do {                                           \
        for (uint64_t i = 0; i < n; i++) {         \
            type x;                                \
            memcpy(&x, from + i * step, sizeof x); \
            out[i] = (expression);                 \
        }                                          \
    } while (0)

static void copy_row(enum weights_dtype dtype, const unsigned char *from, uint64_t step, uint64_t n,
                     float *out) {
    switch (dtype) {
    case WEIGHTS_F32:
        if (step == sizeof *out)
            memcpy(out, from, n * sizeof *out);
        else
            CONVERT(float, x);
        break;
    case WEIGHTS_F16: CONVERT(uint16_t, weights_from_f16(x)); break;
    case WEIGHTS_BF16: CONVERT(uint16_t, float_of_bits((uint32_t)x << 16)); break;
    case WEIGHTS_I64: CONVERT(int64_t, (float)x); break;
    case WEIGHTS_F64: CONVERT(double, (float)x); break;
    case WEIGHTS_I32: CONVERT(int32_t, (float)x); break;
    case WEIGHTS_I16: CONVERT(int16_t, x); break;
    case WEIGHTS_I8: CONVERT(int8_t, x); break;
    case WEIGHTS_U8: CONVERT(uint8_t, x); break;
    case WEIGHTS_BOOL: CONVERT(uint8_t, x != 0); break;
    }
}

void weights_copy_f32(const struct weights_tensor *tensor, float *out) {
    if (!tensor->count) return;
    size_t size = weights_dtype_size(tensor->dtype);
    if (is_row_major(tensor)) {
        copy_row(tensor->dtype, tensor->data, size, tensor->count, out);
        return;
    }
    int last = tensor->ndim - 1;
    uint64_t row = tensor->shape[last], at[WEIGHTS_MAX_DIMS] = {0};
    for (uint64_t done = 0; done < tensor->count; done += row) {
        const unsigned char *from = tensor->data;
        for (int i = 0; i < last; i++) from += at[i] * tensor->strides[i] * size;
        copy_row(tensor->dtype, from, tensor->strides[last] * size, row, out + done);
        for (int i = last - 1; i >= 0 && ++at[i] == tensor->shape[i]; i--) at[i] = 0;
    }
}
