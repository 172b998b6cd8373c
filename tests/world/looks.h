/* looks.h - how the buildings of one style look. */
#ifndef WORLD_LOOKS_H
#define WORLD_LOOKS_H

#include "scene.h"

/* The look of building number `number`: its style's, a shade lighter or darker. */
void look_make(struct look *l, const struct building *b, uint64_t seed, uint64_t number);

/* Hue, saturation and value, each in [0, 1]. */
void look_colour(float rgb[3], double hue, double saturation, double value);

#endif
