/* world-town - writes a town that stands nowhere, as streets.geojson and buildings.geojson. */
#include "tools/cli.h"
#include "town.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum key { SEED = 256, SIZE, STYLES, AT };

static const struct cli_option options[] = {
    {SIZE, "size", "M", "metres across, 400 to 20000 (default 1700)"},
    {STYLES, "styles", "N", "looks that the buildings share (default 84); 0: each its own"},
    {SEED, "seed", "N", "another town for every number (default 1)"},
    {AT, "at", "LON,LAT", "its middle (default 3.2,55.4: the Dogger Bank, under water)"},
    {0, NULL, NULL, NULL}};

static const struct cli_spec spec = {"world-town", NULL,       "writes a town that stands nowhere",
                                     "",           CLI_OUTPUT, options};

static void parse(cli *c, struct town_setup *s, int argc, char **argv) {
    const char *arg;
    char rest;
    cli_start(c, &spec, argc, argv, NULL);
    for (int key; (key = cli_next(c, &arg));) switch (key) {
        case SIZE: s->size_m = cli_number(c, "--size", arg, 400, 20000); break;
        case STYLES: s->styles = (int)cli_integer(c, "--styles", arg, 0, 1000000); break;
        case SEED: s->seed = (uint64_t)cli_integer(c, "--seed", arg, 0, 1000000000); break;
        case AT:
            if (sscanf(arg, "%lf,%lf%c", &s->lon_deg, &s->lat_deg, &rest) != 2 ||
                !(fabs(s->lon_deg) <= 180 && fabs(s->lat_deg) <= 85))
                cli_usage(c, "--at: '%s' is not LON,LAT", arg);
            break;
        default: break;
        }
    if (c->argc) cli_usage(c, "'%s': takes no operand", c->argv[0]);
    if (!c->output) cli_usage(c, "-o: name the folder to write");
}

/* 1e-7 degrees are a centimetre; corners that two streets share stay one. */
static void write_points(FILE *out, const struct plane *plane, const struct point *p, size_t n,
                         bool ring) {
    for (size_t i = 0; i < n + ring; i++) {
        double lon, lat;
        plane_to(plane, p[i % n].x, p[i % n].y, &lon, &lat);
        fprintf(out, "%s[%.7f,%.7f]", i ? "," : "", lon, lat);
    }
}

static void write_streets(const struct town *t, FILE *out) {
    for (size_t i = 0; i < t->shapes.streets_n; i++) {
        const struct town_street *s = &t->streets[i];
        fprintf(out,
                "%s{\"type\":\"Feature\",\"properties\":{\"name\":\"%s\",\"highway\":\"%s\","
                "\"width\":%g},\"geometry\":{\"type\":\"LineString\",\"coordinates\":[",
                i ? ",\n" : "", s->name, s->highway, s->width_m);
        write_points(out, &t->shapes.plane, t->shapes.points + s->first, s->n, false);
        fputs("]}}", out);
    }
}

static void write_buildings(const struct town *t, FILE *out) {
    for (size_t i = 0; i < t->shapes.buildings_n; i++) {
        const struct building *b = &t->shapes.buildings[i];
        fprintf(out,
                "%s{\"type\":\"Feature\",\"properties\":{\"building\":\"%s\",\"height\":%.1f,"
                "\"style\":%llu,\"district\":\"%s\"},\"geometry\":{\"type\":\"Polygon\","
                "\"coordinates\":[[",
                i ? ",\n" : "", t->buildings[i].building, b->height_m, (unsigned long long)b->style,
                town_district(t->buildings[i].district));
        write_points(out, &t->shapes.plane, t->shapes.points + b->first, b->n, true);
        fputs("]]}}", out);
    }
}

static void write_file(const cli *c, const char *name,
                       void (*write)(const struct town *t, FILE *out), const struct town *t) {
    char path[4096];
    cli file = *c;
    struct cli_output out;
    snprintf(path, sizeof path, "%s/%s.geojson", c->output, name);
    file.output = path;
    if (!cli_output_open(&file, &out)) exit(CLI_FAILED);
    fprintf(out.file, "{\"type\":\"FeatureCollection\",\"name\":\"%s\",\"features\":[\n", name);
    write(t, out.file);
    fputs("\n]}\n", out.file);
    if (!cli_output_commit(&file, &out)) exit(CLI_FAILED);
}

int main(int argc, char **argv) {
    cli c;
    struct town t;
    struct town_setup setup = {
        .size_m = 1700, .styles = 84, .seed = 1, .lon_deg = 3.2, .lat_deg = 55.4};
    parse(&c, &setup, argc, argv);
    town_build(&t, &setup);
    if (mkdir(c.output, 0777) && errno != EEXIST) world_die("%s: %s", c.output, strerror(errno));
    write_file(&c, "streets", write_streets, &t);
    write_file(&c, "buildings", write_buildings, &t);
    printf("{\"streets\":%zu,\"buildings\":%zu}\n", t.shapes.streets_n, t.shapes.buildings_n);
    town_free(&t);
    return 0;
}
