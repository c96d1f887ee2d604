/* SPDX-License-Identifier: Apache-2.0 */
/* sproof's kernels and OpenBLAS on this machine's CPU as the backend of a run. */
#include "validate/validate_cpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "sproof/schedule.h"

/* Enough to push everything else out where no cache size is known. */
#define FLOOD_BYTES 256e6

/* Twice the last cache, to be read and written. */
static enum spr_status make_flood(const struct spr_validate_run *run, struct spr_error *err)
{
    const struct spr_machine *machine = run->machine;
    struct spr_cpu *cpu = run->own;
    double bytes = 0;
    if (run->options->residency == SPR_RESIDENCY_WARM) {
        return SPR_OK;
    }
    for (size_t i = 0; i < machine->memory_count; i++) {
        double all = machine->memory[i].shared ? 1 : run->options->threads;
        bytes = fmax(bytes, all * machine->memory[i].bytes.value);
    }
    bytes = bytes > 0 && bytes < 8e9 ? 2 * bytes : FLOOD_BYTES;
    cpu->flood_count = (size_t)(bytes / sizeof(float));
    cpu->flood = spr_calloc(cpu->flood_count, sizeof(float));
    return cpu->flood ? SPR_OK : spr_no_memory(err);
}

/* Under a clock of the caller's no loop can be timed. */
static enum spr_status make_canaries(struct spr_validate_run *run, struct spr_error *err)
{
    const struct spr_validate_options *options = run->options;
    if (options->clock_s) {
        return SPR_OK;
    }
    SPR_TRY(spr_canaries_make(options->isa, options->threads, options->canary_least_s,
                              &run->canaries, err));
    spr_canaries_learn(run->canaries, true);
    return SPR_OK;
}

static enum spr_status prepare(struct spr_validate_run *run, const struct spr_network *network,
                               struct spr_error *err)
{
    const struct spr_validate_options *options = run->options;
    struct spr_cpu *cpu = run->own;
    SPR_TRY(spr_validate_models(run, SPR_F32, err));
    SPR_TRY(make_flood(run, err));
    SPR_TRY(make_canaries(run, err));
    spr_host_note_state(options->notes);
    if (!options->own_dense_only) {
        (void)spr_blas_load(&cpu->blas, options->isa, options->threads);
    }
    if (cpu->blas.note[0]) {
        spr_note(options->notes, "%s", cpu->blas.note);
    }
    if (cpu->blas.core[0]) {
        run->validation->openblas_core =
            spr_arena_text(&run->validation->arena, cpu->blas.core, strlen(cpu->blas.core));
    }
    return spr_validate_pass(run, network, err);
}

static enum spr_status enter_blas(struct spr_validate_run *run, struct spr_side *side,
                                  struct spr_error *err)
{
    const struct spr_cpu *cpu = run->own;
    struct spr_cpu_side *made = side->made;
    struct spr_cpu_product *product = &made->products[side->count];
    const struct spr_cpu_make make = {run, side, NULL, &side->contenders[side->count]};
    snprintf(product->name, sizeof product->name, "openblas%s%s", cpu->blas.core[0] ? "-" : "",
             cpu->blas.core);
    side->count++;
    return spr_cpu_enter(&make, product, err);
}

/* A random W and X of the shape. */
static enum spr_status draw_dense(struct spr_validate_run *run, struct spr_side *side,
                                  struct spr_error *err)
{
    const struct spr_planned *planned = &side->planned;
    struct spr_buffer *x = &((struct spr_cpu *)run->own)->x;
    if (!spr_buffer_make(x, (double)planned->k * (double)planned->n,
                         spr_cpu_skip(run, planned, "x"))) {
        return spr_no_memory(err);
    }
    uint64_t random = spr_seed(run->options->seed, "x", planned);
    for (size_t i = 0; i < x->count; i++) {
        x->values[i] = (float)(2 * spr_random_unit(&random) - 1);
    }
    return spr_matrix_random(&planned->pattern, planned->m, planned->k, side->kept,
                             spr_seed(run->options->seed, "w", planned), &side->matrix, err);
}

static enum spr_status make_side(struct spr_validate_run *run, struct spr_side *side,
                                 struct spr_error *err)
{
    const struct spr_planned *planned = &side->planned;
    const struct spr_cpu *cpu = run->own;
    const struct spr_cpu_make make = {run, side, NULL, &side->contenders[0]};
    struct spr_cpu_side *made = NULL;
    bool dense = spr_pattern_is_dense(&planned->pattern);
    if (dense) {
        SPR_TRY(draw_dense(run, side, err));
    }
    enum spr_status status = spr_cpu_side_make(&make, &made, err);
    side->made = made;
    side->count = 1;
    SPR_TRY(status);
    if (dense) {
        return spr_blas_takes(&cpu->blas, planned->m, planned->k, planned->n)
                   ? enter_blas(run, side, err)
                   : SPR_OK;
    }
    /* Later visits find the winner among the tuned plans. */
    return run->options->tune && run->visit == 0 ? spr_cpu_tune(run, side, err) : SPR_OK;
}

static void free_side(struct spr_validate_run *run, struct spr_side *side)
{
    if (side == &run->dense) {
        spr_buffer_free(&((struct spr_cpu *)run->own)->x);
    }
    spr_cpu_side_free(side->made);
}

static double rate(const struct spr_validate_run *run)
{
    const struct spr_validate_options *options = run->options;
    return options->clock_s ? (double)NAN
                            : spr_fma_rate(options->isa, options->threads, run->clock_s);
}

enum spr_status spr_validate(const struct spr_network *network, struct spr_machine *machine,
                             const struct spr_validate_options *options,
                             struct spr_validation *validation, struct spr_error *err)
{
    static const struct spr_backend backend = {.prepare = prepare,
                                               .make = make_side,
                                               .time = spr_cpu_time,
                                               .predict = spr_cpu_predict,
                                               .rate = rate,
                                               .free = free_side};
    struct spr_cpu cpu = {.kernel_run =
                              options->kernel_run ? options->kernel_run : spr_kernel_run};
    struct spr_validate_run run = {.options = options,
                                   .backend = &backend,
                                   .own = &cpu,
                                   .threads = options->threads,
                                   .validation = validation};
    spr_validate_begin(&run, machine);
    enum spr_status status = spr_validate_on(&run, network, err);
    spr_free(cpu.flood);
    spr_canaries_free(run.canaries);
    spr_free(run.variant_bytes);
    spr_blas_free(&cpu.blas);
    if (status != SPR_OK) {
        spr_validation_free(validation);
    }
    return status;
}
