/* reader.h - inside libgallery: a stream's lines, before they are parsed. */
#ifndef GALLERY_READER_H
#define GALLERY_READER_H

#include "record.h"

struct gallery_line { /* without its end; valid until the next one is read */
    char *text;
    size_t length;
    bool whole; /* it had a newline */
};

/* The next line that is not blank, trimmed; GALLERY_END, GALLERY_EFORMAT if it is too long. */
int gallery_reader_text(gallery_reader *reader, struct gallery_line *line);

/* The line as a record; a failure names the place. */
int gallery_reader_parse(gallery_reader *reader, const struct gallery_line *line,
                         gallery_record **record);

/* GALLERY_EFORMAT with the place and a reason. */
int gallery_reader_refuse(gallery_reader *reader, const char *why);

#endif
