/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings and errors for the terminal. */
#include <string.h>

#include "base/emit.h"
#include "cli/cli.h"

/* One message line; bytes a terminal would act on become '?', for they may come from a
 * hostile file. */
static void print_line(FILE *file, const char *kind, const char *text, size_t length)
{
    char line[SPR_ERROR_TEXT];
    snprintf(line, sizeof line, "%.*s", (int)length, text);
    spr_make_printable(line, '?');
    fprintf(file, "sproof: %s%s\n", kind, line);
}

void cli_flush_notes(struct cli *cli)
{
    for (size_t i = 0; i < cli->notes.count && i < SPR_NOTES_MAX && !cli->quiet; i++) {
        const char *line = cli->notes.line[i] ? cli->notes.line[i] : "(out of memory)";
        print_line(cli->err, "warning: ", line, strlen(line));
    }
    if (cli->notes.count > SPR_NOTES_MAX && !cli->quiet) {
        fprintf(cli->err, "sproof: warning: and %zu more\n", cli->notes.count - SPR_NOTES_MAX);
    }
    spr_notes_free(&cli->notes);
}

void cli_print_error(FILE *file, const struct spr_error *err)
{
    const char *line = err->text;
    while (*line) {
        size_t length = strcspn(line, "\n");
        print_line(file, "", line, length);
        line += length + (line[length] == '\n');
    }
}
