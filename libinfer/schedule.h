/* schedule.h - inside libinfer: the learning rate of each step, and how long training lasts. */
#ifndef INFER_SCHEDULE_H
#define INFER_SCHEDULE_H

#include <stdint.h>

enum schedule_kind {
    SCHEDULE_EXPONENTIAL, /* times `decay` after each epoch (VidTAG suppl. A) */
    SCHEDULE_COSINE       /* half a cosine from the warm-up's end to nothing after the last step */
};

struct schedule {
    enum schedule_kind kind;
    double rate, decay;
    uint64_t warmup; /* steps over which the rate grows linearly; 0: none */
    uint64_t epoch;  /* steps in one */
    uint64_t steps;  /* in all */
};

/* Of step 0 to steps - 1. */
double schedule_rate(const struct schedule *s, uint64_t step);

#endif
