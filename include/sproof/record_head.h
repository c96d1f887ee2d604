/* SPDX-License-Identifier: Apache-2.0 */
/* What every record says of its making: the command, the time, the inputs. */
#ifndef SPROOF_RECORD_HEAD_H
#define SPROOF_RECORD_HEAD_H

#include "sproof/sha256.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One input file of a record. */
struct spr_record_input {
    const char *path; /* NULL: there was none */
    char sha256[SPR_SHA256_TEXT];
};

/* What a record says of its making. */
struct spr_record_head {
    const char *command; /* the command line */
    const char *created; /* UTC, "2026-01-31T12:00:00Z" */
    struct spr_record_input model, accuracy, machine;
};

#ifdef __cplusplus
}
#endif
#endif
