#include "album.h"
#include "shapes.h"

#include <stdlib.h>
#include <string.h>

struct header {
    char text[1024];
    size_t length, offset;
    const char *view; /* the views' axis, "" where there is one view */
};

static void header_tensor(struct header *h, const char *name, const char *type, size_t n,
                          const char *shape, size_t bytes) {
    int added = snprintf(h->text + h->length, sizeof h->text - h->length,
                         ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu%s],\"data_offsets\":[%zu,%zu]}",
                         name, type, n, shape, h->offset, h->offset + bytes);
    h->length += (size_t)added;
    h->offset += bytes;
}

static void header_truth(struct header *h, const struct album *a) {
    char pairs[32];
    snprintf(pairs, sizeof pairs, "%s,2", h->view);
    size_t n = a->n, each = a->n * a->views;
    /* The doubles first: 8 divides what comes before them. */
    header_tensor(h, "lonlat", "F64", n, pairs, each * 16);
    header_tensor(h, "heading_deg", "F32", n, h->view, each * 4);
    header_tensor(h, "hour", "F32", n, h->view, each * 4);
    header_tensor(h, "place", "I32", n, "", n * 4);
    header_tensor(h, "frame", "I32", n, "", n * 4);
    header_tensor(h, "state", "U8", n, "", n);
}

static void put(FILE *out, const void *bytes, size_t n) {
    if (fwrite(bytes, 1, n, out) != n) world_die("the album cannot be written: %m");
}

void album_open(struct album *a, FILE *out, size_t n, size_t views, int width, int height) {
    *a = (struct album){.out = out, .n = n, .views = views};
    a->picture_size = (size_t)width * (size_t)height * 3;
    a->lonlat = world_zeros(2 * n * views, sizeof *a->lonlat);
    a->heading_deg = world_zeros(n * views, sizeof *a->heading_deg);
    a->hour = world_zeros(n * views, sizeof *a->hour);
    a->place = world_zeros(n, sizeof *a->place);
    a->frame = world_zeros(n, sizeof *a->frame);
    a->state = world_zeros(n, 1);
    struct header h = {.view = views > 1 ? ",2" : ""};
    h.length = (size_t)snprintf(h.text, sizeof h.text,
                                "{\"__metadata__\":{\"vidtag.album\":\"1\",\"kind\":\"%s\"}",
                                views > 1 ? "pairs" : "drives");
    char shape[64];
    snprintf(shape, sizeof shape, "%s,%d,%d,3", h.view, height, width);
    size_t bytes = n * views * a->picture_size, padding = (8 - bytes % 8) % 8;
    header_tensor(&h, "pictures", "U8", n, shape, bytes);
    /* Tensors must touch: what aligns the next is a tensor of its own. */
    if (padding) header_tensor(&h, "padding", "U8", padding, "", padding);
    header_truth(&h, a);
    h.text[h.length++] = '}';
    while (h.length % 8) h.text[h.length++] = ' ';
    uint64_t length = h.length;
    put(out, &length, sizeof length);
    put(out, h.text, h.length);
}

void album_close(struct album *a) {
    static const char zeros[8];
    size_t each = a->n * a->views, bytes = each * a->picture_size;
    put(a->out, zeros, (8 - bytes % 8) % 8);
    put(a->out, a->lonlat, each * 16);
    put(a->out, a->heading_deg, each * 4);
    put(a->out, a->hour, each * 4);
    put(a->out, a->place, a->n * 4);
    put(a->out, a->frame, a->n * 4);
    put(a->out, a->state, a->n);
    free(a->lonlat);
    free(a->heading_deg);
    free(a->hour);
    free(a->place);
    free(a->frame);
    free(a->state);
}
