/* SPDX-License-Identifier: Apache-2.0 */
/* sproof calibrate: kernel families out of measured times. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/output.h"
#include "cli/cli.h"
#include "sproof/calibration_cases.h"
#include "sproof/calibration_report.h"
#include "sproof/family_fit.h"

struct work {
    struct cli *cli;
    const struct args *args;
    struct spr_machine machine;
    struct spr_products products;
    struct spr_family_fits calibration;
    char name[64];
    struct spr_error *err;
};

static enum spr_status find_machine(struct work *w)
{
    const char *name = w->args->value[OPT_MACHINE], *threads = w->args->value[OPT_THREADS];
    int64_t count = 1;
    if (!name) {
        return spr_fail(
            w->err, SPR_EINPUT,
            "calibrate: expected --machine, whose times these are: see sproof list "
            "machines");
    }
    if (threads && strcmp(name, "host") != 0) {
        return spr_fail(w->err, SPR_EINPUT, "--threads: expected only with --machine host");
    }
    if (threads) {
        SPR_TRY(cli_threads(threads, &count, w->err));
    }
    return strcmp(name, "host") == 0
               ? cli_find_host(w->cli, w->args, count, &w->machine, w->err)
               : spr_machine_find(name, &w->machine, w->err);
}

/* A machine is called what its file is. */
static void name_machine(struct work *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(w->name, sizeof w->name, "%s", slash ? slash + 1 : path);
    const size_t length = strlen(w->name);
    if (length > 5 && strcmp(w->name + length - 5, ".json") == 0) {
        w->name[length - 5] = '\0';
    }
    w->machine.name = w->name;
}

/* Where the constants come from, once for each family. */
static enum spr_status set_sources(struct work *w)
{
    for (size_t i = 0; i < w->calibration.count; i++) {
        struct spr_fitted *fitted = &w->calibration.fitted[i];
        char text[400];
        snprintf(text, sizeof text,
                 "sproof calibrate on %.200s: %zu calls, %zu different m x k",
                 w->products.path, fitted->rows, fitted->pairs);
        fitted->family.source = spr_arena_text(&w->calibration.arena, text, strlen(text));
        fitted->family.date = spr_arena_text(&w->calibration.arena, w->cli->created, 10);
        if (!fitted->family.source || !fitted->family.date) {
            return spr_no_memory(w->err);
        }
    }
    return SPR_OK;
}

static enum spr_status save(struct work *w, const char *path)
{
    struct spr_output output;
    name_machine(w, path);
    SPR_TRY(set_sources(w));
    SPR_TRY(spr_output_open(&output, path, w->err));
    enum spr_status status =
        spr_family_fits_write(output.file, &w->machine, &w->calibration, w->err);
    return spr_output_close(&output, status, w->err);
}

/* The cases that plot --kind error draws; *saved: there are some. */
static enum spr_status save_cases(struct work *w, bool *saved)
{
    struct spr_validation validation;
    struct spr_output output;
    SPR_TRY(spr_fit_cases(&w->machine, &w->products, &validation, w->err));
    validation.head.command = w->cli->command;
    validation.head.created = w->cli->created;
    validation.head.model.path = w->products.path;
    validation.options.dtype = w->products.rows[0].dtype;
    validation.options.batches[0] = 1;
    validation.options.batch_count = 1;
    *saved = validation.case_count > 0;
    enum spr_status status = SPR_OK;
    if (*saved) {
        status = spr_output_open(&output, CLI_DEFAULT_VALIDATION, w->err);
        if (status == SPR_OK) {
            status = spr_validation_write(output.file, &validation, w->err);
            status = spr_output_close(&output, status, w->err);
        }
    }
    spr_validation_free(&validation);
    return status;
}

static enum spr_status calibrate(struct work *w, const struct spr_report *report)
{
    const char *path = w->args->value[OPT_OUTPUT];
    bool cases = false;
    SPR_TRY(spr_products_read(w->args->positional[0], &w->products, &w->cli->notes, w->err));
    SPR_TRY(find_machine(w));
    SPR_TRY(spr_fit_families(&w->machine, &w->products, &w->calibration, w->err));
    const struct spr_fits_report of = {&w->machine, &w->products, &w->calibration};
    cli_flush_notes(w->cli);
    SPR_TRY(spr_report_fits(w->cli->out, &of, report, w->err));
    if (!path) {
        return SPR_OK;
    }
    SPR_TRY(save(w, path));
    SPR_TRY(save_cases(w, &cases));
    if (report->format == SPR_FORMAT_TABLE) {
        fprintf(w->cli->out, "\nSaved %s. Next:\n  sproof analyze MODEL --machine %s%s\n",
                path, strchr(path, '/') ? "" : "./", path);
        fputs(cases ? "  sproof plot --kind error   (what was left out, from "
                      "sproof-validation.json)\n"
                    : "",
              w->cli->out);
    }
    return SPR_OK;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct work w = {.cli = cli, .args = args, .err = err};
    struct spr_report report = {.format = SPR_FORMAT_TABLE};
    if (args->positional_count != 1) {
        return spr_fail(err, SPR_EINPUT,
                        "calibrate: expected one table of times: see sproof help calibrate");
    }
    SPR_TRY(spr_format_parse(&spr_fits_formats, args->value[OPT_FORMAT], &report.format, err));
    enum spr_status status = calibrate(&w, &report);
    spr_family_fits_free(&w.calibration);
    spr_products_free(&w.products);
    spr_machine_free(&w.machine);
    return status;
}

static const enum option options[] = {OPT_MACHINE, OPT_OUTPUT, OPT_THREADS, OPT_FORMAT,
                                      OPT_COUNT};

const struct verb verb_calibrate = {
    .name = "calibrate",
    .arguments = "TIMES.csv ",
    .summary = "From a few measured products to expected times on any machine.",
    .examples = {"sproof calibrate times.csv --machine a100-sxm-80gb -o mine.json",
                 "sproof calibrate onnx.csv --machine host -o onnx.json"},
    .notes =
        "TIMES.csv has m,k,n,pattern,sparsity,dtype,time and, if you like, kernel and\n"
        "residency (warm: the same call again and again; cold: operands not in caches);\n"
        "times in seconds or with a unit. scripts/python/time_products.py makes one. Two\n"
        "products (64x64 n 64, 4096x4096 n 4096) give a first answer, six a good one.\n"
        "-o writes the machine with a family of kernels for each kernel, pattern, dtype and\n"
        "residency, and sproof-validation.json for sproof plot --kind error.",
    .positionals_max = 1,
    .options = options,
    .formats = &spr_fits_formats,
    .run = run,
};
