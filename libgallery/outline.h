/* outline.h - inside libgallery: polygons on the globe, as edges that even-odd counting can use.
 *
 * Coordinates are WGS84 in degrees. Edges are straight in longitude and latitude, and lie in
 * [-180, 180] once they are here: what crosses the antimeridian is cut, and a polygon that holds a
 * pole is closed over it. A meridian ray to the south pole, or a row of one latitude between -180
 * and 180, then crosses the edges of a polygon an odd number of times inside, even outside.
 */
#ifndef GALLERY_OUTLINE_H
#define GALLERY_OUTLINE_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_edge { /* from south to north, so that neighbours compute the same crossing
                               */
    double lon, lon_span, south, north;
    unsigned polygon; /* whose it is, from 0 in the order of adding */
    bool seam;        /* no boundary, but a cut along the antimeridian */
} gallery_edge;

typedef struct gallery_outline { /* starts as {0} */
    gallery_edge *edges;
    size_t count, room;
    unsigned polygons;
} gallery_outline;

/* Adds a polygon: ends[i] is where ring i ends in xy (double [n][2], longitude, latitude, finite,
 * within [-360, 360] and [-90, 90]); order and direction of the rings do not matter (even-odd).
 *
 * Edges go as written, so one from 179 to -179 the long way, as in GeoJSON. Those that were drawn
 * in a plane (projected) go the shorter way round the Earth, and a ring of theirs that goes round
 * the Earth holds the pole that it is nearer to. */
int gallery_outline_add(gallery_context *ctx, gallery_outline *outline, const double *xy,
                        const size_t *ends, size_t rings, bool projected);
/* From where to where the polygons reach; a pole that they hold is a part of them. */
void gallery_outline_extent(const gallery_outline *outline, double *south_deg, double *north_deg);
void gallery_outline_free(gallery_outline *outline);

/* Where the row of a latitude within [south, north) crosses an edge. */
static inline double gallery_edge_cross(const gallery_edge *e, double lat_deg) {
    return e->lon + (lat_deg - e->south) / (e->north - e->south) * e->lon_span;
}

#endif
