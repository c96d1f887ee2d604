/* SPDX-License-Identifier: Apache-2.0 */
/* Options that are one quantity: a time, a size, a count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/seconds.h"
#include "base/time_error.h"
#include "cli/cli.h"

/* As spr_parse_seconds, above 0. */
static bool read_time(const char *text, size_t length, bool bare, double *seconds)
{
    return spr_parse_seconds(text, length, bare, seconds) && *seconds > 0;
}

enum spr_status cli_measured(const char *text, struct spr_measured *measured,
                             struct spr_time_errors *errors, struct spr_error *err)
{
    const char *start = text;
    *errors = (struct spr_time_errors){SPR_TIME_ERROR, SPR_TIME_ERROR};
    *measured = (struct spr_measured){(double)NAN, (double)NAN};
    while (*text) {
        size_t length = strcspn(text, ",");
        bool dense = strncmp(text, "dense=", 6) == 0;
        bool sparse = strncmp(text, "sparse=", 7) == 0;
        size_t skip = dense ? 6 : 7;
        if ((!dense && !sparse) ||
            !spr_parse_time_error(text + skip, length - skip, false,
                                  dense ? &measured->dense_s : &measured->sparse_s,
                                  dense ? &errors->dense : &errors->sparse)) {
            break;
        }
        text += length + (text[length] == ',');
    }
    if (*text || isnan(measured->dense_s) || isnan(measured->sparse_s)) {
        return spr_fail(err, SPR_EINPUT,
                        "--measured: '%.60s': expected two times with units, such as "
                        "dense=42ms,sparse=41ms",
                        start);
    }
    return SPR_OK;
}

enum spr_status cli_seconds(const char *option, const char *text, double *seconds,
                            struct spr_error *err)
{
    return read_time(text, strlen(text), true, seconds)
               ? SPR_OK
               : spr_fail(err, SPR_EINPUT,
                          "--%s: '%.40s': expected a time above 0, such as 90s or 5m", option,
                          text);
}

enum spr_status cli_inflated(const char *text, double *bytes, struct spr_error *err)
{
    if (!text) {
        return SPR_OK;
    }
    const size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    const double scale = strcmp(unit, "GiB") == 0   ? 0x1p30
                         : strcmp(unit, "MiB") == 0 ? 0x1p20
                                                    : 1;
    *bytes = scale * strtod(text, NULL);
    if (digits == 0 || (scale == 1 && *unit) || !(*bytes >= 1) ||
        *bytes > (double)SPR_PRODUCT_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "--max-inflated: '%.40s': expected bytes, such as 8000000000, 512MiB "
                        "or 8GiB",
                        text);
    }
    return SPR_OK;
}

enum spr_status cli_size(const char *name, const char *text, int64_t *size,
                         struct spr_error *err)
{
    double value = 0;
    if (strspn(text, "0123456789") != strlen(text) || !spr_parse_number(text, &value) ||
        value < 1 || value > (double)SPR_DIMENSION_MAX) {
        return spr_fail(err, SPR_EINPUT, "--%s: '%.40s': expected an integer 1..2^40", name,
                        text);
    }
    *size = (int64_t)value;
    return SPR_OK;
}

enum spr_status cli_threads(const char *text, int64_t *threads, struct spr_error *err)
{
    double value = 0;
    if (strspn(text, "0123456789") != strlen(text) || !spr_parse_number(text, &value) ||
        value < 1 || value > 65536) {
        return spr_fail(err, SPR_EINPUT, "--threads: '%.40s': expected an integer 1..65536",
                        text);
    }
    *threads = (int64_t)value;
    return SPR_OK;
}
