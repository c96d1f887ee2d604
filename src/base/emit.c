/* SPDX-License-Identifier: Apache-2.0 */
/* One walk, written as JSON or as CSV: keys and columns cannot drift apart. */
#include "base/emit.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void spr_emit_begin(struct spr_emit *out, FILE *file, int flat_depth)
{
    out->file = file;
    out->notation = SPR_EMIT_JSON;
    out->depth = 0;
    out->flat_depth = flat_depth;
    out->first = true;
    out->used = out->flushed = 0;
    for (size_t i = 0; i < SPR_EMIT_CACHE; i++) {
        out->cache[i].size = 0;
    }
}

void spr_emit_flush(struct spr_emit *out)
{
    fwrite(out->buffer, 1, out->used, out->file);
    out->flushed += out->used;
    out->used = 0;
}

size_t spr_emit_size(const struct spr_emit *out)
{
    return out->flushed + out->used;
}

struct spr_emit *spr_emit_new(FILE *file, int flat_depth)
{
    struct spr_emit *out = spr_calloc(1, sizeof *out);
    if (out) {
        spr_emit_begin(out, file, flat_depth);
    }
    return out;
}

void spr_emit_end(struct spr_emit *out)
{
    spr_emit_flush(out);
    spr_free(out);
}

static void put(struct spr_emit *out, const char *text, size_t size)
{
    if (size > sizeof out->buffer - out->used) {
        spr_emit_flush(out);
    }
    if (size > sizeof out->buffer) {
        fwrite(text, 1, size, out->file);
        out->flushed += size;
        return;
    }
    memcpy(out->buffer + out->used, text, size);
    out->used += size;
}

void spr_emit_newline(struct spr_emit *out)
{
    put(out, "\n", 1);
    out->first = true;
}

size_t spr_utf8_length(const char *at)
{
    const unsigned char *text = (const unsigned char *)at;
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xC2 ? 0
                    : text[0] < 0xE0 ? 2
                    : text[0] < 0xF0 ? 3
                    : text[0] < 0xF5 ? 4
                                     : 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool surrogate = length == 3 && text[0] == 0xED && text[1] >= 0xA0;
    bool overlong = (length == 3 && text[0] == 0xE0 && text[1] < 0xA0) ||
                    (length == 4 && text[0] == 0xF0 && text[1] < 0x90);
    bool beyond = length == 4 && text[0] == 0xF4 && text[1] >= 0x90;
    return surrogate || overlong || beyond ? 0 : length;
}

bool spr_utf8_is_name(const char *text)
{
    for (const char *c = text; *c;) {
        size_t length = spr_utf8_length(c);
        bool c1 = length == 2 && (unsigned char)c[0] == 0xC2 && (unsigned char)c[1] < 0xA0;
        if (length == 0 || (unsigned char)*c < 0x20 || *c == 0x7F || c1) {
            return false;
        }
        c += length;
    }
    return true;
}

void spr_make_printable(char *text, char blank)
{
    char *to = text;
    for (const char *c = text; *c;) {
        const unsigned char first = (unsigned char)*c;
        size_t length = spr_utf8_length(c);
        bool c1 = length == 2 ? first == 0xC2 && (unsigned char)c[1] < 0xA0
                              : length == 0 && first >= 0x80 && first < 0xA0;
        length = length ? length : 1;
        if (first < 0x20 || first == 0x7F || c1) {
            *to++ = blank;
        } else {
            memmove(to, c, length);
            to += length;
        }
        c += length;
    }
    *to = '\0';
}

/* A JSON string. Bytes that are not UTF-8 become U+FFFD: the record stays valid JSON
 * whatever a table's names are made of. */
static void put_json_text(struct spr_emit *out, const char *text)
{
    put(out, "\"", 1);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t plain = 0;
        while (c[plain] >= 0x20 && c[plain] < 0x80 && c[plain] != '"' && c[plain] != '\\') {
            plain++;
        }
        put(out, (const char *)c, plain);
        c += plain;
        if (*c >= 0x80) {
            size_t length = spr_utf8_length((const char *)c);
            put(out, length ? (const char *)c : "\xEF\xBF\xBD", length ? length : 3);
            c += length ? length : 1;
        } else if (*c) {
            char escaped[8];
            int size = *c == '"' || *c == '\\'
                           ? snprintf(escaped, sizeof escaped, "\\%c", *c)
                           : snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*c);
            put(out, escaped, (size_t)size);
            c++;
        }
    }
    put(out, "\"", 1);
}

bool spr_csv_is_formula(const char *text)
{
    return *text && strchr("=+-@\t\r", *text);
}

/* A CSV cell, quoted where RFC 4180 asks for it, and no formula. */
static void put_csv_text(struct spr_emit *out, const char *text)
{
    const bool formula = spr_csv_is_formula(text);
    if (!formula && !strpbrk(text, ",\"\r\n")) {
        put(out, text, strlen(text));
        return;
    }
    put(out, "\"'", formula ? 2 : 1);
    for (; *text; text++) {
        put(out, text, 1);
        if (*text == '"') {
            put(out, "\"", 1);
        }
    }
    put(out, "\"", 1);
}

static void indent(struct spr_emit *out, int depth)
{
    static const char spaces[] = "\n                ";
    size_t size = 1 + (size_t)depth;
    put(out, spaces, size < sizeof spaces ? size : sizeof spaces - 1);
}

/* What stands before a value. false: the value itself is not to be written. */
static bool separate(struct spr_emit *out, const char *key)
{
    if (out->notation != SPR_EMIT_JSON) {
        if (out->depth > 1) {
            return false;
        }
        if (!out->first) {
            put(out, ",", 1);
        }
        out->first = false;
        if (out->notation == SPR_EMIT_CSV_HEADER && key) {
            put(out, key, strlen(key));
            return false;
        }
        return true;
    }
    if (!out->first) {
        put(out, ",", 1);
    }
    if (out->depth > 0 && out->depth <= out->flat_depth) {
        indent(out, out->depth);
    }
    out->first = false;
    if (key) {
        put_json_text(out, key);
        put(out, ":", 1);
    }
    return true;
}

void spr_emit_open(struct spr_emit *out, const char *key, char bracket)
{
    if (out->notation == SPR_EMIT_JSON) {
        separate(out, key);
        put(out, &bracket, 1);
        out->first = true;
    }
    out->depth++;
}

void spr_emit_close(struct spr_emit *out, char bracket)
{
    out->depth--;
    if (out->notation == SPR_EMIT_JSON) {
        if (!out->first && out->depth < out->flat_depth) {
            indent(out, out->depth);
        }
        put(out, &bracket, 1);
        out->first = false;
    }
}

static size_t format_integer(double value, char *text)
{
    char digits[24];
    size_t count = 0, size = 0;
    unsigned long long rest = (unsigned long long)fabs(value);
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) {
        text[size++] = '-';
    }
    while (count) {
        text[size++] = digits[--count];
    }
    text[size] = '\0';
    return size;
}

size_t spr_format_number(double value, char *text)
{
    if (fabs(value) < 9007199254740992.0 && value == floor(value)) {
        return format_integer(value, text);
    }
    int size = 0;
    for (int digits = 15; digits <= 17; digits++) {
        size = snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    return (size_t)size;
}

void spr_emit_number(struct spr_emit *out, const char *key, double value)
{
    if (!isfinite(value)) {
        spr_emit_null(out, key);
        return;
    }
    if (!separate(out, key)) {
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    size_t slot = (size_t)((bits * 0x9E3779B97F4A7C15u) >> 53) % SPR_EMIT_CACHE;
    if (out->cache[slot].size == 0 || out->cache[slot].value != value) {
        char text[32];
        out->cache[slot].size = (unsigned char)spr_format_number(value, text);
        out->cache[slot].value = value;
        memcpy(out->cache[slot].text, text, out->cache[slot].size);
    }
    put(out, out->cache[slot].text, out->cache[slot].size);
}

void spr_emit_text(struct spr_emit *out, const char *key, const char *text)
{
    if (!text) {
        spr_emit_null(out, key);
    } else if (separate(out, key)) {
        if (out->notation == SPR_EMIT_JSON) {
            put_json_text(out, text);
        } else {
            put_csv_text(out, text);
        }
    }
}

void spr_emit_bool(struct spr_emit *out, const char *key, bool value)
{
    if (separate(out, key)) {
        put(out, value ? "true" : "false", value ? 4 : 5);
    }
}

void spr_emit_null(struct spr_emit *out, const char *key)
{
    if (separate(out, key) && out->notation == SPR_EMIT_JSON) {
        put(out, "null", 4);
    }
}
