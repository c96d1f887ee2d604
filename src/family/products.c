/* SPDX-License-Identifier: Apache-2.0 */
/* Measured times of products, as a table. */
#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/mem.h"
#include "base/seconds.h"
#include "sproof/family_fit.h"

enum column { M, K, N, PATTERN, SPARSITY, DTYPE, TIME, KERNEL, RESIDENCY };
#define NEEDED_COLUMNS 7

static const char *const columns[] = {"m",     "k",    "n",      "pattern",   "sparsity",
                                      "dtype", "time", "kernel", "residency", NULL};

#define SIZE_LIMIT 1000000000 /* of m, k and n: what any machine holds */

struct reading {
    struct spr_products *products;
    size_t capacity;
    size_t line_beyond; /* of the first row that is too many; 0: none */
};

static enum spr_status read_size(struct spr_csv *csv, enum column column, int64_t *size)
{
    *size = 0;
    SPR_TRY(spr_csv_integer(csv, column, 1, SIZE_LIMIT, size));
    return *size ? SPR_OK : spr_csv_bad(csv, column, "an integer 1..1000000000");
}

static enum spr_status read_pattern(struct spr_csv *csv, struct spr_product *row)
{
    struct spr_error why = {0};
    const double fallback = -1;
    double sparsity = fallback;
    if (spr_pattern_parse(spr_csv_cell(csv, PATTERN), &row->pattern, &why) != SPR_OK) {
        return spr_fail_more(csv->err, SPR_EINPUT, "%s:%zu: column 'pattern': %s", csv->path,
                             csv->line, why.text);
    }
    const double fixed = spr_pattern_fixed_sparsity(&row->pattern);
    SPR_TRY(spr_csv_fraction(csv, SPARSITY, &sparsity));
    if (!isnan(fixed)) {
        if (sparsity != fallback && fabs(sparsity - fixed) > 1e-6) {
            return spr_csv_bad(csv, SPARSITY, "the sparsity that the pattern fixes");
        }
        sparsity = fixed;
    }
    if (sparsity == fallback || sparsity >= 1) {
        return spr_csv_bad(csv, SPARSITY, "a share of zeros, 0 to less than 1");
    }
    row->sparsity = sparsity;
    return SPR_OK;
}

static enum spr_status read_words(struct spr_csv *csv, struct spr_product *row)
{
    const char *text = spr_csv_cell(csv, TIME), *kernel = NULL;
    double seconds = 0;
    if (!spr_parse_seconds(text, strlen(text), true, &seconds) || seconds < 1e-12 ||
        seconds > 1e9) {
        return spr_csv_bad(csv, TIME, "1e-12 to 1e9 seconds, or a time such as 42us");
    }
    row->time_s = seconds;
    if (spr_dtype_parse(spr_csv_cell(csv, DTYPE), &row->dtype, NULL) != SPR_OK) {
        return spr_csv_bad(csv, DTYPE, "f64, f32, tf32, f16, bf16, fp8 or i8");
    }
    row->residency = SPR_RESIDENCY_WARM;
    text = spr_csv_cell(csv, RESIDENCY);
    if (*text &&
        (!spr_residency_find(text, &row->residency) ||
         (row->residency != SPR_RESIDENCY_WARM && row->residency != SPR_RESIDENCY_COLD))) {
        return spr_csv_bad(csv, RESIDENCY, "warm or cold");
    }
    SPR_TRY(spr_csv_name(csv, KERNEL, &kernel));
    if (strlen(kernel) >= SPR_FAMILY_NAME) {
        return spr_csv_bad(csv, KERNEL, "at most 63 bytes");
    }
    row->kernel = *kernel ? kernel : "kernel";
    return SPR_OK;
}

bool spr_products_same_family(const struct spr_product *a, const struct spr_product *b)
{
    return spr_pattern_equal(&a->pattern, &b->pattern) && a->dtype == b->dtype &&
           a->residency == b->residency && strcmp(a->kernel, b->kernel) == 0;
}

/* The row of the same call, which has the lesser time from then on. */
static bool repeats(struct spr_products *products, const struct spr_product *row)
{
    for (size_t i = 0; i < products->count; i++) {
        struct spr_product *other = &products->rows[i];
        if (other->m == row->m && other->k == row->k && other->n == row->n &&
            other->sparsity == row->sparsity && spr_products_same_family(other, row)) {
            other->time_s = fmin(other->time_s, row->time_s);
            return true;
        }
    }
    return false;
}

static enum spr_status on_row(struct spr_csv *csv, void *context)
{
    struct reading *r = context;
    struct spr_products *products = r->products;
    struct spr_product row = {
        .line = csv->line, .fitted_s = (double)NAN, .held_out_s = (double)NAN};
    if (r->line_beyond) {
        return SPR_OK;
    }
    SPR_TRY(read_size(csv, M, &row.m));
    SPR_TRY(read_size(csv, K, &row.k));
    SPR_TRY(read_size(csv, N, &row.n));
    SPR_TRY(read_pattern(csv, &row));
    SPR_TRY(read_words(csv, &row));
    if (repeats(products, &row)) {
        return SPR_OK;
    }
    if (products->count == SPR_PRODUCTS_MAX) {
        r->line_beyond = csv->line;
        return SPR_OK;
    }
    row.kernel = spr_arena_text(&products->arena, row.kernel, strlen(row.kernel));
    if (!row.kernel || !spr_grow(&products->rows, &r->capacity, products->count + 1,
                                 sizeof *products->rows)) {
        return spr_no_memory(csv->err);
    }
    products->rows[products->count++] = row;
    return SPR_OK;
}

enum spr_status spr_products_read(const char *path, struct spr_products *products,
                                  struct spr_notes *notes, struct spr_error *err)
{
    struct reading r = {.products = products};
    *products = (struct spr_products){.path = path};
    enum spr_status status =
        spr_csv_read(path, columns, NEEDED_COLUMNS, on_row, &r, notes, err);
    if (status == SPR_OK && r.line_beyond) {
        status = spr_fail(err, SPR_EINPUT, "%s:%zu: expected at most %d different products",
                          path, r.line_beyond, SPR_PRODUCTS_MAX);
    }
    if (status == SPR_OK && products->count == 0) {
        status = spr_fail(err, SPR_EINPUT, "%s: no times: expected at least one row", path);
    }
    if (status != SPR_OK) {
        spr_products_free(products);
    }
    return status;
}

void spr_products_free(struct spr_products *products)
{
    spr_free(products->rows);
    spr_arena_free(&products->arena);
    *products = (struct spr_products){0};
}

const struct spr_product *spr_products_dense(const struct spr_products *products,
                                             const struct spr_product *row)
{
    const struct spr_product *best = NULL;
    for (size_t i = 0; i < products->count; i++) {
        const struct spr_product *other = &products->rows[i];
        if (spr_pattern_is_dense(&other->pattern) && other->m == row->m &&
            other->k == row->k && other->n == row->n && other->dtype == row->dtype &&
            other->residency == row->residency && (!best || other->time_s < best->time_s)) {
            best = other;
        }
    }
    return best;
}

/* After src/family/README.md: a call, a long product, a stream of weights, few tiles, waves,
 * minutes of power; then what lies between them. */
const int64_t *spr_products_worth(size_t index)
{
    static const int64_t products[][3] = {
        {64, 64, 64},       {4096, 4096, 4096},   {2048, 8192, 64},   {3072, 2048, 128},
        {5120, 5120, 512},  {16384, 3072, 16384}, {2048, 8192, 2048}, {3072, 2048, 1024},
        {16384, 2048, 64},  {7168, 5120, 256},    {512, 512, 512},    {8192, 8192, 8192},
        {37888, 3584, 64},  {2048, 2048, 256},    {5120, 3072, 2048}, {3072, 8192, 8192},
        {16384, 2048, 256}, {3584, 3584, 1024},   {5120, 5120, 128},  {7168, 5120, 4096}};
    return index < sizeof products / sizeof *products ? products[index] : NULL;
}
