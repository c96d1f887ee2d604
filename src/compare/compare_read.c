/* SPDX-License-Identifier: Apache-2.0 */
/* Records of either kind as a list of times. Of an analysis the recorded figures are read,
 * not computed anew: a change of the equations between two versions shows. Only layers that
 * the record leaves out are computed. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/whole.h"
#include "record/record_keys.h"
#include "record/record_parts.h"
#include "sproof/compare.h"

/* Separates the parts of a key; texts of records carry no control characters. */
#define PART "\x1f"
#define KEY_MAX 4096

/* Sets both keys. A name cut at 4 KB may meet another: then the first counts. */
static enum spr_status set_keys(struct spr_timings *points, struct spr_timing *p,
                                const char *shape, struct spr_error *err)
{
    char key[KEY_MAX];
    int used = snprintf(key, sizeof key, "%s" PART "%s" PART "%s" PART "%.12g" PART "%s",
                        p->layer ? p->layer : "", p->variant, p->pattern, p->sparsity, shape);
    used = used < KEY_MAX ? used : KEY_MAX - 1;
    p->loose_key = spr_arena_text(&points->record.arena, key, (size_t)used);
    if (p->measured) {
        used += snprintf(key + used, sizeof key - (size_t)used, PART "%s" PART "%d" PART "%s",
                         p->isa, p->threads, spr_residency_name(p->residency));
        used = used < KEY_MAX ? used : KEY_MAX - 1;
    }
    p->key = spr_arena_text(&points->record.arena, key, (size_t)used);
    return p->key && p->loose_key ? SPR_OK : spr_no_memory(err);
}

static enum spr_status add(struct spr_timings *points, struct spr_timing *point,
                           const char *shape, struct spr_error *err)
{
    SPR_TRY(set_keys(points, point, shape, err));
    if (!spr_grow(&points->points, &points->capacity, points->count + 1, sizeof *point)) {
        return spr_no_memory(err);
    }
    points->points[points->count++] = *point;
    return SPR_OK;
}

static enum spr_status add_case(struct spr_timings *points,
                                const struct spr_validation_case *c, struct spr_error *err)
{
    char shape[128];
    struct spr_timing p = {.layer = c->layer,
                           .variant = c->variant,
                           .sparsity = c->sparsity,
                           .n = (double)c->n,
                           .time_s = c->measured.time_s,
                           .dense_time_s = c->dense.measured.time_s,
                           .speedup = c->measured_speedup,
                           .measured = true,
                           .real_mask = c->real_mask,
                           .isa = spr_validation_isa(c),
                           .threads = c->threads,
                           .residency = c->residency,
                           .inconclusive = c->inconclusive,
                           .samples = c->measured,
                           .dense_samples = c->dense.measured,
                           .dense_kernel = c->dense.kernel};
    (void)spr_pattern_text(&c->pattern, p.pattern);
    /* On a GPU a product may be there twice: by sproof's kernel and by a library's. */
    const char *whose = !c->gpu                              ? ""
                        : strncmp(c->kernel, "spr_", 4) == 0 ? " own"
                                                             : " library";
    snprintf(shape, sizeof shape, "%lld %lld %lld %s%s", (long long)c->m, (long long)c->k,
             (long long)c->n, c->real_mask ? "real" : "random", whose);
    return add(points, &p, shape, err);
}

/* An analysis record being read. */
struct reading {
    struct spr_reader r;
    struct spr_timings *points;
    struct spr_record record; /* these two where they are computed */
    struct spr_analysis analysis;
    size_t at; /* the next result of it: they lie in the order of the record's variants */
};

/* Keeps a point whose figures are known. */
static void keep(struct reading *reading, struct spr_timing *p)
{
    struct spr_reader *r = &reading->r;
    char shape[32];
    snprintf(shape, sizeof shape, "%.12g", p->n);
    if (!(p->time_s >= 0)) {
        spr_reader_fail(r, p->layer ? "layers[].time_s" : "time_s",
                        "expected a number of 0 or more");
    }
    if (r->status == SPR_OK) {
        r->status = add(reading->points, p, shape, r->err);
    }
}

/* The figures that a variant and a layer of one have alike. */
static void add_figures(struct reading *reading, const spr_json *item, struct spr_timing *p)
{
    const char *pattern = spr_reader_text(&reading->r, item, "pattern", true);
    snprintf(p->pattern, sizeof p->pattern, "%s", pattern ? pattern : "");
    p->sparsity = spr_json_get_number(item, "sparsity");
    p->time_s = spr_json_get_number(item, "time_s");
    p->dense_time_s = spr_json_get_number(item, "dense_time_s");
    p->speedup = spr_json_get_number(item, "speedup");
    keep(reading, p);
}

static void add_recorded(struct reading *reading, const spr_json *list,
                         const struct spr_timing *variant)
{
    struct spr_reader *r = &reading->r;
    for (const spr_json *l = spr_json_first(list); l && r->status == SPR_OK;
         l = spr_json_next(l)) {
        struct spr_timing layer = {.n = variant->n, .variant = variant->variant};
        layer.layer = spr_reader_text(r, l, "layer", true);
        add_figures(reading, l, &layer);
    }
}

/* The result of a variant, or NULL when there is none. */
static const struct spr_result *next_result(struct reading *reading,
                                            const struct spr_timing *variant)
{
    const struct spr_analysis *a = &reading->analysis;
    while (reading->at < a->result_count) {
        const struct spr_result *result = &a->results[reading->at++];
        if (result->batch == variant->n &&
            strcmp(result->variant->name, variant->variant) == 0) {
            return result;
        }
    }
    return NULL;
}

static void add_computed(struct reading *reading, const struct spr_timing *variant)
{
    struct spr_reader *r = &reading->r;
    const struct spr_analysis *a = &reading->analysis;
    const struct spr_result *result =
        r->status == SPR_OK ? next_result(reading, variant) : NULL;
    if (!result) {
        spr_reader_fail(r, "batch", "expected each variant once at each batch of the options");
        return;
    }
    for (size_t i = 0; r->status == SPR_OK && i < a->network->layer_count; i++) {
        const struct spr_layer_result *of = &result->layers[i];
        struct spr_timing layer = {.n = variant->n,
                                   .variant = variant->variant,
                                   .layer = spr_reader_copy(r, a->network->layers[i].name),
                                   .sparsity = of->choice.sparsity,
                                   .time_s = of->run.time_s,
                                   .dense_time_s =
                                       spr_analysis_dense(a, result->batch_index, i)->time_s,
                                   .speedup = of->speedup};
        (void)spr_pattern_text(&of->choice.pattern, layer.pattern);
        keep(reading, &layer);
    }
}

static void add_variant(struct reading *reading, const spr_json *item, bool layers)
{
    struct spr_reader *r = &reading->r;
    struct spr_timing p = {.variant = spr_reader_text(r, item, "variant", true),
                           .n = spr_json_get_number(item, "batch")};
    if (!(p.n >= 1 && spr_is_whole(p.n))) {
        spr_reader_fail(r, "batch", "expected an integer of 1 or more");
    }
    add_figures(reading, item, &p);
    const spr_json *list = spr_json_get(item, "layers");
    if (layers && list) {
        add_recorded(reading, list, &p);
    } else if (layers) {
        add_computed(reading, &p);
    }
}

static bool lacks_layers(const spr_json *root)
{
    const spr_json *item = spr_json_first(spr_json_get(root, "variants"));
    while (item && spr_json_get(item, "layers")) {
        item = spr_json_next(item);
    }
    return item != NULL;
}

/* The analysis that the record is of, once more. */
static enum spr_status compute(struct reading *reading, const spr_json *root)
{
    struct spr_record *record = &reading->record;
    struct spr_error *err = reading->r.err;
    SPR_TRY(spr_record_parse(root, reading->points->path, record, err));
    return spr_analyze(&record->network, &record->machine, &record->options,
                       &reading->analysis, err);
}

static enum spr_status read_analysis(struct spr_timings *points, const spr_json *root,
                                     bool layers, struct spr_error *err)
{
    struct spr_validation *record = &points->record;
    struct reading reading = {
        .r = {.file = points->path, .arena = &record->arena, .err = err, .blank = '?'},
        .points = points};
    struct spr_reader *r = &reading.r;
    spr_record_read_head(r, root, &spr_analysis_kind, &record->head);
    spr_record_read_machine(r, root, &record->machine);
    spr_record_read_options(r, root, &record->options);
    if (r->status == SPR_OK && layers && lacks_layers(root)) {
        r->status = compute(&reading, root);
    }
    const spr_json *item = spr_reader_list(r, root, "variants", false, "a list");
    for (; item; item = spr_reader_next(r, item)) {
        add_variant(&reading, item, layers);
    }
    spr_analysis_free(&reading.analysis);
    spr_record_free(&reading.record);
    return r->status;
}

static enum spr_status read_validation(struct spr_timings *points, const spr_json *root,
                                       struct spr_error *err)
{
    struct spr_validation *record = &points->record;
    enum spr_status status = spr_validation_parse(root, points->path, record, err);
    for (size_t i = 0; i < record->case_count && status == SPR_OK; i++) {
        status = add_case(points, &record->cases[i], err);
    }
    return status;
}

enum spr_status spr_timings_read(const char *path, bool layers, struct spr_timings *points,
                                 struct spr_error *err)
{
    spr_json *root;
    *points = (struct spr_timings){.path = path};
    SPR_TRY(spr_json_read_record(path, &root, err));
    enum spr_status status;
    const char *schema = spr_json_get_text(root, "schema");
    points->validation = schema && strcmp(schema, spr_validation_kind.schema) == 0;
    if (points->validation) {
        status = read_validation(points, root, err);
    } else if (schema && strcmp(schema, spr_analysis_kind.schema) == 0) {
        status = read_analysis(points, root, layers, err);
    } else {
        status = spr_fail(err, SPR_EINPUT,
                          "%s: schema: expected \"%s\" or \"%s\", a record made by sproof "
                          "analyze or sproof validate",
                          path, spr_analysis_kind.schema, spr_validation_kind.schema);
    }
    spr_json_free(root);
    if (status != SPR_OK) {
        spr_timings_free(points);
    }
    return status;
}

void spr_timings_free(struct spr_timings *points)
{
    spr_validation_free(&points->record);
    spr_free(points->points);
    *points = (struct spr_timings){0};
}
