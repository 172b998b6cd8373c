/* order.c - an external merge sort: a radix sort of what memory holds, sorted runs in one unnamed
 * file, and a heap that merges them. */
#include "order.h"
#include "context.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_ENTRIES ((size_t)1 << 12)
#define RUN_BUFFER ((size_t)64 << 10)
#define DIGITS 8 /* bytes of an id */

/* Places in the texts are 32 bits wide, and the longest text comes on top. */
#define MEMORY_MOST ((size_t)2 << 30)
#define TEXT_MOST ((size_t)1 << 30)

/* What memory holds of an entry; the text begins with its length as a uint32_t. */
struct slot {
    uint64_t id;
    uint32_t value, text; /* where in `texts` */
};

/* An entry in the file; the text follows. Runs are read by the process that wrote them. */
struct head {
    uint64_t id;
    uint32_t value, length; /* SAME_TEXT: the text of the entry before */
};
#define SAME_TEXT UINT32_MAX

struct run { /* a part of the file, and what is read of it */
    off_t begin, at, end;
    unsigned char *buffer;
    size_t start, filled, room;
    gallery_order_entry entry;
    char *text;
    size_t text_room;
};

struct gallery_order {
    gallery_context *ctx;
    size_t memory;
    struct slot *slots, *spare;
    size_t count, room, at;
    gallery_text texts;
    uint32_t text; /* of the entries that follow */
    unsigned long long added;

    FILE *file;
    const char *folder;
    struct run *runs;
    size_t run_count, run_room;
    size_t *heap, heap_count; /* places of runs, the least entry first */
    bool begun, unique, some;
    uint64_t last; /* the id before, if `some` */
};

int gallery_order_open(gallery_context *ctx, size_t memory, gallery_order **out) {
    gallery_order *order = *out = calloc(1, sizeof *order);
    if (!order) return gallery_fail_memory(ctx, sizeof *order);
    order->ctx = ctx;
    order->memory = memory ? memory : GALLERY_ORDER_MEMORY;
    if (order->memory > MEMORY_MOST) order->memory = MEMORY_MOST;
    return gallery_order_text(order, "", 0);
}

static void free_runs(gallery_order *order) {
    for (size_t i = 0; i < order->run_count; i++) {
        free(order->runs[i].buffer);
        free(order->runs[i].text);
    }
    free(order->runs);
    free(order->heap);
}

void gallery_order_close(gallery_order *order) {
    if (!order) return;
    free_runs(order);
    if (order->file) fclose(order->file);
    free(order->slots);
    free(order->spare);
    free(order->texts.at);
    free(order);
}

/* ------------------------------------------------------------------ comparing */

static const char *text_at(const gallery_order *order, uint32_t place, size_t *length) {
    uint32_t n;
    memcpy(&n, order->texts.at + place, sizeof n);
    *length = n;
    return order->texts.at + place + sizeof n;
}

static gallery_order_entry entry_of(const gallery_order *order, const struct slot *slot) {
    gallery_order_entry entry = {.id = slot->id, .value = slot->value};
    entry.text = text_at(order, slot->text, &entry.length);
    return entry;
}

static int compare(const gallery_order_entry *a, const gallery_order_entry *b) {
    if (a->id != b->id) return a->id < b->id ? -1 : 1;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    size_t common = a->length < b->length ? a->length : b->length;
    int text = common ? memcmp(a->text, b->text, common) : 0;
    return text ? text : (a->length > b->length) - (a->length < b->length);
}

static int compare_slots(const void *a, const void *b, void *user) {
    const struct slot *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    if (x->text == y->text) return 0;
    gallery_order_entry first = entry_of(user, x), second = entry_of(user, y);
    return compare(&first, &second);
}

/* -------------------------------------------------------------------- sorting */

/* A radix sort from the lowest byte on; bytes that are the same in all ids cost nothing. */
static void sort_by_id(gallery_order *order) {
    static const size_t values = 256;
    size_t counts[DIGITS][256] = {{0}};
    for (size_t i = 0; i < order->count; i++)
        for (int d = 0; d < DIGITS; d++) counts[d][order->slots[i].id >> 8 * d & 255]++;
    for (int d = 0; d < DIGITS; d++) {
        size_t place = 0, *count = counts[d];
        if (count[order->slots[0].id >> 8 * d & 255] == order->count) continue;
        for (size_t v = 0; v < values; v++) {
            size_t n = count[v];
            count[v] = place;
            place += n;
        }
        for (size_t i = 0; i < order->count; i++)
            order->spare[count[order->slots[i].id >> 8 * d & 255]++] = order->slots[i];
        struct slot *sorted = order->spare;
        order->spare = order->slots;
        order->slots = sorted;
    }
}

static int sort_slots(gallery_order *order) {
    if (order->count < 2) return GALLERY_OK;
    order->spare = malloc(order->room * sizeof *order->spare);
    if (!order->spare) return gallery_fail_memory(order->ctx, order->room * sizeof *order->spare);
    sort_by_id(order);
    free(order->spare);
    order->spare = NULL;
    struct slot *slots = order->slots;
    for (size_t i = 0, end; i < order->count; i = end) {
        for (end = i + 1; end < order->count && slots[end].id == slots[i].id;) end++;
        if (end > i + 1) qsort_r(slots + i, end - i, sizeof *slots, compare_slots, order);
    }
    return GALLERY_OK;
}

/* ------------------------------------------------------------------------ runs */

static int fail_file(gallery_order *order) {
    char what[300];
    snprintf(what, sizeof what, "%.200s: a temporary file (TMPDIR may name another folder)",
             order->folder);
    return gallery_fail_errno(order->ctx, what);
}

static int open_file(gallery_order *order) {
    const char *folder = getenv("TMPDIR");
    char name[4096];
    order->folder = folder && *folder ? folder : "/tmp";
    int fd = open(order->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        int n = snprintf(name, sizeof name, "%s/vt-XXXXXX", order->folder);
        if (n < 0 || (size_t)n >= sizeof name) errno = ENAMETOOLONG;
        fd = n > 0 && (size_t)n < sizeof name ? mkostemp(name, O_CLOEXEC) : -1;
        if (fd >= 0) unlink(name);
    }
    order->file = fd < 0 ? NULL : fdopen(fd, "w+");
    if (order->file) return GALLERY_OK;
    int status = fail_file(order);
    if (fd >= 0) close(fd);
    return status;
}

static bool write_slots(gallery_order *order, off_t *bytes) {
    uint32_t text = UINT32_MAX;
    for (size_t i = 0; i < order->count; i++) {
        const struct slot *slot = &order->slots[i];
        gallery_order_entry entry = entry_of(order, slot);
        bool same = slot->text == text;
        struct head head = {slot->id, slot->value, same ? SAME_TEXT : (uint32_t)entry.length};
        size_t length = same ? 0 : entry.length;
        if (fwrite(&head, sizeof head, 1, order->file) != 1 ||
            fwrite(entry.text, 1, length, order->file) != length)
            return false;
        *bytes += (off_t)(sizeof head + length);
        text = slot->text;
    }
    return !fflush(order->file);
}

/* Entries that are alike but for their text's place are written each: merging drops them. */
static int spill(gallery_order *order) {
    struct run *runs = order->runs;
    if (!order->count) return GALLERY_OK;
    if (!order->file) GALLERY_TRY(open_file(order));
    if (order->run_count == order->run_room) {
        runs = realloc(runs, (2 * order->run_room + 8) * sizeof *runs);
        if (!runs) return gallery_fail_memory(order->ctx, order->run_room * 2 * sizeof *runs);
        order->runs = runs;
        order->run_room = 2 * order->run_room + 8;
    }
    off_t begin = order->run_count ? runs[order->run_count - 1].end : 0, bytes = 0;
    GALLERY_TRY(sort_slots(order));
    if (!write_slots(order, &bytes)) return fail_file(order);
    runs[order->run_count++] = (struct run){.begin = begin, .end = begin + bytes};
    order->count = 0;
    return GALLERY_OK;
}

/* --------------------------------------------------------------------- adding */

/* Two arrays of slots while sorting. */
static bool is_full(const gallery_order *order) {
    return 2 * order->count * sizeof *order->slots + order->texts.length >= order->memory;
}

static int append_text(gallery_order *order, const char *text, size_t length) {
    uint32_t n = (uint32_t)length;
    char prefix[sizeof n];
    memcpy(prefix, &n, sizeof n);
    order->text = (uint32_t)order->texts.length;
    gallery_text_add(&order->texts, prefix, sizeof prefix);
    gallery_text_add(&order->texts, text, length);
    return order->texts.failed ? gallery_fail_memory(order->ctx, length) : GALLERY_OK;
}

/* Writes out what there is, but for the text in use. */
static int make_room(gallery_order *order) {
    size_t length;
    GALLERY_TRY(spill(order));
    const char *text = text_at(order, order->text, &length);
    memmove(order->texts.at, text - sizeof(uint32_t), length + sizeof(uint32_t));
    order->texts.length = length + sizeof(uint32_t);
    order->text = 0;
    return GALLERY_OK;
}

int gallery_order_text(gallery_order *order, const char *text, size_t length) {
    size_t before;
    if (length >= TEXT_MOST) return gallery_fail_memory(order->ctx, length);
    if (order->texts.length) {
        const char *last = text_at(order, order->text, &before);
        if (before == length && (!length || !memcmp(last, text, length))) return GALLERY_OK;
    }
    if (order->count && is_full(order)) GALLERY_TRY(make_room(order));
    return append_text(order, text, length);
}

static int grow(gallery_order *order) {
    size_t room = order->room ? 2 * order->room : FIRST_ENTRIES;
    size_t most = order->memory / (2 * sizeof *order->slots) + 1;
    if (room > most && most > order->count) room = most;
    struct slot *slots = realloc(order->slots, room * sizeof *slots);
    if (!slots) return gallery_fail_memory(order->ctx, room * sizeof *slots);
    order->slots = slots;
    order->room = room;
    return GALLERY_OK;
}

int gallery_order_add(gallery_order *order, uint64_t id, uint32_t value) {
    if (order->count && is_full(order)) GALLERY_TRY(make_room(order));
    if (order->count == order->room) GALLERY_TRY(grow(order));
    order->slots[order->count++] = (struct slot){id, value, order->text};
    order->added++;
    return GALLERY_OK;
}

unsigned long long gallery_order_count(const gallery_order *order) {
    return order->added;
}

/* -------------------------------------------------------------------- merging */

/* Makes `bytes` of the run available at buffer + start. */
static int need(gallery_order *order, struct run *run, size_t bytes) {
    if (run->filled - run->start >= bytes) return GALLERY_OK;
    memmove(run->buffer, run->buffer + run->start, run->filled - run->start);
    run->filled -= run->start;
    run->start = 0;
    if (bytes > run->room) {
        unsigned char *buffer = realloc(run->buffer, bytes);
        if (!buffer) return gallery_fail_memory(order->ctx, bytes);
        run->buffer = buffer;
        run->room = bytes;
    }
    while (run->filled < bytes) {
        size_t room = run->room - run->filled;
        off_t left = run->end - run->at;
        size_t ask = left < (off_t)room ? (size_t)left : room;
        ssize_t n = pread(fileno(order->file), run->buffer + run->filled, ask, run->at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO; /* somebody cut the file */
        if (n <= 0) return fail_file(order);
        run->filled += (size_t)n;
        run->at += n;
    }
    return GALLERY_OK;
}

static int read_text(gallery_order *order, struct run *run, size_t length) {
    GALLERY_TRY(need(order, run, length));
    if (length > run->text_room) {
        char *text = realloc(run->text, length);
        if (!text) return gallery_fail_memory(order->ctx, length);
        run->text = text;
        run->text_room = length;
    }
    if (length) memcpy(run->text, run->buffer + run->start, length);
    run->start += length;
    run->entry.text = run->text;
    run->entry.length = length;
    return GALLERY_OK;
}

/* The run's next entry; GALLERY_END after the last. */
static int advance(gallery_order *order, struct run *run) {
    struct head head;
    if (run->at == run->end && run->start == run->filled) return GALLERY_END;
    GALLERY_TRY(need(order, run, sizeof head));
    memcpy(&head, run->buffer + run->start, sizeof head);
    run->start += sizeof head;
    run->entry.id = head.id;
    run->entry.value = head.value;
    return head.length == SAME_TEXT ? GALLERY_OK : read_text(order, run, head.length);
}

static void sink(gallery_order *order, size_t place) {
    size_t *heap = order->heap, moving = heap[place];
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= order->heap_count) break;
        if (child + 1 < order->heap_count &&
            compare(&order->runs[heap[child + 1]].entry, &order->runs[heap[child]].entry) < 0)
            child++;
        if (compare(&order->runs[moving].entry, &order->runs[heap[child]].entry) <= 0) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = moving;
}

static int begin_runs(gallery_order *order) {
    if (!order->heap) order->heap = calloc(order->run_count, sizeof *order->heap);
    if (!order->heap) return gallery_fail_memory(order->ctx, order->run_count);
    order->heap_count = 0;
    for (size_t i = 0; i < order->run_count; i++) {
        struct run *run = &order->runs[i];
        if (!run->buffer) run->buffer = malloc(run->room = RUN_BUFFER);
        if (!run->buffer) return gallery_fail_memory(order->ctx, RUN_BUFFER);
        run->at = run->begin;
        run->start = run->filled = 0;
        GALLERY_TRY(advance(order, run));
        order->heap[order->heap_count++] = i;
    }
    for (size_t i = order->heap_count / 2; i-- > 0;) sink(order, i);
    return GALLERY_OK;
}

int gallery_order_begin(gallery_order *order, bool unique) {
    if (!order->begun && order->run_count) {
        GALLERY_TRY(spill(order));
        free(order->slots);
        free(order->texts.at);
        order->slots = NULL;
        order->texts = (gallery_text){0};
        order->room = 0;
    }
    if (!order->begun) GALLERY_TRY(sort_slots(order));
    order->begun = true;
    order->unique = unique;
    order->some = false;
    order->at = 0;
    return order->run_count ? begin_runs(order) : GALLERY_OK;
}

/* What the first run holds was taken by the call before. */
static int next_of_runs(gallery_order *order, gallery_order_entry *entry) {
    if (order->some && order->heap_count) {
        int status = advance(order, &order->runs[order->heap[0]]);
        if (status == GALLERY_END)
            order->heap[0] = order->heap[--order->heap_count];
        else if (status != GALLERY_OK)
            return status;
        if (order->heap_count) sink(order, 0);
    }
    if (!order->heap_count) return GALLERY_END;
    *entry = order->runs[order->heap[0]].entry;
    return GALLERY_OK;
}

int gallery_order_next(gallery_order *order, gallery_order_entry *entry) {
    bool repeated;
    do {
        if (order->run_count)
            GALLERY_TRY(next_of_runs(order, entry));
        else if (order->at == order->count)
            return GALLERY_END;
        else
            *entry = entry_of(order, &order->slots[order->at++]);
        repeated = order->some && entry->id == order->last;
        order->last = entry->id;
        order->some = true;
    } while (repeated && order->unique);
    return GALLERY_OK;
}
