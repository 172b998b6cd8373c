/* The points of a global grid inside a polygon: a sweep over the grid's rows from south to north
 * that keeps the edges which the row crosses, or comes near to. A row costs what its crossings and
 * its points cost, whatever the polygon's size. */
#include "area.h"
#include "context.h"
#include "geodesy.h"
#include "outline.h"

#include <geodesic.h>
#include <math.h>
#include <stdlib.h>

#define DEG_PER_RAD 57.295779513082320877
#define E2 (GALLERY_WGS84_FLATTENING * (2 - GALLERY_WGS84_FLATTENING))
/* A degree of the meridian is not shorter anywhere. */
#define LEAST_M_PER_DEG 110500.0

#define ZONE_POINTS 256 /* a zone has at least so many, so that steps are within 0.5 / 256 */
#define MOST_ZONES 256.0

/* Edges that rise less are level. */
#define LEVEL_DEG 1e-9
/* From this part of the parallel's radius on, a buffer is too wide to be flat. */
#define FLAT 0.01
#define NARROWINGS 50 /* of the search for the farthest point: 0.618^50 of an edge */

struct interval {
    double west, east;
};

struct row {
    double lat;
    double count;                          /* of points around the Earth */
    double shift;                          /* in steps */
    double metres_per_deg, east_m_per_deg; /* along the meridian and the parallel */
};

struct sweep {
    gallery_outline outline; /* edges by their south end */
    gallery_edge *open;      /* those that the row crosses */
    gallery_edge *near;      /* those that lie within the buffer of the row */
    struct interval *intervals;
    size_t next, open_count, next_near, near_count;
    double row_m, step_m, buffer_m, reach_deg;
    bool hex;
    gallery_sample_fn take;
    void *user;
};

static int by_south(const void *a, const void *b) {
    double x = ((const gallery_edge *)a)->south, y = ((const gallery_edge *)b)->south;
    return (x > y) - (x < y);
}

static int by_west(const void *a, const void *b) {
    double x = ((const struct interval *)a)->west, y = ((const struct interval *)b)->west;
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* -------------------------------------------------------------- inside a row */

/* From edge to edge, west to east. Rows meet an edge from its south end on, but not at its north
 * end, and so never a level one. */
static size_t cross(struct sweep *s, double lat) {
    const gallery_outline *o = &s->outline;
    size_t kept = 0;
    for (size_t i = 0; i < s->open_count; i++)
        if (s->open[i].north > lat) s->open[kept++] = s->open[i];
    for (; s->next < o->count && o->edges[s->next].south <= lat; s->next++)
        if (o->edges[s->next].north > lat) s->open[kept++] = o->edges[s->next];
    s->open_count = kept;
    double *crossings = (double *)s->intervals; /* two make an interval */
    for (size_t i = 0; i < kept; i++) crossings[i] = gallery_edge_cross(&s->open[i], lat);
    qsort(crossings, kept, sizeof *crossings, by_value);
    return kept / 2;
}

/* -------------------------------------------------------------------- buffer */

/* Half of what the row has of the circle round a point at another latitude, in degrees: from the
 * chords, with the radii of curvature half way, so that it is right at a pole, too. */
static double half_chord(const struct sweep *s, const struct row *row, double lat) {
    double sine = sin((lat + row->lat) / 2 / DEG_PER_RAD), w = 1 - E2 * sine * sine;
    double across_m = GALLERY_WGS84_AXIS_M / sqrt(w), along_m = across_m * (1 - E2) / w;
    double up = along_m * sin((lat - row->lat) / 2 / DEG_PER_RAD);
    double chord = along_m * sin(fmin(s->buffer_m / along_m, 3) / 2);
    double left = (chord - up) * (chord + up);
    if (left <= 0) return 0;
    double cosines = cos(lat / DEG_PER_RAD) * cos(row->lat / DEG_PER_RAD);
    double sine2 = left / fmax(across_m * across_m * cosines, 1e-9);
    return sine2 >= 1 ? 180 : 2 * asin(sqrt(sine2)) * DEG_PER_RAD;
}

struct side { /* of an edge, of which the part from `low` to `high` is near the row */
    const struct sweep *sweep;
    const struct row *row;
    const gallery_edge *edge;
    double low, high, slope;
    double way; /* 1: to the east, -1: to the west */
};

/* How far the circle round the edge's point at this latitude reaches. */
static double reach_at(const struct side *side, double lat) {
    double lon = side->edge->lon + (lat - side->edge->south) * side->slope;
    return side->way * lon + half_chord(side->sweep, side->row, lat);
}

static double narrow(const struct side *side) {
    const double ratio = (sqrt(5) - 1) / 2;
    double low = side->low, high = side->high;
    double a = high - ratio * (high - low), b = low + ratio * (high - low);
    double at_a = reach_at(side, a), at_b = reach_at(side, b);
    for (int i = 0; i < NARROWINGS; i++) {
        if (at_a > at_b) {
            high = b, b = a, at_b = at_a;
            a = high - ratio * (high - low);
            at_a = reach_at(side, a);
        } else {
            low = a, a = b, at_a = at_b;
            b = low + ratio * (high - low);
            at_b = reach_at(side, b);
        }
    }
    return fmax(at_a, at_b);
}

/* The farthest that a circle round a point of the edge reaches. On a plane that is the one whose
 * radius is square to the edge; what the Earth adds moves it by little, and the reach, which is
 * stationary there, by the square of that. */
static double reach_of(const struct side *side) {
    const struct row *row = side->row;
    double most = fmax(reach_at(side, side->low), reach_at(side, side->high));
    if (side->sweep->buffer_m > FLAT * row->east_m_per_deg * DEG_PER_RAD)
        return fmax(most, narrow(side));
    double slope = side->slope * row->east_m_per_deg / row->metres_per_deg;
    double up_m = side->way * side->sweep->buffer_m * slope / sqrt(1 + slope * slope);
    double lat = row->lat + up_m / row->metres_per_deg;
    return lat > side->low && lat < side->high ? fmax(most, reach_at(side, lat)) : most;
}

/* What of the row lies within the buffer of one edge. */
static bool reach_of_edge(const struct sweep *s, const struct row *row, const gallery_edge *e,
                          struct interval *interval) {
    double reach = s->buffer_m / row->metres_per_deg, rise = e->north - e->south;
    struct side side = {.sweep = s, .row = row, .edge = e};
    side.low = fmax(e->south, row->lat - reach);
    side.high = fmin(e->north, row->lat + reach);
    if (side.low > side.high) return false;
    if (rise < LEVEL_DEG) {
        double half = half_chord(s, row, e->south), end = e->lon + e->lon_span;
        *interval = (struct interval){fmin(e->lon, end) - half, fmax(e->lon, end) + half};
        return true;
    }
    side.slope = e->lon_span / rise;
    side.way = 1;
    interval->east = reach_of(&side);
    side.way = -1;
    interval->west = -reach_of(&side);
    return true;
}

/* Adds an interval that may go beyond the antimeridian; n: how many there are. */
static size_t add_wrapped(struct interval *intervals, size_t n, struct interval more) {
    if (more.east - more.west >= 360) more = (struct interval){-180, 180};
    if (more.west < -180) {
        intervals[n++] = (struct interval){more.west + 360, 180};
        more.west = -180;
    }
    if (more.east > 180) {
        intervals[n++] = (struct interval){-180, more.east - 360};
        more.east = 180;
    }
    intervals[n++] = more;
    return n;
}

/* Intervals that touch become one. */
static size_t unite(struct interval *intervals, size_t n) {
    size_t kept = 0;
    qsort(intervals, n, sizeof *intervals, by_west);
    for (size_t i = 0; i < n; i++) {
        if (kept && intervals[i].west <= intervals[kept - 1].east)
            intervals[kept - 1].east = fmax(intervals[kept - 1].east, intervals[i].east);
        else
            intervals[kept++] = intervals[i];
    }
    return kept;
}

static size_t add_buffer(struct sweep *s, const struct row *row, size_t n) {
    const gallery_outline *o = &s->outline;
    size_t kept = 0;
    for (size_t i = 0; i < s->near_count; i++)
        if (s->near[i].north + s->reach_deg >= row->lat) s->near[kept++] = s->near[i];
    for (; s->next_near < o->count && o->edges[s->next_near].south - s->reach_deg <= row->lat;
         s->next_near++)
        if (!o->edges[s->next_near].seam) s->near[kept++] = o->edges[s->next_near];
    s->near_count = kept;
    for (size_t i = 0; i < kept; i++) {
        struct interval interval;
        if (reach_of_edge(s, row, &s->near[i], &interval))
            n = add_wrapped(s->intervals, n, interval);
    }
    return unite(s->intervals, n);
}

/* --------------------------------------------------------------------- points */

/* Points of the row in [west, east). What counts is the point that is reported. */
static int fill(const struct sweep *s, const struct row *row, const struct interval *in) {
    double step = 360 / row->count;
    double first = fmax(ceil((in->west + 180) / step - row->shift) - 1, 0);
    double last = fmin(floor((in->east + 180) / step - row->shift) + 1, row->count - 1);
    for (double column = first; column <= last; column++) {
        double lon = -180 + (column + row->shift) * step, lat = row->lat;
        if (!gallery_canonical(&lon, &lat) || lon < in->west || lon >= in->east) continue;
        int status = s->take(s->user, lon, lat, 0);
        if (status != GALLERY_OK) return status;
    }
    return GALLERY_OK;
}

static struct row row_at(const struct sweep *s, double lat, double number) {
    double sine = sin(lat / DEG_PER_RAD), w = 1 - E2 * sine * sine;
    double across_m = GALLERY_WGS84_AXIS_M / sqrt(w), zones = 1;
    struct row row = {.lat = lat};
    row.metres_per_deg = across_m * (1 - E2) / w / DEG_PER_RAD;
    row.east_m_per_deg = fmax(across_m * cos(lat / DEG_PER_RAD) / DEG_PER_RAD, 1e-9);
    double count = 360 * row.east_m_per_deg / s->step_m;
    while (zones < MOST_ZONES && count >= 2 * zones * ZONE_POINTS) zones *= 2;
    row.count = zones * fmax(round(count / zones), 1); /* one on a pole */
    row.shift = s->hex && fmod(number, 2) != 0 ? 0.5 : 0;
    return row;
}

static int fill_row(struct sweep *s, double lat, double number) {
    struct row row = row_at(s, lat, number);
    size_t n = cross(s, lat);
    if (s->buffer_m > 0) n = add_buffer(s, &row, n);
    for (size_t i = 0; i < n; i++) {
        int status = fill(s, &row, &s->intervals[i]);
        if (status != GALLERY_OK) return status;
    }
    return GALLERY_OK;
}

/* Distance from the equator along the meridian, m; negative in the south. */
static double meridian_m(const struct geod_geodesic *earth, double lat) {
    double distance_m;
    geod_inverse(earth, 0, 0, fabs(lat), 0, &distance_m, NULL, NULL);
    return copysign(distance_m, lat);
}

/* Rows are rounded to the grid of 1e-7 degrees before the boundary is looked at, which may bring
 * the one before the first and the one after the last inside. */
static int sweep_rows(struct sweep *s, double south, double north) {
    struct geod_geodesic earth;
    struct geod_geodesicline meridian;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    geod_lineinit(&meridian, &earth, 0, 0, 0, GEOD_DISTANCE_IN | GEOD_LATITUDE);
    double most = floor(meridian_m(&earth, 90) / s->row_m);
    double first = ceil((meridian_m(&earth, south) - s->buffer_m) / s->row_m) - 1;
    double last = floor((meridian_m(&earth, north) + s->buffer_m) / s->row_m) + 1;
    first = fmax(first, -most);
    last = fmin(last, most);
    for (double row = first; row <= last; row++) {
        double lat, lon = 0;
        geod_position(&meridian, row * s->row_m, &lat, NULL, NULL);
        if (!gallery_canonical(&lon, &lat)) continue;
        int status = fill_row(s, lat, row);
        if (status != GALLERY_OK) return status;
    }
    return GALLERY_OK;
}

/* The longitude nearest to `at` among those that differ from lon by whole turns. */
static double nearest_turn(double lon, double at) {
    return lon + 360 * nearbyint((at - lon) / 360);
}

const char *gallery_area_unwrap(double *xy, const size_t *ends, size_t rings) {
    for (size_t r = 0, from = 0; r < rings; from = ends[r++]) {
        double *ring = xy + 2 * from, south = 90, north = -90;
        size_t n = ends[r] - from;
        for (size_t i = 0; i < n; i++) {
            ring[2 * i] = nearest_turn(ring[2 * i], i ? ring[2 * i - 2] : 0);
            if (fabs(ring[2 * i]) >= 900) return "goes around the Earth more than once";
            south = fmin(south, ring[2 * i + 1]);
            north = fmax(north, ring[2 * i + 1]);
        }
        if (n && south < 0 && north > 0 && nearest_turn(ring[0], ring[2 * n - 2]) != ring[0])
            return "goes around the Earth on both sides of the equator: which pole is in it?";
    }
    return NULL;
}

static int make_room(gallery_context *ctx, struct sweep *s) {
    size_t n = s->outline.count + 1;
    if (n > SIZE_MAX / 256) return gallery_fail_memory(ctx, SIZE_MAX);
    bool wide = s->buffer_m > 0; /* an interval over the antimeridian makes two, a row one */
    s->open = malloc(n * sizeof *s->open);
    s->near = wide ? malloc(n * sizeof *s->near) : NULL;
    s->intervals = malloc(n * (wide ? 4 : 1) * sizeof *s->intervals);
    if (s->open && s->intervals && (s->near || !wide)) return GALLERY_OK;
    return gallery_fail_memory(ctx, n * sizeof *s->open);
}

int gallery_sample_area(gallery_context *ctx, const double *xy, const size_t *ends, size_t rings,
                        const gallery_area_setup *setup, gallery_sample_fn take, void *user) {
    struct sweep s = {.buffer_m = setup->buffer_m, .take = take, .user = user, .hex = setup->hex};
    /* Triangles of side a, two to a point, cover a * a * sqrt(3) / 2. */
    s.step_m = setup->spacing_m * (setup->hex ? sqrt(2 / sqrt(3)) : 1);
    s.row_m = setup->spacing_m * (setup->hex ? sqrt(sqrt(3) / 2) : 1);
    s.reach_deg = s.buffer_m / LEAST_M_PER_DEG;
    int status = gallery_outline_add(ctx, &s.outline, xy, ends, rings, setup->projected);
    if (status != GALLERY_OK || !s.outline.count) goto done;
    GALLERY_GO(make_room(ctx, &s));
    double south, north;
    gallery_outline_extent(&s.outline, &south, &north);
    qsort(s.outline.edges, s.outline.count, sizeof *s.outline.edges, by_south);
    status = sweep_rows(&s, south, north);
done:
    gallery_outline_free(&s.outline);
    free(s.open);
    free(s.near);
    free(s.intervals);
    return status;
}
