/* window.h - a source of any length through a module that knows only so many positions.
 *
 * Rows go in one by one; windows of at most `length` rows overlap by a quarter, the last one ends
 * at the last row, and rows that two windows share are blended with a linear ramp. A source that
 * fits one window is computed in one piece. Memory is bounded by the window.
 */
#ifndef INFER_WINDOW_H
#define INFER_WINDOW_H

#include "infer.h"

typedef struct infer_window infer_window;

/* Computes one window. in: float [n][in_dim]; out: float [n][out_dim]. Returns enum infer_status.
 */
typedef int (*infer_window_fn)(void *user, const float *in, size_t n, float *out);

int infer_window_open(infer *ctx, size_t length, size_t in_dim, size_t out_dim, infer_window_fn fn,
                      void *user, infer_window **window);
void infer_window_close(infer_window *window);

/* Takes one row, and computes a window when one is full. After it, infer_window_take yields the
 * rows that are final; those not taken are kept. INFER_EUSAGE if rows of a finished source are
 * still there; the function's status if it fails, and then the source is forgotten. */
int infer_window_push(infer_window *window, const float *row);

/* No more rows: computes what is left. When all rows are taken, the window can start on another
 * source. Fails as infer_window_push. */
int infer_window_finish(infer_window *window);

/* Up to capacity final rows, in order, each once: as the function gave them, or of unit norm where
 * windows were blended. out: float [capacity][out_dim]. Returns how many. */
size_t infer_window_take(infer_window *window, float *out, size_t capacity);

#endif
