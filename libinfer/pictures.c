#include "pictures.h"
#include "media.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *const extensions[] = {"jpg",  "jpeg", "jpe", "png", "webp", "bmp", "tif",
                                         "tiff", "gif",  "ppm", "pgm", "pnm",  "jp2", "avif"};

bool infer_is_picture_name(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
        if (!strcasecmp(dot + 1, extensions[i])) return true;
    return false;
}

void pictures_free(struct pictures *p) {
    for (size_t i = 0; i < p->n; i++) free(p->paths[i]);
    free(p->paths);
    *p = (struct pictures){0};
}

static bool take(struct pictures *p, char *path) {
    if (!path) return false;
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        char **paths = realloc(p->paths, room * sizeof *paths);
        if (!paths) {
            free(path);
            return false;
        }
        p->paths = paths;
        p->room = room;
    }
    p->paths[p->n++] = path;
    return true;
}

bool pictures_add(struct pictures *p, const char *path) {
    return take(p, strdup(path));
}

/* ---------------------------------------------------------------------- order */

/* Compares the numbers that *a and *b begin with, of any length, and moves past them. */
static int compare_numbers(const char **a, const char **b) {
    while (**a == '0') ++*a;
    while (**b == '0') ++*b;
    size_t n = strspn(*a, "0123456789"), m = strspn(*b, "0123456789");
    if (n != m) return n < m ? -1 : 1;
    int order = memcmp(*a, *b, n);
    *a += n;
    *b += m;
    return order;
}

int pictures_compare(const char *a, const char *b) {
    const char *x = a, *y = b;
    while (*x && *y) {
        if (isdigit((unsigned char)*x) && isdigit((unsigned char)*y)) {
            int order = compare_numbers(&x, &y);
            if (order) return order;
        } else {
            if (*x != *y) return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
            x++;
            y++;
        }
    }
    if (*x || *y) return *x ? 1 : -1;
    return strcmp(a, b); /* 01 and 1 */
}

static int compare_paths(const void *a, const void *b) {
    return pictures_compare(*(char *const *)a, *(char *const *)b);
}

static void sort(struct pictures *p) {
    if (p->n) qsort(p->paths, p->n, sizeof *p->paths, compare_paths);
}

/* --------------------------------------------------------------------- finding */

static bool is_folder(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static char *join(const char *folder, const char *name) {
    char *path;
    size_t length = strlen(folder);
    bool slash = length && folder[length - 1] == '/';
    return asprintf(&path, "%s%s%s", folder, slash ? "" : "/", name) < 0 ? NULL : path;
}

static int add_entry(infer *ctx, const char *folder, const char *name, struct pictures *p) {
    if (*name == '.' || !infer_is_picture_name(name)) return INFER_OK;
    char *path = join(folder, name);
    if (!path) return infer_fail_memory(ctx, strlen(folder));
    if (is_folder(path)) {
        free(path);
        return INFER_OK;
    }
    return take(p, path) ? INFER_OK : infer_fail_memory(ctx, p->n * sizeof path);
}

int pictures_of_folder(infer *ctx, const char *folder, struct pictures *p) {
    DIR *d = opendir(folder);
    if (!d) return infer_fail_errno(ctx, folder);
    int status = INFER_OK;
    for (struct dirent *e; status == INFER_OK && (errno = 0, e = readdir(d));)
        status = add_entry(ctx, folder, e->d_name, p);
    if (status == INFER_OK && errno) status = infer_fail_errno(ctx, folder);
    closedir(d);
    INFER_TRY(status);
    sort(p);
    if (!p->n)
        return infer_fail(
            ctx, INFER_EFORMAT,
            "%s: no pictures in this folder (jpg, png, webp, bmp, tif, gif, ppm, jp2, "
            "avif; subfolders are not entered)",
            folder);
    return INFER_OK;
}

bool pictures_is_pattern(const char *path) {
    return strpbrk(path, "*?[") != NULL;
}

int pictures_of_pattern(infer *ctx, const char *pattern, struct pictures *p) {
    glob_t found = {0};
    int error = glob(pattern, GLOB_NOSORT, NULL, &found);
    int status = INFER_OK;
    if (error == GLOB_NOSPACE) status = infer_fail_memory(ctx, 0);
    for (size_t i = 0; !error && i < found.gl_pathc && status == INFER_OK; i++)
        if (!is_folder(found.gl_pathv[i]) && !pictures_add(p, found.gl_pathv[i]))
            status = infer_fail_memory(ctx, p->n * sizeof *p->paths);
    globfree(&found);
    INFER_TRY(status);
    sort(p);
    return p->n ? INFER_OK : infer_fail(ctx, INFER_EIO, "%s: no file matches", pattern);
}

/* ------------------------------------------------------------------------ lists */

static int read_names(infer *ctx, const char *path, FILE *in, struct pictures *p) {
    char line[PATH_MAX + 2]; /* no name is longer, whatever the file holds */
    for (long number = 1; fgets(line, sizeof line, in); number++) {
        size_t length = strlen(line);
        bool whole = length && (line[length - 1] == '\n' || feof(in));
        if (!whole)
            return infer_fail(ctx, INFER_EFORMAT, "%s:%ld: not a file's name%s", path, number,
                              length ? ": too long" : "");
        line[strcspn(line, "\r\n")] = 0;
        if (*line && !pictures_add(p, line)) return infer_fail_memory(ctx, p->n * sizeof *p->paths);
    }
    if (ferror(in)) return infer_fail_errno(ctx, path);
    return p->n ? INFER_OK : infer_fail(ctx, INFER_EFORMAT, "%s: no pictures are listed", path);
}

int pictures_of_list(infer *ctx, const char *path, struct pictures *p) {
    bool input = !strcmp(path, "-");
    FILE *in = input ? stdin : fopen(path, "re");
    if (!in) return infer_fail_errno(ctx, path);
    int status = read_names(ctx, input ? "standard input" : path, in, p);
    if (!input) fclose(in);
    return status;
}

char *pictures_common_folder(const char *const *paths, size_t n) {
    size_t length = n ? strlen(paths[0]) : 0;
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < length; k++)
            if (paths[i][k] != paths[0][k]) length = k; /* also at the end of paths[i] */
    while (length && paths[0][length - 1] != '/') length--;
    while (length > 1 && paths[0][length - 1] == '/') length--;
    return length ? strndup(paths[0], length) : strdup(".");
}
