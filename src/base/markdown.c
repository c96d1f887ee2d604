/* SPDX-License-Identifier: Apache-2.0 */
/* Text as Markdown. */
#include "base/markdown.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Letters and digits; a byte of UTF-8 counts as one. */
static bool in_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* '_' is markup but for between letters, where most names have it. */
static bool inside_word(const char *text, size_t at)
{
    size_t before = at, after = at + strspn(text + at, "_");
    while (before > 0 && text[before - 1] == '_') {
        before--;
    }
    return before > 0 && in_word(text[before - 1]) && in_word(text[after]);
}

static bool is_markup(const char *text, size_t at)
{
    return text[at] == '_' ? !inside_word(text, at) : strchr("\\`*[<|~&", text[at]) != NULL;
}

/* Writes text[from..to) and returns how many backslashes that took. */
static size_t put(FILE *file, const char *text, size_t from, size_t to)
{
    size_t escapes = 0;
    for (size_t at = from; at < to; at++) {
        const bool markup = is_markup(text, at);
        escapes += markup;
        if (file) {
            fputs(markup ? "\\" : "", file);
            fputc(text[at], file);
        }
    }
    return escapes;
}

size_t spr_markdown_text(FILE *file, const char *text)
{
    return put(file, text, 0, strlen(text));
}

/* Where a line is to be escaped so that it begins no block: at a character that begins one, or
 * behind the number of a list. `length`: nowhere. */
static size_t block_mark(const char *line, size_t length)
{
    size_t at = strspn(line, " ");
    if (at < length && strchr("#>+-=", line[at])) {
        return at;
    }
    size_t behind = at + strspn(line + at, "0123456789");
    bool list = behind > at && behind < length && strchr(".)", line[behind]) &&
                strchr(" \n", line[behind + 1]);
    return list ? behind : length;
}

void spr_markdown_lines(FILE *file, const char *lines)
{
    while (*lines) {
        const size_t length = strcspn(lines, "\n"), mark = block_mark(lines, length);
        put(file, lines, 0, mark);
        if (mark < length) {
            fputc('\\', file);
            put(file, lines, mark, length);
        }
        lines += length;
        if (*lines) {
            fputc(*lines++, file);
        }
    }
}

/* Writes one backtick more than stand in a row anywhere in the text, `least` at least. */
static void put_fence(FILE *file, const char *text, size_t least)
{
    size_t longest = least - 1;
    for (const char *c = strchr(text, '`'); c; c = strchr(c, '`')) {
        const size_t run = strspn(c, "`");
        longest = run > longest ? run : longest;
        c += run;
    }
    for (size_t i = 0; i <= longest; i++) {
        fputc('`', file);
    }
}

void spr_markdown_code(FILE *file, const char *text)
{
    const size_t length = strlen(text);
    const bool padded = length > 0 && (text[0] == '`' || text[length - 1] == '`');
    put_fence(file, text, 1);
    fprintf(file, padded ? " %s " : "%s", text);
    put_fence(file, text, 1);
}

void spr_markdown_block(FILE *file, const char *lines)
{
    put_fence(file, lines, 3);
    fprintf(file, "\n%s", lines);
    put_fence(file, lines, 3);
    fputc('\n', file);
}
