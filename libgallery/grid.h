/* grid.h - points for a gallery from geographic sources: lines, polygons, points.
 *
 * Sources are vector files of any format in GDAL that is safe to open, in any CRS, or "-":
 * newline-delimited GeoJSON on standard input. Everything streams: a point is handed on before the
 * next feature is read, and memory does not grow with the source (GDAL's own buffers apart; a
 * GeoJSON file up to 200 MB is held by GDAL).
 */
#ifndef GALLERY_GRID_H
#define GALLERY_GRID_H

#include "gallery.h"

#include <stdbool.h>

enum gallery_grid_mode {
    GALLERY_GRID_ROADS = 1, /* along lines */
    GALLERY_GRID_AREA,      /* a metric grid inside polygons */
    GALLERY_GRID_POINTS     /* points as they are */
};

#define GALLERY_GRID_LEAST_M 0.01 /* the grid of coordinates is 1e-7 degrees, 11 mm */
#define GALLERY_GRID_MOST_M 1e6

/* Takes a point, whose properties are valid during the call: kind, heading (roads), source, and the
 * fields to keep. A status other than GALLERY_OK stops the reading, which returns it. */
typedef int (*gallery_grid_fn)(void *user, const gallery_point *point);

/* Told about each feature that is left out because it is broken; message names it. */
typedef void (*gallery_grid_problem_fn)(void *user, const char *message);

/* The OpenStreetMap classes that cars drive on: not `service`, which is mostly driveways and car
 * parks, nor `track`. */
#define GALLERY_GRID_DRIVABLE                                                                \
    "motorway,trunk,primary,secondary,tertiary,unclassified,residential,living_street,road," \
    "motorway_link,trunk_link,primary_link,secondary_link,tertiary_link"

typedef struct gallery_grid_setup {
    enum gallery_grid_mode mode;
    double spacing_m;          /* roads, area: between LEAST_M and MOST_M */
    const char *srs;           /* CRS of the sources in place of their own; NULL */
    const char *where;         /* SQL condition on the attributes; NULL */
    const char *highway;       /* values of `highway`, "any", "all"; NULL: see gallery_grid_read */
    const char *const *layers; /* names, NULL at the end; NULL: all, of OSM the one that suits */
    const char *const *keep;   /* fields that become properties, NULL at the end; NULL */
    bool allow_net;            /* remote files, and VRT files, which can point anywhere */
    gallery_grid_fn take;
    gallery_grid_problem_fn problem; /* NULL: the first broken feature stops the reading */
    void *user;
} gallery_grid_setup;

typedef struct gallery_grid_counts {
    unsigned long long features;    /* that were read, after all filters */
    unsigned long long used;        /* that were of the kind the mode asks for */
    unsigned long long other;       /* that were not: left out */
    unsigned long long no_geometry; /* that had none, or an empty one: left out */
    unsigned long long broken;      /* that were left out with a message */
    unsigned long long points;      /* handed on */
    unsigned long long repeated;    /* not handed on: the same coordinate came before */
} gallery_grid_counts;

typedef struct gallery_grid gallery_grid;

/* Copies setup, not what it points to, which must stay. GALLERY_EUSAGE if it makes no sense. */
int gallery_grid_open(gallery_context *ctx, const gallery_grid_setup *setup, gallery_grid **grid);
void gallery_grid_close(gallery_grid *grid);

/* Reads one source to its end and hands on its points. Several sources may follow one another: a
 * coordinate that lines or polygons made is handed on once in all of them (exactly, as long as
 * there are fewer than 50 million points; beyond that, a repetition may come through).
 *
 * Of OSM extracts only the ways in GALLERY_GRID_DRIVABLE make roads, unless setup->highway says
 * otherwise: "any" takes all with a `highway` tag, "all" every line.
 *
 * GALLERY_ECRS: a layer without CRS, or coordinates that are not on the Earth. GALLERY_EEMPTY: not
 * one point. GALLERY_EFORMAT, GALLERY_EIO: cannot be read. The message names the source, layer and
 * feature. counts, which may be NULL, are added to. */
int gallery_grid_read(gallery_grid *grid, const char *path, gallery_grid_counts *counts);

#endif
