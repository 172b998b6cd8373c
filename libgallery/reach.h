/* reach.h - inside libgallery: what a source, an option or a query may reach unless --allow-net is
 * given: the source that is named, on this machine, and nothing else. */
#ifndef GALLERY_REACH_H
#define GALLERY_REACH_H

#include "grid.h"

/* PG: and postgresql://, wherever it is. */
bool gallery_reach_is_database(const char *path);

/* A source's name without passwords, for messages and properties: to be freed. NULL: no memory. */
char *gallery_reach_shown(const char *path);

/* Refuses what is not on this machine, a database on another host, and a file that is not there. */
int gallery_reach_check_path(gallery_context *ctx, const char *path, bool allow_net);

/* Refuses open options that name files, hosts or SQL, and configuration that loads code, names
 * files or matters on the network only; and what is no NAME=VALUE. */
int gallery_reach_check_options(gallery_context *ctx, const gallery_grid_setup *setup);

/* A query that only reads; with ogr_sql, GDAL's own dialect, only the source's own tables. */
int gallery_reach_check_sql(gallery_context *ctx, const char *path, const char *sql, bool ogr_sql,
                            bool allow_net);

#endif
