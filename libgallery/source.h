/* source.h - inside libgallery: the features of one source, in WGS84, one after another. */
#ifndef GALLERY_SOURCE_H
#define GALLERY_SOURCE_H

#include "grid.h"
#include "json.h"

#include <ogr_api.h>

typedef struct gallery_source gallery_source;

typedef struct gallery_feature {
    OGRGeometryH geometry; /* longitude, latitude; without curves; NULL: none. Borrowed */
    json_t *kept;          /* the fields to keep that are there; NULL: none. Borrowed */
    bool projected;        /* it comes from a plane, where the antimeridian is no edge */
    char place[256];       /* "PATH: layer NAME: feature N", for messages */
} gallery_feature;

/* GALLERY_EUSAGE, and why, if the text names no reference system. */
int gallery_source_check_srs(gallery_context *ctx, const char *srs);

int gallery_source_open(gallery_context *ctx, const char *path, const gallery_grid_setup *setup,
                        gallery_source **source);
void gallery_source_close(gallery_source *source);

/* The next feature that passes the filters, valid until the next call; GALLERY_END after the last.
 * *broken tells whether a failure concerns this feature only, so that the next can be read. */
int gallery_source_next(gallery_source *source, gallery_feature *feature, bool *broken);

/* The vertices of a point, line or ring: double [n][2]. GALLERY_EVALUE, GALLERY_ECRS: not on the
 * Earth. place: of the feature. */
int gallery_feature_vertices(gallery_context *ctx, const char *place, OGRGeometryH geometry,
                             double *xy);

/* For messages: the path without passwords, or "standard input". Stays until the source closes. */
const char *gallery_source_name(const gallery_source *source);

/* What was read, for messages: how many features the highway filter left out. */
unsigned long long gallery_source_filtered(const gallery_source *source);

#endif
