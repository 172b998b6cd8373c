#include "f16.h"

#include <string.h>

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

static float decode_one(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu, bits;
    if (exponent == 31) {
        /* Like the instruction, a signalling NaN comes out quiet. */
        bits = sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0);
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        float small = (float)fraction * 0x1p-24f; /* subnormal or zero: exact */
        memcpy(&bits, &small, sizeof bits);
        bits |= sign;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t encode_one(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (rest >> 13 & 0x3ffu));
    if (rest >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* from 65520 on: infinity */
    if (rest < 0x38800000u) { /* below 2^-14: the grid of subnormals is 2^-24 */
        if (rest <= 0x33000000u) return (uint16_t)sign; /* at most half a step: to even zero */
        uint32_t shift = 126 - (rest >> 23), fraction = (rest & 0x7fffffu) | 0x800000u;
        uint32_t half = fraction >> shift, left = fraction & ((1u << shift) - 1);
        uint32_t middle = 1u << (shift - 1);
        return (uint16_t)(sign | (half + (left > middle || (left == middle && (half & 1)))));
    }
    rest += 0xfffu + (rest >> 13 & 1); /* a carry into the exponent is right */
    return (uint16_t)(sign | (rest - 0x38000000u) >> 13);
}

static void decode_plain(const uint8_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = decode_one((uint16_t)(in[2 * i] | in[2 * i + 1] << 8));
}

static void encode_plain(const float *in, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++) {
        uint16_t half = encode_one(in[i]);
        out[2 * i] = (uint8_t)half;
        out[2 * i + 1] = (uint8_t)(half >> 8);
    }
}

const struct gallery_f16 gallery_f16_plain = {decode_plain, encode_plain};

#if defined __x86_64__
__attribute__((target("avx2,f16c"))) static void decode_f16c(const uint8_t *in, size_t n,
                                                             float *out) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(
            out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(in + 2 * i))));
    decode_plain(in + 2 * i, n - i, out + i);
}

__attribute__((target("avx2,f16c"))) static void encode_f16c(const float *in, size_t n,
                                                             uint8_t *out) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
    encode_plain(in + i, n - i, out + 2 * i);
}

static const struct gallery_f16 f16c = {decode_f16c, encode_f16c};

const struct gallery_f16 *gallery_f16_choose(void) {
    unsigned a, b, c, d;
    /* The compiler's check covers the operating system's part; not every compiler knows "f16c". */
    if (!__builtin_cpu_supports("avx2") || !__get_cpuid(1, &a, &b, &c, &d))
        return &gallery_f16_plain;
    return c & bit_F16C ? &f16c : &gallery_f16_plain;
}
#else
const struct gallery_f16 *gallery_f16_choose(void) {
    return &gallery_f16_plain;
}
#endif
