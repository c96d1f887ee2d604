/* SPDX-License-Identifier: Apache-2.0 */
/* validate --mask-dir. The first piece of the input is a line of patterns and a layer table, each
 * other one a mask: a line with its file's name, then its bytes. Kernels run on what was read and
 * must be right; a mask that is written is read as the same. No clock is looked at. */
#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sproof/inspect.h"
#include "sproof/schedule.h"
#include "sproof/validate.h"

#define LAYERS_MAX 4
#define WORK_MAX 65536.0
#define PATTERNS_MAX 4

static double now_s;

static double clock_s(void)
{
    return now_s += 1e-3;
}

/* A call is as long as a sample has to be. */
static void run(const struct spr_packed *packed, const float *x, float *y)
{
    spr_kernel_run(packed, x, y);
    now_s += 10e-3;
}

static void write_again(const char *path)
{
    struct spr_matrix matrix, again;
    if (spr_matrix_read_smtx(path, 1, &matrix, NULL) != SPR_OK) {
        return;
    }
    struct spr_weight weight = {
        .m = matrix.m, .k = matrix.k, .storage = SPR_STORAGE_MATRIX, .matrix = matrix};
    const struct spr_inspected layer = {.weight = &weight, .nnz = (double)matrix.nnz};
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    fuzz_require(file && spr_mask_write(file, &layer, NULL) == SPR_OK, "masks are written");
    fclose(file);
    fuzz_require(spr_matrix_read_smtx(fuzz_file((const uint8_t *)text, size), 1, &again,
                                      NULL) == SPR_OK,
                 "a mask that was written can be read");
    fuzz_require(again.m == matrix.m && again.k == matrix.k && again.nnz == matrix.nnz,
                 "a mask keeps its shape");
    for (size_t i = 0; i < matrix.nnz; i++) {
        fuzz_require(again.column[i] == matrix.column[i], "a mask keeps its columns");
    }
    free(text);
    spr_matrix_free(&matrix);
    spr_matrix_free(&again);
}

static size_t read_patterns(char *line, struct spr_pattern *patterns)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *p = strtok_r(line, ",", &rest); p && count < PATTERNS_MAX;
         p = strtok_r(NULL, ",", &rest)) {
        count += spr_pattern_parse(p, &patterns[count], NULL) == SPR_OK;
    }
    return count;
}

static bool is_small(const struct spr_network *network)
{
    bool small = network->layer_count <= LAYERS_MAX;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct spr_layer *layer = &network->layers[i];
        small =
            small && (double)layer->m * (double)layer->k * (double)(layer->n + 1) <= WORK_MAX;
    }
    return small;
}

static void validate(const struct spr_network *network, const struct spr_pattern *patterns,
                     size_t pattern_count)
{
    struct spr_machine machine = fuzz_machine();
    struct spr_validation validation;
    struct spr_error err = {0};
    const struct spr_validate_options options = {
        .seed = 1,
        .isa = spr_isa_best(),
        .threads = 1,
        .layout = network->layer_count % 2 ? SPR_LAYOUT_KN : SPR_LAYOUT_NK,
        .residency = SPR_RESIDENCY_WARM,
        .batch = 1,
        .budget_s = (double)NAN,
        .case_budget_s = 1e-3,
        .mask_directory = fuzz_folder(),
        .patterns = patterns,
        .pattern_count = pattern_count,
        .clock_s = clock_s,
        .kernel_run = run,
        .own_dense_only = true};
    const enum spr_status status =
        spr_validate(network, &machine, &options, &validation, &err);
    if (status != SPR_OK) {
        fuzz_check_error(&err);
        fprintf(stderr, "%s", status == SPR_EWRONG ? err.text : "");
        fuzz_require(status != SPR_EWRONG, "the product of a mask is right");
    }
    for (size_t i = 0; status == SPR_OK && i < validation.case_count; i++) {
        const struct spr_validation_case *c = &validation.cases[i];
        fuzz_require(!c->real_mask || (c->sparsity >= 0 && c->sparsity <= 1),
                     "the sparsity of a mask is a share");
    }
    spr_validation_free(&validation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_piece rest = {data, size}, table, mask;
    struct spr_pattern patterns[PATTERNS_MAX];
    struct spr_network network;
    char line[128], path[1024];
    fuzz_empty_folder();
    if (!fuzz_next(&rest, &table)) {
        return 0;
    }
    fuzz_line(&table, line, sizeof line);
    const size_t count = read_patterns(line, patterns);
    while (fuzz_next(&rest, &mask)) {
        fuzz_line(&mask, line, sizeof line);
        if (!strchr(line, '/') && fuzz_write(line, mask.bytes, mask.size)) {
            snprintf(path, sizeof path, "%s/%s", fuzz_folder(), line);
            write_again(path);
        }
    }
    if (spr_network_read(fuzz_file(table.bytes, table.size), &network, NULL, NULL) == SPR_OK) {
        if (is_small(&network)) {
            validate(&network, patterns, count);
        }
        spr_network_free(&network);
    }
    return 0;
}
