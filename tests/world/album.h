/* album.h - pictures and their truth in one safetensors file, for training without decoding.
 *
 * __metadata__: {"vidtag.album": "1", "kind": "drives" or "pairs"}. Tensors, N pictures (drives) or
 * spots (pairs), V = 1 or 2 views each; the axis V is there for pairs alone:
 *
 *   pictures     U8  [N, V, height, width, 3]   red, green, blue; rows from the top
 *   lonlat       F64 [N, V, 2]                  the camera, degrees, WGS84
 *   heading_deg  F32 [N, V]                     clockwise from north
 *   hour         F32 [N, V]                     local solar time
 *   place        I32 [N]                        the drive's number, or the spot's
 *   frame        I32 [N]                        place in the drive; of spots 0
 *   state        U8  [N]                        0 clear, 1 hidden by a vehicle, 2 in mist
 */
#ifndef WORLD_ALBUM_H
#define WORLD_ALBUM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct album {
    FILE *out;
    size_t n, views, picture_size;
    double *lonlat;
    float *heading_deg, *hour;
    int32_t *place, *frame;
    uint8_t *state;
};

/* Writes the header; then all pictures are written to `out` in order, the rest is filled in, and
 * album_close writes it. The file remains the caller's. */
void album_open(struct album *a, FILE *out, size_t n, size_t views, int width, int height);
void album_close(struct album *a);

#endif
