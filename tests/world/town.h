/* town.h - a town that stands nowhere: streets that grew, districts, and rows of buildings. */
#ifndef WORLD_TOWN_H
#define WORLD_TOWN_H

#include "shapes.h"

struct town_setup {
    double size_m; /* across */
    int styles;    /* looks shared by the whole town; 0: every building its own */
    uint64_t seed;
    double lon_deg, lat_deg; /* its middle */
};

enum district { OLD_TOWN, SHOPS, TERRACES, VILLAS, BLOCKS, WORKS, PARK, DISTRICTS };

struct town_street {
    size_t first, n; /* of the shapes' points */
    double width_m;
    const char *highway;
    char name[48];
};

struct town_building {
    const char *building; /* as OSM's tag */
    enum district district;
};

/* Shapes and, beside each of them, what is written with it. */
struct town {
    struct shapes shapes;
    struct town_street *streets;
    struct town_building *buildings;
    size_t streets_capacity, buildings_capacity;
};

/* Streets are 90 to 170 m apart, share their corners exactly, and all hang together without a dead
 * end. No building is nearer than 1 m to a pavement or touches another. */
void town_build(struct town *t, const struct town_setup *setup);
void town_free(struct town *t);

const char *town_district(enum district d);

#endif
