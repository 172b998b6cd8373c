#include "test.h"
#include "tests/weights_archive.h"
#include "tests/weights_bytes.h"

#include <stdint.h>

static infer *ctx;

/* The message without the path; "" if the bytes were accepted. */
static const char *refusal(const void *bytes, size_t size, int *status) {
    struct weights *weights;
    size_t path_length;
    *status = weights_open_bytes(ctx, bytes, size, &weights, &path_length);
    weights_close(weights);
    return *status == INFER_OK ? "" : infer_message(ctx) + path_length + 2;
}

/* ---------------------------------------------------------------------- pickles, written by hand
 */
#define TEXT1(letter) "X\1\0\0\0" letter
#define STORAGE(class, key, n) \
    "(X\7\0\0\0storagectorch\n" class "\n" TEXT1(key) "X\3\0\0\0cpu" n "tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define TENSOR(storage, offset, shape, strides) REBUILD "(" storage offset shape strides "\x89)tR"
#define SIX STORAGE("FloatStorage", "0", "K\6")
#define SHAPE "K\2K\3\x86"
#define STRIDES "K\3K\1\x86"
#define ZERO "K\0"
#define GOOD TENSOR(SIX, ZERO, SHAPE, STRIDES)
#define DICT(value) "\x80\2}" TEXT1("w") value "s."
#define CASE(pickle, message) \
    { pickle, sizeof pickle - 1, message }
#define LARGE "\x8a\x8\0\0\0\0\0\0\0\x40" /* 2^62 */
#define MINUS "J\xff\xff\xff\xff"

static const struct {
    const char *pickle;
    size_t size;
    const char *message;
} refused[] = {
    /* the stream of opcodes */
    CASE("", "data.pkl, byte 0: the pickle is cut short"),
    CASE("\x80\2}", "data.pkl, byte 3: the pickle is cut short"),
    CASE("\x80", "data.pkl, byte 0: the pickle is cut short"),
    CASE("X\5\0\0\0abcd", "data.pkl, byte 0: the pickle is cut short"),
    CASE("X\xff\xff\xff\xff.", "data.pkl, byte 0: the pickle is cut short"),
    CASE("\x8a\xff.", "data.pkl, byte 0: the pickle is cut short"),
    CASE("ctorch\nFloat", "data.pkl, byte 0: the pickle is cut short"),
    CASE("\x80\4}.", "data.pkl, byte 0: pickle protocol 4; torch.save writes 2"),
    CASE("}.}", "data.pkl, byte 1: more follows after the end"),
    CASE("}}.", "data.pkl, byte 2: does not end with one object"),
    CASE("(}.", "data.pkl, byte 2: does not end with one object"),
    CASE(".", "data.pkl, byte 0: does not end with one object"),
    CASE("}2.", "data.pkl, byte 1: opcode DUP, which state dicts do not use"),
    CASE("}\x81.", "data.pkl, byte 1: opcode NEWOBJ, which state dicts do not use"),
    CASE("(ios\nsystem\n.", "data.pkl, byte 1: opcode INST, which state dicts do not use"),
    CASE("(o.", "data.pkl, byte 1: opcode OBJ, which state dicts do not use"),
    CASE("\x8c\2os\x8c\6system\x93.",
         "data.pkl, byte 0: opcode SHORT_BINUNICODE, which state dicts do not use"),
    CASE("\xfe", "data.pkl, byte 0: 0xfe is no opcode"),
    /* the stack and the memo */
    CASE("0", "data.pkl, byte 0: opcode POP, which state dicts do not use"),
    CASE("t.", "data.pkl, byte 0: no mark"),
    CASE("u.", "data.pkl, byte 0: no mark"),
    CASE("\x85.", "data.pkl, byte 0: the stack is empty"),
    CASE("K\1(\x85.", "data.pkl, byte 3: the stack is empty"),
    CASE("K\1K\1\x87.", "data.pkl, byte 4: the stack is empty"),
    CASE("}K\1s.", "data.pkl, byte 3: the stack is empty"),
    CASE("K\1a.", "data.pkl, byte 2: the stack is empty"),
    CASE("(K\1u.", "data.pkl, byte 3: the stack is empty"),
    CASE("}(K\1u.", "data.pkl, byte 4: a key without a value"),
    CASE("](K\1K\2u.", "data.pkl, byte 6: items are added to what is no dict"),
    CASE("}(K\1e.", "data.pkl, byte 4: items are added to what is no list"),
    CASE(")K\1a.", "data.pkl, byte 3: items are added to what is no list"),
    CASE("h\0.", "data.pkl, byte 0: memo entry 0 is not there"),
    CASE("}q\2h\1.", "data.pkl, byte 3: memo entry 1 is not there"),
    CASE("}j\xff\xff\xff\xff.", "data.pkl, byte 1: memo entry 4294967295 is not there"),
    CASE("}r\xff\xff\xff\xff.", "data.pkl, byte 1: memo entry 4294967295 is too far out"),
    CASE("}r\7\0\0\0.", "data.pkl, byte 1: memo entry 7 is too far out"),
    CASE("q\0.", "data.pkl, byte 0: the stack is empty"),
    /* names and what is made of them */
    CASE("cos\nsystem\n(X\4\0\0\0exittR.",
         "data.pkl, byte 0: refers to os.system, which is no part of a state dict (nothing was "
         "executed); save the weights alone: torch.save(model.state_dict(), OUT)"),
    CASE("cbuiltins\neval\x1b[0m\n.",
         "data.pkl, byte 0: refers to builtins.eval?[0m, which is no part of a state dict (nothing "
         "was executed); save the weights alone: torch.save(model.state_dict(), OUT)"),
    CASE("ctorch\nQInt8Storage\n.",
         "data.pkl, byte 0: holds a tensor in a torch.QInt8Storage, which is not read; convert it "
         "to float"),
    CASE("K\1)R.", "data.pkl, byte 3: REDUCE of what is no function and arguments"),
    CASE("ccollections\nOrderedDict\n]R.",
         "data.pkl, byte 26: REDUCE of what is no function and arguments"),
    CASE("ccollections\nOrderedDict\n]\x85R.", "data.pkl, byte 27: OrderedDict with arguments"),
    CASE("ctorch\nFloatStorage\n)R.", "data.pkl, byte 21: REDUCE of a storage class"),
    CASE("}Nb.", "data.pkl, byte 2: BUILD of what is no dict with attributes"),
    CASE("]}b.", "data.pkl, byte 2: BUILD of what is no dict with attributes"),
    CASE("K\1Q.", "data.pkl, byte 2: a persistent id that is no storage of torch"),
    CASE(STORAGE("FloatStorage", "0", MINUS) ".",
         "data.pkl, byte 53: a persistent id that is no storage of torch"),
    CASE("(X\7\0\0\0storagectorch\nFloatStorage\nK\0X\3\0\0\0cpuK\6tQ.",
         "data.pkl, byte 46: a persistent id that is no storage of torch"),
    CASE(REBUILD ")R.", "data.pkl, byte 34: _rebuild_tensor_v2 with arguments that make no tensor"),
    CASE(TENSOR("}", ZERO, SHAPE, STRIDES),
         "data.pkl, byte 50: _rebuild_tensor_v2 with arguments that make no tensor"),
    CASE(TENSOR(SIX, MINUS, SHAPE, STRIDES),
         "data.pkl, byte 103: _rebuild_tensor_v2 with arguments that make no tensor"),
    CASE(TENSOR(SIX, ZERO, SHAPE, "K\1\x85"),
         "data.pkl, byte 98: _rebuild_tensor_v2 with arguments that make no tensor"),
    CASE(TENSOR(SIX, ZERO, "K\2" MINUS "\x86", STRIDES),
         "data.pkl, byte 103: _rebuild_tensor_v2 with arguments that make no tensor"),
    CASE(TENSOR(SIX, ZERO, "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"),
         "data.pkl, byte 130: _rebuild_tensor_v2 with arguments that make no tensor"),
    CASE(REBUILD "(" SIX ZERO SHAPE STRIDES "\x89)}K\1K\2stR",
         "data.pkl, byte 106: a tensor with metadata (a conjugated or negated view)"),
    CASE("ctorch._utils\n_rebuild_parameter\n}\x88)\x87R.",
         "data.pkl, byte 37: _rebuild_parameter with arguments that make no parameter"),
    /* tensors against the archive */
    CASE(DICT(TENSOR(STORAGE("FloatStorage", "1", "K\6"), ZERO, SHAPE, STRIDES)),
         "tensor w: the archive has no data for its storage"),
    CASE(DICT(TENSOR(STORAGE("FloatStorage", "0", "K\7"), ZERO, SHAPE, STRIDES)),
         "tensor w: its storage does not have the size that it says"),
    CASE(DICT(TENSOR(STORAGE("DoubleStorage", "0", "K\6"), ZERO, SHAPE, STRIDES)),
         "tensor w: its storage does not have the size that it says"),
    /* (2^62 + 6) * 4 is 24 in 64 bits */
    CASE(DICT(TENSOR(STORAGE("FloatStorage", "0", "\x8a\x8\6\0\0\0\0\0\0\x40"), ZERO, SHAPE,
                     STRIDES)),
         "tensor w: its storage does not have the size that it says"),
    CASE(DICT(TENSOR(SIX, "K\1", SHAPE, STRIDES)),
         "tensor w: its shape and strides reach beyond its storage"),
    CASE(DICT(TENSOR(SIX, LARGE, SHAPE, STRIDES)),
         "tensor w: its shape and strides reach beyond its storage"),
    CASE(DICT(TENSOR(SIX, ZERO, SHAPE, "K\4K\1\x86")),
         "tensor w: its shape and strides reach beyond its storage"),
    CASE(DICT(TENSOR(SIX, ZERO, "K\5K\1\x86", LARGE "K\1\x86")),
         "tensor w: its shape and strides reach beyond its storage"),
    CASE(DICT(TENSOR(SIX, ZERO, LARGE "K\4\x86", "K\0K\0\x86")),
         "tensor w: its shape is too large"),
    CASE(DICT(TENSOR(SIX, ZERO, LARGE "K\1\x86", "K\0K\0\x86")),
         "tensor w: more elements than its storage has; save a .contiguous() one"),
    CASE(DICT(TENSOR(SIX, ZERO, "K\7\x85", "K\0\x85")),
         "tensor w: more elements than its storage has; save a .contiguous() one"),
    /* names */
    CASE("\x80\2}(" TEXT1("w") GOOD TEXT1("w") GOOD "u.", "tensor w is there twice"),
    CASE("\x80\2}(X\3\0\0\0a.b" GOOD TEXT1("a") "}" TEXT1("b") GOOD "su.",
         "tensor a.b is there twice"),
    CASE("\x80\2}(K\1" GOOD TEXT1("1") GOOD "u.", "tensor 1 is there twice"),
    CASE("\x80\2}N" GOOD "s.", "tensor : its dict has a key that is neither text nor a number"),
    CASE("\x80\2}X\3\0\0\0a\0b" GOOD "s.", "tensor : a name in it holds a zero byte"),
    CASE("\x80\2}" TEXT1("\n") GOOD "s.",
         "tensor ?: its name is longer than 512 bytes, no UTF-8, or holds control characters"),
    CASE("\x80\2}" TEXT1("\xff") GOOD "s.",
         "tensor ?: its name is longer than 512 bytes, no UTF-8, or holds control characters"),
    /* structures */
    CASE(DICT(SIX), "tensor w: a storage without a tensor"),
    CASE("\x80\2}q\0" TEXT1("w") "h\0s.", "tensor w: it contains itself"),
    CASE("\x80\2]q\0(K\1h\0e.", "tensor 1: it contains itself"),
    CASE("\x80\2}}" TEXT1("w") GOOD "sb.", "data.pkl: holds a tensor that is in no dict or list"),
};

TEST(refusals_of_pickles) {
    static struct archive zip;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int status;
        make_archive(&zip, refused[i].pickle, refused[i].size, false);
        CHECK_TEXT(refusal(zip.at, zip.n, &status), refused[i].message);
        CHECK(status == INFER_EFORMAT);
        if (status != INFER_EFORMAT) printf("# case %zu\n", i);
    }
}

/* Values that are no tensors are passed over, whatever their keys. */
TEST(accepted_pickles) {
    static const char plain[] = "\x80\2}(NK\1G\0\0\0\0\0\0\0\0N" TEXT1("a") "\x88" TEXT1(
        "b") "\x8a\x9\1\1\1\1\1\1\1\1\1K\7U\2xyT\3\0\0\0abcctorch\nFloatStorage\n" TEXT1("w") GOOD
        "u.";
    static struct archive zip;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        struct weights *weights;
        size_t unused;
        float values[6];
        make_archive(&zip, plain, sizeof plain - 1, zip64);
        int status = weights_open_bytes(ctx, zip.at, zip.n, &weights, &unused);
        if (status != INFER_OK) printf("# %s\n", infer_message(ctx));
        REQUIRE(status == INFER_OK);
        CHECK(weights_count(weights) == 1 && weights_are_consistent(weights));
        const struct weights_tensor *w = weights_find(weights, "w");
        REQUIRE(w && w->ndim == 2 && w->count == 6);
        weights_copy_f32(w, values);
        CHECK(!memcmp(values, numbers, sizeof values));
        weights_close(weights);
    }
}

/* ------------------------------------------------------------------------ structures that explode
 */
struct text {
    unsigned char at[60000];
    size_t n;
};

static void write_text(struct text *text, const void *bytes, size_t size) {
    if (text->n + size > sizeof text->at) abort();
    memcpy(text->at + text->n, bytes, size);
    text->n += size;
}

TEST(deep_nesting_is_refused) {
    static struct archive zip;
    static struct text text;
    int status;
    for (int depth = 32; depth <= 33; depth++) {
        text.n = 0;
        for (int i = 0; i < depth; i++) write_text(&text, "]", 1);
        for (int i = 1; i < depth; i++) write_text(&text, "a", 1);
        write_text(&text, ".", 1);
        make_archive(&zip, text.at, text.n, false);
        const char *message = refusal(zip.at, zip.n, &status);
        CHECK(status == (depth == 32 ? INFER_OK : INFER_EFORMAT));
        if (depth == 33)
            CHECK(strstr(message, "0.0.0.0: dicts or lists are nested too deep") != NULL);
    }
    text.n = 0; /* as deep as fits: no recursion in the machine either */
    for (int i = 0; i < 29999; i++) write_text(&text, "]", 1);
    for (int i = 1; i < 29999; i++) write_text(&text, "a", 1);
    write_text(&text, ".", 1);
    make_archive(&zip, text.at, text.n, false);
    refusal(zip.at, zip.n, &status);
    CHECK(status == INFER_EFORMAT);
}

/* Each list holds the one before ten times: 10^20 places in 20 lists. */
TEST(exploding_lists_are_refused) {
    static struct archive zip;
    static struct text text;
    int status;
    text.n = 0;
    write_text(&text, "(]q\0", 4);
    for (int i = 1; i <= 20; i++) {
        const char get[] = {'h', (char)(i - 1)}, memo[] = {'q', (char)i};
        write_text(&text, "](", 2);
        for (int k = 0; k < 10; k++) write_text(&text, get, 2);
        write_text(&text, "e", 1);
        write_text(&text, memo, 2);
    }
    write_text(&text, "t.", 2);
    make_archive(&zip, text.at, text.n, false);
    CHECK_TEXT(refusal(zip.at, zip.n, &status), "data.pkl: too tangled to list");
    CHECK(status == INFER_EFORMAT);
}

TEST(long_names_are_refused) {
    static struct archive zip;
    static struct text text;
    int status;
    for (uint32_t size = 512; size <= 513; size++) {
        text.n = 0;
        write_text(&text, "}X", 2);
        write_text(&text, &size, 4);
        for (uint32_t i = 0; i < size; i++) write_text(&text, "n", 1);
        write_text(&text, GOOD, sizeof GOOD - 1);
        write_text(&text, "s.", 2);
        make_archive(&zip, text.at, text.n, false);
        const char *message = refusal(zip.at, zip.n, &status);
        CHECK(status == (size == 512 ? INFER_OK : INFER_EFORMAT));
        CHECK_TEXT(message, size == 512 ? "" : "tensor : a name in it is too long");
    }
}

/* ------------------------------------------------------------------------------ damaged archives
 */
static const char good_pickle[] = DICT(GOOD);

/* Where the n-th record of that signature begins. */
static size_t find_record(const struct archive *zip, const char *signature, int n) {
    for (size_t i = 0; i + 4 <= zip->n; i++)
        if (!memcmp(zip->at + i, signature, 4) && n-- == 0) return i;
    abort();
}

static const struct {
    bool zip64;
    const char *signature;
    int n, offset, width;
    uint64_t value;
    const char *message;
} damaged[] = {
    {false, "PK\5\6", 0, 0, 1, 'X',
     "damaged zip file: no end record; the file is probably cut short"},
    {false, "PK\5\6", 0, 20, 2, 1,
     "damaged zip file: no end record; the file is probably cut short"},
    {false, "PK\5\6", 0, 4, 2, 1, "damaged zip file: it has several parts"},
    {false, "PK\5\6", 0, 8, 2, 1, "damaged zip file: it has several parts"},
    {false, "PK\5\6", 0, 12, 4, 1 << 30, "damaged zip file: its directory is outside the file"},
    {false, "PK\5\6", 0, 16, 4, UINT32_MAX, "damaged zip file: its directory is outside the file"},
    {false, "PK\5\6", 0, 12, 4, 100,
     "damaged zip file: its directory is too small for its members"},
    {false, "PK\5\6", 0, 8, 4, 0x30003,
     "damaged zip file: its directory holds more than its members"},
    {false, "PK\1\2", 1, 0, 1, 'X', "damaged zip file: its directory does not hold what it should"},
    {false, "PK\1\2", 3, 28, 2, 100, "damaged zip file: its directory is cut short"},
    {false, "PK\1\2", 2, 8, 2, 1,
     "zip member r/data/0 is encrypted; torch.save stores members as they are, so this file was "
     "packed again: use the original"},
    {false, "PK\1\2", 2, 10, 2, 8,
     "zip member r/data/0: its local header has another method of compression"},
    {false, "PK\1\2", 2, 20, 4, 23, "zip member r/data/0: its two sizes disagree"},
    {false, "PK\1\2", 2, 42, 4, 1, "zip member r/data/0: no local header where the directory says"},
    {false, "PK\1\2", 2, 42, 4, UINT32_MAX, "zip member r/data/0: its zip64 field is damaged"},
    {false, "PK\1\2", 2, 46, 1, 'q', "zip member q/data/0: its local header has another name"},
    {false, "PK\1\2", 2, 42, 4, 0, "zip member r/data/0: its local header has another name"},
    {false, "PK\3\4", 3, 28, 2, 1000, "zip member r/version: its data is outside the file"},
    {false, "PK\1\2", 2, 20, 8, 30 * 0x100000001, "zip member r/version: overlaps another member"},
    {false, "PK\1\2", 2, 20, 8, 90 * 0x100000001,
     "zip member r/data/0: its data is outside the file"},
    {false, "PK\1\2", 0, 16, 4, 0, "zip member r/data.pkl: its CRC-32 is wrong"},
    {true, "PK\6\7", 0, 8, 8, 3,
     "damaged zip file: the zip64 end record is not where its locator says"},
    {true, "PK\6\7", 0, 8, 8, UINT64_MAX,
     "damaged zip file: the zip64 end record is not where its locator says"},
    {true, "PK\6\6", 0, 16, 4, 1, "damaged zip file: it has several parts"},
    {true, "PK\6\6", 0, 24, 8, 3, "damaged zip file: it has several parts"},
    {true, "PK\6\6", 0, 40, 8, UINT64_MAX, "damaged zip file: its directory is outside the file"},
    {true, "PK\6\6", 0, 48, 8, UINT64_MAX - 8,
     "damaged zip file: its directory is outside the file"},
    {true, "PK\5\6", 0, 16, 4, 7, "damaged zip file: its two end records disagree"},
    {true, "UT\2\0", 2, 2, 2, 100, "zip member r/data/0: its zip64 field is damaged"},
    {true, "\1\0\30\0", 2, 2, 2, 16, "zip member r/data/0: its zip64 field is damaged"},
    {true, "\1\0\30\0", 2, 20, 8, UINT64_MAX,
     "zip member r/data/0: no local header where the directory says"},
    {true, "\1\0\30\0", 2, 4, 8, UINT64_MAX, "zip member r/data/0: its two sizes disagree"},
};

TEST(refusals_of_archives) {
    static struct archive zip;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        int status;
        make_archive(&zip, good_pickle, sizeof good_pickle - 1, damaged[i].zip64);
        CHECK_TEXT(refusal(zip.at, zip.n, &status), "");
        size_t at = find_record(&zip, damaged[i].signature, damaged[i].n);
        memcpy(zip.at + at + damaged[i].offset, &damaged[i].value, (size_t)damaged[i].width);
        CHECK_TEXT(refusal(zip.at, zip.n, &status), damaged[i].message);
        CHECK(status == INFER_EFORMAT);
    }
}

static const struct {
    const char *names[4];
    const char *bytes[4];
    const char *message;
} layouts[] = {
    {{"data.pkl", "r/version"},
     {"}.", "3\n"},
     "a zip file, but not one of torch.save's: no data.pkl"},
    {{"r/x/data.pkl", "r/version"},
     {"}.", "3\n"},
     "a zip file, but not one of torch.save's: no data.pkl"},
    {{"r/data.pkl", "s/data.pkl"},
     {"}.", "}."},
     "a zip file, but not one of torch.save's: more than one data.pkl"},
    {{"r/data.pkl", "r/data.pkl"}, {"}.", "}."}, "zip member r/data.pkl: is there twice"},
    {{"r/data.pkl"}, {"}."}, "no version in the archive"},
    {{"r/data.pkl", "r/version"}, {"}.", ""}, "no version in the archive"},
    {{"r/data.pkl", "r/version"}, {"}.", "11\n"}, "the archive's version is not one of 1 to 10"},
    {{"r/data.pkl", "r/version"}, {"}.", "x"}, "the archive's version is not one of 1 to 10"},
    {{"r/data.pkl", "r/version"}, {"}.", "0\n"}, "the archive's version is not one of 1 to 10"},
    {{"r/data.pkl", "r/version", "r/byteorder"},
     {"}.", "3\n", "big"},
     "written on a big-endian machine; re-save it on a little-endian one"},
    {{"r/data.pkl", "r/version", "r/constants.pkl"},
     {"}.", "3\n", "]."},
     "a TorchScript program, not weights; save the weights alone: "
     "torch.save(torch.jit.load(IN).state_dict(), OUT)"},
    {{"r/data.pkl", "r/version"}, {"}.", "10"}, ""},
};

TEST(refusals_of_layouts) {
    static struct archive zip;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        int status;
        zip.n = zip.count = 0;
        for (int k = 0; k < 4 && layouts[i].names[k]; k++)
            add_member(&zip, layouts[i].names[k], layouts[i].bytes[k], strlen(layouts[i].bytes[k]));
        put_end(&zip, false);
        CHECK_TEXT(refusal(zip.at, zip.n, &status), layouts[i].message);
        CHECK(status == (*layouts[i].message ? INFER_EFORMAT : INFER_OK));
    }
}

TEST(every_truncation) {
    static struct archive zip;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        make_archive(&zip, good_pickle, sizeof good_pickle - 1, zip64);
        for (size_t n = 0; n < zip.n; n++) {
            int status;
            CHECK(strlen(refusal(zip.at, n, &status)) > 0);
            CHECK(status == INFER_EFORMAT);
        }
    }
}

/* data.pkl's CRC is made right again, so that the flips reach the machine. */
TEST(every_flipped_bit) {
    static struct archive zip;
    int accepted = 0, refused_count = 0;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        make_archive(&zip, good_pickle, sizeof good_pickle - 1, zip64);
        size_t pickle_at = find_record(&zip, "PK\3\4", 0) + 30 + 10 + 5;
        size_t crc_at = find_record(&zip, "PK\1\2", 0) + 16;
        for (size_t bit = 0; bit < 8 * zip.n; bit++) {
            struct archive flipped = zip;
            struct weights *weights;
            size_t unused;
            flipped.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
            uint32_t crc = crc_of(flipped.at + pickle_at, sizeof good_pickle - 1);
            if (bit / 8 - pickle_at < sizeof good_pickle - 1)
                memcpy(flipped.at + crc_at, &crc, sizeof crc);
            int status = weights_open_bytes(ctx, flipped.at, flipped.n, &weights, &unused);
            CHECK(status == INFER_OK || status == INFER_EFORMAT);
            if (status == INFER_OK) CHECK(weights_are_consistent(weights));
            *(status == INFER_OK ? &accepted : &refused_count) += 1;
            weights_close(weights);
        }
    }
    CHECK(accepted > 500 && refused_count > 3000);
}

/* -------------------------------------------------------------------- what PyTorch itself writes
 */
#define PTH FIXTURES "/pth/"

static struct weights *open_fixture(const char *name) {
    char path[128];
    struct weights *weights;
    snprintf(path, sizeof path, PTH "%s", name);
    if (weights_open(ctx, path, &weights) != INFER_OK) printf("# %s\n", infer_message(ctx));
    return weights;
}

/* The tensor's shape and all its values. */
static bool holds(const struct weights *weights, const char *name, int ndim, const uint64_t *shape,
                  const float *wanted) {
    const struct weights_tensor *tensor = weights_find(weights, name);
    float values[64];
    uint64_t count = 1;
    for (int i = 0; i < ndim; i++) count *= shape[i];
    if (!tensor || tensor->ndim != ndim || tensor->count != count || count > 64) return false;
    for (int i = 0; i < ndim; i++)
        if (tensor->shape[i] != shape[i]) return false;
    weights_copy_f32(tensor, values);
    for (uint64_t i = 0; i < count; i++)
        if (!(values[i] == wanted[i])) return false;
    return true;
}

#define SHAPED(...)                                                                   \
    (int)(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)), (const uint64_t[]) { \
        __VA_ARGS__                                                                   \
    }
#define VALUES(...)   \
    (const float[]) { \
        __VA_ARGS__   \
    }

TEST(torch_views) {
    struct weights *weights = open_fixture("views.pth");
    REQUIRE(weights != NULL);
    CHECK(weights_count(weights) == 9 && weights_are_consistent(weights));
    CHECK(holds(weights, "base", SHAPED(3, 4), VALUES(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)));
    CHECK(holds(weights, "transposed", SHAPED(4, 3), VALUES(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11)));
    CHECK(holds(weights, "column", SHAPED(3), VALUES(1, 5, 9)));
    CHECK(holds(weights, "steps", SHAPED(2, 2), VALUES(1, 3, 9, 11)));
    CHECK(holds(weights, "cube", SHAPED(4, 2, 3),
                VALUES(0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15,
                       19, 23)));
    CHECK(holds(weights, "last", 0, NULL, VALUES(11)));
    CHECK(holds(weights, "scalar", 0, NULL, VALUES(2.5f)));
    CHECK(holds(weights, "parameter", SHAPED(4), VALUES(4, 5, 6, 7)));
    const struct weights_tensor *empty = weights_find(weights, "empty");
    CHECK(empty && empty->ndim == 2 && empty->shape[1] == 3 && empty->count == 0);
    CHECK(weights_f32(weights_find(weights, "base")) != NULL);
    CHECK(weights_f32(weights_find(weights, "parameter")) != NULL);
    CHECK(weights_f32(weights_find(weights, "transposed")) == NULL);
    CHECK(weights_f32(weights_find(weights, "column")) == NULL);
    weights_close(weights);
}

TEST(torch_types) {
    static const char *const names[] = {"float32", "float16", "bfloat16", "float64",
                                        "int64",   "int32",   "int16",    "int8"};
    struct weights *weights = open_fixture("types.pth");
    REQUIRE(weights != NULL);
    CHECK(weights_count(weights) == 12 && weights_are_consistent(weights));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(holds(weights, names[i], SHAPED(4), VALUES(0, 1, -2, 100)));
    CHECK(holds(weights, "uint8", SHAPED(4), VALUES(0, 1, 254, 100)));
    CHECK(holds(weights, "bool", SHAPED(4), VALUES(0, 1, 1, 1)));
    CHECK(holds(weights, "fraction16", SHAPED(4), VALUES(0x1.998p-4f, 0x1p-24f, -65504, INFINITY)));
    /* numpy says: bfloat16 of 0.1, 1e-38, -3e38 */
    CHECK(holds(weights, "fractionb16", SHAPED(4),
                VALUES(0x1.9ap-4f, 0x1.b4p-127f, -0x1.c4p+127f, INFINITY)));
    CHECK(weights_find(weights, "float16")->dtype == WEIGHTS_F16);
    CHECK(weights_find(weights, "bfloat16")->dtype == WEIGHTS_BF16);
    CHECK(weights_find(weights, "int64")->dtype == WEIGHTS_I64);
    weights_close(weights);
}

TEST(torch_checkpoint) {
    struct weights *weights = open_fixture("checkpoint.pth");
    REQUIRE(weights != NULL);
    CHECK(weights_count(weights) == 28 && weights_are_consistent(weights));
    CHECK_TEXT(weights_at(weights, 0)->name, "model.0.weight");
    CHECK(holds(weights, "model.0.weight", SHAPED(2, 3), VALUES(0, 1, 2, 3, 4, 5)));
    CHECK(holds(weights, "ema.0.bias", SHAPED(2), VALUES(10, 11)));
    CHECK(holds(weights, "model.1.num_batches_tracked", 0, NULL, VALUES(0)));
    CHECK(holds(weights, "optimizer.state.3.step", 0, NULL, VALUES(1)));
    CHECK(holds(weights, "list.1.0", SHAPED(1), VALUES(8)));
    CHECK(weights_find(weights, "model.0.bias")->data == weights_find(weights, "ema.0.bias")->data);
    weights_close(weights);
    weights = open_fixture("shared.pth");
    REQUIRE(weights != NULL);
    CHECK(weights_count(weights) == 2 && holds(weights, "b.weight", SHAPED(2), VALUES(1, 1)));
    weights_close(weights);
    weights = open_fixture("bare.pth");
    REQUIRE(weights != NULL);
    CHECK(weights_count(weights) == 1 && holds(weights, "", SHAPED(2), VALUES(1.5f, 2.5f)));
    weights_close(weights);
}

TEST(torch_refusals) {
    static const struct {
        const char *name, *message;
    } files[] = {
        {"module.pth",
         "data.pkl, byte 2: refers to torch.nn.modules.linear.Linear, which is no part of a state "
         "dict (nothing was executed); save the weights alone: torch.save(model.state_dict(), "
         "OUT)"},
        {"system.pth", "data.pkl, byte 174: refers to posix.system, which is no part of a state "
                       "dict (nothing was "
                       "executed); save the weights alone: torch.save(model.state_dict(), OUT)"},
        {"legacy.pth",
         "written in torch.save's format from before PyTorch 1.6; re-save it with a newer one: "
         "torch.save(torch.load(IN), OUT)"},
        {"complex.pth",
         "data.pkl, byte 69: holds a tensor in a torch.ComplexFloatStorage, which is "
         "not read; convert it to float"},
        {"script.pt", "a TorchScript program, not weights; save the weights alone: "
                      "torch.save(torch.jit.load(IN).state_dict(), OUT)"},
        {"deflated.pth",
         "zip member bare/data.pkl is compressed; torch.save stores members as they "
         "are, so this file was packed again: use the original"},
        {"expanded.pth",
         "tensor mask: more elements than its storage has; save a .contiguous() one"},
        {"loop.pth", "tensor self: it contains itself"},
        {"protocol4.pth", "data.pkl, byte 0: pickle protocol 4; torch.save writes 2"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        struct weights *weights;
        snprintf(path, sizeof path, PTH "%s", files[i].name);
        CHECK(weights_open(ctx, path, &weights) == INFER_EFORMAT);
        CHECK_TEXT(infer_message(ctx) + strlen(path) + 2, files[i].message);
        weights_close(weights);
    }
    CHECK(access("executed", F_OK) != 0);
}

TEST(heads_in_both_formats) {
    struct weights *pth, *safe;
    REQUIRE(weights_open(ctx, FIXTURES "/model-tiny/heads.pth", &pth) == INFER_OK);
    REQUIRE(weights_open(ctx, FIXTURES "/model-tiny/heads.safetensors", &safe) == INFER_OK);
    CHECK(weights_count(pth) == weights_count(safe));
    for (size_t i = 0; i < weights_count(safe); i++) {
        const struct weights_tensor *a = weights_at(safe, i), *b = weights_find(pth, a->name);
        REQUIRE(b && a->count == b->count && weights_f32(a) && weights_f32(b));
        CHECK(!memcmp(a->shape, b->shape, sizeof a->shape));
        CHECK(!memcmp(a->data, b->data, a->count * sizeof(float)));
    }
    weights_close(pth);
    weights_close(safe);
}

TEST(geoclip_as_released) {
    static const char folder[] = "../shared/data/geoclip/";
    char path[128];
    struct weights *weights;
    snprintf(path, sizeof path, "%slogit_scale_weights.pth", folder);
    if (!test_have(path)) SKIP("../shared/data is not here");
    REQUIRE(weights_open(ctx, path, &weights) == INFER_OK);
    CHECK(holds(weights, "", 0, NULL, VALUES(0x1.d72c26p+1f)));
    weights_close(weights);
    snprintf(path, sizeof path, "%simage_encoder_mlp_weights.pth", folder);
    REQUIRE(weights_open(ctx, path, &weights) == INFER_OK);
    CHECK(weights_count(weights) == 4 && weights_are_consistent(weights));
    const struct weights_tensor *w = weights_find(weights, "2.weight");
    CHECK(w && w->shape[0] == 512 && w->shape[1] == 768 && weights_f32(w));
    weights_close(weights);
}

int main(void) {
    if (infer_open(NULL, &ctx)) return 1;
    RUN(refusals_of_pickles);
    RUN(accepted_pickles);
    RUN(deep_nesting_is_refused);
    RUN(exploding_lists_are_refused);
    RUN(long_names_are_refused);
    RUN(refusals_of_archives);
    RUN(refusals_of_layouts);
    RUN(every_truncation);
    RUN(every_flipped_bit);
    RUN(torch_views);
    RUN(torch_types);
    RUN(torch_checkpoint);
    RUN(torch_refusals);
    RUN(heads_in_both_formats);
    RUN(geoclip_as_released);
    infer_close(ctx);
    return test_finish();
}
