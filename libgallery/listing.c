#include "listing.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* A run of digits compares as a number: first without leading zeros, then by length. */
static int compare_digits(const char **a, const char **b) {
    while (**a == '0' && isdigit((unsigned char)(*a)[1])) ++*a;
    while (**b == '0' && isdigit((unsigned char)(*b)[1])) ++*b;
    size_t n = strspn(*a, "0123456789"), m = strspn(*b, "0123456789");
    int order = n != m ? (n < m ? -1 : 1) : strncmp(*a, *b, n);
    *a += n;
    *b += m;
    return order;
}

int gallery_natural_compare(const char *a, const char *b) {
    const char *x = a, *y = b;
    while (*x && *y) {
        int order;
        if (isdigit((unsigned char)*x) && isdigit((unsigned char)*y))
            order = compare_digits(&x, &y);
        else
            order = (unsigned char)*x++ - (unsigned char)*y++;
        if (order) return order;
    }
    return *x || *y ? (unsigned char)*x - (unsigned char)*y : strcmp(a, b);
}

static int compare_entries(const void *a, const void *b) {
    return gallery_natural_compare(*(char *const *)a, *(char *const *)b);
}

int gallery_listing_add(gallery_context *ctx, gallery_listing *l, char *name) {
    if (name && l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        char **names = realloc(l->names, room * sizeof *names);
        if (!names) {
            free(name);
            return gallery_fail_memory(ctx, room * sizeof *names);
        }
        l->names = names;
        l->room = room;
    }
    if (!name) return gallery_fail_memory(ctx, 64);
    l->names[l->n++] = name;
    return GALLERY_OK;
}

static bool is_wanted(const char *folder, const char *name, const char *ending) {
    size_t n = strlen(name), m = strlen(ending);
    if (*name == '.') return false;
    if (m) return n > m && !strcasecmp(name + n - m, ending);
    char *path;
    struct stat st;
    if (asprintf(&path, "%s/%s", folder, name) < 0) return false;
    bool is_folder = !stat(path, &st) && S_ISDIR(st.st_mode);
    free(path);
    return is_folder;
}

int gallery_listing_read(gallery_context *ctx, const char *folder, const char *ending,
                         gallery_listing *l) {
    int status = GALLERY_OK;
    struct dirent *entry;
    *l = (gallery_listing){0};
    DIR *dir = opendir(folder);
    if (!dir) return gallery_fail_errno(ctx, folder);
    while (status == GALLERY_OK && (errno = 0, entry = readdir(dir)))
        if (is_wanted(folder, entry->d_name, ending))
            status = gallery_listing_add(ctx, l, strdup(entry->d_name));
    if (status == GALLERY_OK && errno) status = gallery_fail_errno(ctx, folder);
    closedir(dir);
    if (l->n) qsort(l->names, l->n, sizeof *l->names, compare_entries);
    if (status != GALLERY_OK) gallery_listing_free(l);
    return status;
}

void gallery_listing_free(gallery_listing *l) {
    for (size_t i = 0; i < l->n; i++) free(l->names[i]);
    free(l->names);
    *l = (gallery_listing){0};
}
