/* Reading .pth: torch.save's zip archive. ROOT/data.pkl describes the objects, ROOT/data/KEY holds
 * the numbers of one storage; several tensors may be views of it. */
#include "context.h"
#include "pickle.h"
#include "weights.h"
#include "zipmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32 /* of dicts and lists; checkpoints have 5 */
#define ROOT_MAX 255

struct reader {
    infer *ctx;
    struct weights *weights;
    const char *path;
    struct zipmap *zip;
    struct pickle *pickle;
    const char *root; /* not NUL-terminated */
    size_t root_size;
    char name[WEIGHTS_MAX_NAME + 1]; /* of the place that the walk is at */
    uint64_t visits_left;
};

/* --------------------------------------------------------------------------------- the archive */
/* The member ROOT/`name`, NULL if there is none. */
static const struct zipmap_member *find_member(struct reader *reader, const char *name,
                                               size_t name_size) {
    char full[2 * ROOT_MAX + 2];
    if (name_size > ROOT_MAX) return NULL;
    memcpy(full, reader->root, reader->root_size);
    full[reader->root_size] = '/';
    memcpy(full + reader->root_size + 1, name, name_size);
    return zipmap_find(reader->zip, full, reader->root_size + 1 + name_size);
}

static const struct zipmap_member *find_named(struct reader *reader, const char *name) {
    return find_member(reader, name, strlen(name));
}

/* The one member that is called data.pkl in a folder at the top says what the folder's name is. */
static int find_root(struct reader *reader) {
    static const char tail[] = "/data.pkl";
    size_t tail_size = sizeof tail - 1, n = 0;
    for (size_t i = 0; i < zipmap_count(reader->zip); i++) {
        const struct zipmap_member *member = zipmap_at(reader->zip, i);
        if (member->name_size < tail_size) continue;
        size_t root_size = member->name_size - tail_size;
        if (memcmp(member->name + root_size, tail, tail_size) ||
            memchr(member->name, '/', root_size) || root_size > ROOT_MAX)
            continue;
        reader->root = member->name;
        reader->root_size = root_size;
        n++;
    }
    if (n == 1) return INFER_OK;
    return infer_fail(reader->ctx, INFER_EFORMAT,
                      "%s: a zip file, but not one of torch.save's: %s data.pkl", reader->path,
                      n ? "more than one" : "no");
}

/* Versions 1 to 10 are what PyTorch itself reads (caffe2/serialize/inline_container.h). */
static int check_version(struct reader *reader) {
    const struct zipmap_member *version = find_named(reader, "version");
    uint64_t size = version ? version->size : 0;
    int number = 0;
    if (size && version->data[size - 1] == '\n') size--;
    if (size == 0 || size > 2)
        return infer_fail(reader->ctx, INFER_EFORMAT, "%s: no version in the archive",
                          reader->path);
    for (uint64_t i = 0; i < size; i++) {
        bool digit = version->data[i] >= '0' && version->data[i] <= '9';
        number = digit ? 10 * number + version->data[i] - '0' : 100;
    }
    if (number < 1 || number > 10)
        return infer_fail(reader->ctx, INFER_EFORMAT,
                          "%s: the archive's version is not one of 1 to 10", reader->path);
    return INFER_OK;
}

static int check_archive(struct reader *reader) {
    const struct zipmap_member *order = find_named(reader, "byteorder");
    if (find_named(reader, "constants.pkl"))
        return infer_fail(reader->ctx, INFER_EFORMAT,
                          "%s: a TorchScript program, not weights; save the weights alone: "
                          "torch.save(torch.jit.load(IN).state_dict(), OUT)",
                          reader->path);
    INFER_TRY(zipmap_require_stored(reader->zip));
    if (order && (order->size != 6 || memcmp(order->data, "little", 6)))
        return infer_fail(reader->ctx, INFER_EFORMAT,
                          "%s: written on a big-endian machine; re-save it on a little-endian one",
                          reader->path);
    return check_version(reader);
}

/* --------------------------------------------------------------------------------- one tensor */
static int bad_tensor(struct reader *reader, const char *what) {
    char quoted[WEIGHTS_QUOTE];
    return infer_fail(reader->ctx, INFER_EFORMAT, "%s: tensor %s: %s", reader->path,
                      weights_quote(quoted, reader->name, strlen(reader->name)), what);
}

static const struct pickle_object *object_of(const struct reader *reader, pickle_id id) {
    return &reader->pickle->objects[id];
}

static void copy_dims(const struct reader *reader, pickle_id id, uint64_t *dims) {
    const struct pickle_object *tuple = object_of(reader, id);
    for (uint32_t i = 0; i < tuple->items.n; i++)
        dims[i] = (uint64_t)object_of(reader, tuple->items.ids[i])->integer;
}

/* The last element that the strides reach, counted in the storage. */
static bool reaches(const struct weights_tensor *tensor, uint64_t offset, uint64_t *last) {
    *last = offset;
    for (int i = 0; i < tensor->ndim; i++) {
        uint64_t step;
        if (__builtin_mul_overflow(tensor->shape[i] - 1, tensor->strides[i], &step) ||
            __builtin_add_overflow(*last, step, last))
            return false;
    }
    return true;
}

static int find_storage(struct reader *reader, const struct pickle_object *storage,
                        const struct zipmap_member **member) {
    const struct pickle_object *key = object_of(reader, storage->storage.key);
    char name[ROOT_MAX] = "data/";
    uint64_t bytes;
    *member = NULL;
    if (key->text.size < sizeof name - 5) {
        memcpy(name + 5, key->text.bytes, key->text.size);
        *member = find_member(reader, name, 5 + key->text.size);
    }
    if (!*member) return bad_tensor(reader, "the archive has no data for its storage");
    if (__builtin_mul_overflow(storage->storage.count, weights_dtype_size(storage->storage.dtype),
                               &bytes) ||
        bytes != (*member)->size)
        return bad_tensor(reader, "its storage does not have the size that it says");
    return INFER_OK;
}

static int add_tensor(struct reader *reader, const struct pickle_object *object) {
    const struct pickle_object *storage = object_of(reader, object->tensor.storage);
    const struct zipmap_member *member;
    struct weights_tensor tensor = {.name = reader->name, .dtype = storage->storage.dtype};
    uint64_t count, last;
    INFER_TRY(find_storage(reader, storage, &member));
    tensor.ndim = (int)object_of(reader, object->tensor.shape)->items.n;
    copy_dims(reader, object->tensor.shape, tensor.shape);
    copy_dims(reader, object->tensor.strides, tensor.strides);
    if (!weights_elements(tensor.ndim, tensor.shape, &count))
        return bad_tensor(reader, "its shape is too large");
    if (count) {
        if (!reaches(&tensor, object->tensor.offset, &last) || last >= storage->storage.count)
            return bad_tensor(reader, "its shape and strides reach beyond its storage");
        /* With a stride of 0 a few bytes could claim any size. */
        if (count > storage->storage.count)
            return bad_tensor(reader,
                              "more elements than its storage has; save a .contiguous() one");
        tensor.data = member->data + object->tensor.offset * weights_dtype_size(tensor.dtype);
    }
    return weights_add(reader->ctx, reader->weights, &tensor);
}

/* ------------------------------------------------------------------------------------- the walk */
static int walk(struct reader *reader, pickle_id id, size_t length, int depth);

/* Appends the key to the name of `length` bytes. */
static int name_key(struct reader *reader, const struct pickle_object *key, size_t *length) {
    char number[24];
    const char *text = number;
    uint64_t size;
    if (key->kind == PICKLE_INTEGER) {
        size = (uint64_t)snprintf(number, sizeof number, "%lld", (long long)key->integer);
    } else if (key->kind == PICKLE_TEXT) {
        text = key->text.bytes;
        size = key->text.size;
    } else {
        return bad_tensor(reader, "its dict has a key that is neither text nor a number");
    }
    size_t dot = *length > 0;
    if (size > WEIGHTS_MAX_NAME - dot || *length > WEIGHTS_MAX_NAME - dot - size)
        return bad_tensor(reader, "a name in it is too long");
    if (size && memchr(text, 0, size)) return bad_tensor(reader, "a name in it holds a zero byte");
    if (dot) reader->name[*length] = '.';
    memcpy(reader->name + *length + dot, text, size);
    *length += dot + size;
    reader->name[*length] = 0;
    return INFER_OK;
}

static bool may_hold_tensors(const struct pickle_object *object) {
    return object->kind == PICKLE_TUPLE || object->kind == PICKLE_LIST ||
           object->kind == PICKLE_DICT || object->kind == PICKLE_STORAGE ||
           object->kind == PICKLE_TENSOR;
}

static int walk_items(struct reader *reader, const struct pickle_object *container, size_t length,
                      int depth) {
    bool dict = container->kind == PICKLE_DICT;
    for (uint32_t i = 0; i < container->items.n; i += dict ? 2 : 1) {
        pickle_id value = container->items.ids[dict ? i + 1 : i];
        struct pickle_object index = {.kind = PICKLE_INTEGER, .integer = i};
        size_t longer = length;
        if (!reader->visits_left--)
            return infer_fail(reader->ctx, INFER_EFORMAT, "%s: data.pkl: too tangled to list",
                              reader->path);
        if (!may_hold_tensors(object_of(reader, value))) continue;
        INFER_TRY(
            name_key(reader, dict ? object_of(reader, container->items.ids[i]) : &index, &longer));
        INFER_TRY(walk(reader, value, longer, depth));
        reader->name[length] = 0;
    }
    return INFER_OK;
}

static int walk(struct reader *reader, pickle_id id, size_t length, int depth) {
    struct pickle_object *object = &reader->pickle->objects[id];
    object->seen = true;
    if (object->kind == PICKLE_TENSOR) return add_tensor(reader, object);
    if (object->kind == PICKLE_STORAGE) return bad_tensor(reader, "a storage without a tensor");
    if (!may_hold_tensors(object)) return INFER_OK;
    if (object->open) return bad_tensor(reader, "it contains itself");
    if (depth == DEPTH_MAX) return bad_tensor(reader, "dicts or lists are nested too deep");
    object->open = true;
    int status = walk_items(reader, object, length, depth + 1);
    object->open = false;
    return status;
}

/* A tensor that was made and then belongs to nothing would be lost without a word. */
static int check_all_seen(struct reader *reader) {
    for (size_t i = 0; i < reader->pickle->n; i++) {
        const struct pickle_object *object = &reader->pickle->objects[i];
        if (object->kind == PICKLE_TENSOR && !object->seen)
            return infer_fail(reader->ctx, INFER_EFORMAT,
                              "%s: data.pkl: holds a tensor that is in no dict or list",
                              reader->path);
    }
    return INFER_OK;
}

int pth_read(infer *ctx, struct weights *weights) {
    int status;
    uint64_t size;
    const unsigned char *bytes = weights_bytes(weights, &size);
    struct reader reader = {.ctx = ctx, .weights = weights, .path = weights_path(weights)};
    INFER_GO(zipmap_open(ctx, reader.path, bytes, size, &reader.zip));
    INFER_GO(find_root(&reader));
    INFER_GO(check_archive(&reader));
    const struct zipmap_member *pickled = find_named(&reader, "data.pkl");
    INFER_GO(zipmap_check(ctx, reader.path, pickled));
    INFER_GO(pickle_parse(ctx, reader.path, pickled->data, pickled->size, &reader.pickle));
    reader.visits_left =
        8 * pickled->size; /* a dict may be in several others, but not in so many */
    INFER_GO(walk(&reader, reader.pickle->root, 0, 0));
    INFER_GO(check_all_seen(&reader));
done:
    pickle_free(reader.pickle);
    zipmap_close(reader.zip);
    return status;
}
