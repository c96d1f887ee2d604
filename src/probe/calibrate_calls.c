/* SPDX-License-Identifier: Apache-2.0 */
/* What a call of a kernel takes beside its work. */
#include <math.h>

#include "base/numbers.h"
#include "host/line_transfer.h"
#include "host/sampler.h"
#include "probe/calibrate_trial.h"

/* Samples of a call, and calls of each. */
#define CALL_SAMPLES 5
#define CALLS 200

static void run_calls(void *packed)
{
    float x[2] = {1, 1}, y[2]; /* two tokens: the plain path */
    for (int i = 0; i < CALLS; i++) {
        spr_kernel_run(packed, x, y);
    }
}

/* A call that multiplies one weight; the fastest sample. */
static enum spr_status time_call(const struct spr_calibration *c, int threads, double *call_s,
                                 struct spr_error *err)
{
    struct spr_packed packed = {0};
    const struct spr_sampler sampler = {
        .clock_s = c->clock_s, .threads = 1, .run = run_calls, .context = &packed};
    double samples[CALL_SAMPLES], none = 0;
    struct spr_pattern csr;
    if (spr_points_known(c, 1)) {
        spr_take_point(c, call_s, &none);
        return SPR_OK;
    }
    SPR_TRY(spr_pattern_parse("csr", &csr, err));
    struct spr_plan plan = spr_plan_choose(&csr, c->isa, 1, 1, 2, 1, threads);
    SPR_TRY(spr_pack_random(&plan, 1, 1, &packed, err));
    spr_sampler_run(&sampler, CALL_SAMPLES, samples);
    *call_s = spr_least(samples, CALL_SAMPLES) / CALLS;
    spr_packed_free(&packed);
    return spr_keep_point(c, call_s, &none) ? SPR_OK : spr_no_memory(err);
}

enum spr_status spr_calibrate_calls(const struct spr_calibration *c,
                                    struct spr_kernel_rates *rates, struct spr_error *err)
{
    if (c->threads == 1) {
        rates->transfer_s = rates->transfer_s > 0 ? rates->transfer_s : (double)NAN;
        return time_call(c, 1, &rates->call_s, err);
    }
    rates->parallel_threads = c->threads;
    double none = 0;
    if (spr_points_known(c, 1)) {
        spr_take_point(c, &rates->transfer_s, &none);
    } else {
        rates->transfer_s = spr_line_transfer_s(c->threads, c->clock_s);
        if (!spr_keep_point(c, &rates->transfer_s, &none)) {
            return spr_no_memory(err);
        }
    }
    return time_call(c, c->threads, &rates->parallel_s, err);
}
