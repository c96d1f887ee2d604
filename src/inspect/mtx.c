/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix Market: a banner, comments, the size, then the entries, 1-based. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "triples.h"

/* Where the text is read; line counts from 1. */
struct cursor {
    const struct spr_source *source;
    const char *at, *end;
    size_t line;
};

enum field { FIELD_REAL, FIELD_PATTERN };
enum symmetry { GENERAL, SYMMETRIC, SKEW };

struct banner {
    bool coordinate;
    enum field field;
    enum symmetry symmetry;
};

static enum spr_status bad(const struct cursor *c, const char *found, size_t length,
                           const char *expected, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s:%zu: '%.*s': expected %s", c->source->path, c->line,
                    (int)(length < 40 ? length : 40), found, expected);
}

/* The next word on this line; length 0 at its end. */
static const char *next_word(struct cursor *c, size_t *length)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r')) {
        c->at++;
    }
    const char *word = c->at;
    while (c->at < c->end && *c->at != ' ' && *c->at != '\t' && *c->at != '\r' &&
           *c->at != '\n') {
        c->at++;
    }
    *length = (size_t)(c->at - word);
    return word;
}

/* To the begin of the next line that holds anything but a comment; false at the end. */
static bool next_line(struct cursor *c)
{
    while (c->at < c->end) {
        while (c->at < c->end && *c->at != '\n') {
            c->at++;
        }
        if (c->at == c->end) {
            break;
        }
        c->at++;
        c->line++;
        const char *begin = c->at;
        size_t length;
        next_word(c, &length);
        c->at = begin;
        if (length > 0 && *begin != '%') {
            return true;
        }
    }
    return false;
}

static bool is_word(const char *word, size_t length, const char *expected)
{
    size_t i = 0;
    for (; i < length && expected[i]; i++) {
        char lower = word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] + 32) : word[i];
        if (lower != expected[i]) {
            return false;
        }
    }
    return i == length && !expected[i];
}

static enum spr_status read_banner(struct cursor *c, struct banner *banner,
                                   struct spr_error *err)
{
    size_t length;
    const char *word = next_word(c, &length);
    if (!is_word(word, length, "%%matrixmarket")) {
        return bad(c, word, length, "%%MatrixMarket", err);
    }
    word = next_word(c, &length);
    if (!is_word(word, length, "matrix")) {
        return bad(c, word, length, "matrix", err);
    }
    word = next_word(c, &length);
    banner->coordinate = is_word(word, length, "coordinate");
    if (!banner->coordinate && !is_word(word, length, "array")) {
        return bad(c, word, length, "coordinate or array", err);
    }
    word = next_word(c, &length);
    banner->field = is_word(word, length, "pattern") ? FIELD_PATTERN : FIELD_REAL;
    if ((banner->field == FIELD_PATTERN && !banner->coordinate) ||
        (banner->field == FIELD_REAL && !is_word(word, length, "real") &&
         !is_word(word, length, "integer") && !is_word(word, length, "double"))) {
        return bad(c, word, length, "real, integer or, with coordinate, pattern", err);
    }
    word = next_word(c, &length);
    banner->symmetry = is_word(word, length, "symmetric")        ? SYMMETRIC
                       : is_word(word, length, "skew-symmetric") ? SKEW
                                                                 : GENERAL;
    return banner->symmetry != GENERAL || is_word(word, length, "general")
               ? SPR_OK
               : bad(c, word, length, "general, symmetric or skew-symmetric", err);
}

static enum spr_status read_integer(struct cursor *c, int64_t least, int64_t most,
                                    int64_t *value, struct spr_error *err)
{
    size_t length, i = 0;
    char expected[64];
    const char *word = next_word(c, &length);
    for (*value = 0; i < length && word[i] >= '0' && word[i] <= '9' && *value <= most; i++) {
        *value = *value * 10 + (word[i] - '0');
    }
    if (length > 0 && i == length && *value >= least && *value <= most) {
        return SPR_OK;
    }
    snprintf(expected, sizeof expected, "an integer %lld..%lld", (long long)least,
             (long long)most);
    return bad(c, word, length, expected, err);
}

static enum spr_status read_value(struct cursor *c, float *value, struct spr_error *err)
{
    char text[64], *end;
    size_t length;
    const char *word = next_word(c, &length);
    size_t kept = length < sizeof text - 1 ? length : sizeof text - 1;
    memcpy(text, word, kept);
    text[kept] = '\0';
    *value = (float)strtod(text, &end);
    return length > 0 && length == kept && *end == '\0'
               ? SPR_OK
               : bad(c, word, length, "a number", err);
}

static enum spr_status end_line(struct cursor *c, struct spr_error *err)
{
    size_t length;
    const char *word = next_word(c, &length);
    return length == 0 ? SPR_OK : bad(c, word, length, "the end of the line", err);
}

/* An entry and, off the diagonal of a symmetric matrix, its mirror. */
static void put(struct spr_triples *t, const struct banner *banner, int64_t row,
                int64_t column, float value)
{
    t->item[t->count++] = (struct spr_triple){(int32_t)row, (int32_t)column, value};
    if (banner->symmetry != GENERAL && row != column) {
        t->item[t->count++] = (struct spr_triple){(int32_t)column, (int32_t)row,
                                                  banner->symmetry == SKEW ? -value : value};
    }
}

static enum spr_status short_file(const struct cursor *c, int64_t count, int64_t total,
                                  struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s:%zu: %lld entries and the file ends: expected %lld",
                    c->source->path, c->line, (long long)count, (long long)total);
}

static enum spr_status read_coordinates(struct cursor *c, const struct banner *banner,
                                        int64_t total, struct spr_triples *t,
                                        struct spr_error *err)
{
    enum spr_status status = SPR_OK;
    for (int64_t i = 0; i < total && status == SPR_OK; i++) {
        int64_t row, column;
        float value = 1;
        if (!next_line(c)) {
            return short_file(c, i, total, err);
        }
        status = read_integer(c, 1, t->m, &row, err);
        status = status ? status : read_integer(c, 1, t->k, &column, err);
        if (status == SPR_OK && banner->field == FIELD_REAL) {
            status = read_value(c, &value, err);
        }
        status = status ? status : end_line(c, err);
        if (status == SPR_OK) {
            put(t, banner, row - 1, column - 1, value);
        }
    }
    return status;
}

/* Columns one after another; of a symmetric matrix the part below the diagonal. */
static enum spr_status read_array(struct cursor *c, const struct banner *banner, int64_t total,
                                  struct spr_triples *t, struct spr_error *err)
{
    enum spr_status status = SPR_OK;
    int64_t count = 0;
    for (int64_t column = 0; column < t->k && status == SPR_OK; column++) {
        int64_t row = banner->symmetry == GENERAL     ? 0
                      : banner->symmetry == SYMMETRIC ? column
                                                      : column + 1;
        for (; row < t->m && status == SPR_OK; row++, count++) {
            float value;
            if (!next_line(c)) {
                return short_file(c, count, total, err);
            }
            status = read_value(c, &value, err);
            status = status ? status : end_line(c, err);
            if (status == SPR_OK) {
                put(t, banner, row, column, value);
            }
        }
    }
    return status;
}

static enum spr_status read_size(struct cursor *c, const struct banner *banner,
                                 struct spr_triples *t, int64_t *total, struct spr_error *err)
{
    if (!next_line(c)) {
        return spr_fail(err, SPR_EINPUT, "%s:%zu: the file ends: expected the size",
                        c->source->path, c->line);
    }
    enum spr_status status = read_integer(c, 1, INT32_MAX, &t->m, err);
    status = status ? status : read_integer(c, 1, INT32_MAX, &t->k, err);
    if (status == SPR_OK && banner->coordinate) {
        status = read_integer(c, 0, INT64_MAX / 16, total, err);
    } else if (status == SPR_OK) {
        double m = (double)t->m, k = (double)t->k;
        *total = (int64_t)(banner->symmetry == GENERAL     ? m * k
                           : banner->symmetry == SYMMETRIC ? m * (m + 1) / 2
                                                           : m * (m - 1) / 2);
    }
    status = status ? status : end_line(c, err);
    if (status == SPR_OK && banner->symmetry != GENERAL && t->m != t->k) {
        status = spr_fail(err, SPR_EINPUT, "%s:%zu: %lld x %lld: expected a square matrix",
                          c->source->path, c->line, (long long)t->m, (long long)t->k);
    }
    /* Every entry takes two bytes at least: nothing larger than the file is allocated. */
    double bytes = (double)(c->end - c->at);
    if (status == SPR_OK && 2.0 * (double)*total > bytes + 2) {
        status = spr_fail(err, SPR_EINPUT,
                          "%s:%zu: %lld entries: more than the %.0f bytes that follow hold",
                          c->source->path, c->line, (long long)*total, bytes);
    }
    /* Row offsets are allocated too. */
    if (status == SPR_OK && (double)t->m > 64 * (double)c->source->size + 1e6) {
        status = spr_fail(err, SPR_EINPUT, "%s:%zu: %lld rows in a file of %zu bytes",
                          c->source->path, c->line, (long long)t->m, c->source->size);
    }
    return status;
}

enum spr_status spr_read_mtx(const struct spr_source *source, struct spr_error *err)
{
    struct cursor c = {source, (const char *)source->bytes,
                       (const char *)source->bytes + source->size, 1};
    struct spr_triples t = {0};
    struct banner banner = {0};
    int64_t total = 0;
    enum spr_status status = read_banner(&c, &banner, err);
    status = status ? status : read_size(&c, &banner, &t, &total, err);
    if (status != SPR_OK) {
        return status;
    }
    t.item = spr_calloc((size_t)total * (banner.symmetry == GENERAL ? 1 : 2), sizeof *t.item);
    status = !t.item             ? spr_fail(err, SPR_ENOMEM, "out of memory")
             : banner.coordinate ? read_coordinates(&c, &banner, total, &t, err)
                                 : read_array(&c, &banner, total, &t, err);
    if (status == SPR_OK && next_line(&c)) {
        status = spr_fail(err, SPR_EINPUT, "%s:%zu: more than the %lld entries announced",
                          source->path, c.line, (long long)total);
    }
    status = status ? status
                    : spr_triples_add(source, &t,
                                      spr_layer_name(source->weights, source->path), err);
    spr_free(t.item);
    return status;
}
