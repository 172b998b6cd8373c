#include "schedule.h"

#include <math.h>

static double decayed(const struct schedule *s, uint64_t step) {
    if (s->kind == SCHEDULE_EXPONENTIAL) return pow(s->decay, (double)(step / s->epoch));
    if (step < s->warmup || s->steps <= s->warmup) return 1;
    double done = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
    return 0.5 * (1 + cos(3.14159265358979323846 * done));
}

double schedule_rate(const struct schedule *s, uint64_t step) {
    double warm = step < s->warmup ? (double)(step + 1) / (double)s->warmup : 1;
    return s->rate * warm * decayed(s, step);
}
