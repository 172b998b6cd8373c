/* Writing a cache: room for the header, the features as they come, then what was kept of each frame
 * and source, and last the header, when all sizes are known. */
#include "cache.h"

#include "cache_read.h"
#include "context.h"
#include "weights.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define DIM_MOST 65536 /* numbers in a feature */

/* An array that grows. */
struct list {
    char *data;
    size_t used, capacity; /* bytes */
};

struct infer_cache_writer {
    infer *ctx;
    FILE *file;
    char *name, *source; /* source: one that has no frame yet, or NULL */
    char backbone[17];
    size_t dim;
    bool half;
    uint16_t *row;
    uint64_t frames;
    size_t sources;
    struct list names, truth, times, offsets;
};

static int list_add(infer *ctx, struct list *list, const void *data, size_t size) {
    if (size > list->capacity - list->used) {
        size_t capacity = 2 * list->capacity + size + 4096;
        char *grown = realloc(list->data, capacity);
        if (!grown) return infer_fail_memory(ctx, capacity);
        list->data = grown;
        list->capacity = capacity;
    }
    memcpy(list->data + list->used, data, size);
    list->used += size;
    return INFER_OK;
}

static int write_bytes(infer_cache_writer *w, const void *data, size_t size) {
    if (fwrite(data, 1, size, w->file) == size) return INFER_OK;
    if (!errno) errno = EIO;
    return infer_fail_errno(w->ctx, w->name);
}

int infer_cache_create(infer *ctx, FILE *file, const char *name, const char *backbone, size_t dim,
                       bool half, infer_cache_writer **out) {
    static const char room[CACHE_HEADER];
    int status;
    *out = NULL;
    if (strlen(backbone) != 16 || !dim || dim > DIM_MOST)
        return infer_fail(ctx, INFER_EUSAGE, "%s: features of %zu numbers, of backbone '%s'", name,
                          dim, backbone);
    infer_cache_writer *w = calloc(1, sizeof *w);
    if (!w) return infer_fail_memory(ctx, sizeof *w);
    *w = (infer_cache_writer){.ctx = ctx, .file = file, .dim = dim, .half = half};
    memcpy(w->backbone, backbone, sizeof w->backbone);
    w->name = strdup(name);
    w->row = calloc(dim, sizeof *w->row);
    INFER_GO(w->name && w->row ? INFER_OK : infer_fail_memory(ctx, dim * sizeof *w->row));
    INFER_GO(write_bytes(w, room, sizeof room));
    *out = w;
    return INFER_OK;
done:
    infer_cache_close(w);
    return status;
}

void infer_cache_close(infer_cache_writer *w) {
    if (!w) return;
    struct list *lists[] = {&w->names, &w->truth, &w->times, &w->offsets};
    for (int i = 0; i < 4; i++) free(lists[i]->data);
    free(w->row);
    free(w->source);
    free(w->name);
    free(w);
}

size_t infer_cache_sources(const infer_cache_writer *w) {
    return w->sources;
}

uint64_t infer_cache_frames(const infer_cache_writer *w) {
    return w->frames;
}

int infer_cache_begin(infer_cache_writer *w, const char *source) {
    if (!*source) return infer_fail(w->ctx, INFER_EUSAGE, "%s: a source without a name", w->name);
    free(w->source);
    w->source = strdup(source);
    return w->source ? INFER_OK : infer_fail_memory(w->ctx, strlen(source) + 1);
}

/* The first frame of a source makes it one. */
static int enter_source(infer_cache_writer *w) {
    if (!w->source && w->sources) return INFER_OK;
    if (!w->source)
        return infer_fail(w->ctx, INFER_EUSAGE, "%s: a frame before any source", w->name);
    INFER_TRY(list_add(w->ctx, &w->names, w->source, strlen(w->source) + 1));
    INFER_TRY(list_add(w->ctx, &w->offsets, &w->frames, sizeof w->frames));
    w->sources++;
    free(w->source);
    w->source = NULL;
    return INFER_OK;
}

static int write_feature(infer_cache_writer *w, const float *feature) {
    if (!w->half) return write_bytes(w, feature, w->dim * sizeof *feature);
    for (size_t i = 0; i < w->dim; i++) {
        w->row[i] = weights_to_f16(feature[i]);
        if ((w->row[i] & 0x7c00) == 0x7c00)
            return infer_fail(w->ctx, INFER_EVALUE,
                              "%s: frame %llu: %g is too large for float16; use float32", w->name,
                              (unsigned long long)w->frames, (double)feature[i]);
    }
    return write_bytes(w, w->row, w->dim * sizeof *w->row);
}

int infer_cache_add(infer_cache_writer *w, const float *feature, double lon_deg, double lat_deg,
                    double t_s) {
    const double truth[2] = {lon_deg, lat_deg};
    if (!cache_is_place(truth) || isinf(t_s))
        return infer_fail(w->ctx, INFER_EVALUE, "%s: frame %llu: %g, %g is no place on the Earth",
                          w->name, (unsigned long long)w->frames, lon_deg, lat_deg);
    for (size_t i = 0; i < w->dim; i++)
        if (!isfinite(feature[i]))
            return infer_fail(w->ctx, INFER_EVALUE,
                              "%s: frame %llu: a feature with a number that is not finite", w->name,
                              (unsigned long long)w->frames);
    INFER_TRY(enter_source(w));
    INFER_TRY(write_feature(w, feature));
    INFER_TRY(list_add(w->ctx, &w->truth, truth, sizeof truth));
    INFER_TRY(list_add(w->ctx, &w->times, &t_s, sizeof t_s));
    w->frames++;
    return INFER_OK;
}

/* -------------------------------------------------------------------- the end */

/* The names' tensor ends at a multiple of 8 bytes, so that the doubles behind it are aligned. */
static int pad_names(infer_cache_writer *w) {
    static const char zeros[8];
    uint64_t size = w->frames * w->dim * (w->half ? 2 : 4) + w->names.used;
    return list_add(w->ctx, &w->names, zeros, (size_t)(8 - size % 8) % 8);
}

static int add_tensor(infer_cache_writer *w, json_t *header, const char *name, const char *dtype,
                      json_t *shape, uint64_t *at, uint64_t bytes) {
    json_t *tensor = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape,
                               "data_offsets", (json_int_t)*at, (json_int_t)(*at + bytes));
    *at += bytes;
    return json_object_set_new(header, name, tensor) ? infer_fail_memory(w->ctx, CACHE_HEADER)
                                                     : INFER_OK;
}

static int describe(infer_cache_writer *w, json_t *header) {
    const json_int_t n = (json_int_t)w->frames, dim = (json_int_t)w->dim;
    uint64_t at = 0, item = w->half ? 2 : 4;
    json_object_set_new(header, "__metadata__",
                        json_pack("{s:s, s:s, s:s}", "format", CACHE_FORMAT, "version",
                                  CACHE_VERSION, "backbone", w->backbone));
    INFER_TRY(add_tensor(w, header, "features", w->half ? "F16" : "F32",
                         json_pack("[I, I]", n, dim), &at, w->frames * w->dim * item));
    INFER_TRY(add_tensor(w, header, "names", "U8", json_pack("[I]", (json_int_t)w->names.used), &at,
                         w->names.used));
    INFER_TRY(add_tensor(w, header, "truth", "F64", json_pack("[I, i]", n, 2), &at, w->truth.used));
    INFER_TRY(add_tensor(w, header, "t", "F64", json_pack("[I]", n), &at, w->times.used));
    return add_tensor(w, header, "offsets", "I64", json_pack("[I]", (json_int_t)w->sources + 1),
                      &at, w->offsets.used);
}

static int write_header(infer_cache_writer *w) {
    char block[CACHE_HEADER];
    uint64_t length = CACHE_HEADER - 8;
    json_t *header = json_object();
    char *text = NULL;
    int status = header ? describe(w, header) : infer_fail_memory(w->ctx, CACHE_HEADER);
    if (status == INFER_OK) text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (status != INFER_OK) return status;
    if (!text || strlen(text) > length) {
        free(text);
        return infer_fail_memory(w->ctx, CACHE_HEADER);
    }
    memset(block, ' ', sizeof block);
    memcpy(block, &length, 8);
    memcpy(block + 8, text, strlen(text));
    free(text);
    if (fseeko(w->file, 0, SEEK_SET)) return infer_fail_errno(w->ctx, w->name);
    return write_bytes(w, block, sizeof block);
}

int infer_cache_finish(infer_cache_writer *w) {
    if (!w->frames) return infer_fail(w->ctx, INFER_EVALUE, "%s: no frame has truth", w->name);
    INFER_TRY(pad_names(w));
    INFER_TRY(list_add(w->ctx, &w->offsets, &w->frames, sizeof w->frames));
    INFER_TRY(write_bytes(w, w->names.data, w->names.used));
    INFER_TRY(write_bytes(w, w->truth.data, w->truth.used));
    INFER_TRY(write_bytes(w, w->times.data, w->times.used));
    INFER_TRY(write_bytes(w, w->offsets.data, w->offsets.used));
    INFER_TRY(write_header(w));
    errno = 0;
    return fflush(w->file) ? infer_fail_errno(w->ctx, w->name) : INFER_OK;
}
