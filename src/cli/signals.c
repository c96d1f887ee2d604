/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: what they leave behind, and which of them is only remembered. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/mapped.h"
#include "base/output.h"
#include "cli/cli.h"

/* No temporary file stays behind. */
static void on_signal(int number)
{
    spr_output_abandon();
    _exit(128 + number);
}

/* The same for signals whose end others tell by the signal: a broken pipe, a crash. */
static void on_fatal_signal(int number)
{
    spr_output_abandon();
    signal(number, SIG_DFL);
    raise(number);
}

/* Longer paths are cut: a line of a handler is no place to grow. */
#define PATH_SHOWN 4096

/* A file of weights that another program cuts short while it is mapped is no crash. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    static const char before[] = "sproof: ", after[] = ": was cut short while it was read\n";
    const char *path = info->si_code == BUS_ADRERR ? spr_mapped_file(info->si_addr) : NULL;
    char line[sizeof before + PATH_SHOWN + sizeof after];
    (void)context;
    if (!path) {
        on_fatal_signal(number);
        return;
    }
    spr_output_abandon();
    size_t length = strnlen(path, PATH_SHOWN), used = sizeof before - 1;
    memcpy(line, before, used);
    memcpy(line + used, path, length);
    line[used + length] = '\0';
    spr_make_printable(line, '?');
    used = strlen(line);
    memcpy(line + used, after, sizeof after - 1);
    ssize_t written = write(STDERR_FILENO, line, used + sizeof after - 1);
    (void)written;
    _exit(spr_exit_code(SPR_EENVIRONMENT));
}

static void catch_bus_error(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO}, before;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
        sigaction(SIGBUS, &action, NULL);
    }
}

static void catch_each(const int *signals, size_t count, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < count; i++) {
        struct sigaction before;
        /* nohup and background jobs ignore signals on purpose; a sanitizer has handlers of its
         * own. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

void cli_catch_signals(void)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    static const int fatal[] = {SIGQUIT, SIGPIPE,   SIGALRM, SIGUSR1, SIGUSR2,
                                SIGXCPU, SIGVTALRM, SIGPROF, SIGABRT, SIGSEGV,
                                SIGFPE,  SIGILL,    SIGTRAP, SIGSYS};
    catch_each(ending, sizeof ending / sizeof *ending, on_signal);
    catch_each(fatal, sizeof fatal / sizeof *fatal, on_fatal_signal);
#ifdef SIGSTKFLT
    const int others[] = {SIGPOLL, SIGPWR, SIGSTKFLT};
    catch_each(others, sizeof others / sizeof *others, on_fatal_signal);
#endif
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
        catch_each(&i, 1, on_fatal_signal);
    }
    catch_bus_error();
    /* A file that grows too large is an error of the write, not the end of the program. */
    signal(SIGXFSZ, SIG_IGN);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    if (interrupted) {
        on_signal(number);
    }
    interrupted = 1;
}

void cli_catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        sigaction(SIGINT, &action, NULL);
    }
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}
