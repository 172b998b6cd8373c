#include "environment.h"
#include "archive_block.h"
#include "context.h"
#include "temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READERS_MAX 510
#define LOCK_BYTES                                                                 \
    32768 /* what LMDB's table takes for so many readers, and our system's mutexes \
           */
#define DATABASES_MAX 16
#define MAP_START ((size_t)16 << 20)

int gallery_fail_lmdb(gallery_context *ctx, const char *shown, int code) {
    switch (code) {
    case MDB_READERS_FULL:
        return gallery_fail(ctx, GALLERY_EFULL,
                            "%s: %d readers have it open, which is the most; wait until one ends",
                            shown, READERS_MAX);
    case MDB_MAP_FULL:
        return gallery_fail(ctx, GALLERY_EFULL, "%s: its memory map cannot grow any more", shown);
    case ENOSPC:
    case EDQUOT:
        return gallery_fail(ctx, GALLERY_EFULL,
                            "%s: the disk is full; make room and run the same again, what was "
                            "committed is safe",
                            shown);
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return gallery_fail(ctx, GALLERY_EFORMAT, "%s: not a gallery", shown);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
    case MDB_CURSOR_FULL:
        return gallery_fail(ctx, GALLERY_EFORMAT, "%s: damaged (%s); restore it from a copy", shown,
                            mdb_strerror(code));
    case ENOMEM:
        return gallery_fail(ctx, GALLERY_ENOMEM, "%s: no memory to map the gallery", shown);
    default:
        return gallery_fail(ctx, GALLERY_EIO, "%s: %s%s", shown, mdb_strerror(code),
                            gallery_advice(code));
    }
}

/* --------------------------------------------------------------------- check */

/* What of LMDB 0.9's meta page (64-bit, native byte order) is needed to see that its pages are in
 * the file; `struct MDB_meta` behind a page header of 16 bytes. */
struct head {
    uint64_t page_number;
    uint16_t pad, flags;
    uint32_t unused;
    uint32_t magic, version;
    uint64_t address, map_size;
    struct {
        uint32_t pad;
        uint16_t flags, depth;
        uint64_t branch, leaf, overflow, entries, root;
    } trees[2];
    uint64_t last_page, transaction;
};
_Static_assert(sizeof(struct head) == 152, "as LMDB lays it out");

static bool is_head(const struct head *h) {
    return h->magic == 0xBEEFC0DEu && h->version == 1 && (h->flags & 8);
}

bool gallery_environment_is_start(const uint8_t start[24]) {
    struct head h = {0};
    memcpy(&h, start, 24);
    return is_head(&h);
}

/* NULL, or why LMDB must not see the file. */
static const char *wrong_head(int fd) {
    struct head heads[2];
    struct stat st;
    if (pread(fd, &heads[0], sizeof *heads, 0) != (ssize_t)sizeof *heads || !is_head(heads))
        return "not a gallery";
    uint64_t page = heads[0].trees[0].pad; /* LMDB keeps the page size there */
    if (page < 512 || page > 32768 || (page & (page - 1))) return "damaged: impossible page size";
    if (pread(fd, &heads[1], sizeof *heads, (off_t)page) != (ssize_t)sizeof *heads ||
        !is_head(heads + 1) || heads[1].trees[0].pad != page)
        return "damaged: no second head";
    if (fstat(fd, &st)) return "cannot be measured";
    const struct head *h = &heads[heads[1].transaction > heads[0].transaction];
    uint64_t pages = (uint64_t)st.st_size / page;
    if ((uint64_t)st.st_size % page || h->last_page >= pages)
        return "truncated: shorter than its pages; restore it from a copy";
    for (int i = 0; i < 2; i++)
        if (h->trees[i].root != UINT64_MAX && h->trees[i].root > h->last_page)
            return "damaged: a tree outside the file";
    return NULL;
}

int gallery_environment_check(gallery_context *ctx, const char *path, const char *shown) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), status = GALLERY_OK;
    if (fd < 0) return gallery_fail_errno(ctx, shown);
    const char *wrong = NULL;
    uint8_t start[8];
    if (fstat(fd, &st))
        status = gallery_fail_errno(ctx, shown);
    else if (S_ISREG(st.st_mode) && pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start &&
             gallery_archive_is_archive(start))
        status = gallery_fail(ctx, GALLERY_EFORMAT,
                              "%s: an archive, not a gallery; make one of it: vt-index import -g "
                              "GALLERY %s",
                              shown, shown);
    else if (!S_ISREG(st.st_mode))
        wrong = "not a regular file";
    else if (sizeof(size_t) == 8)
        wrong = wrong_head(fd);
    close(fd);
    return wrong ? gallery_fail(ctx, GALLERY_EFORMAT, "%s: %s", shown, wrong) : status;
}

int gallery_environment_number(gallery_context *ctx, int fd, const char *shown, uint64_t number) {
    struct head heads[2];
    const char *wrong = wrong_head(fd);
    if (wrong) return gallery_fail(ctx, GALLERY_EFORMAT, "%s: the copy is %s", shown, wrong);
    uint64_t page = 0;
    for (int i = 0; i < 2; i++) {
        if (pread(fd, heads + i, sizeof *heads, (off_t)page) != (ssize_t)sizeof *heads)
            return gallery_fail_errno(ctx, shown);
        page = heads[0].trees[0].pad;
    }
    struct head newest = heads[heads[1].transaction > heads[0].transaction];
    for (uint64_t i = 0; i < 2; i++) {
        newest.page_number = i;
        newest.transaction = (number & 1) == i ? number : number - 1;
        if (pwrite(fd, &newest, sizeof newest, (off_t)(i * page)) != (ssize_t)sizeof newest)
            return gallery_fail_errno(ctx, shown);
    }
    return GALLERY_OK;
}

/* ---------------------------------------------------------------------- open */

static int open_env(const char *path, unsigned flags, size_t map_size, MDB_env **env) {
    int rc = mdb_env_create(env);
    if (rc) return rc;
    if (!(rc = mdb_env_set_maxdbs(*env, DATABASES_MAX)) &&
        !(rc = mdb_env_set_maxreaders(*env, READERS_MAX)) &&
        !(rc = mdb_env_set_mapsize(*env, map_size)))
        rc = mdb_env_open(*env, path, MDB_NOSUBDIR | MDB_NOTLS | flags, 0666);
    if (rc) {
        mdb_env_close(*env);
        *env = NULL;
    }
    return rc;
}

static bool is_same_file(int fd, const char *path) {
    struct stat a, b;
    return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool gallery_environment_replaced(const struct gallery_environment *e, const char *path) {
    mdb_filehandle_t fd;
    return mdb_env_get_fd(e->env, &fd) || !is_same_file(fd, path);
}

static int take_lock(gallery_context *ctx, const char *path, const char *shown, int kind,
                     struct gallery_environment *e) {
    e->lock_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (e->lock_fd < 0) return gallery_fail_errno(ctx, shown);
    if (!flock(e->lock_fd, kind | LOCK_NB)) {
        if (is_same_file(e->lock_fd, path)) return GALLERY_OK;
        return gallery_fail(ctx, GALLERY_EBUSY,
                            "%s: another process has just replaced it; try again", shown);
    }
    if (errno != EWOULDBLOCK) return gallery_fail_errno(ctx, shown);
    if (kind == LOCK_SH)
        return gallery_fail(ctx, GALLERY_EBUSY,
                            "%s: it is being written, and %s-lock, which a reader beside a writer "
                            "needs, is not writable",
                            shown, shown);
    return gallery_fail(ctx, GALLERY_EBUSY,
                        "%s: another process is writing to it, or reads it without access to "
                        "%s-lock; try again when it has ended",
                        shown, shown);
}

/* Where the lock file can be neither made nor written (a read-only file system, a full one, another
 * user's gallery), LMDB's table of readers is out of reach, and MDB_NOLOCK alone would let a writer
 * reuse pages under us. So such a reader holds a shared flock, which keeps writers out. */
static int open_unlisted(gallery_context *ctx, const char *path, const char *shown, size_t size,
                         struct gallery_environment *e) {
    GALLERY_TRY(take_lock(ctx, path, shown, LOCK_SH, e));
    int rc = open_env(path, MDB_RDONLY | MDB_NOLOCK, size, &e->env);
    return rc ? gallery_fail_lmdb(ctx, shown, rc) : GALLERY_OK;
}

/* LMDB maps its lock file, which has holes when it is new: with a full disk, the first look at one
 * would be a SIGBUS. Answers errno. */
static int reserve_lock(const char *path) {
    char *name = NULL;
    struct stat st;
    if (asprintf(&name, "%s-lock", path) < 0) return ENOMEM;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666), rc = fd < 0 ? errno : 0;
    free(name);
    if (rc) return rc;
    if (fstat(fd, &st)) rc = errno;
    off_t size = !rc && st.st_size ? st.st_size : LOCK_BYTES;
    /* Not posix_fallocate, which may write bytes that others have changed by then. */
    if (!rc && st.st_blocks * 512 < size && fallocate(fd, 0, 0, size) && errno != EOPNOTSUPP)
        rc = errno;
    close(fd);
    return rc;
}

static int open_listed(gallery_context *ctx, const char *path, const char *shown, size_t size,
                       bool write, struct gallery_environment *e) {
    struct statvfs fs;
    if (!write && !statvfs(path, &fs) && (fs.f_flag & ST_RDONLY))
        return open_unlisted(ctx, path, shown, size, e);
    int rc = reserve_lock(path);
    if (!rc) rc = open_env(path, write ? 0 : MDB_RDONLY, size, &e->env);
    if (!write && (rc == EACCES || rc == EPERM || rc == EROFS || rc == ENOSPC || rc == EDQUOT))
        return open_unlisted(ctx, path, shown, size, e);
    if (rc) return gallery_fail_lmdb(ctx, shown, rc);
    int dead;
    mdb_reader_check(e->env, &dead); /* what died without closing would keep old pages alive */
    return GALLERY_OK;
}

static int open_alone(gallery_context *ctx, const char *path, const char *shown, size_t size,
                      struct gallery_environment *e) {
    int rc = open_env(path, MDB_NOLOCK, size, &e->env);
    return rc ? gallery_fail_lmdb(ctx, shown, rc) : GALLERY_OK;
}

int gallery_environment_open(gallery_context *ctx, const char *path, const char *shown,
                             enum gallery_access access, struct gallery_environment *e) {
    struct stat st;
    int status = GALLERY_OK;
    bool write = access != GALLERY_READ;
    *e = (struct gallery_environment){.lock_fd = -1};
    if (write) {
        gallery_temporary_clean(path); /* of who was killed while he made it */
        GALLERY_GO(take_lock(ctx, path, shown, LOCK_EX, e));
    }
    GALLERY_GO(gallery_environment_check(ctx, path, shown));
    if (stat(path, &st)) {
        status = gallery_fail_errno(ctx, shown);
        goto done;
    }
    size_t size = (size_t)st.st_size;
    if (write && size < MAP_START) size = MAP_START;
    status = access == GALLERY_WRITE_ALONE ? open_alone(ctx, path, shown, size, e)
                                           : open_listed(ctx, path, shown, size, write, e);
done:
    if (status != GALLERY_OK) gallery_environment_close(e);
    return status;
}

void gallery_environment_close(struct gallery_environment *e) {
    if (e->env) mdb_env_close(e->env);
    if (e->lock_fd >= 0) close(e->lock_fd);
    *e = (struct gallery_environment){.lock_fd = -1};
}

int gallery_environment_grow(gallery_context *ctx, const char *shown,
                             struct gallery_environment *e) {
    MDB_envinfo info;
    int rc = mdb_env_info(e->env, &info);
    if (!rc && info.me_mapsize > SIZE_MAX / 2) rc = MDB_MAP_FULL;
    if (!rc) rc = mdb_env_set_mapsize(e->env, info.me_mapsize * 2);
    return rc ? gallery_fail_lmdb(ctx, shown, rc) : GALLERY_OK;
}

int gallery_environment_extend(const struct gallery_environment *e) {
    MDB_envinfo info;
    MDB_stat page;
    struct stat st;
    mdb_filehandle_t fd;
    int rc = mdb_env_info(e->env, &info);
    if (!rc) rc = mdb_env_stat(e->env, &page);
    if (!rc) rc = mdb_env_get_fd(e->env, &fd);
    if (rc) return rc;
    off_t need = (off_t)((info.me_last_pgno + 1) * page.ms_psize);
    if (fstat(fd, &st)) return errno;
    return st.st_size < need && ftruncate(fd, need) ? errno : 0;
}

#define HARDLY_ANY ((uint64_t)1 << 20) /* a commit writes pages by the hundred */

static bool is_full(const struct gallery_environment *e) {
    mdb_filehandle_t fd;
    struct statvfs fs;
    return !mdb_env_get_fd(e->env, &fd) && !fstatvfs(fd, &fs) &&
           (uint64_t)fs.f_bavail * fs.f_frsize < HARDLY_ANY;
}

int gallery_environment_commit(const struct gallery_environment *e, MDB_txn *txn) {
    int rc = mdb_txn_commit(txn);
    if (!rc) rc = gallery_environment_extend(e);
    return rc == EIO && is_full(e) ? ENOSPC : rc;
}

int gallery_environment_begin(struct gallery_environment *e, unsigned flags, MDB_txn **txn) {
    int rc = mdb_txn_begin(e->env, NULL, flags, txn);
    if (rc == MDB_MAP_RESIZED && !(rc = mdb_env_set_mapsize(e->env, 0)))
        rc = mdb_txn_begin(e->env, NULL, flags, txn);
    return rc;
}

int gallery_environment_renew(struct gallery_environment *e, MDB_txn *txn) {
    mdb_txn_reset(txn);
    int rc = mdb_txn_renew(txn);
    if (rc == MDB_MAP_RESIZED && !(rc = mdb_env_set_mapsize(e->env, 0))) rc = mdb_txn_renew(txn);
    return rc;
}

/* -------------------------------------------------------------------- create */

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int make_hidden(gallery_context *ctx, const char *path, struct gallery_hidden *h) {
    char *folder = folder_of(path);
    if (!folder) return gallery_fail_memory(ctx, strlen(path));
    gallery_temporary_clean(path);
    h->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    free(folder);
    if (h->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        errno = gallery_temporary_file(path, &h->name, &h->fd);
    if (h->fd < 0) return gallery_fail_errno(ctx, path);
    snprintf(h->reach, sizeof h->reach, "/proc/self/fd/%d", h->fd);
    return GALLERY_OK;
}

/* Gives the file its name; GALLERY_EEXIST if that is taken. */
static int place_hidden(gallery_context *ctx, const char *path, const struct gallery_hidden *h) {
    char *folder = folder_of(path);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, status = GALLERY_OK;
    free(folder);
    if (fd < 0) return gallery_fail_errno(ctx, path);
    if (h->name ? link(h->name, path)
                : linkat(AT_FDCWD, h->reach, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
        status = errno == EEXIST ? gallery_fail(ctx, GALLERY_EEXIST,
                                                "%s: exists already; choose another name", path)
                                 : gallery_fail_errno(ctx, path);
    else if (fsync(fd)) {
        status = gallery_fail_errno(ctx, path);
        unlink(path); /* or the same could not be run again */
    }
    close(fd);
    return status;
}

void gallery_hidden_drop(struct gallery_hidden *h) {
    if (h->name && h->fd >= 0) unlink(h->name);
    if (h->fd >= 0) close(h->fd);
    free(h->name);
    *h = (struct gallery_hidden){.fd = -1};
}

static int fill_hidden(const struct gallery_environment *e, int (*fill)(MDB_txn *txn, void *user),
                       void *user) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(e->env, NULL, 0, &txn);
    if (!rc) rc = fill(txn, user);
    if (!rc) return gallery_environment_commit(e, txn);
    if (txn) mdb_txn_abort(txn);
    return rc;
}

int gallery_environment_begin_hidden(gallery_context *ctx, const char *path,
                                     int (*fill)(MDB_txn *txn, void *user), void *user,
                                     struct gallery_hidden *h, struct gallery_environment *e) {
    *e = (struct gallery_environment){.lock_fd = -1};
    *h = (struct gallery_hidden){.fd = -1};
    GALLERY_TRY(make_hidden(ctx, path, h));
    /* No other process can know this file: there is nobody to lock out. */
    int rc = open_env(h->name ? h->name : h->reach, MDB_NOLOCK, MAP_START, &e->env);
    if (!rc) rc = fill_hidden(e, fill, user);
    return rc ? gallery_fail_lmdb(ctx, path, rc) : GALLERY_OK;
}

int gallery_environment_show(gallery_context *ctx, const char *path,
                             const struct gallery_environment *e, const struct gallery_hidden *h) {
    int rc = gallery_environment_extend(e);
    return rc ? gallery_fail_lmdb(ctx, path, rc) : place_hidden(ctx, path, h);
}

int gallery_environment_create(gallery_context *ctx, const char *path,
                               int (*fill)(MDB_txn *txn, void *user), void *user) {
    struct gallery_hidden h;
    struct gallery_environment e;
    int status = gallery_environment_begin_hidden(ctx, path, fill, user, &h, &e);
    if (status == GALLERY_OK) status = gallery_environment_show(ctx, path, &e, &h);
    gallery_environment_close(&e);
    gallery_hidden_drop(&h);
    return status == GALLERY_EEXIST ? GALLERY_OK : status;
}
