/* reader.c - lines of a stream into records, within bounds. */
#include "reader.h"
#include "archive_block.h"
#include "context.h"
#include "environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_CAPACITY ((size_t)64 << 10)

struct gallery_reader {
    gallery_context *ctx;
    char *name;
    int fd;
    bool ended; /* read has returned 0 */
    char *buffer;
    size_t capacity, start, end; /* what is read and not yet taken: [start, end) */
    unsigned long long line, bytes, size;
};

int gallery_reader_open(gallery_context *ctx, const char *path, gallery_reader **out) {
    bool is_stdin = !strcmp(path, "-");
    struct stat st;
    *out = NULL;
    gallery_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return gallery_fail_memory(ctx, sizeof *reader);
    reader->ctx = ctx;
    reader->fd = is_stdin ? STDIN_FILENO : -1;
    reader->capacity = FIRST_CAPACITY;
    reader->name = strdup(is_stdin ? "standard input" : path);
    reader->buffer = malloc(reader->capacity);
    int status = GALLERY_OK;
    if (!reader->name || !reader->buffer) {
        status = gallery_fail_memory(ctx, reader->capacity);
        goto done;
    }
    if (!is_stdin) reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0 || fstat(reader->fd, &st)) {
        status = gallery_fail_errno(ctx, reader->name);
        goto done;
    }
    if (S_ISDIR(st.st_mode)) {
        status = gallery_fail(ctx, GALLERY_EIO, "%s: a folder, not a stream of records", path);
        goto done;
    }
    if (S_ISREG(st.st_mode)) reader->size = (unsigned long long)st.st_size;
    *out = reader;
done:
    if (status != GALLERY_OK) gallery_reader_close(reader);
    return status;
}

void gallery_reader_close(gallery_reader *reader) {
    if (!reader) return;
    if (reader->fd > STDIN_FILENO) close(reader->fd);
    free(reader->buffer);
    free(reader->name);
    free(reader);
}

const char *gallery_reader_name(const gallery_reader *reader) {
    return reader->name;
}

unsigned long long gallery_reader_line(const gallery_reader *reader) {
    return reader->line;
}

void gallery_reader_position(const gallery_reader *reader, unsigned long long *at,
                             unsigned long long *size) {
    *at = reader->bytes - (reader->end - reader->start);
    *size = reader->size;
}

/* ----------------------------------------------------------------------- lines */

/* The files of ours that are no streams, by their first bytes. */
static int refuse_binary(const gallery_reader *reader) {
    const uint8_t *start = (const uint8_t *)reader->buffer;
    if (reader->end >= 8 && gallery_archive_is_archive(start))
        return gallery_fail(reader->ctx, GALLERY_EIO,
                            "%s: an archive, not a stream of records; make a gallery of it: "
                            "vt-index import -g GALLERY %s",
                            reader->name, reader->fd == STDIN_FILENO ? "-" : reader->name);
    if (reader->end >= 24 && gallery_environment_is_start(start))
        return gallery_fail(reader->ctx, GALLERY_EIO,
                            "%s: a gallery, not a stream of records; vt-index dump -g GALLERY "
                            "writes one of its points",
                            reader->name);
    return GALLERY_OK;
}

static int refill(gallery_reader *reader) {
    bool first = !reader->bytes;
    if (reader->start) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    if (reader->end == reader->capacity) {
        char *buffer = realloc(reader->buffer, reader->capacity * 2);
        if (!buffer) return gallery_fail_memory(reader->ctx, reader->capacity * 2);
        reader->buffer = buffer;
        reader->capacity *= 2;
    }
    ssize_t n;
    do n = read(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end);
    while (n < 0 && errno == EINTR);
    if (n < 0) return gallery_fail_errno(reader->ctx, reader->name);
    reader->ended = n == 0;
    reader->end += (size_t)n;
    reader->bytes += (unsigned long long)n;
    return first ? refuse_binary(reader) : GALLERY_OK;
}

/* Leaves out the rest of a line that is too long, without keeping it. */
static int skip_line(gallery_reader *reader) {
    for (;;) {
        char *from = reader->buffer + reader->start;
        char *newline = memchr(from, '\n', reader->end - reader->start);
        if (newline) {
            reader->start += (size_t)(newline - from) + 1;
            return GALLERY_OK;
        }
        reader->start = reader->end;
        if (reader->ended) return GALLERY_OK;
        GALLERY_TRY(refill(reader));
    }
}

static int refuse_long(gallery_reader *reader) {
    GALLERY_TRY(skip_line(reader));
    return gallery_fail(reader->ctx, GALLERY_EFORMAT,
                        "%s:%llu: a line of more than %zu MiB: not a stream with one Feature on "
                        "each line; to convert: ogr2ogr -f GeoJSONSeq /vsistdout/ FILE",
                        reader->name, reader->line, GALLERY_RECORD_MAX_BYTES >> 20);
}

/* The next line without its end, in the buffer until the next call; *whole: it had a newline. */
static int next_line(gallery_reader *reader, char **text, size_t *length, bool *whole) {
    size_t searched = 0;
    reader->line++;
    for (;;) {
        char *from = reader->buffer + reader->start;
        size_t there = reader->end - reader->start;
        char *newline = memchr(from + searched, '\n', there - searched);
        size_t n = newline ? (size_t)(newline - from) : there;
        if (n > GALLERY_RECORD_MAX_BYTES) return refuse_long(reader);
        if (newline || reader->ended) {
            if (!newline && !n) return GALLERY_END;
            *text = from;
            *length = n;
            *whole = newline != NULL;
            reader->start += n + (newline ? 1 : 0);
            return GALLERY_OK;
        }
        searched = there;
        GALLERY_TRY(refill(reader));
    }
}

/* RS, 0x1e, begins a record of RFC 8142. */
static void trim(char **text, size_t *length, bool first) {
    if (first && *length >= 3 && !memcmp(*text, "\xef\xbb\xbf", 3)) { /* a byte order mark */
        *text += 3;
        *length -= 3;
    }
    while (*length && strchr(" \t\r", (*text)[*length - 1]) && (*text)[*length - 1]) --*length;
    while (*length && strchr(" \t\r\x1e", **text) && **text) {
        ++*text;
        --*length;
    }
}

/* ctx->message holds the reason; puts the place, and what may help, around it. */
static int place_failure(gallery_reader *reader, int status, bool cut, bool whole) {
    char reason[sizeof reader->ctx->message];
    memcpy(reason, reader->ctx->message, sizeof reason);
    const char *help = "";
    if (cut && whole)
        help = "; a record must be whole on one line; to convert: ogr2ogr -f GeoJSONSeq "
               "/vsistdout/ FILE";
    else if (!whole)
        help = "; the stream is cut off here";
    return gallery_fail(reader->ctx, status, "%s:%llu: %.700s%s", reader->name, reader->line,
                        reason, help);
}

int gallery_reader_text(gallery_reader *reader, struct gallery_line *line) {
    do {
        GALLERY_TRY(next_line(reader, &line->text, &line->length, &line->whole));
        trim(&line->text, &line->length, reader->line == 1);
    } while (!line->length);
    return GALLERY_OK;
}

int gallery_reader_parse(gallery_reader *reader, const struct gallery_line *line,
                         gallery_record **record) {
    bool cut = false;
    int status = gallery_record_parse(reader->ctx, line->text, line->length, record, &cut);
    return status == GALLERY_OK ? status : place_failure(reader, status, cut, line->whole);
}

int gallery_reader_refuse(gallery_reader *reader, const char *why) {
    return gallery_fail(reader->ctx, GALLERY_EFORMAT, "%s:%llu: %s", reader->name, reader->line,
                        why);
}

int gallery_reader_next(gallery_reader *reader, gallery_record **record) {
    struct gallery_line line;
    *record = NULL;
    GALLERY_TRY(gallery_reader_text(reader, &line));
    return gallery_reader_parse(reader, &line, record);
}
