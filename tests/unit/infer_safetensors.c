#include "test.h"
#include "tests/weights_bytes.h"

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

static infer *ctx;

/* A file of this header and so many bytes of data. */
struct bytes {
    unsigned char at[8192];
    size_t n;
};

static struct bytes make_file(const char *header, size_t header_size, size_t data_size) {
    struct bytes file = {.n = 8 + header_size + data_size};
    uint64_t length = header_size;
    if (file.n > sizeof file.at) abort();
    memcpy(file.at, &length, 8);
    memcpy(file.at + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++) file.at[8 + header_size + i] = (unsigned char)(i + 1);
    return file;
}

/* The message without the path; "" if the bytes were accepted. */
static const char *refusal(const void *bytes, size_t size, int *status) {
    struct weights *weights;
    size_t path_length;
    *status = weights_open_bytes(ctx, bytes, size, &weights, &path_length);
    weights_close(weights);
    return *status == INFER_OK ? "" : infer_message(ctx) + path_length + 2;
}

static const struct {
    const char *header;
    size_t data_size;
    int status;
    const char *message;
} refused[] = {
    {"[]", 0, INFER_EFORMAT,
     "safetensors header, byte 0: does not begin with '{'; neither a safetensors nor a .pth file"},
    {" {}", 0, INFER_EFORMAT,
     "safetensors header, byte 0: does not begin with '{'; neither a safetensors nor a .pth file"},
    {"{}{}", 0, INFER_EFORMAT, "safetensors header, byte 2: more than one JSON object"},
    {"{,}", 0, INFER_EFORMAT, "safetensors header, byte 1: a string is missing"},
    {"{\"a\"}", 0, INFER_EFORMAT, "safetensors header, byte 4: ':' is missing"},
    {"{\"a\":1}", 0, INFER_EFORMAT, "tensor a: is not described by an object"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", 4, INFER_EFORMAT,
     "safetensors header, byte 53: ',' or '}' is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},}", 4, INFER_EFORMAT,
     "safetensors header, byte 54: a string is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, INFER_EFORMAT,
     "tensor a: needs dtype, shape and data_offsets, and nothing else"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":0}}", 4, INFER_EFORMAT,
     "tensor a: needs dtype, shape and data_offsets, and nothing else"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1]}}", 4, INFER_EFORMAT,
     "safetensors header, byte 5: duplicate object key near '\"shape\"'"},
    {"{\"a\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a: dtype is missing or no string"},
    {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, INFER_ETENSOR,
     "tensor a: dtype F8_E4M3 cannot be read; store it as F32, F16 or BF16"},
    {"{\"a\":{\"dtype\":\"U16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, INFER_ETENSOR,
     "tensor a: dtype U16 cannot be read; store it as F32, F16 or BF16"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a: shape is missing or not an array of at most 8 sizes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a: shape is missing or not an array of at most 8 sizes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a: shape is missing or not an array of at most 8 sizes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     INFER_EFORMAT, "tensor a: shape is missing or not an array of at most 8 sizes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", 4, INFER_EFORMAT,
     "tensor a: data_offsets is missing or no pair of offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, INFER_EFORMAT,
     "tensor a: data_offsets are outside the file"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, INFER_EFORMAT,
     "tensor a: data_offsets are outside the file"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a: the length of its data does not match dtype and shape"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a: the length of its data does not match dtype and shape"},
    /* 2^62 * 4 and 2^32 * 2^32 are 0 in 64 bits */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
     INFER_EFORMAT, "tensor a: the length of its data does not match dtype and shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     INFER_EFORMAT, "tensor a: the length of its data does not match dtype and shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,0]}}", 0,
     INFER_EFORMAT, "safetensors header, byte 5: too big integer near '9223372036854775808'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
     6, INFER_EFORMAT, "tensor b: its data overlaps another tensor's"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, INFER_EFORMAT, "tensor b: its data overlaps another tensor's"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}",
     9, INFER_EFORMAT, "tensor b: a hole lies before its data"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, INFER_EFORMAT,
     "tensor a: a hole lies before its data"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, INFER_EFORMAT,
     "5 bytes of data, but the tensors have 4"},
    {"{}", 1, INFER_EFORMAT, "1 bytes of data, but the tensors have 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, INFER_EFORMAT, "tensor a is there twice"},
    {"{\"__metadata__\":3}", 0, INFER_EFORMAT, "safetensors header, byte 16: '{' is missing"},
    {"{\"__metadata__\":{\"a\":3}}", 0, INFER_EFORMAT,
     "safetensors header, byte 21: __metadata__ holds more than strings"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, INFER_EFORMAT,
     "safetensors header, byte 34: __metadata__ is there twice"},
    {"{\"a\\n\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a?: its name is longer than 512 bytes, no UTF-8, or holds control characters"},
    {"{\"a\\u009b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a??: its name is longer than 512 bytes, no UTF-8, or holds control characters"},
    {"{\"\xff\":0}", 0, INFER_EFORMAT,
     "safetensors header, byte 1: unable to decode byte 0xff near '\"'"},
    {"{\"a\\u0000\":0}", 0, INFER_EFORMAT,
     "safetensors header, byte 1: \\u0000 is not allowed without JSON_ALLOW_NUL near "
     "'\"a\\u0000\"'"},
    {"{\"a\":{\"dtype\":{\"x\":[[[]]]},\"shape\":[1],\"data_offsets\":[0,4]}}", 4, INFER_EFORMAT,
     "tensor a: dtype is missing or no string"},
};

TEST(refusals) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int status;
        struct bytes file =
            make_file(refused[i].header, strlen(refused[i].header), refused[i].data_size);
        CHECK_TEXT(refusal(file.at, file.n, &status), refused[i].message);
        if (status != refused[i].status) printf("# %s\n", refused[i].header);
        CHECK(status == refused[i].status);
    }
}

TEST(refusals_of_lengths) {
    static const char neither[] =
        "neither a safetensors nor a .pth file: no header of 2 to 100000000 bytes";
    int status;
    struct bytes file = make_file("{}", 2, 0);
    CHECK_TEXT(refusal(file.at, 0, &status), "the file is empty");
    CHECK_TEXT(refusal(file.at, 9, &status), neither);
    file.at[0] = 3;
    CHECK_TEXT(refusal(file.at, file.n, &status), "ends within its safetensors header of 3 bytes");
    uint64_t lengths[] = {0, 1, 100000001, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(file.at, &lengths[i], 8);
        CHECK_TEXT(refusal(file.at, file.n, &status), neither);
        CHECK(status == INFER_EFORMAT);
    }
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    CHECK_TEXT(refusal(pointer, sizeof pointer - 1, &status),
               "a Git LFS pointer, not the weights; fetch them: git lfs pull");
}

/* What a message quotes is cut to fit its buffer, whatever the length. */
TEST(quotes_fit) {
    char text[2 * WEIGHTS_QUOTE], quoted[WEIGHTS_QUOTE];
    memset(text, 'x', sizeof text);
    text[3] = '\x1b';
    for (size_t n = 0; n < sizeof text; n++) {
        bool whole = n < WEIGHTS_QUOTE;
        CHECK(weights_quote(quoted, text, n) == quoted);
        CHECK(strlen(quoted) == (whole ? n : WEIGHTS_QUOTE - 1));
        CHECK(n <= 3 || quoted[3] == '?');
        CHECK(whole || !strcmp(quoted + WEIGHTS_QUOTE - 4, "..."));
    }
}

TEST(refusals_of_files) {
    struct weights *weights;
    CHECK(weights_open(ctx, "tests/reference/none", &weights) == INFER_EIO);
    CHECK_TEXT(infer_message(ctx), "tests/reference/none: No such file or directory");
    CHECK(weights == NULL);
    CHECK(weights_open(ctx, "tests/reference", &weights) == INFER_EIO);
    CHECK_TEXT(infer_message(ctx), "tests/reference: not a regular file; weights are mapped");
    weights_close(NULL);
}

/* A header of 40 MB in one value: jansson alone would make gigabytes of it. */
TEST(hostile_json_is_bounded) {
    size_t size = 40000000;
    char *bytes = malloc(size);
    REQUIRE(bytes);
    uint64_t length = size - 8;
    memcpy(bytes, &length, 8);
    for (size_t i = 8; i + 3 <= size; i += 3) memcpy(bytes + i, "[],", 3);
    memcpy(bytes + 8, "{\"a\":{\"dtype\":[", 15);
    int status;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    CHECK_TEXT(refusal(bytes, size, &status),
               "safetensors header, byte 5: ']' expected near end of file");
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 200 * 1024);
    free(bytes);
}

static const char small[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                            "\"w.x\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                            "\"h\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[24,30]},"
                            "\"z\":{\"dtype\":\"I64\",\"shape\":[0,5],\"data_offsets\":[30,30]},"
                            "\"s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[30,31]}}  \n";

TEST(small_file) {
    struct bytes file = make_file(small, sizeof small - 1, 31);
    struct weights *weights;
    size_t unused;
    float values[6];
    REQUIRE(weights_open_bytes(ctx, file.at, file.n, &weights, &unused) == INFER_OK);
    CHECK(weights_count(weights) == 4);
    const struct weights_tensor *x = weights_find(weights, "w.x");
    REQUIRE(x != NULL);
    CHECK(x == weights_at(weights, 0) && x->ndim == 2 && x->shape[0] == 2 && x->shape[1] == 3);
    CHECK(x->count == 6 && x->strides[0] == 3 && x->strides[1] == 1);
    weights_copy_f32(x, values);
    CHECK(!memcmp(values, file.at + 8 + sizeof small - 1, 24));
    CHECK(weights_find(weights, "z")->count == 0 && !weights_find(weights, "z")->data);
    CHECK(weights_f32(weights_find(weights, "z")) == NULL);
    CHECK(weights_find(weights, "s")->count == 1 && weights_find(weights, "s")->ndim == 0);
    weights_copy_f32(weights_find(weights, "s"), values);
    CHECK(values[0] == 31);
    CHECK(weights_find(weights, "w") == NULL && weights_find(weights, "") == NULL);
    CHECK(weights_are_consistent(weights));
    weights_close(weights);
}

/* All but the whole file is refused: data ends where the file does. */
TEST(every_truncation) {
    struct bytes file = make_file(small, sizeof small - 1, 31);
    for (size_t n = 0; n < file.n; n++) {
        int status;
        CHECK(strlen(refusal(file.at, n, &status)) > 0);
        CHECK(status == INFER_EFORMAT || status == INFER_ETENSOR);
    }
}

TEST(every_flipped_bit) {
    struct bytes file = make_file(small, sizeof small - 1, 31);
    int accepted = 0, refused_count = 0;
    for (size_t bit = 0; bit < 8 * (8 + sizeof small - 1); bit++) {
        struct weights *weights;
        size_t unused;
        file.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int status = weights_open_bytes(ctx, file.at, file.n, &weights, &unused);
        if (status == INFER_OK) {
            CHECK(weights_count(weights) == 4 || weights_count(weights) == 5);
            CHECK(weights_are_consistent(weights));
            accepted++;
        } else {
            CHECK(status == INFER_EFORMAT || status == INFER_ETENSOR);
            refused_count++;
        }
        weights_close(weights);
        file.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    CHECK(accepted > 50); /* other names, other metadata */
    CHECK(refused_count > 1000);
}

TEST(golden_fixture) {
    struct weights *weights;
    REQUIRE(weights_open(ctx, FIXTURES "/golden.safetensors", &weights) == INFER_OK);
    CHECK_TEXT(weights_path(weights), FIXTURES "/golden.safetensors");
    CHECK(weights_are_consistent(weights));
    const struct weights_tensor *clip = weights_find(weights, "clip");
    REQUIRE(clip && clip->count == 8 * 48);
    CHECK(weights_f32(clip) == clip->data);
    weights_close(weights);
}

/* --------------------------------------------------------------------------------- half precision
 */
/* By the definition, in double. */
static double half_value(unsigned half) {
    int exponent = (int)(half >> 10 & 31);
    double fraction = half & 0x3ff;
    double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    if (exponent == 31) value = fraction > 0 ? NAN : INFINITY;
    return half & 0x8000 ? -value : value;
}

TEST(half_to_float_of_all) {
    for (unsigned half = 0; half < 65536; half++) {
        float value = weights_from_f16((uint16_t)half);
        double wanted = half_value(half);
        if (isnan(wanted))
            CHECK(isnan(value));
        else
            CHECK((double)value == wanted && !signbit(value) == !signbit(wanted));
        if (!isnan(wanted)) CHECK(weights_to_f16(value) == half);
    }
    CHECK((weights_to_f16(NAN) & 0x7fff) > 0x7c00);
}

/* Between each two neighbours: the middle goes to the even one, its neighbours to the nearer. */
TEST(float_to_half_rounds) {
    for (uint16_t half = 0; half < 0x7c00; half++) {
        double below = half_value(half), above = half == 0x7bff ? 65536 : half_value(half + 1u);
        float middle = (float)((below + above) / 2);
        uint16_t next = (uint16_t)(half + 1), even = half & 1 ? next : half;
        CHECK((double)middle == (below + above) / 2);
        CHECK(weights_to_f16(middle) == even);
        CHECK(weights_to_f16(nextafterf(middle, 0)) == half);
        CHECK(weights_to_f16(nextafterf(middle, INFINITY)) == next);
        CHECK(weights_to_f16(-middle) == (even | 0x8000));
    }
    CHECK(weights_to_f16(1e30f) == 0x7c00 && weights_to_f16(1e-30f) == 0);
}

/* ---------------------------------------------------------------------------------------- writing
 */
static char folder[] = "/tmp/vt-safetensors-XXXXXX", target[64];

static size_t read_target(unsigned char *bytes, size_t size) {
    FILE *file = fopen(target, "rb");
    if (!file) return 0;
    size_t n = fread(bytes, 1, size, file);
    fclose(file);
    return n;
}

TEST(write_exact_bytes) {
    static const char header[] =
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[8,8]},"
        "\"a\\\"\":{\"dtype\":\"F16\",\"shape\":[1,3],\"data_offsets\":[8,14]}}";
    struct safetensors_entry entries[] = {{"b", WEIGHTS_F32, 1, {2}},
                                          {"none", WEIGHTS_F32, 2, {0, 7}},
                                          {"a\"", WEIGHTS_F16, 2, {1, 3}}};
    const float b[] = {1.5f, -2}, a[] = {1, 0.1f, 65504};
    static const unsigned char halves[] = {0x00, 0x3c, 0x66, 0x2e, 0xff, 0x7b};
    unsigned char bytes[1024];
    struct safetensors_writer *writer;
    REQUIRE(safetensors_create(ctx, target, entries, 3, &writer) == INFER_OK);
    CHECK(safetensors_append(writer, b, 1) == INFER_OK); /* in pieces */
    CHECK(safetensors_append(writer, b + 1, 1) == INFER_OK);
    CHECK(safetensors_append(writer, a, 3) == INFER_OK);
    REQUIRE(safetensors_finish(writer) == INFER_OK);
    size_t n = read_target(bytes, sizeof bytes), size = sizeof header - 1;
    uint64_t length;
    memcpy(&length, bytes, 8);
    CHECK((8 + length) % 64 == 0 && length >= size && length < size + 64);
    REQUIRE(n == 8 + length + 14);
    CHECK(!memcmp(bytes + 8, header, size));
    for (size_t i = size; i < length; i++) CHECK(bytes[8 + i] == ' ');
    CHECK(!memcmp(bytes + 8 + length, b, 8));
    CHECK(!memcmp(bytes + 8 + length + 8, halves, 6));
    struct weights *weights;
    REQUIRE(weights_open(ctx, target, &weights) == INFER_OK);
    CHECK(weights_are_consistent(weights) && weights_count(weights) == 3);
    weights_close(weights);
    CHECK(safetensors_create(ctx, target, entries, 3, &writer) == INFER_EEXIST);
    CHECK(writer == NULL && access(target, F_OK) == 0);
    unlink(target);
}

TEST(write_nothing) {
    struct safetensors_writer *writer;
    struct weights *weights;
    REQUIRE(safetensors_create(ctx, target, NULL, 0, &writer) == INFER_OK);
    REQUIRE(safetensors_finish(writer) == INFER_OK);
    REQUIRE(weights_open(ctx, target, &weights) == INFER_OK);
    CHECK(weights_count(weights) == 0);
    weights_close(weights);
    unlink(target);
}

static const char *message_tail(void) {
    return infer_message(ctx) + strlen(target) + 2;
}

TEST(write_counts_are_checked) {
    struct safetensors_entry entry = {"w", WEIGHTS_F32, 1, {3}};
    const float data[4] = {0};
    struct safetensors_writer *writer;
    REQUIRE(safetensors_create(ctx, target, &entry, 1, &writer) == INFER_OK);
    CHECK(safetensors_append(writer, data, 4) == INFER_EUSAGE);
    CHECK_TEXT(message_tail(), "tensor w: more data than its shape holds");
    CHECK(safetensors_append(writer, data, 2) == INFER_OK);
    CHECK(safetensors_finish(writer) == INFER_EUSAGE);
    CHECK_TEXT(message_tail(), "tensor w: 1 elements are missing");
    CHECK(access(target, F_OK) != 0);
    REQUIRE(safetensors_create(ctx, target, &entry, 1, &writer) == INFER_OK);
    CHECK(safetensors_append(writer, data, 3) == INFER_OK);
    CHECK(safetensors_append(writer, data, 1) == INFER_EUSAGE);
    safetensors_abandon(writer);
    CHECK(access(target, F_OK) != 0);
    safetensors_abandon(NULL);
}

TEST(write_refuses_entries) {
    static const struct safetensors_entry bad[][2] = {
        {{"x", WEIGHTS_F32, 1, {1}}, {"x", WEIGHTS_F32, 1, {1}}},
        {{"x", WEIGHTS_BF16, 1, {1}}, {"y", WEIGHTS_F32, 1, {1}}},
        {{"x", WEIGHTS_F32, 9, {1}}, {"y", WEIGHTS_F32, 1, {1}}},
        {{"x", WEIGHTS_F32, 2, {UINT64_MAX, 2}}, {"y", WEIGHTS_F32, 1, {1}}},
        {{"x", WEIGHTS_F32, 1, {INT64_MAX / 4}}, {"y", WEIGHTS_F32, 1, {INT64_MAX / 4}}},
        {{"__metadata__", WEIGHTS_F32, 1, {1}}, {"y", WEIGHTS_F32, 1, {1}}},
        {{"\xff", WEIGHTS_F32, 1, {1}}, {"y", WEIGHTS_F32, 1, {1}}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct safetensors_writer *writer;
        CHECK(safetensors_create(ctx, target, bad[i], 2, &writer) == INFER_EUSAGE);
        CHECK(writer == NULL && access(target, F_OK) != 0);
    }
    CHECK_TEXT(message_tail(), "the name of tensor 0 is no UTF-8");
}

TEST(write_half_range) {
    struct safetensors_entry entry = {"w", WEIGHTS_F16, 1, {3}};
    const float data[] = {INFINITY, 65519.996f, 65520};
    struct safetensors_writer *writer;
    REQUIRE(safetensors_create(ctx, target, &entry, 1, &writer) == INFER_OK);
    CHECK(safetensors_append(writer, data, 2) == INFER_OK);
    CHECK(safetensors_append(writer, data + 2, 1) == INFER_EVALUE);
    CHECK_TEXT(message_tail(), "tensor w: 65520 is too large for float16");
    safetensors_abandon(writer);
}

/* A limit on the file's size fails a write as a full disk does. */
TEST(write_fails_when_full) {
    struct safetensors_entry entry = {"w", WEIGHTS_F32, 1, {100000}};
    float *data = calloc(100000, sizeof *data);
    struct safetensors_writer *writer;
    struct rlimit old, tight;
    REQUIRE(data && getrlimit(RLIMIT_FSIZE, &old) == 0);
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(safetensors_create(ctx, target, &entry, 1, &writer) == INFER_OK);
    tight = old;
    tight.rlim_cur = 65536;
    setrlimit(RLIMIT_FSIZE, &tight);
    int status = safetensors_append(writer, data, 100000);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(status == INFER_EIO);
    CHECK_TEXT(message_tail(), "File too large");
    safetensors_abandon(writer);
    CHECK(access(target, F_OK) != 0);
    free(data);
}

TEST(write_to_nowhere) {
    struct safetensors_entry entry = {"w", WEIGHTS_F32, 1, {1}};
    struct safetensors_writer *writer;
    CHECK(safetensors_create(ctx, "/nowhere/x", &entry, 1, &writer) == INFER_EIO);
    CHECK_TEXT(infer_message(ctx), "/nowhere/x: No such file or directory");
}

int main(void) {
    if (infer_open(NULL, &ctx) || !mkdtemp(folder)) return 1;
    snprintf(target, sizeof target, "%s/model.safetensors", folder);
    RUN(refusals);
    RUN(refusals_of_lengths);
    RUN(quotes_fit);
    RUN(refusals_of_files);
    RUN(hostile_json_is_bounded);
    RUN(small_file);
    RUN(every_truncation);
    RUN(every_flipped_bit);
    RUN(golden_fixture);
    RUN(half_to_float_of_all);
    RUN(float_to_half_rounds);
    RUN(write_exact_bytes);
    RUN(write_nothing);
    RUN(write_counts_are_checked);
    RUN(write_refuses_entries);
    RUN(write_half_range);
    RUN(write_fails_when_full);
    RUN(write_to_nowhere);
    rmdir(folder);
    infer_close(ctx);
    return test_finish();
}
