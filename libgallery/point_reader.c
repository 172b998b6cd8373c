#include "point_reader.h"
#include "context.h"
#include "geodesy.h"
#include "json.h"
#include "reader.h"
#include "rows.h"
#include "storage.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 24 /* of properties; a point with more goes the slow way */

void gallery_point_input_close(gallery_point_input *in) {
    free(in->text);
    free(in->names);
    *in = (gallery_point_input){0};
}

/* Room for the text of a point: what is kept of a line never is longer than the line. */
static bool reserve(gallery_point_input *in, size_t text, size_t names) {
    if (text > in->capacity) {
        char *grown = realloc(in->text, 2 * text);
        if (!grown) return false;
        in->text = grown;
        in->capacity = 2 * text;
    }
    if (names > in->names_capacity) {
        const char **grown = realloc(in->names, 2 * names * sizeof *grown);
        if (!grown) return false;
        in->names = grown;
        in->names_capacity = 2 * names;
    }
    return true;
}

/* -------------------------------------------------------------------- scanning
 * Each takes what stands at *at and moves on; false: the line is not of the plain form. What it
 * accepts is text that the record's writer would write again as it stands (json.c). */

struct scan {
    const char *at, *end;
};

static bool word(struct scan *s, const char *text, size_t n) {
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, text, n) != 0) return false;
    s->at += n;
    return true;
}
#define WORD(s, text) word(s, text, sizeof text - 1)

static bool is_digit(const struct scan *s) {
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

/* A number: -?(0|[1-9][0-9]*)(.[0-9]+)?, with its digits in *units. */
struct digits {
    bool negative;
    uint64_t whole, fraction;
    int whole_n, fraction_n;
};

static bool digits(struct scan *s, struct digits *d) {
    *d = (struct digits){0};
    if (s->at < s->end && *s->at == '-') {
        d->negative = true;
        s->at++;
    }
    const char *first = s->at;
    for (; is_digit(s) && d->whole_n < 18; s->at++, d->whole_n++)
        d->whole = d->whole * 10 + (uint64_t)(*s->at - '0');
    if (!d->whole_n || (d->whole_n > 1 && *first == '0')) return false;
    if (s->at == s->end || *s->at != '.') return true;
    s->at++;
    for (; is_digit(s) && d->fraction_n < 8; s->at++, d->fraction_n++)
        d->fraction = d->fraction * 10 + (uint64_t)(*s->at - '0');
    return d->fraction_n > 0;
}

static bool ends_number(const struct scan *s) {
    return s->at < s->end && (*s->at == ',' || *s->at == '}' || *s->at == ']');
}

/* Up to 15 digits, a quotient of exact numbers is the double nearest to the decimal text. */
static bool coordinate(struct scan *s, double *degrees) {
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    struct digits d;
    if (!digits(s, &d) || d.whole_n > 3 || d.fraction_n > 7 || !ends_number(s)) return false;
    double scale = powers[d.fraction_n];
    double value = ((double)d.whole * scale + (double)d.fraction) / scale;
    *degrees = d.negative ? -value : value;
    return true;
}

static bool number(struct scan *s) {
    struct digits d;
    if (!digits(s, &d) || !ends_number(s)) return false;
    if (d.negative && !d.whole && !d.fraction) return false;
    if (!d.fraction_n) return true;
    return d.whole_n <= 8 && d.fraction_n <= 7 && (d.fraction_n == 1 || s->at[-1] != '0');
}

static bool string(struct scan *s, const char **text, size_t *length) {
    if (!WORD(s, "\"")) return false;
    *text = s->at;
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at;
        if (c == '"') {
            *length = (size_t)(s->at++ - *text);
            return true;
        }
        if (c < 0x20 || c == '\\' || c == 0x7f) return false;
        size_t n = c < 0x80 ? 1 : gallery_utf8_length(s->at, s->end);
        if (!n) return false;
        s->at += n;
    }
    return false;
}

static bool value(struct scan *s, bool *is_string, const char **text, size_t *length) {
    *is_string = s->at < s->end && *s->at == '"';
    if (*is_string) return string(s, text, length);
    return WORD(s, "true") || WORD(s, "false") || WORD(s, "null") || number(s);
}

struct key {
    const char *text;
    size_t length;
};

static bool is_key(struct key key, const char *name) {
    return key.length == strlen(name) && !memcmp(key.text, name, key.length);
}

/* Words that make another kind of record of it, or that are not simply kept. */
static bool is_special(struct key key) {
    return is_key(key, "error") || is_key(key, "end") || is_key(key, "tags");
}

static bool is_double(const struct key *keys, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (keys[i].length == keys[n].length && !memcmp(keys[i].text, keys[n].text, keys[n].length))
            return true;
    return false;
}

/* The members of properties up to and with the brace, those that are kept into in->text. */
static bool members(struct scan *s, gallery_point_input *in, size_t *kept, size_t *tag_at) {
    struct key keys[MEMBERS_MAX];
    size_t n = 0;
    in->text[(*kept)++] = '{';
    if (WORD(s, "}")) return true;
    do {
        const char *from = s->at, *text = NULL;
        size_t length = 0;
        bool is_string;
        if (n == MEMBERS_MAX || !string(s, &keys[n].text, &keys[n].length) || !WORD(s, ":") ||
            !value(s, &is_string, &text, &length) || is_special(keys[n]) || is_double(keys, n))
            return false;
        struct key key = keys[n++];
        if (is_key(key, "id")) continue;
        if (is_key(key, "tag")) { /* behind what is kept; no tag can be too long for that */
            if (!is_string) return false;
            *tag_at = in->capacity - length - 1;
            memcpy(in->text + *tag_at, text, length);
            in->text[*tag_at + length] = 0;
            continue;
        }
        if (*kept > 1) in->text[(*kept)++] = ',';
        memcpy(in->text + *kept, from, (size_t)(s->at - from));
        *kept += (size_t)(s->at - from);
    } while (WORD(s, ","));
    return WORD(s, "}");
}

static bool scan_point(const struct gallery_line *line, gallery_point_input *in) {
    struct scan s = {line->text, line->text + line->length};
    gallery_point *p = &in->point;
    size_t kept = 0, tag_at = 0;
    if (!WORD(&s, "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[") ||
        !coordinate(&s, &p->lon_deg) || !WORD(&s, ",") || !coordinate(&s, &p->lat_deg) ||
        !WORD(&s, "]},\"properties\":{") || !members(&s, in, &kept, &tag_at) || !WORD(&s, "}") ||
        s.at != s.end || kept + 1 > GALLERY_PROPERTIES_MAX_BYTES ||
        !gallery_canonical(&p->lon_deg, &p->lat_deg))
        return false;
    in->text[kept++] = '}';
    in->text[kept] = 0;
    p->properties = kept > 2 ? in->text : NULL;
    if (tag_at) in->names[in->names_n++] = in->text + tag_at;
    return true;
}

/* --------------------------------------------------------------------- parsing */

static const char *take_names(const json_t *properties, gallery_point_input *in, size_t at) {
    const json_t *list = json_object_get(properties, "tags"),
                 *tag = json_object_get(properties, "tag");
    size_t n = json_is_array(list) ? json_array_size(list) : 0;
    if (tag && list) return "it has both a `tag` and `tags`";
    if (tag && !json_is_string(tag)) return "its `tag` is no text";
    if (list && (!n || n > GALLERY_TAGS_MAX)) return "its `tags` are no list of 1 to 255 texts";
    if (!reserve(in, 0, n + 1)) return "out of memory";
    for (size_t i = 0; i < n + (tag != NULL); i++) {
        const json_t *name = tag ? tag : json_array_get(list, i);
        if (!json_is_string(name)) return "its `tags` are no list of 1 to 255 texts";
        size_t length = json_string_length(name);
        in->names[in->names_n++] = memcpy(in->text + at, json_string_value(name), length + 1);
        at += length + 1;
    }
    return NULL;
}

static const char *take_record(const gallery_record *record, gallery_point_input *in) {
    static const char *const but[] = {"id", "tag", "tags", NULL};
    gallery_point *p = &in->point;
    char *text;
    if (gallery_record_kind(record) == GALLERY_RECORD_ERROR) return "an error record, not a point";
    if (gallery_record_kind(record) == GALLERY_RECORD_END) return "an end record, not a point";
    if (!gallery_record_point(record, &p->lon_deg, &p->lat_deg)) return "its geometry is no Point";
    if (!gallery_canonical(&p->lon_deg, &p->lat_deg))
        return "its coordinates are not longitude and latitude in degrees";
    if (!gallery_record_properties(record, but, &text)) return "out of memory";
    size_t length = text ? strlen(text) : 0;
    const char *wrong = NULL;
    if (length > GALLERY_PROPERTIES_MAX_BYTES)
        wrong = "its properties take more than 1 MiB";
    else if (!reserve(in, length + gallery_record_bytes(record) + 64, 0))
        wrong = "out of memory"; /* escapes grow, but those of tags are undone */
    if (!wrong) {
        if (text) memcpy(in->text, text, length + 1);
        p->properties = text ? in->text : NULL;
        wrong =
            take_names(json_object_get(gallery_record_json(record), "properties"), in, length + 1);
    }
    free(text);
    return wrong;
}

static int parse_point(gallery_reader *reader, const struct gallery_line *line,
                       gallery_point_input *in) {
    gallery_record *record;
    GALLERY_TRY(gallery_reader_parse(reader, line, &record));
    const char *wrong = take_record(record, in);
    gallery_record_free(record);
    return wrong ? gallery_reader_refuse(reader, wrong) : GALLERY_OK;
}

int gallery_point_next(gallery_context *ctx, gallery_reader *reader, bool strict,
                       gallery_point_input *in) {
    struct gallery_line line;
    GALLERY_TRY(gallery_reader_text(reader, &line));
    if (!reserve(in, 2 * line.length + 64, 1)) return gallery_fail_memory(ctx, 2 * line.length);
    in->names_n = 0;
    in->point = (gallery_point){0};
    if (strict || !scan_point(&line, in)) {
        in->names_n = 0;
        in->point = (gallery_point){0};
        GALLERY_TRY(parse_point(reader, &line, in));
    }
    for (size_t i = 0; i < in->names_n; i++) {
        const char *wrong = *in->names[i] ? gallery_tag_wrong(in->names[i]) : NULL;
        if (wrong) return gallery_reader_refuse(reader, wrong);
    }
    in->point.id = gallery_point_id(in->point.lon_deg, in->point.lat_deg);
    return GALLERY_OK;
}
