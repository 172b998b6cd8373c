/* The store: staging, batches, crashes, locks, damage. */
#include "store_fixture.h"

#include <lmdb.h>

#include "libgallery/block.h"
#include "libgallery/f16.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>

static char folder[64], path[128];
static gallery_context *ctx;

static void begin(void) {
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    if (gallery_context_open(2, &ctx) != GALLERY_OK) abort();
}
static void end(void) {
    gallery_context_close(ctx);
    fixture_clean(folder);
}

/* A dump's hash: ids, coordinates, attributes and embeddings, in order. */
struct digest {
    uint64_t hash;
    size_t n;
    int dim;
    uint64_t last;
    bool ordered;
};
static void mix_bytes(struct digest *d, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) d->hash = (d->hash ^ bytes[i]) * 0x100000001b3u;
}
static int digest_add(void *user, const gallery_point *p, const float *x) {
    struct digest *d = user;
    d->ordered &= !d->n || p->id > d->last;
    d->last = p->id;
    d->n++;
    mix_bytes(d, &p->id, sizeof p->id);
    mix_bytes(d, &p->lon_deg, 2 * sizeof p->lon_deg);
    if (p->properties) mix_bytes(d, p->properties, strlen(p->properties));
    if (x) mix_bytes(d, x, (size_t)d->dim * sizeof *x);
    return 0;
}
static struct digest digest_of(gallery *g, int dim) {
    struct digest d = {.hash = 0xcbf29ce484222325u, .dim = dim, .ordered = true};
    if (gallery_each(g, true, digest_add, &d) != GALLERY_OK) printf("# %s\n", gallery_message(ctx));
    return d;
}
static struct digest digest_at(int dim) {
    gallery *g;
    struct digest d = {0};
    if (gallery_open(ctx, path, &g) == GALLERY_OK) d = digest_of(g, dim);
    gallery_close(g);
    return d;
}

static bool open_for_writing(int dim, gallery **g) {
    gallery_setup setup = fixture_setup(dim, GALLERY_F16);
    bool ok = gallery_open_writer(ctx, path, &setup, g) == GALLERY_OK;
    if (!ok) printf("# %s\n", gallery_message(ctx));
    return ok;
}

/* Every third point has attributes. */
static char *give_properties(gallery_point *points, size_t n) {
    char *texts = malloc(n * 64);
    for (size_t i = 0; texts && i < n; i += 3) {
        snprintf(texts + i * 64, 64, "{\"kind\":\"road\",\"n\":%zu}", i);
        points[i].properties = texts + i * 64;
    }
    return texts;
}

TEST(half_precision_agrees_with_the_instruction) {
    const struct gallery_f16 *fast = gallery_f16_choose();
    static uint8_t all[65536 * 2], back[65536 * 2];
    static float plain[65536], quick[65536];
    for (int i = 0; i < 65536; i++) {
        all[2 * i] = (uint8_t)i;
        all[2 * i + 1] = (uint8_t)(i >> 8);
    }
    gallery_f16_plain.decode(all, 65536, plain);
    fast->decode(all, 65536, quick);
    CHECK(!memcmp(plain, quick, sizeof plain));
    CHECK(plain[0x3c00] == 1 && plain[0x0001] == 0x1p-24f && plain[0x7bff] == 65504 &&
          plain[0xc000] == -2 && isinf(plain[0x7c00]) && isnan(plain[0x7c01]));
    gallery_f16_plain.encode(plain, 65536, back);
    size_t wrong = 0;
    for (int i = 0; i < 65536; i++)
        wrong +=
            !isnan(plain[i]) && (back[2 * i] != all[2 * i] || back[2 * i + 1] != all[2 * i + 1]);
    CHECK(wrong == 0);
    if (fast == &gallery_f16_plain) SKIP("no F16C on this CPU");
    wrong = 0;
    for (uint64_t i = 0; i < 1u << 20; i++) {
        uint32_t bits[16];
        float x[16];
        uint8_t a[32], b[32];
        for (uint64_t j = 0; j < 16; j++) bits[j] = (uint32_t)fixture_mix(i * 16 + j);
        for (int j = 0; j < 8; j++) /* half of them where halves are */
            bits[j] = (bits[j] & 0x80ffffffu) | (0x33u + (bits[j] >> 24 & 15)) << 24;
        memcpy(x, bits, sizeof x);
        gallery_f16_plain.encode(x, 16, a);
        fast->encode(x, 16, b);
        wrong += memcmp(a, b, sizeof a) != 0;
        if (wrong) break;
    }
    CHECK(wrong == 0);
}

TEST(what_went_in_comes_out) {
    enum { N = 5000, DIM = 24 };
    begin();
    gallery *g;
    gallery_changes c;
    gallery_info info;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    gallery_point *points = fixture_points(N, 3);
    char *texts = give_properties(points, N);
    REQUIRE(open_for_writing(DIM, &g));
    CHECK(gallery_stage(g, points, N) == GALLERY_OK);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.staged == N && info.points == 0);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    CHECK(c.added == N && c.updated == 0 && c.unchanged == 0 && e.points == N);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.staged == 0 && info.points == N);
    CHECK(info.blocks >= N / 256 && info.blocks <= N / 128 && info.indexed_blocks == 0);
    CHECK(info.setup.dtype == GALLERY_F16 && info.setup.dim == DIM);
    CHECK_TEXT(info.setup.location_id, FIXTURE_ID);
    CHECK(gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK);
    struct digest first = digest_of(g, DIM);
    CHECK(first.n == N && first.ordered);
    double west = 180;
    for (int i = 0; i < N; i++) west = fmin(west, points[i].lon_deg);
    CHECK(info.west == west);

    /* The same again changes nothing and embeds nothing. */
    CHECK(gallery_stage(g, points, N) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    CHECK(c.added == 0 && c.updated == 0 && c.unchanged == N && e.points == N);
    CHECK(digest_of(g, DIM).hash == first.hash);

    /* New attributes, without an embedding; and one new point among the old ones. */
    points[1].properties = "{\"kind\":\"area\"}";
    gallery_point more[2] = {points[1], {.lon_deg = 0.5, .lat_deg = 0.25}};
    more[1].id = gallery_point_id(0.5, 0.25);
    CHECK(gallery_stage(g, more, 2) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    CHECK(c.added == 1 && c.updated == 1 && c.unchanged == 0 && e.points == N + 1);
    CHECK(gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK);
    CHECK(digest_of(g, DIM).n == N + 1 && digest_of(g, DIM).hash != first.hash);
    gallery_close(g);
    free(texts);
    free(points);
    end();
}

/* Any order and size of batches gives the same dump; all blocks stay within their capacity. */
TEST(order_and_batches_do_not_matter) {
    enum { N = 3000, DIM = 16 };
    uint64_t hashes[3];
    for (int run = 0; run < 3; run++) {
        begin();
        gallery *g;
        gallery_changes c;
        struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
        gallery_point *points = fixture_points(N, 3);
        char *texts = give_properties(points, N);
        uint64_t seed = 17;
        for (int i = N - 1; run && i > 0; i--) {
            int j = (int)(fixture_random(&seed) * (i + 1));
            gallery_point swap = points[i];
            points[i] = points[j];
            points[j] = swap;
        }
        REQUIRE(open_for_writing(DIM, &g));
        gallery_set_batch(g, (size_t[]){4096, 7, 300}[run]);
        size_t step = (size_t[]){N, 100, 750}[run];
        for (size_t i = 0; i < N; i += step) {
            CHECK(gallery_stage(g, points + i, step) == GALLERY_OK);
            CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
        }
        CHECK(gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK);
        hashes[run] = digest_of(g, DIM).hash;
        gallery_close(g);
        free(texts);
        free(points);
        end();
    }
    CHECK(hashes[0] == hashes[1] && hashes[0] == hashes[2]);
}

static bool stop_at_second(void *user, unsigned long long done, unsigned long long total) {
    (void)user;
    (void)total;
    return done < 200;
}

TEST(interrupted_work_goes_on) {
    enum { N = 1000, DIM = 8 };
    begin();
    gallery *g;
    gallery_changes c;
    gallery_info info;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3, .fail_at = 3};
    gallery_point *points = fixture_points(N, 3);
    REQUIRE(open_for_writing(DIM, &g));
    gallery_set_batch(g, 100);
    CHECK(gallery_stage(g, points, N) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, stop_at_second, &e, &c) == GALLERY_END);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_EUSAGE);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.points == 200 && info.staged == N - 200);
    /* Some that are embedded come again: they wait beside those that waited. */
    CHECK(gallery_stage(g, points, N) == GALLERY_OK);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.points == 200 && info.staged == N);
    CHECK(gallery_embed_staged(g, fixture_embed, stop_at_second, &e, &c) == GALLERY_END);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.points == 200 && info.staged == N - 200);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    CHECK(c.added == N - 200);
    CHECK(gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK);
    gallery_close(g);
    free(points);
    end();
}

/* The map starts at 16 MiB. */
TEST(the_map_grows) {
    enum { N = 24000, DIM = 512 };
    begin();
    gallery *g;
    gallery_changes c;
    gallery_info info;
    struct fixture_encoder e = {.dim = DIM, .noise = 0};
    gallery_point *points = fixture_points(N, 3);
    REQUIRE(open_for_writing(DIM, &g));
    gallery_set_batch(g, 20000);
    CHECK(gallery_stage(g, points, N) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK && c.added == N);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.points == N && info.bytes > 24 << 20);
    gallery_close(g);
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.points == N);
    gallery_close(g);
    free(points);
    end();
}

/* ------------------------------------------------------------------- crashes */

/* A child that stages, embeds and indexes, until it is killed. */
static void work(size_t n, int dim) {
    gallery *g;
    gallery_changes c;
    unsigned long long built;
    struct fixture_encoder e = {.dim = dim, .noise = 0.3};
    gallery_point *points = fixture_points(n, 3);
    char *texts = give_properties(points, n);
    if (!points || !texts || !open_for_writing(dim, &g)) _exit(1);
    gallery_set_batch(g, 64);
    for (size_t i = 0; i < n; i += 200)
        if (gallery_stage(g, points + i, 200) != GALLERY_OK) _exit(1);
    if (gallery_embed_staged(g, fixture_embed, NULL, &e, &c) != GALLERY_OK) _exit(1);
    if (gallery_index_build(g, NULL, NULL, &built) != GALLERY_OK) _exit(1);
    gallery_close(g);
    _exit(0);
}

static void sleep_us(long us) {
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&t, NULL);
}

TEST(kills_lose_nothing) {
    enum { N = 2000, DIM = 16, KILLS = 40 };
    begin();
    if (!fork()) work(N, DIM);
    int status;
    REQUIRE(wait(&status) > 0 && status == 0);
    struct digest undisturbed = digest_at(DIM);
    CHECK(undisturbed.n == N);
    int killed = 0, finished = 0, wrong = 0;
    uint64_t seed = 1;
    char other[128];
    snprintf(other, sizeof other, "%s/h", folder);
    strcpy(path, other);
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        if (!pid) work(N, DIM);
        sleep_us((long)(fixture_random(&seed) * 60000));
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        if (WIFSIGNALED(status))
            killed++;
        else if (WIFEXITED(status) && !WEXITSTATUS(status))
            finished++;
        else
            wrong++;
        gallery *g;
        if (access(path, F_OK)) continue; /* not even made */
        if (gallery_open(ctx, path, &g) != GALLERY_OK ||
            gallery_verify(g, stdout, NULL, NULL) != GALLERY_OK) {
            printf("# after kill %d: %s\n", i, gallery_message(ctx));
            wrong++;
        }
        gallery_close(g);
        if (WIFEXITED(status)) { /* begin anew */
            struct digest d = digest_at(DIM);
            wrong += d.hash != undisturbed.hash;
            unlink(path);
            snprintf(path, sizeof path, "%s/h%d", folder, i);
        }
    }
    CHECK(wrong == 0);
    CHECK(killed > 0);
    if (!fork()) work(N, DIM);
    REQUIRE(wait(&status) > 0 && status == 0);
    CHECK(digest_at(DIM).hash == undisturbed.hash);
    printf("# %d killed, %d finished\n", killed, finished);
    end();
}

/* --------------------------------------------------------------------- locks */

TEST(one_writer_at_a_time) {
    begin();
    gallery *g, *second;
    int status;
    REQUIRE(open_for_writing(4, &g));
    pid_t pid = fork();
    if (!pid) _exit(gallery_open_writer(ctx, path, NULL, &second) == GALLERY_EBUSY ? 0 : 1);
    waitpid(pid, &status, 0);
    CHECK(status == 0);
    /* Readers are not kept out, and see the last commit. */
    struct fixture_encoder e = {.dim = 4, .noise = 1};
    gallery_point *points = fixture_points(10, 1);
    gallery_changes c;
    CHECK(gallery_stage(g, points, 10) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    pid = fork();
    if (!pid) _exit(digest_at(4).n == 10 ? 0 : 1);
    waitpid(pid, &status, 0);
    CHECK(status == 0);
    gallery_close(g);
    REQUIRE(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_OK);
    gallery_close(g);
    free(points);
    end();
}

/* A reader keeps its snapshot until it asks for the next. */
TEST(readers_keep_their_snapshot) {
    begin();
    gallery *g, *reader;
    int status, to_child[2], to_parent[2];
    char byte;
    struct fixture_encoder e = {.dim = 4, .noise = 1};
    gallery_point *points = fixture_points(3000, 1);
    gallery_changes c;
    REQUIRE(!pipe(to_child) && !pipe(to_parent));
    REQUIRE(open_for_writing(4, &g));
    CHECK(gallery_stage(g, points, 10) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    gallery_close(g);
    pid_t pid = fork();
    if (!pid) {
        gallery_info info;
        int bad = gallery_open(ctx, path, &reader) != GALLERY_OK;
        bad |= write(to_parent[1], "x", 1) != 1 || read(to_child[0], &byte, 1) != 1;
        bad |= digest_of(reader, 4).n != 10;
        bad |= gallery_renew(reader) != GALLERY_OK || gallery_stat(reader, &info) != GALLERY_OK;
        bad |= info.points != 3000 || digest_of(reader, 4).n != 3000;
        gallery_close(reader);
        _exit(bad);
    }
    REQUIRE(read(to_parent[0], &byte, 1) == 1);
    REQUIRE(open_for_writing(4, &g));
    CHECK(gallery_stage(g, points, 3000) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    CHECK(write(to_child[1], "x", 1) == 1);
    waitpid(pid, &status, 0);
    CHECK(status == 0);
    gallery_close(g);
    free(points);
    end();
}

TEST(other_setups_are_refused) {
    begin();
    gallery *g;
    gallery_setup setup = fixture_setup(4, GALLERY_F16), other = setup;
    REQUIRE(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_EIO);
    REQUIRE(gallery_open_writer(ctx, path, &setup, &g) == GALLERY_OK);
    gallery_close(g);
    strcpy(other.location_id, "fedcba9876543210");
    CHECK(gallery_open_writer(ctx, path, &other, &g) == GALLERY_EMISMATCH && !g);
    CHECK(strstr(gallery_message(ctx), "fedcba9876543210") &&
          strstr(gallery_message(ctx), FIXTURE_ID));
    other = setup;
    other.dtype = GALLERY_F32;
    CHECK(gallery_open_writer(ctx, path, &other, &g) == GALLERY_EMISMATCH);
    other.dtype = 0;
    CHECK(gallery_open_writer(ctx, path, &other, &g) == GALLERY_OK);
    gallery_close(g);
    strcpy(other.location_id, "not hexadecimal!");
    strcat(path, "2");
    CHECK(gallery_open_writer(ctx, path, &other, &g) == GALLERY_EUSAGE);
    CHECK(access(path, F_OK) != 0);
    end();
}

TEST(wrong_points_and_embeddings_are_refused) {
    begin();
    gallery *g;
    gallery_changes c;
    gallery_info info;
    struct fixture_encoder e = {.dim = 8};
    REQUIRE(open_for_writing(8, &g));
    gallery_point wrong[] = {{.lon_deg = 180, .lat_deg = 0},
                             {.lon_deg = NAN, .lat_deg = 0},
                             {.lon_deg = 7.00000001, .lat_deg = 0},
                             {.lon_deg = 5, .lat_deg = 90},
                             {.id = 1, .lon_deg = 5, .lat_deg = 9}};
    for (size_t i = 0; i < 5; i++) {
        if (i < 4 && i != 1) wrong[i].id = gallery_point_id(wrong[i].lon_deg, wrong[i].lat_deg);
        CHECK(gallery_stage(g, wrong + i, 1) == GALLERY_EVALUE);
    }
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.staged == 0);
    gallery_point *points = fixture_points(1, 1);
    CHECK(gallery_stage(g, points, 1) == GALLERY_OK);
    e.noise = NAN;
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_EVALUE);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.staged == 1 && info.points == 0);
    gallery_close(g);
    free(points);
    end();
}

/* -------------------------------------------------------------------- damage */

static bool spoil(const char *file, off_t at, unsigned char with) {
    unsigned char byte = 0;
    int fd = open(file, O_RDWR);
    bool ok = fd >= 0 && pread(fd, &byte, 1, at) == 1;
    byte ^= with;
    ok = ok && pwrite(fd, &byte, 1, at) == 1;
    if (fd >= 0) close(fd);
    return ok;
}

/* The place of a block's embeddings in the file: by its magic at the start of an overflow page. */
static off_t find_block(const char *file, size_t after) {
    FILE *f = fopen(file, "rb");
    off_t found = -1;
    char page[4096];
    for (off_t at = 0; f && fread(page, sizeof page, 1, f) == 1; at += (off_t)sizeof page)
        if (!memcmp(page + 16, "VGBK", 4)) found = at + 16 + (off_t)after;
    if (f) fclose(f);
    return found;
}

/* A value of the newest commit in the file, by its magic; -1: none. */
static off_t find_value(const char *file, const char *magic) {
    FILE *f = fopen(file, "rb");
    struct stat st;
    off_t found = -1;
    char *bytes = f && !fstat(fileno(f), &st) ? malloc((size_t)st.st_size) : NULL;
    if (bytes && fread(bytes, (size_t)st.st_size, 1, f) == 1)
        for (off_t at = 0; at + 4 <= st.st_size; at++)
            if (!memcmp(bytes + at, magic, 4)) found = at;
    free(bytes);
    if (f) fclose(f);
    return found;
}

TEST(damage_is_found) {
    begin();
    gallery *g;
    gallery_changes c;
    gallery_hit hit[3];
    size_t found;
    struct fixture_encoder e = {.dim = 64, .noise = 1};
    gallery_point *points = fixture_points(250, 1);
    REQUIRE(open_for_writing(64, &g));
    CHECK(gallery_stage(g, points, 250) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    gallery_close(g);
    off_t at = find_block(path, 5000);
    REQUIRE(at > 0 && spoil(path, at, 4));
    float query[64] = {1};
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_search(g, query, 1, 3, false, hit, &found) == GALLERY_ECHECKSUM);
    CHECK(strstr(gallery_message(ctx), "block ") && strstr(gallery_message(ctx), path));
    FILE *report = tmpfile();
    CHECK(gallery_verify(g, report, NULL, NULL) == GALLERY_ECHECKSUM);
    CHECK(ftell(report) > 20);
    fclose(report);
    struct digest d = {.dim = 64};
    CHECK(gallery_each(g, true, digest_add, &d) == GALLERY_ECHECKSUM && d.n == 0);
    gallery_close(g);
    REQUIRE(spoil(path, at, 4));
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_search(g, query, 1, 3, false, hit, &found) == GALLERY_OK && found == 3);
    gallery_close(g);
    free(points);
    end();
}

/* Every byte counts: of headers, of what waits for its embedding, of attributes, of the index. */
TEST(every_byte_is_covered) {
    static const struct {
        const char *magic;
        off_t at;
        int status;                               /* of what uses it */
    } bytes[] = {{"VGBK", 17, GALLERY_ECHECKSUM}, /* the extent */
                 {"VGBK", 40, GALLERY_EFORMAT},   /* reserved */
                 {"VGBK", 70, GALLERY_ECHECKSUM},
                 {"VGAT", 26, GALLERY_ECHECKSUM},
                 /* staged: its text, its checksum */
                 {"{\"on", 2, GALLERY_ECHECKSUM},
                 {"{\"on", -7, GALLERY_ECHECKSUM}};
    begin();
    gallery *g;
    gallery_changes c;
    struct fixture_encoder e = {.dim = 64, .noise = 1};
    gallery_point *points = fixture_points(250, 1);
    char *texts = give_properties(points, 250);
    REQUIRE(open_for_writing(64, &g));
    CHECK(gallery_stage(g, points, 249) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    gallery_close(
        g); /* a page that LMDB reuses in one process keeps what it held where it is free */
    REQUIRE(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_OK);
    points[249].properties = "{\"only\":1}";
    CHECK(gallery_stage(g, points + 249, 1) == GALLERY_OK);
    gallery_close(g);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        struct digest d = {.dim = 64};
        off_t at = find_value(path, bytes[i].magic);
        REQUIRE(at > 0 && spoil(path, at + bytes[i].at, 4));
        REQUIRE(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_OK);
        CHECK(gallery_verify(g, NULL, NULL, NULL) == bytes[i].status);
        int status = *bytes[i].magic == 'V' ? gallery_each(g, true, digest_add, &d)
                                            : gallery_embed_staged(g, fixture_embed, NULL, &e, &c);
        CHECK(status == bytes[i].status && d.n == 0);
        gallery_close(g);
        REQUIRE(spoil(path, at + bytes[i].at, 4));
    }
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_verify(g, NULL, NULL, NULL) == GALLERY_OK);
    gallery_close(g);
    free(texts);
    free(points);
    end();
}

/* An entry of the index that was made for another block is not used, and verify says so. */
TEST(index_of_another_block_is_not_used) {
    begin();
    gallery *g;
    gallery_changes c;
    gallery_info info;
    gallery_hit with[5], without[5];
    unsigned long long built;
    size_t found;
    struct fixture_encoder e = {.dim = 8, .noise = 0};
    gallery_point *points = fixture_points(3000, 1);
    REQUIRE(open_for_writing(8, &g));
    CHECK(gallery_stage(g, points, 3000) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    CHECK(gallery_index_build(g, NULL, NULL, &built) == GALLERY_OK && built > 2);
    gallery_close(g);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;
    MDB_cursor *cursor;
    MDB_val key, value;
    REQUIRE(!mdb_env_create(&env) && !mdb_env_set_maxdbs(env, 8) &&
            !mdb_env_open(env, path, MDB_NOSUBDIR, 0666) && !mdb_txn_begin(env, NULL, 0, &txn) &&
            !mdb_dbi_open(txn, "index", 0, &db) && !mdb_cursor_open(txn, db, &cursor));
    unsigned char entry[128], first[128];
    REQUIRE(!mdb_cursor_get(cursor, &key, &value, MDB_FIRST) && value.mv_size <= sizeof entry);
    size_t size = value.mv_size;
    memcpy(first, value.mv_data, size);
    memcpy(entry, first, size);
    while (!mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        unsigned char next[128];
        memcpy(next, value.mv_data, size);
        value.mv_data = entry;
        REQUIRE(!mdb_cursor_put(cursor, &key, &value, MDB_CURRENT));
        memcpy(entry, next, size);
    }
    mdb_cursor_close(cursor);
    REQUIRE(!mdb_txn_commit(txn));
    mdb_env_close(env);
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.indexed_blocks == 1);
    CHECK(gallery_verify(g, NULL, NULL, NULL) == GALLERY_EFORMAT);
    CHECK(strstr(gallery_message(ctx), "made for another block"));
    const float query[8] = {0.6f, 0.8f};
    CHECK(gallery_search(g, query, 1, 5, false, with, &found) == GALLERY_OK && found == 5);
    CHECK(gallery_search(g, query, 1, 5, true, without, &found) == GALLERY_OK);
    for (size_t i = 0; i < 5; i++)
        CHECK(with[i].id == without[i].id && with[i].score == without[i].score);
    gallery_close(g);
    free(points);
    end();
}

/* In a child: a signal is a failure too. */
static int open_status(void) {
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        gallery *g;
        int status = gallery_open(ctx, path, &g);
        if (status == GALLERY_OK) status = gallery_verify(g, NULL, NULL, NULL);
        gallery_close(g);
        _exit(status);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(no_galleries) {
    begin();
    gallery *g;
    struct fixture_encoder e = {.dim = 64, .noise = 1};
    gallery_point *points = fixture_points(2000, 1);
    gallery_changes c;
    REQUIRE(open_for_writing(64, &g));
    CHECK(gallery_stage(g, points, 2000) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    gallery_close(g);
    CHECK(open_status() == GALLERY_OK);
    struct stat st;
    REQUIRE(!stat(path, &st));
    for (off_t size = st.st_size - 4096; size > 0; size -= 3 * 4096) {
        CHECK(!truncate(path, size) && open_status() == GALLERY_EFORMAT);
    }
    CHECK(!truncate(path, 0) && open_status() == GALLERY_EFORMAT);
    CHECK(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_EFORMAT);
    CHECK(!unlink(path) && open_status() == GALLERY_EIO);
    CHECK(!mkdir(path, 0777) && open_status() == GALLERY_EFORMAT);
    CHECK(!rmdir(path) && !mkfifo(path, 0666) && open_status() == GALLERY_EFORMAT);
    CHECK(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_EFORMAT);
    CHECK(!unlink(path));
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++) fputs("lon,lat\n", f);
    fclose(f);
    CHECK(open_status() == GALLERY_EFORMAT);
    free(points);
    end();
}

TEST(read_only_places_work) {
    begin();
    gallery *g;
    struct fixture_encoder e = {.dim = 4, .noise = 1};
    gallery_point *points = fixture_points(20, 1);
    gallery_changes c;
    char lock[160];
    snprintf(lock, sizeof lock, "%s-lock", path);
    REQUIRE(open_for_writing(4, &g));
    CHECK(gallery_stage(g, points, 20) == GALLERY_OK);
    CHECK(gallery_embed_staged(g, fixture_embed, NULL, &e, &c) == GALLERY_OK);
    gallery_close(g);
    CHECK(!unlink(lock) && !chmod(path, 0444) && !chmod(folder, 0555));
    if (geteuid() == 0 && (setegid(65534) || seteuid(65534))) SKIP("cannot become another user");
    gallery *reader;
    CHECK(gallery_open(ctx, path, &reader) == GALLERY_OK);
    if (reader) CHECK(digest_of(reader, 4).n == 20);
    if (geteuid() == 65534) {
        CHECK(!seteuid(0) && !setegid(0));
        /* Without the table of readers, writers stay out. */
        CHECK(gallery_open_writer(ctx, path, NULL, &g) == GALLERY_EBUSY);
    }
    gallery_close(reader);
    free(points);
    end();
}

int main(void) {
    RUN(half_precision_agrees_with_the_instruction);
    RUN(what_went_in_comes_out);
    RUN(order_and_batches_do_not_matter);
    RUN(interrupted_work_goes_on);
    RUN(the_map_grows);
    RUN(kills_lose_nothing);
    RUN(one_writer_at_a_time);
    RUN(readers_keep_their_snapshot);
    RUN(other_setups_are_refused);
    RUN(wrong_points_and_embeddings_are_refused);
    RUN(damage_is_found);
    RUN(every_byte_is_covered);
    RUN(index_of_another_block_is_not_used);
    RUN(no_galleries);
    RUN(read_only_places_work);
    return test_finish();
}
