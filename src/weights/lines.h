/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a text in memory, plain or compressed by gzip. */
#ifndef SPROOF_WEIGHTS_LINES_H
#define SPROOF_WEIGHTS_LINES_H

#include "weights/reader.h"

#define SPR_TEXT_LINE 1100 /* Matrix Market allows 1024 characters */

struct spr_lines {
    const struct spr_source *source;
    const char *path;
    size_t number; /* of the line at hand, from 1 */
    char line[SPR_TEXT_LINE];
    size_t length;
    bool too_long;     /* the line was cut */
    uint64_t passed;   /* bytes up to the end of this line */
    double inflated;   /* bytes so far, of a compressed text */
    double bytes_most; /* the whole text has no more */
    /* what is still to be read */
    const unsigned char *bytes;
    size_t size, at;
    struct spr_gunzip *gunzip; /* NULL: plain */
};

bool spr_lines_is_gzip(const struct spr_source *source);

/* Errors: SPR_ENOMEM. Close it also then. */
enum spr_status spr_lines_open(struct spr_lines *text, const struct spr_source *source,
                               struct spr_error *err);
void spr_lines_close(struct spr_lines *text);

/* The next line without its end; *got false at the end of the text. Errors: SPR_EINPUT for
 * damaged gzip data. */
enum spr_status spr_lines_next(struct spr_lines *text, bool *got, struct spr_error *err);

#endif
