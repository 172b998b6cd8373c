#include "gpmf.h"

#include <string.h>

#define MAX_DEPTH 8
#define MAX_SCALES 16

struct klv { /* a record: key, length, value */
    char key[5];
    char type;          /* 0: records are nested in it */
    size_t size, count; /* of its values */
    const uint8_t *data;
};

struct stream { /* what stands before the values of a STRM, and says how to read them */
    double scale[MAX_SCALES];
    size_t scales;
    unsigned fix; /* GPSF: 0, 2 or 3 dimensions */
    double dop;   /* GPSP */
    bool layout;  /* TYPE is that of GPS9 */
};

struct parser {
    infer *ctx;
    gpmf_fn take;
    void *user;
    bool seen[2]; /* of each kind the first stream counts: some devices repeat another's */
};

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static unsigned be16(const uint8_t *p) {
    return (unsigned)p[0] << 8 | p[1];
}
static double signed32(const uint8_t *p) {
    return (double)(int32_t)be32(p);
}

/* ------------------------------------------------------------------- records */

static int damaged(const struct parser *p, const char *why) {
    return infer_fail(p->ctx, INFER_EFORMAT, "telemetry: %s", why);
}

/* The record at *at, which moves on behind it. */
static int read_klv(const struct parser *p, const uint8_t **at, const uint8_t *end,
                    struct klv *klv) {
    if (end - *at < 8) return damaged(p, "a record's head is cut off");
    memcpy(klv->key, *at, 4);
    klv->key[4] = '\0';
    klv->type = (char)(*at)[4];
    klv->size = (*at)[5];
    klv->count = be16(*at + 6);
    klv->data = *at + 8;
    size_t length = klv->size * klv->count, padded = (length + 3) & ~(size_t)3;
    if ((size_t)(end - klv->data) < length) return damaged(p, "a record is cut off");
    *at = (size_t)(end - klv->data) < padded ? end : klv->data + padded;
    return INFER_OK;
}

static bool is(const struct klv *klv, const char *key) {
    return !memcmp(klv->key, key, 4);
}

static void read_scales(const struct klv *klv, struct stream *s) {
    size_t size = klv->type == 'l' || klv->type == 'L' ? 4 : 2;
    if (klv->size != size || !strchr("lLsS", klv->type)) return;
    s->scales = klv->count < MAX_SCALES ? klv->count : MAX_SCALES;
    for (size_t i = 0; i < s->scales; i++)
        s->scale[i] =
            size == 4 ? signed32(klv->data + 4 * i) : (double)(int16_t)be16(klv->data + 2 * i);
}

/* A value's scale; one is for all. 0: there is none. */
static double scale_of(const struct stream *s, size_t i) {
    if (s->scales == 1) return s->scale[0];
    return i < s->scales ? s->scale[i] : 0;
}

/* ----------------------------------------------------------------- positions */

static bool take_place(const struct stream *s, const uint8_t *data, struct gpmf_fix *fix) {
    if (scale_of(s, 0) == 0 || scale_of(s, 1) == 0) return false;
    fix->lat_deg = signed32(data) / scale_of(s, 0);
    fix->lon_deg = signed32(data + 4) / scale_of(s, 1);
    return true;
}

/* GPS5: latitude, longitude, altitude and two speeds; the fix is the payload's. */
static int take_gps5(struct parser *p, const struct stream *s, const struct klv *klv) {
    struct gpmf_fix fix = {.kind = GPMF_GPS5, .count = (int)klv->count};
    if (klv->type != 'l' || klv->size != 20) return damaged(p, "GPS5 is not five numbers");
    fix.good = s->fix >= 2 && s->dop <= GPMF_MAX_DOP;
    for (; fix.place < fix.count; fix.place++) {
        if (!take_place(s, klv->data + 20 * fix.place, &fix))
            return damaged(p, "GPS5 without a scale");
        int status = p->take(p->user, &fix);
        if (status != INFER_OK) return status;
    }
    return INFER_OK;
}

/* GPS9: the same, then days since 2000, seconds since midnight, and of each sample its own dilution
 * of precision and fix, 16 bits each. */
static int take_gps9(struct parser *p, const struct stream *s, const struct klv *klv) {
    struct gpmf_fix fix = {.kind = GPMF_GPS9, .count = (int)klv->count};
    if (klv->type != '?' || klv->size != 32 || !s->layout)
        return damaged(p, "GPS9 is not laid out as 'lllllllSS'");
    for (; fix.place < fix.count; fix.place++) {
        const uint8_t *data = klv->data + 32 * fix.place;
        if (!take_place(s, data, &fix) || scale_of(s, 7) == 0)
            return damaged(p, "GPS9 without a scale");
        fix.good = be16(data + 30) >= 2 && be16(data + 28) / scale_of(s, 7) <= GPMF_MAX_DOP;
        int status = p->take(p->user, &fix);
        if (status != INFER_OK) return status;
    }
    return INFER_OK;
}

static int take_values(struct parser *p, struct stream *s, const struct klv *klv) {
    bool gps9 = is(klv, "GPS9");
    if (is(klv, "SCAL")) read_scales(klv, s);
    if (is(klv, "GPSF") && klv->type == 'L' && klv->size == 4 && klv->count)
        s->fix = be32(klv->data);
    if (is(klv, "GPSP") && klv->type == 'S' && klv->size == 2 && klv->count)
        s->dop = be16(klv->data) / 100.0;
    if (is(klv, "TYPE"))
        s->layout = klv->size * klv->count >= 9 && !memcmp(klv->data, "lllllllSS", 9);
    if ((!gps9 && !is(klv, "GPS5")) || p->seen[gps9]) return INFER_OK;
    p->seen[gps9] = true;
    return gps9 ? take_gps9(p, s, klv) : take_gps5(p, s, klv);
}

static int read_level(struct parser *p, const uint8_t *at, const uint8_t *end, int depth) {
    struct stream stream = {.dop = 99.99}; /* what GoPro writes where there is no fix */
    struct klv klv;
    if (depth == MAX_DEPTH) return damaged(p, "nested too deep");
    while (at < end) {
        INFER_TRY(read_klv(p, &at, end, &klv));
        if (!klv.key[0]) return INFER_OK; /* padding */
        INFER_TRY(klv.type ? take_values(p, &stream, &klv)
                           : read_level(p, klv.data, klv.data + klv.size * klv.count, depth + 1));
    }
    return INFER_OK;
}

int gpmf_read(infer *ctx, const uint8_t *data, size_t size, gpmf_fn take, void *user) {
    struct parser p = {.ctx = ctx, .take = take, .user = user};
    return read_level(&p, data, data + size, 0);
}
