/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict in plain words: what was found, and what to do about it. */
#include "report/verdict_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One operator takes about this long when its call, or Python around it, is all there is. */
#define CALL_LEAST_S 2e-6
#define CALL_MOST_S 500e-6

/* What all words share. */
struct figures {
    const struct spr_explanation *e;
    const struct spr_judged *j;
    const struct spr_layer_fates *fates;
    struct spr_gain gain;
    double allowed;
    double dense, sparse; /* percent of the bounds reached */
    char *text;
};

const char *spr_errors_text(const struct spr_time_errors *errors, char *text)
{
    if (fabs(errors->dense - errors->sparse) < 5e-5) {
        snprintf(text, 64, "%.2g %% on each time", 100 * errors->dense);
    } else {
        snprintf(text, 64, "%.2g %% and %.2g %% on them", 100 * errors->dense,
                 100 * errors->sparse);
    }
    return text;
}

static void below_bound(const struct figures *f)
{
    const bool cached = f->j->fit.level && !f->j->fit.asked;
    snprintf(
        f->text, SPR_FINDING_TEXT,
        "No verdict: a time beats its bound, so the analysis is not of what was measured. "
        "Check the unit, batch, dtype and machine%s. No kernel beats its roofline.",
        cached ? "; and whether operands stay in the caches from call to call or from "
                 "layer to layer, which analyze --residency warm or network counts"
               : "");
}

/* "27 MB", "0.94 MB". */
static void mega_text(double value, const char *unit, char text[24])
{
    snprintf(text, 24, value < 10 ? "%.2g %s" : "%.0f %s", value, unit);
}

static void resident(const struct figures *f)
{
    char bytes[24], cache[24];
    const struct spr_fit *fit = f->fates && f->fates->below ? &f->fates->fit : &f->j->fit;
    mega_text(fit->bytes / 1e6, "MB", bytes);
    mega_text(fit->cache_bytes / 0x1p20, "MiB", cache);
    snprintf(
        f->text, SPR_FINDING_TEXT,
        "No verdict: a time beats its bound, which has all operands come from memory. All "
        "operands (%s) fit in the last cache (%.20s, %s): when the call is "
        "repeated, as in a warm loop, they stay there. That is --residency %s: analyze "
        "again with it. If operands were evicted between calls, check the unit, batch, "
        "dtype and machine.",
        bytes, fit->level, cache, spr_residency_name(fit->instead));
}

static void no_zeros(const struct figures *f)
{
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: this variant has no zeros to skip; a difference of %.2fx is the "
             "runtime's own.",
             f->gain.value);
}

static void something_else(const struct figures *f)
{
    char dense[24], each[24], calls[120] = "";
    const double each_s = f->j->measured.dense_s / f->j->operators;
    if (each_s >= CALL_LEAST_S && each_s <= CALL_MOST_S) {
        snprintf(calls, sizeof calls,
                 " %s are %s for each of %.0f operators, as calls alone may take.",
                 spr_format_seconds(f->j->measured.dense_s, dense),
                 spr_format_seconds(each_s, each), f->j->operators);
    }
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: something else takes the time. Both times are under %.0f %% of their "
             "bounds (%.3g %% and %.3g %%): calls of operators, Python between them, few "
             "threads, or another machine or batch than analysed here.%s Until that is found, "
             "%.2fx tells nothing of the zeros. Do: take the times at a larger batch; if they "
             "hardly rise, it is the calls.",
             100 * SPR_FAR, f->dense, f->sparse, calls, f->gain.value);
}

static void set_up(const struct figures *f)
{
    char excess[24];
    const double pruned = f->j->pruned > 0 ? f->j->pruned : 1;
    spr_format_seconds((f->j->measured.sparse_s - f->j->measured.dense_s) / pruned, excess);
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: sparse is slower than dense (%.2fx) by %s in each call of a pruned "
             "layer%s: what a set-up takes (descriptors, a plan, converting the weights). Do: "
             "make it once and keep it%s.",
             f->gain.value, excess, f->j->same_excess ? ", the same at every size" : "",
             f->j->same_excess ? ""
                               : ". The test: another batch; a set-up is the same at every "
                                 "size");
}

/* A kernel, or what is done besides in each call. */
static void slower(const struct figures *f)
{
    char excess[24], set_up_too[160] = "";
    const double excess_s = (f->j->measured.sparse_s - f->j->measured.dense_s) / f->j->pruned;
    if (excess_s >= SPR_SET_UP_LEAST_S && excess_s <= SPR_SET_UP_MOST_S) {
        snprintf(set_up_too, sizeof set_up_too,
                 " Or each call pays for a set-up: %s more would be one, if it is the same at "
                 "another batch.",
                 spr_format_seconds(excess_s, excess));
    }
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: sparse is slower than dense (%.2fx): the sparse kernel costs more "
             "than the zeros save. It reaches %.3g %% of its bound, the dense one %.3g %%; "
             "the hardware allows %.2fx.%s",
             f->gain.value, f->sparse, f->dense, f->allowed, set_up_too);
}

static void nothing_allowed(const struct figures *f)
{
    const bool allowed = f->allowed >= SPR_PAYS;
    snprintf(
        f->text, SPR_FINDING_TEXT,
        "Verdict: dense and sparse take the same time (%.2fx), and no more is %s (%.2fx): "
        "whether zeros are skipped cannot be seen here. Do: choose another pattern, "
        "sparsity or machine.",
        f->gain.value, allowed ? "expected either" : "allowed", spr_speedup_possible(f->j));
}

static void cannot_tell(const struct figures *f)
{
    char errors[64], better[120] = "";
    const double possible = spr_speedup_possible(f->j);
    const double needed = spr_error_needed(possible);
    if (needed >= 1e-3) {
        snprintf(better, sizeof better,
                 "measure to %.2g %% or better and say so (dense=42ms+-%.2g%%), or ",
                 100 * needed, 100 * needed);
    }
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: cannot tell. With %s the gain is %.3gx to %.3gx, which covers both no "
             "gain and half or more of the gain that %s (%.3gx): zeros may be skipped or not. "
             "Do: %stime the pruned layers alone (--times), which may gain more.",
             spr_errors_text(&f->j->errors, errors), f->gain.low, f->gain.high,
             possible < f->allowed ? "is expected" : "the hardware allows", possible, better);
}

static void same_time(const struct figures *f)
{
    const struct spr_pattern *pattern = &f->e->result->variant->pattern;
    const bool fixed = pattern->kind && !isnan(spr_pattern_fixed_sparsity(pattern));
    const bool tried = f->j->two.fuller_s > 0;
    snprintf(
        f->text, SPR_FINDING_TEXT,
        "Verdict: dense and sparse take the same time (%.2fx) although %.1f %% of the "
        "prunable weights are zeros and the hardware allows %.2fx. Two readings: the "
        "zeros are not skipped, for want of a sparse format or of a kernel for this "
        "pattern (a mask alone changes no time); or they are skipped by a kernel far from "
        "its bound (%.3g %% of it). ",
        f->gain.value, 100 * (1 - f->j->density), f->allowed, f->sparse);
    const size_t used = strlen(f->text);
    snprintf(f->text + used, SPR_FINDING_TEXT - used, "%s",
             fixed
                 ? "This pattern has one sparsity: the runtime's profile tells which kernels "
                   "ran."
             : tried ? "The times at two sparsities do not tell them apart: take sparsities "
                       "further apart."
                     : "The test: the time at another sparsity. If it stays, zeros are not "
                       "skipped; if it follows, they are. --times with rows at both "
                       "sparsities decides.");
}

static void not_skipped(const struct figures *f)
{
    const struct spr_two_sparsities *two = &f->j->two;
    snprintf(
        f->text, SPR_FINDING_TEXT,
        "Verdict: zeros are not skipped. Sparse takes as long as dense (%.2fx), and as "
        "long with fewer zeros as with more (%.2fx, where skipping gives %.2fx). Check "
        "that the runtime stores the weights in a sparse format and has a kernel for this "
        "pattern; a mask alone changes no time. The hardware allows %.2fx.",
        f->gain.value, two->fuller_s / two->emptier_s,
        two->fuller_bound_s / two->emptier_bound_s, f->allowed);
}

static void skipped_slowly(const struct figures *f)
{
    const struct spr_two_sparsities *two = &f->j->two;
    snprintf(
        f->text, SPR_FINDING_TEXT,
        "Verdict: zeros are skipped, by a kernel far from its bound. Sparse takes as long "
        "as dense (%.2fx), but less with more zeros (%.2fx). It reaches %.3g %% of its "
        "bound, the dense kernel %.3g %%; the hardware allows %.2fx. Do: look for a "
        "better sparse kernel, or a pattern that has one.",
        f->gain.value, two->fuller_s / two->emptier_s, f->sparse, f->dense, f->allowed);
}

static void skipped_in_part(const struct figures *f)
{
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: zeros are skipped (%.2fx), but the sparse kernel reaches %.3g %% of "
             "its bound and the dense one %.3g %%: a sparse kernel as good as the dense "
             "one would bring %.2fx.",
             f->gain.value, f->sparse, f->dense, f->allowed);
}

static void slow_baseline(const struct figures *f)
{
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: %.2fx is more than the %.2fx allowed: the dense kernel reaches only "
             "%.3g %% of its bound, the sparse one %.3g %%. Part of the speedup is a slow "
             "baseline.",
             f->gain.value, f->allowed, f->dense, f->sparse);
}

static void as_allowed(const struct figures *f)
{
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: %.2fx measured, %.2fx allowed: both kernels reach about the same "
             "share of their bounds, so the model's ratio holds.",
             f->gain.value, f->allowed);
}

static void layers_differ(const struct figures *f)
{
    const size_t *count = f->fates->count;
    snprintf(f->text, SPR_FINDING_TEXT,
             "Verdict: layers differ: %zu faster than dense, %zu slower, %zu alike although "
             "more is allowed, %zu cannot be told; together %.2fx of %.2fx allowed. Do: leave "
             "dense what is slower (then %.2fx), and judge the others one by one.",
             count[SPR_FATE_FASTER], count[SPR_FATE_SLOWER], count[SPR_FATE_SAME],
             count[SPR_FATE_OPEN], f->gain.value, f->allowed,
             f->fates->dense_s / f->fates->best_s);
}

const char *spr_finding_text(enum spr_finding finding, const struct spr_told *told, char *text)
{
    static void (*const words[SPR_FINDING_COUNT])(const struct figures *) = {
        [SPR_FINDING_BELOW_BOUND] = below_bound,
        [SPR_FINDING_RESIDENT] = resident,
        [SPR_FINDING_NO_ZEROS] = no_zeros,
        [SPR_FINDING_SOMETHING_ELSE] = something_else,
        [SPR_FINDING_SET_UP] = set_up,
        [SPR_FINDING_SLOWER] = slower,
        [SPR_FINDING_NOTHING_ALLOWED] = nothing_allowed,
        [SPR_FINDING_CANNOT_TELL] = cannot_tell,
        [SPR_FINDING_SAME_TIME] = same_time,
        [SPR_FINDING_NOT_SKIPPED] = not_skipped,
        [SPR_FINDING_SKIPPED_SLOWLY] = skipped_slowly,
        [SPR_FINDING_SKIPPED_IN_PART] = skipped_in_part,
        [SPR_FINDING_SLOW_BASELINE] = slow_baseline,
        [SPR_FINDING_AS_ALLOWED] = as_allowed,
        [SPR_FINDING_LAYERS_DIFFER] = layers_differ,
    };
    const struct spr_judged *j = told->judged;
    const struct spr_measured reached = spr_percent_reached(&j->bound, &j->measured);
    struct figures figures = {.e = told->explanation,
                              .j = j,
                              .fates = told->fates,
                              .gain = spr_gain_of(&j->measured, &j->errors),
                              .allowed = spr_speedup_allowed(&j->bound),
                              .dense = reached.dense_s,
                              .sparse = reached.sparse_s};
    figures.text = text;
    words[finding](&figures);
    return text;
}
