/* SPDX-License-Identifier: Apache-2.0 */
/* sproof validate: is the prediction true on this machine? */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "cpu.h"
#include "csv_read.h"
#include "mem.h"
#include "sproof/end_to_end.h"
#include "sproof/schedule.h"
#include "sproof/validate.h"

#define DEFAULT_PATTERNS "csr,4x1,4x4,16x16,32x1,2:4"
#define DEVICE_PATTERNS "csr,16x16,32x32,64x64,2:4"
#define DEFAULT_SPARSITIES "0.8,0.9,0.95"
#define MASK_PATTERNS "csr"

/* What one run of validate owns. */
struct work {
    struct cli *cli;
    const struct args *args;
    struct spr_record record; /* or only its network, of a layer table */
    struct spr_machine machine;
    struct spr_validate_options options;
    struct spr_validation validation;
    struct spr_pattern *patterns;
    size_t pattern_count;
    bool from_record;
    enum spr_format format;
    double max_error; /* NAN: no gate */
    bool end_to_end;
    struct spr_weights weights; /* end to end, of a checkpoint; else empty */
    float *states, *output;     /* end to end: tokens x hidden */
    int64_t shape[2];           /* of them */
    struct spr_error *err;
};

static enum spr_status read_max_error(struct work *w, const char *text)
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

static enum spr_status read_seed(struct work *w, const char *text)
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

static enum spr_status read_threads(struct work *w, const char *text)
{
    double value = 0;
    w->options.threads = spr_cpu_threads();
    if (!text) {
        return SPR_OK;
    }
    if (strspn(text, "0123456789") != strlen(text) || !spr_parse_number(text, &value) ||
        value < 1 || value > 65536) {
        return spr_fail(w->err, SPR_EINPUT, "--threads: '%.40s': expected an integer 1..65536",
                        text);
    }
    if (value > w->options.threads) {
        spr_note(&w->cli->notes, "%g threads on %d cores: they will wait for each other",
                 value, w->options.threads);
    }
    w->options.threads = (int)value;
    return SPR_OK;
}

static enum spr_status read_residency(struct work *w, const char *text)
{
    static const char *const names[] = {"dram", "warm", "cold", "network", NULL};
    int index = SPR_RESIDENCY_WARM;
    enum spr_status status =
        text ? cli_word("residency", text, names, &index, w->err) : SPR_OK;
    w->options.residency = (enum spr_residency)index;
    if (status == SPR_OK && index == SPR_RESIDENCY_DRAM) {
        status =
            spr_fail(w->err, SPR_EINPUT,
                     "--residency: dram cannot be measured: expected warm (the same layer "
                     "again and again), cold (weights evicted before each call) or network "
                     "(the bytes of the other layers pass before each call)");
    }
    return status;
}

static enum spr_status read_format(struct work *w, const char *text)
{
    static const char *const names[] = {"table", "csv", "json", NULL};
    static const enum spr_format formats[] = {SPR_FORMAT_TABLE, SPR_FORMAT_CSV,
                                              SPR_FORMAT_JSON};
    int index = 0;
    enum spr_status status = text ? cli_word("format", text, names, &index, w->err) : SPR_OK;
    w->format = formats[index];
    return status;
}

/* What only a GPU or only the CPU takes. */
static enum spr_status check_device(const struct work *w)
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

static enum spr_status read_options(struct work *w)
{
    const char *const *value = w->args->value;
    enum spr_status status = check_device(w);
    status = status ? status : spr_isa_choose(value[OPT_ISA], &w->options.isa, w->err);
    if (status == SPR_OK && value[OPT_ISA]) {
        /* The probe and the machine it makes are of the same instruction set. */
        setenv("SPROOF_ISA", spr_isa_name(w->options.isa), 1);
    }
    w->options.seed = 1;
    w->end_to_end = value[OPT_END_TO_END] != NULL;
    if (status == SPR_OK && !w->end_to_end &&
        (value[OPT_TOKENS] || value[OPT_STATES] || value[OPT_OUTPUT_STATES])) {
        status = spr_fail(w->err, SPR_EINPUT,
                          "--tokens, --states and --output-states: expected with "
                          "--end-to-end only");
    }
    w->options.budget_s = w->max_error = (double)NAN;
    w->options.mask_directory = value[OPT_MASK_DIR];
    status = status ? status : read_format(w, value[OPT_FORMAT]);
    status = status ? status : read_threads(w, value[OPT_THREADS]);
    status = status ? status : read_residency(w, value[OPT_RESIDENCY]);
    if (status == SPR_OK && value[OPT_LAYOUT]) {
        static const char *const layouts[] = {"kn", "nk", NULL};
        int layout = 0;
        status = cli_word("layout", value[OPT_LAYOUT], layouts, &layout, w->err);
        w->options.layout = (enum spr_layout)layout;
    }
    w->options.tune = value[OPT_TUNE] != NULL;
    if (status == SPR_OK && w->end_to_end && (value[OPT_LAYOUT] || value[OPT_TUNE])) {
        status = spr_fail(w->err, SPR_EINPUT,
                          "--layout and --tune: expected without --end-to-end, which takes "
                          "what was tuned before");
    }
    if (status == SPR_OK && value[OPT_SEED]) {
        status = read_seed(w, value[OPT_SEED]);
    }
    if (status == SPR_OK && value[OPT_BUDGET]) {
        status = cli_seconds("budget", value[OPT_BUDGET], &w->options.budget_s, w->err);
    }
    if (status == SPR_OK && value[OPT_MAX_ERROR]) {
        status = read_max_error(w, value[OPT_MAX_ERROR]);
    }
    if (status == SPR_OK && value[OPT_PATTERN]) {
        status = cli_patterns(value[OPT_PATTERN], &w->patterns, &w->pattern_count, w->err);
    }
    if (status == SPR_OK && w->options.mask_directory && value[OPT_SPARSITY]) {
        status = spr_fail(w->err, SPR_EINPUT,
                          "--sparsity and --mask-dir contradict each other: masks bring "
                          "their own");
    }
    return status;
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

static enum spr_status hash_model(struct work *w, const char *path)
{
    struct stat info;
    struct spr_record_input *model = &w->record.head.model;
    model->path = w->record.network.path;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode)
               ? spr_sha256_file(path, model->sha256, w->err)
               : SPR_OK;
}

/* A checkpoint, by its name: only end to end takes one. */
static bool looks_like_weights(const char *path)
{
    static const char *const suffixes[] = {".safetensors", ".safetensors.index.json"};
    struct stat info;
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(path), tail = strlen(suffixes[i]);
        if (length > tail && strcmp(path + length - tail, suffixes[i]) == 0) {
            return true;
        }
    }
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static enum spr_status read_checkpoint(struct work *w, const char *path)
{
    struct spr_weights_options options = {0};
    const char *tokens = w->args->value[OPT_TOKENS];
    if (!tokens) {
        return spr_fail(w->err, SPR_EINPUT, "%s: weights end to end: expected --tokens N",
                        path);
    }
    enum spr_status status = cli_tokens(tokens, &options.tokens, w->err);
    status = status ? status
                    : spr_weights_read(path, &options, &w->weights, &w->cli->notes, w->err);
    status =
        status ? status : spr_weights_network(&w->weights, path, &w->record.network, w->err);
    w->record.options.dtype = SPR_F32;
    w->record.options.batches[0] = 1;
    w->record.options.batch_count = 1;
    return status ? status : hash_model(w, path);
}

static enum spr_status read_states(struct work *w)
{
    const char *const *value = w->args->value;
    enum spr_status status = spr_end_to_end_shape(&w->record.network, w->shape, w->err);
    if (status == SPR_OK && value[OPT_STATES]) {
        status = cli_read_states(value[OPT_STATES], w->shape, &w->states, w->err);
    }
    if (status == SPR_OK && value[OPT_OUTPUT_STATES]) {
        w->output = spr_calloc((size_t)(w->shape[0] * w->shape[1]), sizeof *w->output);
        status = w->output ? SPR_OK : spr_fail(w->err, SPR_ENOMEM, "out of memory");
    }
    return status;
}

static enum spr_status read_network(struct work *w)
{
    const char *path = w->args->positional_count ? w->args->positional[0] : CLI_DEFAULT_RECORD;
    struct spr_record *record = &w->record;
    if (!w->args->positional_count && access(path, F_OK) != 0) {
        return spr_fail(w->err, SPR_EINPUT,
                        "%s: no such record: name a layer table, or make a record with: "
                        "sproof analyze MODEL.csv",
                        path);
    }
    if (w->end_to_end && looks_like_weights(path)) {
        return read_checkpoint(w, path);
    }
    w->from_record = looks_like_record(path);
    if (!w->from_record) {
        enum spr_status status =
            spr_network_read(path, &record->network, &w->cli->notes, w->err);
        record->options.dtype = SPR_F32;
        record->options.batches[0] = 1;
        record->options.batch_count = 1;
        return status ? status : hash_model(w, path);
    }
    enum spr_status status = spr_record_read(path, record, w->err);
    if (status == SPR_OK && !w->cli->quiet && !w->args->positional_count) {
        fprintf(w->cli->err, "sproof: %s of %s, from %s\n", path,
                record->head.created ? record->head.created : "unknown date",
                record->network.path);
    }
    if (status == SPR_OK && record->options.dtype != SPR_F32 && !w->args->value[OPT_DEVICE]) {
        spr_note(&w->cli->notes, "the record is of %s; kernels are measured in f32",
                 spr_dtype_name(record->options.dtype));
    }
    return status;
}

static enum spr_status read_batch(struct work *w)
{
    struct spr_options asked = {0};
    const char *text = w->args->value[OPT_BATCH];
    enum spr_status status = text ? cli_batches(text, &asked, w->err) : SPR_OK;
    w->options.batch = text ? asked.batches[0] : w->record.options.batches[0];
    if (status == SPR_OK && text && asked.batch_count != 1) {
        status = spr_fail(w->err, SPR_EINPUT, "--batch: '%.40s': expected one batch", text);
    }
    return status;
}

static enum spr_status make_grid(struct work *w)
{
    const char *list = w->args->value[OPT_SPARSITY];
    struct spr_grid grid = {0};
    double *sparsities = NULL;
    const char *patterns = w->args->value[OPT_DEVICE] ? DEVICE_PATTERNS : DEFAULT_PATTERNS;
    enum spr_status status =
        w->patterns ? SPR_OK : cli_patterns(patterns, &w->patterns, &w->pattern_count, w->err);
    status = status ? status
                    : cli_sparsities(list ? list : DEFAULT_SPARSITIES, &sparsities,
                                     &grid.sparsity_count, w->err);
    if (status == SPR_OK) {
        grid.patterns = w->patterns;
        grid.pattern_count = w->pattern_count;
        grid.sparsities = sparsities;
        status = spr_network_add_grid(&w->record.network, &grid, w->err);
    }
    spr_free(sparsities);
    return status;
}

static bool has_pattern(const struct work *w)
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

/* The table's or the record's variants, or a grid. */
static enum spr_status make_variants(struct work *w)
{
    struct spr_network *network = &w->record.network;
    bool table = network->variant_count > 0 && !network->variants[0].grid;
    if (w->options.mask_directory) {
        network->variant_count = 0;
        enum spr_status status =
            w->patterns ? SPR_OK
                        : cli_patterns(MASK_PATTERNS, &w->patterns, &w->pattern_count, w->err);
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

static void show_progress(void *context, const struct spr_validate_progress *p)
{
    const struct cli *cli = context;
    char left[32] = "";
    if (!isnan(p->left_s)) {
        double minutes = p->left_s / 60;
        snprintf(left, sizeof left, ", %.0f %s left", minutes < 1.5 ? p->left_s : minutes,
                 minutes < 1.5 ? "s" : "min");
    }
    fprintf(cli->err, "\r\033[K%zu of %zu%s: %.24s %.24s", p->done + 1, p->total, left,
            p->variant, p->layer);
    fflush(cli->err);
}

static void clear_progress(const struct work *w)
{
    if (w->options.progress) {
        fputs("\r\033[K", w->cli->err);
    }
}

static enum spr_status measure(struct work *w)
{
    struct spr_validation *v = &w->validation;
    bool quiet = w->cli->quiet || w->args->value[OPT_NO_PROGRESS] || !isatty(STDERR_FILENO);
    w->options.progress = quiet ? NULL : show_progress;
    w->options.context = w->cli;
    w->options.stop = cli_interrupted;
    bool device = w->args->value[OPT_DEVICE] != NULL;
    enum spr_status status =
        device ? SPR_OK
               : cli_find_host(w->cli, w->args, w->options.threads, &w->machine, w->err);
    if (status != SPR_OK) {
        return status;
    }
    if (!device && !w->machine.kernels) {
        spr_note(&w->cli->notes, "this machine has no measured rates: nothing is predicted "
                                 "but bounds");
    }
    cli_catch_interrupt();
    const struct spr_end_to_end_options whole = {
        &w->options, w->weights.weight_count ? &w->weights : NULL, w->states, w->output};
    enum spr_dtype dtype = w->record.options.dtype;
    status = device ? cli_validate_device(w->cli, w->args, &w->record.network, &w->options, v,
                                          &dtype, w->err)
             : w->end_to_end ? spr_end_to_end(&w->record.network, &w->machine, &whole, v,
                                              &w->cli->notes, w->err)
                             : spr_validate(&w->record.network, &w->machine, &w->options, v,
                                            &w->cli->notes, w->err);
    clear_progress(w);
    v->head = w->record.head;
    v->head.command = w->cli->command;
    v->head.created = w->cli->created;
    v->options = w->record.options;
    v->options.dtype = dtype;
    v->options.residency = w->options.residency;
    v->options.threads = device ? 1 : w->options.threads;
    v->options.batches[0] = w->options.batch;
    v->options.batch_count = 1;
    return status;
}

static enum spr_status save(struct work *w, const char *path)
{
    struct cli_output output;
    enum spr_status status = cli_output_open(&output, path, w->err);
    if (status == SPR_OK) {
        status = cli_output_close(
            &output, spr_validation_write(output.file, &w->validation, w->err), w->err);
    }
    return status;
}

/* The same of whole encoders. */
static enum spr_status judge_end_to_end(const struct work *w)
{
    const struct spr_validation *v = &w->validation;
    size_t noisy = 0;
    double worst = 0;
    for (size_t i = 0; i < v->end_to_end_count; i++) {
        noisy += v->end_to_end[i].inconclusive;
        worst = fmax(worst, fabs(v->end_to_end[i].error));
    }
    if (2 * noisy > v->end_to_end_count) {
        return spr_fail(w->err, SPR_EINCONCLUSIVE,
                        "inconclusive: %zu of %zu encoders are too noisy to tell", noisy,
                        v->end_to_end_count);
    }
    return worst > w->max_error
               ? spr_fail(w->err, SPR_EGATE,
                          "--max-error: an expected time is off by %.3g %%, more than %.3g %%",
                          100 * worst, 100 * w->max_error)
               : SPR_OK;
}

/* What the run came to, after it is written and shown. */
static enum spr_status judge(const struct work *w, size_t measured)
{
    struct spr_validity v = spr_validation_judge(&w->validation);
    if (w->end_to_end) {
        return judge_end_to_end(w);
    }
    if (w->validation.interrupted) {
        return spr_fail(w->err, SPR_EINTERRUPTED, "interrupted: %zu complete cases%s",
                        measured, measured ? " were kept" : ", nothing was written");
    }
    if (2 * v.inconclusive > v.cases) {
        return spr_fail(w->err, SPR_EINCONCLUSIVE,
                        "inconclusive: %zu of %zu cases are too noisy to tell", v.inconclusive,
                        v.cases);
    }
    if (!isnan(w->max_error) && v.judged == 0) {
        return spr_fail(w->err, SPR_EINCONCLUSIVE,
                        "--max-error: no case has an expected speedup to judge");
    }
    if (v.speedup_p90 > w->max_error) {
        return spr_fail(w->err, SPR_EGATE,
                        "--max-error: the speedup error's 90th percentile is %.3g %%, more "
                        "than %.3g %%",
                        100 * v.speedup_p90, 100 * w->max_error);
    }
    return SPR_OK;
}

static enum spr_status output(struct work *w)
{
    const char *path = w->args->value[OPT_OUTPUT];
    struct spr_report report = {.format = w->format};
    size_t measured = w->validation.case_count + w->validation.end_to_end_count;
    enum spr_status status = SPR_OK;
    if (w->options.tune && w->validation.machine.tuned) {
        status = spr_tuned_save(w->validation.machine.tuned, w->err);
    }
    if (status == SPR_OK && measured > 0 && !w->args->value[OPT_NO_SAVE]) {
        report.saved = path            ? path
                       : w->end_to_end ? CLI_DEFAULT_END_TO_END
                                       : CLI_DEFAULT_VALIDATION;
        status = save(w, report.saved);
    }
    if (status == SPR_OK && w->output) {
        status =
            cli_write_states(w->args->value[OPT_OUTPUT_STATES], w->shape, w->output, w->err);
    }
    cli_flush_notes(w->cli);
    if (status == SPR_OK && measured > 0) {
        status = spr_report_validation(w->cli->out, &w->validation, &report, w->err);
    }
    return status ? status : judge(w, measured);
}

/* Writing over an input would lose it. */
static enum spr_status check_output(const struct work *w)
{
    const char *path = w->args->value[OPT_OUTPUT];
    const char *input =
        w->args->positional_count ? w->args->positional[0] : CLI_DEFAULT_RECORD;
    struct stat written, given;
    if (path && w->args->value[OPT_NO_SAVE]) {
        return spr_fail(w->err, SPR_EINPUT, "--no-save and --output contradict each other");
    }
    if (path && stat(path, &written) == 0 && stat(input, &given) == 0 &&
        written.st_dev == given.st_dev && written.st_ino == given.st_ino) {
        return spr_fail(w->err, SPR_EINPUT, "--output %s: is an input: expected another file",
                        path);
    }
    return SPR_OK;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct work w = {.cli = cli, .args = args, .err = err};
    enum spr_status status = read_options(&w);
    status = status ? status : check_output(&w);
    status = status ? status : read_network(&w);
    status = status ? status : read_batch(&w);
    status = status ? status : make_variants(&w);
    status = status || !w.end_to_end ? status : read_states(&w);
    status = status ? status : measure(&w);
    status = status ? status : output(&w);
    spr_validation_free(&w.validation);
    spr_machine_free(&w.machine);
    if (w.from_record) {
        spr_record_free(&w.record);
    } else {
        spr_network_free(&w.record.network);
    }
    spr_free(w.patterns);
    spr_free(w.states);
    spr_free(w.output);
    spr_weights_free(&w.weights);
    return status;
}

static const enum option options[] = {
    OPT_PATTERN, OPT_SPARSITY,   OPT_BATCH,   OPT_SEED,      OPT_MASK_DIR,      OPT_ISA,
    OPT_THREADS, OPT_RESIDENCY,  OPT_BUDGET,  OPT_MAX_ERROR, OPT_NO_SAVE,       OPT_OUTPUT,
    OPT_FORMAT,  OPT_END_TO_END, OPT_TOKENS,  OPT_STATES,    OPT_OUTPUT_STATES, OPT_LAYOUT,
    OPT_TUNE,    OPT_DEVICE,     OPT_MACHINE, OPT_DTYPE,     OPT_COUNT};

const struct verb verb_validate = {
    .name = "validate",
    .arguments = "[MODEL|ANALYSIS] ",
    .summary = "Runs real kernels here: is the prediction true?",
    .examples = {"sproof validate model.csv --budget 2m --max-error 15%",
                 "sproof validate model.csv --mask-dir masks --pattern csr,4x4"},
    .notes =
        "Measures this machine only, in f32, each distinct layer once, its weights and\n"
        "operands warm in the caches. --residency cold: weights evicted before each call;\n"
        "network: the bytes of the other layers pass before each call. The record goes to\n"
        "sproof-validation.json, which plot and explain read. Formats: table, csv, json;\n"
        "one batch. Defaults: the variants of the table or record, else csr,4x1,4x4,\n"
        "16x16,32x1,2:4 at 0.8,0.9,0.95. Ctrl-C keeps the complete cases. Exit 3: too\n"
        "noisy. --device measures a GPU, with --machine its probed rates, in f16 or\n"
        "bf16 (--dtype), warm or cold.",
    .positionals_max = 1,
    .options = options,
    .run = run,
};
