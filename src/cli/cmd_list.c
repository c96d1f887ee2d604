/* SPDX-License-Identifier: Apache-2.0 */
/* sproof list: patterns, machines with the provenance of every number, models, kernels. */
#include <math.h>
#include <string.h>

#include "base/data.h"
#include "base/table.h"
#include "cli/cli.h"
#include "sproof/kernel.h"

static enum spr_status list_patterns(struct cli *cli, struct spr_error *err)
{
    struct spr_table table = {.column_count = 3};
    const struct spr_pattern_kind *kind;
    (void)err;
    table.left[0] = table.left[1] = table.left[2] = true;
    spr_table_row(&table);
    spr_table_cell(&table, 0, "pattern");
    spr_table_cell(&table, 1, "class");
    spr_table_cell(&table, 2, "what it keeps; bytes of W stored");
    for (size_t i = 0; (kind = spr_pattern_kind_at(i)) != NULL; i++) {
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s", kind->spelling);
        spr_table_cell(&table, 1, "%s", spr_class_name(kind->pattern_class));
        spr_table_cell(&table, 2, "%s", kind->summary);
        spr_table_row(&table);
        spr_table_cell(&table, 2, "  %s", kind->storage);
    }
    spr_table_write(&table, cli->out, 0);
    spr_table_free(&table);
    fputs("\nv bytes of a value, nnz non-zeros, nb blocks, W is m x k\n", cli->out);
    return SPR_OK;
}

/* The fastest dense engine in the default dtype, for one line of the list. */
static double dense_peak(const struct spr_machine *machine)
{
    struct spr_model model;
    return spr_model_prepare(&model, machine, machine->default_dtype, SPR_NOMINAL, SPR_NOMINAL,
                             NULL) == SPR_OK
               ? model.flops_per_s[model.dense_engine]
               : (double)NAN;
}

static void add_machine(struct spr_table *table, const struct spr_machine *machine)
{
    const struct spr_memory *last = &machine->memory[machine->memory_count - 1];
    spr_table_row(table);
    spr_table_cell(table, 0, "%.30s", machine->name);
    spr_table_cell(table, 1, "%.8s", machine->kind ? machine->kind : "-");
    spr_table_cell(table, 2, "%s", spr_dtype_name(machine->default_dtype));
    spr_table_cell(table, 3, "%.4g", dense_peak(machine) / 1e12);
    spr_table_cell(table, 4, "%.4g", last->bytes_per_s.value / 1e9);
    spr_table_cell(table, 5, "%.24s", machine->description ? machine->description : "");
}

static enum spr_status list_machines(struct cli *cli, struct spr_error *err)
{
    struct spr_table table = {.column_count = 6};
    static const char *const heads[] = {"machine", "kind", "dtype", "TFLOP/s", "GB/s", ""};
    char **names;
    size_t count;
    enum spr_status status = spr_data_names("machines", ".json", &names, &count, err);
    table.left[0] = table.left[1] = table.left[2] = table.left[5] = true;
    spr_table_row(&table);
    for (size_t c = 0; c < 6; c++) {
        spr_table_cell(&table, c, "%s", heads[c]);
    }
    for (size_t i = 0; status == SPR_OK && i <= count; i++) {
        struct spr_machine machine;
        struct spr_error why = {0};
        if (cli_find_machine(i < count ? names[i] : "host", &machine, &why) != SPR_OK) {
            spr_note(&cli->notes, "%.400s", why.text);
            continue;
        }
        add_machine(&table, &machine);
        spr_machine_free(&machine);
    }
    if (status == SPR_OK) {
        spr_table_write(&table, cli->out, 0);
        fputs("\nTFLOP/s: fastest dense engine in that dtype, 2 FLOP per multiply-add; GB/s: "
              "last\nmemory level; host: see sproof probe. sproof list machines NAME "
              "shows\nevery number and where it comes from.\n",
              cli->out);
    }
    spr_table_free(&table);
    spr_data_free_names(names, count);
    return status;
}

static void put_number(FILE *file, const char *name, const struct spr_number *number,
                       const char *unit)
{
    if (isnan(number->value)) {
        fprintf(file, "    %-14s unknown\n", name);
    } else {
        fprintf(file, "    %-14s %.10g %s", name, number->value, unit);
        if (number->low < number->high) {
            fprintf(file, " (%.6g to %.6g)", number->low, number->high);
        }
        fprintf(file, "%s%s%s%s\n", number->kind ? ", " : "", number->kind ? number->kind : "",
                number->date ? " " : "", number->date ? number->date : "");
    }
    if (number->source) {
        spr_text_wrapped(file, number->source, 6);
    }
}

static void put_engine(FILE *file, const struct spr_engine *engine)
{
    char text[SPR_PATTERN_TEXT], as[SPR_PATTERN_TEXT], line[4096];
    size_t used = (size_t)snprintf(line, sizeof line, "engine %.200s:", engine->name);
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        if (engine->dtypes & (1u << i)) {
            used += (size_t)snprintf(line + used, sizeof line - used, " %s",
                                     spr_dtype_name((enum spr_dtype)i));
        }
    }
    used += (size_t)snprintf(line + used, sizeof line - used, "; accepts");
    for (size_t i = 0; i < engine->accept_count; i++) {
        const struct spr_accept *accept = &engine->accepts[i];
        used += (size_t)snprintf(line + used, sizeof line - used,
                                 accept->as.kind ? " %s (run as %s)" : " %s",
                                 spr_accept_text(accept, text),
                                 accept->as.kind ? spr_pattern_text(&accept->as, as) : "");
    }
    if (engine->tile_rows > 1) {
        snprintf(line + used, sizeof line - used, "; tiles of %lld rows",
                 (long long)engine->tile_rows);
    }
    spr_text_wrapped(file, line, 2);
    put_number(file, "flops_per_s", &engine->flops_per_s, "FLOP/s issued");
}

/* A family of kernels in two lines, its constants and where they come from. */
static void put_family(FILE *file, const struct spr_family *family)
{
    char text[SPR_PATTERN_TEXT], line[1024];
    size_t used = (size_t)snprintf(line, sizeof line, "kernel %.40s: %s,", family->name,
                                   spr_pattern_text(&family->pattern, text));
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        if (family->dtypes & (1u << i)) {
            used += (size_t)snprintf(line + used, sizeof line - used, " %s",
                                     spr_dtype_name((enum spr_dtype)i));
        }
    }
    used +=
        (size_t)snprintf(line + used, sizeof line - used, ", %s, form %s%s;",
                         spr_residency_name(family->residency), spr_form_name(family->form),
                         family->as_dense ? ", zeros multiplied" : "");
    if (isnan(family->median_error)) {
        snprintf(line + used, sizeof line - used, " error unknown");
    } else {
        snprintf(line + used, sizeof line - used, " error %.3g %%, 90 %% within %.3g %%",
                 100 * family->median_error, 100 * family->p90_error);
    }
    spr_text_wrapped(file, line, 2);
    line[used = 0] = '\0';
    for (int i = 0; i < SPR_CONSTANT_COUNT; i++) {
        if (spr_form_has(family->form, (enum spr_constant)i)) {
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %.4g",
                                     used ? ", " : "", spr_constant_name((enum spr_constant)i),
                                     family->constant[i]);
        }
    }
    spr_text_wrapped(file, line, 4);
    snprintf(line, sizeof line, "%.20s%s%.800s", family->kind ? family->kind : "",
             family->kind && family->source ? ": " : "", family->source ? family->source : "");
    spr_text_wrapped(file, line, 6);
}

static enum spr_status show_machine(struct cli *cli, const char *name, struct spr_error *err)
{
    struct spr_machine machine;
    SPR_TRY(cli_find_machine(name, &machine, err));
    fprintf(cli->out, "%s\n", machine.name);
    spr_text_wrapped(cli->out, machine.description ? machine.description : "no description",
                     2);
    if (machine.probed && machine.kernels) {
        fprintf(cli->out, "  measured; constants of %zu register tiles of the kernels\n",
                machine.kernels->count);
    } else if (machine.probed) {
        fputs("  measured; no constants of the kernels\n", cli->out);
    } else if (!machine.host) {
        fprintf(cli->out, "  from %s\n", machine.path);
    } else {
        fputs("  NOTHING WAS MEASURED (sproof probe does): declared from CPUID and sysfs,\n"
              "  bandwidth guessed\n",
              cli->out);
    }
    for (size_t i = 0; i < machine.engine_count; i++) {
        put_engine(cli->out, &machine.engines[i]);
    }
    for (size_t i = 0; i < machine.memory_count; i++) {
        const struct spr_memory *memory = &machine.memory[i];
        fprintf(cli->out, "  memory %s%s\n", memory->level,
                i + 1 == machine.memory_count ? ""
                : memory->shared              ? ", shared"
                                              : ", per core");
        put_number(cli->out, "bytes", &memory->bytes, "B");
        put_number(cli->out, "bytes_per_s", &memory->bytes_per_s, "B/s");
    }
    fputs("  call overhead\n", cli->out);
    put_number(cli->out, "overhead_s", &machine.overhead_s, "s");
    for (size_t i = 0; i < machine.family_count; i++) {
        put_family(cli->out, &machine.families[i]);
    }
    spr_machine_free(&machine);
    return SPR_OK;
}

static void add_model(struct spr_table *table, const struct spr_network *network)
{
    double macs = 0, weights = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct spr_layer *layer = &network->layers[i];
        double products = (double)layer->m * (double)layer->k * (double)layer->count;
        macs += products * (double)layer->n;
        weights += spr_op_has_weights(layer->op) ? products : 0;
    }
    spr_table_row(table);
    spr_table_cell(table, 0, "%.40s", network->name);
    spr_table_cell(table, 1, "%zu", network->layer_count);
    spr_table_cell(table, 2, "%.0f", macs);
    spr_table_cell(table, 3, "%.0f", weights);
    spr_table_cell(table, 4, "%zu", network->variant_count);
}

static enum spr_status list_models(struct cli *cli, struct spr_error *err)
{
    struct spr_table table = {.column_count = 5};
    static const char *const heads[] = {"model", "operators", "MACs at batch 1", "weights",
                                        "variants"};
    char **names, path[SPR_DATA_PATH] = "";
    size_t count;
    enum spr_status status = spr_data_names("models", ".csv", &names, &count, err);
    table.left[0] = true;
    spr_table_row(&table);
    for (size_t c = 0; c < 5; c++) {
        spr_table_cell(&table, c, "%s", heads[c]);
    }
    for (size_t i = 0; status == SPR_OK && i < count; i++) {
        struct spr_network network;
        struct spr_error why = {0};
        if (!spr_data_find("models", names[i], ".csv", path) ||
            spr_network_read(path, &network, &cli->notes, &why) != SPR_OK) {
            spr_note(&cli->notes, "%.400s", why.text);
            continue;
        }
        add_model(&table, &network);
        spr_network_free(&network);
    }
    if (status == SPR_OK) {
        spr_table_write(&table, cli->out, 0);
        if (count > 0) {
            fprintf(cli->out, "\nin %.*s; sproof analyze takes the path\n",
                    (int)(strrchr(path, '/') - path), path);
        }
    }
    spr_table_free(&table);
    spr_data_free_names(names, count);
    return status;
}

/* Kernels this CPU can run; those of the set that is used (SPROOF_ISA, else the highest) are
 * marked. */
static enum spr_status list_kernels(struct cli *cli, struct spr_error *err)
{
    struct spr_table table = {.column_count = 4, .left = {true, true, true, true}};
    static const char *const heads[] = {"kernel", "pattern", "instruction set", "runs here"};
    struct spr_kernel kernel;
    enum spr_isa used;
    SPR_TRY(spr_isa_choose(NULL, &used, err));
    spr_table_row(&table);
    for (size_t c = 0; c < 4; c++) {
        spr_table_cell(&table, c, "%s", heads[c]);
    }
    for (size_t i = 0; spr_kernel_at(i, &kernel); i++) {
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s", kernel.name);
        spr_table_cell(&table, 1, "%s", kernel.kind->name);
        spr_table_cell(&table, 2, "%s", spr_isa_name(kernel.isa));
        spr_table_cell(&table, 3, "%s", kernel.isa == used ? "by default" : "with --isa");
    }
    spr_table_write(&table, cli->out, 0);
    fputs("\nY = W X in f32, each for both layouts: X k x n and Y m x n, or (nk) n x k and\n"
          "n x m, row-major. V:N:M has no kernel.\n",
          cli->out);
    spr_table_free(&table);
    return SPR_OK;
}

static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err)
{
    static const char *const kinds[] = {"patterns", "machines", "models", "kernels", NULL};
    const char *what = args->positional_count > 0 ? args->positional[0] : "";
    if (args->positional_count == 2 && strcmp(what, "machines") == 0) {
        return show_machine(cli, args->positional[1], err);
    }
    if (args->positional_count == 2) {
        return spr_fail(err, SPR_EINPUT, "list %.40s: unexpected argument '%.60s'", what,
                        args->positional[1]);
    }
    if (strcmp(what, "patterns") == 0) {
        return list_patterns(cli, err);
    }
    if (strcmp(what, "machines") == 0) {
        return list_machines(cli, err);
    }
    if (strcmp(what, "models") == 0) {
        return list_models(cli, err);
    }
    if (strcmp(what, "kernels") == 0) {
        return list_kernels(cli, err);
    }
    return spr_fail_unknown(err, what, kinds,
                            "list '%.40s': expected patterns, machines, models or kernels",
                            what);
}

static const enum option options[] = {OPT_COUNT};

const struct verb verb_list = {
    .name = "list",
    .arguments = "patterns | machines [NAME] | models | kernels ",
    .summary = "What there is: patterns, machines (with sources), models, kernels.",
    .examples = {"sproof list patterns", "sproof list machines a100-sxm-40gb"},
    .positionals_max = 2,
    .options = options,
    .run = run,
};
