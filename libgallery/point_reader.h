/* point_reader.h - points out of a stream, at several hundred megabytes a second.
 *
 * Lines of the form that gallery_point_write gives them are scanned by hand; every other line goes
 * through the record's parser (record.h). Both give the same.
 */
#ifndef GALLERY_POINT_READER_H
#define GALLERY_POINT_READER_H

#include "record.h"

typedef struct gallery_point_input {
    gallery_point point; /* canonical; properties: without id, tag and tags. No tags yet */
    /* Names of its tags, from the property `tag`, a string, or `tags`, a list of strings; none: it
     * has neither. "": the nameless tag. */
    const char **names;
    size_t names_n;
    /* room */
    char *text;
    size_t capacity, names_capacity;
} gallery_point_input;

/* The next point; what it holds is valid until the next call. GALLERY_END. GALLERY_EFORMAT names
 * place and reason, and the reader can go on. Start with {0}; close frees what `input` has grown.
 * strict: every line through the record's parser. */
int gallery_point_next(gallery_context *ctx, gallery_reader *reader, bool strict,
                       gallery_point_input *input);
void gallery_point_input_close(gallery_point_input *input);

#endif
