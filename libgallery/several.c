/* several.c - one answer over several galleries. */
#include "search.h"
#include "context.h"
#include "storage.h"

#include <stdlib.h>

static int by_exact(const void *a, const void *b) {
    const gallery_hit *x = a, *y = b;
    if (x->exact != y->exact) return x->exact < y->exact ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The best k of `all`, each point once. The best k of the whole are among the best k of each. */
static size_t pick(gallery_hit *all, size_t n, size_t k, gallery_hit *out) {
    size_t kept = 0;
    qsort(all, n, sizeof *all, by_exact);
    for (size_t i = 0; i < n && kept < k; i++) {
        size_t same = 0;
        while (same < kept && out[same].id != all[i].id) same++;
        if (same == kept) out[kept++] = all[i];
    }
    return kept;
}

int gallery_search_all(gallery *const *galleries, size_t count, const float *queries, size_t n,
                       size_t k, bool flat, gallery_hit *hits, size_t *found) {
    gallery_context *ctx = galleries[0]->ctx;
    if (count == 1) return gallery_search(galleries[0], queries, n, k, flat, hits, found);
    gallery_hit *parts = NULL, *row = malloc(count * k * sizeof *row);
    size_t *sizes = calloc(count, sizeof *sizes);
    bool some = false;
    int status = GALLERY_OK;
    if (n && k < SIZE_MAX / sizeof *parts / n / count)
        parts = malloc(count * n * k * sizeof *parts); /* [count][n][k] */
    *found = 0;
    if (!parts || !row || !sizes) status = gallery_fail_memory(ctx, count * n * k * sizeof *parts);
    for (size_t i = 0; status == GALLERY_OK && i < count; i++) {
        status = gallery_search(galleries[i], queries, n, k, flat, parts + i * n * k, sizes + i);
        some |= status == GALLERY_OK;
        if (status == GALLERY_EEMPTY && (some || i + 1 < count)) status = GALLERY_OK;
    }
    for (size_t q = 0; status == GALLERY_OK && q < n; q++) {
        size_t m = 0;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < sizes[i]; j++) row[m++] = parts[(i * n + q) * k + j];
        *found = pick(row, m, k, hits + q * k); /* for each query as many: k, or all there are */
    }
    free(parts);
    free(row);
    free(sizes);
    return status;
}
