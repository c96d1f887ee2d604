/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of this build. */
#ifndef SPROOF_VERSION_H
#define SPROOF_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
const char *spr_version(void);

/* The commit's short hash, or "unknown". */
const char *spr_commit(void);

/* "Release" */
const char *spr_build_type(void);

#ifdef __cplusplus
}
#endif
#endif
