/* dataset.h - the paper's data sets, as they are shipped: which videos or pictures make a source,
 * and where each was taken.
 *
 *   MSLS          DIR/train_val/CITY/{query,database}/{seq_info,raw}.csv, images/KEY.jpg there
 *   BDD100k       DIR/info/100k/SPLIT/VIDEO.json, DIR/videos/SPLIT/VIDEO.mov (GAMa is the same)
 *   CityGuessr68k DIR/SPLIT/CITY/VIDEO/NUMBER.jpg; the truth is the city's centre
 */
#ifndef GALLERY_DATASET_H
#define GALLERY_DATASET_H

#include "gallery.h"
#include "track.h"

#include <stdbool.h>

typedef struct gallery_dataset gallery_dataset;

enum gallery_dataset_kind { GALLERY_MSLS, GALLERY_BDD100K, GALLERY_CITYGUESSR };

typedef struct gallery_dataset_setup {
    enum gallery_dataset_kind kind;
    const char *root;
    const char *split; /* a folder's name; of MSLS "train" or "val" */
    const char *ids;   /* BDD100k: a list of videos, "ID [COUNT]" a line; NULL: all of the split */
    const char *centers; /* CityGuessr68k: CSV with city, lat, lon */
} gallery_dataset_setup;

/* A source, in the order of its frames. Everything is valid until the next one. */
typedef struct gallery_dataset_source {
    const char *name;
    const char *video;        /* its file; NULL: pictures */
    const char *const *paths; /* [n], of pictures */
    const double *places;     /* [n][2], lon and lat of each */
    size_t n;
    gallery_track *track; /* of a video; the caller closes it. NULL: it has no position */
    const char *trouble;  /* why this source cannot be read; NULL: nothing is known against it */
} gallery_dataset_source;

/* GALLERY_EIO, GALLERY_EFORMAT: no such tree; GALLERY_EEMPTY: nothing of that split. */
int gallery_dataset_open(gallery_context *ctx, const gallery_dataset_setup *setup,
                         gallery_dataset **dataset);
void gallery_dataset_close(gallery_dataset *dataset);

/* GALLERY_END after the last. What is wrong with one source alone - a table of positions that is
 * missing or damaged, a folder without pictures - is its trouble, and the next one can be had. */
int gallery_dataset_next(gallery_dataset *dataset, gallery_dataset_source *source);

/* MSLS: a tenth of the sequences of each city is for validation, by FNV-1a of the sequence's key,
 * so that it is the same everywhere and does not change when sequences are added. */
bool gallery_dataset_is_validation(const char *sequence);

#endif
