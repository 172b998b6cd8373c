/* world-map - streets, buildings, a drive's true track and where the tools say it was, as SVG. */
#include "libgallery/record.h"
#include "looks.h"
#include "noise.h"
#include "tools/cli.h"

#include <gdal.h>
#include <math.h>
#include <ogr_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACKS_MOST 6
/* Round what the tracks cover. */
#define MARGIN_M 120.0

enum key { TRUTH = 256, TRACK, SOURCE, WIDTH, SPAT };

static const struct cli_option options[] = {
    {TRUTH, "truth", "FILE", "the drive's GPX; its start is the video's"},
    {TRACK, "track", "FILE[=LABEL]",
     "a stream of frames with points: of vt-query or vt-refine; up to 6"},
    {SOURCE, "source", "NAME", "only the streams' frames of the source whose name ends so"},
    {WIDTH, "width", "N", "of the picture, pixels (default 900)"},
    {SPAT, "spat", "X1,Y1,X2,Y2", "read only what lies in this box, degrees"},
    {0, NULL, NULL, NULL}};

static const struct cli_spec spec = {"world-map", NULL,       "draws a map of tracks as SVG",
                                     "MAP...",    CLI_OUTPUT, options};

struct spot {
    struct point at;
    double time_s;  /* NaN: not known */
    double error_m; /* from the truth; NaN: not known */
    struct point truth;
};

struct track {
    const char *path, *label;
    struct spot *spots;
    size_t n, capacity;
    double median_m;
};

struct map {
    cli c;
    struct shapes_setup source;
    struct shapes shapes;
    double spat[4];
    const char *truth_path, *only;
    struct track truth, tracks[TRACKS_MOST];
    int tracks_n;
    double width, height, scale; /* pixels; pixels per metre */
    struct point low, high;      /* what is shown, m */
    FILE *out;
};

static const char *const colours[TRACKS_MOST] = {"#d95f02", "#1b6fc2", "#2a9d3a",
                                                 "#8e44ad", "#c0136a", "#7a5c00"};

/* ----------------------------------------------------------------- options */

static void add_track(struct map *m, const char *arg) {
    if (m->tracks_n == TRACKS_MOST) cli_usage(&m->c, "--track: no more than %d", TRACKS_MOST);
    struct track *t = &m->tracks[m->tracks_n++];
    const char *equals = strrchr(arg, '='), *slash = strrchr(arg, '/');
    t->label = equals ? equals + 1 : slash ? slash + 1 : arg;
    t->path = equals ? strndup(arg, (size_t)(equals - arg)) : strdup(arg);
    if (!t->path) world_die("out of memory for a name");
}

static void parse(struct map *m, int argc, char **argv) {
    const char *arg;
    char rest;
    double *b = m->spat;
    cli_start(&m->c, &spec, argc, argv, NULL);
    for (int key; (key = cli_next(&m->c, &arg));) switch (key) {
        case TRUTH: m->truth_path = arg; break;
        case TRACK: add_track(m, arg); break;
        case SOURCE: m->only = arg; break;
        case WIDTH: m->width = (double)cli_integer(&m->c, "--width", arg, 100, 20000); break;
        case SPAT:
            if (sscanf(arg, "%lf,%lf,%lf,%lf%c", &b[0], &b[1], &b[2], &b[3], &rest) != 4 ||
                !(b[0] < b[2] && b[1] < b[3]))
                cli_usage(&m->c, "--spat: '%s' is not XMIN,YMIN,XMAX,YMAX", arg);
            m->source.spat = b;
            break;
        default: break;
        }
    if (m->c.argc < 1) cli_usage(&m->c, "no map: give files of streets and buildings");
    m->source.paths = (const char *const *)m->c.argv;
    m->source.paths_n = m->c.argc;
}

/* ------------------------------------------------------------------ tracks */

static struct spot *add_spot(const struct map *m, struct track *t, double lon, double lat,
                             double time_s) {
    WORLD_PUSH(t->spots, t->n, t->capacity);
    struct spot *s = &t->spots[t->n++];
    *s = (struct spot){.time_s = time_s, .error_m = NAN};
    plane_from(&m->shapes.plane, lon, lat, &s->at.x, &s->at.y);
    return s;
}

/* Seconds of a day count for enough: a drive is shorter. */
static double seconds_of(OGRFeatureH f) {
    int year, month, day, hour, minute, zone, field = OGR_F_GetFieldIndex(f, "time");
    float second;
    if (field < 0 ||
        !OGR_F_GetFieldAsDateTimeEx(f, field, &year, &month, &day, &hour, &minute, &second, &zone))
        return NAN;
    return day * 86400.0 + hour * 3600.0 + minute * 60.0 + (double)second;
}

static void read_truth(struct map *m) {
    GDALDatasetH data = GDALOpenEx(m->truth_path, GDAL_OF_VECTOR, NULL, NULL, NULL);
    OGRLayerH layer = data ? GDALDatasetGetLayerByName(data, "track_points") : NULL;
    if (!layer) world_die("%s: no GPX with a track", m->truth_path);
    double start = NAN;
    OGRFeatureH f;
    while ((f = OGR_L_GetNextFeature(layer))) {
        OGRGeometryH g = OGR_F_GetGeometryRef(f);
        double now = seconds_of(f);
        if (!m->truth.n) start = now;
        if (g) add_spot(m, &m->truth, OGR_G_GetX(g, 0), OGR_G_GetY(g, 0), now - start);
        OGR_F_Destroy(f);
    }
    GDALClose(data);
    m->truth.label = "true track";
}

/* The track's place at a time; false beyond its ends. */
static bool truth_at(const struct track *t, double time_s, struct point *at) {
    for (size_t i = 0; i + 1 < t->n; i++) {
        const struct spot *a = &t->spots[i], *b = a + 1;
        if (!(a->time_s <= time_s && time_s <= b->time_s) || a->time_s == b->time_s) continue;
        double share = (time_s - a->time_s) / (b->time_s - a->time_s);
        at->x = a->at.x + share * (b->at.x - a->at.x);
        at->y = a->at.y + share * (b->at.y - a->at.y);
        return true;
    }
    return false;
}

static bool is_wanted(const struct map *m, const gallery_record *r) {
    const char *source = gallery_record_string(r, "source");
    size_t all = source ? strlen(source) : 0, end = m->only ? strlen(m->only) : 0;
    return gallery_record_kind(r) == GALLERY_RECORD_FEATURE &&
           (!m->only || (all >= end && !strcmp(source + all - end, m->only)));
}

static void take_record(struct map *m, struct track *t, const gallery_record *r) {
    double lon, lat, time_s;
    if (!is_wanted(m, r) || !gallery_record_point(r, &lon, &lat)) return;
    if (!gallery_record_number(r, "t", &time_s)) time_s = NAN;
    struct spot *s = add_spot(m, t, lon, lat, time_s);
    bool known = gallery_record_pair(r, "truth", &lon, &lat);
    if (known)
        plane_from(&m->shapes.plane, lon, lat, &s->truth.x, &s->truth.y);
    else
        known = truth_at(&m->truth, time_s, &s->truth);
    if (known) s->error_m = hypot(s->at.x - s->truth.x, s->at.y - s->truth.y);
}

static int compare_numbers(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_error(const struct track *t) {
    double *errors = world_zeros(t->n, sizeof *errors), median = NAN;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (isfinite(t->spots[i].error_m)) errors[n++] = t->spots[i].error_m;
    qsort(errors, n, sizeof *errors, compare_numbers);
    if (n) median = (errors[(n - 1) / 2] + errors[n / 2]) / 2;
    free(errors);
    return median;
}

static void read_track(struct map *m, struct track *t) {
    gallery_context *ctx;
    gallery_reader *reader = NULL;
    gallery_record *r;
    int status;
    if (gallery_context_open(1, &ctx) != GALLERY_OK) world_die("out of memory");
    status = gallery_reader_open(ctx, t->path, &reader);
    while (status == GALLERY_OK && (status = gallery_reader_next(reader, &r)) == GALLERY_OK) {
        take_record(m, t, r);
        gallery_record_free(r);
    }
    if (status != GALLERY_END) world_die("%s", gallery_message(ctx));
    if (!t->n)
        world_die("%s: no frame with a point%s%s", t->path, m->only ? " of " : "",
                  m->only ? m->only : "");
    gallery_reader_close(reader);
    gallery_context_close(ctx);
    t->median_m = median_error(t);
}

/* ------------------------------------------------------------------ picture */

static void widen(struct map *m, const struct track *t) {
    for (size_t i = 0; i < t->n; i++) {
        m->low.x = fmin(m->low.x, t->spots[i].at.x), m->high.x = fmax(m->high.x, t->spots[i].at.x);
        m->low.y = fmin(m->low.y, t->spots[i].at.y), m->high.y = fmax(m->high.y, t->spots[i].at.y);
    }
}

/* What is shown: the true track and round it, else the tracks, else everything; within the map. */
static void frame_map(struct map *m) {
    m->low = (struct point){INFINITY, INFINITY};
    m->high = (struct point){-INFINITY, -INFINITY};
    if (m->truth.n)
        widen(m, &m->truth);
    else
        for (int k = 0; k < m->tracks_n; k++) widen(m, &m->tracks[k]);
    if (m->low.x > m->high.x) m->low = m->shapes.low, m->high = m->shapes.high;
    m->low.x -= MARGIN_M, m->low.y -= MARGIN_M;
    m->high.x += MARGIN_M, m->high.y += MARGIN_M;
    m->scale = m->width / (m->high.x - m->low.x);
    m->height = ceil((m->high.y - m->low.y) * m->scale);
}

static double px(const struct map *m, double x) {
    return (x - m->low.x) * m->scale;
}

static double py(const struct map *m, double y) {
    return (m->high.y - y) * m->scale;
}

static bool is_shown(const struct map *m, const struct point *p, size_t n) {
    bool left = true, right = true, below = true, above = true;
    for (size_t i = 0; i < n; i++) {
        left &= p[i].x<m->low.x, right &= p[i].x> m->high.x;
        below &= p[i].y<m->low.y, above &= p[i].y> m->high.y;
    }
    return !(left || right || below || above);
}

static void write_path(const struct map *m, const struct point *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        fprintf(m->out, "%s%.1f,%.1f", i ? " " : "", px(m, p[i].x), py(m, p[i].y));
}

static void draw_streets(const struct map *m) {
    const struct shapes *s = &m->shapes;
    fputs(
        "<g fill=\"none\" stroke=\"#c9c9c4\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n",
        m->out);
    for (size_t i = 0; i < s->streets_n; i++) {
        const struct point *p = &s->points[s->streets[i].first];
        if (!is_shown(m, p, s->streets[i].n)) continue;
        fprintf(m->out, "<polyline stroke-width=\"%.1f\" points=\"",
                fmax(1, s->streets[i].width_m * m->scale));
        write_path(m, p, s->streets[i].n);
        fputs("\"/>\n", m->out);
    }
    fputs("</g>\n", m->out);
}

/* In the colour of its facade, paled so that tracks stand out. */
static void draw_buildings(const struct map *m) {
    const struct shapes *s = &m->shapes;
    for (size_t i = 0; i < s->buildings_n; i++) {
        const struct building *b = &s->buildings[i];
        struct look look;
        if (!is_shown(m, &s->points[b->first], b->n)) continue;
        /* As scene_build does with world-drive's usual seed. */
        look_make(&look, b, noise_of(1, 11), i);
        fprintf(m->out, "<polygon fill=\"#%02x%02x%02x\" points=\"",
                (unsigned)(150 + 80 * look.wall[0]), (unsigned)(150 + 80 * look.wall[1]),
                (unsigned)(150 + 80 * look.wall[2]));
        write_path(m, &s->points[b->first], b->n);
        fputs("\"/>\n", m->out);
    }
}

static void draw_truth(const struct map *m) {
    if (!m->truth.n) return;
    fputs("<polyline fill=\"none\" stroke=\"#111\" stroke-width=\"2.5\" stroke-linejoin=\"round\" "
          "points=\"",
          m->out);
    for (size_t i = 0; i < m->truth.n; i++)
        write_path(m, &m->truth.spots[i].at, 1), fputc(' ', m->out);
    fputs("\"/>\n", m->out);
}

/* A dot for each frame, tied to where the frame was taken. */
static void draw_track(const struct map *m, const struct track *t, const char *colour) {
    fprintf(m->out, "<g stroke=\"%s\" fill=\"%s\" fill-opacity=\"0.85\">\n", colour, colour);
    for (size_t i = 0; i < t->n; i++) {
        const struct spot *s = &t->spots[i];
        double x = px(m, s->at.x), y = py(m, s->at.y);
        if (isfinite(s->error_m))
            fprintf(m->out,
                    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-width=\"0.8\" "
                    "stroke-opacity=\"0.6\"/>",
                    px(m, s->truth.x), py(m, s->truth.y), x, y);
        fprintf(m->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" stroke=\"none\"/>\n", x, y);
    }
    fputs("</g>\n", m->out);
}

static void write_text(const struct map *m, const char *text) {
    for (; *text; text++) switch (*text) {
        case '&': fputs("&amp;", m->out); break;
        case '<': fputs("&lt;", m->out); break;
        case '>': fputs("&gt;", m->out); break;
        default: fputc((unsigned char)*text < 32 ? '?' : *text, m->out);
        }
}

static void draw_legend(const struct map *m) {
    double y = 20;
    int rows = m->tracks_n + (m->truth.n > 0);
    size_t longest = 0;
    for (int k = 0; k < m->tracks_n; k++)
        if (strlen(m->tracks[k].label) > longest) longest = strlen(m->tracks[k].label);
    /* 7 pixels a letter, and room for "true track" or an error. */
    if (rows)
        fprintf(m->out,
                "<rect x=\"6\" y=\"4\" width=\"%zu\" height=\"%d\" fill=\"#fff\" "
                "fill-opacity=\"0.85\"/>\n",
                190 + 7 * longest, 18 * rows + 6);
    for (int k = m->truth.n ? -1 : 0; k < m->tracks_n; k++, y += 18) {
        const struct track *t = k < 0 ? &m->truth : &m->tracks[k];
        fprintf(m->out,
                "<rect x=\"12\" y=\"%.0f\" width=\"12\" height=\"6\" fill=\"%s\"/>"
                "<text x=\"30\" y=\"%.0f\">",
                y - 7, k < 0 ? "#111" : colours[k], y);
        write_text(m, t->label);
        if (k >= 0 && isfinite(t->median_m)) fprintf(m->out, ": median error %.0f m", t->median_m);
        fputs("</text>\n", m->out);
    }
    /* A bar of a round length, about a fifth of the width. */
    double length_m = pow(10, floor(log10(m->width / m->scale / 5)));
    if (length_m * m->scale < m->width / 12)
        length_m *= length_m * m->scale < m->width / 30 ? 5 : 2;
    fprintf(m->out,
            "<rect x=\"12\" y=\"%.0f\" width=\"%.1f\" height=\"3\" fill=\"#111\"/>"
            "<text x=\"12\" y=\"%.0f\">%g m</text>\n",
            m->height - 12, length_m * m->scale, m->height - 16, length_m);
}

static void draw(const struct map *m) {
    fprintf(m->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
            "viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#f1f3ea\"/>\n",
            m->width, m->height, m->width, m->height);
    draw_streets(m);
    draw_buildings(m);
    draw_truth(m);
    for (int k = 0; k < m->tracks_n; k++) draw_track(m, &m->tracks[k], colours[k]);
    draw_legend(m);
    fputs("</svg>\n", m->out);
}

int main(int argc, char **argv) {
    struct map m = {.width = 900, .source = {.seed = 1}};
    struct cli_output out;
    parse(&m, argc, argv);
    shapes_read(&m.shapes, &m.source);
    if (m.truth_path) read_truth(&m);
    for (int k = 0; k < m.tracks_n; k++) read_track(&m, &m.tracks[k]);
    frame_map(&m);
    if (!cli_output_open(&m.c, &out)) return CLI_FAILED;
    m.out = out.file;
    draw(&m);
    bool done = cli_output_commit(&m.c, &out);
    for (int k = 0; k < m.tracks_n; k++) {
        free(m.tracks[k].spots);
        free((void *)m.tracks[k].path);
    }
    free(m.truth.spots);
    shapes_free(&m.shapes);
    return done ? CLI_DONE : CLI_FAILED;
}
