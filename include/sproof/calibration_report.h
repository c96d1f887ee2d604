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
};

/* The families with their errors; as csv and jsonl the times, measured, fitted and held out.
 * Errors: SPR_ENOMEM, SPR_EINPUT (another format). */
enum spr_status spr_report_fits(FILE *file, const struct spr_fits_report *of,
                                const struct spr_report *report, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
