#include "facade.h"
#include "noise.h"

#include <math.h>

/* A train of pulses of `width` from `start` on in every `pitch`: how much of [0, x] it fills. Its
 * difference over a pixel is what the pixel's area sees, so that far windows melt into a tone
 * instead of flickering. */
static float pulses(float x, float pitch, float start, float width) {
    float whole = floorf(x / pitch);
    float rest = x - whole * pitch - start;
    return whole * width + fmaxf(0, fminf(width, rest));
}

static float pulses_share(float x, float footprint, float pitch, float start, float width) {
    float half = footprint / 2;
    return (pulses(x + half, pitch, start, width) - pulses(x - half, pitch, start, width)) /
           footprint;
}

void facade_enter(struct facade *f, const struct look *look, const float light[3], float night,
                  double along, double footprint) {
    float u = (float)along, du = fmaxf((float)footprint, 0.01F);
    float gap = (look->pitch - look->window_width) / 2;
    f->look = look;
    f->night = night;
    f->window = (int)floorf(u / look->pitch);
    f->glazed = pulses_share(u, du, look->pitch, gap, look->window_width);
    f->door = pulses_share(u, du, look->door_pitch, look->door_at, 1.2F);
    f->letter = noise_of(look->seed, (uint64_t)(u / 0.7F)) % 5 < 3;
    f->panel = look->pattern == PATTERN_PANELS && (f->window & 1) ? 0.82F : 1;
    for (int c = 0; c < 3; c++) {
        f->light[c] = light[c];
        f->wall[c] = look->wall[c] * f->panel;
        f->glass[c] = look->window[c];
    }
}

static void mix(float rgb[3], const float other[3], float share) {
    for (int c = 0; c < 3; c++) rgb[c] += (other[c] - rgb[c]) * share;
}

/* A shop's ground floor: glass from wall to wall between pillars, and the sign above it. */
static bool shop_front(const struct facade *f, float z, float rgb[3]) {
    const struct look *l = f->look;
    if (z > 3.4F) return false;
    if (z > 2.5F && l->has_sign) {
        mix(rgb, l->sign, 1);
        if (z > 2.7F && z < 3.2F && f->letter) mix(rgb, l->letters, 0.85F);
    } else if (z > 0.4F && z < 2.5F) {
        mix(rgb, l->trim, 0.5F);
        mix(rgb, f->glass, fminf(1, f->glazed * 1.4F));
        mix(rgb, l->door, f->door);
    }
    return true;
}

static void storeys(const struct facade *f, float z, float dz, float rgb[3], float *lit) {
    const struct look *l = f->look;
    float rows = pulses_share(z, dz, l->storey, l->sill, l->window_height);
    float share = rows * f->glazed;
    /* No window may be cut by the roof. */
    if (floorf(z / l->storey) * l->storey + l->sill + l->window_height > l->eaves) share = 0;
    if (l->pattern == PATTERN_BANDS) mix(rgb, l->trim, pulses_share(z, dz, l->storey, 0, 0.35F));
    if (l->pattern == PATTERN_BRICK) {
        float course = pulses_share(z, dz, 0.6F, 0, 0.3F);
        for (int c = 0; c < 3; c++) rgb[c] *= 0.86F + 0.2F * course;
    }
    if (l->pattern == PATTERN_SOCKLE && z < l->storey) mix(rgb, l->trim, 0.55F);
    if (share <= 0) return;
    mix(rgb, f->glass, share);
    if (f->night <= 0) return;
    uint64_t window = noise_of(l->seed, (uint64_t)(f->window * 64 + (int)(z / l->storey)));
    if (window % 100 < 38) *lit = share * f->night;
}

void facade_colour(const struct facade *f, float z, float dz, float rgb[3]) {
    static const float lamp[3] = {1.0F, 0.82F, 0.5F};
    const struct look *l = f->look;
    float lit = 0;
    dz = fmaxf(dz, 0.01F);
    for (int c = 0; c < 3; c++) rgb[c] = f->wall[c];
    if (z >= l->eaves) {
        for (int c = 0; c < 3; c++) rgb[c] = l->roof[c];
    } else if (l->eaves - z < 0.3F) {
        mix(rgb, l->trim, 0.8F);
    } else if (!(l->shop && shop_front(f, z, rgb))) {
        storeys(f, z, dz, rgb, &lit);
        if (z < 2.1F) mix(rgb, l->door, f->door);
        if (l->has_sign && z > 2.6F && z < 3.3F && f->letter) mix(rgb, l->sign, 0.9F);
    } else if (f->night > 0 && z < 2.5F) {
        lit = 0.7F * f->glazed * f->night;
    }
    for (int c = 0; c < 3; c++) rgb[c] *= f->light[c];
    mix(rgb, lamp, lit);
}
