/* Property: no bytes make the readers of what is trained from - a cache of features, a training's
 * state, phase 0's pairs of pictures - crash, leak or take memory beyond their bounds. A cache that
 * is accepted divides its frames among named sources, each at a place on the Earth, and is the same
 * after it is written again; a state that is refused changes nothing, one that is accepted can be
 * gone on from.
 */
#include "tests/weights_bytes.h"

#include "libinfer/cache_read.h"
#include "libinfer/learn.h"
#include "libinfer/trainer.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A safetensors file: its header without the spaces behind it, and what follows it. */
struct file {
    char *bytes;
    size_t text, size;
};

static infer *ctx;
static infer_trainer *trainer;
static float *before; /* the trainer's arrays */
static struct file good[3];
enum { CACHE, STATE, PAIRS };

/* The report of a failure then names its line. */
#define need(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

/* ----------------------------------------------------------------- good files */

/* The path of an open file that has no name; its tensors begin where writers let them. */
static int open_bytes(const char *text, size_t text_size, const void *data, size_t size,
                      char path[64]) {
    static const char spaces[8] = "        ";
    const size_t padding = (8 - text_size % 8) % 8;
    const uint64_t length = text_size + padding;
    int fd = memfd_create("bytes", MFD_CLOEXEC);
    need(fd >= 0 && write(fd, &length, sizeof length) == sizeof length);
    need(write(fd, text, text_size) == (ssize_t)text_size);
    need(write(fd, spaces, padding) == (ssize_t)padding);
    need(write(fd, data, size) == (ssize_t)size);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static struct file read_file(int fd) {
    struct file f = {0};
    uint64_t length;
    char *bytes = malloc(1 << 20);
    need(bytes);
    ssize_t n = pread(fd, bytes, 1 << 20, 0);
    need(n > 8 && n < 1 << 20);
    memcpy(&length, bytes, sizeof length);
    f.text = (size_t)length;
    while (bytes[8 + f.text - 1] == ' ') f.text--;
    f.size = (size_t)n - 8 - (size_t)length + f.text;
    f.bytes = malloc(f.size);
    need(f.bytes);
    memcpy(f.bytes, bytes + 8, f.text);
    memcpy(f.bytes + f.text, bytes + 8 + length, f.size - f.text);
    free(bytes);
    return f;
}

static void write_cache(FILE *file, const struct cache *from) {
    infer_cache_writer *w;
    static const float features[] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t dim = from ? cache_dim(from) : 2;
    float *feature = malloc(dim * sizeof *feature);
    need(feature &&
         infer_cache_create(ctx, file, "again", "0123456789abcdef", dim, false, &w) == 0);
    for (size_t i = 0; i < (from ? cache_sources(from) : 2); i++) {
        const struct cache_source s =
            from ? cache_source(from, i) : (struct cache_source){i ? "b" : "a", 2 * i, 2};
        int status = infer_cache_begin(w, s.name);
        for (uint64_t k = s.first; k < s.first + s.frames && status == INFER_OK; k++) {
            double place[2] = {9.5, 47.1};
            if (!from) memcpy(feature, features + 2 * (k % 4), 2 * sizeof *feature);
            if (from && cache_feature(from, k, feature) != INFER_OK) continue;
            if (from) cache_truth(from, k, place);
            status = infer_cache_add(w, feature, place[0], place[1], NAN);
        }
        need(status == INFER_OK);
    }
    int status = infer_cache_finish(w);
    need(status == INFER_OK || (from && status == INFER_EVALUE));
    infer_cache_close(w);
    free(feature);
}

/* Two places, seen twice each, in pictures of 8 x 8 pixels. */
static void make_pairs(char path[64]) {
    static const char text[] = "{\"pictures\":{\"dtype\":\"U8\",\"shape\":[2,2,8,8,3],"
                               "\"data_offsets\":[0,768]}}";
    char pixels[768];
    for (int i = 0; i < 768; i++) pixels[i] = (char)(i * 37 % 251);
    int fd = open_bytes(text, sizeof text - 1, pixels, sizeof pixels, path);
    good[PAIRS] = read_file(fd); /* fd stays: it is the trainer's data */
}

static int open_trainer(const char *path, infer_trainer **out) {
    const char *paths[] = {path};
    infer_train_options o;
    infer_train_defaults(0, &o);
    o.caches = paths;
    o.cache_count = 1;
    o.picture = o.patch = o.width = o.ff = 8;
    o.depth = o.heads = 1;
    o.projection = 4;
    o.batch = 2;
    o.steps = 4;
    return infer_trainer_open(ctx, &o, out);
}

static size_t arena_count(void) {
    const struct learn_arena *a = learn_arena(trainer->learner);
    return a->count + 2 * a->trained;
}

static void copy_arena(float *out) {
    const struct learn_arena *a = learn_arena(trainer->learner);
    memcpy(out, a->value, a->count * sizeof *out);
    memcpy(out + a->count, a->first, a->trained * sizeof *out);
    memcpy(out + a->count + a->trained, a->second, a->trained * sizeof *out);
}

static void prepare(void) {
    char path[64];
    FILE *file = tmpfile();
    const infer_options threads = {.threads = 1};
    need(file && infer_open(&threads, &ctx) == INFER_OK);
    write_cache(file, NULL);
    good[CACHE] = read_file(fileno(file));
    fclose(file);
    make_pairs(path);
    need(open_trainer(path, &trainer) == INFER_OK && infer_trainer_step(trainer) == INFER_OK);
    before = malloc(arena_count() * sizeof *before);
    need(before);
    copy_arena(before);
    snprintf(path, sizeof path, "/tmp/vt-fuzz-%ld.state", (long)getpid());
    need(infer_trainer_save(trainer, path) == INFER_OK);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    need(fd >= 0);
    good[STATE] = read_file(fd);
    close(fd);
    unlink(path);
}

/* ------------------------------------------------------------------- checking */

static void compare_caches(const struct cache *a, const struct cache *b, float *x, float *y) {
    need(cache_sources(b) <= cache_sources(a) && cache_frames(b) <= cache_frames(a));
    for (uint64_t k = 0; cache_frames(a) == cache_frames(b) && k < cache_frames(a); k++) {
        double p[2], q[2];
        cache_truth(a, k, p);
        cache_truth(b, k, q);
        need(!memcmp(p, q, sizeof p) && cache_feature(a, k, x) == cache_feature(b, k, y));
        need(!memcmp(x, y, cache_dim(a) * sizeof *x));
    }
}

static void check_cache(const struct cache *c) {
    uint64_t frames = 0;
    for (size_t i = 0; i < cache_sources(c); i++) {
        const struct cache_source s = cache_source(c, i);
        need(*s.name && s.first == frames && s.frames);
        frames += s.frames;
    }
    need(frames == cache_frames(c));
    float *x = malloc(2 * cache_dim(c) * sizeof *x);
    FILE *file = tmpfile();
    char path[64];
    struct cache *again;
    need(x && file);
    write_cache(file, c);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    if (cache_open(ctx, path, NULL, &again) == INFER_OK) {
        compare_caches(c, again, x, x + cache_dim(c));
        cache_close(again);
    }
    fclose(file);
    free(x);
}

static void try_cache(const char *path) {
    struct cache *c;
    infer_cache_looks_like(path);
    if (cache_open(ctx, path, "fuzzed", &c) == INFER_OK)
        check_cache(c);
    else
        need(!c && *infer_message(ctx));
    cache_close(c);
}

static void go_back(void) {
    char path[64], *changed;
    const struct file *f = &good[STATE];
    int fd = open_bytes(f->bytes, f->text, f->bytes + f->text, f->size - f->text, path);
    need(infer_trainer_resume(trainer, path, &changed) == INFER_OK && !changed);
    close(fd);
}

static void check_unchanged(void) {
    static float *now;
    infer_train_state s;
    if (!now) now = malloc(arena_count() * sizeof *now);
    need(now);
    copy_arena(now);
    infer_trainer_state(trainer, &s);
    need(!memcmp(now, before, arena_count() * sizeof *now) && s.step == 1);
}

static void try_state(const char *path) {
    char *changed;
    int status = infer_trainer_resume(trainer, path, &changed);
    if (status == INFER_OK) {
        status = infer_trainer_step(trainer);
        need(status == INFER_OK || status == INFER_END || status == INFER_EVALUE);
        go_back();
    } else {
        need(!changed && *infer_message(ctx));
    }
    free(changed);
    check_unchanged();
}

static void try_pairs(const char *path) {
    infer_trainer *t;
    if (open_trainer(path, &t) == INFER_OK) {
        int status = infer_trainer_step(t);
        need(status == INFER_OK || status == INFER_EVALUE);
    } else {
        need(!t && *infer_message(ctx));
    }
    infer_trainer_close(t);
}

/* --------------------------------------------------------------------- inputs */

/* Bytes alone seldom get past JSON's grammar: so inputs are edits of a good file, three bytes each.
 * The first two are what to do and where, the third what to write. The header's length is right. */
static void edit(struct file *f, const uint8_t *data, size_t size) {
    for (size_t i = 0; i + 2 < size; i += 3) {
        size_t place = ((size_t)data[i] << 8 | data[i + 1]) & 0x3fff;
        int what = data[i] >> 6;
        if (what == 3 && f->text > 1) { /* takes out of the header */
            place %= f->text;
            memmove(f->bytes + place, f->bytes + place + 1, f->size - place - 1);
            f->text--, f->size--;
        } else if (what == 2) { /* puts into the header */
            place %= f->text;
            memmove(f->bytes + place + 1, f->bytes + place, f->size - place);
            f->bytes[place] = (char)data[i + 2];
            f->text++, f->size++;
        } else if (what == 1) { /* cuts the file, or lengthens it by a byte */
            if (data[i + 2] & 1)
                f->bytes[f->size++] = (char)data[i + 2];
            else if (f->size > f->text)
                f->size--;
        } else {
            f->bytes[place % f->size] = (char)data[i + 2];
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const tries[])(const char *) = {try_cache, try_state, try_pairs};
    char path[64];
    if (!ctx) prepare();
    if (!size) return 0;
    const int which = data[0] % 3;
    struct file f = good[which];
    f.bytes = malloc(f.size + size);
    need(f.bytes);
    memcpy(f.bytes, good[which].bytes, f.size);
    edit(&f, data + 1, size - 1);
    int fd = open_bytes(f.bytes, f.text, f.bytes + f.text, f.size - f.text, path);
    tries[which](path);
    close(fd);
    free(f.bytes);
    return 0;
}
