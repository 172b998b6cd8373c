#include "zipmap.h"
#include "context.h"
#include "weights.h"

#include <stdlib.h>
#include <string.h>

/* Sizes of the records' fixed parts, and their signatures as they lie in the file. */
enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20 };
static const char local_magic[] = "PK\3\4", central_magic[] = "PK\1\2", end_magic[] = "PK\5\6",
                  end64_magic[] = "PK\6\6", locator_magic[] = "PK\6\7";

#define ENCRYPTED 1   /* bit of the flags */
#define ZIP64_EXTRA 1 /* tag of the extra field */
#define COMMENT_MAX 65535

struct zipmap {
    infer *ctx;
    const char *path;
    const unsigned char *bytes;
    uint64_t size;
    uint64_t directory, directory_size, directory_count;
    struct zipmap_member *members;
    size_t n;
};

static uint16_t get16(const unsigned char *from) {
    uint16_t x;
    memcpy(&x, from, sizeof x);
    return x;
}

static uint32_t get32(const unsigned char *from) {
    uint32_t x;
    memcpy(&x, from, sizeof x);
    return x;
}

static uint64_t get64(const unsigned char *from) {
    uint64_t x;
    memcpy(&x, from, sizeof x);
    return x;
}

static int bad_zip(struct zipmap *zip, const char *what) {
    return infer_fail(zip->ctx, INFER_EFORMAT, "%s: damaged zip file: %s", zip->path, what);
}

static int bad_member(struct zipmap *zip, const struct zipmap_member *member, const char *what) {
    char quoted[WEIGHTS_QUOTE];
    return infer_fail(zip->ctx, INFER_EFORMAT, "%s: zip member %s: %s", zip->path,
                      weights_quote(quoted, member->name, member->name_size), what);
}

/* -------------------------------------------------------------------------- the end of the file */
/* The record whose comment ends where the file does. */
static int find_end(struct zipmap *zip, uint64_t *end) {
    for (uint64_t comment = 0; comment <= COMMENT_MAX && comment + END_SIZE <= zip->size;
         comment++) {
        *end = zip->size - END_SIZE - comment;
        const unsigned char *record = zip->bytes + *end;
        if (!memcmp(record, end_magic, 4) && get16(record + 20) == comment) return INFER_OK;
    }
    return bad_zip(zip, "no end record; the file is probably cut short");
}

/* The zip64 record that the locator before `end` points to. Counts and sizes in the old record are
 * then either saturated or the same. */
static int read_end64(struct zipmap *zip, uint64_t *end) {
    const unsigned char *locator = zip->bytes + *end - LOCATOR_SIZE;
    uint64_t at = get64(locator + 8), before = *end - LOCATOR_SIZE;
    if (before < END64_SIZE || at > before - END64_SIZE || memcmp(zip->bytes + at, end64_magic, 4))
        return bad_zip(zip, "the zip64 end record is not where its locator says");
    const unsigned char *record = zip->bytes + at;
    if (get32(record + 16) || get32(record + 20) || get64(record + 24) != get64(record + 32))
        return bad_zip(zip, "it has several parts");
    bool differs =
        (zip->directory_count != 0xffff && zip->directory_count != get64(record + 32)) ||
        (zip->directory_size != 0xffffffff && zip->directory_size != get64(record + 40)) ||
        (zip->directory != 0xffffffff && zip->directory != get64(record + 48));
    if (differs) return bad_zip(zip, "its two end records disagree");
    zip->directory_count = get64(record + 32);
    zip->directory_size = get64(record + 40);
    zip->directory = get64(record + 48);
    *end = at;
    return INFER_OK;
}

static int read_end(struct zipmap *zip) {
    uint64_t end;
    INFER_TRY(find_end(zip, &end));
    const unsigned char *record = zip->bytes + end;
    if (get16(record + 4) || get16(record + 6) || get16(record + 8) != get16(record + 10))
        return bad_zip(zip, "it has several parts");
    zip->directory_count = get16(record + 10);
    zip->directory_size = get32(record + 12);
    zip->directory = get32(record + 16);
    if (end >= LOCATOR_SIZE && !memcmp(record - LOCATOR_SIZE, locator_magic, 4))
        INFER_TRY(read_end64(zip, &end));
    if (zip->directory > end || zip->directory_size > end - zip->directory)
        return bad_zip(zip, "its directory is outside the file");
    if (zip->directory_count > zip->directory_size / CENTRAL_SIZE)
        return bad_zip(zip, "its directory is too small for its members");
    return INFER_OK;
}

/* ----------------------------------------------------------------------------------- the members
 */
/* The numbers that do not fit 32 bits are in the extra field, in this order. */
static bool read_extra64(const unsigned char *extra, size_t size, uint64_t *unpacked,
                         uint64_t *packed, uint64_t *begin) {
    uint64_t *wanted[3] = {unpacked, packed, begin};
    const unsigned char *field = NULL;
    size_t left = 0;
    for (size_t at = 0; at + 4 <= size; at += 4 + left) {
        left = get16(extra + at + 2);
        if (left > size - at - 4) return false;
        if (get16(extra + at) == ZIP64_EXTRA) {
            field = extra + at + 4;
            break;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (*wanted[i] != 0xffffffff) continue;
        if (!field || left < 8) return false;
        *wanted[i] = get64(field);
        field += 8;
        left -= 8;
    }
    return true;
}

/* From the local header to the data: it repeats the name, and has extra fields of its own. */
static int place_member(struct zipmap *zip, struct zipmap_member *member) {
    uint64_t limit = zip->directory;
    if (limit < LOCAL_SIZE || member->begin > limit - LOCAL_SIZE ||
        memcmp(zip->bytes + member->begin, local_magic, 4))
        return bad_member(zip, member, "no local header where the directory says");
    const unsigned char *local = zip->bytes + member->begin;
    uint64_t name_size = get16(local + 26), skip = LOCAL_SIZE + name_size + get16(local + 28);
    uint64_t left = limit - member->begin;
    if (skip > left || member->size > left - skip)
        return bad_member(zip, member, "its data is outside the file");
    if (name_size != member->name_size || memcmp(local + LOCAL_SIZE, member->name, name_size))
        return bad_member(zip, member, "its local header has another name");
    if (get16(local + 8) != member->method)
        return bad_member(zip, member, "its local header has another method of compression");
    member->data = local + skip;
    return INFER_OK;
}

static int read_member(struct zipmap *zip, uint64_t *at, struct zipmap_member *member) {
    const unsigned char *record = zip->bytes + *at;
    uint64_t left = zip->directory + zip->directory_size - *at;
    if (left < CENTRAL_SIZE || memcmp(record, central_magic, 4))
        return bad_zip(zip, "its directory does not hold what it should");
    size_t extra_size = get16(record + 30);
    member->name_size = get16(record + 28);
    uint64_t used = CENTRAL_SIZE + member->name_size + extra_size + get16(record + 32);
    if (used > left) return bad_zip(zip, "its directory is cut short");
    member->name = (const char *)record + CENTRAL_SIZE;
    member->crc = get32(record + 16);
    uint64_t packed = get32(record + 20);
    member->size = get32(record + 24);
    member->begin = get32(record + 42);
    if (!read_extra64(record + CENTRAL_SIZE + member->name_size, extra_size, &member->size, &packed,
                      &member->begin))
        return bad_member(zip, member, "its zip64 field is damaged");
    member->stored = !get16(record + 10) && !(get16(record + 8) & ENCRYPTED);
    if (member->stored && packed != member->size)
        return bad_member(zip, member, "its two sizes disagree");
    member->size = packed;
    member->method = get16(record + 10);
    *at += used;
    return place_member(zip, member);
}

static int compare_places(const void *a, const void *b) {
    const struct zipmap_member *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int compare_names(const void *a, const void *b) {
    const struct zipmap_member *x = a, *y = b;
    size_t n = x->name_size < y->name_size ? x->name_size : y->name_size;
    int order = memcmp(x->name, y->name, n);
    if (order) return order;
    return x->name_size < y->name_size ? -1 : x->name_size > y->name_size;
}

static int check_members(struct zipmap *zip) {
    qsort(zip->members, zip->n, sizeof *zip->members, compare_places);
    for (size_t i = 1; i < zip->n; i++) {
        const struct zipmap_member *before = &zip->members[i - 1];
        uint64_t end = (uint64_t)(before->data - zip->bytes) + before->size;
        if (zip->members[i].begin < end)
            return bad_member(zip, &zip->members[i], "overlaps another member");
    }
    qsort(zip->members, zip->n, sizeof *zip->members, compare_names);
    for (size_t i = 1; i < zip->n; i++)
        if (!compare_names(&zip->members[i - 1], &zip->members[i]))
            return bad_member(zip, &zip->members[i], "is there twice");
    return INFER_OK;
}

/* ------------------------------------------------------------------------------- what is offered
 */
int zipmap_open(infer *ctx, const char *path, const unsigned char *bytes, uint64_t size,
                struct zipmap **out) {
    int status;
    *out = NULL;
    struct zipmap *zip = calloc(1, sizeof *zip);
    if (!zip) return infer_fail_memory(ctx, sizeof *zip);
    *zip = (struct zipmap){.ctx = ctx, .path = path, .bytes = bytes, .size = size};
    INFER_GO(read_end(zip));
    zip->n = (size_t)zip->directory_count;
    zip->members = calloc(zip->n ? zip->n : 1, sizeof *zip->members);
    if (!zip->members) {
        status = infer_fail_memory(ctx, zip->n * sizeof *zip->members);
        goto done;
    }
    uint64_t at = zip->directory;
    for (size_t i = 0; i < zip->n; i++) INFER_GO(read_member(zip, &at, &zip->members[i]));
    if (at != zip->directory + zip->directory_size) {
        status = bad_zip(zip, "its directory holds more than its members");
        goto done;
    }
    INFER_GO(check_members(zip));
    *out = zip;
    return INFER_OK;
done:
    zipmap_close(zip);
    return status;
}

void zipmap_close(struct zipmap *zip) {
    if (!zip) return;
    free(zip->members);
    free(zip);
}

size_t zipmap_count(const struct zipmap *zip) {
    return zip->n;
}

const struct zipmap_member *zipmap_at(const struct zipmap *zip, size_t i) {
    return &zip->members[i];
}

const struct zipmap_member *zipmap_find(const struct zipmap *zip, const char *name,
                                        size_t name_size) {
    struct zipmap_member key = {.name = name, .name_size = name_size};
    return bsearch(&key, zip->members, zip->n, sizeof key, compare_names);
}

int zipmap_require_stored(const struct zipmap *zip) {
    char quoted[WEIGHTS_QUOTE];
    for (size_t i = 0; i < zip->n; i++) {
        const struct zipmap_member *member = &zip->members[i];
        if (!member->stored)
            return infer_fail(zip->ctx, INFER_EFORMAT,
                              "%s: zip member %s is %s; torch.save stores members as they are, so "
                              "this file was packed again: use the original",
                              zip->path, weights_quote(quoted, member->name, member->name_size),
                              member->method ? "compressed" : "encrypted");
    }
    return INFER_OK;
}

/* Four bits at a time: the polynomial is 0xedb88320, reflected as in zip, gzip and PNG. */
static uint32_t crc32_of(const unsigned char *bytes, uint64_t size) {
    uint32_t table[16], crc = 0xffffffff;
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = table[i] & 1 ? table[i] >> 1 ^ 0xedb88320 : table[i] >> 1;
    }
    for (uint64_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

int zipmap_check(infer *ctx, const char *path, const struct zipmap_member *member) {
    char quoted[WEIGHTS_QUOTE];
    if (crc32_of(member->data, member->size) == member->crc) return INFER_OK;
    return infer_fail(ctx, INFER_EFORMAT, "%s: zip member %s: its CRC-32 is wrong", path,
                      weights_quote(quoted, member->name, member->name_size));
}
