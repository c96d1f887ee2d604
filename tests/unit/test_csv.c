/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: numbers, fractions, and what is said of every kind of bad file. */
#include "test.h"

#include "base/csv.h"
#include "base/whole.h"

static void numbers(void)
{
    static const struct {
        const char *text;
        bool valid;
        double value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"1", true, 1},
        {"0.5", true, 0.5},
        {".5", true, 0.5},
        {"5.", true, 5},
        {"1e3", true, 1000},
        {"1E-3", true, 0.001},
        {"-2.5", true, -2.5},
        {"+7", true, 7},
        {"1e308", true, 1e308},
        {"1e309", false, 0},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"nan", false, 0},
        {"inf", false, 0},
        {"infinity", false, 0},
        {"0x10", false, 0},
        {"1,5", false, 0},
        {"1e", false, 0},
        {"--1", false, 0},
        {"1.2.3", false, 0},
        {"e5", false, 0},
        {"1_000", false, 0},
        {".", false, 0},
        {"9007199254740993", true, 9007199254740992.0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double value = -1;
        test_row = rows[i].text;
        CHECK_INT(rows[i].valid, spr_parse_number(rows[i].text, &value));
        CHECK_EXACT(rows[i].valid ? rows[i].value : -1, value);
    }
    test_row = "";
}

static void whole_numbers(void)
{
    static const struct {
        const char *text;
        bool valid;
        double value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"0e-400", true, 0},
        {"12", true, 12},
        {"12.0", true, 12},
        {"1.2e1", true, 12},
        {"120e-1", true, 12},
        {"0.012e3", true, 12},
        {"-3", true, -3},
        {"9007199254740992", true, 0x1p53},
        {"9007199254740994", false, 0},
        {"1e300", false, 0},
        {"1.5", false, 0},
        {"0.5", false, 0},
        {"121e-1", false, 0},
        {"5e-324", false, 0},
        {"1e-400", false, 0},
        {"1.00000000000000000001", false, 0},
        {"4503599627370496.3", false, 0},
        {"1e", false, 0},
        {"nan", false, 0},
        {"inf", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double value = 0;
        test_row = rows[i].text;
        CHECK_INT(rows[i].valid, spr_parse_whole(rows[i].text, &value));
        CHECK_NEAR(rows[i].value, value, 0);
        CHECK(!signbit(value) || value < 0);
    }
    test_row = "";
    CHECK(spr_is_mean_count((double)NAN, 3) && spr_is_mean_count(10.0 / 3, 3));
    CHECK(spr_is_mean_count(7, 1) && spr_is_mean_count(12.5, 2) && spr_is_mean_count(0, 5));
    CHECK(!spr_is_mean_count(0.5, 1) && !spr_is_mean_count(5e-324, 1));
    CHECK(!spr_is_mean_count(5e-324, 3) && !spr_is_mean_count(12.25, 2));
}

static void fractions(void)
{
    static const struct {
        const char *text;
        bool valid;
        double value;
    } rows[] = {
        {"0", true, 0},
        {"1", true, 1},
        {"0.9", true, 0.9},
        {"90%", true, 0.9},
        {"100%", true, 1},
        {"0%", true, 0},
        {"62.5%", true, 0.625},
        {"-0", true, 0},
        {"1.5", false, 0},
        {"150%", false, 0},
        {"-0.1", false, 0},
        {"-1%", false, 0},
        {"90", false, 0},
        {"%", false, 0},
        {"", false, 0},
        {"90%%", false, 0},
        {"9 0%", false, 0},
        {"nan", false, 0},
        {"1e400", false, 0},
        {"0.0000000000000000000000000000000000000000000000000000000000000001", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double value = -1;
        test_row = rows[i].text;
        CHECK_INT(rows[i].valid, spr_parse_fraction(rows[i].text, &value));
        CHECK_EXACT(rows[i].valid ? rows[i].value : -1, value);
        CHECK(!signbit(value) || !rows[i].valid);
    }
    test_row = "";
}

/* A table of two columns, rows gathered as "name=size;" */
enum { NAME, SIZE, SHARE };
static const char *const columns[] = {"name", "size", "share", NULL};

struct seen {
    char text[512];
};

static enum spr_status on_row(struct spr_csv *csv, void *context)
{
    struct seen *seen = context;
    int64_t size = -1;
    double share = -1;
    enum spr_status status = spr_csv_integer(csv, SIZE, 1, (int64_t)1 << 40, &size);
    status = status ? status : spr_csv_fraction(csv, SHARE, &share);
    if (status == SPR_OK) {
        size_t used = strlen(seen->text);
        snprintf(seen->text + used, sizeof seen->text - used, "%zu:%s=%lld;", csv->line,
                 spr_csv_cell(csv, NAME), (long long)size);
    }
    return status;
}

static enum spr_status read_text(const char *text, size_t size, struct seen *seen,
                                 struct spr_notes *notes, struct spr_error *err)
{
    *seen = (struct seen){{0}};
    *err = (struct spr_error){0};
    test_write_bytes("t.csv", text, size);
    return spr_csv_read("t.csv", columns, 2, on_row, seen, notes, err);
}

static void good_tables(void)
{
    static const struct {
        const char *text, *rows;
    } rows[] = {
        {"name,size\na,1\nb,2\n", "2:a=1;3:b=2;"},
        {"name,size\na,1\nb,2", "2:a=1;3:b=2;"},    /* no last newline */
        {"size,name\n1,a\n", "2:a=1;"},             /* any order */
        {"name,size\r\na,1\r\n", "2:a=1;"},         /* CRLF */
        {"\xEF\xBB\xBFname,size\na,1\n", "2:a=1;"}, /* BOM */
        {"# made by hand\nname,size\n# more\na,1\n", "4:a=1;"},
        {"\n\nname,size\n\na,1\n\n", "5:a=1;"}, /* empty lines */
        {"name,size\n\"a, b\",1\n", "2:a, b=1;"},
        {"name,size\n\"say \"\"a\"\"\",1\n", "2:say \"a\"=1;"},
        {"name,size\n\"two\nlines\",1\nc,2\n", "2:two\nlines=1;4:c=2;"},
        {"name,size\n\"# no comment\",1\n", "2:# no comment=1;"},
        {"name,size\n\"a\n# inside\",1\n", "2:a\n# inside=1;"},
        {"name,size\na\n", "2:a=-1;"},      /* a short row: cells missing */
        {"name,size\na,1,,\n", "2:a=1;"},   /* a long row */
        {"name,size,\na,1,\n", "2:a=1;"},   /* trailing commas */
        {"name,size\n  a  ,1\n", "2:a=1;"}, /* blanks around a cell */
        {"name,size\na,1099511627776\n", "2:a=1099511627776;"},
    };
    struct seen seen;
    struct spr_error err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].text;
        CHECK_STATUS(SPR_OK, read_text(rows[i].text, strlen(rows[i].text), &seen, NULL, &err),
                     &err);
        CHECK_TEXT(rows[i].rows, seen.text);
    }
    test_row = "";
}

static void bad_tables(void)
{
#define ROW(text, message)                                                                    \
    {                                                                                         \
        text, sizeof(text) - 1, message                                                       \
    }
    static const struct {
        const char *text;
        size_t size;
        const char *message;
    } rows[] = {
        ROW("", "t.csv: empty file: expected a header row with 'name'"),
        ROW("# only a comment\n", "t.csv: empty file: expected a header row with 'name'"),
        ROW("name\na\n",
            "t.csv:1: column 'size' is missing: expected a header row with 'size'"),
        ROW("name,size,name\na,1,b\n", "t.csv:1: column 'name' appears twice"),
        ROW("name,size\na,0\n", "t.csv:2: column 'size': '0': expected an integer 1..2^40"),
        ROW("name,size\na,-1\n", "t.csv:2: column 'size': '-1': expected an integer 1..2^40"),
        ROW("name,size\na,1.5\n",
            "t.csv:2: column 'size': '1.5': expected an integer 1..2^40"),
        ROW("name,size\na,x\n", "t.csv:2: column 'size': 'x': expected an integer 1..2^40"),
        ROW("name,size\na,9223372036854775808\n",
            "t.csv:2: column 'size': '9223372036854775808': expected an integer 1..2^40"),
        ROW("name,size\na,1099511627777\n",
            "t.csv:2: column 'size': '1099511627777': expected an integer 1..2^40"),
        ROW("name,size,share\na,1,1.5\nb,x,\n",
            "t.csv:2: column 'share': '1.5': expected a fraction 0..1 or a percentage "
            "0%..100%\n"
            "t.csv:3: column 'size': 'x': expected an integer 1..2^40"),
        ROW("name,size\n\"a,1\nb,2\n",
            "t.csv:2: a quoted cell that starts here is never closed"),
        ROW("name,size\na\"b,1\n", "t.csv:2: a quote in the wrong place: expected RFC 4180 "
                                   "CSV, quotes around a whole "
                                   "cell and doubled inside it"),
        ROW("name,size\na\0b,1\n", "t.csv:2: a NUL byte: expected a text file in CSV"),
    };
#undef ROW
    struct seen seen;
    struct spr_error err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].text;
        CHECK_STATUS(SPR_EINPUT, read_text(rows[i].text, rows[i].size, &seen, NULL, &err),
                     &err);
        CHECK_TEXT(rows[i].message, err.text);
    }
    test_row = "";
}

static void twenty_bad_rows(void)
{
    static char text[4000];
    size_t used = (size_t)snprintf(text, sizeof text, "name,size\n");
    for (int i = 0; i < 100; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "a,bad\n");
    }
    struct seen seen;
    struct spr_error err;
    CHECK_STATUS(SPR_EINPUT, read_text(text, used, &seen, NULL, &err), &err);
    size_t lines = 1;
    for (const char *c = err.text; *c; c++) {
        lines += *c == '\n';
    }
    CHECK_INT(21, lines);
    CHECK(strstr(err.text, "t.csv:21: column 'size'") != NULL);
    CHECK(strstr(err.text, "t.csv:22") == NULL);
    CHECK(strstr(err.text, "\nt.csv: 20 bad rows, reading stopped") != NULL);
}

static void limits(void)
{
    struct seen seen;
    struct spr_error err;
    size_t size = (size_t)3 << 20;
    char *text = malloc(size);
    memset(text, 'x', size);
    memcpy(text, "name,size\n", 10);
    CHECK_STATUS(SPR_EINPUT, read_text(text, size, &seen, NULL, &err), &err);
    CHECK_TEXT("t.csv:2: a line longer than 1 MiB: expected a CSV table", err.text);
    memset(text, ',', 3000);
    memcpy(text, "name,size\n", 10);
    CHECK_STATUS(SPR_EINPUT, read_text(text, 3000, &seen, NULL, &err), &err);
    CHECK_TEXT("t.csv:2: more than 1024 cells in a row", err.text);
    free(text);
}

static void warnings(void)
{
    struct seen seen;
    struct spr_error err;
    struct spr_notes notes = {0};
    const char *text = "name,size,shaer,wombat,\na,1,2,3,\n";
    CHECK_STATUS(SPR_OK, read_text(text, strlen(text), &seen, &notes, &err), &err);
    CHECK_INT(2, notes.count);
    CHECK_TEXT("t.csv:1: unknown column 'shaer' is ignored; did you mean 'share'?",
               notes.line[0]);
    CHECK_TEXT("t.csv:1: unknown column 'wombat' is ignored", notes.line[1]);
    spr_notes_free(&notes);
}

static void no_file(void)
{
    struct seen seen = {{0}};
    struct spr_error err = {0};
    CHECK_STATUS(SPR_EINPUT, spr_csv_read("absent.csv", columns, 2, on_row, &seen, NULL, &err),
                 &err);
    CHECK_TEXT("absent.csv: No such file or directory", err.text);
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EINPUT, spr_csv_read(".", columns, 2, on_row, &seen, NULL, &err), &err);
    CHECK_TEXT(".: is a directory: expected a CSV file", err.text);
}

int main(void)
{
    numbers();
    whole_numbers();
    fractions();
    good_tables();
    bad_tables();
    twenty_bad_rows();
    limits();
    warnings();
    no_file();
    return test_end();
}
