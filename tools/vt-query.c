/* vt-query: features of frames to the points of a gallery that they resemble most. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

enum { SKIP_ERRORS = 256 };

static const struct cli_option options[] = {
    {'k', "candidates", "N", "points to give for each frame, 1 to 1000 (default: 10)"},
    {SKIP_ERRORS, "skip-errors", NULL, "a broken record becomes an error record; the rest goes on"},
    {0}};

static const struct cli_spec spec = {
    .tool = "vt-query",
    .summary = "Finds the points of a gallery that are nearest to each frame of a stream.",
    .operands = "[FILE...]",
    .common = CLI_MODEL | CLI_GALLERY | CLI_OUTPUT | CLI_THREADS | CLI_PROGRESS,
    .options = options};

struct query {
    struct flow flow;
    size_t k;
    gallery_hit *hits; /* [FLOW_BATCH][k] */
};

static int embed(void *user, const float *features, size_t n, float *embeddings) {
    const struct flow *f = user;
    return infer_frames_embed(f->model, features, n, embeddings);
}

static void enter(void *user, const gallery_stream *stream, float *row) {
    const struct query *q = user;
    memcpy(row, gallery_stream_vector(stream), (size_t)q->flow.info->feature_dim * sizeof *row);
}

static bool fill(const struct query *q, gallery_record *record, const float *embedding,
                 const gallery_hit *hits, size_t found) {
    const infer_model_info *info = q->flow.info;
    return gallery_record_set_point(record, hits->lon_deg, hits->lat_deg) &&
           gallery_record_set_string(record, "model", info->model_id) &&
           gallery_record_set_vector(record, "embedding", embedding, (size_t)info->embedding_dim) &&
           gallery_record_set_number(record, "score", hits->score, 7) &&
           gallery_record_set_candidates(record, hits, found) &&
           gallery_record_set_string(record, "gallery", info->location_id);
}

static bool leave(void *user, gallery_record *const *records, const float *embeddings, size_t n) {
    struct query *q = user;
    size_t found, dim = (size_t)q->flow.info->embedding_dim;
    if (!flow_search(&q->flow, embeddings, n, q->k, q->hits, &found)) return false;
    for (size_t i = 0; i < n; i++)
        if (!fill(q, records[i], embeddings + i * dim, q->hits + i * q->k, found)) {
            cli_error(q->flow.c, "out of memory, or a score that is not finite");
            return false;
        }
    return true;
}

static int run(struct query *q, const cli *c, bool skip_errors) {
    static const char *const drop[] = {"feature", NULL};
    if (!flow_open(&q->flow, c, INFER_PART_FRAMES, "")) return CLI_FAILED;
    q->hits = calloc(FLOW_BATCH * q->k, sizeof *q->hits);
    if (!q->hits) {
        cli_error(c, "out of memory");
        return CLI_FAILED;
    }
    const infer_model_info *info = q->flow.info;
    const gallery_stream_rules rules = {
        .ids = {{"backbone", info->backbone_id, "this model's", "run vt-frames with this model"}},
        .vector = "feature",
        .dim = (size_t)info->feature_dim,
        .skip_errors = skip_errors};
    const struct flow_stage stage = {.row_dim = (size_t)info->feature_dim,
                                     .length = (size_t)info->max_frames,
                                     .compute = embed,
                                     .drop = drop,
                                     .enter = enter,
                                     .leave = leave,
                                     .user = q};
    return flow_run(&q->flow, &rules, &stage);
}

int main(int argc, char **argv) {
    cli c;
    struct query q = {.k = 10};
    bool skip_errors = false;
    const char *arg;
    cli_start(&c, &spec, argc, argv, infer_blas_wanted_core());
    for (int key; (key = cli_next(&c, &arg));) {
        if (key == 'k')
            q.k = (size_t)cli_integer(&c, "-k", arg, 1, 1000);
        else
            skip_errors = true;
    }
    cli_need_model(&c);
    cli_need_gallery(&c);
    int status = run(&q, &c, skip_errors);
    free(q.hits);
    flow_close(&q.flow);
    return status;
}
