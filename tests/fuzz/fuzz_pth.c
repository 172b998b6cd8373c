/* Property: no bytes make the reader of .pth archives crash, leak, hang or take memory beyond its
 * bounds, neither as an archive nor as the pickle in one; and what it accepts lies inside the file
 * and converts. CRCs are made right first, so that changes reach the pickle machine.
 */
#include "libinfer/zipmap.h"
#include "tests/weights_archive.h"
#include "tests/weights_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(infer *ctx, const void *data, size_t size) {
    struct weights *weights;
    size_t unused;
    int status = weights_open_bytes(ctx, data, size, &weights, &unused);
    if (status == INFER_OK && !weights_are_consistent(weights)) abort();
    if (status != INFER_OK && status != INFER_EFORMAT && status != INFER_ETENSOR) abort();
    weights_close(weights);
}

/* A member's name is in its central record, 30 bytes behind the CRC. */
static void repair(infer *ctx, unsigned char *bytes, size_t size) {
    struct zipmap *zip;
    if (zipmap_open(ctx, "", bytes, size, &zip)) return;
    for (size_t i = 0; i < zipmap_count(zip); i++) {
        const struct zipmap_member *member = zipmap_at(zip, i);
        if (member->name_size < 8 || memcmp(member->name + member->name_size - 8, "data.pkl", 8))
            continue;
        uint32_t crc = crc_of(member->data, member->size);
        memcpy(bytes + ((const unsigned char *)member->name - bytes) - 30, &crc, sizeof crc);
    }
    zipmap_close(zip);
}

static void check_archive(infer *ctx, const uint8_t *data, size_t size) {
    unsigned char *copy = malloc(size + 1);
    if (!copy) abort();
    memcpy(copy, data, size);
    repair(ctx, copy, size);
    check(ctx, copy, size);
    free(copy);
}

static void check_pickle(infer *ctx, const uint8_t *data, size_t size) {
    struct archive *zip = malloc(sizeof *zip);
    if (!zip) abort();
    make_archive(zip, data, size, false);
    check(ctx, zip->at, zip->n);
    free(zip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    infer *ctx;
    if (size > 32768) return -1;
    if (infer_open(NULL, &ctx)) abort();
    if (size > 3 && !memcmp(data, "PK\3\4", 4))
        check_archive(ctx, data, size);
    else
        check_pickle(ctx, data, size);
    infer_close(ctx);
    return 0;
}
