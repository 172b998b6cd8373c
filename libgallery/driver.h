/* driver.h - inside libgallery: which vector sources are opened, and how. */
#ifndef GALLERY_DRIVER_H
#define GALLERY_DRIVER_H

#include "grid.h"

#include <gdal.h>

/* What GDAL complained about since `failed` was last cleared: its first failure. */
typedef struct gallery_complaint {
    bool failed;
    char text[400];
} gallery_complaint;

/* Around calls to GDAL: collects its complaints, so that it prints nothing. */
void gallery_complaint_begin(gallery_complaint *complaint);
void gallery_complaint_end(void);

/* Opens a vector source for reading. Refuses what reaches over the network, or reaches elsewhere
 * by what the file says, unless setup->allow_net; and formats that are no plain vector data. */
int gallery_driver_open(gallery_context *ctx, const char *path, const gallery_grid_setup *setup,
                        GDALDatasetH *dataset);

bool gallery_driver_is(GDALDatasetH dataset, const char *name);

#endif
