/* Property: no bytes as config.json make its reader crash, leak or read out of bounds; a config
 * that it accepts is in range, has a catalog of bounded size, and is read back equal after it is
 * written.
 */
#include "libinfer/catalog.h"
#include "libinfer/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(infer *ctx, const struct model_config *config) {
    struct catalog catalog;
    struct model_config again;
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/fuzz-model-config.%ld", (long)getpid());
    if (config_check(ctx, "accepted", config) != INFER_OK) abort();
    if (catalog_build(ctx, config, &catalog) != INFER_OK) abort();
    if (catalog.n > 16384) abort();
    catalog_free(&catalog);
    unlink(path);
    if (config_write(ctx, path, config) != INFER_OK) abort();
    if (config_read(ctx, path, &again) != INFER_OK) abort();
    unlink(path);
    if (memcmp(&again, config, sizeof again)) abort();
}

/* Bytes alone seldom get past JSON's grammar. So half of the inputs are edits of a good config:
 * a place (two bytes) and what is written over it. */
static const char good[] =
    "{\"format\":\"vidtag-model\",\"version\":1,\"architecture\":\"vidtag\",\"recipe\":\"crop\","
    "\"picture_size\":56,\"clip\":{\"image_size\":56,\"patch_size\":14,\"dim\":64,\"layers\":2,"
    "\"heads\":4,\"mlp\":128,\"eps\":1e-5,\"projection\":48},\"dinov2\":{\"image_size\":70,"
    "\"patch_size\":14,\"dim\":80,\"layers\":2,\"heads\":4,\"mlp\":320,\"eps\":1e-6},\"tempgeo\":"
    "{\"dim\":128,\"heads\":4,\"ff\":160,\"max_frames\":64,\"layers\":2},\"location\":{"
    "\"branches\":3,"
    "\"frequencies\":32,\"hidden\":128,\"hidden_layers\":3,\"out\":64},\"refiner\":{\"dim\":64,"
    "\"heads\":4,\"ff\":128,\"max_frames\":64,\"encoder_layers\":1,\"decoder_layers\":2},\"mlp\":"
    "{\"sizes\":[128,96,64],\"activation\":\"mish\"},\"ids\":{\"backbone\":\"f302ef06be09c1ea\","
    "\"location\":\"4c21fc754188aab5\",\"model\":\"9dc15ebf65b3d59a\"},\"files\":{\"clip\":\"a\","
    "\"dinov2\":\"b\",\"heads\":\"c\"}}";

static void write_input(int fd, const uint8_t *data, size_t size) {
    if (size == 0 || data[0] & 1) {
        if (write(fd, data, size) != (ssize_t)size) abort();
        return;
    }
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    for (size_t i = 1; i + 2 < size; i += 3)
        text[((size_t)data[i] << 8 | data[i + 1]) % (sizeof good - 1)] = (char)data[i + 2];
    if (write(fd, text, sizeof good - 1) != (ssize_t)sizeof good - 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    infer *ctx;
    struct model_config config;
    char path[64];
    if (infer_open(NULL, &ctx) != INFER_OK) abort();
    int fd = memfd_create("config.json", MFD_CLOEXEC);
    if (fd < 0) abort();
    write_input(fd, data, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    config_is_model(path);
    int status = config_read(ctx, path, &config);
    if (status == INFER_OK) check_accepted(ctx, &config);
    if (status != INFER_OK && (!*infer_message(ctx) || (size == 1 && data[0] == 0))) abort();
    close(fd);
    infer_close(ctx);
    return 0;
}
