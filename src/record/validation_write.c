/* SPDX-License-Identifier: Apache-2.0 */
/* Validation records, written. Keys: src/record/README.md, "Of validate". */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/emit.h"
#include "record/record_keys.h"
#include "record/record_parts.h"
#include "sproof/validation.h"

const struct spr_record_kind spr_validation_kind = {"sproof/validation", 2, "sproof validate"};

/* Times are known to some digits; more would be most of the file. */
static double rounded(double seconds)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", seconds);
    return isnan(seconds) ? seconds : strtod(text, NULL);
}

/* One list for each figure of the samples: they are many. */
static void put_canary(struct spr_emit *out, const struct spr_measurement *m, int canary)
{
    spr_emit_open(out, spr_canary_name((enum spr_canary)canary), '{');
    for (int after = 0; after < 2; after++) {
        spr_emit_open(out, after ? "after_s" : "before_s", '[');
        for (size_t i = 0; i < m->sample_count; i++) {
            const struct spr_timed *t = &m->samples[i];
            spr_emit_number(out, NULL, rounded((after ? t->after_s : t->before_s)[canary]));
        }
        spr_emit_close(out, ']');
    }
    spr_emit_close(out, '}');
}

static bool has_canary(const struct spr_measurement *m, int canary)
{
    for (size_t i = 0; i < m->sample_count; i++) {
        if (!isnan(m->samples[i].before_s[canary])) {
            return true;
        }
    }
    return false;
}

/* The numbers of the samples that were, from 0; nothing where none was. */
static void put_preempted(struct spr_emit *out, const struct spr_measurement *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->sample_count; i++) {
        if (m->samples[i].preempted && count++ == 0) {
            spr_emit_open(out, "preempted", '[');
        }
        if (m->samples[i].preempted) {
            spr_emit_number(out, NULL, (double)i);
        }
    }
    if (count > 0) {
        spr_emit_close(out, ']');
    }
}

static void put_samples(struct spr_emit *out, const struct spr_measurement *m)
{
    spr_emit_open(out, "samples", '[');
    for (size_t i = 0; i < m->sample_count; i++) {
        spr_emit_number(out, NULL, rounded(m->samples[i].seconds));
    }
    spr_emit_close(out, ']');
    spr_emit_open(out, "at_s", '[');
    for (size_t i = 0; i < m->sample_count; i++) {
        spr_emit_number(out, NULL, rounded(m->samples[i].at_s));
    }
    spr_emit_close(out, ']');
    spr_emit_open(out, "visit", '[');
    for (size_t i = 0; i < m->sample_count; i++) {
        spr_emit_number(out, NULL, m->samples[i].visit);
    }
    spr_emit_close(out, ']');
    put_preempted(out, m);
    spr_emit_open(out, "canaries", '{');
    for (int c = 0; c < SPR_CANARIES; c++) {
        if (has_canary(m, c)) {
            put_canary(out, m, c);
        }
    }
    spr_emit_close(out, '}');
}

static void put_measured(struct spr_emit *out, const struct spr_measurement *measured)
{
    spr_emit_open(out, "measured", '{');
    spr_emit_number(out, "time_s", measured->time_s);
    spr_emit_number(out, "low_s", measured->low_s);
    spr_emit_number(out, "high_s", measured->high_s);
    spr_emit_text(out, "judged_by", measured->by_median ? "median" : "undisturbed");
    spr_emit_text(out, "doubt", spr_doubt_name(measured->doubt));
    spr_emit_number(out, "visits", measured->visits);
    spr_emit_number(out, "undisturbed_share", measured->undisturbed_share);
    spr_emit_number(out, "median_s", measured->median_s);
    put_samples(out, measured);
    spr_emit_close(out, '}');
}

static void put_dense(struct spr_emit *out, const struct spr_validation_dense *dense)
{
    if (!dense->kernel) {
        spr_emit_null(out, "dense");
        return;
    }
    spr_emit_open(out, "dense", '{');
    spr_emit_text(out, "kernel", dense->kernel);
    spr_emit_number(out, "bound_s", dense->bound_s);
    spr_emit_number(out, "expected_s", dense->expected_s);
    put_measured(out, &dense->measured);
    spr_emit_number(out, "fraction_of_bound", dense->fraction_of_bound);
    spr_emit_close(out, '}');
}

void spr_validation_put_what(struct spr_emit *out, const struct spr_validation_case *c)
{
    char text[SPR_PATTERN_TEXT];
    spr_emit_text(out, "layer", c->layer);
    spr_emit_text(out, "variant", c->variant);
    spr_emit_number(out, "m", (double)c->m);
    spr_emit_number(out, "k", (double)c->k);
    spr_emit_number(out, "n", (double)c->n);
    spr_emit_number(out, "count", c->count);
    spr_emit_text(out, "pattern", spr_pattern_text(&c->pattern, text));
    spr_emit_number(out, "sparsity", c->sparsity);
}

void spr_validation_put_run(struct spr_emit *out, const struct spr_validation_case *c)
{
    spr_emit_text(out, "mask", c->real_mask ? "real" : "random");
    spr_emit_text(out, "isa", spr_validation_isa(c));
    spr_emit_number(out, "threads", c->threads);
    spr_emit_text(out, "residency", spr_residency_name(c->residency));
    spr_emit_text(out, "kernel", c->kernel);
    spr_emit_number(out, "bound_s", c->bound_s);
    spr_emit_number(out, "expected_s", c->expected_s);
    spr_emit_text(out, "expected_bound", c->expected_bound);
}

void spr_validation_put_errors(struct spr_emit *out, const struct spr_validation_case *c)
{
    spr_emit_number(out, "bound_speedup", c->bound_speedup);
    spr_emit_number(out, "expected_speedup", c->expected_speedup);
    spr_emit_number(out, "measured_speedup", c->measured_speedup);
    spr_emit_number(out, "error", c->error);
    spr_emit_number(out, "speedup_error", c->speedup_error);
    spr_emit_number(out, "max_error_ratio", c->max_error_ratio);
    spr_emit_bool(out, "above_roof", c->above_roof);
    spr_emit_bool(out, "inconclusive", c->inconclusive);
}

static void put_tuned(struct spr_emit *out, const struct spr_validation_case *c)
{
    if (c->tried_count == 0) {
        spr_emit_null(out, "tuned");
        return;
    }
    spr_emit_open(out, "tuned", '{');
    spr_emit_number(out, "chosen", (double)c->chosen);
    spr_emit_open(out, "plans", '[');
    for (size_t i = 0; i < c->tried_count; i++) {
        const struct spr_tried_plan *t = &c->tried[i];
        spr_emit_open(out, NULL, '{');
        spr_emit_number(out, "rows", t->rows);
        spr_emit_number(out, "vectors", t->vectors);
        spr_emit_number(out, "tokens", t->tokens);
        spr_emit_number(out, "panel", (double)t->panel);
        spr_emit_number(out, "expected_s", t->expected_s);
        spr_emit_number(out, "time_s", t->time_s);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    spr_emit_close(out, '}');
}

static void put_case(struct spr_emit *out, const struct spr_validation_case *c)
{
    spr_emit_open(out, NULL, '{');
    spr_validation_put_what(out, c);
    spr_emit_number(out, "nnz", c->nnz);
    spr_emit_number(out, "kept", c->kept);
    spr_validation_put_run(out, c);
    put_measured(out, &c->measured);
    spr_emit_number(out, "fraction_of_bound", c->fraction_of_bound);
    put_dense(out, &c->dense);
    spr_validation_put_errors(out, c);
    put_tuned(out, c);
    spr_emit_close(out, '}');
}

static void put_summary(struct spr_emit *out, const char *key,
                        const struct spr_validation_summary *s)
{
    spr_emit_open(out, key, '{');
    spr_emit_text(out, "mask", s->real_mask ? "real" : "random");
    spr_emit_number(out, "threads", s->threads);
    spr_emit_number(out, "cases", (double)s->cases);
    spr_emit_number(out, "inconclusive", (double)s->inconclusive);
    spr_emit_number(out, "median_abs_error", s->median_abs_error);
    spr_emit_number(out, "p90_abs_error", s->p90_abs_error);
    spr_emit_number(out, "bias", s->bias);
    spr_emit_number(out, "within_10_percent", s->within_10_percent);
    spr_emit_number(out, "speedup_median_abs_error", s->speedup_median_abs_error);
    spr_emit_number(out, "speedup_p90_abs_error", s->speedup_p90_abs_error);
    spr_emit_number(out, "speedup_within_10_percent", s->speedup_within_10_percent);
    spr_emit_number(out, "above_roof", (double)s->above_roof);
    spr_emit_close(out, '}');
}

/* `summary` is the group with the most cases, the first of equals; `summaries` are all
 * groups: random and real masks and thread counts are never mixed in one figure. */
static void put_summaries(struct spr_emit *out, const struct spr_validation *v)
{
    struct spr_validation_summary largest = {0}, s;
    size_t most = 0;
    spr_emit_open(out, "summaries", '[');
    for (size_t i = 0; i < v->case_count; i++) {
        if (spr_validation_opens_group(v, i)) {
            (void)spr_validation_summarise(v, v->cases[i].real_mask, v->cases[i].threads, &s);
            put_summary(out, NULL, &s);
            if (s.cases + s.inconclusive > most) {
                most = s.cases + s.inconclusive;
                largest = s;
            }
        }
    }
    spr_emit_close(out, ']');
    if (most > 0) {
        put_summary(out, "summary", &largest);
    } else {
        spr_emit_null(out, "summary");
    }
}

/* Doubles hold integers up to 2^53; a larger seed is a text. */
static void put_seed(struct spr_emit *out, uint64_t seed)
{
    char text[24];
    if (seed < (uint64_t)1 << 53) {
        spr_emit_number(out, "seed", (double)seed);
        return;
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    spr_emit_text(out, "seed", text);
}

static void put_parts(struct spr_emit *out, const struct spr_validation *v, const char *key,
                      const double *part_s)
{
    static const char *const keys[SPR_END_TO_END_PARTS] = {
        "attention_linear_s", "feed_forward_s", "attention_s", "gelu_s", "layer_norm_s"};
    spr_emit_open(out, key, '{');
    const char *const *names = v->part_names ? v->part_names : keys;
    const int count = v->part_names ? SPR_END_TO_END_PARTS_MAX : SPR_END_TO_END_PARTS;
    for (int p = 0; p < count; p++) {
        spr_emit_number(out, names[p], part_s[p]);
    }
    spr_emit_close(out, '}');
}

static void put_end_to_end(struct spr_emit *out, const struct spr_validation *v,
                           const struct spr_end_to_end_case *c)
{
    char text[SPR_PATTERN_TEXT];
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "variant", c->variant);
    spr_emit_text(out, "pattern",
                  c->pattern.kind ? spr_pattern_text(&c->pattern, text) : "mixed");
    spr_emit_number(out, "sparsity", c->sparsity);
    spr_emit_number(out, "weight_bytes", c->weight_bytes);
    spr_emit_number(out, "expected_s", c->expected_s);
    put_parts(out, v, "expected_parts", c->expected_part_s);
    put_measured(out, &c->measured);
    put_parts(out, v, "measured_parts", c->part_s);
    spr_emit_number(out, "expected_speedup", c->expected_speedup);
    spr_emit_number(out, "measured_speedup", c->measured_speedup);
    spr_emit_number(out, "amdahl_ceiling", c->amdahl_ceiling);
    spr_emit_number(out, "error", c->error);
    spr_emit_number(out, "speedup_error", c->speedup_error);
    spr_emit_number(out, "max_error_ratio", c->max_error_ratio);
    spr_emit_bool(out, "inconclusive", c->inconclusive);
    spr_emit_close(out, '}');
}

static void put_encoders(struct spr_emit *out, const struct spr_validation *v)
{
    if (v->end_to_end_count == 0) {
        spr_emit_null(out, "tokens");
        spr_emit_null(out, "transfer_s");
        spr_emit_null(out, "end_to_end");
        return;
    }
    spr_emit_number(out, "tokens", v->part_names ? (double)NAN : (double)v->tokens);
    spr_emit_number(out, "transfer_s", v->transfer_s);
    spr_emit_open(out, "end_to_end", '[');
    for (size_t i = 0; i < v->end_to_end_count; i++) {
        put_end_to_end(out, v, &v->end_to_end[i]);
    }
    spr_emit_close(out, ']');
}

static void put_validation(struct spr_emit *out, const struct spr_validation *v)
{
    spr_record_put_head(out, &spr_validation_kind, &v->head, &v->machine);
    if (v->options.batch_count > 0) {
        spr_record_put_options(out, &v->options, NULL);
    } else {
        spr_emit_null(out, "options");
    }
    spr_emit_number(out, "flops_per_mac", 2);
    put_seed(out, v->seed);
    spr_emit_number(out, "drift", v->drift);
    spr_emit_number(out, "peak_flops_per_s", v->peak_flops_per_s);
    spr_emit_text(out, "layout", spr_layout_name(v->layout));
    spr_emit_text(out, "openblas_core", v->openblas_core);
    spr_emit_bool(out, "interrupted", v->interrupted);
    spr_emit_open(out, "cases", '[');
    for (size_t i = 0; i < v->case_count; i++) {
        put_case(out, &v->cases[i]);
    }
    spr_emit_close(out, ']');
    put_encoders(out, v);
    spr_emit_open(out, "not_measured", '[');
    for (size_t i = 0; i < v->not_measured_count; i++) {
        spr_emit_text(out, NULL, v->not_measured[i]);
    }
    spr_emit_close(out, ']');
    put_summaries(out, v);
}

enum spr_status spr_validation_write(FILE *file, const struct spr_validation *validation,
                                     struct spr_error *err)
{
    struct spr_emit *out = spr_emit_new(file, 2);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_emit_open(out, NULL, '{');
    put_validation(out, validation);
    spr_emit_close(out, '}');
    spr_emit_newline(out);
    spr_emit_end(out);
    return SPR_OK;
}
