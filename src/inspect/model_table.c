/* SPDX-License-Identifier: Apache-2.0 */
/* Inspected weights as a layer table. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "sproof/inspect.h"

/* RFC 4180. */
static void put_text(FILE *file, const char *text)
{
    if (!strpbrk(text, ",\"\r\n") && text[0] != '#' && text[0] != ' ') {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++) {
        fputc(*text, file);
        if (*text == '"') {
            fputc('"', file);
        }
    }
    fputc('"', file);
}

static void put_base(FILE *file, const struct spr_weight *w, bool variants)
{
    put_text(file, w->layer);
    fprintf(file, ",%s,", spr_op_name(w->op));
    if (w->op == SPR_OP_OTHER) {
        fprintf(file, ",,,%lld,%lld,0,%.17g,%.17g", (long long)w->count, (long long)w->groups,
                w->x_elements, w->other_flops);
    } else {
        fprintf(file, "%lld,%lld,%lld,%lld,%lld,%d,", (long long)w->m, (long long)w->k,
                (long long)w->n, (long long)w->count, (long long)w->groups, w->prunable);
        if (!isnan(w->x_elements)) {
            fprintf(file, "%.17g", w->x_elements);
        }
        fputc(',', file);
    }
    fputs(variants ? ",,,,,,\n" : "\n", file);
}

static void put_choice(FILE *file, const struct spr_inspected *l, const char *variant,
                       const char *pattern, double sparsity)
{
    const struct spr_weight *w = l->weight;
    put_text(file, w->layer);
    fprintf(file, ",%s,%lld,%lld,%lld,%lld,%lld,%d,", spr_op_name(w->op), (long long)w->m,
            (long long)w->k, (long long)w->n, (long long)w->count, (long long)w->groups,
            w->prunable);
    if (!isnan(w->x_elements)) {
        fprintf(file, "%.17g", w->x_elements);
    }
    fputs(",,", file);
    put_text(file, variant);
    fprintf(file, ",%s,%.12g,%.17g,%.17g,%.17g\n", pattern, sparsity, l->nnz,
            l->touched_columns, l->longest_row);
}

static bool has_zeros(const struct spr_inspected *l)
{
    return l->weight->prunable && !l->weight->left_out && !l->weight->idle &&
           l->nnz < (double)l->weight->m * (double)l->weight->k;
}

/* Whether a layer can stand under a pattern with the zeros it has: one with more zeros than
 * N:M or comp:P asks for can, and pays for places it does not use. */
static bool stands_under(const struct spr_inspected *l, size_t p)
{
    return l->occupancy[p].fits && l->occupancy[p].legal;
}

/* One variant of all layers that have zeros. */
static void put_variant(FILE *file, const struct spr_inspection *in, size_t p,
                        const char *variant, struct spr_notes *notes)
{
    char text[SPR_PATTERN_TEXT];
    size_t left = 0;
    spr_pattern_text(&in->patterns[p], text);
    for (size_t i = 0; i < in->layer_count; i++) {
        const struct spr_inspected *l = &in->layer[i];
        if (!has_zeros(l)) {
            continue;
        }
        if (!stands_under(l, p)) {
            left++;
            continue;
        }
        double fixed = spr_pattern_fixed_sparsity(&in->patterns[p]);
        put_choice(file, l, variant ? variant : text, text,
                   isnan(fixed) ? spr_occupancy_sparsity(l, p) : fixed);
    }
    if (left > 0) {
        spr_note(notes,
                 "%s: %zu layer%s with zeros %s not of this pattern and %s dense in the table",
                 text, left, left == 1 ? "" : "s", left == 1 ? "is" : "are",
                 left == 1 ? "stays" : "stay");
    }
}

/* A layer may be stored by its detected pattern only when that was counted; single weights
 * always can. */
static void put_detected(FILE *file, const struct spr_inspection *in)
{
    for (size_t i = 0; i < in->layer_count; i++) {
        const struct spr_inspected *l = &in->layer[i];
        const struct spr_weight *w = l->weight;
        double sparsity = 1 - l->nnz / ((double)w->m * (double)w->k);
        const char *pattern = "csr";
        char text[SPR_PATTERN_TEXT];
        for (size_t p = 0; p < in->pattern_count; p++) {
            if (spr_pattern_equal(&in->patterns[p], &l->detected) && stands_under(l, p)) {
                double fixed = spr_pattern_fixed_sparsity(&in->patterns[p]);
                pattern = spr_pattern_text(&in->patterns[p], text);
                sparsity = isnan(fixed) ? spr_occupancy_sparsity(l, p) : fixed;
            }
        }
        if (has_zeros(l) && !spr_pattern_is_dense(&l->detected)) {
            put_choice(file, l, "detected", pattern, sparsity);
        }
    }
}

enum spr_status spr_inspection_write_model(FILE *file, const struct spr_inspection *inspection,
                                           const struct spr_model_table *table,
                                           struct spr_notes *notes, struct spr_error *err)
{
    const struct spr_inspection *in = inspection;
    bool variants = false;
    enum spr_status status = spr_weights_check_n(in->weights, err);
    for (size_t i = 0; i < in->layer_count; i++) {
        variants = variants ||
                   (has_zeros(&in->layer[i]) && !spr_pattern_is_dense(&in->layer[i].detected));
    }
    if (status != SPR_OK) {
        return status;
    }
    const struct spr_account account = spr_weights_account(in->weights);
    char left_out[SPR_LEFT_OUT_TEXT];
    if (spr_left_out_share(&account) > SPR_LEFT_OUT_SHARE) {
        fprintf(file, "# left out: %s\n", spr_left_out_text(in->weights, left_out));
    }
    fputs("layer,op,m,k,n,count,groups,prunable,x_elements,flops", file);
    fputs(variants ? ",variant,pattern,sparsity,nnz,touched_columns,longest_row\n" : "\n",
          file);
    for (size_t i = 0; i < in->weights->weight_count; i++) {
        if (!in->weights->weight[i].left_out && !in->weights->weight[i].idle) {
            put_base(file, &in->weights->weight[i], variants);
        }
    }
    if (variants && !table->variant && table->listed == 0) {
        put_detected(file, in);
    }
    size_t listed = table->variant ? 1 : table->listed;
    for (size_t p = 0; variants && p < listed; p++) {
        put_variant(file, in, p, table->variant, notes);
    }
    return SPR_OK;
}
