/* SPDX-License-Identifier: Apache-2.0 */
/* A small strict parser of XML. */
#include <stdio.h>
#include <string.h>

#include "base/emit.h"
#include "text_check.h"

#define DEPTH_MAX 64

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:-."

struct element {
    const char *name;
    size_t length;
};

/* "&lt;" and the like at '&'; its bytes, 0: it is none. */
static size_t entity(const char *at)
{
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(at, known[i], strlen(known[i])) == 0) {
            return strlen(known[i]);
        }
    }
    return 0;
}

/* Bytes of the character that text may hold here; 0: none. */
static size_t character(const char *at)
{
    const size_t size = *at == '&' ? entity(at) : *at ? spr_utf8_length(at) : 0;
    const bool blank = *at == '\n' || *at == '\t' || *at == '\r';
    const bool noncharacter =
        size == 3 && memcmp(at, "\xef\xbf\xbe", 2) == 0 && at[2] >= '\xbe';
    return *at == '<' || ((unsigned char)*at < 0x20 && !blank) || noncharacter ? 0 : size;
}

/* Behind the attributes of a tag; NULL: they are none. */
static const char *attributes(const char *at)
{
    for (;;) {
        const size_t blank = strspn(at, " \t\n"), name = strspn(at + blank, NAME_CHARACTERS);
        if (name == 0) {
            return at + blank;
        }
        at += blank + name;
        if (blank == 0 || *at != '=' || (at[1] != '"' && at[1] != '\'')) {
            return NULL;
        }
        const char quote = at[1];
        for (at += 2; *at != quote;) {
            const size_t size = character(at);
            if (size == 0) {
                return NULL;
            }
            at += size;
        }
        at++;
    }
}

/* A tag; changes what is open. Behind it, NULL: it is none. */
static const char *tag(const char *at, struct element *open, size_t *depth)
{
    const bool end = at[1] == '/';
    const char *name = at + 1 + end;
    const size_t length = strspn(name, NAME_CHARACTERS);
    if (length == 0) {
        return NULL;
    }
    if (end) {
        const struct element *last = *depth > 0 ? &open[--*depth] : NULL;
        const bool same =
            last && last->length == length && memcmp(last->name, name, length) == 0;
        return same && name[length] == '>' ? name + length + 1 : NULL;
    }
    at = attributes(name + length);
    if (at && strncmp(at, "/>", 2) == 0) {
        return at + 2;
    }
    if (!at || *at != '>' || *depth == DEPTH_MAX) {
        return NULL;
    }
    open[(*depth)++] = (struct element){name, length};
    return at + 1;
}

/* What begins like this and ends like that; NULL: it does not end. */
static const char *section(const char *at, const char *end)
{
    const char *found = strstr(at, end);
    return found ? found + strlen(end) : NULL;
}

bool check_xml(const char *text)
{
    struct element open[DEPTH_MAX];
    size_t depth = 0, roots = 0;
    if (strncmp(text, "<?xml ", 6) == 0) {
        text = section(text, "?>");
    }
    const char *at = text;
    for (; text && *text; at = text ? text : at) {
        if (*text == '<') {
            roots += depth == 0;
            text = strncmp(text, "<!--", 4) == 0        ? section(text, "-->")
                   : strncmp(text, "<![CDATA[", 9) == 0 ? section(text, "]]>")
                                                        : tag(text, open, &depth);
        } else {
            const size_t size = character(text);
            const bool blank = strchr(" \t\n", *text) != NULL;
            const bool ends = *text == ']' && text[1] == ']' && text[2] == '>';
            text = size == 0 || ends || (depth == 0 && !blank) ? NULL : text + size;
        }
    }
    if (!text) {
        fprintf(stderr, "not XML: %.100s\n", at);
    }
    return text && depth == 0 && roots == 1;
}
