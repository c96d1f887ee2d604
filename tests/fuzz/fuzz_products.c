/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of times of products: read, and few of them made families and a machine. */
#include "fuzz.h"

#include <math.h>
#include <stdio.h>

#include "sproof/calibration_report.h"

#define FEW 12 /* a fit of more takes long */

static void calibrate(const struct spr_machine *machine, struct spr_products *products)
{
    static FILE *sink;
    struct spr_family_fits fits;
    struct spr_error err = {0};
    if (spr_fit_families(machine, products, &fits, &err) != SPR_OK) {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
        return;
    }
    fuzz_require(fits.count >= 1 && fits.count <= products->count, "rows are of families");
    for (size_t i = 0; i < products->count; i++) {
        fuzz_require(products->rows[i].fitted_s > 0 && isfinite(products->rows[i].fitted_s),
                     "every row has a time by the constants");
    }
    sink = sink ? sink : fopen("/dev/null", "w");
    if (sink) {
        const struct spr_fits_report of = {machine, products, &fits};
        const struct spr_report report = {.format = SPR_FORMAT_TABLE};
        (void)spr_report_fits(sink, &of, &report, NULL);
        (void)spr_family_fits_write(sink, machine, &fits, NULL);
    }
    spr_family_fits_free(&fits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct spr_machine machine;
    struct spr_products products;
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    if (!machine.name) {
        machine = fuzz_machine();
    }
    if (spr_products_read(fuzz_file(data, size), &products, &notes, &err) == SPR_OK) {
        if (products.count <= FEW) {
            calibrate(&machine, &products);
        }
        spr_products_free(&products);
    } else {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
    }
    spr_notes_free(&notes);
    return 0;
}
