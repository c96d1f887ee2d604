/* SPDX-License-Identifier: Apache-2.0 */
/* Which tile and K panel a kernel uses: the least expected time, or what tuning found. */
#ifndef SPROOF_SCHEDULE_H
#define SPROOF_SCHEDULE_H

#include "sproof/expected.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPR_CANDIDATES_MAX 64

/* Legal plans of a case, all different; the first is spr_plan_choose's. Returns how many. */
size_t spr_plan_candidates(const struct spr_expected_case *of,
                           struct spr_plan plans[SPR_CANDIDATES_MAX]);

/* The plan that is run and predicted: the tuned one of the case; else the candidate of the
 * least expected time, the first unless another is expected 2 % faster; the first where
 * nothing is known. machine may be NULL. */
struct spr_plan spr_plan_for(const struct spr_machine *machine,
                             const struct spr_expected_case *of);

/* The expected time of one plan; false as spr_expected_time. */
bool spr_expected_of_plan(const struct spr_machine *machine,
                          const struct spr_expected_case *of, const struct spr_plan *plan,
                          struct spr_expected *out);

/* The best few candidates by expected time, the one spr_plan_for would take without tuning
 * first. Returns how many, at most `most`. */
size_t spr_plan_best(const struct spr_machine *machine, const struct spr_expected_case *of,
                     struct spr_plan *plans, size_t most);

/* A winner that was timed. */
struct spr_tuned_plan {
    enum spr_isa isa;
    int threads;
    enum spr_layout layout;
    int64_t m, k, n;
    struct spr_pattern pattern;
    double density; /* cells stored over cells of the matrix */
    int rows, vectors, slots, tokens;
    int64_t panel;
    bool fresh; /* found in this run: spr_tuned_save adds it to what is kept */
};

/* Zeroed means empty. */
struct spr_tuned {
    struct spr_tuned_plan *plan;
    size_t count, capacity;
};

/* Cells stored over all, by which tuned plans are found again: within a tenth. */
double spr_case_density(const struct spr_expected_case *of);

/* Puts a winner in, or in the place of an older one. Errors: SPR_ENOMEM. */
enum spr_status spr_tuned_keep(struct spr_tuned *tuned, const struct spr_expected_case *of,
                               const struct spr_plan *plan, struct spr_error *err);

/* $XDG_CACHE_HOME/sproof/tuned.json, of this CPU alone: empty when there is none, it is of
 * another CPU or cannot be read (a note says so), or SPROOF_TUNED=off. Errors: SPR_ENOMEM. */
enum spr_status spr_tuned_read(struct spr_tuned *tuned, struct spr_notes *notes,
                               struct spr_error *err);
enum spr_status spr_tuned_read_file(const char *path, struct spr_tuned *tuned,
                                    struct spr_error *err);

/* Puts a plan in, or in the place of one of the same case. Errors: SPR_ENOMEM. */
enum spr_status spr_tuned_put(struct spr_tuned *tuned, const struct spr_tuned_plan *plan,
                              struct spr_error *err);

/* Adds the fresh plans to those that are kept now, under a lock: what another run has found in
 * between stays. Errors: SPR_EENVIRONMENT, SPR_ENOMEM. */
enum spr_status spr_tuned_save(const struct spr_tuned *tuned, struct spr_error *err);

void spr_tuned_free(struct spr_tuned *tuned);

#ifdef __cplusplus
}
#endif
#endif
