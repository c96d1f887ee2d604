/* SPDX-License-Identifier: Apache-2.0 */
/* probe and validate on an NVIDIA GPU; without CUDA one line that says so. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/output.h"
#include "base/table.h"
#include "cli/cli.h"
#include "sproof/validate.h"

#if !defined(SPROOF_HAS_CUDA)

enum spr_status cli_device_ready(const char *device, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "--device %.40s: this sproof was built without CUDA: build it with cmake "
                    "-DSPROOF_CUDA=ON",
                    device);
}

enum spr_status cli_probe_device(struct cli *cli, const struct args *args,
                                 struct spr_error *err)
{
    (void)cli;
    return cli_device_ready(args->value[OPT_DEVICE], err);
}

enum spr_status cli_validate_device(struct cli *cli, const struct args *args,
                                    const struct spr_network *network,
                                    const struct spr_validate_options *options,
                                    struct spr_validation *validation, enum spr_dtype *dtype,
                                    struct spr_error *err)
{
    (void)cli, (void)network, (void)options, (void)validation;
    *dtype = SPR_F16;
    return cli_device_ready(args->value[OPT_DEVICE], err);
}

#else

#include "sproof/cuda.h"

enum spr_status cli_device_ready(const char *device, struct spr_error *err)
{
    (void)device, (void)err;
    return SPR_OK;
}

static void put_spread(struct spr_table *table, const char *what,
                       const struct spr_number *number, double unit)
{
    spr_table_row(table);
    spr_table_cell(table, 0, "%s", what);
    spr_table_cell(table, 1, "%.4g", number->value / unit);
    spr_table_cell(table, 2, "%.4g", number->low / unit);
    spr_table_cell(table, 3, "%.4g", number->high / unit);
}

static void put_rates(FILE *file, const struct spr_machine *machine)
{
    struct spr_table table = {.column_count = 4};
    char what[64];
    table.left[0] = true;
    spr_table_row(&table);
    spr_table_cell(&table, 0, "TFLOP/s, GB/s, us");
    spr_table_cell(&table, 1, "median");
    spr_table_cell(&table, 2, "low");
    spr_table_cell(&table, 3, "high");
    for (size_t i = 0; i < machine->engine_count; i++) {
        put_spread(&table, machine->engines[i].name, &machine->engines[i].flops_per_s, 1e12);
    }
    for (size_t i = 0; i < machine->memory_count; i++) {
        snprintf(what, sizeof what, "%.20s read", machine->memory[i].level);
        put_spread(&table, what, &machine->memory[i].bytes_per_s, 1e9);
    }
    put_spread(&table, "one call", &machine->overhead_s, 1e-6);
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

static void put_sweep(FILE *file, const struct spr_cuda_probe *probe)
{
    struct spr_table table = {.column_count = 3};
    spr_table_row(&table);
    spr_table_cell(&table, 0, "MiB");
    spr_table_cell(&table, 1, "read GB/s");
    spr_table_cell(&table, 2, "copy GB/s");
    for (size_t i = 0; i < probe->point_count; i++) {
        const struct spr_cuda_point *point = &probe->points[i];
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%.4g", point->bytes / 1048576);
        spr_table_cell(&table, 1, "%.4g", point->read_bytes_per_s / 1e9);
        spr_table_cell(&table, 2, "%.4g", point->copy_bytes_per_s / 1e9);
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

static void show(struct cli *cli, const struct spr_cuda_probe *probe)
{
    char line[512];
    snprintf(line, sizeof line, "%.150s, %s, %s", probe->machine.description, probe->versions,
             cli->created);
    spr_text_wrapped(cli->out, line, 0);
    fputs("\nissued FLOPs, 2 per multiply-add; a copy counts both ways\n", cli->out);
    put_rates(cli->out, &probe->machine);
    fputc('\n', cli->out);
    put_sweep(cli->out, probe);
    for (size_t i = 0; i < probe->missing_count; i++) {
        snprintf(line, sizeof line, "not measured: %.400s", probe->missing[i]);
        spr_text_wrapped(cli->out, line, 0);
    }
}

static void show_progress(void *context, const char *what)
{
    const struct cli *cli = context;
    fprintf(cli->err, "\r\033[K%s", what);
    fflush(cli->err);
}

static bool quiet(const struct cli *cli, const struct args *args)
{
    return cli->quiet || args->value[OPT_NO_PROGRESS] || !isatty(STDERR_FILENO);
}

/* "DIR/h100.json" -> "h100". */
static const char *stem(const char *path, char *text, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(text, size, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(text, '.');
    if (dot && dot != text && strcmp(dot, ".json") == 0) {
        *dot = '\0';
    }
    return text;
}

enum spr_status cli_probe_device(struct cli *cli, const struct args *args,
                                 struct spr_error *err)
{
    const char *path = args->value[OPT_OUTPUT];
    char name[256], date[16];
    struct spr_cuda_probe probe;
    struct spr_cuda_probe_options options = {
        .device = args->value[OPT_DEVICE],
        .name = path ? stem(path, name, sizeof name) : NULL,
        .date = date,
        .quick = args->value[OPT_QUICK] != NULL,
        .stop = cli_interrupted,
        .progress = quiet(cli, args) ? NULL : show_progress,
        .context = cli};
    if (args->value[OPT_THREADS]) {
        return spr_fail(err, SPR_EINPUT, "--threads: expected without --device");
    }
    snprintf(date, sizeof date, "%.10s", cli->created);
    cli_catch_interrupt();
    enum spr_status status = spr_cuda_probe(&options, &probe, err);
    if (options.progress) {
        fputs("\r\033[K", cli->err);
    }
    if (status == SPR_OK && path) {
        struct spr_output output;
        status = spr_output_open(&output, path, err);
        if (status == SPR_OK) {
            status =
                spr_output_close(&output, spr_cuda_probe_write(output.file, &probe, err), err);
        }
    }
    if (status == SPR_OK) {
        show(cli, &probe);
        fprintf(cli->out,
                path ? "written to %s; next: sproof analyze MODEL --machine %s\n"
                     : "not kept: -o gpu.json writes a machine file\n",
                path, path);
    }
    spr_cuda_probe_free(&probe);
    return status;
}

enum spr_status cli_validate_device(struct cli *cli, const struct args *args,
                                    const struct spr_network *network,
                                    const struct spr_validate_options *options,
                                    struct spr_validation *validation, enum spr_dtype *dtype,
                                    struct spr_error *err)
{
    (void)cli;
    const char *device = args->value[OPT_DEVICE], *name = args->value[OPT_MACHINE];
    struct spr_machine machine;
    if (!name) {
        return spr_fail(
            err, SPR_EINPUT,
            "--device %.40s: expected --machine M too, the rates the bound is made "
            "of: sproof probe --device %.40s -o gpu.json measures them",
            device, device);
    }
    enum spr_status status = cli_find_machine(name, &machine, err);
    if (status != SPR_OK) {
        return status;
    }
    *dtype = machine.default_dtype;
    if (args->value[OPT_DTYPE]) {
        status = spr_dtype_parse(args->value[OPT_DTYPE], dtype, err);
    }
    if (status == SPR_OK) {
        struct spr_validate_options on = *options;
        on.device = device;
        on.dtype = *dtype;
        status = spr_cuda_validate(network, &machine, &on, validation, err);
    }
    spr_machine_free(&machine);
    return status;
}

#endif
