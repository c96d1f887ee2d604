/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are whole or not there. */
#include "base/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"

/* ".sproof-0123456789abcdef.tmp", or ".tmp.png" where another program looks at the ending: short, so that a name may be as long as the file system takes,
 * and plainly sproof's, so that a later run may remove it. */
#define NAME_BEGIN ".sproof-"
#define NAME_DIGITS 16
#define NAME_END ".tmp"
#define ENDING_MAX 8
#define NAME_LENGTH (sizeof NAME_BEGIN - 1 + NAME_DIGITS + sizeof NAME_END - 1 + ENDING_MAX)

/* Names are drawn: two in a row that exist already are no accident. */
#define TRIES 100

#define LEFTOVER_S (24 * 60 * 60)

/* The temporary files that exist, for a signal handler. A picture has three. */
#define PENDING_MAX 8
static char pending[PENDING_MAX][SPR_OUTPUT_PATH];

static void forget(const char *temporary)
{
    for (size_t i = 0; i < PENDING_MAX; i++) {
        if (strcmp(pending[i], temporary) == 0) {
            pending[i][0] = '\0';
        }
    }
}

static void remember(const char *temporary)
{
    for (size_t i = 0; i < PENDING_MAX; i++) {
        if (!pending[i][0]) {
            /* The first byte last: a handler sees no name or the whole. */
            memcpy(pending[i] + 1, temporary + 1, strlen(temporary));
            atomic_signal_fence(memory_order_seq_cst);
            pending[i][0] = temporary[0];
            return;
        }
    }
}

/* A lock-free type: a handler reads it. */
static _Atomic pid_t writer;

void spr_output_writer(pid_t pid)
{
    writer = pid;
}

void spr_output_abandon(void)
{
    const pid_t pid = writer;
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    for (size_t i = 0; i < PENDING_MAX; i++) {
        if (pending[i][0]) {
            unlink(pending[i]);
        }
    }
}

/* Differs between processes that have the same number, start at the same time and lie at the
 * same addresses. */
static uint64_t draw(void)
{
    static uint64_t state;
    if (state == 0) {
        struct timespec now = {0};
        int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (random < 0 || read(random, &state, sizeof state) != (ssize_t)sizeof state) {
            state = (uint64_t)(uintptr_t)&now;
        }
        if (random >= 0) {
            close(random);
        }
        state ^= (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 16;
    }
    return spr_random(&state);
}

static bool is_ours(const char *name)
{
    const size_t begin = sizeof NAME_BEGIN - 1;
    return strncmp(name, NAME_BEGIN, begin) == 0 &&
           strspn(name + begin, "0123456789abcdef") == NAME_DIGITS &&
           strncmp(name + begin + NAME_DIGITS, NAME_END, sizeof NAME_END - 1) == 0 &&
           strlen(name) <= NAME_LENGTH;
}

/* What killed runs of this user left in a directory; failures leave it. */
static void sweep(const char *directory)
{
    DIR *open = opendir(directory);
    const struct dirent *entry;
    const time_t now = time(NULL);
    while (open && (entry = readdir(open)) != NULL) {
        struct stat info;
        if (is_ours(entry->d_name) &&
            fstatat(dirfd(open), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
            info.st_mtime < now - LEFTOVER_S) {
            (void)unlinkat(dirfd(open), entry->d_name, 0);
        }
    }
    if (open) {
        closedir(open);
    }
}

/* The directory of a path with a final slash, "" for the working directory. */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Once for each directory in a row: a run writes many masks into one. */
static void sweep_beside(const char *path)
{
    static char swept[SPR_OUTPUT_PATH];
    char directory[SPR_OUTPUT_PATH];
    snprintf(directory, sizeof directory, "%.*s.", (int)directory_length(path), path);
    if (strcmp(directory, swept) != 0) {
        memcpy(swept, directory, sizeof swept);
        sweep(directory);
    }
}

static enum spr_status cannot(const char *path, int reason, struct spr_error *err)
{
    return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", path,
                    reason ? strerror(reason) : "cannot be written");
}

/* A file nobody else has, beside `path`. */
static enum spr_status create(const char *path, const char *ending,
                              char temporary[SPR_OUTPUT_PATH], int *file,
                              struct spr_error *err)
{
    const size_t directory = directory_length(path);
    if (strlen(path) >= SPR_OUTPUT_PATH || directory + NAME_LENGTH >= SPR_OUTPUT_PATH) {
        return spr_fail(err, SPR_EINPUT, "%.80s...: file name too long", path);
    }
    sweep_beside(path);
    for (int i = 0; i < TRIES; i++) {
        snprintf(temporary, SPR_OUTPUT_PATH, "%.*s" NAME_BEGIN "%016llx" NAME_END "%s",
                 (int)directory, path, (unsigned long long)draw(), ending);
        remember(temporary);
        /* Exclusive: no file, no link, wherever it points, is opened. */
        *file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (*file >= 0) {
            return SPR_OK;
        }
        const int reason = errno;
        forget(temporary);
        if (reason != EEXIST) {
            return cannot(path, reason, err);
        }
    }
    return cannot(path, EEXIST, err);
}

enum spr_status spr_output_temporary(const char *path, char temporary[SPR_OUTPUT_PATH],
                                     struct spr_error *err)
{
    int file = -1;
    const char *dot = strrchr(path + directory_length(path), '.');
    SPR_TRY(create(path, dot && strlen(dot) <= ENDING_MAX ? dot : "", temporary, &file, err));
    close(file);
    return SPR_OK;
}

void spr_output_discard(const char *temporary)
{
    unlink(temporary);
    forget(temporary);
}

enum spr_status spr_output_open(struct spr_output *output, const char *path,
                                struct spr_error *err)
{
    struct stat info;
    int file = -1;
    *output = (struct spr_output){0};
    if (snprintf(output->path, sizeof output->path, "%s", path) >= (int)sizeof output->path) {
        return spr_fail(err, SPR_EINPUT, "%.80s...: file name too long", path);
    }
    /* A device or a pipe is written as it is: there is nothing to rename over. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        if (S_ISDIR(info.st_mode)) {
            return spr_fail(err, SPR_EENVIRONMENT,
                            "%s: is a directory: expected a file to write", path);
        }
        output->file = fopen(path, "wb");
        return output->file ? SPR_OK : cannot(path, errno, err);
    }
    SPR_TRY(create(path, "", output->temporary, &file, err));
    output->file = fdopen(file, "wb");
    if (!output->file) {
        const int reason = errno;
        close(file);
        spr_output_discard(output->temporary);
        return cannot(path, reason, err);
    }
    return SPR_OK;
}

/* 0, or why what was written is not safely on the disk. Pipes and some file systems cannot be
 * synchronised, which is no failure. */
static int synchronise(FILE *file)
{
    if (fflush(file) != 0) {
        return errno;
    }
    return fsync(fileno(file)) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS
               ? 0
               : errno;
}

enum spr_status spr_output_close(struct spr_output *output, enum spr_status status,
                                 struct spr_error *err)
{
    if (!output->file) {
        return status;
    }
    /* A write that failed long ago left its cause in errno; nothing in between fails. */
    int reason = ferror(output->file) ? errno : 0;
    bool failed = ferror(output->file) != 0;
    if (!failed && status == SPR_OK && output->temporary[0]) {
        reason = synchronise(output->file);
        failed = reason != 0;
    }
    if (fclose(output->file) != 0 && !failed) {
        reason = errno;
        failed = true;
    }
    output->file = NULL;
    if (status == SPR_OK && failed) {
        status = cannot(output->path, reason, err);
    }
    if (output->temporary[0] && status == SPR_OK &&
        rename(output->temporary, output->path) != 0) {
        status = cannot(output->path, errno, err);
    }
    if (output->temporary[0] && status != SPR_OK) {
        unlink(output->temporary);
    }
    forget(output->temporary);
    return status;
}

enum spr_status spr_output_write(const char *path, const void *bytes, size_t size,
                                 struct spr_error *err)
{
    struct spr_output output;
    SPR_TRY(spr_output_open(&output, path, err));
    if (size > 0) {
        (void)fwrite(bytes, 1, size, output.file); /* ferror tells */
    }
    return spr_output_close(&output, SPR_OK, err);
}
