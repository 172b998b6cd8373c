#include "cities.h"
#include "context.h"
#include "csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {"city", "state", "country", "continent"};

struct city {
    double x, y, z; /* its unit vector: the nearest has the largest product */
    double center[2];
    char *names[GALLERY_CITY_LEVELS]; /* NULL: not known */
};

struct gallery_cities {
    gallery_context *ctx;
    struct city *all;
    size_t n, room;
    bool has[GALLERY_CITY_LEVELS];
    uint32_t *votes; /* [n], 0 between two calls */
};

const char *gallery_city_level_name(int level) {
    return level_names[level];
}

/* ------------------------------------------------------------------- reading */

static struct city *add_city(gallery_cities *c) {
    if (c->n == c->room) {
        size_t room = c->room ? 2 * c->room : 64;
        struct city *all = realloc(c->all, room * sizeof *all);
        if (!all) return NULL;
        c->all = all;
        c->room = room;
    }
    c->all[c->n] = (struct city){0};
    return &c->all[c->n++];
}

static void find_levels(const gallery_csv *csv, int columns[GALLERY_CITY_LEVELS]) {
    for (int level = 0; level < GALLERY_CITY_LEVELS; level++)
        columns[level] = gallery_csv_column(csv, level_names[level]);
}

/* The row's names into a city's; those which the table has no column for stay. */
static int read_names(gallery_cities *c, gallery_csv *csv, const int *columns, struct city *city) {
    for (int level = 0; level < GALLERY_CITY_LEVELS; level++) {
        if (columns[level] < 0) continue;
        free(city->names[level]);
        city->names[level] = strdup(gallery_csv_field(csv, columns[level]));
        if (!city->names[level]) return gallery_fail_memory(c->ctx, 64);
    }
    return GALLERY_OK;
}

static int read_center(gallery_cities *c, gallery_csv *csv, const int *columns, int lon, int lat) {
    if (c->n == GALLERY_CITIES_MAX) return gallery_csv_refuse(csv, "more than a million cities");
    struct city *city = add_city(c);
    if (!city) return gallery_fail_memory(c->ctx, 2 * c->room * sizeof *city);
    GALLERY_TRY(gallery_csv_position(csv, lon, lat, city->center));
    double x = city->center[0] * M_PI / 180, y = city->center[1] * M_PI / 180;
    city->x = cos(y) * cos(x);
    city->y = cos(y) * sin(x);
    city->z = sin(y);
    GALLERY_TRY(read_names(c, csv, columns, city));
    if (!*city->names[GALLERY_CITY]) return gallery_csv_refuse(csv, "a city without a name");
    return GALLERY_OK;
}

static int read_centers(gallery_cities *c, gallery_csv *csv) {
    int columns[GALLERY_CITY_LEVELS], lon, lat, status;
    find_levels(csv, columns);
    GALLERY_TRY(gallery_csv_need(csv, "city", &columns[GALLERY_CITY]));
    GALLERY_TRY(gallery_csv_need(csv, "lon|lng|longitude", &lon));
    GALLERY_TRY(gallery_csv_need(csv, "lat|latitude", &lat));
    while ((status = gallery_csv_next(csv)) == GALLERY_OK)
        GALLERY_TRY(read_center(c, csv, columns, lon, lat));
    if (status != GALLERY_END) return status;
    if (!c->n) return gallery_csv_refuse(csv, "no city follows");
    for (int level = 0; level < GALLERY_CITY_LEVELS; level++) c->has[level] = columns[level] >= 0;
    return GALLERY_OK;
}

/* ----------------------------------------------------------------- hierarchy */

static int compare_names(const void *a, const void *b) {
    const struct city *const *x = a, *const *y = b;
    return strcmp((*x)->names[GALLERY_CITY], (*y)->names[GALLERY_CITY]);
}

/* Cities by name: which a hierarchy that knows them by name only needs to be unique. */
static int sort_names(gallery_cities *c, const char *path, struct city ***out) {
    struct city **sorted = malloc(c->n * sizeof(struct city *));
    *out = sorted;
    if (!sorted) return gallery_fail_memory(c->ctx, c->n * sizeof *sorted);
    for (size_t i = 0; i < c->n; i++) sorted[i] = &c->all[i];
    qsort(sorted, c->n, sizeof *sorted, compare_names);
    for (size_t i = 1; i < c->n; i++)
        if (!compare_names(&sorted[i - 1], &sorted[i]))
            return gallery_fail(c->ctx, GALLERY_EFORMAT,
                                "%s: two cities are called '%.100s', so no hierarchy by name can "
                                "tell them apart: give state and country in this file",
                                path, sorted[i]->names[GALLERY_CITY]);
    return GALLERY_OK;
}

static int read_hierarchy(gallery_cities *c, gallery_csv *csv, struct city **sorted) {
    int columns[GALLERY_CITY_LEVELS], status;
    find_levels(csv, columns);
    GALLERY_TRY(gallery_csv_need(csv, "city", &columns[GALLERY_CITY]));
    if (columns[GALLERY_STATE] < 0 && columns[GALLERY_COUNTRY] < 0 &&
        columns[GALLERY_CONTINENT] < 0)
        return gallery_csv_refuse(csv, "no column is called state, country or continent");
    while ((status = gallery_csv_next(csv)) == GALLERY_OK) {
        struct city key = {0}, *wanted = &key, **found;
        const char *name = gallery_csv_field(csv, columns[GALLERY_CITY]);
        key.names[GALLERY_CITY] = (char *)name;
        found = bsearch(&wanted, sorted, c->n, sizeof *sorted, compare_names);
        if (!found) continue; /* it may know more cities */
        if ((*found)->names[GALLERY_STATE] || (*found)->names[GALLERY_COUNTRY] ||
            (*found)->names[GALLERY_CONTINENT])
            return gallery_csv_refuse(csv, "this city is there twice");
        GALLERY_TRY(read_names(c, csv, columns, *found));
    }
    if (status != GALLERY_END) return status;
    for (int level = 1; level < GALLERY_CITY_LEVELS; level++) c->has[level] = columns[level] >= 0;
    return GALLERY_OK;
}

static int join_hierarchy(gallery_cities *c, const char *centers, const char *path) {
    struct city **sorted = NULL;
    gallery_csv *csv = NULL;
    int status;
    if (c->has[GALLERY_STATE] || c->has[GALLERY_COUNTRY] || c->has[GALLERY_CONTINENT])
        return gallery_fail(c->ctx, GALLERY_EFORMAT,
                            "%s: tells states, countries or continents itself, so %s has no effect",
                            centers, path);
    GALLERY_GO(sort_names(c, centers, &sorted));
    GALLERY_GO(gallery_csv_open(c->ctx, path, &csv));
    GALLERY_GO(read_hierarchy(c, csv, sorted));
    for (size_t i = 0; i < c->n && status == GALLERY_OK; i++)
        for (int level = 1; level < GALLERY_CITY_LEVELS; level++)
            if (c->has[level] && !c->all[i].names[level]) {
                status = gallery_fail(c->ctx, GALLERY_EFORMAT, "%s: '%.100s' of %s is not in it",
                                      path, c->all[i].names[GALLERY_CITY], centers);
                goto done;
            }
done:
    gallery_csv_close(csv);
    free(sorted);
    return status;
}

int gallery_cities_open(gallery_context *ctx, const char *centers, const char *hierarchy,
                        gallery_cities **out) {
    gallery_csv *csv = NULL;
    int status;
    *out = NULL;
    gallery_cities *c = calloc(1, sizeof *c);
    if (!c) return gallery_fail_memory(ctx, sizeof *c);
    c->ctx = ctx;
    GALLERY_GO(gallery_csv_open(ctx, centers, &csv));
    GALLERY_GO(read_centers(c, csv));
    if (hierarchy) GALLERY_GO(join_hierarchy(c, centers, hierarchy));
    c->votes = calloc(c->n, sizeof *c->votes);
    if (!c->votes) status = gallery_fail_memory(ctx, c->n * sizeof *c->votes);
done:
    gallery_csv_close(csv);
    if (status == GALLERY_OK)
        *out = c;
    else
        gallery_cities_close(c);
    return status;
}

void gallery_cities_close(gallery_cities *c) {
    if (!c) return;
    for (size_t i = 0; i < c->n; i++)
        for (int level = 0; level < GALLERY_CITY_LEVELS; level++) free(c->all[i].names[level]);
    free(c->all);
    free(c->votes);
    free(c);
}

/* ------------------------------------------------------------------- judging */

size_t gallery_cities_count(const gallery_cities *c) {
    return c->n;
}

bool gallery_cities_has(const gallery_cities *c, int level) {
    return c->has[level];
}

const char *gallery_cities_name(const gallery_cities *c, size_t city, double center[2]) {
    if (center) memcpy(center, c->all[city].center, sizeof c->all[city].center);
    return c->all[city].names[GALLERY_CITY];
}

size_t gallery_cities_nearest(const gallery_cities *c, const double position[2]) {
    double lon = position[0] * M_PI / 180, lat = position[1] * M_PI / 180;
    double x = cos(lat) * cos(lon), y = cos(lat) * sin(lon), z = sin(lat), least = INFINITY;
    size_t nearest = 0;
    for (size_t i = 0; i < c->n; i++) {
        double dx = c->all[i].x - x, dy = c->all[i].y - y, dz = c->all[i].z - z;
        double chord2 = dx * dx + dy * dy + dz * dz;
        if (chord2 >= least) continue;
        least = chord2;
        nearest = i;
    }
    return nearest;
}

/* Two Springfields in different states are not the same place, nor two states of one name in
 * different countries. */
bool gallery_cities_same(const gallery_cities *c, size_t a, size_t b, int level) {
    if (level == GALLERY_CITY) return a == b;
    for (int i = level; i < GALLERY_CITY_LEVELS; i++)
        if (c->has[i] && strcmp(c->all[a].names[i], c->all[b].names[i]) != 0) return false;
    return true;
}

/* cities: those of the frames, scratch of [n]. */
static size_t elect(gallery_cities *c, const double *track, size_t n, uint32_t *cities) {
    uint32_t winner, most = 0;
    for (size_t i = 0; i < n; i++) {
        cities[i] = (uint32_t)gallery_cities_nearest(c, track + 2 * i);
        c->votes[cities[i]]++;
    }
    winner = cities[0];
    for (size_t i = 0; i < n; i++)
        if (c->votes[cities[i]] > most) {
            winner = cities[i];
            most = c->votes[winner];
        }
    for (size_t i = 0; i < n; i++) c->votes[cities[i]] = 0;
    return winner;
}

int gallery_cities_judge(gallery_cities *c, const double *predicted, const double *truth, size_t n,
                         bool right[GALLERY_CITY_LEVELS]) {
    uint32_t *scratch = malloc(n * sizeof *scratch);
    if (!scratch) return gallery_fail_memory(c->ctx, n * sizeof *scratch);
    size_t a = elect(c, predicted, n, scratch), b = elect(c, truth, n, scratch);
    for (int level = 0; level < GALLERY_CITY_LEVELS; level++)
        right[level] = gallery_cities_same(c, a, b, level);
    free(scratch);
    return GALLERY_OK;
}
