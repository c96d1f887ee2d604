/* SPDX-License-Identifier: Apache-2.0 */
/* The cells of one row of a layer table: the layer, and how a variant prunes it. */
#ifndef SPROOF_NETWORK_LAYER_ROW_H
#define SPROOF_NETWORK_LAYER_ROW_H

#include "base/csv.h"
#include "sproof/layer.h"

/* Columns of a layer table, in the order of the names in layer.c. */
enum column {
    LAYER,
    M,
    K,
    N,
    OP,
    COUNT,
    GROUPS,
    PRUNABLE,
    X_ELEMENTS,
    FLOPS,
    BYTES,
    VARIANT,
    PATTERN,
    SPARSITY,
    NNZ,
    TOUCHED_COLUMNS,
    LONGEST_ROW,
    ACTIVATION_SPARSITY,
    ACCURACY,
    CALLS,
    EPILOGUE,
    ACTIVATION_SPARSITY_SPREAD, /* for people; not read */
};

/* The layer as this row alone describes it; its name is left to the caller. */
enum spr_status spr_layer_read_row(struct spr_csv *csv, struct spr_layer *layer);

/* Distinct input elements where the table does not say. */
double spr_layer_inputs(const struct spr_layer *layer);

/* A further row of a known layer: cells may be empty, what is given must agree. */
enum spr_status spr_layer_check_row(struct spr_csv *csv, const struct spr_layer *known);

/* A variant's row of a known layer, which may lower its sizes: *out the layer as the variant has
 * it. whose: "the base row's". Returns false in *smaller where nothing differs. */
enum spr_status spr_layer_shrink_row(struct spr_csv *csv, const struct spr_layer *known,
                                     const char *whose, struct spr_layer *out, bool *smaller);

/* What of a further row must be as in the first: the operator, prunable, epilogue. */
enum spr_status spr_layer_same_kind(struct spr_csv *csv, const struct spr_layer *known);

/* Sets pattern and sparsity of all variants from their choices. */
void spr_summarize_variants(struct spr_network *network);

/* The cells that say how a variant prunes the layer, into *choice, whose pattern is set.
 * Warnings (oversized blocks) go to the table's notes. */
enum spr_status spr_choice_read_row(struct spr_csv *csv, const struct spr_layer *layer,
                                    struct spr_choice *choice);

#endif
