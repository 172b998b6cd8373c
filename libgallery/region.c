/* Even-odd counting to the west of the point, over the edges of its strip of latitude. */
#include "region.h"
#include "context.h"
#include "outline.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>

#define MOST_STRIPS ((size_t)1 << 18)

struct gallery_region {
    gallery_outline outline;
    double south, north;
    size_t strips;
    size_t *begin;   /* [strips + 1]: where a strip's places begin */
    unsigned *place; /* of edges, in the order of their polygons */
};

static double strip_of(const gallery_region *r, double lat) {
    double at = (lat - r->south) / (r->north - r->south) * (double)r->strips;
    return fmin(fmax(floor(at), 0), (double)r->strips - 1);
}

/* The strips [from, to) that an edge lies in. */
static void strips_of(const gallery_region *r, const gallery_edge *e, size_t *from, size_t *to) {
    *from = (size_t)strip_of(r, e->south);
    *to = e->south < e->north ? (size_t)strip_of(r, e->north) + 1 : *from;
}

/* How many places all edges take together, where it is not more than `most`. */
static size_t count_places(const gallery_region *r, size_t most) {
    size_t sum = 0;
    for (size_t i = 0; i < r->outline.count && sum <= most; i++) {
        size_t from, to;
        strips_of(r, &r->outline.edges[i], &from, &to);
        sum += to - from;
    }
    return sum;
}

/* As many strips as there are edges, but fewer where the edges are so long that they would fill
 * the memory. */
static int build_strips(gallery_context *ctx, gallery_region *r) {
    size_t n = r->outline.count, most = 8 * n + 1024;
    if (n > UINT32_MAX / 16) return gallery_fail_memory(ctx, n * sizeof *r->outline.edges);
    for (r->strips = n < MOST_STRIPS ? n : MOST_STRIPS; r->strips > 1; r->strips /= 2)
        if (count_places(r, most) <= most) break;
    r->begin = calloc(r->strips + 2, sizeof *r->begin);
    r->place = calloc(count_places(r, most) + 1, sizeof *r->place);
    if (!r->begin || !r->place) return gallery_fail_memory(ctx, most * sizeof *r->place);
    for (size_t i = 0, from, to; i < n; i++)
        for (strips_of(r, &r->outline.edges[i], &from, &to); from < to; from++)
            r->begin[from + 2]++;
    for (size_t k = 2; k < r->strips + 2; k++) r->begin[k] += r->begin[k - 1];
    for (size_t i = 0, from, to; i < n; i++)
        for (strips_of(r, &r->outline.edges[i], &from, &to); from < to; from++)
            r->place[r->begin[from + 1]++] = (unsigned)i;
    return GALLERY_OK;
}

struct polygon { /* the one at hand, its room is used again */
    double *xy;
    size_t *ends;
    size_t room, ring_room;
};

static int make_room(gallery_context *ctx, struct polygon *p, size_t vertices, size_t rings) {
    if (vertices > p->room) {
        free(p->xy);
        p->room = 2 * vertices;
        p->xy = calloc(p->room, 2 * sizeof *p->xy);
    }
    if (rings > p->ring_room) {
        free(p->ends);
        p->ring_room = 2 * rings;
        p->ends = calloc(p->ring_room, sizeof *p->ends);
    }
    if (p->xy && p->ends) return GALLERY_OK;
    p->room = p->ring_room = 0;
    return gallery_fail_memory(ctx, vertices * 4 * sizeof *p->xy);
}

static int add_polygon(gallery_context *ctx, gallery_region *r, OGRGeometryH geometry,
                       const gallery_feature *feature, struct polygon *p) {
    int rings = OGR_G_GetGeometryCount(geometry);
    size_t vertices = 0, used = 0;
    for (int i = 0; i < rings; i++)
        vertices += (size_t)OGR_G_GetPointCount(OGR_G_GetGeometryRef(geometry, i));
    GALLERY_TRY(make_room(ctx, p, vertices + 1, (size_t)rings + 1));
    for (int i = 0; i < rings; i++) {
        OGRGeometryH ring = OGR_G_GetGeometryRef(geometry, i);
        GALLERY_TRY(gallery_feature_vertices(ctx, feature->place, ring, p->xy + 2 * used));
        used += (size_t)OGR_G_GetPointCount(ring);
        p->ends[i] = used;
    }
    return gallery_outline_add(ctx, &r->outline, p->xy, p->ends, (size_t)rings, feature->projected);
}

static int add_geometry(gallery_context *ctx, gallery_region *r, OGRGeometryH geometry,
                        const gallery_feature *feature, struct polygon *p) {
    OGRwkbGeometryType type = OGR_GT_Flatten(OGR_G_GetGeometryType(geometry));
    if (OGR_G_IsEmpty(geometry)) return GALLERY_OK;
    if (type == wkbPolygon || type == wkbTriangle) return add_polygon(ctx, r, geometry, feature, p);
    if (!OGR_GT_IsSubClassOf(type, wkbGeometryCollection) && type != wkbPolyhedralSurface &&
        type != wkbTIN)
        return GALLERY_OK;
    for (int i = 0; i < OGR_G_GetGeometryCount(geometry); i++)
        GALLERY_TRY(add_geometry(ctx, r, OGR_G_GetGeometryRef(geometry, i), feature, p));
    return GALLERY_OK;
}

static int add_features(gallery_context *ctx, gallery_source *source, gallery_region *r) {
    struct polygon polygon = {0};
    gallery_feature feature;
    bool broken;
    int status;
    while ((status = gallery_source_next(source, &feature, &broken)) == GALLERY_OK)
        if (feature.geometry)
            GALLERY_GO(add_geometry(ctx, r, feature.geometry, &feature, &polygon));
    if (status == GALLERY_END) status = GALLERY_OK;
done:
    free(polygon.xy);
    free(polygon.ends);
    return status;
}

int gallery_region_open(gallery_context *ctx, const char *path, bool allow_net,
                        gallery_region **out) {
    gallery_grid_setup setup = {.mode = GALLERY_GRID_AREA, .allow_net = allow_net};
    gallery_source *source = NULL;
    gallery_region *r = calloc(1, sizeof *r);
    int status = GALLERY_OK;
    *out = NULL;
    if (!r) return gallery_fail_memory(ctx, sizeof *r);
    GALLERY_GO(gallery_source_open(ctx, path, &setup, &source));
    GALLERY_GO(add_features(ctx, source, r));
    gallery_outline_extent(&r->outline, &r->south, &r->north);
    if (!(r->north > r->south))
        GALLERY_GO(
            gallery_fail(ctx, GALLERY_EEMPTY, "%s: no polygons", gallery_source_name(source)));
    GALLERY_GO(build_strips(ctx, r));
    *out = r;
done:
    gallery_source_close(source);
    if (status != GALLERY_OK) gallery_region_close(r);
    return status;
}

void gallery_region_close(gallery_region *r) {
    if (!r) return;
    gallery_outline_free(&r->outline);
    free(r->begin);
    free(r->place);
    free(r);
}

bool gallery_region_holds(const gallery_region *r, double lon_deg, double lat_deg) {
    if (lat_deg < r->south || lat_deg > r->north) return false;
    /* The poles are points that no edge passes: look from just beside them. */
    double lat = fmin(fmax(lat_deg, -90 + 1e-9), 90 - 1e-9);
    size_t strip = (size_t)strip_of(r, lat);
    bool inside = false;
    unsigned polygon = 0;
    for (size_t i = r->begin[strip]; i < r->begin[strip + 1]; i++) {
        const gallery_edge *e = &r->outline.edges[r->place[i]];
        if (e->polygon != polygon) {
            if (inside) return true;
            polygon = e->polygon;
        }
        if (e->south <= lat && lat < e->north) inside ^= gallery_edge_cross(e, lat) <= lon_deg;
    }
    return inside;
}
