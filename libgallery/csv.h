/* csv.h - rows of text tables (RFC 4180) by the names of their columns, in bounded memory.
 *
 * The first row names the columns; which of comma, semicolon and tab separates them is taken from
 * it. A byte-order mark, CRLF and blank lines are accepted.
 */
#ifndef GALLERY_CSV_H
#define GALLERY_CSV_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_csv gallery_csv;

#define GALLERY_CSV_MAX_BYTES 65536 /* of a row */
#define GALLERY_CSV_MAX_FIELDS 256

/* "-" is no special name. GALLERY_EIO, GALLERY_EEMPTY, GALLERY_EFORMAT. */
int gallery_csv_open(gallery_context *ctx, const char *path, gallery_csv **csv);
void gallery_csv_close(gallery_csv *csv);

/* The place of the first column that has one of the names, which '|' separates ("lat|latitude"), in
 * any case of letters; -1: none. */
int gallery_csv_column(const gallery_csv *csv, const char *names);

/* The same; GALLERY_EFORMAT if there is none. */
int gallery_csv_need(gallery_csv *csv, const char *names, int *column);

/* GALLERY_END after the last row; GALLERY_EFORMAT names file and line. */
int gallery_csv_next(gallery_csv *csv);

/* A field of the row, valid until the next; column -1: "". */
const char *gallery_csv_field(const gallery_csv *csv, int column);

/* A finite number; GALLERY_EFORMAT if the field is none. */
int gallery_csv_number(gallery_csv *csv, int column, double *value);

/* A longitude and a latitude that lie on the Earth, canonical. */
int gallery_csv_position(gallery_csv *csv, int lon, int lat, double out[2]);

/* Sets the context's text to "FILE:LINE: REASON" and returns GALLERY_EFORMAT. */
int gallery_csv_refuse(gallery_csv *csv, const char *reason);

#endif
