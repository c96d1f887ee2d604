/* SPDX-License-Identifier: Apache-2.0 */
/* Families of kernels: the equations by hand, constants found again, published times held out. */
#include <zlib.h>

#include "sproof/family_fit.h"
#include "test.h"

static const struct spr_family_view view = {.units = 100,
                                            .clock_hz = 1e9,
                                            .flops_per_s = 1e14,
                                            .bytes_per_s = 1e12,
                                            .cache_bytes = 10e6};

static struct spr_pattern pattern_of(const char *text)
{
    struct spr_pattern pattern = spr_pattern_dense();
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_pattern_parse(text, &pattern, &err), &err);
    return pattern;
}

static struct spr_family_case case_of(const char *pattern, double m, double k, double n,
                                      double sparsity)
{
    const struct spr_pattern p = pattern_of(pattern);
    const struct spr_shape shape = {(int64_t)m, (int64_t)k, 1};
    const double mkn[3] = {m, k, n}, bytes[3] = {2, 2, 2};
    struct spr_family_case of;
    spr_family_case_of(&p, mkn, spr_pattern_kept(&p, &shape, sparsity), bytes, &of);
    of.residency = SPR_RESIDENCY_WARM;
    return of;
}

static struct spr_family family_of(enum spr_form form, const char *pattern)
{
    return (struct spr_family){.name = "x",
                               .pattern = pattern_of(pattern),
                               .form = form,
                               .dtypes = 1u << SPR_F16,
                               .residency = SPR_RESIDENCY_WARM,
                               .constant = {[SPR_CALL_S] = 4e-6,
                                            [SPR_PEAK] = 0.5,
                                            [SPR_TILE_K] = 64,
                                            [SPR_CACHE_RATE] = 1e13,
                                            [SPR_MEMORY] = 0.8,
                                            [SPR_STEP_S] = 1e-12,
                                            [SPR_RESIDENT] = 0.5,
                                            [SPR_LONG_RUN] = 1,
                                            [SPR_IMBALANCE] = 2,
                                            [SPR_WHOLE_WAVES] = 0.5,
                                            [SPR_OUTPUT_S] = 1e-12,
                                            [SPR_WEIGHT_S] = 1e-13,
                                            [SPR_ROW_S] = 1e-9,
                                            [SPR_FAR_X] = 0.5,
                                            [SPR_LONG_ROW_S] = 3e-12}};
}

static void names(void)
{
    for (int form = 0; form < SPR_FORM_COUNT; form++) {
        size_t count = 0;
        for (int i = 0; i < SPR_CONSTANT_COUNT; i++) {
            count += spr_form_has((enum spr_form)form, (enum spr_constant)i);
        }
        test_row = spr_form_name((enum spr_form)form);
        CHECK(count >= 3 && count <= SPR_FORM_CONSTANTS_MAX);
        CHECK(spr_form_has((enum spr_form)form, SPR_CALL_S));
    }
    test_row = "";
}

/* By the equations of src/family/README.md, with a calculator. */
static void by_hand(void)
{
    enum spr_limit limit;
    struct spr_family family = family_of(SPR_FORM_ROOFLINE, "dense");
    struct spr_family_case of = case_of("dense", 1000, 1000, 1000, 0);
    /* 2e9 FLOP at 0.5 x 1e14, 6e6 bytes at 0.8 x 1e12 */
    CHECK_NEAR(4e-6 + 40e-6, spr_family_time(&family, &view, &of, &limit), 1e-12);
    CHECK_INT(SPR_LIMIT_PEAK, limit);
    of = case_of("dense", 1000, 1000, 1, 0);
    CHECK_NEAR(4e-6 + 2.004e6 / 0.8e12, spr_family_time(&family, &view, &of, &limit), 1e-9);
    CHECK_INT(SPR_LIMIT_CALL, limit); /* 2.5 us of work */

    /* 64 x 64 of Y a unit: 100 tiles for 100 units, one wave. A step: 8192 FLOP of each unit at
     * 5e11 a second, 256 bytes at 1e11; 1000 + 64 of them. Larger tiles leave units idle. */
    family = family_of(SPR_FORM_TILES, "dense");
    of = case_of("dense", 640, 1000, 640, 0);
    CHECK_NEAR(4e-6 + 1064 * 8192 / 5e11, spr_family_time(&family, &view, &of, &limit), 1e-12);
    CHECK_INT(SPR_LIMIT_PEAK, limit);
    /* Cold: 2 (640 k + k 640 + 640^2) bytes at 0.8 x 1e12 are less than the work; a memory of a
     * tenth of that rate is not. */
    struct spr_family_view slow = view;
    slow.bytes_per_s = 1e11;
    of.residency = SPR_RESIDENCY_COLD;
    CHECK_NEAR(4e-6 + 2 * (2 * 640e3 + 409600) / 0.8e11,
               spr_family_time(&family, &slow, &of, &limit), 1e-12);
    CHECK_INT(SPR_LIMIT_MEMORY, limit);
    /* Warm they lie in the cache, whose half they do not fill. */
    of.residency = SPR_RESIDENCY_WARM;
    CHECK_NEAR(4e-6 + 1064 * 8192 / 5e11, spr_family_time(&family, &slow, &of, NULL), 1e-12);
    /* A call of 1 ms and more is slower by the whole of long_run. */
    family.constant[SPR_LONG_RUN] = 0.5;
    of = case_of("dense", 64000, 10000, 6400, 0);
    const double slower = spr_family_time(&family, &view, &of, NULL);
    family.constant[SPR_LONG_RUN] = 1;
    CHECK_NEAR(2 * spr_family_time(&family, &view, &of, NULL), slower, 1e-12);

    /* Single weights: 1e5 of them, 64 columns; the chain of a row is 100 weights long. */
    family = family_of(SPR_FORM_ROWS, "csr");
    of = case_of("csr", 1000, 1000, 64, 0.9);
    CHECK_NEAR(4e-6 + 64e3 * 1e-12 + 64e5 * 1e-13 + 100e-9,
               spr_family_time(&family, &view, &of, &limit), 1e-9);
    CHECK_INT(SPR_LIMIT_CALL, limit); /* 0.8 us of work */
    family.constant[SPR_ROW_S] = 1e-6;
    CHECK_NEAR(4e-6 + 64e3 * 1e-12 + 64e5 * 1e-13 + 100e-6,
               spr_family_time(&family, &view, &of, &limit), 1e-9);
    CHECK_INT(SPR_LIMIT_UNITS, limit);
    family.constant[SPR_ROW_S] = 1e-9;
    /* Rows of 10 weights pay 10/32 of an output, rows of 500 more than one. */
    of = case_of("csr", 1000, 1000, 64, 0.99);
    CHECK_NEAR(4e-6 + 64e3 * 1e-12 * 10 / 32 + 64e4 * 1e-13 + 10e-9,
               spr_family_time(&family, &view, &of, NULL), 1e-9);
    of = case_of("csr", 1000, 1000, 64, 0.5);
    CHECK_NEAR(4e-6 + 64e3 * 4e-12 + 64 * 5e5 * 1e-13 + 500e-9,
               spr_family_time(&family, &view, &of, NULL), 1e-9);

    /* An X of 2 x 30e6 bytes is beyond any cache of `view`: weights cost half as much again. */
    of = case_of("csr", 1000, 1000, 30000, 0.9);
    CHECK(of.k * of.n * 2 > view.cache_bytes);
    CHECK_NEAR(4e-6 + 30e6 * 1e-12 + 30e8 * 1.5e-13 + 100e-9,
               spr_family_time(&family, &view, &of, NULL), 1e-9);

    /* Blocks: all kept, no block row is longer than another; 100 block rows of 32 on 100 units,
     * n 8. A step: 32 x 2 + 8 x 2 bytes of each unit at 1e11, 512 FLOP at 0.8 x 1e12. */
    family = family_of(SPR_FORM_BLOCKS, "32x32");
    of = case_of("32x32", 3200, 640, 8, 0);
    const double bytes = of.weight_bytes + 2 * 640 * 8 + 2 * 3200 * 8;
    CHECK_NEAR(4e-6 + fmax(704 * 80 / 1e11, bytes / 1e13),
               spr_family_time(&family, &view, &of, NULL), 1e-9);
    /* Half of 100 x 20 blocks kept: the longest block row holds sqrt(2 ln 100) times 2 (its
     * constant) standard deviations more than 10 of them. */
    of = case_of("32x32", 3200, 640, 8, 0.5);
    CHECK_NEAR(4e-6 + (320 * (1 + 2 * sqrt(2 * log(100) / 20)) + 64) * 80 / 1e11,
               spr_family_time(&family, &view, &of, NULL), 1e-9);
    /* Nothing kept: no weights, but Y. */
    of = case_of("32x32", 3200, 640, 8, 1);
    CHECK(spr_family_time(&family, &view, &of, NULL) < 5e-6);

    /* A kernel that multiplies the zeros takes what dense does. */
    family = family_of(SPR_FORM_TILES, "csr");
    family.as_dense = true;
    const struct spr_family_case sparse = case_of("csr", 640, 1000, 640, 0.9);
    of = case_of("dense", 640, 1000, 640, 0);
    const struct spr_family dense = family_of(SPR_FORM_TILES, "dense");
    CHECK_EXACT(spr_family_time(&dense, &view, &of, NULL),
                spr_family_time(&family, &view, &sparse, NULL));
}

static struct spr_machine machine_of(const char *name)
{
    struct spr_machine machine = {0};
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_machine_find(name, &machine, &err), &err);
    return machine;
}

/* What is asked of the published times. */
struct figures {
    double median, p90, roofline_p90, within, speedup, faster;
    size_t count;
};

static void add_figures(const struct spr_family_fits *fits, bool dense, struct figures *f)
{
    for (size_t i = 0; i < fits->count; i++) {
        const struct spr_fitted *one = &fits->fitted[i];
        if (spr_pattern_is_dense(&one->family.pattern) != dense) {
            continue;
        }
        f->median += one->family.median_error;
        f->p90 += one->family.p90_error;
        f->roofline_p90 += one->roofline_p90;
        f->within += one->within_15;
        f->speedup += one->speedup_within_15;
        f->faster += one->faster;
        f->count++;
    }
}

static void put_product(struct spr_products *products, const struct spr_product *row)
{
    struct spr_product *rows =
        realloc(products->rows, (products->count + 1) * sizeof *products->rows);
    CHECK(rows != NULL);
    products->rows = rows;
    products->rows[products->count++] = *row;
}

static void read_published(const char *machine, struct spr_products *products)
{
    char line[256];
    const struct spr_pattern dense = spr_pattern_dense(), half = pattern_of("2:4");
    gzFile file = gzopen(SPROOF_TEST_DATA "/../tests/data/published/gemm_24.csv.gz", "rb");
    CHECK(file != NULL);
    while (file && gzgets(file, line, sizeof line)) {
        char name[32], dtype[8];
        long long m, k, n;
        double dense_s, half_s;
        if (sscanf(line, "%31[^,],%7[^,],%lld,%lld,%lld,%lf,%lf", name, dtype, &m, &k, &n,
                   &dense_s, &half_s) != 7 ||
            strcmp(name, machine) != 0) {
            continue;
        }
        struct spr_product row = {.m = m,
                                  .k = k,
                                  .n = n,
                                  .pattern = dense,
                                  .residency = SPR_RESIDENCY_WARM,
                                  .kernel = "cublaslt",
                                  .time_s = dense_s,
                                  .fitted_s = (double)NAN,
                                  .held_out_s = (double)NAN};
        CHECK_STATUS(SPR_OK, spr_dtype_parse(dtype, &row.dtype, NULL), NULL);
        put_product(products, &row);
        row.pattern = half;
        row.sparsity = 0.5;
        row.kernel = "cusparselt";
        row.time_s = half_s;
        put_product(products, &row);
    }
    gzclose(file);
}

/* Held out over m x k, as means over machine and type: the goals that the forms were chosen for. */
static void published(void)
{
    static const char *const names_of[] = {"a100-pcie-80gb", "rtx-4090"};
    struct figures dense = {0}, half = {0};
    for (size_t i = 0; i < COUNT_OF(names_of); i++) {
        struct spr_machine machine = machine_of(names_of[i]);
        struct spr_products products = {.path = "published"};
        struct spr_family_fits fits;
        struct spr_error err = {0};
        read_published(names_of[i], &products);
        CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
        add_figures(&fits, true, &dense);
        add_figures(&fits, false, &half);
        spr_family_fits_free(&fits);
        free(products.rows);
        spr_machine_free(&machine);
    }
    CHECK_INT(7, dense.count);
    CHECK_INT(7, half.count);
    printf("dense %.1f / %.1f %%, roofline / %.1f; 2:4 %.1f / %.1f %%, roofline / %.1f; gain "
           "%.0f %%, faster %.1f %%\n",
           100 * dense.median / 7, 100 * dense.p90 / 7, 100 * dense.roofline_p90 / 7,
           100 * half.median / 7, 100 * half.p90 / 7, 100 * half.roofline_p90 / 7,
           100 * half.speedup / 7, 100 * half.faster / 7);
    CHECK(dense.median / 7 <= 0.05 && dense.p90 / 7 <= 0.15);
    CHECK(half.median / 7 <= 0.06 && half.p90 / 7 <= 0.20);
    CHECK(half.speedup / 7 >= 0.80);
    CHECK(half.faster / 7 >= 0.965);
    CHECK(dense.p90 < dense.roofline_p90 && half.p90 < half.roofline_p90);
}

/* Times made of constants: the fit finds times again that it was not given. */
static void found_again(void)
{
    struct spr_machine machine = machine_of("a100-pcie-80gb");
    const struct spr_pattern dense = spr_pattern_dense();
    const struct spr_family_view a100 = spr_family_view_of(&machine, &dense, SPR_F16);
    struct spr_family family = family_of(SPR_FORM_TILES, "dense");
    struct spr_products products = {.path = "made"};
    struct spr_family_fits fits;
    struct spr_error err = {0};
    CHECK_EXACT(108, a100.units);
    CHECK_EXACT(312e12, a100.flops_per_s);
    family.constant[SPR_CACHE_RATE] = 4e12;
    for (int i = 0; i < 60; i++) {
        struct spr_product row = {.m = 256 << (i % 6),
                                  .k = 512 << (i / 6 % 5),
                                  .n = 64 << (i / 8),
                                  .pattern = dense,
                                  .dtype = SPR_F16,
                                  .residency = SPR_RESIDENCY_WARM,
                                  .kernel = "made"};
        const struct spr_family_case of =
            case_of("dense", (double)row.m, (double)row.k, (double)row.n, 0);
        row.time_s = spr_family_time(&family, &a100, &of, NULL);
        put_product(&products, &row);
    }
    CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
    CHECK_INT(1, fits.count);
    CHECK(fits.fitted[0].family.median_error < 0.01 && fits.fitted[0].family.p90_error < 0.05);
    CHECK_NEAR(4e-6, fits.fitted[0].family.constant[SPR_CALL_S], 0.05);
    CHECK_NEAR(0.5, fits.fitted[0].family.constant[SPR_PEAK], 0.05);
    CHECK(fits.fitted[0].family.dtypes == (1u << SPR_F16 | 1u << SPR_BF16));
    spr_family_fits_free(&fits);

    /* Two products: an answer, but nothing is known of its error. */
    products.rows[1] = products.rows[59];
    products.count = 2;
    CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
    CHECK(isnan(fits.fitted[0].family.median_error));
    CHECK_NEAR(products.rows[0].time_s, products.rows[0].fitted_s, 0.05);
    CHECK_NEAR(products.rows[1].time_s, products.rows[1].fitted_s, 0.05);
    spr_family_fits_free(&fits);
    free(products.rows);
    spr_machine_free(&machine);
}

/* Times that are dense ones whatever the sparsity. */
static void zeros_multiplied(void)
{
    struct spr_machine machine = machine_of("a100-pcie-80gb");
    struct spr_products products = {.path = "made"};
    struct spr_family_fits fits;
    struct spr_error err = {0};
    for (int i = 0; i < 12; i++) {
        struct spr_product row = {.m = 1024 + 256 * (i / 3),
                                  .k = 1024,
                                  .n = 512,
                                  .pattern = i % 3 ? pattern_of("csr") : spr_pattern_dense(),
                                  .sparsity = i % 3 == 0   ? 0
                                              : i % 3 == 1 ? 0.5
                                                           : 0.95,
                                  .dtype = SPR_F16,
                                  .residency = SPR_RESIDENCY_WARM,
                                  .kernel = i % 3 ? "masked" : "dense",
                                  .time_s = i < 3 ? 4e-6 : 20e-6 + 1e-6 * (i / 3)};
        put_product(&products, &row);
    }
    CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
    CHECK_INT(2, fits.count);
    CHECK(!fits.fitted[0].family.as_dense);
    CHECK(fits.fitted[1].family.as_dense);
    /* Zeros are multiplied by the engine of dense products: its peak is a share of that one. */
    CHECK(fits.fitted[1].family.constant[SPR_PEAK] < 1);
    spr_family_fits_free(&fits);
    products.rows[5].time_s /= 2; /* one that follows the sparsity */
    CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
    CHECK(!fits.fitted[1].family.as_dense);
    spr_family_fits_free(&fits);
    products.rows[5].time_s *= 2;
    for (size_t i = 3; i < products.count; i++) {
        products.rows[i].time_s = 4.5e-6; /* calls, which take as long for any kernel */
    }
    CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
    CHECK(!fits.fitted[1].family.as_dense);
    spr_family_fits_free(&fits);
    free(products.rows);
    spr_machine_free(&machine);
}

/* Both n of an m x k are left out together: what is expected of one knows nothing of the other. */
static void left_out_together(void)
{
    struct spr_machine machine = machine_of("a100-pcie-80gb");
    struct spr_products products = {.path = "made"};
    struct spr_family_fits fits;
    struct spr_error err = {0};
    double before[20];
    for (int i = 0; i < 20; i++) {
        struct spr_product row = {.m = 1024 + 256 * (i / 2),
                                  .k = 1024,
                                  .n = i % 2 ? 512 : 2048,
                                  .pattern = spr_pattern_dense(),
                                  .dtype = SPR_F16,
                                  .residency = SPR_RESIDENCY_WARM,
                                  .kernel = "dense",
                                  .time_s = (i % 2 ? 10e-6 : 30e-6) * (1 + 0.1 * (i / 2))};
        put_product(&products, &row);
    }
    CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
    spr_family_fits_free(&fits);
    for (int i = 0; i < 20; i++) {
        before[i] = products.rows[i].held_out_s;
    }
    products.rows[0].time_s *= 1.5;
    CHECK_STATUS(SPR_OK, spr_fit_families(&machine, &products, &fits, &err), &err);
    CHECK_EXACT(before[0], products.rows[0].held_out_s);
    CHECK_EXACT(before[1], products.rows[1].held_out_s);
    int moved = 0;
    for (int i = 2; i < 20; i++) {
        moved += products.rows[i].held_out_s != before[i];
    }
    CHECK(moved > 10);
    spr_family_fits_free(&fits);
    free(products.rows);
    spr_machine_free(&machine);
}

/* Families of a relative, by units and clock; of a residency like the one asked for. */
static void chosen(void)
{
    struct spr_machine own = machine_of("a100-pcie-80gb"), of = machine_of("a100-sxm-40gb");
    struct spr_family_expected warm = {0}, cold = {0};
    const struct spr_pattern dense = spr_pattern_dense(), blocks = pattern_of("16x16");
    struct spr_family_case product = case_of("dense", 1024, 1024, 64, 0);
    CHECK_INT(own.family_count, of.family_count);
    CHECK_TEXT("a100-pcie-80gb", of.families_from);
    CHECK_TEXT("transferred", of.families[0].kind);
    CHECK(isnan(of.families[0].median_error));
    CHECK_EXACT(own.families[0].constant[SPR_CACHE_RATE],
                of.families[0].constant[SPR_CACHE_RATE]); /* as many units, as fast */
    CHECK(spr_family_best(&own, SPR_F16, &dense, &product, &warm) != NULL);
    CHECK(spr_family_best(&own, SPR_F16, &blocks, &product, &warm) == NULL);
    CHECK(spr_family_best(&own, SPR_F64, &dense, &product, &warm) == NULL);
    spr_machine_free(&own);
    spr_machine_free(&of);
    /* 114 of 132 units at 1.755 of 1.83 GHz multiply that much less, whatever the data sheet
     * says of the engine; a step takes longer by the clock. */
    own = machine_of("h100-sxm.measured");
    of = machine_of("h100-pcie");
    const double clock = 1.755 / 1.83, both = clock * 114 / 132;
    CHECK_NEAR(both * spr_engines_rate(&own, &dense, SPR_F16) *
                   own.families[0].constant[SPR_PEAK],
               spr_engines_rate(&of, &dense, SPR_F16) * of.families[0].constant[SPR_PEAK],
               1e-9 * 1e15);
    CHECK_NEAR(own.families[0].constant[SPR_STEP_S] / clock,
               of.families[0].constant[SPR_STEP_S], 1e-18);
    spr_machine_free(&of);
    CHECK(spr_family_best(&own, SPR_F16, &dense, &product, &warm)->residency ==
          SPR_RESIDENCY_WARM);
    product.residency = SPR_RESIDENCY_COLD;
    CHECK(spr_family_best(&own, SPR_F16, &dense, &product, &cold)->residency ==
          SPR_RESIDENCY_COLD);
    CHECK(cold.time_s > warm.time_s);
    spr_machine_free(&own);
}

int main(void)
{
    names();
    by_hand();
    found_again();
    zeros_multiplied();
    left_out_together();
    chosen();
    published();
    return test_end();
}
