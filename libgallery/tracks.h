/* tracks.h - inside libgallery: the readers of track files. */
#ifndef GALLERY_TRACKS_H
#define GALLERY_TRACKS_H

#include "track.h"

void gallery_track_leave_out(gallery_track *track);

/* Each adds the fixes of a file to the track. */
int gallery_track_read_gpx(gallery_context *ctx, const char *path, gallery_track *track);
int gallery_track_read_nmea(gallery_context *ctx, const char *path, gallery_track *track);

/* Makes the track, whose clock depends on the columns. */
int gallery_track_read_csv(gallery_context *ctx, const char *path, gallery_track **track);

#endif
