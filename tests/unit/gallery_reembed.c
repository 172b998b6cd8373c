/* A gallery rebuilt for another encoder: equal to one that was made for it, wherever it was
 * interrupted and whatever changed meanwhile, and each point embedded once. */
#include "store_fixture.h"

#define POINTS 2000
#define DIM 24
#define OTHER_ID "fedcba9876543210"

struct run {
    struct fixture_encoder encoder; /* first: the callbacks share the pointer */
    int stop_at, calls;
};

static bool stop(void *user, unsigned long long done, unsigned long long total) {
    struct run *run = user;
    CHECK(done <= total);
    return ++run->calls != run->stop_at;
}

static int embed(void *user, const double *lonlat, size_t n, float *out) {
    struct run *run = user;
    return fixture_embed(&run->encoder, lonlat, n, out);
}

static gallery_context *ctx;
static gallery_point *points;
static char folder[64], path[96], wanted_path[96], beside[112];

static struct run new_run(int stop_at) {
    return (struct run){.encoder = {.dim = DIM, .noise = 9}, .stop_at = stop_at};
}

static gallery_setup other_setup(void) {
    gallery_setup setup = fixture_setup(DIM, 0);
    memcpy(setup.location_id, OTHER_ID, sizeof setup.location_id);
    return setup;
}

/* Points [first, end) with a tag, synced. */
static void sync_points(const char *to, const gallery_setup *setup, struct fixture_encoder *encoder,
                        const char *tag, size_t first, size_t end) {
    gallery *g;
    gallery_sync *sync;
    gallery_changes changes;
    REQUIRE(gallery_open_writer(ctx, to, setup, &g) == GALLERY_OK);
    CHECK(gallery_sync_open(g, tag, 0, &sync) == GALLERY_OK);
    for (size_t i = first; i < end; i++) CHECK(gallery_sync_add(sync, points + i) == GALLERY_OK);
    CHECK(gallery_sync_run(sync, fixture_embed, NULL, encoder, &changes) == GALLERY_OK);
    gallery_sync_close(sync);
    gallery_close(g);
}

static void make_old(void) {
    struct fixture_encoder encoder = {.dim = DIM};
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    sync_points(path, &setup, &encoder, "zebra", 0, 1500);
    sync_points(path, &setup, &encoder, "ant", 1000, POINTS);
}

static void make_wanted(size_t zebra_end, size_t ant_first) {
    struct run run = new_run(0);
    gallery_setup setup = other_setup();
    unlink(wanted_path);
    sync_points(wanted_path, &setup, &run.encoder, "ant", ant_first, POINTS);
    sync_points(wanted_path, &setup, &run.encoder, "zebra", 0, zebra_end);
}

static int reembed(struct run *run, bool *rebuilt) {
    gallery *g = NULL;
    gallery_setup setup = other_setup();
    int status = gallery_open_writer(ctx, path, NULL, &g);
    if (status != GALLERY_OK) return status;
    gallery_set_batch(g, 256);
    status = gallery_reembed(g, &setup, embed, stop, run, rebuilt);
    gallery_close(g);
    return status;
}

/* ------------------------------------------------------------------- compared */
struct listed {
    uint64_t id;
    float embedding[DIM];
    char properties[32], tags[32];
};
struct list {
    gallery *g;
    size_t n;
    struct listed *at; /* [POINTS] */
};

static int take(void *user, const gallery_point *point, const float *embedding) {
    struct list *list = user;
    struct listed *to = list->at + list->n++;
    if (list->n > POINTS) return 1;
    memset(to, 0, sizeof *to);
    to->id = point->id;
    memcpy(to->embedding, embedding, sizeof to->embedding);
    snprintf(to->properties, sizeof to->properties, "%s",
             point->properties ? point->properties : "");
    bool has[2] = {false, false};
    for (size_t i = 0; i < point->tags_n; i++)
        has[!strcmp(gallery_tag_name(list->g, point->tags[i]), "zebra")] = true;
    snprintf(to->tags, sizeof to->tags, "%s %s", has[0] ? "ant" : "", has[1] ? "zebra" : "");
    return 0;
}

static struct list list_of(const char *file) {
    struct list list = {.at = calloc(POINTS + 1, sizeof *list.at)};
    if (!list.at || gallery_open(ctx, file, &list.g) != GALLERY_OK) abort();
    CHECK(gallery_verify(list.g, stderr, NULL, NULL) == GALLERY_OK);
    CHECK(gallery_each(list.g, true, take, &list) == GALLERY_OK);
    gallery_close(list.g);
    return list;
}

static void check_equal(size_t n) {
    struct list a = list_of(path), b = list_of(wanted_path);
    CHECK(a.n == n && b.n == n);
    CHECK(a.n == b.n && !memcmp(a.at, b.at, a.n * sizeof *a.at));
    free(a.at);
    free(b.at);
}

static void start(void) {
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    snprintf(wanted_path, sizeof wanted_path, "%s/wanted", folder);
    snprintf(beside, sizeof beside, "%s-reembed", path);
    make_old();
}

/* ---------------------------------------------------------------------- tests */
TEST(interrupted_everywhere) {
    start();
    bool rebuilt = true;
    size_t embedded = 0;
    struct list before = list_of(path);
    for (int stop_at = 1;; stop_at = 1) {
        struct run run = new_run(embedded ? stop_at + (int)(embedded / 256) : 1);
        int status = reembed(&run, &rebuilt);
        embedded += run.encoder.points;
        if (status == GALLERY_OK) break;
        CHECK(status == GALLERY_END && !rebuilt && !access(beside, F_OK));
        struct list now = list_of(path);
        CHECK(now.n == before.n && !memcmp(now.at, before.at, now.n * sizeof *now.at));
        free(now.at);
        if (embedded > POINTS) break;
    }
    CHECK(rebuilt && embedded == POINTS);
    CHECK(access(beside, F_OK));
    make_wanted(1500, 1000);
    check_equal(POINTS);
    struct run again = new_run(0);
    CHECK(reembed(&again, &rebuilt) == GALLERY_OK && !rebuilt && !again.encoder.points);
    free(before.at);
    fixture_clean(folder);
}

/* Points, tags and attributes that came and went between two runs. */
TEST(changed_meanwhile) {
    start();
    bool rebuilt;
    struct run first = new_run(5), second = new_run(0);
    CHECK(reembed(&first, &rebuilt) == GALLERY_END);
    CHECK(first.encoder.points == 5 * 256);
    struct fixture_encoder encoder = {.dim = DIM};
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    for (size_t i = 0; i < POINTS; i += 5) points[i].properties = "{\"n\":1}";
    sync_points(path, &setup, &encoder, "ant", 1700, POINTS);
    sync_points(path, &setup, &encoder, "zebra", 0, 1400);
    sync_points(path, &setup, &encoder, "ant", 1600, POINTS);
    CHECK(reembed(&second, &rebuilt) == GALLERY_OK && rebuilt);
    CHECK(second.encoder.points <= POINTS - 5 * 256);
    make_wanted(1400, 1600);
    check_equal(1400 + POINTS - 1600);
    for (size_t i = 0; i < POINTS; i++) points[i].properties = NULL;
    fixture_clean(folder);
}

/* What lies there of another model, or damaged, is not gone on with. */
TEST(remains_of_others) {
    start();
    bool rebuilt;
    struct fixture_encoder encoder = {.dim = DIM};
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    sync_points(beside, &setup, &encoder, "ant", 0, 300);
    struct run run = new_run(3);
    CHECK(reembed(&run, &rebuilt) == GALLERY_END);
    CHECK(run.encoder.points == 3 * 256);
    CHECK(!truncate(beside, 20000));
    run = new_run(0);
    CHECK(reembed(&run, &rebuilt) == GALLERY_OK && rebuilt);
    CHECK(run.encoder.points == POINTS);
    make_wanted(1500, 1000);
    check_equal(POINTS);
    fixture_clean(folder);
}

/* A reader keeps its snapshot, and cannot go on to the new one unawares. */
TEST(readers_beside_it) {
    start();
    bool rebuilt;
    gallery *reader = NULL;
    gallery_info info;
    gallery_context *own;
    REQUIRE(gallery_context_open(1, &own) == GALLERY_OK);
    struct list before = list_of(path);
    int pipes[2][2];
    REQUIRE(!pipe(pipes[0]) && !pipe(pipes[1]));
    pid_t child = fork(); /* a process opens a gallery once */
    if (!child) {
        char go;
        struct list list = {.at = calloc(POINTS + 1, sizeof *list.at)};
        bool ok = list.at && gallery_open(own, path, &reader) == GALLERY_OK;
        ok = ok && write(pipes[0][1], "o", 1) == 1 && read(pipes[1][0], &go, 1) == 1;
        list.g = reader;
        ok = ok && gallery_each(reader, true, take, &list) == GALLERY_OK && list.n == before.n;
        ok = ok && !memcmp(list.at, before.at, list.n * sizeof *list.at);
        ok = ok && gallery_renew(reader) == GALLERY_EMISMATCH;
        ok = ok && strstr(gallery_message(own), "has been rebuilt for " OTHER_ID);
        _exit(ok ? 0 : 1);
    }
    char opened;
    int status = 1;
    CHECK(read(pipes[0][0], &opened, 1) == 1);
    struct run run = new_run(0);
    CHECK(reembed(&run, &rebuilt) == GALLERY_OK && rebuilt);
    CHECK(gallery_open(ctx, path, &reader) == GALLERY_OK);
    CHECK(gallery_stat(reader, &info) == GALLERY_OK && info.points == POINTS);
    CHECK(!strcmp(info.setup.location_id, OTHER_ID));
    gallery_close(reader);
    CHECK(write(pipes[1][1], "g", 1) == 1);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < 4; i++) close(pipes[i / 2][i % 2]);
    free(before.at);
    gallery_context_close(own);
    fixture_clean(folder);
}

int main(void) {
    points = fixture_points(POINTS, 77);
    if (!points || gallery_context_open(2, &ctx) != GALLERY_OK) return 1;
    RUN(interrupted_everywhere);
    RUN(changed_meanwhile);
    RUN(remains_of_others);
    RUN(readers_beside_it);
    gallery_context_close(ctx);
    free(points);
    return test_finish();
}
