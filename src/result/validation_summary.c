/* SPDX-License-Identifier: Apache-2.0 */
/* The errors of a validation's cases, summarised by kind of mask and thread count. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "sproof/validation.h"

/* Which cases, and which figure of them. */
struct choice {
    const struct spr_validation *validation;
    bool real_mask;
    int threads;
    double (*figure)(const struct spr_validation_case *);
    bool absolute;
};

static bool in_group(const struct spr_validation_case *c, bool real_mask, int threads)
{
    return c->real_mask == real_mask && c->threads == threads;
}

static double error_of(const struct spr_validation_case *c)
{
    return c->error;
}

static double speedup_error_of(const struct spr_validation_case *c)
{
    return c->speedup_error;
}

/* The figure of case i, NAN when the case does not count. */
static double pick(const struct choice *choice, size_t i)
{
    const struct spr_validation_case *c = &choice->validation->cases[i];
    if (c->inconclusive || !in_group(c, choice->real_mask, choice->threads)) {
        return (double)NAN;
    }
    return choice->absolute ? fabs(choice->figure(c)) : choice->figure(c);
}

static size_t count_up_to(const struct choice *choice, double limit)
{
    size_t count = 0;
    for (size_t i = 0; i < choice->validation->case_count; i++) {
        count += pick(choice, i) <= limit;
    }
    return count;
}

/* Doubles in rising order of the integers: order_of(a) < order_of(b) if a < b. */
static double value_at(uint64_t order)
{
    uint64_t bits = order >> 63 ? order ^ (uint64_t)1 << 63 : ~order;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t order_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* The figure with `rank` others no larger, itself included, by halving the range of doubles:
 * sorting would need memory, and so a way to fail. */
static double ranked(const struct choice *choice, size_t rank)
{
    uint64_t low = order_of(-(double)INFINITY), high = order_of((double)INFINITY);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (count_up_to(choice, value_at(middle)) >= rank) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return value_at(low);
}

static double median_of(const struct choice *choice)
{
    size_t count = count_up_to(choice, (double)INFINITY);
    if (count == 0) {
        return (double)NAN;
    }
    double low = ranked(choice, (count + 1) / 2);
    return count % 2 ? low : (low + ranked(choice, count / 2 + 1)) / 2;
}

static double p90_of(const struct choice *choice)
{
    size_t count = count_up_to(choice, (double)INFINITY);
    return count ? ranked(choice, (9 * count + 9) / 10) : (double)NAN;
}

static double share_within(const struct choice *choice, double limit)
{
    size_t count = count_up_to(choice, (double)INFINITY);
    return count ? (double)count_up_to(choice, limit) / (double)count : (double)NAN;
}

bool spr_validation_summarise(const struct spr_validation *validation, bool real_mask,
                              int threads, struct spr_validation_summary *summary)
{
    struct choice choice = {validation, real_mask, threads, error_of, true};
    *summary = (struct spr_validation_summary){.real_mask = real_mask, .threads = threads};
    for (size_t i = 0; i < validation->case_count; i++) {
        const struct spr_validation_case *c = &validation->cases[i];
        if (in_group(c, real_mask, threads)) {
            summary->cases += !c->inconclusive;
            summary->inconclusive += c->inconclusive;
            summary->above_roof += c->above_roof && !c->inconclusive;
        }
    }
    summary->median_abs_error = median_of(&choice);
    summary->p90_abs_error = p90_of(&choice);
    summary->within_10_percent = share_within(&choice, 0.1);
    choice.absolute = false;
    summary->bias = median_of(&choice);
    choice.figure = speedup_error_of;
    choice.absolute = true;
    summary->speedup_median_abs_error = median_of(&choice);
    summary->speedup_p90_abs_error = p90_of(&choice);
    summary->speedup_within_10_percent = share_within(&choice, 0.1);
    return summary->cases + summary->inconclusive > 0;
}

bool spr_validation_opens_group(const struct spr_validation *validation, size_t index)
{
    const struct spr_validation_case *c = &validation->cases[index];
    for (size_t i = 0; i < index; i++) {
        if (in_group(&validation->cases[i], c->real_mask, c->threads)) {
            return false;
        }
    }
    return true;
}
