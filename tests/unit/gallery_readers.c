/* One writer syncs, indexes and compacts in a loop while eight readers query: each answer is that
 * of one of the two states, never a mixture. */
#include "store_fixture.h"

#include <fcntl.h>
#include <time.h>

enum { DIM = 16, N = 3000, READERS = 8, QUERIES = 20, K = 5, ROUNDS = 40 };

static char folder[64], path[128];
static gallery_context *ctx;
static gallery_point *points;

/* Of 3000 points, state 0 has the first 2000, state 1 the last 2000, and other attributes. */
static int sync_to(gallery *g, int state) {
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    gallery_sync *sync;
    gallery_changes c;
    int status = gallery_sync_open(g, "town", 0, &sync);
    for (size_t i = 0; status == GALLERY_OK && i < 2000; i++) {
        gallery_point p = points[i + (state ? 1000 : 0)];
        p.properties = state ? "{\"state\":1}" : "{\"state\":0}";
        status = gallery_sync_add(sync, &p);
    }
    if (status == GALLERY_OK) status = gallery_sync_run(sync, fixture_embed, NULL, &e, &c);
    gallery_sync_close(sync);
    return status;
}

static uint64_t mix(uint64_t hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static int add_point(void *user, const gallery_point *p, const float *x) {
    uint64_t *hash = user;
    (void)x;
    *hash = mix(*hash, &p->id, sizeof p->id);
    *hash = mix(*hash, p->properties, strlen(p->properties));
    return 0;
}

struct answer {
    uint64_t dump, hits;
};

/* All points with their attributes, and the answers to some queries, of one snapshot. */
static bool ask(gallery *g, struct answer *a) {
    static float queries[QUERIES][DIM];
    static gallery_hit hits[QUERIES * K];
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    size_t found;
    double lonlat[QUERIES][2];
    for (size_t i = 0; i < QUERIES; i++) memcpy(lonlat[i], &points[i * 150].lon_deg, 16);
    fixture_embed(&e, lonlat[0], QUERIES, queries[0]);
    a->dump = a->hits = 0xcbf29ce484222325u;
    if (gallery_search(g, queries[0], QUERIES, K, false, hits, &found) != GALLERY_OK ||
        gallery_each(g, false, add_point, &a->dump) != GALLERY_OK)
        return false;
    for (size_t i = 0; i < QUERIES * K; i++) {
        a->hits = mix(a->hits, &hits[i].id, sizeof hits[i].id);
        a->hits = mix(a->hits, &hits[i].score, sizeof hits[i].score);
    }
    return true;
}

static bool is(struct answer a, struct answer b) {
    return a.dump == b.dump && a.hits == b.hits;
}

/* Until the pipe closes: answers by opening anew and by renewing. Exits with 0 if all are right and
 * both states were seen. */
static void read_on(const struct answer states[2], int still) {
    unsigned long answers[2] = {0}, wrong = 0;
    gallery_context *own;
    struct timespec nothing = {0};
    char byte;
    if (gallery_context_open(1, &own)) _exit(2);
    for (bool last = false; !last;) {
        gallery *g;
        last = read(still, &byte, 1) == 0; /* does not wait */
        if (gallery_open(own, path, &g) != GALLERY_OK) {
            printf("# %s\n", gallery_message(own));
            wrong++;
            break;
        }
        for (int i = 0; i < 4; i++) {
            struct answer a;
            bool ok = ask(g, &a) && (is(a, states[0]) || is(a, states[1]));
            if (!ok && !wrong++) printf("# a mixture, or: %s\n", gallery_message(own));
            answers[is(a, states[1])]++;
            nanosleep(&nothing, NULL);
            if (gallery_renew(g) != GALLERY_OK && !wrong++) printf("# %s\n", gallery_message(own));
        }
        gallery_close(g);
    }
    fflush(stdout);
    gallery_context_close(own);
    _exit(wrong ? 1 : !answers[0] || !answers[1] ? 3 : 0);
}

static bool write_on(int rounds) {
    for (int i = 0; i < rounds; i++) {
        gallery *g;
        unsigned long long built;
        bool ok = gallery_open_writer(ctx, path, NULL, &g) == GALLERY_OK &&
                  sync_to(g, i % 2 == 0) == GALLERY_OK;
        if (ok && i % 3 == 0) ok = gallery_index_build(g, NULL, NULL, &built) == GALLERY_OK;
        if (ok && i % 5 == 0) ok = gallery_compact(g, NULL, NULL) == GALLERY_OK;
        gallery_close(g);
        if (!ok) {
            printf("# writer: %s\n", gallery_message(ctx));
            return false;
        }
    }
    return true;
}

TEST(answers_are_of_one_state) {
    struct answer states[2];
    gallery *g;
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    int still[2], status;
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    REQUIRE(gallery_context_open(1, &ctx) == GALLERY_OK);
    points = fixture_points(N, 77);
    REQUIRE(points && gallery_open_writer(ctx, path, &setup, &g) == GALLERY_OK);
    for (int state = 1; state >= 0; state--)
        REQUIRE(sync_to(g, state) == GALLERY_OK && ask(g, states + state));
    gallery_close(g);
    CHECK(states[0].dump != states[1].dump && states[0].hits != states[1].hits);
    REQUIRE(!pipe2(still, O_NONBLOCK));
    pid_t readers[READERS];
    fflush(stdout);
    for (int i = 0; i < READERS; i++)
        if (!(readers[i] = fork())) {
            close(still[1]);
            read_on(states, still[0]);
        }
    CHECK(write_on(ROUNDS));
    close(still[1]);
    int wrong = 0, one_sided = 0;
    for (int i = 0; i < READERS; i++) {
        waitpid(readers[i], &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
            one_sided++;
        else
            wrong += status != 0;
    }
    CHECK(wrong == 0 && one_sided < READERS);
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK);
    gallery_close(g);
    free(points);
    gallery_context_close(ctx);
    fixture_clean(folder);
}

int main(void) {
    RUN(answers_are_of_one_state);
    return test_finish();
}
