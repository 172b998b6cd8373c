/* route.h - walks through the streets' network. */
#ifndef WORLD_ROUTE_H
#define WORLD_ROUTE_H

#include "shapes.h"

struct edge {
    size_t first, n; /* points of the shapes */
    size_t from, to; /* nodes */
    double length_m, width_m;
};

/* Streets cut where they meet: where two share a point. Only the largest connected part is kept,
 * and of it only what a walk can leave again without turning round: no dead ends. */
struct graph {
    const struct shapes *shapes;
    struct edge *edges;
    size_t edges_n, nodes_n;
    size_t *first /* [nodes+1] */, *ends /* edge * 2, + 1 where it is the edge's far end */;
    double *until_m; /* [edges_n] lengths added up */
    double length_m; /* of all */
};

void graph_build(struct graph *g, const struct shapes *shapes);
void graph_free(struct graph *g);

/* The middle line of a walk. */
struct path {
    struct point *points;
    double *along, *width_m; /* of each point, and of the piece that begins there */
    size_t n;
};

/* A walk of `length_m` metres that begins at `start` (in [0, 1) of all streets' length), turns at
 * crossings as the seed says, and never turns round. */
void path_walk(struct path *p, const struct graph *g, double start, double length_m, uint64_t seed);
void path_free(struct path *p);

struct pose {
    struct point at;
    double heading_deg, width_m;
};

/* `right_m` metres to the right of the middle line, `along_m` from its start. The heading is that
 * of the chord over 4 m either side, so that corners turn as a car does. */
struct pose path_at(const struct path *p, double along_m, double right_m);

#endif
