#include "looks.h"
#include "noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Ground cells are 1 m, or coarser where that would be more than 64 million. */
#define GROUND_CELLS_MOST 64e6
/* What lies around the outermost thing. */
#define MARGIN_M 60.0

static int clamp_cell(double at, int n) {
    return at < 0 ? 0 : at >= n ? n - 1 : (int)at;
}

/* ------------------------------------------------------------------- walls */

static void make_walls(struct scene *s) {
    const struct shapes *shapes = s->shapes;
    size_t n = 0;
    for (size_t b = 0; b < shapes->buildings_n; b++) n += shapes->buildings[b].n;
    s->walls = world_zeros(n, sizeof *s->walls);
    for (size_t b = 0; b < shapes->buildings_n; b++) {
        const struct building *building = &shapes->buildings[b];
        const struct point *ring = shapes->points + building->first;
        double along = 0;
        for (size_t i = 0; i < building->n; i++) {
            const struct point *p = &ring[i], *q = &ring[(i + 1) % building->n];
            double dx = q->x - p->x, dy = q->y - p->y, length = hypot(dx, dy);
            if (length < 0.01) continue;
            s->walls[s->walls_n++] =
                (struct wall){(float)p->x,   (float)p->y,          (float)dx,
                              (float)dy,     (float)(dy / length), (float)(-dx / length),
                              (float)length, (float)along,         (uint32_t)b};
            along += length;
        }
        s->tallest_m = fmaxf(s->tallest_m, (float)building->height_m);
    }
}

/* Does the wall touch the cell? Their separation along the wall's normal decides; the caller has
 * compared the boxes. */
static bool touches(const struct wall *w, double x, double y) {
    double half = SCENE_CELL_M / 2, cx = x + half - w->x, cy = y + half - w->y;
    double apart = fabs(cx * w->nx + cy * w->ny);
    return apart <= half * (fabs((double)w->nx) + fabs((double)w->ny)) + 0.01;
}

typedef void wall_in_cell(struct scene *s, size_t wall, size_t cell);

static void count_wall(struct scene *s, size_t wall, size_t cell) {
    (void)wall;
    s->first[cell + 1]++;
}

/* `first` has been moved on by one cell: first[cell + 1] is where the cell's next wall goes. */
static void put_wall(struct scene *s, size_t wall, size_t cell) {
    s->in_cell[s->first[cell + 1]++] = (uint32_t)wall;
}

static void each_cell(struct scene *s, wall_in_cell *visit) {
    const double pad = 0.02; /* float corners */
    for (size_t i = 0; i < s->walls_n; i++) {
        const struct wall *w = &s->walls[i];
        double x1 = fmin(w->x, w->x + w->dx) - s->x0, x2 = fmax(w->x, w->x + w->dx) - s->x0;
        double y1 = fmin(w->y, w->y + w->dy) - s->y0, y2 = fmax(w->y, w->y + w->dy) - s->y0;
        int left = clamp_cell((x1 - pad) / SCENE_CELL_M, s->columns);
        int right = clamp_cell((x2 + pad) / SCENE_CELL_M, s->columns);
        int low = clamp_cell((y1 - pad) / SCENE_CELL_M, s->rows);
        int high = clamp_cell((y2 + pad) / SCENE_CELL_M, s->rows);
        for (int r = low; r <= high; r++)
            for (int c = left; c <= right; c++)
                if (touches(w, s->x0 + c * SCENE_CELL_M, s->y0 + r * SCENE_CELL_M))
                    visit(s, i, (size_t)r * (size_t)s->columns + (size_t)c);
    }
}

static void fill_grid(struct scene *s) {
    size_t cells = (size_t)s->columns * (size_t)s->rows;
    s->first = world_zeros(cells + 2, sizeof *s->first);
    each_cell(s, count_wall);
    for (size_t c = 0; c < cells; c++) s->first[c + 1] += s->first[c];
    s->in_cell = world_zeros(s->first[cells], sizeof *s->in_cell);
    memmove(s->first + 1, s->first, cells * sizeof *s->first);
    each_cell(s, put_wall);
}

/* ------------------------------------------------------------------ ground */

static void set_ground(struct scene *s, double x, double y, enum ground kind, bool over) {
    double c = (x - s->x0) / s->ground_m, r = (y - s->y0) / s->ground_m;
    if (c < 0 || r < 0 || c >= s->ground_columns || r >= s->ground_rows) return;
    uint8_t *cell = &s->ground[(size_t)r * (size_t)s->ground_columns + (size_t)c];
    if (over || *cell == GROUND_GRASS) *cell = (uint8_t)kind;
}

/* Paints the strip of a street's segments between two distances from its middle. */
static void paint_strip(struct scene *s, const struct street *street, double half, double from,
                        enum ground kind, bool over) {
    const struct point *p = s->shapes->points + street->first;
    double step = 0.5 * s->ground_m;
    for (size_t i = 0; i + 1 < street->n; i++) {
        double dx = p[i + 1].x - p[i].x, dy = p[i + 1].y - p[i].y, length = hypot(dx, dy);
        if (length == 0) continue;
        dx /= length, dy /= length;
        for (double along = -from; along <= length + from; along += step)
            for (double aside = -half; aside <= half; aside += step)
                set_ground(s, p[i].x + dx * along - dy * aside, p[i].y + dy * along + dx * aside,
                           kind, over);
    }
}

/* A dash of 3 m every 9 m down the middle. */
static void paint_dashes(struct scene *s, const struct street *street) {
    const struct point *p = s->shapes->points + street->first;
    double done = 0;
    for (size_t i = 0; i + 1 < street->n; i++) {
        double dx = p[i + 1].x - p[i].x, dy = p[i + 1].y - p[i].y, length = hypot(dx, dy);
        for (double along = 0; along < length; along += 0.5)
            if (fmod(done + along, 9) < 3)
                set_ground(s, p[i].x + dx * along / length, p[i].y + dy * along / length,
                           GROUND_MARK, true);
        done += length;
    }
}

static void paint_yards(struct scene *s, uint64_t seed) {
    for (size_t i = 0; i < s->walls_n; i++) {
        const struct wall *w = &s->walls[i];
        if (noise_unit(noise_of(seed, w->building)) < 0.5) continue;
        for (double along = 0; along < w->length; along += 0.5)
            for (double out = 0; out < 5; out += 0.5)
                set_ground(s, w->x + w->dx * along / w->length + w->nx * out,
                           w->y + w->dy * along / w->length + w->ny * out, GROUND_YARD, false);
    }
}

static void paint_ground(struct scene *s, double width_m, double height_m, uint64_t seed) {
    s->ground_m = fmax(1, sqrt(width_m * height_m / GROUND_CELLS_MOST));
    s->ground_columns = (int)(width_m / s->ground_m) + 1;
    s->ground_rows = (int)(height_m / s->ground_m) + 1;
    s->ground = world_zeros((size_t)s->ground_columns * (size_t)s->ground_rows, 1);
    const struct shapes *shapes = s->shapes;
    paint_yards(s, noise_of(seed, 31));
    for (size_t i = 0; i < shapes->streets_n; i++)
        paint_strip(s, &shapes->streets[i], shapes->streets[i].width_m / 2 + 2, 2, GROUND_PAVEMENT,
                    true);
    for (size_t i = 0; i < shapes->streets_n; i++)
        paint_strip(s, &shapes->streets[i], shapes->streets[i].width_m / 2, 1, GROUND_ROAD, true);
    for (size_t i = 0; i < shapes->streets_n; i++)
        if (shapes->streets[i].width_m > 5) paint_dashes(s, &shapes->streets[i]);
}

/* ------------------------------------------------------------------- trees */

struct grove {
    struct scene *scene;
    struct tree *trees;
    size_t n, capacity;
};

static enum ground ground_at(const struct scene *s, double x, double y) {
    int c = clamp_cell((x - s->x0) / s->ground_m, s->ground_columns);
    int r = clamp_cell((y - s->y0) / s->ground_m, s->ground_rows);
    return (enum ground)s->ground[(size_t)r * (size_t)s->ground_columns + (size_t)c];
}

/* Is a wall within `least_m`? */
static bool near_wall(const struct scene *s, double x, double y, double least_m) {
    int c0 = clamp_cell((x - least_m - s->x0) / SCENE_CELL_M, s->columns);
    int c1 = clamp_cell((x + least_m - s->x0) / SCENE_CELL_M, s->columns);
    int r0 = clamp_cell((y - least_m - s->y0) / SCENE_CELL_M, s->rows);
    int r1 = clamp_cell((y + least_m - s->y0) / SCENE_CELL_M, s->rows);
    for (int r = r0; r <= r1; r++)
        for (int c = c0; c <= c1; c++) {
            size_t cell = (size_t)r * (size_t)s->columns + (size_t)c;
            for (uint32_t k = s->first[cell]; k < s->first[cell + 1]; k++) {
                const struct wall *w = &s->walls[s->in_cell[k]];
                double px = x - w->x, py = y - w->y;
                double t = (px * w->dx + py * w->dy) / (w->length * w->length);
                t = fmax(0, fmin(1, t));
                if (hypot(px - t * w->dx, py - t * w->dy) < least_m) return true;
            }
        }
    return false;
}

static void plant(struct grove *g, double x, double y, uint64_t h) {
    double radius = noise_between(noise_of(h, 1), 1.0, 2.3);
    if (near_wall(g->scene, x, y, radius)) return;
    WORLD_PUSH(g->trees, g->n, g->capacity);
    g->trees[g->n++] = (struct tree){(float)x, (float)y, (float)radius,
                                     (float)noise_between(noise_of(h, 2), 4, 9), (uint32_t)h};
}

/* Rows of trees at the kerb of some streets, single ones along others. */
static void plant_avenues(struct grove *g, uint64_t seed) {
    const struct shapes *shapes = g->scene->shapes;
    for (size_t i = 0; i < shapes->streets_n; i++) {
        const struct street *street = &shapes->streets[i];
        uint64_t h = noise_of(seed, i);
        double often = noise_unit(noise_of(h, 0)) < 0.3 ? 0.7 : 0.12;
        for (size_t k = 0; k + 1 < street->n; k++) {
            const struct point *p = &shapes->points[street->first + k], *q = p + 1;
            double length = hypot(q->x - p->x, q->y - p->y);
            for (double along = 4; along < length; along += 11)
                for (int side = -1; side <= 1; side += 2) {
                    uint64_t one = noise_of(noise_of(h, k), (uint64_t)(2 * along) + (side > 0));
                    double out = side * (street->width_m / 2 + 1.6);
                    double x = p->x + ((q->x - p->x) * along - (q->y - p->y) * out) / length;
                    double y = p->y + ((q->y - p->y) * along + (q->x - p->x) * out) / length;
                    if (noise_unit(one) < often && ground_at(g->scene, x, y) != GROUND_ROAD)
                        plant(g, x, y, one);
                }
        }
    }
}

/* Open land carries scattered trees. */
static void plant_meadows(struct grove *g, uint64_t seed) {
    const struct scene *s = g->scene;
    double width = s->columns * SCENE_CELL_M, height = s->rows * SCENE_CELL_M;
    for (int r = 0; r < (int)(height / 14); r++)
        for (int c = 0; c < (int)(width / 14); c++) {
            uint64_t h = noise_of(noise_of(seed, (uint64_t)r), (uint64_t)c);
            double x = s->x0 + 14 * (c + noise_unit(noise_of(h, 3)));
            double y = s->y0 + 14 * (r + noise_unit(noise_of(h, 4)));
            if (noise_unit(h) < 0.2 && ground_at(s, x, y) == GROUND_GRASS) plant(g, x, y, h);
        }
}

static size_t tree_cell(const struct scene *s, const struct tree *t) {
    int c = clamp_cell((t->x - s->x0) / SCENE_TREE_CELL_M, s->tree_columns);
    int r = clamp_cell((t->y - s->y0) / SCENE_TREE_CELL_M, s->tree_rows);
    return (size_t)r * (size_t)s->tree_columns + (size_t)c;
}

static void plant_trees(struct scene *s, uint64_t seed) {
    struct grove g = {.scene = s};
    plant_avenues(&g, noise_of(seed, 41));
    plant_meadows(&g, noise_of(seed, 42));
    s->tree_columns = (int)(s->columns * SCENE_CELL_M / SCENE_TREE_CELL_M) + 1;
    s->tree_rows = (int)(s->rows * SCENE_CELL_M / SCENE_TREE_CELL_M) + 1;
    size_t cells = (size_t)s->tree_columns * (size_t)s->tree_rows;
    s->tree_first = world_zeros(cells + 2, sizeof *s->tree_first);
    s->trees = world_zeros(g.n, sizeof *s->trees);
    s->trees_n = g.n;
    for (size_t i = 0; i < g.n; i++) s->tree_first[tree_cell(s, &g.trees[i]) + 2]++;
    for (size_t c = 0; c < cells; c++) s->tree_first[c + 2] += s->tree_first[c + 1];
    for (size_t i = 0; i < g.n; i++)
        s->trees[s->tree_first[tree_cell(s, &g.trees[i]) + 1]++] = g.trees[i];
    free(g.trees);
}

void scene_build(struct scene *s, const struct shapes *shapes, uint64_t seed) {
    *s = (struct scene){.shapes = shapes};
    s->x0 = shapes->low.x - MARGIN_M;
    s->y0 = shapes->low.y - MARGIN_M;
    double width_m = shapes->high.x + MARGIN_M - s->x0;
    double height_m = shapes->high.y + MARGIN_M - s->y0;
    if (!(width_m < 100e3 && height_m < 100e3))
        world_die("%.0f x %.0f km is too large for one world: choose a part", width_m / 1000,
                  height_m / 1000);
    s->columns = (int)(width_m / SCENE_CELL_M) + 1;
    s->rows = (int)(height_m / SCENE_CELL_M) + 1;
    s->looks = world_zeros(shapes->buildings_n, sizeof *s->looks);
    for (size_t b = 0; b < shapes->buildings_n; b++)
        look_make(&s->looks[b], &shapes->buildings[b], noise_of(seed, 11), b);
    make_walls(s);
    fill_grid(s);
    paint_ground(s, width_m, height_m, seed);
    plant_trees(s, seed);
}

void scene_free(struct scene *s) {
    free(s->looks);
    free(s->walls);
    free(s->first);
    free(s->in_cell);
    free(s->trees);
    free(s->tree_first);
    free(s->ground);
}
