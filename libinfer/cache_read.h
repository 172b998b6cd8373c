/* cache_read.h - inside libinfer: a cache (schemas/cache.md) that was opened for reading.
 *
 * Everything but the features is checked when it is opened; these are checked row by row, as they
 * are read. Pointers are valid as long as it is open.
 */
#ifndef INFER_CACHE_READ_H
#define INFER_CACHE_READ_H

#include "cache.h"

#include <math.h>

#define CACHE_FORMAT "vidtag-cache"
#define CACHE_VERSION "1"
#define CACHE_HEADER 4096 /* bytes before the data, the length included */

/* lon, lat in degrees; 0, 0 is what receivers without a fix say. */
static inline bool cache_is_place(const double lonlat[2]) {
    return fabs(lonlat[0]) <= 180 && fabs(lonlat[1]) <= 90 && (lonlat[0] != 0 || lonlat[1] != 0);
}

struct cache;

struct cache_source {
    const char *name;
    uint64_t first; /* its first frame among the cache's */
    uint64_t frames;
};

/* INFER_EIO, INFER_EFORMAT, INFER_ETENSOR name the file and what is wrong. `name` is what messages
 * call it; NULL: the path. */
int cache_open(infer *ctx, const char *path, const char *name, struct cache **cache);
void cache_close(struct cache *cache); /* NULL is fine */
const char *cache_name(const struct cache *cache);
const char *cache_backbone(const struct cache *cache);
size_t cache_dim(const struct cache *cache);
size_t cache_sources(const struct cache *cache);
uint64_t cache_frames(const struct cache *cache);
struct cache_source cache_source(const struct cache *cache, size_t i);

/* Frame `at` of the cache. out: float [dim]. INFER_EVALUE for a number that is not finite. */
int cache_feature(const struct cache *cache, uint64_t at, float *out);
void cache_truth(const struct cache *cache, uint64_t at, double lonlat[2]);

/* A hash of all but the features: of names, places, times. */
uint64_t cache_digest(const struct cache *cache);

#endif
