/* SPDX-License-Identifier: Apache-2.0 */
/* Names inside a machine's measured rates. */
#include "sproof/rates.h"

const char *spr_function_name(enum spr_function function)
{
    static const char *const names[SPR_FUNCTION_COUNT] = {
        "softmax", "gelu",        "layer_norm", "operands", "exchange",   "rewrite", "patches",
        "pool",    "pool_pixels", "bias",       "squares",  "map_blocks", "map_runs"};
    return names[function];
}
