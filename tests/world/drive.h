/* drive.h - one drive: its way, its hour, its traffic, and what the camera sees of it. */
#ifndef WORLD_DRIVE_H
#define WORLD_DRIVE_H

#include "render.h"
#include "route.h"

enum frame_state { FRAME_CLEAR, FRAME_HIDDEN, FRAME_MIST };

struct drive_setup {
    uint64_t seed;
    size_t frames;
    double spacing_m, fps;
    double hidden, mist;        /* shares of the frames */
    double hidden_run;          /* of the hidden ones in a row, on average: 1 or more; `hidden` has
                                 * the last word where so many cannot be hidden so few at a time */
    double hour_low, hour_high; /* equal: that hour */
    bool whole_hours;           /* only hours that begin with an even number, or, held out, odd */
    bool hold_out;
    double overcast; /* < 0: the seed says */
    double shake;    /* 1: a car's; 0: none */
    double lane_m;   /* right of the middle of the street, at most a quarter of its width */
    double fov_deg, aspect, eye_m;
};

struct drive {
    const struct drive_setup *setup;
    uint64_t seed;
    struct path path;
    double hour;
    struct light light, mist;
    uint8_t *state; /* [frames] */
};

/* Where the camera of a frame stands; the truth. */
struct shot {
    double lon_deg, lat_deg, time_s;
    struct camera camera;
};

/* Drive number `number`; starts are spread evenly over all streets. */
void drive_plan(struct drive *d, const struct drive_setup *setup, const struct graph *g,
                size_t number);
void drive_free(struct drive *d);

/* Frame `i` into the picture. */
void drive_shoot(const struct drive *d, const struct scene *s, size_t i, struct shot *shot,
                 struct picture *p);

/* One spot seen twice, at other hours, with other traffic and from a slightly other pose: into two
 * pictures. A spot where no more than a tenth of either picture is buildings is passed over for
 * another. */
void pair_shoot(const struct drive_setup *setup, const struct graph *g, const struct scene *s,
                size_t number, struct shot shots[2], double hours[2], struct picture p[2]);

#endif
