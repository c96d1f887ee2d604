/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <math.h>

static void *grown(void *block, size_t count, size_t *room, size_t item)
{
    if (count < *room) {
        return block;
    }
    *room = *room > 0 ? 2 * *room : 64;
    void *larger = realloc(block, *room * item);
    if (larger == NULL) {
        abort();
    }
    return larger;
}

struct result *results_add(struct results *results)
{
    results->row = grown(results->row, results->count, &results->room, sizeof *results->row);
    struct result *result = &results->row[results->count++];
    memset(result, 0, sizeof *result);
    return result;
}

void result_sample(struct result *result, double seconds)
{
    result->samples = grown(result->samples, result->sample_count, &result->sample_room,
                            sizeof *result->samples);
    result->samples[result->sample_count++] = seconds;
}

static int by_value(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* The interval is that of the order statistics: no shape of the distribution is assumed. */
void result_close(struct result *result)
{
    size_t n = result->sample_count;
    double *t = result->samples;
    if (n == 0) {
        return;
    }
    qsort(t, n, sizeof *t, by_value);
    double half = 1.96 * sqrt((double)n) / 2;
    double low = floor((double)n / 2 - half), high = ceil((double)n / 2 + half);
    result->best = t[0];
    result->worst = t[n - 1];
    result->median = n % 2 != 0 ? t[n / 2] : (t[n / 2 - 1] + t[n / 2]) / 2;
    result->low = t[low > 0 ? (size_t)low : 0];
    result->high = t[high < (double)(n - 1) ? (size_t)high : n - 1];
}

const struct result *results_find(const struct results *results, size_t shape,
                                  const char *pattern, int percent, const char *label)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (r->shape == shape && !r->peak && r->sample_count > 0 && r->percent == percent &&
            strcmp(r->pattern, pattern) == 0 &&
            (label == NULL || strcmp(r->label, label) == 0)) {
            return r;
        }
    }
    return NULL;
}
