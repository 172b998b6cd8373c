/* confined.h - inside libgallery: what a confinement leaves of a block. */
#ifndef GALLERY_CONFINED_H
#define GALLERY_CONFINED_H

#include "confine.h"
#include "storage.h"

/* Clears the bits of rows that the gallery's confinement shuts out. */
void gallery_confine_rows(gallery *g, const struct gallery_block *block,
                          const struct gallery_rows *rows, uint64_t *shown);

#endif
