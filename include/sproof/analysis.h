/* SPDX-License-Identifier: Apache-2.0 */
/* The analysis of a network on a machine: sums, ceilings, break-even, Pareto, answers. */
#ifndef SPROOF_ANALYSIS_H
#define SPROOF_ANALYSIS_H

#include "sproof/accuracy.h"
#include "sproof/expected.h"
#include "sproof/layer.h"
#include "sproof/machine.h"
#include "sproof/kernel.h"
#include "sproof/model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPR_CHANGES_MAX 32
#define SPR_BATCHES_MAX 64

/* A pattern pays from this speedup on: a gain that rounds to 1.00x is none. */
#define SPR_PAYS 1.005

/* What was asked. Zeroed plus dtype and one batch is a valid default. */
struct spr_options {
    enum spr_dtype dtype;     /* in which engines multiply */
    struct spr_types types;   /* of the operands; zeroed: all of them are dtype */
    struct spr_types against; /* of the dense side; zeroed: the same */
    bool ideal_tiles;
    bool native; /* --execution native: only what engines accept */
    bool fuse;   /* epilogues run inside their products */
    enum spr_residency residency;
    bool has_residency; /* asked for; else network where there are expected times, else dram */
    enum spr_layout layout; /* of X and Y, which the expected times are for */
    int64_t threads;        /* cores whose private caches count; 0: one */
    double batches[SPR_BATCHES_MAX];
    size_t batch_count;
    bool has_max_drop;
    double max_drop; /* points of the metric, or a fraction when max_drop_relative */
    bool max_drop_relative;
    bool assume_uniform;
    const struct spr_tuned *tuned; /* of host, borrowed; NULL: nothing was tuned */
    struct spr_machine_change changes[SPR_CHANGES_MAX]; /* --set, already applied */
    size_t change_count;
};

/* The types of the pruned network, and those of the dense one. */
struct spr_types spr_options_types(const struct spr_options *options);
struct spr_types spr_options_against(const struct spr_options *options);

/* The pruned network's in words, and in dense[SPR_TYPES_TEXT] those of the dense side, " (i8)", or
 * nothing where they are the same; returns text. */
const char *spr_options_words(const struct spr_options *options, char text[SPR_TYPES_TEXT],
                              char dense[SPR_TYPES_TEXT]);

/* The dense side has other types. */
static inline bool spr_options_differ(const struct spr_options *options)
{
    return options->against.w.name != NULL;
}

/* What a kernel should take for one operator, one occurrence. */
struct spr_layer_expected {
    double time_s;        /* NAN: nothing is expected */
    enum spr_limit limit; /* of a kernel's time */
    const char *kernel;   /* its name; NULL: none runs it, and time_s is its bound */
    const struct spr_family *family; /* that it is of; NULL: sproof's own */
};

/* The same of a network; all NAN when one operator has nothing expected. */
struct spr_network_expected {
    double time_s, dense_time_s;
    double speedup;          /* dense_time_s / time_s */
    double speedup_prunable; /* NAN: nothing prunable */
    double speedup_mixed;
    double amdahl_ceiling; /* NAN: nothing else takes time */
    double bound_share;    /* of time_s: operators that no kernel runs, at their bound; 0..1 */
    size_t layers_slower;  /* operators that run the pattern slower than dense, times count */
};

/* One operator of one variant at one batch. */
struct spr_layer_result {
    struct spr_choice choice; /* pattern dense: not pruned here */
    const char *misfit;       /* why a grid pattern was not applied, else NULL */
    struct spr_prediction run;
    double speedup; /* dense time / time, of all occurrences; INFINITY: nothing is left */
    double break_even_sparsity; /* NAN: none, or does not apply */
    struct spr_layer_expected expected;
    double expected_speedup; /* NAN: nothing is expected */
};

/* One variant at one batch. */
struct spr_result {
    const struct spr_variant *variant;
    size_t batch_index;
    double batch;
    double speedup, speedup_low, speedup_high;
    double speedup_prunable; /* NAN: nothing prunable */
    double speedup_mixed;
    double amdahl_ceiling; /* NAN: nothing else takes time */
    double activation_ceiling;
    double time_s, dense_time_s;
    double mixed_time_s;
    double network_bytes;   /* the least of one pass of this variant: U of residency network */
    double format_bytes;    /* of one pass with every layer stored in its format */
    double density;         /* NAN: nothing prunable */
    double efficiency_kept; /* NAN: nothing prunable */
    double weight_bytes, dense_weight_bytes;
    bool counted; /* takes part in the Pareto front */
    bool pareto;
    double drop;                  /* accuracy lost against dense_accuracy, > 0 is worse; NAN */
    bool within_drop;             /* drop known and within --max-drop */
    size_t layers_pruned;         /* operators that run the pattern, times count */
    size_t layers_slower;         /* of these, slower than dense; or best executed dense */
    enum spr_execution execution; /* in which the pruned operators spend most of their time */
    struct spr_network_expected expected;
    struct spr_layer_result *layers; /* network.layer_count of them */
};

struct spr_analysis {
    struct spr_network *network;       /* borrowed */
    const struct spr_machine *machine; /* borrowed */
    struct spr_options options;
    struct spr_model model;          /* nominal rates */
    struct spr_model dense_model;    /* the same for the types of the dense side */
    struct spr_prediction *dense;    /* [batch][layer], in the types of the dense side */
    struct spr_prediction *unpruned; /* the same in those of the pruned network */
    double *dense_time_s;            /* [batch], whole network */
    struct spr_result *results;      /* variants outer, batches inner */
    size_t result_count;
    bool other_counted; /* the network carries op=other rows */
    bool has_attention;
    double shortest_layer_s; /* shortest operator of any result, for the overhead warning */
    bool has_expected;       /* the machine's kernels are known, and dtype is theirs */
    bool expected_leads;     /* some result has an expected time: it ranks them */
    enum spr_isa expected_isa;
    int expected_threads;
    enum spr_residency expected_residency; /* the bound's, but for native without a choice */
    struct spr_layer_expected *expected_dense; /* [batch][layer] */
    struct spr_expected_names *names;          /* of kernels */
};

/* Evaluates every variant at every batch. network and machine are borrowed and must outlive
 * *analysis. Errors: SPR_EINPUT (no engine for the dtype or a pattern, naming what there
 * is), SPR_ENOMEM. */
enum spr_status spr_analyze(struct spr_network *network, const struct spr_machine *machine,
                            const struct spr_options *options, struct spr_analysis *analysis,
                            struct spr_error *err);

void spr_analysis_free(struct spr_analysis *analysis);

/* The dense prediction of a layer at a result's batch. */
static inline const struct spr_prediction *
spr_analysis_dense(const struct spr_analysis *analysis, size_t batch_index, size_t layer)
{
    return &analysis->dense[batch_index * analysis->network->layer_count + layer];
}

/* The same in the types of the pruned network: what it is where it is not pruned. */
static inline const struct spr_prediction *
spr_analysis_unpruned(const struct spr_analysis *analysis, size_t batch_index, size_t layer)
{
    return &analysis->unpruned[batch_index * analysis->network->layer_count + layer];
}

/* The expected time of a dense layer at a result's batch. */
static inline const struct spr_layer_expected *
spr_analysis_expected_dense(const struct spr_analysis *analysis, size_t batch_index,
                            size_t layer)
{
    return &analysis->expected_dense[batch_index * analysis->network->layer_count + layer];
}

/* The speedup that ranks results: expected where any of them has it, NAN for those that have not;
 * else of the bounds. */
double spr_analysis_speedup(const struct spr_analysis *analysis,
                            const struct spr_result *result);

/* Bytes enough for the words below. */
#define SPR_KERNELS_TEXT 400

/* Whose kernels the expected times are of, with their residency: "sproof's own kernels, avx512, 1
 * thread, residency network"; returns text. */
const char *spr_expected_kernels(const struct spr_analysis *analysis,
                                 char text[SPR_KERNELS_TEXT]);

/* What answers for one result. */
struct spr_answer {
    bool expected; /* the kernels' expected times; else the bounds */
    double speedup, speedup_mixed;
    double dense_time_s, time_s;
    double amdahl_ceiling;
    size_t layers_slower;
};

/* The expected times where they are wanted and known, else the bounds. */
struct spr_answer spr_result_answer(const struct spr_result *result, bool expected);

/* The answer of one result had --fusion been the other of the two, into *other. Errors: those
 * of spr_analyze. */
enum spr_status spr_analysis_other_fusion(const struct spr_analysis *analysis,
                                          const struct spr_result *result,
                                          struct spr_answer *other, struct spr_error *err);

/* Per pattern the fastest result within --max-drop (of all when none is within it), in
 * rising order of first appearance: fills at most `size` indices into results, for one
 * batch; returns how many. mixed and table variants group by their pattern. */
size_t spr_analysis_best_per_pattern(const struct spr_analysis *analysis, size_t batch_index,
                                     size_t *indices, size_t size);

/* The fastest at a batch, within the drop when anything is; result_count without results. */
size_t spr_analysis_fastest(const struct spr_analysis *analysis, size_t batch_index);

/* The one to recommend at a batch: of those with an expected time the fastest within the drop;
 * result_count when none pays, or no kernel is known for any. */
size_t spr_analysis_recommend(const struct spr_analysis *analysis, size_t batch_index);

/* Of those within the drop for which no kernel is known on the machine the one of the highest
 * bound; result_count when it is no higher than what is recommended, or does not pay. */
size_t spr_analysis_potential(const struct spr_analysis *analysis, size_t batch_index);

/* The one that an answer is about where none is named: the recommended; else, where nothing is
 * expected, the one of most potential; else the fastest. result_count without results. */
size_t spr_analysis_shown(const struct spr_analysis *analysis, size_t batch_index);

/* The result of a variant at a batch index; NULL when there is none of that name. */
const struct spr_result *spr_analysis_find(const struct spr_analysis *analysis,
                                           const char *variant, size_t batch_index);

#ifdef __cplusplus
}
#endif
#endif
