/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, warnings, exit codes and "did you mean". */
#include "sproof/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#undef spr_fail
#undef spr_no_memory
#undef spr_fail_unknown
enum spr_status spr_fail(struct spr_error *err, enum spr_status status, const char *format,
                         ...)
{
    if (err && err->status == SPR_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(err->text, sizeof err->text, format, arguments);
        va_end(arguments);
        err->status = status;
    }
    return status;
}

enum spr_status spr_no_memory(struct spr_error *err)
{
    return spr_fail(err, SPR_ENOMEM, "out of memory");
}

enum spr_status spr_fail_more(struct spr_error *err, enum spr_status status,
                              const char *format, ...)
{
    if (!err) {
        return status;
    }
    size_t used = err->status == SPR_OK ? 0 : strlen(err->text);
    if (used + 2 < sizeof err->text) {
        if (used > 0) {
            err->text[used++] = '\n';
        }
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(err->text + used, sizeof err->text - used, format, arguments);
        va_end(arguments);
    }
    if (err->status == SPR_OK) {
        err->status = status;
    }
    return status;
}

int spr_exit_code(enum spr_status status)
{
    switch (status) {
    case SPR_OK:
        return 0;
    case SPR_EGATE:
        return 1;
    case SPR_EINPUT:
    case SPR_EWRONG:
        return 2;
    case SPR_EINCONCLUSIVE:
        return 3;
    case SPR_EINTERRUPTED:
        return 130;
    case SPR_EENVIRONMENT:
    case SPR_ENOMEM:
        break;
    }
    return 4;
}

void spr_note(struct spr_notes *notes, const char *format, ...)
{
    if (!notes) {
        return;
    }
    notes->count++;
    if (notes->count > SPR_NOTES_MAX) {
        return;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t size = strlen(text) + 1;
    char *copy = spr_calloc(size, 1);
    if (copy) {
        memcpy(copy, text, size);
    }
    notes->line[notes->count - 1] = copy;
}

void spr_notes_free(struct spr_notes *notes)
{
    for (size_t i = 0; i < SPR_NOTES_MAX; i++) {
        spr_free(notes->line[i]);
    }
    *notes = (struct spr_notes){0};
}

#define WORD_MAX 64

/* Levenshtein distance with transpositions (optimal string alignment), case ignored. */
static size_t edit_distance(const char *left, const char *right)
{
    size_t n = strlen(left), m = strlen(right);
    size_t row[3][WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= m; j++) {
        row[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *above = row[(i - 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            char a = left[i - 1], b = right[j - 1];
            char lower_a = (char)(a >= 'A' && a <= 'Z' ? a + 32 : a);
            char lower_b = (char)(b >= 'A' && b <= 'Z' ? b + 32 : b);
            size_t best = above[j - 1] + (lower_a != lower_b);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a == right[j - 2] && left[i - 2] == b) {
                size_t swapped = row[(i - 2) % 3][j - 2] + 1;
                best = swapped < best ? swapped : best;
            }
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *spr_nearest(const char *word, const char *const *candidates)
{
    const char *best = NULL;
    size_t best_distance = WORD_MAX;
    size_t length = strlen(word);
    for (; *candidates; candidates++) {
        size_t distance = edit_distance(word, *candidates);
        /* A word that is the start of a candidate was cut short rather than mistyped. */
        if (length >= 3 && strncmp(word, *candidates, length) == 0) {
            distance = distance < 1 ? distance : 1;
        }
        if (distance < best_distance) {
            best_distance = distance;
            best = *candidates;
        }
    }
    size_t limit = length <= 4 ? 2 : 3;
    return best_distance <= limit && best_distance < length ? best : NULL;
}

const char *spr_suggestion(const char *lead, const char *word, const char *const *candidates,
                           char text[SPR_SUGGESTION_TEXT])
{
    const char *near = candidates ? spr_nearest(word, candidates) : NULL;
    text[0] = '\0';
    if (near) {
        snprintf(text, SPR_SUGGESTION_TEXT, "%s%.900s'?", lead, near);
    }
    return text;
}

const char *spr_alternatives(const char *const *candidates, char text[SPR_SUGGESTION_TEXT])
{
    text[0] = '\0';
    for (size_t i = 0; candidates[i]; i++) {
        size_t used = strlen(text);
        snprintf(text + used, SPR_SUGGESTION_TEXT - used, "%s%s",
                 i == 0              ? ""
                 : candidates[i + 1] ? ", "
                                     : " or ",
                 candidates[i]);
    }
    return text;
}

enum spr_status spr_fail_unknown(struct spr_error *err, const char *word,
                                 const char *const *candidates, const char *format, ...)
{
    char expected[SPR_ERROR_TEXT], suggestion[SPR_SUGGESTION_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    return spr_fail(err, SPR_EINPUT, "%s%s", expected,
                    spr_suggestion("; did you mean '", word, candidates, suggestion));
}
