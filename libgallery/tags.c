/* tags.c - the names of a gallery's tags: one small value beside the metadata. */
#include "storage.h"
#include "bytes.h"
#include "utf8.h"

#include <stdlib.h>

#define HEADER 24
#define NAME_MAX_BYTES 127

static const char tags_magic[4] = "VGTT", tags_key[] = "tags";

/* ---------------------------------------------------------------------- names */

const char *gallery_tag_wrong(const char *name) {
    const char *s = name, *end = s + strlen(s);
    if (!*s) return "a tag without a name";
    if (end - s > NAME_MAX_BYTES) return "a tag's name of more than 127 bytes";
    for (size_t n; *s; s += n) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) return "a control character in a tag's name";
        if (!(n = gallery_utf8_length(s, end))) return "a tag's name that is not UTF-8";
    }
    return NULL;
}

static size_t number_of(const struct gallery_tags *tags, const char *name) {
    for (size_t i = 0; i < tags->n; i++)
        if (tags->names[i] && !strcmp(tags->names[i], name)) return i + 1;
    return 0;
}

const char *gallery_tag_name(const gallery *g, uint16_t tag) {
    return tag && tag <= g->tags.n ? g->tags.names[tag - 1] : NULL;
}

int gallery_tag_find(gallery *g, const char *name, uint16_t *tag) {
    size_t number = number_of(&g->tags, name);
    *tag = (uint16_t)number;
    if (number) return GALLERY_OK;
    return gallery_fail(g->ctx, GALLERY_EEMPTY, "%s: no point has the tag '%.127s'", g->path, name);
}

/* ---------------------------------------------------------------------- table */

void gallery_tags_free(struct gallery_tags *tags) {
    for (size_t i = 0; i < tags->n; i++) free(tags->names[i]);
    free(tags->names);
    *tags = (struct gallery_tags){0};
}

static const char *decode(const uint8_t *in, size_t size, struct gallery_tags *tags) {
    if (size < HEADER || memcmp(in, tags_magic, 4)) return "not a table of tags";
    if (gallery_get32(in + 4) != GALLERY_FORMAT_VERSION)
        return "a table of tags of an unknown version";
    size_t n = gallery_get32(in + 8), at = HEADER;
    if (n > UINT16_MAX || gallery_get32(in + 12)) return "a table of tags of an impossible size";
    if (gallery_get64(in + 16) != gallery_checksum(in, 16, HEADER, size))
        return "the table of tags does not match its checksum";
    tags->names = calloc(n + 1, sizeof *tags->names);
    if (!tags->names) return "out of memory";
    for (size_t i = 0; i < n; i++) {
        if (at >= size || size - at - 1 < in[at]) return "a table of tags cut short";
        size_t length = in[at++];
        tags->n = i + 1;
        if (!length) continue;
        if (!(tags->names[i] = strndup((const char *)in + at, length))) return "out of memory";
        if (strlen(tags->names[i]) != length || gallery_tag_wrong(tags->names[i]))
            return "a tag with an impossible name";
        at += length;
    }
    return at == size ? NULL : "a table of tags of the wrong size";
}

int gallery_tags_read(gallery *g, MDB_txn *txn) {
    MDB_val key = {sizeof tags_key - 1, (void *)(uintptr_t)tags_key}, value;
    gallery_tags_free(&g->tags);
    int rc = mdb_get(txn, g->meta_db, &key, &value);
    if (rc == MDB_NOTFOUND) return GALLERY_OK;
    if (rc) return gallery_fail_store(g, rc);
    const char *wrong = decode(value.mv_data, value.mv_size, &g->tags);
    if (!wrong) return GALLERY_OK;
    gallery_tags_free(&g->tags);
    return gallery_fail(g->ctx, GALLERY_EFORMAT, "%s: %s", g->path, wrong);
}

static size_t encoded_bytes(const struct gallery_tags *tags) {
    size_t size = HEADER;
    for (size_t i = 0; i < tags->n; i++) size += 1 + (tags->names[i] ? strlen(tags->names[i]) : 0);
    return size;
}

static void encode(const struct gallery_tags *tags, size_t size, uint8_t *out) {
    uint8_t *at = out + HEADER;
    memset(out, 0, HEADER);
    memcpy(out, tags_magic, 4);
    gallery_put32(out + 4, GALLERY_FORMAT_VERSION);
    gallery_put32(out + 8, (uint32_t)tags->n);
    for (size_t i = 0; i < tags->n; i++) {
        size_t length = tags->names[i] ? strlen(tags->names[i]) : 0;
        *at++ = (uint8_t)length;
        if (length) memcpy(at, tags->names[i], length);
        at += length;
    }
    gallery_put64(out + 16, gallery_checksum(out, 16, HEADER, size));
}

int gallery_tags_write(gallery *g, MDB_txn *txn, const struct gallery_tags *tags) {
    size_t size = encoded_bytes(tags);
    MDB_val key = {sizeof tags_key - 1, (void *)(uintptr_t)tags_key}, value = {size, NULL};
    int rc = mdb_put(txn, g->meta_db, &key, &value, MDB_RESERVE);
    if (rc) return gallery_fail_store(g, rc);
    encode(tags, size, value.mv_data);
    return GALLERY_OK;
}

static int write_own(gallery *g, MDB_txn *txn, void *user) {
    return gallery_tags_write(g, txn, user);
}

/* A number that no name has: a free one, or the next. */
static int take_number(gallery *g, size_t *number) {
    struct gallery_tags *tags = &g->tags;
    for (size_t i = 0; i < tags->n; i++)
        if (!tags->names[i]) {
            *number = i + 1;
            return GALLERY_OK;
        }
    if (tags->n == UINT16_MAX - 1)
        return gallery_fail(g->ctx, GALLERY_EUSAGE, "%s: no room for more tags", g->path);
    char **names = realloc(tags->names, (tags->n + 1) * sizeof *names);
    if (!names) return gallery_fail_memory(g->ctx, (tags->n + 1) * sizeof *names);
    tags->names = names;
    names[tags->n++] = NULL;
    *number = tags->n;
    return GALLERY_OK;
}

int gallery_tag_make(gallery *g, const char *name, uint16_t *tag) {
    const char *wrong = gallery_tag_wrong(name);
    if (wrong) return gallery_fail(g->ctx, GALLERY_EVALUE, "%s: %s", g->path, wrong);
    size_t number = number_of(&g->tags, name);
    *tag = (uint16_t)number;
    if (number) return GALLERY_OK;
    GALLERY_TRY(take_number(g, &number));
    char **at = g->tags.names + number - 1;
    if (!(*at = strdup(name))) return gallery_fail_memory(g->ctx, strlen(name));
    int status = gallery_write(g, write_own, &g->tags);
    if (status != GALLERY_OK) {
        free(*at);
        *at = NULL;
    } else
        *tag = (uint16_t)number;
    return status;
}
