/* GeoRefiner (VidTAG section 3.4): an encoder over frame embeddings, a decoder over the GPS
 * embeddings of their best points; positions on both sides, no causal mask, no final norm. */
#include "context.h"
#include "modules.h"
#include "transformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct refiner {
    infer *ctx;
    size_t dim, encoders, decoders;
    const float *positions;
    struct transformer_layer *layer; /* [encoders + decoders] */
    struct scratch scratch;
};

int refiner_bind(infer *ctx, const infer_model *model, const struct transformer_config *config,
                 struct refiner **out) {
    size_t encoders = (size_t)config->encoder_layers, decoders = (size_t)config->decoder_layers;
    *out = NULL;
    struct refiner *refiner = calloc(1, sizeof *refiner);
    if (!refiner) return infer_fail_memory(ctx, sizeof *refiner);
    refiner->layer = calloc(encoders + decoders, sizeof *refiner->layer);
    if (!refiner->layer) {
        refiner_free(refiner);
        return infer_fail_memory(ctx, (encoders + decoders) * sizeof *refiner->layer);
    }
    refiner->ctx = ctx;
    refiner->dim = (size_t)config->dim;
    refiner->encoders = encoders;
    refiner->decoders = decoders;
    refiner->positions = model_tensor(model, "heads", "georefiner.pos_embedding.weight");
    for (size_t i = 0; i < encoders + decoders; i++) {
        bool decoder = i >= encoders;
        char prefix[64];
        snprintf(prefix, sizeof prefix, "georefiner.%s.layers.%d", decoder ? "decoder" : "encoder",
                 (int)(decoder ? i - encoders : i));
        transformer_bind(model, prefix, refiner->dim, (size_t)config->heads, (size_t)config->ff,
                         decoder, &refiner->layer[i]);
    }
    *out = refiner;
    return INFER_OK;
}

void refiner_free(struct refiner *refiner) {
    if (!refiner) return;
    scratch_free(&refiner->scratch);
    free(refiner->layer);
    free(refiner);
}

int refiner_forward(struct refiner *refiner, const float *frames, const float *gps, size_t n,
                    float *out) {
    infer *ctx = refiner->ctx;
    size_t count = n * refiner->dim;
    if (n == 0) return INFER_OK;
    INFER_TRY(
        scratch_reserve(ctx, &refiner->scratch,
                        SCRATCH_ROUND(count) + transformer_work_size(ctx, refiner->layer, 1, n)));
    struct transformer_work work;
    float *memory = scratch_take(&refiner->scratch, count);
    transformer_work_take(ctx, refiner->layer, 1, n, &refiner->scratch, &work);
    memcpy(memory, frames, count * sizeof *memory);
    memmove(out, gps, count * sizeof *out); /* out may be gps */
    ctx->kernels->add_scaled(refiner->positions, NULL, count, memory);
    ctx->kernels->add_scaled(refiner->positions, NULL, count, out);
    for (size_t i = 0; i < refiner->encoders; i++)
        transformer_forward(ctx, &refiner->layer[i], memory, 1, n, NULL, &work);
    for (size_t i = 0; i < refiner->decoders; i++)
        transformer_forward(ctx, &refiner->layer[refiner->encoders + i], out, 1, n, memory, &work);
    for (size_t i = 0; i < n; i++) ctx->kernels->normalize(out + i * refiner->dim, refiner->dim);
    return INFER_OK;
}
