#include "record.h"
#include "base64.h"
#include "context.h"
#include "geodesy.h"
#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gallery_record {
    json_t *feature;    /* the whole object */
    json_t *properties; /* borrowed from it */
    size_t bytes;
};

#define CONVERT_HINT "; to convert: ogr2ogr -f GeoJSONSeq /vsistdout/ FILE"

/* -------------------------------------------------------------- making, reading */

static gallery_record *record_wrap(json_t *feature, size_t bytes) {
    gallery_record *record = feature ? calloc(1, sizeof *record) : NULL;
    if (!record) {
        json_decref(feature);
        return NULL;
    }
    *record = (gallery_record){feature, json_object_get(feature, "properties"), bytes};
    return record;
}

gallery_record *gallery_record_new(void) {
    return record_wrap(json_pack("{s:s, s:n, s:{}}", "type", "Feature", "geometry", "properties"),
                       0);
}

void gallery_record_free(gallery_record *record) {
    if (!record) return;
    json_decref(record->feature);
    free(record);
}

static const char *refuse_feature(const json_t *feature) {
    const char *type = json_string_value(json_object_get(feature, "type"));
    if (!type) return "a JSON object without a `type`, not a GeoJSON Feature";
    if (!strcmp(type, "FeatureCollection"))
        return "a FeatureCollection; a stream has one Feature on each line" CONVERT_HINT;
    if (strcmp(type, "Feature")) return "not a GeoJSON Feature: its `type` is another";
    const json_t *geometry = json_object_get(feature, "geometry");
    if (geometry && !json_is_object(geometry) && !json_is_null(geometry))
        return "`geometry` is neither an object nor null";
    const json_t *properties = json_object_get(feature, "properties");
    if (properties && !json_is_object(properties) && !json_is_null(properties))
        return "`properties` is neither an object nor null";
    return NULL;
}

int gallery_record_parse(gallery_context *ctx, const char *text, size_t length,
                         gallery_record **record, bool *cut) {
    char why[400];
    bool ends_early;
    *record = NULL;
    json_t *feature = gallery_json_parse(text, length, why, sizeof why, &ends_early);
    if (cut) *cut = ends_early;
    if (!feature) return gallery_fail(ctx, GALLERY_EFORMAT, "not a record: %s", why);
    const char *reason = refuse_feature(feature);
    if (reason) {
        json_decref(feature);
        return gallery_fail(ctx, GALLERY_EFORMAT, "%s", reason);
    }
    if (!json_is_object(json_object_get(feature, "properties")) &&
        json_object_set_new(feature, "properties", json_object())) {
        json_decref(feature);
        return gallery_fail_memory(ctx, sizeof(gallery_record));
    }
    *record = record_wrap(feature, length);
    return *record ? GALLERY_OK : gallery_fail_memory(ctx, sizeof(gallery_record));
}

/* -------------------------------------------------------------------- asking */

const json_t *gallery_record_json(const gallery_record *record) {
    return record->feature;
}

enum gallery_record_kind gallery_record_kind(const gallery_record *record) {
    if (json_is_true(json_object_get(record->properties, "end"))) return GALLERY_RECORD_END;
    if (json_is_object(json_object_get(record->properties, "error"))) return GALLERY_RECORD_ERROR;
    return GALLERY_RECORD_FEATURE;
}

size_t gallery_record_bytes(const gallery_record *record) {
    return record->bytes;
}

static bool pair_of(const json_t *list, double *lon_deg, double *lat_deg) {
    const json_t *lon = json_array_get(list, 0), *lat = json_array_get(list, 1);
    if (!json_is_number(lon) || !json_is_number(lat)) return false;
    *lon_deg = json_number_value(lon);
    *lat_deg = json_number_value(lat);
    return true;
}

bool gallery_record_point(const gallery_record *record, double *lon_deg, double *lat_deg) {
    const json_t *geometry = json_object_get(record->feature, "geometry");
    const char *type = json_string_value(json_object_get(geometry, "type"));
    return type && !strcmp(type, "Point") &&
           pair_of(json_object_get(geometry, "coordinates"), lon_deg, lat_deg);
}

bool gallery_record_has(const gallery_record *record, const char *key) {
    return json_object_get(record->properties, key) != NULL;
}

bool gallery_record_is_null(const gallery_record *record, const char *key) {
    return json_is_null(json_object_get(record->properties, key));
}

const char *gallery_record_string(const gallery_record *record, const char *key) {
    return json_string_value(json_object_get(record->properties, key));
}

bool gallery_record_number(const gallery_record *record, const char *key, double *value) {
    const json_t *number = json_object_get(record->properties, key);
    if (!json_is_number(number)) return false;
    *value = json_number_value(number);
    return true;
}

bool gallery_record_integer(const gallery_record *record, const char *key, long long *value) {
    const json_t *number = json_object_get(record->properties, key);
    double real = json_real_value(number);
    if (json_is_integer(number))
        *value = json_integer_value(number);
    else if (json_is_real(number) && fabs(real) < 9e15 && real == nearbyint(real))
        *value = (long long)real; /* a tool between ours may write 3 as 3.0 */
    else
        return false;
    return true;
}

bool gallery_record_pair(const gallery_record *record, const char *key, double *lon_deg,
                         double *lat_deg) {
    return pair_of(json_object_get(record->properties, key), lon_deg, lat_deg);
}

int gallery_record_truth(const gallery_record *record, double lonlat_deg[2], const char **why) {
    if (!gallery_record_has(record, "truth") || gallery_record_is_null(record, "truth"))
        return GALLERY_END;
    double lon = NAN, lat = NAN;
    *why = NULL;
    if (!gallery_record_pair(record, "truth", &lon, &lat))
        *why = "is no pair of numbers";
    else if (lon == 0 && lat == 0)
        *why = "is what a receiver without a fix says";
    else if (fabs(lat) > 90 && fabs(lon) <= 90)
        *why = "has its latitude first: it is [lon, lat]";
    else if (!gallery_canonical(&lon, &lat))
        *why = "is no place on the Earth";
    lonlat_deg[0] = lon;
    lonlat_deg[1] = lat;
    return *why ? GALLERY_EFORMAT : GALLERY_OK;
}

/* Vectors are little-endian in records. */
static uint32_t swap_if_big_endian(uint32_t x) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap32(x);
#else
    return x;
#endif
}

static void swap_vector(float *v, size_t dim) {
    for (size_t i = 0; i < dim; i++) {
        uint32_t bits;
        memcpy(&bits, v + i, sizeof bits);
        bits = swap_if_big_endian(bits);
        memcpy(v + i, &bits, sizeof bits);
    }
}

int gallery_record_vector(gallery_context *ctx, const gallery_record *record, const char *key,
                          size_t dim, float *out) {
    const json_t *text = json_object_get(record->properties, key);
    if (!json_is_string(text))
        return gallery_fail(ctx, GALLERY_EFORMAT, "`%s`: no vector in the record", key);
    size_t length = json_string_length(text);
    if (length != gallery_base64_length(dim * sizeof(float)))
        return gallery_fail(ctx, GALLERY_EFORMAT,
                            "`%s`: %zu characters of base64, where %zu numbers take %zu", key,
                            length, dim, gallery_base64_length(dim * sizeof(float)));
    if (!gallery_base64_decode(json_string_value(text), length, out, dim * sizeof(float)))
        return gallery_fail(ctx, GALLERY_EFORMAT, "`%s`: not base64 of %zu numbers", key, dim);
    swap_vector(out, dim);
    for (size_t i = 0; i < dim; i++)
        if (!isfinite(out[i]))
            return gallery_fail(ctx, GALLERY_EVALUE, "`%s`: number %zu is not finite", key, i);
    return GALLERY_OK;
}

static bool is_listed(const char *key, const char *const *list) {
    for (; list && *list; list++)
        if (!strcmp(key, *list)) return true;
    return false;
}

bool gallery_record_properties(const gallery_record *record, const char *const *but, char **text) {
    *text = NULL;
    json_t *rest = json_object();
    const char *key;
    json_t *value;
    bool ok = rest != NULL;
    json_object_foreach(record->properties, key, value) {
        if (!is_listed(key, but)) ok = ok && !json_object_set(rest, key, value);
    }
    gallery_text out = {0};
    if (ok && json_object_size(rest)) {
        gallery_text_add_json(&out, rest);
        gallery_text_add(&out, "", 1);
    }
    json_decref(rest);
    if (!ok || out.failed) {
        free(out.at);
        return false;
    }
    *text = out.at;
    return true;
}

/* ------------------------------------------------------------------- setting */

/* A file's name need not be UTF-8, but JSON must: '?' for what lies beyond ASCII then. */
static json_t *string_of(const char *text) {
    json_t *string = json_string(text);
    char *copy = string ? NULL : strdup(text);
    if (!copy) return string;
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at >= 0x80) *at = '?';
    string = json_string(copy);
    free(copy);
    return string;
}

static bool set(gallery_record *record, const char *key, json_t *value) {
    return !json_object_set_new(record->properties, key, value);
}

static json_t *coordinate_pair(double lon_deg, double lat_deg) {
    if (!isfinite(lon_deg) || !isfinite(lat_deg)) return NULL;
    return json_pack("[f, f]", gallery_json_round(lon_deg, 7), gallery_json_round(lat_deg, 7));
}

/* A bounding box would no longer be right. */
static bool set_geometry(gallery_record *record, json_t *geometry) {
    json_object_del(record->feature, "bbox");
    return !json_object_set_new(record->feature, "geometry", geometry);
}

bool gallery_record_set_point(gallery_record *record, double lon_deg, double lat_deg) {
    json_t *pair = coordinate_pair(lon_deg, lat_deg);
    return pair &&
           set_geometry(record, json_pack("{s:s, s:o}", "type", "Point", "coordinates", pair));
}

bool gallery_record_set_no_point(gallery_record *record) {
    return set_geometry(record, json_null());
}

bool gallery_record_set_string(gallery_record *record, const char *key, const char *value) {
    return set(record, key, string_of(value));
}

bool gallery_record_set_integer(gallery_record *record, const char *key, long long value) {
    return set(record, key, json_integer(value));
}

bool gallery_record_set_number(gallery_record *record, const char *key, double value,
                               int decimals) {
    return isfinite(value) && set(record, key, json_real(gallery_json_round(value, decimals)));
}

bool gallery_record_set_null(gallery_record *record, const char *key) {
    return set(record, key, json_null());
}

bool gallery_record_set_pair(gallery_record *record, const char *key, double lon_deg,
                             double lat_deg) {
    return set(record, key, coordinate_pair(lon_deg, lat_deg));
}

bool gallery_record_set_vector(gallery_record *record, const char *key, const float *v,
                               size_t dim) {
    size_t bytes = dim * sizeof(float), length = gallery_base64_length(bytes);
    char *text = malloc(length + 1);
    float *copy = malloc(bytes ? bytes : 1);
    bool ok = text && copy;
    if (ok) {
        memcpy(copy, v, bytes);
        swap_vector(copy, dim);
        gallery_base64_encode(copy, bytes, text);
        ok = set(record, key, json_stringn_nocheck(text, length));
    }
    free(copy);
    free(text);
    return ok;
}

bool gallery_record_set_lines(gallery_record *record, const char *key, const char *lines) {
    json_t *list = json_array();
    for (const char *line = lines; list && line;) {
        size_t length = strcspn(line, "\n");
        if (json_array_append_new(list, json_stringn(line, length))) {
            json_decref(list);
            list = NULL;
        }
        line = line[length] ? line + length + 1 : NULL;
    }
    return set(record, key, list);
}

bool gallery_record_set_candidates(gallery_record *record, const gallery_hit *hits, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++) {
        json_t *hit = coordinate_pair(hits[i].lon_deg, hits[i].lat_deg);
        bool ok = hit && isfinite(hits[i].score) &&
                  !json_array_append_new(hit, json_real(gallery_json_round(hits[i].score, 7)));
        if (!ok) json_decref(hit);
        if (!ok || json_array_append_new(list, hit)) {
            json_decref(list);
            list = NULL;
        }
    }
    return set(record, "candidates", list);
}

void gallery_record_remove(gallery_record *record, const char *key) {
    json_object_del(record->properties, key);
}

bool gallery_record_set_error(gallery_record *record, const char *type, const char *message) {
    static const char *const results[] = {"feature",    "embedding", "refined", "score",
                                          "candidates", "initial",   "end"};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        json_object_del(record->properties, results[i]);
    json_t *error = json_pack("{s:s, s:o}", "type", type, "message", string_of(message));
    return set(record, "error", error) && gallery_record_set_no_point(record);
}

gallery_record *gallery_record_new_end(const char *source, long long frames) {
    gallery_record *record = gallery_record_new();
    if (record && set(record, "end", json_true()) &&
        gallery_record_set_string(record, "source", source) &&
        gallery_record_set_integer(record, "frames", frames))
        return record;
    gallery_record_free(record);
    return NULL;
}

/* ------------------------------------------------------------------- writing */

static int put(gallery_context *ctx, const gallery_text *text, FILE *out, bool flush) {
    if (text->failed) return gallery_fail_memory(ctx, text->capacity * 2);
    bool ok = fwrite(text->at, 1, text->length, out) == text->length && (!flush || !fflush(out));
    return ok ? GALLERY_OK : gallery_fail_errno(ctx, "cannot write");
}

static void add_member(gallery_text *text, const char *name, json_t *value) {
    gallery_text_add(text, name, strlen(name));
    if (value)
        gallery_text_add_json(text, value);
    else
        gallery_text_add(text, "null", 4);
}

int gallery_record_write(gallery_context *ctx, const gallery_record *record, FILE *out,
                         bool flush) {
    static const char *const first[] = {"type", "geometry", "properties", NULL};
    gallery_text text = {0};
    add_member(&text,
               "{\"type\":\"Feature\",\"geometry\":", json_object_get(record->feature, "geometry"));
    add_member(&text, ",\"properties\":", record->properties);
    const char *key;
    json_t *value;
    json_object_foreach(record->feature, key, value) {
        if (is_listed(key, first)) continue;
        gallery_text_add(&text, ",", 1);
        json_t *name = json_string(key);
        if (name)
            gallery_text_add_json(&text, name);
        else
            text.failed = true;
        json_decref(name);
        add_member(&text, ":", value);
    }
    gallery_text_add(&text, "}\n", 2);
    int status = put(ctx, &text, out, flush);
    free(text.at);
    return status;
}

static char *copy_word(char *at, const char *word, size_t n) {
    memcpy(at, word, n);
    return at + n;
}
#define COPY_LITERAL(at, text) copy_word(at, text, sizeof(text) - 1)

/* Two digits for each byte. */
static char *put_id(char *at, uint64_t id) {
    static const char hex[] = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4) *at++ = hex[id >> shift & 15];
    return at;
}

/* The line is put together before it goes to the stream, which locks at each call. */
#define POINT_LINE 1024

int gallery_point_write(gallery_context *ctx, const gallery_point *point, FILE *out, bool flush) {
    char line[POINT_LINE], *at = line;
    const char *more =
        point->properties && strcmp(point->properties, "{}") ? point->properties : "";
    size_t length = strlen(more);
    if (!(fabs(point->lon_deg) <= 360) || !(fabs(point->lat_deg) <= 360))
        return gallery_fail(ctx, GALLERY_EVALUE, "a point's coordinates are no numbers of degrees");
    at = COPY_LITERAL(at,
                      "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[");
    at += gallery_json_degrees(point->lon_deg, at);
    *at++ = ',';
    at += gallery_json_degrees(point->lat_deg, at);
    at = COPY_LITERAL(at, "]},\"properties\":{\"id\":\"");
    at = put_id(at, point->id);
    at = length ? COPY_LITERAL(at, "\",") : COPY_LITERAL(at, "\"}");
    if (length) more++, length--; /* without its opening brace */
    bool ok = true;
    if (length > (size_t)(line + sizeof line - at) - 2) {
        ok = fwrite(line, 1, (size_t)(at - line), out) == (size_t)(at - line) &&
             fwrite(more, 1, length, out) == length;
        at = line;
    } else {
        at = copy_word(at, more, length);
    }
    at = COPY_LITERAL(at, "}\n");
    ok = ok && fwrite(line, 1, (size_t)(at - line), out) == (size_t)(at - line) &&
         (!flush || !fflush(out));
    return ok ? GALLERY_OK : gallery_fail_errno(ctx, "cannot write");
}
