/* noise.h - inside libinfer: truth made wrong, for GeoRefiner to set right (VidTAG suppl. B.1). */
#ifndef INFER_NOISE_H
#define INFER_NOISE_H

#include "random.h"

#include <stdbool.h>

/* A length on the ground: degrees of both axes, as published, or metres. */
struct noise_length {
    double value;
    bool metres;
};

struct noise {
    double collapse; /* how often all frames get the place of one of them; 0.1 as published */
    struct noise_length jitter_least, jitter_most; /* of each coordinate; 0.001 and 0.02 degrees */
    struct noise_length shift;                     /* of all frames of a source; 0.2 degrees */
};

/* lonlat, noisy: [n][2], degrees, of one source's frames; the result is canonical. */
void noise_apply(const struct noise *noise, struct random_stream *r, const double *lonlat, size_t n,
                 double *noisy);

#endif
