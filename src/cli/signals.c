/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: what they leave behind, and which of them is only remembered. */
#include <signal.h>
#include <unistd.h>

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

static void catch_each(const int *signals, size_t count, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < count; i++) {
        struct sigaction before;
        /* nohup and background jobs ignore signals on purpose. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

void cli_catch_signals(void)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    static const int fatal[] = {SIGQUIT, SIGPIPE,   SIGALRM, SIGUSR1, SIGUSR2,
                                SIGXCPU, SIGVTALRM, SIGPROF, SIGABRT, SIGSEGV,
                                SIGBUS,  SIGFPE,    SIGILL,  SIGTRAP, SIGSYS};
    catch_each(ending, sizeof ending / sizeof *ending, on_signal);
    catch_each(fatal, sizeof fatal / sizeof *fatal, on_fatal_signal);
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
