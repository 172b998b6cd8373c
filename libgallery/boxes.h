/* boxes.h - inside libgallery: the boxes of regions that are given by points, without their
 * outliers. */
#ifndef GALLERY_BOXES_H
#define GALLERY_BOXES_H

#include "gallery.h"

typedef struct gallery_boxes gallery_boxes;

typedef struct gallery_box { /* degrees; east may be beyond 180, west beyond -180 */
    double west, south, east, north;
} gallery_box;

int gallery_boxes_open(gallery_context *ctx, gallery_boxes **boxes);
void gallery_boxes_close(gallery_boxes *boxes);

/* A point of the region with this name, at [-360, 360] and [-90, 90]. It takes 16 bytes. */
int gallery_boxes_add(gallery_boxes *boxes, const char *name, double lon_deg, double lat_deg);

/* Regions come in the order of their first points. */
size_t gallery_boxes_count(const gallery_boxes *boxes);

/* The name of region i, valid as long as the boxes, and its box: from the percentile clip_percent
 * to 100 - clip_percent (below 50) of its latitudes and of its longitudes, wider by pad_deg on each
 * side. A percentile is interpolated linearly between the two values in order that it lies between
 * (Hyndman and Fan's definition 7, numpy's default). Longitudes are counted from -180 to 180; where
 * the interval would then be wider than 180 degrees, as over the antimeridian, from where the
 * widest gap between two of them ends, if it is shorter so. A box of more than a turn is the whole
 * turn, from -180 to 180. */
void gallery_boxes_get(gallery_boxes *boxes, size_t i, double clip_percent, double pad_deg,
                       const char **name, gallery_box *box);

#endif
