/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages: the rows of help as mdoc(7), and what help has no room for. */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"
#include "sproof/version.h"

/* When the texts of this version were last gone through. mdoc(7) wants a date; that of the build
 * would make no two builds alike. */
#define TEXTS_DATE "November 30, 2026"

/* What a page says of a variable or a file. */
struct topic {
    const char *name;
    const char *verbs; /* those it concerns, a blank around each */
    const char *text;
};

static const struct topic environment[] = {
    {"OMP_PROC_BIND , OMP_PLACES", " probe validate analyze ",
     "Read by the OpenMP runtime: the cores that threads keep to. The number of threads is "
     "that of --threads, whatever OMP_NUM_THREADS says."},
    {"OMP_THREAD_LIMIT", " probe validate analyze ",
     "Read by the OpenMP runtime: at most so many threads."},
    {"OMP_WAIT_POLICY", " probe validate analyze ",
     "Read by the OpenMP runtime: with passive, threads that wait leave their cores to other "
     "programs, and start later."},
    {"SPROOF_DATA", " analyze list validate ",
     "A directory with machines/ and models/, looked into before those under FILES."},
    {"SPROOF_ISA", " analyze list probe validate ",
     "The instruction set of the kernels: scalar, neon, avx2 or avx512, as this machine has "
     "it. Unset: the best. --isa goes before it."},
    {"SPROOF_PROBE", " analyze list validate ",
     "With off this machine is not measured, and what an earlier probe measured is not used."},
    {"SPROOF_TUNED", " analyze validate ",
     "With off the plans that validate --tune kept are not used."},
    {"XDG_CACHE_HOME", " analyze list probe validate ",
     "Where measurements of this machine are kept, in sproof/. Unset: ~/.cache."},
    {"XDG_DATA_HOME", " analyze list validate ",
     "Where machines and models of one's own lie, in sproof/. Unset: ~/.local/share."},
    {NULL, NULL, NULL}};

static const struct topic files[] = {
    {CLI_DEFAULT_RECORD, " analyze compare explain plot validate ",
     "The record of analyze, in the current directory."},
    {CLI_DEFAULT_VALIDATION, " compare explain plot validate ",
     "The record of validate, in the current directory."},
    {CLI_DEFAULT_END_TO_END, " validate ", "The record of validate --end-to-end."},
    {"$XDG_CACHE_HOME/sproof/host.json", " analyze list probe validate ",
     "What probe measured."},
    {"$XDG_CACHE_HOME/sproof/tuned.json", " analyze validate ",
     "The plans that validate --tune kept."},
    {"$XDG_DATA_HOME/sproof/machines", " analyze list validate ",
     "Machines of one's own, NAME.json; models/ beside it holds layer tables."},
    {"share/sproof", " analyze list validate ",
     "Below the prefix of the installation: machines/, models/ and accuracy/ that are "
     "shipped."},
    {"share/sproof/scripts", " compare ",
     "ci/regression.sh fails when kernels became slower; python/sproof_export.py writes a "
     "PyTorch model as a layer table."},
    {NULL, NULL, NULL}};

static const char about[] =
    "Every layer of a network takes as long as its arithmetic or its memory traffic, "
    "whichever is slower, and what pruning saves of either depends on the pattern of the "
    "zeros. From tables of layers, sparsity and accuracy sproof computes how fast each "
    "pattern can run on a machine, which one to use at the accuracy that is asked for, and "
    "why it is not faster. It also measures the machine it runs on, says what its own kernels "
    "will take there, runs them, and tells how wrong it was.";

static void put_char(FILE *file, char c)
{
    static const char plain[] = "\\-'`\"~^";
    static const char *const escaped[] = {"\\e",   "\\-",   "\\(aq", "\\(ga",
                                          "\\(dq", "\\(ti", "\\(ha"};
    const char *found = strchr(plain, c);
    if (found) {
        fputs(escaped[found - plain], file);
    } else {
        fputc(c, file);
    }
}

static void put_literal(FILE *file, const char *text)
{
    for (; *text; text++) {
        put_char(file, *text);
    }
}

/* An option in running text is bold. Returns where it ends. */
static const char *put_option_word(FILE *file, const char *text)
{
    fputs("\\fB", file);
    for (; *text == '-' || isalnum((unsigned char)*text); text++) {
        put_char(file, *text);
    }
    fputs("\\fR", file);
    return text;
}

/* A line may end inside a list such as csr,4x4,2:4. */
static bool inside_list(const char *text, const char *end)
{
    const char *c = end;
    bool comma = false;
    if (*end != '\n' || end == text || end[-1] != ',') {
        return false;
    }
    for (c--; c > text && c[-1] != ' ' && c[-1] != '\n'; c--) {
        comma = comma || c[-1] == ',';
    }
    return comma;
}

/* Running text, its line ends no more than blanks. Each sentence begins a line: that is how roff
 * knows one. */
static void put_text(FILE *file, const char *text)
{
    bool word = true; /* here one begins */
    for (const char *c = text; *c;) {
        bool option =
            word && c[0] == '-' &&
            (c[1] == '-' ? islower((unsigned char)c[2]) : islower((unsigned char)c[1]));
        word = *c == ' ' || *c == '\n';
        if (option) {
            c = put_option_word(file, c);
            continue;
        }
        if (word && !inside_list(text, c)) {
            fputc(c > text && strchr(".?!", c[-1]) ? '\n' : ' ', file);
        } else if (!word) {
            put_char(file, *c);
        }
        c++;
    }
    fputc('\n', file);
}

/* The arguments of a verb, word by word: "[NAME]", "[MODEL|ANALYSIS]", "WEIGHTS...", "patterns",
 * "|". */
static void put_arguments(FILE *file, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, " ");
        const char *macro = *text == '[' ? ".Op Ar " : *text == '|' ? "" : ".Cm ";
        fputs(isupper((unsigned char)*text) ? ".Ar " : macro, file);
        for (size_t i = 0; i < length; i++) {
            if (text[i] == '|' && length > 1) {
                fputs(" | ", file);
            } else if (text[i] == '.') {
                fputs(text[i - 1] == '.' ? "." : " .", file);
            } else if (!strchr("[]", text[i])) {
                fputc(text[i], file);
            }
        }
        fputc('\n', file);
        text += length + strspn(text + length, " ");
    }
}

static void put_head(FILE *file, const struct verb *verb)
{
    fputs(".\\\" Written by sproof help --man: do not edit.\n.Dd " TEXTS_DATE "\n.Dt SPROOF",
          file);
    if (verb) {
        fputc('-', file);
        for (const char *c = verb->name; *c; c++) {
            fputc(toupper((unsigned char)*c), file);
        }
    }
    fprintf(file, " 1\n.Os sproof %s\n.Sh NAME\n.Nm sproof%s%s\n.Nd ", spr_version(),
            verb ? "-" : "", verb ? verb->name : "");
    const char *summary = verb ? verb->summary : CLI_SUMMARY;
    size_t length = strlen(summary);
    for (size_t i = 0; i < length - (summary[length - 1] == '.'); i++) {
        put_char(file, summary[i]);
    }
    fputs("\n.Sh SYNOPSIS\n", file);
    if (verb) {
        fprintf(file, ".Nm sproof %s\n", verb->name);
        put_arguments(file, verb->arguments);
        fputs(".Op Ar options\n.Sh DESCRIPTION\n", file);
    } else {
        fputs(".Nm\n.Ar verb\n.Op Ar arguments\n.Op Ar options\n.Sh DESCRIPTION\n", file);
    }
}

static void put_verbs(FILE *file, const struct verb *const *verbs)
{
    put_text(file, about);
    fputs(".Pp\nEach verb has a page of its own:\n.Bl -tag -width sproof-validate\n", file);
    for (; *verbs; verbs++) {
        fprintf(file, ".It Xr sproof-%s 1\n", (*verbs)->name);
        put_text(file, (*verbs)->summary);
    }
    fputs(".El\n", file);
}

static void put_option(FILE *file, const struct verb *verb, int option)
{
    char text[CLI_HELP_TEXT];
    const struct option_row *row = cli_option(option);
    const char *space = *row->metavar ? " Ar " : "";
    fputs(".It ", file);
    if (row->letter) {
        fprintf(file, "Fl %c%s%s , ", row->letter, space, row->metavar);
    }
    fputs("Fl \\-", file);
    put_literal(file, row->name);
    fprintf(file, "%s%s\n", space, row->metavar);
    /* "this text" is help's */
    put_text(file, option == OPT_HELP ? "options, examples and notes on one screen"
                                      : cli_option_help(verb, option, text));
}

/* verb NULL: what every verb takes. */
static void put_options(FILE *file, const struct verb *verb)
{
    static const enum option none[] = {OPT_COUNT};
    const struct verb every = {.options = none};
    fputs(".Sh OPTIONS\n", file);
    if (!verb) {
        fputs(".Bl -tag -width Ds\n.It Fl V , Fl \\-version\nhow the program was built\n.El\n"
              ".Pp\nOf every verb:\n",
              file);
    }
    fputs(".Bl -tag -width Ds\n", file);
    for (int i = 0; i < OPT_COUNT; i++) {
        if (cli_allowed(verb ? verb : &every, i)) {
            put_option(file, verb, i);
        }
    }
    fputs(".El\n", file);
}

static bool concerns(const struct topic *topic, const struct verb *verb)
{
    char name[32];
    snprintf(name, sizeof name, " %s ", verb ? verb->name : "");
    return !verb || strstr(topic->verbs, name);
}

/* Those of the verb (NULL: all); nothing when there are none. */
static void put_topics(FILE *file, const char *title, const char *macro,
                       const struct topic *topics, const struct verb *verb)
{
    bool any = false;
    for (; topics->name; topics++) {
        if (concerns(topics, verb)) {
            if (!any) {
                fprintf(file, ".Sh %s\n.Bl -tag -width Ds\n", title);
            }
            any = true;
            fprintf(file, ".It %s ", macro);
            put_literal(file, topics->name);
            fputc('\n', file);
            put_text(file, topics->text);
        }
    }
    fputs(any ? ".El\n" : "", file);
}

static void put_exits(FILE *file)
{
    fputs(".Sh EXIT STATUS\n.Bl -tag -width Ds -compact\n", file);
    for (const struct exit_row *row = cli_exits; row->meaning; row++) {
        fprintf(file, ".It %d\n", row->code);
        put_text(file, row->meaning);
    }
    fputs(".El\n", file);
}

/* A command that does not fit 80 columns goes on in a second line, as a shell takes it. */
static void put_example(FILE *file, const char *command)
{
    size_t length = strlen(command), cut = length;
    if (length > 64) {
        while (cut > 0 && strncmp(command + cut, " --", 3) != 0) {
            cut--;
        }
    }
    for (size_t i = 0; i < length; i++) {
        if (i == cut && cut > 0) {
            fputs(" \\e\n   ", file);
        }
        put_char(file, command[i]);
    }
    fputc('\n', file);
}

static void put_examples(FILE *file, const struct verb *verb, const struct verb *const *verbs)
{
    fputs(".Sh EXAMPLES\n.Bd -literal -offset indent\n", file);
    for (int i = 0; verb && i < CLI_EXAMPLES_MAX && verb->examples[i]; i++) {
        put_example(file, verb->examples[i]);
    }
    for (; !verb && *verbs; verbs++) {
        put_example(file, (*verbs)->examples[0]);
    }
    fputs(".Ed\n", file);
}

/* The name that follows `last` in the alphabet, NULL after the last. */
static const char *next_name(const struct verb *const *verbs, const char *last)
{
    const char *next = NULL;
    for (; *verbs; verbs++) {
        const char *name = (*verbs)->name;
        if (strcmp(name, last) > 0 && (!next || strcmp(name, next) < 0)) {
            next = name;
        }
    }
    return next;
}

static void put_see_also(FILE *file, const struct verb *verb, const struct verb *const *verbs)
{
    fputs(".Sh SEE ALSO\n", file);
    if (verb) {
        fputs(verb == &verb_plot ? ".Xr gnuplot 1 ,\n.Xr sproof 1\n" : ".Xr sproof 1\n", file);
        return;
    }
    const char *next, *name = next_name(verbs, "");
    for (; name; name = next) {
        next = next_name(verbs, name);
        fprintf(file, ".Xr sproof-%s 1%s\n", name, next ? " ," : "");
    }
}

void cli_print_manual(FILE *file, const struct verb *verb, const struct verb *const *verbs)
{
    put_head(file, verb);
    if (verb) {
        put_text(file, verb->summary);
        if (verb->notes) {
            fputs(".Pp\n", file);
            put_text(file, verb->notes);
        }
    } else {
        put_verbs(file, verbs);
    }
    put_options(file, verb);
    put_topics(file, "ENVIRONMENT", "Ev", environment, verb);
    put_topics(file, "FILES", "Pa", files, verb);
    put_exits(file);
    put_examples(file, verb, verbs);
    put_see_also(file, verb, verbs);
}
