/* SPDX-License-Identifier: Apache-2.0 */
/* What residency network takes for granted. */
#include "report/resident.h"

#include "base/table.h"

static double dense_pass_bytes(const struct spr_analysis *a, size_t batch_index)
{
    double bytes = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        bytes +=
            (double)a->network->layers[i].count * spr_analysis_dense(a, batch_index, i)->bytes;
    }
    return bytes;
}

void spr_report_resident(FILE *file, const struct spr_analysis *a,
                         const struct spr_result *result)
{
    char line[400], dense[80] = "";
    const size_t last = a->model.level_count - 1; /* memory; before it the caches */
    if (a->options.residency != SPR_RESIDENCY_NETWORK || last == 0) {
        return;
    }
    const double room = a->model.capacity[last - 1];
    const double dense_bytes = dense_pass_bytes(a, result->batch_index);
    const bool all = dense_bytes <= room;
    if (!all && result->network_bytes > room) {
        return;
    }
    if (!all) {
        snprintf(dense, sizeof dense, "; the dense one (%.3g MB) does not", dense_bytes / 1e6);
    }
    snprintf(
        line, sizeof line,
        "residency network: the %snetwork (%.3g MB a pass) fits in the caches up to %.20s "
        "(%.3g MB) and is assumed to stay there from one pass to the next; --residency dram "
        "if not%s",
        all ? "" : "pruned ", (all ? dense_bytes : result->network_bytes) / 1e6,
        a->machine->memory[last - 1].level, room / 1e6, dense);
    spr_text_wrapped(file, line, 0);
}
