/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's second half: the kernels' own tiles, for each instruction set and on one thread
 * and on all. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "probe/calibrate_list.h"
#include "probe/calibrate_points.h"
#include "probe/probe_parts.h"

/* Shares of the time: a full calibration takes so many times what a quick one does. */
#define FULL_SHARE 5.0
#define QUICK_SHARE 1.0
/* Of the second calibrations, which only repeat what is known, so much is kept from the first. */
#define AGAIN_KEPT 0.5
/* Calibrations more, of what had no quiet moment. */
#define MORE_ROUNDS 2

/* One instruction set on one number of threads. */
struct part {
    enum spr_isa isa;
    int threads;
    bool quick;
    int rounds; /* so far */
    struct spr_least_times least;
    struct spr_canaries *canaries; /* NULL: none */
};

/* All of them. */
struct parts {
    const struct spr_probe_options *options;
    const struct spr_probe_sets *sets;
    double (*clock_s)(void);
    struct part at[2 * SPR_ISA_COUNT];
    int count;
    struct spr_canaries *own[2]; /* on one thread, on all; freed in the end */
    const struct part *now;
    int done, all; /* calibrations, for the progress */
};

static void say_calibration(void *context, double fraction)
{
    const struct parts *at = context;
    const struct spr_probe_options *options = at->options;
    const int threads = at->now->threads;
    char text[96];
    if (options->progress) {
        double done = fmin(1, (at->done + fraction) / at->all);
        snprintf(text, sizeof text, "%s, %d thread%s: register tiles of the kernels",
                 spr_isa_name(at->now->isa), threads, threads == 1 ? "" : "s");
        options->progress(options->context, text,
                          SPR_PROBE_RATES_SHARE + (1 - SPR_PROBE_RATES_SHARE) * done);
    }
}

/* Tokens and functions come first: they cannot be left out. end_s: as in spr_calibration. */
static enum spr_status calibrate_part(struct parts *p, struct part *part, double end_s,
                                      struct spr_kernel_rates *kernels, struct spr_error *err)
{
    const int planned = part->quick ? 1 : 2;
    const struct spr_calibration calibration = {.isa = part->isa,
                                                .threads = part->threads,
                                                .quick = part->quick,
                                                .clock_s = p->clock_s,
                                                .least = &part->least,
                                                .end_s = end_s,
                                                .disturbed_only = part->rounds >= planned,
                                                .canaries = part->canaries,
                                                .progress = say_calibration,
                                                .context = p};
    p->now = part;
    say_calibration(p, 0);
    spr_points_begin(&calibration);
    SPR_TRY(spr_calibrate_tokens(&calibration, kernels, err));
    SPR_TRY(spr_calibrate_functions(&calibration, kernels, err));
    if (part->threads == 1) {
        SPR_TRY(spr_calibrate_winners(&calibration, kernels, err));
        SPR_TRY(spr_calibrate_maps(&calibration, kernels, err));
    }
    SPR_TRY(spr_calibrate(&calibration, kernels, err));
    spr_points_end(&calibration);
    part->rounds++;
    p->done++;
    return SPR_OK;
}

/* The same for its times alone. */
static enum spr_status time_part(struct parts *p, struct part *part, double end_s,
                                 struct spr_error *err)
{
    struct spr_kernel_rates rates = {0};
    enum spr_status status = calibrate_part(p, part, end_s, &rates, err);
    spr_free(rates.tiles);
    spr_free(rates.functions);
    spr_free(rates.winners);
    return status;
}

/* The default set first, on one thread and on all; only what `host` will use by default is
 * worth the longer calibration. */
static void list_parts(struct parts *p, int threads)
{
    const struct spr_probe_sets *sets = p->sets;
    for (int i = sets->count - 1; i >= 0; i--) {
        bool quick = p->options->quick || i < sets->count - 1;
        const int last = threads > 1 ? 1 : 0;
        for (int all = 0; all <= last; all++) {
            p->at[p->count++] =
                (struct part){.isa = sets->isas[i],
                              .threads = all ? threads : 1,
                              .quick = quick,
                              .canaries = sets->canaries ? sets->canaries : p->own[all]};
            p->all += quick ? 1 : 2;
        }
    }
}

/* The time by which a part should be done that takes such a share of those to come. */
static double end_of(const struct parts *p, double share, double to_come)
{
    const double now_s = p->clock_s();
    return now_s + fmax(0, p->sets->end_s - now_s) * share / to_come;
}

/* All, then the longer ones once more, some seconds later: what counts is the least time of
 * both. */
static enum spr_status time_parts(struct parts *p, struct spr_error *err)
{
    double full = 0, to_come = 0; /* shares */
    for (int i = 0; i < p->count; i++) {
        full += p->at[i].quick ? 0 : FULL_SHARE;
        to_come += p->at[i].quick ? QUICK_SHARE : FULL_SHARE;
    }
    to_come += AGAIN_KEPT * full;
    for (int i = 0; i < p->count; i++) {
        const double share = p->at[i].quick ? QUICK_SHARE : FULL_SHARE;
        SPR_TRY(time_part(p, &p->at[i], end_of(p, share, to_come), err));
        to_come -= share;
    }
    for (int i = 0; i < p->count && !p->at[i].quick; i++) {
        SPR_TRY(time_part(p, &p->at[i], end_of(p, FULL_SHARE, full), err));
        full -= FULL_SHARE;
    }
    return SPR_OK;
}

/* What had no quiet moment, again, while there is time. */
static enum spr_status time_disturbed(struct parts *p, struct spr_error *err)
{
    for (int round = 0; round < MORE_ROUNDS; round++) {
        for (int i = 0; i < p->count && p->clock_s() < p->sets->end_s; i++) {
            if (spr_points_disturbed(&p->at[i].least) > 0) {
                SPR_TRY(time_part(p, &p->at[i], p->sets->end_s, err));
            }
        }
    }
    return SPR_OK;
}

/* Makes rates of the least times; nothing is timed. */
static enum spr_status take_rates(struct parts *p, struct spr_kernel_rates *kernels,
                                  struct spr_error *err)
{
    for (int i = 0; i < p->count; i++) {
        const struct spr_kernel_rates before = *kernels;
        p->at[i].canaries = NULL;
        SPR_TRY(calibrate_part(p, &p->at[i], -1, kernels, err));
        /* The default set is calibrated first; a slower one must not replace its times. */
        if (p->at[i].isa != p->at[0].isa) {
            kernels->call_s = before.call_s;
            kernels->parallel_s = before.parallel_s;
            kernels->transfer_s = before.transfer_s;
        }
    }
    return SPR_OK;
}

/* Canaries of the default set, on one thread and on all. */
static enum spr_status make_canaries(struct parts *p, const struct spr_probe *probe,
                                     struct spr_error *err)
{
    const enum spr_isa isa = p->sets->isas[p->sets->count - 1];
    const int last = probe->threads > 1 ? 1 : 0;
    for (int all = 0; all <= last; all++) {
        const int threads = all ? probe->threads : 1;
        double known_s[SPR_CANARIES];
        spr_probe_canaries(probe, isa, threads, known_s);
        SPR_TRY(spr_canaries_make_near(isa, threads, known_s, &p->own[all], err));
    }
    return SPR_OK;
}

/* How much of what was timed never had a quiet moment. */
static void judge(const struct parts *p, struct spr_probe_quality *quality)
{
    size_t points = 0, disturbed = 0;
    for (int i = 0; i < p->count; i++) {
        points += p->at[i].least.count;
        disturbed += spr_points_disturbed(&p->at[i].least);
    }
    quality->points_disturbed =
        p->at[0].canaries ? (double)disturbed / (double)points : (double)NAN;
}

static enum spr_status calibrate_all(struct parts *p, struct spr_probe *probe,
                                     struct spr_error *err)
{
    if (!p->options->clock_s) { /* no loop can be timed by a clock of the caller's */
        SPR_TRY(make_canaries(p, probe, err));
    }
    list_parts(p, probe->threads);
    SPR_TRY(time_parts(p, err));
    SPR_TRY(time_disturbed(p, err));
    judge(p, &probe->quality);
    SPR_TRY(take_rates(p, &probe->kernels, err));
    return spr_check_widths(&probe->kernels, &probe->quality) ? SPR_OK : spr_no_memory(err);
}

enum spr_status spr_probe_kernels(const struct spr_probe_options *options,
                                  const struct spr_probe_sets *sets, struct spr_probe *probe,
                                  struct spr_error *err)
{
    struct spr_kernel_rates *kernels = &probe->kernels;
    struct parts parts = {.options = options,
                          .sets = sets,
                          .clock_s = options->clock_s ? options->clock_s : spr_cpu_clock_s};
    enum spr_status status = calibrate_all(&parts, probe, err);
    for (int i = 0; i < parts.count; i++) {
        spr_free(parts.at[i].least.points);
    }
    for (int i = 0; i < 2; i++) {
        spr_canaries_free(parts.own[i]);
    }
    /* What the calibration did not time itself. */
    enum spr_isa isa = sets->isas[sets->count - 1];
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
