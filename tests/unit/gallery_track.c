/* Tracks: their files, what lies between fixes, and what does not; clocks as text. The oracles are
 * the calendar of the C library, geodesics by their lengths, and sentences written by hand. */
#include "libgallery/clock.h"
#include "libgallery/geodesy.h"
#include "libgallery/track.h"
#include "test.h"

#include <time.h>

static gallery_context *ctx;

/* ---------------------------------------------------------------------- clocks */

TEST(clocks_agree_with_the_calendar) {
    for (int64_t t = -62135596800; t < 253402300800;
         t += 86400 * 37 + 12345) { /* years 1 to 9999 */
        time_t moment = (time_t)t;
        struct tm tm;
        char text[64], out[GALLERY_CLOCK_TEXT];
        double unix_s;
        gmtime_r(&moment, &tm);
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.000Z", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        REQUIRE(gallery_clock_parse(text, &unix_s) && unix_s == (double)t);
        REQUIRE(!strcmp(gallery_clock_format(unix_s, out), text));
    }
}

TEST(clocks_in_other_spellings) {
    static const char *const same[] = {"2020-02-29T23:59:58.25Z", "2020-02-29 23:59:58.25",
                                       "2020-03-01T01:59:58.250+02:00",
                                       "2020-02-29T18:29:58,25-0530", "2020-03-01T04:59:58.25+05"};
    static const char *const wrong[] = {"",
                                        "2020",
                                        "2020-02-30",
                                        "2020-13-01",
                                        "2020-1-1",
                                        "2020-01-01T",
                                        "2020-01-01T24:00",
                                        "2020-01-01T10:60",
                                        "2020-01-01T10:00:61",
                                        "2020-01-01T10:00Q",
                                        "2020-01-01T10:00:00.",
                                        "0000-01-01",
                                        "2020-01-01T10:00+25",
                                        " 2020-01-01"};
    double unix_s;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        CHECK(gallery_clock_parse(same[i], &unix_s) && unix_s == 1583020798.25);
    CHECK(gallery_clock_parse("2016-12-31T23:59:60Z", &unix_s) && unix_s == 1483228800);
    CHECK(gallery_clock_parse("1970-01-02", &unix_s) && unix_s == 86400);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (gallery_clock_parse(wrong[i], &unix_s)) CHECK_TEXT(wrong[i], "refused");
}

/* ----------------------------------------------------------------- between fixes */

static gallery_track *track_of(const double (*fixes)[4], size_t n) { /* time, lon, lat, good */
    gallery_track *t;
    if (gallery_track_new(ctx, "test", GALLERY_CLOCK_VIDEO, &t)) abort();
    for (size_t i = 0; i < n; i++)
        if (gallery_track_add(t, fixes[i][0], fixes[i][1], fixes[i][2], fixes[i][3] > 0)) abort();
    if (!gallery_track_finish(t)) return t;
    gallery_track_close(t);
    return NULL;
}
#define TRACK(...) \
    track_of((const double[][4]){__VA_ARGS__}, sizeof((double[][4]){__VA_ARGS__}) / 32)

TEST(positions_lie_on_the_geodesic) {
    gallery_track *t = TRACK({100, 20, 60, 1}, {104, 20.002, 60.001, 1});
    double p[2], whole = gallery_distance_m(20, 60, 20.002, 60.001, NULL);
    REQUIRE(t);
    for (double time = 100; time <= 104; time += 0.125) {
        CHECK(gallery_track_at(t, time, 10, p) == GALLERY_TRACK_FOUND);
        double to = gallery_distance_m(20, 60, p[0], p[1], NULL);
        double from = gallery_distance_m(p[0], p[1], 20.002, 60.001, NULL);
        CHECK_NEAR(to, whole * (time - 100) / 4, 0.02); /* coordinates are on a grid of 1 cm */
        CHECK_NEAR(to + from, whole, 0.02);
    }
    gallery_track_close(t);
    t = TRACK({0, 179.9995, 0, 1}, {10, -179.9995, 0.001, 1}); /* the short way */
    REQUIRE(t);
    CHECK(gallery_track_at(t, 5, 10, p) == GALLERY_TRACK_FOUND);
    CHECK(fabs(p[0]) > 179.99999 && fabs(p[1] - 0.0005) < 1e-6);
    gallery_track_close(t);
}

TEST(what_lies_between_is_told) {
    double p[2];
    /* a gap of 20 s, a loss of the fix, a jump of 11 km and back */
    gallery_track *t =
        TRACK({0, 10, 50, 1}, {1, 10.0001, 50, 1}, {21, 10.001, 50, 1}, {22, 10.001, 50, 0},
              {23, 10.001, 50, 1}, {24, 10.001, 50.1, 1}, {25, 10.001, 50, 1}, {26, 10.001, 50, 1});
    REQUIRE(t);
    CHECK(gallery_track_count(t) == 7);
    CHECK(gallery_track_at(t, -0.11, 10, p) == GALLERY_TRACK_BEFORE);
    CHECK(gallery_track_at(t, -0.09, 10, p) == GALLERY_TRACK_FOUND && p[0] == 10);
    CHECK(gallery_track_at(t, 0.5, 10, p) == GALLERY_TRACK_FOUND);
    CHECK(gallery_track_at(t, 1, 10, p) == GALLERY_TRACK_FOUND && p[0] == 10.0001);
    CHECK(gallery_track_at(t, 5, 10, p) == GALLERY_TRACK_GAP);
    CHECK(gallery_track_at(t, 5, 20, p) == GALLERY_TRACK_FOUND);
    CHECK(gallery_track_at(t, 21, 10, p) == GALLERY_TRACK_FOUND); /* the fix itself is sound */
    CHECK(gallery_track_at(t, 21.1, 10, p) == GALLERY_TRACK_NO_FIX);
    CHECK(gallery_track_at(t, 22, 10, p) == GALLERY_TRACK_NO_FIX);
    CHECK(gallery_track_at(t, 23.5, 10, p) == GALLERY_TRACK_JUMP);
    CHECK(gallery_track_at(t, 24, 10, p) == GALLERY_TRACK_JUMP); /* the stray fix itself */
    CHECK(gallery_track_at(t, 24.5, 10, p) == GALLERY_TRACK_JUMP);
    CHECK(gallery_track_at(t, 25, 10, p) == GALLERY_TRACK_FOUND);
    CHECK(gallery_track_at(t, 26.1, 10, p) == GALLERY_TRACK_FOUND);
    CHECK(gallery_track_at(t, 26.11, 10, p) == GALLERY_TRACK_AFTER);
    gallery_track_close(t);
    t = TRACK({3, 1, 1, 1}, {1, 1.0001, 1, 1}, {2, 1.0002, 1, 1},
              {2, 7, 7, 1}); /* unsorted, twice */
    REQUIRE(t);
    CHECK(gallery_track_count(t) == 3);
    CHECK(gallery_track_at(t, 2, 10, p) == GALLERY_TRACK_FOUND && p[0] == 1.0002);
    gallery_track_close(t);
}

/* 1.1 km away for two fixes of seven; wandering is no jump; whoever stays away has moved. */
TEST(who_jumps_away_and_back_has_strayed) {
    double p[2];
    gallery_track *t = TRACK({0, 10, 50, 1}, {1, 10, 50, 1}, {2, 10, 50, 1}, {3, 10, 50.01, 1},
                             {4, 10, 50.01, 1}, {5, 10, 50, 1}, {6, 10, 50, 1}, {7, 10, 50, 1});
    REQUIRE(t);
    for (double time = 2.25; time < 5; time += 0.25)
        CHECK(gallery_track_at(t, time, 10, p) == GALLERY_TRACK_JUMP);
    CHECK(gallery_track_at(t, 2, 10, p) == GALLERY_TRACK_FOUND);
    CHECK(gallery_track_at(t, 5, 10, p) == GALLERY_TRACK_FOUND);
    gallery_track_close(t);
    t = TRACK({0, 10, 50, 1}, {1, 10, 50, 1}, {2, 10, 50.01, 1}, {3, 10, 50.01, 1},
              {4, 10, 50.01, 1}, {5, 10, 50, 1}, {6, 10, 50, 1});
    REQUIRE(t);
    CHECK(gallery_track_at(t, 2.5, 10, p) == GALLERY_TRACK_FOUND && p[1] == 50.01);
    CHECK(gallery_track_at(t, 5.5, 10, p) == GALLERY_TRACK_FOUND && p[1] == 50);
    gallery_track_close(t);
    t = TRACK({0, 10, 50, 1}, {1, 10, 50.01, 1}, {2, 10, 50.01, 1}, {3, 10, 50, 1}, {4, 10, 50, 1},
              {5, 10, 50, 1}); /* it was the start that strayed */
    REQUIRE(t);
    CHECK(gallery_track_at(t, 1.5, 10, p) == GALLERY_TRACK_FOUND && p[1] == 50.01);
    gallery_track_close(t);
    t = TRACK({0, 10, 50, 1}, {1, 10, 50, 1}, {2, 10, 50, 1}, {3, 10, 50.01, 1}, {4, 10, 50.01, 1},
              {5, 10, 50, 1}); /* or the end */
    REQUIRE(t);
    CHECK(gallery_track_at(t, 3.5, 10, p) == GALLERY_TRACK_FOUND && p[1] == 50.01);
    gallery_track_close(t);
    t = TRACK({0, 10, 50, 1}, {1, 10, 50, 1}, {2, 10, 50, 1}, {3, 10, 50.01, 1}, {4, 10, 50.01, 1},
              {5, 10, 50.02, 1}, {6, 10, 50.02, 1}, {7, 10, 50.02, 1});
    REQUIRE(t);
    CHECK(gallery_track_at(t, 3.5, 10, p) == GALLERY_TRACK_FOUND && p[1] == 50.01);
    gallery_track_close(t);
    t = TRACK({0, 10, 50, 1},
              {0.05, 10.0002, 50, 1}); /* 14 m: 290 m/s, but within what it wanders */
    REQUIRE(t);
    CHECK(gallery_track_at(t, 0.025, 10, p) == GALLERY_TRACK_FOUND);
    gallery_track_close(t);
}

TEST(no_place_is_no_fix) {
    double p[2];
    gallery_track *t = TRACK({0, 1, 1, 1}, {1, 0, 0, 1}, {2, 1, 1, 1});
    REQUIRE(t);
    CHECK(gallery_track_at(t, 1, 10, p) == GALLERY_TRACK_NO_FIX);
    gallery_track_close(t);
    CHECK(!TRACK({0, 0, 0, 1}, {1, 0, 0, 1}));
    CHECK_TEXT(gallery_message(ctx), "test: none of its 2 positions has a fix (0, 0 is none)");
    REQUIRE(!gallery_track_new(ctx, "test", GALLERY_CLOCK_UTC, &t));
    CHECK(gallery_track_add(t, 5, 47, 120, true) == GALLERY_EFORMAT);
    CHECK_TEXT(gallery_message(ctx), "test: longitude 47, latitude 120 at 5.000 s: not on the "
                                     "Earth; are the two swapped?");
    CHECK(gallery_track_add(t, NAN, 1, 1, true) == GALLERY_EFORMAT);
    CHECK(gallery_track_finish(t) == GALLERY_EEMPTY);
    gallery_track_close(t);
}

/* ----------------------------------------------------------------------- files */

static char path[32];

/* The track of a file of this text; NULL, and why in *message, without the file's name. */
static gallery_track *read_text(const char *text, const char **message) {
    gallery_track *t = NULL;
    strcpy(path, "/tmp/vt-track.XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd)) abort();
    int status = gallery_track_read(ctx, path, &t);
    *message = status ? gallery_message(ctx) : "";
    if (!strncmp(*message, path, strlen(path))) *message += strlen(path);
    unlink(path);
    return t;
}

/* "FIRST LAST COUNT LEFT_OUT LON LAT" of a track at a time, or why it cannot be read. */
static const char *facts(const char *text, double time_s) {
    static char out[256];
    const char *message;
    gallery_track *t = read_text(text, &message);
    double first_s, last_s, p[2] = {0, 0};
    if (!t) return message;
    gallery_track_span(t, &first_s, &last_s);
    int answer = (int)gallery_track_at(t, time_s, 10, p);
    snprintf(out, sizeof out, "%.3f %.3f %zu %llu ", first_s, last_s, gallery_track_count(t),
             gallery_track_left_out(t));
    size_t n = strlen(out);
    if (answer)
        snprintf(out + n, sizeof out - n, "no %d", answer);
    else
        snprintf(out + n, sizeof out - n, "%.7f %.7f", p[0], p[1]);
    gallery_track_close(t);
    return out;
}

#define POINT(lat, lon, time) \
    "<trkpt lat=\"" lat "\" lon=\"" lon "\"><ele>3</ele><time>" time "</time></trkpt>"
#define GPX(segments)                                                                          \
    "<?xml version=\"1.0\"?><gpx version=\"1.1\" xmlns=\"http://www.topografix.com/GPX/1/1\">" \
    "<trk>" segments "</trk></gpx>"

TEST(gpx_is_read) {
    CHECK_TEXT(facts(GPX("<trkseg>" POINT("50", "10", "2020-01-01T00:00:00Z")
                             POINT("50", "10.001", "2020-01-01T00:00:01.500Z") "</trkseg>"),
                     1577836800.75),
               "1577836800.000 1577836801.500 2 0 10.0005000 50.0000000");
    /* another zone; a point without a time */
    CHECK_TEXT(facts(GPX("<trkseg>" POINT(
                         "50", "10",
                         "2020-01-01T02:00:00+02:00") "<trkpt lat=\"50\" lon=\"10\"/></trkseg>"),
                     1577836800),
               "1577836800.000 1577836800.000 1 1 10.0000000 50.0000000");
    /* between two segments the recording paused */
    CHECK_TEXT(
        facts(GPX("<trkseg>" POINT("50", "10", "2020-01-01T00:00:00Z") "</trkseg><trkseg>" POINT(
                  "50", "10", "2020-01-01T00:00:04Z") "</trkseg>"),
              1577836802),
        "1577836800.000 1577836804.000 2 0 no 3");
    /* and between two tracks */
    CHECK_TEXT(
        facts(GPX("<trkseg>" POINT("50", "10",
                                   "2020-01-01T00:00:00Z") "</trkseg></trk><trk>"
                                                           "<trkseg>" POINT(
                                                               "50", "10",
                                                               "2020-01-01T00:00:04Z") "</trkseg>"),
              1577836802),
        "1577836800.000 1577836804.000 2 0 no 3");
    CHECK_TEXT(facts(GPX("<trkseg><trkpt lat=\"5\" lon=\"1\"/></trkseg>"), 0),
               ": no positions in it that are whole and have a time");
    CHECK_TEXT(facts(GPX(""), 0), ": no positions in it");
    CHECK(strstr(facts(GPX("<trkseg>" POINT("120", "10", "2020-01-01T00:00:00Z") "</trkseg>"), 0),
                 "latitude 120"));
    CHECK(*facts("<gpx><trk>", 0) == ':');
    CHECK(*facts("<html></html>", 0) == ':');
}

/* Sentences with their checksums, by hand: receivers' manuals give the first. */
#define RMC1 "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
#define RMC2 "$GPRMC,123520,A,4807.038,N,01131.060,E,022.4,084.4,230394,003.1,W*66\r\n"
#define VOID "$GPRMC,123521,V,,,,,,,230394,,*38\r\n"
#define GGA1 "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
#define GGA_BAD "$GPGGA,123520,4807.038,N,01131.060,E,1,08,9.9,545.4,M,46.9,M,,*42\r\n"

static const char *with_sum(const char *body) { /* a whole sentence of what lies between $ and * */
    static char out[2][160];
    static int next;
    char *text = out[next++ % 2];
    unsigned sum = 0;
    for (const char *c = body; *c; c++) sum ^= (unsigned char)*c;
    snprintf(text, sizeof out[0], "$%s*%02X\n", body, sum);
    return text;
}

TEST(nmea_is_read) {
    CHECK_TEXT(facts(RMC1 RMC2, 764426119.5),
               "764426119.000 764426120.000 2 0 11.5171667 48.1173000");
    CHECK_TEXT(facts("# my logger\n" RMC1 "$GPGSV,nonsense*00\n" RMC2, 764426119),
               "764426119.000 764426120.000 2 1 11.5166667 48.1173000");
    CHECK_TEXT(facts(RMC1 VOID, 764426119),
               "764426119.000 764426119.000 1 0 11.5166667 48.1173000");
    CHECK_TEXT(facts(RMC1 GGA_BAD RMC2, 764426119.5), /* DOP 9.9: no fix then */
               "764426119.000 764426120.000 2 0 no 4");
    CHECK_TEXT(facts("$GPRMC,123519,A,4807.039,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\n", 0),
               ": no positions in it that are whole and have a time"); /* wrong checksum */
    CHECK_TEXT(facts("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W\n", 0),
               ": no positions in it that are whole and have a time");                 /* none */
    CHECK_TEXT(facts(GGA1, 0), ": no positions in it that are whole and have a time"); /* no date */
    char text[512];
    snprintf(text, sizeof text, "%s%s", with_sum("GNZDA,235959.00,31,12,2019,00,00"),
             with_sum("GNGGA,235959.50,0030.0,S,17959.0,W,1,08,0.9,5,M,4,M,,"));
    CHECK_TEXT(facts(text, 1577836799.5),
               "1577836799.500 1577836799.500 1 0 -179.9833333 -0.5000000");
    snprintf(text, sizeof text, "%s%s", with_sum("GNZDA,235959.00,31,12,2019,00,00"),
             with_sum("GNGGA,000000.50,0030.0,S,17959.0,W,1,08,0.9,5,M,4,M,,"));
    CHECK_TEXT(facts(text, 1577836800.5), /* past midnight */
               "1577836800.500 1577836800.500 1 0 -179.9833333 -0.5000000");
    snprintf(text, sizeof text, "%s%s", with_sum("GNZDA,000000.00,01,01,2020,00,00"),
             with_sum("GNGGA,235959.50,0030.0,S,17959.0,W,1,08,0.9,5,M,4,M,,"));
    CHECK_TEXT(facts(text, 1577836799.5), /* still before it */
               "1577836799.500 1577836799.500 1 0 -179.9833333 -0.5000000");
    /* What a receiver writes before it has the time or the date is not damaged. */
    snprintf(text, sizeof text, "%s%s%s" RMC1, with_sum("GPRMC,,V,,,,,,,,,,N"),
             with_sum("GPGGA,,,,,,0,,,,M,,M,,"),
             with_sum("GPGGA,123518,4807.0,N,01131.0,E,1,08,0.9,5,M,4,M,,"));
    CHECK_TEXT(facts(text, 764426119), "764426119.000 764426119.000 1 0 11.5166667 48.1173000");
    /* A line that is too long is no line; a sentence does not begin in its middle. */
    static char overlong[2048];
    memset(overlong, '#', 1023);
    snprintf(overlong + 1023, sizeof overlong - 1023, "%s%s", RMC1, RMC2);
    CHECK_TEXT(facts(overlong, 764426120), "764426120.000 764426120.000 1 0 11.5176667 48.1173000");
}

TEST(tables_are_read) {
    CHECK_TEXT(facts("time,lat,lon\n2020-01-01T00:00:00Z,50,10\n1577836801,50,10.001\n"
                     "1577836802000,50,10.002\n",
                     1577836800.5),
               "1577836800.000 1577836802.000 3 0 10.0005000 50.0000000");
    CHECK_TEXT(facts("t;Latitude;Longitude\n0;50;10\n1;;\n2;50;10\n", 1), "0.000 2.000 2 0 no 4");
    CHECK_TEXT(facts("t,lat,lon\n0,120,10\n", 0),
               ":2: longitude 10, latitude 120: not on the Earth; are the two swapped?");
    CHECK_TEXT(facts("t,lat,lon\nnoon,12,10\n", 0),
               ":2: a time that is neither ISO 8601 nor a number");
    CHECK_TEXT(facts("when,lat,lon\n1,12,10\n", 0),
               ":1: no column is called time|timestamp|datetime|utc|t");
    CHECK_TEXT(facts("t,lat\n1,12\n", 0), ":1: no column is called lon|lng|longitude");
    CHECK_TEXT(facts("", 0), ": it is empty; a row that names the columns is expected");
}

int main(void) {
    if (gallery_context_open(1, &ctx)) return 1;
    RUN(clocks_agree_with_the_calendar);
    RUN(clocks_in_other_spellings);
    RUN(positions_lie_on_the_geodesic);
    RUN(what_lies_between_is_told);
    RUN(who_jumps_away_and_back_has_strayed);
    RUN(no_place_is_no_fix);
    RUN(gpx_is_read);
    RUN(nmea_is_read);
    RUN(tables_are_read);
    gallery_context_close(ctx);
    return test_finish();
}
