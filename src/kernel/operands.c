/* SPDX-License-Identifier: Apache-2.0 */
/* Operands that change from call to call, in the packed form of a dense matrix. */
#include "kernel/operands.h"

#include "kernel/pack.h"

enum spr_status spr_pack_template(enum spr_isa isa, const struct spr_dense_shape *shape,
                                  struct spr_packed *packed, struct spr_error *err)
{
    const struct spr_pattern dense = spr_pattern_dense();
    const double cells = (double)shape->m * (double)shape->k;
    struct spr_matrix matrix = {0};
    struct spr_plan plan =
        spr_plan_choose(&dense, isa, shape->m, shape->k, shape->n, cells, 1);
    enum spr_status status =
        spr_matrix_random(&dense, shape->m, shape->k, cells, 1, &matrix, err);
    status = status ? status : spr_pack(&plan, &matrix, packed, err);
    spr_matrix_free(&matrix);
    return status;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The segment's values, and its strip: strips follow each other in the segments. */
static float *begin_segment(const struct spr_strips *s, size_t segment,
                            const struct spr_strip **strip)
{
    *strip += segment == (*strip)->end;
    return s->value + s->segment[segment].value;
}

void spr_pack_columns(const struct spr_packed *packed, const struct spr_span *tokens,
                      const float *source, int64_t n, const float *bias)
{
    const struct spr_strips *s = spr_packed_strips(packed);
    const struct spr_strip *strip = s->strip;
    for (size_t g = 0; g < s->segment_count; g++) {
        float *out = begin_segment(s, g, &strip);
        const int64_t row = s->segment[g].row, rows = strip->rows;
        const int64_t begin = most(tokens->begin - row, 0);
        const int64_t end = least(tokens->end - row, rows);
        for (int64_t step = 0; step < s->segment[g].steps && begin < end; step++) {
            const int64_t column = strip->column + step;
            const float *from = source + column * n + row - tokens->begin;
            for (int64_t r = begin; r < end; r++) {
                out[step * rows + r] = from[r] + bias[column];
            }
        }
    }
}

/* Steps that are transposed together, so that each line of the source is read once. */
#define BLOCK 16

void spr_pack_rows(const struct spr_packed *packed, const struct spr_span *tokens,
                   const float *source, int64_t n, const float *bias)
{
    const struct spr_strips *s = spr_packed_strips(packed);
    const struct spr_strip *strip = s->strip;
    for (size_t g = 0; g < s->segment_count; g++) {
        float *out = begin_segment(s, g, &strip);
        const int64_t row = s->segment[g].row, rows = strip->rows;
        const int64_t last = least(tokens->end - strip->column, s->segment[g].steps);
        const float *from = source + row * n + strip->column - tokens->begin;
        for (int64_t step = most(tokens->begin - strip->column, 0); step < last;
             step += BLOCK) {
            const int64_t end = least(step + BLOCK, last);
            for (int64_t r = 0; r < rows; r++) {
                const float *line = from + r * n;
                const float b = bias[row + r];
                for (int64_t at = step; at < end; at++) {
                    out[at * rows + r] = line[at] + b;
                }
            }
        }
    }
}
