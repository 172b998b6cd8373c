/* Archives: what goes in comes out, and no damaged one is taken. */
#include "store_fixture.h"

#include "libgallery/archive_block.h"
#include "libgallery/bytes.h"
#include "libgallery/make.h"
#include "libgallery/walk.h"

#include <sys/resource.h>

static char folder[64];
static gallery_context *ctx;

static void begin(void) {
    fixture_folder(folder);
    if (gallery_context_open(2, &ctx) != GALLERY_OK) abort();
}
static void end(void) {
    gallery_context_close(ctx);
    fixture_clean(folder);
}
static const char *in_folder(const char *name) {
    static char paths[4][128];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

/* ------------------------------------------------------------------- helpers */

/* A gallery of n points; every third with attributes, every fifth with tags. */
static void make_gallery(const char *path, size_t n, int dim, enum gallery_dtype dtype) {
    gallery *g;
    gallery_changes c;
    struct fixture_encoder e = {.dim = dim, .noise = 0.3};
    gallery_setup setup = fixture_setup(dim, dtype);
    gallery_point *points = fixture_points(n, 3);
    char *texts = malloc(n * 64);
    uint16_t tags[3] = {0};
    if (!points || !texts || gallery_open_writer(ctx, path, &setup, &g) != GALLERY_OK ||
        gallery_tag_make(g, "town/é", tags + 1) != GALLERY_OK ||
        gallery_tag_make(g, "a road", tags + 2) != GALLERY_OK)
        abort();
    for (size_t i = 0; i < n; i++) {
        if (i % 5 == 0) points[i].tags = tags + (i % 10 == 0), points[i].tags_n = 2;
        if (i % 3) continue;
        snprintf(texts + i * 64, 64, "{\"kind\":\"road \\\"é\",\"n\":%zu}", i);
        points[i].properties = texts + i * 64;
    }
    if (gallery_stage(g, points, n) != GALLERY_OK ||
        gallery_embed_staged(g, fixture_embed, NULL, &e, &c) != GALLERY_OK)
        abort();
    gallery_close(g);
    free(texts);
    free(points);
}

static int export_to(const char *from, FILE *out, bool embeddings) {
    gallery_walk *w;
    gallery_item item;
    gallery_archive_info info;
    gallery_archive_writer *writer = NULL;
    int status = gallery_walk_open(ctx, from, embeddings, &w);
    if (status == GALLERY_OK) {
        gallery_walk_describe(w, &info);
        info.embeddings = embeddings;
        status = gallery_archive_writer_open(ctx, out, "test", &info, &writer);
    }
    while (status == GALLERY_OK && (status = gallery_walk_next(w, &item)) == GALLERY_OK)
        status = gallery_archive_writer_add(writer, &item);
    if (status == GALLERY_END) status = gallery_archive_writer_finish(writer);
    gallery_archive_writer_close(writer);
    gallery_walk_close(w);
    return status;
}

struct bytes {
    char *at;
    size_t size;
};
static struct bytes exported(const char *from, bool embeddings) {
    struct bytes b = {0};
    FILE *out = open_memstream(&b.at, &b.size);
    if (!out || export_to(from, out, embeddings) != GALLERY_OK) {
        printf("# %s\n", gallery_message(ctx));
        abort();
    }
    fclose(out);
    return b;
}

/* Reads all of an archive; *points: how many came. */
static int read_all(const void *data, size_t size, size_t *points) {
    gallery_archive *a = NULL;
    gallery_item item;
    *points = 0;
    FILE *in = size ? fmemopen((void *)(uintptr_t)data, size, "rb") : fopen("/dev/null", "rb");
    int status = gallery_archive_read(ctx, in, "test.vtg", &a);
    while (status == GALLERY_OK && (status = gallery_archive_next(a, &item)) == GALLERY_OK)
        ++*points;
    gallery_archive_close(a);
    return status;
}

static uint64_t digest(const char *path, size_t *n) {
    gallery_walk *w;
    gallery_item item;
    gallery_archive_info info;
    XXH3_state_t *sum = XXH3_createState();
    XXH3_64bits_reset(sum);
    int status = gallery_walk_open(ctx, path, true, &w);
    if (status == GALLERY_OK) gallery_walk_describe(w, &info);
    *n = 0;
    while (status == GALLERY_OK && (status = gallery_walk_next(w, &item)) == GALLERY_OK) {
        const char *text = item.properties ? item.properties : "";
        XXH3_64bits_update(sum, &item.id, sizeof item.id);
        XXH3_64bits_update(sum, text, strlen(text) + 1);
        XXH3_64bits_update(sum, item.tags, strlen(item.tags) + 1);
        if (item.embedding)
            XXH3_64bits_update(sum, item.embedding,
                               (size_t)info.setup.dim * sizeof *item.embedding);
        ++*n;
    }
    if (status != GALLERY_END) printf("# %s\n", gallery_message(ctx));
    gallery_walk_close(w);
    uint64_t hash = XXH3_64bits_digest(sum);
    XXH3_freeState(sum);
    return hash;
}

static bool save(const char *path, struct bytes b) {
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(b.at, 1, b.size, f) == b.size;
    return (!f || !fclose(f)) && ok;
}

static int import_from(const char *archive, const char *path) {
    gallery_walk *w;
    gallery_item item;
    gallery_archive_info info;
    gallery_maker *m = NULL;
    int status = gallery_walk_open(ctx, archive, true, &w);
    if (status == GALLERY_OK) {
        gallery_walk_describe(w, &info);
        status = gallery_maker_open(ctx, path, &info.setup, info.embeddings, &m);
    }
    while (status == GALLERY_OK && (status = gallery_walk_next(w, &item)) == GALLERY_OK)
        status = gallery_maker_add(m, &item);
    if (status == GALLERY_END) status = gallery_maker_finish(m);
    gallery_maker_close(m);
    gallery_walk_close(w);
    return status;
}

/* --------------------------------------------------------------------- tests */

TEST(what_went_in_comes_out) {
    static const struct {
        size_t n;
        int dim;
        enum gallery_dtype dtype;
    } cases[] = {{9000, 16, GALLERY_F16}, {1, 3, GALLERY_F32}, {700, 3000, GALLERY_F32}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        size_t n, m;
        make_gallery(in_folder("g"), cases[i].n, cases[i].dim, cases[i].dtype);
        struct bytes b = exported(in_folder("g"), true), again = exported(in_folder("g"), true);
        CHECK(b.size == again.size && !memcmp(b.at, again.at, b.size));
        REQUIRE(save(in_folder("a.vtg"), b));
        CHECK(import_from(in_folder("a.vtg"), in_folder("h")) == GALLERY_OK);
        uint64_t hash = digest(in_folder("g"), &n);
        CHECK(digest(in_folder("h"), &m) == hash && n == m && n == cases[i].n);
        CHECK(digest(in_folder("a.vtg"), &m) == hash && n == m);
        struct bytes third = exported(in_folder("h"), true);
        CHECK(b.size == third.size && !memcmp(b.at, third.at, b.size));
        gallery *g;
        REQUIRE(gallery_open(ctx, in_folder("h"), &g) == GALLERY_OK);
        CHECK(gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK);
        gallery_close(g);
        free(b.at);
        free(again.at);
        free(third.at);
        end();
    }
}

TEST(points_alone_are_staged) {
    begin();
    gallery *g, *h;
    gallery_info info;
    gallery_changes c;
    size_t n, m;
    struct fixture_encoder e = {.dim = 8, .noise = 0.3};
    make_gallery(in_folder("g"), 5000, 8, GALLERY_F16);
    struct bytes b = exported(in_folder("g"), false), whole = exported(in_folder("g"), true);
    CHECK(b.size < whole.size / 2);
    REQUIRE(save(in_folder("p.vtg"), b));
    REQUIRE(import_from(in_folder("p.vtg"), in_folder("h")) == GALLERY_OK);
    REQUIRE(gallery_open_writer(ctx, in_folder("h"), NULL, &h) == GALLERY_OK);
    CHECK(gallery_stat(h, &info) == GALLERY_OK && info.staged == 5000 && info.points == 0);
    CHECK_TEXT(info.setup.location_id, FIXTURE_ID);
    CHECK(gallery_embed_staged(h, fixture_embed, NULL, &e, &c) == GALLERY_OK && c.added == 5000);
    gallery_close(h);
    uint64_t hash = digest(in_folder("g"), &n);
    CHECK(digest(in_folder("h"), &m) == hash && m == n);
    CHECK(gallery_open_new(ctx, in_folder("h"), &info.setup, &g) == GALLERY_EEXIST);
    free(b.at);
    free(whole.at);
    end();
}

TEST(an_empty_gallery_is_an_archive) {
    begin();
    gallery *g;
    size_t n;
    gallery_setup setup = fixture_setup(8, GALLERY_F16);
    REQUIRE(gallery_open_writer(ctx, in_folder("g"), &setup, &g) == GALLERY_OK);
    gallery_close(g);
    struct bytes b = exported(in_folder("g"), true);
    CHECK(b.size == GALLERY_ARCHIVE_HEADER + GALLERY_ARCHIVE_TRAILER);
    CHECK(read_all(b.at, b.size, &n) == GALLERY_END && n == 0);
    free(b.at);
    end();
}

/* Every bit of a small archive, every shorter length, and one byte more. */
TEST(every_flip_and_truncation_is_refused) {
    for (int embeddings = 0; embeddings < 2; embeddings++) {
        begin();
        size_t n, taken = 0;
        make_gallery(in_folder("g"), 40, 8, GALLERY_F16);
        struct bytes b = exported(in_folder("g"), embeddings);
        REQUIRE(read_all(b.at, b.size, &n) == GALLERY_END && n == 40);
        for (size_t bit = 0; bit < 8 * b.size; bit++) {
            b.at[bit / 8] = (char)(b.at[bit / 8] ^ 1 << bit % 8);
            taken += read_all(b.at, b.size, &n) < GALLERY_EUSAGE;
            b.at[bit / 8] = (char)(b.at[bit / 8] ^ 1 << bit % 8);
        }
        CHECK(taken == 0);
        for (size_t size = 0; size < b.size; size++)
            taken += read_all(b.at, size, &n) < GALLERY_EUSAGE;
        CHECK(taken == 0);
        printf("# %zu bits, %zu lengths\n", 8 * b.size, b.size);
        char *longer = calloc(1, b.size + 1);
        memcpy(longer, b.at, b.size);
        CHECK(read_all(longer, b.size + 1, &n) == GALLERY_EFORMAT);
        CHECK(read_all(b.at, b.size, &n) == GALLERY_END && n == 40);
        free(longer);
        free(b.at);
        end();
    }
}

/* What is damaged leaves nothing behind under the gallery's name. */
TEST(a_damaged_archive_makes_no_gallery) {
    begin();
    make_gallery(in_folder("g"), 9000, 8, GALLERY_F16);
    struct bytes b = exported(in_folder("g"), true);
    b.at[b.size - 1] ^= 1; /* found last of all */
    REQUIRE(save(in_folder("a.vtg"), b));
    CHECK(import_from(in_folder("a.vtg"), in_folder("h")) == GALLERY_EFORMAT);
    CHECK(strstr(gallery_message(ctx), "a.vtg") && access(in_folder("h"), F_OK));
    free(b.at);
    end();
}

/* An archive around bytes of our choice, with all checksums right. */
static struct bytes around(const void *raw, size_t n, size_t size, size_t stated, uint64_t points) {
    struct gallery_archive_header header = {
        .setup = fixture_setup(4, GALLERY_F32), .embeddings = false, .points = points};
    struct gallery_archive_rows rows;
    struct bytes b = {0};
    uint8_t head[GALLERY_ARCHIVE_HEADER], tail[GALLERY_ARCHIVE_TRAILER];
    if (!gallery_archive_rows_make(&header, &rows)) abort();
    FILE *out = open_memstream(&b.at, &b.size);
    gallery_archive_header_encode(&header, head);
    fwrite(head, 1, sizeof head, out);
    size_t packed = gallery_archive_pack(&rows, n, raw, size);
    if (stated) { /* says less than it unpacks to */
        gallery_put32(rows.packed + 8, (uint32_t)stated);
        gallery_put64(rows.packed + 16,
                      gallery_checksum(rows.packed, 16, GALLERY_ARCHIVE_BLOCK_HEADER, packed));
    }
    fwrite(rows.packed, 1, packed, out);
    struct gallery_archive_totals totals = {points, 1, sizeof head + packed};
    gallery_archive_trailer_encode(&totals, tail);
    fflush(out);
    XXH3_state_t *sum = XXH3_createState();
    XXH3_64bits_reset(sum);
    XXH3_64bits_update(sum, b.at, b.size);
    XXH3_64bits_update(sum, tail, sizeof tail - 8);
    gallery_put64(tail + sizeof tail - 8, XXH3_64bits_digest(sum));
    XXH3_freeState(sum);
    fwrite(tail, 1, sizeof tail, out);
    fclose(out);
    gallery_archive_rows_free(&rows);
    return b;
}

static int read_around(const void *raw, size_t n, size_t size, size_t stated, uint64_t points) {
    size_t got;
    struct bytes b = around(raw, n, size, stated, points);
    int status = read_all(b.at, b.size, &got);
    free(b.at);
    return status;
}

static long peak_kb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

TEST(bombs_stay_small) {
    begin();
    static uint8_t zeros[GALLERY_ARCHIVE_RAW];
    /* A frame of 4 MiB that says it is of 14 bytes, one that is, and one that says it is of 3 GiB.
     */
    CHECK(read_around(zeros, 1, sizeof zeros, 14, 1) == GALLERY_EFORMAT);
    CHECK(read_around(zeros, 1, sizeof zeros, 0, 1) == GALLERY_EFORMAT);
    CHECK(read_around(zeros, 1, sizeof zeros, (size_t)3 << 30, 1) == GALLERY_EFORMAT);
    CHECK(read_around(zeros, 1u << 30, 14, 0, 1) == GALLERY_EFORMAT);
    CHECK(read_around(zeros, 0, 14, 0, 0) == GALLERY_EFORMAT);
    long before = peak_kb();
    for (int i = 0; i < 200; i++) read_around(zeros, 1, sizeof zeros, 0, 1);
    CHECK(peak_kb() - before < 64 << 10);
    /* A frame that claims a window and a size of 2^62 in its own header. */
    uint8_t huge[32] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0};
    struct bytes b = around(zeros, 1, 14, 0, 1);
    uint8_t *block = (uint8_t *)b.at + GALLERY_ARCHIVE_HEADER;
    memcpy(block + GALLERY_ARCHIVE_BLOCK_HEADER, huge, gallery_get32(block + 12));
    size_t size = GALLERY_ARCHIVE_BLOCK_HEADER + gallery_get32(block + 12), n;
    gallery_put64(block + 16, gallery_checksum(block, 16, GALLERY_ARCHIVE_BLOCK_HEADER, size));
    CHECK(read_all(b.at, b.size, &n) == GALLERY_EFORMAT);
    free(b.at);
    end();
}

/* One point at 1e-7, 2e-7 with the given texts. */
static int read_point(const char *properties, const char *tags, int32_t lon, int32_t lat) {
    uint8_t raw[256] = {0};
    for (size_t i = 0; i < 4; i++) {
        raw[i] = (uint8_t)((uint32_t)lon >> (8 * i));
        raw[4 + i] = (uint8_t)((uint32_t)lat >> (8 * i));
    }
    gallery_put32(raw + 8, (uint32_t)strlen(properties));
    gallery_put16(raw + 12, (uint16_t)strlen(tags));
    size_t length = (size_t)snprintf((char *)raw + 14, sizeof raw - 14, "%s%s", properties, tags);
    return read_around(raw, 1, 14 + length, 0, 1);
}

TEST(values_are_checked) {
    begin();
    CHECK(read_point("", "", 1, 2) == GALLERY_END);
    CHECK(read_point("{\"a\":[1,2]}", "\na\nb", 1, 2) == GALLERY_END);
    static const char *const properties[] = {
        "x",          "{}x",           "[1]",          "{\"a\":1,}", "{\n}",
        "{\"id\":1}", "{\"a\":1e999}", "{\"\xff\":1}", "{\"a\":}"};
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        CHECK(read_point(properties[i], "", 1, 2) == GALLERY_EVALUE);
    static const char *const tags[] = {"b\na", "a\na", "a\n", "\n", "a\tb", "\xc3", "a\x7f"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        CHECK(read_point("", tags[i], 1, 2) == GALLERY_EVALUE);
    CHECK(read_point("", "", 1800000000, 0) == GALLERY_EVALUE);
    CHECK(read_point("", "", 0, 900000001) == GALLERY_EVALUE);
    CHECK(read_point("", "", 5, 900000000) == GALLERY_EVALUE);
    uint8_t twice[28] = {0}; /* the same point two times */
    CHECK(read_around(twice, 2, sizeof twice, 0, 2) == GALLERY_EVALUE);
    CHECK(read_around(twice, 1, 14, 0, 2) == GALLERY_EFORMAT); /* announced: two */
    end();
}

TEST(duplicates_are_one_point) {
    begin();
    gallery_maker *m;
    gallery_setup setup = fixture_setup(4, GALLERY_F32);
    gallery_walk *w;
    gallery_item item;
    float x[4] = {1}, y[4] = {0, 1};
    gallery_item a = {.tags = "b", .embedding = x, .properties = "{\"n\":1}"};
    a.id = gallery_point_id(0, 0);
    REQUIRE(gallery_maker_open(ctx, in_folder("g"), &setup, true, &m) == GALLERY_OK);
    CHECK(gallery_maker_add(m, &a) == GALLERY_OK);
    a.properties = NULL;
    a.tags = "a";
    a.embedding = y;
    CHECK(gallery_maker_add(m, &a) == GALLERY_OK);
    CHECK(access(in_folder("g"), F_OK));
    CHECK(gallery_maker_finish(m) == GALLERY_OK);
    gallery_maker_close(m);
    REQUIRE(gallery_walk_open(ctx, in_folder("g"), true, &w) == GALLERY_OK);
    CHECK(gallery_walk_next(w, &item) == GALLERY_OK);
    CHECK_TEXT(item.tags, "a\nb");
    CHECK_TEXT(item.properties, "{\"n\":1}");
    CHECK(item.embedding[0] == 1);
    CHECK(gallery_walk_next(w, &item) == GALLERY_END);
    gallery_walk_close(w);
    end();
}

int main(void) {
    RUN(what_went_in_comes_out);
    RUN(points_alone_are_staged);
    RUN(an_empty_gallery_is_an_archive);
    RUN(every_flip_and_truncation_is_refused);
    RUN(a_damaged_archive_makes_no_gallery);
    RUN(bombs_stay_small);
    RUN(values_are_checked);
    RUN(duplicates_are_one_point);
    return test_finish();
}
