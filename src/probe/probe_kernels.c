/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's second half: the kernels' own tiles, for each instruction set and on one thread
 * and on all. */
#include <stdio.h>

#include "base/mem.h"
#include "probe/probe_parts.h"
#include "sproof/calibrate.h"

/* One instruction set on one number of threads. */
struct part {
    enum spr_isa isa;
    int threads;
    bool quick;
    struct spr_least_times least;
};

struct calibration_progress {
    const struct spr_probe_options *options;
    const struct part *part;
    int done, all;
};

static void say_calibration(void *context, double fraction)
{
    const struct calibration_progress *at = context;
    const struct spr_probe_options *options = at->options;
    const int threads = at->part->threads;
    char text[96];
    if (options->progress) {
        double done = (at->done + fraction) / at->all;
        snprintf(text, sizeof text, "%s, %d thread%s: register tiles of the kernels",
                 spr_isa_name(at->part->isa), threads, threads == 1 ? "" : "s");
        options->progress(options->context, text,
                          SPR_PROBE_RATES_SHARE + (1 - SPR_PROBE_RATES_SHARE) * done);
    }
}

static enum spr_status calibrate_part(struct calibration_progress *at, struct part *part,
                                      struct spr_kernel_rates *kernels, struct spr_error *err)
{
    double (*clock_s)(void) = at->options->clock_s;
    struct spr_calibration calibration = {.isa = part->isa,
                                          .threads = part->threads,
                                          .quick = part->quick,
                                          .clock_s = clock_s ? clock_s : spr_cpu_clock_s,
                                          .least = &part->least,
                                          .progress = say_calibration,
                                          .context = at};
    at->part = part;
    part->least.next = 0;
    say_calibration(at, 0);
    SPR_TRY(spr_calibrate(&calibration, kernels, err));
    SPR_TRY(spr_calibrate_tokens(&calibration, kernels, err));
    SPR_TRY(spr_calibrate_functions(&calibration, kernels, err));
    at->done++;
    return SPR_OK;
}

/* The default set first, on one thread and on all; only what `host` will use by default is
 * worth the longer calibration. */
static int list_parts(const struct spr_probe_options *options, const enum spr_isa *isas,
                      int isa_count, int threads, struct part *parts)
{
    int count = 0;
    for (int i = isa_count - 1; i >= 0; i--) {
        bool quick = options->quick || i < isa_count - 1;
        parts[count++] = (struct part){.isa = isas[i], .threads = 1, .quick = quick};
        if (threads > 1) {
            parts[count++] = (struct part){.isa = isas[i], .threads = threads, .quick = quick};
        }
    }
    return count;
}

static enum spr_status calibrate_parts(const struct spr_probe_options *options,
                                       struct part *parts, int count,
                                       struct spr_kernel_rates *kernels, struct spr_error *err)
{
    struct spr_kernel_rates first = {0};
    struct calibration_progress at = {.options = options, .all = count};
    enum spr_status status = SPR_OK;
    for (int i = 0; i < count; i++) {
        at.all += !parts[i].quick;
    }
    /* The longer ones twice, some seconds apart: what counts is the least time of both. */
    for (int i = 0; i < count && status == SPR_OK; i++) {
        status = parts[i].quick ? SPR_OK : calibrate_part(&at, &parts[i], &first, err);
    }
    spr_free(first.tiles);
    spr_free(first.functions);
    for (int i = 0; i < count && status == SPR_OK; i++) {
        const struct spr_kernel_rates before = *kernels;
        status = calibrate_part(&at, &parts[i], kernels, err);
        /* The default set is calibrated first; a slower one must not replace its times. */
        if (parts[i].isa != parts[0].isa) {
            kernels->call_s = before.call_s;
            kernels->parallel_s = before.parallel_s;
            kernels->transfer_s = before.transfer_s;
        }
    }
    return status;
}

enum spr_status spr_probe_kernels(const struct spr_probe_options *options,
                                  const enum spr_isa *isas, int isa_count,
                                  struct spr_probe *probe, struct spr_error *err)
{
    struct spr_kernel_rates *kernels = &probe->kernels;
    struct part parts[2 * SPR_ISA_COUNT];
    int count = list_parts(options, isas, isa_count, probe->threads, parts);
    enum spr_status status = calibrate_parts(options, parts, count, kernels, err);
    for (int i = 0; i < count; i++) {
        spr_free(parts[i].least.seconds);
    }
    /* What the calibration did not time itself. */
    enum spr_isa isa = isas[isa_count - 1];
    struct spr_number call = spr_probe_find(probe, "call", NULL, isa, 1);
    struct spr_number parallel =
        spr_probe_find(probe, "parallel_region", NULL, isa, probe->threads);
    if (!(kernels->call_s > 0)) {
        kernels->call_s = call.value;
    }
    if (!(kernels->parallel_s > 0) && parallel.value > 0) {
        kernels->parallel_s = parallel.value;
        kernels->parallel_threads = probe->threads;
    }
    return status;
}
