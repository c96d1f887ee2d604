/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of an analysis: who draws which, and the files each becomes. */
#include "sproof/plot.h"

#include <errno.h>
#include <string.h>

#include "base/output.h"
#include "plot/draw.h"
#include "plot/gnuplot.h"
#include "plot/picture_files.h"

static spr_draw *const draws[SPR_PLOT_KIND_COUNT] = {
    [SPR_PLOT_ROOFLINE] = spr_draw_roofline,
    [SPR_PLOT_SPARSITY] = spr_draw_sparsity,
    [SPR_PLOT_SPEEDUP] = spr_draw_speedup,
    [SPR_PLOT_LAYERS] = spr_draw_layers,
    [SPR_PLOT_WATERFALL] = spr_draw_waterfall,
    [SPR_PLOT_ERROR] = spr_draw_error,
    [SPR_PLOT_TWO] = spr_draw_two,
};

/* One call of spr_plot. */
struct job {
    const struct spr_analysis *analysis;
    const struct spr_plot_request *request;
    struct spr_gnuplot gnuplot;
    struct spr_plot_files *written;
    struct spr_error *err;
};

/* Draws into a figure that has its kind and its names, and writes its script. */
static enum spr_status make_script(const struct job *job, struct spr_figure *figure,
                                   struct spr_text *script)
{
    const struct spr_plot_request *request = job->request;
    figure->width = request->dumb_columns >= 40 ? request->dumb_columns : 80;
    figure->height = request->dumb_rows >= 16 ? request->dumb_rows : 24;
    enum spr_status status = draws[figure->kind](job->analysis, request, figure, job->err);
    if (status == SPR_OK && !spr_figure_script(figure, script)) {
        status = spr_no_memory(job->err);
    }
    return status;
}

static void record(struct spr_plot_files *written, const char *name)
{
    if (written->count < SPR_PLOT_FILES_MAX) {
        memcpy(written->name[written->count++], name, strlen(name) + 1);
    }
}

static bool can_draw(const struct spr_gnuplot *gnuplot, enum spr_picture form, bool dumb)
{
    return dumb                      ? gnuplot->dumb
           : form == SPR_PICTURE_SVG ? gnuplot->svg
           : form == SPR_PICTURE_PNG ? gnuplot->png
                                     : gnuplot->pdf;
}

static void no_picture(const struct job *job, const struct spr_names_of_plot *names)
{
    static const char *const terminals[] = {"svg", "pngcairo", "pdfcairo"};
    char *note = job->written->note;
    if (job->gnuplot.present) {
        const char *terminal = job->request->dumb ? "dumb" : terminals[names->form];
        snprintf(note, sizeof job->written->note,
                 "this gnuplot has no terminal '%s': no picture was drawn", terminal);
    } else {
        struct spr_text word = {0};
        spr_text_add_shell_word(&word, names->script);
        snprintf(note, sizeof job->written->note,
                 "no gnuplot: install gnuplot-nox, or run: gnuplot %s",
                 word.data ? word.data : names->script);
        spr_text_free(&word);
    }
}

/* gnuplot does not look whether its output could be written. */
static bool complete(const struct spr_text *picture, enum spr_picture form)
{
    static const char *const lasts[] = {"</svg>", "IEND", "%%EOF"};
    size_t tail = picture->used < 32 ? picture->used : 32;
    const char *last = lasts[form];
    for (size_t back = strlen(last); back <= tail; back++) {
        if (memcmp(picture->data + picture->used - back, last, strlen(last)) == 0) {
            return true;
        }
    }
    return false;
}

static enum spr_status finish_picture(const struct job *job,
                                      const struct spr_names_of_plot *names,
                                      const char *temporary, const char *title)
{
    struct spr_text drawn = {0}, finished = {0};
    enum spr_status status = spr_file_read(temporary, &drawn, job->err);
    if (status == SPR_OK && !complete(&drawn, names->form)) {
        status = spr_fail(job->err, SPR_EENVIRONMENT, "%s: gnuplot could not write all of it",
                          names->picture);
    }
    if (status == SPR_OK && names->form == SPR_PICTURE_SVG) {
        spr_svg_finish(&drawn, title, &finished);
        status = finished.failed ? spr_no_memory(job->err)
                                 : spr_file_write(names->picture, &finished, job->err);
    } else if (status == SPR_OK) {
        status = spr_file_write(names->picture, &drawn, job->err);
    }
    spr_text_free(&drawn);
    spr_text_free(&finished);
    return status;
}

static enum spr_status draw_picture(const struct job *job,
                                    const struct spr_names_of_plot *names, const char *title)
{
    char temporary[SPR_OUTPUT_PATH];
    SPR_TRY(spr_output_temporary(names->picture, temporary, job->err));
    enum spr_status status = spr_gnuplot_draw(names->script, temporary, job->err);
    if (status == SPR_OK) {
        status = finish_picture(job, names, temporary, title);
    }
    spr_output_discard(temporary);
    if (status == SPR_OK) {
        record(job->written, names->picture);
    }
    return status;
}

/* The drawing without the blanks that fill gnuplot's lines, and the form feed before them, which
 * it writes also when told not to. */
static enum spr_status copy_out(const struct job *job, const char *name)
{
    struct spr_text drawing = {0};
    enum spr_status status = spr_file_read(name, &drawing, job->err);
    const char *line = status == SPR_OK && drawing.data ? drawing.data : "";
    int failed = 0;
    while (*line && !failed) {
        line += strspn(line, "\f");
        size_t length = strcspn(line, "\n"), kept = length;
        while (kept > 0 && line[kept - 1] == ' ') {
            kept--;
        }
        failed = fprintf(job->request->out, "%.*s\n", (int)kept, line) < 0;
        line += length + (line[length] == '\n');
    }
    if (failed) {
        status = spr_fail(job->err, SPR_EENVIRONMENT, "cannot write the drawing: %s",
                          strerror(errno));
    }
    spr_text_free(&drawing);
    return status;
}

/* The script and the drawing are nobody's but this run's. */
static enum spr_status draw_text(const struct job *job, const struct spr_names_of_plot *names,
                                 const struct spr_text *script)
{
    char script_name[SPR_OUTPUT_PATH], drawing[SPR_OUTPUT_PATH];
    SPR_TRY(spr_output_temporary(names->script, script_name, job->err));
    enum spr_status status = spr_output_temporary(names->points, drawing, job->err);
    if (status == SPR_OK) {
        status = spr_file_write(script_name, script, job->err);
        status = status ? status : spr_gnuplot_draw(script_name, drawing, job->err);
        status = status ? status : copy_out(job, drawing);
        spr_output_discard(drawing);
    }
    spr_output_discard(script_name);
    return status;
}

static enum spr_status draw_dumb(const struct job *job, enum spr_plot_kind kind,
                                 const struct spr_names_of_plot *names)
{
    struct spr_figure figure = {
        .kind = kind, .dumb = true, .file = names->picture, .script = names->script};
    struct spr_text script = {0};
    enum spr_status status = make_script(job, &figure, &script);
    status = status ? status : draw_text(job, names, &script);
    spr_text_free(&script);
    spr_figure_free(&figure);
    return status;
}

static enum spr_status plot_kind(struct job *job, enum spr_plot_kind kind,
                                 const struct spr_names_of_plot *names)
{
    struct spr_figure figure = {.kind = kind, .file = names->picture, .script = names->script};
    struct spr_text script = {0};
    enum spr_status status = make_script(job, &figure, &script);
    status = status ? status : spr_file_write(names->script, &script, job->err);
    if (status == SPR_OK) {
        record(job->written, names->script);
        status = spr_file_write(names->points, &figure.csv, job->err);
    }
    if (status == SPR_OK) {
        record(job->written, names->points);
        if (!can_draw(&job->gnuplot, names->form, job->request->dumb)) {
            no_picture(job, names);
        } else if (job->request->dumb) {
            status = draw_dumb(job, kind, names);
        } else {
            status = draw_picture(job, names, figure.title.data ? figure.title.data : "");
        }
    }
    spr_text_free(&script);
    spr_figure_free(&figure);
    return status;
}

/* Anything for the picture of errors: a validation need not have predictions. */
static bool has_errors(const struct spr_plot_request *request)
{
    for (size_t i = 0; request->validation && i < request->validation->case_count; i++) {
        const struct spr_validation_case *c = &request->validation->cases[i];
        if (!c->inconclusive && c->speedup_error > -1) {
            return true;
        }
    }
    return false;
}

enum spr_status spr_plot(const struct spr_analysis *analysis,
                         const struct spr_plot_request *request,
                         struct spr_plot_files *written, struct spr_error *err)
{
    struct job job = {
        .analysis = analysis, .request = request, .written = written, .err = err};
    bool all = request->kind == SPR_PLOT_ALL;
    *written = (struct spr_plot_files){0};
    if (analysis && request->batch_index >= analysis->options.batch_count) {
        return spr_fail(err, SPR_EINPUT, "no batch number %zu: the analysis has %zu",
                        request->batch_index + 1, analysis->options.batch_count);
    }
    if (request->dumb && !request->out) {
        return spr_fail(err, SPR_EINPUT, "no stream to draw into");
    }
    SPR_TRY(spr_gnuplot_ask(&job.gnuplot, err));
    for (int kind = 0; kind < SPR_PLOT_ALL; kind++) {
        struct spr_names_of_plot names;
        bool absent =
            all && ((kind == SPR_PLOT_ERROR && !has_errors(request)) || kind == SPR_PLOT_TWO);
        if ((!all && kind != (int)request->kind) || absent) {
            continue;
        }
        SPR_TRY(spr_plot_names((enum spr_plot_kind)kind, request->output, all, &names, err));
        SPR_TRY(plot_kind(&job, (enum spr_plot_kind)kind, &names));
    }
    /* Scripts and points are there: an error only when a picture was asked for. */
    if (written->note[0] && (request->output || request->dumb)) {
        (void)spr_fail(err, SPR_EENVIRONMENT, "%s", written->note);
        written->note[0] = '\0';
        return SPR_EENVIRONMENT;
    }
    return SPR_OK;
}
