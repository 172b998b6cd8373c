/* vt-train - trains the heads of a model on footage whose places are known. */
#include "train.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct cli_spec spec = {
    "vt-train",
    NULL,
    "Trains the heads of a model on frames whose places are known.",
    "[FILE...]",
    CLI_MODEL | CLI_GALLERIES | CLI_OVERWRITE | CLI_THREADS | CLI_PROGRESS,
    train_options};

static volatile sig_atomic_t wanted_stop;

/* The step at hand is finished; a second signal ends the program at once. */
static void on_signal(int number) {
    (void)number;
    wanted_stop = 1;
}

/* What the caller ignores stays so: a job in the background is not for the terminal's interrupt. */
static void catch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, before;
    for (int i = 0; i < 2; i++)
        if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool infer_ok(const struct train *t, int status) {
    if (status != INFER_OK) cli_error(&t->c, "%s", infer_message(t->infer));
    return status == INFER_OK;
}

/* ------------------------------------------------------------------ reporting */

struct report {
    struct cli_progress progress;
    char note[160], json[512];
    FILE *log;
    double started_s;
};

/* A member of the log's objects; what is not known is left out. */
static size_t member(char *out, size_t at, size_t size, const char *name, double value) {
    if (!isfinite(value) || at >= size) return at;
    int n = snprintf(out + at, size - at, "%s\"%s\":%.9g", at ? "," : "", name, value);
    return n > 0 ? at + (size_t)n : at;
}

static void describe_look(struct report *r, size_t n, const infer_train_state *s, int phase) {
    const size_t size = sizeof r->json;
    if (phase) {
        n = member(r->json, n, size, "heldout_m", s->heldout_error);
        n = member(r->json, n, size, "initial_m", s->initial_m);
        member(r->json, n, size, "best_m", s->best_error);
    } else {
        n = member(r->json, n, size, "heldout_hits", 1 - s->heldout_error);
        member(r->json, n, size, "best_hits", 1 - s->best_error);
    }
}

static void describe(struct report *r, const infer_train_state *s, int phase) {
    size_t n = 0;
    const size_t size = sizeof r->json;
    n = member(r->json, n, size, "step", (double)s->step);
    n = member(r->json, n, size, "epoch", (double)s->epoch);
    n = member(r->json, n, size, "loss", s->loss);
    n = member(r->json, n, size, "lr", s->rate);
    n = member(r->json, n, size, "norm", s->norm);
    n = member(r->json, n, size, "scale", s->scale);
    if (phase < 2) n = member(r->json, n, size, "hits", s->hits);
    if (s->looked) describe_look(r, n, s, phase);
    int at = snprintf(r->note, sizeof r->note, "loss %.4g, rate %.3g", s->loss, s->rate);
    if (!isfinite(s->heldout_error) || at <= 0) return;
    snprintf(r->note + at, sizeof r->note - (size_t)at,
             phase ? ", held out %.4g m" : ", held out %.1f %%",
             phase ? s->heldout_error : 100 * (1 - s->heldout_error));
}

static bool report_step(struct train *t, struct report *r) {
    infer_train_state s;
    infer_trainer_state(t->trainer, &s);
    describe(r, &s, t->o.phase);
    cli_progress_show(&r->progress, s.step, s.steps);
    if (!r->log) return true;
    fprintf(r->log, "{%s,\"elapsed_s\":%.3f}\n", r->json, now_s() - r->started_s);
    if (!fflush(r->log)) return true;
    cli_error(&t->c, "%s: cannot write: %s", t->log, strerror(errno));
    return false;
}

static bool open_report(struct train *t, struct report *r) {
    infer_train_state s;
    infer_trainer_state(t->trainer, &s);
    *r = (struct report){.started_s = now_s()};
    if (s.shorter)
        cli_warn(&t->c, "%zu of %zu sources have fewer than %zu frames: their frames are repeated",
                 s.shorter, s.sources, t->o.frames);
    if (t->log && !(r->log = fopen(t->log, "ae"))) {
        cli_error(&t->c, "%s: %s", t->log, strerror(errno));
        return false;
    }
    cli_progress_start(&t->c, &r->progress, "steps");
    r->progress.before = s.step;
    return true;
}

static void close_report(const struct train *t, struct report *r) {
    infer_train_state s;
    infer_trainer_state(t->trainer, &s);
    r->progress.note = r->progress.json = NULL;
    cli_progress_end(&r->progress, s.step);
    if (r->log) fclose(r->log);
}

/* ------------------------------------------------------------------- training */

/* A state that cannot be saved now may be saved later: what was learned is still in memory. */
static void save_now_and_then(struct train *t, double *saved_s) {
    if (now_s() - *saved_s < t->save_every_s) return;
    if (infer_trainer_save(t->trainer, t->state) != INFER_OK)
        cli_warn(&t->c, "%s; training goes on", infer_message(t->infer));
    *saved_s = now_s();
}

static bool stop(struct train *t, const char *why) {
    infer_train_state s;
    infer_trainer_state(t->trainer, &s);
    int status = infer_trainer_save(t->trainer, t->state);
    if (status == INFER_OK)
        cli_error(&t->c, "%s after step %llu of %llu; the same command goes on from %s", why,
                  (unsigned long long)s.step, (unsigned long long)s.steps, t->state);
    else
        cli_error(&t->c, "%s%s", infer_message(t->infer),
                  status == INFER_EIO && !access(t->state, F_OK)
                      ? "; what was saved before stays, and the same command goes on from it"
                      : "");
    return false;
}

static bool run_steps(struct train *t, struct report *r) {
    double saved_s = now_s();
    for (;;) {
        int status = infer_trainer_step(t->trainer);
        if (status == INFER_END) return true;
        if (status != INFER_OK) {
            cli_error(&t->c, "%s", infer_message(t->infer));
            return stop(t, "stopped");
        }
        if (!report_step(t, r)) return stop(t, "stopped");
        if (wanted_stop) return stop(t, "interrupted");
        save_now_and_then(t, &saved_s);
    }
}

static bool run(struct train *t) {
    struct report r;
    bool ok = open_report(t, &r);
    catch_signals();
    r.progress.note = r.note;
    r.progress.json = r.json;
    ok = ok && run_steps(t, &r);
    close_report(t, &r);
    return ok;
}

/* -------------------------------------------------------------------- opening */

static bool go_on(struct train *t) {
    char *changed = NULL;
    if (access(t->state, F_OK)) return true;
    if (!infer_ok(t, infer_trainer_resume(t->trainer, t->state, &changed))) return false;
    if (changed) cli_warn(&t->c, "%s: goes on with other settings: %s", t->state, changed);
    free(changed);
    return true;
}

static bool choose_state(struct train *t) {
    size_t n = strlen(t->c.output);
    if (t->state) return true;
    while (n > 1 && t->c.output[n - 1] == '/') n--;
    if (asprintf(&t->own_state, "%.*s.state", (int)n, t->c.output) < 0) {
        t->own_state = NULL;
        cli_error(&t->c, "out of memory");
        return false;
    }
    t->state = t->own_state;
    return true;
}

/* The model is not made where its state cannot be told what became of it. */
static bool finish(struct train *t) {
    if (infer_trainer_write(t->trainer, t->c.output, t->half, t->c.overwrite) != INFER_OK) {
        cli_error(&t->c, "%s", infer_message(t->infer));
        return stop(t, "the model was not written; stopped");
    }
    if (!t->own_state) return infer_ok(t, infer_trainer_save(t->trainer, t->state));
    if (unlink(t->own_state) && errno != ENOENT)
        cli_warn(&t->c, "%s: %s", t->own_state, strerror(errno));
    return true;
}

/* What would fail at the end fails before anything is read. */
static bool check_places(struct train *t) {
    if (!t->c.output) return true;
    return infer_ok(t, infer_trainer_check_output(t->infer, t->c.output, t->c.overwrite)) &&
           choose_state(t) && infer_ok(t, infer_train_lock_take(t->infer, t->state, &t->lock));
}

static bool train(struct train *t) {
    t->o.caches = t->paths;
    t->o.cache_names = t->names;
    t->o.cache_count = t->path_count;
    return train_points(t) && infer_ok(t, infer_trainer_open(t->infer, &t->o, &t->trainer)) &&
           go_on(t) && run(t) && finish(t);
}

int main(int argc, char **argv) {
    struct train t = {0};
    cli_start(&t.c, &spec, argc, argv, infer_blas_wanted_core());
    train_parse(&t);
    infer_options threads = {.threads = t.c.threads};
    bool ok = infer_open(&threads, &t.infer) == INFER_OK;
    if (!ok) cli_error(&t.c, "out of memory");
    ok = ok && check_places(&t) && train_input(&t);
    if (ok && t.c.output) ok = train(&t);
    infer_trainer_close(t.trainer);
    infer_train_lock_release(t.lock);
    train_input_close(&t);
    infer_close(t.infer);
    free(t.own_state);
    return !ok ? CLI_FAILED : t.partial ? CLI_PARTIAL : CLI_DONE;
}
