#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A record nests its geometry and properties a few deep; its longest list is the candidates. Each
 * container costs jansson up to 400 bytes, for 2 in the text. */
#define MAX_DEPTH 64
#define MAX_CONTAINERS 100000

/* ---------------------------------------------------------------------- text */

static bool text_reserve(gallery_text *text, size_t more) {
    if (text->failed) return false;
    if (text->capacity - text->length >= more) return true;
    size_t capacity = text->capacity ? text->capacity : 512;
    while (capacity - text->length < more) {
        if (capacity > (size_t)1 << 40) goto fail;
        capacity *= 2;
    }
    char *at = realloc(text->at, capacity);
    if (!at) goto fail;
    text->at = at;
    text->capacity = capacity;
    return true;
fail:
    text->failed = true;
    return false;
}

void gallery_text_add(gallery_text *text, const char *bytes, size_t n) {
    if (!n || !text_reserve(text, n)) return;
    memcpy(text->at + text->length, bytes, n);
    text->length += n;
}

static void add_word(gallery_text *text, const char *word) {
    gallery_text_add(text, word, strlen(word));
}

static void add_escaped(gallery_text *text, unsigned char c) {
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char escape[8];
    for (const char *at = letters; *at; at += 2)
        if ((unsigned char)*at == c) {
            escape[0] = '\\';
            escape[1] = at[1];
            gallery_text_add(text, escape, 2);
            return;
        }
    gallery_text_add(text, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
}

/* Strings are UTF-8 already (jansson checks): only what JSON demands is escaped. */
static void add_string(gallery_text *text, const char *s, size_t n) {
    gallery_text_add(text, "\"", 1);
    size_t start = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
        gallery_text_add(text, s + start, i - start);
        add_escaped(text, c);
        start = i + 1;
    }
    gallery_text_add(text, s + start, n - start);
    gallery_text_add(text, "\"", 1);
}

static void add_object(gallery_text *text, json_t *value) {
    const char *separator = "{";
    for (void *it = json_object_iter(value); it; it = json_object_iter_next(value, it)) {
        gallery_text_add(text, separator, 1);
        const char *key = json_object_iter_key(it);
        add_string(text, key, strlen(key));
        gallery_text_add(text, ":", 1);
        gallery_text_add_json(text, json_object_iter_value(it));
        separator = ",";
    }
    add_word(text, *separator == '{' ? "{}" : "}");
}

static void add_array(gallery_text *text, const json_t *value) {
    gallery_text_add(text, "[", 1);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i) gallery_text_add(text, ",", 1);
        gallery_text_add_json(text, json_array_get(value, i));
    }
    gallery_text_add(text, "]", 1);
}

void gallery_text_add_json(gallery_text *text, json_t *value) {
    char number[GALLERY_JSON_NUMBER_MAX];
    switch (json_typeof(value)) {
    case JSON_OBJECT: add_object(text, value); break;
    case JSON_ARRAY: add_array(text, value); break;
    case JSON_STRING: add_string(text, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        add_word(text, number);
        break;
    case JSON_REAL:
        gallery_text_add(text, number, gallery_json_number(json_real_value(value), number));
        break;
    case JSON_TRUE: add_word(text, "true"); break;
    case JSON_FALSE: add_word(text, "false"); break;
    case JSON_NULL: add_word(text, "null"); break;
    }
}

/* ------------------------------------------------------------------- numbers */

/* units of 1e-7, at least one digit after the point, so that the number stays a real one. */
static size_t format_fixed7(long long units, char *out) {
    char digits[24];
    size_t n = 0, length = 0, last = 0;
    unsigned long long rest =
        units < 0 ? 0ULL - (unsigned long long)units : (unsigned long long)units;
    for (; rest || n < 8; rest /= 10) digits[n++] = (char)('0' + rest % 10);
    if (units < 0) out[length++] = '-';
    while (last < 6 && digits[last] == '0') last++;
    for (size_t i = n; i-- > last;) {
        out[length++] = digits[i];
        if (i == 7) out[length++] = '.';
    }
    return length;
}

/* Two digits at a time, from the end; returns where they begin. */
static char *put_digits(unsigned value, int pairs, char *end) {
    static const char digits[] = "00010203040506070809101112131415161718192021222324"
                                 "25262728293031323334353637383940414243444546474849"
                                 "50515253545556575859606162636465666768697071727374"
                                 "75767778798081828384858687888990919293949596979899";
    for (; pairs > 0; pairs--, value /= 100) memcpy(end -= 2, digits + 2 * (value % 100), 2);
    return end;
}

size_t gallery_json_degrees(double value, char out[GALLERY_JSON_NUMBER_MAX]) {
    char text[16], *end = text + 13; /* -dddd.ddddddd */
    long long units = llrint(value * 1e7);
    unsigned long long all =
        units < 0 ? 0ULL - (unsigned long long)units : (unsigned long long)units;
    unsigned whole = (unsigned)(all / 10000000), rest = (unsigned)(all % 10000000);
    put_digits(rest, 4, end); /* the first of eight digits is a zero: the point's place */
    char *from = put_digits(whole, 2, text + 5);
    text[5] = '.';
    while (*from == '0' && from < text + 4) from++;
    while (end[-1] == '0' && end > text + 7) end--;
    if (units < 0) *--from = '-';
    memcpy(out, from, (size_t)(end - from));
    return (size_t)(end - from);
}

static size_t format_shortest(double value, char *out) {
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(out, GALLERY_JSON_NUMBER_MAX - 2, "%.*g", digits, value);
        if (strtod(out, NULL) == value) break;
    }
    size_t n = (size_t)length, mark = strcspn(out, ".,e");
    if (mark == n) {
        memcpy(out + n, ".0", 2);
        n += 2;
    } else if (out[mark] == ',') { /* the caller's locale */
        out[mark] = '.';
    }
    return n;
}

size_t gallery_json_number(double value, char out[GALLERY_JSON_NUMBER_MAX]) {
    /* Up to 15 digits, a quotient of two exact numbers is the double nearest to its decimal text.
     */
    if (fabs(value) < 1e8) {
        double units = nearbyint(value * 1e7);
        if (units / 1e7 == value) return format_fixed7((long long)units, out);
    }
    return format_shortest(value, out);
}

double gallery_json_round(double value, int decimals) {
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double scale = powers[decimals < 0 ? 0 : decimals > 9 ? 9 : decimals];
    double scaled = value * scale;
    if (!(fabs(scaled) < 1e15)) return value; /* no digits left to round */
    return nearbyint(scaled) / scale + 0.0;
}

/* ------------------------------------------------------------------- parsing */

/* What jansson would allocate, bounded before it does. */
static const char *refuse_shape(const char *text, size_t length) {
    size_t depth = 0, containers = 0;
    bool string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!c) return "a NUL byte";
        if (string) {
            if (c == '\\' && i + 1 < length && text[i + 1]) i++;
            if (c == '"') string = false;
        } else if (c == '"') {
            string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH) return "nested too deeply";
            if (++containers > MAX_CONTAINERS) return "too many objects and lists";
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return NULL;
}

/* Jansson quotes the input: nothing in it may steer a terminal. */
static void copy_printable(char *out, size_t size, const char *text) {
    size_t n = 0;
    for (; text[n] && n + 1 < size; n++) {
        unsigned char c = (unsigned char)text[n];
        out[n] = c < 0x20 || c >= 0x7f ? '?' : text[n];
    }
    if (size) out[n] = 0;
}

json_t *gallery_json_parse(const char *text, size_t length, char *why, size_t why_size, bool *cut) {
    *cut = false;
    const char *shape = refuse_shape(text, length);
    if (shape) {
        copy_printable(why, why_size, shape);
        return NULL;
    }
    json_error_t error;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (value && json_is_object(value)) return value;
    *cut = !value && json_error_code(&error) == json_error_premature_end_of_input;
    copy_printable(why, why_size, value ? "not a JSON object" : error.text);
    json_decref(value);
    return NULL;
}
