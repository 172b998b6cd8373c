/* Tags and syncs: the gallery is what a plain table of points and tags says, at every step. */
#include "store_fixture.h"

#include <fcntl.h>
#include <time.h>

static char folder[64], path[128];
static gallery_context *ctx;

static void begin(void) {
    fixture_folder(folder);
    snprintf(path, sizeof path, "%s/g", folder);
    if (gallery_context_open(2, &ctx) != GALLERY_OK) abort();
}
static void end(void) {
    gallery_context_close(ctx);
    fixture_clean(folder);
}

enum { DIM = 16, TAGS = 3 };
static const char *const names[TAGS] = {"roads", "areas", "stra\303\237en"};

static bool open_writer(gallery **g) {
    gallery_setup setup = fixture_setup(DIM, GALLERY_F16);
    return gallery_open_writer(ctx, path, &setup, g) == GALLERY_OK;
}

/* ------------------------------------------------------------------ the table */

struct model { /* what the gallery should hold: of each of the world's points */
    size_t n;
    gallery_point *world; /* in order of ids */
    unsigned char *sets;  /* bit 0: nameless, bits 1 to TAGS: the names */
    int *texts;           /* -1: none */
};

static int by_id(const void *a, const void *b) {
    uint64_t x = ((const gallery_point *)a)->id, y = ((const gallery_point *)b)->id;
    return x < y ? -1 : x > y;
}

static struct model model_make(size_t n) {
    struct model m = {.n = n, .world = fixture_points(n, 5)};
    qsort(m.world, n, sizeof *m.world, by_id);
    m.sets = calloc(n, 1);
    m.texts = malloc(n * sizeof *m.texts);
    for (size_t i = 0; i < n; i++) m.texts[i] = -1;
    return m;
}
static void model_free(struct model *m) {
    free(m->world);
    free(m->sets);
    free(m->texts);
}

static const char *text_of(int text, char room[64]) {
    if (text < 0) return NULL;
    snprintf(room, 64, "{\"n\":%d}", text);
    return room;
}

struct comparison {
    const struct model *m;
    gallery *g;
    size_t at, wrong, seen;
};

static unsigned char set_of(gallery *g, const gallery_point *p) {
    unsigned char set = 0;
    for (size_t i = 0; i < p->tags_n; i++) {
        const char *name = gallery_tag_name(g, p->tags[i]);
        if (!p->tags[i]) set |= 1;
        for (int t = 0; name && t < TAGS; t++)
            if (!strcmp(name, names[t])) set |= (unsigned char)(2 << t);
    }
    return set;
}

static int compare(void *user, const gallery_point *p, const float *x) {
    struct comparison *c = user;
    char room[64];
    while (c->at < c->m->n && !c->m->sets[c->at]) c->at++;
    if (c->at == c->m->n) return (int)++c->wrong;
    size_t i = c->at++;
    const char *text = text_of(c->m->texts[i], room);
    float expected[DIM];
    double error = 0;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    const double place[2] = {c->m->world[i].lon_deg, c->m->world[i].lat_deg};
    fixture_embed(&e, place, 1, expected);
    for (int j = 0; j < DIM; j++) error = fmax(error, fabs((double)expected[j] - x[j]));
    bool ok = p->id == c->m->world[i].id && set_of(c->g, p) == c->m->sets[i] && error < 1e-3 &&
              !text == !p->properties && (!text || !strcmp(text, p->properties));
    if (!ok && !c->wrong++)
        printf("# point %zu: set %d for %d, text %s for %s\n", i, set_of(c->g, p), c->m->sets[i],
               p->properties ? p->properties : "-", text ? text : "-");
    c->seen++;
    return 0;
}

/* Points, tags, attributes and embeddings are those of the table; the counts too. */
static bool agrees(gallery *g, const struct model *m) {
    struct comparison c = {.m = m, .g = g};
    gallery_info info;
    if (gallery_each(g, true, compare, &c) != GALLERY_OK || c.wrong) return false;
    size_t points = 0;
    for (size_t i = 0; i < m->n; i++) points += m->sets[i] != 0;
    return c.seen == points && gallery_stat(g, &info) == GALLERY_OK && info.points == points &&
           gallery_verify(g, stdout, NULL, NULL) == GALLERY_OK;
}

/* ------------------------------------------------------------------- the steps */

struct step { /* an input: points of the world, with or without texts */
    bool *in;
    int *texts;
    size_t n;
};

static struct step step_make(const struct model *m, uint64_t *seed, double part) {
    struct step s = {.in = calloc(m->n, sizeof *s.in), .texts = malloc(m->n * sizeof *s.texts)};
    double from = fixture_random(seed), to = from + part; /* a stretch, and some beside it */
    for (size_t i = 0; i < m->n; i++) {
        double place = (double)i / (double)m->n;
        s.in[i] = (place >= from && place < to) || fixture_random(seed) < part / 10;
        s.n += s.in[i];
        s.texts[i] = fixture_random(seed) < 0.3 ? (int)(fixture_random(seed) * 3) : -1;
    }
    if (!s.n) {
        s.in[0] = true;
        s.n = 1;
    }
    return s;
}
static void step_free(struct step *s) {
    free(s->in);
    free(s->texts);
}

static void model_set(struct model *m, size_t i, int text, unsigned char bit) {
    if (text >= 0 || !m->sets[i]) m->texts[i] = text;
    m->sets[i] |= bit;
}

/* In any order: the world's points shuffled. */
static int sync_step(gallery *g, const struct model *m, const struct step *s, int tag,
                     size_t memory, gallery_embed_fn embed, void *user, gallery_changes *changes) {
    gallery_sync *sync;
    int status = gallery_sync_open(g, names[tag], memory, &sync);
    for (size_t k = 0; status == GALLERY_OK && k < m->n; k++) {
        size_t i = (k * 7919) % m->n; /* a prime that does not divide the world's size */
        char room[64];
        if (!s->in[i]) continue;
        gallery_point p = m->world[i];
        /* An earlier text of the same id does not count. */
        if (i % 5 == 0 && s->texts[i] >= 0) {
            p.properties = "{\"old\":1}";
            status = gallery_sync_add(sync, &p);
        }
        p.properties = text_of(s->texts[i], room);
        if (status == GALLERY_OK) status = gallery_sync_add(sync, &p);
    }
    for (size_t i = 0; status == GALLERY_OK && i < m->n; i += 7) /* once more without keeps it */
        if (s->in[i]) status = gallery_sync_add(sync, m->world + i);
    if (status == GALLERY_OK) status = gallery_sync_run(sync, embed, NULL, user, changes);
    gallery_sync_close(sync);
    return status;
}

static void model_sync(struct model *m, const struct step *s, int tag) {
    unsigned char bit = (unsigned char)(2 << tag);
    for (size_t i = 0; i < m->n; i++)
        if (s->in[i])
            model_set(m, i, s->texts[i], bit);
        else
            m->sets[i] &= (unsigned char)~bit;
}

static int add_step(gallery *g, struct model *m, const struct step *s, int tag) {
    uint16_t number = 0;
    gallery_changes changes;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    int status = tag < 0 ? GALLERY_OK : gallery_tag_make(g, names[tag], &number);
    for (size_t i = 0; status == GALLERY_OK && i < m->n; i++) {
        char room[64];
        if (!s->in[i]) continue;
        gallery_point p = m->world[i];
        p.properties = text_of(s->texts[i], room);
        p.tags = &number;
        p.tags_n = tag < 0 ? 0 : 1;
        status = gallery_stage(g, &p, 1);
        model_set(m, i, s->texts[i], (unsigned char)(tag < 0 ? 1 : 2 << tag));
    }
    return status == GALLERY_OK ? gallery_embed_staged(g, fixture_embed, NULL, &e, &changes)
                                : status;
}

/* ------------------------------------------------------------------------ tests */

TEST(any_steps_give_what_the_table_says) {
    begin();
    gallery *g;
    struct model m = model_make(4001);
    uint64_t seed = 11;
    size_t wrong = 0;
    REQUIRE(open_writer(&g));
    gallery_set_batch(g, 300);
    for (int step = 0; step < 40 && !wrong; step++) {
        struct step s = step_make(&m, &seed, 0.05 + 0.4 * fixture_random(&seed));
        int tag = (int)(fixture_random(&seed) * TAGS), kind = (int)(fixture_random(&seed) * 10);
        gallery_changes c;
        struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
        int status;
        if (kind < 2) {
            if (s.n > 400)
                for (size_t i = 0, n = 0; i < m.n; i++) s.in[i] &= n++ % 10 == 0;
            status = add_step(g, &m, &s, kind ? tag : -1);
        } else if (kind == 2) {
            status = gallery_tag_remove(g, names[tag], &c);
            if (status == GALLERY_EEMPTY) status = GALLERY_OK; /* it is not there */
            for (size_t i = 0; i < m.n; i++) m.sets[i] &= (unsigned char)~(2 << tag);
        } else {
            size_t memory = kind % 2 ? 0 : 20000; /* with files, or without */
            status = sync_step(g, &m, &s, tag, memory, fixture_embed, &e, &c);
            model_sync(&m, &s, tag);
            if (kind == 5) {
                unsigned long long built;
                CHECK(gallery_index_build(g, NULL, NULL, &built) == GALLERY_OK);
            }
        }
        if (status != GALLERY_OK || !agrees(g, &m)) {
            printf("# step %d, kind %d: %s\n", step, kind, gallery_message(ctx));
            wrong++;
        }
        step_free(&s);
    }
    CHECK(wrong == 0);
    gallery_close(g);
    model_free(&m);
    end();
}

static uint64_t hash_file(void) {
    uint64_t hash = 0xcbf29ce484222325u;
    FILE *f = fopen(path, "rb");
    for (int c; f && (c = getc(f)) != EOF;) hash = (hash ^ (uint64_t)c) * 0x100000001b3u;
    if (f) fclose(f);
    return hash;
}

TEST(an_unchanged_input_writes_nothing) {
    begin();
    gallery *g;
    struct model m = model_make(3001);
    uint64_t seed = 3;
    gallery_changes c;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    struct step s = step_make(&m, &seed, 0.6);
    REQUIRE(open_writer(&g));
    CHECK(sync_step(g, &m, &s, 0, 0, fixture_embed, &e, &c) == GALLERY_OK);
    CHECK(c.added == s.n && !c.updated && !c.unchanged && !c.removed && e.points == s.n);
    gallery_close(g);
    uint64_t before = hash_file();
    struct stat a, b;
    CHECK(!stat(path, &a));
    REQUIRE(open_writer(&g));
    CHECK(sync_step(g, &m, &s, 0, 0, fixture_embed, &e, &c) == GALLERY_OK);
    CHECK(!c.added && !c.updated && c.unchanged == s.n && !c.removed && e.points == s.n);
    gallery_close(g);
    CHECK(!stat(path, &b) && hash_file() == before && a.st_size == b.st_size &&
          a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);

    /* One point less and one more: one is embedded, and no more changes. */
    size_t out = 0, in = 0;
    while (!s.in[out]) out++;
    while (s.in[in]) in++;
    s.in[out] = false;
    s.in[in] = true;
    REQUIRE(open_writer(&g));
    CHECK(sync_step(g, &m, &s, 0, 0, fixture_embed, &e, &c) == GALLERY_OK);
    CHECK(c.added == 1 && !c.updated && c.unchanged == s.n - 1 && c.removed == 1);
    CHECK(e.points == s.n + 1);
    gallery_close(g);
    step_free(&s);
    model_free(&m);
    end();
}

struct watch { /* an encoder that looks at the gallery while it is being synced */
    struct fixture_encoder e;
    const struct model *before;
    int looks, wrong;
};
static int embed_and_look(void *user, const double *lonlat, size_t n, float *out) {
    struct watch *w = user;
    fflush(stdout);
    pid_t pid = fork(); /* a process opens a gallery once at a time */
    if (!pid) {
        gallery *g;
        gallery_context *own;
        if (gallery_context_open(1, &own) || gallery_open(own, path, &g)) _exit(1);
        struct comparison c = {.m = w->before, .g = g};
        bool ok = gallery_each(g, true, compare, &c) == GALLERY_OK && !c.wrong;
        _exit(!ok);
    }
    int status;
    waitpid(pid, &status, 0);
    w->looks++;
    w->wrong += status != 0;
    return fixture_embed(&w->e, lonlat, n, out);
}

/* Readers see the old points as long as new ones are being embedded; after an interruption too. */
TEST(the_switch_is_one_step) {
    begin();
    gallery *g;
    struct model m = model_make(3001);
    uint64_t seed = 8;
    gallery_changes c;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    struct step first = step_make(&m, &seed, 0.3), second = step_make(&m, &seed, 0.4);
    for (size_t i = 0; i < m.n; i++) {
        first.in[i] = i < 1000;
        second.in[i] = i > 800;
    }
    REQUIRE(open_writer(&g));
    CHECK(sync_step(g, &m, &first, 0, 0, fixture_embed, &e, &c) == GALLERY_OK);
    model_sync(&m, &first, 0);
    gallery_set_batch(g, 200);
    struct watch w = {.e = {.dim = DIM, .noise = 0.3, .fail_at = 4}, .before = &m};
    CHECK(sync_step(g, &m, &second, 0, 0, embed_and_look, &w, &c) == GALLERY_EUSAGE);
    CHECK(w.looks == 4 && w.wrong == 0);
    CHECK(agrees(g, &m));
    size_t embedded = w.e.points;
    w.e.fail_at = 0;
    CHECK(sync_step(g, &m, &second, 0, 0, embed_and_look, &w, &c) == GALLERY_OK);
    CHECK(w.looks > 4 && w.wrong == 0 && embedded == 600);
    CHECK(w.e.points == c.added); /* what was embedded before is not embedded again */
    model_sync(&m, &second, 0);
    CHECK(agrees(g, &m));
    gallery_close(g);
    step_free(&first);
    step_free(&second);
    model_free(&m);
    end();
}

/* What an earlier run has staged under the tag does not show before the switch, or after. */
TEST(what_was_staged_is_no_mixture) {
    begin();
    gallery *g;
    struct model m = model_make(1001);
    uint64_t seed = 9;
    uint16_t tag;
    gallery_changes c;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    struct step s = step_make(&m, &seed, 0.3);
    REQUIRE(open_writer(&g));
    CHECK(sync_step(g, &m, &s, 0, 0, fixture_embed, &e, &c) == GALLERY_OK);
    model_sync(&m, &s, 0);
    CHECK(gallery_tag_find(g, names[0], &tag) == GALLERY_OK);
    CHECK(gallery_tag_find(g, names[1], &(uint16_t){0}) == GALLERY_EEMPTY);
    for (size_t i = 0; i < m.n; i++) {
        gallery_point p = m.world[i];
        p.tags = &tag;
        p.tags_n = 1;
        if (!s.in[i]) CHECK(gallery_stage(g, &p, 1) == GALLERY_OK);
    }
    struct watch w = {.e = {.dim = DIM, .noise = 0.3}, .before = &m};
    CHECK(sync_step(g, &m, &s, 0, 0, embed_and_look, &w, &c) == GALLERY_OK);
    CHECK(w.looks && !w.wrong && agrees(g, &m));
    gallery_close(g);
    step_free(&s);
    model_free(&m);
    end();
}

TEST(wrong_syncs_are_refused) {
    begin();
    gallery *g;
    gallery_sync *sync;
    gallery_changes c;
    struct fixture_encoder e = {.dim = DIM};
    char longest[130];
    memset(longest, 'x', 128);
    longest[128] = 0;
    REQUIRE(open_writer(&g));
    CHECK(gallery_sync_open(g, "", 0, &sync) == GALLERY_EVALUE && !sync);
    CHECK(gallery_sync_open(g, "a\nb", 0, &sync) == GALLERY_EVALUE);
    CHECK(gallery_sync_open(g, "\xc3", 0, &sync) == GALLERY_EVALUE);
    CHECK(gallery_sync_open(g, longest, 0, &sync) == GALLERY_EVALUE);
    CHECK(gallery_tag_remove(g, "roads", &c) == GALLERY_EEMPTY);
    REQUIRE(gallery_sync_open(g, longest + 1, 0, &sync) == GALLERY_OK);
    gallery_point wrong = {.id = 1, .lon_deg = 5, .lat_deg = 9};
    CHECK(gallery_sync_add(sync, &wrong) == GALLERY_EVALUE);
    CHECK(gallery_sync_run(sync, fixture_embed, NULL, &e, &c) == GALLERY_EEMPTY);
    gallery_sync_close(sync);
    gallery_close(g);
    REQUIRE(gallery_open(ctx, path, &g) == GALLERY_OK);
    CHECK(gallery_sync_open(g, "roads", 0, &sync) == GALLERY_EUSAGE);
    gallery_close(g);
    end();
}

/* Hidden rows are not found by a search. */
TEST(searches_see_points_alone) {
    begin();
    gallery *g;
    struct model m = model_make(2001);
    uint64_t seed = 21;
    gallery_changes c;
    struct fixture_encoder e = {.dim = DIM, .noise = 0.3};
    struct step s = step_make(&m, &seed, 0.5);
    REQUIRE(open_writer(&g));
    CHECK(sync_step(g, &m, &s, 0, 0, fixture_embed, &e, &c) == GALLERY_OK);
    for (size_t i = 0; i < m.n; i += 7) s.in[i] = false; /* too few to be swept away */
    CHECK(sync_step(g, &m, &s, 0, 0, fixture_embed, &e, &c) == GALLERY_OK && c.removed);
    model_sync(&m, &s, 0);
    gallery_info info;
    unsigned long long built;
    CHECK(gallery_stat(g, &info) == GALLERY_OK && info.hidden > 0);
    size_t wrong = 0;
    for (int indexed = 0; indexed < 2; indexed++) {
        for (size_t i = 0; i < m.n; i += 7) {
            float query[DIM];
            gallery_hit hit;
            size_t found;
            const double place[2] = {m.world[i].lon_deg, m.world[i].lat_deg};
            fixture_embed(&e, place, 1, query);
            CHECK(gallery_search(g, query, 1, 1, !indexed, &hit, &found) == GALLERY_OK);
            size_t at = 0;
            while (at < m.n && m.world[at].id != hit.id) at++;
            wrong += at == m.n || !m.sets[at];
        }
        CHECK(gallery_index_build(g, NULL, NULL, &built) == GALLERY_OK);
    }
    CHECK(wrong == 0);
    gallery_close(g);
    step_free(&s);
    model_free(&m);
    end();
}

int main(void) {
    RUN(any_steps_give_what_the_table_says);
    RUN(an_unchanged_input_writes_nothing);
    RUN(the_switch_is_one_step);
    RUN(what_was_staged_is_no_mixture);
    RUN(wrong_syncs_are_refused);
    RUN(searches_see_points_alone);
    return test_finish();
}
