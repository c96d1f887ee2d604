/* SPDX-License-Identifier: Apache-2.0 */
/* Where shipped data lies: $SPROOF_DATA, the user's data, what lies by the
 * program, the installed data. */
#ifndef SPROOF_BASE_DATA_H
#define SPROOF_BASE_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/status.h"

#define SPR_DATA_PATH 1024

/* Path of `kind`/`name``suffix` ("machines", "h100-sxm", ".json") in the first data
 * directory that has it. false when none has. */
bool spr_data_find(const char *kind, const char *name, const char *suffix,
                   char path[SPR_DATA_PATH]);

/* Names of all entries of a kind with a suffix, sorted, each once; owned by the caller:
 * spr_data_free_names. *count may be 0. */
enum spr_status spr_data_names(const char *kind, const char *suffix, char ***names,
                               size_t *count, struct spr_error *err);
void spr_data_free_names(char **names, size_t count);

#endif
