#include "town.h"
#include "noise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_APART_M 90.0
#define MOST_APART_M 170.0
#define PAVEMENT_M 2.0
#define WAVES 4
#define CELL_M 30.0

/* One crossing of the lattice that the streets grew from. */
struct crossing {
    struct point at;
    bool there;
    enum district district;
};

struct lattice {
    int columns, rows;
    struct crossing *crossings;
    bool *east, *north; /* is there a street to the next column, row? */
};

/* A rectangle that a building fills. */
struct plot {
    struct point middle;
    double ux, uy; /* along the street */
    double half_width, half_depth;
};

struct builder {
    struct town *town;
    const struct town_setup *setup;
    struct noise noise;
    struct lattice lattice;
    double wave[WAVES][5];
    struct plot *plots;
    size_t plots_n, plots_capacity;
    /* points of the streets' middles every 3 m, and plots, by cell */
    int columns;
    struct list {
        uint32_t *items;
        size_t n, capacity;
    } * near_streets, *near_plots;
    struct spot {
        struct point at;
        double keep_m;
    } * spots;
    size_t spots_n, spots_capacity;
};

const char *town_district(enum district d) {
    static const char *const names[DISTRICTS] = {"old town", "shops", "terraces", "villas",
                                                 "blocks",   "works", "park"};
    return names[d];
}

/* ------------------------------------------------------------------- streets */

/* Slow waves bend the lattice; they stretch it by no more than a tenth. */
static struct point bend(const struct builder *b, double x, double y) {
    struct point p = {x, y};
    for (int k = 0; k < WAVES; k++) {
        const double *w = b->wave[k];
        double phase = w[0] * x + w[1] * y + w[2];
        p.x += w[3] * sin(phase);
        p.y += w[4] * sin(phase + 1.3);
    }
    return p;
}

static double *space_out(struct noise *n, double size_m, int *count) {
    size_t capacity = 0, k = 0;
    double *at = NULL, x = 0;
    for (;; x += noise_draw(n, LEAST_APART_M + 20, MOST_APART_M - 24)) {
        WORLD_PUSH(at, k, capacity);
        at[k++] = x - size_m / 2;
        if (x > size_m) break;
    }
    *count = (int)k - 1;
    return at;
}

static enum district district_at(const struct builder *b, struct point p) {
    /* The middle is old; round it every patch takes the kind of its nearest seed. */
    double from_middle = hypot(p.x, p.y) / b->setup->size_m;
    static const enum district kinds[] = {TERRACES, VILLAS, BLOCKS,   WORKS, PARK,
                                          SHOPS,    VILLAS, TERRACES, SHOPS, BLOCKS};
    double best = INFINITY;
    enum district d = TERRACES;
    if (from_middle < 0.12) return OLD_TOWN;
    double patch_m = 420;
    long cx = lround(p.x / patch_m), cy = lround(p.y / patch_m);
    for (long i = cx - 1; i <= cx + 1; i++)
        for (long j = cy - 1; j <= cy + 1; j++) {
            uint64_t h =
                noise_of(noise_of(b->setup->seed + 77, (uint64_t)(i + 1000)), (uint64_t)(j + 1000));
            double sx = patch_m * ((double)i + noise_between(noise_of(h, 0), -0.4, 0.4));
            double sy = patch_m * ((double)j + noise_between(noise_of(h, 1), -0.4, 0.4));
            double apart = hypot(p.x - sx, p.y - sy);
            if (apart < best) best = apart, d = kinds[noise_of(h, 2) % 10];
        }
    return d;
}

static struct crossing *crossing_at(const struct lattice *l, int c, int r) {
    return c < 0 || r < 0 || c >= l->columns || r >= l->rows
               ? NULL
               : &l->crossings[(size_t)r * (size_t)l->columns + (size_t)c];
}

/* The street east or north of a crossing, NULL beyond the town. */
static bool *street_at(const struct lattice *l, int c, int r, bool north) {
    if (c < 0 || r < 0 || c >= l->columns || r >= l->rows) return NULL;
    return &(north ? l->north : l->east)[(size_t)r * (size_t)l->columns + (size_t)c];
}

static int streets_of(const struct lattice *l, int c, int r) {
    const bool *all[] = {street_at(l, c, r, false), street_at(l, c - 1, r, false),
                         street_at(l, c, r, true), street_at(l, c, r - 1, true)};
    int n = 0;
    for (int k = 0; k < 4; k++) n += all[k] && *all[k];
    return n;
}

static void lay_lattice(struct builder *b) {
    struct lattice *l = &b->lattice;
    double *x = space_out(&b->noise, b->setup->size_m, &l->columns);
    double *y = space_out(&b->noise, b->setup->size_m, &l->rows);
    size_t n = (size_t)l->columns * (size_t)l->rows;
    l->crossings = world_zeros(n, sizeof *l->crossings);
    l->east = world_zeros(n, sizeof *l->east);
    l->north = world_zeros(n, sizeof *l->north);
    for (int r = 0; r < l->rows; r++)
        for (int c = 0; c < l->columns; c++) {
            struct crossing *at = crossing_at(l, c, r);
            double jx = noise_draw(&b->noise, -4, 4), jy = noise_draw(&b->noise, -4, 4);
            at->at = bend(b, x[c] + jx, y[r] + jy);
            /* A rounded outline. */
            double u = fabs(2 * x[c] / b->setup->size_m), v = fabs(2 * y[r] / b->setup->size_m);
            at->there = pow(u, 4) + pow(v, 4) < 1.25;
            at->district = district_at(b, at->at);
        }
    free(x);
    free(y);
}

static bool all_connected(const struct lattice *l, bool *seen, int *stack) {
    size_t n = (size_t)l->columns * (size_t)l->rows;
    int top = 0;
    memset(seen, 0, n);
    for (size_t i = 0; i < n && !top; i++)
        if (l->crossings[i].there) stack[top++] = (int)i, seen[i] = true;
    while (top) {
        int at = stack[--top], c = at % l->columns, r = at / l->columns;
        const bool *ways[] = {street_at(l, c, r, false), street_at(l, c - 1, r, false),
                              street_at(l, c, r, true), street_at(l, c, r - 1, true)};
        const int to[] = {at + 1, at - 1, at + l->columns, at - l->columns};
        for (int k = 0; k < 4; k++)
            if (ways[k] && *ways[k] && !seen[to[k]]) seen[to[k]] = true, stack[top++] = to[k];
    }
    for (size_t i = 0; i < n; i++)
        if (l->crossings[i].there && !seen[i]) return false;
    return true;
}

/* Every second or third street of a grid is missing in a town that grew: takes out what leaves
 * three ways at each end and all in one piece. */
static void thin_streets(struct builder *b) {
    struct lattice *l = &b->lattice;
    size_t n = (size_t)l->columns * (size_t)l->rows;
    bool *seen = world_zeros(n, sizeof *seen);
    int *stack = world_zeros(n, sizeof *stack);
    for (int r = 0; r < l->rows; r++)
        for (int c = 0; c < l->columns; c++)
            for (int north = 0; north < 2; north++) {
                bool *way = street_at(l, c, r, north);
                int c2 = north ? c : c + 1, r2 = north ? r + 1 : r;
                if (!*way || noise_draw(&b->noise, 0, 1) > 0.28) continue;
                if (streets_of(l, c, r) < 4 || streets_of(l, c2, r2) < 4) continue;
                *way = false;
                if (!all_connected(l, seen, stack)) *way = true;
            }
    free(seen);
    free(stack);
}

static void join_crossings(struct lattice *l) {
    for (int r = 0; r < l->rows; r++)
        for (int c = 0; c < l->columns; c++) {
            const struct crossing *at = crossing_at(l, c, r), *e = crossing_at(l, c + 1, r),
                                  *n = crossing_at(l, c, r + 1);
            *street_at(l, c, r, false) = at->there && e && e->there;
            *street_at(l, c, r, true) = at->there && n && n->there;
        }
    /* The rounded outline leaves spurs: what has one way, or none, is no crossing. */
    for (bool changed = true; changed;) {
        changed = false;
        for (int r = 0; r < l->rows; r++)
            for (int c = 0; c < l->columns; c++) {
                struct crossing *at = crossing_at(l, c, r);
                if (!at->there || streets_of(l, c, r) > 1) continue;
                bool *all[] = {street_at(l, c, r, false), street_at(l, c - 1, r, false),
                               street_at(l, c, r, true), street_at(l, c, r - 1, true)};
                for (int k = 0; k < 4; k++)
                    if (all[k]) *all[k] = false;
                at->there = false;
                changed = true;
            }
    }
}

static void name_street(char name[48], bool north, int line) {
    static const char *const first[] = {
        "Alder", "Beacon",  "Candle",  "Drift",   "Ember",  "Fallow", "Gannet", "Heron",
        "Ingle", "Juniper", "Kelp",    "Lantern", "Marram", "Nettle", "Osprey", "Plover",
        "Quill", "Rook",    "Saltern", "Teasel",  "Umber",  "Vetch",  "Wicker", "Yarrow"};
    static const char *const last[] = {"Street", "Lane", "Road", "Row", "Walk"};
    int n = (int)(sizeof first / sizeof *first);
    int k = north ? line * 2 + 1 : line * 2;
    snprintf(name, 48, "%s %s", first[k % n], last[(k / n + k) % 5]);
}

/* Between two crossings a street bows to one side or the other; a point every 15 m or so. */
static void draw_street(struct builder *b, int c, int r, bool north) {
    const struct lattice *l = &b->lattice;
    struct point p = crossing_at(l, c, r)->at;
    struct point q = crossing_at(l, north ? c : c + 1, north ? r + 1 : r)->at, points[64];
    double dx = q.x - p.x, dy = q.y - p.y, length = hypot(dx, dy);
    double bow = noise_draw(&b->noise, -9, 9), twist = noise_draw(&b->noise, -4, 4);
    int n = (int)(length / 15) + 2;
    if (n > 64) n = 64;
    for (int k = 0; k < n; k++) {
        double t = (double)k / (n - 1);
        double aside = bow * sin(M_PI * t) + twist * sin(2 * M_PI * t);
        points[k] =
            (struct point){p.x + dx * t - dy / length * aside, p.y + dy * t + dx / length * aside};
    }
    points[0] = p, points[n - 1] = q;
    bool main_road = (north ? c : r) % 4 == 2;
    struct town *town = b->town;
    WORLD_PUSH(town->streets, town->shapes.streets_n, town->streets_capacity);
    struct town_street *street = &town->streets[town->shapes.streets_n];
    street->width_m = main_road ? 8 : 6;
    street->highway = main_road ? "tertiary" : "residential";
    name_street(street->name, north, north ? c : r);
    street->first = town->shapes.points_n;
    street->n = (size_t)n;
    shapes_add_street(&town->shapes, points, (size_t)n, street->width_m);
}

/* ----------------------------------------------------------------- buildings */

static int cell_of(const struct builder *b, double x) {
    int c = (int)floor(x / CELL_M) + b->columns / 2;
    return c < 1 ? 1 : c > b->columns - 2 ? b->columns - 2 : c;
}

static void list_add(struct list *list, size_t item) {
    WORLD_PUSH(list->items, list->n, list->capacity);
    list->items[list->n++] = (uint32_t)item;
}

static struct list *cell_at(const struct builder *b, struct list *lists, double x, double y) {
    return &lists[(size_t)cell_of(b, y) * (size_t)b->columns + (size_t)cell_of(b, x)];
}

static void mark_streets(struct builder *b) {
    const struct shapes *s = &b->town->shapes;
    for (size_t i = 0; i < s->streets_n; i++) {
        const struct street *street = &s->streets[i];
        for (size_t k = street->first; k + 1 < street->first + street->n; k++) {
            const struct point *p = &s->points[k], *q = p + 1;
            int n = (int)(hypot(q->x - p->x, q->y - p->y) / 3) + 1;
            for (int j = 0; j <= n; j++) {
                struct point at = {p->x + (q->x - p->x) * j / n, p->y + (q->y - p->y) * j / n};
                WORLD_PUSH(b->spots, b->spots_n, b->spots_capacity);
                b->spots[b->spots_n] = (struct spot){at, street->width_m / 2 + PAVEMENT_M + 1};
                list_add(cell_at(b, b->near_streets, at.x, at.y), b->spots_n++);
            }
        }
    }
}

static double outside(const struct plot *p, struct point at) {
    double dx = at.x - p->middle.x, dy = at.y - p->middle.y;
    double u = fabs(dx * p->ux + dy * p->uy) - p->half_width;
    double v = fabs(dy * p->ux - dx * p->uy) - p->half_depth;
    return hypot(fmax(u, 0), fmax(v, 0));
}

/* Do they overlap, or come nearer than `gap_m`? Rectangles are apart if an axis of one of them
 * tells them apart. */
static bool plots_touch(const struct plot *a, const struct plot *b, double gap_m) {
    const struct plot *both[2] = {a, b};
    double dx = b->middle.x - a->middle.x, dy = b->middle.y - a->middle.y;
    double turn_c = fabs(a->ux * b->ux + a->uy * b->uy),
           turn_s = fabs(a->ux * b->uy - a->uy * b->ux);
    for (int k = 0; k < 2; k++) {
        const struct plot *p = both[k], *q = both[1 - k];
        double u = fabs(dx * p->ux + dy * p->uy), v = fabs(dy * p->ux - dx * p->uy);
        double along = q->half_width * turn_c + q->half_depth * turn_s;
        double across = q->half_width * turn_s + q->half_depth * turn_c;
        if (u >= p->half_width + along + gap_m || v >= p->half_depth + across + gap_m) return false;
    }
    return true;
}

static bool is_free(const struct builder *b, const struct plot *p, double gap_m) {
    int reach = (int)ceil((hypot(p->half_width, p->half_depth) + 34) / CELL_M);
    int c0 = cell_of(b, p->middle.x), r0 = cell_of(b, p->middle.y);
    for (int r = r0 - reach; r <= r0 + reach; r++)
        for (int c = c0 - reach; c <= c0 + reach; c++) {
            if (r < 0 || c < 0 || r >= b->columns || c >= b->columns) continue;
            size_t cell = (size_t)r * (size_t)b->columns + (size_t)c;
            const struct list *spots = &b->near_streets[cell], *plots = &b->near_plots[cell];
            /* Spots stand up to 3 m apart: what a street keeps free ends no more than 0.4 m nearer
             * between them. */
            for (size_t k = 0; k < spots->n; k++) {
                const struct spot *spot = &b->spots[spots->items[k]];
                if (outside(p, spot->at) < spot->keep_m + 0.4) return false;
            }
            for (size_t k = 0; k < plots->n; k++)
                if (plots_touch(p, &b->plots[plots->items[k]], gap_m)) return false;
        }
    return true;
}

/* How a district builds. */
struct manner {
    const char *building;
    double width[2], depth[2], setback[2], gap[2], storeys[2];
    double built; /* share of the plots with a building */
    int repeats;  /* so many in a row may be of one style */
};

static const struct manner manners[DISTRICTS] = {
    [OLD_TOWN] = {"house", {6, 11}, {9, 13}, {1, 1.6}, {0.05, 0.1}, {2, 4}, 0.97, 1},
    [SHOPS] = {"retail", {8, 16}, {11, 18}, {1.2, 3}, {0.05, 1.5}, {2, 4}, 0.95, 1},
    [TERRACES] = {"terrace", {6, 8}, {8, 11}, {3, 5}, {0.05, 0.1}, {2, 3}, 0.93, 9},
    [VILLAS] = {"detached", {9, 14}, {9, 13}, {5, 9}, {4, 11}, {1, 2}, 0.9, 2},
    [BLOCKS] = {"apartments", {20, 38}, {12, 16}, {6, 12}, {8, 18}, {4, 8}, 0.92, 3},
    [WORKS] = {"industrial", {24, 52}, {18, 30}, {6, 12}, {7, 16}, {1, 2}, 0.88, 2},
    [PARK] = {"kiosk", {4, 7}, {4, 6}, {4, 9}, {20, 60}, {1, 1}, 0.3, 1}};

/* One of the district's share of the town's styles. */
static uint64_t choose_style(struct builder *b, enum district d) {
    uint64_t h = noise_next(&b->noise);
    int all = b->setup->styles;
    if (!all) return 1000000 + b->plots_n;
    int own = all / DISTRICTS > 0 ? all / DISTRICTS : 1;
    return (uint64_t)d * (uint64_t)own + h % (uint64_t)own;
}

static void build(struct builder *b, const struct plot *p, enum district d, uint64_t style,
                  double height_m) {
    struct town *t = b->town;
    double ax = p->ux * p->half_width, ay = p->uy * p->half_width;
    double bx = -p->uy * p->half_depth, by = p->ux * p->half_depth;
    struct point ring[4] = {{p->middle.x - ax - bx, p->middle.y - ay - by},
                            {p->middle.x + ax - bx, p->middle.y + ay - by},
                            {p->middle.x + ax + bx, p->middle.y + ay + by},
                            {p->middle.x - ax + bx, p->middle.y - ay + by}};
    WORLD_PUSH(t->buildings, t->shapes.buildings_n, t->buildings_capacity);
    t->buildings[t->shapes.buildings_n] = (struct town_building){manners[d].building, d};
    struct building like = {.height_m = height_m, .style = style};
    shapes_add_building(&t->shapes, ring, 4, false, &like);
    WORLD_PUSH(b->plots, b->plots_n, b->plots_capacity);
    b->plots[b->plots_n] = *p;
    list_add(cell_at(b, b->near_plots, p->middle.x, p->middle.y), b->plots_n++);
}

/* The point `along` metres down a street, and its direction. */
static struct point along_street(const struct shapes *s, const struct street *street, double along,
                                 double *ux, double *uy) {
    const struct point *p = &s->points[street->first];
    for (size_t k = 0;; k++) {
        double dx = p[k + 1].x - p[k].x, dy = p[k + 1].y - p[k].y, length = hypot(dx, dy);
        if (along > length && k + 2 < street->n) {
            along -= length;
            continue;
        }
        *ux = dx / length, *uy = dy / length;
        return (struct point){p[k].x + *ux * along, p[k].y + *uy * along};
    }
}

static double draw_from(struct builder *b, const double range[2]) {
    return noise_draw(&b->noise, range[0], range[1]);
}

static double draw_height(struct builder *b, const struct manner *m) {
    double storeys = round(draw_from(b, m->storeys));
    return 3.1 * storeys + noise_draw(&b->noise, 1, 2.5);
}

/* A row of buildings down one side of a street. */
static void line_street(struct builder *b, size_t number, int side) {
    const struct shapes *s = &b->town->shapes;
    const struct street street = s->streets[number];
    double length = 0, along = 4, ux, uy;
    for (size_t k = street.first; k + 1 < street.first + street.n; k++)
        length += hypot(s->points[k + 1].x - s->points[k].x, s->points[k + 1].y - s->points[k].y);
    struct point middle = along_street(s, &street, length / 2, &ux, &uy);
    enum district d =
        district_at(b, (struct point){middle.x - side * 30 * uy, middle.y + side * 30 * ux});
    const struct manner *m = &manners[d];
    double setback = draw_from(b, m->setback);
    uint64_t style = choose_style(b, d);
    int left = m->repeats;
    double height_m = draw_height(b, m);
    while (along < length - 8) {
        struct plot p = {.half_width = draw_from(b, m->width) / 2};
        p.half_depth = draw_from(b, m->depth) / 2;
        double step = 2 * p.half_width + draw_from(b, m->gap);
        struct point at = along_street(s, &street, along + p.half_width, &p.ux, &p.uy);
        double out = side * (street.width_m / 2 + PAVEMENT_M + 1.4 + setback + p.half_depth);
        p.middle = (struct point){at.x - out * p.uy, at.y + out * p.ux};
        if (left-- <= 0) {
            style = choose_style(b, d);
            left = m->repeats > 1 ? 1 + (int)(noise_next(&b->noise) % (uint64_t)m->repeats) : 0;
            height_m = draw_height(b, m);
        }
        bool wanted = noise_draw(&b->noise, 0, 1) < m->built;
        if (wanted && !is_free(b, &p, 0.02)) {
            along += 1.5;
            continue;
        }
        if (wanted) build(b, &p, d, style, height_m);
        along += step;
    }
}

static void open_lists(struct builder *b) {
    b->columns = 2 * (int)ceil(b->setup->size_m / CELL_M) + 8;
    size_t cells = (size_t)b->columns * (size_t)b->columns;
    b->near_streets = world_zeros(cells, sizeof *b->near_streets);
    b->near_plots = world_zeros(cells, sizeof *b->near_plots);
}

static void close_lists(struct builder *b) {
    size_t cells = (size_t)b->columns * (size_t)b->columns;
    for (size_t i = 0; i < cells; i++) {
        free(b->near_streets[i].items);
        free(b->near_plots[i].items);
    }
    free(b->near_streets);
    free(b->near_plots);
    free(b->spots);
    free(b->plots);
}

void town_build(struct town *t, const struct town_setup *setup) {
    struct builder b = {.town = t, .setup = setup, .noise = {noise_of(setup->seed, 1), 0}};
    *t = (struct town){0};
    plane_open(&t->shapes.plane, setup->lon_deg, setup->lat_deg);
    for (int k = 0; k < WAVES; k++) {
        double turn = noise_draw(&b.noise, 0, 2 * M_PI), wave_m = noise_draw(&b.noise, 700, 1500);
        b.wave[k][0] = 2 * M_PI / wave_m * cos(turn);
        b.wave[k][1] = 2 * M_PI / wave_m * sin(turn);
        b.wave[k][2] = noise_draw(&b.noise, 0, 2 * M_PI);
        b.wave[k][3] = noise_draw(&b.noise, -11, 11);
        b.wave[k][4] = noise_draw(&b.noise, -11, 11);
    }
    lay_lattice(&b);
    join_crossings(&b.lattice);
    thin_streets(&b);
    for (int r = 0; r < b.lattice.rows; r++)
        for (int c = 0; c < b.lattice.columns; c++)
            for (int north = 0; north < 2; north++)
                if (*street_at(&b.lattice, c, r, north)) draw_street(&b, c, r, north);
    open_lists(&b);
    mark_streets(&b);
    for (size_t i = 0; i < t->shapes.streets_n; i++)
        for (int side = -1; side <= 1; side += 2) line_street(&b, i, side);
    close_lists(&b);
    free(b.lattice.crossings);
    free(b.lattice.east);
    free(b.lattice.north);
}

void town_free(struct town *t) {
    shapes_free(&t->shapes);
    free(t->streets);
    free(t->buildings);
}
