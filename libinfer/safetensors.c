/* Reading safetensors: 8 bytes header length, a JSON object, the data.
 *
 * The outer object is walked here and jansson parses one value at a time: a tree of a hostile
 * header of 100 MB would take gigabytes. */
#include "context.h"
#include "weights.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define ENTRY_MAX 4096 /* bytes of JSON that describe one tensor: 3 keys, 10 numbers */

struct range { /* of a tensor's bytes, from the begin of the data */
    uint64_t begin, end;
    const char *name;
};

struct reader {
    infer *ctx;
    struct weights *weights;
    const char *path;
    const char *header; /* not NUL-terminated */
    size_t length, at;
    const unsigned char *data;
    uint64_t data_size;
};

static int bad_header(struct reader *reader, const char *what) {
    return infer_fail(reader->ctx, INFER_EFORMAT, "%s: safetensors header, byte %zu: %s",
                      reader->path, reader->at, what);
}

static int bad_tensor(struct reader *reader, const char *name, const char *what) {
    char quoted[WEIGHTS_QUOTE];
    return infer_fail(reader->ctx, INFER_EFORMAT, "%s: tensor %s: %s", reader->path,
                      weights_quote(quoted, name, strlen(name)), what);
}

/* The next character that is no white space, not consumed; 0 at the end. */
static char peek(struct reader *reader) {
    while (reader->at < reader->length && memchr(" \t\n\r", reader->header[reader->at], 4))
        reader->at++;
    return reader->at < reader->length ? reader->header[reader->at] : 0;
}

static int expect(struct reader *reader, char wanted) {
    char what[] = "'?' is missing";
    what[1] = wanted;
    if (peek(reader) != wanted) return bad_header(reader, what);
    reader->at++;
    return INFER_OK;
}

/* The value at the cursor, of at most `limit` bytes. */
static int parse_value(struct reader *reader, size_t limit, json_t **value) {
    json_error_t error;
    size_t left = reader->length - reader->at;
    *value = json_loadb(reader->header + reader->at, left < limit ? left : limit,
                        JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
    if (!*value) {
        char quoted[WEIGHTS_QUOTE];
        return bad_header(reader, weights_quote(quoted, error.text, strlen(error.text)));
    }
    reader->at += (size_t)error.position;
    return INFER_OK;
}

static int parse_string(struct reader *reader, json_t **value) {
    *value = NULL;
    if (peek(reader) != '"') return bad_header(reader, "a string is missing");
    return parse_value(reader, SAFETENSORS_MAX_HEADER, value);
}

/* After a member of an object: true in *more if another follows. */
static int next_member(struct reader *reader, bool *more) {
    char c = peek(reader);
    if (c != ',' && c != '}') return bad_header(reader, "',' or '}' is missing");
    reader->at++;
    *more = c == ',';
    return INFER_OK;
}

static int read_metadata(struct reader *reader) {
    INFER_TRY(expect(reader, '{'));
    bool more = peek(reader) != '}';
    if (!more) return expect(reader, '}');
    while (more) {
        int status;
        json_t *key = NULL, *value = NULL;
        INFER_GO(parse_string(reader, &key));
        INFER_GO(expect(reader, ':'));
        if (peek(reader) != '"')
            INFER_GO(bad_header(reader, "__metadata__ holds more than strings"));
        INFER_GO(parse_string(reader, &value));
        INFER_GO(weights_add_metadata(reader->ctx, reader->weights, json_string_value(key),
                                      json_string_value(value)));
        INFER_GO(next_member(reader, &more));
    done:
        json_decref(key);
        json_decref(value);
        if (status != INFER_OK) return status;
    }
    return INFER_OK;
}

static int read_dtype(struct reader *reader, const char *name, const json_t *value,
                      enum weights_dtype *dtype) {
    static const enum weights_dtype known[] = {WEIGHTS_F32, WEIGHTS_F16, WEIGHTS_BF16, WEIGHTS_I64,
                                               WEIGHTS_F64, WEIGHTS_I32, WEIGHTS_I16,  WEIGHTS_I8,
                                               WEIGHTS_U8,  WEIGHTS_BOOL};
    const char *text = json_string_value(value);
    if (!text) return bad_tensor(reader, name, "dtype is missing or no string");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *dtype = known[i];
        if (!strcmp(text, weights_dtype_name(*dtype))) return INFER_OK;
    }
    char quoted[WEIGHTS_QUOTE], quoted_type[WEIGHTS_QUOTE];
    return infer_fail(reader->ctx, INFER_ETENSOR,
                      "%s: tensor %s: dtype %s cannot be read; store it as F32, F16 or BF16",
                      reader->path, weights_quote(quoted, name, strlen(name)),
                      weights_quote(quoted_type, text, strlen(text)));
}

/* An array of at most `max` numbers, none negative. */
static bool read_numbers(const json_t *array, size_t max, uint64_t *numbers, size_t *n) {
    *n = json_array_size(array);
    if (!json_is_array(array) || *n > max) return false;
    for (size_t i = 0; i < *n; i++) {
        const json_t *number = json_array_get(array, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0) return false;
        numbers[i] = (uint64_t)json_integer_value(number);
    }
    return true;
}

static int read_entry(struct reader *reader, const char *name, const json_t *entry,
                      struct range *range) {
    struct weights_tensor tensor = {.name = name};
    uint64_t offsets[2], count, bytes;
    size_t n;
    if (json_object_size(entry) != 3)
        return bad_tensor(reader, name, "needs dtype, shape and data_offsets, and nothing else");
    INFER_TRY(read_dtype(reader, name, json_object_get(entry, "dtype"), &tensor.dtype));
    if (!read_numbers(json_object_get(entry, "shape"), WEIGHTS_MAX_DIMS, tensor.shape, &n))
        return bad_tensor(reader, name, "shape is missing or not an array of at most 8 sizes");
    tensor.ndim = (int)n;
    if (!read_numbers(json_object_get(entry, "data_offsets"), 2, offsets, &n) || n != 2)
        return bad_tensor(reader, name, "data_offsets is missing or no pair of offsets");
    if (offsets[0] > offsets[1] || offsets[1] > reader->data_size)
        return bad_tensor(reader, name, "data_offsets are outside the file");
    if (!weights_elements(tensor.ndim, tensor.shape, &count) ||
        __builtin_mul_overflow(count, weights_dtype_size(tensor.dtype), &bytes) ||
        bytes != offsets[1] - offsets[0])
        return bad_tensor(reader, name, "the length of its data does not match dtype and shape");
    weights_row_major(tensor.ndim, tensor.shape, tensor.strides);
    tensor.data = reader->data + offsets[0];
    *range = (struct range){offsets[0], offsets[1], NULL};
    return weights_add(reader->ctx, reader->weights, &tensor);
}

static int add_range(struct reader *reader, struct range range, struct range **ranges,
                     size_t *capacity) {
    size_t n = weights_count(reader->weights);
    if (n > *capacity) {
        size_t wanted = *capacity ? 2 * *capacity : 64;
        struct range *grown = realloc(*ranges, wanted * sizeof *grown);
        if (!grown) return infer_fail_memory(reader->ctx, wanted * sizeof *grown);
        *ranges = grown;
        *capacity = wanted;
    }
    range.name = weights_at(reader->weights, n - 1)->name;
    (*ranges)[n - 1] = range;
    return INFER_OK;
}

static int read_tensor(struct reader *reader, const char *name, struct range **ranges,
                       size_t *capacity) {
    int status;
    json_t *entry = NULL;
    struct range range = {0};
    if (peek(reader) != '{') return bad_tensor(reader, name, "is not described by an object");
    INFER_GO(parse_value(reader, ENTRY_MAX, &entry));
    INFER_GO(read_entry(reader, name, entry, &range));
    INFER_GO(add_range(reader, range, ranges, capacity));
done:
    json_decref(entry);
    return status;
}

static int read_members(struct reader *reader, struct range **ranges) {
    size_t capacity = 0;
    bool metadata = false;
    INFER_TRY(expect(reader, '{'));
    bool more = peek(reader) != '}';
    if (!more) INFER_TRY(expect(reader, '}'));
    while (more) {
        int status;
        json_t *name = NULL;
        INFER_GO(parse_string(reader, &name));
        INFER_GO(expect(reader, ':'));
        if (strcmp(json_string_value(name), "__metadata__")) {
            INFER_GO(read_tensor(reader, json_string_value(name), ranges, &capacity));
        } else {
            if (metadata) INFER_GO(bad_header(reader, "__metadata__ is there twice"));
            metadata = true;
            INFER_GO(read_metadata(reader));
        }
        INFER_GO(next_member(reader, &more));
    done:
        json_decref(name);
        if (status != INFER_OK) return status;
    }
    return peek(reader) ? bad_header(reader, "more than one JSON object") : INFER_OK;
}

static int compare_ranges(const void *a, const void *b) {
    const struct range *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The data is tiled by the tensors: what no tensor owns could hide anything. */
static int check_tiling(struct reader *reader, struct range *ranges) {
    size_t n = weights_count(reader->weights);
    uint64_t end = 0;
    if (n) qsort(ranges, n, sizeof *ranges, compare_ranges);
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].begin < end)
            return bad_tensor(reader, ranges[i].name, "its data overlaps another tensor's");
        if (ranges[i].begin > end)
            return bad_tensor(reader, ranges[i].name, "a hole lies before its data");
        end = ranges[i].end;
    }
    if (end != reader->data_size)
        return infer_fail(reader->ctx, INFER_EFORMAT,
                          "%s: %llu bytes of data, but the tensors have %llu", reader->path,
                          (unsigned long long)reader->data_size, (unsigned long long)end);
    return INFER_OK;
}

int safetensors_read(infer *ctx, struct weights *weights) {
    int status;
    uint64_t size, length = 0;
    const unsigned char *bytes = weights_bytes(weights, &size);
    const char *path = weights_path(weights);
    struct range *ranges = NULL;
    if (size >= 8) memcpy(&length, bytes, 8);
    if (size < 10 || length > SAFETENSORS_MAX_HEADER || length < 2)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: neither a safetensors nor a .pth file: no header of 2 to %d bytes",
                          path, SAFETENSORS_MAX_HEADER);
    if (length > size - 8)
        return infer_fail(ctx, INFER_EFORMAT,
                          "%s: ends within its safetensors header of %llu bytes", path,
                          (unsigned long long)length);
    struct reader reader = {.ctx = ctx,
                            .weights = weights,
                            .path = path,
                            .header = (const char *)bytes + 8,
                            .length = length,
                            .data = bytes + 8 + length,
                            .data_size = size - 8 - length};
    if (reader.header[0] != '{')
        return bad_header(&reader,
                          "does not begin with '{'; neither a safetensors nor a .pth file");
    INFER_GO(read_members(&reader, &ranges));
    INFER_GO(check_tiling(&reader, ranges));
done:
    free(ranges);
    return status;
}
