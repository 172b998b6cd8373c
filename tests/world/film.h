/* film.h - what a drive leaves: a video or numbered pictures, and its track. */
#ifndef WORLD_FILM_H
#define WORLD_FILM_H

#include <stddef.h>
#include <stdint.h>

/* "2024-06-01T08:30:00.000Z" of a time in milliseconds since 1970. */
#define FILM_TIME_SIZE 32
void film_time(char text[FILM_TIME_SIZE], int64_t time_ms);

typedef struct film film;

/* The name's ending chooses the container (mp4, mkv); a name with %04d.png is numbered pictures.
 * `codec`: FFmpeg's name of an encoder, or NULL for the container's own. The same frames give the
 * same bytes with the same FFmpeg. Ends the program when it cannot. */
film *film_open(const char *path, const char *codec, int width, int height, double fps,
                int64_t start_ms);
void film_add(film *f, const uint8_t *rgb, double time_s);
void film_close(film *f);

/* A GPX 1.1 track of one segment. */
struct fix {
    double lon_deg, lat_deg, time_s;
};
void film_track(const char *path, const char *name, const struct fix *fixes, size_t n,
                int64_t start_ms);

#endif
