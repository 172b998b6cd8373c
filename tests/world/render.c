#include "render.h"
#include "facade.h"
#include "noise.h"

#include <math.h>
#include <stdlib.h>

/* Nearer than this nothing is drawn. */
#define NEAR_M 0.05F
/* The clearest air ends here. */
#define FAR_MOST_M 5000.0F
/* Walls that a ray meets in one cell. */
#define HITS_MOST 16

/* What one picture's rows have in common. */
struct picture_rows {
    float slope;  /* of the ray through the row's middle */
    float ground; /* depth at which it meets the ground; INFINITY: it does not */
    float haze;   /* there */
    float sky[3];
};

struct view {
    const struct scene *scene;
    const struct light *light;
    struct picture *p;
    struct picture_rows *rows;
    float x, y, eye;        /* from the grid's corner */
    float ahead_x, ahead_y; /* the heading */
    float right_x, right_y;
    float tan_x, tan_y, tilt;
    float far;
    float haze[64]; /* share of haze by depth / far */
    float ground_light[3];
};

struct hit {
    float depth, at; /* at: [0, 1] along the wall */
    uint32_t wall;
};

void picture_open(struct picture *p, int width, int height) {
    size_t n = (size_t)width * (size_t)height;
    *p = (struct picture){.width = width, .height = height};
    p->rgb = world_zeros(n, 3);
    p->what = world_zeros(n, 1);
    p->depth = world_zeros(n, sizeof *p->depth);
    p->rows = world_zeros((size_t)height, sizeof *p->rows);
}

void picture_close(struct picture *p) {
    free(p->rgb);
    free(p->what);
    free(p->depth);
    free(p->rows);
}

/* ------------------------------------------------------------------ pixels */

/* What is drawn of one thing: its depth, and how much of it is haze. */
struct brush {
    enum what what;
    float depth, haze;
};

static uint8_t byte_of(float x) {
    return x <= 0 ? 0 : x >= 1 ? 255 : (uint8_t)(x * 255 + 0.5F);
}

static float haze_at(const struct view *v, float depth) {
    float at = depth / v->far * 63;
    return at < 63 ? v->haze[(int)at] : 1;
}

static struct brush brush_at(const struct view *v, enum what what, float depth) {
    return (struct brush){what, depth, haze_at(v, depth)};
}

static void put(const struct view *v, int row, int column, const float rgb[3],
                const struct brush *brush) {
    size_t i = (size_t)row * (size_t)v->p->width + (size_t)column;
    uint8_t *out = v->p->rgb + 3 * i;
    for (int c = 0; c < 3; c++)
        out[c] = byte_of(rgb[c] + (v->light->haze[c] - rgb[c]) * brush->haze);
    v->p->depth[i] = brush->depth;
    v->p->what[i] = (uint8_t)brush->what;
}

/* The first row whose middle lies at or below height z at this depth. */
static int row_below(const struct view *v, float z, float depth) {
    float slope = (z - v->eye) / depth - v->tilt;
    float y = (1 - slope / v->tan_y) * 0.5F * (float)v->p->height;
    if (y <= 0.5F) return 0;
    if (y >= (float)v->p->height) return v->p->height;
    return (int)ceilf(y - 0.5F);
}

/* ------------------------------------------------------------ ground and sky */

static void ground_colour(const struct view *v, float x, float y, float rgb[3]) {
    static const float colours[GROUND_KINDS][3] = {{0.36F, 0.47F, 0.22F},
                                                   {0.31F, 0.31F, 0.33F},
                                                   {0.58F, 0.56F, 0.53F},
                                                   {0.85F, 0.85F, 0.82F},
                                                   {0.55F, 0.50F, 0.42F}};
    const struct scene *s = v->scene;
    float side = (float)s->ground_m;
    int c = (int)floorf(x / side), r = (int)floorf(y / side);
    int kind = GROUND_GRASS;
    if (c >= 0 && r >= 0 && c < s->ground_columns && r < s->ground_rows)
        kind = s->ground[(size_t)r * (size_t)s->ground_columns + (size_t)c];
    uint32_t h = (uint32_t)c * 73856093u ^ (uint32_t)r * 19349663u;
    h = (h ^ h >> 15) * 0x2C1B3C6Du;
    float grain = (float)(h >> 24) * (1 / 255.0F);
    float shade = kind == GROUND_GRASS ? 0.8F + 0.35F * grain : 0.94F + 0.12F * grain;
    for (int k = 0; k < 3; k++) rgb[k] = colours[kind][k] * shade * v->ground_light[k];
}

/* Rows of a column that no wall covers, up to row `end`. */
static void draw_open(const struct view *v, int column, float dx, float dy, int from, int end) {
    static const float white[3] = {1, 0.95F, 0.85F};
    const struct light *l = v->light;
    float towards = (dx * l->sun_x + dy * l->sun_y) / sqrtf(dx * dx + dy * dy);
    float glow = towards > 0.9F && l->sun_z > -0.05F ? (towards - 0.9F) * 4 * (1 - l->night) : 0;
    for (int row = from; row < end; row++) {
        const struct picture_rows *at = &v->rows[row];
        float rgb[3];
        if (at->ground < v->far) {
            ground_colour(v, v->x + dx * at->ground, v->y + dy * at->ground, rgb);
            put(v, row, column, rgb, &(struct brush){WHAT_GROUND, at->ground, at->haze});
            continue;
        }
        size_t i = (size_t)row * (size_t)v->p->width + (size_t)column;
        const float *sky = at->ground < INFINITY ? l->haze : at->sky;
        for (int c = 0; c < 3; c++)
            v->p->rgb[3 * i + (size_t)c] = byte_of(sky[c] + (white[c] - sky[c]) * glow);
        v->p->depth[i] = INFINITY;
        v->p->what[i] = at->ground < INFINITY ? WHAT_GROUND : WHAT_SKY;
    }
}

/* ------------------------------------------------------------------- walls */

/* Draws what of a wall shows above what is drawn already (rows from *limit on), and the ground
 * before it. */
static void draw_wall(const struct view *v, int column, float dx, float dy, const struct hit *hit,
                      int *limit) {
    const struct wall *w = &v->scene->walls[hit->wall];
    const struct look *look = &v->scene->looks[w->building];
    float height = (float)v->scene->shapes->buildings[w->building].height_m;
    int base = row_below(v, 0, hit->depth), top = row_below(v, height, hit->depth);
    if (top >= *limit) return;
    if (base < *limit)
        draw_open(v, column, dx, dy, base, *limit);
    else
        base = *limit;
    const struct light *l = v->light;
    float slant = fmaxf(0, w->nx * l->sun_x + w->ny * l->sun_y), light[3];
    for (int c = 0; c < 3; c++) light[c] = l->ambient[c] + l->direct[c] * slant;
    float pixel = 2 * v->tan_x / (float)v->p->width * hit->depth;
    float facing = fabsf(dx * w->nx + dy * w->ny) / sqrtf(dx * dx + dy * dy);
    float tall = 2 * v->tan_y / (float)v->p->height * hit->depth;
    struct facade f;
    facade_enter(&f, look, light, l->night, w->along + hit->at * w->length,
                 pixel / fmaxf(facing, 0.05F));
    struct brush brush = brush_at(v, WHAT_WALL, hit->depth);
    for (int row = top; row < base; row++) {
        float rgb[3];
        facade_colour(&f, v->eye + v->rows[row].slope * hit->depth, tall, rgb);
        put(v, row, column, rgb, &brush);
    }
    *limit = top;
}

/* The walls of a cell that the ray meets while it is in it, nearest first. Walls seen from behind
 * do not count. */
static int hits_in_cell(const struct view *v, size_t cell, float dx, float dy, float from, float to,
                        struct hit hits[HITS_MOST]) {
    const struct scene *s = v->scene;
    float ox = v->x + (float)s->x0, oy = v->y + (float)s->y0;
    int n = 0;
    for (uint32_t k = s->first[cell]; k < s->first[cell + 1]; k++) {
        const struct wall *w = &s->walls[s->in_cell[k]];
        float turn = dx * w->nx + dy * w->ny;
        if (turn >= 0) continue;
        float px = w->x - ox, py = w->y - oy;
        float depth = (px * w->nx + py * w->ny) / turn;
        if (depth < from || depth >= to || depth < NEAR_M) continue;
        float qx = dx * depth - px, qy = dy * depth - py;
        float at = (qx * w->dx + qy * w->dy) / (w->length * w->length);
        if (at < 0 || at > 1 || n == HITS_MOST) continue;
        int i = n++;
        for (; i > 0 && hits[i - 1].depth > depth; i--) hits[i] = hits[i - 1];
        hits[i] = (struct hit){depth, at, s->in_cell[k]};
    }
    return n;
}

/* A walk through the grid's cells along the ray (Amanatides and Woo). */
static void draw_column(const struct view *v, int column) {
    const struct scene *s = v->scene;
    const float cell_m = (float)SCENE_CELL_M;
    float sx = ((float)column + 0.5F) / (float)v->p->width * 2 - 1;
    float dx = v->ahead_x + sx * v->tan_x * v->right_x;
    float dy = v->ahead_y + sx * v->tan_x * v->right_y;
    int c = (int)floorf(v->x / cell_m), r = (int)floorf(v->y / cell_m);
    int step_c = dx > 0 ? 1 : -1, step_r = dy > 0 ? 1 : -1;
    float each_c = dx != 0 ? cell_m / fabsf(dx) : INFINITY;
    float each_r = dy != 0 ? cell_m / fabsf(dy) : INFINITY;
    float next_c = dx != 0 ? ((float)(c + (dx > 0)) * cell_m - v->x) / dx : INFINITY;
    float next_r = dy != 0 ? ((float)(r + (dy > 0)) * cell_m - v->y) / dy : INFINITY;
    float from = 0;
    int limit = v->p->height;
    while (from < v->far && limit > 0) {
        float to = fminf(next_c, next_r);
        if (c >= 0 && r >= 0 && c < s->columns && r < s->rows) {
            struct hit hits[HITS_MOST];
            size_t cell = (size_t)r * (size_t)s->columns + (size_t)c;
            int n = hits_in_cell(v, cell, dx, dy, from, to, hits);
            for (int i = 0; i < n; i++) draw_wall(v, column, dx, dy, &hits[i], &limit);
            /* Nothing further off is high enough to show. */
            if (n && row_below(v, s->tallest_m, to) >= limit && s->tallest_m >= v->eye) break;
        }
        from = to;
        if (next_c < next_r)
            c += step_c, next_c += each_c;
        else
            r += step_r, next_r += each_r;
    }
    draw_open(v, column, dx, dy, 0, limit);
}

/* ------------------------------------------------------- trees and vehicles */

static bool hidden(const struct view *v, int row, int column, float depth) {
    return v->p->depth[(size_t)row * (size_t)v->p->width + (size_t)column] <= depth;
}

/* Columns whose middles lie between two lateral slopes. */
static void column_range(const struct view *v, float left, float right, int *from, int *end) {
    float w = (float)v->p->width;
    float a = ceilf((left / v->tan_x + 1) * 0.5F * w - 0.5F);
    float b = ceilf((right / v->tan_x + 1) * 0.5F * w - 0.5F);
    *from = a < 0 ? 0 : a > w ? (int)w : (int)a;
    *end = b < 0 ? 0 : b > w ? (int)w : (int)b;
}

/* A trunk and a ragged crown that always face the camera. */
static void draw_tree(const struct view *v, const struct tree *t) {
    const struct scene *s = v->scene;
    const struct light *l = v->light;
    float px = t->x - (float)s->x0 - v->x, py = t->y - (float)s->y0 - v->y;
    float depth = px * v->ahead_x + py * v->ahead_y, side = px * v->right_x + py * v->right_y;
    if (depth < 1.5F || depth > fminf(v->far, 90)) return;
    int from, end;
    column_range(v, (side - t->radius) / depth, (side + t->radius) / depth, &from, &end);
    float low = 0.28F * t->height, middle = (t->height + low) / 2, half = (t->height - low) / 2;
    float green = 0.30F + 0.12F * (float)(t->seed % 7) / 7;
    int base = row_below(v, 0, depth), top = row_below(v, t->height, depth);
    struct brush brush = brush_at(v, WHAT_TREE, depth);
    for (int column = from; column < end; column++) {
        float sx = ((float)column + 0.5F) / (float)v->p->width * 2 - 1;
        float u = (sx * v->tan_x * depth - side) / t->radius;
        for (int row = top; row < base; row++) {
            float z = v->eye + v->rows[row].slope * depth, w = (z - middle) / half;
            bool trunk = fabsf(u) * t->radius < 0.16F && z < middle;
            uint32_t leaf = t->seed + (uint32_t)(int)floorf(u * 4) * 73856093u +
                            (uint32_t)(int)floorf(w * 4) * 19349663u;
            float grain = (float)(noise_mix(leaf) >> 56) * (1 / 255.0F);
            bool crown = u * u + w * w < 0.75F + 0.35F * grain;
            if (!(trunk || crown) || hidden(v, row, column, depth)) continue;
            float shade = crown ? (0.65F + 0.5F * grain) * (1 + 0.25F * w) : 1, rgb[3];
            const float colour[3] = {crown ? 0.20F : 0.30F, crown ? green : 0.23F,
                                     crown ? 0.12F : 0.17F};
            for (int c = 0; c < 3; c++)
                rgb[c] = colour[c] * shade *
                         (l->ambient[c] + 0.6F * l->direct[c] * fmaxf(0.2F, l->sun_z));
            put(v, row, column, rgb, &brush);
        }
    }
}

/* The trees in the cells about the part of the view within 90 m. */
static void draw_trees(const struct view *v) {
    const struct scene *s = v->scene;
    const float reach = fminf(v->far, 90), cell_m = (float)SCENE_TREE_CELL_M;
    float x[3] = {v->x, 0, 0}, y[3] = {v->y, 0, 0};
    for (int k = 1; k < 3; k++) {
        float side = (k == 1 ? -1.1F : 1.1F) * v->tan_x;
        x[k] = v->x + reach * (v->ahead_x + side * v->right_x);
        y[k] = v->y + reach * (v->ahead_y + side * v->right_y);
    }
    float x1 = fminf(fminf(x[0], x[1]), x[2]), x2 = fmaxf(fmaxf(x[0], x[1]), x[2]);
    float y1 = fminf(fminf(y[0], y[1]), y[2]), y2 = fmaxf(fmaxf(y[0], y[1]), y[2]);
    int c1 = (int)fmaxf(0, x1 / cell_m), c2 = (int)fminf((float)s->tree_columns - 1, x2 / cell_m);
    int r1 = (int)fmaxf(0, y1 / cell_m), r2 = (int)fminf((float)s->tree_rows - 1, y2 / cell_m);
    for (int r = r1; r <= r2; r++)
        for (int c = c1; c <= c2; c++) {
            size_t cell = (size_t)r * (size_t)s->tree_columns + (size_t)c;
            for (uint32_t k = s->tree_first[cell]; k < s->tree_first[cell + 1]; k++)
                draw_tree(v, &s->trees[k]);
        }
}

/* Colours of a vehicle, drawn from its seed once. */
struct paint {
    float body[3], stripe[3];
    float stripe_low, stripe_high;
};

static void paint_make(struct paint *paint, uint64_t seed) {
    for (int c = 0; c < 3; c++) {
        paint->body[c] = (float)noise_between(noise_of(seed, (uint64_t)c), 0.1, 0.95);
        paint->stripe[c] = (float)noise_between(noise_of(seed, 3 + (uint64_t)c), 0.05, 1);
    }
    paint->stripe_low = (float)noise_between(noise_of(seed, 6), 0.8, 2.2);
    paint->stripe_high = paint->stripe_low + (float)noise_between(noise_of(seed, 7), 0.2, 1.2);
}

/* `end`: its front or back; `at`: [-1, 1] across the face. */
static void vehicle_colour(const struct vehicle *vehicle, const struct paint *paint, bool end,
                           float at, float z, float rgb[3]) {
    static const float dark[3] = {0.06F, 0.06F, 0.07F}, glass[3] = {0.15F, 0.19F, 0.24F};
    static const float red[3] = {0.75F, 0.05F, 0.05F};
    float h = (float)vehicle->height_m;
    bool tall = vehicle->kind == VEHICLE_LORRY || vehicle->kind == VEHICLE_BUS;
    const float *colour = paint->body;
    if (z < (tall ? 0.5F : 0.3F))
        colour = dark;
    else if (end && z > 0.6F && z < 0.95F && fabsf(at) > 0.8F)
        colour = red;
    else if (vehicle->kind == VEHICLE_BUS && z > 1.3F && z < h - 0.6F && fabsf(at) < 0.94F)
        colour = glass;
    else if (!tall && z > 0.58F * h && z < 0.93F * h && fabsf(at) < 0.88F)
        colour = glass;
    else if (tall && z > paint->stripe_low && z < paint->stripe_high)
        colour = paint->stripe;
    else if (vehicle->kind == VEHICLE_LORRY && end && fabsf(at) < 0.02F)
        colour = dark;
    for (int c = 0; c < 3; c++) rgb[c] = colour[c];
}

/* Where a ray from (ox, oy) enters the box [-hx, hx] x [-hy, hy], in the box's own axes; the face
 * in *across: true for front and back. */
static bool enter_box(float ox, float oy, float dx, float dy, float hx, float hy, float *depth,
                      bool *across) {
    float ax = (-hx - ox) / dx, bx = (hx - ox) / dx, ay = (-hy - oy) / dy, by = (hy - oy) / dy;
    float in_x = fminf(ax, bx), in_y = fminf(ay, by);
    float in = fmaxf(in_x, in_y), out = fminf(fmaxf(ax, bx), fmaxf(ay, by));
    *depth = in;
    *across = in_y > in_x;
    return in < out && in > NEAR_M;
}

static void draw_vehicle(const struct view *v, const struct vehicle *vehicle) {
    float turn = (float)(vehicle->heading_deg * (M_PI / 180));
    float fx = sinf(turn), fy = cosf(turn); /* its length; its right is (fy, -fx) */
    float px = v->x + (float)(v->scene->x0 - vehicle->x);
    float py = v->y + (float)(v->scene->y0 - vehicle->y);
    float oy = px * fx + py * fy, ox = px * fy - py * fx;
    float hx = (float)vehicle->width_m / 2, hy = (float)vehicle->length_m / 2;
    float reach = hypotf(hx, hy), far = hypotf(ox, oy);
    float ahead = -(px * v->ahead_x + py * v->ahead_y);
    if (ahead + reach < NEAR_M || far - reach > v->far) return;
    struct paint paint;
    paint_make(&paint, vehicle->seed);
    for (int column = 0; column < v->p->width; column++) {
        float side = (((float)column + 0.5F) / (float)v->p->width * 2 - 1) * v->tan_x;
        float wx = v->ahead_x + side * v->right_x, wy = v->ahead_y + side * v->right_y;
        float dx = wx * fy - wy * fx, dy = wx * fx + wy * fy, depth;
        bool end;
        if (!enter_box(ox, oy, dx, dy, hx, hy, &depth, &end) || depth > v->far) continue;
        float at = end ? (ox + dx * depth) / hx : (oy + dy * depth) / hy;
        float nx = end ? (dy > 0 ? -fx : fx) : (dx > 0 ? -fy : fy);
        float ny = end ? (dy > 0 ? -fy : fy) : (dx > 0 ? fx : -fx);
        float slant = fmaxf(0, nx * v->light->sun_x + ny * v->light->sun_y);
        int base = row_below(v, 0, depth), top = row_below(v, (float)vehicle->height_m, depth);
        struct brush brush = brush_at(v, WHAT_VEHICLE, depth);
        for (int row = top; row < base; row++) {
            float rgb[3];
            if (hidden(v, row, column, depth)) continue;
            vehicle_colour(vehicle, &paint, end, at, v->eye + v->rows[row].slope * depth, rgb);
            for (int c = 0; c < 3; c++)
                rgb[c] *= v->light->ambient[c] + v->light->direct[c] * slant;
            put(v, row, column, rgb, &brush);
        }
    }
}

/* ------------------------------------------------------------------- a view */

static void view_enter(struct view *v, const struct camera *camera) {
    double turn = camera->heading_deg * (M_PI / 180);
    v->x = (float)(camera->x - v->scene->x0);
    v->y = (float)(camera->y - v->scene->y0);
    v->eye = (float)camera->eye_m;
    v->ahead_x = (float)sin(turn), v->ahead_y = (float)cos(turn);
    v->right_x = v->ahead_y, v->right_y = -v->ahead_x;
    v->tan_x = (float)tan(camera->fov_deg * (M_PI / 360));
    v->tan_y = v->tan_x / (float)camera->aspect;
    v->tilt = (float)camera->tilt;
    v->far = fminf(v->light->haze_m, FAR_MOST_M);
    for (int c = 0; c < 3; c++)
        v->ground_light[c] = v->light->ambient[c] + v->light->direct[c] * fmaxf(0, v->light->sun_z);
    for (int i = 0; i < 64; i++) v->haze[i] = powf((float)i / 63, 1.7F);
    for (int row = 0; row < v->p->height; row++) {
        struct picture_rows *at = &v->rows[row];
        at->slope = (1 - ((float)row + 0.5F) / (float)v->p->height * 2) * v->tan_y + v->tilt;
        at->ground = at->slope < 0 ? v->eye / -at->slope : INFINITY;
        at->haze = haze_at(v, at->ground);
        float up = fminf(1, fmaxf(0, at->slope) * 1.6F);
        float thick = v->far < 100 ? 1 : 0; /* in mist the sky is mist */
        for (int c = 0; c < 3; c++) {
            float sky = v->light->horizon[c] + (v->light->zenith[c] - v->light->horizon[c]) * up;
            at->sky[c] = sky + (v->light->haze[c] - sky) * thick;
        }
    }
}

void render(const struct scene *s, const struct camera *camera, const struct light *light,
            const struct vehicle *vehicles, size_t vehicles_n, struct picture *p) {
    struct view v = {.scene = s, .light = light, .p = p, .rows = p->rows};
    view_enter(&v, camera);
    for (int column = 0; column < p->width; column++) draw_column(&v, column);
    draw_trees(&v);
    for (size_t i = 0; i < vehicles_n; i++) draw_vehicle(&v, &vehicles[i]);
    for (int k = 0; k < WHAT_KINDS; k++) p->counts[k] = 0;
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++) p->counts[p->what[i]]++;
}
