/* transfer.c - vt-index's commands that carry points from one place to another. */
#include "index.h"
#include "libgallery/compare.h"
#include "libgallery/dump.h"
#include "libgallery/geodesy.h"
#include "libgallery/make.h"
#include "libgallery/record.h"
#include "libgallery/walk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void show(struct index_job *job, unsigned long long total) {
    cli_progress_show(&job->progress, ++job->done, total);
}

static bool end(struct index_job *job, bool ok) {
    cli_progress_end(&job->progress, job->done);
    return ok;
}

/* -------------------------------------------------------------- out of a gallery */

typedef bool (*write_fn)(struct index_job *job, const gallery_item *item, void *user);

/* All points of the walk through `write`. */
static bool write_all(struct index_job *job, gallery_walk *w, write_fn write, void *user) {
    gallery_item item;
    gallery_archive_info info;
    int status;
    gallery_walk_describe(w, &info);
    cli_progress_start(&job->c, &job->progress, "points");
    while ((status = gallery_walk_next(w, &item)) == GALLERY_OK) {
        if (!write(job, &item, user)) return end(job, false);
        show(job, info.points);
    }
    return end(job, status == GALLERY_END || index_ok(job, status));
}

static bool write_archived(struct index_job *job, const gallery_item *item, void *user) {
    return index_ok(job, gallery_archive_writer_add(user, item));
}

bool index_export(struct index_job *job) {
    gallery_walk *w = NULL;
    gallery_archive_writer *writer = NULL;
    gallery_archive_info info = {0};
    const char *name = cli_output_name(&job->c);
    if (!job->c.output && isatty(STDOUT_FILENO))
        cli_usage(&job->c, "an archive is not for a terminal: give -o FILE");
    bool ok = index_ok(job, gallery_walk_open(job->ctx, job->c.gallery, !job->points_only, &w)) &&
              cli_output_open(&job->c, &job->out);
    if (ok) gallery_walk_describe(w, &info);
    info.embeddings &= !job->points_only;
    ok =
        ok &&
        index_ok(job, gallery_archive_writer_open(job->ctx, job->out.file, name, &info, &writer)) &&
        write_all(job, w, write_archived, writer) &&
        index_ok(job, gallery_archive_writer_finish(writer)) &&
        cli_output_commit(&job->c, &job->out);
    cli_output_abandon(&job->out);
    gallery_archive_writer_close(writer);
    gallery_walk_close(w);
    return ok;
}

static bool write_dumped(struct index_job *job, const gallery_item *item, void *user) {
    const gallery_point point = {.id = item->id,
                                 .lon_deg = item->lon_deg,
                                 .lat_deg = item->lat_deg,
                                 .properties = item->properties};
    int status = job->embeddings
                     ? gallery_item_write(job->ctx, item, user, job->out.file, job->out.flush)
                     : gallery_point_write(job->ctx, &point, job->out.file, job->out.flush);
    if (status != GALLERY_OK)
        cli_error(&job->c, "%s: %s", cli_output_name(&job->c), gallery_message(job->ctx));
    return status == GALLERY_OK;
}

/* Tags stand apart by tabs too: a name may hold anything else that one could put between them. */
static bool write_listed(struct index_job *job, const gallery_item *item, void *user) {
    char id[17];
    (void)user;
    gallery_id_format(item->id, id);
    fprintf(job->out.file, "%s\t%.7f\t%.7f", id, item->lon_deg, item->lat_deg);
    for (const char *name = item->tags; name;) {
        size_t length = strcspn(name, "\n");
        if (length) fprintf(job->out.file, "\t%.*s", (int)length, name);
        name = name[length] ? name + length + 1 : NULL;
    }
    fputc('\n', job->out.file);
    if (!ferror(job->out.file) && (!job->out.flush || !fflush(job->out.file))) return true;
    cli_refuse_write(&job->c, errno);
    return false;
}

static bool print_points(struct index_job *job, bool embeddings, write_fn write) {
    gallery_walk *w = NULL;
    gallery_archive_info info;
    bool ok = index_ok(job, gallery_walk_open(job->ctx, job->c.gallery, embeddings, &w)) &&
              cli_output_open(&job->c, &job->out);
    if (ok) gallery_walk_describe(w, &info);
    if (ok && embeddings && !info.embeddings) {
        cli_error(&job->c, "%s: an archive of points alone has no embeddings", job->c.gallery);
        ok = false;
    }
    ok = ok && write_all(job, w, write, &info.setup) && cli_output_commit(&job->c, &job->out);
    cli_output_abandon(&job->out);
    gallery_walk_close(w);
    return ok;
}

bool index_dump(struct index_job *job) {
    return print_points(job, job->embeddings, write_dumped);
}

bool index_list(struct index_job *job) {
    return print_points(job, false, write_listed);
}

/* ------------------------------------------------------------- into a new gallery */

static bool add(struct index_job *job, const gallery_item *item, void *user) {
    return index_ok(job, gallery_maker_add(user, item));
}

bool index_import(struct index_job *job) {
    gallery_archive *a = NULL;
    gallery_archive_info info = {0};
    gallery_maker *m = NULL;
    gallery_item item;
    int status = gallery_archive_open(job->ctx, *job->c.argv, &a);
    if (status == GALLERY_OK) {
        gallery_archive_describe(a, &info);
        status = gallery_maker_open(job->ctx, job->c.gallery, &info.setup, info.embeddings, &m);
    }
    cli_progress_start(&job->c, &job->progress, "points");
    while (status == GALLERY_OK && (status = gallery_archive_next(a, &item)) == GALLERY_OK) {
        status = gallery_maker_add(m, &item);
        show(job, info.points);
    }
    if (status == GALLERY_END) status = gallery_maker_finish(m);
    bool ok = end(job, index_ok(job, status));
    gallery_maker_close(m);
    gallery_archive_close(a);
    if (ok && !info.embeddings && isatty(STDERR_FILENO))
        cli_warn(&job->c, "%llu points wait for their embedding: vt-embed -m MODEL -g %s /dev/null",
                 info.points, job->c.gallery);
    return ok;
}

/* One record into the gallery, which the first one makes. */
static bool load_one(struct index_job *job, const gallery_reader *reader,
                     const gallery_record *record, gallery_loader *l, gallery_maker **m) {
    gallery_item item;
    if (gallery_loader_take(l, record, &item) != GALLERY_OK) {
        cli_error(&job->c, "%s:%llu: %s", gallery_reader_name(reader), gallery_reader_line(reader),
                  gallery_message(job->ctx));
        return false;
    }
    if (!*m && !index_ok(job, gallery_maker_open(job->ctx, job->c.gallery, gallery_loader_setup(l),
                                                 true, m)))
        return false;
    show(job, 0);
    return add(job, &item, *m);
}

static bool load_file(struct index_job *job, const char *path, gallery_loader *l,
                      gallery_maker **m) {
    gallery_reader *reader;
    gallery_record *record;
    bool ok = index_ok(job, gallery_reader_open(job->ctx, path, &reader));
    int status = GALLERY_OK;
    while (ok && (status = gallery_reader_next(reader, &record)) == GALLERY_OK) {
        ok = load_one(job, reader, record, l, m);
        gallery_record_free(record);
    }
    if (ok && status != GALLERY_END) ok = index_ok(job, status);
    gallery_reader_close(reader);
    return ok;
}

bool index_load(struct index_job *job) {
    gallery_loader *l = NULL;
    gallery_maker *m = NULL;
    bool ok = index_ok(job, gallery_loader_open(job->ctx, job->dtype, &l));
    cli_progress_start(&job->c, &job->progress, "points");
    if (!job->c.argc) ok = ok && load_file(job, "-", l, &m);
    for (int i = 0; ok && i < job->c.argc; i++) ok = load_file(job, job->c.argv[i], l, &m);
    end(job, ok);
    if (ok && !m) {
        cli_error(&job->c, "no points: the input holds no record");
        ok = false;
    }
    ok = ok && index_ok(job, gallery_maker_finish(m));
    gallery_maker_close(m);
    gallery_loader_close(l);
    return ok;
}

/* ---------------------------------------------------------------------- several */

/* A process may open a gallery once only (store.h). */
static bool are_different(struct index_job *job, char *const *paths, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            struct stat a, b;
            if (stat(paths[i], &a) || stat(paths[j], &b)) continue;
            if (a.st_dev != b.st_dev || a.st_ino != b.st_ino) continue;
            cli_error(&job->c, "%s and %s are the same file", paths[j], paths[i]);
            return false;
        }
    return true;
}

static bool check_shard(struct index_job *job, const char *path, const gallery_archive_info *info,
                        const gallery_setup *setup) {
    if (!info->embeddings || info->staged) {
        cli_error(&job->c, "%s: points wait for their embedding; %s it with vt-embed first", path,
                  info->embeddings ? "finish" : "import it, and finish");
        return false;
    }
    if (setup && strcmp(setup->location_id, info->setup.location_id)) {
        cli_error(&job->c, "%s: made for location encoder %s, but %s for %s", path,
                  info->setup.location_id, *job->c.argv, setup->location_id);
        return false;
    }
    if (setup && (setup->dim != info->setup.dim || setup->dtype != info->setup.dtype)) {
        cli_error(&job->c,
                  "%s: keeps embeddings in another type than %s; rebuild one in the other's: "
                  "vt-embed --reembed --dtype TYPE",
                  path, *job->c.argv);
        return false;
    }
    return true;
}

static bool merge_one(struct index_job *job, const char *path, gallery_setup *setup,
                      gallery_maker **m) {
    gallery_walk *w;
    gallery_archive_info info;
    if (!index_ok(job, gallery_walk_open(job->ctx, path, true, &w))) return false;
    gallery_walk_describe(w, &info);
    bool ok = check_shard(job, path, &info, *m ? setup : NULL);
    if (ok && !*m) {
        *setup = info.setup;
        ok = index_ok(job, gallery_maker_open(job->ctx, job->c.gallery, setup, true, m));
    }
    ok = ok && write_all(job, w, add, *m);
    gallery_walk_close(w);
    return ok;
}

bool index_merge(struct index_job *job) {
    gallery_maker *m = NULL;
    gallery_setup setup;
    bool ok = are_different(job, job->c.argv, job->c.argc);
    for (int i = 0; ok && i < job->c.argc; i++) ok = merge_one(job, job->c.argv[i], &setup, &m);
    ok = ok && index_ok(job, gallery_maker_finish(m));
    gallery_maker_close(m);
    return ok;
}

static int write_change(void *user, unsigned change, const gallery_item *item) {
    static const struct {
        unsigned change;
        const char *name;
    } names[] = {{GALLERY_POINT_ADDED, "added"},
                 {GALLERY_POINT_REMOVED, "removed"},
                 {GALLERY_POINT_EMBEDDING, "embedding"},
                 {GALLERY_POINT_ATTRIBUTES, "attributes"},
                 {GALLERY_POINT_TAGS, "tags"}};
    struct index_job *job = user;
    char id[17], lines[64] = "";
    if (!job->records) return 0;
    gallery_record *record = gallery_record_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (change & names[i].change) {
            if (*lines) strcat(lines, "\n");
            strcat(lines, names[i].name);
        }
    gallery_id_format(item->id, id);
    bool ok = record && gallery_record_set_point(record, item->lon_deg, item->lat_deg) &&
              gallery_record_set_string(record, "id", id) &&
              gallery_record_set_lines(record, "change", lines);
    if (!ok) cli_error(&job->c, "out of memory");
    ok = ok && index_ok(job, gallery_record_write(job->ctx, record, job->out.file, job->out.flush));
    gallery_record_free(record);
    return !ok;
}

static void print_counts(FILE *out, const gallery_comparison *d) {
    fprintf(out,
            "added       %llu\nremoved     %llu\nchanged     %llu\n  embedding   %llu\n"
            "  attributes  %llu\n  tags        %llu\nunchanged   %llu\n",
            d->added, d->removed, d->changed, d->embeddings, d->attributes, d->tags, d->unchanged);
}

bool index_diff(struct index_job *job) {
    gallery_walk *old = NULL, *new = NULL;
    gallery_comparison counts;
    char *const *paths = job->c.argv;
    bool ok = are_different(job, paths, 2) &&
              index_ok(job, gallery_walk_open(job->ctx, paths[0], true, &old)) &&
              index_ok(job, gallery_walk_open(job->ctx, paths[1], true, &new)) &&
              cli_output_open(&job->c, &job->out);
    int status = ok ? gallery_compare(job->ctx, old, new, write_change, job, &counts) : GALLERY_OK;
    ok = ok && status != GALLERY_END && index_ok(job, status);
    if (ok && !job->records) print_counts(job->out.file, &counts);
    ok = ok && cli_output_commit(&job->c, &job->out);
    cli_output_abandon(&job->out);
    gallery_walk_close(old);
    gallery_walk_close(new);
    return ok;
}
