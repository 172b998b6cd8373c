#include "walk.h"
#include "context.h"

#include <stdlib.h>
#include <string.h>

#define POINTS 1024                    /* taken from a gallery at a time */
#define TEXT_BYTES ((size_t)4 << 20)   /* and the texts at which that ends early */
#define NUMBERS ((size_t)1 << 20)      /* and the embeddings */
#define TAGS_BYTES (255 * (size_t)128) /* of one point */

struct kept { /* a point copied out of a gallery */
    uint64_t id;
    double lon_deg, lat_deg;
    size_t properties, tags; /* in texts; SIZE_MAX: none */
};

struct gallery_walk {
    gallery_context *ctx;
    gallery *g; /* one of the two */
    gallery_archive *archive;
    gallery_archive_info info;
    bool embeddings;
    struct kept *kept; /* [POINTS] */
    size_t n, at, most;
    float *numbers; /* [most][dim] */
    char *texts;
    size_t text_size, text_capacity;
    uint64_t from;
    bool last, failed;
};

/* Room in texts, or NULL. */
static char *reserve(gallery_walk *w, size_t bytes) {
    if (bytes > w->text_capacity - w->text_size) {
        size_t capacity = 2 * (w->text_size + bytes);
        char *grown = realloc(w->texts, capacity);
        if (!grown) return NULL;
        w->texts = grown;
        w->text_capacity = capacity;
    }
    return w->texts + w->text_size;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of tags in ascending order, so that equal sets give equal texts whatever their numbers. */
static size_t write_tags(const gallery *g, const gallery_point *point, char *out) {
    const char *names[256] = {""};
    size_t n = 0, length = 0;
    for (size_t i = 0; i < point->tags_n && n < 256; i++) {
        const char *name = gallery_tag_name(g, point->tags[i]);
        names[n++] = name ? name : "";
    }
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++) {
        size_t size = strlen(names[i]);
        if (i) out[length++] = '\n';
        memcpy(out + length, names[i], size);
        length += size;
    }
    out[length] = 0;
    return length + 1;
}

static int keep(void *user, const gallery_point *point, const float *x) {
    gallery_walk *w = user;
    struct kept *kept = w->kept + w->n;
    size_t length = point->properties ? strlen(point->properties) + 1 : 0;
    char *text = reserve(w, length + TAGS_BYTES);
    w->failed = !text;
    if (w->failed) return 1;
    *kept = (struct kept){point->id, point->lon_deg, point->lat_deg, SIZE_MAX, 0};
    if (length) {
        kept->properties = w->text_size;
        memcpy(text, point->properties, length);
        w->text_size += length;
    }
    kept->tags = w->text_size;
    w->text_size += write_tags(w->g, point, w->texts + w->text_size);
    size_t dim = (size_t)w->info.setup.dim;
    if (x) memcpy(w->numbers + w->n * dim, x, dim * sizeof *x);
    w->n++;
    w->from = point->id + 1;
    return w->n == w->most || w->text_size > TEXT_BYTES;
}

static int refill(gallery_walk *w) {
    w->n = w->at = w->text_size = 0;
    if (w->last) return GALLERY_END;
    int status = gallery_each_from(w->g, w->from, w->embeddings, keep, w);
    if (w->failed) return gallery_fail_memory(w->ctx, TEXT_BYTES);
    if (status != GALLERY_OK && status != GALLERY_END) return status;
    w->last = status == GALLERY_OK;
    return w->n ? GALLERY_OK : GALLERY_END;
}

static int open_gallery(gallery_walk *w, const char *path) {
    gallery_info info;
    GALLERY_TRY(gallery_open(w->ctx, path, &w->g));
    GALLERY_TRY(gallery_stat(w->g, &info));
    w->info = (gallery_archive_info){info.setup, true, info.points, info.staged};
    w->most = NUMBERS / (size_t)info.setup.dim;
    if (w->most > POINTS) w->most = POINTS;
    w->kept = malloc(POINTS * sizeof *w->kept);
    w->numbers = malloc((w->embeddings ? NUMBERS : 1) * sizeof *w->numbers);
    return w->kept && w->numbers ? GALLERY_OK
                                 : gallery_fail_memory(w->ctx, NUMBERS * sizeof *w->numbers);
}

int gallery_walk_open(gallery_context *ctx, const char *path, bool embeddings, gallery_walk **out) {
    gallery_walk *w = calloc(1, sizeof *w);
    int status = GALLERY_OK;
    *out = NULL;
    if (!w) return gallery_fail_memory(ctx, sizeof *w);
    w->ctx = ctx;
    w->embeddings = embeddings;
    if (gallery_archive_recognise(path)) {
        status = gallery_archive_open(ctx, path, &w->archive);
        if (status == GALLERY_OK) gallery_archive_describe(w->archive, &w->info);
    } else
        status = open_gallery(w, path);
    if (status == GALLERY_OK)
        *out = w;
    else
        gallery_walk_close(w);
    return status;
}

void gallery_walk_close(gallery_walk *w) {
    if (!w) return;
    gallery_close(w->g);
    gallery_archive_close(w->archive);
    free(w->kept);
    free(w->numbers);
    free(w->texts);
    free(w);
}

void gallery_walk_describe(const gallery_walk *w, gallery_archive_info *info) {
    *info = w->info;
}

int gallery_walk_next(gallery_walk *w, gallery_item *item) {
    if (w->archive) return gallery_archive_next(w->archive, item);
    if (w->at == w->n) GALLERY_TRY(refill(w));
    const struct kept *kept = w->kept + w->at;
    *item = (gallery_item){
        .id = kept->id,
        .lon_deg = kept->lon_deg,
        .lat_deg = kept->lat_deg,
        .properties = kept->properties == SIZE_MAX ? NULL : w->texts + kept->properties,
        .tags = w->texts + kept->tags,
        .embedding = w->embeddings ? w->numbers + w->at * (size_t)w->info.setup.dim : NULL};
    w->at++;
    return GALLERY_OK;
}
