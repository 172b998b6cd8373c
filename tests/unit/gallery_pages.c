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
    CHECK(gallery_index_build(g, NULL, NULL, &built) == GALLERY_OK && built > 4);
    CHECK(gallery_stage(g, points + 5, 300) == GALLERY_OK);
    gallery_close(g);
}

/* Exit status of the child that has read and written `spoilt`: 0, or what was wrong. */
static int use_spoilt(uint64_t sound) {
    gallery *g;
    gallery_info info;
    gallery_hit hits[4];
    unsigned long long built;
    size_t found;
    const float query[DIM] = {1};
    if (gallery_open(ctx, spoilt, &g) == GALLERY_OK) {
        uint64_t hash = 0;
        gallery_stat(g, &info);
        gallery_verify(g, NULL, NULL, NULL);
        gallery_search(g, query, 1, 4, false, hits, &found);
        if (gallery_each(g, true, hash_add, &hash) == GALLERY_OK && hash != sound) return 1;
    } else if (!*gallery_message(ctx)) {
        return 2;
    }
    gallery_close(g);
    if (gallery_open_writer(ctx, spoilt, NULL, &g) == GALLERY_OK &&
        add(g, POINTS - LATER, POINTS) == GALLERY_OK)
        gallery_index_build(g, NULL, NULL, &built);
    gallery_close(g);
    return 0;
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

/* Does LMDB's own structure lie here: a head, a branch or a leaf? */
static bool is_tree_page(const uint8_t *page, uint64_t number) {
    uint64_t said;
    uint16_t flags;
    memcpy(&said, page, sizeof said);
    memcpy(&flags, page + 10, sizeof flags);
    return said == number && (flags == 1 || flags == 2 || flags == 8);
}

/* Where pages hold their headers, their lists of entries, and their entries. */
static size_t random_place(const uint8_t *bytes, size_t size, uint64_t *seed) {
    size_t page;
    do page = (size_t)(fixture_random(seed) * (double)(size / PAGE));
    while (!is_tree_page(bytes + page * PAGE, page));
    double kind = fixture_random(seed), at = fixture_random(seed);
    return page * PAGE + (size_t)(kind < 0.4   ? at * 160
                                  : kind < 0.8 ? PAGE - 8 - at * 300
                                               : at * (PAGE - 8));
}

TEST(damaged_pages_end_in_errors) {
    enum { CHANGES = 400 };
    size_t size, signals = 0, wrong = 0;
    uint64_t seed = 11, sound = 0;
    gallery *g;
    make_gallery();
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_each(g, true, hash_add, &sound) == GALLERY_OK);
    gallery_close(g);
    uint8_t *bytes = load(&size);
    fflush(stdout);
    for (int i = 0; i < CHANGES; i++) {
        size_t at = random_place(bytes, size, &seed);
        uint8_t before[8];
        memcpy(before, bytes + at, sizeof before);
        double how = fixture_random(&seed);
        if (how < 0.4)
            bytes[at] ^= (uint8_t)(1u << (int)(fixture_random(&seed) * 8));
        else if (how < 0.7)
            bytes[at] = (uint8_t)(fixture_random(&seed) * 256);
        else
            for (int j = 0; j < 8; j++)
                bytes[at + (size_t)j] = how < 0.8 ? 0xff : (uint8_t)(fixture_random(&seed) * 256);
        CHECK(copy_with(bytes, size));
        memcpy(bytes + at, before, sizeof before);
        pid_t pid = fork();
        if (!pid) {
            alarm(20);
            _exit(use_spoilt(sound));
        }
        int status;
        waitpid(pid, &status, 0);
        signals += WIFSIGNALED(status) || WEXITSTATUS(status) > 2;
        wrong += WIFEXITED(status) && WEXITSTATUS(status) && WEXITSTATUS(status) <= 2;
        if (status) printf("# change %d at %zu+%zu: %d\n", i, at / PAGE, at % PAGE, status);
    }
    CHECK(signals == 0);
    CHECK(wrong == 0);
    free(bytes);
}

/* Trees that lead back to themselves, and pages that two trees share. */
TEST(pages_belong_to_one_tree) {
    size_t size, refused = 0, tried = 0;
    uint8_t *bytes = load(&size);
    for (size_t page = 2; page < size / PAGE; page++) {
        if (!is_tree_page(bytes + page * PAGE, page) || bytes[page * PAGE + 10] != 1) continue;
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
    fixture_folder(folder);
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
