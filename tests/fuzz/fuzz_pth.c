/* Property: no bytes make the reader of .pth archives crash, leak, hang or take memory beyond its
 * bounds, neither as an archive nor as the pickle in one; and what it accepts converts, each tensor
 * from inside one member. CRCs are made right first, so that changes reach the pickle machine.
 */
#include "libinfer/zipmap.h"
#include "tests/weights_archive.h"
#include "tests/weights_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_in_member(const struct zipmap *zip, const struct weights_tensor *tensor) {
    const unsigned char *begin = tensor->data;
    uint64_t last = 0;
    for (int d = 0; d < tensor->ndim; d++) last += (tensor->shape[d] - 1) * tensor->strides[d];
    const unsigned char *end = begin + (last + 1) * weights_dtype_size(tensor->dtype);
    for (size_t i = 0; i < zipmap_count(zip); i++) {
        const struct zipmap_member *member = zipmap_at(zip, i);
        if (begin >= member->data && end <= member->data + member->size) return true;
    }
    return false;
}

static void check_members(infer *ctx, const struct weights *weights) {
    struct zipmap *zip;
    uint64_t size;
    const unsigned char *bytes = weights_bytes(weights, &size);
    if (zipmap_open(ctx, "", bytes, size, &zip)) abort();
    for (size_t i = 0; i < weights_count(weights); i++) {
        const struct weights_tensor *tensor = weights_at(weights, i);
        if (tensor->count && !is_in_member(zip, tensor)) abort();
    }
    zipmap_close(zip);
}

static void check(infer *ctx, const void *data, size_t size) {
    struct weights *weights;
    size_t unused;
    int status = weights_open_bytes(ctx, data, size, &weights, &unused);
    if (status == INFER_OK && !weights_are_consistent(weights)) abort();
    if (status == INFER_OK) check_members(ctx, weights);
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

/* Around the pickle what tests/reference/pth/views.pkl refers to: 12, 24, 1 and no numbers. */
static void check_pickle(infer *ctx, const uint8_t *data, size_t size) {
    static const float zeros[24];
    struct archive *zip = calloc(1, sizeof *zip);
    if (!zip) abort();
    add_member(zip, "r/data.pkl", data, size);
    add_member(zip, "r/data/0", zeros, 12 * sizeof *zeros);
    add_member(zip, "r/data/1", zeros, 24 * sizeof *zeros);
    add_member(zip, "r/data/2", zeros, sizeof *zeros);
    add_member(zip, "r/data/3", zeros, 0);
    add_member(zip, "r/version", "3", 1);
    put_end(zip, false);
    check(ctx, zip->at, zip->n);
    free(zip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static infer *ctx; /* one for all runs */
    if (size > 32768) return -1;
    if (!ctx && infer_open(NULL, &ctx)) abort();
    if (size > 3 && !memcmp(data, "PK\3\4", 4))
        check_archive(ctx, data, size);
    else
        check_pickle(ctx, data, size);
    return 0;
}
