#include "flow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A window of 512 frames waits with 5 MB. A source that makes more wait, by thousands of lost
 * frames in a row or by giant records, is computed as if it ended here and began anew. */
#define MAX_WAITING_BYTES ((size_t)32 << 20)
#define RECORD_BYTES 2048 /* what a small record takes in memory, beside its text */

struct flow_state {
    const struct flow_stage *stage;
    gallery_stream *stream;
    struct cli_output out;
    struct cli_progress progress;
    unsigned long long frames;

    infer_window *window; /* NULL: frames do not look at each other */
    float *rows, *results;
    size_t row_count, result_count; /* without a window: waiting for, and after, a computation */

    gallery_record **queue;
    size_t head, tail, capacity, waiting_bytes;
};

static bool out_of_memory(const struct flow *f) {
    cli_error(f->c, "out of memory");
    return false;
}

static bool infer_ok(const struct flow *f, int status) {
    if (status == INFER_ENOMEM) return out_of_memory(f);
    if (status != INFER_OK) cli_error(f->c, "%s", infer_message(f->infer));
    return status == INFER_OK;
}

static bool gallery_ok(const struct flow *f, int status) {
    if (status != GALLERY_OK) cli_error(f->c, "%s", gallery_message(f->context));
    return status == GALLERY_OK;
}

/* ----------------------------------------------------------- model and gallery */

static bool load_model(struct flow *f, unsigned parts, const char *no_part) {
    int status = infer_model_load(f->infer, f->c->model, parts, &f->model);
    if (status == INFER_EMODEL) {
        cli_error(f->c, "%s%s", infer_message(f->infer), no_part);
        return false;
    }
    if (!infer_ok(f, status)) return false;
    f->info = infer_model_describe(f->model);
    return true;
}

static bool check_gallery(const struct flow *f, gallery *g, const char *path) {
    gallery_info info;
    if (!gallery_ok(f, gallery_stat(g, &info))) return false;
    if (!strcmp(info.setup.location_id, f->info->location_id) &&
        info.setup.dim == f->info->embedding_dim)
        return true;
    cli_error(f->c,
              "%s: made with location encoder %s, but the one of %s is %s; use the gallery's "
              "model, or rebuild it for this one: vt-embed --reembed",
              path, info.setup.location_id, f->c->model, f->info->location_id);
    return false;
}

/* A process may open a gallery once only (store.h), and its points count once anyway. */
static bool is_repeated(const cli *c, int i) {
    struct stat this, other;
    if (stat(c->galleries[i], &this)) return false;
    for (int j = 0; j < i; j++)
        if (!stat(c->galleries[j], &other) && other.st_dev == this.st_dev &&
            other.st_ino == this.st_ino)
            return true;
    return false;
}

static bool open_galleries(struct flow *f) {
    for (int i = 0; i < f->c->gallery_count; i++) {
        const char *path = f->c->galleries[i];
        if (is_repeated(f->c, i)) continue;
        gallery **g = f->galleries + f->gallery_count;
        if (!gallery_ok(f, gallery_open(f->context, path, g))) return false;
        f->gallery_count++;
        if (!check_gallery(f, *g, path)) return false;
    }
    return true;
}

static bool renew_galleries(struct flow *f) {
    for (size_t i = 0; i < f->gallery_count; i++)
        if (!gallery_ok(f, gallery_renew(f->galleries[i]))) return false;
    return true;
}

bool flow_open(struct flow *f, const cli *c, unsigned parts, const char *no_part) {
    const infer_options options = {.threads = c->threads};
    *f = (struct flow){.c = c};
    if (infer_open(&options, &f->infer) || gallery_context_open(c->threads, &f->context))
        return out_of_memory(f);
    return load_model(f, parts, no_part) && open_galleries(f);
}

void flow_close(struct flow *f) {
    for (size_t i = 0; i < f->gallery_count; i++) gallery_close(f->galleries[i]);
    gallery_context_close(f->context);
    infer_model_close(f->model);
    infer_close(f->infer);
}

bool flow_search(struct flow *f, const float *embeddings, size_t n, size_t k, gallery_hit *hits,
                 size_t *found) {
    return gallery_ok(f, gallery_search_all(f->galleries, f->gallery_count, embeddings, n, k, false,
                                            hits, found));
}

/* ----------------------------------------------------------------- computation */

static bool compute_batch(struct flow *f) {
    struct flow_state *s = f->state;
    size_t n = s->row_count;
    if (!n) return true;
    s->row_count = 0;
    s->result_count = n;
    return infer_ok(f, s->stage->compute(f, s->rows, n, s->results));
}

static bool push_row(struct flow *f) {
    struct flow_state *s = f->state;
    float *row = s->rows + s->row_count * s->stage->row_dim;
    s->stage->enter(s->stage->user, s->stream, row);
    if (s->window) return infer_ok(f, infer_window_push(s->window, row));
    return ++s->row_count < FLOW_BATCH || compute_batch(f);
}

static bool finish_rows(struct flow *f) {
    struct flow_state *s = f->state;
    return s->window ? infer_ok(f, infer_window_finish(s->window)) : compute_batch(f);
}

/* Final rows into s->results, at most FLOW_BATCH; how many. */
static size_t take_rows(struct flow_state *s) {
    if (s->window) return infer_window_take(s->window, s->results, FLOW_BATCH);
    size_t n = s->result_count;
    s->result_count = 0;
    return n;
}

/* ----------------------------------------------------------------------- queue */

static bool enqueue(struct flow *f, gallery_record *record) {
    struct flow_state *s = f->state;
    if (s->tail == s->capacity && s->head >= s->capacity / 2 && s->head) {
        memmove(s->queue, s->queue + s->head, (s->tail - s->head) * sizeof *s->queue);
        s->tail -= s->head;
        s->head = 0;
    }
    if (s->tail == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 256;
        gallery_record **queue = realloc(s->queue, capacity * sizeof *queue);
        if (!queue) {
            gallery_record_free(record);
            return out_of_memory(f);
        }
        s->queue = queue;
        s->capacity = capacity;
    }
    for (const char *const *key = s->stage->drop; *key; key++) gallery_record_remove(record, *key);
    s->queue[s->tail++] = record;
    s->waiting_bytes += gallery_record_bytes(record) + RECORD_BYTES;
    return true;
}

static bool is_frame(const gallery_record *record) {
    return gallery_record_kind(record) == GALLERY_RECORD_FEATURE;
}

/* Writes the first n frames that wait, and what stands between and directly after them. */
static bool write_records(struct flow *f, size_t n) {
    struct flow_state *s = f->state;
    while (s->head < s->tail) {
        gallery_record *record = s->queue[s->head];
        if (is_frame(record) && !n--) return true;
        s->head++;
        s->waiting_bytes -= gallery_record_bytes(record) + RECORD_BYTES;
        bool ok = GALLERY_OK == gallery_record_write(f->context, record, s->out.file, s->out.flush);
        if (!ok) cli_error(f->c, "%s: %s", cli_output_name(f->c), gallery_message(f->context));
        if (gallery_record_kind(record) != GALLERY_RECORD_END)
            cli_progress_show(&s->progress, ++s->frames, 0);
        gallery_record_free(record);
        if (!ok) return false;
    }
    return true;
}

/* Results into the first n frames that wait. */
static bool fill_records(struct flow *f, size_t n) {
    struct flow_state *s = f->state;
    gallery_record *records[FLOW_BATCH];
    size_t found = 0;
    for (size_t i = s->head; i < s->tail && found < n; i++)
        if (is_frame(s->queue[i])) records[found++] = s->queue[i];
    if (found < n) { /* the window gave more rows than it took: never, but not in silence */
        cli_error(f->c, "%zu results for %zu frames", n, found);
        return false;
    }
    return s->stage->leave(s->stage->user, records, s->results, n);
}

static bool drain(struct flow *f) {
    struct flow_state *s = f->state;
    if (!write_records(f, 0)) return false;
    for (size_t n; (n = take_rows(s));)
        if (!fill_records(f, n) || !write_records(f, n)) return false;
    return true;
}

/* ------------------------------------------------------------------------- run */

static bool take_record(struct flow *f, gallery_record *record) {
    struct flow_state *s = f->state;
    enum gallery_record_kind kind = gallery_record_kind(record);
    bool began = gallery_stream_began(s->stream);
    if (!enqueue(f, record)) return false;
    /* One snapshot of the gallery for the whole of a source. */
    if (began && !renew_galleries(f)) return false;
    if (kind == GALLERY_RECORD_FEATURE && !push_row(f)) return false;
    if ((kind == GALLERY_RECORD_END || s->waiting_bytes > MAX_WAITING_BYTES) && !finish_rows(f))
        return false;
    return drain(f);
}

static bool run_stream(struct flow *f) {
    gallery_record *record;
    int status;
    while ((status = gallery_stream_next(f->state->stream, &record)) == GALLERY_OK)
        if (!take_record(f, record)) return false;
    return status == GALLERY_END || gallery_ok(f, status);
}

static bool prepare(struct flow *f, const gallery_stream_rules *rules) {
    struct flow_state *s = f->state;
    size_t rows = s->stage->length ? 1 : FLOW_BATCH, out_dim = (size_t)f->info->embedding_dim;
    s->rows = calloc(rows * s->stage->row_dim, sizeof *s->rows);
    s->results = calloc(FLOW_BATCH * out_dim, sizeof *s->results);
    if (!s->rows || !s->results) return out_of_memory(f);
    if (s->stage->length &&
        !infer_ok(f, infer_window_open(f->infer, s->stage->length, s->stage->row_dim, out_dim,
                                       s->stage->compute, f, &s->window)))
        return false;
    return gallery_ok(f, gallery_stream_open(f->context, (const char *const *)f->c->argv,
                                             (size_t)f->c->argc, rules, &s->stream)) &&
           cli_output_open(f->c, &s->out);
}

int flow_run(struct flow *f, const gallery_stream_rules *rules, const struct flow_stage *stage) {
    struct flow_state state = {.stage = stage};
    f->state = &state;
    cli_progress_start(f->c, &state.progress, "frames");
    bool ok = prepare(f, rules) && run_stream(f) && cli_output_commit(f->c, &state.out);
    cli_progress_end(&state.progress, state.frames);
    unsigned long long errors = ok ? gallery_stream_errors(state.stream) : 0;
    if (!ok) cli_output_abandon(&state.out);
    for (size_t i = state.head; i < state.tail; i++) gallery_record_free(state.queue[i]);
    free(state.queue);
    gallery_stream_close(state.stream);
    infer_window_close(state.window);
    free(state.results);
    free(state.rows);
    f->state = NULL;
    return !ok ? CLI_FAILED : errors ? CLI_PARTIAL : CLI_DONE;
}
