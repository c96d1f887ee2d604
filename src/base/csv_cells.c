/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of a row as texts and numbers, with what is expected of each. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/emit.h"
#include "base/whole.h"

const char *spr_csv_cell(const struct spr_csv *csv, size_t column)
{
    int position = csv->position[column];
    return position >= 0 && (size_t)position < csv->cell_count ? csv->cells[position] : "";
}

enum spr_status spr_csv_bad(struct spr_csv *csv, size_t column, const char *expected)
{
    char value[81];
    snprintf(value, sizeof value, "%s", spr_csv_cell(csv, column));
    spr_make_printable(value, '?'); /* a line break would begin another message */
    return spr_fail_more(csv->err, SPR_EINPUT, "%s:%zu: column '%s': '%s': expected %s",
                         csv->path, csv->line, csv->columns[column], value, expected);
}

enum spr_status spr_csv_integer(struct spr_csv *csv, size_t column, int64_t low, int64_t high,
                                int64_t *value)
{
    const char *text = spr_csv_cell(csv, column);
    if (*text == '\0') {
        return SPR_OK;
    }
    bool digits = strspn(text, "0123456789") == strlen(text);
    errno = 0;
    long long parsed = digits ? strtoll(text, NULL, 10) : 0;
    if (!digits || errno != 0 || parsed < low || parsed > high) {
        char expected[64];
        if (high == (int64_t)1 << 40) {
            snprintf(expected, sizeof expected, "an integer %lld..2^40", (long long)low);
        } else {
            snprintf(expected, sizeof expected, "an integer %lld..%lld", (long long)low,
                     (long long)high);
        }
        return spr_csv_bad(csv, column, expected);
    }
    *value = parsed;
    return SPR_OK;
}

bool spr_parse_number(const char *text, double *value)
{
    char *end;
    if (*text == '\0' || strspn(text, "+-0123456789.eE") != strlen(text)) {
        return false;
    }
    double parsed = strtod(text, &end);
    if (*end != '\0' || !isfinite(parsed)) {
        return false;
    }
    *value = parsed;
    return true;
}

bool spr_parse_fraction(const char *text, double *value)
{
    char number[64];
    size_t length = strlen(text);
    bool percent = length > 1 && text[length - 1] == '%';
    if (length >= sizeof number) {
        return false;
    }
    memcpy(number, text, length + 1);
    if (percent) {
        number[length - 1] = '\0';
    }
    double parsed;
    if (!spr_parse_number(number, &parsed)) {
        return false;
    }
    parsed = percent ? parsed / 100 : parsed;
    if (!(parsed >= 0 && parsed <= 1)) {
        return false;
    }
    *value = parsed + 0.0; /* -0 becomes 0 */
    return true;
}

enum spr_status spr_csv_number(struct spr_csv *csv, size_t column, double low, double high,
                               const char *expected, double *value)
{
    const char *text = spr_csv_cell(csv, column);
    double parsed;
    if (*text == '\0') {
        return SPR_OK;
    }
    if (!spr_parse_number(text, &parsed) || parsed < low || parsed > high) {
        return spr_csv_bad(csv, column, expected);
    }
    *value = parsed;
    return SPR_OK;
}

enum spr_status spr_csv_count(struct spr_csv *csv, size_t column, double high,
                              const char *expected, double *value)
{
    const char *text = spr_csv_cell(csv, column);
    double parsed;
    if (*text == '\0') {
        return SPR_OK;
    }
    if (!spr_parse_whole(text, &parsed) || parsed < 0 || parsed > high) {
        return spr_csv_bad(csv, column, expected);
    }
    *value = parsed;
    return SPR_OK;
}

enum spr_status spr_csv_fraction(struct spr_csv *csv, size_t column, double *value)
{
    const char *text = spr_csv_cell(csv, column);
    if (*text == '\0') {
        return SPR_OK;
    }
    if (!spr_parse_fraction(text, value)) {
        return spr_csv_bad(csv, column, "a fraction 0..1 or a percentage 0%..100%");
    }
    return SPR_OK;
}

enum spr_status spr_csv_name(struct spr_csv *csv, size_t column, const char **text)
{
    *text = spr_csv_cell(csv, column);
    /* Names are printed, and two of them must not become one in the record. */
    if (!spr_utf8_is_name(*text)) {
        return spr_csv_bad(csv, column, "a name in UTF-8 without control characters");
    }
    return SPR_OK;
}
