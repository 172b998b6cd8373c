/* foreign_names.h - inside libinfer: the names in published checkpoints, made canonical. */
#ifndef INFER_FOREIGN_NAMES_H
#define INFER_FOREIGN_NAMES_H

#include "foreign.h"

enum foreign_verdict {
    FOREIGN_TAKEN,   /* it has canonical names */
    FOREIGN_BESIDE,  /* known, and not needed: a text tower, an optimizer, another module */
    FOREIGN_UNKNOWN, /* to be listed */
    FOREIGN_REFUSED  /* it changes what the model computes, and we do not compute that */
};

struct foreign_names {
    enum foreign_verdict verdict;
    int parts; /* 1, or 3 for a fused query, key and value: equal row blocks of the tensor */
    char names[3][CATALOG_NAME];
    const char *reason; /* of FOREIGN_REFUSED */
};

void foreign_names_of(enum foreign_kind kind, const char *name, struct foreign_names *out);

#endif
