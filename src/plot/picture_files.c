/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a picture: their names, and writing them whole or not at all. */
#include "plot/picture_files.h"

#include <errno.h>
#include <string.h>

#include "base/output.h"

static const char *const endings[] = {".svg", ".png", ".pdf"};

/* Index of the picture ending of name, or -1. */
static int ending_of(const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < 3; i++) {
        if (length > 4 && strcmp(name + length - 4, endings[i]) == 0 &&
            name[length - 5] != '/') {
            return i;
        }
    }
    return -1;
}

enum spr_status spr_plot_names(enum spr_plot_kind kind, const char *output, bool many,
                               struct spr_names_of_plot *names, struct spr_error *err)
{
    const char *stem = output ? output : "sproof";
    int ending = output ? ending_of(output) : -1;
    bool prefix = many || !output;
    if (!prefix && ending < 0) {
        return spr_fail(err, SPR_EINPUT,
                        "'%.200s': expected a file name ending in .svg, .png or .pdf", output);
    }
    size_t length = strlen(stem) - (ending >= 0 ? 4 : 0);
    if (length + 32 > SPR_PLOT_PATH) {
        return spr_fail(err, SPR_EINPUT, "%.80s...: file name too long", stem);
    }
    /* A directory as prefix: the names begin with their kind. */
    const char *dash = length > 0 && stem[length - 1] == '/' ? "" : "-";
    names->form = ending >= 0 ? (enum spr_picture)ending : SPR_PICTURE_SVG;
    struct {
        char *name;
        const char *ending;
    } all[] = {{names->script, ".gp"},
               {names->points, ".csv"},
               {names->picture, endings[names->form]}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(all[i].name, SPR_PLOT_PATH, "%.*s%s%s%s", (int)length, stem,
                 prefix ? dash : "", prefix ? spr_plot_kind_name(kind) : "", all[i].ending);
    }
    return SPR_OK;
}

enum spr_status spr_file_write(const char *name, const struct spr_text *text,
                               struct spr_error *err)
{
    return spr_output_write(name, text->data, text->used, err);
}

enum spr_status spr_file_read(const char *name, struct spr_text *text, struct spr_error *err)
{
    char buffer[4096];
    FILE *file = fopen(name, "rb");
    if (!file) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", name, strerror(errno));
    }
    for (;;) {
        size_t got = fread(buffer, 1, sizeof buffer, file);
        if (got == 0) {
            break;
        }
        spr_text_add_bytes(text, buffer, got);
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: cannot be read", name);
    }
    return text->failed ? spr_no_memory(err) : SPR_OK;
}
