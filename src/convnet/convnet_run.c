/* SPDX-License-Identifier: Apache-2.0 */
/* The networks: made, checked, predicted, timed. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "convnet/convnet_check.h"
#include "convnet/convnet_trial.h"
#include "host/host_state.h"
#include "sproof/cpu.h"
#include "sproof/expected_winners.h"
#include "sproof/schedule.h"
#include "validate/time_networks.h"
#include "validate/validate_parts.h"

#define PART_RUNS 31

/* Calls are shorter than the clock and a neighbour's interrupts let a sample be. */
#define SAMPLE_S 2e-3

/* Rows of the output's blocks: it is dense, and has few. */
#define OUTPUT_ROWS 16

static enum spr_status pack_all_inputs(const struct spr_convnet_trial *r,
                                       struct spr_convnet_entry *entry,
                                       const struct spr_choice *choice, int product,
                                       const struct spr_matrix *matrix, struct spr_error *err)
{
    const struct spr_validate_options *o = r->options;
    int64_t m, k, n;
    struct spr_kernel kernel;
    if (!spr_kernel_find(&choice->pattern, o->isa, &kernel)) {
        char text[SPR_PATTERN_TEXT];
        return spr_fail(err, SPR_EINPUT, "end to end: %s has no kernel",
                        spr_pattern_text(&choice->pattern, text));
    }
    spr_convnet_product(&r->source.shape, product, &m, &k, &n);
    const struct spr_expected_case of = {.pattern = choice->pattern,
                                         .m = m,
                                         .k = k,
                                         .n = product < 2 ? n : r->source.shape.batch,
                                         .kept = entry->cells[product],
                                         .threads = 1,
                                         .isa = o->isa,
                                         .residency = SPR_RESIDENCY_WARM,
                                         .tuned = o->tuned};
    const struct spr_plan plan = spr_plan_for(r->machine, &of);
    SPR_TRY(spr_pack(&plan, matrix, &entry->net.product[product], err));
    entry->weight_bytes += (double)entry->net.product[product].bytes;
    return SPR_OK;
}

/* Columns in the order of the winners' maps. */
static enum spr_status turn_columns(const struct spr_convnet_shape *shape,
                                    struct spr_matrix *matrix, struct spr_error *err)
{
    float *row = spr_calloc((size_t)matrix->k, sizeof *row);
    unsigned char *kept = spr_calloc((size_t)matrix->k, sizeof *kept);
    const bool room = row && kept;
    for (int64_t i = 0; i < matrix->m && room; i++) {
        size_t at = matrix->row[i];
        for (size_t e = at; e < matrix->row[i + 1]; e++) {
            const int64_t to = spr_convnet_feature(shape, matrix->column[e]);
            row[to] = matrix->value[e];
            kept[to] = 1;
        }
        for (int64_t j = 0; j < matrix->k; j++) {
            if (kept[j]) {
                matrix->column[at] = (int32_t)j;
                matrix->value[at++] = row[j];
                kept[j] = 0;
            }
        }
    }
    spr_free(row);
    spr_free(kept);
    return room ? SPR_OK : spr_no_memory(err);
}

static enum spr_status pack_winners(const struct spr_convnet_trial *r,
                                    struct spr_convnet_entry *entry,
                                    const struct spr_pattern *pattern, int product,
                                    struct spr_matrix *matrix, struct spr_error *err)
{
    const struct spr_convnet_shape *shape = &r->source.shape;
    const enum spr_isa isa = r->options->isa;
    struct spr_convnet *net = &entry->net;
    if (product == 1) {
        const struct spr_map_shape map = {shape->filters[0], spr_convnet_side(shape, 0) / 2,
                                          SPR_CONV_KERNEL};
        SPR_TRY(spr_map_pack(isa, spr_map_rows(pattern), &map, matrix, &net->map, err));
        entry->weight_bytes += (double)net->map.bytes;
        return SPR_OK;
    }
    struct spr_columns *columns = &net->columns[product - 2];
    const int rows = spr_pattern_is_dense(pattern) ? OUTPUT_ROWS : spr_columns_rows(pattern);
    SPR_TRY(product == 2 ? turn_columns(shape, matrix, err) : SPR_OK);
    SPR_TRY(spr_columns_pack(isa, rows, matrix, columns, err));
    entry->weight_bytes += (double)columns->bytes;
    return SPR_OK;
}

static enum spr_status pack(const struct spr_convnet_trial *r, struct spr_convnet_entry *entry,
                            int product, struct spr_error *err)
{
    const struct spr_choice choice = spr_convnet_choice(&r->source, entry->variant, product);
    struct spr_matrix matrix = {0};
    enum spr_status status =
        spr_convnet_matrix(&r->source, &choice, product, &matrix, &entry->cells[product], err);
    if (status == SPR_OK) {
        status = entry->net.winners && product > 0
                     ? pack_winners(r, entry, &choice.pattern, product, &matrix, err)
                     : pack_all_inputs(r, entry, &choice, product, &matrix, err);
    }
    spr_matrix_free(&matrix);
    return status;
}

static enum spr_status make_entry(struct spr_convnet_trial *r, struct spr_convnet_entry *entry,
                                  const struct spr_variant *variant, bool winners,
                                  double *worst, struct spr_error *err)
{
    const struct spr_validate_options *o = r->options;
    const struct spr_convnet_shape *shape = &r->source.shape;
    struct spr_convnet *net = &entry->net;
    entry->variant = variant;
    *net = (struct spr_convnet){.shape = *shape,
                                .isa = o->isa,
                                .winners = winners,
                                .pool_after = winners && o->pool_after,
                                .bias = (const float *const *)r->source.bias,
                                .input = r->input,
                                .clock_s = r->clock_s};
    SPR_TRY(spr_convnet_make(net, err));
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        SPR_TRY(pack(r, entry, p, err));
    }
    for (int i = 0; i < 3 && winners; i++) {
        net->wta[i].method = spr_wta_choose(r->machine->kernels, &net->wta[i]);
    }
    if (o->stop && o->stop()) {
        return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
    }
    SPR_TRY(spr_convnet_check(net, &r->source, variant, worst, err));
    spr_convnet_run(net);
    entry->bits = spr_bits(net->output, (size_t)(shape->classes * shape->batch));
    return SPR_OK;
}

static enum spr_status make_input(struct spr_convnet_trial *r, struct spr_error *err)
{
    const struct spr_convnet_shape *s = &r->source.shape;
    const size_t count = (size_t)(s->batch * s->inputs * s->side * s->side);
    uint64_t random = r->options->seed;
    r->input = spr_calloc(count, sizeof *r->input);
    for (size_t i = 0; i < count && r->input; i++) {
        r->input[i] = (float)(2 * spr_random_unit(&random) - 1);
    }
    return r->input ? SPR_OK : spr_no_memory(err);
}

/* --- Timing them. */

static void run_entry(void *context)
{
    spr_convnet_run(&((struct spr_convnet_entry *)context)->net);
}

/* The parts, by a clock between them; not within the timed runs. */
static void measure_parts(struct spr_convnet_entry *entry, struct spr_end_to_end_case *out)
{
    double runs[SPR_CONV_PARTS][PART_RUNS], part_s[SPR_CONV_PARTS];
    entry->net.part_s = part_s;
    for (int i = 0; i < PART_RUNS; i++) {
        memset(part_s, 0, sizeof part_s);
        spr_convnet_run(&entry->net);
        for (int p = 0; p < SPR_CONV_PARTS; p++) {
            runs[p][i] = part_s[p];
        }
    }
    entry->net.part_s = NULL;
    for (int p = 0; p < SPR_CONV_PARTS; p++) {
        out->part_s[p] = spr_least(runs[p], PART_RUNS);
    }
}

static enum spr_status time_entries(struct spr_convnet_trial *r,
                                    struct spr_end_to_end_case *cases, struct spr_error *err)
{
    const struct spr_networks networks = {.options = r->options,
                                          .clock_s = r->clock_s,
                                          .subjects =
                                              spr_calloc(r->count, sizeof *networks.subjects),
                                          .count = r->count,
                                          .networks = r->count,
                                          .sample_s = SAMPLE_S,
                                          .arena = &r->validation->arena};
    if (!networks.subjects) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < r->count; i++) {
        networks.subjects[i] = (struct spr_subject){
            .run = run_entry, .context = &r->entry[i], .result = &cases[i].measured};
    }
    enum spr_status status = spr_time_networks(&networks, err);
    spr_free(networks.subjects);
    for (size_t i = 0; i < r->count && status == SPR_OK; i++) {
        const struct spr_convnet *net = &r->entry[i].net;
        if (spr_bits(net->output, (size_t)(net->shape.classes * net->shape.batch)) !=
            r->entry[i].bits) {
            return spr_fail(err, SPR_EWRONG,
                            "wrong result: the output of %s changed while it was timed",
                            cases[i].variant);
        }
        measure_parts(&r->entry[i], &cases[i]);
    }
    return status;
}

static void judge(const struct spr_convnet_trial *r, struct spr_end_to_end_case *cases)
{
    for (size_t i = 0; i < r->count; i++) {
        struct spr_end_to_end_case *c = &cases[i];
        c->error = c->expected_s / c->measured.time_s - 1;
        c->inconclusive = c->measured.doubt != SPR_DOUBT_NONE;
        c->amdahl_ceiling = (double)NAN;
        c->expected_speedup = i ? cases[0].expected_s / c->expected_s : (double)NAN;
        c->measured_speedup = i ? cases[0].measured.time_s / c->measured.time_s : (double)NAN;
        c->speedup_error = c->expected_speedup / c->measured_speedup - 1;
    }
}

/* --- The run. */

/* The names of the parts, in the arena. */
static enum spr_status name_parts(struct spr_convnet_trial *r, struct spr_error *err)
{
    struct spr_arena *arena = &r->validation->arena;
    const char **names = spr_arena_alloc(arena, SPR_CONV_PARTS * sizeof *names);
    for (int p = 0; p < SPR_CONV_PARTS && names; p++) {
        const char *name = r->source.network->layers[r->source.row[p]].name;
        names[p] = spr_arena_text(arena, name, strlen(name));
        if (!names[p]) {
            return spr_no_memory(err);
        }
    }
    r->validation->part_names = names;
    return names ? SPR_OK : spr_no_memory(err);
}

static enum spr_status name_case(struct spr_convnet_trial *r,
                                 const struct spr_variant *variant, bool winners,
                                 struct spr_end_to_end_case *out, struct spr_error *err)
{
    static const char behind[] = " winners";
    const char *name = variant ? variant->name : "dense";
    const size_t length = strlen(name);
    char *text = spr_arena_alloc(&r->validation->arena, length + sizeof behind);
    if (!text) {
        return spr_no_memory(err);
    }
    memcpy(text, name, length + 1);
    if (winners) {
        memcpy(text + length, behind, sizeof behind);
    }
    *out = (struct spr_end_to_end_case){.variant = text,
                                        .pattern =
                                            variant ? variant->pattern : spr_pattern_dense(),
                                        .sparsity = variant ? variant->sparsity : 0};
    return SPR_OK;
}

static enum spr_status run_all(struct spr_convnet_trial *r, struct spr_error *err)
{
    struct spr_validation *v = r->validation;
    struct spr_end_to_end_case *cases = spr_arena_alloc(&v->arena, r->count * sizeof *cases);
    SPR_TRY(make_input(r, err));
    SPR_TRY(name_parts(r, err));
    r->entry = spr_calloc(r->count, sizeof *r->entry);
    if (!cases || !r->entry) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct spr_variant *variant =
            i ? &r->source.network->variants[(i - 1) / 2] : NULL;
        const bool winners = i > 0 && i % 2 == 0;
        SPR_TRY(name_case(r, variant, winners, &cases[i], err));
        SPR_TRY(make_entry(r, &r->entry[i], variant, winners, &cases[i].max_error_ratio, err));
        cases[i].weight_bytes = r->entry[i].weight_bytes;
        spr_convnet_predict(r, &r->entry[i], &cases[i]);
    }
    SPR_TRY(time_entries(r, cases, err));
    judge(r, cases);
    v->end_to_end = cases;
    v->end_to_end_count = r->count;
    v->tokens = r->source.shape.batch;
    v->pool_after = r->options->pool_after;
    return SPR_OK;
}

/* NAN under a clock of the caller's, by which no loop can be timed. */
static double fma_rate(const struct spr_validate_options *o)
{
    return o->clock_s ? (double)NAN : spr_fma_rate(o->isa, o->threads, spr_cpu_clock_s);
}

static enum spr_status start(struct spr_convnet_trial *r, const struct spr_network *network,
                             struct spr_error *err)
{
    const struct spr_validate_options *o = r->options;
    if (o->threads != 1) {
        return spr_fail(err, SPR_EINPUT, "end to end: %d threads: this network runs on one",
                        o->threads);
    }
    if (!(o->batch >= 1) || o->batch > 4096 || o->batch != floor(o->batch)) {
        return spr_fail(err, SPR_EINPUT,
                        "end to end: a batch of %g: expected a whole number up to 4096",
                        o->batch);
    }
    if (r->count > SPR_BENCH_SUBJECTS_MAX) {
        return spr_fail(err, SPR_EINPUT, "end to end: %zu variants: expected at most %d",
                        network->variant_count, (SPR_BENCH_SUBJECTS_MAX - 1) / 2);
    }
    return spr_convnet_source_make(network, (int64_t)o->batch, o->seed, &r->source, err);
}

enum spr_status spr_convnet_end_to_end(const struct spr_network *network,
                                       struct spr_machine *machine,
                                       const struct spr_validate_options *o,
                                       struct spr_validation *validation,
                                       struct spr_notes *notes, struct spr_error *err)
{
    *validation = (struct spr_validation){.seed = o->seed,
                                          .machine = *machine,
                                          .drift = (double)NAN,
                                          .transfer_s = (double)NAN,
                                          .peak_flops_per_s = (double)NAN};
    *machine = (struct spr_machine){0};
    struct spr_convnet_trial r = {.machine = &validation->machine,
                                  .options = o,
                                  .validation = validation,
                                  .count = 2 * network->variant_count + 1,
                                  .clock_s = o->clock_s ? o->clock_s : spr_cpu_clock_s};
    enum spr_status status = start(&r, network, err);
    if (status == SPR_OK) {
        spr_host_note_state(notes);
        const double before = fma_rate(o);
        status = run_all(&r, err);
        const double after = fma_rate(o);
        validation->peak_flops_per_s = fmax(before, after);
        validation->drift = after / before - 1;
    }
    for (size_t i = 0; i < r.count && r.entry; i++) {
        spr_convnet_free(&r.entry[i].net);
    }
    spr_free(r.entry);
    spr_free(r.input);
    spr_convnet_source_free(&r.source);
    if (status != SPR_OK) {
        spr_validation_free(validation);
    }
    return status;
}
