/* SPDX-License-Identifier: Apache-2.0 */
/* One case on whatever device: its mask, its kernels beside the dense ones, their rows. */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/random.h"
#include "validate/validate_parts.h"

uint64_t spr_seed(uint64_t seed, const char *purpose, const struct spr_planned *p)
{
    char text[320], pattern[SPR_PATTERN_TEXT];
    uint64_t hash = SPR_HASH_START ^ seed;
    snprintf(text, sizeof text, "%s %lld %lld %lld %s %.12g", purpose, (long long)p->m,
             (long long)p->k, (long long)p->n, spr_pattern_text(&p->pattern, pattern),
             p->sparsity);
    for (const char *c = text; *c; c++) {
        hash = spr_hash(hash, (unsigned char)*c);
    }
    return spr_random(&hash);
}

void spr_side_free(struct spr_validate_run *run, struct spr_side *side)
{
    run->backend->free(run, side);
    spr_matrix_free(&side->matrix);
    *side = (struct spr_side){0};
}

/* Makes the dense side of a shape, unless it is the one at hand: a visit has its own. */
static enum spr_status make_dense(struct spr_validate_run *run,
                                  const struct spr_planned *planned, struct spr_error *err)
{
    if (run->dense.count > 0 && run->dense.planned.shape == planned->shape &&
        run->dense.visit == run->visit) {
        return SPR_OK;
    }
    spr_side_free(run, &run->dense);
    run->dense.planned = *planned;
    run->dense.visit = run->visit;
    run->dense.planned.pattern = spr_pattern_dense();
    run->dense.planned.sparsity = 0;
    run->dense.kept = (double)planned->m * (double)planned->k;
    return run->backend->make(run, &run->dense, err);
}

/* Random masks keep N:M by construction; one that was read may not. */
static enum spr_status check_groups(const struct spr_planned *planned,
                                    const struct spr_matrix *matrix, struct spr_error *err)
{
    int64_t most = planned->pattern.a, of = planned->pattern.b;
    for (int64_t i = 0; i < matrix->m; i++) {
        int64_t group = -1, count = 0;
        for (size_t e = matrix->row[i]; e < matrix->row[i + 1]; e++) {
            count = matrix->column[e] / of == group ? count + 1 : 1;
            group = matrix->column[e] / of;
            if (count > most) {
                int64_t first = group * of, last = first + of - 1;
                return spr_fail(err, SPR_EINPUT,
                                "%s: row %lld, columns %lld to %lld (from 0): expected at "
                                "most %lld weight%s in a mask of %lld:%lld",
                                planned->mask, (long long)i, (long long)first,
                                (long long)(last < matrix->k ? last : matrix->k - 1),
                                (long long)most, most == 1 ? "" : "s", (long long)most,
                                (long long)of);
            }
        }
    }
    return SPR_OK;
}

/* No two of P rows share a column. */
static enum spr_status check_owners(const struct spr_planned *planned,
                                    const struct spr_matrix *matrix, struct spr_error *err)
{
    const int64_t rows = planned->pattern.a;
    int64_t *owner =
        spr_calloc((size_t)matrix->k, sizeof *owner); /* the last one, from 1 on */
    enum spr_status status = owner ? SPR_OK : spr_no_memory(err);
    for (int64_t i = 0; i < matrix->m && status == SPR_OK; i++) {
        for (size_t e = matrix->row[i]; e < matrix->row[i + 1] && status == SPR_OK; e++) {
            int64_t *last = &owner[matrix->column[e]];
            if (*last > i / rows * rows) {
                status = spr_fail(err, SPR_EINPUT,
                                  "%s: column %lld (from 0), rows %lld and %lld: expected at "
                                  "most one weight of %lld rows in a mask of comp:%lld",
                                  planned->mask, (long long)matrix->column[e],
                                  (long long)(*last - 1), (long long)i, (long long)rows,
                                  (long long)rows);
            }
            *last = i + 1;
        }
    }
    spr_free(owner);
    return status;
}

static enum spr_status make_matrix(const struct spr_validate_run *run, struct spr_side *side,
                                   struct spr_error *err)
{
    const struct spr_planned *planned = &side->planned;
    struct spr_shape shape = {planned->m, planned->k, 1};
    uint64_t seed = spr_seed(run->options->seed, "w", planned);
    if (!planned->mask) {
        side->kept = spr_pattern_kept(&planned->pattern, &shape, planned->sparsity);
        return spr_matrix_random(&planned->pattern, planned->m, planned->k, side->kept, seed,
                                 &side->matrix, err);
    }
    SPR_TRY(spr_matrix_read_smtx(planned->mask, seed, &side->matrix, err));
    if (side->matrix.m != planned->m || side->matrix.k != planned->k) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: mask of %lld x %lld: expected %lld x %lld, the shape of layer %s",
                        planned->mask, (long long)side->matrix.m, (long long)side->matrix.k,
                        (long long)planned->m, (long long)planned->k, planned->layer);
    }
    if (planned->pattern.kind->pattern_class == SPR_CLASS_COMP) {
        SPR_TRY(check_owners(planned, &side->matrix, err));
    }
    if (planned->pattern.kind->pattern_class == SPR_CLASS_NM) {
        SPR_TRY(check_groups(planned, &side->matrix, err));
    }
    side->kept = spr_matrix_cells(&side->matrix, &planned->pattern);
    return SPR_OK;
}

static bool above_roof(const struct spr_case_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->row[i].above_roof) {
            return true;
        }
    }
    return false;
}

/* The rows of a side whose kernels were timed: of a dense one its first kernel is held against
 * the fastest. */
static enum spr_status fill_rows(const struct spr_validate_run *run,
                                 struct spr_measured_case *of, struct spr_case_rows *rows,
                                 struct spr_error *err)
{
    rows->count = of->side == &run->dense ? 1 : of->side->count;
    rows->dense_least_s = of->dense.least_s;
    for (size_t i = 0; i < rows->count; i++) {
        of->kernel = &of->side->contenders[i];
        rows->least_s[i] = of->predicted.least_s;
        SPR_TRY(spr_case_row(run, of, &rows->row[i], err));
    }
    return SPR_OK;
}

/* The kernels that are timed in turns, with what is known of them from earlier visits; how
 * many. */
static size_t line_up(struct spr_validate_run *run, struct spr_side *pruned,
                      struct spr_case_rows *rows,
                      struct spr_contender *contenders[2 * SPR_CONTENDERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < run->dense.count; i++) {
        contenders[count++] = &run->dense.contenders[i];
    }
    for (size_t i = 0; pruned && i < pruned->count; i++) {
        contenders[count++] = &pruned->contenders[i];
    }
    for (size_t i = 0; i < count; i++) {
        contenders[i]->measured = rows->measured[i];
    }
    return count;
}

static enum spr_status keep_measured(const struct spr_validate_run *run,
                                     struct spr_contender *const *contenders, size_t count,
                                     struct spr_case_rows *rows, struct spr_error *err)
{
    struct spr_arena *arena = &run->validation->arena;
    rows->measured_count = count;
    rows->dense_count = run->dense.count;
    for (size_t i = 0; i < count; i++) {
        rows->measured[i] = contenders[i]->measured;
    }
    for (size_t i = 0; i < run->dense.count; i++) {
        const char *name = run->dense.contenders[i].kernel;
        rows->dense_kernel[i] = spr_arena_text(arena, name, strlen(name));
        if (!rows->dense_kernel[i]) {
            return spr_no_memory(err);
        }
    }
    return SPR_OK;
}

/* Times the dense kernels and those of a pruned side; pruned NULL: a dense case. */
static enum spr_status measure(struct spr_validate_run *run, const struct spr_planned *planned,
                               struct spr_side *pruned, struct spr_case_rows *rows,
                               struct spr_error *err)
{
    const struct spr_backend *backend = run->backend;
    struct spr_contender *contenders[2 * SPR_CONTENDERS_MAX];
    struct spr_measured_case of = {.planned = planned, .side = pruned ? pruned : &run->dense};
    const size_t count = line_up(run, pruned, rows, contenders);
    rows->begun_s = run->clock_s();
    /* A point above its roof is a fault of the roof, or of this moment: once more. */
    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t seed = spr_seed(run->options->seed, attempt ? "again" : "time", planned) +
                        (uint64_t)run->visit;
        of.dense = backend->predict(run, &run->dense);
        of.predicted = pruned ? backend->predict(run, pruned) : of.dense;
        SPR_TRY(backend->time(run, contenders, count, seed, err));
        SPR_TRY(keep_measured(run, contenders, count, rows, err));
        SPR_TRY(fill_rows(run, &of, rows, err));
        SPR_TRY(spr_case_judge(run, rows, err));
        if (!above_roof(rows) || !backend->rate) {
            break;
        }
        spr_validate_raise_roof(run, spr_validate_rate(run));
    }
    rows->visits = run->visit + 1;
    return SPR_OK;
}

static enum spr_status measure_pruned(struct spr_validate_run *run, struct spr_side *side,
                                      struct spr_case_rows *rows, struct spr_error *err)
{
    SPR_TRY(make_matrix(run, side, err));
    SPR_TRY(run->backend->make(run, side, err));
    return side->count > 0 ? measure(run, &side->planned, side, rows, err) : SPR_OK;
}

enum spr_status spr_validate_case(struct spr_validate_run *run,
                                  const struct spr_planned *planned,
                                  struct spr_case_rows *rows, struct spr_error *err)
{
    const struct spr_backend *backend = run->backend;
    const char *why = backend->lacks ? backend->lacks(&planned->pattern) : NULL;
    char text[SPR_PATTERN_TEXT];
    if (why) {
        return spr_validate_leave_out(run, spr_pattern_text(&planned->pattern, text), why,
                                      err);
    }
    SPR_TRY(make_dense(run, planned, err));
    if (spr_pattern_is_dense(&planned->pattern)) {
        return measure(run, planned, NULL, rows, err);
    }
    struct spr_side side = {.planned = *planned};
    enum spr_status status = measure_pruned(run, &side, rows, err);
    spr_side_free(run, &side);
    return status;
}
