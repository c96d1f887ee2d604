/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels' own loops reached while they were calibrated, as rates of the machine. */
#include <math.h>

#include "probe/probe_parts.h"
#include "sproof/tile.h"

/* The least time of a step with footprints of more than so many bytes of one thread. */
static double least_step(const struct spr_sweep *sweep, double bytes)
{
    double least = HUGE_VAL;
    for (size_t i = 0; i < sweep->count; i++) {
        if (sweep->bytes[i] > bytes) {
            least = fmin(least, sweep->step_s[i]);
        }
    }
    return least;
}

double spr_probe_reached_flops(const struct spr_kernel_rates *rates, enum spr_isa isa,
                               int threads)
{
    double best = 0;
    for (size_t i = 0; i < rates->count; i++) {
        const struct spr_tile_rates *t = &rates->tiles[i];
        if (t->isa == isa && t->threads == threads && t->tile.form == SPR_TILE_MATRIX) {
            const double flops = 2.0 * t->tile.rows * t->tile.vectors * spr_isa_lanes(isa);
            best = fmax(best, threads * flops / least_step(&t->x, 0));
        }
    }
    return best;
}

/* The farthest footprint of any stream of weights, of one thread. */
static double farthest(const struct spr_kernel_rates *rates, enum spr_isa isa, int threads)
{
    double bytes = 0;
    for (size_t i = 0; i < rates->count; i++) {
        const struct spr_tile_rates *t = &rates->tiles[i];
        if (t->isa == isa && t->threads == threads && t->w.count > 0) {
            bytes = fmax(bytes, t->w.bytes[t->w.count - 1]);
        }
    }
    return bytes;
}

double spr_probe_streamed(const struct spr_kernel_rates *rates, enum spr_isa isa, int threads,
                          double caches)
{
    const double far = farthest(rates, isa, threads);
    double best = 0;
    for (size_t i = 0; i < rates->count && far * threads > caches; i++) {
        const struct spr_tile_rates *t = &rates->tiles[i];
        if (t->isa == isa && t->threads == threads) {
            const double bytes = 4.0 * spr_tile_values(&t->tile, spr_isa_lanes(isa));
            best = fmax(best, threads * bytes / least_step(&t->w, 0.99 * far));
        }
    }
    return best;
}
