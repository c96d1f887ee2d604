/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs share: arguments, messages, inputs and outputs. */
#ifndef SPROOF_CLI_CLI_H
#define SPROOF_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "sproof/analysis.h"
#include "sproof/convnet.h"
#include "sproof/end_to_end.h"
#include "sproof/probe.h"
#include "sproof/record.h"
#include "sproof/report.h"
#include "sproof/validation.h"

enum option {
    OPT_ACCURACY,
    OPT_ACTIVATION_SPARSITY,
    OPT_AGAINST,
    OPT_ALLOW_MISMATCH,
    OPT_ASSUME_UNIFORM,
    OPT_BATCH,
    OPT_BUDGET,
    OPT_COMPLETION,
    OPT_CONTEXT,
    OPT_DEVICE,
    OPT_DIM,
    OPT_DTYPE,
    OPT_END_TO_END,
    OPT_EXECUTION,
    OPT_EXPERTS_ACTIVE,
    OPT_FORMAT,
    OPT_FUSION,
    OPT_HELP,
    OPT_IDEAL_TILES,
    OPT_IMAGE,
    OPT_INPUT,
    OPT_ISA,
    OPT_KIND,
    OPT_LAYOUT,
    OPT_LAYERS,
    OPT_LIVE,
    OPT_MACHINE,
    OPT_MAN,
    OPT_MASK_DIR,
    OPT_MASKS,
    OPT_MAX_DROP,
    OPT_MAX_ERROR,
    OPT_MAX_INFLATED,
    OPT_MAX_REGRESSION,
    OPT_MEASURED,
    OPT_NOISE,
    OPT_NO_PROGRESS,
    OPT_NO_SAVE,
    OPT_OUTPUT,
    OPT_OUTPUT_STATES,
    OPT_PATTERN,
    OPT_POOL,
    OPT_PRUNE,
    OPT_QUICK,
    OPT_QUIET,
    OPT_RESIDENCY,
    OPT_RUNTIME,
    OPT_SCOPE,
    OPT_SCORE,
    OPT_SEED,
    OPT_SET,
    OPT_SPARSITY,
    OPT_STATES,
    OPT_STRICT,
    OPT_TERMINAL,
    OPT_THREADS,
    OPT_TIMES,
    OPT_TOKENS,
    OPT_TUNE,
    OPT_VARIANT,
    OPT_WRITE,
    OPT_COUNT,
};

enum argument { FLAG, VALUE, REPEATED };

/* What parsing, help, manual pages and completion know of an option. */
struct option_row {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum argument argument;
    const char *metavar; /* of a flag "" */
    const char *help;    /* lines of at most 53 columns */
};

/* An exit status of the program; a list of them ends with meaning NULL. */
struct exit_row {
    int code;
    const char *meaning;
};

#define POSITIONALS_MAX 64

/* A parsed command line. */
struct args {
    const char *positional[POSITIONALS_MAX];
    size_t positional_count;
    const char *value[OPT_COUNT];     /* NULL: not given; flags: "" */
    const char *set[SPR_CHANGES_MAX]; /* of the verb's repeated option, --set or --dim */
    size_t set_count;
};

struct cli;

#define CLI_EXAMPLES_MAX 3

struct verb {
    const char *name;
    const char *arguments; /* "MODEL" */
    const char *summary;
    const char *examples[CLI_EXAMPLES_MAX];
    const char *notes; /* further help, NULL: none */
    size_t positionals_max;
    const enum option *options;        /* ended by OPT_COUNT */
    const struct spr_formats *formats; /* of --format; NULL: it has none */
    enum spr_status (*run)(struct cli *cli, const struct args *args, struct spr_error *err);
};

/* The invocation. */
struct cli {
    const struct verb *verb;
    FILE *out, *err;
    bool quiet;
    char command[1024]; /* the command line, for records */
    char created[32];   /* UTC now */
    struct spr_notes notes;
    struct spr_tuned *tuned; /* of host, once it is found; NULL: none are known */
};

extern const struct verb verb_analyze, verb_explain, verb_plot, verb_probe, verb_validate,
    verb_calibrate, verb_compare, verb_inspect, verb_list, verb_help;

/* options.c */
enum spr_status cli_parse(const struct verb *verb, int argc, char **argv, struct args *args,
                          struct spr_error *err);
const struct option_row *cli_option(int option);

/* What help says of an option of a verb (of --format: which it has), in text; returns text. */
#define CLI_HELP_TEXT 400
const char *cli_option_help(const struct verb *verb, int option, char text[CLI_HELP_TEXT]);
bool cli_allowed(const struct verb *verb, int option);
extern const struct exit_row cli_exits[];
void cli_print_help(FILE *file, const struct verb *verb);
void cli_print_overview(FILE *file, const struct verb *const *verbs); /* ended by NULL */

/* manual.c: the page of a verb as mdoc(7); verb NULL: of the program, which names them all. */
void cli_print_manual(FILE *file, const struct verb *verb, const struct verb *const *verbs);

/* completion.c: a bash script that completes command lines. */
void cli_print_completion(FILE *file, const struct verb *const *verbs);

/* Words of --completion, --scope, --score, --terminal, each list ended by NULL. */
extern const char *const cli_shells[],
    *const cli_scopes[], *const cli_scores[], *const cli_executions[], *const cli_terminals[];

/* notes.c: warnings gathered so far, to stderr, once. */
void cli_flush_notes(struct cli *cli);

/* The lines of an error. */
void cli_print_error(FILE *file, const struct spr_error *err);

/* lists.c: comma-separated lists; errors name the option. Results are owned by the caller
 * (spr_free). */
enum spr_status cli_patterns(const char *text, struct spr_pattern **patterns, size_t *count,
                             struct spr_error *err);
enum spr_status cli_sparsities(const char *text, double **values, size_t *count,
                               struct spr_error *err);
/* Zero fractions of X; NAN: what the table says. */
enum spr_status cli_activations(const char *text, double **values, size_t *count,
                                struct spr_error *err);
enum spr_status cli_batches(const char *text, struct spr_options *options,
                            struct spr_error *err);

/* masks.c: DIRECTORY/LAYER.smtx of each layer with zeros. Errors: SPR_EINPUT (two layers of one
 * file name), SPR_EENVIRONMENT, SPR_ENOMEM. */
struct spr_inspection;
enum spr_status cli_write_masks(struct cli *cli, const char *directory,
                                const struct spr_inspection *inspection,
                                struct spr_error *err);

/* Index of the one batch of the record that `text` names (NULL: the first). */
enum spr_status cli_batch_index(const struct spr_options *options, const char *text,
                                size_t *index, struct spr_error *err);

/* records.c: a layer table; weights get the command that makes one of them. Errors: as
 * spr_network_read. */
enum spr_status cli_network(struct cli *cli, const char *path, struct spr_network *network,
                            struct spr_error *err);
/* A checkpoint that validate runs end to end, by its name, or a directory. */
bool cli_is_checkpoint(const char *path);

/* signals.c: after every signal that can be caught no temporary file stays; exit 128 + number
 * after SIGINT, SIGTERM and SIGHUP. */
void cli_catch_signals(void);

/* From now on SIGINT is only remembered, so that what is complete can be written; a second
 * one ends the program as before. */
void cli_catch_interrupt(void);
bool cli_interrupted(void);

/* records.c: record of `path` (NULL: sproof.json), evaluated: the patterns it lacks are added when
 * asked for. Says on stderr what it came from and warns when an input changed since. */
struct cli_evaluated {
    struct spr_record record;
    struct spr_analysis analysis;
};
enum spr_status cli_evaluate_record(struct cli *cli, const char *path,
                                    const struct spr_pattern *patterns, size_t pattern_count,
                                    struct cli_evaluated *evaluated, struct spr_error *err);
void cli_evaluated_free(struct cli_evaluated *evaluated);

/* The validation beside a record: sproof-validation.json, when it is of the same layer table.
 * One that is absent is no error, one that does not agree or cannot be read is a note;
 * *found tells whether there is one, which the caller then frees. */
void cli_find_validation(struct cli *cli, const struct spr_record *record,
                         struct spr_validation *validation, bool *found);

/* The result of a variant by name, of a pattern (its fastest) or of PATTERN@SPARSITY, which
 * is added and evaluated when the record lacks it; NULL: the recommended, else the first.
 * Errors: SPR_EINPUT with the nearest name. */
enum spr_status cli_choose_result(struct cli_evaluated *evaluated, const char *name,
                                  size_t batch, const struct spr_result **result,
                                  struct spr_error *err);

/* The record with a grid of *pattern over zeros of W and of X besides, at one batch, evaluated again;
 * a pattern of kind NULL becomes that of the result, or csr. Errors: SPR_EINPUT, a pattern that
 * fixes its sparsity. */
enum spr_status cli_evaluate_two(struct cli_evaluated *evaluated,
                                 const struct spr_result *result, struct spr_pattern *pattern,
                                 struct spr_error *err);

/* host.c: measures, with progress on a terminal. threads 0: all. */
enum spr_status cli_probe(struct cli *cli, const struct args *args, bool quick, int threads,
                          struct spr_probe *probe, struct spr_error *err);

/* Keeps a probe for later runs; failure is a warning. */
bool cli_keep_probe(struct cli *cli, const struct spr_probe *probe);

/* Warns when many rates scatter, and when all threads together did less than one. */
/* sproof compare --live: measures with both builds and gives the times of each, the base's first.
 * Errors: SPR_EINPUT, SPR_EINTERRUPTED, SPR_EENVIRONMENT, SPR_ENOMEM. */
enum spr_status cli_compare_live(struct cli *cli, const struct args *args,
                                 struct spr_timings timings[2], struct spr_error *err);

/* sproof probe --noise. Errors: SPR_EINPUT, SPR_EINTERRUPTED, SPR_ENOMEM. */
enum spr_status cli_probe_noise(struct cli *cli, const struct args *args,
                                struct spr_error *err);

void cli_note_disturbed(struct cli *cli, const struct spr_probe *probe);

/* A line when the kept probe of host expects the fastest result of one batch to take less time on
 * one thread than the analysis says. Analyses a second time, so small analyses only. */
void cli_suggest_one_thread(struct cli *cli, const struct spr_analysis *analysis);

/* The machine host on so many threads (0: all), probed quickly when nothing kept fits, unless
 * SPROOF_PROBE=off. */
enum spr_status cli_find_host(struct cli *cli, const struct args *args, int64_t threads,
                              struct spr_machine *machine, struct spr_error *err);

/* A machine by name or file: host as it is known so far, which measures nothing. */
enum spr_status cli_find_machine(const char *name, struct spr_machine *machine,
                                 struct spr_error *err);

/* cuda_device.c: on an NVIDIA GPU. Errors: SPR_EINPUT in a build without CUDA, naming the option
 * that builds with it. */
enum spr_status cli_device_ready(const char *device, struct spr_error *err);
enum spr_status cli_probe_device(struct cli *cli, const struct args *args,
                                 struct spr_error *err);
struct spr_validate_options;
enum spr_status cli_validate_device(struct cli *cli, const struct args *args,
                                    const struct spr_network *network,
                                    const struct spr_validate_options *options,
                                    struct spr_validation *validation, enum spr_dtype *dtype,
                                    struct spr_error *err);

/* "dense=42ms,sparse=41ms", each with an error behind it ("42ms+-1%") or SPR_TIME_ERROR. */
enum spr_status cli_measured(const char *text, struct spr_measured *measured,
                             struct spr_time_errors *errors, struct spr_error *err);

/* runtimes.c: what a runtime does with a pattern's zeros; pattern.kind NULL: several patterns.
 * Errors: SPR_EINPUT with the nearest name, or that nothing is known of the pattern. */
enum spr_status cli_find_runtime(const char *name, const struct spr_pattern *pattern,
                                 struct spr_runtime *runtime, struct spr_error *err);

/* "8000000000", "512MiB", "8GiB"; NULL leaves *bytes as it is. */
enum spr_status cli_inflated(const char *text, double *bytes, struct spr_error *err);

/* "500ms", "90s", "5min" (ns us ms s m min h), a plain number of seconds; above 0. `option` is
 * named in errors. */
enum spr_status cli_seconds(const char *option, const char *text, double *seconds,
                            struct spr_error *err);

/* --threads, an integer 1..65536. */
enum spr_status cli_threads(const char *text, int64_t *threads, struct spr_error *err);

/* An integer of at least 1, such as a number of tokens; name: of the option. */
enum spr_status cli_size(const char *name, const char *text, int64_t *size,
                         struct spr_error *err);

/* A matrix of floats from a .npy file, rows x columns, owned by the caller (spr_free); and one
 * written. inflated_most: as of spr_weights_options. Errors name the file. */
enum spr_status cli_read_states(const char *path, const struct spr_states_shape *shape,
                                double inflated_most, float **states, struct spr_error *err);
enum spr_status cli_write_states(const char *path, const struct spr_states_shape *shape,
                                 const float *states, struct spr_error *err);

/* Index of a name in a list ended by NULL; errors name the option and the nearest. */
enum spr_status cli_word(const char *option, const char *text, const char *const *names,
                         int *index, struct spr_error *err);
/* --layout and --residency. */
enum spr_status cli_fusion(const char *text, bool *fuse, struct spr_error *err);
enum spr_status cli_layout(const char *text, enum spr_layout *layout, struct spr_error *err);
enum spr_status cli_residency(const char *text, enum spr_residency *residency,
                              struct spr_error *err);
/* --dtype and --against, NULL where not given, into options, whose dtype is the machine's. Types
 * of the dense side that are those of the other are left away. */
enum spr_status cli_types(const char *own, const char *against, struct spr_options *options,
                          struct spr_error *err);

/* The program in one line. */
#define CLI_SUMMARY "how fast a pruned network can run, which limit binds, and why"

/* The default grid of sparsities. */
#define CLI_DEFAULT_SPARSITIES "0.5:0.95:0.05"
#define CLI_DEFAULT_PATTERNS "csr,4x1,4x4,16x16,32x1,32x32,2:4"
#define CLI_DEFAULT_RECORD "sproof.json"
#define CLI_DEFAULT_VALIDATION "sproof-validation.json"
#define CLI_DEFAULT_END_TO_END "sproof-end-to-end.json"

#endif
