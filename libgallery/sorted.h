/* sorted.h - inside libgallery: points of any number put in the order of their ids, in bounded
 * memory. What does not fit is written to unnamed files in sorted runs and merged.
 */
#ifndef GALLERY_SORTED_H
#define GALLERY_SORTED_H

#include "context.h"

#include <stdbool.h>

struct gallery_sorted;

/* folder: where the files lie. memory: bytes to hold at most before a run is written; 0: 192 MiB */
int gallery_sorted_open(gallery_context *ctx, const char *folder, size_t memory,
                        struct gallery_sorted **sorted);
void gallery_sorted_close(struct gallery_sorted *sorted);

/* text: [length], may be NULL. Of two with the same id the later one that has a text counts. */
int gallery_sorted_add(struct gallery_sorted *sorted, uint64_t id, const char *text, size_t length);

struct gallery_sorted_entry {
    uint64_t id;
    const char *text; /* terminated; NULL without */
    size_t length;
};

/* From the first on, as often as one likes; nothing can be added any more. GALLERY_END after the
 * last. The entry is valid until the next call. */
int gallery_sorted_rewind(struct gallery_sorted *sorted);
int gallery_sorted_next(struct gallery_sorted *sorted, struct gallery_sorted_entry *entry);

#endif
