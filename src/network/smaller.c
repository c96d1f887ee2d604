/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a variant that lower the sizes of a layer: channels, heads or layers that are gone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "network/layer_row.h"

/* The row at hand: of a layer, and what a larger size is told. */
struct shrinking {
    struct spr_csv *csv;
    const struct spr_layer *known;
    const char *whose;
};

static enum spr_status too_large(const struct shrinking *s, size_t column, const char *most)
{
    char expected[160];
    snprintf(expected, sizeof expected, "at most %s, %s %s: a variant can only shrink a layer",
             most, s->whose, s->csv->columns[column]);
    return spr_csv_bad(s->csv, column, expected);
}

/* An integer low..most; *value stays where the cell is empty. */
static enum spr_status lower_integer(const struct shrinking *s, size_t column, int64_t low,
                                     int64_t most, int64_t *value)
{
    char text[32];
    SPR_TRY(spr_csv_integer(s->csv, column, low, SPR_DIMENSION_MAX, value));
    snprintf(text, sizeof text, "%lld", (long long)most);
    return *value > most ? too_large(s, column, text) : SPR_OK;
}

static enum spr_status lower_number(const struct shrinking *s, size_t column, double low,
                                    double most, double *value)
{
    char text[32];
    double given = (double)NAN;
    SPR_TRY(spr_csv_number(s->csv, column, low, 1e300,
                           low > 0 ? "a number of elements 1..1e300" : "a number 0..1e300",
                           &given));
    if (isnan(given)) {
        return SPR_OK;
    }
    if (isnan(most)) {
        return spr_csv_bad(s->csv, column, "nothing: the layer's first row gives x_elements");
    }
    if (given > 0 && given < 1) {
        return spr_csv_bad(s->csv, column, "0, or a number 1..1e300");
    }
    snprintf(text, sizeof text, "%.17g", most);
    *value = given;
    return given > most ? too_large(s, column, text) : SPR_OK;
}

/* Inputs shrink with what reads them, unless the row says how many are left. */
static enum spr_status lower_product(const struct shrinking *s, struct spr_layer *out)
{
    const struct spr_layer *known = s->known;
    SPR_TRY(lower_integer(s, M, 1, known->m, &out->m));
    SPR_TRY(lower_integer(s, K, 1, known->k, &out->k));
    SPR_TRY(lower_integer(s, N, 1, known->n, &out->n));
    SPR_TRY(lower_integer(s, GROUPS, 1, known->groups, &out->groups));
    if (known->op == SPR_OP_DEPTHWISE && known->groups == known->m) {
        out->groups = out->m;
    }
    double before = spr_layer_inputs(known), after = spr_layer_inputs(out);
    out->x_elements =
        known->x_elements == before ? after : known->x_elements * (after / before);
    return lower_number(s, X_ELEMENTS, 1, known->x_elements, &out->x_elements);
}

static enum spr_status lower_other(const struct shrinking *s, struct spr_layer *out)
{
    const struct spr_layer *known = s->known;
    SPR_TRY(lower_number(s, FLOPS, 0, known->other_flops, &out->other_flops));
    SPR_TRY(lower_number(s, BYTES, 0, known->other_bytes, &out->other_bytes));
    SPR_TRY(lower_number(s, X_ELEMENTS, 0, known->x_elements, &out->x_elements));
    spr_layer_scale_y(known, out);
    return SPR_OK;
}

static bool same_size(const struct spr_layer *a, const struct spr_layer *b)
{
    return spr_layer_alike(a, b) && a->count == b->count && a->calls == b->calls;
}

enum spr_status spr_layer_shrink_row(struct spr_csv *csv, const struct spr_layer *known,
                                     const char *whose, struct spr_layer *out, bool *smaller)
{
    const struct shrinking s = {csv, known, whose};
    *out = *known;
    SPR_TRY(spr_layer_same_kind(csv, known));
    SPR_TRY(lower_integer(&s, COUNT, 0, known->count, &out->count));
    out->calls = known->calls < out->count ? known->calls : out->count;
    int64_t calls = known->calls < out->count ? known->calls : out->count;
    SPR_TRY(lower_integer(&s, CALLS, 0, calls, &out->calls));
    if (known->op == SPR_OP_OTHER) {
        SPR_TRY(lower_other(&s, out));
    } else {
        SPR_TRY(lower_product(&s, out));
    }
    *smaller = !same_size(known, out);
    return SPR_OK;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

bool spr_layer_alike(const struct spr_layer *a, const struct spr_layer *b)
{
    return a->op == b->op && a->m == b->m && a->k == b->k && a->n == b->n &&
           a->groups == b->groups && a->x_elements == b->x_elements &&
           a->other_flops == b->other_flops && same_number(a->other_bytes, b->other_bytes) &&
           a->y_elements == b->y_elements;
}

void spr_layer_scale_y(const struct spr_layer *known, struct spr_layer *out)
{
    double before = isnan(known->other_bytes) ? known->x_elements : known->other_bytes;
    double after = isnan(known->other_bytes) ? out->x_elements : out->other_bytes;
    out->y_elements = before > 0 ? known->y_elements * (after / before) : known->y_elements;
}

size_t spr_network_set_epilogue(struct spr_network *network, size_t index)
{
    struct spr_layer *layer = &network->layers[index];
    size_t above = index;
    layer->y_elements = 0;
    if (!layer->epilogue) {
        return SIZE_MAX;
    }
    if (above > 0 && network->layers[above - 1].epilogue) {
        above = network->layers[above - 1].product + 1;
    }
    if (above == 0 || network->layers[above - 1].op == SPR_OP_OTHER) {
        return above > 0 ? above - 1 : index;
    }
    const struct spr_layer *product = &network->layers[above - 1];
    layer->product = above - 1;
    if (product->calls > 0) {
        /* Of one call of each: heads share one, layers have their own. */
        double of_call = (double)product->count / (double)product->calls *
                         ((double)product->m * (double)product->n);
        layer->y_elements = 2 * of_call * ((double)layer->calls / (double)layer->count);
    }
    return SIZE_MAX;
}

const char *spr_change_text(const struct spr_pattern *pattern, bool smaller, char *text)
{
    char name[SPR_PATTERN_TEXT] = "mixed";
    bool dense = pattern->kind && spr_pattern_is_dense(pattern);
    if (pattern->kind) {
        spr_pattern_text(pattern, name);
    }
    snprintf(text, SPR_CHANGE_TEXT, "%s%s%s", smaller ? "smaller" : "",
             smaller && !dense ? "+" : "", smaller && dense ? "" : name);
    return text;
}
