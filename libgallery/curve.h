/* curve.h - inside libgallery: the Hilbert curve over a grid of 2^32 by 2^32 cells.
 *
 * Starts at (0, 0) and ends at (2^32 - 1, 0); neighbours on the curve are neighbours on the grid.
 */
#ifndef GALLERY_CURVE_H
#define GALLERY_CURVE_H

#include <stdint.h>

uint64_t gallery_curve_encode(uint32_t x, uint32_t y);
void gallery_curve_decode(uint64_t d, uint32_t *x, uint32_t *y);

#endif
