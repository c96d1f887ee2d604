/* SPDX-License-Identifier: Apache-2.0 */
/* k-winner-take-all, and products of a sparse W with the winners of x alone (n = 1). */
#ifndef SPROOF_WINNERS_H
#define SPROOF_WINNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sproof/isa.h"
#include "sproof/matrix.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which values compete. */
enum spr_wta_scope {
    SPR_WTA_GLOBAL,  /* all of them */
    SPR_WTA_CHANNEL, /* the pixels of each channel */
    SPR_WTA_PIXEL,   /* the channels of each pixel */
};

/* How the threshold is found. */
enum spr_wta_method {
    SPR_WTA_THRESHOLD, /* guessed from a sample, searched among what reaches it */
    SPR_WTA_HISTOGRAM, /* of the leading bits, then of those that follow */
    SPR_WTA_SORT,      /* partial sort */
};
#define SPR_WTA_METHODS 3

/* "threshold", "histogram", "sort". */
const char *spr_wta_method_name(enum spr_wta_method method);

/* The k largest of channels x pixels values, row-major; pixels is 1 for a vector. Every method
 * gives the same winners. A NaN never wins, so there may be fewer than k; -0 equals 0. */
struct spr_wta {
    enum spr_isa isa;
    enum spr_wta_scope scope;
    enum spr_wta_method method;
    int64_t channels, pixels;
    int64_t k;   /* in each group that competes, at least 1; more than there are: all win */
    bool strict; /* exactly k, of equal ones the first; else all that equal the k-th win */
};

/* Groups that compete, and values of each. */
int64_t spr_wta_groups(const struct spr_wta *wta);
int64_t spr_wta_size(const struct spr_wta *wta);

/* Winners of a share of a group's values: rounded half to even, at least 1. */
int64_t spr_wta_count(int64_t size, double share);

/* Places and values of winners, group by group, places rising within one. */
struct spr_winners {
    int32_t *index;
    float *value;
    int64_t count;
    float *scratch;
};

/* Room for any result of `wta`. Errors: SPR_EINPUT (more than 2^31 - 1 values), ENOMEM. */
enum spr_status spr_winners_alloc(const struct spr_wta *wta, struct spr_winners *winners,
                                  struct spr_error *err);
void spr_winners_free(struct spr_winners *winners);

/* Winners of x by x times `factor`, exp(-boost * duty cycle) of each value (NULL: x itself);
 * their values are x's own. Never allocates. */
void spr_wta_run(const struct spr_wta *wta, const float *x, const float *factor,
                 struct spr_winners *winners);

/* y[0..count): the winners' values at their places, 0 elsewhere. */
void spr_winners_spread(const struct spr_winners *winners, float *y, int64_t count);

/* W packed by columns, in blocks of `rows` x 1. Zeroed means empty. */
struct spr_columns {
    enum spr_isa isa;
    int64_t m, k;
    int rows;
    void *block;
    size_t bytes;  /* of begins, rows and values */
    size_t stored; /* blocks */
    void *scratch; /* sums and a list: calls must follow each other */
};

/* Rows of a pattern's blocks here: R of R x C up to 64, else 1. */
int spr_columns_rows(const struct spr_pattern *pattern);

/* Errors: SPR_EINPUT (too large to index), ENOMEM. */
enum spr_status spr_columns_pack(enum spr_isa isa, int rows, const struct spr_matrix *matrix,
                                 struct spr_columns *columns, struct spr_error *err);
void spr_columns_free(struct spr_columns *columns);

/* y = W x for an x that is 0 but for its winners; y: m floats. What is not stored, or not among
 * the winners, is never multiplied. On one thread; never allocates. */
void spr_columns_run(const struct spr_columns *columns, const struct spr_winners *winners,
                     float *y);

#ifdef __cplusplus
}
#endif
#endif
