/* track_csv.c - tracks as tables. */
#include "clock.h"
#include "context.h"
#include "csv.h"
#include "tracks.h"

#include <math.h>
#include <stdlib.h>

/* From here on a number is Unix time in ms: as seconds it would be in the year 5138. */
#define LEAST_MS 1e11

static int csv_time(gallery_csv *csv, int column, double *unix_s) {
    const char *text = gallery_csv_field(csv, column);
    char *end;
    if (gallery_clock_parse(text, unix_s)) return GALLERY_OK;
    *unix_s = strtod(text, &end);
    if (end == text || *end || !isfinite(*unix_s))
        return gallery_csv_refuse(csv, "a time that is neither ISO 8601 nor a number");
    if (*unix_s >= LEAST_MS) *unix_s /= 1000;
    return GALLERY_OK;
}

static int read_rows(gallery_csv *csv, gallery_track *track, int time, int lon, int lat) {
    int status;
    while ((status = gallery_csv_next(csv)) == GALLERY_OK) {
        double time_s, position[2];
        if (!*gallery_csv_field(csv, lon) && !*gallery_csv_field(csv, lat)) { /* no fix */
            GALLERY_TRY(csv_time(csv, time, &time_s));
            GALLERY_TRY(gallery_track_add(track, time_s, 0, 0, false));
            continue;
        }
        GALLERY_TRY(csv_time(csv, time, &time_s));
        GALLERY_TRY(gallery_csv_position(csv, lon, lat, position));
        GALLERY_TRY(gallery_track_add(track, time_s, position[0], position[1], true));
    }
    return status == GALLERY_END ? GALLERY_OK : status;
}

int gallery_track_read_csv(gallery_context *ctx, const char *path, gallery_track **track) {
    gallery_csv *csv;
    int time, lon, lat, status;
    GALLERY_TRY(gallery_csv_open(ctx, path, &csv));
    int t = gallery_csv_column(csv, "t");
    GALLERY_GO(gallery_csv_need(csv, "lon|lng|longitude", &lon));
    GALLERY_GO(gallery_csv_need(csv, "lat|latitude", &lat));
    time = t;
    if (t < 0) GALLERY_GO(gallery_csv_need(csv, "time|timestamp|datetime|utc|t", &time));
    GALLERY_GO(
        gallery_track_new(ctx, path, t < 0 ? GALLERY_CLOCK_UTC : GALLERY_CLOCK_VIDEO, track));
    status = read_rows(csv, *track, time, lon, lat);
done:
    gallery_csv_close(csv);
    return status;
}
