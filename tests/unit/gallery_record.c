/* Streams: what is read, what is refused and with which words, what is written. */
#include "libgallery/record.h"
#include "libgallery/base64.h"
#include "libgallery/json.h"
#include "test.h"

#include <fcntl.h>
#include <sys/wait.h>

static gallery_context *ctx;

/* -------------------------------------------------------------------- helpers */

static char path[64];

static const char *file_of(const void *bytes, size_t n) {
    strcpy(path, "/tmp/vt-record.XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd)) abort();
    return path;
}

static gallery_reader *reader_of(const char *text) {
    gallery_reader *reader;
    if (gallery_reader_open(ctx, file_of(text, strlen(text)), &reader)) abort();
    unlink(path);
    return reader;
}

static gallery_record *record_of(const char *text) {
    gallery_record *record;
    int status = gallery_record_parse(ctx, text, strlen(text), &record, NULL);
    if (status) printf("# %s\n", gallery_message(ctx));
    return record;
}

/* A record's line; valid until the next call. */
static const char *line_of(const gallery_record *record) {
    static char *text;
    size_t n;
    free(text);
    FILE *out = open_memstream(&text, &n);
    if (!out || gallery_record_write(ctx, record, out, true) || fclose(out)) abort();
    return text;
}

/* What the reader says about the first line of a text, without the file's random name. */
static const char *refusal(const char *text) {
    static char message[1024];
    gallery_record *record;
    gallery_reader *reader = reader_of(text);
    int status = gallery_reader_next(reader, &record);
    const char *colon = strchr(gallery_message(ctx), ':');
    snprintf(message, sizeof message, "%s", status == GALLERY_EFORMAT && colon ? colon + 1 : "");
    gallery_record_free(record);
    gallery_reader_close(reader);
    return message;
}

/* --------------------------------------------------------------------- numbers */

static const char *number(double value) {
    static char text[GALLERY_JSON_NUMBER_MAX + 1];
    text[gallery_json_number(value, text)] = 0;
    return text;
}

TEST(numbers_are_short_and_exact) {
    CHECK_TEXT(number(47.1234567), "47.1234567");
    CHECK_TEXT(number(-179.9999999), "-179.9999999");
    CHECK_TEXT(number(9.0), "9.0");
    CHECK_TEXT(number(0.0), "0.0");
    CHECK_TEXT(number(-0.0), "0.0");
    CHECK_TEXT(number(0.1), "0.1");
    CHECK_TEXT(number(1e-7), "0.0000001");
    CHECK_TEXT(number(-1e-7), "-0.0000001");
    CHECK_TEXT(number(1e300), "1e+300");
    CHECK_TEXT(number(123456789.0), "123456789.0");
    CHECK_TEXT(number(5e-324), "4.94065645841247e-324");
    CHECK_TEXT(number(1.0 / 3), "0.3333333333333333");
    unsigned long long state = 1;
    for (int i = 0; i < 200000; i++) { /* every double comes back, whatever its size */
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        unsigned long long bits = i % 2 ? state : (state >> 12) | 0x4010000000000000ULL;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 4 == 0) value = gallery_json_round(value - 5, 7);
        if (isfinite(value)) REQUIRE(strtod(number(value), NULL) == value);
    }
}

TEST(numbers_round_to_decimals) {
    CHECK(gallery_json_round(47.12345678, 7) == 47.1234568);
    CHECK(gallery_json_round(-0.00000001, 7) == 0 && !signbit(gallery_json_round(-1e-8, 7)));
    CHECK(gallery_json_round(1.0 / 3, 6) == 0.333333);
    CHECK(gallery_json_round(1e300, 7) == 1e300);
}

/* The quick way for coordinates writes what the general one does. */
TEST(degrees_are_numbers) {
    static const double values[] = {
        0,          -0.0,      1e-8, -1e-8, 1e-7,       -1e-7, 360,   -360, 180, -179.9999999999,
        0.99999995, 9.9999999, -10,  100,   47.1200000, 5e-8,  1.5e-7};
    char text[GALLERY_JSON_NUMBER_MAX + 1];
    unsigned long long state = 1;
    for (size_t i = 0; i < 300000; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        double value = i < sizeof values / sizeof *values
                           ? values[i]
                           : (double)(state >> 11) / 9007199254740992.0 * 720 - 360;
        if (i % 3 == 0) value = gallery_json_round(value, (int)(i % 8));
        text[gallery_json_degrees(value, text)] = 0;
        REQUIRE(!strcmp(text, number(gallery_json_round(value, 7))));
    }
}

/* ---------------------------------------------------------------------- base64 */

TEST(base64_matches_the_standard) {
    static const char *const texts[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const codes[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}; /* RFC 4648, 10 */
    for (size_t i = 0; i < 7; i++) {
        char out[16] = "", back[16] = "";
        gallery_base64_encode(texts[i], strlen(texts[i]), out);
        CHECK_TEXT(out, codes[i]);
        CHECK(gallery_base64_length(strlen(texts[i])) == strlen(codes[i]));
        CHECK(gallery_base64_decode(codes[i], strlen(codes[i]), back, strlen(texts[i])));
        CHECK_TEXT(back, texts[i]);
    }
}

TEST(base64_is_strict) {
    char out[16];
    CHECK(gallery_base64_decode("Zm9v", 4, out, 3));
    CHECK(!gallery_base64_decode("Zm9v", 4, out, 2));
    CHECK(!gallery_base64_decode("Zm9", 3, out, 2));
    CHECK(!gallery_base64_decode("Zm9=", 4, out, 2)); /* bits beyond the last byte */
    CHECK(!gallery_base64_decode("Zh==", 4, out, 1));
    CHECK(!gallery_base64_decode("Zg=A", 4, out, 1));
    CHECK(!gallery_base64_decode("Zm-v", 4, out, 3));
    CHECK(!gallery_base64_decode("Zm\n9", 4, out, 3));
    CHECK(!gallery_base64_decode("Z===", 4, out, 1));
    CHECK(!gallery_base64_decode("Zm9vZg==Zm9v", 12, out, 9));
}

/* --------------------------------------------------------------------- reading */

#define POINT                                                                      \
    "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[9.5," \
    "47.1234567]},\"properties\":{\"id\":\"a\"}}"

TEST(reader_accepts_the_ends_of_lines) {
    gallery_reader *reader =
        reader_of("\xef\xbb\xbf" POINT "\n\r\n\n\x1e" POINT "\r\n  " POINT " \n\n" POINT);
    static const unsigned long long lines[] = {1, 4, 5, 7};
    gallery_record *record;
    for (int i = 0; i < 4; i++) {
        double lon = 0, lat = 0;
        REQUIRE(gallery_reader_next(reader, &record) == GALLERY_OK);
        CHECK(gallery_record_point(record, &lon, &lat) && lon == 9.5 && lat == 47.1234567);
        CHECK(gallery_reader_line(reader) == lines[i]);
        gallery_record_free(record);
    }
    CHECK(gallery_reader_next(reader, &record) == GALLERY_END && !record);
    CHECK(gallery_reader_next(reader, &record) == GALLERY_END && !record);
    unsigned long long at, size;
    gallery_reader_position(reader, &at, &size);
    CHECK(at == size && size > 4 * strlen(POINT));
    gallery_reader_close(reader);
}

TEST(reader_goes_on_after_a_bad_line) {
    gallery_reader *reader = reader_of("nonsense\n" POINT "\n{\n" POINT "\n");
    gallery_record *record;
    static const int expected[] = {GALLERY_EFORMAT, GALLERY_OK, GALLERY_EFORMAT, GALLERY_OK,
                                   GALLERY_END};
    for (int i = 0; i < 5; i++) {
        CHECK(gallery_reader_next(reader, &record) == expected[i]);
        gallery_record_free(record);
    }
    gallery_reader_close(reader);
}

TEST(reader_names_what_is_wrong) {
    CHECK_TEXT(refusal("\n[1]\n"), "2: not a record: not a JSON object");
    CHECK_TEXT(refusal("{\"a\":1,\"a\":2}\n"),
               "1: not a record: duplicate object key near '\"a\"'");
    CHECK_TEXT(refusal("{\"a\":1e999}\n"), "1: not a record: real number overflow near '1e999'");
    CHECK(strstr(refusal("{\"a\":NaN}\n"), "1: not a record: invalid token near 'NaN'"));
    CHECK(strstr(refusal("{\"a\":99999999999999999999}\n"), "too big integer"));
    CHECK(strstr(refusal("{\"a\":\"\xff\"}\n"), "unable to decode byte 0xff"));
    CHECK(strstr(refusal("{\"a\":\"\x1b[31m\"}\n"), "control character 0x1b"));
    CHECK(!strchr(refusal("{\"a\":\"\x1b[31m\"}\n"), '\x1b'));
    CHECK_TEXT(refusal("{}\n"), "1: a JSON object without a `type`, not a GeoJSON Feature");
    CHECK_TEXT(refusal("{\"type\":\"Point\"}\n"),
               "1: not a GeoJSON Feature: its `type` is another");
    CHECK_TEXT(refusal("{\"type\":\"Feature\",\"geometry\":5}\n"),
               "1: `geometry` is neither an object nor null");
    CHECK_TEXT(refusal("{\"type\":\"Feature\",\"properties\":[]}\n"),
               "1: `properties` is neither an object nor null");
    CHECK_TEXT(refusal("{\"type\":\"FeatureCollection\",\"features\":[]}\n"),
               "1: a FeatureCollection; a stream has one Feature on each line; to convert: ogr2ogr "
               "-f GeoJSONSeq /vsistdout/ FILE");
    CHECK_TEXT(
        refusal("{\n\"type\": \"FeatureCollection\"\n"),
        "1: not a record: string or '}' expected near end of file; a record must be whole on one "
        "line; to convert: ogr2ogr -f GeoJSONSeq /vsistdout/ FILE");
    CHECK(strstr(refusal("{\"type\":\"Fea"), "; the stream is cut off here"));
}

TEST(reader_refuses_a_nul) {
    static const char bytes[] = "{\"type\":\"Feature\",\0\"a\":1}\n";
    gallery_reader *reader;
    gallery_record *record;
    REQUIRE(!gallery_reader_open(ctx, file_of(bytes, sizeof bytes - 1), &reader));
    CHECK(gallery_reader_next(reader, &record) == GALLERY_EFORMAT);
    CHECK(strstr(gallery_message(ctx), ":1: not a record: a NUL byte"));
    gallery_reader_close(reader);
    unlink(path);
}

static char *repeat(const char *piece, size_t times, const char *after) {
    size_t n = strlen(piece);
    char *text = malloc(n * times + strlen(after) + 1);
    if (!text) abort();
    for (size_t i = 0; i < times; i++) memcpy(text + n * i, piece, n);
    strcpy(text + n * times, after);
    return text;
}

TEST(reader_bounds_lines_depth_and_containers) {
    char *text = repeat("x", GALLERY_RECORD_MAX_BYTES + 1, "\n" POINT "\n");
    gallery_reader *reader = reader_of(text);
    gallery_record *record;
    CHECK(gallery_reader_next(reader, &record) == GALLERY_EFORMAT);
    CHECK(strstr(gallery_message(ctx), ":1: a line of more than 4 MiB"));
    CHECK(gallery_reader_next(reader, &record) == GALLERY_OK);
    gallery_record_free(record);
    gallery_reader_close(reader);
    free(text);
    text = repeat("[", 65, "\n");
    CHECK_TEXT(refusal(text), "1: not a record: nested too deeply");
    free(text);
    text = repeat("[],", 100001, "\n");
    CHECK_TEXT(refusal(text), "1: not a record: too many objects and lists");
    free(text);
    text = repeat("[\\\"{", 200000, "\n"); /* brackets in a string are text */
    char *line = malloc(strlen(text) + 100);
    REQUIRE(line);
    text[strlen(text) - 1] = 0;
    sprintf(line, "{\"type\":\"Feature\",\"properties\":{\"a\":\"%s\"}}\n", text);
    CHECK_TEXT(refusal(line), "");
    free(line);
    free(text);
}

TEST(reader_reports_what_cannot_be_opened) {
    gallery_reader *reader;
    CHECK(gallery_reader_open(ctx, "/nonexistent/x", &reader) == GALLERY_EIO && !reader);
    CHECK_TEXT(gallery_message(ctx), "/nonexistent/x: No such file or directory");
    CHECK(gallery_reader_open(ctx, "/tmp", &reader) == GALLERY_EIO && !reader);
    CHECK_TEXT(gallery_message(ctx), "/tmp: a folder, not a stream of records");
}

TEST(reader_joins_what_a_pipe_brings_in_pieces) {
    int ends[2];
    REQUIRE(!pipe(ends));
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (!child) {
        for (const char *at = POINT "\n" POINT; *at; at++)
            if (write(ends[1], at, 1) != 1) _exit(1);
        _exit(0);
    }
    close(ends[1]);
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    gallery_reader *reader;
    gallery_record *record;
    REQUIRE(!gallery_reader_open(ctx, name, &reader));
    for (int i = 0; i < 2; i++) {
        CHECK(gallery_reader_next(reader, &record) == GALLERY_OK);
        gallery_record_free(record);
    }
    CHECK(gallery_reader_next(reader, &record) == GALLERY_END);
    gallery_reader_close(reader);
    close(ends[0]);
    waitpid(child, NULL, 0);
}

/* --------------------------------------------------------------------- records */

TEST(record_keeps_what_it_does_not_know) {
    gallery_record *record = record_of(
        "{\"id\":7,\"bbox\":[1,2,3,4],\"properties\":{\"name\":\"K\xc3\xb6nig \\\"\\u0001\","
        "\"x\":0.1,\"big\":9007199254740993,\"list\":[1,{\"a\":null},true],\"t\":1.0},"
        "\"geometry\":null,\"type\":\"Feature\",\"more\":{\"k\\n\":1}}");
    REQUIRE(record);
    CHECK_TEXT(line_of(record),
               "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"name\":\"K\xc3\xb6nig "
               "\\\"\\u0001\",\"x\":0.1,\"big\":9007199254740993,\"list\":[1,{\"a\":null},true],"
               "\"t\":1.0},\"id\":7,\"bbox\":[1,2,3,4],\"more\":{\"k\\n\":1}}\n");
    CHECK(gallery_record_set_point(record, 1, 2)); /* the box would be wrong now */
    CHECK(!strstr(line_of(record), "bbox"));
    gallery_record_free(record);
}

TEST(record_answers_by_type) {
    gallery_record *record = record_of(
        "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[1]},"
        "\"properties\":{\"s\":\"x\",\"n\":2.5,\"i\":3,\"r\":4.0,\"p\":[5,6.5],\"q\":[5,\"6\"]}}");
    REQUIRE(record);
    double a = 0, b = 0;
    long long i = 0;
    CHECK(!gallery_record_point(record, &a, &b));
    CHECK(gallery_record_has(record, "s") && !gallery_record_has(record, "z"));
    CHECK_TEXT(gallery_record_string(record, "s"), "x");
    CHECK(!gallery_record_string(record, "n"));
    CHECK(gallery_record_number(record, "n", &a) && a == 2.5);
    CHECK(gallery_record_number(record, "i", &a) && a == 3);
    CHECK(!gallery_record_number(record, "s", &a));
    CHECK(gallery_record_integer(record, "i", &i) && i == 3);
    CHECK(gallery_record_integer(record, "r", &i) && i == 4);
    CHECK(!gallery_record_integer(record, "n", &i));
    CHECK(gallery_record_pair(record, "p", &a, &b) && a == 5 && b == 6.5);
    CHECK(!gallery_record_pair(record, "q", &a, &b));
    CHECK(!gallery_record_pair(record, "s", &a, &b));
    gallery_record_free(record);
}

TEST(record_kinds) {
    static const struct {
        const char *properties;
        enum gallery_record_kind kind;
    } cases[] = {{"{}", GALLERY_RECORD_FEATURE},
                 {"null", GALLERY_RECORD_FEATURE},
                 {"{\"error\":5}", GALLERY_RECORD_FEATURE}, /* somebody's attribute, in metres */
                 {"{\"end\":\"A\"}", GALLERY_RECORD_FEATURE},
                 {"{\"error\":{}}", GALLERY_RECORD_ERROR},
                 {"{\"end\":true}", GALLERY_RECORD_END}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"type\":\"Feature\",\"properties\":%s}",
                 cases[i].properties);
        gallery_record *record = record_of(text);
        REQUIRE(record);
        CHECK(gallery_record_kind(record) == cases[i].kind);
        CHECK(gallery_record_bytes(record) == strlen(text));
        gallery_record_free(record);
    }
}

TEST(record_setters_round) {
    gallery_record *record = gallery_record_new();
    REQUIRE(record);
    static const gallery_hit hits[] = {{1, 9.5, 47.1, 0.5f, 0}, {2, -0.00000001, 1, 0.25f, 0}};
    CHECK(gallery_record_set_point(record, 9.52000004, -0.00000001));
    CHECK(gallery_record_set_string(record, "source", "caf\xe9"));
    CHECK(gallery_record_set_integer(record, "frame", 3));
    CHECK(gallery_record_set_number(record, "t", 1.0000004, 6));
    CHECK(gallery_record_set_null(record, "u"));
    CHECK(gallery_record_set_pair(record, "truth", 1.5, 2.5));
    CHECK(gallery_record_set_candidates(record, hits, 2));
    CHECK(!gallery_record_set_number(record, "v", NAN, 6));
    CHECK(!gallery_record_set_point(record, INFINITY, 0));
    CHECK(!gallery_record_set_pair(record, "w", 0, NAN));
    CHECK_TEXT(line_of(record),
               "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[9.52,0.0]}"
               ",\"properties\":{\"source\":\"caf?\",\"frame\":3,\"t\":1.0,\"u\":null,\"truth\":"
               "[1.5,2.5],\"candidates\":[[9.5,47.1,0.5],[0.0,1.0,0.25]]}}\n");
    CHECK(gallery_record_set_error(record, "decode", "bad"));
    CHECK(gallery_record_kind(record) == GALLERY_RECORD_ERROR);
    CHECK_TEXT(line_of(record),
               "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"source\":\"caf?\","
               "\"frame\":3,\"t\":1.0,\"u\":null,\"truth\":[1.5,2.5],\"error\":{\"type\":\"decode\""
               ",\"message\":\"bad\"}}}\n");
    gallery_record_free(record);
    record = gallery_record_new_end("a.mp4", 12);
    REQUIRE(record);
    CHECK_TEXT(line_of(record), "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"end\":"
                                "true,\"source\":\"a.mp4\",\"frames\":12}}\n");
    gallery_record_free(record);
}

TEST(record_vectors_travel_exactly) {
    static const float v[5] = {1.0f, -0.0f, 3.4028234e38f, 1.4e-45f, 0.1f};
    float back[6];
    gallery_record *record = gallery_record_new();
    REQUIRE(record && gallery_record_set_vector(record, "v", v, 5));
    CHECK_TEXT(gallery_record_string(record, "v"), "AACAPwAAAID//39/AQAAAM3MzD0=");
    CHECK(!gallery_record_vector(ctx, record, "v", 5, back) && !memcmp(v, back, sizeof v));
    CHECK(gallery_record_vector(ctx, record, "v", 6, back) == GALLERY_EFORMAT);
    CHECK_TEXT(gallery_message(ctx), "`v`: 28 characters of base64, where 6 numbers take 32");
    CHECK(gallery_record_vector(ctx, record, "w", 6, back) == GALLERY_EFORMAT);
    CHECK_TEXT(gallery_message(ctx), "`w`: no vector in the record");
    static const float bad[2] = {0, NAN};
    CHECK(gallery_record_set_vector(record, "v", bad, 2));
    CHECK(gallery_record_vector(ctx, record, "v", 2, back) == GALLERY_EVALUE);
    CHECK_TEXT(gallery_message(ctx), "`v`: number 1 is not finite");
    CHECK(gallery_record_set_string(record, "v", "AAA*AAAAAAA="));
    CHECK(gallery_record_vector(ctx, record, "v", 2, back) == GALLERY_EFORMAT);
    CHECK_TEXT(gallery_message(ctx), "`v`: not base64 of 2 numbers");
    gallery_record_free(record);
}

TEST(record_properties_but_some) {
    static const char *const but[] = {"id", "z", NULL};
    gallery_record *record = record_of(
        "{\"type\":\"Feature\",\"properties\":{\"a\":1,\"id\":\"x\",\"b\":[1.5,\"\xc3\xa9\"]}}");
    REQUIRE(record);
    char *text;
    CHECK(gallery_record_properties(record, but, &text));
    CHECK_TEXT(text, "{\"a\":1,\"b\":[1.5,\"\xc3\xa9\"]}");
    free(text);
    gallery_record_remove(record, "a");
    gallery_record_remove(record, "b");
    CHECK(gallery_record_properties(record, but, &text) && !text);
    CHECK(gallery_record_properties(record, NULL, &text));
    CHECK_TEXT(text, "{\"id\":\"x\"}");
    free(text);
    gallery_record_free(record);
}

/* --------------------------------------------------------------------- writing */

TEST(point_writes_as_a_record_would) {
    static const struct {
        gallery_point point;
        const char *line;
    } cases[] = {
        {{.id = 0x0123456789abcdefULL,
          .lon_deg = 9.5,
          .lat_deg = -47.1234567,
          .properties = "{\"kind\":\"road\",\"heading\":12.5}"},
         "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[9.5,-47.1234567]}"
         ","
         "\"properties\":{\"id\":\"0123456789abcdef\",\"kind\":\"road\",\"heading\":12.5}}\n"},
        {{.lon_deg = -180},
         "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[-180.0,0.0]},"
         "\"properties\":{\"id\":\"0000000000000000\"}}\n"},
        {{.id = ~0ULL, .lon_deg = 0.0000001, .lat_deg = -0.0000001, .properties = "{}"},
         "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[0.0000001,"
         "-0.0000001]},\"properties\":{\"id\":\"ffffffffffffffff\"}}\n"}};
    for (size_t i = 0; i < 3; i++) {
        char *text;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        REQUIRE(out && !gallery_point_write(ctx, &cases[i].point, out, false) && !fclose(out));
        CHECK_TEXT(text, cases[i].line);
        gallery_record *record = record_of(text);
        REQUIRE(record);
        CHECK_TEXT(line_of(record), cases[i].line);
        gallery_record_free(record);
        free(text);
    }
}

TEST(writing_reports_a_full_disk) {
    FILE *out = fopen("/dev/full", "w");
    REQUIRE(out);
    gallery_record *record = gallery_record_new();
    gallery_point point = {0};
    CHECK(gallery_record_write(ctx, record, out, true) == GALLERY_EFULL);
    CHECK_TEXT(gallery_message(ctx),
               "cannot write: No space left on device; make room and run the same "
               "again");
    CHECK(gallery_point_write(ctx, &point, out, true) == GALLERY_EFULL);
    gallery_record_free(record);
    fclose(out);
}

int main(void) {
    if (gallery_context_open(1, &ctx)) return 1;
    RUN(numbers_are_short_and_exact);
    RUN(numbers_round_to_decimals);
    RUN(degrees_are_numbers);
    RUN(base64_matches_the_standard);
    RUN(base64_is_strict);
    RUN(reader_accepts_the_ends_of_lines);
    RUN(reader_goes_on_after_a_bad_line);
    RUN(reader_names_what_is_wrong);
    RUN(reader_refuses_a_nul);
    RUN(reader_bounds_lines_depth_and_containers);
    RUN(reader_reports_what_cannot_be_opened);
    RUN(reader_joins_what_a_pipe_brings_in_pieces);
    RUN(record_keeps_what_it_does_not_know);
    RUN(record_answers_by_type);
    RUN(record_kinds);
    RUN(record_setters_round);
    RUN(record_vectors_travel_exactly);
    RUN(record_properties_but_some);
    RUN(point_writes_as_a_record_would);
    RUN(writing_reports_a_full_disk);
    gallery_context_close(ctx);
    return test_finish();
}
