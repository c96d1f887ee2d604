/* SPDX-License-Identifier: Apache-2.0 */
/* The worst of many errors. fmax would drop a NaN. */
#ifndef SPROOF_BASE_WORSE_H
#define SPROOF_BASE_WORSE_H

/* The larger of two errors; a NaN is larger than any number, wherever it comes. */
static inline double spr_worse(double worst, double error)
{
    return worst >= error || worst != worst ? worst : error;
}

#endif
