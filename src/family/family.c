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

/* A mean row of more weights than this is summed in another way: where cuSPARSE's times jump. */
#define LONG_ROW 320.0
/* What an element of Y costs besides its weights is paid in full from so many weights on. */
#define FULL_ROW 32.0

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
                                   .flops_per_s = spr_engines_rate(machine, pattern, dtype),
                                   .bytes_per_s = last->bytes_per_s.value};
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

/* Seconds, and what they are spent on. */
struct spent {
    double s;
    enum spr_limit limit;
};

static struct spent longer(struct spent a, struct spent b)
{
    return a.s > b.s ? a : b;
}

static struct spent shorter(struct spent a, struct spent b)
{
    return a.s <= b.s ? a : b;
}

/* What the equations of all forms are given. */
struct given {
    const double *constant;
    const struct spr_family_view *view;
    const struct spr_family_case *of;
};

/* The bytes of all products: some of them come from memory, the others out of the last cache. */
static struct spent memory_of(const struct given *g, double bytes)
{
    const struct spr_family_case *of = g->of;
    const double all = of->products * bytes;
    const double stays = g->constant[SPR_RESIDENT] * g->view->cache_bytes;
    const double passed = of->residency == SPR_RESIDENCY_NETWORK ? of->pass_bytes : all;
    double far = stays > 0 ? least(1, largest(0, (passed - stays) / stays)) : 1;
    if (of->residency == SPR_RESIDENCY_DRAM || of->residency == SPR_RESIDENCY_COLD) {
        far = 1;
    }
    const double memory_s = far * all / (g->constant[SPR_MEMORY] * g->view->bytes_per_s);
    const double cache_s = (1 - far) * all / g->constant[SPR_CACHE_RATE];
    return (struct spent){memory_s + cache_s,
                          memory_s >= cache_s ? SPR_LIMIT_MEMORY : SPR_LIMIT_CACHE};
}

/* How often the units are filled, of so many tiles for each. */
static double waves(double tiles_each, double whole)
{
    return tiles_each <= 1 ? 1 : whole * ceil(tiles_each) + (1 - whole) * tiles_each;
}

/* What a tile of one unit does in a step of k. */
struct step {
    double flops, bytes;
    double peak; /* share of the engine's rate */
};

/* So many steps of every unit at once, of so many tiles for each. */
static struct spent work_of(const struct given *g, const struct step *step, double steps,
                            double tiles_each)
{
    const double units = g->view->units;
    const double flops_s = step->flops * units / (step->peak * g->view->flops_per_s);
    const double bytes_s = step->bytes * units / g->constant[SPR_CACHE_RATE];
    const enum spr_limit limit = tiles_each < 0.5     ? SPR_LIMIT_UNITS
                                 : flops_s >= bytes_s ? SPR_LIMIT_PEAK
                                                      : SPR_LIMIT_CACHE;
    return (struct spent){steps * largest(flops_s, bytes_s), limit};
}

static struct spent roofline(const struct given *g)
{
    const struct spr_family_case *of = g->of;
    const double bytes =
        of->weight_bytes + of->x_bytes * of->k * of->n + of->y_bytes * of->m * of->n;
    const struct spent compute = {2 * of->products * of->issued * of->n /
                                      (g->constant[SPR_PEAK] * g->view->flops_per_s),
                                  SPR_LIMIT_PEAK};
    const struct spent memory = {of->products * bytes /
                                     (g->constant[SPR_MEMORY] * g->view->bytes_per_s),
                                 SPR_LIMIT_MEMORY};
    return longer(compute, memory);
}

/* The best number of parts for one tile. */
static struct spent split(const struct given *g, const double tile[2], struct spent memory)
{
    const struct spr_family_case *of = g->of;
    const double weights = of->m * of->k;
    const struct step step = {2 * tile[0] * tile[1] * of->issued / weights,
                              tile[0] * of->weight_bytes / weights + tile[1] * of->x_bytes,
                              g->constant[SPR_PEAK]};
    const double count = of->products * ceil(of->m / tile[0]) * ceil(of->n / tile[1]);
    struct spent best = {HUGE_VAL, SPR_LIMIT_PEAK};
    for (size_t i = 0; i < SPLITS; i++) {
        const double parts = splits[i], k = of->k / parts,
                     each = count * parts / g->view->units;
        if (i > 0 && (k < SPLIT_K || each > SPLIT_WAVES)) {
            break;
        }
        const double steps = waves(each, TILES_WHOLE_WAVES) * (k + g->constant[SPR_TILE_K]);
        const struct spent chain = {g->constant[SPR_STEP_S] * k, SPR_LIMIT_UNITS};
        struct spent one = longer(memory, longer(work_of(g, &step, steps, each), chain));
        if (i > 0) {
            one.s += SPLIT_S + 2 * parts * of->products * of->m * of->n * PARTIAL_BYTES /
                                   g->constant[SPR_CACHE_RATE];
        }
        best = shorter(best, one);
    }
    return best;
}

static struct spent product_tiles(const struct given *g)
{
    const struct spr_family_case *of = g->of;
    const double bytes =
        of->weight_bytes + of->x_bytes * of->k * of->n + of->y_bytes * of->m * of->n;
    const struct spent memory = memory_of(g, bytes);
    const size_t count = of->n < NARROW_COLUMNS ? TILES : WIDE_TILES;
    struct spent best = {HUGE_VAL, SPR_LIMIT_PEAK};
    for (size_t i = 0; i < count; i++) {
        best = shorter(best, split(g, tiles[i], memory));
    }
    const double time_s = g->constant[SPR_CALL_S] + best.s;
    const double slow = least(1, largest(0, log10(time_s / SHORT_RUN_S) / LONG_RUN_DECADES));
    best.s =
        time_s * (1 + (1 / g->constant[SPR_LONG_RUN] - 1) * slow) - g->constant[SPR_CALL_S];
    return best;
}

/* A block kernel on a tile of Y: k steps for each, of the blocks of a mean block row. */
struct block_rows {
    double rows;   /* of blocks */
    double k;      /* of the kept blocks of one of them */
    double uneven; /* how much longer the longest is than their mean */
};

static struct spent block_tile(const struct given *g, const struct block_rows *blocks,
                               const double tile[2])
{
    const struct spr_family_case *of = g->of;
    const struct step step = {2 * tile[0] * tile[1],
                              tile[0] * of->w_bytes + tile[1] * of->x_bytes, BLOCK_PEAK};
    const double each = of->products * blocks->rows * ceil(of->cell_rows / tile[0]) *
                        ceil(of->n / tile[1]) / g->view->units;
    /* A unit that takes many tiles takes long and short ones. */
    const double longest = 1 + blocks->uneven / sqrt(largest(each, 1));
    const double steps = waves(each, g->constant[SPR_WHOLE_WAVES]) *
                         (blocks->k * longest + g->constant[SPR_TILE_K]);
    const struct spent chain = {g->constant[SPR_STEP_S] * blocks->k * (1 + blocks->uneven),
                                SPR_LIMIT_UNITS};
    return longer(work_of(g, &step, steps, each), chain);
}

static struct spent block_tiles(const struct given *g)
{
    const struct spr_family_case *of = g->of;
    const double rows = ceil(of->m / of->cell_rows), columns = ceil(of->k / of->cell_columns);
    const double density = least(1, of->kept / (rows * columns));
    /* Rows of X that no block touches are not read. */
    const double x = of->x_bytes * of->k * of->n * spr_expected_touched(density, rows);
    const struct spent memory =
        memory_of(g, of->weight_bytes + x + of->y_bytes * of->m * of->n);
    /* A random block row's standard deviation as a share of the mean; the longest of so many
     * normal ones is about so many deviations longer. */
    const double deviation = density > 0 ? sqrt((1 - density) / (density * columns)) : 0;
    const double longest = deviation * sqrt(2 * log(largest(2, rows)));
    const struct block_rows blocks = {rows, density * columns * of->cell_columns,
                                      g->constant[SPR_IMBALANCE] * longest};
    struct spent best = {HUGE_VAL, SPR_LIMIT_PEAK};
    for (double height = least(of->cell_rows, BLOCK_ROWS); height <= of->cell_rows;
         height *= 2) {
        for (size_t i = 0; i < BLOCK_COLUMNS && (i == 0 || block_columns[i - 1] < of->n);
             i++) {
            const double tile[2] = {height, block_columns[i]};
            best = shorter(best, longer(memory, block_tile(g, &blocks, tile)));
        }
    }
    return best;
}

static struct spent weight_rows(const struct given *g)
{
    const struct spr_family_case *of = g->of;
    const bool far = of->x_bytes * of->k * of->n > g->view->cache_bytes;
    const double weights_s =
        of->kept * of->n * g->constant[SPR_WEIGHT_S] * (far ? 1 + g->constant[SPR_FAR_X] : 1);
    const double row = of->kept / of->m;
    const double output_s = g->constant[SPR_OUTPUT_S] * least(1, row / FULL_ROW) +
                            (row > LONG_ROW ? g->constant[SPR_LONG_ROW_S] : 0);
    const double work_s = weights_s + of->m * of->n * output_s;
    const double chain_s = g->constant[SPR_ROW_S] * row;
    return (struct spent){of->products * (work_s + chain_s),
                          work_s > chain_s ? SPR_LIMIT_CACHE : SPR_LIMIT_UNITS};
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
                       const struct spr_family_case *of, enum spr_limit *limit)
{
    const struct spr_family_case all = family->as_dense ? whole(of) : *of;
    const struct given g = {family->constant, view, &all};
    struct spent spent = {0, SPR_LIMIT_CALL};
    switch (family->form) {
    case SPR_FORM_TILES:
        spent = product_tiles(&g);
        break;
    case SPR_FORM_BLOCKS:
        spent = block_tiles(&g);
        break;
    case SPR_FORM_ROWS:
        spent = weight_rows(&g);
        break;
    case SPR_FORM_ROOFLINE:
        spent = roofline(&g);
        break;
    }
    const double call_s = family->constant[SPR_CALL_S];
    if (limit) {
        *limit = call_s > spent.s ? SPR_LIMIT_CALL : spent.limit;
    }
    return call_s + spent.s;
}

double spr_family_y_bytes(enum spr_dtype dtype, double stored)
{
    return dtype == SPR_FP8 ? largest(2, stored) : stored;
}

/* How near the calls that a family was fitted to are to the residency asked for. */
static bool fits(const struct spr_family *family, enum spr_residency residency)
{
    const bool far = residency == SPR_RESIDENCY_COLD || residency == SPR_RESIDENCY_DRAM;
    return (family->residency == SPR_RESIDENCY_WARM) != far;
}

static bool is_of(const struct spr_family *family, enum spr_dtype dtype,
                  const struct spr_pattern *pattern)
{
    return (family->dtypes & (1u << dtype)) != 0 &&
           spr_pattern_equal(&family->pattern, pattern);
}

const struct spr_family *spr_family_best(const struct spr_machine *machine,
                                         enum spr_dtype dtype,
                                         const struct spr_pattern *pattern,
                                         const struct spr_family_case *of,
                                         struct spr_family_expected *expected)
{
    const struct spr_family *best = NULL;
    const struct spr_pattern dense = spr_pattern_dense();
    bool best_fits = false;
    for (size_t i = 0; i < machine->family_count; i++) {
        const struct spr_family *family = &machine->families[i];
        struct spr_family_expected one;
        if (!is_of(family, dtype, pattern)) {
            continue;
        }
        const struct spr_family_view view =
            spr_family_view_of(machine, family->as_dense ? &dense : pattern, dtype);
        if (view.flops_per_s <= 0 && family->form != SPR_FORM_ROWS) {
            continue;
        }
        const bool suits = fits(family, of->residency);
        one.time_s = spr_family_time(family, &view, of, &one.limit);
        if (!best || (suits && !best_fits) ||
            (suits == best_fits && one.time_s < expected->time_s)) {
            best = family;
            best_fits = suits;
            *expected = one;
        }
    }
    return best;
}

double spr_family_call(const struct spr_machine *machine, enum spr_dtype dtype,
                       enum spr_residency residency)
{
    const struct spr_pattern dense = spr_pattern_dense();
    double like_s = HUGE_VAL, other_s = HUGE_VAL;
    for (size_t i = 0; i < machine->family_count; i++) {
        const struct spr_family *family = &machine->families[i];
        if (is_of(family, dtype, &dense)) {
            double *call_s = fits(family, residency) ? &like_s : &other_s;
            *call_s = least(*call_s, family->constant[SPR_CALL_S]);
        }
    }
    const double call_s = like_s < HUGE_VAL ? like_s : other_s;
    return call_s < HUGE_VAL ? call_s : 0;
}
