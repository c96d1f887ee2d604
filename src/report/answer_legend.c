/* SPDX-License-Identifier: Apache-2.0 */
/* The words below the table of the answer. */
#include "report/answer_legend.h"

#include <stdio.h>

#include "base/table.h"

#define PARETO "; *: nothing as accurate is faster"

static void put_expected_legend(FILE *file, const struct spr_held *held)
{
    char line[800];
    snprintf(
        line, sizeof line,
        "zeros: share of W; expected: speedup of kernels that were timed; bound: of the "
        "bounds, hardware potential; best of both: expected if layers where the pattern "
        "loses stay dense; stay dense: how many prunable operators those are; limited by: "
        "share of the expected time%s%s%s",
        held->potential ? "; -: no kernel is known, and the figures behind it are of the "
                          "bounds"
                        : "",
        held->above ? "; expected above bound: the dense kernel is further from its bound "
                      "than the sparse one"
                    : "",
        held->pareto ? PARETO : "");
    spr_text_wrapped(file, line, 0);
}

void spr_answer_legend(FILE *file, const struct spr_analysis *a, bool markdown,
                       const struct spr_held *held)
{
    static const char *const native =
        "zeros: share of W; best of both: speedup if layers where the pattern loses stay\n"
        "dense; stay dense: how many prunable operators those are; breaks even at:\n"
        "sparsity from which the pattern is no slower than dense, over\nthe layers";
    static const char *const bound =
        "zeros: share of W; stay dense: prunable operators that are fastest dense; breaks\n"
        "even at: sparsity from which native or expanded is faster than dense, over the\n"
        "layers; execution: native: the format, on an engine that takes it; expanded:\n"
        "stored in it, multiplied as 2:4 or dense";
    static const char *const smaller =
        "zeros: share of W; stay dense: prunable operators that are as they were;\n"
        "smaller: a dense product of what is left of a layer; smaller+2:4: a pattern of\n"
        "that";
    fputs(markdown ? "\n" : "", file);
    if (a->expected_leads) {
        put_expected_legend(file, held);
    } else {
        fprintf(file, "%s%s\n",
                held->smaller       ? smaller
                : a->options.native ? native
                                    : bound,
                held->pareto ? PARETO : "");
    }
    if (held->interpolated) {
        fprintf(file, "~: interpolated between two measured accuracies\n");
    }
    if (held->layerwise) {
        fprintf(file,
                "!: measured with sparsity spread unevenly over layers, speedup with even\n"
                "sparsity: not one network (--assume-uniform counts it all the same)\n");
    }
}
