/* Sources of frames: times, sampling, colours, orientation, damage. The ffmpeg command makes the
 * clips; ffprobe, arithmetic and EXIF's definitions are the oracles. */
#include "libinfer/context.h"
#include "libinfer/media.h"
#include "libinfer/pictures.h"
#include "test.h"

#include <stdarg.h>
#include <sys/stat.h>

#define MAX_FRAMES 1000
#define HERO "../shared/data/video/hero_gps5.mp4"
#define PHOTOS "../shared/data/photos/lund"

static infer *ctx;
static char folder[] = "/tmp/infer_media.XXXXXX";

/* What came of a source: of every frame its time, status, size, first pixel and a hash. */
struct seen {
    int status; /* of the open, or the last infer_source_next */
    int n;
    double t_s[MAX_FRAMES];
    int code[MAX_FRAMES], width[MAX_FRAMES], height[MAX_FRAMES];
    uint64_t hash[MAX_FRAMES];
    uint8_t first[MAX_FRAMES][3];
    char corners[5]; /* of the last picture: r, g, b, w or ? */
    char message[1024];
    char last_error[1024];
};
static struct seen seen, other;

static bool shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool shell(const char *format, ...) {
    char command[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    int status = system(command);
    if (status) printf("# failed: %s\n", command);
    return !status;
}
/* ffmpeg without a word, in the scratch folder. */
#define FFMPEG "cd %s && ffmpeg -y -nostdin -v error "

static const char *in(const char *name) {
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static char colour_at(const infer_picture *p, int x, int y) {
    const uint8_t *c = p->rgb + ((size_t)y * (size_t)p->width + (size_t)x) * 3;
    bool r = c[0] > 128, g = c[1] > 128, b = c[2] > 128;
    return r && g && b     ? 'w'
           : r && !g && !b ? 'r'
           : g && !r && !b ? 'g'
           : b && !r && !g ? 'b'
                           : '?';
}

static void note_picture(struct seen *s, const infer_picture *p) {
    int right = p->width - 3, bottom = p->height - 3;
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height * 3; i++)
        hash = (hash ^ p->rgb[i]) * 1099511628211U;
    s->hash[s->n] = hash;
    s->width[s->n] = p->width;
    s->height[s->n] = p->height;
    memcpy(s->first[s->n], p->rgb, 3);
    if (p->width < 8 || p->height < 8) return;
    s->corners[0] = colour_at(p, 2, 2);
    s->corners[1] = colour_at(p, right, 2);
    s->corners[2] = colour_at(p, 2, bottom);
    s->corners[3] = colour_at(p, right, bottom);
}

static void drain(struct seen *s, infer_source *source) {
    infer_frame f;
    while (s->n < MAX_FRAMES && (s->status = infer_source_next(source, &f)) == INFER_OK) {
        CHECK(f.index == s->n);
        s->t_s[s->n] = f.t_s;
        s->code[s->n] = f.status;
        if (f.status == INFER_OK)
            note_picture(s, &f.picture);
        else
            snprintf(s->last_error, sizeof s->last_error, "%s", f.message);
        s->n++;
    }
    infer_source_close(source);
}

static void look_into(struct seen *s, const char *path, const infer_sampling *sampling) {
    infer_source *source;
    memset(s, 0, sizeof *s);
    s->status = infer_source_open(ctx, path, sampling, &source);
    if (s->status == INFER_OK) drain(s, source);
    snprintf(s->message, sizeof s->message, "%s", infer_message(ctx));
}

static void look(const char *path, const infer_sampling *sampling) {
    look_into(&seen, path, sampling);
}

static const infer_sampling every_frame = {.mode = INFER_EVERY_FRAMES, .n = 1};

static int errors(const struct seen *s) {
    int n = 0;
    for (int i = 0; i < s->n; i++) n += s->code[i] != INFER_OK;
    return n;
}

static bool same(const struct seen *a, const struct seen *b) {
    return a->n == b->n && a->status == b->status && !memcmp(a->hash, b->hash, sizeof a->hash) &&
           !memcmp(a->code, b->code, sizeof a->code) && !memcmp(a->t_s, b->t_s, sizeof a->t_s);
}

/* ---------------------------------------------------------------------- times */

/* ffprobe's presentation times of all frames, from the stream's start. Returns how many. */
static int probe_times(const char *path, double *t_s) {
    char command[1024];
    double start = 0;
    int n = 0;
    snprintf(command, sizeof command,
             "ffprobe -v error -select_streams v:0 -show_entries stream=start_time:frame=pts_time "
             "-of default=nk=0:nw=1 '%s'",
             path);
    FILE *p = popen(command, "r");
    char line[256];
    while (p && fgets(line, sizeof line, p) && n < MAX_FRAMES) {
        if (!strncmp(line, "pts_time=", 9)) t_s[n++] = atof(line + 9);
        sscanf(line, "start_time=%lf", &start);
    }
    if (p) pclose(p);
    for (int i = 0; i < n; i++) t_s[i] -= start;
    return n;
}

/* All frames' times are ffprobe's, and frames by seconds are those that its times pick. */
static void compare_times(const char *path, double every_s) {
    static double t_s[MAX_FRAMES];
    int n = probe_times(path, t_s), taken = 0;
    look(path, &every_frame);
    CHECK(n > 0 && seen.n == n && seen.status == INFER_END && errors(&seen) == 0);
    for (int i = 0; i < n && i < seen.n; i++) CHECK_NEAR(seen.t_s[i], t_s[i], 2e-6);
    look(path, &(infer_sampling){.mode = INFER_EVERY_SECONDS, .every_s = every_s});
    for (int i = 0, due = 0; i < n; i++) {
        if (t_s[i] < due * every_s - 1e-6) continue;
        CHECK(taken < seen.n);
        if (taken < seen.n) CHECK_NEAR(seen.t_s[taken], t_s[i], 2e-6);
        taken++;
        while (due * every_s <= t_s[i] + 1e-6) due++;
    }
    CHECK(taken > 1 && taken == seen.n);
}

TEST(times_of_a_variable_frame_rate) {
    REQUIRE(shell(FFMPEG
                  "-f lavfi -i testsrc=d=4:r=20:s=64x48 -vf \"select='not(mod(n,7))+gt(n,50)*"
                  "lt(mod(n,9),4)',setpts=PTS+if(gt(N\\,9)\\,0.9/TB\\,0)\" -vsync vfr "
                  "-c:v libx264 -bf 2 vfr.mp4",
                  folder));
    compare_times(in("vfr.mp4"), 0.5);
    compare_times(in("vfr.mp4"), 0.1);
    REQUIRE(shell(FFMPEG "-i vfr.mp4 -c copy -output_ts_offset 100 vfr.mkv", folder));
    compare_times(in("vfr.mkv"), 0.5); /* its length counts from 0 */
    REQUIRE(shell(FFMPEG "-i vfr.mp4 -c copy vfr.ts", folder));
    compare_times(in("vfr.ts"), 0.5);
}

TEST(times_of_a_camera) {
    if (!test_have(HERO)) SKIP("no " HERO);
    compare_times(HERO, 1);
}

/* -------------------------------------------------------------------- sampling */

TEST(sampling_by_number_and_range) {
    static struct seen all;
    REQUIRE(shell(FFMPEG "-f lavfi -i testsrc=d=4:r=10:s=64x48 -c:v libx264 -bf 2 -g 10 a.mp4",
                  folder));
    look_into(&all, in("a.mp4"), &every_frame);
    CHECK(all.n == 40);
    look(in("a.mp4"), &(infer_sampling){.mode = INFER_EVERY_FRAMES, .n = 7});
    CHECK(seen.n == 6);
    for (int i = 0; i < seen.n; i++) CHECK(seen.hash[i] == all.hash[7 * i]);
    look(in("a.mp4"), &(infer_sampling){.mode = INFER_COUNT, .n = 6});
    CHECK(seen.n == 6);
    for (int i = 0; i < seen.n; i++) CHECK(seen.hash[i] == all.hash[(2 * i + 1) * 40 / 12]);
    look(in("a.mp4"), &(infer_sampling){.mode = INFER_COUNT, .n = 100});
    CHECK(same(&seen, &all));
    infer_sampling range = {.mode = INFER_EVERY_FRAMES, .n = 1, .start_s = 1.1, .duration_s = 0.5};
    look(in("a.mp4"), &range);
    CHECK(seen.n == 5);
    for (int i = 0; i < seen.n; i++) CHECK(seen.hash[i] == all.hash[11 + i]);
    range.mode = INFER_COUNT, range.n = 2;
    look(in("a.mp4"), &range);
    CHECK(seen.n == 2 && seen.hash[0] == all.hash[12] && seen.hash[1] == all.hash[14]);
    range.mode = INFER_EVERY_SECONDS, range.every_s = 0.2;
    look(in("a.mp4"), &range);
    CHECK(seen.n == 3 && seen.hash[2] == all.hash[15]);
    look(in("a.mp4"), NULL);
    CHECK(seen.n == 4 && seen.hash[3] == all.hash[30]);
    range.start_s = 9;
    look(in("a.mp4"), &range);
    CHECK(seen.status == INFER_EFORMAT && seen.n == 0);
    CHECK(strstr(seen.message, "no frames from 9 s on: the last is at 3.900 s"));
}

/* VP8 has packets that are never shown: they must not be counted. */
TEST(counting_leaves_out_hidden_frames) {
    REQUIRE(shell(FFMPEG "-f lavfi -i testsrc=d=3:r=10:s=64x48 -c:v libvpx -auto-alt-ref 1 "
                         "-lag-in-frames 10 -b:v 50k v.webm",
                  folder));
    look(in("v.webm"), &(infer_sampling){.mode = INFER_COUNT, .n = 30});
    CHECK(seen.n == 30 && seen.status == INFER_END);
    look(in("v.webm"), &(infer_sampling){.mode = INFER_COUNT, .n = 3});
    CHECK(seen.n == 3);
    CHECK_NEAR(seen.t_s[2], 2.5, 1e-3);
}

TEST(sampling_that_makes_no_sense) {
    look(FIXTURES "/frames", &(infer_sampling){.mode = INFER_EVERY_SECONDS, .every_s = 1});
    CHECK(seen.status == INFER_EUSAGE && strstr(seen.message, "pictures have no times"));
    look(FIXTURES "/frames", &(infer_sampling){.start_s = 1});
    CHECK(seen.status == INFER_EUSAGE && strstr(seen.message, "pictures have no times"));
    const infer_sampling wrong[] = {{.mode = INFER_EVERY_SECONDS, .every_s = 0},
                                    {.mode = INFER_EVERY_SECONDS, .every_s = NAN},
                                    {.mode = INFER_EVERY_FRAMES, .n = 0},
                                    {.mode = INFER_COUNT, .n = -1},
                                    {.start_s = -1},
                                    {.duration_s = INFINITY}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        look(FIXTURES "/frames", &wrong[i]);
        CHECK(seen.status == INFER_EUSAGE);
    }
}

/* --------------------------------------------------------------------- colours */

/* Y'CbCr of one colour by a standard's own definition (Kr, Kb), to integer levels. */
static void to_levels(const double rgb[3], double kr, double kb, bool full, int bits,
                      int level[3]) {
    double y = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2], scale = 1 << (bits - 8);
    double cb = (rgb[2] - y) / (2 * (1 - kb)), cr = (rgb[0] - y) / (2 * (1 - kr));
    double most = (1 << bits) - 1;
    level[0] = (int)lrint(full ? y * most : (16 + 219 * y) * scale);
    level[1] = (int)lrint(full ? cb * most + (1 << (bits - 1)) : (128 + 224 * cb) * scale);
    level[2] = (int)lrint(full ? cr * most + (1 << (bits - 1)) : (128 + 224 * cr) * scale);
}

static bool write_levels(const int level[3], int width, int height, int bits) {
    FILE *f = fopen(in("flat.yuv"), "wb");
    for (int c = 0; f && c < 3; c++)
        for (int i = 0; i < width * height; i++) {
            fputc(level[c] & 255, f);
            if (bits > 8) fputc(level[c] >> 8, f);
        }
    return f && !fclose(f);
}

/* A clip of one colour, lossless, marked with `tags`. Our RGB must be the colour: a level of 8-bit
 * limited Y'CbCr is up to 2 of RGB. */
static void check_colour(double kr, double kb, bool full, int bits, int width, int height,
                         const char *tags) {
    static const double colours[][3] = {{0.78, 0.24, 0.12}, {0.1, 0.5, 0.9}, {0.2, 0.85, 0.3}};
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
        int level[3];
        to_levels(colours[i], kr, kb, full, bits, level);
        REQUIRE(write_levels(level, width, height, bits));
        REQUIRE(shell(
            FFMPEG
            "-f rawvideo -pix_fmt yuv444p%s -s %dx%d -i flat.yuv -c:v libx264 -preset ultrafast "
            "-qp 0 -pix_fmt yuv444p%s %s flat.mp4",
            folder, bits > 8 ? "10le" : "", width, height, bits > 8 ? "10le" : "", tags));
        look(in("flat.mp4"), &every_frame);
        REQUIRE(seen.n == 1 && seen.code[0] == INFER_OK);
        for (int c = 0; c < 3; c++) CHECK_NEAR(seen.first[0][c], colours[i][c] * 255, 2.01);
    }
}

TEST(colours_by_matrix_and_range) {
    check_colour(0.2126, 0.0722, false, 8, 64, 48, "-colorspace bt709 -color_range tv");
    check_colour(0.2126, 0.0722, true, 8, 64, 48, "-colorspace bt709 -color_range pc");
    check_colour(0.299, 0.114, false, 8, 1280, 720, "-colorspace smpte170m -color_range tv");
    check_colour(0.299, 0.114, true, 8, 64, 48, "-colorspace bt470bg -color_range pc");
    check_colour(0.2627, 0.0593, false, 10, 64, 48, "-colorspace bt2020nc -color_range tv");
}

TEST(colours_that_are_not_marked) {
    check_colour(0.299, 0.114, false, 8, 720, 576, "");
    check_colour(0.2126, 0.0722, false, 8, 1280, 720, "");
    check_colour(0.2126, 0.0722, false, 8, 1280, 64, "");
    check_colour(0.2126, 0.0722, false, 8, 64, 578, "");
    check_colour(0.299, 0.114, false, 8, 1278, 64, "");
}

/* Grey video is limited where it does not say, as all video. */
TEST(grey_that_is_not_marked) {
    FILE *f = fopen(in("grey.yuv"), "wb");
    for (int i = 0; f && i < 64 * 48; i++) fputc(16 + 219 * 3 / 5, f);
    REQUIRE(f && !fclose(f));
    REQUIRE(shell(FFMPEG "-f rawvideo -pix_fmt gray -s 64x48 -i grey.yuv -c:v libx265 -x265-params "
                         "lossless=1:log-level=0 -pix_fmt gray grey.mp4",
                  folder));
    look(in("grey.mp4"), &every_frame);
    CHECK(seen.n == 1 && seen.code[0] == INFER_OK);
    for (int c = 0; c < 3; c++) CHECK_NEAR(seen.first[0][c], 153, 1.01);
}

/* ---------------------------------------------------------------------- chroma */

#define WAVE_W 256
#define WAVE_H 128

/* A smooth colour pattern, so that where its chroma is sampled can be computed anywhere. */
static void wave(double x, double y, double rgb[3]) {
    rgb[0] = 128 + 90 * sin(x / 9);
    rgb[1] = 128 + 90 * cos(y / 7 + x / 23);
    rgb[2] = 128 + 80 * sin((x + y) / 11);
}

/* BT.709 in full range: y, cb or cr of the pattern at a place. */
static int wave_level(int plane, double x, double y) {
    double rgb[3], luma;
    wave(x, y, rgb);
    luma = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
    if (!plane) return (int)lrint(luma);
    return (int)lrint(plane == 1 ? (rgb[2] - luma) / 1.8556 + 128 : (rgb[0] - luma) / 1.5748 + 128);
}

/* The mean difference of the decoded pattern, whose chroma lies at (dx, dy) of its 2 x 2 pixels. */
static double wave_error(double dx, double dy, const char *options) {
    infer_source *source;
    infer_frame f;
    double sum = 0;
    FILE *out = fopen(in("wave.yuv"), "wb");
    for (int plane = 0; out && plane < 3; plane++)
        for (int y = 0; y < WAVE_H; y += plane ? 2 : 1)
            for (int x = 0; x < WAVE_W; x += plane ? 2 : 1)
                fputc(wave_level(plane, x + (plane ? dx : 0), y + (plane ? dy : 0)), out);
    if (!out || fclose(out) ||
        !shell(FFMPEG "-f rawvideo -pix_fmt yuvj420p -s 256x128 -i wave.yuv %s", folder, options) ||
        infer_source_open(ctx, in(strstr(options, "wave.")), NULL, &source) != INFER_OK)
        return INFINITY;
    if (infer_source_next(source, &f) != INFER_OK || f.status != INFER_OK) sum = INFINITY;
    for (int i = 0; sum < INFINITY && i < WAVE_W * WAVE_H; i++) {
        double rgb[3];
        wave(i % WAVE_W, i / WAVE_W, rgb);
        for (int c = 0; c < 3; c++) sum += fabs(f.picture.rgb[3 * i + c] - rgb[c]);
    }
    infer_source_close(source);
    return sum / (WAVE_W * WAVE_H * 3);
}

/* Half a luma sample of error makes a mean of 1.9, a whole one 3.7; chroma that is repeated, not
 * interpolated, 2 and more. */
TEST(chroma_lies_where_the_stream_says) {
    static const struct {
        double dx, dy;
        const char *name;
    } places[] = {{0, 0.5, "left"}, {0.5, 0.5, "center"}, {0, 0, "topleft"}, {0.5, 0, "top"}};
    char options[256];
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(options, sizeof options,
                 "-c:v libx264 -qp 0 -pix_fmt yuvj420p -colorspace bt709 -color_range pc "
                 "-chroma_sample_location %s wave.mp4",
                 places[i].name);
        double error = wave_error(places[i].dx, places[i].dy, options);
        if (!(error < 0.7)) printf("# %s: %.3f\n", places[i].name, error);
        CHECK(error < 0.7);
    }
}

/* Lossless pictures of every kind give the same pixels. */
TEST(kinds_of_pixels) {
    static const char *const kinds[][2] = {
        {"a.png", "rgba"},    {"p.png", "pal8"},  {"g.png", "gray"}, {"ga.png", "ya8"},
        {"h.png", "rgb48be"}, {"m.png", "monob"}, {"a.bmp", "bgra"}, {"a.tif", "rgb24"},
        {"a.ppm", "rgb24"},   {"a.gif", "pal8"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *name = kinds[i][0];
        REQUIRE(shell(FFMPEG
                      "-f lavfi -i testsrc=s=66x50 -frames:v 1 -pix_fmt %s %s && "
                      "ffmpeg -y -nostdin -v error -i %s -frames:v 1 -pix_fmt rgb24 -sws_flags "
                      "accurate_rnd+full_chroma_int+bitexact want.ppm",
                      folder, kinds[i][1], name, name));
        look_into(&other, in("want.ppm"), NULL);
        look(in(name), NULL);
        CHECK(seen.n == 1 && seen.code[0] == INFER_OK && isnan(seen.t_s[0]));
        if (!same(&seen, &other)) printf("# %s %s differs\n", name, kinds[i][1]);
        CHECK(seen.hash[0] == other.hash[0]);
    }
}

/* ----------------------------------------------------------------- orientation */

/* Corners from top left to bottom right: red, green, blue, white. */
#define CORNERS                                                                                  \
    "-f lavfi -i \"color=red:s=48x32,drawbox=24:0:24:16:lime:fill,drawbox=0:16:24:16:blue:fill," \
    "drawbox=24:16:24:16:white:fill\" -frames:v 1 "

TEST(rotation_of_videos) {
    static const struct {
        int degrees; /* counter-clockwise, as FFmpeg 5.1 writes them */
        const char *corners;
    } turns[] = {{0, "rgbw"}, {90, "gwrb"}, {180, "wbgr"}, {270, "brwg"}};
    REQUIRE(shell(FFMPEG CORNERS "-c:v libx264 -pix_fmt yuv444p corners.mp4", folder));
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        REQUIRE(shell(FFMPEG "-i corners.mp4 -c copy -metadata:s:v rotate=%d turned.mp4 && ffmpeg "
                             "-y -nostdin -v error -i turned.mp4 -frames:v 1 turned.png",
                      folder, turns[i].degrees));
        look(in("turned.mp4"), NULL);
        CHECK_TEXT(seen.corners, turns[i].corners);
        CHECK(seen.width[0] == (turns[i].degrees % 180 ? 32 : 48));
        look(in("turned.png"), NULL); /* ffmpeg turns by itself */
        CHECK_TEXT(seen.corners, turns[i].corners);
    }
}

/* Puts an EXIF block with the orientation after a JPEG's first marker. */
static bool mark_orientation(const char *from, const char *to, int orientation) {
    const uint8_t exif[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
                            'M',  'M',  0, 42, 0,   0,   0,   8,   0, 1,
                            0x01, 0x12, 0, 3,  0,   0,   0,   1,   0, (uint8_t)orientation,
                            0,    0,    0, 0,  0,   0};
    FILE *a = fopen(from, "rb"), *b = fopen(to, "wb");
    bool ok = a && b;
    for (int c, n = 0; ok && (c = fgetc(a)) != EOF; n++) {
        fputc(c, b);
        if (n == 1) fwrite(exif, 1, sizeof exif, b);
    }
    if (a) fclose(a);
    return (!b || !fclose(b)) && ok;
}

TEST(orientation_of_photos) {
    /* EXIF 2.3, tag 274: where the stored row 0 and column 0 are seen. */
    static const char *const upright[9] = {"",     "rgbw", "grwb", "wbgr", "bwrg",
                                           "rbgw", "brwg", "wgbr", "gwrb"};
    REQUIRE(shell(FFMPEG CORNERS "-pix_fmt yuvj444p -q:v 2 corners.jpg", folder));
    for (int i = 1; i <= 8; i++) {
        REQUIRE(mark_orientation(in("corners.jpg"), in("turned.jpg"), i));
        look(in("turned.jpg"), NULL);
        CHECK(seen.n == 1 && seen.code[0] == INFER_OK);
        CHECK_TEXT(seen.corners, upright[i]);
        CHECK(seen.width[0] == (i > 4 ? 32 : 48) && seen.height[0] == (i > 4 ? 48 : 32));
    }
}

/* Wraps a simple WebP file in an extended one with an EXIF chunk. */
static bool mark_webp(const char *from, const char *to, int orientation, int width, int height) {
    static uint8_t image[65536];
    FILE *a = fopen(from, "rb"), *b = fopen(to, "wb");
    size_t n = a ? fread(image, 1, sizeof image, a) : 0, rest = n - 12;
    uint32_t riff = (uint32_t)(4 + 18 + rest + 34);
    uint8_t head[30] = {'R',
                        'I',
                        'F',
                        'F',
                        (uint8_t)riff,
                        (uint8_t)(riff >> 8),
                        0,
                        0,
                        'W',
                        'E',
                        'B',
                        'P',
                        'V',
                        'P',
                        '8',
                        'X',
                        10,
                        0,
                        0,
                        0,
                        8};
    const uint8_t exif[34] = {
        'E', 'X', 'I', 'F', 26, 0,  0, 0, 'M', 'M', 0, 42, 0, 0,
        0,   8,   0,   1,   1,  18, 0, 3, 0,   0,   0, 1,  0, (uint8_t)orientation};
    head[24] = (uint8_t)(width - 1), head[27] = (uint8_t)(height - 1);
    bool ok = b && n > 12 && n < sizeof image && n % 2 == 0 &&
              fwrite(head, sizeof head, 1, b) == 1 && fwrite(image + 12, rest, 1, b) == 1 &&
              fwrite(exif, sizeof exif, 1, b) == 1;
    if (a) fclose(a);
    return (!b || !fclose(b)) && ok;
}

/* FFmpeg gives JPEG's orientation as a matrix, WebP's as EXIF's number. */
TEST(orientation_of_webp) {
    static const char *const upright[10] = {"rgbw", "rgbw", "grwb", "wbgr", "bwrg",
                                            "rbgw", "brwg", "wgbr", "gwrb", "rgbw"};
    REQUIRE(shell(FFMPEG CORNERS "-c:v libwebp -lossless 1 corners.webp", folder));
    for (int i = 0; i <= 9; i++) {
        REQUIRE(mark_webp(in("corners.webp"), in("turned.webp"), i, 48, 32));
        look(in("turned.webp"), NULL);
        CHECK(seen.n == 1 && seen.code[0] == INFER_OK);
        CHECK_TEXT(seen.corners, upright[i]);
    }
}

/* ---------------------------------------------------------------------- damage */

static bool copy_part(const char *from, const char *to, double part) {
    FILE *a = fopen(from, "rb"), *b = fopen(to, "wb");
    struct stat st;
    bool ok = a && b && !fstat(fileno(a), &st);
    for (long left = ok ? (long)((double)st.st_size * part) : 0; left > 0; left--)
        fputc(fgetc(a), b);
    if (a) fclose(a);
    return (!b || !fclose(b)) && ok;
}

/* Overwrites the data of one packet of a video with zeros. */
static bool wipe_packet(const char *path, int which) {
    char command[512], line[128];
    long at = -1, size = 0;
    snprintf(command, sizeof command,
             "ffprobe -v quiet -select_streams v:0 -show_entries packet=size,pos -of csv=p=0 '%s'",
             path);
    FILE *p = popen(command, "r");
    for (int i = 0; p && fgets(line, sizeof line, p); i++)
        if (i == which && sscanf(line, "%ld,%ld", &size, &at) != 2) at = -1;
    if (p) pclose(p);
    FILE *f = at >= 0 ? fopen(path, "r+b") : NULL;
    if (!f || fseek(f, at, SEEK_SET)) return false;
    for (long i = 0; i < size; i++) fputc(0, f);
    return !fclose(f);
}

static void make_clip(const char *name, const char *options) {
    CHECK(shell(FFMPEG "-f lavfi -i testsrc=d=4:r=10:s=64x48 -g 10 -threads 1 %s %s", folder,
                options, name));
}

TEST(damaged_frames_come_at_their_place) {
    static const char *const codecs[] = {"-c:v libx264 -bf 2", "-c:v libx264 -bf 0",
                                         "-c:v libx265 -x265-params log-level=none", "-c:v mpeg4"};
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        make_clip("d.mp4", codecs[i]);
        look_into(&other, in("d.mp4"), &every_frame);
        REQUIRE(other.n == 40);
        CHECK(wipe_packet(in("d.mp4"), 13) && wipe_packet(in("d.mp4"), 25));
        look(in("d.mp4"), &every_frame);
        CHECK(seen.status == INFER_END && seen.n == 40 && errors(&seen) == 2);
        for (int k = 0; k < 40; k++) CHECK_NEAR(seen.t_s[k], other.t_s[k], 1e-9);
        CHECK(strstr(seen.last_error, "cannot be decoded: its data are damaged"));
        int threads = ctx->threads;
        ctx->threads = 1;
        look_into(&other, in("d.mp4"), &every_frame);
        CHECK(same(&seen, &other));
        ctx->threads = 5;
        look_into(&other, in("d.mp4"), &every_frame);
        CHECK(same(&seen, &other));
        ctx->threads = threads;
    }
}

TEST(videos_that_break_off) {
    static const char *const names[] = {"c.mp4", "c.mkv", "c.ts", "c.avi"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char cut[32];
        snprintf(cut, sizeof cut, "cut-%s", names[i]);
        make_clip(names[i], i ? "-c:v libx264 -g 1" : "-c:v libx264 -g 1 -movflags +faststart");
        CHECK(copy_part(in(names[i]), in(cut), 0.6));
        look(in(names[i]), NULL);
        CHECK(seen.n == 4 && errors(&seen) == 0 && seen.status == INFER_END);
        look(in(cut), NULL);
        CHECK(seen.status == INFER_END && seen.n >= 3 && seen.n <= 5 && seen.code[0] == INFER_OK);
        if (!strstr(seen.last_error, "breaks off")) printf("# %s: %s\n", cut, seen.last_error);
        CHECK(seen.code[seen.n - 1] == INFER_EDECODE && strstr(seen.last_error, "breaks off"));
        look(in(cut), &(infer_sampling){.duration_s = 1.5}); /* before it breaks off */
        CHECK(seen.status == INFER_END && seen.n == 2 && errors(&seen) == 0);
    }
}

TEST(sizes_that_change_midstream) {
    REQUIRE(shell(FFMPEG
                  "-f lavfi -i testsrc=d=1:r=10:s=64x48 -c:v libx264 -bf 0 one.h264 && ffmpeg "
                  "-y -nostdin -v error -f lavfi -i testsrc=d=1:r=10:s=96x64 -c:v libx264 -bf "
                  "0 two.h264 && cat one.h264 two.h264 > both.h264",
                  folder));
    look(in("both.h264"), &every_frame);
    CHECK(seen.n == 20 && errors(&seen) == 0);
    CHECK(seen.width[0] == 64 && seen.width[19] == 96 && seen.height[19] == 64);
    CHECK_NEAR(seen.t_s[19], 1.9, 1e-6);
}

TEST(what_is_no_video) {
    REQUIRE(shell("cd %s && : > zero.mp4 && echo some text > text.mp4 && mkdir -p empty", folder));
    REQUIRE(shell(FFMPEG "-f lavfi -i sine=d=1 sound.m4a", folder));
    REQUIRE(shell(FFMPEG "-f lavfi -i testsrc=s=64x48 -i sound.m4a -map 0 -map 1 -frames:v 1 -c:v "
                         "mjpeg -c:a copy -disposition:v attached_pic cover.m4a",
                  folder));
    REQUIRE(
        shell("cd %s && printf 'ffconcat version 1.0\\nfile zero.mp4\\n' > list.ffconcat && printf "
              "'#EXTM3U\\n#EXT-X-TARGETDURATION:1\\n#EXTINF:1,\\nzero.mp4\\n' > list.m3u8",
              folder));
    static const struct {
        const char *name, *message;
        int status;
    } table[] = {{"zero.mp4", "it is empty", INFER_EFORMAT},
                 {"text.mp4", "not a video or picture that FFmpeg knows", INFER_EFORMAT},
                 {"sound.m4a", "no video or picture in it", INFER_EFORMAT},
                 {"cover.m4a", "no video or picture in it", INFER_EFORMAT},
                 {"empty", "no pictures in this folder", INFER_EFORMAT},
                 {"list.ffconcat", "a playlist (concat)", INFER_EFORMAT},
                 {"list.m3u8", "a playlist (hls", INFER_EFORMAT},
                 {"none.mp4", "No such file", INFER_EIO},
                 {"none*.png", "no file matches", INFER_EIO},
                 {"http://localhost/a.mp4", "a network source", INFER_EUSAGE}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        look(strstr(table[i].name, "://") ? table[i].name : in(table[i].name), NULL);
        CHECK(seen.status == table[i].status && seen.n == 0);
        if (!strstr(seen.message, table[i].message)) printf("# %s\n", seen.message);
        CHECK(strstr(seen.message, table[i].message));
        CHECK(strstr(seen.message, table[i].name));
    }
}

/* 9 GB are claimed; nothing of that size is decoded. */
TEST(absurd_sizes_are_refused) {
    REQUIRE(shell("cd %s && printf 'P6\\n60000 50000\\n255\\n' > huge.ppm && "
                  "head -c 100000 /dev/zero >> huge.ppm",
                  folder));
    look(in("huge.ppm"), NULL);
    CHECK(seen.status == INFER_END && seen.n == 1 && seen.code[0] == INFER_EDECODE);
}

/* Patches the size in a JPEG's frame header. */
static bool resize_jpeg(const char *path, int width, int height) {
    FILE *f = fopen(path, "r+b");
    int before = 0, c;
    while (f && (c = fgetc(f)) != EOF && !(before == 0xff && c == 0xc0)) before = c;
    if (!f || fseek(f, 3, SEEK_CUR)) return false;
    const uint8_t size[4] = {(uint8_t)(height >> 8), (uint8_t)height, (uint8_t)(width >> 8),
                             (uint8_t)width};
    return fwrite(size, sizeof size, 1, f) == 1 && !fclose(f);
}

static void look_at_size(int width, int height, const char *video) {
    REQUIRE(resize_jpeg(in("big.jpg"), width, height));
    REQUIRE(shell("cd %s && cat small.jpg big.jpg small.jpg > big.mjpeg", folder));
    look(in(video), &every_frame);
}

/* A picture may be large, for photos are; a video's frame less so, and also one that grows between
 * small ones. That what is refused was never decoded, its size alone says. */
TEST(sizes_have_a_limit) {
    struct stat st;
    REQUIRE(shell(FFMPEG
                  "-f lavfi -i testsrc=s=64x48 -frames:v 1 small.jpg && cp small.jpg big.jpg",
                  folder));
    look_at_size(8193, 8192, "big.mjpeg"); /* 2^26 + 8192 */
    CHECK(seen.n >= 2 && seen.code[0] == INFER_OK && seen.code[1] == INFER_EDECODE);
    CHECK(!seen.width[1]);
    look_at_size(30000, 7001, "big.jpg");
    CHECK(seen.n == 1 && seen.code[0] == INFER_EDECODE);
    CHECK(strstr(seen.last_error, "big.jpg: damaged, or of more than 210 megapixels"));
    CHECK(!stat(in("big.jpg"), &st) && st.st_size < 10000);
}

/* ---------------------------------------------------------------------- folders */

TEST(names_are_ordered_as_people_number_them) {
    static const char *const ordered[] = {"",
                                          "a",
                                          "a/01.png",
                                          "a/1.png",
                                          "a/2.png",
                                          "a/10.png",
                                          "a/10a",
                                          "a/b",
                                          "b",
                                          "b2c9",
                                          "b2c10",
                                          "b10c1",
                                          "b99999999999999999999",
                                          "b100000000000000000000"};
    int n = sizeof ordered / sizeof *ordered;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            int order = pictures_compare(ordered[i], ordered[k]), want = (i > k) - (i < k);
            CHECK((order > 0) - (order < 0) == want);
        }
}

TEST(folder_in_natural_order_with_broken_pictures) {
    REQUIRE(shell(
        "cd %s && rm -rf f && mkdir -p f/sub.png f/.x && ffmpeg -y -nostdin -v error -f lavfi "
        "-i testsrc=r=10:s=32x24 -frames:v 4 f/p%%d.png && mv f/p4.png f/p10.png && "
        "head -c 200 f/p1.png > f/p5.jpg && cp f/p2.png f/.hidden.png && echo x > f/a.txt && "
        "cp f/p3.png f/sub.png/ && ffmpeg -y -nostdin -v error -f lavfi -i "
        "testsrc=r=10:s=32x24 -frames:v 1 'f/%%03d.png' ; mv f/001.png 'f/p11%%03d.PNG'",
        folder));
    look(in("f"), NULL);
    CHECK(seen.n == 6 && seen.status == INFER_END && errors(&seen) == 1);
    CHECK(seen.code[3] == INFER_EDECODE && strstr(seen.last_error, "/f/p5.jpg: "));
    look_into(&other, in("f/p10.png"), NULL);
    CHECK(other.n == 1 && seen.hash[4] == other.hash[0]);
    uint64_t tenth = other.hash[0];
    look_into(&other, in("f/p1.png"), NULL);
    CHECK(seen.hash[0] == other.hash[0] && seen.hash[5] == other.hash[0]);
    CHECK(seen.hash[0] != seen.hash[1] && seen.hash[0] != tenth);
    look(in("f/p[0-9].*"), NULL);
    CHECK(seen.n == 4 && errors(&seen) == 1);
    look(in("f"), &(infer_sampling){.mode = INFER_COUNT, .n = 2});
    CHECK(seen.n == 2 && seen.code[0] == INFER_OK && seen.hash[1] == tenth);
    look(in("f"), &(infer_sampling){.mode = INFER_EVERY_FRAMES, .n = 4});
    CHECK(seen.n == 2);
}

TEST(list_goes_on_after_what_is_no_picture) {
    infer_source *source;
    make_clip("v.mp4", "-c:v libx264");
    const char *const paths[] = {FIXTURES "/frames/03.png", in("v.mp4"), in("none.png"),
                                 FIXTURES "/frames/00.png"};
    memset(&seen, 0, sizeof seen);
    REQUIRE(infer_source_open_list(ctx, "mine", paths, 4, NULL, &source) == INFER_OK);
    CHECK_TEXT(infer_source_name(source), "mine");
    CHECK(infer_source_estimate(source) == 4);
    drain(&seen, source);
    CHECK(seen.n == 4 && seen.status == INFER_END && errors(&seen) == 2);
    CHECK(seen.code[1] == INFER_EDECODE && seen.code[2] == INFER_EDECODE);
    CHECK(strstr(seen.last_error, "No such file"));
    CHECK(infer_source_open_list(ctx, "mine", paths, 0, NULL, &source) == INFER_EFORMAT);
}

TEST(photos_of_a_camera) {
    if (!test_have(PHOTOS)) SKIP("no " PHOTOS);
    look(PHOTOS, NULL);
    CHECK(seen.n == 12 && errors(&seen) == 0);
    for (int i = 0; i < seen.n; i++) CHECK(seen.width[i] == 1024 && seen.height[i] == 768);
    REQUIRE(copy_part(PHOTOS "/01.jpg", in("half.jpg"), 0.9));
    look(in("half.jpg"), NULL);
    CHECK(seen.n == 1 && errors(&seen) == 1);
}

int main(void) {
    if (infer_open(&(infer_options){.threads = 2}, &ctx) != INFER_OK || !mkdtemp(folder)) return 1;
    RUN(times_of_a_variable_frame_rate);
    RUN(times_of_a_camera);
    RUN(sampling_by_number_and_range);
    RUN(counting_leaves_out_hidden_frames);
    RUN(sampling_that_makes_no_sense);
    RUN(colours_by_matrix_and_range);
    RUN(colours_that_are_not_marked);
    RUN(grey_that_is_not_marked);
    RUN(chroma_lies_where_the_stream_says);
    RUN(kinds_of_pixels);
    RUN(rotation_of_videos);
    RUN(orientation_of_photos);
    RUN(orientation_of_webp);
    RUN(damaged_frames_come_at_their_place);
    RUN(videos_that_break_off);
    RUN(sizes_that_change_midstream);
    RUN(what_is_no_video);
    RUN(absurd_sizes_are_refused);
    RUN(sizes_have_a_limit);
    RUN(names_are_ordered_as_people_number_them);
    RUN(folder_in_natural_order_with_broken_pictures);
    RUN(list_goes_on_after_what_is_no_picture);
    RUN(photos_of_a_camera);
    shell("rm -rf %s", folder);
    infer_close(ctx);
    return test_finish();
}
