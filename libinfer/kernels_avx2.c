#include "learn_kernels.h"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#define LANES 8
typedef float vf __attribute__((vector_size(32)));
typedef int32_t vi __attribute__((vector_size(32)));
typedef double vd __attribute__((vector_size(32)));

static inline vf v_load(const float *p) {
    return _mm256_loadu_ps(p);
}
static inline void v_store(float *p, vf x) {
    _mm256_storeu_ps(p, x);
}
static inline vi first_lanes(size_t n) {
    const vi lane = {0, 1, 2, 3, 4, 5, 6, 7};
    return lane < (int32_t)n;
}
static inline vf v_load_n(const float *p, size_t n, float fill) {
    __m256i mask = (__m256i)first_lanes(n);
    return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask), (__m256)mask);
}
static inline void v_store_n(float *p, vf x, size_t n) {
    _mm256_maskstore_ps(p, (__m256i)first_lanes(n), x);
}
static inline vf v_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
static inline vf v_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
static inline vf v_round(vf x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x 2^n for whole n in [-151, 129], in two steps, so that both powers are normal numbers. */
static inline vf v_scale(vf x, vf n) {
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    vi first = (vi)half, second = (vi)whole - first;
    return x * (vf)((first + 127) << 23) * (vf)((second + 127) << 23);
}
static inline vd v_low(vf x) {
    return _mm256_cvtps_pd(_mm256_castps256_ps128(x));
}
static inline vd v_high(vf x) {
    return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
}
static inline vf v_join(vd low, vd high) {
    return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
}
static inline vd vd_fma(vd a, vd b, vd c) {
    return _mm256_fmadd_pd(a, b, c);
}

#include "kernels_simd.inc"

#include "kernels_learn.inc"

const struct infer_kernel_table *infer_kernels_avx2(void) {
    static const struct infer_kernel_table table = {
        .name = "avx2",
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

const struct infer_kernel_table *infer_kernels_avx2(void) {
    return NULL;
}

#endif
