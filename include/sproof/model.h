/* SPDX-License-Identifier: Apache-2.0 */
/* The analytical model of one operator: bytes, FLOPs, time. No I/O, no allocation. */
#ifndef SPROOF_MODEL_H
#define SPROOF_MODEL_H

#include "sproof/layer.h"
#include "sproof/machine.h"
#include "sproof/residency.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which end of the machine's rate intervals is meant. */
enum spr_corner { SPR_NOMINAL, SPR_LOW, SPR_HIGH };

/* A machine prepared for one dtype: plain numbers the inner loop reads. */
struct spr_model {
    const struct spr_machine *machine;
    enum spr_dtype dtype;
    double value_bytes;
    bool ideal_tiles; /* ignore tile_rows */
    bool fuse;        /* epilogues run inside their products */
    enum spr_residency residency;
    double network_bytes;                /* U of residency network: bytes of one pass */
    double flops_per_s[SPR_ENGINES_MAX]; /* 0: unusable for this dtype */
    int dense_engine;                    /* index of the fastest engine that accepts dense */
    size_t level_count;
    double bytes_per_s[SPR_MEMORIES_MAX]; /* 0: unknown, gives no term */
    double capacity[SPR_MEMORIES_MAX];    /* C_r: bytes of all levels up to r */
    double overhead_s;                    /* of one call */
};

/* Prepares *model. threads: cores whose private caches count (at least 1).
 * Errors: SPR_EINPUT when no engine takes dense work in this dtype. The reader of machines
 * sees to it that the last memory level has a bandwidth. */
enum spr_status spr_model_prepare(struct spr_model *model, const struct spr_machine *machine,
                                  enum spr_dtype dtype, enum spr_corner engines,
                                  enum spr_corner memory, struct spr_error *err);

/* Sets residency and the capacities of `threads` cores. */
void spr_model_set_residency(struct spr_model *model, enum spr_residency residency,
                             int64_t threads);

/* `bound` values below 0; 0 and up is an index into machine.memory. */
#define SPR_BOUND_COMPUTE (-1)
#define SPR_BOUND_OVERHEAD (-2)

/* One operator at one batch size. */
struct spr_prediction {
    double nnz;          /* useful non-zeros; NAN without weights */
    double tau;          /* fraction of X needed; NAN without weights */
    double flops_useful; /* 2 x useful non-zeros x n x batch */
    double flops_issued;
    double bytes_weight_values;
    double bytes_weight_index;
    double bytes_x;        /* NAN for op=other */
    double bytes_y;        /* NAN for op=other */
    double bytes;          /* all compulsory bytes */
    double time_s;         /* the bound, calls included */
    double compute_s;      /* flops_issued / engine peak */
    double memory_s;       /* largest memory term */
    double ceiling_time_s; /* the same with no FLOPs and no bytes of W */
    int engine;            /* index into machine.engines */
    int bound;             /* SPR_BOUND_* or memory level of the largest memory term */
    int memory_level;      /* level of the largest memory term */
    struct spr_pattern executed_as; /* pattern of storage; kind NULL: as itself */
};

/* "epilogue" or "none", of --fusion. */
const char *spr_fusion_name(bool fuse);

/* Seconds of one occurrence's calls: its share of those of all occurrences; 0 for an epilogue
 * that runs inside its product, and where a call is not known. */
double spr_model_call_s(const struct spr_model *model, const struct spr_layer *layer);

/* The bound without calls. */
static inline double spr_work_s(const struct spr_prediction *run)
{
    return run->compute_s >= run->memory_s ? run->compute_s : run->memory_s;
}

/* The dense operator, or attention or other. */
void spr_model_dense(const struct spr_model *model, const struct spr_layer *layer,
                     double batch, struct spr_prediction *out);

/* The operator with W pruned: `kept` cells of the pattern. The fastest engine that accepts
 * the pattern wins. Returns false when no engine accepts it (out is then untouched). */
bool spr_model_sparse(const struct spr_model *model, const struct spr_layer *layer,
                      double batch, const struct spr_pattern *pattern, double kept,
                      const struct spr_counted *counted, struct spr_prediction *out);

/* true when an engine takes the pattern in the model's dtype. */
bool spr_model_accepts(const struct spr_model *model, const struct spr_pattern *pattern);

/* The operator if W were stored as `pattern` but multiplied by the dense engine with no
 * padding: the step of the waterfall between ideal FLOPs and the real engine. Time only. */
double spr_model_traffic_time(const struct spr_model *model, const struct spr_layer *layer,
                              double batch, const struct spr_pattern *pattern, double kept,
                              const struct spr_counted *counted);

/* The sparsity from which the pattern is no slower than dense, NAN when there is none or the
 * pattern fixes its own sparsity. dense_time_s is the dense time at this batch. */
double spr_model_break_even(const struct spr_model *model, const struct spr_layer *layer,
                            double batch, const struct spr_pattern *pattern,
                            double dense_time_s);

/* "compute", "overhead" or the memory level's name. */
const char *spr_bound_name(const struct spr_machine *machine, int bound);

#ifdef __cplusplus
}
#endif
#endif
