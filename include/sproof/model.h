/* SPDX-License-Identifier: Apache-2.0 */
/* The analytical model of one operator: bytes, FLOPs, time. No I/O, no allocation. */
#ifndef SPROOF_MODEL_H
#define SPROOF_MODEL_H

#include "sproof/layer.h"
#include "sproof/machine.h"
#include "sproof/residency.h"
#include "sproof/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which end of the machine's rate intervals is meant. */
enum spr_corner { SPR_NOMINAL, SPR_LOW, SPR_HIGH };

/* How a pruned product is executed (src/analysis/README.md, "Three executions"). */
enum spr_execution {
    SPR_EXECUTION_NATIVE,   /* the format, on an engine that accepts it */
    SPR_EXECUTION_EXPANDED, /* stored in the format, multiplied as a pattern that holds it */
    SPR_EXECUTION_DENSE,    /* stored and multiplied dense */
};
#define SPR_EXECUTIONS 3

/* "native", "expanded", "dense". */
const char *spr_execution_name(enum spr_execution execution);

/* A machine prepared for one dtype: plain numbers the inner loop reads. */
struct spr_model {
    const struct spr_machine *machine;
    enum spr_dtype dtype;             /* in which engines multiply */
    double w_bytes, x_bytes, y_bytes; /* of one value of each operand */
    bool ideal_tiles;                 /* ignore tile_rows */
    bool native_only; /* what engines accept alone: no expanded and no dense execution */
    bool packed;      /* the format counts no more than sproof's kernels store of it */
    bool fuse;        /* epilogues run inside their products */
    double skipped;   /* zero fraction of X that products skip; 0: none */
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

/* W, X and Y are stored in these types, not all in the dtype. */
void spr_model_set_types(struct spr_model *model, const struct spr_types *types);

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
    double bytes_x; /* NAN for op=other */
    double bytes_y; /* NAN for op=other */
    double bytes;   /* all compulsory bytes */
    double
        stored_bytes; /* of W as it is stored: what moves is less where columns are skipped */
    double time_s;    /* the bound, calls included */
    double compute_s; /* flops_issued / engine peak */
    double memory_s;  /* largest memory term */
    double ceiling_time_s; /* the same with no FLOPs and no bytes of W */
    int engine;            /* index into machine.engines */
    int bound;             /* SPR_BOUND_* or memory level of the largest memory term */
    int memory_level;      /* level of the largest memory term */
    enum spr_execution execution;
    double execution_s[SPR_EXECUTIONS]; /* the bound of each; NAN: it has none */
    double format_bytes;                /* all bytes if it is stored in the format itself */
    double least_bytes;                 /* all bytes of the execution that moves least */
    /* native: the pattern it is stored and multiplied as; kind NULL: as itself. expanded: the
     * pattern it is multiplied as. dense: dense. */
    struct spr_pattern executed_as;
};

/* A way to execute a pattern, other than dense. */
struct spr_way {
    enum spr_execution execution;
    int engine;            /* SPR_DENSE_ENGINE: the model's, which depends on its rates */
    struct spr_pattern as; /* as in a prediction */
    struct spr_pattern
        slots; /* its kept cells are multiplied; kind NULL: those of the format */
};
#define SPR_DENSE_ENGINE (-1)
#define SPR_WAYS_MAX (SPR_ENGINES_MAX * (SPR_ACCEPTS_MAX + 1) + 1)

/* All ways of one pattern: they depend on nothing of a layer. */
struct spr_ways {
    struct spr_pattern pattern;
    struct spr_pattern dense; /* the pattern `dense` */
    size_t count;
    struct spr_way way[SPR_WAYS_MAX];
};

/* Finds them among the engines that have a rate in the model's dtype. */
void spr_model_ways(const struct spr_model *model, const struct spr_pattern *pattern,
                    struct spr_ways *ways);
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

/* The dense operator, or attention or other. Zeros of X are skipped by products with weights. */
void spr_model_dense(const struct spr_model *model, const struct spr_layer *layer,
                     double batch, struct spr_prediction *out);

/* The operator with W pruned: `kept` cells of the pattern whose ways are given, in the fastest of
 * its executions. Of times that are equal dense comes first, then native. Returns false when no
 * engine accepts the pattern and only that was asked for (out is then untouched). */
bool spr_model_pruned(const struct spr_model *model, const struct spr_layer *layer,
                      double batch, const struct spr_ways *ways, double kept,
                      const struct spr_counted *counted, struct spr_prediction *out);

/* The same of a pattern; whoever predicts many layers finds its ways once. */
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

/* The smallest sparsity at which native or expanded is faster than dense (native_only: no slower),
 * NAN when there is none or the pattern fixes its own sparsity. dense_time_s is the dense time at
 * this batch. */
double spr_model_break_even(const struct spr_model *model, const struct spr_layer *layer,
                            double batch, const struct spr_ways *ways, double dense_time_s);

/* "compute", "overhead" or the memory level's name. */
const char *spr_bound_name(const struct spr_machine *machine, int bound);

#ifdef __cplusplus
}
#endif
#endif
