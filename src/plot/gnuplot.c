/* SPDX-License-Identifier: Apache-2.0 */
/* The gnuplot process: the only place that knows it is one. */
#include "plot/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/output.h"

extern char **environ;

/* gnuplot's words end up in an error text; more than this is no explanation. */
#define WORDS_MAX ((size_t)4096)

/* A picture takes a second or two, a minute beside much other work; a gnuplot that asks its display
 * or its fonts in vain would be waited for for ever. */
#define LIMIT_S 120

static double now_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* false when the other end is still open at the limit. */
static bool read_words(int fd, double end_s, struct spr_text *words)
{
    char buffer[1024];
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        const double left_s = end_s - now_s();
        const int ready = left_s > 0 ? poll(&wait, 1, (int)(1000 * left_s) + 1) : 0;
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready == 0) {
            return false;
        }
        ssize_t got = ready > 0 ? read(fd, buffer, sizeof buffer) : -1;
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return true;
        }
        /* Read on when it is enough: a full pipe would stop gnuplot for ever. */
        if (words->used < WORDS_MAX) {
            spr_text_add_bytes(words, buffer, (size_t)got);
        }
    }
}

/* No shell: arguments reach gnuplot as they are. Output and complaints come together. */
static int spawn(char *const argv[], const int pipes[2], const sigset_t *mask, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
        failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
        failed = failed ? failed : posix_spawnattr_setsigmask(&attributes, mask);
        /* A file that grows too large ends gnuplot, which does not look: half a picture would pass
         * for a whole one. */
        sigset_t grown;
        sigemptyset(&grown);
        sigaddset(&grown, SIGXFSZ);
        const short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        failed = failed ? failed : posix_spawnattr_setsigdefault(&attributes, &grown);
        failed = failed ? failed : posix_spawnattr_setflags(&attributes, flags);
        failed =
            failed ? failed : posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* A signal between the start and the note of it would leave gnuplot at work on a file that was
 * removed already. */
static int start(const char *const arguments[], const int pipes[2], pid_t *pid)
{
    sigset_t all, before;
    char *argv[8];
    size_t count = 0;
    for (; count < 7 && arguments[count]; count++) {
        /* posix_spawnp wants char *, and writes to none of them. */
        memcpy(&argv[count], &arguments[count], sizeof *argv);
    }
    argv[count] = NULL;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    int failed = spawn(argv, pipes, &before, pid);
    if (!failed) {
        spr_output_writer(*pid);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* Looks for the end of gnuplot; once it is found no signal handler knows of a process that may be
 * another's by then. true when there is nothing to wait for. */
static bool reap(pid_t pid, int *status, int *failed)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    const pid_t got = waitpid(pid, status, WNOHANG);
    const int reason = errno;
    if (got != 0) {
        spr_output_writer(0);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    *failed = got < 0 ? reason : 0;
    return got != 0;
}

/* Waits for it, and ends it at the limit; false when that was necessary. */
static bool wait_for(pid_t pid, double end_s, int *status, int *failed)
{
    const struct timespec moment = {.tv_nsec = 2000000};
    bool in_time = true;
    while (!reap(pid, status, failed)) {
        if (in_time && now_s() >= end_s) {
            kill(pid, SIGKILL);
            in_time = false;
        }
        nanosleep(&moment, NULL);
    }
    return in_time;
}

/* Returns 0 or an errno value, ETIMEDOUT when it had to be ended; *exit_status is 127 where the
 * program was not found. */
static int run(const char *const arguments[], struct spr_text *words, int *exit_status)
{
    int pipes[2], status = 0;
    pid_t pid = 0;
    bool ended = true;
    if (pipe(pipes) != 0) {
        return errno;
    }
    fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
    fcntl(pipes[1], F_SETFD, FD_CLOEXEC);
    int failed = start(arguments, pipes, &pid);
    close(pipes[1]);
    if (!failed) {
        const double end_s = now_s() + LIMIT_S;
        (void)read_words(pipes[0], end_s, words);
        ended = wait_for(pid, end_s, &status, &failed);
    }
    close(pipes[0]);
    *exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    if (failed == ENOENT) {
        *exit_status = 127;
        failed = 0;
    }
    return !failed && !ended ? ETIMEDOUT : failed;
}

/* Why it could not be run. */
static enum spr_status cannot_run(int failed, struct spr_error *err)
{
    return failed == ETIMEDOUT
               ? spr_fail(err, SPR_EENVIRONMENT, "gnuplot: no end within %d s: ended", LIMIT_S)
               : spr_fail(err, SPR_EENVIRONMENT, "gnuplot: %s", strerror(failed));
}

/* The lines that say something, without gnuplot's blank lines and caret marks. */
static enum spr_status complain(const char *what, const struct spr_text *words,
                                struct spr_error *err)
{
    const char *text = words->data ? words->data : "";
    char line[512];
    size_t used = 0;
    bool space = true;
    for (; *text && used + 1 < sizeof line; text++) {
        bool blank = (unsigned char)*text <= ' ';
        if (!blank || !space) {
            line[used++] = blank ? ' ' : *text;
        }
        space = blank;
    }
    if (used > 0 && line[used - 1] == ' ') {
        used--;
    }
    line[used] = '\0';
    return spr_fail(err, SPR_EENVIRONMENT, "gnuplot: %s%s%s", what, used ? ": " : "", line);
}

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        bool starts = at == list || at[-1] == ' ' || at[-1] == '\n';
        bool ends = at[length] == '\0' || at[length] == ' ' || at[length] == '\n';
        if (starts && ends) {
            return true;
        }
    }
    return false;
}

enum spr_status spr_gnuplot_ask(struct spr_gnuplot *gnuplot, struct spr_error *err)
{
    static const char *const arguments[] = {"gnuplot", "-d", "-e", "print GPVAL_TERMINALS",
                                            NULL};
    struct spr_text words = {0};
    int exit_status = 0;
    *gnuplot = (struct spr_gnuplot){0};
    enum spr_status status = SPR_OK;
    int failed = run(arguments, &words, &exit_status);
    const char *list = words.data ? words.data : "";
    if (failed) {
        status = cannot_run(failed, err);
    } else if (words.failed) {
        status = spr_no_memory(err);
    } else if (exit_status != 127 && exit_status != 0) {
        status = complain("does not start", &words, err);
    } else if (exit_status == 0) {
        gnuplot->present = true;
        gnuplot->svg = has_word(list, "svg");
        gnuplot->png = has_word(list, "pngcairo") || has_word(list, "png");
        gnuplot->pdf = has_word(list, "pdfcairo");
        gnuplot->dumb = has_word(list, "dumb");
    }
    spr_text_free(&words);
    return status;
}

/* "./" and a name. */
#define SAFE_NAME (SPR_OUTPUT_PATH + 2)

/* gnuplot takes a leading '|' or '<' for a command, '-' for an option, '~' for a home. */
static const char *plain_name(const char *name, char safe[SAFE_NAME])
{
    snprintf(safe, SAFE_NAME, "%s%s", name[0] == '/' ? "" : "./", name);
    return safe;
}

enum spr_status spr_gnuplot_draw(const char *script, const char *picture,
                                 struct spr_error *err)
{
    char script_name[SAFE_NAME], picture_name[SAFE_NAME];
    const char *const arguments[] = {"gnuplot",
                                     "-d",
                                     "-c",
                                     plain_name(script, script_name),
                                     plain_name(picture, picture_name),
                                     NULL};
    struct spr_text words = {0};
    int exit_status = 0;
    enum spr_status status = SPR_OK;
    int failed = run(arguments, &words, &exit_status);
    if (failed) {
        status = cannot_run(failed, err);
    } else if (exit_status != 0) {
        status = complain(exit_status >= 128 ? "crashed" : "cannot draw", &words, err);
    }
    spr_text_free(&words);
    return status;
}
