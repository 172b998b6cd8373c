/* Property: no bytes make the readers of a gallery's values crash, read outside them or take memory
 * beyond their bounds; and what a reader accepts is written again as the same bytes.
 */
#include "libgallery/block.h"
#include "libgallery/f16.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gallery_meta small = {
    .setup = {.location_id = "0123456789abcdef", .dim = 3, .dtype = GALLERY_F16}, .capacity = 8};

/* A fuzzer does not guess checksums: half of the inputs get the right one. */
static void repair(uint8_t *data, size_t size, size_t checksum, size_t body) {
    if (size < body) return;
    uint64_t sum =
        body > size || checksum == 120
            ? XXH3_64bits(data, checksum)
            : XXH3_64bits_withSeed(data + body, size - body, XXH3_64bits(data, checksum));
    memcpy(data + checksum, &sum, sizeof sum);
}

static void try_meta(const uint8_t *data, size_t size) {
    struct gallery_meta meta;
    uint8_t again[GALLERY_META_BYTES];
    if (gallery_meta_decode(data, size, &meta)) return;
    gallery_meta_encode(&meta, again);
    if (size != sizeof again || memcmp(data, again, size)) abort();
}

static void try_block(const uint8_t *data, size_t size) {
    struct gallery_block block;
    uint64_t ids[GALLERY_BLOCK_CAPACITY];
    float x[8 * 3];
    if (gallery_block_decode(data, size, &small, &block)) return;
    gallery_block_ids(&block, 0, ids);
    double lon, lat;
    gallery_block_coordinate(&block, block.count - 1, &lon, &lat);
    gallery_f16_plain.decode(block.embeddings, block.count * 3, x);
    if (gallery_block_sound(&block) && block.count > 8) abort();
}

static void try_attributes(const uint8_t *data, size_t size) {
    struct gallery_attributes a;
    int status;
    for (size_t count = 1; count < 4; count++) {
        if (gallery_attributes_decode(data, size, count, &a, &status)) continue;
        size_t total = 0;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < a.lengths[i]; j++) total += (unsigned char)a.texts[i][j];
        if (total == SIZE_MAX) abort();
        gallery_attributes_free(&a);
    }
}

static void try_rows(const uint8_t *data, size_t size) {
    struct gallery_rows rows;
    int status;
    for (size_t count = 1; count < 4; count++) {
        if (gallery_rows_decode(data, size, count, &rows, &status)) continue;
        uint8_t *again = malloc(GALLERY_ROWS_MAX_BYTES);
        struct gallery_rows back;
        if (!again) return;
        size_t n = gallery_rows_encode(&rows, again);
        if (n > size || gallery_rows_decode(again, n, count, &back, &status)) abort();
        for (size_t i = 0; i < count; i++)
            if (!gallery_tagset_equal(rows.tags[i], back.tags[i])) abort();
        free(again);
    }
}

static void try_stage(const uint8_t *data, size_t size) {
    struct gallery_staged staged;
    int status;
    if (gallery_stage_decode(data, size, &staged, &status)) return;
    uint8_t *again = malloc(size);
    if (!again) return;
    gallery_stage_encode(staged.tags, staged.text, staged.length, again);
    if (gallery_stage_bytes(staged.tags, staged.length) != size || memcmp(data, again, size))
        abort();
    free(again);
}

static void try_patch(const uint8_t *data, size_t size) {
    struct gallery_patch patch;
    float mean[3];
    uint8_t again[GALLERY_INDEX_HEADER + sizeof mean];
    if (gallery_patch_decode(data, size, 3, &patch)) return;
    memcpy(mean, patch.mean, sizeof mean);
    gallery_patch_encode(mean, 3, patch.radius, patch.block_checksum, again);
    if (size != sizeof again || memcmp(data, again, size)) abort();
}

static void try_all(const uint8_t *data, size_t size) {
    try_meta(data, size);
    try_block(data, size);
    try_attributes(data, size);
    try_rows(data, size);
    try_stage(data, size);
    try_patch(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct {
        size_t checksum, body;
    } places[] = {{120, 128}, {56, 64}, {16, 24}, {16, 24}, {8, 16}, {24, 32}};
    static const char magics[][5] = {"vidt", "VGBK", "VGAT", "VGRW", "VGST", "VGIX"};
    try_all(data, size);
    uint8_t *copy = malloc(size + 1); /* its own bounds: a read past them is seen */
    if (!copy) return 0;
    for (size_t i = 0; i < 6; i++) {
        memcpy(copy, data, size);
        if (size >= 4) memcpy(copy, magics[i], 4);
        repair(copy, size, places[i].checksum, places[i].body);
        uint8_t *tight = malloc(size ? size : 1);
        if (!tight) break;
        memcpy(tight, copy, size);
        try_all(tight, size);
        free(tight);
    }
    free(copy);
    return 0;
}
