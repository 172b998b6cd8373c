/* sink.h - points into a file of a GIS format, by OGR: GeoPackage, FlatGeobuf, CSV.
 *
 * The file appears whole or not at all: it is made in a hidden folder beside its place.
 */
#ifndef GALLERY_SINK_H
#define GALLERY_SINK_H

#include "grid.h"

typedef struct gallery_sink gallery_sink;

typedef struct gallery_sink_setup {
    const char *path;
    const char *format;                  /* one that gallery_sink_format has returned */
    bool overwrite;                      /* replace a file */
    const char *const *fields;           /* properties that become columns, NULL at the end */
    const enum gallery_grid_type *types; /* of the fields */
} gallery_sink_setup;

/* The format that a name in any case means or, if it is NULL, the path's ending; NULL: no format of
 * this module. */
const char *gallery_sink_format(const char *name, const char *path);

/* Whether a field `name` of `fields` (which end with NULL) is one column with another of them that
 * comes before it, or with one that every file of the format has: in tables, upper and lower case
 * are the same. */
bool gallery_sink_name_taken(const char *format, const char *const *fields, const char *name);

/* The setup's strings must stay until the sink is closed. The column `id` comes by itself.
 * GALLERY_EEXIST: the path is there. GALLERY_EIO, GALLERY_EFULL. */
int gallery_sink_open(gallery_context *ctx, const gallery_sink_setup *setup, gallery_sink **sink);
int gallery_sink_put(gallery_sink *sink, const gallery_point *point);

/* Puts the file in its place. */
int gallery_sink_commit(gallery_sink *sink);

/* Leaves nothing behind, unless committed. */
void gallery_sink_close(gallery_sink *sink);

#endif
