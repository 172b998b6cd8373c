#include "projection.h"

#include <math.h>

void projection_equal_earth(const double lonlat[2], double xy[2]) {
    const double a1 = 1.340264, a2 = -0.081106, a3 = 0.000893, a4 = 0.003796, scale = 66.50336;
    const double radians = 3.14159265358979323846 / 180, root = 1.73205080756887729353;
    double t = asin(root / 2 * sin(lonlat[1] * radians));
    double t2 = t * t, t6 = t2 * t2 * t2;
    double d = 3 * (9 * a4 * t6 * t2 + 7 * a3 * t6 + 3 * a2 * t2 + a1);
    xy[0] = 2 * root * lonlat[0] * radians * cos(t) / d * scale / 180;
    xy[1] = t * (a4 * t6 * t2 + a3 * t6 + a2 * t2 + a1) * scale / 180;
}
