/* SPDX-License-Identifier: Apache-2.0 */
/* Writing calibrations for people and for programs. */
#ifndef SPROOF_CALIBRATION_REPORT_H
#define SPROOF_CALIBRATION_REPORT_H

#include "sproof/family_fit.h"
#include "sproof/report.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct spr_formats spr_fits_formats;

struct spr_fits_report {
    const struct spr_machine *machine;
    const struct spr_products *products;
    const struct spr_family_fits *calibration;
    int64_t threads; /* that the machine's rates are of; 0: all it has */
};

/* The families with their errors; as csv and jsonl the times, measured, fitted and held out.
 * Errors: SPR_ENOMEM, SPR_EINPUT (another format). */
enum spr_status spr_report_fits(FILE *file, const struct spr_fits_report *of,
                                const struct spr_report *report, struct spr_error *err);

/* Warns of times that are below the bound of their product (at the high ends of the machine's
 * rates), and of times so long that their unit is likely another one: the first of each, with how
 * many more there are. */
void spr_fit_doubts(const struct spr_machine *machine, const struct spr_products *products,
                    struct spr_notes *notes);

#ifdef __cplusplus
}
#endif
#endif
