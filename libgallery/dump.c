#include "dump.h"
#include "geodesy.h"
#include "json.h"
#include "storage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const own[] = {"id", "gallery", "gallery_tags", "embedding", NULL};

/* --------------------------------------------------------------------- write */

static bool fill(gallery_record *record, const gallery_item *item, const gallery_setup *setup) {
    for (size_t i = 1; own[i]; i++) gallery_record_remove(record, own[i]);
    return gallery_record_set_string(record, "gallery", setup->location_id) &&
           (!*item->tags || gallery_record_set_lines(record, "gallery_tags", item->tags)) &&
           gallery_record_set_vector(record, "embedding", item->embedding, (size_t)setup->dim);
}

int gallery_item_write(gallery_context *ctx, const gallery_item *item, const gallery_setup *setup,
                       FILE *out, bool flush) {
    const gallery_point point = {.id = item->id,
                                 .lon_deg = item->lon_deg,
                                 .lat_deg = item->lat_deg,
                                 .properties = item->properties};
    char *text = NULL;
    size_t size;
    gallery_record *record = NULL;
    FILE *line = open_memstream(&text, &size);
    if (!line) return gallery_fail_memory(ctx, sizeof point);
    int status = gallery_point_write(ctx, &point, line, false);
    if (fclose(line) && status == GALLERY_OK) status = gallery_fail_memory(ctx, sizeof point);
    if (status == GALLERY_OK) status = gallery_record_parse(ctx, text, size, &record, NULL);
    if (status == GALLERY_OK && !fill(record, item, setup))
        status = gallery_fail(ctx, GALLERY_EVALUE, "an embedding is not finite, or out of memory");
    if (status == GALLERY_OK) status = gallery_record_write(ctx, record, out, flush);
    gallery_record_free(record);
    free(text);
    return status;
}

/* ---------------------------------------------------------------------- load */

struct gallery_loader {
    gallery_context *ctx;
    gallery_setup setup; /* dim 0: no record yet */
    bool chosen;         /* by the first record: digits must not get lost */
    float *embedding, *rounded;
    uint8_t *halves;
    char *properties, *tags;
};

int gallery_loader_open(gallery_context *ctx, enum gallery_dtype dtype, gallery_loader **l) {
    *l = calloc(1, sizeof **l);
    if (!*l) return gallery_fail_memory(ctx, sizeof **l);
    **l = (gallery_loader){.ctx = ctx, .setup = {.dtype = dtype}, .chosen = !dtype};
    return GALLERY_OK;
}

void gallery_loader_close(gallery_loader *l) {
    if (!l) return;
    free(l->embedding);
    free(l->rounded);
    free(l->halves);
    free(l->properties);
    free(l->tags);
    free(l);
}

const gallery_setup *gallery_loader_setup(const gallery_loader *l) {
    return &l->setup;
}

static bool are_halves(gallery_loader *l) {
    const struct gallery_f16 *f16 = gallery_f16_choose();
    size_t dim = (size_t)l->setup.dim;
    f16->encode(l->embedding, dim, l->halves);
    f16->decode(l->halves, dim, l->rounded);
    for (size_t i = 0; i < dim; i++)
        if (l->rounded[i] != l->embedding[i]) return false;
    return true;
}

/* The first record's word on the gallery. */
static int begin(gallery_loader *l, const char *id, const char *vector) {
    size_t length = strlen(vector), padding = 0;
    while (padding < length && vector[length - 1 - padding] == '=') padding++;
    size_t bytes = length / 4 * 3 - padding, dim = bytes / sizeof(float);
    if (length % 4 || padding > 2 || bytes % sizeof(float) || !dim || dim > GALLERY_DIM_MAX)
        return gallery_fail(l->ctx, GALLERY_EFORMAT, "`embedding`: not base64 of float32 numbers");
    l->embedding = malloc(dim * sizeof *l->embedding);
    l->rounded = malloc(dim * sizeof *l->rounded);
    l->halves = malloc(dim * 2);
    if (!l->embedding || !l->rounded || !l->halves)
        return gallery_fail_memory(l->ctx, dim * sizeof *l->embedding);
    memcpy(l->setup.location_id, id, 16);
    l->setup.dim = (int)dim;
    return GALLERY_OK;
}

static int take_embedding(gallery_loader *l, const gallery_record *record, gallery_item *item) {
    const char *id = gallery_record_string(record, "gallery");
    const char *vector = gallery_record_string(record, "embedding");
    if (!vector)
        return gallery_fail(l->ctx, GALLERY_EFORMAT,
                            "no `embedding`; vt-index dump --embeddings writes it, and vt-embed "
                            "computes what has none");
    if (!id || strlen(id) != 16 || strspn(id, "0123456789abcdef") != 16)
        return gallery_fail(l->ctx, GALLERY_EFORMAT, "no id of a location encoder in `gallery`");
    bool first = !l->setup.dim;
    if (first) GALLERY_TRY(begin(l, id, vector));
    if (strcmp(id, l->setup.location_id))
        return gallery_fail(l->ctx, GALLERY_EMISMATCH,
                            "made for location encoder %s, those before it for %s", id,
                            l->setup.location_id);
    GALLERY_TRY(
        gallery_record_vector(l->ctx, record, "embedding", (size_t)l->setup.dim, l->embedding));
    if (first && l->chosen) l->setup.dtype = are_halves(l) ? GALLERY_F16 : GALLERY_F32;
    if (l->chosen && l->setup.dtype == GALLERY_F16 && !are_halves(l))
        return gallery_fail(l->ctx, GALLERY_EVALUE,
                            "`embedding`: more digits than float16 holds, unlike the first one; "
                            "--dtype f32 keeps them, --dtype f16 rounds them");
    double sum = 0;
    for (int j = 0; j < l->setup.dim; j++) sum += (double)l->embedding[j] * l->embedding[j];
    if (!(fabs(sqrt(sum) - 1) <= gallery_unit_tolerance(&l->setup)))
        return gallery_fail(l->ctx, GALLERY_EVALUE, "`embedding`: of length %g, not 1", sqrt(sum));
    item->embedding = l->embedding;
    return GALLERY_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names sorted, each once, with LF between them. */
static char *join(const char **names, size_t n) {
    size_t length = 1, at = 0;
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++) length += strlen(names[i]) + 1;
    char *text = malloc(length);
    for (size_t i = 0; text && i < n; i++) {
        if (i && !strcmp(names[i], names[i - 1])) continue;
        if (i) text[at++] = '\n';
        memcpy(text + at, names[i], strlen(names[i]));
        at += strlen(names[i]);
    }
    if (text) text[at] = 0;
    return text;
}

static int take_tags(gallery_loader *l, const gallery_record *record, gallery_item *item) {
    const json_t *properties = json_object_get(gallery_record_json(record), "properties");
    const json_t *list = json_object_get(properties, "gallery_tags");
    const char *names[255] = {""};
    size_t n = list ? json_array_size(list) : 1;
    bool ok = !list || (n && n <= sizeof names / sizeof *names);
    for (size_t i = 0; ok && list && i < n; i++) {
        names[i] = json_string_value(json_array_get(list, i));
        ok = names[i] != NULL;
        const char *wrong = ok && *names[i] ? gallery_tag_wrong(names[i]) : NULL;
        if (wrong) return gallery_fail(l->ctx, GALLERY_EFORMAT, "`gallery_tags`: %s", wrong);
    }
    if (!ok)
        return gallery_fail(l->ctx, GALLERY_EFORMAT, "`gallery_tags`: not a list of tags' names");
    free(l->tags);
    item->tags = l->tags = join(names, n);
    return l->tags ? GALLERY_OK : gallery_fail_memory(l->ctx, 128 * n);
}

/* An embedding belongs to its place: a line whose coordinates were changed has another's. */
static int check_id(gallery_loader *l, const gallery_record *record, uint64_t id) {
    const char *is = gallery_record_string(record, "id");
    char expected[17];
    gallery_id_format(id, expected);
    if (!is || !strcmp(is, expected)) return GALLERY_OK;
    return gallery_fail(l->ctx, GALLERY_EVALUE,
                        "`id` %.16s is not that of its coordinates, %s: the embedding may not be "
                        "theirs; vt-embed computes it for new coordinates",
                        is, expected);
}

int gallery_loader_take(gallery_loader *l, const gallery_record *record, gallery_item *item) {
    *item = (gallery_item){0};
    if (gallery_record_kind(record) != GALLERY_RECORD_FEATURE ||
        !gallery_record_point(record, &item->lon_deg, &item->lat_deg))
        return gallery_fail(l->ctx, GALLERY_EFORMAT, "not a Point");
    if (!gallery_canonical(&item->lon_deg, &item->lat_deg))
        return gallery_fail(l->ctx, GALLERY_EVALUE,
                            "its coordinates are not longitude and latitude in degrees");
    item->id = gallery_point_id(item->lon_deg, item->lat_deg);
    GALLERY_TRY(check_id(l, record, item->id));
    free(l->properties);
    l->properties = NULL;
    if (!gallery_record_properties(record, own, &l->properties))
        return gallery_fail_memory(l->ctx, GALLERY_PROPERTIES_MAX_BYTES);
    item->properties = l->properties;
    GALLERY_TRY(take_tags(l, record, item));
    return take_embedding(l, record, item);
}
