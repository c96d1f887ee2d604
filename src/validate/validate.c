/* SPDX-License-Identifier: Apache-2.0 */
/* A run of validate: all cases in order, until they are done, time is spent or it is told to
 * stop. */
#include "sproof/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "host/host_state.h"
#include "sproof/cpu.h"
#include "validate/validate_parts.h"

/* Enough to push everything else out where no cache size is known. */
#define FLOOD_BYTES 256e6

static enum spr_status check_options(const struct spr_validate_options *options,
                                     struct spr_error *err)
{
    if (options->residency == SPR_RESIDENCY_DRAM) {
        return spr_fail(
            err, SPR_EINPUT,
            "residency dram cannot be measured: expected warm (the same layer again "
            "and again), cold (weights evicted before each call) or network (the "
            "bytes of the other layers pass before each call)");
    }
    return SPR_OK;
}

/* Twice the last cache, to be read and written. */
static enum spr_status make_flood(struct spr_validate_run *run, struct spr_error *err)
{
    const struct spr_machine *machine = run->machine;
    double bytes = 0;
    if (run->options->residency == SPR_RESIDENCY_WARM) {
        return SPR_OK;
    }
    for (size_t i = 0; i < machine->memory_count; i++) {
        double all = machine->memory[i].shared ? 1 : run->options->threads;
        bytes = fmax(bytes, all * machine->memory[i].bytes.value);
    }
    bytes = bytes > 0 && bytes < 8e9 ? 2 * bytes : FLOOD_BYTES;
    run->flood_count = (size_t)(bytes / sizeof(float));
    run->flood = spr_calloc(run->flood_count, sizeof(float));
    return run->flood ? SPR_OK : spr_no_memory(err);
}

static enum spr_status prepare(struct spr_validate_run *run, struct spr_notes *notes,
                               struct spr_error *err)
{
    const struct spr_validate_options *options = run->options;
    SPR_TRY(
        spr_model_prepare(&run->model, run->machine, SPR_F32, SPR_NOMINAL, SPR_NOMINAL, err));
    SPR_TRY(
        spr_model_prepare(&run->model_high, run->machine, SPR_F32, SPR_HIGH, SPR_HIGH, err));
    SPR_TRY(make_flood(run, err));
    spr_host_note_state(notes);
    spr_model_set_residency(&run->model, options->residency, options->threads);
    spr_model_set_residency(&run->model_high, options->residency, options->threads);
    if (!options->own_dense_only) {
        (void)spr_blas_load(&run->blas, options->isa, options->threads);
    }
    if (run->blas.note[0]) {
        spr_note(notes, "%s", run->blas.note);
    }
    if (run->blas.core[0]) {
        run->validation->openblas_core =
            spr_arena_text(&run->validation->arena, run->blas.core, strlen(run->blas.core));
    }
    return SPR_OK;
}

static bool stopped(const struct spr_validate_run *run)
{
    return run->options->stop && run->options->stop();
}

static void tell(const struct spr_validate_run *run, const struct spr_agenda *agenda,
                 size_t done, size_t at, double elapsed_s)
{
    const struct spr_validate_options *options = run->options;
    struct spr_validate_progress progress = {.done = done,
                                             .total = agenda->count,
                                             .variant = agenda->items[at].variant,
                                             .layer = agenda->items[at].layer,
                                             .elapsed_s = elapsed_s,
                                             .left_s = (double)NAN};
    if (done > 0) {
        progress.left_s = elapsed_s / (double)done * (double)(agenda->count - done);
    }
    if (!isnan(options->budget_s)) {
        progress.left_s = fmin(isnan(progress.left_s) ? HUGE_VAL : progress.left_s,
                               fmax(0, options->budget_s - elapsed_s));
    }
    if (options->progress) {
        options->progress(options->context, &progress);
    }
}

/* The agenda's order, shuffled under a budget: what is measured of it is then a fair sample. */
static size_t *make_order(const struct spr_validate_run *run, size_t count)
{
    size_t *order = spr_calloc(count, sizeof *order);
    uint64_t random = run->options->seed;
    for (size_t i = 0; order && i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; order && i > 1 && !isnan(run->options->budget_s); i--) {
        size_t j = spr_random(&random) % i, swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
    return order;
}

/* Measures in `order`; done[i] tells which of the agenda are there. */
static enum spr_status measure_all(struct spr_validate_run *run,
                                   const struct spr_agenda *agenda, const size_t *order,
                                   struct spr_validation_case *cases, bool *done,
                                   struct spr_error *err)
{
    double begin = run->clock_s();
    for (size_t i = 0; i < agenda->count; i++) {
        double elapsed_s = run->clock_s() - begin;
        if (stopped(run)) {
            run->validation->interrupted = true;
            break;
        }
        if (i > 0 && elapsed_s >= run->options->budget_s) {
            break;
        }
        tell(run, agenda, i, order[i], elapsed_s);
        enum spr_status status =
            spr_validate_case(run, &agenda->items[order[i]], &cases[order[i]], err);
        if (status == SPR_EINTERRUPTED) {
            run->validation->interrupted = true;
            *err = (struct spr_error){0};
            break;
        }
        if (status != SPR_OK) {
            return status;
        }
        done[order[i]] = true;
    }
    return SPR_OK;
}

/* Load that others put on the cores the kernels need. */
#define OTHERS_NOTED 0.1

static void note_others(const struct spr_validate_run *run, const struct spr_host_load *before,
                        struct spr_notes *notes)
{
    double others = spr_host_load_others(before);
    double cores = (double)spr_cpu_threads();
    double wanted = run->options->threads + others;
    if (others > OTHERS_NOTED && wanted > cores + OTHERS_NOTED) {
        spr_note(notes,
                 "other programs kept %.1f of %g cores busy during the run: with %d thread%s "
                 "the times are too long",
                 others, cores, run->options->threads, run->options->threads == 1 ? "" : "s");
    }
}

/* As many dense times of one shape tell which of them is off. */
#define WITNESSES 3

/* The rank of a case's dense time among those of its shape: how many are less, and how many
 * there are. */
static size_t dense_rank(const struct spr_validation *v, size_t index, size_t *witnesses)
{
    const struct spr_validation_case *c = &v->cases[index];
    size_t less = 0;
    *witnesses = 0;
    for (size_t i = 0; i < v->case_count; i++) {
        const struct spr_validation_case *o = &v->cases[i];
        if (o->m == c->m && o->k == c->k && o->n == c->n) {
            double mine = c->dense.measured.median_s, other = o->dense.measured.median_s;
            less += other < mine || (!(mine < other) && i < index);
            (*witnesses)++;
        }
    }
    return less;
}

/* The dense product of a shape is the same in every case. Where it took another time than in
 * most, the machine was disturbed for so long that every sample agreed. */
static void mark_disturbed(struct spr_validation *v)
{
    for (size_t i = 0; i < v->case_count; i++) {
        size_t witnesses, rank = dense_rank(v, i, &witnesses);
        double usual_s = v->cases[i].dense.measured.median_s;
        if (witnesses < WITNESSES || rank != witnesses / 2) {
            continue; /* not the one in the middle */
        }
        for (size_t j = 0; j < v->case_count; j++) {
            struct spr_validation_case *c = &v->cases[j];
            if (c->m == v->cases[i].m && c->k == v->cases[i].k && c->n == v->cases[i].n &&
                fabs(c->dense.measured.median_s / usual_s - 1) > SPR_BENCH_WIDE) {
                c->inconclusive = true;
            }
        }
    }
}

/* The complete cases, in the order of the agenda. */
static enum spr_status collect(struct spr_validation *v, size_t total,
                               const struct spr_validation_case *cases, const bool *done,
                               struct spr_error *err)
{
    if (!spr_grow(&v->cases, &v->case_capacity, total, sizeof *v->cases)) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < total; i++) {
        if (done[i]) {
            v->cases[v->case_count++] = cases[i];
        }
    }
    return SPR_OK;
}

static enum spr_status run_agenda(struct spr_validate_run *run,
                                  const struct spr_agenda *agenda, struct spr_notes *notes,
                                  struct spr_error *err)
{
    struct spr_validation *v = run->validation;
    struct spr_validation_case *cases = spr_calloc(agenda->count, sizeof *cases);
    bool *done = spr_calloc(agenda->count, sizeof *done);
    size_t *order = make_order(run, agenda->count);
    enum spr_status status = SPR_OK;
    if (cases && done && order) {
        struct spr_host_load load = spr_host_load_now();
        double before = spr_validate_rate(run);
        spr_validate_raise_roof(run, before);
        status = measure_all(run, agenda, order, cases, done, err);
        double after = spr_validate_rate(run);
        note_others(run, &load, notes);
        v->peak_flops_per_s = fmax(before, after);
        v->drift = after / before - 1;
        status = status ? status : collect(v, agenda->count, cases, done, err);
    } else {
        status = spr_no_memory(err);
    }
    mark_disturbed(v);
    if (status == SPR_OK && !v->interrupted && v->case_count < agenda->count) {
        spr_note(notes, "the budget of %g s is spent: %zu of %zu cases, chosen at random",
                 run->options->budget_s, v->case_count, agenda->count);
    }
    spr_free(cases);
    spr_free(done);
    spr_free(order);
    return status;
}

static enum spr_status run_all(struct spr_validate_run *run, const struct spr_network *network,
                               struct spr_agenda *agenda, struct spr_notes *notes,
                               struct spr_error *err)
{
    SPR_TRY(check_options(run->options, err));
    SPR_TRY(spr_agenda_make(network, run->options, agenda, run->validation, err));
    SPR_TRY(prepare(run, notes, err));
    SPR_TRY(spr_validate_pass(run, network, err));
    return run_agenda(run, agenda, notes, err);
}

enum spr_status spr_validate(const struct spr_network *network, struct spr_machine *machine,
                             const struct spr_validate_options *options,
                             struct spr_validation *validation, struct spr_notes *notes,
                             struct spr_error *err)
{
    struct spr_agenda agenda = {0};
    *validation = (struct spr_validation){.seed = options->seed,
                                          .machine = *machine,
                                          .layout = options->layout,
                                          .drift = (double)NAN,
                                          .peak_flops_per_s = (double)NAN};
    *machine = (struct spr_machine){0};
    struct spr_validate_run run = {
        .options = options,
        .machine = &validation->machine,
        .validation = validation,
        .clock_s = options->clock_s ? options->clock_s : spr_cpu_clock_s,
        .kernel_run = options->kernel_run ? options->kernel_run : spr_kernel_run};
    enum spr_status status = run_all(&run, network, &agenda, notes, err);
    spr_agenda_free(&agenda);
    spr_dense_inputs_free(run.dense);
    spr_free(run.flood);
    spr_free(run.variant_bytes);
    spr_blas_free(&run.blas);
    if (status != SPR_OK) {
        spr_validation_free(validation);
    }
    return status;
}
