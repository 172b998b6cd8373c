/* search.h - the points of a gallery whose embeddings are nearest to a query's.
 *
 * Exact: the scores are those of a product with every point of the gallery; patches (vt-index
 * build) only skip points that cannot be among the first k.
 */
#ifndef GALLERY_SEARCH_H
#define GALLERY_SEARCH_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_hit {
    uint64_t id;
    double lon_deg, lat_deg;
    float score;  /* cosine with the stored embedding */
    double exact; /* the same, as searches order by it */
} gallery_hit;

struct gallery;

/* The k best points for each of n unit queries, best first, equal scores by id. queries: float
 * [n][dim]; hits: [n][k]; *found: how many per query, less than k in a small gallery. `flat`
 * ignores the patches. The same answer for any number of threads. GALLERY_EEMPTY for an empty
 * gallery. */
int gallery_search(struct gallery *g, const float *queries, size_t n, size_t k, bool flat,
                   gallery_hit *hits, size_t *found);

/* The same over several galleries of one context, encoder and size, as if they were one: a point
 * that is in more than one counts once, with its best score. GALLERY_EEMPTY if all are empty. */
int gallery_search_all(struct gallery *const *galleries, size_t count, const float *queries,
                       size_t n, size_t k, bool flat, gallery_hit *hits, size_t *found);

#endif
