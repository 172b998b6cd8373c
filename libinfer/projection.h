/* projection.h - inside libinfer: the plane that the location encoder sees. */
#ifndef INFER_PROJECTION_H
#define INFER_PROJECTION_H

/* Equal Earth (Savric, Patterson, Jenny 2018), scaled as GeoCLIP does: at longitude 180 on the
 * equator x is 1. In double: float loses 5e-4 rad of phase at sigma 256. */
void projection_equal_earth(const double lonlat[2], double xy[2]);

#endif
