#include "rows.h"
#include "bytes.h"
#include "gallery.h"

#define HEADER 24

static const char rows_magic[4] = "VGRW";

/* ---------------------------------------------------------------------- sets */

uint16_t gallery_tagset_get(struct gallery_tagset set, size_t i) {
    return gallery_get16(set.at + 2 * i);
}

bool gallery_tagset_ordered(struct gallery_tagset set) {
    for (size_t i = 1; i < set.n; i++)
        if (gallery_tagset_get(set, i) <= gallery_tagset_get(set, i - 1)) return false;
    return true;
}

bool gallery_tagset_has(struct gallery_tagset set, uint16_t tag) {
    for (size_t i = 0; i < set.n; i++)
        if (gallery_tagset_get(set, i) == tag) return true;
    return false;
}

bool gallery_tagset_equal(struct gallery_tagset a, struct gallery_tagset b) {
    return a.n == b.n && (!a.n || !memcmp(a.at, b.at, 2 * a.n));
}

struct gallery_tagset gallery_tagset_union(struct gallery_tagset a, struct gallery_tagset b,
                                           uint8_t *room) {
    size_t n = 0, i = 0, j = 0;
    while (i < a.n || j < b.n) {
        uint16_t x = i < a.n ? gallery_tagset_get(a, i) : UINT16_MAX;
        uint16_t y = j < b.n ? gallery_tagset_get(b, j) : UINT16_MAX;
        uint16_t least = i == a.n ? y : j == b.n ? x : x < y ? x : y;
        i += i < a.n && x == least;
        j += j < b.n && y == least;
        gallery_put16(room + 2 * n++, least);
    }
    return (struct gallery_tagset){room, n};
}

struct gallery_tagset gallery_tagset_without(struct gallery_tagset set, uint16_t tag,
                                             uint8_t *room) {
    size_t n = 0;
    for (size_t i = 0; i < set.n; i++)
        if (gallery_tagset_get(set, i) != tag)
            gallery_put16(room + 2 * n++, gallery_tagset_get(set, i));
    return (struct gallery_tagset){room, n};
}

/* ----------------------------------------------------------------------- rows */

/* The place of a set among the distinct ones, to which it is added. Neighbours mostly share one. */
static size_t place_of(struct gallery_tagset set, struct gallery_tagset *sets, size_t *n) {
    for (size_t i = *n; i-- > 0;)
        if (gallery_tagset_equal(set, sets[i])) return i;
    sets[*n] = set;
    return (*n)++;
}

size_t gallery_rows_encode(const struct gallery_rows *rows, uint8_t *out) {
    struct gallery_tagset sets[GALLERY_BLOCK_CAPACITY];
    uint8_t places[GALLERY_BLOCK_CAPACITY];
    size_t n = 0, at = HEADER;
    for (size_t i = 0; i < rows->count; i++) places[i] = (uint8_t)place_of(rows->tags[i], sets, &n);
    for (size_t i = 0; i < n; i++) {
        out[at++] = (uint8_t)sets[i].n;
        if (sets[i].n) memcpy(out + at, sets[i].at, 2 * sets[i].n);
        at += 2 * sets[i].n;
    }
    if (n > 1) {
        memcpy(out + at, places, rows->count);
        at += rows->count;
    }
    memcpy(out, rows_magic, 4);
    gallery_put16(out + 4, GALLERY_FORMAT_VERSION);
    gallery_put16(out + 6, rows->attributes);
    gallery_put32(out + 8, rows->count);
    gallery_put32(out + 12, (uint32_t)n);
    gallery_put64(out + 16, gallery_checksum(out, 16, HEADER, at));
    return at;
}

static const char *check_header(const uint8_t *in, size_t size, size_t count, int *status) {
    *status = GALLERY_EFORMAT;
    if (size < HEADER || memcmp(in, rows_magic, 4)) return "not an entry of tags";
    if (gallery_get16(in + 4) != GALLERY_FORMAT_VERSION) return "tags of an unknown version";
    if (gallery_get16(in + 6) > 1) return "tags with unknown flags";
    if (gallery_get32(in + 8) != count || count > GALLERY_BLOCK_CAPACITY)
        return "tags of another number of points";
    if (!gallery_get32(in + 12) || gallery_get32(in + 12) > count)
        return "impossible number of sets of tags";
    if (gallery_get64(in + 16) == gallery_checksum(in, 16, HEADER, size)) return NULL;
    *status = GALLERY_ECHECKSUM;
    return "tags do not match their checksum";
}

static const char *cut_sets(const uint8_t *in, size_t size, struct gallery_tagset *sets, size_t n,
                            size_t *at) {
    for (size_t i = 0; i < n; i++) {
        if (*at >= size || size - *at - 1 < 2 * (size_t)in[*at]) return "tags cut short";
        sets[i] = (struct gallery_tagset){in + *at + 1, in[*at]};
        if (!gallery_tagset_ordered(sets[i])) return "tags out of order";
        *at += 1 + 2 * sets[i].n;
    }
    return NULL;
}

const char *gallery_rows_decode(const void *data, size_t size, size_t count,
                                struct gallery_rows *rows, int *status) {
    const uint8_t *in = data;
    struct gallery_tagset sets[GALLERY_BLOCK_CAPACITY];
    size_t at = HEADER;
    const char *wrong = check_header(in, size, count, status);
    if (wrong) return wrong;
    size_t n = gallery_get32(in + 12), places = n > 1 ? count : 0;
    *status = GALLERY_EFORMAT;
    if ((wrong = cut_sets(in, size, sets, n, &at))) return wrong;
    if (size - at != places) return "tags of the wrong size";
    rows->count = (uint32_t)count;
    rows->attributes = gallery_get16(in + 6) & 1;
    for (size_t i = 0; i < count; i++) {
        size_t place = places ? in[at + i] : 0;
        if (place >= n) return "a point with tags that are not there";
        rows->tags[i] = sets[place];
    }
    *status = GALLERY_OK;
    return NULL;
}

size_t gallery_rows_visible(const struct gallery_rows *rows) {
    size_t n = 0;
    for (size_t i = 0; i < rows->count; i++) n += rows->tags[i].n > 0;
    return n;
}
