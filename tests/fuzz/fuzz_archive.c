/* Property: no bytes make the reader of archives crash, read outside them or take memory beyond its
 * bounds; and points that it has accepted to the end are written again and read as the same.
 */
#include "libgallery/archive.h"
#include "libgallery/archive_block.h"
#include "libgallery/bytes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gallery_context *ctx;

struct bytes {
    char *at;
    size_t size;
};

/* Reads all; what came goes into an archive again, if it was sound. */
static bool rewrite(struct bytes in, struct bytes *out) {
    gallery_archive *a = NULL;
    gallery_archive_info info;
    gallery_archive_writer *w = NULL;
    gallery_item item;
    FILE *from = fmemopen(in.at, in.size, "rb"), *to = open_memstream(&out->at, &out->size);
    if (!from || !to) abort();
    int status = gallery_archive_read(ctx, from, "input", &a);
    if (status == GALLERY_OK) {
        gallery_archive_describe(a, &info);
        if (gallery_archive_writer_open(ctx, to, "output", &info, &w)) abort();
    }
    while (status == GALLERY_OK && (status = gallery_archive_next(a, &item)) == GALLERY_OK)
        if (gallery_archive_writer_add(w, &item)) abort();
    if (status == GALLERY_END && gallery_archive_writer_finish(w)) abort();
    gallery_archive_writer_close(w);
    gallery_archive_close(a);
    fclose(to);
    return status == GALLERY_END;
}

static void try_archive(struct bytes in) {
    struct bytes once = {0}, twice = {0};
    if (in.size && rewrite(in, &once)) {
        if (!rewrite(once, &twice)) abort();
        if (once.size != twice.size || memcmp(once.at, twice.at, once.size)) abort();
    }
    free(once.at);
    free(twice.at);
}

/* A fuzzer guesses neither checksums nor zstd: the input is what a block unpacks to. */
static struct bytes around(const uint8_t *raw, size_t size, size_t n, bool embeddings) {
    struct gallery_archive_header header = {
        .setup = {.location_id = "0123456789abcdef", .dim = 2, .dtype = GALLERY_F16},
        .embeddings = embeddings,
        .points = n};
    struct gallery_archive_rows rows;
    uint8_t head[GALLERY_ARCHIVE_HEADER], tail[GALLERY_ARCHIVE_TRAILER];
    struct bytes b = {0};
    if (!gallery_archive_rows_make(&header, &rows)) abort();
    size_t packed = gallery_archive_pack(&rows, n, raw, size);
    FILE *out = open_memstream(&b.at, &b.size);
    if (!out) abort();
    gallery_archive_header_encode(&header, head);
    fwrite(head, 1, sizeof head, out);
    fwrite(rows.packed, 1, packed, out);
    fflush(out);
    const struct gallery_archive_totals totals = {n, 1, b.size};
    gallery_archive_trailer_encode(&totals, tail);
    fwrite(tail, 1, sizeof tail - 8, out);
    fflush(out);
    uint64_t sum = XXH3_64bits(b.at, b.size);
    fwrite(&sum, 1, sizeof sum, out);
    fclose(out);
    gallery_archive_rows_free(&rows);
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!ctx && gallery_context_open(1, &ctx)) abort();
    struct bytes copy = {malloc(size + 1), size};
    if (!copy.at) return 0;
    memcpy(copy.at, data, size);
    try_archive(copy);
    free(copy.at);
    if (size < 2) return 0;
    struct bytes b = around(data + 1, size - 1, 1 + data[0] % 16u, data[0] & 16);
    try_archive(b);
    free(b.at);
    return 0;
}
