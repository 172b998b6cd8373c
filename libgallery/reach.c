#include "reach.h"
#include "context.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* File systems of GDAL that stay on this machine. */
static const char *const local_systems[] = {"vsimem", "vsizip", "vsigzip", "vsitar", "vsisubfile"};

static bool starts(const char *text, const char *with) {
    return !strncasecmp(text, with, strlen(with));
}

/* --------------------------------------------------------------------- sources */

bool gallery_reach_is_database(const char *path) {
    return starts(path, "PG:") || starts(path, "postgresql://");
}

/* n characters that name this machine, or a socket on it. */
static bool is_local_host(const char *host, size_t n) {
    static const char *const names[] = {"", "localhost", "127.0.0.1", "::1", "[::1]"};
    if (memchr(host, ',', n)) return false; /* a list of hosts */
    if (n && *host == '/') return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && !strncasecmp(names[i], host, n)) return true;
    return false;
}

/* "host = 'a'" and the like; a service is a file's word for a host. Every word counts, even inside
 * of another value: whoever has a password `host=x` may write it otherwise. */
static bool names_remote_host(const char *text) {
    for (const char *at = text; *at; at++) {
        bool service = starts(at, "service");
        if (!service && !starts(at, "host")) continue;
        at += service ? 7 : starts(at, "hostaddr") ? 8 : 4;
        const char *value = at + strspn(at, " \t\r\n");
        if (*value != '=') {
            at--;
            continue;
        }
        value += 1 + strspn(value + 1, " \t\r\n'\"");
        if (service || !is_local_host(value, strcspn(value, " \t\r\n'\"&"))) return true;
    }
    return false;
}

/* postgresql://user:password@host:port/database?host=..., by itself or after PG:, for libpq takes
 * both. A comma goes on with another host, an `@` too many may mean anything. */
static bool is_remote_database(const char *path) {
    const char *uri = strstr(path, "://");
    if (names_remote_host(path)) return true;
    if (!uri) return false;
    const char *host = uri + strlen("://"), *end = host + strcspn(host, "/?#");
    if (memchr(host, ',', (size_t)(end - host)) || strchr(host, '%')) return true; /* in code */
    const char *at = memchr(host, '@', (size_t)(end - host));
    if (at) host = at + 1;
    if (memchr(host, '@', (size_t)(end - host))) return true;
    const char *name_end = host + strcspn(host, *host == '[' ? "]" : ":/?#");
    if (*name_end == ']') name_end++;
    return !is_local_host(host, (size_t)(name_end - host));
}

/* "/vsizip//vsicurl/..." is remote, too. */
static bool is_remote(const char *path) {
    if (gallery_reach_is_database(path)) return is_remote_database(path);
    if (strstr(path, "://")) return true;
    for (const char *at = strstr(path, "/vsi"); at; at = strstr(at + 1, "/vsi")) {
        bool local = false;
        for (size_t i = 0; i < sizeof local_systems / sizeof *local_systems; i++) {
            size_t n = strlen(local_systems[i]);
            local |= !strncmp(at + 1, local_systems[i], n) && strchr("/_", at[1 + n]);
        }
        if (!local) return true;
    }
    return false;
}

static int refuse(gallery_context *ctx, const char *path, bool remote) {
    int number = errno;
    char *name = gallery_reach_shown(path);
    if (!name) return gallery_fail_memory(ctx, strlen(path));
    errno = number;
    int status = remote
                     ? gallery_fail(ctx, GALLERY_EIO,
                                    "%s: not on this machine; --allow-net lets GDAL fetch it", name)
                     : gallery_fail_errno(ctx, name);
    free(name);
    return status;
}

int gallery_reach_check_path(gallery_context *ctx, const char *path, bool allow_net) {
    struct stat st;
    bool remote = is_remote(path);
    if (!*path) return gallery_fail(ctx, GALLERY_EIO, "'': no such file");
    if (remote && !allow_net) return refuse(ctx, path, true);
    if (remote || gallery_reach_is_database(path) || starts(path, "/vsi")) return GALLERY_OK;
    return stat(path, &st) ? refuse(ctx, path, false) : GALLERY_OK;
}

/* -------------------------------------------------------------------- passwords */

/* Takes [from, to) out of the text. */
static void cut(char *from, const char *to) {
    memmove(from, to, strlen(to) + 1);
}

/* user:password@: from the first colon to the last `@`. In a database's address the password may
 * hold any sign, in others the path may. */
static void cut_credentials(char *text, bool database) {
    char *uri = strstr(text, "://");
    if (!uri) return;
    char *begin = uri + strlen("://"),
         *end = begin + (database ? strlen(begin) : strcspn(begin, "/?#"));
    char *at = end;
    while (at > begin && *at != '@') at--;
    char *colon = memchr(begin, ':', (size_t)(at - begin));
    if (*at == '@' && colon) cut(colon, at);
}

/* To the end of a value: a quoted one ends with its quote, in which a backslash goes before a
 * sign of its own. */
static char *skip_value(char *value, const char *ends) {
    char quote = *value == '\'' || *value == '"' ? *value : '\0';
    if (quote) value++;
    for (; *value && (quote ? *value != quote : !strchr(ends, *value)); value++)
        if (*value == '\\' && value[1]) value++;
    return value + (quote && *value);
}

/* Words that no `=` follows belong to a value that should have been quoted. */
static char *skip_loose_words(char *end) {
    static const char space[] = " \t\r\n";
    for (;;) {
        char *word = end + strspn(end, space), *after = word + strcspn(word, " \t\r\n=");
        if (after == word || after[strspn(after, space)] == '=') return end;
        end = after;
    }
}

/* `password = 'a b'` and the like, and the space or sign before it. */
static void cut_words(char *text, const char *ends) {
    static const char *const names[] = {"sslpassword", "password", "passwd", "pwd"};
    for (char *at = text; *at; at++) {
        size_t n = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names && !n; i++)
            if (starts(at, names[i])) n = strlen(names[i]);
        char *equals = at + n + strspn(at + n, " \t\r\n");
        if (!n || *equals != '=') continue;
        char *value_end = skip_value(equals + 1 + strspn(equals + 1, " \t\r\n"), ends);
        if (*ends == ' ') value_end = skip_loose_words(value_end);
        if (*value_end && at > text && !strchr(ends, at[-1]))
            value_end++; /* what came before goes on after the sign between them */
        else if (at > text && strchr(ends, at[-1]))
            at--;
        cut(at, value_end);
        if (at > text) at--;
    }
}

char *gallery_reach_shown(const char *path) {
    bool database = gallery_reach_is_database(path), uri = strstr(path, "://") != NULL;
    size_t prefix = strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    char *text = strdup(path);
    if (!text || (!database && !uri && (prefix < 2 || path[prefix] != ':'))) return text;
    cut_credentials(text, database);
    cut_words(text, uri ? "&#" : database ? " \t\r\n" : " \t\r\n,;");
    return text;
}

/* --------------------------------------------------------------------- options */

/* With a star at the end: all names that begin so. */
static bool listed(const char *const *names, const char *pair) {
    size_t n = strcspn(pair, "=");
    for (; *names; names++) {
        size_t length = strlen(*names);
        bool open = (*names)[length - 1] == '*';
        if (open ? !strncasecmp(*names, pair, length - 1)
                 : length == n && !strncasecmp(*names, pair, n))
            return true;
    }
    return false;
}

static int check_pairs(gallery_context *ctx, const char *option, const char *const *pairs,
                       const char *const *refused, bool allow_net) {
    for (; pairs && *pairs; pairs++) {
        if (!strchr(*pairs, '=') || **pairs == '=')
            return gallery_fail(ctx, GALLERY_EUSAGE, "%s: '%s' is no NAME=VALUE", option, *pairs);
        if (!allow_net && listed(refused, *pairs))
            return gallery_fail(ctx, GALLERY_EUSAGE,
                                "%s: %.*s can reach other files or hosts: this must be allowed "
                                "(--allow-net)",
                                option, (int)strcspn(*pairs, "="), *pairs);
    }
    return GALLERY_OK;
}

int gallery_reach_check_options(gallery_context *ctx, const gallery_grid_setup *setup) {
    static const char *const opening[] = {"CONFIG_FILE",
                                          "DOWNLOAD_SCHEMA",
                                          "FEATURE_SERVER_PAGING",
                                          "GFS_TEMPLATE",
                                          "HOST",
                                          "REGISTRY",
                                          "SERVICE",
                                          "WRITE_GFS",
                                          "XSD",
                                          "PRELUDE_STATEMENTS",
                                          "CLOSING_STATEMENTS",
                                          NULL};
    static const char *const config[] = {"AWS_*",
                                         "AZURE_*",
                                         "CPL_AWS_*",
                                         "CPL_AZURE_*",
                                         "CPL_CURL*",
                                         "CPL_GCE_*",
                                         "CPL_GS_*",
                                         "CPL_LOG*",
                                         "CPL_VSIL_*",
                                         "CURL_*",
                                         "GDAL_DATA",
                                         "GDAL_DRIVER_PATH",
                                         "GDAL_HTTP*",
                                         "GDAL_PROXY*",
                                         "GDAL_PYTHON_*",
                                         "GDAL_VRT_*",
                                         "GML_DOWNLOAD_SCHEMA",
                                         "GML_GFS_TEMPLATE",
                                         "GML_REGISTRY",
                                         "GML_SAVE_RESOLVED_TO",
                                         "GML_SKIP_RESOLVE_ELEMS",
                                         "GOA2_*",
                                         "GS_*",
                                         "OGR_DRIVER_PATH",
                                         "OGR_SQLITE_LOAD_EXTENSIONS",
                                         "OGR_SQLITE_PRAGMA",
                                         "OSM_CONFIG_FILE",
                                         "OSS_*",
                                         "PROJ_*",
                                         "PYTHONSO",
                                         "SSL_*",
                                         "SWIFT_*",
                                         "VSIS3_*",
                                         "WEBHDFS_*",
                                         NULL};
    GALLERY_TRY(check_pairs(ctx, "--config", setup->config, config, setup->allow_net));
    return check_pairs(ctx, "-oo", setup->open_options, opening, setup->allow_net);
}

/* ------------------------------------------------------------------------- SQL */

/* A word, number, quoted text or sign of GDAL's dialect, read the way GDAL reads it. */
static const char *skip_token(const char *c) {
    if (*c == '"' || *c == '\'') {
        char quote = *c++;
        for (; *c; c++) {
            bool twice = quote == '\'' && *c == quote;
            if ((*c == '\\' || twice) && c[1] == quote)
                c++;
            else if (*c == quote)
                return c + 1;
        }
        return c;
    }
    if (isdigit((unsigned char)*c)) {
        c += strspn(c, "0123456789");
        if (*c == '.') c += 1 + strspn(c + 1, "0123456789");
        if (*c == 'e' || *c == 'E') c += c[1] == '-' || c[1] == '+' ? 2 : 1;
        return c + strspn(c, "0123456789");
    }
    if (!isalnum((unsigned char)*c)) return c + (*c != '\0');
    while (isalnum((unsigned char)*c) || *c == '_' || (unsigned char)*c > 127) c++;
    return c;
}

/* GDAL's dialect opens whatever stands before a table's name: FROM 'file'.table. */
static bool names_other_source(const char *sql) {
    bool table = false;
    for (const char *c = sql; *c;) {
        c += strspn(c, " \t\r\n");
        const char *end = skip_token(c), *next = end + strspn(end, " \t\r\n");
        if (table && *next == '.') return true;
        table = end - c == 4 && (!strncasecmp(c, "FROM", 4) || !strncasecmp(c, "JOIN", 4));
        c = end;
    }
    return false;
}

int gallery_reach_check_sql(gallery_context *ctx, const char *path, const char *sql, bool ogr_sql,
                            bool allow_net) {
    const char *begin = sql + strspn(sql, " \t\r\n");
    if (strncasecmp(begin, "SELECT", 6) && strncasecmp(begin, "WITH", 4))
        return gallery_fail(ctx, GALLERY_EUSAGE, "-sql: it must begin with SELECT or WITH");
    if (!ogr_sql || allow_net || !names_other_source(sql)) return GALLERY_OK;
    return gallery_fail(ctx, GALLERY_EUSAGE,
                        "%s: -sql: it reads tables of another source: this must be allowed "
                        "(--allow-net)",
                        path);
}
