/* grid_options.h - the command line of vt-grid. */
#ifndef VT_GRID_OPTIONS_H
#define VT_GRID_OPTIONS_H

#include "cli.h"
#include "libgallery/grid.h"

struct grid_options {
    cli c; /* its operands are the sources */
    gallery_grid_setup setup;
    bool skip_errors, dedupe_heading, seed, diff, dry_run, json;
    const char *format; /* of OGR; NULL: GeoJSON lines */
    /* what setup points to */
    char **layers, **keep, **open_options, **config;
    double spat[4];
    gallery_grid_boxes boxes;
    char *bbox_of;          /* stands for the operands */
    const char *box_option; /* one that was given and needs --bbox-of */
    bool keeps;
};

/* Fills in everything of setup but the callbacks. A wrong option prints a message and exits. */
void grid_options_parse(struct grid_options *o, int argc, char **argv);
void grid_options_free(struct grid_options *o);

#endif
