/* What vt-train reads: caches as they are, streams by way of a cache, the points of galleries. */
#include "train.h"

#include "libgallery/record.h"
#include "libgallery/stream.h"
#include "libgallery/walk.h"
#include "libinfer/cache.h"
#include "libinfer/model.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
    struct train *t;
    gallery_context *context;
    gallery_stream *stream;
    infer_cache_writer *writer;
    struct cli_progress progress;
    unsigned long long frames, without, wrong;
};

static bool out_of_memory(const struct train *t) {
    cli_error(&t->c, "out of memory");
    return false;
}

static bool infer_ok(const struct train *t, int status) {
    if (status != INFER_OK) cli_error(&t->c, "%s", infer_message(t->infer));
    return status == INFER_OK;
}

/* --------------------------------------------------------------------- frames */

static bool take_frame(struct reading *r, const gallery_record *record) {
    const struct train *t = r->t;
    const char *source = gallery_record_string(record, "source");
    double lonlat[2], t_s = NAN;
    const char *why = NULL;
    r->frames++;
    if (gallery_record_truth(record, lonlat, &why) == GALLERY_END) {
        r->without++;
        return true;
    }
    if (why && t->skip_errors) {
        r->wrong++;
        return true;
    }
    if (why) {
        long long frame = -1;
        gallery_record_integer(record, "frame", &frame);
        char place[64] = "";
        if (!isnan(lonlat[0])) snprintf(place, sizeof place, " (%.9g, %.9g)", lonlat[0], lonlat[1]);
        cli_error(&t->c,
                  "source '%.200s', frame %lld: its truth%s %s; --skip-errors leaves such frames "
                  "out",
                  source, frame, place, why);
        return false;
    }
    gallery_record_number(record, "t", &t_s);
    return infer_ok(
        t, infer_cache_add(r->writer, gallery_stream_vector(r->stream), lonlat[0], lonlat[1], t_s));
}

static bool take_record(struct reading *r, const gallery_record *record) {
    const char *source = gallery_record_string(record, "source");
    if (gallery_stream_began(r->stream) && source &&
        !infer_ok(r->t, infer_cache_begin(r->writer, source)))
        return false;
    if (gallery_record_kind(record) != GALLERY_RECORD_FEATURE) return true;
    cli_progress_show(&r->progress, r->frames, 0);
    return take_frame(r, record);
}

static bool read_all(struct reading *r) {
    gallery_record *record;
    int status;
    while ((status = gallery_stream_next(r->stream, &record)) == GALLERY_OK) {
        bool ok = take_record(r, record);
        gallery_record_free(record);
        if (!ok) return false;
    }
    if (status != GALLERY_END) cli_error(&r->t->c, "%s", gallery_message(r->context));
    return status == GALLERY_END;
}

/* Left-out records are told of once, at the end. */
static bool finish(struct reading *r) {
    struct train *t = r->t;
    unsigned long long errors = gallery_stream_errors(r->stream);
    if (!infer_cache_frames(r->writer)) {
        cli_error(&t->c,
                  "none of %llu frames has truth to train on: vt-frames writes it where it knows "
                  "GPS",
                  r->frames);
        return false;
    }
    if (r->without)
        cli_warn(&t->c, "%llu of %llu frames have no truth, and are left out", r->without,
                 r->frames);
    if (r->wrong) cli_warn(&t->c, "%llu frames have a truth that cannot be", r->wrong);
    if (errors) cli_warn(&t->c, "%llu records carry errors, and are left out", errors);
    t->partial = errors || r->wrong;
    return infer_ok(t, infer_cache_finish(r->writer));
}

/* The streams' features into a file. */
static bool fill(struct train *t, const char *const *paths, size_t n, FILE *file,
                 const char *name) {
    infer_model *model;
    if (!infer_ok(t, infer_model_load(t->infer, t->c.model, 0, &model))) return false;
    const infer_model_info *info = infer_model_describe(model);
    const gallery_stream_rules rules = {
        .ids = {{"backbone", info->backbone_id, "this model's", "run vt-frames with this model"}},
        .vector = "feature",
        .dim = (size_t)info->feature_dim,
        .skip_errors = t->skip_errors};
    struct reading r = {.t = t};
    cli_progress_start(&t->c, &r.progress, "frames");
    bool ok = gallery_context_open(1, &r.context) == GALLERY_OK || out_of_memory(t);
    if (ok && gallery_stream_open(r.context, paths, n, &rules, &r.stream) != GALLERY_OK)
        ok = out_of_memory(t);
    ok = ok &&
         infer_ok(t, infer_cache_create(t->infer, file, name, info->backbone_id, rules.dim, !t->f32,
                                        &r.writer)) &&
         read_all(&r) && finish(&r);
    cli_progress_end(&r.progress, r.frames);
    infer_cache_close(r.writer);
    gallery_stream_close(r.stream);
    gallery_context_close(r.context);
    infer_model_close(model);
    return ok;
}

/* --------------------------------------------------------------------- caches */

static bool keep(struct train *t, const char *const *paths, size_t n) {
    struct cli_output out;
    cli file = t->c;
    file.output = t->cache;
    if (!cli_output_open(&file, &out)) return false;
    bool ok = out.path != NULL;
    if (!ok) cli_error(&t->c, "--cache: %s is not a file", t->cache);
    if (ok && fill(t, paths, n, out.file, t->cache)) return cli_output_commit(&file, &out);
    cli_output_abandon(&out);
    return false;
}

/* Where TMPDIR says, as a data set's features may need more room than /tmp has. */
static bool hold(struct train *t, const char *const *paths, size_t n) {
    const char *folder = getenv("TMPDIR");
    char *name = NULL;
    if (!folder || !*folder) folder = "/tmp";
    if (asprintf(&name, "%s/vt-train-XXXXXX", folder) < 0) return out_of_memory(t);
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0) unlink(name);
    t->made = fd < 0 ? NULL : fdopen(fd, "w+");
    free(name);
    if (!t->made) {
        cli_error(&t->c, "%s: no file for the features (TMPDIR may name another folder): %s",
                  folder, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    snprintf(t->made_path, sizeof t->made_path, "/proc/self/fd/%d", fileno(t->made));
    return fill(t, paths, n, t->made, "the features' temporary file");
}

static void add_path(struct train *t, const char *path, const char *name) {
    t->paths[t->path_count] = path;
    t->names[t->path_count++] = name;
}

bool train_input(struct train *t) {
    size_t all = (size_t)t->c.argc, streams = 0;
    const char **list = calloc(all + 1, sizeof *list);
    t->paths = calloc(all + 1, sizeof *t->paths);
    t->names = calloc(all + 1, sizeof *t->names);
    if (!list || !t->paths || !t->names) {
        free(list);
        return out_of_memory(t);
    }
    for (size_t i = 0; i < all; i++) {
        if (!t->o.phase && !t->cache)
            add_path(t, t->c.argv[i], t->c.argv[i]);
        else if (strcmp(t->c.argv[i], "-") && infer_cache_looks_like(t->c.argv[i]))
            add_path(t, t->c.argv[i], t->c.argv[i]);
        else
            list[streams++] = t->c.argv[i];
    }
    bool ok = true;
    if (t->cache && !streams && all)
        cli_usage(&t->c, "--cache has no effect: the operands are caches already");
    if (t->skip_errors && !streams && all) {
        infer_train_lock_release(t->lock);
        cli_usage(&t->c, "--skip-errors has no effect: the operands are caches");
    }
    if (streams || !all) {
        ok = t->cache ? keep(t, list, streams) : hold(t, list, streams);
        if (!t->cache) add_path(t, t->made_path, "the features' temporary file");
    }
    free(list);
    return ok;
}

void train_input_close(struct train *t) {
    if (t->made) fclose(t->made);
    free(t->paths);
    free(t->names);
    free(t->points);
}

/* --------------------------------------------------------------------- points */

static bool walk(struct train *t, gallery_walk *w, size_t *capacity) {
    gallery_item item;
    int status;
    while ((status = gallery_walk_next(w, &item)) == GALLERY_OK) {
        if (t->o.point_count == *capacity) {
            *capacity = 2 * *capacity + 4096;
            double *grown = realloc(t->points, *capacity * 2 * sizeof *grown);
            if (!grown) return out_of_memory(t);
            t->points = grown;
        }
        t->points[2 * t->o.point_count] = item.lon_deg;
        t->points[2 * t->o.point_count++ + 1] = item.lat_deg;
    }
    return status == GALLERY_END;
}

bool train_points(struct train *t) {
    gallery_context *context;
    size_t capacity = 0;
    if (!t->c.gallery_count) return true;
    if (gallery_context_open(t->c.threads, &context) != GALLERY_OK) return out_of_memory(t);
    bool ok = true;
    t->o.point_count = 0;
    for (int i = 0; ok && i < t->c.gallery_count; i++) {
        gallery_walk *w = NULL;
        ok = gallery_walk_open(context, t->c.galleries[i], false, &w) == GALLERY_OK &&
             walk(t, w, &capacity);
        if (!ok) cli_error(&t->c, "%s", gallery_message(context));
        gallery_walk_close(w);
    }
    if (ok && !t->o.point_count) {
        cli_error(&t->c, "%s: holds no point", t->c.gallery);
        ok = false;
    }
    gallery_context_close(context);
    t->o.points = t->points;
    return ok;
}
