/* colour.h - inside libinfer: a decoded frame to 8-bit RGB in display orientation. */
#ifndef INFER_COLOUR_H
#define INFER_COLOUR_H

#include "container.h"
#include "model.h"

struct colour;

/* Keeps the converter and its memory from frame to frame. NULL when memory runs out. */
struct colour *colour_new(infer *ctx);
void colour_free(struct colour *colour);

/* The picture is valid until the next call. INFER_EFORMAT if the frame is of no known kind or too
 * large; the text has no name of a file. */
int colour_convert(struct colour *colour, const struct container *container, const AVFrame *frame,
                   infer_picture *picture);

#endif
