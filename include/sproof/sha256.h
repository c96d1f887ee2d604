/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of files: what a record knows its inputs by. */
#ifndef SPROOF_SHA256_H
#define SPROOF_SHA256_H

#include "sproof/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the hexadecimal text. */
#define SPR_SHA256_TEXT 65

/* SHA-256 of a file as hexadecimal text (FIPS 180-4). Errors: SPR_EINPUT. */
enum spr_status spr_sha256_file(const char *path, char text[SPR_SHA256_TEXT],
                                struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
