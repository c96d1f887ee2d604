/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the comparison: cases, the processes that run them, results. */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdio.h>

#include "peer.h"
#include "probe/canary.h"
#include "sproof/isa.h"
#include "sproof/measurement.h"

/* What is measured. */
struct options {
    bool dense, sparse; /* contenders of these kinds */
    bool tables;        /* print the times too, not the goals alone */
    bool goals_only;    /* no more cases than the goals ask for */
    bool quick;         /* one visit, and goals_only */
    bool matmul95;      /* the case list of matmul95.sh, each warm and cold */
    int threads;
    enum spr_isa isa;
    const char *csv_path; /* NULL: none */
};

struct size {
    int64_t m, k, n;
    char text[64]; /* "768x768, n = 128" */
};

/* One matrix with what the product must be. */
struct bench_case {
    struct peer_case c;
    struct spr_matrix matrix;
    char pattern[SPR_PATTERN_TEXT]; /* "csr" */
    int percent;                    /* sparsity */
    int64_t *rows;                  /* the rows checked; NULL: all */
    size_t row_count;
    double *y, *bound; /* row_count x n: the product, and the rounding error allowed */
};

/* The cases of a shape. Returns how many; ends the program when memory does. */
size_t cases_make(const struct options *options, const struct size *size,
                  struct bench_case *cases, size_t room);
void cases_free(struct bench_case *cases, size_t count);
#define CASES_MAX 32

/* W is in none of the caches when a call begins. */
bool case_needs_memory(const struct bench_case *bench);

/* The largest error of a product, in units of the bound; infinite when a row without entries
 * is not 0 or a value is no number. */
double case_error(const struct bench_case *bench, const struct peer_product *product);

/* What one contender took on one case. */
struct result {
    size_t shape, host, at; /* at: index of the case */
    int ordinal;            /* within its host, from 0 */
    char label[48];
    char pattern[SPR_PATTERN_TEXT];
    int percent;
    int activation; /* percent of X that is zero and known to be; 0: nothing is known */
    bool cold;      /* the caches are emptied before each call */
    bool peak;      /* the multiply-add loop */
    double flops;   /* of one call: 2 nnz n */
    size_t nnz;
    double error;                    /* case_error */
    char why[PEER_TEXT];             /* not empty: why there is no time */
    double visited_s;                /* when its last visit began */
    struct spr_measurement measured; /* its samples are malloc's */
};

struct results {
    struct result *row;
    size_t count, room;
    struct spr_canaries *canaries; /* their least readings in all processes */
};

struct result *results_add(struct results *results);
/* Judges the rows from `first` on, each by the canaries of its own turns: another's were minutes
 * apart. Returns how many are inconclusive. */
size_t results_judge(struct results *results, size_t first);
/* FLOP/s, undisturbed; NAN when it was not measured, or is NULL. */
double result_rate(const struct result *result);
/* Measured, but inconclusive. */
bool result_doubtful(const struct result *result);
/* The multiply-add loop beside a shape; NULL when it was not measured. */
const struct result *results_peak(const struct results *results, size_t shape);
/* NULL when it was not measured. */
const struct result *results_find(const struct results *results, size_t shape,
                                  const char *pattern, int percent, const char *label);

/* Libraries, each in a process of its own: one's threads, signal handlers and crashes are not
 * the others'. */
struct host {
    const char *name;   /* "MKL" */
    const char *object; /* shared object; NULL: builtin */
    const struct peer *builtin;
    const char *suffix;         /* of its labels, or "" */
    const char *path, *preload; /* MKL's; else NULL */
    const char *cap;            /* how it is held to AVX2, "" when it is not */
    char version[PEER_TEXT];    /* or why it is missing */
    bool missing;
    long pid;     /* of the running process; 0: none */
    int to, from; /* pipes */
};

/* Starts a host for the cases of a shape; its contenders join the results. The canaries are made
 * before: all processes read the same memory. */
void host_start(struct host *host, size_t index, size_t shape, const struct options *options,
                const struct bench_case *cases, size_t count, struct results *results);
/* One visit to a contender; its samples join those of earlier ones. */
void host_visit(struct host *host, int visit, const struct options *options,
                struct results *results, struct result *result);
void host_stop(struct host *host);

/* Where the tables go. */
void report_tables(FILE *out, const struct results *results, const struct size *sizes,
                   size_t size_count);
/* Names what was measured but is no number. */
void report_inconclusive(FILE *out, const struct results *results, const struct size *sizes);
bool report_csv(const char *path, const struct options *options, const struct results *results,
                const struct size *sizes);
void report_goals(FILE *out, const struct options *options, const struct results *results,
                  const struct size *sizes, size_t size_count);

#endif
