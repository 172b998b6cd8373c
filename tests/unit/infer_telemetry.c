/* GoPro's telemetry and EXIF: records written by hand, and what exiftool 12.57 says of the real
 * files. */
#include "libinfer/exif.h"
#include "libinfer/gpmf.h"
#include "libinfer/media.h"
#include "libinfer/telemetry.h"
#include "test.h"

#define HERO "../shared/data/video/hero_gps5.mp4"
#define PHOTO "../shared/data/photos/lund/01.jpg"

static infer *ctx;

/* ------------------------------------------------------------------------ GPMF */

static uint8_t data[4096];
static size_t size;

static void put(unsigned value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) data[size++] = (uint8_t)(value >> (8 * i));
}

static void put_head(const char *key, char type, unsigned element, unsigned count) {
    memcpy(data + size, key, 4);
    size += 4;
    put((unsigned char)type, 1);
    put(element, 1);
    put(count, 2);
}

/* Closes a nest that begins at `at`: its length is known now. */
static void close_nest(size_t at) {
    size_t length = size - at - 8;
    data[at + 5] = 1;
    data[at + 6] = (uint8_t)(length >> 8);
    data[at + 7] = (uint8_t)length;
}

static void put_gps5(unsigned fix, unsigned dop, int n) {
    size_t device = size;
    put_head("DEVC", 0, 1, 0);
    size_t stream = size;
    put_head("STRM", 0, 1, 0);
    put_head("GPSF", 'L', 4, 1), put(fix, 4);
    put_head("GPSP", 'S', 2, 1), put(dop, 2), put(0, 2);
    put_head("SCAL", 'l', 4, 5);
    for (int i = 0; i < 5; i++) put(i < 2 ? 10000000 : 1000, 4);
    put_head("GPS5", 'l', 20, (unsigned)n);
    for (int i = 0; i < n; i++) {
        put((unsigned)(-331267700 + i), 4); /* the south-west: negative numbers */
        put((unsigned)-1173273436, 4);
        for (int k = 0; k < 3; k++) put(7, 4);
    }
    close_nest(stream);
    close_nest(device);
}

static void put_gps9(unsigned fix, unsigned dop) {
    size_t stream = size;
    put_head("STRM", 0, 1, 0);
    put_head("TYPE", 'c', 1, 9);
    memcpy(data + size, "lllllllSS\0\0\0", 12);
    size += 12;
    put_head("SCAL", 'l', 4, 9);
    for (int i = 0; i < 9; i++) put(i < 2 ? 10000000 : i == 7 ? 100 : 1, 4);
    put_head("GPS9", '?', 32, 1);
    put(500000000, 4), put(100000000, 4);
    for (int k = 0; k < 5; k++) put(1, 4);
    put(dop, 2), put(fix, 2);
    close_nest(stream);
}

static struct gpmf_fix seen[16];
static int count, limit;

static int note(void *user, const struct gpmf_fix *fix) {
    (void)user;
    if (count == limit) return INFER_ENOMEM;
    seen[count++] = *fix;
    return INFER_OK;
}

static int parse(void) {
    count = 0;
    limit = 16;
    return gpmf_read(ctx, data, size, note, NULL);
}

TEST(gps5_is_read) {
    size = 0;
    put_gps5(3, 154, 2);
    CHECK(parse() == INFER_OK && count == 2);
    CHECK(seen[0].good && seen[0].count == 2 && seen[1].place == 1);
    CHECK(seen[1].lat_deg == -33.1267699 && seen[1].lon_deg == -117.3273436);
    size = 0;
    put_gps5(0, 154, 1);
    CHECK(parse() == INFER_OK && count == 1 && !seen[0].good);
    size = 0;
    put_gps5(2, 501, 1);
    CHECK(parse() == INFER_OK && count == 1 && !seen[0].good);
    size = 0;
    put_gps5(2, 500, 1);
    put_gps5(2, 500, 3); /* a second device is not mixed in */
    CHECK(parse() == INFER_OK && count == 1 && seen[0].good);
}

TEST(gps9_is_read) {
    size = 0;
    put_gps9(3, 120);
    CHECK(parse() == INFER_OK && count == 1 && seen[0].kind == GPMF_GPS9 && seen[0].good);
    CHECK(seen[0].lat_deg == 50 && seen[0].lon_deg == 10);
    size = 0;
    put_gps9(2, 500);
    CHECK(parse() == INFER_OK && count == 1 && seen[0].good);
    size = 0;
    put_gps9(0, 120);
    CHECK(parse() == INFER_OK && count == 1 && !seen[0].good);
    size = 0;
    put_gps9(3, 600);
    CHECK(parse() == INFER_OK && count == 1 && !seen[0].good);
}

TEST(damaged_telemetry_is_refused) {
    size = 0;
    put_gps5(3, 154, 2);
    size_t whole = size;
    for (size = 1; size < whole; size++) {
        int status = parse();
        CHECK(status == INFER_EFORMAT);
    }
    size = whole;
    REQUIRE(whole > 48 + 16);
    data[whole - 48 - 16] = 0; /* SCAL of the longitude's last byte, and so on: no crash */
    for (size_t i = 0; i < whole; i++) {
        uint8_t keep = data[i];
        for (int v = 0; v < 256; v += 15) {
            data[i] = (uint8_t)v;
            parse();
        }
        data[i] = keep;
    }
    for (size = 0; size < 10 * 8;) put_head("DEVC", 0, 1, (unsigned)(10 * 8 - size - 8));
    CHECK(parse() == INFER_EFORMAT && strstr(infer_message(ctx), "nested too deep"));
    size = 0;
    put_gps5(3, 154, 2);
    count = 0;
    limit = 1;
    CHECK(gpmf_read(ctx, data, size, note, NULL) == INFER_ENOMEM && count == 1);
}

TEST(the_real_telemetry_is_as_exiftool_reads_it) {
    infer_telemetry t;
    if (!test_have(HERO)) SKIP("no ../shared");
    REQUIRE(infer_telemetry_read(ctx, HERO, &t) == INFER_OK);
    CHECK(t.n == 191 && !t.damaged);
    REQUIRE(t.n > 40);
    CHECK(t.fixes[0].lat_deg == 33.1267700 && t.fixes[0].lon_deg == -117.3273436);
    CHECK(t.fixes[1].lat_deg == 33.1267696);
    CHECK(t.fixes[17].lat_deg == 33.1267610); /* the first of the second payload, at 1.001 s */
    CHECK_NEAR(t.fixes[17].t_s, 1.001, 1e-9);
    CHECK_NEAR(t.fixes[1].t_s, 1.001 / 17, 1e-9);
    for (size_t i = 0; i < t.n; i++)
        CHECK(t.fixes[i].good); /* a fix in three dimensions, DOP 1.5 */
    infer_telemetry_free(&t);
}

TEST(a_video_without_telemetry_has_none) {
    infer_telemetry t;
    CHECK(infer_telemetry_read(ctx, "tests/reference/doggerby/drive.mp4", &t) == INFER_OK && !t.n &&
          !t.fixes);
    CHECK(infer_telemetry_read(ctx, "README.md", &t) == INFER_EFORMAT && !t.fixes);
    CHECK(infer_telemetry_read(ctx, "nothere", &t) == INFER_EIO);
}

/* ------------------------------------------------------------------------ EXIF */

TEST(exif_angles) {
    double deg;
    CHECK(exif_angle("     55:1      ,      41:1      ,     267:5      ", "N", &deg));
    CHECK_NEAR(deg, 55 + 41 / 60.0 + 53.4 / 3600, 1e-12);
    CHECK(exif_angle("117:1, 19:1, 0:0", "W", &deg));
    CHECK_NEAR(deg, -117 - 19 / 60.0, 1e-12);
    CHECK(exif_angle("180:1, 0:1, 0:1", "E", &deg) && deg == 180);
    static const char *const wrong[][2] = {{"91:1, 0:1, 0:1", "N"},
                                           {"180:1, 1:1, 0:1", "E"},
                                           {"10:1, 60:1, 0:1", "N"},
                                           {"10:1, 0:1", "N"},
                                           {"10:1, 0:1, 1:0", "N"},
                                           {"-10:1, 0:1, 0:1", "N"},
                                           {"10:1, 0:1, 0:1", "X"},
                                           {"10:1, 0:1, 0:1", ""},
                                           {"10:1, 0:1, 0:1, 0:1", "N"},
                                           {"x", "N"},
                                           {"", "N"},
                                           {"nan:1, 0:1, 0:1", "N"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (exif_angle(wrong[i][0], wrong[i][1], &deg)) CHECK_TEXT(wrong[i][0], "refused");
    CHECK(!exif_angle(NULL, "N", &deg) && !exif_angle("1:1, 1:1, 1:1", NULL, &deg));
}

static const char *time_of(const char *date, const char *clock, const char *original,
                           const char *fraction, const char *offset) {
    static char taken[48];
    exif_time(date, clock, original, fraction, offset, taken);
    return taken;
}

TEST(exif_times) {
    CHECK_TEXT(time_of("2019:11:18", "23:1, 45:1, 29:2", "2019:11:18 15:45:14", NULL, NULL),
               "2019-11-18T23:45:14.500000Z");
    CHECK_TEXT(time_of(NULL, NULL, "2019:11:18 15:45:14", "25", "-08:00"),
               "2019-11-18T15:45:14.25-08:00");
    CHECK_TEXT(time_of("2019:11:18", NULL, "2019:11:18 15:45:14", "x", "later"),
               "2019-11-18T15:45:14");
    CHECK_TEXT(time_of(NULL, NULL, "    :  :     :  :  ", NULL, NULL), "");
    CHECK_TEXT(time_of("2019:11:18", "24:1, 0:1, 0:1", NULL, NULL, NULL), "");
    CHECK_TEXT(time_of(NULL, NULL, NULL, NULL, NULL), "");
}

TEST(a_real_photo_is_as_exiftool_reads_it) {
    infer_source *source;
    infer_frame f;
    if (!test_have(PHOTO)) SKIP("no ../shared");
    REQUIRE(infer_source_open(ctx, PHOTO, NULL, &source) == INFER_OK);
    CHECK(infer_source_is_pictures(source) && !infer_source_created(source));
    REQUIRE(infer_source_next(source, &f) == INFER_OK);
    CHECK(f.located && !f.taken);
    CHECK_NEAR(f.lat_deg, 55.6981666666667, 1e-12);
    CHECK_NEAR(f.lon_deg, 13.1953888888889, 1e-12);
    infer_source_close(source);
}

int main(void) {
    if (infer_open(NULL, &ctx)) return 1;
    RUN(gps5_is_read);
    RUN(gps9_is_read);
    RUN(damaged_telemetry_is_refused);
    RUN(the_real_telemetry_is_as_exiftool_reads_it);
    RUN(a_video_without_telemetry_has_none);
    RUN(exif_angles);
    RUN(exif_times);
    RUN(a_real_photo_is_as_exiftool_reads_it);
    infer_close(ctx);
    return test_finish();
}
