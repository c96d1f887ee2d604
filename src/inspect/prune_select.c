/* SPDX-License-Identifier: Apache-2.0 */
/* The largest of some norms. */
#include <math.h>
#include <string.h>

#include "inspect/prune.h"

uint32_t spr_norm_bits(float norm)
{
    uint32_t bits;
    norm = isnan(norm) ? HUGE_VALF : norm; /* what is no number is never cut */
    memcpy(&bits, &norm, sizeof bits);
    return bits;
}

void spr_select_largest(int64_t stride, int64_t count, int64_t most, const float *values,
                        bool *kept)
{
    memset(kept, 0, (size_t)count * sizeof *kept);
    for (int64_t taken = 0; taken < most && taken < count; taken++) {
        int64_t best = -1;
        for (int64_t i = 0; i < count; i++) {
            if (!kept[i] && (best < 0 || spr_norm_bits(fabsf(values[i * stride])) >
                                             spr_norm_bits(fabsf(values[best * stride])))) {
                best = i;
            }
        }
        kept[best] = true;
    }
}

void spr_add_owned(struct spr_pruning *p, int64_t row, int64_t column, float value, size_t at)
{
    const double size = fabs((double)value);
    if (size > 0) {
        p->owners.entry[p->owners.count++] =
            (struct spr_owned){.row = (int32_t)row,
                               .column = (int32_t)column,
                               .norm = p->options->score == SPR_SCORE_L1 ? size : size * size,
                               .at = at};
    }
}
