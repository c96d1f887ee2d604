/* SPDX-License-Identifier: Apache-2.0 */
/* Placeholder bodies, replaced by the kernels. */
#include "sproof/expected.h"
bool spr_expected_time(const struct spr_machine *machine, const struct spr_expected_case *of,
                       struct spr_expected *out)
{
    (void)machine, (void)of, (void)out;
    return false;
}
const char *spr_limit_name(enum spr_limit limit)
{
    static const char *const names[SPR_LIMIT_COUNT] = {
        "fma", "fma-latency", "load-ports", "x-traffic", "w-stream", "row-groups", "call"};
    return names[limit];
}
enum spr_status spr_calibrate(const struct spr_calibration *calibration,
                              struct spr_kernel_rates *rates, struct spr_error *err)
{
    (void)calibration, (void)rates, (void)err;
    return SPR_OK;
}
