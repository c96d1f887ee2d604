/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the user's times per layer, and what explain makes of them. */
#include "fuzz.h"

#include <math.h>
#include <stdio.h>

#include "sproof/report.h"

static void explain(const struct spr_analysis *analysis, const struct spr_result *result,
                    const struct spr_times *times)
{
    static FILE *sink;
    struct spr_explanation explanation = {.result = result, .times = times};
    spr_times_sum(times, analysis, result, &explanation.sums);
    explanation.measured = &explanation.sums.network;
    spr_explain_waterfall(analysis, result, explanation.measured, &explanation.waterfall);
    fuzz_require(fabs(explanation.waterfall.speedup * explanation.measured->sparse_s /
                          explanation.measured->dense_s -
                      1) < 1e-9,
                 "the waterfall ends at the measured speedup");
    sink = sink ? sink : fopen("/dev/null", "w");
    if (sink) {
        (void)spr_report_explanation(sink, analysis, &explanation, SPR_FORMAT_TABLE, NULL);
        (void)spr_report_explanation(sink, analysis, &explanation, SPR_FORMAT_JSON, NULL);
    }
}

static void read_times(const char *path, const struct spr_analysis *analysis,
                       const struct spr_result *result)
{
    struct spr_times times;
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    if (spr_times_read(path, analysis, result, &times, &notes, &err) == SPR_OK) {
        fuzz_require(times.rows_used > 0, "times that were read are used");
        explain(analysis, result, &times);
        spr_times_free(&times);
    } else {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
    }
    spr_notes_free(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct spr_network network;
    static struct spr_machine machine;
    static struct spr_analysis analysis;
    /* One analysis serves every input: the reader only looks at it. */
    if (!analysis.results) {
        struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
        network = fuzz_network();
        machine = fuzz_machine();
        fuzz_add_grid(&network);
        fuzz_require(spr_analyze(&network, &machine, &options, &analysis, NULL) == SPR_OK,
                     "the small network can be analyzed");
    }
    const char *path = fuzz_file(data, size);
    read_times(path, &analysis, &analysis.results[0]);
    read_times(path, &analysis, &analysis.results[analysis.result_count / 2]);
    return 0;
}
