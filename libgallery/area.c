/* The points of a global grid inside a polygon: a sweep over the grid's rows from south to north
 * that keeps the edges which the row crosses. A row costs what its crossings and its points cost,
 * whatever the polygon's size. */
#include "context.h"
#include "geodesy.h"
#include "sample.h"

#include <geodesic.h>
#include <math.h>
#include <stdlib.h>

#define DEG_PER_RAD 57.295779513082320877

struct edge { /* from its south to its north end, so that neighbours compute the same crossing */
    double lon, lon_span, south, north;
};

struct sweep {
    struct edge *edges; /* by their south end */
    struct edge *open;  /* those that the row crosses */
    double *crossings;
    size_t edge_count, next, open_count;
    double spacing_m, south, north;
    bool projected;
    gallery_sample_fn take;
    void *user;
};

static int by_south(const void *a, const void *b) {
    double x = ((const struct edge *)a)->south, y = ((const struct edge *)b)->south;
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_edge(struct sweep *s, const double a[2], const double b[2]) {
    if (a[1] == b[1])
        return; /* no row crosses it: rows meet an edge from its south end on, but
                   not at its north end */
    const double *low = a[1] < b[1] ? a : b, *high = a[1] < b[1] ? b : a;
    s->edges[s->edge_count++] = (struct edge){low[0], high[0] - low[0], low[1], high[1]};
}

/* The longitude nearest to `at` among those that differ from lon by whole turns. */
static double nearest_turn(double lon, double at) {
    return lon + 360 * nearbyint((at - lon) / 360);
}

/* A boundary that goes around the Earth is led over the pole: from where it ends along the meridian
 * to the pole, along the pole, which no row crosses, and back to where it began. */
static void add_pole(struct sweep *s, const double first[2], double back) {
    double pole = copysign(90, first[1]);
    add_edge(s, first, (const double[]){first[0], pole});
    add_edge(s, (const double[]){back, first[1]}, (const double[]){back, pole});
    *(pole < 0 ? &s->south : &s->north) = pole;
}

static void add_ring(struct sweep *s, const double *xy, size_t n) {
    if (n < 3) return;
    double back = s->projected ? nearest_turn(xy[0], xy[2 * n - 2]) : xy[0];
    for (size_t i = 0; i < n; i++) {
        if (i) add_edge(s, xy + 2 * (i - 1), xy + 2 * i);
        s->south = fmin(s->south, xy[2 * i + 1]);
        s->north = fmax(s->north, xy[2 * i + 1]);
    }
    /* no length where the ring is closed */
    add_edge(s, xy + 2 * (n - 1), (const double[]){back, xy[1]});
    if (back != xy[0]) add_pole(s, xy, back);
}

/* Where the boundary crosses the row, from west to east; an even number. */
static size_t cross(struct sweep *s, double lat) {
    size_t kept = 0;
    for (size_t i = 0; i < s->open_count; i++)
        if (s->open[i].north > lat) s->open[kept++] = s->open[i];
    for (; s->next < s->edge_count && s->edges[s->next].south <= lat; s->next++)
        if (s->edges[s->next].north > lat) s->open[kept++] = s->edges[s->next];
    s->open_count = kept;
    for (size_t i = 0; i < kept; i++) {
        const struct edge *e = &s->open[i];
        s->crossings[i] = e->lon + (lat - e->south) / (e->north - e->south) * e->lon_span;
    }
    qsort(s->crossings, kept, sizeof *s->crossings, by_value);
    return kept;
}

/* Points of the row in [west, east), which lies in [-180, 180]. step: degrees between them. */
static int fill(const struct sweep *s, double west, double east, double lat, double step) {
    double first = ceil(west / step) - 1, last = floor(east / step) + 1;
    for (double column = first; column <= last; column++) {
        double lon = column * step, row = lat;
        if (lon < -180 || lon >= 180 || !gallery_canonical(&lon, &row)) continue;
        if (lon < west || lon >= east) continue; /* what counts is the point that is reported */
        int status = s->take(s->user, lon, row, 0);
        if (status != GALLERY_OK) return status;
    }
    return GALLERY_OK;
}

/* The same for any longitudes in [-360, 360], in turns of the Earth. */
static int fill_turns(const struct sweep *s, double west, double east, double lat, double step) {
    for (double turn = -360; turn <= 360; turn += 360) {
        double from = fmax(west - turn, -180), to = fmin(east - turn, 180);
        if (from >= to) continue;
        int status = fill(s, from, to, lat, step);
        if (status != GALLERY_OK) return status;
    }
    return GALLERY_OK;
}

/* The same for boundaries that go on beyond 180: what counts is how often a longitude is covered
 * over all turns, odd or even. */
static int fill_circle(struct sweep *s, size_t n, double lat, double step) {
    bool inside = false;
    double from = -180;
    for (size_t i = 0; i < n; i++) {
        for (double west = -900; west <= 900; west += 360) inside ^= s->crossings[i] < west;
        s->crossings[i] -= 360 * floor((s->crossings[i] + 180) / 360);
    }
    qsort(s->crossings, n, sizeof *s->crossings, by_value);
    for (size_t i = 0; i <= n; i++) {
        double to = i < n ? s->crossings[i] : 180;
        int status = inside ? fill(s, from, to, lat, step) : GALLERY_OK;
        if (status != GALLERY_OK) return status;
        inside = !inside;
        from = to;
    }
    return GALLERY_OK;
}

static int fill_row(struct sweep *s, double lat) {
    size_t n = cross(s, lat);
    double f = GALLERY_WGS84_FLATTENING, squared = f * (2 - f);
    double sine = sin(lat / DEG_PER_RAD), cosine = cos(lat / DEG_PER_RAD);
    double radius_m = GALLERY_WGS84_AXIS_M * cosine / sqrt(1 - squared * sine * sine);
    double step = s->spacing_m / fmax(radius_m, 1e-9) * DEG_PER_RAD; /* one point on a pole */
    if (s->projected) return fill_circle(s, n, lat, step);
    for (size_t i = 0; i + 1 < n; i += 2) {
        int status = fill_turns(s, s->crossings[i], s->crossings[i + 1], lat, step);
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
static int sweep_rows(struct sweep *s) {
    struct geod_geodesic earth;
    struct geod_geodesicline meridian;
    geod_init(&earth, GALLERY_WGS84_AXIS_M, GALLERY_WGS84_FLATTENING);
    geod_lineinit(&meridian, &earth, 0, 0, 0, GEOD_DISTANCE_IN | GEOD_LATITUDE);
    double pole_m = meridian_m(&earth, 90);
    double first = ceil(meridian_m(&earth, s->south) / s->spacing_m) - 1;
    double last = floor(meridian_m(&earth, s->north) / s->spacing_m) + 1;
    for (double row = first; row <= last; row++) {
        double lat, lon = 0;
        if (fabs(row * s->spacing_m) > pole_m) continue;
        geod_position(&meridian, row * s->spacing_m, &lat, NULL, NULL);
        if (!gallery_canonical(&lon, &lat)) continue;
        int status = fill_row(s, lat);
        if (status != GALLERY_OK) return status;
    }
    return GALLERY_OK;
}

const char *gallery_sample_unwrap(double *xy, const size_t *ends, size_t rings) {
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

int gallery_sample_area(gallery_context *ctx, const double *xy, const size_t *ends, size_t rings,
                        bool projected, double spacing_m, gallery_sample_fn take, void *user) {
    size_t n = rings ? ends[rings - 1] : 0;
    if (n < 3) return GALLERY_OK;
    struct sweep s = {.spacing_m = spacing_m,
                      .south = 90,
                      .north = -90,
                      .projected = projected,
                      .take = take,
                      .user = user};
    int status = GALLERY_OK;
    size_t most = n + 3 * rings; /* each ring is closed, and may be led over a pole */
    s.edges = calloc(most, sizeof *s.edges);
    s.open = calloc(most, sizeof *s.open);
    s.crossings = calloc(most, sizeof *s.crossings);
    if (!s.edges || !s.open || !s.crossings) {
        status = gallery_fail_memory(ctx, most * sizeof *s.edges);
        goto done;
    }
    for (size_t i = 0, from = 0; i < rings; from = ends[i++])
        add_ring(&s, xy + 2 * from, ends[i] - from);
    qsort(s.edges, s.edge_count, sizeof *s.edges, by_south);
    status = sweep_rows(&s);
done:
    free(s.edges);
    free(s.open);
    free(s.crossings);
    return status;
}
