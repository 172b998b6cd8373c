#include "dataset.h"

#include "context.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

bool dataset_is_heldout(const char *name, double share) {
    return (double)(XXH3_64bits(name, strlen(name)) >> 11) * 0x1p-53 < share;
}

static int check_cache(infer *ctx, const struct cache *cache, const struct dataset_rules *rules) {
    if (strcmp(cache_backbone(cache), rules->backbone))
        return infer_fail(ctx, INFER_EVALUE,
                          "%s: its features are of backbone %s, but %s has %s; run vt-frames with "
                          "this model",
                          cache_name(cache), cache_backbone(cache), rules->model, rules->backbone);
    if (cache_dim(cache) == rules->dim) return INFER_OK;
    return infer_fail(ctx, INFER_EVALUE,
                      "%s: its features have %zu numbers, but those of %s have "
                      "%zu",
                      cache_name(cache), cache_dim(cache), rules->model, rules->dim);
}

/* Trained ones to the front, held-out ones behind them, each in the caches' order. */
static int divide(struct dataset *d, const struct dataset_rules *rules) {
    size_t all = 0, at[2] = {0, 0};
    for (size_t i = 0; i < d->cache_count; i++)
        for (size_t k = 0; k < cache_sources(d->caches[i]); k++, all++)
            d->train += !dataset_is_heldout(cache_source(d->caches[i], k).name, rules->heldout);
    d->heldout = all - d->train;
    at[1] = d->train;
    d->sources = calloc(all, sizeof *d->sources);
    if (!d->sources) return infer_fail_memory(d->ctx, all * sizeof *d->sources);
    for (size_t i = 0; i < d->cache_count; i++)
        for (size_t k = 0; k < cache_sources(d->caches[i]); k++) {
            struct cache_source s = cache_source(d->caches[i], k);
            bool held = dataset_is_heldout(s.name, rules->heldout);
            d->sources[at[held]++] = (struct dataset_source){d->caches[i], s};
            if (!held) d->frames += s.frames;
        }
    if (!d->train || (rules->heldout > 0 && !d->heldout))
        return infer_fail(d->ctx, INFER_EVALUE,
                          "of %zu sources, %zu are to train on and %zu are held out; give more "
                          "sources, or another share to hold out",
                          all, d->train, d->heldout);
    return INFER_OK;
}

int dataset_open(infer *ctx, const char *const *paths, const char *const *names, size_t n,
                 const struct dataset_rules *rules, struct dataset *d) {
    int status;
    *d = (struct dataset){.ctx = ctx, .dim = rules->dim};
    d->caches = calloc(n ? n : 1, sizeof *d->caches);
    if (!d->caches) return infer_fail_memory(ctx, n * sizeof *d->caches);
    for (size_t i = 0; i < n; i++) {
        INFER_GO(cache_open(ctx, paths[i], names ? names[i] : NULL, &d->caches[i]));
        d->cache_count++;
        INFER_GO(check_cache(ctx, d->caches[i], rules));
    }
    INFER_GO(divide(d, rules));
    return INFER_OK;
done:
    dataset_close(d);
    return status;
}

void dataset_close(struct dataset *d) {
    for (size_t i = 0; i < d->cache_count; i++) cache_close(d->caches[i]);
    free(d->caches);
    free(d->sources);
    *d = (struct dataset){0};
}

size_t dataset_shorter(const struct dataset *d, size_t frames) {
    size_t n = 0;
    for (size_t i = 0; i < d->train; i++) n += d->sources[i].in.frames < frames;
    return n;
}

int dataset_rows(const struct dataset *d, size_t source, const size_t *index, size_t n,
                 float *features, double *lonlat) {
    const struct dataset_source *s = &d->sources[source];
    for (size_t i = 0; i < n; i++) {
        uint64_t at = s->in.first + index[i];
        if (features) INFER_TRY(cache_feature(s->cache, at, features + i * d->dim));
        if (lonlat) cache_truth(s->cache, at, lonlat + 2 * i);
    }
    return INFER_OK;
}

size_t dataset_spread(const struct dataset *d, struct random_stream *r, size_t n, double *lonlat) {
    size_t source = 0;
    uint64_t first = 0; /* frame of that source */
    if (n > d->frames) n = (size_t)d->frames;
    for (size_t i = 0; i < n; i++) {
        double at = ((double)i + random_unit(r)) * (double)d->frames / (double)n;
        uint64_t frame = at < (double)d->frames ? (uint64_t)at : d->frames - 1;
        while (frame >= first + d->sources[source].in.frames)
            first += d->sources[source++].in.frames;
        const struct dataset_source *s = &d->sources[source];
        cache_truth(s->cache, s->in.first + (frame - first), lonlat + 2 * i);
    }
    return n;
}

uint64_t dataset_digest(const struct dataset *d) {
    uint64_t hash = d->cache_count;
    for (size_t i = 0; i < d->cache_count; i++) hash = random_mix(hash, cache_digest(d->caches[i]));
    return hash;
}
