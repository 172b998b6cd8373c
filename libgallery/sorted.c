#include "sorted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY ((size_t)192 << 20)
#define RUNS_MAX 4000 /* 750 GB of points; each has a buffer of 16 KB */
#define RUN_BUFFER ((size_t)16 << 10)

struct entry { /* in memory */
    uint64_t id;
    size_t at;       /* of the text */
    uint32_t length; /* 0: none */
    uint32_t order;  /* of being added */
};

struct run { /* a file in order, and the entry that comes next */
    FILE *file;
    uint64_t id;
    uint32_t length;
    bool ended;
};

struct gallery_sorted {
    gallery_context *ctx;
    char *folder;
    struct entry *entries;
    char *texts;
    size_t n, entries_capacity, texts_n, texts_capacity, memory, at;
    bool in_order; /* what is in memory came so */
    struct run *runs;
    size_t runs_n;
    char *text; /* of the entry handed out last, from a run */
    size_t text_capacity;
};

int gallery_sorted_open(gallery_context *ctx, const char *folder, size_t memory,
                        struct gallery_sorted **out) {
    struct gallery_sorted *s = calloc(1, sizeof *s);
    *out = s;
    if (!s || !(s->folder = strdup(folder))) {
        free(s);
        *out = NULL;
        return gallery_fail_memory(ctx, sizeof *s);
    }
    s->ctx = ctx;
    s->memory = memory ? memory : MEMORY;
    s->in_order = true;
    return GALLERY_OK;
}

void gallery_sorted_close(struct gallery_sorted *s) {
    if (!s) return;
    for (size_t i = 0; i < s->runs_n; i++)
        if (s->runs[i].file) fclose(s->runs[i].file);
    free(s->runs);
    free(s->entries);
    free(s->texts);
    free(s->text);
    free(s->folder);
    free(s);
}

/* ------------------------------------------------------------------ in memory */

static int by_id(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* In order, and of each id the last alone, with the last text there is. */
static void settle(struct gallery_sorted *s) {
    size_t kept = 0;
    if (!s->in_order) qsort(s->entries, s->n, sizeof *s->entries, by_id);
    for (size_t i = 0; i < s->n; i++) {
        bool again = kept && s->entries[kept - 1].id == s->entries[i].id;
        if (again && !s->entries[i].length) continue;
        s->entries[kept - again] = s->entries[i];
        kept += !again;
    }
    s->n = kept;
    s->in_order = true;
}

static bool grow(void **at, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity) return true;
    size_t more = *capacity + *capacity / 2 > need ? *capacity + *capacity / 2 : need + 1024;
    void *grown = realloc(*at, more * size);
    if (!grown) return false;
    *at = grown;
    *capacity = more;
    return true;
}

/* ----------------------------------------------------------------------- files */

static int open_run(struct gallery_sorted *s, FILE **file) {
    char *name = NULL;
    int fd = open(s->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && asprintf(&name, "%s/vt-sort.XXXXXX", s->folder) > 0) {
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0) unlink(name);
        free(name);
    }
    *file = fd < 0 ? NULL : fdopen(fd, "w+b");
    if (*file) return GALLERY_OK;
    int status = gallery_fail_errno(s->ctx, s->folder);
    if (fd >= 0) close(fd);
    return status;
}

static int write_run(struct gallery_sorted *s) {
    if (s->runs_n == RUNS_MAX)
        return gallery_fail(s->ctx, GALLERY_EFULL, "%s: more points than can be sorted", s->folder);
    struct run *grown = realloc(s->runs, (s->runs_n + 1) * sizeof *grown);
    if (!grown) return gallery_fail_memory(s->ctx, (s->runs_n + 1) * sizeof *grown);
    s->runs = grown;
    struct run *run = grown + s->runs_n;
    *run = (struct run){0};
    GALLERY_TRY(open_run(s, &run->file));
    s->runs_n++;
    settle(s);
    bool ok = true;
    for (size_t i = 0; ok && i < s->n; i++) {
        const struct entry *e = s->entries + i;
        ok = fwrite(&e->id, sizeof e->id, 1, run->file) == 1 &&
             fwrite(&e->length, sizeof e->length, 1, run->file) == 1 &&
             fwrite(s->texts + e->at, 1, e->length, run->file) == e->length;
    }
    if (!ok || fflush(run->file)) return gallery_fail_errno(s->ctx, s->folder);
    s->n = s->texts_n = 0;
    return GALLERY_OK;
}

int gallery_sorted_add(struct gallery_sorted *s, uint64_t id, const char *text, size_t length) {
    if (length > UINT32_MAX) return gallery_fail_memory(s->ctx, length);
    if (s->n && (s->n + 1) * sizeof *s->entries + s->texts_n + length > s->memory)
        GALLERY_TRY(write_run(s));
    if (!grow((void **)&s->entries, &s->entries_capacity, s->n + 1, sizeof *s->entries) ||
        !grow((void **)&s->texts, &s->texts_capacity, s->texts_n + length + 1, 1))
        return gallery_fail_memory(s->ctx, s->texts_n + length);
    if (s->n && id < s->entries[s->n - 1].id) s->in_order = false;
    s->entries[s->n] = (struct entry){id, s->texts_n, (uint32_t)length, (uint32_t)s->n};
    s->n++;
    if (length) memcpy(s->texts + s->texts_n, text, length);
    s->texts_n += length;
    s->texts[s->texts_n++] = 0;
    return GALLERY_OK;
}

/* --------------------------------------------------------------------- reading */

/* The head of a run's next entry. */
static int head_run(struct gallery_sorted *s, struct run *run) {
    size_t got = fread(&run->id, 1, sizeof run->id, run->file);
    run->ended = !got && feof(run->file);
    if (run->ended) return GALLERY_OK;
    if (got == sizeof run->id && fread(&run->length, sizeof run->length, 1, run->file) == 1)
        return GALLERY_OK;
    return gallery_fail_errno(s->ctx, s->folder);
}

int gallery_sorted_rewind(struct gallery_sorted *s) {
    s->at = 0;
    if (s->runs_n && s->n) GALLERY_TRY(write_run(s));
    settle(s);
    if (s->runs_n) { /* merging needs little memory beside */
        free(s->texts);
        free(s->entries);
        s->texts = NULL;
        s->entries = NULL;
        s->texts_capacity = s->entries_capacity = 0;
    }
    for (size_t i = 0; i < s->runs_n; i++) {
        struct run *run = s->runs + i;
        errno = 0;
        rewind(run->file);
        if (errno || setvbuf(run->file, NULL, _IOFBF, RUN_BUFFER))
            return gallery_fail_errno(s->ctx, s->folder);
        GALLERY_TRY(head_run(s, run));
    }
    return GALLERY_OK;
}

/* The text of the entry at which the run stands; then the next one's head. */
static int take_run(struct gallery_sorted *s, struct run *run) {
    if (!grow((void **)&s->text, &s->text_capacity, run->length + (size_t)1, 1))
        return gallery_fail_memory(s->ctx, run->length);
    if (fread(s->text, 1, run->length, run->file) != run->length)
        return gallery_fail_errno(s->ctx, s->folder);
    s->text[run->length] = 0;
    return head_run(s, run);
}

static int next_of_runs(struct gallery_sorted *s, struct gallery_sorted_entry *entry) {
    const struct run *least = NULL;
    for (size_t i = 0; i < s->runs_n; i++)
        if (!s->runs[i].ended && (!least || s->runs[i].id < least->id)) least = s->runs + i;
    if (!least) return GALLERY_END;
    uint64_t id = least->id;
    size_t length = 0;
    for (size_t i = 0; i < s->runs_n; i++) { /* the last text of them counts */
        struct run *run = s->runs + i;
        if (run->ended || run->id != id) continue;
        if (run->length) length = run->length;
        GALLERY_TRY(run->length ? take_run(s, run) : head_run(s, run));
    }
    *entry = (struct gallery_sorted_entry){id, length ? s->text : NULL, length};
    return GALLERY_OK;
}

int gallery_sorted_next(struct gallery_sorted *s, struct gallery_sorted_entry *entry) {
    if (s->runs_n) return next_of_runs(s, entry);
    if (s->at == s->n) return GALLERY_END;
    const struct entry *e = s->entries + s->at++;
    *entry = (struct gallery_sorted_entry){e->id, e->length ? s->texts + e->at : NULL, e->length};
    return GALLERY_OK;
}
