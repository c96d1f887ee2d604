/* SPDX-License-Identifier: Apache-2.0 */
/* sproof probe: what this machine can do, measured, kept, shown. */
#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/output.h"
#include "base/table.h"
#include "cli/cli.h"

/* A clock that moved by more while probing was disturbed. */
#define DRIFT_MAX 0.05

static enum spr_status read_threads(const char *text, int *threads, struct spr_error *err)
{
    double value = 0;
    *threads = 0;
    if (text && (strspn(text, "0123456789") != strlen(text) ||
                 !spr_parse_number(text, &value) || value < 1 || value > 4096)) {
        return spr_fail(err, SPR_EINPUT, "--threads: '%.40s': expected an integer 1..4096",
                        text);
    }
    *threads = (int)value;
    return SPR_OK;
}

/* "118 (110-121)" in units of `unit`. */
static void put_spread(struct spr_table *table, size_t column, const struct spr_number *number,
                       double unit)
{
    if (isnan(number->value)) {
        spr_table_cell(table, column, "-");
    } else {
        spr_table_cell(table, column, "%.3g (%.3g-%.3g)", number->value / unit,
                       number->low / unit, number->high / unit);
    }
}

struct column {
    const char *name, *head;
    double unit;
};

static void start_table(struct spr_table *table, const char *first, const char *second,
                        const struct column *columns, size_t count)
{
    *table = (struct spr_table){.column_count = count + 2};
    table->left[0] = true;
    spr_table_row(table);
    spr_table_cell(table, 0, "%s", first);
    spr_table_cell(table, 1, "%s", second);
    for (size_t c = 0; c < count; c++) {
        spr_table_cell(table, c + 2, "%s", columns[c].head);
    }
}

static bool was_probed(const struct spr_probe *probe, int isa, int threads)
{
    return !isnan(spr_probe_find(probe, "f32_fma", NULL, (enum spr_isa)isa, threads).value);
}

/* A table of rates without a level. */
struct peaks {
    const char *heading;
    bool few; /* rows without any of them are left out, and a table without rows */
    size_t count;
    struct column columns[4];
};

static const struct peaks peak_tables[] = {
    {"GFLOP/s, 2 FLOP per multiply-add (low-high)\n",
     false,
     4,
     {{"f32_fma", "f32 FMA", 1e9},
      {"f64_fma", "f64 FMA", 1e9},
      {"bf16_dot", "bf16 dot", 1e9},
      {"i8_dot", "int8 dot", 1e9}}},
    {"\nTFLOP/s, f16 vectors and products of matrices\n",
     true,
     3,
     {{"f16_fma", "f16 FMA", 1e12},
      {"bf16_matrix", "bf16 matrices", 1e12},
      {"i8_matrix", "int8 matrices", 1e12}}},
    {"\n10^9 per second, one vector each, from and to L1\n",
     false,
     3,
     {{"load", "loads", 1e9}, {"broadcast", "broadcasts", 1e9}, {"store", "stores", 1e9}}},
};

static bool has_row(const struct spr_probe *probe, const struct peaks *peaks, int isa,
                    int threads)
{
    bool any = !peaks->few && was_probed(probe, isa, threads);
    for (size_t c = 0; c < peaks->count && peaks->few; c++) {
        any = any || !isnan(spr_probe_find(probe, peaks->columns[c].name, NULL,
                                           (enum spr_isa)isa, threads)
                                .value);
    }
    return any;
}

/* One row per instruction set and thread count. */
static void put_peaks(FILE *file, const struct spr_probe *probe, const struct peaks *peaks)
{
    const struct column *columns = peaks->columns;
    struct spr_table table;
    start_table(&table, "isa", "threads", columns, peaks->count);
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        for (int threads = 1; threads <= probe->threads; threads++) {
            if (!has_row(probe, peaks, isa, threads)) {
                continue;
            }
            spr_table_row(&table);
            spr_table_cell(&table, 0, "%s", spr_isa_name((enum spr_isa)isa));
            spr_table_cell(&table, 1, "%d", threads);
            for (size_t c = 0; c < peaks->count; c++) {
                struct spr_number number =
                    spr_probe_find(probe, columns[c].name, NULL, (enum spr_isa)isa, threads);
                put_spread(&table, c + 2, &number, columns[c].unit);
            }
        }
    }
    if (!peaks->few || table.row_count > 1) {
        fputs(peaks->heading, file);
        spr_table_write(&table, file, 0);
    }
    spr_table_free(&table);
}

static void put_levels(FILE *file, const struct spr_probe *probe, enum spr_isa isa)
{
    static const char *const levels[] = {"L1", "L2", "L3", "L4", "DRAM"};
    static const struct column columns[] = {{"read", "read", 1e9},
                                            {"kernel_read", "for FMAs", 1e9},
                                            {"copy", "copy", 1e9},
                                            {"random_row_64", "rows of 64 B", 1e9},
                                            {"random_row_512", "rows of 512 B", 1e9}};
    struct spr_table table;
    start_table(&table, "level", "threads", columns, 5);
    for (size_t l = 0; l < 5; l++) {
        for (int threads = 1; threads <= probe->threads; threads++) {
            if (isnan(spr_probe_find(probe, "read", levels[l], isa, threads).value)) {
                continue;
            }
            spr_table_row(&table);
            spr_table_cell(&table, 0, "%s", levels[l]);
            spr_table_cell(&table, 1, "%d", threads);
            for (size_t c = 0; c < 5; c++) {
                struct spr_number number =
                    spr_probe_find(probe, columns[c].name, levels[l], isa, threads);
                put_spread(&table, c + 2, &number, columns[c].unit);
            }
        }
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

static const char *size_text(double bytes, char text[24])
{
    if (isnan(bytes)) {
        snprintf(text, 24, "unknown");
    } else if (bytes >= 1048576) {
        snprintf(text, 24, "%.4g MiB", bytes / 1048576);
    } else {
        snprintf(text, 24, "%.4g KiB", bytes / 1024);
    }
    return text;
}

static void put_caches(struct cli *cli, const struct spr_probe *probe)
{
    char detected[24], declared[24], line[400] = "";
    size_t used = 0;
    for (int i = 0; i < 4; i++) {
        double knee = probe->cache[i].detected_bytes, sysfs = probe->cache[i].declared_bytes;
        if (isnan(knee) && isnan(sysfs)) {
            continue;
        }
        used += (size_t)snprintf(line + used, sizeof line - used, "%s L%d %s (sysfs %s)",
                                 used ? ";" : "caches, as detected:", i + 1,
                                 isnan(knee) ? "no knee" : size_text(knee, detected),
                                 size_text(sysfs, declared));
        if (spr_probe_cache_differs(knee, sysfs)) {
            spr_note(&cli->notes,
                     "L%d behaves like %s, sysfs declares %s: the measured size is used "
                     "(virtual machine, neighbours or a partition?)",
                     i + 1, size_text(knee, detected), size_text(sysfs, declared));
        }
    }
    spr_text_wrapped(cli->out, used ? line : "no cache was found, in sysfs or by reading", 0);
}

/* text: the drift. */
static void put_tiles(FILE *out, const struct spr_probe *probe, const char *text)
{
    const struct spr_probe_quality *q = &probe->quality;
    const size_t between = q->tiles_interpolated;
    char line[256];
    int length = snprintf(line, sizeof line,
                          "clock drift during the probe%s; kernel tiles "
                          "timed: %zu",
                          text, probe->kernels.count - between);
    if (between > 0) {
        length += snprintf(line + length, sizeof line - (size_t)length, ", %zu interpolated",
                           between);
    }
    if (between > 0 && q->widths_checked > 0) {
        snprintf(line + length, sizeof line - (size_t)length,
                 " (checked on %zu widths: off by %.1f %% in the median, %.1f %% at the 90th "
                 "percentile)",
                 q->widths_checked, 100 * q->error_median, 100 * q->error_p90);
    }
    spr_text_wrapped(out, line, 0);
}

static void put_drift(struct cli *cli, const struct spr_probe *probe, enum spr_isa isa)
{
    char text[SPR_DRIFT_TEXT], said[SPR_DRIFT_TEXT + 4];
    const double first = spr_probe_find(probe, "f32_fma", NULL, isa, 1).value;
    const bool large =
        spr_format_drift(probe->drift, first * fmax(1, 1 + probe->drift), text) != NULL;
    if (!large) {
        snprintf(text, sizeof text, "%+.1f %%", probe->drift * 100);
    }
    snprintf(said, sizeof said, "%s %s", large ? ":" : "", text);
    fputc('\n', cli->out);
    put_tiles(cli->out, probe, said);
    if (fabs(probe->drift) > DRIFT_MAX) {
        spr_note(&cli->notes,
                 "the clock moved%s %s%s while probing: other work on this machine, or heat; "
                 "probe again when it is idle",
                 large ? "," : " by", text, large ? "," : "");
    }
}

static void put_rest(struct cli *cli, const struct spr_probe *probe, enum spr_isa isa)
{
    struct spr_number call = spr_probe_find(probe, "call", NULL, isa, 1);
    struct spr_number region =
        spr_probe_find(probe, "parallel_region", NULL, isa, probe->threads);
    fprintf(cli->out, "call %.3g ns", call.value * 1e9);
    if (!isnan(region.value)) {
        fprintf(cli->out, "; start and end of %d threads %.3g us (%.3g-%.3g)", probe->threads,
                region.value * 1e6, region.low * 1e6, region.high * 1e6);
    }
    if (probe->kernels.transfer_s > 0) {
        fprintf(cli->out, "\na cache line to the next thread %.3g ns",
                probe->kernels.transfer_s * 1e9);
    }
    double sve = spr_probe_find(probe, "sve_vector", NULL, SPR_ISA_NEON, 1).value;
    if (sve > 0) {
        fprintf(cli->out, "\nSVE vectors of %.0f bytes, which no kernel here uses", sve);
    }
    put_drift(cli, probe, isa);
}

static void show(struct cli *cli, const struct spr_probe *probe)
{
    enum spr_isa isa;
    if (spr_isa_choose(NULL, &isa, NULL) != SPR_OK) {
        isa = spr_isa_best();
    }
    fprintf(cli->out, "%s, 1 to %d threads, %s, %s\n\n", probe->cpu, probe->threads,
            probe->quick ? "quick" : "full", probe->created);
    for (size_t i = 0; i < sizeof peak_tables / sizeof *peak_tables; i++) {
        put_peaks(cli->out, probe, &peak_tables[i]);
    }
    fprintf(cli->out, "\nGB/s, %s, all threads together; a copy counts both ways\n",
            spr_isa_name(isa));
    put_levels(cli->out, probe, isa);
    fputc('\n', cli->out);
    cli_note_disturbed(cli, probe);
    put_caches(cli, probe);
    put_rest(cli, probe, isa);
}

static enum spr_status write_file(const char *path, const struct spr_probe *probe,
                                  struct spr_error *err)
{
    struct spr_output output;
    enum spr_status status = spr_output_open(&output, path, err);
    if (status == SPR_OK) {
        status = spr_output_close(&output, spr_probe_write(output.file, probe, err), err);
    }
    return status;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    struct spr_probe probe = {0};
    char path[1024];
    int threads;
    enum spr_isa isa;
    if (args->value[OPT_DEVICE]) {
        return cli_probe_device(cli, args, err);
    }
    if (args->value[OPT_NOISE]) {
        return cli_probe_noise(cli, args, err);
    }
    SPR_TRY(read_threads(args->value[OPT_THREADS], &threads, err));
    SPR_TRY(spr_isa_choose(NULL, &isa, err));
    SPR_TRY(cli_probe(cli, args, args->value[OPT_QUICK] != NULL, threads, &probe, err));
    enum spr_status status = SPR_OK;
    bool kept = cli_keep_probe(cli, &probe);
    if (args->value[OPT_OUTPUT]) {
        status = write_file(args->value[OPT_OUTPUT], &probe, err);
    }
    if (status == SPR_OK) {
        show(cli, &probe);
        if (kept && spr_probe_cache_path(path, sizeof path)) {
            fprintf(cli->out, "kept in %s\n", path);
        }
        if (args->value[OPT_OUTPUT]) {
            fprintf(cli->out, "written to %s\n", args->value[OPT_OUTPUT]);
        }
        fputs("next: sproof analyze MODEL (machine host); sproof list machines host\n",
              cli->out);
    }
    spr_probe_free(&probe);
    return status;
}

static const enum option options[] = {OPT_QUICK,  OPT_NOISE,  OPT_BUDGET, OPT_THREADS,
                                      OPT_DEVICE, OPT_OUTPUT, OPT_COUNT};

const struct verb verb_probe = {
    .name = "probe",
    .arguments = "",
    .summary = "Measure this machine: peaks, bandwidths, caches, kernels.",
    .examples = {"sproof probe", "sproof probe --quick --threads 1", "sproof probe --noise"},
    .notes = "Takes up to a minute, --quick under six seconds. The result is kept under\n"
             "$XDG_CACHE_HOME/sproof (or ~/.cache/sproof) and makes the machine `host`.\n"
             "analyze runs it by itself, quickly, when nothing is kept; SPROOF_PROBE=off\n"
             "forbids that. --noise watches for eight seconds (--budget) how much of this\n"
             "machine neighbours leave. --device measures a GPU instead; -o writes its\n"
             "machine file.",
    .positionals_max = 0,
    .options = options,
    .run = run,
};
