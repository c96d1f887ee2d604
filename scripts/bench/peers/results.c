/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <math.h>

struct result *results_add(struct results *results)
{
    if (results->count == results->room) {
        results->room = results->room > 0 ? 2 * results->room : 64;
        results->row = realloc(results->row, results->room * sizeof *results->row);
        if (results->row == NULL) {
            abort();
        }
    }
    struct result *result = &results->row[results->count++];
    memset(result, 0, sizeof *result);
    return result;
}

size_t results_judge(struct results *results, size_t first)
{
    size_t doubtful = 0;
    for (size_t i = first; i < results->count; i++) {
        struct spr_measurement *measured = &results->row[i].measured;
        if (!spr_measurements_judge(&measured, 1, results->canaries->least_s)) {
            abort();
        }
        doubtful += result_doubtful(&results->row[i]);
    }
    return doubtful;
}

double result_rate(const struct result *result)
{
    return result != NULL && result->measured.sample_count > 0
               ? result->flops / result->measured.time_s
               : (double)NAN;
}

bool result_doubtful(const struct result *result)
{
    return result->measured.sample_count > 0 && result->measured.doubt != SPR_DOUBT_NONE;
}

const struct result *results_peak(const struct results *results, size_t shape)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (r->shape == shape && r->peak && r->measured.sample_count > 0) {
            return r;
        }
    }
    return NULL;
}

const struct result *results_find(const struct results *results, size_t shape,
                                  const char *pattern, int percent, const char *label)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (r->shape == shape && !r->peak && r->measured.sample_count > 0 &&
            r->percent == percent && strcmp(r->pattern, pattern) == 0 &&
            strcmp(r->label, label) == 0) {
            return r;
        }
    }
    return NULL;
}
