/* SPDX-License-Identifier: Apache-2.0 */
/* The cache directory of the user. */
#include "host/cache_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Ten seconds: a lock is held while a small file is read and written, and a run that was stopped
 * in between must not stop the others for good. */
#define LOCK_TRIES 1000

bool spr_cache_path(const char *name, char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (cache && *cache) {
        length = snprintf(path, size, "%s/sproof/%s", cache, name);
    } else if (home && *home) {
        length = snprintf(path, size, "%s/.cache/sproof/%s", home, name);
    }
    return length > 0 && (size_t)length < size;
}

void spr_make_directories(const char *path)
{
    char part[SPR_CACHE_PATH];
    snprintf(part, sizeof part, "%s", path);
    for (char *c = part + 1; *c; c++) {
        if (*c == '/') {
            *c = '\0';
            (void)mkdir(part, 0777);
            *c = '/';
        }
    }
}

int spr_cache_lock(const char *path)
{
    char name[SPR_CACHE_PATH + 8];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(name, sizeof name, "%s.lock", path);
    const int lock = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    const struct timespec moment = {.tv_nsec = 10000000};
    for (int i = 0; lock >= 0 && i < LOCK_TRIES && fcntl(lock, F_SETLK, &whole) != 0; i++) {
        nanosleep(&moment, NULL);
    }
    return lock;
}

void spr_cache_unlock(int lock)
{
    if (lock >= 0) {
        close(lock);
    }
}

void spr_cache_identity(char identity[SPR_CPU_IDENTITY])
{
    char cpu[SPR_CPU_IDENTITY];
    spr_cpu_identity(cpu);
    snprintf(identity, SPR_CPU_IDENTITY, "%.80s, probe %d", cpu, SPR_PROBE_VERSION);
}
