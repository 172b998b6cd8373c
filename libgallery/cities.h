/* cities.h - the city-level protocol of CityGuessr68k: each frame votes for the nearest city
 * centre, the video goes where most of its frames do, and is right or wrong as a city, and as the
 * state, country and continent which that lies in.
 */
#ifndef GALLERY_CITIES_H
#define GALLERY_CITIES_H

#include "gallery.h"

#include <stdbool.h>

typedef struct gallery_cities gallery_cities;

enum gallery_city_level {
    GALLERY_CITY,
    GALLERY_STATE,
    GALLERY_COUNTRY,
    GALLERY_CONTINENT,
    GALLERY_CITY_LEVELS
};

/* "city", "state", ... */
const char *gallery_city_level_name(int level);

#define GALLERY_CITIES_MAX 1000000

/* centers: a CSV file with the columns city, lat, lon (or latitude, longitude), and perhaps state,
 * country and continent, one row for each centre. hierarchy: a CSV file with the columns city,
 * state, country, continent (any of the last three), for a centers file that names cities alone;
 * may be NULL. GALLERY_EFORMAT names file and line: a city that is there twice, or that the
 * hierarchy does not know. */
int gallery_cities_open(gallery_context *ctx, const char *centers, const char *hierarchy,
                        gallery_cities **cities);
void gallery_cities_close(gallery_cities *cities);

size_t gallery_cities_count(const gallery_cities *cities);

/* Is it known which state, country or continent the cities lie in? */
bool gallery_cities_has(const gallery_cities *cities, int level);

/* The centre nearest to a position (lon, lat). */
size_t gallery_cities_nearest(const gallery_cities *cities, const double position[2]);

/* A city's name and centre; the name is valid as long as the cities. */
const char *gallery_cities_name(const gallery_cities *cities, size_t city, double center[2]);

/* Two cities that lie in the same state (and all above it), ...; GALLERY_CITY: that are the same.
 */
bool gallery_cities_same(const gallery_cities *cities, size_t a, size_t b, int level);

/* The city of most frames of a video, of several the one that came first. predicted, truth: double
 * [n][2]. right[level]: whether both lie in the same. GALLERY_ENOMEM. */
int gallery_cities_judge(gallery_cities *cities, const double *predicted, const double *truth,
                         size_t n, bool right[GALLERY_CITY_LEVELS]);

#endif
