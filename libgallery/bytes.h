/* bytes.h - inside libgallery: little-endian numbers in stored values, at any alignment. */
#ifndef GALLERY_BYTES_H
#define GALLERY_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are stored little-endian");

static inline void gallery_put16(uint8_t *at, uint16_t v) {
    memcpy(at, &v, sizeof v);
}
static inline void gallery_put32(uint8_t *at, uint32_t v) {
    memcpy(at, &v, sizeof v);
}
static inline void gallery_put64(uint8_t *at, uint64_t v) {
    memcpy(at, &v, sizeof v);
}
static inline uint16_t gallery_get16(const uint8_t *at) {
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return v;
}
static inline uint32_t gallery_get32(const uint8_t *at) {
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}
static inline uint64_t gallery_get64(const uint8_t *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* A header's hash seeds its body's, so that one number covers both. */
static inline uint64_t gallery_checksum(const uint8_t *data, size_t header, size_t body,
                                        size_t size) {
    return XXH3_64bits_withSeed(data + body, size - body, XXH3_64bits(data, header));
}

#endif
