/* SPDX-License-Identifier: Apache-2.0 */
/* sproof compare: is the new record slower than the base? */
#include <string.h>

#include "base/csv.h"
#include "cli/cli.h"
#include "sproof/compare.h"

#define DEFAULT_REGRESSION 0.05
#define PERCENT_MAX 1000

struct request {
    double max_regression;
    bool allow_mismatch;
    enum spr_format format;
};

static enum spr_status read_percent(const char *text, double *fraction, struct spr_error *err)
{
    char number[64];
    size_t length = strlen(text);
    bool sign = length > 1 && text[length - 1] == '%';
    double percent = 0;
    snprintf(number, sizeof number, "%.*s", (int)(sign ? length - 1 : length), text);
    if (length >= sizeof number || !spr_parse_number(number, &percent) || percent < 0 ||
        percent > PERCENT_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "--max-regression: '%.60s': expected a percentage 0..1000, such as 5",
                        text);
    }
    *fraction = percent / 100;
    return SPR_OK;
}

/* Differences of the inputs: warnings when allowed, else the error. */
static enum spr_status check_inputs(struct cli *cli, const struct spr_comparison *c,
                                    bool allowed, struct spr_error *err)
{
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < c->mismatches.count && i < SPR_NOTES_MAX; i++) {
        const char *line = c->mismatches.line[i] ? c->mismatches.line[i] : "(out of memory)";
        if (allowed) {
            spr_note(&cli->notes, "not the same: %s", line);
        } else {
            status = spr_fail_more(err, SPR_EINPUT, "not the same: %s", line);
        }
    }
    if (c->mismatches.count > 0 && !allowed) {
        status = spr_fail_more(err, SPR_EINPUT,
                               "expected records of the same inputs: --allow-mismatch "
                               "compares them all the same");
    }
    return status;
}

static enum spr_status judge(struct cli *cli, const struct request *request,
                             const struct spr_timings *base, const struct spr_timings *next,
                             struct spr_error *err)
{
    struct spr_comparison comparison;
    SPR_TRY(spr_compare(base, next, request->max_regression, &comparison, err));
    enum spr_status status = check_inputs(cli, &comparison, request->allow_mismatch, err);
    if (status == SPR_OK) {
        cli_flush_notes(cli);
        status = spr_report_comparison(cli->out, &comparison, request->format, err);
    }
    /* The answer says why; a line on stderr would repeat it. */
    if (status == SPR_OK && comparison.verdict != SPR_WITHIN) {
        status = comparison.verdict == SPR_SLOWER ? SPR_EGATE : SPR_EINCONCLUSIVE;
    }
    spr_comparison_free(&comparison);
    return status;
}

static void warn_interrupted(struct cli *cli, const struct spr_timings *points)
{
    if (points->record.interrupted) {
        spr_note(&cli->notes, "%s was interrupted: it may lack cases", points->path);
    }
}

static enum spr_status read_both(struct cli *cli, const struct args *args,
                                 struct spr_timings timings[2], struct spr_error *err)
{
    const bool layers = args->value[OPT_LAYERS] != NULL;
    if (args->value[OPT_LIVE]) {
        return cli_compare_live(cli, args, timings, err);
    }
    for (int side = 0; side < 2; side++) {
        SPR_TRY(spr_timings_read(args->positional[side], layers, &timings[side], err));
        warn_interrupted(cli, &timings[side]);
    }
    return SPR_OK;
}

/* Records bring their own. */
static enum spr_status check_live(const struct args *args, struct spr_error *err)
{
    static const enum option of_live[] = {OPT_PATTERN, OPT_SPARSITY,  OPT_THREADS, OPT_ISA,
                                          OPT_LAYOUT,  OPT_RESIDENCY, OPT_SEED,    OPT_COUNT};
    if (args->value[OPT_LIVE] && args->value[OPT_LAYERS]) {
        return spr_fail(err, SPR_EINPUT, "--layers: expected without --live");
    }
    for (const enum option *o = of_live; *o != OPT_COUNT && !args->value[OPT_LIVE]; o++) {
        if (args->value[*o]) {
            return spr_fail(err, SPR_EINPUT, "--%s: expected with --live only",
                            cli_option((int)*o)->name);
        }
    }
    return SPR_OK;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct request request = {.max_regression = DEFAULT_REGRESSION,
                              .allow_mismatch = args->value[OPT_ALLOW_MISMATCH] != NULL};
    struct spr_timings timings[2] = {{0}};
    const char *const *value = args->value;
    if (args->positional_count != 2) {
        return spr_fail(err, SPR_EINPUT,
                        value[OPT_LIVE] ? "compare --live: expected BASE-BINARY and MODEL"
                                        : "compare: expected two records, BASE and NEW: see "
                                          "sproof help compare");
    }
    SPR_TRY(check_live(args, err));
    if (value[OPT_MAX_REGRESSION]) {
        SPR_TRY(read_percent(value[OPT_MAX_REGRESSION], &request.max_regression, err));
    }
    SPR_TRY(
        spr_format_parse(&spr_comparison_formats, value[OPT_FORMAT], &request.format, err));
    enum spr_status status = read_both(cli, args, timings, err);
    if (status == SPR_OK) {
        status = judge(cli, &request, &timings[0], &timings[1], err);
    }
    spr_timings_free(&timings[0]);
    spr_timings_free(&timings[1]);
    return status;
}

static const enum option options[] = {
    OPT_MAX_REGRESSION, OPT_ALLOW_MISMATCH, OPT_LAYERS,  OPT_FORMAT, OPT_LIVE,
    OPT_PATTERN,        OPT_SPARSITY,       OPT_THREADS, OPT_ISA,    OPT_LAYOUT,
    OPT_RESIDENCY,      OPT_SEED,           OPT_COUNT};

const struct verb verb_compare = {
    .name = "compare",
    .arguments = "BASE NEW ",
    .summary = "Is a record slower than an earlier one? A gate for CI.",
    .examples = {"sproof compare base.json sproof.json",
                 "sproof compare base.json sproof-validation.json --max-regression 10",
                 "sproof compare --live ../base/sproof model.csv --pattern 16x16"},
    .notes =
        "BASE and NEW are two records of analyze or two of validate. Measured cases are\n"
        "judged by pruned time over dense time of the same run, so that a slower machine\n"
        "is no regression: by undisturbed times, with the interval that visits leave, or,\n"
        "where a record is of before schema 2, by medians and their 95 % interval.\n"
        "Status: 0 every interval is within the limit, 1 one is wholly past it, 3 one\n"
        "straddles it or is too noisy. Inputs that differ (model, machine, instruction\n"
        "set, threads, missing cases) are an error, status 2, unless --allow-mismatch.\n"
        "The interval knows the noise within a run, not that between runs: see\n"
        "scripts/ci/regression.sh, which measures again before it fails.\n"
        "--live BASE-BINARY MODEL measures with that build and with this one in turns.",
    .positionals_max = 2,
    .options = options,
    .formats = &spr_comparison_formats,
    .run = run,
};
