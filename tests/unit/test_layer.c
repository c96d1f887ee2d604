/* SPDX-License-Identifier: Apache-2.0 */
/* Layer tables: defaults, variants, and what is said of every bad cell. */
#include "test.h"

#include "sproof/layer.h"

static enum spr_status read_table(const char *text, struct spr_network *network,
                                  struct spr_notes *notes, struct spr_error *err)
{
    *err = (struct spr_error){0};
    test_write("t.csv", text);
    return spr_network_read("t.csv", network, notes, err);
}

static struct spr_network good(const char *text)
{
    struct spr_network network;
    struct spr_error err;
    CHECK_STATUS(SPR_OK, read_table(text, &network, NULL, &err), &err);
    return network;
}

static void defaults(void)
{
    struct spr_network net =
        good("layer,m,k,n,op,groups,count\n"
             "a,4,6,5,,,\nb,4,6,5,conv,2,3\nc,4,6,5,depthwise,4,\nd,4,6,5,attention,,\n");
    static const struct {
        enum spr_op op;
        bool prunable;
        double x_elements;
        int64_t count;
    } rows[] = {{SPR_OP_LINEAR, true, 30, 1},
                {SPR_OP_CONV, true, 60, 3},
                {SPR_OP_DEPTHWISE, false, 20, 1},
                {SPR_OP_ATTENTION, false, 30, 1}};
    CHECK_TEXT("t", net.name);
    CHECK_INT(4, net.layer_count);
    CHECK_INT(0, net.variant_count);
    CHECK(isnan(net.dense_accuracy));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_INT(rows[i].op, net.layers[i].op);
        CHECK_INT(rows[i].prunable, net.layers[i].prunable);
        CHECK_EXACT(rows[i].x_elements, net.layers[i].x_elements);
        CHECK_INT(rows[i].count, net.layers[i].count);
    }
    spr_network_free(&net);
    CHECK(net.layers == NULL && net.arena.head == NULL);
}

static void given_values(void)
{
    struct spr_network net =
        good("layer,m,k,n,op,prunable,x_elements,flops,bytes,activation_sparsity,accuracy\n"
             "a,4,6,5,depthwise,yes,7,,,25%,\nb,4,6,5,,0,,,,,0.9\nc,,,,other,,,10,20,,\n"
             "d,,,,other,,300,,,,\n");
    CHECK(net.layers[0].prunable && !net.layers[1].prunable);
    CHECK_EXACT(7, net.layers[0].x_elements);
    CHECK_EXACT(0.25, net.layers[0].activation_sparsity);
    CHECK_EXACT(0.9, net.dense_accuracy);
    CHECK_INT(0, net.layers[2].m);
    CHECK_EXACT(10, net.layers[2].other_flops);
    CHECK_EXACT(20, net.layers[2].other_bytes);
    CHECK(isnan(net.layers[3].other_bytes));
    CHECK_EXACT(300, net.layers[3].x_elements);
    spr_network_free(&net);
}

static void variants(void)
{
    struct spr_network net = good("layer,m,k,n,count,variant,pattern,sparsity,nnz,accuracy\n"
                                  "a,10,10,5,,,,,,0.95\nb,10,20,5,2,,,,,\n"
                                  "b,,,,,v1,4x4,0.9,,\na,,,,,v1,4x4,50%,,0.91\n"
                                  "a,,,,,v2,csr,,30,0.92\nb,,,,,v2,2:4,0.505,,0.92\n"
                                  "a,,,,,v3,,,,\n");
    const struct spr_variant *v = net.variants;
    char text[SPR_PATTERN_TEXT];
    CHECK_INT(2, net.layer_count);
    CHECK_INT(3, net.variant_count);
    CHECK_EXACT(0.95, net.dense_accuracy);
    CHECK_TEXT("v1", v[0].name);
    CHECK_TEXT("4x4", spr_pattern_text(&v[0].pattern, text));
    CHECK_EXACT((100 * 0.5 + 400 * 0.9) / 500, v[0].sparsity);
    CHECK_EXACT(0.91, v[0].accuracy);
    CHECK_EXACT(0.95, v[0].dense_accuracy);
    CHECK_INT(SPR_ACCURACY_MODEL, v[0].accuracy_source);
    CHECK_INT(2, v[0].choice_count);
    CHECK_INT(0, v[0].choices[0].layer); /* sorted by layer, not by line */
    CHECK_INT(4, v[0].choices[1].line);
    CHECK_TEXT("mixed", spr_pattern_text(&v[1].pattern, text));
    CHECK_EXACT(spr_round12((100 * 0.7 + 400 * 0.5) / 500), v[1].sparsity); /* 2:4 is 0.5 */
    CHECK_EXACT(30, v[1].choices[0].counted.nnz);
    CHECK_EXACT(0.5, v[1].choices[1].sparsity);
    CHECK_TEXT("dense", spr_pattern_text(&v[2].pattern, text));
    CHECK(isnan(v[2].accuracy));
    size_t hint = 0;
    struct spr_choice choice = spr_variant_choice(&net, &v[2], 1, &hint, NULL);
    CHECK(spr_pattern_is_dense(&choice.pattern)); /* a layer not listed stays dense */
    spr_network_free(&net);
}

/* Columns pattern and sparsity without variant: one variant, named after the file. */
static void one_variant(void)
{
    struct spr_network net =
        good("layer,m,k,n,pattern,sparsity\na,8,8,5,4x4,0.5\nb,8,8,5,,\n");
    CHECK_INT(1, net.variant_count);
    CHECK_TEXT("t", net.variants[0].name);
    CHECK_INT(1, net.variants[0].choice_count);
    CHECK_EXACT(0.25, net.variants[0].sparsity);
    spr_network_free(&net);
    struct spr_notes notes = {0};
    struct spr_error err;
    CHECK_STATUS(SPR_OK, read_table("layer,m,k,n,sparsity\na,8,8,5,0.5\n", &net, &notes, &err),
                 &err);
    CHECK_INT(1, notes.count);
    CHECK_TEXT("t.csv:2: a sparsity without a pattern is taken as csr", notes.line[0]);
    spr_notes_free(&notes);
    spr_network_free(&net);
}

static void grid(void)
{
    struct spr_network net =
        good("layer,m,k,n,prunable\na,8,8,5,\nsmall,2,8,5,\nfixed,8,8,5,0\n");
    struct spr_pattern patterns[2];
    const double sparsities[] = {0.5, 0.9};
    CHECK_INT(SPR_OK, spr_pattern_parse("4x4", &patterns[0], NULL));
    CHECK_INT(SPR_OK, spr_pattern_parse("1:3", &patterns[1], NULL));
    struct spr_grid asked = {patterns, 2, sparsities, 2};
    CHECK_INT(SPR_OK, spr_network_add_grid(&net, &asked, NULL));
    CHECK_INT(3, net.variant_count);
    CHECK_TEXT("4x4@0.5", net.variants[0].name);
    CHECK_TEXT("4x4@0.9", net.variants[1].name);
    CHECK_TEXT("1:3@0.666666666667", net.variants[2].name);
    const char *misfit = "";
    size_t hint = 0;
    struct spr_choice choice = spr_variant_choice(&net, &net.variants[0], 0, &hint, &misfit);
    CHECK_INT(4, choice.pattern.a);
    CHECK(misfit == NULL);
    choice = spr_variant_choice(&net, &net.variants[0], 1, &hint, &misfit);
    CHECK(spr_pattern_is_dense(&choice.pattern));
    CHECK_TEXT("it has fewer rows than the block", misfit);
    choice = spr_variant_choice(&net, &net.variants[0], 2, &hint, &misfit);
    CHECK(spr_pattern_is_dense(&choice.pattern));
    CHECK(misfit == NULL);
    spr_network_free(&net);
}

static void filter(void)
{
    struct spr_network net = good("layer,m,k,n,variant,pattern,sparsity\na,8,8,5,,,\n"
                                  "a,,,,x,4x4,0.5\na,,,,y,csr,0.5\na,,,,z,4x4,0.9\n");
    struct spr_pattern block, nm;
    struct spr_error err = {0};
    CHECK_INT(SPR_OK, spr_pattern_parse("4x4", &block, NULL));
    CHECK_INT(SPR_OK, spr_pattern_parse("2:4", &nm, NULL));
    CHECK_INT(SPR_OK, spr_network_filter(&net, &block, 1, NULL));
    CHECK_INT(2, net.variant_count);
    CHECK_TEXT("z", net.variants[1].name);
    CHECK_STATUS(SPR_EINPUT, spr_network_filter(&net, &nm, 1, &err), &err);
    CHECK_TEXT("t.csv: no variant has one of the patterns asked for", err.text);
    spr_network_free(&net);
}

static const struct spr_layer *layer_in(const struct spr_network *net, size_t variant,
                                        size_t index)
{
    size_t hint = 0;
    struct spr_choice choice =
        spr_variant_choice(net, &net->variants[variant], index, &hint, NULL);
    return spr_choice_layer(net, &choice);
}

/* Sizes that a row lowers; those it does not give stay, and X shrinks with what reads it. */
static void smaller(void)
{
    struct spr_network net = good(
        "layer,op,m,k,n,count,groups,x_elements,calls,variant,pattern,sparsity\n"
        "fc,,8,6,5,4,,,,,,\nc,conv,8,18,16,,,48,,,,\nd,depthwise,6,9,16,,6,,,,,\n"
        "qk,attention,4,4,4,12,,,3,,,\n"
        "fc,,4,3,,,,,,v,,\nc,,,9,,,,,,v,,\nd,,3,,,,,,,v,,\nqk,,,,,8,,,,v,,\n"
        "fc,,,,,0,,,,w,,\nc,,4,,,,,40,,w,csr,0.5\nqk,,,,,2,,,,w,,\nfc,,8,6,5,4,,,,same,,\n");
    const struct spr_layer *fc = layer_in(&net, 0, 0), *c = layer_in(&net, 0, 1);
    CHECK(net.variants[0].smaller && net.variants[1].smaller && !net.variants[2].smaller);
    CHECK(layer_in(&net, 2, 0) == &net.layers[0]);
    CHECK_INT(4, fc->m);
    CHECK_INT(5, fc->n);
    CHECK_EXACT(15, fc->x_elements);
    CHECK_INT(8, c->m);
    CHECK_EXACT(24, c->x_elements); /* in proportion: half the channels */
    CHECK_INT(3, layer_in(&net, 0, 2)->groups);
    CHECK_EXACT(48, layer_in(&net, 0, 2)->x_elements);
    CHECK_INT(3, layer_in(&net, 0, 3)->calls); /* heads share calls, fewer heads too */
    CHECK_INT(0, layer_in(&net, 1, 0)->calls);
    CHECK_INT(2, layer_in(&net, 1, 3)->calls);
    CHECK_EXACT(40, layer_in(&net, 1, 1)->x_elements);
    /* Zeros are of the base: fc 4*48, c 144 prunable weights. */
    CHECK_NEAR(1 - (4 * 12.0 + 72) / 336, net.variants[0].sparsity, 1e-12);
    CHECK_NEAR(1 - (0 + 72 * 0.5) / 336, net.variants[1].sparsity, 1e-12);
    spr_network_free(&net);
}

/* The product's Y, read and written, of one call. */
static void epilogues(void)
{
    struct spr_network net = good(
        "layer,op,m,k,n,count,calls,bytes,x_elements,epilogue,variant\n"
        "qk,attention,4,4,5,12,3,,,,\nadd,other,,,,3,,,999,1,\ngelu,other,,,,6,3,999,,1,\n"
        "norm,other,,,,,,,9,0,\nfc,,7,1,2,,,,,,\nmul,other,,,,,,,60,1,\n"
        "mul,,,,,,,,20,,v\n");
    CHECK_EXACT(2 * 4 * 20, net.layers[1].y_elements);
    CHECK_EXACT(2 * 4 * 20 * 0.5, net.layers[2].y_elements);
    CHECK_EXACT(0, net.layers[3].y_elements);
    CHECK_EXACT(28, net.layers[5].y_elements);
    CHECK_NEAR(28.0 / 3, layer_in(&net, 0, 5)->y_elements, 1e-15); /* the share stays */
    spr_network_free(&net);
}

static const struct {
    const char *text, *message;
} refusals[] = {
    {"layer,m,k,n\n", "t.csv: no rows below the header: expected layers"},
    {"layer,m,n\na,1,1\n", "t.csv:1: column 'k' is missing: expected a header row with 'k'"},
    {"layer,m,k,n\na,1,1,\n", "t.csv:2: column 'n': '': expected an integer 1..2^40"},
    {"layer,m,k,n\n,1,1,1\n", "t.csv:2: column 'layer': '': expected a layer name"},
    {"layer,m,k,n\na,1,1,1\nb,1,1,1\na,1,1,1\n",
     "t.csv:4: column 'layer': 'a': expected a name used once; first used in line 2"},
    {"layer,m,k,n\na,1099511627776,8193,1\n",
     "t.csv:2: column 'm': '1099511627776': expected a product of two dimensions of at "
     "most 2^53"},
    {"layer,m,k,n\na,1,1099511627776,8193\n",
     "t.csv:2: column 'k': '1099511627776': expected a product of two dimensions of at "
     "most 2^53"},
    {"layer,m,k,n,op\na,1,1,1,cnov\n",
     "t.csv:2: column 'op': 'cnov': expected linear, conv, depthwise, attention or other"},
    {"layer,m,k,n,prunable\na,1,1,1,maybe\n",
     "t.csv:2: column 'prunable': 'maybe': expected 1, 0, yes or no"},
    {"layer,m,k,n,op,prunable\na,1,1,1,attention,1\n",
     "t.csv:2: column 'prunable': '1': expected 0 for an operator without weights"},
    {"layer,m,k,n,count\na,1,1,1,0\n",
     "t.csv:2: column 'count': '0': expected an integer 1..2^40"},
    {"layer,m,k,n,x_elements\na,1,1,1,0\n",
     "t.csv:2: column 'x_elements': '0': expected a number of elements 1..1e300"},
    {"layer,m,k,n,op\na,,,,other\n", "t.csv:2: column 'bytes': '': expected bytes, or "
                                     "x_elements (read and written), for op=other"},
    {"layer,m,k,n,op,bytes\na,1,,,other,5\n",
     "t.csv:2: column 'm': '1': expected nothing: op=other is given by flops and bytes"},
    {"layer,m,k,n,op,bytes\na,,,,other,0\n",
     "t.csv:2: column 'flops': '': expected flops or bytes above 0 for op=other"},
    {"layer,m,k,n,activation_sparsity\na,1,1,1,2\n",
     "t.csv:2: column 'activation_sparsity': '2': expected a fraction 0..1 or a "
     "percentage 0%..100%"},
    {"layer,m,k,n,accuracy\na,1,1,1,nan\n",
     "t.csv:2: column 'accuracy': 'nan': expected a finite number"},
    {"layer,m,k,n,pattern,sparsity\na,8,8,1,4x4,\n",
     "t.csv:2: column 'sparsity': '': expected a fraction 0..1 or a percentage 0%..100%"},
    {"layer,m,k,n,pattern,sparsity\na,8,8,1,2:4,0.6\n",
     "t.csv:2: column 'sparsity': '0.6': expected 0.5, the sparsity that 2:4 fixes, "
     "within 0.01"},
    {"layer,m,k,n,pattern,sparsity\na,8,8,1,4y4,0.6\n",
     "t.csv:2: column 'pattern': unknown pattern '4y4': expected dense, csr, csr16, "
     "bitmask, "
     "ell, RxC, N:M with N < M, comp:P with P > 1, or V:N:M with N <= 4 < M; did you mean "
     "'4x4'?"},
    {"layer,m,k,n,pattern,sparsity\na,2,8,1,comp:4,0.75\n",
     "t.csv:2: column 'pattern': 'comp:4': expected a pattern that fits layer 'a': it has "
     "fewer rows than are packed together"},
    {"layer,m,k,n,pattern,sparsity\na,1,65537,1,csr16,0.75\n",
     "t.csv:2: column 'pattern': 'csr16': expected a pattern that fits layer 'a': k is "
     "above "
     "65536, more than 16-bit indices reach"},
    {"layer,m,k,n,pattern,nnz\na,8,8,1,csr,65\n",
     "t.csv:2: column 'nnz': '65': expected a count 0..m*k"},
    {"layer,m,k,n,pattern,sparsity,touched_columns\na,8,8,1,csr,0.5,9\n",
     "t.csv:2: column 'touched_columns': '9': expected a count 0..k"},
    {"layer,m,k,n,pattern,sparsity,prunable\na,8,8,1,csr,0.5,0\n",
     "t.csv:2: column 'pattern': 'csr': expected nothing or dense: the layer's rows say "
     "prunable=0"},
    {"layer,m,k,n,pattern,sparsity,op\na,8,8,1,csr,0.5,attention\n",
     "t.csv:2: column 'pattern': 'csr': expected nothing or dense: this operator has no "
     "weights"},
    {"layer,m,k,n,variant,pattern,sparsity\na,8,8,1,,csr,0.5\n",
     "t.csv:2: column 'variant': '': expected a variant name beside a pattern"},
    {"layer,m,k,n,variant,pattern,sparsity\na,8,8,1,,,\na,8,9,1,v,csr,0.5\n",
     "t.csv:3: column 'k': '9': expected at most 8, the base row's k: a "
     "variant can only shrink a layer"},
    {"layer,m,k,n,variant,pattern,sparsity\na,8,8,1,v,csr,0.5\na,8,9,1,w,csr,0.5\n",
     "t.csv:3: column 'k': '9': expected at most 8, the first row's k: a variant can only "
     "shrink a layer"},
    {"layer,m,k,n,count,variant\na,8,8,1,2,\na,,,,3,v\n",
     "t.csv:3: column 'count': '3': expected at most 2, the base row's count: a variant can "
     "only shrink a layer"},
    {"layer,m,k,n,x_elements,variant\na,8,8,4,16,\na,,4,,9,v\na,,,,17,w\n",
     "t.csv:4: column 'x_elements': '17': expected at most 16, the base row's x_elements: a "
     "variant can only shrink a layer"},
    {"layer,m,k,n,op,flops,bytes,x_elements,variant\no,,,,other,3,,7,\no,,,,,4,,,v\n",
     "t.csv:3: column 'flops': '4': expected at most 3, the base row's flops: a variant can "
     "only shrink a layer"},
    {"layer,m,k,n,op,flops,bytes,x_elements,variant\no,,,,other,3,,7,\no,,,,,,5,,v\n",
     "t.csv:3: column 'bytes': '5': expected nothing: the layer's first row gives "
     "x_elements"},
    {"layer,m,k,n,op,flops,bytes,x_elements,variant\no,,,,other,3,,7,\no,,,,,0.5,,,v\n",
     "t.csv:3: column 'flops': '0.5': expected 0, or a number 1..1e300"},
    {"layer,m,k,n,variant,pattern,nnz\na,8,8,1,,,\na,4,,,v,csr,33\n",
     "t.csv:3: column 'nnz': '33': expected a count 0..m*k"},
    {"layer,m,k,n,count,calls\na,8,8,1,2,3\n",
     "t.csv:2: column 'calls': '3': expected an integer 0..2"},
    {"layer,m,k,n,count,calls\na,8,8,1,2,some\n",
     "t.csv:2: column 'calls': 'some': expected an integer 0..2"},
    {"layer,m,k,n,count,calls,variant\na,8,8,1,4,2,\na,,,,3,3,v\n",
     "t.csv:3: column 'calls': '3': expected at most 2, the base row's calls: a variant can "
     "only shrink a layer"},
    {"layer,m,k,n,epilogue\na,8,8,1,maybe\n",
     "t.csv:2: column 'epilogue': 'maybe': expected 1, 0, yes or no"},
    {"layer,m,k,n,epilogue\na,8,8,1,1\n",
     "t.csv:2: column 'epilogue': '1': expected 0 for a product: only op=other runs inside "
     "one"},
    {"layer,m,k,n,op,bytes,epilogue\no,,,,other,5,1\n",
     "t.csv:2: column 'epilogue': '1': expected 0, or 1 in a row below a product or its "
     "epilogues"},
    {"layer,m,k,n,op,bytes,epilogue\na,8,8,1,,,\nnorm,,,,other,5,0\nadd,,,,other,5,1\n",
     "t.csv:4: column 'epilogue': '1': expected 0, or 1 in a row below a product or its "
     "epilogues: 'norm' is none"},
    {"layer,m,k,n,op,bytes,epilogue,variant\na,8,8,1,,,,\no,,,,other,5,1,\no,,,,,,0,v\n",
     "t.csv:4: column 'epilogue': '0': expected 1, as in the first row of this layer"},
    {"layer,m,k,n,op,variant,pattern,sparsity\na,8,8,1,conv,,,\na,8,8,1,linear,v,csr,0."
     "5\n",
     "t.csv:3: column 'op': 'linear': expected conv, as in the first row of this layer"},
    {"layer,m,k,n,variant,pattern,sparsity\na,8,8,1,,,\na,,,,v,csr,0.5\na,,,,v,csr,0.9\n",
     "t.csv:4: column 'layer': 'a': expected a layer listed once in variant 'v'; first "
     "listed "
     "in line 3"},
    {"layer,m,k,n,variant,pattern,sparsity,accuracy\na,8,8,1,,,,\nb,8,8,1,,,,\n"
     "a,,,,v,csr,0.5,0.9\nb,,,,v,csr,0.5,0.8\n",
     "t.csv:5: column 'accuracy': '0.8': expected 0.9, as in an earlier row of this "
     "variant"},
};

static void refused(void)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct spr_network network;
        struct spr_error err;
        test_row = refusals[i].text;
        CHECK_STATUS(SPR_EINPUT, read_table(refusals[i].text, &network, NULL, &err), &err);
        CHECK_TEXT(refusals[i].message, err.text);
        CHECK(network.layers == NULL && network.arena.head == NULL);
    }
    test_row = "";
}

static void warnings(void)
{
    struct spr_network network;
    struct spr_notes notes = {0};
    struct spr_error err;
    CHECK_STATUS(SPR_OK,
                 read_table("layer,m,k,n,pattern,sparsity\nsmall,2,8,1,4x4,0.5\n", &network,
                            &notes, &err),
                 &err);
    CHECK_INT(1, notes.count);
    CHECK_TEXT("t.csv:2: layer 'small' is smaller than its pattern '4x4': it has fewer rows "
               "than the block",
               notes.line[0]);
    spr_notes_free(&notes);
    spr_network_free(&network);
}

int main(void)
{
    defaults();
    given_values();
    variants();
    one_variant();
    grid();
    filter();
    smaller();
    epilogues();
    refused();
    warnings();
    return test_end();
}
