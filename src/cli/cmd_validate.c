/* SPDX-License-Identifier: Apache-2.0 */
/* sproof validate: is the prediction true on this machine? */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/output.h"
#include "cli/validate_work.h"
#include "sproof/cpu.h"
#include "sproof/convnet.h"
#include "sproof/end_to_end.h"
#include "sproof/schedule.h"

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

static void clear_progress(const struct validate_work *w)
{
    if (w->options.progress) {
        fputs("\r\033[K", w->cli->err);
    }
}

/* How quick the canaries were when this machine was probed. */
static void find_canaries(struct validate_work *w)
{
    struct spr_probe probe;
    if (spr_probe_wanted() && spr_probe_cached(&probe)) {
        spr_probe_canaries(&probe, w->options.isa, w->options.threads, w->canary_least_s);
        w->options.canary_least_s = w->canary_least_s;
        spr_probe_free(&probe);
    }
}

static enum spr_status measure(struct validate_work *w)
{
    struct spr_validation *v = &w->validation;
    bool quiet = w->cli->quiet || w->args->value[OPT_NO_PROGRESS] || !isatty(STDERR_FILENO);
    w->options.progress = quiet ? NULL : show_progress;
    w->options.context = w->cli;
    w->options.notes = &w->cli->notes;
    w->options.stop = cli_interrupted;
    bool device = w->args->value[OPT_DEVICE] != NULL;
    enum spr_status status =
        device ? SPR_OK
               : cli_find_host(w->cli, w->args, w->options.threads, &w->machine, w->err);
    if (status != SPR_OK) {
        return status;
    }
    if (w->options.threads == 0) {
        w->options.threads =
            !device && w->machine.probed ? (int)w->machine.cores : spr_cpu_threads();
    }
    w->options.tuned = w->cli->tuned;
    find_canaries(w);
    if (!device && !w->machine.kernels) {
        spr_note(&w->cli->notes, "this machine has no measured rates: nothing is predicted "
                                 "but bounds");
    }
    cli_catch_interrupt();
    const struct spr_end_to_end_options whole = {
        &w->options, w->weights.weight_count ? &w->weights : NULL, w->states, w->output};
    enum spr_dtype dtype = device ? w->record.options.dtype : SPR_F32;
    status = device ? cli_validate_device(w->cli, w->args, &w->record.network, &w->options, v,
                                          &dtype, w->err)
             : w->convnet ? spr_convnet_end_to_end(&w->record.network, &w->machine,
                                                   &w->options, v, &w->cli->notes, w->err)
             : w->end_to_end
                 ? spr_end_to_end(&w->record.network, &w->machine, &whole, v, &w->cli->notes,
                                  w->err)
                 : spr_validate(&w->record.network, &w->machine, &w->options, v, w->err);
    clear_progress(w);
    v->head = w->record.head;
    v->head.command = w->cli->command;
    v->head.created = w->cli->created;
    v->options = w->record.options;
    /* What an analysis assumed of another machine was not measured. */
    v->head.machine = (struct spr_record_input){0};
    v->options.change_count = 0;
    v->options.dtype = dtype;
    v->options.residency = w->options.residency;
    v->options.threads = device ? 1 : w->options.threads;
    v->options.batches[0] = w->options.batch;
    v->options.batch_count = 1;
    return status;
}

static enum spr_status save(struct validate_work *w, const char *path)
{
    struct spr_output output;
    enum spr_status status = spr_output_open(&output, path, w->err);
    if (status == SPR_OK) {
        status = spr_output_close(
            &output, spr_validation_write(output.file, &w->validation, w->err), w->err);
    }
    return status;
}

/* The same of whole encoders. */
static enum spr_status judge_end_to_end(const struct validate_work *w)
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
                        "inconclusive: %zu of %zu %s are too noisy to tell", noisy,
                        v->end_to_end_count, w->convnet ? "networks" : "encoders");
    }
    return worst > w->max_error
               ? spr_fail(w->err, SPR_EGATE,
                          "--max-error: an expected time is off by %.3g %%, more than %.3g %%",
                          100 * worst, 100 * w->max_error)
               : SPR_OK;
}

/* What the run came to, after it is written and shown. */
static enum spr_status judge(const struct validate_work *w, size_t measured)
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

static enum spr_status output(struct validate_work *w)
{
    const char *path = w->args->value[OPT_OUTPUT];
    struct spr_report report = {.format = w->format};
    size_t measured = w->validation.case_count + w->validation.end_to_end_count;
    if (w->options.tune && w->options.tuned) {
        SPR_TRY(spr_tuned_save(w->options.tuned, w->err));
    }
    if (measured > 0 && !w->args->value[OPT_NO_SAVE]) {
        report.saved = path            ? path
                       : w->end_to_end ? CLI_DEFAULT_END_TO_END
                                       : CLI_DEFAULT_VALIDATION;
        SPR_TRY(save(w, report.saved));
    }
    if (w->output) {
        SPR_TRY(
            cli_write_states(w->args->value[OPT_OUTPUT_STATES], &w->shape, w->output, w->err));
    }
    cli_flush_notes(w->cli);
    if (measured > 0) {
        SPR_TRY(spr_report_validation(w->cli->out, &w->validation, &report, w->err));
    }
    return judge(w, measured);
}

/* Writing over an input would lose it. */
static enum spr_status check_output(const struct validate_work *w)
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

static enum spr_status validate(struct validate_work *w)
{
    SPR_TRY(validate_read_options(w));
    SPR_TRY(check_output(w));
    SPR_TRY(validate_read_inputs(w));
    SPR_TRY(measure(w));
    return output(w);
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct validate_work w = {.cli = cli, .args = args, .err = err};
    enum spr_status status = validate(&w);
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
    OPT_PATTERN, OPT_SPARSITY,      OPT_BATCH,     OPT_SEED,         OPT_MASK_DIR,
    OPT_ISA,     OPT_THREADS,       OPT_RESIDENCY, OPT_BUDGET,       OPT_MAX_ERROR,
    OPT_NO_SAVE, OPT_OUTPUT,        OPT_FORMAT,    OPT_END_TO_END,   OPT_TOKENS,
    OPT_STATES,  OPT_OUTPUT_STATES, OPT_LAYOUT,    OPT_QUICK,        OPT_TUNE,
    OPT_DEVICE,  OPT_MACHINE,       OPT_DTYPE,     OPT_MAX_INFLATED, OPT_POOL,
    OPT_COUNT};

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
    .formats = &spr_validation_formats,
    .run = run,
};
