/* SPDX-License-Identifier: Apache-2.0 */
/* sproof probe --noise: what neighbours do to this machine, in a table and one sentence. */
#include <math.h>

#include "base/table.h"
#include "cli/cli.h"
#include "sproof/cpu.h"
#include "sproof/probe.h"
#include "sproof/report.h"

#define WATCH_S 8.0
/* From here on nobody is there worth a word. */
#define QUIET 0.9

static void put_canaries(FILE *file, const struct spr_noise *noise)
{
    static const char *const what[SPR_CANARIES] = {"multiply-adds and L1", "L2", "memory"};
    struct spr_table table = {.column_count = 5};
    table.left[0] = true;
    spr_table_row(&table);
    static const char *const heads[] = {"resource", "undisturbed", "least", "median", "95 %"};
    for (size_t c = 0; c < 5; c++) {
        spr_table_cell(&table, c, "%s", heads[c]);
    }
    for (int c = 0; c < SPR_CANARIES; c++) {
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s", what[c]);
        spr_table_cell(&table, 1, "%.0f %%", 100 * noise->canary[c].undisturbed);
        spr_table_cell(&table, 2, "%.2f us", 1e6 * noise->canary[c].least_s);
        spr_table_cell(&table, 3, "%.2f us", 1e6 * noise->canary[c].median_s);
        spr_table_cell(&table, 4, "%.2f us", 1e6 * noise->canary[c].high_s);
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

static void put_rest(FILE *file, const struct spr_noise *noise)
{
    fprintf(
        file,
        "\nundisturbed moments: %.0f %%; a neighbour holds %.0f %% of the spans of 10 ms\n",
        100 * noise->undisturbed, 100 * noise->duty);
    if (!isnan(noise->stolen)) {
        fprintf(file, "stolen by the host: %.1f %% of a CPU\n", 100 * noise->stolen);
    }
    if (!isnan(noise->together)) {
        fprintf(file, "two threads reach %.2f times what one does%s\n", noise->together,
                noise->together < SPR_NOISE_NOT_HAD    ? ": others hold the second CPU"
                : noise->together < SPR_NOISE_ONE_CORE ? ": these CPUs are one core"
                                                       : "");
    }
}

/* What to expect of a measurement here. */
static void put_sentence(FILE *file, const struct spr_noise *noise)
{
    char text[320], longest[48] = "no call can be measured here now";
    if (noise->longest_s > 0) {
        const double us = 1e6 * noise->longest_s;
        snprintf(longest, sizeof longest, "calls up to %.3g %s can be measured",
                 us < 1000 ? us : us / 1000, us < 1000 ? "us" : "ms");
    }
    snprintf(text, sizeof text, "%s: %s%s.",
             noise->undisturbed >= QUIET ? "Quiet"
             : noise->longest_s > 0      ? "Neighbours come and go"
                                         : "A neighbour holds this core",
             longest,
             noise->together < SPR_NOISE_ONE_CORE ? ", on one thread rather than two" : "");
    fputc('\n', file);
    spr_text_wrapped(file, text, 0);
}

enum spr_status cli_probe_noise(struct cli *cli, const struct args *args,
                                struct spr_error *err)
{
    struct spr_noise noise;
    struct spr_probe probe;
    char brand[64];
    double known_s[SPR_CANARIES], seconds = WATCH_S;
    bool known = false;
    if (args->value[OPT_THREADS]) {
        return spr_fail(err, SPR_EINPUT,
                        "--threads: expected without --noise, which watches one");
    }
    if (args->value[OPT_BUDGET]) {
        SPR_TRY(cli_seconds("budget", args->value[OPT_BUDGET], &seconds, err));
        if (seconds < 0.5 || seconds > 60) {
            return spr_fail(err, SPR_EINPUT, "--budget %.40s: expected 0.5s to 60s to watch",
                            args->value[OPT_BUDGET]);
        }
    }
    if (spr_probe_wanted() && spr_probe_cached(&probe)) {
        spr_probe_canaries(&probe, spr_isa_best(), 1, known_s);
        known = true;
        spr_probe_free(&probe);
    }
    cli_catch_interrupt();
    SPR_TRY(spr_noise_measure(seconds, known ? known_s : NULL, cli_interrupted, &noise, err));
    if (cli_interrupted()) {
        return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
    }
    spr_cpu_brand(brand);
    fprintf(cli->out, "%.60s, one thread, watched for %.1f s\n\n", brand, noise.seconds);
    put_canaries(cli->out, &noise);
    put_rest(cli->out, &noise);
    put_sentence(cli->out, &noise);
    return SPR_OK;
}
