/* Property: no bytes make the reader of safetensors crash, leak, hang or take memory beyond its
 * bounds; and what it accepts lies inside the file, converts, and is written as a file that it
 * reads again with the same names, shapes and numbers.
 */
#include "tests/weights_bytes.h"

#define PATH_SIZE 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int append(struct safetensors_writer *writer, const struct weights_tensor *tensor) {
    float *values = malloc(tensor->count * sizeof *values + 1);
    if (!values) abort();
    weights_copy_f32(tensor, values);
    int status = safetensors_append(writer, values, tensor->count);
    free(values);
    return status;
}

/* Numbers are compared as float32, which is what is written. */
static void compare(const struct weights_tensor *a, const struct weights_tensor *b) {
    if (!b || a->count != b->count || a->ndim != b->ndim) abort();
    if (memcmp(a->shape, b->shape, sizeof a->shape)) abort();
    float *values = malloc(a->count * sizeof *values + 1);
    if (!values) abort();
    weights_copy_f32(a, values);
    if (a->count && memcmp(values, b->data, a->count * sizeof *values)) abort();
    free(values);
}

static void write_and_read_again(infer *ctx, const struct weights *weights) {
    size_t n = weights_count(weights);
    char path[PATH_SIZE];
    struct safetensors_entry *entries = calloc(n + 1, sizeof *entries);
    struct safetensors_writer *writer;
    struct weights *again;
    if (!entries) abort();
    /* in memory where there is such a folder: the writer waits for the disk */
    snprintf(path, sizeof path, "%s/vt-fuzz-%ld.safetensors",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", (long)getpid());
    for (size_t i = 0; i < n; i++) {
        const struct weights_tensor *tensor = weights_at(weights, i);
        entries[i].name = tensor->name;
        entries[i].dtype = WEIGHTS_F32;
        entries[i].ndim = tensor->ndim;
        memcpy(entries[i].shape, tensor->shape, sizeof tensor->shape);
    }
    if (safetensors_create(ctx, path, entries, n, &writer)) abort();
    for (size_t i = 0; i < n; i++)
        if (append(writer, weights_at(weights, i))) abort();
    if (safetensors_finish(writer) || weights_open(ctx, path, &again)) abort();
    if (weights_count(again) != n) abort();
    for (size_t i = 0; i < n; i++)
        compare(weights_at(weights, i), weights_find(again, weights_at(weights, i)->name));
    weights_close(again);
    unlink(path);
    free(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static infer *ctx; /* one for all runs */
    struct weights *weights;
    size_t unused;
    if (size > 3 && !memcmp(data, "PK\3\4", 4)) return -1; /* fuzz_pth's */
    if (!ctx && infer_open(NULL, &ctx)) abort();
    int status = weights_open_bytes(ctx, data, size, &weights, &unused);
    if (status == INFER_OK) {
        if (!weights_are_consistent(weights)) abort();
        write_and_read_again(ctx, weights);
    } else if (status != INFER_EFORMAT && status != INFER_ETENSOR) {
        abort();
    }
    weights_close(weights);
    return 0;
}
