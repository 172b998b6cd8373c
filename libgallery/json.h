/* json.h - inside libgallery: JSON in and out of memory, with bounds on what comes from outside.
 *
 * Numbers are written as the shortest text that reads back as the same double, so that what passes
 * through is not changed; jansson's own writer would print 17 digits of 47.1234567.
 */
#ifndef GALLERY_JSON_H
#define GALLERY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

/* Text that grows; `failed` stays set once memory has run out. Starts as {0}. */
typedef struct gallery_text {
    char *at;
    size_t length, capacity;
    bool failed;
} gallery_text;

void gallery_text_add(gallery_text *text, const char *bytes, size_t n);
void gallery_text_add_json(gallery_text *text, json_t *value);

/* Writes value, which must be finite, and returns how many characters; not terminated. */
#define GALLERY_JSON_NUMBER_MAX 32
size_t gallery_json_number(double value, char out[GALLERY_JSON_NUMBER_MAX]);

/* A finite coordinate in degrees, in [-360, 360], rounded to 7 decimals: as gallery_json_number
 * would write it, in less time. */
size_t gallery_json_degrees(double value, char out[GALLERY_JSON_NUMBER_MAX]);

/* Rounds to decimals (0 to 9) after the point; -0 becomes 0. */
double gallery_json_round(double value, int decimals);

/* One JSON object of `length` bytes, or NULL and a reason in `why`. Refuses duplicate keys, bytes
 * that are not UTF-8, NUL, numbers beyond a double, nesting and numbers of containers that no
 * record needs. *cut: the text ends too early. */
json_t *gallery_json_parse(const char *text, size_t length, char *why, size_t why_size, bool *cut);

/* The whole Feature of a record; borrowed. */
struct gallery_record;
const json_t *gallery_record_json(const struct gallery_record *record);

#endif
