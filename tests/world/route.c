#include "route.h"
#include "noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHORD_M 4.0
#define NO_NODE ((size_t)-1)

/* ------------------------------------------------------------------- nodes */

struct corner {
    struct point at;
    size_t place; /* among the shapes' points */
};

static int compare_corners(const void *a, const void *b) {
    const struct corner *p = a, *q = b;
    if (p->at.x != q->at.x) return p->at.x < q->at.x ? -1 : 1;
    if (p->at.y != q->at.y) return p->at.y < q->at.y ? -1 : 1;
    return p->place < q->place ? -1 : p->place > q->place;
}

/* For each of the shapes' points the node that it is, or NO_NODE: ends of streets, and what more
 * than one street, or one street twice, goes through. */
static size_t *find_nodes(const struct shapes *s, size_t *nodes_n) {
    size_t *node = world_zeros(s->points_n, sizeof *node), n = 0;
    bool *end = world_zeros(s->points_n, sizeof *end);
    for (size_t i = 0; i < s->points_n; i++) node[i] = NO_NODE;
    for (size_t i = 0; i < s->streets_n; i++) n += s->streets[i].n;
    struct corner *corners = world_zeros(n, sizeof *corners);
    n = 0;
    for (size_t i = 0; i < s->streets_n; i++) {
        const struct street *street = &s->streets[i];
        end[street->first] = end[street->first + street->n - 1] = true;
        for (size_t k = street->first; k < street->first + street->n; k++)
            corners[n++] = (struct corner){s->points[k], k};
    }
    qsort(corners, n, sizeof *corners, compare_corners);
    *nodes_n = 0;
    for (size_t i = 0, j; i < n; i = j) {
        bool is_node = false;
        for (j = i;
             j < n && corners[j].at.x == corners[i].at.x && corners[j].at.y == corners[i].at.y; j++)
            is_node |= end[corners[j].place];
        if (!is_node && j - i < 2) continue;
        for (size_t k = i; k < j; k++) node[corners[k].place] = *nodes_n;
        ++*nodes_n;
    }
    free(corners);
    free(end);
    return node;
}

static double length_of(const struct point *p, size_t n) {
    double length = 0;
    for (size_t i = 0; i + 1 < n; i++) length += hypot(p[i + 1].x - p[i].x, p[i + 1].y - p[i].y);
    return length;
}

static void cut_streets(struct graph *g, const size_t *node) {
    const struct shapes *s = g->shapes;
    size_t capacity = 0;
    for (size_t i = 0; i < s->streets_n; i++) {
        const struct street *street = &s->streets[i];
        size_t from = street->first;
        for (size_t k = from + 1; k < street->first + street->n; k++) {
            if (node[k] == NO_NODE) continue;
            double length = length_of(&s->points[from], k - from + 1);
            WORLD_PUSH(g->edges, g->edges_n, capacity);
            if (length > 0.1 || node[from] != node[k])
                g->edges[g->edges_n++] =
                    (struct edge){from, k - from + 1, node[from], node[k], length, street->width_m};
            from = k;
        }
    }
}

/* -------------------------------------------------------------- what is kept */

static void keep_edges(struct graph *g, const bool *keep) {
    size_t n = 0;
    for (size_t e = 0; e < g->edges_n; e++)
        if (keep[e]) g->edges[n++] = g->edges[e];
    g->edges_n = n;
}

static size_t root_of(size_t *parent, size_t node) {
    while (parent[node] != node) node = parent[node] = parent[parent[node]];
    return node;
}

static void keep_largest(struct graph *g) {
    size_t *parent = world_zeros(g->nodes_n, sizeof *parent), best = 0;
    double *length = world_zeros(g->nodes_n, sizeof *length);
    bool *keep = world_zeros(g->edges_n, sizeof *keep);
    for (size_t i = 0; i < g->nodes_n; i++) parent[i] = i;
    for (size_t e = 0; e < g->edges_n; e++)
        parent[root_of(parent, g->edges[e].from)] = root_of(parent, g->edges[e].to);
    for (size_t e = 0; e < g->edges_n; e++)
        length[root_of(parent, g->edges[e].from)] += g->edges[e].length_m;
    for (size_t i = 0; i < g->nodes_n; i++)
        if (length[i] > length[best]) best = i;
    for (size_t e = 0; e < g->edges_n; e++) keep[e] = root_of(parent, g->edges[e].from) == best;
    keep_edges(g, keep);
    free(parent);
    free(length);
    free(keep);
}

/* Takes dead ends off until there are none. */
static void drop_dead_ends(struct graph *g) {
    size_t *degree = world_zeros(g->nodes_n, sizeof *degree);
    bool *keep = world_zeros(g->edges_n, sizeof *keep), changed = true;
    for (size_t e = 0; e < g->edges_n; e++) {
        keep[e] = true;
        degree[g->edges[e].from]++;
        degree[g->edges[e].to]++;
    }
    while (changed) {
        changed = false;
        for (size_t e = 0; e < g->edges_n; e++) {
            const struct edge *edge = &g->edges[e];
            if (!keep[e] || (degree[edge->from] > 1 && degree[edge->to] > 1)) continue;
            degree[edge->from]--;
            degree[edge->to]--;
            keep[e] = false;
            changed = true;
        }
    }
    keep_edges(g, keep);
    free(degree);
    free(keep);
}

static void join_ends(struct graph *g) {
    g->first = world_zeros(g->nodes_n + 2, sizeof *g->first);
    g->ends = world_zeros(2 * g->edges_n, sizeof *g->ends);
    g->until_m = world_zeros(g->edges_n, sizeof *g->until_m);
    for (size_t e = 0; e < g->edges_n; e++) {
        g->first[g->edges[e].from + 2]++;
        g->first[g->edges[e].to + 2]++;
        g->length_m += g->edges[e].length_m;
        g->until_m[e] = g->length_m;
    }
    for (size_t i = 0; i < g->nodes_n; i++) g->first[i + 2] += g->first[i + 1];
    for (size_t e = 0; e < g->edges_n; e++) {
        g->ends[g->first[g->edges[e].from + 1]++] = 2 * e;
        g->ends[g->first[g->edges[e].to + 1]++] = 2 * e + 1;
    }
}

void graph_build(struct graph *g, const struct shapes *shapes) {
    *g = (struct graph){.shapes = shapes};
    size_t *node = find_nodes(shapes, &g->nodes_n);
    cut_streets(g, node);
    free(node);
    keep_largest(g);
    drop_dead_ends(g);
    if (!g->edges_n) world_die("no street leads anywhere: every one ends dead");
    join_ends(g);
}

void graph_free(struct graph *g) {
    free(g->edges);
    free(g->first);
    free(g->ends);
    free(g->until_m);
}

/* -------------------------------------------------------------------- walks */

static size_t path_add(struct path *p, size_t capacity, struct point at, double width_m) {
    if (p->n && p->points[p->n - 1].x == at.x && p->points[p->n - 1].y == at.y) return capacity;
    if (p->n == capacity) {
        capacity = capacity ? 2 * capacity : 64;
        p->points = world_grow(p->points, capacity, sizeof *p->points);
        p->along = world_grow(p->along, capacity, sizeof *p->along);
        p->width_m = world_grow(p->width_m, capacity, sizeof *p->width_m);
    }
    double step = 0;
    if (p->n) step = hypot(at.x - p->points[p->n - 1].x, at.y - p->points[p->n - 1].y);
    p->points[p->n] = at;
    p->along[p->n] = p->n ? p->along[p->n - 1] + step : 0;
    p->width_m[p->n++] = width_m;
    return capacity;
}

/* Where the walk goes on from the node at which it arrived by `arrived` (an end): into one of the
 * streets that it has driven least, so that it does not circle a block or a roundabout. */
static size_t choose_turn(const struct graph *g, size_t node, size_t arrived,
                          const uint16_t *driven, uint64_t h) {
    size_t n = 0, best = arrived;
    uint16_t least = UINT16_MAX;
    for (size_t k = g->first[node]; k < g->first[node + 1]; k++) {
        size_t end = g->ends[k];
        if (end == arrived || driven[end / 2] > least) continue;
        if (driven[end / 2] < least) n = 0, least = driven[end / 2];
        /* Each of the n seen so far is the one with equal chance. */
        if (noise_of(h, k) % ++n == 0) best = end;
    }
    return best;
}

void path_walk(struct path *p, const struct graph *g, double start, double length_m,
               uint64_t seed) {
    double at = start * g->length_m;
    size_t e = 0, capacity = 0;
    uint16_t *driven = world_zeros(g->edges_n, sizeof *driven);
    *p = (struct path){0};
    while (e + 1 < g->edges_n && g->until_m[e] < at) e++;
    /* `end`: that at which the walk enters the edge. */
    size_t end = 2 * e + (noise_of(seed, 0) & 1);
    double skip = at - (e ? g->until_m[e - 1] : 0);
    if (end & 1) skip = g->edges[e].length_m - skip;
    skip = fmax(0, fmin(g->edges[e].length_m, skip));
    for (uint64_t turn = 1; !p->n || p->along[p->n - 1] < length_m; turn++) {
        const struct edge *edge = &g->edges[end / 2];
        const struct point *points = g->shapes->points + edge->first;
        double before = 0;
        for (size_t k = 0; k < edge->n; k++) {
            size_t i = end & 1 ? edge->n - 1 - k : k, next = end & 1 ? i - 1 : i + 1;
            double step = 0;
            if (k + 1 < edge->n)
                step = hypot(points[next].x - points[i].x, points[next].y - points[i].y);
            if (before >= skip)
                capacity = path_add(p, capacity, points[i], edge->width_m);
            else if (before + step > skip) {
                double t = (skip - before) / step;
                struct point cut = {points[i].x + t * (points[next].x - points[i].x),
                                    points[i].y + t * (points[next].y - points[i].y)};
                capacity = path_add(p, capacity, cut, edge->width_m);
            }
            before += step;
        }
        skip = 0;
        if (driven[end / 2] < UINT16_MAX - 1) driven[end / 2]++;
        end =
            choose_turn(g, end & 1 ? edge->from : edge->to, end ^ 1, driven, noise_of(seed, turn));
    }
    free(driven);
}

void path_free(struct path *p) {
    free(p->points);
    free(p->along);
    free(p->width_m);
}

static size_t piece_at(const struct path *p, double along_m) {
    size_t low = 0, high = p->n - 1;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (p->along[middle] <= along_m)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct point middle_at(const struct path *p, double along_m) {
    size_t i = piece_at(p, along_m);
    double t = (along_m - p->along[i]) / (p->along[i + 1] - p->along[i]);
    t = fmax(0, fmin(1, t));
    return (struct point){p->points[i].x + t * (p->points[i + 1].x - p->points[i].x),
                          p->points[i].y + t * (p->points[i + 1].y - p->points[i].y)};
}

struct pose path_at(const struct path *p, double along_m, double right_m) {
    struct point a = middle_at(p, along_m - CHORD_M), b = middle_at(p, along_m + CHORD_M);
    struct pose pose = {.at = middle_at(p, along_m)};
    double turn = atan2(b.x - a.x, b.y - a.y);
    pose.heading_deg = fmod(turn * (180 / M_PI) + 360, 360);
    pose.width_m = p->width_m[piece_at(p, along_m)];
    pose.at.x += right_m * cos(turn);
    pose.at.y -= right_m * sin(turn);
    return pose;
}
