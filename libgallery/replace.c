/* replace.c - Both files share GALLERY-lock, where LMDB keeps the number of the last transaction,
 * by which readers choose between a file's two heads; so the new file's heads get the numbers of
 * the old one's, whose transactions are brought level first.
 */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------ heads */

static int last_transaction(gallery *g, uint64_t *number) {
    MDB_envinfo info;
    int rc = mdb_env_info(g->environment.env, &info);
    *number = info.me_last_txnid;
    return rc ? gallery_fail_store(g, rc) : GALLERY_OK;
}

static int nothing(gallery *g, MDB_txn *txn, void *user) {
    (void)g;
    (void)txn;
    (void)user;
    return GALLERY_OK; /* gallery_write writes the metadata again */
}

/* Until the old file has had as many transactions as the new one. */
static int draw_level(gallery *from, gallery *to, uint64_t *number) {
    uint64_t need;
    GALLERY_TRY(last_transaction(to, &need));
    GALLERY_TRY(last_transaction(from, number));
    while (*number < need) {
        GALLERY_TRY(gallery_write(from, nothing, NULL));
        GALLERY_TRY(last_transaction(from, number));
    }
    return GALLERY_OK;
}

/* ------------------------------------------------------------------------ place */

/* Gives a hidden file the name `beside`. */
static int name_hidden(const struct gallery_hidden *h, const char *beside) {
    unlink(beside); /* what a crash may have left between this and renaming */
    return h->name ? link(h->name, beside)
                   : linkat(AT_FDCWD, h->reach, AT_FDCWD, beside, AT_SYMLINK_FOLLOW);
}

static int place(gallery *from, const char *real, const struct gallery_hidden *h, int at,
                 const char *beside) {
    char *folder = strdup(real);
    struct stat st;
    int status = GALLERY_OK, fd = -1;
    if (!folder) return gallery_fail_memory(from->ctx, strlen(real));
    bool hidden = h->fd >= 0, linked = false;
    if (stat(real, &st) || fchmod(at, st.st_mode & 07777) ||
        (fchown(at, st.st_uid, st.st_gid) && errno != EPERM) || fsync(at) ||
        (hidden && name_hidden(h, beside)))
        status = gallery_fail_errno(from->ctx, from->path);
    linked = hidden && status == GALLERY_OK;
    if (status == GALLERY_OK && rename(beside, real))
        status = gallery_fail_errno(from->ctx, from->path);
    if (linked && status != GALLERY_OK) unlink(beside);
    if (status != GALLERY_OK) goto done;
    folder[strrchr(folder, '/') - folder + (strrchr(folder, '/') == folder)] = 0;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) status = gallery_fail_errno(from->ctx, from->path);
done:
    if (fd >= 0) close(fd);
    free(folder);
    return status;
}

int gallery_replace(gallery *from, const char *real, gallery *to, const char *beside) {
    uint64_t number;
    GALLERY_TRY(draw_level(from, to, &number));
    int rc = mdb_env_sync(to->environment.env, 1);
    if (!rc) rc = gallery_environment_extend(&to->environment);
    if (rc) return gallery_fail_store(to, rc);
    int at = to->hidden.fd >= 0 ? dup(to->hidden.fd) : open(beside, O_RDWR | O_CLOEXEC);
    if (at < 0) return gallery_fail_errno(from->ctx, from->path);
    gallery_environment_close(&to->environment);
    int status = gallery_environment_number(from->ctx, at, from->path, number);
    if (status == GALLERY_OK) status = place(from, real, &to->hidden, at, beside);
    close(at);
    return status;
}
