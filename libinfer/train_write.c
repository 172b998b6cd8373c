/* A model folder of what was trained: files that hold nothing of it are copied as they are. */
#include "trainer.h"

#include "config.h"
#include "context.h"
#include "folder.h"
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct output {
    infer_trainer *t;
    const float *values; /* the arena's, or the best ones */
    struct catalog catalog;
    struct folder folder;
    struct model_config config;
    bool half;
};

int infer_trainer_check_output(infer *ctx, const char *folder, bool overwrite) {
    return folder_check(ctx, folder, overwrite);
}

/* -------------------------------------------------------------------- copying */

static int copy_bytes(infer *ctx, int from, int to, const char *from_path, const char *to_path) {
    enum { CHUNK = 1 << 20 };
    int status = INFER_OK;
    char *buffer = malloc(CHUNK);
    if (!buffer) return infer_fail_memory(ctx, CHUNK);
    for (ssize_t n; (n = read(from, buffer, CHUNK)) != 0;) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = infer_fail_errno(ctx, from_path);
            break;
        }
        for (ssize_t at = 0, wrote; at < n; at += wrote) {
            wrote = write(to, buffer + at, (size_t)(n - at));
            if (wrote < 0 && errno == EINTR) wrote = 0;
            if (wrote < 0) {
                status = infer_fail_errno(ctx, to_path);
                goto done;
            }
        }
    }
    if (status == INFER_OK && fsync(to)) status = infer_fail_errno(ctx, to_path);
done:
    free(buffer);
    return status;
}

static int copy_file(infer *ctx, const char *from, const char *to) {
    int status = INFER_OK;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (in < 0)
        status = infer_fail_errno(ctx, from);
    else if (out < 0)
        status = infer_fail_errno(ctx, to);
    else
        status = copy_bytes(ctx, in, out, from, to);
    if (in >= 0) close(in);
    if (out >= 0 && close(out) && status == INFER_OK) status = infer_fail_errno(ctx, to);
    return status;
}

/* -------------------------------------------------------------------- writing */

static bool is_learned(const struct output *o, enum catalog_file file) {
    const struct learn_arena *a = learn_arena(o->t->learner);
    for (size_t i = 0; i < a->tensors; i++)
        if (a->tensor[i].entry->file == file) return true;
    return false;
}

static int append_all(const struct output *o, enum catalog_file file,
                      struct safetensors_writer *writer) {
    for (size_t i = 0; i < o->catalog.n; i++) {
        const struct catalog_entry *e = &o->catalog.entries[i];
        if (e->file != file) continue;
        const struct learn_tensor *tensor = learn_find(o->t->learner, file, e->name);
        if (!tensor) return infer_fail(o->t->ctx, INFER_EUSAGE, "tensor %s has no values", e->name);
        INFER_TRY(safetensors_append(writer, o->values + tensor->offset, e->count));
    }
    return INFER_OK;
}

static int write_learned(const struct output *o, enum catalog_file file, const char *path) {
    int status;
    size_t n = 0;
    struct safetensors_writer *writer = NULL;
    struct safetensors_entry *entries = calloc(o->catalog.n, sizeof *entries);
    if (!entries) return infer_fail_memory(o->t->ctx, o->catalog.n * sizeof *entries);
    for (size_t i = 0; i < o->catalog.n; i++) {
        const struct catalog_entry *e = &o->catalog.entries[i];
        if (e->file != file) continue;
        entries[n] = (struct safetensors_entry){
            .name = e->name,
            .dtype = o->half && !catalog_is_exact(e) ? WEIGHTS_F16 : WEIGHTS_F32,
            .ndim = e->ndim};
        memcpy(entries[n++].shape, e->shape, sizeof e->shape);
    }
    INFER_GO(safetensors_create(o->t->ctx, path, entries, n, &writer));
    INFER_GO(append_all(o, file, writer));
    status = safetensors_finish(writer);
    writer = NULL;
done:
    safetensors_abandon(writer);
    free(entries);
    return status;
}

static int write_file(const struct output *o, enum catalog_file file) {
    if (!*o->config.files[file]) return INFER_OK;
    infer *ctx = o->t->ctx;
    char *to = folder_file(o->folder.temporary, o->config.files[file]);
    char *from = folder_file(o->t->o.model ? o->t->o.model : "", o->t->base.files[file]);
    int status = to && from ? INFER_OK : infer_fail_memory(ctx, 4096);
    if (status == INFER_OK)
        status = is_learned(o, file) ? write_learned(o, file, to) : copy_file(ctx, from, to);
    free(to);
    free(from);
    return status;
}

static int compute_ids(struct output *o) {
    struct weights *files[CATALOG_FILES] = {0};
    infer *ctx = o->t->ctx;
    int status = INFER_OK;
    for (int i = 0; i < CATALOG_FILES && status == INFER_OK; i++) {
        if (!*o->config.files[i]) continue;
        char *path = folder_file(o->folder.temporary, o->config.files[i]);
        status = path ? weights_open(ctx, path, &files[i]) : infer_fail_memory(ctx, 4096);
        free(path);
    }
    if (status == INFER_OK) status = identity_compute(ctx, &o->catalog, files, &o->config);
    for (int i = 0; i < CATALOG_FILES; i++) weights_close(files[i]);
    if (status != INFER_OK) return status;
    if (!o->t->o.phase || !strcmp(o->config.backbone_id, o->t->base.backbone_id)) return INFER_OK;
    return infer_fail(ctx, INFER_EFORMAT,
                      "%s: its backbones are not those that its config.json names; they were "
                      "changed",
                      o->t->o.model);
}

static int write_folder(struct output *o, const char *path, bool overwrite) {
    infer *ctx = o->t->ctx;
    INFER_TRY(catalog_build(ctx, &o->config, &o->catalog));
    INFER_TRY(folder_begin(ctx, path, overwrite, &o->folder));
    for (int i = 0; i < CATALOG_FILES; i++) INFER_TRY(write_file(o, (enum catalog_file)i));
    INFER_TRY(compute_ids(o));
    char *config = folder_file(o->folder.temporary, "config.json");
    if (!config) return infer_fail_memory(ctx, strlen(path) + 13);
    int status = config_write(ctx, config, &o->config);
    free(config);
    return status == INFER_OK ? folder_commit(&o->folder) : status;
}

int infer_trainer_write(infer_trainer *t, const char *path, bool half, bool overwrite) {
    const struct learn_arena *a = learn_arena(t->learner);
    struct output o = {
        .t = t, .values = t->best ? t->best : a->value, .config = t->config, .half = half};
    int status = INFER_OK;
    if (identity_find_nonfinite(o.values, a->count) < a->count)
        status = infer_fail(t->ctx, INFER_EVALUE, "a weight is not a finite number");
    if (status == INFER_OK) status = write_folder(&o, path, overwrite);
    if (status != INFER_OK && o.folder.place) folder_name_place(&o.folder);
    folder_end(&o.folder);
    catalog_free(&o.catalog);
    return status;
}
