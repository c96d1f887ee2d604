/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats: names and bytes of a value. */
#include <string.h>

#include "sproof/machine.h"

static const struct {
    const char *name;
    double bytes;
} dtypes[SPR_DTYPE_COUNT] = {
    [SPR_F64] = {"f64", 8}, [SPR_F32] = {"f32", 4},   [SPR_TF32] = {"tf32", 4},
    [SPR_F16] = {"f16", 2}, [SPR_BF16] = {"bf16", 2}, [SPR_FP8] = {"fp8", 1},
    [SPR_I8] = {"i8", 1},
};

double spr_dtype_bytes(enum spr_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *spr_dtype_name(enum spr_dtype dtype)
{
    return dtypes[dtype].name;
}

enum spr_status spr_dtype_parse(const char *text, enum spr_dtype *dtype, struct spr_error *err)
{
    const char *names[SPR_DTYPE_COUNT + 1] = {NULL};
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        names[i] = dtypes[i].name;
        if (strcmp(names[i], text) == 0) {
            *dtype = (enum spr_dtype)i;
            return SPR_OK;
        }
    }
    return spr_fail_unknown(
        err, text, names,
        "unknown dtype '%.40s': expected f64, f32, tf32, f16, bf16, fp8 or i8", text);
}
