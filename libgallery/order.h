/* order.h - inside libgallery: points sorted by their ids in bounded memory, whatever their number.
 *
 * What does not fit in memory goes, sorted, to an unnamed file in TMPDIR (or /tmp) and is merged.
 * The result depends on the set of entries alone, not on the order in which they were added.
 */
#ifndef GALLERY_ORDER_H
#define GALLERY_ORDER_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_order gallery_order;

typedef struct gallery_order_entry {
    uint64_t id;
    uint32_t value;
    const char *text; /* not terminated; valid until the next call */
    size_t length;
} gallery_order_entry;

#define GALLERY_ORDER_MEMORY ((size_t)256 << 20)

/* memory: bytes to use, about; 0: GALLERY_ORDER_MEMORY. */
int gallery_order_open(gallery_context *ctx, size_t memory, gallery_order **order);
void gallery_order_close(gallery_order *order);

/* The text of the entries that follow; empty at first. Copied. */
int gallery_order_text(gallery_order *order, const char *text, size_t length);
int gallery_order_add(gallery_order *order, uint64_t id, uint32_t value);

/* How many were added. */
unsigned long long gallery_order_count(const gallery_order *order);

/* Goes to the first entry; after that nothing can be added. unique: of entries that have the same
 * id, only the one with the smallest value, and among these the smallest text, comes. GALLERY_EIO
 * and GALLERY_EFULL where the temporary file cannot be written. */
int gallery_order_begin(gallery_order *order, bool unique);

/* By id, then value, then text; GALLERY_END after the last. */
int gallery_order_next(gallery_order *order, gallery_order_entry *entry);

#endif
