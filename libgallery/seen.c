#include "seen.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)1 << 12)

/* Ids of neighbours share their upper bits: a multiplication by 2^64 / golden ratio spreads them.
 */
static size_t slot_of(const gallery_seen *set, uint64_t id) {
    return (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & set->mask;
}

/* The id's slot, or the free one where it belongs. */
static uint64_t *find(const gallery_seen *set, uint64_t id) {
    size_t slot = slot_of(set, id);
    while (set->slots[slot] && set->slots[slot] != id) slot = (slot + 1) & set->mask;
    return &set->slots[slot];
}

static bool grow(gallery_seen *set) {
    gallery_seen bigger = *set;
    size_t slots = set->slots ? 2 * (set->mask + 1) : FIRST_SLOTS;
    bigger.slots = calloc(slots, sizeof *bigger.slots);
    if (!bigger.slots) return false;
    bigger.mask = slots - 1;
    for (size_t i = 0; set->slots && i <= set->mask; i++)
        if (set->slots[i]) *find(&bigger, set->slots[i]) = set->slots[i];
    free(set->slots);
    *set = bigger;
    return true;
}

bool gallery_seen_add(gallery_seen *set, uint64_t id, bool *seen) {
    uint64_t key = id + 1; /* no point has the id UINT64_MAX */
    uint64_t *slot = set->slots ? find(set, key) : NULL;
    *seen = slot && *slot;
    if (*seen) return true;
    if (set->count == (set->most ? set->most : GALLERY_SEEN_MOST)) {
        memset(set->slots, 0, (set->mask + 1) * sizeof *set->slots);
        set->count = 0;
        slot = find(set, key);
    }
    if (!slot || set->count >= (set->mask + 1) / 4 * 3) {
        if (!grow(set)) return false;
        slot = find(set, key);
    }
    *slot = key;
    set->count++;
    return true;
}

void gallery_seen_free(gallery_seen *set) {
    free(set->slots);
    *set = (gallery_seen){0};
}
