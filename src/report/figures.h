/* SPDX-License-Identifier: Apache-2.0 */
/* Figures in words, for cells and sentences; "-" is one that is not there (NAN). */
#ifndef SPROOF_REPORT_FIGURES_H
#define SPROOF_REPORT_FIGURES_H

#define SPR_FIGURE_TEXT 24

/* "1.23 ms" or "-" into text; returns it. */
const char *spr_seconds_or_dash(double seconds, char text[SPR_FIGURE_TEXT]);

/* "1.23x", "12.3x" or "-" into text; returns it. */
const char *spr_factor_or_dash(double factor, char text[SPR_FIGURE_TEXT]);

/* "+12%" or "-" into text; returns it. */
const char *spr_error_or_dash(double error, char text[SPR_FIGURE_TEXT]);

#endif
