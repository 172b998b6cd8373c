/* shapes.h - streets and buildings as a source gives them, in metres on a plane. */
#ifndef WORLD_SHAPES_H
#define WORLD_SHAPES_H

#include <geodesic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program: "world: message" on stderr, exit status 1. */
void world_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* calloc and realloc that end the program when there is no memory. */
void *world_zeros(size_t n, size_t each);
void *world_grow(void *old, size_t n, size_t each);

/* Room for one more in a list that doubles. */
#define WORLD_PUSH(list, n, capacity)                                   \
    do {                                                                \
        if ((n) == (capacity)) {                                        \
            (capacity) = (capacity) ? 2 * (capacity) : 64;              \
            (list) = world_grow((list), (capacity), sizeof((list)[0])); \
        }                                                               \
    } while (0)

/* The azimuthal equidistant plane about a centre: x east, y north, metres. Its distances from the
 * centre are geodesics; elsewhere they are off by no more than r^2 / 6R^2, 0.4 mm on 1 km at 4 km
 * from the centre. To the plane and back is exact to nanometres. */
struct plane {
    struct geod_geodesic earth;
    double lon_deg, lat_deg;
};

void plane_open(struct plane *p, double lon_deg, double lat_deg);
void plane_from(const struct plane *p, double lon_deg, double lat_deg, double *x, double *y);
void plane_to(const struct plane *p, double x, double y, double *lon_deg, double *lat_deg);

struct point {
    double x, y;
};

struct street {
    size_t first, n; /* points */
    double width_m;
};

enum building_kind { KIND_HOUSE, KIND_SHOP, KIND_BLOCK, KIND_HALL, KIND_OTHER };

/* One ring; outer rings run counterclockwise, holes clockwise, so that the outside is on the right
 * of every edge. The last point is not the first again. */
struct building {
    size_t first, n; /* points */
    double height_m;
    uint64_t style; /* buildings of one style look alike */
    enum building_kind kind;
};

struct shapes {
    struct plane plane;
    struct point *points;
    size_t points_n, points_capacity;
    struct street *streets;
    size_t streets_n, streets_capacity;
    struct building *buildings;
    size_t buildings_n, buildings_capacity;
    struct point low, high; /* what holds all streets and buildings */
};

/* How a source is read. `styles`: so many looks are shared by all buildings; 0: the source's field
 * `style` decides, and where there is none every building has its own look. */
struct shapes_setup {
    const char *const *paths;
    int paths_n;
    const double *spat; /* xmin, ymin, xmax, ymax in degrees; NULL: everything */
    int styles;
    uint64_t seed;
};

/* Reads every layer of every source: lines are streets (where any layer has a field `highway`,
 * those that cars use), polygons are buildings (where any has a field `building`, those that have
 * it). Heights come from `height`, else from `building:levels`, else from the seed. */
void shapes_read(struct shapes *s, const struct shapes_setup *setup);
void shapes_free(struct shapes *s);

/* For worlds made by hand (tests): the plane must be open. */
void shapes_add_street(struct shapes *s, const struct point *points, size_t n, double width_m);
void shapes_add_building(struct shapes *s, const struct point *ring, size_t n, bool hole,
                         const struct building *like);
void shapes_bound(struct shapes *s);

#endif
