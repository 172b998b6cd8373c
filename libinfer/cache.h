/* cache.h - features of a data set's frames and where they were taken, in one file to train from.
 *
 * A stream of records carries a feature as text; training reads each feature many times. A cache
 * holds them as a safetensors file (schemas/cache.md), which PyTorch reads too; it is mapped, so it
 * may be larger than memory. Only frames with truth are in it.
 */
#ifndef INFER_CACHE_H
#define INFER_CACHE_H

#include "infer.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct infer_cache_writer infer_cache_writer;

/* Begins a cache in an empty file that can seek; `name` is what messages call it. backbone: the 16
 * digits of the id; dim: of a feature. half: float16, else float32. The file stays the caller's,
 * and must outlive the writer. INFER_EUSAGE, INFER_EIO, INFER_ENOMEM. */
int infer_cache_create(infer *ctx, FILE *file, const char *name, const char *backbone, size_t dim,
                       bool half, infer_cache_writer **writer);

/* The frames that follow are this source's. One that gets no frame is left out. INFER_EUSAGE for a
 * name that is empty. */
int infer_cache_begin(infer_cache_writer *writer, const char *source);

/* A frame: feature float [dim], WGS84 degrees, presentation time in seconds or NaN. Takes 24 bytes
 * of memory until the end. INFER_EVALUE: a number is not finite, or no place on the Earth. */
int infer_cache_add(infer_cache_writer *writer, const float *feature, double lon_deg,
                    double lat_deg, double t_s);

/* How many there are so far. */
size_t infer_cache_sources(const infer_cache_writer *writer);
uint64_t infer_cache_frames(const infer_cache_writer *writer);

/* Writes the rest and flushes the file (not to disk). INFER_EVALUE: there is no frame. */
int infer_cache_finish(infer_cache_writer *writer);
void infer_cache_close(infer_cache_writer *writer); /* NULL is fine */

/* Does the file begin as a cache does, rather than as a stream of records? Nothing else is looked
 * at; false if it cannot be read. */
bool infer_cache_looks_like(const char *path);

#endif
