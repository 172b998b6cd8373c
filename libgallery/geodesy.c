#include "geodesy.h"
#include "curve.h"

#include <geodesic.h>
#include <math.h>

/* Steps of 1e-7 degrees. A whole number divided by UNITS is the double nearest to that decimal, so
 * a coordinate that is written with 7 decimals and read again is the same double. */
#define UNITS 1e7
#define HALF_TURN INT64_C(1800000000)
#define QUARTER_TURN INT64_C(900000000)

static int64_t to_units(double deg) {
    double v = deg * UNITS;
    return (int64_t)(v < 0 ? v - 0.5 : v + 0.5);
}

/* The canonical form in units. */
static bool canonical_units(double lon_deg, double lat_deg, int64_t *lon, int64_t *lat) {
    if (!(fabs(lat_deg) <= 90 && fabs(lon_deg) <= 360)) return false; /* NaN too */
    *lon = to_units(lon_deg);
    *lat = to_units(lat_deg);
    if (*lon < -HALF_TURN) *lon += 2 * HALF_TURN;
    if (*lon >= HALF_TURN) *lon -= 2 * HALF_TURN;
    if (*lat == QUARTER_TURN || *lat == -QUARTER_TURN) *lon = 0;
    return true;
}

static uint64_t id_of_units(int64_t lon, int64_t lat) {
    return gallery_curve_encode((uint32_t)(lon + HALF_TURN), (uint32_t)(lat + QUARTER_TURN));
}

bool gallery_canonical(double *lon_deg, double *lat_deg) {
    int64_t lon, lat;
    if (!canonical_units(*lon_deg, *lat_deg, &lon, &lat)) return false;
    *lon_deg = (double)lon / UNITS;
    *lat_deg = (double)lat / UNITS;
    return true;
}

uint64_t gallery_point_id(double lon_deg, double lat_deg) {
    return id_of_units(to_units(lon_deg), to_units(lat_deg));
}

bool gallery_point_locate(double lon_deg, double lat_deg, uint64_t *id) {
    int64_t lon, lat;
    if (!canonical_units(lon_deg, lat_deg, &lon, &lat)) return false;
    *id = id_of_units(lon, lat);
    return true;
}

bool gallery_point_from_id(uint64_t id, double *lon_deg, double *lat_deg) {
    uint32_t x, y;
    gallery_curve_decode(id, &x, &y);
    int64_t lon = (int64_t)x - HALF_TURN, lat = (int64_t)y - QUARTER_TURN;
    if (lon >= HALF_TURN || lat > QUARTER_TURN) return false;
    if ((lat == QUARTER_TURN || lat == -QUARTER_TURN) && lon != 0) return false;
    *lon_deg = (double)lon / UNITS;
    *lat_deg = (double)lat / UNITS;
    return true;
}

void gallery_id_format(uint64_t id, char text[17]) {
    for (int i = 15; i >= 0; i--, id >>= 4) text[i] = "0123456789abcdef"[id & 15];
    text[16] = '\0';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool gallery_id_parse(const char *text, uint64_t *id) {
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        int digit = hex_digit(text[i]); /* -1 at the text's end */
        if (digit < 0) return false;
        value = value << 4 | (uint64_t)digit;
    }
    if (text[16]) return false;
    *id = value;
    return true;
}

/* [-180, 180] to [0, 360); -1e-20 + 360 rounds to 360, which is north. */
static double full_turn(double azimuth_deg) {
    double turn = azimuth_deg < 0 ? azimuth_deg + 360 : azimuth_deg + 0.0;
    return turn < 360 ? turn : 0;
}

double gallery_distance_m(double lon1_deg, double lat1_deg, double lon2_deg, double lat2_deg,
                          double *azimuth_deg) {
    struct geod_geodesic earth;
    double distance_m, azimuth;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    geod_inverse(&earth, lat1_deg, lon1_deg, lat2_deg, lon2_deg, &distance_m, &azimuth, NULL);
    if (azimuth_deg) *azimuth_deg = full_turn(azimuth);
    return distance_m;
}

void gallery_point_between(const double a[2], const double b[2], double share, double point[2]) {
    struct geod_geodesic earth;
    double distance_m, azimuth;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    geod_inverse(&earth, a[1], a[0], b[1], b[0], &distance_m, &azimuth, NULL);
    geod_direct(&earth, a[1], a[0], azimuth, share * distance_m, &point[1], &point[0], NULL);
    gallery_canonical(&point[0], &point[1]);
}
