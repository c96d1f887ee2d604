/* SPDX-License-Identifier: Apache-2.0 */
/* What k-winner-take-all and products with winners alone take, on synthetic values and weights. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "host/sampler.h"
#include "probe/calibrate_points.h"
#include "sproof/winners.h"

#define REPEATS 7
#define SAMPLE_S 200e-6

/* Sets of winners that are run one after another. */
#define SETS 8
/* Vectors likewise: none is learned by heart, and a sample that misleads is among them as often as
 * it should be. No more than this many values, which stay near. */
#define VECTORS 32
#define VECTOR_VALUES 131072

/* Values that compete, and shares of them that win. */
static const int64_t sizes[] = {128, 512, 2048, 16384};
#define SIZES (sizeof sizes / sizeof *sizes)
#define FEW 16
#define MANY 4

/* Pixels of a map whose channels compete. */
#define PIXELS 16

/* Heights of blocks, bytes of packed values. */
static const int heights[] = {1, 4, 8, 16, 32, 64};
#define HEIGHTS (sizeof heights / sizeof *heights)
static const double footprints[] = {65536, 262144, 1048576, 4194304};
#define FOOTPRINTS (sizeof footprints / sizeof *footprints)

/* Rows of the synthetic matrices, and how many weights a column has on average. */
#define ROWS 1024
#define COLUMN 128
#define SHORT_COLUMN 16
/* Winners of a call at least. */
#define WINNERS 64

struct bench {
    const struct spr_wta *wta;
    float *x; /* `sets` vectors */
    const struct spr_columns *columns;
    struct spr_winners *winners; /* of each set */
    int sets;
    float *y;
};

static void run_wta(void *context)
{
    struct bench *b = context;
    const int64_t count = b->wta->channels * b->wta->pixels;
    for (int s = 0; s < b->sets; s++) {
        spr_wta_run(b->wta, b->x + s * count, NULL, b->winners);
    }
}

static void run_columns(void *context)
{
    struct bench *b = context;
    for (int s = 0; s < b->sets; s++) {
        spr_columns_run(b->columns, &b->winners[s], b->y);
    }
}

/* Seconds of one run of all sets, into the calibration's next point. */
static enum spr_status time_sets(const struct spr_calibration *c, void (*run)(void *),
                                 struct bench *b, double *seconds, struct spr_error *err)
{
    const struct spr_sampler sampler = {.clock_s = c->clock_s,
                                        .threads = 1,
                                        .run = run,
                                        .context = b,
                                        .least_s = c->quick ? SAMPLE_S / 2 : SAMPLE_S,
                                        .again = true};
    double samples[REPEATS], none = 0;
    spr_sampler_run(&sampler, REPEATS, samples);
    *seconds = spr_least(samples, REPEATS);
    return spr_keep_point(c, seconds, &none) ? SPR_OK : spr_no_memory(err);
}

/* Takes the next point where it is known. */
static bool take(const struct spr_calibration *c, double *seconds)
{
    double none = 0;
    if (!spr_points_known(c, 1)) {
        return false;
    }
    spr_take_point(c, seconds, &none);
    return true;
}

/* Seconds of k-winner-take-all of one vector. */
static enum spr_status time_wta(const struct spr_calibration *c, const struct spr_wta *wta,
                                double *seconds, struct spr_error *err)
{
    const int64_t count = wta->channels * wta->pixels;
    const int64_t vectors = VECTOR_VALUES / count < VECTORS ? VECTOR_VALUES / count : VECTORS;
    struct spr_winners winners = {0};
    uint64_t random = (uint64_t)count;
    if (take(c, seconds)) {
        *seconds /= (double)vectors;
        return SPR_OK;
    }
    float *x = spr_calloc((size_t)(vectors * count), sizeof *x);
    enum spr_status status = x ? spr_winners_alloc(wta, &winners, err) : spr_no_memory(err);
    for (int64_t i = 0; i < vectors * count && status == SPR_OK; i++) {
        /* The sum of three is nearly normal, as activations are. */
        x[i] = (float)(spr_random_unit(&random) + spr_random_unit(&random) +
                       spr_random_unit(&random) - 1.5);
    }
    struct bench b = {.wta = wta, .x = x, .winners = &winners, .sets = (int)vectors};
    status = status ? status : time_sets(c, run_wta, &b, seconds, err);
    *seconds /= (double)vectors;
    spr_winners_free(&winners);
    spr_free(x);
    return status;
}

static void add_point(struct spr_sweep *sweep, double bytes, double seconds)
{
    sweep->bytes[sweep->count] = bytes;
    sweep->step_s[sweep->count++] = fmax(0, seconds);
}

static enum spr_status calibrate_method(const struct spr_calibration *c,
                                        enum spr_wta_method method,
                                        struct spr_winner_rates *out, struct spr_error *err)
{
    struct spr_wta wta = {.isa = c->isa, .method = method, .pixels = 1};
    *out = (struct spr_winner_rates){.isa = c->isa, .method = (int)method};
    for (size_t i = 0; i < SIZES; i++) {
        double few_s = 0, many_s = 0;
        const double size = (double)sizes[i], bytes = size * sizeof(float);
        wta.channels = sizes[i];
        wta.k = sizes[i] / FEW;
        SPR_TRY(time_wta(c, &wta, &few_s, err));
        wta.k = sizes[i] / MANY;
        SPR_TRY(time_wta(c, &wta, &many_s, err));
        const double each = fmax(0, many_s - few_s) / (size / MANY - size / FEW);
        add_point(&out->winner, bytes, each);
        add_point(&out->each, bytes, few_s / size - each / FEW);
    }
    double apart_s = 0;
    wta = (struct spr_wta){.isa = c->isa,
                           .scope = SPR_WTA_PIXEL,
                           .method = method,
                           .channels = sizes[0],
                           .pixels = PIXELS,
                           .k = sizes[0] / FEW};
    SPR_TRY(time_wta(c, &wta, &apart_s, err));
    out->other_s = fmax(0, apart_s / ((double)sizes[0] * PIXELS) - out->each.step_s[0] -
                               out->winner.step_s[0] / FEW);
    return SPR_OK;
}

/* One synthetic product: what is packed, how long its columns are, whether any of them win. */
struct product {
    int rows;
    double bytes, column;
    bool none;
};

static int64_t columns_of(const struct product *p)
{
    return (int64_t)(p->bytes / sizeof(float) / p->column);
}

/* Calls in which each column wins once. */
static int sets_of(const struct product *p)
{
    const int64_t sets = columns_of(p) / WINNERS;
    return sets < 1 ? 1 : sets > SETS ? SETS : (int)sets;
}

/* Deals the columns out at random, rising within a set. */
static void deal(const struct product *p, struct bench *b, int32_t *index, float *value)
{
    uint64_t random = 5;
    int64_t at = 0, columns = columns_of(p);
    const int64_t most = (columns + b->sets - 1) / b->sets;
    for (int s = 0; s < b->sets; s++) {
        b->winners[s] = (struct spr_winners){.index = index + s * most, .value = value};
    }
    for (int64_t i = 0; i < columns && !p->none; i++) {
        int s = (int)(spr_random(&random) % (uint64_t)b->sets);
        while (b->winners[s].count == most) {
            s = (s + 1) % b->sets;
        }
        b->winners[s].index[b->winners[s].count++] = (int32_t)i;
        value[at++ % most] = 0.5F;
    }
}

static enum spr_status time_packed(const struct spr_calibration *c, const struct product *p,
                                   const struct spr_columns *columns, double *seconds,
                                   struct spr_error *err)
{
    struct spr_winners winners[SETS];
    const size_t room = (size_t)(columns_of(p) + SETS);
    int32_t *index = spr_calloc(room, sizeof *index);
    float *value = spr_calloc(room, sizeof *value), *y = spr_calloc(ROWS, sizeof *y);
    struct bench b = {.columns = columns, .winners = winners, .sets = sets_of(p), .y = y};
    enum spr_status status = SPR_ENOMEM;
    if (index && value && y) {
        deal(p, &b, index, value);
        status = time_sets(c, run_columns, &b, seconds, err);
    } else {
        (void)spr_no_memory(err);
    }
    spr_free(index);
    spr_free(value);
    spr_free(y);
    return status;
}

/* Seconds of all sets of a product. */
static enum spr_status time_product(const struct spr_calibration *c, const struct product *p,
                                    double *seconds, struct spr_error *err)
{
    struct spr_pattern pattern;
    struct spr_matrix matrix = {0};
    struct spr_columns columns = {0};
    char text[SPR_PATTERN_TEXT];
    if (take(c, seconds)) {
        return SPR_OK;
    }
    snprintf(text, sizeof text, "%dx1", p->rows);
    SPR_TRY(spr_pattern_parse(p->rows == 1 ? "csr" : text, &pattern, err));
    SPR_TRY(spr_matrix_random(&pattern, ROWS, columns_of(p),
                              floor(p->bytes / sizeof(float) / p->rows), 3, &matrix, err));
    enum spr_status status = spr_columns_pack(c->isa, p->rows, &matrix, &columns, err);
    spr_matrix_free(&matrix);
    status = status ? status : time_packed(c, p, &columns, seconds, err);
    spr_columns_free(&columns);
    return status;
}

/* Long columns and short ones tell what a column adds to its blocks; a product of none tells what
 * its outputs take. */
static enum spr_status calibrate_height(const struct spr_calibration *c, int rows,
                                        struct spr_winner_rates *out, struct spr_error *err)
{
    struct product p = {rows, footprints[0], COLUMN, true};
    double none_s = 0, short_s = 0, long_s[FOOTPRINTS] = {0};
    *out = (struct spr_winner_rates){.isa = c->isa, .rows = rows};
    SPR_TRY(time_product(c, &p, &none_s, err));
    none_s /= sets_of(&p); /* of a call */
    p.none = false;
    for (size_t i = 0; i < FOOTPRINTS; i++) {
        p.bytes = footprints[i];
        SPR_TRY(time_product(c, &p, &long_s[i], err));
        long_s[i] -= none_s * sets_of(&p);
    }
    p = (struct product){rows, footprints[0], SHORT_COLUMN, false};
    SPR_TRY(time_product(c, &p, &short_s, err));
    short_s -= none_s * sets_of(&p);
    const double more = footprints[0] / sizeof(float) * (1.0 / SHORT_COLUMN - 1.0 / COLUMN);
    const double column_s = fmax(0, short_s - long_s[0]) / more;
    add_point(&out->winner, footprints[0], column_s);
    for (size_t i = 0; i < FOOTPRINTS; i++) {
        const double weights = footprints[i] / sizeof(float);
        const double s = long_s[i] - column_s * weights / COLUMN;
        add_point(&out->each, footprints[i], s / (weights / rows));
    }
    out->other_s = none_s / ROWS;
    return SPR_OK;
}

enum spr_status spr_calibrate_winners(const struct spr_calibration *calibration,
                                      struct spr_kernel_rates *rates, struct spr_error *err)
{
    size_t capacity = rates->winner_count;
    if (!spr_grow(&rates->winners, &capacity, rates->winner_count + SPR_WTA_METHODS + HEIGHTS,
                  sizeof *rates->winners)) {
        return spr_no_memory(err);
    }
    for (int m = 0; m < SPR_WTA_METHODS; m++) {
        SPR_TRY(calibrate_method(calibration, (enum spr_wta_method)m,
                                 &rates->winners[rates->winner_count], err));
        rates->winner_count++;
    }
    for (size_t h = 0; h < HEIGHTS; h++) {
        SPR_TRY(calibrate_height(calibration, heights[h], &rates->winners[rates->winner_count],
                                 err));
        rates->winner_count++;
    }
    return SPR_OK;
}
