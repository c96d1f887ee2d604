/* SPDX-License-Identifier: Apache-2.0 */
/* Figures in words, for cells and sentences. */
#include "report/figures.h"

#include <math.h>
#include <stdio.h>

#include "sproof/report.h"

#define DRIFT_LARGE 0.1

const char *spr_format_drift(double drift, double most, char *text)
{
    const double first = drift > 0 ? most / (1 + drift) : most, last = first * (1 + drift);
    if (!(fabs(drift) > DRIFT_LARGE)) {
        return NULL;
    }
    snprintf(text, SPR_DRIFT_TEXT, "%.3g -> %.3g GFLOP/s (%s)", first / 1e9, last / 1e9,
             drift > 0 ? "disturbed at the start" : "disturbed or hot at the end");
    return text;
}

const char *spr_format_seconds(double seconds, char *text)
{
    static const struct {
        double scale;
        const char *unit;
    } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].scale) {
        i++;
    }
    snprintf(text, 24, "%.3g %s", seconds / units[i].scale, units[i].unit);
    return text;
}

const char *spr_seconds_or_dash(double seconds, char text[SPR_FIGURE_TEXT])
{
    return isnan(seconds) ? "-" : spr_format_seconds(seconds, text);
}

const char *spr_factor_or_dash(double factor, char text[SPR_FIGURE_TEXT])
{
    snprintf(text, SPR_FIGURE_TEXT, "%.*fx", factor < 9.995 ? 2 : 1, factor);
    return isnan(factor) ? "-" : text;
}

const char *spr_error_or_dash(double error, char text[SPR_FIGURE_TEXT])
{
    snprintf(text, SPR_FIGURE_TEXT, "%+.0f%%", 100 * error);
    return isnan(error) ? "-" : text;
}
