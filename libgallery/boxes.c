#include "boxes.h"
#include "context.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct region {
    char *name;
    double *lon, *lat; /* [count], each */
    size_t count, room;
};

struct gallery_boxes {
    gallery_context *ctx;
    struct region *regions;
    size_t count, room;
    json_t *places; /* of the regions, by name */
};

int gallery_boxes_open(gallery_context *ctx, gallery_boxes **out) {
    gallery_boxes *b = calloc(1, sizeof *b);
    *out = b;
    if (b) b->places = json_object();
    if (b && b->places) {
        b->ctx = ctx;
        return GALLERY_OK;
    }
    free(b);
    *out = NULL;
    return gallery_fail_memory(ctx, sizeof *b);
}

void gallery_boxes_close(gallery_boxes *b) {
    if (!b) return;
    for (size_t i = 0; i < b->count; i++) {
        free(b->regions[i].name);
        free(b->regions[i].lon);
        free(b->regions[i].lat);
    }
    free(b->regions);
    json_decref(b->places);
    free(b);
}

size_t gallery_boxes_count(const gallery_boxes *b) {
    return b->count;
}

/* --------------------------------------------------------------------- points */

static int add_region(gallery_boxes *b, const char *name, struct region **region) {
    if (b->count == b->room) {
        size_t room = 2 * b->room + 16;
        struct region *grown = realloc(b->regions, room * sizeof *grown);
        if (!grown) return gallery_fail_memory(b->ctx, room * sizeof *grown);
        b->regions = grown;
        b->room = room;
    }
    char *copy = strdup(name);
    if (!copy || json_object_set_new_nocheck(b->places, name, json_integer((json_int_t)b->count))) {
        free(copy);
        return gallery_fail_memory(b->ctx, strlen(name));
    }
    *region = &b->regions[b->count++];
    **region = (struct region){.name = copy};
    return GALLERY_OK;
}

static int make_room(gallery_context *ctx, struct region *r) {
    size_t room = 2 * r->room + 16, size = sizeof *r->lon;
    if (r->count < r->room) return GALLERY_OK;
    double *lon = realloc(r->lon, room * size);
    if (lon) r->lon = lon;
    double *lat = realloc(r->lat, room * size);
    if (lat) r->lat = lat;
    if (!lon || !lat) return gallery_fail_memory(ctx, room * size);
    r->room = room;
    return GALLERY_OK;
}

int gallery_boxes_add(gallery_boxes *b, const char *name, double lon_deg, double lat_deg) {
    const json_t *place = json_object_get(b->places, name);
    struct region *r = place ? &b->regions[json_integer_value(place)] : NULL;
    if (!r) GALLERY_TRY(add_region(b, name, &r));
    GALLERY_TRY(make_room(b->ctx, r));
    r->lon[r->count] = lon_deg - 360 * floor((lon_deg + 180) / 360);
    r->lat[r->count++] = lat_deg;
    return GALLERY_OK;
}

/* ---------------------------------------------------------------------- boxes */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Value i of those in order when they are counted from value `first` on, round the Earth. */
static double value_at(const double *values, size_t n, size_t first, size_t i) {
    return i < n - first ? values[first + i] : values[first + i - n] + 360;
}

static double percentile(const double *values, size_t n, size_t first, double percent) {
    double at = (double)(n - 1) * (percent / 100);
    size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
    double part = at - (double)below, low = value_at(values, n, first, below);
    double high = value_at(values, n, first, above), span = high - low;
    return part < 0.5 ? low + span * part : high - span * (1 - part); /* rounded as numpy's */
}

static double span_from(const double *lon, size_t n, size_t first, double clip) {
    return percentile(lon, n, first, 100 - clip) - percentile(lon, n, first, clip);
}

/* Where the widest gap between neighbours ends, round the Earth: from there on all of them make the
 * shortest interval. */
static size_t after_widest_gap(const double *lon, size_t n) {
    size_t best = 0;
    double widest = lon[0] + 360 - lon[n - 1];
    for (size_t i = 1; i < n; i++)
        if (lon[i] - lon[i - 1] > widest) widest = lon[i] - lon[i - 1], best = i;
    return best;
}

/* From which longitude on they are to be counted. */
static size_t first_longitude(const double *lon, size_t n, double clip) {
    double plain = span_from(lon, n, 0, clip);
    if (plain <= 180) return 0;
    size_t first = after_widest_gap(lon, n);
    return span_from(lon, n, first, clip) < plain ? first : 0;
}

void gallery_boxes_get(gallery_boxes *b, size_t i, double clip_percent, double pad_deg,
                       const char **name, gallery_box *box) {
    struct region *r = &b->regions[i];
    size_t n = r->count;
    qsort(r->lon, n, sizeof *r->lon, by_value);
    qsort(r->lat, n, sizeof *r->lat, by_value);
    size_t first = first_longitude(r->lon, n, clip_percent);
    *name = r->name;
    box->west = percentile(r->lon, n, first, clip_percent) - pad_deg;
    box->east = percentile(r->lon, n, first, 100 - clip_percent) + pad_deg;
    box->south = fmax(percentile(r->lat, n, 0, clip_percent) - pad_deg, -90);
    box->north = fmin(percentile(r->lat, n, 0, 100 - clip_percent) + pad_deg, 90);
    if (box->east - box->west >= 360) box->west = -180, box->east = 180;
}
