/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sproof/explain.h"
#include "sproof/record.h"

/* An unlinked file reached through its descriptor: nothing is left behind, and processes
 * that fuzz side by side do not meet. */
struct scratch {
    int descriptor;
    char path[32];
};

static void scratch_fill(struct scratch *scratch, const void *data, size_t size)
{
    if (scratch->path[0] == '\0') {
        char name[] = "/dev/shm/sproof-fuzz-XXXXXX", other[] = "/tmp/sproof-fuzz-XXXXXX";
        scratch->descriptor = mkstemp(name);
        if (scratch->descriptor >= 0) {
            unlink(name);
        } else {
            scratch->descriptor = mkstemp(other);
            unlink(other);
        }
        snprintf(scratch->path, sizeof scratch->path, "/dev/fd/%d", scratch->descriptor);
    }
    if (ftruncate(scratch->descriptor, 0) != 0 ||
        pwrite(scratch->descriptor, data, size, 0) != (ssize_t)size) {
        perror("scratch file");
        exit(99);
    }
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static struct scratch input;
    scratch_fill(&input, data, size);
    return input.path;
}

void fuzz_require(bool holds, const char *law)
{
    if (!holds) {
        fprintf(stderr, "broken law: %s\n", law);
        abort();
    }
}

static struct spr_number interval(double value)
{
    return (struct spr_number){value, value * 0.9, value * 1.1, "declared", "test", NULL};
}

static struct spr_pattern pattern(const char *text)
{
    struct spr_pattern parsed = {0};
    fuzz_require(spr_pattern_parse(text, &parsed, NULL) == SPR_OK, "patterns are known");
    return parsed;
}

struct spr_machine fuzz_machine(void)
{
    struct spr_machine machine = {.name = "small", .default_dtype = SPR_F32};
    unsigned dtypes = 1u << SPR_F32 | 1u << SPR_F16;
    machine.engines[0] = (struct spr_engine){.name = "tensor",
                                             .dtypes = dtypes,
                                             .flops_per_s = interval(64e9),
                                             .tile_rows = 8,
                                             .accept_count = 2};
    machine.engines[0].accepts[0].form = SPR_ACCEPT_CLASS;
    machine.engines[0].accepts[0].pattern_class = SPR_CLASS_DENSE;
    machine.engines[0].accepts[1].form = SPR_ACCEPT_CLASS;
    machine.engines[0].accepts[1].pattern_class = SPR_CLASS_BLOCK;
    machine.engines[1] = (struct spr_engine){.name = "sparse-tensor",
                                             .dtypes = dtypes,
                                             .flops_per_s = interval(64e9),
                                             .tile_rows = 1,
                                             .accept_count = 2};
    machine.engines[1].accepts[0] =
        (struct spr_accept){.form = SPR_ACCEPT_PATTERN, .pattern = pattern("2:4")};
    machine.engines[1].accepts[1] = (struct spr_accept){
        .form = SPR_ACCEPT_PATTERN, .pattern = pattern("1:4"), .as = pattern("2:4")};
    machine.engines[2] = (struct spr_engine){.name = "simt",
                                             .dtypes = dtypes,
                                             .flops_per_s = interval(4e9),
                                             .tile_rows = 1,
                                             .accept_count = 1};
    machine.engine_count = 3;
    machine.memory[0] = (struct spr_memory){
        .level = "L2", .shared = true, .bytes = interval(65536), .bytes_per_s = interval(8e9)};
    machine.memory[1] = (struct spr_memory){.level = "DRAM", .bytes_per_s = interval(1e9)};
    machine.memory[1].bytes.value = (double)NAN;
    machine.memory_count = 2;
    machine.overhead_s = interval(1e-6);
    return machine;
}

struct spr_network fuzz_network(void)
{
    static const char table[] = "layer,m,k,n,op,count,groups,flops,bytes,accuracy\n"
                                "fc,30,17,5,linear,3,,,,0.9\n"
                                "conv,12,9,49,conv,1,3,,,\n"
                                "softmax,,,,other,1,,100,400,\n";
    struct scratch file = {0};
    struct spr_network network;
    scratch_fill(&file, table, sizeof table - 1);
    fuzz_require(spr_network_read(file.path, &network, NULL, NULL) == SPR_OK,
                 "the small network is readable");
    close(file.descriptor);
    return network;
}

void fuzz_add_grid(struct spr_network *network)
{
    static const char *const texts[] = {"dense", "csr", "csr16",   "4x4", "1x7",   "32x1",
                                        "2:4",   "1:4", "bitmask", "ell", "comp:3"};
    static const double sparsities[] = {0, 0.5, 0.97, 1};
    struct spr_pattern patterns[sizeof texts / sizeof *texts];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        patterns[i] = pattern(texts[i]);
    }
    struct spr_grid grid = {patterns, sizeof patterns / sizeof *patterns, sparsities, 4};
    (void)spr_network_add_grid(network, &grid, NULL);
}

#define SLACK (1 + 1e-9)

static bool finite_times(const struct spr_result *result)
{
    return isfinite(result->time_s) && isfinite(result->dense_time_s) && result->time_s > 0;
}

static void check_result(const struct spr_analysis *analysis, const struct spr_result *result)
{
    struct spr_waterfall waterfall;
    char text[SPR_REASON_TEXT];
    spr_explain_waterfall(analysis, result, NULL, &waterfall);
    for (size_t i = 0; i < waterfall.count; i++) {
        (void)spr_step_remedy(analysis, result, &waterfall.steps[i], text);
    }
    (void)spr_explain_limit(analysis, result, text);
    for (size_t i = 0; i < analysis->network->layer_count; i++) {
        double even = result->layers[i].break_even_sparsity;
        fuzz_require(isnan(even) || (even >= 0 && even <= 1), "break-even is a fraction");
        (void)spr_explain_layer(analysis, result, i, text);
        fuzz_require(strlen(text) < SPR_REASON_TEXT, "a reason fits its buffer");
    }
    if (!finite_times(result)) {
        return;
    }
    fuzz_require(result->speedup > 0, "a speedup is above 0");
    fuzz_require(result->speedup_mixed * SLACK >= 1, "mixed is never slower than dense");
    fuzz_require(result->speedup_mixed * SLACK >= result->speedup,
                 "mixed is never slower than the pattern");
    fuzz_require(isnan(result->activation_ceiling) ||
                     result->speedup <= result->activation_ceiling * SLACK,
                 "the activation ceiling holds");
    fuzz_require(isnan(result->amdahl_ceiling) ||
                     result->speedup <= result->amdahl_ceiling * SLACK,
                 "Amdahl's ceiling holds");
    fuzz_require(result->speedup_low <= result->speedup &&
                     result->speedup_high >= result->speedup,
                 "the interval holds its value");
    fuzz_require(fabs(waterfall.speedup - result->speedup) <= 1e-6 * result->speedup,
                 "the waterfall ends at the speedup");
}

/* What was analyzed can be written, and what was written can be read. */
static void check_record(const struct spr_analysis *analysis)
{
    static const struct spr_record_form form = {0};
    static struct scratch scratch;
    struct spr_record_head head = {.command = "fuzz", .created = "2026-01-01T00:00:00Z"};
    struct spr_record record;
    struct spr_error err = {0};
    scratch_fill(&scratch, "", 0);
    FILE *file = fopen(scratch.path, "wb");
    fuzz_require(file != NULL, "the scratch file opens");
    fuzz_require(spr_record_write(file, analysis, &head, &form, NULL) == SPR_OK,
                 "records are written");
    fuzz_require(fclose(file) == 0, "records are written whole");
    if (spr_record_read(scratch.path, &record, &err) != SPR_OK) {
        fprintf(stderr, "%s\n", err.text);
        fuzz_require(false, "a record that was written can be read");
    }
    fuzz_require(record.network.layer_count == analysis->network->layer_count &&
                     record.network.variant_count == analysis->network->variant_count,
                 "a record keeps its layers and variants");
    spr_record_free(&record);
}

void fuzz_analyze(struct spr_network *network, const struct spr_machine *machine,
                  const struct spr_options *options)
{
    struct spr_analysis analysis;
    bool finite = true;
    if (network->layer_count > FUZZ_LAYERS_MAX ||
        network->variant_count * options->batch_count > FUZZ_RESULTS_MAX ||
        spr_analyze(network, machine, options, &analysis, NULL) != SPR_OK) {
        return;
    }
    for (size_t i = 0; i < analysis.result_count; i++) {
        check_result(&analysis, &analysis.results[i]);
        finite = finite && finite_times(&analysis.results[i]);
    }
    for (size_t b = 0; b < options->batch_count; b++) {
        (void)spr_analysis_recommend(&analysis, b);
    }
    if (finite && analysis.result_count > 0) {
        check_record(&analysis);
    }
    spr_analysis_free(&analysis);
}
