#include "pickle.h"
#include "context.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNSET UINT32_MAX

enum global { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE_CLASS };

static const struct {
    const char *module, *name;
    enum global what;
    enum weights_dtype dtype;
} globals[] = {
    {"collections", "OrderedDict", ORDERED_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, 0},
    {"torch", "FloatStorage", STORAGE_CLASS, WEIGHTS_F32},
    {"torch", "HalfStorage", STORAGE_CLASS, WEIGHTS_F16},
    {"torch", "BFloat16Storage", STORAGE_CLASS, WEIGHTS_BF16},
    {"torch", "LongStorage", STORAGE_CLASS, WEIGHTS_I64},
    {"torch", "DoubleStorage", STORAGE_CLASS, WEIGHTS_F64},
    {"torch", "IntStorage", STORAGE_CLASS, WEIGHTS_I32},
    {"torch", "ShortStorage", STORAGE_CLASS, WEIGHTS_I16},
    {"torch", "CharStorage", STORAGE_CLASS, WEIGHTS_I8},
    {"torch", "ByteStorage", STORAGE_CLASS, WEIGHTS_U8},
    {"torch", "BoolStorage", STORAGE_CLASS, WEIGHTS_BOOL},
};

/* The opcodes that are not for us, by the names that pickletools gives them. */
static const struct {
    unsigned char code;
    const char *name;
} refused[] = {
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'F', "FLOAT"},
    {'I', "INT"},
    {'L', "LONG"},
    {'P', "PERSID"},
    {'S', "STRING"},
    {'V', "UNICODE"},
    {'d', "DICT"},
    {'g', "GET"},
    {'i', "INST"},
    {'l', "LIST"},
    {'o', "OBJ"},
    {'p', "PUT"},
    {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"},
    {0x81, "NEWOBJ"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x8b, "LONG4"},
    {0x8c, "SHORT_BINUNICODE"},
    {0x8d, "BINUNICODE8"},
    {0x8e, "BINBYTES8"},
    {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},
    {0x92, "NEWOBJ_EX"},
    {0x93, "STACK_GLOBAL"},
    {0x94, "MEMOIZE"},
    {0x95, "FRAME"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

struct ids { /* a growing array */
    pickle_id *at;
    size_t n, capacity;
};

struct machine {
    infer *ctx;
    const char *path;
    const unsigned char *bytes;
    size_t size, at;
    size_t opcode_at; /* of the opcode that runs, for messages */
    struct pickle *pickle;
    struct ids stack, marks, memo; /* marks: heights of the stack */
    bool stopped;
};

__attribute__((format(printf, 2, 3))) static int bad_pickle(struct machine *m, const char *format,
                                                            ...) {
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return infer_fail(m->ctx, INFER_EFORMAT, "%s: data.pkl, byte %zu: %s", m->path, m->opcode_at,
                      what);
}
/* Not inlined, so that the compiler would not see that it always fails. */
#define bad_pickle(...) infer_failed(bad_pickle(__VA_ARGS__))

/* ------------------------------------------------------------------- bytes, objects, stack, memo
 */
static int take(struct machine *m, uint64_t n, const unsigned char **from) {
    if (n > m->size - m->at) return bad_pickle(m, "the pickle is cut short");
    *from = m->bytes + m->at;
    m->at += n;
    return INFER_OK;
}

/* A little-endian number of n <= 8 bytes. */
static int take_number(struct machine *m, size_t n, uint64_t *number) {
    const unsigned char *from;
    *number = 0;
    INFER_TRY(take(m, n, &from));
    memcpy(number, from, n);
    return INFER_OK;
}

/* The array with room for n items, perhaps moved; NULL for want of memory. */
static void *grow(void *array, size_t n, size_t *capacity, size_t item) {
    if (n <= *capacity) return array;
    size_t wanted = 2 * *capacity > n ? 2 * *capacity : n + 7;
    void *grown = realloc(array, wanted * item);
    if (grown) *capacity = wanted;
    return grown;
}

static int ids_reserve(infer *ctx, struct ids *ids, size_t n) {
    pickle_id *at = grow(ids->at, n, &ids->capacity, sizeof *at);
    if (!at) return infer_fail_memory(ctx, n * sizeof *at);
    ids->at = at;
    return INFER_OK;
}

static int ids_push(infer *ctx, struct ids *ids, pickle_id id) {
    INFER_TRY(ids_reserve(ctx, ids, ids->n + 1));
    ids->at[ids->n++] = id;
    return INFER_OK;
}

static struct pickle_object *object_of(struct machine *m, pickle_id id) {
    return &m->pickle->objects[id];
}

static bool is_a(struct machine *m, pickle_id id, enum pickle_kind kind) {
    return object_of(m, id)->kind == kind;
}

static int push(struct machine *m, struct pickle_object object) {
    struct pickle *pickle = m->pickle;
    if (pickle->n == PICKLE_MAX_OBJECTS)
        return bad_pickle(m, "more than %u objects", PICKLE_MAX_OBJECTS);
    struct pickle_object *objects =
        grow(pickle->objects, pickle->n + 1, &pickle->capacity, sizeof object);
    if (!objects) return infer_fail_memory(m->ctx, (pickle->n + 1) * sizeof object);
    pickle->objects = objects;
    INFER_TRY(ids_push(m->ctx, &m->stack, (pickle_id)pickle->n));
    pickle->objects[pickle->n++] = object;
    return INFER_OK;
}

static int push_integer(struct machine *m, int64_t integer) {
    return push(m, (struct pickle_object){.kind = PICKLE_INTEGER, .integer = integer});
}

/* What was pushed before the last mark is out of reach until the mark is used up. */
static size_t stack_floor(const struct machine *m) {
    return m->marks.n ? m->marks.at[m->marks.n - 1] : 0;
}

static int pop(struct machine *m, pickle_id *id) {
    if (m->stack.n <= stack_floor(m)) return bad_pickle(m, "the stack is empty");
    *id = m->stack.at[--m->stack.n];
    return INFER_OK;
}

static int top(struct machine *m, pickle_id *id) {
    INFER_TRY(pop(m, id));
    m->stack.n++;
    return INFER_OK;
}

/* The ids above the last mark; they stay in the array until the next push. */
static int pop_marked(struct machine *m, const pickle_id **ids, size_t *n) {
    if (!m->marks.n) return bad_pickle(m, "no mark");
    size_t begin = m->marks.at[--m->marks.n];
    *ids = m->stack.at + begin;
    *n = m->stack.n - begin;
    m->stack.n = begin;
    return INFER_OK;
}

/* Each item came from an opcode of its own, so that all containers together are bounded. */
static int add_items(struct machine *m, pickle_id container, const pickle_id *ids, size_t n) {
    struct pickle_object *object = object_of(m, container);
    size_t capacity = object->items.capacity, wanted = object->items.n + n;
    if (!n) return INFER_OK;
    pickle_id *grown = grow(object->items.ids, wanted, &capacity, sizeof *ids);
    if (!grown) return infer_fail_memory(m->ctx, wanted * sizeof *ids);
    memcpy(grown + object->items.n, ids, n * sizeof *ids);
    object->items.ids = grown;
    object->items.capacity = (uint32_t)capacity;
    object->items.n = (uint32_t)wanted;
    return INFER_OK;
}

static int push_tuple(struct machine *m, const pickle_id *ids, size_t n) {
    struct pickle_object tuple = {.kind = PICKLE_TUPLE};
    if (n) {
        tuple.items.ids = malloc(n * sizeof *ids);
        if (!tuple.items.ids) return infer_fail_memory(m->ctx, n * sizeof *ids);
        memcpy(tuple.items.ids, ids, n * sizeof *ids);
        tuple.items.n = tuple.items.capacity = (uint32_t)n;
    }
    int status = push(m, tuple);
    if (status != INFER_OK) free(tuple.items.ids);
    return status;
}

/* --------------------------------------------------------------------------- opcodes: plain data
 * Each handler gets its opcode, so that opcodes of one kind share a handler. */
static int run_proto(struct machine *m, unsigned char opcode) {
    uint64_t version;
    (void)opcode;
    INFER_TRY(take_number(m, 1, &version));
    if (version != 2)
        return bad_pickle(m, "pickle protocol %u; torch.save writes 2", (unsigned)version);
    return INFER_OK;
}

static int run_plain(struct machine *m, unsigned char opcode) {
    uint64_t unused;
    if (opcode == 'G') INFER_TRY(take_number(m, 8, &unused)); /* BINFLOAT */
    return push(m, (struct pickle_object){.kind = PICKLE_PLAIN});
}

static int run_integer(struct machine *m, unsigned char opcode) {
    uint64_t number;
    INFER_TRY(take_number(m, opcode == 'K' ? 1 : opcode == 'M' ? 2 : 4, &number));
    return push_integer(m, opcode == 'J' ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* LONG1: two's complement, as short as it goes. */
static int run_long(struct machine *m, unsigned char opcode) {
    const unsigned char *from;
    uint64_t n, number = 0;
    (void)opcode;
    INFER_TRY(take_number(m, 1, &n));
    INFER_TRY(take(m, n, &from));
    if (n > 8) return push(m, (struct pickle_object){.kind = PICKLE_PLAIN});
    if (n && from[n - 1] & 0x80) number = UINT64_MAX;
    memcpy(&number, from, n);
    return push_integer(m, (int64_t)number);
}

static int run_text(struct machine *m, unsigned char opcode) {
    const unsigned char *from;
    uint64_t n;
    INFER_TRY(take_number(m, opcode == 'U' ? 1 : 4, &n));
    INFER_TRY(take(m, n, &from));
    return push(m, (struct pickle_object){.kind = PICKLE_TEXT, .text = {(const char *)from, n}});
}

/* ------------------------------------------------------------------------ opcodes: memo and stack
 */
static int run_mark(struct machine *m, unsigned char opcode) {
    (void)opcode;
    return ids_push(m->ctx, &m->marks, (pickle_id)m->stack.n);
}

static int run_put(struct machine *m, unsigned char opcode) {
    uint64_t key;
    pickle_id id;
    INFER_TRY(take_number(m, opcode == 'q' ? 1 : 4, &key));
    INFER_TRY(top(m, &id));
    if (key >= m->size) return bad_pickle(m, "memo entry %u is too far out", (unsigned)key);
    INFER_TRY(ids_reserve(m->ctx, &m->memo, key + 1));
    while (m->memo.n <= key) m->memo.at[m->memo.n++] = UNSET;
    m->memo.at[key] = id;
    return INFER_OK;
}

static int run_get(struct machine *m, unsigned char opcode) {
    uint64_t key;
    INFER_TRY(take_number(m, opcode == 'h' ? 1 : 4, &key));
    if (key >= m->memo.n || m->memo.at[key] == UNSET)
        return bad_pickle(m, "memo entry %u is not there", (unsigned)key);
    return ids_push(m->ctx, &m->stack, m->memo.at[key]);
}

static int run_stop(struct machine *m, unsigned char opcode) {
    (void)opcode;
    if (m->marks.n || m->stack.n != 1) return bad_pickle(m, "does not end with one object");
    if (m->at != m->size) return bad_pickle(m, "more follows after the end");
    m->pickle->root = m->stack.at[0];
    m->stopped = true;
    return INFER_OK;
}

/* --------------------------------------------------------------------------- opcodes: containers
 */
static int run_empty(struct machine *m, unsigned char opcode) {
    enum pickle_kind kind = opcode == '}'   ? PICKLE_DICT
                            : opcode == ']' ? PICKLE_LIST
                                            : PICKLE_TUPLE;
    return push(m, (struct pickle_object){.kind = (uint8_t)kind});
}

static int run_tuple(struct machine *m, unsigned char opcode) {
    const pickle_id *ids;
    size_t n;
    if (opcode == 't') {
        INFER_TRY(pop_marked(m, &ids, &n));
    } else {
        n = (size_t)opcode - 0x84; /* TUPLE1 is 0x85 */
        if (m->stack.n - stack_floor(m) < n) return bad_pickle(m, "the stack is empty");
        m->stack.n -= n;
        ids = m->stack.at + m->stack.n;
    }
    return push_tuple(m, ids, n);
}

/* APPEND, APPENDS, SETITEM, SETITEMS: into the container below what is added. */
static int run_add(struct machine *m, unsigned char opcode) {
    const pickle_id *ids;
    size_t n = opcode == 'a' ? 1 : 2;
    pickle_id container;
    bool dict = opcode == 's' || opcode == 'u';
    if (opcode == 'e' || opcode == 'u') {
        INFER_TRY(pop_marked(m, &ids, &n));
    } else {
        if (m->stack.n - stack_floor(m) < n) return bad_pickle(m, "the stack is empty");
        m->stack.n -= n;
        ids = m->stack.at + m->stack.n;
    }
    INFER_TRY(top(m, &container));
    if (!is_a(m, container, dict ? PICKLE_DICT : PICKLE_LIST))
        return bad_pickle(m, "items are added to what is no %s", dict ? "dict" : "list");
    if (dict && n % 2) return bad_pickle(m, "a key without a value");
    return add_items(m, container, ids, n);
}

/* ------------------------------------------------------------------- opcodes: names and what they
 * make */
static int take_line(struct machine *m, const char **line, size_t *n) {
    const unsigned char *from = m->bytes + m->at;
    const unsigned char *end = memchr(from, '\n', m->size - m->at);
    if (!end) return bad_pickle(m, "the pickle is cut short");
    *line = (const char *)from;
    *n = (size_t)(end - from);
    m->at += *n + 1;
    return INFER_OK;
}

static bool same(const char *text, size_t n, const char *wanted) {
    return strlen(wanted) == n && !memcmp(text, wanted, n);
}

static int run_global(struct machine *m, unsigned char opcode) {
    const char *module, *name;
    size_t module_size, name_size;
    char quoted[WEIGHTS_QUOTE], quoted_name[WEIGHTS_QUOTE];
    (void)opcode;
    INFER_TRY(take_line(m, &module, &module_size));
    INFER_TRY(take_line(m, &name, &name_size));
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (same(module, module_size, globals[i].module) && same(name, name_size, globals[i].name))
            return push(m, (struct pickle_object){.kind = PICKLE_GLOBAL, .global = (int)i});
    weights_quote(quoted, module, module_size);
    weights_quote(quoted_name, name, name_size);
    if (same(module, module_size, "torch") && strstr(quoted_name, "Storage"))
        return bad_pickle(m, "holds a tensor in a %s.%s, which is not read; convert it to float",
                          quoted, quoted_name);
    return bad_pickle(m,
                      "refers to %s.%s, which is no part of a state dict (nothing was executed); "
                      "save the weights alone: torch.save(model.state_dict(), OUT)",
                      quoted, quoted_name);
}

/* ('storage', torch.XStorage, key, device, number of elements) */
static int run_persistent_id(struct machine *m, unsigned char opcode) {
    pickle_id id;
    (void)opcode;
    INFER_TRY(pop(m, &id));
    const struct pickle_object *tuple = object_of(m, id), *item[5];
    bool good = tuple->kind == PICKLE_TUPLE && tuple->items.n == 5;
    for (int i = 0; good && i < 5; i++) item[i] = object_of(m, tuple->items.ids[i]);
    good = good && item[0]->kind == PICKLE_TEXT &&
           same(item[0]->text.bytes, item[0]->text.size, "storage") &&
           item[1]->kind == PICKLE_GLOBAL && globals[item[1]->global].what == STORAGE_CLASS &&
           item[2]->kind == PICKLE_TEXT && item[3]->kind == PICKLE_TEXT &&
           item[4]->kind == PICKLE_INTEGER && item[4]->integer >= 0;
    if (!good) return bad_pickle(m, "a persistent id that is no storage of torch");
    struct pickle_object storage = {.kind = PICKLE_STORAGE};
    storage.storage.key = tuple->items.ids[2];
    storage.storage.dtype = globals[item[1]->global].dtype;
    storage.storage.count = (uint64_t)item[4]->integer;
    return push(m, storage);
}

/* A tuple of sizes or strides. */
static bool is_dims(struct machine *m, pickle_id id) {
    const struct pickle_object *tuple = object_of(m, id);
    if (tuple->kind != PICKLE_TUPLE || tuple->items.n > WEIGHTS_MAX_DIMS) return false;
    for (uint32_t i = 0; i < tuple->items.n; i++) {
        const struct pickle_object *item = object_of(m, tuple->items.ids[i]);
        if (item->kind != PICKLE_INTEGER || item->integer < 0) return false;
    }
    return true;
}

/* (storage, offset, size, stride, requires_grad, backward_hooks[, metadata]); the metadata would
 * say that the numbers are to be negated or conjugated. */
static int rebuild_tensor(struct machine *m, const struct pickle_object *args) {
    const pickle_id *ids = args->items.ids;
    uint32_t n = args->items.n;
    bool good = (n == 6 || n == 7) && is_a(m, ids[0], PICKLE_STORAGE) &&
                is_a(m, ids[1], PICKLE_INTEGER) && object_of(m, ids[1])->integer >= 0 &&
                is_dims(m, ids[2]) && is_dims(m, ids[3]) &&
                object_of(m, ids[2])->items.n == object_of(m, ids[3])->items.n;
    if (!good) return bad_pickle(m, "_rebuild_tensor_v2 with arguments that make no tensor");
    if (n == 7 && !is_a(m, ids[6], PICKLE_PLAIN) &&
        !(is_a(m, ids[6], PICKLE_DICT) && object_of(m, ids[6])->items.n == 0))
        return bad_pickle(m, "a tensor with metadata (a conjugated or negated view)");
    struct pickle_object tensor = {.kind = PICKLE_TENSOR};
    tensor.tensor.storage = ids[0];
    tensor.tensor.offset = (uint64_t)object_of(m, ids[1])->integer;
    tensor.tensor.shape = ids[2];
    tensor.tensor.strides = ids[3];
    return push(m, tensor);
}

static int run_reduce(struct machine *m, unsigned char opcode) {
    pickle_id args_id, callable_id;
    (void)opcode;
    INFER_TRY(pop(m, &args_id));
    INFER_TRY(pop(m, &callable_id));
    const struct pickle_object *args = object_of(m, args_id), *callable = object_of(m, callable_id);
    if (callable->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return bad_pickle(m, "REDUCE of what is no function and arguments");
    switch (globals[callable->global].what) {
    case ORDERED_DICT:
        if (args->items.n) return bad_pickle(m, "OrderedDict with arguments");
        return push(m, (struct pickle_object){.kind = PICKLE_DICT});
    case REBUILD_TENSOR: return rebuild_tensor(m, args);
    case REBUILD_PARAMETER: /* (tensor, requires_grad, backward_hooks) */
        if (args->items.n != 3 || !is_a(m, args->items.ids[0], PICKLE_TENSOR))
            return bad_pickle(m, "_rebuild_parameter with arguments that make no parameter");
        return ids_push(m->ctx, &m->stack, args->items.ids[0]);
    case STORAGE_CLASS: break;
    }
    return bad_pickle(m, "REDUCE of a storage class");
}

/* A state dict carries its modules' versions as an attribute, `_metadata`. */
static int run_build(struct machine *m, unsigned char opcode) {
    pickle_id state, target;
    (void)opcode;
    INFER_TRY(pop(m, &state));
    INFER_TRY(top(m, &target));
    if (!is_a(m, state, PICKLE_DICT) || !is_a(m, target, PICKLE_DICT))
        return bad_pickle(m, "BUILD of what is no dict with attributes");
    return INFER_OK;
}

/* -------------------------------------------------------------------------------------- the loop
 */
typedef int (*handler)(struct machine *m, unsigned char opcode);

static const handler handlers[256] = {
    [0x80] = run_proto,        ['N'] = run_plain, /* NONE */
    [0x88] = run_plain,                           /* NEWTRUE */
    [0x89] = run_plain,                           /* NEWFALSE */
    ['G'] = run_plain,                            /* BINFLOAT */
    ['J'] = run_integer,                          /* BININT */
    ['K'] = run_integer,                          /* BININT1 */
    ['M'] = run_integer,                          /* BININT2 */
    [0x8a] = run_long,                            /* LONG1 */
    ['X'] = run_text,                             /* BINUNICODE */
    ['T'] = run_text,                             /* BINSTRING */
    ['U'] = run_text,                             /* SHORT_BINSTRING */
    ['('] = run_mark,                             /* MARK */
    ['q'] = run_put,                              /* BINPUT */
    ['r'] = run_put,                              /* LONG_BINPUT */
    ['h'] = run_get,                              /* BINGET */
    ['j'] = run_get,                              /* LONG_BINGET */
    ['.'] = run_stop,                             /* STOP */
    ['}'] = run_empty,                            /* EMPTY_DICT */
    [']'] = run_empty,                            /* EMPTY_LIST */
    [')'] = run_empty,                            /* EMPTY_TUPLE */
    ['t'] = run_tuple,                            /* TUPLE */
    [0x85] = run_tuple,                           /* TUPLE1 */
    [0x86] = run_tuple,                           /* TUPLE2 */
    [0x87] = run_tuple,                           /* TUPLE3 */
    ['a'] = run_add,                              /* APPEND */
    ['e'] = run_add,                              /* APPENDS */
    ['s'] = run_add,                              /* SETITEM */
    ['u'] = run_add,                              /* SETITEMS */
    ['c'] = run_global,                           /* GLOBAL */
    ['Q'] = run_persistent_id,                    /* BINPERSID */
    ['R'] = run_reduce,                           /* REDUCE */
    ['b'] = run_build,                            /* BUILD */
};

static int refuse_opcode(struct machine *m, unsigned char opcode) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (refused[i].code == opcode)
            return bad_pickle(m, "opcode %s, which state dicts do not use", refused[i].name);
    return bad_pickle(m, "0x%02x is no opcode", opcode);
}

static int run_all(struct machine *m) {
    while (!m->stopped) {
        const unsigned char *opcode;
        m->opcode_at = m->at;
        INFER_TRY(take(m, 1, &opcode));
        if (!handlers[*opcode]) return refuse_opcode(m, *opcode);
        INFER_TRY(handlers[*opcode](m, *opcode));
    }
    return INFER_OK;
}

int pickle_parse(infer *ctx, const char *path, const unsigned char *bytes, uint64_t size,
                 struct pickle **out) {
    *out = NULL;
    if (size > PICKLE_MAX_BYTES)
        return infer_fail(ctx, INFER_EFORMAT, "%s: data.pkl: more than %u bytes", path,
                          PICKLE_MAX_BYTES);
    struct pickle *pickle = calloc(1, sizeof *pickle);
    if (!pickle) return infer_fail_memory(ctx, sizeof *pickle);
    struct machine m = {
        .ctx = ctx, .path = path, .bytes = bytes, .size = (size_t)size, .pickle = pickle};
    int status = ids_reserve(ctx, &m.stack, 64); /* so that it is never NULL */
    if (status == INFER_OK) status = run_all(&m);
    free(m.stack.at);
    free(m.marks.at);
    free(m.memo.at);
    if (status == INFER_OK)
        *out = pickle;
    else
        pickle_free(pickle);
    return status;
}

void pickle_free(struct pickle *pickle) {
    if (!pickle) return;
    for (size_t i = 0; i < pickle->n; i++) {
        struct pickle_object *object = &pickle->objects[i];
        if (object->kind == PICKLE_TUPLE || object->kind == PICKLE_LIST ||
            object->kind == PICKLE_DICT)
            free(object->items.ids);
    }
    free(pickle->objects);
    free(pickle);
}
