#include "evaluation.h"
#include "context.h"
#include "metrics.h"
#include "order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

/* Weights of sources in replicates that memory holds: 256 MiB. */
#define MAX_WEIGHTS ((size_t)1 << 26)
/* Errors are sorted in memory up to this, beyond it in a file. */
#define ORDER_MEMORY ((size_t)64 << 20)

struct row { /* of a source */
    char *name;
    unsigned long long frames, no_truth, errors;
    uint32_t within[GALLERY_THRESHOLDS_MAX];
    double median_km, video_km, frechet_km, range_km;
    bool right[GALLERY_CITY_LEVELS];
};

struct gallery_evaluation {
    gallery_context *ctx;
    gallery_evaluation_rules rules;
    gallery_order *errors; /* of all frames: bits of the km, and the number of its row */
    struct row *rows;
    size_t row_count, row_room;
    uint64_t digest;           /* of all frames that count, whatever their order */
    double *predicted, *truth; /* [frame_room][2], of the source in reading */
    size_t frame_count, frame_room;
};

/* ------------------------------------------------------------ opening, names */

int gallery_evaluation_open(gallery_context *ctx, const gallery_evaluation_rules *rules,
                            gallery_evaluation **out) {
    *out = NULL;
    if (rules->threshold_count < 0 || rules->threshold_count > GALLERY_THRESHOLDS_MAX)
        return gallery_fail(ctx, GALLERY_EUSAGE, "more than %d thresholds", GALLERY_THRESHOLDS_MAX);
    gallery_evaluation *e = calloc(1, sizeof *e);
    if (!e) return gallery_fail_memory(ctx, sizeof *e);
    e->ctx = ctx;
    e->rules = *rules;
    int status = gallery_order_open(ctx, ORDER_MEMORY, &e->errors);
    if (status == GALLERY_OK)
        *out = e;
    else
        gallery_evaluation_close(e);
    return status;
}

void gallery_evaluation_close(gallery_evaluation *e) {
    if (!e) return;
    for (size_t i = 0; i < e->row_count; i++) free(e->rows[i].name);
    gallery_order_close(e->errors);
    free(e->rows);
    free(e->predicted);
    free(e->truth);
    free(e);
}

/* Where a figure stands in gallery_figures.value. */
static int frame_median(const gallery_evaluation *e) {
    return e->rules.threshold_count;
}
static int video_acc(const gallery_evaluation *e) {
    return e->rules.threshold_count + 1;
}
static int video_median(const gallery_evaluation *e) {
    return 2 * e->rules.threshold_count + 1;
}
static int frechet(const gallery_evaluation *e) {
    return video_median(e) + 1;
}
static int range(const gallery_evaluation *e) {
    return video_median(e) + 2;
}

/* The place of a level among the figures, which has those only that are known; -1. */
static int city_figure(const gallery_evaluation *e, int level) {
    int at = range(e) + 1;
    if (!e->rules.cities || !gallery_cities_has(e->rules.cities, level)) return -1;
    for (int i = 0; i < level; i++) at += gallery_cities_has(e->rules.cities, i);
    return at;
}

int gallery_evaluation_count(const gallery_evaluation *e) {
    int count = range(e) + 1;
    for (int level = 0; e->rules.cities && level < GALLERY_CITY_LEVELS; level++)
        count += gallery_cities_has(e->rules.cities, level);
    return count;
}

const char *gallery_evaluation_name(const gallery_evaluation *e, int figure, char text[48]) {
    int n = e->rules.threshold_count;
    const gallery_threshold *t = e->rules.thresholds;
    if (figure < n) {
        snprintf(text, 48, "frame_acc@%s", t[figure].name);
        return text;
    }
    if (figure == frame_median(e)) return "frame_median_km";
    if (figure < video_median(e)) {
        snprintf(text, 48, "video_acc@%s", t[figure - video_acc(e)].name);
        return text;
    }
    if (figure == video_median(e)) return "video_median_km";
    if (figure == frechet(e)) return "dfd_km";
    if (figure == range(e)) return "mrd_km";
    for (int level = 0; level < GALLERY_CITY_LEVELS; level++)
        if (city_figure(e, level) == figure)
            snprintf(text, 48, "%s_acc", gallery_city_level_name(level));
    return text;
}

/* ------------------------------------------------------------------ a source */

static struct row *last_row(gallery_evaluation *e) {
    return &e->rows[e->row_count - 1];
}

int gallery_evaluation_begin(gallery_evaluation *e, const char *source) {
    if (e->row_count == e->row_room) {
        size_t room = e->row_room ? 2 * e->row_room : 64;
        struct row *rows = realloc(e->rows, room * sizeof *rows);
        if (!rows) return gallery_fail_memory(e->ctx, room * sizeof *rows);
        e->rows = rows;
        e->row_room = room;
    }
    char *name = strdup(source);
    if (!name) return gallery_fail_memory(e->ctx, strlen(source));
    e->rows[e->row_count++] = (struct row){
        .name = name, .median_km = NAN, .video_km = NAN, .frechet_km = NAN, .range_km = NAN};
    e->frame_count = 0;
    return GALLERY_OK;
}

static int more_frames(gallery_evaluation *e) {
    size_t room = e->frame_room ? 2 * e->frame_room : 1024;
    double *predicted = realloc(e->predicted, room * 2 * sizeof *predicted);
    if (predicted) e->predicted = predicted;
    double *truth = predicted ? realloc(e->truth, room * 2 * sizeof *truth) : NULL;
    if (!truth) return gallery_fail_memory(e->ctx, room * 4 * sizeof *truth);
    e->truth = truth;
    e->frame_room = room;
    return GALLERY_OK;
}

int gallery_evaluation_frame(gallery_evaluation *e, const double predicted[2],
                             const double truth[2]) {
    if (e->frame_count == GALLERY_SOURCE_MAX_FRAMES)
        return gallery_fail(e->ctx, GALLERY_EFORMAT,
                            "source '%.200s' has more than %zu frames, which are judged together; "
                            "sample it more coarsely, or in parts",
                            last_row(e)->name, GALLERY_SOURCE_MAX_FRAMES);
    if (e->frame_count == e->frame_room) GALLERY_TRY(more_frames(e));
    memcpy(e->predicted + 2 * e->frame_count, predicted, 2 * sizeof *predicted);
    memcpy(e->truth + 2 * e->frame_count, truth, 2 * sizeof *truth);
    e->frame_count++;
    return GALLERY_OK;
}

void gallery_evaluation_no_truth(gallery_evaluation *e) {
    last_row(e)->no_truth++;
}

void gallery_evaluation_error(gallery_evaluation *e) {
    last_row(e)->errors++;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A kilometre that is not negative sorts as the bits of its double. */
static uint64_t sortable(double km) {
    uint64_t bits;
    double positive = km + 0.0;
    memcpy(&bits, &positive, sizeof bits);
    return bits;
}

static double from_sortable(uint64_t bits) {
    double km;
    memcpy(&km, &bits, sizeof km);
    return km;
}

static int judge_frames(gallery_evaluation *e, struct row *row) {
    size_t n = e->frame_count;
    double *km = malloc(n * sizeof *km);
    int status = km ? GALLERY_OK : gallery_fail_memory(e->ctx, n * sizeof *km);
    for (size_t i = 0; status == GALLERY_OK && i < n; i++) {
        km[i] = gallery_haversine_km(e->predicted + 2 * i, e->truth + 2 * i);
        for (int k = 0; k < e->rules.threshold_count; k++)
            row->within[k] += km[i] < e->rules.thresholds[k].km;
        status = gallery_order_add(e->errors, sortable(km[i]), (uint32_t)(e->row_count - 1));
    }
    if (status == GALLERY_OK) {
        qsort(km, n, sizeof *km, compare_doubles);
        row->median_km = (km[(n - 1) / 2] + km[n / 2]) / 2;
    }
    free(km);
    return status;
}

int gallery_evaluation_end(gallery_evaluation *e) {
    struct row *row = last_row(e);
    size_t n = e->frame_count;
    row->frames = n;
    if (!n) return GALLERY_OK;
    const uint64_t name = XXH3_64bits(row->name, strlen(row->name));
    for (size_t i = 0; i < n; i++)
        e->digest += XXH3_64bits_withSeed(e->truth + 2 * i, 2 * sizeof *e->truth, name);
    GALLERY_TRY(judge_frames(e, row));
    row->video_km = gallery_video_error_km(e->predicted, e->truth, n);
    row->range_km = gallery_range_difference_km(e->predicted, e->truth, n);
    if (n <= GALLERY_FRECHET_MAX)
        GALLERY_TRY(gallery_frechet_km(e->ctx, e->predicted, n, e->truth, n, &row->frechet_km));
    if (e->rules.cities)
        GALLERY_TRY(gallery_cities_judge(e->rules.cities, e->predicted, e->truth, n, row->right));
    return GALLERY_OK;
}

bool gallery_evaluation_source(const gallery_evaluation *e, size_t i, gallery_figures *f) {
    if (i >= e->row_count) return false;
    const struct row *r = &e->rows[i];
    *f = (gallery_figures){.source = r->name,
                           .sources = r->frames > 0,
                           .frames = r->frames,
                           .no_truth = r->no_truth,
                           .errors = r->errors,
                           .no_frechet = r->frames > GALLERY_FRECHET_MAX};
    for (int k = 0; k < e->rules.threshold_count; k++) {
        f->value[k] = 100.0 * r->within[k] / (double)r->frames; /* 0 / 0: NaN */
        f->value[video_acc(e) + k] =
            r->frames ? 100.0 * (r->video_km < e->rules.thresholds[k].km) : NAN;
    }
    f->value[frame_median(e)] = r->median_km;
    f->value[video_median(e)] = r->video_km;
    f->value[frechet(e)] = r->frechet_km;
    f->value[range(e)] = r->range_km;
    for (int level = 0; level < GALLERY_CITY_LEVELS; level++)
        if (city_figure(e, level) >= 0)
            f->value[city_figure(e, level)] = r->frames ? 100.0 * r->right[level] : NAN;
    return true;
}

/* ----------------------------------------------------------------- bootstrap
 * A replicate draws as many sources as there are, with replacement: a weight for each. Replicate 0
 * is the stream itself, every weight 1. */

struct bootstrap {
    gallery_evaluation *e;
    size_t count;      /* replicates, with the first */
    uint32_t *weights; /* [row][count] */
    double *values;    /* [figure][count] */
    /* scratch, [count] each */
    double *sums, *totals;
    struct median *medians;
};

/* The median of values that come in ascending order, each so many times: the mean of the two in the
 * middle. */
struct median {
    uint64_t total, seen;
    double lower, value;
};

static void median_add(struct median *m, double value, uint64_t times) {
    uint64_t before = m->seen, low = (m->total - 1) / 2, high = m->total / 2;
    m->seen += times;
    if (before <= low && low < m->seen) m->lower = value;
    if (before <= high && high < m->seen) m->value = (m->lower + value) / 2;
}

/* SplitMix64, by Vigna: a bijection of its counter, so any seed is as good as another. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int by_name(const void *a, const void *b, void *evaluation) {
    const gallery_evaluation *e = evaluation;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = strcmp(e->rows[x].name, e->rows[y].name);
    return order ? order : (x > y) - (x < y);
}

/* By their names, so that streams which have the same sources in another order are resampled alike.
 * Sources without a frame that counts are not drawn: they are no part of any figure. */
static int draw(struct bootstrap *b, gallery_figures *all) {
    gallery_evaluation *e = b->e;
    size_t n = 0, *drawn = malloc(e->row_count * sizeof *drawn);
    if (!drawn) return gallery_fail_memory(e->ctx, e->row_count * sizeof *drawn);
    for (size_t i = 0; i < e->row_count; i++)
        if (e->rows[i].frames) drawn[n++] = i;
    qsort_r(drawn, n, sizeof *drawn, by_name, e);
    for (size_t i = 1; i < n && !all->repeated; i++)
        if (!strcmp(e->rows[drawn[i - 1]].name, e->rows[drawn[i]].name))
            all->repeated = e->rows[drawn[i]].name;
    for (size_t i = 0; i < n; i++) b->weights[drawn[i] * b->count] = 1;
    uint64_t state = e->rules.seed;
    for (size_t r = 1; r < b->count; r++)
        for (size_t i = 0; i < n; i++) {
            size_t k = (size_t)(((next_random(&state) >> 32) * n) >> 32);
            b->weights[drawn[k] * b->count + r]++;
        }
    free(drawn);
    return GALLERY_OK;
}

/* A figure that is a mean over sources, or over all their frames. */
typedef double value_fn(const gallery_evaluation *e, const struct row *row, int k);

static double within_frames(const gallery_evaluation *e, const struct row *row, int k) {
    (void)e;
    return 100.0 * row->within[k];
}
static double within_video(const gallery_evaluation *e, const struct row *row, int k) {
    return 100.0 * (row->video_km < e->rules.thresholds[k].km);
}
static double frechet_of(const gallery_evaluation *e, const struct row *row, int k) {
    (void)e, (void)k;
    return row->frechet_km;
}
static double range_of(const gallery_evaluation *e, const struct row *row, int k) {
    (void)e, (void)k;
    return row->range_km;
}
static double right_city(const gallery_evaluation *e, const struct row *row, int level) {
    (void)e;
    return 100.0 * row->right[level];
}

static void average(struct bootstrap *b, int figure, value_fn *value, int k, bool frames) {
    for (size_t r = 0; r < b->count; r++) b->sums[r] = b->totals[r] = 0;
    for (size_t i = 0; i < b->e->row_count; i++) {
        const struct row *row = &b->e->rows[i];
        double v = value(b->e, row, k), share = frames ? (double)row->frames : 1;
        if (!row->frames || isnan(v)) continue;
        for (size_t r = 0; r < b->count; r++) {
            double weight = b->weights[i * b->count + r];
            b->sums[r] += weight * v;
            b->totals[r] += weight * share;
        }
    }
    for (size_t r = 0; r < b->count; r++)
        b->values[(size_t)figure * b->count + r] = b->sums[r] / b->totals[r];
}

static void begin_medians(struct bootstrap *b, bool frames) {
    memset(b->medians, 0, b->count * sizeof *b->medians);
    for (size_t i = 0; i < b->e->row_count; i++)
        for (size_t r = 0; r < b->count; r++)
            b->medians[r].total +=
                b->weights[i * b->count + r] * (frames ? b->e->rows[i].frames : 1);
}

/* The next larger error, of a frame or video of row i. */
static void add_medians(struct bootstrap *b, double km, size_t i) {
    for (size_t r = 0; r < b->count; r++)
        median_add(&b->medians[r], km, b->weights[i * b->count + r]);
}

static void end_medians(struct bootstrap *b, int figure) {
    for (size_t r = 0; r < b->count; r++)
        b->values[(size_t)figure * b->count + r] = b->medians[r].value;
}

static int sum_medians(struct bootstrap *b, gallery_order *order, bool frames, int figure) {
    gallery_order_entry entry;
    int status;
    begin_medians(b, frames);
    GALLERY_TRY(gallery_order_begin(order, false));
    while ((status = gallery_order_next(order, &entry)) == GALLERY_OK)
        add_medians(b, from_sortable(entry.id), entry.value);
    end_medians(b, figure);
    return status == GALLERY_END ? GALLERY_OK : status;
}

static int video_medians(struct bootstrap *b) {
    gallery_order *order;
    GALLERY_TRY(gallery_order_open(b->e->ctx, ORDER_MEMORY, &order));
    int status = GALLERY_OK;
    for (size_t i = 0; status == GALLERY_OK && i < b->e->row_count; i++)
        if (b->e->rows[i].frames)
            status = gallery_order_add(order, sortable(b->e->rows[i].video_km), (uint32_t)i);
    if (status == GALLERY_OK) status = sum_medians(b, order, false, video_median(b->e));
    gallery_order_close(order);
    return status;
}

static int compute(struct bootstrap *b) {
    const gallery_evaluation *e = b->e;
    for (int k = 0; k < e->rules.threshold_count; k++) {
        average(b, k, within_frames, k, true);
        average(b, video_acc(e) + k, within_video, k, false);
    }
    average(b, frechet(e), frechet_of, 0, false);
    average(b, range(e), range_of, 0, false);
    for (int level = 0; level < GALLERY_CITY_LEVELS; level++)
        if (city_figure(e, level) >= 0) average(b, city_figure(e, level), right_city, level, false);
    GALLERY_TRY(sum_medians(b, e->errors, true, frame_median(e)));
    return video_medians(b);
}

/* ----------------------------------------------------------------- intervals */

/* Between the order statistics, linearly. */
static double quantile(const double *sorted, size_t n, double q) {
    double place = q * (double)(n - 1);
    size_t below = (size_t)place;
    if (below + 1 >= n) return sorted[n - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

static void read_out(struct bootstrap *b, gallery_figures *all) {
    for (int f = 0; f < gallery_evaluation_count(b->e); f++) {
        double *values = b->values + (size_t)f * b->count;
        size_t n = 0;
        all->value[f] = values[0];
        for (size_t r = 1; r < b->count; r++) /* a replicate may have no source with a distance */
            if (!isnan(values[r])) b->sums[n++] = values[r];
        qsort(b->sums, n, sizeof *b->sums, compare_doubles);
        all->low[f] = n ? quantile(b->sums, n, 0.025) : NAN;
        all->high[f] = n ? quantile(b->sums, n, 0.975) : NAN;
    }
}

static int bootstrap_open(struct bootstrap *b, gallery_evaluation *e, gallery_figures *all) {
    size_t count = e->rules.replicates + 1, figures = (size_t)gallery_evaluation_count(e);
    *b = (struct bootstrap){.e = e, .count = count};
    if (e->rules.replicates >= MAX_WEIGHTS || e->row_count > MAX_WEIGHTS / count)
        return gallery_fail(e->ctx, GALLERY_EUSAGE,
                            "%zu replicates of %zu sources are more than memory is set aside for: "
                            "at most %zu",
                            e->rules.replicates, e->row_count, MAX_WEIGHTS / e->row_count - 1);
    b->weights = calloc(e->row_count * count, sizeof *b->weights);
    b->values = calloc(figures * count, sizeof *b->values);
    b->sums = calloc(count, sizeof *b->sums);
    b->totals = calloc(count, sizeof *b->totals);
    b->medians = calloc(count, sizeof *b->medians);
    if (b->weights && b->values && b->sums && b->totals && b->medians) return draw(b, all);
    return gallery_fail_memory(e->ctx, (e->row_count + figures) * count * sizeof *b->values);
}

static void bootstrap_close(struct bootstrap *b) {
    free(b->weights);
    free(b->values);
    free(b->sums);
    free(b->totals);
    free(b->medians);
}

int gallery_evaluation_finish(gallery_evaluation *e, gallery_figures *all) {
    struct bootstrap b = {0};
    *all = (gallery_figures){0};
    for (size_t i = 0; i < e->row_count; i++) {
        const struct row *row = &e->rows[i];
        all->sources += row->frames > 0;
        all->empty += !row->frames;
        all->frames += row->frames;
        all->no_truth += row->no_truth;
        all->errors += row->errors;
        all->no_frechet += row->frames > GALLERY_FRECHET_MAX;
    }
    all->digest = e->digest;
    if (!all->frames)
        return gallery_fail(e->ctx, GALLERY_EEMPTY,
                            "no frame has both a prediction and `truth` to compare it with (%llu "
                            "without truth, %llu errors); vt-frames adds truth from GPS",
                            all->no_truth, all->errors);
    int status = bootstrap_open(&b, e, all);
    if (status == GALLERY_OK) status = compute(&b);
    if (status == GALLERY_OK) read_out(&b, all);
    bootstrap_close(&b);
    gallery_order_close(e->errors); /* rows are all that is still asked for */
    e->errors = NULL;
    return status;
}
