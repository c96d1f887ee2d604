/* SPDX-License-Identifier: Apache-2.0 */
/* A calibration as a validation: times expected for products that were left out, beside those
 * measured. */
#ifndef SPROOF_CALIBRATION_CASES_H
#define SPROOF_CALIBRATION_CASES_H

#include "sproof/family_fit.h"
#include "sproof/validation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A case of each pruned product whose dense one was measured, too; there may be none. The machine's
 * and products' texts are borrowed and must outlive *validation. Errors: SPR_ENOMEM. */
enum spr_status spr_fit_cases(const struct spr_machine *machine,
                              const struct spr_products *products,
                              struct spr_validation *validation, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
