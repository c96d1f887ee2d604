/* SPDX-License-Identifier: Apache-2.0 */
/* A validation in each of its formats: predicted and measured side by side. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "record/record_keys.h"
#include "report/figures.h"
#include "report/report_format.h"

#define REASONS_MAX 8

/* A rate within this of the first one is the same machine. */
#define DRIFT_NOTED 0.03

/* An inconclusive case without any doubt: its dense time is not that of the other cases. */
static bool dense_noisy(const struct spr_validation_case *c)
{
    return c->dense.measured.doubt != SPR_DOUBT_NONE ||
           (c->inconclusive && c->measured.doubt == SPR_DOUBT_NONE);
}

static void put_line(FILE *file, const struct spr_validation_case *c)
{
    char variant[SPR_TABLE_CELL], expected[24], measured[24], width[24], error[24];
    char speedup[2][24];
    const struct spr_measurement *m = &c->measured;
    const bool noisy = m->doubt != SPR_DOUBT_NONE, none = noisy || isnan(c->measured_speedup);
    snprintf(width, sizeof width, "%.1f%%", 50 * (m->high_s - m->low_s) / m->time_s);
    fprintf(file, "  %-15s %8s %8s %6s %6s %8s %8s  %s%s\n",
            spr_text_short(c->variant, 15, variant),
            spr_seconds_or_dash(c->expected_s, expected),
            noisy ? "noisy" : spr_seconds_or_dash(m->time_s, measured), noisy ? "-" : width,
            noisy ? "-" : spr_error_or_dash(c->error, error),
            spr_factor_or_dash(c->expected_speedup, speedup[0]),
            none             ? "-"
            : dense_noisy(c) ? "noisy"
                             : spr_factor_or_dash(c->measured_speedup, speedup[1]),
            c->expected_bound ? c->expected_bound : "-", c->above_roof ? " !" : "");
}

/* A speedup over a slow baseline is no speedup: how good the dense one is. */
static void put_shape(FILE *file, const struct spr_validation *v,
                      const struct spr_validation_case *c)
{
    char layer[SPR_TABLE_CELL], time[24];
    const struct spr_validation_dense *dense = &c->dense;
    double flops = 2 * (double)c->m * (double)c->k * (double)c->n;
    fprintf(file, "\n%s  %lldx%lld, n %lld\n", spr_text_short(c->layer, 40, layer),
            (long long)c->m, (long long)c->k, (long long)c->n);
    if (!dense->kernel) {
        return;
    }
    fprintf(file, "  dense %s by %s", spr_seconds_or_dash(dense->measured.time_s, time),
            dense->kernel);
    const bool noisy = dense_noisy(c);
    fputs(noisy ? ", noisy" : "", file);
    if (!noisy && !isnan(v->peak_flops_per_s)) {
        fprintf(file, ", %.0f %% of peak",
                100 * flops / dense->measured.time_s / v->peak_flops_per_s);
    }
    if (!noisy && !isnan(dense->fraction_of_bound)) {
        fprintf(file, ", %.0f %% of its bound", 100 * dense->fraction_of_bound);
    }
    fputc('\n', file);
}

/* Of times that cannot be: what was found, and what may help besides what was done. */
static void put_above(FILE *file, const struct spr_validation *v, size_t count, double most)
{
    char line[400];
    const char *help =
        !v->machine.probed ? "these were not measured here (sproof probe does)"
        : v->cases[0].gpu  ? "it was slower when it was probed; probe it again while idle"
                          : "this machine was slower when it was probed; sproof probe --noise "
                            "tells whether a neighbour holds it: probe again when none does";
    snprintf(line, sizeof line,
             "! %zu case%s up to %.0f %% faster than the bound, past its highest rates: %s",
             count, count == 1 ? "" : "s", 100 * (most - 1), help);
    fputc('\n', file);
    spr_text_wrapped(file, line, 0);
}

static void put_cases(FILE *file, const struct spr_validation *v)
{
    size_t above = 0;
    double most = 1;
    fprintf(file, "\n  %-15s %8s %8s %6s %6s %8s %8s  %s\n", "", "expected", "measured", "+-",
            "error", "speedup", "measured", "limit");
    for (size_t i = 0; i < v->case_count; i++) {
        const struct spr_validation_case *c = &v->cases[i], *last = c - 1;
        if (i == 0 || c->m != last->m || c->k != last->k || c->n != last->n) {
            put_shape(file, v, c);
        }
        put_line(file, c);
        above += c->above_roof;
        most = c->above_roof
                   ? fmax(most, fmax(c->fraction_of_bound, c->dense.fraction_of_bound))
                   : most;
    }
    if (above > 0) {
        put_above(file, v, above, most);
    }
}

const char *spr_validation_where(const struct spr_validation *v, char text[64])
{
    const struct spr_validation_case *c = &v->cases[0];
    if (c->gpu) {
        snprintf(text, 64, "%s, %s", spr_validation_isa(c), spr_dtype_name(v->options.dtype));
    } else {
        snprintf(text, 64, "%s, %d thread%s, f32", spr_validation_isa(c), c->threads,
                 c->threads == 1 ? "" : "s");
    }
    return text;
}

static void put_context(FILE *file, const struct spr_validation *v)
{
    char line[SPR_TABLE_CELL * 4], machine[SPR_TABLE_CELL], where[64], drift[SPR_DRIFT_TEXT];
    const struct spr_validation_case *c = v->case_count ? &v->cases[0] : NULL;
    const char *description = v->machine.description;
    spr_text_short(description ? description : "this machine", 60, machine);
    if (c) {
        snprintf(line, sizeof line,
                 "measured on %s, %s, %s caches, seed %llu; 2 FLOP per multiply-add", machine,
                 spr_validation_where(v, where), spr_residency_name(c->residency),
                 (unsigned long long)v->seed);
        spr_text_wrapped(file, line, 0);
    }
    if (!isnan(v->peak_flops_per_s)) {
        const char *changed = fabs(v->drift) > DRIFT_NOTED ? ": the machine changed" : "";
        if (spr_format_drift(v->drift, v->peak_flops_per_s, drift)) {
            snprintf(line, sizeof line, "multiply-add rate of this run: %s%s", drift, changed);
        } else {
            snprintf(line, sizeof line,
                     "multiply-add rate of this run: %.4g GFLOP/s, %+.1f %% at its end%s",
                     v->peak_flops_per_s / 1e9, 100 * v->drift, changed);
        }
        spr_text_wrapped(file, line, 0);
    }
    if (v->openblas_core) {
        fprintf(file, "OpenBLAS chose its %s kernels\n", v->openblas_core);
    }
}

static void put_summary(FILE *file, const struct spr_validation *v,
                        const struct spr_validation_summary *s)
{
    char threads[32];
    snprintf(threads, sizeof threads, ", %d thread%s", s->threads, s->threads == 1 ? "" : "s");
    fprintf(file, "%s masks%s: %zu cases", s->real_mask ? "real" : "random",
            v->cases[0].gpu ? "" : threads, s->cases);
    if (s->inconclusive) {
        fprintf(file, " and %zu too noisy", s->inconclusive);
    }
    if (s->above_roof) {
        fprintf(file, ", %zu above the roof", s->above_roof);
    }
    fputc('\n', file);
    if (!isnan(s->median_abs_error)) {
        fprintf(file,
                "  time:    median error %4.1f %%, 90 %% within %4.1f %%, bias %+.1f %%\n",
                100 * s->median_abs_error, 100 * s->p90_abs_error, 100 * s->bias);
    }
    if (!isnan(s->speedup_median_abs_error)) {
        fprintf(file,
                "  speedup: median error %4.1f %%, 90 %% within %4.1f %%, %.0f %% of cases "
                "within 10 %%\n",
                100 * s->speedup_median_abs_error, 100 * s->speedup_p90_abs_error,
                100 * s->speedup_within_10_percent);
    }
}

static void put_summaries(FILE *file, const struct spr_validation *v)
{
    fputc('\n', file);
    for (int real = 0; real < 2; real++) {
        for (size_t i = 0; i < v->case_count; i++) {
            struct spr_validation_summary summary;
            if (v->cases[i].real_mask == (real == 1) && spr_validation_opens_group(v, i) &&
                spr_validation_summarise(v, real == 1, v->cases[i].threads, &summary)) {
                put_summary(file, v, &summary);
            }
        }
    }
}

/* The doubt that makes a case inconclusive; none: its dense time differs from the others'. */
static const struct spr_measurement *doubted(const struct spr_validation_case *c)
{
    return c->measured.doubt != SPR_DOUBT_NONE ? &c->measured : &c->dense.measured;
}

/* Why cases are too noisy, and how much of the time was left undisturbed meanwhile. */
static void put_doubts(FILE *file, const struct spr_validation *v)
{
    static const char *const words[SPR_DOUBTS] = {
        [SPR_DOUBT_NONE] = "the dense time is not that of the other cases",
        [SPR_DOUBT_FEW] = "too few samples",
        [SPR_DOUBT_NEIGHBOUR] = "a neighbour held the core in all visits, or all but one",
        [SPR_DOUBT_LONG] = "calls are longer than what neighbours leave",
        [SPR_DOUBT_VISITS] = "no two visits agree within 2 %",
        [SPR_DOUBT_ONCE] = "the only visit's quickest calls differ or were disturbed",
        [SPR_DOUBT_SPREAD] = "the median's interval is wide"};
    for (int d = 0; d < SPR_DOUBTS; d++) {
        size_t count = 0;
        double least = HUGE_VAL;
        for (size_t i = 0; i < v->case_count; i++) {
            const struct spr_measurement *m = doubted(&v->cases[i]);
            if (v->cases[i].inconclusive && (int)m->doubt == d) {
                count++;
                least = fmin(least, m->undisturbed_share);
            }
        }
        if (count > 0) {
            fprintf(file, "too noisy: %zu, %s", count, words[d]);
            if (least < HUGE_VAL) {
                fprintf(file, "\n  (at least %.0f %% of the moments were undisturbed)",
                        100 * least);
            }
            fputc('\n', file);
        }
    }
}

/* Less sure than two visits, some seconds apart. */
static void put_visits(FILE *file, const struct spr_validation *v)
{
    size_t once = 0;
    for (size_t i = 0; i < v->case_count; i++) {
        once += v->cases[i].measured.visits == 1 && !v->cases[i].measured.by_median;
    }
    if (once > 0) {
        fprintf(file, "one visit only, which is less sure: %zu of %zu cases\n", once,
                v->case_count);
    }
}

/* "comp:4: no kernel" -> "no kernel". */
static const char *reason_of(const char *line)
{
    const char *reason = line;
    for (const char *at = strstr(line, ": "); at; at = strstr(at + 1, ": ")) {
        reason = at + 2;
    }
    return reason;
}

/* One line for all that share the reason of the one at `first`. */
static void put_reason(FILE *file, const struct spr_validation *v, size_t first)
{
    const char *reason = reason_of(v->not_measured[first]);
    char what[SPR_TABLE_CELL], cell[SPR_TABLE_CELL];
    size_t others = 0;
    int length = (int)(reason - v->not_measured[first]) - 2;
    for (size_t i = first + 1; i < v->not_measured_count; i++) {
        others += strcmp(reason_of(v->not_measured[i]), reason) == 0;
    }
    snprintf(what, sizeof what, "%.*s", length > 0 ? length : 0, v->not_measured[first]);
    fprintf(file, "not measured: %.40s: %s", reason, spr_text_short(what, 16, cell));
    if (others) {
        fprintf(file, " and %zu more", others);
    }
    fputc('\n', file);
}

static void put_not_measured(FILE *file, const struct spr_validation *v)
{
    const char *told[REASONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < v->not_measured_count; i++) {
        const char *reason = reason_of(v->not_measured[i]);
        bool known = count == REASONS_MAX;
        for (size_t j = 0; j < count && !known; j++) {
            known = strcmp(told[j], reason) == 0;
        }
        if (!known) {
            told[count++] = reason;
            put_reason(file, v, i);
        }
    }
}

/* How good the model's first choice of a plan was. */
#define AS_FAST 1.05
static void put_tuning(FILE *file, const struct spr_validation *v)
{
    size_t tuned = 0, first = 0;
    double worst = 1;
    for (size_t i = 0; i < v->case_count; i++) {
        const struct spr_validation_case *c = &v->cases[i];
        double fastest_s = HUGE_VAL;
        for (size_t t = 0; t < c->tried_count; t++) {
            fastest_s = fmin(fastest_s, c->tried[t].time_s);
        }
        if (c->tried_count > 0) {
            double loss = c->tried[0].time_s / fastest_s;
            tuned++;
            first += loss <= AS_FAST;
            worst = fmax(worst, loss);
        }
    }
    if (tuned > 0) {
        fprintf(file,
                "tuned: the model's first plan was within 5 %% of the fastest tried in %zu of "
                "%zu\ncases, at worst %.2fx slower\n",
                first, tuned, worst);
    }
}

static void put_table(FILE *file, const struct spr_validation *v, const char *saved)
{
    char verdict[SPR_REASON_TEXT];
    struct spr_validity validity = spr_validation_judge(v);
    put_context(file, v);
    if (v->end_to_end_count > 0) {
        spr_report_end_to_end(file, v);
        if (saved) {
            fprintf(file, "saved %s\n", saved);
        }
        return;
    }
    put_cases(file, v);
    put_summaries(file, v);
    put_doubts(file, v);
    put_visits(file, v);
    put_tuning(file, v);
    put_not_measured(file, v);
    fputc('\n', file);
    spr_text_wrapped(file, spr_validity_text(&validity, verdict), 0);
    if (saved) {
        fprintf(file, "saved %s; next: sproof plot --kind error\n", saved);
    }
}

#define MEASURED_KEYS 7
static void put_measured(struct spr_emit *out, const char *const keys[MEASURED_KEYS],
                         const struct spr_measurement *m)
{
    spr_emit_number(out, keys[0], m->time_s);
    spr_emit_number(out, keys[1], m->low_s);
    spr_emit_number(out, keys[2], m->high_s);
    spr_emit_number(out, keys[3], m->median_s);
    spr_emit_number(out, keys[4], (double)m->sample_count);
    spr_emit_number(out, keys[5], m->visits);
    spr_emit_text(out, keys[6], spr_doubt_name(m->doubt));
}

static void put_flat(struct spr_emit *out, const void *subject, size_t index)
{
    const struct spr_validation_case *c =
        &((const struct spr_validation *)subject)->cases[index];
    static const char *const own[MEASURED_KEYS] = {"time_s",  "low_s",  "high_s", "median_s",
                                                   "samples", "visits", "doubt"};
    static const char *const dense[MEASURED_KEYS] = {
        "dense_time_s",  "dense_low_s",  "dense_high_s", "dense_median_s",
        "dense_samples", "dense_visits", "dense_doubt"};
    spr_validation_put_what(out, c);
    spr_validation_put_run(out, c);
    put_measured(out, own, &c->measured);
    spr_emit_number(out, "fraction_of_bound", c->fraction_of_bound);
    spr_emit_text(out, "dense_kernel", c->dense.kernel);
    spr_emit_number(out, "dense_bound_s", c->dense.bound_s);
    spr_emit_number(out, "dense_expected_s", c->dense.expected_s);
    put_measured(out, dense, &c->dense.measured);
    spr_emit_number(out, "dense_fraction_of_bound", c->dense.fraction_of_bound);
    spr_validation_put_errors(out, c);
}

static enum spr_status write_table(FILE *file, const void *subject,
                                   const struct spr_report *report, struct spr_error *err)
{
    (void)err;
    put_table(file, subject, report->saved);
    return SPR_OK;
}

static enum spr_status write_lines(FILE *file, const void *subject,
                                   const struct spr_report *report, struct spr_error *err)
{
    const struct spr_validation *v = subject;
    const struct spr_report_rows rows = {v, v->case_count, put_flat};
    return spr_report_lines(file, &rows, report->format, err);
}

static enum spr_status write_record(FILE *file, const void *subject,
                                    const struct spr_report *report, struct spr_error *err)
{
    (void)report;
    return spr_validation_write(file, subject, err);
}

const struct spr_formats spr_validation_formats = {{{SPR_FORMAT_TABLE, write_table},
                                                    {SPR_FORMAT_CSV, write_lines},
                                                    {SPR_FORMAT_JSON, write_record}}};

enum spr_status spr_report_validation(FILE *file, const struct spr_validation *validation,
                                      const struct spr_report *report, struct spr_error *err)
{
    return spr_report_as(&spr_validation_formats, file, validation, report, err);
}
