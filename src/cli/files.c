/* SPDX-License-Identifier: Apache-2.0 */
/* Output files that are complete or not there. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* The temporary files a signal would leave behind. */
#define PENDING_MAX 2
static char pending[PENDING_MAX][1056];

void cli_pending(const char *path)
{
    for (size_t i = 0; i < PENDING_MAX; i++) {
        if (!path) {
            pending[i][0] = '\0';
        } else if (!pending[i][0]) {
            snprintf(pending[i], sizeof pending[i], "%s", path);
            return;
        }
    }
}

static void on_signal(int number)
{
    for (size_t i = 0; i < PENDING_MAX; i++) {
        if (pending[i][0]) {
            unlink(pending[i]);
        }
    }
    _exit(128 + number);
}

void cli_catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction before;
        /* nohup and background jobs ignore signals on purpose. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
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

enum spr_status cli_output_open(struct cli_output *output, const char *path,
                                struct spr_error *err)
{
    struct stat info;
    *output = (struct cli_output){0};
    if (snprintf(output->path, sizeof output->path, "%s", path) >= (int)sizeof output->path) {
        return spr_fail(err, SPR_EINPUT, "%.80s...: file name too long", path);
    }
    /* A device or a pipe is written as it is: there is nothing to rename over. */
    bool special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    if (special && S_ISDIR(info.st_mode)) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: is a directory: expected a file to write",
                        path);
    }
    if (!special) {
        snprintf(output->temporary, sizeof output->temporary, "%s.%ld.tmp", path,
                 (long)getpid());
    }
    if (output->temporary[0]) {
        cli_pending(output->temporary);
    }
    output->file = fopen(special ? path : output->temporary, "wb");
    if (!output->file) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    return SPR_OK;
}

enum spr_status cli_output_close(struct cli_output *output, enum spr_status status,
                                 struct spr_error *err)
{
    if (!output->file) {
        return status;
    }
    /* A write that failed long ago left its cause in errno; nothing in between fails. */
    int cause = ferror(output->file) ? errno : 0;
    bool failed = ferror(output->file) != 0;
    errno = cause;
    failed = fclose(output->file) != 0 || failed;
    output->file = NULL;
    if (status == SPR_OK && failed) {
        status = spr_fail(err, SPR_EENVIRONMENT, "%s: %s", output->path,
                          errno ? strerror(errno) : "cannot be written");
    }
    if (output->temporary[0] && status != SPR_OK) {
        unlink(output->temporary);
    } else if (output->temporary[0] && rename(output->temporary, output->path) != 0) {
        int reason = errno;
        unlink(output->temporary);
        status = spr_fail(err, SPR_EENVIRONMENT, "%s: %s", output->path, strerror(reason));
    }
    cli_pending(NULL);
    return status;
}
