/* world-drive - drives a camera along the streets of any OGR source: videos and tracks, pictures,
 * or an album of both. */
#include "album.h"
#include "drive.h"
#include "film.h"
#include "tools/cli.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum as { AS_VIDEO, AS_PICTURES, AS_ALBUM };

enum key {
    SEED = 256,
    WORLD_SEED,
    DRIVES,
    FRAMES,
    SPACING,
    FPS,
    HOURS,
    HOLD_OUT,
    OVERCAST,
    TRAFFIC,
    TRAFFIC_RUN,
    MIST,
    SHAKE,
    LANE,
    EYE,
    FOV,
    ASPECT,
    SIZE,
    AS,
    CODEC,
    PAIRS,
    STYLES,
    SPAT
};

static const struct cli_option options[] = {
    {AS, "as", "FORM", "video (default), pictures (PNG) or album (safetensors)"},
    {PAIRS, "pairs", "N", "an album of N spots, each seen twice under other light and traffic"},
    {DRIVES, "drives", "N", "how many (default 1)"},
    {FRAMES, "frames", "N", "frames of each drive (default 64)"},
    {SPACING, "spacing", "M", "metres from frame to frame (default 20)"},
    {FPS, "fps", "N", "frames a second in the video and the track (default 1)"},
    {SIZE, "size", "WxH", "pixels (default 96x64; pairs: 64x64)"},
    {FOV, "fov", "DEG", "angle across the picture (default 90)"},
    {ASPECT, "aspect", "A", "width over height of the view (default: of the pixels; pairs: 1.5)"},
    {EYE, "eye", "M", "height of the camera (default 1.6)"},
    {LANE, "lane", "M", "right of the street's middle (default 1.6)"},
    {SHAKE, "shake", "X", "how much the camera moves: 1 as in a car (default), 0 not at all"},
    {HOURS, "hours", "A-B", "local times of the drives (default 6-20); one number: that time"},
    {HOLD_OUT, "hold-out", NULL, "other drives, in odd hours; without it all drive in even ones"},
    {OVERCAST, "overcast", "X", "0 clear to 1; default: another for every drive"},
    {TRAFFIC, "traffic", "P", "share of the frames that a vehicle hides (default 0.45)"},
    {TRAFFIC_RUN, "traffic-run", "N", "of them in a row, on average (default 2)"},
    {MIST, "mist", "P", "share of the frames with nothing to see (default 0.04)"},
    {SEED, "seed", "N", "of the drives (default 1)"},
    {WORLD_SEED, "world-seed", "N", "of the facades and trees (default 1)"},
    {STYLES, "styles", "N",
     "buildings share N looks (default: the source's `style`, or their own)"},
    {SPAT, "spat", "X1,Y1,X2,Y2", "only what lies in this box, degrees"},
    {CODEC, "codec", "NAME", "FFmpeg's encoder (default mpeg4); ffv1 writes lossless .mkv"},
    {0, NULL, NULL, NULL}};

static const struct cli_spec spec = {"world-drive",
                                     NULL,
                                     "drives a camera along the streets of a map",
                                     "SOURCE...",
                                     CLI_OUTPUT | CLI_THREADS | CLI_PROGRESS,
                                     options};

struct job {
    cli c;
    struct shapes_setup source;
    struct drive_setup setup;
    double spat[4];
    size_t drives, pairs;
    uint64_t world_seed;
    enum as as;
    const char *codec;
    int width, height, threads;
    bool own_hours;
    struct shapes shapes;
    struct scene scene;
    struct graph graph;
    struct cli_progress progress;
    size_t counts[3]; /* frames by state */
};

/* ----------------------------------------------------------------- options */

static enum as parse_as(const cli *c, const char *arg) {
    static const char *const names[] = {"video", "pictures", "album"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(arg, names[i])) return (enum as)i;
    cli_usage(c, "--as: '%s' is not video, pictures or album", arg);
}

static void parse_size(struct job *job, const char *arg) {
    char rest;
    if (sscanf(arg, "%dx%d%c", &job->width, &job->height, &rest) != 2 || job->width < 8 ||
        job->height < 8 || job->width > 4096 || job->height > 4096)
        cli_usage(&job->c, "--size: '%s' is not WxH, each 8 to 4096", arg);
}

static void parse_hours(struct job *job, const char *arg) {
    char rest;
    struct drive_setup *s = &job->setup;
    int n = sscanf(arg, "%lf-%lf%c", &s->hour_low, &s->hour_high, &rest);
    if (n == 1) s->hour_high = s->hour_low;
    if (n < 1 || n > 2 || !(s->hour_low >= 0 && s->hour_high <= 24 && s->hour_low <= s->hour_high))
        cli_usage(&job->c, "--hours: '%s' is not A-B in 0 to 24", arg);
}

static void parse_spat(struct job *job, const char *arg) {
    char rest;
    double *b = job->spat;
    if (sscanf(arg, "%lf,%lf,%lf,%lf%c", &b[0], &b[1], &b[2], &b[3], &rest) != 4 ||
        !(b[0] < b[2] && b[1] < b[3]))
        cli_usage(&job->c, "--spat: '%s' is not XMIN,YMIN,XMAX,YMAX", arg);
    job->source.spat = b;
}

static void take_option(struct job *job, int key, const char *arg) {
    const cli *c = &job->c;
    struct drive_setup *s = &job->setup;
    switch (key) {
    case AS: job->as = parse_as(c, arg); break;
    case PAIRS: job->pairs = (size_t)cli_integer(c, "--pairs", arg, 1, 10000000); break;
    case DRIVES: job->drives = (size_t)cli_integer(c, "--drives", arg, 1, 1000000); break;
    case FRAMES: s->frames = (size_t)cli_integer(c, "--frames", arg, 1, 100000); break;
    case SPACING: s->spacing_m = cli_number(c, "--spacing", arg, 0.01, 1000); break;
    case FPS: s->fps = cli_number(c, "--fps", arg, 0.01, 120); break;
    case SIZE: parse_size(job, arg); break;
    case FOV: s->fov_deg = cli_number(c, "--fov", arg, 10, 150); break;
    case ASPECT: s->aspect = cli_number(c, "--aspect", arg, 0.2, 10); break;
    case EYE: s->eye_m = cli_number(c, "--eye", arg, 0.2, 20); break;
    case LANE: s->lane_m = cli_number(c, "--lane", arg, 0, 5); break;
    case SHAKE: s->shake = cli_number(c, "--shake", arg, 0, 3); break;
    case HOURS: parse_hours(job, arg); break;
    case HOLD_OUT: s->hold_out = true; break;
    case OVERCAST: s->overcast = cli_number(c, "--overcast", arg, 0, 1); break;
    case TRAFFIC: s->hidden = cli_number(c, "--traffic", arg, 0, 1); break;
    case TRAFFIC_RUN: s->hidden_run = cli_number(c, "--traffic-run", arg, 1, 1000); break;
    case MIST: s->mist = cli_number(c, "--mist", arg, 0, 1); break;
    case SEED: s->seed = (uint64_t)cli_integer(c, "--seed", arg, 0, 1000000000); break;
    case WORLD_SEED:
        job->world_seed = (uint64_t)cli_integer(c, "--world-seed", arg, 0, 1000000000);
        break;
    case STYLES: job->source.styles = (int)cli_integer(c, "--styles", arg, 1, 1000000); break;
    case SPAT: parse_spat(job, arg); break;
    case CODEC: job->codec = arg; break;
    default: break;
    }
}

static void parse(struct job *job, int argc, char **argv) {
    const char *arg;
    cli_start(&job->c, &spec, argc, argv, NULL);
    for (int key; (key = cli_next(&job->c, &arg));) take_option(job, key, arg);
    if (job->c.argc < 1) cli_usage(&job->c, "no source: give files of streets and buildings");
    if (!job->c.output) cli_usage(&job->c, "-o: say where to write");
    job->source.paths = (const char *const *)job->c.argv;
    job->source.paths_n = job->c.argc;
    job->source.seed = job->world_seed;
    if (!job->width) job->width = job->pairs ? 64 : 96, job->height = 64;
    if (job->setup.hold_out && job->setup.hour_high <= job->setup.hour_low)
        cli_usage(&job->c, "--hold-out: drives at one hour are no others; give --hours A-B");
    if (job->setup.aspect <= 0)
        job->setup.aspect = job->pairs ? 1.5 : (double)job->width / job->height;
    job->setup.whole_hours = job->setup.hour_high > job->setup.hour_low && !job->pairs;
    job->threads = job->c.threads ? job->c.threads : omp_get_max_threads();
}

/* ------------------------------------------------------------------- output */

static void make_folder(const struct job *job, const char *path) {
    if (mkdir(path, 0777) == 0) return;
    if (errno != EEXIST) world_die("%s: %s", path, strerror(errno));
    if (!job->c.overwrite) world_die("%s: is there already; see --overwrite", path);
}

/* The track of drive n begins at its hour of the n-th day from 1 June 2024, or of one 5,000 days
 * before: the clock of an MP4 file ends in February 2040. */
static int64_t start_of(const struct drive *d, size_t number) {
    return 1717200000000 + (int64_t)(number % 5000) * 86400000 + llround(d->hour * 3600) * 1000;
}

static void film_drive(const struct job *job, const struct drive *d, size_t number,
                       struct picture *p) {
    char name[32], path[4096], track[4096];
    struct fix *fixes = world_zeros(d->setup->frames, sizeof *fixes);
    int64_t start = start_of(d, number);
    snprintf(name, sizeof name, "drive-%04zu", number + 1);
    snprintf(track, sizeof track, "%s/%s.gpx", job->c.output, name);
    snprintf(path, sizeof path, "%s/%s%s", job->c.output, name,
             job->as == AS_PICTURES                          ? ""
             : job->codec && !strncmp(job->codec, "ffv1", 4) ? ".mkv"
                                                             : ".mp4");
    if (job->as == AS_PICTURES) {
        make_folder(job, path);
        strncat(path, "/%04d.png", sizeof path - strlen(path) - 1);
    }
    const char *codec = job->as == AS_PICTURES ? NULL : job->codec ? job->codec : "mpeg4";
    film *f = film_open(path, codec, job->width, job->height, d->setup->fps, start);
    for (size_t i = 0; i < d->setup->frames; i++) {
        struct shot shot;
        drive_shoot(d, &job->scene, i, &shot, p);
        film_add(f, p->rgb, shot.time_s);
        fixes[i] = (struct fix){shot.lon_deg, shot.lat_deg, shot.time_s};
    }
    film_close(f);
    film_track(track, name, fixes, d->setup->frames, start);
    free(fixes);
}

static void count_frames(struct job *job, const struct drive *d) {
    for (size_t i = 0; i < d->setup->frames; i++) job->counts[d->state[i]]++;
}

static void film_all(struct job *job) {
    size_t done = 0;
    make_folder(job, job->c.output);
    cli_progress_start(&job->c, &job->progress, "drives");
#pragma omp parallel num_threads(job->threads)
    {
        struct picture p;
        picture_open(&p, job->width, job->height);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < job->drives; i++) {
            struct drive d;
            drive_plan(&d, &job->setup, &job->graph, i);
            film_drive(job, &d, i, &p);
#pragma omp critical
            {
                count_frames(job, &d);
                cli_progress_show(&job->progress, ++done, job->drives);
            }
            drive_free(&d);
        }
        picture_close(&p);
    }
    cli_progress_end(&job->progress, done);
}

/* ------------------------------------------------------------------- albums */

static void note(struct album *a, size_t at, const struct shot *shot, double hour) {
    a->lonlat[2 * at] = shot->lon_deg;
    a->lonlat[2 * at + 1] = shot->lat_deg;
    a->heading_deg[at] = (float)fmod(shot->camera.heading_deg + 360, 360);
    a->hour[at] = (float)hour;
}

static void album_drive(struct job *job, struct album *a, size_t number, uint8_t *pictures,
                        struct picture *p) {
    struct drive d;
    drive_plan(&d, &job->setup, &job->graph, number);
    for (size_t i = 0; i < job->setup.frames; i++) {
        struct shot shot;
        size_t at = number * job->setup.frames + i;
        drive_shoot(&d, &job->scene, i, &shot, p);
        memcpy(pictures + i * a->picture_size, p->rgb, a->picture_size);
        note(a, at, &shot, d.hour);
        a->place[at] = (int32_t)number;
        a->frame[at] = (int32_t)i;
        a->state[at] = d.state[i];
    }
#pragma omp critical
    count_frames(job, &d);
    drive_free(&d);
}

static void album_pair(struct job *job, struct album *a, size_t number, uint8_t *pictures,
                       struct picture p[2]) {
    struct shot shots[2];
    double hours[2];
    pair_shoot(&job->setup, &job->graph, &job->scene, number, shots, hours, p);
    for (size_t k = 0; k < 2; k++) {
        memcpy(pictures + k * a->picture_size, p[k].rgb, a->picture_size);
        note(a, 2 * number + k, &shots[k], hours[k]);
    }
    a->place[number] = (int32_t)number;
#pragma omp atomic
    job->counts[FRAME_CLEAR] += 2;
}

/* Drives or pairs by the batch: drawn by all threads, then written in order. */
static void album_all(struct job *job) {
    struct album a;
    struct cli_output out;
    size_t n = job->pairs ? job->pairs : job->drives;
    size_t each = job->pairs ? 2 : job->setup.frames, batch = 4096 / each + 1;
    if (!cli_output_open(&job->c, &out)) exit(CLI_FAILED);
    album_open(&a, out.file, job->pairs ? n : n * each, job->pairs ? 2 : 1, job->width,
               job->height);
    size_t bytes = each * a.picture_size;
    uint8_t *pictures = world_zeros(batch, bytes);
    cli_progress_start(&job->c, &job->progress, job->pairs ? "pairs" : "drives");
    for (size_t first = 0; first < n; first += batch) {
        size_t some = n - first < batch ? n - first : batch;
#pragma omp parallel num_threads(job->threads)
        {
            struct picture p[2];
            for (int k = 0; k < 2; k++) picture_open(&p[k], job->width, job->height);
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < some; i++) {
                if (job->pairs)
                    album_pair(job, &a, first + i, pictures + i * bytes, p);
                else
                    album_drive(job, &a, first + i, pictures + i * bytes, p);
            }
            for (int k = 0; k < 2; k++) picture_close(&p[k]);
        }
        if (fwrite(pictures, bytes, some, out.file) != some)
            world_die("%s: %s", job->c.output, strerror(errno));
        cli_progress_show(&job->progress, first + some, n);
    }
    cli_progress_end(&job->progress, n);
    free(pictures);
    album_close(&a);
    if (!cli_output_commit(&job->c, &out)) exit(CLI_FAILED);
}

int main(int argc, char **argv) {
    struct job job = {.drives = 1,
                      .world_seed = 1,
                      .setup = {.seed = 1,
                                .frames = 64,
                                .spacing_m = 20,
                                .fps = 1,
                                .hidden = 0.45,
                                .hidden_run = 2,
                                .mist = 0.04,
                                .hour_low = 6,
                                .hour_high = 20,
                                .overcast = -1,
                                .shake = 1,
                                .lane_m = 1.6,
                                .fov_deg = 90,
                                .eye_m = 1.6}};
    parse(&job, argc, argv);
    shapes_read(&job.shapes, &job.source);
    scene_build(&job.scene, &job.shapes, job.world_seed);
    graph_build(&job.graph, &job.shapes);
    if (job.pairs || job.as == AS_ALBUM)
        album_all(&job);
    else
        film_all(&job);
    if (strcmp(job.c.output, "-") != 0)
        printf(
            "{\"frames\":%zu,\"hidden\":%zu,\"mist\":%zu,\"streets_m\":%.0f,\"buildings\":%zu}\n",
            job.counts[0] + job.counts[1] + job.counts[2], job.counts[FRAME_HIDDEN],
            job.counts[FRAME_MIST], job.graph.length_m, job.shapes.buildings_n);
    graph_free(&job.graph);
    scene_free(&job.scene);
    shapes_free(&job.shapes);
    return 0;
}
