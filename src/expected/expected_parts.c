/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the expected time share. */
#include "expected/expected_parts.h"

#include <math.h>
#include <stdlib.h>

double spr_sweep_at(const struct spr_sweep *sweep, double bytes)
{
    size_t i = 1;
    if (bytes <= sweep->bytes[0] || sweep->count < 2) {
        return sweep->step_s[0];
    }
    while (i < sweep->count - 1 && sweep->bytes[i] < bytes) {
        i++;
    }
    double share =
        log(bytes / sweep->bytes[i - 1]) / log(sweep->bytes[i] / sweep->bytes[i - 1]);
    return sweep->step_s[i - 1] + fmin(share, 1) * (sweep->step_s[i] - sweep->step_s[i - 1]);
}

double spr_function_time(const struct spr_kernel_rates *rates, enum spr_isa isa, int threads,
                         const struct spr_function_work *work)
{
    const struct spr_function_rates *best = NULL;
    for (size_t i = 0; i < rates->function_count; i++) {
        const struct spr_function_rates *f = &rates->functions[i];
        if (f->isa == isa && f->function == work->function && f->element.count > 0 &&
            (!best || abs(f->threads - threads) < abs(best->threads - threads))) {
            best = f;
        }
    }
    return best ? work->elements * spr_sweep_at(&best->element, work->bytes) : (double)NAN;
}

const struct spr_tile_rates *spr_tile_rates_find(const struct spr_kernel_rates *kernels,
                                                 const struct spr_expected_case *of,
                                                 const struct spr_tile_shape *tile)
{
    const struct spr_tile_rates *best = NULL;
    for (size_t i = 0; i < kernels->count; i++) {
        const struct spr_tile_rates *t = &kernels->tiles[i];
        if (t->isa == of->isa && spr_tile_equal(&t->tile, tile) && t->w.count > 0 &&
            (!best || abs(t->threads - of->threads) < abs(best->threads - of->threads))) {
            best = t;
        }
    }
    return best;
}

double spr_imbalance(double units, int threads)
{
    return threads == 1 ? 1 : ceil(units / threads) / (units / threads);
}

double spr_far_bytes(const struct spr_sums *s)
{
    switch (s->of->residency) {
    case SPR_RESIDENCY_WARM:
        return s->near_bytes;
    case SPR_RESIDENCY_NETWORK:
        return fmax(s->near_bytes, s->of->network_bytes / s->of->threads);
    case SPR_RESIDENCY_DRAM:
    case SPR_RESIDENCY_COLD:
        break;
    }
    return HUGE_VAL;
}

double spr_unit_steps(const struct spr_sums *s, double units)
{
    if (s->dense) {
        return (double)s->of->k;
    }
    if (s->cell.owners > 1) {
        return (double)s->of->k / (double)s->cell.owners;
    }
    if (s->cell.of > 0) {
        return s->of->kept / (double)s->of->m;
    }
    double cells = ceil((double)s->of->k / (double)s->cell.columns);
    return s->of->kept / units * ((double)s->of->k / cells);
}
