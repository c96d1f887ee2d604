/* SPDX-License-Identifier: Apache-2.0 */
/* Options: parsed and explained from the same rows. */
#include <string.h>

#include "cli/cli.h"

static const struct option_row rows[OPT_COUNT] = {
    [OPT_ACCURACY] = {"accuracy", 'a', VALUE, "FILE",
                      "accuracy table: pattern,sparsity,accuracy"},
    [OPT_ACTIVATION_SPARSITY] = {"activation-sparsity", 0, VALUE, "LIST",
                                 "zeros of X skipped as well, such as 0,0.5,0.9;\n"
                                 "table: those of the layer table"},
    [OPT_AGAINST] = {"against", 0, VALUE, "LIST",
                     "types of the dense side, such as i8 (default\nthose of --dtype)"},
    [OPT_ALLOW_MISMATCH] = {"allow-mismatch", 0, FLAG, "",
                            "compare records of different inputs"},
    [OPT_ASSUME_UNIFORM] = {"assume-uniform", 0, FLAG, "",
                            "count layerwise accuracies on a uniform grid"},
    [OPT_BATCH] = {"batch", 'b', VALUE, "LIST",
                   "batch sizes, such as 1,8,64 (default 1);\n"
                   "explain and plot: one of the record's"},
    [OPT_BUDGET] = {"budget", 0, VALUE, "T",
                    "time to spend in ns us ms s m min h, such as\n"
                    "500ms or 90s (default unit s): cases in random\n"
                    "order until it is spent"},
    [OPT_COMPLETION] = {"completion", 0, VALUE, "SHELL", "completion script for bash"},
    [OPT_CONTEXT] = {"context", 0, VALUE, "N",
                     "keys that attention of a decoder sees, the tokens\namong them (default: "
                     "the tokens)"},
    [OPT_DEVICE] = {"device", 0, VALUE, "D", "cuda:0: on an NVIDIA GPU (see the README)"},
    [OPT_DIM] = {"dim", 0, REPEATED, "NAME=N",
                 "ONNX, repeatable: a symbolic dimension, seq=128,\n"
                 "or the shape of a value, x=1x3x224x224"},
    [OPT_DTYPE] = {"dtype", 'd', VALUE, "LIST",
                   "f64 f32 tf32 f16 bf16 fp8 i8 (default: the machine's)\n"
                   "analyze: or of each operand, w:i4,x:f16,y:f16\n"
                   "(left out: the machine's, y as x)"},
    [OPT_END_TO_END] =
        {"end-to-end", 0, FLAG, "",
         "a whole encoder (MODEL is a layer table or\nweights), or gsc_cnn_*.csv's network"},
    [OPT_EXECUTION] = {"execution", 0, VALUE, "E",
                       "best: stored and multiplied as is fastest\n"
                       "(default); native: what engines accept"},
    [OPT_EXPERTS_ACTIVE] = {"experts-active", 0, VALUE, "K",
                            "experts that a token is sent to (config.json)"},
    [OPT_FORMAT] = {"format", 'f', VALUE, "F", "(default table)"},
    [OPT_FUSION] =
        {"fusion", 0, VALUE, "F",
         "none (default); epilogue: rows with epilogue=1\nrun inside the product above"},
    [OPT_HELP] = {"help", 'h', FLAG, "", "this text"},
    [OPT_IDEAL_TILES] = {"ideal-tiles", 0, FLAG, "", "ignore the engines' tile_rows"},
    [OPT_IMAGE] = {"image", 0, VALUE, "SIDE",
                   "pixels a side of a picture that is cut into patches"},
    [OPT_INPUT] = {"input", 'i', VALUE, "FILE", "analysis record (default sproof.json)"},
    [OPT_ISA] = {"isa", 0, VALUE, "I", "scalar neon avx2 avx512 (default the best)"},
    [OPT_KIND] = {"kind", 'k', VALUE, "KIND",
                  "roofline sparsity speedup layers waterfall\n"
                  "error two all"},
    [OPT_LAYERS] = {"layers", 'l', FLAG, "", "show every layer"},
    [OPT_LAYOUT] = {"layout", 0, VALUE, "L",
                    "kn: X is k x n (default); nk: n x k, as\ninference frameworks hold it"},
    [OPT_LIVE] = {"live", 0, FLAG, "",
                  "BASE is another build of sproof: both measure\nMODEL here, in turns"},
    [OPT_MACHINE] = {"machine", 'm', VALUE, "M",
                     "name or file (default host); see list machines"},
    [OPT_MAN] = {"man", 0, FLAG, "", "manual page, in mdoc"},
    [OPT_MASK_DIR] = {"mask-dir", 0, VALUE, "DIR", "real masks: LAYER.smtx, '_' for '/'"},
    [OPT_MASKS] = {"masks", 0, VALUE, "DIR", "write DIR/LAYER.smtx, '_' for '/'"},
    [OPT_MAX_DROP] = {"max-drop", 0, VALUE, "D",
                      "accuracy that may be lost: 1.0 points or 2%"},
    [OPT_MAX_ERROR] = {"max-error", 0, VALUE, "E",
                       "exit 1 when 90 % of the speedups are not\n"
                       "within E, such as 15%"},
    [OPT_MAX_INFLATED] = {"max-inflated", 0, VALUE, "SIZE",
                          "bytes a compressed file may take, such as 8GiB\n"
                          "(default 1GiB, or 64 times the file if more)"},
    [OPT_MAX_REGRESSION] = {"max-regression", 0, VALUE, "PCT",
                            "slower by this is a regression (default 5)"},
    [OPT_MEASURED] = {"measured", 0, VALUE, "T",
                      "your times in ns us ms s m min h, 5 % on each\n"
                      "unless given: dense=42ms+-1%,sparse=41ms"},
    [OPT_NOISE] = {"noise", 0, FLAG, "",
                   "what neighbours do, and what can be measured\nbeside them"},
    [OPT_NO_PROGRESS] = {"no-progress", 0, FLAG, "", "no progress on stderr"},
    [OPT_NO_SAVE] = {"no-save", 0, FLAG, "", "do not write the record"},
    [OPT_OUTPUT] = {"output", 'o', VALUE, "FILE", "where to write"},
    [OPT_OUTPUT_STATES] = {"output-states", 0, VALUE, "FILE",
                           "last states of the dense encoder, .npy"},
    [OPT_PATTERN] = {"pattern", 'p', VALUE, "LIST", "patterns, such as csr,4x4,2:4"},
    [OPT_POOL] =
        {"pool", 0, VALUE, "P",
         "before, after: of gsc_cnn_*.csv, max pooling stands\nbefore k-winner-take-all "
         "(default) or after it"},
    [OPT_PRUNE] = {"prune", 0, VALUE, "P@S",
                   "prune to pattern P at sparsity S: 32x1@0.9,\n2:4"},
    [OPT_QUICK] = {"quick", 0, FLAG, "",
                   "probe: one instruction set, under 6 s;\n"
                   "validate: one visit"},
    [OPT_QUIET] = {"quiet", 'q', FLAG, "", "no warnings, no context on stderr"},
    [OPT_RESIDENCY] = {"residency", 'r', VALUE, "R",
                       "dram warm cold network (default network\nwhere times are expected "
                       "and the rates of caches\nare known, else dram; of validate warm)"},
    [OPT_RUNTIME] = {"runtime", 0, VALUE, "NAME",
                     "what ran it, such as pytorch: whether it skips\nthis pattern's zeros"},
    [OPT_SCOPE] = {"scope", 0, VALUE, "W",
                   "layer: each to S (default); global: one\nthreshold for all"},
    [OPT_SCORE] = {"score", 0, VALUE, "L", "l1 or l2 norm of a block (default l2)"},
    [OPT_SEED] = {"seed", 0, VALUE, "N", "of masks, values and order (default 1)"},
    [OPT_SET] = {"set", 0, REPEATED, "P=V",
                 "change a machine number, repeatable:\n"
                 "memory.DRAM.bytes_per_s=2x"},
    [OPT_SPARSITY] = {"sparsity", 's', VALUE, "LIST", "such as 0.8,0.9 or 0.5:0.95:0.05"},
    [OPT_STATES] = {"states", 0, VALUE, "FILE",
                    "tokens x hidden after the embeddings, .npy\n(default random)"},
    [OPT_STRICT] = {"strict", 0, FLAG, "", "exit 2 when over 1 % of the weights are left out"},
    [OPT_TERMINAL] = {"terminal", 't', VALUE, "T", "dumb: draw in the terminal"},
    [OPT_THREADS] = {"threads", 0, VALUE, "T", "cores used, on host (default: the fastest)"},
    [OPT_TIMES] = {"times", 0, VALUE, "FILE",
                   "your times per layer: layer,dense_s,sparse_s,\n"
                   "as 42ms, 42ms+-1% or seconds; rows may repeat"},
    [OPT_TOKENS] = {"tokens", 'n', VALUE, "N", "n of layers whose file does not tell"},
    [OPT_TUNE] = {"tune", 0, FLAG, "",
                  "time the model's best few plans, keep the\nfastest for later runs"},
    [OPT_VARIANT] = {"variant", 'v', VALUE, "NAME",
                     "variant to show (default: the recommended)"},
    [OPT_WRITE] = {"write", 'w', VALUE, "FILE", "the pruned weights, as safetensors"},
};

const struct exit_row cli_exits[] = {{0, "done"},
                                     {1, "a gate failed"},
                                     {2, "usage or input"},
                                     {3, "inconclusive"},
                                     {4, "environment (disk full, no gnuplot)"},
                                     {130, "interrupted"},
                                     {0, NULL}};

const struct option_row *cli_option(int option)
{
    return &rows[option];
}

bool cli_allowed(const struct verb *verb, int option)
{
    for (const enum option *o = verb->options; *o != OPT_COUNT; o++) {
        if ((int)*o == option) {
            return true;
        }
    }
    return option == OPT_HELP || option == OPT_QUIET || option == OPT_NO_PROGRESS;
}

static enum spr_status unknown(const struct verb *verb, const char *text,
                               struct spr_error *err)
{
    const char *names[OPT_COUNT + 1];
    char bare[64], suggestion[SPR_SUGGESTION_TEXT];
    size_t count = 0;
    for (int i = 0; i < OPT_COUNT; i++) {
        if (cli_allowed(verb, i)) {
            names[count++] = rows[i].name;
        }
    }
    names[count] = NULL;
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(text, "="), text);
    spr_suggestion("; did you mean '--", bare + strspn(bare, "-"), names, suggestion);
    return spr_fail(err, SPR_EINPUT, "unknown option '%.60s' of %s%s: see sproof help %s",
                    bare, verb->name, suggestion, verb->name);
}

/* The option of an argument and, in *value, what stands behind '=' or the letter. */
static int match(const char *argument, const char **value)
{
    *value = NULL;
    for (int i = 0; i < OPT_COUNT; i++) {
        size_t length = strlen(rows[i].name);
        if (strncmp(argument, "--", 2) == 0) {
            const char *name = argument + 2;
            if (strncmp(name, rows[i].name, length) == 0 &&
                (name[length] == '\0' || name[length] == '=')) {
                *value = name[length] == '=' ? name + length + 1 : NULL;
                return i;
            }
        } else if (rows[i].letter && argument[1] == rows[i].letter) {
            *value = argument[2] ? argument + 2 : NULL;
            return i;
        }
    }
    return -1;
}

static enum spr_status store(int option, const char *value, struct args *args,
                             struct spr_error *err)
{
    if (rows[option].argument == REPEATED) {
        if (args->set_count == SPR_CHANGES_MAX) {
            return spr_fail(err, SPR_EINPUT, "--%s: expected at most %d of them",
                            rows[option].name, SPR_CHANGES_MAX);
        }
        args->set[args->set_count++] = value;
    } else if (args->value[option]) {
        return spr_fail(err, SPR_EINPUT, "--%s is given twice", rows[option].name);
    }
    args->value[option] = value;
    return SPR_OK;
}

enum spr_status cli_parse(const struct verb *verb, int argc, char **argv, struct args *args,
                          struct spr_error *err)
{
    bool only_positionals = false;
    *args = (struct args){0};
    for (int i = 0; i < argc; i++) {
        const char *value;
        if (only_positionals || argv[i][0] != '-' || argv[i][1] == '\0') {
            if (args->positional_count == verb->positionals_max) {
                return spr_fail(err, SPR_EINPUT,
                                "unexpected argument '%.80s': see sproof help %s", argv[i],
                                verb->name);
            }
            args->positional[args->positional_count++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            only_positionals = true;
            continue;
        }
        int option = match(argv[i], &value);
        if (option < 0 || !cli_allowed(verb, option)) {
            return unknown(verb, argv[i], err);
        }
        bool flag = rows[option].argument == FLAG;
        if (flag && value) {
            return spr_fail(err, SPR_EINPUT, "--%s takes no value", rows[option].name);
        }
        if (!flag && !value && i + 1 == argc) {
            return spr_fail(err, SPR_EINPUT, "--%s: expected a value, %s", rows[option].name,
                            rows[option].metavar);
        }
        SPR_TRY(store(option, flag ? "" : value ? value : argv[++i], args, err));
    }
    return SPR_OK;
}

const char *cli_option_help(const struct verb *verb, int option, char text[CLI_HELP_TEXT])
{
    const char *names[SPR_FORMAT_COUNT + 1];
    size_t used = 0;
    text[0] = '\0';
    if (option == OPT_FORMAT && verb && verb->formats) {
        spr_format_names(verb->formats, names);
        for (size_t i = 0; names[i]; i++) {
            used += (size_t)snprintf(text + used, CLI_HELP_TEXT - used, "%s ", names[i]);
        }
    }
    snprintf(text + used, CLI_HELP_TEXT - used, "%s", rows[option].help);
    return text;
}

static void print_option(FILE *file, const struct verb *verb, int option)
{
    char name[40], letter[8] = "    ", text[CLI_HELP_TEXT];
    if (rows[option].letter) {
        snprintf(letter, sizeof letter, "-%c, ", rows[option].letter);
    }
    snprintf(name, sizeof name, "%s--%s %s", letter, rows[option].name, rows[option].metavar);
    const char *help = cli_option_help(verb, option, text);
    fprintf(file, "  %-24s ", name);
    for (; *help; help++) {
        fputc(*help, file);
        if (*help == '\n') {
            fprintf(file, "%27s", "");
        }
    }
    fputc('\n', file);
}

void cli_print_help(FILE *file, const struct verb *verb)
{
    fprintf(file, "usage: sproof %s %s[options]\n\n%s\n\n", verb->name, verb->arguments,
            verb->summary);
    for (int i = 0; i < OPT_COUNT; i++) {
        if (cli_allowed(verb, i)) {
            print_option(file, verb, i);
        }
    }
    fputs("\nexamples:\n", file);
    for (size_t i = 0; i < CLI_EXAMPLES_MAX && verb->examples[i]; i++) {
        fprintf(file, "  %s\n", verb->examples[i]);
    }
    if (verb->notes) {
        fprintf(file, "\n%s\n", verb->notes);
    }
}

void cli_print_overview(FILE *file, const struct verb *const *verbs)
{
    fputs("sproof: " CLI_SUMMARY "\n\n"
          "usage: sproof VERB [arguments] [options]\n\n",
          file);
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        fprintf(file, "  %-9s %s\n", (*verb)->name, (*verb)->summary);
    }
    fputs("\n  sproof help VERB explains a verb, sproof --version says how it was built\n\n"
          "exit status: ",
          file);
    for (size_t i = 0; cli_exits[i].meaning; i++) {
        fprintf(file, "%s%d %s",
                i == 0   ? ""
                : i == 4 ? ",\n             "
                         : ", ",
                cli_exits[i].code, cli_exits[i].meaning);
    }
    fputc('\n', file);
}
