/* region.h - inside libgallery: the ground that the polygons of a source cover, to ask whether it
 * holds a point. */
#ifndef GALLERY_REGION_H
#define GALLERY_REGION_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_region gallery_region;

/* Reads all polygons of a vector source; allow_net as in gallery_grid_setup. GALLERY_EEMPTY: there
 * are none. Features of other kinds are ignored. */
int gallery_region_open(gallery_context *ctx, const char *path, bool allow_net,
                        gallery_region **region);
void gallery_region_close(gallery_region *region);

/* Whether a polygon of the region holds the canonical point. One on an edge belongs to the polygon
 * in the east or in the north. Any number of threads may ask. */
bool gallery_region_holds(const gallery_region *region, double lon_deg, double lat_deg);

#endif
