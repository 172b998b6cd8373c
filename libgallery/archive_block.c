#include "archive_block.h"
#include "block.h"
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#define LEVEL 3 /* embeddings hardly pack: a higher one costs time and saves nothing */
#define ROW_BYTES (8 + 4 + 2) /* of a point, beside its embedding and texts */

static const char magic[8] = {'\x89', 'V', 'T', 'G', '\r', '\n', '\x1a', '\n'};
static const char block_magic[4] = "VTGB", trailer_magic[4] = "VTGE";

/* One point always fits. */
_Static_assert(ROW_BYTES + 4 * (size_t)GALLERY_DIM_MAX + GALLERY_PROPERTIES_MAX_BYTES +
                       GALLERY_ARCHIVE_TAGS_MAX_BYTES <=
                   GALLERY_ARCHIVE_RAW,
               "a block holds any point");
_Static_assert(ZSTD_COMPRESSBOUND(GALLERY_ARCHIVE_RAW) + GALLERY_ARCHIVE_BLOCK_HEADER <=
                   GALLERY_ARCHIVE_PACKED,
               "zstd makes nothing larger");

/* -------------------------------------------------------------------- header */

void gallery_archive_header_encode(const struct gallery_archive_header *header, uint8_t *out) {
    memset(out, 0, GALLERY_ARCHIVE_HEADER);
    memcpy(out, magic, sizeof magic);
    gallery_put32(out + 8, GALLERY_ARCHIVE_VERSION);
    gallery_put32(out + 12, header->embeddings);
    memcpy(out + 16, header->setup.location_id, 16);
    gallery_put32(out + 32, (uint32_t)header->setup.dim);
    gallery_put32(out + 36, (uint32_t)header->setup.dtype);
    gallery_put64(out + 40, header->points);
    gallery_put64(out + 56, XXH3_64bits(out, 56));
}

const char *gallery_archive_header_decode(const uint8_t *in,
                                          struct gallery_archive_header *header) {
    if (memcmp(in, magic, sizeof magic)) return "not an archive of a gallery";
    if (gallery_get32(in + 8) > GALLERY_ARCHIVE_VERSION)
        return "an archive of a newer version than this program reads";
    if (gallery_get64(in + 56) != XXH3_64bits(in, 56))
        return "damaged: the header does not match its checksum";
    uint32_t flags = gallery_get32(in + 12), dim = gallery_get32(in + 32),
             dtype = gallery_get32(in + 36);
    if (gallery_get32(in + 8) != GALLERY_ARCHIVE_VERSION || flags > 1 || gallery_get64(in + 48))
        return "an archive of an unknown version, or with unknown flags";
    if (!dim || dim > GALLERY_DIM_MAX) return "embeddings of an impossible size";
    if (dtype != GALLERY_F16 && dtype != GALLERY_F32) return "unknown type of embeddings";
    *header = (struct gallery_archive_header){
        .setup = {.dim = (int)dim, .dtype = (enum gallery_dtype)dtype},
        .embeddings = flags & 1,
        .points = gallery_get64(in + 40)};
    memcpy(header->setup.location_id, in + 16, 16);
    for (int i = 0; i < 16; i++)
        if (!in[16 + i] || !strchr("0123456789abcdef", in[16 + i]))
            return "no id of a location encoder";
    return NULL;
}

/* ---------------------------------------------------------------------- rows */

static bool reserve(uint8_t **at, size_t *capacity, size_t size) {
    if (size <= *capacity) return true;
    uint8_t *grown = realloc(*at, size);
    if (!grown) return false;
    *at = grown;
    *capacity = size;
    return true;
}

bool gallery_archive_rows_make(const struct gallery_archive_header *header,
                               struct gallery_archive_rows *rows) {
    size_t dim = (size_t)header->setup.dim;
    size_t number = header->embeddings ? gallery_dtype_bytes(header->setup.dtype) : 0;
    size_t capacity = GALLERY_ARCHIVE_RAW / (ROW_BYTES + dim * number);
    if (capacity > GALLERY_ARCHIVE_POINTS) capacity = GALLERY_ARCHIVE_POINTS;
    *rows = (struct gallery_archive_rows){.dim = dim, .number = number, .capacity = capacity};
    rows->places = malloc(capacity * sizeof *rows->places);
    rows->text_lengths = malloc(capacity * sizeof *rows->text_lengths);
    rows->tag_lengths = malloc(capacity * sizeof *rows->tag_lengths);
    return rows->places && rows->text_lengths && rows->tag_lengths;
}

void gallery_archive_rows_free(struct gallery_archive_rows *rows) {
    free(rows->places);
    free(rows->text_lengths);
    free(rows->tag_lengths);
    free(rows->embeddings);
    free(rows->texts);
    free(rows->tags);
    free(rows->raw);
    free(rows->packed);
    *rows = (struct gallery_archive_rows){0};
}

static size_t raw_bytes(const struct gallery_archive_rows *rows, size_t n) {
    return n * (ROW_BYTES + rows->dim * rows->number) + rows->text_bytes + rows->tag_bytes;
}

bool gallery_archive_rows_fit(const struct gallery_archive_rows *rows, size_t text, size_t tags) {
    return !rows->n || (rows->n < rows->capacity &&
                        raw_bytes(rows, rows->n + 1) + text + tags <= GALLERY_ARCHIVE_RAW);
}

static bool append(uint8_t **at, size_t *capacity, size_t used, const void *bytes, size_t n) {
    if (!n) return true;
    if (used + n > *capacity && !reserve(at, capacity, 2 * (used + n))) return false;
    memcpy(*at + used, bytes, n);
    return true;
}

bool gallery_archive_rows_add(struct gallery_archive_rows *rows, const int32_t place[2],
                              const char *text, size_t text_length, const char *tags,
                              size_t tags_length, const uint8_t *embedding) {
    size_t i = rows->n, row = rows->dim * rows->number;
    if (!append(&rows->texts, &rows->texts_capacity, rows->text_bytes, text, text_length) ||
        !append(&rows->tags, &rows->tags_capacity, rows->tag_bytes, tags, tags_length) ||
        !append(&rows->embeddings, &rows->embeddings_capacity, i * row, embedding, row))
        return false;
    memcpy(rows->places[i], place, sizeof rows->places[i]);
    rows->text_lengths[i] = (uint32_t)text_length;
    rows->tag_lengths[i] = (uint16_t)tags_length;
    rows->text_bytes += text_length;
    rows->tag_bytes += tags_length;
    rows->n++;
    return true;
}

/* -------------------------------------------------------------------- layout */

/* Bytes of equal weight side by side: those that carry sign and exponent, or the upper part of a
 * step to the next point, are alike, and zstd sees it. */
static void to_planes(const uint8_t *in, size_t n, size_t number, uint8_t *out) {
    for (size_t b = 0; b < number; b++)
        for (size_t i = 0; i < n; i++) out[b * n + i] = in[i * number + b];
}
/* Steps from point to point, the first from 0, 0; they wrap. */
static void put_places(const struct gallery_archive_rows *rows, uint8_t *out) {
    uint32_t last[2] = {0, 0};
    for (size_t i = 0; i < rows->n; i++)
        for (size_t c = 0; c < 2; c++) {
            uint32_t value = (uint32_t)rows->places[i][c], step = value - last[c];
            for (size_t b = 0; b < 4; b++)
                out[(4 * c + b) * rows->n + i] = (uint8_t)(step >> (8 * b));
            last[c] = value;
        }
}
size_t gallery_archive_block_encode(struct gallery_archive_rows *rows) {
    size_t n = rows->n, numbers = n * rows->dim;
    if (!reserve(&rows->raw, &rows->raw_capacity, raw_bytes(rows, n))) return 0;
    uint8_t *at = rows->raw;
    put_places(rows, at);
    at += 8 * n;
    memcpy(at, rows->text_lengths, 4 * n);
    at += 4 * n;
    memcpy(at, rows->tag_lengths, 2 * n);
    at += 2 * n;
    to_planes(rows->embeddings, numbers, rows->number, at);
    at += numbers * rows->number;
    if (rows->text_bytes) memcpy(at, rows->texts, rows->text_bytes);
    at += rows->text_bytes;
    if (rows->tag_bytes) memcpy(at, rows->tags, rows->tag_bytes);
    return gallery_archive_pack(rows, n, rows->raw, raw_bytes(rows, n));
}

size_t gallery_archive_pack(struct gallery_archive_rows *rows, size_t n, const uint8_t *raw,
                            size_t size) {
    size_t bound = GALLERY_ARCHIVE_BLOCK_HEADER + ZSTD_compressBound(size);
    if (!reserve(&rows->packed, &rows->packed_capacity, bound)) return 0;
    uint8_t *out = rows->packed;
    size_t packed = ZSTD_compress(out + GALLERY_ARCHIVE_BLOCK_HEADER,
                                  bound - GALLERY_ARCHIVE_BLOCK_HEADER, raw, size, LEVEL);
    if (ZSTD_isError(packed)) return 0;
    memcpy(out, block_magic, 4);
    gallery_put32(out + 4, (uint32_t)n);
    gallery_put32(out + 8, (uint32_t)size);
    gallery_put32(out + 12, (uint32_t)packed);
    packed += GALLERY_ARCHIVE_BLOCK_HEADER;
    gallery_put64(out + 16, gallery_checksum(out, 16, GALLERY_ARCHIVE_BLOCK_HEADER, packed));
    return packed;
}

/* ------------------------------------------------------------------- reading */

void gallery_archive_view_free(struct gallery_archive_view *view) {
    free(view->packed);
    free(view->raw);
    *view = (struct gallery_archive_view){0};
}

const char *gallery_archive_block_measure(struct gallery_archive_view *view, const uint8_t *header,
                                          size_t *packed, int *status) {
    uint32_t n = gallery_get32(header + 4), raw = gallery_get32(header + 8);
    *packed = gallery_get32(header + 12);
    *status = GALLERY_EFORMAT;
    if (!n || n > GALLERY_ARCHIVE_POINTS) return "impossible number of points";
    if (raw > GALLERY_ARCHIVE_RAW || raw < n * (ROW_BYTES + view->dim * view->number))
        return "unpacks to an impossible size";
    if (!*packed || *packed > GALLERY_ARCHIVE_PACKED - GALLERY_ARCHIVE_BLOCK_HEADER)
        return "takes an impossible size";
    *status = GALLERY_ENOMEM;
    if (!reserve(&view->packed, &view->packed_capacity, *packed + GALLERY_ARCHIVE_BLOCK_HEADER) ||
        !reserve(&view->raw, &view->raw_capacity, raw))
        return "out of memory";
    memcpy(view->packed, header, GALLERY_ARCHIVE_BLOCK_HEADER);
    return NULL;
}

/* A frame that says it unpacks to `size` bytes, and ends where the block does. */
static bool is_frame(const uint8_t *data, size_t packed, size_t size) {
    return ZSTD_getFrameContentSize(data, packed) == size &&
           ZSTD_findFrameCompressedSize(data, packed) == packed;
}

static const char *check_lengths(struct gallery_archive_view *view, size_t n, size_t size) {
    size_t fixed = n * (ROW_BYTES + view->dim * view->number), text = 0, tags = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t length = gallery_get32(view->raw + 8 * n + 4 * i);
        if (length > GALLERY_PROPERTIES_MAX_BYTES) return "attributes too long";
        text += length;
        tags += gallery_get16(view->raw + 12 * n + 2 * i);
    }
    if (fixed + text + tags != size) return "texts and lengths do not agree";
    view->n = n;
    view->row = 0;
    view->lon = view->lat = 0;
    view->text = fixed;
    view->tags = fixed + text;
    return NULL;
}

const char *gallery_archive_block_decode(struct gallery_archive_view *view, int *status) {
    const uint8_t *in = view->packed, *frame = in + GALLERY_ARCHIVE_BLOCK_HEADER;
    size_t raw = gallery_get32(in + 8), packed = gallery_get32(in + 12);
    *status = GALLERY_ECHECKSUM;
    if (gallery_get64(in + 16) != gallery_checksum(in, 16, GALLERY_ARCHIVE_BLOCK_HEADER,
                                                   packed + GALLERY_ARCHIVE_BLOCK_HEADER))
        return "does not match its checksum";
    *status = GALLERY_EFORMAT;
    if (!is_frame(frame, packed, raw) || ZSTD_decompress(view->raw, raw, frame, packed) != raw)
        return "does not unpack to the size it states";
    return check_lengths(view, gallery_get32(in + 4), raw);
}

/* One column of the planes of steps: a number of 4 bytes that lie n apart. */
static uint32_t take_step(const uint8_t *in, size_t n) {
    uint32_t step = 0;
    for (size_t b = 0; b < 4; b++) step |= (uint32_t)in[b * n] << (8 * b);
    return step;
}

static int32_t as_signed(uint32_t bits) {
    int32_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void gallery_archive_view_next(struct gallery_archive_view *view,
                               struct gallery_archive_point *point, uint8_t *embedding) {
    size_t n = view->n, row = view->row++, numbers = n * view->dim;
    view->lon += take_step(view->raw + row, n);
    view->lat += take_step(view->raw + 4 * n + row, n);
    *point =
        (struct gallery_archive_point){.lon = as_signed(view->lon),
                                       .lat = as_signed(view->lat),
                                       .text = (const char *)view->raw + view->text,
                                       .tags = (const char *)view->raw + view->tags,
                                       .text_length = gallery_get32(view->raw + 8 * n + 4 * row),
                                       .tags_length = gallery_get16(view->raw + 12 * n + 2 * row)};
    view->text += point->text_length;
    view->tags += point->tags_length;
    const uint8_t *planes = view->raw + n * ROW_BYTES + row * view->dim;
    for (size_t b = 0; embedding && b < view->number; b++)
        for (size_t j = 0; j < view->dim; j++)
            embedding[j * view->number + b] = planes[b * numbers + j];
}

/* ------------------------------------------------------------------- trailer */

void gallery_archive_trailer_encode(const struct gallery_archive_totals *totals, uint8_t *out) {
    memcpy(out, trailer_magic, 4);
    gallery_put32(out + 4, 0);
    gallery_put64(out + 8, totals->points);
    gallery_put64(out + 16, totals->blocks);
    gallery_put64(out + 24, totals->bytes);
}

const char *gallery_archive_trailer_decode(const uint8_t *in,
                                           const struct gallery_archive_totals *totals,
                                           uint64_t checksum) {
    uint8_t expected[GALLERY_ARCHIVE_TRAILER];
    gallery_archive_trailer_encode(totals, expected);
    if (memcmp(in, expected, GALLERY_ARCHIVE_TRAILER - 8))
        return "the totals at its end are not those of its blocks";
    if (gallery_get64(in + GALLERY_ARCHIVE_TRAILER - 8) != checksum)
        return "does not match the checksum at its end";
    return NULL;
}

bool gallery_archive_is_block(const uint8_t four[4]) {
    return !memcmp(four, block_magic, 4);
}
bool gallery_archive_is_trailer(const uint8_t four[4]) {
    return !memcmp(four, trailer_magic, 4);
}

bool gallery_archive_is_archive(const uint8_t start[8]) {
    return !memcmp(start, magic, sizeof magic);
}

/* -------------------------------------------------------------------- values */

const char *gallery_archive_wrong_tags(const char *tags) {
    const char *last = NULL;
    size_t last_length = 0, names = 1;
    for (const char *name = tags;; names++) {
        size_t length = strcspn(name, "\n"), least = length < last_length ? length : last_length;
        int order = last ? memcmp(last, name, least) : -1;
        if (order > 0 || (!order && last_length >= length)) return "tags out of order";
        if (length > GALLERY_ARCHIVE_TAG_BYTES || names > GALLERY_ARCHIVE_TAGS)
            return "too many tags, or too long ones";
        for (size_t i = 0; i < length; i++)
            if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
                return "a tag with control characters";
        if (!name[length]) return NULL;
        last = name;
        last_length = length;
        name += length + 1;
    }
}
