#include "features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- records */

static bool fill(const struct features *f, gallery_record *record, const char *source,
                 const struct features_item *item, const float *feature) {
    bool ok = gallery_record_set_no_point(record) &&
              gallery_record_set_string(record, "source", source) &&
              gallery_record_set_integer(record, "frame", item->index) &&
              (isnan(item->t_s) ? gallery_record_set_null(record, "t")
                                : gallery_record_set_number(record, "t", item->t_s, 6));
    if (item->error) return ok && gallery_record_set_error(record, "decode", item->error);
    return ok && gallery_record_set_string(record, "backbone", f->info->backbone_id) &&
           gallery_record_set_vector(record, "feature", feature, (size_t)f->info->feature_dim) &&
           (!item->has_truth ||
            gallery_record_set_pair(record, "truth", item->truth[0], item->truth[1]));
}

static bool write_record(struct features *f, gallery_record *record, bool filled) {
    bool ok = record && filled;
    if (!ok)
        cli_error(f->c, "out of memory");
    else if (gallery_record_write(f->gallery, record, f->out.file, f->out.flush) != GALLERY_OK) {
        cli_error(f->c, "%s: %s", cli_output_name(f->c), gallery_message(f->gallery));
        ok = false;
    }
    gallery_record_free(record);
    return ok;
}

/* ------------------------------------------------------------------- batches */

static size_t pixels_of(const struct features *f) {
    return 3 * (size_t)f->info->picture_size * (size_t)f->info->picture_size;
}

/* Computes what has been gathered, and writes it in order. */
static bool flush(struct features *f, const char *source) {
    if (f->pictures &&
        infer_pixels_encode(f->model, f->pixels, f->pictures, f->features) != INFER_OK) {
        cli_error(f->c, "%s: %s", source, infer_message(f->infer));
        return false;
    }
    const float *feature = f->features;
    bool ok = true;
    for (int i = 0; ok && i < f->n; i++) {
        struct features_item *item = &f->items[i];
        gallery_record *record = gallery_record_new();
        ok = write_record(f, record, record && fill(f, record, source, item, feature));
        if (!item->error) feature += f->info->feature_dim;
        free(item->error);
        item->error = NULL;
    }
    f->frames += (unsigned)f->n;
    f->n = 0;
    f->pictures = 0;
    cli_progress_show(&f->progress, f->frames, f->expected > f->frames ? f->expected : 0);
    return ok;
}

/* A source's picture lasts until its next frame only: what the model needs of it is kept. */
static bool gather(struct features *f, const char *source, const infer_frame *frame,
                   const double *truth) {
    struct features_item *item = &f->items[f->n];
    *item = (struct features_item){
        .index = frame->index, .t_s = frame->t_s, .has_truth = truth != NULL};
    if (truth) memcpy(item->truth, truth, sizeof item->truth);
    if (frame->status != INFER_OK) {
        f->errors = true;
        item->error = strdup(frame->message);
        if (!item->error) cli_error(f->c, "out of memory");
        f->n += item->error != NULL;
        return item->error != NULL;
    }
    float *pixels = f->pixels + f->pictures * pixels_of(f);
    if (infer_picture_prepare(f->model, &frame->picture, pixels) != INFER_OK) {
        cli_error(f->c, "%s: frame %ld: %s", source, frame->index, infer_message(f->infer));
        return false;
    }
    f->pictures++;
    f->n++;
    return true;
}

static bool end_source(struct features *f, const char *source, long frames) {
    gallery_record *end = gallery_record_new_end(source, frames);
    return write_record(f, end, end != NULL);
}

bool features_lose(struct features *f, const char *source, int status, const char *message,
                   long frame) {
    bool own = status == INFER_EIO || status == INFER_EFORMAT || status == INFER_EDECODE;
    if (!f->go_on || !own) {
        cli_error(f->c, "%s", message);
        return false;
    }
    cli_warn(f->c, "%s: %s", source, message);
    f->errors = true;
    f->lost++;
    if (!flush(f, source)) return false;
    gallery_record *record = gallery_record_new();
    bool filled = record && gallery_record_set_no_point(record) &&
                  gallery_record_set_string(record, "source", source) &&
                  gallery_record_set_integer(record, "frame", frame) &&
                  gallery_record_set_error(record, "source", message);
    return write_record(f, record, filled) && end_source(f, source, frame + 1);
}

bool features_run(struct features *f, infer_source *source, const struct truth *truth) {
    const char *name = infer_source_name(source);
    long estimate = infer_source_estimate(source), frames = 0;
    f->expected = estimate > 0 ? f->frames + (unsigned long)estimate : 0;
    infer_frame frame;
    int status;
    while ((status = infer_source_next(source, &frame)) == INFER_OK) {
        frames++;
        if (!gather(f, name, &frame, truth_of_last(truth))) return false;
        if (f->n == FEATURES_BATCH && !flush(f, name)) return false;
    }
    if (status != INFER_END) return features_lose(f, name, status, infer_message(f->infer), frames);
    return flush(f, name) && end_source(f, name, frames);
}

/* ---------------------------------------------------------- opening, closing */

bool features_open(struct features *f, const cli *c) {
    *f = (struct features){.c = c};
    infer_options threads = {.threads = c->threads};
    if (infer_open(&threads, &f->infer) != INFER_OK ||
        gallery_context_open(1, &f->gallery) != GALLERY_OK) {
        cli_error(c, "out of memory");
        return false;
    }
    if (infer_model_load(f->infer, c->model, INFER_PART_BACKBONES, &f->model) != INFER_OK) {
        cli_error(c, "%s", infer_message(f->infer));
        return false;
    }
    f->info = infer_model_describe(f->model);
    f->pixels = calloc(FEATURES_BATCH, pixels_of(f) * sizeof *f->pixels);
    f->features = calloc(FEATURES_BATCH, (size_t)f->info->feature_dim * sizeof *f->features);
    if (!f->pixels || !f->features) {
        cli_error(c, "out of memory");
        return false;
    }
    if (!cli_output_open(c, &f->out)) return false;
    cli_progress_start(c, &f->progress, "frames");
    return true;
}

int features_close(struct features *f, bool ok) {
    cli_progress_end(&f->progress, f->frames);
    if (ok)
        ok = cli_output_commit(f->c, &f->out);
    else
        cli_output_abandon(&f->out);
    for (int i = 0; i < f->n; i++) free(f->items[i].error);
    free(f->pixels);
    free(f->features);
    infer_model_close(f->model);
    gallery_context_close(f->gallery);
    infer_close(f->infer);
    return !ok ? CLI_FAILED : f->errors ? CLI_PARTIAL : CLI_DONE;
}
