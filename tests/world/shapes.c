#include "shapes.h"
#include "noise.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void world_die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("world: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void *world_zeros(size_t n, size_t each) {
    void *p = calloc(n ? n : 1, each);
    if (!p) world_die("out of memory for %zu x %zu bytes", n, each);
    return p;
}

void *world_grow(void *old, size_t n, size_t each) {
    void *p = reallocarray(old, n, each);
    if (!p) world_die("out of memory for %zu x %zu bytes", n, each);
    return p;
}

/* ------------------------------------------------------------------- plane */

void plane_open(struct plane *p, double lon_deg, double lat_deg) {
    geod_init(&p->earth, 6378137.0, 1 / 298.257223563);
    p->lon_deg = lon_deg;
    p->lat_deg = lat_deg;
}

void plane_from(const struct plane *p, double lon_deg, double lat_deg, double *x, double *y) {
    double far_m, azimuth_deg, unused;
    geod_inverse(&p->earth, p->lat_deg, p->lon_deg, lat_deg, lon_deg, &far_m, &azimuth_deg,
                 &unused);
    double a = azimuth_deg * (M_PI / 180);
    *x = far_m * sin(a);
    *y = far_m * cos(a);
}

void plane_to(const struct plane *p, double x, double y, double *lon_deg, double *lat_deg) {
    double unused;
    geod_direct(&p->earth, p->lat_deg, p->lon_deg, atan2(x, y) * (180 / M_PI), hypot(x, y), lat_deg,
                lon_deg, &unused);
}

/* ------------------------------------------------------------------ shapes */

static void add_point(struct shapes *s, struct point at) {
    WORLD_PUSH(s->points, s->points_n, s->points_capacity);
    s->points[s->points_n++] = at;
}

void shapes_add_street(struct shapes *s, const struct point *points, size_t n, double width_m) {
    WORLD_PUSH(s->streets, s->streets_n, s->streets_capacity);
    s->streets[s->streets_n++] = (struct street){s->points_n, n, width_m};
    for (size_t i = 0; i < n; i++) add_point(s, points[i]);
}

static double ring_area(const struct point *ring, size_t n) {
    double twice = 0;
    for (size_t i = 0; i < n; i++) {
        const struct point *a = &ring[i], *b = &ring[(i + 1) % n];
        twice += (a->x - ring[0].x) * (b->y - ring[0].y) - (b->x - ring[0].x) * (a->y - ring[0].y);
    }
    return twice / 2;
}

void shapes_add_building(struct shapes *s, const struct point *ring, size_t n, bool hole,
                         const struct building *like) {
    if (n > 1 && ring[0].x == ring[n - 1].x && ring[0].y == ring[n - 1].y) n--;
    if (n < 3) return;
    bool turn = (ring_area(ring, n) < 0) != hole;
    WORLD_PUSH(s->buildings, s->buildings_n, s->buildings_capacity);
    struct building *b = &s->buildings[s->buildings_n++];
    *b = *like;
    b->first = s->points_n;
    b->n = n;
    for (size_t i = 0; i < n; i++) add_point(s, ring[turn ? n - 1 - i : i]);
}

void shapes_bound(struct shapes *s) {
    s->low = (struct point){INFINITY, INFINITY};
    s->high = (struct point){-INFINITY, -INFINITY};
    for (size_t i = 0; i < s->points_n; i++) {
        s->low.x = fmin(s->low.x, s->points[i].x);
        s->low.y = fmin(s->low.y, s->points[i].y);
        s->high.x = fmax(s->high.x, s->points[i].x);
        s->high.y = fmax(s->high.y, s->points[i].y);
    }
}

void shapes_free(struct shapes *s) {
    free(s->points);
    free(s->streets);
    free(s->buildings);
}
