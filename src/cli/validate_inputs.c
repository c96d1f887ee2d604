/* SPDX-License-Identifier: Apache-2.0 */
/* What validate is asked for, and what it reads before anything is measured. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/mem.h"
#include "cli/validate_work.h"
#include "sproof/cpu.h"
#include "sproof/convnet.h"
#include "sproof/end_to_end.h"

#define DEFAULT_PATTERNS "csr,4x1,4x4,16x16,32x1,2:4"
#define DEVICE_PATTERNS "csr,16x16,32x32,64x64,2:4"
#define DEFAULT_SPARSITIES "0.8,0.9,0.95"
#define MASK_PATTERNS "csr"

static enum spr_status read_max_error(struct validate_work *w, const char *text)
{
    char number[64];
    size_t length = strlen(text);
    bool percent = length > 1 && text[length - 1] == '%';
    snprintf(number, sizeof number, "%.*s", (int)(percent ? length - 1 : length), text);
    if (length >= sizeof number || !spr_parse_number(number, &w->max_error) ||
        w->max_error < 0) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--max-error: '%.60s': expected a share such as 15%% or 0.15", text);
    }
    w->max_error /= percent ? 100 : 1;
    return SPR_OK;
}

static enum spr_status read_seed(struct validate_work *w, const char *text)
{
    char *end;
    errno = 0;
    w->options.seed = strtoull(text, &end, 10);
    if (!*text || strspn(text, "0123456789") != strlen(text) || errno) {
        return spr_fail(w->err, SPR_EINPUT, "--seed: '%.40s': expected an integer 0..2^64-1",
                        text);
    }
    return SPR_OK;
}

static enum spr_status read_threads(struct validate_work *w, const char *text)
{
    double value = 0;
    const int all = spr_cpu_threads();
    w->options.threads = 0; /* the fastest number of them, which the machine tells */
    if (!text) {
        return SPR_OK;
    }
    if (strspn(text, "0123456789") != strlen(text) || !spr_parse_number(text, &value) ||
        value < 1 || value > 65536) {
        return spr_fail(w->err, SPR_EINPUT, "--threads: '%.40s': expected an integer 1..65536",
                        text);
    }
    if (value > all) {
        spr_note(&w->cli->notes, "%g threads on %d cores: they will wait for each other",
                 value, all);
    }
    w->options.threads = (int)value;
    return SPR_OK;
}

static enum spr_status read_residency(struct validate_work *w, const char *text)
{
    w->options.residency = SPR_RESIDENCY_WARM;
    if (text) {
        SPR_TRY(cli_residency(text, &w->options.residency, w->err));
    }
    if (w->options.residency == SPR_RESIDENCY_DRAM) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--residency: dram cannot be measured: expected warm (the same layer "
                        "again and again), cold (weights evicted before each call) or network "
                        "(the bytes of the other layers pass before each call)");
    }
    return SPR_OK;
}

static enum spr_status read_pool(struct validate_work *w, const char *text)
{
    static const char *const names[] = {"before", "after", NULL};
    int index = 0;
    SPR_TRY(text ? cli_word("pool", text, names, &index, w->err) : SPR_OK);
    w->options.pool_after = index == 1;
    return SPR_OK;
}

static enum spr_status read_format(struct validate_work *w, const char *text)
{
    const char *names[SPR_FORMAT_COUNT + 1];
    int index = 0;
    spr_format_names(&spr_validation_formats, names);
    SPR_TRY(text ? cli_word("format", text, names, &index, w->err) : SPR_OK);
    return spr_format_parse(&spr_validation_formats, text, &w->format, w->err);
}

/* What only a GPU or only the CPU takes. */
static enum spr_status check_device(const struct validate_work *w)
{
    static const struct {
        enum option option;
        const char *name;
    } cpu[] = {{OPT_ISA, "isa"},
               {OPT_THREADS, "threads"},
               {OPT_LAYOUT, "layout"},
               {OPT_TUNE, "tune"},
               {OPT_END_TO_END, "end-to-end"}};
    const char *const *value = w->args->value;
    if (!value[OPT_DEVICE]) {
        return value[OPT_MACHINE] || value[OPT_DTYPE]
                   ? spr_fail(w->err, SPR_EINPUT,
                              "--machine and --dtype: expected with --device only: validate "
                              "measures this machine, in f32")
                   : SPR_OK;
    }
    for (size_t i = 0; i < sizeof cpu / sizeof *cpu; i++) {
        if (value[cpu[i].option]) {
            return spr_fail(w->err, SPR_EINPUT, "--%s: expected without --device",
                            cpu[i].name);
        }
    }
    return cli_device_ready(value[OPT_DEVICE], w->err);
}

enum spr_status validate_read_options(struct validate_work *w)
{
    const char *const *value = w->args->value;
    SPR_TRY(check_device(w));
    SPR_TRY(spr_isa_choose(value[OPT_ISA], &w->options.isa, w->err));
    if (value[OPT_ISA]) {
        /* The probe and the machine it makes are of the same instruction set. */
        setenv("SPROOF_ISA", spr_isa_name(w->options.isa), 1);
    }
    w->options.seed = 1;
    w->end_to_end = value[OPT_END_TO_END] != NULL;
    if (!w->end_to_end &&
        (value[OPT_TOKENS] || value[OPT_STATES] || value[OPT_OUTPUT_STATES])) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--tokens, --states and --output-states: expected with "
                        "--end-to-end only");
    }
    if (!w->end_to_end && value[OPT_POOL]) {
        return spr_fail(w->err, SPR_EINPUT, "--pool: expected with --end-to-end only");
    }
    if (!w->end_to_end && value[OPT_MAX_INFLATED]) {
        return spr_fail(w->err, SPR_EINPUT, "--max-inflated: expected with --end-to-end only");
    }
    w->options.budget_s = w->max_error = (double)NAN;
    w->options.mask_directory = value[OPT_MASK_DIR];
    SPR_TRY(read_format(w, value[OPT_FORMAT]));
    SPR_TRY(read_threads(w, value[OPT_THREADS]));
    SPR_TRY(read_residency(w, value[OPT_RESIDENCY]));
    if (value[OPT_LAYOUT]) {
        SPR_TRY(cli_layout(value[OPT_LAYOUT], &w->options.layout, w->err));
    }
    SPR_TRY(read_pool(w, value[OPT_POOL]));
    w->options.tune = value[OPT_TUNE] != NULL;
    w->options.one_visit = value[OPT_QUICK] != NULL;
    if (w->end_to_end && (value[OPT_LAYOUT] || value[OPT_TUNE])) {
        return spr_fail(w->err, SPR_EINPUT,
                        value[OPT_TUNE] ? "--tune: expected without --end-to-end, which takes "
                                          "what was tuned before"
                                        : "--layout: expected without --end-to-end");
    }
    if (value[OPT_SEED]) {
        SPR_TRY(read_seed(w, value[OPT_SEED]));
    }
    if (value[OPT_BUDGET]) {
        SPR_TRY(cli_seconds("budget", value[OPT_BUDGET], &w->options.budget_s, w->err));
    }
    SPR_TRY(cli_inflated(value[OPT_MAX_INFLATED], &w->inflated_most, w->err));
    if (value[OPT_MAX_ERROR]) {
        SPR_TRY(read_max_error(w, value[OPT_MAX_ERROR]));
    }
    if (value[OPT_PATTERN]) {
        SPR_TRY(cli_patterns(value[OPT_PATTERN], &w->patterns, &w->pattern_count, w->err));
    }
    if (w->options.mask_directory && value[OPT_SPARSITY]) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--sparsity and --mask-dir contradict each other: masks bring "
                        "their own");
    }
    return SPR_OK;
}

/* A record begins with a brace, a layer table cannot. */
static bool looks_like_record(const char *path)
{
    FILE *file = fopen(path, "rb");
    int c = ' ';
    while (file && isspace(c)) {
        c = fgetc(file);
    }
    if (file) {
        fclose(file);
    }
    return c == '{';
}

static enum spr_status hash_model(struct validate_work *w, const char *path)
{
    struct stat info;
    struct spr_record_input *model = &w->record.head.model;
    model->path = w->record.network.path;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode)
               ? spr_sha256_file(path, model->sha256, w->err)
               : SPR_OK;
}

static enum spr_status read_checkpoint(struct validate_work *w, const char *path)
{
    struct spr_weights_options options = {0};
    const char *tokens = w->args->value[OPT_TOKENS];
    if (!tokens) {
        return spr_fail(w->err, SPR_EINPUT, "%s: weights end to end: expected --tokens N",
                        path);
    }
    options.inflated_most = w->inflated_most;
    SPR_TRY(cli_size("tokens", tokens, &options.tokens, w->err));
    SPR_TRY(spr_weights_read(path, &options, &w->weights, &w->cli->notes, w->err));
    SPR_TRY(spr_weights_network(&w->weights, path, &w->record.network, w->err));
    w->record.options.dtype = SPR_F32;
    w->record.options.batches[0] = 1;
    w->record.options.batch_count = 1;
    return hash_model(w, path);
}

static enum spr_status read_states(struct validate_work *w)
{
    const char *const *value = w->args->value;
    SPR_TRY(spr_end_to_end_shape(&w->record.network, &w->shape, w->err));
    if (value[OPT_STATES]) {
        SPR_TRY(cli_read_states(value[OPT_STATES], &w->shape, w->inflated_most, &w->states,
                                w->err));
    }
    if (value[OPT_OUTPUT_STATES]) {
        w->output = spr_calloc((size_t)(w->shape.tokens * w->shape.hidden), sizeof *w->output);
        if (!w->output) {
            return spr_no_memory(w->err);
        }
    }
    return SPR_OK;
}

/* Kernels have one dtype for all operands, and so has their dense side. */
static void measure_one_dtype(struct validate_work *w, struct spr_options *options)
{
    const struct spr_types types = spr_options_types(options);
    char text[SPR_TYPES_TEXT];
    if (strcmp(spr_types_text(&types, text), spr_dtype_name(SPR_F32)) != 0 &&
        !w->args->value[OPT_DEVICE]) {
        spr_note(&w->cli->notes, "the record is of %s: f32 is measured in its place", text);
    }
    options->types = options->against = (struct spr_types){0};
}

static enum spr_status read_network(struct validate_work *w)
{
    const char *path = w->args->positional_count ? w->args->positional[0] : CLI_DEFAULT_RECORD;
    struct spr_record *record = &w->record;
    if (!w->args->positional_count && access(path, F_OK) != 0) {
        return spr_fail(w->err, SPR_EINPUT,
                        "%s: no such record: name a layer table, or make a record with: "
                        "sproof analyze MODEL.csv",
                        path);
    }
    if (w->end_to_end && cli_is_checkpoint(path)) {
        return read_checkpoint(w, path);
    }
    w->from_record = looks_like_record(path);
    if (!w->from_record) {
        SPR_TRY(cli_network(w->cli, path, &record->network, w->err));
        record->options.dtype = SPR_F32;
        record->options.batches[0] = 1;
        record->options.batch_count = 1;
        return hash_model(w, path);
    }
    SPR_TRY(spr_record_read(path, record, w->err));
    if (!w->cli->quiet && !w->args->positional_count) {
        fprintf(w->cli->err, "sproof: %s of %s, from %s\n", path,
                record->head.created ? record->head.created : "unknown date",
                record->network.path);
    }
    if (!w->args->value[OPT_LAYOUT]) {
        w->options.layout = record->options.layout;
    }
    measure_one_dtype(w, &record->options);
    return SPR_OK;
}

static enum spr_status read_batch(struct validate_work *w)
{
    struct spr_options asked = {0};
    const char *text = w->args->value[OPT_BATCH];
    if (text) {
        SPR_TRY(cli_batches(text, &asked, w->err));
    }
    w->options.batch = text ? asked.batches[0] : w->record.options.batches[0];
    if (text && asked.batch_count != 1) {
        return spr_fail(w->err, SPR_EINPUT, "--batch: '%.40s': expected one batch", text);
    }
    return SPR_OK;
}

/* The network of convolutions: one thread, random inputs. */
static enum spr_status read_convnet(struct validate_work *w)
{
    const char *const *value = w->args->value;
    w->convnet = true;
    if (value[OPT_TOKENS] || value[OPT_STATES] || value[OPT_OUTPUT_STATES]) {
        return spr_fail(
            w->err, SPR_EINPUT,
            "--tokens, --states and --output-states: expected with an encoder only");
    }
    w->options.threads = value[OPT_THREADS] ? w->options.threads : 1;
    return SPR_OK;
}

/* What is run end to end: an encoder unless it is the other. */
static enum spr_status read_whole(struct validate_work *w)
{
    if (spr_convnet_is(&w->record.network)) {
        return read_convnet(w);
    }
    return w->args->value[OPT_POOL]
               ? spr_fail(w->err, SPR_EINPUT,
                          "--pool: expected with the network of gsc_cnn_*.csv only")
               : read_states(w);
}

static enum spr_status make_grid(struct validate_work *w)
{
    const char *list = w->args->value[OPT_SPARSITY];
    struct spr_grid grid = {0};
    double *sparsities = NULL;
    const char *patterns = w->args->value[OPT_DEVICE] ? DEVICE_PATTERNS : DEFAULT_PATTERNS;
    if (!w->patterns) {
        SPR_TRY(cli_patterns(patterns, &w->patterns, &w->pattern_count, w->err));
    }
    SPR_TRY(cli_sparsities(list ? list : DEFAULT_SPARSITIES, &sparsities, &grid.sparsity_count,
                           w->err));
    grid.patterns = w->patterns;
    grid.pattern_count = w->pattern_count;
    grid.sparsities = sparsities;
    enum spr_status status = spr_network_add_grid(&w->record.network, &grid, w->err);
    spr_free(sparsities);
    return status;
}

static bool has_pattern(const struct validate_work *w)
{
    for (size_t v = 0; v < w->record.network.variant_count; v++) {
        const struct spr_pattern *pattern = &w->record.network.variants[v].pattern;
        for (size_t p = 0; p < w->pattern_count; p++) {
            if (pattern->kind && spr_pattern_equal(pattern, &w->patterns[p])) {
                return true;
            }
        }
    }
    return false;
}

/* Those of the table's variants, whose masks they are; of a plain table a default. */
static enum spr_status read_mask_patterns(struct validate_work *w)
{
    const struct spr_network *network = &w->record.network;
    size_t capacity = 0;
    for (size_t v = 0; v < network->variant_count; v++) {
        const struct spr_pattern *pattern = &network->variants[v].pattern;
        bool known =
            !pattern->kind || spr_pattern_is_dense(pattern) || network->variants[v].grid;
        for (size_t p = 0; p < w->pattern_count && !known; p++) {
            known = spr_pattern_equal(pattern, &w->patterns[p]);
        }
        if (known) {
            continue;
        }
        if (!spr_grow(&w->patterns, &capacity, w->pattern_count + 1, sizeof *w->patterns)) {
            return spr_no_memory(w->err);
        }
        w->patterns[w->pattern_count++] = *pattern;
    }
    return w->pattern_count > 0
               ? SPR_OK
               : cli_patterns(MASK_PATTERNS, &w->patterns, &w->pattern_count, w->err);
}

/* The table's or the record's variants, or a grid. */
static enum spr_status make_variants(struct validate_work *w)
{
    struct spr_network *network = &w->record.network;
    bool table = network->variant_count > 0 && !network->variants[0].grid;
    if (w->options.mask_directory) {
        enum spr_status status = w->patterns ? SPR_OK : read_mask_patterns(w);
        network->variant_count = 0;
        w->options.patterns = w->patterns;
        w->options.pattern_count = w->pattern_count;
        return status;
    }
    if (w->args->value[OPT_SPARSITY] && table) {
        return spr_fail(w->err, SPR_EINPUT,
                        "--sparsity: %s carries variants with sparsities of their own: "
                        "expected only with a plain layer table or the record of one",
                        network->path);
    }
    if (network->variant_count > 0 && !w->args->value[OPT_SPARSITY] && !w->patterns) {
        return SPR_OK;
    }
    if (table || (!w->args->value[OPT_SPARSITY] && has_pattern(w))) {
        return spr_network_filter(network, w->patterns, w->pattern_count, w->err);
    }
    network->variant_count = 0;
    return make_grid(w);
}

enum spr_status validate_read_inputs(struct validate_work *w)
{
    SPR_TRY(read_network(w));
    SPR_TRY(read_batch(w));
    SPR_TRY(make_variants(w));
    return w->end_to_end ? read_whole(w) : SPR_OK;
}
