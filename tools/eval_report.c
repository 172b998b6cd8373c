#include "eval_report.h"

#include <math.h>
#include <string.h>

enum { LABEL_WIDTH = 18, COLUMN_WIDTH = 28, CELL_BYTES = 128 };

static int figure_count(const struct report *r) {
    return gallery_evaluation_count(r->streams[0].evaluation);
}

static const char *figure_name(const struct report *r, int figure, char text[48]) {
    return gallery_evaluation_name(r->streams[0].evaluation, figure, text);
}

/* What was counted beside the figures, by its name. */
static const char *const count_names[] = {"sources", "frames", "no_truth", "errors", "no_dfd"};
enum { COUNTS = sizeof count_names / sizeof *count_names };

static unsigned long long count_of(const gallery_figures *f, int i) {
    const unsigned long long counts[COUNTS] = {f->sources, f->frames, f->no_truth, f->errors,
                                               f->no_frechet};
    return counts[i];
}

/* ---------------------------------------------------------------------- text
 * Of all, figures are rows and streams columns, so that intervals have room. */

/* The column of stream s, as wide as its name. */
static void print_cell(const struct report *r, FILE *out, const char *text, size_t s) {
    int name = (int)strlen(r->streams[s].name), width = name > COLUMN_WIDTH ? name : COLUMN_WIDTH;
    if (s + 1 == r->count)
        fprintf(out, "  %s\n", text);
    else
        fprintf(out, "  %-*s", width, text);
}

static void format_figure(char text[CELL_BYTES], const char *name, double value) {
    if (isnan(value))
        strcpy(text, "-");
    else
        snprintf(text, CELL_BYTES, "%.*f", strstr(name, "_acc") ? 2 : 4, value);
}

static void format_interval(char text[CELL_BYTES], const char *name, const gallery_figures *f,
                            int figure) {
    char low[CELL_BYTES], high[CELL_BYTES];
    size_t n = strlen(text);
    format_figure(low, name, f->low[figure]);
    format_figure(high, name, f->high[figure]);
    snprintf(text + n, CELL_BYTES - n, " [%.30s, %.30s]", low, high);
}

static void print_all_text(const struct report *r, FILE *out) {
    char text[CELL_BYTES], buffer[48];
    fprintf(out, "%-*s", LABEL_WIDTH, "");
    for (size_t s = 0; s < r->count; s++) print_cell(r, out, r->streams[s].name, s);
    for (int i = 0; i < COUNTS; i++) {
        fprintf(out, "%-*s", LABEL_WIDTH, count_names[i]);
        for (size_t s = 0; s < r->count; s++) {
            snprintf(text, sizeof text, "%llu", count_of(&r->streams[s].all, i));
            print_cell(r, out, text, s);
        }
    }
    for (int i = 0; i < figure_count(r); i++) {
        const char *name = figure_name(r, i, buffer);
        fprintf(out, "%-*s", LABEL_WIDTH, name);
        for (size_t s = 0; s < r->count; s++) {
            const gallery_figures *f = &r->streams[s].all;
            format_figure(text, name, f->value[i]);
            if (r->intervals) format_interval(text, name, f, i);
            print_cell(r, out, text, s);
        }
    }
}

static void print_source_text(const struct report *r, const gallery_figures *f, FILE *out) {
    char text[CELL_BYTES], buffer[48];
    for (int i = 1; i < COUNTS - 1; i++) fprintf(out, "%*llu", 9, count_of(f, i));
    for (int i = 0; i < figure_count(r); i++) {
        const char *name = figure_name(r, i, buffer);
        format_figure(text, name, f->value[i]);
        fprintf(out, "  %*s", (int)strlen(name), text);
    }
    fprintf(out, "  %s\n", f->source);
}

static void print_sources_text(const struct report *r, const struct report_stream *s, FILE *out) {
    gallery_figures f;
    char buffer[48];
    fprintf(out, "\n%s\n", s->name);
    for (int i = 1; i < COUNTS - 1; i++) fprintf(out, "%*s", 9, count_names[i]);
    for (int i = 0; i < figure_count(r); i++) fprintf(out, "  %s", figure_name(r, i, buffer));
    fputs("  source\n", out);
    for (size_t i = 0; gallery_evaluation_source(s->evaluation, i, &f); i++)
        print_source_text(r, &f, out);
}

static void print_text(const struct report *r, FILE *out) {
    print_all_text(r, out);
    for (size_t s = 0; r->sources && s < r->count; s++) print_sources_text(r, &r->streams[s], out);
}

/* ---------------------------------------------------------------------- JSON */

static void print_string(FILE *out, const char *text) {
    putc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(out, "\\u%04x", *at);
        else
            putc(*at, out);
    putc('"', out);
}

static void print_number(FILE *out, double value) {
    if (isnan(value))
        fputs("null", out);
    else
        fprintf(out, "%.12g", value);
}

static void print_figures_json(const struct report *r, const gallery_figures *f, FILE *out) {
    char buffer[48];
    for (int i = f->source ? 1 : 0; i < COUNTS; i++)
        fprintf(out, "\"%s\": %llu, ", count_names[i], count_of(f, i));
    fputs("\"metrics\": {", out);
    for (int i = 0; i < figure_count(r); i++) {
        fprintf(out, "%s\"%s\": ", i ? ", " : "", figure_name(r, i, buffer));
        print_number(out, f->value[i]);
    }
    putc('}', out);
}

static void print_intervals_json(const struct report *r, const gallery_figures *f, FILE *out) {
    char buffer[48];
    fputs(",\n   \"intervals\": {", out);
    for (int i = 0; i < figure_count(r); i++) {
        fprintf(out, "%s\"%s\": [", i ? ", " : "", figure_name(r, i, buffer));
        print_number(out, f->low[i]);
        fputs(", ", out);
        print_number(out, f->high[i]);
        putc(']', out);
    }
    putc('}', out);
}

static void print_stream_json(const struct report *r, const struct report_stream *s, FILE *out) {
    gallery_figures f;
    fputs("  {\"stream\": ", out);
    print_string(out, s->name);
    fputs(", ", out);
    print_figures_json(r, &s->all, out);
    if (r->intervals) print_intervals_json(r, &s->all, out);
    if (r->sources) fputs(",\n   \"per_source\": [", out);
    for (size_t i = 0; r->sources && gallery_evaluation_source(s->evaluation, i, &f); i++) {
        fputs(i ? ",\n    {\"source\": " : "\n    {\"source\": ", out);
        print_string(out, f.source);
        fputs(", ", out);
        print_figures_json(r, &f, out);
        putc('}', out);
    }
    fputs(r->sources ? "]}" : "}", out);
}

static void print_json(const struct report *r, FILE *out) {
    fputs("{\"streams\": [\n", out);
    for (size_t s = 0; s < r->count; s++) {
        print_stream_json(r, &r->streams[s], out);
        fputs(s + 1 < r->count ? ",\n" : "\n", out);
    }
    fputs("]}\n", out);
}

/* ----------------------------------------------------------------------- CSV */

static void print_field(FILE *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"') putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void print_value_csv(FILE *out, double value) {
    if (isnan(value))
        putc(',', out);
    else
        fprintf(out, ",%.12g", value);
}

static void print_header_csv(const struct report *r, FILE *out) {
    char buffer[48];
    fputs("stream,source", out);
    for (int i = 0; i < COUNTS; i++) fprintf(out, ",%s", count_names[i]);
    for (int i = 0; i < figure_count(r); i++) {
        const char *name = figure_name(r, i, buffer);
        fprintf(out, ",%s", name);
        if (r->intervals) fprintf(out, ",%s_low,%s_high", name, name);
    }
    putc('\n', out);
}

static void print_row_csv(const struct report *r, const char *stream, const gallery_figures *f,
                          FILE *out) {
    print_field(out, stream);
    putc(',', out);
    print_field(out, f->source ? f->source : "");
    for (int i = 0; i < COUNTS; i++) fprintf(out, ",%llu", count_of(f, i));
    for (int i = 0; i < figure_count(r); i++) {
        print_value_csv(out, f->value[i]);
        if (!r->intervals) continue;
        print_value_csv(out, f->source ? NAN : f->low[i]);
        print_value_csv(out, f->source ? NAN : f->high[i]);
    }
    putc('\n', out);
}

static void print_csv(const struct report *r, FILE *out) {
    gallery_figures f;
    print_header_csv(r, out);
    for (size_t s = 0; s < r->count; s++) {
        const struct report_stream *stream = &r->streams[s];
        print_row_csv(r, stream->name, &stream->all, out);
        for (size_t i = 0; r->sources && gallery_evaluation_source(stream->evaluation, i, &f); i++)
            print_row_csv(r, stream->name, &f, out);
    }
}

void report_print(const struct report *r, enum report_format format, FILE *out) {
    switch (format) {
    case REPORT_TEXT: print_text(r, out); break;
    case REPORT_JSON: print_json(r, out); break;
    case REPORT_CSV: print_csv(r, out);
    }
}
