/* zipmap.h - inside libinfer: the members of a mapped zip file, as torch.save writes it.
 *
 * What torch.save writes is stored without compression, so that each member is a range of the map;
 * a compressed member is listed, but its data is not to be used. Sizes and places come from the
 * central directory, with zip64 records, and are checked: inside the file, no two members overlap,
 * no name is there twice. (PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.3.)
 */
#ifndef INFER_ZIPMAP_H
#define INFER_ZIPMAP_H

#include "infer.h"

#include <stdbool.h>

struct zipmap_member {
    const char *name; /* in the map, not NUL-terminated */
    size_t name_size;
    const unsigned char *data; /* in the map */
    uint64_t size;             /* in the file */
    uint64_t begin;            /* of the local header, from the begin of the file */
    uint16_t method;           /* of compression; 0: none */
    bool stored;               /* neither compressed nor encrypted */
    uint32_t crc;              /* as the directory says; see zipmap_check */
};

struct zipmap;

/* The bytes must outlive the zipmap; path is for messages. INFER_EFORMAT if anything is wrong. */
int zipmap_open(infer *ctx, const char *path, const unsigned char *bytes, uint64_t size,
                struct zipmap **zip);
void zipmap_close(struct zipmap *zip); /* NULL is fine */

size_t zipmap_count(const struct zipmap *zip);
/* Sorted by name; i < zipmap_count. */
const struct zipmap_member *zipmap_at(const struct zipmap *zip, size_t i);
/* NULL if there is none of that name. */
const struct zipmap_member *zipmap_find(const struct zipmap *zip, const char *name,
                                        size_t name_size);
/* INFER_EFORMAT, naming the member, if one is compressed or encrypted. */
int zipmap_require_stored(const struct zipmap *zip);
/* Compares the member's CRC-32: reads all of it. */
int zipmap_check(infer *ctx, const char *path, const struct zipmap_member *member);

#endif
