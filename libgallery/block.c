#include "block.h"
#include "bytes.h"
#include "geodesy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#define BLOCK_HEADER 64
#define ATTRIBUTES_HEADER 24

static const char meta_magic[16] = "vidtag-gallery";
static const char block_magic[4] = "VGBK", attributes_magic[4] = "VGAT", patch_magic[4] = "VGIX",
                  stage_magic[4] = "VGST";

static int32_t get_i32(const uint8_t *at) {
    int32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

void gallery_key_encode(uint64_t id, uint8_t key[GALLERY_KEY_BYTES]) {
    for (int i = 0; i < GALLERY_KEY_BYTES; i++) key[i] = (uint8_t)(id >> (56 - 8 * i));
}

uint64_t gallery_key_decode(const uint8_t key[GALLERY_KEY_BYTES]) {
    uint64_t id = 0;
    for (int i = 0; i < GALLERY_KEY_BYTES; i++) id = id << 8 | key[i];
    return id;
}

/* ---------------------------------------------------------------- metadata */

void gallery_meta_encode(const struct gallery_meta *meta, uint8_t out[GALLERY_META_BYTES]) {
    memset(out, 0, GALLERY_META_BYTES);
    memcpy(out, meta_magic, sizeof meta_magic);
    gallery_put32(out + 16, GALLERY_FORMAT_VERSION);
    gallery_put32(out + 20, (uint32_t)meta->setup.dtype);
    gallery_put32(out + 24, (uint32_t)meta->setup.dim);
    gallery_put32(out + 28, meta->capacity);
    memcpy(out + 32, meta->setup.location_id, 16);
    gallery_put64(out + 48, meta->points);
    gallery_put64(out + 56, meta->blocks);
    gallery_put64(out + 64, meta->hidden);
    gallery_put64(out + 72, meta->waiting);
    gallery_put64(out + 120, XXH3_64bits(out, 120));
}

static bool is_id(const uint8_t *text) {
    for (int i = 0; i < 16; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

const char *gallery_meta_decode(const void *data, size_t size, struct gallery_meta *meta) {
    const uint8_t *in = data;
    if (size < 20 || memcmp(in, meta_magic, sizeof meta_magic)) return "not a gallery";
    if (gallery_get32(in + 16) > GALLERY_FORMAT_VERSION)
        return "a gallery of a newer version than this program reads";
    if (gallery_get32(in + 16) != GALLERY_FORMAT_VERSION || size != GALLERY_META_BYTES)
        return "metadata of the wrong size or version";
    if (gallery_get64(in + 120) != XXH3_64bits(in, 120))
        return "metadata do not match their checksum";
    uint32_t dtype = gallery_get32(in + 20), dim = gallery_get32(in + 24),
             capacity = gallery_get32(in + 28);
    if (dtype != GALLERY_F16 && dtype != GALLERY_F32) return "unknown type of embeddings";
    if (!dim || dim > GALLERY_DIM_MAX) return "embeddings of an impossible size";
    if (!capacity || capacity > GALLERY_BLOCK_CAPACITY) return "blocks of an impossible size";
    if (!is_id(in + 32)) return "no id of a location encoder";
    for (size_t i = 80; i < 120; i++)
        if (in[i]) return "metadata with unknown fields";
    *meta = (struct gallery_meta){.capacity = capacity,
                                  .points = gallery_get64(in + 48),
                                  .blocks = gallery_get64(in + 56),
                                  .hidden = gallery_get64(in + 64),
                                  .waiting = gallery_get64(in + 72),
                                  .setup = {.dim = (int)dim, .dtype = (enum gallery_dtype)dtype}};
    memcpy(meta->setup.location_id, in + 32, 16);
    return NULL;
}

/* ------------------------------------------------------------------ blocks */

size_t gallery_dtype_bytes(enum gallery_dtype dtype) {
    return dtype == GALLERY_F16 ? 2 : 4;
}

double gallery_unit_tolerance(const gallery_setup *setup) {
    /* float16 rounds each number to 2^-11 of itself, or on its finest grid to 2^-25. */
    return setup->dtype == GALLERY_F16 ? 1e-3 + sqrt(setup->dim) * 0x1p-25 : 2e-4;
}

static size_t embeddings_at(size_t count) {
    return (BLOCK_HEADER + 8 * count + 63) & ~(size_t)63;
}

size_t gallery_block_bytes(size_t count, size_t dim, enum gallery_dtype dtype) {
    return embeddings_at(count) + count * dim * gallery_dtype_bytes(dtype);
}

static void encode_extent(const struct gallery_row *rows, size_t count, uint8_t *out) {
    int32_t box[4] = {rows->lon, rows->lat, rows->lon, rows->lat};
    for (size_t i = 1; i < count; i++) {
        if (rows[i].lon < box[0]) box[0] = rows[i].lon;
        if (rows[i].lat < box[1]) box[1] = rows[i].lat;
        if (rows[i].lon > box[2]) box[2] = rows[i].lon;
        if (rows[i].lat > box[3]) box[3] = rows[i].lat;
    }
    memcpy(out, box, sizeof box);
}

void gallery_block_encode(const struct gallery_row *rows, size_t count, const gallery_setup *setup,
                          uint8_t *out) {
    size_t at = embeddings_at(count), row = (size_t)setup->dim * gallery_dtype_bytes(setup->dtype);
    memset(out, 0, at);
    for (size_t i = 0; i < count; i++) {
        gallery_put32(out + BLOCK_HEADER + 8 * i, (uint32_t)rows[i].lon);
        gallery_put32(out + BLOCK_HEADER + 8 * i + 4, (uint32_t)rows[i].lat);
        memcpy(out + at + i * row, rows[i].bytes, row);
    }
    memcpy(out, block_magic, 4);
    gallery_put16(out + 4, GALLERY_FORMAT_VERSION);
    gallery_put16(out + 6, (uint16_t)setup->dtype);
    gallery_put32(out + 8, (uint32_t)count);
    gallery_put32(out + 12, (uint32_t)setup->dim);
    encode_extent(rows, count, out + 16);
    gallery_put64(out + 56,
                  gallery_checksum(out, 56, BLOCK_HEADER,
                                   gallery_block_bytes(count, (size_t)setup->dim, setup->dtype)));
}

const char *gallery_block_decode(const void *data, size_t size, const struct gallery_meta *meta,
                                 struct gallery_block *block) {
    const uint8_t *in = data;
    if (size < BLOCK_HEADER || memcmp(in, block_magic, 4)) return "not a block";
    if (gallery_get16(in + 4) != GALLERY_FORMAT_VERSION) return "unknown version";
    uint32_t count = gallery_get32(in + 8), dim = gallery_get32(in + 12);
    if (gallery_get16(in + 6) != (uint16_t)meta->setup.dtype || dim != (uint32_t)meta->setup.dim)
        return "embeddings of another size or type than the gallery's";
    if (!count || count > meta->capacity) return "impossible number of points";
    for (size_t i = 32; i < 56; i++)
        if (in[i]) return "unknown fields";
    if (size != gallery_block_bytes(count, dim, meta->setup.dtype)) return "wrong size";
    *block = (struct gallery_block){.count = count,
                                    .dim = dim,
                                    .dtype = meta->setup.dtype,
                                    .checksum = gallery_get64(in + 56),
                                    .west = get_i32(in + 16),
                                    .south = get_i32(in + 20),
                                    .east = get_i32(in + 24),
                                    .north = get_i32(in + 28),
                                    .data = in,
                                    .coordinates = in + BLOCK_HEADER,
                                    .embeddings = in + embeddings_at(count),
                                    .size = size};
    return NULL;
}

bool gallery_block_sound(const struct gallery_block *block) {
    return gallery_checksum(block->data, 56, BLOCK_HEADER, block->size) == block->checksum;
}

void gallery_block_coordinate(const struct gallery_block *block, size_t i, double *lon_deg,
                              double *lat_deg) {
    *lon_deg = get_i32(block->coordinates + 8 * i) / 1e7;
    *lat_deg = get_i32(block->coordinates + 8 * i + 4) / 1e7;
}

const char *gallery_block_ids(const struct gallery_block *block, uint64_t key, uint64_t *ids) {
    for (size_t i = 0; i < block->count; i++) {
        double lon, lat;
        gallery_block_coordinate(block, i, &lon, &lat);
        double canonical_lon = lon, canonical_lat = lat;
        if (!gallery_canonical(&canonical_lon, &canonical_lat) || canonical_lon != lon ||
            canonical_lat != lat)
            return "a coordinate that is not canonical";
        ids[i] = gallery_point_id(lon, lat);
        if (i ? ids[i] <= ids[i - 1] : ids[i] != key)
            return i ? "points out of order" : "first point and key differ";
    }
    return NULL;
}

/* -------------------------------------------------------------- attributes */

static uint8_t *lay_out_texts(const struct gallery_row *rows, size_t count, size_t *size) {
    size_t total = 4 * count;
    for (size_t i = 0; i < count; i++) total += rows[i].text ? rows[i].length : 0;
    uint8_t *raw = malloc(total);
    if (!raw) return NULL;
    uint8_t *at = raw + 4 * count;
    for (size_t i = 0; i < count; i++) {
        size_t length = rows[i].text ? rows[i].length : 0;
        gallery_put32(raw + 4 * i, (uint32_t)length);
        if (length) memcpy(at, rows[i].text, length);
        at += length;
    }
    *size = total;
    return raw;
}

bool gallery_attributes_encode(const struct gallery_row *rows, size_t count, uint8_t **out,
                               size_t *size) {
    size_t raw_size = 0;
    uint8_t *raw = lay_out_texts(rows, count, &raw_size);
    size_t capacity = ZSTD_compressBound(raw_size);
    *out = raw ? malloc(ATTRIBUTES_HEADER + capacity) : NULL;
    size_t packed = *out ? ZSTD_compress(*out + ATTRIBUTES_HEADER, capacity, raw, raw_size, 3) : 0;
    free(raw);
    if (!*out || ZSTD_isError(packed)) {
        free(*out);
        *out = NULL;
        return false;
    }
    *size = ATTRIBUTES_HEADER + packed;
    memcpy(*out, attributes_magic, 4);
    gallery_put32(*out + 4, GALLERY_FORMAT_VERSION);
    gallery_put32(*out + 8, (uint32_t)count);
    gallery_put32(*out + 12, (uint32_t)raw_size);
    gallery_put64(*out + 16, gallery_checksum(*out, 16, ATTRIBUTES_HEADER, *size));
    return true;
}

static const char *check_attributes(const uint8_t *in, size_t size, size_t count, int *status) {
    *status = GALLERY_EFORMAT;
    if (size < ATTRIBUTES_HEADER || memcmp(in, attributes_magic, 4)) return "not attributes";
    if (gallery_get32(in + 4) != GALLERY_FORMAT_VERSION) return "attributes of an unknown version";
    if (gallery_get32(in + 8) != count) return "attributes of another number of points";
    if (gallery_get32(in + 12) < 4 * count ||
        gallery_get32(in + 12) > count * (4 + GALLERY_PROPERTIES_MAX_BYTES))
        return "attributes of an impossible size";
    if (gallery_get64(in + 16) != gallery_checksum(in, 16, ATTRIBUTES_HEADER, size)) {
        *status = GALLERY_ECHECKSUM;
        return "attributes do not match their checksum";
    }
    unsigned long long said =
        ZSTD_getFrameContentSize(in + ATTRIBUTES_HEADER, size - ATTRIBUTES_HEADER);
    if (said != gallery_get32(in + 12)) return "attributes that unpack to another size";
    *status = GALLERY_OK;
    return NULL;
}

static const char *cut_texts(struct gallery_attributes *a, size_t size) {
    size_t at = 4 * a->count;
    for (size_t i = 0; i < a->count; i++) {
        size_t length = gallery_get32(a->raw + 4 * i);
        if (length > size - at || length > GALLERY_PROPERTIES_MAX_BYTES)
            return "attributes longer than their block";
        a->texts[i] = length ? (const char *)a->raw + at : NULL;
        a->lengths[i] = length;
        at += length;
    }
    return at == size ? NULL : "attributes shorter than their block";
}

const char *gallery_attributes_decode(const void *data, size_t size, size_t count,
                                      struct gallery_attributes *a, int *status) {
    const uint8_t *in = data;
    *a = (struct gallery_attributes){.count = count};
    const char *wrong = check_attributes(in, size, count, status);
    if (wrong) return wrong;
    size_t raw_size = gallery_get32(in + 12);
    a->raw = malloc(raw_size);
    a->texts = calloc(count, sizeof *a->texts);
    a->lengths = calloc(count, sizeof *a->lengths);
    if (!a->raw || !a->texts || !a->lengths) {
        *status = GALLERY_ENOMEM;
        wrong = "out of memory";
    } else {
        size_t got =
            ZSTD_decompress(a->raw, raw_size, in + ATTRIBUTES_HEADER, size - ATTRIBUTES_HEADER);
        wrong = got == raw_size ? cut_texts(a, raw_size) : "attributes that do not unpack";
        if (wrong) *status = GALLERY_EFORMAT;
    }
    if (wrong) gallery_attributes_free(a);
    return wrong;
}

void gallery_attributes_free(struct gallery_attributes *a) {
    free(a->raw);
    free(a->texts);
    free(a->lengths);
    *a = (struct gallery_attributes){0};
}

/* ------------------------------------------------------------------- stage */

size_t gallery_stage_bytes(struct gallery_tagset tags, size_t length) {
    return GALLERY_STAGE_HEADER + 2 * tags.n + length;
}

void gallery_stage_encode(struct gallery_tagset tags, const char *text, size_t length,
                          uint8_t *out) {
    memcpy(out, stage_magic, 4);
    gallery_put16(out + 4, GALLERY_FORMAT_VERSION);
    gallery_put16(out + 6, (uint16_t)tags.n);
    if (tags.n) memcpy(out + GALLERY_STAGE_HEADER, tags.at, 2 * tags.n);
    if (length) memcpy(out + GALLERY_STAGE_HEADER + 2 * tags.n, text, length);
    gallery_put64(
        out + 8, gallery_checksum(out, 8, GALLERY_STAGE_HEADER, gallery_stage_bytes(tags, length)));
}

const char *gallery_stage_decode(const void *data, size_t size, struct gallery_staged *staged,
                                 int *status) {
    const uint8_t *in = data;
    *status = GALLERY_EFORMAT;
    if (size < GALLERY_STAGE_HEADER || memcmp(in, stage_magic, 4)) return "not a staged point";
    if (gallery_get16(in + 4) != GALLERY_FORMAT_VERSION)
        return "a staged point of an unknown version";
    struct gallery_tagset tags = {in + GALLERY_STAGE_HEADER, gallery_get16(in + 6)};
    size_t rest = size - GALLERY_STAGE_HEADER;
    if (tags.n > GALLERY_TAGS_MAX || rest < 2 * tags.n)
        return "a staged point with impossibly many tags";
    if (rest - 2 * tags.n > GALLERY_PROPERTIES_MAX_BYTES)
        return "a staged point with impossibly long attributes";
    if (gallery_get64(in + 8) != gallery_checksum(in, 8, GALLERY_STAGE_HEADER, size)) {
        *status = GALLERY_ECHECKSUM;
        return "a staged point that does not match its checksum";
    }
    if (!gallery_tagset_ordered(tags)) return "a staged point whose tags are out of order";
    size_t length = rest - 2 * tags.n;
    *staged = (struct gallery_staged){
        .tags = tags, .text = length ? (const char *)tags.at + 2 * tags.n : NULL, .length = length};
    *status = GALLERY_OK;
    return NULL;
}

/* ------------------------------------------------------------------- index */

size_t gallery_patch_bytes(size_t dim) {
    return GALLERY_INDEX_HEADER + 4 * dim;
}

void gallery_patch_encode(const float *mean, size_t dim, float radius, uint64_t block_checksum,
                          uint8_t *out) {
    memcpy(out, patch_magic, 4);
    gallery_put32(out + 4, GALLERY_FORMAT_VERSION);
    gallery_put32(out + 8, (uint32_t)dim);
    memcpy(out + 12, &radius, 4);
    gallery_put64(out + 16, block_checksum);
    memcpy(out + GALLERY_INDEX_HEADER, mean, 4 * dim);
    gallery_put64(out + 24,
                  gallery_checksum(out, 24, GALLERY_INDEX_HEADER, gallery_patch_bytes(dim)));
}

const char *gallery_patch_decode(const void *data, size_t size, size_t dim,
                                 struct gallery_patch *patch) {
    const uint8_t *in = data;
    if (size < GALLERY_INDEX_HEADER || memcmp(in, patch_magic, 4))
        return "not an entry of the index";
    if (gallery_get32(in + 4) != GALLERY_FORMAT_VERSION) return "index entry of an unknown version";
    if (gallery_get32(in + 8) != dim || size != gallery_patch_bytes(dim))
        return "index entry of the wrong size";
    if (gallery_get64(in + 24) != gallery_checksum(in, 24, GALLERY_INDEX_HEADER, size))
        return "index entry does not match its checksum";
    float radius;
    memcpy(&radius, in + 12, 4);
    if (!isfinite(radius) || radius < 0) return "index entry with an impossible radius";
    *patch = (struct gallery_patch){radius, gallery_get64(in + 16), in + GALLERY_INDEX_HEADER};
    return NULL;
}
