/* seen.h - inside libgallery: which points were reported lately, in bounded memory. */
#ifndef GALLERY_SEEN_H
#define GALLERY_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts as {0}: nothing seen, no memory. */
typedef struct gallery_seen {
    uint64_t *slots; /* ids, 0: free */
    size_t mask, count;
    size_t most; /* ids to remember; 0: GALLERY_SEEN_MOST */
} gallery_seen;

/* 8 bytes a slot, at most three quarters taken: 512 MiB, and while the last growth copies, 768. */
#define GALLERY_SEEN_MOST ((size_t)3 << 24)

/* *seen: whether the id was added before. When the set is full it forgets all, so an id may pass
 * for new again, but a new one never for seen. False if memory ran out. */
bool gallery_seen_add(gallery_seen *set, uint64_t id, bool *seen);
void gallery_seen_free(gallery_seen *set);

#endif
