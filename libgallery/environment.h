/* environment.h - inside libgallery: the LMDB file of a gallery, made, checked, opened, grown. */
#ifndef GALLERY_ENVIRONMENT_H
#define GALLERY_ENVIRONMENT_H

#include "gallery.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lmdb.h>

/* Writers on this machine exclude each other by flock on the data file. (LMDB's own mutex would
 * make the second one wait; its lock file is not for us: closing it drops LMDB's locks.) */
enum gallery_access {
    GALLERY_READ,
    GALLERY_WRITE,
    GALLERY_WRITE_ALONE /* without GALLERY-lock: nobody else reads it */
};

struct gallery_environment {
    MDB_env *env;
    int lock_fd; /* holds the lock; -1: none */
};

/* Checks the file's head before LMDB, which trusts it, maps it: GALLERY_EFORMAT for what is no LMDB
 * file, or shorter than its pages. `shown` stands in messages. */
int gallery_environment_check(gallery_context *ctx, const char *path, const char *shown);

/* The first 24 bytes of a file are those of an LMDB file. */
bool gallery_environment_is_start(const uint8_t start[24]);

/* path: without symbolic links, as the lock file lies beside it. */
int gallery_environment_open(gallery_context *ctx, const char *path, const char *shown,
                             enum gallery_access access, struct gallery_environment *e);
void gallery_environment_close(struct gallery_environment *e);

struct gallery_hidden { /* a file that nobody else can open yet */
    int fd;             /* -1: none */
    char *name;         /* NULL: it has none, so that not even SIGKILL leaves anything behind */
    char reach[40];     /* a path that leads to it */
};

/* Opens an environment in a new hidden file beside `path`, with what `fill` puts into its first
 * transaction (an LMDB code is its answer). Close and drop also after a failure. */
int gallery_environment_begin_hidden(gallery_context *ctx, const char *path,
                                     int (*fill)(MDB_txn *txn, void *user), void *user,
                                     struct gallery_hidden *h, struct gallery_environment *e);

/* Gives the file its name. GALLERY_EEXIST if that is taken. */
int gallery_environment_show(gallery_context *ctx, const char *path,
                             const struct gallery_environment *e, const struct gallery_hidden *h);
void gallery_hidden_drop(struct gallery_hidden *h);

/* Makes a file with what `fill` puts into its first transaction (an LMDB code is its answer); it
 * appears whole or not at all. A file that is there already is left alone, and no error. */
int gallery_environment_create(gallery_context *ctx, const char *path,
                               int (*fill)(MDB_txn *txn, void *user), void *user);

/* Writes a closed file's newest state into both its heads, as transactions `number` - 1 and
 * `number` (not less than its own). */
int gallery_environment_number(gallery_context *ctx, int fd, const char *shown, uint64_t number);

/* Makes the file as long as its pages, which LMDB does not where the last ones are free: so that a
 * shorter file is a truncated one. */
int gallery_environment_extend(const struct gallery_environment *e);

/* Another file has taken the name that this one had: replace.h. */
bool gallery_environment_replaced(const struct gallery_environment *e, const char *path);

/* Doubles the map; no transaction may be open. */
int gallery_environment_grow(gallery_context *ctx, const char *shown,
                             struct gallery_environment *e);

/* Commits, and extends the file. LMDB's code; ENOSPC where a full disk cut a write short, for which
 * LMDB's own is EIO. The transaction is gone in any case. */
int gallery_environment_commit(const struct gallery_environment *e, MDB_txn *txn);

/* Begins a transaction; follows a map that another process has grown. Answers LMDB's code. */
int gallery_environment_begin(struct gallery_environment *e, unsigned flags, MDB_txn **txn);
int gallery_environment_renew(struct gallery_environment *e, MDB_txn *txn);

/* An LMDB code or errno as our status, with a text that says what to do. */
int gallery_fail_lmdb(gallery_context *ctx, const char *shown, int code);

#endif
