/* SPDX-License-Identifier: Apache-2.0 */
/* Accuracy tables and their join with grid and table variants. */
#include "test.h"

#include "sproof/accuracy.h"

static enum spr_status read_table(const char *text, struct spr_accuracy *accuracy,
                                  struct spr_error *err)
{
    *err = (struct spr_error){0};
    test_write("acc.csv", text);
    return spr_accuracy_read("acc.csv", accuracy, NULL, err);
}

static struct spr_accuracy good(const char *text)
{
    struct spr_accuracy accuracy;
    struct spr_error err;
    CHECK_STATUS(SPR_OK, read_table(text, &accuracy, &err), &err);
    return accuracy;
}

static struct spr_network network_of(const char *text)
{
    struct spr_network network;
    struct spr_error err = {0};
    test_write("net.csv", text);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &network, NULL, &err), &err);
    return network;
}

static struct spr_network grid_of(const char *pattern_text, const double *sparsities,
                                  size_t count)
{
    struct spr_network network = network_of("layer,m,k,n,accuracy\na,64,64,8,90\n");
    struct spr_pattern pattern;
    CHECK_INT(SPR_OK, spr_pattern_parse(pattern_text, &pattern, NULL));
    struct spr_grid grid = {&pattern, 1, sparsities, count};
    CHECK_INT(SPR_OK, spr_network_add_grid(&network, &grid, NULL));
    return network;
}

static void reading(void)
{
    struct spr_accuracy acc = good("sparsity,pattern,accuracy,metric,better,dense_accuracy,"
                                   "method,allocation,source,variant\n"
                                   "50%,csr,70,top1,lower,76,magnitude,layerwise,a paper,v1\n"
                                   ",2:4,71,top1,lower,,magnitude,uniform,a paper,\n");
    CHECK_TEXT("top1", acc.metric);
    CHECK(acc.lower_is_better);
    CHECK_INT(2, acc.point_count);
    CHECK_EXACT(0.5, acc.points[0].sparsity);
    CHECK_EXACT(0.5, acc.points[1].sparsity); /* the pattern's own */
    CHECK_EXACT(76, acc.points[0].dense_accuracy);
    CHECK(isnan(acc.points[1].dense_accuracy));
    CHECK_TEXT("v1", acc.points[0].variant);
    CHECK(acc.points[1].variant == NULL);
    CHECK_TEXT("magnitude", acc.points[1].method);
    CHECK_TEXT("a paper", acc.points[1].source);
    CHECK(acc.points[0].layerwise && !acc.points[1].layerwise);
    CHECK_INT(3, acc.points[1].line);
    spr_accuracy_free(&acc);
}

static void refused(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"pattern,sparsity\n",
         "acc.csv:1: column 'accuracy' is missing: expected a header row with 'accuracy'"},
        {"pattern,sparsity,accuracy\n",
         "acc.csv: no rows below the header: expected accuracy points"},
        {"pattern,sparsity,accuracy\ncsr,,1\n", "acc.csv:2: column 'sparsity': '': expected a "
                                                "fraction 0..1 or a percentage 0%..100%"},
        {"pattern,sparsity,accuracy\ncsr,0.5,\n",
         "acc.csv:2: column 'accuracy': '': expected a finite number"},
        {"pattern,sparsity,accuracy\ncsr,0.5,inf\n",
         "acc.csv:2: column 'accuracy': 'inf': expected a finite number"},
        {"pattern,sparsity,accuracy\n2:4,0.75,1\n",
         "acc.csv:2: column 'sparsity': '0.75': expected 0.5, the sparsity the pattern fixes"},
        {"pattern,sparsity,accuracy,better\ncsr,0.5,1,bigger\n",
         "acc.csv:2: column 'better': 'bigger': expected higher or lower"},
        {"pattern,sparsity,accuracy,better\ncsr,0.5,1,lower\ncsr,0.6,1,higher\n",
         "acc.csv:3: column 'better': 'higher': expected the same direction in every row"},
        {"pattern,sparsity,accuracy,metric\ncsr,0.5,1,top1\ncsr,0.6,1,top5\n",
         "acc.csv:3: column 'metric': 'top5': expected 'top1', one metric in a table"},
        {"pattern,sparsity,accuracy,allocation\ncsr,0.5,1,global\n",
         "acc.csv:2: column 'allocation': 'global': expected uniform or layerwise"},
        {"pattern,sparsity,accuracy\ncsr,0.5,1\ncsr,0.5,2\n",
         "acc.csv:3: column 'accuracy': '2': expected a point given once; first given in line "
         "2"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_accuracy accuracy;
        struct spr_error err;
        test_row = rows[i].text;
        CHECK_STATUS(SPR_EINPUT, read_table(rows[i].text, &accuracy, &err), &err);
        CHECK_TEXT(rows[i].message, err.text);
        CHECK(accuracy.arena.head == NULL && accuracy.points == NULL);
    }
    test_row = "";
}

/* Points at 0.5 and 0.9 of one method: between them a line, outside nothing. */
static void grid_join(void)
{
    static const struct {
        double sparsity, accuracy;
        enum spr_accuracy_source source;
    } rows[] = {
        {0.4, (double)NAN, SPR_ACCURACY_NONE},  {0.4994, (double)NAN, SPR_ACCURACY_NONE},
        {0.4996, 80, SPR_ACCURACY_TABLE}, /* within 5e-4 */
        {0.5, 80, SPR_ACCURACY_TABLE},          {0.6, 75, SPR_ACCURACY_INTERPOLATED},
        {0.8, 65, SPR_ACCURACY_INTERPOLATED},   {0.9, 60, SPR_ACCURACY_TABLE},
        {0.95, (double)NAN, SPR_ACCURACY_NONE}, /* never extrapolated */
    };
    double sparsities[COUNT_OF(rows)];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        sparsities[i] = rows[i].sparsity;
    }
    struct spr_network net = grid_of("csr", sparsities, COUNT_OF(rows));
    struct spr_accuracy acc = good("pattern,sparsity,accuracy,dense_accuracy\n"
                                   "csr,0.9,60,85\n4x4,0.7,1,\ncsr,0.5,80,85\n");
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_accuracy_join(&acc, false, &net, &err), &err);
    CHECK_INT(COUNT_OF(rows), net.variant_count);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = net.variants[i].name;
        CHECK_NEAR(rows[i].accuracy, net.variants[i].accuracy, 1e-12);
        CHECK_INT(rows[i].source, net.variants[i].accuracy_source);
        CHECK_EXACT(isnan(rows[i].accuracy) ? 90 : 85, net.variants[i].dense_accuracy);
    }
    test_row = "";
    spr_accuracy_free(&acc);
    spr_network_free(&net);
}

/* Several methods at one point are several variants; none is interpolated across. */
static void methods(void)
{
    const double sparsities[] = {0.5, 0.7, 0.9};
    struct spr_network net = grid_of("csr", sparsities, 3);
    struct spr_accuracy acc = good("pattern,sparsity,accuracy,method,allocation\n"
                                   "csr,0.5,80,A,uniform\ncsr,0.5,81,B,layerwise\n"
                                   "csr,0.9,60,B,uniform\n");
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_accuracy_join(&acc, false, &net, &err), &err);
    CHECK_INT(4, net.variant_count);
    CHECK_TEXT("csr@0.5/A", net.variants[0].name);
    CHECK_TEXT("csr@0.5/B", net.variants[1].name);
    CHECK_TEXT("csr@0.7", net.variants[2].name);
    CHECK_EXACT(81, net.variants[1].accuracy);
    CHECK(!net.variants[0].layerwise && net.variants[1].layerwise);
    CHECK_NEAR(70.5, net.variants[2].accuracy, 1e-12);
    CHECK(net.variants[2].layerwise); /* one of its neighbours was */
    CHECK_TEXT("B", net.variants[3].method);
    spr_network_free(&net);
    net = grid_of("csr", sparsities, 3);
    CHECK_INT(SPR_OK, spr_accuracy_join(&acc, true, &net, NULL));
    CHECK(!net.variants[1].layerwise); /* assumed uniform */
    spr_network_free(&net);
    spr_accuracy_free(&acc);
}

static void own_points(void)
{
    struct spr_network net = network_of("layer,m,k,n\na,64,64,8\n");
    struct spr_accuracy acc =
        good("pattern,sparsity,accuracy,method,variant\n"
             "csr,0.5,80,A,\ncsr,0.5,81,B,\n4x4,0.7,82,A,\n2:4,,83,A,mine\n");
    CHECK_INT(SPR_OK, spr_accuracy_make_variants(&acc, false, &net, NULL));
    static const char *const names[] = {"csr@0.5/A", "csr@0.5/B", "4x4@0.7", "mine"};
    CHECK_INT(4, net.variant_count);
    for (size_t i = 0; i < 4; i++) {
        CHECK_TEXT(names[i], net.variants[i].name);
        CHECK_EXACT(80 + (double)i, net.variants[i].accuracy);
        CHECK(net.variants[i].grid);
    }
    spr_network_free(&net);
    spr_accuracy_free(&acc);
}

static void table_join(void)
{
    const char *table = "layer,m,k,n,variant,pattern,sparsity\na,64,64,8,,,\n"
                        "a,,,,x,4x4,0.5\na,,,,y,csr,0.9\na,,,,z,csr,0.7\n";
    struct spr_network net = network_of(table);
    struct spr_accuracy acc = good("pattern,sparsity,accuracy,variant,method\n"
                                   "4x4,0.1,70,x,A\ncsr,0.9,71,,A\ncsr,0.5,90,,A\n");
    CHECK_INT(SPR_OK, spr_accuracy_join(&acc, false, &net, NULL));
    CHECK_EXACT(70, net.variants[0].accuracy); /* by name, whatever its sparsity */
    CHECK_EXACT(71, net.variants[1].accuracy); /* by pattern and sparsity */
    CHECK(isnan(net.variants[2].accuracy));    /* no interpolation for a table variant */
    spr_accuracy_free(&acc);
    spr_network_free(&net);

    struct spr_error err = {0};
    net = network_of(table);
    acc = good("pattern,sparsity,accuracy,method\ncsr,0.9,71,A\ncsr,0.9,72,B\n");
    CHECK_STATUS(SPR_EINPUT, spr_accuracy_join(&acc, false, &net, &err), &err);
    CHECK_TEXT(
        "acc.csv: variant 'y' matches 2 methods ('A', 'B'): expected a column 'variant' "
        "that says which",
        err.text);
    spr_accuracy_free(&acc);
    spr_network_free(&net);

    net = network_of(table);
    acc = good("pattern,sparsity,accuracy,variant\ncsr,0.5,70,x\n");
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EINPUT, spr_accuracy_join(&acc, false, &net, &err), &err);
    CHECK_TEXT("acc.csv:2: column 'pattern': 'csr': expected 4x4, the pattern of variant 'x'",
               err.text);
    spr_accuracy_free(&acc);
    spr_network_free(&net);
}

int main(void)
{
    reading();
    refused();
    grid_join();
    methods();
    own_points();
    table_join();
    return test_end();
}
