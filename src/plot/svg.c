/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an SVG of gnuplot one self-sufficient file. gnuplot writes hover texts as calls of a
 * JavaScript file that lies beside its own installation; <title> needs no script, and is read
 * aloud by screen readers too. */

#include <string.h>

#include "plot/picture_files.h"

#define HOVER " onmousemove=\"gnuplot_svg.showHypertext(evt,'"
#define HOVER_END "')\""
#define UNNAMED "<title>gnuplot_plot_"
#define CDATA "<![CDATA["
#define CDATA_END "]]>"
#define FONT " font-family=\"Arial\""

static void add_escaped(struct spr_text *out, const char *text)
{
    for (; *text; text++) {
        const char *other = *text == '<'   ? "&lt;"
                            : *text == '>' ? "&gt;"
                            : *text == '&' ? "&amp;"
                                           : NULL;
        spr_text_add_bytes(out, other ? other : text, other ? strlen(other) : 1);
    }
}

/* gnuplot leaves this as it is, and in a text XML does not allow it. */
static void add_end(struct spr_text *out)
{
    spr_text_add(out, "]]&gt;");
}

/* Hover texts hold their lines apart by " | ". */
static void add_lines(struct spr_text *out, const char *text, const char *end)
{
    for (; text < end; text++) {
        if (strncmp(text, " | ", 3) == 0) {
            spr_text_add_bytes(out, "\n", 1);
            text += 2;
        } else if (strncmp(text, CDATA_END, strlen(CDATA_END)) == 0) {
            add_end(out);
            text += 2;
        } else {
            spr_text_add_bytes(out, text, 1);
        }
    }
}

/* Rewrites one `<g onmousemove=...><title> </title>`; returns where it ended, or NULL when it
 * does not look as expected. */
static const char *hover(const char *at, struct spr_text *out)
{
    const char *text = at + strlen(HOVER);
    const char *end = strstr(text, HOVER_END);
    const char *close = end ? strstr(end, "</title>") : NULL;
    if (!close || close - end > 120) {
        return NULL;
    }
    spr_text_add(out, "><title>");
    add_lines(out, text, end);
    return close;
}

/* Copies a section to its end; returns where that is, or NULL when there is none. */
static const char *section(const char *at, struct spr_text *out)
{
    const char *end = strstr(at, CDATA_END);
    end = end ? end + strlen(CDATA_END) : NULL;
    if (end) {
        spr_text_add_bytes(out, at, (size_t)(end - at));
    }
    return end;
}

void spr_svg_finish(const struct spr_text *drawn, const char *title, struct spr_text *out)
{
    const char *at = drawn->data ? drawn->data : "";
    bool titled = false;
    while (*at) {
        const char *next = NULL;
        if (strncmp(at, HOVER, strlen(HOVER)) == 0) {
            next = hover(at, out);
        } else if (strncmp(at, FONT, strlen(FONT)) == 0) {
            spr_text_add(out, " font-family=\"Arial,Helvetica,sans-serif\"");
            next = at + strlen(FONT);
        } else if (strncmp(at, UNNAMED, strlen(UNNAMED)) == 0) {
            /* It would cover the hover texts around it. */
            const char *close = strstr(at, "</title>");
            next = close ? close + strlen("</title>") : NULL;
        } else if (!titled && strncmp(at, "<title>Gnuplot<", 15) == 0) {
            spr_text_add(out, "<title>");
            add_escaped(out, title);
            next = at + 14;
            titled = true;
        } else if (strncmp(at, CDATA, strlen(CDATA)) == 0) {
            next = section(at, out);
        } else if (strncmp(at, CDATA_END, strlen(CDATA_END)) == 0) {
            add_end(out);
            next = at + strlen(CDATA_END);
        }
        if (!next) {
            size_t plain = strcspn(at + 1, " <]") + 1;
            spr_text_add_bytes(out, at, plain);
            next = at + plain;
        }
        at = next;
    }
}
