/* The options of vt-train: most of them are numbers with a range, and belong to one phase. */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_PHASE = 256,
    KEY_CACHE,
    KEY_DTYPE,
    KEY_STATE,
    KEY_SAVE_EVERY,
    KEY_LOG,
    KEY_HALF,
    KEY_SKIP_ERRORS,
    KEY_GO_ON,
    KEY_SAMPLING,
    KEY_SCHEDULE,
    KEY_MLP,
    KEY_SIGMA,
    KEY_LAYERS,
    KEY_LOCATION,
    KEY_FRAME_WISE,
    KEY_LOSS,
    KEY_NOISE,
    KEY_JITTER,
    KEY_SHIFT,
    KEY_NUMBER /* and those behind it: the table of numbers below */
};

/* Phases in which an option has an effect. */
enum { VIEWS = 1, FIRST = 2, SECOND = 4, HEADS = FIRST | SECOND, EVERY = VIEWS | HEADS, CACHE = 8 };

/* A number in infer_train_options: where, of what type, from what to what. */
enum type { INT, SIZE, UINT64, DOUBLE };
struct number {
    struct cli_option option; /* its key: KEY_NUMBER + its place */
    enum type type;
    size_t offset;
    double least, most;
    unsigned phases; /* in which it has an effect; bits 1, 2, 4 for phase 0, 1, 2 */
};

#define AT(member) offsetof(infer_train_options, member)
#define NUMBERS(X)                                                                                 \
    X("seed", "N", "of all random numbers (default: 0)", UINT64, seed, 0, 9e15, EVERY)             \
    X("steps", "N", "train for N steps", UINT64, steps, 1, 1e12, EVERY)                            \
    X("epochs", "N", "or for N times through all sources", UINT64, epochs, 1, 1e9, EVERY)          \
    X("batch", "N", "sources a step (default: 128)", SIZE, batch, 1, 65536, EVERY)                 \
    X("frames", "N", "frames of each source a step (default: 16)", SIZE, frames, 1, 4096, HEADS)   \
    X("micro-batch", "N", "sources in memory at once (default: all)", SIZE, micro, 1, 65536,       \
      EVERY)                                                                                       \
    X("lr", "RATE", "learning rate (default: 5e-5; phase 2: 1e-4; 0: 1e-3)", DOUBLE, rate, 1e-12,  \
      1e30, EVERY)                                                                                 \
    X("decay", "F", "times F an epoch (default: 0.99; phase 2: 0.95; 0: 1)", DOUBLE, decay, 1e-6,  \
      1, EVERY)                                                                                    \
    X("warmup", "N", "steps of growing rate (default: 1000; phases 0, 2: 0)", UINT64, warmup, 0,   \
      1e12, EVERY)                                                                                 \
    X("clip-norm", "F", "scale a larger gradient down to this norm", DOUBLE, clip, 1e-9, 1e9,      \
      EVERY)                                                                                       \
    X("dropout", "P", "while training (default: 0.1)", DOUBLE, dropout, 0, 0.99, HEADS)            \
    X("negatives", "N", "further points that are not the place, a step", SIZE, negatives, 0,       \
      1 << 20, HEADS)                                                                              \
    X("dim", "N", "numbers in an embedding (default: 512)", INT, dim, 1, 16384, FIRST)             \
    X("heads", "N", "attention heads (default: 8; phase 0: 4)", INT, heads, 1, 1024, EVERY)        \
    X("ff", "N", "hidden width (default: 2400; phase 2: 2048; 0: 4 widths)", INT, ff, 1, 131072,   \
      EVERY)                                                                                       \
    X("max-frames", "N", "positions to make (default: as --frames)", INT, max_frames, 1, 1 << 20,  \
      HEADS)                                                                                       \
    X("location-hidden", "N", "width of the location encoder (default: 1024)", INT,                \
      location_hidden, 1, 16384, FIRST)                                                            \
    X("frequencies", "N", "of each of its branches (default: 256)", INT, frequencies, 1, 16384,    \
      FIRST)                                                                                       \
    X("picture", "N", "phase 0: pixels a side of a picture (default: 64)", INT, picture, 8, 4096,  \
      VIEWS)                                                                                       \
    X("patch", "N", "and of a patch (default: 8)", INT, patch, 1, 256, VIEWS)                      \
    X("width", "N", "of both backbones (default: 64)", INT, width, 1, 16384, VIEWS)                \
    X("depth", "N", "their layers (default: 3)", INT, depth, 1, 64, VIEWS)                         \
    X("projection", "N", "CLIP's, from width to (default: width)", INT, projection, 1, 16384,      \
      VIEWS)                                                                                       \
    X("temperature", "F", "of the loss (default: 0.07)", DOUBLE, temperature, 1e-3, 1e3, VIEWS)    \
    X("noise-dropout", "P", "in phase I while --noise own looks", DOUBLE, own_dropout, 0, 0.99,    \
      SECOND)                                                                                      \
    X("noise-collapse", "P", "all frames at one place, so often (default: 0.1)", DOUBLE, collapse, \
      0, 1, SECOND)                                                                                \
    X("validate", "SHARE", "hold out this share of the sources", DOUBLE, heldout, 1e-9, 0.99,      \
      EVERY)                                                                                       \
    X("validate-every", "N", "steps between looks at them (default: an epoch)", UINT64, every, 1,  \
      1e12, EVERY)                                                                                 \
    X("patience", "N", "stop after N looks without improvement", UINT64, patience, 1, 1e9, EVERY)  \
    X("points", "N", "places to look in, without -g (default: 4096)", SIZE, point_count, 1,        \
      1 << 24, HEADS)

#define ROW(name, arg, help, type, member, least, most, phases) \
    {{0, name, arg, help}, type, AT(member), least, most, phases},
static const struct number numbers[] = {NUMBERS(ROW)};
#define COUNT (int)(sizeof numbers / sizeof *numbers)

/* getopt's keys follow the order of the table. */
#define KEY(name, arg, help, type, member, least, most, phases) KEY_##member,
enum number_key { KEY_BEFORE = KEY_NUMBER - 1, NUMBERS(KEY) };
#define OPTION(name, arg, help, type, member, least, most, phases) {KEY_##member, name, arg, help},

const struct cli_option train_options[] = {
    {'o', "output", "DIR", "the model folder to make, whole or not at all"},
    {KEY_PHASE, "phase", "N", "0: backbones; 1: TempGeo, MLP, location encoder; 2: GeoRefiner"},
    {KEY_CACHE, "cache", "FILE", "keep the features in FILE, and do nothing else"},
    {KEY_DTYPE, "dtype", "TYPE", "of the features kept: f16 (default) or f32"},
    {KEY_STATE, "state", "FILE", "save and go on here (default: OUTPUT.state)"},
    {KEY_SAVE_EVERY, "save-every", "TIME", "how often (default: 5min)"},
    {KEY_LOG, "log", "FILE", "append a JSON object for each step"},
    {KEY_HALF, "half", NULL, "write the heads as float16"},
    {KEY_SKIP_ERRORS, "skip-errors", NULL, "leave broken records out"},
    {KEY_GO_ON, "go-on", NULL, "begin with MODEL's own heads, not with fresh ones"},
    {KEY_LOCATION, "location", "PATH", "begin with this location encoder, as GeoCLIP's"},
    {KEY_FRAME_WISE, "frame-wise", NULL, "no TempGeo: each frame alone"},
    {KEY_LAYERS, "layers", "N[,M]", "of TempGeo (default: 2); phase 2: of both sides (1,2)"},
    {KEY_MLP, "mlp", "N,...", "hidden widths of the frames' MLP (default: 1024,768)"},
    {KEY_SIGMA, "sigma", "S,...", "branches of the location encoder (default: 1,8,256)"},
    {KEY_SAMPLING, "sampling", "HOW", "frames: one of each cell (default: cells), or in a row"},
    {KEY_SCHEDULE, "schedule", "NAME", "exponential (default) or cosine"},
    {KEY_LOSS, "phase2-loss", "NAME", "published (default) or contrastive"},
    {KEY_NOISE, "noise", "NAME", "published (default), or the model's own mistakes"},
    {KEY_JITTER, "noise-jitter", "A,B", "of each coordinate (default: 0.001,0.02; degrees or m)"},
    {KEY_SHIFT, "noise-shift", "A", "of a whole source (default: 0.2; degrees or m)"},
    NUMBERS(OPTION){0}};

/* ---------------------------------------------------------------------- lists */

/* "1,2,3": how many; each goes to `take`. */
static int split(const cli *c, const char *option, const char *text, int most, double least,
                 double greatest, double *out) {
    int n = 0;
    for (;;) {
        char number[40];
        size_t length = strcspn(text, ",");
        if (n == most) cli_usage(c, "%s: more than %d numbers", option, most);
        if (length >= sizeof number) cli_usage(c, "%s: '%s' is not a number", option, text);
        snprintf(number, sizeof number, "%.*s", (int)length, text);
        out[n++] = cli_number(c, option, number, least, greatest);
        if (!text[length]) return n;
        text += length + 1;
    }
}

static int split_integers(const cli *c, const char *option, const char *text, int most, int *out) {
    double values[16];
    int n = split(c, option, text, most, 1, 16384, values);
    for (int i = 0; i < n; i++) {
        out[i] = (int)values[i];
        if (values[i] != out[i]) cli_usage(c, "%s: %g is not a whole number", option, values[i]);
    }
    return n;
}

/* "0.02" degrees, "500m". */
static infer_length length(const cli *c, const char *option, const char *text, size_t n) {
    char number[40];
    bool metres = n > 1 && text[n - 1] == 'm';
    if (n >= sizeof number) cli_usage(c, "%s: '%s' is not a length", option, text);
    snprintf(number, sizeof number, "%.*s", (int)(n - metres), text);
    return (infer_length){cli_number(c, option, number, 0, metres ? 1e7 : 90), metres};
}

static void jitter(struct train *t, const char *arg) {
    size_t first = strcspn(arg, ",");
    if (!arg[first]) cli_usage(&t->c, "--noise-jitter: not two lengths, as in 5m,30m");
    t->o.jitter_least = length(&t->c, "--noise-jitter", arg, first);
    t->o.jitter_most = length(&t->c, "--noise-jitter", arg + first + 1, strlen(arg + first + 1));
    if (t->o.jitter_least.metres != t->o.jitter_most.metres ||
        t->o.jitter_least.value > t->o.jitter_most.value)
        cli_usage(&t->c, "--noise-jitter: the first length is not less, or of another unit");
}

/* true for the second of two words. */
static bool second(const cli *c, const char *option, const char *arg, const char *one,
                   const char *other) {
    if (!strcmp(arg, one)) return false;
    if (!strcmp(arg, other)) return true;
    cli_usage(c, "%s: '%s' is neither %s nor %s", option, arg, one, other);
}

static void layers(struct train *t, const char *arg) {
    int n[2] = {0, 0};
    split_integers(&t->c, "--layers", arg, 2, n);
    t->o.layers = n[0];
    t->o.decoder_layers = n[1];
}

/* -------------------------------------------------------------------- numbers */

static void take_number(struct train *t, const struct number *n, const char *arg) {
    char option[40];
    char *at = (char *)&t->o + n->offset;
    snprintf(option, sizeof option, "--%s", n->option.name);
    double value = cli_number(&t->c, option, arg, n->least, n->most);
    if (n->type != DOUBLE && value != floor(value))
        cli_usage(&t->c, "%s: '%s' is not a whole number", option, arg);
    switch (n->type) {
    case INT: memcpy(at, &(int){(int)value}, sizeof(int)); break;
    case SIZE: memcpy(at, &(size_t){(size_t)value}, sizeof(size_t)); break;
    case UINT64: memcpy(at, &(uint64_t){(uint64_t)value}, sizeof(uint64_t)); break;
    case DOUBLE: memcpy(at, &value, sizeof value); break;
    }
}

static bool is_list(int key) {
    return key == KEY_LAYERS || key == KEY_MLP || key == KEY_SIGMA || key == KEY_JITTER ||
           key == KEY_SHIFT;
}

static void take_list(struct train *t, int key, const char *arg) {
    switch (key) {
    case KEY_LAYERS: layers(t, arg); break;
    case KEY_MLP:
        t->o.mlp_count = split_integers(&t->c, "--mlp", arg, INFER_TRAIN_MLP_MAX, t->o.mlp);
        break;
    case KEY_SIGMA:
        t->o.branches =
            split(&t->c, "--sigma", arg, INFER_TRAIN_BRANCHES_MAX, 1e-6, 1e9, t->o.sigma);
        break;
    case KEY_JITTER: jitter(t, arg); break;
    case KEY_SHIFT: t->o.shift = length(&t->c, "--noise-shift", arg, strlen(arg)); break;
    default: break;
    }
}

static void take_word(struct train *t, int key, const char *arg) {
    const cli *c = &t->c;
    switch (key) {
    case KEY_DTYPE: t->f32 = second(c, "--dtype", arg, "f16", "f32"); break;
    case KEY_SAMPLING: t->o.in_a_row = second(c, "--sampling", arg, "cells", "row"); break;
    case KEY_SCHEDULE: t->o.cosine = second(c, "--schedule", arg, "exponential", "cosine"); break;
    case KEY_LOSS:
        t->o.contrastive = second(c, "--phase2-loss", arg, "published", "contrastive");
        break;
    case KEY_NOISE:
        t->o.noise =
            second(c, "--noise", arg, "published", "own") ? INFER_NOISE_OWN : INFER_NOISE_PUBLISHED;
        break;
    case KEY_CACHE: t->cache = arg; break;
    case KEY_STATE: t->state = arg; break;
    case KEY_LOG: t->log = arg; break;
    case KEY_LOCATION: t->o.location = arg; break;
    case KEY_SAVE_EVERY: t->save_every_s = cli_seconds(c, "--save-every", arg); break;
    case KEY_HALF: t->half = true; break;
    case KEY_SKIP_ERRORS: t->skip_errors = true; break;
    case KEY_GO_ON: t->o.go_on = true; break;
    case KEY_FRAME_WISE: t->o.frame_wise = true; break;
    default: break;
    }
}

/* --------------------------------------------------------------- combinations */

static const char *name_of(int key) {
    for (const struct cli_option *o = train_options; o->name; o++)
        if (o->key == key) return o->name;
    return "";
}

static unsigned phases_of(int key) {
    if (key >= KEY_NUMBER) return numbers[key - KEY_NUMBER].phases;
    switch (key) {
    case KEY_FRAME_WISE:
    case KEY_LOCATION:
    case KEY_MLP:
    case KEY_SIGMA: return FIRST;
    case KEY_LOSS:
    case KEY_NOISE:
    case KEY_JITTER:
    case KEY_SHIFT: return SECOND;
    case KEY_LAYERS:
    case KEY_GO_ON:
    case KEY_SAMPLING:
    case KEY_HALF: return key == KEY_HALF ? EVERY : HEADS;
    case KEY_SKIP_ERRORS: return HEADS | CACHE;
    case KEY_CACHE:
    case KEY_DTYPE: return EVERY | CACHE;
    default: return EVERY;
    }
}

/* What has no effect is a mistake. */
static void check_options(const struct train *t, const bool *given) {
    const cli *c = &t->c;
    for (int key = KEY_PHASE; key < KEY_NUMBER + COUNT; key++) {
        unsigned phases = phases_of(key);
        if (!given[key - KEY_PHASE]) continue;
        if (t->cache && !(phases & CACHE))
            cli_usage(c, "--%s has no effect with --cache FILE", name_of(key));
        if (!t->cache && !(phases & 1u << t->o.phase))
            cli_usage(c, "--%s has no effect in phase %d", name_of(key), t->o.phase);
    }
    if (given[KEY_DTYPE - KEY_PHASE] && !t->cache)
        cli_usage(c, "--dtype has no effect without --cache FILE");
    if (t->o.decoder_layers && t->o.phase == 1)
        cli_usage(c, "--layers: TempGeo has one number of layers");
    if (t->o.layers && !t->o.decoder_layers && t->o.phase == 2)
        cli_usage(c, "--layers: GeoRefiner has two numbers of layers, as in 1,2");
    if (t->o.heldout > 0 || (!t->o.every && !t->o.patience)) return;
    cli_usage(c, "--validate-every and --patience have no effect without --validate");
}

/* Are frames looked up among places at all? */
static bool looks(const struct train *t) {
    const infer_train_options *o = &t->o;
    return (o->phase && o->heldout > 0) || o->negatives || o->noise == INFER_NOISE_OWN;
}

/* Options that others leave nothing to do. */
static void check_pairs(const struct train *t, const bool *given) {
    const infer_train_options *o = &t->o;
    const bool own = o->noise == INFER_NOISE_OWN;
    const struct {
        int key;
        bool idle;
        const char *why;
    } rules[] = {
        {KEY_decay, o->cosine, "with --schedule cosine"},
        {KEY_JITTER, own, "with --noise own"},
        {KEY_SHIFT, own, "with --noise own"},
        {KEY_collapse, own, "with --noise own"},
        {KEY_own_dropout, !own, "without --noise own"},
        {KEY_negatives, o->phase == 2 && !o->contrastive, "without --phase2-loss contrastive"},
        {KEY_point_count, t->c.gallery_count > 0, "with -g GALLERY"},
        {KEY_point_count, !looks(t), "without --validate, --negatives or --noise own"},
        {KEY_LAYERS, o->frame_wise, "with --frame-wise"},
        {KEY_heads, o->frame_wise, "with --frame-wise"},
        {KEY_ff, o->frame_wise, "with --frame-wise"},
        {KEY_dropout, o->frame_wise, "with --frame-wise"},
        {KEY_max_frames, o->frame_wise, "with --frame-wise"}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (given[rules[i].key - KEY_PHASE] && rules[i].idle)
            cli_usage(&t->c, "--%s has no effect %s", name_of(rules[i].key), rules[i].why);
}

static void check_output(const struct train *t, bool phase) {
    const cli *c = &t->c;
    if (t->cache && c->output) cli_usage(c, "--cache FILE and -o DIR exclude each other");
    if (t->cache) return;
    if (!c->output) cli_usage(c, "no output: give -o DIR, or --cache FILE to keep features");
    if (!*c->output || !strcmp(c->output, "-")) cli_usage(c, "-o: the name of a folder is missing");
    if (!phase) cli_usage(c, "give --phase 0, 1 or 2");
    if (!t->o.steps == !t->o.epochs) cli_usage(c, "give --steps or --epochs");
    if (!t->o.phase && c->model && !getenv("VT_MODEL")) cli_usage(c, "-m has no effect in phase 0");
    if (!t->o.phase && !c->argc) cli_usage(c, "no pictures: give files with pairs of views");
    if (c->gallery_count && !looks(t) && !getenv("VT_GALLERY"))
        cli_usage(c, "-g has no effect without --validate, --negatives or --noise own");
}

static void check_operands(const cli *c) {
    for (int i = 0; i < c->argc; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(c->argv[i], c->argv[k])) cli_usage(c, "%s: given twice", c->argv[i]);
}

/* What was not given is as published for the phase. */
static void finish_defaults(struct train *t, const bool *given) {
    infer_train_options published;
    infer_train_defaults(t->o.phase, &published);
    if (!given[KEY_rate - KEY_PHASE]) t->o.rate = published.rate;
    if (!given[KEY_decay - KEY_PHASE]) t->o.decay = published.decay;
    if (!given[KEY_warmup - KEY_PHASE]) t->o.warmup = published.warmup;
}

void train_parse(struct train *t) {
    bool given[KEY_NUMBER + COUNT - KEY_PHASE] = {false};
    const char *arg;
    t->save_every_s = 300;
    infer_train_defaults(1, &t->o);
    for (int key; (key = cli_next(&t->c, &arg));) {
        if (key == 'o') {
            t->c.output = arg;
            continue;
        }
        given[key - KEY_PHASE] = true;
        if (key == KEY_PHASE)
            t->o.phase = (int)cli_integer(&t->c, "--phase", arg, 0, 2);
        else if (key >= KEY_NUMBER)
            take_number(t, &numbers[key - KEY_NUMBER], arg);
        else if (is_list(key))
            take_list(t, key, arg);
        else
            take_word(t, key, arg);
    }
    finish_defaults(t, given);
    check_options(t, given);
    check_pairs(t, given);
    check_output(t, given[0]);
    check_operands(&t->c);
    if (t->cache || t->o.phase) {
        cli_need_model(&t->c);
        t->o.model = t->c.model;
    }
}
