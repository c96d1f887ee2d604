/* SPDX-License-Identifier: Apache-2.0 */
/* Residencies by name. */
#include "sproof/residency.h"

#include <stddef.h>
#include <string.h>

static const char *const names[SPR_RESIDENCY_COUNT] = {"dram", "warm", "cold", "network"};

const char *spr_residency_name(enum spr_residency residency)
{
    return names[residency];
}

bool spr_residency_find(const char *text, enum spr_residency *residency)
{
    for (int i = 0; text && i < SPR_RESIDENCY_COUNT; i++) {
        if (strcmp(text, names[i]) == 0) {
            *residency = (enum spr_residency)i;
            return true;
        }
    }
    return false;
}
