/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer does not count, and what it would be otherwise. */
#include <math.h>
#include <stdio.h>

#include "base/table.h"
#include "report/answer_tables.h"
#include "report/figures.h"
#include "sproof/report.h"

/* What stands behind an expected time and is not one. */
static void put_stand_ins(FILE *file, const struct spr_analysis *a,
                          const struct spr_result *result)
{
    char line[400];
    bool conv = false;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        conv = conv || a->network->layers[i].op == SPR_OP_CONV;
    }
    if (!isfinite(result->expected.speedup)) {
        return;
    }
    snprintf(line, sizeof line,
             "Expected: operators that no kernel was timed for count at their bound, %.0f %% "
             "of the time%s.",
             100 * result->expected.bound_share,
             conv ? "; convolutions run as a product with the unfolded k x n input" : "");
    spr_text_wrapped(file, line, 0);
}

/* What --fusion does, and what the other of the two would give. */
static void put_fusion(FILE *file, const struct spr_analysis *a,
                       const struct spr_result *result)
{
    char line[400], dense[24], now[24];
    struct spr_answer other;
    bool fused = false;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        fused = fused || a->network->layers[i].y_elements > 0;
    }
    if (!fused || spr_analysis_other_fusion(a, result, &other, NULL) != SPR_OK) {
        return;
    }
    snprintf(line, sizeof line, "With --fusion %s, %s: %s -> %s, %.2fx.",
             spr_fusion_name(!a->options.fuse),
             a->options.fuse ? "epilogues as operators of their own"
                             : "epilogues inside their products",
             spr_format_seconds(other.dense_time_s, dense),
             spr_format_seconds(other.time_s, now), other.speedup);
    spr_text_wrapped(file, line, 0);
}

/* Zeros of X that the table has and no variant skips. */
static void put_activations(FILE *file, const struct spr_analysis *a)
{
    bool skipped = false;
    for (size_t i = 0; i < a->network->variant_count; i++) {
        const double of = a->network->variants[i].skipped;
        skipped = skipped || isnan(of) || of > 0;
    }
    if (!skipped && spr_network_has_zeros_of_x(a->network)) {
        spr_text_wrapped(file,
                         "X has zeros (activation_sparsity), which no kernel here skips: "
                         "--activation-sparsity table tells the bound of one that does.",
                         0);
    }
}

void spr_answer_notes(FILE *file, const struct spr_analysis *a,
                      const struct spr_result *result)
{
    fprintf(file, "\nNot counted: ");
    if (a->has_attention && !a->other_counted) {
        fprintf(file,
                "softmax, layer norm, GELU, residuals (no op=other rows\nin the table); ");
    }
    fprintf(file,
            "%sunfolding of convolutions, transfers, the\n"
            "runtime's own time. W weights, X inputs, Y outputs. FLOP: 2 per multiply-add.\n"
            "Bytes: each operand once%s.\n",
            a->options.fuse ? "other fusion, " : "fusion of operators, ",
            a->options.residency == SPR_RESIDENCY_DRAM ? " across the last memory level" : "");
    put_activations(file, a);
    put_fusion(file, a, result);
    put_stand_ins(file, a, result);
}
