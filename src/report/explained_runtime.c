/* SPDX-License-Identifier: Apache-2.0 */
/* The user's runtime: its times, its gain and the verdict on them. */
#include "report/explained_runtime.h"

#include <math.h>

#include "base/table.h"
#include "report/verdict_text.h"

/* Percent of the expected time and of the bound a measured time reaches. expected_s NAN: nothing
 * is expected. */
static void put_fraction(FILE *file, const char *what, double bound_s, double expected_s,
                         double measured_s)
{
    char bound[24], measured[24], expected[24];
    fprintf(file, "  %-7s %10s measured, ", what, spr_format_seconds(measured_s, measured));
    if (isfinite(expected_s)) {
        fprintf(file, "%10s expected: %.3g %% of it reached\n%31s",
                spr_format_seconds(expected_s, expected), 100 * expected_s / measured_s, "");
    }
    fprintf(file, "%10s bound: %.3g %% of the bound reached\n",
            spr_format_seconds(bound_s, bound), 100 * bound_s / measured_s);
}

/* The share of a gain in whole percent, never "-0". */
static double percent(double speedup, double most)
{
    return round(100 * spr_gain_share(speedup, most)) + 0.0;
}

/* A speedup that is allowed or expected; with `share` how much of it was gained, and between what
 * the errors leave it. */
static void put_share(FILE *file, const struct spr_gain *gain, double most, bool share,
                      const char *what)
{
    fprintf(file, "%31s%.3gx %s", "", most, what);
    if (share && most >= SPR_PAYS && gain->high > 1) {
        fprintf(file, ": %.0f %% of that gain (%.0f to %.0f %%)", percent(gain->value, most),
                percent(gain->low, most), percent(gain->high, most));
    }
    fputc('\n', file);
}

static void put_gain(FILE *file, const struct spr_judged *j, enum spr_finding finding)
{
    char errors[64];
    const struct spr_gain gain = spr_gain_of(&j->measured, &j->errors);
    /* else the gain is not of the zeros */
    const bool share = finding != SPR_FINDING_BELOW_BOUND && finding != SPR_FINDING_RESIDENT &&
                       finding != SPR_FINDING_NO_ZEROS &&
                       finding != SPR_FINDING_SOMETHING_ELSE;
    fprintf(file, "  %-7s %9.3gx measured, %.3gx to %.3gx with %s\n", "gain", gain.value,
            gain.low, gain.high, spr_errors_text(&j->errors, errors));
    if (isfinite(j->expected.sparse_s)) {
        put_share(file, &gain, spr_speedup_allowed(&j->expected), share, "expected");
    }
    put_share(file, &gain, spr_speedup_allowed(&j->bound), share, "allowed");
}

const char *spr_zeros_name(enum spr_zeros zeros)
{
    static const char *const names[] = {"multiplied", "unpacked", "skipped"};
    return names[zeros];
}

/* What is known of the runtime that was named. */
static void put_known(FILE *file, const struct spr_explanation *e)
{
    static const char *const words[] = {
        [SPR_ZEROS_MULTIPLIED] = "multiplies the zeros of this pattern like any other weight",
        [SPR_ZEROS_UNPACKED] = "stores the zeros of this pattern packed and multiplies them",
        [SPR_ZEROS_SKIPPED] = "skips the zeros of this pattern"};
    const struct spr_runtime *runtime = e->runtime;
    char text[700];
    if (!runtime) {
        return;
    }
    snprintf(text, sizeof text, "Known of %s: it %s: %s.", runtime->name,
             words[runtime->zeros], runtime->condition);
    fputc('\n', file);
    spr_text_wrapped(file, text, 0);
    fprintf(file, "(%s, looked up %s)\n", runtime->source, runtime->looked_up);
}

static void emit_known(struct spr_emit *out, const struct spr_runtime *runtime)
{
    spr_emit_open(out, "runtime", '{');
    spr_emit_text(out, "name", runtime->name);
    spr_emit_text(out, "zeros", spr_zeros_name(runtime->zeros));
    spr_emit_text(out, "condition", runtime->condition);
    spr_emit_text(out, "source", runtime->source);
    spr_emit_text(out, "looked_up", runtime->looked_up);
    spr_emit_close(out, '}');
}

void spr_explained_runtime(FILE *file, const struct spr_analysis *a,
                           const struct spr_explanation *e)
{
    char text[SPR_FINDING_TEXT];
    struct spr_layer_fates fates;
    if (!e->measured) {
        put_known(file, e);
        return;
    }
    const struct spr_judged j = spr_judge(a, e);
    const enum spr_finding finding = spr_judge_finding(a, e, &j, &fates);
    const struct spr_told told = {e, &j, &fates};
    fprintf(file, e->times ? "\nYour runtime, the measured layers:\n" : "\nYour runtime:\n");
    put_fraction(file, "dense", j.bound.dense_s, j.expected.dense_s, j.measured.dense_s);
    put_fraction(file, "sparse", j.bound.sparse_s, j.expected.sparse_s, j.measured.sparse_s);
    put_gain(file, &j, finding);
    fputc('\n', file);
    spr_text_wrapped(file, spr_finding_text(finding, &told, text), 0);
    put_known(file, e);
}

/* false and true where the verdict knows, else null. */
static void emit_not_skipped(struct spr_emit *out, enum spr_finding finding)
{
    const bool skipped =
        finding == SPR_FINDING_SKIPPED_SLOWLY || finding == SPR_FINDING_SKIPPED_IN_PART ||
        finding == SPR_FINDING_SLOW_BASELINE || finding == SPR_FINDING_AS_ALLOWED;
    if (skipped || finding == SPR_FINDING_NOT_SKIPPED) {
        spr_emit_bool(out, "zeros_not_skipped", !skipped);
    } else {
        spr_emit_null(out, "zeros_not_skipped");
    }
}

static void emit_gain(struct spr_emit *out, const struct spr_judged *j)
{
    const struct spr_gain gain = spr_gain_of(&j->measured, &j->errors);
    spr_emit_number(out, "dense_error", j->errors.dense);
    spr_emit_number(out, "sparse_error", j->errors.sparse);
    spr_emit_number(out, "gain", gain.value);
    spr_emit_number(out, "gain_low", gain.low);
    spr_emit_number(out, "gain_high", gain.high);
    spr_emit_number(out, "gain_allowed", spr_speedup_allowed(&j->bound));
}

void spr_emit_runtime(struct spr_emit *out, const struct spr_analysis *a,
                      const struct spr_explanation *e)
{
    if (e->runtime) {
        emit_known(out, e->runtime);
    }
    if (!e->measured) {
        spr_emit_null(out, "measured");
        return;
    }
    const struct spr_judged j = spr_judge(a, e);
    const enum spr_finding finding = spr_judge_finding(a, e, &j, NULL);
    spr_emit_open(out, "measured", '{');
    spr_emit_number(out, "dense_s", j.measured.dense_s);
    spr_emit_number(out, "sparse_s", j.measured.sparse_s);
    spr_emit_number(out, "dense_fraction_of_bound", j.bound.dense_s / j.measured.dense_s);
    spr_emit_number(out, "sparse_fraction_of_bound", j.bound.sparse_s / j.measured.sparse_s);
    if (spr_result_answer(e->result, true).expected) {
        spr_emit_number(out, "dense_fraction_of_expected",
                        j.expected.dense_s / j.measured.dense_s);
        spr_emit_number(out, "sparse_fraction_of_expected",
                        j.expected.sparse_s / j.measured.sparse_s);
    }
    spr_emit_number(out, "share_of_dense_bound", e->times ? e->sums.share : 1);
    emit_gain(out, &j);
    spr_emit_text(out, "verdict", spr_finding_name(finding));
    emit_not_skipped(out, finding);
    spr_emit_close(out, '}');
}
