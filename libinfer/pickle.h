/* pickle.h - inside libinfer: the objects that a pickle describes, as data; nothing is executed.
 *
 * The machine knows the opcodes of protocol 2 that torch.save writes for dicts of tensors, and the
 * names that stand for tensors there. Any other opcode or name is an error that names it.
 * (Python's Lib/pickletools.py defines the opcodes, torch/_utils.py the two rebuild functions.)
 */
#ifndef INFER_PICKLE_H
#define INFER_PICKLE_H

#include "weights.h"

#define PICKLE_MAX_BYTES (32u << 20)  /* a tensor takes some 120 bytes */
#define PICKLE_MAX_OBJECTS (4u << 20) /* a tensor takes some 12 */

enum pickle_kind {
    PICKLE_PLAIN, /* None, a boolean, a float, an integer beyond 64 bits: of no interest here */
    PICKLE_INTEGER,
    PICKLE_TEXT,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_GLOBAL, /* a known function or class */
    PICKLE_STORAGE,
    PICKLE_TENSOR
};

/* Objects are named by their place in the table: the same one may be in several containers. */
typedef uint32_t pickle_id;

struct pickle_object {
    enum pickle_kind kind;
    bool open, seen; /* for whoever walks the objects */
    union {
        int64_t integer;
        struct {
            const char *bytes; /* in the pickle, not NUL-terminated */
            uint64_t size;
        } text;
        struct {
            pickle_id *ids; /* a dict's: key, value, key, value, ... */
            uint32_t n, capacity;
        } items;
        int global;
        struct {
            pickle_id key; /* a text: the name of its data */
            enum weights_dtype dtype;
            uint64_t count; /* of elements, as claimed */
        } storage;
        struct {
            pickle_id storage, shape, strides; /* shape, strides: tuples of as many integers >= 0 */
            uint64_t offset;                   /* in elements */
        } tensor;
    };
};

struct pickle {
    struct pickle_object *objects;
    size_t n, capacity;
    pickle_id root;
};

/* The bytes must outlive the pickle; path is for messages. INFER_EFORMAT, with the byte, for what
 * is not known or damaged. Memory: some 100 bytes for one object, of which there are no more than
 * bytes in the pickle and PICKLE_MAX_OBJECTS. */
int pickle_parse(infer *ctx, const char *path, const unsigned char *bytes, uint64_t size,
                 struct pickle **pickle);
void pickle_free(struct pickle *pickle); /* NULL is fine */

#endif
