/* folder.h - inside libinfer: a folder that appears whole or not at all.
 *
 * It is filled under a temporary name beside its place and renamed when it is complete. Replacing
 * swaps the two folders in one step, so that there is always one whole folder under the name.
 */
#ifndef INFER_FOLDER_H
#define INFER_FOLDER_H

#include "infer.h"

#include <stdbool.h>

struct folder {
    infer *ctx;
    char *place, *temporary;
    bool replace;
    int lock; /* held while the temporary folder is in use; 0: none */
};

/* INFER_EEXIST if something is at path and overwrite is not set, or if what is there is not a model
 * folder with nothing else in it. Nothing is made yet. */
int folder_check(infer *ctx, const char *path, bool overwrite);

/* Makes the temporary folder, and removes those that were left behind by processes that died. */
int folder_begin(infer *ctx, const char *path, bool overwrite, struct folder *folder);

/* The path of a file in it, to be freed; NULL for want of memory. */
char *folder_file(const char *folder, const char *name);

/* Puts the folder in its place, on disk. */
int folder_commit(struct folder *folder);

/* Lets the context's message speak of the folder's place, not of the temporary one. */
void folder_name_place(struct folder *folder);

/* Removes what was not committed and frees; safe after folder_commit and on a zeroed struct. */
void folder_end(struct folder *folder);

#endif
