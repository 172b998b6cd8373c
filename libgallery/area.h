/* area.h - inside libgallery: the points of a global grid inside polygons.
 *
 * Coordinates are WGS84 in degrees. Rings are as sample.h has vertex lists.
 */
#ifndef GALLERY_AREA_H
#define GALLERY_AREA_H

#include "sample.h"

#include <stdbool.h>

typedef struct gallery_area_setup {
    double spacing_m;
    double buffer_m; /* also what lies within so many metres of the polygon; 0: nothing more */
    bool hex;
    /* The polygon was drawn in a plane, where the antimeridian and the poles are nothing special,
     * and its vertices have gone through gallery_area_unwrap. If not, an edge from 179 to -179
     * goes the long way, as in GeoJSON. */
    bool projected;
} gallery_area_setup;

/* Joins the vertices of each ring the short way around the Earth, so that longitudes go on beyond
 * 180. A ring that goes around the whole Earth encloses the pole of its hemisphere. NULL, or why
 * the rings remain ambiguous. */
const char *gallery_area_unwrap(double *xy, const size_t *ends, size_t rings);

/* The points of the grid that lie inside a polygon, row by row from the south. ends[i] is where
 * ring i ends in xy; the order and direction of the rings do not matter (even-odd rule). Edges are
 * straight in longitude and latitude. Points are canonical already; the azimuth is 0.
 *
 * The grid hangs on the Earth, not on the polygon, and has one point for spacing_m squared. Rows
 * lie spacing_m apart along the meridian, counted from the equator. A row's points divide its
 * parallel evenly, as nearly spacing_m apart as makes their number a multiple of the zones': the
 * Earth is cut by meridians into 256 zones, or into 128, 64 and so on where a zone would have less
 * than 256 points. So a step is within 0.2 % of spacing_m; and rows, which all have a point at the
 * western end of each zone, shift against each other by little, so that a patch of the grid is
 * square. In a hexagonal grid every other row is shifted by half a step, and a point has six
 * neighbours at 1.0746 times spacing_m.
 *
 * A point on an edge belongs to the polygon in the east or in the north, so that polygons that meet
 * share none.
 *
 * The buffer is the union of geodesic circles around all points of the boundary, as right as
 * Gauss's mid-latitude formula: 0.01 % of buffer_m up to 100 km, 0.1 % up to 1000 km. */
int gallery_sample_area(gallery_context *ctx, const double *xy, const size_t *ends, size_t rings,
                        const gallery_area_setup *setup, gallery_sample_fn take, void *user);

#endif
