/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders as a whole: made, checked, predicted, timed. */
#include <math.h>
#include <string.h>

#include "base/numbers.h"
#include "base/random.h"
#include "encoder/end_to_end_parts.h"
#include "host/host_state.h"
#include "host/line_transfer.h"
#include "sproof/cpu.h"
#include "sproof/inspect.h"
#include "sproof/schedule.h"
#include "validate/time_networks.h"
#include "validate/validate_parts.h"

#define PART_RUNS 7

enum spr_status spr_end_to_end_shape(const struct spr_network *network,
                                     struct spr_states_shape *shape, struct spr_error *err)
{
    struct spr_encoder_source source;
    enum spr_status status = spr_encoder_source_make(network, NULL, &source, err);
    if (status == SPR_OK) {
        shape->tokens = source.shape.tokens;
        shape->hidden = source.shape.hidden;
        spr_encoder_source_free(&source);
    }
    return status;
}

/* --- Making them. */

/* Real weights are pruned for a variant of the grid; its own zeros are what a table says. */
static enum spr_status prune(struct spr_encoder_trial *r, const struct spr_variant *variant,
                             struct spr_error *err)
{
    struct spr_weights *weights = r->options->weights;
    for (size_t i = 0; weights && i < weights->weight_count; i++) {
        spr_free(weights->weight[i].keep);
        weights->weight[i].keep = NULL;
    }
    if (!weights || !variant || !variant->grid) {
        return SPR_OK;
    }
    const struct spr_prune_options options = {
        .pattern = variant->pattern, .sparsity = variant->sparsity, .score = SPR_SCORE_L2};
    double *energy = spr_calloc(weights->weight_count, sizeof *energy);
    const char **reason = spr_calloc(weights->weight_count, sizeof *reason);
    enum spr_status status = energy && reason
                                 ? spr_prune(weights, &options, NULL, energy, reason, err)
                                 : spr_no_memory(err);
    spr_free(energy);
    spr_free(reason);
    return status;
}

static enum spr_status pack_product(struct spr_encoder_trial *r,
                                    struct spr_encoder_entry *entry, int64_t layer,
                                    int product, struct spr_error *err)
{
    const struct spr_validate_options *o = r->options->validate;
    const struct spr_choice choice =
        spr_encoder_choice(&r->source, entry->variant, layer, product);
    struct spr_packed *packed = &entry->encoder.layer[layer].product[product];
    double *cells = &entry->cells[layer][product];
    struct spr_matrix matrix = {0};
    struct spr_kernel kernel;
    if (!spr_kernel_find(&choice.pattern, o->isa, &kernel)) {
        char text[SPR_PATTERN_TEXT];
        return spr_fail(err, SPR_EINPUT, "end to end: %s has no kernel",
                        spr_pattern_text(&choice.pattern, text));
    }
    enum spr_status status =
        spr_encoder_matrix(&r->source, &choice, layer, product, &matrix, cells, err);
    if (status == SPR_OK) {
        const struct spr_expected_case of = {.pattern = choice.pattern,
                                             .m = matrix.m,
                                             .k = matrix.k,
                                             .n = spr_encoder_most_columns(r),
                                             .kept = *cells,
                                             .threads = 1, /* each on its own tokens */
                                             .isa = o->isa,
                                             .residency = SPR_RESIDENCY_WARM,
                                             .tuned = o->tuned};
        const struct spr_plan plan = spr_plan_for(r->machine, &of);
        status = spr_pack(&plan, &matrix, packed, err);
    }
    entry->weight_bytes += status == SPR_OK ? (double)packed->bytes : 0;
    spr_matrix_free(&matrix);
    return status;
}

static enum spr_status make_entry(struct spr_encoder_trial *r,
                                  const struct spr_variant *variant,
                                  struct spr_encoder_entry *entry, double *worst,
                                  struct spr_error *err)
{
    const struct spr_validate_options *o = r->options->validate;
    const struct spr_encoder_shape *shape = &r->source.shape;
    entry->variant = variant;
    entry->cells = spr_calloc((size_t)shape->layers, sizeof *entry->cells);
    if (!entry->cells) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_encoder_make(shape, o->isa, o->threads, &entry->encoder, err));
    entry->encoder.vectors = r->source.vectors;
    entry->encoder.input = r->input;
    entry->encoder.clock_s = r->clock_s;
    SPR_TRY(prune(r, variant, err));
    for (int64_t l = 0; l < shape->layers; l++) {
        for (int p = 0; p < SPR_PRODUCTS; p++) {
            SPR_TRY(pack_product(r, entry, l, p, err));
        }
        if (o->stop && o->stop()) {
            return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
        }
    }
    SPR_TRY(spr_encoder_check(&entry->encoder, &r->source, variant, worst, err));
    spr_encoder_run(&entry->encoder);
    entry->bits =
        spr_bits(entry->encoder.x, (size_t)(shape->hidden * spr_encoder_columns(shape)));
    return SPR_OK;
}

static enum spr_status make_input(struct spr_encoder_trial *r, struct spr_error *err)
{
    const struct spr_encoder_shape *shape = &r->source.shape;
    const struct spr_validate_options *o = r->options->validate;
    const int64_t hidden = shape->hidden;
    uint64_t random = o->seed;
    r->input = spr_calloc((size_t)(hidden * spr_encoder_columns(shape)), sizeof *r->input);
    if (!r->input) {
        return spr_no_memory(err);
    }
    for (int64_t j = 0; j < shape->tokens; j++) {
        for (int64_t i = 0; i < hidden; i++) {
            r->input[spr_encoder_at(shape, o->threads, hidden, i, j)] =
                r->options->states ? r->options->states[j * hidden + i]
                                   : (float)(2 * spr_random_unit(&random) - 1);
        }
    }
    return SPR_OK;
}

/* --- Timing them. */

static void run_entry(void *context)
{
    spr_encoder_run(&((struct spr_encoder_entry *)context)->encoder);
}

/* The parts, by a clock between them; not within the timed runs. */
static void measure_parts(const struct spr_encoder_trial *r, struct spr_encoder_entry *entry,
                          struct spr_end_to_end_case *out)
{
    double runs[SPR_END_TO_END_PARTS][PART_RUNS], part_s[SPR_END_TO_END_PARTS];
    (void)r;
    entry->encoder.part_s = part_s;
    for (int i = 0; i < PART_RUNS; i++) {
        memset(part_s, 0, sizeof part_s);
        spr_encoder_run(&entry->encoder);
        for (int p = 0; p < SPR_END_TO_END_PARTS; p++) {
            runs[p][i] = part_s[p];
        }
    }
    entry->encoder.part_s = NULL;
    for (int p = 0; p < SPR_END_TO_END_PARTS; p++) {
        out->part_s[p] = spr_least(runs[p], PART_RUNS);
    }
}

/* As the probe found it; NAN where that or this run cannot tell. */
static double threads_apart(const struct spr_encoder_trial *r)
{
    const struct spr_kernel_rates *kernels = r->machine->kernels;
    bool told = kernels && !r->options->validate->clock_s && /* a clock of the caller's */
                kernels->parallel_threads == r->options->validate->threads;
    return told ? kernels->transfer_s : (double)NAN;
}

/* The encoders, and beside them how far apart the threads are: a host may move them meanwhile. */
static enum spr_status take_samples(struct spr_encoder_trial *r,
                                    struct spr_end_to_end_case *cases, struct spr_error *err)
{
    const struct spr_validate_options *o = r->options->validate;
    int threads = o->threads;
    const bool team = threads_apart(r) > 0;
    struct spr_measurement hops = {0};
    const struct spr_networks networks = {
        .options = o,
        .clock_s = r->clock_s,
        .subjects = spr_calloc(r->count + 1, sizeof *networks.subjects),
        .count = r->count + team,
        .networks = r->count,
        .arena = &r->validation->arena};
    if (!networks.subjects) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < r->count; i++) {
        networks.subjects[i] = (struct spr_subject){
            .run = run_entry, .context = &r->entry[i], .result = &cases[i].measured};
    }
    networks.subjects[r->count] = (struct spr_subject){
        .run = spr_line_transfer_round, .context = &threads, .result = &hops, .beside = true};
    const enum spr_status status = spr_time_networks(&networks, err);
    if (team && status == SPR_OK) {
        r->validation->transfer_s = hops.median_s / SPR_LINE_HOPS;
    }
    spr_free(networks.subjects);
    return status;
}

static enum spr_status time_entries(struct spr_encoder_trial *r,
                                    struct spr_end_to_end_case *cases, struct spr_error *err)
{
    SPR_TRY(take_samples(r, cases, err));
    for (size_t i = 0; i < r->count; i++) {
        const struct spr_encoder *e = &r->entry[i].encoder;
        if (spr_bits(e->x, (size_t)(e->shape.hidden * spr_encoder_columns(&e->shape))) !=
            r->entry[i].bits) {
            return spr_fail(err, SPR_EWRONG,
                            "wrong result: the output of %s changed while it was timed",
                            cases[i].variant);
        }
        measure_parts(r, &r->entry[i], &cases[i]);
    }
    return SPR_OK;
}

/* Of a part's linear layers, those a variant prunes, by their multiply-adds. */
static double pruned_share(const struct spr_encoder_trial *r,
                           const struct spr_variant *variant, bool attention)
{
    double pruned = 0, all = 0;
    for (int64_t l = 0; l < r->source.shape.layers; l++) {
        for (int p = 0; p < SPR_PRODUCTS; p++) {
            int64_t m, k;
            struct spr_choice choice = spr_encoder_choice(&r->source, variant, l, p);
            spr_encoder_product(&r->source.shape, p, &m, &k);
            if ((p <= SPR_ATTENTION_OUTPUT) == attention) {
                all += (double)m * (double)k;
                pruned += spr_pattern_is_dense(&choice.pattern) ? 0 : (double)m * (double)k;
            }
        }
    }
    return pruned / all;
}

/* The dense time over what is left of it when the pruned layers take none. */
static double ceiling(const struct spr_encoder_trial *r, const struct spr_variant *variant,
                      const double *part_s)
{
    double all = 0, freed = part_s[SPR_PART_ATTENTION_LINEAR] * pruned_share(r, variant, true);
    freed += part_s[SPR_PART_WIDE_LINEAR] * pruned_share(r, variant, false);
    for (int p = 0; p < SPR_END_TO_END_PARTS; p++) {
        all += part_s[p];
    }
    return all / (all - freed);
}

static void judge(const struct spr_encoder_trial *r, struct spr_end_to_end_case *cases)
{
    const struct spr_end_to_end_case *dense = &cases[0];
    for (size_t i = 0; i < r->count; i++) {
        struct spr_end_to_end_case *c = &cases[i];
        c->error = c->expected_s / c->measured.time_s - 1;
        c->inconclusive = c->measured.doubt != SPR_DOUBT_NONE;
        c->expected_speedup = c->measured_speedup = c->speedup_error = (double)NAN;
        c->amdahl_ceiling = (double)NAN;
        if (i > 0) {
            c->expected_speedup = dense->expected_s / c->expected_s;
            c->measured_speedup = dense->measured.time_s / c->measured.time_s;
            c->speedup_error = c->expected_speedup / c->measured_speedup - 1;
            c->amdahl_ceiling = ceiling(r, r->entry[i].variant, dense->part_s);
        }
    }
}

static enum spr_status run_all(struct spr_encoder_trial *r, struct spr_error *err)
{
    struct spr_validation *v = r->validation;
    struct spr_end_to_end_case *cases = spr_arena_alloc(&v->arena, r->count * sizeof *cases);
    SPR_TRY(make_input(r, err));
    r->entry = spr_calloc(r->count, sizeof *r->entry);
    if (!cases || !r->entry) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct spr_variant *variant = i ? &r->network->variants[i - 1] : NULL;
        const char *name = variant ? variant->name : "dense";
        cases[i] = (struct spr_end_to_end_case){
            .variant = spr_arena_text(&v->arena, name, strlen(name)),
            .pattern = variant ? variant->pattern : spr_pattern_dense(),
            .sparsity = variant ? variant->sparsity : 0};
        if (!cases[i].variant) {
            return spr_no_memory(err);
        }
        SPR_TRY(make_entry(r, variant, &r->entry[i], &cases[i].max_error_ratio, err));
        cases[i].weight_bytes = r->entry[i].weight_bytes;
        spr_encoder_predict(r, &r->entry[i], &cases[i]);
    }
    SPR_TRY(time_entries(r, cases, err));
    judge(r, cases);
    v->end_to_end = cases;
    v->end_to_end_count = r->count;
    v->tokens = r->source.shape.tokens;
    return SPR_OK;
}

/* NAN under a clock of the caller's, by which no loop can be timed. */
static double fma_rate(const struct spr_validate_options *o)
{
    return o->clock_s ? (double)NAN : spr_fma_rate(o->isa, o->threads, spr_cpu_clock_s);
}

/* The dense encoder's last states, tokens x hidden. */
static void give_output(const struct spr_encoder_trial *r)
{
    const struct spr_encoder_shape *shape = &r->source.shape;
    const int threads = r->options->validate->threads;
    const int64_t hidden = shape->hidden;
    for (int64_t j = 0; j < shape->tokens && r->options->output; j++) {
        for (int64_t i = 0; i < hidden; i++) {
            r->options->output[j * hidden + i] =
                r->entry[0].encoder.x[spr_encoder_at(shape, threads, hidden, i, j)];
        }
    }
}

enum spr_status spr_end_to_end(const struct spr_network *network, struct spr_machine *machine,
                               const struct spr_end_to_end_options *options,
                               struct spr_validation *validation, struct spr_notes *notes,
                               struct spr_error *err)
{
    const struct spr_validate_options *o = options->validate;
    *validation = (struct spr_validation){.seed = o->seed,
                                          .machine = *machine,
                                          .drift = (double)NAN,
                                          .transfer_s = (double)NAN,
                                          .peak_flops_per_s = (double)NAN};
    *machine = (struct spr_machine){0};
    struct spr_encoder_trial r = {.network = network,
                                  .machine = &validation->machine,
                                  .options = options,
                                  .validation = validation,
                                  .count = network->variant_count + 1,
                                  .clock_s = o->clock_s ? o->clock_s : spr_cpu_clock_s};
    enum spr_status status = spr_encoder_source_make(network, options, &r.source, err);
    if (status == SPR_OK && r.count > SPR_BENCH_SUBJECTS_MAX - 1) {
        status = spr_fail(err, SPR_EINPUT, "end to end: %zu variants: expected at most %d",
                          network->variant_count, SPR_BENCH_SUBJECTS_MAX - 2);
    }
    if (status == SPR_OK) {
        spr_host_note_state(notes);
        double before = fma_rate(o);
        status = run_all(&r, err);
        double after = fma_rate(o);
        validation->peak_flops_per_s = fmax(before, after);
        validation->drift = after / before - 1;
    }
    if (status == SPR_OK) {
        give_output(&r);
    }
    for (size_t i = 0; i < r.count && r.entry; i++) {
        spr_encoder_free(&r.entry[i].encoder);
        spr_free(r.entry[i].cells);
    }
    spr_free(r.entry);
    spr_free(r.input);
    spr_encoder_source_free(&r.source);
    if (status != SPR_OK) {
        spr_validation_free(validation);
    }
    return status;
}
