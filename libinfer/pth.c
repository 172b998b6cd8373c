#include "context.h"
#include "weights.h"
int pth_read(infer *ctx, struct weights *weights) {
    return infer_fail(ctx, INFER_EFORMAT, "%s: .pth files are not read yet", weights_path(weights));
}
