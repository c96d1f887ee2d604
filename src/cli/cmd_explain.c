/* SPDX-License-Identifier: Apache-2.0 */
/* sproof explain: why a variant is as fast as it is, and why the user's is not. */

#include "cli/cli.h"

/* What a validation beside the record says of the variant. */
static void show_measured(struct cli *cli, const struct cli_evaluated *e,
                          const struct spr_result *result)
{
    struct spr_validation validation;
    bool found;
    cli_find_validation(cli, &e->record, &validation, &found);
    if (found) {
        spr_report_measured_cases(cli->out, &e->analysis, result, &validation);
        spr_validation_free(&validation);
    }
}

static enum spr_status explain(struct cli *cli, const struct args *args,
                               struct cli_evaluated *e, struct spr_times *times,
                               struct spr_error *err)
{
    struct spr_explanation explanation = {0};
    struct spr_measured measured;
    struct spr_runtime runtime;
    enum spr_format format;
    const char *const *value = args->value;
    size_t batch;
    SPR_TRY(spr_format_parse(&spr_explanation_formats, value[OPT_FORMAT], &format, err));
    SPR_TRY(cli_batch_index(&e->record.options, value[OPT_BATCH], &batch, err));
    SPR_TRY(cli_choose_result(e, args->positional_count ? args->positional[0] : NULL, batch,
                              &explanation.result, err));
    if (value[OPT_MEASURED] && value[OPT_TIMES]) {
        return spr_fail(err, SPR_EINPUT, "expected --measured or --times, not both");
    }
    if (value[OPT_MEASURED]) {
        SPR_TRY(cli_measured(value[OPT_MEASURED], &measured, &explanation.errors, err));
        explanation.measured = &measured;
    }
    if (value[OPT_TIMES]) {
        SPR_TRY(spr_times_read(value[OPT_TIMES], &e->analysis, explanation.result, times,
                               &cli->notes, err));
        explanation.times = times;
        spr_times_sum(times, &e->analysis, explanation.result, &explanation.sums);
        explanation.measured = &explanation.sums.network;
    }
    if (value[OPT_RUNTIME]) {
        SPR_TRY(cli_find_runtime(value[OPT_RUNTIME], &explanation.result->variant->pattern,
                                 &runtime, err));
        explanation.runtime = &runtime;
    }
    cli_flush_notes(cli);
    spr_explain_waterfall(&e->analysis, explanation.result, explanation.measured,
                          &explanation.waterfall);
    SPR_TRY(spr_report_explanation(cli->out, &e->analysis, &explanation, format, err));
    if (format == SPR_FORMAT_TABLE) {
        show_measured(cli, e, explanation.result);
    }
    return SPR_OK;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct cli_evaluated evaluated;
    struct spr_times times = {0};
    enum spr_status status =
        cli_evaluate_record(cli, args->value[OPT_INPUT], NULL, 0, &evaluated, err);
    if (status == SPR_OK) {
        status = explain(cli, args, &evaluated, &times, err);
    }
    spr_times_free(&times);
    cli_evaluated_free(&evaluated);
    return status;
}

static const enum option options[] = {OPT_INPUT, OPT_MEASURED, OPT_TIMES, OPT_RUNTIME,
                                      OPT_BATCH, OPT_FORMAT,   OPT_COUNT};

const struct verb verb_explain = {
    .name = "explain",
    .arguments = "[VARIANT] ",
    .summary = "Why: from 1/density to the answer, one factor a step.",
    .examples = {"sproof explain 4x4@0.9",
                 "sproof explain csr@0.9 --measured dense=42ms,sparse=41ms"},
    .notes = "VARIANT is a name of the record (default: the recommended one), a pattern (its\n"
             "fastest variant), or any PATTERN@SPARSITY, evaluated now; csr@0.9+act0.8 skips\n"
             "80 % zeros of X, too, csr@0.9+act those of the layer table.",
    .positionals_max = 1,
    .options = options,
    .formats = &spr_explanation_formats,
    .run = run,
};
