/* gpx.c - tracks in GPX, which GDAL reads. */
#include "clock.h"
#include "context.h"
#include "driver.h"
#include "tracks.h"

#include <math.h>
#include <ogr_api.h>

/* A point's time; false: it has none. GPX demands UTC; GDAL tells other zones by quarters of an
 * hour from 100. */
static bool time_of(OGRFeatureH feature, int field, double *unix_s) {
    int year, month, day, hour, minute, zone;
    float second;
    if (!OGR_F_GetFieldAsDateTimeEx(feature, field, &year, &month, &day, &hour, &minute, &second,
                                    &zone))
        return false;
    /* GDAL keeps milliseconds in a float */
    double of_day = hour * 3600.0 + minute * 60.0 + round(second * 1000.0) / 1000;
    if (!gallery_clock_of(year, month, day, of_day, unix_s)) return false;
    if (zone > 1) *unix_s -= (zone - 100) * 900.0;
    return true;
}

static int add_point(gallery_track *track, OGRFeatureH feature, int field, long long *segment) {
    double unix_s;
    OGRGeometryH point = OGR_F_GetGeometryRef(feature);
    long long track_id = OGR_F_GetFieldAsInteger(feature, 0);
    long long id = track_id * (INT64_C(1) << 31) + OGR_F_GetFieldAsInteger(feature, 1);
    if (id != *segment) gallery_track_pause(track);
    *segment = id;
    if (!point || !OGR_F_IsFieldSetAndNotNull(feature, field) ||
        !time_of(feature, field, &unix_s)) {
        gallery_track_leave_out(track);
        return GALLERY_OK;
    }
    return gallery_track_add(track, unix_s, OGR_G_GetX(point, 0), OGR_G_GetY(point, 0), true);
}

static int read_points(gallery_context *ctx, const char *path, OGRLayerH layer,
                       gallery_track *track) {
    int status = GALLERY_OK;
    long long segment = -1;
    OGRFeatureH feature;
    int field = OGR_FD_GetFieldIndex(OGR_L_GetLayerDefn(layer), "time");
    if (field < 0)
        return gallery_fail(ctx, GALLERY_EFORMAT, "%s: its track points have no times", path);
    while (status == GALLERY_OK && (feature = OGR_L_GetNextFeature(layer))) {
        status = add_point(track, feature, field, &segment);
        OGR_F_Destroy(feature);
    }
    return status;
}

int gallery_track_read_gpx(gallery_context *ctx, const char *path, gallery_track *track) {
    static const char *const drivers[] = {"GPX", NULL};
    gallery_complaint complaint;
    int status;
    gallery_complaint_begin(&complaint);
    if (!GDALGetDriverByName("GPX")) GDALAllRegister();
    GDALDatasetH dataset = GDALOpenEx(path, GDAL_OF_VECTOR | GDAL_OF_READONLY, drivers, NULL, NULL);
    OGRLayerH layer = dataset ? GDALDatasetGetLayerByName(dataset, "track_points") : NULL;
    if (!layer)
        status = gallery_fail(ctx, GALLERY_EFORMAT, "%s: %s", path,
                              complaint.failed ? complaint.text : "not a GPX file with a track");
    else
        status = read_points(ctx, path, layer, track);
    if (status == GALLERY_OK && complaint.failed)
        status = gallery_fail(ctx, GALLERY_EFORMAT, "%s: %s", path, complaint.text);
    if (dataset) GDALClose(dataset);
    gallery_complaint_end();
    return status;
}
