/* f16.h - IEEE 754 half precision as the store keeps it: little-endian, round to nearest even.
 *
 * Bytes, not uint16_t: a value inside an LMDB page has no useful alignment.
 */
#ifndef GALLERY_F16_H
#define GALLERY_F16_H

#include <stddef.h>
#include <stdint.h>

struct gallery_f16 {
    void (*decode)(const uint8_t *in /* [n][2] */, size_t n, float *out);
    void (*encode)(const float *in, size_t n, uint8_t *out /* [n][2] */);
};

/* Plain C: the oracle of the other, and what runs where it cannot. */
extern const struct gallery_f16 gallery_f16_plain;

/* The fastest that this CPU runs (F16C on x86-64). */
const struct gallery_f16 *gallery_f16_choose(void);

#endif
