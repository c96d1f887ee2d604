/* SPDX-License-Identifier: Apache-2.0 */
/* Whether one thread would be faster than all: by their peak all are, in small layers maybe not. */
#include <math.h>

#include "cli/cli.h"

/* Of the fastest result; NAN: not every one has an expected time. */
static double least_expected_s(const struct spr_analysis *a)
{
    double least_s = (double)NAN;
    for (size_t i = 0; i < a->result_count && a->expected_leads; i++) {
        least_s = fmin(least_s, a->results[i].expected.time_s);
    }
    return least_s;
}

/* What is worth a second analysis, in operators of results, and a line. */
#define ENTRIES_MAX 20000
#define GAIN 0.95

static bool is_cheap(const struct spr_analysis *a)
{
    return a->expected_leads && a->options.batch_count == 1 && a->options.change_count == 0 &&
           a->result_count * a->network->layer_count <= ENTRIES_MAX;
}

void cli_suggest_one_thread(struct cli *cli, const struct spr_analysis *a)
{
    struct spr_options options = a->options;
    struct spr_machine machine;
    struct spr_analysis alone;
    char one[24], all[24];
    if (!is_cheap(a) || a->machine->path || a->machine->cores == 1 ||
        spr_machine_host(1, &machine, NULL) != SPR_OK) {
        return;
    }
    options.threads = 1;
    if (spr_analyze(a->network, &machine, &options, &alone, NULL) == SPR_OK) {
        const double one_s = least_expected_s(&alone), all_s = least_expected_s(a);
        if (one_s < GAIN * all_s) {
            fprintf(cli->out,
                    "\none thread would be faster here, %s against %s: --threads 1\n",
                    spr_format_seconds(one_s, one), spr_format_seconds(all_s, all));
        }
        spr_analysis_free(&alone);
    }
    spr_machine_free(&machine);
}
