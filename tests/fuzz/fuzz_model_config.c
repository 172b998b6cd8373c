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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    infer *ctx;
    struct model_config config;
    char path[64];
    if (infer_open(NULL, &ctx) != INFER_OK) abort();
    int fd = memfd_create("config.json", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    config_is_model(path);
    int status = config_read(ctx, path, &config);
    if (status == INFER_OK) check_accepted(ctx, &config);
    if (status != INFER_OK && !*infer_message(ctx)) abort();
    close(fd);
    infer_close(ctx);
    return 0;
}
