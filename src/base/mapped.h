/* SPDX-License-Identifier: Apache-2.0 */
/* Which file lies where in memory: a file that is cut short while it is mapped raises SIGBUS,
 * whose handler wants to name it. */
#ifndef SPROOF_BASE_MAPPED_H
#define SPROOF_BASE_MAPPED_H

#include <stddef.h>

/* Remembers a mapping until spr_mapped_forget; `path` must stay valid as long. Beyond 4096 at
 * a time none is remembered. */
void spr_mapped_remember(const void *bytes, size_t size, const char *path);
void spr_mapped_forget(const void *bytes);

/* The file that is mapped at `address`, or NULL. Safe in a signal handler. */
const char *spr_mapped_file(const void *address);

#endif
