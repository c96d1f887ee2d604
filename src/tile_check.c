/* SPDX-License-Identifier: Apache-2.0 */
/* A calibrated register tile once more: whether the machine is as it was when it was probed. A
 * neighbour on the other half of a core takes from the instructions that a kernel needs beside
 * its multiply-adds, one elsewhere from the last cache and from memory; the multiply-add rate
 * alone shows neither. */
#include "tile_check.h"

#include <math.h>

#include "expected_parts.h"

/* A tile with few multiply-adds a load: the first to be slower. The calibration has these
 * footprints, quick or not. */
#define ROWS 4
#define VECTORS_MOST 4
#define X_BYTES 786432.0
/* One in so many columns is in a row group. */
#define X_SPARSITY 10
#define STEPS_MOST 128
/* Y of the calibration of row groups. */
#define Y_BYTES 131072.0
/* A sample. */
#define PASS_S 400e-6

static const struct spr_tile_rates *find(const struct spr_machine *machine, enum spr_isa isa,
                                         int threads, int vectors)
{
    const struct spr_kernel_rates *kernels = machine->kernels;
    for (size_t i = 0; kernels && i < kernels->count; i++) {
        const struct spr_tile_rates *t = &kernels->tiles[i];
        if (t->isa == isa && t->threads == threads && t->form == SPR_TILE_STRIP &&
            t->rows == ROWS && t->vectors == vectors) {
            return t;
        }
    }
    return NULL;
}

bool spr_tile_check_make(const struct spr_machine *machine, enum spr_isa isa, int threads,
                         bool far, struct spr_tile_check *out)
{
    const int widest = spr_tiles_of(isa)->widest(ROWS);
    const int vectors = widest < VECTORS_MOST ? widest : VECTORS_MOST;
    const struct spr_tile_rates *rates = find(machine, isa, threads, vectors);
    *out = (struct spr_tile_check){.isa = isa};
    const struct spr_calibration calibration = {.isa = isa, .threads = threads};
    if (!machine->probed || !rates || rates->x.count == 0 || rates->w.count == 0 ||
        rates->group.count == 0) {
        return false;
    }
    const double far_bytes = rates->w.bytes[rates->w.count - 1];
    const double x_bytes = far ? SPR_NEAR_X_BYTES : X_BYTES;
    const double columns = x_bytes / (4.0 * vectors * spr_isa_lanes(isa));
    const struct spr_trial trial = {
        .tile = {SPR_TILE_STRIP, ROWS, vectors},
        .x_bytes = x_bytes,
        .w_bytes = far ? far_bytes : 0,
        .y_bytes = Y_BYTES,
        .steps = far ? STEPS_MOST : (size_t)fmin(STEPS_MOST, fmax(16, columns / X_SPARSITY)),
        .first = true};
    double steps, groups;
    if (!spr_team_make(&out->team, &calibration) || !spr_team_build(&out->team, isa, &trial)) {
        spr_team_free(&out->team);
        return false;
    }
    spr_team_size(&out->team, &steps, &groups);
    const double step_s =
        far ? spr_sweep_at(&rates->w, far_bytes) : spr_sweep_at(&rates->x, X_BYTES);
    const double pass_s =
        steps * step_s + groups * spr_sweep_at(&rates->group, steps / groups);
    out->passes = (int)fmin(1000, ceil(PASS_S / pass_s));
    out->probed_s = out->passes * pass_s;
    return true;
}

void spr_tile_check_run(void *context)
{
    const struct spr_tile_check *check = context;
    spr_team_pass(&check->team, check->isa, check->passes);
}

void spr_tile_check_free(struct spr_tile_check *check)
{
    spr_team_free(&check->team);
}
