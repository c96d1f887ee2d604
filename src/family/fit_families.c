/* SPDX-License-Identifier: Apache-2.0 */
/* All families of a table of times: folds, groups, speedups. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/emit.h"
#include "base/mem.h"
#include "base/random.h"
#include "family/fit_group.h"
#include "machine/machine_json.h"

#define FOLDS 5
#define APART 1.1 /* two times that differ by more have a faster one */

/* Deals distinct m x k to the folds, in an order that is the same every time. */
static enum spr_status deal_folds(struct spr_fitting *c)
{
    const size_t count = c->products->count;
    struct spr_product **sorted = spr_calloc(count, sizeof *sorted);
    size_t *deal = spr_calloc(count, sizeof *deal);
    if (!sorted || !deal) {
        spr_free(sorted);
        spr_free(deal);
        return spr_no_memory(c->err);
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &c->products->rows[i];
    }
    qsort(sorted, count, sizeof(struct spr_product *), spr_product_by_pair);
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        pairs += i == 0 || spr_product_by_pair(&sorted[i - 1], &sorted[i]) != 0;
    }
    c->folds = pairs < FOLDS ? pairs : FOLDS;
    for (size_t i = 0; i < pairs; i++) {
        deal[i] = i % c->folds;
    }
    uint64_t state = 1;
    for (size_t i = pairs - 1; i > 0; i--) {
        const size_t other = (size_t)(spr_random_unit(&state) * (double)(i + 1));
        const size_t kept = deal[i];
        deal[i] = deal[other];
        deal[other] = kept;
    }
    size_t pair = 0;
    for (size_t i = 0; i < count; i++) {
        pair += i > 0 && spr_product_by_pair(&sorted[i - 1], &sorted[i]) != 0;
        c->fold[sorted[i] - c->products->rows] = deal[pair];
    }
    spr_free(sorted);
    spr_free(deal);
    return SPR_OK;
}

static enum spr_status add_family(struct spr_fitting *c, size_t first)
{
    const struct spr_product *row = &c->products->rows[first];
    struct spr_fitted *fitted = &c->out->fitted[c->out->count];
    struct spr_group group;
    *fitted = (struct spr_fitted){
        .family = {.pattern = row->pattern,
                   .dtypes = 1u << row->dtype,
                   .residency = row->residency,
                   .kind = "measured",
                   .name = spr_arena_text(&c->out->arena, row->kernel, strlen(row->kernel))},
        .speedup_within_15 = (double)NAN,
        .faster = (double)NAN};
    if (!fitted->family.name) {
        return spr_no_memory(c->err);
    }
    SPR_TRY(spr_group_gather(c, first, &group));
    fitted->rows = group.count;
    fitted->pairs = group.pairs;
    fitted->family.products = (double)group.count;
    c->out->count++;
    enum spr_status status = spr_fit_group(c, &group, fitted);
    spr_group_free(&group);
    return status;
}

/* Speedups over dense products by held-out times of both. */
static void judge_speedups(const struct spr_products *products, struct spr_fitted *fitted,
                           const struct spr_product *first)
{
    size_t near = 0, count = 0, right = 0, apart = 0;
    for (size_t i = 0; i < products->count; i++) {
        const struct spr_product *row = &products->rows[i];
        const struct spr_product *dense =
            spr_products_same_family(row, first) ? spr_products_dense(products, row) : NULL;
        if (!dense || isnan(row->held_out_s) || isnan(dense->held_out_s)) {
            continue;
        }
        const double measured = dense->time_s / row->time_s;
        const double expected = dense->held_out_s / row->held_out_s;
        count++;
        near += fabs(expected / measured - 1) <= SPR_NEAR;
        if (measured > APART || measured < 1 / APART) {
            apart++;
            right += (expected > 1) == (measured > 1);
        }
    }
    fitted->speedup_within_15 = count ? (double)near / (double)count : (double)NAN;
    fitted->faster = apart ? (double)right / (double)apart : (double)NAN;
    fitted->faster_cases = (double)apart;
}

static bool is_first(const struct spr_products *products, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (spr_products_same_family(&products->rows[i], &products->rows[index])) {
            return false;
        }
    }
    return true;
}

/* f16 and bf16 products of a kernel take the same time within a few per cent: either stands for the
 * other where that was not measured. */
static void lend_to_sibling(struct spr_family_fits *out)
{
    const unsigned both = 1u << SPR_F16 | 1u << SPR_BF16;
    for (size_t i = 0; i < out->count; i++) {
        struct spr_family *family = &out->fitted[i].family;
        bool alone = (family->dtypes & both) != 0;
        for (size_t other = 0; other < out->count && alone; other++) {
            const struct spr_family *o = &out->fitted[other].family;
            alone = other == i || !(o->dtypes & both) || o->residency != family->residency ||
                    strcmp(o->name, family->name) != 0 ||
                    !spr_pattern_equal(&o->pattern, &family->pattern);
        }
        family->dtypes |= alone ? both : 0;
    }
}

static enum spr_status fit_families(struct spr_fitting *c)
{
    const struct spr_products *products = c->products;
    SPR_TRY(deal_folds(c));
    for (size_t i = 0; i < products->count; i++) {
        if (!is_first(products, i)) {
            continue;
        }
        if (c->out->count == SPR_FAMILIES_MAX) {
            return spr_fail(c->err, SPR_EINPUT,
                            "%s:%zu: expected at most %d families: kernels, patterns, dtypes "
                            "and residencies",
                            products->path, products->rows[i].line, SPR_FAMILIES_MAX);
        }
        SPR_TRY(add_family(c, i));
    }
    size_t family = 0;
    for (size_t i = 0; i < products->count; i++) {
        if (is_first(products, i)) {
            judge_speedups(products, &c->out->fitted[family++], &products->rows[i]);
        }
    }
    lend_to_sibling(c->out);
    return SPR_OK;
}

enum spr_status spr_fit_families(const struct spr_machine *machine,
                                 struct spr_products *products, struct spr_family_fits *out,
                                 struct spr_error *err)
{
    *out = (struct spr_family_fits){0};
    struct spr_fitting c = {.machine = machine,
                            .products = products,
                            .out = out,
                            .fold = spr_calloc(products->count, sizeof(size_t)),
                            .err = err};
    out->fitted = spr_arena_alloc(&out->arena, SPR_FAMILIES_MAX * sizeof *out->fitted);
    enum spr_status status = c.fold && out->fitted ? fit_families(&c) : spr_no_memory(err);
    spr_free(c.fold);
    if (status != SPR_OK) {
        spr_family_fits_free(out);
    }
    return status;
}

void spr_family_fits_free(struct spr_family_fits *calibration)
{
    spr_arena_free(&calibration->arena);
    *calibration = (struct spr_family_fits){0};
}

enum spr_status spr_family_fits_write(FILE *file, const struct spr_machine *machine,
                                      const struct spr_family_fits *calibration,
                                      struct spr_error *err)
{
    struct spr_family families[SPR_FAMILIES_MAX];
    struct spr_machine with = *machine;
    struct spr_emit *out = spr_emit_new(file, 4);
    if (!out) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < calibration->count; i++) {
        families[i] = calibration->fitted[i].family;
    }
    with.families = families;
    with.family_count = calibration->count;
    with.families_from = NULL;
    with.kernels = NULL;
    with.host = false;
    spr_machine_to_json(out, NULL, &with);
    spr_emit_newline(out);
    spr_emit_end(out);
    return SPR_OK;
}
