/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of a result, one by one. */
#include <math.h>
#include <stdio.h>

#include "base/markdown.h"
#include "base/table.h"
#include "report/answer_tables.h"

/* The expected times of a layer and what limits them; nothing where nothing is expected. */
static void put_expected(FILE *file, const struct spr_analysis *a,
                         const struct spr_result *result, size_t index, bool markdown)
{
    const struct spr_layer_result *r = &result->layers[index];
    const struct spr_layer_expected *from =
        spr_analysis_expected_dense(a, result->batch_index, index);
    char dense[24], now[24];
    if (!isfinite(r->expected_speedup)) {
        return;
    }
    fprintf(file, "%s%s -> %s, %.2fx, %s%s", markdown ? " expected " : "    expected ",
            spr_format_seconds(from->time_s, dense),
            spr_format_seconds(r->expected.time_s, now), r->expected_speedup,
            spr_explain_expected(&r->expected), markdown ? "; bound" : "\n    bound");
}

/* The bounds of all executions of a pruned layer. */
static void put_executions(FILE *file, const struct spr_layer_result *r, bool markdown)
{
    const char *lead = markdown ? " " : "    ";
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        char seconds[24];
        if (!isnan(r->run.execution_s[e])) {
            fprintf(file, "%s%s %s", lead, spr_execution_name((enum spr_execution)e),
                    spr_format_seconds(r->run.execution_s[e], seconds));
            lead = ", ";
        }
    }
    fputs(markdown ? ";" : "\n", file);
}

/* One line of figures and one of reason per layer: the reason is the point of the list. */
static void put_layer(FILE *file, const struct spr_analysis *a,
                      const struct spr_result *result, size_t index, bool markdown)
{
    const struct spr_layer *layer = &a->network->layers[index];
    const struct spr_layer_result *r = &result->layers[index];
    char name[SPR_TABLE_CELL], text[SPR_REASON_TEXT], dense[24], now[24], even[32] = "";
    char shape[80] = "", factor[32];
    const bool executions = !a->options.native && !spr_pattern_is_dense(&r->choice.pattern);
    if (layer->op != SPR_OP_OTHER) {
        snprintf(shape, sizeof shape, " %lldx%lld, n %lld", (long long)layer->m,
                 (long long)layer->k, (long long)layer->n);
    }
    if (!isnan(r->break_even_sparsity)) {
        snprintf(even, sizeof even, ", breaks even at %.1f%%", 100 * r->break_even_sparsity);
    }
    spr_text_short(layer->name, markdown ? 70 : 44, name);
    spr_format_seconds(spr_analysis_dense(a, result->batch_index, index)->time_s, dense);
    spr_format_seconds(r->run.time_s, now);
    spr_explain_layer(a, result, index, text);
    snprintf(factor, sizeof factor, isfinite(r->speedup) ? "%.2fx" : "gone", r->speedup);
    if (markdown) {
        fputs("- ", file);
        spr_markdown_code(file, name);
        fprintf(file, "%s:", shape);
        put_expected(file, a, result, index, markdown);
        fprintf(file, " %s -> %s, %s%s;", dense, now, factor, even);
        if (executions) {
            put_executions(file, r, markdown);
        }
        fputc(' ', file);
        spr_markdown_text(file, text);
        fputc('\n', file);
        return;
    }
    fprintf(file, "  %s%s\n", name, shape);
    put_expected(file, a, result, index, markdown);
    fprintf(file, "%s %s -> %s, %s%s\n", isfinite(r->expected_speedup) ? "" : "   ", dense,
            now, factor, even);
    if (executions) {
        put_executions(file, r, markdown);
    }
    spr_text_wrapped(file, text, 4);
}

void spr_answer_layers(FILE *file, const struct spr_analysis *a,
                       const struct spr_result *result, bool markdown)
{
    char name[SPR_TABLE_CELL];
    spr_text_short(result->variant->name, 60, name);
    fputs("\nLayers of ", file);
    if (markdown) {
        spr_markdown_text(file, name);
    } else {
        fputs(name, file);
    }
    fprintf(file, ", batch %.0f (one occurrence, dense -> pruned):\n%s", result->batch,
            markdown ? "\n" : "");
    for (size_t i = 0; i < a->network->layer_count; i++) {
        put_layer(file, a, result, i, markdown);
    }
}
