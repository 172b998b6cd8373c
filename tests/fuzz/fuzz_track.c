/* Property: no bytes make the readers of tracks (GPX, NMEA, CSV) or of GoPro's telemetry crash,
 * leak or take memory beyond their bounds; whatever is asked of a track that they accept, a
 * position that is found lies on the Earth, and none is found outside of the track's time.
 */
#include "libgallery/track.h"
#include "libinfer/gpmf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int note_fix(void *user, const struct gpmf_fix *fix) {
    unsigned long *count = user;
    if (fix->place < 0 || fix->place >= fix->count) abort();
    ++*count;
    return INFER_OK;
}

static void check_telemetry(const uint8_t *data, size_t size) {
    infer *ctx;
    unsigned long count = 0;
    infer_options options = {.threads = 1};
    if (infer_open(&options, &ctx)) abort();
    gpmf_read(ctx, data, size, note_fix, &count);
    if (count * 20 > size) abort(); /* a fix takes 20 bytes at least */
    infer_close(ctx);
}

static void ask(const gallery_track *track, double time_s) {
    double p[2] = {NAN, NAN}, first_s, last_s;
    gallery_track_span(track, &first_s, &last_s);
    if (gallery_track_at(track, time_s, GALLERY_TRACK_GAP_S, p) != GALLERY_TRACK_FOUND) return;
    if (!(p[0] >= -180 && p[0] < 180 && fabs(p[1]) <= 90)) abort();
    if (time_s < first_s - 1 || time_s > last_s + 1) abort();
}

static void check_track(const uint8_t *data, size_t size) {
    gallery_context *ctx;
    gallery_track *track;
    char path[64];
    int fd = memfd_create("track", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || gallery_context_open(1, &ctx)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!gallery_track_read(ctx, path, &track)) {
        double first_s, last_s;
        gallery_track_span(track, &first_s, &last_s);
        if (!gallery_track_count(track) || first_s > last_s) abort();
        for (int i = -2; i <= 12; i++) ask(track, first_s + (last_s - first_s) * i / 10);
        ask(track, 0);
        gallery_track_close(track);
    }
    gallery_context_close(ctx);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_telemetry(data, size);
    check_track(data, size);
    return 0;
}
