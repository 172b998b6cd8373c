#include "cli.h"
#include "libgallery/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_OPTIONS 96

enum { KEY_HELP = 1000, KEY_VERSION, KEY_OVERWRITE, KEY_THREADS, KEY_PROGRESS };

struct common_option {
    unsigned when; /* enum cli_common; 0: always */
    struct cli_option option;
};

static const struct common_option common_options[] = {
    {CLI_MODEL, {'m', "model", "MODEL", "model folder (default: $VT_MODEL)"}},
    {CLI_GALLERY, {'g', "gallery", "GALLERY", "gallery file (default: $VT_GALLERY)"}},
    {CLI_GALLERIES,
     {'g', "gallery", "GALLERY",
      "gallery file; several are searched as one (default: $VT_GALLERY)"}},
    {CLI_OUTPUT, {'o', "output", "FILE", "write to FILE, whole or not at all (default: stdout)"}},
    {CLI_OUTPUT | CLI_OVERWRITE, {KEY_OVERWRITE, "overwrite", NULL, "replace an existing output"}},
    {CLI_THREADS, {KEY_THREADS, "threads", "N", "threads to compute with (default: all cores)"}},
    {CLI_PROGRESS,
     {KEY_PROGRESS, "progress", "WHEN", "auto (on a terminal), none, or json, on stderr"}},
    {CLI_PROGRESS, {'q', "quiet", NULL, "no progress and no warnings"}},
    {0, {KEY_HELP, "help", NULL, "print this help and exit"}},
    {0, {KEY_VERSION, "version", NULL, "print the version and exit"}},
};
#define COMMON_COUNT (sizeof common_options / sizeof *common_options)

struct parser {
    struct cli_option options[MAX_OPTIONS]; /* the tool's own, then the common ones */
    struct option getopt[MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 2];
    int count;
};

/* ------------------------------------------------------------------ messages */

static bool line_is_open; /* progress stands on the terminal's last line */

static void print_name(const cli *c) {
    fputs(c->spec->tool, stderr);
    if (c->spec->command) fprintf(stderr, " %s", c->spec->command);
    fputs(": ", stderr);
}

/* Names of files and what records carry go into messages: nothing in them may steer a terminal. */
static void print_message(const cli *c, const char *format, va_list args) {
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at == 0x7f) *at = '?';
        /* U+0080 to U+009F are control characters too */
        if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) *at = at[1] = '?';
    }
    if (line_is_open) fputs("\r\033[K", stderr);
    line_is_open = false;
    print_name(c);
    fprintf(stderr, "%s\n", text);
}

void cli_error(const cli *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_message(c, format, args);
    va_end(args);
}

void cli_warn(const cli *c, const char *format, ...) {
    if (c->quiet) return;
    va_list args;
    va_start(args, format);
    print_message(c, format, args);
    va_end(args);
}

static _Noreturn void point_to_help(const cli *c) {
    const char *command = c->spec->command;
    fprintf(stderr, "Try '%s%s%s --help'.\n", c->spec->tool, command ? " " : "",
            command ? command : "");
    exit(CLI_USAGE);
}

void cli_usage(const cli *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_message(c, format, args);
    va_end(args);
    point_to_help(c);
}

/* ------------------------------------------------------------------- options */

static void print_option(const struct cli_option *o) {
    char left[80];
    if (o->key < 256)
        snprintf(left, sizeof left, "  -%c, --%s%s%s", o->key, o->name, o->arg ? " " : "",
                 o->arg ? o->arg : "");
    else
        snprintf(left, sizeof left, "      --%s%s%s", o->name, o->arg ? " " : "",
                 o->arg ? o->arg : "");
    printf("%-28s %s\n", left, o->help);
}

/* Ends after --help and the like, which are all that the user wanted. */
static _Noreturn void exit_printed(const char *tool) {
    if (!fflush(stdout) && !ferror(stdout)) exit(CLI_DONE);
    fprintf(stderr, "%s: standard output: cannot write: %s\n", tool, strerror(errno));
    exit(CLI_FAILED);
}

static _Noreturn void print_help(const cli *c, const struct parser *p) {
    const struct cli_spec *s = c->spec;
    printf("Usage: %s%s%s [OPTIONS]%s%s\n%s\n\n", s->tool, s->command ? " " : "",
           s->command ? s->command : "", *s->operands ? " " : "", s->operands, s->summary);
    for (int i = 0; i < p->count; i++) print_option(&p->options[i]);
    exit_printed(s->tool);
}

static _Noreturn void print_version(const char *tool) {
    printf("%s %s\n", tool, VT_VERSION);
    exit_printed(tool);
}

static void parser_add(struct parser *p, const struct cli_option *o) {
    if (p->count == MAX_OPTIONS) abort();
    p->options[p->count] = *o;
    p->getopt[p->count] =
        (struct option){o->name, o->arg ? required_argument : no_argument, NULL, o->key};
    p->count++;
    if (o->key < 256) {
        size_t at = strlen(p->shorts);
        p->shorts[at] = (char)o->key;
        if (o->arg) p->shorts[at + 1] = ':';
    }
}

static struct parser *parser_new(const struct cli_spec *spec) {
    struct parser *p = calloc(1, sizeof *p);
    if (!p) abort();
    p->shorts[0] = ':'; /* we print the messages */
    for (const struct cli_option *o = spec->options; o && o->name; o++) parser_add(p, o);
    for (size_t i = 0; i < COMMON_COUNT; i++)
        if (!common_options[i].when || (common_options[i].when & spec->common))
            parser_add(p, &common_options[i].option);
    return p;
}

/* A closed standard stream must not become the gallery's descriptor: what is meant for the one
 * would go into the other. The wrong way round, so that using it fails as it would have. */
static void fill_standard_streams(void) {
    static const int ways[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", ways[fd]) != fd) _exit(CLI_FAILED);
}

/* Sets what libraries read from the environment before main, and starts again with it.
 * OMP_WAIT_POLICY: threads of ours that have nothing to do sleep. libgomp's would spin, and where
 * others need the cores, the one that has work waits behind them: many times slower. */
static void choose_environment(const struct cli_spec *spec, const char *core, char **argv) {
    bool again = core && !getenv("OPENBLAS_CORETYPE") && !setenv("OPENBLAS_CORETYPE", core, 0);
    if ((spec->common & CLI_THREADS) && !getenv("OMP_WAIT_POLICY") && !getenv("GOMP_SPINCOUNT"))
        again |= !setenv("OMP_WAIT_POLICY", "passive", 0);
    if (again) execv("/proc/self/exe", argv); /* where that fails, it is slower but right */
}

void cli_start(cli *c, const struct cli_spec *spec, int argc, char **argv, const char *blas) {
    fill_standard_streams();
    choose_environment(spec, blas, argv);
    *c = (cli){.spec = spec, .argc = argc, .argv = argv, .parser = parser_new(spec)};
    if (spec->common & CLI_MODEL) c->model = getenv("VT_MODEL");
    if (spec->common & (CLI_GALLERY | CLI_GALLERIES)) c->gallery = getenv("VT_GALLERY");
    optind = spec->command ? 2 : 1;
}

static bool is_stdout(const char *path) {
    return !path || !strcmp(path, "-");
}

static enum cli_progress_mode progress_mode(const cli *c, const char *text) {
    static const char *const names[] = {"auto", "none", "json"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i])) return (enum cli_progress_mode)i;
    cli_usage(c, "--progress: '%s' is not auto, none or json", text);
}

static void take_gallery(cli *c, const char *path) {
    bool more = c->gallery_count && (c->spec->common & CLI_GALLERIES);
    if (more && c->gallery_count == CLI_GALLERIES_MAX)
        cli_usage(c, "-g: more than %d galleries", CLI_GALLERIES_MAX);
    if (!more) c->gallery_count = 0;
    c->galleries[c->gallery_count++] = path;
    c->gallery = c->galleries[0];
}

/* true if the option was a common one. */
static bool take_common(cli *c, int key, const char *arg) {
    switch (key) {
    case 'm': c->model = arg; return true;
    case 'g': take_gallery(c, arg); return true;
    case 'o': c->output = arg; return true;
    case 'q': c->quiet = true; return true;
    case KEY_OVERWRITE: c->overwrite = true; return true;
    case KEY_THREADS: c->threads = (int)cli_integer(c, "--threads", arg, 1, 1024); return true;
    case KEY_PROGRESS: c->progress = progress_mode(c, arg); return true;
    case KEY_HELP: print_help(c, c->parser);
    case KEY_VERSION: print_version(c->spec->tool);
    default: return false;
    }
}

static _Noreturn void refuse_option(const cli *c, int what, char **argv) {
    if (what == ':') cli_usage(c, "option '%s' needs a value", argv[optind - 1]);
    if (optopt && optopt < 256 && strchr(argv[optind - 1], optopt) && argv[optind - 1][1] != '-')
        cli_usage(c, "unknown option '-%c'", optopt);
    cli_usage(c, "unknown, ambiguous or wrongly used option '%s'", argv[optind - 1]);
}

/* A long name may stand after one dash, as GDAL's do, but whole: -k is not short for
 * --keep-vectors. */
static void refuse_abbreviation(const cli *c, const char *name) {
    const char *word = c->argv[optind - 1];
    if (word == optarg) word = c->argv[optind - 2];
    if (word[1] != '-' && strcspn(word + 1, "=") != strlen(name))
        cli_usage(c, "unknown option '%s'", word);
}

static bool is_own(const struct cli_spec *spec, int key) {
    for (const struct cli_option *o = spec->options; o && o->name; o++)
        if (o->key == key) return true;
    return false;
}

/* What has no effect is a mistake. */
static void check_combination(const cli *c) {
    bool was_stdin = false;
    if (c->output && !*c->output) cli_usage(c, "-o: the name of a file is missing");
    if (c->overwrite && (c->spec->common & CLI_OUTPUT) && is_stdout(c->output))
        cli_usage(c, "--overwrite has no effect without -o FILE");
    if (c->quiet && c->progress == CLI_PROGRESS_JSON)
        cli_usage(c, "--progress=json has no effect with -q");
    for (int i = 0; i < c->argc; i++) {
        bool is_stdin = !strcmp(c->argv[i], "-");
        if (is_stdin && was_stdin) cli_usage(c, "-: standard input is given twice");
        was_stdin = was_stdin || is_stdin;
    }
}

int cli_next(cli *c, const char **arg) {
    struct parser *p = c->parser;
    opterr = 0;
    for (;;) {
        int index = -1;
        int key = getopt_long_only(c->argc, c->argv, p->shorts, p->getopt, &index);
        if (key == -1) break;
        if (index >= 0) refuse_abbreviation(c, p->getopt[index].name);
        if (key == '?' || key == ':') refuse_option(c, key, c->argv);
        *arg = optarg;
        if (is_own(c->spec, key)) return key;
        if (!take_common(c, key, optarg)) abort();
    }
    if (!c->gallery_count && c->gallery) c->galleries[c->gallery_count++] = c->gallery;
    c->argc -= optind;
    c->argv += optind;
    check_combination(c);
    free(p);
    c->parser = NULL;
    return 0;
}

bool cli_values(cli *c, int n, const char **values) {
    if (n > c->argc - optind) return false;
    for (int i = 0; i < n; i++) values[i] = c->argv[optind++];
    return true;
}

static _Noreturn void print_commands(const char *tool, const char *summary,
                                     const struct cli_spec *commands, int n) {
    printf("Usage: %s COMMAND [OPTIONS]\n%s\n\nCommands:\n", tool, summary);
    for (int i = 0; i < n; i++) printf("  %-12s %s\n", commands[i].command, commands[i].summary);
    printf("\n'%s COMMAND --help' prints a command's options.\n", tool);
    exit_printed(tool);
}

int cli_command(const char *tool, const char *summary, const struct cli_spec *commands, int n,
                int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--help")) print_commands(tool, summary, commands, n);
    if (argc > 1 && !strcmp(argv[1], "--version")) print_version(tool);
    for (int i = 0; argc > 1 && i < n; i++)
        if (!strcmp(argv[1], commands[i].command)) return i;
    if (argc > 1)
        fprintf(stderr, "%s: unknown command '%s'\n", tool, argv[1]);
    else
        fprintf(stderr, "%s: a command is missing\n", tool);
    fprintf(stderr, "Try '%s --help'.\n", tool);
    exit(CLI_USAGE);
}

/* -------------------------------------------------------------------- values */

double cli_number(const cli *c, const char *option, const char *text, double least, double most) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(value))
        cli_usage(c, "%s: '%s' is not a number", option, text);
    if (value < least || value > most)
        cli_usage(c, "%s: %s is not between %g and %g", option, text, least, most);
    return value;
}

long cli_integer(const cli *c, const char *option, const char *text, long least, long most) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || (errno && errno != ERANGE))
        cli_usage(c, "%s: '%s' is not a whole number", option, text);
    if (errno == ERANGE || value < least || value > most)
        cli_usage(c, "%s: %s is not between %ld and %ld", option, text, least, most);
    return value;
}

double cli_seconds(const cli *c, const char *option, const char *text) {
    static const struct {
        const char *suffix;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 0.001}, {"m", 60}, {"min", 60}, {"h", 3600}};
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end != text && !errno && isfinite(value) && value >= 0)
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (!strcmp(end, units[i].suffix)) return value * units[i].seconds;
    cli_usage(c, "%s: '%s' is not a duration such as 1s, 200ms or 2min", option, text);
}

void cli_need_model(const cli *c) {
    if (!c->model || !*c->model) cli_usage(c, "no model: give -m MODEL or set VT_MODEL");
}

void cli_need_gallery(const cli *c) {
    for (int i = 0; i < c->gallery_count; i++)
        if (!*c->galleries[i]) cli_usage(c, "-g: a name is empty");
    if (!c->gallery || !*c->gallery) cli_usage(c, "no gallery: give -g GALLERY or set VT_GALLERY");
}

/* -------------------------------------------------------------------- output */

const char *cli_output_name(const cli *c) {
    return is_stdout(c->output) ? "standard output" : c->output;
}

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Unnamed where the file system can, so that not even SIGKILL leaves anything behind. */
static int open_hidden(struct cli_output *out) {
    char *folder = directory_of(out->path);
    if (!folder) return -1;
    int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    free(folder);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    errno = gallery_temporary_file(out->path, &out->temporary, &fd);
    return errno ? -1 : fd;
}

/* What to do about it, where that is known. */
static const char *advice(int number) {
    switch (number) {
    case ENOSPC:
    case EDQUOT: return "; make room and run the same again";
    case EFBIG: return "; allow larger files (ulimit -f) and run the same again";
    case EIO: return "; see what the kernel says of the disk (dmesg), then run the same again";
    default: return "";
    }
}

void cli_refuse_write(const cli *c, int number) {
    cli_error(c, "%s: cannot write: %s%s", cli_output_name(c), strerror(number), advice(number));
}

static void refuse_output(const cli *c, int number) {
    cli_error(c, "%s: %s%s", c->output, strerror(number), advice(number));
}

bool cli_output_open(const cli *c, struct cli_output *out) {
    *out = (struct cli_output){.path = c->output, .overwrite = c->overwrite};
    struct stat st;
    if (is_stdout(c->output)) {
        out->file = stdout;
        out->flush = fstat(STDOUT_FILENO, &st) || !S_ISREG(st.st_mode);
        return true;
    }
    if (!stat(c->output, &st)) {
        if (!S_ISREG(st.st_mode)) { /* a device or a pipe is written to as it is */
            out->file = S_ISDIR(st.st_mode) ? NULL : fopen(c->output, "w");
            if (S_ISDIR(st.st_mode)) errno = EISDIR;
            out->flush = true;
            out->path = NULL;
            if (!out->file) refuse_output(c, errno);
            return out->file != NULL;
        }
        if (!c->overwrite) {
            cli_error(c, "%s: exists already; --overwrite replaces it", c->output);
            return false;
        }
    }
    gallery_temporary_clean(out->path);
    int fd = open_hidden(out);
    out->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out->file) {
        refuse_output(c, errno);
        if (fd >= 0) close(fd);
        if (out->temporary) unlink(out->temporary);
        free(out->temporary);
        out->temporary = NULL;
        return false;
    }
    return true;
}

/* Gives an unnamed file a temporary name beside its place, which rename can then move. */
static bool name_hidden(struct cli_output *out) {
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fileno(out->file));
    if (!out->overwrite) return !linkat(AT_FDCWD, self, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW);
    errno = gallery_temporary_link(out->path, fileno(out->file), &out->temporary);
    return !errno;
}

static bool sync_folder(const char *path) {
    char *folder = directory_of(path);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    if (fd < 0) return false;
    bool ok = !fsync(fd);
    close(fd);
    return ok;
}

static bool place(struct cli_output *out) {
    if (fflush(out->file) || fsync(fileno(out->file))) return false;
    if (!out->temporary && !name_hidden(out)) return false;
    if (out->temporary && out->overwrite && rename(out->temporary, out->path)) return false;
    if (out->temporary && !out->overwrite) { /* link refuses an existing name, rename does not */
        if (link(out->temporary, out->path)) return false;
        unlink(out->temporary);
    }
    if (sync_folder(out->path)) return true;
    int number = errno;
    if (!out->overwrite) unlink(out->path); /* or the same could not be run again */
    errno = number;
    return false;
}

bool cli_output_commit(const cli *c, struct cli_output *out) {
    bool ok;
    if (is_stdout(out->path)) {
        ok = !ferror(out->file) && !fflush(out->file);
        if (!ok) cli_refuse_write(c, errno);
        return ok;
    }
    ok = !ferror(out->file) && place(out);
    if (!ok) {
        cli_refuse_write(c, errno);
        cli_output_abandon(out);
        return false;
    }
    fclose(out->file);
    free(out->temporary);
    *out = (struct cli_output){0};
    return true;
}

void cli_output_abandon(struct cli_output *out) {
    if (!out->file) return;
    if (out->temporary) unlink(out->temporary);
    free(out->temporary);
    if (out->file != stdout) fclose(out->file);
    *out = (struct cli_output){0};
}

/* ------------------------------------------------------------------ progress */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_start(const cli *c, struct cli_progress *p, const char *unit) {
    bool wanted = c->progress == CLI_PROGRESS_JSON ||
                  (c->progress == CLI_PROGRESS_AUTO && isatty(STDERR_FILENO));
    *p = (struct cli_progress){
        .c = c, .unit = unit, .started = now(), .active = wanted && !c->quiet};
}

static void print_progress(struct cli_progress *p, unsigned long long done,
                           unsigned long long total, double elapsed) {
    double rate = elapsed > 0 && done > p->before ? (double)(done - p->before) / elapsed : 0;
    double left = total > done && rate > 0 ? (double)(total - done) / rate : 0;
    if (p->c->progress == CLI_PROGRESS_JSON) {
        fprintf(stderr, "{\"tool\":\"%s\",\"unit\":\"%s\",\"done\":%llu", p->c->spec->tool, p->unit,
                done);
        if (total) fprintf(stderr, ",\"total\":%llu,\"left_s\":%.1f", total, left);
        fprintf(stderr, ",\"rate\":%.1f,\"elapsed_s\":%.1f", rate, elapsed);
        if (p->json) fprintf(stderr, ",%s", p->json);
        fputs("}\n", stderr);
        return;
    }
    fprintf(stderr, "\r%s: %llu", p->c->spec->tool, done);
    if (total) fprintf(stderr, " of %llu", total);
    fprintf(stderr, " %s, %.1f/s", p->unit, rate);
    if (total > done) fprintf(stderr, ", %.0f s left", left);
    if (p->note) fprintf(stderr, ", %s", p->note);
    fputs("\033[K", stderr);
    line_is_open = true;
}

void cli_progress_show(struct cli_progress *p, unsigned long long done, unsigned long long total) {
    if (!p->active) return;
    double t = now();
    double interval = p->c->progress == CLI_PROGRESS_JSON ? 1.0 : 0.2;
    if (t - p->shown < interval) return;
    p->shown = t;
    p->printed = true;
    print_progress(p, done, total, t - p->started);
}

void cli_progress_end(struct cli_progress *p, unsigned long long done) {
    if (!p->active) return;
    if (p->c->progress == CLI_PROGRESS_JSON || p->printed)
        print_progress(p, done, 0, now() - p->started);
    if (line_is_open) fputc('\n', stderr);
    line_is_open = false;
    p->active = false;
}
