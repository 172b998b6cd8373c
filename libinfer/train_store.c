/* The state of a training: a safetensors file (schemas/state.md) with the weights, Adam's moments,
 * the best weights so far, and as metadata the settings and where it stands. Random numbers are
 * functions of seed and step, and need no keeping. */
#include "train_store.h"

#include "context.h"
#include "identity.h"
#include "weights.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FORMAT "vidtag-training"
#define STATE_VERSION "1"
#define NUMBERS 512

/* Exact: hexadecimal floating point. */
static void print_numbers(const infer_trainer *t, char out[NUMBERS]) {
    const infer_train_state *s = &t->s;
    snprintf(out, NUMBERS, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %d %a %a %a %a %a %a %a", s->step,
             s->best_step, t->bad_looks, s->stopped, s->best_error, s->heldout_error, s->initial_m,
             s->loss, s->hits, s->rate, s->norm);
}

static bool scan_numbers(infer_train_state *s, uint64_t *bad_looks, const char *text) {
    int stopped;
    int n = sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %d %la %la %la %la %la %la %la",
                   &s->step, &s->best_step, bad_looks, &stopped, &s->best_error, &s->heldout_error,
                   &s->initial_m, &s->loss, &s->hits, &s->rate, &s->norm);
    s->stopped = stopped == 1;
    return n == 11 && s->best_step <= s->step && (stopped == 0 || stopped == 1) &&
           s->best_error >= 0;
}

/* -------------------------------------------------------------------- locking */

struct infer_train_lock {
    char *path;
    int fd;
};

void infer_train_lock_release(infer_train_lock *lock) {
    if (!lock) return;
    if (lock->fd >= 0) {
        unlink(lock->path);
        close(lock->fd);
    }
    free(lock->path);
    free(lock);
}

/* INFER_END: it was removed by who had it, and is to be made again. Where the file system knows no
 * locks, there are none. */
static int lock_file(infer *ctx, const char *state, infer_train_lock *lock) {
    struct stat here, there;
    int fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return infer_fail_errno(ctx, state);
    bool busy = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    if (!busy && !fstat(fd, &here) && !stat(lock->path, &there) && here.st_ino == there.st_ino) {
        lock->fd = fd;
        return INFER_OK;
    }
    close(fd);
    return busy ? infer_fail(ctx, INFER_EEXIST,
                             "%s: another training keeps its state there; give it another file, or "
                             "wait until it has ended",
                             state)
                : INFER_END;
}

int infer_train_lock_take(infer *ctx, const char *path, infer_train_lock **out) {
    infer_train_lock *lock = malloc(sizeof *lock);
    int status = INFER_END;
    *out = NULL;
    if (!lock) return infer_fail_memory(ctx, sizeof *lock);
    lock->fd = -1;
    if (asprintf(&lock->path, "%s.lock", path) < 0) {
        free(lock);
        return infer_fail_memory(ctx, strlen(path));
    }
    while (status == INFER_END) status = lock_file(ctx, path, lock);
    if (status == INFER_OK)
        *out = lock;
    else
        infer_train_lock_release(lock);
    return status;
}

/* --------------------------------------------------------------------- saving */

static int write_state(infer_trainer *t, const char *path) {
    const struct learn_arena *a = learn_arena(t->learner);
    const struct safetensors_entry entries[] = {{"value", WEIGHTS_F32, 1, {a->count}},
                                                {"first", WEIGHTS_F32, 1, {a->trained}},
                                                {"second", WEIGHTS_F32, 1, {a->trained}},
                                                {"best", WEIGHTS_F32, 1, {a->count}}};
    char fixed[TRAIN_SETTINGS], course[TRAIN_SETTINGS], numbers[NUMBERS];
    train_settings_fixed(t, fixed, sizeof fixed);
    train_settings_course(t, course, sizeof course);
    print_numbers(t, numbers);
    const struct safetensors_text texts[] = {{"format", STATE_FORMAT}, {"version", STATE_VERSION},
                                             {"settings", fixed},      {"course", course},
                                             {"numbers", numbers},     {NULL, NULL}};
    struct safetensors_writer *writer;
    int status;
    INFER_TRY(safetensors_create_with(t->ctx, path, entries, t->best ? 4 : 3, texts, &writer));
    INFER_GO(safetensors_append(writer, a->value, a->count));
    INFER_GO(safetensors_append(writer, a->first, a->trained));
    INFER_GO(safetensors_append(writer, a->second, a->trained));
    if (t->best) INFER_GO(safetensors_append(writer, t->best, a->count));
    return safetensors_finish(writer);
done:
    safetensors_abandon(writer);
    return status;
}

static void sync_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd); /* a file system that cannot has its own ways */
        close(fd);
    }
    free(parent);
}

/* The message speaks of the file itself, not of the one beside it that becomes it. */
static int rename_in_message(infer_trainer *t, int status, const char *temporary,
                             const char *path) {
    char text[sizeof t->ctx->message];
    size_t n = strlen(temporary);
    if (strncmp(t->ctx->message, temporary, n)) return status;
    snprintf(text, sizeof text, "%s", t->ctx->message + n);
    return infer_fail(t->ctx, status, "%s%s", path, text);
}

/* A state that could not be gone on from must not replace one that can: the weights are finite, and
 * so is the loss that comes of them. */
static int check_good(infer_trainer *t, const char *path) {
    const struct learn_arena *a = learn_arena(t->learner);
    bool finite = identity_find_nonfinite(a->value, a->count) == a->count &&
                  identity_find_nonfinite(a->first, a->trained) == a->trained &&
                  identity_find_nonfinite(a->second, a->trained) == a->trained;
    int status = finite ? trainer_probe(t) : INFER_EVALUE;
    if (status != INFER_EVALUE) return status;
    return infer_fail(t->ctx, INFER_EVALUE,
                      "%s: not saved, as there is no finite loss to go on with; what was saved "
                      "before stays",
                      path);
}

int infer_trainer_save(infer_trainer *t, const char *path) {
    char *temporary;
    INFER_TRY(check_good(t, path));
    if (asprintf(&temporary, "%s.tmp", path) < 0) return infer_fail_memory(t->ctx, strlen(path));
    if (unlink(temporary) && errno != ENOENT) { /* of a process that died; else it shows below */
    }
    int status = write_state(t, temporary);
    if (status != INFER_OK) {
        status = rename_in_message(t, status, temporary, path);
    } else if (rename(temporary, path)) {
        status = infer_fail_errno(t->ctx, path);
        unlink(temporary);
    } else {
        sync_parent(path);
    }
    free(temporary);
    return status;
}

/* ------------------------------------------------------------------- going on */

static int check_fixed(infer_trainer *t, const char *path, const char *there) {
    char text[TRAIN_SETTINGS], name[64];
    const char *here = text;
    train_settings_fixed(t, text, sizeof text);
    if (train_settings_compare(&here, &there, name, sizeof name)) return INFER_OK;
    return infer_fail(
        t->ctx, INFER_EVALUE,
        "%s: the state of another training: its %s differs; give the same, or another "
        "file",
        path, name);
}

/* "lr, steps", to be freed; NULL if nothing differs. */
static int list_changes(infer_trainer *t, const char *there, char **changed) {
    char text[TRAIN_SETTINGS], name[64], list[512] = "";
    const char *here = text;
    *changed = NULL;
    train_settings_course(t, text, sizeof text);
    while (!train_settings_compare(&here, &there, name, sizeof name)) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s--%s", n ? ", " : "", name);
    }
    if (!*list) return INFER_OK;
    *changed = strdup(list);
    return *changed ? INFER_OK : infer_fail_memory(t->ctx, strlen(list));
}

static int check_tensor(infer_trainer *t, const struct weights *w, const char *name, size_t count) {
    const struct weights_tensor *tensor = weights_find(w, name);
    const float *x = tensor ? weights_f32(tensor) : NULL;
    if (!x || tensor->count != count)
        return infer_fail(t->ctx, INFER_ETENSOR, "%s: tensor %s is not float32 of %zu numbers",
                          weights_path(w), name, count);
    if (identity_find_nonfinite(x, count) < count)
        return infer_fail(t->ctx, INFER_EVALUE, "%s: tensor %s holds a number that is not finite",
                          weights_path(w), name);
    return INFER_OK;
}

static void take(const struct weights *w, const char *name, float *out) {
    const struct weights_tensor *tensor = weights_find(w, name);
    memcpy(out, tensor->data, tensor->count * sizeof *out);
}

/* Nothing is changed before all is checked. */
static int check_state(infer_trainer *t, const struct weights *w) {
    const struct learn_arena *a = learn_arena(t->learner);
    const char *format = weights_metadata(w, "format"), *version = weights_metadata(w, "version");
    const char *fixed = weights_metadata(w, "settings"), *course = weights_metadata(w, "course");
    const char *numbers = weights_metadata(w, "numbers"), *path = weights_path(w);
    infer_train_state s;
    uint64_t bad_looks;
    if (!format || strcmp(format, STATE_FORMAT) || !fixed || !course || !numbers)
        return infer_fail(t->ctx, INFER_EFORMAT, "%s: is no state of a training", path);
    if (!version || strcmp(version, STATE_VERSION))
        return infer_fail(t->ctx, INFER_EFORMAT,
                          "%s: state version '%.20s' is not known to this program, which reads %s",
                          path, version ? version : "", STATE_VERSION);
    if (!scan_numbers(&s, &bad_looks, numbers))
        return infer_fail(t->ctx, INFER_EFORMAT, "%s: its numbers are damaged", path);
    INFER_TRY(check_fixed(t, path, fixed));
    INFER_TRY(check_tensor(t, w, "value", a->count));
    INFER_TRY(check_tensor(t, w, "first", a->trained));
    INFER_TRY(check_tensor(t, w, "second", a->trained));
    return weights_find(w, "best") ? check_tensor(t, w, "best", a->count) : INFER_OK;
}

static int take_state(infer_trainer *t, const struct weights *w, char **changed) {
    const struct learn_arena *a = learn_arena(t->learner);
    INFER_TRY(list_changes(t, weights_metadata(w, "course"), changed));
    bool best = weights_find(w, "best") != NULL;
    if (best && !t->best) {
        t->best = malloc(a->count * sizeof *t->best);
        if (!t->best) return infer_fail_memory(t->ctx, a->count * sizeof *t->best);
    } else if (!best) {
        free(t->best);
        t->best = NULL;
    }
    scan_numbers(&t->s, &t->bad_looks, weights_metadata(w, "numbers"));
    t->s.looked = false;
    if (*changed) t->s.stopped = false;
    take(w, "value", a->value);
    take(w, "first", a->first);
    take(w, "second", a->second);
    if (t->best) take(w, "best", t->best);
    return INFER_OK;
}

int infer_trainer_resume(infer_trainer *t, const char *path, char **changed) {
    struct weights *w;
    *changed = NULL;
    INFER_TRY(weights_open(t->ctx, path, &w));
    int status = check_state(t, w);
    if (status == INFER_OK) status = take_state(t, w, changed);
    weights_close(w);
    return status;
}
