/* stream.h - a stream of frames, and the rules that its readers hold it to (vt-stream(5)).
 *
 * The records of a source come together, in order of their frames, and its end record counts them:
 * a stream that was cut off, mixed or made by another model is an error, never a shorter answer.
 */
#ifndef GALLERY_STREAM_H
#define GALLERY_STREAM_H

#include "gallery.h"
#include "record.h"

#include <stdbool.h>

typedef struct gallery_stream gallery_stream;

/* A property that every frame must carry with one value: the id of what made it. */
typedef struct gallery_stream_id {
    const char *key;    /* "backbone"; NULL: no rule */
    const char *id;     /* what it must be */
    const char *owner;  /* whose id that is, for the message: "this model's" */
    const char *remedy; /* what to do: "run vt-frames with this model" */
} gallery_stream_id;

#define GALLERY_STREAM_IDS 2

typedef struct gallery_stream_rules {
    gallery_stream_id ids[GALLERY_STREAM_IDS];
    const char *vector; /* the property that holds a frame's vector; NULL: none is wanted */
    size_t dim;         /* and how many numbers that has */
    bool point;         /* a frame must have a Point on the Earth */
    bool skip_errors;   /* a broken record becomes an error record instead of an error */
} gallery_stream_rules;

/* Opens the files, one after the other as they are read; count 0: standard input. What the
 * arguments point to must stay as long as the stream; the context's message names file and line of
 * each failure. */
int gallery_stream_open(gallery_context *ctx, const char *const *paths, size_t count,
                        const gallery_stream_rules *rules, gallery_stream **stream);
void gallery_stream_close(gallery_stream *stream);

/* The next record, owned by the caller: a frame, an error record or an end record. GALLERY_END
 * after the last source. GALLERY_EFORMAT: damaged, cut off or out of order; GALLERY_EVALUE: a
 * vector with NaN or infinity; GALLERY_EMISMATCH: made by something else; GALLERY_EEMPTY: a file
 * without a record. After an error there is nothing more to read.
 *
 * With skip_errors a record that is damaged in itself comes as an error record of its source; a
 * stream that is cut off, mixed or mismatched remains an error. */
int gallery_stream_next(gallery_stream *stream, gallery_record **record);

/* Is the last record the first of its source? */
bool gallery_stream_began(const gallery_stream *stream);

/* Of the last record, a frame: its vector, float [dim], and its point in canonical form. Valid
 * until the next call. */
const float *gallery_stream_vector(const gallery_stream *stream);
void gallery_stream_point(const gallery_stream *stream, double *lon_deg, double *lat_deg);

/* How many error records have come or been made so far. */
unsigned long long gallery_stream_errors(const gallery_stream *stream);

#endif
