/* SPDX-License-Identifier: Apache-2.0 */
/* Time per operator before and after pruning, coloured by what limits it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "plot/bars.h"
#include "plot/draw.h"
#include "plot/rows.h"

struct scene {
    const struct spr_analysis *analysis;
    const struct spr_plot_request *request;
    const struct spr_result *result;
    struct spr_figure *figure;
    struct spr_rows rows;
    double unit; /* of the x axis, in seconds */
    const char *unit_name;
    double slot;   /* height of a row, in units of y */
    double height; /* of all, in units of y */
    struct spr_bar *bars;
};

static void set_axes(struct scene *scene)
{
    static const struct {
        double seconds;
        const char *name, *ascii;
    } units[] = {
        {1, "s", "s"}, {1e-3, "ms", "ms"}, {1e-6, "\xc2\xb5s", "us"}, {1e-9, "ns", "ns"}};
    struct spr_figure *figure = scene->figure;
    char label[96];
    double most = 0;
    for (size_t i = 0; i < scene->rows.count; i++) {
        const struct spr_row *row = &scene->rows.row[i];
        most = fmax(most, fmax(row->before_s, row->after_s));
        most = fmax(most, fmax(row->bound_before_s, row->bound_after_s));
    }
    size_t u = 0;
    while (u < 3 && most < units[u].seconds) {
        u++;
    }
    scene->unit = units[u].seconds;
    scene->unit_name = figure->dumb ? units[u].ascii : units[u].name;
    snprintf(label, sizeof label, "time of all operators of the row (%s)", scene->unit_name);
    figure->x =
        spr_axis_make(false, 0, most > 0 ? most / scene->unit : 1, SPR_TICK_PLAIN, label);
    figure->x.low = 0;
    figure->x.high *= 1.2; /* room for the numbers at the ends of the bars */
    double length = figure->area.top - figure->area.bottom;
    scene->height = figure->dumb ? length : (double)scene->rows.count;
    scene->slot = figure->dumb ? 2 : 1;
    figure->y = (struct spr_axis){.high = scene->height, .form = SPR_TICK_NONE};
}

/* Place of the dense bar (half 0) or the pruned one (half 1) of a row; of both at once for an
 * operator that stays as it is (half 2). */
static struct spr_bar place(const struct scene *scene, size_t row, int half)
{
    double top = scene->height - (double)row * scene->slot - 0.1 * scene->slot;
    double part = 0.4 * scene->slot;
    if (scene->figure->dumb) {
        /* Characters are whole: the first line below the frame is at one. */
        top = scene->height - (double)row * scene->slot - 0.5;
        part = 1;
        half = half == 2 ? 0 : half;
    }
    if (half == 2) {
        return (struct spr_bar){0, 0, top - 1.5 * part, top - 0.5 * part};
    }
    return (struct spr_bar){0, 0, top - part * (half + 1), top - part * half};
}

/* The segment of one limit in the stack of a row. */
static bool segment(const struct scene *scene, const double parts[SPR_PARTS_MAX], size_t limit,
                    struct spr_bar *bar)
{
    double from = 0;
    for (size_t i = 0; i < limit; i++) {
        from += parts[i];
    }
    bar->from = from / scene->unit;
    bar->to = (from + parts[limit]) / scene->unit;
    return parts[limit] > 0;
}

/* Limits of kernels: orange and yellow for arithmetic, blues and green for traffic. */
static struct spr_paint paint_expected(size_t limit, bool pale, char title[SPR_CLEAN_TEXT])
{
    static const char *const colors[SPR_LIMIT_COUNT + 1][2] = {
        [SPR_LIMIT_FMA] = {SPR_ORANGE, "#F8DFA8"},
        [SPR_LIMIT_LATENCY] = {SPR_VERMILLION, "#F2C4A6"},
        [SPR_LIMIT_LOADS] = {SPR_PURPLE, "#EFD2E2"},
        [SPR_LIMIT_X] = {SPR_SKY, "#CBE7F7"},
        [SPR_LIMIT_W] = {SPR_BLUE, "#A6CDE3"},
        [SPR_LIMIT_SEGMENTS] = {SPR_GREEN, "#A6DCCD"},
        [SPR_LIMIT_CALL] = {"#F0E442", "#FAF4B8"},
        [SPR_LIMIT_PEAK] = {SPR_ORANGE, "#F8DFA8"},
        [SPR_LIMIT_CACHE] = {SPR_SKY, "#CBE7F7"},
        [SPR_LIMIT_MEMORY] = {SPR_BLUE, "#A6CDE3"},
        [SPR_LIMIT_UNITS] = {SPR_GREEN, "#A6DCCD"},
        [SPR_PART_BOUND] = {SPR_GREY, "#D0D0D0"}};
    static const char letters[] = "flpxwropcmub";
    _Static_assert(sizeof letters == SPR_LIMIT_COUNT + 2, "a letter for each limit");
    snprintf(title, SPR_CLEAN_TEXT, "%s",
             limit < SPR_PART_BOUND ? spr_limit_words((enum spr_limit)limit)
                                    : "no kernel: bound");
    return (struct spr_paint){colors[limit][pale ? 1 : 0], colors[limit][0], letters[limit],
                              title};
}

/* Light and dark apart also without colour: orange for arithmetic, blues for memory. */
static struct spr_paint paint_of(const struct scene *scene, size_t limit, bool pale,
                                 char title[SPR_CLEAN_TEXT])
{
    static const char *const levels[][2] = {{SPR_BLUE, "#A6CDE3"},
                                            {SPR_SKY, "#CBE7F7"},
                                            {SPR_GREEN, "#A6DCCD"},
                                            {SPR_PURPLE, "#EFD2E2"}};
    const struct spr_machine *machine = scene->analysis->model.machine;
    size_t last = scene->analysis->model.level_count - 1;
    const char *const *colors;
    if (scene->rows.expected) {
        return paint_expected(limit, pale, title);
    }
    static const char *const compute[] = {SPR_ORANGE, "#F8DFA8"};
    static const char *const overhead[] = {SPR_GREY, "#D0D0D0"};
    char letter = 'c';
    if (limit >= SPR_PART_MEMORY) {
        size_t level = limit - SPR_PART_MEMORY;
        colors = levels[(last - level) % 4];
        /* 'm' for the last level, digits for nearer ones. */
        letter = level == last ? 'm' : (char)('1' + (int)(level % 9));
        spr_text_clean(machine->memory[level].level, 20, title);
        strncat(title, " bytes", 8);
    } else {
        colors = limit == SPR_PART_COMPUTE ? compute : overhead;
        letter = limit == SPR_PART_COMPUTE ? 'c' : 'o';
        snprintf(title, SPR_CLEAN_TEXT, "%s",
                 limit == SPR_PART_COMPUTE ? "FLOPs" : "overhead");
    }
    return (struct spr_paint){colors[pale ? 1 : 0], colors[0], letter, title};
}

static void draw_limit(struct scene *scene, size_t limit)
{
    size_t before = 0, after = 0, rows = scene->rows.count;
    struct spr_bar *bars = scene->bars;
    const size_t parts = scene->rows.expected
                             ? SPR_PART_BOUND + 1
                             : SPR_PART_MEMORY + scene->analysis->machine->memory_count;
    if (limit >= parts) {
        return;
    }
    char title[SPR_CLEAN_TEXT];
    for (size_t i = 0; i < rows; i++) {
        const struct spr_row *row = &scene->rows.row[i];
        bars[before] = place(scene, i, 0);
        before += row->pruned && segment(scene, row->before, limit, &bars[before]);
    }
    for (size_t i = 0; i < rows; i++) {
        const struct spr_row *row = &scene->rows.row[i];
        bars[before + after] = place(scene, i, row->pruned ? 1 : 2);
        after += segment(scene, row->after, limit, &bars[before + after]);
    }
    struct spr_paint paint = paint_of(scene, limit, true, title);
    struct spr_paint solid = paint_of(scene, limit, false, title);
    /* One entry of the key for each limit: that of the bars it has. */
    paint.title = after ? NULL : title;
    spr_bars_draw(scene->figure, bars, before, &paint);
    spr_bars_draw(scene->figure, bars + before, after, &solid);
}

/* A thin line across each bar where its bound lies. */
static void draw_bounds(struct scene *scene)
{
    for (size_t i = 0; scene->rows.expected && i < scene->rows.count; i++) {
        const struct spr_row *row = &scene->rows.row[i];
        struct spr_bar upper = place(scene, i, 0),
                       lower = place(scene, i, row->pruned ? 1 : 2);
        double before = row->bound_before_s / scene->unit;
        double after = row->bound_after_s / scene->unit;
        const double ends[2][4] = {{after, lower.bottom, after, lower.top},
                                   {before, upper.bottom, before, upper.top}};
        spr_figure_links(scene->figure, ends, row->pruned ? 2 : 1, SPR_BLACK);
    }
}

static void name_row(const struct scene *scene, const struct spr_row *row, char *text,
                     size_t size)
{
    char shape[SPR_CLEAN_TEXT], clean[SPR_CLEAN_TEXT];
    if (row->layer >= scene->analysis->network->layer_count) {
        snprintf(text, size, "%g other operators", row->occurrences);
    } else {
        snprintf(shape, sizeof shape, "%gx ", row->occurrences);
        size_t used = strlen(shape);
        spr_draw_shape(&scene->analysis->network->layers[row->layer], row->layers == 1, clean);
        snprintf(shape + used, sizeof shape - used, "%.400s", clean);
        snprintf(text, size, "%s",
                 spr_text_clean(shape, scene->figure->dumb ? 29 : 36, clean));
    }
}

static void describe(const struct scene *scene, const struct spr_row *row,
                     const struct spr_bar *bar)
{
    char name[SPR_CLEAN_TEXT], reason[SPR_REASON_TEXT] = "", clean[SPR_CLEAN_TEXT];
    char text[3 * SPR_CLEAN_TEXT], time[2][SPR_SHORT_TEXT], row_name[SPR_CLEAN_TEXT];
    const struct spr_network *network = scene->analysis->network;
    bool one = row->layer < network->layer_count;
    const double at[2] = {row->after_s / scene->unit / 2, (bar->bottom + bar->top) / 2};
    name_row(scene, row, row_name, sizeof row_name);
    if (one) {
        spr_explain_layer(scene->analysis, scene->result, row->layer, reason);
    }
    snprintf(text, sizeof text, "%s%s%s | %s -> %s | %s", row_name, one ? " | first: " : "",
             one ? spr_text_clean(network->layers[row->layer].name, 80, name) : "",
             spr_text_time(row->before_s, false, time[0]),
             spr_text_time(row->after_s, false, time[1]), spr_text_clean(reason, 300, clean));
    spr_figure_hover(scene->figure, at, 9, text);
}

static void write_row(struct scene *scene, const struct spr_row *row, const char *name)
{
    const struct spr_network *network = scene->analysis->network;
    const struct spr_machine *machine = scene->analysis->model.machine;
    struct spr_text *csv = &scene->figure->csv;
    spr_text_add_csv(csv, scene->result->variant->name);
    spr_text_add(csv, ",");
    spr_text_add_csv(csv, name);
    spr_text_add(csv, ",");
    spr_text_add_csv(csv, row->layer < network->layer_count ? network->layers[row->layer].name
                                                            : NULL);
    spr_text_add_csv_number(csv, row->occurrences);
    spr_text_add(csv, ",%d", row->pruned);
    spr_text_add_csv_number(csv, row->bound_before_s);
    spr_text_add_csv_number(csv, row->bound_after_s);
    if (scene->rows.expected) {
        spr_text_add_csv_number(csv, row->before_s);
        spr_text_add_csv_number(csv, row->after_s);
    }
    size_t limits =
        scene->rows.expected ? SPR_PART_BOUND + 1 : SPR_PART_MEMORY + machine->memory_count;
    for (size_t p = 0; p < limits; p++) {
        spr_text_add_csv_number(csv, row->before[p]);
        spr_text_add_csv_number(csv, row->after[p]);
    }
    spr_text_add(csv, "\n");
}

static void write_expected_header(struct spr_text *csv)
{
    spr_text_add(csv, "variant,operators,first_layer,occurrences,pruned,dense_time_s,time_s,"
                      "expected_dense_time_s,expected_time_s");
    for (size_t i = 0; i <= SPR_PART_BOUND; i++) {
        const char *name = i < SPR_PART_BOUND ? spr_limit_name((enum spr_limit)i) : "bound";
        spr_text_add(csv, ",dense_%s_s,%s_s", name, name);
    }
    spr_text_add(csv, "\n");
}

static void write_header(struct scene *scene)
{
    const struct spr_machine *machine = scene->analysis->model.machine;
    struct spr_text *csv = &scene->figure->csv;
    char name[SPR_CLEAN_TEXT], column[SPR_CLEAN_TEXT + 32];
    spr_text_add(csv, "variant,operators,first_layer,occurrences,pruned,dense_time_s,time_s,"
                      "dense_compute_s,compute_s,dense_overhead_s,overhead_s");
    for (size_t i = 0; i < machine->memory_count; i++) {
        spr_text_clean(machine->memory[i].level, 40, name);
        for (int after = 0; after < 2; after++) {
            snprintf(column, sizeof column, "%s%s_bytes_s", after ? "" : "dense_", name);
            spr_text_add(csv, ",");
            spr_text_add_csv(csv, column);
        }
    }
    spr_text_add(csv, "\n");
}

static void write_rows(struct scene *scene)
{
    struct spr_text names = {0};
    bool ascii = scene->figure->dumb;
    if (scene->rows.expected) {
        write_expected_header(&scene->figure->csv);
    } else {
        write_header(scene);
    }
    for (size_t i = 0; i < scene->rows.count; i++) {
        const struct spr_row *row = &scene->rows.row[i];
        struct spr_bar before = place(scene, i, 0);
        struct spr_bar after = place(scene, i, row->pruned ? 1 : 2);
        char name[SPR_CLEAN_TEXT], text[2 * SPR_SHORT_TEXT], time[SPR_SHORT_TEXT];
        char factor[SPR_SHORT_TEXT];
        name_row(scene, row, name, sizeof name);
        before.to = row->before_s / scene->unit;
        after.to = row->after_s / scene->unit;
        if (row->pruned) {
            spr_bars_text(scene->figure, &before, spr_text_time(row->before_s, ascii, time));
        }
        spr_text_time(row->after_s, ascii, time);
        snprintf(text, sizeof text, "%s  %s", time,
                 !row->pruned       ? "not pruned"
                 : row->after_s > 0 ? spr_text_factor(row->before_s / row->after_s, factor)
                                    : "");
        spr_bars_text(scene->figure, &after, text);
        double middle = row->pruned && !ascii ? (before.top + after.bottom) / 2
                                              : (before.bottom + before.top) / 2;
        spr_bars_name(&names, row->pruned ? middle : (after.bottom + after.top) / 2, name);
        describe(scene, row, &after);
        write_row(scene, row, name);
    }
    spr_bars_names_end(scene->figure, &names);
}

static void write_texts(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    char variant[SPR_CLEAN_TEXT], question[SPR_CLEAN_TEXT];
    char time[2][SPR_SHORT_TEXT], factor[SPR_SHORT_TEXT];
    const struct spr_result *result = scene->result;
    struct spr_answer answer = spr_result_answer(result, true);
    figure->expected = answer.expected;
    spr_text_clean(result->variant->name, 50, variant);
    snprintf(question, sizeof question, "where does the time go with %.200s?", variant);
    spr_draw_heading(figure, scene->analysis, scene->request, question);
    spr_draw_note(figure, "%s Network: %s -> %s, %s.",
                  figure->dumb && answer.expected
                      ? scene->analysis->machine->family_count > 0
                            ? "Upper: dense, lower: pruned; p: peak, c: cache, m: memory, u: "
                              "few tiles, o: calls, b: bound."
                            : "Upper: dense, lower: pruned; f: FMA, x: X, w: W, o: calls."
                  : figure->dumb
                      ? "Upper: dense, lower: pruned; m: memory, c: FLOPs, o: overhead."
                      : "Upper, pale bar: dense; lower: pruned. Colour: what limits "
                        "the operator. Operators alike share a row.",
                  spr_text_time(answer.dense_time_s, figure->dumb, time[0]),
                  spr_text_time(answer.time_s, figure->dumb, time[1]),
                  spr_text_factor(answer.speedup, factor));
    if (answer.expected && !figure->dumb) {
        spr_draw_note(figure, "Bars: expected; thin line across: bound.");
    }
}

static enum spr_status draw_scene(struct scene *scene, struct spr_error *err)
{
    struct spr_figure *figure = scene->figure;
    write_texts(scene);
    double panel = figure->expected ? 160 : 125;
    spr_figure_frame(figure, figure->dumb ? 0 : panel, figure->dumb ? 30 : 230);
    double lines = floor((figure->area.top - figure->area.bottom - 1) / 2);
    size_t most = figure->dumb ? (size_t)fmax(lines, 2) : SPR_ROWS_MAX;
    enum spr_status status =
        spr_rows_gather(scene->analysis, scene->result, most, &scene->rows, err);
    if (status != SPR_OK) {
        return status;
    }
    set_axes(scene);
    scene->bars = spr_calloc(2 * scene->rows.count + 2, sizeof *scene->bars);
    if (!scene->bars) {
        return spr_no_memory(err);
    }
    for (size_t limit = 0; limit < SPR_PARTS_MAX; limit++) {
        draw_limit(scene, limit);
    }
    draw_bounds(scene);
    write_rows(scene);
    if (figure->dumb) {
        spr_text_add(&figure->settings, "unset key\n");
    }
    return SPR_OK;
}

enum spr_status spr_draw_layers(const struct spr_analysis *analysis,
                                const struct spr_plot_request *request,
                                struct spr_figure *figure, struct spr_error *err)
{
    struct scene scene = {.analysis = analysis, .request = request, .figure = figure};
    size_t count = 0;
    enum spr_status status = spr_draw_focus(analysis, request, &scene.result, 1, &count, err);
    status = status ? status : draw_scene(&scene, err);
    spr_free(scene.rows.row);
    spr_free(scene.bars);
    return status;
}
