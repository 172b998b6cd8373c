#include "learn_kernels.h"

#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__)

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#define LANES 16
typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef double vd __attribute__((vector_size(64)));

static inline vf v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
static inline void v_store(float *p, vf x) {
    _mm512_storeu_ps(p, x);
}
static inline __mmask16 first_lanes(size_t n) {
    return (__mmask16)((1U << n) - 1);
}
static inline vf v_load_n(const float *p, size_t n, float fill) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first_lanes(n), p);
}
static inline void v_store_n(float *p, vf x, size_t n) {
    _mm512_mask_storeu_ps(p, first_lanes(n), x);
}
static inline vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
static inline vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
static inline vf v_round(vf x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf v_scale(vf x, vf n) {
    return _mm512_scalef_ps(x, n);
}
static inline vd v_low(vf x) {
    return _mm512_cvtps_pd(_mm512_castps512_ps256(x));
}
static inline vd v_high(vf x) {
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
}
static inline vf v_join(vd low, vd high) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high),
                              1);
}
static inline vd vd_fma(vd a, vd b, vd c) {
    return _mm512_fmadd_pd(a, b, c);
}

#include "kernels_simd.inc"

#include "kernels_learn.inc"

const struct infer_kernel_table *infer_kernels_avx512(void) {
    static const struct infer_kernel_table table = {
        .name = "avx512",
        .gemm = infer_kernels_gemm_blas,
        .activate = activate,
        .layernorm = layernorm,
        .softmax = softmax,
        .add_scaled = add_scaled,
        .normalize = normalize,
        .fourier = fourier,
        .learn = &learn_table,
    };
    return &table;
}

#else

const struct infer_kernel_table *infer_kernels_avx512(void) {
    return NULL;
}

#endif
