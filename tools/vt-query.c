/* vt-query: features of frames to the points of a gallery that they resemble most. */
#include "flow.h"
#include "libgallery/confine.h"

#include <stdlib.h>
#include <string.h>

enum { SKIP_ERRORS = 256, SPAT, REGION, TAG };

static const struct cli_option options[] = {
    {'k', "candidates", "N", "points to give for each frame, 1 to 1000 (default: 10)"},
    {SPAT, "spat", "BOX", "only points in xmin,ymin,xmax,ymax, degrees"},
    {REGION, "region", "SOURCE", "only points in the polygons of a vector source"},
    {TAG, "tag", "NAME", "only points with this tag"},
    {SKIP_ERRORS, "skip-errors", NULL, "a broken record becomes an error record; the rest goes on"},
    {0}};

static const struct cli_spec spec = {
    .tool = "vt-query",
    .summary = "Finds the points of a gallery that are nearest to each frame of a stream.",
    .operands = "[FILE...]",
    .common = CLI_MODEL | CLI_GALLERIES | CLI_OUTPUT | CLI_THREADS | CLI_PROGRESS,
    .options = options};

struct query {
    struct flow flow;
    size_t k;
    gallery_hit *hits; /* [FLOW_BATCH][k] */
    bool confined;
    gallery_confinement confinement;
    const char *region_path;
    gallery_polygons *region;
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

static bool confine(struct query *q) {
    if (q->region_path) {
        if (gallery_polygons_open(q->flow.context, q->region_path, &q->region) != GALLERY_OK) {
            cli_error(q->flow.c, "%s", gallery_message(q->flow.context));
            return false;
        }
        q->confinement.region = q->region;
    }
    for (size_t i = 0; q->confined && i < q->flow.gallery_count; i++)
        gallery_confine(q->flow.galleries[i], &q->confinement);
    return true;
}

static int run(struct query *q, const cli *c, bool skip_errors) {
    static const char *const drop[] = {"feature", NULL};
    if (!flow_open(&q->flow, c, INFER_PART_FRAMES, "") || !confine(q)) return CLI_FAILED;
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

/* "xmin,ymin,xmax,ymax"; xmin > xmax: across the antimeridian. */
static void parse_box(const cli *c, const char *text, gallery_confinement *confinement) {
    double *const numbers[] = {&confinement->west, &confinement->south, &confinement->east,
                               &confinement->north};
    for (int i = 0; i < 4; i++) {
        char number[32];
        size_t length = strcspn(text, ",");
        if (length >= sizeof number || (text[length] == ',') != (i < 3))
            cli_usage(c, "--spat: not xmin,ymin,xmax,ymax");
        snprintf(number, sizeof number, "%.*s", (int)length, text);
        *numbers[i] = i % 2 ? cli_number(c, "--spat", number, -90, 90)
                            : cli_number(c, "--spat", number, -180, 180);
        text += length + 1;
    }
    if (confinement->south > confinement->north) cli_usage(c, "--spat: ymin is greater than ymax");
    confinement->boxed = true;
}

int main(int argc, char **argv) {
    cli c;
    struct query q = {.k = 10};
    bool skip_errors = false;
    const char *arg;
    cli_start(&c, &spec, argc, argv, infer_blas_wanted_core());
    for (int key; (key = cli_next(&c, &arg));) {
        if (key == 'k') q.k = (size_t)cli_integer(&c, "-k", arg, 1, 1000);
        if (key == SPAT) parse_box(&c, arg, &q.confinement);
        if (key == REGION) q.region_path = arg;
        if (key == TAG) q.confinement.tag = arg;
        if (key == SKIP_ERRORS) skip_errors = true;
        q.confined |= key == SPAT || key == REGION || key == TAG;
    }
    cli_need_model(&c);
    cli_need_gallery(&c);
    if (q.region_path && !strcmp(q.region_path, "-") && !c.argc)
        cli_usage(&c, "--region - and the frames cannot both come from standard input");
    int status = run(&q, &c, skip_errors);
    free(q.hits);
    flow_close(&q.flow);
    gallery_polygons_close(q.region);
    return status;
}
