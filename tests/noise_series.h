/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded calls of kernels beside neighbours, with canaries: tests/data/noise. */
#ifndef SPROOF_TEST_NOISE_SERIES_H
#define SPROOF_TEST_NOISE_SERIES_H

#include <zlib.h>

#include "base/mem.h"
#include "sproof/measurement.h"
#include "test.h"

#define KERNELS_MAX 16

/* Least readings that the recorded machine reached in any of the three series, multiply-adds; L2
 * reads were of other lengths in the long one. */
#define LEAST_MULTIPLY_ADD_US 3.23
#define LEAST_L2_US 3.87
#define LEAST_L2_LONG_US 6.51

struct series {
    char name[KERNELS_MAX][16];
    struct spr_measurement kernel[KERNELS_MAX];
    size_t capacity[KERNELS_MAX];
    size_t kernels;
    double end_s;
};

static inline size_t kernel_of(struct series *series, const char *name)
{
    size_t i = 0;
    while (i < series->kernels && strcmp(series->name[i], name) != 0) {
        i++;
    }
    if (i == series->kernels) {
        snprintf(series->name[i], sizeof series->name[i], "%s", name);
        series->kernels++;
    }
    return i;
}

static inline void add_row(struct series *series, const char *line)
{
    char name[16];
    double at, call, before[2], after[2];
    if (sscanf(line, "%15[^,],%lf,%lf,%lf,%lf,%lf,%lf", name, &at, &call, &before[0],
               &before[1], &after[0], &after[1]) != 7) {
        return; /* the head */
    }
    size_t k = kernel_of(series, name);
    struct spr_measurement *m = &series->kernel[k];
    if (spr_grow(&m->samples, &series->capacity[k], m->sample_count + 1, sizeof *m->samples)) {
        m->samples[m->sample_count++] =
            (struct spr_timed){.seconds = call,
                               .at_s = at,
                               .before_s = {before[0], before[1], (double)NAN},
                               .after_s = {after[0], after[1], (double)NAN}};
        series->end_s = at;
    }
}

static inline void read_series(const char *name, struct series *series)
{
    char path[512], line[256];
    snprintf(path, sizeof path, SPROOF_TEST_DATA "/../tests/data/noise/%s.csv.gz", name);
    gzFile file = gzopen(path, "rb");
    CHECK(file != NULL);
    while (file && gzgets(file, line, sizeof line)) {
        add_row(series, line);
    }
    if (file) {
        gzclose(file);
    }
    CHECK(series->kernels >= 7);
}

static inline void free_series(struct series *series)
{
    for (size_t k = 0; k < series->kernels; k++) {
        spr_free(series->kernel[k].samples);
    }
    *series = (struct series){0};
}

static inline bool judge_series(struct series *series, const double least[SPR_CANARIES])
{
    struct spr_measurement *all[KERNELS_MAX];
    for (size_t k = 0; k < series->kernels; k++) {
        all[k] = &series->kernel[k];
    }
    return spr_measurements_judge(all, series->kernels, least);
}

static inline double least_reading(const struct series *series, bool before, int canary)
{
    double least = HUGE_VAL;
    for (size_t k = 0; k < series->kernels; k++) {
        for (size_t i = 0; i < series->kernel[k].sample_count; i++) {
            const struct spr_timed *t = &series->kernel[k].samples[i];
            least = fmin(least, before ? t->before_s[canary] : t->after_s[canary]);
        }
    }
    return least;
}

/* The canaries were recorded as they came, those before a call with their data out of the caches;
 * sproof's bring them back first. As if these had: the least reading before a call and that after
 * one are the same, `least`. */
static inline void bring_back(struct series *series, double least[SPR_CANARIES])
{
    least[SPR_CANARY_MEMORY] = (double)NAN;
    for (int c = 0; c < SPR_CANARY_MEMORY; c++) {
        const double before = least_reading(series, true, c);
        const double after = least_reading(series, false, c);
        least[c] = fmin(before, after);
        for (size_t k = 0; k < series->kernels; k++) {
            for (size_t i = 0; i < series->kernel[k].sample_count; i++) {
                struct spr_timed *t = &series->kernel[k].samples[i];
                t->before_s[c] *= least[c] / before;
                t->after_s[c] *= least[c] / after;
            }
        }
    }
}

/* Cuts the series into so many visits of equal length. */
static inline void cut(struct series *series, int visits)
{
    for (size_t k = 0; k < series->kernels; k++) {
        struct spr_measurement *m = &series->kernel[k];
        for (size_t i = 0; i < m->sample_count; i++) {
            m->samples[i].visit =
                (int)(m->samples[i].at_s / series->end_s * visits * (1 - 1e-9));
        }
    }
}

#endif
