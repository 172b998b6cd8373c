#include "csv.h"
#include "context.h"
#include "geodesy.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct row {
    char text[GALLERY_CSV_MAX_BYTES];
    char *fields[GALLERY_CSV_MAX_FIELDS + 1]; /* the last: where the next would begin */
    int n;
};

struct gallery_csv {
    gallery_context *ctx;
    FILE *file;
    char *path;
    char separator; /* 0: not known yet */
    unsigned long long line, next_line;
    struct row header, row;
};

int gallery_csv_refuse(gallery_csv *c, const char *reason) {
    return gallery_fail(c->ctx, GALLERY_EFORMAT, "%s:%llu: %s", c->path, c->line, reason);
}

/* -------------------------------------------------------------------- reading */

/* Where a row is being read: its bytes so far, and whether they are inside quotes. */
struct cursor {
    struct row *row;
    size_t length;
    bool quoted, closed; /* closed: a quote has just ended the quoted part */
};

static const char *add_byte(struct cursor *at, char c) {
    if (at->length + 1 >= sizeof at->row->text) return "the row is longer than 64 KiB";
    at->row->text[at->length++] = c;
    return NULL;
}

static const char *end_field(struct cursor *at) {
    const char *why = add_byte(at, '\0');
    at->closed = false;
    if (why) return why;
    if (at->row->n == GALLERY_CSV_MAX_FIELDS) return "more than 256 columns";
    at->row->n++;
    at->row->fields[at->row->n] = at->row->text + at->length;
    return NULL;
}

static const char *take_quoted(struct cursor *at, char c) {
    if (c != '"') return add_byte(at, c);
    at->quoted = false;
    at->closed = true;
    return NULL;
}

static char guess_separator(const char *line) {
    static const char candidates[] = ",;\t";
    for (const char *s = candidates; *s; s++)
        if (strchr(line, *s)) return *s;
    return ',';
}

/* Outside quotes. */
static const char *take_plain(const gallery_csv *csv, struct cursor *at, char c) {
    const char *field = at->row->fields[at->row->n];
    if (c == csv->separator) return end_field(at);
    if (c == '"' && at->closed) { /* "" inside quotes is a quote */
        at->quoted = true;
        at->closed = false;
        return add_byte(at, c);
    }
    if (c == '"' && at->row->text + at->length == field) {
        at->quoted = true;
        return NULL;
    }
    return at->closed ? "text after a closing quote" : add_byte(at, c);
}

static const char *take_line(gallery_csv *csv, struct cursor *at, const char *line, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *why = line[i] == '\0' ? "a NUL byte: not text"
                          : at->quoted    ? take_quoted(at, line[i])
                                          : take_plain(csv, at, line[i]);
        if (why) return why;
    }
    return NULL;
}

/* A line of at most a row's length, without its end; its length, or -1. `why` if it is too long. */
static long read_line(gallery_csv *c, char *line, size_t size, const char **why) {
    size_t n = 0;
    int byte;
    c->next_line++;
    while ((byte = getc_unlocked(c->file)) != EOF && byte != '\n') {
        if (n + 1 >= size) {
            *why = "the row is longer than 64 KiB";
            return -1;
        }
        line[n++] = (char)byte;
    }
    if (byte == EOF && !n) {
        c->next_line--;
        return -1;
    }
    if (n && line[n - 1] == '\r') n--;
    line[n] = '\0';
    return (long)n;
}

static int read_row(gallery_csv *c, struct row *row) {
    char line[GALLERY_CSV_MAX_BYTES];
    const char *why = NULL;
    struct cursor at = {.row = row};
    row->n = 0;
    row->fields[0] = row->text;
    do {
        long n = read_line(c, line, sizeof line, &why);
        if (!at.quoted) c->line = c->next_line;
        if (n < 0 && !why && ferror(c->file)) return gallery_fail_errno(c->ctx, c->path);
        if (n < 0 && !why && !at.quoted) return GALLERY_END;
        if (n < 0) return gallery_csv_refuse(c, why ? why : "a quote is not closed");
        const char *text = line;
        bool mark = c->line == 1 && !strncmp(line, "\xef\xbb\xbf", 3);
        if (mark && !at.quoted) text += 3;
        if (!c->separator) c->separator = guess_separator(text);
        if (!at.quoted && !*text && n == text - line) continue;
        if (at.quoted) why = add_byte(&at, '\n');
        if (!why) why = take_line(c, &at, text, (size_t)(line + n - text));
        if (!why && !at.quoted) why = end_field(&at);
        if (why) return gallery_csv_refuse(c, why);
    } while (at.quoted || !row->n);
    return GALLERY_OK;
}

int gallery_csv_next(gallery_csv *c) {
    char reason[96];
    GALLERY_TRY(read_row(c, &c->row));
    if (c->row.n == c->header.n) return GALLERY_OK;
    snprintf(reason, sizeof reason, "%d fields, but the header names %d", c->row.n, c->header.n);
    return gallery_csv_refuse(c, reason);
}

/* ----------------------------------------------------------- opening, columns */

int gallery_csv_open(gallery_context *ctx, const char *path, gallery_csv **out) {
    *out = NULL;
    gallery_csv *c = calloc(1, sizeof *c);
    if (!c) return gallery_fail_memory(ctx, sizeof *c);
    int status;
    c->ctx = ctx;
    c->path = strdup(path);
    if (!c->path) {
        status = gallery_fail_memory(ctx, strlen(path));
        goto done;
    }
    c->file = fopen(path, "re");
    if (!c->file) {
        status = gallery_fail_errno(ctx, path);
        goto done;
    }
    status = read_row(c, &c->header);
    if (status == GALLERY_END)
        status = gallery_fail(ctx, GALLERY_EEMPTY,
                              "%s: it is empty; a row that names the columns "
                              "is expected",
                              path);
done:
    if (status == GALLERY_OK)
        *out = c;
    else
        gallery_csv_close(c);
    return status;
}

void gallery_csv_close(gallery_csv *c) {
    if (!c) return;
    if (c->file) fclose(c->file);
    free(c->path);
    free(c);
}

static bool has_name(const char *names, const char *name) {
    size_t n = strlen(name);
    for (const char *at = names; at; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strcspn(at, "|") == n && !strncasecmp(at, name, n)) return true;
    }
    return false;
}

int gallery_csv_column(const gallery_csv *c, const char *names) {
    for (int i = 0; i < c->header.n; i++)
        if (has_name(names, c->header.fields[i])) return i;
    return -1;
}

int gallery_csv_need(gallery_csv *c, const char *names, int *column) {
    *column = gallery_csv_column(c, names);
    if (*column >= 0) return GALLERY_OK;
    return gallery_fail(c->ctx, GALLERY_EFORMAT, "%s:%llu: no column is called %s", c->path,
                        c->line, names);
}

const char *gallery_csv_field(const gallery_csv *c, int column) {
    return column < 0 ? "" : c->row.fields[column];
}

int gallery_csv_number(gallery_csv *c, int column, double *value) {
    const char *text = gallery_csv_field(c, column);
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && isfinite(*value)) return GALLERY_OK;
    return gallery_fail(c->ctx, GALLERY_EFORMAT, "%s:%llu: %s: '%.40s' is not a number", c->path,
                        c->line, c->header.fields[column], text);
}

int gallery_csv_position(gallery_csv *c, int lon, int lat, double out[2]) {
    double x, y;
    GALLERY_TRY(gallery_csv_number(c, lon, &x));
    GALLERY_TRY(gallery_csv_number(c, lat, &y));
    out[0] = x;
    out[1] = y;
    if (gallery_canonical(out, out + 1)) return GALLERY_OK;
    return gallery_fail(c->ctx, GALLERY_EFORMAT,
                        "%s:%llu: longitude %g, latitude %g: not on the Earth%s", c->path, c->line,
                        x, y, fabs(x) <= 90 && fabs(y) <= 180 ? "; are the two swapped?" : "");
}
