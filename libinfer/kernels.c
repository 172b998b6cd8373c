/* Which kernels run, and the product that the vector ones take from OpenBLAS. */
#include "kernels.h"

#include <cblas.h>
#include <stdbool.h>

static bool cpu_runs_avx2(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static bool cpu_runs_avx512(void) {
#if defined(__x86_64__)
    return cpu_runs_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq");
#else
    return false;
#endif
}

const struct infer_kernel_table *infer_kernels_choose(enum infer_kernel_set set) {
    const struct infer_kernel_table *avx2 = cpu_runs_avx2() ? infer_kernels_avx2() : NULL;
    const struct infer_kernel_table *avx512 = cpu_runs_avx512() ? infer_kernels_avx512() : NULL;
    switch (set) {
    case INFER_KERNELS_AUTO: return avx512 ? avx512 : avx2 ? avx2 : infer_kernels_plain();
    case INFER_KERNELS_PLAIN: return infer_kernels_plain();
    case INFER_KERNELS_AVX2: return avx2;
    case INFER_KERNELS_AVX512: return avx512;
    }
    return NULL;
}

void infer_kernels_gemm_blas(size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                             const float *b, size_t ldb, int transposed, float beta, float *c,
                             size_t ldc) {
    if (!m || !n) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, (blasint)m,
                (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c,
                (blasint)ldc);
}
