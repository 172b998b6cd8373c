/* record.h - the streams between the tools: newline-delimited GeoJSON Features (vt-stream(5)).
 *
 * A record keeps the members it does not know, so that what a user adds upstream arrives
 * downstream.
 */
#ifndef GALLERY_RECORD_H
#define GALLERY_RECORD_H

#include "gallery.h"
#include "search.h"

#include <stdbool.h>
#include <stdio.h>

/* A longer line is an error, not an allocation. */
#define GALLERY_RECORD_MAX_BYTES ((size_t)4 << 20)

typedef struct gallery_reader gallery_reader;
typedef struct gallery_record gallery_record;

enum gallery_record_kind {
    GALLERY_RECORD_FEATURE,
    GALLERY_RECORD_ERROR, /* has an `error` object in place of a result */
    GALLERY_RECORD_END    /* has `end`: true, the last record of a source */
};

/* ------------------------------------------------------------------ reading
 * path "-" is standard input. Accepts LF, CRLF, RS (RFC 8142) and blank lines. */
int gallery_reader_open(gallery_context *ctx, const char *path, gallery_reader **reader);
void gallery_reader_close(gallery_reader *reader);

/* The next record, owned by the caller; GALLERY_END at the end. GALLERY_EFORMAT names file, line
 * and reason, and the reader can go on with the next line after it. GALLERY_EIO. */
int gallery_reader_next(gallery_reader *reader, gallery_record **record);

/* Where the last record came from, for messages: "NAME:LINE". The name is the path, or "standard
 * input"; lines count from 1. */
const char *gallery_reader_name(const gallery_reader *reader);
unsigned long long gallery_reader_line(const gallery_reader *reader);

/* Bytes read so far, and in all (0: not a file). For progress. */
void gallery_reader_position(const gallery_reader *reader, unsigned long long *at,
                             unsigned long long *size);

/* -------------------------------------------------------------- one record */
/* A Feature without geometry or properties; NULL: out of memory. */
gallery_record *gallery_record_new(void);
void gallery_record_free(gallery_record *record);

/* A record from one line of text. GALLERY_EFORMAT gives the reason; *cut, which may be NULL: the
 * text ends before the JSON does. */
int gallery_record_parse(gallery_context *ctx, const char *text, size_t length,
                         gallery_record **record, bool *cut);

enum gallery_record_kind gallery_record_kind(const gallery_record *record);

/* How long the line was from which it was read; 0 for a new record. */
size_t gallery_record_bytes(const gallery_record *record);

/* The Point geometry; false if the geometry is null or of another type. As written, not canonical.
 */
bool gallery_record_point(const gallery_record *record, double *lon_deg, double *lat_deg);

/* Properties. Strings are valid until the record changes; NULL or false: not there, or not of that
 * type. Numbers are finite. */
bool gallery_record_has(const gallery_record *record, const char *key);
bool gallery_record_is_null(const gallery_record *record, const char *key);
const char *gallery_record_string(const gallery_record *record, const char *key);
bool gallery_record_number(const gallery_record *record, const char *key, double *value);
bool gallery_record_integer(const gallery_record *record, const char *key, long long *value);
bool gallery_record_pair(const gallery_record *record, const char *key, double *lon_deg,
                         double *lat_deg);

/* Where a frame was taken, `truth`, in canonical form: GALLERY_END if it does not say,
 * GALLERY_EFORMAT if that cannot be; it is then as written, NaN for no pair, and *why goes on from
 * "its truth". */
int gallery_record_truth(const gallery_record *record, double lonlat_deg[2], const char **why);

/* A vector: base64 of little-endian float32. GALLERY_EFORMAT if it is not there or not dim long,
 * GALLERY_EVALUE if a number is not finite. out: float [dim]. */
int gallery_record_vector(gallery_context *ctx, const gallery_record *record, const char *key,
                          size_t dim, float *out);

/* All properties but those named (a list that ends with NULL; may be NULL), as the text of a JSON
 * object in *text, which the caller frees; NULL if there are none. false: out of memory. */
bool gallery_record_properties(const gallery_record *record, const char *const *but, char **text);

/* Setters return false when memory runs out or a number is not finite. Coordinates are rounded to 7
 * decimals, a number to `decimals` (0 to 9). Text that is not UTF-8 gets '?' for what lies beyond
 * ASCII. Lines, with LF between them, become an array of strings. */
bool gallery_record_set_point(gallery_record *record, double lon_deg, double lat_deg);
bool gallery_record_set_no_point(gallery_record *record);
bool gallery_record_set_string(gallery_record *record, const char *key, const char *value);
bool gallery_record_set_integer(gallery_record *record, const char *key, long long value);
bool gallery_record_set_number(gallery_record *record, const char *key, double value, int decimals);
bool gallery_record_set_null(gallery_record *record, const char *key);
bool gallery_record_set_pair(gallery_record *record, const char *key, double lon_deg,
                             double lat_deg);
bool gallery_record_set_vector(gallery_record *record, const char *key, const float *v, size_t dim);
bool gallery_record_set_lines(gallery_record *record, const char *key, const char *lines);
bool gallery_record_set_candidates(gallery_record *record, const gallery_hit *hits, size_t n);
void gallery_record_remove(gallery_record *record, const char *key);

/* Turns the record into an error record: no geometry, no vectors, no result; what else it carries
 * stays. `type` is a word, such as "decode" or "format". */
bool gallery_record_set_error(gallery_record *record, const char *type, const char *message);

/* The record that ends a source: how many records came before it. */
gallery_record *gallery_record_new_end(const char *source, long long frames);

/* ------------------------------------------------------------------ writing
 * One line: type, geometry, properties, then what else the Feature has. Flushes if `flush`.
 * GALLERY_EIO and GALLERY_EFULL name the reason. */
int gallery_record_write(gallery_context *ctx, const gallery_record *record, FILE *out, bool flush);

/* A point of vt-grid as one line, without the detour over a record: `id` first, then its
 * properties, which hold no `id`. */
int gallery_point_write(gallery_context *ctx, const gallery_point *point, FILE *out, bool flush);

#endif
