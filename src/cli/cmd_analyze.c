/* SPDX-License-Identifier: Apache-2.0 */
/* sproof analyze: layer table, accuracy table and machine into the answer and the record. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/csv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/output.h"
#include "cli/cli.h"

/* What one run of analyze owns. */
struct work {
    struct cli *cli;
    const struct args *args;
    struct spr_network network;
    struct spr_machine machine;
    struct spr_accuracy accuracy;
    bool has_accuracy;
    struct spr_options options;
    enum spr_format format;
    struct spr_pattern *patterns;
    size_t pattern_count;
    struct spr_error *err;
};

static enum spr_status read_max_drop(const char *text, struct spr_options *options,
                                     struct spr_error *err)
{
    char number[64];
    size_t length = strlen(text);
    bool relative = length > 1 && text[length - 1] == '%';
    double value = 0;
    snprintf(number, sizeof number, "%.*s", (int)(relative ? length - 1 : length), text);
    if (length >= sizeof number || !spr_parse_number(number, &value) || value < 0) {
        return spr_fail(err, SPR_EINPUT,
                        "--max-drop: '%.60s': expected points of the metric, such as 1.0, or "
                        "a share of it, such as 2%%",
                        text);
    }
    options->has_max_drop = true;
    options->max_drop_relative = relative;
    options->max_drop = relative ? value / 100 : value;
    return SPR_OK;
}

static enum spr_status read_residency(const char *text, struct spr_options *options,
                                      struct spr_error *err)
{
    SPR_TRY(cli_residency(text, &options->residency, err));
    options->has_residency = true;
    return SPR_OK;
}

const char *const cli_executions[] = {"best", "native", NULL};

static enum spr_status find_machine(struct work *w)
{
    const char *name = w->args->value[OPT_MACHINE];
    if (!name || strcmp(name, "host") == 0) {
        enum spr_status found =
            cli_find_host(w->cli, w->args, w->options.threads, &w->machine, w->err);
        w->options.tuned = w->cli->tuned;
        return found;
    }
    SPR_TRY(spr_machine_find(name, &w->machine, w->err));
    if (w->args->value[OPT_THREADS]) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--threads: the rates of machine %s are those of the whole machine: "
                        "expected only with host",
                        w->machine.name);
    }
    return SPR_OK;
}

static enum spr_status read_machine(struct work *w)
{
    const char *threads = w->args->value[OPT_THREADS];
    if (threads) {
        SPR_TRY(cli_threads(threads, &w->options.threads, w->err));
    }
    SPR_TRY(find_machine(w));
    /* Rates are those of the whole machine, so the private caches of all its cores count. */
    if (w->options.threads == 0) {
        w->options.threads = w->machine.cores;
    }
    for (size_t i = 0; i < w->args->set_count; i++) {
        SPR_TRY(spr_machine_set(&w->machine, w->args->set[i],
                                &w->options.changes[w->options.change_count++], w->err));
    }
    w->options.dtype = w->machine.default_dtype;
    return SPR_OK;
}

static enum spr_status read_options(struct work *w)
{
    const char *const *value = w->args->value;
    w->options.batches[0] = 1;
    w->options.batch_count = 1;
    w->options.ideal_tiles = value[OPT_IDEAL_TILES] != NULL;
    w->options.assume_uniform = value[OPT_ASSUME_UNIFORM] != NULL;
    if (value[OPT_EXECUTION]) {
        int execution;
        SPR_TRY(
            cli_word("execution", value[OPT_EXECUTION], cli_executions, &execution, w->err));
        w->options.native = execution > 0;
    }
    SPR_TRY(cli_types(value[OPT_DTYPE], value[OPT_AGAINST], &w->options, w->err));
    if (value[OPT_BATCH]) {
        SPR_TRY(cli_batches(value[OPT_BATCH], &w->options, w->err));
    }
    if (value[OPT_MAX_DROP]) {
        SPR_TRY(read_max_drop(value[OPT_MAX_DROP], &w->options, w->err));
    }
    if (value[OPT_RESIDENCY]) {
        SPR_TRY(read_residency(value[OPT_RESIDENCY], &w->options, w->err));
    }
    if (value[OPT_FUSION]) {
        SPR_TRY(cli_fusion(value[OPT_FUSION], &w->options.fuse, w->err));
    }
    if (value[OPT_LAYOUT]) {
        SPR_TRY(cli_layout(value[OPT_LAYOUT], &w->options.layout, w->err));
    }
    if (value[OPT_PATTERN]) {
        SPR_TRY(cli_patterns(value[OPT_PATTERN], &w->patterns, &w->pattern_count, w->err));
    }
    return SPR_OK;
}

/* The default patterns; natively those that this machine has an engine for. */
static enum spr_status default_patterns(struct work *w)
{
    struct spr_model model;
    SPR_TRY(spr_model_prepare(&model, &w->machine, w->options.dtype, SPR_NOMINAL, SPR_NOMINAL,
                              w->err));
    SPR_TRY(cli_patterns(CLI_DEFAULT_PATTERNS, &w->patterns, &w->pattern_count, w->err));
    size_t kept = 0;
    for (size_t i = 0; i < w->pattern_count; i++) {
        char text[SPR_PATTERN_TEXT];
        if (!w->options.native || spr_model_accepts(&model, &w->patterns[i])) {
            w->patterns[kept++] = w->patterns[i];
        } else {
            spr_note(&w->cli->notes, "no engine of %s takes %s in %s: left out of the grid",
                     w->machine.name, spr_pattern_text(&w->patterns[i], text),
                     spr_dtype_name(w->options.dtype));
        }
    }
    w->pattern_count = kept;
    return SPR_OK;
}

static enum spr_status make_grid(struct work *w)
{
    const char *list = w->args->value[OPT_SPARSITY];
    struct spr_grid grid = {0};
    double *sparsities = NULL;
    if (!w->patterns) {
        SPR_TRY(default_patterns(w));
    }
    SPR_TRY(cli_sparsities(list ? list : CLI_DEFAULT_SPARSITIES, &sparsities,
                           &grid.sparsity_count, w->err));
    grid.patterns = w->patterns;
    grid.pattern_count = w->pattern_count;
    grid.sparsities = sparsities;
    enum spr_status status = spr_network_add_grid(&w->network, &grid, w->err);
    spr_free(sparsities);
    return status;
}

/* Each variant with every fraction of zeros of X that is to be skipped. */
static enum spr_status skip_activations(struct work *w)
{
    double *skipped = NULL;
    size_t count = 0;
    if (!w->args->value[OPT_ACTIVATION_SPARSITY]) {
        return SPR_OK;
    }
    SPR_TRY(
        cli_activations(w->args->value[OPT_ACTIVATION_SPARSITY], &skipped, &count, w->err));
    bool of_table = false;
    for (size_t i = 0; i < count; i++) {
        of_table = of_table || isnan(skipped[i]);
    }
    enum spr_status status =
        of_table && !spr_network_has_zeros_of_x(&w->network)
            ? spr_fail(w->err, SPR_EINPUT,
                       "--activation-sparsity table: %s has zeros of X for no prunable layer: "
                       "expected a column 'activation_sparsity'",
                       w->network.path)
            : spr_network_add_skipped(&w->network, skipped, count, w->err);
    spr_free(skipped);
    return status;
}

/* The variants: those of the table, the points of the accuracy table, or a grid. */
static enum spr_status make_variants(struct work *w)
{
    bool asked = w->args->value[OPT_PATTERN] || w->args->value[OPT_SPARSITY];
    if (w->network.variant_count > 0) {
        if (w->args->value[OPT_SPARSITY]) {
            return spr_fail(w->err, SPR_EINPUT,
                            "--sparsity: %s carries variants with sparsities of their own: "
                            "expected only with a plain layer table",
                            w->network.path);
        }
        if (w->patterns) {
            SPR_TRY(spr_network_filter(&w->network, w->patterns, w->pattern_count, w->err));
        }
    } else if (w->has_accuracy && !asked) {
        return spr_accuracy_make_variants(&w->accuracy, w->options.assume_uniform, &w->network,
                                          w->err);
    } else {
        SPR_TRY(make_grid(w));
    }
    if (w->has_accuracy) {
        SPR_TRY(
            spr_accuracy_join(&w->accuracy, w->options.assume_uniform, &w->network, w->err));
    }
    return SPR_OK;
}

/* --max-drop needs accuracies and a dense one to compare with. */
static enum spr_status check_drop(const struct work *w)
{
    bool accuracy = false, dense = false;
    if (!w->options.has_max_drop) {
        return SPR_OK;
    }
    for (size_t i = 0; i < w->network.variant_count; i++) {
        const struct spr_variant *variant = &w->network.variants[i];
        accuracy = accuracy || !isnan(variant->accuracy);
        dense = dense || (!isnan(variant->accuracy) && !isnan(variant->dense_accuracy));
    }
    if (!accuracy) {
        return spr_fail(
            w->err, SPR_EINPUT,
            "--max-drop: no variant has an accuracy: expected --accuracy FILE or a "
            "column 'accuracy'");
    }
    if (!dense) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--max-drop: the dense accuracy is unknown: expected a column "
                        "'dense_accuracy', or an accuracy on a base row");
    }
    return SPR_OK;
}

static enum spr_status read_inputs(struct work *w)
{
    const char *accuracy = w->args->value[OPT_ACCURACY];
    SPR_TRY(read_machine(w));
    SPR_TRY(read_options(w));
    SPR_TRY(cli_network(w->cli, w->args->positional[0], &w->network, w->err));
    if (accuracy) {
        SPR_TRY(spr_accuracy_read(accuracy, &w->accuracy, &w->cli->notes, w->err));
        w->has_accuracy = true;
    }
    SPR_TRY(make_variants(w));
    SPR_TRY(skip_activations(w));
    return check_drop(w);
}

/* A path for the record: NULL when there was no such file. */
static enum spr_status note_input(struct spr_record_input *input, const char *path, bool hash,
                                  struct spr_error *err)
{
    struct stat info;
    input->path = path;
    /* A pipe was read once and cannot be read again. */
    bool regular = hash && path && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    return regular ? spr_sha256_file(path, input->sha256, err) : SPR_OK;
}

/* Writing over an input would lose it. */
static enum spr_status refuse_input(const char *path, const char *input, struct spr_error *err)
{
    struct stat output, given;
    if (input && stat(path, &output) == 0 && stat(input, &given) == 0 &&
        output.st_dev == given.st_dev && output.st_ino == given.st_ino) {
        return spr_fail(err, SPR_EINPUT, "--output %s: is an input: expected another file",
                        path);
    }
    return SPR_OK;
}

static enum spr_status save(const struct spr_report *report, const struct spr_analysis *a,
                            const struct spr_record_head *head, struct spr_error *err)
{
    const struct spr_record_form form = {report->layers, SPR_JSON_RECORD_MAX};
    struct spr_output output;
    enum spr_status status = spr_output_open(&output, report->saved, err);
    if (status == SPR_OK) {
        status =
            spr_output_close(&output, spr_record_write(output.file, a, head, &form, err), err);
    }
    return status;
}

#define SHORT_CALL_S 10e-6

static void warn_about(struct work *w, const struct spr_analysis *a)
{
    char text[24];
    if (w->options.layout == SPR_LAYOUT_NK && !a->has_expected) {
        spr_note(
            &w->cli->notes,
            "--layout nk: %s has no rates of the kernels, and bounds are the same for both "
            "layouts",
            w->machine.name);
    }
    if (isnan(w->machine.overhead_s.value) && !a->expected_leads &&
        a->shortest_layer_s < SHORT_CALL_S) {
        spr_note(&w->cli->notes,
                 "the call overhead of %s is unknown and counts 0, yet layers take as little "
                 "as %s: --set overhead_s=SECONDS",
                 w->machine.name, spr_format_seconds(a->shortest_layer_s, text));
    }
}

static enum spr_status output(struct work *w, const struct spr_analysis *a)
{
    const char *path = w->args->value[OPT_OUTPUT];
    struct spr_record_head head = {.command = w->cli->command, .created = w->cli->created};
    struct spr_report report = {.format = w->format,
                                .layers = w->args->value[OPT_LAYERS] != NULL};
    /* Only records carry hashes. */
    bool hash = !w->args->value[OPT_NO_SAVE] || report.format == SPR_FORMAT_JSON;
    SPR_TRY(note_input(&head.model, w->network.path, hash, w->err));
    SPR_TRY(
        note_input(&head.accuracy, w->has_accuracy ? w->accuracy.path : NULL, hash, w->err));
    SPR_TRY(note_input(&head.machine, w->machine.path, hash, w->err));
    if (!w->args->value[OPT_NO_SAVE]) {
        report.saved = path ? path : CLI_DEFAULT_RECORD;
        SPR_TRY(refuse_input(report.saved, head.model.path, w->err));
        SPR_TRY(refuse_input(report.saved, head.accuracy.path, w->err));
        SPR_TRY(refuse_input(report.saved, head.machine.path, w->err));
        SPR_TRY(save(&report, a, &head, w->err));
    }
    cli_flush_notes(w->cli);
    return spr_report_write(w->cli->out, a, &head, &report, w->err);
}

static enum spr_status analyze(struct work *w, struct spr_analysis *analysis)
{
    SPR_TRY(read_inputs(w));
    SPR_TRY(spr_analyze(&w->network, &w->machine, &w->options, analysis, w->err));
    warn_about(w, analysis);
    SPR_TRY(output(w, analysis));
    if (w->format == SPR_FORMAT_TABLE && !w->args->value[OPT_THREADS]) {
        cli_suggest_one_thread(w->cli, analysis);
    }
    return SPR_OK;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct work w = {.cli = cli, .args = args, .err = err};
    struct spr_analysis analysis = {0};
    if (args->positional_count != 1) {
        return spr_fail(err, SPR_EINPUT,
                        "analyze: expected one MODEL, a layer table: see sproof help analyze");
    }
    if (args->value[OPT_NO_SAVE] && args->value[OPT_OUTPUT]) {
        return spr_fail(err, SPR_EINPUT, "--no-save and --output contradict each other");
    }
    SPR_TRY(spr_format_parse(&spr_analysis_formats, args->value[OPT_FORMAT], &w.format, err));
    enum spr_status status = analyze(&w, &analysis);
    spr_analysis_free(&analysis);
    spr_accuracy_free(&w.accuracy);
    spr_network_free(&w.network);
    spr_machine_free(&w.machine);
    spr_free(w.patterns);
    return status;
}

static const enum option options[] = {OPT_ACCURACY,
                                      OPT_ACTIVATION_SPARSITY,
                                      OPT_MAX_DROP,
                                      OPT_MACHINE,
                                      OPT_SET,
                                      OPT_PATTERN,
                                      OPT_SPARSITY,
                                      OPT_BATCH,
                                      OPT_DTYPE,
                                      OPT_AGAINST,
                                      OPT_THREADS,
                                      OPT_RESIDENCY,
                                      OPT_LAYOUT,
                                      OPT_FUSION,
                                      OPT_LAYERS,
                                      OPT_NO_SAVE,
                                      OPT_OUTPUT,
                                      OPT_FORMAT,
                                      OPT_EXECUTION,
                                      OPT_IDEAL_TILES,
                                      OPT_ASSUME_UNIFORM,
                                      OPT_COUNT};

const struct verb verb_analyze = {
    .name = "analyze",
    .arguments = "MODEL ",
    .summary = "Speedup of every pattern on a machine, what limits it, what pays.",
    .examples = {"sproof analyze model.csv --machine a100-sxm-40gb --pattern csr,4x4,2:4",
                 "sproof analyze model.csv --accuracy accuracy.csv --max-drop 1.0"},
    .notes =
        "MODEL is a layer table (layer,m,k,n,...). The record goes to sproof.json, which\n"
        "explain and plot read; --layers keeps every layer of every variant in it.\n"
        "Types of weights alone (w:) hold their scales: i4 i3 i2 fp4 fp6 nvfp4 nf4 q4_0\n"
        "q4_1 q5_0 q5_1 q8_0 q2_K q3_K q4_K q5_K q6_K; i4/64: one scale for 64 weights.",
    .positionals_max = 1,
    .options = options,
    .formats = &spr_analysis_formats,
    .run = run,
};
