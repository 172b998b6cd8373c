#include "temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPTS 100
#define INSIDE "points" /* begins the names in a folder of ours */

/* --------------------------------------------------------------------- making */

static bool is_at(int fd, const char *name) {
    struct stat a, b;
    return !fstat(fd, &a) && !lstat(name, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Some file systems know no locks: what is left behind there, stays. */
static bool lock(int fd) {
    return !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK;
}

enum kind { A_FILE, A_FOLDER, A_NAME };

/* Makes what is wanted under `name`; its descriptor in *fd. 0 or errno. */
static int make(enum kind kind, const char *name, int *fd) {
    char self[40];
    if (kind == A_NAME) {
        snprintf(self, sizeof self, "/proc/self/fd/%d", *fd);
        return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) ? errno : 0;
    }
    if (kind == A_FOLDER && mkdir(name, 0777)) return errno;
    *fd = open(name,
               O_CLOEXEC | (kind == A_FOLDER ? O_RDONLY | O_DIRECTORY | O_NOFOLLOW
                                             : O_RDWR | O_CREAT | O_EXCL),
               0666);
    if (*fd >= 0) return 0;
    int number = errno;
    if (kind == A_FOLDER) rmdir(name);
    return number;
}

/* Another process may take what is new for what was left behind, until it is locked. */
static int make_locked(enum kind kind, const char *place, char **name, int *fd) {
    int number = EEXIST;
    if (kind == A_NAME) lock(*fd); /* nobody else has it */
    for (int i = 0; number == EEXIST && i < ATTEMPTS; i++) {
        if (asprintf(name, "%s.%ld.%d.tmp", place, (long)getpid(), i) < 0) {
            *name = NULL;
            return ENOMEM;
        }
        number = make(kind, *name, fd);
        if (!number && (kind == A_NAME || (lock(*fd) && is_at(*fd, *name)))) return 0;
        if (!number) {
            close(*fd);
            *fd = -1;
            number = EEXIST;
        }
        free(*name);
        *name = NULL;
    }
    return number;
}

int gallery_temporary_file(const char *place, char **name, int *fd) {
    return make_locked(A_FILE, place, name, fd);
}

int gallery_temporary_link(const char *place, int open_fd, char **name) {
    return make_locked(A_NAME, place, name, &open_fd);
}

int gallery_temporary_folder(const char *place, char **name, int *fd) {
    return make_locked(A_FOLDER, place, name, fd);
}

/* ------------------------------------------------------------------- removing */

static bool is_inside(const char *name) {
    return !strncmp(name, INSIDE, sizeof INSIDE - 1);
}

void gallery_temporary_remove_folder(const char *name) {
    DIR *dir = opendir(name);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (is_inside(e->d_name)) unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) closedir(dir);
    rmdir(name);
}

static bool has_strangers(const char *name) {
    DIR *dir = opendir(name);
    bool has = !dir;
    for (struct dirent *e; dir && !has && (e = readdir(dir));)
        has = strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && !is_inside(e->d_name);
    if (dir) closedir(dir);
    return has;
}

static void remove_if_left(const char *name) {
    struct stat st;
    if (lstat(name, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) return;
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (!flock(fd, LOCK_EX | LOCK_NB) && is_at(fd, name)) {
        if (S_ISREG(st.st_mode))
            unlink(name);
        else if (!has_strangers(name))
            gallery_temporary_remove_folder(name);
    }
    close(fd);
}

static bool is_temporary(const char *name, const char *place) {
    size_t n = strlen(place);
    if (strncmp(name, place, n) || name[n] != '.') return false;
    const char *pid = name + n + 1, *number = pid + strspn(pid, "0123456789");
    if (number == pid || *number != '.') return false;
    const char *end = number + 1 + strspn(number + 1, "0123456789");
    return end > number + 1 && !strcmp(end, ".tmp");
}

void gallery_temporary_clean(const char *place) {
    const char *slash = strrchr(place, '/'), *base = slash ? slash + 1 : place;
    char *folder = slash ? strndup(place, (size_t)(slash - place) + 1) : strdup("./");
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *name = NULL;
        if (!is_temporary(e->d_name, base)) continue;
        if (asprintf(&name, "%s%s", folder, e->d_name) < 0) break;
        remove_if_left(name);
        free(name);
    }
    if (dir) closedir(dir);
    free(folder);
}
