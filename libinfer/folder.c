#include "folder.h"

#include "config.h"
#include "context.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *folder_file(const char *folder, const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* The name of something in a folder that is not a model's file, to be freed; NULL if there is none.
 */
static char *stranger_in(const char *path) {
    DIR *dir = opendir(path);
    char *found = NULL;
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        const char *name = e->d_name;
        size_t n = strlen(name);
        bool ours = !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "config.json") ||
                    (n > 12 && !strcmp(name + n - 12, ".safetensors"));
        if (!ours) found = strdup(name);
    }
    if (dir) closedir(dir);
    return found;
}

int folder_check(infer *ctx, const char *path, bool overwrite) {
    struct stat st;
    if (!*path) return infer_fail(ctx, INFER_EUSAGE, "the output folder has an empty name");
    if (lstat(path, &st)) {
        if (errno == ENOENT) return INFER_OK;
        return infer_fail_errno(ctx, path);
    }
    if (!overwrite)
        return infer_fail(ctx, INFER_EEXIST, "%s: exists already; --overwrite replaces it", path);
    char *config = folder_file(path, "config.json");
    if (!config) return infer_fail_memory(ctx, strlen(path) + 13);
    bool model = config_is_model(config);
    free(config);
    if (!model)
        return infer_fail(ctx, INFER_EEXIST, "%s: is not a model folder, and is not replaced",
                          path);
    if (access(path, W_OK | X_OK)) return infer_fail_errno(ctx, path); /* it must be emptied */
    char *stranger = stranger_in(path);
    int status = INFER_OK;
    if (stranger)
        status = infer_fail(ctx, INFER_EEXIST,
                            "%s: holds '%s', which is no part of a model, and is not replaced",
                            path, stranger);
    free(stranger);
    return status;
}

/* Where the folder will lie: links resolved if it is there, no slash at the end. */
static char *place_of(const char *path) {
    char *place = realpath(path, NULL);
    if (!place) place = strdup(path);
    for (size_t n = place ? strlen(place) : 0; n > 1 && place[n - 1] == '/';) place[--n] = '\0';
    return place;
}

/* Removes a folder that holds files only; what cannot be removed stays. */
static void remove_folder(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) closedir(dir);
    rmdir(path);
}

/* ------------------------------------------------------------- temporary names */

/* A temporary folder is PLACE.PID.NUMBER.tmp, and locked as long as its process lives. */
static bool is_temporary(const char *name, const char *place) {
    size_t n = strlen(place);
    if (strncmp(name, place, n) || name[n] != '.') return false;
    const char *pid = name + n + 1, *number = pid + strspn(pid, "0123456789");
    if (number == pid || *number != '.') return false;
    const char *end = number + 1 + strspn(number + 1, "0123456789");
    return end > number + 1 && !strcmp(end, ".tmp");
}

/* A file descriptor that locks the folder; -1: somebody else does, or it is not there. */
static int lock_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void remove_if_left(const char *path) {
    int lock = lock_folder(path);
    char *stranger = lock < 0 ? NULL : stranger_in(path);
    if (lock >= 0 && !stranger) remove_folder(path);
    free(stranger);
    if (lock >= 0) close(lock);
}

/* What is in the way of tidying up stays where it is. */
static void remove_left(const char *place) {
    const char *slash = strrchr(place, '/');
    char *parent = slash ? strndup(place, (size_t)(slash - place) + 1) : strdup(".");
    DIR *dir = parent ? opendir(parent) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!is_temporary(e->d_name, slash ? slash + 1 : place)) continue;
        char *path = folder_file(parent, e->d_name);
        if (path) remove_if_left(path);
        free(path);
    }
    if (dir) closedir(dir);
    free(parent);
}

/* Some file systems know no locks of folders: what is left behind there, stays. false: another
 * process took the new folder for one that was left behind. */
static bool lock_new(struct folder *f, const char *name) {
    struct stat here, there;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return false;
    bool locked = !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK;
    f->lock = fd;
    return locked && !fstat(fd, &here) && !stat(name, &there) && here.st_ino == there.st_ino;
}

static void unlock(struct folder *f) {
    if (f->lock > 0) close(f->lock);
    f->lock = 0;
}

int folder_begin(infer *ctx, const char *path, bool overwrite, struct folder *f) {
    *f = (struct folder){.ctx = ctx};
    INFER_TRY(folder_check(ctx, path, overwrite));
    f->place = place_of(path);
    if (!f->place) return infer_fail_memory(ctx, strlen(path) + 1);
    f->replace = !access(f->place, F_OK);
    remove_left(f->place);
    for (int i = 0; i < 100; i++) {
        char *name;
        if (asprintf(&name, "%s.%ld.%d.tmp", f->place, (long)getpid(), i) < 0)
            return infer_fail_memory(ctx, strlen(path) + 32);
        bool made = !mkdir(name, 0777), again = !made && errno == EEXIST;
        if (made && lock_new(f, name)) {
            f->temporary = name;
            return INFER_OK;
        }
        if (made) rmdir(name);
        unlock(f);
        free(name);
        if (!made && !again) break;
    }
    return infer_fail_errno(ctx, path);
}

void folder_name_place(struct folder *f) {
    char *message = f->ctx ? f->ctx->message : NULL;
    const char *at = message && f->temporary ? strstr(message, f->temporary) : NULL;
    char *named;
    if (!at || asprintf(&named, "%.*s%s%s", (int)(at - message), message, f->place,
                        at + strlen(f->temporary)) < 0)
        return;
    snprintf(message, sizeof f->ctx->message, "%s", named);
    free(named);
}

static bool sync_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = !fsync(fd);
    close(fd);
    return ok;
}

static bool sync_parent(const char *path) {
    char *parent = strdup(path);
    char *slash = parent ? strrchr(parent, '/') : NULL;
    if (slash) slash[slash == parent ? 1 : 0] = '\0';
    bool ok = parent && sync_folder(slash ? parent : ".");
    free(parent);
    return ok;
}

/* Some file systems know neither flag of renameat2; there the swap is two renames. */
static bool swap_by_renames(struct folder *f) {
    char *old;
    if (asprintf(&old, "%s.old", f->temporary) < 0) return false;
    bool ok = !rename(f->place, old);
    if (ok && rename(f->temporary, f->place)) {
        int error = errno;
        rename(old, f->place);
        errno = error;
        ok = false;
    }
    if (ok) remove_folder(old);
    free(old);
    return ok;
}

static bool put_in_place(struct folder *f) {
    unsigned flag = f->replace ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (!renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->place, flag)) {
        if (f->replace) remove_folder(f->temporary); /* the old one, now under that name */
        return true;
    }
    if (errno != EINVAL && errno != ENOSYS) return false;
    return f->replace ? swap_by_renames(f) : !rename(f->temporary, f->place);
}

int folder_commit(struct folder *f) {
    if (!sync_folder(f->temporary) || !put_in_place(f)) return infer_fail_errno(f->ctx, f->place);
    free(f->temporary);
    f->temporary = NULL;
    if (!sync_parent(f->place)) return infer_fail_errno(f->ctx, f->place);
    return INFER_OK;
}

void folder_end(struct folder *f) {
    if (f->temporary) remove_folder(f->temporary);
    unlock(f);
    free(f->temporary);
    free(f->place);
    *f = (struct folder){0};
}
