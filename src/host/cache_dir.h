/* SPDX-License-Identifier: Apache-2.0 */
/* Where measurements of this machine are kept, and what they must agree with. */
#ifndef SPROOF_HOST_CACHE_DIR_H
#define SPROOF_HOST_CACHE_DIR_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/cpu.h"

/* Bytes enough for the path of a kept file. */
#define SPR_CACHE_PATH 4096

/* $XDG_CACHE_HOME/sproof/NAME or ~/.cache/sproof/NAME; false when neither is set or it is too
 * long. */
bool spr_cache_path(const char *name, char *path, size_t size);

/* Makes the directories above a file. Failure shows when the file is opened. */
void spr_make_directories(const char *path);

/* Waits, ten seconds at most, until no other run changes a kept file, which PATH.lock tells; for
 * spr_cache_unlock. Where there can be no lock the file is changed all the same. */
int spr_cache_lock(const char *path);
void spr_cache_unlock(int lock);

/* What must be equal for a kept measurement to hold: CPU, usable threads, version of the probe. */
void spr_cache_identity(char identity[SPR_CPU_IDENTITY]);

/* Counts up when the meaning of a measured rate changes; in the identity. */
#define SPR_PROBE_VERSION 8

#endif
