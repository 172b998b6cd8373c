/* Points along lines. Roads have vertices every few metres, and points may be closer than that, so
 * what PROJ's geodesics cost (a microsecond a point) would be most of the work. A piece of up to a
 * kilometre is solved by Gauss's mid-latitude formulas, and its points lie on a cubic between its
 * ends, with the geodesic's directions there. Both stay within a few micrometres of the geodesic
 * (tests/unit/gallery_sample.c compares them); whatever is longer or close to a pole is PROJ's. */
#include "sample.h"
#include "geodesy.h"

#include <geodesic.h>
#include <math.h>

#define RAD_PER_DEG 0.017453292519943295769
#define E2 (GALLERY_WGS84_FLATTENING * (2 - GALLERY_WGS84_FLATTENING))

/* A point that falls so close before the end of a line is the end. */
#define END_TOLERANCE_M 1e-3

/* Where the formulas for pieces hold: the terms left out are s^3/R^2 times the flattening and, for
 * the cubic, s^4/r^3 with the parallel's radius r. */
#define PIECE_M 1000.0
#define PIECE_RAD 1.6e-4 /* of latitude, or along the parallel: 1 km */
#define PIECE_LATITUDE 85.0
/* From this spacing on, a piece would hold so few points that PROJ may as well make them. */
#define PIECE_SPACING_M 250.0

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

struct vertex {
    double lon, lat;     /* degrees */
    double sine, cosine; /* of the latitude */
    double meridian_m;   /* radius of curvature */
    double parallel_m;   /* radius of the parallel */
};

struct piece { /* of a geodesic: coordinates are cubics of the share of the length */
    double lon[4], lat[4];
    double azimuth, turn; /* at the start, and by how much it changes; degrees */
    double length_m;
};

struct walk { /* along one line */
    double spacing_m;
    double behind_m;          /* length of what was walked */
    unsigned long long count; /* of points: the next lies at count * spacing_m */
    double next_m;
    double azimuth; /* at the end of the last segment */
    gallery_sample_fn take;
    void *user;
};

static struct vertex vertex_at(double lon, double lat) {
    struct vertex v = {.lon = lon, .lat = lat};
    sincos(lat * RAD_PER_DEG, &v.sine, &v.cosine);
    double w2 = 1 - E2 * v.sine * v.sine, normal_m = GALLERY_WGS84_AXIS_M / sqrt(w2);
    v.meridian_m = normal_m * (1 - E2) / w2;
    v.parallel_m = normal_m * v.cosine;
    return v;
}

/* The cubic from a to b with slopes da and db. */
static void set_cubic(double c[4], double a, double b, double da, double db) {
    c[0] = a;
    c[1] = da;
    c[2] = 3 * (b - a) - 2 * da - db;
    c[3] = da + db - 2 * (b - a);
}

static double cubic(const double c[4], double t) {
    return c[0] + t * (c[1] + t * (c[2] + t * c[3]));
}

/* sine, cosine: of the azimuths at the ends. lon2: b's longitude, less than half a turn from a's.
 */
static void set_piece(struct piece *p, const struct vertex *a, const struct vertex *b, double lon2,
                      const double sine[2], const double cosine[2]) {
    double s = p->length_m / RAD_PER_DEG;
    set_cubic(p->lat, a->lat, b->lat, s * cosine[0] / a->meridian_m, s * cosine[1] / b->meridian_m);
    set_cubic(p->lon, a->lon, lon2, s * sine[0] / a->parallel_m, s * sine[1] / b->parallel_m);
}

/* Gauss's mid-latitude formulas for the geodesic from a to b; false if it is not short. Sines and
 * tangents of the small angles are their series. */
static bool solve_piece(const struct vertex *a, const struct vertex *b, struct piece *p) {
    double lon = b->lon - a->lon;
    if (lon > 180) lon -= 360;
    if (lon < -180) lon += 360;
    double up = (b->lat - a->lat) * RAD_PER_DEG, across = lon * RAD_PER_DEG;
    if (fabs(up) > PIECE_RAD || fabs(across) * a->cosine > PIECE_RAD ||
        fabs(a->lat) > PIECE_LATITUDE || fabs(b->lat) > PIECE_LATITUDE)
        return false;
    double up2 = up * up, across2 = across * across;
    double sine = a->sine * (1 - up2 / 8) + a->cosine * (up / 2 - up2 * up / 48);
    double cosine = a->cosine * (1 - up2 / 8) - a->sine * (up / 2 - up2 * up / 48);
    double w2 = 1 - E2 * sine * sine, normal_m = GALLERY_WGS84_AXIS_M / sqrt(w2);
    double meridian_m = normal_m * (1 - E2) / w2;
    double north_m = meridian_m * up * (1 - up2 / 24) * (1 - across2 / 8);
    double east_m = normal_m * cosine * across * (1 - across2 / 24);
    double chord2 = north_m * north_m + east_m * east_m, chord_m = sqrt(chord2);
    if (!(chord2 > 0)) return false; /* closer than the square of a double can say */
    double turn = sine * across * (1 + across2 / 12 + up2 / 8) / 2; /* of half the way */
    double turn_sine = turn - turn * turn * turn / 6, turn_cosine = 1 - turn * turn / 2;
    double s = east_m / chord_m, c = north_m / chord_m; /* half way */
    const double sines[] = {s * turn_cosine - c * turn_sine, s * turn_cosine + c * turn_sine};
    const double cosines[] = {c * turn_cosine + s * turn_sine, c * turn_cosine - s * turn_sine};
    p->length_m = chord_m * (1 + chord2 / (24 * meridian_m * normal_m));
    p->azimuth = (atan2(east_m, north_m) - turn) / RAD_PER_DEG;
    p->turn = 2 * turn / RAD_PER_DEG;
    set_piece(p, a, b, a->lon + lon, sines, cosines);
    return true;
}

/* The points of a piece that come before end_m, counted along the line. */
static int walk_piece(struct walk *w, const struct piece *p, double end_m) {
    while (w->next_m < end_m) {
        double t = (w->next_m - w->behind_m) / p->length_m;
        int status = w->take(w->user, cubic(p->lon, t), cubic(p->lat, t), p->azimuth + t * p->turn);
        if (status != GALLERY_OK) return status;
        w->next_m = (double)++w->count * w->spacing_m;
    }
    return GALLERY_OK;
}

/* The piece of a geodesic that begins from_m after its start; false if it is close to a pole. */
static bool cut_piece(const struct geod_geodesicline *line, double from_m, struct piece *p) {
    double lon[2], lat[2], azimuth[2], sine[2], cosine[2];
    for (int i = 0; i < 2; i++) {
        geod_position(line, from_m + i * p->length_m, &lat[i], &lon[i], &azimuth[i]);
        sincos(azimuth[i] * RAD_PER_DEG, &sine[i], &cosine[i]);
    }
    if (fabs(lat[0]) > PIECE_LATITUDE || fabs(lat[1]) > PIECE_LATITUDE) return false;
    struct vertex a = vertex_at(lon[0], lat[0]), b = vertex_at(lon[1], lat[1]);
    p->azimuth = azimuth[0];
    p->turn = remainder(azimuth[1] - azimuth[0], 360);
    set_piece(p, &a, &b, lon[0] + remainder(lon[1] - lon[0], 360), sine, cosine);
    return true;
}

/* The points of a segment that come before end_m, by PROJ, or in pieces of a kilometre. */
static int walk_geodesic(struct walk *w, const struct geod_geodesicline *line, double length_m,
                         double end_m) {
    double begin_m = w->behind_m, lon, lat, azimuth;
    while (w->next_m < end_m) {
        int status;
        double from_m = w->next_m - begin_m;
        struct piece p = {.length_m = fmin(PIECE_M, length_m - from_m)};
        bool worth_it = w->spacing_m < PIECE_SPACING_M && p.length_m > w->spacing_m;
        if (worth_it && cut_piece(line, from_m, &p)) {
            w->behind_m = w->next_m;
            status = walk_piece(w, &p, fmin(end_m, w->behind_m + p.length_m));
            w->behind_m = begin_m;
        } else {
            geod_position(line, from_m, &lat, &lon, &azimuth);
            status = w->take(w->user, lon, lat, azimuth);
            w->next_m = (double)++w->count * w->spacing_m;
        }
        if (status != GALLERY_OK) return status;
    }
    return GALLERY_OK;
}

static int walk_long(struct walk *w, const struct vertex *a, const struct vertex *b,
                     double tolerance_m) {
    struct geod_geodesic earth;
    double length, azimuth;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    geod_inverse(&earth, a->lat, a->lon, b->lat, b->lon, &length, &azimuth, &w->azimuth);
    if (w->next_m < w->behind_m + length - tolerance_m) {
        struct geod_geodesicline line;
        geod_lineinit(&line, &earth, a->lat, a->lon, azimuth,
                      GEOD_DISTANCE_IN | GEOD_LATITUDE | GEOD_LONGITUDE | GEOD_AZIMUTH);
        int status = walk_geodesic(w, &line, length, w->behind_m + length - tolerance_m);
        if (status != GALLERY_OK) return status;
    }
    w->behind_m += length;
    return GALLERY_OK;
}

static int walk_segment(struct walk *w, const struct vertex *a, const struct vertex *b,
                        double tolerance_m) {
    struct piece p;
    if (!solve_piece(a, b, &p)) return walk_long(w, a, b, tolerance_m);
    int status = walk_piece(w, &p, w->behind_m + p.length_m - tolerance_m);
    w->behind_m += p.length_m;
    w->azimuth = p.azimuth + p.turn;
    return status;
}

/* Longitudes within half a turn, so that no point is more than a turn away. */
static struct vertex vertex_of(const double xy[2]) {
    return vertex_at(fabs(xy[0]) > 180 ? remainder(xy[0], 360) : xy[0], xy[1]);
}

int gallery_sample_line(const double *xy, size_t n, double spacing_m, gallery_sample_fn take,
                        void *user, double *length_m) {
    if (n < 2) return GALLERY_OK;
    struct walk w = {.spacing_m = spacing_m, .take = take, .user = user};
    struct vertex ends[2] = {[0] = vertex_of(xy)};
    for (size_t i = 1; i < n; i++) {
        ends[i % 2] = vertex_of(xy + 2 * i);
        int status =
            walk_segment(&w, &ends[(i - 1) % 2], &ends[i % 2], i == n - 1 ? END_TOLERANCE_M : 0);
        if (status != GALLERY_OK) return status;
    }
    if (length_m) *length_m += w.behind_m;
    return take(user, xy[2 * n - 2], xy[2 * n - 1], w.azimuth);
}
