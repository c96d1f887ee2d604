/* SPDX-License-Identifier: Apache-2.0 */
/* The operators of a network in groups: those that are the same work and are pruned alike. */
#ifndef SPROOF_REPORT_EXPLAINED_GROUPS_H
#define SPROOF_REPORT_EXPLAINED_GROUPS_H

#include "sproof/report.h"

/* Layers that are the same work and are pruned alike. */
struct spr_group {
    size_t layer;  /* the slowest of them stands for all */
    size_t layers; /* rows of the table */
    double count, seconds, dense_seconds, slowest;
};

/* Fills groups[layer_count], the most seconds first; SIZE_MAX when out of memory. */
size_t spr_groups_make(const struct spr_analysis *analysis, const struct spr_result *result,
                       struct spr_group *groups);

/* One layer by its name, several by what they have in common, into text[size]. */
void spr_group_name(const struct spr_analysis *analysis, const struct spr_result *result,
                    const struct spr_group *group, char *text, size_t size);

#endif
