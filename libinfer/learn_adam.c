/* What follows the gradients: their norm, and Adam (Kingma, Ba, arXiv:1412.6980). */
#include "context.h"
#include "learn_kernels.h"
#include "learn_modules.h"

#include <math.h>
#include <string.h>

#define CHUNK ((size_t)32768) /* floats: of each array 128 kB */

static size_t chunk_count(size_t n) {
    return (n + CHUNK - 1) / CHUNK;
}

static size_t chunk_size(size_t n, size_t i) {
    return n - i * CHUNK < CHUNK ? n - i * CHUNK : CHUNK;
}

void learn_clear(struct learner *learner) {
    size_t n = learner->arena.trained;
#pragma omp parallel for num_threads(learner->ctx->threads) schedule(static) if (n > 2 * CHUNK)
    for (size_t i = 0; i < chunk_count(n); i++)
        memset(learner->arena.gradient + i * CHUNK, 0, chunk_size(n, i) * sizeof(float));
}

/* Summed group by group of chunks by whichever thread, then over the groups in order. */
#define GROUPS ((size_t)64)

double learn_gradient_norm(const struct learner *learner) {
    const float *g = learner->arena.gradient;
    size_t n = learner->arena.trained, chunks = chunk_count(n);
    double sums[GROUPS], sum = 0;
#pragma omp parallel for num_threads(learner->ctx->threads) schedule(static) if (n > 2 * CHUNK)
    for (size_t k = 0; k < GROUPS; k++) {
        sums[k] = 0;
        for (size_t i = chunks * k / GROUPS; i < chunks * (k + 1) / GROUPS; i++)
            sums[k] +=
                learner->ctx->kernels->learn->dot(g + i * CHUNK, g + i * CHUNK, chunk_size(n, i));
    }
    for (size_t k = 0; k < GROUPS; k++) sum += sums[k];
    return sqrt(sum);
}

/* As torch.optim.adam forms them, in double. */
static struct learn_adam_factors factors_of(const struct learn_adam *adam, uint64_t step,
                                            double scale) {
    double t = (double)step;
    return (struct learn_adam_factors){
        .scale = (float)scale,
        .beta1 = (float)adam->beta1,
        .keep1 = (float)(1 - adam->beta1),
        .beta2 = (float)adam->beta2,
        .keep2 = (float)(1 - adam->beta2),
        .step = (float)(adam->rate / (1 - pow(adam->beta1, t))),
        .root2 = (float)sqrt(1 - pow(adam->beta2, t)),
        .epsilon = (float)adam->epsilon,
    };
}

static void hold_scale(struct learner *learner) {
    const float most = 4.60517019F; /* ln 100 */
    if (!learn_trains(learner, CATALOG_M_SCALE)) return;
    float *scale = learn_parameter(learner, CATALOG_HEADS, "logit_scale").value;
    if (*scale > most) *scale = most;
}

void learn_adam_step(struct learner *learner, const struct learn_adam *adam, uint64_t step,
                     double scale) {
    const struct learn_adam_factors with = factors_of(adam, step, scale);
    const struct learn_arena *a = &learner->arena;
    size_t n = a->trained;
#pragma omp parallel for num_threads(learner->ctx->threads) schedule(static) if (n > 2 * CHUNK)
    for (size_t i = 0; i < chunk_count(n); i++) {
        size_t at = i * CHUNK;
        learner->ctx->kernels->learn->adam(&with, chunk_size(n, i), a->value + at, a->gradient + at,
                                           a->first + at, a->second + at);
    }
    hold_scale(learner);
}
