/* SPDX-License-Identifier: Apache-2.0 */
/* What dense and pruned operators share of the model. */
#ifndef SPROOF_ANALYSIS_MODEL_PARTS_H
#define SPROOF_ANALYSIS_MODEL_PARTS_H

#include "sproof/model.h"

/* What zeros of X that are skipped leave of a product (src/analysis/README.md, "Sparse
 * activations"): 1 - a of its multiply-adds; of W the fraction of columns that some column of X has
 * a non-zero for; bytes of so many elements of X, those that are left with an index each where
 * that is less. */
double spr_left_of_flops(const struct spr_model *model);
double spr_left_of_weights(const struct spr_model *model, const struct spr_layer *layer,
                           double batch);
double spr_bytes_of_x(const struct spr_model *model, const struct spr_layer *layer,
                      double batch);

/* The largest memory term, in seconds, of so many bytes, `weights` of them W, and its level. */
double spr_model_memory_time(const struct spr_model *model, double weights, double bytes,
                             int *level);

/* Seconds and bytes of the dense operator, which has weights, as spr_model_dense has them. */
double spr_model_dense_time(const struct spr_model *model, const struct spr_layer *layer,
                            double batch, double *bytes);

/* Fills the times of *out from its FLOPs and bytes, on an engine of this rate; call_s: of its
 * calls. */
void spr_model_set_times(const struct spr_model *model, double rate, double weights,
                         double call_s, struct spr_prediction *out);

#endif
