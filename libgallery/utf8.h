/* utf8.h - inside libgallery: is it UTF-8? */
#ifndef GALLERY_UTF8_H
#define GALLERY_UTF8_H

#include <stddef.h>

/* Bytes of the character at s, which ends before `end`; 0 if it is none (RFC 3629). */
size_t gallery_utf8_length(const char *s, const char *end);

#endif
