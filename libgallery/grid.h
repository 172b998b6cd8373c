/* grid.h - points for a gallery from geographic sources: lines, polygons, points.
 *
 * Sources are vector files of any format in GDAL that is safe to open, in any CRS, or "-":
 * newline-delimited GeoJSON on standard input. Memory does not grow with the source (GDAL's own
 * buffers apart; a GeoJSON file up to 200 MB is held by GDAL): points that are to be sorted and do
 * not fit in GALLERY_ORDER_MEMORY go to a temporary file in TMPDIR. Points that are not sorted are
 * handed on before the next feature is read.
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
#define GALLERY_GRID_DEDUPE_MOST_M 1e4

/* Takes a point, whose properties are valid during the call: kind, heading (roads), source, and the
 * fields to keep. A status other than GALLERY_OK stops the reading, which returns it. */
typedef int (*gallery_grid_fn)(void *user, const gallery_point *point);

/* Told about each feature that is left out because it is broken; message names it. */
typedef void (*gallery_grid_problem_fn)(void *user, const char *message);

/* Called after each feature, and now and then during a large one, with the number of points that
 * all features have made. */
typedef void (*gallery_grid_progress_fn)(void *user, unsigned long long points);

/* The OpenStreetMap classes that cars drive on: not `service`, which is mostly driveways and car
 * parks, nor `track`. */
#define GALLERY_GRID_DRIVABLE                                                                \
    "motorway,trunk,primary,secondary,tertiary,unclassified,residential,living_street,road," \
    "motorway_link,trunk_link,primary_link,secondary_link,tertiary_link"

/* The boxes of a source's points, in place of polygons: one for all points that have the same
 * values of the fields in `keep`, or one in all. boxes.h says which boxes those are. */
typedef struct gallery_grid_boxes {
    double clip_percent; /* of the points at each end of longitude and latitude: 0 to below 50 */
    double pad_deg;      /* 0 to 90 */
} gallery_grid_boxes;

typedef struct gallery_grid_setup {
    enum gallery_grid_mode mode;
    double spacing_m;        /* roads, area: between LEAST_M and MOST_M */
    bool hex;                /* area: a hexagonal grid, as dense as the square one */
    double buffer_m;         /* area: also what is so near to a polygon; 0 to MOST_M */
    bool both_ways;          /* roads: each point again, with the opposite heading */
    double dedupe_m;         /* roads, sorted: drop points beside another line: less than this
                                across, half a spacing along, and headings ... */
    double dedupe_deg;       /* ... within this, modulo 180; 0, 0: none */
    double min_distance_m;   /* sorted: of points that are closer, some go; 0: none */
    unsigned long long seed; /* of min_distance_m: which */
    const gallery_grid_boxes *boxes; /* area: of the sources' points, not in polygons; NULL */
    const char *srs;                 /* CRS of the sources in place of their own; NULL */
    const char *where;               /* SQL condition on the attributes; NULL */
    const char *sql;                 /* what to read instead of layers, as ogr2ogr has it; NULL */
    const double *spat;        /* only features that touch this box: xmin, ymin, xmax, ymax in the
                                  sources' (srs's) coordinates; NULL */
    const char *clip;          /* a source: only points inside its polygons; NULL */
    const char *tag;           /* property `tag` of each point; NULL */
    const char *highway;       /* values of `highway`, "any", "all"; NULL: see gallery_grid_read */
    const char *const *layers; /* names, NULL at the end; NULL: all, of OSM the one that suits */
    const char *const *keep;   /* fields that become properties, NULL at the end; NULL */
    bool sorted;              /* hand the points on in gallery_grid_finish, in order of their ids */
    unsigned long long limit; /* hand on no more points than these; 0: all */
    unsigned shard, shards; /* hand on the points of part `shard` of `shards`, from 1; 0, 0: all */
    const char *const *open_options; /* NAME=VALUE for GDAL's drivers, NULL at the end; NULL */
    const char *const
        *config;    /* NAME=VALUE for GDAL, of this thread while the grid is open; NULL */
    bool allow_net; /* remote files, and VRT files, which can point anywhere */
    gallery_grid_fn take;
    gallery_grid_progress_fn progress; /* NULL: nobody asks */
    gallery_grid_problem_fn problem;   /* NULL: the first broken feature stops the reading */
    void *user;
} gallery_grid_setup;

typedef struct gallery_grid_counts {
    unsigned long long features;    /* that were read, after all filters */
    unsigned long long used;        /* that were of the kind the mode asks for */
    unsigned long long other;       /* that were not: left out */
    unsigned long long no_geometry; /* that had none, or an empty one: left out */
    unsigned long long broken;      /* that were left out with a message */
    unsigned long long points;      /* handed on */
    unsigned long long repeated;    /* not handed on: another has the same coordinate */
    double length_m;                /* of the lines that were used */
    unsigned long long close;       /* not handed on: see dedupe_m and min_distance_m */
    unsigned long long clipped;     /* not handed on: outside of setup->clip */
    unsigned long long regions;     /* that had a box (setup->boxes) */
    unsigned long long unnamed;     /* left out: of no region, without a value of a kept field */
} gallery_grid_counts;

typedef struct gallery_grid gallery_grid;

/* What a column must be to hold all values of a field. */
enum gallery_grid_type { GALLERY_GRID_TEXT, GALLERY_GRID_INTEGER, GALLERY_GRID_REAL };

/* Copies setup, not what it points to, which must stay. GALLERY_EUSAGE if it makes no sense. */
int gallery_grid_open(gallery_context *ctx, const gallery_grid_setup *setup, gallery_grid **grid);
void gallery_grid_close(gallery_grid *grid);

/* How a source is named in messages and in the property `source`: the path, but for the passwords
 * in it. To be freed; NULL: no memory. */
char *gallery_grid_source_name(const char *path);

/* Reads one source to its end and hands on its points, or keeps them for gallery_grid_finish.
 * Several sources may follow one another: a coordinate that lines or polygons made is handed on
 * once in all of them (unsorted: exactly, as long as there are fewer than 50 million points;
 * beyond that, a repetition may come through). GALLERY_END: the limit is reached (unsorted).
 *
 * Of OSM extracts only the ways in GALLERY_GRID_DRIVABLE make roads, unless setup->highway says
 * otherwise: "any" takes all with a `highway` tag, "all" every line.
 *
 * GALLERY_ECRS: a layer without CRS, or coordinates that are not on the Earth. GALLERY_EEMPTY: not
 * one point. GALLERY_EFORMAT, GALLERY_EIO: cannot be read. The message names the source, layer and
 * feature. counts, which may be NULL, are added to. */
int gallery_grid_read(gallery_grid *grid, const char *path, gallery_grid_counts *counts);

/* After the last source: hands on the points in order of their ids, if setup->sorted. Which points,
 * and their bytes, depend neither on the order of the sources nor on that of their features: of the
 * points of lines at one coordinate, the one with the smallest heading stays, then the one with the
 * smallest text of properties (with dedupe_m, any one text). With a shard, points are thinned
 * before the others' are left out, so that the shards together are the whole. The limit keeps the
 * points that are evenly spaced in this order. To counts, which may be NULL, adds points and
 * repeated. */
int gallery_grid_finish(gallery_grid *grid, gallery_grid_counts *counts);

/* The type of the values that setup->keep[i] has had so far; of none, text. */
enum gallery_grid_type gallery_grid_keep_type(const gallery_grid *grid, size_t i);

#endif
