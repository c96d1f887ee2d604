/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix Market files, plain or compressed by gzip: a banner, comments, sizes, and an entry a
 * line. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "weights/entries.h"
#include "weights/lines.h"

#define BANNER "%%MatrixMarket"

/* A compressed file may have so many bytes of comments and empty lines: a small one could hold
 * any number. */
#define COMMENTS_MOST ((uint64_t)1 << 26)

enum symmetry { GENERAL, SYMMETRIC, SKEW };

struct market {
    struct spr_lines text;
    bool coordinate, pattern, integer;
    enum symmetry symmetry;
    int64_t size[2];
    int64_t count;     /* entries in the file */
    uint64_t comments; /* bytes of lines that were passed over */
};

/* Splits the line at blanks; NULL past the last. */
static size_t split(char *line, char *word[], size_t most)
{
    size_t count = 0;
    char *at = line + strspn(line, " \t");
    while (*at && count < most) {
        word[count++] = at;
        at += strcspn(at, " \t");
        if (*at) {
            *at++ = '\0';
            at += strspn(at, " \t");
        }
    }
    return *at ? most + 1 : count;
}

static enum spr_status bad_line(const struct market *market, const char *expected,
                                struct spr_error *err)
{
    char shown[64];
    snprintf(shown, sizeof shown, "%.60s", market->text.line);
    for (char *c = shown; *c; c++) {
        *c = (char)(*c >= 0x20 && *c < 0x7F ? *c : '?');
    }
    return spr_fail(err, SPR_EINPUT, "%s:%zu: '%s': expected %s", market->text.path,
                    market->text.number, shown, expected);
}

static enum spr_status read_banner(struct market *market, struct spr_error *err)
{
    static const char expected[] =
        BANNER " matrix coordinate|array real|integer|pattern general|symmetric|"
               "skew-symmetric";
    struct spr_lines *text = &market->text;
    char copy[SPR_TEXT_LINE], *word[6];
    bool got;
    SPR_TRY(spr_lines_next(text, &got, err));
    memcpy(copy, text->line, text->length + 1);
    if (text->too_long || split(copy, word, 5) != 5 || strcasecmp(word[0], BANNER) != 0 ||
        strcasecmp(word[1], "matrix") != 0) {
        return bad_line(market, expected, err);
    }
    market->coordinate = strcasecmp(word[2], "coordinate") == 0;
    market->pattern = strcasecmp(word[3], "pattern") == 0;
    market->integer = strcasecmp(word[3], "integer") == 0;
    market->symmetry = strcasecmp(word[4], "symmetric") == 0        ? SYMMETRIC
                       : strcasecmp(word[4], "skew-symmetric") == 0 ? SKEW
                                                                    : GENERAL;
    bool known =
        (market->coordinate || (strcasecmp(word[2], "array") == 0 && !market->pattern)) &&
        (market->pattern || market->integer || strcasecmp(word[3], "real") == 0) &&
        (market->symmetry != GENERAL || strcasecmp(word[4], "general") == 0);
    return known ? SPR_OK : bad_line(market, expected, err);
}

/* The next line that is no comment and not empty. */
static enum spr_status next_line(struct market *market, bool *got, struct spr_error *err)
{
    struct spr_lines *text = &market->text;
    for (;;) {
        const uint64_t begin = text->passed;
        enum spr_status status = spr_lines_next(text, got, err);
        if (status != SPR_OK || !*got) {
            return status;
        }
        const char *first = text->line + strspn(text->line, " \t");
        if (*first && *first != '%') {
            return text->too_long ? bad_line(market, "lines of at most 1024 characters", err)
                                  : SPR_OK;
        }
        market->comments += text->passed - begin;
        if (text->gunzip && market->comments > COMMENTS_MOST) {
            return spr_fail(
                err, SPR_EINPUT,
                "%s:%zu: more than %llu bytes of comments and empty lines: expected "
                "fewer in a compressed file",
                text->path, text->number, (unsigned long long)COMMENTS_MOST);
        }
    }
}

static bool parse_integer(const char *text, int64_t *value)
{
    *value = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || *value > INT64_MAX / 10 - 1) {
            return false;
        }
        *value = *value * 10 + (*c - '0');
    }
    return *text != '\0';
}

/* Values that an array of this size and symmetry has in the file, and the most entries that a
 * list of them has. */
static int64_t array_count(const struct market *market)
{
    int64_t m = market->size[0], k = market->size[1];
    if (market->symmetry == GENERAL) {
        return m * k;
    }
    return market->symmetry == SYMMETRIC ? m * (m + 1) / 2 : m * (m - 1) / 2;
}

static enum spr_status read_sizes(struct market *market, struct spr_error *err)
{
    const char *expected =
        market->coordinate ? "rows, columns and entries" : "rows and columns";
    char copy[SPR_TEXT_LINE], *word[4];
    bool got;
    SPR_TRY(next_line(market, &got, err));
    memcpy(copy, market->text.line, market->text.length + 1);
    size_t wanted = market->coordinate ? 3 : 2;
    if (!got || split(copy, word, wanted) != wanted ||
        !parse_integer(word[0], &market->size[0]) ||
        !parse_integer(word[1], &market->size[1]) ||
        (market->coordinate && !parse_integer(word[2], &market->count))) {
        return bad_line(market, expected, err);
    }
    if (market->size[0] < 1 || market->size[1] < 1 || market->size[0] > INT32_MAX ||
        market->size[1] > INT32_MAX) {
        return bad_line(market, "1 to 2^31-1 rows and columns", err);
    }
    if (market->symmetry != GENERAL && market->size[0] != market->size[1]) {
        return bad_line(market, "as many rows as columns: it is symmetric", err);
    }
    if (!market->coordinate) {
        market->count = array_count(market);
    }
    /* "1", "1 1" or "1 1 1" and the end of a line. */
    double least = !market->coordinate ? 2 : market->pattern ? 4 : 6;
    if ((double)market->count * least > market->text.bytes_most + 1) {
        return spr_fail(err, SPR_EINPUT,
                        "%s:%zu: %lld entries: more than a file of at most %.0f bytes holds",
                        market->text.path, market->text.number, (long long)market->count,
                        market->text.bytes_most);
    }
    if (market->count > array_count(market)) {
        return spr_fail(
            err, SPR_EINPUT,
            "%s:%zu: %lld entries: expected at most %lld, the places of this matrix",
            market->text.path, market->text.number, (long long)market->count,
            (long long)array_count(market));
    }
    if (market->text.gunzip && market->coordinate) {
        const double copies = market->symmetry == GENERAL ? 1 : 2;
        return spr_check_inflated(market->text.source,
                                  copies * SPR_ENTRY_ROOM * (double)market->count, err);
    }
    return SPR_OK;
}

/* Adds the entry and what symmetry makes of it. */
static enum spr_status add_entry(const struct market *market, int64_t row, int64_t column,
                                 double value, struct spr_entries *entries,
                                 struct spr_error *err)
{
    SPR_TRY(spr_entries_add(entries, row, column, value, err));
    if (market->symmetry != GENERAL && row != column) {
        SPR_TRY(spr_entries_add(entries, column, row,
                                market->symmetry == SKEW ? -value : value, err));
    }
    return SPR_OK;
}

static enum spr_status read_coordinate(struct market *market, struct spr_entries *entries,
                                       struct spr_error *err)
{
    static const char *const expected[] = {"a row and a column of the matrix, and a number",
                                           "a row and a column of the matrix"};
    char copy[SPR_TEXT_LINE], *word[4];
    size_t wanted = market->pattern ? 2 : 3;
    int64_t row, column;
    double value = 1;
    memcpy(copy, market->text.line, market->text.length + 1);
    if (split(copy, word, wanted) != wanted || !parse_integer(word[0], &row) ||
        !parse_integer(word[1], &column) || row < 1 || column < 1 || row > market->size[0] ||
        column > market->size[1] || (!market->pattern && !spr_parse_number(word[2], &value))) {
        return bad_line(market, expected[market->pattern], err);
    }
    if (market->symmetry == SKEW && row == column) {
        return bad_line(market, "nothing on the diagonal: it is skew-symmetric", err);
    }
    return add_entry(market, row - 1, column - 1, value, entries, err);
}

/* Values come down the columns, for symmetric ones from the diagonal. */
static enum spr_status read_array(struct market *market, int64_t *row, int64_t *column,
                                  struct spr_entries *entries, struct spr_error *err)
{
    char copy[SPR_TEXT_LINE], *word[2];
    double value;
    memcpy(copy, market->text.line, market->text.length + 1);
    if (split(copy, word, 1) != 1 || !spr_parse_number(word[0], &value)) {
        return bad_line(market, "a number", err);
    }
    enum spr_status status =
        value != 0 ? add_entry(market, *row, *column, value, entries, err) : SPR_OK;
    if (++*row == market->size[0]) {
        ++*column;
        *row = market->symmetry == GENERAL     ? 0
               : market->symmetry == SYMMETRIC ? *column
                                               : *column + 1;
    }
    return status;
}

static enum spr_status read_entries(struct market *market, struct spr_entries *entries,
                                    struct spr_error *err)
{
    int64_t row = market->symmetry == SKEW, column = 0;
    enum spr_status status = SPR_OK;
    bool got = true;
    for (int64_t e = 0; status == SPR_OK; e++) {
        status = next_line(market, &got, err);
        if (status != SPR_OK) {
            break;
        }
        if (!got || e == market->count) {
            if (got || e < market->count) {
                status = spr_fail(err, SPR_EINPUT, "%s:%zu: %s %lld entries: expected %lld",
                                  market->text.path, market->text.number,
                                  got ? "more than" : "end of file after", (long long)e,
                                  (long long)market->count);
            }
            break;
        }
        status = market->coordinate ? read_coordinate(market, entries, err)
                                    : read_array(market, &row, &column, entries, err);
    }
    return status;
}

bool spr_sniff_mtx(const struct spr_source *source)
{
    size_t length = strlen(BANNER);
    return spr_lines_is_gzip(source) ||
           (source->size > length &&
            strncasecmp((const char *)source->bytes, BANNER, length) == 0);
}

static enum spr_status read_market(const struct spr_source *source, struct market *market,
                                   struct spr_entries *entries, struct spr_error *err)
{
    SPR_TRY(spr_lines_open(&market->text, source, err));
    SPR_TRY(read_banner(market, err));
    SPR_TRY(read_sizes(market, err));
    SPR_TRY(spr_entries_begin(entries, source->path, market->size, source->size, err));
    return read_entries(market, entries, err);
}

enum spr_status spr_read_mtx(const struct spr_source *source, struct spr_error *err)
{
    struct market market = {0};
    struct spr_entries entries = {0};
    struct spr_matrix matrix;
    const char *name = spr_file_stem(source->weights, source->path);
    if (!name) {
        return spr_no_memory(err);
    }
    enum spr_status status = read_market(source, &market, &entries, err);
    spr_lines_close(&market.text);
    if (status == SPR_OK) {
        status = spr_entries_matrix(&entries, &matrix, err);
    }
    spr_entries_free(&entries);
    if (status != SPR_OK) {
        return status;
    }
    const char *dtype = market.pattern ? "pattern" : market.integer ? "integer" : "real";
    return spr_add_matrix(source, name, dtype, &matrix, err);
}
