/* SPDX-License-Identifier: Apache-2.0 */
/* All families of a table of times: groups, folds, the choice of a form. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/emit.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "family/fit.h"
#include "machine/machine_json.h"

#define FOLDS 5
#define FOLD_PAIRS 4 /* with fewer distinct m x k nothing is held out */
#define NEAR 0.15    /* of a measured time or speedup: what counts as found */
#define APART 1.1    /* two times that differ by more have a faster one */

/* Times of a pattern that are within this of dense ones, and of each other whatever the sparsity,
 * are those of a kernel that multiplies the zeros. */
#define ALIKE 0.1

struct calibrating {
    const struct spr_machine *machine;
    struct spr_products *products;
    struct spr_family_fits *out;
    size_t *fold; /* [row] */
    size_t folds;
    struct spr_error *err;
};

/* The rows of one family, in order. */
struct group {
    struct spr_product **rows;
    size_t *fold; /* [row of the group] */
    struct spr_family_case *cases;
    double *time_s, *held_out_s, *errors;
    bool *used;
    struct spr_family_view view;
    size_t count, pairs;
};

static int by_pair(const void *left, const void *right)
{
    const struct spr_product *const *a = left, *const *b = right;
    if ((*a)->m != (*b)->m) {
        return (*a)->m < (*b)->m ? -1 : 1;
    }
    return (*a)->k < (*b)->k ? -1 : (*a)->k > (*b)->k;
}

/* Deals distinct m x k to the folds, in an order that is the same every time. */
static enum spr_status deal_folds(struct calibrating *c)
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
    qsort(sorted, count, sizeof(struct spr_product *), by_pair);
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        pairs += i == 0 || by_pair(&sorted[i - 1], &sorted[i]) != 0;
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
        pair += i > 0 && by_pair(&sorted[i - 1], &sorted[i]) != 0;
        c->fold[sorted[i] - c->products->rows] = deal[pair];
    }
    spr_free(sorted);
    spr_free(deal);
    return SPR_OK;
}

static void group_free(struct group *g)
{
    spr_free(g->rows);
    spr_free(g->fold);
    spr_free(g->cases);
    spr_free(g->time_s);
    spr_free(g->used);
    *g = (struct group){0};
}

static void set_case(const struct spr_product *row, struct spr_family_case *of)
{
    const struct spr_shape shape = {row->m, row->k, 1};
    const double mkn[3] = {(double)row->m, (double)row->k, (double)row->n};
    const double size = spr_dtype_bytes(row->dtype);
    /* Sums of 8-bit floats leave as f16. */
    const double bytes[3] = {size, size, row->dtype == SPR_FP8 ? 2 : size};
    spr_family_case_of(&row->pattern, mkn,
                       spr_pattern_kept(&row->pattern, &shape, row->sparsity), bytes, of);
    of->residency = row->residency;
}

static enum spr_status gather(struct calibrating *c, size_t first, struct group *g)
{
    const size_t most = c->products->count;
    *g = (struct group){.rows = spr_calloc(most, sizeof *g->rows),
                        .fold = spr_calloc(most, sizeof *g->fold),
                        .cases = spr_calloc(most, sizeof *g->cases),
                        .time_s = spr_calloc(3 * most, sizeof *g->time_s),
                        .used = spr_calloc(most, sizeof *g->used)};
    if (!g->rows || !g->fold || !g->cases || !g->time_s || !g->used) {
        group_free(g);
        return spr_no_memory(c->err);
    }
    g->held_out_s = g->time_s + most;
    g->errors = g->time_s + 2 * most;
    const struct spr_product *head = &c->products->rows[first];
    g->view = spr_family_view_of(c->machine, &head->pattern, head->dtype);
    for (size_t i = first; i < most; i++) {
        struct spr_product *row = &c->products->rows[i];
        if (!spr_products_same_family(row, head)) {
            continue;
        }
        size_t same = 0;
        while (same < g->count && by_pair(&g->rows[same], &row) != 0) {
            same++;
        }
        g->pairs += same == g->count;
        set_case(row, &g->cases[g->count]);
        g->time_s[g->count] = row->time_s;
        g->fold[g->count] = c->fold[i];
        g->rows[g->count++] = row;
    }
    return SPR_OK;
}

static enum spr_status fit(struct calibrating *c, struct group *g, struct spr_family *family)
{
    struct spr_prior prior[SPR_CONSTANT_COUNT];
    const struct spr_pattern dense = spr_pattern_dense();
    const struct spr_fit_data data = {&g->view, g->cases, g->time_s, g->count};
    spr_family_priors(family->form, family->as_dense ? &dense : &family->pattern, &g->view,
                      prior);
    return spr_family_fit(&data, g->used, prior, family, c->err);
}

/* Times of every fold by the constants of the others. */
static enum spr_status hold_out(struct calibrating *c, struct group *g,
                                struct spr_family *family)
{
    for (size_t fold = 0; fold < c->folds; fold++) {
        size_t used = 0;
        for (size_t i = 0; i < g->count; i++) {
            g->used[i] = g->fold[i] != fold;
            used += g->used[i];
        }
        if (used == g->count) {
            continue;
        }
        SPR_TRY(fit(c, g, family));
        for (size_t i = 0; i < g->count; i++) {
            if (!g->used[i]) {
                g->held_out_s[i] = spr_family_time(family, &g->view, &g->cases[i], NULL);
            }
        }
    }
    return SPR_OK;
}

/* Nearest rank of the errors of held-out times. */
static double error_at(struct group *g, double share)
{
    for (size_t i = 0; i < g->count; i++) {
        g->errors[i] = fabs(g->held_out_s[i] / g->time_s[i] - 1);
    }
    spr_sort_numbers(g->errors, g->count);
    const size_t rank = (size_t)ceil(share * (double)g->count);
    return g->errors[rank ? rank - 1 : 0];
}

static enum spr_form form_of(const struct spr_family *family)
{
    if (family->as_dense) {
        return SPR_FORM_TILES;
    }
    switch (family->pattern.kind->pattern_class) {
    case SPR_CLASS_BLOCK:
        return SPR_FORM_BLOCKS;
    case SPR_CLASS_CSR:
        return SPR_FORM_ROWS;
    case SPR_CLASS_DENSE:
    case SPR_CLASS_NM:
    case SPR_CLASS_COMP:
        break;
    }
    return SPR_FORM_TILES;
}

const struct spr_product *spr_products_dense(const struct spr_products *products,
                                             const struct spr_product *row)
{
    const struct spr_product *best = NULL;
    for (size_t i = 0; i < products->count; i++) {
        const struct spr_product *other = &products->rows[i];
        if (spr_pattern_is_dense(&other->pattern) && other->m == row->m &&
            other->k == row->k && other->n == row->n && other->dtype == row->dtype &&
            other->residency == row->residency && (!best || other->time_s < best->time_s)) {
            best = other;
        }
    }
    return best;
}

/* Whether the kernel multiplies zeros like any other weight: all of its times are dense ones, at
 * two sparsities or more. */
static bool multiplies_zeros(const struct spr_products *products, const struct group *g)
{
    double least = 1, most = 0;
    for (size_t i = 0; i < g->count; i++) {
        const struct spr_product *dense = spr_products_dense(products, g->rows[i]);
        if (!dense || fabs(g->rows[i]->time_s / dense->time_s - 1) > ALIKE) {
            return false;
        }
        least = fmin(least, g->rows[i]->sparsity);
        most = fmax(most, g->rows[i]->sparsity);
    }
    return most - least > ALIKE;
}

static enum spr_status choose_form(struct calibrating *c, struct group *g,
                                   struct spr_fitted *fitted)
{
    struct spr_family *family = &fitted->family;
    double other = 0;
    family->form = SPR_FORM_ROOFLINE;
    if (g->view.flops_per_s > 0) {
        SPR_TRY(hold_out(c, g, family));
        fitted->roofline_p90 = error_at(g, 0.9);
        other = error_at(g, 0.5) + fitted->roofline_p90;
    }
    family->form = form_of(family);
    SPR_TRY(hold_out(c, g, family));
    if (other > 0 && other <= error_at(g, 0.5) + error_at(g, 0.9)) {
        family->form = SPR_FORM_ROOFLINE;
        SPR_TRY(hold_out(c, g, family));
    }
    return SPR_OK;
}

static enum spr_status fit_group(struct calibrating *c, struct group *g,
                                 struct spr_fitted *fitted)
{
    struct spr_family *family = &fitted->family;
    size_t near = 0;
    family->as_dense = multiplies_zeros(c->products, g);
    family->form = form_of(family);
    family->median_error = family->p90_error = (double)NAN;
    fitted->within_15 = fitted->roofline_p90 = (double)NAN;
    if (g->view.flops_per_s <= 0 && form_of(family) != SPR_FORM_ROWS) {
        char pattern[SPR_PATTERN_TEXT];
        return spr_fail(c->err, SPR_EINPUT, "%s:%zu: machine %s has no engine for %s in %s",
                        c->products->path, g->rows[0]->line, c->machine->name,
                        spr_pattern_text(&family->pattern, pattern),
                        spr_dtype_name(g->rows[0]->dtype));
    }
    if (g->pairs >= FOLD_PAIRS) {
        SPR_TRY(choose_form(c, g, fitted));
        family->median_error = error_at(g, 0.5);
        family->p90_error = error_at(g, 0.9);
        for (size_t i = 0; i < g->count; i++) {
            g->rows[i]->held_out_s = g->held_out_s[i];
            near += fabs(g->held_out_s[i] / g->time_s[i] - 1) <= NEAR;
        }
        fitted->within_15 = (double)near / (double)g->count;
    }
    for (size_t i = 0; i < g->count; i++) {
        g->used[i] = true;
    }
    SPR_TRY(fit(c, g, family));
    for (size_t i = 0; i < g->count; i++) {
        g->rows[i]->fitted_s = spr_family_time(family, &g->view, &g->cases[i], NULL);
    }
    return SPR_OK;
}

static enum spr_status add_family(struct calibrating *c, size_t first)
{
    const struct spr_product *row = &c->products->rows[first];
    struct spr_fitted *fitted = &c->out->fitted[c->out->count];
    struct group group;
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
    SPR_TRY(gather(c, first, &group));
    fitted->rows = group.count;
    fitted->pairs = group.pairs;
    fitted->family.products = (double)group.count;
    c->out->count++;
    enum spr_status status = fit_group(c, &group, fitted);
    group_free(&group);
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
        near += fabs(expected / measured - 1) <= NEAR;
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

static enum spr_status fit_families(struct calibrating *c)
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
    struct calibrating c = {.machine = machine,
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
