/* SPDX-License-Identifier: Apache-2.0 */
/* Small strict parsers of texts: quoted words, fields, Markdown. */
#include "text_check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/emit.h"

bool check_printable(const char *text)
{
    char *copy = strdup(text);
    if (!copy) {
        return false;
    }
    spr_make_printable(copy, '?');
    const bool same = strcmp(copy, text) == 0;
    free(copy);
    return same;
}

bool check_clean(const char *text)
{
    return spr_utf8_is_name(text) && !text[strcspn(text, "'\"`\\")];
}

/* Takes the value of a gnuplot expression into value, which holds its length: quoted strings joined
 * by dots. */
static bool gnuplot_value(const char *at, char *value)
{
    for (;;) {
        if (*at == '\'') {
            for (at++; *at != '\'' || at[1] == '\''; at++) {
                if ((unsigned char)*at < 0x20 || *at == 0x7f) {
                    return false;
                }
                at += *at == '\'';
                *value++ = *at;
            }
            at++;
        } else if (*at == '"') {
            unsigned code;
            int length = 0;
            if (sscanf(at, "\"\\%3o\"%n", &code, &length) != 1 || length != 6) {
                return false;
            }
            *value++ = (char)code;
            at += 6;
        } else {
            return false;
        }
        if (*at != '.') {
            *value = '\0';
            return *at == '\0';
        }
        at++;
    }
}

bool check_gnuplot_string(const char *expression, const char *value)
{
    char *got = malloc(strlen(expression) + 1);
    const bool same = got && gnuplot_value(expression, got) && strcmp(got, value) == 0;
    free(got);
    return same;
}

bool check_gnuplot_file(const char *expression, const char *name)
{
    char *got = malloc(strlen(expression) + 1);
    bool same = got && gnuplot_value(expression, got);
    if (same) {
        const char *file =
            strncmp(got, "./", 2) == 0 && strncmp(name, "./", 2) != 0 ? got + 2 : got;
        same = strcmp(file, name) == 0 && !(*got && strchr("|<-~ +\t'\"", *got));
    }
    free(got);
    return same;
}

bool check_shell_word(const char *word, const char *name)
{
    char value[4096];
    size_t used = 0;
    while (*word && used + 1 < sizeof value) {
        if (*word == '\'') {
            const char *end = strchr(word + 1, '\'');
            const size_t length = end ? (size_t)(end - word - 1) : 0;
            if (!end || used + length >= sizeof value) {
                return false;
            }
            memcpy(value + used, word + 1, length);
            used += length;
            word = end + 1;
        } else if (*word == '\\' && word[1] == '\'') {
            value[used++] = '\'';
            word += 2;
        } else if (isalnum((unsigned char)*word) || strchr("._/-+,:@%=", *word)) {
            value[used++] = *word++;
        } else {
            return false;
        }
    }
    value[used] = '\0';
    const char *got =
        strncmp(value, "./", 2) == 0 && strncmp(name, "./", 2) != 0 ? value + 2 : value;
    for (; *got && *name; got++, name++) {
        const bool control = (unsigned char)*name < 0x20 || *name == 0x7f;
        if (*got != (control ? ' ' : *name)) {
            return false;
        }
    }
    return *got == *name;
}

/* Takes one field; where it ends, NULL: it is none. */
static const char *csv_field(const char *at, char *value)
{
    if (*at != '"') {
        while (*at && !strchr(",\r\n", *at)) {
            if (*at == '"') {
                return NULL;
            }
            *value++ = *at++;
        }
    } else {
        for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
            at += *at == '"';
            *value++ = *at;
        }
        if (*at++ != '"') {
            return NULL;
        }
    }
    *value = '\0';
    return at;
}

bool check_csv_field(const char *field, const char *text)
{
    char *value = malloc(strlen(field) + 1);
    const char *end = value ? csv_field(field, value) : NULL;
    const bool formula = *text && strchr("=+-@\t\r", *text);
    const bool same =
        end && !*end && (!formula || *value == '\'') && strcmp(value + formula, text) == 0;
    free(value);
    return same;
}

bool check_csv_table(const char *table)
{
    char *value = malloc(strlen(table) + 1);
    size_t columns = 0, first = 0;
    while (value && *table) {
        table = csv_field(table, value);
        if (!table || (*table && !strchr(",\n", *table))) {
            break;
        }
        columns++;
        if (*table == '\n' || !*table) {
            first = first ? first : columns;
            if (columns != first) {
                break;
            }
            columns = 0;
        }
        table += *table != '\0';
    }
    free(value);
    return value && table && !*table && columns == 0;
}

bool check_markdown_table(const char *table, size_t columns)
{
    size_t bars = 0;
    for (; *table; table++) {
        if (*table == '\\' && ispunct((unsigned char)table[1])) {
            table++;
        } else if (*table == '\n') {
            if (bars != columns + 1) {
                return false;
            }
            bars = 0;
        } else {
            bars += *table == '|';
        }
    }
    return bars == 0;
}

bool check_markdown_text(const char *markdown, const char *text, size_t escapes)
{
    size_t seen = 0;
    for (; *markdown; markdown++, text++) {
        const bool escaped = *markdown == '\\';
        markdown += escaped;
        seen += escaped;
        if (*markdown != *text || (!escaped && strchr("`*[<|~&", *markdown)) ||
            (escaped && !ispunct((unsigned char)*markdown))) {
            return false;
        }
    }
    return !*text && seen == escapes;
}

bool check_code_span(const char *markdown, size_t size, const char *text)
{
    const size_t fence = strspn(markdown, "`"), length = strlen(text);
    const char *at = markdown + fence;
    const bool padded = *at == ' ' && *text != ' ';
    if (fence == 0 || size != strlen(markdown) || size != 2 * fence + length + 2 * padded ||
        strncmp(at + padded, text, length) != 0) {
        return false;
    }
    /* The first run of so many is the last thing. */
    while (*at) {
        const size_t run = strspn(at, "`");
        if (run == fence) {
            return at[run] == '\0';
        }
        at += run ? run : 1;
    }
    return false;
}
