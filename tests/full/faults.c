/* Preloaded by tests/full/faults: the Nth call that puts something on a disk, maps a file or
 * changes a folder goes wrong.
 *
 * FAULT_AT: N, counted from 1 in this process. FAULT_SEEN: a file that is made when it happens.
 * FAULT_HOW:
 * - full, broken: the call fails, once, with ENOSPC or EIO;
 * - full-on: so do all calls from then on;
 * - short: a write of half of it;
 * - kill, stop: SIGKILL or SIGSTOP before the call;
 * - kill-named: SIGKILL, on a file system that has no unnamed files.
 *
 * glibc's stdio does not write through its own write(), so a stream's calls are counted instead.
 * Standard output and error are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define STREAM_FAILED 0x20 /* glibc's flag behind ferror() */

static _Atomic long calls;

static void *real(const char *name) {
    void *at = dlsym(RTLD_NEXT, name);
    if (!at) _exit(126);
    return at;
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static bool is(const char *how) {
    return !strcmp(setting("FAULT_HOW"), how);
}

static void show(void) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, setting("FAULT_SEEN"), O_WRONLY | O_CREAT, 0666);
    if (fd >= 0) syscall(SYS_close, fd);
}

/* Does this call fail? errno says how; 0 with `half`: in part. */
static bool fails(bool *half) {
    long at = atol(setting("FAULT_AT")), now = ++calls;
    bool on = is("full-on");
    if (half) *half = false;
    if (!at || now < at || (now > at && !on)) return false;
    show();
    if (is("kill") || is("kill-named")) kill(getpid(), SIGKILL);
    if (is("stop")) {
        raise(SIGSTOP);
        return false;
    }
    if (is("short") && !half) return false;
    if (is("short")) *half = true;
    errno = is("broken") ? EIO : ENOSPC;
    return true;
}

static bool counts(int fd) {
    return fd < 0 || fd > 2;
}

#define WRITER(name, parameters, arguments, size)                \
    ssize_t name parameters {                                    \
        ssize_t(*next) parameters = (ssize_t(*) parameters)0;    \
        *(void **)&next = real(#name);                           \
        bool half = false;                                       \
        if (!counts(fd) || !fails(&half)) return next arguments; \
        if (!half) return -1;                                    \
        size /= 2;                                               \
        return next arguments;                                   \
    }

WRITER(write, (int fd, const void *data, size_t n), (fd, data, n), n)
WRITER(pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), n)
WRITER(pwrite64, (int fd, const void *data, size_t n, off64_t at), (fd, data, n, at), n)
WRITER(writev, (int fd, const struct iovec *v, int n), (fd, v, n), n)
WRITER(pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at), n)
WRITER(pwritev64, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at), n)

/* The call itself, or -1 in its place. */
#define CALL(name, parameters, arguments, fd)         \
    int name parameters {                             \
        int(*next) parameters = (int(*) parameters)0; \
        *(void **)&next = real(#name);                \
        if (counts(fd) && fails(NULL)) return -1;     \
        return next arguments;                        \
    }

CALL(fsync, (int fd), (fd), fd)
CALL(fdatasync, (int fd), (fd), fd)
CALL(msync, (void *at, size_t n, int flags), (at, n, flags), -1)
/* LMDB measures its lock file while it keeps others out: see mmap. */
CALL(ftruncate, (int fd, off_t n), (fd, n), is("stop") ? 0 : fd)
CALL(ftruncate64, (int fd, off64_t n), (fd, n), is("stop") ? 0 : fd)
CALL(rename, (const char *from, const char *to), (from, to), -1)
CALL(link, (const char *from, const char *to), (from, to), -1)
CALL(linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags),
     -1)
CALL(unlink, (const char *name), (name), -1)
CALL(mkdir, (const char *name, mode_t mode), (name, mode), -1)
CALL(fchmod, (int fd, mode_t mode), (fd, mode), fd)

/* A process that stops here holds what others need to open the gallery, too: LMDB's lock file. */
void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t from) {
    if (fd > 2 && (flags & MAP_SHARED) && !is("stop") && !is("short") && fails(NULL))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, from);
}
void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t from) {
    return mmap(at, n, protection, flags, fd, from);
}

static int open_as(const char *name, const char *path, int flags, va_list list) {
    int (*next)(const char *, int, ...) = NULL;
    *(void **)&next = real(name);
    bool makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    mode_t mode = makes ? va_arg(list, mode_t) : 0;
    if ((flags & O_TMPFILE) == O_TMPFILE && is("kill-named")) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (makes && !is("stop") && fails(NULL)) return -1;
    return next(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int fd = open_as("open", path, flags, list);
    va_end(list);
    return fd;
}
int open64(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int fd = open_as("open64", path, flags, list);
    va_end(list);
    return fd;
}

/* ------------------------------------------------------------------- streams */

static bool stream_fails(FILE *stream) {
    if (fileno(stream) <= 2 || !fails(NULL)) return false;
    stream->_flags |= STREAM_FAILED;
    return true;
}

size_t fwrite(const void *data, size_t size, size_t n, FILE *stream) {
    size_t (*next)(const void *, size_t, size_t, FILE *) = NULL;
    *(void **)&next = real("fwrite");
    return stream_fails(stream) ? 0 : next(data, size, n, stream);
}
int fflush(FILE *stream) {
    int (*next)(FILE *) = NULL;
    *(void **)&next = real("fflush");
    return stream && stream_fails(stream) ? EOF : next(stream);
}
