/* SPDX-License-Identifier: Apache-2.0 */
/* W by columns: of each, the blocks that a winner is multiplied with. */
#include <string.h>

#include "base/mem.h"
#include "kernel/isa_code.h"
#include "sproof/winners.h"

#define ALIGNMENT 64
#define ROWS_MAX 64

/* Where the parts of the block begin. */
struct parts {
    uint32_t *begin;
    uint16_t *row;
    float *value;
};

static size_t lines(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t value_place(const struct spr_columns *c)
{
    return lines((size_t)(c->k + 1) * sizeof(uint32_t)) + lines(c->stored * sizeof(uint16_t));
}

static struct parts parts_of(const struct spr_columns *c)
{
    char *block = c->block;
    char *row = block + lines((size_t)(c->k + 1) * sizeof(uint32_t));
    return (struct parts){(uint32_t *)(void *)block, (uint16_t *)(void *)row,
                          (float *)(void *)(block + value_place(c))};
}

static int64_t block_rows(const struct spr_columns *c)
{
    return (c->m + c->rows - 1) / c->rows;
}

/* Scratch: sums of whole block rows and of one more, then blocks and inputs of a list. */
static size_t sums_bytes(const struct spr_columns *c)
{
    return lines((size_t)((block_rows(c) + 1) * c->rows) * sizeof(float));
}

static size_t list_room(const struct spr_columns *c)
{
    return (size_t)(SPR_LISTED + SPR_LIST_TOGETHER + block_rows(c) + 15) / 16 * 16;
}

int spr_columns_rows(const struct spr_pattern *pattern)
{
    return pattern->kind->pattern_class == SPR_CLASS_BLOCK && pattern->a <= ROWS_MAX
               ? (int)pattern->a
               : 1;
}

/* Counts the blocks of each column, or with `out` puts them in their places; seen[column]: the
 * block row at hand + 1, where the column has a block there. */
static void walk(const struct spr_columns *c, const struct spr_matrix *w, uint32_t *seen,
                 uint32_t *next, const struct parts *out)
{
    const size_t rows = (size_t)c->rows;
    for (int64_t row = 0; row < w->m; row++) {
        const uint32_t group = (uint32_t)(row / c->rows);
        for (size_t e = w->row[row]; e < w->row[row + 1]; e++) {
            const int32_t column = w->column[e];
            if (seen[column] != group + 1) {
                seen[column] = group + 1;
                if (out) {
                    out->row[next[column]] = (uint16_t)group;
                }
                next[column]++;
            }
            if (out) {
                const size_t at = (size_t)(next[column] - 1) * rows;
                out->value[at + (size_t)row % rows] = w->value[e];
            }
        }
    }
}

static enum spr_status fill(struct spr_columns *c, const struct spr_matrix *w, uint32_t *seen,
                            uint32_t *next, struct spr_error *err)
{
    const size_t columns = (size_t)c->k;
    walk(c, w, seen, next, NULL);
    for (size_t i = 0; i < columns; i++) {
        const uint32_t count = next[i], whole = c->rows == 1 ? SPR_SINGLES : 1;
        next[i] = (uint32_t)c->stored;
        c->stored += (count + whole - 1) / whole * whole;
    }
    c->bytes = value_place(c) + c->stored * (size_t)c->rows * sizeof(float);
    c->block = spr_aligned_alloc(ALIGNMENT, lines(c->bytes));
    c->scratch = spr_aligned_alloc(
        ALIGNMENT, sums_bytes(c) + lines(list_room(c) * (sizeof(uint32_t) + sizeof(float))));
    if (!c->block || !c->scratch) {
        return spr_no_memory(err);
    }
    const struct parts out = parts_of(c);
    memset(c->block, 0, c->bytes);
    memcpy(out.begin, next, columns * sizeof *next);
    out.begin[columns] = (uint32_t)c->stored;
    memset(seen, 0, columns * sizeof *seen);
    for (size_t i = 0; c->rows == 1 && i < c->stored; i++) {
        out.row[i] = (uint16_t)c->m;
    }
    walk(c, w, seen, next, &out);
    return SPR_OK;
}

enum spr_status spr_columns_pack(enum spr_isa isa, int rows, const struct spr_matrix *matrix,
                                 struct spr_columns *columns, struct spr_error *err)
{
    *columns = (struct spr_columns){.isa = isa, .m = matrix->m, .k = matrix->k, .rows = rows};
    if (block_rows(columns) > UINT16_MAX ||
        (double)matrix->nnz + SPR_SINGLES * (double)matrix->k > UINT32_MAX) {
        return spr_fail(err, SPR_EINPUT, "%lldx%lld by columns: too large to index",
                        (long long)matrix->m, (long long)matrix->k);
    }
    uint32_t *seen = spr_calloc((size_t)matrix->k, sizeof *seen);
    uint32_t *next = spr_calloc((size_t)matrix->k, sizeof *next);
    enum spr_status status =
        seen && next ? fill(columns, matrix, seen, next, err) : spr_no_memory(err);
    spr_free(seen);
    spr_free(next);
    if (status) {
        spr_columns_free(columns);
    }
    return status;
}

void spr_columns_free(struct spr_columns *columns)
{
    spr_free(columns->block);
    spr_free(columns->scratch);
    *columns = (struct spr_columns){0};
}

void spr_columns_run(const struct spr_columns *columns, const struct spr_winners *winners,
                     float *y)
{
    const struct parts parts = parts_of(columns);
    const struct spr_winner_list list = {winners->index, winners->value, winners->count};
    float *sums = columns->scratch;
    uint32_t *listed = (uint32_t *)(void *)((char *)columns->scratch + sums_bytes(columns));
    const struct spr_block_columns w = {
        .begin = parts.begin,
        .row = parts.row,
        .value = parts.value,
        .rows = columns->rows,
        .listed = listed,
        .inputs = (float *)(void *)(listed + list_room(columns)),
    };
    memset(sums, 0, sums_bytes(columns));
    spr_isa_code_of(columns->isa)->winners->columns(&w, &list, sums);
    memcpy(y, sums, (size_t)columns->m * sizeof *y);
}
