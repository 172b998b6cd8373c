/* The rules of a frame stream. Each case is a stream in short notation and what a reader of it
 * sees: frames, error records and end records, then the status and the words of the failure.
 *
 *   A3   frame 3 of source A         A3!  an error record        A3?  with a broken vector
 *   .A4  A's end record, 4 frames    #    a line that is no record   N3 a vector with NaN
 *   -3   a frame without a source    B3@  made by another model      A3/ without a Point
 */
#include "libgallery/stream.h"
#include "test.h"

static gallery_context *ctx;
static const float vector[3] = {0.25f, -1, 2};

#define GOOD "AACAPgAAgL8AAABA"
#define WITH_NAN "AACAPgAAwH8AAABA"

static void write_record(FILE *out, const char *word) {
    size_t n = strlen(word);
    char mark = word[n - 1];
    if (*word == '#') {
        fputs("nonsense\n", out);
    } else if (*word == '.') {
        fprintf(out,
                "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"end\":true,"
                "\"source\":\"%c\",\"frames\":%d}}\n",
                word[1], atoi(word + 2));
    } else {
        fprintf(out, "{\"type\":\"Feature\",\"geometry\":%s,\"properties\":{",
                mark == '/' ? "null" : "{\"type\":\"Point\",\"coordinates\":[190,47]}");
        if (*word != '-') fprintf(out, "\"source\":\"%c\",", *word == 'N' ? 'A' : *word);
        if (mark == '!') fputs("\"error\":{\"type\":\"decode\",\"message\":\"m\"},", out);
        fprintf(out, "\"frame\":%d,\"by\":\"%s\",\"v\":\"%s\"}}\n", atoi(word + 1),
                mark == '@' ? "other" : "this",
                mark == '?'    ? "short"
                : *word == 'N' ? WITH_NAN
                               : GOOD);
    }
}

static char paths[2][64];

static void write_file(int i, const char *notation) {
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", notation);
    strcpy(paths[i], "/tmp/vt-stream.XXXXXX");
    int fd = mkstemp(paths[i]);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) abort();
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        write_record(out, word);
    if (fclose(out)) abort();
}

static void note_record(FILE *out, const gallery_stream *stream, const gallery_record *record) {
    const char *source = gallery_record_string(record, "source");
    long long frame = -1, frames;
    double lon, lat;
    gallery_record_integer(record, "frame", &frame);
    if (gallery_stream_began(stream)) fputc('(', out);
    switch (gallery_record_kind(record)) {
    case GALLERY_RECORD_FEATURE:
        gallery_stream_point(stream, &lon, &lat);
        CHECK(!memcmp(gallery_stream_vector(stream), vector, sizeof vector));
        CHECK(lon == -170 && lat == 47);
        fprintf(out, "%s%lld ", source, frame);
        break;
    case GALLERY_RECORD_ERROR: fprintf(out, "%s%lld! ", source, frame); break;
    case GALLERY_RECORD_END:
        CHECK(gallery_record_integer(record, "frames", &frames));
        fprintf(out, ".%s%lld) ", source, frames);
    }
}

/* What a reader of the files sees, "|" between two; the place is cut off the message. */
static const char *transcript(const char *first, const char *second, bool skip) {
    static char *text;
    size_t n;
    free(text);
    FILE *out = open_memstream(&text, &n);
    const char *const list[] = {paths[0], paths[1]};
    const gallery_stream_rules rules = {.ids = {{"by", "this", "this model's", "run it again"}},
                                        .vector = "v",
                                        .dim = 3,
                                        .point = true,
                                        .skip_errors = skip};
    gallery_stream *stream;
    gallery_record *record;
    int status;
    write_file(0, first);
    if (second) write_file(1, second);
    if (!out || gallery_stream_open(ctx, list, second ? 2 : 1, &rules, &stream)) abort();
    while (!(status = gallery_stream_next(stream, &record))) {
        note_record(out, stream, record);
        gallery_record_free(record);
    }
    fprintf(out, "%llu ", gallery_stream_errors(stream));
    const char *message = gallery_message(ctx);
    if (status == GALLERY_END)
        fputs("end", out);
    else
        fprintf(out, "%d%s", status, strncmp(message, "/tmp/vt-stream.", 15) ? "?" : message + 21);
    gallery_stream_close(stream);
    unlink(paths[0]);
    if (second) unlink(paths[1]);
    fclose(out);
    return text;
}

TEST(whole_streams_pass) {
    CHECK_TEXT(transcript("A0 A1 A2 .A3", NULL, false), "(A0 A1 A2 .A3) 0 end");
    CHECK_TEXT(transcript("A0 .A1 B0 B5 .B2", NULL, false), "(A0 .A1) (B0 B5 .B2) 0 end");
    CHECK_TEXT(transcript(".A0", NULL, false), "(.A0) 0 end");
    CHECK_TEXT(transcript("A0 .A1", "A0 .A1", false), "(A0 .A1) (A0 .A1) 0 end");
    CHECK_TEXT(transcript("A0! A1 A2! .A3", NULL, false), "(A0! A1 A2! .A3) 2 end");
}

TEST(cut_and_mixed_streams_fail) {
    for (int skip = 0; skip < 2; skip++) {
        CHECK_TEXT(transcript("A0 A1", NULL, skip),
                   "(A0 A1 0 20: ends within source 'A' (records so far: 2), without its end "
                   "record: the stream is truncated");
        CHECK_TEXT(transcript("A0", "A1 .A2", skip),
                   "(A0 0 20: ends within source 'A' (records so far: 1), without its end record: "
                   "the stream is truncated");
        CHECK_TEXT(transcript("A0 B0 .A1", NULL, skip),
                   "(A0 0 20:2: a record of source 'B' before the end record of 'A': the stream is "
                   "truncated, or two were mixed");
        CHECK_TEXT(transcript("A0 .B1", NULL, skip),
                   "(A0 0 20:2: a record of source 'B' before the end record of 'A': the stream is "
                   "truncated, or two were mixed");
        CHECK_TEXT(
            transcript("A0 A1 .A3", NULL, skip),
            "(A0 A1 0 20:3: source 'A': its end record counts 3, but 2 came: records are lost");
        CHECK_TEXT(transcript(".A1", NULL, skip),
                   "0 20:1: source 'A': its end record counts 1, but 0 came: records are lost");
        CHECK_TEXT(transcript("", NULL, skip),
                   "0 24: no records: what should have written them has failed");
        CHECK_TEXT(transcript("A0@ .A1", NULL, skip),
                   "0 23:1: `by` is other, but this model's is this; run it again");
    }
}

TEST(broken_records_fail) {
    CHECK_TEXT(transcript("A0 # .A1", NULL, false),
               "(A0 0 20:2: not a record: '[' or '{' expected near 'nonsense'");
    CHECK_TEXT(transcript("-0 .A1", NULL, false),
               "0 20:1: a record without `source`: not a stream of frames");
    CHECK_TEXT(transcript("A0? .A1", NULL, false),
               "0 20:1: `v`: 5 characters of base64, where 3 numbers take 16");
    CHECK_TEXT(transcript("N0 .A1", NULL, false), "0 25:1: `v`: number 1 is not finite");
    CHECK_TEXT(transcript("A0/ .A1", NULL, false),
               "0 20:1: a frame without a Point: vt-query adds it");
    CHECK_TEXT(transcript("A1 A1 .A2", NULL, false),
               "(A1 0 20:2: frame 1 after frame 1: out of order");
    CHECK_TEXT(transcript("A2! A1 .A2", NULL, false),
               "(A2! 1 20:2: frame 1 after frame 2: out of order");
}

TEST(skip_errors_keeps_count_and_order) {
    CHECK_TEXT(transcript("A0 # A1? A2/ N3 A4 A4 .A7", NULL, true),
               "(A0 A-1! A1! A2! A3! A4 A4! .A7) 5 end");
    CHECK_TEXT(transcript("# -1 A2 .A3 # .B1 C0 .C1", NULL, true),
               "(A-1! A1! A2 .A3) (B-1! .B1) (C0 .C1) 3 end");
    CHECK_TEXT(transcript("A0 .A1 #", NULL, true),
               "(A0 .A1) 1 20: ends without an end record: the stream is truncated");
}

/* Bytes that are no stream at all end after a bounded number of records. */
TEST(skip_errors_gives_up_on_what_is_no_stream) {
    char name[] = "/tmp/vt-stream.XXXXXX";
    const char *const list[] = {name};
    gallery_stream *stream;
    gallery_record *record;
    int fd = mkstemp(name);
    FILE *out = fdopen(fd, "w");
    REQUIRE(out);
    for (int i = 0; i < 1500; i++) fputs("x\n", out);
    fclose(out);
    const gallery_stream_rules rules = {.vector = "v", .dim = 3, .skip_errors = true};
    REQUIRE(!gallery_stream_open(ctx, list, 1, &rules, &stream));
    CHECK(gallery_stream_next(stream, &record) == GALLERY_EFORMAT);
    CHECK(strstr(gallery_message(ctx), ":1001: 1000 records that cannot be read"));
    gallery_stream_close(stream);
    unlink(name);
}

TEST(missing_files_are_named) {
    const char *const list[] = {"/nonexistent/a"};
    const gallery_stream_rules rules = {.vector = "v", .dim = 3};
    gallery_stream *stream;
    gallery_record *record;
    REQUIRE(!gallery_stream_open(ctx, list, 1, &rules, &stream));
    CHECK(gallery_stream_next(stream, &record) == GALLERY_EIO);
    CHECK_TEXT(gallery_message(ctx), "/nonexistent/a: No such file or directory");
    gallery_stream_close(stream);
}

int main(void) {
    if (gallery_context_open(1, &ctx)) return 1;
    RUN(whole_streams_pass);
    RUN(cut_and_mixed_streams_fail);
    RUN(broken_records_fail);
    RUN(skip_errors_keeps_count_and_order);
    RUN(skip_errors_gives_up_on_what_is_no_stream);
    RUN(missing_files_are_named);
    gallery_context_close(ctx);
    return test_finish();
}
