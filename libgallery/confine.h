/* confine.h - searches confined to a part of the ground, or to a tag. */
#ifndef GALLERY_CONFINE_H
#define GALLERY_CONFINE_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_polygons gallery_polygons; /* in WGS84, as they lie on the plane */

/* All polygons of a source (grid.h says which are read), in any reference system. GALLERY_EEMPTY if
 * it has none. */
int gallery_polygons_open(gallery_context *ctx, const char *source, gallery_polygons **region);
void gallery_polygons_close(gallery_polygons *region);

typedef struct gallery_confinement { /* a point must satisfy all that are given; edges belong */
    bool boxed;
    double west, south, east, north; /* degrees; west > east: across the antimeridian */
    const gallery_polygons *region;  /* NULL: anywhere */
    const char *tag;                 /* NULL: any */
} gallery_confinement;

struct gallery;

/* From now on searches of g find only such points. `c` and what it points to must stay; NULL ends
 * it. */
void gallery_confine(struct gallery *g, const gallery_confinement *c);

#endif
