/* SPDX-License-Identifier: Apache-2.0 */
/* Where parameters are: layers, aside, scales, left out; the parts add up. */
#include "test.h"

#include "weights/reader.h"

static const struct spr_weights_options options = {0};

static size_t add(const struct spr_source *source, const char *name, int rank, int64_t rows)
{
    struct spr_error err = {0};
    static const float data[64];
    const struct spr_tensor tensor = {.name = name,
                                      .element = SPR_ELEMENT_F32,
                                      .dtype = "F32",
                                      .rank = rank,
                                      .shape = {rows, 2},
                                      .data = (const unsigned char *)data};
    size_t index = SIZE_MAX;
    CHECK_STATUS(SPR_OK, spr_add_tensor(source, &tensor, &index, &err), &err);
    return index;
}

static struct spr_weight *layer(const struct spr_source *source, const char *name,
                                size_t tensor)
{
    struct spr_error err = {0};
    struct spr_weight *weight = NULL;
    CHECK_STATUS(SPR_OK, spr_add_weight(source, name, &weight, &err), &err);
    spr_weight_of_tensor(source->weights, tensor, weight);
    weight->op = SPR_OP_LINEAR;
    weight->n = 3;
    return weight;
}

static void check(const struct spr_weights *weights, const double expected[5])
{
    const struct spr_account a = spr_weights_account(weights);
    CHECK_EXACT(expected[0], a.listed);
    CHECK_EXACT(expected[1], a.aside);
    CHECK_EXACT(expected[2], a.scales);
    CHECK_EXACT(expected[3], a.left_out);
    CHECK_EXACT(expected[4], a.multiply_adds);
    CHECK_EXACT(a.parameters, a.listed + a.aside + a.scales + a.left_out);
}

/* A tensor of two layers counts once; one of a layer stays so. */
static void test_parts(void)
{
    struct spr_weights weights = {0};
    struct spr_error err = {0};
    const struct spr_source source = {.path = "x", .options = &options, .weights = &weights};
    char text[SPR_LEFT_OUT_TEXT];
    const size_t shared = add(&source, "shared", 2, 4), scale = add(&source, "scale", 2, 1);
    const size_t lstm = add(&source, "lstm.W", 2, 7);
    (void)add(&source, "bias", 1, 5);
    (void)add(&source, "strange", 2, 6);
    (void)layer(&source, "a", shared);
    (void)layer(&source, "b", shared);
    CHECK_EXACT(2.0, spr_set_use(&source, scale, SPR_USE_SCALE));
    CHECK_EXACT(14.0, spr_set_use(&source, lstm, SPR_USE_LEFT_OUT));
    CHECK_EXACT(0.0, spr_set_use(&source, lstm, SPR_USE_LEFT_OUT));
    CHECK_EXACT(0.0, spr_set_use(&source, SIZE_MAX, SPR_USE_LEFT_OUT));
    const struct spr_left_out what = {"lstm", "LSTM", 14, 700};
    CHECK_STATUS(SPR_OK, spr_leave_out(&source, &what, &err), &err);
    CHECK_STATUS(SPR_OK, spr_leave_out_unclaimed(&source, 0, &err), &err);
    CHECK_EXACT(0.0, spr_set_use(&source, shared, SPR_USE_LEFT_OUT));
    check(&weights, (const double[]){8, 5, 2, 26, 48});
    CHECK_INT(2, weights.left_out_count);
    CHECK_TEXT("76.5 % of the weights: lstm (LSTM, 14 weights), strange (not understood, 12 "
               "weights)",
               spr_left_out_text(&weights, text));
    spr_weights_free(&weights);
}

/* Convolutions without n are left out, but not where nothing else is there. */
static void test_without_n(void)
{
    struct spr_weights weights = {0};
    struct spr_error err = {0};
    const struct spr_source source = {.path = "x", .options = &options, .weights = &weights};
    struct spr_weight *conv = layer(&source, "conv", add(&source, "conv.weight", 2, 4));
    conv->op = SPR_OP_CONV;
    conv->n = 0;
    CHECK_STATUS(SPR_OK, spr_leave_out_unclaimed(&source, 0, &err), &err);
    CHECK_STATUS(SPR_OK, spr_weights_leave_out_unknown(&weights, &err), &err);
    CHECK_INT(0, weights.left_out_count);
    CHECK_STATUS(SPR_EINPUT, spr_weights_check_n(&weights, &err), &err);
    (void)layer(&source, "fc", add(&source, "fc.weight", 2, 2));
    CHECK_STATUS(SPR_OK, spr_leave_out_unclaimed(&source, 1, &err), &err);
    CHECK_STATUS(SPR_OK, spr_weights_leave_out_unknown(&weights, &err), &err);
    CHECK_INT(1, weights.left_out_count);
    CHECK_STATUS(SPR_OK, spr_weights_check_n(&weights, &err), &err);
    check(&weights, (const double[]){4, 0, 0, 8, 12});
    spr_weights_free(&weights);
}

int main(void)
{
    test_parts();
    test_without_n();
    return test_end();
}
