/* SPDX-License-Identifier: Apache-2.0 */
/* Seconds in words, format names, and the shape of csv and jsonl. */
#include "test.h"

#include "machine.h"
#include "sproof/report.h"

static void seconds(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{1.234, "1.23 s"}, {42, "42 s"},         {0.999, "999 ms"},
                {1e-3, "1 ms"},    {183.4e-6, "183 us"}, {42.1e-9, "42.1 ns"},
                {0, "0 ns"},       {3e-12, "0.003 ns"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[24];
        CHECK_TEXT(rows[i].text, spr_format_seconds(rows[i].value, text));
    }
}

static void formats(void)
{
    static const char *const names[] = {"table", "csv", "json", "jsonl", "md"};
    enum spr_format format;
    struct spr_error err = {0};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CHECK_INT(SPR_OK, spr_format_parse(&spr_analysis_formats, names[i], &format, NULL));
        CHECK_INT(i, format);
    }
    CHECK_STATUS(SPR_EINPUT, spr_format_parse(&spr_analysis_formats, "jsn", &format, &err),
                 &err);
    CHECK(strstr(err.text, "did you mean 'json'?") != NULL);
    CHECK_INT(SPR_OK, spr_format_parse(&spr_validation_formats, NULL, &format, NULL));
    CHECK_INT(SPR_FORMAT_TABLE, format);
}

/* A large drift says what moved, a small one is a percentage of the caller's. */
static void drifts(void)
{
    static const struct {
        double drift, most;
        const char *text; /* NULL: a percentage */
    } rows[] = {
        {19, 118e9, "5.9 -> 118 GFLOP/s (disturbed at the start)"},
        {-0.5, 118e9, "118 -> 59 GFLOP/s (disturbed or hot at the end)"},
        {0.11, 111e9, "100 -> 111 GFLOP/s (disturbed at the start)"},
        {0.1, 118e9, NULL},
        {-0.1, 118e9, NULL},
        {0, 118e9, NULL},
        {(double)NAN, 118e9, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[SPR_DRIFT_TEXT];
        const char *found = spr_format_drift(rows[i].drift, rows[i].most, text);
        CHECK((found != NULL) == (rows[i].text != NULL));
        if (found && rows[i].text) {
            CHECK_TEXT(rows[i].text, found);
        }
    }
}

/* What a report does not write is refused by name and when written. */
static void formats_not_written(void)
{
    const struct spr_report report = {.format = SPR_FORMAT_MD};
    const struct spr_validation nothing = {0};
    const char *names[SPR_FORMAT_COUNT + 1];
    static const char *const text = "unknown format 'md': expected table, csv or json";
    enum spr_format format;
    struct spr_error err = {0}, later = {0};
    CHECK_INT(SPR_EINPUT, spr_format_parse(&spr_validation_formats, "md", &format, &err));
    CHECK_TEXT(text, err.text);
    CHECK_INT(SPR_EINPUT, spr_report_validation(NULL, &nothing, &report, &later));
    CHECK_TEXT(text, later.text);
    spr_format_names(&spr_validation_formats, names);
    CHECK_TEXT("json", names[2]);
    CHECK(names[3] == NULL);
}

static size_t count_char(const char *text, char wanted)
{
    size_t count = 0;
    for (; *text; text++) {
        count += *text == wanted;
    }
    return count;
}

/* Rows: one per variant, or one per layer of each. */
static void rows_of_tables(void)
{
    struct spr_machine machine = test_machine();
    struct spr_network network;
    struct spr_analysis analysis;
    struct spr_options options = {.dtype = SPR_F16, .batches = {1, 4}, .batch_count = 2};
    struct spr_record_head head = {.command = "x", .created = "y"};
    test_write("net.csv", "layer,m,k,n,variant,pattern,sparsity\na,8,8,8,,,\nb,8,8,8,,,\n"
                          "a,,,,v,4x4,0.5\nb,,,,w,csr,0.5\nb,,,,u,2:4,\n");
    CHECK_INT(SPR_OK, spr_network_read("net.csv", &network, NULL, NULL));
    CHECK_INT(SPR_OK, spr_analyze(&network, &machine, &options, &analysis, NULL));
    static const struct {
        enum spr_format format;
        bool layers;
        size_t lines;
    } rows[] = {{SPR_FORMAT_CSV, false, 1 + 6},
                {SPR_FORMAT_CSV, true, 1 + 12},
                {SPR_FORMAT_JSONL, false, 6},
                {SPR_FORMAT_JSONL, true, 12}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_report report = {.format = rows[i].format, .layers = rows[i].layers};
        struct spr_error err = {0};
        FILE *file = fopen("report", "wb");
        CHECK_STATUS(SPR_OK, spr_report_write(file, &analysis, &head, &report, &err), &err);
        fclose(file);
        char *text = test_read("report", NULL);
        CHECK_INT(rows[i].lines, count_char(text, '\n'));
        if (rows[i].format == SPR_FORMAT_CSV && !rows[i].layers) {
            /* as many cells in each row as in the header */
            size_t header = 0, line = 0;
            for (const char *c = text; *c; c++) {
                line += *c == ',';
                if (*c == '\n') {
                    header = header ? header : line;
                    CHECK_INT(header, line);
                    line = 0;
                }
            }
            CHECK(header > 10);
        }
        free(text);
    }
    spr_analysis_free(&analysis);
    spr_network_free(&network);
    spr_machine_free(&machine);
}

int main(void)
{
    seconds();
    formats();
    formats_not_written();
    drifts();
    rows_of_tables();
    return test_end();
}
