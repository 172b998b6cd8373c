/* Reading a cache: what a training relies on is checked when it is opened; features, which may be
 * many times the memory, when they are used. */
#include "cache.h"

#include "cache_read.h"
#include "context.h"
#include "weights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

struct cache {
    infer *ctx;
    char *name;
    struct weights *weights;
    const struct weights_tensor *features, *names, *truth, *times, *offsets;
    const char **source; /* [sources] */
    size_t sources, dim;
    uint64_t frames;
};

bool infer_cache_looks_like(const char *path) {
    unsigned char head[9] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    ssize_t got = pread(fd, head, sizeof head, 0);
    close(fd);
    return got == (ssize_t)sizeof head && head[8] == '{' && !head[4] && !head[5] && !head[6] &&
           !head[7];
}

static int bad(const struct cache *c, const char *what) {
    return infer_fail(c->ctx, INFER_EFORMAT, "%s: %s", c->name, what);
}

/* ------------------------------------------------------------------- checking */

static int find(struct cache *c, const char *name, int ndim, const struct weights_tensor **out) {
    const struct weights_tensor *t = weights_find(c->weights, name);
    if (!t || t->ndim != ndim)
        return infer_fail(c->ctx, INFER_ETENSOR,
                          "%s: tensor %s is missing, or not of %d dimension%s", c->name, name, ndim,
                          ndim == 1 ? "" : "s");
    *out = t;
    return INFER_OK;
}

static int want(const struct cache *c, const struct weights_tensor *t, enum weights_dtype dtype,
                uint64_t rows) {
    if (t->dtype == dtype && t->shape[0] == rows) return INFER_OK;
    return infer_fail(c->ctx, INFER_ETENSOR, "%s: tensor %s is not %s of %llu rows", c->name,
                      t->name, weights_dtype_name(dtype), (unsigned long long)rows);
}

static int check_format(const struct cache *c) {
    const char *format = weights_metadata(c->weights, "format");
    const char *version = weights_metadata(c->weights, "version");
    const char *backbone = weights_metadata(c->weights, "backbone");
    if (!format || strcmp(format, CACHE_FORMAT))
        return bad(c, "is no cache of features; vt-train --cache writes one");
    if (!version || strcmp(version, CACHE_VERSION))
        return infer_fail(c->ctx, INFER_EFORMAT,
                          "%s: cache version '%.20s' is not known to this program, which reads %s",
                          c->name, version ? version : "", CACHE_VERSION);
    if (!backbone || strspn(backbone, "0123456789abcdef") != 16 || strlen(backbone) != 16)
        return bad(c, "its backbone's id is not 16 hexadecimal digits");
    return INFER_OK;
}

static int check_tensors(struct cache *c) {
    INFER_TRY(find(c, "features", 2, &c->features));
    INFER_TRY(find(c, "names", 1, &c->names));
    INFER_TRY(find(c, "truth", 2, &c->truth));
    INFER_TRY(find(c, "t", 1, &c->times));
    INFER_TRY(find(c, "offsets", 1, &c->offsets));
    c->frames = c->features->shape[0];
    c->dim = (size_t)c->features->shape[1];
    if (!weights_dtype_is_float(c->features->dtype) || c->features->dtype == WEIGHTS_F64)
        return bad(c, "tensor features is not F16, BF16 or F32");
    if (!c->features->count) return bad(c, "holds no frame");
    INFER_TRY(want(c, c->names, WEIGHTS_U8, c->names->shape[0]));
    INFER_TRY(want(c, c->truth, WEIGHTS_F64, c->frames));
    if (c->truth->shape[1] != 2) return bad(c, "tensor truth has no pairs");
    INFER_TRY(want(c, c->times, WEIGHTS_F64, c->frames));
    if (c->offsets->shape[0] < 2) return bad(c, "holds no source");
    c->sources = (size_t)c->offsets->shape[0] - 1;
    return want(c, c->offsets, WEIGHTS_I64, c->sources + 1);
}

static int64_t offset_at(const struct cache *c, size_t i) {
    int64_t value;
    memcpy(&value, (const char *)c->offsets->data + i * sizeof value, sizeof value);
    return value;
}

static int check_offsets(const struct cache *c) {
    int64_t before = 0;
    bool good = offset_at(c, 0) == 0 && (uint64_t)offset_at(c, c->sources) == c->frames;
    for (size_t i = 1; good && i <= c->sources; i++) {
        good = offset_at(c, i) > before;
        before = offset_at(c, i);
    }
    return good ? INFER_OK : bad(c, "tensor offsets does not divide the frames into sources");
}

/* As many names as sources, each ended by a NUL; behind them NULs alone. */
static int check_names(struct cache *c) {
    const char *at = c->names->data, *end = at + c->names->count;
    c->source = calloc(c->sources, sizeof *c->source);
    if (!c->source) return infer_fail_memory(c->ctx, c->sources * sizeof *c->source);
    for (size_t i = 0; i < c->sources; i++) {
        const char *stop = at && at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (!stop || stop == at) return bad(c, "tensor names has not one name for each source");
        c->source[i] = at;
        at = stop + 1;
    }
    for (; at < end; at++)
        if (*at) return bad(c, "tensor names has more names than there are sources");
    return INFER_OK;
}

static int check_truth(const struct cache *c) {
    for (uint64_t i = 0; i < c->frames; i++) {
        double place[2];
        cache_truth(c, i, place);
        if (!cache_is_place(place))
            return infer_fail(
                c->ctx, INFER_EVALUE,
                "%s: frame %llu: truth %g, %g is no place on the Earth: are longitude "
                "and latitude swapped?",
                c->name, (unsigned long long)i, place[0], place[1]);
    }
    return INFER_OK;
}

int cache_open(infer *ctx, const char *path, const char *name, struct cache **out) {
    int status;
    *out = NULL;
    struct cache *c = calloc(1, sizeof *c);
    if (!c) return infer_fail_memory(ctx, sizeof *c);
    c->ctx = ctx;
    c->name = strdup(name ? name : path);
    INFER_GO(c->name ? INFER_OK : infer_fail_memory(ctx, strlen(path) + 1));
    INFER_GO(weights_open(ctx, path, &c->weights));
    INFER_GO(check_format(c));
    INFER_GO(check_tensors(c));
    INFER_GO(check_offsets(c));
    INFER_GO(check_names(c));
    INFER_GO(check_truth(c));
    *out = c;
    return INFER_OK;
done:
    cache_close(c);
    return status;
}

void cache_close(struct cache *c) {
    if (!c) return;
    weights_close(c->weights);
    free(c->source);
    free(c->name);
    free(c);
}

/* -------------------------------------------------------------------- reading */

const char *cache_name(const struct cache *c) {
    return c->name;
}

const char *cache_backbone(const struct cache *c) {
    return weights_metadata(c->weights, "backbone");
}

size_t cache_dim(const struct cache *c) {
    return c->dim;
}

size_t cache_sources(const struct cache *c) {
    return c->sources;
}

uint64_t cache_frames(const struct cache *c) {
    return c->frames;
}

struct cache_source cache_source(const struct cache *c, size_t i) {
    int64_t first = offset_at(c, i);
    return (struct cache_source){c->source[i], (uint64_t)first,
                                 (uint64_t)(offset_at(c, i + 1) - first)};
}

int cache_feature(const struct cache *c, uint64_t at, float *out) {
    struct weights_tensor row = *c->features;
    row.ndim = 1;
    row.shape[0] = row.count = c->dim;
    row.strides[0] = 1;
    row.data = (const char *)row.data + at * c->dim * weights_dtype_size(row.dtype);
    weights_copy_f32(&row, out);
    for (size_t i = 0; i < c->dim; i++)
        if (!isfinite(out[i]))
            return infer_fail(c->ctx, INFER_EVALUE,
                              "%s: frame %llu: its feature has a number that is not finite",
                              c->name, (unsigned long long)at);
    return INFER_OK;
}

void cache_truth(const struct cache *c, uint64_t at, double lonlat[2]) {
    memcpy(lonlat, (const char *)c->truth->data + at * 2 * sizeof *lonlat, 2 * sizeof *lonlat);
}

static uint64_t hash_tensor(const struct weights_tensor *t, uint64_t seed) {
    return XXH3_64bits_withSeed(t->data, t->count * weights_dtype_size(t->dtype), seed);
}

uint64_t cache_digest(const struct cache *c) {
    const char *backbone = cache_backbone(c);
    uint64_t hash = XXH3_64bits_withSeed(backbone, strlen(backbone), c->dim);
    hash = hash_tensor(c->names, hash);
    hash = hash_tensor(c->truth, hash);
    return hash_tensor(c->offsets, hash);
}
