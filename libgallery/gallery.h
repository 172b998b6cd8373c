/* gallery.h - the context of libgallery, the GPS side of the toolkit, its errors and its words.
 *
 * libgallery makes points from geographic sources, stores their embeddings, searches them, and
 * reads and writes the streams between the tools. It knows no neural network, never prints and
 * never exits.
 *
 * Everything hangs on a context. A context and what was opened with it belong to one thread at a
 * time; different contexts are independent. A failed call returns a status and leaves a text that
 * names the file, line, record or layer in the context (gallery_message).
 */
#ifndef GALLERY_GALLERY_H
#define GALLERY_GALLERY_H

#include <stddef.h>
#include <stdint.h>

/* Numbers are stable: they are grouped by who can help, and never renumbered. */
enum gallery_status {
    GALLERY_OK = 0,
    GALLERY_END = 1, /* nothing more to read; not an error */
    /* misuse by the caller */
    GALLERY_EUSAGE = 10,
    /* bad input: bytes from outside */
    GALLERY_EFORMAT = 20,   /* not the format it should be, or damaged */
    GALLERY_ECRS = 21,      /* coordinates without a reference system, or not on the Earth */
    GALLERY_ECHECKSUM = 22, /* a stored block is not what was written */
    GALLERY_EMISMATCH = 23, /* made by another model than the one in use */
    GALLERY_EEMPTY = 24,    /* nothing in it */
    GALLERY_EVALUE = 25,    /* NaN or infinity where a finite number is needed */
    /* the environment */
    GALLERY_EIO = 30,
    GALLERY_ENOMEM = 31,
    GALLERY_EEXIST = 32,
    GALLERY_EBUSY = 33, /* another writer is at work */
    GALLERY_EFULL = 34  /* the disk, or the table of readers, is full */
};

typedef struct gallery_context gallery_context;

/* threads: 0 for as many as there are cores. */
int gallery_context_open(int threads, gallery_context **ctx);
void gallery_context_close(gallery_context *ctx);

/* The text of the last error, never NULL; valid until the next call with this context. */
const char *gallery_message(const gallery_context *ctx);

/* What a status means, in a few words; a static string. */
const char *gallery_describe(int status);

/* One coordinate of a gallery: canonical WGS84 in degrees, on the grid of 1e-7 degrees. */
typedef struct gallery_point {
    uint64_t id; /* gallery_point_id of the coordinate: the same in every run */
    double lon_deg, lat_deg;
    const char *properties; /* attributes as the text of a JSON object, or NULL; borrowed */
    const uint16_t *tags;   /* borrowed, ascending; numbers as in store.h. None: 0, the nameless */
    size_t tags_n;
} gallery_point;

#endif
