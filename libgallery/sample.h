/* sample.h - inside libgallery: lines and polygons to points that lie a given distance apart.
 *
 * Coordinates are WGS84 in degrees. A vertex list is `xy`: double [n][2], lon then lat, finite,
 * latitudes in [-90, 90]; lines and rings come without equal neighbours (gallery_sample_compact).
 */
#ifndef GALLERY_SAMPLE_H
#define GALLERY_SAMPLE_H

#include "gallery.h"

#include <stdbool.h>

/* Takes one point; a status other than GALLERY_OK stops the sampling, which returns it. */
typedef int (*gallery_sample_fn)(void *user, double lon_deg, double lat_deg, double azimuth_deg);

/* Drops vertices equal to the one before; returns how many are left. */
size_t gallery_sample_compact(double *xy, size_t n);

/* Points every spacing_m along the geodesics that join the n vertices, counted from the first over
 * all of them, and the last vertex. The azimuth is the line's at the point, degrees from north; it
 * and the longitude may be a turn off what is usual. Less than two vertices make no point.
 * *length_m, which may be NULL, is increased by the line's length, once it is walked. */
int gallery_sample_line(const double *xy, size_t n, double spacing_m, gallery_sample_fn take,
                        void *user, double *length_m);

/* Joins the vertices of each ring the short way around the Earth, so that longitudes go on beyond
 * 180. A ring that goes around the whole Earth encloses the pole of its hemisphere. NULL, or why
 * the rings remain ambiguous. */
const char *gallery_sample_unwrap(double *xy, const size_t *ends, size_t rings);

/* The points of the global grid that lie inside a polygon, row by row from the south. ends[i] is
 * where ring i ends in xy; the order and direction of the rings do not matter (even-odd rule).
 * Edges are straight in longitude and latitude. Points are canonical already; the azimuth is 0.
 *
 * The grid hangs on the Earth, not on the polygon: its rows are spacing_m apart along the meridian,
 * counted from the equator; the points of a row are spacing_m apart along its parallel, counted
 * from Greenwich. A point on an edge belongs to the polygon in the east or in the north, so that
 * polygons that meet share none.
 *
 * projected: the polygon was drawn in a plane, where the antimeridian and the poles are nothing
 * special, and its vertices have gone through gallery_sample_unwrap. If not, an edge from 179 to
 * -179 goes the long way, as in GeoJSON. */
int gallery_sample_area(gallery_context *ctx, const double *xy, const size_t *ends, size_t rings,
                        bool projected, double spacing_m, gallery_sample_fn take, void *user);

#endif
