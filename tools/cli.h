/* cli.h - what all tools share: options, usage, messages, progress, output files, exit status.
 *
 * One table per tool drives the parser, --help, and the test that compares both with the man page.
 */
#ifndef VT_CLI_H
#define VT_CLI_H

#include <stdbool.h>
#include <stdio.h>

#define VT_VERSION "0.1.0"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1, /* data or run-time error */
    CLI_USAGE = 2,
    CLI_PARTIAL = 3 /* done, but some records carry an error or were skipped */
};

/* Options that mean the same everywhere; a tool says which it takes. */
enum cli_common {
    CLI_MODEL = 1,      /* -m, --model; VT_MODEL */
    CLI_GALLERY = 2,    /* -g, --gallery; VT_GALLERY */
    CLI_OUTPUT = 4,     /* -o, --output, --overwrite */
    CLI_THREADS = 8,    /* --threads */
    CLI_PROGRESS = 16,  /* --progress, -q */
    CLI_OVERWRITE = 32, /* --overwrite without -o */
    CLI_GALLERIES = 64  /* -g several times */
};

#define CLI_GALLERIES_MAX 64

struct cli_option {
    int key;          /* a letter for a short option, or a number from 256 on */
    const char *name; /* long name */
    const char *arg;  /* what it takes, as in --help; NULL: nothing */
    const char *help;
};

struct cli_spec {
    const char *tool;     /* "vt-embed" */
    const char *command;  /* "build" for `vt-index build`; NULL */
    const char *summary;  /* one line */
    const char *operands; /* as in the usage line: "[FILE...]" */
    unsigned common;
    const struct cli_option *options; /* ends with name NULL; may be NULL */
};

enum cli_progress_mode { CLI_PROGRESS_AUTO, CLI_PROGRESS_NONE, CLI_PROGRESS_JSON };

typedef struct cli {
    const struct cli_spec *spec;
    const char *model, *gallery, *output;
    const char *galleries[CLI_GALLERIES_MAX]; /* with CLI_GALLERIES: all; the first is `gallery` */
    int gallery_count;
    bool overwrite, quiet;
    int threads; /* 0: all cores */
    enum cli_progress_mode progress;
    /* parser's state */
    int argc;
    char **argv;
    void *parser;
} cli;

/* Prepares parsing. Restarts the program once with OPENBLAS_CORETYPE set if OpenBLAS has chosen
 * lesser kernels than the CPU runs (`blas`: the value it should have, or NULL), and, for a tool
 * with threads, with OMP_WAIT_POLICY=passive unless the environment says how threads wait. */
void cli_start(cli *c, const struct cli_spec *spec, int argc, char **argv, const char *blas);

/* The next of the tool's own options, its value in *arg; 0 after the last. Common options, --help
 * and
 * --version are dealt with inside; a wrong option prints a message and exits with CLI_USAGE. Then
 * c->argc and c->argv hold the operands. */
int cli_next(cli *c, const char **arg);

/* The next `n` words as further values of the option that cli_next just returned, as in `-spat 1 2
 * 3 4`; false, and nothing taken, where there are fewer. */
bool cli_values(cli *c, int n, const char **values);

/* For tools with commands (vt-index build): picks the spec by argv[1], handles `TOOL --help` and
 * `TOOL --version`. Returns the command's place in the list; exits with CLI_USAGE if there is none.
 */
int cli_command(const char *tool, const char *summary, const struct cli_spec *commands, int n,
                int argc, char **argv);

/* Values of options: exit with CLI_USAGE, naming the option, when they are not a number in range.
 */
double cli_number(const cli *c, const char *option, const char *text, double least, double most);
long cli_integer(const cli *c, const char *option, const char *text, long least, long most);
/* A duration: "1s", "0.5", "200ms", "2min"; in seconds. */
double cli_seconds(const cli *c, const char *option, const char *text);

/* "TOOL: message" on stderr. cli_usage also points to --help and exits with CLI_USAGE; cli_die
 * exits with CLI_FAILED. cli_warn is silent with -q. */
void cli_error(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void cli_usage(const cli *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Exit with CLI_USAGE if -m or -g (or its variable) is missing. */
void cli_need_model(const cli *c);
void cli_need_gallery(const cli *c);

/* ------------------------------------------------------------------ output
 * A file that appears whole or not at all: unnamed, or beside its place under a temporary name,
 * until it is committed. */
struct cli_output {
    FILE *file;
    bool flush; /* per record: it is a pipe or a terminal */
    const char *path;
    char *temporary;
    bool overwrite;
};

/* The output's name for messages: of the file, or "standard output". */
const char *cli_output_name(const cli *c);

/* path NULL or "-": stdout. Prints the reason and returns false if it cannot be made or is there.
 */
bool cli_output_open(const cli *c, struct cli_output *out);
bool cli_output_commit(const cli *c, struct cli_output *out);
void cli_output_abandon(struct cli_output *out);
/* "OUTPUT: cannot write: <errno text>", and what to do about it, where that is known. */
void cli_refuse_write(const cli *c, int number);

/* ---------------------------------------------------------------- progress
 * Count, rate, time left, on stderr: for people if it is a terminal, as JSON lines on demand. */
struct cli_progress {
    const cli *c;
    const char *unit;
    double started, shown;
    bool active, printed;
    unsigned long long before; /* done in an earlier run: not part of the rate */
    const char *note;          /* what else to show, as text; NULL: nothing */
    const char *json;          /* the same as members of a JSON object; NULL: nothing */
};
void cli_progress_start(const cli *c, struct cli_progress *p, const char *unit);
/* total 0: unknown. */
void cli_progress_show(struct cli_progress *p, unsigned long long done, unsigned long long total);
void cli_progress_end(struct cli_progress *p, unsigned long long done);

#endif
