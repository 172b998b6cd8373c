#include "stream.h"
#include "context.h"
#include "geodesy.h"

#include <stdlib.h>
#include <string.h>

/* Broken records whose source is not known yet wait for the next one that names it. */
#define MAX_WAITING 1000

struct gallery_stream {
    gallery_context *ctx;
    gallery_stream_rules rules;
    const char *const *paths;
    size_t path_count, next_path;
    gallery_reader *reader; /* of the file in reading; NULL between files */
    bool any;               /* a record has come from this file */

    char *source; /* the open one, or NULL */
    long long count, last_frame;
    bool began; /* the last record was its source's first */
    unsigned long long errors;

    gallery_record *waiting[MAX_WAITING + 1]; /* and the one that told their source */
    size_t waiting_count, waiting_taken;
    bool ready; /* their source is known */

    float *vector;
    double lon_deg, lat_deg;
};

int gallery_stream_open(gallery_context *ctx, const char *const *paths, size_t count,
                        const gallery_stream_rules *rules, gallery_stream **out) {
    static const char *const standard_input[] = {"-"};
    *out = NULL;
    gallery_stream *s = calloc(1, sizeof *s);
    if (!s) return gallery_fail_memory(ctx, sizeof *s);
    s->ctx = ctx;
    s->rules = *rules;
    s->paths = count ? paths : standard_input;
    s->path_count = count ? count : 1;
    s->vector = calloc(rules->dim ? rules->dim : 1, sizeof *s->vector);
    if (!s->vector) {
        gallery_stream_close(s);
        return gallery_fail_memory(ctx, rules->dim * sizeof *s->vector);
    }
    *out = s;
    return GALLERY_OK;
}

void gallery_stream_close(gallery_stream *s) {
    if (!s) return;
    for (size_t i = s->waiting_taken; i < s->waiting_count; i++) gallery_record_free(s->waiting[i]);
    gallery_reader_close(s->reader);
    free(s->source);
    free(s->vector);
    free(s);
}

bool gallery_stream_began(const gallery_stream *s) {
    return s->began;
}

const float *gallery_stream_vector(const gallery_stream *s) {
    return s->vector;
}

void gallery_stream_point(const gallery_stream *s, double *lon_deg, double *lat_deg) {
    *lon_deg = s->lon_deg;
    *lat_deg = s->lat_deg;
}

unsigned long long gallery_stream_errors(const gallery_stream *s) {
    return s->errors;
}

/* "NAME:LINE: " before a reason; long names in the input are cut. */
#define FAIL(s, status, format, ...)                                                     \
    gallery_fail((s)->ctx, status, "%s:%llu: " format, gallery_reader_name((s)->reader), \
                 gallery_reader_line((s)->reader), __VA_ARGS__)

/* ------------------------------------------------------------------------ files */

static int open_file(gallery_stream *s) {
    if (s->next_path == s->path_count) return GALLERY_END;
    GALLERY_TRY(gallery_reader_open(s->ctx, s->paths[s->next_path], &s->reader));
    s->next_path++;
    s->any = false;
    return GALLERY_OK;
}

/* The rules at the end of a file. */
static int close_file(gallery_stream *s) {
    const char *name = gallery_reader_name(s->reader);
    if (s->source)
        return gallery_fail(s->ctx, GALLERY_EFORMAT,
                            "%s: ends within source '%.200s' (records so far: %lld), without its "
                            "end record: the stream is truncated",
                            name, s->source, s->count);
    if (s->waiting_count)
        return gallery_fail(s->ctx, GALLERY_EFORMAT,
                            "%s: ends without an end record: the stream is truncated", name);
    if (!s->any)
        return gallery_fail(s->ctx, GALLERY_EEMPTY,
                            "%s: no records: what should have written them has failed", name);
    gallery_reader_close(s->reader);
    s->reader = NULL;
    return GALLERY_OK;
}

/* ---------------------------------------------------------------------- sources */

static int begin_source(gallery_stream *s, const char *name) {
    s->source = strdup(name);
    if (!s->source) return gallery_fail_memory(s->ctx, strlen(name));
    s->count = 0;
    s->last_frame = -1;
    s->began = true;
    for (size_t i = 0; i < s->waiting_count; i++)
        if (!gallery_record_set_string(s->waiting[i], "source", name))
            return gallery_fail_memory(s->ctx, strlen(name));
    s->count = (long long)s->waiting_count;
    return GALLERY_OK;
}

/* A record of another source while one is open: records were lost, or two streams were mixed. */
static int enter_source(gallery_stream *s, const char *name) {
    if (!s->source) return begin_source(s, name);
    if (!strcmp(s->source, name)) return GALLERY_OK;
    return FAIL(s, GALLERY_EFORMAT,
                "a record of source '%.200s' before the end record of '%.200s': the stream is "
                "truncated, or two were mixed",
                name, s->source);
}

static int end_source(gallery_stream *s, const gallery_record *record) {
    const char *name = gallery_record_string(record, "source");
    long long frames;
    if (!name || !gallery_record_integer(record, "frames", &frames))
        return FAIL(s, GALLERY_EFORMAT, "%s", "an end record without `source` and `frames`");
    GALLERY_TRY(enter_source(s, name));
    if (frames != s->count)
        return FAIL(s, GALLERY_EFORMAT,
                    "source '%.200s': its end record counts %lld, but %lld came: records are lost",
                    name, frames, s->count);
    free(s->source);
    s->source = NULL;
    return GALLERY_OK;
}

/* ----------------------------------------------------------------------- frames */

static int check_id(gallery_stream *s, const gallery_record *record,
                    const gallery_stream_id *rule) {
    const char *id = gallery_record_string(record, rule->key);
    if (!id) return FAIL(s, GALLERY_EFORMAT, "a frame without `%s`", rule->key);
    if (!strcmp(id, rule->id)) return GALLERY_OK;
    return FAIL(s, GALLERY_EMISMATCH, "`%s` is %.40s, but %s is %s; %s", rule->key, id, rule->owner,
                rule->id, rule->remedy);
}

static int check_order(gallery_stream *s, const gallery_record *record) {
    long long frame;
    if (!gallery_record_integer(record, "frame", &frame) || frame < 0)
        return FAIL(s, GALLERY_EFORMAT, "%s", "a frame without `frame`, its number from 0");
    if (frame <= s->last_frame)
        return FAIL(s, GALLERY_EFORMAT, "frame %lld after frame %lld: out of order", frame,
                    s->last_frame);
    s->last_frame = frame;
    return GALLERY_OK;
}

static int check_time(gallery_stream *s, const gallery_record *record) {
    double t_s;
    if (!gallery_record_has(record, "t") || gallery_record_is_null(record, "t") ||
        gallery_record_number(record, "t", &t_s))
        return GALLERY_OK;
    return FAIL(s, GALLERY_EFORMAT, "%s", "a frame's `t` is neither a number of seconds nor null");
}

static int check_point(gallery_stream *s, const gallery_record *record) {
    if (!gallery_record_point(record, &s->lon_deg, &s->lat_deg))
        return FAIL(s, GALLERY_EFORMAT, "%s", "a frame without a Point: vt-query adds it");
    if (!gallery_canonical(&s->lon_deg, &s->lat_deg))
        return FAIL(s, GALLERY_EFORMAT, "a Point at %g, %g, which is not on the Earth", s->lon_deg,
                    s->lat_deg);
    return GALLERY_OK;
}

static int check_vector(gallery_stream *s, const gallery_record *record) {
    char reason[256];
    int status = gallery_record_vector(s->ctx, record, s->rules.vector, s->rules.dim, s->vector);
    if (status == GALLERY_OK) return status;
    memcpy(reason, gallery_message(s->ctx), sizeof reason);
    reason[sizeof reason - 1] = 0;
    return FAIL(s, status, "%s", reason);
}

static int check_frame(gallery_stream *s, const gallery_record *record) {
    for (int i = 0; i < GALLERY_STREAM_IDS; i++)
        if (s->rules.ids[i].key) GALLERY_TRY(check_id(s, record, &s->rules.ids[i]));
    GALLERY_TRY(check_order(s, record));
    GALLERY_TRY(check_time(s, record));
    if (s->rules.point) GALLERY_TRY(check_point(s, record));
    return s->rules.vector ? check_vector(s, record) : GALLERY_OK;
}

static void note_error(gallery_stream *s, const gallery_record *record) {
    long long frame;
    if (gallery_record_integer(record, "frame", &frame) && frame > s->last_frame)
        s->last_frame = frame;
    s->errors++;
}

/* ---------------------------------------------------------------------- records */

/* Makes an error record of a broken one, or of a line that was none. */
static int replace_broken(gallery_stream *s, int status, gallery_record **record) {
    if (!*record) *record = gallery_record_new();
    const char *type = status == GALLERY_EVALUE ? "value" : "format";
    if (!*record || !gallery_record_set_error(*record, type, gallery_message(s->ctx)) ||
        (s->source && !gallery_record_set_string(*record, "source", s->source)))
        return gallery_fail_memory(s->ctx, sizeof(void *));
    s->errors++;
    return GALLERY_OK;
}

/* Reads a record and holds it to the rules. *broken: it failed in itself, not as part of the
 * stream, so that skip_errors may replace it. */
static int read_record(gallery_stream *s, gallery_record **record, bool *broken) {
    int status = gallery_reader_next(s->reader, record);
    *broken = status == GALLERY_EFORMAT;
    if (status != GALLERY_OK) return status;
    enum gallery_record_kind kind = gallery_record_kind(*record);
    if (kind == GALLERY_RECORD_END) return end_source(s, *record);
    const char *source = gallery_record_string(*record, "source");
    if (!source) {
        *broken = true;
        return FAIL(s, GALLERY_EFORMAT, "%s", "a record without `source`: not a stream of frames");
    }
    GALLERY_TRY(enter_source(s, source));
    if (kind == GALLERY_RECORD_ERROR) {
        note_error(s, *record);
        return GALLERY_OK;
    }
    status = check_frame(s, *record);
    *broken = status == GALLERY_EFORMAT || status == GALLERY_EVALUE;
    return status;
}

/* The next record of the files, through the rules and skip_errors. */
static int take_record(gallery_stream *s, gallery_record **record) {
    bool broken = false;
    int status;
    *record = NULL;
    for (;;) {
        if (!s->reader) GALLERY_TRY(open_file(s));
        status = read_record(s, record, &broken);
        if (status != GALLERY_END) break;
        GALLERY_TRY(close_file(s));
    }
    s->any = true;
    if (status != GALLERY_OK && broken && s->rules.skip_errors)
        status = replace_broken(s, status, record);
    if (status == GALLERY_OK) return status;
    gallery_record_free(*record);
    *record = NULL;
    return status;
}

static int wait_for_source(gallery_stream *s, gallery_record *record) {
    if (s->waiting_count == MAX_WAITING) {
        gallery_record_free(record);
        return FAIL(s, GALLERY_EFORMAT, "%d records that cannot be read: not a stream of frames",
                    MAX_WAITING);
    }
    s->waiting[s->waiting_count++] = record;
    return GALLERY_OK;
}

static gallery_record *take_waiting(gallery_stream *s) {
    gallery_record *record = s->waiting[s->waiting_taken++];
    if (s->waiting_taken == s->waiting_count) {
        s->waiting_count = s->waiting_taken = 0;
        s->ready = false;
    }
    return record;
}

int gallery_stream_next(gallery_stream *s, gallery_record **record) {
    s->began = false;
    while (!s->ready) {
        bool open = s->source != NULL;
        GALLERY_TRY(take_record(s, record));
        bool is_end = gallery_record_kind(*record) == GALLERY_RECORD_END;
        if (!s->source && !is_end) {
            GALLERY_TRY(wait_for_source(s, *record));
            continue;
        }
        if (!is_end) s->count++;
        s->began = !open;
        if (!s->waiting_count) return GALLERY_OK;
        s->waiting[s->waiting_count++] = *record;
        s->ready = true;
    }
    *record = take_waiting(s);
    return GALLERY_OK;
}
