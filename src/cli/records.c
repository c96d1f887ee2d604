/* SPDX-License-Identifier: Apache-2.0 */
/* Records evaluated again, and the variant of one that a command line names. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"

static void check_input(struct cli *cli, const char *record,
                        const struct spr_record_input *input)
{
    char now[SPR_SHA256_TEXT];
    if (!input->path || !input->sha256[0]) {
        return;
    }
    if (spr_sha256_file(input->path, now, NULL) != SPR_OK) {
        spr_note(&cli->notes, "%s was made from %s, which is not readable now", record,
                 input->path);
    } else if (strcmp(now, input->sha256) != 0) {
        spr_note(&cli->notes, "%s is stale: %s has changed since; run sproof analyze again",
                 record, input->path);
    }
}

static enum spr_status no_record(const char *path, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "%s: no such record: make one with: sproof analyze MODEL.csv%s%s", path,
                    strcmp(path, CLI_DEFAULT_RECORD) == 0 ? "" : " -o ",
                    strcmp(path, CLI_DEFAULT_RECORD) == 0 ? "" : path);
}

/* Adds a default grid of each pattern that no variant of the network has. */
static enum spr_status add_missing(struct spr_network *network,
                                   const struct spr_pattern *patterns, size_t count,
                                   struct spr_error *err)
{
    double *sparsities = NULL;
    size_t sparsity_count = 0;
    enum spr_status status =
        cli_sparsities(CLI_DEFAULT_SPARSITIES, &sparsities, &sparsity_count, err);
    for (size_t p = 0; p < count && status == SPR_OK; p++) {
        bool found = false;
        for (size_t v = 0; v < network->variant_count; v++) {
            found = found || spr_pattern_equal(&network->variants[v].pattern, &patterns[p]);
        }
        struct spr_grid grid = {&patterns[p], 1, sparsities, sparsity_count};
        status = found ? SPR_OK : spr_network_add_grid(network, &grid, err);
    }
    spr_free(sparsities);
    return status;
}

enum spr_status cli_evaluate_record(struct cli *cli, const char *path,
                                    const struct spr_pattern *patterns, size_t pattern_count,
                                    struct cli_evaluated *evaluated, struct spr_error *err)
{
    const char *name = path ? path : CLI_DEFAULT_RECORD;
    *evaluated = (struct cli_evaluated){0};
    if (access(name, F_OK) != 0) {
        return no_record(name, err);
    }
    struct spr_record *record = &evaluated->record;
    SPR_TRY(spr_record_read(name, record, err));
    if (!path && !cli->quiet) {
        fprintf(cli->err, "sproof: %s of %s, from %s\n", name,
                record->head.created ? record->head.created : "unknown date",
                record->network.path);
    }
    if (record->network.left_out) {
        spr_note(&cli->notes, "%s: %.300s", name, record->network.left_out);
    }
    check_input(cli, name, &record->head.model);
    check_input(cli, name, &record->head.accuracy);
    check_input(cli, name, &record->head.machine);
    enum spr_status status = add_missing(&record->network, patterns, pattern_count, err);
    status = status ? status
                    : spr_analyze(&record->network, &record->machine, &record->options,
                                  &evaluated->analysis, err);
    if (status != SPR_OK) {
        spr_record_free(record);
    }
    return status;
}

void cli_find_validation(struct cli *cli, const struct spr_record *record,
                         struct spr_validation *validation, bool *found)
{
    struct spr_error why = {0};
    *found = false;
    if (access(CLI_DEFAULT_VALIDATION, F_OK) != 0) {
        return;
    }
    if (spr_validation_read(CLI_DEFAULT_VALIDATION, validation, &why) != SPR_OK) {
        spr_note(&cli->notes, "%s is left out: %.400s", CLI_DEFAULT_VALIDATION, why.text);
        return;
    }
    const char *ours = record->head.model.sha256, *theirs = validation->head.model.sha256;
    *found = ours[0] && strcmp(ours, theirs) == 0;
    if (!*found) {
        spr_note(&cli->notes, "%s is of another layer table: its measured points are left out",
                 CLI_DEFAULT_VALIDATION);
        spr_validation_free(validation);
    } else if (validation->layout != record->options.layout) {
        spr_note(&cli->notes,
                 "%s is of layout %s, the record of %s: its measured points are "
                 "left out",
                 CLI_DEFAULT_VALIDATION, spr_layout_name(validation->layout),
                 spr_layout_name(record->options.layout));
        spr_validation_free(validation);
        *found = false;
    }
}

void cli_evaluated_free(struct cli_evaluated *evaluated)
{
    spr_analysis_free(&evaluated->analysis);
    spr_record_free(&evaluated->record);
}

/* A variant the record lacks. */
struct point {
    struct spr_pattern pattern;
    double sparsity; /* NAN: not said, and not fixed */
    double skipped;  /* of X */
};

/* "8x8@0.9", and behind it "+act0.5", or "+act" for what the table says. */
static bool parse_point(const char *name, struct point *point)
{
    char text[SPR_PATTERN_TEXT + 80];
    const size_t length = strlen(name);
    if (length >= sizeof text) {
        return false;
    }
    memcpy(text, name, length + 1);
    char *at = strchr(text, '@'), *skipped = at ? strstr(at, SPR_SKIPPED) : NULL;
    point->skipped = 0;
    if (skipped) {
        *skipped = '\0';
        skipped += strlen(SPR_SKIPPED);
        point->skipped = (double)NAN;
        if (*skipped && !spr_parse_fraction(skipped, &point->skipped)) {
            return false;
        }
    }
    if (at) {
        *at = '\0';
    }
    if (strlen(text) >= SPR_PATTERN_TEXT ||
        spr_pattern_parse(text, &point->pattern, NULL) != SPR_OK) {
        return false;
    }
    double fixed = spr_pattern_fixed_sparsity(&point->pattern);
    point->sparsity = fixed;
    if (at && !spr_parse_fraction(at + 1, &point->sparsity)) {
        return false;
    }
    return isnan(fixed) || fabs(point->sparsity - fixed) <= SPR_SPARSITY_SLACK;
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
    const char **names = spr_calloc(network->variant_count + 1, sizeof *names);
    for (size_t i = 0; names && i < network->variant_count; i++) {
        names[i] = network->variants[i].name;
    }
    enum spr_status status = spr_fail_unknown(
        err, name, names,
        "unknown variant '%.80s': expected one of the record's %zu, or PATTERN@SPARSITY", name,
        network->variant_count);
    spr_free(names);
    return status;
}

/* Adds PATTERN@SPARSITY to the record when it has no such variant, and evaluates again. */
static enum spr_status add_point(struct cli_evaluated *e, const char *name,
                                 const struct point *point, struct spr_error *err)
{
    struct spr_grid grid = {&point->pattern, 1, &point->sparsity, 1};
    size_t before = e->record.network.variant_count;
    if (isnan(point->sparsity)) {
        return spr_fail(err, SPR_EINPUT,
                        "variant '%.60s': the record has none of this pattern: expected "
                        "PATTERN@SPARSITY, such as %.60s@0.9",
                        name, name);
    }
    spr_analysis_free(&e->analysis);
    SPR_TRY(spr_network_add_grid(&e->record.network, &grid, err));
    if (e->record.network.variant_count > before) {
        e->record.network.variants[before].skipped = point->skipped;
        e->record.network.variants[before].name =
            spr_arena_text(&e->record.network.arena, name, strlen(name));
        if (!e->record.network.variants[before].name) {
            return spr_no_memory(err);
        }
    }
    return spr_analyze(&e->record.network, &e->record.machine, &e->record.options,
                       &e->analysis, err);
}

/* The pattern whose two sparsities are looked at: that of a result, or csr. */
static struct spr_pattern free_pattern(const struct spr_result *result)
{
    struct spr_pattern pattern = {0};
    const struct spr_variant *variant = result->variant;
    if (variant->pattern.kind && isnan(spr_pattern_fixed_sparsity(&variant->pattern))) {
        return variant->pattern;
    }
    (void)spr_pattern_parse("csr", &pattern, NULL);
    return pattern;
}

enum spr_status cli_evaluate_two(struct cli_evaluated *e, const struct spr_result *result,
                                 struct spr_pattern *pattern, struct spr_error *err)
{
    double *zeros = NULL;
    size_t count = 0;
    struct spr_network *network = &e->record.network;
    *pattern = pattern->kind ? *pattern : free_pattern(result);
    if (!isnan(spr_pattern_fixed_sparsity(pattern))) {
        char text[SPR_PATTERN_TEXT];
        return spr_fail(err, SPR_EINPUT,
                        "--kind two: %s fixes its sparsity: expected a pattern of any",
                        spr_pattern_text(pattern, text));
    }
    SPR_TRY(cli_sparsities("0:0.95:0.05", &zeros, &count, err));
    e->record.options.batches[0] = result->batch;
    e->record.options.batch_count = 1;
    spr_analysis_free(&e->analysis);
    const struct spr_grid grid = {pattern, 1, zeros, count};
    enum spr_status status = SPR_OK;
    for (size_t x = 0; x < count && status == SPR_OK; x++) {
        size_t before = network->variant_count;
        status = spr_network_add_grid(network, &grid, err);
        for (size_t v = before; v < network->variant_count; v++) {
            network->variants[v].skipped = zeros[x];
        }
    }
    spr_free(zeros);
    return status ? status
                  : spr_analyze(network, &e->record.machine, &e->record.options, &e->analysis,
                                err);
}

/* The fastest result of a pattern at a batch, NULL when there is none. */
static const struct spr_result *best_of(const struct spr_analysis *a,
                                        const struct spr_pattern *pattern, size_t batch)
{
    const struct spr_result *best = NULL;
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_result *r = &a->results[i];
        if (r->batch_index != batch || !spr_pattern_equal(&r->variant->pattern, pattern)) {
            continue;
        }
        /* Within --max-drop first, the faster among equals. */
        if (!best || r->within_drop > best->within_drop ||
            (r->within_drop == best->within_drop &&
             !(spr_analysis_speedup(a, r) <= spr_analysis_speedup(a, best)) &&
             !isnan(spr_analysis_speedup(a, r)))) {
            best = r;
        }
    }
    return best;
}

enum spr_status cli_choose_result(struct cli_evaluated *e, const char *name, size_t batch,
                                  const struct spr_result **result, struct spr_error *err)
{
    struct point point;
    const struct spr_analysis *a = &e->analysis;
    if (!name) {
        size_t best = spr_analysis_shown(a, batch);
        if (best == a->result_count) {
            return spr_fail(err, SPR_EINPUT,
                            "the record has no variant: expected PATTERN@SPARSITY");
        }
        *result = &a->results[best];
        return SPR_OK;
    }
    bool known = has_variant(&e->record.network, name);
    if (!known && !parse_point(name, &point)) {
        return unknown_variant(&e->record.network, name, err);
    }
    if (!known && !strchr(name, '@')) {
        *result = best_of(a, &point.pattern, batch);
        if (*result) {
            return SPR_OK;
        }
    }
    enum spr_status status = known ? SPR_OK : add_point(e, name, &point, err);
    *result = status == SPR_OK ? spr_analysis_find(&e->analysis, name, batch) : NULL;
    return status;
}

static bool ends_in(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    return length > tail && strcmp(path + length - tail, suffix) == 0;
}

bool cli_is_checkpoint(const char *path)
{
    struct stat info;
    return ends_in(path, ".safetensors") || ends_in(path, ".safetensors.index.json") ||
           (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

enum spr_status cli_network(struct cli *cli, const char *path, struct spr_network *network,
                            struct spr_error *err)
{
    static const char *const weights[] = {".safetensors", ".safetensors.index.json",
                                          ".onnx",        ".npy",
                                          ".npz",         ".mtx",
                                          ".mtx.gz",      ".smtx",
                                          ".pt",          ".pth",
                                          ".bin"};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        if (ends_in(path, weights[i])) {
            *network = (struct spr_network){0};
            return spr_fail(err, SPR_EINPUT,
                            "%s: weights: expected a layer table, which sproof inspect makes "
                            "of them: sproof inspect %s --tokens N -o model.csv",
                            path, path);
        }
    }
    return spr_network_read(path, network, &cli->notes, err);
}
