/* gpmf.h - inside libinfer: the positions in a payload of GoPro's telemetry (GPMF, as published at
 * github.com/gopro/gpmf-parser): nested records of a four-letter key, a type, a size, a count and
 * big-endian data.
 */
#ifndef INFER_GPMF_H
#define INFER_GPMF_H

#include "context.h"

#include <stdbool.h>

/* A dilution of precision above this is no position to rely on (GoPro calls less than 5 good). */
#define GPMF_MAX_DOP 5.0

enum gpmf_kind { GPMF_GPS5, GPMF_GPS9 };

struct gpmf_fix {
    enum gpmf_kind kind;
    int place, count; /* which of how many of the payload, in equal steps of time */
    double lon_deg, lat_deg;
    bool good; /* a fix in two or three dimensions, precise enough */
};

/* Takes a position; a status other than INFER_OK ends the reading, which returns it. */
typedef int (*gpmf_fn)(void *user, const struct gpmf_fix *fix);

/* The positions of the first device that has some. INFER_EFORMAT: not GPMF, or damaged. */
int gpmf_read(infer *ctx, const uint8_t *data, size_t size, gpmf_fn take, void *user);

#endif
