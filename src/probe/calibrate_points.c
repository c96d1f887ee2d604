/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each trial, and whether anybody disturbed it. */
#include "probe/calibrate_points.h"

#include <math.h>

#include "base/mem.h"

/* Canaries are read no more often than this, and take no more than one part in so many of the
 * time: short trials share a reading. */
#define READ_EACH_S 0.5e-3
#define READ_SHARE 20

/* Reads the canaries: trials since the last reading were left alone if both readings are quick. */
static void read_canaries(const struct spr_calibration *c)
{
    static const enum spr_canary asked[] = {SPR_CANARY_MULTIPLY_ADD, SPR_CANARY_L2};
    struct spr_least_times *l = c->least;
    const double begin_s = c->clock_s();
    bool quiet = true;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const double seconds = c->canaries->read(c->canaries, asked[i]);
        const double most_s =
            (1 + spr_canary_slack(asked[i])) * c->canaries->least_s[asked[i]];
        quiet = quiet && !(seconds > most_s);
    }
    for (size_t i = l->waiting; i < l->next; i++) {
        struct spr_timed_point *p = &l->points[i];
        p->quiet = p->quiet || (p->waits && l->quiet && quiet);
        p->waits = false;
    }
    l->waiting = l->next;
    l->quiet = quiet;
    l->watched = true;
    const double end_s = c->clock_s();
    l->read_next_s = end_s + fmax(READ_EACH_S, READ_SHARE * (end_s - begin_s));
}

void spr_points_begin(const struct spr_calibration *c)
{
    struct spr_least_times *l = c->least;
    l->next = l->waiting = 0;
    l->watched = false;
}

void spr_points_end(const struct spr_calibration *c)
{
    if (c->canaries && c->least->watched) {
        read_canaries(c);
    }
}

bool spr_time_is_up(const struct spr_calibration *c)
{
    return c->end_s < 0 || (c->end_s > 0 && c->clock_s() >= c->end_s);
}

double spr_time_end(const struct spr_calibration *c)
{
    return c->end_s == 0 ? HUGE_VAL : c->end_s;
}

bool spr_points_known(const struct spr_calibration *c, size_t count)
{
    struct spr_least_times *l = c->least;
    if (!l) {
        return false;
    }
    bool known = l->next + count <= l->count;
    for (size_t i = 0; i < count && known; i++) {
        known = (c->disturbed_only && l->points[l->next + i].quiet) || spr_time_is_up(c);
    }
    if (!known && c->canaries && !l->watched) {
        read_canaries(c);
    }
    return known;
}

void spr_take_point(const struct spr_calibration *c, double *seconds, double *size)
{
    const struct spr_timed_point *p = &c->least->points[c->least->next++];
    *seconds = p->seconds;
    *size = p->size;
}

bool spr_keep_point(const struct spr_calibration *c, double *seconds, double *size)
{
    struct spr_least_times *l = c->least;
    if (!l) {
        return true;
    }
    if (l->next == l->count) {
        if (!spr_grow(&l->points, &l->capacity, l->count + 1, sizeof *l->points)) {
            return false;
        }
        l->points[l->count++] = (struct spr_timed_point){
            .seconds = *seconds, .size = *size, .quiet = c->canaries == NULL};
    }
    struct spr_timed_point *p = &l->points[l->next++];
    if (isnan(p->seconds) || *seconds < p->seconds) {
        p->seconds = *seconds;
        p->size = *size;
    }
    *seconds = p->seconds;
    *size = p->size;
    p->waits = c->canaries != NULL;
    if (p->waits && c->clock_s() >= l->read_next_s) {
        read_canaries(c);
    }
    return true;
}

size_t spr_points_disturbed(const struct spr_least_times *least)
{
    size_t disturbed = 0;
    for (size_t i = 0; i < least->count; i++) {
        disturbed += !least->points[i].quiet;
    }
    return disturbed;
}
