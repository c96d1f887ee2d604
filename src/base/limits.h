/* SPDX-License-Identifier: Apache-2.0 */
/* Limits and tolerances that several readers share. */
#ifndef SPROOF_BASE_LIMITS_H
#define SPROOF_BASE_LIMITS_H

#include <stdint.h>

#define SPR_DIMENSION_MAX ((int64_t)1 << 40)

/* 2^53: every product of two dimensions stays an exact double. */
#define SPR_PRODUCT_MAX 9007199254740992.0

/* Two sparsities this close are one point of an accuracy or time table. */
#define SPR_SAME_SPARSITY 5e-4

/* A pattern that fixes its sparsity may be given it rounded. */
#define SPR_SPARSITY_SLACK 0.01

#endif
