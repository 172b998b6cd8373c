/* Windows over long sources, against an oracle that holds everything in memory. */
#include "libinfer/window.h"
#include "tests/unit/test.h"

#define IN 3
#define OUT 2
#define MAX_ROWS 64

static infer *ctx;

struct counter {
    size_t calls, longest, fail_at;
};

/* Depends on the row, its position, and the whole window. */
static int mix(void *user, const float *in, size_t n, float *out) {
    struct counter *counter = user;
    double sum = 0;
    for (size_t i = 0; i < n * IN; i++) sum += (double)in[i] * (double)(i % 5 + 1);
    for (size_t i = 0; i < n; i++) {
        double angle = sum + 0.7 * (double)in[i * IN] + 0.3 * (double)i + 0.1 * (double)n;
        out[i * OUT] = (float)cos(angle);
        out[i * OUT + 1] = (float)sin(angle);
    }
    if (counter) {
        counter->calls++;
        if (n > counter->longest) counter->longest = n;
        if (counter->calls == counter->fail_at) return INFER_EVALUE;
    }
    return INFER_OK;
}

static void fill(float *rows, size_t n, size_t seed) {
    for (size_t i = 0; i < n * IN; i++) rows[i] = (float)sin((double)(i * 7 + seed * 13 + 1));
}

/* All windows' starts. Returns how many. */
static size_t plan(size_t n, size_t length, size_t *starts) {
    size_t count = 0, stride = length - length / 4;
    if (n <= length) {
        starts[0] = 0;
        return n ? 1 : 0;
    }
    for (size_t start = 0; start + length <= n; start += stride) starts[count++] = start;
    if (starts[count - 1] + length < n) starts[count++] = n - length;
    return count;
}

/* A row's weight in each window, from the last window back: each takes its ramp's share of what
 * the later ones left. */
static void oracle(const float *rows, size_t n, size_t length, double *out) {
    size_t starts[MAX_ROWS], count = plan(n, length, starts);
    for (size_t r = 0; r < n; r++) {
        double left = 1, sum[OUT] = {0}, weights = 0;
        size_t touching = 0;
        for (size_t w = count; w-- > 0;) {
            size_t end = n < length ? n : starts[w] + length;
            if (r < starts[w] || r >= end) continue;
            size_t before = w > 0 ? starts[w - 1] + length : 0; /* where earlier windows end */
            double share = 1;
            if (r < before) share = (double)(r - starts[w] + 1) / (double)(before - starts[w] + 1);
            float made[MAX_ROWS * OUT];
            mix(NULL, rows + starts[w] * IN, end - starts[w], made);
            for (size_t d = 0; d < OUT; d++)
                sum[d] += left * share * (double)made[(r - starts[w]) * OUT + d];
            weights += left * share;
            left *= 1 - share;
            touching++;
        }
        CHECK_NEAR(weights, 1, 1e-12);
        double norm = touching > 1 ? hypot(sum[0], sum[1]) : 1;
        for (size_t d = 0; d < OUT; d++) out[r * OUT + d] = sum[d] / norm;
    }
}

/* Pushes n rows, taking at most `grab` after each; grab 0: only at the end. */
static size_t run(infer_window *window, const float *rows, size_t n, size_t grab, float *out) {
    size_t got = 0;
    for (size_t i = 0; i < n; i++) {
        CHECK(infer_window_push(window, rows + i * IN) == INFER_OK);
        if (grab) got += infer_window_take(window, out + got * OUT, grab);
    }
    CHECK(infer_window_finish(window) == INFER_OK);
    for (size_t some = 1; some;) {
        some = infer_window_take(window, out + got * OUT, 3);
        got += some;
    }
    return got;
}

static void compare(size_t n, size_t length, size_t grab, infer_window *window) {
    float rows[MAX_ROWS * IN] = {0}, out[(MAX_ROWS + 3) * OUT];
    double expected[MAX_ROWS * OUT];
    fill(rows, n, length + grab);
    oracle(rows, n, length, expected);
    size_t got = run(window, rows, n, grab, out);
    REQUIRE(got == n);
    for (size_t i = 0; i < n * OUT; i++) CHECK_NEAR((double)out[i], expected[i], 2e-6);
    if (test_bad) printf("# with %zu rows, length %zu, taking %zu\n", n, length, grab);
}

TEST(agrees_with_everything_in_memory) {
    static const size_t lengths[] = {1, 2, 3, 4, 5, 8, 12};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        infer_window *window;
        size_t length = lengths[l];
        REQUIRE(infer_window_open(ctx, length, IN, OUT, mix, NULL, &window) == INFER_OK);
        /* One window for all: it starts afresh after each source. */
        for (size_t grab = 0; grab <= 5; grab += grab ? 4 : 1)
            for (size_t n = 0; n <= 5 * length + 3; n++) compare(n, length, grab, window);
        infer_window_close(window);
    }
}

TEST(one_window_is_the_function_itself) {
    for (size_t n = 1; n <= 8; n++) {
        struct counter counter = {0};
        infer_window *window;
        float rows[8 * IN], out[11 * OUT], expected[8 * OUT];
        fill(rows, n, n);
        REQUIRE(infer_window_open(ctx, 8, IN, OUT, mix, &counter, &window) == INFER_OK);
        CHECK(run(window, rows, n, 1, out) == n);
        CHECK(counter.calls == 1 && counter.longest == n);
        mix(NULL, rows, n, expected);
        CHECK(memcmp(out, expected, n * OUT * sizeof *out) == 0);
        infer_window_close(window);
    }
}

/* Rows come out no later than a window after they went in. */
TEST(rows_are_final_as_soon_as_no_window_can_touch_them) {
    infer_window *window;
    float rows[MAX_ROWS * IN], out[OUT];
    fill(rows, 40, 1);
    REQUIRE(infer_window_open(ctx, 8, IN, OUT, mix, NULL, &window) == INFER_OK);
    for (size_t i = 0; i < 40; i++) {
        CHECK(infer_window_push(window, rows + i * IN) == INFER_OK);
        CHECK(infer_window_take(window, out, 1) == (i >= 8 ? 1 : 0));
        CHECK(infer_window_take(window, out, 1) == 0);
    }
    infer_window_close(window);
}

TEST(a_failure_ends_the_source_and_not_the_window) {
    struct counter counter = {.fail_at = 2};
    infer_window *window;
    float rows[MAX_ROWS * IN], out[MAX_ROWS * OUT];
    size_t failed = 0;
    fill(rows, 20, 1);
    REQUIRE(infer_window_open(ctx, 4, IN, OUT, mix, &counter, &window) == INFER_OK);
    while (failed < 20 && infer_window_push(window, rows + failed * IN) == INFER_OK) failed++;
    CHECK(failed == 6); /* the second window is rows 3 to 6 */
    CHECK(infer_window_take(window, out, MAX_ROWS) == 0);
    compare(17, 4, 1, window);
    infer_window_close(window);
}

TEST(misuse_is_refused) {
    infer_window *window;
    float row[IN] = {1, 2, 3}, out[OUT];
    CHECK(infer_window_open(ctx, 0, IN, OUT, mix, NULL, &window) == INFER_EUSAGE);
    CHECK(window == NULL);
    REQUIRE(infer_window_open(ctx, 4, IN, OUT, mix, NULL, &window) == INFER_OK);
    CHECK(infer_window_push(window, row) == INFER_OK);
    CHECK(infer_window_finish(window) == INFER_OK);
    CHECK(infer_window_push(window, row) == INFER_EUSAGE);
    CHECK_TEXT(infer_message(ctx),
               "rows of the last source must be taken before the next one starts");
    CHECK(infer_window_take(window, out, 1) == 1);
    CHECK(infer_window_push(window, row) == INFER_OK);
    infer_window_close(window);
    infer_window_close(NULL);
}

int main(void) {
    if (infer_open(NULL, &ctx) != INFER_OK) return 1;
    RUN(agrees_with_everything_in_memory);
    RUN(one_window_is_the_function_itself);
    RUN(rows_are_final_as_soon_as_no_window_can_touch_them);
    RUN(a_failure_ends_the_source_and_not_the_window);
    RUN(misuse_is_refused);
    infer_close(ctx);
    return test_finish();
}
