/* positions.h - inside libinfer: a tower's position grid for another number of patches: bicubic
 * with A = -0.75, no antialiasing, align_corners false, as PyTorch's F.interpolate has it (DINOv2).
 */
#ifndef INFER_POSITIONS_H
#define INFER_POSITIONS_H

#include <stddef.h>

/* in: [from][from][dim], out: [to][to][dim]. */
void positions_resize(const float *in, size_t from, size_t to, size_t dim, float *out);

/* Gradients: in [from][from][dim] += what out's [to][to][dim] make of it. */
void positions_resize_backward(const float *out, size_t from, size_t to, size_t dim, float *in);

#endif
