/* sample.h - inside libgallery: lines to points that lie a given distance apart.
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

#endif
