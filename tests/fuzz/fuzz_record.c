/* SPDX-License-Identifier: Apache-2.0 */
/* Analysis records. */
#include "fuzz.h"

#include "sproof/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_record record;
    struct spr_error err = {0};
    if (spr_record_read(fuzz_file(data, size), &record, &err) == SPR_OK) {
        fuzz_analyze(&record.network, &record.machine, &record.options);
        spr_record_free(&record);
    } else {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
    }
    return 0;
}
