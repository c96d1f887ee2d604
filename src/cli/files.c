/* SPDX-License-Identifier: Apache-2.0 */
/* Output files that are complete or not there, and records evaluated again. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "mem.h"

enum spr_status cli_output_open(struct cli_output *output, const char *path,
                                struct spr_error *err)
{
    struct stat info;
    *output = (struct cli_output){0};
    if (snprintf(output->path, sizeof output->path, "%s", path) >= (int)sizeof output->path) {
        return spr_fail(err, SPR_EINPUT, "%.80s...: file name too long", path);
    }
    /* A device or a pipe is written as it is: there is nothing to rename over. */
    bool special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    if (special && S_ISDIR(info.st_mode)) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: is a directory: expected a file to write",
                        path);
    }
    if (!special) {
        snprintf(output->temporary, sizeof output->temporary, "%s.%ld.tmp", path,
                 (long)getpid());
    }
    output->file = fopen(special ? path : output->temporary, "wb");
    if (!output->file) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    return SPR_OK;
}

enum spr_status cli_output_close(struct cli_output *output, enum spr_status status,
                                 struct spr_error *err)
{
    if (!output->file) {
        return status;
    }
    errno = 0;
    bool failed = ferror(output->file) != 0;
    failed = fclose(output->file) != 0 || failed;
    output->file = NULL;
    if (status == SPR_OK && failed) {
        status = spr_fail(err, SPR_EENVIRONMENT, "%s: %s", output->path,
                          errno ? strerror(errno) : "cannot be written");
    }
    if (output->temporary[0] && status != SPR_OK) {
        unlink(output->temporary);
    } else if (output->temporary[0] && rename(output->temporary, output->path) != 0) {
        int reason = errno;
        unlink(output->temporary);
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", output->path, strerror(reason));
    }
    return status;
}

static void check_input(struct cli *cli, const char *record,
                        const struct spr_record_input *input)
{
    char now[SPR_SHA256_TEXT];
    if (!input->path || !input->sha256[0]) {
        return;
    }
    if (spr_sha256_file(input->path, now, NULL) != SPR_OK) {
        spr_note(&cli->notes, "%s was made from %s, which is not readable now", record,
                 input->path);
    } else if (strcmp(now, input->sha256) != 0) {
        spr_note(&cli->notes, "%s is stale: %s has changed since; run sproof analyze again",
                 record, input->path);
    }
}

static enum spr_status no_record(const char *path, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "%s: no such record: make one with: sproof analyze MODEL.csv%s%s", path,
                    strcmp(path, CLI_DEFAULT_RECORD) == 0 ? "" : " -o ",
                    strcmp(path, CLI_DEFAULT_RECORD) == 0 ? "" : path);
}

/* Adds a default grid of each pattern that no variant of the network has. */
static enum spr_status add_missing(struct spr_network *network,
                                   const struct spr_pattern *patterns, size_t count,
                                   struct spr_error *err)
{
    double *sparsities = NULL;
    size_t sparsity_count = 0;
    enum spr_status status =
        cli_sparsities(CLI_DEFAULT_SPARSITIES, &sparsities, &sparsity_count, err);
    for (size_t p = 0; p < count && status == SPR_OK; p++) {
        bool found = false;
        for (size_t v = 0; v < network->variant_count; v++) {
            found = found || spr_pattern_equal(&network->variants[v].pattern, &patterns[p]);
        }
        struct spr_grid grid = {&patterns[p], 1, sparsities, sparsity_count};
        status = found ? SPR_OK : spr_network_add_grid(network, &grid, err);
    }
    spr_free(sparsities);
    return status;
}

enum spr_status cli_evaluate_record(struct cli *cli, const char *path,
                                    const struct spr_pattern *patterns, size_t pattern_count,
                                    struct cli_evaluated *evaluated, struct spr_error *err)
{
    const char *name = path ? path : CLI_DEFAULT_RECORD;
    *evaluated = (struct cli_evaluated){0};
    if (access(name, F_OK) != 0) {
        return no_record(name, err);
    }
    struct spr_record *record = &evaluated->record;
    enum spr_status status = spr_record_read(name, record, err);
    if (status != SPR_OK) {
        return status;
    }
    if (!path && !cli->quiet) {
        fprintf(cli->err, "sproof: %s of %s, from %s\n", name,
                record->head.created ? record->head.created : "unknown date",
                record->network.path);
    }
    check_input(cli, name, &record->head.model);
    check_input(cli, name, &record->head.accuracy);
    if (record->options.change_count == 0) {
        check_input(cli, name, &record->head.machine);
    }
    status = add_missing(&record->network, patterns, pattern_count, err);
    status = status ? status
                    : spr_analyze(&record->network, &record->machine, &record->options,
                                  &evaluated->analysis, err);
    if (status != SPR_OK) {
        spr_record_free(record);
    }
    return status;
}

void cli_evaluated_free(struct cli_evaluated *evaluated)
{
    spr_analysis_free(&evaluated->analysis);
    spr_record_free(&evaluated->record);
}
