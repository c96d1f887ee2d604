/* SPDX-License-Identifier: Apache-2.0 */
/* The units of a matrix that is packed. */
#include "kernel/pack_units.h"

#include "base/mem.h"
#include "matrix/matrix_build.h"

void spr_packer_free(struct spr_packer *p)
{
    spr_free(p->steps);
    spr_free(p->columns);
    spr_free(p->position);
    spr_free(p->seen);
    spr_free(p->first);
}

/* Slots of the shuffle form. What the comp form cannot hold has weights anywhere. */
static int shuffle_slots(const struct spr_packer *p, const struct spr_comp_form *comp)
{
    const struct spr_cell_shape single = {.rows = 1, .columns = 1};
    const struct spr_plan *plan = p->plan;
    int slots = plan->slots;
    if (comp->columns > 0 && spr_isa_code_of(plan->isa)->tiles->shuffles &&
        plan->k <= SPR_PANEL_MAX) {
        slots = spr_shuffle_slots(
            &single, plan->k, (double)p->matrix->nnz / ((double)plan->m * (double)plan->k));
    }
    return slots > 0 && spr_shuffle_usable(p->matrix) ? slots : 0;
}

bool spr_packer_make(struct spr_packer *p)
{
    const struct spr_plan *plan = p->plan;
    const struct spr_comp_form comp = spr_comp_form_of(plan);
    plan->pattern.kind->cell(&plan->pattern, plan->m, plan->k, 0, &p->cell);
    p->dense = plan->pattern.kind->pattern_class == SPR_CLASS_DENSE;
    p->lanes = plan->vectors == 0;
    p->tile = p->lanes ? spr_lane_tile(plan) : (struct spr_tile_shape){0};
    p->chunk = p->tile.chunk > 0 ? p->tile.chunk : 1;
    p->comp = comp.columns > 0 && spr_comp_usable(&comp, p->matrix);
    p->slots = p->lanes && p->tile.chunk == 0 && !p->comp ? shuffle_slots(p, &comp) : 0;
    p->unit_rows = !p->dense  ? p->cell.rows
                   : p->lanes ? spr_tile_rows(&p->tile, spr_isa_lanes(plan->isa))
                              : plan->rows;
    p->units = (plan->m + p->unit_rows - 1) / p->unit_rows;
    p->panels = (plan->k + plan->panel - 1) / plan->panel;
    p->steps = spr_calloc((size_t)(p->units * p->panels), sizeof *p->steps);
    p->columns = spr_calloc((size_t)plan->k, sizeof *p->columns);
    p->position = spr_calloc((size_t)plan->k, sizeof *p->position);
    p->seen = spr_calloc((size_t)plan->k, sizeof *p->seen);
    p->first = spr_calloc((size_t)plan->threads + 1, sizeof *p->first);
    return p->steps && p->columns && p->position && p->seen && p->first;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct spr_span spr_unit_rows(const struct spr_packer *p, int64_t unit)
{
    return (struct spr_span){unit * p->unit_rows,
                             least((unit + 1) * p->unit_rows, p->plan->m)};
}

struct spr_span spr_panel_columns(const struct spr_packer *p, int64_t panel)
{
    return (struct spr_span){panel * p->plan->panel,
                             least((panel + 1) * p->plan->panel, p->plan->k)};
}

int spr_unit_group(const struct spr_packer *p, int64_t row, int64_t end)
{
    if (p->lanes) {
        const int rows = spr_tile_rows(&p->tile, spr_isa_lanes(p->plan->isa));
        return (int)least(end - row, rows);
    }
    return spr_group_height(p->plan, end - row);
}

int64_t spr_unit_columns(struct spr_packer *p, int64_t unit, const struct spr_span *columns)
{
    const struct spr_matrix *w = p->matrix;
    const struct spr_span rows = spr_unit_rows(p, unit);
    const int64_t begin = columns->begin, end = columns->end;
    int64_t count = 0, width = p->cell.columns;
    if (p->unit_rows == 1 && width == 1) {
        for (size_t e = spr_matrix_find(w, unit, begin);
             e < w->row[unit + 1] && w->column[e] < end; e++) {
            p->columns[count++] = w->column[e];
        }
        return count;
    }
    p->stamp++;
    for (int64_t row = rows.begin; row < rows.end; row++) {
        /* A block that starts before the panel reaches into it. */
        for (size_t e = spr_matrix_find(w, row, begin / width * width);
             e < w->row[row + 1] && w->column[e] / width * width < end; e++) {
            p->seen[w->column[e] / width] = p->stamp;
        }
    }
    for (int64_t b = begin / width; b * width < end; b++) {
        for (int64_t c = b * width; c < (b + 1) * width && p->seen[b] == p->stamp; c++) {
            if (c >= begin && c < end) {
                p->columns[count++] = c;
            }
        }
    }
    return count;
}

static void count_steps(struct spr_packer *p)
{
    for (int64_t unit = 0; unit < p->units; unit++) {
        for (int64_t panel = 0; panel < p->panels; panel++) {
            const struct spr_span columns = spr_panel_columns(p, panel);
            int64_t count =
                p->dense ? columns.end - columns.begin : spr_unit_columns(p, unit, &columns);
            p->steps[unit * p->panels + panel] = (uint32_t)(count / p->chunk);
        }
    }
}

/* Threads get runs of units with about as many steps each. */
static void split_units(struct spr_packer *p)
{
    double total = 0, sum = 0;
    int64_t unit = 0;
    for (int64_t i = 0; i < p->units * p->panels; i++) {
        total += p->steps[i] + 1.0;
    }
    for (int t = 0; t < p->plan->threads; t++) {
        p->first[t] = unit;
        double goal = total * (t + 1) / p->plan->threads;
        while (unit < p->units) {
            double own = 0;
            for (int64_t panel = 0; panel < p->panels; panel++) {
                own += p->steps[unit * p->panels + panel] + 1.0;
            }
            if (sum + own / 2 > goal) {
                break;
            }
            sum += own;
            unit++;
        }
    }
    p->first[p->plan->threads] = p->units;
}

void spr_packer_count(struct spr_packer *packer)
{
    count_steps(packer);
    split_units(packer);
}
