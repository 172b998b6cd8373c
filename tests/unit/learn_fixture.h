/* learn_fixture.h - what the tests of training share: the fixtures' tiny model as a learner, the
 * golden tensors, and comparison by the norm and the largest element of a gradient. */
#ifndef VT_LEARN_FIXTURE_H
#define VT_LEARN_FIXTURE_H

#include "libinfer/context.h"
#include "libinfer/learn.h"
#include "libinfer/modules.h"
#include "libinfer/weights.h"
#include "tests/unit/test.h"

#define TINY FIXTURES "/model-tiny"
#define BIT(module) (1u << (module))

static struct weights *golden;
static infer *main_ctx; /* plain kernels would do; of the model and the golden file */
static infer_model *tiny;
static char fixture_folder[] = "/tmp/infer_learn.XXXXXX";

static inline const float *expect(const char *name, size_t count) {
    const struct weights_tensor *tensor = weights_find(golden, name);
    const float *data = tensor ? weights_f32(tensor) : NULL;
    if (!data || (count && tensor->count != count)) {
        printf("# no tensor %s of %zu numbers\n", name, count);
        exit(1);
    }
    return data;
}

static inline bool fixture_open(void) {
    static char path[64];
    infer_import what = {.clip = TINY "/clip",
                         .dinov2 = TINY "/dinov2",
                         .heads = TINY "/heads.safetensors",
                         .tempgeo_heads = 4,
                         .refiner_heads = 4,
                         .output = path};
    if (infer_open(NULL, &main_ctx) != INFER_OK || !mkdtemp(fixture_folder)) return false;
    snprintf(path, sizeof path, "%s/model", fixture_folder);
    if (infer_model_import(main_ctx, &what) == INFER_OK &&
        infer_model_load(main_ctx, path, 15, &tiny) == INFER_OK &&
        weights_open(main_ctx, FIXTURES "/golden.safetensors", &golden) == INFER_OK)
        return true;
    printf("# %s\n", infer_message(main_ctx));
    return false;
}

static inline void fixture_close(void) {
    char command[96];
    weights_close(golden);
    infer_model_close(tiny);
    infer_close(main_ctx);
    snprintf(command, sizeof command, "rm -rf %s", fixture_folder);
    if (system(command)) printf("# %s stays\n", fixture_folder);
}

/* A context and a learner with the tiny model's weights; false if this CPU does not run the set. */
static inline bool learner_open(enum infer_kernel_set set, int threads, unsigned modules,
                                unsigned train, infer **ctx, struct learner **learner) {
    infer_options options = {.threads = threads, .kernels = set};
    if (infer_open(&options, ctx) != INFER_OK) return false;
    if (learn_open(*ctx, &tiny->config, modules, train, learner) != INFER_OK ||
        learn_copy(*learner, tiny, modules) != INFER_OK) {
        printf("# %s\n", infer_message(*ctx));
        exit(1);
    }
    return true;
}

static inline void learner_close(infer *ctx, struct learner *learner) {
    learn_close(learner);
    infer_close(ctx);
}

/* The difference's norm within `norm` of want's, and its largest element within `element` of want's
 * largest. */
static inline bool close_to(const char *name, const float *got, const float *want, size_t n,
                            double norm, double element) {
    double difference = 0, size = 0, worst = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        difference += d * d;
        size += (double)want[i] * (double)want[i];
        worst = !(d <= worst) ? d : worst; /* a NaN stays */
        largest = fmax(largest, fabs((double)want[i]));
    }
    bool good = sqrt(difference) <= norm * sqrt(size) && worst <= element * largest;
    if (!good || getenv("VERBOSE"))
        printf("# %-55s norm off by %.2e, largest by %.2e\n", name, sqrt(difference / size),
               worst / largest);
    return good;
}

#endif
