#include "sample.h"
#include "geodesy.h"

#include <geodesic.h>

/* A point that falls so close before the end of a line is the end. */
#define END_TOLERANCE_M 1e-3

size_t gallery_sample_compact(double *xy, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && xy[2 * i] == xy[2 * kept - 2] && xy[2 * i + 1] == xy[2 * kept - 1]) continue;
        xy[2 * kept] = xy[2 * i];
        xy[2 * kept + 1] = xy[2 * i + 1];
        kept++;
    }
    return kept;
}

struct walk { /* along one line */
    struct geod_geodesic earth;
    double spacing_m;
    double behind_m;          /* length of the segments walked */
    unsigned long long count; /* of points: the next lies at count * spacing_m */
    double azimuth;           /* at the end of the last segment */
    gallery_sample_fn take;
    void *user;
};

/* The points of one segment. The geodesic is only set up if there are any: most segments of a road
 * are shorter than the spacing. */
static int walk_segment(struct walk *w, const double from[2], const double to[2], bool last) {
    double length, azimuth;
    geod_inverse(&w->earth, from[1], from[0], to[1], to[0], &length, &azimuth, &w->azimuth);
    double end = w->behind_m + length - (last ? END_TOLERANCE_M : 0);
    double next = (double)w->count * w->spacing_m;
    if (next < end) {
        struct geod_geodesicline line;
        geod_lineinit(&line, &w->earth, from[1], from[0], azimuth,
                      GEOD_DISTANCE_IN | GEOD_LATITUDE | GEOD_LONGITUDE | GEOD_AZIMUTH);
        do {
            double lon, lat, heading;
            geod_position(&line, next - w->behind_m, &lat, &lon, &heading);
            int status = w->take(w->user, lon, lat, heading);
            if (status != GALLERY_OK) return status;
            next = (double)++w->count * w->spacing_m;
        } while (next < end);
    }
    w->behind_m += length;
    return GALLERY_OK;
}

int gallery_sample_line(const double *xy, size_t n, double spacing_m, gallery_sample_fn take,
                        void *user) {
    if (n < 2) return GALLERY_OK;
    struct walk w = {.spacing_m = spacing_m, .take = take, .user = user};
    geod_init(&w.earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    for (size_t i = 1; i < n; i++) {
        int status = walk_segment(&w, xy + 2 * (i - 1), xy + 2 * i, i == n - 1);
        if (status != GALLERY_OK) return status;
    }
    return take(user, xy[2 * n - 2], xy[2 * n - 1], w.azimuth);
}
