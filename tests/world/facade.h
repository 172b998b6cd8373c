/* facade.h - the colour of a facade where one column of pixels meets it. */
#ifndef WORLD_FACADE_H
#define WORLD_FACADE_H

#include "render.h"

/* What stays the same up one column. */
struct facade {
    const struct look *look;
    float light[3];
    float wall[3], glass[3];
    float glazed; /* share of the column's width that is window */
    float door;   /* share that is door */
    float panel;  /* tells panels apart */
    int window;   /* number of the window along the wall */
    bool letter;  /* the sign has a letter here */
    float night;
};

/* `along`: metres round the building; `footprint`: the width of wall in one column of pixels. */
void facade_enter(struct facade *f, const struct look *look, const float light[3], float night,
                  double along, double footprint);

/* The colour at height z over `footprint` metres of height. */
void facade_colour(const struct facade *f, float z, float footprint, float rgb[3]);

#endif
