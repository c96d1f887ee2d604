/* SPDX-License-Identifier: Apache-2.0 */
/* sproof inspect: from weights to a layer table, and pruning. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/output.h"
#include "cli/cli.h"
#include "sproof/inspect.h"

#define DEFAULT_PATTERNS "4x1,4x4,16x16,32x1,2:4"

struct work {
    struct cli *cli;
    const struct args *args;
    struct spr_error *err;
    struct spr_weights_options options;
    struct spr_weights weights;
    struct spr_pattern *patterns;
    size_t pattern_count, listed; /* all that are counted; those asked for by --pattern */
    bool prunes;
    struct spr_prune_options prune;
    char variant[SPR_PATTERN_TEXT + 32]; /* "32x1@0.9" */
    double *energy;
    const char **reason;
    struct spr_inspection inspection;
    struct spr_inspect_progress progress;
};

/* "32x1@0.9", or a pattern that fixes its own sparsity. */
static enum spr_status read_prune(struct work *w)
{
    const char *text = w->args->value[OPT_PRUNE], *at = text ? strchr(text, '@') : NULL;
    char pattern[SPR_PATTERN_TEXT];
    double *sparsity = NULL;
    size_t count = 1;
    if (!text) {
        return SPR_OK;
    }
    w->prunes = true;
    snprintf(pattern, sizeof pattern, "%.*s", (int)(at ? at - text : (long)strlen(text)),
             text);
    SPR_TRY(spr_pattern_parse(pattern, &w->prune.pattern, w->err));
    double fixed = spr_pattern_fixed_sparsity(&w->prune.pattern);
    w->prune.sparsity = fixed;
    if (at) {
        const enum spr_status status = cli_sparsities(at + 1, &sparsity, &count, NULL);
        if (status == SPR_EINPUT) {
            return spr_fail(w->err, status,
                            "--prune: '%.60s': '%.40s': expected a sparsity, a fraction 0..1 "
                            "or a percentage",
                            text, at + 1);
        }
        SPR_TRY(status);
        w->prune.sparsity = sparsity[0];
        spr_free(sparsity);
    }
    if (count != 1 || (!at && !(fixed >= 0))) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--prune: '%.60s': expected one PATTERN@SPARSITY, such as 32x1@0.9",
                        text);
    }
    if (fixed >= 0 && !(w->prune.sparsity - fixed <= SPR_SPARSITY_SLACK &&
                        fixed - w->prune.sparsity <= SPR_SPARSITY_SLACK)) {
        return spr_fail(w->err, SPR_EINPUT, "--prune: '%.60s': %s has a sparsity of %.6g",
                        text, pattern, fixed);
    }
    snprintf(w->variant, sizeof w->variant, "%s@%.12g",
             spr_pattern_text(&w->prune.pattern, pattern),
             fixed >= 0 ? fixed : w->prune.sparsity);
    return SPR_OK;
}

const char *const cli_scopes[] = {"layer", "global", NULL};
const char *const cli_scores[] = {"l1", "l2", NULL};

static enum spr_status read_choices(struct work *w)
{
    const char *const *value = w->args->value;
    int scope = 0, score = 1;
    if (value[OPT_SCOPE]) {
        SPR_TRY(cli_word("scope", value[OPT_SCOPE], cli_scopes, &scope, w->err));
    }
    if (value[OPT_SCORE]) {
        SPR_TRY(cli_word("score", value[OPT_SCORE], cli_scores, &score, w->err));
    }
    w->prune.global = scope == 1;
    w->prune.score = score == 0 ? SPR_SCORE_L1 : SPR_SCORE_L2;
    if (!w->prunes && (value[OPT_SCOPE] || value[OPT_SCORE] || value[OPT_WRITE])) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--scope, --score and --write: expected with --prune P@S only");
    }
    return SPR_OK;
}

static bool has_pattern(const struct work *w, const struct spr_pattern *pattern)
{
    for (size_t i = 0; i < w->pattern_count; i++) {
        if (spr_pattern_equal(&w->patterns[i], pattern)) {
            return true;
        }
    }
    return false;
}

/* first: before all others. */
static enum spr_status add_pattern(struct work *w, const struct spr_pattern *pattern,
                                   bool first)
{
    struct spr_pattern *more =
        spr_reallocarray(w->patterns, w->pattern_count + 1, sizeof *more);
    if (!more) {
        return spr_no_memory(w->err);
    }
    w->patterns = more;
    if (first) {
        memmove(more + 1, more, w->pattern_count * sizeof *more);
    }
    more[first ? 0 : w->pattern_count] = *pattern;
    w->pattern_count++;
    return SPR_OK;
}

/* Nothing here counts which columns a block keeps. */
static enum spr_status check_patterns(const struct work *w)
{
    char text[SPR_PATTERN_TEXT];
    for (size_t i = 0; i < w->pattern_count; i++) {
        if (w->patterns[i].v > 0) {
            return spr_fail(w->err, SPR_EINPUT,
                            "inspect: %s is neither counted nor pruned to: expected csr, RxC "
                            "blocks, N:M or comp:P",
                            spr_pattern_text(&w->patterns[i], text));
        }
    }
    return SPR_OK;
}

static enum spr_status read_sizes(struct work *w)
{
    const struct {
        enum option option;
        const char *name;
        int64_t *value;
    } sizes[] = {{OPT_TOKENS, "tokens", &w->options.tokens},
                 {OPT_CONTEXT, "context", &w->options.context},
                 {OPT_IMAGE, "image", &w->options.image},
                 {OPT_EXPERTS_ACTIVE, "experts-active", &w->options.experts_active}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *text = w->args->value[sizes[i].option];
        if (text) {
            SPR_TRY(cli_size(sizes[i].name, text, sizes[i].value, w->err));
        }
    }
    return SPR_OK;
}

static enum spr_status read_options(struct work *w)
{
    const char *list = w->args->value[OPT_PATTERN];
    if (w->args->positional_count == 0) {
        return spr_fail(w->err, SPR_EINPUT,
                        "inspect: expected WEIGHTS, files or directories: see sproof help "
                        "inspect");
    }
    SPR_TRY(read_sizes(w));
    w->options.dim = w->args->set;
    w->options.dim_count = w->args->set_count;
    SPR_TRY(cli_inflated(w->args->value[OPT_MAX_INFLATED], &w->options.inflated_most, w->err));
    SPR_TRY(read_prune(w));
    SPR_TRY(read_choices(w));
    SPR_TRY(
        cli_patterns(list ? list : DEFAULT_PATTERNS, &w->patterns, &w->pattern_count, w->err));
    w->listed = list ? w->pattern_count : 0;
    if (w->prunes) {
        /* The one pruned to stands first. */
        for (size_t i = 0; i < w->pattern_count; i++) {
            if (spr_pattern_equal(&w->patterns[i], &w->prune.pattern)) {
                memmove(w->patterns + i, w->patterns + i + 1,
                        (w->pattern_count - i - 1) * sizeof *w->patterns);
                w->pattern_count--;
            }
        }
        SPR_TRY(add_pattern(w, &w->prune.pattern, true));
    }
    return check_patterns(w);
}

static enum spr_status refuse_input(struct work *w, const char *option, const char *path)
{
    struct stat output, given;
    if (!path || stat(path, &output) != 0) {
        return SPR_OK;
    }
    for (size_t i = 0; i < w->weights.tensor_count; i++) {
        if (stat(w->weights.tensor[i].file, &given) == 0 && output.st_dev == given.st_dev &&
            output.st_ino == given.st_ino) {
            return spr_fail(w->err, SPR_EINPUT, "--%s %s: is an input: expected another file",
                            option, path);
        }
    }
    return SPR_OK;
}

static enum spr_status read_weights(struct work *w)
{
    for (size_t i = 0; i < w->args->positional_count; i++) {
        SPR_TRY(spr_weights_read(w->args->positional[i], &w->options, &w->weights,
                                 &w->cli->notes, w->err));
    }
    for (size_t i = 0; w->weights.weight_count == 0 && i < w->weights.tensor_count; i++) {
        const struct spr_tensor *t = &w->weights.tensor[i];
        if (t->element == SPR_ELEMENT_OTHER && t->use == SPR_USE_LEFT_OUT) {
            return spr_fail(w->err, SPR_EINPUT,
                            "%s: no layers: tensor '%.200s' is %.40s: expected F64, F32, F16, "
                            "BF16, F8_E4M3, F8_E5M2, I8 or U8",
                            t->file, t->name, t->dtype);
        }
    }
    if (w->weights.weight_count == 0) {
        return spr_fail(w->err, SPR_EINPUT, "%s: no layers: expected %s",
                        w->args->positional[0],
                        w->weights.origin && strcmp(w->weights.origin, "the graph") == 0
                            ? "operators that multiply matrices, such as MatMul, Gemm and Conv"
                            : "tensors of 2 to 5 dimensions named '....weight'");
    }
    SPR_TRY(refuse_input(w, "output", w->args->value[OPT_OUTPUT]));
    return refuse_input(w, "write", w->args->value[OPT_WRITE]);
}

static void tell(void *context, double fraction, const char *layer)
{
    const struct cli *cli = context;
    fprintf(cli->err, "\r\033[K%3.0f %% %.60s", 100 * fraction, layer);
    fflush(cli->err);
}

static enum spr_status count(struct work *w)
{
    spr_inspection_free(&w->inspection);
    return spr_inspect(&w->weights, w->patterns, w->pattern_count, &w->progress,
                       &w->inspection, w->err);
}

/* What was detected is counted too, in a second pass when it was not asked for anyway. */
static enum spr_status count_detected(struct work *w)
{
    size_t before = w->pattern_count;
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < w->inspection.layer_count && status == SPR_OK; i++) {
        const struct spr_pattern *found = &w->inspection.layer[i].detected;
        if (!spr_pattern_is_dense(found) && !has_pattern(w, found) && w->listed == 0 &&
            !w->prunes) {
            status = add_pattern(w, found, false);
        }
    }
    /* The list may have moved. */
    w->inspection.patterns = w->patterns;
    return status || w->pattern_count == before ? status : count(w);
}

static enum spr_status prune_and_count(struct work *w)
{
    struct spr_kept_beside beside[SPR_KEPT_BESIDE] = {{.pattern = {0}}};
    const bool shared = w->prunes && w->prune.pattern.kind->pattern_class == SPR_CLASS_COMP;
    if (shared && !w->prune.global) {
        SPR_TRY(spr_prune_beside(&w->weights, &w->prune, &w->progress, beside, w->err));
    }
    if (w->prunes) {
        w->energy = spr_calloc(w->weights.weight_count + 1, sizeof *w->energy);
        w->reason = spr_calloc(w->weights.weight_count + 1, sizeof *w->reason);
        if (!w->energy || !w->reason) {
            return spr_no_memory(w->err);
        }
        SPR_TRY(spr_prune(&w->weights, &w->prune, &w->progress, w->energy, w->reason, w->err));
    }
    SPR_TRY(count(w));
    SPR_TRY(count_detected(w));
    memcpy(w->inspection.beside, beside, sizeof beside);
    for (size_t i = 0; i < w->inspection.layer_count && w->prunes; i++) {
        size_t at = (size_t)(w->inspection.layer[i].weight - w->weights.weight);
        w->inspection.layer[i].energy = w->energy[at];
        w->inspection.layer[i].stays_dense = w->reason[at];
    }
    return SPR_OK;
}

static enum spr_status work_through(struct work *w)
{
    bool quiet = w->cli->quiet || w->args->value[OPT_NO_PROGRESS] || !isatty(STDERR_FILENO);
    w->progress = (struct spr_inspect_progress){quiet ? NULL : tell, NULL, w->cli};
    enum spr_status status = prune_and_count(w);
    if (!quiet) {
        fputs("\r\033[K", w->cli->err);
    }
    return status;
}

static enum spr_status write_model(struct work *w)
{
    struct spr_output output;
    const char *path = w->args->value[OPT_OUTPUT];
    const struct spr_model_table table = {w->prunes ? w->variant : NULL, w->listed};
    if (path) {
        SPR_TRY(spr_output_open(&output, path, w->err));
        SPR_TRY(spr_output_close(&output,
                                 spr_inspection_write_model(output.file, &w->inspection,
                                                            &table, &w->cli->notes, w->err),
                                 w->err));
    }
    return SPR_OK;
}

static enum spr_status write_weights(struct work *w)
{
    struct spr_output output;
    const char *path = w->args->value[OPT_WRITE];
    if (path) {
        SPR_TRY(spr_output_open(&output, path, w->err));
        SPR_TRY(spr_output_close(&output, spr_weights_write(output.file, &w->weights, w->err),
                                 w->err));
        if (!w->cli->quiet) {
            fprintf(w->cli->err, "wrote %s\n", path);
        }
    }
    return SPR_OK;
}

/* Every figure that follows lacks what is left out. */
static enum spr_status check_left_out(struct work *w)
{
    const struct spr_account account = spr_weights_account(&w->weights);
    char text[SPR_LEFT_OUT_TEXT];
    if (w->weights.left_out_count == 0) {
        return SPR_OK;
    }
    spr_left_out_text(&w->weights, text);
    if (w->args->value[OPT_STRICT] && spr_left_out_share(&account) > SPR_LEFT_OUT_SHARE) {
        return spr_fail(w->err, SPR_EINPUT, "--strict: left out: %s", text);
    }
    spr_note(&w->cli->notes, "%s: left out: %s", w->args->positional[0], text);
    return SPR_OK;
}

static enum spr_status inspect(struct work *w)
{
    struct spr_report report = {.layers = w->args->value[OPT_LAYERS] != NULL,
                                .saved = w->args->value[OPT_OUTPUT]};
    SPR_TRY(spr_format_parse(&spr_inspection_formats, w->args->value[OPT_FORMAT],
                             &report.format, w->err));
    SPR_TRY(read_options(w));
    SPR_TRY(read_weights(w));
    if (w->args->value[OPT_OUTPUT]) {
        SPR_TRY(spr_weights_leave_out_unknown(&w->weights, w->err));
        SPR_TRY(spr_weights_check_n(&w->weights, w->err)); /* before GBs are counted */
    }
    SPR_TRY(check_left_out(w));
    SPR_TRY(work_through(w));
    SPR_TRY(write_model(w));
    SPR_TRY(write_weights(w));
    if (w->args->value[OPT_MASKS]) {
        SPR_TRY(cli_write_masks(w->cli, w->args->value[OPT_MASKS], &w->inspection, w->err));
    }
    cli_flush_notes(w->cli);
    return spr_report_inspection(w->cli->out, &w->inspection, &report, w->err);
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct work w = {.cli = cli, .args = args, .err = err};
    enum spr_status status = inspect(&w);
    spr_inspection_free(&w.inspection);
    spr_weights_free(&w.weights);
    spr_free(w.patterns);
    spr_free(w.energy);
    spr_free(w.reason);
    return status;
}

static const enum option options[] = {
    OPT_PATTERN,      OPT_TOKENS, OPT_CONTEXT, OPT_IMAGE,  OPT_EXPERTS_ACTIVE, OPT_DIM,
    OPT_MAX_INFLATED, OPT_PRUNE,  OPT_SCOPE,   OPT_SCORE,  OPT_WRITE,          OPT_MASKS,
    OPT_OUTPUT,       OPT_STRICT, OPT_LAYERS,  OPT_FORMAT, OPT_COUNT};

const struct verb verb_inspect = {
    .name = "inspect",
    .arguments = "WEIGHTS... ",
    .summary = "Real weights: where the zeros are, a layer table, pruning.",
    .examples =
        {"sproof inspect model.safetensors --tokens 128 -o model.csv",
         "sproof inspect model.safetensors --prune 32x1@0.9 --write pruned.safetensors"},
    .notes =
        "WEIGHTS: safetensors, the index of a split checkpoint, GGUF, ONNX, .npy, .npz\n"
        "(SciPy's too), Matrix Market (.gz too), .smtx, or a directory. -o writes a layer\n"
        "table for analyze. --prune keeps the weights or blocks of the largest norm.",
    .positionals_max = POSITIONALS_MAX,
    .options = options,
    .formats = &spr_inspection_formats,
    .run = run,
};
