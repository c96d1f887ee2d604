/* SPDX-License-Identifier: Apache-2.0 */
/* Validation records, and what compare reads: what is read can be written, and then is read as
 * the same; no record is slower than itself. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "sproof/compare.h"
#include "sproof/record.h"
#include "sproof/report.h"

static void write_again(const struct spr_validation *validation)
{
    struct spr_validation again;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    fuzz_require(file && spr_validation_write(file, validation, NULL) == SPR_OK, "writable");
    fclose(file);
    fuzz_require(spr_validation_read(fuzz_file((const uint8_t *)text, size), &again, NULL) ==
                     SPR_OK,
                 "what was written is readable");
    fuzz_require(again.case_count == validation->case_count &&
                     again.not_measured_count == validation->not_measured_count &&
                     again.seed == validation->seed,
                 "nothing is lost");
    spr_validation_free(&again);
    free(text);
}

static void compare_with_itself(const char *path)
{
    struct spr_timings points;
    struct spr_comparison comparison;
    if (spr_timings_read(path, true, &points, NULL) != SPR_OK) {
        return;
    }
    if (spr_compare(&points, &points, 0.05, &comparison, NULL) == SPR_OK) {
        FILE *sink = fopen("/dev/null", "w");
        fuzz_require(comparison.verdict != SPR_SLOWER, "no record is slower than itself");
        for (int format = SPR_FORMAT_TABLE; sink && format <= SPR_FORMAT_MD; format++) {
            fuzz_require(spr_report_comparison(sink, &comparison, (enum spr_format)format,
                                               NULL) == SPR_OK,
                         "a comparison is writable");
        }
        if (sink) {
            fclose(sink);
        }
        spr_comparison_free(&comparison);
    }
    spr_timings_free(&points);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_validation validation;
    struct spr_error err = {0};
    compare_with_itself(fuzz_file(data, size));
    if (spr_validation_read(fuzz_file(data, size), &validation, &err) == SPR_OK) {
        write_again(&validation);
        spr_validation_free(&validation);
    } else {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
    }
    return 0;
}
