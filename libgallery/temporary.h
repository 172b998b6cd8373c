/* temporary.h - what stands beside its place under a temporary name until it is whole.
 *
 * The name is PLACE.PID.NUMBER.tmp. A process locks (flock) what it works on; what a killed one
 * left behind is not locked, and goes with the next that makes something for that place. Functions
 * that return int answer 0 or errno. *name is free()d by the caller; *fd holds the lock.
 */
#ifndef GALLERY_TEMPORARY_H
#define GALLERY_TEMPORARY_H

/* An empty file, open for reading and writing, with the mode that open() would give it. */
int gallery_temporary_file(const char *place, char **name, int *fd);

/* Gives a name to an open file that has none (O_TMPFILE), and locks it. */
int gallery_temporary_link(const char *place, int open_fd, char **name);

/* An empty folder, for files whose names begin with "points". */
int gallery_temporary_folder(const char *place, char **name, int *fd);

/* Removes a folder of that kind. */
void gallery_temporary_remove_folder(const char *name);

/* Removes what killed processes left behind for `place`. */
void gallery_temporary_clean(const char *place);

#endif
