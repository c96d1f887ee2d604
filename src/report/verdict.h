/* SPDX-License-Identifier: Apache-2.0 */
/* What a user's times say of the runtime that made them. */
#ifndef SPROOF_REPORT_VERDICT_H
#define SPROOF_REPORT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/report.h"

/* What was measured beside the bound of the same operators. */
struct spr_judged {
    struct spr_measured measured, bound;
    struct spr_measured expected; /* NAN: nothing is expected */
    double allowed;               /* speedup the model allows for them */
};

struct spr_judged spr_judge(const struct spr_explanation *explanation);

/* A measured time is shorter than the hardware allows. */
bool spr_beats_bound(const struct spr_measured *measured, const struct spr_measured *bound);

/* Percent of the times `of` that the measured ones reach. */
struct spr_measured spr_percent_reached(const struct spr_measured *of,
                                        const struct spr_measured *measured);

/* Speedup of the model's times; 1 where sparse takes none. */
double spr_speedup_allowed(const struct spr_measured *times);

/* Dense and sparse times that differ by no more than noise. */
bool spr_alike(double dense_s, double sparse_s);

/* Alike times, within what the bound allows, although there are zeros to skip. */
bool spr_not_skipped(const struct spr_explanation *explanation,
                     const struct spr_judged *judged);

/* The answer to "why is my sparse model not faster?", in plain words. */
void spr_verdict_text(const struct spr_explanation *explanation,
                      const struct spr_judged *judged, char *text, size_t size);

#endif
