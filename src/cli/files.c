/* SPDX-License-Identifier: Apache-2.0 */
/* Output files that are complete or not there. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

enum spr_status cli_output_open(struct cli_output *output, const char *path,
                                struct spr_error *err)
{
    struct stat info;
    *output = (struct cli_output){0};
    if (snprintf(output->path, sizeof output->path, "%s", path) >= (int)sizeof output->path) {
        return spr_fail(err, SPR_EINPUT, "%.80s...: file name too long", path);
    }
    /* A device or a pipe is written as it is: there is nothing to rename over. */
    bool special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    if (special && S_ISDIR(info.st_mode)) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: is a directory: expected a file to write",
                        path);
    }
    if (!special) {
        snprintf(output->temporary, sizeof output->temporary, "%s.%ld.tmp", path,
                 (long)getpid());
    }
    output->file = fopen(special ? path : output->temporary, "wb");
    if (!output->file) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    return SPR_OK;
}

enum spr_status cli_output_close(struct cli_output *output, enum spr_status status,
                                 struct spr_error *err)
{
    if (!output->file) {
        return status;
    }
    errno = 0;
    bool failed = ferror(output->file) != 0;
    failed = fclose(output->file) != 0 || failed;
    output->file = NULL;
    if (status == SPR_OK && failed) {
        status = spr_fail(err, SPR_EENVIRONMENT, "%s: %s", output->path,
                          errno ? strerror(errno) : "cannot be written");
    }
    if (output->temporary[0] && status != SPR_OK) {
        unlink(output->temporary);
    } else if (output->temporary[0] && rename(output->temporary, output->path) != 0) {
        int reason = errno;
        unlink(output->temporary);
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", output->path, strerror(reason));
    }
    return status;
}
