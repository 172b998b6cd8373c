#include "noise.h"

#include <math.h>

#define METRES_PER_DEGREE 111195.0802335329 /* of a great circle, R = 6371.0088 km */
#define RADIANS (3.14159265358979323846 / 180)

static double degrees(struct noise_length length, bool east, double lat_deg) {
    if (!length.metres) return length.value;
    double lat = length.value / METRES_PER_DEGREE;
    /* Beside a pole a metre is any number of degrees. */
    return east ? lat / fmax(cos(lat_deg * RADIANS), 1e-3) : lat;
}

static void canonical(double p[2]) {
    p[1] = fmin(fmax(p[1], -90), 90);
    p[0] = fmod(p[0] + 180, 360);
    if (p[0] < 0) p[0] += 360;
    p[0] -= 180;
}

static void move(const struct noise *noise, struct random_stream *r, const double shift[2],
                 const double from[2], double to[2]) {
    for (int axis = 0; axis < 2; axis++) {
        double least = degrees(noise->jitter_least, axis == 0, from[1]);
        double most = degrees(noise->jitter_most, axis == 0, from[1]);
        double size = random_range(r, least, most);
        bool back = random_bits(r) >> 63;
        to[axis] = from[axis] + (back ? -size : size) + shift[axis];
    }
    canonical(to);
}

void noise_apply(const struct noise *noise, struct random_stream *r, const double *lonlat, size_t n,
                 double *noisy) {
    if (!n) return;
    if (random_unit(r) < noise->collapse) {
        const double *one = lonlat + 2 * random_below(r, n);
        for (size_t i = 0; i < n; i++) {
            noisy[2 * i] = one[0];
            noisy[2 * i + 1] = one[1];
        }
        return;
    }
    double shift[2];
    for (int axis = 0; axis < 2; axis++)
        shift[axis] = random_range(r, -1, 1) * degrees(noise->shift, axis == 0, lonlat[1]);
    for (size_t i = 0; i < n; i++) move(noise, r, shift, lonlat + 2 * i, noisy + 2 * i);
}
