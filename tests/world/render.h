/* render.h - one picture of the scene: a ray per column through the walls' grid, nearest first. */
#ifndef WORLD_RENDER_H
#define WORLD_RENDER_H

#include "scene.h"

enum what { WHAT_SKY, WHAT_GROUND, WHAT_WALL, WHAT_TREE, WHAT_VEHICLE, WHAT_KINDS };

struct light {
    float ambient[3], direct[3]; /* times a surface's colour; direct also times its slant */
    float sun_x, sun_y, sun_z;   /* towards the sun, of length 1 */
    float zenith[3], horizon[3], haze[3];
    float night;  /* 0 by day, 1 in the dark: windows are lit */
    float haze_m; /* nothing is seen beyond it */
};

/* Local solar time in hours; overcast 0 (clear) to 1. */
void light_at(struct light *l, double hour, double overcast);

/* A pinhole. Picture x runs to the right, y down; the middle of the picture looks along the
 * heading. A point `depth` metres ahead, `right` metres to the right and `up` metres above the eye
 * falls at x = (1 + right / (depth * tan(fov / 2))) / 2 of the width, and
 * y = (1 - (up / depth - tilt) * aspect / tan(fov / 2)) / 2 of the height. */
struct camera {
    double x, y, eye_m;
    double heading_deg; /* clockwise from north (y) */
    double fov_deg;     /* across the picture's width */
    double aspect;      /* width over height of the view, whatever the picture's pixels */
    double tilt;        /* slope of the view's middle, upwards */
};

enum vehicle_kind { VEHICLE_CAR, VEHICLE_VAN, VEHICLE_LORRY, VEHICLE_BUS };

struct vehicle {
    double x, y, heading_deg; /* its middle, and where its front looks */
    double length_m, width_m, height_m;
    enum vehicle_kind kind;
    uint64_t seed; /* its colours */
};

/* Memory of one picture; each thread has its own. */
struct picture {
    int width, height;
    uint8_t *rgb;  /* [height][width][3] */
    uint8_t *what; /* [height][width] enum what */
    float *depth;  /* [height][width], m along the view; of the sky INFINITY */
    size_t counts[WHAT_KINDS];
    struct picture_rows *rows; /* the renderer's own */
};

void picture_open(struct picture *p, int width, int height);
void picture_close(struct picture *p);

/* Draws. The scene is only read. */
void render(const struct scene *s, const struct camera *camera, const struct light *light,
            const struct vehicle *vehicles, size_t vehicles_n, struct picture *p);

#endif
