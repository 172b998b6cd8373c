/* pictures.h - inside libinfer: the names of pictures in a folder, of a pattern, of a list. */
#ifndef INFER_PICTURES_H
#define INFER_PICTURES_H

#include "context.h"

#include <stdbool.h>

struct pictures {
    char **paths;
    size_t n, room;
};

void pictures_free(struct pictures *pictures);

/* Copies the name; false when memory runs out. */
bool pictures_add(struct pictures *pictures, const char *path);

/* The files of a folder that pictures_by_name() knows, in natural order; hidden files and folders
 * are left out. INFER_EFORMAT if there is none. */
int pictures_of_folder(infer *ctx, const char *folder, struct pictures *pictures);

/* The files that a shell pattern matches, in natural order. INFER_EIO if there is none. */
int pictures_of_pattern(infer *ctx, const char *pattern, struct pictures *pictures);

/* The names in a text file ("-": standard input), one a line, in its order; empty lines are left
 * out. INFER_EFORMAT if there is none, or a line that is no name. */
int pictures_of_list(infer *ctx, const char *path, struct pictures *pictures);

/* The folder that n paths are in, as they are written; to be freed. NULL for want of memory. */
char *pictures_common_folder(const char *const *paths, size_t n);

/* Has it * ? or [ in it? */
bool pictures_is_pattern(const char *path);

/* Names as people number them: 2 before 10. Different names never compare equal. */
int pictures_compare(const char *a, const char *b);

#endif
