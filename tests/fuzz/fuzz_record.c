/* Property: no bytes make the reader of records crash, leak or take memory beyond its bounds; what
 * it accepts is written as a line that it reads again and writes the same way; and the rules of a
 * frame stream end every input, with skip_errors and without, with each source in order.
 */
#include "libgallery/record.h"
#include "libgallery/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *line_of(gallery_context *ctx, const gallery_record *record, size_t *n) {
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    if (!out || gallery_record_write(ctx, record, out, false) || fclose(out)) abort();
    return text;
}

static void check_record(gallery_context *ctx, const uint8_t *data, size_t size) {
    gallery_record *record, *again;
    float vector[4];
    double lon, lat;
    char *properties;
    if (gallery_record_parse(ctx, (const char *)data, size, &record, NULL)) return;
    size_t n, m;
    char *first = line_of(ctx, record, &n);
    if (n == 0 || memchr(first, '\n', n) != first + n - 1) abort();
    if (gallery_record_parse(ctx, first, n, &again, NULL)) abort();
    char *second = line_of(ctx, again, &m);
    if (n != m || memcmp(first, second, n)) abort();
    gallery_record_point(record, &lon, &lat);
    gallery_record_vector(ctx, record, "v", 4, vector);
    if (!gallery_record_properties(record, NULL, &properties)) abort();
    if (!gallery_record_set_error(record, "format", gallery_message(ctx))) abort();
    if (gallery_record_kind(record) != GALLERY_RECORD_ERROR) abort();
    free(properties);
    free(second);
    free(first);
    gallery_record_free(again);
    gallery_record_free(record);
}

static void check_stream(gallery_context *ctx, const char *path, bool skip) {
    const gallery_stream_rules rules = {.ids = {{"m", "0", "this model's", "run it again"}},
                                        .vector = "v",
                                        .dim = 4,
                                        .point = true,
                                        .skip_errors = skip};
    gallery_stream *stream;
    gallery_record *record;
    if (gallery_stream_open(ctx, &path, 1, &rules, &stream)) abort();
    long long came = 0, frames = 0;
    while (!gallery_stream_next(stream, &record)) {
        bool is_end = gallery_record_kind(record) == GALLERY_RECORD_END;
        if (gallery_stream_began(stream)) came = 0;
        if (is_end && (!gallery_record_integer(record, "frames", &frames) || frames != came))
            abort();
        came++;
        gallery_record_free(record);
    }
    gallery_stream_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gallery_context *ctx;
    char path[64];
    int fd = memfd_create("stream", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || gallery_context_open(1, &ctx)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    check_record(ctx, data, size);
    check_stream(ctx, path, false);
    check_stream(ctx, path, true);
    gallery_context_close(ctx);
    close(fd);
    return 0;
}
