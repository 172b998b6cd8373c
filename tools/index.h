/* index.h - what vt-index's commands share. Each prints what went wrong and returns false. */
#ifndef VT_INDEX_H
#define VT_INDEX_H

#include "cli.h"
#include "libgallery/store.h"

struct index_job {
    cli c;
    bool json, embeddings, points_only, records;
    const char *tag;
    enum gallery_dtype dtype; /* 0: not said */
    gallery_context *ctx;
    gallery *g;
    struct cli_output out;
    struct cli_progress progress;
    unsigned long long done;
    int status; /* of writing */
};

/* true, or what the context says went wrong. */
bool index_ok(const struct index_job *job, int status);

/* transfer.c: galleries into files and back. */
bool index_export(struct index_job *job);
bool index_import(struct index_job *job);
bool index_dump(struct index_job *job);
bool index_load(struct index_job *job);
bool index_list(struct index_job *job);
bool index_diff(struct index_job *job);
bool index_merge(struct index_job *job);

#endif
