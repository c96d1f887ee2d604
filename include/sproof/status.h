/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes, error texts and warnings: how every fallible function reports. */
#ifndef SPROOF_STATUS_H
#define SPROOF_STATUS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SPR_PRINTF(format_index, first_argument)                                              \
    __attribute__((format(printf, format_index, first_argument)))
#else
#define SPR_PRINTF(format_index, first_argument)
#endif

/* Every way a function can end; what it exits with is spr_exit_code's. */
enum spr_status {
    SPR_OK = 0, /* done: exit 0 */
    SPR_EGATE,  /* a gate the user set was not met: exit 1 */
    SPR_EINPUT, /* usage, or an input missing, unreadable or wrong: exit 2 */
    SPR_EWRONG, /* what a kernel computed, or what was packed for it, is wrong: exit 2 */
    SPR_EINCONCLUSIVE, /* too noisy to tell: exit 3 */
    SPR_EENVIRONMENT,  /* output cannot be written, a program is missing: exit 4 */
    SPR_ENOMEM,        /* out of memory: exit 4 */
    SPR_EINTERRUPTED,  /* stopped by the user: exit 130 */
};

/* Bytes of an error text; room for 20 bad rows of a table. */
#define SPR_ERROR_TEXT 6144

/* The cause of a failure. Owned by the caller; zeroed means "no error". */
struct spr_error {
    enum spr_status status;    /* SPR_OK until something failed */
    char text[SPR_ERROR_TEXT]; /* one line, or one line per bad row; no final newline */
};

/* Records the first cause and returns `status`, so that a caller can write
 * `return spr_fail(err, ...)`. Later causes do not replace the first. err may be NULL. */
enum spr_status spr_fail(struct spr_error *err, enum spr_status status, const char *format,
                         ...) SPR_PRINTF(3, 4);
#ifdef __clang_analyzer__
/* The analyzer reads one file at a time: without this it thinks that a failure may be SPR_OK. */
#define spr_fail(err, status, ...) ((void)(spr_fail)(err, status, __VA_ARGS__), (status))
#endif

/* spr_fail for the one cause that needs no words of its own; returns SPR_ENOMEM. */
enum spr_status spr_no_memory(struct spr_error *err);
#ifdef __clang_analyzer__
#define spr_no_memory(err) ((void)(spr_no_memory)(err), SPR_ENOMEM)
#endif

/* Returns from the calling function when a step failed. Only where the function owns nothing:
 * elsewhere a status is kept and everything freed at the end. */
#define SPR_TRY(step)                                                                         \
    do {                                                                                      \
        const enum spr_status spr_try = (step);                                               \
        if (spr_try != SPR_OK) {                                                              \
            return spr_try;                                                                   \
        }                                                                                     \
    } while (0)

/* Like spr_fail, but adds a further line when an error of the same table is already there. */
enum spr_status spr_fail_more(struct spr_error *err, enum spr_status status,
                              const char *format, ...) SPR_PRINTF(3, 4);

/* The process exit code that belongs to a status. */
int spr_exit_code(enum spr_status status);

/* Warnings gathered while reading; the command line prints them. Zeroed means none. */
#define SPR_NOTES_MAX 24
struct spr_notes {
    size_t count;              /* warnings raised, also those beyond SPR_NOTES_MAX */
    char *line[SPR_NOTES_MAX]; /* the first ones, owned */
};

/* Adds a warning; one that cannot be stored is counted only. notes may be NULL. */
void spr_note(struct spr_notes *notes, const char *format, ...) SPR_PRINTF(2, 3);

void spr_notes_free(struct spr_notes *notes);

/* The candidate closest to `word` by edit distance, or NULL when none is close enough
 * to be worth offering. The list ends with NULL. */
const char *spr_nearest(const char *word, const char *const *candidates);

/* Bytes enough for a suggestion. */
#define SPR_SUGGESTION_TEXT 1024

/* lead'NEAREST'? into text, "" when no candidate (NULL: there are none) is near: "; did you mean
 * '4x4'?" behind what was expected. Returns text. */
const char *spr_suggestion(const char *lead, const char *word, const char *const *candidates,
                           char text[SPR_SUGGESTION_TEXT]);

/* "4x4, 2:4 or csr" into text. Returns text. */
const char *spr_alternatives(const char *const *candidates, char text[SPR_SUGGESTION_TEXT]);

/* spr_fail with SPR_EINPUT for a word that is none of the candidates: the text, which says what
 * was expected, and "; did you mean 'NEAREST'?" where one is near. */
enum spr_status spr_fail_unknown(struct spr_error *err, const char *word,
                                 const char *const *candidates, const char *format, ...)
    SPR_PRINTF(4, 5);
#ifdef __clang_analyzer__
#define spr_fail_unknown(err, word, candidates, ...)                                          \
    ((void)(spr_fail_unknown)(err, word, candidates, __VA_ARGS__), SPR_EINPUT)
#endif

#ifdef __cplusplus
}
#endif
#endif
