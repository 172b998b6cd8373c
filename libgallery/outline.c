#include "outline.h"
#include "context.h"

#include <math.h>
#include <stdlib.h>

#define RAD_PER_DEG 0.017453292519943295769

struct ring {
    const double *xy;
    size_t n;
    bool projected; /* edges go the shorter way round the Earth */
};

struct tracing { /* one ring, in longitudes that go on where it crosses the antimeridian */
    gallery_outline *outline;
    double lon, lat;
    double west;   /* of the turn of the Earth it is in: [west, west + 360] */
    double moment; /* of latitude over longitude: which pole is nearer */
};

void gallery_outline_free(gallery_outline *outline) {
    free(outline->edges);
    *outline = (gallery_outline){0};
}

static int reserve(gallery_context *ctx, gallery_outline *outline, size_t more) {
    if (more <= outline->room - outline->count) return GALLERY_OK;
    size_t room = outline->count + more + outline->room / 2;
    gallery_edge *edges =
        room > SIZE_MAX / sizeof *edges ? NULL : realloc(outline->edges, room * sizeof *edges);
    if (!edges) return gallery_fail_memory(ctx, room * sizeof *edges);
    outline->edges = edges;
    outline->room = room;
    return GALLERY_OK;
}

static void push(gallery_outline *o, double lon1, double lat1, double lon2, double lat2,
                 bool seam) {
    gallery_edge *e = &o->edges[o->count++];
    bool up = lat1 <= lat2;
    *e = (gallery_edge){.lon = up ? lon1 : lon2,
                        .lon_span = up ? lon2 - lon1 : lon1 - lon2,
                        .south = up ? lat1 : lat2,
                        .north = up ? lat2 : lat1,
                        .polygon = o->polygons,
                        .seam = seam};
}

/* The ring passes the antimeridian here: south of here, what was inside is outside there. */
static void push_seam(gallery_outline *o, double lat) {
    push(o, -180, -90, -180, lat, true);
    push(o, 180, -90, 180, lat, true);
}

/* ------------------------------------------------------------------- one ring */

static const double *vertex(const struct ring *ring, size_t i) {
    return ring->xy + 2 * (i % ring->n);
}

/* Longitude from vertex i to the next. */
static double step_of(const struct ring *ring, size_t i) {
    double step = vertex(ring, i + 1)[0] - vertex(ring, i)[0];
    return ring->projected ? remainder(step, 360) : step;
}

/* Goes on to the next vertex; a cut at each antimeridian on the way. */
static void trace_edge(struct tracing *t, double step, double lat) {
    double from = t->lon, from_lat = t->lat, to = from + step;
    for (;;) {
        double cut = to > t->west + 360 ? t->west + 360 : t->west;
        if (to >= t->west && to <= t->west + 360) break;
        double cut_lat = from_lat;
        if (step != 0) cut_lat = from_lat + (cut - from) / (to - from) * (lat - from_lat);
        double back = t->west + 180;
        push(t->outline, from - back, from_lat, cut - back, cut_lat, false);
        push_seam(t->outline, cut_lat);
        t->west += to > cut ? 360 : -360;
        from = cut;
        from_lat = cut_lat;
    }
    double back = t->west + 180;
    push(t->outline, from - back, from_lat, to - back, lat, false);
    t->moment += step * sin((t->lat + lat) / 2 * RAD_PER_DEG);
    t->lon = to;
    t->lat = lat;
}

static int add_ring(gallery_context *ctx, gallery_outline *outline, const struct ring *ring) {
    if (ring->n < 3) return GALLERY_OK;
    /* An edge spans two turns at most where longitudes are within 360, so it has three cuts. */
    if (ring->n > SIZE_MAX / 64) return gallery_fail_memory(ctx, ring->n);
    size_t turning = 0;
    double turns = 0; /* how often the ring goes round the Earth, to the east */
    for (size_t i = 0; i < ring->n; i++) {
        double step = step_of(ring, i);
        turning += fabs(step) > 90;
        turns += step / 360;
    }
    turns = round(turns);
    GALLERY_TRY(reserve(ctx, outline, 4 * ring->n + 12 * turning + 8));
    double start = vertex(ring, 0)[0], start_lat = vertex(ring, 0)[1];
    double west = -180 + 360 * floor((start + 180) / 360);
    if (start == 180) west = -180;
    struct tracing t = {.outline = outline, .lon = start, .lat = start_lat, .west = west};
    for (size_t i = 0; i < ring->n; i++) trace_edge(&t, step_of(ring, i), vertex(ring, i + 1)[1]);
    /* A ring that starts on the antimeridian may end on its other side. */
    if (fmod(round((t.west - west) / 360) - turns, 2) != 0) push_seam(outline, start_lat);
    if (fmod(turns, 2) != 0 && t.moment * turns > 0) push_seam(outline, 90);
    return GALLERY_OK;
}

int gallery_outline_add(gallery_context *ctx, gallery_outline *outline, const double *xy,
                        const size_t *ends, size_t rings, bool projected) {
    for (size_t i = 0, from = 0; i < rings; from = ends[i++]) {
        struct ring ring = {xy + 2 * from, ends[i] - from, projected};
        while (ring.n > 1 && vertex(&ring, 0)[0] == vertex(&ring, ring.n - 1)[0] &&
               vertex(&ring, 0)[1] == vertex(&ring, ring.n - 1)[1])
            ring.n--; /* closed twice */
        GALLERY_TRY(add_ring(ctx, outline, &ring));
    }
    outline->polygons++;
    return GALLERY_OK;
}

void gallery_outline_extent(const gallery_outline *outline, double *south_deg, double *north_deg) {
    bool holds_south = false, holds_north = false; /* every seam reaches the south pole */
    *south_deg = 90;
    *north_deg = -90;
    for (size_t i = 0; i < outline->count; i++) {
        const gallery_edge *e = &outline->edges[i];
        if (e->seam && e->lon < 0) {
            holds_south = !holds_south;
            holds_north ^= e->north == 90;
        }
        if (e->seam) continue;
        *south_deg = fmin(*south_deg, e->south);
        *north_deg = fmax(*north_deg, e->north);
    }
    if (holds_south) *south_deg = -90;
    if (holds_north) *north_deg = 90;
}
