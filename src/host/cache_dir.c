/* SPDX-License-Identifier: Apache-2.0 */
/* The cache directory of the user. */
#include "host/cache_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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

void spr_cache_identity(char identity[SPR_CPU_IDENTITY])
{
    char cpu[SPR_CPU_IDENTITY];
    spr_cpu_identity(cpu);
    snprintf(identity, SPR_CPU_IDENTITY, "%.80s, probe %d", cpu, SPR_PROBE_VERSION);
}
