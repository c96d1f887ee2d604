/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text, and what a plotted text may contain. */
#include "plot/plot_text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/emit.h"
#include "base/mem.h"

static bool reserve(struct spr_text *text, size_t more)
{
    if (!text->failed && !spr_grow(&text->data, &text->capacity, text->used + more + 1, 1)) {
        text->failed = true;
    }
    return !text->failed;
}

void spr_text_add_bytes(struct spr_text *text, const char *bytes, size_t count)
{
    if (reserve(text, count)) {
        memcpy(text->data + text->used, bytes, count);
        text->used += count;
        text->data[text->used] = '\0';
    }
}

void spr_text_add(struct spr_text *text, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int need = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (need < 0) {
        text->failed = true;
    } else if (reserve(text, (size_t)need)) {
        vsnprintf(text->data + text->used, (size_t)need + 1, format, again);
        text->used += (size_t)need;
    }
    va_end(again);
}

void spr_text_free(struct spr_text *text)
{
    spr_free(text->data);
    *text = (struct spr_text){0};
}

/* Bytes of the UTF-8 character at s, 0 when it is none that XML may hold (RFC 3629; XML 1.0,
 * production 2). */
static size_t utf8_size(const unsigned char *s)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (size < 2) {
        return s[0] >= 0x20 && s[0] < 0x7f ? size : 0;
    }
    uint32_t code = s[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = (code << 6) | (s[i] & 0x3fu);
    }
    bool control = code < 0xa0;
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    bool valid = code >= smallest[size] && code <= 0x10ffff && s[0] < 0xf5;
    return valid && !control && !surrogate && (code & 0xfffe) != 0xfffe ? size : 0;
}

/* What stands for the character at s; *size is its length in the source. */
static const char *replacement(const unsigned char *s, size_t *size)
{
    *size = 1;
    switch (s[0]) {
    case '\'':
    case '`':
        return "\xe2\x80\x99";
    case '"':
        return "\xe2\x80\x9d";
    case '\\':
        return "\xe2\x88\x96";
    default:
        break;
    }
    if (s[0] < 0x20) {
        return " ";
    }
    size_t known = utf8_size(s);
    *size = known ? known : 1;
    return known ? NULL : "?";
}

const char *spr_text_clean(const char *source, size_t most, char *clean)
{
    const unsigned char *s = (const unsigned char *)(source ? source : "");
    size_t used = 0, cut = 0, size;
    for (size_t i = 0; *s; i++, s += size) {
        /* Two short of the end the text can still be closed by dots. */
        if (i + 2 == most) {
            cut = used;
        }
        const char *other = replacement(s, &size);
        const char *bytes = other ? other : (const char *)s;
        size_t count = other ? strlen(other) : size;
        if (i >= most || used + count + 4 > SPR_CLEAN_TEXT) {
            used = i >= most ? cut : used;
            memcpy(clean + used, "..", 2);
            used += 2;
            break;
        }
        memcpy(clean + used, bytes, count);
        used += count;
    }
    clean[used] = '\0';
    return clean;
}

void spr_text_add_quoted(struct spr_text *text, const char *bytes)
{
    spr_text_add_bytes(text, "'", 1);
    for (const char *c = bytes; *c; c++) {
        if (*c == '\'') {
            spr_text_add_bytes(text, "''", 2);
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            /* Only double quotes know escapes; only single quotes run no commands. */
            spr_text_add(text, "'.\"\\%03o\".'", (unsigned)(unsigned char)*c);
        } else {
            spr_text_add_bytes(text, c, 1);
        }
    }
    spr_text_add_bytes(text, "'", 1);
}

/* "./" before what gnuplot would not take for a file: a leading '|' or '<' is a command to it, '-'
 * an option or a stream, '~' a home. */
static bool needs_place(const char *name)
{
    return !strchr("/._", name[0]) && !isalnum((unsigned char)name[0]);
}

void spr_text_add_file(struct spr_text *text, const char *name)
{
    if (needs_place(name)) {
        spr_text_add(text, "'./'.");
    }
    spr_text_add_quoted(text, name);
}

void spr_text_add_shell_word(struct spr_text *text, const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "._/-+,:@%=";
    const bool place = needs_place(name), quoted = strspn(name, plain) != strlen(name);
    spr_text_add(text, "%s%s", quoted ? "'" : "", place ? "./" : "");
    for (const char *c = name; *c; c++) {
        if (*c == '\'') {
            spr_text_add(text, "'\\''");
        } else {
            spr_text_add(text, "%c", (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c);
        }
    }
    spr_text_add(text, "%s", quoted ? "'" : "");
}

void spr_text_add_csv(struct spr_text *text, const char *field)
{
    const bool formula = field && spr_csv_is_formula(field);
    if (!field || (!formula && !field[strcspn(field, ",\"\r\n")])) {
        spr_text_add(text, "%s", field ? field : "");
        return;
    }
    spr_text_add_bytes(text, "\"'", formula ? 2 : 1);
    for (const char *c = field; *c; c++) {
        spr_text_add_bytes(text, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    }
    spr_text_add_bytes(text, "\"", 1);
}

void spr_text_add_csv_number(struct spr_text *text, double value)
{
    char number[32] = "";
    if (isfinite(value)) {
        spr_format_number(value, number);
    }
    spr_text_add(text, ",%s", number);
}

const char *spr_text_si(double value, char *text)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t i = 0;
    while (i + 1 < sizeof prefixes / sizeof *prefixes && value >= 999.95) {
        value /= 1000;
        i++;
    }
    snprintf(text, SPR_SHORT_TEXT, "%.4g %s", value, prefixes[i]);
    return text;
}

const char *spr_text_time(double seconds, bool ascii, char *text)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    size_t i = 0;
    while (i < 3 && seconds < 0.9995) {
        seconds *= 1000;
        i++;
    }
    bool micro = i == 2 && !ascii;
    snprintf(text, SPR_SHORT_TEXT, "%.3g %s", seconds, micro ? "\xc2\xb5s" : units[i]);
    return text;
}

const char *spr_text_factor(double factor, char *text)
{
    int digits = factor >= 9.995 ? 1 : factor >= 0.0995 ? 2 : 3;
    if (factor >= 99.95) {
        snprintf(text, SPR_SHORT_TEXT, "%.0fx", factor);
    } else {
        snprintf(text, SPR_SHORT_TEXT, "%.*fx", digits, factor);
    }
    return text;
}
