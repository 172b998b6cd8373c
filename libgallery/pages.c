/* pages.c - the layout of LMDB 0.9 (mdb.c, data version 1), 64-bit, native byte order. */
#include "pages.h"
#include "context.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER 16 /* of a page, and of a leaf's or branch's entry: */
#define ENTRY 8
#define DEPTH_MAX 32 /* of LMDB's cursors */
#define KEY_MAX 511
#define NO_PAGE UINT64_MAX

enum { BRANCH = 1, LEAF = 2, OVERFLOW = 4, META = 8 }; /* pages */
enum { BIG = 1, TREE = 2 };                            /* entries of leaves */
enum { INTEGER_KEYS = 8, NO_SUBDIR = 0x4000 }; /* trees; LMDB keeps the latter in the first */

struct tree {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branch, leaf, overflow, entries, root;
};
struct head {
    uint64_t page_number;
    uint32_t flags, unused, magic, version;
    uint64_t address, map_size;
    struct tree trees[2]; /* free pages, main */
    uint64_t last_page, transaction;
};
_Static_assert(sizeof(struct tree) == 48 && sizeof(struct head) == 152, "as LMDB lays it out");

struct key {
    const uint8_t *at; /* NULL: no bound */
    size_t size;
};

struct entry {
    struct key key;
    unsigned flags;
    uint64_t child;      /* of a branch's */
    const uint8_t *data; /* of a leaf's */
    size_t size;
};

struct walk {
    int fd;
    size_t page_size;
    uint64_t last, at; /* the file's last page; the page at hand */
    uint8_t *seen;     /* a bit for each page */
    bool write;
    bool free_pages; /* this is the tree of free pages */
    uint64_t entries;
    uint8_t *levels; /* [DEPTH_MAX] pages: the way down from the root */
};

static const char *walk_tree(struct walk *w, const struct tree *tree, uint8_t *levels);

/* Marks pages [first, first + count). */
static const char *take_pages(struct walk *w, uint64_t first, uint64_t count) {
    if (first < 2 || first > w->last || count > w->last - first + 1)
        return "leads outside the file";
    for (uint64_t p = first; p < first + count; p++) {
        uint8_t bit = (uint8_t)(1u << (p & 7));
        if (w->seen[p >> 3] & bit) return "leads to a page that is in use elsewhere";
        w->seen[p >> 3] |= bit;
    }
    return NULL;
}

static const char *read_bytes(const struct walk *w, uint64_t page, void *out, size_t size) {
    ssize_t n = pread(w->fd, out, size, (off_t)(page * w->page_size));
    return n == (ssize_t)size ? NULL : "cannot be read";
}

static unsigned get16(const uint8_t *at) {
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint64_t get64(const uint8_t *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static size_t count_of(const uint8_t *page) {
    return (get16(page + 12) - HEADER) / 2;
}

static const char *check_header(const struct walk *w, const uint8_t *page, uint64_t number,
                                unsigned flags) {
    unsigned lower = get16(page + 12), upper = get16(page + 14);
    if (get64(page) != number || get16(page + 10) != flags) return "is not what it should be";
    if (lower < HEADER || lower % 2 || lower > upper || upper > w->page_size)
        return "has an impossible size";
    /* a branch leads to two pages at least; LMDB lets the tree of free pages off */
    if (count_of(page) < (flags == BRANCH && !w->free_pages ? 2 : 1)) return "is empty";
    return NULL;
}

static const char *read_entry(const struct walk *w, const uint8_t *page, size_t i, bool leaf,
                              struct entry *e) {
    size_t from = get16(page + HEADER + 2 * i), room = w->page_size - from;
    if (from < get16(page + 14) || from % 2 || from + ENTRY > w->page_size)
        return "has an entry outside it";
    const uint8_t *at = page + from;
    uint64_t low = get16(at) | (uint64_t)get16(at + 2) << 16;
    *e = (struct entry){.key = {at + ENTRY, get16(at + 6)}, .flags = get16(at + 4)};
    if (e->key.size > KEY_MAX || ENTRY + e->key.size > room) return "has a key outside it";
    e->child = low | (uint64_t)e->flags << 32;
    e->data = e->key.at + e->key.size;
    e->size = (size_t)low;
    if (!leaf) return NULL;
    if (e->flags != 0 && e->flags != BIG && e->flags != TREE) return "has an unknown entry";
    size_t inside = e->flags == BIG ? 8 : e->size;
    return inside > room - ENTRY - e->key.size ? "has a value outside it" : NULL;
}

/* LMDB leaves no gaps between entries; a writer trusts that. */
static const char *check_fill(const struct walk *w, const uint8_t *page, bool leaf) {
    size_t sum = 0;
    struct entry e;
    for (size_t i = 0, count = count_of(page); i < count; i++) {
        const char *wrong = read_entry(w, page, i, leaf, &e);
        if (wrong) return wrong;
        size_t value = !leaf ? 0 : e.flags == BIG ? 8 : e.size;
        sum += (ENTRY + e.key.size + value + 1) & ~(size_t)1;
    }
    return sum == w->page_size - get16(page + 14) ? NULL : "has entries that overlap";
}

static int compare(const struct walk *w, struct key a, struct key b) {
    if (w->free_pages) { /* numbers of transactions */
        uint64_t x = get64(a.at), y = get64(b.at);
        return (x > y) - (x < y);
    }
    int order = memcmp(a.at, b.at, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* A list of free pages: how many, then their numbers, largest first. */
static const char *check_free(struct walk *w, const uint8_t *list, size_t size) {
    uint64_t before = NO_PAGE;
    if (size < 8 || size % 8 || get64(list) > size / 8 - 1)
        return "has a broken list of free pages";
    for (uint64_t i = 1; i <= get64(list); i++) {
        uint64_t page = get64(list + 8 * i);
        if (page >= before) return "has a list of free pages out of order";
        const char *wrong = take_pages(w, page, 1);
        if (wrong) return wrong;
        before = page;
    }
    return NULL;
}

/* A value on pages of its own. Its header is only read by a writer, which trusts it. */
static const char *check_big(struct walk *w, const struct entry *e) {
    uint64_t first = get64(e->data), pages = (HEADER - 1 + e->size) / w->page_size + 1;
    uint8_t header[HEADER];
    uint32_t said;
    const char *wrong = take_pages(w, first, pages);
    if (wrong || !w->write) return wrong;
    w->at = first;
    if ((wrong = read_bytes(w, first, header, sizeof header))) return wrong;
    memcpy(&said, header + 12, sizeof said);
    if (get64(header) != first || get16(header + 10) != OVERFLOW || said != pages)
        return "is not what it should be";
    if (!w->free_pages) return NULL;
    uint8_t *value = malloc(e->size + HEADER);
    if (!value) return "cannot be read: no memory";
    wrong = read_bytes(w, first, value, e->size + HEADER);
    if (!wrong) wrong = check_free(w, value + HEADER, e->size);
    free(value);
    return wrong;
}

static const char *check_leaf_entry(struct walk *w, const struct entry *e, uint8_t *below) {
    if (e->flags == BIG) return check_big(w, e);
    if (w->free_pages) return e->flags ? "has an unknown entry" : check_free(w, e->data, e->size);
    if (e->flags != TREE) return NULL;
    struct tree tree;
    if (e->size != sizeof tree) return "has an unknown entry";
    memcpy(&tree, e->data, sizeof tree);
    if (tree.flags) return "has a tree of another kind";
    uint64_t entries = w->entries;
    const char *wrong = walk_tree(w, &tree, below);
    w->entries = entries;
    return wrong;
}

/* Keys rise strictly and lie in [least, above). The first key of a branch counts for nothing. */
static const char *check_key(const struct walk *w, struct key key, struct key least,
                             struct key above) {
    if (w->free_pages && key.size != 8) return "has a key of another size";
    if (!key.size) return "has an empty key";
    if ((least.at && compare(w, key, least) < 0) || (above.at && compare(w, key, above) >= 0))
        return "has keys out of order";
    return NULL;
}

/* levels: room for this page and those below it. */
static const char *walk_page(struct walk *w, uint64_t number, unsigned depth, struct key least,
                             struct key above, uint8_t *levels) {
    bool leaf = depth == 1;
    struct entry e, next;
    struct key before = {0};
    w->at = number;
    const char *wrong = take_pages(w, number, 1);
    if (!wrong) wrong = read_bytes(w, number, levels, w->page_size);
    if (!wrong) wrong = check_header(w, levels, number, leaf ? LEAF : BRANCH);
    if (!wrong) wrong = check_fill(w, levels, leaf);
    size_t count = wrong ? 0 : count_of(levels);
    for (size_t i = 0; i < count && !wrong; i++) {
        w->at = number;
        wrong = read_entry(w, levels, i, leaf, &e);
        if (!wrong && (leaf || i)) wrong = check_key(w, e.key, least, above);
        if (!wrong && before.at && compare(w, before, e.key) >= 0) wrong = "has keys out of order";
        if (wrong) break;
        if (leaf || i) before = e.key;
        if (leaf) {
            w->entries++;
            wrong = check_leaf_entry(w, &e, levels + w->page_size);
            continue;
        }
        struct key end = above;
        if (i + 1 < count && !(wrong = read_entry(w, levels, i + 1, false, &next))) {
            wrong = check_key(w, next.key, least, above);
            end = next.key;
        }
        if (!wrong)
            wrong = walk_page(w, e.child, depth - 1, i ? e.key : least, end, levels + w->page_size);
    }
    return wrong;
}

static const char *walk_tree(struct walk *w, const struct tree *tree, uint8_t *levels) {
    const struct key none = {0};
    size_t used = (size_t)(levels - w->levels) / w->page_size;
    w->entries = 0;
    if (tree->root == NO_PAGE)
        return tree->entries || tree->depth ? "has a tree without a root" : NULL;
    if (!tree->depth || used + tree->depth > DEPTH_MAX) return "has a tree of impossible depth";
    const char *wrong = walk_page(w, tree->root, tree->depth, none, none, levels);
    if (!wrong && w->entries != tree->entries) wrong = "has a tree with entries lost";
    return wrong;
}

static const char *walk_all(struct walk *w, const struct head *head) {
    if ((head->trees[0].flags & ~NO_SUBDIR) != INTEGER_KEYS || head->trees[1].flags)
        return "has a tree of another kind";
    const char *wrong = walk_tree(w, &head->trees[1], w->levels);
    if (wrong || !w->write) return wrong;
    w->free_pages = true;
    w->at = head->page_number;
    return walk_tree(w, &head->trees[0], w->levels);
}

int gallery_pages_check(gallery_context *ctx, const char *shown, MDB_txn *txn, bool write) {
    MDB_stat stat;
    MDB_env *env = mdb_txn_env(txn);
    struct walk w = {.write = write};
    struct head head;
    if (sizeof(size_t) != 8) return GALLERY_OK; /* other layout */
    if (mdb_env_get_fd(env, &w.fd) || mdb_env_stat(env, &stat)) return GALLERY_OK;
    w.page_size = stat.ms_psize;
    w.at = mdb_txn_id(txn) & 1; /* the heads are written in turn */
    const char *wrong = read_bytes(&w, w.at, &head, sizeof head);
    if (!wrong && head.transaction != mdb_txn_id(txn)) return GALLERY_END;
    w.last = head.last_page;
    off_t end = lseek(w.fd, 0, SEEK_END);
    if (!wrong && (end < 0 || w.last >= (uint64_t)end / w.page_size)) wrong = "lies behind the end";
    if (!wrong) {
        w.seen = calloc(w.last / 8 + 1, 1);
        w.levels = malloc(DEPTH_MAX * w.page_size);
        if (!w.seen || !w.levels) {
            free(w.seen);
            free(w.levels);
            return gallery_fail_memory(ctx, w.last / 8 + DEPTH_MAX * w.page_size);
        }
        wrong = walk_all(&w, &head);
    }
    free(w.seen);
    free(w.levels);
    if (!wrong) return GALLERY_OK;
    return gallery_fail(ctx, GALLERY_EFORMAT,
                        "%s: damaged: page %" PRIu64 " %s; restore it from a copy", shown, w.at,
                        wrong);
}
