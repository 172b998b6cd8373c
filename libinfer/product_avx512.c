/* Products of large matrices, as Goto and van de Geijn build them (ACM TOMS 34, 2008): operands are
 * packed into panels that a kernel reads in order, while its tile of the result stays in registers.
 * Where it pays, the product is seven of half the size in place of eight (Strassen, Numer. Math.
 * 13, 1969): the sums of quarters are formed while packing, and each tile is added to the quarters
 * that want it (Huang, Smith, Henry, van de Geijn, SC 2016), so no sum is ever written to memory.
 */
#include "product.h"

#if defined(__AVX512F__)

#include <immintrin.h>
#include <stdint.h>

typedef __m512 vf;
enum {
    LANES = 16,
    TILE_ROWS = 12, /* with TILE_COLUMNS: 24 of the 32 registers */
    TILE_COLUMNS = 32,
    DEPTH = 1344,        /* of a panel: so few tiles are touched twice */
    SUM_DEPTH = 256,     /* summed at once: sums of sums are more exact than one long sum */
    CHUNK_ROWS = 48,     /* what a thread takes at once: */
    CHUNK_COLUMNS = 128, /* its operands stay in a cache of 1 MiB */
    GROUP = 4, /* steps that are packed together: TILE_ROWS numbers each, three cache lines */
    PACK_DEPTH = 2 * GROUP,
    PAD = 16, /* between panels, lest what is as far in each share a cache's set */
    /* How far ahead of reading a cache line is asked for: in steps of the depth, and in numbers of
     * one row while sixteen are packed together. */
    AHEAD_A = 16,
    AHEAD_B = 8,
    AHEAD_IN_ROW = 128
};
#define BLOCK ((size_t)6144) /* rows or columns that are packed at once, at most */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t parts(size_t n, size_t size) {
    return (n + size - 1) / size;
}

/* The first n lanes. */
static inline __mmask16 lanes(size_t n) {
    return (__mmask16)(n >= LANES ? 0xffffU : (1U << n) - 1);
}

/* From one panel's first number to the next's: of whole cache lines. */
static size_t panel_size(size_t width, size_t depth) {
    return parts(width * depth, LANES) * LANES + PAD;
}

static inline void fetch(const float *p) {
    _mm_prefetch((const char *)p, _MM_HINT_T0);
}

/* Not into the first cache: rows of a matrix whose stride is a multiple of a large power of two
 * share a few of its sets. */
static inline void fetch_far(const float *p) {
    _mm_prefetch((const char *)p, _MM_HINT_T1);
}

/* --------------------------------------------------------------------- packing */
/* One side of a product, as rows of k numbers: a, or b's columns. With `other`, the sum of two:
 * first + sign * other. */
struct operand {
    const float *first, *other;
    float sign;
    size_t stride;
    bool rows_lie; /* a row's numbers are neighbours; else those of a column are */
};

struct range {
    size_t from, n;
};

/* Up to 16 neighbours of the operand at `at`; what lies `ahead` of them is asked for. */
static inline vf gather(const struct operand *o, size_t at, size_t ahead, __mmask16 which) {
    vf x = _mm512_maskz_loadu_ps(which, o->first + at);
    fetch_far(o->first + at + ahead);
    if (!o->other) return x;
    fetch_far(o->other + at + ahead);
    return _mm512_fmadd_ps(_mm512_set1_ps(o->sign), _mm512_maskz_loadu_ps(which, o->other + at), x);
}

static inline vf pairs(vf a, vf b, bool high) {
    __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(x, y) : _mm512_unpacklo_pd(x, y));
}

static inline void transpose(vf r[LANES]) {
    vf t[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4) {
        r[i] = pairs(t[i], t[i + 2], false);
        r[i + 1] = pairs(t[i], t[i + 2], true);
        r[i + 2] = pairs(t[i + 1], t[i + 3], false);
        r[i + 3] = pairs(t[i + 1], t[i + 3], true);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    }
}

/* Panels have `width` rows, each step of the depth side by side; what is beyond the operand's last
 * row is zero. */
struct packing {
    const struct operand *from;
    size_t rows, width;
    struct range depth;
    float *to;
};

/* Lanes of two vectors of TILE_ROWS that make the first, second and third line of a group. */
static const int joined[GROUP - 1][LANES] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19},
    {4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23},
    {8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27},
};

/* Some steps of up to 16 rows. Whole lines go past the caches: there they would first be read, and
 * be out of them again when all is packed. */
static inline void put_steps(float *to, size_t width, const vf r[GROUP], size_t steps) {
    if (steps < GROUP) {
        for (size_t x = 0; x < steps; x++)
            _mm512_mask_storeu_ps(to + x * width, lanes(width), r[x]);
    } else if (width == TILE_ROWS) {
        for (int x = 0; x + 1 < GROUP; x++) {
            __m512i which = _mm512_loadu_si512(joined[x]);
            _mm512_stream_ps(to + x * LANES, _mm512_permutex2var_ps(r[x], which, r[x + 1]));
        }
    } else {
        for (size_t x = 0; x < GROUP; x++) _mm512_stream_ps(to + x * width, r[x]);
    }
}

/* One panel of an operand whose rows lie: blocks of 16 x 16 are transposed. */
static void pack_panel(const struct packing *p, size_t panel) {
    const struct operand *o = p->from;
    size_t row = panel * p->width, rows = least(p->width, p->rows - row), depth = p->depth.n;
    float *to = p->to + panel * panel_size(p->width, depth);
    for (size_t j = 0; j < p->width; j += LANES)
        for (size_t i = 0; i < depth; i += LANES) {
            size_t at = (row + j) * o->stride + p->depth.from + i;
            __mmask16 in = lanes(depth - i);
            vf r[LANES];
#pragma GCC unroll 16
            for (size_t x = 0; x < LANES; x++)
                r[x] = j + x < rows ? gather(o, at + x * o->stride, AHEAD_IN_ROW, in)
                                    : _mm512_setzero_ps();
            transpose(r);
#pragma GCC unroll 4
            for (size_t x = 0; x < LANES; x += GROUP)
                if (i + x < depth)
                    put_steps(to + (i + x) * p->width + j, p->width, r + x,
                              least(GROUP, depth - i - x));
        }
}

/* Some steps of one panel of an operand whose columns lie; of `rows` rows. */
static inline void pack_group(const struct packing *p, size_t at, size_t rows, size_t steps,
                              float *to) {
    size_t stride = p->from->stride;
    for (size_t j = 0; j < p->width; j += LANES) {
        __mmask16 in = rows > j ? lanes(rows - j) : 0;
        vf r[GROUP];
#pragma GCC unroll 4
        for (size_t x = 0; x < GROUP; x++)
            r[x] = x < steps ? gather(p->from, at + j + x * stride, GROUP * stride, in)
                             : _mm512_setzero_ps();
        put_steps(to + j, p->width, r, steps);
    }
}

/* Some steps of the depth for all panels of such an operand. */
static void pack_steps(const struct packing *p, size_t block) {
    size_t begin = block * PACK_DEPTH, end = least(begin + PACK_DEPTH, p->depth.n);
    for (size_t i = begin; i < end; i += GROUP) {
        size_t at = (p->depth.from + i) * p->from->stride;
        float *to = p->to + i * p->width;
        for (size_t row = 0; row < p->rows; row += p->width) {
            pack_group(p, at + row, least(p->width, p->rows - row), least(GROUP, end - i), to);
            to += panel_size(p->width, p->depth.n);
        }
    }
}

static size_t pack_count(const struct packing *p) {
    return p->from->rows_lie ? parts(p->rows, p->width) : parts(p->depth.n, PACK_DEPTH);
}

static void pack(const struct packing *p, size_t i) {
    if (p->from->rows_lie)
        pack_panel(p, i);
    else
        pack_steps(p, i);
}

/* ----------------------------------------------------------------------- tiles */
/* What a tile goes to: c = factor * tile, plus c if `add`, plus bias if there is one. */
struct target {
    float *c;
    float factor;
    bool add;
    const float *bias;
};

struct targets {
    struct target list[2];
    size_t n, stride;
};

struct tile {
    size_t row, column, rows, columns;
};

static inline void put(const struct target *t, const struct tile *tile, size_t i, size_t j,
                       size_t stride, vf x) {
    __mmask16 which = tile->columns > j ? lanes(tile->columns - j) : 0;
    float *c = t->c + (tile->row + i) * stride + tile->column + j;
    vf to = _mm512_setzero_ps();
    if (t->add)
        to = _mm512_maskz_loadu_ps(which, c);
    else if (t->bias)
        to = _mm512_maskz_loadu_ps(which, t->bias + tile->column + j);
    _mm512_mask_storeu_ps(c, which, _mm512_fmadd_ps(_mm512_set1_ps(t->factor), x, to));
}

static void fetch_targets(const struct targets *to, const struct tile *tile) {
    for (size_t k = 0; k < to->n; k++)
        for (size_t i = 0; i < tile->rows; i++) {
            const float *c = to->list[k].c + (tile->row + i) * to->stride + tile->column;
            fetch(c);
            fetch(c + LANES);
        }
}

/* The sums of some steps of the depth, added to those before. */
static inline void add_steps(size_t steps, const float *a, const float *b, vf sums[TILE_ROWS][2]) {
    vf sum[TILE_ROWS][2];
#pragma GCC unroll 12
    for (int i = 0; i < TILE_ROWS; i++) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    for (size_t step = 0; step < steps; step++) {
        vf left = _mm512_load_ps(b), right = _mm512_load_ps(b + LANES);
        fetch(a + AHEAD_A * TILE_ROWS);
        fetch(b + AHEAD_B * TILE_COLUMNS);
        fetch(b + AHEAD_B * TILE_COLUMNS + LANES);
#pragma GCC unroll 12
        for (int i = 0; i < TILE_ROWS; i++) {
            vf x = _mm512_set1_ps(a[i]);
            sum[i][0] = _mm512_fmadd_ps(x, left, sum[i][0]);
            sum[i][1] = _mm512_fmadd_ps(x, right, sum[i][1]);
        }
        a += TILE_ROWS;
        b += TILE_COLUMNS;
    }
#pragma GCC unroll 12
    for (int i = 0; i < TILE_ROWS; i++) {
        sums[i][0] = _mm512_add_ps(sums[i][0], sum[i][0]);
        sums[i][1] = _mm512_add_ps(sums[i][1], sum[i][1]);
    }
}

static void compute_tile(size_t depth, const float *a, const float *b, const struct tile *tile,
                         const struct targets *to) {
    vf sums[TILE_ROWS][2] = {0};
    fetch_targets(to, tile);
    for (size_t step = 0; step < depth; step += SUM_DEPTH)
        add_steps(least(SUM_DEPTH, depth - step), a + step * TILE_ROWS, b + step * TILE_COLUMNS,
                  sums);
    for (size_t i = 0; i < tile->rows; i++)
        for (size_t k = 0; k < to->n; k++) {
            put(&to->list[k], tile, i, 0, to->stride, sums[i][0]);
            put(&to->list[k], tile, i, LANES, to->stride, sums[i][1]);
        }
}

/* -------------------------------------------------------------------- products */
struct packed {
    float *a, *b;
};

struct sizes {
    size_t m, n, k;
};

static void compute_chunk(struct sizes of, size_t depth, size_t chunk, struct packed packed,
                          const struct targets *to) {
    size_t down = parts(of.m, CHUNK_ROWS);
    size_t top = chunk % down * CHUNK_ROWS, left = chunk / down * CHUNK_COLUMNS;
    size_t bottom = least(top + CHUNK_ROWS, of.m), right = least(left + CHUNK_COLUMNS, of.n);
    for (size_t i = top; i < bottom; i += TILE_ROWS)
        for (size_t j = left; j < right; j += TILE_COLUMNS) {
            struct tile tile = {i, j, least(TILE_ROWS, of.m - i), least(TILE_COLUMNS, of.n - j)};
            compute_tile(depth, packed.a + i / TILE_ROWS * panel_size(TILE_ROWS, depth),
                         packed.b + j / TILE_COLUMNS * panel_size(TILE_COLUMNS, depth), &tile, to);
        }
}

/* One product on the team of threads that calls this together; of the depth, only a part. Who is
 * done goes on to pack for the next one, elsewhere, while others still read what is packed here. */
static void multiply(struct sizes of, struct range depth, const struct operand *a,
                     const struct operand *b, const struct targets *to, struct packed packed) {
    struct packing rows = {a, of.m, TILE_ROWS, depth, packed.a};
    struct packing columns = {b, of.n, TILE_COLUMNS, depth, packed.b};
    size_t chunks = parts(of.m, CHUNK_ROWS) * parts(of.n, CHUNK_COLUMNS);
#pragma omp for schedule(dynamic) nowait
    for (size_t i = 0; i < pack_count(&rows); i++) pack(&rows, i);
#pragma omp for schedule(dynamic) nowait
    for (size_t i = 0; i < pack_count(&columns); i++) pack(&columns, i);
    _mm_sfence(); /* what went past the caches is there for all to read */
#pragma omp barrier
#pragma omp for schedule(dynamic) nowait
    for (size_t i = 0; i < chunks; i++) compute_chunk(of, depth.n, i, packed, to);
}

/* Strassen's seven products of quarters (0 1 above 2 3): which, or the sum of which two, of a and
 * of b, and to which of c they are added with what sign. The first to each quarter sets it. */
enum { NONE = -1, SEVEN = 7 };
static const struct {
    int a[2], b[2], c[2];
    float sign_a, sign_b, sign_c[2];
    bool sets[2];
} seven[SEVEN] = {
    {{0, 3}, {0, 3}, {0, 3}, 1, 1, {1, 1}, {true, true}},
    {{2, 3}, {0, NONE}, {2, 3}, 1, 1, {1, -1}, {true, false}},
    {{0, NONE}, {1, 3}, {1, 3}, 1, -1, {1, 1}, {true, false}},
    {{3, NONE}, {2, 0}, {0, 2}, 1, -1, {1, 1}, {false, false}},
    {{0, 1}, {3, NONE}, {0, 1}, 1, 1, {-1, 1}, {false, false}},
    {{2, 0}, {0, 1}, {3, NONE}, -1, 1, {1, 0}, {false, false}},
    {{1, 3}, {2, 3}, {0, NONE}, -1, 1, {1, 0}, {false, false}},
};

static const float *quarter(const struct learn_matrix *of, size_t rows, size_t columns, int which) {
    size_t row = which & 2 ? rows : 0, column = which & 1 ? columns : 0;
    if (which == NONE) return NULL;
    return of->data + (of->transposed ? column * of->stride + row : row * of->stride + column);
}

/* Product number i of the seven. */
static void multiply_sums(const struct product *p, struct sizes half, struct range depth, size_t i,
                          struct packed packed) {
    const struct operand a = {quarter(&p->a, half.m, half.k, seven[i].a[0]),
                              quarter(&p->a, half.m, half.k, seven[i].a[1]), seven[i].sign_a,
                              p->a.stride, !p->a.transposed};
    const struct operand b = {quarter(&p->b, half.k, half.n, seven[i].b[0]),
                              quarter(&p->b, half.k, half.n, seven[i].b[1]), seven[i].sign_b,
                              p->b.stride, p->b.transposed};
    struct targets to = {.stride = p->ldc};
    for (int j = 0; j < 2 && seven[i].c[j] != NONE; j++) {
        size_t row = seven[i].c[j] & 2 ? half.m : 0, column = seven[i].c[j] & 1 ? half.n : 0;
        to.list[to.n++] = (struct target){.c = p->c + row * p->ldc + column,
                                          .factor = p->alpha * seven[i].sign_c[j],
                                          .add = p->add || depth.from || !seven[i].sets[j],
                                          .bias = p->bias ? p->bias + column : NULL};
    }
    multiply(half, depth, &a, &b, &to, packed);
}

static void multiply_once(const struct product *p, struct range depth, struct packed packed) {
    const struct operand a = {p->a.data, NULL, 1, p->a.stride, !p->a.transposed};
    const struct operand b = {p->b.data, NULL, 1, p->b.stride, p->b.transposed};
    const struct targets to = {{{p->c, p->alpha, p->add || depth.from, p->bias}}, 1, p->ldc};
    multiply((struct sizes){p->m, p->n, p->k}, depth, &a, &b, &to, packed);
}

static bool halves(const struct product *p) {
    return p->m >= PRODUCT_STRASSEN && p->n >= PRODUCT_STRASSEN && p->k >= PRODUCT_STRASSEN &&
           p->m % 2 + p->n % 2 + p->k % 2 == 0;
}

static void multiply_block(const struct product *p, const struct packed packed[2], int threads) {
    bool fast = halves(p);
    const struct sizes half = {p->m / 2, p->n / 2, p->k / 2};
    size_t k = fast ? half.k : p->k, count = parts(k, DEPTH);
#pragma omp parallel num_threads(threads)
    for (size_t part = 0; part < count; part++) {
        size_t from = k * part / count;
        struct range depth = {from, k * (part + 1) / count - from};
        for (size_t i = 0; fast && i < SEVEN; i++)
            multiply_sums(p, half, depth, i, packed[(part * SEVEN + i) % 2]);
        if (!fast) multiply_once(p, depth, packed[part % 2]);
    }
}

/* Rows or columns of a block, all blocks but the last of whole chunks and about the same size. */
static size_t block_size(size_t n) {
    size_t whole = 3 * CHUNK_COLUMNS; /* of chunks either way */
    return parts(parts(n, parts(n, BLOCK)), whole) * whole;
}

/* A block of the result: what begins at that row and that column. */
static struct product block_of(const struct product *p, size_t row, size_t column) {
    struct product block = *p;
    block.m = least(block_size(p->m), p->m - row);
    block.n = least(block_size(p->n), p->n - column);
    block.a.data += p->a.transposed ? row : row * p->a.stride;
    block.b.data += p->b.transposed ? column * p->b.stride : column;
    block.c += row * p->ldc + column;
    if (p->bias) block.bias += column;
    return block;
}

/* Of the panels of a block, and what keeps the next one's memory on a cache line. */
static size_t panels_size(size_t rows, size_t width, size_t depth) {
    size_t all = parts(block_size(rows), width) * panel_size(width, least(depth, DEPTH));
    return parts(all, LANES) * LANES;
}

bool product_avx512(const struct product *p, struct scratch *memory, int threads) {
    size_t a = panels_size(p->m, TILE_ROWS, p->k), b = panels_size(p->n, TILE_COLUMNS, p->k);
    struct packed packed[2];
    if (!scratch_hold(memory, 2 * (a + b))) return false;
    for (int i = 0; i < 2; i++)
        packed[i] = (struct packed){scratch_take(memory, a), scratch_take(memory, b)};
    for (size_t row = 0; row < p->m; row += block_size(p->m))
        for (size_t column = 0; column < p->n; column += block_size(p->n)) {
            struct product part = block_of(p, row, column);
            multiply_block(&part, packed, threads);
        }
    return true;
}

#else

bool product_avx512(const struct product *p, struct scratch *memory, int threads) {
    (void)p;
    (void)memory;
    (void)threads;
    return false;
}

#endif
