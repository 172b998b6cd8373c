/* The fast way of reading points gives what the record's parser gives, whatever the input. */
#include "test.h"

#include "libgallery/geodesy.h"
#include "libgallery/point_reader.h"

#include <dirent.h>
#include <unistd.h>

static gallery_context *ctx;
static char path[64];
static size_t all_lines;

static uint64_t mix(uint64_t x) { /* splitmix64 */
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static bool same(const gallery_point_input *a, const gallery_point_input *b) {
    const gallery_point *p = &a->point, *q = &b->point;
    bool ok = p->id == q->id && !memcmp(&p->lon_deg, &q->lon_deg, 2 * sizeof p->lon_deg) &&
              !p->properties == !q->properties && a->names_n == b->names_n;
    if (ok && p->properties) ok = !strcmp(p->properties, q->properties);
    for (size_t i = 0; ok && i < a->names_n; i++) ok = !strcmp(a->names[i], b->names[i]);
    return ok;
}

/* Reads the file both ways, step by step. How many lines differ. */
static size_t differences(void) {
    gallery_context *other;
    gallery_reader *fast, *strict;
    gallery_point_input a = {0}, b = {0};
    size_t wrong = 0;
    if (gallery_context_open(1, &other) != GALLERY_OK ||
        gallery_reader_open(ctx, path, &fast) != GALLERY_OK ||
        gallery_reader_open(other, path, &strict) != GALLERY_OK)
        abort();
    for (;;) {
        int x = gallery_point_next(ctx, fast, false, &a);
        int y = gallery_point_next(other, strict, true, &b);
        if (x == GALLERY_END || y == GALLERY_END) {
            wrong += x != y;
            break;
        }
        all_lines++;
        bool ok =
            x == y && (x == GALLERY_OK ? same(&a, &b)
                                       : !strcmp(gallery_message(ctx), gallery_message(other)));
        if (!ok && !wrong++)
            printf("# line %llu: %d %d %s | %s\n", gallery_reader_line(fast), x, y,
                   x                    ? gallery_message(ctx)
                   : a.point.properties ? a.point.properties
                                        : "-",
                   y                    ? gallery_message(other)
                   : b.point.properties ? b.point.properties
                                        : "-");
    }
    gallery_point_input_close(&a);
    gallery_point_input_close(&b);
    gallery_reader_close(fast);
    gallery_reader_close(strict);
    gallery_context_close(other);
    return wrong;
}

static FILE *begin(void) {
    strcpy(path, "/tmp/vt-points.XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f || gallery_context_open(1, &ctx) != GALLERY_OK) abort();
    return f;
}
static void end(void) {
    gallery_context_close(ctx);
    unlink(path);
}

static const char *const values[] = {"1",
                                     "-1",
                                     "0",
                                     "-0",
                                     "-0.0",
                                     "0.0",
                                     "1.5",
                                     "1.50",
                                     "01",
                                     "0.1234567",
                                     "0.12345678",
                                     "12345678.1234567",
                                     "123456789.5",
                                     "1e5",
                                     "999999999999999999",
                                     "9999999999999999999",
                                     "1.",
                                     ".5",
                                     "-",
                                     "true",
                                     "false",
                                     "null",
                                     "nul",
                                     "\"\"",
                                     "\"road\"",
                                     "\"a\\nb\"",
                                     "\"\\u00e4\"",
                                     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8d\"",
                                     "\"\xc3\"",
                                     "\"\xed\xa0\x80\"",
                                     "\"\xc0\xaf\"",
                                     "\"\xf4\x90\x80\x80\"",
                                     "\"\x7f\"",
                                     "\"\x01\"",
                                     "\"a/b\"",
                                     "[1,2]",
                                     "{\"a\":1}",
                                     "[]",
                                     "[\"a\",\"b\"]",
                                     "[\"\"]",
                                     "\"x"};
static const char *const keys[] = {"n",     "name",     "id",     "tag", "tags",
                                   "error", "end",      "\\n",    "n",   "heading",
                                   "",      "\xc3\xb6", "osm_id", "k\"", "geometry"};
#define COUNT(list) (sizeof(list) / sizeof *(list))

static size_t write_line(char *line, uint64_t seed, bool plain) {
    uint64_t r = mix(seed);
    size_t n = 0;
    double lon = (double)(r % 3600000000u) / 1e7 - 180,
           lat = (double)(mix(r) % 1800000000u) / 1e7 - 90;
    n += (size_t)sprintf(
        line + n, "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[");
    int decimals = plain ? 7 : (int)(r >> 40) % 10;
    n += (size_t)sprintf(line + n, "%.*f,%.*f]},\"properties\":{\"id\":\"%016llx\"", decimals, lon,
                         decimals, lat, (unsigned long long)r);
    for (uint64_t i = 0; i < (r >> 8) % 5; i++) {
        uint64_t s = mix(r + i + 1);
        n += (size_t)sprintf(line + n, ",\"%s\":%s",
                             plain ? (char[]){(char)('a' + i), 0} : keys[s % COUNT(keys)],
                             plain ? values[s % 3] : values[(s >> 8) % COUNT(values)]);
    }
    n += (size_t)sprintf(line + n, "}}");
    return n;
}

TEST(lines_of_all_kinds) {
    FILE *f = begin();
    char line[4096];
    for (uint64_t i = 0; i < 60000; i++) {
        size_t n = write_line(line, i, i % 2);
        fwrite(line, 1, n, f);
        fputs(i % 97 ? "\n" : "\r\n", f);
    }
    fclose(f);
    CHECK(differences() == 0);
    end();
}

/* Bytes changed, removed, doubled and added anywhere in a line. */
TEST(lines_with_changes) {
    FILE *f = begin();
    static const char bytes[] = "\"{}[],:.-0189eE+ \\\x7f\xc3\xa4\x01tn";
    char line[4096];
    for (uint64_t i = 0; i < 120000; i++) {
        size_t n = write_line(line, i / 8, i % 2);
        uint64_t r = mix(i ^ 0xabcdef);
        for (uint64_t edits = 0; edits <= r % 3; edits++) {
            r = mix(r);
            size_t at = r % n;
            char byte = bytes[(r >> 32) % (sizeof bytes - 1)];
            if ((r >> 20) % 3 == 0)
                line[at] = byte;
            else if ((r >> 20) % 3 == 1)
                memmove(line + at, line + at + 1, --n - at);
            else {
                memmove(line + at + 1, line + at, n++ - at);
                line[at] = byte;
            }
        }
        fwrite(line, 1, n, f);
        fputc('\n', f);
    }
    fclose(f);
    CHECK(differences() == 0);
    end();
}

TEST(seeds_of_the_fuzzer) {
    DIR *folder = opendir("tests/fuzz/seeds/fuzz_record");
    if (!folder) SKIP("no seeds");
    FILE *f = begin();
    for (struct dirent *e; (e = readdir(folder));) {
        char name[512];
        snprintf(name, sizeof name, "tests/fuzz/seeds/fuzz_record/%s", e->d_name);
        FILE *in = *e->d_name == '.' ? NULL : fopen(name, "rb");
        for (int c; in && (c = getc(in)) != EOF;) putc(c, f);
        if (in) {
            putc('\n', f);
            fclose(in);
        }
    }
    closedir(folder);
    fclose(f);
    CHECK(differences() == 0);
    end();
}

/* What the writer writes comes back, and what it means. */
TEST(what_is_read) {
    FILE *f = begin();
    gallery_point p = {.lon_deg = 9.5209277, .lat_deg = -47.1}, q = p;
    q.properties = "{\"heading\":12.5,\"tag\":\"stra\xc3\x9f"
                   "en\",\"n\":-3}";
    q.lon_deg = 180;
    CHECK(gallery_point_write(ctx, &p, f, false) == GALLERY_OK);
    CHECK(gallery_point_write(ctx, &q, f, false) == GALLERY_OK);
    fputs("{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]},"
          "\"properties\":{\"tags\":[\"b\",\"\"]}}\n\n"
          "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{}}\n"
          "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,91]},"
          "\"properties\":{}}\n",
          f);
    fclose(f);
    gallery_reader *reader;
    gallery_point_input in = {0};
    REQUIRE(gallery_reader_open(ctx, path, &reader) == GALLERY_OK);
    REQUIRE(gallery_point_next(ctx, reader, false, &in) == GALLERY_OK);
    CHECK(in.point.lon_deg == 9.5209277 && in.point.lat_deg == -47.1 && !in.point.properties);
    CHECK(in.point.id == gallery_point_id(9.5209277, -47.1) && in.names_n == 0);
    REQUIRE(gallery_point_next(ctx, reader, false, &in) == GALLERY_OK);
    CHECK(in.point.lon_deg == -180);
    CHECK_TEXT(in.point.properties, "{\"heading\":12.5,\"n\":-3}");
    CHECK(in.names_n == 1 && !strcmp(in.names[0], "stra\xc3\x9f"
                                                  "en"));
    REQUIRE(gallery_point_next(ctx, reader, false, &in) == GALLERY_OK);
    CHECK(in.names_n == 2 && !strcmp(in.names[0], "b") && !*in.names[1] && !in.point.properties);
    CHECK(gallery_point_next(ctx, reader, false, &in) == GALLERY_EFORMAT);
    CHECK(strstr(gallery_message(ctx), ":5: its geometry is no Point"));
    CHECK(gallery_point_next(ctx, reader, false, &in) == GALLERY_EFORMAT);
    CHECK(gallery_point_next(ctx, reader, false, &in) == GALLERY_END);
    gallery_point_input_close(&in);
    gallery_reader_close(reader);
    end();
}

int main(void) {
    RUN(lines_of_all_kinds);
    RUN(lines_with_changes);
    RUN(seeds_of_the_fuzzer);
    RUN(what_is_read);
    printf("# %zu lines compared\n", all_lines);
    return test_finish();
}
