/* test.h - a unit test is a program: TEST(name) { ... CHECK(...) ... } and one RUN line each in
 * main.
 *
 * Prints "ok NAME", "not ok NAME" or "skip NAME: reason", and last "N passed, N failed, N skipped".
 */
#ifndef VT_TEST_H
#define VT_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int test_passed, test_failed, test_skipped;
static bool test_bad;
static const char *test_skip_reason;

#define TEST(name) static void name(void)

#define CHECK(condition)                                             \
    do {                                                             \
        if (!(condition)) {                                          \
            printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            test_bad = true;                                         \
        }                                                            \
    } while (0)

/* As CHECK, and leaves the test. */
#define REQUIRE(condition)                                           \
    do {                                                             \
        if (!(condition)) {                                          \
            printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            test_bad = true;                                         \
            return;                                                  \
        }                                                            \
    } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                          \
    do {                                                                                     \
        double test_a_ = (a), test_b_ = (b);                                                 \
        if (!(fabs(test_a_ - test_b_) <= (tolerance))) {                                     \
            printf("# %s:%d: %s = %.17g, %s = %.17g\n", __FILE__, __LINE__, #a, test_a_, #b, \
                   test_b_);                                                                 \
            test_bad = true;                                                                 \
        }                                                                                    \
    } while (0)

#define CHECK_TEXT(a, b)                                                          \
    do {                                                                          \
        const char *test_a_ = (a), *test_b_ = (b);                                \
        if (!test_a_ || !test_b_ || strcmp(test_a_, test_b_)) {                   \
            printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #a, \
                   test_a_ ? test_a_ : "(null)", test_b_ ? test_b_ : "(null)");   \
            test_bad = true;                                                      \
        }                                                                         \
    } while (0)

#define SKIP(reason)                 \
    do {                             \
        test_skip_reason = (reason); \
        return;                      \
    } while (0)

#define RUN(name)                                             \
    do {                                                      \
        test_bad = false;                                     \
        test_skip_reason = NULL;                              \
        name();                                               \
        if (test_bad) {                                       \
            printf("not ok %s\n", #name);                     \
            test_failed++;                                    \
        } else if (test_skip_reason) {                        \
            printf("skip %s: %s\n", #name, test_skip_reason); \
            test_skipped++;                                   \
        } else {                                              \
            printf("ok %s\n", #name);                         \
            test_passed++;                                    \
        }                                                     \
        fflush(stdout);                                       \
    } while (0)

static inline int test_finish(void) {
    printf("%d passed, %d failed, %d skipped\n", test_passed, test_failed, test_skipped);
    return test_failed ? 1 : 0;
}

/* Tests run in the project's root: tests/reference holds the fixtures, ../shared the real data. */
#define FIXTURES "tests/reference"
static inline bool test_have(const char *path) {
    return access(path, R_OK) == 0;
}

#endif
