/* weights_archive.h - for tests and fuzzers: zip archives as torch.save lays them out, by hand. */
#ifndef VT_WEIGHTS_ARCHIVE_H
#define VT_WEIGHTS_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct archive {
    unsigned char at[1 << 16];
    size_t n;
    struct {
        const char *name;
        size_t begin, size;
        uint32_t crc;
    } members[8];
    size_t count;
};

/* A bit at a time, to be independent of the reader's. */
static inline uint32_t crc_of(const unsigned char *bytes, size_t size) {
    uint32_t crc = 0xffffffff;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint32_t in = (uint32_t)bytes[bit / 8] >> bit % 8 & 1;
        crc = (crc ^ in) & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static inline void put(struct archive *zip, const void *bytes, size_t size) {
    if (zip->n + size > sizeof zip->at) abort();
    memcpy(zip->at + zip->n, bytes, size);
    zip->n += size;
}

static inline void put_number(struct archive *zip, uint64_t number, size_t size) {
    put(zip, &number, size);
}

static inline void add_member(struct archive *zip, const char *name, const void *bytes,
                              size_t size) {
    uint32_t crc = crc_of(bytes, size);
    zip->members[zip->count].name = name;
    zip->members[zip->count].begin = zip->n;
    zip->members[zip->count].size = size;
    zip->members[zip->count++].crc = crc;
    put(zip, "PK\3\4\0\0\0\0\0\0\0\0\0\0", 14);
    put_number(zip, crc, 4);
    put_number(zip, size, 4);
    put_number(zip, size, 4);
    put_number(zip, strlen(name), 2);
    put_number(zip, 5, 2);
    put(zip, name, strlen(name));
    put(zip, "FB\1\0Z", 5);
    put(zip, bytes, size);
}

static inline void put_central(struct archive *zip, size_t i, bool zip64) {
    size_t begin = zip->members[i].begin, size = zip->members[i].size;
    put(zip, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    put_number(zip, zip->members[i].crc, 4);
    put_number(zip, zip64 ? UINT32_MAX : size, 4);
    put_number(zip, zip64 ? UINT32_MAX : size, 4);
    put_number(zip, strlen(zip->members[i].name), 2);
    put_number(zip, zip64 ? 28 + 6 : 0, 2);
    put(zip, "\0\0\0\0\0\0\0\0\0\0", 10);
    put_number(zip, zip64 ? UINT32_MAX : begin, 4);
    put(zip, zip->members[i].name, strlen(zip->members[i].name));
    if (!zip64) return;
    put(zip, "UT\2\0xx\1\0\30\0", 10); /* another field before zip64's of 24 bytes */
    put_number(zip, size, 8);
    put_number(zip, size, 8);
    put_number(zip, begin, 8);
}

static inline void put_end(struct archive *zip, bool zip64) {
    size_t begin = zip->n;
    for (size_t i = 0; i < zip->count; i++) put_central(zip, i, zip64);
    size_t end = zip->n, size = end - begin;
    if (zip64) {
        put(zip, "PK\6\6\54\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
        put_number(zip, zip->count, 8);
        put_number(zip, zip->count, 8);
        put_number(zip, size, 8);
        put_number(zip, begin, 8);
        put(zip, "PK\6\7\0\0\0\0", 8);
        put_number(zip, end, 8);
        put_number(zip, 1, 4);
    }
    put(zip, "PK\5\6\0\0\0\0", 8);
    put_number(zip, zip64 ? UINT16_MAX : zip->count, 2);
    put_number(zip, zip64 ? UINT16_MAX : zip->count, 2);
    put_number(zip, zip64 ? UINT32_MAX : size, 4);
    put_number(zip, zip64 ? UINT32_MAX : begin, 4);
    put_number(zip, 0, 2);
}

static const float numbers[6] = {1, 2, 3, 4, 5, 6};

/* What torch.save writes: the pickle, one storage of six floats, byte order, version. */
static inline void make_archive(struct archive *zip, const void *pickle, size_t size, bool zip64) {
    zip->n = zip->count = 0;
    add_member(zip, "r/data.pkl", pickle, size);
    add_member(zip, "r/byteorder", "little", 6);
    add_member(zip, "r/data/0", numbers, sizeof numbers);
    add_member(zip, "r/version", "3\n", 2);
    put_end(zip, zip64);
}

#endif
