/* SPDX-License-Identifier: Apache-2.0 */
/* From the constants of a kernel family to seconds. */
#include <math.h>

#include "sproof/family_time.h"

/* Tiles of Y that libraries choose among; the narrow ones for few columns. */
static const double tiles[][2] = {{64, 64},   {64, 128}, {128, 64}, {128, 128}, {128, 256},
                                  {256, 128}, {64, 256}, {256, 64}, {64, 8},    {64, 16},
                                  {64, 32},   {128, 16}, {128, 32}};
#define TILES (sizeof tiles / sizeof *tiles)
#define WIDE_TILES 8
#define NARROW_COLUMNS 64.0 /* of X, from which on only wide tiles are used */

/* A product with few tiles is cut along k, at a price. */
static const double splits[] = {1, 2, 3, 4, 6, 8, 16};
#define SPLITS (sizeof splits / sizeof *splits)
#define SPLIT_S 5e-6
#define SPLIT_K 64.0      /* the least k of a part */
#define SPLIT_WAVES 4.0   /* nobody cuts what fills the units so often */
#define PARTIAL_BYTES 4.0 /* of a sum that waits for the others */

/* A block kernel takes so many rows at once. */
#define BLOCK_ROWS 32.0
#define BLOCK_PEAK 0.8 /* of the engine's rate; their bytes bind, so that no time tells it */
static const double block_columns[] = {8, 16, 32, 64, 128, 256};
#define BLOCK_COLUMNS (sizeof block_columns / sizeof *block_columns)

/* Of the last wave of tiles, of which some end sooner. */
#define TILES_WHOLE_WAVES 0.5

/* Calls get slower from these seconds on, for so many powers of ten. */
#define SHORT_RUN_S 100e-6
#define LONG_RUN_DECADES 1.0

static double largest(double a, double b)
{
    return a > b ? a : b;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

struct spr_family_view spr_family_view_of(const struct spr_machine *machine,
                                          const struct spr_pattern *pattern,
                                          enum spr_dtype dtype)
{
    const struct spr_memory *last = &machine->memory[machine->memory_count - 1];
    /* The rates of a CPU are of all cores that run, which share one product. */
    const bool gpu = machine->kind && machine->kind[0] == 'g';
    struct spr_family_view view = {.units = gpu && machine->cores ? (double)machine->cores : 1,
                                   .clock_hz = machine->clock_hz.value,
                                   .bytes_per_s = last->bytes_per_s.value};
    for (size_t i = 0; i < machine->engine_count; i++) {
        const struct spr_engine *engine = &machine->engines[i];
        const bool takes = (engine->dtypes & (1u << dtype)) != 0 &&
                           !isnan(engine->flops_per_s.value) &&
                           spr_engine_accept(engine, pattern) != NULL;
        if (takes) {
            view.flops_per_s = largest(view.flops_per_s, engine->flops_per_s.value);
        }
    }
    if (machine->memory_count > 1) {
        const double bytes = machine->memory[machine->memory_count - 2].bytes.value;
        view.cache_bytes = isnan(bytes) ? 0 : bytes;
    }
    return view;
}

void spr_family_case_of(const struct spr_pattern *pattern, const double mkn[3], double kept,
                        const double bytes[3], struct spr_family_case *of)
{
    const struct spr_shape shape = {.m = (int64_t)mkn[0], .k = (int64_t)mkn[1], .groups = 1};
    const struct spr_counted nothing = {(double)NAN, (double)NAN, (double)NAN};
    const struct spr_weight_cost cost =
        pattern->kind->cost(pattern, &shape, kept, &nothing, bytes[0]);
    *of = (struct spr_family_case){.m = mkn[0],
                                   .k = mkn[1],
                                   .n = mkn[2],
                                   .products = 1,
                                   .kept = kept,
                                   .cell_rows = 1,
                                   .cell_columns = 1,
                                   .issued = cost.issued,
                                   .weight_bytes = cost.value_bytes + cost.index_bytes,
                                   .w_bytes = bytes[0],
                                   .x_bytes = bytes[1],
                                   .y_bytes = bytes[2]};
    if (pattern->kind->pattern_class == SPR_CLASS_BLOCK) {
        of->cell_rows = (double)pattern->a;
        of->cell_columns = (double)pattern->b;
    }
}

/* Seconds of the bytes: some of them come from memory, the others out of the last cache. */
static double memory_s(const double *constant, const struct spr_family_view *view,
                       const struct spr_family_case *of, double bytes)
{
    const double stays = constant[SPR_RESIDENT] * view->cache_bytes;
    double passed = of->residency == SPR_RESIDENCY_NETWORK ? of->pass_bytes : bytes;
    double far = stays > 0 ? least(1, largest(0, (passed - stays) / stays)) : 1;
    if (of->residency == SPR_RESIDENCY_DRAM || of->residency == SPR_RESIDENCY_COLD) {
        far = 1;
    }
    return far * bytes / (constant[SPR_MEMORY] * view->bytes_per_s) +
           (1 - far) * bytes / constant[SPR_CACHE_RATE];
}

/* How often the units are filled, of so many tiles for each. */
static double waves(double tiles_each, double whole)
{
    return tiles_each <= 1 ? 1 : whole * ceil(tiles_each) + (1 - whole) * tiles_each;
}

/* What a tile of one unit does in a step of k. */
struct step {
    double flops, bytes;
};

/* Seconds of it while all units are busy. */
static double step_s(const struct spr_family_view *view, const struct step *step, double peak,
                     double bytes_per_s)
{
    return view->units *
           largest(step->flops / (peak * view->flops_per_s), step->bytes / bytes_per_s);
}

static double roofline_s(const double *constant, const struct spr_family_view *view,
                         const struct spr_family_case *of)
{
    const double bytes =
        of->weight_bytes + of->x_bytes * of->k * of->n + of->y_bytes * of->m * of->n;
    const double flops = 2 * of->issued * of->n;
    return constant[SPR_CALL_S] +
           of->products * largest(flops / (constant[SPR_PEAK] * view->flops_per_s),
                                  bytes / (constant[SPR_MEMORY] * view->bytes_per_s));
}

/* The best number of parts for one tile. */
static double split_s(const double *constant, const struct spr_family_view *view,
                      const struct spr_family_case *of, const double tile[2], double bytes_s)
{
    const double weights = of->m * of->k;
    const struct step one = {2 * tile[0] * tile[1] * of->issued / weights,
                             tile[0] * of->weight_bytes / weights + tile[1] * of->x_bytes};
    const double step = step_s(view, &one, constant[SPR_PEAK], constant[SPR_CACHE_RATE]);
    const double count = of->products * ceil(of->m / tile[0]) * ceil(of->n / tile[1]);
    double best = HUGE_VAL;
    for (size_t i = 0; i < SPLITS; i++) {
        const double parts = splits[i], k = of->k / parts, each = count * parts / view->units;
        if (i > 0 && (k < SPLIT_K || each > SPLIT_WAVES)) {
            break;
        }
        const double work_s =
            waves(each, TILES_WHOLE_WAVES) * step * (k + constant[SPR_TILE_K]);
        const double sums_s = 2 * parts * of->products * of->m * of->n * PARTIAL_BYTES /
                              constant[SPR_CACHE_RATE];
        const double longest = largest(bytes_s, largest(work_s, constant[SPR_STEP_S] * k));
        best = least(best, longest + (i > 0 ? SPLIT_S + sums_s : 0));
    }
    return best;
}

static double tiles_s(const double *constant, const struct spr_family_view *view,
                      const struct spr_family_case *of)
{
    const double bytes =
        of->weight_bytes + of->x_bytes * of->k * of->n + of->y_bytes * of->m * of->n;
    const double bytes_s = memory_s(constant, view, of, of->products * bytes);
    const size_t count = of->n < NARROW_COLUMNS ? TILES : WIDE_TILES;
    double best = HUGE_VAL;
    for (size_t i = 0; i < count; i++) {
        best = least(best, split_s(constant, view, of, tiles[i], bytes_s));
    }
    const double time_s = constant[SPR_CALL_S] + best;
    const double slow = log10(time_s / SHORT_RUN_S) / LONG_RUN_DECADES;
    return time_s * (1 + (1 / constant[SPR_LONG_RUN] - 1) * least(1, largest(0, slow)));
}

/* A block kernel on a tile of Y: k steps for each, of the blocks of a mean block row. */
struct block_rows {
    double rows;   /* of blocks */
    double k;      /* of the kept blocks of one of them */
    double uneven; /* how much longer the longest is than their mean */
};

static double block_tile_s(const double *constant, const struct spr_family_view *view,
                           const struct spr_family_case *of, const struct block_rows *blocks,
                           const double tile[2])
{
    const struct step one = {2 * tile[0] * tile[1],
                             tile[0] * of->w_bytes + tile[1] * of->x_bytes};
    const double step = step_s(view, &one, BLOCK_PEAK, constant[SPR_CACHE_RATE]);
    const double each = of->products * blocks->rows * ceil(of->cell_rows / tile[0]) *
                        ceil(of->n / tile[1]) / view->units;
    /* A unit that takes many tiles takes long and short ones. */
    const double longest = 1 + blocks->uneven / sqrt(largest(each, 1));
    return largest(waves(each, constant[SPR_WHOLE_WAVES]) * step *
                       (blocks->k * longest + constant[SPR_TILE_K]),
                   constant[SPR_STEP_S] * blocks->k * (1 + blocks->uneven));
}

static double blocks_s(const double *constant, const struct spr_family_view *view,
                       const struct spr_family_case *of)
{
    const double rows = ceil(of->m / of->cell_rows), columns = ceil(of->k / of->cell_columns);
    const double density = least(1, of->kept / (rows * columns));
    /* Rows of X that no block touches are not read. */
    const double x = of->x_bytes * of->k * of->n * spr_expected_touched(density, rows);
    const double bytes = of->weight_bytes + x + of->y_bytes * of->m * of->n;
    const double bytes_s = memory_s(constant, view, of, of->products * bytes);
    /* In standard deviations of a random block row's length, as a share of the mean. */
    const double deviation = density > 0 ? sqrt((1 - density) / (density * columns)) : 0;
    const struct block_rows blocks = {rows, density * columns * of->cell_columns,
                                      constant[SPR_IMBALANCE] * deviation};
    double best = HUGE_VAL;
    for (double height = least(of->cell_rows, BLOCK_ROWS); height <= of->cell_rows;
         height *= 2) {
        for (size_t i = 0; i < BLOCK_COLUMNS && (i == 0 || block_columns[i - 1] < of->n);
             i++) {
            const double tile[2] = {height, block_columns[i]};
            best =
                least(best, largest(bytes_s, block_tile_s(constant, view, of, &blocks, tile)));
        }
    }
    return constant[SPR_CALL_S] + best;
}

static double rows_s(const double *constant, const struct spr_family_view *view,
                     const struct spr_family_case *of)
{
    const bool far = of->x_bytes * of->k * of->n > view->cache_bytes;
    const double work_s =
        of->m * of->n * constant[SPR_OUTPUT_S] +
        of->kept * of->n * constant[SPR_WEIGHT_S] * (far ? 1 + constant[SPR_FAR_X] : 1);
    return constant[SPR_CALL_S] +
           of->products * largest(work_s, constant[SPR_ROW_S] * of->kept / of->m);
}

/* The same product with all weights. */
static struct spr_family_case whole(const struct spr_family_case *of)
{
    const struct spr_pattern dense = spr_pattern_dense();
    const double mkn[3] = {of->m, of->k, of->n};
    const double bytes[3] = {of->w_bytes, of->x_bytes, of->y_bytes};
    struct spr_family_case all;
    spr_family_case_of(&dense, mkn, of->m * of->k, bytes, &all);
    all.products = of->products;
    all.residency = of->residency;
    all.pass_bytes = of->pass_bytes;
    return all;
}

double spr_family_time(const struct spr_family *family, const struct spr_family_view *view,
                       const struct spr_family_case *given)
{
    const struct spr_family_case all = family->as_dense ? whole(given) : *given, *of = &all;
    switch (family->form) {
    case SPR_FORM_TILES:
        return tiles_s(family->constant, view, of);
    case SPR_FORM_BLOCKS:
        return blocks_s(family->constant, view, of);
    case SPR_FORM_ROWS:
        return rows_s(family->constant, view, of);
    case SPR_FORM_ROOFLINE:
        break;
    }
    return roofline_s(family->constant, view, of);
}

/* How near the calls that a family was fitted to are to the residency asked for. */
static bool fits(const struct spr_family *family, enum spr_residency residency)
{
    const bool far = residency == SPR_RESIDENCY_COLD || residency == SPR_RESIDENCY_DRAM;
    return (family->residency == SPR_RESIDENCY_WARM) != far;
}

const struct spr_family *spr_family_best(const struct spr_machine *machine,
                                         const struct spr_pattern *pattern,
                                         enum spr_dtype dtype,
                                         const struct spr_family_case *of, double *time_s)
{
    const struct spr_family *best = NULL;
    const struct spr_family_view view = spr_family_view_of(machine, pattern, dtype);
    bool best_fits = false;
    for (size_t i = 0; i < machine->family_count; i++) {
        const struct spr_family *family = &machine->families[i];
        if (!(family->dtypes & (1u << dtype)) ||
            !spr_pattern_equal(&family->pattern, pattern)) {
            continue;
        }
        const bool suits = fits(family, of->residency);
        const double seconds = spr_family_time(family, &view, of);
        if (!best || (suits && !best_fits) || (suits == best_fits && seconds < *time_s)) {
            best = family;
            best_fits = suits;
            *time_s = seconds;
        }
    }
    return best;
}
