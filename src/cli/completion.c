/* SPDX-License-Identifier: Apache-2.0 */
/* Completion of command lines in bash, from the rows of options and the names in the program. */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"
#include "sproof/plot.h"

#define WORDS_MAX 64

struct words {
    const char *word[WORDS_MAX];
    size_t count;
};

static void add(struct words *words, const char *word)
{
    if (words->count < WORDS_MAX) {
        words->word[words->count++] = word;
    }
}

static void add_all(struct words *words, const char *const *list)
{
    for (; *list; list++) {
        add(words, *list);
    }
}

static void add_patterns(struct words *words)
{
    const struct spr_pattern_kind *kind;
    for (size_t i = 0; (kind = spr_pattern_kind_at(i)) != NULL; i++) {
        for (const struct spr_example *example = kind->examples; example->text; example++) {
            add(words, example->text);
        }
    }
}

/* The names of what the library has several of. */
static void add_names(struct words *words, const struct verb *verb, int option)
{
    const char *formats[SPR_FORMAT_COUNT + 1];
    if (option == OPT_FORMAT) {
        spr_format_names(verb->formats, formats);
        add_all(words, formats);
    }
    const bool types = verb == &verb_analyze && (option == OPT_DTYPE || option == OPT_AGAINST);
    for (size_t i = 0; types && spr_stored_weights(i); i++) {
        add(words, spr_stored_weights(i));
    }
    for (int i = 0; (option == OPT_DTYPE || option == OPT_AGAINST) && i < SPR_DTYPE_COUNT;
         i++) {
        add(words, spr_dtype_name((enum spr_dtype)i));
    }
    for (int i = 0; option == OPT_ISA && i < SPR_ISA_COUNT; i++) {
        add(words, spr_isa_name((enum spr_isa)i));
    }
    for (int i = 0; option == OPT_KIND && i < SPR_PLOT_KIND_COUNT; i++) {
        add(words, spr_plot_kind_name((enum spr_plot_kind)i));
    }
    for (int i = 0; option == OPT_FUSION && i < 2; i++) {
        add(words, spr_fusion_name(i == 1));
    }
    for (int i = 0; option == OPT_LAYOUT && i <= SPR_LAYOUT_NK; i++) {
        add(words, spr_layout_name((enum spr_layout)i));
    }
    /* validate refuses the first, dram */
    int first = verb == &verb_validate ? SPR_RESIDENCY_DRAM + 1 : 0;
    for (int i = first; option == OPT_RESIDENCY && i < SPR_RESIDENCY_COUNT; i++) {
        add(words, spr_residency_name((enum spr_residency)i));
    }
}

/* The words that an option of the verb takes; none when they are not fixed. */
static void find_words(const struct verb *verb, int option, struct words *words)
{
    static const struct {
        enum option option;
        const char *const *list;
    } lists[] = {{OPT_COMPLETION, cli_shells},
                 {OPT_EXECUTION, cli_executions},
                 {OPT_SCOPE, cli_scopes},
                 {OPT_SCORE, cli_scores},
                 {OPT_TERMINAL, cli_terminals}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if ((int)lists[i].option == option) {
            add_all(words, lists[i].list);
        }
    }
    if (option == OPT_PATTERN) {
        add_patterns(words);
    }
    add_names(words, verb, option);
}

static void put_options(FILE *file, const struct verb *verb)
{
    fprintf(file, "    %s) echo", verb->name);
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_row *row = cli_option(i);
        if (cli_allowed(verb, i) && row->letter) {
            fprintf(file, " -%c", row->letter);
        }
        if (cli_allowed(verb, i)) {
            fprintf(file, " --%s", row->name);
        }
    }
    fputs(" ;;\n", file);
}

/* A branch of _sproof_values, whose comment tells what it echoes. */
static void put_values(FILE *file, const struct verb *verb, int option)
{
    const struct option_row *row = cli_option(option);
    struct words words = {.count = 0};
    find_words(verb, option, &words);
    fputs("    ", file);
    if (row->letter) {
        fprintf(file, "%s:-%c | ", verb->name, row->letter);
    }
    fprintf(file, "%s:--%s) ", verb->name, row->name);
    if (option == OPT_MACHINE) {
        fputs("_sproof_machines \"$3\" ;;\n", file);
        return;
    }
    if (words.count > 0) {
        fputs(strcmp(row->metavar, "LIST") == 0 ? "echo ," : "echo", file);
    } else if (strcmp(row->metavar, "FILE") != 0 && strcmp(row->metavar, "DIR") != 0) {
        fputs("echo - ", file);
    }
    for (size_t i = 0; i < words.count; i++) {
        fprintf(file, " %s", words.word[i]);
    }
    fputs(words.count > 0 ? " ;;\n" : ";;\n", file);
}

/* The words among the arguments of a verb, which are in small letters; none in most. */
static void put_arguments(FILE *file, const struct verb *verb)
{
    bool any = false;
    for (const char *word = verb->arguments; *word;) {
        size_t length = strcspn(word, " ");
        if (islower((unsigned char)*word)) {
            if (!any) {
                fprintf(file, "    %s:%s) echo", verb->name, verb->name);
            }
            any = true;
            fprintf(file, " %.*s", (int)length, word);
        }
        word += length + strspn(word + length, " ");
    }
    fputs(any ? " ;;\n" : "", file);
}

static void put_names(FILE *file, const struct verb *const *verbs)
{
    for (; *verbs; verbs++) {
        fprintf(file, " %s", (*verbs)->name);
    }
}

static const char functions[] =
    "_sproof_machines() {\n"
    "    \"$1\" list machines -q 2>/dev/null | {\n"
    "        read -r name _ # the heads of the table, which ends with an empty line\n"
    "        while read -r name _ && [[ -n $name ]]; do\n"
    "            # compgen would run what a name holds\n"
    "            [[ $name == *[!A-Za-z0-9._+-]* ]] || echo \"$name\"\n"
    "        done\n"
    "    }\n"
    "}\n"
    "\n"
    "_sproof() {\n"
    "    local at=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}\n"
    "    local whole=$cur option value values head\n"
    "    COMPREPLY=()\n"
    "    if ((at == 1)); then\n"
    "        values=$_sproof_verbs\n"
    "        [[ $cur == -* ]] && values='-h --help -V --version'\n"
    "        COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
    "        return\n"
    "    fi\n"
    "    # bash cuts words at = and : and replaces the last piece\n"
    "    while ((at > 2)) &&\n"
    "        [[ ${COMP_WORDS[at]} == [=:] || ${COMP_WORDS[at - 1]} == [=:] ]]; do\n"
    "        at=$((at - 1))\n"
    "        whole=${COMP_WORDS[at]}$whole\n"
    "    done\n"
    "    [[ $cur == [=:] ]] && cur=\n"
    "    head=${whole%\"$cur\"}\n"
    "    option=${COMP_WORDS[at - 1]} value=$whole\n"
    "    [[ $whole == --*=* ]] && option=${whole%%=*} value=${whole#*=}\n"
    "    if [[ $option == -* ]]; then\n"
    "        values=$(_sproof_values \"$verb\" \"$option\" \"${1/#\\~/$HOME}\") || "
    "option=$verb\n"
    "    fi\n"
    "    if [[ $option != -* && $whole == -* ]]; then\n"
    "        values=$(_sproof_options \"$verb\")\n"
    "    elif [[ $option != -* ]]; then\n"
    "        values=$(_sproof_values \"$verb\" \"$option\" \"${1/#\\~/$HOME}\") || return\n"
    "    fi\n"
    "    if [[ $values == - ]]; then\n"
    "        compopt +o default 2>/dev/null\n"
    "        return\n"
    "    fi\n"
    "    if [[ $values == ,* ]]; then\n"
    "        values=${values#,} value=${value##*,}\n"
    "    fi\n"
    "    COMPREPLY=($(compgen -W \"$values\" -P \"${whole%\"$value\"}\" -- \"$value\"))\n"
    "    COMPREPLY=(\"${COMPREPLY[@]#\"$head\"}\")\n"
    "}\n"
    "complete -o default -F _sproof sproof\n";

void cli_print_completion(FILE *file, const struct verb *const *verbs)
{
    const struct verb *const *verb;
    fputs("# Written by sproof help --completion bash: do not edit.\n"
          "# Source it; with the package bash-completion it is found where it is installed.\n"
          "_sproof_verbs='",
          file);
    put_names(file, verbs);
    fputs("'\n\n_sproof_options() {\n    case $1 in\n", file);
    for (verb = verbs; *verb; verb++) {
        put_options(file, *verb);
    }
    fputs(
        "    esac\n}\n\n"
        "# _sproof_values VERB OPTION PROGRAM: the words that OPTION takes, behind a comma "
        "when\n"
        "# it takes a list of them, or the arguments of VERB when OPTION is VERB; nothing: a\n"
        "# file; -: neither. Status 1: OPTION takes no value, VERB no words.\n"
        "_sproof_values() {\n    case $1:$2 in\n",
        file);
    for (verb = verbs; *verb; verb++) {
        put_arguments(file, *verb);
        for (int i = 0; i < OPT_COUNT; i++) {
            if (cli_allowed(*verb, i) && cli_option(i)->argument != FLAG) {
                put_values(file, *verb, i);
            }
        }
    }
    fputs("    help:help) echo \"$_sproof_verbs\" ;;\n"
          "    list:machines) _sproof_machines \"$3\" ;;\n"
          "    *) return 1 ;;\n    esac\n}\n\n",
          file);
    fputs(functions, file);
}
