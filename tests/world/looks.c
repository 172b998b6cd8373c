#include "looks.h"
#include "noise.h"

#include <math.h>

void look_colour(float rgb[3], double hue, double saturation, double value) {
    for (int c = 0; c < 3; c++) {
        double k = fmod(5 - 2 * c + 6 * hue, 6);
        double ramp = fmax(0, fmin(1, fmin(k, 4 - k)));
        rgb[c] = (float)(value * (1 - saturation * ramp));
    }
}

/* A colour whose value, saturation and hue, in this order, lie in ranges. A statement each: the
 * order in which arguments are evaluated is the compiler's. */
static void draw_colour(float rgb[3], struct noise *n, double hue_low, double hue_high,
                        double saturation_low, double saturation_high, double value_low,
                        double value_high) {
    double value = noise_draw(n, value_low, value_high);
    double saturation = noise_draw(n, saturation_low, saturation_high);
    look_colour(rgb, noise_draw(n, hue_low, hue_high), saturation, value);
}

/* Walls are render, brick and stone more often than paint: half of the hues lie between red and
 * yellow, and saturation grows with the square root so that few are grey. */
static void colour_walls(struct look *l, struct noise *n) {
    double hue = noise_draw(n, 0, 1);
    if (noise_draw(n, 0, 1) < 0.5) hue *= 0.16;
    double value = noise_draw(n, 0.42, 0.98);
    look_colour(l->wall, hue, 0.08 + 0.62 * sqrt(noise_draw(n, 0, 1)), value);
    bool light = noise_draw(n, 0, 1) < 0.6;
    draw_colour(l->trim, n, 0, 1, 0, 0.35, light ? 0.85 : 0.2, light ? 1 : 0.4);
    draw_colour(l->window, n, 0.5, 0.65, 0.1, 0.4, 0.15, 0.38);
    draw_colour(l->door, n, 0, 1, 0.3, 0.9, 0.2, 0.6);
    draw_colour(l->roof, n, 0, 0.08, 0.05, 0.65, 0.22, 0.62);
}

static void place_windows(struct look *l, struct noise *n, enum building_kind kind) {
    l->storey = (float)noise_draw(n, 2.7, kind == KIND_HALL ? 5.5 : 3.5);
    l->pitch = (float)noise_draw(n, 1.9, kind == KIND_HALL ? 7 : 4.2);
    l->window_width = l->pitch * (float)noise_draw(n, 0.3, 0.72);
    l->window_height = l->storey * (float)noise_draw(n, 0.32, 0.62);
    l->sill = l->storey * (float)noise_draw(n, 0.22, 0.34);
    l->door_pitch = (float)noise_draw(n, 7, 16);
    l->door_at = l->door_pitch * (float)noise_draw(n, 0.15, 0.7);
}

void look_make(struct look *l, const struct building *b, uint64_t seed, uint64_t number) {
    struct noise style = {noise_of(noise_of(seed, b->style), 100 + b->kind), 0};
    struct noise own = {noise_of(noise_of(seed, number), 7), 0};
    colour_walls(l, &style);
    place_windows(l, &style, b->kind);
    l->pattern = (uint8_t)(noise_next(&style) % PATTERNS);
    l->shop = b->kind == KIND_SHOP;
    double roof = b->kind == KIND_BLOCK || b->kind == KIND_HALL ? noise_draw(&style, 0.2, 0.8)
                                                                : noise_draw(&style, 0.8, 3);
    l->eaves = (float)(b->height_m - fmin(roof, 0.35 * b->height_m));
    l->seed = noise_next(&own);
    /* Signs are a building's own, and rare elsewhere than over shops. */
    l->has_sign = noise_draw(&own, 0, 1) < (l->shop ? 0.9 : b->kind == KIND_HALL ? 0.4 : 0.05);
    draw_colour(l->sign, &own, 0, 1, 0.5, 1, 0.3, 1);
    bool dark = l->sign[0] + 2 * l->sign[1] + l->sign[2] < 1.8F;
    look_colour(l->letters, noise_draw(&own, 0, 1), 0.3, dark ? 1 : 0.12);
    float shade = (float)noise_draw(&own, 0.94, 1.06);
    for (int c = 0; c < 3; c++) l->wall[c] = fminf(1, l->wall[c] * shade);
}
