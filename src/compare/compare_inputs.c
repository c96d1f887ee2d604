/* SPDX-License-Identifier: Apache-2.0 */
/* Which inputs of two records differ, and which of their cases belong together. */
#include "compare/compare_inputs.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void differ(struct spr_comparison *c, const char *what, const char *base,
                   const char *next)
{
    spr_note(&c->mismatches, "%s: %.80s in %s, %.80s in %s", what, base, c->base->path, next,
             c->next->path);
}

static void texts(struct spr_comparison *c, const char *what, const char *base,
                  const char *next)
{
    base = base ? base : "none";
    next = next ? next : "none";
    if (strcmp(base, next) != 0) {
        differ(c, what, base, next);
    }
}

static void numbers(struct spr_comparison *c, const char *what, double base, double next)
{
    char left[32], right[32];
    bool same = base == next || (isnan(base) && isnan(next));
    if (!same) {
        snprintf(left, sizeof left, "%.12g", base);
        snprintf(right, sizeof right, "%.12g", next);
        differ(c, what, isnan(base) ? "unknown" : left, isnan(next) ? "unknown" : right);
    }
}

/* A file is what its bytes are; where a hash is missing (a pipe) nothing can be said. */
static void files(struct spr_comparison *c, const char *what,
                  const struct spr_record_input *base, const struct spr_record_input *next)
{
    char left[128], right[128];
    if (!base->sha256[0] || !next->sha256[0] || strcmp(base->sha256, next->sha256) == 0) {
        return;
    }
    snprintf(left, sizeof left, "%.50s (sha256 %.12s)", base->path ? base->path : "?",
             base->sha256);
    snprintf(right, sizeof right, "%.50s (sha256 %.12s)", next->path ? next->path : "?",
             next->sha256);
    differ(c, what, left, right);
}

static void types(struct spr_comparison *c, const char *what, struct spr_types base,
                  struct spr_types next)
{
    char left[SPR_TYPES_TEXT], right[SPR_TYPES_TEXT];
    texts(c, what, spr_types_text(&base, left), spr_types_text(&next, right));
}

static void options(struct spr_comparison *c, const struct spr_options *base,
                    const struct spr_options *next)
{
    if (base->batch_count == 0 || next->batch_count == 0) {
        return;
    }
    types(c, "dtype", spr_options_types(base), spr_options_types(next));
    if (spr_options_differ(base) || spr_options_differ(next)) {
        types(c, "dtype of dense", spr_options_against(base), spr_options_against(next));
    }
    texts(c, "residency", spr_residency_name(base->residency),
          spr_residency_name(next->residency));
    numbers(c, "threads", (double)base->threads, (double)next->threads);
    texts(c, "execution", base->native ? "native" : "best", next->native ? "native" : "best");
    texts(c, "tiles", base->ideal_tiles ? "ideal" : "real",
          next->ideal_tiles ? "ideal" : "real");
    numbers(c, "batches", (double)base->batch_count, (double)next->batch_count);
    for (size_t i = 0; i < base->batch_count && i < next->batch_count; i++) {
        numbers(c, "batch", base->batches[i], next->batches[i]);
    }
}

/* Rates decide computed times; measured ones have the machine itself, whose rates differ a
 * little each time they are measured. */
static void rates(struct spr_comparison *c, const struct spr_machine *base,
                  const struct spr_machine *next)
{
    char what[128];
    numbers(c, "engines", (double)base->engine_count, (double)next->engine_count);
    for (size_t i = 0; i < base->engine_count && i < next->engine_count; i++) {
        snprintf(what, sizeof what, "flops_per_s of engine %.60s", base->engines[i].name);
        texts(c, "engine", base->engines[i].name, next->engines[i].name);
        numbers(c, what, base->engines[i].flops_per_s.value,
                next->engines[i].flops_per_s.value);
    }
    numbers(c, "memory levels", (double)base->memory_count, (double)next->memory_count);
    for (size_t i = 0; i < base->memory_count && i < next->memory_count; i++) {
        snprintf(what, sizeof what, "bytes_per_s of %.60s", base->memory[i].level);
        numbers(c, what, base->memory[i].bytes_per_s.value, next->memory[i].bytes_per_s.value);
    }
    numbers(c, "overhead_s", base->overhead_s.value, next->overhead_s.value);
}

/* Of X and Y. */
static const char *layout_of(const struct spr_timings *points)
{
    return spr_layout_name(points->validation ? points->record.layout
                                              : points->record.options.layout);
}

void spr_compare_inputs(struct spr_comparison *c)
{
    const struct spr_validation *base = &c->base->record, *next = &c->next->record;
    files(c, "model", &base->head.model, &next->head.model);
    texts(c, "machine", base->machine.name, next->machine.name);
    texts(c, "machine description", base->machine.description, next->machine.description);
    numbers(c, "cores", (double)base->machine.cores, (double)next->machine.cores);
    options(c, &base->options, &next->options);
    texts(c, "layout", layout_of(c->base), layout_of(c->next));
    if (!c->base->validation) {
        files(c, "machine file", &base->head.machine, &next->head.machine);
        rates(c, &base->machine, &next->machine);
        return;
    }
    numbers(c, "seed", (double)base->seed, (double)next->seed);
    texts(c, "OpenBLAS core", base->openblas_core, next->openblas_core);
}

struct matching {
    struct spr_comparison *c;
    struct spr_names exact, loose; /* of the new record */
    bool *taken;                   /* [point of the new record] */
    size_t missing;
    size_t isa, threads, residency; /* cases that differ in it */
};

/* Points of the new record by key; of several with one key the first counts. */
static bool index_exact(struct matching *m, size_t *repeated)
{
    const struct spr_timings *next = m->c->next;
    for (size_t i = 0; i < next->count; i++) {
        const char *key = next->points[i].key;
        if (spr_names_find(&m->exact, key) != SIZE_MAX) {
            ++*repeated;
        } else if (!spr_names_add(&m->exact, key, i)) {
            return false;
        }
    }
    return true;
}

/* Those without an exact partner, by the key that says less. */
static bool index_loose(struct matching *m)
{
    const struct spr_timings *next = m->c->next;
    for (size_t i = 0; i < next->count; i++) {
        const char *key = next->points[i].loose_key;
        if (!m->taken[i] && spr_names_find(&m->loose, key) == SIZE_MAX &&
            !spr_names_add(&m->loose, key, i)) {
            return false;
        }
    }
    return true;
}

/* A difference of one case; of many cases the first is named. */
static void of_case(struct matching *m, size_t *count, const char *kind,
                    const struct spr_timing *base, const char *texts_of[2])
{
    char what[128];
    if (strcmp(texts_of[0], texts_of[1]) != 0 && ++*count == 1) {
        snprintf(what, sizeof what, "%s of %.80s", kind, base->layer);
        differ(m->c, what, texts_of[0], texts_of[1]);
    }
}

/* What two points of one loose key differ in. */
static void note_difference(struct matching *m, const struct spr_timing *base,
                            const struct spr_timing *next)
{
    char left[16], right[16];
    snprintf(left, sizeof left, "%d", base->threads);
    snprintf(right, sizeof right, "%d", next->threads);
    of_case(m, &m->isa, "instruction set", base, (const char *[2]){base->isa, next->isa});
    of_case(m, &m->threads, "threads", base, (const char *[2]){left, right});
    of_case(m, &m->residency, "residency", base,
            (const char *[2]){spr_residency_name(base->residency),
                              spr_residency_name(next->residency)});
}

static void note_all(struct spr_comparison *c, const char *kind, size_t count)
{
    if (count > 1) {
        spr_note(&c->mismatches, "%s: of %zu cases in all", kind, count);
    }
}

/* The point of the new record, or NULL when there is none or it has a partner already. */
static const struct spr_timing *take(struct matching *m, const struct spr_names *names,
                                     const char *key)
{
    size_t at = spr_names_find(names, key);
    if (at == SIZE_MAX || m->taken[at]) {
        return NULL;
    }
    m->taken[at] = true;
    return &m->c->next->points[at];
}

/* All exact partners before the first loose one, which could be another's exact one. */
static bool find_partners(struct matching *m)
{
    struct spr_comparison *c = m->c;
    for (size_t i = 0; i < c->base->count; i++) {
        const struct spr_timing *base = &c->base->points[i];
        c->rows[i] =
            (struct spr_compared){.base = base, .next = take(m, &m->exact, base->key)};
    }
    c->row_count = c->base->count;
    if (!index_loose(m)) {
        return false;
    }
    for (size_t i = 0; i < c->base->count; i++) {
        struct spr_compared *row = &c->rows[i];
        if (!row->next && row->base->measured) {
            row->next = take(m, &m->loose, row->base->loose_key);
            if (row->next) {
                note_difference(m, row->base, row->next);
            }
        }
    }
    return true;
}

/* What has no partner, and how many differ. */
static void note_rest(struct matching *m)
{
    struct spr_comparison *c = m->c;
    for (size_t i = 0; i < c->base->count; i++) {
        const struct spr_compared *row = &c->rows[i];
        if (!row->next && m->missing++ == 0) {
            spr_note(&c->mismatches, "%.40s%s%.80s: only in %s", row->base->variant,
                     row->base->layer ? " of " : "", row->base->layer ? row->base->layer : "",
                     c->base->path);
        }
    }
    note_all(c, "instruction set", m->isa);
    note_all(c, "threads", m->threads);
    note_all(c, "residency", m->residency);
    if (m->missing > 1) {
        spr_note(&c->mismatches, "%zu cases in all: only in %s", m->missing, c->base->path);
    }
    for (size_t i = 0; i < c->next->count; i++) {
        if (!m->taken[i]) {
            c->rows[c->row_count++].next = &c->next->points[i];
        }
    }
}

enum spr_status spr_compare_match(struct spr_comparison *c, struct spr_error *err)
{
    struct matching m = {.c = c};
    size_t repeated = 0;
    c->rows = spr_calloc(c->base->count + c->next->count, sizeof *c->rows);
    m.taken = spr_calloc(c->next->count, sizeof *m.taken);
    bool done = c->rows && m.taken && index_exact(&m, &repeated) && find_partners(&m);
    if (done) {
        note_rest(&m);
    }
    if (repeated > 0) {
        spr_note(&c->mismatches, "%zu cases of %s are there twice: the first counts", repeated,
                 c->next->path);
    }
    spr_names_free(&m.exact);
    spr_names_free(&m.loose);
    spr_free(m.taken);
    return done ? SPR_OK : spr_no_memory(err);
}
