/* store_fixture.h - galleries for the tests of store and search: random points and an encoder that
 * is a pure function of the coordinate. */
#ifndef VT_STORE_FIXTURE_H
#define VT_STORE_FIXTURE_H

#include "test.h"

#include "libgallery/geodesy.h"
#include "libgallery/search.h"
#include "libgallery/store.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#define FIXTURE_ID "0123456789abcdef"

static inline uint64_t fixture_mix(uint64_t x) { /* splitmix64 */
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline double fixture_random(uint64_t *state) { /* [0, 1) */
    *state += 1;
    return (double)(fixture_mix(*state) >> 11) * 0x1p-53;
}

struct fixture_encoder {
    int dim;
    double cell_deg; /* points of one cell have the very same embedding; 0: none do */
    double noise;    /* of each point, beside what varies smoothly with the place */
    int calls, fail_at;
    size_t points;
};

static inline void fixture_unit(float *v, int dim) {
    double sum = 0;
    for (int j = 0; j < dim; j++) sum += (double)v[j] * v[j];
    for (int j = 0; j < dim; j++) v[j] = (float)(v[j] / sqrt(sum));
}

static inline int fixture_embed(void *user, const double *lonlat, size_t n, float *out) {
    struct fixture_encoder *e = user;
    if (++e->calls == e->fail_at) return 1;
    e->points += n;
    for (size_t i = 0; i < n; i++) {
        double lon = lonlat[2 * i], lat = lonlat[2 * i + 1];
        if (e->cell_deg > 0) {
            lon = floor(lon / e->cell_deg) * e->cell_deg;
            lat = floor(lat / e->cell_deg) * e->cell_deg;
        }
        uint64_t state = fixture_mix(gallery_point_id(lonlat[2 * i], lonlat[2 * i + 1]));
        for (int j = 0; j < e->dim; j++) {
            double a = 2.5 * cos(j * 12.9898), b = 2.5 * sin(j * 78.233);
            double smooth = cos(a * lon + b * lat + j);
            out[i * (size_t)e->dim + (size_t)j] =
                (float)(smooth + e->noise * (fixture_random(&state) - 0.5));
        }
        fixture_unit(out + i * (size_t)e->dim, e->dim);
    }
    return 0;
}

/* Points around a few towns; canonical, with ids, without properties. */
static inline gallery_point *fixture_points(size_t n, uint64_t seed) {
    gallery_point *points = calloc(n, sizeof *points);
    for (size_t i = 0; points && i < n; i++) {
        double town = floor(fixture_random(&seed) * 6);
        points[i].lon_deg = -170 + town * 60 + fixture_random(&seed) * 0.2;
        points[i].lat_deg = -75 + town * 28 + fixture_random(&seed) * 0.2;
        gallery_canonical(&points[i].lon_deg, &points[i].lat_deg);
        points[i].id = gallery_point_id(points[i].lon_deg, points[i].lat_deg);
    }
    return points;
}

/* A folder of its own, gone with fixture_clean. */
static inline void fixture_folder(char path[64]) {
    snprintf(path, 64, "/tmp/vt-store.XXXXXX");
    if (!mkdtemp(path)) abort();
}
static inline void fixture_clean(const char *folder) {
    char command[192];
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -rf %s", folder, folder);
    if (system(command)) abort();
}

static inline gallery_setup fixture_setup(int dim, enum gallery_dtype dtype) {
    return (gallery_setup){.location_id = FIXTURE_ID, .dim = dim, .dtype = dtype};
}

#endif
