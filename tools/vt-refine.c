/* vt-refine: the positions of a source's frames, looked at together, made into a smoother track. */
#include "flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SKIP_ERRORS = 256, KEEP_VECTORS };

static const struct cli_option options[] = {
    {KEEP_VECTORS, "keep-vectors", NULL, "keep the embeddings and ids, and add the refined ones"},
    {SKIP_ERRORS, "skip-errors", NULL, "a broken record becomes an error record; the rest goes on"},
    {0}};

static const struct cli_spec spec = {
    .tool = "vt-refine",
    .summary = "Refines the positions that vt-query has found, frame by frame, into a track.",
    .operands = "[FILE...]",
    .common = CLI_MODEL | CLI_GALLERIES | CLI_OUTPUT | CLI_THREADS | CLI_PROGRESS,
    .options = options};

struct refine {
    struct flow flow;
    bool keep_vectors;
    gallery_hit hits[FLOW_BATCH];
};

/* A row is the frame's embedding and its point. The coordinates, 31 bits and more, travel as the
 * sum of two floats each, and are embedded a window at a time. */
enum { POINT_FLOATS = 4 };

static void split(double value, float *parts) {
    parts[0] = (float)value;
    parts[1] = (float)(value - (double)parts[0]);
}

static double join(const float *parts) { /* back onto the grid of 1e-7 degrees */
    return nearbyint(((double)parts[0] + (double)parts[1]) * 1e7) / 1e7;
}

static void enter(void *user, const gallery_stream *stream, float *row) {
    const struct refine *r = user;
    size_t dim = (size_t)r->flow.info->embedding_dim;
    double lon_deg, lat_deg;
    gallery_stream_point(stream, &lon_deg, &lat_deg);
    memcpy(row, gallery_stream_vector(stream), dim * sizeof *row);
    split(lon_deg, row + dim);
    split(lat_deg, row + dim + 2);
}

static int refine(void *user, const float *rows, size_t n, float *refined) {
    const struct flow *f = user;
    size_t dim = (size_t)f->info->embedding_dim;
    double *lonlat = malloc(n * 2 * sizeof *lonlat);
    float *frames = malloc(n * dim * sizeof *frames), *gps = malloc(n * dim * sizeof *gps);
    int status = lonlat && frames && gps ? INFER_OK : INFER_ENOMEM;
    for (size_t i = 0; status == INFER_OK && i < n; i++) {
        const float *row = rows + i * (dim + POINT_FLOATS);
        memcpy(frames + i * dim, row, dim * sizeof *row);
        lonlat[2 * i] = join(row + dim);
        lonlat[2 * i + 1] = join(row + dim + 2);
    }
    if (status == INFER_OK) status = infer_points_embed(f->model, lonlat, n, gps);
    if (status == INFER_OK) status = infer_track_refine(f->model, frames, gps, n, refined);
    free(gps);
    free(frames);
    free(lonlat);
    return status;
}

static bool fill(const struct refine *r, gallery_record *record, const float *refined,
                 const gallery_hit *hit) {
    double lon_deg, lat_deg;
    return gallery_record_point(record, &lon_deg, &lat_deg) &&
           gallery_record_set_pair(record, "initial", lon_deg, lat_deg) &&
           gallery_record_set_point(record, hit->lon_deg, hit->lat_deg) &&
           gallery_record_set_number(record, "score", hit->score, 7) &&
           (!r->keep_vectors || gallery_record_set_vector(record, "refined", refined,
                                                          (size_t)r->flow.info->embedding_dim));
}

static bool leave(void *user, gallery_record *const *records, const float *refined, size_t n) {
    struct refine *r = user;
    size_t found, dim = (size_t)r->flow.info->embedding_dim;
    if (!flow_search(&r->flow, refined, n, 1, r->hits, &found)) return false;
    for (size_t i = 0; i < n; i++)
        if (!fill(r, records[i], refined + i * dim, &r->hits[i])) {
            cli_error(r->flow.c, "out of memory, or a score that is not finite");
            return false;
        }
    return true;
}

static int run(struct refine *r, const cli *c, bool skip_errors) {
    static const char *const vectors[] = {"feature", "candidates", NULL};
    static const char *const all[] = {"feature", "candidates", "embedding", "backbone",
                                      "model",   "gallery",    NULL};
    if (!flow_open(&r->flow, c, INFER_PART_LOCATION | INFER_PART_REFINER,
                   "; there is nothing to refine with: what vt-query finds is this model's result"))
        return CLI_FAILED;
    const infer_model_info *info = r->flow.info;
    const gallery_stream_rules rules = {
        .ids = {{"model", info->model_id, "this model's", "run vt-query with this model"},
                {"gallery", info->location_id, "this gallery's", "run vt-query with this gallery"}},
        .vector = "embedding",
        .dim = (size_t)info->embedding_dim,
        .point = true,
        .skip_errors = skip_errors};
    const struct flow_stage stage = {.row_dim = (size_t)info->embedding_dim + POINT_FLOATS,
                                     .length = (size_t)info->refiner_max_frames,
                                     .compute = refine,
                                     .drop = r->keep_vectors ? vectors : all,
                                     .enter = enter,
                                     .leave = leave,
                                     .user = r};
    return flow_run(&r->flow, &rules, &stage);
}

int main(int argc, char **argv) {
    cli c;
    struct refine r = {0};
    bool skip_errors = false;
    const char *arg;
    cli_start(&c, &spec, argc, argv, infer_blas_wanted_core());
    for (int key; (key = cli_next(&c, &arg));) {
        if (key == KEEP_VECTORS)
            r.keep_vectors = true;
        else
            skip_errors = true;
    }
    cli_need_model(&c);
    cli_need_gallery(&c);
    int status = run(&r, &c, skip_errors);
    flow_close(&r.flow);
    return status;
}
