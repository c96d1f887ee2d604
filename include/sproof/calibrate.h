/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring what the kernels cost: rates of register tiles and of the functions between products. */
#ifndef SPROOF_CALIBRATE_H
#define SPROOF_CALIBRATE_H

#include <stdbool.h>

#include "sproof/rates.h"
#include "sproof/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One trial of a calibration: the quickest so far. */
struct spr_timed_point {
    double seconds,
        size;   /* size: what else the trial found, such as the steps of a row group */
    bool quiet; /* one of its trials lay between two quiet readings of the canaries */
    bool waits; /* for the reading behind its last trial */
};

/* What each trial of a calibration took at least, in the order of the trials. A neighbour that
 * takes a core for a second disturbs every sample of a trial, but hardly the same trial of two
 * calibrations some seconds apart. */
struct spr_least_times {
    struct spr_timed_point *points; /* grows by spr_grow, freed with spr_free */
    size_t count, capacity, next;
    size_t tiles; /* that the first calibration had time for, of its list; 0: none was yet */
    /* The canaries: points from `waiting` on wait for the next reading, which is due at
     * read_next_s; what the last one found, if there was one. */
    size_t waiting;
    double read_next_s;
    bool watched, quiet;
};

struct spr_canaries;

/* Times the register tiles of an instruction set on synthetic matrices. quick: fewer
 * repetitions and footprints. clock_s: the clock, seconds (tests inject one). least: NULL, or
 * what earlier calibrations of the same tiles took, with `next` 0; the rates are those of the
 * least times of all of them. end_s: from then on, by the clock, what is known is not timed
 * again, and widths between others are interpolated; 0: never, below: at once. disturbed_only: nor is timed again
 * what had a quiet moment. canaries: run beside the trials, to tell that; NULL: every moment is
 * quiet. progress may be NULL; it is called with 0..1. Appends to *rates
 * (tiles grow by spr_grow, freed with spr_free). Errors: SPR_ENOMEM. */
struct spr_calibration {
    enum spr_isa isa;
    int threads;
    bool quick;
    double (*clock_s)(void);
    struct spr_least_times *least;
    double end_s;
    bool disturbed_only;
    struct spr_canaries *canaries;
    void (*progress)(void *context, double fraction);
    void *context;
};
enum spr_status spr_calibrate(const struct spr_calibration *calibration,
                              struct spr_kernel_rates *rates, struct spr_error *err);

/* The same for the tiles of the layout nk. Appends to rates->tiles. */
enum spr_status spr_calibrate_tokens(const struct spr_calibration *calibration,
                                     struct spr_kernel_rates *rates, struct spr_error *err);

/* The same for the functions between matrix products. Appends to rates->functions. */
enum spr_status spr_calibrate_functions(const struct spr_calibration *calibration,
                                        struct spr_kernel_rates *rates, struct spr_error *err);

/* The same for what a convolutional network computes beside its products, on one thread. Appends
 * to rates->functions. */
enum spr_status spr_calibrate_maps(const struct spr_calibration *calibration,
                                   struct spr_kernel_rates *rates, struct spr_error *err);

/* The same for k-winner-take-all and products with winners alone, on one thread. Appends to
 * rates->winners. */
enum spr_status spr_calibrate_winners(const struct spr_calibration *calibration,
                                      struct spr_kernel_rates *rates, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
