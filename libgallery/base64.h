/* base64.h - inside libgallery: how vectors travel in records (RFC 4648, section 4, with padding).
 */
#ifndef GALLERY_BASE64_H
#define GALLERY_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Characters that n bytes become, without a terminating zero. */
size_t gallery_base64_length(size_t n);

/* out: char [gallery_base64_length(n)], not terminated. */
void gallery_base64_encode(const void *bytes, size_t n, char *out);

/* Decodes exactly n bytes. false if the text is not as long as n bytes become, holds a character
 * outside the alphabet (line breaks too), or does not end in the padding and the zero bits that
 * encoding writes: every vector has one text only. */
bool gallery_base64_decode(const char *text, size_t length, void *bytes, size_t n);

#endif
