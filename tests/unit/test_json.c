/* SPDX-License-Identifier: Apache-2.0 */
/* JSON read and written: positions of errors, UTF-8, numbers that read back the same, CSV. */
#include "test.h"

#include <stdint.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/json.h"
#include "base/mem.h"

static void bad_documents(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "t.json: empty file: expected a JSON object"},
        {"[1,2]", "t.json:1:6: not JSON: expected a JSON object"},
        {"{\"a\":1", "t.json:1:6: not JSON: expected a JSON object"},
        {"{\"a\":1}}", "t.json:1:8: not JSON: expected a JSON object"},
        {"{\"a\":1} x", "t.json:1:9: not JSON: expected a JSON object"},
        {"{\n \"a\": nope\n}", "t.json:2:7: not JSON: expected a JSON object"},
        {"plain text", "t.json:1:1: not JSON: expected a JSON object"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        spr_json *root;
        test_row = rows[i].text;
        test_write("t.json", rows[i].text);
        CHECK_STATUS(SPR_EINPUT, spr_json_read("t.json", &root, &err), &err);
        CHECK_TEXT(rows[i].message, err.text);
        CHECK(root == NULL);
    }
    test_row = "";
}

static enum spr_status read_one(bool record, const char *path, struct spr_error *err)
{
    spr_json *root;
    enum spr_status status =
        record ? spr_json_read_record(path, &root, err) : spr_json_read(path, &root, err);
    spr_json_free(root);
    return status;
}

/* The size is asked first: of a file too large not a byte is read, for no byte is asked for. */
static void too_large(void)
{
    static const struct {
        size_t most;
        const char *message;
    } rows[] = {{SPR_JSON_MAX, "large.json: larger than 64 MiB"},
                {SPR_JSON_RECORD_MAX, "large.json: larger than 1 GiB"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        test_row = rows[i].message;
        test_write("large.json", "{}");
        CHECK_INT(0, truncate("large.json", (off_t)rows[i].most + 1));
        spr_mem_fail_from(1);
        CHECK_STATUS(SPR_EINPUT, read_one(i == 1, "large.json", &err), &err);
        CHECK_INT(0, spr_mem_fail_from(0));
        CHECK_TEXT(rows[i].message, err.text);
    }
    /* What one reader refuses the other asks memory for. */
    struct spr_error err = {0};
    CHECK_INT(0, truncate("large.json", (off_t)SPR_JSON_MAX + 1));
    spr_mem_fail_from(1);
    CHECK_STATUS(SPR_ENOMEM, read_one(true, "large.json", &err), &err);
    spr_mem_fail_from(0);
    CHECK_INT(0, remove("large.json"));
    test_row = "";
}

static void nesting(void)
{
    enum { DEPTH = 100000 };
    char *text = malloc(2 * DEPTH + 16);
    struct spr_error err = {0};
    spr_json *root;
    strcpy(text, "{\"a\":");
    memset(text + 5, '[', DEPTH);
    strcpy(text + 5 + DEPTH, "}");
    test_write("deep.json", text);
    CHECK_STATUS(SPR_EINPUT, spr_json_read("deep.json", &root, &err), &err);
    free(text);
}

static void values(void)
{
    struct spr_error err = {0};
    spr_json *root;
    double number = -1;
    bool flag = false;
    test_write("t.json",
               "\xEF\xBB\xBF{\"text\":\"a\\u00e9\",\"Text\":1,\"n\":2.5,\"yes\":true,"
               "\"none\":null,\"huge\":1e999,\"list\":[1,2]}\n");
    CHECK_STATUS(SPR_OK, spr_json_read("t.json", &root, &err), &err);
    CHECK_TEXT("a\xC3\xA9", spr_json_text(spr_json_get(root, "text")));
    CHECK(spr_json_text(spr_json_get(root, "n")) == NULL);
    CHECK(spr_json_number(spr_json_get(root, "n"), &number));
    CHECK_EXACT(2.5, number);
    CHECK(spr_json_number(spr_json_get(root, "Text"), &number)); /* case counts */
    CHECK_EXACT(1, number);
    CHECK(!spr_json_number(spr_json_get(root, "huge"), &number));
    CHECK(!spr_json_number(spr_json_get(root, "absent"), &number));
    CHECK(spr_json_bool(spr_json_get(root, "yes"), &flag) && flag);
    CHECK(!spr_json_bool(spr_json_get(root, "n"), &flag));
    CHECK(spr_json_is_null(spr_json_get(root, "none")));
    CHECK(spr_json_is_null(spr_json_get(root, "absent")));
    CHECK(spr_json_is_object(root));
    const spr_json *list = spr_json_get(root, "list");
    CHECK(spr_json_is_array(list));
    CHECK(spr_json_number(spr_json_next(spr_json_first(list)), &number));
    CHECK_EXACT(2, number);
    CHECK(spr_json_next(spr_json_next(spr_json_first(list))) == NULL);
    CHECK(spr_json_first(NULL) == NULL);
    CHECK_INT(2, spr_json_count(list));
    CHECK_INT(0, spr_json_count(NULL));
    CHECK_TEXT("a\xC3\xA9", spr_json_get_text(root, "text"));
    CHECK(spr_json_get_text(root, "n") == NULL);
    CHECK_EXACT(2.5, spr_json_get_number(root, "n"));
    CHECK(isnan(spr_json_get_number(root, "text")));
    CHECK(spr_json_get_bool(root, "yes") && !spr_json_get_bool(root, "Text"));
    spr_json_free(root);
}

/* What one member written through an emitter looks like. */
static char *emitted(enum spr_notation notation, const char *text, double number)
{
    struct spr_emit *out = spr_calloc(1, sizeof *out);
    FILE *file = fopen("emitted", "wb");
    spr_emit_begin(out, file, 0);
    out->notation = notation;
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "text", text);
    spr_emit_number(out, "n", number);
    spr_emit_bool(out, "yes", true);
    spr_emit_open(out, "list", '[');
    spr_emit_number(out, NULL, 1);
    spr_emit_null(out, NULL);
    spr_emit_close(out, ']');
    spr_emit_null(out, "none");
    spr_emit_close(out, '}');
    spr_emit_newline(out);
    spr_emit_flush(out);
    fclose(file);
    spr_free(out);
    return test_read("emitted", NULL);
}

static void written(void)
{
    static const struct {
        enum spr_notation notation;
        const char *text;
        double number;
        const char *expected;
    } rows[] = {
        {SPR_EMIT_JSON, "a", 1.5,
         "{\"text\":\"a\",\"n\":1.5,\"yes\":true,\"list\":[1,null],\"none\":null}\n"},
        {SPR_EMIT_JSON, NULL, (double)NAN,
         "{\"text\":null,\"n\":null,\"yes\":true,\"list\":[1,null],\"none\":null}\n"},
        {SPR_EMIT_JSON, "\"\\\n\t\x01", (double)INFINITY,
         "{\"text\":\"\\\"\\\\\\u000a\\u0009\\u0001\",\"n\":null,\"yes\":true,\"list\":[1,"
         "null],"
         "\"none\":null}\n"},
        {SPR_EMIT_JSON, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 0,
         "{\"text\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\",\"n\":0,\"yes\":true,"
         "\"list\":[1,null],\"none\":null}\n"},
        /* not UTF-8: stray, cut short, overlong, surrogate, beyond U+10FFFF */
        {SPR_EMIT_JSON,
         "a\xFF"
         "b",
         0,
         "{\"text\":\"a\xEF\xBF\xBD"
         "b\",\"n\":0,\"yes\":true,\"list\":[1,null],\"none\":null}\n"},
        {SPR_EMIT_JSON, "\xC3", 0,
         "{\"text\":\"\xEF\xBF\xBD\",\"n\":0,\"yes\":true,\"list\":[1,null],\"none\":null}\n"},
        {SPR_EMIT_JSON, "\xC0\x80", 0,
         "{\"text\":\"\xEF\xBF\xBD\xEF\xBF\xBD\",\"n\":0,\"yes\":true,\"list\":[1,null],"
         "\"none\":null}\n"},
        {SPR_EMIT_JSON, "\xED\xA0\x80", 0,
         "{\"text\":\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"n\":0,\"yes\":true,"
         "\"list\":[1,null],\"none\":null}\n"},
        {SPR_EMIT_JSON, "\xF4\x90\x80\x80", 0,
         "{\"text\":\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"n\":0,\"yes\":true,"
         "\"list\":[1,null],\"none\":null}\n"},
        {SPR_EMIT_CSV_HEADER, "a", 1, "text,n,yes,none\n"},
        {SPR_EMIT_CSV_ROW, "a", 1.5, "a,1.5,true,\n"},
        {SPR_EMIT_CSV_ROW, "a, \"b\"\nc", (double)NAN, "\"a, \"\"b\"\"\nc\",,true,\n"},
        {SPR_EMIT_CSV_ROW, NULL, -2, ",-2,true,\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *text = emitted(rows[i].notation, rows[i].text, rows[i].number);
        CHECK_TEXT(rows[i].expected, text);
        free(text);
    }
}

static void long_text_passes_the_buffer(void)
{
    size_t size = 200000;
    char *text = malloc(size + 1);
    memset(text, 'y', size);
    text[size] = '\0';
    char *line = emitted(SPR_EMIT_CSV_ROW, text, 3);
    CHECK_INT(size + strlen(",3,true,\n"), strlen(line));
    free(line);
    free(text);
}

static void numbers(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-17, "-17"},
        {0.1, "0.1"},
        {0.5, "0.5"},
        {1e-9, "1e-09"},
        {1.0 / 3, "0.3333333333333333"},
        {312e12, "312000000000000"},
        {9007199254740991.0, "9007199254740991"},
        {1e300, "1e+300"},
        {5e-324, "4.94065645841247e-324"},
        {0.1 + 0.2, "0.30000000000000004"},
    };
    char text[32];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_INT(strlen(rows[i].text), spr_format_number(rows[i].value, text));
        CHECK_TEXT(rows[i].text, text);
    }
    unsigned long long state = 7;
    size_t different = 0;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = test_random(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            size_t size = spr_format_number(value, text);
            different += strtod(text, NULL) != value || size != strlen(text) || size > 25;
        }
    }
    CHECK_INT(0, different);
}

static void test_printable(void)
{
    static const struct {
        const char *text, *printable;
    } rows[] = {
        {"plain", "plain"},
        {"", ""},
        {"a\x1b[2Jb\x7f\n", "a?[2Jb??"},
        {"\xc2\x9b"
         "2J",
         "?2J"},                                    /* U+009B: CSI */
        {"\xc2\x80\xc2\x9f\xc2\xa0", "??\xc2\xa0"}, /* U+00A0 is a space */
        {"\x9b"
         "2J\x9d",
         "?2J?"}, /* the same as raw bytes */
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"caf\xe9", "caf\xe9"},      /* another encoding's letter acts on nothing */
        {"cut\xe2\x82", "cut\xe2?"}, /* half a character: its second byte could */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", rows[i].text);
        spr_make_printable(text, '?');
        CHECK_TEXT(rows[i].printable, text);
    }
}

static void test_twin_keys(void)
{
    char many[2048] = "{";
    for (int i = 0; i < 60; i++) {
        snprintf(many + strlen(many), sizeof many - strlen(many), "\"key%d\":1,", i);
    }
    snprintf(many + strlen(many), sizeof many - strlen(many), "\"key%d\":2}", 7);
    const char *const rows[][2] = {
        {"{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "c"},
        {"{\"a\":[{},{\"x\":1,\"y\":2,\"x\":1}]}", "x"},
        {"{\"\":1,\"\":1}", ""},
        {many, "key7"},
        {"{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]},\"A\":1}", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        char expected[128];
        spr_json *root;
        enum spr_status status =
            spr_json_parse("t.json", rows[i][0], strlen(rows[i][0]), &root, &err);
        test_row = rows[i][0];
        CHECK_STATUS(rows[i][1] ? SPR_EINPUT : SPR_OK, status, &err);
        if (rows[i][1]) {
            snprintf(expected, sizeof expected,
                     "t.json: the key '%s' stands twice in one object: expected it once",
                     rows[i][1]);
            CHECK_TEXT(expected, err.text);
        }
        spr_json_free(root);
    }
    test_row = "";
}

int main(void)
{
    bad_documents();
    too_large();
    nesting();
    values();
    written();
    long_text_passes_the_buffer();
    numbers();
    test_printable();
    test_twin_keys();
    return test_end();
}
