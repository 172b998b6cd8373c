/* telemetry.h - the positions that a camera wrote into its video: GoPro's GPMF in MP4. */
#ifndef INFER_TELEMETRY_H
#define INFER_TELEMETRY_H

#include "infer.h"

#include <stdbool.h>

typedef struct infer_fix {
    double t_s;              /* as frames' times: from the start of the video stream */
    double lon_deg, lat_deg; /* as written */
    bool good; /* the receiver had a fix, precise enough (dilution of precision at most 5) */
} infer_fix;

typedef struct infer_telemetry {
    infer_fix *fixes; /* in the order of the file */
    size_t n;
    long damaged; /* payloads that could not be read */
} infer_telemetry;

/* Reads the telemetry of a file; none of it: n is 0. Where a file has both, GPS9, which tells the
 * fix of each sample, counts and GPS5 does not. A file is read once more for it, the telemetry
 * alone. INFER_EIO, INFER_EFORMAT as for a video, INFER_ENOMEM. */
int infer_telemetry_read(infer *ctx, const char *path, infer_telemetry *telemetry);
void infer_telemetry_free(infer_telemetry *telemetry);

#endif
