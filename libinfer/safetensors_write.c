/* Writing safetensors: the header from names and shapes, then the data as it comes. */
#include "context.h"
#include "weights.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#define DATA_ALIGNMENT 64 /* a cache line, and an AVX-512 register */
#define CHUNK 8192        /* elements converted at a time */

struct plan {
    char *name;
    enum weights_dtype dtype;
    uint64_t count;
};

struct safetensors_writer {
    infer *ctx;
    char *path;
    int file;
    struct plan *plans;
    size_t n, at;    /* at: the tensor that data goes to now */
    uint64_t filled; /* elements of it that are there */
};

static int write_all(struct safetensors_writer *writer, const void *data, size_t size) {
    const char *from = data;
    while (size) {
        ssize_t n = write(writer->file, from, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENOSPC;
            return infer_fail_errno(writer->ctx, writer->path);
        }
        from += n;
        size -= (size_t)n;
    }
    return INFER_OK;
}

/* Types that come as float32 and are stored as they should be. */
static bool is_converted(enum weights_dtype dtype) {
    return dtype == WEIGHTS_F32 || dtype == WEIGHTS_F16;
}

/* ---------------------------------------------------------------------------------------- header
 */
static int plan_entry(struct safetensors_writer *writer, const struct safetensors_entry *entry,
                      uint64_t *bytes, uint64_t *offset) {
    infer *ctx = writer->ctx;
    struct plan *plan = &writer->plans[writer->n];
    bool known = is_converted(entry->dtype) || entry->dtype == WEIGHTS_F64 ||
                 entry->dtype == WEIGHTS_I64 || entry->dtype == WEIGHTS_U8;
    if (!known || entry->ndim < 0 || entry->ndim > WEIGHTS_MAX_DIMS ||
        strlen(entry->name) > WEIGHTS_MAX_NAME || !strcmp(entry->name, "__metadata__") ||
        !weights_elements(entry->ndim, entry->shape, &plan->count) ||
        __builtin_mul_overflow(plan->count, weights_dtype_size(entry->dtype), bytes) ||
        __builtin_add_overflow(*offset, *bytes, offset) || *offset > INT64_MAX)
        return infer_fail(ctx, INFER_EUSAGE,
                          "%s: tensor %.*s: not a name, type and shape that safetensors can hold",
                          writer->path, WEIGHTS_MAX_NAME, entry->name);
    plan->dtype = entry->dtype;
    plan->name = strdup(entry->name);
    if (!plan->name) return infer_fail_memory(ctx, strlen(entry->name) + 1);
    writer->n++;
    return INFER_OK;
}

/* {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}; NULL for want of memory. */
static json_t *describe_entry(const struct safetensors_entry *entry, uint64_t begin, uint64_t end) {
    json_t *shape = json_array();
    int bad = !shape;
    for (int i = 0; i < entry->ndim; i++)
        bad |= json_array_append_new(shape, json_integer((json_int_t)entry->shape[i]));
    json_t *described =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", weights_dtype_name(entry->dtype), "shape", shape,
                  "data_offsets", (json_int_t)begin, (json_int_t)end);
    if (bad) json_decref(described), described = NULL;
    return described;
}

static int plan_all(struct safetensors_writer *writer, const struct safetensors_entry *entries,
                    size_t n, json_t *header) {
    uint64_t offset = 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        INFER_TRY(plan_entry(writer, &entries[i], &bytes, &offset));
        if (json_object_get(header, entries[i].name))
            return infer_fail(writer->ctx, INFER_EUSAGE, "%s: tensor %s is given twice",
                              writer->path, entries[i].name);
        json_t *described = describe_entry(&entries[i], offset - bytes, offset);
        if (!described) return infer_fail_memory(writer->ctx, WEIGHTS_MAX_NAME);
        if (json_object_set_new(header, entries[i].name, described))
            return infer_fail(writer->ctx, INFER_EUSAGE, "%s: the name of tensor %zu is no UTF-8",
                              writer->path, i);
    }
    return INFER_OK;
}

static int plan_metadata(struct safetensors_writer *writer, const struct safetensors_text *texts,
                         json_t *header) {
    if (!texts || !texts->key) return INFER_OK;
    json_t *metadata = json_object();
    bool bad = !metadata;
    for (; texts->key; texts++)
        bad |= json_object_set_new(metadata, texts->key, json_string(texts->value)) != 0;
    bad |= json_object_set_new(header, "__metadata__", metadata) != 0;
    if (bad)
        return infer_fail(writer->ctx, INFER_EUSAGE, "%s: metadata that is no UTF-8, or no memory",
                          writer->path);
    return INFER_OK;
}

static int write_header(struct safetensors_writer *writer, const json_t *header) {
    int status;
    static const char spaces[DATA_ALIGNMENT + 1] =
        "                                                                ";
    char *text = json_dumps(header, JSON_COMPACT);
    if (!text) return infer_fail_memory(writer->ctx, json_object_size(header) * WEIGHTS_MAX_NAME);
    size_t length = strlen(text);
    size_t padding = (DATA_ALIGNMENT - (8 + length) % DATA_ALIGNMENT) % DATA_ALIGNMENT;
    uint64_t total = length + padding;
    if (total > SAFETENSORS_MAX_HEADER) {
        status = infer_fail(writer->ctx, INFER_EUSAGE, "%s: a header of more than %d bytes",
                            writer->path, SAFETENSORS_MAX_HEADER);
        goto done;
    }
    INFER_GO(write_all(writer, &total, sizeof total));
    INFER_GO(write_all(writer, text, length));
    INFER_GO(write_all(writer, spaces, padding));
done:
    free(text);
    return status;
}

/* ------------------------------------------------------------------------------------ the writer
 */
static void writer_free(struct safetensors_writer *writer) {
    if (writer->file >= 0) close(writer->file);
    for (size_t i = 0; i < writer->n; i++) free(writer->plans[i].name);
    free(writer->plans);
    free(writer->path);
    free(writer);
}

void safetensors_abandon(struct safetensors_writer *writer) {
    if (!writer) return;
    if (writer->file >= 0) unlink(writer->path);
    writer_free(writer);
}

/* Tensors without elements get no data. */
static void skip_full(struct safetensors_writer *writer) {
    while (writer->at < writer->n && writer->filled == writer->plans[writer->at].count) {
        writer->at++;
        writer->filled = 0;
    }
}

int safetensors_create(infer *ctx, const char *path, const struct safetensors_entry *entries,
                       size_t n, struct safetensors_writer **out) {
    return safetensors_create_with(ctx, path, entries, n, NULL, out);
}

int safetensors_create_with(infer *ctx, const char *path, const struct safetensors_entry *entries,
                            size_t n, const struct safetensors_text *texts,
                            struct safetensors_writer **out) {
    int status;
    *out = NULL;
    struct safetensors_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return infer_fail_memory(ctx, sizeof *writer);
    writer->ctx = ctx;
    writer->file = -1;
    writer->path = strdup(path);
    writer->plans = calloc(n ? n : 1, sizeof *writer->plans);
    json_t *header = json_object();
    if (!writer->path || !writer->plans || !header) {
        status = infer_fail_memory(ctx, n * sizeof *writer->plans);
        goto done;
    }
    INFER_GO(plan_metadata(writer, texts, header));
    INFER_GO(plan_all(writer, entries, n, header));
    writer->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->file < 0) {
        status = infer_fail_errno(ctx, path);
        goto done;
    }
    INFER_GO(write_header(writer, header));
    skip_full(writer);
    *out = writer;
    writer = NULL;
done:
    json_decref(header);
    safetensors_abandon(writer);
    return status;
}

static int write_half(struct safetensors_writer *writer, const float *data, uint64_t count) {
    uint16_t halves[CHUNK];
    for (uint64_t begin = 0; begin < count; begin += CHUNK) {
        uint64_t n = count - begin < CHUNK ? count - begin : CHUNK;
        for (uint64_t i = 0; i < n; i++) {
            float value = data[begin + i];
            halves[i] = weights_to_f16(value);
            if ((halves[i] & 0x7fff) == 0x7c00 && isfinite(value))
                return infer_fail(writer->ctx, INFER_EVALUE,
                                  "%s: tensor %s: %g is too large for float16", writer->path,
                                  writer->plans[writer->at].name, (double)value);
        }
        INFER_TRY(write_all(writer, halves, n * sizeof *halves));
    }
    return INFER_OK;
}

/* Is there room for that many, in a tensor of the right kind? */
static int check_room(struct safetensors_writer *writer, uint64_t count, bool converted) {
    bool any = writer->at < writer->n;
    uint64_t left = any ? writer->plans[writer->at].count - writer->filled : 0;
    if (count > left)
        return infer_fail(writer->ctx, INFER_EUSAGE,
                          "%s: tensor %s: more data than its shape holds", writer->path,
                          any ? writer->plans[writer->at].name : "(none left)");
    if (is_converted(writer->plans[writer->at].dtype) != converted)
        return infer_fail(writer->ctx, INFER_EUSAGE, "%s: tensor %s: data of another type",
                          writer->path, writer->plans[writer->at].name);
    return INFER_OK;
}

int safetensors_append(struct safetensors_writer *writer, const float *data, uint64_t count) {
    if (!count) return INFER_OK;
    INFER_TRY(check_room(writer, count, true));
    if (writer->plans[writer->at].dtype == WEIGHTS_F16)
        INFER_TRY(write_half(writer, data, count));
    else
        INFER_TRY(write_all(writer, data, count * sizeof *data));
    writer->filled += count;
    skip_full(writer);
    return INFER_OK;
}

int safetensors_append_raw(struct safetensors_writer *writer, const void *data, uint64_t count) {
    if (!count) return INFER_OK;
    INFER_TRY(check_room(writer, count, false));
    INFER_TRY(write_all(writer, data, count * weights_dtype_size(writer->plans[writer->at].dtype)));
    writer->filled += count;
    skip_full(writer);
    return INFER_OK;
}

int safetensors_finish(struct safetensors_writer *writer) {
    int status = INFER_OK;
    if (writer->at < writer->n) {
        status = infer_fail(writer->ctx, INFER_EUSAGE, "%s: tensor %s: %llu elements are missing",
                            writer->path, writer->plans[writer->at].name,
                            (unsigned long long)(writer->plans[writer->at].count - writer->filled));
    } else if (fsync(writer->file)) {
        status = infer_fail_errno(writer->ctx, writer->path);
    } else {
        int file = writer->file;
        writer->file = -1;
        if (close(file)) {
            status = infer_fail_errno(writer->ctx, writer->path);
            unlink(writer->path);
        }
    }
    safetensors_abandon(writer);
    return status;
}
