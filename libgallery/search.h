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
    float score; /* cosine with the stored embedding */
} gallery_hit;

struct gallery;

/* The k best points for each of n unit queries, best first, equal scores by id. queries: float
 * [n][dim]; hits: [n][k]; *found: how many per query, less than k in a small gallery. `flat`
 * ignores the patches. The same answer for any number of threads. GALLERY_EEMPTY for an empty
 * gallery. */
int gallery_search(struct gallery *g, const float *queries, size_t n, size_t k, bool flat,
                   gallery_hit *hits, size_t *found);

#endif
