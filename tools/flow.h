/* flow.h - what vt-query and vt-refine share: the frames of a stream through a module that looks at
 * many of them at once.
 *
 * A record waits until the windows that see its frame are computed, so that records leave in the
 * order in which they came, error and end records among them. What waits is bounded, whatever the
 * length of a source.
 */
#ifndef VT_FLOW_H
#define VT_FLOW_H

#include "cli.h"
#include "libgallery/record.h"
#include "libgallery/store.h"
#include "libgallery/stream.h"
#include "libinfer/infer.h"
#include "libinfer/model.h"
#include "libinfer/window.h"

/* How one tool turns frames into results. The functions print what went wrong and return false. */
struct flow_stage {
    size_t row_dim;          /* numbers of a frame that go into a window */
    size_t length;           /* the longest window; 0: frames do not look at each other */
    infer_window_fn compute; /* rows to embeddings, float [n][embedding_dim]; user: the flow */
    const char *const *drop; /* properties that need not wait with the record; ends with NULL */

    /* The row of the frame that the stream has just given. */
    void (*enter)(void *user, const gallery_stream *stream, float *row);
    /* Puts the results of n frames into their records. */
    bool (*leave)(void *user, gallery_record *const *records, const float *embeddings, size_t n);
    void *user;
};

struct flow {
    const cli *c;
    infer *infer;
    infer_model *model;
    const infer_model_info *info;
    gallery_context *context;
    gallery *galleries[CLI_GALLERIES_MAX];
    size_t gallery_count;
    struct flow_state *state; /* while it runs */
};

/* Opens contexts, model and gallery, and checks that they belong together. flow_close also after a
 * failure. `no_part`: what to add to the message if the model lacks a part. */
bool flow_open(struct flow *f, const cli *c, unsigned parts, const char *no_part);
void flow_close(struct flow *f);

/* Runs the stream of the operands through the stage to the output. Returns the exit status. */
int flow_run(struct flow *f, const gallery_stream_rules *rules, const struct flow_stage *stage);

/* The k points nearest to each of n embeddings; hits: [n][k]. */
bool flow_search(struct flow *f, const float *embeddings, size_t n, size_t k, gallery_hit *hits,
                 size_t *found);

/* Frames that come to flow_stage.leave at a time, at most. */
#define FLOW_BATCH 64

#endif
