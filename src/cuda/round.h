// SPDX-License-Identifier: Apache-2.0
// f16 and bf16 on the host.
#ifndef SPROOF_CUDA_ROUND_H
#define SPROOF_CUDA_ROUND_H

#include <cstdint>
#include <cstring>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "sproof/machine.h"

// The nearest number of the type (ties to even), as its bits.
inline uint16_t spr_round_bits(enum spr_dtype dtype, float value)
{
    uint16_t bits;
    if (dtype == SPR_BF16) {
        __nv_bfloat16 rounded = __float2bfloat16_rn(value);
        memcpy(&bits, &rounded, sizeof bits);
    } else {
        __half rounded = __float2half_rn(value);
        memcpy(&bits, &rounded, sizeof bits);
    }
    return bits;
}

inline float spr_round_value(enum spr_dtype dtype, float value)
{
    return dtype == SPR_BF16 ? __bfloat162float(__float2bfloat16_rn(value))
                             : __half2float(__float2half_rn(value));
}

#endif
