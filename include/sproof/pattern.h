/* SPDX-License-Identifier: Apache-2.0 */
/* Sparsity patterns: their grammar and what they cost in FLOPs and bytes. */
#ifndef SPROOF_PATTERN_H
#define SPROOF_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sproof/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spr_class {
    SPR_CLASS_DENSE,
    SPR_CLASS_CSR,   /* single non-zeros anywhere */
    SPR_CLASS_BLOCK, /* R x C blocks */
    SPR_CLASS_NM,    /* N of every M along k */
    SPR_CLASS_COMP,  /* complementary rows packed together */
};
#define SPR_CLASS_COUNT 5

struct spr_pattern_kind;

/* One pattern: a kind and its numbers. A value, freely copied. */
struct spr_pattern {
    const struct spr_pattern_kind *kind; /* a registry row; NULL only in a zeroed struct */
    int64_t a;                           /* RxC: R; N:M, V:N:M: N; comp:P: P; else 0 */
    int64_t b;                           /* RxC: C; N:M, V:N:M: M; else 0 */
    int64_t v;                           /* V:N:M: V; else 0 */
};

/* The weight matrix a pattern is applied to. */
struct spr_shape {
    int64_t m;      /* rows: outputs */
    int64_t k;      /* columns: inputs per output */
    int64_t groups; /* convolution groups; rows of different groups see different inputs */
};

/* Figures counted from a real mask; NAN where nothing was counted. */
struct spr_counted {
    double nnz;             /* non-zero weights */
    double touched_columns; /* columns of W that hold anything, 0..k */
    double longest_row;     /* non-zeros in the fullest row */
};

/* What one weight matrix costs, whatever the machine. */
struct spr_weight_cost {
    double nnz;         /* useful non-zeros, possibly fractional */
    double issued;      /* elements the format makes the machine multiply */
    double value_bytes; /* bytes of stored values */
    double index_bytes; /* bytes of indices, pointers, masks, metadata */
    double tau;         /* fraction of columns (rows of X) that are needed, 0..1 */
};

/* How the zeros of a legal mask lie, for drawing one and for packing. */
struct spr_cell_shape {
    int64_t rows, columns; /* a cell is rows x columns weights, all kept or none */
    int64_t take, of;      /* of > 0: `take` of every `of` columns of each row instead */
    int64_t owners;        /* > 1: and so many rows share no column */
};

/* A legal spelling, for suggestions and for tests. */
struct spr_example {
    const char *text;
    int place; /* among all of the registry: of two as near to a word the lower is suggested */
};

/* Everything one pattern is; one file in src/pattern/kind/ defines one or more rows.
 * Formulas: src/pattern/README.md. */
struct spr_pattern_kind {
    const char *name;     /* registry name, "csr" */
    const char *spelling; /* canonical first, for `list patterns` */
    const char *summary;  /* one line of plain words */
    const char *storage;  /* the storage formula, in words of src/pattern/README.md */
    const char *grammar;  /* in messages, "N:M with N < M"; NULL: the name */
    /* at least one, the first canonical, up to a NULL text; messages list the rows in the order
     * of their first places */
    const struct spr_example *examples;
    enum spr_class pattern_class;
    /* true when `text` is this pattern; fills the two numbers */
    bool (*parse)(const char *text, struct spr_pattern *pattern);
    /* canonical spelling */
    void (*format)(const struct spr_pattern *pattern, char *text, size_t size);
    /* the sparsity the pattern fixes by itself; NULL where sparsity is free */
    double (*fixed_sparsity)(const struct spr_pattern *pattern);
    /* number of cells (weights or blocks) that sparsity is a fraction of */
    double (*cells)(const struct spr_pattern *pattern, const struct spr_shape *shape);
    /* kept cells at a sparsity in [0, 1]; NULL: cells rounded half up */
    double (*kept)(const struct spr_pattern *pattern, const struct spr_shape *shape,
                   double sparsity);
    /* cost with `kept` cells of `value_bytes` each */
    struct spr_weight_cost (*cost)(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double kept,
                                   const struct spr_counted *counted, double value_bytes);
    /* the shape of its cells, for `kept` of them in m x k; NULL: it has no kernel */
    void (*cell)(const struct spr_pattern *pattern, int64_t m, int64_t k, double kept,
                 struct spr_cell_shape *cell);
    /* true when the weights, spread over the columns that the pattern `as` may hold, can be
     * multiplied as `as`; *slots: the pattern whose kept cells are then multiplied. NULL: never.
     * Dense is not asked for: it holds anything. */
    bool (*spread)(const struct spr_pattern *pattern, const struct spr_pattern *as,
                   struct spr_pattern *slots);
    /* Lowers what the format costs to what sproof's own kernels store and multiply of it; NULL:
     * no less. */
    void (*pack)(const struct spr_pattern *pattern, const struct spr_shape *shape,
                 struct spr_weight_cost *cost);
    const char *kernel; /* "bsr" in spr_spmm_bsr_f32__avx2; NULL: it has no kernel */
    /* NULL when the pattern fits the layer, else why not, in plain words */
    const char *(*misfit)(const struct spr_pattern *pattern, const struct spr_shape *shape);
    bool misfit_is_error; /* in a variant table: an error (comp, csr16) or a warning (RxC) */
};

/* Parses a spelling such as "4x4", "bsr:4x4", "2:4", "csr", "comp:16".
 * Errors: SPR_EINPUT with the nearest known spelling. */
enum spr_status spr_pattern_parse(const char *text, struct spr_pattern *pattern,
                                  struct spr_error *err);

/* Bytes enough for any canonical spelling. */
#define SPR_PATTERN_TEXT 48

/* Canonical spelling into text[SPR_PATTERN_TEXT]; returns text. */
const char *spr_pattern_text(const struct spr_pattern *pattern, char *text);

bool spr_pattern_equal(const struct spr_pattern *left, const struct spr_pattern *right);

/* The pattern `dense`. */
struct spr_pattern spr_pattern_dense(void);

bool spr_pattern_is_dense(const struct spr_pattern *pattern);

/* The sparsity a pattern fixes (1-N/M, 1-1/P, 0 for dense; rounded to 12 digits), or NAN. */
double spr_pattern_fixed_sparsity(const struct spr_pattern *pattern);

/* Kept cells at a sparsity in [0, 1], in double: floor((1-s)*cells + 0.5). */
double spr_pattern_kept(const struct spr_pattern *pattern, const struct spr_shape *shape,
                        double sparsity);

/* Registry rows, in the order of the source directory; NULL past the last. */
const struct spr_pattern_kind *spr_pattern_kind_at(size_t index);

/* "dense", "csr", "block", "nm", "comp". */
const char *spr_class_name(enum spr_class pattern_class);

/* Expected fraction of columns that hold anything when cells of density d are drawn
 * independently: 1 - (1-d)^rows, computed as -expm1(rows*log1p(-d)). */
double spr_expected_touched(double density, double rows);

/* x rounded to 12 significant digits, so that 1-1/3 and a typed 0.666666666667 are one. */
double spr_round12(double x);

#ifdef __cplusplus
}
#endif
#endif
