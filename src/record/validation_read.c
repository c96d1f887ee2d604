/* SPDX-License-Identifier: Apache-2.0 */
/* Validation records, read back. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/limits.h"
#include "machine/rates_json.h"
#include "record/record_keys.h"
#include "record/record_parts.h"
#include "sproof/validation.h"

static const struct spr_range any = {-(double)INFINITY, (double)INFINITY, true,
                                     "a number or null"};
static const struct spr_range positive = {SPR_ABOVE_0, (double)INFINITY, true,
                                          "a number above 0 or null"};

/* One figure of every sample; `at` says where it goes. missing: what stands in for null, and for
 * a list that is not there. */
struct column {
    const char *name;
    size_t at; /* in a struct spr_timed */
    bool needed;
};

static void read_column(struct spr_reader *r, const spr_json *object,
                        const struct column *column, struct spr_measurement *measured)
{
    const spr_json *list = spr_json_get(object, column->name);
    const spr_json *item = spr_json_first(list);
    if (!column->needed && spr_json_is_null(list)) {
        return;
    }
    if (!spr_json_is_array(list) || spr_json_count(list) != measured->sample_count) {
        spr_reader_fail(r, column->name, "expected as long a list as samples");
    }
    for (size_t i = 0; item && r->status == SPR_OK; item = spr_json_next(item), i++) {
        double value = (double)NAN;
        if (!spr_json_is_null(item) && (!spr_json_number(item, &value) || !(value >= 0))) {
            spr_reader_fail(r, column->name, "expected a list of numbers, 0 or more, or null");
        }
        memcpy((char *)&measured->samples[i] + column->at, &value, sizeof value);
    }
}

static void read_visits(struct spr_reader *r, const spr_json *object,
                        struct spr_measurement *measured)
{
    static const char *const expected =
        "expected a list of integers 0..1000, as long as samples";
    const spr_json *list = spr_json_get(object, "visit"), *item = spr_json_first(list);
    if (spr_json_is_null(list)) {
        return; /* before schema 2 */
    }
    if (!spr_json_is_array(list) || spr_json_count(list) != measured->sample_count) {
        spr_reader_fail(r, "visit", "%s", expected);
    }
    for (size_t i = 0; item && r->status == SPR_OK; item = spr_json_next(item), i++) {
        double value;
        if (!spr_json_number(item, &value) || !(value >= 0 && value <= 1000) ||
            value != floor(value)) {
            spr_reader_fail(r, "visit", "%s", expected);
        } else {
            measured->samples[i].visit = (int)value;
        }
    }
}

/* Numbers of samples; left out where there are none. */
static void read_preempted(struct spr_reader *r, const spr_json *object,
                           struct spr_measurement *measured)
{
    const spr_json *list = spr_json_get(object, "preempted");
    if (r->status == SPR_OK && !spr_json_is_null(list) && !spr_json_is_array(list)) {
        spr_reader_fail(r, "preempted", "expected a list of numbers of samples");
    }
    const spr_json *item = spr_json_first(list);
    for (; item && r->status == SPR_OK; item = spr_json_next(item)) {
        double value;
        if (!spr_json_number(item, &value) || !(value >= 0) || value != floor(value) ||
            value >= (double)measured->sample_count) {
            spr_reader_fail(r, "preempted", "expected numbers of samples, from 0");
        } else {
            measured->samples[(size_t)value].preempted = true;
        }
    }
}

static void read_canaries(struct spr_reader *r, const spr_json *object,
                          struct spr_measurement *measured)
{
    const spr_json *canaries = spr_json_get(object, "canaries");
    spr_reader_enter(r, "canaries", SIZE_MAX);
    for (int c = 0; c < SPR_CANARIES; c++) {
        const char *name = spr_canary_name((enum spr_canary)c);
        const spr_json *canary = spr_json_get(canaries, name);
        const size_t step = (size_t)c * sizeof(double);
        const struct column before = {"before_s", offsetof(struct spr_timed, before_s) + step,
                                      true};
        const struct column after = {"after_s", offsetof(struct spr_timed, after_s) + step,
                                     true};
        if (!spr_json_is_null(canary)) {
            spr_reader_enter(r, name, SIZE_MAX);
            read_column(r, canary, &before, measured);
            read_column(r, canary, &after, measured);
            spr_reader_leave(r);
        }
    }
    spr_reader_leave(r);
}

static void read_samples(struct spr_reader *r, const spr_json *object,
                         struct spr_measurement *measured)
{
    static const char *const expected = "expected a list of numbers above 0";
    static const struct column at = {"at_s", offsetof(struct spr_timed, at_s), false};
    const spr_json *list = spr_json_get(object, "samples");
    if (!spr_json_is_array(list)) {
        spr_reader_fail(r, "samples", "%s", expected);
    }
    if (r->status == SPR_OK) {
        measured->samples =
            spr_arena_alloc(r->arena, (spr_json_count(list) + 1) * sizeof *measured->samples);
        spr_reader_have(r, measured->samples != NULL);
    }
    const spr_json *item = spr_json_first(list);
    for (; item && r->status == SPR_OK; item = spr_json_next(item)) {
        double seconds;
        if (!spr_json_number(item, &seconds) || !(seconds > 0)) {
            spr_reader_fail(r, "samples", "%s", expected);
        } else {
            measured->samples[measured->sample_count++] = spr_timed_alone(seconds);
        }
    }
    read_column(r, object, &at, measured);
    read_visits(r, object, measured);
    read_preempted(r, object, measured);
    read_canaries(r, object, measured);
}

static void read_doubt(struct spr_reader *r, const spr_json *object,
                       struct spr_measurement *measured)
{
    const char *name = spr_json_get_text(object, "doubt");
    for (int d = 0; d < SPR_DOUBTS; d++) {
        if (name && strcmp(name, spr_doubt_name((enum spr_doubt)d)) == 0) {
            measured->doubt = (enum spr_doubt)d;
            return;
        }
    }
    spr_reader_fail(r, "doubt", "expected none, few, neighbour, long, visits, once or spread");
}

/* A time without doubt lies within its interval. */
static void check_interval(struct spr_reader *r, const char *judged_by,
                           const struct spr_measurement *measured)
{
    if (strcmp(judged_by, "median") != 0 && strcmp(judged_by, "undisturbed") != 0) {
        spr_reader_fail(r, "judged_by", "expected undisturbed or median");
    }
    const bool inside =
        measured->low_s <= measured->time_s && measured->time_s <= measured->high_s;
    if (measured->doubt == SPR_DOUBT_NONE && !inside) {
        spr_reader_fail(r, "time_s", "expected low_s <= time_s <= high_s, all above 0");
    }
}

/* Before schema 2 there was the median, and nothing to tell what disturbed it. */
static void read_measured(struct spr_reader *r, const spr_json *object,
                          struct spr_measurement *measured)
{
    const spr_json *item = spr_reader_object(r, object, "measured", "an object");
    const char *by = spr_json_get_text(item, "judged_by");
    spr_reader_enter(r, "measured", SIZE_MAX);
    measured->median_s = spr_reader_number(r, item, "median_s", &positive);
    measured->low_s = spr_reader_number(r, item, "low_s", &positive);
    measured->high_s = spr_reader_number(r, item, "high_s", &positive);
    measured->by_median = !by || strcmp(by, "median") == 0;
    measured->time_s = measured->median_s;
    measured->visits = 1;
    measured->undisturbed_share = (double)NAN;
    if (by) {
        static const struct spr_range visits = {0, 1000, false, "an integer 0..1000"};
        measured->time_s = spr_reader_number(r, item, "time_s", &positive);
        measured->visits = (int)spr_reader_whole(r, item, "visits", &visits);
        measured->undisturbed_share = spr_reader_number(r, item, "undisturbed_share", &any);
        read_doubt(r, item, measured);
        check_interval(r, by, measured);
    }
    read_samples(r, item, measured);
    spr_reader_leave(r);
}

static void read_dense(struct spr_reader *r, const spr_json *object,
                       struct spr_validation_dense *dense)
{
    dense->bound_s = dense->expected_s = dense->fraction_of_bound = (double)NAN;
    dense->measured = (struct spr_measurement){.time_s = (double)NAN,
                                               .median_s = (double)NAN,
                                               .low_s = (double)NAN,
                                               .high_s = (double)NAN};
    if (spr_json_is_null(spr_json_get(object, "dense"))) {
        return;
    }
    const spr_json *item = spr_reader_object(r, object, "dense", "an object or null");
    dense->kernel = spr_reader_text(r, item, "kernel", true); /* said to be the case's */
    spr_reader_enter(r, "dense", SIZE_MAX);
    dense->bound_s = spr_reader_number(r, item, "bound_s", &positive);
    dense->expected_s = spr_reader_number(r, item, "expected_s", &positive);
    read_measured(r, item, &dense->measured);
    dense->fraction_of_bound = spr_reader_number(r, item, "fraction_of_bound", &any);
    spr_reader_leave(r);
}

static void read_isa(struct spr_reader *r, const spr_json *object,
                     struct spr_validation_case *c)
{
    const char *name = spr_json_get_text(object, "isa");
    c->gpu = name && strcmp(name, "cuda") == 0;
    if (!c->gpu) {
        c->isa = spr_isa_from_json(r, object);
    }
}

static void read_where(struct spr_reader *r, const spr_json *object,
                       struct spr_validation_case *c)
{
    static const struct spr_range threads = {1, 65536, false, "an integer 1..65536"};
    const char *mask = spr_json_get_text(object, "mask");
    if (!mask || (strcmp(mask, "real") != 0 && strcmp(mask, "random") != 0)) {
        spr_reader_fail(r, "mask", "expected real or random");
    }
    c->real_mask = mask && strcmp(mask, "real") == 0;
    read_isa(r, object, c);
    c->threads = (int)spr_reader_whole(r, object, "threads", &threads);
    if (!spr_residency_find(spr_json_get_text(object, "residency"), &c->residency)) {
        spr_reader_fail(r, "residency", "expected dram, warm, cold or network");
    }
}

static void read_what(struct spr_reader *r, const spr_json *object,
                      struct spr_validation_case *c)
{
    static const struct spr_range fraction = {0, 1, false, "a fraction 0..1"};
    static const struct spr_range occurrences = {1, SPR_PRODUCT_MAX, true,
                                                 "an integer 1..2^53"};
    static const struct spr_range counted = {0, SPR_PRODUCT_MAX, true, "a count 0..2^53"};
    c->layer = spr_reader_text(r, object, "layer", true);
    c->variant = spr_reader_text(r, object, "variant", true);
    c->m = spr_reader_whole(r, object, "m", &spr_record_size);
    c->k = spr_reader_whole(r, object, "k", &spr_record_size);
    c->n = spr_reader_whole(r, object, "n", &spr_record_size);
    c->count = spr_reader_count(r, object, "count", &occurrences);
    c->count = isnan(c->count) ? 1 : c->count;
    spr_record_pattern(r, object, &c->pattern);
    c->sparsity = spr_reader_number(r, object, "sparsity", &fraction);
    c->nnz = spr_reader_count(r, object, "nnz", &counted);
    c->kept = spr_reader_count(r, object, "kept", &counted);
    read_where(r, object, c);
    c->kernel = spr_reader_text(r, object, "kernel", true);
}

static void read_case(struct spr_reader *r, const spr_json *object,
                      struct spr_validation_case *c)
{
    *c = (struct spr_validation_case){0};
    read_what(r, object, c);
    c->bound_s = spr_reader_number(r, object, "bound_s", &positive);
    c->expected_s = spr_reader_number(r, object, "expected_s", &positive);
    c->expected_bound = spr_reader_text(r, object, "expected_bound", false);
    read_measured(r, object, &c->measured);
    c->fraction_of_bound = spr_reader_number(r, object, "fraction_of_bound", &any);
    read_dense(r, object, &c->dense);
    c->bound_speedup = spr_reader_number(r, object, "bound_speedup", &any);
    c->expected_speedup = spr_reader_number(r, object, "expected_speedup", &any);
    c->measured_speedup = spr_reader_number(r, object, "measured_speedup", &any);
    c->error = spr_reader_number(r, object, "error", &any);
    c->speedup_error = spr_reader_number(r, object, "speedup_error", &any);
    c->max_error_ratio = spr_reader_number(r, object, "max_error_ratio", &any);
    c->above_roof = spr_reader_bool(r, object, "above_roof", false);
    c->inconclusive = spr_reader_bool(r, object, "inconclusive", false);
}

static void read_cases(struct spr_reader *r, const spr_json *root, struct spr_validation *v)
{
    const spr_json *item = spr_reader_list(r, root, "cases", false, "a list");
    for (; item; item = spr_reader_next(r, item)) {
        if (spr_reader_have(r, spr_grow(&v->cases, &v->case_capacity, v->case_count + 1,
                                        sizeof *v->cases))) {
            read_case(r, item, &v->cases[v->case_count++]);
        }
    }
}

static void read_not_measured(struct spr_reader *r, const spr_json *root,
                              struct spr_validation *v)
{
    const spr_json *list = spr_json_get(root, "not_measured");
    size_t capacity = 0;
    for (const spr_json *item = spr_json_first(list); item && r->status == SPR_OK;
         item = spr_json_next(item)) {
        const char *reason = spr_json_text(item);
        if (!reason || !spr_json_is_array(list)) {
            spr_reader_fail(r, "not_measured", "expected a list of texts");
        } else if (spr_reader_have(r, spr_grow(&v->not_measured, &capacity,
                                               v->not_measured_count + 1,
                                               sizeof *v->not_measured))) {
            v->not_measured[v->not_measured_count++] = spr_reader_copy(r, reason);
        }
    }
}

static void read_seed(struct spr_reader *r, const spr_json *root, struct spr_validation *v)
{
    const spr_json *item = spr_json_get(root, "seed");
    const char *digits = spr_json_text(item);
    double value = 0;
    bool good = spr_json_is_null(item);
    if (digits) {
        good = *digits && strspn(digits, "0123456789") == strlen(digits);
        errno = 0;
        v->seed = good ? strtoull(digits, NULL, 10) : 0;
        good = good && errno == 0;
    } else if (spr_json_number(item, &value)) {
        good = value >= 0 && value < 9007199254740992.0 && value == floor(value);
        v->seed = good ? (uint64_t)value : 0;
    }
    if (!good) {
        spr_reader_fail(r, "seed", "expected an integer");
    }
}

enum spr_status spr_validation_parse(const spr_json *root, const char *path,
                                     struct spr_validation *v, struct spr_error *err)
{
    *v = (struct spr_validation){0};
    struct spr_reader r = {.file = path, .arena = &v->arena, .err = err, .blank = '?'};
    spr_record_read_head(&r, root, &spr_validation_kind, &v->head);
    spr_record_read_machine(&r, root, &v->machine);
    if (!spr_json_is_null(spr_json_get(root, "options"))) {
        spr_record_read_options(&r, root, &v->options);
    }
    read_seed(&r, root, v);
    v->drift = spr_json_get_number(root, "drift");
    v->peak_flops_per_s = spr_json_get_number(root, "peak_flops_per_s");
    (void)spr_layout_find(spr_json_get_text(root, "layout"), &v->layout);
    v->openblas_core = spr_reader_text(&r, root, "openblas_core", false);
    v->interrupted = spr_json_get_bool(root, "interrupted");
    read_cases(&r, root, v);
    read_not_measured(&r, root, v);
    if (r.status != SPR_OK) {
        spr_validation_free(v);
    }
    return r.status;
}

enum spr_status spr_validation_read(const char *path, struct spr_validation *v,
                                    struct spr_error *err)
{
    spr_json *root;
    *v = (struct spr_validation){0};
    enum spr_status status = spr_json_read_record(path, &root, err);
    status = status ? status : spr_validation_parse(root, path, v, err);
    spr_json_free(root);
    return status;
}
