/* The cache of features: what was written is read, and what is damaged or hostile is refused. */
#include "test.h"

#include "libinfer/cache_read.h"
#include "libinfer/context.h"
#include "libinfer/dataset.h"
#include "libinfer/weights.h"

#include <fcntl.h>

#define BACKBONE "0123456789abcdef"

static infer *ctx;
static char path[64], other[72];

/* Three sources of 3, 1 and 2 frames; feature i of frame f is f + i/8. */
static const size_t lengths[] = {3, 1, 2};

static int fill(FILE *file, size_t dim, bool half) {
    infer_cache_writer *w;
    float feature[8];
    double f = 0;
    int status = infer_cache_create(ctx, file, path, BACKBONE, dim, half, &w);
    for (int s = 0; s < 3 && status == INFER_OK; s++) {
        char name[] = "drive-0.mp4";
        name[6] = (char)('0' + s);
        status = infer_cache_begin(w, "a source without frames");
        if (status == INFER_OK) status = infer_cache_begin(w, name);
        for (size_t k = 0; k < lengths[s] && status == INFER_OK; k++, f++) {
            for (size_t i = 0; i < dim; i++) feature[i] = (float)(f + (double)i / 8);
            status = infer_cache_add(w, feature, 9.5 + f / 1000, 47.1, s ? NAN : f / 2);
        }
    }
    if (status == INFER_OK) status = infer_cache_finish(w);
    infer_cache_close(w);
    return status;
}

static int make(size_t dim, bool half) {
    FILE *file = fopen(path, "w");
    if (!file) return INFER_EIO;
    int status = fill(file, dim, half);
    fclose(file);
    return status;
}

static void check_contents(const struct cache *c, size_t dim) {
    float feature[8];
    double place[2];
    REQUIRE(cache_sources(c) == 3 && cache_frames(c) == 6 && cache_dim(c) == dim);
    CHECK_TEXT(cache_backbone(c), BACKBONE);
    struct cache_source last = cache_source(c, 2);
    CHECK_TEXT(last.name, "drive-2.mp4");
    CHECK(last.first == 4 && last.frames == 2);
    for (uint64_t f = 0; f < 6; f++) {
        REQUIRE(cache_feature(c, f, feature) == INFER_OK);
        for (size_t i = 0; i < dim; i++) CHECK(feature[i] == (float)f + (float)i / 8);
        cache_truth(c, f, place);
        CHECK(place[0] == 9.5 + (double)f / 1000 && place[1] == 47.1);
    }
}

TEST(what_was_written_is_read) {
    for (size_t dim = 1; dim <= 8; dim++) /* odd ones need padding before the doubles */
        for (int half = 0; half < 2; half++) {
            struct cache *c;
            REQUIRE(make(dim, half) == INFER_OK);
            REQUIRE(cache_open(ctx, path, NULL, &c) == INFER_OK);
            check_contents(c, dim);
            cache_close(c);
        }
    CHECK(infer_cache_looks_like(path));
    CHECK(!infer_cache_looks_like("README.md"));
    CHECK(!infer_cache_looks_like("nowhere"));
}

TEST(doubles_are_aligned) {
    struct weights *w;
    REQUIRE(make(3, true) == INFER_OK);
    REQUIRE(weights_open(ctx, path, &w) == INFER_OK);
    CHECK((uintptr_t)weights_find(w, "truth")->data % 8 == 0);
    CHECK((uintptr_t)weights_find(w, "offsets")->data % 8 == 0);
    CHECK_TEXT(weights_metadata(w, "format"), "vidtag-cache");
    CHECK(!weights_metadata(w, "none"));
    weights_close(w);
}

TEST(an_unnamed_file_will_do) {
    char name[64];
    struct cache *c;
    FILE *file = tmpfile();
    REQUIRE(file && fill(file, 4, true) == INFER_OK);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fileno(file));
    REQUIRE(cache_open(ctx, name, "the stream", &c) == INFER_OK);
    CHECK_TEXT(cache_name(c), "the stream");
    check_contents(c, 4);
    cache_close(c);
    fclose(file);
}

TEST(wrong_frames_are_refused) {
    static const struct {
        double lon, lat;
        float feature;
    } bad[] = {{0, 0, 1},    {47, 99, 1},       {181, 47, 1},    {NAN, 47, 1},   {8, NAN, 1},
               {8, 47, NAN}, {8, 47, INFINITY}, {8, -90.001, 1}, {8, 47, 65520}, {INFINITY, 47, 1}};
    infer_cache_writer *w;
    FILE *file = fopen(path, "w");
    REQUIRE(file && infer_cache_create(ctx, file, path, BACKBONE, 1, true, &w) == INFER_OK);
    float one = 1;
    CHECK(infer_cache_add(w, &one, 8, 47, 0) == INFER_EUSAGE); /* of no source */
    CHECK(infer_cache_begin(w, "") == INFER_EUSAGE);
    REQUIRE(infer_cache_begin(w, "a") == INFER_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(infer_cache_add(w, &bad[i].feature, bad[i].lon, bad[i].lat, 0) == INFER_EVALUE);
    CHECK(infer_cache_finish(w) == INFER_EVALUE); /* no frame */
    infer_cache_close(w);
    CHECK(infer_cache_create(ctx, file, path, "short", 1, true, &w) == INFER_EUSAGE);
    CHECK(infer_cache_create(ctx, file, path, BACKBONE, 0, true, &w) == INFER_EUSAGE);
    fclose(file);
}

TEST(a_full_disk_is_an_error) {
    FILE *file = fopen("/dev/full", "w");
    if (!file) SKIP("no /dev/full");
    CHECK(fill(file, 8, false) == INFER_EIO);
    CHECK(strstr(infer_message(ctx), "No space left on device"));
    fclose(file);
}

/* -------------------------------------------------------------------- damaged */

/* A copy with `size` bytes at `at` replaced, `length` bytes long in all. */
static void spoil(size_t at, const void *bytes, size_t size, size_t length) {
    static char buffer[1 << 16];
    FILE *in = fopen(path, "r"), *out = fopen(other, "w");
    if (!in || !out) abort();
    size_t n = fread(buffer, 1, sizeof buffer, in);
    memcpy(buffer + at, bytes, size);
    if (fwrite(buffer, 1, length && length < n ? length : n, out) == 0) abort();
    fclose(in);
    fclose(out);
}

static int open_spoilt(void) {
    struct cache *c;
    int status = cache_open(ctx, other, NULL, &c);
    if (status == INFER_OK) cache_close(c);
    return status;
}

static size_t place_of(const char *tensor) {
    struct weights *w;
    uint64_t size;
    if (weights_open(ctx, path, &w) != INFER_OK) abort();
    size_t at =
        (size_t)((const unsigned char *)weights_find(w, tensor)->data - weights_bytes(w, &size));
    weights_close(w);
    return at;
}

TEST(damage_is_named) {
    const double nowhere[2] = {47.1, 99}, island[2] = {0, 0};
    const int64_t zero = 0, many = 7, less = -1;
    const uint16_t nan16 = 0x7e00;
    struct cache *c;
    float feature[8];
    REQUIRE(make(8, true) == INFER_OK);
    size_t truth = place_of("truth"), offsets = place_of("offsets"), names = place_of("names");
    spoil(truth + 16, nowhere, 16, 0);
    CHECK(open_spoilt() == INFER_EVALUE);
    CHECK(strstr(infer_message(ctx), "frame 1: truth 47.1, 99 is no place on the Earth"));
    spoil(truth, island, 16, 0);
    CHECK(open_spoilt() == INFER_EVALUE);
    const struct {
        size_t at;
        const void *bytes;
        size_t size;
        const char *message;
    } bad[] = {{offsets + 8, &zero, 8, "offsets does not divide"},
               {offsets + 8, &many, 8, "offsets does not divide"},
               {offsets + 8, &less, 8, "offsets does not divide"},
               {offsets, &many, 8, "offsets does not divide"},
               {offsets + 24, &many, 8, "offsets does not divide"},
               {names, "", 1, "not one name for each source"},
               {names + 36, "x", 1, "more names than there are sources"},
               {names + 11, "x", 1, "not one name for each source"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        spoil(bad[i].at, bad[i].bytes, bad[i].size, 0);
        CHECK(open_spoilt() == INFER_EFORMAT);
        CHECK(strstr(infer_message(ctx), bad[i].message));
    }
    spoil(4096 + 2 * 16, &nan16, 2, 0);
    REQUIRE(cache_open(ctx, other, NULL, &c) == INFER_OK); /* features are read when used */
    CHECK(cache_feature(c, 1, feature) == INFER_OK);
    CHECK(cache_feature(c, 2, feature) == INFER_EVALUE);
    cache_close(c);
}

/* The header's text, changed: same length, so that the data stays where it is. */
TEST(headers_are_checked) {
    static const struct {
        const char *from, *to;
        int status;
    } bad[] = {{"vidtag-cache", "vidtag-catch", INFER_EFORMAT},
               {"\"version\":\"1\"", "\"version\":\"2\"", INFER_EFORMAT},
               {BACKBONE, "0123456789abcdeF", INFER_EFORMAT},
               {"\"truth\"", "\"truce\"", INFER_ETENSOR},
               {"[6,8]", "[8,6]", INFER_ETENSOR},
               {"[6,8]", "[48] ", INFER_ETENSOR},
               {"F16", "I16", INFER_EFORMAT},
               {"[6,2]", "[2,6]", INFER_ETENSOR},
               {"I64", "F64", INFER_ETENSOR},
               {"[4]", "[5]", INFER_EFORMAT}};
    char header[4096];
    REQUIRE(make(8, true) == INFER_OK);
    FILE *file = fopen(path, "r");
    REQUIRE(file && fread(header, 1, sizeof header, file) == sizeof header);
    fclose(file);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = memmem(header, sizeof header, bad[i].from, strlen(bad[i].from));
        REQUIRE(at);
        spoil((size_t)(at - header), bad[i].to, strlen(bad[i].to), 0);
        CHECK(open_spoilt() == bad[i].status);
    }
    for (size_t length = 1; length < 4096 + 300; length += length < 4090 ? 97 : 1) {
        spoil(0, header, 8, length);
        CHECK(open_spoilt() != INFER_OK);
    }
}

/* -------------------------------------------------------------------- dataset */

TEST(sources_are_held_out_by_name) {
    int held = 0;
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "drive-%d", i);
        held += dataset_is_heldout(name, 0.1);
        CHECK(dataset_is_heldout(name, 0) == false);
        CHECK(!dataset_is_heldout(name, 0.1) || dataset_is_heldout(name, 0.2));
    }
    CHECK(abs(held - 200) < 45);
    CHECK(dataset_is_heldout("drive-4", 0.5) == dataset_is_heldout("drive-4", 0.5));
}

TEST(caches_make_a_dataset) {
    const char *const paths[] = {path, path};
    struct dataset_rules rules = {.backbone = BACKBONE, .model = "m", .dim = 4};
    struct dataset d;
    float features[8];
    double lonlat[12];
    size_t index[] = {1, 0};
    REQUIRE(make(4, false) == INFER_OK);
    REQUIRE(dataset_open(ctx, paths, NULL, 2, &rules, &d) == INFER_OK);
    CHECK(d.train == 6 && d.heldout == 0 && d.frames == 12);
    CHECK(dataset_shorter(&d, 3) == 4);
    REQUIRE(dataset_rows(&d, 5, index, 2, features, lonlat) == INFER_OK);
    CHECK(features[0] == 5 && features[4] == 4 && lonlat[0] == 9.505 && lonlat[2] == 9.504);
    struct random_stream r;
    random_start(&r, 1, RANDOM_POINTS, 0);
    REQUIRE(dataset_spread(&d, &r, 6, lonlat) == 6); /* one of each two frames */
    for (size_t i = 0; i < 6; i++)
        CHECK(fabs(lonlat[2 * i] - 9.5 - (double)(i % 3) * 0.002) < 0.0015);
    dataset_close(&d);
    rules.dim = 5;
    CHECK(dataset_open(ctx, paths, NULL, 1, &rules, &d) == INFER_EVALUE);
    rules.dim = 4;
    rules.backbone = "fedcba9876543210";
    CHECK(dataset_open(ctx, paths, NULL, 1, &rules, &d) == INFER_EVALUE);
    CHECK(strstr(infer_message(ctx), "its features are of backbone " BACKBONE ", but m has fedc"));
    rules.backbone = BACKBONE;
    rules.heldout = 1e-9;
    CHECK(dataset_open(ctx, paths, NULL, 1, &rules, &d) == INFER_EVALUE);
    CHECK(strstr(infer_message(ctx), "3 are to train on and 0 are held out"));
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/vt-cache-%d", (int)getpid());
    snprintf(other, sizeof other, "%s.bad", path);
    if (infer_open(NULL, &ctx) != INFER_OK) return 1;
    RUN(what_was_written_is_read);
    RUN(doubles_are_aligned);
    RUN(an_unnamed_file_will_do);
    RUN(wrong_frames_are_refused);
    RUN(a_full_disk_is_an_error);
    RUN(damage_is_named);
    RUN(headers_are_checked);
    RUN(sources_are_held_out_by_name);
    RUN(caches_make_a_dataset);
    unlink(path);
    unlink(other);
    infer_close(ctx);
    return test_finish();
}
