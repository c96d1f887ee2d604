/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts, exit codes, warnings and "did you mean". */
#include "test.h"

#include "base/mem.h"

static void first_cause_wins(void)
{
    static struct spr_error err;
    CHECK_STATUS(SPR_EINPUT, spr_fail(&err, SPR_EINPUT, "%s:%d: %s", "a.csv", 7, "wrong"),
                 &err);
    CHECK_TEXT("a.csv:7: wrong", err.text);
    CHECK_INT(SPR_EINPUT, err.status);
    /* The later status is returned, the first text is kept. */
    CHECK_STATUS(SPR_ENOMEM, spr_fail(&err, SPR_ENOMEM, "later"), &err);
    CHECK_TEXT("a.csv:7: wrong", err.text);
    CHECK_INT(SPR_EINPUT, err.status);
    CHECK_INT(SPR_ENOMEM, spr_fail(NULL, SPR_ENOMEM, "nobody listens"));
    CHECK_INT(SPR_EINPUT, spr_fail_more(NULL, SPR_EINPUT, "nobody listens"));
}

static void rows_gather(void)
{
    static struct spr_error err;
    spr_fail_more(&err, SPR_EINPUT, "row %d", 1);
    spr_fail_more(&err, SPR_EINPUT, "row %d", 2);
    CHECK_TEXT("row 1\nrow 2", err.text);
    for (int i = 3; i < 2000; i++) {
        spr_fail_more(&err, SPR_EINPUT, "row %d with some more text to fill the buffer", i);
    }
    CHECK(strlen(err.text) < sizeof err.text);
    CHECK(strlen(err.text) > sizeof err.text - 100);
    CHECK_INT(SPR_EINPUT, err.status);
}

static void long_text_is_cut(void)
{
    static struct spr_error err;
    static char text[2 * SPR_ERROR_TEXT];
    memset(text, 'x', sizeof text - 1);
    spr_fail(&err, SPR_EINPUT, "%s", text);
    CHECK_INT(SPR_ERROR_TEXT - 1, strlen(err.text));
}

static void exit_codes(void)
{
    static const struct {
        enum spr_status status;
        int code;
    } rows[] = {{SPR_OK, 0},     {SPR_EGATE, 1},         {SPR_EINPUT, 2},
                {SPR_EWRONG, 2}, {SPR_EINCONCLUSIVE, 3}, {SPR_EENVIRONMENT, 4},
                {SPR_ENOMEM, 4}, {SPR_EINTERRUPTED, 130}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_INT(rows[i].code, spr_exit_code(rows[i].status));
    }
}

static void nearest(void)
{
    static const char *const verbs[] = {"analyze", "explain", "plot", "list", "help", NULL};
    static const char *const columns[] = {"layer", "m", "k", "n", "count", "sparsity", NULL};
    static const char *const options[] = {"batch", "machine", "max-drop", NULL};
    static const struct {
        const char *word, *best;
        const char *const *candidates;
    } rows[] = {
        {"analyse", "analyze", verbs},
        {"anlayze", "analyze", verbs}, /* letters swapped */
        {"ANALYZE", "analyze", verbs},
        {"explian", "explain", verbs},
        {"plt", "plot", verbs},
        {"ana", "analyze", verbs},    /* cut short */
        {"mach", "machine", options}, /* cut short, not a mistyped batch */
        {"x", NULL, verbs},
        {"wombat", NULL, verbs},
        {"", NULL, verbs},
        {"sparcity", "sparsity", columns},
        {"spars", "sparsity", columns},
        {"Layer", "layer", columns},
        {"layers", "layer", columns},
        {"q", NULL, columns}, /* one letter: any would do */
        {"a_word_of_more_than_sixty_four_letters_cannot_be_a_typing_mistake_", NULL, columns},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].word;
        CHECK_TEXT(rows[i].best, spr_nearest(rows[i].word, rows[i].candidates));
    }
    test_row = "";
}

static void notes(void)
{
    struct spr_notes notes = {0};
    for (int i = 0; i < SPR_NOTES_MAX + 5; i++) {
        spr_note(&notes, "warning %d", i);
    }
    CHECK_INT(SPR_NOTES_MAX + 5, notes.count);
    CHECK_TEXT("warning 0", notes.line[0]);
    CHECK_TEXT("warning 23", notes.line[SPR_NOTES_MAX - 1]);
    spr_notes_free(&notes);
    CHECK_INT(0, notes.count);
    CHECK(notes.line[0] == NULL);
    spr_note(NULL, "nobody listens");
    /* A warning that cannot be stored is counted. */
    spr_mem_fail_from(1);
    spr_note(&notes, "lost");
    spr_mem_fail_from(0);
    CHECK_INT(1, notes.count);
    CHECK(notes.line[0] == NULL);
    spr_notes_free(&notes);
}

static void alternatives(void)
{
    static const char *const three[] = {"table", "csv", "json", NULL};
    char text[SPR_SUGGESTION_TEXT];
    CHECK_TEXT("table, csv or json", spr_alternatives(three, text));
    CHECK_TEXT("csv or json", spr_alternatives(three + 1, text));
    CHECK_TEXT("json", spr_alternatives(three + 2, text));
    CHECK_TEXT("", spr_alternatives(three + 3, text));
}

int main(void)
{
    first_cause_wins();
    rows_gather();
    long_text_is_cut();
    exit_codes();
    nearest();
    alternatives();
    notes();
    return test_end();
}
