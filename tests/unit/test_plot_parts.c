/* SPDX-License-Identifier: Apache-2.0 */
/* What pictures are made of: names in scripts, labels that lie apart, axes, names of files. */
#include "test.h"

#include "plot/figure.h"
#include "plot/picture_files.h"
#include "plot/gnuplot.h"

static void kinds(void)
{
    static const char *const names[] = {"roofline",  "sparsity", "speedup", "layers",
                                        "waterfall", "error",    "two",     "all"};
    enum spr_plot_kind kind;
    struct spr_error err = {0};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CHECK_INT(SPR_OK, spr_plot_kind_parse(names[i], &kind, NULL));
        CHECK_INT(i, kind);
        CHECK_TEXT(names[i], spr_plot_kind_name(kind));
    }
    CHECK_STATUS(SPR_EINPUT, spr_plot_kind_parse("rofline", &kind, &err), &err);
    CHECK(strstr(err.text, "did you mean 'roofline'?") != NULL);
}

static void clean_names(void)
{
    static const struct {
        const char *source, *clean;
    } rows[] = {{"layer.0", "layer.0"},
                {"it's", "it\xe2\x80\x99s"},
                {"`id` \"x\"", "\xe2\x80\x99id\xe2\x80\x99 \xe2\x80\x9dx\xe2\x80\x9d"},
                {"a\\n", "a\xe2\x88\x96n"},
                {"a\tb\nEOD", "a b EOD"},
                {"\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac"},
                {"\xff\xc3", "??"},
                {"\xed\xa0\x80", "???"},
                {"\xef\xbf\xbf", "???"},
                {"\x7f", "?"},
                {"0123456789abc", "01234567.."},
                {NULL, ""}};
    char clean[SPR_CLEAN_TEXT], many[3 * SPR_CLEAN_TEXT];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].clean;
        CHECK_TEXT(rows[i].clean, spr_text_clean(rows[i].source, 10, clean));
    }
    test_row = "";
    memset(many, '\'', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    CHECK(strlen(spr_text_clean(many, SIZE_MAX, clean)) < SPR_CLEAN_TEXT);
}

static void quoting(void)
{
    struct spr_text text = {0};
    spr_text_add_quoted(&text, "a'b\nc\"`$");
    CHECK_TEXT("'a''b'.\"\\012\".'c\"`$'", text.data);
    spr_text_free(&text);
    spr_text_add_csv(&text, "plain");
    spr_text_add_csv_number(&text, 0.1);
    spr_text_add_csv_number(&text, (double)NAN);
    spr_text_add(&text, ",");
    spr_text_add_csv(&text, "say \"x\", y");
    CHECK_TEXT("plain,0.1,,\"say \"\"x\"\", y\"", text.data);
    spr_text_free(&text);
    spr_text_add_csv(&text, "=1+1");
    spr_text_add_csv_number(&text, -0.5);
    spr_text_add(&text, ",");
    spr_text_add_csv(&text, "-x\"y");
    spr_text_add(&text, ",");
    spr_text_add_csv(&text, "\tx");
    spr_text_add(&text, ",");
    spr_text_add_csv(&text, NULL);
    CHECK_TEXT("\"'=1+1\",-0.5,\"'-x\"\"y\",\"'\tx\",", text.data);
    spr_text_free(&text);
}

static void short_numbers(void)
{
    char text[SPR_SHORT_TEXT];
    CHECK_TEXT("312 T", spr_text_si(312e12, text));
    CHECK_TEXT("19.5 T", spr_text_si(19.5e12, text));
    CHECK_TEXT("0.5 ", spr_text_si(0.5, text));
    CHECK_TEXT("183 us", spr_text_time(183e-6, true, text));
    CHECK_TEXT("9.21 ms", spr_text_time(9.21e-3, true, text));
    CHECK_TEXT("1.62x", spr_text_factor(1.62, text));
    CHECK_TEXT("20.0x", spr_text_factor(20, text));
    CHECK_TEXT("0.050x", spr_text_factor(0.05, text));
}

static bool apart(const struct spr_box *a, const struct spr_box *b)
{
    return a->right <= b->left || b->right <= a->left || a->top <= b->bottom ||
           b->top <= a->bottom;
}

static void labels_lie_apart(void)
{
    struct spr_placer placer = {.area = {0, 0, 400, 300}};
    struct spr_box boxes[200];
    const double size[2] = {30, 12};
    unsigned long long state = 1;
    size_t placed = 0;
    for (size_t i = 0; i < COUNT_OF(boxes); i++) {
        const double at[2] = {(double)test_between(&state, 0, 400),
                              (double)test_between(&state, 0, 300)};
        if (!spr_place_label(&placer, at, 8, size, &boxes[placed])) {
            continue;
        }
        CHECK(boxes[placed].left >= 0 && boxes[placed].right <= 400);
        CHECK(boxes[placed].bottom >= 0 && boxes[placed].top <= 300);
        for (size_t j = 0; j < placed; j++) {
            CHECK(apart(&boxes[placed], &boxes[j]));
        }
        placed++;
    }
    CHECK(placed > 60 && placed < COUNT_OF(boxes));
    CHECK(!placer.failed);
    spr_placer_free(&placer);
}

static void labels_avoid_lines(void)
{
    struct spr_placer placer = {.area = {0, 0, 200, 200}};
    const double from[2] = {100, 100}, to[2] = {200, 100}, size[2] = {30, 12};
    struct spr_box box = {0};
    spr_place_line(&placer, from, to, 5);
    CHECK(spr_place_label(&placer, from, 5, size, &box));
    CHECK(box.bottom >= 100 || box.left < 100);
    spr_placer_free(&placer);
}

static void ticks(void)
{
    static const struct {
        double low, high, length;
        const char *expected;
        enum spr_tick_form form;
        bool log;
    } rows[] = {
        {0, 1, 250,
         "set xtics ('0' 0, '0.2' 0.2, '0.4' 0.4, '0.6' 0.6, '0.8' 0.8, '1' 1) nomirror\n",
         SPR_TICK_PLAIN, false},
        {0.15, 12, 400,
         "'0.5' 0.5, '' 0.6 1, '' 0.7 1, '' 0.8 1, '' 0.9 1, '1' 1, '2' 2, '' 3 1",
         SPR_TICK_PLAIN, true},
        {1.2, 3.1, 400, "('1.5' 1.5, '2' 2, '2.5' 2.5, '3' 3)", SPR_TICK_PLAIN, true},
        {5e8, 2e12, 160, "'10 G' 1e+10, '' 1e+11 1, '1 T' 1e+12)", SPR_TICK_SI, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_axis axis = {.log = rows[i].log,
                                .low = rows[i].low,
                                .high = rows[i].high,
                                .form = rows[i].form};
        struct spr_text text = {0};
        spr_axis_settings(&axis, 'x', rows[i].length, 45, &text);
        test_row = rows[i].expected;
        CHECK(text.data && strstr(text.data, rows[i].expected) != NULL);
        if (text.data && !strstr(text.data, rows[i].expected)) {
            printf("%s", text.data);
        }
        spr_text_free(&text);
    }
    test_row = "";
}

static void axes(void)
{
    struct spr_axis axis = spr_axis_make(true, 1, 100, SPR_TICK_PLAIN, "x");
    CHECK_NEAR(0.5, spr_axis_fraction(&axis, 10), 1e-12);
    CHECK_NEAR(10, spr_axis_value(&axis, 0.5), 1e-12);
    axis = spr_axis_make(false, 3, 3, SPR_TICK_PLAIN, "x");
    CHECK(axis.low < 3 && axis.high > 3);
    axis = spr_axis_make(false, HUGE_VAL, -HUGE_VAL, SPR_TICK_PLAIN, "x");
    CHECK(axis.low < axis.high);
    axis.flipped = true;
    CHECK_NEAR(1, spr_axis_fraction(&axis, axis.low), 1e-12);
    CHECK_NEAR(axis.high, spr_axis_value(&axis, 0), 1e-12);
}

static void file_names(void)
{
    static const struct {
        const char *output;
        bool many;
        const char *script, *picture; /* NULL: refused */
    } rows[] = {
        {NULL, false, "sproof-speedup.gp", "sproof-speedup.svg"},
        {"a.png", false, "a.gp", "a.png"},
        {"d.x/a b.pdf", false, "d.x/a b.gp", "d.x/a b.pdf"},
        {"run1", true, "run1-speedup.gp", "run1-speedup.svg"},
        {"run1.png", true, "run1-speedup.gp", "run1-speedup.png"},
        {"out/", true, "out/speedup.gp", "out/speedup.svg"},
        {"a.jpg", false, NULL, NULL},
        {"a", false, NULL, NULL},
        {"", false, NULL, NULL},
        {".svg", false, NULL, NULL},
        {"d/.svg", false, NULL, NULL},
    };
    struct spr_names_of_plot names;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        enum spr_status status =
            spr_plot_names(SPR_PLOT_SPEEDUP, rows[i].output, rows[i].many, &names, &err);
        test_row = rows[i].output ? rows[i].output : "none";
        CHECK_STATUS(rows[i].script ? SPR_OK : SPR_EINPUT, status, &err);
        if (rows[i].script && status == SPR_OK) {
            CHECK_TEXT(rows[i].script, names.script);
            CHECK_TEXT(rows[i].picture, names.picture);
        }
    }
    test_row = "";
    char longest[SPR_PLOT_PATH + 8];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + sizeof longest - 5, ".svg", 5);
    CHECK_INT(SPR_EINPUT, spr_plot_names(SPR_PLOT_SPEEDUP, longest, false, &names, NULL));
}

static void svg_without_scripts(void)
{
    struct spr_text in = {0}, out = {0};
    spr_text_add(&in,
                 "<title>Gnuplot</title><g onmousemove=\"gnuplot_svg.showHypertext(evt,'a "
                 "&lt; b | second')\" onmouseout=\"gnuplot_svg.hideHypertext()\"><title> "
                 "</title><use/></g><text font-family=\"Arial\">x</text></svg>");
    spr_svg_finish(&in, "a & b", &out);
    CHECK_TEXT("<title>a &amp; b</title><g><title>a &lt; b\nsecond</title><use/></g><text "
               "font-family=\"Arial,Helvetica,sans-serif\">x</text></svg>",
               out.data);
    spr_text_free(&in);
    spr_text_free(&out);
}

/* gnuplot leaves "]]>" as it is, which ends the document for who reads XML. */
static void svg_of_closing_brackets(void)
{
    struct spr_text in = {0}, out = {0};
    spr_text_add(&in, "<svg><script><![CDATA[ a < b ]]></script><title>Gnuplot</title>"
                      "<g onmousemove=\"gnuplot_svg.showHypertext(evt,'a]]> | ]]]>')\" "
                      "onmouseout=\"gnuplot_svg.hideHypertext()\"><title> </title></g>"
                      "<text>m[i]]]>x]] ></text></svg>");
    spr_svg_finish(&in, "b]]>", &out);
    CHECK_TEXT("<svg><script><![CDATA[ a < b ]]></script><title>b]]&gt;</title>"
               "<g><title>a]]&gt;\n]]]&gt;</title></g>"
               "<text>m[i]]]&gt;x]] ></text></svg>",
               out.data);
    spr_text_free(&in);
    spr_text_free(&out);
}

int main(void)
{
    kinds();
    clean_names();
    quoting();
    short_numbers();
    labels_lie_apart();
    labels_avoid_lines();
    ticks();
    axes();
    file_names();
    svg_without_scripts();
    svg_of_closing_brackets();
    return test_end();
}
