/* store.h - a gallery: points and their embeddings under one location encoder, in one LMDB file.
 *
 * Points lie in blocks along the Hilbert curve of their ids, so that a block is a patch of ground.
 * New points are staged first, in order of their ids and without embeddings, then embedded block by
 * block: memory stays bounded for any input, and a run that was interrupted goes on where it
 * stopped. Readers see one consistent snapshot. Format: schemas/gallery.md, vt-gallery(5).
 *
 * A process opens a gallery once at a time: LMDB's locks belong to the process, and the first close
 * would drop them for all. GALLERY-lock, beside the file, is LMDB's table of readers; who cannot
 * write it reads all the same, but then keeps writers out (and gets GALLERY_EBUSY beside one).
 */
#ifndef GALLERY_STORE_H
#define GALLERY_STORE_H

#include "gallery.h"

#include <stdbool.h>
#include <stdio.h>

/* Properties of one point. A longer text is an error; it bounds what a block unpacks to. */
#define GALLERY_PROPERTIES_MAX_BYTES ((size_t)1 << 20)

typedef struct gallery gallery;

enum gallery_dtype { GALLERY_F16 = 1, GALLERY_F32 = 2 };

typedef struct gallery_setup { /* what a new gallery is made for */
    char location_id[17];      /* 16 hexadecimal digits */
    int dim;                   /* 1 to 8192 */
    enum gallery_dtype dtype;  /* 0: float16 when it is made, any when it is there */
} gallery_setup;

typedef struct gallery_info {
    gallery_setup setup;
    unsigned long long points; /* with an embedding */
    unsigned long long hidden; /* rows that are embedded but no points: dropped, or not yet shown */
    unsigned long long staged; /* waiting for one */
    unsigned long long blocks;
    unsigned long long indexed_blocks; /* whose patch in the index is up to date */
    unsigned long long bytes;          /* of the file */
    double west, south, east, north; /* extent in degrees, as intervals on the plane; 0 if empty */
} gallery_info;

/* Opens an existing gallery for reading; works on a read-only file system. Refuses a file without
 * our magic or of a newer version. */
int gallery_open(gallery_context *ctx, const char *path, gallery **g);

/* Opens one for writing, making it for `setup` if it is not there (setup NULL: it must be); it
 * appears whole or not at all. One writer at a time: GALLERY_EBUSY at once. GALLERY_EMISMATCH if it
 * was made for another encoder, or keeps embeddings in another type. */
int gallery_open_writer(gallery_context *ctx, const char *path, const gallery_setup *setup,
                        gallery **g);
void gallery_close(gallery *g);

/* Makes a new gallery for writing that nobody else sees before gallery_publish puts it in its
 * place, whole; closed without that, it is gone. GALLERY_EEXIST if something has that name. */
int gallery_open_new(gallery_context *ctx, const char *path, const gallery_setup *setup,
                     gallery **g);
int gallery_publish(gallery *g);

/* Moves a reader to the newest snapshot; a writer always works on the newest. GALLERY_EMISMATCH if
 * the gallery has been rebuilt for another encoder meanwhile. */
int gallery_renew(gallery *g);

int gallery_stat(gallery *g, gallery_info *info);

/* Tags: each point has one at least; 0 is the nameless tag of points that were given none. Names
 * are UTF-8 of 1 to 127 bytes without control characters. `make` commits a new one; `find` fails
 * with GALLERY_EEMPTY. A name stays valid until the gallery is renewed or closed; NULL: no such
 * tag, or the nameless. */
int gallery_tag_make(gallery *g, const char *name, uint16_t *tag);
int gallery_tag_find(gallery *g, const char *name, uint16_t *tag);
const char *gallery_tag_name(const gallery *g, uint16_t tag);

/* Adds points, or new attributes of known ones, to the stage, in one transaction; a point staged
 * again replaces the first. Coordinates must be canonical, and ids theirs: else GALLERY_EVALUE and
 * nothing staged. A known point staged without any keeps its own, and
 * keeps its tags beside those that come. */
int gallery_stage(gallery *g, const gallery_point *points, size_t n);

/* Computes embeddings. lonlat: double [n][2]; out: float [n][dim]. 0: done. */
typedef int (*gallery_embed_fn)(void *user, const double *lonlat, size_t n, float *out);

/* Called after each commit; false stops the work, which a later call resumes. */
typedef bool (*gallery_progress_fn)(void *user, unsigned long long done, unsigned long long total);

typedef struct gallery_changes {
    unsigned long long added, updated, unchanged;
    unsigned long long removed; /* lost the tag: see gallery_sync_run, gallery_tag_remove */
} gallery_changes;

/* How many points gallery_embed_staged embeds at once and commits together: 4096 unless set.
 * Memory is about 8 kB each. */
void gallery_set_batch(gallery *g, size_t points);

/* Embeds what is staged and is not in the gallery yet, and commits as it goes. `embed` gets
 * canonical coordinates in order of ids and answers unit vectors, which is checked
 * (GALLERY_EVALUE). If it fails, or `progress` stops the work: GALLERY_EUSAGE, GALLERY_END, with
 * all that was committed kept and the rest still staged. */
int gallery_embed_staged(gallery *g, gallery_embed_fn embed, gallery_progress_fn progress,
                         void *user, gallery_changes *changes);

/* A sync makes the points of a tag exactly those of an input. `open`, `add` each point of the input
 * (canonical; its tags are ignored), `run`, `close`. Only `run` changes the gallery: it embeds what
 * is new, hidden from readers and committed as it goes, then gives and takes the tag in one
 * transaction; points without any tag left are dropped. An interrupted run loses at most a batch's
 * embeddings: the same again goes on. The same input again writes nothing. GALLERY_EEMPTY for an
 * input without points. memory: for sorting the input, 0 for 192 MiB; the rest goes to unnamed
 * files beside the gallery. */
typedef struct gallery_sync gallery_sync;
int gallery_sync_open(gallery *g, const char *tag, size_t memory, gallery_sync **sync);
int gallery_sync_add(gallery_sync *sync, const gallery_point *point);
int gallery_sync_run(gallery_sync *sync, gallery_embed_fn embed, gallery_progress_fn progress,
                     void *user, gallery_changes *changes);
void gallery_sync_close(gallery_sync *sync);

/* Takes a tag from all its points, in one transaction, and drops those without another one.
 * GALLERY_EEMPTY if there is no such tag. */
int gallery_tag_remove(gallery *g, const char *tag, gallery_changes *changes);

/* Brings the index up to date: the patches of changed blocks only. *built: how many. GALLERY_END
 * if `progress` stopped it. */
int gallery_index_build(gallery *g, gallery_progress_fn progress, void *user,
                        unsigned long long *built);

/* Gives space back: copies the points into a new file, in full blocks and without what is hidden,
 * which then takes the gallery's place. Readers go on with the old file until they open the gallery
 * anew or renew. Needs room for both. On success g is of the old file: close it. GALLERY_END if
 * `progress` stopped it; then, and after a failure, nothing has changed. */
int gallery_compact(gallery *g, gallery_progress_fn progress, void *user);

/* Rebuilds the gallery for another location encoder, or with embeddings of another type (dtype 0:
 * the same): its points with ids, attributes and tags, and what is staged, in a new file beside it,
 * which is committed as it goes and then takes the gallery's place, as with gallery_compact; it has
 * an index if the old one had. Interrupted, or failed, it leaves the gallery as it is, and the same
 * again goes on; what has changed meanwhile is found. *rebuilt: false if it was so already. On
 * success g is of the old file: close it. */
int gallery_reembed(gallery *g, const gallery_setup *setup, gallery_embed_fn embed,
                    gallery_progress_fn progress, void *user, bool *rebuilt);

/* Points under each tag, those of the nameless first; free() the list. */
typedef struct gallery_tag_count {
    const char *name; /* NULL: the nameless; as long as gallery_tag_name's */
    unsigned long long points;
} gallery_tag_count;
int gallery_count_tags(gallery *g, gallery_tag_count **counts, size_t *n);

/* Checks every block, checksum, order, norm and reference. Returns the first failure's status; each
 * failure is also written to `report`, one a line. */
int gallery_verify(gallery *g, FILE *report, gallery_progress_fn progress, void *user);

/* Calls `each` for every point in order of ids; embedding: float [dim], NULL if not wanted. Stops
 * early when it returns non-zero, and returns GALLERY_END then. */
typedef int (*gallery_each_fn)(void *user, const gallery_point *point, const float *embedding);
int gallery_each(gallery *g, bool embeddings, gallery_each_fn each, void *user);

/* The same from the first point on whose id is not less than `from`. */
int gallery_each_from(gallery *g, uint64_t from, bool embeddings, gallery_each_fn each, void *user);

#endif
