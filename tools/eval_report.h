/* eval_report.h - vt-eval's table: the figures of several streams as text, JSON or CSV. */
#ifndef VT_EVAL_REPORT_H
#define VT_EVAL_REPORT_H

#include "libgallery/evaluation.h"

#include <stdbool.h>
#include <stdio.h>

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_CSV };

struct report_stream {
    const char *name; /* UTF-8 */
    gallery_evaluation *evaluation;
    gallery_figures all;
};

struct report {
    const struct report_stream *streams;
    size_t count;
    bool sources;   /* a row for each source, too */
    bool intervals; /* the figures of all have them */
};

void report_print(const struct report *report, enum report_format format, FILE *out);

#endif
