#include "render.h"

#include <math.h>

static void blend(float out[3], const float a[3], const float b[3], double share) {
    for (int c = 0; c < 3; c++) out[c] = (float)(a[c] + (b[c] - a[c]) * share);
}

static double between(double low, double high, double x) {
    return fmax(0, fmin(1, (x - low) / (high - low)));
}

/* A day of 16 hours about noon, the sun 58 degrees high at its best and in the south at twelve. */
void light_at(struct light *l, double hour, double overcast) {
    static const float noon[3] = {0.72F, 0.68F, 0.60F}, low[3] = {0.85F, 0.45F, 0.18F};
    static const float blue[3] = {0.46F, 0.50F, 0.58F}, dark[3] = {0.15F, 0.16F, 0.24F};
    static const float grey[3] = {0.62F, 0.63F, 0.65F};
    static const float zenith[3] = {0.25F, 0.45F, 0.80F}, rim[3] = {0.72F, 0.82F, 0.93F};
    static const float dusk[3] = {0.93F, 0.60F, 0.38F}, cloud[3] = {0.70F, 0.72F, 0.74F};
    static const float black[3] = {0.02F, 0.03F, 0.08F}, glow[3] = {0.10F, 0.10F, 0.16F};
    double height = 58 * (M_PI / 180) * sin(M_PI * (hour - 4) / 16);
    double south = (hour - 12) * 15 * (M_PI / 180);
    double day = between(-0.12, 0.15, height), high = between(0.05, 0.5, height);
    float sky[3];
    *l = (struct light){.night = (float)(1 - day), .haze_m = 260};
    l->sun_x = (float)(-sin(south) * cos(height));
    l->sun_y = (float)(-cos(south) * cos(height));
    l->sun_z = (float)sin(height);
    blend(sky, blue, grey, overcast);
    blend(l->ambient, dark, sky, day);
    blend(l->direct, low, noon, high);
    for (int c = 0; c < 3; c++) l->direct[c] *= (float)((1 - 0.9 * overcast) * day);
    blend(sky, zenith, cloud, overcast);
    blend(l->zenith, black, sky, day);
    blend(sky, dusk, rim, between(0.02, 0.35, height));
    blend(sky, sky, cloud, 0.8 * overcast);
    blend(l->horizon, glow, sky, day);
    blend(l->haze, l->horizon, l->ambient, 0.3);
}
