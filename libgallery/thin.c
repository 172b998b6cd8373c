/* Undecided points lie in a hash by cubes of space, in Earth-centred coordinates: no pole and no
 * antimeridian is in the way. A point is complete once the curve cannot come near to it any more;
 * it then stays, or waits for a neighbour of a higher rank to be decided. Ranks are a hash, so that
 * chains of waiting are short. */
#include "thin.h"
#include "context.h"
#include "geodesy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RAD_PER_DEG 0.017453292519943295769
#define NONE UINT32_MAX
#define FIRST_ROOM 256
#define CUBES 27 /* one and those around it */

/* Metres in a degree of latitude are not fewer anywhere; nor is the Earth more curved. */
#define LEAST_M_PER_DEG 110500.0
#define LEAST_RADIUS_M 6335000.0

/* Directions of travel have a higher rank from here on for half a turn: not from north on, to which
 * so many streets run, that their lanes would be on either side from bend to bend. */
#define FIRST_HEADING_DEG 22.5

enum state { FREE, UNDECIDED, GONE };

struct point {
    uint64_t id, rank, last; /* last: no point with a greater id lies near */
    unsigned long long number;
    double at_m[3];
    double heading_deg;
    unsigned line;
    uint32_t previous, next;   /* in the same bucket */
    uint32_t waiters, sibling; /* those that wait for this one; the next that waits for the same */
    enum state state;
    bool complete, waits;
};

struct gallery_thin {
    gallery_context *ctx;
    gallery_thin_rule rule;
    double reach_m; /* no point that is farther away is too close */
    double sure_m;  /* a chord that is shorter belongs to a geodesic below rule.distance_m */
    struct point *points;
    uint32_t *buckets; /* [2 * room] */
    uint32_t *heap;    /* [room]: points that are not complete, the least `last` first */
    size_t room, used, heap_count, held, most;
    uint32_t unused; /* the first of those between that are free */
    unsigned char *stays;
    unsigned long long count;
    size_t stays_room;
};

int gallery_thin_open(gallery_context *ctx, const gallery_thin_rule *rule, gallery_thin **thin) {
    gallery_thin *t = *thin = calloc(1, sizeof *t);
    if (!t) return gallery_fail_memory(ctx, sizeof *t);
    double d = rule->distance_m;
    t->ctx = ctx;
    t->rule = *rule;
    t->reach_m = hypot(d, rule->along_m);
    /* an arc is longer than its chord by d^3 / (24 r^2) and less */
    t->sure_m = d - 1.1 * d * d * d / (24 * LEAST_RADIUS_M * LEAST_RADIUS_M) - 1e-6;
    t->unused = NONE;
    return GALLERY_OK;
}

static void free_window(gallery_thin *t) {
    free(t->points);
    free(t->buckets);
    free(t->heap);
    t->points = NULL;
    t->buckets = t->heap = NULL;
    t->room = t->used = 0;
}

void gallery_thin_close(gallery_thin *t) {
    if (!t) return;
    free_window(t);
    free(t->stays);
    free(t);
}

/* ---------------------------------------------------------------------- nearness */

static void to_space(double lon_deg, double lat_deg, double at_m[3]) {
    const double f = GALLERY_WGS84_FLATTENING, squared = f * (2 - f);
    double lat = lat_deg * RAD_PER_DEG, lon = lon_deg * RAD_PER_DEG, s = sin(lat);
    double n = GALLERY_WGS84_AXIS_M / sqrt(1 - squared * s * s);
    at_m[0] = n * cos(lat) * cos(lon);
    at_m[1] = n * cos(lat) * sin(lon);
    at_m[2] = n * (1 - squared) * s;
}

static void cube_of(const gallery_thin *t, const double at_m[3], int32_t cube[3]) {
    for (int i = 0; i < 3; i++) cube[i] = (int32_t)floor(at_m[i] / t->reach_m);
}

static uint32_t *bucket_of(const gallery_thin *t, const int32_t cube[3]) {
    uint64_t x = (uint32_t)cube[0];
    for (int i = 1; i < 3; i++)
        x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + (uint32_t)cube[i];
    x = (x ^ x >> 30) * UINT64_C(0x94d049bb133111eb);
    return &t->buckets[(x ^ x >> 31) & (2 * t->room - 1)];
}

/* The greatest id within reach. A square of 2^k steps that begins at a multiple of 2^k is one
 * stretch of the curve; the neighbourhood lies in the four squares of its corners, if they are as
 * wide. Near a pole and at the antimeridian points just wait for the end. */
static uint64_t last_near(const gallery_thin *t, double lon, double lat) {
    double half_lat = 1.01 * t->reach_m / LEAST_M_PER_DEG;
    double cosine = cos(fmin(fabs(lat) + half_lat, 90) * RAD_PER_DEG);
    double half_lon = half_lat / fmax(cosine, 1e-12);
    uint64_t last = 0;
    int k = 0;
    while (k < 32 && ldexp(1e-7, k) < 2 * half_lon + 2e-7) k++;
    if (k > 28 || fabs(lat) + half_lat > 89 || fabs(lon) + half_lon >= 180) return UINT64_MAX;
    for (int corner = 0; corner < 4; corner++) {
        uint64_t id;
        double x = lon + (corner & 1 ? half_lon : -half_lon);
        double y = lat + (corner & 2 ? half_lat : -half_lat);
        if (!gallery_point_locate(x, y, &id)) return UINT64_MAX;
        id |= (UINT64_C(1) << 2 * k) - 1;
        if (id > last) last = id;
    }
    return last;
}

static bool is_closer(const gallery_thin *t, const struct point *p, const struct point *other,
                      double chord_m) {
    double lon[2], lat[2], azimuth;
    if (t->rule.along_m == 0 && chord_m < t->sure_m) return true;
    if (!gallery_point_from_id(p->id, &lon[0], &lat[0]) ||
        !gallery_point_from_id(other->id, &lon[1], &lat[1]))
        return false;
    double apart_m = gallery_distance_m(lon[0], lat[0], lon[1], lat[1], &azimuth);
    if (t->rule.along_m == 0) return apart_m < t->rule.distance_m;
    double turn = (azimuth - p->heading_deg) * RAD_PER_DEG;
    return fabs(apart_m * cos(turn)) <= t->rule.along_m &&
           fabs(apart_m * sin(turn)) < t->rule.distance_m;
}

static bool has_rank_over(const struct point *a, const struct point *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->id < b->id;
}

/* Whether `other`, if it stays, makes p go. */
static bool beats(const gallery_thin *t, const struct point *other, const struct point *p) {
    double squared = 0;
    bool lanes = t->rule.along_m > 0;
    if (!has_rank_over(other, p) || (lanes && p->line == other->line)) return false;
    for (int i = 0; i < 3; i++)
        squared += (p->at_m[i] - other->at_m[i]) * (p->at_m[i] - other->at_m[i]);
    if (squared >= t->reach_m * t->reach_m * (1 + 1e-12)) return false;
    if (lanes &&
        fabs(remainder(p->heading_deg - other->heading_deg, 180)) > t->rule.tolerance_deg + 1e-9)
        return false;
    return is_closer(t, p, other, sqrt(squared));
}

/* ------------------------------------------------------------------------ window */

static void link_point(gallery_thin *t, uint32_t i) {
    int32_t cube[3];
    struct point *p = &t->points[i];
    cube_of(t, p->at_m, cube);
    uint32_t *bucket = bucket_of(t, cube);
    p->previous = NONE;
    p->next = *bucket;
    if (p->next != NONE) t->points[p->next].previous = i;
    *bucket = i;
}

static void unlink_point(gallery_thin *t, uint32_t i) {
    const struct point *p = &t->points[i];
    int32_t cube[3];
    if (p->next != NONE) t->points[p->next].previous = p->previous;
    if (p->previous != NONE) {
        t->points[p->previous].next = p->next;
    } else {
        cube_of(t, p->at_m, cube);
        *bucket_of(t, cube) = p->next;
    }
}

static void release(gallery_thin *t, uint32_t i) {
    t->points[i].state = FREE;
    t->points[i].next = t->unused;
    t->unused = i;
    t->held--;
}

/* Doubles the room. */
static int grow(gallery_thin *t) {
    size_t room = t->room ? 2 * t->room : FIRST_ROOM;
    if (room > NONE / 4) return gallery_fail_memory(t->ctx, room * sizeof *t->points);
    struct point *points = realloc(t->points, room * sizeof *points);
    if (points) t->points = points;
    uint32_t *buckets = realloc(t->buckets, 2 * room * sizeof *buckets);
    if (buckets) t->buckets = buckets;
    uint32_t *heap = realloc(t->heap, room * sizeof *heap);
    if (heap) t->heap = heap;
    if (!points || !buckets || !heap)
        return gallery_fail_memory(t->ctx, room * (sizeof *points + 3 * sizeof *heap));
    t->room = room;
    memset(buckets, 0xff, 2 * room * sizeof *buckets);
    for (size_t i = 0; i < t->used; i++)
        if (points[i].state == UNDECIDED) link_point(t, (uint32_t)i);
    return GALLERY_OK;
}

static void heap_push(gallery_thin *t, uint32_t i) {
    size_t place = t->heap_count++;
    uint64_t last = t->points[i].last;
    for (; place && t->points[t->heap[(place - 1) / 2]].last > last; place = (place - 1) / 2)
        t->heap[place] = t->heap[(place - 1) / 2];
    t->heap[place] = i;
}

static uint32_t heap_pop(gallery_thin *t) {
    uint32_t first = t->heap[0], moving = t->heap[--t->heap_count];
    size_t place = 0;
    for (size_t child; (child = 2 * place + 1) < t->heap_count; place = child) {
        if (child + 1 < t->heap_count &&
            t->points[t->heap[child + 1]].last < t->points[t->heap[child]].last)
            child++;
        if (t->points[t->heap[child]].last >= t->points[moving].last) break;
        t->heap[place] = t->heap[child];
    }
    t->heap[place] = moving;
    return first;
}

/* ---------------------------------------------------------------------- deciding */

static uint32_t *cube_around(const gallery_thin *t, const struct point *p, int i) {
    int32_t cube[3];
    cube_of(t, p->at_m, cube);
    cube[0] += i % 3 - 1;
    cube[1] += i / 3 % 3 - 1;
    cube[2] += i / 9 - 1;
    return bucket_of(t, cube);
}

/* A point that would make this one go. */
static uint32_t find_better(const gallery_thin *t, const struct point *p) {
    for (int i = 0; i < CUBES; i++)
        for (uint32_t k = *cube_around(t, p, i); k != NONE; k = t->points[k].next)
            if (beats(t, &t->points[k], p)) return k;
    return NONE;
}

/* Those that waited for a point look again: they go on top of `again`, and still wait. */
static void wake(gallery_thin *t, uint32_t i, uint32_t *again) {
    for (uint32_t k = t->points[i].waiters, next; k != NONE; k = next) {
        struct point *p = &t->points[k];
        next = p->sibling;
        if (p->state == GONE) {
            release(t, k);
        } else {
            p->sibling = *again;
            *again = k;
        }
    }
    t->points[i].waiters = NONE;
}

static void drop(gallery_thin *t, uint32_t i, uint32_t *again) {
    struct point *p = &t->points[i];
    unlink_point(t, i);
    p->state = GONE;
    wake(t, i, again);
    if (p->complete && !p->waits) release(t, i);
}

static void keep(gallery_thin *t, uint32_t i, uint32_t *again) {
    const struct point *p = &t->points[i];
    t->stays[p->number / 8] |= (unsigned char)(1U << p->number % 8);
    unlink_point(t, i);
    for (int cube = 0; cube < CUBES; cube++)
        for (uint32_t k = *cube_around(t, p, cube), next; k != NONE; k = next) {
            next = t->points[k].next;
            if (beats(t, p, &t->points[k])) drop(t, k, again);
        }
    wake(t, i, again); /* all of them have gone */
    release(t, i);
}

/* A point that went while it was to look again is released here. */
static void decide(gallery_thin *t, uint32_t i) {
    uint32_t again = i;
    t->points[i].sibling = NONE;
    t->points[i].waits = true;
    while (again != NONE) {
        struct point *p = &t->points[again];
        uint32_t at = again, better;
        again = p->sibling;
        p->waits = false;
        if (p->state == UNDECIDED && (better = find_better(t, p)) != NONE) {
            p->waits = true;
            p->sibling = t->points[better].waiters;
            t->points[better].waiters = at;
        } else if (p->state == UNDECIDED) {
            keep(t, at, &again);
        } else {
            release(t, at);
        }
    }
}

static void complete_first(gallery_thin *t) {
    uint32_t i = heap_pop(t);
    t->points[i].complete = true;
    if (t->points[i].state == GONE)
        release(t, i);
    else
        decide(t, i);
}

/* ------------------------------------------------------------------------ points */

/* SplitMix64's finaliser: one to one. */
static uint64_t mix(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t rank_of(const gallery_thin *t, uint64_t id, double heading_deg, unsigned line) {
    uint64_t rank = mix(id ^ mix(t->rule.seed));
    if (t->rule.along_m == 0) return rank;
    double turn = heading_deg - FIRST_HEADING_DEG;
    bool second = turn < 0 || turn >= 180;
    return (uint64_t)second << 63 | (uint64_t)(line & 0xffff) << 47 | rank >> 17;
}

static int make_room(gallery_thin *t) {
    if (t->unused == NONE && t->used == t->room) GALLERY_TRY(grow(t));
    if (t->count / 8 < t->stays_room) return GALLERY_OK;
    size_t room = 2 * t->stays_room + 4096;
    unsigned char *stays = realloc(t->stays, room);
    if (!stays) return gallery_fail_memory(t->ctx, room);
    memset(stays + t->stays_room, 0, room - t->stays_room);
    t->stays = stays;
    t->stays_room = room;
    return GALLERY_OK;
}

int gallery_thin_add(gallery_thin *t, uint64_t id, double heading_deg, unsigned line) {
    struct point p = {.id = id, .heading_deg = heading_deg, .line = line, .waiters = NONE};
    double lon, lat;
    if (!gallery_point_from_id(id, &lon, &lat))
        return gallery_fail(t->ctx, GALLERY_EVALUE, "no point has this id");
    while (t->heap_count && t->points[t->heap[0]].last < id) complete_first(t);
    GALLERY_TRY(make_room(t));
    p.state = UNDECIDED;
    p.rank = rank_of(t, id, heading_deg, line);
    p.number = t->count++;
    p.last = last_near(t, lon, lat);
    to_space(lon, lat, p.at_m);
    uint32_t i = t->unused == NONE ? (uint32_t)t->used++ : t->unused;
    if (i == t->unused) t->unused = t->points[i].next;
    t->points[i] = p;
    link_point(t, i);
    heap_push(t, i);
    if (++t->held > t->most) t->most = t->held;
    return GALLERY_OK;
}

void gallery_thin_finish(gallery_thin *t) {
    while (t->heap_count) complete_first(t);
    free_window(t);
}

bool gallery_thin_keeps(const gallery_thin *t, unsigned long long number) {
    return number < t->count && t->stays[number / 8] >> number % 8 & 1;
}

size_t gallery_thin_most(const gallery_thin *t) {
    return t->most;
}
