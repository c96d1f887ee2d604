/* SPDX-License-Identifier: Apache-2.0 */
/* sproof explain: why a variant is as fast as it is, and why the user's is not. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "csv_read.h"
#include "mem.h"

/* "42ms" -> 0.042; false unless it is a number above 0 with s, ms, us or ns. */
static bool parse_duration(const char *text, size_t length, double *seconds)
{
    static const struct {
        const char *unit;
        double scale;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"s", 1}};
    char number[64];
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t unit = strlen(units[i].unit);
        if (length > unit && length < sizeof number &&
            strncmp(text + length - unit, units[i].unit, unit) == 0) {
            snprintf(number, sizeof number, "%.*s", (int)(length - unit), text);
            if (spr_parse_number(number, seconds) && *seconds > 0) {
                *seconds *= units[i].scale;
                return true;
            }
        }
    }
    return false;
}

static enum spr_status read_measured(const char *text, struct spr_measured *measured,
                                     struct spr_error *err)
{
    const char *start = text;
    *measured = (struct spr_measured){(double)NAN, (double)NAN};
    while (*text) {
        size_t length = strcspn(text, ",");
        bool dense = strncmp(text, "dense=", 6) == 0;
        bool sparse = strncmp(text, "sparse=", 7) == 0;
        size_t skip = dense ? 6 : 7;
        if ((!dense && !sparse) ||
            !parse_duration(text + skip, length - skip,
                            dense ? &measured->dense_s : &measured->sparse_s)) {
            break;
        }
        text += length + (text[length] == ',');
    }
    if (*text || isnan(measured->dense_s) || isnan(measured->sparse_s)) {
        return spr_fail(err, SPR_EINPUT,
                        "--measured: '%.60s': expected two times with units, such as "
                        "dense=42ms,sparse=41ms",
                        start);
    }
    return SPR_OK;
}

/* "8x8@0.9", for a variant the record lacks. */
static bool parse_point(const char *name, struct spr_pattern *pattern, double *sparsity)
{
    char text[SPR_PATTERN_TEXT];
    const char *at = strchr(name, '@');
    size_t length = at ? (size_t)(at - name) : strlen(name);
    if (length >= sizeof text) {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)length, name);
    if (spr_pattern_parse(text, pattern, NULL) != SPR_OK) {
        return false;
    }
    *sparsity = spr_pattern_fixed_sparsity(pattern);
    return at ? spr_parse_fraction(at + 1, sparsity) : true;
}

static bool has_variant(const struct spr_network *network, const char *name)
{
    for (size_t i = 0; i < network->variant_count; i++) {
        if (strcmp(network->variants[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum spr_status unknown_variant(const struct spr_network *network, const char *name,
                                       struct spr_error *err)
{
    const char *near = NULL;
    const char **names = spr_calloc(network->variant_count + 1, sizeof *names);
    for (size_t i = 0; names && i < network->variant_count; i++) {
        names[i] = network->variants[i].name;
    }
    if (names) {
        near = spr_nearest(name, names);
    }
    enum spr_status status =
        spr_fail(err, SPR_EINPUT,
                 "unknown variant '%.80s': expected one of the record's %zu, or PATTERN@SPARSITY%s%s%s",
                 name, network->variant_count, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
    spr_free(names);
    return status;
}

/* Adds PATTERN@SPARSITY to the record when it has no such variant, and evaluates again. */
static enum spr_status add_point(struct cli_evaluated *e, const char *name,
                                 const struct spr_pattern *pattern, double sparsity,
                                 struct spr_error *err)
{
    struct spr_grid grid = {pattern, 1, &sparsity, 1};
    size_t before = e->record.network.variant_count;
    if (isnan(sparsity)) {
        return spr_fail(err, SPR_EINPUT,
                        "variant '%.60s': the record has none of this pattern: expected "
                        "PATTERN@SPARSITY, such as %.60s@0.9",
                        name, name);
    }
    spr_analysis_free(&e->analysis);
    enum spr_status status = spr_network_add_grid(&e->record.network, &grid, err);
    if (status == SPR_OK && e->record.network.variant_count > before) {
        e->record.network.variants[before].name =
            spr_arena_text(&e->record.network.arena, name, strlen(name));
        if (!e->record.network.variants[before].name) {
            return spr_fail(err, SPR_ENOMEM, "out of memory");
        }
    }
    return status ? status
                  : spr_analyze(&e->record.network, &e->record.machine, &e->record.options,
                                &e->analysis, err);
}

/* The fastest result of a pattern at a batch, NULL when there is none. */
static const struct spr_result *best_of(const struct spr_analysis *a,
                                        const struct spr_pattern *pattern, size_t batch)
{
    const struct spr_result *best = NULL;
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_result *r = &a->results[i];
        if (r->batch_index == batch && spr_pattern_equal(&r->variant->pattern, pattern) &&
            (!a->options.has_max_drop || r->within_drop) &&
            (!best || r->speedup > best->speedup)) {
            best = r;
        }
    }
    return best;
}

/* The variant asked for, else the recommended one, else the fastest. */
static enum spr_status choose(struct cli_evaluated *e, const char *name, size_t batch,
                              const struct spr_result **result, struct spr_error *err)
{
    struct spr_pattern pattern;
    double sparsity;
    const struct spr_analysis *a = &e->analysis;
    if (!name) {
        size_t best = spr_analysis_recommend(a, batch);
        size_t first = batch < a->result_count ? batch : a->result_count;
        best = best < a->result_count ? best : first;
        if (best == a->result_count) {
            return spr_fail(err, SPR_EINPUT, "the record has no variant: expected PATTERN@SPARSITY");
        }
        *result = &a->results[best];
        return SPR_OK;
    }
    bool known = has_variant(&e->record.network, name);
    if (!known && !parse_point(name, &pattern, &sparsity)) {
        return unknown_variant(&e->record.network, name, err);
    }
    if (!known && !strchr(name, '@')) {
        *result = best_of(a, &pattern, batch);
        if (*result) {
            return SPR_OK;
        }
    }
    enum spr_status status = known ? SPR_OK : add_point(e, name, &pattern, sparsity, err);
    *result = status == SPR_OK ? spr_analysis_find(&e->analysis, name, batch) : NULL;
    return status;
}

static enum spr_status explain(struct cli *cli, const struct args *args,
                               struct cli_evaluated *e, struct spr_error *err)
{
    struct spr_explanation explanation = {0};
    struct spr_measured measured;
    struct spr_times times = {0};
    enum spr_format format = SPR_FORMAT_TABLE;
    const char *const *value = args->value;
    size_t batch;
    enum spr_status status =
        value[OPT_FORMAT] ? spr_format_parse(value[OPT_FORMAT], &format, err) : SPR_OK;
    status = status ? status
                    : cli_batch_index(&e->record.options, value[OPT_BATCH], &batch, err);
    status = status ? status
                    : choose(e, args->positional_count ? args->positional[0] : NULL, batch,
                             &explanation.result, err);
    if (status == SPR_OK && value[OPT_MEASURED]) {
        status = read_measured(value[OPT_MEASURED], &measured, err);
        explanation.measured = &measured;
    }
    if (status == SPR_OK && value[OPT_TIMES]) {
        status = spr_times_read(value[OPT_TIMES], &e->analysis, explanation.result, &times,
                                &cli->notes, err);
        explanation.times = &times;
        if (status == SPR_OK && !explanation.measured) {
            measured = spr_times_total(&times, &e->analysis, explanation.result);
            explanation.measured = &measured;
        }
    }
    if (status == SPR_OK) {
        cli_flush_notes(cli);
        spr_explain_waterfall(&e->analysis, explanation.result, explanation.measured,
                              &explanation.waterfall);
        status = spr_report_explanation(cli->out, &e->analysis, &explanation, format, err);
    }
    spr_times_free(&times);
    return status;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct cli_evaluated evaluated;
    enum spr_status status =
        cli_evaluate_record(cli, args->value[OPT_INPUT], NULL, 0, &evaluated, err);
    if (status == SPR_OK) {
        status = explain(cli, args, &evaluated, err);
    }
    cli_evaluated_free(&evaluated);
    return status;
}

static const enum option options[] = {OPT_INPUT, OPT_MEASURED, OPT_TIMES,
                                      OPT_BATCH, OPT_FORMAT,   OPT_COUNT};

const struct verb verb_explain = {
    .name = "explain",
    .arguments = "[VARIANT] ",
    .summary = "Why: from 1/density to the answer, one factor a step.",
    .examples = {"sproof explain 4x4@0.9",
                 "sproof explain csr@0.9 --measured dense=42ms,sparse=41ms"},
    .notes = "VARIANT is a name of the record (default: the recommended one), a pattern (its\n"
             "fastest variant), or any PATTERN@SPARSITY, evaluated now.",
    .positionals_max = 1,
    .options = options,
    .run = run,
};
