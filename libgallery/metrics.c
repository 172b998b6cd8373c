#include "metrics.h"
#include "context.h"
#include "geodesy.h"

#include <math.h>
#include <stdlib.h>

#define RADIANS (M_PI / 180)
/* Supplement E's lengths of a degree. */
#define KM_PER_LAT_DEG 110.574
#define KM_PER_LON_DEG 111.320

double gallery_haversine_km(const double a[2], const double b[2]) {
    double lat1 = a[1] * RADIANS, lat2 = b[1] * RADIANS;
    double north = sin((lat2 - lat1) / 2), east = sin((b[0] - a[0]) * RADIANS / 2);
    double h = north * north + cos(lat1) * cos(lat2) * east * east;
    return 2 * GALLERY_EARTH_RADIUS_KM * asin(sqrt(fmin(h, 1)));
}

/* The turn of lon_deg that is nearest to near_deg; unchanged where that is the one it is on. */
static double unwrap(double lon_deg, double near_deg) {
    if (lon_deg - near_deg > 180) return lon_deg - 360;
    if (lon_deg - near_deg < -180) return lon_deg + 360;
    return lon_deg;
}

static void centroid(const double *track, size_t n, double near_deg, double out[2]) {
    out[0] = out[1] = 0;
    for (size_t i = 0; i < n; i++) {
        out[0] += unwrap(track[2 * i], near_deg);
        out[1] += track[2 * i + 1];
    }
    out[0] /= (double)n;
    out[1] /= (double)n;
}

double gallery_video_error_km(const double *predicted, const double *truth, size_t n) {
    double middle[2], least = INFINITY;
    size_t nearest = 0;
    centroid(predicted, n, truth[0], middle);
    for (size_t i = 0; i < n; i++) {
        double km = gallery_haversine_km(predicted + 2 * i, middle);
        if (km < least) {
            least = km;
            nearest = i;
        }
    }
    centroid(truth, n, truth[0], middle);
    return gallery_haversine_km(predicted + 2 * nearest, middle);
}

/* ------------------------------------------------------------------- Frechet */

struct vec {
    double x, y, z;
};

static struct vec *unit_vectors(const double *track, size_t n) {
    struct vec *v = malloc(n * sizeof *v);
    for (size_t i = 0; v && i < n; i++) {
        double lon = track[2 * i] * RADIANS, lat = track[2 * i + 1] * RADIANS;
        v[i] = (struct vec){cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)};
    }
    return v;
}

/* The square of the chord grows with the great circle, so least and largest are the same, without a
 * sine per pair. Of neighbours 1 m apart its rounding is 1e-9 m. */
static double chord2(const struct vec *a, const struct vec *b) {
    double x = a->x - b->x, y = a->y - b->y, z = a->z - b->z;
    return x * x + y * y + z * z;
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double smaller(double a, double b) {
    return a < b ? a : b;
}

/* row[j]: the leash that brings both walkers to (p, truth[j]). */
static void frechet_row(const struct vec *p, const struct vec *truth, size_t m, double *row) {
    double diagonal = row[0], left;
    left = row[0] = larger(row[0], chord2(p, truth));
    for (size_t j = 1; j < m; j++) {
        double reach = smaller(smaller(row[j], diagonal), left);
        diagonal = row[j];
        left = row[j] = larger(reach, chord2(p, truth + j));
    }
}

int gallery_frechet_km(gallery_context *ctx, const double *predicted, size_t n, const double *truth,
                       size_t m, double *km) {
    struct vec *p = unit_vectors(predicted, n), *t = unit_vectors(truth, m);
    double *row = malloc(m * sizeof *row);
    int status = p && t && row ? GALLERY_OK
                               : gallery_fail_memory(ctx, (n + m) * sizeof *p + m * sizeof *row);
    if (status == GALLERY_OK) {
        row[0] = chord2(p, t);
        for (size_t j = 1; j < m; j++) row[j] = larger(row[j - 1], chord2(p, t + j));
        for (size_t i = 1; i < n; i++) frechet_row(p + i, t, m, row);
        *km = 2 * GALLERY_EARTH_RADIUS_KM * asin(smaller(sqrt(row[m - 1]) / 2, 1));
    }
    free(row);
    free(t);
    free(p);
    return status;
}

/* --------------------------------------------------------------------- range */

static void extent(const double *track, size_t n, double near_deg, double *lon, double *lat) {
    double west = INFINITY, east = -INFINITY, south = INFINITY, north = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double x = unwrap(track[2 * i], near_deg), y = track[2 * i + 1];
        west = fmin(west, x);
        east = fmax(east, x);
        south = fmin(south, y);
        north = fmax(north, y);
    }
    *lon = east - west;
    *lat = north - south;
}

double gallery_range_difference_km(const double *predicted, const double *truth, size_t n) {
    double p_lon, p_lat, t_lon, t_lat, middle[2];
    extent(predicted, n, truth[0], &p_lon, &p_lat);
    extent(truth, n, truth[0], &t_lon, &t_lat);
    centroid(truth, n, truth[0], middle);
    return (fabs(p_lat - t_lat) * KM_PER_LAT_DEG +
            fabs(p_lon - t_lon) * KM_PER_LON_DEG * cos(middle[1] * RADIANS)) /
           2;
}
