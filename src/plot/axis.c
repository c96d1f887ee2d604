/* SPDX-License-Identifier: Apache-2.0 */
/* Axes: ranges and the ticks a person reads. */
#include <math.h>
#include <stdio.h>

#include "plot/figure.h"

/* Room beyond the outermost point, as a share of the axis. */
#define MARGIN 0.06

struct spr_axis spr_axis_make(bool log, double low, double high, enum spr_tick_form form,
                              const char *label)
{
    struct spr_axis axis = {.log = log, .form = form};
    snprintf(axis.label, sizeof axis.label, "%s", label);
    if (!isfinite(low) || !isfinite(high) || low > high) {
        low = log ? 0.5 : 0;
        high = log ? 2 : 1;
    }
    if (log) {
        low = fmax(low, 1e-300);
        high = fmax(high, low);
        double wider = fmax(pow(high / low, MARGIN), 1.1);
        axis.low = low / wider;
        axis.high = high * wider;
    } else {
        double wider = (high - low) * MARGIN;
        wider = wider > 0 ? wider : fmax(fabs(high) * 0.02, 0.01);
        axis.low = low - wider;
        axis.high = high + wider;
    }
    return axis;
}

double spr_axis_fraction(const struct spr_axis *axis, double value)
{
    double fraction = axis->log ? log(value / axis->low) / log(axis->high / axis->low)
                                : (value - axis->low) / (axis->high - axis->low);
    return axis->flipped ? 1 - fraction : fraction;
}

double spr_axis_value(const struct spr_axis *axis, double fraction)
{
    double part = axis->flipped ? 1 - fraction : fraction;
    return axis->log ? axis->low * pow(axis->high / axis->low, part)
                     : axis->low + part * (axis->high - axis->low);
}

struct ticks {
    const struct spr_axis *axis;
    struct spr_text *settings;
    size_t count;
};

static void add_tick(struct ticks *ticks, double value, bool named)
{
    char text[SPR_SHORT_TEXT] = "";
    const struct spr_axis *axis = ticks->axis;
    double slack = (axis->high - axis->low) * 1e-9;
    if (value < axis->low - (axis->log ? 0 : slack) || value > axis->high + slack) {
        return;
    }
    if (named && axis->form == SPR_TICK_SI) {
        spr_text_si(value, text);
    } else if (named) {
        snprintf(text, sizeof text, "%.6g", fabs(value) < slack ? 0.0 : value);
    }
    spr_text_add(ticks->settings, "%s'%s' %.10g%s", ticks->count++ ? ", " : "", text,
                 value + 0.0, /* never -0 */
                 named ? "" : " 1");
}

/* A third of all readers' ticks lie at 1, 2 and 5; wide ranges name the decades only, and
 * every so many of them. */
static void log_ticks(struct ticks *ticks, double length, double apart)
{
    const struct spr_axis *axis = ticks->axis;
    double decade = length / (log10(axis->high) - log10(axis->low));
    int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
    int every = 1;
    while (decade * every < apart) {
        every++;
    }
    bool fifths = decade * 0.30 >= apart, thirds = decade * 0.47 >= apart;
    for (int e = first; e <= last; e++) {
        double ten = pow(10, e);
        bool decades = ((e % every) + every) % every == 0;
        for (int digit = 1; digit <= 9; digit++) {
            bool named = digit == 1 ? decades
                         : fifths   ? digit == 2 || digit == 5
                                    : thirds && digit == 3;
            if (named || (every == 1 && decade > 60) || digit == 1) {
                add_tick(ticks, digit * ten, named);
            }
        }
    }
}

/* Round values at least `least` apart. */
static void linear_ticks(struct ticks *ticks, double least)
{
    static const double steps[] = {1, 2, 5};
    const struct spr_axis *axis = ticks->axis;
    double ten = pow(10, floor(log10(least)));
    double step = ten * 10;
    for (size_t i = 3; i-- > 0;) {
        step = steps[i] * ten >= least ? steps[i] * ten : step;
    }
    double first = ceil(axis->low / step - 1e-9);
    int count = (int)((axis->high - first * step) / step + 1e-9) + 1;
    for (int i = 0; i < count; i++) {
        add_tick(ticks, (first + i) * step, true);
    }
}

void spr_axis_settings(const struct spr_axis *axis, char name, double length, double apart,
                       struct spr_text *settings)
{
    struct ticks ticks = {axis, settings, 0};
    if (axis->log) {
        spr_text_add(settings, "set logscale %c\n", name);
    }
    spr_text_add(settings, "set %crange [%.10g:%.10g]\n", name,
                 axis->flipped ? axis->high : axis->low,
                 axis->flipped ? axis->low : axis->high);
    if (axis->label[0]) {
        spr_text_add(settings, "set %clabel ", name);
        spr_text_add_quoted(settings, axis->label);
        spr_text_add(settings, "\n");
    }
    if (axis->form == SPR_TICK_NONE) {
        return;
    }
    spr_text_add(settings, "set %ctics (", name);
    double span = axis->high - axis->low;
    if (!axis->log) {
        linear_ticks(&ticks, span * apart / length);
    } else if (axis->high < 8 * axis->low) {
        /* Less than a decade: round steps, wide enough at the narrow end. */
        linear_ticks(&ticks, axis->high * log(axis->high / axis->low) * apart / length);
    } else {
        log_ticks(&ticks, length, apart);
    }
    spr_text_add(settings, ") nomirror\n");
}
