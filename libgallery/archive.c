#include "archive.h"
#include "archive_block.h"
#include "block.h"
#include "bytes.h"
#include "context.h"
#include "environment.h"
#include "f16.h"
#include "geodesy.h"
#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct gallery_archive {
    gallery_context *ctx;
    FILE *in;
    char *name;
    struct gallery_archive_header header;
    struct gallery_archive_view view;
    struct gallery_archive_totals totals; /* of what was read */
    XXH3_state_t *sum;
    const struct gallery_f16 *f16;
    uint64_t last_id;
    char *properties, *tags; /* of the last point, terminated */
    size_t properties_capacity;
    uint8_t *stored;  /* its embedding, as it is stored, */
    float *embedding; /* and as it is handed out */
    bool finished;
};

/* ------------------------------------------------------------------- reading */

static int fail_archive(gallery_archive *a, int status, const char *wrong) {
    return gallery_fail(a->ctx, status, "%s: %s; get another copy of it", a->name, wrong);
}

static int fail_block(gallery_archive *a, int status, const char *wrong) {
    return gallery_fail(a->ctx, status, "%s: block %" PRIu64 ": %s; get another copy of it",
                        a->name, a->totals.blocks + 1, wrong);
}

static int take(gallery_archive *a, uint8_t *out, size_t size) {
    if (fread(out, 1, size, a->in) == size) return GALLERY_OK;
    if (ferror(a->in)) return gallery_fail_errno(a->ctx, a->name);
    return fail_archive(a, GALLERY_EFORMAT, "truncated");
}

static void count(gallery_archive *a, const uint8_t *bytes, size_t size) {
    XXH3_64bits_update(a->sum, bytes, size);
    a->totals.bytes += size;
}

static int read_header(gallery_archive *a) {
    uint8_t bytes[GALLERY_ARCHIVE_HEADER];
    size_t got = fread(bytes, 1, sizeof bytes, a->in);
    if (got != sizeof bytes && ferror(a->in)) return gallery_fail_errno(a->ctx, a->name);
    if (got != sizeof bytes)
        return gallery_fail(a->ctx, GALLERY_EFORMAT, "%s: not an archive of a gallery, or cut off",
                            a->name);
    const char *wrong = gallery_archive_header_decode(bytes, &a->header);
    if (wrong && gallery_environment_is_start(bytes))
        return gallery_fail(a->ctx, GALLERY_EFORMAT,
                            "%s: a gallery, not an archive; vt-index export packs it into one",
                            a->name);
    if (wrong) return gallery_fail(a->ctx, GALLERY_EFORMAT, "%s: %s", a->name, wrong);
    count(a, bytes, sizeof bytes);
    return GALLERY_OK;
}

int gallery_archive_read(gallery_context *ctx, FILE *in, const char *name, gallery_archive **out) {
    gallery_archive *a = calloc(1, sizeof *a);
    int status = GALLERY_OK;
    *out = NULL;
    if (!a) {
        if (in != stdin) fclose(in);
        return gallery_fail_memory(ctx, sizeof *a);
    }
    a->ctx = ctx;
    a->in = in;
    a->f16 = gallery_f16_choose();
    a->name = strdup(name);
    a->sum = XXH3_createState();
    a->tags = malloc(GALLERY_ARCHIVE_TAGS_MAX_BYTES + 1);
    if (!a->name || !a->tags || !a->sum) {
        status = gallery_fail_memory(ctx, GALLERY_ARCHIVE_TAGS_MAX_BYTES);
        goto done;
    }
    XXH3_64bits_reset(a->sum);
    GALLERY_GO(read_header(a));
    size_t dim = (size_t)a->header.setup.dim;
    a->view.dim = dim;
    a->view.number = a->header.embeddings ? gallery_dtype_bytes(a->header.setup.dtype) : 0;
    a->stored = malloc(dim * sizeof *a->embedding);
    a->embedding = malloc(dim * sizeof *a->embedding);
    if (!a->stored || !a->embedding) status = gallery_fail_memory(ctx, dim * sizeof *a->embedding);
done:
    if (status == GALLERY_OK)
        *out = a;
    else
        gallery_archive_close(a);
    return status;
}

int gallery_archive_open(gallery_context *ctx, const char *path, gallery_archive **a) {
    bool standard = !strcmp(path, "-");
    FILE *in = standard ? stdin : fopen(path, "rb");
    *a = NULL;
    if (!in) return gallery_fail_errno(ctx, path);
    return gallery_archive_read(ctx, in, standard ? "standard input" : path, a);
}

void gallery_archive_close(gallery_archive *a) {
    if (!a) return;
    if (a->in != stdin) fclose(a->in);
    XXH3_freeState(a->sum);
    gallery_archive_view_free(&a->view);
    free(a->stored);
    free(a->properties);
    free(a->tags);
    free(a->embedding);
    free(a->name);
    free(a);
}

void gallery_archive_describe(const gallery_archive *a, gallery_archive_info *info) {
    *info = (gallery_archive_info){
        .setup = a->header.setup, .embeddings = a->header.embeddings, .points = a->header.points};
}

bool gallery_archive_recognise(const char *path) {
    uint8_t bytes[8];
    struct stat st;
    FILE *in = !stat(path, &st) && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    bool is = in && fread(bytes, 1, sizeof bytes, in) == sizeof bytes &&
              gallery_archive_is_archive(bytes);
    if (in) fclose(in);
    return is;
}

static int read_block(gallery_archive *a, const uint8_t *header) {
    struct gallery_archive_view *view = &a->view;
    size_t packed = 0;
    int status;
    const char *wrong = gallery_archive_block_measure(view, header, &packed, &status);
    if (wrong) return fail_block(a, status, wrong);
    GALLERY_TRY(take(a, view->packed + GALLERY_ARCHIVE_BLOCK_HEADER, packed));
    wrong = gallery_archive_block_decode(view, &status);
    if (wrong) return fail_block(a, status, wrong);
    count(a, view->packed, packed + GALLERY_ARCHIVE_BLOCK_HEADER);
    return GALLERY_OK;
}

static int read_trailer(gallery_archive *a, uint8_t *bytes) {
    GALLERY_TRY(take(a, bytes + 4, GALLERY_ARCHIVE_TRAILER - 4));
    struct gallery_archive_totals totals = a->totals;
    XXH3_64bits_update(a->sum, bytes, GALLERY_ARCHIVE_TRAILER - 8);
    const char *wrong = gallery_archive_trailer_decode(bytes, &totals, XXH3_64bits_digest(a->sum));
    if (!wrong && totals.points != a->header.points)
        wrong = "holds another number of points than its header says";
    if (!wrong && getc(a->in) != EOF) wrong = "goes on behind its end";
    if (!wrong && ferror(a->in)) return gallery_fail_errno(a->ctx, a->name);
    if (wrong) return fail_archive(a, GALLERY_EFORMAT, wrong);
    a->finished = true;
    return GALLERY_END;
}

static int read_part(gallery_archive *a) {
    uint8_t head[GALLERY_ARCHIVE_TRAILER];
    if (a->finished) return GALLERY_END;
    GALLERY_TRY(take(a, head, 4));
    if (gallery_archive_is_trailer(head)) return read_trailer(a, head);
    if (!gallery_archive_is_block(head))
        return fail_archive(a, GALLERY_EFORMAT, "damaged: neither a block nor the end");
    GALLERY_TRY(take(a, head + 4, GALLERY_ARCHIVE_BLOCK_HEADER - 4));
    return read_block(a, head);
}

/* -------------------------------------------------------------------- points */

static const char *take_place(gallery_archive *a, const struct gallery_archive_point *point,
                              gallery_item *item) {
    double given[2] = {point->lon / 1e7, point->lat / 1e7}, lon = given[0], lat = given[1];
    if (!gallery_canonical(&lon, &lat) || lon != given[0] || lat != given[1])
        return "a coordinate that is not canonical";
    *item = (gallery_item){
        .id = gallery_point_id(lon, lat), .lon_deg = lon, .lat_deg = lat, .tags = a->tags};
    if (a->totals.points && item->id <= a->last_id) return "points out of order";
    return NULL;
}

/* One line, so that a dump of it is one, and without the id, which a dump writes itself. */
static const char *wrong_properties(const char *text, size_t length) {
    char why[64];
    bool cut;
    if (text[0] != '{' || text[length - 1] != '}') return "attributes that are no JSON object";
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ') return "attributes with control characters";
    json_t *value = gallery_json_parse(text, length, why, sizeof why, &cut);
    bool is = value && !json_object_get(value, "id");
    json_decref(value);
    return is ? NULL : "attributes that are no JSON object, or one with an id";
}

static const char *wrong_tags(const char *tags, size_t length) {
    if (memchr(tags, 0, length)) return "tags with a zero byte";
    json_t *text = json_stringn(tags, length);
    json_decref(text);
    return text ? gallery_archive_wrong_tags(tags) : "tags that are not UTF-8";
}

static const char *take_properties(gallery_archive *a, const char *text, size_t length,
                                   gallery_item *item) {
    if (!length) return NULL;
    if (length >= a->properties_capacity) {
        char *grown = realloc(a->properties, 2 * length);
        if (!grown) return "out of memory";
        a->properties = grown;
        a->properties_capacity = 2 * length;
    }
    memcpy(a->properties, text, length);
    a->properties[length] = 0;
    item->properties = a->properties;
    return wrong_properties(text, length);
}

static const char *take_tags(gallery_archive *a, const char *tags, size_t length) {
    bool known = a->totals.points && strlen(a->tags) == length && !memcmp(a->tags, tags, length);
    memcpy(a->tags, tags, length);
    a->tags[length] = 0;
    return known ? NULL : wrong_tags(a->tags, length);
}

static const char *take_embedding(gallery_archive *a, gallery_item *item) {
    size_t dim = a->view.dim;
    double sum = 0;
    if (!a->header.embeddings) return NULL;
    if (a->header.setup.dtype == GALLERY_F16)
        a->f16->decode(a->stored, dim, a->embedding);
    else
        memcpy(a->embedding, a->stored, dim * sizeof *a->embedding);
    item->embedding = a->embedding;
    for (size_t j = 0; j < dim; j++) sum += (double)a->embedding[j] * a->embedding[j];
    return fabs(sqrt(sum) - 1) <= gallery_unit_tolerance(&a->header.setup)
               ? NULL
               : "an embedding whose length is not 1";
}

int gallery_archive_next(gallery_archive *a, gallery_item *item) {
    struct gallery_archive_view *view = &a->view;
    struct gallery_archive_point point;
    if (view->row == view->n) GALLERY_TRY(read_part(a));
    gallery_archive_view_next(view, &point, a->stored);
    const char *wrong = take_place(a, &point, item);
    if (!wrong) wrong = take_properties(a, point.text, point.text_length, item);
    if (!wrong) wrong = take_tags(a, point.tags, point.tags_length);
    if (!wrong) wrong = take_embedding(a, item);
    if (wrong) return fail_block(a, GALLERY_EVALUE, wrong);
    a->last_id = item->id;
    a->totals.points++;
    if (view->row == view->n) a->totals.blocks++;
    return GALLERY_OK;
}
