/* SPDX-License-Identifier: Apache-2.0 */
/* Weight matrices: drawn under a pattern, counted, multiplied in double. */
#include "sproof/matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "matrix/matrix_build.h"

void spr_matrix_free(struct spr_matrix *matrix)
{
    spr_free(matrix->row);
    spr_free(matrix->column);
    spr_free(matrix->value);
    *matrix = (struct spr_matrix){0};
}

enum spr_status spr_matrix_alloc(struct spr_matrix *matrix, int64_t m, int64_t k, size_t nnz,
                                 struct spr_error *err)
{
    *matrix = (struct spr_matrix){.m = m, .k = k, .nnz = nnz};
    matrix->row = spr_calloc((size_t)m + 1, sizeof *matrix->row);
    matrix->column = spr_calloc(nnz, sizeof *matrix->column);
    matrix->value = spr_calloc(nnz, sizeof *matrix->value);
    if (!matrix->row || !matrix->column || !matrix->value) {
        spr_matrix_free(matrix);
        return spr_no_memory(err);
    }
    return SPR_OK;
}

void spr_matrix_draw_values(struct spr_matrix *matrix, uint64_t seed)
{
    uint64_t state = seed ^ 0x76616C756573u; /* a stream of its own beside the mask's */
    for (size_t i = 0; i < matrix->nnz; i++) {
        double value = 2 * spr_random_unit(&state) - 1;
        float rounded = (float)value;
        matrix->value[i] = rounded != 0 ? rounded : 0.5F;
    }
}

/* Draws `kept` of `cells` cells without replacement (Vitter's selection sampling, algorithm
 * S of Knuth 3.4.2) and reports each in rising order. */
struct sampler {
    double cells, left, kept;
    uint64_t state;
};

static bool sample_next(struct sampler *sampler)
{
    bool take = spr_random_unit(&sampler->state) * sampler->left < sampler->kept;
    sampler->left--;
    sampler->kept -= take;
    return take;
}

/* A grid of R x C cells, as one bit map of kept cells. */
static unsigned char *draw_cells(int64_t rows, int64_t columns, double kept, uint64_t seed)
{
    size_t count = (size_t)rows * (size_t)columns;
    unsigned char *map = spr_calloc(count, 1);
    struct sampler sampler = {(double)count, (double)count, kept, seed};
    for (size_t i = 0; map && i < count; i++) {
        map[i] = sample_next(&sampler);
    }
    return map;
}

/* Both are for a matrix that has its m and k alone. */
static enum spr_status fill_blocks(const struct spr_cell_shape *cell, double kept,
                                   uint64_t seed, struct spr_matrix *matrix,
                                   struct spr_error *err)
{
    const int64_t m = matrix->m, k = matrix->k, r = cell->rows, c = cell->columns;
    const int64_t columns = (k + c - 1) / c, block_rows = (m + r - 1) / r;
    unsigned char *map = draw_cells(block_rows, columns, kept, seed);
    size_t nnz = 0, at = 0;
    if (!map) {
        return spr_no_memory(err);
    }
    for (int64_t i = 0; i < block_rows; i++) {
        const unsigned char *row = map + i * columns;
        int64_t width = 0, rows = (i + 1) * r <= m ? r : m - i * r;
        for (int64_t b = 0; b < columns; b++) {
            width += row[b] ? c : 0;
        }
        width -= row[columns - 1] ? columns * c - k : 0; /* the last may be cut off */
        nnz += (size_t)(rows * width);
    }
    enum spr_status status = spr_matrix_alloc(matrix, m, k, nnz, err);
    for (int64_t i = 0; i < m && status == SPR_OK; i++) {
        const unsigned char *row = map + i / r * columns;
        const size_t begin = matrix->row[i];
        if (i % r > 0) { /* as the one above */
            const size_t count = begin - matrix->row[i - 1];
            memcpy(matrix->column + at, matrix->column + at - count,
                   count * sizeof *matrix->column);
            at += count;
        }
        for (int64_t b = 0; b < columns && i % r == 0; b++) {
            int64_t end = (b + 1) * c <= k ? (b + 1) * c : k;
            for (int64_t j = b * c; row[b] && j < end; j++) {
                matrix->column[at++] = (int32_t)j;
            }
        }
        matrix->row[i + 1] = at;
    }
    spr_free(map);
    return status;
}

/* `take` of every `of` columns, drawn anew for each row and group. */
static enum spr_status fill_groups(const struct spr_cell_shape *cell, uint64_t seed,
                                   struct spr_matrix *matrix, struct spr_error *err)
{
    const int64_t m = matrix->m, k = matrix->k, take = cell->take, of = cell->of;
    int64_t rest = k % of;
    int64_t per_row = k / of * take + (take < rest ? take : rest);
    enum spr_status status = spr_matrix_alloc(matrix, m, k, (size_t)m * (size_t)per_row, err);
    uint64_t state = seed;
    size_t at = 0;
    for (int64_t i = 0; i < m && status == SPR_OK; i++) {
        for (int64_t start = 0; start < k; start += of) {
            int64_t width = start + of <= k ? of : k - start;
            double kept = (double)(take < width ? take : width);
            struct sampler sampler = {(double)width, (double)width, kept, state};
            for (int64_t j = start; j < start + width; j++) {
                if (sample_next(&sampler)) {
                    matrix->column[at++] = (int32_t)j;
                }
            }
            state = sampler.state;
        }
        matrix->row[i + 1] = at;
    }
    return status;
}

/* Numbers 0..count-1 in any order. */
static void draw_order(int64_t *order, int64_t count, uint64_t *state)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t at = (int64_t)(spr_random_unit(state) * (double)(i + 1));
        order[i] = order[at];
        order[at] = i;
    }
}

/* A matching in every tile of `of` columns of some rows: those of its rows and columns that are
 * fewer have one each of the others. column: [tile][row], -1 where a row has none. */
static void draw_owners(int64_t rows, int64_t k, int64_t of, int64_t *order, int32_t *column,
                        uint64_t *state)
{
    for (int64_t start = 0; start < k; start += of, column += rows) {
        const int64_t columns = start + of <= k ? of : k - start;
        draw_order(order, rows < columns ? columns : rows, state);
        for (int64_t i = 0; i < rows; i++) {
            column[i] = rows < columns ? (int32_t)(start + order[i]) : -1;
        }
        for (int64_t j = 0; j < columns && rows >= columns; j++) {
            column[order[j]] = (int32_t)(start + j);
        }
    }
}

/* One of `owners` rows in each column: of as many columns each row has one. */
static enum spr_status fill_owners(const struct spr_cell_shape *cell, uint64_t seed,
                                   struct spr_matrix *matrix, struct spr_error *err)
{
    const int64_t m = matrix->m, k = matrix->k, of = cell->owners;
    const int64_t tall = of < m ? of : m, tiles = (k + of - 1) / of;
    const size_t most = (size_t)(m * tiles);
    int64_t *order = spr_calloc((size_t)(of < k || of < m ? of
                                         : k < m          ? m
                                                          : k),
                                sizeof *order);
    int32_t *column = spr_calloc((size_t)(tall * tiles), sizeof *column);
    size_t at = 0;
    enum spr_status status =
        order && column ? spr_matrix_alloc(matrix, m, k, most, err) : spr_no_memory(err);
    for (int64_t row = 0; row < m && status == SPR_OK; row += of) {
        const int64_t rows = row + of <= m ? of : m - row;
        draw_owners(rows, k, of, order, column, &seed);
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t t = 0; t < tiles; t++) {
                const int32_t owned = column[t * rows + i];
                if (owned >= 0) {
                    matrix->column[at++] = owned;
                }
            }
            matrix->row[row + i + 1] = at;
        }
    }
    matrix->nnz = at;
    spr_free(order);
    spr_free(column);
    return status;
}

enum spr_status spr_matrix_random(const struct spr_pattern *pattern, int64_t m, int64_t k,
                                  double kept, uint64_t seed, struct spr_matrix *matrix,
                                  struct spr_error *err)
{
    struct spr_cell_shape cell;
    *matrix = (struct spr_matrix){0};
    if (k > INT32_MAX || m > INT32_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "a %lld x %lld matrix: expected at most 2^31-1 rows "
                        "and columns",
                        (long long)m, (long long)k);
    }
    if (!pattern->kind->cell) {
        char text[SPR_PATTERN_TEXT];
        return spr_fail(err, SPR_EINPUT, "pattern %s: sproof has no kernel for it",
                        spr_pattern_text(pattern, text));
    }
    pattern->kind->cell(pattern, m, k, kept, &cell);
    *matrix = (struct spr_matrix){.m = m, .k = k};
    enum spr_status status = cell.owners > 1 ? fill_owners(&cell, seed, matrix, err)
                             : cell.of > 0   ? fill_groups(&cell, seed, matrix, err)
                                             : fill_blocks(&cell, kept, seed, matrix, err);
    if (status == SPR_OK) {
        spr_matrix_draw_values(matrix, seed);
    } else {
        spr_matrix_free(matrix);
    }
    return status;
}

double spr_matrix_cells(const struct spr_matrix *matrix, const struct spr_pattern *pattern)
{
    struct spr_cell_shape cell;
    pattern->kind->cell(pattern, matrix->m, matrix->k, 0, &cell);
    if (cell.owners > 1) {
        return (double)((matrix->m + cell.owners - 1) / cell.owners) * (double)matrix->k;
    }
    if (cell.of > 0 || (cell.rows == 1 && cell.columns == 1)) {
        return (double)matrix->nnz;
    }
    int64_t columns = (matrix->k + cell.columns - 1) / cell.columns;
    int64_t *seen = spr_calloc((size_t)columns, sizeof *seen);
    double cells = 0;
    for (int64_t i = 0; i < matrix->m && seen; i++) {
        for (size_t e = matrix->row[i]; e < matrix->row[i + 1]; e++) {
            int64_t *last = &seen[matrix->column[e] / cell.columns];
            cells += *last != i / cell.rows + 1;
            *last = i / cell.rows + 1;
        }
    }
    bool counted = seen != NULL;
    spr_free(seen);
    return counted ? cells : (double)NAN;
}

double spr_matrix_touched_columns(const struct spr_matrix *matrix)
{
    unsigned char *seen = spr_calloc((size_t)matrix->k, 1);
    double touched = 0;
    for (size_t e = 0; e < matrix->nnz && seen; e++) {
        touched += !seen[matrix->column[e]];
        seen[matrix->column[e]] = 1;
    }
    bool counted = seen != NULL;
    spr_free(seen);
    return counted ? touched : (double)NAN;
}

double spr_matrix_longest_row(const struct spr_matrix *matrix)
{
    size_t longest = 0;
    for (int64_t i = 0; i < matrix->m; i++) {
        size_t length = matrix->row[i + 1] - matrix->row[i];
        longest = length > longest ? length : longest;
    }
    return (double)longest;
}

void spr_matrix_product(const struct spr_matrix *matrix, int64_t n, const float *x,
                        const int64_t *rows, size_t row_count, double *y, double *magnitude,
                        double *terms)
{
    size_t count = rows ? row_count : (size_t)matrix->m, width = (size_t)n;
    for (size_t i = 0; i < count; i++) {
        size_t row = rows ? (size_t)rows[i] : i;
        double *sum = y + i * width, *size = magnitude + i * width;
        for (size_t j = 0; j < width; j++) {
            sum[j] = size[j] = 0;
        }
        for (size_t e = matrix->row[row]; e < matrix->row[row + 1]; e++) {
            double w = (double)matrix->value[e];
            const float *input = x + (size_t)matrix->column[e] * width;
            for (size_t j = 0; j < width; j++) {
                double product = w * (double)input[j];
                sum[j] += product;
                size[j] += fabs(product);
            }
        }
        terms[i] = (double)(matrix->row[row + 1] - matrix->row[row]);
    }
}

size_t spr_matrix_find(const struct spr_matrix *w, int64_t row, int64_t column)
{
    size_t low = w->row[row], high = w->row[row + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->column[middle] < column) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
