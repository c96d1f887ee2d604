/* SPDX-License-Identifier: Apache-2.0 */
/* The cache directory of the user. */
#include "host/cache_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
    while (lock >= 0 && fcntl(lock, F_SETLKW, &whole) != 0 && errno == EINTR) {
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
