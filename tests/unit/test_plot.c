/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: what a name may do to a script, which files are left behind. What needs gnuplot is
 * checked where there is one. */
#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "base/mem.h"
#include "plot/gnuplot.h"
#include "sproof/analysis.h"
#include "sproof/plot.h"

/* A small analysis whose names try what names can. */
struct fixture {
    struct spr_machine machine;
    struct spr_network network;
    struct spr_analysis analysis;
};

#define EVIL "`touch pwned`'\"\\ <script>alert(1)</script> $data_1 @x % {/Bold y}_z^2 # EOD"

static void set_up(struct fixture *fixture)
{
    struct spr_options options = {.dtype = SPR_F16,
                                  .batches = {1, 8},
                                  .batch_count = 2,
                                  .has_max_drop = true,
                                  .max_drop = 1};
    char quoted[256] = "\"", table[4096];
    size_t used = 1;
    for (const char *c = EVIL; *c; c++) {
        quoted[used++] = *c;
        if (*c == '"') {
            quoted[used++] = '"';
        }
    }
    snprintf(quoted + used, sizeof quoted - used, "\"");
    snprintf(table, sizeof table,
             "layer,op,m,k,n,count,flops,bytes,variant,pattern,sparsity,accuracy\n"
             "%s,linear,512,256,128,2,,,,,,90\n"
             "broken,conv,64,576,784,1,,,,,,90\n"
             "bad,attention,64,64,64,4,,,,,,90\n"
             "no flops,other,,,,1,0,1000,,,,90\n"
             "%s,,,,,,,,%s,4x4,0.5,89.5\n"
             "%s,,,,,,,,w,4x4,0.9,80\n"
             "%s,,,,,,,,u,2:4,0.5,89\n",
             quoted, quoted, quoted, quoted, quoted);
    test_write("evil net.csv", table);
    struct spr_error err = {0};
    fixture->machine = test_machine();
    CHECK_STATUS(SPR_OK, spr_network_read("evil net.csv", &fixture->network, NULL, &err),
                 &err);
    /* The reader refuses these, but the library may be given them. */
    fixture->network.layers[1].name = "line\nEOD\nbreak";
    fixture->network.layers[2].name = "bad\xff utf8";
    CHECK_STATUS(
        SPR_OK,
        spr_analyze(&fixture->network, &fixture->machine, &options, &fixture->analysis, &err),
        &err);
}

static void tear_down(struct fixture *fixture)
{
    spr_analysis_free(&fixture->analysis);
    spr_network_free(&fixture->network);
    spr_machine_free(&fixture->machine);
}

static bool exists(const char *name)
{
    return access(name, F_OK) == 0;
}

static bool any_temporary(void)
{
    DIR *directory = opendir(".");
    bool found = false;
    for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
        found = found || strncmp(entry->d_name, ".sproof-", 8) == 0;
    }
    if (directory) {
        closedir(directory);
    }
    return found;
}

static void remove_files(struct spr_plot_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        unlink(files->name[i]);
    }
}

static void check_svg(const char *name)
{
    char *text = test_read(name, NULL);
    test_row = name;
    CHECK(strstr(text, "</svg>") != NULL);
    CHECK(strstr(text, "<script") == NULL);
    CHECK(strstr(text, "onmouse") == NULL);
    CHECK(strstr(text, "href='http") == NULL && strstr(text, "href=\"http") == NULL);
    CHECK(strstr(text, "<title>") != NULL);
    test_row = "";
    free(text);
}

static void every_kind(struct fixture *fixture)
{
    static struct spr_plot_files files;
    struct spr_error err = {0};
    for (size_t batch = 0; batch < 2; batch++) {
        struct spr_plot_request request = {.kind = SPR_PLOT_ALL, .batch_index = batch};
        CHECK_STATUS(SPR_OK, spr_plot(&fixture->analysis, &request, &files, &err), &err);
        CHECK_INT(15, files.count);
        CHECK_TEXT("", files.note);
        for (size_t i = 0; i < files.count; i++) {
            CHECK(exists(files.name[i]));
            if (strstr(files.name[i], ".svg")) {
                check_svg(files.name[i]);
            }
        }
        remove_files(&files);
    }
    CHECK(!exists("pwned"));
    CHECK(!any_temporary());
}

static void odd_file_names(struct fixture *fixture)
{
    static const char *const names[] = {"a b.svg",       "it's.svg",      "`touch pwned`.png",
                                        "|touch x.svg",  "-e.svg",        "~.svg",
                                        "new\nline.svg", "$HOME\"\\.pdf", "<x.svg"};
    static struct spr_plot_files files;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct spr_error err = {0};
        struct spr_plot_request request = {.kind = SPR_PLOT_SPEEDUP, .output = names[i]};
        test_row = names[i];
        CHECK_STATUS(SPR_OK, spr_plot(&fixture->analysis, &request, &files, &err), &err);
        CHECK_INT(3, files.count);
        CHECK(exists(names[i]));
        /* Drawn again by the script itself. */
        if (files.count == 3) {
            unlink(names[i]);
            CHECK(rename(files.name[0], "again.gp") == 0);
            CHECK_INT(0, system("gnuplot again.gp 2>&1"));
            CHECK(exists(names[i]));
            unlink("again.gp");
        }
        remove_files(&files);
    }
    test_row = "";
    CHECK(!exists("pwned") && !exists("x.svg"));
}

static void with_characters(struct fixture *fixture)
{
    static struct spr_plot_files files;
    for (int kind = 0; kind < SPR_PLOT_ERROR; kind++) {
        struct spr_error err = {0};
        FILE *out = fopen("drawing", "w+b");
        struct spr_plot_request request = {.kind = (enum spr_plot_kind)kind,
                                           .dumb = true,
                                           .dumb_columns = 90,
                                           .dumb_rows = 30,
                                           .out = out};
        char line[1024];
        int lines = 0;
        test_row = spr_plot_kind_name(request.kind);
        CHECK_STATUS(SPR_OK, spr_plot(&fixture->analysis, &request, &files, &err), &err);
        CHECK_INT(2, files.count);
        rewind(out);
        while (fgets(line, sizeof line, out)) {
            lines++;
        }
        CHECK_INT(30, lines);
        fclose(out);
        remove_files(&files);
    }
    test_row = "";
    CHECK(!any_temporary());
}

static void choices(struct fixture *fixture)
{
    static struct spr_plot_files files;
    struct spr_pattern pattern;
    struct spr_error err = {0};
    CHECK_INT(SPR_OK, spr_pattern_parse("8x8", &pattern, NULL));
    struct spr_plot_request request = {.kind = SPR_PLOT_LAYERS, .variant = "ww"};
    CHECK_STATUS(SPR_EINPUT, spr_plot(&fixture->analysis, &request, &files, &err), &err);
    CHECK(strstr(err.text, "no variant 'ww'") != NULL);
    CHECK_INT(0, files.count);
    request = (struct spr_plot_request){.patterns = &pattern, .pattern_count = 1};
    for (int kind = 0; kind < SPR_PLOT_ALL; kind++) {
        request.kind = (enum spr_plot_kind)kind;
        err = (struct spr_error){0};
        CHECK_STATUS(SPR_EINPUT, spr_plot(&fixture->analysis, &request, &files, &err), &err);
        CHECK(strstr(err.text, "nothing to draw") != NULL);
    }
    request = (struct spr_plot_request){.batch_index = 2};
    CHECK_INT(SPR_EINPUT, spr_plot(&fixture->analysis, &request, &files, NULL));
    CHECK(!exists("sproof-layers.gp"));
}

/* Without gnuplot the script and the points are there all the same. */
static void no_gnuplot(struct fixture *fixture)
{
    static struct spr_plot_files files;
    struct spr_error err = {0};
    struct spr_plot_request request = {.kind = SPR_PLOT_WATERFALL, .variant = "w"};
    setenv("PATH", "/nonexistent", 1);
    CHECK_STATUS(SPR_OK, spr_plot(&fixture->analysis, &request, &files, &err), &err);
    CHECK_INT(2, files.count);
    CHECK(strstr(files.note, "gnuplot sproof-waterfall.gp") != NULL);
    CHECK(exists("sproof-waterfall.gp") && exists("sproof-waterfall.csv"));
    remove_files(&files);
    request.output = "a.svg";
    CHECK_STATUS(SPR_EENVIRONMENT, spr_plot(&fixture->analysis, &request, &files, &err), &err);
    CHECK(strstr(err.text, "install gnuplot-nox") != NULL);
    CHECK(exists("a.gp") && exists("a.csv") && !exists("a.svg"));
    remove_files(&files);
    request.output = "no such directory/a.svg";
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EENVIRONMENT, spr_plot(&fixture->analysis, &request, &files, &err), &err);
    CHECK_INT(0, files.count);
}

/* Whichever allocation fails, the call says so and leaves nothing half done. */
static void out_of_memory(struct fixture *fixture)
{
    static struct spr_plot_files files;
    struct spr_plot_request request = {.kind = SPR_PLOT_ALL};
    enum spr_status status = SPR_ENOMEM;
    size_t fail = 1;
    for (; status != SPR_OK && fail < 5000; fail++) {
        struct spr_error err = {0};
        spr_mem_fail_from(fail);
        status = spr_plot(&fixture->analysis, &request, &files, &err);
        spr_mem_fail_from(0);
        if (status != SPR_OK) {
            CHECK_STATUS(SPR_ENOMEM, status, &err);
        }
        remove_files(&files);
    }
    CHECK_INT(SPR_OK, status);
    CHECK(fail > 100 && !any_temporary());
}

/* A gnuplot that complains, and one that writes half a picture. */
static void bad_gnuplot(struct fixture *fixture)
{
    static struct spr_plot_files files;
    struct spr_plot_request request = {.kind = SPR_PLOT_SPARSITY, .output = "b.svg"};
    struct spr_error err = {0};
    mkdir("bin", 0755);
    setenv("PATH", "bin", 1);
    test_write("bin/gnuplot", "#!/bin/sh\nif [ $2 = -e ]; then echo ' svg dumb '; exit 0; fi\n"
                              "echo 'line 3: no' >&2\nexit 1\n");
    chmod("bin/gnuplot", 0755);
    CHECK_STATUS(SPR_EENVIRONMENT, spr_plot(&fixture->analysis, &request, &files, &err), &err);
    CHECK_TEXT("gnuplot: cannot draw: line 3: no", err.text);
    CHECK(!exists("b.svg"));
    test_write("bin/gnuplot", "#!/bin/sh\nif [ $2 = -e ]; then echo ' svg dumb '; exit 0; fi\n"
                              "echo '<svg>' >\"$4\"\n");
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EENVIRONMENT, spr_plot(&fixture->analysis, &request, &files, &err), &err);
    CHECK(!exists("b.svg"));
    request.output = "b.png";
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EENVIRONMENT, spr_plot(&fixture->analysis, &request, &files, &err), &err);
    CHECK(strstr(err.text, "no terminal 'pngcairo'") != NULL);
    remove_files(&files);
    CHECK(!any_temporary());
}

int main(void)
{
    struct fixture fixture;
    struct spr_gnuplot gnuplot;
    set_up(&fixture);
    choices(&fixture);
    CHECK_INT(SPR_OK, spr_gnuplot_ask(&gnuplot, NULL));
    if (gnuplot.svg && gnuplot.png && gnuplot.pdf && gnuplot.dumb) {
        every_kind(&fixture);
        odd_file_names(&fixture);
        with_characters(&fixture);
    } else {
        printf("no gnuplot with svg, png, pdf and dumb: pictures not checked\n");
    }
    no_gnuplot(&fixture);
    out_of_memory(&fixture);
    bad_gnuplot(&fixture);
    tear_down(&fixture);
    return test_end();
}
