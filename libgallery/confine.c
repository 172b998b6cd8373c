#include "confine.h"
#include "confined.h"
#include "source.h"

#include <stdlib.h>
#include <string.h>

#include <cpl_error.h>

struct polygon {
    OGRGeometryH geometry;
    OGRPreparedGeometryH prepared;
    OGREnvelope box;
};

struct gallery_polygons {
    struct polygon *all; /* [n] */
    size_t n, capacity;
};

/* -------------------------------------------------------------------- region */

void gallery_polygons_close(gallery_polygons *r) {
    if (!r) return;
    for (size_t i = 0; i < r->n; i++) {
        OGRDestroyPreparedGeometry(r->all[i].prepared);
        OGR_G_DestroyGeometry(r->all[i].geometry);
    }
    free(r->all);
    free(r);
}

static int add_polygon(gallery_context *ctx, gallery_polygons *r, OGRGeometryH geometry) {
    if (OGR_G_IsEmpty(geometry)) return GALLERY_OK;
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 16;
        struct polygon *grown = realloc(r->all, capacity * sizeof *grown);
        if (!grown) return gallery_fail_memory(ctx, capacity * sizeof *grown);
        r->all = grown;
        r->capacity = capacity;
    }
    struct polygon *p = r->all + r->n;
    p->geometry = OGR_G_Clone(geometry);
    p->prepared = p->geometry ? OGRCreatePreparedGeometry(p->geometry) : NULL;
    if (!p->prepared) {
        OGR_G_DestroyGeometry(p->geometry);
        return gallery_fail(ctx, GALLERY_EFORMAT, "a polygon that GEOS does not take");
    }
    OGR_G_GetEnvelope(p->geometry, &p->box);
    r->n++;
    return GALLERY_OK;
}

/* Polygons, also those within collections; whatever else there is bounds no region. */
static int add_all(gallery_context *ctx, gallery_polygons *r, OGRGeometryH geometry) {
    OGRwkbGeometryType type = wkbFlatten(OGR_G_GetGeometryType(geometry));
    if (type == wkbPolygon) return add_polygon(ctx, r, geometry);
    if (type != wkbMultiPolygon && type != wkbGeometryCollection) return GALLERY_OK;
    for (int i = 0; i < OGR_G_GetGeometryCount(geometry); i++)
        GALLERY_TRY(add_all(ctx, r, OGR_G_GetGeometryRef(geometry, i)));
    return GALLERY_OK;
}

static bool is_valid(OGRGeometryH geometry) {
    CPLPushErrorHandler(CPLQuietErrorHandler); /* GDAL would print where it is not */
    bool valid = OGR_G_IsValid(geometry);
    CPLPopErrorHandler();
    return valid;
}

static int read_polygons(gallery_context *ctx, gallery_source *source, gallery_polygons *r) {
    gallery_feature feature;
    bool broken;
    int status;
    while ((status = gallery_source_next(source, &feature, &broken)) == GALLERY_OK) {
        if (!feature.geometry) continue;
        status = is_valid(feature.geometry)
                     ? add_all(ctx, r, feature.geometry)
                     : gallery_fail(ctx, GALLERY_EFORMAT,
                                    "its rings cross or do not close, so that its inside is not "
                                    "clear; repair it (ogr2ogr -makevalid)");
        if (status != GALLERY_OK) {
            char why[256];
            snprintf(why, sizeof why, "%s", gallery_message(ctx));
            return gallery_fail(ctx, status, "%s: %s", feature.place, why);
        }
    }
    return status == GALLERY_END ? GALLERY_OK : status;
}

int gallery_polygons_open(gallery_context *ctx, const char *path, gallery_polygons **out) {
    const gallery_grid_setup setup = {.mode = GALLERY_GRID_AREA};
    gallery_source *source = NULL;
    gallery_polygons *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return gallery_fail_memory(ctx, sizeof *r);
    int status = gallery_source_open(ctx, path, &setup, &source);
    if (status == GALLERY_OK) status = read_polygons(ctx, source, r);
    if (status == GALLERY_OK && !r->n)
        status =
            gallery_fail(ctx, GALLERY_EEMPTY, "%s: holds no polygon", gallery_source_name(source));
    gallery_source_close(source);
    if (status == GALLERY_OK)
        *out = r;
    else
        gallery_polygons_close(r);
    return status;
}

/* ---------------------------------------------------------------------- rows */

static bool box_holds(const gallery_confinement *c, double lon, double lat) {
    if (lat < c->south || lat > c->north) return false;
    return c->west <= c->east ? lon >= c->west && lon <= c->east : lon >= c->west || lon <= c->east;
}

static bool boxes_meet(const OGREnvelope *a, const OGREnvelope *b) {
    return a->MinX <= b->MaxX && b->MinX <= a->MaxX && a->MinY <= b->MaxY && b->MinY <= a->MaxY;
}

/* Polygons may go on beyond 180 degrees: a place is looked for in three turns of the Earth. */
static bool region_holds(const gallery_polygons *r, OGRGeometryH point, double lon, double lat) {
    for (double turn = -360; turn <= 360; turn += 360) {
        OGREnvelope at = {lon + turn, lon + turn, lat, lat};
        for (size_t i = 0; i < r->n; i++) {
            if (!boxes_meet(&r->all[i].box, &at)) continue;
            OGR_G_SetPoint_2D(point, 0, lon + turn, lat);
            if (OGRPreparedGeometryIntersects(r->all[i].prepared, point)) return true;
        }
    }
    return false;
}

static OGRGeometryH rectangle(const OGREnvelope *box) {
    OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
    OGR_G_AddPoint_2D(ring, box->MinX, box->MinY);
    OGR_G_AddPoint_2D(ring, box->MaxX, box->MinY);
    OGR_G_AddPoint_2D(ring, box->MaxX, box->MaxY);
    OGR_G_AddPoint_2D(ring, box->MinX, box->MaxY);
    OGR_G_AddPoint_2D(ring, box->MinX, box->MinY);
    OGRGeometryH polygon = OGR_G_CreateGeometry(wkbPolygon);
    OGR_G_AddGeometryDirectly(polygon, ring);
    return polygon;
}

enum cover { NOTHING, PART, WHOLE };

/* How much of a block's extent the region takes, seen from its polygons one by one. */
static enum cover cover_block(const gallery_polygons *r, const struct gallery_block *b) {
    enum cover cover = NOTHING;
    for (double turn = -360; turn <= 360 && cover != WHOLE; turn += 360) {
        OGREnvelope box = {b->west / 1e7 + turn, b->east / 1e7 + turn, b->south / 1e7,
                           b->north / 1e7};
        for (size_t i = 0; i < r->n && cover != WHOLE; i++) {
            if (!boxes_meet(&r->all[i].box, &box)) continue;
            cover = PART;
            OGRGeometryH extent = rectangle(&box);
            if (OGRPreparedGeometryContains(r->all[i].prepared, extent)) cover = WHOLE;
            OGR_G_DestroyGeometry(extent);
        }
    }
    return cover;
}

static bool box_meets_block(const gallery_confinement *c, const struct gallery_block *b) {
    if (b->north / 1e7 < c->south || b->south / 1e7 > c->north) return false;
    double west = b->west / 1e7, east = b->east / 1e7;
    return c->west <= c->east ? west <= c->east && east >= c->west
                              : west <= c->east || east >= c->west;
}

static void keep_places(const gallery_confinement *c, const struct gallery_block *block,
                        uint64_t *shown) {
    enum cover cover = c->region ? cover_block(c->region, block) : WHOLE;
    if (!c->boxed && cover == WHOLE) return;
    bool none = cover == NOTHING || (c->boxed && !box_meets_block(c, block));
    OGRGeometryH point = OGR_G_CreateGeometry(wkbPoint);
    for (size_t i = 0; i < block->count; i++) {
        double lon, lat;
        if (!(shown[i / 64] >> i % 64 & 1)) continue;
        gallery_block_coordinate(block, i, &lon, &lat);
        if (!none && (!c->boxed || box_holds(c, lon, lat)) &&
            (cover == WHOLE || region_holds(c->region, point, lon, lat)))
            continue;
        shown[i / 64] &= ~((uint64_t)1 << i % 64);
    }
    OGR_G_DestroyGeometry(point);
}

void gallery_confine_rows(gallery *g, const struct gallery_block *block,
                          const struct gallery_rows *rows, uint64_t *shown) {
    const gallery_confinement *c = g->confinement;
    if (!c) return;
    uint16_t tag = 0;
    bool known = c->tag && gallery_tag_find(g, c->tag, &tag) == GALLERY_OK;
    for (size_t i = 0; c->tag && i < rows->count; i++)
        if (!known || !gallery_tagset_has(rows->tags[i], tag))
            shown[i / 64] &= ~((uint64_t)1 << i % 64);
    keep_places(c, block, shown);
}

void gallery_confine(gallery *g, const gallery_confinement *c) {
    gallery_patches_free(g->patches);
    g->patches = NULL;
    g->confinement = c;
}
