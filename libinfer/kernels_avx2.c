#include "kernels.h"

const struct infer_kernel_table *infer_kernels_avx2(void) {
    return NULL;
}
