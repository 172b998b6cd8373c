/* listing.h - inside libgallery: what a folder holds, in an order that does not depend on the disk.
 */
#ifndef GALLERY_LISTING_H
#define GALLERY_LISTING_H

#include "context.h"

#include <stdbool.h>

typedef struct gallery_listing {
    char **names; /* natural order: 2 before 10; without hidden ones */
    size_t n, room;
} gallery_listing;

/* ending: ".jpg", or "" for folders only. GALLERY_EIO. */
int gallery_listing_read(gallery_context *ctx, const char *folder, const char *ending,
                         gallery_listing *listing);
void gallery_listing_free(gallery_listing *listing);
int gallery_listing_add(gallery_context *ctx, gallery_listing *listing, char *name);

/* Compares names as people number them. */
int gallery_natural_compare(const char *a, const char *b);

#endif
