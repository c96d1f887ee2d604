/* SPDX-License-Identifier: Apache-2.0 */
/* One row of a layer table: how a variant prunes the layer. */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/whole.h"
#include "network/layer_row.h"

static enum spr_status read_sparsity(struct spr_csv *csv, const struct spr_layer *layer,
                                     struct spr_choice *choice)
{
    double fixed = spr_pattern_fixed_sparsity(&choice->pattern);
    double sparsity = (double)NAN;
    SPR_TRY(spr_csv_fraction(csv, SPARSITY, &sparsity));
    if (!isnan(fixed) && !isnan(sparsity) && fabs(sparsity - fixed) > SPR_SPARSITY_SLACK) {
        char expected[96], name[SPR_PATTERN_TEXT];
        snprintf(expected, sizeof expected, "%.6g, the sparsity that %s fixes, within 0.01",
                 fixed, spr_pattern_text(&choice->pattern, name));
        return spr_csv_bad(csv, SPARSITY, expected);
    }
    if (!isnan(fixed)) {
        sparsity = fixed;
    } else if (isnan(sparsity) && !isnan(choice->counted.nnz) &&
               choice->pattern.kind->pattern_class == SPR_CLASS_CSR) {
        sparsity = 1 - choice->counted.nnz / ((double)layer->m * (double)layer->k);
    } else if (isnan(sparsity)) {
        return spr_csv_bad(csv, SPARSITY, "a fraction 0..1 or a percentage 0%..100%");
    }
    choice->sparsity = sparsity;
    return SPR_OK;
}

static enum spr_status read_counted(struct spr_csv *csv, const struct spr_layer *layer,
                                    struct spr_counted *counted)
{
    const char *columns = "a count 0..k";
    double k = (double)layer->k, weights = (double)layer->m * k;
    *counted = (struct spr_counted){(double)NAN, (double)NAN, (double)NAN};
    SPR_TRY(spr_csv_count(csv, NNZ, weights, "a count 0..m*k", &counted->nnz));
    if (layer->groups == 1) {
        SPR_TRY(spr_csv_count(csv, TOUCHED_COLUMNS, k, columns, &counted->touched_columns));
    } else {
        SPR_TRY(
            spr_csv_number(csv, TOUCHED_COLUMNS, 0, k, columns, &counted->touched_columns));
    }
    if (!spr_is_mean_count(counted->touched_columns, layer->groups)) {
        return spr_csv_bad(csv, TOUCHED_COLUMNS, "a mean over the groups of counts 0..k");
    }
    return spr_csv_count(csv, LONGEST_ROW, k, columns, &counted->longest_row);
}

/* Counts that contradict each other or the pattern would give more useful than issued
 * FLOPs. */
static enum spr_status check_counted(struct spr_csv *csv, const struct spr_layer *layer,
                                     const struct spr_choice *choice)
{
    const struct spr_counted *counted = &choice->counted;
    struct spr_shape shape = spr_layer_shape(layer);
    /* A sparsity is often given with four digits, the count exactly. */
    double least = fmax(0, choice->sparsity - SPR_SAME_SPARSITY);
    double kept = spr_pattern_kept(&choice->pattern, &shape, least);
    if (isnan(counted->nnz)) {
        return SPR_OK;
    }
    struct spr_weight_cost cost =
        choice->pattern.kind->cost(&choice->pattern, &shape, kept, counted, 1);
    if (counted->nnz > cost.issued) {
        char expected[96];
        snprintf(expected, sizeof expected,
                 "at most %.10g, what the pattern stores at this sparsity", cost.issued);
        return spr_csv_bad(csv, NNZ, expected);
    }
    if (counted->touched_columns * (double)layer->m < counted->nnz) {
        return spr_csv_bad(csv, TOUCHED_COLUMNS, "enough columns to hold the nnz");
    }
    if (counted->longest_row * (double)layer->m < counted->nnz) {
        return spr_csv_bad(csv, LONGEST_ROW, "a row long enough for the nnz");
    }
    return SPR_OK;
}

static enum spr_status check_fit(struct spr_csv *csv, const struct spr_layer *layer,
                                 const struct spr_choice *choice)
{
    const struct spr_pattern_kind *kind = choice->pattern.kind;
    struct spr_shape shape = spr_layer_shape(layer);
    const char *why = kind->misfit ? kind->misfit(&choice->pattern, &shape) : NULL;
    char expected[160];
    if (!why) {
        return SPR_OK;
    }
    if (kind->misfit_is_error) {
        snprintf(expected, sizeof expected, "a pattern that fits layer '%.60s': %s",
                 layer->name, why);
        return spr_csv_bad(csv, PATTERN, expected);
    }
    if (kind->pattern_class == SPR_CLASS_BLOCK) {
        spr_note(csv->notes, "%s:%zu: layer '%.60s' is smaller than its pattern '%.40s': %s",
                 csv->path, csv->line, layer->name, spr_csv_cell(csv, PATTERN), why);
    }
    return SPR_OK;
}

/* Patterns belong on operators with weights whose rows allow pruning. */
static enum spr_status check_prunable(struct spr_csv *csv, const struct spr_layer *layer,
                                      const struct spr_choice *choice)
{
    if (spr_pattern_is_dense(&choice->pattern) || layer->prunable) {
        return SPR_OK;
    }
    return spr_csv_bad(csv, PATTERN,
                       spr_op_has_weights(layer->op)
                           ? "nothing or dense: the layer's rows say prunable=0"
                           : "nothing or dense: this operator has no weights");
}

enum spr_status spr_choice_read_row(struct spr_csv *csv, const struct spr_layer *layer,
                                    struct spr_choice *choice)
{
    choice->line = csv->line;
    choice->activation_sparsity = layer->activation_sparsity;
    SPR_TRY(read_counted(csv, layer, &choice->counted));
    SPR_TRY(read_sparsity(csv, layer, choice));
    SPR_TRY(check_counted(csv, layer, choice));
    SPR_TRY(spr_csv_fraction(csv, ACTIVATION_SPARSITY, &choice->activation_sparsity));
    SPR_TRY(check_prunable(csv, layer, choice));
    return check_fit(csv, layer, choice);
}
