/* evaluation.h - the paper's table of one stream: predictions against truth, per source and over
 * all, with confidence intervals from resampled sources.
 *
 * Memory holds the frames of one source and a row of figures for each; the frames' errors lie in a
 * file, sorted, so that medians are exact over streams of any length. An evaluation belongs to its
 * context's thread.
 */
#ifndef GALLERY_EVALUATION_H
#define GALLERY_EVALUATION_H

#include "cities.h"
#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_evaluation gallery_evaluation;

#define GALLERY_THRESHOLDS_MAX 16
#define GALLERY_FIGURES_MAX (2 * GALLERY_THRESHOLDS_MAX + 4 + GALLERY_CITY_LEVELS)
/* A source of more frames is refused. */
#define GALLERY_SOURCE_MAX_FRAMES ((size_t)1 << 22)

typedef struct gallery_threshold {
    double km;
    char name[16]; /* "0.5km", as it stands in a figure's name */
} gallery_threshold;

typedef struct gallery_evaluation_rules {
    gallery_threshold thresholds[GALLERY_THRESHOLDS_MAX]; /* an error is within if it is less */
    int threshold_count;
    gallery_cities *cities; /* borrowed; NULL: no city-level figures */
    size_t replicates;      /* of the bootstrap; 0: no intervals */
    uint64_t seed;
} gallery_evaluation_rules;

/* What was counted and found of a source, or of all. A figure that cannot be told is NaN: of a
 * source without truth; the Frechet distance of one that is longer than GALLERY_FRECHET_MAX. */
typedef struct gallery_figures {
    const char *source;                  /* NULL: all; valid as long as the evaluation */
    unsigned long long sources, frames;  /* with truth and prediction: what the figures are of */
    unsigned long long no_truth, errors; /* frames left out: without truth; error records */
    unsigned long long no_frechet;       /* sources too long for it */
    unsigned long long empty;            /* of all: sources without a frame that counts */
    const char *repeated;                /* of all: one that comes more than once; NULL: none */
    uint64_t digest; /* of all: the same where the same sources have frames at the same places */
    double value[GALLERY_FIGURES_MAX];
    double low[GALLERY_FIGURES_MAX], high[GALLERY_FIGURES_MAX]; /* 95 %; of all, with replicates */
} gallery_figures;

/* GALLERY_EUSAGE: thresholds out of order of magnitude, too many replicates. */
int gallery_evaluation_open(gallery_context *ctx, const gallery_evaluation_rules *rules,
                            gallery_evaluation **evaluation);
void gallery_evaluation_close(gallery_evaluation *evaluation);

/* How many figures there are, and their names, as in tests/reference/metrics.json:
 * "frame_acc@0.5km", ..., "frame_median_km", "video_acc@0.5km", ..., "video_median_km", "dfd_km",
 * "mrd_km", then "city_acc", ... where asked for. Accuracies are in percent. */
int gallery_evaluation_count(const gallery_evaluation *evaluation);
const char *gallery_evaluation_name(const gallery_evaluation *evaluation, int figure,
                                    char text[48]);

/* A source begins, its frames come, it ends. Positions are lon, lat. */
int gallery_evaluation_begin(gallery_evaluation *evaluation, const char *source);
int gallery_evaluation_frame(gallery_evaluation *evaluation, const double predicted[2],
                             const double truth[2]);
void gallery_evaluation_no_truth(gallery_evaluation *evaluation);
void gallery_evaluation_error(gallery_evaluation *evaluation);
int gallery_evaluation_end(gallery_evaluation *evaluation);

/* After the last source, once: the figures of all. GALLERY_EEMPTY: no frame has truth. GALLERY_EIO
 * and GALLERY_EFULL: the temporary file. */
int gallery_evaluation_finish(gallery_evaluation *evaluation, gallery_figures *all);

/* The i-th source; false after the last. */
bool gallery_evaluation_source(const gallery_evaluation *evaluation, size_t i,
                               gallery_figures *figures);

#endif
