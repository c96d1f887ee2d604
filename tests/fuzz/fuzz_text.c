/* SPDX-License-Identifier: Apache-2.0 */
/* Names in what is written for people and for gnuplot: pieces of the input are those of a layer, a
 * variant, the network, the machine, a file. What was written is parsed again (text_check.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/emit.h"
#include "base/json.h"
#include "base/markdown.h"
#include "base/table.h"
#include "fuzz.h"
#include "plot/draw.h"
#include "plot/picture_files.h"
#include "text_check.h"

#define NAMES 6
#define KINDS (SPR_PLOT_ERROR + 1)
enum name { LAYER, VARIANT, NETWORK, MACHINE, FILE_NAME, METHOD };

static const char *data_of(const struct spr_text *text)
{
    return text->data ? text->data : "";
}

static void check_plot_words(const char *name)
{
    char clean[SPR_CLEAN_TEXT];
    struct spr_text text = {0};
    for (size_t most = 8; most <= 4096; most *= 8) {
        spr_text_clean(name, most, clean);
        fuzz_require(check_clean(clean) && spr_text_width(clean) <= most,
                     "a cleaned name is one line of harmless text");
    }
    spr_text_add_quoted(&text, name);
    fuzz_require(check_gnuplot_string(data_of(&text), name), "gnuplot reads the quoted bytes");
    spr_text_free(&text);
    spr_text_add_file(&text, name);
    fuzz_require(check_gnuplot_file(data_of(&text), name), "gnuplot opens that file alone");
    spr_text_free(&text);
    spr_text_add_shell_word(&text, name);
    fuzz_require(!*name || check_shell_word(data_of(&text), name), "a shell reads one word");
    spr_text_free(&text);
    spr_text_add_csv(&text, name);
    fuzz_require(check_csv_field(data_of(&text), name), "a CSV field is one field");
    spr_text_free(&text);
}

static void check_tables(const char *name)
{
    char short_name[SPR_TABLE_CELL], *written = NULL;
    size_t size = 0;
    struct spr_table table = {.column_count = 2, .left = {true}, .markdown = true};
    FILE *file = open_memstream(&written, &size);
    fuzz_require(file != NULL, "there is memory");
    spr_text_short(name, 30, short_name);
    fuzz_require(check_printable(short_name), "a table holds no control characters");
    spr_table_heads(&table, (const char *const[]){"name", "n"}, 2);
    spr_table_row(&table);
    spr_table_cell(&table, 0, "%s", short_name);
    spr_table_cell(&table, 1, "1");
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
    fclose(file);
    fuzz_require(check_markdown_table(written, 2), "a name makes no column of its own");
    free(written);
}

/* Names are made printable before they are kept. */
static void check_markdown(const char *name)
{
    char *text = NULL, *plain = strdup(name);
    size_t size = 0;
    fuzz_require(plain != NULL, "there is memory");
    spr_make_printable(plain, '?');
    fuzz_require(check_printable(plain), "printable text holds no control characters");
    FILE *file = open_memstream(&text, &size);
    fuzz_require(file != NULL, "there is memory");
    const size_t escapes = spr_markdown_text(file, plain);
    fflush(file);
    fuzz_require(check_markdown_text(text, plain, escapes), "Markdown shows the name");
    rewind(file);
    spr_markdown_code(file, plain);
    fclose(file);
    fuzz_require(!*plain || check_code_span(text, size, plain), "a code span holds the name");
    free(text);
    free(plain);
}

static void check_emitted(const char *name)
{
    char *text = NULL;
    size_t size = 0;
    spr_json *root = NULL;
    FILE *file = open_memstream(&text, &size);
    struct spr_emit *out = spr_emit_new(file, 0);
    fuzz_require(file && out, "there is memory");
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "name", name);
    spr_emit_close(out, '}');
    spr_emit_end(out);
    fclose(file);
    fuzz_require(spr_json_parse("emitted", text, size, &root, NULL) == SPR_OK, "JSON is JSON");
    const char *back = spr_json_get_text(root, "name");
    fuzz_require(back && (!spr_utf8_is_name(name) || strcmp(back, name) == 0),
                 "JSON keeps the name");
    spr_json_free(root);
    free(text);
}

/* A layer that was measured, with an error to draw. */
static struct spr_validation measured(const char *const names[NAMES],
                                      struct spr_validation_case *c)
{
    *c = (struct spr_validation_case){.layer = names[LAYER],
                                      .variant = names[VARIANT],
                                      .m = 30,
                                      .k = 17,
                                      .n = 5,
                                      .count = 3,
                                      .pattern = spr_pattern_dense(),
                                      .sparsity = 0.5,
                                      .threads = 1,
                                      .residency = SPR_RESIDENCY_WARM,
                                      .bound_s = 1e-6,
                                      .expected_s = 2e-6,
                                      .measured = {.median_s = 3e-6},
                                      .dense = {.measured = {.median_s = 4e-6}},
                                      .bound_speedup = 3,
                                      .expected_speedup = 2,
                                      .measured_speedup = 1.5,
                                      .speedup_error = 1 / 3.0};
    return (struct spr_validation){.head = {.model = {.path = names[NETWORK]}},
                                   .machine = {.description = names[MACHINE]},
                                   .openblas_core = names[METHOD],
                                   .cases = c,
                                   .case_count = 1};
}

/* One picture of a small network; the words of a script of plain names are those of any. */
static void draw(const struct spr_analysis *analysis, const char *const names[NAMES], int kind,
                 bool dumb, bool plain)
{
    static spr_draw *const draws[] = {spr_draw_roofline, spr_draw_sparsity,  spr_draw_speedup,
                                      spr_draw_layers,   spr_draw_waterfall, spr_draw_error};
    struct spr_validation_case only;
    const struct spr_validation validation = measured(names, &only);
    const struct spr_plot_request request = {.kind = (enum spr_plot_kind)kind,
                                             .validation = &validation};
    struct spr_figure figure = {.kind = (enum spr_plot_kind)kind,
                                .dumb = dumb,
                                .width = 80,
                                .height = 24,
                                .file = names[FILE_NAME],
                                .script = names[FILE_NAME]};
    struct spr_text script = {0}, drawn = {0}, finished = {0};
    if (draws[kind](analysis, &request, &figure, NULL) == SPR_OK) {
        fuzz_require(spr_figure_script(&figure, &script), "there is memory");
        check_script(data_of(&script), plain);
        fuzz_require(check_csv_table(data_of(&figure.csv)), "rows of points have one length");
        picture_of_script(data_of(&script), &drawn);
        spr_svg_finish(&drawn, data_of(&figure.title), &finished);
        fuzz_require(check_xml(data_of(&finished)), "an SVG is well-formed XML");
    }
    spr_text_free(&script);
    spr_text_free(&drawn);
    spr_text_free(&finished);
    spr_figure_free(&figure);
}

/* Few: the texts count. */
static void add_variants(struct spr_network *network)
{
    static const double sparsities[] = {0.5, 0.97};
    struct spr_pattern patterns[2];
    const struct spr_grid grid = {patterns, 2, sparsities, 2};
    fuzz_require(spr_pattern_parse("csr", &patterns[0], NULL) == SPR_OK &&
                     spr_pattern_parse("4x4", &patterns[1], NULL) == SPR_OK &&
                     spr_network_add_grid(network, &grid, NULL) == SPR_OK,
                 "a grid is added");
}

/* Names of layers, variants and methods come out of tables, which take text alone; that of the
 * network is a file's. */
static void draw_both(const char *const names[NAMES], int kind, bool plain)
{
    struct spr_network network = fuzz_network();
    struct spr_machine machine = fuzz_machine();
    struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    struct spr_analysis analysis;
    add_variants(&network);
    network.name = network.path = names[NETWORK];
    network.layers[0].name = names[LAYER];
    machine.name = names[MACHINE];
    for (size_t v = 0; v < network.variant_count; v++) {
        network.variants[v].accuracy = 0.5 + (double)v / 1000;
        network.variants[v].method = names[METHOD];
    }
    network.variants[network.variant_count / 2].name = names[VARIANT];
    fuzz_require(spr_analyze(&network, &machine, &options, &analysis, NULL) == SPR_OK,
                 "the small network can be analyzed");
    draw(&analysis, names, kind, false, plain);
    draw(&analysis, names, kind, true, plain);
    spr_analysis_free(&analysis);
    spr_network_free(&network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const plain[NAMES] = {"a", "b", "c", "d", "e", "f"};
    static bool learnt;
    struct fuzz_piece rest = {data, size}, piece;
    char name[NAMES][512] = {""};
    const char *names[NAMES];
    for (int kind = 0; kind < KINDS && !learnt; kind++) {
        draw_both(plain, kind, true);
    }
    learnt = true;
    for (size_t i = 0; i < NAMES; i++) {
        if (fuzz_next(&rest, &piece)) {
            const size_t length = piece.size < 511 ? piece.size : 511;
            memcpy(name[i], piece.bytes ? piece.bytes : data, length);
        }
        check_plot_words(name[i]);
        check_tables(name[i]);
        check_markdown(name[i]);
        check_emitted(name[i]);
        if (!spr_utf8_is_name(name[i]) && i != NETWORK && i != FILE_NAME) {
            spr_make_printable(name[i], '?');
        }
        names[i] = name[i][0] ? name[i] : plain[i];
    }
    draw_both(names, (int)(size % KINDS), false);
    return 0;
}
