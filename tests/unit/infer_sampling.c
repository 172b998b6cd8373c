/* What a training draws and when: random numbers, frames, sources, noise, rates. Distributions are
 * held against what they should be, with fixed seeds; rates against PyTorch's schedulers. */
#include "test.h"

#include "libinfer/noise.h"
#include "libinfer/random.h"
#include "libinfer/sampler.h"
#include "libinfer/schedule.h"

#define DRAWS 20000

static infer *ctx;

static struct random_stream stream(uint64_t seed, uint64_t index) {
    struct random_stream r;
    random_start(&r, seed, RANDOM_NOISE, index);
    return r;
}

/* The greatest distance of an empirical distribution on [0, 1) from the even one, times sqrt(n):
 * 1.95 is exceeded once in a thousand (Kolmogorov). */
static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double kolmogorov(double *x, size_t n) {
    double most = 0;
    qsort(x, n, sizeof *x, compare);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs(x[i] - (double)i / (double)n));
        most = fmax(most, fabs(x[i] - (double)(i + 1) / (double)n));
    }
    return most * sqrt((double)n);
}

/* --------------------------------------------------------------------- random */

/* The first words of its authors' code from the state 1, 2, 3, 4. */
TEST(generator_is_xoshiro) {
    struct random_stream r = {{1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (int i = 0; i < 4; i++) CHECK(random_bits(&r) == expected[i]);
}

TEST(units_are_even) {
    static double x[DRAWS];
    struct random_stream r = stream(1, 0);
    for (size_t i = 0; i < DRAWS; i++) {
        x[i] = random_unit(&r);
        REQUIRE(x[i] >= 0 && x[i] < 1);
    }
    CHECK(kolmogorov(x, DRAWS) < 1.95);
}

TEST(normals_are_normal) {
    static double x[DRAWS];
    struct random_stream r = stream(2, 0);
    for (size_t i = 0; i < DRAWS; i++) x[i] = 0.5 * erfc(-random_normal(&r) / sqrt(2));
    CHECK(kolmogorov(x, DRAWS) < 1.95);
}

TEST(streams_differ) {
    struct random_stream a = stream(1, 0), same = stream(1, 0), seed = stream(2, 0),
                         index = stream(1, 1), purpose;
    random_start(&purpose, 1, RANDOM_ORDER, 0);
    uint64_t first = random_bits(&a);
    CHECK(first == random_bits(&same));
    CHECK(first != random_bits(&seed));
    CHECK(first != random_bits(&index));
    CHECK(first != random_bits(&purpose));
}

TEST(below_is_even) {
    struct random_stream r = stream(3, 0);
    int counts[7] = {0};
    double chi = 0;
    for (int i = 0; i < DRAWS; i++) counts[random_below(&r, 7)]++;
    for (int i = 0; i < 7; i++) chi += pow(counts[i] - DRAWS / 7.0, 2) / (DRAWS / 7.0);
    CHECK(chi < 22.5); /* 6 degrees of freedom: one in a thousand */
    CHECK(random_below(&r, 1) == 0);
}

/* --------------------------------------------------------------------- frames */

TEST(cells_hold_one_frame_each) {
    size_t index[16];
    for (size_t n = 16; n < 70; n++) {
        struct random_stream r = stream(4, n);
        sampler_frames(SAMPLER_CELLS, &r, n, 16, index);
        for (size_t i = 0; i < 16; i++)
            CHECK(index[i] >= i * n / 16 && index[i] < (i + 1) * n / 16);
    }
}

/* Each frame of a cell comes as often as the others. */
TEST(cells_are_even) {
    size_t index[4];
    int counts[12] = {0};
    struct random_stream r = stream(5, 0);
    double chi = 0;
    for (int k = 0; k < DRAWS; k++) {
        sampler_frames(SAMPLER_CELLS, &r, 12, 4, index);
        for (int i = 0; i < 4; i++) counts[index[i]]++;
    }
    for (int i = 0; i < 12; i++) chi += pow(counts[i] - DRAWS / 3.0, 2) / (DRAWS / 3.0);
    CHECK(chi < 26.1); /* 8 degrees of freedom */
}

TEST(short_sources_repeat_frames) {
    size_t index[16];
    for (size_t n = 1; n < 16; n++) {
        struct random_stream r = stream(6, n);
        bool seen[16] = {false};
        sampler_frames(n % 2 ? SAMPLER_RUN : SAMPLER_CELLS, &r, n, 16, index);
        for (size_t i = 0; i < 16; i++) {
            REQUIRE(index[i] < n);
            CHECK(!i || index[i] >= index[i - 1]);
            seen[index[i]] = true;
        }
        for (size_t i = 0; i < n; i++) CHECK(seen[i]);
    }
}

TEST(runs_are_in_a_row) {
    size_t index[8];
    bool first = false, last = false;
    for (size_t k = 0; k < 200; k++) {
        struct random_stream r = stream(7, k);
        sampler_frames(SAMPLER_RUN, &r, 20, 8, index);
        for (size_t i = 1; i < 8; i++) CHECK(index[i] == index[0] + i);
        CHECK(index[7] < 20);
        first |= index[0] == 0;
        last |= index[7] == 19;
    }
    CHECK(first && last);
    sampler_middles(SAMPLER_RUN, 20, 8, index);
    CHECK(index[0] == 6 && index[7] == 13);
    sampler_middles(SAMPLER_CELLS, 24, 8, index);
    CHECK(index[0] == 1 && index[7] == 22);
}

TEST(epochs_take_every_source_once) {
    struct sampler s;
    REQUIRE(sampler_open(ctx, 9, 10, 3, &s) == INFER_OK);
    CHECK(sampler_steps(&s) == 3);
    size_t before[9] = {0};
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        int counts[10] = {0};
        bool same = epoch > 0;
        for (uint64_t i = 0; i < 9; i++) {
            size_t source = sampler_step(&s, 3 * epoch + i / 3)[i % 3];
            counts[source]++;
            same = same && before[i] == source;
            before[i] = source;
        }
        for (int i = 0; i < 10; i++) CHECK(counts[i] <= 1);
        CHECK(!same);
    }
    size_t far = sampler_step(&s, 3000)[0]; /* any step at any time */
    CHECK(sampler_step(&s, 8)[2] == before[8]);
    CHECK(sampler_step(&s, 3000)[0] == far);
    sampler_close(&s);
    REQUIRE(sampler_open(ctx, 9, 2, 128, &s) == INFER_OK);
    CHECK(s.batch == 2 && sampler_steps(&s) == 1);
    sampler_close(&s);
    CHECK(sampler_open(ctx, 9, 0, 128, &s) == INFER_EUSAGE);
}

/* ---------------------------------------------------------------------- noise */

static const struct noise published = {0.1, {0.001, false}, {0.02, false}, {0.2, false}};

TEST(noise_collapses_one_in_ten) {
    double from[8] = {10, 50, 10.5, 50.5, 11, 51, 11.5, 51.5}, to[8];
    int collapsed = 0, which[4] = {0};
    for (uint64_t k = 0; k < 5000; k++) {
        struct random_stream r = stream(11, k);
        noise_apply(&published, &r, from, 4, to);
        if (to[0] != to[2]) continue;
        collapsed++;
        for (int i = 0; i < 4; i++) {
            CHECK(to[2 * i] == to[0] && to[2 * i + 1] == to[1]);
            which[i] += to[0] == from[2 * i] && to[1] == from[2 * i + 1];
        }
    }
    CHECK(abs(collapsed - 500) < 70); /* 3.3 deviations */
    CHECK(which[0] + which[1] + which[2] + which[3] == collapsed);
    for (int i = 0; i < 4; i++) CHECK(abs(which[i] - collapsed / 4) < 40);
}

/* The correlation of pairs of numbers that are even on [0, 1): of n independent ones it deviates by
 * 1 / sqrt(n). */
static double correlation(const double *pairs, size_t n) {
    double sum = 0;
    for (size_t k = 0; k < n; k++) sum += (pairs[2 * k] - 0.5) * (pairs[2 * k + 1] - 0.5);
    return 12 * sum / (double)n;
}

/* Without the shift, what is left of a coordinate is its jitter: of either sign, its size even. */
TEST(jitter_is_as_published) {
    static double sizes[DRAWS];
    const struct noise jitter = {0, {0.001, false}, {0.02, false}, {0, false}};
    double from[2] = {8, 47}, to[2];
    int back = 0;
    for (size_t k = 0; k < DRAWS / 2; k++) {
        struct random_stream r = stream(12, k);
        noise_apply(&jitter, &r, from, 1, to);
        for (size_t axis = 0; axis < 2; axis++) {
            double by = to[axis] - from[axis];
            back += by < 0;
            sizes[2 * k + axis] = (fabs(by) - 0.001) / 0.019;
        }
    }
    CHECK(abs(back - DRAWS / 2) < 250);
    CHECK(fabs(correlation(sizes, DRAWS / 2)) < 0.033);
    CHECK(kolmogorov(sizes, DRAWS) < 1.95);
}

TEST(shift_is_one_for_all_frames) {
    static double shifts[DRAWS];
    const struct noise shift = {0, {0, false}, {0, false}, {0.2, false}};
    double from[6] = {8, 47, 8.1, 47.1, 8.2, 47.2}, to[6];
    for (size_t k = 0; k < DRAWS / 2; k++) {
        struct random_stream r = stream(13, k);
        noise_apply(&shift, &r, from, 3, to);
        for (size_t i = 2; i < 6; i++) CHECK_NEAR(to[i] - from[i], to[i % 2] - from[i % 2], 1e-12);
        for (size_t axis = 0; axis < 2; axis++)
            shifts[2 * k + axis] = (to[axis] - from[axis] + 0.2) / 0.4;
    }
    CHECK(fabs(correlation(shifts, DRAWS / 2)) < 0.033); /* each axis has its own */
    CHECK(kolmogorov(shifts, DRAWS) < 1.95);
}

/* 1113.2 m to the east at 60 degrees are 0.02 degrees, not 0.01. */
TEST(noise_in_metres) {
    const struct noise metres = {0, {1111.95, true}, {1111.95, true}, {0, true}};
    double from[2] = {20, 60}, to[2];
    struct random_stream r = stream(14, 0);
    noise_apply(&metres, &r, from, 1, to);
    CHECK_NEAR(fabs(to[1] - 60), 0.01, 1e-6);
    CHECK_NEAR(fabs(to[0] - 20), 0.02, 1e-6);
}

TEST(noise_stays_on_the_earth) {
    const struct noise wild = {0, {1, false}, {5, false}, {90, false}};
    double from[6] = {179.9, 89.9, -180, -89.9, 0, 0}, to[6];
    for (size_t k = 0; k < 2000; k++) {
        struct random_stream r = stream(15, k);
        noise_apply(&wild, &r, from, 3, to);
        for (int i = 0; i < 3; i++)
            CHECK(to[2 * i] >= -180 && to[2 * i] < 180 && fabs(to[2 * i + 1]) <= 90);
    }
}

/* ---------------------------------------------------------------------- rates */

/* From torch.optim.lr_scheduler: LinearLR(1/10, 1, 9) with ExponentialLR(0.99) every 4 steps, and
 * LinearLR followed by CosineAnnealingLR(30). */
TEST(rates_are_pytorchs) {
    const struct schedule exponential = {SCHEDULE_EXPONENTIAL, 5e-5, 0.99, 10, 4, 40};
    const struct schedule cosine = {SCHEDULE_COSINE, 1e-3, 1, 10, 4, 40};
    static const struct {
        uint64_t step;
        double exponential, cosine;
    } torch[] = {{0, 5.0000000000000004e-06, 0.0001},
                 {1, 1.0000000000000001e-05, 0.0002},
                 {3, 2.0000000000000002e-05, 0.0004},
                 {4, 2.4750000000000002e-05, 0.0005},
                 {8, 4.4104499999999998e-05, 0.0009},
                 {9, 4.9005000000000003e-05, 0.001},
                 {10, 4.9005000000000003e-05, 0.001},
                 {11, 4.9005000000000003e-05, 0.00099726094768413671},
                 {12, 4.8514950000000002e-05, 0.00098907380036690278},
                 {20, 4.7549502495000005e-05, 0.00075},
                 {31, 4.6603267395349509e-05, 0.00020610737385376354},
                 {39, 4.5675862374182053e-05, 2.7390523158633003e-06}};
    for (size_t i = 0; i < sizeof torch / sizeof *torch; i++) {
        CHECK_NEAR(schedule_rate(&exponential, torch[i].step), torch[i].exponential, 1e-18);
        CHECK_NEAR(schedule_rate(&cosine, torch[i].step), torch[i].cosine, 1e-17);
    }
    const struct schedule still = {SCHEDULE_COSINE, 1, 1, 50, 4, 40}; /* warm-up beyond the end */
    CHECK_NEAR(schedule_rate(&still, 39), 0.8, 1e-15);
}

int main(void) {
    if (infer_open(NULL, &ctx) != INFER_OK) return 1;
    RUN(generator_is_xoshiro);
    RUN(units_are_even);
    RUN(normals_are_normal);
    RUN(streams_differ);
    RUN(below_is_even);
    RUN(cells_hold_one_frame_each);
    RUN(cells_are_even);
    RUN(short_sources_repeat_frames);
    RUN(runs_are_in_a_row);
    RUN(epochs_take_every_source_once);
    RUN(noise_collapses_one_in_ten);
    RUN(jitter_is_as_published);
    RUN(shift_is_one_for_all_frames);
    RUN(noise_in_metres);
    RUN(noise_stays_on_the_earth);
    RUN(rates_are_pytorchs);
    infer_close(ctx);
    return test_finish();
}
