#include "kernels.h"

const struct infer_kernel_table *infer_kernels_avx512(void) {
    return NULL;
}
