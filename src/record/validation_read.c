/* SPDX-License-Identifier: Apache-2.0 */
/* Validation records, read back. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/record_keys.h"
#include "record/record_parts.h"
#include "sproof/validation.h"

#define THREADS_MAX 65536

/* A reader of values: the first that is wrong ends it, the rest do nothing. */
struct reading {
    struct spr_record_place at;
    enum spr_status status;
};

static void fail(struct reading *r, const char *key, const char *expected)
{
    if (r->status == SPR_OK) {
        r->status = spr_record_bad(&r->at, key, expected);
    }
}

/* What follows the last dot: messages name the whole way, objects only its end. */
static const char *last(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* A number above `above`, or NAN for null. */
static double number(struct reading *r, const spr_json *object, const char *key, double above)
{
    const spr_json *item = spr_json_get(object, last(key));
    double value = (double)NAN;
    if (!spr_json_is_null(item) && (!spr_json_number(item, &value) || !(value > above))) {
        fail(r, key, above < 0 ? "a number or null" : "a number above 0 or null");
    }
    return value;
}

static double any(struct reading *r, const spr_json *object, const char *key)
{
    return number(r, object, key, -(double)INFINITY);
}

static double positive(struct reading *r, const spr_json *object, const char *key)
{
    return number(r, object, key, 0);
}

static bool flag(struct reading *r, const spr_json *object, const char *key)
{
    bool value = false;
    const spr_json *item = spr_json_get(object, key);
    if (!spr_json_is_null(item) && !spr_json_bool(item, &value)) {
        fail(r, key, "true or false");
    }
    return value;
}

static const char *text(struct reading *r, const spr_json *object, const char *key,
                        bool needed)
{
    const char *value = NULL;
    if (r->status == SPR_OK) {
        r->status = spr_record_text(&r->at, object, key, needed, &value);
    }
    return value;
}

static int64_t integer(struct reading *r, const spr_json *object, const char *key)
{
    int64_t value = 1;
    if (r->status == SPR_OK) {
        r->status = spr_record_integer(&r->at, object, key, &value);
    }
    return value;
}

static void read_samples(struct reading *r, const spr_json *object, const char *key,
                         struct spr_measurement *measured)
{
    const spr_json *list = spr_json_get(object, "samples");
    size_t count = 0;
    if (!spr_json_is_array(list)) {
        fail(r, key, "a list of numbers above 0");
        return;
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        count++;
    }
    measured->samples = spr_arena_alloc(r->at.arena, (count + 1) * sizeof(double));
    if (!measured->samples) {
        r->status = r->status ? r->status : spr_record_no_memory(&r->at);
        return;
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        double value;
        if (!spr_json_number(item, &value) || !(value > 0)) {
            fail(r, key, "a list of numbers above 0");
            return;
        }
        measured->samples[measured->sample_count++] = value;
    }
}

/* `dense`: whose measurement it is, for messages. */
static void read_measured(struct reading *r, const spr_json *object, bool dense,
                          struct spr_measurement *measured)
{
    static const char *const keys[2][6] = {
        {"measured", "measured.median_s", "measured.low_s", "measured.high_s",
         "measured.mad_s", "measured.samples"},
        {"dense.measured", "dense.measured.median_s", "dense.measured.low_s",
         "dense.measured.high_s", "dense.measured.mad_s", "dense.measured.samples"}};
    const char *const *key = keys[dense];
    const spr_json *item = spr_json_get(object, "measured");
    if (!spr_json_is_object(item)) {
        fail(r, key[0], "an object");
        return;
    }
    measured->median_s = positive(r, item, key[1]);
    measured->low_s = positive(r, item, key[2]);
    measured->high_s = positive(r, item, key[3]);
    measured->mad_s = any(r, item, key[4]);
    double outliers = spr_record_number(item, "outliers");
    measured->outliers = outliers >= 0 && outliers <= 1e15 ? (size_t)outliers : 0;
    read_samples(r, item, key[5], measured);
}

static void read_dense(struct reading *r, const spr_json *object,
                       struct spr_validation_dense *dense)
{
    const spr_json *item = spr_json_get(object, "dense");
    dense->bound_s = dense->expected_s = dense->fraction_of_bound = (double)NAN;
    dense->measured = (struct spr_measurement){
        .median_s = (double)NAN, .low_s = (double)NAN, .high_s = (double)NAN};
    dense->measured.mad_s = (double)NAN;
    if (spr_json_is_null(item)) {
        return;
    }
    if (!spr_json_is_object(item)) {
        fail(r, "dense", "an object or null");
        return;
    }
    dense->kernel = text(r, item, "kernel", true);
    dense->bound_s = positive(r, item, "dense.bound_s");
    dense->expected_s = positive(r, item, "dense.expected_s");
    read_measured(r, item, true, &dense->measured);
    dense->fraction_of_bound = any(r, item, "dense.fraction_of_bound");
}

static void read_isa(struct reading *r, const spr_json *object, struct spr_validation_case *c)
{
    const char *name = spr_json_text(spr_json_get(object, "isa"));
    c->gpu = name && strcmp(name, "cuda") == 0;
    if (!c->gpu && !spr_isa_find(name, &c->isa)) {
        fail(r, "isa", "scalar, neon, avx2 or avx512");
    }
}

static void read_where(struct reading *r, const spr_json *object,
                       struct spr_validation_case *c)
{
    const char *mask = spr_json_text(spr_json_get(object, "mask"));
    double threads = spr_record_number(object, "threads");
    if (!mask || (strcmp(mask, "real") != 0 && strcmp(mask, "random") != 0)) {
        fail(r, "mask", "real or random");
    }
    c->real_mask = mask && strcmp(mask, "real") == 0;
    read_isa(r, object, c);
    if (!(threads >= 1 && threads <= THREADS_MAX && threads == floor(threads))) {
        fail(r, "threads", "an integer 1..65536");
    } else {
        c->threads = (int)threads;
    }
    if (!spr_residency_find(spr_json_text(spr_json_get(object, "residency")), &c->residency)) {
        fail(r, "residency", "dram, warm, cold or network");
    }
}

static void read_what(struct reading *r, const spr_json *object, struct spr_validation_case *c)
{
    c->layer = text(r, object, "layer", true);
    c->variant = text(r, object, "variant", true);
    c->m = integer(r, object, "m");
    c->k = integer(r, object, "k");
    c->n = integer(r, object, "n");
    c->count = positive(r, object, "count");
    c->count = isnan(c->count) ? 1 : c->count;
    if (r->status == SPR_OK) {
        r->status = spr_record_pattern(&r->at, object, &c->pattern);
    }
    c->sparsity = spr_record_number(object, "sparsity");
    if (!(c->sparsity >= 0 && c->sparsity <= 1)) {
        fail(r, "sparsity", "a fraction 0..1");
    }
    c->nnz = any(r, object, "nnz");
    c->kept = any(r, object, "kept");
    read_where(r, object, c);
    c->kernel = text(r, object, "kernel", true);
}

static void read_case(struct reading *r, const spr_json *object, struct spr_validation_case *c)
{
    *c = (struct spr_validation_case){0};
    read_what(r, object, c);
    c->bound_s = positive(r, object, "bound_s");
    c->expected_s = positive(r, object, "expected_s");
    c->expected_bound = text(r, object, "expected_bound", false);
    read_measured(r, object, false, &c->measured);
    c->fraction_of_bound = any(r, object, "fraction_of_bound");
    read_dense(r, object, &c->dense);
    c->bound_speedup = any(r, object, "bound_speedup");
    c->expected_speedup = any(r, object, "expected_speedup");
    c->measured_speedup = any(r, object, "measured_speedup");
    c->error = any(r, object, "error");
    c->speedup_error = any(r, object, "speedup_error");
    c->max_error_ratio = any(r, object, "max_error_ratio");
    c->above_roof = flag(r, object, "above_roof");
    c->inconclusive = flag(r, object, "inconclusive");
}

static void read_cases(struct reading *r, const spr_json *root, struct spr_validation *v)
{
    const spr_json *list = spr_json_get(root, "cases");
    if (r->status == SPR_OK && !spr_json_is_array(list)) {
        r->status = spr_fail(r->at.err, SPR_EINPUT, "%s: cases: expected a list", r->at.path);
    }
    r->at.where = "cases";
    for (const spr_json *item = spr_json_first(list); item && r->status == SPR_OK;
         item = spr_json_next(item)) {
        r->at.index = v->case_count;
        if (!spr_grow(&v->cases, &v->case_capacity, v->case_count + 1, sizeof *v->cases)) {
            r->status = spr_record_no_memory(&r->at);
            return;
        }
        read_case(r, item, &v->cases[v->case_count++]);
    }
}

static void read_not_measured(struct reading *r, const spr_json *root,
                              struct spr_validation *v)
{
    const spr_json *list = spr_json_get(root, "not_measured");
    size_t capacity = 0;
    for (const spr_json *item = spr_json_first(list); item && r->status == SPR_OK;
         item = spr_json_next(item)) {
        const char *reason = spr_json_text(item);
        if (!reason || !spr_json_is_array(list)) {
            r->status = spr_fail(r->at.err, SPR_EINPUT,
                                 "%s: not_measured: expected a list of texts", r->at.path);
            return;
        }
        char *copy = spr_record_copy(&r->at, reason);
        if (!copy || !spr_grow(&v->not_measured, &capacity, v->not_measured_count + 1,
                               sizeof *v->not_measured)) {
            r->status = spr_record_no_memory(&r->at);
            return;
        }
        v->not_measured[v->not_measured_count++] = copy;
    }
}

static void read_seed(struct reading *r, const spr_json *root, struct spr_validation *v)
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
    if (!good && r->status == SPR_OK) {
        r->status =
            spr_fail(r->at.err, SPR_EINPUT, "%s: seed: expected an integer", r->at.path);
    }
}

enum spr_status spr_validation_parse(const spr_json *root, const char *path,
                                     struct spr_validation *v, struct spr_error *err)
{
    *v = (struct spr_validation){0};
    struct reading r = {.at = {path, "record", 0, &v->arena, err}};
    r.status = spr_record_read_head(&r.at, root, &spr_validation_kind, &v->head);
    r.status = r.status ? r.status : spr_record_read_machine(&r.at, root, &v->machine);
    if (r.status == SPR_OK && !spr_json_is_null(spr_json_get(root, "options"))) {
        r.status = spr_record_read_options(&r.at, root, &v->options);
    }
    read_seed(&r, root, v);
    v->drift = spr_record_number(root, "drift");
    v->peak_flops_per_s = spr_record_number(root, "peak_flops_per_s");
    (void)spr_layout_find(spr_json_text(spr_json_get(root, "layout")), &v->layout);
    v->openblas_core = text(&r, root, "openblas_core", false);
    (void)spr_json_bool(spr_json_get(root, "interrupted"), &v->interrupted);
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
    enum spr_status status = spr_json_read(path, &root, err);
    status = status ? status : spr_validation_parse(root, path, v, err);
    spr_json_free(root);
    return status;
}
