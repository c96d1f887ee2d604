/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are whole or not there: written under a temporary name of their own in the same
 * directory, brought to the disk, then renamed. Whatever runs beside this one, on this machine or
 * on another that shares the directory, nobody's file is written through or left half done. */
#ifndef SPROOF_BASE_OUTPUT_H
#define SPROOF_BASE_OUTPUT_H

#include <stdio.h>
#include <sys/types.h>

#include "sproof/status.h"

#define SPR_OUTPUT_PATH 4096

struct spr_output {
    FILE *file;
    char path[SPR_OUTPUT_PATH];
    char temporary[SPR_OUTPUT_PATH]; /* "": path is a device or a pipe, written as it is */
};

/* Begins a file. Temporary files of killed runs that lie beside it for more than a day are
 * removed. Errors: SPR_EINPUT (a path too long), SPR_EENVIRONMENT. */
enum spr_status spr_output_open(struct spr_output *output, const char *path,
                                struct spr_error *err);

/* status: what the writing came to; anything but SPR_OK discards the file. Failures of earlier
 * writes count. Errors: SPR_EENVIRONMENT. */
enum spr_status spr_output_close(struct spr_output *output, enum spr_status status,
                                 struct spr_error *err);

/* All of it at once. */
enum spr_status spr_output_write(const char *path, const void *bytes, size_t size,
                                 struct spr_error *err);

/* An empty file beside `path`, of the same ending, for another program to write; spr_output_discard removes it.
 * Errors: as spr_output_open. */
enum spr_status spr_output_temporary(const char *path, char temporary[SPR_OUTPUT_PATH],
                                     struct spr_error *err);
void spr_output_discard(const char *temporary);

/* Another program that writes one of them: it is ended before they are removed; 0: none. */
void spr_output_writer(pid_t pid);

/* Removes every temporary file of this program. Safe in a signal handler. */
void spr_output_abandon(void);

#endif
