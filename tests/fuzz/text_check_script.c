/* SPDX-License-Identifier: Apache-2.0 */
/* A small strict parser of gnuplot scripts, and the texts of the picture that they draw. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/emit.h"
#include "fuzz.h"
#include "text_check.h"

#define WORDS_MAX 400
#define WORD_MAX 32

/* Words outside of quotes. */
static char words[WORDS_MAX][WORD_MAX];
static size_t word_count;

static void check_word(const char *at, size_t length, bool learn)
{
    char word[WORD_MAX];
    fuzz_require(length < sizeof word, "a script has short words");
    memcpy(word, at, length);
    word[length] = '\0';
    for (size_t i = 0; i < word_count; i++) {
        if (strcmp(words[i], word) == 0) {
            return;
        }
    }
    if (!learn) {
        fprintf(stderr, "%s\n", word);
    }
    fuzz_require(learn && word_count < WORDS_MAX,
                 "only our own words stand outside of quotes");
    memcpy(words[word_count++], word, sizeof word);
}

/* Where a quoted string ends, behind its last quote. */
static const char *skip_string(const char *at)
{
    const char quote = *at;
    for (at++; *at != quote; at++) {
        fuzz_require((unsigned char)*at >= 0x20, "a quote is closed on its line");
        at += quote == '"' && *at == '\\';
    }
    return at + 1;
}

static const char *check_command(const char *at, bool learn)
{
    while (*at != '\n') {
        const size_t word =
            strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (word > 0) {
            check_word(at, word, learn);
            at += word;
        } else if (*at == '\'' || *at == '"') {
            at = skip_string(at);
        } else if (*at == '\\') {
            fuzz_require(at[1] == '\n' && at[2] == ' ', "a back-slash continues a line");
            at += 2;
        } else {
            fuzz_require(
                *at && (isdigit((unsigned char)*at) || strchr(" .,:;()[]{}<>=&?+-*/$#%", *at)),
                "no other character stands outside of quotes");
            at++;
        }
    }
    return at + 1;
}

/* A line of text as gnuplot reads it: no controls but tabs, no back-slash that continues it. */
static const char *check_line(const char *at)
{
    const char *end = strchr(at, '\n');
    fuzz_require(end && (end == at || end[-1] != '\\'), "a line ends where it ends");
    for (; at < end; at++) {
        fuzz_require(((unsigned char)*at >= 0x20 || *at == '\t') && *at != 0x7f,
                     "a line holds no control characters");
    }
    return end + 1;
}

static const char *check_block(const char *at)
{
    for (at = check_line(at); strncmp(at, "EOD\n", 4) != 0; at = check_line(at)) {
        fuzz_require(*at == '#' || isdigit((unsigned char)*at) || *at == '-' ||
                         strncmp(at, "inf", 3) == 0 || strncmp(at, "nan", 3) == 0,
                     "a row of data begins with a number");
    }
    return at + 4;
}

void check_script(const char *script, bool learn)
{
    while (*script) {
        if (*script == '#') {
            script = check_line(script);
        } else if (strncmp(script, "$data_", 6) == 0) {
            script = check_block(script);
        } else {
            script = check_command(script, learn);
        }
    }
}

/* As gnuplot does. */
static void add_escaped(struct spr_text *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char *other = text[i] == '&' ? "&amp;" : text[i] == '<' ? "&lt;" : NULL;
        spr_text_add_bytes(out, other ? other : &text[i], other ? strlen(other) : 1);
    }
}

static void add_text(struct spr_text *picture, const char *text, size_t size)
{
    spr_text_add(picture, "<text>");
    add_escaped(picture, text, size);
    spr_text_add(picture, "</text>\n");
}

/* The last column of a row, as a label and as a text to hover over. */
static void add_row(struct spr_text *picture, const char *row, size_t length)
{
    size_t first = length;
    while (first > 0 && row[first - 1] != '\t') {
        first--;
    }
    spr_text_add(picture, "\t<g onmousemove=\"gnuplot_svg.showHypertext(evt,'");
    add_escaped(picture, row + first, length - first);
    spr_text_add(picture, "')\" onmouseout=\"gnuplot_svg.hideHypertext()\"><title> </title>"
                          "<use xlink:href='#gpPt6'/></g>\n");
    add_text(picture, row + first, length - first);
}

/* The strings of a command. */
static void add_strings(struct spr_text *picture, const char *at, const char *end)
{
    while (at < end) {
        if (*at == '\'' || *at == '"') {
            const char *behind = skip_string(at);
            add_text(picture, at + 1, (size_t)(behind - at - 2));
            at = behind;
        } else {
            at++;
        }
    }
}

void picture_of_script(const char *script, struct spr_text *picture)
{
    bool block = false;
    spr_text_add(picture,
                 "<?xml version=\"1.0\" encoding=\"utf-8\"  standalone=\"no\"?>\n<svg\n"
                 " xmlns=\"http://www.w3.org/2000/svg\">\n\n<title>Gnuplot</title>\n"
                 "<g id=\"gnuplot_plot_1\" ><title>gnuplot_plot_1</title>\n"
                 "<g fill=\"black\" font-family=\"Arial\" >\n");
    for (const char *end; *script; script = end + 1) {
        end = strchr(script, '\n');
        if (block && strncmp(script, "EOD\n", 4) == 0) {
            block = false;
        } else if (block) {
            add_row(picture, script, (size_t)(end - script));
        } else if (strncmp(script, "$data_", 6) == 0) {
            block = true;
        } else if (*script != '#' && strncmp(script, "output", 6) != 0) {
            add_strings(picture, script, end);
        }
    }
    spr_text_add(picture, "</g>\n</g>\n</svg>\n");
}
