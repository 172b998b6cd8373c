/* archive_write.c - points into the blocks of an archive. */
#include "archive.h"
#include "archive_block.h"
#include "block.h"
#include "bytes.h"
#include "context.h"
#include "f16.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gallery_archive_writer {
    gallery_context *ctx;
    FILE *out;
    char *name;
    struct gallery_archive_header header;
    struct gallery_archive_rows rows;
    struct gallery_archive_totals totals;
    XXH3_state_t *sum;
    const struct gallery_f16 *f16;
    uint8_t *stored; /* one embedding */
};

static int put(gallery_archive_writer *w, const uint8_t *bytes, size_t size) {
    XXH3_64bits_update(w->sum, bytes, size);
    w->totals.bytes += size;
    if (fwrite(bytes, 1, size, w->out) == size) return GALLERY_OK;
    return gallery_fail_errno(w->ctx, w->name);
}

int gallery_archive_writer_open(gallery_context *ctx, FILE *out, const char *name,
                                const gallery_archive_info *info, gallery_archive_writer **w_out) {
    uint8_t header[GALLERY_ARCHIVE_HEADER];
    int status = GALLERY_OK;
    gallery_archive_writer *w = calloc(1, sizeof *w);
    *w_out = NULL;
    if (!w) return gallery_fail_memory(ctx, sizeof *w);
    w->ctx = ctx;
    w->out = out;
    w->f16 = gallery_f16_choose();
    w->header = (struct gallery_archive_header){info->setup, info->embeddings, info->points};
    w->name = strdup(name);
    w->sum = XXH3_createState();
    w->stored = malloc((size_t)info->setup.dim * sizeof(float));
    if (!gallery_archive_rows_make(&w->header, &w->rows) || !w->stored || !w->name || !w->sum) {
        status = gallery_fail_memory(ctx, GALLERY_ARCHIVE_RAW);
        goto done;
    }
    XXH3_64bits_reset(w->sum);
    gallery_archive_header_encode(&w->header, header);
    status = put(w, header, sizeof header);
done:
    if (status == GALLERY_OK)
        *w_out = w;
    else
        gallery_archive_writer_close(w);
    return status;
}

static int flush_rows(gallery_archive_writer *w) {
    struct gallery_archive_rows *rows = &w->rows;
    if (!rows->n) return GALLERY_OK;
    size_t size = gallery_archive_block_encode(rows);
    if (!size) return gallery_fail_memory(w->ctx, GALLERY_ARCHIVE_RAW);
    w->totals.points += rows->n;
    w->totals.blocks++;
    rows->n = rows->text_bytes = rows->tag_bytes = 0;
    return put(w, rows->packed, size);
}

int gallery_archive_writer_add(gallery_archive_writer *w, const gallery_item *item) {
    struct gallery_archive_rows *rows = &w->rows;
    size_t text = item->properties ? strlen(item->properties) : 0, tag = strlen(item->tags);
    if (text > GALLERY_PROPERTIES_MAX_BYTES || tag > GALLERY_ARCHIVE_TAGS_MAX_BYTES)
        return gallery_fail(w->ctx, GALLERY_EVALUE, "%s: a point with texts too long", w->name);
    if (!gallery_archive_rows_fit(rows, text, tag)) GALLERY_TRY(flush_rows(w));
    const int32_t place[2] = {(int32_t)lround(item->lon_deg * 1e7),
                              (int32_t)lround(item->lat_deg * 1e7)};
    if (rows->number == 2) w->f16->encode(item->embedding, rows->dim, w->stored);
    if (rows->number == 4) memcpy(w->stored, item->embedding, rows->dim * rows->number);
    if (!gallery_archive_rows_add(rows, place, item->properties, text, item->tags, tag, w->stored))
        return gallery_fail_memory(w->ctx, GALLERY_ARCHIVE_RAW);
    return GALLERY_OK;
}

int gallery_archive_writer_finish(gallery_archive_writer *w) {
    uint8_t trailer[GALLERY_ARCHIVE_TRAILER];
    GALLERY_TRY(flush_rows(w));
    if (w->totals.points != w->header.points)
        return gallery_fail(w->ctx, GALLERY_EUSAGE, "%s: other points came than were announced",
                            w->name);
    gallery_archive_trailer_encode(&w->totals, trailer);
    XXH3_64bits_update(w->sum, trailer, sizeof trailer - 8);
    gallery_put64(trailer + sizeof trailer - 8, XXH3_64bits_digest(w->sum));
    return put(w, trailer, sizeof trailer);
}

void gallery_archive_writer_close(gallery_archive_writer *w) {
    if (!w) return;
    XXH3_freeState(w->sum);
    gallery_archive_rows_free(&w->rows);
    free(w->stored);
    free(w->name);
    free(w);
}
