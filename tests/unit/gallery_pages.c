/* Damaged pages of a gallery's file: each change of bytes ends in an error or leaves a right
 * answer, never in a signal, for readers and for writers. */
#include "store_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#define DIM 16
#define PAGE 4096

static char folder[64], path[128], spoilt[140];
static gallery_context *ctx;
static gallery_point *points;

enum { POINTS = 3000, LATER = 200 };

static int hash_add(void *user, const gallery_point *p, const float *x) {
    uint64_t *hash = user;
    *hash = fixture_mix(*hash ^ p->id);
    for (const char *c = p->properties; c && *c; c++) *hash = fixture_mix(*hash ^ (uint8_t)*c);
    for (int i = 0; i < DIM; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        *hash = fixture_mix(*hash ^ bits);
    }
    return 0;
}

static int add(gallery *g, size_t from, size_t to) {
    struct fixture_encoder e = {.dim = DIM, .noise = 0.1};
    gallery_changes changes;
    int status = gallery_stage(g, points + from, to - from);
    if (status != GALLERY_OK) return status;
    return gallery_embed_staged(g, fixture_embed, NULL, &e, &changes);
}

static int sync_to(gallery *g, size_t from, size_t to) {
    struct fixture_encoder e = {.dim = DIM, .noise = 0.1};
    gallery_sync *sync;
    gallery_changes c;
    int status = gallery_sync_open(g, "town", 0, &sync);
    for (size_t i = from; status == GALLERY_OK && i < to; i++)
        status = gallery_sync_add(sync, points + i);
    if (status == GALLERY_OK) status = gallery_sync_run(sync, fixture_embed, NULL, &e, &c);
    gallery_sync_close(sync);
    return status;
}

/* With attributes, an index, staged points, free pages from many commits. */
static void make_gallery(void) {
    static char texts[POINTS][32];
    gallery *g;
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    unsigned long long built;
    points = fixture_points(POINTS, 3);
    for (size_t i = 0; i < POINTS; i += 2) {
        snprintf(texts[i], sizeof texts[i], "{\"n\":%zu}", i);
        points[i].properties = texts[i];
    }
    REQUIRE(gallery_open_writer(ctx, path, &setup, &g) == GALLERY_OK);
    for (size_t i = 0; i < POINTS - LATER; i += 400)
        CHECK(add(g, i, i + 400 < POINTS - LATER ? i + 400 : POINTS - LATER) == GALLERY_OK);
    CHECK(sync_to(g, 100, 400) == GALLERY_OK);
    CHECK(gallery_index_build(g, NULL, NULL, &built) == GALLERY_OK && built > 4);
    CHECK(gallery_stage(g, points + 5, 300) == GALLERY_OK);
    gallery_close(g);
}

/* What one change came to. */
enum { READER_REFUSED = 1, READING_FAILED = 2, WRITER_REFUSED = 4, WRITING_FAILED = 8, LIED = 16 };

enum { HITS = 4 };
static struct answer { /* of the sound gallery */
    uint64_t points;
    gallery_hit hits[HITS];
} sound;

static int nothing(void *user, const gallery_point *p, const float *x) {
    (void)user;
    (void)p;
    (void)x;
    return 0;
}

/* All that reads. false: something failed, and said so. */
static bool read_all(gallery *g, struct answer *a, bool *lied) {
    const float query[DIM] = {1};
    gallery_info info;
    gallery_tag_count *tags = NULL;
    size_t found, n;
    int failed = gallery_stat(g, &info) != GALLERY_OK;
    failed |= gallery_count_tags(g, &tags, &n) != GALLERY_OK;
    free(tags);
    failed |= gallery_verify(g, NULL, NULL, NULL) != GALLERY_OK;
    failed |= gallery_each_from(g, UINT64_MAX / 3, false, nothing, NULL) != GALLERY_OK;
    bool ok = gallery_search(g, query, 1, HITS, false, a->hits, &found) == GALLERY_OK;
    for (size_t i = 0; ok && i < HITS; i++)
        *lied |= found != HITS || a->hits[i].id != sound.hits[i].id ||
                 a->hits[i].exact != sound.hits[i].exact;
    failed |= !ok;
    ok = gallery_each(g, true, hash_add, &a->points) == GALLERY_OK;
    *lied |= ok && a->points != sound.points;
    return !failed && ok;
}

/* All that writes, one way after another from `first` on. */
static bool write_all(gallery *g, int first, int ways) {
    unsigned long long built;
    gallery_changes c;
    int failed = 0;
    for (int i = first; i < first + ways; i++) switch (i % 5) {
        case 0: failed |= add(g, POINTS - LATER, POINTS) != GALLERY_OK; break;
        case 1: failed |= gallery_index_build(g, NULL, NULL, &built) != GALLERY_OK; break;
        case 2: failed |= sync_to(g, POINTS - 2 * LATER, POINTS) != GALLERY_OK; break;
        case 3: failed |= gallery_tag_remove(g, "town", &c) != GALLERY_OK; break;
        default: return gallery_compact(g, NULL, NULL) == GALLERY_OK && !failed; /* ends its use */
        }
    return !failed;
}

/* Reads `spoilt` and then writes to it. */
static int use_spoilt(int change) {
    gallery *g;
    int came = 0;
    bool lied = false;
    if (gallery_open(ctx, spoilt, &g) == GALLERY_OK) {
        struct answer a = {0};
        came |= read_all(g, &a, &lied) ? 0 : READING_FAILED;
    } else {
        came |= READER_REFUSED;
        lied |= !*gallery_message(ctx);
    }
    gallery_close(g);
    if (gallery_open_writer(ctx, spoilt, NULL, &g) == GALLERY_OK)
        came |= write_all(g, change, 1 + change % 2) ? 0 : WRITING_FAILED;
    else
        came |= WRITER_REFUSED;
    gallery_close(g);
    return came | (lied ? LIED : 0);
}

static bool copy_with(const uint8_t *bytes, size_t size) {
    FILE *f = fopen(spoilt, "wb");
    bool ok = f && fwrite(bytes, 1, size, f) == size;
    return f && !fclose(f) && ok;
}

static uint8_t *load(size_t *size) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st)) abort();
    *size = (size_t)st.st_size;
    uint8_t *bytes = malloc(*size);
    if (!bytes || fread(bytes, 1, *size, f) != *size) abort();
    fclose(f);
    return bytes;
}

/* -------------------------------------------------------------------- changes */

enum { BRANCH = 1, LEAF = 2, OVERFLOW = 4, HEAD = 8 };

static unsigned flags_of(const uint8_t *bytes, size_t page) {
    uint64_t said;
    uint16_t flags;
    memcpy(&said, bytes + page * PAGE, sizeof said);
    memcpy(&flags, bytes + page * PAGE + 10, sizeof flags);
    return said == page ? flags : 0;
}

/* Does LMDB's own structure lie here: a head, a branch or a leaf? */
static bool is_tree_page(const uint8_t *bytes, size_t page) {
    unsigned flags = flags_of(bytes, page);
    return flags == BRANCH || flags == LEAF || flags == HEAD;
}

static size_t below(uint64_t *seed, size_t n) {
    return (size_t)(fixture_random(seed) * (double)n);
}

static size_t random_page(const uint8_t *bytes, size_t size, unsigned flags, uint64_t *seed) {
    for (int i = 0; i < 10000; i++) {
        size_t page = below(seed, size / PAGE);
        if (flags ? flags_of(bytes, page) == flags : is_tree_page(bytes, page)) return page;
    }
    abort();
}

/* Where pages hold their headers, their lists of entries, and their entries. */
static size_t place_in_tree(const uint8_t *bytes, size_t size, uint64_t *seed) {
    size_t page = random_page(bytes, size, 0, seed);
    double kind = fixture_random(seed);
    return page * PAGE + (kind < 0.4   ? below(seed, 160)
                          : kind < 0.8 ? PAGE - 8 - below(seed, 300)
                                       : below(seed, PAGE - 8));
}

static void spoil(uint8_t *at, uint64_t *seed) {
    double how = fixture_random(seed);
    size_t n = how < 0.7 ? 1 : 1 + below(seed, 8);
    if (how < 0.4)
        *at ^= (uint8_t)(1u << below(seed, 8));
    else
        for (size_t i = 0; i < n; i++)
            at[i] = how > 0.9 ? 0xff : how > 0.8 ? 0 : (uint8_t)(fixture_random(seed) * 256);
}

/* Changes a copy of the file in one of many ways; returns its new size. */
static size_t change(uint8_t *bytes, size_t size, int i, uint64_t *seed) {
    size_t page = below(seed, size / PAGE), other = below(seed, size / PAGE);
    switch (i % 12) {
    case 0: /* a head: its magic, its trees, its last page, its number */
        spoil(bytes + below(seed, 2) * PAGE + below(seed, 144), seed);
        break;
    case 1: /* a page's header: its number, kind, bounds */
        spoil(bytes + random_page(bytes, size, 0, seed) * PAGE + below(seed, 16), seed);
        break;
    case 2: /* a large value's: how many pages; the last of its page, the list of free ones' */
        page = random_page(bytes, size, OVERFLOW, seed);
        spoil(bytes + page * PAGE + 8 + below(seed, 16), seed);
        break;
    case 3: /* where entries lie */
        page = random_page(bytes, size, fixture_random(seed) < 0.3 ? BRANCH : LEAF, seed);
        spoil(bytes + page * PAGE + 16 + below(seed, 24), seed);
        break;
    case 4: memcpy(bytes + page * PAGE, bytes + other * PAGE, PAGE); break;
    case 5: memset(bytes + page * PAGE, fixture_random(seed) < 0.5 ? 0 : 0xff, PAGE); break;
    case 6: /* cut: anywhere, or at a page */
        size = fixture_random(seed) < 0.5 ? below(seed, size) : page * PAGE;
        break;
    case 7: /* several places */
        for (int j = 0; j < 16; j++) spoil(bytes + place_in_tree(bytes, size, seed), seed);
        break;
    case 8: spoil(bytes + below(seed, size - 8), seed); break; /* anywhere */
    default: spoil(bytes + place_in_tree(bytes, size, seed), seed); break;
    }
    return size;
}

/* ----------------------------------------------------------------------- tests */

enum { CHANGES = 2100, CHILD = 40, MEMORY_MB = 256, SECONDS = 60 };

#ifdef __SANITIZE_ADDRESS__
/* A larger request ends the child. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "max_allocation_size_mb=256";
}
static void limit_memory(void) {
}
#else
#include <sys/resource.h>
static void limit_memory(void) { /* beside the program itself and two maps of the file */
    struct rlimit limit = {(rlim_t)(MEMORY_MB + 512) << 20, (rlim_t)(MEMORY_MB + 512) << 20};
    if (setrlimit(RLIMIT_AS, &limit)) abort();
}
#endif

/* In a child: changes from `first` on; what came of them goes through a pipe, so that one that ends
 * in a signal is known. */
static void try_changes(const uint8_t *bytes, size_t size, int first, int out) {
    uint8_t *copy = malloc(size);
    if (!copy) _exit(3);
    limit_memory();
    for (int i = first; i < CHANGES && i < first + CHILD; i++) {
        uint64_t seed = fixture_mix((uint64_t)i);
        memcpy(copy, bytes, size);
        size_t length = change(copy, size, i, &seed);
        alarm(SECONDS);
        if (!copy_with(copy, length)) _exit(4);
        uint8_t came = (uint8_t)use_spoilt(i);
        if (write(out, &came, 1) != 1) _exit(5);
    }
    free(copy);
    _exit(0);
}

struct outcome {
    size_t signals, lies, harmless, by_kind[4];
};

static int run_child(const uint8_t *bytes, size_t size, int first, struct outcome *o) {
    int ends[2], status, n = 0;
    uint8_t came;
    if (pipe(ends)) abort();
    pid_t pid = fork();
    if (!pid) {
        close(ends[0]);
        try_changes(bytes, size, first, ends[1]);
    }
    close(ends[1]);
    for (; read(ends[0], &came, 1) == 1; n++) {
        for (int i = 0; i < 4; i++) o->by_kind[i] += came >> i & 1;
        o->harmless += !came;
        o->lies += came >> 4 & 1;
        if (came & LIED) printf("# change %d: another answer, or no message\n", first + n);
    }
    close(ends[0]);
    waitpid(pid, &status, 0);
    if (!status) return n;
    printf("# change %d: status %d\n", first + n, status);
    o->signals++;
    return n + 1;
}

TEST(damaged_pages_end_in_errors) {
    size_t size;
    struct outcome o = {0};
    gallery *g;
    bool lied = false;
    make_gallery();
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(read_all(g, &sound, &lied) && !lied);
    CHECK(gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK);
    gallery_close(g);
    uint8_t *bytes = load(&size);
    CHECK(copy_with(bytes, size) && use_spoilt(0) == 0);
    fflush(stdout);
    for (int i = 0; i < CHANGES;) i += run_child(bytes, size, i, &o);
    printf("# of %d changes readers refused %zu at once and %zu on reading, writers %zu and %zu; "
           "%zu did no harm\n",
           CHANGES, o.by_kind[0], o.by_kind[1], o.by_kind[2], o.by_kind[3], o.harmless);
    CHECK(o.signals == 0);
    CHECK(o.lies == 0);
    CHECK(o.by_kind[0] > CHANGES / 4 && o.by_kind[2] > CHANGES / 4);
    free(bytes);
}

/* Trees that lead back to themselves, and pages that two trees share. */
TEST(pages_belong_to_one_tree) {
    size_t size, refused = 0, tried = 0;
    uint8_t *bytes = load(&size);
    for (size_t page = 2; page < size / PAGE; page++) {
        if (flags_of(bytes, page) != BRANCH) continue;
        uint16_t first, second;
        uint8_t before[6], *at = bytes + page * PAGE;
        memcpy(&first, at + 16, sizeof first);
        memcpy(&second, at + 18, sizeof second);
        memcpy(before, at + second, sizeof before);
        memcpy(at + second, at + first, sizeof before); /* both lead to the same page */
        CHECK(copy_with(bytes, size));
        memcpy(at + second, before, sizeof before);
        gallery *g;
        int status = gallery_open_writer(ctx, spoilt, NULL, &g);
        gallery_close(g);
        tried++;
        refused += status == GALLERY_EFORMAT && strstr(gallery_message(ctx), "damaged: page ");
        if (status != GALLERY_OK) CHECK(status == GALLERY_EFORMAT);
    }
    CHECK(tried > 0 && refused > 0); /* some branches are of older commits, which nobody reads */
    free(bytes);
}

/* Commits outrun the look at the pages; that is no damage. */
TEST(readers_open_beside_a_busy_writer) {
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        gallery *g;
        if (gallery_open_writer(ctx, path, NULL, &g) != GALLERY_OK) _exit(1);
        for (size_t i = 0;; i++)
            if (gallery_stage(g, points + i % POINTS, 1) != GALLERY_OK) _exit(1);
    }
    size_t wrong = 0;
    for (int i = 0; i < 100; i++) {
        gallery *g;
        wrong += gallery_open(ctx, path, &g) != GALLERY_OK;
        gallery_close(g);
    }
    if (wrong) printf("# %s\n", gallery_message(ctx));
    CHECK(wrong == 0);
    int status;
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    gallery *g;
    CHECK(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_OK);
    gallery_close(g);
}

int main(void) {
    /* In memory, where there is such a file system: thousands of commits wait for no disk. */
    snprintf(folder, sizeof folder, "/dev/shm/vt-pages.XXXXXX");
    if (!mkdtemp(folder)) fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    snprintf(spoilt, sizeof spoilt, "%s/spoilt", folder);
    if (gallery_context_open(1, &ctx)) return 1;
    RUN(damaged_pages_end_in_errors);
    RUN(pages_belong_to_one_tree);
    RUN(readers_open_beside_a_busy_writer);
    free(points);
    gallery_context_close(ctx);
    fixture_clean(folder);
    return test_finish();
}
