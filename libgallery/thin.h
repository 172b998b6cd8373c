/* thin.h - inside libgallery: which points stay where too many lie close together.
 *
 * Of two points that are too close, the one with the lower rank goes, unless a third one has made
 * the other go: as if points were taken in the order of their ranks, each one if it is not too
 * close to one that was taken before. Ranks are a hash of the points, so what stays depends on the
 * set of points alone; it is as irregular as points thrown at random, and no other point fits in.
 *
 * Points come in the order of their ids. Memory holds those whose neighbourhood the curve has not
 * left yet, about 120 bytes each, and a bit of every point. */
#ifndef GALLERY_THIN_H
#define GALLERY_THIN_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_thin gallery_thin;

/* Without along_m: closer than distance_m, along the geodesic.
 *
 * With along_m, of points of different lines only: across the heading of the one that goes less
 * than distance_m, along it at most along_m, and headings within tolerance_deg, modulo 180. Ranks
 * then go by direction of travel first and by line next, so that all of one carriageway stays. */
typedef struct gallery_thin_rule {
    double distance_m, along_m, tolerance_deg;
    uint64_t seed;
} gallery_thin_rule;

int gallery_thin_open(gallery_context *ctx, const gallery_thin_rule *rule, gallery_thin **thin);
void gallery_thin_close(gallery_thin *thin);

/* The points are numbered from 0 on; ids rise from call to call. heading_deg and line: with
 * along_m. */
int gallery_thin_add(gallery_thin *thin, uint64_t id, double heading_deg, unsigned line);

/* After the last point: now it is known which stay. */
void gallery_thin_finish(gallery_thin *thin);
bool gallery_thin_keeps(const gallery_thin *thin, unsigned long long number);

/* The most points that were in memory at once. */
size_t gallery_thin_most(const gallery_thin *thin);

#endif
