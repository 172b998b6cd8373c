/* geodesy.h - coordinates and distances on the WGS84 ellipsoid (PROJ's geodesic routines). */
#ifndef GALLERY_GEODESY_H
#define GALLERY_GEODESY_H

#include "gallery.h"

#include <stdbool.h>

/* The WGS84 ellipsoid. */
#define GALLERY_WGS84_AXIS_M 6378137.0
#define GALLERY_WGS84_FLATTENING (1 / 298.257223563)

/* Mean Earth radius of the metrics' haversine, km (IUGG R1). */
#define GALLERY_EARTH_RADIUS_KM 6371.0088

/* Brings a coordinate to canonical form: longitude in [-180, 180), at a pole 0, both rounded to the
 * grid of 1e-7 degrees. false, and nothing changed, if it is not finite, a latitude lies outside
 * [-90, 90] or a longitude outside [-360, 360]. */
bool gallery_canonical(double *lon_deg, double *lat_deg);

/* The stable id of a canonical coordinate: its place on a Hilbert curve over the grid of 1e-7
 * degrees, so that sorting by id sorts by neighbourhood. One to one. */
uint64_t gallery_point_id(double lon_deg, double lat_deg);

/* Both at once: the id of the canonical form of a coordinate. */
bool gallery_point_locate(double lon_deg, double lat_deg, uint64_t *id);

/* The inverse of gallery_point_id; false for a number that is no point's id. */
bool gallery_point_from_id(uint64_t id, double *lon_deg, double *lat_deg);

/* Ids in records are 16 hexadecimal digits (a JSON number would lose bits). */
void gallery_id_format(uint64_t id, char text[17]);
bool gallery_id_parse(const char *text, uint64_t *id);

/* Length of the geodesic between two points, m; azimuth at the first, degrees from north in
 * [0, 360). azimuth_deg may be NULL. */
double gallery_distance_m(double lon1_deg, double lat1_deg, double lon2_deg, double lat2_deg,
                          double *azimuth_deg);

/* The point that lies `share` (0 to 1) of the way along the geodesic from a to b, lon and lat;
 * canonical. */
void gallery_point_between(const double a[2], const double b[2], double share, double point[2]);

#endif
