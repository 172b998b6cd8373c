/* metrics.h - how far a predicted track lies from the truth: the measures of VidTAG (section 4.3
 * and supplement E).
 *
 * Positions are lon, lat in degrees on a sphere of radius GALLERY_EARTH_RADIUS_KM, results are km.
 * Tracks are double [n][2], of at least one position. No function allocates or fails, but where it
 * says so.
 */
#ifndef GALLERY_METRICS_H
#define GALLERY_METRICS_H

#include "gallery.h"

/* Length of the great circle between two positions, by the haversine formula. */
double gallery_haversine_km(const double a[2], const double b[2]);

/* The prediction that lies nearest to the predictions' centroid (the mean of lon and of lat; of
 * several the first), and how far it is from the centroid of the truth. Longitudes are taken at the
 * turn that is nearest to the truth's first, so that a track may cross the antimeridian. */
double gallery_video_error_km(const double *predicted, const double *truth, size_t n);

/* Discrete Frechet distance: the least longest leash of two walkers who step forward along the
 * tracks. Time is n * m, memory one row: tracks of more than GALLERY_FRECHET_MAX positions are for
 * the caller to refuse. GALLERY_ENOMEM. */
#define GALLERY_FRECHET_MAX 65536
int gallery_frechet_km(gallery_context *ctx, const double *predicted, size_t n, const double *truth,
                       size_t m, double *km);

/* Mean range difference: by how much the extents of the tracks differ, north-south (110.574 km per
 * degree) and east-west (111.320 km per degree times the cosine of the truth's mean latitude), the
 * mean of both. Longitudes as in gallery_video_error_km. */
double gallery_range_difference_km(const double *predicted, const double *truth, size_t n);

#endif
