#include "drive.h"
#include "noise.h"

#include <math.h>
#include <stdlib.h>

/* The way goes on before the first frame and after the last, for those who come the other way. */
#define LEAD_M 90.0
#define VEHICLES_MOST 96
/* Frames that mist hides in a row, on average. */
#define MIST_FRAMES 4.0
/* Fractional part of the golden ratio: its multiples spread evenly over [0, 1). */
#define GOLDEN 0.61803398874989485

enum draw {
    DRAW_WALK = 1,
    DRAW_HOUR,
    DRAW_SKY,
    DRAW_STATE,
    DRAW_PARKED,
    DRAW_ONCOMING,
    DRAW_AHEAD,
    DRAW_SHAKE,
    DRAW_SCREEN,
    DRAW_POSE
};

/* ------------------------------------------------------------------ the plan */

/* Training and held-out drives never share an hour: the ones drive in even hours, the others in odd
 * ones, and are there before their hour ends (but for drives longer than it). */
static double choose_hour(const struct drive_setup *setup, uint64_t h) {
    double low = setup->hour_low, high = setup->hour_high;
    if (high <= low) return low;
    double hour = noise_between(noise_of(h, 0), low, high);
    if (!setup->whole_hours) return hour;
    double first = 2 * ceil((low - setup->hold_out) / 2) + setup->hold_out;
    double n = floor((high - first - 1) / 2) + 1;
    if (n < 1)
        world_die("no %s hour between %g and %g", setup->hold_out ? "odd" : "even", low, high);
    double last = fmax(0, 1 - (double)setup->frames / setup->fps / 3600);
    return first + 2 * floor(noise_unit(noise_of(h, 1)) * n) +
           fmin(noise_unit(noise_of(h, 2)), last);
}

/* A chain of two states whose long-run share is `share`, in runs of `run` frames on average. */
static void mark_runs(uint8_t *state, size_t n, double share, double run, enum frame_state what,
                      uint64_t h) {
    if (share <= 0) return;
    double end = share < 1 ? fmin(1 / run, (1 - share) / share) : 0;
    double begin = share < 1 ? share * end / (1 - share) : 1;
    bool on = noise_unit(noise_of(h, n)) < share;
    for (size_t i = 0; i < n; i++) {
        if (on) state[i] = (uint8_t)what;
        double u = noise_unit(noise_of(h, i));
        on = on ? u >= end : u < begin;
    }
}

static uint64_t drive_seed(const struct drive_setup *setup, size_t number) {
    return noise_of(noise_of(setup->seed, setup->hold_out ? 2 : 1), number);
}

static void set_light(struct drive *d, double hour) {
    double sky = noise_unit(noise_of(d->seed, DRAW_SKY));
    d->hour = hour;
    light_at(&d->light, hour, d->setup->overcast >= 0 ? d->setup->overcast : sky * sky);
    d->mist = d->light;
    d->mist.haze_m = (float)noise_between(noise_of(d->seed, DRAW_SKY + 64), 5, 9);
}

void drive_plan(struct drive *d, const struct drive_setup *setup, const struct graph *g,
                size_t number) {
    *d = (struct drive){.setup = setup, .seed = drive_seed(setup, number)};
    double start = noise_unit(noise_of(setup->seed, setup->hold_out ? 4 : 3));
    start = fmod(start + GOLDEN * (double)number, 1);
    double length = (double)(setup->frames - 1) * setup->spacing_m + 2 * LEAD_M;
    path_walk(&d->path, g, start, length, noise_of(d->seed, DRAW_WALK));
    set_light(d, choose_hour(setup, noise_of(d->seed, DRAW_HOUR)));
    d->state = world_zeros(setup->frames, 1);
    mark_runs(d->state, setup->frames, setup->mist, MIST_FRAMES, FRAME_MIST,
              noise_of(d->seed, DRAW_STATE + 64));
    mark_runs(d->state, setup->frames, setup->hidden, setup->hidden_run, FRAME_HIDDEN,
              noise_of(d->seed, DRAW_STATE));
}

void drive_free(struct drive *d) {
    path_free(&d->path);
    free(d->state);
}

/* ----------------------------------------------------------------- traffic */

struct traffic {
    struct vehicle list[VEHICLES_MOST];
    size_t n;
};

static void add_vehicle(struct traffic *t, struct pose at, bool towards, uint64_t h) {
    static const double length[] = {4.3, 5.4, 8, 11}, width[] = {1.8, 2.0, 2.5, 2.5};
    static const double height[] = {1.5, 2.3, 3.5, 3.1};
    double u = noise_unit(noise_of(h, 9));
    enum vehicle_kind kind = u < 0.75   ? VEHICLE_CAR
                             : u < 0.9  ? VEHICLE_VAN
                             : u < 0.96 ? VEHICLE_LORRY
                                        : VEHICLE_BUS;
    if (t->n == VEHICLES_MOST) return;
    t->list[t->n++] = (struct vehicle){at.at.x,
                                       at.at.y,
                                       at.heading_deg + (towards ? 180 : 0),
                                       length[kind],
                                       width[kind],
                                       height[kind],
                                       kind,
                                       h};
}

/* Cars at the kerb, in places of 9 m: others in every drive. */
static void park(struct traffic *t, const struct drive *d, double along_m) {
    uint64_t seed = noise_of(d->seed, DRAW_PARKED);
    double often = noise_between(noise_of(seed, 0), 0.03, 0.22);
    int from = (int)floor((along_m - 10) / 9), to = (int)ceil((along_m + 85) / 9);
    for (int place = from; place <= to; place++)
        for (int side = -1; side <= 1; side += 2) {
            uint64_t h = noise_of(noise_of(seed, 1000 + (uint64_t)place), side > 0);
            if (place < 0 || noise_unit(h) >= often) continue;
            double at = 9 * place, width = path_at(&d->path, at, 0).width_m;
            struct pose pose = path_at(&d->path, at, side * (width / 2 + 0.4));
            add_vehicle(t, pose, side < 0, noise_of(h, 1) & ~(uint64_t)0xF);
        }
}

static void drive_by(struct traffic *t, const struct drive *d, double along_m, double time_s) {
    uint64_t seed = noise_of(d->seed, DRAW_ONCOMING);
    double speed = d->setup->spacing_m * d->setup->fps;
    double theirs = fmin(noise_between(noise_of(seed, 0), 8, 14), fmax(speed, 2));
    double gap = noise_between(noise_of(seed, 1), 60, 260);
    /* In a frame that moves with them they stand `gap` apart. */
    double at = along_m + theirs * time_s;
    for (long k = (long)floor((at - 10) / gap); k <= (long)ceil((at + 85) / gap); k++) {
        uint64_t h = noise_of(seed, 1000 + (uint64_t)k);
        double where = gap * ((double)k + 0.7 * noise_unit(h)) - theirs * time_s;
        double width = path_at(&d->path, where, 0).width_m;
        if (where < along_m - 10 || where > along_m + 85 || where < 0) continue;
        add_vehicle(t, path_at(&d->path, where, -width / 4), true, noise_of(h, 1));
    }
}

static void go_ahead(struct traffic *t, const struct drive *d, double along_m, size_t i) {
    uint64_t seed = noise_of(d->seed, DRAW_AHEAD);
    if (noise_unit(noise_of(seed, 0)) > 0.35) return;
    double gap = noise_between(noise_of(seed, 1), 18, 40) + 6 * sin(0.4 * (double)i);
    double width = path_at(&d->path, along_m + gap, 0).width_m;
    add_vehicle(t, path_at(&d->path, along_m + gap, width / 4), false, noise_of(seed, 2));
}

/* A lorry or bus right before the camera, as wide as the view and a little more. */
static void hide(struct traffic *t, const struct drive *d, const struct camera *camera, size_t i) {
    size_t begun = i;
    while (begun > 0 && d->state[begun - 1] == FRAME_HIDDEN) begun--;
    uint64_t h = noise_of(noise_of(d->seed, DRAW_SCREEN), begun), now = noise_of(h, 50 + i);
    double tan_x = tan(camera->fov_deg * (M_PI / 360)), turn = camera->heading_deg * (M_PI / 180);
    bool bus = noise_unit(noise_of(h, 1)) < 0.3;
    double gap = 1.27 / tan_x * noise_between(now, 0.72, 0.98), length = bus ? 11 : 8;
    double aside = noise_between(noise_of(now, 1), -0.08, 0.08), middle = gap + length / 2;
    if (t->n == VEHICLES_MOST) t->n--;
    t->list[t->n++] = (struct vehicle){camera->x + middle * sin(turn) + aside * cos(turn),
                                       camera->y + middle * cos(turn) - aside * sin(turn),
                                       camera->heading_deg,
                                       length,
                                       2.55,
                                       bus ? 3.1 : 3.6,
                                       bus ? VEHICLE_BUS : VEHICLE_LORRY,
                                       noise_of(h, 2)};
}

/* ------------------------------------------------------------------- frames */

static void stand(const struct drive *d, const struct scene *s, double along_m, double right_m,
                  double turn_deg, double tilt, struct shot *shot) {
    const struct drive_setup *setup = d->setup;
    double width = path_at(&d->path, along_m, 0).width_m;
    struct pose pose = path_at(&d->path, along_m, fmin(setup->lane_m, width / 4) + right_m);
    shot->camera =
        (struct camera){pose.at.x,      pose.at.y,     setup->eye_m, pose.heading_deg + turn_deg,
                        setup->fov_deg, setup->aspect, tilt};
    plane_to(&s->shapes->plane, pose.at.x, pose.at.y, &shot->lon_deg, &shot->lat_deg);
}

void drive_shoot(const struct drive *d, const struct scene *s, size_t i, struct shot *shot,
                 struct picture *p) {
    struct noise shake = {noise_of(noise_of(d->seed, DRAW_SHAKE), i), 0};
    double much = d->setup->shake, along_m = LEAD_M + (double)i * d->setup->spacing_m;
    double right_m = much * noise_draw(&shake, -0.25, 0.25);
    double turn_deg = much * noise_draw(&shake, -2, 2),
           tilt = much * noise_draw(&shake, -0.015, 0.015);
    struct traffic traffic;
    traffic.n = 0;
    shot->time_s = round(1000 * (double)i / d->setup->fps) / 1000;
    stand(d, s, along_m, right_m, turn_deg, tilt, shot);
    park(&traffic, d, along_m);
    drive_by(&traffic, d, along_m, shot->time_s);
    go_ahead(&traffic, d, along_m, i);
    if (d->state[i] == FRAME_HIDDEN) hide(&traffic, d, &shot->camera, i);
    render(s, &shot->camera, d->state[i] == FRAME_MIST ? &d->mist : &d->light, traffic.list,
           traffic.n, p);
}

/* -------------------------------------------------------------------- pairs */

static void look_again(struct drive *d, const struct scene *s, uint64_t seed, struct shot *shot,
                       struct picture *p) {
    struct noise pose = {noise_of(seed, DRAW_POSE), 0};
    struct traffic traffic;
    traffic.n = 0;
    d->seed = seed;
    set_light(d, choose_hour(d->setup, noise_of(seed, DRAW_HOUR)));
    double much = d->setup->shake, along_m = LEAD_M + much * noise_draw(&pose, -2, 2);
    double right_m = much * noise_draw(&pose, -0.8, 0.8),
           turn_deg = much * noise_draw(&pose, -7, 7);
    stand(d, s, along_m, right_m, turn_deg, much * noise_draw(&pose, -0.03, 0.03), shot);
    shot->time_s = 0;
    park(&traffic, d, along_m);
    drive_by(&traffic, d, along_m, noise_draw(&pose, 0, 20));
    go_ahead(&traffic, d, along_m, (size_t)noise_draw(&pose, 0, 16));
    render(s, &shot->camera, &d->light, traffic.list, traffic.n, p);
}

void pair_shoot(const struct drive_setup *setup, const struct graph *g, const struct scene *s,
                size_t number, struct shot shots[2], double hours[2], struct picture p[2]) {
    double start = fmod(noise_unit(noise_of(setup->seed, 5)) + GOLDEN * (double)number, 1);
    for (uint64_t attempt = 0;; attempt++) {
        struct drive d = {.setup = setup};
        uint64_t seed = noise_of(drive_seed(setup, number), 1000 + attempt);
        if (attempt) start = noise_unit(noise_of(seed, 0));
        path_walk(&d.path, g, start, 2 * LEAD_M, noise_of(seed, DRAW_WALK));
        for (unsigned k = 0; k < 2; k++) {
            look_again(&d, s, noise_of(seed, 100 + k), &shots[k], &p[k]);
            hours[k] = d.hour;
        }
        path_free(&d.path);
        size_t least = (size_t)p->width * (size_t)p->height / 10;
        if (attempt == 50 || (p[0].counts[WHAT_WALL] > least && p[1].counts[WHAT_WALL] > least))
            return;
    }
}
