/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of JSON: each kind of read, what it says of wrong values and where, and that its
 * first failure sticks. */
#include "test.h"

#include <stdint.h>

#include "base/json_reader.h"
#include "base/mem.h"

/* A document parsed for a reader that nothing was read with. */
struct document {
    spr_json *root;
    struct spr_arena arena;
    struct spr_error err;
    struct spr_reader r;
};

static void open_document(struct document *d, const char *text, bool show_values)
{
    *d = (struct document){0};
    CHECK_STATUS(SPR_OK, spr_json_parse("f.json", text, strlen(text), &d->root, &d->err),
                 &d->err);
    d->r = (struct spr_reader){.file = "f.json",
                               .arena = &d->arena,
                               .err = &d->err,
                               .show_values = show_values,
                               .blank = '?'};
}

/* Checks how reading ended; "" is without an error. */
static void close_document(struct document *d, const char *message)
{
    CHECK_INT(*message ? SPR_EINPUT : SPR_OK, d->r.status);
    CHECK_INT(d->r.status, d->err.status);
    CHECK_TEXT(message, d->err.text);
    spr_json_free(d->root);
    spr_arena_free(&d->arena);
}

static void read_members(void)
{
    static const struct spr_range fraction = {0, 1, false, "a fraction"};
    static const struct spr_range above = {SPR_ABOVE_0, 1e3, true, "above 0 or null"};
    static const struct spr_range whole = {-4, 16, false, "a whole number"};
    struct document d;
    open_document(
        &d,
        "{\"t\":\"a\\n\\u007fb\",\"e\":\"\",\"half\":0.5,\"zero\":0,\"one\":1,\"n\":-4,"
        "\"none\":null,\"yes\":true,\"no\":false,\"o\":{\"in\":1},\"l\":[]}",
        false);
    struct spr_reader *r = &d.r;
    const char *text = spr_reader_text(r, d.root, "t", true);
    CHECK_TEXT("a??b", text);
    CHECK(text != spr_json_get_text(d.root, "t")); /* outlives the document */
    CHECK_TEXT("", spr_reader_text(r, d.root, "e", true));
    CHECK(spr_reader_text(r, d.root, "absent", false) == NULL);
    CHECK(spr_reader_text(r, d.root, "one", false) == NULL);
    CHECK_TEXT("c?", spr_reader_copy(r, "c\t"));
    CHECK_EXACT(0.5, spr_reader_number(r, d.root, "half", &fraction));
    CHECK_EXACT(0, spr_reader_number(r, d.root, "zero", &fraction)); /* ends are inside */
    CHECK_EXACT(1, spr_reader_number(r, d.root, "one", &fraction));
    CHECK(isnan(spr_reader_number(r, d.root, "none", &above)));
    CHECK(isnan(spr_reader_number(r, d.root, "absent", &above)));
    CHECK_EXACT(1, spr_reader_value(r, "any", spr_json_get(d.root, "one"), &above));
    CHECK_INT(-4, spr_reader_whole(r, d.root, "n", &whole));
    CHECK(spr_reader_bool(r, d.root, "yes", true));
    CHECK(!spr_reader_bool(r, d.root, "no", true));
    CHECK(!spr_reader_bool(r, d.root, "none", false));
    CHECK(!spr_reader_bool(r, d.root, "absent", false));
    CHECK(spr_json_get(spr_reader_object(r, d.root, "o", "x"), "in") != NULL);
    CHECK(spr_reader_list(r, d.root, "l", false, "a list") == NULL);
    CHECK_INT(0, d.r.depth);
    close_document(&d, "");
}

/* One read each that fails. */
static void read_wrong(struct spr_reader *r, const spr_json *root, char what)
{
    static const struct spr_range fraction = {0, 1, false, "a fraction"};
    static const struct spr_range above = {SPR_ABOVE_0, 1, true, "above 0 or null"};
    if (what == 't') {
        CHECK(spr_reader_text(r, root, "v", true) == NULL);
    } else if (what == 'n') {
        CHECK(isnan(spr_reader_number(r, root, "v", &fraction)));
    } else if (what == 'a') {
        CHECK(isnan(spr_reader_number(r, root, "v", &above)));
    } else if (what == 'w') {
        CHECK_INT(0, spr_reader_whole(r, root, "v", &fraction));
    } else if (what == 'b') {
        CHECK(!spr_reader_bool(r, root, "v", true));
    } else if (what == 'o') {
        CHECK(spr_reader_object(r, root, "v", "an object") == NULL);
    } else if (what == 'l') {
        CHECK(spr_reader_list(r, root, "v", true, "a filled list") == NULL);
    }
}

static void wrong_members(void)
{
    static const struct {
        char what;
        const char *text, *wrong; /* behind "f.json: v: " */
    } rows[] = {
        {'t', "{}", "missing: expected a text"},
        {'t', "{\"v\":null}", "null: expected a text"},
        {'n', "{\"v\":\"half\"}", "'half': expected a fraction"},
        {'n', "{\"v\":null}", "null: expected a fraction"},
        {'n', "{\"v\":1.25}", "1.25: expected a fraction"},
        {'n', "{\"v\":-1e-9}", "-1e-09: expected a fraction"},
        {'n', "{\"v\":1e999}", "a number out of range: expected a fraction"},
        {'a', "{\"v\":0}", "0: expected above 0 or null"},
        {'a', "{\"v\":false}", "false: expected above 0 or null"},
        {'w', "{\"v\":0.5}", "0.5: expected a fraction"},
        {'w', "{\"v\":2}", "2: expected a fraction"},
        {'b', "{\"v\":1}", "1: expected true or false"},
        {'b', "{}", "missing: expected true or false"},
        {'o', "{\"v\":[1]}", "an array: expected an object"},
        {'l', "{\"v\":[]}", "an array: expected a filled list"},
        {'l', "{\"v\":{\"a\":1}}", "an object: expected a filled list"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct document d;
        char message[128];
        test_row = rows[i].text;
        open_document(&d, rows[i].text, true);
        read_wrong(&d.r, d.root, rows[i].what);
        snprintf(message, sizeof message, "f.json: v: %s", rows[i].wrong);
        close_document(&d, message);
        open_document(&d, rows[i].text, false);
        read_wrong(&d.r, d.root, rows[i].what);
        snprintf(message, sizeof message, "f.json: v%s", strstr(rows[i].wrong, ": expected"));
        close_document(&d, message);
    }
    test_row = "";
}

/* The place is where the walk stands, and what it was once a list is walked. */
static void places(void)
{
    static const char text[] =
        "{\"e\":[{\"a\":[1,2]},{\"a\":[3]},{\"a\":{\"x\":4}}],\"b\":{}}";
    static const char *const stops[] = {"f.json: e[0].a[0]: stop", "f.json: e[0].a[1]: stop",
                                        "f.json: e[1].a[0]: stop", "f.json: e[2].a[0]: stop",
                                        "f.json: b.c.key: stop 5"};
    for (size_t stop = 0; stop < COUNT_OF(stops); stop++) {
        struct document d;
        size_t seen = 0;
        open_document(&d, text, false);
        const spr_json *e = spr_reader_list(&d.r, d.root, "e", true, "a list");
        for (; e; e = spr_reader_next(&d.r, e)) {
            const spr_json *a = spr_reader_list(&d.r, e, "a", false, NULL);
            for (; a; a = spr_reader_next(&d.r, a)) {
                if (seen++ == stop) {
                    spr_reader_fail(&d.r, NULL, "stop");
                }
            }
        }
        CHECK_INT(stop < 4 ? stop + 1 : 4, seen); /* a failure ends every walk */
        spr_reader_enter(&d.r, "b", SIZE_MAX);
        spr_reader_enter(&d.r, "c", SIZE_MAX);
        spr_reader_fail(&d.r, "key", "stop %d", 5);
        close_document(&d, stops[stop]);
    }
}

static void first_failure_sticks(void)
{
    static const struct spr_range whole = {1, 16, false, "a whole number"};
    struct document d;
    open_document(&d, "{\"t\":\"a\",\"n\":2,\"yes\":true,\"o\":{},\"l\":[1]}", true);
    struct spr_reader *r = &d.r;
    spr_reader_fail(r, "first", "said");
    spr_mem_fail_from(0);
    spr_reader_fail(r, "second", "said");
    spr_reader_wrong(r, "third", NULL, "more");
    CHECK(spr_reader_text(r, d.root, "t", true) == NULL);
    CHECK(isnan(spr_reader_number(r, d.root, "n", &whole)));
    CHECK_INT(1, spr_reader_whole(r, d.root, "n", &whole));
    CHECK(!spr_reader_bool(r, d.root, "yes", true));
    CHECK(spr_reader_object(r, d.root, "o", "x") == NULL);
    CHECK(spr_reader_list(r, d.root, "l", true, "x") == NULL);
    CHECK(!spr_reader_have(r, false) && !spr_reader_have(r, true));
    spr_reader_enter(r, "deep", 1);
    CHECK_INT(0, r->depth);
    CHECK_INT(0, spr_mem_fail_from(0)); /* nor is memory asked for */
    close_document(&d, "f.json: first: said");
}

static void reader_without_memory(void)
{
    struct document d;
    open_document(&d, "{\"t\":\"a\"}", false);
    spr_mem_fail_from(1);
    CHECK(spr_reader_text(&d.r, d.root, "t", true) == NULL);
    spr_mem_fail_from(0);
    CHECK_STATUS(SPR_ENOMEM, d.r.status, &d.err);
    CHECK_TEXT("out of memory", d.err.text);
    d.r.status = SPR_OK;
    d.err = (struct spr_error){0};
    CHECK(spr_reader_have(&d.r, true));
    CHECK(!spr_reader_have(&d.r, false));
    CHECK_STATUS(SPR_ENOMEM, d.r.status, &d.err);
    CHECK_TEXT("out of memory", d.err.text);
    d.r = (struct spr_reader){0}; /* reports to nobody */
    spr_reader_fail(&d.r, "t", "said");
    CHECK_STATUS(SPR_EINPUT, d.r.status, NULL);
    spr_json_free(d.root);
    spr_arena_free(&d.arena);
}

int main(void)
{
    read_members();
    wrong_members();
    places();
    first_failure_sticks();
    reader_without_memory();
    return test_end();
}
