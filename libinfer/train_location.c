/* Location branches that begin with those of a released encoder, GeoCLIP's or a model's own: each
 * with the weights of the branch whose sigma is nearest, its frequencies scaled to the new sigma.
 */
#include "trainer.h"

#include "context.h"
#include "foreign.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "location_encoder.LocEnc"

static int find(infer_trainer *t, const struct foreign *f, int branch, const char *part,
                const struct weights_tensor **out) {
    char name[CATALOG_NAME];
    snprintf(name, sizeof name, PREFIX "%d.%s", branch, part);
    const struct foreign_tensor *found = foreign_find(f, name);
    if (!found || !weights_dtype_is_float(found->tensor.dtype) || !found->tensor.count)
        return infer_fail(t->ctx, INFER_ETENSOR, "%s: tensor %s is missing", foreign_path(f), name);
    *out = &found->tensor;
    return INFER_OK;
}

static int size_of(infer_trainer *t, const struct foreign *f, const char *part, int *size) {
    const struct weights_tensor *tensor;
    INFER_TRY(find(t, f, 0, part, &tensor));
    if (tensor->ndim != 2 || tensor->shape[0] > 16384)
        return infer_fail(t->ctx, INFER_ETENSOR,
                          "%s: tensor " PREFIX "0.%s is no matrix of a size "
                          "that is known",
                          foreign_path(f), part);
    if (*size && (uint64_t)*size != tensor->shape[0])
        return infer_fail(t->ctx, INFER_EUSAGE,
                          "%s: its tensor " PREFIX "0.%s has %d rows, but %d are asked for",
                          foreign_path(f), part, (int)tensor->shape[0], *size);
    *size = (int)tensor->shape[0];
    return INFER_OK;
}

int trainer_location_sizes(infer_trainer *t) {
    struct foreign *f;
    int status;
    INFER_TRY(foreign_open(t->ctx, FOREIGN_LOCATION, t->o.location, &f));
    INFER_GO(size_of(t, f, "capsule.0.b", &t->o.frequencies));
    INFER_GO(size_of(t, f, "capsule.1.weight", &t->o.location_hidden));
    INFER_GO(size_of(t, f, "head.0.weight", &t->o.dim));
done:
    foreign_close(f);
    return status;
}

/* Frequencies are drawn with deviation sigma. Some hundred of them tell it to a few percent, and
 * published sigmas are powers of two. */
static double sigma_of(const float *b, uint64_t n) {
    double sum = 0;
    for (uint64_t i = 0; i < n; i++) sum += (double)b[i] * (double)b[i];
    double sigma = sqrt(sum / (double)n), power = exp2(round(log2(sigma)));
    return fabs(sigma / power - 1) < 0.15 ? power : sigma;
}

static int copy_tensor(infer_trainer *t, const struct foreign *f, int from, int to,
                       const char *part) {
    const struct weights_tensor *source;
    char name[CATALOG_NAME];
    snprintf(name, sizeof name, PREFIX "%d.%s", to, part);
    const struct learn_tensor *target = learn_find(t->learner, CATALOG_HEADS, name);
    INFER_TRY(find(t, f, from, part, &source));
    if (!target || source->count != target->entry->count ||
        source->shape[0] != target->entry->shape[0])
        return infer_fail(t->ctx, INFER_ETENSOR, "%s: tensor " PREFIX "%d.%s has another shape",
                          foreign_path(f), from, part);
    weights_copy_f32(source, learn_arena(t->learner)->value + target->offset);
    return INFER_OK;
}

static int copy_branch(infer_trainer *t, const struct foreign *f, int from, int to, double scale) {
    static const char *const parts[] = {"capsule.0.b",      "capsule.1.weight", "capsule.1.bias",
                                        "capsule.3.weight", "capsule.3.bias",   "capsule.5.weight",
                                        "capsule.5.bias",   "head.0.weight",    "head.0.bias"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        INFER_TRY(copy_tensor(t, f, from, to, parts[i]));
    char name[CATALOG_NAME];
    snprintf(name, sizeof name, PREFIX "%d.%s", to, parts[0]);
    const struct learn_tensor *b = learn_find(t->learner, CATALOG_HEADS, name);
    float *value = learn_arena(t->learner)->value + b->offset;
    for (uint64_t i = 0; i < b->entry->count; i++) value[i] = (float)(scale * (double)value[i]);
    return INFER_OK;
}

static int measure_sigma(infer_trainer *t, const struct foreign *f, int branch, double *sigma) {
    const struct weights_tensor *b;
    INFER_TRY(find(t, f, branch, "capsule.0.b", &b));
    float *x = malloc(b->count * sizeof *x);
    if (!x) return infer_fail_memory(t->ctx, b->count * sizeof *x);
    weights_copy_f32(b, x);
    *sigma = sigma_of(x, b->count);
    free(x);
    if (*sigma > 0 && isfinite(*sigma)) return INFER_OK;
    return infer_fail(t->ctx, INFER_EVALUE,
                      "%s: the frequencies of branch %d are no numbers to use", foreign_path(f),
                      branch);
}

static int copy_all(infer_trainer *t, const struct foreign *f) {
    double old[MODEL_MAX_BRANCHES] = {0};
    int branches = foreign_layers(f, PREFIX);
    if (!branches)
        return infer_fail(t->ctx, INFER_ETENSOR, "%s: holds no tensor " PREFIX "0...",
                          foreign_path(f));
    if (branches > MODEL_MAX_BRANCHES) branches = MODEL_MAX_BRANCHES;
    for (int i = 0; i < branches; i++) INFER_TRY(measure_sigma(t, f, i, &old[i]));
    for (int to = 0; to < t->o.branches; to++) {
        int from = 0;
        double sigma = t->o.sigma[to];
        for (int i = 1; i < branches; i++)
            if (fabs(log(sigma / old[i])) < fabs(log(sigma / old[from]))) from = i;
        INFER_TRY(copy_branch(t, f, from, to, sigma / old[from]));
    }
    return INFER_OK;
}

int trainer_location_load(infer_trainer *t) {
    struct foreign *f;
    INFER_TRY(foreign_open(t->ctx, FOREIGN_LOCATION, t->o.location, &f));
    int status = copy_all(t, f);
    foreign_close(f);
    return status;
}
