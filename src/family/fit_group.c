/* SPDX-License-Identifier: Apache-2.0 */
/* One family: its rows, held out fold by fold, and the form that fits them. */
#include "family/fit_group.h"

#include <math.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "family/fit.h"

#define FOLD_PAIRS 4 /* with fewer distinct m x k nothing is held out */
/* With fewer of them the simpler form must be this much better, since chance decides the rest. */
#define FORM_PAIRS 16
#define FORM_MARGIN 0.5

/* Times of a pattern that are within this of dense ones, and of each other whatever the sparsity,
 * are those of a kernel that multiplies the zeros. */
#define ALIKE 0.1
/* So many calls of time are work for the most part. */
#define WORK 3.0

int spr_product_by_pair(const void *left, const void *right)
{
    const struct spr_product *const *a = left, *const *b = right;
    if ((*a)->m != (*b)->m) {
        return (*a)->m < (*b)->m ? -1 : 1;
    }
    return (*a)->k < (*b)->k ? -1 : (*a)->k > (*b)->k;
}

void spr_group_free(struct spr_group *g)
{
    spr_free(g->rows);
    spr_free(g->fold);
    spr_free(g->cases);
    spr_free(g->time_s);
    spr_free(g->used);
    *g = (struct spr_group){0};
}

static void set_case(const struct spr_product *row, struct spr_family_case *of)
{
    const struct spr_shape shape = {row->m, row->k, 1};
    const double mkn[3] = {(double)row->m, (double)row->k, (double)row->n};
    const double size = spr_dtype_bytes(row->dtype);
    const double bytes[3] = {size, size, spr_family_y_bytes(row->dtype, size)};
    spr_family_case_of(&row->pattern, mkn,
                       spr_pattern_kept(&row->pattern, &shape, row->sparsity), bytes, of);
    of->residency = row->residency;
}

enum spr_status spr_group_gather(struct spr_fitting *c, size_t first, struct spr_group *g)
{
    const size_t most = c->products->count;
    *g = (struct spr_group){.rows = spr_calloc(most, sizeof *g->rows),
                            .fold = spr_calloc(most, sizeof *g->fold),
                            .cases = spr_calloc(most, sizeof *g->cases),
                            .time_s = spr_calloc(3 * most, sizeof *g->time_s),
                            .used = spr_calloc(most, sizeof *g->used)};
    if (!g->rows || !g->fold || !g->cases || !g->time_s || !g->used) {
        spr_group_free(g);
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
        while (same < g->count && spr_product_by_pair(&g->rows[same], &row) != 0) {
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

static enum spr_status fit(struct spr_fitting *c, struct spr_group *g,
                           struct spr_family *family)
{
    struct spr_prior prior[SPR_CONSTANT_COUNT];
    const struct spr_pattern dense = spr_pattern_dense();
    const struct spr_fit_data data = {&g->view, g->cases, g->time_s, g->count};
    spr_family_priors(family->form, family->as_dense ? &dense : &family->pattern, &g->view,
                      prior);
    return spr_family_fit(&data, g->used, prior, family, c->err);
}

/* Times of every fold by the constants of the others. */
static enum spr_status hold_out(struct spr_fitting *c, struct spr_group *g,
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
static double error_at(struct spr_group *g, double share)
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

/* The shortest time of the dense products of a dtype, which is little more than a call. */
static double shortest(const struct spr_products *products, enum spr_dtype dtype)
{
    double time_s = HUGE_VAL;
    for (size_t i = 0; i < products->count; i++) {
        const struct spr_product *row = &products->rows[i];
        if (row->dtype == dtype && spr_pattern_is_dense(&row->pattern)) {
            time_s = fmin(time_s, row->time_s);
        }
    }
    return time_s;
}

/* Whether the kernel multiplies zeros like any other weight: all of its times are dense ones, and
 * where they are more than a call, they are so at two sparsities or more. */
static bool multiplies_zeros(const struct spr_products *products, const struct spr_group *g)
{
    const double call_s = shortest(products, g->rows[0]->dtype);
    double least = 1, most = 0;
    for (size_t i = 0; i < g->count; i++) {
        const struct spr_product *dense = spr_products_dense(products, g->rows[i]);
        if (!dense || fabs(g->rows[i]->time_s / dense->time_s - 1) > ALIKE) {
            return false;
        }
        if (dense->time_s > WORK * call_s) {
            least = fmin(least, g->rows[i]->sparsity);
            most = fmax(most, g->rows[i]->sparsity);
        }
    }
    return most - least > ALIKE;
}

static enum spr_status choose_form(struct spr_fitting *c, struct spr_group *g,
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
    const double share = g->pairs < FORM_PAIRS ? FORM_MARGIN : 1;
    if (other > 0 && other <= share * (error_at(g, 0.5) + error_at(g, 0.9))) {
        family->form = SPR_FORM_ROOFLINE;
        SPR_TRY(hold_out(c, g, family));
    }
    return SPR_OK;
}

enum spr_status spr_fit_group(struct spr_fitting *c, struct spr_group *g,
                              struct spr_fitted *fitted)
{
    struct spr_family *family = &fitted->family;
    size_t near = 0;
    family->as_dense = multiplies_zeros(c->products, g);
    if (family->as_dense) {
        const struct spr_pattern dense = spr_pattern_dense();
        g->view = spr_family_view_of(c->machine, &dense, g->rows[0]->dtype);
    }
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
            near += fabs(g->held_out_s[i] / g->time_s[i] - 1) <= SPR_NEAR;
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
