/* SPDX-License-Identifier: Apache-2.0 */
/* The program: finds the verb, runs it, reports, exits. The only file that exits. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "sproof/schedule.h"
#include "sproof/version.h"

static const struct verb *const *all_verbs(void)
{
    static const struct verb *const verbs[] = {
        &verb_analyze,  &verb_explain,   &verb_plot,    &verb_probe,
        &verb_validate, &verb_calibrate, &verb_compare, &verb_inspect,
        &verb_list,     &verb_help,      NULL};
    return verbs;
}

static const struct verb *find_verb(const char *name, struct spr_error *err)
{
    const char *names[16];
    char suggestion[SPR_SUGGESTION_TEXT];
    size_t count = 0;
    for (const struct verb *const *verb = all_verbs(); *verb; verb++) {
        if (strcmp((*verb)->name, name) == 0) {
            return *verb;
        }
        names[count++] = (*verb)->name;
    }
    names[count] = NULL;
    spr_fail(err, SPR_EINPUT, "unknown verb '%.40s'%s: see sproof help", name,
             spr_suggestion("; did you mean '", name, names, suggestion));
    return NULL;
}

const char *const cli_shells[] = {"bash", NULL};

static enum spr_status run_completion(struct cli *cli, const struct args *args,
                                      struct spr_error *err)
{
    int shell;
    SPR_TRY(cli_word("completion", args->value[OPT_COMPLETION], cli_shells, &shell, err));
    if (args->positional_count > 0 || args->value[OPT_MAN]) {
        return spr_fail(err, SPR_EINPUT, "--completion: expected without --man or VERB");
    }
    cli_print_completion(cli->out, all_verbs());
    return SPR_OK;
}

static enum spr_status run_help(struct cli *cli, const struct args *args,
                                struct spr_error *err)
{
    const struct verb *verb = NULL;
    if (args->value[OPT_COMPLETION]) {
        return run_completion(cli, args, err);
    }
    if (args->positional_count > 0) {
        verb = find_verb(args->positional[0], err);
        if (!verb) {
            return SPR_EINPUT;
        }
    }
    if (args->value[OPT_MAN]) {
        cli_print_manual(cli->out, verb, all_verbs());
    } else if (verb) {
        cli_print_help(cli->out, verb);
    } else {
        cli_print_overview(cli->out, all_verbs());
    }
    return SPR_OK;
}

static const enum option help_options[] = {OPT_COMPLETION, OPT_MAN, OPT_COUNT};

const struct verb verb_help = {
    .name = "help",
    .arguments = "[VERB] ",
    .summary = "Explain a verb.",
    .examples = {"sproof help", "sproof help analyze"},
    .notes = "--man and --completion write what is installed with the program: the page of\n"
             "VERB, or of the program, and the completion of its command lines.",
    .positionals_max = 1,
    .options = help_options,
    .run = run_help,
};

static void print_version(FILE *file)
{
    fprintf(file, "sproof %s (commit %s)\n", spr_version(), spr_commit());
#if defined(__clang__)
    fprintf(file, "compiler: clang %s\n", __clang_version__);
#else
    fprintf(file, "compiler: gcc %s\n", __VERSION__);
#endif
#if defined(__x86_64__)
    fputs("target: x86-64\n", file);
#elif defined(__aarch64__)
    fputs("target: aarch64\n", file);
#else
    fputs("target: other\n", file);
#endif
    fprintf(file,
            "build: %s, records: sproof/analysis 1, sproof/validation 1, sproof/machine 1\n",
            spr_build_type());
}

static void remember_command(struct cli *cli, int argc, char **argv)
{
    time_t now = time(NULL);
    struct tm utc;
    size_t used = (size_t)snprintf(cli->command, sizeof cli->command, "sproof");
    for (int i = 1; i < argc && used < sizeof cli->command; i++) {
        used +=
            (size_t)snprintf(cli->command + used, sizeof cli->command - used, " %s", argv[i]);
    }
    if (gmtime_r(&now, &utc)) {
        strftime(cli->created, sizeof cli->created, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
}

static enum spr_status run(struct cli *cli, int argc, char **argv, struct spr_error *err)
{
    struct args args;
    if (argc < 2) {
        cli_print_overview(cli->err, all_verbs());
        return SPR_EINPUT;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        print_version(cli->out);
        return SPR_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_overview(cli->out, all_verbs());
        return SPR_OK;
    }
    cli->verb = find_verb(argv[1], err);
    enum spr_status status =
        cli->verb ? cli_parse(cli->verb, argc - 2, argv + 2, &args, err) : SPR_EINPUT;
    if (status != SPR_OK) {
        return status;
    }
    if (args.value[OPT_HELP]) {
        cli_print_help(cli->out, cli->verb);
        return SPR_OK;
    }
    cli->quiet = args.value[OPT_QUIET] != NULL;
    remember_command(cli, argc, argv);
    return cli->verb->run(cli, &args, err);
}

int main(int argc, char **argv)
{
    struct spr_error err = {0};
    struct cli cli = {.out = stdout, .err = stderr};
    cli_catch_signals();
    enum spr_status status = run(&cli, argc, argv, &err);
    cli_flush_notes(&cli);
    /* A write that failed long ago left its cause in errno; nothing in between fails. */
    errno = ferror(stdout) ? errno : 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == SPR_OK) {
        status = spr_fail(&err, SPR_EENVIRONMENT, "standard output: %s",
                          errno ? strerror(errno) : "cannot be written");
    }
    cli_print_error(stderr, &err);
    if (cli.tuned) {
        spr_tuned_free(cli.tuned);
        spr_free(cli.tuned);
    }
    return spr_exit_code(status);
}
