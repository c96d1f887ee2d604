/* SPDX-License-Identifier: Apache-2.0 */
/* sproof plot: pictures of a record. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "sproof/plot.h"

const char *const cli_terminals[] = {"dumb", NULL};

static enum spr_status read_terminal(const char *text, struct spr_plot_request *request,
                                     struct spr_error *err)
{
    request->dumb = strcmp(text, cli_terminals[0]) == 0;
    return request->dumb
               ? SPR_OK
               : spr_fail(err, SPR_EINPUT,
                          "--terminal: '%.40s': expected dumb; for a file use -o with "
                          ".svg, .png or .pdf",
                          text);
}

static void report_files(struct cli *cli, const struct spr_plot_files *files)
{
    for (size_t i = 0; i < files->count && !cli->quiet; i++) {
        fprintf(cli->err, "%s%s", i ? ", " : "wrote ", files->name[i]);
    }
    if (files->count > 0 && !cli->quiet) {
        fputc('\n', cli->err);
    }
    if (files->note[0]) {
        spr_note(&cli->notes, "%s", files->note);
    }
}

static enum spr_status draw(struct cli *cli, const struct args *args,
                            struct cli_evaluated *evaluated, struct spr_plot_request *request,
                            struct spr_error *err)
{
    const struct spr_result *result;
    struct spr_measured measured;
    struct spr_time_errors errors;
    struct spr_plot_files *files = spr_calloc(1, sizeof *files);
    if (!files) {
        return spr_no_memory(err);
    }
    enum spr_status status = cli_batch_index(
        &evaluated->record.options, args->value[OPT_BATCH], &request->batch_index, err);
    if (status == SPR_OK && args->value[OPT_VARIANT]) {
        status = cli_choose_result(evaluated, args->value[OPT_VARIANT], request->batch_index,
                                   &result, err);
        request->variant = status == SPR_OK ? result->variant->name : NULL;
    }
    struct spr_pattern two =
        request->pattern_count ? request->patterns[0] : (struct spr_pattern){0};
    if (status == SPR_OK && request->kind == SPR_PLOT_TWO) {
        status = cli_choose_result(evaluated, args->value[OPT_VARIANT], request->batch_index,
                                   &result, err);
        status = status ? status : cli_evaluate_two(evaluated, result, &two, err);
        request->patterns = &two;
        request->pattern_count = 1;
        request->batch_index = 0;
    }
    if (status == SPR_OK && args->value[OPT_MEASURED]) {
        status = cli_measured(args->value[OPT_MEASURED], &measured, &errors, err);
        request->measured = &measured;
    }
    if (status == SPR_OK) {
        status = spr_plot(&evaluated->analysis, request, files, err);
        report_files(cli, files);
    }
    request->measured = NULL;
    spr_free(files);
    return status;
}

/* Errors belong to a validation alone: the positional names one. */
static enum spr_status draw_error(struct cli *cli, const struct args *args,
                                  struct spr_plot_request *request, struct spr_error *err)
{
    struct spr_validation validation;
    const char *path = args->positional_count ? args->positional[0] : CLI_DEFAULT_VALIDATION;
    if (access(path, F_OK) != 0) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: no such validation: make one with: sproof validate MODEL.csv",
                        path);
    }
    struct spr_plot_files *files = spr_calloc(1, sizeof *files);
    if (!files) {
        return spr_no_memory(err);
    }
    enum spr_status status = spr_validation_read(path, &validation, err);
    if (status == SPR_OK) {
        request->validation = &validation;
        status = spr_plot(NULL, request, files, err);
        report_files(cli, files);
        request->validation = NULL;
        spr_validation_free(&validation);
    }
    spr_free(files);
    return status;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct spr_plot_request request = {.output = args->value[OPT_OUTPUT], .out = cli->out};
    struct spr_pattern *patterns = NULL;
    struct spr_validation validation;
    bool validated = false;
    struct cli_evaluated evaluated = {0};
    const char *const *value = args->value;
    if (value[OPT_KIND]) {
        SPR_TRY(spr_plot_kind_parse(value[OPT_KIND], &request.kind, err));
    }
    if (value[OPT_TERMINAL]) {
        SPR_TRY(read_terminal(value[OPT_TERMINAL], &request, err));
    }
    if (value[OPT_PATTERN]) {
        SPR_TRY(cli_patterns(value[OPT_PATTERN], &patterns, &request.pattern_count, err));
        request.patterns = patterns;
    }
    if (request.kind == SPR_PLOT_ERROR) {
        enum spr_status drawn = draw_error(cli, args, &request, err);
        spr_free(patterns);
        return drawn;
    }
    const char *path = args->positional_count ? args->positional[0] : NULL;
    enum spr_status status =
        cli_evaluate_record(cli, path, patterns, request.pattern_count, &evaluated, err);
    if (status == SPR_OK) {
        cli_find_validation(cli, &evaluated.record, &validation, &validated);
        request.validation = validated ? &validation : NULL;
        status = draw(cli, args, &evaluated, &request, err);
    }
    if (validated) {
        spr_validation_free(&validation);
    }
    cli_evaluated_free(&evaluated);
    spr_free(patterns);
    return status;
}

static const enum option options[] = {OPT_KIND,    OPT_PATTERN, OPT_OUTPUT,   OPT_TERMINAL,
                                      OPT_VARIANT, OPT_BATCH,   OPT_MEASURED, OPT_COUNT};

const struct verb verb_plot = {
    .name = "plot",
    .arguments = "[ANALYSIS] ",
    .summary = "Pictures: roofline, sparsity, speedup, layers, waterfall, error, two.",
    .examples = {"sproof plot --kind sparsity", "sproof plot --pattern 4x4 -o roofline.png"},
    .notes = "Writes sproof-KIND.svg, the gnuplot script that made it and its points as CSV;\n"
             "-o names the picture (.svg, .png, .pdf). ANALYSIS is sproof.json by default;\n"
             "for --kind error it is a validation, sproof-validation.json by default.",
    .positionals_max = 1,
    .options = options,
    .run = run,
};
