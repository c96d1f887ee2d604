/* SPDX-License-Identifier: Apache-2.0 */
/* What pruning asks of all values of a weight. */
#include <math.h>

#include "inspect/prune.h"
#include "weights/reader.h"

/* Which is larger has no answer for what is no number. */
static enum spr_status not_finite(const struct spr_weight *w, int64_t row, int64_t column,
                                  float value, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "layer '%.200s': row %lld, column %lld: %g: expected finite "
                    "weights to prune by magnitude",
                    w->layer, (long long)row, (long long)column, (double)value);
}

enum spr_status spr_check_finite(const struct spr_weight *w, float *values,
                                 struct spr_error *err)
{
    const bool sparse = w->storage == SPR_STORAGE_MATRIX;
    for (int64_t row = 0; row < w->m; row++) {
        const size_t *bounds = sparse ? w->matrix.row + row : NULL;
        for (size_t e = sparse ? bounds[0] : 0; sparse && e < bounds[1]; e++) {
            if (!isfinite(spr_weight_entry(w, e))) {
                return not_finite(w, row, w->matrix.column[e], spr_weight_entry(w, e), err);
            }
        }
        if (sparse) {
            continue;
        }
        spr_weight_values(w, row, 1, values);
        for (int64_t j = 0; j < w->k; j++) {
            if (!isfinite(values[j])) {
                return not_finite(w, row, j, values[j], err);
            }
        }
    }
    return SPR_OK;
}

static double entry_energy(const struct spr_weight *w, const uint64_t *keep)
{
    double all = 0, kept = 0;
    for (size_t e = 0; e < w->matrix.nnz; e++) {
        const double value = (double)spr_weight_entry(w, e);
        all += value * value;
        kept += keep[e / 64] >> (e % 64) & 1 ? value * value : 0;
    }
    return all > 0 ? kept / all : 1;
}

double spr_energy_kept(const struct spr_weight *w, const uint64_t *keep, float *values)
{
    double all = 0, kept = 0;
    if (w->storage == SPR_STORAGE_MATRIX) {
        return entry_energy(w, keep);
    }
    for (int64_t row = 0; row < w->m; row++) {
        spr_weight_values(w, row, 1, values);
        const uint64_t *bits = keep + row * ((w->k + 63) / 64);
        for (int64_t j = 0; j < w->k; j++) {
            double square = (double)values[j] * (double)values[j];
            all += square;
            kept += bits[j / 64] >> (j % 64) & 1 ? square : 0;
        }
    }
    return all > 0 ? kept / all : 1;
}
