/* learn.h - inside libinfer: what training computes. Parameters with gradients, the modules'
 * backward passes beside their forward ones, the losses, and Adam.
 *
 * A learner holds parameters of one model_config in a few flat arrays, under the canonical names of
 * modules.h. Each module has a pair x_forward, x_backward: forward saves what backward needs in the
 * module's own working memory (which grows to the largest batch seen and is then reused); backward
 * belongs to the module's latest forward and ADDS to the gradients. The passes at the end put those
 * together, with a whole batch's loss in memory bounded by micro-batches.
 *
 * Every module computes what PyTorch's does in training mode: norm_first TransformerEncoderLayer
 * and TransformerDecoderLayer with exact GELU, CLIP's and DINOv2's layers, Mish and ReLU MLPs.
 * Results are the same bits for every number of threads; different kernels (plain, vector) differ
 * in rounding.
 *
 * A learner belongs to one thread at a time and is used with the context it was opened with.
 * Functions that return a status fail for want of memory (INFER_ENOMEM) or, with INFER_EUSAGE, for
 * modules or sizes that the learner was not opened for; nothing else. Numbers that are not finite
 * run through to the loss, where the caller sees them.
 */
#ifndef INFER_LEARN_H
#define INFER_LEARN_H

#include "catalog.h"

#include <stdbool.h>

struct learner;

/* One parameter, under its canonical name. */
struct learn_tensor {
    const struct catalog_entry *entry; /* name, file, module, shape, count */
    size_t offset;                     /* where its `count` floats begin in every array below */
    bool trained;                      /* it has a gradient and moments */
};

/* The flat arrays. Trained tensors come first, so that one loop over [0, trained) is the whole of
 * an optimizer; gaps between tensors, for alignment, hold zeros and stay zero. Buffers (the
 * location encoder's frequencies "capsule.0.b", DINOv2's unused mask_token) are never trained. */
struct learn_arena {
    float *value;    /* [count] */
    float *gradient; /* [trained] */
    float *first;    /* [trained] Adam's exponential mean of gradients */
    float *second;   /* [trained] and of their squares */
    size_t trained, count;
    size_t tensors;
    const struct learn_tensor *tensor; /* [tensors], in the catalog's order */
};

/* Makes a learner for some of the config's modules (bits 1 << enum catalog_module); `train` says
 * which of those get gradients. Everything is zero. config is copied and must have passed
 * config_check as far as these modules go; a module that config has not is ignored (so a frame-wise
 * head is a config whose tempgeo is not present). Needs 4 floats a trained and 1 a frozen number.
 */
int learn_open(infer *ctx, const struct model_config *config, unsigned modules, unsigned train,
               struct learner **learner);
void learn_close(struct learner *learner); /* NULL is fine */

/* Valid, and at the same addresses, as long as the learner; values may be written between calls. */
const struct learn_arena *learn_arena(const struct learner *learner);
/* NULL if there is none of that name. file: CATALOG_CLIP, CATALOG_DINOV2, CATALOG_HEADS. */
const struct learn_tensor *learn_find(const struct learner *learner, enum catalog_file file,
                                      const char *name);

/* Fresh weights for the modules, as PyTorch's constructors make them (reference: nn.Linear,
 * nn.MultiheadAttention, trunc_normal 0.02 positions and class tokens, LayerScale 1, logit scale
 * ln(1/0.07)); capsule.0.b of branch i is normal with deviation sigma[i]. Depends on the seed and
 * the tensor's name alone, not on which modules the learner has. sigma may be NULL without
 * CATALOG_M_LOCATION. */
void learn_init(struct learner *learner, unsigned modules, const double *sigma, uint64_t seed);

/* Copies the modules' tensors from a loaded model with the same sizes. INFER_EUSAGE if a tensor is
 * not there: the model was loaded without that part, or is of another shape. */
int learn_copy(struct learner *learner, const infer_model *model, unsigned modules);

/* ----------------------------------------------------------------------- one step */
/* How a forward pass draws its dropout masks. A mask is a function of (seed, step, place in the
 * model, video, element) and of nothing else: neither threads nor micro-batches nor a resumed run
 * change it. */
struct learn_dropout {
    float p; /* 0: none; 0.1 in the paper (supplement A) */
    uint64_t seed, step;
};

/* Sets all gradients to zero; a learner begins with zeros. */
void learn_clear(struct learner *learner);

/* The Euclidean norm over all gradients, summed in double. */
double learn_gradient_norm(const struct learner *learner);

/* torch.optim.Adam without weight decay: step counts from 1; gradients are taken times `scale`
 * (clipping: torch.nn.utils.clip_grad_norm_ is scale = min(1, most / (norm + 1e-6)); else 1). The
 * logit scale is then held at ln(100) at most (CLIP section 2.5, VidTAG supplement A). Clears the
 * gradients as it goes. */
struct learn_adam {
    double rate, beta1, beta2, epsilon; /* PyTorch: 1e-3, 0.9, 0.999, 1e-8 */
};
void learn_adam_step(struct learner *learner, const struct learn_adam *adam, uint64_t step,
                     double scale);

/* ----------------------------------------------------------------------- modules */
/* `first` is the number of the first video in the step's whole batch: it only tells masks apart.
 * dropout NULL: none. A module that is not trained can run forward and has no backward. */

/* TempGeo (if the config has it) and the MLP head, or an MLP head alone (CATALOG_M_TEMPGEO,
 * CATALOG_M_MLP). features: [videos][frames][in]; out: [videos][frames][embedding], unit rows.
 * frames <= max_frames where there is TempGeo. features must stay as they are until backward. */
int learn_frames_forward(struct learner *learner, const float *features, size_t videos,
                         size_t frames, size_t first, const struct learn_dropout *dropout,
                         float *out);
/* gradient: of the loss with respect to out. */
int learn_frames_backward(struct learner *learner, const float *gradient);

/* Location encoder (CATALOG_M_LOCATION). lonlat: double [n][2], degrees; out: [n][embedding], unit
 * rows. Phases in double; no dropout in it. */
int learn_points_forward(struct learner *learner, const double *lonlat, size_t n, float *out);
int learn_points_backward(struct learner *learner, const float *gradient);

/* GeoRefiner (CATALOG_M_REFINER). frames, gps, out: [videos][length][embedding], unit rows. */
int learn_refiner_forward(struct learner *learner, const float *frames, const float *gps,
                          size_t videos, size_t length, size_t first,
                          const struct learn_dropout *dropout, float *out);
int learn_refiner_backward(struct learner *learner, const float *gradient);

/* A backbone: module is CATALOG_M_CLIP or CATALOG_M_DINOV2. pixels: [n][3][size][size], normalised
 * with the backbone's mean and std (picture.c), size = config.picture_size; out: [n][dim],
 * as vit_forward's: not normalised. pixels must stay as they are until backward. */
int learn_vit_forward(struct learner *learner, enum catalog_module module, const float *pixels,
                      size_t n, float *out);
int learn_vit_backward(struct learner *learner, enum catalog_module module, const float *gradient);

/* Rows to unit length in place, and back: y are the unit rows, norms what forward wrote [n];
 * gradient [n][dim] with respect to y becomes the one with respect to x, in place. */
void learn_normalize_forward(const infer *ctx, float *x, size_t n, size_t dim, float *norms);
void learn_normalize_backward(const infer *ctx, const float *y, const float *norms, size_t n,
                              size_t dim, float *gradient);

/* ----------------------------------------------------------------------- losses */
/* Losses are means, in double. Gradients are overwritten; NULL: not wanted. At most `most` bytes of
 * similarities are held (0: 64 MiB, which 4096 rows fill); larger batches go in blocks of rows, and
 * the contrast's are then computed twice. */

/* Symmetric cross-entropy of S = exp(log_scale) A B^T against the identity (VidTAG supplement B.1;
 * CLIP section 2.3; as InfoNCE over two views of one place, phase 0). a: [n][dim]; b: [m][dim],
 * m >= n, unit rows; row i of b belongs to row i of a, and rows from n on are further negatives,
 * which only the direction from a to b sees. hits: how many rows of a have their own b as the
 * nearest; NULL: not wanted. */
struct learn_contrast {
    const float *a, *b;
    size_t n, m, dim;
    double log_scale;
    size_t most;
    float *gradient_a, *gradient_b; /* [n][dim], [m][dim] */
    double loss, gradient_log_scale;
    size_t hits;
};
int learn_contrast_loss(infer *ctx, struct learn_contrast *what);

/* Phase II (supplement B.1): L(frames) + L(videos), L = alpha (mean of the upper + mean of the
 * lower triangle) + beta mean of the diagonal of (S - I)^2, S = refined truth^T; a video's row is
 * the normalised mean of its frames'. refined, truth: [videos][frames][dim], unit rows. alpha 10,
 * beta 1 as published. */
struct learn_hinge {
    const float *refined, *truth;
    size_t videos, frames, dim;
    double alpha, beta;
    size_t most;
    float *gradient; /* with respect to refined */
    double loss;
};
int learn_hinge_loss(infer *ctx, struct learn_hinge *what);

/* ----------------------------------------------------------------------- whole passes */
/* Loss and gradients of a whole batch, of which at most `micro` videos (0: all) are in working
 * memory with their activations at once: where the batch is larger, all of it is embedded first,
 * the loss gives the embeddings' gradients, and each micro-batch then runs forward again and
 * backward (GradCache, arXiv:2101.06983). Gradients do not depend on `micro` but for rounding. */

/* Phase I: features [videos][frames][in] against lonlat [videos][frames][2]. Trains whatever of
 * TempGeo, MLP, location encoder and logit scale the learner trains. negatives: further points
 * [extra][2] without frames, NULL for none as published. */
struct learn_batch {
    size_t videos, frames, micro;
    const float *features;
    const double *lonlat;
    const double *negatives;
    size_t extra;
    struct learn_dropout dropout;
};
int learn_contrast_pass(struct learner *learner, const struct learn_batch *batch, double *loss,
                        size_t *hits);

/* Phase II: GeoRefiner on frame embeddings and the GPS embeddings of noised truth (or of retrieved
 * points), towards the truth's. All [videos][frames][embedding]. contrastive: our alternative, the
 * Phase I loss on refined rows at log_scale, with rows from `negatives` [extra][embedding] (NULL:
 * none) besides the batch's own; else the published loss, alpha and beta. */
struct learn_refinement {
    size_t videos, frames, micro;
    const float *embeddings, *gps, *truth;
    struct learn_dropout dropout;
    bool contrastive;
    double log_scale;
    const float *negatives;
    size_t extra;
    double alpha, beta;
};
int learn_refine_pass(struct learner *learner, const struct learn_refinement *batch, double *loss);

/* Phase 0: a backbone on two views of n places; InfoNCE at the learner's logit scale if it has
 * CATALOG_M_SCALE (trained if that is), else at log_scale. micro counts places. pixels:
 * [2][n][3][size][size], normalised: one view of each place, then the other of each in the same
 * order. hits: as in learn_contrast. */
struct learn_views {
    enum catalog_module module;
    const float *pixels;
    size_t n, micro;
    double log_scale;
    bool look; /* loss and hits are all that is wanted */
};
int learn_views_pass(struct learner *learner, const struct learn_views *batch, double *loss,
                     size_t *hits);

#endif
