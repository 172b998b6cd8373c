/* replace.h - inside libgallery: a new file takes a gallery's name, while readers of the old one
 * go on with it.
 */
#ifndef GALLERY_REPLACE_H
#define GALLERY_REPLACE_H

#include "storage.h"

/* Puts the file of `to`, whose name is `beside` or which has none yet, in place of that of `from`,
 * whose path without links is `real`. Closes the environment of `to`. */
int gallery_replace(gallery *from, const char *real, gallery *to, const char *beside);

#endif
