#include "dataset.h"
#include "cities.h"
#include "context.h"
#include "csv.h"
#include "listing.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* BDD100k's files are of 1 to 3 MB: accelerometer and gyroscope stand beside the positions. */
#define MAX_INFO_BYTES ((off_t)256 << 20)

struct picture { /* of MSLS */
    char *key, *sequence;
    double frame, place[2];
    bool located, pano;
};

struct gallery_dataset {
    gallery_context *ctx;
    gallery_dataset_setup setup;
    gallery_listing outer; /* MSLS: CITY/SIDE; CityGuessr68k: CITY/VIDEO; BDD100k: VIDEO */
    size_t at;
    unsigned long long given;
    gallery_cities *cities;
    /* of the folder in reading, MSLS */
    struct picture *pictures; /* by sequence and frame */
    size_t picture_count, picture_room, next_picture;
    /* of the last source */
    char *name, *video;
    gallery_listing paths;
    double *places;
    char trouble[1024];
};

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...) {
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

static int out_of_memory(const gallery_dataset *d) {
    return gallery_fail_memory(d->ctx, 256);
}

/* The entries of FOLDER/INNER as INNER/NAME, for each of the names. */
static int list_nested(gallery_dataset *d, const char *folder, const gallery_listing *names) {
    int status = GALLERY_OK;
    for (size_t i = 0; status == GALLERY_OK && i < names->n; i++) {
        gallery_listing inner = {0};
        char *path = text_of("%s/%s", folder, names->names[i]);
        status = path ? gallery_listing_read(d->ctx, path, "", &inner) : out_of_memory(d);
        for (size_t k = 0; status == GALLERY_OK && k < inner.n; k++)
            status = gallery_listing_add(d->ctx, &d->outer,
                                         text_of("%s/%s", names->names[i], inner.names[k]));
        gallery_listing_free(&inner);
        free(path);
    }
    return status;
}

static int open_nested(gallery_dataset *d, const char *part) {
    gallery_listing names;
    char *folder = text_of("%s/%s", d->setup.root, part);
    int status = folder ? gallery_listing_read(d->ctx, folder, "", &names) : out_of_memory(d);
    if (status == GALLERY_OK) {
        status = list_nested(d, folder, &names);
        gallery_listing_free(&names);
    }
    free(folder);
    return status;
}

/* -------------------------------------------------------------------- sources */

static void clear_source(gallery_dataset *d) {
    gallery_listing_free(&d->paths);
    free(d->name);
    free(d->video);
    free(d->places);
    d->name = d->video = NULL;
    d->places = NULL;
}

static int give_pictures(gallery_dataset *d, gallery_dataset_source *s) {
    *s = (gallery_dataset_source){.name = d->name,
                                  .paths = (const char *const *)d->paths.names,
                                  .places = d->places,
                                  .n = d->paths.n};
    d->given++;
    return GALLERY_OK;
}

/* What is wrong with a source's own files; anything else ends the reading. */
static int tell_trouble(gallery_dataset *d, int status, gallery_dataset_source *s) {
    bool own = status == GALLERY_EIO || status == GALLERY_EFORMAT || status == GALLERY_EVALUE ||
               status == GALLERY_EEMPTY;
    if (!own) return status;
    snprintf(d->trouble, sizeof d->trouble, "%s", gallery_message(d->ctx));
    s->trouble = d->trouble;
    return GALLERY_OK;
}

/* ----------------------------------------------------------------------- MSLS */

bool gallery_dataset_is_validation(const char *sequence) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *sequence; sequence++)
        hash = (hash ^ (unsigned char)*sequence) * UINT64_C(1099511628211);
    return hash % 10 == 0;
}

static void forget_pictures(gallery_dataset *d) {
    for (size_t i = 0; i < d->picture_count; i++) {
        free(d->pictures[i].key);
        free(d->pictures[i].sequence);
    }
    d->picture_count = d->next_picture = 0;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct picture *)a)->key, ((const struct picture *)b)->key);
}

static int by_sequence(const void *a, const void *b) {
    const struct picture *x = a, *y = b;
    int order = strcmp(x->sequence, y->sequence);
    if (order) return order;
    return x->frame != y->frame ? (x->frame < y->frame ? -1 : 1) : strcmp(x->key, y->key);
}

static int add_picture(gallery_dataset *d, const char *key, const char *sequence, double frame) {
    if (d->picture_count == d->picture_room) {
        size_t room = d->picture_room ? 2 * d->picture_room : 256;
        struct picture *pictures = realloc(d->pictures, room * sizeof *pictures);
        if (!pictures) return out_of_memory(d);
        d->pictures = pictures;
        d->picture_room = room;
    }
    struct picture *p = &d->pictures[d->picture_count++];
    *p = (struct picture){.key = strdup(key), .sequence = strdup(sequence), .frame = frame};
    return p->key && p->sequence ? GALLERY_OK : out_of_memory(d);
}

static int read_sequences(gallery_dataset *d, gallery_csv *csv) {
    int key, sequence, frame, status;
    double number;
    GALLERY_TRY(gallery_csv_need(csv, "key", &key));
    GALLERY_TRY(gallery_csv_need(csv, "sequence_key", &sequence));
    GALLERY_TRY(gallery_csv_need(csv, "frame_number", &frame));
    while ((status = gallery_csv_next(csv)) == GALLERY_OK) {
        const char *name = gallery_csv_field(csv, key);
        if (!*name || strchr(name, '/') || *name == '.')
            return gallery_csv_refuse(csv, "a key that is no picture's name");
        GALLERY_TRY(gallery_csv_number(csv, frame, &number));
        GALLERY_TRY(add_picture(d, name, gallery_csv_field(csv, sequence), number));
    }
    return status == GALLERY_END ? GALLERY_OK : status;
}

static int read_places(gallery_dataset *d, gallery_csv *csv) {
    int key, lon, lat, pano, status;
    GALLERY_TRY(gallery_csv_need(csv, "key", &key));
    GALLERY_TRY(gallery_csv_need(csv, "lon", &lon));
    GALLERY_TRY(gallery_csv_need(csv, "lat", &lat));
    GALLERY_TRY(gallery_csv_need(csv, "pano", &pano));
    while ((status = gallery_csv_next(csv)) == GALLERY_OK) {
        struct picture wanted = {.key = (char *)gallery_csv_field(csv, key)};
        struct picture *p = d->picture_count
                                ? bsearch(&wanted, d->pictures, d->picture_count, sizeof *p, by_key)
                                : NULL;
        if (!p) continue;
        const char *flag = gallery_csv_field(csv, pano);
        p->pano = *flag == 'T' || *flag == 't' || *flag == '1';
        GALLERY_TRY(gallery_csv_position(csv, lon, lat, p->place));
        p->located = true;
    }
    return status == GALLERY_END ? GALLERY_OK : status;
}

static int read_table(gallery_dataset *d, const char *side, const char *file,
                      int (*read)(gallery_dataset *, gallery_csv *)) {
    gallery_csv *csv = NULL;
    char *path = text_of("%s/train_val/%s/%s", d->setup.root, side, file);
    int status = path ? gallery_csv_open(d->ctx, path, &csv) : out_of_memory(d);
    if (status == GALLERY_OK) status = read(d, csv);
    gallery_csv_close(csv);
    free(path);
    return status;
}

/* Panoramas, and pictures that raw.csv does not know, are dropped. */
static int read_side(gallery_dataset *d, const char *side) {
    size_t kept = 0;
    forget_pictures(d);
    GALLERY_TRY(read_table(d, side, "seq_info.csv", read_sequences));
    if (d->picture_count) qsort(d->pictures, d->picture_count, sizeof *d->pictures, by_key);
    GALLERY_TRY(read_table(d, side, "raw.csv", read_places));
    bool validation = !strcmp(d->setup.split, "val");
    for (size_t i = 0; i < d->picture_count; i++) {
        struct picture p = d->pictures[i];
        if (p.located && !p.pano && gallery_dataset_is_validation(p.sequence) == validation) {
            d->pictures[kept++] = p;
            continue;
        }
        free(p.key);
        free(p.sequence);
    }
    d->picture_count = kept;
    if (kept) qsort(d->pictures, kept, sizeof *d->pictures, by_sequence);
    return GALLERY_OK;
}

static int next_msls(gallery_dataset *d, gallery_dataset_source *s) {
    while (d->next_picture == d->picture_count) {
        if (d->at == d->outer.n) return GALLERY_END;
        GALLERY_TRY(read_side(d, d->outer.names[d->at++]));
    }
    const char *side = d->outer.names[d->at - 1];
    const struct picture *first = &d->pictures[d->next_picture];
    size_t n = 1, left = d->picture_count - d->next_picture;
    while (n < left && !strcmp(first[n].sequence, first->sequence)) n++;
    d->name = text_of("%s/%s", side, first->sequence);
    d->places = malloc(n * 2 * sizeof *d->places);
    if (!d->name || !d->places) return out_of_memory(d);
    for (size_t i = 0; i < n; i++) {
        memcpy(d->places + 2 * i, first[i].place, sizeof first[i].place);
        GALLERY_TRY(gallery_listing_add(
            d->ctx, &d->paths,
            text_of("%s/train_val/%s/images/%s.jpg", d->setup.root, side, first[i].key)));
    }
    d->next_picture += n;
    return give_pictures(d, s);
}

/* -------------------------------------------------------------- CityGuessr68k */

static bool find_center(const gallery_dataset *d, const char *city, size_t n, double center[2]) {
    for (size_t i = 0; i < gallery_cities_count(d->cities); i++) {
        const char *name = gallery_cities_name(d->cities, i, center);
        if (strlen(name) == n && !strncmp(name, city, n)) return true;
    }
    return false;
}

/* The pictures of a folder, all at one place. */
static int read_folder(gallery_dataset *d, const char *folder, const double center[2]) {
    gallery_listing names = {0};
    int status = gallery_listing_read(d->ctx, folder, ".jpg", &names);
    if (status == GALLERY_OK && !names.n)
        status = gallery_fail(d->ctx, GALLERY_EEMPTY, "%s: no pictures in it", folder);
    if (status == GALLERY_OK && !(d->places = malloc(names.n * 2 * sizeof *d->places)))
        status = out_of_memory(d);
    for (size_t i = 0; status == GALLERY_OK && i < names.n; i++) {
        memcpy(d->places + 2 * i, center, 2 * sizeof *center);
        status = gallery_listing_add(d->ctx, &d->paths, text_of("%s/%s", folder, names.names[i]));
    }
    gallery_listing_free(&names);
    return status;
}

static int next_cityguessr(gallery_dataset *d, gallery_dataset_source *s) {
    double center[2];
    if (d->at == d->outer.n) return GALLERY_END;
    const char *video = d->outer.names[d->at++];
    size_t n = strcspn(video, "/");
    if (!find_center(d, video, n, center))
        return gallery_fail(d->ctx, GALLERY_EFORMAT, "%s: knows no city '%.*s', which %s has",
                            d->setup.centers, (int)(n < 200 ? n : 200), video, d->setup.root);
    char *folder = text_of("%s/%s/%s", d->setup.root, d->setup.split, video);
    d->name = strdup(video);
    int status = folder && d->name ? read_folder(d, folder, center) : out_of_memory(d);
    free(folder);
    give_pictures(d, s);
    return tell_trouble(d, status, s);
}

/* -------------------------------------------------------------------- BDD100k */

/* One line: a video's id, and perhaps how many frames somebody took of it. */
static int read_ids(gallery_dataset *d) {
    char line[512], id[256];
    unsigned long long number = 0;
    int status = GALLERY_OK;
    FILE *file = fopen(d->setup.ids, "re");
    if (!file) return gallery_fail_errno(d->ctx, d->setup.ids);
    while (status == GALLERY_OK && fgets(line, sizeof line, file)) {
        long long count;
        char rest;
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        int fields = sscanf(line, "%255s %lld %c", id, &count, &rest);
        if (fields == EOF) continue;
        bool known = fields == 2 || (fields == 1 && strcspn(line, " \t") == strlen(line));
        if (!known || strchr(id, '/') || *id == '.')
            status = gallery_fail(d->ctx, GALLERY_EFORMAT,
                                  "%s:%llu: not a video's id [and a count]", d->setup.ids, number);
        else
            status = gallery_listing_add(d->ctx, &d->outer, strdup(id));
    }
    if (status == GALLERY_OK && ferror(file)) status = gallery_fail_errno(d->ctx, d->setup.ids);
    fclose(file);
    return status;
}

static int open_bdd100k(gallery_dataset *d) {
    if (d->setup.ids) return read_ids(d);
    char *folder = text_of("%s/videos/%s", d->setup.root, d->setup.split);
    int status =
        folder ? gallery_listing_read(d->ctx, folder, ".mov", &d->outer) : out_of_memory(d);
    for (size_t i = 0; status == GALLERY_OK && i < d->outer.n; i++)
        d->outer.names[i][strlen(d->outer.names[i]) - 4] = '\0';
    free(folder);
    return status;
}

static int refuse_info(const gallery_dataset *d, const char *path, const char *why) {
    return gallery_fail(d->ctx, GALLERY_EFORMAT, "%s: %.300s", path, why);
}

/* locations[{timestamp, latitude, longitude}], times in ms; the video begins at startTime. */
static int track_of_info(gallery_dataset *d, const char *path, const json_t *info,
                         gallery_track *track) {
    const json_t *locations = json_object_get(info, "locations"), *place;
    const json_t *start = json_object_get(info, "startTime");
    size_t i;
    if (!json_is_array(locations)) return refuse_info(d, path, "has no array `locations`");
    double start_ms = json_is_number(start) ? json_number_value(start) : NAN;
    json_array_foreach(locations, i, place) {
        const json_t *time = json_object_get(place, "timestamp");
        const json_t *lat = json_object_get(place, "latitude");
        const json_t *lon = json_object_get(place, "longitude");
        if (!json_is_number(time) || !json_is_number(lat) || !json_is_number(lon))
            return refuse_info(d, path,
                               "a location without timestamp, latitude and longitude as numbers");
        if (isnan(start_ms)) start_ms = json_number_value(time);
        GALLERY_TRY(gallery_track_add(track, (json_number_value(time) - start_ms) / 1000,
                                      json_number_value(lon), json_number_value(lat), true));
    }
    return GALLERY_OK;
}

/* A video whose receiver never had a fix is one without truth. */
static int read_info(gallery_dataset *d, const char *path, gallery_track **track) {
    json_error_t error;
    struct stat st;
    *track = NULL;
    if (stat(path, &st)) return gallery_fail_errno(d->ctx, path);
    if (!S_ISREG(st.st_mode) || st.st_size > MAX_INFO_BYTES)
        return refuse_info(d, path, "not a file of at most 256 MiB");
    json_t *info = json_load_file(path, 0, &error);
    if (!info) return refuse_info(d, path, error.text);
    int status = gallery_track_new(d->ctx, path, GALLERY_CLOCK_VIDEO, track);
    if (status == GALLERY_OK) status = track_of_info(d, path, info, *track);
    if (status == GALLERY_OK) status = gallery_track_finish(*track);
    json_decref(info);
    if (status == GALLERY_OK) return status;
    gallery_track_close(*track);
    *track = NULL;
    return status == GALLERY_EEMPTY ? GALLERY_OK : status;
}

static int next_bdd100k(gallery_dataset *d, gallery_dataset_source *s) {
    if (d->at == d->outer.n) return GALLERY_END;
    const char *id = d->outer.names[d->at++];
    char *info = text_of("%s/info/100k/%s/%s.json", d->setup.root, d->setup.split, id);
    d->name = strdup(id);
    d->video = text_of("%s/videos/%s/%s.mov", d->setup.root, d->setup.split, id);
    *s = (gallery_dataset_source){.name = d->name, .video = d->video};
    int status = info && d->name && d->video ? read_info(d, info, &s->track) : out_of_memory(d);
    free(info);
    d->given++;
    return tell_trouble(d, status, s);
}

/* ------------------------------------------------------------------------ all */

static int open_kind(gallery_dataset *d) {
    switch (d->setup.kind) {
    case GALLERY_MSLS:
        if (strcmp(d->setup.split, "train") != 0 && strcmp(d->setup.split, "val") != 0)
            return gallery_fail(d->ctx, GALLERY_EUSAGE, "the splits of MSLS are train and val");
        return open_nested(d, "train_val");
    case GALLERY_BDD100K: return open_bdd100k(d);
    default:
        GALLERY_TRY(gallery_cities_open(d->ctx, d->setup.centers, NULL, &d->cities));
        return open_nested(d, d->setup.split);
    }
}

int gallery_dataset_open(gallery_context *ctx, const gallery_dataset_setup *setup,
                         gallery_dataset **out) {
    *out = NULL;
    gallery_dataset *d = calloc(1, sizeof *d);
    if (!d) return gallery_fail_memory(ctx, sizeof *d);
    d->ctx = ctx;
    d->setup = *setup;
    int status = open_kind(d);
    if (status == GALLERY_OK)
        *out = d;
    else
        gallery_dataset_close(d);
    return status;
}

void gallery_dataset_close(gallery_dataset *d) {
    if (!d) return;
    clear_source(d);
    forget_pictures(d);
    gallery_listing_free(&d->outer);
    gallery_cities_close(d->cities);
    free(d->pictures);
    free(d);
}

int gallery_dataset_next(gallery_dataset *d, gallery_dataset_source *source) {
    clear_source(d);
    *source = (gallery_dataset_source){0};
    int status = d->setup.kind == GALLERY_MSLS      ? next_msls(d, source)
                 : d->setup.kind == GALLERY_BDD100K ? next_bdd100k(d, source)
                                                    : next_cityguessr(d, source);
    if (status == GALLERY_END && !d->given)
        return gallery_fail(d->ctx, GALLERY_EEMPTY, "%s: nothing of split '%.100s' in it",
                            d->setup.root, d->setup.split);
    return status;
}
