/* Sorting in bounded memory, against qsort of everything at once. */
#include "test.h"
#include "libgallery/order.h"

#include <errno.h>

#define MOST 60000

struct item {
    uint64_t id;
    uint32_t value;
    char text[40];
};

static struct item *items;
static gallery_context *ctx;
static uint64_t state = 1;

static uint64_t random_bits(void) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 20;
}

static int by_all(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return strcmp(x->text, y->text);
}

/* Ids over all 64 bits, with repetitions, and texts of which neighbours share some. */
static void make_items(size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t kind = random_bits() % 4;
        items[i].id = kind == 0   ? random_bits() % 1000
                      : kind == 1 ? random_bits() << 20 | random_bits() % 1000
                      : kind == 2 ? UINT64_MAX - random_bits() % 100
                                  : UINT64_C(0x2601afdd00000000) + random_bits() % 100000;
        items[i].value = (uint32_t)(random_bits() % 3);
        if (i && random_bits() % 8)
            memcpy(items[i].text, items[i - 1].text, sizeof items[i].text);
        else
            snprintf(items[i].text, sizeof items[i].text, "%.*s%llu", (int)(random_bits() % 20),
                     "abcdefghijklmnopqrst", (unsigned long long)(random_bits() % 7));
    }
}

static gallery_order *order_of(size_t n, size_t memory) {
    gallery_order *order;
    if (gallery_order_open(ctx, memory, &order)) return NULL;
    for (size_t i = 0; i < n; i++) {
        CHECK(gallery_order_text(order, items[i].text, strlen(items[i].text)) == GALLERY_OK);
        CHECK(gallery_order_add(order, items[i].id, items[i].value) == GALLERY_OK);
    }
    return order;
}

/* The order's entries are those of items, which are sorted. */
static void compare(gallery_order *order, size_t n, bool unique) {
    gallery_order_entry entry;
    size_t wrong = 0;
    REQUIRE(gallery_order_begin(order, unique) == GALLERY_OK);
    for (size_t i = 0; i < n; i++) {
        if (unique && i && items[i].id == items[i - 1].id) continue;
        REQUIRE(gallery_order_next(order, &entry) == GALLERY_OK);
        wrong += entry.id != items[i].id || entry.value != items[i].value ||
                 entry.length != strlen(items[i].text) ||
                 memcmp(entry.text, items[i].text, entry.length) != 0;
    }
    CHECK(wrong == 0);
    CHECK(gallery_order_next(order, &entry) == GALLERY_END);
    CHECK(gallery_order_next(order, &entry) == GALLERY_END);
}

/* In memory, in a few runs, in hundreds of runs; twice from the same order. */
TEST(sorts_as_qsort_does) {
    static const size_t memories[] = {0, 1 << 20, 20000, 1000};
    for (size_t k = 0; k < sizeof memories / sizeof *memories; k++)
        for (size_t n = 0; n <= MOST; n = n * 13 + 1) {
            make_items(n);
            gallery_order *order = order_of(n, memories[k]);
            REQUIRE(order);
            CHECK(gallery_order_count(order) == n);
            qsort(items, n, sizeof *items, by_all);
            compare(order, n, true);
            compare(order, n, false);
            compare(order, n, true);
            gallery_order_close(order);
        }
}

TEST(texts_may_be_long) {
    enum { LENGTH = 200000 };
    char *text = malloc(LENGTH + 1);
    gallery_order *order;
    gallery_order_entry entry;
    REQUIRE(text && gallery_order_open(ctx, 5000, &order) == GALLERY_OK);
    for (int i = 0; i < 6; i++) {
        memset(text, 'f' - i, LENGTH);
        CHECK(gallery_order_text(order, text, (size_t)(LENGTH - i)) == GALLERY_OK);
        CHECK(gallery_order_add(order, (uint64_t)(100 - i), 0) == GALLERY_OK);
        CHECK(gallery_order_add(order, (uint64_t)(50 - i), 0) == GALLERY_OK);
    }
    CHECK(gallery_order_begin(order, true) == GALLERY_OK);
    for (int i = 0; i < 12; i++) {
        REQUIRE(gallery_order_next(order, &entry) == GALLERY_OK);
        int k = 5 - i % 6;
        CHECK(entry.id == (uint64_t)((i < 6 ? 50 : 100) - k));
        CHECK(entry.length == (size_t)(LENGTH - k) && entry.text[0] == 'f' - k &&
              entry.text[entry.length - 1] == 'f' - k);
    }
    CHECK(gallery_order_next(order, &entry) == GALLERY_END);
    gallery_order_close(order);
    free(text);
}

TEST(a_missing_folder_is_an_error) {
    const char *before = getenv("TMPDIR");
    char *kept = before ? strdup(before) : NULL;
    setenv("TMPDIR", "/nowhere/at/all", 1);
    gallery_order *order;
    int status = GALLERY_OK;
    REQUIRE(gallery_order_open(ctx, 1000, &order) == GALLERY_OK);
    for (uint64_t i = 0; i < 100 && status == GALLERY_OK; i++)
        status = gallery_order_add(order, i, 0);
    CHECK(status == GALLERY_EIO);
    CHECK(!strcmp(gallery_message(ctx), "/nowhere/at/all: a temporary file (TMPDIR may name "
                                        "another folder): No such file or directory"));
    gallery_order_close(order);
    if (kept)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
}

int main(void) {
    items = calloc(MOST, sizeof *items);
    if (!items || gallery_context_open(1, &ctx)) return 1;
    RUN(sorts_as_qsort_does);
    RUN(texts_may_be_long);
    RUN(a_missing_folder_is_an_error);
    gallery_context_close(ctx);
    free(items);
    return test_finish();
}
