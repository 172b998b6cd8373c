/* train_store.h - inside libinfer: what a training's state holds beside the weights. */
#ifndef INFER_TRAIN_STORE_H
#define INFER_TRAIN_STORE_H

#include "trainer.h"

#define TRAIN_SETTINGS 4096 /* bytes, at most, of either text */

/* What must be the same for a state to go on, and what may change: rates and durations. */
void train_settings_fixed(const infer_trainer *t, char *out, size_t size);
void train_settings_course(const infer_trainer *t, char *out, size_t size);

/* Goes through two texts to the next line that differs: false, and its name in `name`; true at the
 * end. */
bool train_settings_compare(const char **here, const char **there, char *name, size_t size);

#endif
