/* SPDX-License-Identifier: Apache-2.0 */
/* Times of a calibration that no kernel takes: shorter than the machine's bound, or so long that
 * their unit is another one. */
#include <math.h>
#include <stdio.h>

#include "sproof/calibration_report.h"

/* Longer than what is usual by this: 1000 is what a slip of a unit gives, of a kernel three times as
 * fast as usual. */
#define SLIP 300

/* The clock of a GPU and its memory may be a little faster than its data sheet. */
#define SLACK 1.05

/* The bound at the high ends of the machine's rates; 0: the machine has no engine for it. */
static double bound_of(const struct spr_machine *machine, const struct spr_product *row)
{
    struct spr_model model;
    struct spr_prediction run;
    const struct spr_layer layer = {.op = SPR_OP_LINEAR,
                                    .prunable = true,
                                    .m = row->m,
                                    .k = row->k,
                                    .n = row->n,
                                    .count = 1,
                                    .calls = 1,
                                    .groups = 1,
                                    .x_elements = (double)row->k * (double)row->n,
                                    .other_bytes = (double)NAN};
    const struct spr_counted nothing = {(double)NAN, (double)NAN, (double)NAN};
    const struct spr_shape shape = spr_layer_shape(&layer);
    if (spr_model_prepare(&model, machine, row->dtype, SPR_HIGH, SPR_HIGH, NULL) != SPR_OK) {
        return 0;
    }
    spr_model_set_residency(&model, row->residency, machine->cores > 0 ? machine->cores : 1);
    if (spr_pattern_is_dense(&row->pattern)) {
        spr_model_dense(&model, &layer, 1, &run);
        return run.time_s;
    }
    const double kept = spr_pattern_kept(&row->pattern, &shape, row->sparsity);
    return spr_model_sparse(&model, &layer, 1, &row->pattern, kept, &nothing, &run)
               ? run.time_s
               : 0;
}

/* The first row of a kind, and how many more there are. */
struct rows {
    const struct spr_product *first;
    double other_s; /* what its time is compared with */
    size_t more;
};

static void add_row(struct rows *rows, const struct spr_product *row, double other_s)
{
    if (rows->first) {
        rows->more++;
    } else {
        *rows = (struct rows){row, other_s, 0};
    }
}

static void put_note(struct spr_notes *notes, const struct spr_products *products,
                     const struct rows *rows, const char *before, const char *behind)
{
    char time[24], other[24], more[48] = "";
    if (!rows->first) {
        return;
    }
    if (rows->more > 0) {
        snprintf(more, sizeof more, " (and %zu row%s more)", rows->more,
                 rows->more == 1 ? "" : "s");
    }
    spr_note(
        notes,
        "%s:%zu: column 'time': %s is %s %s%s%s: check the unit, the dtype and the machine",
        products->path, rows->first->line, spr_format_seconds(rows->first->time_s, time),
        before, spr_format_seconds(rows->other_s, other), behind, more);
}

void spr_fit_doubts(const struct spr_machine *machine, const struct spr_products *products,
                    struct spr_notes *notes)
{
    struct rows below = {0}, above = {0};
    for (size_t i = 0; i < products->count; i++) {
        const struct spr_product *row = &products->rows[i];
        const double bound_s = bound_of(machine, row);
        if (row->time_s * SLACK < bound_s) {
            add_row(&below, row, bound_s);
        } else if (row->time_s > SLIP * fmax(row->usual_s, bound_s)) {
            add_row(&above, row, fmax(row->usual_s, bound_s));
        }
    }
    put_note(notes, products, &below, "below its bound of", ", which no kernel beats");
    put_note(notes, products, &above, "far above the", " that such a product usually takes");
}
