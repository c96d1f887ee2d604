/* SPDX-License-Identifier: Apache-2.0 */
/* model_rate MACHINE.json: layer predictions (spr_model_pruned) per second on one core, over
 * the layer shapes of BERT-base, eight patterns and twenty sparsities. */
#include <stdio.h>
#include <time.h>

#include "sproof/model.h"

#define SECONDS 2.0

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    static const char *const texts[] = {"csr",  "4x1",   "4x4", "16x16",
                                        "32x1", "32x32", "2:4", "ell"};
    static const int64_t shapes[][3] = {
        {768, 768, 128}, {3072, 768, 128}, {768, 3072, 128}, {2304, 768, 512}, {768, 768, 1}};
    struct spr_machine machine;
    struct spr_model model;
    struct spr_error err = {0};
    static struct spr_ways ways[8];
    if (argc != 2 || spr_machine_read(argv[1], &machine, &err) != SPR_OK ||
        spr_model_prepare(&model, &machine, machine.default_dtype, SPR_NOMINAL, SPR_NOMINAL,
                          &err) != SPR_OK) {
        fprintf(stderr, "usage: model_rate MACHINE.json\n%s\n", err.text);
        return 2;
    }
    for (int p = 0; p < 8; p++) {
        struct spr_pattern pattern;
        (void)spr_pattern_parse(texts[p], &pattern, NULL);
        spr_model_ways(&model, &pattern, &ways[p]);
    }
    double start = now(), sum = 0;
    unsigned long long count = 0;
    do {
        for (int s = 0; s < 5; s++) {
            struct spr_layer layer = {.m = shapes[s][0],
                                      .k = shapes[s][1],
                                      .n = shapes[s][2],
                                      .count = 1,
                                      .groups = 1,
                                      .prunable = true};
            struct spr_shape shape = {layer.m, layer.k, 1};
            layer.x_elements = (double)layer.k * (double)layer.n;
            for (int p = 0; p < 8; p++) {
                for (int z = 0; z < 20; z++) {
                    struct spr_prediction run;
                    double kept = spr_pattern_kept(&ways[p].pattern, &shape, 0.05 * z);
                    (void)spr_model_pruned(&model, &layer, 1, &ways[p], kept, NULL, &run);
                    sum += run.time_s;
                    count++;
                }
            }
        }
    } while (now() - start < SECONDS);
    double seconds = now() - start;
    /* The sum keeps the work from being optimised away. */
    fprintf(stderr, "sum of times %g s\n", sum);
    printf("%.2f\n", (double)count / seconds / 1e6);
    spr_machine_free(&machine);
    return 0;
}
